"""The robust losses: golden values, extremes, and identities between losses."""

import functools

import golden
import numpy as np
import oracle_robust
import pytest
from backends import BACKEND, value_and_gradient
from cases import by_default
from golden import DEEP, OTHER_AXES, SHAPES, TOLERANCE, grid, on_tensorflow
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from identities import (
    PLACES,
    assert_same,
    check_a_weight_of_two_is_the_row_twice,
    classes,
    evaluate,
    few,
    identity,
    log_uniform,
    reals,
    scaled,
)
from identities import (
    TOLERANCE as OF_IDENTITIES,
)

import keras_lossbox as box

if BACKEND == "tensorflow":
    import tensorflow as tf

# ---------------------------------------------------------------- 1. oracle: formulas in numpy and scipy

ALPHAS = ["-inf", -1e3, -2.0, -0.3, 0.0, 1e-9, 0.5, 1.0, 1.6, 2.0 - 1e-9, 2.0, 2.001, 3.0]
NUMPY_CASES = [
    *grid("huber", SHAPES, "real", delta=[0.1, 1.0, 3.5]),
    *grid("huber", OTHER_AXES, "real", delta=[1.5]),
    *grid("smooth_l1", SHAPES, "real", beta=[0.0, 0.1, 1.0, 3.5]),
    *grid("smooth_l1", OTHER_AXES, "real", beta=[1.5]),
    *grid("log_cosh", SHAPES + OTHER_AXES, "real"),
    *grid("general_robust", SHAPES, "real", alpha=ALPHAS, scale=[1.0]),
    *grid("general_robust", OTHER_AXES, "real", alpha=[-1.0, 0.7], scale=[2.5]),
    *grid("charbonnier", SHAPES, "real", epsilon=[1e-3, 0.5]),
    *grid("charbonnier", OTHER_AXES, "real", epsilon=[2.0]),
]

NUMPY = golden.by_kind(NUMPY_CASES)


@pytest.mark.parametrize("group, dtype, size", golden.of_numpy(NUMPY))
def test_numpy(group, dtype, size):
    golden.check_numpy(oracle_robust, NUMPY[group], dtype, size)


def test_every_oracle_is_asked():
    golden.check_every_oracle_is_asked(oracle_robust, NUMPY_CASES)


# Where formulas overflow, cancel or clip.
EDGES = [
    *(("log_cosh", {}, 0, e) for e in [1e-9, 1e-5, -3e-4, 1e-2, 0.999, 1.001, -20, 1e4]),
    *(("huber", {"delta": 0.5}, 0, e) for e in [0.5, -0.5, 1e-6, 1e6]),
    *(("smooth_l1", {"beta": 0.5}, 0, e) for e in [0.5, -0.5, 1e-6, 1e6]),
    *(("general_robust", {"alpha": a}, 0, e) for a in [*ALPHAS, "inf"] for e in [1e-9, 1e-4, -0.3, 2.0, -5.0]),
    *(("general_robust", {"alpha": a}, 0, e) for a in [-2.0, 0.0, 1e-9, 1.0] for e in [30.0, -1e4, 1e12]),
    *(("charbonnier", {"epsilon": 1e-3}, 0, e) for e in [1e-9, 1e-3, -0.2, 1e6]),
]


@pytest.mark.matrix
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_edges(dtype):
    golden.check_edges(oracle_robust, EDGES, dtype)


# ---------------------------------------------------------------- 2. oracle: TensorFlow and Keras

TENSORFLOW = [grid("log_cosh", DEEP, "no_hit"), lambda y, x, o: tf.reduce_mean(tf.math.log(tf.cosh(y - x)), -1)]


@on_tensorflow
def test_tensorflow():
    golden.check_tensorflow(*TENSORFLOW)


TF1 = {
    "huber_loss": grid("huber", [(4, 5, 1), ((6, 3), None)], "real", delta=[0.5, 2.0]),
}


@on_tensorflow
@pytest.mark.parametrize("full", by_default(lambda full: not full, [False, True]), ids=["", "long"])
@pytest.mark.parametrize("name", TF1)
def test_tf1(name, full):
    golden.check_tf1(name, TF1[name], full)


def test_keras():
    """Not LogCosh, whose log 2 is rounded to float32 there."""
    golden.check_keras(grid("huber", DEEP, "real", delta=[0.5, 2.0]))


# ---------------------------------------------------------------- 3. oracle: numbers recorded from PyTorch

# fmt: off
PYTORCH = [  # the recipe is in golden.py
    (
        "SmoothL1Loss(beta=0.3, reduction=r)", "z.reshape(12), y.reshape(12)",
        "smooth_l1",
        {"beta": 0.3},
        [0.35, 0.35, 0.10416666666666667, 1.85, 0.10416666666666667, 1.85, 0.026041666666666668, 0.10416666666666667,
         0.85, 3.85, 0.85, 0.10416666666666667],
        [1.0, -1.0, 0.8333333333333334, -1.0, -0.8333333333333334, 1.0, -0.4166666666666667, -0.8333333333333334,
         -1.0, 1.0, -1.0, -0.8333333333333334],
    ),
    (
        "SmoothL1Loss(beta=0.0, reduction=r)", "z.reshape(12), y.reshape(12)",
        "smooth_l1",
        {"beta": 0.0},
        [0.5, 0.5, 0.25, 2.0, 0.25, 2.0, 0.125, 0.25, 1.0, 4.0, 1.0, 0.25],
        [1.0, -1.0, 1.0, -1.0, -1.0, 1.0, -1.0, -1.0, -1.0, 1.0, -1.0, -1.0],
    ),
    (
        "HuberLoss(delta=0.7, reduction=r)", "z.reshape(12), y.reshape(12)",
        "huber",
        {"delta": 0.7},
        [0.125, 0.125, 0.03125, 1.1549999999999998, 0.03125, 1.1549999999999998, 0.0078125, 0.03125,
         0.45499999999999996, 2.5549999999999997, 0.45499999999999996, 0.03125],
        [0.5, -0.5, 0.25, -0.7, -0.25, 0.7, -0.125, -0.25, -0.7, 0.7, -0.7, -0.25],
    ),
]
# fmt: on


def test_pytorch():
    golden.check_torch_nn(PYTORCH)


def test_pytorch_recipe():
    pytest.importorskip("torch", reason="the recipe needs PyTorch")
    golden.check_recipe_of_torch_nn(PYTORCH)


# ---------------------------------------------------------------- extremes


@pytest.mark.parametrize("size", [1e-8, 1e-5, 1e-3, 0.1, 0.99, 1.01, 10.0, 1e4])
def test_log_cosh_is_exact_near_0_and_far_away(size):
    """Oracle: log(cosh(x)) = x + log1p(exp(-2x)) - log 2 in numpy's long double, which has 11 bits more."""
    x = np.longdouble(np.float32(size))
    expected = np.log1p(2 * np.sinh(x / 2) ** 2) if x < 1 else x + np.log1p(np.exp(-2 * x)) - np.log(np.longdouble(2))
    value, gradient = value_and_gradient(lambda p: box.LogCosh()([[0.0]], p), np.array([[size]], "float32"))
    np.testing.assert_allclose(value, np.float64(expected), rtol=1e-6)
    np.testing.assert_allclose(gradient[0, 0], np.tanh(np.float64(x)), rtol=1e-6)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="nested tapes")
def test_log_cosh_twice():
    import tensorflow as tf

    x = tf.constant([[0.0, 0.1]])
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            value = box.LogCosh(reduction="sum")([[0.0, 0.0]], x)
        slope = inner.gradient(value, x)
    np.testing.assert_allclose(outer.gradient(slope, x), (1 - np.tanh([[0.0, 0.1]]) ** 2) / 2, rtol=1e-5)


def test_general_robust_stores_infinities_as_text():
    for value, kept in ((float("inf"), "inf"), ("-inf", "-inf"), (np.float32("-inf"), "-inf"), (3, 3.0)):
        assert box.GeneralRobust(value).get_config()["alpha"] == kept
    for bad in ("1", "infinity", float("nan"), None, True):
        with pytest.raises(ValueError, match='GeneralRobust: `alpha` must be a number, "inf" or "-inf". Received: '):
            box.GeneralRobust(bad)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="nested tapes")
@pytest.mark.parametrize("alpha", [*ALPHAS, "inf"])
def test_general_robust_twice(alpha):
    """The second derivative at no error is 1/c² for every α, and finite everywhere."""
    x = tf.constant([[0.0, 0.5, -30.0]], "float64")
    loss = functools.partial(box.GeneralRobust(alpha, 2.0, reduction="sum", dtype="float64"), tf.zeros_like(x))
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            value = loss(x)
        slope = inner.gradient(value, x)
    second = outer.gradient(slope, x).numpy()
    assert np.all(np.isfinite(second))
    np.testing.assert_allclose(second[0, 0], 1 / 4 / 3, rtol=1e-12)


# ---------------------------------------------------------------- identities, both sides this package's


@identity(reals())
def test_huber_with_a_large_delta_is_half_the_squared_error(data):
    assert_same(evaluate("huber", *data, delta=1e6), scaled(0.5, evaluate("mean_squared_error", *data)))


@identity(reals(), log_uniform(1e-12, 1e-7))
def test_huber_with_a_small_delta_is_delta_times_the_absolute_error(data, delta):
    y, x = data
    assume(np.all((y == x) | (np.abs(y - x) > 1e-5)))
    huber, absolute = evaluate("huber", y, x, delta=delta), evaluate("mean_absolute_error", y, x)
    np.testing.assert_allclose(huber[0] / delta, absolute[0], rtol=OF_IDENTITIES, atol=delta)
    np.testing.assert_allclose(huber[1] / delta, absolute[1], rtol=OF_IDENTITIES)


@identity(reals(), log_uniform(1e-2, 1e2))
def test_smooth_l1_is_huber_divided(data, beta):
    assert_same(evaluate("smooth_l1", *data, beta=beta), scaled(1 / beta, evaluate("huber", *data, delta=beta)))


@identity(reals())
def test_smooth_l1_of_zero_is_the_absolute_error(data):
    assert_same(evaluate("smooth_l1", *data, beta=0), evaluate("mean_absolute_error", *data))


@identity(reals(-1e-3, 1e-3), st.integers(0, 4))
def test_log_cosh_near_zero_is_half_the_squared_error(data, power):
    error = (data[1] - data[0]) / 10.0**power
    for e, value in zip(error.flat, evaluate("log_cosh", 0 * error.ravel(), error.ravel())[0], strict=True):
        np.testing.assert_allclose(value, 0.5 * e**2 - e**4 / 12, rtol=max(OF_IDENTITIES, 1e-10), atol=1e-300)


@identity(reals(20, 1e5), st.sampled_from([-1, 1]))
def test_log_cosh_far_away_is_the_absolute_error_less_log_2(data, sign):
    size = data[1] - data[0]
    expected = np.mean(size, -1) - np.log(2), sign * np.ones(size.shape) / size.shape[-1]
    assert_same(evaluate("log_cosh", 0 * size, sign * size), expected)


@identity(reals(), log_uniform(1e-2, 1e2))
def test_general_robust_of_1_is_pseudo_huber_and_charbonnier(data, c):
    value, slope = evaluate("general_robust", *data, alpha=1, scale=c)
    assert_same(evaluate("charbonnier", *data, epsilon=c), (c * value + c, c * slope))


SPECIAL = {  # the neighbours that have a form of their own; Barron 2019, section 2
    2.0: [2 - 1e-14, 2 + 1e-14],
    0.0: [1e-13, -1e-13],
    "-inf": [-1e15],
}


@identity(reals(-5, 5), st.sampled_from([(a, near) for a, neighbours in SPECIAL.items() for near in neighbours]))
def test_general_robust_is_continuous_in_alpha(data, alphas):
    one, other = (evaluate("general_robust", *data, alpha=alpha, scale=1.5) for alpha in alphas)
    assert_same(one, other)


@identity(reals())
def test_general_robust_of_2_is_half_the_squared_error(data):
    assert_same(evaluate("general_robust", *data, alpha=2), scaled(0.5, evaluate("mean_squared_error", *data)))


COUNTABLE = ["huber", "smooth_l1", "log_cosh", "general_robust", "charbonnier"]


@pytest.mark.one_in(4)
@pytest.mark.parametrize("reduction", ["sum", "mean_with_sample_weight"])
@pytest.mark.parametrize("loss", COUNTABLE)
@settings(few, max_examples=5)
@given(data=classes(PLACES[:2]), more=st.data())
def test_a_weight_of_two_is_the_row_twice(loss, reduction, data, more):
    check_a_weight_of_two_is_the_row_twice(loss, reduction, data, more)
