"""`tf1` against tf.compat.v1.losses and tf.compat.v1.nn themselves, and on other backends against recorded numbers.

The combinations are generated: function x shape x options x weights x reduction.
`PYTHONPATH=tests python tests/tf1/test_tf1.py` prints how many there are and the largest deviation of each function.
"""

import inspect
import itertools
from typing import NamedTuple

import keras
import numpy as np
import pytest
from backends import MODES, value_and_gradient
from cases import by_default
from keras import ops

from keras_lossbox import tf1

BACKEND = keras.config.backend()
if BACKEND == "tensorflow":
    import tensorflow as tf

    v1 = tf.compat.v1
on_tensorflow = pytest.mark.skipif(BACKEND != "tensorflow", reason="the oracle is TensorFlow's")

WITH_WEIGHTS = [
    "absolute_difference",
    "compute_weighted_loss",
    "cosine_distance",
    "hinge_loss",
    "huber_loss",
    "log_loss",
    "mean_pairwise_squared_error",
    "mean_squared_error",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
    "sparse_softmax_cross_entropy",
    "balanced_sigmoid_cross_entropy",
]
OF_NN = [
    "sigmoid_cross_entropy_with_logits",
    "weighted_cross_entropy_with_logits",
    "softmax_cross_entropy_with_logits",
    "softmax_cross_entropy_with_logits_v2",
    "sparse_softmax_cross_entropy_with_logits",
    "l2_loss",
]
LEFT_OUT = {"add_loss", "get_losses", "get_regularization_loss", "get_regularization_losses", "get_total_loss"}
SHAPES = [(5, 3), (6,), (2, 3, 2, 3), (4, 2, 3)]
NOT_GIVEN = "not given"
WEIGHTS = [NOT_GIVEN, 0.7, "batch", "elements", "zeros", "all zeros"]
REDUCTIONS = list(dict.fromkeys(tf1.Reduction.all()))
OPTIONS = {
    "huber_loss": [{}, {"delta": 0.3}],
    "log_loss": [{}, {"epsilon": 0.01}],
    "cosine_distance": [{"axis": -1}, {"dim": 0}],
    "sigmoid_cross_entropy": [{}, {"label_smoothing": 0.2}],
    "softmax_cross_entropy": [{}, {"label_smoothing": 0.2}],
    "balanced_sigmoid_cross_entropy": [{}, {"label_smoothing": 0.2, "beta": 0.9}],
    "weighted_cross_entropy_with_logits": [{"pos_weight": 3.0}, {"pos_weight": np.float32([0.5, 1, 4])}],
    "softmax_cross_entropy_with_logits": [{}, {"dim": 0}],
    "softmax_cross_entropy_with_logits_v2": [{}, {"axis": 0}, {"dim": 0}],
}


class Combination(NamedTuple):
    function: str
    shape: tuple
    options: dict
    weights: object = None
    reduction: str = None

    @property
    def data(self):
        """The arrays before the weights, what is differentiated last: logits, predictions or losses."""
        rng = np.random.default_rng(sum(self.shape))
        scores, labels = rng.normal(0, 2, self.shape), rng.random(self.shape)
        if self.function in ("compute_weighted_loss", "l2_loss"):
            return [scores.astype("float32")]
        if "sparse" in self.function:
            labels = rng.integers(0, self.shape[-1], self.shape[:-1])
        elif "softmax" in self.function:  # one-hot and soft rows, along the axis that holds the classes
            axis = self.options.get("axis", self.options.get("dim", -1))
            labels = np.swapaxes(labels, axis, -1)
            labels[:2] = (labels[:2] == labels[:2].max(-1, keepdims=True)) * 1.0
            labels = np.swapaxes(labels / labels.sum(-1, keepdims=True), axis, -1)
        elif "sigmoid" in self.function or "weighted" in self.function:
            labels[:3] = labels[:3] < 0.3
        elif self.function == "hinge_loss":
            labels = labels < 0.5
        elif self.function == "log_loss":
            labels[:3], scores = labels[:3] < 0.5, rng.uniform(0.01, 0.99, self.shape)
        else:
            labels = rng.normal(0, 2, self.shape)
            scores.flat[0] = labels.flat[0]  # an error of exactly 0
        return [labels.astype("int64" if "sparse" in self.function else "float32"), scores.astype("float32")]

    @property
    def values_shape(self):
        shape = list(self.shape)
        if "softmax" in self.function:
            del shape[-1]
        elif self.function == "cosine_distance":
            shape[self.options.get("axis", self.options.get("dim"))] = 1
        return tuple(shape)

    @property
    def keywords(self):
        keywords = dict(self.options)
        if self.reduction is not None:
            keywords["reduction"] = self.reduction
        if self.weights not in (None, NOT_GIVEN):
            keywords["weights"] = self._weights() if isinstance(self.weights, str) else self.weights
        return keywords

    def _weights(self):
        rng, shape = np.random.default_rng(3), self.values_shape
        weights = rng.uniform(0.2, 2, shape).astype("float32")
        if self.weights == "batch":
            return weights.reshape(shape[0], -1)[:, 0].reshape([-1] + [1] * (len(shape) - 1))
        if self.weights == "zeros":
            weights.flat[::3] = 0
            weights[: len(weights) // 2] = 0  # whole samples
        return weights * (self.weights != "all zeros")

    def deviation(self, dtype):
        """The largest relative deviation of value and gradient from TensorFlow's."""
        data = [x if x.dtype == "int64" else x.astype(dtype) for x in self.data]
        ours = value_and_gradient_of(getattr(tf1, self.function), data, self.keywords)
        theirs = value_and_gradient_of(oracle(self.function), data, self.keywords)
        return max(map(deviation, ours, theirs))


def combinations(function):
    reductions = REDUCTIONS if "reduction" in inspect.signature(getattr(tf1, function)).parameters else [None]
    weights = WEIGHTS if function in WITH_WEIGHTS else [None]
    for number, options in enumerate(OPTIONS.get(function, [{}])):
        for shape in SHAPES[:: 2 if number > 0 and "label_smoothing" not in options else 1]:
            if len(shape) > 1 or not ("pos_weight" in options or "softmax" in function):
                for how, reduction in itertools.product(weights, reductions):
                    yield Combination(function, shape, options, how, reduction)


def tolerances(combination):
    """Cross-entropies are computed in the dtype of the logits, and have 1e-6 in float64.

    In float32 their gradient p - y has fewer digits where it is small: TensorFlow's own is off by 1.6e-6 here.
    """
    if not combination.function.endswith("cross_entropy"):
        return {"float32": 1e-6}
    return {"float64": 1e-6, **({"float32": 3e-6} if combination.weights == "zeros" else {})}


def oracle(function):
    if function == "balanced_sigmoid_cross_entropy":
        return balanced_from_tensorflow
    if function == "mean_pairwise_squared_error":  # eager and graph differ for a number as weights; TF1 is graphs
        return tf.function(v1.losses.mean_pairwise_squared_error)
    return getattr(v1.losses if function in WITH_WEIGHTS else v1.nn, function)


def balanced_from_tensorflow(labels, logits, weights=1.0, label_smoothing=0, beta=None, **keywords):
    """(1 - β) tf.nn.weighted_cross_entropy_with_logits(pos_weight=β/(1 - β)), for Xie & Tu 2015."""
    counted = np.broadcast_to(np.not_equal(weights, 0), labels.shape)
    if beta is None:
        beta = np.sum(counted * (1 - labels)) / max(np.sum(counted), 1)
    smoothed = labels * (1 - label_smoothing) + label_smoothing / 2
    values = v1.nn.weighted_cross_entropy_with_logits(smoothed, logits, beta / (1 - beta)) * (1 - beta)
    return v1.losses.compute_weighted_loss(values, weights, **keywords)


def value_and_gradient_of(function, data, keywords):
    """The value, and the gradient of a sum of its entries with different coefficients."""
    *labels, last = map(tf.constant, data)
    with tf.GradientTape() as tape:
        tape.watch(last)
        value = function(*labels, last, **keywords)
        coefficients = np.linspace(0.5, 1.5, tf.size(value)).reshape(value.shape)
        total = tf.reduce_sum(value * tf.constant(coefficients, value.dtype))
    return value.numpy(), tape.gradient(total, last, unconnected_gradients="zero").numpy()


def deviation(actual, expected):
    """Relative to the larger of the expected entry and the mean size of all: terms that cancel leave no more digits."""
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    scale = np.maximum(np.abs(expected), np.mean(np.abs(expected)))
    assert np.all(actual[scale == 0] == 0)
    return np.max(np.abs(actual - expected) / np.where(scale == 0, 1, scale), initial=0)


# ---------------------------------------------------------------- TensorFlow's numbers


@pytest.mark.one_in(4)
@on_tensorflow
@pytest.mark.parametrize("every", by_default(lambda every: every > 1, [7, 1]))
@pytest.mark.parametrize("function", WITH_WEIGHTS + OF_NN)
def test_value_and_gradient_are_those_of_tensorflow(function, every):
    """By default of every seventh: there are 30 of weights and reductions, so that in turn each of them is met."""
    for combination in itertools.islice(combinations(function), None, None, every):
        for dtype, tolerance in tolerances(combination).items():
            assert combination.deviation(dtype) < tolerance, (combination, dtype)


def test_there_are_many_combinations():
    assert sum(len(list(combinations(function))) for function in WITH_WEIGHTS + OF_NN) >= 1800


@on_tensorflow
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32"])
@pytest.mark.parametrize("function", WITH_WEIGHTS[:-1] + OF_NN)
def test_dtypes_are_those_of_tensorflow(function, dtype):
    combination = Combination(function, (4, 3), OPTIONS.get(function, [{}])[0])
    data = [x.astype(x.dtype if x.dtype == "int64" else dtype) for x in combination.data]
    if dtype == "int32":
        assert getattr(tf1, function)(*data, **combination.options).dtype == "float32"
        return
    expected = oracle(function)(*data, **combination.options)
    actual = getattr(tf1, function)(*data, **combination.options)
    np.testing.assert_allclose(actual, expected, rtol={"float16": 3e-2, "float32": 1e-6, "float64": 1e-6}[dtype])


def test_half_precision_is_rounded_once():
    logits = np.linspace(-4, 4, 3000).astype("float16")
    labels = np.arange(3000) % 3 == 0
    z, y = np.float64(logits), np.where(labels, 0.9, 0.1)
    exact = np.logaddexp(0, z) - z * y
    values = tf1.sigmoid_cross_entropy(labels, logits, label_smoothing=0.2, reduction=tf1.Reduction.NONE)
    assert keras.backend.standardize_dtype(values.dtype) == "float16"
    np.testing.assert_allclose(ops.convert_to_numpy(values).astype("float64"), exact, rtol=1.001 * 2**-11)


def test_numbers_without_a_dtype_are_floatx():
    for logits in ([[0.5]], [[1]], 0.5):
        loss = tf1.sigmoid_cross_entropy(np.ones_like(logits), logits)
        assert keras.backend.standardize_dtype(loss.dtype) == "float32"


@on_tensorflow
def test_mean_pairwise_squared_error_is_that_of_a_session():
    [labels, predictions] = Combination("mean_pairwise_squared_error", (4, 3), {}).data
    with tf.Graph().as_default(), v1.Session() as session:
        expected = session.run(v1.losses.mean_pairwise_squared_error(labels, predictions))
    assert float(tf1.mean_pairwise_squared_error(labels, predictions)) == pytest.approx(float(expected), rel=1e-6)


@on_tensorflow
@pytest.mark.parametrize("function", WITH_WEIGHTS + OF_NN)
def test_signature_is_that_of_tensorflow(function):
    theirs = v1.nn if function in OF_NN else v1.losses
    other = "sigmoid_cross_entropy" if function == "balanced_sigmoid_cross_entropy" else function
    assert parameters(getattr(tf1, function))[: -1 if other != function else None] == parameters(getattr(theirs, other))


def parameters(function):
    return [(p.name, p.default, p.kind) for p in inspect.signature(function).parameters.values()]


@on_tensorflow
def test_names_are_those_of_tensorflow():
    theirs = {name for name in dir(v1.losses) if not name.startswith("_")}
    assert theirs - set(dir(tf1)) == LEFT_OUT
    members = {name: value for name, value in vars(v1.losses.Reduction).items() if name.isupper()}
    assert {name: value for name, value in vars(tf1.Reduction).items() if name.isupper()} == members
    assert tf1.Reduction.all() == v1.losses.Reduction.all()
    assert inspect.signature(tf1.hinge_loss).parameters["loss_collection"].default == v1.GraphKeys.LOSSES


@on_tensorflow
@pytest.mark.parametrize("function", ["mean_squared_error", "softmax_cross_entropy", "sparse_softmax_cross_entropy"])
def test_weights_of_every_shape_are_taken_or_refused_as_in_tensorflow(function):
    combination = Combination(function, (3, 2, 3), {})
    shapes = [shape for rank in range(5) for shape in itertools.product([1, 2, 3], repeat=rank)]
    taken = 0
    for shape in shapes:
        weights = np.ones(shape, "float32")
        try:
            expected = oracle(function)(*combination.data, weights=weights)
        except (ValueError, tf.errors.InvalidArgumentError):
            with pytest.raises(ValueError, match=r"weights\.shape=.*shape of the values|cannot"):
                getattr(tf1, function)(*combination.data, weights=weights)
        else:
            assert float(getattr(tf1, function)(*combination.data, weights=weights)) == pytest.approx(float(expected))
            taken += 1
    assert len(shapes) == 121
    assert taken >= 5


@on_tensorflow
def test_old_names_of_arguments():
    y, z = np.float32([[1, 0, 0]]), np.float32([[0.5, -1, 2]])
    same = tf1.weighted_cross_entropy_with_logits(y, z, 3.0).numpy()
    np.testing.assert_array_equal(tf1.weighted_cross_entropy_with_logits(targets=y, logits=z, pos_weight=3.0), same)
    over_axis_0 = v1.nn.softmax_cross_entropy_with_logits(labels=y.T, logits=z.T, dim=0)
    for name in ("axis", "dim"):
        result = tf1.softmax_cross_entropy_with_logits(labels=y.T, logits=z.T, **{name: 0})
        np.testing.assert_allclose(result, over_axis_0, rtol=1e-6)
    both = tf1.cosine_distance(y, z, axis=1), tf1.cosine_distance(y, z, dim=1)
    assert float(both[0]) == float(both[1])


@on_tensorflow
def test_gradient_of_labels():
    """None through a softmax's, except of v2, as in TensorFlow."""
    y, z = tf.constant([[0.2, 0.8]]), tf.constant([[0.5, -1.0]])
    for function in ("softmax_cross_entropy_with_logits", "softmax_cross_entropy_with_logits_v2"):
        gradients = []
        for module in (tf1, v1.nn):
            with tf.GradientTape() as tape:
                tape.watch(y)
                value = getattr(module, function)(labels=y, logits=z)
            gradients.append(tape.gradient(value, y))
        if gradients[1] is None:
            assert gradients[0] is None
        else:
            np.testing.assert_allclose(*gradients, rtol=1e-6)


@on_tensorflow
def test_logits_are_what_comes_not_what_is_behind_a_sigmoid():
    z = np.float32([[-3, 0.5, 8]])
    for logits in (tf.sigmoid(z), keras.ops.sigmoid(z)):
        expected = v1.losses.sigmoid_cross_entropy(np.ones_like(z), logits)
        assert float(tf1.sigmoid_cross_entropy(np.ones_like(z), logits)) == pytest.approx(float(expected), rel=1e-6)
    in_graph = tf.function(lambda z: tf1.sigmoid_cross_entropy(np.ones((1, 3), "float32"), tf.sigmoid(z)))
    assert float(in_graph(z)) == pytest.approx(float(expected), rel=1e-6)


@on_tensorflow
def test_rows_of_labels_that_do_not_sum_to_one_have_a_right_gradient():
    z = tf.constant([[1.0, 2.0]])
    with tf.GradientTape() as tape:
        tape.watch(z)
        value = tf1.softmax_cross_entropy([[0.0, 0.0]], z)
    assert float(value) == 0
    np.testing.assert_array_equal(tape.gradient(value, z), [[0.0, 0.0]])


@on_tensorflow
def test_shapes_that_are_known_only_in_the_run():
    vector, number = tf.TensorSpec([None], "float32"), tf.TensorSpec([None, 1], "float32")
    square = tf.function(tf1.mean_squared_error, input_signature=[vector, vector, vector])
    assert float(square([1.0, 2.0], [2.0, 4.0], [1.0, 3.0])) == (1 + 3 * 4) / 2
    assert float(square([1.0, 2.0], [2.0, 4.0], [3.0])) == 3 * (1 + 4) / 2
    with pytest.raises(tf.errors.InvalidArgumentError):
        square([1.0], [2.0, 4.0], [1.0, 3.0])
    with pytest.raises(tf.errors.InvalidArgumentError):
        square([1.0, 2.0], [2.0, 4.0], [1.0, 2.0, 3.0])
    pairs = tf.function(tf1.mean_pairwise_squared_error, input_signature=[number, number, number])
    assert float(pairs([[1.0]], [[2.0]], [[3.0]])) == 0


@on_tensorflow
def test_scope_and_name_open_a_scope():
    with tf.Graph().as_default() as graph:
        tf1.mean_squared_error([1.0], [2.0], scope="first/part")
        tf1.l2_loss([1.0], name="second")
        tf1.hinge_loss([1.0], [2.0])
    scopes = {operation.name.split("/")[0] for operation in graph.get_operations()}
    assert scopes == {"first_part", "second", "hinge_loss"}


# ---------------------------------------------------------------- on every backend

# Value and Σ gradient · linspace(0.5, 1.5) of tf.compat.v1 (TensorFlow 2.21.0, CPU), for the data of `recorded_case`;
# test_recorded_numbers_are_those_of_tensorflow is the recipe.
RECORDED = {
    "absolute_difference": (3.33519888, 0.579553833),
    "compute_weighted_loss": (1.89961743, 1.13005425),
    "cosine_distance": (2.65923452, 1.60535663),
    "hinge_loss": (2.17990875, 0.173213188),
    "huber_loss": (0.959524274, 0.173866154),
    "log_loss": (0.597089946, 0.716554096),
    "mean_pairwise_squared_error": (271.174744, -30.555427),
    "mean_squared_error": (12.9954395, 5.68251512),
    "sigmoid_cross_entropy": (1.96044564, 0.46839967),
    "softmax_cross_entropy": (1.4983896, 0.0171347681),
    "sparse_softmax_cross_entropy": (1.89209604, 0.0341988064),
    "balanced_sigmoid_cross_entropy": (0.334105879, -0.0391004272),
    "sigmoid_cross_entropy_with_logits": (52.3894119, 4.42815756),
    "weighted_cross_entropy_with_logits": (61.9101028, -1.65685043),
    "softmax_cross_entropy_with_logits": (17.9321022, 0.990963869),
    "softmax_cross_entropy_with_logits_v2": (17.9321022, 0.990963869),
    "sparse_softmax_cross_entropy_with_logits": (39.145916, 0.440446858),
    "l2_loss": (65.75383, 11.5687884),
}


def recorded_case(function):
    weighted = function in WITH_WEIGHTS
    combination = Combination(function, (4, 2, 3), OPTIONS.get(function, [{}])[-1], "zeros" if weighted else None)
    *labels, last = combination.data

    def fn(of, x):
        value = of(*labels, x, **combination.keywords)
        coefficients = np.linspace(1, 2, int(np.prod(value.shape))).reshape(value.shape)
        return ops.sum(value * ops.convert_to_tensor(coefficients.astype("float32")))

    return fn, last


def numbers(value, gradient):
    return float(value), float(np.sum(gradient * np.linspace(0.5, 1.5, gradient.size).reshape(gradient.shape)))


@on_tensorflow
@pytest.mark.parametrize("function", WITH_WEIGHTS + OF_NN)
def test_recorded_numbers_are_those_of_tensorflow(function):
    fn, last = recorded_case(function)
    actual = numbers(*value_and_gradient(lambda x: fn(oracle(function), x), last))
    assert actual == pytest.approx(RECORDED[function], rel=1e-6)


@pytest.mark.one_in(5)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("function", WITH_WEIGHTS + OF_NN)
def test_recorded_numbers(function, mode):
    fn, last = recorded_case(function)
    actual = numbers(*value_and_gradient(lambda x: fn(getattr(tf1, function), x), last, mode))
    assert actual == pytest.approx(RECORDED[function], rel=5e-6)


@pytest.mark.one_in(4)
@pytest.mark.parametrize("mode", MODES[-1:])
@pytest.mark.parametrize("function", WITH_WEIGHTS)
def test_nothing_of_an_entry_of_weight_zero_counts(function, mode):
    combination = Combination(function, (4, 2, 3), OPTIONS.get(function, [{}])[0])
    weights = np.ones((4, *[1] * (len(combination.values_shape) - 1)), "float32")
    weights[2] = 0

    def run(data):
        *labels, last = data
        fn = getattr(tf1, function)
        return value_and_gradient(lambda x: fn(*labels, x, weights=weights, **combination.options), last, mode)

    clean = run(combination.data)
    data = combination.data
    for x in data:
        x[2] = -1 if x.dtype == "int64" else [[np.nan, np.inf, -np.inf], [np.inf, np.inf, np.nan]]
    value, gradient = run(data)
    assert value == clean[0]
    np.testing.assert_array_equal(gradient, clean[1])
    assert np.isfinite(value)
    assert not gradient[2].any()


@pytest.mark.parametrize("function", WITH_WEIGHTS)
def test_all_weights_zero(function):
    options = OPTIONS.get(function, [{}])[0]
    data = [x * (np.nan if x.dtype != "int64" else 1) for x in Combination(function, (4, 3), options).data]
    for reduction in REDUCTIONS if "reduction" in inspect.signature(getattr(tf1, function)).parameters else [None]:
        keywords = {**options, **({} if reduction is None else {"reduction": reduction})}
        assert not np.any(ops.convert_to_numpy(getattr(tf1, function)(*data, weights=0.0, **keywords)))


def test_weights_none_is_one():
    assert float(tf1.absolute_difference([1.0, 2.0], [2.0, 5.0], weights=None)) == 2


def test_lists_numbers_and_labels_with_one_more_axis():
    assert float(tf1.mean_squared_error(3, 1)) == 4
    assert float(tf1.mean_squared_error([], [])) == 0
    logits = [[0.0, 2.0], [1.0, 0.0]]
    flat = tf1.sparse_softmax_cross_entropy([1, 0], logits, weights=[1.0, 3.0])
    columns = tf1.sparse_softmax_cross_entropy([[1], [0]], logits, weights=[[1.0], [3.0]])
    assert float(flat) == float(columns)


def test_loss_collection():
    collection = []
    first = tf1.mean_squared_error([1.0], [2.0], loss_collection=collection)
    second = tf1.mean_pairwise_squared_error([[1.0, 2.0]], [[2.0, 1.0]], loss_collection=collection)
    assert collection[0] is first
    assert collection[1] is second
    for nothing in ("losses", None):
        tf1.hinge_loss([1.0], [2.0], loss_collection=nothing)
    with pytest.raises(ValueError, match=r"^tf1\.hinge_loss: `loss_collection` .*`add_loss` of a layer or model"):
        tf1.hinge_loss([1.0], [2.0], loss_collection="my_losses")


def test_scope_reaches_keras(monkeypatch):
    scopes, name_scope = [], keras.name_scope
    monkeypatch.setattr(keras, "name_scope", lambda name: scopes.append(name) or name_scope(name))
    tf1.log_loss([1.0], [0.5], scope="a/b")
    tf1.l2_loss([1.0], name="c")
    tf1.l2_loss([1.0])
    assert scopes == ["a_b", "c", "l2_loss"]


Y, Z = [[0.0, 1.0]], [[0.5, -0.5]]
ERRORS = [
    ("mean_squared_error", (None, Z), {}, r"`labels` must be given"),
    ("mean_squared_error", (Y, None), {}, r"`predictions` must be given"),
    ("sigmoid_cross_entropy_with_logits", (), {}, r"`labels` must be given"),
    ("softmax_cross_entropy", (Y, [0.5, -0.5]), {}, r"`onehot_labels` .* `logits`.*\(1, 2\).*\(2,\)"),
    ("sigmoid_cross_entropy", ([[1.0]], Z), {}, r"`multi_class_labels` .* `logits`.*\(1, 1\).*\(1, 2\)"),
    (
        "absolute_difference",
        ([0.0], [[1.0]]),
        {},
        r"`labels` must have the shape of `predictions`\. .*\(1,\).*\(1, 1\)",
    ),
    ("sparse_softmax_cross_entropy", ([0, 1], Z), {}, r"`labels` .* without its last axis\. .*\(2,\).*\(1, 2\)"),
    ("sparse_softmax_cross_entropy_with_logits", ([2], Z), {}, r"`labels` must hold class indices from 0 to 1.*: 2"),
    ("hinge_loss", (Y, Z), {"weights": [1.0]}, r"`weights` must be a number.*\(1,\).*values \(1, 2\)"),
    ("hinge_loss", (Y, Z), {"weights": [[1.0, 2.0, 3.0]]}, r"`weights` must be a number.*\(1, 3\).*values \(1, 2\)"),
    ("hinge_loss", (Y, Z), {"weights": "heavy"}, r"`weights` must be an array.*heavy"),
    ("hinge_loss", (Y, Z), {"reduction": "mean"}, r"`reduction` must be a member .*'weighted_mean'.*Received: 'mean'"),
    ("hinge_loss", (Y, Z), {"reduction": None}, r"`reduction` must be a member .*Received: None"),
    ("hinge_loss", (Y, Z), {"loss_collection": ("a",)}, r"`loss_collection` must be a Python list.*Received: \('a',\)"),
    ("huber_loss", (Y, Z), {"delta": -1.0}, r"`delta` must be a finite number > 0.*delta=-1\.0"),
    ("sigmoid_cross_entropy", (Y, Z), {"label_smoothing": 2}, r"`label_smoothing` must be .*label_smoothing=2"),
    ("balanced_sigmoid_cross_entropy", (Y, Z), {"beta": 2}, r"`beta` must be .*beta=2"),
    ("cosine_distance", (Y, Z), {}, r"`axis` must be an axis .*axis=None"),
    ("cosine_distance", (Y, Z), {"axis": 2}, r"`axis` must be an axis of data with 2 axes.*axis=2"),
    ("cosine_distance", (Y, Z), {"axis": 1.0}, r"`axis` must be an axis .*axis=1\.0"),
    ("cosine_distance", (Y, Z), {"axis": 1, "dim": 0}, r"`dim` is the old name of `axis`"),
    ("weighted_cross_entropy_with_logits", (Y, Z), {}, r"`pos_weight` must be an array.*None"),
    ("weighted_cross_entropy_with_logits", (Y, Z, [1.0] * 3), {}, r"`pos_weight` must be .*\(3,\).*\(1, 2\)"),
    ("weighted_cross_entropy_with_logits", (Y, Z, [[[1.0]]]), {}, r"`pos_weight` must be .*\(1, 1, 1\).*\(1, 2\)"),
    ("weighted_cross_entropy_with_logits", (Y, Z, 1.0), {"targets": Y}, r"`targets` is the old name of `labels`"),
    ("l2_loss", ("many",), {}, r"`t` must be an array.*many"),
]


@pytest.mark.parametrize("function, args, keywords, message", ERRORS)
def test_errors_name_function_and_argument(function, args, keywords, message):
    with pytest.raises(ValueError, match=rf"^tf1\.{function}: {message}"):
        getattr(tf1, function)(*args, **keywords)


def test_reduction_validate():
    for member in tf1.Reduction.all():
        tf1.Reduction.validate(member)
    with pytest.raises(ValueError, match="weighted_sum_by_nonzero_weights"):
        tf1.Reduction.validate("sum")


def main():
    total = 0
    for function in WITH_WEIGHTS + OF_NN:
        cases = list(combinations(function))
        total += len(cases)
        largest = {}
        for case in cases:
            for dtype in tolerances(case):
                largest[dtype] = max(largest.get(dtype, 0), case.deviation(dtype))
        print(f"{function:45} {len(cases):5} ", *(f"{dtype} {worst:.1e} " for dtype, worst in largest.items()))
    print(f"{total} combinations")


if __name__ == "__main__":
    main()


@pytest.mark.one_in(5)
@on_tensorflow
@pytest.mark.parametrize("weights", [2.0, [[0.5], [2.0], [1.0], [0.0]]], ids=["number", "column"])
@pytest.mark.parametrize("name", [name for name in WITH_WEIGHTS if "sparse" not in name])
def test_an_unknown_batch_changes_nothing(name, weights, rng):
    """Value and gradient where only the run knows the batch are those of eager mode, for every form of weights."""
    function = getattr(tf1, name)
    x = rng.random((4, 3)).astype("float32")
    y = (rng.random((4, 3)) < 0.5).astype("float32")
    weights = np.asarray(weights, "float32")
    if name == "softmax_cross_entropy" and weights.ndim:
        weights = weights[:, 0]
    options = {"axis": -1} if name == "cosine_distance" else {}

    def value_and_slope(y, x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            data = (x,) if name == "compute_weighted_loss" else (y, x)
            value = function(*data, weights=weights, **options)
        return value, tape.gradient(value, x)

    expected = value_and_slope(tf.constant(y), tf.constant(x))
    found = tf.function(value_and_slope, input_signature=[tf.TensorSpec([None, 3])] * 2)(y, x)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
