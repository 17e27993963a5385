"""Losses of the order of items in a list, as of documents for a query: what counts is which score is larger."""

import math
from typing import Any, NamedTuple

from keras import ops

from keras_lossbox.core import targets
from keras_lossbox.core.batch import Values
from keras_lossbox.core.loss import Loss
from keras_lossbox.core.options import Choice, Integer, Number
from keras_lossbox.core.registry import register
from keras_lossbox.functions.elementary import divide_no_nan, masked_log_sum_exp, max_over, multiply_optional, sizes_of


class Items(NamedTuple):
    """The items of lists, `(n, ..., items)`; of those that are not valid labels are 0 and scores finite."""

    labels: Any
    scores: Any
    valid: Any
    weights: Any = None


class Ranking(Loss):
    """A loss of lists: `formula` gives each list's value, and which lists have one."""

    temperature = 1.0  # what scores are divided by: an option of each loss
    jit_compile = True

    def targets(self, y_pred):
        return targets.Lists()

    def ignored(self, batch):
        return batch.y_true < 0

    def compute(self, batch):
        of_items, of_lists = item_and_list_weights(batch.weights)
        y, s, sizes = batch.y_true, batch.y_pred, sizes_of(batch.y_pred)
        valid = ops.broadcast_to(batch.valid, sizes)
        values, defined = self.formula(Items(y, s / self.temperature, valid, of_items))
        defined = ops.logical_and(defined, count(valid, s) > 1)
        unknown = ops.any(ops.logical_and(valid, ops.logical_or(ops.isnan(y), ops.isnan(s))), -1)
        values = ops.where(unknown, float("nan"), ops.where(defined, values, 0))
        mask = ops.logical_or(defined, unknown)
        if of_lists is not None:  # a weight of 0 has taken the labels away, and does not take a list out of the mean
            there = ops.any(ops.broadcast_to(batch.mask, sizes), -1)
            mask = ops.logical_or(mask, ops.logical_and(there, ops.equal(of_lists, 0)))
        return Values(values, of_lists, mask)

    def formula(self, items):
        """The value of each list, and which lists have one; where they have none, anything finite."""
        raise NotImplementedError


def item_and_list_weights(weights):
    """Weights of items, `(n, ..., items)`, and of lists, `(n, ...)`: only one of them, the other is None."""
    if weights is None or len(weights.shape) == 0:
        return None, weights
    if weights.shape[-1] is not None:
        return (None, weights[..., 0]) if weights.shape[-1] == 1 else (weights, None)
    one = ops.equal(ops.shape(weights)[-1], 1)  # which only the run knows
    return ops.where(one, 1, weights), ops.where(one, weights[..., 0], 1)


def count(mask, like):
    """How many along the last axis are true, in the dtype of `like`."""
    return ops.sum(ops.cast(mask, like.dtype), -1)


def differences(x):
    """x_i - x_j for all pairs of items, `(n, ..., items, items)`."""
    return ops.expand_dims(x, -1) - ops.expand_dims(x, -2)


def is_before(x, valid):
    """Whether item j comes before item i in the falling order of x; equal ones stay as they stand."""
    first, second = ops.expand_dims(x, -2), ops.expand_dims(x, -1)  # of j, of i
    places = ops.arange(sizes_of(x)[-1])
    tied = ops.logical_and(ops.equal(first, second), places[None] < places[:, None])
    return ops.logical_and(ops.expand_dims(valid, -2), ops.logical_or(first > second, tied))


def discounts(x, valid):
    """1 / log2(1 + r) for the ranks r = 1, 2, 3 … of the items in the falling order of x."""
    return math.log(2) / ops.log(2 + count(is_before(x, valid), x))


def gains_and_ideal(items, topn=None):
    """2^y - 1 of each item, and the DCG of the best order, up to a factor that is the same for both.

    The factor is 2^-y of the largest y: large labels do not overflow.
    """
    y = ops.stop_gradient(items.labels)
    gains = ops.exp(math.log(2) * (y - max_over(y, -1, keepdims=True))) * -ops.expm1(-math.log(2) * y)
    gains = ops.where(items.valid, gains, 0)
    best = discounts(y, items.valid)
    if topn is not None:
        best = ops.where(best < math.log(2) / math.log(topn + 1.5), 0, best)
    return gains, ops.sum(gains * best, -1)


@register
class ListNet(Ranking):
    """The cross-entropy between the relevance of the items of a list and the softmax of their scores.

        loss = -Σ_i q_i log softmax(s / T)_i

    Each relevant item competes with all others of its list. For lists of two items, with labels 1 and 0, it is
    `PairwiseLogistic`. A list of one item, or without a relevant one, has nothing to order and is not counted in the
    mean. The numbers of TensorFlow Ranking's `SoftmaxLoss`, and of Optax's `ranking_softmax_loss`, if all lists have a
    relevant item.

    Args:
        temperature: T > 0.
        relevance: what q is. `"labels"`: y itself, so that lists with much that is relevant weigh more; `"normalized"`:
            y / Σ y, each list alike; `"softmax"`: softmax(y), as in the paper, where no item is entirely irrelevant.
        reduction, name, dtype: see `Loss`.

    Shapes: y_pred scores `(n, ..., items)`, or `(n, ..., items, 1)`; y_true `(n, ..., items)`, 0 or more. A label below
        0, or a mask, leaves an item out. One value per list, `(n, ...)`. Weights `(n, ...)` are those of lists, and of
        the shape of y_true those of items: here they multiply q_i.

    Raises:
        ValueError: for an option out of its range, or shapes that do not fit.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.ListNet()
    >>> round(float(loss([[1, 0, 0, -1]], [[0.0, 0.0, 0.0, 9.0]])), 4)  # one of three: log 3
    1.0986

    Reference: Cao et al., Learning to Rank: From Pairwise Approach to Listwise Approach, 2007,
    https://doi.org/10.1145/1273496.1273513
    """

    temperature = Number(1.0, low=0, above=True)
    relevance = Choice("labels", "normalized", "softmax")

    def formula(self, items):
        q, s = items.labels, items.scores
        if self.relevance == "normalized":
            q = divide_no_nan(q, ops.sum(q, -1, keepdims=True))
        elif self.relevance == "softmax":
            q = ops.where(items.valid, ops.exp(q - ops.expand_dims(masked_log_sum_exp(q, items.valid), -1)), 0)
        neg_log_p = ops.expand_dims(masked_log_sum_exp(s, items.valid), -1) - s
        costs = multiply_optional(q * neg_log_p, items.weights)
        return ops.sum(ops.where(items.valid, costs, 0), -1), ops.any(q > 0, -1)


@register
class ListMLE(Ranking):
    """How unlikely the true order of a list is, if one item after the other is drawn by the softmax of the scores left.

        loss = Σ_i [log Σ_{j >= i} exp(s_(j) / T) - s_(i) / T]   in the falling order of the labels

    It is the negative log-likelihood of Plackett and Luce, of the whole order, the last places too; items of equal
    labels are taken in the order in which they stand. (TensorFlow Ranking shuffles them.) For labels with many ties
    `ListNet` suits better. A list of one item is not counted in the mean. keras-rs's `ListMLELoss`, whose number it is
    but for an ε inside its logarithm, counts it.

    Args:
        temperature: T > 0.
        reduction, name, dtype: see `Loss`.

    Shapes: as for `ListNet`; weights of items multiply the terms of the sum.

    Raises:
        ValueError: as `ListNet`.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.ListMLE()
    >>> round(float(loss([[2, 1, 0]], [[0.0, 0.0, 0.0]])), 4)  # one of 3 · 2 · 1 orders: log 6
    1.7918

    Reference: Xia et al., Listwise Approach to Learning to Rank, 2008, https://doi.org/10.1145/1390156.1390306
    """

    temperature = Number(1.0, low=0, above=True)

    def formula(self, items):
        before = is_before(items.labels, items.valid)
        left = ops.logical_and(ops.expand_dims(items.valid, -2), ops.logical_not(before))
        s = ops.broadcast_to(ops.expand_dims(items.scores, -2), sizes_of(left))
        costs = multiply_optional(masked_log_sum_exp(s, left) - items.scores, items.weights)
        return ops.sum(ops.where(items.valid, costs, 0), -1), ops.any(items.valid, -1)


@register
class ApproxNDCG(Ranking):
    """One minus the NDCG of a list, of ranks that are made smooth: the measure itself as a loss.

        loss = 1 - 1/ideal · Σ_i (2^y_i - 1)/log2(1 + r_i),   r_i = 1/2 + Σ_j sigmoid((s_j - s_i) / T)

    `ideal` is the sum for the best order. The smaller T, the closer to the NDCG, and the flatter: T is to scores what
    tells two of them apart. A list of one item, or without a relevant one, is not counted in the mean. TensorFlow
    Ranking's `ApproxNDCGLoss` is this less 1, with the same gradient.

    Args:
        temperature: T > 0.
        topn: k, for the NDCG of the first k places: each term is multiplied by sigmoid((k + 1/2 - r_i) / T), and the
            best order has k terms. None for all.
        reduction, name, dtype: see `Loss`.

    Shapes: as for `ListNet`; of weights of items each list has the mean by labels, Σ w y / Σ y, as in TensorFlow
        Ranking.

    Raises:
        ValueError: as `ListNet`.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.ApproxNDCG()
    >>> round(float(loss([[0, 1]], [[5.0, 0.0]])), 4)  # on the second place: 1 - 1 / log2(3)
    0.3691

    Reference: Qin, Liu and Li, A General Approximation Framework for Direct Optimization of Information Retrieval
    Measures, 2010, https://doi.org/10.1007/s10791-009-9124-x
    """

    temperature = Number(0.1, low=0, above=True)
    topn = Integer(None, low=1)

    def formula(self, items):
        others = ops.where(ops.expand_dims(items.valid, -2), ops.sigmoid(-differences(items.scores)), 0)
        ranks = 0.5 + ops.sum(others, -1)
        gains, ideal = gains_and_ideal(items, self.topn)
        terms = gains * math.log(2) / ops.log1p(ranks)
        if self.topn is not None:
            terms = terms * ops.sigmoid((self.topn + 0.5 - ranks) / self.temperature)
        values = 1 - divide_no_nan(ops.sum(terms, -1), ideal)
        if items.weights is not None:
            y = items.labels
            values = values * divide_no_nan(ops.sum(items.weights * y, -1), ops.sum(y, -1))
        return values, ideal > 0


class PairwiseRanking(Ranking):
    """The mean over the pairs of a list, of items of which one is more relevant, of a `cost` of their scores."""

    temperature = Number(1.0, low=0, above=True)
    average = Choice("pairs", "items", keyword=True)
    lambda_weight = Choice(None, "ndcg", keyword=True)

    def formula(self, items):
        both = ops.logical_and(ops.expand_dims(items.valid, -1), ops.expand_dims(items.valid, -2))
        pairs = ops.logical_and(both, differences(items.labels) > 0)
        costs = self.cost(differences(items.scores))
        if self.lambda_weight == "ndcg":
            costs = costs * changes_of_ndcg(items)
        if items.weights is not None:
            costs = costs * ops.expand_dims(items.weights, -1)
        totals = ops.sum(ops.where(pairs, costs, 0), (-2, -1))
        number = ops.sum(count(pairs, costs), -1) if self.average == "pairs" else count(items.valid, costs)
        return divide_no_nan(totals, number), ops.any(pairs, (-2, -1))

    def cost(self, difference):
        """What a pair costs, from the score of the more relevant item less that of the other, both divided by T."""
        raise NotImplementedError


def changes_of_ndcg(items):
    """By how much the NDCG changes if items i and j change places, as a constant."""
    gains, ideal = gains_and_ideal(items)
    by_rank = discounts(items.scores, items.valid)
    change = ops.abs(differences(gains) * differences(by_rank))
    return ops.stop_gradient(divide_no_nan(change, ops.expand_dims(ops.expand_dims(ideal, -1), -1)))


@register
class PairwiseLogistic(PairwiseRanking):
    """For each two items of a list, how unlikely it is that the more relevant one is before the other (RankNet).

        loss = mean over the pairs y_i > y_j of softplus(-(s_i - s_j) / T)

    A binary cross-entropy of the difference of two scores. A list in which no two labels differ has no pair, and is not
    counted in the mean. Items of equal labels are not compared.

    Args:
        temperature: T > 0.
        reduction, name, dtype: see `Loss`.
        average: `"pairs"`: over the pairs of each list. `"items"`: divides their sum by the number of items in place of
            the pairs, as keras-rs and TensorFlow Ranking do (where padding counts as items).
        lambda_weight: `"ndcg"` multiplies each pair by how much the NDCG of the list changes if the two change places,
            as a constant (LambdaRank): pairs near the top then decide. None for pairs alike.

    Shapes: as for `ListNet`; the weight of an item multiplies the pairs in which it is the more relevant one.

    Raises:
        ValueError: as `ListNet`.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.PairwiseLogistic()
    >>> round(float(loss([[2, 1, 0]], [[3.0, 3.0, 3.0]])), 4)  # three pairs of log 2
    0.6931

    Reference: Burges et al., Learning to Rank using Gradient Descent, 2005, https://doi.org/10.1145/1102351.1102363;
    the weights: Burges, From RankNet to LambdaRank to LambdaMART, 2010
    """

    def cost(self, difference):
        return ops.softplus(-difference)


@register
class PairwiseHinge(PairwiseRanking):
    """For each two items of a list, by how much the more relevant one fails to be a margin before the other.

        loss = mean over the pairs y_i > y_j of max(0, m - (s_i - s_j) / T)

    What is right by the margin costs nothing, unlike in `PairwiseLogistic`. A list in which no two labels differ has no
    pair, and is not counted in the mean. For lists of two items it is PyTorch's `MarginRankingLoss`.

    Args:
        temperature: T > 0.
        reduction, name, dtype: see `Loss`.
        average, lambda_weight: see `PairwiseLogistic`.
        margin: m >= 0.

    Shapes: as for `PairwiseLogistic`.

    Raises:
        ValueError: as `ListNet`.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.PairwiseHinge()
    >>> round(float(loss([[1, 0]], [[0.5, 1.0]])), 4)  # 1 - (0.5 - 1)
    1.5

    Reference: Herbrich, Graepel and Obermayer, Large Margin Rank Boundaries for Ordinal Regression, 2000
    """

    margin = Number(1.0, low=0, keyword=True)

    def cost(self, difference):
        return ops.relu(self.margin - difference)
