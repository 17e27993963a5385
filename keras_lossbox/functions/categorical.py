"""The distribution of one class out of several, from logits or probabilities: what losses ask of it."""

import keras
from keras import ops

from keras_lossbox.functions.elementary import (
    cumulative_sum,
    finite_logits,
    inside_unit_interval,
    is_small,
    max_over,
    mean,
    multiply_no_nan,
    one_minus_exp,
    sizes_of,
)
from keras_lossbox.functions.labels import expected, smooth_classes, take_at_labels

# The largest p of a softmax is one over Σ exp(z - max z), and on the CPU TensorFlow's softmax takes a tenth of the time
# of the same passes one by one (0.5 of Keras's time for the loss, where a compiled program takes 0.8).
FROM_SOFTMAX = keras.config.backend() == "tensorflow"


def categorical(y_pred, from_logits, axis):
    """The probabilities of all classes along `axis`; those that are given are divided by their sum, as in Keras."""
    if from_logits:
        return Categorical(ops.log_softmax(finite_logits(y_pred), axis), None, axis=axis)
    p = inside_unit_interval(y_pred / ops.sum(y_pred, axis, keepdims=True))
    return Categorical(ops.log(p), p, axis=axis)


def crossentropy(y, logits, axis):
    """-Σ_c y_c log p_c along `axis`, for rows of y of any sum."""
    if is_small(logits):
        return -ops.sum(y * ops.log_softmax(finite_logits(logits), axis), axis)
    top, log_sum = log_sum_exp(logits, axis)
    return ops.sum(y, axis) * log_sum - ops.sum(multiply_no_nan(logits - top, y), axis)


def relative_entropy(y, log_y, log_p, axis):
    """Σ_c y_c (log y_c - log p_c) along `axis`; log_y None: it is taken of y. A y of 0 adds nothing, even at p = 0."""
    zero = ops.equal(y, 0)
    log_y = ops.log(ops.where(zero, 1, y)) if log_y is None else ops.where(zero, 0, log_y)
    costs = log_y - log_p
    return ops.sum(y * ops.where(ops.logical_and(zero, ops.isinf(costs)), 0, costs), axis)


def sparsemax(z, axis):
    """The probabilities nearest to z: max(z - τ, 0), with τ such that they add up to 1.

    Which of them are 0 is a constant, so that no derivative goes through the sort. (`keras.ops.sparsemax` takes a wrong
    τ up to Keras 3.15.1: https://github.com/keras-team/keras/issues/23425)
    """
    falling = ops.stop_gradient(-ops.sort(-z, axis))
    first = 1 + ops.cumsum(ops.ones_like(z), axis) * falling > cumulative_sum(falling, axis)
    lowest = -max_over(ops.where(first, -falling, float("-inf")), axis, keepdims=True)
    support = z >= lowest
    count = ops.sum(ops.cast(support, z.dtype), axis, keepdims=True)
    threshold = (ops.sum(ops.where(support, z, 0), axis, keepdims=True) - 1) / count
    return ops.where(support, z - threshold, 0)


def categorical_at_labels(y_pred, labels, from_logits, axis):
    """The probability of the class that each label names, without the other classes."""
    if from_logits:
        return Categorical(log_p_at_labels(y_pred, labels, axis), None, labels=labels)
    p = inside_unit_interval(take_at_labels(y_pred, labels, axis) / ops.sum(y_pred, axis))
    return Categorical(ops.log(p), p, labels=labels)


def log_p_at_labels(logits, labels, axis, smoothing=0.0):
    """Σ_c y_c log p_c for y the one-hot of the labels, smoothed to y (1 - ε) + ε/C."""
    if FROM_SOFTMAX and not is_small(logits):
        return _log_p_from_softmax(logits, labels, axis, smoothing)
    if FROM_SOFTMAX and not smoothing and axis in (-1, len(logits.shape) - 1):  # one kernel
        return -ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)
    return expected(ops.log_softmax(logits, axis), labels, smoothing, axis)


def log_sum_exp(x, axis):
    """max x along `axis`, kept and as a constant, and log Σ exp(x - max x), which is exact for any offset."""
    top = ops.stop_gradient(max_over(x, axis, keepdims=True))
    if not FROM_SOFTMAX:
        return top, ops.log(ops.sum(ops.exp(x - top), axis))

    @ops.custom_gradient
    def log_sum(x):
        p = ops.softmax(x, axis)
        return -ops.log(max_over(p, axis)), lambda upstream: ops.expand_dims(upstream, axis) * p

    return top, log_sum(x)


def _log_p_from_softmax(z, labels, axis, smoothing):
    """The same from log p_c = (z_c - max z) + log max p, with its derivative y - p."""

    @ops.custom_gradient
    def log_p(z):
        p, top = ops.softmax(z, axis), max_over(z, axis)
        z_mean = ops.squeeze(ops.take_along_axis(z, ops.expand_dims(labels, axis), axis), axis) - top
        if smoothing:
            z_mean = (1 - smoothing) * z_mean + smoothing * (mean(z, axis) - top)

        def gradient(upstream):
            y = ops.one_hot(labels, sizes_of(z)[axis], axis=axis % len(z.shape), dtype=z.dtype)
            return (smooth_classes(y, smoothing, axis) - p) * ops.expand_dims(upstream, axis)

        return z_mean + ops.log(max_over(p, axis)), gradient

    return log_p(z)


class Categorical:
    """Probabilities by their logarithm and, where it is known with all its digits, themselves.

    A formula asks of it what a class costs; whether it holds all classes, or of each sample the label's alone, the
    formula does not see.
    """

    def __init__(self, log_p, p, axis=None, labels=None):
        self.log_p = log_p
        self._p = p
        self._axis = axis
        self._labels = labels

    @property
    def p(self):
        """The probability."""
        return ops.exp(self.log_p) if self._p is None else self._p

    @property
    def one_minus_p(self):
        """1 - p, with all its digits where p is almost 1."""
        return one_minus_exp(self.log_p) if self._p is None else 1 - self._p

    def per_class(self, option):
        """An option that is None, one number, or one for each class, ready to be multiplied."""
        if not isinstance(option, (list, tuple)):
            return option
        if self._labels is not None:
            return ops.take(ops.convert_to_tensor(option, self.log_p.dtype), self._labels)
        return per_class(option, self.log_p, self._axis)


def per_class(option, x, axis):
    """An option that is None, one number, or one for each entry of `axis`, ready to be multiplied with x."""
    if not isinstance(option, (list, tuple)):
        return option
    shape = [1] * len(x.shape)
    shape[axis] = -1
    return ops.reshape(ops.convert_to_tensor(option, x.dtype), shape)
