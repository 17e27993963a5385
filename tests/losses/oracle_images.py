"""Oracles of the losses of images: window by window, each with its own mean, variance and covariance.

Gradients by a complex step: the predictions have an axis of steps in front.
"""

import numpy as np
from oracle import STEP, averaged


def of_channels(value):
    """`value(x, y, **options)` gives what one channel of an image costs, the mean of which over channels is the loss.

    x is `(height, width)`, y `(steps, height, width)`.
    """

    def oracle(y_true, y_pred, **options):
        n, height, width, channels = y_pred.shape
        steps = 1j * STEP * np.eye(height * width).reshape(-1, height, width)
        values, gradient = np.zeros(n), np.zeros(y_pred.shape)
        for i in range(n):
            for c in range(channels):
                found = value(y_true[i, ..., c], y_pred[i, ..., c] + steps, **options)
                values[i] += found[0].real / channels
                gradient[i, ..., c] = found.imag.reshape(height, width) / STEP / channels
        return averaged(values, gradient)

    return oracle


def gaussian(size, sigma):
    """The weights of a window."""
    places = np.arange(size) - (size - 1) / 2
    weights = np.exp(-(places[:, None] ** 2 + places**2) / (2 * sigma**2))
    return weights / weights.sum()


def similarities(x, y, max_val, filter_size, filter_sigma, k1, k2):
    """The means over all windows of luminance · contrast · structure, and of contrast · structure."""
    weights, c1, c2 = gaussian(filter_size, filter_sigma), (k1 * max_val) ** 2, (k2 * max_val) ** 2
    whole, structure = [], []
    for top in range(x.shape[0] - filter_size + 1):
        for left in range(x.shape[1] - filter_size + 1):
            window = np.s_[..., top : top + filter_size, left : left + filter_size]
            mean = [np.sum(weights * image[window], (-2, -1)) for image in (x, y)]
            off = [image[window] - m[..., None, None] for image, m in zip((x, y), mean, strict=True)]
            variances = [np.sum(weights * o * o, (-2, -1)) for o in off]
            covariance = np.sum(weights * off[0] * off[1], (-2, -1))
            structure.append((2 * covariance + c2) / (variances[0] + variances[1] + c2))
            whole.append((2 * mean[0] * mean[1] + c1) / (mean[0] ** 2 + mean[1] ** 2 + c1) * structure[-1])
    return sum(whole) / len(whole), sum(structure) / len(structure)


@of_channels
def ssim(x, y, max_val=1.0, filter_size=11, filter_sigma=1.5, k1=0.01, k2=0.03):
    """Wang et al. 2004, (13), and the mean over windows, (16)."""
    return 1 - similarities(x, y, max_val, filter_size, filter_sigma, k1, k2)[0]


def half(x):
    """The means of two times two pixels; what has no partner is its own."""
    x = np.concatenate([x, x[..., -1:, :]], -2)[..., : x.shape[-2] + x.shape[-2] % 2, :]
    x = np.concatenate([x, x[..., -1:]], -1)[..., : x.shape[-1] + x.shape[-1] % 2]
    return sum(x[..., i::2, j::2] for i in (0, 1) for j in (0, 1)) / 4


PAPER = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


@of_channels
def multi_scale_ssim(x, y, power_factors=PAPER, max_val=1.0, filter_size=11, filter_sigma=1.5, k1=0.01, k2=0.03):
    """Wang et al. 2003, (7), where a factor below 0 is 0, and its power too, without a slope."""
    product = 1
    factors = np.atleast_1d(power_factors)
    for scale, factor in enumerate(factors, 1):
        whole, structure = similarities(x, y, max_val, filter_size, filter_sigma, k1, k2)
        part = whole if scale == len(factors) else structure
        positive = part.real > 0
        product = product * np.where(positive, np.where(positive, part, 1) ** factor, 0 if factor else 1)
        x, y = half(x), half(y)
    return 1 - product


def size(x):
    return np.where(np.real(x) < 0, -x, x)


def gradient_difference(y_true, y_pred, alpha=1.0):
    """Mathieu et al. 2016, (6), as a mean over all steps of all channels."""
    n, *shape = y_pred.shape
    entries = np.prod(shape)
    steps = 1j * STEP * np.eye(entries).reshape(-1, *shape)
    values, gradient = np.zeros(n), np.zeros(y_pred.shape)
    for i, (x, y) in enumerate(zip(y_true, y_pred, strict=True)):
        costs = []
        for axis in (-3, -2):
            off = size(np.abs(np.diff(x, axis=axis)) - size(np.diff(y + steps, axis=axis)))
            positive = off.real > 0
            costs.append(np.where(positive, np.where(positive, off, 1) ** alpha, 0).reshape(entries, -1))
        found = np.concatenate(costs, -1).mean(-1)
        values[i], gradient[i] = found[0].real, found.imag.reshape(shape) / STEP
    return averaged(values, gradient)
