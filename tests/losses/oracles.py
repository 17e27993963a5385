"""Reference formulas in float64 numpy and scipy, with gradients derived by hand; nothing here imports keras_lossbox.

`oracles.huber(y_true, y_pred, delta=2.0)` says what `keras_lossbox.get("huber", delta=2.0)` must give: the value of
each sample, their mean, and the gradient of that mean with respect to y_pred. The definitions are those of
shared/LOSSES.md and of the sources named at each function.
"""

from typing import NamedTuple

import numpy as np
from scipy import special

EPSILON = 1e-7  # what Keras clips probabilities to; keras.config.epsilon()


class Expected(NamedTuple):
    values: np.ndarray
    mean: float
    gradient: np.ndarray


def averaged(values, gradient_of_sum, counted=None):
    """Samples that depend on their own entries only: the gradient of the mean is that of the sum, divided."""
    n = values.size if counted is None else max(np.sum(counted), 1)
    return Expected(values, values.sum() / n, gradient_of_sum / n)


# ---------------------------------------------------------------- binary


def _elementwise(y_pred, formula, axis):
    """`formula` gives (element, slope) arrays; a sample is the mean over `axis`, None: every element is one."""
    element, slope = formula(y_pred[:, None] if y_pred.ndim == 1 else y_pred)
    if axis is None:
        return averaged(element.reshape(y_pred.shape), slope.reshape(y_pred.shape))
    return averaged(element.mean(axis), slope.reshape(y_pred.shape) / element.shape[axis])


def _two_terms(y, u, from_logits, of_positives, of_negatives):
    """-(a y log p + b (1-y) log(1-p)) and its slope; with p' = p(1-p) in logits: b (1-y) p - a y (1-p)."""
    a, b = of_positives * y, of_negatives * (1 - y)
    if from_logits:
        return -a * special.log_expit(u) - b * special.log_expit(-u), b * special.expit(u) - a * special.expit(-u)
    p = np.clip(u, EPSILON, 1 - EPSILON)  # the gradient is not clipped: LOSSES.md, as a sigmoid must be able to recover
    return -special.xlogy(a, p) - special.xlog1py(b, -p), b / (1 - p) - a / p


def binary_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1, pos_weight=None):
    """tf.nn.weighted_cross_entropy_with_logits and PyTorch's BCEWithLogitsLoss: q y (-log p) + (1-y) (-log(1-p))."""
    q = 1.0 if pos_weight is None else np.asarray(pos_weight)
    y = (1 - label_smoothing) * _column(y_true) + 0.5 * label_smoothing
    return _elementwise(y_pred, lambda u: _two_terms(y, u, from_logits, q, 1.0), axis)


def balanced_binary_crossentropy(
    y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1, beta=None, scope="batch"
):
    """Xie & Tu 2015 (1504.06375), eq. 2: positives weigh β = |Y-|/|Y|, negatives 1-β."""
    y = _column(y_true)
    if beta is None:
        beta = 1 - (y.mean() if scope == "batch" else np.array([sample.mean() for sample in y]))
        beta = np.reshape(beta, (-1,) + (1,) * (y.ndim - 1))
    y = y + label_smoothing * (0.5 - y)
    return _elementwise(y_pred, lambda u: _two_terms(y, u, from_logits, beta, 1 - beta), axis)


def zero_one(y_true, y_pred, from_logits=False, threshold=None, axis=-1, multi_label=False, surrogate="logistic"):
    """The error rate, with the gradient of a surrogate: Bartlett 2006, and Crammer & Singer 2001 for several classes.

    Binary margin m = ±(logit(p) - logit(threshold)): log(1 + exp(-m)) has slope -expit(-m) in m, the hinge -1[m < 1].
    """
    if multi_label or y_pred.ndim == 1 or y_pred.shape[axis] == 1:

        def formula(u):
            cut = (0.0 if from_logits else 0.5) if threshold is None else threshold
            logit, inner = (lambda x: x, 1.0) if from_logits else (special.logit, 1 / (u * (1 - u)))
            sign = np.where(_column(y_true) > 0.5, 1.0, -1.0)
            margin = sign * (logit(u) - logit(cut))
            slopes = {"logistic": -special.expit(-margin), "hinge": -1.0 * (margin < 1), None: 0 * margin}
            return 1.0 * ((u > cut) != (sign > 0)), slopes[surrogate] * sign * inner

        return _elementwise(y_pred, formula, axis)

    scores = np.moveaxis(y_pred, axis, -1)
    if y_true.shape == y_pred.shape:
        y_true = np.argmax(y_true, axis)
    right = np.eye(scores.shape[-1])[y_true.reshape(scores.shape[:-1]).astype(int)]
    wrong = 1.0 * (np.argmax(scores, -1) != np.argmax(right, -1))
    if surrogate == "logistic":
        gradient = _cross_entropy(right, scores, from_logits)[1]
    else:
        log_p = scores if from_logits else np.log(scores)
        rival = np.eye(scores.shape[-1])[np.argmax(np.where(right == 1, -np.inf, log_p), -1)]
        active = 1 + np.sum(log_p * (rival - right), -1, keepdims=True) > 0
        gradient = active * (rival - right) / (1 if from_logits else scores) * (surrogate is not None)
    return averaged(wrong, np.moveaxis(gradient, -1, axis))


# ---------------------------------------------------------------- several classes, moved to the last axis


def _cross_entropy(t, u, from_logits):
    """Σ_c t_c (-log p_c) for any t, and its gradient.

    Logits: ∂/∂z_k = p_k Σ_c t_c - t_k. Probabilities p_c = u_c/S, S = Σ u, taken as clipped in the logarithm only:
    ∂/∂u_k = -t_k/(p_k S) + Σ_c t_c u_c/(p_c S²).
    """
    if from_logits:
        return -np.sum(t * special.log_softmax(u, -1), -1), special.softmax(u, -1) * t.sum(-1, keepdims=True) - t
    total = u.sum(-1, keepdims=True)
    p = np.clip(u / total, EPSILON, 1 - EPSILON)
    return -special.xlogy(t, p).sum(-1), -t / p / total + np.sum(t / p * u, -1, keepdims=True) / total**2


def categorical_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1, class_weight=None):
    """Szegedy 2016 (1512.00567) section 7 for the smoothing; weights of the terms as PyTorch's CrossEntropyLoss."""
    y, u = np.moveaxis(y_true, axis, -1), np.moveaxis(y_pred, axis, -1)
    w = 1.0 if class_weight is None else np.asarray(class_weight)
    values, gradient = _cross_entropy(w * ((1 - label_smoothing) * y + label_smoothing / y.shape[-1]), u, from_logits)
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
    values, gradient = _cross_entropy(t, u, from_logits)
    return averaged(values, np.moveaxis(gradient, -1, axis), counted)


# ---------------------------------------------------------------- regression: r = ŷ - y, dr/dŷ = 1


def _of_residual(formula):
    def oracle(y_true, y_pred, axis=-1, **options):
        return _elementwise(y_pred, lambda u: formula(u - _column(y_true), **options), axis)

    return oracle


mean_squared_error = _of_residual(lambda r: (r**2, 2 * r))
mean_absolute_error = _of_residual(lambda r: (np.abs(r), np.sign(r)))

# Huber 1964; scipy's own implementation
huber = _of_residual(lambda r, delta=1.0: (special.huber(delta, r), np.clip(r, -delta, delta)))

# Girshick 2015 (1504.08083) eq. 3 with PyTorch's beta; β = 0 is |r|
smooth_l1 = _of_residual(
    lambda r, beta=1.0: (
        np.where(np.abs(r) < beta, 0.5 * r**2 / (beta or 1), np.abs(r) - 0.5 * beta),
        np.where(np.abs(r) < beta, r / (beta or 1), np.sign(r)),
    )
)

# cosh r = 1 + 2 sinh²(r/2), exact near 0; log(e^r + e^-r) - log 2 does not overflow
log_cosh = _of_residual(
    lambda r: (
        np.where(np.abs(r) < 1, np.log1p(2 * np.sinh(np.clip(r, -1, 1) / 2) ** 2), np.logaddexp(r, -r) - np.log(2)),
        np.tanh(r),
    )
)


def root_mean_squared_error(y_true, y_pred, scope="batch", axis=-1):
    """The root of mse: d sqrt(m) = dm / (2 sqrt(m)), and 0 at m = 0."""
    squared = mean_squared_error(y_true, y_pred, axis=axis)
    values, mean = np.sqrt(squared.values), np.sqrt(squared.mean)
    if scope == "batch":
        return Expected(values, mean, _divided(squared.gradient, 2 * mean))
    each = values if values.ndim == y_pred.ndim else np.expand_dims(values, axis)
    return averaged(values, _divided(squared.gradient * values.size, 2 * each))


def l1_norm(y_true, y_pred, axes="last"):
    r = _column(y_pred) - _column(y_true)
    return averaged(np.abs(r).sum(_axes(r, axes)), np.sign(r).reshape(y_pred.shape))


def l2_norm(y_true, y_pred, axes="last"):
    r = _column(y_pred) - _column(y_true)
    values = np.sqrt(np.sum(r**2, _axes(r, axes), keepdims=True))
    return averaged(values.squeeze(_axes(r, axes)), _divided(r, values).reshape(y_pred.shape))


def _axes(r, axes):
    return -1 if axes == "last" else tuple(range(1, r.ndim))


def _divided(x, by):
    return np.divide(x, by, out=np.zeros(x.shape), where=np.broadcast_to(by, x.shape) != 0)


def _column(x):
    return x[:, None] if x.ndim == 1 else x
