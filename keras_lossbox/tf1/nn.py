"""`tf.nn`: the loss of each element or sample, neither weighted nor reduced."""

from typing import Any

from keras import ops

from keras_lossbox.core import shapes
from keras_lossbox.functions.bernoulli import bernoulli
from keras_lossbox.functions.labels import yes_no
from keras_lossbox.losses.binary import BinaryCrossentropy
from keras_lossbox.losses.categorical import CategoricalCrossentropy, SparseCategoricalCrossentropy
from keras_lossbox.tf1.arguments import loss_function, values_from_logits


@loss_function()
def sigmoid_cross_entropy_with_logits(labels: Any = None, logits: Any = None, name: str | None = None) -> Any:
    """`tf.nn.sigmoid_cross_entropy_with_logits`: -y log p - (1 - y) log(1 - p) for each element.

    That is `BinaryCrossentropy(from_logits=True, axis=None, reduction="none")`.

    >>> float(sigmoid_cross_entropy_with_logits(labels=[0.0], logits=[100.0])[0])
    100.0
    """
    return values_from_logits(BinaryCrossentropy(), labels, logits)


@loss_function()
def weighted_cross_entropy_with_logits(
    labels: Any = None, logits: Any = None, pos_weight: Any = None, name: str | None = None, targets: Any = None
) -> Any:
    """`tf.nn.weighted_cross_entropy_with_logits`: -q y log p - (1 - y) log(1 - p) for each element, q = `pos_weight`.

    That is `BinaryCrossentropy(from_logits=True, axis=None, pos_weight=q, reduction="none")`, where q is a number or
    one for each entry of the last axis; here it is any array that can be broadcast to the logits. `targets` is the old
    name of `labels`.

    >>> round(float(weighted_cross_entropy_with_logits(targets=[1.0], logits=[0.0], pos_weight=3.0)[0]), 4)
    2.0794
    """
    q = ops.cast(shapes.to_tensor("pos_weight", pos_weight, logits.dtype), logits.dtype)
    if not shapes.agree(q.shape, tuple(logits.shape)[len(logits.shape) - len(q.shape) :], ones=True):
        raise ValueError(
            "`pos_weight` must be a number, or an array that can be broadcast to the logits. "
            f"Received: pos_weight.shape={tuple(q.shape)}, logits.shape={tuple(logits.shape)}"
        )
    return bernoulli(logits, from_logits=True).crossentropy(yes_no(labels), q)


@loss_function()
def softmax_cross_entropy_with_logits(
    labels: Any = None, logits: Any = None, dim: int = -1, name: str | None = None, axis: int | None = None
) -> Any:
    """`tf.nn.softmax_cross_entropy_with_logits`: -Σ_c y_c log p_c along `axis` (once called `dim`).

    That is `CategoricalCrossentropy(from_logits=True, axis=axis, reduction="none")`. No gradient flows into the labels.
    `axis` works by itself, where TensorFlow 2.21 refuses it beside the default of `dim`.

    >>> float(softmax_cross_entropy_with_logits(labels=[[1.0, 0.0]], logits=[[0.0, 100.0]])[0])
    100.0
    """
    return values_from_logits(CategoricalCrossentropy(), ops.stop_gradient(labels), logits, axis)


@loss_function(axis=-1)
def softmax_cross_entropy_with_logits_v2(
    labels: Any, logits: Any, axis: int | None = None, name: str | None = None, dim: int | None = None
) -> Any:
    """`tf.nn.softmax_cross_entropy_with_logits_v2`: the same, with a gradient for the labels too.

    >>> float(softmax_cross_entropy_with_logits_v2([[1.0, 0.0]], [[0.0, 100.0]])[0])
    100.0
    """
    return values_from_logits(CategoricalCrossentropy(), labels, logits, axis)


@loss_function(axis=-1, indices=True)
def sparse_softmax_cross_entropy_with_logits(labels: Any = None, logits: Any = None, name: str | None = None) -> Any:
    """`tf.nn.sparse_softmax_cross_entropy_with_logits`: -log p_y along the last axis, for class indices y.

    That is `SparseCategoricalCrossentropy(from_logits=True, reduction="none")`.

    >>> float(sparse_softmax_cross_entropy_with_logits(labels=[0], logits=[[0.0, 100.0]])[0])
    100.0
    """
    return values_from_logits(SparseCategoricalCrossentropy(), labels, logits, axis=-1)


@loss_function()
def l2_loss(t: Any, name: str | None = None) -> Any:
    """`tf.nn.l2_loss`: ½ Σ t². (`L2Norm` is the root of Σ t².)

    >>> float(l2_loss([3.0, 4.0]))
    12.5
    """
    return ops.sum(ops.square(t)) / 2
