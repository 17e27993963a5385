"""`Loss`, the base class that does once what every loss needs, and the registry that knows every loss."""

import abc
import difflib
import inspect
import re
import warnings

import keras
from keras import ops
from keras.src.backend import get_keras_mask  # private: on some backends the attribute `_keras_mask` is not the way

from keras_lossbox import numerics, shapes
from keras_lossbox.options import Choice, to_config
from keras_lossbox.reduction import REDUCTIONS, both, reduce_values, share_of_replica

PACKAGE = "keras_lossbox"
__version__ = "0.1.0"

_registry = {}  # snake_case name -> class


class _ConstructThenFreeze(abc.ABCMeta):
    def __call__(cls, *args, **kwargs):
        unknown = sorted(set(kwargs) - set(cls._parameters())) if cls in _registry.values() else None
        if unknown:  # Python's own message would name the base class that the option was passed on to
            raise TypeError(
                f"{cls.__name__}: unexpected option {unknown[0]!r}. Options: {', '.join(cls._parameters())}"
            )
        loss = super().__call__(*args, **kwargs)
        loss.get_config()  # an option that the constructor forgot to store shows here, not when a model is saved
        loss.__dict__["_frozen"] = True
        return loss

    @property
    def __signature__(cls):  # for help() and editors, which would show (*args, **kwargs)
        own = inspect.signature(cls.__init__).parameters
        passed_on = [p.replace(kind=p.KEYWORD_ONLY) for name, p in cls._parameters().items() if name not in own]
        return inspect.Signature([p for p in list(own.values())[1:] if p.kind is not p.VAR_KEYWORD] + passed_on)


class Loss(keras.losses.Loss, metaclass=_ConstructThenFreeze):
    """Base class of every loss: a `keras.losses.Loss` that comes back from a saved model as it was.

    A subclass stores each parameter of its constructor under the parameter's name and gives the formula in
    `call(y_true, y_pred)`, which returns one value per sample (`y_pred.shape[:-1]`). All else is done here:
    conversion, alignment of shapes, masks, sample weights, reduction, `get_config`, registration.

    * `(n,)` and `(n, 1)` are aligned; labels are never broadcast against predictions.
    * Sample weights fit the values from the left. An entry of weight zero, or masked, contributes nothing to value or
      gradient, not even when it is NaN.
    * An instance is read-only: a traced graph would not see a later change.

    `call` may take three more arguments, and then gets them: `mask`, for formulas that look across entries (boolean,
    can be broadcast to `y_pred`, True where an entry counts; or None); `sample_weight`, for formulas that weigh the
    entries themselves (see `weighs_inside`; can be broadcast to `y_pred`, or None); and `from_logits`, for classes
    with that option and a `head` (True also where `y_pred` was replaced by the logits behind a sigmoid or softmax).

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
            The message names the loss, the argument, what is allowed and what came.
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

    reduction = Choice(*REDUCTIONS)
    axis = -1  # the axis of y_pred that `call` removes; None: it removes none, and weights may have the shape of y_pred
    _call_takes = frozenset()
    head = None  # "sigmoid" or "softmax": the activation whose probabilities `call` understands

    def __init_subclass__(cls, package="Custom", **kwargs):
        super().__init_subclass__(**kwargs)
        parameters = inspect.signature(cls.call).parameters
        passes_on = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        inherited = super(cls, cls)._call_takes if passes_on else frozenset()
        cls._call_takes = inherited | ({"mask", "sample_weight", "from_logits"} & set(parameters))
        if cls.__module__.split(".")[0] != PACKAGE:  # a user's: registered here, so that a saved model finds it
            _warn_if_taken(f"{package}>{cls.__name__}", cls)
            keras.saving.register_keras_serializable(package)(cls)

    def __init__(self, name=None, reduction="sum_over_batch_size", dtype=None):
        kind = type(self).__name__
        try:
            if isinstance(dtype, dict):  # Keras would construct whatever class it names
                raise ValueError("not a dtype")
            policy = keras.dtype_policies.get(dtype or keras.config.floatx())
            if not keras.backend.is_float_dtype(policy.compute_dtype):
                raise ValueError("not a floating dtype")
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{kind}: `dtype` must be a floating dtype, a keras.DTypePolicy or None. Received: dtype={dtype!r}"
            ) from error
        if name is not None and not isinstance(name, str):
            raise ValueError(f"{kind}: `name` must be a string or None. Received: name={name!r}")
        super().__init__(name=name or f"lossbox_{snake_case(kind)}", reduction="none", dtype=policy)
        self.reduction = reduction
        self._policy_name = policy.name

    def __call__(self, y_true, y_pred, sample_weight=None):
        with keras.name_scope(re.sub(r"[^\w.-]", "_", self.name)):
            loss = self.finish(self.reduced(y_true, y_pred, sample_weight))
            return ops.cast(loss if self.reduction in ("none", None) else share_of_replica(loss), self.dtype)

    def reduced(self, y_true, y_pred, sample_weight=None):
        """The values, weighted and reduced."""
        return reduce_values(*self.values(y_true, y_pred, sample_weight), self.reduction)

    def values(self, y_true, y_pred, sample_weight=None):
        """What `call` gives, not yet weighted, with the weights and the mask that fit it (or None): three tensors."""
        kind, dtype = type(self).__name__, self.compute_dtype
        mask = get_keras_mask(y_pred)  # what Embedding(mask_zero=True) or Masking let through
        y_pred = shapes.to_tensor(kind, "y_pred", y_pred, dtype)
        shapes.check_axis(kind, y_pred, self.removed_axis)
        y_pred, from_logits = self._logits_or(y_pred)
        y_pred = ops.cast(y_pred, dtype)
        y_true, y_pred = self.align(shapes.to_tensor(kind, "y_true", y_true, dtype), y_pred)

        rank = len(y_pred.shape)
        axis = None if self.removed_axis is None else self.removed_axis % rank
        sizes = tuple(size for position, size in enumerate(shapes.sizes_of(y_pred)) if position != axis)
        if sample_weight is not None:
            sample_weight = shapes.to_tensor(kind, "sample_weight", sample_weight, dtype)
        inside = sample_weight is not None and "sample_weight" in self._call_takes and self.weighs_inside(sample_weight)
        weights, mask = self.align_weights(sample_weight, mask, sizes, axis)
        mask = both(mask, self.compute_mask(y_true, y_pred))
        counted = both(mask, None if weights is None else ops.not_equal(weights, 0))
        if counted is not None:
            counted = ops.broadcast_to(counted, sizes)  # which fails where a size unknown until the run differs
        entries = counted if counted is None or axis is None else ops.expand_dims(counted, axis)
        if counted is not None:  # 0 * NaN is NaN: what does not count never enters the formula
            of_labels = entries
            if len(y_true.shape) < rank:  # indices, which lack the axis of the classes
                of_labels = ops.any(entries, -1 if axis is None else axis)
            of_pred = entries
            if (
                axis is None and self.head_of(y_pred) == "softmax"
            ):  # over the last axis, of which some entries may count
                of_pred = ops.any(entries, -1, keepdims=True)
            y_true, y_pred = ops.where(of_labels, y_true, 0), ops.where(of_pred, y_pred, 1)

        offered = {"mask": entries, "sample_weight": None, "from_logits": from_logits}
        if inside:
            offered["sample_weight"] = weights if axis is None else ops.expand_dims(weights, axis)
            weights, mask = None, counted
        values = self.call(y_true, y_pred, **{name: offered[name] for name in self._call_takes})
        return values, *self._fit_to(values, weights, mask)

    def call(self, y_true, y_pred):
        """The formula: aligned labels and predictions in, one value per sample out."""
        raise NotImplementedError(f"{type(self).__name__} must implement call(y_true, y_pred)")

    def align(self, y_true, y_pred):
        """Labels and predictions brought into the shapes that `call` expects; by default the same shape for both."""
        return shapes.align_values(type(self).__name__, y_true, y_pred)

    def head_of(self, y_pred):
        """The activation whose probabilities `y_pred` may be and whose logits `call` can use, or None."""
        return self.head

    def align_weights(self, sample_weight, mask, sizes, axis):
        """Weights and mask (or None) as tensors that can be broadcast to `sizes`, those of y_pred without `axis`."""
        kind, dtype = type(self).__name__, self.compute_dtype
        if mask is not None:
            mask = ops.cast(shapes.to_tensor(kind, "mask", mask, dtype), "bool")
            mask = shapes.align_weights(kind, "mask", mask, sizes, axis)
        if sample_weight is not None:
            sample_weight = ops.cast(shapes.to_tensor(kind, "sample_weight", sample_weight, dtype), dtype)
            sample_weight = shapes.align_weights(kind, "sample_weight", sample_weight, sizes, axis)
        return sample_weight, mask

    def weighs_inside(self, sample_weight):
        """Whether these weights go into `call`, if it takes them, instead of multiplying what it gives."""
        return True

    def compute_mask(self, y_true, y_pred):
        """Which values count, beside masks and weights from outside: a boolean tensor, or None for all."""
        return None

    def finish(self, reduced):
        """What is done to the reduced values, for losses like a root that is taken of a mean."""
        return reduced

    def _fit_to(self, values, weights, mask):
        """Weights and mask for the values as `call` really gave them."""
        kind, sizes = type(self).__name__, shapes.sizes_of(values)
        if mask is not None and "mask" in self._call_takes and len(mask.shape) > len(sizes) > 0:
            mask = ops.any(mask, tuple(range(len(sizes), len(mask.shape))))  # a sample counts if any entry of it does
        if len(sizes) == 0 and (mask is not None or (weights is not None and any(n != 1 for n in weights.shape))):
            raise ValueError(
                f"{kind}: `call` returned one number for the whole batch, so that sample weights and masks cannot be "
                "applied; return one value per sample, or take `mask` in `call`"
            )
        if weights is not None:
            weights = shapes.align_weights(kind, "sample_weight", weights, sizes)
        if mask is not None:
            mask = shapes.align_weights(kind, "mask", mask, sizes)
        return weights, mask

    def along(self, option, y_pred, axis=-1):
        """The value of an option that is one number or one per entry of `axis`, ready to multiply `y_pred`."""
        value = getattr(self, option)
        if not isinstance(value, list):
            return value
        size = y_pred.shape[axis]
        if size is not None and size != len(value):
            raise ValueError(
                f"{type(self).__name__}: `{option}` must be one number or {size} of them, the size of axis {axis} of "
                f"y_pred. Received: {len(value)} numbers, y_pred.shape={tuple(y_pred.shape)}"
            )
        shape = [1] * len(y_pred.shape)
        shape[axis] = shapes.sizes_of(y_pred)[axis]
        return ops.reshape(ops.convert_to_tensor(value, y_pred.dtype), shape)

    @property
    def removed_axis(self):
        """The axis of y_pred that weights and masks lack, or None: `axis`, unless a loss means something else by it."""
        return self.axis

    @property
    def compute_dtype(self):
        """What the formula is computed in: `dtype`, or float32 where that is a half precision."""
        return "float32" if self.dtype in ("float16", "bfloat16") else self.dtype

    def get_config(self):
        """Every parameter of the constructor with its value, as plain Python."""
        config = {}
        for name in self._parameters():
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
    def from_config(cls, config):
        """A loss with these options; an unknown one is an error."""
        cls._check_known(
            config,
            " The configuration was probably saved by a newer version of the package that defines this loss "
            f"({PACKAGE} here is {__version__}).",
        )
        return cls(**config)

    @classmethod
    def _check_known(cls, options, hint=""):
        unknown = sorted(set(options) - set(cls._parameters()))
        if unknown:
            raise ValueError(
                f"{cls.__name__}: no option is called {' or '.join(map(repr, unknown))}.{hint} "
                f"Options: {', '.join(cls._parameters())}"
            )

    @classmethod
    def _parameters(cls):
        """The constructor's parameters by name, those that it passes on with **kwargs included."""
        found = {}
        for klass in cls.__mro__:
            if "__init__" not in vars(klass):
                continue
            parameters = list(inspect.signature(klass.__init__).parameters.values())[1:]
            for parameter in parameters:
                if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                    found.setdefault(parameter.name, parameter)
            if klass is Loss or not any(p.kind is p.VAR_KEYWORD for p in parameters):
                break
        return found

    def _logits_or(self, y_pred):
        """The logits behind `y_pred` where they are known, else `y_pred`; and whether the result is logits."""
        head = self.head_of(y_pred) if "from_logits" in self._call_takes else None
        if head is None:  # `call` would not know that it was given logits
            return y_pred, None
        logits = numerics.logits_behind(y_pred, head, -1 if self.removed_axis is None else self.removed_axis)
        if logits is None:
            return y_pred, self.from_logits
        if self.from_logits:
            warnings.warn(
                f"{type(self).__name__}: from_logits=True, but y_pred comes out of a {head}. The logits before it are "
                "used. Remove the activation, or set from_logits=False.",
                stacklevel=3,
            )
        return logits, True

    def __setattr__(self, name, value):
        if self.__dict__.get("_frozen"):
            raise AttributeError(
                f"{type(self).__name__}.{name} cannot be changed: a compiled model would not see it. Make a new loss."
            )
        super().__setattr__(name, value)

    def __reduce__(self):  # pickle and copy go through the configuration, as saving does
        return _from_class_and_config, (type(self), self.get_config())

    def __add__(self, other):
        from keras_lossbox import combine  # which builds on this module

        return combine.add(self, other)

    def __mul__(self, weight):
        from keras_lossbox import combine

        return combine.multiply(self, weight)

    __radd__, __rmul__ = __add__, __mul__

    def __repr__(self):
        defaults = {name: parameter.default for name, parameter in self._parameters().items()}
        defaults |= {"name": f"lossbox_{snake_case(type(self).__name__)}", "dtype": keras.config.floatx()}
        now = {name: getattr(self, name) for name in defaults} | {"dtype": self._policy_name}
        changed = [f"{name}={value!r}" for name, value in now.items() if value != defaults[name]]
        return f"{type(self).__name__}({', '.join(changed)})"


def _from_class_and_config(cls, config):
    return cls.from_config(config)


def _warn_if_taken(key, cls):
    """Two classes under one name: the later one is what every saved model would load."""
    other = keras.saving.get_custom_objects().get(key)
    if other is not None and (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
        warnings.warn(
            f"{cls.__module__}.{cls.__qualname__} takes the registered name {key!r} from {other.__module__}."
            f"{other.__qualname__}: saved models will load the new class. Give one of them another name, or write "
            f'class {cls.__name__}(keras_lossbox.Loss, package="your_package")',
            stacklevel=4,
        )


def snake_case(name):
    """`BinaryCrossentropy` as `binary_crossentropy`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def register(cls):
    """Makes a loss of this package known to Keras's saving and to `get` and `available`."""
    _registry[snake_case(cls.__name__)] = cls
    return keras.saving.register_keras_serializable(PACKAGE)(cls)


def available():
    """Every loss of the package: a dict from its snake_case name to its class, sorted by name.

    Example:

    >>> import keras_lossbox
    >>> keras_lossbox.available()["huber"]
    <class 'keras_lossbox.regression.Huber'>
    """
    return dict(sorted(_registry.items()))


def get(identifier, **options):
    """A loss by name, with options; `keras.losses.get` cannot find the losses of other packages.

    Args:
        identifier: a name in snake_case or as the class is written (`"keras_lossbox>"` before it is allowed), a
            serialised loss (the dict that `keras.losses.serialize` gives), or a loss, which is returned as it is.
        **options: the constructor's options; beside a dict they replace what it says.

    Returns:
        A `keras_lossbox.Loss` (from a dict: whatever loss it describes).

    Raises:
        ValueError: for an unknown name (the nearest known ones are named) or an option that the loss does not have.

    Example:

    >>> import keras_lossbox
    >>> keras_lossbox.get("binary_crossentropy", pos_weight=3.0)
    BinaryCrossentropy(pos_weight=3.0)
    """
    if isinstance(identifier, dict):
        return keras.losses.deserialize({**identifier, "config": {**(identifier.get("config") or {}), **options}})
    if isinstance(identifier, keras.losses.Loss) and not options:
        return identifier
    if not isinstance(identifier, str):
        raise ValueError(
            "keras_lossbox.get: `identifier` must be a name, a serialised loss, or a loss (without further options). "
            f"Received: {identifier!r}"
        )
    wanted = identifier.removeprefix(f"{PACKAGE}>").replace("_", "").lower()
    for name, cls in _registry.items():
        if name.replace("_", "") == wanted:
            cls._check_known(options)
            return cls(**options)
    near = difflib.get_close_matches(snake_case(identifier), _registry, n=3, cutoff=0.4)
    raise ValueError(
        f"keras_lossbox.get: no loss is named {identifier!r}."
        + (f" Did you mean {' or '.join(map(repr, near))}?" if near else "")
        + f" Available: {', '.join(available())}"
    )
