"""Kinds of data: what labels and predictions are, and how labels are aligned to predictions.

A loss declares its kind once, in `targets`; alignment, masks, the check of labels, `diagnose` and the pictures all go
by it.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, ClassVar

from keras import ops

from keras_lossbox.core.domain import FRACTIONS, MASKS, Domain, class_indices
from keras_lossbox.core.shapes import with_sizes, without_axis
from keras_lossbox.functions.labels import NAN_LABEL, to_indices


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
class Binary(Real):
    """Yes or no: each entry of y_pred is the probability, or logit, of a yes; labels of 0 and 1, or between them."""

    from_logits: bool | None = False
    activation = "sigmoid"

    def domain(self, y_true: Any, sizes: Sequence[Any]) -> Domain | None:
        return FRACTIONS


@dataclasses.dataclass(frozen=True)
class Classes(Real):
    """One class out of several along `axis`.

    `labels`: `"one_hot"` (or soft, of the shape of y_pred), `"indices"` (without `axis`, or with it of size 1),
    `"either"`, whichever their shape says, or `"largest"`: either, and of a row the index of its largest entry.
    """

    axis: int = -1
    from_logits: bool | None = False
    labels: str = "either"
    activation = "softmax"

    def __post_init__(self):
        if self.axis is None:
            raise ValueError("`axis`, that of the classes, must be an integer. Received: axis=None")

    @property
    def label_axis(self) -> int:  # type: ignore[override]
        return self.axis

    def align(self, y_true: Any, y_pred: Any, sizes: Sequence[Any]) -> tuple[Any, Any, Sequence[Any]]:
        axis = self.axis % len(sizes)
        if y_pred.shape[axis] == 1:
            raise ValueError(
                f"`y_pred` must hold at least two classes along axis {self.axis}; for one output per sample use "
                f"BinaryCrossentropy. Received: y_pred.shape={tuple(y_pred.shape)}"
            )
        indices = self.labels == "indices" or (
            self.labels != "one_hot" and (len(y_true.shape) < len(sizes) or y_true.shape[axis] == 1)
        )
        if indices:
            return self._indices(y_true, y_pred, sizes, axis), y_pred, sizes
        hint = " For integer labels use the Sparse relative of this loss, or keras.ops.one_hot."
        y_true = ops.cast(with_sizes(y_true, y_pred, sizes, hint), y_pred.dtype)
        if self.labels == "largest":
            no_class = ops.isnan(ops.sum(y_true, axis))
            y_true = ops.where(no_class, NAN_LABEL, ops.cast(ops.argmax(y_true, axis), "int32"))
        return y_true, y_pred, sizes

    def _indices(self, y_true, y_pred, sizes, axis):
        if len(y_true.shape) == len(sizes) and y_true.shape[axis] == 1:
            y_true = ops.squeeze(y_true, axis)
        hint = f" Labels are class indices here: they have the shape of y_pred without its axis {axis}, the classes."
        return to_indices(with_sizes(y_true, y_pred, without_axis(sizes, axis), hint))

    def domain(self, y_true: Any, sizes: Sequence[Any]) -> Domain | None:
        return class_indices(y_true, sizes[self.axis], self.axis) if len(y_true.shape) < len(sizes) else None


@dataclasses.dataclass(frozen=True)
class Regions(Real):
    """Pixels: every axis of y_pred between the first and, if it holds classes, the last; weights and masks fit y_pred.

    `mode`: `"binary"` (one region), `"multilabel"` (regions that may overlap) or `"multiclass"` (classes that exclude
    each other; labels one-hot or class indices).
    """

    axis: int | None = None
    from_logits: bool | None = False
    mode: str = "binary"

    @property
    def activation(self) -> str:  # type: ignore[override]
        return "softmax" if self.mode == "multiclass" else "sigmoid"

    def align(self, y_true: Any, y_pred: Any, sizes: Sequence[Any]) -> tuple[Any, Any, Sequence[Any]]:
        if self.mode == "multiclass":
            return Classes().align(y_true, y_pred, sizes)
        return super().align(y_true, y_pred, sizes)

    def domain(self, y_true: Any, sizes: Sequence[Any]) -> Domain | None:
        return class_indices(y_true, sizes[-1], -1) if len(y_true.shape) < len(sizes) else MASKS


@dataclasses.dataclass(frozen=True)
class Parameters(Real):
    """Parameters of a distribution: the last axis of y_pred holds `count` blocks of the size of y_true's last axis.

    For two outputs and a Gaussian `[mean_1, mean_2, variance_1, variance_2]`: two `Dense` layers and a `Concatenate`.
    """

    count: int = 2

    def align(self, y_true: Any, y_pred: Any, sizes: Sequence[Any]) -> tuple[Any, Any, Sequence[Any]]:
        outputs, rest = divmod(y_pred.shape[-1] or 0, self.count)  # (a size that only the run knows does not do)
        if rest or not outputs:
            raise ValueError(
                f"the last axis of y_pred must hold {self.count} parameters for each output. "
                f"Received: y_pred.shape={tuple(y_pred.shape)}"
            )
        if outputs == 1 and len(y_true.shape) == len(sizes) - 1:
            y_true = ops.expand_dims(y_true, -1)
        hint = f" Labels have the shape of y_pred with {outputs} in place of {y_pred.shape[-1]}."
        return ops.cast(with_sizes(y_true, y_pred, (*sizes[:-1], outputs), hint), y_pred.dtype), y_pred, sizes


@dataclasses.dataclass(frozen=True)
class Pairs(Real):
    """Samples that are compared with each other: y_pred is one embedding per sample, `(n, d)`.

    Labels `(n,)` or `(n, 1)` are only compared for equality: any integers.
    """

    across: bool = True

    def align(self, y_true: Any, y_pred: Any, sizes: Sequence[Any]) -> tuple[Any, Any, Sequence[Any]]:
        if len(sizes) != 2:
            raise ValueError(
                "`y_pred` must hold one embedding for each sample, (n, d). "
                f"Received: y_pred.shape={tuple(y_pred.shape)}"
            )
        if len(y_true.shape) == 2 and y_true.shape[-1] == 1:
            y_true = ops.squeeze(y_true, -1)
        hint = " Labels are groups here, one for each sample."
        return to_indices(with_sizes(y_true, y_pred, sizes[:1], hint)), y_pred, sizes


@dataclasses.dataclass(frozen=True)
class Unaligned(Real):
    """Labels of a shape of their own, for a loss that aligns them itself."""

    def align(self, y_true: Any, y_pred: Any, sizes: Sequence[Any]) -> tuple[Any, Any, Sequence[Any]]:
        return ops.cast(y_true, y_pred.dtype), y_pred, sizes
