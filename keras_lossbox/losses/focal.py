"""Focal losses: cross-entropies that turn away from what is already right, for rare classes; by kind of data."""

from keras import ops

from keras_lossbox.core.options import Flag, Integer, Number
from keras_lossbox.core.registry import register
from keras_lossbox.functions.categorical import categorical
from keras_lossbox.functions.elementary import modulating_factor, multiply_optional
from keras_lossbox.functions.labels import expected, one_hot
from keras_lossbox.losses.binary import WeightedBinary
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
