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
from keras_lossbox.functions.elementary import sizes_of
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
class Signs(Real):
    """Yes or no by the side of 0: y_pred are scores, labels -1 and 1, or 0 and 1."""


@dataclasses.dataclass(frozen=True)
class Classes(Real):
    """One class out of several along `axis`.

    `labels`: `"one_hot"` (or soft, of the shape of y_pred), `"indices"` (without `axis`, or with it of size 1),
    `"either"`, whichever their shape says, `"largest"`: either, and of a row the index of its largest entry, or
    `"logits"`: those of other probabilities, of the shape of y_pred.
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
            self.labels not in ("one_hot", "logits") and (len(y_true.shape) < len(sizes) or y_true.shape[axis] == 1)
        )
        if indices:
            hint = f" they have the shape of y_pred without its axis {axis}, the classes."
            return _indices(y_true, y_pred, sizes, axis, hint), y_pred, sizes
        hint = " For integer labels use the Sparse relative of this loss, or keras.ops.one_hot."
        y_true = ops.cast(with_sizes(y_true, y_pred, sizes, hint), y_pred.dtype)
        if self.labels == "largest":
            no_class = ops.isnan(ops.sum(y_true, axis))
            y_true = ops.where(no_class, NAN_LABEL, ops.cast(ops.argmax(y_true, axis), "int32"))
        return y_true, y_pred, sizes

    def domain(self, y_true: Any, sizes: Sequence[Any]) -> Domain | None:
        return class_indices(y_true, sizes[self.axis], self.axis) if len(y_true.shape) < len(sizes) else None


@dataclasses.dataclass(frozen=True)
class Cosines(Classes):
    """One class out of several: y_pred are the cosines of an embedding and a centre of each class along `axis`."""

    from_logits: bool | None = None
    activation = None  # type: ignore[assignment]


@dataclasses.dataclass(frozen=True)
class Ordered(Real):
    """Ordered classes 0 ... K: the last axis of y_pred holds a logit for each of the K thresholds between them.

    Logit k says whether the class is above k. Labels are class indices without that axis, or with 1 in it.
    """

    from_logits: bool | None = True
    activation = "sigmoid"

    def align(self, y_true: Any, y_pred: Any, sizes: Sequence[Any]) -> tuple[Any, Any, Sequence[Any]]:
        if len(sizes) == 1:  # n samples, not one
            y_pred, sizes = ops.expand_dims(y_pred, -1), (*sizes, 1)
        hint = " they have the shape of y_pred without its last axis, the thresholds, one less than there are classes."
        return _indices(y_true, y_pred, sizes, len(sizes) - 1, hint), y_pred, sizes

    def domain(self, y_true: Any, sizes: Sequence[Any]) -> Domain | None:
        last = sizes[-1] if isinstance(sizes[-1], int) else "the size of the last axis of y_pred"
        allowed = f"class indices from 0 to {last}, as many as there are thresholds"
        return dataclasses.replace(class_indices(y_true, sizes[-1] + 1, -1), allowed=allowed)


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
class Pairs(Real):
    """Samples that are compared with each other: y_pred is one embedding per sample, `(n, d)`.

    Labels `(n,)` or `(n, 1)` are only compared for equality: any integers. With `views` y_pred may also hold several
    embeddings of each sample, `(n, ..., d)`; labels then have its first axes, and those that they lack are repeated.
    `labels` is False where y_true is not read: any array of n rows will do.
    """

    across: bool = True
    views: bool = False
    labels: bool = True

    def align(self, y_true: Any, y_pred: Any, sizes: Sequence[Any]) -> tuple[Any, Any, Sequence[Any]]:
        if len(sizes) < 2 or (len(sizes) > 2 and not self.views):
            several = " or several along the axes between, (n, ..., d)" if self.views else ""
            raise ValueError(
                f"`y_pred` must hold one embedding for each sample, (n, d){several}. "
                f"Received: y_pred.shape={tuple(y_pred.shape)}"
            )
        if not self.labels:
            return _not_read(y_true, y_pred, sizes, y_pred[..., 0]), y_pred, sizes
        hint = " Labels are groups here, one for each sample or each of its embeddings."
        return to_indices(_repeated(y_true, y_pred, sizes[:-1], hint)), y_pred, sizes


@dataclasses.dataclass(frozen=True)
class Tuples(Real):
    """Embeddings that belong together: y_pred `(n, ..., size, d)` holds `size` of them for each sample, or `more`.

    Labels `(n, ...)` or `(n, ..., 1)` say whether they are similar: 1, 0, or between. `labels` is False where y_true is
    not read: any array of n rows will do.
    """

    size: int = 2
    more: bool = False
    labels: bool = False

    def check_tuples(self, y_pred: Any) -> None:
        """Raises a ValueError for another number of embeddings."""
        given = y_pred.shape[-2] if len(y_pred.shape) > 2 else 0
        if given is not None and (given < self.size or (given > self.size and not self.more)):
            count = f"{self.size}{' or more' * self.more}"
            raise ValueError(
                f"`y_pred` must hold {count} embeddings for each sample, (n, {count}, d). "
                f"Received: y_pred.shape={tuple(y_pred.shape)}"
            )

    def align(self, y_true: Any, y_pred: Any, sizes: Sequence[Any]) -> tuple[Any, Any, Sequence[Any]]:
        self.check_tuples(y_pred)
        if not self.labels:
            return _not_read(y_true, y_pred, sizes, y_pred[..., 0, 0]), y_pred, sizes
        hint = " Labels have the shape of y_pred without its last two axes."
        if len(y_true.shape) == len(sizes) - 1 and y_true.shape[-1] == 1:
            y_true = ops.squeeze(y_true, -1)
        return ops.cast(with_sizes(y_true, y_pred, sizes[:-2], hint), y_pred.dtype), y_pred, sizes

    def domain(self, y_true: Any, sizes: Sequence[Any]) -> Domain | None:
        return FRACTIONS if self.labels else None


@dataclasses.dataclass(frozen=True)
class Matches(Tuples):
    """Pairs of embeddings `(n, ..., 2, d)`, of which each first is compared with each second, or how similar these are,
    a matrix `(n, n)`.

    Labels `(n, ...)` or `(n, ..., 1)` are only compared for equality; with `several` they are `(n, ..., classes)`, 1
    for each class that a sample has.
    """

    across: bool = True
    several: bool = False

    def align(self, y_true: Any, y_pred: Any, sizes: Sequence[Any]) -> tuple[Any, Any, Sequence[Any]]:
        matrix = len(sizes) == 2
        if matrix and None not in y_pred.shape and y_pred.shape[0] != y_pred.shape[1]:
            raise ValueError(
                "`y_pred` must hold pairs of embeddings, (n, 2, d), or their similarities, (n, n). "
                f"Received: y_pred.shape={tuple(y_pred.shape)}"
            )
        if not matrix:
            self.check_tuples(y_pred)
        samples = sizes[:1] if matrix else sizes[:-2]
        if not self.several:
            if len(y_true.shape) == len(samples) + 1 and y_true.shape[-1] == 1:
                y_true = ops.squeeze(y_true, -1)
            hint = " Labels are groups here, one for each sample."
            return to_indices(with_sizes(y_true, y_pred, samples, hint)), y_pred, sizes
        hint = " Labels are the classes of each sample, 0 or 1 along the last axis."
        classes = sizes_of(y_true)[-1:] or (1,)
        y_true = ops.cast(with_sizes(y_true, y_pred, (*samples, *classes), hint), y_pred.dtype)
        if matrix:
            return y_true, y_pred, sizes
        y_true = ops.broadcast_to(ops.expand_dims(y_true, -2), (*sizes[:-1], *classes))  # for each of a pair
        return y_true, y_pred, sizes

    def domain(self, y_true: Any, sizes: Sequence[Any]) -> Domain | None:
        return FRACTIONS if self.several else None


@dataclasses.dataclass(frozen=True)
class Distances(Real):
    """Distances between two things, and labels of the same shape: whether the two are similar, 1, 0, or between."""

    def domain(self, y_true: Any, sizes: Sequence[Any]) -> Domain | None:
        return FRACTIONS


@dataclasses.dataclass(frozen=True)
class Unaligned(Real):
    """Labels of a shape of their own, for a loss that aligns them itself."""

    def align(self, y_true: Any, y_pred: Any, sizes: Sequence[Any]) -> tuple[Any, Any, Sequence[Any]]:
        return ops.cast(y_true, y_pred.dtype), y_pred, sizes


def _indices(y_true, y_pred, sizes, axis, hint):
    """Class indices with the sizes of y_pred without `axis`, where they may have 1."""
    if len(y_true.shape) == len(sizes) and y_true.shape[axis] == 1:
        y_true = ops.squeeze(y_true, axis)
    hint = f" Labels are class indices here:{hint}"
    return to_indices(with_sizes(y_true, y_pred, without_axis(sizes, axis), hint))


def _repeated(y_true, y_pred, sizes, hint):
    """Labels with these sizes; those that have the first of them only are repeated along the others."""
    rank = len(y_true.shape)
    if rank > 1 and y_true.shape[-1] == 1 and (rank > len(sizes) or sizes[rank - 1] != 1):
        y_true = ops.squeeze(y_true, -1)
    y_true = with_sizes(y_true, y_pred, sizes[: max(1, len(y_true.shape))], hint)
    missing = len(sizes) - len(y_true.shape)
    for _ in range(missing):
        y_true = ops.expand_dims(y_true, -1)
    return ops.broadcast_to(y_true, sizes) if missing else y_true


def _not_read(y_true, y_pred, sizes, like):
    """Labels of 0 of the shape of `like`, in the place of any array of n rows."""
    hint = " Labels are not read here: any array with as many rows as y_pred."
    with_sizes(y_true, y_pred, (*sizes[:1], *sizes_of(y_true)[1:]), hint)
    return ops.zeros_like(like, dtype="int32")
