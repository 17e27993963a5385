"""Which losses there are: `register`, `available`, `get`."""

import difflib
import re
import warnings
from typing import Any

import keras

from keras_lossbox.core import elsewhere, host

PACKAGE = "keras_lossbox"
__version__ = "0.1.0"

_registry: dict[str, type[Any]] = {}  # snake_case name -> class
_SHORT_NAMES = {  # Keras's, and those that are made like them
    "bce": "binary_crossentropy",
    "cce": "categorical_crossentropy",
    "kld": "kl_divergence",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "mse": "mean_squared_error",
    "msle": "mean_squared_logarithmic_error",
    "rmse": "root_mean_squared_error",
    "scce": "sparse_categorical_crossentropy",
}


_GIVEN = {  # where the rule does not find the words
    "CIoU": "ciou",
    "DIoU": "diou",
    "GIoU": "giou",
    "IoU": "iou",
    "IoUScore": "iou_score",
    "NPairs": "npairs",
    "NPairsMultilabel": "npairs_multilabel",
    "SigLIP": "siglip",
    "StudentTNLL": "student_t_nll",
}


def snake_case(name: str) -> str:
    """`BinaryCrossentropy` as `binary_crossentropy`."""
    if name in _GIVEN:
        return _GIVEN[name]
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def register(cls: type) -> type:
    """Makes a loss of this package known to Keras's saving and to `get` and `available`."""
    _registry[snake_case(cls.__name__)] = cls
    return keras.saving.register_keras_serializable(PACKAGE)(cls)


def is_of_user(cls: type) -> bool:
    """Whether a loss is defined outside of this package."""
    return cls.__module__.split(".")[0] != PACKAGE


def register_of_user(cls: type, package: str) -> None:
    """Makes a user's loss known to Keras's saving, so that a saved model finds it.

    Two classes under one name are worth a warning: the later one is what every saved model would load.
    """
    key = f"{package}>{cls.__name__}"
    other = keras.saving.get_custom_objects().get(key)
    if other is not None and (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
        warnings.warn(
            f"{cls.__module__}.{cls.__qualname__} takes the registered name {key!r} from {other.__module__}."
            f"{other.__qualname__}: saved models will load the new class. Give one of them another name, or write "
            f'class {cls.__name__}(keras_lossbox.Loss, package="your_package")',
            stacklevel=4,
        )
    keras.saving.register_keras_serializable(package)(cls)


def in_order() -> list[type[Any]]:
    """The classes of the losses as their modules define them, for tables."""
    return list(_registry.values())


def available() -> dict[str, type[Any]]:
    """Every loss of the package: a dict from its snake_case name to its class, sorted by name.

    Example:

    >>> import keras_lossbox
    >>> keras_lossbox.available()["huber"].__name__
    'Huber'
    """
    return dict(sorted(_registry.items()))


def get(identifier: str | dict[str, Any] | keras.losses.Loss, **options: Any) -> keras.losses.Loss:
    """A loss by name, with options; `keras.losses.get` cannot find the losses of other packages.

    Args:
        identifier: a name in snake_case or as the class is written, in any capitals (`"keras_lossbox>"` before it is
            allowed); one of Keras's short names: `"bce"`, `"cce"`, `"kld"`, `"mae"`, `"mape"`, `"mse"`, `"msle"`,
            `"rmse"`, `"scce"`; a serialised loss (the dict that `keras.losses.serialize` gives); or a loss, which is
            returned as it is.
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
    wanted = _letters(identifier.removeprefix(f"{PACKAGE}>"))
    wanted = _letters(_SHORT_NAMES.get(wanted, wanted))
    for name, cls in _registry.items():
        if _letters(name) == wanted:
            cls.check_known(options)
            return cls(**options)
    near = _elsewhere(wanted) or _nearest(wanted)
    raise ValueError(
        f"keras_lossbox.get: no loss is named {identifier!r}.{did_you_mean(near)} Available: {', '.join(available())}"
    )


def no_attribute(name: str) -> Exception:
    """The error for a name that the package does not have, with what it is called here.

    Of `from keras_lossbox import Name` Python would say nothing but that it cannot: an AttributeError's text is lost.
    """
    text = f"module {PACKAGE!r} has no attribute {name!r}."
    if not name.startswith("_"):
        letters = _letters(name)
        exact = [key for key in _registry if _letters(key) == letters.removesuffix("loss")]
        keys = [_SHORT_NAMES[letters]] if letters in _SHORT_NAMES else exact or _nearest(letters)
        classes = dict.fromkeys(_registry[_SHORT_NAMES.get(key, key)].__name__ for key in keys)
        text += did_you_mean(_elsewhere(letters) or [*classes])
    return ImportError(text) if host.in_from_import(depth=3) else AttributeError(text)


def did_you_mean(names: list[str]) -> str:
    """The question, with a space before it; nothing if there is no name to ask for."""
    return f" Did you mean {' or '.join(map(repr, names))}?" if names else ""


def _letters(name):
    """A name without what different spellings differ in."""
    return name.replace("_", "").lower()


def _elsewhere(wanted):
    """What to write here for a loss of another library, if it is in the table."""
    known = {_letters(name).removesuffix("loss"): here for name, here in elsewhere.LOSSES.items()}
    return known.get(wanted.removesuffix("loss"), [])


def _nearest(wanted):
    """At most three names near to `wanted`: that contain it (Keras's first), contained in it, or similar."""
    wanted = wanted.removesuffix("loss")
    names = sorted(_registry, key=lambda name: (not hasattr(keras.losses, _registry[name].__name__), len(name)))
    names = {_letters(name): name for name in (*names, *_SHORT_NAMES)}
    near = [key for key in names if wanted and wanted in key]
    near += sorted((key for key in names if key in wanted), key=len, reverse=True)
    near += difflib.get_close_matches(wanted, names, cutoff=0.6)
    return [names[key] for key in dict.fromkeys(near)][:3]
