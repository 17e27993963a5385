"""The gamma function: values and gradients against scipy.special in float64, and against long differences."""

import numpy as np
import pytest
from backends import BACKEND, value_and_gradient
from keras import ops
from scipy import special

from keras_lossbox.functions.elementary import exp_beyond_line
from keras_lossbox.functions.gamma import log_gamma, log_gamma_beyond_power, log_gamma_ratio, scaled_log_gamma_ratio

TOLERANCE = {"float32": 1e-6, "float64": 1e-12}
if BACKEND == "jax":  # float64 is off by default
    del TOLERANCE["float64"]

X = np.array([1e-30, 1e-12, 1e-3, 0.1, 0.5, 0.999, 1.0, 1.001, 1.5, 2.0, 2.5, 3.0, 7.9, 8.1, 20.0, 1e3, 1e6, 1e12])
Y = [0.0, 0.5, 1.0, 3.0, 17.0, 1e3]


def evaluate(function, x):
    values = ops.convert_to_numpy(function(ops.convert_to_tensor(x)))
    return values, value_and_gradient(lambda x: ops.sum(function(x)), x)[1]


def assert_close(actual, expected, tolerance):
    """Relative, and where the function has a zero absolute."""
    np.testing.assert_array_less(np.abs(actual - expected), tolerance * np.maximum(np.abs(expected), 1))


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_log_gamma(dtype):
    x = X.astype(dtype)
    value, slope = evaluate(log_gamma, x)
    assert_close(value, special.gammaln(x.astype("float64")), TOLERANCE[dtype])
    assert_close(slope, special.digamma(x.astype("float64")), TOLERANCE[dtype])
    assert value[X == 1] == 0


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_log_gamma_beyond_power(dtype):
    """Oracle: the difference itself, of scipy's log Γ, where it has digits left; beyond that the first two terms."""
    x = np.array([8.0, 8.1, 20.0, 100.0, 1e3, 1e6, 1e12], dtype)
    wide = x.astype("float64")
    series = 0.5 * np.log(2 * np.pi / wide) + 1 / (12 * wide)
    expected = np.where(wide > 100, series, special.gammaln(wide) - wide * np.log(wide) + wide)
    slopes = np.where(wide > 100, -1 / (2 * wide) - 1 / (12 * wide**2), special.digamma(wide) - np.log(wide))
    value, slope = evaluate(log_gamma_beyond_power, x)
    np.testing.assert_allclose(value, expected, rtol=5 * TOLERANCE[dtype], atol=1e-10)
    np.testing.assert_allclose(slope, slopes, rtol=max(5 * TOLERANCE[dtype], 1e-9))


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_exp_beyond_line(dtype):
    """Oracle: its series in long doubles, and the difference itself where nothing cancels."""
    x = np.array([-50.0, -3.0, -0.51, -0.49, -0.1, -1e-3, -1e-9, 0.0, 1e-9, 1e-3, 0.1, 0.49, 0.51, 3.0, 50.0], dtype)
    wide = x.astype("longdouble")
    series = sum(wide**n / special.factorial(n, exact=True) for n in range(2, 25))
    expected = np.where(np.abs(wide) < 1, series, np.expm1(wide) - wide).astype("float64")
    value, slope = evaluate(exp_beyond_line, x)
    np.testing.assert_allclose(value, expected, rtol=3 * TOLERANCE[dtype])
    np.testing.assert_allclose(slope, np.expm1(x.astype("float64")), rtol=3 * TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("y", Y)
def test_log_gamma_ratio(y, dtype):
    """Oracle: log of Pochhammer's symbol, Σ log(x + k), where y is whole, and of scipy.special.poch where it is ½."""
    x = X.astype(dtype)
    wide = x.astype("longdouble")
    if y == 0.5:
        expected = np.log(special.poch(x.astype("float64"), y))
        slopes = special.digamma(x.astype("float64") + y) - special.digamma(x.astype("float64"))
        slopes = np.where(X > 100, 1 / (2 * wide) + 1 / (8 * wide**2), slopes)  # the difference cancels
    else:
        terms = wide[:, None] + np.arange(int(y))
        expected, slopes = np.sum(np.log(terms), -1), np.sum(1 / terms, -1)
    value, slope = evaluate(lambda x: log_gamma_ratio(x, y + 0 * x), x)
    assert_close(value, expected.astype("float64"), TOLERANCE[dtype])
    assert_close(slope, slopes.astype("float64"), TOLERANCE[dtype])
    scaled = expected - y * np.log(np.where(wide > 8, wide, 1))
    value, _ = evaluate(lambda x: scaled_log_gamma_ratio(x, y + 0 * x), x)
    np.testing.assert_allclose(
        value, scaled.astype("float64"), rtol=TOLERANCE[dtype], atol=2 * TOLERANCE[dtype] * (1 + y)
    )


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_slope_in_the_number_of_factors(dtype):
    for x in (0.01, 0.7, 5.0, 1e4):
        y = np.array(Y, dtype)
        _, slope = evaluate(lambda y, x=x: log_gamma_ratio(x + 0 * y, y), y)
        assert_close(slope, special.digamma(x + y.astype("float64")), TOLERANCE[dtype])


@pytest.mark.skipif(BACKEND != "tensorflow", reason="nested tapes")
def test_second_derivative_is_the_trigamma_function():
    import tensorflow as tf

    x = tf.constant(X[(X > 1e-4) & (X < 1e4)])
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            value = log_gamma(x)
        slope = inner.gradient(value, x)
    np.testing.assert_allclose(outer.gradient(slope, x), special.polygamma(1, x), rtol=1e-11)
