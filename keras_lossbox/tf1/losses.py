"""`tf.losses`: weighted and reduced losses."""

from typing import Any

from keras import ops

from keras_lossbox.functions.elementary import divide_no_nan
from keras_lossbox.losses.binary import BalancedBinaryCrossentropy, BinaryCrossentropy
from keras_lossbox.losses.categorical import CategoricalCrossentropy, SparseCategoricalCrossentropy
from keras_lossbox.losses.regression import MeanAbsoluteError, MeanSquaredError
from keras_lossbox.losses.robust import Huber
from keras_lossbox.tf1.arguments import BY_NONZERO, LOSSES, Collection, Reduction, loss_function, values_from_logits


@loss_function()
def compute_weighted_loss(
    losses: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: Collection = LOSSES,
    reduction: str = BY_NONZERO,
) -> Any:
    """`tf.losses.compute_weighted_loss`: what every loss of this package does with its values.

        loss = Σ w v / number of w ≠ 0   (the default; integer values become floats)

    >>> float(compute_weighted_loss([1.0, 2.0, 6.0], weights=[1.0, 0.0, 0.5]))  # (1 + 3) / 2
    2.0
    """
    return losses


@loss_function("float32")
def absolute_difference(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: Collection = LOSSES,
    reduction: str = BY_NONZERO,
) -> Any:
    """`tf.losses.absolute_difference`: v = |y - ŷ|, the values of `MeanAbsoluteError(axis=None)`.

    >>> float(absolute_difference([1.0, 2.0], [2.0, 5.0]))
    2.0
    """
    return MeanAbsoluteError(axis=None).call(labels, predictions)


@loss_function("float32")
def mean_squared_error(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: Collection = LOSSES,
    reduction: str = BY_NONZERO,
) -> Any:
    """`tf.losses.mean_squared_error`: v = (y - ŷ)², the values of `MeanSquaredError(axis=None)`.

    >>> float(mean_squared_error([1.0, 2.0], [2.0, 5.0]))
    5.0
    """
    return MeanSquaredError(axis=None).call(labels, predictions)


@loss_function("float32")
def huber_loss(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    delta: float = 1.0,
    scope: str | None = None,
    loss_collection: Collection = LOSSES,
    reduction: str = BY_NONZERO,
) -> Any:
    """`tf.losses.huber_loss`: v = ½e² where |e| <= δ, else δ|e| - ½δ²; the values of `Huber(delta, axis=None)`.

    >>> float(huber_loss([0.0, 0.0], [1.0, 4.0], delta=2.0))  # (0.5 + 6) / 2
    3.25
    """
    return Huber(delta, axis=None).call(labels, predictions)


@loss_function("float32")
def hinge_loss(
    labels: Any,
    logits: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: Collection = LOSSES,
    reduction: str = BY_NONZERO,
) -> Any:
    """`tf.losses.hinge_loss`: v = max(0, 1 - (2y - 1) z), for labels y of 0 and 1.

    `Hinge` is its mean over the last axis; `ZeroOne(from_logits=True, surrogate="hinge")` has its gradient.

    >>> float(hinge_loss([1.0, 0.0], [0.5, -2.0]))  # (0.5 + 0) / 2
    0.25
    """
    return ops.relu(1 - (2 * labels - 1) * logits)


@loss_function("float32")
def log_loss(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    epsilon: float = 1e-7,
    scope: str | None = None,
    loss_collection: Collection = LOSSES,
    reduction: str = BY_NONZERO,
) -> Any:
    """`tf.losses.log_loss`: v = -y log(p + ε) - (1 - y) log(1 - p + ε), for probabilities p.

    `BinaryCrossentropy(axis=None)` clips p to [ε, 1 - ε] where this adds ε, and differs by about ε/p.

    >>> round(float(log_loss([1.0, 0.0], [0.5, 0.5])), 4)
    0.6931
    """
    return -labels * ops.log(predictions + epsilon) - (1 - labels) * ops.log(1 - predictions + epsilon)


@loss_function("float32", keepdims=True)
def cosine_distance(
    labels: Any,
    predictions: Any,
    axis: int | None = None,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: Collection = LOSSES,
    reduction: str = BY_NONZERO,
    dim: int | None = None,
) -> Any:
    """`tf.losses.cosine_distance`: v = 1 - Σ y ŷ along `axis` (once called `dim`), which stays, with size 1.

    Neither y nor ŷ is normalised. `keras.losses.CosineSimilarity` normalises both, and of unit vectors is this less 1.

    >>> float(cosine_distance([[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]], axis=1))  # (0 + 1) / 2
    0.5
    """
    return 1 - ops.sum(labels * predictions, axis, keepdims=True)


@loss_function("float32", select=False, default=Reduction.SUM)
def mean_pairwise_squared_error(
    labels: Any, predictions: Any, weights: Any = 1.0, scope: str | None = None, loss_collection: Collection = LOSSES
) -> Any:
    """`tf.losses.mean_pairwise_squared_error`: the error of differences within a sample; an offset costs nothing.

        loss = Σ over samples of  w 2 (Σ d² - (Σ d)²/n) / (n - 1),   d = ŷ - y,   n the number of w ≠ 0 in the sample

    That is 2 w times the variance of d, and 0 where n < 2; a sum over samples, not their mean. As in TensorFlow, a
    sample whose weights are all 0 is left out, but a single weight of 0 changes n and w, and its d stays in the sums.
    This is what TensorFlow's graphs give: its eager mode, if `weights` is one number, takes the batch's size for n.

    >>> float(mean_pairwise_squared_error([[0.0, 0.0, 0.0]], [[1.0, 2.0, 6.0]]))  # (1 + 25 + 16) / 3
    14.0
    """
    d, w = predictions - labels, ops.ones_like(predictions) if weights is None else weights
    rank = len(d.shape)
    if rank < 2:  # one entry in each sample
        d, w = ops.reshape(d, (-1, 1)), ops.reshape(w, (-1, 1))
    within = tuple(range(1, max(rank, 2)))
    n = ops.sum(ops.cast(ops.broadcast_to(ops.not_equal(w, 0), ops.shape(d)), d.dtype), within, keepdims=True)
    d = ops.where(n > 0, d, 0)
    of_squares = divide_no_nan(ops.sum(ops.square(d), within, keepdims=True), ops.relu(n - 1))
    of_sum = divide_no_nan(ops.square(ops.sum(d, within, keepdims=True)), n * ops.relu(n - 1))
    values = ops.reshape(2 * (of_squares - of_sum), (-1,) + (1,) * (rank - 1))
    return values if weights is None else values * ops.ones_like(weights)


@loss_function()
def sigmoid_cross_entropy(
    multi_class_labels: Any,
    logits: Any,
    weights: Any = 1.0,
    label_smoothing: float = 0,
    scope: str | None = None,
    loss_collection: Collection = LOSSES,
    reduction: str = BY_NONZERO,
) -> Any:
    """`tf.losses.sigmoid_cross_entropy`: v = -y log p - (1 - y) log(1 - p), y smoothed to y (1 - ε) + ε/2.

    The values of `BinaryCrossentropy(from_logits=True, label_smoothing=ε, axis=None)`.

    >>> round(float(sigmoid_cross_entropy([[1.0, 0.0]], [[0.0, 0.0]])), 4)
    0.6931
    """
    return values_from_logits(BinaryCrossentropy(label_smoothing=label_smoothing), multi_class_labels, logits)


@loss_function()
def balanced_sigmoid_cross_entropy(
    multi_class_labels: Any,
    logits: Any,
    weights: Any = 1.0,
    label_smoothing: float = 0,
    scope: str | None = None,
    loss_collection: Collection = LOSSES,
    reduction: str = BY_NONZERO,
    beta: float | None = None,
) -> Any:
    """`sigmoid_cross_entropy` with weight β for positives and 1 - β for negatives; in TensorFlow's manner, not of it.

        v = -β y log p - (1 - β)(1 - y) log(1 - p),   β the fraction of negatives among entries of weight ≠ 0

    The values of `BalancedBinaryCrossentropy(from_logits=True, axis=None)`, and 1 - β times those of
    `weighted_cross_entropy_with_logits(pos_weight=β/(1 - β))`.

    >>> round(float(balanced_sigmoid_cross_entropy([[1.0, 0.0, 0.0, 0.0]], [[0.0, 0.0, 0.0, 0.0]])), 4)
    0.2599

    Reference: Xie and Tu, Holistically-Nested Edge Detection, 2015, https://arxiv.org/abs/1504.06375
    """
    loss = BalancedBinaryCrossentropy(label_smoothing=label_smoothing, beta=beta)
    mask = None if weights is None else ops.not_equal(weights, 0)
    return values_from_logits(loss, multi_class_labels, logits, mask=mask)


@loss_function(axis=-1)
def softmax_cross_entropy(
    onehot_labels: Any,
    logits: Any,
    weights: Any = 1.0,
    label_smoothing: float = 0,
    scope: str | None = None,
    loss_collection: Collection = LOSSES,
    reduction: str = BY_NONZERO,
) -> Any:
    """`tf.losses.softmax_cross_entropy`: v = -Σ_c y_c log p_c along the last axis, y smoothed to y (1 - ε) + ε/C.

    The values of `CategoricalCrossentropy(from_logits=True, label_smoothing=ε)`. No gradient flows into the labels.
    That of the logits is right also for a row of labels that does not sum to 1, as TensorFlow assumes it does.

    >>> round(float(softmax_cross_entropy([[0.0, 1.0]], [[0.0, 0.0]])), 4)
    0.6931
    """
    loss = CategoricalCrossentropy(label_smoothing=label_smoothing)
    return values_from_logits(loss, ops.stop_gradient(onehot_labels), logits, axis=-1)


@loss_function(axis=-1, indices=True)
def sparse_softmax_cross_entropy(
    labels: Any,
    logits: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: Collection = LOSSES,
    reduction: str = BY_NONZERO,
) -> Any:
    """`tf.losses.sparse_softmax_cross_entropy`: v = -log p_y along the last axis, for class indices y.

    The values of `SparseCategoricalCrossentropy(from_logits=True)`. Labels and weights may have one more axis, of size
    1. A label that is no class is an error, under XLA NaN; under weight 0 it may be anything.

    >>> round(float(sparse_softmax_cross_entropy([1], [[0.0, 0.0]])), 4)
    0.6931
    """
    return values_from_logits(SparseCategoricalCrossentropy(), labels, logits, axis=-1)
