"""The layers of metric learning: cosines of classes and pairs with a learned scale, by numpy, trained and saved."""

import keras
import numpy as np
import pytest
from scipy import special

import keras_lossbox as box

numpy = keras.ops.convert_to_numpy


def unit(x, axis=-1):
    return x / np.linalg.norm(x, axis=axis, keepdims=True)


@pytest.mark.parametrize("options", [{}, {"sub_centers": 3}, {"sub_centers": 3, "pooling": "soft", "gamma": 0.2}])
def test_cosines_are_those_of_numpy(options, rng):
    head = box.CosineHead(4, **options)
    x = rng.normal(size=(5, 2, 6))
    found = numpy(head(x))
    cosines = unit(x) @ unit(numpy(head.kernel).astype("float64"), 0)
    each = cosines.reshape(5, 2, 4, -1)
    soft = np.sum(special.softmax(each / options.get("gamma", 1), -1) * each, -1)
    expected = soft if options.get("pooling") == "soft" else each.max(-1)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert head.compute_output_shape(x.shape) == found.shape


@pytest.mark.parametrize("bias", [None, -10.0])
def test_inner_products_of_pairs_are_scaled_cosines(bias, rng):
    a, b = rng.normal(size=(2, 5, 6))
    head = box.ContrastiveHead(0.1, bias=bias)
    pairs = numpy(head([a, b]))
    assert pairs.shape == head.compute_output_shape([a.shape, b.shape])
    logits = pairs[:, 0] @ pairs[:, 1].T
    np.testing.assert_allclose(logits, 10 * unit(a) @ unit(b).T + (bias or 0), rtol=1e-5, atol=1e-5)


@pytest.mark.matrix
@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", ["ArcFace", "CosFace", "ProxyAnchor"])
def test_classes_are_learned_and_come_back(name, rng, tmp_path):
    keras.utils.set_random_seed(0)
    centers = 3 * rng.normal(size=(4, 8))
    y = rng.integers(0, 4, 64)
    x = (centers[y] + rng.normal(size=(64, 8))).astype("float32")
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(6), box.CosineHead(4, 2)])
    model.compile(keras.optimizers.Adam(0.05), getattr(box, name)(), metrics=["accuracy"])
    model.fit(x, y, epochs=8, verbose=0)
    assert model.evaluate(x, y, verbose=0)[1] > 0.9
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert again.loss.get_config() == model.loss.get_config()
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


@pytest.mark.matrix
def test_two_towers_learn_their_scale_within_its_bound_and_come_back(rng, tmp_path):
    keras.utils.set_random_seed(0)
    a = rng.normal(size=(32, 6)).astype("float32")
    inputs = [keras.Input((6,)), keras.Input((6,))]
    pairs = box.ContrastiveHead(max_scale=15.0)([keras.layers.Dense(4)(one) for one in inputs])
    model = keras.Model(inputs, pairs)
    model.compile(keras.optimizers.Adam(0.1), box.InfoNCE(1.0, normalize=False, symmetric=True))
    history = model.fit([a, a + 0.1], np.zeros((32, 1)), epochs=8, verbose=0).history["loss"]
    assert history[-1] < history[0]
    scale = float(np.exp(numpy(model.layers[-1].log_scale)))
    assert scale != pytest.approx(1 / 0.07)
    assert scale <= 15.0 * (1 + 1e-6)
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.predict([a, a], verbose=0), model.predict([a, a], verbose=0))


@pytest.mark.parametrize("policy", ["mixed_float16", "float64"])
def test_half_precision_is_computed_in_float32(policy, rng):
    x = rng.normal(size=(5, 6))
    found = box.CosineHead(4, dtype=policy)(x)
    assert keras.backend.standardize_dtype(found.dtype) == ("float64" if policy == "float64" else "float32")


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda: box.CosineHead(0), "CosineHead: `units` must be a positive integer. Received: units=0"),
        (lambda: box.CosineHead(3, pooling="mean"), "CosineHead: `pooling` must be 'max' or 'soft'"),
        (lambda: box.CosineHead(3, gamma=0.0), "CosineHead: `gamma` must be a finite number > 0"),
        (lambda: box.ContrastiveHead(-1.0), "ContrastiveHead: `temperature` must be a finite number > 0"),
        (lambda: box.ContrastiveHead(0.001), "ContrastiveHead: `temperature` must be at least 1/max_scale"),
        (lambda: box.ContrastiveHead(bias="no"), "ContrastiveHead: `bias` must be a finite number or None"),
        (lambda: box.ContrastiveHead()([np.ones((2, 3)), np.ones((2, 4))]), "two tensors of one shape"),
    ],
)
def test_errors(make, said):
    with pytest.raises(ValueError, match=said):
        make()
