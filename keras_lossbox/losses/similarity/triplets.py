"""Losses of triplets, found in the batch: an anchor, a positive of its class, and a negative of another."""

from keras import ops

from keras_lossbox.core.options import Choice, Flag, Number
from keras_lossbox.core.registry import register
from keras_lossbox.losses.similarity import mining
from keras_lossbox.losses.similarity.base import Anchors, PairwiseDistances, mean_by


class Triplet(PairwiseDistances):
    """max(D_ap - D_an + m, 0) of an anchor, a positive and a negative, for anchors that have both."""

    margin = Number(1.0, low=0)

    soft = False  # for losses without this option

    def cost(self, difference):
        """What a triplet costs, from D_ap - D_an."""
        return ops.softplus(difference) if self.soft else ops.relu(difference + self.margin)


@register
class TripletSemiHard(Triplet):
    """For each pair of a class the nearest negative that is farther than it; the batch's triplets of FaceNet.

        loss = mean over the pairs (a, p) of a class of max(D_ap - D_an + m, 0)
        D_an = the smallest distance of a to another class above D_ap; if there is none, the largest

    A positive and a negative in one place give no direction, and the hardest negatives are often mislabelled: semi-hard
    ones are far enough away to learn from. TensorFlow Addons's `TripletSemiHardLoss` has the same numbers for batches
    in which each anchor has a positive and a negative. Of others it gives NaN, or takes 0 for a distance that there is
    not; here an anchor that lacks one of them has no value, and is not counted in the mean. `TripletHard` takes the
    hardest of each anchor, `TripletAll` all triplets. Embeddings are usually of length 1 (`normalize=True`).

    Args:
        margin: m >= 0, in units of the distance.
        reduction, name, dtype: see `Loss`.
        normalize: True divides each embedding by its length first.
        distance: `"L2"`, `"squared-L2"` or `"cosine"`, which is 1 - cos (TensorFlow Addons's `"angular"`).
        average: `"pairs"`: over the pairs; with `"none"` an anchor's value is its share of that mean. `"anchors"`: over
            each anchor's pairs first, so that large classes count no more than small ones.
        anchors: `"complete"`: those with a positive and a negative. `"all"`: those with a positive; without a negative
            D_an is 0, as in TensorFlow Addons.
        soft: True for softplus(D_ap - D_an), without a margin.

    Shapes: y_pred `(n, d)`, or `(n, ..., d)` with several embeddings of each sample, each of which is compared with all
        others; y_true integers `(n,)` or `(n, 1)`, or one for each embedding. One value per embedding, `(n, ...)`.

    Raises:
        ValueError: for an option out of its range, shapes that do not fit, labels that are no whole numbers.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.TripletSemiHard()
    >>> float(loss([1, 1, 2, 2], [[0.0], [1.0], [2.5], [3.0]]))  # of 4 pairs one costs: 1 - 1.5 + 1
    0.125

    Reference: Schroff, Kalenichenko and Philbin, FaceNet, 2015, https://arxiv.org/abs/1503.03832
    """

    jit_compile = False  # XLA sorts with one thread

    average = Choice("pairs", "anchors", keyword=True)
    anchors = Choice("complete", "all", keyword=True)
    soft = Flag(False, keyword=True)

    def formula(self, pairs):
        distances = self.distances(pairs)
        negatives = ops.where(pairs.has_negative[:, None], mining.semi_hard(distances, pairs.negative, distances), 0)
        defined = pairs.has_positive
        if self.anchors == "complete":
            defined = ops.logical_and(defined, pairs.has_negative)
        costs = self.cost(distances - negatives)
        return mean_by(self.average, costs, pairs.positive, defined)


@register
class TripletHard(Triplet, positional=("margin", "soft", "reduction", "name", "dtype")):
    """For each anchor the farthest of its class against the nearest of the others.

        loss = mean over anchors of max(max_p D_ap - min_n D_an + m, 0)

    TensorFlow Addons's `TripletHardLoss` for batches in which each anchor has a positive and a negative; it counts
    anchors that lack one of them with a distance that there is not (`anchors="all"`), here they are not counted. With
    many samples of each class in the batch it learns faster than `TripletSemiHard`, and is misled more by wrong labels.

    Args:
        margin: m >= 0, in units of the distance.
        soft: True for softplus(max_p D_ap - min_n D_an), without a margin, which goes on pulling.
        reduction, name, dtype: see `Loss`.
        normalize, distance: see `TripletSemiHard`.
        anchors: `"complete"`: those with a positive and a negative. `"all"`: all; without a positive its distance is 0,
            without a negative that is the largest of the anchor's, as in TensorFlow Addons.

    Shapes: as for `TripletSemiHard`.

    Raises:
        ValueError: for an option out of its range, shapes that do not fit, labels that are no whole numbers.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.TripletHard()
    >>> float(loss([1, 1, 2, 2], [[0.0], [1.0], [1.5], [3.0]]))  # (0.5 + 1.5 + 2 + 0.5) / 4
    1.125

    Reference: Hermans, Beyer and Leibe, In Defense of the Triplet Loss for Person Re-Identification, 2017,
    https://arxiv.org/abs/1703.07737
    """

    needs_a_key = True

    soft = Flag(False)
    anchors = Choice("complete", "all", keyword=True)

    def formula(self, pairs):
        order = self.order(pairs)
        positive = self.distance_to(pairs, mining.largest(order, pairs.positive))
        positive = ops.where(pairs.has_positive, positive, 0)
        negative = self.distance_to(pairs, mining.smallest(order, pairs.negative))
        if self.anchors == "complete":
            defined = ops.logical_and(pairs.has_positive, pairs.has_negative)
        else:
            defined = pairs.usable
            of_row = self.distance_to(pairs, mining.largest(order, pairs.keys_usable[None]))
            negative = ops.where(pairs.has_negative, negative, of_row)
        return self.cost(positive - negative), defined


@register
class TripletAll(Triplet):
    """All triplets of the batch: an anchor, any other of its class, any of another class.

        loss = Σ max(D_ap - D_an + m, 0) / the number of triplets that cost something

    Nothing is mined; most triplets soon cost nothing, so that the mean is over those that do ("batch all" of Hermans et
    al., and pytorch-metric-learning's `TripletMarginLoss`, which normalises embeddings and has a margin of 0.05). The
    triplets are counted and added up in sorted rows: memory grows with n², not with n³.

    Args:
        margin: m >= 0, in units of the distance.
        reduction, name, dtype: see `Loss`.
        normalize, distance: see `TripletSemiHard`.
        average: `"active"`: over the triplets that cost something; `"triplets"`: over all. Either is over the batch,
            and an anchor's value its share of the mean.

    Shapes: as for `TripletSemiHard`.

    Raises:
        ValueError: for an option out of its range, shapes that do not fit, labels that are no whole numbers.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.TripletAll(average="triplets")
    >>> float(loss([1, 1, 2], [[0.0], [1.0], [1.5]]))  # (1 - 1.5 + 1, 1 - 0.5 + 1), of two triplets
    1.0

    Reference: Hermans, Beyer and Leibe, In Defense of the Triplet Loss for Person Re-Identification, 2017,
    https://arxiv.org/abs/1703.07737
    """

    jit_compile = False  # XLA sorts with one thread
    needs_a_key = True

    average = Choice("active", "triplets", keyword=True)

    def formula(self, pairs):
        distances = self.distances(pairs)
        defined = ops.logical_and(pairs.has_positive, pairs.has_negative)
        costs, number = mining.shortfalls(distances, pairs.negative, distances + self.margin)
        if self.average == "triplets":
            number = ops.sum(ops.cast(pairs.negative, "int32"), -1, keepdims=True)
        number = ops.sum(ops.where(pairs.positive, ops.cast(number, costs.dtype), 0), -1)
        return Anchors(ops.sum(ops.where(pairs.positive, costs, 0), -1), defined, number)
