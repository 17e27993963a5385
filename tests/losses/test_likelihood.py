"""The negative log-likelihoods: golden values against scipy.stats, extremes, and identities between losses."""

import math

import golden
import keras
import numpy as np
import oracle_likelihood
import pytest
from backends import BACKEND, value_and_gradient
from golden import DEEP, PRECISE, SHAPES, TOLERANCE, assert_close, grid
from hypothesis import strategies as st
from identities import assert_same, evaluate, identity, log_uniform, reals, scaled

import keras_lossbox as box

numpy = keras.ops.convert_to_numpy
SCALES = ["scale", "log_scale", "softplus_scale"]
VARIANCES = ["variance", "log_variance", "softplus_variance"]

# ---------------------------------------------------------------- 1. oracle: scipy.stats

NUMPY_CASES = [
    *grid("gaussian_nll", SHAPES, "real", parameterization=SCALES + VARIANCES, full=[False, True], beta=[0.0, 0.5]),
    *grid("gaussian_nll", DEEP, "real", eps=[0.5], beta=[1.0]),
    *grid("laplace_nll", SHAPES, "real", parameterization=SCALES, full=[False, True]),
    *grid("student_t_nll", SHAPES, "real", df=[0.7, 4.0, None], parameterization=SCALES, full=[False, True]),
    *grid("log_normal_nll", SHAPES, "amounts", parameterization=SCALES, full=[False, True]),
    *grid("mixture_nll", SHAPES, "real", components=[1, 3], parameterization=SCALES),
]

NUMPY = golden.by_kind(NUMPY_CASES)


@pytest.mark.parametrize("group, dtype, size", golden.of_numpy(NUMPY))
def test_numpy(group, dtype, size):
    golden.check_numpy(oracle_likelihood, NUMPY[group], dtype, size)


def test_every_oracle_is_asked():
    golden.check_every_oracle_is_asked(oracle_likelihood, NUMPY_CASES)


LOG, AS_IT_IS = {"parameterization": "log_scale", "full": True}, {"parameterization": "scale", "full": True}
EDGES = [  # of one label: huge and tiny scales, no error, large ones, many degrees of freedom
    *(("gaussian_nll", LOG, 0, [e, s]) for e in (0.0, 1e-3, 1e6) for s in (-20.0, -5.0, 0.0, 15.0)),
    *(("gaussian_nll", AS_IT_IS, 0, [e, s]) for e in (0.0, 1e3) for s in (1e-5, 1e10)),
    *(("gaussian_nll", {**LOG, "parameterization": p}, 0, [2.0, -3.0]) for p in (SCALES[2], *VARIANCES[1:])),
    *(("laplace_nll", LOG, 0, at) for at in ([0.0, -20.0], [1e-8, -20.0], [1e-3, -5.0], [-10.0, -3.0], [1e6, 15.0])),
    *(("student_t_nll", {"df": 3.0, **LOG}, 0, [e, s]) for e in (0.0, 1e-3, 1e6) for s in (-30.0, -5.0, 15.0)),
    *(("student_t_nll", {"df": df, **LOG}, 0, [2.0, 0.5]) for df in (1e-3, 999.0, 1001.0)),
    *(("student_t_nll", LOG, 0, [2.5, 0.5, nu]) for nu in (-8.0, -1.0, 0.0, 3.0, 6.0)),
    *(("log_normal_nll", LOG, y, [1.0, s]) for y in (1e-30, 0.1, 1e30) for s in (-5.0, 15.0)),
    *(("mixture_nll", {"components": 2}, 0, [z, -z, 1.0, 1e3, s, -s]) for z in (0.0, 60.0) for s in (0.0, 5.0)),
]


@pytest.mark.matrix
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_edges(dtype):
    golden.check_edges(oracle_likelihood, EDGES, dtype)


# ---------------------------------------------------------------- 2. oracle: numbers recorded from PyTorch

# Recipe, with PyTorch 2.13.0 on a CPU in float64 (`test_pytorch_recipe` runs it again where there is a PyTorch):
#     loss = torch.nn.GaussianNLLLoss(full=…, eps=…, reduction="none")(mean, y, v); loss.sum().backward()
Y = np.array([[1.0, 0.0], [0.25, -3.0], [10.0, 0.5]])
MEAN = np.array([[1.0, 0.5], [-0.25, -2.0], [7.0, 1e-3]])
V = np.array([[0.5, 2.0], [1e-8, 1.0], [4.0, 0.125]])  # one below eps
PYTORCH = {  # (full, eps): the values, and the gradient of their sum by the mean and the variance
    (False, 1e-06): (
        [
            [-0.34657359027997264, 0.40907359027997264],
            [124993.09224472102, 0.5],
            [1.8181471805599454, -0.04371677083991787],
        ],
        [[0.0, 0.25, 1.0, 0.21875], [-500000.0, 1.0, -124999500000.0, 0.0], [-0.75, -3.992, -0.15625, -3.968032]],
    ),
    (True, 1e-06): (
        [
            [0.5723649429247, 1.3280121234846454],
            [124994.01118325422, 1.4189385332046727],
            [2.737085713764618, 0.8752217623647548],
        ],
        [[0.0, 0.25, 1.0, 0.21875], [-500000.0, 1.0, -124999500000.0, 0.0], [-0.75, -3.992, -0.15625, -3.968032]],
    ),
    (False, 0.25): (
        [
            [-0.34657359027997264, 0.40907359027997264],
            [-0.1931471805599453, 0.5],
            [1.8181471805599454, -0.19514518055994529],
        ],
        [[0.0, 0.25, 1.0, 0.21875], [-2.0, 1.0, 0.0, 0.0], [-0.75, -1.996, -0.15625, 0.007991999999999999]],
    ),
}


def of_pytorch(full, eps):
    import torch

    mean, v = (torch.tensor(x, requires_grad=True) for x in (MEAN, V))
    values = torch.nn.GaussianNLLLoss(full=full, eps=eps, reduction="none")(mean, torch.tensor(Y), v)
    values.sum().backward()
    return values.detach().numpy(), np.concatenate([mean.grad.numpy(), v.grad.numpy()], -1)


@pytest.mark.parametrize("full, eps", PYTORCH)
def test_pytorch(full, eps):
    values, gradient = PYTORCH[full, eps]
    loss = box.GaussianNLL(full, eps, reduction="none", dtype=PRECISE)
    y_pred = np.concatenate([MEAN, V], -1).astype(PRECISE)
    assert_close(numpy(loss(Y, y_pred)), np.mean(values, -1), TOLERANCE[PRECISE])
    slope = value_and_gradient(lambda x: keras.ops.sum(loss(Y, x)), y_pred)[1]
    assert_close(slope, np.asarray(gradient) / 2, TOLERANCE[PRECISE])


def test_pytorch_recipe():
    pytest.importorskip("torch", reason="the recipe needs PyTorch")
    for (full, eps), expected in PYTORCH.items():
        for recorded, found in zip(expected, of_pytorch(full, eps), strict=True):
            np.testing.assert_allclose(recorded, found, rtol=1e-14)


# ---------------------------------------------------------------- extremes


@pytest.mark.parametrize("loss", ["gaussian_nll", "laplace_nll", "student_t_nll"])
def test_no_scale_makes_a_loss_or_a_gradient_of_nan(loss):
    """A scale of e^-200, of e^200, and one that is negative; with and without an error."""
    blocks = 3 if loss == "student_t_nll" else 2
    for how, spreads in (
        ("log_scale", (-200.0, 80.0, 200.0)),
        ("scale", (-1.0, 0.0, 1e30)),
        (SCALES[2], (-200.0, 1e30)),
    ):
        for spread in spreads:
            for error in (0.0, 1.0):
                y_pred = np.array([[error, spread, 1.0][:blocks]], "float32")
                value, gradient = value_and_gradient(
                    lambda x, how=how: box.get(loss, parameterization=how)([[0.0]], x), y_pred
                )
                assert np.isfinite(value)
                assert np.all(np.isfinite(gradient)), (how, spread, error, gradient)


def test_a_scale_below_eps_still_has_the_gradient_that_leads_out_of_it():
    for how, spread in (("variance", -3.0), ("scale", 0.0), ("softplus_variance", -40.0)):
        loss = box.GaussianNLL(parameterization=how, eps=1e-2)
        _, gradient = value_and_gradient(lambda x, loss=loss: loss([[0.0]], x), np.array([[5.0, spread]], "float32"))
        assert gradient[0, 1] < 0


def test_a_mixture_does_not_collapse():
    """A scale of e^-50 on a label that is met counts as eps; a component that is far off leaves a finite loss."""
    loss = box.MixtureNLL(2, eps=1e-3)
    y_pred = np.array([[0.0, 0.0, 1.0, 1e6, -50.0, 0.0]], "float32")
    value, gradient = value_and_gradient(lambda x: loss([[1.0]], x), y_pred)
    np.testing.assert_allclose(value, np.log(2) + np.log(1e-3) + np.log(2 * np.pi) / 2, rtol=1e-6)
    assert np.all(np.isfinite(gradient))


@pytest.mark.skipif(BACKEND != "tensorflow", reason="nested tapes")
@pytest.mark.parametrize("loss", ["gaussian_nll", "laplace_nll", "student_t_nll"])
def test_second_derivatives_are_finite(loss):
    import tensorflow as tf

    blocks = 3 if loss == "student_t_nll" else 2
    for how in SCALES:
        x = tf.constant([[0.0, 0.5, 1.5][:blocks], [3.0, 2.0, 40.0][:blocks]], "float64")
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                value = box.get(loss, parameterization=how, dtype="float64")([[0.0], [1.0]], x)
            slope = inner.gradient(value, x)
        assert np.all(np.isfinite(outer.gradient(slope, x)))


def test_what_does_not_fit_is_an_error():
    for loss, shape, message in (
        (box.GaussianNLL(), (4, 3), r"GaussianNLL: the last axis of y_pred must hold 2 parameters .*\(4, 3\)"),
        (box.StudentTNLL(), (4, 2), r"StudentTNLL: .* must hold 3 parameters for each output\. .*\(4, 2\)"),
        (
            box.MixtureNLL(2),
            (4, 4),
            r"MixtureNLL: .* hold 4 parameters for each output, and 2 that they share\. .*\(4, 4\)",
        ),
        (box.MixtureNLL(3), (4, 3), "hold 6 parameters for each output, and 3 that they share"),
    ):
        with pytest.raises(ValueError, match=message):
            loss(np.zeros((4, 1)), np.zeros(shape))
    with pytest.raises(ValueError, match="GaussianNLL: `sample_weight` must fit the loss values from the left"):
        box.GaussianNLL()(np.zeros((4, 2)), np.ones((4, 4)), np.ones((4, 2)))  # weights are of samples


# ---------------------------------------------------------------- identities, both sides this package's


def blocks(*parts):
    return np.concatenate(np.broadcast_arrays(*parts), -1)


def of_location(pair, outputs):
    """The value, and the slopes in the locations alone."""
    return pair[0], pair[1][..., :outputs]


@identity(reals())
def test_a_constant_scale_of_1_makes_them_errors(data):
    y, x = data
    d = y.shape[-1]
    for how, one in (("variance", 1.0), ("log_variance", 0.0), ("softplus_scale", math.log(math.e - 1))):
        found = evaluate("gaussian_nll", y, blocks(x, one + 0 * x), parameterization=how)
        assert_same(of_location(found, d), scaled(0.5, evaluate("mean_squared_error", y, x)))
    found = evaluate("laplace_nll", y, blocks(x, 0 * x), parameterization="log_scale")
    assert_same(of_location(found, d), evaluate("mean_absolute_error", y, x))
    found = evaluate("student_t_nll", y, blocks(x, 0 * x), df=1, parameterization="log_scale")
    assert_same(of_location(found, d), evaluate("general_robust", y, x, alpha=0, scale=2**-0.5))


@identity(reals(), log_uniform(1e-2, 1e2))
def test_the_ways_to_give_a_scale_agree(data, s):
    y, x = data
    found = []
    for how, raw in (
        ("scale", s),
        ("log_scale", math.log(s)),
        ("softplus_scale", math.log(math.expm1(s)) if s < 30 else s),
    ):
        found.append(evaluate("gaussian_nll", y, blocks(x, raw + 0 * x), parameterization=how))
    for how, raw in (("variance", s**2), ("log_variance", 2 * math.log(s))):
        found.append(evaluate("gaussian_nll", y, blocks(x, raw + 0 * x), parameterization=how))
    for other in found[1:]:
        assert_same(of_location(found[0], y.shape[-1]), of_location(other, y.shape[-1]))


@identity(reals(), st.floats(-2, 2))
def test_beta_of_1_gives_the_mean_the_slope_of_the_squared_error(data, s):
    y, x = data
    found = evaluate("gaussian_nll", y, blocks(x, s + 0 * x), parameterization="log_variance", beta=1)
    expected = evaluate("mean_squared_error", y, x)[1] / 2
    np.testing.assert_allclose(found[1][..., : y.shape[-1]], expected, rtol=1e-9, atol=1e-9)


@identity(reals(), st.floats(-2, 2))
def test_student_t_with_many_degrees_of_freedom_is_gaussian(data, s):
    y, x = data
    t = evaluate("student_t_nll", y, blocks(x, s + 0 * x), df=1e13, full=True, parameterization="log_scale")
    gaussian = evaluate("gaussian_nll", y, blocks(x, s + 0 * x), full=True, parameterization="log_scale")
    np.testing.assert_allclose(t[0], gaussian[0], rtol=1e-3 if BACKEND != "tensorflow" else 1e-7)
    learned = evaluate("student_t_nll", y, blocks(x, s + 0 * x, 30 + 0 * x), full=True, parameterization="log_scale")
    np.testing.assert_allclose(learned[0], gaussian[0], rtol=1e-3 if BACKEND != "tensorflow" else 1e-7)


@identity(reals(-5, 5), st.floats(-2, 2))
def test_log_normal_is_gaussian_of_the_logarithm(data, s):
    y, x = data
    y_pred = blocks(x, s + 0 * x)
    for full in (False, True):
        value, slope = evaluate("log_normal_nll", np.exp(y), y_pred, parameterization="log_scale", full=full)
        gaussian = evaluate("gaussian_nll", y, y_pred, parameterization="log_scale", full=full)
        assert_same((value - full * np.mean(y, -1), slope), gaussian)


@identity(reals(), st.floats(-2, 2), st.integers(1, 3))
def test_equal_components_are_one(data, s, components):
    y, x = data
    d, k = y.shape[-1], components
    gaussian = evaluate("gaussian_nll", y, blocks(x, s + 0 * x), full=True, parameterization="log_scale")
    y_pred = np.concatenate([0 * x[..., :1]] * k + [x] * k + [s + 0 * x] * k, -1)
    value, slope = evaluate("mixture_nll", y, y_pred, components=k)
    summed = slope[..., k:].reshape(*slope.shape[:-1], 2, k, d).sum(-2).reshape(*slope.shape[:-1], 2 * d)
    assert_same((value, summed), scaled(d, gaussian))


@pytest.mark.matrix
def test_two_layers_and_a_concatenate_learn_the_mean_and_the_scale(rng):
    """As docs/reference/likelihood.md writes it, on noise of a scale that depends on x; oracle: its line."""
    x = rng.uniform(-1, 1, (512, 1)).astype("float32")
    y = 2 * x + np.exp(x - 1) * rng.normal(size=x.shape)
    keras.utils.set_random_seed(0)
    inputs = keras.Input((1,))
    outputs = keras.layers.Concatenate()([keras.layers.Dense(1)(inputs), keras.layers.Dense(1)(inputs)])
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(0.05), box.GaussianNLL(parameterization="log_variance"))
    model.fit(x, y, epochs=40, batch_size=64, verbose=0)
    slope, offset, slope_of_log, offset_of_log = (float(w.squeeze()) for w in model.get_weights())
    np.testing.assert_allclose([slope, offset, slope_of_log, offset_of_log], [2, 0, 2, -2], atol=0.2)
