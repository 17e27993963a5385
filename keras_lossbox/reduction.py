"""From one value per sample to the loss: masks, sample weights and the six reductions, for every loss, once."""

import math

import keras
from keras import ops

from keras_lossbox import numerics

REDUCTIONS = (
    "sum_over_batch_size",
    "mean",
    "sum",
    "none",
    None,
    "mean_with_sample_weight",
    "sum_by_nonzero_weights",
)


def both(mask, other):
    """Where `mask` and `other` are true; either may be None, which is true everywhere."""
    if mask is None or other is None:
        return other if mask is None else mask
    return ops.logical_and(mask, other)


def reduce_values(values, weights, mask, reduction):
    """`values` weighted and reduced. `weights` and `mask` are None or can be broadcast to the shape of `values`.

    An entry that is masked or has weight zero is selected away, not multiplied away: 0 * NaN would be NaN.
    """
    if mask is not None:
        mask = ops.broadcast_to(mask, ops.shape(values))
    if weights is not None:
        weights = ops.broadcast_to(weights, ops.shape(values))
        weights = weights if mask is None else ops.where(mask, weights, 0)
    counted = both(mask, None if weights is None else ops.not_equal(weights, 0))
    if counted is not None:
        values = ops.where(counted, values, 0)
    if weights is not None:
        values = ops.multiply(values, weights)

    if reduction in ("none", None):
        return values
    total = ops.sum(values)
    if reduction == "sum":
        return total
    if reduction == "mean_with_sample_weight" and weights is not None:
        divisor = ops.sum(weights)
    elif reduction == "sum_by_nonzero_weights":
        divisor = _count(counted, values)
    else:
        divisor = _count(mask, values)
    return numerics.divide_no_nan(total, divisor)


def _count(mask, values):
    """How many entries `mask` lets through, in the dtype of `values`."""
    if mask is not None:
        return ops.sum(ops.cast(mask, values.dtype))
    return ops.convert_to_tensor(math.prod(ops.shape(values)), values.dtype)


def scale_for_distribution(loss, reduction):
    """A mean divided by the number of replicas, because `tf.distribute` adds their gradients; a sum as it is."""
    if reduction in ("none", None, "sum") or keras.config.backend() != "tensorflow":
        return loss
    import tensorflow as tf  # Keras has no public way to ask for the number of replicas

    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    return loss if replicas == 1 else ops.divide(loss, replicas)
