"""The losses over several passes: golden values, passes that are masked or alike, PyTorch's and timm's formulas."""

import numpy as np
import oracle_consistency
import pytest
from backends import MODES, value_and_gradient, with_mask
from cases import by_default
from golden import PRECISE, TOLERANCE, assert_close
from keras import ops

import keras_lossbox as box
from keras_lossbox.losses.consistency import Consistency

numpy = ops.convert_to_numpy
LOSSES = {name: cls for name, cls in box.available().items() if issubclass(cls, Consistency)}
every_loss = pytest.mark.parametrize("name", LOSSES)


def data_of(rng, views=3, logits=True):
    """Four samples with four classes: labels, and logits or probabilities of their passes."""
    z = rng.normal(0, 1.5, (4, views, 4))
    return rng.integers(0, 4, 4), z if logits else np.exp(z) / np.exp(z).sum(-1, keepdims=True)


def slope_of(function, x, step=1e-6):
    """By central differences."""
    slope = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        moved = [x.copy(), x.copy()]
        moved[0][place] += step
        moved[1][place] -= step
        slope[place] = (function(moved[0]) - function(moved[1])) / (2 * step)
    return slope


# ---------------------------------------------------------------- 1. oracle: loops in numpy


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("views", [1, 2, 3])
@pytest.mark.parametrize("logits", [True, False])
@every_loss
def test_numpy(name, logits, views, smoothing, rng):
    y, x = data_of(rng, views, logits)
    options = {"alpha": 2.5, "from_logits": logits, "label_smoothing": smoothing}
    oracle = oracle_consistency.VALUES[name]
    rows = np.eye(4)[y] * 0.7 + 0.075  # soft labels
    for labels in (y, y[:, None], rows):
        expected = oracle(y if labels is not rows else rows, x, **options)
        found = numpy(box.get(name, reduction="none", dtype=PRECISE, **options)(labels, x.astype(PRECISE)))
        assert_close(found, expected, TOLERANCE[PRECISE])
    total = box.get(name, reduction="sum", dtype=PRECISE, **options)
    _, gradient = value_and_gradient(lambda x: total(y, x), x.astype(PRECISE))
    expected = slope_of(lambda x: np.sum(oracle(y, x, **options)), x)
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-7)


@every_loss
def test_in_single_precision(name, rng):
    y, x = data_of(rng)
    found = numpy(box.get(name, from_logits=True, reduction="none")(y, x.astype("float32")))
    x = x.astype("float32").astype("float64")
    assert_close(found, oracle_consistency.VALUES[name](y, x, LOSSES[name]().alpha, from_logits=True), 2e-6)


def test_pytorch_and_timm():
    """R-Drop by torch 2.13's `cross_entropy` and `kl_div`, and timm's formula of `JsdCrossEntropy` with them."""
    logits = np.arange(-9.0, 9.0).reshape(2, 3, 3) % 5 / 2
    y = np.array([2, 0])
    found = float(box.RDrop(3.0, from_logits=True, dtype=PRECISE)(y, logits[:, :2].astype(PRECISE)))
    np.testing.assert_allclose(found, 3.1403113926520825, rtol=TOLERANCE[PRECISE])
    jsd = box.JSDCrossentropy(12.0, from_logits=True, label_smoothing=0.1, dtype=PRECISE)
    np.testing.assert_allclose(float(jsd(y, logits.astype(PRECISE))), 2.6693043803332515, rtol=TOLERANCE[PRECISE])


# ---------------------------------------------------------------- 2. passes that are alike, masked, extreme


@every_loss
def test_equal_passes_are_the_cross_entropy(name, rng):
    y, x = data_of(rng, views=1)
    x = np.repeat(x, 2, 1).astype("float32")
    apart, alone = (
        value_and_gradient(lambda x, a=a: box.get(name, alpha=a, from_logits=True)(y, x), x) for a in (5.0, 0.0)
    )
    np.testing.assert_allclose(apart[0], alone[0], rtol=1e-6)
    np.testing.assert_allclose(apart[1], alone[1], rtol=1e-5, atol=1e-7)
    plain = box.SparseCategoricalCrossentropy(from_logits=True)(y, x[:, 0])
    np.testing.assert_allclose(alone[0], float(plain), rtol=1e-6)


@pytest.mark.parametrize("mode", by_default(lambda mode: mode == "graph", MODES))
@every_loss
def test_a_masked_pass_is_left_out(name, mode, rng):
    y, x = data_of(rng)
    there = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 0], [0, 0, 0]], bool)
    kept = x.copy()
    x[~there] = np.nan
    options = {"alpha": 2.0, "from_logits": True}
    loss = box.get(name, dtype=PRECISE, reduction="mean_with_sample_weight", **options)
    weights = np.array([1.0, 2.0, 3.0, 4.0])

    def total(x):
        return loss(y, with_mask(x, there), weights)

    value, gradient = value_and_gradient(total, x.astype(PRECISE), mode, mode == "graph")
    expected = oracle_consistency.VALUES[name](y[:3], kept[:3], there=there, **options)
    np.testing.assert_allclose(value, np.average(expected, weights=weights[:3]), rtol=max(TOLERANCE[PRECISE], 1e-9))
    assert np.all(np.isfinite(gradient))
    assert not np.any(gradient[~there])


@every_loss
def test_logits_without_bound(name):
    """A class that no pass gives a probability to, one that a single pass does not, and saturated passes."""
    inf = np.inf
    x = np.array([[[0, 1, -inf], [1, 0, -inf]], [[0, 1, 2], [1, 2, -inf]], [[1e4, 0, 0], [0, 1e4, 0]]], "float32")
    loss = box.get(name, from_logits=True)
    value, gradient = value_and_gradient(lambda x: loss(np.array([0, 1, 0]), x), x)
    assert np.isfinite(value)
    assert np.all(np.isfinite(gradient))


def test_without_the_first_view_there_is_no_label(rng):
    _, x = data_of(rng)
    there, loss = np.array([[False, True, True]]), box.JSDCrossentropy(from_logits=True)
    first, second = (float(loss([label], with_mask(x[:1], there))) for label in (0, 1))
    assert first == second > 0


@pytest.mark.parametrize("shape", [(4, 3), (4,), (4, 2, 1)], ids=str)
@every_loss
def test_predictions_without_passes(name, shape):
    with pytest.raises(ValueError, match=rf"{type(box.get(name)).__name__}: `y_pred` must hold several predictions"):
        box.get(name)(np.zeros(shape[:1], "int32"), np.ones(shape, "float32"))


def test_passes_of_pixels(rng):
    """Axes between the samples and the passes; a weight for each of these."""
    y, x = rng.integers(0, 3, (2, 5)), rng.normal(size=(2, 5, 2, 3))
    weights = rng.random((2, 5))
    loss = box.RDrop(from_logits=True, dtype=PRECISE, reduction="none")
    flat = loss(y.reshape(10), x.reshape(10, 2, 3).astype(PRECISE))
    expected = numpy(flat).reshape(2, 5) * weights
    np.testing.assert_allclose(numpy(loss(y, x.astype(PRECISE), weights)), expected, rtol=1e-6)
