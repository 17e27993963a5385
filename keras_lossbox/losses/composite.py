"""Losses made of losses: several on one output, or one whose labels are partly missing."""

import keras
from keras import ops

from keras_lossbox.core import reduction
from keras_lossbox.core.adapt import adapt, check_is_storable
from keras_lossbox.core.construction import DEFAULT_REDUCTION
from keras_lossbox.core.loss import Loss
from keras_lossbox.core.mean_loss import MeanLoss
from keras_lossbox.core.options import Choice, Integer, Missing, Number, Option, deserialize
from keras_lossbox.core.registry import register, snake_case
from keras_lossbox.functions.elementary import divide_no_nan
from keras_lossbox.functions.labels import is_missing


class LossOption(Option):
    """A loss, or its serialised form; of this package, Keras's or a user's, that Keras can store."""

    allowed = "a loss (an instance, not a class) that Keras can save and load"
    annotation = "keras.losses.Loss"

    def parse(self, value):
        if isinstance(value, dict):
            value = deserialize(value)
        if not isinstance(value, keras.losses.Loss):
            raise TypeError
        if not isinstance(value, Loss):
            check_is_storable(value)
        return value


class LossesOption(LossOption):
    """A list of them."""

    allowed = "a list of losses (instances, not classes) that Keras can save and load"
    annotation = "Sequence[keras.losses.Loss]"

    def parse(self, value):
        if not isinstance(value, list) or not value:
            raise TypeError
        return [super(LossesOption, self).parse(item) for item in value]


def _check_part(part, whole):
    """A part may not ask for a reduction or dtype of its own, which the whole's would replace silently."""
    aliases = {"mean": DEFAULT_REDUCTION, None: "none"}
    for option, default in (("reduction", DEFAULT_REDUCTION), ("dtype", keras.config.floatx())):
        asked, given = getattr(part, option), getattr(whole, option)
        if aliases.get(asked, asked) not in (default, aliases.get(given, given)):
            kind = type(whole).__name__
            raise ValueError(
                f"{type(part).__name__} has {option}={asked!r}, which the {kind}'s own would replace; give it to the "
                f"{kind}. Received: {option}={given!r}"
            )


@register
class WeightedSum(Loss):
    """Several losses on the same output, which Keras cannot train on (of a list it takes the first, silently).

        loss = Σ_i w_i loss_i

    `a + 0.5 * b` makes the same. Every part sees the labels, predictions, sample weights and masks as if it were
    alone, and is reduced by this loss's `reduction`. With `reduction="none"` the parts' values are added where they
    have the same shape; otherwise each part is first averaged over what is not masked of each sample.

    Args:
        losses: a list of losses: this package's, Keras's or your own.
        weights: w_i, one number for each; all 1 by default.
        reduction, name, dtype: see `Loss`. A part may not ask for another reduction or dtype.

    Shapes: those that every part takes.

    Raises:
        ValueError: for an empty list, a wrong number of weights, a part that Keras cannot save with its options, or a
            part with another reduction.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.MeanSquaredError() + 0.5 * keras_lossbox.MeanAbsoluteError()
    >>> loss
    WeightedSum(losses=[MeanSquaredError(), MeanAbsoluteError()], weights=[1.0, 0.5])
    >>> float(loss([[0.0]], [[2.0]]))
    5.0

    Reference: for example Taghanaki et al., Combo Loss, 2019, https://arxiv.org/abs/1805.02798
    """

    losses = LossesOption()
    weights = Number(None, per="loss")

    def __post_init__(self):
        weights = [1.0] * len(self.losses) if self.weights is None else self.weights
        if isinstance(weights, float) or len(weights) != len(self.losses):
            raise ValueError(
                f"`weights` must be a list of {len(self.losses)} numbers, one per loss. Received: weights={weights!r}"
            )
        flat = []
        for loss, weight in zip(self.losses, weights, strict=True):
            _check_part(loss, self)
            nested = zip(loss.losses, loss.weights, strict=True) if isinstance(loss, WeightedSum) else [(loss, 1.0)]
            flat += [(part, weight * inner) for part, inner in nested]
        self.losses, self.weights = [part for part, _ in flat], [weight for _, weight in flat]
        self._parts = [adapt(part, reduction=self.reduction, dtype=self.compute_dtype) for part in self.losses]

    def reduced(self, y_true, y_pred, sample_weight=None):
        results = [part(y_true, y_pred, sample_weight) for part in self._parts]
        if len({tuple(result.shape) for result in results}) > 1:
            results = [_per_sample(part, y_true, y_pred, sample_weight) for part in self._parts]
        first, *others = (weight * result for weight, result in zip(self.weights, results, strict=True))
        return sum(others, start=first)

    def metrics(self) -> list[MeanLoss]:
        """One streaming mean for each part, to be given to `compile(metrics=…)`: the part's value, not yet weighted.

        Example:

        >>> import keras_lossbox
        >>> loss = keras_lossbox.Huber() + keras_lossbox.MeanAbsoluteError()
        >>> [metric.name for metric in loss.metrics()]
        ['huber', 'mean_absolute_error']
        """
        names = [snake_case(type(loss).__name__) for loss in self.losses]
        return [
            MeanLoss(loss, name=name if names.count(name) == 1 else f"{name}_{index}")
            for index, (loss, name) in enumerate(zip(self.losses, names, strict=True))
        ]


def _per_sample(loss, y_true, y_pred, sample_weight):
    """One weighted value for each entry of the first axis: the mean over what is not masked of it."""
    values = loss.evaluate(loss.prepare(y_true, y_pred, sample_weight))
    axes = tuple(range(1, len(values.values.shape)))
    weighted = reduction.score(values, "none").total
    if not axes:
        return loss.finish(weighted)
    ones = ops.ones_like(weighted)
    count = ones if values.mask is None else ops.where(values.mask, ones, 0)
    return loss.finish(divide_no_nan(ops.sum(weighted, axes), ops.sum(count, axes)))


@register
class Masked(Loss):
    """Any loss with missing labels: what is missing contributes nothing to value or gradient.

        loss = Σ_present loss / number present

    For losses that are a mean over elements (the regression losses and the binary ones: those with `axis=None`), each
    label may be missing by itself, and the mean is that of the elements that are present. For others a sample is
    missing if its label is, or for one-hot labels any of its entries. Where everything is missing the loss is 0.

    Args:
        loss: the loss to mask: this package's, Keras's or your own. A Keras loss is masked by samples.
        ignore: the label that says "missing": NaN, or a number such as -1.
        normalize: `"present"`: means divide by the number of present values; `"all"`: by that of all.
        reduction, name, dtype: see `Loss`. The inner loss may not ask for another reduction or dtype. With `"none"`
            every element has a value.

    Shapes: those of the inner loss.

    Raises:
        ValueError: for an option out of its range, an inner loss that Keras cannot save with its options, and whatever
            the inner loss refuses.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.Masked(keras_lossbox.MeanSquaredError(), ignore=-1)
    >>> float(loss([[3.0, -1.0], [-1.0, -1.0]], [[1.0, 7.0], [7.0, 7.0]]))
    4.0

    Reference: Kendall, Gal and Cipolla, 2018, https://arxiv.org/abs/1705.07115 (tasks with labels of their own)
    """

    loss = LossOption()
    ignore = Missing("nan")
    normalize = Choice("present", "all")

    def __post_init__(self):
        _check_part(self.loss, self)
        if isinstance(self.loss, WeightedSum):
            raise ValueError("mask the parts of a WeightedSum, not the sum. Received: a WeightedSum")
        axis = getattr(type(self.loss), "axis", None)
        by_element = {"axis": None} if isinstance(axis, Integer) and axis.optional else {}
        self._inner = adapt(self.loss, dtype=self._policy_name, **by_element)
        self.jit_compile = self._inner.jit_compile

    def predictions(self, y_pred):
        return self._inner.predictions(y_pred)

    def targets(self, y_pred):
        return self._inner.targets(y_pred)

    def ignored(self, batch):
        missing, theirs = self._missing(batch), self._inner.ignored(batch)
        return missing if theirs is None else ops.logical_or(missing, theirs)

    def compute(self, batch):
        values = self._inner.compute(batch)
        if self.normalize == "present" or values.mask is None:
            return values
        # A missing label adds nothing to the sum, but one to the number; what a layer has masked is not there at all.
        present = values.mask
        for _ in range(len(present.shape) - len(values.values.shape)):
            present = ops.any(present, -1)
        return values._replace(values=ops.where(present, values.values, 0), mask=batch.layer_mask)

    def finish(self, loss):
        return self._inner.finish(loss)

    def _missing(self, batch):
        y, rank = batch.y_true, len(batch.y_pred.shape)
        missing = is_missing(y, self.ignore)
        if batch.axis is not None and len(y.shape) == rank:
            return ops.any(missing, batch.axis)
        return ops.expand_dims(missing, -1) if batch.axis is None and len(y.shape) < rank else missing
