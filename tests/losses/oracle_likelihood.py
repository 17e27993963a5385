"""Negative log-likelihoods from the logpdf of scipy.stats, and their gradients by hand.

Blocks of y_pred and how a parameter is given are those of LOSSES2.md, section 3. What `full=False` leaves out is taken
away from scipy's logpdf.
"""

import numpy as np
from oracle import Expected, column
from scipy import special, stats

LOG_2PI = np.log(2 * np.pi)


def given_as(raw, how, eps):
    """The parameter that is meant, and its derivative. Below eps: eps, with the derivative of what is below."""
    link, _, what = how.rpartition("_")
    if link == "log":
        value, slope = np.exp(raw), np.exp(raw)
    elif link == "softplus":
        value, slope = np.maximum(np.logaddexp(0, raw), eps), special.expit(raw)
    else:
        value, slope = np.maximum(raw, eps), np.ones(raw.shape)
    return (np.sqrt(value), slope / (2 * np.sqrt(value))) if what == "variance" else (value, slope)


def _of_blocks(formula, count=2, default="scale"):
    """`formula(y, location, *positive, **options)` gives the value of each label and its slope in each of them."""

    def oracle(y_true, y_pred, parameterization=default, eps=1e-6, **options):
        y = column(y_true) if y_true.ndim < y_pred.ndim else y_true
        blocks = count if options.get("df", 0) is not None else 3
        first, *others = np.split(y_pred, blocks, -1)
        pairs = [given_as(raw, parameterization, eps) for raw in others]
        if blocks > 2:  # a third one is no scale, and as it is where that is a variance
            pairs[1:] = [given_as(raw, parameterization.replace("variance", "scale"), eps) for raw in others[1:]]
        values, *slopes = formula(y, first, *(value for value, _ in pairs), **options)
        slopes = [slopes[0], *(s * of_raw for s, (_, of_raw) in zip(slopes[1:], pairs, strict=True))]
        return of_labels(values, np.concatenate(slopes, -1))

    return oracle


def of_labels(values, slopes):
    """A sample is the mean over its labels; the gradient is that of the mean over samples."""
    values, outputs = values.mean(-1), values.shape[-1]
    return Expected(values, values.mean(), slopes / outputs / values.size)


def _gaussian(y, location, s, full=False, beta=0.0):
    e = y - location
    values = -stats.norm.logpdf(y, location, s) - (0 if full else LOG_2PI / 2)
    weight = s ** (2 * beta)  # Seitzer et al. 2022 (2203.09168), eq. 5: a constant
    return weight * values, -weight * e / s**2, weight * (1 / s - e**2 / s**3)


def _laplace(y, location, b, full=False):
    e = y - location
    values = -stats.laplace.logpdf(y, location, b) - (0 if full else np.log(2))
    return values, -np.sign(e) / b, 1 / b - np.abs(e) / b**2


def _student_t(y, location, s, nu=None, df=None, full=False):
    v = df if nu is None else nu
    z = (y - location) / s
    values = -stats.t.logpdf(y, v, location, s)
    if not full:
        constant = np.log(np.pi) / 2
        if nu is None:
            constant = special.gammaln(v / 2) - special.gammaln((v + 1) / 2) + np.log(np.pi * v) / 2
        values = values - constant
    pull = (v + 1) * z / (v + z**2)
    slopes = [-pull / s, (1 - pull * z) / s]
    if nu is not None:
        of_gamma = special.digamma(v / 2) - special.digamma((v + 1) / 2) + 1 / v
        slopes.append((np.log1p(z**2 / v) - pull * z / v + of_gamma) / 2)
    return values, *slopes


def _log_normal(y, location, s, full=False):
    values = -stats.lognorm.logpdf(y, s, scale=np.exp(location)) - (0 if full else np.log(y) + LOG_2PI / 2)
    e = np.log(y) - location
    return values, -e / s**2, 1 / s - e**2 / s**3


gaussian_nll = _of_blocks(_gaussian, default="variance")
laplace_nll = _of_blocks(_laplace)
log_normal_nll = _of_blocks(_log_normal)


def student_t_nll(y_true, y_pred, df=None, **options):
    return _of_blocks(_student_t)(y_true, y_pred, df=df, **options)


def mixture_nll(y_true, y_pred, components, parameterization="log_scale", eps=1e-6):
    """Bishop 1994, eq. 23 and 29: log-sum-exp over components; the slopes by their responsibilities."""
    k = components
    y = column(y_true) if y_true.ndim < y_pred.ndim else y_true
    d = y.shape[-1]
    logits, raw = y_pred[..., :k], y_pred[..., k + k * d :].reshape(*y.shape[:-1], k, d)
    location = y_pred[..., k : k + k * d].reshape(raw.shape)
    s, of_raw = given_as(raw, parameterization, eps)
    s = np.maximum(s, eps)
    e = y[..., None, :] - location
    logs = special.log_softmax(logits, -1) + stats.norm.logpdf(e, 0, s).sum(-1)
    values = -special.logsumexp(logs, -1)
    part = np.exp(logs + values[..., None])
    flat = [(part[..., None] * x).reshape(*y.shape[:-1], k * d) for x in (-e / s**2, (1 / s - e**2 / s**3) * of_raw)]
    gradient = np.concatenate([special.softmax(logits, -1) - part, *flat], -1)
    return Expected(values, values.mean(), gradient / values.size)
