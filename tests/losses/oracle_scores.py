"""Scores of forecasts: formulas from scipy.stats, and of ensembles all pairs; gradients by hand."""

import numpy as np
from oracle import Expected, column
from oracle_likelihood import _of_blocks
from scipy import stats


def _gaussian(y, location, s):
    """Gneiting & Raftery 2007, eq. 21."""
    z = (y - location) / s
    pdf, two_cdf = stats.norm.pdf(z), 2 * stats.norm.cdf(z) - 1
    return s * (z * two_cdf + 2 * pdf - 1 / np.sqrt(np.pi)), -two_cdf, 2 * pdf - 1 / np.sqrt(np.pi)


gaussian_crps = _of_blocks(_gaussian)


def ensemble_crps(y_true, y_pred, fair=False):
    """Gneiting & Raftery 2007, eq. 20; fair: Ferro 2014, eq. 4. All pairs of members."""
    x = column(y_pred)
    y = y_true.reshape((*x.shape[:-1], 1))
    m = x.shape[-1]
    pairs = m * (m - 1) if fair else m * m
    apart = x[..., :, None] - x[..., None, :]
    values = np.abs(x - y).mean(-1) - np.abs(apart).sum((-1, -2)) / 2 / pairs
    slopes = np.sign(x - y) / m - np.sign(apart).sum(-1) / pairs
    return Expected(values, values.mean(), (slopes / values.size).reshape(y_pred.shape))
