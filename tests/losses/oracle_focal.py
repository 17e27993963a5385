"""The papers' formulas of the focal and asymmetric losses, with gradients by a complex step."""

from decimal import Decimal

import numpy as np
from oracle import Expected, categorical, clipped, complex_step, exact, power, real, smooth


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
    neg_weight=None,
):
    """Lin 2017 (1708.02002) eq. 5, with p_t = y p + (1-y)(1-p) for every y, and weights on the two terms."""
    q, r = (np.asarray(1.0 if weight is None else weight) for weight in (pos_weight, neg_weight))
    gamma = np.asarray(gamma)

    def element(y, p, not_p):
        alpha_t = alpha * y + (1 - alpha) * (1 - y) if apply_class_balancing else 1.0
        miss = y * not_p + (1 - y) * p
        return -alpha_t * power(miss, gamma) * (q * y * np.log(p) + r * (1 - y) * np.log(not_p))

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
    pos_weight=None,
    neg_weight=None,
):
    """Ridnik 2020 (2009.14119) eqs. 5 to 7, L+ = (1-p)^γ+ log p and L- = p_m^γ- log(1-p_m), averaged over labels."""
    q, r = (np.asarray(1.0 if weight is None else weight) for weight in (pos_weight, neg_weight))
    held = real if detach_focal_weight else np.asarray

    def element(y, p, not_p):
        p_m = np.where(real(p) > clip, p - clip, 0)
        not_p_m = np.where(real(p) > clip, not_p + clip, 1)
        positives = held(power(not_p, np.asarray(gamma_pos))) * np.log(p)
        negatives = held(power(p_m, np.asarray(gamma_neg))) * np.log(not_p_m)
        return -q * y * positives - r * (1 - y) * negatives

    return _binary(y_true, y_pred, from_logits, label_smoothing, axis, element)


def varifocal(y_true, y_pred, alpha=0.75, gamma=2.0, from_logits=False, axis=-1, detach_focal_weight=False):
    """Zhang 2020 (2008.13367), eq. 2, averaged."""
    held = real if detach_focal_weight else np.asarray

    def element(q, p, not_p):
        of_positive = -q * (q * np.log(p) + (1 - q) * np.log(not_p))
        return np.where(q > 0, of_positive, -alpha * held(power(p, np.asarray(gamma))) * np.log(not_p))

    return _binary(y_true, y_pred, from_logits, 0, axis, element)


def quality_focal(y_true, y_pred, beta=2.0, from_logits=False, axis=-1, detach_focal_weight=False):
    """Li 2020 (2006.04388), eq. 5, averaged."""
    held = real if detach_focal_weight else np.asarray

    def element(q, p, not_p):
        apart = (q - p) * np.sign(real(q - p))
        return -held(power(apart, np.asarray(beta))) * (q * np.log(p) + (1 - q) * np.log(not_p))

    return _binary(y_true, y_pred, from_logits, 0, axis, element)


def penalty_reduced_focal(
    y_true, y_pred, alpha=2.0, beta=4.0, from_logits=False, positive_threshold=0.99, axis=-1, normalize="elements"
):
    """Law & Deng 2018 (1808.01244), eq. 1, averaged over elements, or their sum divided by the peaks."""

    def element(y, p, not_p):
        peak = -power(not_p, np.asarray(alpha)) * np.log(p)
        return np.where(y > positive_threshold, peak, -((1 - y) ** beta) * power(p, np.asarray(alpha)) * np.log(not_p))

    found = _binary(y_true, y_pred, from_logits, 0, axis, element)
    peaks = y_true.size if normalize == "elements" else max(np.sum(y_true > positive_threshold), 1)
    return Expected(*(y_true.size / peaks * part for part in found))


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
        return -scale * smooth(y, label_smoothing) * power(not_p, np.asarray(gamma)) * np.log(p)

    return categorical(y_true, y_pred, from_logits, axis, sample, ignore_class)


sparse_categorical_focal_crossentropy = categorical_focal_crossentropy


def asymmetric_single_label(
    y_true, y_pred, gamma_pos=0.0, gamma_neg=4.0, from_logits=False, label_smoothing=0.1, axis=-1
):
    """Ridnik 2020's single-label form: (1 - p - ...) of the label to γ+, of the others to γ-; smoothing after it."""

    def sample(y, p, not_p):
        weight = power(y * not_p + (1 - y) * p, gamma_pos * y + gamma_neg * (1 - y))
        return -smooth(y, label_smoothing) * weight * np.log(p)

    return categorical(y_true, y_pred, from_logits, axis, sample)


# ---------------------------------------------------------------- 80 digits


def exact_binary_focal(y, z, gamma):
    gamma = Decimal(gamma)
    return exact(
        lambda y, log_p, log_q, p, q: -((y * q + (1 - y) * p) ** gamma) * (y * log_p + (1 - y) * log_q), [y], [z], False
    )


def exact_asymmetric(y, z, gamma):
    gamma = Decimal(gamma)
    return exact(lambda y, log_p, log_q, p, q: -y * q**gamma * log_p - (1 - y) * p**gamma * log_q, [y], [z], False)


def exact_varifocal(y, z, gamma):
    gamma = Decimal(gamma)
    return exact(
        lambda y, log_p, log_q, p, q: -y * (y * log_p + (1 - y) * log_q) if y else -(p**gamma) * log_q, [y], [z], False
    )


def exact_quality_focal(y, z, beta):
    beta = Decimal(beta)

    def term(y, log_p, log_q, p, q):
        apart = abs(y * q - (1 - y) * p)
        return -(apart**beta if beta else 1) * (y * log_p + (1 - y) * log_q)

    return exact(term, [y], [z], False)


def exact_penalty_reduced_focal(y, z, alpha):
    alpha = Decimal(alpha)
    return exact(
        lambda y, log_p, log_q, p, q: -(q**alpha) * log_p if y == 1 else -((1 - y) ** 4) * p**alpha * log_q,
        [y],
        [z],
        False,
    )


def exact_categorical_focal(y, z, gamma):
    gamma = Decimal(gamma)
    return exact(lambda y, log_p, log_q, p, q: -y * q**gamma * log_p, y, z, True)


def exact_asymmetric_single_label(y, z, gamma):
    gamma = Decimal(gamma)
    return exact(lambda y, log_p, log_q, p, q: -y * (y * q + (1 - y) * p) ** gamma * log_p, y, z, True)
