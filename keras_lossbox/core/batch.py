"""The two values that flow through a loss: the `Batch` that a formula is given, and the `Values` that it returns."""

from typing import Any, NamedTuple

from keras import ops

from keras_lossbox.core import shapes
from keras_lossbox.functions.elementary import sizes_of


class Values(NamedTuple):
    """What a formula returns: values, and the weights and the mask that are still to be applied to them, or None.

    A value that is not defined (an anchor without a positive, a list without a relevant item) is masked here: it leaves
    the mean, and its sample stays a partner of the others.
    """

    values: Any
    weights: Any = None
    mask: Any = None


class Batch(NamedTuple):
    """What a formula is given: tensors that fit each other.

    What is masked or has weight 0 is replaced before the formula gets it, in labels by 0, in predictions by 1: no NaN
    gets into a formula that compares or adds up several samples. `valid` says where.
    """

    y_true: Any
    y_pred: Any
    from_logits: bool | None = None  # True also where the logits behind a sigmoid or softmax are in y_pred's place
    axis: int | None = -1  # of y_pred, that the values lack; None: none
    weights: Any = None  # of the values, or None; they can be broadcast to the values' shape
    mask: Any = None  # the same: True for what is neither masked by a layer nor left out by an option
    layer_mask: Any = None  # the part of it that comes from layers
    invalid: Any = None  # where labels are not valid, which only a run finds out (or whether any is not): NaN
    filled_up: Any = None  # False for rows that only fill up a batch, harmless in a formula and not counted
    linear: Any = None  # what the logits `y_pred` were computed from by a `LinearHead`: then y_pred is not to be read

    @property
    def all_valid(self) -> bool:
        """Whether nothing can be left out: there are neither weights nor a mask."""
        return self.weights is None and self.mask is None

    @property
    def valid(self) -> Any:
        """Which samples (or, for `axis` None, entries) are neither masked nor of weight 0; None for all."""
        return logical_and_optional(self.mask, None if self.weights is None else ops.not_equal(self.weights, 0))

    @property
    def valid_entries(self) -> Any:
        """The same with `axis`, so that it can be broadcast to y_pred."""
        valid = self.valid
        return (
            valid if valid is None or self.axis is None or len(valid.shape) == 0 else ops.expand_dims(valid, self.axis)
        )

    def values(self, values: Any) -> Values:
        """`values` with the weights and the mask of the batch."""
        return Values(values, self.weights, self.mask)


def logical_and_optional(mask, other):
    """Where `mask` and `other` are true; either may be None, which is true everywhere."""
    if mask is None or other is None:
        return other if mask is None else mask
    return ops.logical_and(mask, other)


def valid_labels(batch, entries, harmless=0, by_sample=False):
    """The labels with a harmless one where they are not valid: 0 * NaN is NaN, so that must not enter a formula.

    `by_sample`: labels are those of a whole sample, not of its entries, and valid if any of these is.
    """
    rank = len(batch.y_true.shape)
    if by_sample:
        entries = ops.reshape(_any_beyond(entries, 1), (-1,) + (1,) * (rank - 1))
    elif rank < len(batch.y_pred.shape):  # indices or groups, which lack the axis of the classes, or the last ones
        entries = ops.any(entries, -1 if batch.axis is None else batch.axis)
        while len(entries.shape) > rank:
            entries = ops.any(entries, -1)
    return ops.where(entries, batch.y_true, harmless)


def valid_predictions(batch, entries, softmax=False):
    """The predictions with 1 where they are not valid.

    `softmax`: a class that is left out must stay in y_pred as long as another class of its pixel is not.
    """
    if batch.axis is None and softmax:
        entries = ops.any(entries, -1, keepdims=True)
    return ops.where(entries, batch.y_pred, 1)


def valid_entries(batch, sizes):
    """Which entries are valid, with every size that y_pred has beside `axis`: fails in the run if one does not fit."""
    valid = ops.broadcast_to(batch.valid, shapes.without_axis(sizes, batch.axis))
    return valid if batch.axis is None else ops.expand_dims(valid, batch.axis)


def settle(values, batch, everywhere):
    """`Values` whose weights and mask fit the values that the formula gave, and NaN where labels were not valid.

    A value of a whole sample is masked if all entries of the sample are, and NaN if any of their labels is not valid;
    `everywhere`: then all values are, since each is made of all samples.
    """
    if not isinstance(values, Values):
        raise ValueError(f"`compute` must return keras_lossbox.Values. Received: {type(values).__name__}")
    values, weights, mask = values
    sizes = sizes_of(values)
    mask = _mask_of_values(mask, batch.filled_up, len(sizes))
    if len(sizes) == 0:
        _check_one_number(weights, mask)
    if mask is not None:
        mask = shapes.align_weights("mask", mask, sizes)
    if weights is not None:
        weights = shapes.align_weights("sample_weight", weights, sizes)
    if batch.invalid is not None:
        invalid = ops.any(batch.invalid) if everywhere else _any_beyond(batch.invalid, len(sizes))
        values = ops.where(invalid, float("nan"), values)
    return Values(values, weights, mask)


def _mask_of_values(mask, filled_up, rank):
    """The mask with as many axes as the values, and without the rows that only fill up a batch."""
    mask = None if mask is None else _any_beyond(mask, rank)
    if filled_up is None:
        return mask
    return logical_and_optional(mask, ops.reshape(filled_up, (-1,) + (1,) * (rank - 1)))


def _check_one_number(weights, mask):
    """A formula that gives one number for the batch leaves nothing that weights or a mask could be applied to."""
    if mask is not None or (weights is not None and any(n != 1 for n in weights.shape)):
        raise ValueError(
            "`call` returned one number for the whole batch, so that sample weights and masks cannot be applied; "
            "return one value per sample, or write `compute`"
        )


def _any_beyond(mask, rank):
    """Along the axes that are more than `rank`, whether the mask is true anywhere."""
    axes = tuple(range(rank, len(mask.shape)))
    return ops.any(mask, axes) if axes else mask
