"""`Loss`, the base class: the life of a call, and of an instance from construction to the saved model and back."""

import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_lossbox.core import compiled, host, options, reduction, replicas, shapes
from keras_lossbox.core.batch import (
    Batch,
    Values,
    logical_and_optional,
    settle,
    valid_entries,
    valid_labels,
    valid_predictions,
)
from keras_lossbox.core.construction import (
    DEFAULT_REDUCTION,
    ConstructThenFreeze,
    check_call,
    check_signature,
    hints,
    name_in_errors,
    names_in_errors,
    parameters_of,
    set_constructor,
)
from keras_lossbox.core.options import Choice, from_config, to_config
from keras_lossbox.core.reduction import Score
from keras_lossbox.core.registry import PACKAGE, __version__, available, is_of_user, register_of_user, snake_case
from keras_lossbox.core.targets import Real
from keras_lossbox.functions.elementary import sizes_of


class Loss(keras.losses.Loss, metaclass=ConstructThenFreeze):
    """Base class of every loss: a `keras.losses.Loss` that comes back from a saved model as it was.

    A subclass declares its options, or stores each parameter of its constructor under the parameter's name, and gives
    the formula: `call(y_true, y_pred)`, which returns one value per sample (`y_pred.shape[:-1]`). All else is done
    here: conversion, alignment of shapes, masks, sample weights, reduction, `get_config`, registration.

    * `(n,)` and `(n, 1)` are aligned; labels are never broadcast against predictions.
    * Sample weights are matched with the first axes of the loss values. A sample of weight zero, or masked, contributes
      nothing to value or gradient, not even when it is NaN.
    * An instance is read-only: a traced graph would not see a later change.

    A loss for data other than real numbers of one shape returns their kind from `targets`. One that looks across the
    samples, or takes logits as well as probabilities, has a `compute(batch)` in place of `call`. One that leaves out
    labels of some value says which in `ignored`. What is done after the mean, such as a root, goes into `finish`.

    Args:
        name: name of the instance; by default `lossbox_` and the class's name. Never an identifier of a Keras loss:
            Keras would load that loss, silently, from an `.h5` file read without this package.
        reduction: `"sum_over_batch_size"` or `"mean"` (divides by the number of values, masked ones left out),
            `"sum"`, `"none"` or None (no reduction), `"mean_with_sample_weight"` (divides by the sum of the weights
            of all values), `"sum_by_nonzero_weights"` (divides by the number of values with a weight other than 0).
        dtype: floating dtype (or dtype policy) of the computation and the result; `keras.config.floatx()` by default.
            float16 and bfloat16 are computed in float32 and only the result is rounded: their sums and label
            smoothing would be off by per cents.

    Raises:
        ValueError: for a bad option, for labels and predictions of different shapes, for weights that do not fit.
            The message names the loss, the argument, what is allowed and what was given.
        AttributeError: if an attribute is changed after construction.

    Example:

    >>> import keras, keras_lossbox
    >>> class Pinball(keras_lossbox.Loss):
    ...     def __init__(self, quantile=0.5, **kwargs):
    ...         super().__init__(**kwargs)
    ...         self.quantile = quantile
    ...     def call(self, y_true, y_pred):
    ...         error = y_true - y_pred
    ...         q = self.quantile
    ...         return keras.ops.mean(keras.ops.maximum(q * error, (q - 1) * error), axis=-1)
    >>> Pinball(0.9)
    Pinball(quantile=0.9)
    >>> float(Pinball(0.75)([[1.0], [2.0]], [[2.0], [0.0]]))
    0.875
    """

    reduction = Choice(*reduction.REDUCTIONS)

    jit_compile: bool | str = False  # whether the formula is handed to XLA by itself, see `core/compiled.py`
    by_rows = False  # whether the loss of some rows is that of these rows alone: then a `LinearHead` computes it so
    _positional = None

    def __init_subclass__(cls, package: str = "Custom", positional: Sequence[str] | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._positional = positional or cls._positional
        set_constructor(cls, Loss)
        users = is_of_user(cls)
        formula = {"call", "compute", "formula", "ignored"} & vars(cls).keys()
        if formula and "by_rows" not in vars(cls):
            cls.by_rows = False  # a formula of its own may look across rows
        if formula and users and "jit_compile" not in vars(cls):
            cls.jit_compile = False  # nor is it known whether XLA takes it
        if "call" in formula and "compute" not in formula:
            check_call(cls, used=cls.compute is Loss.compute)
        if users:
            if "__init__" in vars(cls):
                check_signature(cls)
            register_of_user(cls, package)

    def __init__(self, name: str | None = None, reduction: str | None = DEFAULT_REDUCTION, dtype: Any = None) -> None:
        try:
            if isinstance(dtype, dict):  # Keras would construct whatever class it names
                raise ValueError("not a dtype")
            policy = keras.dtype_policies.get(dtype or keras.config.floatx())
            if not keras.backend.is_float_dtype(policy.compute_dtype):
                raise ValueError("not a floating dtype")
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"`dtype` must be a floating dtype, a keras.DTypePolicy or None. Received: dtype={dtype!r}"
            ) from error
        if name is not None and not isinstance(name, str):
            raise ValueError(f"`name` must be a string or None. Received: name={name!r}")
        super().__init__(name=name or f"lossbox_{snake_case(type(self).__name__)}", reduction="none", dtype=policy)
        self.reduction = reduction
        self._policy_name = policy.name

    def __post_init__(self) -> None:
        """What a loss checks or prepares once its declared options are set."""

    # The life of a call

    @host.as_written
    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        with keras.name_scope(host.scope_name(self.name)), names_in_errors(type(self).__name__):
            return ops.cast(self.reduced(y_true, y_pred, sample_weight), self.dtype)

    def reduced(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The loss in `compute_dtype`; under `tf.distribute` this replica's share of it."""
        score = self.score(self.prepare(y_true, y_pred, sample_weight))
        loss = self.finish(reduction.reduced(score, self.reduction))
        if score.divisor is not None:
            return replicas.share(loss)
        of_vectors = len(loss.shape) == 2 and np.ndim(y_pred) == 1  # `axis=None`: they were aligned as (n, 1)
        return ops.squeeze(loss, -1) if of_vectors else loss

    def prepare(self, y_true: Any, y_pred: Any, sample_weight: Any = None, check_labels: bool = True) -> Batch:
        """Labels, predictions, weights and mask as a `Batch`: converted, aligned, checked, without what is masked."""
        layer_mask, linear = host.mask_of(y_pred), host.linear_behind(y_pred)
        y_pred, from_logits, targets = self.predictions(y_pred)
        linear = self._usable(linear, targets, len(y_pred.shape))
        sizes = sizes_of(y_pred) if linear is None else linear.sizes
        y_true = shapes.to_tensor("y_true", y_true, self.compute_dtype)
        y_true, y_pred, sizes = targets.align(y_true, ops.cast(y_pred, self.compute_dtype), sizes)
        axis = None if targets.axis is None else targets.axis % len(sizes)
        batch = Batch(y_true, y_pred, from_logits, axis, linear=linear)
        batch = self._with_weights(batch, sizes, sample_weight, layer_mask)
        domain = targets.domain(y_true, sizes)
        if not check_labels or domain is None:
            return batch
        if not batch.all_valid:
            y_true = valid_labels(batch, valid_entries(batch, sizes), domain.harmless, targets.labels_of_sample)
        y_true, invalid = domain.check(y_true, name_in_errors())
        return batch._replace(y_true=y_true, invalid=invalid)

    def score(self, batch: Batch) -> Score:
        """The formula, the weights and the sum: a pure function of the batch."""
        if batch.linear is not None:
            return batch.linear.score(self, batch)
        return compiled.score(self, batch, self.reduction)

    def evaluate(self, batch: Batch) -> Values:
        """`Values` as the formula gives them, with weights and mask that fit them, NaN where a label was not valid."""
        targets = self.targets(batch.y_pred)
        if not batch.all_valid:
            sizes = sizes_of(batch.y_pred)
            entries, checked = valid_entries(batch, sizes), targets.domain(batch.y_true, sizes) is not None
            y_true = batch.y_true if checked else valid_labels(batch, entries, by_sample=targets.labels_of_sample)
            y_pred = valid_predictions(batch, entries, softmax=targets.activation == "softmax")
            batch = batch._replace(y_true=y_true, y_pred=y_pred)
        return settle(self.compute(batch), batch, targets.across)

    # What a loss may say

    def targets(self, y_pred: Any) -> Real:
        """The kind of data: one of `keras_lossbox.targets`; by default real numbers, of which `call` takes a mean.

        If the loss has an option or attribute `axis`, that is the axis of the mean, and None none.
        """
        axis = getattr(self, "axis", -1)
        return Real(axis if axis is None or isinstance(axis, int) else -1)

    def ignored(self, batch: Batch) -> Any:
        """Which values an option leaves out, beside masks and weights: a boolean tensor, or None."""
        return None

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The formula: aligned labels and predictions in, one value per sample out."""
        raise NotImplementedError(f"{type(self).__name__} must implement call(y_true, y_pred) or compute(batch)")

    def compute(self, batch: Batch) -> Values:
        """The formula of a loss that needs more than labels and predictions: a `Batch` in, `Values` out."""
        return batch.values(self.call(batch.y_true, batch.y_pred))

    def finish(self, loss: Any) -> Any:
        """What is done to the reduced loss, for losses like a root that is taken of a mean."""
        return loss

    def metrics(self) -> list[keras.metrics.Metric]:
        """The usual metrics of what the loss is for, for `compile(metrics=…)`; they read predictions as the loss does.

        Of yes/no labels the accuracy and the area under the curve of precision and recall, from logits where the loss
        takes logits; of one class of several the accuracy, without what `ignore_class` leaves out; of regions Dice and
        IoU; of real numbers the mean absolute error and the root of the mean squared error. `Masked` leaves out labels
        that are missing; `WeightedSum` gives the mean of each of its parts. Other losses have no usual metrics, and the
        list is empty: those of both indices and one-hot rows ("accuracy" does for them), of embeddings, boxes, lists,
        distributions, and your own.

        Example:

        >>> import keras_lossbox
        >>> accuracy, area = keras_lossbox.BinaryCrossentropy(from_logits=True).metrics()
        >>> accuracy.name, accuracy.threshold, area.name
        ('binary_accuracy', 0.0, 'auc_pr')
        """
        from keras_lossbox.metrics.usual import usual_metrics  # it is built of losses

        return usual_metrics(self)

    # Configuration

    @property
    def last_path(self) -> str | None:
        """How the last call computed: "chunked" (from what a `LinearHead` was given), "ordinary", or None before it."""
        return self.__dict__.get("_last_path")

    @property
    def compute_dtype(self) -> str:
        """What the formula is computed in: `dtype`, or float32 where that is a half precision."""
        return "float32" if self.dtype in ("float16", "bfloat16") else self.dtype

    def get_config(self) -> dict[str, Any]:
        """Every parameter of the constructor with its value, as plain Python."""
        config = {}
        for name in parameters_of(type(self)):
            if name == "dtype":
                config[name] = self._policy_name
            elif hasattr(self, name):
                config[name] = to_config(getattr(self, name))
            else:
                raise AttributeError(
                    f"{type(self).__name__}: the constructor must store its parameter `{name}` as self.{name}, "
                    "so that the loss can be saved"
                )
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Loss":
        """A loss with these options; an unknown one is an error."""
        cls.check_known(
            config,
            " The configuration was probably saved by a newer version of the package that defines this loss "
            f"({PACKAGE} here is {__version__}).",
        )
        if is_of_user(cls):  # whose options know by themselves what they take
            config = from_config(config)
        return cls(**config)

    @classmethod
    def check_known(cls, given: Iterable[str], hint: str = "") -> None:
        """Raises a ValueError for an option that the constructor does not have."""
        unknown = sorted(set(given) - set(parameters_of(cls)))
        if unknown:
            raise ValueError(
                f"{cls.__name__}: no option is called {' or '.join(map(repr, unknown))}.{hint}"
                f"{hints(unknown, parameters_of(cls))}"
            )

    # Steps of `prepare`

    def predictions(self, y_pred: Any) -> tuple[Any, bool | None, Real]:
        """`y_pred` as a tensor, or the logits behind it where they are known; whether it is logits; the `targets`."""
        y_pred = shapes.to_tensor("y_pred", y_pred, self.compute_dtype)
        targets = self.targets(y_pred)
        shapes.check_axis(y_pred, targets.axis)
        self._check_lengths(y_pred, targets)
        if type(self).compute is Loss.compute or targets.activation is None:  # `call` would not know of logits
            return y_pred, targets.from_logits, targets
        logits = host.logits_behind(y_pred, targets.activation, -1 if targets.axis is None else targets.axis)
        if logits is None:
            return y_pred, targets.from_logits, targets
        if targets.from_logits:
            option = ", or set from_logits=False" if "from_logits" in options.declared(type(self)) else ""
            warnings.warn(
                f"{type(self).__name__}: from_logits=True, but y_pred comes out of a {targets.activation}. The logits "
                f"before it are used. Remove the activation{option}.",
                stacklevel=5,
            )
        return logits, True, targets

    def _usable(self, linear, targets, rank):
        """What a `LinearHead` has left on its logits, if this loss can compute from it; else None."""
        if linear is not None and targets.from_logits is False:
            raise ValueError("`from_logits` must be True: y_pred are the logits of a LinearHead. Received: False")
        if not (self.by_rows and targets.from_logits and targets.axis in (-1, rank - 1)):
            linear = None
        self.__dict__["_last_path"] = "ordinary" if linear is None else "chunked"
        return linear

    def _check_lengths(self, y_pred, targets):
        """Options with one number for each label or class must have as many as `y_pred` has of them."""
        for name, option in options.declared(type(self)).items():
            value = getattr(self, name)
            if isinstance(value, tuple):
                option.check_length(value, targets.label_count(y_pred), targets.label_axis, y_pred)

    def _with_weights(self, batch, sizes, sample_weight, layer_mask):
        """The batch with weights and mask that fit the values."""
        dtype, sizes, weights = self.compute_dtype, shapes.without_axis(sizes, batch.axis), None
        if sample_weight is not None:
            weights = ops.cast(shapes.to_tensor("sample_weight", sample_weight, dtype), dtype)
            weights = shapes.align_weights("sample_weight", weights, sizes, batch.axis)
        if layer_mask is not None:
            layer_mask = ops.cast(shapes.to_tensor("mask", layer_mask, dtype), "bool")
            layer_mask = shapes.align_weights("mask", layer_mask, sizes, batch.axis)
        mask, ignored = layer_mask, self.ignored(batch)
        if ignored is not None:
            mask = logical_and_optional(mask, ops.logical_not(shapes.align_weights("ignored", ignored, sizes)))
        return batch._replace(weights=weights, mask=mask, layer_mask=layer_mask)

    # Python's own protocols

    def __setattr__(self, name, value):
        if self.__dict__.get("_frozen"):
            raise AttributeError(
                f"{type(self).__name__}.{name} cannot be changed: a compiled model would not see it. Make a new loss."
            )
        super().__setattr__(name, value)

    def __add__(self, other: Any) -> Any:
        """`first + second` for two losses; 0 is neutral, so that `sum(losses)` works."""
        if isinstance(other, (int, float)) and other == 0:
            return self
        if not isinstance(other, keras.losses.Loss):
            return NotImplemented
        return available()["weighted_sum"]([self, other], reduction=self.reduction, dtype=self._policy_name)

    def __mul__(self, weight: float) -> Any:
        """`weight * loss` for a number."""
        if isinstance(weight, bool) or not isinstance(weight, (int, float)):
            return NotImplemented
        return available()["weighted_sum"]([self], [weight], reduction=self.reduction, dtype=self._policy_name)

    def __truediv__(self, number: float) -> Any:
        """`loss / number`."""
        if isinstance(number, bool) or not isinstance(number, (int, float)) or number == 0:
            return NotImplemented
        return self * (1 / number)

    __radd__, __rmul__ = __add__, __mul__

    def __reduce__(self):  # pickle and copy go through the configuration, as saving does
        return _from_class_and_config, (type(self), self.get_config())

    def __repr__(self):
        defaults = {name: parameter.default for name, parameter in parameters_of(type(self)).items()}
        defaults |= {"name": f"lossbox_{snake_case(type(self).__name__)}", "dtype": keras.config.floatx()}
        now = {name: getattr(self, name) for name in defaults} | {"dtype": self._policy_name}
        shown = {name: list(value) if isinstance(value, tuple) else value for name, value in now.items()}
        changed = [f"{name}={value!r}" for name, value in shown.items() if value != defaults[name]]
        return f"{type(self).__name__}({', '.join(changed)})"


def _from_class_and_config(cls, config):
    return cls.from_config(config)
