"""Losses over the similarities of all pairs of the batch."""

from keras import ops

from keras_lossbox.core import replicas
from keras_lossbox.core.options import Flag, Number
from keras_lossbox.core.registry import register
from keras_lossbox.functions.elementary import masked_log_sum_exp, max_over
from keras_lossbox.losses.similarity.base import (
    Pairwise,
    PairwiseDistances,
    log_one_plus_sum_exp,
    mean_over_pairs,
    similarities,
)


@register
class Circle(Pairwise, positional=("gamma", "margin", "remove_diagonal", "reduction", "name", "dtype")):
    """Similarities within and between classes, each weighted by how far it is from where it should be.

        value of an anchor = softplus(log Σ_p exp(-γ α_p (s_p - (1 - m))) + log Σ_n exp(γ α_n (s_n - m)))
        α_p = max(1 + m - s_p, 0),   α_n = max(s_n + m, 0),   s = the inner product, at most 1

    A drop-in superset of `keras.losses.Circle`, with its numbers: an anchor that lacks a positive or a negative is 0
    and not counted. Here the pairs are those of all replicas, labels of any size keep all their digits, and a sample
    that is masked or has weight 0 is nobody's partner. Boundaries are a circle, where a triplet's is a straight line.

    Args:
        gamma: γ > 0, the scale.
        margin: m in [0, 1], how far similarities may stay from 1 and from 0.
        remove_diagonal: False makes each row a positive of itself.
        reduction, name, dtype: see `Loss`.
        normalize: True divides each embedding by its length. Keras expects that it has length 1.
        detach_weights: True takes α for constants in the gradient, as the paper and pytorch-metric-learning do; Keras
            does not.

    Shapes: as for `TripletSemiHard`.

    Raises:
        ValueError: for an option out of its range, shapes that do not fit, labels that are no whole numbers.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.Circle(gamma=1.0, margin=0.0)
    >>> float(loss([1, 1, 2], [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))  # softplus(0 + 0), of two anchors
    0.6931471824645996

    Reference: Sun et al., Circle Loss, 2020, https://arxiv.org/abs/2002.10857
    """

    gamma = Number(80.0, low=0, above=True)
    margin = Number(0.4, low=0, high=1)
    remove_diagonal = Flag(True)
    detach_weights = Flag(False, keyword=True)

    def formula(self, pairs):
        s = similarities(pairs.anchors, pairs.keys)
        s = ops.where(s > 1, 1, s)
        positive = pairs.positive
        if not self.remove_diagonal:
            positive = ops.logical_or(positive, ops.logical_and(pairs.itself, pairs.usable[:, None]))
        weights = [ops.relu(1 + self.margin - s), ops.relu(s + self.margin)]
        if self.detach_weights:
            weights = map(ops.stop_gradient, weights)
        of_positive, of_negative = weights
        towards = masked_log_sum_exp(-self.gamma * of_positive * (s - (1 - self.margin)), positive)
        away = masked_log_sum_exp(self.gamma * of_negative * (s - self.margin), pairs.negative)
        defined = ops.logical_and(ops.any(positive, -1), pairs.has_negative)
        return ops.softplus(towards + away), defined


@register
class MultiSimilarity(Pairwise):
    """Soft sums of an anchor's similarities: of its negatives above a threshold, of its positives below it.

        value of an anchor = 1/α log(1 + Σ_p e^(-α (s_p - λ))) + 1/β log(1 + Σ_n e^(β (s_n - λ))),   s = cos

    The larger α and β, the more the hardest decide. An anchor counts if it has any partner, of either kind;
    pytorch-metric-learning's `MultiSimilarityLoss`, which counts all. `Circle` weighs each similarity by itself.

    Args:
        alpha: α > 0.
        beta: β > 0.
        base: λ, the threshold.
        reduction, name, dtype: see `Loss`.
        normalize: True divides each embedding by its length, so that s is the cosine.
        epsilon: ε of the paper's mining: only positives less similar than the most similar negative + ε, and negatives
            more similar than the least similar positive - ε. The paper has 0.1. None: all.

    Shapes: as for `TripletSemiHard`.

    Raises:
        ValueError: for an option out of its range, shapes that do not fit, labels that are no whole numbers.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.MultiSimilarity(alpha=1.0, beta=1.0, base=0.0)
    >>> float(loss([1, 2], [[1.0, 0.0], [0.0, 1.0]]))  # no positives; log(1 + 1)
    0.6931471824645996

    Reference: Wang et al., Multi-Similarity Loss with General Pair Weighting for Deep Metric Learning, 2019,
    https://arxiv.org/abs/1904.06627
    """

    alpha = Number(2.0, low=0, above=True)
    beta = Number(50.0, low=0, above=True)
    base = Number(0.5)
    normalize = Flag(True, keyword=True)
    epsilon = Number(None, keyword=True)

    def formula(self, pairs):
        s = similarities(pairs.anchors, pairs.keys)
        positive, negative = self.mined(s, pairs)
        costs = [
            log_one_plus_sum_exp(factor * (s - self.base), mask) / abs(factor)
            for factor, mask in ((-self.alpha, positive), (self.beta, negative))
        ]
        return sum(costs), ops.logical_or(pairs.has_positive, pairs.has_negative)

    def mined(self, s, pairs):
        """The positives and negatives that are compared."""
        if self.epsilon is None:
            return pairs.positive, pairs.negative
        s = ops.stop_gradient(s)
        nearest_negative = max_over(ops.where(pairs.negative, s, float("-inf")), -1, keepdims=True)
        farthest_positive = -max_over(ops.where(pairs.positive, -s, float("-inf")), -1, keepdims=True)
        return (
            ops.logical_and(pairs.positive, s < nearest_negative + self.epsilon),
            ops.logical_and(pairs.negative, s > farthest_positive - self.epsilon),
        )


@register
class LiftedStruct(PairwiseDistances):
    """Each pair of a class against all negatives of both, softly the nearest of them.

        loss = mean over the pairs (i, j) of a class of max(J_ij, 0)² / 2
        J_ij = D_ij + log(Σ_{negatives of i} e^(m - D_ik) + Σ_{negatives of j} e^(m - D_jk))

    TensorFlow Addons's `LiftedStructLoss`, whose value is NaN for a batch without negatives: here an anchor that lacks
    a positive or a negative is not counted. `TripletHard` takes the nearest negative itself.

    Args:
        margin: m >= 0, in units of the distance.
        reduction, name, dtype: see `Loss`.
        normalize, distance: see `TripletSemiHard`.

    Shapes: as for `TripletSemiHard`.

    Raises:
        ValueError: for an option out of its range, shapes that do not fit, labels that are no whole numbers.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.LiftedStruct(margin=1.0)
    >>> round(float(loss([1, 1, 2], [[0.0], [0.0], [1.0]])), 4)  # (log 2)² / 2
    0.2402

    Reference: Song et al., Deep Metric Learning via Lifted Structured Feature Embedding, 2016,
    https://arxiv.org/abs/1511.06452
    """

    margin = Number(1.0, low=0)

    by_anchor = False

    def formula(self, pairs):
        distances = self.distances(pairs)
        of_anchor = masked_log_sum_exp(self.margin - distances, pairs.negative)
        of_key = replicas.gather(of_anchor)
        of_both = of_anchor[:, None] + ops.softplus(of_key[None] - of_anchor[:, None])
        costs = ops.square(ops.relu(distances + of_both))
        defined = ops.logical_and(pairs.has_positive, pairs.has_negative)
        anchors = mean_over_pairs(costs, pairs.positive, defined)
        return anchors._replace(values=anchors.values / 2)
