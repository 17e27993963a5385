"""Kinds of data that are classes: yes or no, one of several, ordered ones, pixels, sequences."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from keras import ops

from keras_lossbox.core.domain import FRACTIONS, MASKS, Domain, class_indices
from keras_lossbox.core.shapes import with_sizes, without_axis
from keras_lossbox.core.targets.real import Real
from keras_lossbox.functions.elementary import sizes_of
from keras_lossbox.functions.labels import NAN_LABEL, NOT_WHOLE, to_indices


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

    def domain(self, y_true: Any, sizes: Sequence[Any]) -> Domain | None:
        return Domain("labels of -1 and 1, or of 0 and 1", -1, 1)


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
            if len(y_true.shape) == len(sizes):
                hint += " For one-hot labels use the loss without Sparse in its name: CategoricalCrossentropy."
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
class Views(Real):
    """One class out of several, predicted several times: y_pred is `(n, ..., views, classes)`, a row for each pass.

    Labels are those of a sample, `(n, ...)`, `(n, ..., 1)` or `(n, ..., classes)`, and repeated for its views.
    """

    from_logits: bool | None = False
    activation = "softmax"

    def align(self, y_true: Any, y_pred: Any, sizes: Sequence[Any]) -> tuple[Any, Any, Sequence[Any]]:
        if len(sizes) < 3 or y_pred.shape[-1] == 1:
            raise ValueError(
                "`y_pred` must hold several predictions of each sample, of two or more classes, (n, views, classes): "
                f"`keras.ops.stack([first, second], axis=1)`. Received: y_pred.shape={tuple(y_pred.shape)}"
            )
        hint = (
            " Labels are those of a sample: the shape of y_pred without the views, and for class indices the classes."
        )
        last_axis = len(y_true.shape) == len(sizes) - 1
        if last_axis and y_true.shape[-1] != 1:
            y_true = ops.cast(with_sizes(y_true, y_pred, (*sizes[:-2], sizes[-1]), hint), y_pred.dtype)
            return ops.broadcast_to(ops.expand_dims(y_true, -2), sizes), y_pred, sizes
        y_true = to_indices(with_sizes(ops.squeeze(y_true, -1) if last_axis else y_true, y_pred, sizes[:-2], hint))
        return ops.broadcast_to(ops.expand_dims(y_true, -1), sizes[:-1]), y_pred, sizes

    def domain(self, y_true: Any, sizes: Sequence[Any]) -> Domain | None:
        return class_indices(y_true, sizes[-1], -1) if len(y_true.shape) < len(sizes) else None


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
class Sequences(Real):
    """Sequences of classes, in a time that labels do not tell: y_pred is `(n, time, classes)`.

    Labels are class indices `(n, length)`, of a length of their own; numbers below 0 are padding. A mask of time steps
    says how long a sample is.
    """

    from_logits: bool | None = True
    activation = "softmax"
    labels_of_sample = True

    def align(self, y_true: Any, y_pred: Any, sizes: Sequence[Any]) -> tuple[Any, Any, Sequence[Any]]:
        if len(sizes) != 3 or len(y_true.shape) != 2:
            raise ValueError(
                "`y_pred` must be (n, time, classes), and `y_true` class indices (n, length). "
                f"Received: y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}"
            )
        return to_indices(with_sizes(y_true, y_pred, (sizes[0], sizes_of(y_true)[1]))), y_pred, sizes

    def domain(self, y_true: Any, sizes: Sequence[Any]) -> Domain | None:
        classes = class_indices(y_true, sizes[-1], -1)
        return dataclasses.replace(classes, allowed=f"{classes.allowed}, or below 0 (padding)", low=NOT_WHOLE + 1)


def _indices(y_true, y_pred, sizes, axis, hint):
    """Class indices with the sizes of y_pred without `axis`, where they may have 1."""
    if len(y_true.shape) == len(sizes) and y_true.shape[axis] == 1:
        y_true = ops.squeeze(y_true, axis)
    hint = f" Labels are class indices here:{hint}"
    return to_indices(with_sizes(y_true, y_pred, without_axis(sizes, axis), hint))
