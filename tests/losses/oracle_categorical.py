"""Formulas of the losses over classes: cross-entropies derived by hand, those for wrong labels by a complex step."""

from decimal import Decimal

import numpy as np
from oracle import averaged, categorical, cross_entropy, exact, smooth

# ---------------------------------------------------------------- cross-entropies, classes moved to the last axis


def categorical_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1, class_weight=None):
    """Szegedy 2016 (1512.00567) section 7 for the smoothing; weights of the terms as PyTorch's CrossEntropyLoss."""
    y, u = np.moveaxis(y_true, axis, -1), np.moveaxis(y_pred, axis, -1)
    w = 1.0 if class_weight is None else np.asarray(class_weight)
    values, gradient = cross_entropy(w * ((1 - label_smoothing) * y + label_smoothing / y.shape[-1]), u, from_logits)
    return averaged(values, np.moveaxis(gradient, -1, axis))


def sparse_categorical_crossentropy(
    y_true, y_pred, from_logits=False, ignore_class=None, axis=-1, label_smoothing=0.0, class_weight=None
):
    """-(1-ε) w_y log p_y - (ε/C) Σ_c w_c log p_c; ignored samples are 0 and left out of the mean (PyTorch, Keras)."""
    u = np.moveaxis(y_pred, axis, -1)
    labels, classes = np.reshape(y_true, u.shape[:-1]), u.shape[-1]
    counted = np.full(labels.shape, True) if ignore_class is None else labels != ignore_class
    hard = labels[..., None] == np.arange(classes)
    w = np.ones(classes) * (1.0 if class_weight is None else class_weight)
    t = counted[..., None] * w * ((1 - label_smoothing) * hard + label_smoothing / classes)
    values, gradient = cross_entropy(t, u, from_logits)
    return averaged(values, np.moveaxis(gradient, -1, axis), counted)


# ---------------------------------------------------------------- by a complex step


def poly1_crossentropy(y_true, y_pred, epsilon=1.0, from_logits=False, label_smoothing=0.0, axis=-1, class_weight=None):
    """Leng 2022 (2204.12511) eq. 2 for each term, with the weights of the classes on both parts."""
    w = np.asarray(1.0 if class_weight is None else class_weight)

    def sample(y, p, not_p):
        return w * smooth(y, label_smoothing) * (-np.log(p) + epsilon * not_p)

    return categorical(y_true, y_pred, from_logits, axis, sample)


def generalized_crossentropy(y_true, y_pred, q=0.7, from_logits=False, label_smoothing=0.0, axis=-1):
    """Zhang & Sabuncu 2018 (1805.07836) eq. 6."""

    def sample(y, p, not_p):
        return smooth(y, label_smoothing) * (1 - p**q) / q

    return categorical(y_true, y_pred, from_logits, axis, sample)


def categorical_generalized_cross_entropy(y_true, y_pred, q=0.5, **options):
    """The same with the default of Keras."""
    return generalized_crossentropy(y_true, y_pred, q, **options)


def symmetric_crossentropy(
    y_true, y_pred, alpha=0.1, beta=1.0, from_logits=False, label_smoothing=0.0, axis=-1, label_clip=1e-4
):
    """Wang 2019 (1908.06112) eqs. 5 and 7: α H(y, p) + β H(p, y), log 0 being log(label_clip)."""

    def sample(y, p, not_p):
        y = smooth(y, label_smoothing)
        return -alpha * y * np.log(p) - beta * p * np.log(np.maximum(y, label_clip))

    return categorical(y_true, y_pred, from_logits, axis, sample)


# ---------------------------------------------------------------- 80 digits


def exact_poly1(y, z, epsilon):
    return exact(lambda y, log_p, log_q, p, q: y * (Decimal(epsilon) * q - log_p), y, z, True)


def exact_generalized(y, z, exponent):
    exponent = Decimal(exponent)
    return exact(lambda y, log_p, log_q, p, q: y * (1 - (exponent * log_p).exp()) / exponent, y, z, True)


def exact_symmetric(y, z, alpha):
    clip = Decimal("1e-4")
    return exact(lambda y, log_p, log_q, p, q: -Decimal(alpha) * y * log_p - p * max(y, clip).ln(), y, z, True)
