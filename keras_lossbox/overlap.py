"""Losses of overlap for segmentation: how far a predicted region and the true one cover each other.

y_pred is `(n, ..., classes)` with any number of axes of pixels between, or for one region (`mode="binary"`) of any
shape `(n, ...)`. What the losses share is in `regions.py`; a loss here is what it makes of the sums over pixels, or of
the order of their errors.
"""

from keras import ops

from keras_lossbox import numerics
from keras_lossbox.base import register
from keras_lossbox.options import Choice, Number
from keras_lossbox.regions import OfProbabilities, Overlap, Regions, Squarable, WithAxis, ratio


@register
class Dice(WithAxis, Squarable):
    """One minus the Dice score, for segmentation: twice what two regions share, divided by their sizes.

        loss = Σ_c w_c ℓ_c / Σ_c w_c,   ℓ = 1 - (2 Σ p y + s) / (Σ p + Σ y + s)

    The sums go over the pixels of a sample, so that a small region counts as much as a large one. A drop-in superset of
    `keras.losses.Dice`, with one difference: Keras sums over the whole batch if no `axis` is given, which is
    `per_sample=False` here. (Its single number loses masks and sample weights; an empty mask predicted empty has a loss
    of 1.)

    A class that neither labels nor prediction have has a loss of 0. If only the labels lack it, its loss is 1 whatever
    the prediction, without a gradient. Where many samples lack a region, take `per_sample=False`, add a cross-entropy,
    or leave the region out there with `classes="present"`.

    Args:
        reduction, name, dtype: see `Loss`.
        axis: Keras's option, in place of `mode` and `per_sample`: the axes to sum over. All but the first, or all but
            the first and the last (the classes); with the first they sum over the batch.
        mode: `"binary"`: one region, all entries of a sample are its pixels; `"multilabel"`: the last axis holds
            regions that may overlap; `"multiclass"`: it holds classes that exclude each other.
        from_logits: True if y_pred is logits (of a sigmoid, or in multiclass mode a softmax), False for probabilities.
        smooth: s >= 0, added to numerator and denominator. With 0 two empty regions agree.
        squared: True for Σ p² and Σ y² in the denominator, as in the paper.
        log_loss: True for -log(1 - ℓ) in place of ℓ; a score below 1e-7 (`keras.config.epsilon()`) counts as that.
        per_sample: True for one value for each sample; False takes the sums over the batch (over all replicas of
            `tf.distribute`), whose value every sample then has.
        classes: `"all"`, or `"present"` to leave out of the mean what the labels of the sample (or batch) lack.
        class_weight: w >= 0, one number for each class.
        ignore_class: the label of pixels that count for nothing, often -1 or 255. If it is a class, that is left out of
            the mean. (One-hot pixels: those of that class.)
        include_background: False leaves class 0 out of the mean.

    Shapes: y_pred `(n, ...)` or `(n, ..., classes)`, y_true alike; in multiclass mode one-hot, or class indices
        `(n, ...)` or `(n, ..., 1)`. Sample weights `(n,)` multiply the values of samples; weights with axes of pixels,
        `(n, height, width)` for example, multiply pixels inside the sums. `per_sample=False` has all weights inside.

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

    def __init__(self, reduction="sum_over_batch_size", name=None, axis=None, dtype=None, **options):
        super().__init__(reduction=reduction, name=name, axis=axis, dtype=dtype, **options)

    def score(self, common, predicted, true):
        return ratio(2 * common + self.smooth, predicted + true + self.smooth)


@register
class GeneralizedDice(Squarable):
    """`Dice` of all classes at once, each weighted by one over the square of its size in the labels.

        loss = 1 - (2 Σ_c w_c Σ p y + s) / (Σ_c w_c (Σ p + Σ y) + s),   w_c = (smallest Σ y / Σ_c y)²

    A pixel of a rare class counts more than one of a frequent class. A class that the labels lack has the weight of
    the smallest that they have, so that predicting it costs. (The weights of the paper, 1/(Σ_c y)², differ by a factor
    that cancels, except that here `smooth` is in units of pixels of the smallest class.)

    Args:
        mode, from_logits, reduction, name, dtype, per_sample, smooth, squared, log_loss: see `Dice`.
        classes, class_weight, ignore_class, include_background: see `Dice`; `class_weight` multiplies w_c.

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

    def __init__(
        self,
        mode="binary",
        from_logits=False,
        reduction="sum_over_batch_size",
        name=None,
        dtype=None,
        **options,
    ):
        super().__init__(mode, from_logits, reduction, name, dtype, **options)

    def loss(self, common, predicted, true, y_pred):
        present = true > 0
        weights = self.weights_of_classes(present, y_pred)
        counted = ops.logical_and(present, weights > 0)
        smallest = ops.min(ops.where(counted, true, float("inf")), -1, keepdims=True, initial=float("inf"))
        rarity = ops.where(counted, ops.square(ops.where(counted, smallest, 1) / ops.where(counted, true, 1)), 1)
        weights = ops.stop_gradient(rarity) * weights
        common, sizes = (ops.sum(weights * x, -1) for x in (common, predicted + true))
        return self.of_score(ratio(2 * common + self.smooth, sizes + self.smooth))


@register
class Jaccard(Squarable):
    """One minus the Jaccard index, or intersection over union, for segmentation.

        loss = Σ_c w_c ℓ_c / Σ_c w_c,   ℓ = 1 - (Σ p y + s) / (Σ p + Σ y - Σ p y + s)

    With d the Dice loss of the same sums it is 2d / (1 + d): the same order of predictions, with more weight on bad
    ones. For a surrogate of the index of hard predictions see `LovaszSoftmax`.

    Args:
        mode, from_logits, reduction, name, dtype, per_sample, smooth, squared, log_loss: see `Dice`.
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

    def __init__(
        self,
        mode="binary",
        from_logits=False,
        reduction="sum_over_batch_size",
        name=None,
        dtype=None,
        **options,
    ):
        super().__init__(mode, from_logits, reduction, name, dtype, **options)

    def score(self, common, predicted, true):
        return ratio(common + self.smooth, predicted + true - common + self.smooth)


@register
class Tversky(WithAxis):
    """One minus the Tversky index, for segmentation where false positives and misses cost differently.

        loss = Σ_c w_c ℓ_c / Σ_c w_c,   ℓ = 1 - (TP + s) / (TP + α FP + β FN + s)
        TP = Σ p y,   FP = Σ p (1 - y),   FN = Σ (1 - p) y

    α = β = 1/2 is `Dice` (with half its smoothing), α = β = 1 is `Jaccard`. A β above α finds more of small regions.
    A drop-in superset of `keras.losses.Tversky` where that follows the paper (in Keras 3.9 to 3.15 α and β are
    exchanged), with the difference of `Dice`: Keras's sums over the batch are `per_sample=False`.

    Args:
        alpha: α >= 0, the cost of false positives.
        beta: β >= 0, the cost of misses.
        reduction, name, axis, dtype, mode, from_logits, smooth, log_loss, per_sample: see `Dice`.
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

    alpha = Number(0)
    beta = Number(0)

    def __init__(
        self, alpha=0.5, beta=0.5, reduction="sum_over_batch_size", name=None, axis=None, dtype=None, **options
    ):
        super().__init__(reduction=reduction, name=name, axis=axis, dtype=dtype, **options)
        self.alpha = alpha
        self.beta = beta

    def score(self, common, predicted, true):
        return _tversky_index(self, common, predicted, true)


@register
class FocalTversky(Regions):
    """`Tversky` to a power, for segmentation of small regions: classes that are still bad count more, or less.

        loss = Σ_c w_c ℓ_c^γ / Σ_c w_c,   ℓ of `Tversky`

    The authors' exponent is 1/γ' with γ' = 4/3, hence 0.75, and their α is the cost of misses, β here. An exponent
    below 1 keeps a large gradient near the end of training, one above 1 concentrates on bad classes. With `log_loss`
    it is (-log score)^γ, the region's part of the exponential logarithmic loss (Wong 2018).

    Args:
        alpha: α >= 0, the cost of false positives.
        beta: β >= 0, the cost of misses.
        gamma: γ > 0, the exponent; it is taken for each class, before the mean.
        mode, from_logits, reduction, name, dtype, smooth, log_loss, per_sample: see `Dice`.
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

    alpha = Number(0)
    beta = Number(0)
    gamma = Number(0, above=True)

    def __init__(
        self,
        alpha=0.3,
        beta=0.7,
        gamma=0.75,
        mode="binary",
        from_logits=False,
        reduction="sum_over_batch_size",
        name=None,
        dtype=None,
        **options,
    ):
        super().__init__(mode, from_logits, reduction, name, dtype, **options)
        self.alpha = alpha
        self.beta = beta
        self.gamma = gamma

    def score(self, common, predicted, true):
        return _tversky_index(self, common, predicted, true)

    def of_score(self, score):
        return numerics.safe_power(super().of_score(score), self.gamma)


def _tversky_index(loss, common, predicted, true):
    wrong, missed = predicted - common, true - common
    return ratio(common + loss.smooth, common + loss.alpha * wrong + loss.beta * missed + loss.smooth)


@register
class LovaszSoftmax(OfProbabilities):
    """The Lovász extension of the Jaccard loss, for segmentation: optimises intersection over union itself.

        loss = Σ_c w_c ℓ_c / Σ_c w_c,   ℓ = Σ_i e_i (J_i - J_{i-1}),   e = |y - p| in descending order,
        J_i = the Jaccard loss if exactly the first i pixels were wrong

    At hard predictions it is the Jaccard loss of them, between them it interpolates, linearly as long as the order of
    the errors stays. It needs a sort of the pixels; the authors fine-tune with it after cross-entropy, or add the two.
    The gradient follows the errors; the order is constant.

    Args:
        mode: see `Dice`; the paper's is `"multiclass"`.
        from_logits, reduction, name, dtype, class_weight, ignore_class, include_background: see `Dice`.
        per_sample: True for one value for each sample; False sorts the pixels of the batch together (under
            `tf.distribute`, of each replica).
        classes: `"present"`, the authors' choice, leaves out of the mean what the labels lack; `"all"` counts there
            the largest probability.

    Shapes: as for `Dice`. Weights of pixels weigh them inside J.

    Raises:
        ValueError: as `Dice`.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.LovaszSoftmax()
    >>> float(loss([[0, 1]], [[[0.75, 0.25], [0.5, 0.5]]]))  # the mean of 3/8 and 1/2
    0.4375

    Reference: Berman, Rannen Triki and Blaschko, The Lovász-Softmax loss, 2018, https://arxiv.org/abs/1705.08790
    """

    def __init__(
        self,
        mode="multiclass",
        from_logits=False,
        reduction="sum_over_batch_size",
        name=None,
        dtype=None,
        *,
        classes="present",
        **options,
    ):
        super().__init__(mode, from_logits, reduction, name, dtype, classes=classes, **options)

    def call(self, y_true, y_pred, from_logits, mask, sample_weight):
        p = self.probabilities(y_pred, from_logits)
        y = self.one_hot(y_true, p)
        return _lovasz_extension(self, y, ops.abs(y - p), y_pred, mask, sample_weight)


@register
class LovaszHinge(Overlap):
    """The Lovász extension of the Jaccard loss with hinge errors, for segmentation of one region from logits.

        loss = Σ_i max(e_i, 0) (J_i - J_{i-1}),   e = 1 - z (2y - 1) in descending order,   J as in `LovaszSoftmax`

    As every hinge it is 0 only beyond a margin of 1 and grows without bound.

    Args:
        mode: `"binary"`, or `"multilabel"` for the class-weighted mean over regions that may overlap.
        reduction, name, dtype, class_weight, ignore_class, include_background: see `Dice`.
        per_sample, classes: see `LovaszSoftmax`; by default all classes count.

    Shapes: as for `Dice`; y_pred is logits.

    Raises:
        ValueError: as `Dice`, and for mode="multiclass".

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.LovaszHinge()
    >>> float(loss([[1, 0]], [[0.5, -3.0]]))  # errors 1/2 and -2
    0.5

    Reference: Berman, Rannen Triki and Blaschko, The Lovász-Softmax loss, 2018, https://arxiv.org/abs/1705.08790
    """

    mode = Choice("binary", "multilabel")

    def __init__(self, mode="binary", reduction="sum_over_batch_size", name=None, dtype=None, **options):
        super().__init__(mode, reduction, name, dtype, **options)

    def call(self, y_true, y_pred, mask, sample_weight):
        errors = 1 - y_pred * (2 * y_true - 1)
        return _lovasz_extension(self, y_true, ops.where(errors < 0, 0, errors), y_pred, mask, sample_weight)


def _lovasz_extension(loss, y, errors, y_pred, mask, sample_weight):
    """The Lovász extension of the Jaccard loss at `errors` >= 0, for each sample; what does not count weighs 0."""
    kept = ops.ones_like(y) if mask is None else ops.cast(mask, y.dtype) * ops.ones_like(y)
    kept = kept if sample_weight is None else kept * sample_weight
    y, errors, weights = (loss.pixels_by_class(x) for x in (y, errors, kept))  # (n, pixels, classes)
    order = ops.argsort(-ops.stop_gradient(errors), 1)
    y, errors, weights = (ops.take_along_axis(x, order, 1) for x in (y, errors, weights))
    size = ops.sum(weights * y, 1, keepdims=True)
    common = size - ops.cumsum(weights * y, 1)  # of the pixels that are right, when the first ones are wrong
    outside = weights * (1 - y)
    union = size + ops.cumsum(outside, 1)
    # J_i - J_(i-1), each by itself: as a difference of neighbours it would have no digits in float32 on large images.
    steps = weights * (y + (1 - y) * ratio(common, union - outside)) / ops.where(ops.equal(union, 0), 1, union)
    losses = ops.sum(errors * ops.stop_gradient(steps), 1)
    return loss.for_each_sample(loss.mean_over_classes(losses, size[:, 0] > 0, y_pred), y_pred)
