"""Identities between losses and their options, on data that Hypothesis draws: both sides are this package's.

Every identity is of the values of the samples and of the gradient of their sum, unless it says otherwise.
"""

import keras
import numpy as np
import pytest
from backends import value_and_gradient
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from keras import ops
from scipy import special

import keras_lossbox as box

# elsewhere parts of keras.ops round float64 to float32
DTYPE, TOLERANCE = ("float64", 1e-11) if keras.config.backend() == "tensorflow" else ("float32", 2e-5)
few = settings(deadline=None, max_examples=20, derandomize=True, suppress_health_check=[HealthCheck.too_slow])

SHAPES = st.sampled_from([(4, 3), (2, 4, 3)])
EPSILONS = st.sampled_from([0.0, 0.1, 0.75, 1.0])
LOGIT_OR_PROBABILITY = st.sampled_from([(True, lambda z: z), (False, special.expit)])


def numbers(shape, low, high):
    """Rounded, so that no square underflows."""
    return arrays("float64", shape, elements=st.floats(low, high).map(lambda x: round(x, 8)))


def log_uniform(low, high):
    return st.floats(np.log(low), np.log(high)).map(lambda x: float(np.exp(x)))


@st.composite
def binary(draw):
    """Labels 0, 1 or soft, and logits of their shape."""
    shape = draw(SHAPES)
    return draw(arrays("float64", shape, elements=st.sampled_from([0.0, 1.0, 0.25]))), draw(numbers(shape, -7, 7))


PLACES = [((4, 3), -1), ((2, 4, 3), -1), ((3, 4), 0), ((2, 3, 4), 1)]


@st.composite
def classes(draw, places=PLACES):
    """Labels as indices and one-hot, logits, and the axis of the classes."""
    shape, axis = draw(st.sampled_from(places))
    z = np.moveaxis(draw(numbers(shape, -5, 5)), axis, -1)
    labels = draw(arrays("int32", z.shape[:-1], elements=st.integers(0, 2)))
    return labels, np.moveaxis(np.eye(3)[labels], -1, axis), np.moveaxis(z, -1, axis), axis


@st.composite
def reals(draw, low=-50, high=50):
    """Targets and predictions; some errors are exactly 0."""
    shape = draw(SHAPES)
    error = draw(numbers(shape, low, high))
    y = draw(arrays("float64", shape, elements=st.integers(-4, 4)))
    return y, y + error


class_weights = st.one_of(st.none(), st.lists(st.floats(0, 4), min_size=3, max_size=3))


def evaluate(loss, y, x, *weights, **options):
    """The values of the samples, and the gradient of their sum."""
    loss = box.get(loss, **({"reduction": "none"} | options), dtype=DTYPE)
    y, x = np.asarray(y) if np.asarray(y).dtype.kind == "i" else np.asarray(y, DTYPE), np.asarray(x, DTYPE)
    gradient = value_and_gradient(lambda t: ops.sum(loss(y, t, *weights)), x)[1]
    return ops.convert_to_numpy(loss(y, x, *weights)).astype("float64"), gradient.astype("float64")


def assert_same(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, rtol=TOLERANCE, atol=TOLERANCE * max(1, np.max(np.abs(b))))


def scaled(factor, pair):
    return [factor * x for x in pair]


# ---------------------------------------------------------------- binary


@few
@given(binary(), LOGIT_OR_PROBABILITY, EPSILONS)
def test_a_pos_weight_of_one_is_none(data, kind, epsilon):
    (y, z), (from_logits, head) = data, kind
    options = {"from_logits": from_logits, "label_smoothing": epsilon}
    plain = evaluate("binary_crossentropy", y, head(z), **options)
    for one in (1.0, [1.0, 1.0, 1.0]):
        assert_same(evaluate("binary_crossentropy", y, head(z), pos_weight=one, **options), plain)


@few
@given(binary(), LOGIT_OR_PROBABILITY, EPSILONS, st.floats(0, 5))
def test_binary_smoothing_is_a_mixture_with_one_half(data, kind, epsilon, q):
    (y, z), (from_logits, head) = data, kind
    options = {"from_logits": from_logits, "pos_weight": q}
    hard = evaluate("binary_crossentropy", y, head(z), **options)
    uniform = evaluate("binary_crossentropy", np.full(y.shape, 0.5), head(z), **options)
    mixture = [(1 - epsilon) * a + epsilon * b for a, b in zip(hard, uniform, strict=True)]
    assert_same(evaluate("binary_crossentropy", y, head(z), label_smoothing=epsilon, **options), mixture)


@few
@given(binary(), LOGIT_OR_PROBABILITY, EPSILONS, st.floats(0.05, 0.95))
def test_balanced_is_a_pos_weight_times_a_constant(data, kind, epsilon, beta):
    (y, z), (from_logits, head) = data, kind
    options = {"from_logits": from_logits, "label_smoothing": epsilon}
    balanced = evaluate("balanced_binary_crossentropy", y, head(z), beta=beta, **options)
    weighted = evaluate("binary_crossentropy", y, head(z), pos_weight=beta / (1 - beta), **options)
    assert_same(balanced, scaled(1 - beta, weighted))


@few
@given(binary(), EPSILONS)
def test_balanced_counts_the_fraction_of_negatives(data, epsilon):
    (y, z), options = data, {"from_logits": True, "label_smoothing": epsilon}
    counted = evaluate("balanced_binary_crossentropy", y, z, **options)
    assert_same(counted, evaluate("balanced_binary_crossentropy", y, z, beta=1 - y.mean(), **options))
    by_sample = [evaluate("balanced_binary_crossentropy", y[i : i + 1], z[i : i + 1], **options) for i in range(len(y))]
    together = [np.concatenate(parts) for parts in zip(*by_sample, strict=True)]
    assert_same(evaluate("balanced_binary_crossentropy", y, z, scope="sample", **options), together)


@few
@given(binary(), EPSILONS)
def test_yes_and_no_can_be_exchanged(data, epsilon):
    (y, z), options = data, {"from_logits": True, "label_smoothing": epsilon}
    values, gradient = evaluate("binary_crossentropy", 1 - y, -z, **options)
    assert_same(evaluate("binary_crossentropy", y, z, **options), (values, -gradient))


@few
@given(binary(), EPSILONS, st.sampled_from(["binary_crossentropy", "balanced_binary_crossentropy"]))
def test_binary_logits_are_probabilities(data, epsilon, loss):
    (y, z), p = data, special.expit(data[1])
    values, slope = evaluate(loss, y, p, label_smoothing=epsilon)
    assert_same(evaluate(loss, y, z, from_logits=True, label_smoothing=epsilon), (values, slope * p * (1 - p)))


@few
@given(binary(), EPSILONS)
def test_a_sigmoid_is_a_softmax_of_two(data, epsilon):
    y, z = data
    values, gradient = evaluate(
        "categorical_crossentropy",
        np.stack([1 - y, y], -1),
        np.stack([0 * z, z], -1),
        from_logits=True,
        label_smoothing=epsilon,
    )
    one = evaluate("binary_crossentropy", y, z, from_logits=True, label_smoothing=epsilon, axis=None)
    assert_same(one, (values, gradient[..., 1]))


# ---------------------------------------------------------------- several classes


@few
@given(classes(), st.booleans(), EPSILONS, class_weights)
def test_one_hot_is_sparse(data, from_logits, epsilon, weights):
    labels, one_hot, z, axis = data
    x = z if from_logits else special.softmax(z, axis)
    options = {"from_logits": from_logits, "label_smoothing": epsilon, "class_weight": weights, "axis": axis}
    sparse = evaluate("sparse_categorical_crossentropy", labels, x, **options)
    assert_same(sparse, evaluate("categorical_crossentropy", one_hot, x, **options))


@few
@given(classes(), st.booleans(), st.sampled_from(["logistic", "hinge", None]))
def test_one_hot_is_sparse_for_the_zero_one_loss(data, from_logits, surrogate):
    labels, one_hot, z, axis = data
    x = z if from_logits else special.softmax(z, axis)
    options = {"from_logits": from_logits, "surrogate": surrogate, "axis": axis}
    assert_same(evaluate("zero_one", labels, x, **options), evaluate("zero_one", one_hot, x, **options))


@few
@given(classes(), EPSILONS, class_weights)
def test_class_logits_are_probabilities(data, epsilon, weights):
    labels, _, z, axis = data
    p, options = special.softmax(z, axis), {"label_smoothing": epsilon, "class_weight": weights, "axis": axis}
    values, slope = evaluate("sparse_categorical_crossentropy", labels, p, **options)
    through_softmax = p * (slope - np.sum(p * slope, axis, keepdims=True))
    logits = evaluate("sparse_categorical_crossentropy", labels, z, from_logits=True, **options)
    assert_same(logits, (values, through_softmax))


@few
@given(classes(), st.booleans(), EPSILONS, class_weights)
def test_class_smoothing_is_a_mixture_with_the_uniform_distribution(data, from_logits, epsilon, weights):
    labels, one_hot, z, axis = data
    x = z if from_logits else special.softmax(z, axis)
    options = {"from_logits": from_logits, "class_weight": weights, "axis": axis}
    hard = evaluate("sparse_categorical_crossentropy", labels, x, **options)
    uniform = evaluate("categorical_crossentropy", np.full(one_hot.shape, 1 / 3), x, **options)
    mixture = [(1 - epsilon) * a + epsilon * b for a, b in zip(hard, uniform, strict=True)]
    for loss, y in (("sparse_categorical_crossentropy", labels), ("categorical_crossentropy", one_hot)):
        assert_same(evaluate(loss, y, x, label_smoothing=epsilon, **options), mixture)


@few
@given(classes(), st.booleans(), st.lists(st.floats(0.1, 4), min_size=3, max_size=3))
def test_a_class_weight_is_a_sample_weight_where_labels_are_hard(data, from_logits, weights):
    labels, one_hot, z, axis = data
    x = z if from_logits else special.softmax(z, axis)
    for loss, y in (("sparse_categorical_crossentropy", labels), ("categorical_crossentropy", one_hot)):
        for reduction in ("none", "sum", "sum_over_batch_size", "sum_by_nonzero_weights"):
            options = {"from_logits": from_logits, "axis": axis, "reduction": reduction}
            by_class = evaluate(loss, y, x, class_weight=weights, **options)
            assert_same(by_class, evaluate(loss, y, x, np.array(weights)[labels], **options))


@few
@given(classes(), st.floats(-30, 30))
def test_logits_may_be_shifted(data, shift):
    labels, _, z, axis = data
    options = {"from_logits": True, "axis": axis}
    plain = evaluate("sparse_categorical_crossentropy", labels, z, **options)
    assert_same(evaluate("sparse_categorical_crossentropy", labels, z + shift, **options), plain)


@few
@given(classes())
def test_ignored_is_weighted_zero(data):
    labels, _, z, axis = data
    options = {"from_logits": True, "axis": axis, "reduction": "sum_by_nonzero_weights"}
    ignored = evaluate("sparse_categorical_crossentropy", labels, z, ignore_class=2, **options)
    assert_same(ignored, evaluate("sparse_categorical_crossentropy", labels, z, 1.0 * (labels != 2), **options))


# ---------------------------------------------------------------- regression


@few
@given(reals())
def test_huber_with_a_large_delta_is_half_the_squared_error(data):
    assert_same(evaluate("huber", *data, delta=1e6), scaled(0.5, evaluate("mean_squared_error", *data)))


@few
@given(reals(), log_uniform(1e-12, 1e-7))
def test_huber_with_a_small_delta_is_delta_times_the_absolute_error(data, delta):
    y, x = data
    assume(np.all((y == x) | (np.abs(y - x) > 1e-5)))
    huber, absolute = evaluate("huber", y, x, delta=delta), evaluate("mean_absolute_error", y, x)
    np.testing.assert_allclose(huber[0] / delta, absolute[0], rtol=TOLERANCE, atol=delta)
    np.testing.assert_allclose(huber[1] / delta, absolute[1], rtol=TOLERANCE)


@few
@given(reals(), log_uniform(1e-2, 1e2))
def test_smooth_l1_is_huber_divided(data, beta):
    assert_same(evaluate("smooth_l1", *data, beta=beta), scaled(1 / beta, evaluate("huber", *data, delta=beta)))


@few
@given(reals())
def test_smooth_l1_of_zero_is_the_absolute_error(data):
    assert_same(evaluate("smooth_l1", *data, beta=0), evaluate("mean_absolute_error", *data))


@few
@given(reals(-1e-3, 1e-3), st.integers(0, 4))
def test_log_cosh_near_zero_is_half_the_squared_error(data, power):
    error = (data[1] - data[0]) / 10.0**power
    for e, value in zip(error.flat, evaluate("log_cosh", 0 * error.ravel(), error.ravel())[0], strict=True):
        np.testing.assert_allclose(value, 0.5 * e**2 - e**4 / 12, rtol=max(TOLERANCE, 1e-10), atol=1e-300)


@few
@given(reals(20, 1e5), st.sampled_from([-1, 1]))
def test_log_cosh_far_away_is_the_absolute_error_less_log_2(data, sign):
    size = data[1] - data[0]
    expected = np.mean(size, -1) - np.log(2), sign * np.ones(size.shape) / size.shape[-1]
    assert_same(evaluate("log_cosh", 0 * size, sign * size), expected)


@few
@given(reals())
def test_norms_are_sums_where_errors_are_means(data):
    d = data[0].shape[-1]
    assert_same(evaluate("l1_norm", *data), scaled(d, evaluate("mean_absolute_error", *data)))
    norm, slope = evaluate("l2_norm", *data)
    squared = evaluate("mean_squared_error", *data)
    assert_same((norm**2, 2 * norm[..., None] * slope), scaled(d, squared))
    flat = [x.reshape(len(x), -1) for x in data]
    for loss in ("l1_norm", "l2_norm"):
        values, gradient = evaluate(loss, *flat)
        assert_same(evaluate(loss, *data, axes="sample"), (values, gradient.reshape(data[0].shape)))


@few
@given(reals(), st.data(), st.sampled_from(["sum_over_batch_size", "sum", "mean_with_sample_weight", "none"]))
def test_the_square_of_the_rmse_is_the_mse(data, more, reduction):
    weights = more.draw(arrays("float64", len(data[0]), elements=st.sampled_from([0.0, 0.5, 2.0])))
    mse, slope = evaluate("mean_squared_error", *data, weights, reduction=reduction)
    rmse, slope_of_root = evaluate("root_mean_squared_error", *data, weights, reduction=reduction)
    each = 2 * rmse.reshape(rmse.shape + (1,) * (slope.ndim - rmse.ndim))
    assert_same((rmse**2, each * slope_of_root), (mse, slope))
    per_sample = evaluate("root_mean_squared_error", *data, scope="sample")
    assert_same(per_sample, evaluate("root_mean_squared_error", *data, reduction="none"))


@few
@given(reals())
def test_the_rmse_lies_between_the_mean_and_the_largest_error(data):
    rmse = evaluate("root_mean_squared_error", *data)[0]
    assert np.all(evaluate("mean_absolute_error", *data)[0] <= rmse * (1 + 1e-6))
    assert np.all(rmse <= np.max(np.abs(data[0] - data[1]), -1) * (1 + 1e-6))


# ---------------------------------------------------------------- all kinds of losses

COUNTABLE = [  # not the balanced loss, which counts β by rows, not by weights
    "binary_crossentropy",
    "zero_one",
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
    "mean_squared_error",
    "mean_absolute_error",
    "root_mean_squared_error",
    "l1_norm",
    "l2_norm",
    "huber",
    "smooth_l1",
    "log_cosh",
]


@pytest.mark.parametrize("reduction", ["sum", "mean_with_sample_weight"])
@pytest.mark.parametrize("loss", COUNTABLE)
@settings(few, max_examples=5)
@given(data=classes(PLACES[:2]), more=st.data())
def test_a_weight_of_two_is_the_row_twice(loss, reduction, data, more):
    """Weight k is k copies, 0 none."""
    labels, y, z, _ = data
    y = labels if "sparse" in loss else y
    counts = more.draw(arrays("int32", len(z), elements=st.integers(0, 3)).filter(np.any))
    options = {"reduction": reduction}
    if hasattr(box.available()[loss], "from_logits"):
        options["from_logits"] = True
    weighted = evaluate(loss, y, z, counts.astype("float64"), **options)
    repeated, of_copies = evaluate(loss, np.repeat(y, counts, 0), np.repeat(z, counts, 0), **options)
    gradient = np.zeros(z.shape)
    np.add.at(gradient, np.repeat(np.arange(len(z)), counts), of_copies)
    assert_same(weighted, (repeated, gradient))
