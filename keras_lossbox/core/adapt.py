"""A loss of Keras's or of a user's as one of this package: with its weights, masks and reductions."""

import dataclasses
import inspect

import keras

from keras_lossbox.core.construction import names_in_errors
from keras_lossbox.core.loss import Loss
from keras_lossbox.core.registry import available, is_of_user, snake_case
from keras_lossbox.core.targets import Real, Unaligned

_LABELS_OF_OTHER_SHAPE = ("SparseCategoricalCrossentropy", "CategoricalGeneralizedCrossEntropy", "Circle", "CTC")

DERIVED = ("_frozen", "_options", "_last_path")  # what a loss writes down about itself


def is_of_keras(loss):
    """Whether it is one of Keras's own losses, or another object of Keras."""
    return type(loss).__module__.startswith("keras.")


def option_of(thing, name):
    """An option of a loss or metric, None where it has none. (Keras 3.16 has some in the configuration alone.)"""
    if hasattr(thing, name):
        return getattr(thing, name)
    return thing.get_config().get(name) if is_of_keras(thing) else None


def adapt(loss, **changes):
    """The same loss with other options, as a loss of this package.

    A user's loss is copied as it is, with what it holds beside its options; only `reduction`, `dtype` and `name` of it
    can be changed.
    """
    if not isinstance(loss, Loss):
        return Adapted(loss, **{"name": loss.name, "dtype": loss.dtype, **changes})
    changed = {name: value for name, value in changes.items() if getattr(loss, name) != value}
    if not changed:
        return loss
    if not is_of_user(type(loss)):
        return type(loss).from_config({**loss.get_config(), **changed})
    again = object.__new__(type(loss))
    again.__dict__.update({name: value for name, value in vars(loss).items() if name not in DERIVED})
    base = {"name": loss.name, "reduction": loss.reduction, "dtype": loss.get_config().get("dtype", loss.dtype)}
    Loss.__init__(again, **{name: changed.pop(name, value) for name, value in base.items()})
    for name, value in changed.items():
        setattr(again, name, value)
    again.__dict__["_frozen"] = True
    return again


def counterpart(loss):
    """The loss of this package that takes the same labels and predictions as `loss`, or None."""
    if isinstance(loss, Loss):
        return loss
    for cls in type(loss).__mro__:
        ours = available().get(snake_case(cls.__name__)) if cls.__module__.startswith("keras.") else None
        if ours is not None:
            shared = set(inspect.signature(ours).parameters) & {"from_logits", "axis", "ignore_class"}
            options = {name: option_of(loss, name) for name in shared}
            return ours(**{name: value for name, value in options.items() if value is not None})
    return None


def check_is_storable(loss):
    """Some of Keras's losses forget options, and all of them their dtype, when they are saved (Huber its delta)."""
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    if again.dtype != loss.dtype or (is_of_keras(loss) and repr(again) != repr(loss)):
        raise ValueError(
            f"Keras does not save all options of {loss!r}, dtype {loss.dtype}, so that a reloaded model would train "
            "with others; use the loss of keras_lossbox of that name"
        )


@dataclasses.dataclass(frozen=True)
class _RealOfKeras(Real):
    """Real numbers for one of Keras's losses, which then does not broadcast labels either."""

    loss: str = ""

    def align(self, y_true, y_pred, sizes):
        with names_in_errors(f"keras.losses.{self.loss}"):
            return super().align(y_true, y_pred, sizes)


class Adapted(Loss):
    """A loss that is not of this package, with this package's weights, masks and reductions."""

    def __init__(self, loss, **kwargs):
        super().__init__(**kwargs)
        self.loss = loss

    def targets(self, y_pred):
        kind = type(self.loss).__name__
        aligned = is_of_keras(self.loss) and kind not in _LABELS_OF_OTHER_SHAPE
        return _RealOfKeras(loss=kind) if aligned else Unaligned()

    def call(self, y_true, y_pred):
        return self.loss.call(y_true, y_pred)
