"""Formulas of the losses between distributions: scipy's entropy, and probabilities by bisection."""

import numpy as np
from oracle import EPSILON, averaged
from scipy import special


def kl_divergence(y_true, y_pred, from_logits=False, true_from_logits=False, temperature=1.0, axis=-1):
    """T² Σ y log(y/p); by logits T (p Σy - y), by probabilities -y/p, whose clip keeps the gradient."""
    y, u = np.moveaxis(y_true, axis, -1), np.moveaxis(y_pred, axis, -1)
    y = special.softmax(y / temperature, -1) if true_from_logits else y
    if from_logits:
        log_p = special.log_softmax(u / temperature, -1)
        gradient = temperature * (np.exp(log_p) * y.sum(-1, keepdims=True) - y)
    else:
        log_p = np.log(np.maximum(u, EPSILON))
        gradient = -y / np.exp(log_p)
    values = temperature**2 * (-special.entr(y) - y * log_p).sum(-1)
    return averaged(values, np.moveaxis(gradient, -1, axis))


def distillation(y_true, y_pred, temperature=3.0, axis=-1):
    """Hinton 2015 (1503.02531) section 2.1, with the entropy of the teacher taken off."""
    return kl_divergence(y_true, y_pred, True, True, temperature, axis)


def sparsemax(y_true, y_pred, from_logits=True, axis=-1):
    """Martins & Astudillo 2016 (1602.02068): ½ |y - z|² - ½ |p - z|², with gradient p - y."""
    z = np.moveaxis(y_pred, axis, -1)
    if y_true.shape == y_pred.shape:
        y = np.moveaxis(y_true, axis, -1)
    else:
        y = np.eye(z.shape[-1])[np.reshape(y_true, z.shape[:-1]).astype(int)]
    p = np.apply_along_axis(nearest_probabilities, -1, z)
    values = np.sum((y - z) ** 2 - (p - z) ** 2, -1) / 2
    return averaged(values, np.moveaxis(p - y, -1, axis))


def nearest_probabilities(z):
    """max(z - τ, 0) for the τ at which they add up to 1."""
    low, high = z.max() - 1, z.max()
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if np.maximum(z - middle, 0).sum() > 1 else (low, middle)
    return np.maximum(z - low, 0)
