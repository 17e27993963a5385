"""Losses for ordered classes, such as grades: from a logit for each threshold between them, or from the classes'."""

from keras import ops

from keras_lossbox.core import replicas, targets
from keras_lossbox.core.batch import Values
from keras_lossbox.core.loss import Loss
from keras_lossbox.core.options import Choice, Flag, Number
from keras_lossbox.core.registry import register
from keras_lossbox.functions.categorical import per_class
from keras_lossbox.functions.elementary import (
    absolute,
    at_least,
    cumulative_sum,
    divide_no_nan,
    matmul,
    mean,
    multiply_optional,
    one_minus_exp,
    safe_power,
    sizes_of,
)
from keras_lossbox.functions.labels import one_hot

LEAST_GAP = 1e-7  # between the logits of neighbouring thresholds: below it, and where they cross, this is taken
ROUNDING = 1e-6  # two cumulative probabilities that differ by less are the same: both are 1 in the end, up to rounding


class Thresholds(Loss):
    """From K logits z_k of "the class is above k": what being on the label's side of each threshold costs."""

    jit_compile = True

    def targets(self, y_pred):
        return targets.Ordered()

    def compute(self, batch):
        z, y = batch.y_pred, ops.expand_dims(batch.y_true, -1)
        above = y - ops.arange(sizes_of(z)[-1], dtype=y.dtype)
        costs = ops.softplus(ops.where(above > 0, -z, z))
        values = ops.sum(self.formula(costs, above, z), -1)
        return batch.values(ops.where(ops.any(ops.isnan(z), -1), float("nan"), values))

    def formula(self, costs, above, z):
        """What is added up, from the costs, -log σ(z) or -log(1 - σ(z)), and the label less k."""
        raise NotImplementedError


@register
class Coral(Thresholds):
    """Ordered classes as one yes/no for each threshold: is the class above it?

        loss = Σ_k λ_k [softplus(z_k) - t_k z_k],   t_k = 1 where y > k

    The sum of K binary cross-entropies for K + 1 classes, from cumulative logits z_k of P(y > k). With the layer
    `OrdinalHead`, whose logits decrease with k, this is CORAL: probabilities that never contradict each other.
    `ordinal_probabilities(z)` turns the logits into those of the classes, for `predict`. Where the logits shall be
    those of a proportional odds model, see `CumulativeLink`; for conditional probabilities `Corn`.

    Args:
        importance_weights: λ >= 0, a list with one number for each threshold (or one number); None is 1.
        reduction, name, dtype: see `Loss`.

    Shapes: y_pred `(n, ..., K)`, logits; y_true integers 0 ... K, `(n, ...)` or `(n, ..., 1)`. One value per sample.

    Raises:
        ValueError: for an option out of its range, shapes that do not fit, `importance_weights` of the wrong length.
            A label outside 0 ... K is treated as in `SparseCategoricalCrossentropy`.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.Coral()
    >>> round(float(loss([2], [[2.0, 1.0, -1.0]])), 4)  # above thresholds 0 and 1, not above 2
    0.7535

    Reference: Cao, Mirjalili and Raschka, Rank Consistent Ordinal Regression for Neural Networks, 2020,
    https://arxiv.org/abs/1901.07884
    """

    importance_weights = Number(None, low=0, per="threshold")

    def formula(self, costs, above, z):
        return multiply_optional(costs, per_class(self.importance_weights, costs, -1))


@register
class Corn(Thresholds):
    """Ordered classes as a chain of yes/no, each asked only of samples that got there: given y >= k, is y > k?

        loss = Σ_{k <= min(y, K-1)} [softplus(z_k) - t_k z_k],   t_k = 1 where y > k

    It is -log P(y) of the continuation-ratio model, in which P(y > k) = σ(z_0) σ(z_1) ... σ(z_k). This decreases with
    k whatever the logits are, so a plain `Dense(K)` will do. `ordinal_probabilities(z, kind="conditional")` gives the
    probabilities of the classes. `Coral` asks every sample every question.

    Args:
        average: what a mean goes over: `"samples"`, or `"tasks"`, the pairs of a sample and a question that it is
            asked, as the authors' code does. Then every value is the above times the number of samples divided by that
            of pairs (of the batch, on all replicas; what is masked or of weight 0 left out).
        reduction, name, dtype: see `Loss`.

    Shapes: y_pred `(n, ..., K)`, logits; y_true integers 0 ... K, `(n, ...)` or `(n, ..., 1)`. One value per sample.

    Raises:
        ValueError: for an unknown `average`, or shapes that do not fit. A label outside 0 ... K is treated as in
            `SparseCategoricalCrossentropy`.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.Corn()
    >>> round(float(loss([1], [[2.0, 1.0, 5.0]])), 4)  # -log σ(2) - log(1 - σ(1))
    1.4402

    Reference: Shi, Cao and Raschka, Deep Neural Networks for Rank-Consistent Ordinal Regression Based on Conditional
    Probabilities, 2021, https://arxiv.org/abs/2111.08851
    """

    average = Choice("samples", "tasks")

    def targets(self, y_pred):
        return targets.Ordered(across=self.average == "tasks")

    def compute(self, batch):
        values = super().compute(batch)
        if self.average == "samples":
            return values
        samples = ops.ones_like(values.values)
        tasks = ops.cast(ops.minimum(batch.y_true + 1, sizes_of(batch.y_pred)[-1]), samples.dtype)
        if batch.valid is not None:
            samples, tasks = (ops.where(batch.valid, counts, 0) for counts in (samples, tasks))
        samples, tasks = replicas.add_up((ops.sum(samples), ops.sum(tasks)))
        return values._replace(values=values.values * divide_no_nan(samples, tasks))

    def formula(self, costs, above, z):
        return ops.where(above >= 0, costs, 0)


@register
class CumulativeLink(Thresholds):
    """The likelihood of ordered classes: the proportional odds model, or ordered logistic regression.

        loss = -log P(y),   P(y) = σ(z_{y-1}) - σ(z_y),   σ(z_{-1}) = 1,   σ(z_K) = 0

    The probability of a class is what lies between its two thresholds, exact in the tails. The logits z_k of P(y > k)
    have to decrease with k, as those of `OrdinalHead` do: where a gap z_{y-1} - z_y is below 1e-7, or negative, 1e-7
    is taken, with a gradient of 1e7 that pulls the logits apart. `Coral` fits each threshold for itself, and bears
    logits that cross. `ordinal_probabilities(z)` gives the probabilities of all classes.

    Args:
        link: `"logit"`, the σ above.
        reduction, name, dtype: see `Loss`.

    Shapes: y_pred `(n, ..., K)`, logits; y_true integers 0 ... K, `(n, ...)` or `(n, ..., 1)`. One value per sample.

    Raises:
        ValueError: for an unknown link, or shapes that do not fit. A label outside 0 ... K is treated as in
            `SparseCategoricalCrossentropy`.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.CumulativeLink()
    >>> round(float(loss([1], [[1.0, -1.0]])), 4)  # -log(σ(1) - σ(-1))
    0.7719

    Reference: McCullagh, Regression Models for Ordinal Data, 1980, https://doi.org/10.1111/j.2517-6161.1980.tb01109.x
    """

    link = Choice("logit")

    def formula(self, costs, above, z):
        """σ(a) - σ(b) = σ(a) (1 - σ(b)) (1 - exp(b - a)), in logarithms, for a = z_{y-1} and b = z_y."""
        is_a, is_b = ops.equal(above, 1), ops.equal(above, 0)
        a, b = (ops.sum(ops.where(chosen, z, 0), -1, keepdims=True) for chosen in (is_a, is_b))
        between = ops.logical_and(*(ops.any(chosen, -1, keepdims=True) for chosen in (is_a, is_b)))
        gap = at_least(ops.where(between, a - b, 1), LEAST_GAP)
        of_gap = ops.where(ops.logical_and(is_a, between), -ops.log(one_minus_exp(-gap)), 0)
        return of_gap + ops.where(ops.logical_or(is_a, is_b), costs, 0)


class ClassProbabilities(Loss):
    """From the probabilities, or logits, of C ordered classes."""

    def targets(self, y_pred):
        return targets.Classes(from_logits=self.from_logits)

    def labels_and_probabilities(self, batch):
        """Rows of labels, one-hot or soft, and of probabilities, as they are given or of the logits."""
        p = ops.softmax(batch.y_pred, -1) if batch.from_logits else batch.y_pred
        return one_hot(batch.y_true, p, -1), p


@register
class WeightedKappa(ClassProbabilities):
    """The logarithm of one minus Cohen's weighted kappa, so that what a competition measures is trained on.

        loss = log(N/D + ε),   N = Σ_i Σ_c W_{y_i c} p_ic,   D = Σ_a Σ_b W_ab L_a P_b / n,   W_ab = (a - b)²

    N/D = 1 - κ: the disagreement, by squared distance, over that of predictions with the same frequencies P that know
    nothing of the labels (of frequencies L). At D = 0, where all labels and predictions are one class, it is taken for
    0. It is a number of the batch, the same value for each of its samples: sums are those of all replicas, and sample
    weights go inside them. Small batches are biased, and of a batch with labels of one class nothing is learnt; beside
    a cross-entropy it is safer: `WeightedKappa(...) + CategoricalCrossentropy(...)`.

    Args:
        weightage: `"quadratic"`, or `"linear"` for W_ab = |a - b|.
        from_logits: True if y_pred is logits; False if it is probabilities, which are taken as they are.
        epsilon: ε > 0, which bounds the loss below by log ε.
        log: False gives N/D itself, 1 - κ.
        reduction, name, dtype: see `Loss`. Means are the number itself, `"sum"` is it times the number of samples.

    Shapes: y_pred `(n, ..., classes)`; y_true alike (one-hot or soft), or class indices without that axis. One value
        per sample, all the same.

    Raises:
        ValueError: for an option out of its range, shapes that do not fit, labels that are no class.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.WeightedKappa(log=False)
    >>> float(loss([0, 1], [[1.0, 0.0], [0.5, 0.5]]))  # N = 0.5, D = 1.5 · 1/2 · (labels 1, 1 and predictions 1.5, 0.5)
    0.5

    Reference: de la Torre, Puig and Valls, Weighted kappa loss function for multi-class classification of ordinal data
    in deep learning, 2018, https://doi.org/10.1016/j.patrec.2017.05.018
    """

    weightage = Choice("quadratic", "linear")
    from_logits = Flag(False)
    epsilon = Number(1e-6, low=0, above=True)
    log = Flag(True)

    def targets(self, y_pred):
        return targets.Classes(from_logits=self.from_logits, across=True)

    def compute(self, batch):
        y, p = self.labels_and_probabilities(batch)
        k = ops.arange(sizes_of(p)[-1], dtype=p.dtype)
        distance = k[:, None] - k[None]
        distance = ops.square(distance) if self.weightage == "quadratic" else ops.abs(distance)
        cost = ops.sum(matmul(y, distance) * p, -1)
        inside = batch.weights is not None and len(batch.weights.shape) > 0  # one number for all weighs the loss
        w = ops.ones_like(cost) * (batch.weights if inside else 1)
        w = w if batch.valid is None else ops.where(batch.valid, w, 0)
        rows = tuple(range(len(cost.shape)))
        of_classes = (ops.sum(w[..., None] * x, rows) for x in (y, p))
        observed, total, labels, predicted = replicas.add_up((ops.sum(w * cost), ops.sum(w), *of_classes))
        observed, labels, predicted = (divide_no_nan(x, total) for x in (observed, labels, predicted))
        value = divide_no_nan(observed, ops.sum(distance * labels[:, None] * predicted))
        value = ops.log(value + self.epsilon) if self.log else value
        value = ops.where(ops.isnan(ops.sum(labels) + ops.sum(predicted)), float("nan"), value)  # XLA: 0 · NaN is 0
        return Values(ops.broadcast_to(value, sizes_of(cost)), None if inside else batch.weights, batch.valid)


@register
class EarthMovers(ClassProbabilities):
    """The earth mover's distance between predicted and true distribution over ordered classes.

        loss = Σ_c |F_c - G_c|^r,   F and G the cumulative sums of predictions and labels

    How much probability has to be moved how far: a miss by one class costs less than a miss by two. r = 2 is the ranked
    probability score, which is proper: it is least for the true probabilities. r = 1 is the Wasserstein distance.
    A cross-entropy on distributions that spread around the label (`ordinal_labels`) is its neighbour.

    Args:
        power: r >= 1.
        root: True for (mean over c of |F_c - G_c|^r)^(1/r), as NIMA rates pictures with r = 2. Its gradient at 0 is 0.
        from_logits: True if y_pred is logits; False if it is probabilities, which are taken as they are.
        reduction, name, dtype: see `Loss`.

    Shapes: y_pred `(n, ..., classes)`; y_true alike (one-hot or soft), or class indices without that axis. One value
        per sample.

    Raises:
        ValueError: for an option out of its range, shapes that do not fit, labels that are no class.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.EarthMovers(power=1)
    >>> float(loss([0], [[0.5, 0.0, 0.5]]))  # half of it is two classes away
    1.0

    Reference: Hou, Yu and Samaras, Squared Earth Mover's Distance-based Loss, 2016, https://arxiv.org/abs/1611.05916;
    the root: Talebi and Milanfar, NIMA, 2017, https://arxiv.org/abs/1709.05424
    """

    power = Number(2.0, low=1)
    root = Flag(False)
    from_logits = Flag(False)

    def compute(self, batch):
        y, p = self.labels_and_probabilities(batch)
        gaps = cumulative_sum(p - y)
        gaps = ops.where(ops.abs(gaps) < ROUNDING, 0, gaps)
        costs = ops.square(gaps) if self.power == 2 else safe_power(absolute(gaps), self.power)
        return batch.values(safe_power(mean(costs, -1), 1 / self.power) if self.root else ops.sum(costs, -1))
