"""Golden values: every loss against numbers that do not come from this package. What the families share.

Each family's file holds its tables and names its oracles:

1. `oracle_<family>.py`: the formulas in float64 numpy and scipy (every loss, every option).
2. TensorFlow: tf.nn, tf.math and tf.compat.v1.losses with each of their reductions.
3. Keras's own losses and scikit-learn's metrics, where they are right.
4. Numbers recorded from PyTorch, and those printed in the documentation of PyTorch and TensorFlow.

A test goes through all cases of a table that belong together, and names the case that fails.
"""

import contextlib
import functools
import inspect
import itertools
import os
from typing import NamedTuple

import keras
import numpy as np
import pytest
from backends import value_and_gradient
from cases import LONG
from keras import ops
from kinds import box_of
from oracle import Expected, column
from scipy import special

import keras_lossbox
from keras_lossbox import targets

BACKEND = keras.config.backend()
if BACKEND == "tensorflow":
    import tensorflow as tf
on_tensorflow = pytest.mark.skipif(BACKEND != "tensorflow", reason="the oracle is TensorFlow's")

# Off TensorFlow, parts of keras.ops (clip on PyTorch, tanh on JAX) and of Keras's losses round float64 to float32.
TOLERANCE = {"float32": 1e-6, "float64": 1e-12 if BACKEND == "tensorflow" else 1e-6}
if BACKEND == "jax" and not os.environ.get("JAX_ENABLE_X64"):
    del TOLERANCE["float64"]
PRECISE = list(TOLERANCE)[-1]
# In float32. A power multiplies relative errors by γ; and the gradient of bounded losses at a logit, p (1 - p) and the
# like, is the difference of terms that are far larger, and were rounded.
ROUNDED = {
    "binary_focal_crossentropy": 2,
    "asymmetric_loss": 2,
    "poly1_crossentropy": 3,
    "generalized_crossentropy": 5 if BACKEND == "tensorflow" else 50,  # expm1(x) + 1 is the slope of expm1 there
    "categorical_generalized_cross_entropy": 5,
    "symmetric_crossentropy": 5,
    # exp(2 x), for a scale of exp(-20), multiplies the rounding of x by 40
    "gaussian_nll": 5,
    "laplace_nll": 3,
    "log_normal_nll": 5,
    "mixture_nll": 6,  # the share of a component is an exponential of terms of that size
    "gaussian_crps": 3,
    "tweedie": 3,  # the same, of a power of the mean
    "gamma_nll": 6,  # the same
    "negative_binomial_nll": 6,  # the slope in the size is what is left of terms as large as the label
    "earth_movers": 5,
    "weighted_kappa": 20,  # the logarithm of a ratio that may be almost 1
    "cosine_similarity": 3,
    # distances and cosines are differences of rounded products
    **dict.fromkeys(("lifted_struct", "multi_similarity", "nt_xent", "siglip", "sup_con", "info_nce", "cos_face"), 3),
    **dict.fromkeys(("triplet_semi_hard", "triplet_hard", "triplet_all", "triplet_margin", "proxy_anchor"), 4),
    "arc_face": 20,  # the slope of the sine, at cosines near 1
    "circle": 60,  # a factor of 80 before an exponential
    "distillation": 2,
    "ssim": 3,
    "multi_scale_ssim": 4,
    "gradient_difference": 6,  # the root of what is left of two steps
    "approx_ndcg": 50,  # a temperature of 0.1 multiplies the rounding of scores, and of ranks once more
}


def tolerance_of(loss, dtype):
    return TOLERANCE[dtype] * (ROUNDED.get(loss, 1) if dtype == "float32" else 1)


def assert_close(actual, expected, tolerance):
    """Equal, relative to the larger of the expected entry and the mean size of all of them.

    The second is the scale at which the terms of a sum were rounded: an entry that is small because they cancel (a
    logit's gradient, a log-probability next to others) cannot be known more precisely than they are.
    """
    actual, expected = np.asarray(actual, "float64"), np.asarray(expected, "float64")
    assert actual.shape == expected.shape
    scale = np.maximum(np.abs(expected), np.mean(np.abs(expected)))
    np.testing.assert_array_less(np.abs(actual - expected), tolerance * scale + 1e-300)


@contextlib.contextmanager
def naming(case):
    """An assertion that fails says of which case it is."""
    try:
        yield
    except AssertionError as error:
        raise AssertionError(f"{case}: {error}") from error


# ---------------------------------------------------------------- the cases: losses x options x shapes


EACH = "each"  # in the place of an option: a list with one number for each label or class
SCORES = (
    "hinge",
    "squared_hinge",
    "categorical_hinge",
    "multi_margin",
    "sparsemax",
)  # any numbers, though no option says so


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
        declared = self.build().targets(np.zeros(self.shape))
        if isinstance(declared, targets.Parameters):
            return self._parameters(rng, declared, dtype)
        if self.labels in ("amounts", "zeros", "counts"):
            y, z = amounts(rng, self.labels, self.shape)
            return y.astype(dtype), (z if self.options.get("log_input") else np.exp(z)).astype(dtype)
        if self.labels == "images":
            y = images(rng, self.shape)
            return y.astype(dtype), (y + 0.2 * rng.normal(size=self.shape)).astype(dtype)
        if self.labels in LISTS:
            return lists(rng, self.labels, self.shape, dtype)
        if self.labels in EMBEDDINGS:
            return embeddings(rng, self.labels, self.shape, dtype)
        if self.labels == "boxes":
            return boxes(rng, self.options.get("bounding_box_format", "xyxy").removeprefix("rel_"), self.shape, dtype)
        if self.labels in ("places", "beyond"):
            return places(rng, self.labels, self.shape, dtype)
        axis, from_logits = self.options.get("axis", -1), self.options.get("from_logits", self.loss in SCORES)
        z = 2.5 * rng.normal(size=self.shape)
        if self.labels in ("real", "no_hit", "positive"):
            error = 2 * rng.normal(size=self.shape)
            if isinstance(declared, targets.Repeated) and not declared.each and len(self.shape) > 1:
                return (z - error)[..., 0].astype(dtype), z.astype(dtype)
            if self.labels == "real":
                error *= rng.random(self.shape) > 0.1
                error[0] = 0
            if self.labels == "positive":
                return np.abs(z - error).astype(dtype), np.abs(z).astype(dtype)
            return (z - error).astype(dtype), z.astype(dtype)
        if self.labels in ("binary", "hard", "signs"):
            y = rng.choice([0.0, 0.0, 1.0] + [0.3] * (self.labels == "binary"), self.shape)
            y = 2 * y - 1 if self.labels == "signs" else y
            return y.astype(dtype), (z if from_logits else special.expit(z)).astype(dtype)

        if self.labels == "ordered":
            labels = rng.integers(column(z).shape[-1] + 1, size=column(z).shape[:-1])
            return labels, np.reshape(-np.sort(-column(z), -1), z.shape).astype(dtype)
        z = np.moveaxis(z, axis, -1)
        labels = rng.integers(z.shape[-1], size=z.shape[:-1])
        y, p = np.eye(z.shape[-1])[labels], special.softmax(z, -1)
        if self.labels in ("rows", "soft"):
            y[1::2] = special.softmax(rng.normal(size=y[1::2].shape), -1)
        if self.labels == "rows":  # of labels and of predictions that do not sum to 1
            y *= rng.choice([0, 1, 2], (*labels.shape, 1))
            p *= rng.uniform(0.5, 2, (*labels.shape, 1))
        if isinstance(declared, targets.Cosines):
            y_pred = np.moveaxis(np.tanh(z / 2), -1, axis).astype(dtype)
            return (labels if self.labels == "indices" else np.moveaxis(y, -1, axis).astype(dtype)), y_pred
        if self.options.get("ignore_class") is not None:
            labels[rng.random(labels.shape) < 0.4] = self.options["ignore_class"]
        y_pred = np.moveaxis(z if from_logits else p, -1, axis).astype(dtype)
        if self.labels in ("indices", "column"):
            return labels if self.labels == "indices" else np.expand_dims(labels, axis), y_pred
        return np.moveaxis(y, -1, axis).astype(dtype), y_pred

    def _parameters(self, rng, declared, dtype):
        """Labels of `shape`, and their parameters in blocks: the first near the labels, positive where need be."""
        shape = self.shape if len(self.shape) > 1 else (*self.shape, 1)
        y, first = amounts(rng, self.labels, shape)
        outputs, how = shape[-1], getattr(self.build(), "parameterization", "log")
        y_pred = rng.normal(size=(*shape[:-1], declared.shared + declared.count * outputs))
        y_pred[..., declared.shared :][..., :outputs] = first
        if how in ("scale", "variance", "identity"):
            free = 0 if how == "identity" else declared.shared + declared.count // 2 * outputs
            y_pred[..., free:] = np.exp(y_pred[..., free:])
        return y.reshape(self.shape).astype(dtype), y_pred.astype(dtype)


def boxes(rng, form, shape, dtype):
    """Boxes, and others near them; the first are equal, apart, one within the other, the other way round, inverted."""
    centre, size = rng.normal(0, 1.5, (*shape[:-1], 2)), rng.uniform(0.5, 4, (*shape[:-1], 2))
    other, its_size = centre + rng.normal(size=centre.shape), size * rng.uniform(0.5, 2, size.shape)
    pairs = [(x.reshape(-1, 2)[:5], y.reshape(-1, 2)[:5]) for x, y in ((centre, other), (size, its_size))]
    (first, moved), (extent, its) = pairs
    moved[0], its[0] = first[0], extent[0]
    moved[1] += 12
    its[2:3], its[3:4] = extent[2:3] / 8, extent[3:4] * 8
    moved[2:4] = first[2:4] + extent[2:4] / 16
    its[4:5] *= (1, -1)
    return [box_of(form, *pair).astype(dtype) for pair in ((centre, size), (other, its_size))]


def places(rng, labels, shape, dtype):
    """Numbers between places, some at one, and of "beyond" some outside; logits of the places."""
    y = rng.uniform(-1, shape[-1], shape[:-1]) if labels == "beyond" else rng.uniform(0, shape[-1] - 1, shape[:-1])
    y.reshape(-1)[:3] = 0, 1, shape[-1] - 1
    return y.astype(dtype), 2.5 * rng.normal(size=shape).astype(dtype)


EMBEDDINGS = ("groups", "views", "few", "lattice", "tuples", "distances", "matches", "several")


def embeddings(rng, labels, shape, dtype):
    """Embeddings, and groups that they belong to; or whether those of a tuple are similar; or distances, and whether
    they are similar.

    "views": one group for all embeddings of a sample; "few": with a group of one; "lattice": of whole numbers;
    "matches": pairs of embeddings of a group, or their similarities, and with "several" some groups for each, or none.
    """
    x = (rng.integers(-3, 4, shape) if labels == "lattice" else rng.normal(size=shape)).astype(dtype)
    if labels in ("tuples", "distances"):
        y = rng.choice([0.0, 1.0, 0.3], shape[:-2] if labels == "tuples" else shape).astype(dtype)
        return y, x if labels == "tuples" else np.abs(x)
    if labels in ("matches", "several"):
        samples = shape[:-2] or shape[:1]
        classes = (rng.random((*samples, 3)) < 0.4).astype(dtype)
        classes[0] = 0
        return classes if labels == "several" else rng.integers(1, 4, samples), x
    groups = rng.integers(1, 4, shape[:1] if labels == "views" else shape[:-1])
    if labels == "few":
        groups = np.where(np.arange(shape[0]) == 2, 7, groups)
    return groups, x


def images(rng, shape):
    """Of an edge and a slope in [0, 1], and noise."""
    rows, columns = np.arange(shape[1])[:, None, None], np.arange(shape[2])[:, None]
    edge = 0.5 * (columns > shape[2] / 3) + 0.3 * rows / shape[1]
    return np.broadcast_to(edge, shape) + 0.1 * rng.normal(size=shape)


LISTS = ("relevance", "padded")


def lists(rng, labels, shape, dtype):
    """Scores of the items of lists, and how relevant these are, with ties; "padded": with -1 for what only fills up.

    One list has nothing that is relevant, and of the padded ones one has one item, and one none.
    """
    y = rng.choice([0.0, 0.0, 1.0, 2.0, 2.5], shape)
    y[0] = 0
    if labels == "padded":
        y[rng.random(shape) < 0.3] = -1
        y[1], y[2] = -1, -1
        y[1, ..., -1] = 2
    return y.astype(dtype), (2 * rng.normal(size=shape)).astype(dtype)


def amounts(rng, labels, shape):
    """Labels, and numbers about as large or, for positive labels, about as large as their logarithms."""
    z, error = 2.5 * rng.normal(size=shape), 2 * rng.normal(size=shape)
    error[0] = 0
    if labels == "real":
        return z - error, z
    if labels == "counts":
        return rng.poisson(np.exp(z / 2)), z / 2
    y = np.exp((z - error) / 2)
    return y * (rng.random(shape) < 0.6 if labels == "zeros" else 1), z / 2


def grid(loss, places, labels, **options):
    """Every combination; a place is a shape, or a shape and an `axis`."""
    cases = []
    for place, kind, *values in itertools.product(places, labels.split(), *options.values()):
        shape, axis = (place[0], {"axis": place[1]}) if isinstance(place[0], tuple) else (place, {})
        cases.append(Case(loss, shape, kind, axis | dict(zip(options, values, strict=True))))
    return cases


def by_kind(cases):
    """The cases of one loss, with one kind of labels, of logits or of probabilities: what one test goes through."""
    groups = {}
    for case in cases:
        kind = {True: ["logits"], False: ["p"], None: []}[case.options.get("from_logits")]
        groups.setdefault((case.loss, case.labels, *kind), []).append(case)
    return groups


def by_loss(cases):
    groups = {}
    for case in cases:
        groups.setdefault(case.loss, []).append(case)
    return groups


SHAPES = [(7,), (6, 3), (4, 5, 3), (2, 3, 4, 3)]
DEEP = SHAPES[1:]
MEANS = [((7,), -1), *zip(DEEP, (0, 1, 2), strict=True), *itertools.product(DEEP, (-1,))]  # with the axis of the mean
ELEMENTS = list(itertools.product(DEEP, (None,)))
OTHER_AXES = [*MEANS[1:4], ELEMENTS[1]]
CLASSES = [((3, 6), 0), ((4, 3, 5), 1), ((2, 3, 4, 3), 1), *itertools.product(DEEP, (-1,))]  # with that of the classes
LAST = CLASSES[3:]
BOTH, SMOOTH = [False, True], [0.0, 0.2, 1.0]
SURROGATES = ["logistic", "hinge", None]
SOME_SMOOTH = SMOOTH[:2]
VECTOR, ELEMENT, AXIS, ROWS = MEANS[:1], ELEMENTS[:1], CLASSES[1:2], LAST[:1]
FEW_CLASSES = AXIS + ROWS

# ---------------------------------------------------------------- the comparisons


def float64(*arrays):
    return [array.astype("float64") for array in arrays]


def compare(build, expected, y_true, y_pred, dtype, tolerance=None):
    """Values of the samples, their mean, and the gradient of the mean."""
    tolerance = TOLERANCE[dtype] if tolerance is None else tolerance
    values = build(reduction="none", dtype=dtype)(y_true, y_pred)
    assert keras.backend.standardize_dtype(values.dtype) == dtype
    assert_close(ops.convert_to_numpy(values), expected.values, tolerance)
    loss = build(dtype=dtype)
    mean, gradient = value_and_gradient(lambda x: loss(y_true, x), y_pred)
    assert_close(mean, expected.mean, tolerance)
    assert_close(gradient, expected.gradient, tolerance)


def covering(cases, size):
    """The fewest first cases in which every `size` values of shapes and options meet; of size None, all cases."""
    if size is None:
        return cases
    found, seen = [], set()
    for case in cases:
        values = map(repr, [("shape", case.shape), *case.options.items()])
        together = set(itertools.combinations(values, size))
        if together - seen:
            found.append(case)
            seen |= together
    return found


def of_numpy(groups):
    """Parameters of `test_numpy`: by default every value of an option is met, in the long part all cases."""
    short = [pytest.param(group, PRECISE, 1, id="-".join([*group, PRECISE])) for group in groups]
    long = [
        pytest.param(group, dtype, None, id="-".join([*group, dtype, "long"]), marks=LONG)
        for group in groups
        for dtype in TOLERANCE
    ]
    return short + long


def check_numpy(oracles, cases, dtype, size):
    """Against the formulas of a module of oracles."""
    for case in covering(cases, size):
        y_true, y_pred = case.data(dtype)
        expected = getattr(oracles, case.loss)(*float64(y_true, y_pred), **case.full_options)
        with naming(f"{case} in {dtype}"):
            compare(case.build, expected, y_true, y_pred, dtype, tolerance_of(case.loss, dtype))


def check_every_oracle_is_asked(oracles, cases):
    losses = {name for name in keras_lossbox.available() if hasattr(oracles, name)}
    assert losses == {case.loss for case in cases}


def check_edges(oracles, edges, dtype):
    """One sample each, so that assert_close is relative to the number itself."""
    for loss, options, label, prediction in edges:
        y_true, y_pred = np.array([label], dtype), np.array([prediction], dtype)
        expected = getattr(oracles, loss)(*float64(y_true, y_pred), **options)
        build = functools.partial(keras_lossbox.get, loss, **options)
        with naming(f"{loss} {options} of {label}, {prediction} in {dtype}"):
            compare(build, expected, y_true, y_pred, dtype, tolerance_of(loss, dtype))


def check_tensorflow(cases, oracle):
    """`oracle(y_true, y_pred, options)` gives TensorFlow's values of the samples, and TensorFlow their gradient."""
    for case in cases:
        y_true, y_pred = case.data("float64")
        values = oracle(y_true, tf.constant(y_pred), case.full_options).numpy()
        mean = value_and_gradient(lambda x, y=y_true, o=case.full_options: tf.reduce_mean(oracle(y, x, o)), y_pred)
        with naming(case):
            compare(case.build, Expected(values, *mean), y_true, y_pred, "float64")


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


def check_tf1(name, cases, full):
    """A loss of tf.compat.v1.losses by name, with each of its reductions and weights of every kind.

    TF1's means go over all elements, so the cases have values that are elements: axis=None, one output per sample, or
    one value per row of classes. TF1 computes in float32, whatever it is given. If not `full`, only the first case
    meets weights of every kind.
    """
    for case, (reduction, ours), kind in itertools.product(cases, TF1_REDUCTIONS.items(), WEIGHTS):
        if not full and case is not cases[0] and kind != "all":
            continue
        with naming(f"{case}-{reduction}-{kind}"):
            _check_tf1(functools.partial(getattr(tf.compat.v1.losses, name)), case, reduction, ours, WEIGHTS[kind])


def _check_tf1(oracle, case, reduction, ours, weights):
    y_true, y_pred = case.data("float32")
    y_pred = y_pred.astype("float64")
    per_row = case.loss.endswith("categorical_crossentropy")
    weights = weights(y_pred.shape[:-1] if per_row else y_pred.shape)
    how = {"weights": 1.0 if weights is None else weights, "reduction": reduction}
    how |= {name: case.options[name] for name in ("delta", "label_smoothing") if name in case.options}
    how |= {"epsilon": 0.0} if "from_logits" not in case.options and case.loss == "binary_crossentropy" else {}
    loss = case.build(reduction=ours, dtype="float64")
    theirs, ours = oracle(y_true, tf.constant(y_pred), **how).numpy(), loss(y_true, y_pred, weights).numpy()
    assert_close(ours.reshape(theirs.shape), theirs, 1e-6)
    summed = [
        value_and_gradient(lambda x, fn=fn: tf.reduce_sum(fn(x)), y_pred)
        for fn in (lambda x: oracle(y_true, x, **how), lambda x: loss(y_true, x, weights))
    ]
    assert_close(summed[1][1], summed[0][1], 1e-6)


def check_keras(cases, reductions=("sum_over_batch_size", "sum", "mean_with_sample_weight", "none")):
    """Keras's own loss, with weights in each of these reductions."""
    for case in cases:
        with naming(case):
            _check_keras(case, reductions)


def _check_keras(case, reductions):
    y_true, y_pred = case.data(PRECISE)
    cls = getattr(keras.losses, keras_lossbox.available()[case.loss].__name__)
    known = inspect.signature(cls).parameters  # without `axis` for integer labels in Keras 3.9: it is the last
    options = {name: value for name, value in case.options.items() if name in known or (name, value) != ("axis", -1)}
    theirs = functools.partial(cls, dtype=PRECISE, **options)
    values, mean_of = ops.convert_to_numpy(theirs(reduction="none")(y_true, y_pred)), theirs()
    mean = value_and_gradient(lambda x: mean_of(y_true, x), y_pred)
    compare(case.build, Expected(values, *mean), y_true, y_pred, PRECISE, tolerance_of(case.loss, PRECISE))
    weights = np.random.default_rng(2).choice([0.0, 0.5, 3.0], values.shape)
    for reduction in reductions:
        ours = case.build(reduction=reduction, dtype=PRECISE)(y_true, y_pred, weights)
        expected = theirs(reduction=reduction)(y_true, y_pred, weights)
        assert_close(ops.convert_to_numpy(ours), ops.convert_to_numpy(expected), TOLERANCE[PRECISE])


def check_sklearn(cases, oracle):
    """Values only; sample_weight there is the reduction mean_with_sample_weight here."""
    for case, weighted in itertools.product(cases, (False, True)):
        y_true, y_pred = case.data(PRECISE)
        weights = np.random.default_rng(5).choice([0.0, 0.5, 2.0], len(y_true)) if weighted else None
        ours = case.build(reduction="mean_with_sample_weight", dtype=PRECISE)(y_true, y_pred, weights)
        with naming(f"{case}, weights {weights}"):
            expected = oracle(y_true, y_pred, sample_weight=weights)
            assert_close(ops.convert_to_numpy(ours), expected, TOLERANCE[PRECISE])


# ---------------------------------------------------------------- numbers recorded from PyTorch

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


def check_pytorch(y_pred, y_true, loss, options, values, gradient):
    # in float32 the gradient of the sixth row of the categorical table is what is left of terms thirty times as large
    tolerance = 5 * TOLERANCE[PRECISE]
    summed = keras_lossbox.get(loss, reduction="sum", dtype=PRECISE, **options)
    each = keras_lossbox.get(loss, reduction="none", dtype=PRECISE, **options)(y_true, y_pred.astype(PRECISE))
    total, slope = value_and_gradient(lambda x: summed(y_true, x), y_pred.astype(PRECISE))
    assert_close(ops.convert_to_numpy(each), values, tolerance)
    assert_close(total, np.sum(values), tolerance)
    assert_close(slope, gradient, tolerance)


def check_torch_nn(rows):
    for made, arguments, loss, options, values, gradient in rows:
        with naming(f"{made} of {arguments}"):
            check_pytorch(*eval(arguments, {}, INPUTS), loss, options, values, gradient)


def run_torch_nn(made, arguments, r):
    """The loss that PyTorch makes, and its y_pred."""
    import torch

    tensors = {name: torch.tensor(x) for name, x in INPUTS.items()}
    y_pred, y_true = eval(arguments, {}, tensors)
    y_pred = y_pred.clone().requires_grad_()
    return eval(f"torch.nn.{made}", {"torch": torch, "r": r, **tensors})(y_pred, y_true), y_pred


def check_recipe_of_torch_nn(rows):
    for made, arguments, *_, values, gradient in rows:
        for r in ("none", "sum"):
            loss, y_pred = run_torch_nn(made, arguments, r)
            loss.sum().backward()
            np.testing.assert_allclose(loss.detach().numpy(), values if r == "none" else np.sum(values), rtol=1e-14)
            np.testing.assert_allclose(y_pred.grad.numpy(), gradient, rtol=1e-14)


# Recipe: values = formulas[<formula>](<y_pred>, <y_true>, *<parameters>); values.sum().backward()
# A row: formula; "y_pred, y_true"; parameters; the loss here and its options; the values; the gradient of their sum.


def check_torch_formulas(rows, inputs=INPUTS):
    for formula, arguments, parameters, loss, options, values, gradient in rows:
        with naming(f"{formula}{parameters}"):
            check_pytorch(*eval(arguments, {}, inputs), loss, options, values, gradient)


def check_recipe_of_torch_formulas(formulas, rows, inputs=INPUTS):
    import torch

    tensors = {name: torch.tensor(x) for name, x in inputs.items()}
    for formula, arguments, parameters, _, _, values, gradient in rows:
        y_pred, y_true = eval(arguments, {}, tensors)
        y_pred = y_pred.clone().requires_grad_()
        loss = formulas[formula](y_pred, y_true, *parameters)
        loss.sum().backward()
        np.testing.assert_allclose(loss.detach().numpy(), values, rtol=1e-13)
        np.testing.assert_allclose(y_pred.grad.numpy(), gradient, rtol=1e-13, atol=1e-15)


# ---------------------------------------------------------------- 80 digits, from logits of up to ±1e4

SIGMOIDS = [s * z for z in (0.0, 1e-3, 0.5, 5.0, 20.0, 40.0, 90.0, 120.0, 1e3, 1e4) for s in (1, -1)]
SOFTMAXES = [
    (0.0, 0.0, 0.0), (1e4, -1e4, 0.0), (0.0, 1e4, 1e4), (-1e4, -1e4, 3.0), (40.0, 0.0, -1.0), (0.0, 20.0, 1.0),
    (1e3, 5.0, -1e3), (90.0, 0.0, 91.0), (2.0, -1.0, 0.5), (-0.25, 5.0, -5.0),
]  # fmt: skip
ROWS_OF_LABELS = [[1, 0, 0], [0, 1, 0], [0.5, 0.25, 0.25], [0.0, 0.875, 0.125]]
BINARY = (
    "binary_focal_crossentropy",
    "asymmetric_loss",
    "varifocal",
    "quality_focal",
    "penalty_reduced_focal",
)


@functools.cache
def extreme_data(loss, oracle, number):
    """y_true, logits, and the oracle's values and gradients, which take a while."""
    if loss in BINARY:
        pairs = list(itertools.product([0.0, 0.25, 0.5, 1.0], SIGMOIDS))
        expected = [oracle(y, z, number) for y, z in pairs]
        y, z = np.array(pairs).T[..., None]
    else:
        pairs = list(itertools.product(ROWS_OF_LABELS, SOFTMAXES))
        expected = [oracle(y, z, number) for y, z in pairs]
        y, z = (np.array(rows) for rows in zip(*pairs, strict=True))
    return y, z, np.array([value for value, _ in expected]), np.array([gradient for _, gradient in expected])


def check_extreme_logits(loss, oracle, number, dtype, **options):
    y_true, logits, values, gradient = extreme_data(loss, oracle, number)
    y_true, logits = y_true.astype(dtype), logits.astype(dtype)
    build = functools.partial(keras_lossbox.get, loss, from_logits=True, dtype=dtype, **options)
    ours = ops.convert_to_numpy(build(reduction="none")(y_true, logits))
    summed = build(reduction="sum")
    slopes = value_and_gradient(lambda x: summed(y_true, x), logits)[1]
    for actual, expected in ((ours, values), (slopes, gradient)):
        error, size = np.abs(actual - expected), np.abs(expected)
        np.testing.assert_array_less(error, TOLERANCE[dtype] * np.maximum(size, 1))
        if loss in BINARY:  # without a softmax, what is nearly right is as precise, down to 1e-30
            hard = np.isin(y_true[:, 0], (0, 1))
            np.testing.assert_array_less(error[hard], TOLERANCE[dtype] * size[hard] + 1e-30)


def check_logits_and_probabilities_agree(loss):
    rng = np.random.default_rng(2)
    z = rng.normal(0, 3, (40, 3)).astype(PRECISE)
    if loss in BINARY:
        y, p = rng.choice([0.0, 1.0, 0.3], z.shape), special.expit(z)
        slope = p * (1 - p)
        to_logits = lambda g: g * slope  # noqa: E731 (the chain rule of a sigmoid)
    else:
        y, p = special.softmax(rng.normal(size=z.shape), -1), special.softmax(z, -1)
        to_logits = lambda g: p * (g - np.sum(p * g, -1, keepdims=True))  # noqa: E731 (and of a softmax)
    of_logits = keras_lossbox.get(loss, from_logits=True, dtype=PRECISE)
    of_p = keras_lossbox.get(loss, from_logits=False, dtype=PRECISE)
    value, gradient = value_and_gradient(lambda x: of_logits(y, x), z)
    value_of_p, gradient_of_p = value_and_gradient(lambda x: of_p(y, x), p)
    assert_close(value_of_p, value, 10 * TOLERANCE[PRECISE])
    assert_close(to_logits(gradient_of_p), gradient, 10 * TOLERANCE[PRECISE])


def check_documented(table):
    """Numbers printed in documentation, in float32."""
    for name, (loss, y_true, y_pred, printed) in table.items():
        with naming(name):
            assert_close(ops.convert_to_numpy(loss(y_true, y_pred)), printed, 1e-6)
