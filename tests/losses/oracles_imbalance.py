"""Reference formulas of the losses for rare classes and wrong labels; nothing here imports keras_lossbox.

Each formula is written as its paper has it, in probabilities, and its gradient is taken by a complex step:
f(u + ih) = f(u) + ih f'(u) + O(h²), for h = 1e-150 exact to rounding, with nothing derived by hand. (`real` is where a
branch is taken, or a gradient stopped.) Where float64 ends, at logits of ±1e4, `exact` computes with 80 digits.
"""

from decimal import Decimal, localcontext

import numpy as np
from oracles import EPSILON, Expected

STEP = 1e-150


def real(x):
    return np.real(x) + 0.0


def clipped(p):
    """p in [EPSILON, 1 - EPSILON] with the gradient of p: LOSSES.md, as a saturated head must be able to recover."""
    return p + (np.clip(real(p), EPSILON, 1 - EPSILON) - real(p))


def power(x, exponent):
    """x^exponent for x >= 0, where a 0 stays 0 (0^0 is 1)."""
    positive = real(x) > 0
    return np.where(positive, np.exp(exponent * np.log(np.where(positive, x, 1))), 1.0 * (exponent == 0))


def complex_step(formula, y_pred, counted=None):
    """`formula` maps y_pred with one more axis in front to the samples' values, that axis in front as well."""
    steps = np.eye(y_pred.size).reshape(y_pred.size, *y_pred.shape)
    stepped = formula(y_pred + 1j * STEP * steps)
    gradient_of_sum = (stepped.imag / STEP).reshape(y_pred.size, -1).sum(1).reshape(y_pred.shape)
    values = stepped[0].real
    n = values.size if counted is None else max(np.sum(counted), 1)
    return Expected(values, values.sum() / n, gradient_of_sum / n)


# ---------------------------------------------------------------- binary


def _binary(y_true, y_pred, from_logits, label_smoothing, axis, element):
    y = y_true * (1 - label_smoothing) + label_smoothing / 2

    def formula(u):
        if from_logits:
            p, not_p = 1 / (1 + np.exp(-u)), 1 / (1 + np.exp(u))
        else:
            p = clipped(u)
            not_p = 1 - p
        loss = element(y, p, not_p)
        if axis is None or y_pred.ndim == 1:
            return loss
        return loss.mean(axis if axis < 0 else axis + 1)

    return complex_step(formula, y_pred)


def binary_focal_crossentropy(
    y_true,
    y_pred,
    apply_class_balancing=False,
    alpha=0.25,
    gamma=2.0,
    from_logits=False,
    label_smoothing=0.0,
    axis=-1,
    pos_weight=None,
):
    """Lin 2017 (1708.02002) eq. 5, with p_t = y p + (1-y)(1-p) for every y, and q on the term of the positives."""
    q, gamma = np.asarray(1.0 if pos_weight is None else pos_weight), np.asarray(gamma)

    def element(y, p, not_p):
        alpha_t = alpha * y + (1 - alpha) * (1 - y) if apply_class_balancing else 1.0
        miss = y * not_p + (1 - y) * p
        return -alpha_t * power(miss, gamma) * (q * y * np.log(p) + (1 - y) * np.log(not_p))

    return _binary(y_true, y_pred, from_logits, label_smoothing, axis, element)


def asymmetric_loss(
    y_true,
    y_pred,
    gamma_neg=4.0,
    gamma_pos=1.0,
    clip=0.05,
    from_logits=False,
    label_smoothing=0.0,
    axis=-1,
    detach_focal_weight=False,
):
    """Ridnik 2020 (2009.14119) eqs. 5 to 7, L+ = (1-p)^γ+ log p and L- = p_m^γ- log(1-p_m), averaged over labels."""
    held = real if detach_focal_weight else np.asarray

    def element(y, p, not_p):
        p_m = np.where(real(p) > clip, p - clip, 0)
        not_p_m = np.where(real(p) > clip, not_p + clip, 1)
        positives = held(power(not_p, np.asarray(gamma_pos))) * np.log(p)
        negatives = held(power(p_m, np.asarray(gamma_neg))) * np.log(not_p_m)
        return -y * positives - (1 - y) * negatives

    return _binary(y_true, y_pred, from_logits, label_smoothing, axis, element)


# ---------------------------------------------------------------- several classes, moved to the last axis


def _categorical(y_true, y_pred, from_logits, axis, sample, ignore_class=None):
    """`sample(y, p, 1 - p)` gives what a sample's classes cost; y one-hot where the labels are indices."""
    u = np.moveaxis(y_pred, axis, -1)
    classes, counted = u.shape[-1], None
    if y_true.shape == y_pred.shape:
        y = np.moveaxis(y_true, axis, -1)
    else:
        labels = np.reshape(y_true, u.shape[:-1])
        counted = np.full(labels.shape, True) if ignore_class is None else labels != ignore_class
        y = 1.0 * (labels[..., None] == np.arange(classes))

    def formula(u):
        if from_logits:
            e = np.exp(u - real(u).max(-1, keepdims=True))
            total = e.sum(-1, keepdims=True)
            p, not_p = e / total, e @ (1 - np.eye(classes)) / total
        else:
            p = clipped(u / u.sum(-1, keepdims=True))
            not_p = 1 - p
        values = sample(y, p, not_p).sum(-1)
        return values if counted is None else values * counted

    values, mean, gradient = complex_step(formula, u, counted)
    return Expected(values, mean, np.moveaxis(gradient, -1, axis))


def _smooth(y, label_smoothing):
    return y * (1 - label_smoothing) + label_smoothing / y.shape[-1]


def categorical_focal_crossentropy(
    y_true,
    y_pred,
    alpha=0.25,
    gamma=2.0,
    from_logits=False,
    label_smoothing=0.0,
    axis=-1,
    class_weight=None,
    ignore_class=None,
):
    """Lin 2017 (1708.02002) eq. 5 for the class of each term: -w_c α_c y_c (1-p_c)^γ_c log p_c."""
    scale = np.asarray(alpha) * np.asarray(1.0 if class_weight is None else class_weight)

    def sample(y, p, not_p):
        return -scale * _smooth(y, label_smoothing) * power(not_p, np.asarray(gamma)) * np.log(p)

    return _categorical(y_true, y_pred, from_logits, axis, sample, ignore_class)


sparse_categorical_focal_crossentropy = categorical_focal_crossentropy


def asymmetric_single_label(
    y_true, y_pred, gamma_pos=0.0, gamma_neg=4.0, from_logits=False, label_smoothing=0.1, axis=-1
):
    """Ridnik 2020's single-label form: (1 - p - ...) of the label to γ+, of the others to γ-; smoothing after it."""

    def sample(y, p, not_p):
        weight = power(y * not_p + (1 - y) * p, gamma_pos * y + gamma_neg * (1 - y))
        return -_smooth(y, label_smoothing) * weight * np.log(p)

    return _categorical(y_true, y_pred, from_logits, axis, sample)


def poly1_crossentropy(y_true, y_pred, epsilon=1.0, from_logits=False, label_smoothing=0.0, axis=-1, class_weight=None):
    """Leng 2022 (2204.12511) eq. 2 for each term, with the weights of the classes on both parts."""
    w = np.asarray(1.0 if class_weight is None else class_weight)

    def sample(y, p, not_p):
        return w * _smooth(y, label_smoothing) * (-np.log(p) + epsilon * not_p)

    return _categorical(y_true, y_pred, from_logits, axis, sample)


def generalized_crossentropy(y_true, y_pred, q=0.7, from_logits=False, label_smoothing=0.0, axis=-1):
    """Zhang & Sabuncu 2018 (1805.07836) eq. 6."""

    def sample(y, p, not_p):
        return _smooth(y, label_smoothing) * (1 - p**q) / q

    return _categorical(y_true, y_pred, from_logits, axis, sample)


def symmetric_crossentropy(
    y_true, y_pred, alpha=0.1, beta=1.0, from_logits=False, label_smoothing=0.0, axis=-1, label_clip=1e-4
):
    """Wang 2019 (1908.06112) eqs. 5 and 7: α H(y, p) + β H(p, y), log 0 being log(label_clip)."""

    def sample(y, p, not_p):
        y = _smooth(y, label_smoothing)
        return -alpha * y * np.log(p) - beta * p * np.log(np.maximum(y, label_clip))

    return _categorical(y_true, y_pred, from_logits, axis, sample)


# ---------------------------------------------------------------- 80 digits


def _log1p(x):
    return x - x**2 / 2 + x**3 / 3 if x < Decimal("1e-35") else (1 + x).ln()


def exact(term, y_true, logits, softmax):
    """Σ_c term(y, log p, log(1-p), p, 1-p), all of class c, and its gradient in the logits, in decimals.

    No 1 - p is formed, which would cancel: all comes from the odds (1-p)/p. The gradient is a central difference of
    width 1e-20, of which 25 digits are right.
    """
    with localcontext() as context:
        context.prec, context.Emin, context.Emax = 80, -(10**9), 10**9
        logits, labels = [Decimal(float(z)) for z in logits], [Decimal(float(y)) for y in y_true]

        def value(logits):
            total = Decimal(0)
            for i, (y, z) in enumerate(zip(labels, logits, strict=True)):
                odds = sum((x - z).exp() for j, x in enumerate(logits) if j != i) if softmax else (-z).exp()
                total += term(y, -_log1p(odds), -_log1p(1 / odds), 1 / (1 + odds), odds / (1 + odds))
            return total

        step, gradient = Decimal("1e-20"), []
        for i in range(len(logits)):
            up, down = ([x + sign * step * (i == j) for j, x in enumerate(logits)] for sign in (1, -1))
            gradient.append(float((value(up) - value(down)) / (2 * step)))
        return float(value(logits)), gradient


def exact_binary_focal(y, z, gamma):
    gamma = Decimal(gamma)
    return exact(
        lambda y, log_p, log_q, p, q: -((y * q + (1 - y) * p) ** gamma) * (y * log_p + (1 - y) * log_q), [y], [z], False
    )


def exact_asymmetric(y, z, gamma):
    gamma = Decimal(gamma)
    return exact(lambda y, log_p, log_q, p, q: -y * q**gamma * log_p - (1 - y) * p**gamma * log_q, [y], [z], False)


def exact_categorical_focal(y, z, gamma):
    gamma = Decimal(gamma)
    return exact(lambda y, log_p, log_q, p, q: -y * q**gamma * log_p, y, z, True)


def exact_asymmetric_single_label(y, z, gamma):
    gamma = Decimal(gamma)
    return exact(lambda y, log_p, log_q, p, q: -y * (y * q + (1 - y) * p) ** gamma * log_p, y, z, True)


def exact_poly1(y, z, epsilon):
    return exact(lambda y, log_p, log_q, p, q: y * (Decimal(epsilon) * q - log_p), y, z, True)


def exact_generalized(y, z, exponent):
    exponent = Decimal(exponent)
    return exact(lambda y, log_p, log_q, p, q: y * (1 - (exponent * log_p).exp()) / exponent, y, z, True)


def exact_symmetric(y, z, alpha):
    clip = Decimal("1e-4")
    return exact(lambda y, log_p, log_q, p, q: -Decimal(alpha) * y * log_p - p * max(y, clip).ln(), y, z, True)
