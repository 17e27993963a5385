"""Focal losses: cross-entropies that turn away from what is already right, for rare classes; by kind of data."""

from keras import ops

from keras_lossbox.core import replicas, targets
from keras_lossbox.core.options import Choice, Flag, Integer, Number
from keras_lossbox.core.registry import register
from keras_lossbox.functions.categorical import categorical
from keras_lossbox.functions.elementary import absolute, modulating_factor, multiply_optional
from keras_lossbox.functions.labels import expected, one_hot
from keras_lossbox.losses.binary import Binary, WeightedBinary, one_where_valid
from keras_lossbox.losses.categorical import Categorical


@register
class BinaryFocalCrossentropy(WeightedBinary):
    """Binary cross-entropy weighted by how wrong the prediction is, to the power γ.

        loss = mean over `axis` of  α_t (1 - p_t)^γ · -(q y log p + r (1 - y) log(1 - p)),
        p_t = y p + (1 - y)(1 - p),   α_t = α y + (1 - α)(1 - y)  or 1

    A drop-in superset of `keras.losses.BinaryFocalCrossentropy`: the same positional parameters, defaults and
    numbers. Beside it, `pos_weight` and `neg_weight`, and a right, finite gradient for every logit and every γ (Keras's
    is NaN at logit 40 with γ = 0.5). γ = 0 is `BinaryCrossentropy`. As in Keras, `alpha` has an effect
    only with `apply_class_balancing=True`.

    Args:
        apply_class_balancing: whether α_t is applied.
        alpha: α in [0, 1], the weight of positives; negatives have 1 - α.
        gamma: γ >= 0, one number or one for each label (the last axis); 2 is the authors' value.
        from_logits, label_smoothing, axis, reduction, name, dtype, pos_weight, neg_weight: as in `BinaryCrossentropy`.

    Shapes: y_true and y_pred alike, `(n, ..., labels)`; `(n,)` and `(n, 1)` are aligned.

    Raises:
        ValueError: for an option out of its range, different shapes, or a list of the wrong length.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.BinaryFocalCrossentropy(gamma=2.0)
    >>> round(float(loss([[1.0]], [[0.75]])), 4)  # -0.25² log 0.75
    0.018

    Reference: Lin et al., Focal Loss for Dense Object Detection, 2017, https://arxiv.org/abs/1708.02002
    """

    apply_class_balancing = Flag(False)
    alpha = Number(0.25, low=0, high=1)
    gamma = Number(2.0, low=0, per="label")

    def formula(self, y, p):
        crossentropy = p.crossentropy(y, *self.label_weights(p))
        loss = modulating_factor(p.one_minus_p(y), p.per_label(self.gamma)) * crossentropy
        return loss * (self.alpha * y.yes + (1 - self.alpha) * y.no) if self.apply_class_balancing else loss


@register
class AsymmetricLoss(WeightedBinary):
    """A focal loss for many labels of which few are true: a larger γ for negatives, and no loss for easy ones.

        loss = mean over `axis` of  -(q y (1 - p)^γ₊ log p + r (1 - y) p_m^γ₋ log(1 - p_m)),   p_m = max(p - clip, 0)

    With γ₊ = γ₋ and clip = 0 it is `BinaryFocalCrossentropy` (for soft or smoothed labels that of the package
    focal-loss, in which each side has its own power). It is the mean over the labels, like every loss here;
    the authors' is the sum.

    Args:
        gamma_neg: γ₋ >= 0.
        gamma_pos: γ₊ >= 0.
        clip: in [0, 1): a negative below this probability costs nothing.
        from_logits, label_smoothing, axis, reduction, name, dtype, pos_weight, neg_weight: as in `BinaryCrossentropy`,
            with q and r the weights of positives and negatives.
        detach_focal_weight: True takes no gradient through the powers, as the authors' code does by default; False
            is the gradient of the loss.

    Shapes: y_true and y_pred alike, `(n, ..., labels)`; `(n,)` and `(n, 1)` are aligned.

    Raises:
        ValueError: for an option out of its range, different shapes, or a list of weights of the wrong length.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.AsymmetricLoss()
    >>> round(float(loss([[1.0, 0.0]], [[0.75, 0.04]])), 4)  # -0.25 log 0.75 / 2
    0.036

    Reference: Ridnik et al., Asymmetric Loss For Multi-Label Classification, 2020, https://arxiv.org/abs/2009.14119
    """

    gamma_neg = Number(4.0, low=0)
    gamma_pos = Number(1.0, low=0)
    clip = Number(0.05, low=0, high=0.999)
    detach_focal_weight = Flag(False, keyword=True)

    def formula(self, y, p):
        if_positive, if_negative = p.neg_log_p()
        p_m, one_minus_p = p.probabilities()
        if self.clip:
            small = p_m < 0.5
            rest = one_minus_p + self.clip  # 1 - p_m, with all its digits where p is almost 1
            p_m = ops.relu(p_m - self.clip)
            if_negative = -ops.where(small, ops.log1p(-ops.where(small, p_m, 0)), ops.log(ops.where(small, 1, rest)))
        factors = modulating_factor(one_minus_p, self.gamma_pos), modulating_factor(p_m, self.gamma_neg)
        factor_pos, factor_neg = map(ops.stop_gradient, factors) if self.detach_focal_weight else factors
        positive, negative = map(multiply_optional, y, self.label_weights(p))
        return positive * factor_pos * if_positive + negative * factor_neg * if_negative


class Detection(Binary):
    """A focal loss of scores that say where an object is: labels are no classes but scores too, from 0 to 1."""

    label_smoothing = 0.0
    axis = Integer(-1, keyword=True, optional=True)


@register
class Varifocal(Detection):
    """Binary cross-entropy with the quality of a box as label: good boxes weigh much, and easy negatives little.

        loss = mean over `axis` of  q BCE(q, p) where q > 0,   α p^γ (-log(1 - p)) where q = 0

    q is the IoU of the predicted box and the object, for the object's class, and 0 for all that is no object: then p
    ranks boxes by how good they are. Unlike `QualityFocal` only negatives are focused. It is the mean over the classes
    and places, like every loss here; mmdet's is the sum over them, divided by the number of positives.

    Args:
        alpha: α >= 0, the weight of negatives.
        gamma: γ >= 0, the power of p for negatives.
        from_logits: True if y_pred is logits, False if it is probabilities.
        reduction, name, dtype: see `Loss`.
        axis: the axis to take the mean over; None gives every element a value, and takes weights of the shape of
            y_pred.
        detach_focal_weight: True takes no gradient through p^γ, as RT-DETR; False is the gradient of the loss, and
            mmdet's.

    Shapes: y_true, from 0 to 1, and y_pred alike, `(n, ..., classes)`; `(n,)` and `(n, 1)` are aligned.

    Raises:
        ValueError: for an option out of its range, different shapes, or labels outside of [0, 1].

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.Varifocal()
    >>> round(float(loss([[0.5, 0.0]], [[0.5, 0.5]])), 4)  # (0.5 log 2 + 0.75 * 0.25 log 2) / 2
    0.2383

    Reference: Zhang et al., VarifocalNet, 2020, https://arxiv.org/abs/2008.13367
    """

    alpha = Number(0.75, low=0)
    gamma = Number(2.0, low=0)
    detach_focal_weight = Flag(False, keyword=True)

    def formula(self, y, p):
        of_negative = self.alpha * modulating_factor(p.probabilities()[0], self.gamma)
        if self.detach_focal_weight:
            of_negative = ops.stop_gradient(of_negative)
        return ops.where(y.yes > 0, y.yes, of_negative) * p.crossentropy(y)


@register
class QualityFocal(Detection):
    """Binary cross-entropy with the quality of a box as label, weighted by how far the prediction is from it.

        loss = mean over `axis` of  |q - p|^β BCE(q, p)

    For labels of 0 and 1 it is `BinaryFocalCrossentropy(gamma=β)`; for q between them it is the extension whose minimum
    is at p = q, where it is 0. q is the IoU of the predicted box and the object, for the object's class, and 0 for all
    that is no object. It is the mean over the classes; mmdet's is the sum.

    Args:
        beta: β >= 0.
        from_logits, reduction, name, dtype, axis: as in `Varifocal`.
        detach_focal_weight: True takes no gradient through |q - p|^β; False is the gradient of the loss, and mmdet's.

    Shapes: as for `Varifocal`.

    Raises:
        ValueError: for an option out of its range, different shapes, or labels outside of [0, 1].

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.QualityFocal()
    >>> round(float(loss([[1.0, 0.5]], [[0.5, 0.5]])), 4)  # (0.25 log 2 + 0) / 2
    0.0866

    Reference: Li et al., Generalized Focal Loss, 2020, https://arxiv.org/abs/2006.04388
    """

    beta = Number(2.0, low=0)
    detach_focal_weight = Flag(False, keyword=True)

    def formula(self, y, p):
        p_yes, p_no = p.probabilities()
        weight = modulating_factor(absolute(y.yes * p_no - y.no * p_yes), self.beta)  # q - p, exact in both tails
        return (ops.stop_gradient(weight) if self.detach_focal_weight else weight) * p.crossentropy(y)


@register
class PenaltyReducedFocal(
    Detection, positional=("alpha", "beta", "from_logits", "positive_threshold", "reduction", "name", "dtype")
):
    """The focal loss of heat maps with a peak at each object: near a peak a wrong yes costs less.

        loss = mean over `axis` of  (1 - p)^α (-log p) where y > t,   (1 - y)^β p^α (-log(1 - p)) elsewhere

    What CornerNet and CenterNet train their maps of key points with; labels are 1 at the points and a Gaussian around
    them. KerasCV's `BinaryPenaltyReducedFocalCrossEntropy`, but that p is not clipped at 1e-4, beyond which that has no
    gradient.

    Args:
        alpha: α >= 0, the power of what p lacks.
        beta: β >= 0, the power of the distance to a peak.
        from_logits: as in `Varifocal`.
        positive_threshold: t in [0, 1]; a label above it is a peak.
        reduction, name, dtype, axis: as in `Varifocal`.
        normalize: `"elements"`, or `"positives"`, as the authors have it: then the mean is the sum of all elements
            divided by the number of peaks in the batch, on all replicas, or by 1 where there is none. (A value is then
            a sample's share of it, times the number of samples.)

    Shapes: y_true, from 0 to 1, and y_pred alike, `(n, height, width, classes)` or any other; `(n,)` and `(n, 1)` are
        aligned.

    Raises:
        ValueError: for an option out of its range, different shapes, or labels outside of [0, 1].

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.PenaltyReducedFocal()
    >>> round(float(loss([[1.0, 0.5]], [[0.5, 0.5]])), 4)  # (0.25 log 2 + 0.5⁴ 0.25 log 2) / 2
    0.0921

    Reference: Law and Deng, CornerNet, 2018, https://arxiv.org/abs/1808.01244
    """

    alpha = Number(2.0, low=0)
    beta = Number(4.0, low=0)
    positive_threshold = Number(0.99, low=0, high=1)
    normalize = Choice("elements", "positives", keyword=True)

    def targets(self, y_pred):
        return targets.Binary(self.axis, self.from_logits, across=self.normalize == "positives")

    def compute(self, batch):
        values = super().compute(batch)
        return values if self.normalize == "elements" else values._replace(values=values.values * self._scale(batch))

    def formula(self, y, p):
        if_positive, if_negative = p.neg_log_p()
        p_yes, p_no = p.probabilities()
        peak = modulating_factor(p_no, self.alpha) * if_positive
        other = modulating_factor(y.no, self.beta) * modulating_factor(p_yes, self.alpha) * if_negative
        return ops.where(y.yes > self.positive_threshold, peak, other)

    def _scale(self, batch):
        """How many elements there are for each peak."""
        valid = one_where_valid(batch)
        peaks = ops.where(batch.y_true > self.positive_threshold, valid, 0)
        elements, number = replicas.add_up((ops.sum(valid), ops.sum(peaks)))
        return elements / ops.where(number > 1, number, 1)


@register
class CategoricalFocalCrossentropy(Categorical):
    """Categorical cross-entropy weighted by how unlikely the model finds the class, to the power γ.

        loss = -Σ_c w_c α_c y_c (1 - p_c)^γ log p_c,   y smoothed to y (1 - ε) + ε/C

    A drop-in superset of `keras.losses.CategoricalFocalCrossentropy`: the same positional parameters, defaults and
    numbers. Beside it, `gamma` for each class, `class_weight`, and logits that never saturate (Keras's loss stops at
    16.118, with gradient 0). γ = 0 with α = 1 is `CategoricalCrossentropy`.

    Args:
        alpha: α >= 0, one number or one for each class. The default 0.25 is Keras's and scales the whole loss.
        gamma: γ >= 0, one number or one for each class.
        from_logits, label_smoothing, axis, reduction, name, dtype: as in `CategoricalCrossentropy`.
        class_weight: w >= 0, one for each class; it multiplies α.

    Shapes: y_true and y_pred alike, `(n, ..., classes)`; one value per sample.

    Raises:
        ValueError: for an option out of its range, different shapes, or a list of the wrong length.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.CategoricalFocalCrossentropy(alpha=1.0)
    >>> round(float(loss([[0, 1]], [[0.25, 0.75]])), 4)  # -0.25² log 0.75
    0.018

    Reference: Lin et al., Focal Loss for Dense Object Detection, 2017, https://arxiv.org/abs/1708.02002
    """

    alpha = Number(0.25, low=0, per="class")
    gamma = Number(2.0, low=0, per="class")
    class_weight = Number(None, low=0, per="class", keyword=True)
    labels = "one_hot"

    def formula(self, p):
        return _focal(p, self)


@register
class SparseCategoricalFocalCrossentropy(Categorical):
    """`CategoricalFocalCrossentropy` for integer labels, which Keras does not have.

        loss = -w_y α_y (1 - p_y)^γ log p_y   (with smoothing, as for the labels one-hot)

    Args:
        alpha, gamma, class_weight: as in `CategoricalFocalCrossentropy`, the default of `alpha` included.
        from_logits, label_smoothing, axis, reduction, name, dtype: as in `CategoricalCrossentropy`.
        ignore_class: as in `SparseCategoricalCrossentropy`.

    Shapes: y_pred `(n, ..., classes)`; y_true without the axis of the classes, or with that axis of size 1.

    Raises:
        ValueError: for an option out of its range, shapes that do not fit, a list of the wrong length; for a label
            outside 0 ... C-1. (In `fit` on a CPU that is an InvalidArgumentError; under XLA the loss is NaN.)

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.SparseCategoricalFocalCrossentropy(alpha=[1.0, 2.0])
    >>> round(float(loss([1], [[0.25, 0.75]])), 4)  # -2 * 0.25² log 0.75
    0.036

    Reference: Lin et al., Focal Loss for Dense Object Detection, 2017, https://arxiv.org/abs/1708.02002
    """

    alpha = Number(0.25, low=0, per="class")
    gamma = Number(2.0, low=0, per="class")
    class_weight = Number(None, low=0, per="class", keyword=True)
    ignore_class = Integer(None, keyword=True)
    labels = "indices"
    by_rows = True

    def formula(self, p):
        return _focal(p, self)


def _focal(p, loss):
    """-w α (1 - p)^γ log p, for each class."""
    factor = modulating_factor(p.one_minus_p, p.per_class(loss.gamma))
    return multiply_optional(-p.per_class(loss.alpha) * factor * p.log_p, p.per_class(loss.class_weight))


@register
class AsymmetricSingleLabel(Categorical):
    """The asymmetric loss for one class out of several: the label's term focused by γ₊, all others by γ₋.

        loss = -Σ_c w_c y'_c log p_c,   w_c = (1 - p_c)^γ₊ for the label, p_c^γ₋ for the others

    y' is the smoothed label; without smoothing only the label's term is left, and the loss is focal with γ₊. (For
    soft labels both the base, 1 - y p - (1 - y)(1 - p), and the power are mixed by y.)

    Args:
        gamma_pos: γ₊ >= 0.
        gamma_neg: γ₋ >= 0.
        from_logits, axis, reduction, name, dtype: as in `CategoricalCrossentropy`.
        label_smoothing: ε in [0, 1], 0.1 as in the authors' code. It does not enter w.

    Shapes: y_pred `(n, ..., classes)`; y_true alike (one-hot or soft), or class indices without that axis.

    Raises:
        ValueError: for an option out of its range, shapes that do not fit, labels that are no class.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.AsymmetricSingleLabel(label_smoothing=0.2)
    >>> round(float(loss([1], [[0.5, 0.5]])), 4)  # (0.9 + 0.1 / 16) log 2
    0.6282

    Reference: Ridnik et al., 2020, https://arxiv.org/abs/2009.14119, the authors' single-label form
    """

    gamma_pos = Number(0.0, low=0)
    gamma_neg = Number(4.0, low=0)
    label_smoothing = Number(0.1, low=0, high=1)

    def compute(self, batch):
        p = categorical(batch.y_pred, batch.from_logits, batch.axis)
        y = one_hot(batch.y_true, p.log_p, batch.axis)
        unlikely = y * p.one_minus_p + (1 - y) * ops.exp(p.log_p)
        factor = modulating_factor(unlikely, self.gamma_pos * y + self.gamma_neg * (1 - y))
        return batch.values(expected(-factor * p.log_p, y, self.label_smoothing, batch.axis))
