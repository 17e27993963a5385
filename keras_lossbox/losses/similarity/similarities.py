"""Losses over the similarities of all pairs of the batch."""

from keras import ops

from keras_lossbox.core.options import Flag, Number
from keras_lossbox.core.registry import register
from keras_lossbox.losses.similarity.base import Pairwise, log_sum_exp, similarities


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
        ValueError: for an option out of its range, or shapes that do not fit.

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
        s = similarities(pairs)
        s = ops.where(s > 1, 1, s)
        positive = pairs.positive
        if not self.remove_diagonal:
            positive = ops.logical_or(positive, ops.logical_and(pairs.itself, pairs.usable[:, None]))
        weights = [ops.relu(1 + self.margin - s), ops.relu(s + self.margin)]
        if self.detach_weights:
            weights = map(ops.stop_gradient, weights)
        of_positive, of_negative = weights
        towards = log_sum_exp(-self.gamma * of_positive * (s - (1 - self.margin)), positive)
        away = log_sum_exp(self.gamma * of_negative * (s - self.margin), pairs.negative)
        defined = ops.logical_and(ops.any(positive, -1), pairs.has_negative)
        return ops.softplus(towards + away), defined
