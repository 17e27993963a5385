"""Automatic differentiation beyond the gradient: forward mode over it, and the third derivative.

The oracle is the central difference, in float64, of the gradient (which the contract suite checks) along a direction.
"""

import numpy as np
import pytest
from backends import BACKEND
from cases import LAST_OF_CLASS, has_other_gradient, is_typical

if BACKEND != "tensorflow":
    pytest.skip("TensorFlow's forward mode and nested tapes", allow_module_level=True)

import tensorflow as tf

CASES = [case for case in LAST_OF_CLASS.values() if not has_other_gradient(case)]
STEP = 1e-5
every_class = pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=str(case), marks=[] if is_typical(case) else [pytest.mark.matrix]) for case in CASES],
)


def setting(case, rng):
    """A loss in float64, its labels as a constant, predictions and a direction."""
    y_true, y_pred = case.data(rng, dtype="float64")
    return case.build(dtype="float64"), tf.constant(y_true), y_pred, rng.normal(size=y_pred.shape)


def gradient(loss, y_true, y_pred):
    with tf.GradientTape() as tape:
        tape.watch(y_pred)
        value = loss(y_true, y_pred)
    return tape.gradient(value, y_pred, unconnected_gradients="zero")


def hessian_times(loss, y_true, y_pred, direction):
    with tf.GradientTape() as tape:
        tape.watch(y_pred)
        slope = tf.reduce_sum(gradient(loss, y_true, y_pred) * direction)
    return tape.gradient(slope, y_pred, unconnected_gradients="zero")


def assert_close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6 * max(1e-3, np.abs(expected).max()))


@pytest.mark.one_in(3, long=3)
@every_class
def test_forward_over_backward(case, rng):
    """TensorFlow's documented way to a Hessian-vector product."""
    loss, y_true, y_pred, direction = setting(case, rng)
    up, down = (gradient(loss, y_true, tf.constant(y_pred + s * direction)).numpy() for s in (STEP, -STEP))
    x = tf.constant(y_pred)
    with tf.autodiff.ForwardAccumulator(x, tf.constant(direction)) as accumulator:
        slope = gradient(loss, y_true, x)
    found = accumulator.jvp(slope, unconnected_gradients="zero")
    assert_close(found.numpy(), (up - down) / (2 * STEP))


@pytest.mark.one_in(3, long=3)
@every_class
def test_third_derivative(case, rng):
    loss, y_true, y_pred, direction = setting(case, rng)
    direction = tf.constant(direction)

    def second(y_pred):
        return hessian_times(loss, y_true, tf.constant(y_pred), direction).numpy()

    x = tf.constant(y_pred)
    with tf.GradientTape() as tape:
        tape.watch(x)
        curvature = tf.reduce_sum(hessian_times(loss, y_true, x, direction) * direction)
    found = tape.gradient(curvature, x, unconnected_gradients="zero").numpy()
    along = np.sum((second(y_pred + STEP * direction) - second(y_pred - STEP * direction)) * direction) / (2 * STEP)
    assert_close(np.sum(found * direction), along)
