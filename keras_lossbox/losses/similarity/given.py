"""Losses of pairs and triplets that the data name: one for each sample, and no sample looks at another."""

from keras import ops

from keras_lossbox.core import targets
from keras_lossbox.core.batch import Values
from keras_lossbox.core.loss import Loss
from keras_lossbox.core.options import Choice, Flag, Integer, Number
from keras_lossbox.core.registry import register
from keras_lossbox.functions.elementary import mean, safe_power, safe_sqrt, sizes_of, unit_vectors


def distance(x, y, kind):
    """The distance of embeddings, along the last axis."""
    if kind == "cosine":
        return 1 - ops.sum(unit_vectors(x, -1) * unit_vectors(y, -1), -1)
    squared = ops.sum(ops.square(x - y), -1)
    return safe_sqrt(squared) if kind == "L2" else squared


def values_of_tuples(values, batch):
    """The values, one for each tuple of embeddings; it is left out if any of its embeddings is masked."""
    if batch.mask is None:
        return Values(values, batch.weights)
    return Values(values, batch.weights, ops.all(ops.broadcast_to(batch.mask, sizes_of(batch.y_pred)[:-1]), -1))


@register
class Contrastive(Loss):
    """Pairs that are similar shall be near, others farther apart than a margin.

        loss = y max(D - m₊, 0)^r + (1 - y) max(m - D, 0)^r

    TensorFlow Addons's `ContrastiveLoss` by default. Hadsell et al. halve it and call similar pairs 0
    (`similar_label=0`, as in Keras's example of a siamese network). `power=1` is PyTorch's `HingeEmbeddingLoss`, up to
    its labels of -1 and 1, and with `distance="cosine"` and a margin of 1 - its margin its `CosineEmbeddingLoss`.

    Args:
        margin: m >= 0, beyond which pairs that are not similar cost nothing.
        reduction, name, dtype: see `Loss`.
        distance: None if y_pred are distances; for pairs of embeddings `"L2"`, `"squared-L2"` or `"cosine"`, which is
            1 - cos.
        power: r >= 1.
        pos_margin: m₊ >= 0, up to which similar pairs cost nothing.
        similar_label: 1, or 0 if y_true says that pairs are different.

    Shapes: y_true and y_pred alike, `(n,)` or `(n, ..., k)`, with the mean over the last axis; with a `distance`
        y_pred is pairs of embeddings, `(n, ..., 2, d)`, and y_true `(n, ...)`. One value per sample.

    Raises:
        ValueError: for an option out of its range, shapes that do not fit, or labels outside of [0, 1].

    Example:

    >>> import keras_lossbox
    >>> float(keras_lossbox.Contrastive()([1, 0], [0.5, 0.25]))  # (0.5² + 0.75²) / 2
    0.40625

    Reference: Hadsell, Chopra and LeCun, Dimensionality Reduction by Learning an Invariant Mapping, 2006,
    https://doi.org/10.1109/CVPR.2006.100
    """

    margin = Number(1.0, low=0)
    distance = Choice(None, "L2", "squared-L2", "cosine", keyword=True)
    power = Number(2.0, low=1, keyword=True)
    pos_margin = Number(0.0, low=0, keyword=True)
    similar_label = Integer(1, low=0, keyword=True)

    def __post_init__(self):
        if self.similar_label > 1:
            raise ValueError(f"`similar_label` must be 0 or 1. Received: similar_label={self.similar_label}")

    def targets(self, y_pred):
        return targets.Distances() if self.distance is None else targets.Tuples(labels=True)

    def compute(self, batch):
        if self.distance is None:
            return batch.values(mean(self.formula(batch.y_true, batch.y_pred), -1))
        x, y = batch.y_pred[..., 0, :], batch.y_pred[..., 1, :]
        return values_of_tuples(self.formula(batch.y_true, distance(x, y, self.distance)), batch)

    def formula(self, y_true, distances):
        """The loss of each distance."""
        similar = y_true if self.similar_label else 1 - y_true
        costs = (ops.relu(distances - self.pos_margin), ops.relu(self.margin - distances))
        near, far = costs if self.power == 1 else (safe_power(cost, self.power) for cost in costs)
        return similar * near + (1 - similar) * far


@register
class TripletMargin(Loss):
    """A given negative shall be farther from the anchor than a given positive, by a margin.

        loss = max(D_ap - D_an + m, 0)

    For data that come as triplets. PyTorch's `TripletMarginLoss`, which adds 1e-6 to each difference of embeddings.
    Where samples have classes, `TripletSemiHard` and its neighbours find the triplets in the batch.

    Args:
        margin: m >= 0, in units of the distance.
        reduction, name, dtype: see `Loss`.
        distance: `"L2"`, `"squared-L2"` or `"cosine"`, which is 1 - cos.
        swap: True takes the distance of the positive and the negative where that is smaller than D_an.
        soft: True for softplus(D_ap - D_an), without a margin.

    Shapes: y_pred `(n, ..., 3, d)`: anchor, positive and negative of each sample, as `keras.ops.stack([a, p, n],
        axis=1)` makes them; y_true is not read: any array of n rows. One value per sample, `(n, ...)`.

    Raises:
        ValueError: for an option out of its range, or shapes that do not fit.

    Example:

    >>> import keras_lossbox
    >>> float(keras_lossbox.TripletMargin()([0], [[[0.0], [1.0], [1.5]]]))  # 1 - 1.5 + 1
    0.5

    Reference: Balntas et al., Learning local feature descriptors with triplets and shallow convolutional neural
    networks, 2016, https://doi.org/10.5244/C.30.119
    """

    margin = Number(1.0, low=0)
    distance = Choice("L2", "squared-L2", "cosine", keyword=True)
    swap = Flag(False, keyword=True)
    soft = Flag(False, keyword=True)

    def targets(self, y_pred):
        return targets.Tuples(size=3)

    def compute(self, batch):
        anchor, positive, negative = (batch.y_pred[..., i, :] for i in range(3))
        near, far = (distance(anchor, other, self.distance) for other in (positive, negative))
        if self.swap:
            between = distance(positive, negative, self.distance)
            far = ops.where(between < far, between, far)
        values = ops.softplus(near - far) if self.soft else ops.relu(near - far + self.margin)
        return values_of_tuples(values, batch)
