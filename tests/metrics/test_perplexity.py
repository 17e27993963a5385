"""`Perplexity`: exp of scipy's mean log-softmax over the tokens that count."""

import keras
import numpy as np
import pytest
from backends import with_mask
from scipy import special

import keras_lossbox as box

numpy = keras.ops.convert_to_numpy


def tokens(rng):
    return rng.integers(0, 6, (5, 4)), rng.normal(size=(5, 4, 6)).astype("float32")


def perplexity(y, z, weights):
    """In float64, of everything at once."""
    log_p = np.take_along_axis(special.log_softmax(z.astype("float64"), -1), y[..., None], -1)[..., 0]
    return np.exp(-np.sum(weights * log_p) / np.sum(weights))


@pytest.mark.parametrize("by", ["", "weight", "mask", "ignore_class"])
def test_uneven_batches_are_one_mean(by, rng):
    y, z = tokens(rng)
    keep = y != 2 if by == "ignore_class" else rng.random(y.shape) < 0.6
    weights = np.where(keep, rng.uniform(0.5, 2, y.shape) if by == "weight" else 1, 0) if by else np.ones(y.shape)
    metric = box.Perplexity(from_logits=True, ignore_class=2 if by == "ignore_class" else None)
    for part in (slice(0, 4), slice(4, 5)):
        y_pred = with_mask(z[part], keep[part]) if by == "mask" else z[part]
        metric.update_state(y[part], y_pred, weights[part].astype("float32") if by == "weight" else None)
    np.testing.assert_allclose(numpy(metric.result()), perplexity(y, z, weights), rtol=1e-5)
    probabilities = box.Perplexity()
    probabilities.update_state(y, special.softmax(z, -1), weights.astype("float32"))
    np.testing.assert_allclose(numpy(probabilities.result()), perplexity(y, z, weights), rtol=1e-5)


@pytest.mark.matrix
def test_in_fit_saved_and_loaded(rng, tmp_path):
    y, z = tokens(rng)
    model = keras.Sequential([keras.Input((4, 6)), keras.layers.Dense(6)])
    metric = box.Perplexity(from_logits=True, ignore_class=0)
    model.compile("sgd", box.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0), metrics=[metric])
    model.fit(z, y, verbose=0)
    found = model.evaluate(z, y, batch_size=2, verbose=0, return_dict=True)
    np.testing.assert_allclose(found["perplexity"], perplexity(y, numpy(model(z)), y != 0), rtol=1e-5)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.evaluate(z, y, batch_size=2, verbose=0, return_dict=True) == pytest.approx(found)


def test_bad_input_is_an_error_that_says_so():
    with pytest.raises(ValueError, match="Perplexity: .*`ignore_class` must be an integer"):
        box.Perplexity(ignore_class=0.5)


@pytest.mark.skipif(keras.config.backend() != "tensorflow", reason="only there the logits tell where they come from")
def test_an_error_in_fit_names_the_metric():
    """Not the loss that it is computed with: the loss of the model is right."""
    model = keras.Sequential([keras.Input((3,)), box.LinearHead(5)])
    loss = box.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, metrics=[box.Perplexity()])
    with pytest.raises(ValueError, match="^Perplexity: `from_logits` must be True"):
        model.fit(np.ones((4, 3)), np.arange(4), verbose=0)
