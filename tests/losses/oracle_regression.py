"""Formulas of the losses of real numbers, with gradients derived by hand: r = ŷ - y, dr/dŷ = 1."""

import numpy as np
from oracle import EPSILON, Expected, averaged, column, divided, elementwise, of_residual

mean_squared_error = of_residual(lambda r: (r**2, 2 * r))
mean_absolute_error = of_residual(lambda r: (np.abs(r), np.sign(r)))


def mean_absolute_percentage_error(y_true, y_pred, axis=-1, symmetric=False):
    """Keras's |r| / max(|y|, ε); symmetric, M4's |r| / ((|y| + |ŷ|) / 2): its derivative by the quotient rule."""
    y = column(y_true)

    def formula(u):
        r, size = u - y, (np.abs(y) + np.abs(u)) / 2 if symmetric else np.maximum(np.abs(y), EPSILON)
        slope = divided(np.sign(r), size) - divided(np.abs(r) * np.sign(u) / 2, size**2) * symmetric
        return 100 * divided(np.abs(r), size), 100 * slope

    return elementwise(y_pred, formula, axis)


def mean_squared_logarithmic_error(y_true, y_pred, axis=-1):
    """d/dŷ (log(1+ŷ) - log(1+y))² = 2 (…) / (1+ŷ), with max(ŷ, 0) for ŷ but the gradient of ŷ."""
    y = np.maximum(column(y_true), 0)

    def formula(u):
        r = np.log1p(np.maximum(u, 0)) - np.log1p(y)
        return r**2, 2 * r / (1 + np.maximum(u, 0))

    return elementwise(y_pred, formula, axis)


def cosine_similarity(y_true, y_pred, axis=-1, distance=False):
    """cos = y·u / (|y| |u|), d cos / du = (y/|y| - cos u/|u|) / |u|."""
    y, u = column(y_true), column(y_pred)
    y, length = divided(y, np.linalg.norm(y, axis=axis, keepdims=True)), np.linalg.norm(u, axis=axis, keepdims=True)
    u = divided(u, length)
    cos = np.sum(y * u, axis, keepdims=True)
    return averaged(distance - cos.squeeze(axis), divided(cos * u - y, length).reshape(y_pred.shape))


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
