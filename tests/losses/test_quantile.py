"""The losses of quantiles and expectiles: golden values, minima, and identities between losses."""

import functools

import golden
import numpy as np
import oracle_quantile
import pytest
from backends import BACKEND, MODES, value_and_gradient
from golden import OTHER_AXES, PRECISE, SHAPES, TOLERANCE, assert_close, grid
from hypothesis import given, settings
from hypothesis import strategies as st
from identities import (
    PLACES,
    assert_same,
    check_a_weight_of_two_is_the_row_twice,
    classes,
    evaluate,
    few,
    identity,
    reals,
    scaled,
)
from keras import ops
from scipy import stats
from sklearn import metrics

import keras_lossbox as box

numpy = ops.convert_to_numpy
LEVELS = st.sampled_from([0.0, 0.05, 0.5, 0.8, 1.0])

# ---------------------------------------------------------------- 1. oracle: formulas in numpy and scipy

NUMPY_CASES = [
    *grid("quantile", SHAPES, "real", quantile=[0.0, 0.1, 0.5, 0.9], delta=[None, 0.5]),
    *grid("quantile", OTHER_AXES, "real", quantile=[0.3], delta=[None]),
    *grid("quantile", [(6, 3), (4, 5, 3), ((6, 3), None), ((6, 3), 0)], "real", quantile=[[0.1, 0.5, 0.75]]),
    *grid("expectile", SHAPES, "real", expectile=[0.0, 0.1, 0.5, 0.9]),
    *grid("expectile", OTHER_AXES, "real", expectile=[0.3]),
]

NUMPY = golden.by_kind(NUMPY_CASES)


@pytest.mark.parametrize("group, dtype, size", golden.of_numpy(NUMPY))
def test_numpy(group, dtype, size):
    golden.check_numpy(oracle_quantile, NUMPY[group], dtype, size)


def test_every_oracle_is_asked():
    golden.check_every_oracle_is_asked(oracle_quantile, NUMPY_CASES)


EDGES = [
    *(("quantile", {"quantile": 0.1}, 0, e) for e in [1e-30, -1e-9, 1e4, -1e30]),
    *(("quantile", {"quantile": 0.9, "delta": 1e-3}, 0, e) for e in [1e-9, -1e-3, 1e-3, 1e30]),
    *(("expectile", {"expectile": 0.9}, 0, e) for e in [1e-9, -1e-9, -1e4]),
]


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_edges(dtype):
    golden.check_edges(oracle_quantile, EDGES, dtype)


# ---------------------------------------------------------------- 2. oracles: scikit-learn and scipy


@pytest.mark.parametrize("tau", [0.0, 0.1, 0.5, 0.95])
def test_sklearn(tau):
    golden.check_sklearn(
        grid("quantile", [(6, 3)], "real", quantile=[tau]),
        lambda *data, **weights: metrics.mean_pinball_loss(*data, alpha=tau, **weights),
    )


@pytest.mark.parametrize("tau", [0.1, 0.5, 0.8])
def test_minimum_is_the_quantile_or_expectile(tau, rng):
    """Oracles: numpy.quantile, and scipy.stats.expectile."""
    y = rng.gamma(2.0, 2.0, 101).astype(PRECISE)
    for loss, where in (
        (box.Quantile(tau, dtype=PRECISE), np.quantile(y, tau)),
        (box.Expectile(tau, dtype=PRECISE), stats.expectile(y, tau)),
    ):
        at, below, above = (float(loss(y, np.full_like(y, where + step))) for step in (0, -0.05, 0.05))
        assert at < min(below, above)


# ---------------------------------------------------------------- several levels


@pytest.mark.parametrize("mode", MODES)
def test_a_label_serves_all_levels(mode, rng):
    """With its own axis of size 1, or without: the numbers of the label repeated, the oracle's."""
    levels = [0.1, 0.25, 0.9]
    for shape in ((6,), (4, 5)):
        y, p = rng.normal(size=shape).astype("float32"), rng.normal(size=(*shape, 3)).astype("float32")
        expected = oracle_quantile.quantile(y.astype("float64"), p.astype("float64"), levels)
        repeated = np.repeat(y[..., None], 3, -1)
        for labels in (y, y[..., None], repeated):
            of_labels = functools.partial(box.Quantile(levels), labels)
            value, gradient = value_and_gradient(of_labels, p, mode=mode, unknown_batch=mode == "graph")
            assert_close(value, expected.mean, 1e-6)
            assert_close(gradient, expected.gradient, 1e-6)


def test_levels_that_do_not_fit_are_errors():
    y, p = np.zeros((4, 1)), np.zeros((4, 3))
    with pytest.raises(ValueError, match=r"Quantile: `quantile` must be one number or 3 of them.*Received: 2 numbers"):
        box.Quantile([0.1, 0.9])(y, p)
    for labels in (np.zeros((4, 2)), np.zeros((4, 3, 1)), np.zeros((3, 1)), np.zeros(3)):
        with pytest.raises(ValueError, match="Quantile: y_true and y_pred must have the same shape"):
            box.Quantile([0.1, 0.5, 0.9])(labels, p)
    with pytest.raises(ValueError, match="Quantile: y_true and y_pred must have the same shape"):
        box.Quantile(0.5)(y, p)  # one level: nothing says that the label is to be repeated
    assert float(box.Quantile([0.25])([4.0, 0.0], [0.0, 0.0])) == 0.5  # one level, given as a list


@pytest.mark.skipif(BACKEND != "tensorflow", reason="only TensorFlow's graphs have unknown sizes")
def test_a_number_of_levels_that_only_the_run_knows():
    import tensorflow as tf

    run = tf.function(box.Quantile([0.1, 0.9]), input_signature=[tf.TensorSpec([None, None]), tf.TensorSpec([None, 2])])
    y, p = tf.constant([[1.0, 2.0]]), tf.constant([[0.0, 0.0]])
    np.testing.assert_allclose(run(y, p), (0.1 + 1.8) / 2, rtol=1e-6)
    with pytest.raises(tf.errors.InvalidArgumentError):  # not a silent broadcast
        run(y[:, :1], p)


# ---------------------------------------------------------------- identities, both sides this package's


@identity(reals())
def test_the_median_is_half_the_absolute_error(data):
    assert_same(evaluate("quantile", *data), scaled(0.5, evaluate("mean_absolute_error", *data)))
    assert_same(evaluate("expectile", *data), scaled(0.5, evaluate("mean_squared_error", *data)))


@identity(reals(), LEVELS)
def test_a_quantile_and_its_mirror(data, tau):
    y, x = data
    for loss in ("quantile", "expectile"):
        value, slope = evaluate(loss, y, x, **{loss: tau})
        mirrored, its_slope = evaluate(loss, -y, -x, **{loss: 1 - tau})
        assert_same((value, slope), (mirrored, -its_slope))


@identity(reals())
def test_quantile_huber_lies_between_huber_and_quantile(data):
    half = scaled(0.5 / 0.7, evaluate("huber", *data, delta=0.7))
    assert_same(evaluate("quantile", *data, delta=0.7), half)
    rounded, sharp = (evaluate("quantile", *data, quantile=0.9, delta=delta) for delta in (1e-9, None))
    np.testing.assert_allclose(rounded[0], sharp[0], rtol=1e-6, atol=1e-8)


COUNTABLE = ["quantile", "expectile"]


@pytest.mark.parametrize("reduction", ["sum", "mean_with_sample_weight"])
@pytest.mark.parametrize("loss", COUNTABLE)
@settings(few, max_examples=5)
@given(data=classes(PLACES[:2]), more=st.data())
def test_a_weight_of_two_is_the_row_twice(loss, reduction, data, more):
    check_a_weight_of_two_is_the_row_twice(loss, reduction, data, more)
