"""Kinds of data that are embeddings, which are compared with each other."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from keras import ops

from keras_lossbox.core.domain import FRACTIONS, GROUPS, Domain
from keras_lossbox.core.shapes import with_sizes
from keras_lossbox.core.targets.real import Real
from keras_lossbox.functions.elementary import sizes_of
from keras_lossbox.functions.labels import to_indices


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

    def domain(self, y_true: Any, sizes: Sequence[Any]) -> Domain | None:
        return GROUPS if self.labels else None


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
        return FRACTIONS if self.several else GROUPS


@dataclasses.dataclass(frozen=True)
class Distances(Real):
    """Distances between two things, and labels of the same shape: whether the two are similar, 1, 0, or between."""

    def domain(self, y_true: Any, sizes: Sequence[Any]) -> Domain | None:
        return FRACTIONS


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
