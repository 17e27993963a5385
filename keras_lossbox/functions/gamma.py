"""The logarithm of the gamma function, and of the quotient of two, with their digits and their gradients."""

import math

from keras import ops

SHIFT = 8  # Stirling's series starts at arguments above this, where nine of its terms have the digits of float64
STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400, 43867 / 244188)


def log_gamma(x):
    """log Γ(x) for x > 0; exactly 0 at 1. (`keras.ops` has none.)"""
    small = x < 1
    y = ops.where(small, x, x - 1)
    return log_gamma_ratio(ops.ones_like(x), y) - ops.log(ops.where(small, x, 1))  # Γ(x) = Γ(x + 1) / x


def log_gamma_beyond_power(x):
    """For x >= 8 log Γ(x) - x log x + x: about ½ log(2π/x), where the terms themselves are far larger."""
    return _stirling(x) + 0.5 * ops.log(2 * math.pi / x)


def log_gamma_ratio(x, y):
    """log Γ(x + y) - log Γ(x) for x > 0 and x + y > 0, where the difference itself has lost all digits for large x."""
    return _log_gamma_ratio(x, y, 1)


def scaled_log_gamma_ratio(x, y):
    """For x > 8 the same less y log x: what is left for large x is about y (y - 1) / 2x."""
    return _log_gamma_ratio(x, y, ops.where(x > SHIFT, x, 1))


def _log_gamma_ratio(x, y, unit):
    """log Γ(z) = (z - ½) log z - z + ½ log 2π + 1/12z - ..., and Γ(x) = Γ(x + 8) / (x (x + 1) ... (x + 7))."""
    z = x + SHIFT
    difference = (z - 0.5) * ops.log1p(y / z) + y * ops.log((z + y) / unit) - y + _stirling(z + y) - _stirling(z)
    return difference - _log_quotient(x, y) - sum(ops.log1p(y / (x + k)) for k in range(1, SHIFT))


def _stirling(z):
    """What log Γ(z) has beyond (z - ½) log z - z + ½ log 2π."""
    series, inverse_squared = 0, 1 / ops.square(z)
    for term in reversed(STIRLING):
        series = term + inverse_squared * series
    return series / z


def _log_quotient(x, y):
    """log((x + y) / x), also where y / x, or the derivative of it, would overflow."""
    small = x < 1
    tiny, large = ops.where(small, x, 1), ops.where(small, 1, x)
    return ops.where(small, ops.log(tiny + y) - ops.log(tiny), ops.log1p(y / large))
