"""`Pairwise`: which rows are partners of which, over all replicas, and which anchors have a value."""

from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from keras_lossbox.core import replicas, targets
from keras_lossbox.core.batch import Values
from keras_lossbox.core.loss import Loss
from keras_lossbox.core.options import Choice, Flag
from keras_lossbox.functions.elementary import divide_no_nan, masked_log_sum_exp, matmul, sizes_of, unit_vectors
from keras_lossbox.functions.labels import NAN_LABEL, NOT_WHOLE
from keras_lossbox.losses.similarity import chunks, given


class Rows(NamedTuple):
    """Embeddings, and which they are; those that are not usable are 0."""

    x: Any  # (m, d)
    labels: Any  # (m,)
    usable: Any  # (m,)
    ids: Any  # (m,)


class Pairs(NamedTuple):
    """Rows of this replica, each of them an anchor, and those of all replicas, with which they are compared.

    A row that is masked, of weight 0, or NaN is nobody's partner and has none: its row and column of `positive` and
    `negative` are False, and its embedding is 0.
    """

    anchors: Any  # (m, d)
    keys: Any  # (M, d)
    positive: Any  # (m, M): of one class, and not the same row
    negative: Any  # (m, M)
    itself: Any  # (m, M)
    usable: Any  # (m,)
    keys_usable: Any  # (M,)

    @property
    def has_positive(self) -> Any:
        return ops.any(self.positive, -1)

    @property
    def has_negative(self) -> Any:
        return ops.any(self.negative, -1)


class Anchors(NamedTuple):
    """What a formula gives: for each anchor a tensor `(m,)`, and where a value is not defined anything finite."""

    values: Any
    defined: Any
    number: Any = None  # of how many pairs a value is the sum, if the loss is the mean over all pairs of the batch


class Pairwise(Loss):
    """A loss over the pairs of the batch: `formula` gives each anchor's value, and which anchors have one."""

    normalize = Flag(False, keyword=True)

    jit_compile: bool | str = "eager"  # in graphs XLA would compile both ways of `chunks.by_chunks`
    labels = True  # False: y_true is not read, and each sample is a class of its own
    needs_a_key = False  # whether the formula looks for one, so that there must be one to look at
    by_anchor = True  # whether the formula asks no anchor, and no replica, for another anchor: then it may see a few

    def targets(self, y_pred):
        return targets.Pairs(views=True, labels=self.labels)

    @property
    def unit_length(self):
        """Whether embeddings are divided by their length before they are compared."""
        return self.normalize

    def compute(self, batch):
        sizes = sizes_of(batch.y_pred)[:-1]
        valid = ops.reshape(ops.broadcast_to(True if batch.valid is None else batch.valid, sizes), (-1,))
        rows = self.rows(batch, valid)
        keys = Rows(*map(replicas.gather, rows))
        if self.needs_a_key:
            keys = with_a_key(keys)
        found = chunks.by_chunks(self.of_anchors, rows, keys, 3) if self.by_anchor else self.of_anchors(rows, keys)
        values, defined, number = found
        defined = ops.cast(defined, "bool")
        values = shared_equally(values, ops.sum(ops.where(defined, number, 0)), defined)
        return values_of(values, defined, rows.usable, valid, batch, sizes)

    def formula(self, pairs):
        """The value of each anchor, and which are defined, as `Anchors` or a tuple of its fields."""
        raise NotImplementedError

    def of_anchors(self, rows, keys):
        """The formula's `Anchors` for these rows, all in the dtype of the embeddings."""
        anchors = Anchors(*self.formula(pairs_of(Rows(*rows), Rows(*keys))))
        number = 1 if anchors.number is None else anchors.number
        dtype = anchors.values.dtype
        return [
            anchors.values,
            ops.cast(anchors.defined, dtype),
            ops.broadcast_to(ops.cast(number, dtype), ops.shape(anchors.values)),
        ]

    def rows(self, batch, valid):
        """The embeddings of this replica."""
        x = ops.reshape(batch.y_pred, (-1, sizes_of(batch.y_pred)[-1]))
        labels = ops.reshape(batch.y_true if self.labels else samples_of(batch.y_pred), (-1,))
        usable = ops.logical_and(ops.logical_and(valid, is_group(labels)), ops.all(ops.isfinite(x), -1))
        x = ops.where(usable[:, None], x, 0)
        return Rows(unit_vectors(x, -1) if self.unit_length else x, labels, usable, replicas.row_ids(x))


def with_a_key(keys):
    """The keys, and a last one that is not usable where there may be none: a replica, or a batch, without any rows."""
    if isinstance(sizes_of(keys.x)[0], int) and sizes_of(keys.x)[0] > 0:
        return keys
    unusable = Rows(ops.zeros((1, *sizes_of(keys.x)[1:]), keys.x.dtype), [NAN_LABEL], [False], [-1])
    return Rows(*(ops.concatenate([x, ops.cast(more, x.dtype)]) for x, more in zip(keys, unusable, strict=True)))


def pairs_of(rows, keys):
    """Who is compared with whom, in few passes over all pairs: labels of rows that do not count equal no other."""
    both = ops.logical_and(rows.usable[:, None], keys.usable[None])
    itself = ops.equal(rows.ids[:, None], keys.ids[None])
    labels = ops.where(rows.usable, rows.labels, NAN_LABEL), ops.where(keys.usable, keys.labels, NOT_WHOLE)
    same = ops.equal(labels[0][:, None], labels[1][None])
    positive = ops.logical_and(same, ops.logical_not(itself))
    negative = ops.logical_xor(both, same)
    return Pairs(rows.x, keys.x, positive, negative, itself, rows.usable, keys.usable)


def is_group(labels):
    """Whether a label is one, and neither NaN nor a fraction."""
    return ops.logical_not(ops.logical_or(ops.equal(labels, NAN_LABEL), ops.equal(labels, NOT_WHOLE)))


def values_of(values, defined, usable, valid, batch, sizes):
    """`Values` of these sizes: NaN where what is valid is not `usable`, and masked where they are not `defined`."""
    no_number = ops.logical_and(valid, ops.logical_not(usable))
    values = ops.where(no_number, float("nan"), ops.where(defined, values, 0))
    return Values(ops.reshape(values, sizes), batch.weights, ops.reshape(ops.logical_or(no_number, defined), sizes))


def samples_of(y_pred):
    """A number for each sample that no other has, repeated for its embeddings."""
    ids = replicas.row_ids(y_pred)
    for _ in y_pred.shape[1:-1]:
        ids = ops.expand_dims(ids, -1)
    return ops.broadcast_to(ids, sizes_of(y_pred)[:-1])


def similarities(anchors, keys, temperature=1):
    """The inner product of each anchor and key, divided by the temperature."""
    return matmul(anchors / temperature, ops.transpose(keys))  # (embeddings have fewer numbers than their products)


class PairwiseDistances(Pairwise):
    """A loss over the distances of the pairs."""

    distance = Choice("L2", "squared-L2", "cosine", keyword=True)

    @property
    def unit_length(self):
        return self.normalize or self.distance == "cosine"

    def distances(self, pairs):
        """The distance of each anchor and key."""
        if self.distance == "cosine":
            return 1 - similarities(pairs.anchors, pairs.keys)
        squared, zero = squared_distances(pairs)
        if self.distance == "L2":
            return ops.where(zero, 0, ops.sqrt(ops.where(zero, 1, squared)))
        return ops.where(zero, 0, squared)

    def order(self, pairs):
        """For each anchor and key a number without a gradient, which is larger for a larger distance."""
        pairs = pairs._replace(anchors=ops.stop_gradient(pairs.anchors), keys=ops.stop_gradient(pairs.keys))
        return self.distances(pairs) if self.distance == "cosine" else squared_distances(pairs)[0]

    def distance_to(self, pairs, index):
        """The distance of each anchor to one key."""
        return given.distance(pairs.anchors, ops.take(pairs.keys, index, axis=0), self.distance)


def squared_distances(pairs):
    """|x - y|² of each anchor and key, and where it is 0, with no gradient.

    They come from inner products after the mean of all keys has been subtracted. That changes no distance, and keeps
    the digits of small ones: from embeddings that are far from 0 the inner products would cancel. What is left below
    the rounding of the terms is 0: of a duplicate the rounding's square root would have a gradient of 1000.
    """
    kept = ops.cast(pairs.keys_usable[:, None], pairs.keys.dtype)
    mean = divide_no_nan(ops.sum(pairs.keys * kept, 0), ops.sum(kept))
    x, keys = (rows - ops.stop_gradient(mean) for rows in (pairs.anchors, pairs.keys))
    lengths = ops.sum(ops.square(x), -1)[:, None] + ops.sum(ops.square(keys), -1)[None]
    squared = lengths - matmul(2 * x, ops.transpose(keys))
    rounding = 4 * float(np.finfo(keras.backend.standardize_dtype(squared.dtype)).eps)
    return squared, ops.stop_gradient(squared) <= rounding * ops.stop_gradient(lengths)


def mean_over_partners(costs, partners):
    """For each anchor the mean of the costs of its partners, 0 without any."""
    number = ops.sum(ops.cast(partners, costs.dtype), -1)
    return divide_no_nan(ops.sum(ops.where(partners, costs, 0), -1), number)


def shared_equally(totals, number, defined):
    """Each anchor's share, so that the mean of these over all anchors is Σ totals / `number`, over all replicas."""
    anchors = ops.sum(ops.cast(defined, totals.dtype))
    anchors, number = replicas.add_up((anchors, number))
    return divide_no_nan(anchors, number) * totals


def mean_over_pairs(costs, partners, defined):
    """`Anchors` whose mean is that of all their pairs."""
    number = ops.sum(ops.cast(partners, costs.dtype), -1)
    return Anchors(ops.sum(ops.where(partners, costs, 0), -1), defined, number)


def mean_by(average, costs, partners, defined):
    """`Anchors` with what the option `average` says: the mean over an anchor's pairs, or the mean over all pairs."""
    if average == "anchors":
        return Anchors(mean_over_partners(costs, partners), defined)
    return mean_over_pairs(costs, partners, defined)


def log_one_plus_sum_exp(x, mask):
    """log(1 + Σ exp(x)) along the last axis over what the mask has; 0 where it has nothing."""
    return ops.where(ops.any(mask, -1), ops.softplus(masked_log_sum_exp(x, mask)), 0)
