"""Losses for binary and multi-label targets: each element of y_pred is the probability, or logit, of a yes."""

import math

from keras import ops

from keras_lossbox.core import replicas, targets
from keras_lossbox.core.loss import Loss
from keras_lossbox.core.options import Choice, Flag, Integer, Number
from keras_lossbox.core.registry import register
from keras_lossbox.core.shapes import check_axis
from keras_lossbox.functions.bernoulli import bernoulli
from keras_lossbox.functions.categorical import categorical
from keras_lossbox.functions.elementary import divide_no_nan, mean
from keras_lossbox.functions.labels import multiclass_hinge, take_at_labels, yes_no


class Binary(Loss):
    """A mean over `axis` of a formula for each label y and the distribution p that is predicted for it."""

    from_logits = Flag(False)
    label_smoothing = Number(0.0, low=0, high=1)
    axis = Integer(-1, optional=True)
    jit_compile = True

    def targets(self, y_pred):
        return targets.Binary(self.axis, self.from_logits)

    def compute(self, batch):
        y = yes_no(batch.y_true, self.label_smoothing)
        return batch.values(mean(self.formula(y, bernoulli(batch.y_pred, batch.from_logits)), batch.axis))

    def formula(self, y, p):
        """The loss of each label, from its `YesNo` and its `Bernoulli`."""
        raise NotImplementedError


class WeightedBinary(Binary):
    """One whose terms of the positives and of the negatives have weights."""

    pos_weight = Number(None, low=0, per="label", keyword=True)
    neg_weight = Number(None, low=0, per="label", keyword=True)

    def label_weights(self, p):
        """The weights of y and of 1 - y, each a number, one for each label, or None for 1."""
        return p.per_label(self.pos_weight), p.per_label(self.neg_weight)


def one_where_valid(batch):
    """1 for each label that is neither masked nor of weight 0, and 0 for the others."""
    ones = ops.ones_like(batch.y_true)
    return ones if batch.valid_entries is None else ops.cast(batch.valid_entries, ones.dtype) * ones


@register
class BinaryCrossentropy(WeightedBinary):
    """Cross-entropy of yes/no targets, with weights for the positives and the negatives.

        loss = mean over `axis` of  -(q y log p + r (1 - y) log(1 - p)),   y smoothed to y (1 - ε) + ε/2

    A drop-in superset of `keras.losses.BinaryCrossentropy`: the same positional parameters, defaults and numbers.
    Beside it, `pos_weight` (the same as in `tf.nn.weighted_cross_entropy_with_logits` and PyTorch's
    `BCEWithLogitsLoss`), `neg_weight`, `axis=None`, and a gradient that does not vanish at probabilities of exactly 0
    and 1, which are clipped to 1e-7 and 1 - 1e-7 (`keras.config.epsilon()`; in float32, as in Keras, the latter is
    1 - 1.2e-7). For a weight computed from the data itself see `BalancedBinaryCrossentropy`.

    Args:
        from_logits: True if y_pred is logits, any real number; False if it is probabilities in [0, 1].
        label_smoothing: ε in [0, 1].
        axis: the axis to take the mean over; the values have the shape of y_pred without it. None takes no mean:
            then `sample_weight` and masks may have the shape of y_pred, one weight for each label.
        reduction, name, dtype: see `Loss`.
        pos_weight: q >= 0, the weight of a positive where a negative has 1: one number, or a list with one for
            each label (the last axis of y_pred). Above 1 it raises recall, below 1 precision.
        neg_weight: r >= 0, the weight of a negative where a positive has 1, in the same way. `neg_weight=1/q` is
            `pos_weight=q` divided by q.

    Shapes: y_true and y_pred alike, `(n, ..., labels)`; `(n,)` and `(n, 1)` are aligned, and two of `(n,)` are taken
        for `(n, 1)`: n samples of one label.

    Raises:
        ValueError: for an option out of its range, different shapes, or a list of weights of the wrong length.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.BinaryCrossentropy(from_logits=True, pos_weight=3.0)
    >>> round(float(loss([[1.0], [0.0]], [[-1.0], [-1.0]])), 4)
    2.1265

    Reference: the formula of `tf.nn.weighted_cross_entropy_with_logits`,
    https://www.tensorflow.org/api_docs/python/tf/nn/weighted_cross_entropy_with_logits
    """

    def formula(self, y, p):
        return p.crossentropy(y, *self.label_weights(p))


@register
class BalancedBinaryCrossentropy(Binary):
    """Cross-entropy in which positives and negatives weigh the same, however rare one of them is.

        loss = mean over `axis` of  -(β y log p + (1 - β)(1 - y) log(1 - p)),   β = the fraction of negatives

    The weight of the frequent class is the frequency of the rare one, as for the edges of an image, where 90 % of
    the pixels are none. Where all labels are equal the loss is 0. It differs from
    `BinaryCrossentropy(pos_weight=β/(1 - β))` by the factor 1 - β, and by following the data.

    Args:
        from_logits, label_smoothing, axis, reduction, name, dtype: as in `BinaryCrossentropy`. β is computed
            before smoothing.
        beta: β in [0, 1], fixed; None computes it from the labels.
        scope: what β is computed from: `"batch"` (all labels of the batch, on all replicas) or `"sample"` (all labels
            of each sample, the authors' choice). Masked entries and those of weight zero are left out.

    Shapes: y_true and y_pred alike, `(n, ..., labels)`; `(n,)` and `(n, 1)` are aligned.

    Raises:
        ValueError: for an option out of its range, different shapes, or one label in each sample of `scope="sample"`.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.BalancedBinaryCrossentropy(from_logits=True)
    >>> round(float(loss([[1, 0, 0, 0]], [[0.0, 0.0, 0.0, 0.0]])), 4)  # (0.75 + 3 * 0.25) / 4 * log 2
    0.2599

    Reference: Xie and Tu, Holistically-Nested Edge Detection, 2015, https://arxiv.org/abs/1504.06375
    """

    beta = Number(None, low=0, high=1, keyword=True)
    scope = Choice("batch", "sample", keyword=True)

    def targets(self, y_pred):
        return targets.Binary(self.axis, self.from_logits, across=self.beta is None and self.scope == "batch")

    def compute(self, batch):
        y = yes_no(batch.y_true, self.label_smoothing)
        p = bernoulli(batch.y_pred, batch.from_logits)
        beta = self._fraction_of_negatives(batch) if self.beta is None else self.beta
        return batch.values(mean(p.crossentropy(y, beta, 1 - beta), batch.axis))

    def _fraction_of_negatives(self, batch):
        y, valid = batch.y_true, one_where_valid(batch)
        if self.scope == "sample" and all(size == 1 for size in y.shape[1:]):
            raise ValueError(
                '`scope` must be "batch" where a sample has one label, which alone is all of its positives or '
                f"negatives: the loss would always be 0. Received: scope='sample', y_true.shape={tuple(y.shape)}"
            )
        axes = None if self.scope == "batch" else tuple(range(1, len(y.shape)))
        counts = tuple(ops.sum(x, axes, keepdims=True) for x in (valid * (1 - y), valid))
        return divide_no_nan(*(replicas.add_up(counts) if self.scope == "batch" else counts))


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

    from_logits = Flag(False)
    threshold = Number(None)
    axis = Integer(-1)
    multi_label = Flag(False, keyword=True)
    surrogate = Choice("logistic", "hinge", None, keyword=True)
    jit_compile = True

    def __post_init__(self):
        if self.threshold is not None and not self.from_logits and not 0 < self.threshold < 1:
            raise ValueError(
                f"`threshold` must lie in (0, 1) when from_logits=False. Received: threshold={self.threshold!r}"
            )

    def targets(self, y_pred):
        check_axis(y_pred, self.axis)
        if self.multi_label or len(y_pred.shape) < 2 or y_pred.shape[self.axis] == 1:
            return targets.Binary(self.axis, self.from_logits)
        return targets.Classes(self.axis, self.from_logits, labels="largest")

    def compute(self, batch):
        of_labels = len(batch.y_true.shape) == len(batch.y_pred.shape)  # each of which is a yes or no
        wrong, surrogate, unknown = self._yes_no(batch) if of_labels else self._classes(batch)
        wrong = ops.where(unknown, float("nan"), ops.cast(wrong, surrogate.dtype))
        if self.surrogate is not None:
            surrogate = ops.where(ops.isfinite(surrogate), surrogate, 0)
            wrong = wrong + (surrogate - ops.stop_gradient(surrogate))  # exactly 0, with the surrogate's gradient
        return batch.values(mean(wrong, batch.axis) if of_labels else wrong)

    def _yes_no(self, batch):
        threshold = self.threshold if self.threshold is not None else (0.5, 0.0)[self.from_logits]
        cut = threshold if self.from_logits else math.log(threshold / (1 - threshold))
        y, z = batch.y_true > 0.5, bernoulli(batch.y_pred, batch.from_logits).logit()
        above = batch.y_pred > (cut if batch.from_logits else threshold)
        margin = ops.where(y, z - cut, cut - z)
        surrogate = ops.relu(1 - margin) if self.surrogate == "hinge" else ops.softplus(-margin)
        return ops.not_equal(above, y), surrogate, ops.isnan(batch.y_pred + batch.y_true)

    def _classes(self, batch):
        y, axis = batch.y_true, batch.axis
        log_p = categorical(batch.y_pred, batch.from_logits, axis).log_p
        hinge = self.surrogate == "hinge"
        surrogate = multiclass_hinge(log_p, y, axis) if hinge else -take_at_labels(log_p, y, axis)
        wrong = ops.not_equal(ops.cast(ops.argmax(batch.y_pred, axis), y.dtype), y)
        return wrong, surrogate, ops.any(ops.isnan(batch.y_pred), axis)
