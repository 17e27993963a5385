"""A positive parameter of a distribution, such as a scale, from any number that a network gives for it."""

from keras import ops

from keras_lossbox.functions.elementary import at_least

LEAST_LOG = -43.0  # of a scale that is given by its logarithm: the square of 1/scale is still a number in float32


class Positive:
    """A number that is known by itself or by its logarithm. From that, what is asked for is computed without detours:

    1/exp(x) would overflow, or have no gradient, where exp(-x) is fine.
    """

    def __init__(self, value=None, log=None):
        self._value, self._log = value, log

    @property
    def value(self):
        """The number itself."""
        return ops.exp(self._log) if self._value is None else self._value

    @property
    def log(self):
        """Its logarithm."""
        return ops.log(self._value) if self._log is None else self._log

    @property
    def inverse(self):
        """One over it."""
        return ops.exp(-self._log) if self._value is None else 1 / self._value

    def root(self):
        """Its square root."""
        return Positive(log=0.5 * self._log) if self._value is None else Positive(ops.sqrt(self._value))


def positive(x, link, least, least_log=2 * LEAST_LOG):
    """x, exp(x) or softplus(x), for a `link` of "", "log" or "softplus".

    What is below `least` is `least`, with the gradient of the identity, so that training finds out of it; for "log"
    what is below `least_log`.
    """
    if link == "log":
        return Positive(log=at_least(x, least_log))
    return Positive(at_least(ops.softplus(x) if link == "softplus" else x, least))


def scale_of(x, parameterization, least, least_log=LEAST_LOG):
    """A scale from what `parameterization` says that x is: "scale", "log_scale", "softplus_scale", or a "…variance"."""
    link, _, what = parameterization.rpartition("_")
    if what == "variance":
        return positive(x, link, least, 2 * least_log).root()
    return positive(x, link, least, least_log)
