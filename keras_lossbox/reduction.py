"""From one value per sample to the loss: masks, sample weights and the six reductions, for every loss, once."""

import math

import keras
from keras import ops

from keras_lossbox import numerics, shapes

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

    Under `tf.distribute` the sum and what it is divided by are taken over all replicas.
    """
    if reduction in ("none", None):
        return _weigh(values, weights, mask)[0]
    return reduce_total(*total_and_divisor(values, weights, mask, reduction), reduction)


def reduce_total(total, divisor, reduction):
    """What `total_and_divisor` gave on each replica as one number, that of all replicas."""
    if _replica_context() is not None:
        total, divisor = across_replicas((total, ops.convert_to_tensor(divisor, total.dtype)))
    return total if reduction == "sum" else numerics.divide_no_nan(total, divisor)


def total_and_divisor(values, weights, mask, reduction):
    """The weighted sum of `values`, and what the reduction divides it by."""
    values, weights, mask = _weigh(values, weights, mask)
    total = ops.sum(values)
    if reduction == "mean_with_sample_weight" and weights is not None:
        return total, ops.sum(weights)
    if reduction == "sum_by_nonzero_weights" and weights is not None:
        mask = both(mask, ops.not_equal(weights, 0))
    return total, _count(mask, values)


def _weigh(values, weights, mask):
    """`values` times `weights`, with the weights and the mask broadcast to them.

    An entry that is masked or has weight zero is selected away, not multiplied away: 0 * NaN would be NaN.
    """
    if mask is not None:
        mask = ops.broadcast_to(mask, shapes.sizes_of(values))
        values = ops.where(mask, values, 0)
    if weights is not None:
        weights = ops.broadcast_to(weights, shapes.sizes_of(values))
        weights = weights if mask is None else ops.where(mask, weights, 0)
        values = ops.multiply(ops.where(ops.not_equal(weights, 0), values, 0), weights)
    return values, weights, mask


def _count(mask, values):
    """How many entries `mask` lets through: a tensor in the dtype of `values`, or where it is known a number."""
    if mask is not None:
        return ops.sum(ops.cast(mask, values.dtype))
    count = math.prod(shapes.sizes_of(values))
    return count if isinstance(count, int) else ops.cast(count, values.dtype)


def across_replicas(x):
    """The sum of `x` over the replicas of `tf.distribute`, differentiable; without replicas `x` itself."""
    replicas = _replica_context()
    return x if replicas is None else replicas.all_reduce("SUM", x)


def share_of_replica(loss):
    """What one replica contributes to a loss that all of them know: their losses and gradients will be added up."""
    replicas = _replica_context()
    return loss if replicas is None else ops.divide(loss, replicas.num_replicas_in_sync)


def _replica_context():
    """The context of a step that `tf.distribute` runs on several replicas; None anywhere else."""
    if keras.config.backend() != "tensorflow":
        return None
    import tensorflow as tf  # Keras has no public way to reach the other replicas

    context = tf.distribute.get_replica_context()
    return None if context is None or context.num_replicas_in_sync == 1 else context
