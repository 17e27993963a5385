"""Formulas of the robust losses, with gradients derived by hand: r = ŷ - y, dr/dŷ = 1."""

from decimal import Decimal, localcontext

import numpy as np
from oracle import of_residual
from scipy import special

# Huber 1964; scipy's own implementation
huber = of_residual(lambda r, delta=1.0: (special.huber(delta, r), np.clip(r, -delta, delta)))

# Girshick 2015 (1504.08083) eq. 3 with PyTorch's beta; β = 0 is |r|
smooth_l1 = of_residual(
    lambda r, beta=1.0: (
        np.where(np.abs(r) < beta, 0.5 * r**2 / (beta or 1), np.abs(r) - 0.5 * beta),
        np.where(np.abs(r) < beta, r / (beta or 1), np.sign(r)),
    )
)

# cosh r = 1 + 2 sinh²(r/2), exact near 0; log(e^r + e^-r) - log 2 does not overflow
log_cosh = of_residual(
    lambda r: (
        np.where(np.abs(r) < 1, np.log1p(2 * np.sinh(np.clip(r, -1, 1) / 2) ** 2), np.logaddexp(r, -r) - np.log(2)),
        np.tanh(r),
    )
)


def _barron(r, alpha=1.0, scale=1.0):
    """Barron 2019 (1701.03077), eq. 8, and its derivative, eq. 9: as they stand, with 80 digits."""
    pairs = [_barron_of(Decimal(float(x)) / Decimal(scale), float(alpha)) for x in r.flat]
    value, slope = (np.array(column, "float64").reshape(r.shape) for column in zip(*pairs, strict=True))
    return value, slope / scale


def _barron_of(x, alpha):
    half = x * x / 2
    with localcontext() as context:
        context.prec, context.Emin, context.Emax = 80, -(10**9), 10**9
        if alpha == 0:
            return (half + 1).ln(), x / (half + 1)
        if alpha == 2:
            return half, x
        if np.isinf(alpha):
            sign = int(np.sign(alpha))
            return sign * ((sign * half).exp() - 1), x * (sign * half).exp()
        a, b = Decimal(alpha), abs(Decimal(alpha) - 2)
        base = x * x / b + 1
        return b / a * (base ** (a / 2) - 1), x * base ** (a / 2 - 1)


general_robust = of_residual(_barron)

charbonnier = of_residual(lambda r, epsilon=1e-3: (np.hypot(r, epsilon), r / np.hypot(r, epsilon)))
