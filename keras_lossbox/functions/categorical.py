"""The distribution of one class out of several, from logits or probabilities: what losses ask of it."""

from keras import ops

from keras_lossbox.functions.elementary import inside_unit_interval, log_sum_exp, one_minus_exp
from keras_lossbox.functions.labels import take_at_labels


def categorical(y_pred, from_logits, axis):
    """The probabilities of all classes along `axis`; those that are given are divided by their sum, as in Keras."""
    if from_logits:
        return Categorical(ops.log_softmax(y_pred, axis), None, axis=axis)
    p = inside_unit_interval(y_pred / ops.sum(y_pred, axis, keepdims=True))
    return Categorical(ops.log(p), p, axis=axis)


def categorical_at_labels(y_pred, labels, from_logits, axis):
    """The probability of the class that each label names, without the other classes."""
    at_label = take_at_labels(y_pred, labels, axis)
    if from_logits:
        return Categorical(at_label - log_sum_exp(y_pred, axis), None, labels=labels)
    p = inside_unit_interval(at_label / ops.sum(y_pred, axis))
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
        option = ops.convert_to_tensor(option, self.log_p.dtype)
        if self._labels is not None:
            return ops.take(option, self._labels)
        shape = [1] * len(self.log_p.shape)
        shape[self._axis] = -1
        return ops.reshape(option, shape)
