"""From one value per sample to the loss: masks, sample weights and the six reductions, for every loss, once."""

import math
from typing import Any, NamedTuple

from keras import ops

from keras_lossbox.core import host, replicas
from keras_lossbox.core.batch import Values, logical_and_optional
from keras_lossbox.functions.elementary import divide_no_nan, sizes_of

REDUCTIONS = (
    "sum_over_batch_size",
    "mean",
    "sum",
    "none",
    None,
    "mean_with_sample_weight",
    "sum_by_nonzero_weights",
)


class Score(NamedTuple):
    """What a batch contributes to a loss: the weighted sum of its values and what the reduction divides it by.

    Where nothing is reduced, `total` is the weighted values themselves, and `divisor` is None.
    """

    total: Any
    divisor: Any = None


def score(values, reduction):
    """`Values` weighted and added up."""
    values, weights, mask = _weigh(values)
    if reduction in ("none", None):
        return Score(values)
    total = ops.sum(values)
    if reduction == "mean_with_sample_weight" and weights is not None:
        return Score(total, ops.sum(weights))
    if reduction == "sum_by_nonzero_weights" and weights is not None:
        mask = logical_and_optional(mask, ops.not_equal(weights, 0))
    return Score(total, _count(mask, values))


def reduced(score, reduction):
    """A `Score` as the loss; under `tf.distribute` that of all replicas, which every one of them then knows."""
    total, divisor = score
    if divisor is None:
        return total
    if host.replica_context() is not None:
        total, divisor = replicas.add_up((total, ops.convert_to_tensor(divisor, total.dtype)))
    return total if reduction == "sum" else divide_no_nan(total, divisor)


def _weigh(values):
    """Values times weights, with the weights and the mask broadcast to them.

    What is masked or has weight zero is selected away, not multiplied away: 0 * NaN would be NaN.
    """
    values, weights, mask = values
    if mask is not None:
        mask = ops.broadcast_to(mask, sizes_of(values))
        values = ops.where(mask, values, 0)
    if weights is not None:
        weights = ops.broadcast_to(weights, sizes_of(values))
        weights = weights if mask is None else ops.where(mask, weights, 0)
        values = ops.multiply(ops.where(ops.not_equal(weights, 0), values, 0), weights)
    return Values(values, weights, mask)


def _count(mask, values):
    """How many values the mask lets through: a tensor in the dtype of `values`, or where it is known a number."""
    if mask is not None:
        return ops.sum(ops.cast(mask, values.dtype))
    count = math.prod(sizes_of(values))
    return count if isinstance(count, int) else ops.cast(count, values.dtype)
