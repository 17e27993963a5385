"""Losses that ask which key belongs to an anchor: a cross-entropy over the similarities to all keys."""

from typing import Any, NamedTuple

from keras import ops

from keras_lossbox.core import replicas, targets
from keras_lossbox.core.loss import Loss
from keras_lossbox.core.options import Choice, Flag, Number
from keras_lossbox.core.registry import register
from keras_lossbox.functions.elementary import masked_log_sum_exp, multiply_optional, sizes_of, unit_vectors
from keras_lossbox.losses.similarity import chunks
from keras_lossbox.losses.similarity.base import (
    Pairwise,
    mean_by,
    mean_over_partners,
    similarities,
    values_of,
)


@register
class NTXent(Pairwise):
    """For each pair of a class a cross-entropy: this positive against all negatives of the anchor.

        loss = mean over the pairs (a, p) of a class of -log(e^(s_ap/T) / (e^(s_ap/T) + Σ_n e^(s_an/T))),   s = cos

    The loss of SimCLR, for labels of any kind: with two views of each sample, `(n, 2, d)`, and `labels=False` it is
    SimCLR's own. The other positives are in no denominator, unlike in `SupCon`; with one positive for each anchor both
    are one. pytorch-metric-learning's `NTXentLoss`. (KerasCV and TensorFlow Similarity add up both directions of a
    pair, which is twice the number.)

    Args:
        temperature: T > 0.
        reduction, name, dtype: see `Loss`.
        normalize: True divides each embedding by its length, so that s is the cosine.
        average: `"pairs"`: over the pairs of the batch, and an anchor's value is its share of that mean. `"anchors"`:
            over each anchor's pairs first.
        labels: False makes each sample a class of its own, whose members are its views; y_true is then not read.

    Shapes: y_pred `(n, d)`, or `(n, ..., d)` with several embeddings, or views, of each sample; y_true integers `(n,)`
        or `(n, 1)`, or one for each embedding; any array of n rows for `labels=False`. One value per embedding,
        `(n, ...)`.

    Raises:
        ValueError: for an option out of its range, shapes that do not fit, labels that are no whole numbers.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.NTXent(temperature=1.0, normalize=False)
    >>> float(loss([1, 1, 2], [[0.0], [1.0], [0.0]]))  # each pair against one negative, all similarities are 0
    0.6931471824645996

    Reference: Chen et al., A Simple Framework for Contrastive Learning of Visual Representations, 2020,
    https://arxiv.org/abs/2002.05709
    """

    temperature = Number(0.07, low=0, above=True)
    normalize = Flag(True, keyword=True)
    average = Choice("pairs", "anchors", keyword=True)
    labels = Flag(True, keyword=True)

    def formula(self, pairs):
        s = similarities(pairs.anchors, pairs.keys, self.temperature)
        against = ops.where(pairs.has_negative, masked_log_sum_exp(s, pairs.negative), float("-inf"))
        costs = ops.softplus(against[:, None] - s)
        return mean_by(self.average, costs, pairs.positive, pairs.has_positive)


@register
class SupCon(Pairwise):
    """The mean cross-entropy of an anchor's positives, each against all others of the batch.

        value of an anchor = log Σ_{j≠a} e^(s_aj/T) - mean over its positives of s_ap/T,   s = cos

    Supervised contrastive learning, the form with the mean outside of the logarithm, L_out. All other positives stand
    in the denominator, so that it is not 0 for a class in one place: it also pushes positives apart. An anchor without
    a positive has no value and is not counted; SupContrast's is NaN. `NTXent` leaves other positives out.

    Args:
        temperature: T > 0.
        reduction, name, dtype: see `Loss`.
        normalize: True divides each embedding by its length, so that s is the cosine.
        labels: False makes each sample a class of its own, whose members are its views; y_true is then not read.
        base_temperature: T₀ > 0; the value is multiplied by T/T₀, as SupContrast does with T₀ = 0.07. None: not.

    Shapes: as for `NTXent`; SupContrast's features `(n, views, d)` are taken as they are.

    Raises:
        ValueError: for an option out of its range, shapes that do not fit, labels that are no whole numbers.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.SupCon(temperature=1.0, normalize=False)
    >>> float(loss([1, 1, 2], [[0.0], [1.0], [0.0]]))  # log 2 - 0, of two anchors
    0.6931471824645996

    Reference: Khosla et al., Supervised Contrastive Learning, 2020, https://arxiv.org/abs/2004.11362
    """

    temperature = Number(0.1, low=0, above=True)
    normalize = Flag(True, keyword=True)
    labels = Flag(True, keyword=True)
    base_temperature = Number(None, low=0, above=True, keyword=True)

    def formula(self, pairs):
        s = similarities(pairs.anchors, pairs.keys, self.temperature)
        others = ops.logical_or(pairs.positive, pairs.negative)
        values = masked_log_sum_exp(s, others) - mean_over_partners(s, pairs.positive)
        factor = None if self.base_temperature is None else self.temperature / self.base_temperature
        return multiply_optional(values, factor), pairs.has_positive


class Tuples(NamedTuple):
    """The first two embeddings of samples of this replica, and of all of all replicas; and the others of these."""

    queries: Any  # (m, d)
    keys: Any  # (m, d)
    all_queries: Any  # (M, d)
    all_keys: Any  # (M, d)
    others: Any  # (M h, d)
    ids: Any  # (m,)
    all_ids: Any  # (M,)
    usable: Any  # (M,)
    others_usable: Any  # (M h,)

    @property
    def itself(self) -> Any:
        """Where a query meets the key of its own sample, (m, M)."""
        return ops.equal(self.ids[:, None], self.all_ids[None])


class Matching(Loss):
    """Which second embedding of the batch belongs to which first: `formula` gives the value of each sample."""

    normalize = Flag(True, keyword=True)

    jit_compile = "eager"  # in graphs XLA would compile both ways of `chunks.by_chunks`
    more = False  # whether there may be more than two embeddings

    def targets(self, y_pred):
        return targets.Tuples(across=True, more=self.more)

    def compute(self, batch):
        *samples, views, d = sizes_of(batch.y_pred)
        valid = ops.broadcast_to(True if batch.valid is None else batch.valid, (*samples, views))
        x, valid = ops.reshape(batch.y_pred, (-1, views, d)), ops.reshape(valid, (-1, views))
        usable = ops.logical_and(valid, ops.all(ops.isfinite(x), -1))
        x = ops.where(usable[..., None], x, 0)
        x = unit_vectors(x, -1) if self.normalize else x
        both = ops.logical_and(usable[:, 0], usable[:, 1])
        rows = [x, usable, both, replicas.row_ids(x)]
        keys = [replicas.gather(tensor) for tensor in rows]
        (values,) = chunks.by_chunks(lambda rows, keys: [self.formula(tuples(rows, keys))], rows, keys, 1)
        return values_of(values, both, both, ops.logical_and(valid[:, 0], valid[:, 1]), batch, samples)

    def formula(self, tuples):
        """The value of each sample, `(m,)`, which must not ask for other samples of this replica."""
        raise NotImplementedError


def tuples(rows, keys):
    """Who is compared with whom, from embeddings `(m, views, d)`, which are usable, in which samples, and their ids."""
    x, _, _, ids = rows
    everything, all_usable, all_both, all_ids = keys
    others = ops.reshape(everything[:, 2:], (-1, sizes_of(x)[-1]))
    others_usable = ops.reshape(all_usable[:, 2:], (-1,))
    return Tuples(x[:, 0], x[:, 1], everything[:, 0], everything[:, 1], others, ids, all_ids, all_both, others_usable)


@register
class InfoNCE(Matching):
    """A cross-entropy: which of the batch's keys belongs to a query; with `symmetric` also the other way round, CLIP.

        value of a sample = log Σ_j e^(q_i·k_j/T) - q_i·k_i/T
        symmetric: the mean of this and log Σ_j e^(q_j·k_i/T) - q_i·k_i/T

    For pairs without classes: texts and images, questions and answers. Every other sample's key is a negative, so that
    a large batch teaches more. With T = 0.05 it is sentence-transformers' `MultipleNegativesRankingLoss(scale=20)`,
    with `symmetric=True` the loss of CLIP; for its learned temperature see the layer `ContrastiveHead`. `SigLIP` asks
    of each pair by itself; where samples have classes `NTXent` and `SupCon` know more than one positive.

    Args:
        temperature: T > 0.
        reduction, name, dtype: see `Loss`.
        normalize: True divides each embedding by its length.
        symmetric: whether keys also look for their queries.

    Shapes: y_pred `(n, 2, d)`, queries and keys, as `keras.ops.stack([a, b], axis=1)` makes them; `(n, 2 + h, d)` with
        h hard negatives of each query, which are keys for all queries. y_true is not read: any array of n rows. One
        value per sample, `(n,)`.

    Raises:
        ValueError: for an option out of its range, or shapes that do not fit.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.InfoNCE(temperature=1.0, normalize=False)
    >>> float(loss([0, 0], [[[0.0], [1.0]], [[0.0], [5.0]]]))  # two keys, all alike
    0.6931471824645996

    Reference: van den Oord, Li and Vinyals, Representation Learning with Contrastive Predictive Coding, 2018,
    https://arxiv.org/abs/1807.03748; symmetric: Radford et al., 2021, https://arxiv.org/abs/2103.00020
    """

    temperature = Number(0.07, low=0, above=True)
    symmetric = Flag(False, keyword=True)

    more = True

    def formula(self, tuples):
        keys = ops.concatenate([tuples.all_keys, tuples.others])
        usable = ops.concatenate([tuples.usable, tuples.others_usable])
        s = similarities(tuples.queries, keys, self.temperature)
        own = ops.sum(tuples.queries * tuples.keys, -1) / self.temperature
        values = masked_log_sum_exp(s, usable[None]) - own
        if not self.symmetric:
            return values
        s = similarities(tuples.keys, tuples.all_queries, self.temperature)
        return (values + masked_log_sum_exp(s, tuples.usable[None]) - own) / 2


@register
class SigLIP(Matching):
    """A yes/no for each query and key of the batch: whether they belong together.

        value of a sample = softplus(-(q_i·k_i/T + b)) + Σ_{j≠i} softplus(q_i·k_j/T + b)

    Unlike the softmax of `InfoNCE` no pair depends on another one, which suits small batches. The sum over the keys,
    not their mean, is the authors': a mean would be smaller by the size of the batch. They learn T and b, from the
    values here; see the layer `ContrastiveHead`.

    Args:
        temperature: T > 0.
        bias: b; far below 0, since nearly all pairs are negative.
        reduction, name, dtype: see `Loss`.
        normalize: True divides each embedding by its length.

    Shapes: y_pred `(n, 2, d)`, as for `InfoNCE`, and y_true as there. One value per sample, `(n,)`.

    Raises:
        ValueError: for an option out of its range, or shapes that do not fit.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.SigLIP(temperature=1.0, bias=0.0)
    >>> float(loss([0, 0], [[[0.0], [1.0]], [[0.0], [5.0]]]))  # two yes/no for each, all undecided
    1.3862943649291992

    Reference: Zhai et al., Sigmoid Loss for Language Image Pre-Training, 2023, https://arxiv.org/abs/2303.15343
    """

    temperature = Number(0.1, low=0, above=True)
    bias = Number(-10.0)

    def formula(self, tuples):
        s = similarities(tuples.queries, tuples.all_keys, self.temperature)
        z = s + (self.bias + ops.cast(ops.where(tuples.usable, 0, -1e30), s.dtype))  # softplus(-1e30) = 0
        return ops.sum(ops.softplus(z * ops.cast(ops.where(tuples.itself, -1, 1), z.dtype)), -1)
