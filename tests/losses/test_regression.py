"""The losses of real numbers: golden values, extremes, and identities between losses."""

import golden
import keras
import numpy as np
import oracle_regression
import pytest
from backends import BACKEND, value_and_gradient
from cases import by_default
from golden import DEEP, MEANS, OTHER_AXES, SHAPES, TOLERANCE, grid, on_tensorflow
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
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
from scipy.spatial import distance
from sklearn import metrics

import keras_lossbox as box

if BACKEND == "tensorflow":
    import tensorflow as tf

numpy = keras.ops.convert_to_numpy

# ---------------------------------------------------------------- 1. oracle: formulas in numpy and scipy

NUMPY_CASES = [
    *grid("mean_squared_error", SHAPES + OTHER_AXES, "real"),
    *grid("mean_absolute_error", SHAPES + OTHER_AXES, "real"),
    *grid("mean_absolute_percentage_error", SHAPES + OTHER_AXES, "real", symmetric=[False, True]),
    *grid("mean_squared_logarithmic_error", SHAPES + OTHER_AXES, "real positive"),
    *grid("cosine_similarity", SHAPES + MEANS[1:4], "real", distance=[False, True]),
    *grid("root_mean_squared_error", SHAPES + OTHER_AXES, "real", scope=["batch", "sample"]),
    *grid("l1_norm", SHAPES, "real", axes=["last", "sample"]),
    *grid("l2_norm", SHAPES, "real", axes=["last", "sample"]),
]

NUMPY = golden.by_kind(NUMPY_CASES)


@pytest.mark.parametrize("group, dtype, size", golden.of_numpy(NUMPY))
def test_numpy(group, dtype, size):
    golden.check_numpy(oracle_regression, NUMPY[group], dtype, size)


def test_every_oracle_is_asked():
    golden.check_every_oracle_is_asked(oracle_regression, NUMPY_CASES)


# Where formulas overflow, cancel or clip.
EDGES = [
    *(("mean_absolute_percentage_error", {}, y, x) for y, x in [(0, 0), (0, 1e-9), (1e-8, 1), (-1e6, 1e6)]),
    *(("mean_absolute_percentage_error", {"symmetric": True}, y, x) for y, x in [(0, 0), (2, 0), (-1, 1), (1, 3)]),
    *(
        ("mean_squared_logarithmic_error", {}, y, x)
        for y, x in [(0, 0), (1e-9, 0), (3, -2), (-3, 2), (-1, -2), (0, 1e9)]
    ),
    ("cosine_similarity", {"distance": True}, [3, 4], [6, 8]),
    *(
        ("cosine_similarity", {"distance": d}, y, x)
        for d in (False, True)
        for y, x in [([0, 0], [1, 2]), ([1, 2], [0, 0]), ([1, 0], [0, 1e-30]), ([1e18, 0], [-1e18, 1e18])]
    ),
]


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_edges(dtype):
    golden.check_edges(oracle_regression, EDGES, dtype)


# ---------------------------------------------------------------- 2. oracle: TensorFlow

TENSORFLOW = {  # tf.nn and tf.math, one value per sample
    "squared_difference": (
        grid("mean_squared_error", DEEP, "no_hit"),
        lambda y, x, o: tf.reduce_mean(tf.math.squared_difference(y, x), -1),
    ),
    "l2_normalize": (
        grid("cosine_similarity", DEEP, "no_hit"),
        lambda y, x, o: -tf.reduce_sum(tf.math.l2_normalize(y, -1) * tf.math.l2_normalize(x, -1), -1),
    ),
    "norm-1": (grid("l1_norm", DEEP, "no_hit"), lambda y, x, o: tf.norm(y - x, ord=1, axis=-1)),
    "norm-2": (grid("l2_norm", DEEP, "no_hit"), lambda y, x, o: tf.norm(y - x, axis=-1)),
}


@on_tensorflow
@pytest.mark.parametrize("cases, oracle", TENSORFLOW.values(), ids=TENSORFLOW)
def test_tensorflow(cases, oracle):
    golden.check_tensorflow(cases, oracle)


TF1 = {
    "mean_squared_error": grid("mean_squared_error", [(4, 5, 1), ((6, 3), None)], "real"),
    "absolute_difference": grid("mean_absolute_error", [(4, 5, 1), ((6, 3), None)], "real"),
}


@on_tensorflow
@pytest.mark.parametrize("full", by_default(lambda full: not full, [False, True]), ids=["", "long"])
@pytest.mark.parametrize("name", TF1)
def test_tf1(name, full):
    golden.check_tf1(name, TF1[name], full)


# ---------------------------------------------------------------- 3. oracle: Keras and scikit-learn

# Not errors of 0 on JAX, where Keras's |e| has a slope.
KERAS = golden.by_loss(
    [
        *grid("mean_squared_error", DEEP, "real"),
        *grid("mean_absolute_error", DEEP, "no_hit"),
        *grid("mean_absolute_percentage_error", DEEP, "no_hit"),
        *grid("mean_squared_logarithmic_error", DEEP, "positive"),
        *grid("cosine_similarity", DEEP, "real"),
    ]
)


@pytest.mark.parametrize("loss", KERAS)
def test_keras(loss):
    golden.check_keras(KERAS[loss])


SKLEARN = {
    "mean_squared_error": (grid("mean_squared_error", [(6, 3)], "real"), metrics.mean_squared_error),
    "mean_absolute_error": (grid("mean_absolute_error", [(6, 3)], "real"), metrics.mean_absolute_error),
    "mean_absolute_percentage_error": (
        grid("mean_absolute_percentage_error", [(6, 3)], "real"),
        lambda y, x, **how: 100 * metrics.mean_absolute_percentage_error(y, x, **how),
    ),
    "mean_squared_log_error": (
        grid("mean_squared_logarithmic_error", [(6, 3)], "positive"),
        metrics.mean_squared_log_error,
    ),
    "root_mean_squared_error": (grid("root_mean_squared_error", [(7,)], "real"), metrics.root_mean_squared_error),
}


@pytest.mark.parametrize("cases, oracle", SKLEARN.values(), ids=SKLEARN)
def test_sklearn(cases, oracle):
    golden.check_sklearn(cases, oracle)


# ---------------------------------------------------------------- 4. oracle: numbers recorded from PyTorch

# fmt: off
PYTORCH = [  # the recipe is in golden.py
    (
        "L1Loss(reduction=r)", "z.reshape(12), y.reshape(12)",
        "mean_absolute_error",
        {},
        [0.5, 0.5, 0.25, 2.0, 0.25, 2.0, 0.125, 0.25, 1.0, 4.0, 1.0, 0.25],
        [1.0, -1.0, 1.0, -1.0, -1.0, 1.0, -1.0, -1.0, -1.0, 1.0, -1.0, -1.0],
    ),
    (
        "MSELoss(reduction=r)", "z.reshape(12), y.reshape(12)",
        "mean_squared_error",
        {},
        [0.25, 0.25, 0.0625, 4.0, 0.0625, 4.0, 0.015625, 0.0625, 1.0, 16.0, 1.0, 0.0625],
        [1.0, -1.0, 0.5, -4.0, -0.5, 4.0, -0.25, -0.5, -2.0, 8.0, -2.0, -0.5],
    ),
]
# fmt: on


def test_pytorch():
    golden.check_torch_nn(PYTORCH)


def test_pytorch_recipe():
    pytest.importorskip("torch", reason="the recipe needs PyTorch")
    golden.check_recipe_of_torch_nn(PYTORCH)


# ---------------------------------------------------------------- extremes, weights


@pytest.mark.parametrize("angle", [1e-7, 1e-5, 1e-3, 0.1, 3.0])
@pytest.mark.parametrize("length", [1e-30, 1.0, 1e30])
def test_the_cosine_of_small_angles_and_of_any_length(angle, length):
    """Oracle: 1 - cos a = 2 sin²(a/2), whose derivative by the second coordinate is sin a over the length."""
    x = length * np.array([[np.cos(angle), np.sin(angle)]])
    loss = box.CosineSimilarity(distance=True)
    value, gradient = value_and_gradient(lambda p: loss([[2.0, 0.0]], p), x.astype("float32"))
    angle = np.arctan2(*x.astype("float32").astype("float64")[0, ::-1])
    np.testing.assert_allclose(value, 2 * np.sin(angle / 2) ** 2, rtol=1e-6, atol=1e-14)
    across = gradient[0] @ [-np.sin(angle), np.cos(angle)]
    np.testing.assert_allclose(across * length, np.sin(angle), rtol=1e-5)


def test_cosine_similarity_is_scipys(rng):
    """Oracle: scipy.spatial.distance.cosine."""
    y, x = rng.normal(size=(2, 5, 4))
    for values, expected in ((box.CosineSimilarity(distance=True), 0), (box.CosineSimilarity(), -1)):
        each = [distance.cosine(*pair) + expected for pair in zip(y, x, strict=True)]
        np.testing.assert_allclose(numpy(values(y, x)), np.mean(each), rtol=1e-6)


def test_predictions_below_zero_of_logarithms_come_back():
    """Keras's gradient is 0 there."""
    loss = box.MeanSquaredLogarithmicError()
    value, gradient = value_and_gradient(lambda p: loss([[1.0]], p), np.array([[-3.0]], "float32"))
    np.testing.assert_allclose([value, gradient[0, 0]], [np.log(2) ** 2, -2 * np.log(2)], rtol=1e-6)


def test_weights_of_samples_on_losses_of_whole_samples_with_an_unknown_batch(rng):
    x, y = rng.normal(size=(7, 3, 2)).astype("float32"), rng.normal(size=(7, 3, 2)).astype("float32")
    weights = np.arange(7.0)
    model = keras.Sequential([keras.Input((3, 2)), keras.layers.Dense(2)])
    model.compile("sgd", loss=box.L2Norm(axes="sample", reduction="mean_with_sample_weight"))
    norms = np.sqrt(np.sum((y - model.predict(x, verbose=0).astype("float64")) ** 2, (1, 2)))
    value = model.evaluate(x, y, sample_weight=weights, batch_size=7, verbose=0)
    np.testing.assert_allclose(value, np.average(norms, weights=weights), rtol=1e-6)
    assert np.isfinite(model.fit(x, y, sample_weight=weights, batch_size=3, verbose=0).history["loss"][0])


@pytest.mark.parametrize("length", [1e-30, 1e-10, 1.0, 1e10, 1e30])
@pytest.mark.parametrize("axes", ["last", "sample"])
def test_a_norm_of_any_length(length, axes):
    """(3, 4) has the length 5, and the gradient (0.6, 0.8), also where squares over- or underflow."""
    x = np.array([[3 * length, 4 * length]], "float32")
    value, gradient = value_and_gradient(lambda u: box.L2Norm(axes=axes)([[0.0, 0.0]], u), x)
    np.testing.assert_allclose(value, 5 * length, rtol=1e-6)
    np.testing.assert_allclose(gradient, [[0.6, 0.8]], rtol=1e-6)


def test_vectors_without_a_mean_have_the_values_of_vectors():
    for loss in (box.MeanSquaredError, box.BinaryCrossentropy, box.Hinge):
        values = loss(axis=None, reduction="none")
        assert values([0.0, 1.0], [0.5, 0.5]).shape == (2,)
        assert values([[0.0], [1.0]], [[0.5], [0.5]]).shape == (2, 1)


# ---------------------------------------------------------------- identities, both sides this package's


@identity(reals(), log_uniform(1e-3, 1e3))
def test_percentages_do_not_depend_on_the_unit(data, unit):
    y, x = np.where(data[0] == 0, 5, data[0]), data[1]
    for options in ({}, {"symmetric": True}):
        values, slope = evaluate("mean_absolute_percentage_error", y, x, **options)
        scaled_up = evaluate("mean_absolute_percentage_error", unit * y, unit * x, **options)
        assert_same(scaled_up, (values, slope / unit))


@identity(reals(0, 50))
def test_the_logarithmic_error_is_the_squared_error_of_logarithms(data):
    y, x = map(np.abs, data)
    values, slope = evaluate("mean_squared_error", np.log1p(y), np.log1p(x))
    assert_same(evaluate("mean_squared_logarithmic_error", y, x), (values, slope / (1 + x)))


@identity(reals(), log_uniform(1e-3, 1e3))
def test_the_cosine_is_that_of_any_lengths(data, length):
    y, x = data
    values, slope = evaluate("cosine_similarity", y, x)
    assert_same(evaluate("cosine_similarity", -y, length * x), (-values, -slope / length))
    assert_same(evaluate("cosine_similarity", y, x, distance=True), (1 + values, slope))


@identity(reals())
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


@identity(reals(), st.data(), st.sampled_from(["sum_over_batch_size", "sum", "mean_with_sample_weight", "none"]))
def test_the_square_of_the_rmse_is_the_mse(data, more, reduction):
    weights = more.draw(arrays("float64", len(data[0]), elements=st.sampled_from([0.0, 0.5, 2.0])))
    mse, slope = evaluate("mean_squared_error", *data, weights, reduction=reduction)
    rmse, slope_of_root = evaluate("root_mean_squared_error", *data, weights, reduction=reduction)
    each = 2 * rmse.reshape(rmse.shape + (1,) * (slope.ndim - rmse.ndim))
    assert_same((rmse**2, each * slope_of_root), (mse, slope))
    per_sample = evaluate("root_mean_squared_error", *data, scope="sample")
    assert_same(per_sample, evaluate("root_mean_squared_error", *data, reduction="none"))


@identity(reals())
def test_the_rmse_lies_between_the_mean_and_the_largest_error(data):
    rmse = evaluate("root_mean_squared_error", *data)[0]
    assert np.all(evaluate("mean_absolute_error", *data)[0] <= rmse * (1 + 1e-6))
    assert np.all(rmse <= np.max(np.abs(data[0] - data[1]), -1) * (1 + 1e-6))


COUNTABLE = [
    "mean_squared_error",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_logarithmic_error",
    "cosine_similarity",
    "root_mean_squared_error",
    "l1_norm",
    "l2_norm",
]


@pytest.mark.one_in(4)
@pytest.mark.parametrize("reduction", ["sum", "mean_with_sample_weight"])
@pytest.mark.parametrize("loss", COUNTABLE)
@settings(few, max_examples=5)
@given(data=classes(PLACES[:2]), more=st.data())
def test_a_weight_of_two_is_the_row_twice(loss, reduction, data, more):
    check_a_weight_of_two_is_the_row_twice(loss, reduction, data, more)
