"""Kinds of data that are numbers: the base of all kinds, several predictions of a label, parameters, times,
lists, images."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, ClassVar

from keras import ops

from keras_lossbox.core import host
from keras_lossbox.core.domain import Domain
from keras_lossbox.core.shapes import with_sizes


@dataclasses.dataclass(frozen=True)
class Real:
    """Real numbers: y_true and y_pred of one shape `(n, ..., outputs)`. `(n,)` and `(n, 1)` are aligned.

    The base of all kinds. `axis` is the axis of y_pred that the values of the loss lack, None where they lack none.
    `across`: whether a sample's value depends on the other samples of the batch. `low`, `high`, `above`: labels lie in
    [low, high], or in (low, high]; others are an error.
    """

    axis: int | None = -1
    from_logits: bool | None = None  # None where y_pred is neither logits nor probabilities
    across: bool = False
    hint: str = ""  # what to do about labels of another shape
    low: float = -math.inf
    high: float = math.inf
    above: bool = False

    activation: ClassVar[str | None] = None  # "sigmoid" or "softmax", if it makes such probabilities of such logits
    labels_of_sample: ClassVar[bool] = False  # whether labels are those of a sample, not those of entries of y_pred
    label_axis: ClassVar[int] = -1  # of y_pred: options with one number for each label or class run along it

    def label_count(self, y_pred: Any) -> int | None:
        """How many labels or classes y_pred has, or None where only the run knows it. A vector has one."""
        return 1 if len(y_pred.shape) < 2 else y_pred.shape[self.label_axis]

    def align(self, y_true: Any, y_pred: Any, sizes: Sequence[Any]) -> tuple[Any, Any, Sequence[Any]]:
        """Both in the shapes that a formula expects, and the sizes of y_pred. Two vectors are n samples, not one."""
        if len(sizes) == 0:
            raise ValueError("`y_pred` must have at least one axis, the samples. Received: a scalar")
        if len(y_true.shape) == len(sizes) + 1 and y_true.shape[-1] == 1:
            y_true = ops.squeeze(y_true, -1)
        elif len(y_true.shape) + 1 == len(sizes) and y_pred.shape[-1] == 1:
            y_true = ops.expand_dims(y_true, -1)
        y_true = ops.cast(with_sizes(y_true, y_pred, sizes, self.hint), y_pred.dtype)
        if len(sizes) > 1:
            return y_true, y_pred, sizes
        return ops.expand_dims(y_true, -1), ops.expand_dims(y_pred, -1), (*sizes, 1)

    def domain(self, y_true: Any, sizes: Sequence[Any]) -> Domain | None:
        """Which of the aligned labels are allowed; None if all are."""
        if self.low == -math.inf and self.high == math.inf:
            return None
        low = "" if self.low == -math.inf else f"{'>' if self.above else '>='} {self.low:g}"
        high = "" if self.high == math.inf else f"<= {self.high:g}"
        return Domain(f"numbers {' and '.join(filter(None, (low, high)))}", self.low, self.high, self.above)


@dataclasses.dataclass(frozen=True)
class Repeated(Real):
    """Several predictions of each label, along the last axis of y_pred: quantiles, or the members of an ensemble.

    y_true has the shape of y_pred without that axis, or with 1 in it; with `each` it may also have one label for each.
    """

    hint: str = " Labels have the shape of y_pred without its last axis, the predictions of one label."
    each: bool = True

    def align(self, y_true: Any, y_pred: Any, sizes: Sequence[Any]) -> tuple[Any, Any, Sequence[Any]]:
        if len(sizes) < 2:
            return super().align(y_true, y_pred, sizes)
        if len(y_true.shape) == len(sizes) - 1:
            y_true = ops.expand_dims(with_sizes(y_true, y_pred, sizes[:-1], self.hint), -1)
        elif not self.each or y_true.shape[-1] == 1:
            y_true = with_sizes(y_true, y_pred, (*sizes[:-1], 1), self.hint)
        else:
            return super().align(y_true, y_pred, sizes)
        return ops.cast(y_true, y_pred.dtype), y_pred, sizes


@dataclasses.dataclass(frozen=True)
class Places(Repeated):
    """A number by a distribution over the places 0 ... K-1: the last axis of y_pred holds a logit for each of them.

    y_true lies between 0 and K-1, and has the shape of y_pred without that axis, or with 1 in it. `bounded`: whether
    labels outside are an error; else the loss has to know what to do with them.
    """

    from_logits: bool | None = True
    hint: str = " Labels have the shape of y_pred without its last axis, the places that a label may have."
    each: bool = False
    bounded: bool = True
    activation = "softmax"

    def align(self, y_true: Any, y_pred: Any, sizes: Sequence[Any]) -> tuple[Any, Any, Sequence[Any]]:
        if len(sizes) < 2 or y_pred.shape[-1] == 1:
            raise ValueError(
                "`y_pred` must hold logits of at least two places along its last axis, (n, ..., places). "
                f"Received: y_pred.shape={tuple(y_pred.shape)}"
            )
        return super().align(y_true, y_pred, sizes)

    def domain(self, y_true: Any, sizes: Sequence[Any]) -> Domain | None:
        if not self.bounded:
            return None
        last = sizes[-1] - 1 if isinstance(sizes[-1], int) else ops.cast(sizes[-1], y_true.dtype) - 1
        shown = last if isinstance(last, int) else "the size of the last axis of y_pred less one"
        return Domain(f"numbers from 0 to {shown}, the places", 0, last)


@dataclasses.dataclass(frozen=True)
class Boxes(Real):
    """Boxes: the last axis of y_true and of y_pred holds the four numbers of a box, `(n, ..., 4)`."""

    def align(self, y_true: Any, y_pred: Any, sizes: Sequence[Any]) -> tuple[Any, Any, Sequence[Any]]:
        if len(sizes) < 2 or y_pred.shape[-1] not in (4, None):
            raise ValueError(
                "`y_pred` must hold four numbers for each box, (n, ..., 4). "
                f"Received: y_pred.shape={tuple(y_pred.shape)}"
            )
        return super().align(y_true, y_pred, sizes)


@dataclasses.dataclass(frozen=True)
class Parameters(Real):
    """Parameters of a distribution: the last axis of y_pred holds `count` blocks of the size of y_true's last axis.

    For two outputs and a Gaussian `[mean_1, mean_2, variance_1, variance_2]`: two `Dense` layers and a `Concatenate`.
    `shared` parameters that all outputs have in common stand before them.
    """

    count: int = 2
    shared: int = 0

    def align(self, y_true: Any, y_pred: Any, sizes: Sequence[Any]) -> tuple[Any, Any, Sequence[Any]]:
        size = (y_pred.shape[-1] if sizes else None) or 0  # (a size that only the run knows does not do)
        outputs, rest = divmod(size - self.shared, self.count)
        if rest or outputs < 1:
            more = f", and {self.shared} that they share" if self.shared else ""
            raise ValueError(
                f"the last axis of y_pred must hold {self.count} parameters for each output{more}. "
                f"Received: y_pred.shape={tuple(y_pred.shape)}"
            )
        if outputs == 1 and len(y_true.shape) == len(sizes) - 1:
            y_true = ops.expand_dims(y_true, -1)
        hint = f" Labels have the shape of y_pred with {outputs} in place of {y_pred.shape[-1]}."
        return ops.cast(with_sizes(y_true, y_pred, (*sizes[:-1], outputs), hint), y_pred.dtype), y_pred, sizes


@dataclasses.dataclass(frozen=True)
class Survival(Real):
    """The time until an event, or until it was last known not to have happened.

    Labels `(n, ..., 2)`: the time, and 1 for an event or 0 for censored. For `intervals` y_pred has one number for each
    interval of time: with `"index"` the first number of a label is the index of one, with `"intervals"` labels are
    `(n, ..., 2 K)`, whether each interval was survived, and whether the event was in it. Otherwise y_pred is `(n, 1)`.
    """

    intervals: str | None = None

    def align(self, y_true: Any, y_pred: Any, sizes: Sequence[Any]) -> tuple[Any, Any, Sequence[Any]]:
        if len(sizes) == 1:
            y_pred, sizes = ops.expand_dims(y_pred, -1), (*sizes, 1)
        if self.intervals is None and (len(sizes) != 2 or y_pred.shape[-1] not in (1, None)):
            raise ValueError(
                f"`y_pred` must hold one number for each sample, (n, 1). Received: y_pred.shape={tuple(y_pred.shape)}"
            )
        columns, hint = (
            (2, "a time and whether it is that of an event")
            if self.intervals != "intervals"
            else (
                2 * sizes[-1],
                "for each interval whether it was survived, and then for each whether the event was in it",
            )
        )
        y_true = with_sizes(y_true, y_pred, (*sizes[:-1], columns), f" Labels are {hint}.")
        return ops.cast(y_true, y_pred.dtype), y_pred, sizes


@dataclasses.dataclass(frozen=True)
class Lists(Real):
    """Lists of items: y_pred holds their scores, `(n, ..., items)` or `(n, ..., items, 1)`, y_true their relevance.

    Labels are 0 or more; one below 0 marks what only fills up a list. Weights and masks fit the scores, each item by
    itself, or `(n, ...)` each list.
    """

    axis: int | None = None

    def align(self, y_true: Any, y_pred: Any, sizes: Sequence[Any]) -> tuple[Any, Any, Sequence[Any]]:
        if len(sizes) < 2:
            raise ValueError(
                f"`y_pred` must hold the scores of lists, (n, items). Received: y_pred.shape={tuple(y_pred.shape)}"
            )
        if len(sizes) > 2 and y_pred.shape[-1] == 1:  # as a `Dense(1)` of each item gives them
            y_pred, sizes = ops.squeeze(y_pred, -1), sizes[:-1]
        return super().align(y_true, y_pred, sizes)


@dataclasses.dataclass(frozen=True)
class Images(Real):
    """Images, `(n, height, width, channels)`, y_true and y_pred alike. A value is that of an image, and so is a weight.

    `least`: how high and how wide they must be, and `why`.
    """

    least: int = 1
    why: str = ""

    def align(self, y_true: Any, y_pred: Any, sizes: Sequence[Any]) -> tuple[Any, Any, Sequence[Any]]:
        if len(sizes) != 4:
            raise ValueError(
                "`y_pred` must hold images, (n, height, width, channels), with one channel for grey. "
                f"Received: y_pred.shape={tuple(y_pred.shape)}"
            )
        allowed = f"`y_pred` must hold images of at least {self.least} x {self.least} pixels{self.why}."
        if any(size is not None and size < self.least for size in y_pred.shape[1:3]):
            raise ValueError(f"{allowed} Received: y_pred.shape={tuple(y_pred.shape)}")
        words = [f"{allowed} Received height and width:", *sizes[1:3]]
        for size in sizes[1:3]:
            if not isinstance(size, int):
                y_pred = host.fail_in_run(size < self.least, lambda: words, y_pred)
        if len(y_true.shape) == 3 and y_pred.shape[-1] == 1:
            y_true = ops.expand_dims(y_true, -1)
        return ops.cast(with_sizes(y_true, y_pred, sizes, self.hint), y_pred.dtype), y_pred, sizes


@dataclasses.dataclass(frozen=True)
class Unaligned(Real):
    """Labels of a shape of their own, for a loss that aligns them itself."""

    def align(self, y_true: Any, y_pred: Any, sizes: Sequence[Any]) -> tuple[Any, Any, Sequence[Any]]:
        return ops.cast(y_true, y_pred.dtype), y_pred, sizes
