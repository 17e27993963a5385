"""How well regions agree over a whole data set: `DiceScore` and `IoUScore`, from logits or probabilities."""

import math
from typing import Any, Literal

import keras
from keras import ops

from keras_lossbox.core import host
from keras_lossbox.core.construction import names_in_errors
from keras_lossbox.core.options import Choice, Flag, Integer, Number
from keras_lossbox.core.registry import PACKAGE, snake_case
from keras_lossbox.functions.elementary import divide_no_nan
from keras_lossbox.functions.labels import one_hot
from keras_lossbox.losses.overlap.layout import Layout, pixel_weights
from keras_lossbox.losses.overlap.regions import Jaccard


class RegionScore(keras.metrics.Metric):
    """What the two have in common: the regions that are predicted, and three counts of pixels for each class."""

    mode = Choice("binary", "multilabel", "multiclass")
    from_logits = Flag(False)
    threshold = Number(0.5, low=0, high=1)
    average = Choice("macro", "micro", None, default="macro")
    include_background = Flag(True)
    ignore_class = Integer(None)

    def __init__(
        self,
        mode: Literal["binary", "multilabel", "multiclass"] = "binary",
        from_logits: bool = False,
        name: str | None = None,
        dtype: Any = None,
        *,
        threshold: float = 0.5,
        average: Literal["macro", "micro"] | None = "macro",
        include_background: bool = True,
        ignore_class: int | None = None,
    ) -> None:
        super().__init__(name=name or snake_case(type(self).__name__), dtype=dtype)
        with names_in_errors(type(self).__name__):
            self.mode = mode
            self.from_logits = from_logits
            self.threshold = threshold
            self.average = average
            self.include_background = include_background
            self.ignore_class = ignore_class
            self._loss = self._loss_of_regions()
        self.counts: Any = None  # until the number of classes is seen

    def _loss_of_regions(self):
        """The loss of these regions, which reads labels, weights and masks as the metric does."""
        options = {name: getattr(self, name) for name in ("from_logits", "ignore_class", "include_background")}
        return Jaccard(self.mode, **options)

    @host.as_written
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch."""
        with names_in_errors(type(self).__name__):
            batch = self._loss.prepare(y_true, y_pred, sample_weight)
            y, found = one_hot(batch.y_true, batch.y_pred, -1), self._found(batch)
            one_region = self.mode == "binary"
            layout = Layout(True, one_region, pixel_weights(batch.valid, batch.weights, found))
            counts = ops.stack([ops.sum(layout.sums(x), 0) for x in (y * found, found, y)])
            if batch.invalid is not None:
                counts = ops.where(ops.any(batch.invalid), float("nan"), counts)
            if self.counts is None:
                self.counts = self._zeros(1 if one_region else found.shape[-1])
        self.counts.assign_add(ops.cast(counts, self.dtype))

    def _zeros(self, classes):
        if classes is None:
            raise ValueError("y_pred must have a last axis, that of the classes, of a known size")
        return self.add_variable((3, classes), initializer="zeros", dtype=self.dtype, name="counts")

    def _found(self, batch):
        """1 where a pixel is predicted to be of a class, else 0."""
        y_pred = batch.y_pred
        if self.mode == "multiclass":
            return one_hot(ops.argmax(y_pred, -1), y_pred, -1)
        threshold = self.threshold
        if batch.from_logits:
            threshold = (
                math.log(threshold) - math.log1p(-threshold) if 0 < threshold < 1 else math.inf * (threshold - 0.5)
            )
        return ops.cast(y_pred > threshold, y_pred.dtype)

    def result(self) -> Any:
        """The score of everything added since the last reset; 0 before."""
        if self.counts is None:
            return ops.zeros((), self.dtype)
        common, found, true = ops.unstack(self.counts.value)
        if self.average == "micro":
            counted = self._counted(true)
            common, found, true = (ops.sum(ops.where(counted, x, 0)) for x in (common, found, true))
            return divide_no_nan(*self.fraction(common, found, true))
        scores = divide_no_nan(*self.fraction(common, found, true))
        occurs = ops.logical_and(self._counted(true), found + true > 0)
        if self.average is None:
            return ops.where(occurs, scores, float("nan"))
        total = ops.sum(ops.where(occurs, scores, 0))
        mean = divide_no_nan(total, ops.sum(ops.cast(occurs, total.dtype)))
        return ops.where(ops.any(ops.isnan(common)), float("nan"), mean)

    def _counted(self, like):
        """Which classes the score is of."""
        counted = ops.ones_like(like, dtype="bool")
        for label in self._loss.left_out:
            counted = ops.logical_and(counted, ops.arange(like.shape[0]) != label)
        return counted

    def fraction(self, common: Any, found: Any, true: Any) -> tuple[Any, Any]:
        """Numerator and denominator of the score of a class."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Every option with its value."""
        names = ("mode", "from_logits", "name", "dtype", "threshold", "average", "include_background", "ignore_class")
        return {name: getattr(self, name) for name in names}


@keras.saving.register_keras_serializable(PACKAGE)
class DiceScore(RegionScore):
    """The Dice score, which is F1, of the regions that are predicted, over all pixels seen.

        result = 2 TP / (2 TP + FP + FN) of each class, then their mean

    What the loss `Dice` is for, counted in whole pixels: a pixel is of the region or not. Pixels are counted over the
    whole data set, so that the sizes of the batches do not matter, and an empty picture with no prediction neither
    helps nor harms.

    Args:
        mode: "binary": each value of y_pred is a pixel of one region; "multilabel" and "multiclass": the last axis of
            y_pred are classes, of which a pixel may have any number, or has one: the largest.
        from_logits: whether y_pred are logits, and not probabilities.
        name: by default "dice_score".
        dtype: of the counts; `keras.config.floatx()` by default.
        threshold: the probability above which a pixel is of a region, in [0, 1]. Without effect on "multiclass".
        average: "macro": the mean over the classes that occur in labels or predictions; "micro": of all counts
            together; None: one number for each class, NaN where it does not occur.
        include_background: False leaves out class 0.
        ignore_class: pixels with this label do not count, such as 255. Nor does the class of this index.

    Shapes: those of the losses of overlap. Labels of "multiclass" are integers `(n, ...)` or one-hot. Weights fit the
        pixels from the left.

    Raises:
        ValueError: for an option out of its range, shapes that do not fit, a label out of its range.

    Example:

    >>> import keras_lossbox
    >>> metric = keras_lossbox.DiceScore("multiclass", from_logits=True, ignore_class=255)
    >>> metric.update_state([[0, 1, 255]], [[[2.0, 0.0], [1.0, 0.0], [0.0, 5.0]]])
    >>> round(float(metric.result()), 4)  # 2/3 for class 0, 0 for class 1
    0.3333

    Reference: Dice, Measures of the amount of ecologic association between species, 1945
    """

    def fraction(self, common: Any, found: Any, true: Any) -> tuple[Any, Any]:
        """2 TP, and 2 TP + FP + FN."""
        return 2 * common, found + true


@keras.saving.register_keras_serializable(PACKAGE)
class IoUScore(RegionScore):
    """Intersection over union, the Jaccard index, of the regions that are predicted, over all pixels seen.

        result = TP / (TP + FP + FN) of each class, then their mean

    The number of `keras.metrics.MeanIoU` for "multiclass", and of `BinaryIoU` for class 1 alone, which read no logits
    of yes/no regions. What the loss `Jaccard` is for, counted in whole pixels.

    Args:
        mode, from_logits, name, dtype, threshold, average, include_background, ignore_class: see `DiceScore`.

    Shapes: as for `DiceScore`.

    Raises:
        ValueError: for an option out of its range, shapes that do not fit, a label out of its range.

    Example:

    >>> import keras_lossbox
    >>> metric = keras_lossbox.IoUScore(from_logits=True)
    >>> metric.update_state([[1.0, 1.0, 0.0, 0.0]], [[3.0, -1.0, 2.0, -4.0]])
    >>> round(float(metric.result()), 4)  # one of three pixels
    0.3333

    Reference: Jaccard, The distribution of the flora in the alpine zone, 1912
    """

    def fraction(self, common: Any, found: Any, true: Any) -> tuple[Any, Any]:
        """TP, and TP + FP + FN."""
        return common, found + true - common
