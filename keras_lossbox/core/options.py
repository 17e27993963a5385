"""The options of a loss: one declaration gives the constructor's parameter, the check, the conversion and the error.

    class Huber(Loss):
        delta = Number(1.0, low=0, above=True)

A value is checked and converted where the constructor assigns it. What is kept is a bool, int, float, str, tuple
or None, whatever was given (numpy, tensors, lists), so that it can be stored in a config and nothing can change it.
"""

import functools
import inspect
import math
import numbers

import keras
import numpy as np

from keras_lossbox.core import host

REQUIRED = inspect.Parameter.empty  # the default of an option that has none


def to_python(value):
    """`value` with numpy arrays, tensors and variables, also inside containers, turned into numbers and lists."""
    if isinstance(value, (bool, int, float, str, type(None))) and not isinstance(value, np.generic):
        return value
    if isinstance(value, dict):
        return {key: to_python(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_python(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if hasattr(value, "__array__") or keras.ops.is_tensor(value):  # a tensor, a variable, a pandas Series
        return keras.ops.convert_to_numpy(keras.ops.convert_to_tensor(value)).tolist()
    return value


def check_no_variable(value):
    """A loss would keep the number that a variable has now, and not see a later one."""
    if host.is_variable(value):
        raise TypeError("a variable, whose changes the loss would not see: give its value, and for another a new loss")
    for item in value if isinstance(value, (list, tuple)) else ():
        check_no_variable(item)


def shortened(value):
    """`repr(value)` for an error, which nobody reads to the end of a long list."""
    text = repr(value)
    return text if len(text) <= 500 else f"{text[:500]}…"


def to_config(value):
    """`to_python(value)` with losses serialised, in containers of its own."""
    value = to_python(value)
    if isinstance(value, dict):
        return {key: to_config(item) for key, item in value.items()}
    if isinstance(value, list):
        return [to_config(item) for item in value]
    if isinstance(value, keras.losses.Loss):  # within a model Keras adds an id, which is another one each time
        return {name: item for name, item in keras.losses.serialize(value).items() if name != "shared_object_id"}
    return value


def deserialize(config):
    """The loss that a serialised one describes; of a registered class that is no loss, nothing is constructed."""
    registered = keras.saving.get_registered_object(config.get("registered_name") or config.get("class_name"))
    if registered is not None and not (isinstance(registered, type) and issubclass(registered, keras.losses.Loss)):
        raise TypeError
    return keras.losses.deserialize(config)


def from_config(value):
    """A value that `to_config` gave, with losses made again."""
    if isinstance(value, dict) and {"class_name", "config"} <= value.keys():
        return deserialize(value)
    if isinstance(value, dict):
        return {key: from_config(item) for key, item in value.items()}
    return [from_config(item) for item in value] if isinstance(value, list) else value


class Option:
    """An attribute that is checked when it is set; a subclass says what is `allowed` and how to `parse` it.

    Args:
        default: the constructor's default; without one the option has to be given.
        keyword: True for a parameter that can only be given by name.
        optional: True if None is allowed; so it is where None is the default.
    """

    allowed = "anything"
    annotation = "Any"  # the type of what may be given, for the stub that editors and type checkers read

    def __init__(self, default=REQUIRED, *, keyword=False, optional=False):
        self.default = default
        self.keyword = keyword
        self.optional = optional or default is None

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, loss, owner=None):
        return self if loss is None else loss.__dict__[self.name]

    def __set__(self, loss, value):
        try:
            check_no_variable(value)
            parsed = None if value is None and self.optional else self.parse(to_python(value))
        except (TypeError, ValueError, LookupError, OverflowError, NotImplementedError) as error:
            # (a symbolic tensor, which has no value yet, raises the last)
            or_none = ", or None" if self.optional else ""
            why = f" ({error})" if str(error) else ""
            raise ValueError(
                f"`{self.name}` must be {self.allowed}{or_none}. Received: {self.name}={shortened(value)}{why}"
                f"{self.meant_for_another(loss, value)}"
            ) from None
        loss.__dict__[self.name] = tuple(parsed) if isinstance(parsed, list) else parsed

    def meant_for_another(self, loss, value):
        """What an error says if the value is a name that another option takes: it came in the wrong place."""
        for name, option in declared(type(loss)).items():
            if isinstance(value, str) and option is not self and value in getattr(option, "names", ()):
                return f". Did you mean {name}={value!r}?"
        return ""

    def parse(self, value):
        """The plain Python value to keep; raises TypeError or ValueError for a value that is not allowed."""
        raise NotImplementedError

    def check_length(self, value, size, axis, y_pred):
        """A list must have one entry for each of the `size` entries of `axis`."""

    def parameter(self, keyword=None):
        """The constructor's parameter."""
        keyword = self.keyword if keyword is None else keyword
        kind = inspect.Parameter.KEYWORD_ONLY if keyword else inspect.Parameter.POSITIONAL_OR_KEYWORD
        return inspect.Parameter(self.name, kind, default=self.default)


class Flag(Option):
    """True or False."""

    allowed = "True or False"
    annotation = "bool"

    def parse(self, value):
        if not isinstance(value, bool):
            raise TypeError
        return value


class Choice(Option):
    """One of a few names, of which the first is the default unless another is given."""

    def __init__(self, *names, default=REQUIRED, keyword=False):
        super().__init__(names[0] if default is REQUIRED else default, keyword=keyword)
        self.optional = False  # None is one of the names, or not allowed
        self.names = names

    @property
    def allowed(self):
        return "one of " + ", ".join(map(repr, self.names))

    @property
    def annotation(self):
        return f"Literal[{', '.join(map(repr, self.names))}]"

    def parse(self, value):
        if not isinstance(value, (str, type(None))) or value not in self.names:
            raise ValueError
        return value


class ClassesOrChoice(Choice):
    """One of a few names, or the classes themselves, as a list of their indices."""

    @property
    def allowed(self):
        return f"{super().allowed}, or a flat list of different class indices"

    @property
    def annotation(self):
        return f"{super().annotation} | Sequence[int]"

    def parse(self, value):
        if not isinstance(value, list):
            return super().parse(value)
        if not value or len(set(value)) < len(value):
            raise ValueError
        return [Integer(low=0).parse(label) for label in value]

    def check_length(self, value, size, axis, y_pred):
        if isinstance(value, tuple) and size is not None and max(value) >= size:
            raise ValueError(
                f"`{self.name}` must be class indices below {size}, the size of axis {axis} of y_pred. "
                f"Received: {self.name}={list(value)}, y_pred.shape={tuple(y_pred.shape)}"
            )


class Missing(Option):
    """The label that stands for a missing one; NaN is kept as "nan", which JSON knows and which equals itself."""

    allowed = "a number or NaN"
    annotation = 'float | Literal["nan"]'

    def parse(self, value):
        if value == "nan" or (isinstance(value, float) and math.isnan(value)):
            return "nan"
        if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isinf(value):
            raise TypeError
        return value


class Integer(Option):
    """A whole number, of `low` or more; Python's or numpy's, never a bool or a float."""

    annotation = "int"

    def __init__(self, default=REQUIRED, low=None, *, keyword=False, optional=False):
        super().__init__(default, keyword=keyword, optional=optional)
        self.low = low

    @property
    def allowed(self):
        return "an integer" if self.low is None else f"an integer >= {self.low}"

    def parse(self, value):
        if isinstance(value, bool) or not isinstance(value, numbers.Integral):
            raise TypeError
        if self.low is not None and value < self.low:
            raise ValueError
        return int(value)


class Axes(Option):
    """One axis or several, as a list."""

    allowed = "an integer or a flat list of integers"
    annotation = "int | Sequence[int]"

    def parse(self, value):
        axes = value if isinstance(value, list) else [value]
        if not axes or any(isinstance(axis, bool) or not isinstance(axis, numbers.Integral) for axis in axes):
            raise TypeError
        return [int(axis) for axis in axes]


class Number(Option):
    """A finite number in [low, high] (`above=True`: in (low, high]), or with `per="class"` also a list of them."""

    def __init__(
        self,
        default=REQUIRED,
        low=-math.inf,
        high=math.inf,
        *,
        above=False,
        per=None,
        keyword=False,
        optional=False,
    ):
        super().__init__(default, keyword=keyword, optional=optional)
        self.low, self.high, self.above, self.per = low, high, above, per

    @property
    def allowed(self):
        if math.isfinite(self.low) and math.isfinite(self.high):
            domain = f"a number in {'(' if self.above else '['}{self.low:g}, {self.high:g}]"
        elif math.isfinite(self.low):
            domain = f"a finite number {'>' if self.above else '>='} {self.low:g}"
        else:
            domain = "a finite number"
        return domain if self.per is None else f"{domain} or a flat list of such numbers (one per {self.per})"

    @property
    def annotation(self):
        if self.per is None:
            return "float"
        return f"float | Sequence[float] | ArrayLike{' | Mapping[int, float]' if self.per == 'class' else ''}"

    def parse(self, value):
        if self.per == "class":
            value = _from_keras(value)
        if isinstance(value, list) and self.per is not None:
            if not value:
                raise ValueError
            return [self._parse_one(item) for item in value]
        return self._parse_one(value)

    def _parse_one(self, value):
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise TypeError
        number = float(value)
        if not (math.isfinite(number) and self.low <= number <= self.high) or (self.above and number == self.low):
            raise ValueError
        return number

    def check_length(self, value, size, axis, y_pred):
        if (
            self.per in ("class", "label", "level", "threshold")
            and isinstance(value, tuple)
            and size not in (None, len(value))
        ):
            raise ValueError(
                f"`{self.name}` must be one number or {size} of them, the size of axis {axis} of y_pred. "
                f"Received: {len(value)} numbers, y_pred.shape={tuple(y_pred.shape)}"
            )


def _from_keras(value):
    """The `class_weight` of Keras's `fit`, `{0: 1.0, 1: 5.0}`, as a list."""
    if value == "balanced":
        raise ValueError("weights are numbers here: class_weight_from_labels(labels) gives those that balance")
    if not isinstance(value, dict):
        return value
    if set(value) != set(range(len(value))):
        raise ValueError("the keys of a dict must be the classes 0, 1, 2 … without a gap")
    return [value[index] for index in range(len(value))]


class ImageShape(Option):
    """Height and width of an image."""

    allowed = "(height, width), two finite numbers > 0"
    annotation = "Sequence[float] | ArrayLike"

    def parse(self, value):
        if not isinstance(value, list) or len(value) != 2:
            raise TypeError
        side = Number(low=0, above=True)
        return [side.parse(number) for number in value]


class NumberOrInfinity(Number):
    """A number or an infinity, which is kept as "inf" or "-inf": JSON has no number for it."""

    allowed = 'a number, "inf" or "-inf"'
    annotation = 'float | Literal["inf", "-inf"]'

    def _parse_one(self, value):
        if value in ("inf", "-inf"):
            return value
        if isinstance(value, float) and math.isinf(value):
            return str(value)
        return super()._parse_one(value)


@functools.cache
def declared(cls):
    """The options that a class declares, by name; its own before those it inherits, each in the order as written.

    One that is declared again, with another default for example, keeps the place that it had.
    """
    by_class = [{k: v for k, v in vars(klass).items() if isinstance(v, Option)} for klass in cls.__mro__]
    first_at = {name: place for place, options in enumerate(by_class) for name in options}  # the base that has it first
    places = sorted(first_at, key=lambda name: (first_at[name], list(by_class[first_at[name]]).index(name)))
    return {name: option for name in places if isinstance(option := getattr(cls, name), Option)}


def signature(cls, tail, positional=None):
    """The signature of a constructor: the declared options, then `tail`, then what can only be given by name.

    `positional` names the positional parameters of a class whose order is another one, that of its namesake in Keras.
    """
    options = {name: option for name, option in declared(cls).items() if name not in tail}
    if positional is None:
        positional = [*(name for name, option in options.items() if not option.keyword), *tail]
    by_name = {
        **tail,
        **{name: option.parameter(keyword=name not in positional) for name, option in options.items()},
    }
    rest = [by_name[name].replace(kind=inspect.Parameter.KEYWORD_ONLY) for name in by_name if name not in positional]
    return inspect.Signature([*(by_name[name] for name in positional), *rest])
