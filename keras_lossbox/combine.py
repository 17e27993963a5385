"""Losses made of losses: several on one output, or one whose labels are partly missing."""

import math

import keras
from keras import ops

from keras_lossbox import shapes
from keras_lossbox.base import Loss, get_keras_mask, register, snake_case
from keras_lossbox.numerics import divide_no_nan
from keras_lossbox.options import Choice, Integer, Number, Option
from keras_lossbox.reduction import both, reduce_values

_LABELS_OF_OTHER_SHAPE = ("SparseCategoricalCrossentropy", "CategoricalGeneralizedCrossEntropy", "Circle", "CTC")
DEFAULT_REDUCTION = "sum_over_batch_size"


def deserialize(config):
    """The loss that a serialised one describes; of a registered class that is no loss, nothing is constructed."""
    registered = keras.saving.get_registered_object(config.get("registered_name") or config.get("class_name"))
    if registered is not None and not (isinstance(registered, type) and issubclass(registered, keras.losses.Loss)):
        raise TypeError
    return keras.losses.deserialize(config)


class _LossOption(Option):
    """A loss, or its serialised form; of the box, Keras's or a user's, that Keras can store."""

    allowed = "a loss (an instance, not a class) that Keras can save and load"

    def parse(self, value):
        if isinstance(value, dict):
            value = deserialize(value)
        if not isinstance(value, keras.losses.Loss):
            raise TypeError
        if not isinstance(value, Loss):
            _check_is_storable(value)
        return value


class _LossesOption(_LossOption):
    allowed = "a list of losses (instances, not classes) that Keras can save and load"

    def parse(self, value):
        if not isinstance(value, list) or not value:
            raise TypeError
        return [super(_LossesOption, self).parse(item) for item in value]


class _Missing(Option):
    """The label that stands for a missing one; NaN is kept as "nan", which JSON knows and which equals itself."""

    allowed = "a number or NaN"

    def parse(self, value):
        if value == "nan" or (isinstance(value, float) and math.isnan(value)):
            return "nan"
        if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isinf(value):
            raise TypeError
        return value


def _check_is_storable(loss):
    """Some of Keras's losses forget options, and all of them their dtype, when they are saved (Huber its delta)."""
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    of_keras = type(loss).__module__.startswith("keras.")
    if again.dtype != loss.dtype or (of_keras and repr(again) != repr(loss)):
        raise ValueError(
            f"Keras does not save all options of {loss!r}, dtype {loss.dtype}, so that a reloaded model would train "
            "with others; use the loss of keras_lossbox of that name"
        )


class _Adapted(Loss):
    """A loss that is not of the box, given the box's weights, masks and reductions."""

    def __init__(self, loss, **kwargs):
        super().__init__(**kwargs)
        self.loss = loss

    def align(self, y_true, y_pred):
        kind = type(self.loss)
        if not kind.__module__.startswith("keras.") or kind.__name__ in _LABELS_OF_OTHER_SHAPE:
            return ops.cast(y_true, y_pred.dtype), y_pred
        return shapes.align_values(f"keras.losses.{kind.__name__}", y_true, y_pred)

    def call(self, y_true, y_pred):
        return self.loss.call(y_true, y_pred)


def adapt(loss, **options):
    """The same loss with other options, as a loss of the box."""
    if isinstance(loss, Loss):
        changed = {name: value for name, value in options.items() if getattr(loss, name) != value}
        return type(loss).from_config({**loss.get_config(), **changed}) if changed else loss
    return _Adapted(loss, **{"name": loss.name, "dtype": loss.dtype, **options})


def _check_part(part, whole):
    """A part may not ask for a reduction or dtype of its own, which the whole's would replace silently."""
    for option, default in (("reduction", DEFAULT_REDUCTION), ("dtype", keras.config.floatx())):
        asked, given = getattr(part, option), getattr(whole, option)
        if asked not in (default, given):
            kind = type(whole).__name__
            raise ValueError(
                f"{kind}: {type(part).__name__} has {option}={asked!r}, which the {kind}'s own would replace; give it "
                f"to the {kind}. Received: {option}={given!r}"
            )


@register
class WeightedSum(Loss):
    """Several losses on the same output, which Keras cannot train on (of a list it takes the first, silently).

        loss = Σ_i w_i loss_i

    `a + 0.5 * b` makes the same. Every part sees the labels, predictions, sample weights and masks as if it were
    alone, and is reduced by this loss's `reduction`. With `reduction="none"` the parts' values are added where they
    have the same shape; otherwise each part is first averaged over what counts of each sample.

    Args:
        losses: a list of losses: the box's, Keras's or your own.
        weights: w_i, one number for each; all 1 by default.
        reduction, name, dtype: see `Loss`. A part may not ask for another reduction or dtype.

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

    losses = _LossesOption()
    weights = Number(per="loss", optional=True)

    def __init__(self, losses, weights=None, reduction=DEFAULT_REDUCTION, name=None, dtype=None):
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.losses = losses
        self.weights = [1.0] * len(self.losses) if weights is None else weights
        if not isinstance(self.weights, list) or len(self.weights) != len(self.losses):
            raise ValueError(
                f"WeightedSum: `weights` must be a list of {len(self.losses)} numbers, one per loss. "
                f"Received: weights={weights!r}"
            )
        flat = []
        for loss, weight in zip(self.losses, self.weights, strict=True):
            _check_part(loss, self)
            nested = zip(loss.losses, loss.weights, strict=True) if isinstance(loss, WeightedSum) else [(loss, 1.0)]
            flat += [(part, weight * inner) for part, inner in nested]
        self.losses, self.weights = [part for part, _ in flat], [weight for _, weight in flat]
        self._parts = [adapt(part, reduction=reduction, dtype=self.compute_dtype) for part in self.losses]

    def __call__(self, y_true, y_pred, sample_weight=None):
        results = [part(y_true, y_pred, sample_weight) for part in self._parts]
        if len({tuple(result.shape) for result in results}) > 1:
            results = [_per_sample(part, y_true, y_pred, sample_weight) for part in self._parts]
        terms = [
            weight * ops.cast(result, self.compute_dtype) for weight, result in zip(self.weights, results, strict=True)
        ]
        return ops.cast(sum(terms[1:], terms[0]), self.dtype)

    def values(self, y_true, y_pred, sample_weight=None):
        raise NotImplementedError(
            "WeightedSum: its parts differ in what counts, so that it has no values of its own; see .metrics()"
        )

    def metrics(self):
        """One streaming mean for each part, to be given to `compile(metrics=…)`: the part's value, not yet weighted.

        Example:

        >>> import keras_lossbox
        >>> loss = keras_lossbox.Huber() + keras_lossbox.MeanAbsoluteError()
        >>> [metric.name for metric in loss.metrics()]
        ['huber', 'mean_absolute_error']
        """
        from keras_lossbox.metrics import MeanLoss

        names = [snake_case(type(loss).__name__) for loss in self.losses]
        return [
            MeanLoss(loss, name=name if names.count(name) == 1 else f"{name}_{index}")
            for index, (loss, name) in enumerate(zip(self.losses, names, strict=True))
        ]


def _per_sample(loss, y_true, y_pred, sample_weight):
    """One weighted value for each entry of the first axis: the mean over what counts of it."""
    values, weights, mask = loss.values(y_true, y_pred, sample_weight)
    axes = tuple(range(1, len(values.shape)))
    weighted = reduce_values(values, weights, mask, "none")
    if not axes:
        return loss.finish(weighted)
    counted = ops.ones_like(values) if mask is None else ops.where(mask, ops.ones_like(values), 0)
    return loss.finish(divide_no_nan(ops.sum(weighted, axes), ops.sum(counted, axes)))


def add(first, second):
    """`first + second` for two losses; 0 is neutral, so that `sum(losses)` works."""
    if isinstance(second, (int, float)) and second == 0:
        return first
    if not isinstance(second, keras.losses.Loss):
        return NotImplemented
    return WeightedSum([first, second], reduction=first.reduction)


def multiply(loss, weight):
    """`weight * loss` for a number."""
    if isinstance(weight, bool) or not isinstance(weight, (int, float)):
        return NotImplemented
    return WeightedSum([loss], [weight], reduction=loss.reduction)


@register
class Masked(Loss):
    """Any loss with missing labels: what is missing contributes nothing to value or gradient.

        loss = Σ_present loss / number present

    For losses that are a mean over elements (the regression losses and the binary ones: those with `axis=None`), each
    label may be missing by itself, and every present element counts the same. For others a sample is missing if its
    label is, or for one-hot labels any of its entries. Where everything is missing the loss is 0.

    Args:
        loss: the loss to mask: the box's, Keras's or your own. A Keras loss is masked by samples.
        ignore: the label that says "missing": NaN, or a number such as -1.
        normalize: `"present"`: means divide by the number of present values; `"all"`: by that of all.
        reduction, name, dtype: see `Loss`. The inner loss may not ask for another reduction or dtype. With `"none"`
            every element has a value.

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

    loss = _LossOption()
    ignore = _Missing()
    normalize = Choice("present", "all")

    def __init__(self, loss, ignore="nan", normalize="present", reduction=DEFAULT_REDUCTION, name=None, dtype=None):
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.loss = loss
        self.ignore = ignore
        self.normalize = normalize
        _check_part(self.loss, self)
        if isinstance(self.loss, WeightedSum):
            raise ValueError("Masked: mask the parts of a WeightedSum, not the sum. Received: a WeightedSum")
        options = {"dtype": self._policy_name}
        by_element = isinstance(getattr(type(self.loss), "axis", None), Integer) and type(self.loss).axis.optional
        self._inner = adapt(self.loss, **(options | {"axis": None} if by_element else options))
        self.axis = self._inner.removed_axis
        self._call_takes = self._inner._call_takes
        self.from_logits = getattr(self._inner, "from_logits", None)

    def call(self, y_true, y_pred, **asked_for):
        return self._inner.call(y_true, y_pred, **asked_for)

    def align(self, y_true, y_pred):
        return self._inner.align(y_true, y_pred)

    def head_of(self, y_pred):
        return self._inner.head_of(y_pred)

    def weighs_inside(self, sample_weight):
        return self._inner.weighs_inside(sample_weight)

    def finish(self, reduced):
        return self._inner.finish(reduced)

    def compute_mask(self, y_true, y_pred):
        indices = not keras.backend.is_float_dtype(keras.backend.standardize_dtype(y_true.dtype))
        if self.ignore == "nan":
            missing = ops.equal(y_true, shapes.NAN_LABEL) if indices else ops.isnan(y_true)
        else:
            missing = ops.equal(y_true, self.ignore)
        if self.axis is not None and len(y_true.shape) == len(y_pred.shape):
            missing = ops.any(missing, self.axis)
        if self.axis is None and len(y_true.shape) < len(y_pred.shape):
            missing = ops.expand_dims(missing, -1)
        return both(ops.logical_not(missing), self._inner.compute_mask(y_true, y_pred))

    def values(self, y_true, y_pred, sample_weight=None):
        values, weights, mask = super().values(y_true, y_pred, sample_weight)
        if self.normalize == "present" or mask is None:
            return values, weights, mask
        values = ops.where(mask, values, 0)  # nothing to the sum, but one to the number
        padding = get_keras_mask(y_pred)  # what a layer has masked is not there, and is not counted in any case
        return values, *self._fit_to(values, weights, None if padding is None else ops.cast(padding, "bool"))
