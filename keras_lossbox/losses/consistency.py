"""Losses over several passes of the same samples: what the labels say, and how far the passes are from each other."""

from keras import ops

from keras_lossbox.core import targets
from keras_lossbox.core.batch import Values
from keras_lossbox.core.loss import Loss
from keras_lossbox.core.options import Flag, Number
from keras_lossbox.core.registry import register
from keras_lossbox.functions.categorical import categorical, relative_entropy
from keras_lossbox.functions.elementary import divide_no_nan, sizes_of
from keras_lossbox.functions.labels import expected


class Consistency(Loss):
    """The cross-entropy of some passes, and α times how far all of them are from each other, which `formula` gives."""

    from_logits = Flag(False, keyword=True)
    label_smoothing = Number(0.0, low=0, high=1, keyword=True)

    def targets(self, y_pred):
        return targets.Views(from_logits=self.from_logits)

    def compute(self, batch):
        p, views = categorical(batch.y_pred, batch.from_logits, -1), sizes_of(batch.y_pred)[:-1]
        there = ops.broadcast_to(True if batch.valid is None else batch.valid, views)
        costs = expected(-p.log_p, batch.y_true, self.label_smoothing, -1)
        values = mean_over_views(costs, self.supervised(there)) + self.alpha * self.formula(p, there)
        return Values(values, batch.weights, None if batch.mask is None else ops.any(batch.mask, -1))

    def supervised(self, there):
        """Which passes learn from the labels, of those that are `there`."""
        return there

    def formula(self, p, there):
        """How far the distributions of the passes that are `there` are from each other."""
        raise NotImplementedError


def mean_over_views(x, there, axis=-1):
    """The mean over the passes, along `axis`, of those that are there; 0 of none."""
    return divide_no_nan(ops.sum(ops.where(there, x, 0), axis), ops.sum(ops.cast(there, x.dtype), axis))


@register
class RDrop(Consistency):
    """Cross-entropy of several passes with dropout, and the Kullback-Leibler divergences between them.

        loss = mean_i CE(y, p_i) + α mean_(i ≠ j) KL(p_i ‖ p_j),   CE(y, p) = -Σ_c y_c log p_c

    Two passes of the same sample through a model with dropout are two answers; a model that is trained and then used
    without dropout should not depend on which. Of two passes it is the paper's ½ (CE + CE) + α ½ (KL + KL). Without
    dropout the second term is 0, and this is `CategoricalCrossentropy`.

    Args:
        alpha: α >= 0; the paper takes 0.3 to 5.
        reduction, name, dtype: see `Loss`.
        from_logits: True if y_pred is logits; False if it is probabilities, which are divided by their sum.
        label_smoothing: ε in [0, 1], of the cross-entropy.

    Shapes: y_pred `(n, ..., views, classes)`, as `keras.ops.stack([model(x), model(x)], axis=1)` makes it; y_true
        `(n, ...)` class indices, or `(n, ..., classes)`. One value per sample, `(n, ...)`, which a weight may have.
        With one pass the second term is 0; a pass that is masked is left out.

    Raises:
        ValueError: for an option out of its range, shapes that do not fit, labels that are no class.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.RDrop(alpha=2.0)
    >>> round(float(loss([0], [[[0.5, 0.5], [0.75, 0.25]]])), 4)  # (log 2 + log 4/3)/2 + 2 * (0.1438 + 0.1308)/2
    0.7651

    Reference: Liang et al., R-Drop: Regularized Dropout for Neural Networks, 2021, https://arxiv.org/abs/2106.14448
    """

    alpha = Number(1.0, low=0)

    def formula(self, p, there):
        """Σ_c of the sample covariance of p_c and log p_c: it has no terms that cancel."""
        p, log_p, there = p.p, p.log_p, there[..., None]
        deviations = [x - ops.expand_dims(mean_over_views(x, there, -2), -2) for x in (p, log_p)]
        total = ops.sum(ops.where(there, deviations[0] * deviations[1], 0), (-2, -1))
        others = ops.maximum(ops.sum(ops.cast(there, p.dtype), (-2, -1)) - 1, 1)
        return total / others


@register
class JSDCrossentropy(Consistency):
    """Cross-entropy of the first view of a sample, and the Jensen-Shannon divergence of all its views: AugMix's loss.

        loss = CE(y, p_1) + α JSD(p_1, ..., p_v),   JSD = mean_i KL(p_i ‖ m),   m = mean_i p_i

    The first view is the sample as it is, the others are augmented: they learn from the first, and not from the label,
    which an augmentation may have made wrong. JSD lies between 0 and log v. timm's `JsdCrossEntropy` is this with three
    views, from logits, and `label_smoothing=0.1`.

    Args:
        alpha: α >= 0.
        reduction, name, dtype: see `Loss`.
        from_logits: True if y_pred is logits; False if it is probabilities, which are divided by their sum.
        label_smoothing: ε in [0, 1], of the cross-entropy.

    Shapes: y_pred `(n, ..., views, classes)`, as `keras.ops.stack([model(x), model(augmented)], axis=1)` makes it;
        y_true `(n, ...)` class indices, or `(n, ..., classes)`. One value per sample, `(n, ...)`, which a weight may
        have. A view that is masked is left out; without the first there is no cross-entropy.

    Raises:
        ValueError: for an option out of its range, shapes that do not fit, labels that are no class.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.JSDCrossentropy(alpha=2.0)
    >>> round(float(loss([0], [[[0.5, 0.5], [1.0, 0.0]]])), 4)  # log 2 + 2 * 0.2158
    1.1247

    Reference: Hendrycks et al., AugMix: A Simple Data Processing Method to Improve Robustness and Uncertainty, 2020,
    https://arxiv.org/abs/1912.02781
    """

    alpha = Number(12.0, low=0)

    def supervised(self, there):
        first = ops.arange(sizes_of(there)[-1]) < 1
        return ops.logical_and(there, first)

    def formula(self, p, there):
        mixture = mean_over_views(p.p, there[..., None], -2)
        log_mixture = ops.log(ops.where(ops.equal(mixture, 0), 1, mixture))  # of a class that no view gives
        return mean_over_views(relative_entropy(p.p, p.log_p, ops.expand_dims(log_mixture, -2), -1), there)
