"""Formulas of the losses over ordered classes: loops over samples and thresholds, and a complex step."""

import numpy as np
from oracle import averaged, column, complex_step, power, real
from scipy import special


def _by_threshold(y_true, y_pred, asked, weight):
    """Σ_k weight_k (log(1 + e^z_k) - t_k z_k) over the thresholds that are asked, t_k = 1[y > k]; and its gradient."""
    z, labels = column(y_pred), np.reshape(y_true, column(y_pred).shape[:-1])
    values, slope = np.zeros(labels.shape), np.zeros(z.shape)
    for i in np.ndindex(labels.shape):
        for k in range(z.shape[-1]):
            if asked(labels[i], k):
                t = float(labels[i] > k)
                # = log(1 + exp(z)) - t z, without cancellation
                values[i] += weight[k] * np.logaddexp(0, -z[i][k] if t else z[i][k])
                slope[i][k] = weight[k] * (-special.expit(-z[i][k]) if t else special.expit(z[i][k]))
    return values, slope.reshape(y_pred.shape)


def coral(y_true, y_pred, importance_weights=None):
    """Cao 2020 (1901.07884) eq. 4."""
    thresholds = column(y_pred).shape[-1]
    weight = np.ones(thresholds) * (1.0 if importance_weights is None else importance_weights)
    return averaged(*_by_threshold(y_true, y_pred, lambda label, k: True, weight))


def corn(y_true, y_pred, average="samples"):
    """Shi 2021 (2111.08851) eq. 8: of task k only the samples with y >= k; "tasks" divides by the number of pairs."""
    thresholds = column(y_pred).shape[-1]
    values, slope = _by_threshold(y_true, y_pred, lambda label, k: label >= k, np.ones(thresholds))
    if average == "tasks":
        pairs = sum(label >= k for label in np.ravel(y_true) for k in range(thresholds))
        values, slope = values * values.size / pairs, slope * values.size / pairs
    return averaged(values, slope)


def cumulative_link(y_true, y_pred):
    """McCullagh 1980: -log(σ(a) - σ(b)) for the logits a > b around the class, ±∞ at the ends.

    The derivative is -σ'(a) / P and σ'(b) / P; the difference is taken on the side of 0 on which it keeps its digits.
    """
    z, labels = column(y_pred), np.reshape(y_true, column(y_pred).shape[:-1]).astype(int)
    values, slope = np.zeros(labels.shape), np.zeros(z.shape)
    for i in np.ndindex(labels.shape):
        ends = [np.inf, *z[i], -np.inf]
        a, b = ends[labels[i]], ends[labels[i] + 1]
        p = special.expit(-b) - special.expit(-a) if b > 0 else special.expit(a) - special.expit(b)
        values[i] = -np.log(p) if p < 0.5 else -np.log1p(-special.expit(-a) - special.expit(b))
        for end, k, sign in ((a, labels[i] - 1, -1), (b, labels[i], 1)):
            if np.isfinite(end):
                slope[i][k] = sign * special.expit(end) * special.expit(-end) / p
    return averaged(values, slope.reshape(y_pred.shape))


def _rows(y_true, y_pred):
    """Labels as rows, one-hot where they are indices."""
    if y_true.shape == y_pred.shape:
        return y_true
    return 1.0 * (np.reshape(y_true, y_pred.shape[:-1])[..., None] == np.arange(y_pred.shape[-1]))


def _probabilities(u, from_logits):
    e = np.exp(u - real(u).max(-1, keepdims=True)) if from_logits else u
    return e / e.sum(-1, keepdims=True) if from_logits else e


def weighted_kappa(y_true, y_pred, weightage="quadratic", from_logits=False, epsilon=1e-6, log=True):
    """de la Torre 2018, eqs. 5 to 9; for one-hot labels TensorFlow Addons' number."""
    classes = y_pred.shape[-1]
    y = _rows(y_true, y_pred).reshape(-1, classes)
    n = len(y)

    def formula(u):
        p = _probabilities(u, from_logits)
        p = p.reshape(len(p), n, classes)
        numerator, denominator = 0, 0
        for a in range(classes):
            for b in range(classes):
                w = abs(a - b) if weightage == "linear" else (a - b) ** 2
                numerator = numerator + w * (y[:, a] * p[..., b]).sum(1)
                denominator = denominator + w * y[:, a].sum() * p[..., b].sum(1) / n
        value = numerator / denominator
        value = np.log(value + epsilon) if log else value
        return np.broadcast_to(value.reshape(-1, *[1] * (y_pred.ndim - 1)), u.shape[:-1])

    return complex_step(formula, y_pred)


def earth_movers(y_true, y_pred, power=2.0, root=False, from_logits=False):
    """Hou 2016 (1611.05916) eq. 5; the root of the mean is NIMA's (1709.05424) eq. 1."""
    y = _rows(y_true, y_pred)

    def formula(u):
        gaps = np.cumsum(_probabilities(u, from_logits) - y, -1)
        gaps = np.where(np.abs(real(gaps)) < 1e-6, 0, gaps)  # what is left of sums that both are 1
        costs = _power(gaps * np.sign(real(gaps)), power)
        return _power(costs.mean(-1), 1 / power) if root else costs.sum(-1)

    return complex_step(formula, y_pred)


_power = power
