"""What the losses of overlap share: regions, the pixels and classes that count, the sums over pixels, their mean."""

import keras
from keras import ops

from keras_lossbox import numerics, shapes
from keras_lossbox.base import Loss
from keras_lossbox.options import Axes, Choice, Flag, Integer, Number
from keras_lossbox.reduction import across_replicas


class Overlap(Loss):
    """What losses of overlap share: what is a region, which pixels and classes count, and the mean over classes."""

    mode = Choice("binary", "multilabel", "multiclass")
    per_sample = Flag()
    classes = Choice("all", "present")
    class_weight = Number(0, per="class", optional=True)
    ignore_class = Integer(optional=True)
    include_background = Flag()

    axis = None  # for Keras's option of this name, see `Dice`
    removed_axis = None  # weights and masks fit y_pred itself

    def __init__(
        self,
        mode,
        reduction="sum_over_batch_size",
        name=None,
        dtype=None,
        *,
        per_sample=True,
        classes="all",
        class_weight=None,
        ignore_class=None,
        include_background=True,
    ):
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.mode = mode
        self.per_sample = per_sample
        self.classes = classes
        self.class_weight = class_weight
        self.ignore_class = ignore_class
        self.include_background = include_background
        if mode == "binary" and (isinstance(self.class_weight, list) or not include_background):
            option = "include_background" if not include_background else "class_weight"
            raise ValueError(
                f'{type(self).__name__}: `{option}` needs mode="multilabel" or "multiclass": in mode="binary" there '
                f"is one region and no classes. Received: {option}={getattr(self, option)!r}"
            )

    def align(self, y_true, y_pred):
        kind = type(self).__name__
        if self.mode == "multiclass":
            return shapes.align_labels(kind, y_true, y_pred, -1)
        return shapes.align_values(kind, y_true, y_pred, ' For integer labels of several classes: mode="multiclass".')

    def compute_mask(self, y_true, y_pred):
        if self.ignore_class is None:
            return None
        if self.mode != "multiclass":
            return ops.not_equal(y_true, self.ignore_class)
        labels = y_true if len(y_true.shape) < len(y_pred.shape) else ops.argmax(y_true, -1)
        return ops.expand_dims(ops.not_equal(labels, self.ignore_class), -1)

    def weighs_inside(self, sample_weight):
        """Weights that differ between the pixels of a sample; over the batch, also those of whole samples."""
        one_number = len(sample_weight.shape) == 0
        return not one_number and (not self.by_sample() or any(size != 1 for size in sample_weight.shape[1:]))

    def by_sample(self):
        """Whether each sample is summed by itself."""
        return self.per_sample

    def is_one_region(self, rank):
        """Whether the last axis of y_pred, which has that many, holds pixels like the others, not classes."""
        return self.mode == "binary"

    def one_hot(self, y_true, y_pred):
        kind = type(self).__name__
        if len(y_true.shape) < len(y_pred.shape):
            return numerics.one_hot(kind, y_true, y_pred, -1)
        return numerics.check_fractions(kind, y_true)  # masks of 0 and 255 are the commonest mistake

    def pixels_by_class(self, x):
        """`x` of the shape of y_pred as (samples, pixels, classes), with a single sample for a whole batch."""
        classes = 1 if self.is_one_region(len(x.shape)) else shapes.sizes_of(x)[-1]
        return ops.reshape(x, (shapes.sizes_of(x)[0] if self.by_sample() else 1, -1, classes))

    def weights_of_classes(self, present, y_pred):
        """`(n, classes)`: what each class counts, where `present` says which classes the labels have."""
        weights = ops.ones_like(present, dtype=y_pred.dtype)
        if self.class_weight is not None:
            of_class = self.along("class_weight", y_pred)
            weights = weights * (ops.reshape(of_class, (1, -1)) if ops.is_tensor(of_class) else of_class)
        if self.classes == "present":
            weights = weights * ops.cast(present, y_pred.dtype)
        left_out = [] if self.include_background else [0]
        if self.mode == "multiclass" and self.ignore_class is not None:  # which may be a class, without pixels then
            left_out.append(self.ignore_class)
        for label in left_out:
            weights = weights * ops.cast(ops.arange(shapes.sizes_of(y_pred)[-1]) != label, y_pred.dtype)
        return weights

    def mean_over_classes(self, losses, present, y_pred):
        """Σ_c w_c ℓ_c / Σ_c w_c, for losses `(n, classes)`."""
        weights = self.weights_of_classes(present, y_pred)
        divisor = ops.sum(weights, -1)
        mean = ops.sum(weights * losses, -1) / ops.where(ops.equal(divisor, 0), 1, divisor)
        return ops.where(ops.any(ops.isnan(losses), -1), float("nan"), mean)  # XLA makes 0 of 0 * NaN

    def for_each_sample(self, values, y_pred):
        """One value for each sample, `(n,)`; that of a whole batch is the same for all of its samples."""
        return values if self.by_sample() else ops.broadcast_to(values, shapes.sizes_of(y_pred)[:1])


class OfProbabilities(Overlap):
    """What losses share that compare probabilities with labels, whichever y_pred is."""

    from_logits = Flag()

    def __init__(self, mode="binary", from_logits=False, reduction="sum_over_batch_size", *positional, **options):
        super().__init__(mode, reduction, *positional, **options)
        self.from_logits = from_logits

    def head_of(self, y_pred):
        return "softmax" if self.mode == "multiclass" else "sigmoid"

    def probabilities(self, y_pred, from_logits):
        if not from_logits:
            return y_pred
        return ops.softmax(y_pred, -1) if self.mode == "multiclass" else ops.sigmoid(y_pred)


class Regions(OfProbabilities):
    """What losses share that know of a region no more than three sums over its pixels."""

    smooth = Number(0)
    log_loss = Flag()

    def __init__(self, *positional, smooth=0.0, log_loss=False, **options):
        super().__init__(*positional, **options)
        self.smooth = smooth
        self.log_loss = log_loss

    def call(self, y_true, y_pred, from_logits, mask, sample_weight):
        p = self.probabilities(y_pred, from_logits)
        y = self.one_hot(y_true, p)
        counted = None if mask is None else ops.cast(mask, p.dtype)
        if sample_weight is not None:
            counted = sample_weight if counted is None else counted * sample_weight
        sums = self.over_pixels(p * y, counted), *(self.over_pixels(self.area(x), counted) for x in (p, y))
        return self.for_each_sample(self.loss(*across_replicas(sums) if not self.by_sample() else sums, y_pred), y_pred)

    def area(self, x):
        """What a pixel adds to the size of a region."""
        return x

    def over_pixels(self, x, counted):
        """The sums of `x` for each sample (or one, the batch) and class (or one, the region)."""
        x = x if counted is None else x * counted
        one_region, rank = self.is_one_region(len(x.shape)), len(x.shape)
        axes = tuple(range(1 if self.by_sample() else 0, rank if one_region else rank - 1))
        x = ops.sum(x, axes) if axes else x
        x = ops.expand_dims(x, -1) if one_region else x
        return x if self.by_sample() else ops.expand_dims(x, 0)

    def loss(self, common, predicted, true, y_pred):
        """A value for each sample from the sums `(n, classes)` of p·y, of p and of y."""
        return self.mean_over_classes(self.of_score(self.score(common, predicted, true)), true > 0, y_pred)

    def score(self, common, predicted, true):
        """How well the regions agree: 0 not at all, 1 entirely."""
        raise NotImplementedError

    def of_score(self, score):
        """The loss of a class with this score."""
        if not self.log_loss:
            return 1 - score
        return -ops.log(numerics.at_least(score, keras.config.epsilon()))  # so that training leaves a score of 0


class Squarable(Regions):
    """Losses whose regions may have the sizes Σp² and Σy² in place of Σp and Σy."""

    squared = Flag()

    def __init__(self, *positional, squared=False, **options):
        super().__init__(*positional, **options)
        self.squared = squared

    def area(self, x):
        return ops.square(x) if self.squared else x


class WithAxis(Regions):
    """Losses with the option `axis` of their namesakes in Keras: the axes that are summed over."""

    axis = Axes(optional=True)

    def __init__(self, *positional, axis=None, **options):
        super().__init__(*positional, **options)
        self.axis = axis
        if axis is not None and not self.per_sample:
            raise ValueError(
                f"{type(self).__name__}: `axis` says by itself whether samples are summed together; leave per_sample "
                f"at True. Received: axis={axis!r}, per_sample=False"
            )

    def by_sample(self):
        return self.per_sample if self.axis is None else 0 not in self.axis

    def is_one_region(self, rank):
        if self.axis is None:
            return super().is_one_region(rank)
        pixels = {axis % rank for axis in self.axis if axis != 0 and -rank < axis < rank}
        if len(pixels | {0}) == len(set(self.axis) | {0}) and pixels in (set(range(1, rank)), set(range(1, rank - 1))):
            return rank - 1 in pixels
        raise ValueError(
            f"{type(self).__name__}: `axis` must name all axes of y_pred but the first, or all but the first and the "
            f"last; with the first or without. Received: axis={self.axis}, y_pred with {rank} axes"
        )


def ratio(common, sizes):
    """common / sizes; two empty regions, with nothing to divide by, agree."""
    empty = ops.equal(sizes, 0)
    return ops.where(empty, 1, common / ops.where(empty, 1, sizes))
