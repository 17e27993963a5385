"""Formulas of the losses of yes and no, with gradients derived by hand."""

import numpy as np
from oracle import EPSILON, averaged, column, cross_entropy, elementwise
from scipy import special


def _two_terms(y, u, from_logits, of_positives, of_negatives):
    """-(a y log p + b (1-y) log(1-p)) and its slope; with p' = p(1-p) in logits: b (1-y) p - a y (1-p)."""
    a, b = of_positives * y, of_negatives * (1 - y)
    if from_logits:
        return -a * special.log_expit(u) - b * special.log_expit(-u), b * special.expit(u) - a * special.expit(-u)
    p = np.clip(u, EPSILON, 1 - EPSILON)  # the gradient is not clipped: LOSSES.md, as a sigmoid must be able to recover
    return -special.xlogy(a, p) - special.xlog1py(b, -p), b / (1 - p) - a / p


def binary_crossentropy(
    y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1, pos_weight=None, neg_weight=None
):
    """tf.nn.weighted_cross_entropy_with_logits and PyTorch's BCEWithLogitsLoss: q y (-log p) + r (1-y) (-log(1-p))."""
    q, r = (1.0 if weight is None else np.asarray(weight) for weight in (pos_weight, neg_weight))
    y = (1 - label_smoothing) * column(y_true) + 0.5 * label_smoothing
    return elementwise(y_pred, lambda u: _two_terms(y, u, from_logits, q, r), axis)


def balanced_binary_crossentropy(
    y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1, beta=None, scope="batch"
):
    """Xie & Tu 2015 (1504.06375), eq. 2: positives weigh β = |Y-|/|Y|, negatives 1-β."""
    y = column(y_true)
    if beta is None:
        beta = 1 - (y.mean() if scope == "batch" else np.array([sample.mean() for sample in y]))
        beta = np.reshape(beta, (-1,) + (1,) * (y.ndim - 1))
    y = y + label_smoothing * (0.5 - y)
    return elementwise(y_pred, lambda u: _two_terms(y, u, from_logits, beta, 1 - beta), axis)


def zero_one(y_true, y_pred, from_logits=False, threshold=None, axis=-1, multi_label=False, surrogate="logistic"):
    """The error rate, with the gradient of a surrogate: Bartlett 2006, and Crammer & Singer 2001 for several classes.

    Binary margin m = ±(logit(p) - logit(threshold)): log(1 + exp(-m)) has slope -expit(-m) in m, the hinge -1[m < 1].
    """
    if multi_label or y_pred.ndim == 1 or y_pred.shape[axis] == 1:

        def formula(u):
            cut = (0.0 if from_logits else 0.5) if threshold is None else threshold
            logit, inner = (lambda x: x, 1.0) if from_logits else (special.logit, 1 / (u * (1 - u)))
            sign = np.where(column(y_true) > 0.5, 1.0, -1.0)
            margin = sign * (logit(u) - logit(cut))
            slopes = {"logistic": -special.expit(-margin), "hinge": -1.0 * (margin < 1), None: 0 * margin}
            return 1.0 * ((u > cut) != (sign > 0)), slopes[surrogate] * sign * inner

        return elementwise(y_pred, formula, axis)

    scores = np.moveaxis(y_pred, axis, -1)
    if y_true.shape == y_pred.shape:
        y_true = np.argmax(y_true, axis)
    right = np.eye(scores.shape[-1])[y_true.reshape(scores.shape[:-1]).astype(int)]
    wrong = 1.0 * (np.argmax(scores, -1) != np.argmax(right, -1))
    if surrogate == "logistic":
        gradient = cross_entropy(right, scores, from_logits)[1]
    else:
        log_p = scores if from_logits else np.log(scores)
        rival = np.eye(scores.shape[-1])[np.argmax(np.where(right == 1, -np.inf, log_p), -1)]
        active = 1 + np.sum(log_p * (rival - right), -1, keepdims=True) > 0
        gradient = active * (rival - right) / (1 if from_logits else scores) * (surrogate is not None)
    return averaged(wrong, np.moveaxis(gradient, -1, axis))
