"""Formulas of the losses of real numbers, with gradients derived by hand: r = ŷ - y, dr/dŷ = 1."""

import numpy as np
from oracle import Expected, averaged, column, divided, of_residual

mean_squared_error = of_residual(lambda r: (r**2, 2 * r))
mean_absolute_error = of_residual(lambda r: (np.abs(r), np.sign(r)))


def root_mean_squared_error(y_true, y_pred, scope="batch", axis=-1):
    """The root of mse: d sqrt(m) = dm / (2 sqrt(m)), and 0 at m = 0."""
    squared = mean_squared_error(y_true, y_pred, axis=axis)
    values, mean = np.sqrt(squared.values), np.sqrt(squared.mean)
    if scope == "batch":
        return Expected(values, mean, divided(squared.gradient, 2 * mean))
    each = values if values.ndim == y_pred.ndim else np.expand_dims(values, axis)
    return averaged(values, divided(squared.gradient * values.size, 2 * each))


def l1_norm(y_true, y_pred, axes="last"):
    r = column(y_pred) - column(y_true)
    return averaged(np.abs(r).sum(_axes(r, axes)), np.sign(r).reshape(y_pred.shape))


def l2_norm(y_true, y_pred, axes="last"):
    r = column(y_pred) - column(y_true)
    values = np.sqrt(np.sum(r**2, _axes(r, axes), keepdims=True))
    return averaged(values.squeeze(_axes(r, axes)), divided(r, values).reshape(y_pred.shape))


def _axes(r, axes):
    return -1 if axes == "last" else tuple(range(1, r.ndim))
