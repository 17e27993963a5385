"""Losses of counts and amounts: textbook formulas and scipy.stats in float64, with gradients by hand."""

import numpy as np
from oracle import EPSILON, column, elementwise
from oracle_likelihood import given_as, of_labels
from scipy import special, stats


def _of_mean(formula):
    """`formula(y, μ, **options)` gives the value of each label and its slope in μ."""

    def oracle(y_true, y_pred, axis=-1, log_input=False, **options):
        def of(u):
            mean = np.exp(u) if log_input else u
            value, slope = formula(column(y_true), mean, log_input, **options)
            return value, slope * mean if log_input else slope

        return elementwise(y_pred, of, axis)

    return oracle


def _poisson(y, mean, log_input, full=False, epsilon=None):
    """Keras's formula; with `full` PyTorch's approximation of log y!. The slope below 0 is that of the line there."""
    epsilon = 0 if log_input else EPSILON if epsilon is None else epsilon
    above = np.maximum(mean, 0) + epsilon
    many = np.where(y > 1, y, 1)
    factorial = np.where(y > 1, many * np.log(many) - many + np.log(2 * np.pi * many) / 2, 0)
    return mean - y * np.log(above) + (factorial if full else 0), 1 - y / above


def _tweedie(y, mean, log_input, power=1.5, form="nll", epsilon=None):
    """Jørgensen 1987; scikit-learn's deviances of 0, 1, 2 and of other powers (metrics/_regression.py)."""
    if power != 0 and not log_input:
        mean = np.maximum(mean, EPSILON if epsilon is None else epsilon)
    slope = (mean - y) * mean**-power
    if form == "deviance":
        if power == 0:
            value = (y - mean) ** 2
        elif power == 1:
            value = 2 * (special.xlogy(y, y / mean) - y + mean)
        elif power == 2:
            value = 2 * (np.log(mean / y) + y / mean - 1)
        else:
            first = np.maximum(y, 0) ** (2 - power) / ((1 - power) * (2 - power))
            value = 2 * (first - y * mean ** (1 - power) / (1 - power) + mean ** (2 - power) / (2 - power))
        return value, 2 * slope
    first = np.log(mean) if power == 1 else mean ** (1 - power) / (1 - power)
    second = np.log(mean) if power == 2 else mean ** (2 - power) / (2 - power)
    return second - y * first, slope


poisson = _of_mean(_poisson)
tweedie = _of_mean(_tweedie)


def negative_binomial_nll(y_true, y_pred, parameterization="log", full=True, eps=1e-6):
    """scipy's probability is that of r successes, r/(r + μ)."""
    y = column(y_true) if y_true.ndim < y_pred.ndim else y_true
    blocks = np.split(y_pred, 2, -1)
    (mean, of_mean), (r, of_r) = (given_as(raw, f"{parameterization}_both", eps) for raw in blocks)
    values = -stats.nbinom.logpmf(y, r, r / (r + mean)) - (0 if full else special.gammaln(y + 1))
    slopes = [
        (mean - y) * r / (mean * (r + mean)),
        special.digamma(r) - special.digamma(y + r) + np.log1p(mean / r) + (y - mean) / (r + mean),
    ]
    return of_labels(values, np.concatenate([slopes[0] * of_mean, slopes[1] * of_r], -1))


def gamma_nll(y_true, y_pred, parameterization="log", eps=1e-6):
    """scipy's scale is μ/k."""
    y = column(y_true) if y_true.ndim < y_pred.ndim else y_true
    blocks = np.split(y_pred, 2, -1)
    (mean, of_mean), (k, of_k) = (given_as(raw, f"{parameterization}_both", eps) for raw in blocks)
    values = -stats.gamma.logpdf(y, k, scale=mean / k)
    slopes = [k * (mean - y) / mean**2, special.digamma(k) - np.log(k) - 1 - np.log(y / mean) + y / mean]
    return of_labels(values, np.concatenate([slopes[0] * of_mean, slopes[1] * of_k], -1))


def zero_inflated_log_normal(y_true, y_pred):
    """Wang, Liu & Miao 2019 (1912.07753), eq. 3 to 5."""
    y = column(y_true) if y_true.ndim < y_pred.ndim else y_true
    logit, location, raw = np.split(y_pred, 3, -1)
    s, of_raw = given_as(raw, "softplus_scale", np.sqrt(1e-7))
    some = y > 0
    y = np.where(some, y, 1)
    e = np.log(y) - location
    values = np.where(
        some, -special.log_expit(logit) - stats.lognorm.logpdf(y, s, scale=np.exp(location)), -special.log_expit(-logit)
    )
    slopes = [special.expit(logit) - some, -1.0 * some * e / s**2, some * (1 / s - e**2 / s**3) * of_raw]
    return of_labels(values, np.concatenate(slopes, -1))
