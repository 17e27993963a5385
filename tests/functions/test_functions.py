"""A gradient penalty through a loss: the second derivative of each loss whose gradient is written down by hand.

The oracle is the central difference, in float64, of the gradient that other tests compare with other libraries.
"""

import numpy as np
import pytest
from backends import BACKEND
from cases import by_default

import keras_lossbox

pytestmark = pytest.mark.skipif(BACKEND != "tensorflow", reason="the gradients by hand are for TensorFlow alone")

LOSSES = [
    keras_lossbox.BinaryCrossentropy(from_logits=True, pos_weight=3.0, dtype="float64"),
    keras_lossbox.BinaryFocalCrossentropy(from_logits=True, dtype="float64"),
    keras_lossbox.BinaryFocalCrossentropy(from_logits=True, gamma=1.5, label_smoothing=0.1, dtype="float64"),
    keras_lossbox.AsymmetricLoss(from_logits=True, clip=0.0, dtype="float64"),
    keras_lossbox.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1, dtype="float64"),
    keras_lossbox.CategoricalFocalCrossentropy(from_logits=True, dtype="float64"),
    keras_lossbox.SparseCategoricalCrossentropy(from_logits=True, dtype="float64"),
    keras_lossbox.SparseCategoricalCrossentropy(from_logits=True, z_loss=0.01, dtype="float64"),
    keras_lossbox.SparseCategoricalCrossentropy(from_logits=True, label_smoothing=0.1, dtype="float64"),
    keras_lossbox.SparseCategoricalFocalCrossentropy(from_logits=True, dtype="float64"),
    keras_lossbox.LogCosh(dtype="float64"),
]


def gradient(loss, y_true, y_pred):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(y_pred)
        value = loss(y_true, y_pred)
    return tape.gradient(value, y_pred)


ONE_OF_A_FAMILY = {"BinaryCrossentropy", "CategoricalCrossentropy", "LogCosh"}
LOSSES_AND_MODES = [(loss, mode) for loss in LOSSES for mode in ("eager", "graph", "xla")]
is_default = lambda loss, mode: mode == "eager" or (mode == "xla" and type(loss).__name__ in ONE_OF_A_FAMILY)  # noqa: E731


def penalty_and_gradient(loss, mode, rng):
    """Where a gradient is, the sum of its squares as a function of that, and the gradient of it."""
    import tensorflow as tf

    y_pred = np.concatenate([rng.normal(0, 3, (6, 4)), np.zeros((2, 4)), [[30.0, -30.0, 20.0, -20.0]]])
    sparse = "sparse" in loss.name
    y_true = rng.integers(0, 4, 9) if sparse else (rng.random(y_pred.shape) < 0.4).astype("float64")

    def of_penalty(y_pred):
        with tf.GradientTape() as tape:
            tape.watch(y_pred)
            penalty = tf.reduce_sum(tf.square(gradient(loss, y_true, y_pred)))
        return tape.gradient(penalty, y_pred)

    run = of_penalty if mode == "eager" else tf.function(of_penalty, jit_compile=mode == "xla", autograph=False)
    penalty = lambda moved: np.sum(np.square(gradient(loss, y_true, tf.constant(moved)).numpy()))  # noqa: E731
    return y_pred, penalty, run(tf.constant(y_pred)).numpy()


@pytest.mark.one_in(4)
@pytest.mark.parametrize("loss, mode", by_default(is_default, LOSSES_AND_MODES), ids=str)
def test_gradient_penalty(loss, mode, rng):
    """Along three directions."""
    y_pred, penalty, found = penalty_and_gradient(loss, mode, rng)
    for direction in rng.normal(size=(3, *y_pred.shape)):
        step = 1e-6 * direction
        slope = (penalty(y_pred + step) - penalty(y_pred - step)) / 2e-6
        np.testing.assert_allclose(np.sum(found * direction), slope, rtol=1e-5, atol=1e-8)


@pytest.mark.matrix
@pytest.mark.parametrize("loss, mode", LOSSES_AND_MODES, ids=str)
def test_gradient_penalty_along_every_coordinate(loss, mode, rng):
    y_pred, penalty, found = penalty_and_gradient(loss, mode, rng)
    step = 1e-6
    for i in np.ndindex(y_pred.shape):
        up, down = y_pred.copy(), y_pred.copy()
        up[i] += step
        down[i] -= step
        np.testing.assert_allclose(found[i], (penalty(up) - penalty(down)) / (2 * step), rtol=1e-5, atol=1e-8)
