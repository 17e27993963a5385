"""`Overlap`: which pixels are valid, which classes are in the mean, and the mean over classes."""

from typing import Any, NamedTuple

import keras
from keras import ops

from keras_lossbox.core import targets
from keras_lossbox.core.batch import Values
from keras_lossbox.core.loss import Loss
from keras_lossbox.core.options import Choice, ClassesOrChoice, Flag, Integer, Number
from keras_lossbox.functions.elementary import at_least, ordered, sizes_of
from keras_lossbox.functions.labels import one_hot
from keras_lossbox.losses.overlap.layout import Layout, pixel_weights


class Sums(NamedTuple):
    """Of each sample (or of the batch) and class, `(n, classes)`: Σpy, Σp and Σy."""

    common: Any
    predicted: Any
    true: Any


class Overlap(Loss):
    """The class-weighted mean of a loss for each class of each sample (or of the batch), from three sums over pixels.

    A loss gives the `index` of a region; one that needs more than the sums gives the `formula`.
    """

    mode = Choice("binary", "multilabel", "multiclass")
    from_logits = Flag(False)
    per_sample = Flag(False, keyword=True)
    classes = ClassesOrChoice("all", "present", keyword=True)
    class_weight = Number(None, low=0, per="class", keyword=True)
    ignore_class = Integer(None, keyword=True)
    include_background = Flag(True, keyword=True)
    jit_compile = False  # of the three sums XLA computes the exponentials anew each time

    squared = log_loss = False  # for losses without these options
    intersection = "product"
    most = 1.0  # the value of a region that is missed entirely (without `log_loss`)
    axis = None

    def __post_init__(self):
        of_classes = {
            "class_weight": isinstance(self.class_weight, tuple),
            "classes": isinstance(self.classes, tuple),
            "include_background": not self.include_background,
        }
        given = [name for name, is_given in of_classes.items() if is_given]
        if self.mode == "binary" and given:
            raise ValueError(
                f'`{given[0]}` needs mode="multilabel" or "multiclass": in mode="binary" there is one region and no '
                f"classes. Received: {given[0]}={getattr(self, given[0])!r}"
            )
        if self.squared and self.intersection == "minimum":
            raise ValueError(
                '`intersection="minimum"` is not for squares, to which Σ p y belongs. '
                f"Received: intersection={self.intersection!r}, squared={self.squared}"
            )

    def targets(self, y_pred):
        hint = ' For integer labels of several classes: mode="multiclass".'
        across = not self.by_sample
        return targets.Regions(mode=self.mode, from_logits=self.from_logits, across=across, hint=hint)

    def ignored(self, batch):
        if self.ignore_class is None:
            return None
        if self.mode != "multiclass":
            return ops.equal(batch.y_true, self.ignore_class)
        indices = len(batch.y_true.shape) < len(batch.y_pred.shape)
        labels = batch.y_true if indices else ops.argmax(batch.y_true, -1)
        return ops.expand_dims(ops.equal(labels, self.ignore_class), -1)

    def compute(self, batch):
        inside, outside, mask = self._split(batch)
        kept = pixel_weights(batch.valid, inside, batch.y_pred)
        layout = Layout(self.by_sample, self.is_one_region(len(batch.y_pred.shape)), kept)
        y = one_hot(batch.y_true, batch.y_pred, -1)
        values = layout.for_each_sample(self.formula(y, self.predicted(batch), layout), batch.y_pred)
        return Values(values, outside, mask)

    def predicted(self, batch):
        """What the formula compares with the labels: probabilities, whichever y_pred is."""
        if not batch.from_logits:
            return batch.y_pred
        return ops.softmax(batch.y_pred, -1) if self.mode == "multiclass" else ops.sigmoid(batch.y_pred)

    def formula(self, y, p, layout):
        """One value for each sample (or one, for the batch), from labels and predictions of the same shape."""
        areas = (ops.square(p), ops.square(y)) if self.squared else (p, y)
        common = ordered(p, y)[0] if self.intersection == "minimum" else p * y
        return self.loss_of_sums(Sums(*map(layout.sums, (common, *areas))), y)

    def loss_of_sums(self, sums, y):
        """The mean over classes of the loss of their indices."""
        return self.mean_over_classes(self.loss_of_index(self.index(sums)), sums.true > 0, y)

    def index(self, sums):
        """How well the regions agree: 0 not at all, 1 entirely."""
        raise NotImplementedError

    def loss_of_index(self, index):
        """1 - index, or its -log, with a gradient also at an index of 0."""
        return -ops.log(at_least(index, keras.config.epsilon())) if self.log_loss else 1 - index

    @property
    def by_sample(self):
        """Whether each sample is summed by itself."""
        return self.per_sample if self.axis is None else 0 not in self.axis

    @property
    def left_out(self):
        """The classes that are in no mean."""
        left_out = [] if self.include_background else [0]
        if self.mode == "multiclass" and self.ignore_class is not None:  # which may be a class, without pixels then
            left_out.append(self.ignore_class)
        return left_out

    def is_one_region(self, rank):
        """Whether the last axis of a y_pred with that many axes holds pixels like the others, not classes."""
        if self.axis is None:
            return self.mode == "binary"
        pixels = {axis % rank for axis in self.axis if axis != 0 and -rank < axis < rank}
        if len(pixels | {0}) == len(set(self.axis) | {0}) and pixels in (set(range(1, rank)), set(range(1, rank - 1))):
            return rank - 1 in pixels
        raise ValueError(
            "`axis` must name all axes of y_pred but the first, or all but the first and the last; with the first or "
            f"without. Received: axis={self.axis}, y_pred with {rank} axes"
        )

    def class_weights(self, present, y):
        """The weight of each class, `(n, classes)`, where `present` says which classes the labels have."""
        weights = ops.ones_like(present, dtype=y.dtype)
        if self.class_weight is not None:
            weights = weights * ops.convert_to_tensor(self.class_weight, y.dtype)
        if self.classes == "present":
            weights = weights * ops.cast(present, y.dtype)
        elif self.classes != "all":
            chosen = ops.equal(ops.expand_dims(ops.arange(sizes_of(y)[-1]), -1), ops.convert_to_tensor(self.classes))
            weights = weights * ops.cast(ops.any(chosen, -1), y.dtype)
        for label in self.left_out:
            weights = weights * ops.cast(ops.arange(sizes_of(y)[-1]) != label, y.dtype)
        return weights

    def mean_over_classes(self, losses, present, y):
        """Σ_c w_c ℓ_c / Σ_c w_c, for losses `(n, classes)`."""
        weights = self.class_weights(present, y)
        divisor = ops.sum(weights, -1)
        mean = ops.sum(weights * losses, -1) / ops.where(ops.equal(divisor, 0), 1, divisor)
        return ops.where(ops.any(ops.isnan(losses), -1), float("nan"), mean)  # XLA makes 0 of 0 * NaN

    def _split(self, batch):
        """What weighs pixels inside the sums; what multiplies values, one number for each sample, or for all; the mask.

        A sum over the batch has one value, so that all weights are inside.
        """
        weights, mask = batch.weights, batch.mask
        if weights is None or len(weights.shape) == 0:
            return None, weights, mask
        sizes = weights.shape[1:]
        if not self.by_sample or any(size not in (1, None) for size in sizes):
            return weights, None, batch.valid
        if None not in sizes:
            return None, weights, mask
        of_samples = ops.equal(ops.prod(ops.shape(weights)[1:]), 1)  # which only the run knows
        first = ops.reshape(ops.reshape(weights, (ops.shape(weights)[0], -1))[:, 0], (-1,) + (1,) * len(sizes))
        mask = ops.where(of_samples, True if mask is None else mask, batch.valid)
        return ops.where(of_samples, 1, weights), ops.where(of_samples, first, 1), mask
