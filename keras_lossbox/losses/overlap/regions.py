"""Losses of overlap that need only three sums for each region: Σpy, Σp and Σy."""

from keras import ops

from keras_lossbox.core.options import Axes, Choice, Flag, Number
from keras_lossbox.core.registry import register
from keras_lossbox.functions.elementary import ratio, safe_power
from keras_lossbox.losses.overlap.base import Overlap


@register
class Dice(Overlap, positional=("reduction", "name", "axis", "dtype")):
    """One minus the Dice score, for segmentation: twice what two regions share, divided by their sizes.

        loss = Σ_c w_c ℓ_c / Σ_c w_c,   ℓ = 1 - (2 Σ p y + s) / (Σ p + Σ y + s)

    The sums go over the pixels of the whole batch, as in `keras.losses.Dice`, of which it is a drop-in superset.
    (Keras's single number loses masks and sample weights; an empty mask predicted empty has a loss of 1.) With
    `per_sample=True` they go over those of a sample, so that a small region has the same weight as a large one.

    A class that neither labels nor prediction have has a loss of 0. If only the labels lack it, its loss is 1 whatever
    the prediction, without a gradient. Where that happens often (`per_sample=True`, and many samples without a region),
    add a cross-entropy, or leave the region out there with `classes="present"`.

    Args:
        reduction, name, dtype: see `Loss`.
        axis: Keras's option, in place of `mode` and `per_sample`, which is not looked at then: the axes to sum over.
            All but the first, or all but the first and the last (the classes); with the first they sum over the batch.
        mode: `"binary"`: one region, all entries of a sample are its pixels; `"multilabel"`: the last axis holds
            regions that may overlap; `"multiclass"`: it holds classes that exclude each other.
        from_logits: True if y_pred is logits (of a sigmoid, or in multiclass mode a softmax), False for probabilities.
        smooth: s >= 0, added to numerator and denominator. With 0 two empty regions agree.
        squared: True for Σ p² and Σ y² in the denominator, as in the paper.
        log_loss: True for -log(1 - ℓ) in place of ℓ; a score below 1e-7 (`keras.config.epsilon()`) is taken for 1e-7.
        intersection: `"product"`, or `"minimum"` for Σ min(p, y) in place of Σ p y. At hard labels they are equal; of
            soft ones (a mean of several raters) the product is best where p is 0 or 1, the minimum where p = y (Wang
            et al., 2023, https://arxiv.org/abs/2303.16296). Not with `squared`.
        per_sample: False takes the sums over the batch (over all replicas of `tf.distribute`), whose value every
            sample then has; True for one value for each sample.
        classes: `"all"`, `"present"` to leave out of the mean what the labels of the sample (or batch) lack, or a list
            of the classes that are in it.
        class_weight: w >= 0, one number for each class.
        ignore_class: the label of pixels that are masked, often -1 or 255. If it is a class, that is left out of
            the mean. (One-hot pixels: those of that class.)
        include_background: False leaves class 0 out of the mean.

    Shapes: y_pred `(n, ...)` or `(n, ..., classes)`, y_true alike; in multiclass mode one-hot, or class indices
        `(n, ...)` or `(n, ..., 1)`. Sample weights multiply pixels inside the sums: `(n,)` those of a sample,
        `(n, height, width)` each by itself. With `per_sample=True` `(n,)` multiply the values of samples.

    Raises:
        ValueError: for an option out of its range, shapes that do not fit, labels that are no class, or options of
            classes in binary mode.

    Example:

    >>> import keras_lossbox
    >>> mask, prediction = [[[0, 0, 1], [0, 1, 1]]], [[[0.0, 0.5, 1.0], [0.0, 0.5, 1.0]]]
    >>> round(float(keras_lossbox.Dice()(mask, prediction)), 4)  # 1 - 2 * 2.5 / (3 + 3)
    0.1667

    Reference: Milletari, Navab and Ahmadi, V-Net, 2016, https://arxiv.org/abs/1606.04797
    """

    smooth = Number(0.0, low=0, keyword=True)
    squared = Flag(False, keyword=True)
    log_loss = Flag(False, keyword=True)
    intersection = Choice("product", "minimum", keyword=True)
    axis = Axes(None)

    def index(self, sums):
        return ratio(2 * sums.common + self.smooth, sums.predicted + sums.true + self.smooth)


EXPONENTS = {"square": 2, "simple": 1, "uniform": 0}  # of the rarity, in the weights of `GeneralizedDice`


@register
class GeneralizedDice(Overlap):
    """`Dice` of all classes at once, each weighted by one over the square of its size in the labels.

        loss = 1 - (2 Σ_c w_c Σ p_c y_c + s) / (Σ_c w_c (Σ p_c + Σ y_c) + s),   w_c = (min_k Σ y_k / Σ y_c)²

    A pixel of a rare class has more weight than one of a frequent class. A class that the labels lack has the weight of
    the smallest that they have, so that predicting it costs. (The weights of the paper, 1/(Σ y_c)², differ by a factor
    that cancels, except that here `smooth` is in units of pixels of the smallest class.)

    Args:
        mode, from_logits, reduction, name, dtype, per_sample, smooth, squared, log_loss, intersection: see `Dice`.
        classes, class_weight, ignore_class, include_background: see `Dice`; `class_weight` multiplies w_c.
        weight: `"square"`, as above; `"simple"`: min_k Σ y_k / Σ y_c, one over the size; `"uniform"`: 1, so that each
            pixel of every class counts alike.

    Shapes: as for `Dice`.

    Raises:
        ValueError: as `Dice`.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.GeneralizedDice("multiclass")
    >>> pixels = [[[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]]]
    >>> float(loss([[0, 0, 1]], pixels))  # weights 1/4 and 1: 1 - 2 (1/4 + 1/2) / (3.5/4 + 2.5)
    0.5555555820465088

    Reference: Sudre et al., Generalised Dice overlap, 2017, https://arxiv.org/abs/1707.03237
    """

    smooth = Number(0.0, low=0, keyword=True)
    squared = Flag(False, keyword=True)
    log_loss = Flag(False, keyword=True)
    intersection = Choice("product", "minimum", keyword=True)
    weight = Choice("square", "simple", "uniform", keyword=True)

    def loss_of_sums(self, sums, y):
        present = sums.true > 0
        weights = self.class_weights(present, y)
        counted = ops.logical_and(present, weights > 0)
        smallest = ops.min(ops.where(counted, sums.true, float("inf")), -1, keepdims=True, initial=float("inf"))
        rarity = ops.where(counted, smallest, 1) / ops.where(counted, sums.true, 1)
        weights = ops.stop_gradient(rarity ** EXPONENTS[self.weight]) * weights
        common, sizes = (ops.sum(weights * x, -1) for x in (sums.common, sums.predicted + sums.true))
        return self.loss_of_index(ratio(2 * common + self.smooth, sizes + self.smooth))


@register
class Jaccard(Overlap):
    """One minus the Jaccard index, or intersection over union, for segmentation.

        loss = Σ_c w_c ℓ_c / Σ_c w_c,   ℓ = 1 - (Σ p y + s) / (Σ p + Σ y - Σ p y + s)

    With d the Dice loss of the same sums it is 2d / (1 + d): the same order of predictions, with more weight on bad
    ones. For a surrogate of the index of hard predictions see `LovaszSoftmax`.

    Args:
        mode, from_logits, reduction, name, dtype, per_sample, smooth, squared, log_loss, intersection: see `Dice`.
        classes, class_weight, ignore_class, include_background: see `Dice`.

    Shapes: as for `Dice`.

    Raises:
        ValueError: as `Dice`.

    Example:

    >>> import keras_lossbox
    >>> mask, prediction = [[[0, 0, 1], [0, 1, 1]]], [[[0.0, 0.5, 1.0], [0.0, 0.5, 1.0]]]
    >>> round(float(keras_lossbox.Jaccard()(mask, prediction)), 4)  # 1 - 2.5 / 3.5
    0.2857

    Reference: Rahman and Wang, Optimizing Intersection-Over-Union in Deep Neural Networks for Image Segmentation, 2016,
    https://doi.org/10.1007/978-3-319-50835-1_22
    """

    smooth = Number(0.0, low=0, keyword=True)
    squared = Flag(False, keyword=True)
    log_loss = Flag(False, keyword=True)
    intersection = Choice("product", "minimum", keyword=True)

    def index(self, sums):
        union = sums.predicted + sums.true - sums.common
        return ratio(sums.common + self.smooth, union + self.smooth)


@register
class Tversky(Overlap, positional=("alpha", "beta", "reduction", "name", "axis", "dtype")):
    """One minus the Tversky index, for segmentation where false positives and false negatives cost differently.

        loss = Σ_c w_c ℓ_c / Σ_c w_c,   ℓ = 1 - (TP + s) / (TP + α FP + β FN + s)
        TP = Σ p y,   FP = Σ p (1 - y),   FN = Σ (1 - p) y

    α = β = 1/2 is `Dice` (with half its smoothing), α = β = 1 is `Jaccard`. A β above α finds more of small regions.
    A drop-in superset of `keras.losses.Tversky` where that follows the paper (up to Keras 3.15 α and β are
    exchanged).

    Args:
        alpha: α >= 0, the cost of false positives.
        beta: β >= 0, the cost of false negatives.
        reduction, name, axis, dtype, mode, from_logits, smooth, log_loss, intersection, per_sample: see `Dice`.
        classes, class_weight, ignore_class, include_background: see `Dice`.

    Shapes: as for `Dice`.

    Raises:
        ValueError: as `Dice`.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.Tversky(alpha=0.25, beta=0.75)
    >>> round(float(loss([[1, 1, 0, 0]], [[1.0, 0.0, 0.0, 0.0]])), 4)  # 1 - 1 / (1 + 0.75)
    0.4286

    Reference: Salehi, Erdogmus and Gholipour, 2017, https://arxiv.org/abs/1706.05721
    """

    alpha = Number(0.5, low=0)
    beta = Number(0.5, low=0)
    smooth = Number(0.0, low=0, keyword=True)
    log_loss = Flag(False, keyword=True)
    intersection = Choice("product", "minimum", keyword=True)
    axis = Axes(None)

    def index(self, sums):
        return tversky_index(sums, self)


@register
class FocalTversky(Overlap):
    """`Tversky` to a power, for segmentation of small regions: classes that are still bad get more weight, or less.

        loss = Σ_c w_c ℓ_c^γ / Σ_c w_c,   ℓ of `Tversky`

    The authors' exponent is 1/γ' with γ' = 4/3, hence 0.75, and their α is the cost of false negatives, β here. An
    exponent below 1 keeps a large gradient near the end of training, one above 1 concentrates on bad classes. With
    `log_loss` it is (-log score)^γ, the region's part of the exponential logarithmic loss (Wong 2018).

    Args:
        alpha: α >= 0, the cost of false positives.
        beta: β >= 0, the cost of false negatives.
        gamma: γ > 0, the exponent; it is taken for each class, before the mean.
        mode, from_logits, reduction, name, dtype, smooth, log_loss, intersection, per_sample: see `Dice`.
        classes, class_weight, ignore_class, include_background: see `Dice`.

    Shapes: as for `Dice`.

    Raises:
        ValueError: as `Dice`.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.FocalTversky(alpha=1.0, beta=1.0, gamma=2.0)
    >>> float(loss([[1, 1, 0, 0]], [[1.0, 0.0, 0.0, 0.0]]))  # (1 - 1/2)²
    0.25

    Reference: Abraham and Khan, 2018, https://arxiv.org/abs/1810.07842
    """

    alpha = Number(0.3, low=0)
    beta = Number(0.7, low=0)
    gamma = Number(0.75, low=0, above=True)
    smooth = Number(0.0, low=0, keyword=True)
    log_loss = Flag(False, keyword=True)
    intersection = Choice("product", "minimum", keyword=True)

    def index(self, sums):
        return tversky_index(sums, self)

    def loss_of_index(self, index):
        return safe_power(super().loss_of_index(index), self.gamma)


def tversky_index(sums, loss):
    """(TP + s) / (TP + α FP + β FN + s)."""
    false_pos, false_neg = sums.predicted - sums.common, sums.true - sums.common
    return ratio(sums.common + loss.smooth, sums.common + loss.alpha * false_pos + loss.beta * false_neg + loss.smooth)
