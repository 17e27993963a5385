"""The distribution of one class out of several, from logits or probabilities: what losses ask of it."""

from keras import ops

from keras_lossbox.functions.elementary import inside_unit_interval, is_small, one_minus_exp
from keras_lossbox.functions.labels import take_at_labels


def categorical(y_pred, from_logits, axis):
    """The probabilities of all classes along `axis`; those that are given are divided by their sum, as in Keras."""
    if from_logits:
        return Categorical(ops.log_softmax(y_pred, axis), None, axis=axis)
    p = inside_unit_interval(y_pred / ops.sum(y_pred, axis, keepdims=True))
    return Categorical(ops.log(p), p, axis=axis)


def crossentropy(y, logits, axis):
    """-Σ_c y_c log p_c along `axis`, for rows of y of any sum, without log p itself: XLA takes 0.8 of the time."""
    if is_small(logits):
        return -ops.sum(y * ops.log_softmax(logits, axis), axis)
    z = logits - ops.stop_gradient(ops.max(logits, axis, keepdims=True))
    return ops.sum(y, axis) * ops.log(ops.sum(ops.exp(z), axis)) - ops.sum(y * z, axis)


def categorical_at_labels(y_pred, labels, from_logits, axis):
    """The probability of the class that each label names, without the other classes."""
    if from_logits and is_small(y_pred):
        return Categorical(take_at_labels(ops.log_softmax(y_pred, axis), labels, axis), None, labels=labels)
    if from_logits:
        z = y_pred - ops.stop_gradient(ops.max(y_pred, axis, keepdims=True))
        log_p = take_at_labels(z, labels, axis) - ops.log(ops.sum(ops.exp(z), axis))
        return Categorical(log_p, None, labels=labels)
    p = inside_unit_interval(take_at_labels(y_pred, labels, axis) / ops.sum(y_pred, axis))
    return Categorical(ops.log(p), p, labels=labels)


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
