"""Formulas of the losses of quantiles and expectiles, with gradients derived by hand: r = ŷ - y, dr/dŷ = 1."""

import numpy as np
from oracle import elementwise, of_residual
from scipy import special


def _pinball(r, quantile, delta=None):
    """Koenker & Bassett 1978: τ per unit too low, 1 - τ too high; with κ Dabney et al. 2017 (1710.10044), eq. 9, 10."""
    tau = np.asarray(quantile)
    weight = np.where(r > 0, 1 - tau, tau)
    if delta is None:
        return weight * np.abs(r), weight * np.sign(r)
    return weight * special.huber(delta, r) / delta, weight * np.clip(r, -delta, delta) / delta


def quantile(y_true, y_pred, quantile=0.5, delta=None, axis=-1):
    """Of a list of levels, one for each entry of the last axis; then a label may serve all of them."""
    y_true = y_true if y_true.ndim == y_pred.ndim else y_true[..., None]
    u = y_pred[:, None] if y_pred.ndim == 1 else y_pred
    y = y_true[:, None] if y_true.ndim == 1 else y_true
    expected = elementwise(u, lambda u: _pinball(u - y, quantile, delta), axis)
    return expected._replace(gradient=expected.gradient.reshape(y_pred.shape))


# Newey & Powell 1987, eq. 2.1
expectile = of_residual(
    lambda r, expectile=0.5: tuple(np.where(r > 0, 1 - expectile, expectile) * part for part in (r**2, 2 * r))
)
