"""What a formula may ask of the other replicas of `tf.distribute`; with a single device each function is the identity.

A loss that compares the samples of a batch with each other compares those of the global batch:

    keys = replicas.gather(x)                     # the rows of all replicas, with their gradient
    mine = replicas.row_ids(x)                    # which of them are this replica's
    itself = mine[:, None] == replicas.gather(mine)[None]
"""

from typing import Any

import keras
from keras import ops

from keras_lossbox.core import host
from keras_lossbox.functions.elementary import sizes_of

MOST_ROWS = 2**20  # of one replica, so that no two rows have the same id


def add_up(x: Any) -> Any:
    """The sum of `x`, a tensor or several, over the replicas, with its gradient."""
    context = host.replica_context()
    return x if context is None else context.all_reduce("SUM", x)


def gather(x: Any) -> Any:
    """The rows of `x` of all replicas, in the order of the replicas, with their gradient."""
    context = host.replica_context()
    if context is None:
        return x
    if keras.backend.standardize_dtype(x.dtype) == "bool":  # which TensorFlow does not gather
        return ops.cast(context.all_gather(ops.cast(x, "int32"), axis=0), "bool")
    return context.all_gather(x, axis=0)


def row_ids(x: Any) -> Any:
    """A number for each row of `x` that no other row has, on no replica."""
    rows = ops.arange(sizes_of(x)[0], dtype="int32")
    context = host.replica_context()
    return rows if context is None else rows + context.replica_id_in_sync_group * MOST_ROWS


def share(loss: Any) -> Any:
    """What one replica contributes to a loss that all of them know: their losses and gradients will be added up."""
    context = host.replica_context()
    return loss if context is None else ops.divide(loss, context.num_replicas_in_sync)
