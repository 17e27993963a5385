"""What single losses promise beyond the contract: extremes, label checks, surrogates."""

import keras
import numpy as np
import pytest
from backends import BACKEND, MODES, value_and_gradient
from scipy import special

import keras_lossbox as box

numpy = keras.ops.convert_to_numpy
LOGITS = np.concatenate([np.linspace(-1e4, 1e4, 41), np.linspace(-20, 20, 41)]).astype("float32")[:, None]


@pytest.mark.parametrize("label", [0.0, 1.0, 0.3])
@pytest.mark.parametrize("mode", MODES)
def test_binary_crossentropy_of_every_logit(label, mode):
    """Oracle: scipy.special in float64."""
    y, q, z = np.full_like(LOGITS, label), 3.0, LOGITS.astype("float64")
    loss = box.BinaryCrossentropy(from_logits=True, pos_weight=q, reduction="sum")
    _, gradient = value_and_gradient(lambda x: loss(y, x), LOGITS, mode)
    values = numpy(box.BinaryCrossentropy(from_logits=True, pos_weight=q, reduction="none")(y, LOGITS))
    np.testing.assert_allclose(
        values, -(q * y * special.log_expit(z) + (1 - y) * special.log_expit(-z))[:, 0], rtol=1e-6, atol=1e-37
    )
    np.testing.assert_allclose(
        gradient, (1 - y) * special.expit(z) - q * y * special.expit(-z), rtol=1e-6, atol=1e-6 * max(label, 1e-30)
    )


@pytest.mark.parametrize("cls", [box.CategoricalCrossentropy, box.SparseCategoricalCrossentropy])
@pytest.mark.parametrize("mode", MODES)
def test_categorical_crossentropy_of_every_logit(cls, mode):
    """Oracle: scipy.special in float64."""
    z = np.concatenate([LOGITS, -LOGITS[::-1] / 3, np.zeros_like(LOGITS)], -1)
    labels = np.arange(len(z)) % 3
    y = labels if cls is box.SparseCategoricalCrossentropy else np.eye(3)[labels]
    loss = cls(from_logits=True, reduction="sum")
    value, gradient = value_and_gradient(lambda x: loss(y, x), z, mode)
    z = z.astype("float64")
    np.testing.assert_allclose(value, -np.sum(special.log_softmax(z, -1)[np.arange(len(z)), labels]), rtol=1e-6)
    np.testing.assert_allclose(gradient, special.softmax(z, -1) - np.eye(3)[labels], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_probabilities_of_exactly_0_and_1(mode):
    """The loss is Keras's (clipped at epsilon); the gradient, which Keras has as 0, points out of the mistake."""
    p, y = np.array([[0.0], [1.0], [0.0], [1.0]], "float32"), np.array([[1.0], [0.0], [0.0], [1.0]], "float32")
    loss = box.BinaryCrossentropy(reduction="sum")
    value, gradient = value_and_gradient(lambda x: loss(y, x), p, mode)
    wrong_side = -np.log(np.float64(np.float32(1e-7))) - np.log(2.0**-23)  # 1 - 1e-7 is 1 - 2**-23 in float32
    np.testing.assert_allclose(value, wrong_side, rtol=1e-6)
    assert np.all(np.isfinite(gradient))
    assert gradient[0] < -1e6
    assert gradient[1] > 1e6
    for cls, labels in ((box.CategoricalCrossentropy, [[0, 1, 0]]), (box.SparseCategoricalCrossentropy, [1])):
        loss = cls()
        value, gradient = value_and_gradient(lambda x: loss(labels, x), np.array([[1, 0, 0]], "float32"), mode)  # noqa: B023
        np.testing.assert_allclose(value, -np.log(1e-7), rtol=1e-6)
        assert np.all(np.isfinite(gradient))
        assert gradient[0, 1] < -1e6


def test_a_small_epsilon_of_keras_does_not_bring_infinity_back():
    before = keras.config.epsilon()
    try:
        keras.config.set_epsilon(1e-12)
        assert np.isfinite(numpy(box.BinaryCrossentropy()([[1.0], [0.0]], [[0.0], [1.0]])))
    finally:
        keras.config.set_epsilon(before)


@pytest.mark.parametrize("rows", [0.0, 0.3, 2.0])
def test_target_rows_of_any_sum_have_the_right_gradient(rows):
    """Oracle: the derivative, Σy softmax(z) - y, in numpy."""
    z, y = np.array([[1.0, -2.0, 0.5]], "float32"), np.array([[0.5, 0.5, 0.0]], "float32") * rows
    loss = box.CategoricalCrossentropy(from_logits=True)
    _, gradient = value_and_gradient(lambda x: loss(y, x), z)
    np.testing.assert_allclose(gradient, y.sum() * special.softmax(z, -1) - y, rtol=1e-5, atol=1e-7)


BAD_LABELS = [
    pytest.param(np.array([0, 3]), "3", id="above"),
    pytest.param(np.array([-1, 1]), "-1", id="below"),
    pytest.param(np.array([0, 255], "uint8"), "255", id="uint8"),
    pytest.param(np.array([0.0, 1.5]), "a label that is no whole number", id="fraction"),
    pytest.param(np.array([0.0, np.nan]), "NaN", id="nan"),
    pytest.param(np.array([0.0, np.inf]), "a label that is no whole number", id="inf"),
    pytest.param(np.array([0.0, 1e12]), "a label that is no whole number", id="huge"),
    pytest.param(np.array([0.0, 0.5], "float16"), "a label that is no whole number", id="float16"),
    pytest.param(np.array([0, 2**31 + 1], "int64"), str(2**31 + 1), id="int64"),
]


@pytest.mark.parametrize("labels, shown", BAD_LABELS)
@pytest.mark.parametrize("cls", [box.SparseCategoricalCrossentropy, box.ZeroOne], ids=lambda c: c.__name__)
def test_labels_out_of_range_are_never_a_number(labels, shown, cls):
    if labels.dtype == "int64" and BACKEND == "jax":
        pytest.skip("JAX has no int64 by default")
    z = np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 2.0]], "float32")
    loss = cls(from_logits=True)
    with pytest.raises(ValueError, match=rf"{cls.__name__}: `y_true` must hold class indices from 0 to 2.*{shown}"):
        loss(labels, z)
    for mode in MODES[1:]:
        if labels.dtype.kind == "f" and BACKEND == "jax":
            labels = labels.astype("float32")  # JAX has no float64 by default
        # a traced label: it comes out of y_pred, so that no mode can look at its value
        value, _ = value_and_gradient(
            lambda x, y=labels: loss(keras.ops.convert_to_tensor(y) + keras.ops.cast(0 * x[:, 0], y.dtype), x), z, mode
        )
        assert np.isnan(value)
    assert np.isfinite(numpy(loss(labels, z, sample_weight=[1.0, 0.0])) if shown != "-1" else 0.0)


def test_class_ids_stay_exact_where_floats_would_round_them():
    """Keras casts labels to the loss's dtype: bfloat16 has no 257."""
    z = np.zeros((2, 300), "float32")
    z[:, 257] = 5.0
    loss = box.SparseCategoricalCrossentropy(from_logits=True, dtype="bfloat16", reduction="none")
    values = numpy(keras.ops.cast(loss([257, 256], z), "float32"))
    np.testing.assert_allclose(values, -special.log_softmax(z.astype("float64"), -1)[[0, 1], [257, 256]], rtol=1e-2)


@pytest.mark.parametrize("labels", [[1, 255], [[1], [255]], np.array([1, 255], "uint8"), [1.0, 255.0]], ids=str)
def test_ignored_class(labels):
    p = [[0.25, 0.75], [0.5, 0.5]]
    loss = box.SparseCategoricalCrossentropy(ignore_class=255)
    np.testing.assert_allclose(numpy(loss(labels, p)), -np.log(0.75), rtol=1e-6)
    assert numpy(loss([255, 255], p)) == 0


def test_axis_in_front_of_the_last_with_weights_of_pixels(rng):
    """Oracle: the same with the classes moved to the back."""
    z = rng.normal(size=(2, 3, 4, 5)).astype("float32")
    labels, weights = rng.integers(0, 3, (2, 4, 5)), rng.random((2, 4, 5)).astype("float32")
    for options in ({}, {"label_smoothing": 0.2, "class_weight": [1.0, 2.0, 0.5]}):
        last = box.SparseCategoricalCrossentropy(from_logits=True, **options)
        expected = numpy(last(labels, np.moveaxis(z, 1, -1), weights))
        for y in (labels, labels[:, None]):
            for w in (weights, weights[:, None]):
                loss = box.SparseCategoricalCrossentropy(from_logits=True, axis=1, **options)
                np.testing.assert_allclose(numpy(loss(y, z, w)), expected, rtol=1e-6)
        dense = box.CategoricalCrossentropy(from_logits=True, axis=1, **options)
        one_hot = np.moveaxis(np.eye(3, dtype="float32")[labels], -1, 1)
        np.testing.assert_allclose(numpy(dense(one_hot, z, weights)), expected, rtol=1e-6)


@pytest.mark.parametrize("cls", [box.CategoricalCrossentropy, box.SparseCategoricalCrossentropy, box.ZeroOne])
def test_bad_axis_and_single_class(cls):
    with pytest.raises(ValueError, match=f"{cls.__name__}: `axis` must be an axis of y_pred. Received: axis=5"):
        cls(axis=5)([[0, 1]], [[0.5, 0.5]])
    if cls is not box.ZeroOne:
        with pytest.raises(ValueError, match=f"{cls.__name__}: `y_pred` must hold at least two classes"):
            cls()([[1], [1]], [[0.5], [0.5]])


def test_weights_of_the_shape_of_y_pred_need_axis_none():
    y, p, w = [[1.0, 0.0]], [[0.5, 0.25]], [[1.0, 3.0]]
    with pytest.raises(ValueError, match="`sample_weight` must fit the loss values from the left"):
        box.BinaryCrossentropy()(y, p, w)
    value = numpy(box.BinaryCrossentropy(axis=None, reduction="mean_with_sample_weight")(y, p, w))
    np.testing.assert_allclose(value, (-np.log(0.5) - 3 * np.log(0.75)) / 4, rtol=1e-6)
    value = numpy(box.BinaryCrossentropy(axis=None)([[1.0, np.nan]], p, [[1.0, 0.0]]))
    np.testing.assert_allclose(value, -np.log(0.5) / 2, rtol=1e-6)


@pytest.mark.parametrize("surrogate", ["logistic", "hinge"])
@pytest.mark.parametrize("threshold", [None, 0.7])
def test_zero_one_binary(surrogate, threshold):
    """Oracle: the error rate, and the derivative of the surrogate of the margin, in numpy."""
    z = np.array([[2.0], [-0.4], [0.3], [-3.0], [1.2]], "float32")
    y = np.array([[1.0], [1.0], [0.0], [0.0], [1.0]])
    cut = threshold or 0.0
    loss = box.ZeroOne(from_logits=True, threshold=threshold, surrogate=surrogate, reduction="sum")
    value, gradient = value_and_gradient(lambda x: loss(y, x), z)
    sign = 2 * y - 1
    margin = sign * (z - cut)
    slope = -special.expit(-margin) if surrogate == "logistic" else -1.0 * (margin < 1)
    assert value == np.sum((z > cut) != (y > 0.5))
    np.testing.assert_allclose(gradient, slope * sign, rtol=1e-6)


@pytest.mark.parametrize("surrogate", ["logistic", "hinge", None])
@pytest.mark.parametrize("labels", ["indices", "one_hot"])
def test_zero_one_multi_class(surrogate, labels, rng):
    z = rng.normal(size=(7, 4)).astype("float32")
    y = rng.integers(0, 4, 7)
    loss = box.ZeroOne(from_logits=True, surrogate=surrogate, reduction="sum")
    value, gradient = value_and_gradient(lambda x: loss(y if labels == "indices" else np.eye(4)[y], x), z)
    assert value == np.sum(np.argmax(z, -1) != y)
    if surrogate is None:
        expected = np.zeros_like(z)
    elif surrogate == "logistic":
        expected = special.softmax(z, -1) - np.eye(4)[y]
    else:  # 1 at the largest other class and -1 at the label, where the margin is below 1
        others = np.where(np.eye(4)[y] > 0, -np.inf, z)
        active = (z[np.arange(7), y] - others.max(-1) < 1)[:, None]
        expected = active * (np.eye(4)[others.argmax(-1)] - np.eye(4)[y])
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-6)


def test_zero_one_multi_label_and_probabilities():
    y, p = [[1, 0, 1]], [[0.9, 0.6, 0.2]]
    np.testing.assert_allclose(numpy(box.ZeroOne(multi_label=True)(y, p)), 2 / 3, rtol=1e-6)
    np.testing.assert_allclose(numpy(box.ZeroOne(multi_label=True, threshold=0.7)(y, p)), 1 / 3, rtol=1e-6)
    assert numpy(box.ZeroOne()(y, p)) == 0  # as classes: the argmax of both is 0
    with pytest.raises(ValueError, match=r"ZeroOne: `threshold` must lie in \(0, 1\)"):
        box.ZeroOne(threshold=3.0)


def test_zero_one_learns(rng):
    x = rng.normal(size=(256, 2)).astype("float32")
    y = (x[:, 0] > x[:, 1]).astype("int32")
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.05), loss=box.ZeroOne(from_logits=True))
    history = model.fit(x, y, epochs=10, verbose=0).history["loss"]
    assert history[-1] < 0.05
    assert history[-1] == pytest.approx(round(history[-1] * 256) / 256, abs=1e-6)  # an error rate


def test_balanced_where_all_labels_are_equal():
    loss = box.BalancedBinaryCrossentropy(from_logits=True)
    for label in (0.0, 1.0):
        value, gradient = value_and_gradient(lambda x: loss(np.full((3, 1), label), x), np.ones((3, 1), "float32"))  # noqa: B023
        assert value == 0
        assert not np.any(gradient)


@pytest.mark.parametrize("size", [1e-8, 1e-5, 1e-3, 0.1, 0.99, 1.01, 10.0, 1e4])
def test_log_cosh_is_exact_near_0_and_far_away(size):
    """Oracle: log(cosh(x)) = x + log1p(exp(-2x)) - log 2 in numpy's long double, which has 11 bits more."""
    x = np.longdouble(np.float32(size))
    expected = np.log1p(2 * np.sinh(x / 2) ** 2) if x < 1 else x + np.log1p(np.exp(-2 * x)) - np.log(np.longdouble(2))
    value, gradient = value_and_gradient(lambda p: box.LogCosh()([[0.0]], p), np.array([[size]], "float32"))
    np.testing.assert_allclose(value, np.float64(expected), rtol=1e-6)
    np.testing.assert_allclose(gradient[0, 0], np.tanh(np.float64(x)), rtol=1e-6)


@pytest.mark.parametrize("smoothing", [1e-6, 1e-3, 0.1])
def test_little_label_smoothing_keeps_its_digits(smoothing):
    """Oracle: scipy in float64. 1 - (1 - ε/2) in float32 has lost most of a small ε."""
    z, y = np.float64(20.0), 1 - np.float64(smoothing) / 2
    expected = -(y * special.log_expit(z) + smoothing / 2 * special.log_expit(-z))
    loss = box.BinaryCrossentropy(from_logits=True, label_smoothing=smoothing)
    np.testing.assert_allclose(numpy(loss([1.0], [20.0])), expected, rtol=1e-6)
