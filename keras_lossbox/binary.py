"""Losses for binary and multi-label targets: each element of y_pred is the probability, or logit, of a yes."""

import math

from keras import ops

from keras_lossbox import numerics, shapes
from keras_lossbox.base import Loss, register
from keras_lossbox.bernoulli import bernoulli
from keras_lossbox.options import Choice, Flag, Integer, Number
from keras_lossbox.reduction import across_replicas


class _Binary(Loss):
    """What losses of yes/no targets share."""

    head = "sigmoid"
    from_logits = Flag()
    label_smoothing = Number(0, 1)
    axis = Integer(optional=True)

    def __init__(self, from_logits, label_smoothing, axis, reduction, name, dtype):
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis


@register
class BinaryCrossentropy(_Binary):
    """Cross-entropy of yes/no targets, with a weight for the positives.

        loss = mean over `axis` of  -(q y log p + (1 - y) log(1 - p)),   y smoothed to y (1 - ε) + ε/2

    A drop-in superset of `keras.losses.BinaryCrossentropy`: the same positional parameters, defaults and numbers.
    Beside it, `pos_weight` (the same as in `tf.nn.weighted_cross_entropy_with_logits` and PyTorch's
    `BCEWithLogitsLoss`), `axis=None`, and a gradient that does not vanish at probabilities of exactly 0 and 1, which
    count as 1e-7 and 1 - 1e-7 (`keras.config.epsilon()`; in float32, as in Keras, the latter is 1 - 1.2e-7). For a
    weight computed from the data itself see `BalancedBinaryCrossentropy`.

    Args:
        from_logits: True if y_pred is logits, any real number; False if it is probabilities in [0, 1].
        label_smoothing: ε in [0, 1].
        axis: the axis to take the mean over; the values have the shape of y_pred without it. None takes no mean:
            then `sample_weight` and masks may have the shape of y_pred, one weight for each label.
        reduction, name, dtype: see `Loss`.
        pos_weight: q >= 0, how much a positive counts compared to a negative: one number, or a list with one for
            each label (the last axis of y_pred). Above 1 it raises recall, below 1 precision.

    Shapes: y_true and y_pred alike, `(n, ..., labels)`; `(n,)` and `(n, 1)` are aligned, and two of `(n,)` are taken
        for `(n, 1)`: n samples of one label.

    Raises:
        ValueError: for an option out of its range, different shapes, or a `pos_weight` of the wrong length.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.BinaryCrossentropy(from_logits=True, pos_weight=3.0)
    >>> round(float(loss([[1.0], [0.0]], [[-1.0], [-1.0]])), 4)
    2.1265

    Reference: the formula of `tf.nn.weighted_cross_entropy_with_logits`,
    https://www.tensorflow.org/api_docs/python/tf/nn/weighted_cross_entropy_with_logits
    """

    pos_weight = Number(0, per="label", optional=True)

    def __init__(
        self,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name=None,
        dtype=None,
        *,
        pos_weight=None,
    ):
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)
        self.pos_weight = pos_weight

    def call(self, y_true, y_pred, from_logits):
        y, not_y = numerics.smooth_binary(y_true, self.label_smoothing)
        pos_weight = self.along("pos_weight", y_pred)
        return numerics.mean(bernoulli(y_pred, from_logits).crossentropy(y, not_y, pos_weight), self.axis)


@register
class BalancedBinaryCrossentropy(_Binary):
    """Cross-entropy in which positives and negatives weigh the same, however rare one of them is.

        loss = mean over `axis` of  -(β y log p + (1 - β)(1 - y) log(1 - p)),   β = the fraction of negatives

    The weight of the frequent class is the frequency of the rare one, as for the edges of an image, where 90 % of
    the pixels are none. Where all labels are equal the loss is 0. It differs from
    `BinaryCrossentropy(pos_weight=β/(1 - β))` by the factor 1 - β, and by following the data.

    Args:
        from_logits, label_smoothing, axis, reduction, name, dtype: as in `BinaryCrossentropy`. β is counted before
            smoothing.
        beta: β in [0, 1], fixed; None counts it.
        scope: where β is counted: `"batch"` (all labels of the batch, on all replicas) or `"sample"` (all labels of
            each sample, the authors' choice). Masked entries and those of weight zero are not counted.

    Shapes: y_true and y_pred alike, `(n, ..., labels)`; `(n,)` and `(n, 1)` are aligned.

    Raises:
        ValueError: for an option out of its range, or different shapes.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.BalancedBinaryCrossentropy(from_logits=True)
    >>> round(float(loss([[1, 0, 0, 0]], [[0.0, 0.0, 0.0, 0.0]])), 4)  # (0.75 + 3 * 0.25) / 4 * log 2
    0.2599

    Reference: Xie and Tu, Holistically-Nested Edge Detection, 2015, https://arxiv.org/abs/1504.06375
    """

    beta = Number(0, 1, optional=True)
    scope = Choice("batch", "sample")

    def __init__(
        self,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name=None,
        dtype=None,
        *,
        beta=None,
        scope="batch",
    ):
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)
        self.beta = beta
        self.scope = scope

    def call(self, y_true, y_pred, from_logits, mask):
        beta = self._fraction_of_negatives(y_true, mask) if self.beta is None else self.beta
        y, not_y = numerics.smooth_binary(y_true, self.label_smoothing)
        return numerics.mean(bernoulli(y_pred, from_logits).crossentropy(y, not_y, beta, 1 - beta), self.axis)

    def _fraction_of_negatives(self, y_true, mask):
        counted = ops.ones_like(y_true) if mask is None else ops.cast(mask, y_true.dtype) * ops.ones_like(y_true)
        axes = None if self.scope == "batch" else tuple(range(1, len(y_true.shape)))
        counts = tuple(ops.sum(x, axes, keepdims=True) for x in (counted * (1 - y_true), counted))
        return numerics.divide_no_nan(*across_replicas(counts) if self.scope == "batch" else counts)


@register
class ZeroOne(Loss):
    """The 0-1 loss: 1 where the predicted class is wrong, 0 where it is right; trainable through a surrogate.

        value = 1[class of y_pred ≠ class of y_true],   gradient = that of the surrogate

    The number is the error rate itself. Its own gradient is 0 almost everywhere, so the gradient is that of a convex
    surrogate: with m the margin of the right class, in logits,
    `"logistic"` log(1 + exp(-m)) (for several classes the cross-entropy), `"hinge"` max(0, 1 - m), None no gradient.

    With one output per sample (the last axis of y_pred is 1, or `multi_label=True`) the class is whether y_pred is
    above `threshold`, and a label above 1/2 is a positive. With several it is the argmax along `axis`, and labels
    are integers or one-hot.

    Args:
        from_logits: True if y_pred is logits, False if it is probabilities.
        threshold: what a positive lies above, in the units of y_pred; None is 0 for logits and 0.5 for
            probabilities. Only for one output per sample.
        axis: the axis of the classes or labels.
        reduction, name, dtype: see `Loss`.
        multi_label: True if each entry of `axis` is a yes/no of its own; the value is the fraction that is wrong.
        surrogate: `"logistic"`, `"hinge"` or None.

    Shapes: y_pred `(n, ..., 1)` or `(n,)` with y_true alike; or y_pred `(n, ..., classes)` with y_true
        `(n, ...)`, `(n, ..., 1)` or `(n, ..., classes)`.

    Raises:
        ValueError: for an option out of its range, or shapes that do not fit.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.ZeroOne(from_logits=True)
    >>> float(loss([1, 2, 0], [[0.1, 2.0, 0.3], [1.0, 0.0, 0.5], [3.0, 1.0, 1.0]]))
    0.3333333432674408

    Reference: Bartlett, Jordan and McAuliffe, Convexity, Classification, and Risk Bounds, 2006,
    https://doi.org/10.1198/016214505000000907; several classes with a hinge: Crammer and Singer, 2001
    """

    from_logits = Flag()
    threshold = Number(optional=True)
    axis = Integer()
    multi_label = Flag()
    surrogate = Choice("logistic", "hinge", None)

    def __init__(
        self,
        from_logits=False,
        threshold=None,
        axis=-1,
        reduction="sum_over_batch_size",
        name=None,
        dtype=None,
        *,
        multi_label=False,
        surrogate="logistic",
    ):
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.from_logits = from_logits
        self.threshold = threshold
        self.axis = axis
        self.multi_label = multi_label
        self.surrogate = surrogate
        if threshold is not None and not from_logits and not 0 < self.threshold < 1:
            raise ValueError(
                f"{type(self).__name__}: `threshold` must lie in (0, 1) when from_logits=False. "
                f"Received: threshold={threshold!r}"
            )

    def call(self, y_true, y_pred, from_logits):
        one_output = self._one_output(y_pred)
        wrong, surrogate, known = (self._binary if one_output else self._multi_class)(y_true, y_pred, from_logits)
        wrong = ops.where(known, ops.cast(wrong, y_pred.dtype), float("nan"))
        if self.surrogate is not None:
            surrogate = ops.where(ops.isfinite(surrogate), surrogate, 0)
            wrong = wrong + (surrogate - ops.stop_gradient(surrogate))  # exactly 0, with the surrogate's gradient
        return numerics.mean(wrong, self.axis) if one_output else wrong

    def _binary(self, y_true, y_pred, from_logits):
        threshold = self.threshold if self.threshold is not None else 0.0 if self.from_logits else 0.5
        if from_logits:
            logits = y_pred
            cut = threshold if self.from_logits else math.log(threshold / (1 - threshold))
            above = logits > cut
        else:
            if_positive, if_negative = bernoulli(y_pred, from_logits).surprisals()
            logits = if_negative - if_positive
            cut = math.log(threshold / (1 - threshold))
            above = y_pred > threshold
        positive = y_true > 0.5
        margin = ops.where(positive, logits - cut, cut - logits)
        surrogate = ops.relu(1 - margin) if self.surrogate == "hinge" else ops.softplus(-margin)
        known = ops.logical_not(ops.logical_or(ops.isnan(y_pred), ops.isnan(y_true)))
        return ops.not_equal(above, positive), surrogate, known

    def _multi_class(self, y_true, y_pred, from_logits):
        log_p = numerics.probabilities(y_pred, from_logits, self.axis).log_p
        log_p_true = numerics.at_labels(type(self).__name__, log_p, y_true, self.axis)
        wrong = ops.not_equal(ops.cast(ops.argmax(y_pred, self.axis), y_true.dtype), y_true)
        is_label = numerics.is_label(log_p, y_true, self.axis)  # nowhere, for a label that is no class
        of_a_class = ops.any(is_label, self.axis)
        known = ops.logical_and(of_a_class, ops.logical_not(ops.any(ops.isnan(y_pred), self.axis)))
        if self.surrogate != "hinge":
            return wrong, -log_p_true, known
        others = ops.where(is_label, float("-inf"), log_p)
        return wrong, ops.relu(1 + ops.max(others, self.axis) - log_p_true), known

    def head_of(self, y_pred):
        return "sigmoid" if self._one_output(y_pred) else "softmax"

    def align(self, y_true, y_pred):
        kind = type(self).__name__
        if self._one_output(y_pred):
            return shapes.align_values(kind, y_true, y_pred)
        return shapes.align_classes(kind, y_true, y_pred, self.axis)

    def _one_output(self, y_pred):
        return self.multi_label or len(y_pred.shape) < 2 or y_pred.shape[self.axis] == 1
