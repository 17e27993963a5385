"""Losses over the cosines of embeddings and centres of classes, which the layer `CosineHead` gives."""

import math

from keras import ops

from keras_lossbox.core import replicas, targets
from keras_lossbox.core.batch import Values
from keras_lossbox.core.loss import Loss
from keras_lossbox.core.options import Integer, Number
from keras_lossbox.core.registry import register
from keras_lossbox.functions.categorical import log_p_at_labels
from keras_lossbox.functions.elementary import at_least, divide_no_nan, masked_log_sum_exp, size_of, sizes_of
from keras_lossbox.functions.labels import is_label
from keras_lossbox.losses.similarity.base import log_one_plus_sum_exp

STEEPEST = 3e-4  # sin θ below which the slope of sin θ in cos θ, which has no bound, stays what it is there


def largest(y_true, y_pred, axis):
    """Class indices; of one-hot or soft rows the largest class, and which of the rows hold a NaN."""
    if len(y_true.shape) < len(y_pred.shape):
        return y_true, None
    return ops.cast(ops.argmax(y_true, axis), "int32"), ops.isnan(ops.sum(y_true, axis))


class Margin(Loss):
    """A cross-entropy of scaled cosines, of which the label's is made smaller by a margin."""

    scale = Number(64.0, low=0, above=True, optional=True)
    axis = Integer(-1, keyword=True)
    label_smoothing = Number(0.0, low=0, high=1, keyword=True)

    def targets(self, y_pred):
        return targets.Cosines(self.axis)

    def call(self, y_true, y_pred):
        labels, unknown = largest(y_true, y_pred, self.axis)
        of_label = is_label(y_pred, labels, self.axis)
        cosine = ops.where(of_label, y_pred, 0)  # (a class that is left out may be -inf)
        logits = self.factor(y_pred) * ops.where(of_label, self.with_margin(cosine), y_pred)
        values = -log_p_at_labels(logits, labels, self.axis, self.label_smoothing)
        return values if unknown is None else ops.where(unknown, float("nan"), values)

    def factor(self, y_pred):
        """The scale; where it is None that of AdaCos."""
        if self.scale is not None:
            return self.scale
        classes = size_of(y_pred, self.axis)
        return math.sqrt(2) * (math.log(max(classes - 1, 2)) if isinstance(classes, int) else ops.log(classes - 1))

    def with_margin(self, cosine):
        """The cosine of a label, made smaller."""
        raise NotImplementedError


@register
class ArcFace(Margin):
    """A cross-entropy of cosines in which the angle to the label's centre is made larger by a margin.

        loss = -log softmax(s c')_y,   c'_y = cos(θ_y + m),   c'_j = cos θ_j for other classes
        beyond π - m, where the cosine would rise again: c'_y = cos θ_y - m sin m

    For faces, products, whatever has classes in training and others in use. The layer `CosineHead` gives the cosines
    and keeps the centres; margin and scale are here, since only the loss knows labels, so that the same model serves
    training and `predict`. `CosFace` takes the margin off the cosine itself. With `CosineHead(units, sub_centers=3)`
    it is Sub-center ArcFace. pytorch-metric-learning's `ArcFaceLoss(margin=28.6)` is in degrees.

    Args:
        margin: m in [0, π/2], in radians.
        scale: s > 0; None for √2 log(C - 1), the fixed one of AdaCos (of at least 3 classes).
        reduction, name, dtype: see `Loss`.
        axis: the axis of the classes.
        label_smoothing: in [0, 1], mixes the label with 1/C for each class.

    Shapes: y_pred, cosines, `(n, ..., classes)`, a class that is left out -inf; y_true class indices without that axis,
        or one-hot (of a soft row its largest class). One value per sample.

    Raises:
        ValueError: for an option out of its range, shapes that do not fit, labels that are no class.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.ArcFace(margin=0.0, scale=1.0)
    >>> float(loss([0], [[0.5, 0.5]]))
    0.6931471824645996

    Reference: Deng et al., ArcFace, 2018, https://arxiv.org/abs/1801.07698; AdaCos: Zhang et al., 2019,
    https://arxiv.org/abs/1905.00292
    """

    margin = Number(0.5, low=0, high=math.pi / 2)

    def with_margin(self, cosine):
        cosine = -at_least(-at_least(cosine, -1), -1)  # beyond 1 by rounding
        turned = cosine * math.cos(self.margin) - sine(cosine) * math.sin(self.margin)
        beyond = cosine < -math.cos(self.margin)
        return ops.where(beyond, cosine - self.margin * math.sin(self.margin), turned)


def sine(cosine):
    """sin θ = √(1 - cos²θ), whose slope has a bound near θ = 0 and π, where it would be infinite."""
    squared = (1 - cosine) * (1 + cosine)
    flat = squared < STEEPEST**2
    at = ops.stop_gradient(cosine)
    line = ops.stop_gradient(ops.sqrt(ops.relu(squared))) - at / STEEPEST * (cosine - at)
    return ops.where(flat, line, ops.sqrt(ops.where(flat, 1, squared)))


@register
class CosFace(Margin):
    """A cross-entropy of cosines in which the label's is made smaller by a margin.

        loss = -log softmax(s c')_y,   c'_y = c_y - m,   c'_j = c_j for other classes

    As `ArcFace`, with a margin of the cosine and not of the angle; easier to train from the start. With m = 0 and
    s = 20 it is pytorch-metric-learning's `NormalizedSoftmaxLoss`; with m = 0.01, s = 20 and a
    `CosineHead(units, sub_centers=10, pooling="soft")` its `SoftTripleLoss`.

    Args:
        margin: m in [0, 1].
        scale, reduction, name, dtype, axis, label_smoothing: see `ArcFace`.

    Shapes: as for `ArcFace`.

    Raises:
        ValueError: for an option out of its range, shapes that do not fit, labels that are no class.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.CosFace(margin=0.5, scale=1.0)
    >>> float(loss([0], [[0.75, 0.25]]))  # both are 0.25 then
    0.6931471824645996

    Reference: Wang et al., CosFace, 2018, https://arxiv.org/abs/1801.09414
    """

    margin = Number(0.35, low=0, high=1)

    def with_margin(self, cosine):
        return cosine - self.margin


@register
class ProxyAnchor(Loss):
    """Each class's centre against all samples of the batch: softly its farthest own, and its nearest others.

        loss = mean over classes in the batch of log(1 + Σ_{i of c} e^(-α (s_ic - δ)))
               + mean over all classes of log(1 + Σ_{i not of c} e^(α (s_ic + δ)))

    Fast to converge, since a centre sees how its samples lie to each other. It is a number of the batch, the same value
    for each of its samples, over all replicas; a sample that is masked or has weight 0 is not in it, other weights
    multiply the value. The cosines come from the layer `CosineHead`.

    Args:
        margin: δ.
        alpha: α > 0.
        reduction, name, dtype: see `Loss`. Means are the number itself, `"sum"` is it times the number of samples.

    Shapes: y_pred, cosines, `(n, ..., classes)`; y_true class indices without that axis, or one-hot. One value per
        sample, all the same.

    Raises:
        ValueError: for an option out of its range, shapes that do not fit, labels that are no class.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.ProxyAnchor(margin=0.0, alpha=1.0)
    >>> float(loss([0, 1], [[0.0, 0.0], [0.0, 0.0]]))  # log 2 + log 2
    1.3862943649291992

    Reference: Kim et al., Proxy Anchor Loss for Deep Metric Learning, 2020, https://arxiv.org/abs/2003.13911
    """

    margin = Number(0.1)
    alpha = Number(32.0, low=0, above=True)

    def targets(self, y_pred):
        return targets.Cosines(across=True)

    def compute(self, batch):
        samples, classes = sizes_of(batch.y_pred)[:-1], sizes_of(batch.y_pred)[-1]
        valid = ops.broadcast_to(True if batch.valid is None else batch.valid, samples)
        labels, unknown = largest(batch.y_true, batch.y_pred, -1)
        of_class = ops.reshape(is_label(batch.y_pred, labels, -1), (-1, classes))
        s, rows = ops.reshape(batch.y_pred, (-1, classes)), ops.reshape(valid, (-1, 1))
        own, other = ops.logical_and(rows, of_class), ops.logical_and(rows, ops.logical_not(of_class))
        towards = of_columns(-self.alpha * (s - self.margin), own)
        away = of_columns(self.alpha * (s + self.margin), other)
        present = replicas.add_up(ops.sum(ops.cast(own, s.dtype), 0)) > 0
        value = divide_no_nan(ops.sum(towards), ops.sum(ops.cast(present, s.dtype)))
        value = value + ops.sum(away) / size_of(s, -1)
        if unknown is not None:
            value = ops.where(replicas.add_up(ops.sum(ops.cast(unknown, s.dtype))) > 0, float("nan"), value)
        return Values(ops.broadcast_to(value, samples), batch.weights, batch.valid)


def of_columns(x, mask):
    """log(1 + Σ exp(x)) of each column over what the mask has, on all replicas."""
    x, mask = ops.transpose(x), ops.transpose(mask)
    of_replicas = ops.transpose(replicas.gather(masked_log_sum_exp(x, mask)[None]))
    not_empty = ops.transpose(replicas.gather(ops.any(mask, -1)[None]))
    return log_one_plus_sum_exp(of_replicas, not_empty)
