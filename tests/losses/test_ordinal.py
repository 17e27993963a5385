"""The losses over ordered classes: golden values, edges, and identities between them and with others."""

import golden
import keras
import numpy as np
import oracle_ordinal
import pytest
from backends import BACKEND, MODES, value_and_gradient
from cases import by_default
from golden import BOTH, DEEP, EACH, PRECISE, SHAPES, TOLERANCE, assert_close, grid
from hypothesis import strategies as st
from identities import assert_same, evaluate, identity, numbers
from scipy import special, stats
from sklearn import metrics

import keras_lossbox as box

numpy = keras.ops.convert_to_numpy

# ---------------------------------------------------------------- 1. oracle: loops in numpy and scipy

NUMPY_CASES = [
    *grid("coral", SHAPES, "ordered", importance_weights=[None, 2.5, EACH]),
    *grid("corn", SHAPES, "ordered", average=["samples", "tasks"]),
    *grid("cumulative_link", SHAPES, "ordered"),
    *grid("weighted_kappa", DEEP, "rows indices", from_logits=BOTH, weightage=["quadratic", "linear"]),
    *grid("weighted_kappa", DEEP[:1], "soft", from_logits=BOTH, epsilon=[1e-3], log=BOTH),
    *grid("earth_movers", DEEP, "soft indices", from_logits=BOTH, power=[1.0, 1.5, 2.0, 3.0], root=BOTH),
    *grid("earth_movers", DEEP[:1], "rows column", from_logits=BOTH),
]

NUMPY = golden.by_kind(NUMPY_CASES)


@pytest.mark.parametrize("group, dtype, size", golden.of_numpy(NUMPY))
def test_numpy(group, dtype, size):
    golden.check_numpy(oracle_ordinal, NUMPY[group], dtype, size)


def test_every_oracle_is_asked():
    golden.check_every_oracle_is_asked(oracle_ordinal, NUMPY_CASES)


# Where formulas overflow or cancel: in both tails; the first and the last class.
TAILS = [(80, 0, -80), (80, 79, 78), (-78, -79, -80), (60, 50, 20), (-20, -50, -60), (12, 11.5, -30)]
EDGES = [(loss, {}, y, z) for loss in ("coral", "corn", "cumulative_link") for z in TAILS for y in range(4)]
# A kappa or a distance of nearly 0, and predictions that are sure.
EDGES += [
    ("earth_movers", {"power": power, "root": root}, y, p)
    for power in (1.5, 2.0)
    for root in BOTH
    for y, p in ((0, (1, 0, 0)), (2, (1, 0, 0)), (1, (0.01, 0.98, 0.01)))
]


@pytest.mark.matrix
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_edges(dtype):
    golden.check_edges(oracle_ordinal, EDGES, dtype)


# ---------------------------------------------------------------- 2. other libraries

# Recorded from coral-pytorch 1.4.0 with PyTorch 2.13.0, in float64 (`test_coral_pytorch_recipe` runs it again where
# they are installed): values, or their mean, and the gradient of their sum.
Z = [[1.5, -0.5, 0.25], [-2.0, 0.75, 3.0], [0.125, -0.25, 0.0], [4.0, -1.0, 0.5]]
Y = [0, 3, 1, 2]
WEIGHTS = [0.5, 2.0, 1.25]
# fmt: off
CORAL_PYTORCH = [
    (
        "coral_loss(z, levels, reduction=None)", "coral", {"reduction": "none"},
        [3.001429682041703, 2.5623863687316146, 1.9016856357559582, 2.3054885996161394],
        [[0.8175744761936437, 0.3775406687981455, 0.5621765008857982],
         [-0.8807970779778824, -0.32082130082460697, -0.04742587317756679],
         [-0.46879062662624377, 0.4378234991142018, 0.5],
         [-0.017986209962091555, -0.7310585786300049, 0.6224593312018545]],
    ),
    (
        "coral_loss(z, levels, weights, reduction=None)", "coral", {"importance_weights": WEIGHTS, "reduction": "none"},
        [2.831284882200144, 1.897940207218464, 2.3346123331162034, 3.8531945692204834],
        [[0.4087872380968218, 0.755081337596291, 0.7027206261072476],
         [-0.4403985389889412, -0.6416426016492139, -0.05928234147195849],
         [-0.23439531331312188, 0.8756469982284036, 0.625],
         [-0.008993104981045778, -1.4621171572600098, 0.7780741640023181]],
    ),
    (
        "corn_loss(z, y, 4)", "corn", {"average": "tasks"},
        0.8642029668362798,
        [[0.0908416084659604, 0.0, 0.0], [-0.09786634199754249, -0.03564681120273411, -0.005269541464174087],
         [-0.05208784740291597, 0.048647055457133534, 0.0],
         [-0.0019984677735657283, -0.08122873095888943, 0.06916214791131717]],
    ),
]
# fmt: on


def test_coral_pytorch():
    for made, loss, options, values, gradient in CORAL_PYTORCH:
        with golden.naming(made):
            ours = box.get(loss, dtype=PRECISE, **options)
            assert_close(numpy(ours(Y, np.array(Z, PRECISE))), values, TOLERANCE[PRECISE])
            slope = value_and_gradient(lambda x: keras.ops.sum(ours(Y, x)), np.array(Z, PRECISE))[1]  # noqa: B023
            assert_close(slope, gradient, TOLERANCE[PRECISE])


def test_coral_pytorch_recipe():
    torch = pytest.importorskip("torch", reason="the recipe needs PyTorch")
    losses = pytest.importorskip("coral_pytorch.losses", reason="and coral-pytorch")
    y, weights = torch.tensor(Y), torch.tensor(WEIGHTS, dtype=torch.float64)
    levels = (y[:, None] > torch.arange(3)).double()
    for made, *_, values, gradient in CORAL_PYTORCH:
        z = torch.tensor(Z, dtype=torch.float64, requires_grad=True)
        value = eval(f"losses.{made}", {"losses": losses, "z": z, "y": y, "levels": levels, "weights": weights})
        value.sum().backward()
        np.testing.assert_allclose(value.detach().numpy(), values, rtol=1e-14)
        np.testing.assert_allclose(z.grad.numpy(), gradient, rtol=1e-14)


DOCUMENTED = {
    "WeightedKappaLoss of tensorflow_addons 0.23.0": (
        box.WeightedKappa(),
        np.eye(4)[[2, 1, 0, 3]],
        [[0.1, 0.2, 0.6, 0.1], [0.1, 0.5, 0.3, 0.1], [0.8, 0.05, 0.05, 0.1], [0.01, 0.09, 0.1, 0.8]],
        -1.1611923,
    ),
}


def test_documented():
    golden.check_documented(DOCUMENTED)
    loss = box.Coral()  # coral_pytorch 1.4.0 prints four digits
    z = [[2.1, 1.8, -2.1, -1.8], [1.9, -1.0, -1.5, -1.3], [1.9, 1.8, 1.7, 1.6]]
    assert round(float(loss([2, 1, 4], z)), 4) == 0.6920


@pytest.mark.parametrize("weightage", ["quadratic", "linear"])
@pytest.mark.parametrize("weighted", [False, True])
def test_kappa_of_sure_predictions_is_scikit_learns(weightage, weighted, rng):
    y, predicted = rng.integers(0, 5, 60), rng.integers(0, 5, 60)
    weights = rng.choice([0.0, 0.5, 3.0], 60) if weighted else None
    kappa = metrics.cohen_kappa_score(y, predicted, weights=weightage, sample_weight=weights, labels=range(5))
    loss = box.WeightedKappa(weightage, log=False, reduction="mean_with_sample_weight", dtype=PRECISE)
    value = loss(y, np.eye(5, dtype=PRECISE)[predicted], None if weights is None else weights / weights.sum())
    # weights go inside; outside of the sums they would be normalised by the reduction once more
    assert_close(numpy(value), 1 - kappa, TOLERANCE[PRECISE])


@pytest.mark.parametrize("classes", [2, 5])
def test_a_power_of_1_is_scipys_wasserstein_distance(classes, rng):
    p, q = rng.dirichlet(np.ones(classes), (2, 7))
    places = np.arange(classes)
    expected = [stats.wasserstein_distance(places, places, *pair) for pair in zip(p, q, strict=True)]
    values = box.EarthMovers(power=1, reduction="none", dtype=PRECISE)(q, p.astype(PRECISE))
    assert_close(numpy(values), expected, TOLERANCE[PRECISE])


def test_a_power_of_2_is_the_ranked_probability_score(rng):
    """Epstein 1969: Σ over the thresholds of the Brier score of "not above it"."""
    p, y = rng.dirichlet(np.ones(4), 6), rng.integers(0, 4, 6)
    expected = sum((p[:, : k + 1].sum(-1) - (y <= k)) ** 2 for k in range(4))
    assert_close(numpy(box.EarthMovers(reduction="none", dtype=PRECISE)(y, p.astype(PRECISE))), expected, 1e-6)


# ---------------------------------------------------------------- 3. edges


def test_crossing_thresholds():
    """A gap of 1e-7 is taken: sp(-a) + sp(b) - log(1 - exp(-1e-7)), with the gradient of the gap."""
    value, gradient = value_and_gradient(lambda z: box.CumulativeLink()([1], z), np.float32([[-1.0, 2.0]]))
    expected = np.logaddexp(0, 1) + np.logaddexp(0, 2) - np.log(-np.expm1(-1e-7))
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    np.testing.assert_allclose(gradient, [[-1e7, 1e7]], rtol=1e-4)
    for loss in (box.Coral(), box.Corn()):  # which do not ask for an order
        assert np.all(np.abs(value_and_gradient(lambda z: loss([1], z), np.float32([[-1.0, 2.0]]))[1]) < 1)  # noqa: B023


@pytest.mark.matrix
@pytest.mark.parametrize("mode", MODES)
def test_kappa_where_there_is_nothing_to_divide_by(mode):
    """Labels and predictions that are one class: 0 by agreement; labels of one class: κ = 0, and nothing is learnt."""
    loss = box.WeightedKappa(log=False)
    sure, unsure = np.float32([[0, 1, 0]] * 3), np.float32([[0.25, 0.5, 0.25], [0.0, 1.0, 0.0], [0.0, 0.5, 0.5]])
    for p, expected in ((sure, 0.0), (unsure, 1.0)):
        value, gradient = value_and_gradient(lambda x: loss([1, 1, 1], x), p, mode=mode)
        assert value == pytest.approx(expected, abs=1e-6)
        np.testing.assert_allclose(gradient, 0, atol=1e-6)
        logged = value_and_gradient(lambda x: box.WeightedKappa()([1, 1, 1], x), p, mode=mode)
        assert logged[0] == pytest.approx(np.log(expected + 1e-6), abs=2e-6)
        assert np.all(np.isfinite(logged[1]))


def test_kappa_of_perfect_predictions_is_the_logarithm_of_epsilon():
    for epsilon in (1e-6, 0.01):
        loss = box.WeightedKappa(epsilon=epsilon)
        value, gradient = value_and_gradient(lambda p: loss([0, 2, 1], p), np.eye(3, dtype="float32")[[0, 2, 1]])  # noqa: B023
        assert value == pytest.approx(np.log(epsilon))
        assert np.all(np.isfinite(gradient))


def test_a_batch_of_one():
    assert numpy(box.WeightedKappa(log=False)([1], [[0.5, 0.5, 0.0]])) == pytest.approx(1.0)  # a label beside itself
    one, all_of_it = ([[0.5, -1.0]], 2), ([[0.5, -1.0]] * 3, [2, 2, 2])
    for loss in (box.Coral(), box.Corn(), box.Corn("tasks"), box.CumulativeLink()):
        assert numpy(loss([one[1]], one[0])) == pytest.approx(float(numpy(loss(all_of_it[1], all_of_it[0]))), rel=1e-6)


def test_one_threshold_without_an_axis_of_its_own(rng):
    z, y = rng.normal(size=5).astype("float32"), rng.integers(0, 2, 5)
    for loss in ("coral", "corn", "cumulative_link"):
        each = box.get(loss, reduction="none")
        expected = numpy(box.BinaryCrossentropy(from_logits=True, reduction="none")(y, z))
        for labels in (y, y[:, None], y.astype("float32")):
            for logits in (z, z[:, None]):
                np.testing.assert_allclose(numpy(each(labels, logits)), expected, rtol=1e-6)


@pytest.mark.parametrize("loss", ["coral", "corn", "cumulative_link"])
def test_what_does_not_fit_is_an_error(loss):
    ordinal = box.get(loss)
    cls = type(ordinal).__name__
    for y in ([0, 4], [-1, 0], [0.0, 1.5], [0.0, np.nan]):
        with pytest.raises(ValueError, match=rf"{cls}: `y_true` must hold class indices from 0 to 3"):
            ordinal(y, np.zeros((2, 3)))
    for y in (np.eye(4)[:2], np.zeros((2, 3)), np.zeros(3)):  # one-hot, levels, another batch
        with pytest.raises(ValueError, match=f"{cls}: y_true and y_pred must have the same shape.*thresholds"):
            ordinal(y, np.zeros((2, 3)))
    with pytest.raises(ValueError, match=rf"{cls}: `y_true` must hold class indices from 0 to 1, as many as there are"):
        ordinal([0, 2], np.zeros(2))  # one threshold
    with pytest.raises(ValueError, match="`importance_weights` must be one number or 3 of them"):
        box.Coral([1.0, 2.0])([0], np.zeros((1, 3)))


@pytest.mark.skipif(BACKEND != "tensorflow", reason="graphs are TensorFlow's")
def test_a_class_beyond_the_last_is_an_error_that_names_it_for_a_batch_of_unknown_size():
    import tensorflow as tf

    run = tf.function(box.Coral(), [tf.TensorSpec([None], "int32"), tf.TensorSpec([None, 3])], autograph=False)
    with pytest.raises(tf.errors.InvalidArgumentError, match="Coral: `y_true` must hold class indices from 0 to 3, as"):
        run([0, 4], tf.zeros([2, 3]))


@pytest.mark.skipif(BACKEND == "jax", reason="JAX's arrays do not carry the logits of an activation")
def test_behind_a_sigmoid_the_logits_are_used():
    z = keras.ops.convert_to_tensor([[40.0, -1.0]])
    for loss in (box.Coral(), box.Corn(), box.CumulativeLink()):
        expected = numpy(loss([1], z))
        with pytest.warns(UserWarning, match="y_pred comes out of a sigmoid"):
            assert numpy(loss([1], keras.activations.sigmoid(z))) == expected


@pytest.mark.skipif(BACKEND != "tensorflow", reason="compiled programs are TensorFlow's")
@pytest.mark.parametrize(
    "loss", by_default(lambda loss: loss == "corn", ["coral", "corn", "cumulative_link"]), ids=lambda loss: loss
)
def test_many_samples_as_a_program_of_their_own(loss, rng):
    """`jit_compile`, filled up with rows that do not count, beside the ordinary way."""
    z, y = -np.sort(-rng.normal(size=(9000, 8)).astype("float32"), -1), rng.integers(0, 9, 9000)
    options = {"average": "tasks"} if loss == "corn" else {}
    each = box.get(loss, **options)
    found = value_and_gradient(lambda x: each(y, x), z, mode="graph", unknown_batch=True)
    box.config.disable_jit_compile()
    try:
        expected = value_and_gradient(lambda x: each(y, x), z)
    finally:
        box.config.enable_jit_compile()
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-6 * np.max(np.abs(other)))


# ---------------------------------------------------------------- 4. identities


@st.composite
def ordered(draw, decreasing=False):
    """Labels 0 ... K and K logits."""
    shape = draw(st.sampled_from([(4, 1), (4, 3), (2, 3, 4)]))
    z, steps = draw(numbers(shape, -5, 5)), np.arange(shape[-1])
    labels = np.array(draw(st.lists(st.integers(0, shape[-1]), min_size=12, max_size=12)))
    labels = np.resize(labels, shape[:-1]).astype("int32")
    return labels, (z[..., :1] - np.cumsum(np.abs(z) + 0.01, -1) * (steps > 0) if decreasing else z)


def bernoulli_of_levels(labels, z):
    """The sum over thresholds of `BinaryCrossentropy` of what lies above which."""
    levels = (labels[..., None] > np.arange(z.shape[-1])).astype("float64")
    values, gradient = evaluate("binary_crossentropy", levels, z, from_logits=True)
    return values * z.shape[-1], gradient * z.shape[-1]


@identity(ordered())
def test_coral_is_the_binary_crossentropy_of_every_threshold(data):
    assert_same(evaluate("coral", *data), bernoulli_of_levels(*data))


@identity(ordered())
def test_corn_is_the_likelihood_of_the_continuation_ratio_model(data):
    labels, z = data
    passed, p = special.expit(z), np.ones((*z.shape[:-1], z.shape[-1] + 1))
    for k in range(z.shape[-1]):
        p[..., k] *= 1 - passed[..., k]
        p[..., k + 1 :] *= passed[..., k, None]
    expected = -np.log(np.take_along_axis(p, labels[..., None], -1)[..., 0])
    np.testing.assert_allclose(evaluate("corn", labels, z)[0], expected, rtol=1e-5)
    np.testing.assert_allclose(numpy(box.ordinal_probabilities(z, "conditional")), p, rtol=1e-4, atol=1e-6)


@identity(ordered(decreasing=True))
def test_cumulative_link_is_the_likelihood_of_probabilities_that_sum_to_1(data):
    labels, z = data
    each = [evaluate("cumulative_link", np.full_like(labels, k), z)[0] for k in range(z.shape[-1] + 1)]
    p = np.exp(-np.stack(each, -1))
    np.testing.assert_allclose(p.sum(-1), 1, rtol=1e-4 if BACKEND == "jax" else 1e-6)
    np.testing.assert_allclose(numpy(box.ordinal_probabilities(z)), p, rtol=1e-3, atol=1e-6)


@identity(ordered(), st.sampled_from(["sum", "sum_over_batch_size"]))
def test_the_mean_over_tasks_is_that_over_all_pairs(data, reduction):
    labels, z = data
    pairs = np.sum(np.minimum(labels, z.shape[-1] - 1) + 1)
    by_sample = evaluate("corn", labels, z, reduction="sum")
    factor = 1 / pairs if reduction == "sum_over_batch_size" else labels.size / pairs
    assert_same(evaluate("corn", labels, z, average="tasks", reduction=reduction), [factor * x for x in by_sample])


@identity(st.sampled_from(["quadratic", "linear"]), numbers((6, 4), -3, 3))
def test_a_weight_of_two_is_the_row_twice_in_kappa(weightage, z):
    labels, counts = np.array([0, 3, 1, 2, 2, 0]), np.array([2, 1, 0, 3, 1, 1])
    options = {"weightage": weightage, "from_logits": True, "reduction": "sum_over_batch_size"}
    weighted = evaluate("weighted_kappa", labels, z, counts.astype("float64"), **options)[0]
    repeated = evaluate("weighted_kappa", np.repeat(labels, counts), np.repeat(z, counts, 0), **options)[0]
    np.testing.assert_allclose(weighted, repeated, rtol=1e-4, atol=1e-6)
