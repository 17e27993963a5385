"""What tests of identities share: data that Hypothesis draws, and the comparison. Both sides are this package's.

Every identity is of the values of the samples and of the gradient of their sum, unless it says otherwise.
"""

import keras
import numpy as np
import pytest
from backends import value_and_gradient
from cases import by_default
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from keras import ops
from scipy import special

import keras_lossbox as box

# elsewhere parts of keras.ops round float64 to float32
DTYPE, TOLERANCE = ("float64", 1e-11) if keras.config.backend() == "tensorflow" else ("float32", 2e-5)
few = settings(deadline=None, max_examples=20, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


def identity(*strategies):
    """A test of drawn data: a few examples by default, more in the long part."""

    def decorate(test):
        def run(examples):
            settings(few, max_examples=examples)(given(*strategies)(test))()

        run.__name__, run.__doc__, run.__module__ = test.__name__, test.__doc__, test.__module__
        return pytest.mark.parametrize("examples", by_default(lambda examples: examples < 10, [6, 40]))(run)

    return decorate


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


def check_a_weight_of_two_is_the_row_twice(loss, reduction, data, more):
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
