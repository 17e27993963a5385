"""The options of a loss: one declaration gives the check, the conversion to plain Python and the error.

    class Huber(Loss):
        delta = Number(0, above=True)

A value is checked and converted where the constructor assigns it. What is kept is a bool, int, float, str, list
or None, whatever was given (numpy, tensors, variables), so that it can be stored in a config as it is.
"""

import math
import numbers

import keras
import numpy as np


def plain(value):
    """`value` with numpy arrays, tensors and variables, also inside containers, turned into numbers and lists."""
    if isinstance(value, (bool, int, float, str, type(None))) and not isinstance(value, np.generic):
        return value
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if hasattr(value, "__array__") or keras.ops.is_tensor(value):  # a tensor, a variable, a pandas Series
        return keras.ops.convert_to_numpy(keras.ops.convert_to_tensor(value)).tolist()
    return value


def shortened(value):
    """`repr(value)` for an error, which nobody reads to the end of a long list."""
    text = repr(value)
    return text if len(text) <= 500 else f"{text[:500]}…"


def to_config(value):
    """`plain(value)` with losses serialised, in containers of its own."""
    value = plain(value)
    if isinstance(value, dict):
        return {key: to_config(item) for key, item in value.items()}
    if isinstance(value, list):
        return [to_config(item) for item in value]
    return keras.losses.serialize(value) if isinstance(value, keras.losses.Loss) else value


class Option:
    """An attribute that is checked when it is set; a subclass says what is `allowed` and how to `parse` it."""

    def __init__(self, optional=False):
        self.optional = optional

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, loss, owner=None):
        return self if loss is None else loss.__dict__[self.name]

    def __set__(self, loss, value):
        try:
            parsed = None if value is None and self.optional else self.parse(plain(value))
        except (TypeError, ValueError, LookupError, OverflowError, NotImplementedError) as error:
            # (a symbolic tensor, which has no value yet, raises the last)
            or_none = ", or None" if self.optional else ""
            why = f" ({error})" if str(error) else ""
            raise ValueError(
                f"{type(loss).__name__}: `{self.name}` must be {self.allowed}{or_none}. "
                f"Received: {self.name}={shortened(value)}{why}"
            ) from None
        loss.__dict__[self.name] = parsed

    def parse(self, value):
        """The plain Python value to keep; raises TypeError or ValueError for a value that is not allowed."""
        raise NotImplementedError


class Flag(Option):
    """True or False."""

    allowed = "True or False"

    def parse(self, value):
        if not isinstance(value, bool):
            raise TypeError
        return value


class Choice(Option):
    """One of a few names."""

    def __init__(self, *names):
        super().__init__()
        self.names = names

    @property
    def allowed(self):
        return "one of " + ", ".join(map(repr, self.names))

    def parse(self, value):
        if not isinstance(value, (str, type(None))) or value not in self.names:
            raise ValueError
        return value


class Integer(Option):
    """A whole number, of `low` or more; Python's or numpy's, never a bool or a float."""

    def __init__(self, low=None, optional=False):
        super().__init__(optional)
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

    def parse(self, value):
        axes = value if isinstance(value, list) else [value]
        if not axes or any(isinstance(axis, bool) or not isinstance(axis, numbers.Integral) for axis in axes):
            raise TypeError
        return [int(axis) for axis in axes]


class Number(Option):
    """A finite number in [low, high] (`above=True`: in (low, high]), or with `per="class"` also a list of them."""

    def __init__(self, low=-math.inf, high=math.inf, above=False, per=None, optional=False):
        super().__init__(optional)
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

    def parse(self, value):
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
