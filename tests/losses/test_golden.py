"""Golden values: every loss against numbers that do not come from this package. Each group names its oracle.

1. `oracles.py`: the formulas in float64 numpy and scipy, gradients derived by hand (every loss, every option).
2. TensorFlow: tf.nn, tf.math and tf.compat.v1.losses with each of their reductions.
3. Keras's own losses and scikit-learn's metrics, where they are right.
4. Numbers recorded from PyTorch, and those printed in the documentation of PyTorch and TensorFlow.
"""

import functools
import itertools
import os
from typing import NamedTuple

import keras
import numpy as np
import oracles
import pytest
from backends import value_and_gradient
from keras import ops
from scipy import special
from sklearn import metrics

import keras_lossbox

BACKEND = keras.config.backend()
if BACKEND == "tensorflow":
    import tensorflow as tf
on_tensorflow = pytest.mark.skipif(BACKEND != "tensorflow", reason="the oracle is TensorFlow's")

# Off TensorFlow, parts of keras.ops (clip on PyTorch, tanh on JAX) and of Keras's losses round float64 to float32.
TOLERANCE = {"float32": 1e-6, "float64": 1e-12 if BACKEND == "tensorflow" else 1e-6}
if BACKEND == "jax" and not os.environ.get("JAX_ENABLE_X64"):
    del TOLERANCE["float64"]
PRECISE = list(TOLERANCE)[-1]


def assert_close(actual, expected, tolerance):
    """Equal, relative to the larger of the expected entry and the mean size of all of them.

    The second is the scale at which the terms of a sum were rounded: an entry that is small because they cancel (a
    logit's gradient, a log-probability next to others) cannot be known more precisely than they are.
    """
    actual, expected = np.asarray(actual, "float64"), np.asarray(expected, "float64")
    assert actual.shape == expected.shape
    scale = np.maximum(np.abs(expected), np.mean(np.abs(expected)))
    np.testing.assert_array_less(np.abs(actual - expected), tolerance * scale + 1e-300)


# ---------------------------------------------------------------- the cases: losses x options x shapes


EACH = "each"  # in the place of an option: a list with one number for each label or class


class Case(NamedTuple):
    loss: str
    shape: tuple
    labels: str
    options: dict

    def __str__(self):
        options = [f"{name}={value}" for name, value in self.options.items()]
        return "-".join([self.loss, self.labels, "x".join(map(str, self.shape)), *options])

    def build(self, **more):
        return keras_lossbox.get(self.loss, **self.full_options, **more)

    @property
    def full_options(self):
        axis = self.options.get("axis") if "class_weight" in self.options else -1
        each = [0.5, 2.0, 1.25, 0.0, 3.5, 0.75][: self.shape[axis] if len(self.shape) > 1 else 1]
        return {name: each if value == EACH else value for name, value in self.options.items()}

    def data(self, dtype):
        """y_true and y_pred, awkward where they may be: soft labels, rows that sum to 0 or 2, errors of exactly 0."""
        rng = np.random.default_rng(sum(self.shape))
        axis, from_logits = self.options.get("axis", -1), self.options.get("from_logits", False)
        z = 2.5 * rng.normal(size=self.shape)
        if self.labels in ("real", "no_hit"):
            error = 2 * rng.normal(size=self.shape)
            if self.labels == "real":
                error *= rng.random(self.shape) > 0.1
                error[0] = 0
            return (z - error).astype(dtype), z.astype(dtype)
        if self.labels in ("binary", "hard"):
            y = rng.choice([0.0, 0.0, 1.0] + [0.3] * (self.labels == "binary"), self.shape)
            return y.astype(dtype), (z if from_logits else special.expit(z)).astype(dtype)

        z = np.moveaxis(z, axis, -1)
        labels = rng.integers(z.shape[-1], size=z.shape[:-1])
        y, p = np.eye(z.shape[-1])[labels], special.softmax(z, -1)
        if self.labels in ("rows", "soft"):
            y[1::2] = special.softmax(rng.normal(size=y[1::2].shape), -1)
        if self.labels == "rows":  # of labels and of predictions that do not sum to 1
            y *= rng.choice([0, 1, 2], (*labels.shape, 1))
            p *= rng.uniform(0.5, 2, (*labels.shape, 1))
        if self.options.get("ignore_class") is not None:
            labels[rng.random(labels.shape) < 0.4] = self.options["ignore_class"]
        y_pred = np.moveaxis(z if from_logits else p, -1, axis).astype(dtype)
        if self.labels in ("indices", "column"):
            return labels if self.labels == "indices" else np.expand_dims(labels, axis), y_pred
        return np.moveaxis(y, -1, axis).astype(dtype), y_pred


def grid(loss, places, labels, **options):
    """Every combination; a place is a shape, or a shape and an `axis`."""
    cases = []
    for place, kind, *values in itertools.product(places, labels.split(), *options.values()):
        shape, axis = (place[0], {"axis": place[1]}) if isinstance(place[0], tuple) else (place, {})
        cases.append(Case(loss, shape, kind, axis | dict(zip(options, values, strict=True))))
    return cases


def parametrize_groups(groups):
    """`groups` maps the oracle's name to (cases, function)."""
    return pytest.mark.parametrize(
        "case, oracle",
        [pytest.param(case, fn, id=f"{name}-{case}") for name, (cases, fn) in groups.items() for case in cases],
    )


def float64(*arrays):
    return [array.astype("float64") for array in arrays]


def compare(build, expected, y_true, y_pred, dtype):
    """Values of the samples, their mean, and the gradient of the mean."""
    values = build(reduction="none", dtype=dtype)(y_true, y_pred)
    assert keras.backend.standardize_dtype(values.dtype) == dtype
    assert_close(ops.convert_to_numpy(values), expected.values, TOLERANCE[dtype])
    loss = build(dtype=dtype)
    mean, gradient = value_and_gradient(lambda x: loss(y_true, x), y_pred)
    assert_close(mean, expected.mean, TOLERANCE[dtype])
    assert_close(gradient, expected.gradient, TOLERANCE[dtype])


SHAPES = [(7,), (6, 3), (4, 5, 3), (2, 3, 4, 3)]
DEEP = SHAPES[1:]
MEANS = [((7,), -1), *zip(DEEP, (0, 1, 2), strict=True), *itertools.product(DEEP, (-1,))]  # with the axis of the mean
ELEMENTS = list(itertools.product(DEEP, (None,)))
OTHER_AXES = [*MEANS[1:4], ELEMENTS[1]]
CLASSES = [((3, 6), 0), ((4, 3, 5), 1), ((2, 3, 4, 3), 1), *itertools.product(DEEP, (-1,))]  # with that of the classes
LAST = CLASSES[3:]
BOTH, SMOOTH = [False, True], [0.0, 0.2, 1.0]
SURROGATES = ["logistic", "hinge", None]

# ---------------------------------------------------------------- 1. oracle: formulas in numpy and scipy

NUMPY_CASES = [
    *grid(
        "binary_crossentropy",
        MEANS + ELEMENTS,
        "binary",
        from_logits=BOTH,
        label_smoothing=SMOOTH,
        pos_weight=[None, 3.0, EACH],
    ),
    *grid(
        "balanced_binary_crossentropy",
        MEANS + ELEMENTS,
        "binary",
        from_logits=BOTH,
        label_smoothing=SMOOTH,
        scope=["batch", "sample"],
    ),
    *grid("balanced_binary_crossentropy", MEANS + ELEMENTS, "hard", from_logits=BOTH, beta=[0.0, 0.9]),
    *grid(
        "categorical_crossentropy",
        CLASSES,
        "rows",
        from_logits=BOTH,
        label_smoothing=SMOOTH,
        class_weight=[None, 2.5, EACH],
    ),
    *grid(
        "sparse_categorical_crossentropy",
        CLASSES,
        "indices",
        from_logits=BOTH,
        label_smoothing=SMOOTH,
        class_weight=[None, EACH],
    ),
    *grid(
        "sparse_categorical_crossentropy",
        CLASSES,
        "indices",
        from_logits=BOTH,
        label_smoothing=[0.0, 0.2],
        class_weight=[None, EACH],
        ignore_class=[-1, 1],
    ),
    *grid("sparse_categorical_crossentropy", CLASSES, "column", from_logits=BOTH, label_smoothing=[0.0, 0.2]),
    *grid(
        "zero_one",
        [(7,), (6, 1), (4, 5, 1), ((4, 1, 5), 1)],
        "hard",
        from_logits=BOTH,
        threshold=[None, 0.3],
        surrogate=SURROGATES,
    ),
    *grid("zero_one", MEANS, "hard", from_logits=BOTH, multi_label=[True], surrogate=SURROGATES),
    *grid("zero_one", CLASSES, "indices one_hot", from_logits=BOTH, surrogate=SURROGATES),
    *grid("zero_one", CLASSES, "column", from_logits=BOTH),
    *grid("mean_squared_error", SHAPES + OTHER_AXES, "real"),
    *grid("mean_absolute_error", SHAPES + OTHER_AXES, "real"),
    *grid("root_mean_squared_error", SHAPES + OTHER_AXES, "real", scope=["batch", "sample"]),
    *grid("l1_norm", SHAPES, "real", axes=["last", "sample"]),
    *grid("l2_norm", SHAPES, "real", axes=["last", "sample"]),
    *grid("huber", SHAPES, "real", delta=[0.1, 1.0, 3.5]),
    *grid("huber", OTHER_AXES, "real", delta=[1.5]),
    *grid("smooth_l1", SHAPES, "real", beta=[0.0, 0.1, 1.0, 3.5]),
    *grid("smooth_l1", OTHER_AXES, "real", beta=[1.5]),
    *grid("log_cosh", SHAPES + OTHER_AXES, "real"),
]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("case", NUMPY_CASES, ids=str)
def test_numpy(case, dtype):
    y_true, y_pred = case.data(dtype)
    expected = getattr(oracles, case.loss)(*float64(y_true, y_pred), **case.full_options)
    compare(case.build, expected, y_true, y_pred, dtype)


def test_every_oracle_is_asked():
    assert {name for name in keras_lossbox.available() if hasattr(oracles, name)} == {case.loss for case in NUMPY_CASES}


# One sample each, so that assert_close is relative to the number itself: where formulas overflow, cancel or clip.
EDGES = [
    *(("binary_crossentropy", {"from_logits": True}, y, z) for y, z in [(0, 1e3), (1, -1e3), (1, 15), (0, -30)]),
    *(("binary_crossentropy", {}, y, p) for y, p in [(1, 0.0), (0, 0.0), (1, 1e-9), (0, 1e-30)]),
    *(("categorical_crossentropy", {"from_logits": True}, [0, 1, 0], z) for z in [(1e3, -1e3, 0), (15, 0, -15)]),
    ("categorical_crossentropy", {"from_logits": True}, [0, 0, 0], (2, -1, 0)),  # tf.nn has the gradient softmax(z)
    ("categorical_crossentropy", {}, [1, 0, 0], (0, 0.5, 0.75)),
    *(("log_cosh", {}, 0, e) for e in [1e-9, 1e-5, -3e-4, 1e-2, 0.999, 1.001, -20, 1e4]),
    *(("huber", {"delta": 0.5}, 0, e) for e in [0.5, -0.5, 1e-6, 1e6]),
    *(("smooth_l1", {"beta": 0.5}, 0, e) for e in [0.5, -0.5, 1e-6, 1e6]),
    *(("zero_one", {"from_logits": True, "threshold": t}, y, 0.25) for y in (0, 1) for t in (0.25, 0.125)),
    *(("zero_one", {"surrogate": "hinge"}, y, p) for y in (0, 1) for p in (0.5, 0.75, 0.9375)),
]
# In float32 the upper clip, 1 - 1e-7, is 1 - 1.19e-7, and its logarithm 1 % off, in Keras too; on PyTorch also in
# float64, because keras.ops.clip has float32 bounds there.
EDGES_OF_FLOAT64 = [
    *(("binary_crossentropy", {}, y, p) for y, p in [(1, 1.0), (0, 1.0), (0, 1 - 1e-9)]),
    *(("categorical_crossentropy", {}, y, (0, 0, 2)) for y in ([1, 0, 0], [0, 0, 1])),
]


@pytest.mark.parametrize(
    "loss, options, y_true, y_pred, dtype",
    [
        (*edge, dtype)
        for dtype in TOLERANCE
        for edge in EDGES + EDGES_OF_FLOAT64 * (dtype == "float64" and BACKEND != "torch")
    ],
)
def test_edges(loss, options, y_true, y_pred, dtype):
    y_true, y_pred = np.array([y_true], dtype), np.array([y_pred], dtype)
    expected = getattr(oracles, loss)(*float64(y_true, y_pred), **options)
    compare(lambda **more: keras_lossbox.get(loss, **options, **more), expected, y_true, y_pred, dtype)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("scope", ["batch", "sample"])
def test_balance_is_counted_where_the_weights_are(scope, dtype):
    y_true, y_pred = Case("balanced_binary_crossentropy", (6, 8), "hard", {}).data(dtype)
    weights = np.random.default_rng(0).choice([0.0, 0.5, 2.0], y_true.shape)
    axes = None if scope == "batch" else 1
    beta = np.sum((1 - y_true) * (weights > 0), axes, keepdims=True) / np.sum(weights > 0, axes, keepdims=True)
    expected = oracles.balanced_binary_crossentropy(*float64(y_true, y_pred), True, axis=None, beta=beta)
    loss = keras_lossbox.BalancedBinaryCrossentropy(from_logits=True, axis=None, scope=scope, dtype=dtype)
    value, gradient = value_and_gradient(lambda x: loss(y_true, x, weights), y_pred)
    assert_close(value, np.mean(weights * expected.values), TOLERANCE[dtype])
    assert_close(gradient, weights * expected.gradient, TOLERANCE[dtype])


# ---------------------------------------------------------------- 2. oracle: TensorFlow

TENSORFLOW = {  # tf.nn and tf.math, one value per sample
    "sigmoid_cross_entropy_with_logits": (
        grid("binary_crossentropy", ELEMENTS, "binary", from_logits=[True]),
        lambda y, x, o: tf.nn.sigmoid_cross_entropy_with_logits(y, x),
    ),
    "weighted_cross_entropy_with_logits": (
        grid("binary_crossentropy", ELEMENTS, "binary", from_logits=[True], pos_weight=[0.25, 3.0, EACH]),
        lambda y, x, o: tf.nn.weighted_cross_entropy_with_logits(y, x, tf.constant(o["pos_weight"], x.dtype)),
    ),
    "softmax_cross_entropy_with_logits": (  # right for rows that sum to 1 only
        grid("categorical_crossentropy", CLASSES, "soft", from_logits=[True]),
        lambda y, x, o: tf.nn.softmax_cross_entropy_with_logits(y, x, o["axis"]),
    ),
    "sparse_softmax_cross_entropy_with_logits": (
        grid("sparse_categorical_crossentropy", LAST, "indices", from_logits=[True]),
        lambda y, x, o: tf.nn.sparse_softmax_cross_entropy_with_logits(y, x),
    ),
    "squared_difference": (
        grid("mean_squared_error", DEEP, "no_hit"),
        lambda y, x, o: tf.reduce_mean(tf.math.squared_difference(y, x), -1),
    ),
    "norm-1": (grid("l1_norm", DEEP, "no_hit"), lambda y, x, o: tf.norm(y - x, ord=1, axis=-1)),
    "norm-2": (grid("l2_norm", DEEP, "no_hit"), lambda y, x, o: tf.norm(y - x, axis=-1)),
    "log-cosh": (grid("log_cosh", DEEP, "no_hit"), lambda y, x, o: tf.reduce_mean(tf.math.log(tf.cosh(y - x)), -1)),
}


@on_tensorflow
@parametrize_groups(TENSORFLOW)
def test_tensorflow(case, oracle):
    y_true, y_pred = case.data("float64")
    values = oracle(y_true, tf.constant(y_pred), case.full_options).numpy()
    mean = value_and_gradient(lambda x: tf.reduce_mean(oracle(y_true, x, case.full_options)), y_pred)
    compare(case.build, oracles.Expected(values, *mean), y_true, y_pred, "float64")


def tf1(name):
    """A loss of tf.compat.v1.losses by name."""
    return lambda *args, **how: getattr(tf.compat.v1.losses, name)(*args, **how)


# TF1's means go over all elements, so the cases here have values that are elements: axis=None, one output per sample,
# or one value per row of classes. TF1 computes in float32, whatever it is given.
TF1 = {
    "sigmoid_cross_entropy": grid(
        "binary_crossentropy", ELEMENTS[:2], "binary", from_logits=[True], label_smoothing=[0.0, 0.2]
    ),
    "softmax_cross_entropy": grid(
        "categorical_crossentropy", DEEP[:2], "soft", from_logits=[True], label_smoothing=[0.0, 0.2]
    ),
    "sparse_softmax_cross_entropy": grid("sparse_categorical_crossentropy", DEEP[:2], "indices", from_logits=[True]),
    "log_loss": grid("binary_crossentropy", ELEMENTS[:2], "binary"),
    "mean_squared_error": grid("mean_squared_error", [(4, 5, 1), ((6, 3), None)], "real"),
    "absolute_difference": grid("mean_absolute_error", [(4, 5, 1), ((6, 3), None)], "real"),
    "huber_loss": grid("huber", [(4, 5, 1), ((6, 3), None)], "real", delta=[0.5, 2.0]),
}
TF1_REDUCTIONS = {  # TF1's constants SUM_BY_NONZERO_WEIGHTS, SUM_OVER_BATCH_SIZE, MEAN, SUM, NONE -> the names here
    "weighted_sum_by_nonzero_weights": "sum_by_nonzero_weights",
    "weighted_sum_over_batch_size": "sum_over_batch_size",
    "weighted_mean": "mean_with_sample_weight",
    "weighted_sum": "sum",
    "none": "none",
}
WEIGHTS = {
    "unweighted": lambda shape: None,
    "scalar": lambda shape: 2.5,
    "all": lambda shape: np.random.default_rng(3).choice([0.0, 0.5, 1.0, 3.0], shape),
    "rows": lambda shape: np.random.default_rng(4).choice([0.0, 2.0], (shape[0],) + (1,) * (len(shape) - 1)),
    "zeros": np.zeros,
}


@on_tensorflow
@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("reduction", TF1_REDUCTIONS)
@parametrize_groups({name: (cases, tf1(name)) for name, cases in TF1.items()})
def test_tf1(case, oracle, reduction, weights):
    y_true, y_pred = case.data("float32")
    y_pred = y_pred.astype("float64")
    per_row = case.loss.endswith("categorical_crossentropy")
    weights = WEIGHTS[weights](y_pred.shape[:-1] if per_row else y_pred.shape)
    how = {"weights": 1.0 if weights is None else weights, "reduction": reduction}
    how |= {name: case.options[name] for name in ("delta", "label_smoothing") if name in case.options}
    how |= {"epsilon": 0.0} if "from_logits" not in case.options and case.loss == "binary_crossentropy" else {}
    loss = case.build(reduction=TF1_REDUCTIONS[reduction], dtype="float64")
    theirs, ours = oracle(y_true, tf.constant(y_pred), **how).numpy(), loss(y_true, y_pred, weights).numpy()
    assert_close(ours.reshape(theirs.shape), theirs, 1e-6)
    summed = [
        value_and_gradient(lambda x, fn=fn: tf.reduce_sum(fn(x)), y_pred)
        for fn in (lambda x: oracle(y_true, x, **how), lambda x: loss(y_true, x, weights))
    ]
    assert_close(summed[1][1], summed[0][1], 1e-6)


# ---------------------------------------------------------------- 3. oracle: Keras and scikit-learn

# Where Keras is right: rows that sum to 1; smoothed classes on the last axis (it divides by the size of that one);
# not LogCosh, whose log 2 is rounded to float32; not errors of 0 on JAX, where |e| has a slope there.
KERAS = [
    *grid("binary_crossentropy", MEANS[1:], "binary", from_logits=BOTH, label_smoothing=[0.0, 0.2]),
    *grid("categorical_crossentropy", CLASSES, "soft", from_logits=BOTH),
    *grid("categorical_crossentropy", LAST, "soft", from_logits=BOTH, label_smoothing=[0.2]),
    *grid("sparse_categorical_crossentropy", LAST[:2], "indices", from_logits=BOTH, ignore_class=[None, -1]),
    *grid("mean_squared_error", DEEP, "real"),
    *grid("mean_absolute_error", DEEP, "no_hit"),
    *grid("huber", DEEP, "real", delta=[0.5, 2.0]),
]


@pytest.mark.parametrize("case", KERAS, ids=str)
def test_keras(case):
    y_true, y_pred = case.data(PRECISE)
    theirs = functools.partial(
        getattr(keras.losses, keras_lossbox.available()[case.loss].__name__), dtype=PRECISE, **case.options
    )
    values, mean_of = ops.convert_to_numpy(theirs(reduction="none")(y_true, y_pred)), theirs()
    mean = value_and_gradient(lambda x: mean_of(y_true, x), y_pred)
    compare(case.build, oracles.Expected(values, *mean), y_true, y_pred, PRECISE)
    weights = np.random.default_rng(2).choice([0.0, 0.5, 3.0], values.shape)
    for reduction in ("sum_over_batch_size", "sum", "mean_with_sample_weight", "none"):
        ours = case.build(reduction=reduction, dtype=PRECISE)(y_true, y_pred, weights)
        expected = theirs(reduction=reduction)(y_true, y_pred, weights)
        assert_close(ops.convert_to_numpy(ours), ops.convert_to_numpy(expected), TOLERANCE[PRECISE])


SKLEARN = {  # values only; sample_weight there is the reduction mean_with_sample_weight here
    "mean_squared_error": (grid("mean_squared_error", [(6, 3)], "real"), metrics.mean_squared_error),
    "mean_absolute_error": (grid("mean_absolute_error", [(6, 3)], "real"), metrics.mean_absolute_error),
    "root_mean_squared_error": (grid("root_mean_squared_error", [(7,)], "real"), metrics.root_mean_squared_error),
    "log_loss": (grid("sparse_categorical_crossentropy", [(9, 3)], "indices"), metrics.log_loss),
    "zero_one_loss": (
        grid("zero_one", [(20, 3)], "indices"),
        lambda y, x, **how: metrics.zero_one_loss(y, np.argmax(x, -1), **how),
    ),
    "accuracy_score": (
        grid("zero_one", [(20,)], "hard", threshold=[0.2]),
        lambda y, x, **how: 1 - metrics.accuracy_score(y, x > 0.2, **how),
    ),
}


@pytest.mark.parametrize("weighted", [False, True])
@parametrize_groups(SKLEARN)
def test_sklearn(case, oracle, weighted):
    y_true, y_pred = case.data(PRECISE)
    weights = np.random.default_rng(5).choice([0.0, 0.5, 2.0], len(y_true)) if weighted else None
    ours = case.build(reduction="mean_with_sample_weight", dtype=PRECISE)(y_true, y_pred, weights)
    assert_close(ops.convert_to_numpy(ours), oracle(y_true, y_pred, sample_weight=weights), TOLERANCE[PRECISE])


# ---------------------------------------------------------------- 4. oracle: numbers recorded from PyTorch

# Recipe, run with PyTorch 2.13.0 on a CPU in float64 (`test_pytorch_recipe` runs it again where there is a PyTorch):
#     loss = torch.nn.<made>(<y_pred>, <y_true>), with r = "none"; loss.sum().backward()
# A row: made; "y_pred, y_true"; the loss here and its options; the values; the gradient of their sum.
W = [0.5, 2.0, 1.25]
INPUTS = {
    "z": np.array([[1.5, -0.5, 0.25], [-2.0, 0.75, 3.0], [0.125, -0.25, 0.0], [4.0, -1.0, 0.5]]),
    "p": np.array([[0.5, 0.25, 0.875], [0.0625, 0.75, 0.9375], [0.125, 0.375, 0.625], [0.96875, 0.03125, 0.5625]]),
    "y": np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0], [0.25, 0.0, 1.0], [0.0, 0.0, 0.75]]),
    "s": np.array([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0], [0.125, 0.125, 0.75], [0.0, 0.5, 0.5]]),
    "k": np.array([0, 2, 1, 1]),
    "i": np.array([0, -100, 1, 1]),
    "w": np.array(W),
}
# fmt: off
PYTORCH = [
    (
        "CrossEntropyLoss(reduction=r)", "z, k",
        "sparse_categorical_crossentropy",
        {"from_logits": True},
        [0.3519518638028018, 0.10628354394097801, 1.3188226975376511, 5.036269565124779],
        [[-0.2966860239782261, 0.09518319614917499, 0.20150282782905093],
         [0.006058557497568725, 0.09477178468365584, -0.10083034218122455],
         [0.38913743378630633, -0.7325500137824399, 0.3434125799961334],
         [0.9643802951468596, -0.9935020566843381, 0.029121761537478398]],
    ),
    (
        "CrossEntropyLoss(weight=w, reduction=r)", "z, k",
        "sparse_categorical_crossentropy",
        {"from_logits": True, "class_weight": W},
        [0.1759759319014009, 0.1328544299262225, 2.6376453950753023, 10.072539130249558],
        [[-0.14834301198911304, 0.047591598074587495, 0.10075141391452547],
         [0.007573196871960906, 0.1184647308545698, -0.1260379277265307],
         [0.7782748675726127, -1.4651000275648798, 0.6868251599922668],
         [1.9287605902937193, -1.9870041133686762, 0.058243523074956796]],
    ),
    (
        "CrossEntropyLoss(label_smoothing=0.2, reduction=r)", "z, k",
        "sparse_categorical_crossentropy",
        {"from_logits": True, "label_smoothing": 0.2},
        [0.5686185304694684, 0.5896168772743113, 1.2771560308709846, 4.602936231791446],
        [[-0.16335269064489277, 0.028516529482508324, 0.13483616116238428],
         [-0.06060810916909794, 0.028105118016989172, 0.03250299115210875],
         [0.3224707671196397, -0.5992166804491066, 0.27674591332946674],
         [0.897713628480193, -0.8601687233510048, -0.03754490512918827]],
    ),
    (
        "CrossEntropyLoss(weight=w, label_smoothing=0.2, reduction=r)", "z, k",
        "sparse_categorical_crossentropy",
        {"from_logits": True, "label_smoothing": 0.2, "class_weight": W},
        [0.5996020448051544, 0.5995210965928892, 2.4064886571113213, 9.025432028814175],
        [[0.023820751080819717, -0.07146425583636959, 0.047643504755549786],
         [-0.025760136461372426, -0.014868602478763534, 0.04062873894013605],
         [0.6865709191713334, -1.2385508588308471, 0.5519799396595135],
         [1.750770212688357, -1.7213121381993588, -0.02945807448899829]],
    ),
    (
        "CrossEntropyLoss(weight=w, label_smoothing=0.2, reduction=r)", "z.reshape(2, 3, 2), k.reshape(2, 2)",
        "sparse_categorical_crossentropy",
        {"from_logits": True, "label_smoothing": 0.2, "class_weight": W, "axis": 1},
        [[0.5962036777264044, 0.8286702897393071], [1.7750650060411697, 0.5138112081043855]],
        [[[-0.0637781636801482, 0.0030688685885146647], [-0.02745400452321442, -0.1252109041887559],
         [0.09123216820336259, 0.12214203560024128]], [[0.8048518956291373, -0.008067845072429893],
         [-0.9936374649817932, 0.03791413933770317], [0.1887855693526561, -0.02984629426527343]]],
    ),
    (
        "CrossEntropyLoss(weight=w, label_smoothing=0.2, ignore_index=1, reduction=r)", "z, k",
        "sparse_categorical_crossentropy",
        {"from_logits": True, "label_smoothing": 0.2, "class_weight": W, "ignore_class": 1},
        [0.5996020448051544, 0.5995210965928892, 0.0, 0.0],
        [[0.023820751080819717, -0.07146425583636959, 0.047643504755549786],
         [-0.025760136461372426, -0.014868602478763534, 0.04062873894013605], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
    ),
    (
        "CrossEntropyLoss(ignore_index=-100, reduction=r)", "z, i",
        "sparse_categorical_crossentropy",
        {"from_logits": True, "ignore_class": -100},
        [0.3519518638028018, 0.0, 1.3188226975376511, 5.036269565124779],
        [[-0.2966860239782261, 0.09518319614917499, 0.20150282782905093], [0.0, 0.0, 0.0],
         [0.38913743378630633, -0.7325500137824399, 0.3434125799961334],
         [0.9643802951468596, -0.9935020566843381, 0.029121761537478398]],
    ),
    (
        "CrossEntropyLoss(reduction=r)", "z, s",
        "categorical_crossentropy",
        {"from_logits": True},
        [1.1644518638028019, 2.356283543940978, 1.0844476975376511, 4.286269565124779],
        [[0.20331397602177392, -0.15481680385082502, -0.048497172170949066],
         [0.006058557497568725, -0.9052282153163441, 0.8991696578187754],
         [0.26413743378630633, 0.14244998621756016, -0.4065874200038666],
         [0.9643802951468596, -0.49350205668433805, -0.4708782384625216]],
    ),
    (
        "CrossEntropyLoss(weight=w, label_smoothing=0.2, reduction=r)", "z, s",
        "categorical_crossentropy",
        {"from_logits": True, "label_smoothing": 0.2, "class_weight": W},
        [1.8704803835164152, 4.263291222957476, 1.4089450385887308, 6.764551159276741],
        [[0.5403120402906179, -0.42863181756924085, -0.11168022272137731],
         [-0.02212500196283119, -1.5580055316685701, 1.5801305336314013],
         [0.40308845889954964, 0.0009791494386168953, -0.4040676083381667],
         [1.4614561241442992, -0.9232615211940574, -0.5381946029502419]],
    ),
    (
        "BCEWithLogitsLoss(reduction=r)", "z, y",
        "binary_crossentropy",
        {"from_logits": True, "axis": None},
        [[0.2014132779827524, 0.4740769841801067, 0.8259394198788436],
         [0.1269280110429727, 0.38687100611489994, 0.04858735157374206],
         [0.7263490353171691, 0.5759394198788436, 0.6931471805599453],
         [4.0181499279178094, 0.3132616875182228, 0.5990769841801067]],
        [[-0.18242552380635635, 0.3775406687981454, 0.5621765008857981],
         [0.11920292202211755, -0.320821300824607, -0.047425873177566635],
         [0.2812093733737563, 0.43782349911420193, -0.5],
         [0.9820137900379085, 0.2689414213699951, -0.1275406687981454]],
    ),
    (
        "BCEWithLogitsLoss(pos_weight=w, reduction=r)", "z, y",
        "binary_crossentropy",
        {"from_logits": True, "axis": None, "pos_weight": W},
        [[0.1007066389913762, 0.4740769841801067, 0.8259394198788436],
         [0.1269280110429727, 0.7737420122297999, 0.060734189467177575],
         [0.647274155902523, 0.5759394198788436, 0.8664339756999316],
         [4.0181499279178094, 0.3132616875182228, 0.6879664187138766]],
        [[-0.09121276190317817, 0.3775406687981454, 0.5621765008857981],
         [0.11920292202211755, -0.641642601649214, -0.05928234147195832],
         [0.33980820170203674, 0.43782349911420193, -0.625],
         [0.9820137900379085, 0.2689414213699951, -0.1983295441977977]],
    ),
    (
        "BCELoss(reduction=r)", "p, y",
        "binary_crossentropy",
        {"axis": None},
        [[0.6931471805599453, 0.2876820724517809, 2.0794415416798357],
         [0.06453852113757118, 0.2876820724517809, 0.06453852113757118],
         [0.6200089298883509, 0.4700036292457356, 0.4700036292457356],
         [3.4657359027997265, 0.0317486983145803, 0.6381927519737883]],
        [[-2.0, 1.3333333333333333, 8.0], [1.0666666666666667, -1.3333333333333333, -1.0666666666666667],
         [-1.1428571428571428, 1.6, -1.6], [32.0, 1.032258064516129, -0.7619047619047619]],
    ),
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
# The same recipe with r = "mean". PyTorch divides by the sum of the weights of the labels: here the labels' weights
# are sample weights, and the reduction is mean_with_sample_weight.
PYTORCH_MEANS = [
    ("CrossEntropyLoss(weight=w, reduction=r)", "z, k", {}, 2.264176502113475),
    ("CrossEntropyLoss(ignore_index=1, reduction=r)", "z, k", {"ignore_class": 1}, 0.2291177038718899),
    ("CrossEntropyLoss(weight=w, ignore_index=1, reduction=r)", "z, k", {"ignore_class": 1}, 0.17647449247292765),
    ("CrossEntropyLoss(weight=w, reduction=r)", "z, i", {"ignore_class": -100}, 2.8635912127169467),
]


@pytest.mark.parametrize("made, arguments, loss, options, values, gradient", PYTORCH)
def test_pytorch(made, arguments, loss, options, values, gradient):
    # in float32 the gradient of the sixth row is what is left of terms thirty times as large
    tolerance = 5 * TOLERANCE[PRECISE]
    y_pred, y_true = eval(arguments, {}, INPUTS)
    summed = keras_lossbox.get(loss, reduction="sum", dtype=PRECISE, **options)
    each = keras_lossbox.get(loss, reduction="none", dtype=PRECISE, **options)(y_true, y_pred.astype(PRECISE))
    total, slope = value_and_gradient(lambda x: summed(y_true, x), y_pred.astype(PRECISE))
    assert_close(ops.convert_to_numpy(each), values, tolerance)
    assert_close(total, np.sum(values), tolerance)
    assert_close(slope, gradient, tolerance)


@pytest.mark.parametrize("made, arguments, options, mean", PYTORCH_MEANS)
def test_pytorch_mean(made, arguments, options, mean):
    y_pred, y_true = eval(arguments, {}, INPUTS)
    loss = keras_lossbox.SparseCategoricalCrossentropy(
        from_logits=True, reduction="mean_with_sample_weight", dtype=PRECISE, **options
    )
    weights = np.array(W)[np.maximum(y_true, 0)] if "weight=w" in made else None
    assert_close(ops.convert_to_numpy(loss(y_true, y_pred, weights)), mean, TOLERANCE[PRECISE])


def test_pytorch_recipe():
    torch = pytest.importorskip("torch", reason="the recipe needs PyTorch")
    tensors = {name: torch.tensor(x) for name, x in INPUTS.items()}
    for made, arguments, *_, values, gradient in PYTORCH:
        for r in ("none", "sum"):
            y_pred, y_true = eval(arguments, {}, tensors)
            y_pred = y_pred.clone().requires_grad_()
            loss = eval(f"torch.nn.{made}", {"torch": torch, "r": r, **tensors})(y_pred, y_true)
            loss.sum().backward()
            np.testing.assert_allclose(loss.detach().numpy(), values if r == "none" else np.sum(values), rtol=1e-14)
            np.testing.assert_allclose(y_pred.grad.numpy(), gradient, rtol=1e-14)
    for made, arguments, _, mean in PYTORCH_MEANS:
        y_pred, y_true = eval(arguments, {}, tensors)
        loss = eval(f"torch.nn.{made}", {"torch": torch, "r": "mean", **tensors})(y_pred, y_true)
        np.testing.assert_allclose(loss.numpy(), mean, rtol=1e-14)


# ---------------------------------------------------------------- 4. oracle: numbers printed in documentation (float32)

# torch.nn.CrossEntropyLoss's docstring: torch.manual_seed(283); z = torch.randn(3, 5); y = torch.randn(3, 5)
# prints loss(z, y) = 4.6379876136779785 and loss(z, y.softmax(dim=1)) = 2.55349063873291
SEED_283 = {
    "z": [
        [-2.2707958221435547, -0.08810677379369736, -2.318039894104004, 1.525937557220459, -0.22015132009983063],
        [0.0743810161948204, -1.772515058517456, -0.7908366322517395, -1.0375325679779053, -0.16141602396965027],
        [2.1020450592041016, -2.1551036834716797, 0.12672016024589539, -1.3159734010696411, 1.7355096340179443],
    ],
    "y": [
        [0.7105441093444824, 0.4445881247520447, 2.029740333557129, 0.2670746445655823, -0.6075279116630554],
        [-1.0496162176132202, -0.27534961700439453, -0.3585546314716339, 0.9269896745681763, 1.0027204751968384],
        [0.7551053762435913, 0.10031518340110779, 1.3468472957611084, -0.35811862349510193, -0.9568804502487183],
    ],
}
DOCUMENTED = {
    "torch.nn.CrossEntropyLoss": (
        keras_lossbox.CategoricalCrossentropy(from_logits=True),
        SEED_283["y"],
        SEED_283["z"],
        4.6379876136779785,
    ),
    "torch.nn.CrossEntropyLoss-softmax": (
        keras_lossbox.CategoricalCrossentropy(from_logits=True),
        special.softmax(SEED_283["y"], -1),
        SEED_283["z"],
        2.55349063873291,
    ),
    "tf.nn.sigmoid_cross_entropy_with_logits": (
        keras_lossbox.BinaryCrossentropy(from_logits=True, reduction="none"),
        [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.5],
        [1.0, -1.0, 0.0, 1.0, -1.0, 0.0, 0.0],
        [1.3132617, 0.3132617, 0.6931472, 0.3132617, 1.3132617, 0.6931472, 0.6931472],
    ),
    "tf.nn.weighted_cross_entropy_with_logits": (  # its third number, at a logit of -10, is 1 % off (4.58e-5)
        keras_lossbox.BinaryCrossentropy(from_logits=True, pos_weight=1.5, reduction="none"),
        [1.0, 0.5],
        [1.5, -0.1],
        [0.30211994, 0.88049585],
    ),
    "tf.nn.softmax_cross_entropy_with_logits": (
        keras_lossbox.CategoricalCrossentropy(from_logits=True, reduction="none"),
        [[1.0, 0.0, 0.0], [0.0, 0.8, 0.2]],
        [[4.0, 2.0, 1.0], [0.0, 5.0, 1.0]],
        [0.16984604, 0.82474494],
    ),
    "tf.nn.sparse_softmax_cross_entropy_with_logits": (
        keras_lossbox.SparseCategoricalCrossentropy(from_logits=True, reduction="none"),
        [0, 3, 1],
        [[2.0, -5.0, 0.5, -0.1], [0.0, 0.0, 1.9, 1.4], [-100.0, 100.0, -100.0, -100.0]],
        [0.29750752, 1.1448325, 0.0],
    ),
}


@pytest.mark.parametrize("loss, y_true, y_pred, printed", DOCUMENTED.values(), ids=DOCUMENTED)
def test_documented(loss, y_true, y_pred, printed):
    assert_close(ops.convert_to_numpy(loss(y_true, y_pred)), printed, 1e-6)
