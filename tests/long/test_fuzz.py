"""Any loss with any options on any data, in any mode: drawn by Hypothesis, compared with the float64 oracles.

An example is a session: one loss, and some batches one after the other, of sizes, labels, weights, masks and mode that
are drawn. The values come from `tests/losses/oracle_*.py`; what weights, masks and reductions make of them is written
here, in numpy. Every registered loss that has an oracle takes part, with the options of `tests/cases.py`.

By default some examples, in the long part (`-m matrix`) a thousand, and always the same ones, so that a run can be
repeated. With `FUZZ=5000` in the environment so many others each time. An example that fails is printed with its
arguments and with the line `@reproduce_failure(...)`, which runs it again.
"""

import functools
import importlib
import inspect
import os
import pathlib
import sys

import numpy as np
import pytest
from backends import BACKEND, with_mask
from cases import CASES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kinds import CLASSES
from scipy import special

sys.path.append(str(pathlib.Path(__file__).parents[1] / "losses"))
from golden import ROUNDED

import keras_lossbox
from keras_lossbox import targets
from keras_lossbox.core.registry import snake_case
from keras_lossbox.losses.overlap.base import Overlap

if BACKEND != "tensorflow":
    pytest.skip("modes of TensorFlow; the contract covers this backend", allow_module_level=True)

import tensorflow as tf


def _oracles():
    """The oracles by the name of their loss."""
    found = {}
    for file in sorted((pathlib.Path(__file__).parents[1] / "losses").glob("oracle_*.py")):
        functions = vars(importlib.import_module(file.stem)).items()
        found |= {name: function for name, function in functions if name in keras_lossbox.available()}
    return found


ORACLES = _oracles()


def oracle_of(case):
    """The oracle with the options of a case; None if there is none, or it does not know one of the options."""
    oracle = ORACLES.get(snake_case(case.name))
    if oracle is None:
        return None
    parameters = inspect.signature(oracle).parameters
    passed_on = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    unknown = set(case.options) - set(parameters)
    # (Of a pixel that is left out no oracle says whether its sample still has a value.)
    known = not unknown & {"axis", "ignore_class", "labels"} if passed_on else not unknown
    return functools.partial(oracle, **case.options) if known else None


TAKING_PART = [case for case in CASES if oracle_of(case) is not None]
TOLERANCE = {"float64": 1e-9, "float32": 2e-5, "float16": 2e-3, "bfloat16": 2e-2}
REAL = [case for case in TAKING_PART if case.kind == "real"]
REDUCTIONS = ["sum_over_batch_size", "sum", "none", "mean_with_sample_weight", "sum_by_nonzero_weights"]
WEIGHTS = {
    "none": lambda rng, shape: None,
    "samples": lambda rng, shape: rng.choice([0.0, 0.5, 1.0, 3.0], shape[:1]),
    "values": lambda rng, shape: rng.choice([0.0, 0.25, 2.0], shape),
    "extreme": lambda rng, shape: rng.choice([0.0, 1e-8, 1.0, 1e6], shape[:1]),
    "zeros": lambda rng, shape: np.zeros(shape),
}
MASKS = {
    "none": lambda rng, shape: None,
    "samples": lambda rng, shape: rng.random(shape[:1]) < 0.6,
    "values": lambda rng, shape: rng.random(shape) < 0.6,
    "nothing": lambda rng, shape: np.zeros(shape[:1], bool),
}
EXACT_AT_EXTREMES = {  # whose oracles do not take logarithms of what has become 0
    "binary_crossentropy",
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
    "charbonnier",
    "hinge",
    "squared_hinge",
    "categorical_hinge",
    "multi_margin",
    "quantile",
    "expectile",
}


def draw_data(case, rng, shape, style, dtype):
    """Labels and predictions: as the case draws them, or soft labels, extreme logits and errors, exact 0 and 1."""
    y_true, y_pred = case.data(rng, shape, dtype)
    if style == "soft" and type(case.declared) in (targets.Binary, targets.Classes) and case.name != "ZeroOne":
        y_true = rng.random(y_true.shape) if case.kind == "binary" else y_true
        y_true = special.softmax(rng.normal(size=y_true.shape), -1) if case.kind == "one_hot" else y_true
        y_true = y_true.astype(dtype) if y_true.dtype.kind == "f" else y_true
    far = rng.random(y_pred.shape) < 0.3
    if style == "extreme" and snake_case(case.name) in EXACT_AT_EXTREMES and not case.takes_probabilities:
        y_pred = np.where(far, y_pred * 1e4, y_pred).astype(dtype)  # (no two alike: a tie has many gradients)
    if style == "extreme" and case.takes_probabilities and case.kind == "binary" and dtype == "float64":
        y_pred = np.where(far, np.round(y_pred), y_pred)
    if style == "right" and case.kind == "real":
        y_pred = np.where(far, y_true, y_pred) if y_pred.shape == y_true.shape else y_pred
    return y_true, y_pred


def reduced(values, weights, mask, reduction):
    """The loss, and the factor with which each value is in it."""
    weights = np.ones(values.shape) if weights is None else expanded(weights, values.shape)
    mask = np.ones(values.shape, bool) if mask is None else expanded(mask, values.shape)
    factor = np.where(mask, weights, 0)
    divisor = {
        "sum_over_batch_size": np.sum(mask),
        "mean_with_sample_weight": np.sum(factor),
        "sum_by_nonzero_weights": np.sum(factor != 0),
    }.get(reduction, 1)
    factor = factor / divisor if divisor else 0 * factor
    terms = np.where(factor != 0, values, 0) * factor
    return terms if reduction == "none" else np.sum(terms), factor


def expanded(x, shape, axis=-1):
    """x with the axes that `shape` has beyond it, at the end; or, if it lacks one other only, at `axis`."""
    if axis != -1 and x.ndim == len(shape) - 1:
        x = np.expand_dims(x, axis)
    return np.broadcast_to(np.reshape(x, x.shape + (1,) * (len(shape) - x.ndim)), shape)


def assert_close(actual, expected, scale, tolerance, what):
    """Equal to `tolerance` of the number, or of the mean size of what was added up."""
    actual = np.asarray(actual, "float64")
    assert actual.shape == np.shape(expected), what
    allowed = tolerance * np.maximum(np.abs(expected), scale) + 1e-37
    worst = np.max(np.abs(actual - expected) - allowed, initial=0)
    assert worst <= 0, f"{what}: {actual} instead of {expected}"


class Session:
    """One loss and the function that computes it, for all batches of an example; and what its mean has to be."""

    def __init__(self, case, dtype, mode, reduction):
        self.case, self.mode, self.reduction, self.dtype = case, mode, reduction, dtype
        self.loss = case.build(dtype=dtype, reduction=reduction)
        self.metric = keras_lossbox.MeanLoss(case.build(dtype=dtype), dtype="float64" if dtype == "float64" else None)
        self.metric_total = self.metric_divisor = 0.0
        self.traced = {}

    def step(self, y_true, y_pred, weights, mask, poisoned):
        """A batch, and whether loss and gradient are those of the oracle."""
        expected = oracle_of(self.case)(*(x if x.dtype.kind == "i" else x.astype("float64") for x in (y_true, y_pred)))
        axis = self.case.options.get("axis", -1)
        axis = axis if isinstance(axis, int) else -1
        of_option = self._ignored(y_true, expected.values.shape)
        both = of_option if mask is None else expanded(mask, expected.values.shape) & of_option
        total, factor = reduced(expected.values, weights, both, self.reduction)
        # The oracle's gradient is that of the mean of the values that no option leaves out.
        slope = expanded(factor, y_pred.shape, axis) * expected.gradient * max(np.sum(of_option), 1)
        if is_of_batch(self.case):  # a root of the mean, or a mean of what only some have
            total, slope = expected.mean, expected.gradient
        given = np.where(expanded(factor, y_pred.shape, axis) == 0, np.nan, y_pred) if poisoned else y_pred
        actual, gradient = self._run(y_true, given.astype(y_pred.dtype), weights, mask)
        self._compare(actual, gradient, total, slope, expected.values, factor)
        self._add_to_metric(y_true, given.astype(y_pred.dtype), weights, mask, expected.values, both)

    def _ignored(self, y_true, shape):
        ignored = self.case.options.get("ignore_class")
        return np.ones(shape, bool) if ignored is None else np.reshape(y_true, shape) != ignored

    def _run(self, y_true, y_pred, weights, mask):
        """The loss and the gradient of its sum; in a graph by the function that was traced for batches like this."""
        given = {"y_true": y_true, "y_pred": y_pred, "weights": weights, "mask": mask}
        given = {name: tf.convert_to_tensor(x) for name, x in given.items() if x is not None}
        if self.mode == "eager":
            return self._value_and_gradient(**given)
        layout = tuple((name, len(x.shape)) for name, x in given.items())
        if layout not in self.traced:
            traced = tf.function(self._value_and_gradient, jit_compile=self.mode == "xla", autograph=False)
            of_any_size = {name: tf.TensorSpec([None, *x.shape[1:]], x.dtype) for name, x in given.items()}
            self.traced[layout] = traced.get_concrete_function(**of_any_size)
        return self.traced[layout](**given)

    def _value_and_gradient(self, y_true, y_pred, weights=None, mask=None):
        with tf.GradientTape() as tape:
            tape.watch(y_pred)
            value = self.loss(y_true, y_pred if mask is None else with_mask(tf.identity(y_pred), mask), weights)
            total = tf.reduce_sum(tf.cast(value, self.loss.compute_dtype))
        return value, tape.gradient(total, y_pred, unconnected_gradients="zero")

    def _compare(self, actual, gradient, total, slope, values, factor):
        name = snake_case(self.case.name)
        rounded = ROUNDED.get(name, 1)
        scale = np.mean(np.abs(values)) * np.abs(factor)
        scale = scale if np.ndim(total) else np.sum(scale)
        tolerance = TOLERANCE[self.dtype] * (1 if "16" in self.dtype else rounded)
        actual, gradient = (np.asarray(tf.cast(x, "float64")) for x in (actual, gradient))
        if self.dtype == "float16":
            small = np.abs(total) < 6e4
            total, scale, actual = np.where(small, total, 0), scale + 1e-4, np.where(small, actual, 0)
        assert_close(actual, total, scale, tolerance, "value")
        tolerance = TOLERANCE["float64" if self.dtype == "float64" else "float32"] * rounded
        scale = np.maximum(np.mean(np.abs(slope)), 0.02 * np.max(np.abs(factor)))  # of what may have cancelled
        assert_close(gradient, slope, scale, tolerance, "gradient")

    def _add_to_metric(self, y_true, y_pred, weights, mask, values, both):
        """`MeanLoss`, which adds up: Σ w·value / Σ w."""
        if self.mode != "eager" or "16" in self.dtype or self.case.name == "RootMeanSquaredError":  # of a root
            return
        self.metric.update_state(y_true, y_pred if mask is None else with_mask(y_pred, mask), weights)
        total, factor = reduced(values, weights, both, "sum")
        self.metric_total, self.metric_divisor = self.metric_total + total, self.metric_divisor + np.sum(factor)
        expected = self.metric_total / self.metric_divisor if self.metric_divisor else 0.0
        tolerance = TOLERANCE[self.dtype] * ROUNDED.get(snake_case(self.case.name), 1)
        assert_close(np.asarray(self.metric.result()), expected, np.max(np.abs(values)), tolerance, "MeanLoss")


def is_of_batch(case):
    """Whether the loss is one number for the batch: the oracles do not know what weights make of it."""
    return case.is_batch_statistic or getattr(case.build(), "scope", "sample") == "batch"


def is_of_sample(case):
    """Whether weights and masks inside a sample change more than what they weigh."""
    return issubclass(case.inner.cls, Overlap) or case.name == "BalancedBinaryCrossentropy"


@st.composite
def batches(draw, case):
    """Of one to three batches the number of samples, the style, weights and masks."""
    alone, whole = is_of_batch(case), is_of_sample(case)
    weights = ["none"] if alone else ["none", "samples", "extreme"] if whole else list(WEIGHTS)
    masks = ["none"] if alone else ["none", "samples"] if whole else list(MASKS)
    return draw(
        st.lists(
            st.tuples(
                st.sampled_from([4, 8] if alone else [2, 3, 6]),
                st.sampled_from(["as drawn", "soft", "extreme", "right"]),
                st.sampled_from(weights),
                st.sampled_from(masks),
            ),
            min_size=1,
            max_size=3,
        )
    )


def fuzz(data, case, seed, dtype, mode, reduction, inner, poisoned):
    """One session."""
    reduction = "sum_over_batch_size" if is_of_batch(case) else reduction
    rng = np.random.default_rng(seed)
    session = Session(case, dtype, mode, reduction)
    for n, style, how, masked in data.draw(batches(case), label="batches"):
        shape = (n, *inner) if case.kind not in ("groups", "matches", "events") else (n,)
        y_true, y_pred = draw_data(case, rng, shape, style, "float64" if dtype == "float64" else "float32")
        values_shape = case.values_shape(y_pred)
        weights, mask = WEIGHTS[how](rng, values_shape), MASKS[masked](rng, values_shape)
        weights = weights if weights is None else weights.astype("float64" if dtype == "float64" else "float32")
        session.step(y_true, y_pred, weights, mask, poisoned)


EXAMPLES = given(
    data=st.data(),
    case=st.sampled_from(TAKING_PART),
    seed=st.integers(0, 2**32 - 1),
    dtype=st.sampled_from(["float32", "float32", "float64", "float64", "float16", "bfloat16"]),
    mode=st.sampled_from(["eager"] * 40 + ["graph"] * 3 + ["xla"]),
    reduction=st.sampled_from(REDUCTIONS),
    inner=st.sampled_from([(), (2,)]),
    poisoned=st.booleans(),
)
SETTINGS = {"deadline": None, "database": None, "print_blob": True, "suppress_health_check": list(HealthCheck)}

test_some_sessions = settings(max_examples=12, derandomize=True, **SETTINGS)(EXAMPLES(fuzz))
OTHERS = int(os.environ.get("FUZZ", 0))
test_many_sessions = pytest.mark.matrix(
    settings(max_examples=OTHERS or 1000, derandomize=not OTHERS, **SETTINGS)(EXAMPLES(fuzz))
)


def test_most_losses_take_part():
    classes = {case.cls for case in TAKING_PART}
    assert len(classes) > 0.9 * len(keras_lossbox.available())
    assert CLASSES == 3  # what the lists of options are made for


@pytest.mark.parametrize("size", [1e19, 3e20, 1e25, 1e30])
def test_errors_whose_squares_overflow(size):
    """Loss and gradient are those of float64, in float32; infinite is only a sum that float32 cannot hold."""
    y_true, y_pred = np.zeros((2, 3), "float32"), np.array([[1, -2, 0], [1.5, 1, -1]], "float32") * np.float32(size)
    for case in REAL:
        if case.name == "RootMeanSquaredError" and case.options.get("scope", "batch") == "batch":
            continue  # the root of a mean of squares: infinite, as that is
        expected = oracle_of(case)(y_true.astype("float64"), y_pred.astype("float64"))
        with np.errstate(over="ignore"):
            fits = np.isfinite(np.float32(expected.mean * y_pred.size))
            mean, gradient = expected.mean if fits else np.inf, expected.gradient.astype("float32")
        x = tf.constant(y_pred)
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = case.build()(y_true, x)
        assert np.allclose(value, mean, rtol=1e-5), f"{case}: {value} instead of {mean}"
        slope = np.asarray(tf.convert_to_tensor(tape.gradient(value, x)))
        assert np.allclose(slope, gradient, rtol=1e-5), f"{case}: gradient {slope} instead of {gradient}"
