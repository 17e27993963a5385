"""What the oracles of several families share: float64 numpy and scipy; nothing here imports keras_lossbox.

`oracle_robust.huber(y_true, y_pred, delta=2.0)` says what `keras_lossbox.get("huber", delta=2.0)` must give: the
value of each sample, their mean, and the gradient of that mean with respect to y_pred. The definitions are those of
shared/LOSSES.md and of the sources named at each function. A gradient is taken in one of three ways:

* derived by hand (`oracle_binary.py`, `oracle_regression.py`, `oracle_robust.py`, and the cross-entropies);
* by a complex step where a formula is written as its paper has it, in probabilities:
  f(u + ih) = f(u) + ih f'(u) + O(h²), for h = 1e-150 exact to rounding, with nothing derived by hand. (`real` is where
  a branch is taken, or a gradient stopped.);
* with 80 digits, by `exact`, where float64 ends: at logits of ±1e4.
"""

from decimal import Decimal, localcontext
from typing import NamedTuple

import numpy as np
from scipy import special

EPSILON = 1e-7  # what Keras clips probabilities to; keras.config.epsilon()
STEP = 1e-150


class Expected(NamedTuple):
    values: np.ndarray
    mean: float
    gradient: np.ndarray


def averaged(values, gradient_of_sum, counted=None):
    """Samples that depend on their own entries only: the gradient of the mean is that of the sum, divided."""
    n = values.size if counted is None else max(np.sum(counted), 1)
    return Expected(values, values.sum() / n, gradient_of_sum / n)


# ---------------------------------------------------------------- derived by hand


def elementwise(y_pred, formula, axis):
    """`formula` gives (element, slope) arrays; a sample is the mean over `axis`, None: every element is one."""
    element, slope = formula(y_pred[:, None] if y_pred.ndim == 1 else y_pred)
    if axis is None:
        return averaged(element.reshape(y_pred.shape), slope.reshape(y_pred.shape))
    return averaged(element.mean(axis), slope.reshape(y_pred.shape) / element.shape[axis])


def of_residual(formula):
    """The oracle of a loss of r = ŷ - y, dr/dŷ = 1; `formula(r, **options)` gives (element, slope)."""

    def oracle(y_true, y_pred, axis=-1, **options):
        return elementwise(y_pred, lambda u: formula(u - column(y_true), **options), axis)

    return oracle


def column(x):
    return x[:, None] if x.ndim == 1 else x


def divided(x, by):
    return np.divide(x, by, out=np.zeros(x.shape), where=np.broadcast_to(by, x.shape) != 0)


def cross_entropy(t, u, from_logits):
    """Σ_c t_c (-log p_c) for any t, and its gradient.

    Logits: ∂/∂z_k = p_k Σ_c t_c - t_k. Probabilities p_c = u_c/S, S = Σ u, taken as clipped in the logarithm only:
    ∂/∂u_k = -t_k/(p_k S) + Σ_c t_c u_c/(p_c S²).
    """
    if from_logits:
        return -np.sum(t * special.log_softmax(u, -1), -1), special.softmax(u, -1) * t.sum(-1, keepdims=True) - t
    total = u.sum(-1, keepdims=True)
    p = np.clip(u / total, EPSILON, 1 - EPSILON)
    return -special.xlogy(t, p).sum(-1), -t / p / total + np.sum(t / p * u, -1, keepdims=True) / total**2


# ---------------------------------------------------------------- by a complex step


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


def categorical(y_true, y_pred, from_logits, axis, sample, ignore_class=None):
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


def smooth(y, label_smoothing):
    return y * (1 - label_smoothing) + label_smoothing / y.shape[-1]


# ---------------------------------------------------------------- 80 digits


def log1p(x):
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
                total += term(y, -log1p(odds), -log1p(1 / odds), 1 / (1 + odds), odds / (1 + odds))
            return total

        step, gradient = Decimal("1e-20"), []
        for i in range(len(logits)):
            up, down = ([x + sign * step * (i == j) for j, x in enumerate(logits)] for sign in (1, -1))
            gradient.append(float((value(up) - value(down)) / (2 * step)))
        return float(value(logits)), gradient
