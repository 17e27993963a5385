"""The scores of forecasts: golden values, the integral that defines them, extremes, and identities between losses."""

import golden
import numpy as np
import oracle_scores
import pytest
from backends import BACKEND, value_and_gradient
from golden import DEEP, PRECISE, SHAPES, TOLERANCE, assert_close, grid
from hypothesis import strategies as st
from identities import assert_same, evaluate, identity, reals
from keras import ops
from scipy import integrate, stats

import keras_lossbox as box

numpy = ops.convert_to_numpy
WAYS = ["scale", "log_scale", "softplus_scale", "variance", "log_variance", "softplus_variance"]

# ---------------------------------------------------------------- 1. oracle: formulas in numpy and scipy

NUMPY_CASES = [
    *grid("gaussian_crps", SHAPES, "real", parameterization=WAYS),
    *grid("gaussian_crps", DEEP, "real", eps=[0.5]),
    *grid("ensemble_crps", [(7,)], "real"),
    *grid("ensemble_crps", DEEP, "real", fair=[False, True]),
]

NUMPY = golden.by_kind(NUMPY_CASES)


@pytest.mark.parametrize("group, dtype, size", golden.of_numpy(NUMPY))
def test_numpy(group, dtype, size):
    golden.check_numpy(oracle_scores, NUMPY[group], dtype, size)


def test_every_oracle_is_asked():
    golden.check_every_oracle_is_asked(oracle_scores, NUMPY_CASES)


EDGES = [
    *(("gaussian_crps", {}, 0, [e, s]) for e in (0.0, 1e-3, 1e8) for s in (1e-6, 1.0, 1e6)),
    *(("gaussian_crps", {"parameterization": "log_scale"}, 0, [1.0, s]) for s in (-40.0, 40.0)),
    ("ensemble_crps", {}, 0, [1e6, 1e6, 1e6 + 1]),
    ("ensemble_crps", {"fair": True}, 1e6, [1e6, 1e6 + 2, 1e6 - 1, 1e6 + 2]),
]


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_edges(dtype):
    golden.check_edges(oracle_scores, EDGES, dtype)


# ---------------------------------------------------------------- 2. the definition: ∫ (F(x) - 1[x >= y])² dx


@pytest.mark.parametrize("y", [-2.0, 0.3, 1.0, 4.0])
def test_gaussian_crps_is_the_integral(y):
    mean, s = 1.0, 0.7
    below = integrate.quad(lambda x: stats.norm.cdf(x, mean, s) ** 2, -12, y, epsabs=1e-12)[0]
    above = integrate.quad(lambda x: stats.norm.sf(x, mean, s) ** 2, y, 14, epsabs=1e-12)[0]
    value = float(box.GaussianCRPS(dtype=PRECISE)([[y]], [[mean, s]]))
    np.testing.assert_allclose(value, below + above, rtol=1e-6 if PRECISE == "float32" else 1e-9)


@pytest.mark.parametrize("y", [-2.0, 0.5, 3.0])
def test_ensemble_crps_is_the_integral_of_its_steps(y):
    x = np.array([0.0, 0.5, 1.25, 1.25, 4.0])
    edges = np.sort([*x, y])
    middles, widths = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    steps = np.mean(x[:, None] <= middles, 0) - (y <= middles)
    np.testing.assert_allclose(float(box.EnsembleCRPS()([y], x[None])), np.sum(steps**2 * widths), rtol=1e-6)


def test_many_members_of_a_gaussian_have_its_crps(rng):
    x = rng.normal(1.0, 0.7, 4000).astype(PRECISE)
    gaussian = float(box.GaussianCRPS(dtype=PRECISE)([[2.0]], [[1.0, 0.7]]))
    for fair in (False, True):
        np.testing.assert_allclose(float(box.EnsembleCRPS(fair, dtype=PRECISE)([2.0], x[None])), gaussian, rtol=0.05)


def test_fair_does_not_depend_on_the_number_of_members(rng):
    """The mean over many ensembles of 2 and of 8: equal where fair, and otherwise larger for fewer members."""
    y, means = rng.normal(size=20000), {}
    for fair in (False, True):
        for members in (2, 8):
            x = rng.normal(size=(20000, members)).astype(PRECISE)
            means[fair, members] = float(box.EnsembleCRPS(fair, dtype=PRECISE)(y, x))
    expected = 1 / np.sqrt(np.pi)  # E|x - y| - ½ E|x - x'| = (2 - 1) / √π
    np.testing.assert_allclose([means[True, 2], means[True, 8]], expected, rtol=0.03)
    assert means[False, 2] > means[False, 8] > expected


# ---------------------------------------------------------------- extremes and errors


def test_gaussian_crps_is_finite_for_every_scale():
    for spread in (-200.0, -50.0, 80.0):
        for error in (0.0, 1.0, 1e3):
            loss = box.GaussianCRPS(parameterization="log_scale")
            value, gradient = value_and_gradient(
                lambda x, loss=loss: loss([[0.0]], x), np.array([[error, spread]], "float32")
            )
            assert np.isfinite(value)
            assert np.all(np.isfinite(gradient))


def test_equal_members_do_not_push_each_other():
    """All alike: each is drawn to the label by 1/m, and by nothing else."""
    _, gradient = value_and_gradient(lambda x: box.EnsembleCRPS()([[1.0]], x), np.full((1, 4), 2.0, "float32"))
    np.testing.assert_allclose(gradient, 0.25)


def test_one_member_is_not_fair():
    with pytest.raises(ValueError, match=r"EnsembleCRPS: fair=True needs at least 2 members.*\(3, 1\)"):
        box.EnsembleCRPS(fair=True)(np.zeros((3, 1)), np.zeros((3, 1)))
    with pytest.raises(ValueError, match="EnsembleCRPS: y_true and y_pred must have the same shape.*of one label"):
        box.EnsembleCRPS()(np.zeros((3, 2)), np.zeros((3, 2)))


@pytest.mark.skipif(BACKEND != "tensorflow", reason="only TensorFlow's graphs have unknown sizes")
def test_members_that_only_the_run_counts():
    import tensorflow as tf

    loss = box.EnsembleCRPS(fair=True)
    run = tf.function(loss, input_signature=[tf.TensorSpec([None]), tf.TensorSpec([None, None])])
    x = np.array([[0.0, 4.0, 1.0]], "float32")
    np.testing.assert_allclose(run(np.float32([1.0]), x), loss([1.0], x), rtol=1e-6)


# ---------------------------------------------------------------- identities, both sides this package's


@identity(reals())
def test_one_member_is_the_absolute_error(data):
    y, x = data
    value, slope = evaluate("ensemble_crps", y, x[..., None])
    each = evaluate("mean_absolute_error", y, x, axis=None)
    assert_same((value, slope[..., 0]), each)


@identity(reals())
def test_a_small_scale_is_the_absolute_error(data):
    y, x = data
    value, _ = evaluate("gaussian_crps", y, np.concatenate([x, 0 * x - 35], -1), parameterization="log_scale")
    np.testing.assert_allclose(value, evaluate("mean_absolute_error", y, x)[0], rtol=1e-6, atol=1e-12)


@identity(reals(), st.floats(-20, 20))
def test_moving_all_members_and_the_label_changes_nothing(data, shift):
    y, x = data[0][..., 0], data[1]
    one, other = (evaluate("ensemble_crps", y + step, x + step) for step in (0, shift))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@identity(reals(-3, 3))
def test_many_quantiles_are_about_the_crps(data):
    """Twice the mean pinball loss of evenly spaced levels, of the quantiles of a Gaussian."""
    y, x = data[0][:, :1].reshape(-1), data[1][:, :1].reshape(-1)
    levels = (np.arange(200) + 0.5) / 200
    quantiles = x[:, None] + stats.norm.ppf(levels)
    pinball, _ = evaluate("quantile", y, quantiles, quantile=list(levels))
    crps, _ = evaluate("gaussian_crps", y, np.stack([x, np.ones_like(x)], -1))
    assert_close(2 * pinball, crps, 2e-3)
