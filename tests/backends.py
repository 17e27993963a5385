"""The same question asked of every backend: value and gradient of a function of y_pred, eager or compiled."""

import functools

import keras
import numpy as np
import pytest
from keras.src.backend import set_keras_mask  # what Keras's layers call

BACKEND = keras.config.backend()
MODES = {"tensorflow": ["eager", "graph", "xla"], "jax": ["eager", "jit"], "torch": ["eager"]}[BACKEND]


@functools.cache  # (not when this is imported: then logical devices could no longer be set)
def keras_exchanges_tversky():
    """Whether Keras's `beta` is the cost of false positives, as until 3.15: with α alone these cost nothing, then."""
    return float(keras.losses.Tversky(1.0, 0.0)(np.array([[1.0, 0.0]]), np.ones((1, 2)))) < 0.1


def as_keras_has_it(theirs, ours):
    """The right cell of a table of Keras's losses, whose left one is `theirs`, for the Keras that is installed."""
    exchanged = "Tversky" not in theirs or keras_exchanges_tversky()
    return ours if exchanged else ours.replace("0.7, 0.3", "0.3, 0.7")


def check_refused(fn, y_pred, mode, message="`y_true` must hold"):
    """A traced function whose loss gets a label that is not valid: an error in a graph on the CPU, else NaN."""
    if mode == "graph":
        import tensorflow as tf

        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            value_and_gradient(fn, y_pred, mode)
        return
    value, gradient = value_and_gradient(fn, y_pred, mode)
    assert np.isnan(value)
    assert np.all(np.isfinite(gradient))  # the weights survive the step


def value_and_gradient(fn, y_pred, mode="eager", unknown_batch=False):
    """`fn(y_pred)` (a scalar) and its gradient, as numpy; a gradient that does not exist is 0."""
    y_pred = np.asarray(y_pred)
    if BACKEND == "tensorflow":
        return _tensorflow(fn, y_pred, mode, unknown_batch)
    if BACKEND == "jax":
        return _jax(fn, y_pred, mode)
    return _torch(fn, y_pred)


def _tensorflow(fn, y_pred, mode, unknown_batch):
    import tensorflow as tf

    def run(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = fn(x)
        gradient = tape.gradient(value, x)
        return value, tf.zeros_like(x) if gradient is None else gradient

    if mode != "eager":
        shape = [None, *y_pred.shape[1:]] if unknown_batch else y_pred.shape
        signature = [tf.TensorSpec(shape, y_pred.dtype)]
        run = tf.function(run, signature, jit_compile=mode == "xla", autograph=False)
    value, gradient = run(tf.constant(y_pred))
    return value.numpy(), tf.convert_to_tensor(gradient).numpy()


def _jax(fn, y_pred, mode):
    import jax

    run = jax.value_and_grad(fn)
    value, gradient = (jax.jit(run) if mode == "jit" else run)(y_pred)
    return np.asarray(value), np.asarray(gradient)


def _torch(fn, y_pred):
    import torch

    x = torch.tensor(y_pred, requires_grad=True)
    value = fn(x)
    if value.requires_grad:
        value.backward()
    gradient = np.zeros_like(y_pred) if x.grad is None else x.grad.numpy()
    return value.detach().numpy(), gradient


def with_mask(y_pred, mask):
    """`y_pred` as a tensor that carries a Keras mask, as Embedding(mask_zero=True) leaves it."""
    y_pred = keras.ops.convert_to_tensor(y_pred)
    set_keras_mask(y_pred, keras.ops.convert_to_tensor(mask))
    return y_pred
