"""The losses of counts and amounts: golden values, extremes, and identities between losses."""

import itertools

import golden
import keras
import numpy as np
import oracle_counts
import pytest
from backends import BACKEND, value_and_gradient
from cases import by_default
from golden import DEEP, OTHER_AXES, PRECISE, SHAPES, TOLERANCE, assert_close, grid
from hypothesis import strategies as st
from identities import assert_same, evaluate, identity, log_uniform, reals, scaled
from scipy import special
from sklearn import metrics

import keras_lossbox as box

numpy = keras.ops.convert_to_numpy
POWERS = [1.0, 1.001, 1.5, 1.9]
BOTH = [False, True]

# ---------------------------------------------------------------- 1. oracle: formulas in numpy and scipy

NUMPY_CASES = [
    *grid("poisson", SHAPES, "counts", log_input=BOTH, full=BOTH),
    *grid("poisson", OTHER_AXES, "zeros", epsilon=[0.1]),
    *grid("tweedie", SHAPES, "zeros", power=POWERS, form=["nll", "deviance"], log_input=BOTH),
    *grid("tweedie", SHAPES, "amounts", power=[2.0, 2.5, 3.0], form=["nll", "deviance"], log_input=BOTH),
    *grid("tweedie", SHAPES, "real", power=[0.0], form=["nll", "deviance"], log_input=BOTH),
    *grid("tweedie", DEEP, "zeros", power=[-1.0], form=["nll", "deviance"]),
    *grid("tweedie", OTHER_AXES, "zeros", power=[1.2], epsilon=[None, 0.1]),
    *grid("negative_binomial_nll", SHAPES, "counts", parameterization=["log", "softplus", "identity"], full=BOTH),
    *grid("gamma_nll", SHAPES, "amounts", parameterization=["log", "softplus", "identity"]),
    *grid("zero_inflated_log_normal", SHAPES, "zeros"),
]

NUMPY = golden.by_kind(NUMPY_CASES)


@pytest.mark.parametrize("group, dtype, size", golden.of_numpy(NUMPY))
def test_numpy(group, dtype, size):
    golden.check_numpy(oracle_counts, NUMPY[group], dtype, size)


def test_every_oracle_is_asked():
    golden.check_every_oracle_is_asked(oracle_counts, NUMPY_CASES)


LOG = {"log_input": True}
EDGES = [
    *(("poisson", {}, y, mean) for y in (0, 1, 1000) for mean in (-0.5, 0.0, 1e-6, 1e6)),
    *(("poisson", LOG, y, z) for y in (0, 1, 1000) for z in (-80.0, 0.0, 80.0)),
    *(("tweedie", {"power": p}, y, mean) for p in POWERS for y in (0, 30.0) for mean in (-0.5, 0.0, 1e-5, 1e6)),
    *(("tweedie", {"power": p, **LOG}, 30.0, z) for p in (*POWERS, 2.0, 3.0) for z in (-30.0, 30.0)),
    *(("tweedie", {"power": p, "form": "deviance"}, 0, 1e-3) for p in POWERS),
    *(("tweedie", {"power": p, "form": "deviance", **LOG}, 1e-3, 5.0) for p in (*POWERS, 2.0, 3.0)),
    *(("gamma_nll", {}, y, [m, k]) for y in (1e-6, 1.0, 1e6) for m in (-10.0, 0.0, 10.0) for k in (-10.0, 0.0, 3.0)),
    *(("zero_inflated_log_normal", {}, y, [z, 1.0, -40.0]) for y in (0, 2.0) for z in (-60.0, 60.0)),
]


@pytest.mark.matrix
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_edges(dtype):
    golden.check_edges(oracle_counts, EDGES, dtype)


# ---------------------------------------------------------------- 2. oracles: Keras and scikit-learn


def test_keras():
    golden.check_keras(grid("poisson", DEEP, "counts"))


@pytest.mark.parametrize(
    "power, labels", [(0.0, "amounts"), (1.0, "zeros"), (1.5, "zeros"), (2.0, "amounts"), (3.0, "amounts")]
)
def test_sklearn(power, labels):
    golden.check_sklearn(
        grid("tweedie", [(7,)], labels, power=[power], form=["deviance"]),
        lambda *data, **weights: metrics.mean_tweedie_deviance(*data, power=power, **weights),
    )


# ---------------------------------------------------------------- 3. oracle: numbers recorded from PyTorch

# Recipe, with PyTorch 2.13.0 on a CPU in float64 (`test_pytorch_recipe` runs it again where there is a PyTorch):
#     loss = torch.nn.PoissonNLLLoss(log_input=…, full=…, eps=…, reduction="none")(x, y); loss.sum().backward()
Y = np.array([0.0, 1.0, 2.0, 7.0, 100.0])
X = np.array([0.5, 1e-9, 1.25, 9.0, 90.0])
PYTORCH = {  # (log_input, full, eps): the values, and the gradient of their sum
    (True, False, 1e-08): (
        [1.6487212707001282, 1.0, 0.9903429574618414, 8040.083927575384, 1.2204032943178408e39],
        [1.6487212707001282, 1.000000082740371e-09, 1.4903429574618414, 8096.083927575384, 1.2204032943178408e39],
    ),
    (False, False, 1e-08): (
        [0.5, 18.32537056514804, 0.8037128813715806, -6.380572049131315, -359.9809670441376],
        [1.0, -90909089.9090909, -0.5999999872000001, 0.2222222230864198, -0.11111111098765436],
    ),
    (False, True, 0.001): (
        [0.5, 6.907754279982637, 1.453920021634988, 2.1319148751948838, 3.756464087043014],
        [1.0, -998.9990000010001, -0.598721023181455, 0.22230863237418064, -0.11109876556927145],
    ),
    (True, True, 1e-08): (
        [1.6487212707001282, 1.0, 1.6421494420663774, 8048.5971922265035, 1.2204032943178408e39],
        [1.6487212707001282, 1.000000082740371e-09, 1.4903429574618414, 8096.083927575384, 1.2204032943178408e39],
    ),
}


def of_pytorch(log_input, full, eps):
    import torch

    x = torch.tensor(X, requires_grad=True)
    values = torch.nn.PoissonNLLLoss(log_input=log_input, full=full, eps=eps, reduction="none")(x, torch.tensor(Y))
    values.sum().backward()
    return values.detach().numpy(), x.grad.numpy()


@pytest.mark.parametrize("log_input, full, eps", PYTORCH)
def test_pytorch(log_input, full, eps):
    values, gradient = PYTORCH[log_input, full, eps]
    loss = box.Poisson("none", dtype=PRECISE, log_input=log_input, full=full, epsilon=eps)
    x = X.astype(PRECISE)
    assert_close(numpy(loss(Y, x)), values, TOLERANCE[PRECISE])
    slope = value_and_gradient(lambda x: keras.ops.sum(loss(Y, x)), x)[1]
    assert_close(slope, gradient, TOLERANCE[PRECISE])


def test_pytorch_recipe():
    pytest.importorskip("torch", reason="the recipe needs PyTorch")
    for options, expected in PYTORCH.items():
        for recorded, found in zip(expected, of_pytorch(*options), strict=True):
            np.testing.assert_allclose(recorded, found, rtol=1e-14)


# ---------------------------------------------------------------- extremes


@pytest.mark.parametrize(
    "size, dtype",
    by_default(
        lambda size, dtype: size in (1e-6, 2.0, 1e9) and dtype == PRECISE,
        itertools.product([1e-6, 1e-3, 0.5, 1.0, 2.0, 100.0, 1e4, 1e6, 1e9], TOLERANCE),
    ),
)
def test_negative_binomial_keeps_its_digits(size, dtype):
    """Oracle: Σ log((r + k)/(k + 1)) - r log(1 + μ/r) + y log(μ/(r + μ)) in long doubles; log Γ would lose all digits.

    In float32, log r itself has an error, which a large r multiplies.
    """
    for y in (0, 1, 5, 300):
        for log_mean in (-3.0, 1.0, 6.0):
            y_pred = np.array([[log_mean, np.log(size)]], dtype)
            a, b = y_pred.astype("longdouble")[0]
            mean, r, k = np.exp(a), np.exp(b), np.arange(y, dtype="longdouble")
            expected = r * np.log1p(mean / r) - y * np.log(mean / (r + mean)) - np.sum(np.log((r + k) / (k + 1)))
            slope = (mean - y) * r / (r + mean)
            of_size = np.log1p(mean / r) + (y - mean) / (r + mean) - np.sum(1 / (r + k))
            loss = box.NegativeBinomialNLL(dtype=dtype)
            value, gradient = value_and_gradient(lambda x, y=y, loss=loss: loss([[y]], x), y_pred)
            scale = abs(float(expected)) + y + float(mean)
            assert abs(value - float(expected)) < 3 * TOLERANCE[dtype] * scale
            assert abs(gradient[0, 0] - float(slope)) < 3 * TOLERANCE[dtype] * scale
            assert abs(gradient[0, 1] - float(r * of_size)) < 3 * TOLERANCE[dtype] * scale


def test_labels_out_of_range_are_errors():
    for loss, labels in (
        (box.Poisson(), [[-1.0]]),
        (box.Tweedie(1.5), [[-1.0]]),
        (box.Tweedie(2.0), [[0.0]]),
        (box.NegativeBinomialNLL(), [[-1.0]]),
        (box.ZeroInflatedLogNormal(), [[-1.0]]),
        (box.LogNormalNLL(), [[0.0]]),
        (box.GammaNLL(), [[0.0]]),
    ):
        y_pred = np.ones((1, getattr(type(loss), "count", 1)))
        with pytest.raises(ValueError, match=rf"{type(loss).__name__}: `y_true` must hold numbers >=? 0"):
            loss(labels, y_pred)
        assert np.isfinite(float(loss([[np.nan], [1.0]], np.repeat(y_pred, 2, 0), [0.0, 1.0])))
    assert float(box.Tweedie(0.0, form="deviance")([[-1.0]], [[1.0]])) == 4  # the squared error takes any
    for power in (0.5, 0.001, 0.999):
        with pytest.raises(ValueError, match="Tweedie: `power` must be 1 or larger, or 0 or smaller.*Received: power="):
            box.Tweedie(power)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="nested tapes")
def test_second_derivatives_are_finite():
    import tensorflow as tf

    for loss, y_pred in (
        (box.Poisson(dtype="float64"), [[0.0], [2.0]]),
        (box.Tweedie(dtype="float64", form="deviance"), [[0.0], [2.0]]),
        (box.NegativeBinomialNLL(dtype="float64"), [[0.0, -20.0], [2.0, 20.0]]),
        (box.ZeroInflatedLogNormal(dtype="float64"), [[0.0, 1.0, -30.0], [2.0, 0.0, 30.0]]),
        (box.GammaNLL(dtype="float64"), [[0.0, -20.0], [np.log(3.0), 20.0]]),
    ):
        labels = [[1.0], [3.0]] if isinstance(loss, box.GammaNLL) else [[0.0], [3.0]]
        x = tf.constant(y_pred, "float64")
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                value = loss(labels, x)
            slope = inner.gradient(value, x)
        assert np.all(np.isfinite(outer.gradient(slope, x)))


# ---------------------------------------------------------------- identities, both sides this package's


def counted(data):
    """Counts and numbers near their logarithms from reals."""
    y, x = data
    return np.floor(np.exp(np.clip(y, -2, 4))), np.clip(x, -6, 6)


@identity(reals(-5, 5))
def test_poisson_is_tweedie_of_power_1(data):
    y, z = counted(data)
    for log_input, x in ((True, z), (False, np.exp(z))):
        poisson = evaluate("poisson", y, x, log_input=log_input, epsilon=1e-30)
        assert_same(evaluate("tweedie", y, x, power=1, log_input=log_input), poisson)
        value, slope = evaluate("tweedie", y, x, power=1, form="deviance", log_input=log_input)
        of_labels = np.mean(special.xlogy(y, y) - y, -1)
        assert_same((value / 2 - of_labels, slope / 2), poisson)


@identity(reals())
def test_tweedie_deviance_of_power_0_is_the_squared_error(data):
    assert_same(evaluate("tweedie", *data, power=0, form="deviance"), evaluate("mean_squared_error", *data))


@identity(reals(-5, 5), st.sampled_from([-1.0, 0.0, 1.0, 1.3, 1.999, 2.0, 2.7]))
def test_tweedie_deviance_is_twice_the_nll_but_for_a_constant(data, power):
    y, x = (np.exp(np.clip(part / 2, -3, 3)) for part in data)
    nll, deviance = (evaluate("tweedie", y, x, power=power, form=form) for form in ("nll", "deviance"))
    assert_same([deviance[1]], [2 * nll[1]])
    perfect = evaluate("tweedie", y, y, power=power)
    assert_same(evaluate("tweedie", y, y, power=power, form="deviance"), (0 * perfect[0], 0 * perfect[1]))
    np.testing.assert_allclose(
        deviance[0], 2 * (nll[0] - perfect[0]), rtol=1e-6, atol=1e-6 if BACKEND == "tensorflow" else 0.1
    )


@identity(reals(-5, 5), st.sampled_from([(1.0, 1e-9), (2.0, 1e-9), (2.0, -1e-9)]))
def test_tweedie_deviance_is_continuous_in_power(data, near):
    y, x = (np.exp(np.clip(part / 2, -3, 3)) for part in data)
    power, step = near
    one, other = (evaluate("tweedie", y, x, power=p, form="deviance") for p in (power, power + step))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("size", [1e-6, 0.5, 7.9, 8.1, 1e4, 1e8])
def test_gamma_keeps_its_digits(size, dtype):
    """Oracle: the same formula in long doubles, log Γ by its series; near y = μ its terms are as large as the shape.

    In float32 the logarithms themselves have an error, which a large shape multiplies.
    """
    for apart in (0.0, 1e-4, -0.3, 2.0):
        y_pred = np.array([[0.5, np.log(size)]], dtype)
        log_mean, k = y_pred.astype("longdouble")[0, 0], np.exp(y_pred.astype("longdouble")[0, 1])
        y = np.exp(log_mean + apart).astype(dtype)
        t = np.log(y.astype("longdouble")) - log_mean
        z = k + 40  # Γ(k) = Γ(k + 40) / (k ... (k + 39)); the series' next term is below 1e-19
        series = 1 / (12 * z) - 1 / (360 * z**3) + 1 / (1260 * z**5) - 1 / (1680 * z**7) + 1 / (1188 * z**9)
        shift = np.sum(np.log1p(np.arange(40) / k))
        beyond = (z - 0.5) * np.log1p(40 / k) - 40 - 0.5 * np.log(k) + 0.5 * np.log(2 * np.pi) + series - shift
        expected = k * (np.expm1(t) - t) + beyond + np.log(y.astype("longdouble"))
        loss = box.GammaNLL(dtype=dtype)
        value, gradient = value_and_gradient(lambda x, y=y, loss=loss: loss([[y]], x), y_pred)
        eps, of_mean = np.finfo(dtype).eps, float(-k * np.expm1(t))
        error = eps * (1 + abs(of_mean) + float(k) * eps)  # that of log y - log μ, by the slope
        assert abs(value - float(expected)) < 8 * error * (1 + min(float(k), 8) * abs(float(np.log(k))))
        assert abs(gradient[0, 0] - of_mean) < 8 * eps * (1 + float(k * np.exp(t)))
        assert np.isfinite(gradient[0, 1])


@identity(reals(-5, 5))
def test_gamma_of_shape_1_is_the_exponential(data):
    """And of any given shape the slope in the mean is that of Tweedie's likelihood of power 2, times the shape."""
    y, z = np.exp(np.clip(data[0], -3, 3)), np.clip(data[1], -3, 3)
    value, slope = evaluate("gamma_nll", y, np.concatenate([z, 0 * z], -1))
    np.testing.assert_allclose(value, np.mean(z + y * np.exp(-z), -1), rtol=1e-6, atol=1e-6)
    _, of_shape = evaluate("gamma_nll", y, np.concatenate([z, np.log(4.0) + 0 * z], -1))
    _, of_mean = evaluate("tweedie", y, z, power=2.0, log_input=True)
    np.testing.assert_allclose(slope[..., : y.shape[-1]], of_mean, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(of_shape[..., : y.shape[-1]], 4 * of_mean, rtol=1e-6, atol=1e-6)


@identity(reals(-5, 5))
def test_negative_binomial_of_a_large_size_is_poisson(data):
    y, z = counted(data)
    y_pred = np.concatenate([z, 20 + 0 * z], -1)
    value, slope = evaluate("negative_binomial_nll", y, y_pred, full=False)
    poisson = evaluate("poisson", y, z, log_input=True)
    for a, b in zip((value, slope[..., : y.shape[-1]]), poisson, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


@identity(reals(-5, 5), log_uniform(0.5, 5))
def test_zero_inflated_log_normal_is_two_losses(data, s):
    """The cross-entropy of whether a label is positive, and LogNormalNLL of those that are."""
    y, x = data
    y = np.where(y > 0, np.exp(y), 0)
    raw = np.log(np.expm1(s)) + 0 * x
    value, slope = evaluate("zero_inflated_log_normal", y, np.concatenate([x, -x, raw], -1), reduction="none")
    d = y.shape[-1]
    bce = evaluate("binary_crossentropy", (y > 0) * 1.0, x, from_logits=True)
    each = np.where(y > 0, y, 1)[..., None], np.stack([-x, raw], -1)
    amount = evaluate("log_normal_nll", *each, parameterization="softplus_scale", full=True)
    some = y > 0
    assert_same([value], [bce[0] + np.mean(np.where(some, amount[0], 0), -1)])
    assert_same([slope[..., :d]], [bce[1]])
    assert_same([slope[..., d : 2 * d]], [np.where(some, amount[1][..., 0], 0) / d])
    assert_same(scaled(1, [slope[..., 2 * d :]]), [np.where(some, amount[1][..., 1], 0) / d])
