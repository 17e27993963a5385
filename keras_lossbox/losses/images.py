"""Losses of images that compare what an eye sees: structure and edges, and not pixel by pixel."""

import math

import numpy as np
from keras import ops

from keras_lossbox.core import targets
from keras_lossbox.core.loss import Loss
from keras_lossbox.core.options import Integer, Number
from keras_lossbox.core.registry import register
from keras_lossbox.functions.elementary import absolute, divide_no_nan, mean, safe_power, sizes_of


class OfImages(Loss):
    """A loss of whole images."""

    def targets(self, y_pred):
        return targets.Images()

    def compute(self, batch):
        if batch.mask is not None and any(size not in (1, None) for size in batch.mask.shape[1:]):
            raise ValueError(
                f"`mask` must have one entry for each image, (n,). Received: mask.shape={batch.mask.shape}"
            )
        return batch.values(self.formula(batch.y_true, batch.y_pred))

    def formula(self, y_true, y_pred):
        """One value per image."""
        raise NotImplementedError


class Structural(OfImages):
    """A loss of the means and variances in the windows of two images."""

    max_val = Number(1.0, low=0, above=True)
    filter_size = Integer(11, low=1)
    filter_sigma = Number(1.5, low=0, above=True)
    k1 = Number(0.01, low=0)
    k2 = Number(0.03, low=0)
    jit_compile = False  # of the means of windows XLA computes the first ones anew for each of the second

    scales = 1

    def targets(self, y_pred):
        least = (self.filter_size - 1) * 2 ** (self.scales - 1) + 1
        of_scales = f" and {self.scales} scales" if self.scales > 1 else ""
        return targets.Images(least=least, why=f" for filter_size={self.filter_size}{of_scales}")

    def unlike(self, difference, middle):
        """1 - luminance and 1 - contrast · structure of each window and channel.

        From the difference of two images and the image in the middle between them, since for images that are almost
        alike one less their likeness would be rounding: 1 - 2 μ μ' / (μ² + μ'²) = (μ - μ')² / (μ² + μ'²), and so for
        the variances.
        """
        means, variances = self.windows(ops.concatenate([difference, middle], -1))
        return (
            part_of_middle(*ops.split(ops.square(means), 2, -1), (self.k1 * self.max_val) ** 2),
            part_of_middle(*ops.split(variances, 2, -1), (self.k2 * self.max_val) ** 2),
        )

    def windows(self, x):
        """The Gaussian mean and variance of each window that lies inside of the image.

        By sums of shifted images: a convolution may compute in TF32. The variance is that along the height, and then
        that of these means along the width: E x² - (E x)² would be rounding where images are bright and flat.
        """
        places = np.arange(self.filter_size) - (self.filter_size - 1) / 2
        weights = np.exp(-np.square(places / self.filter_sigma) / 2)
        weights = (weights / weights.sum()).tolist()

        def shifted(x, axis):
            return [cut(x, axis, i, i + 1 - len(weights) or None) for i in range(len(weights))]

        def average(images):
            return sum(weight * image for weight, image in zip(weights, images, strict=True))

        columns = average(shifted(x, 1))
        within = average([ops.square(image - columns) for image in shifted(x, 1)])
        means = average(shifted(columns, 2))
        between = average([ops.square(image - means) for image in shifted(columns, 2)])
        return means, average(shifted(within, 2)) + between


def part_of_middle(difference, middle, constant):
    """d² / (2 m² + d²/2 + c), which is (x - y)² / (x² + y² + c) for d = x - y and m = (x + y)/2."""
    return divide_no_nan(difference, 2 * middle + difference / 2 + constant)


def cut(x, axis, *bounds):
    """What `slice(*bounds)` leaves of an axis."""
    return x[(slice(None),) * axis + (slice(*bounds),)]


def halved(x):
    """The means of two times two pixels; of an odd number of rows or columns the last is taken twice."""
    for axis in (1, 2):
        second = cut(ops.concatenate([x, cut(x, axis, -1, None)], axis), axis, 1, None, 2)
        x = (cut(x, axis, None, None, 2) + second) / 2
    return x


@register
class SSIM(Structural):
    """One minus the structural similarity of two images: brightness, contrast and structure, window by window.

        loss = mean over windows and channels of 1 - (2 μ μ' + c1)(2 σ_xy + c2) / ((μ² + μ'² + c1)(σ² + σ'² + c2))
        c1 = (k1 max_val)²,   c2 = (k2 max_val)²

    It is 0 for equal images, about 1 for images that have nothing in common, and at most 2. Means μ, variances σ² and
    the covariance are those of a Gaussian window, inside of the image. One minus `tf.image.ssim` and
    `keras.ops.image.ssim`. (Some libraries for PyTorch fill up the borders, or take windows without a Gaussian.) It
    hardly sees a shift in brightness or colour: often it is added to a `MeanAbsoluteError`.

    Args:
        max_val: > 0, the range of pixels: 1 for those in [0, 1], 255 for those in [0, 255], 2 for those in [-1, 1].
        filter_size: how many pixels a window is high and wide.
        filter_sigma: > 0, the standard deviation of its Gaussian, in pixels.
        k1, k2: >= 0, what is added to both sides of a ratio, as a part of max_val. Smaller ones compare dark and flat
            windows more strictly.
        reduction, name, dtype: see `Loss`.

    Shapes: y_true and y_pred `(n, height, width, channels)`, not smaller than the filter. One value per image, `(n,)`;
        weights `(n,)`.

    Raises:
        ValueError: for an option out of its range, images smaller than the filter, weights of pixels, or other shapes.
            Where only the run knows the size, TensorFlow raises an error in the run; if it is compiled by XLA the loss
            is NaN.

    Example:

    >>> import numpy as np
    >>> import keras_lossbox
    >>> black, white = np.zeros((1, 16, 16, 1)), np.ones((1, 16, 16, 1))
    >>> float(keras_lossbox.SSIM()(white, white))
    0.0
    >>> round(float(keras_lossbox.SSIM()(black, white)), 4)  # 1 - c1 / (1 + c1)
    0.9999

    Reference: Wang et al., Image Quality Assessment: From Error Visibility to Structural Similarity, 2004,
    https://doi.org/10.1109/TIP.2003.819861
    """

    def formula(self, y_true, y_pred):
        luminance, structure = self.unlike(y_pred - y_true, (y_pred + y_true) / 2)
        values = mean(mean(luminance + (1 - luminance) * structure, 1), 1)
        return mean(values, -1)


@register
class MultiScaleSSIM(Structural):
    """One minus the structural similarity at several scales: of images that are halved again and again.

        loss = 1 - mean over channels of Π_s max(0, cs_s)^β_s · max(0, ssim_S)^β_S

    cs is the factor of contrast and structure in `SSIM`, its mean over windows at scale s; brightness is compared at
    the last scale only. One minus `tf.image.ssim_multiscale`. The gradient of an image whose cs is 0 or less at some
    scale is 0: train with something else beside it, or from a prediction that is not far off.

    Args:
        power_factors: β >= 0, one for each scale; those of the paper by default.
        max_val, filter_size, filter_sigma, k1, k2: see `SSIM`.
        reduction, name, dtype: see `Loss`.

    Shapes: as for `SSIM`; height and width must be larger than (filter_size - 1) · 2^(scales - 1): 161 and more by
        default.

    Raises:
        ValueError: as `SSIM`.

    Example:

    >>> import numpy as np
    >>> import keras_lossbox
    >>> loss = keras_lossbox.MultiScaleSSIM([0.5, 0.5], filter_size=3)
    >>> image = np.arange(64.0).reshape(1, 8, 8, 1) / 64
    >>> float(loss(image, image))
    0.0

    Reference: Wang, Simoncelli and Bovik, Multi-scale Structural Similarity for Image Quality Assessment, 2003,
    https://doi.org/10.1109/ACSSC.2003.1292216
    """

    power_factors = Number([0.0448, 0.2856, 0.3001, 0.2363, 0.1333], low=0, per="scale")

    @property
    def factors(self):
        """One for each scale."""
        return self.power_factors if isinstance(self.power_factors, tuple) else (self.power_factors,)

    @property
    def scales(self):
        return len(self.factors)

    def formula(self, y_true, y_pred):
        difference, middle = y_pred - y_true, (y_pred + y_true) / 2
        log_product, zero = 0.0, False
        for scale, factor in enumerate(self.factors, 1):
            luminance, unlike = self.unlike(difference, middle)
            if scale == self.scales:
                unlike = luminance + (1 - luminance) * unlike
            unlike = mean(mean(unlike, 1), 1)
            none = unlike >= 1  # nothing in common: a factor of 0, without a gradient
            if factor > 0:
                log_product = log_product + factor * ops.log1p(-ops.where(none, 0, unlike))
                zero = ops.logical_or(zero, none)
            difference, middle = halved(difference), halved(middle)
        return mean(ops.where(zero, 1, 0 - ops.expm1(log_product)), -1)


@register
class GradientDifference(OfImages):
    """How much the steps from pixel to pixel of two images differ in size: what makes edges as sharp as they should be.

        loss = mean of ||∂y| - |∂ŷ||^α over the steps along height and width

    A squared error has its minimum at the mean of all images that are possible, which is blurred. This loss is 0 for
    images that differ by a constant, and a flat prediction gets no gradient from it, so that it is added to another:
    `MeanSquaredError() + GradientDifference()`. An image of one pixel has no steps, and a loss of 0.

    Args:
        alpha: α > 0.
        reduction, name, dtype: see `Loss`.

    Shapes: y_true and y_pred `(n, height, width, channels)`. One value per image, `(n,)`; weights `(n,)`.

    Raises:
        ValueError: for α out of its range, weights of pixels, or other shapes.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.GradientDifference()
    >>> float(loss([[[[0.0], [1.0]]]], [[[[0.0], [0.25]]]]))  # one step, of 1 and of 0.25
    0.75

    Reference: Mathieu, Couprie and LeCun, Deep multi-scale video prediction beyond mean square error, 2016,
    https://arxiv.org/abs/1511.05440
    """

    alpha = Number(1.0, low=0, above=True)
    jit_compile = True

    def formula(self, y_true, y_pred):
        total, number = 0, 0
        for axis in (1, 2):
            costs = safe_power(absolute(steps(y_true, axis) - steps(y_pred, axis)), self.alpha)
            total, number = total + ops.sum(costs, (1, 2, 3)), number + math.prod(sizes_of(costs)[1:])
        return divide_no_nan(total, number if isinstance(number, int) else ops.cast(number, total.dtype))


def steps(x, axis):
    """|x_{i+1} - x_i| along an axis."""
    return absolute(cut(x, axis, 1, None) - cut(x, axis, None, -1))
