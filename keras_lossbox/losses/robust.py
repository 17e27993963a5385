"""Robust losses: of the error e = y_true - y_pred, quadratic near 0 and slower than that far away.

All take y_true and y_pred of one shape, `(n, ..., outputs)`; `(n,)` and `(n, 1)` are aligned, and any other difference
is a ValueError. They give one value per sample, `(n, ...)`.
"""

import math

from keras import ops

from keras_lossbox.core.options import Number, NumberOrInfinity
from keras_lossbox.core.registry import register
from keras_lossbox.functions.elementary import absolute, huber, hypotenuse, log1p_square, log_cosh
from keras_lossbox.losses.regression import Regression


@register
class Huber(Regression):
    """Quadratic for small errors, linear for large ones.

        loss = mean(½ e²  where |e| <= δ,  δ |e| - ½ δ²  elsewhere)

    A drop-in superset of `keras.losses.Huber` whose `delta` is saved. Large δ gives half the mean squared error,
    and divided by δ small δ gives the mean absolute error. `SmoothL1(beta=δ)` is this divided by δ.

    Args:
        delta: δ > 0, in the unit of y_true: errors above it are outliers.
        reduction, name, dtype: see `Loss`.
        axis: the axis to take the mean over; None takes no mean, and gives every element a value, and takes weights of
            the shape of y_pred.

    Shapes: y_true and y_pred alike, `(n, ..., outputs)`; `(n,)` and `(n, 1)` are aligned. One value per sample.

    Raises:
        ValueError: if delta is not a positive number, or y_true and y_pred have different shapes.

    Example:

    >>> import keras_lossbox
    >>> float(keras_lossbox.Huber(delta=2.0)([[0.0], [0.0]], [[1.0], [4.0]]))  # (0.5 + 6) / 2
    3.25

    Reference: Huber, Robust Estimation of a Location Parameter, 1964, https://doi.org/10.1214/aoms/1177703732
    """

    delta = Number(1.0, low=0, above=True)

    def formula(self, error):
        return huber(error, self.delta)


@register
class SmoothL1(Regression):
    """Huber's loss divided by its threshold, as in object detectors: slope 1 for large errors.

        loss = mean(½ e²/β  where |e| < β,  |e| - ½ β  elsewhere) = Huber(delta=β) / β

    The same as PyTorch's `SmoothL1Loss(beta)` with its mean. β = 0 is the mean absolute error.

    Args:
        beta: β >= 0, in the unit of y_true: where the loss turns from quadratic to linear.
        reduction, name, dtype: see `Loss`.
        axis: the axis to take the mean over; None takes no mean, and gives every element a value, and takes weights of
            the shape of y_pred.

    Shapes: y_true and y_pred alike, `(n, ..., outputs)`; `(n,)` and `(n, 1)` are aligned. One value per sample.

    Raises:
        ValueError: if beta is negative or no number, or y_true and y_pred have different shapes.

    Example:

    >>> import keras_lossbox
    >>> float(keras_lossbox.SmoothL1(beta=2.0)([[0.0], [0.0]], [[1.0], [4.0]]))  # (0.25 + 3) / 2
    1.625

    Reference: Girshick, Fast R-CNN, 2015, https://arxiv.org/abs/1504.08083
    """

    beta = Number(1.0, low=0)

    def formula(self, error):
        abs_e = absolute(error)
        if self.beta == 0:
            return abs_e
        return ops.where(abs_e < self.beta, ops.square(error) / (2 * self.beta), abs_e - 0.5 * self.beta)


@register
class LogCosh(Regression):
    """The logarithm of the hyperbolic cosine of the error: quadratic near 0, linear far away, smooth in between.

        loss = mean(log(cosh(e)))   ≈ ½ e² near 0, |e| - log 2 far away

    A drop-in superset of `keras.losses.LogCosh`, and exact near 0, where Keras's is 0 below an error of about 3e-4.
    Like `Huber(delta=1)`, but with all derivatives.

    Args:
        reduction, name, dtype: see `Loss`.
        axis: the axis to take the mean over; None takes no mean, and gives every element a value, and takes weights of
            the shape of y_pred.

    Shapes: y_true and y_pred alike, `(n, ..., outputs)`; `(n,)` and `(n, 1)` are aligned. One value per sample.

    Raises:
        ValueError: if y_true and y_pred have different shapes.

    Example:

    >>> import keras_lossbox
    >>> round(float(keras_lossbox.LogCosh()([[0.0]], [[1.0]])), 4)
    0.4338

    Reference: Saleh and Saleh, Statistical Properties of the log-cosh Loss Function, 2022,
    https://arxiv.org/abs/2208.04564
    """

    def formula(self, error):
        return log_cosh(error)


@register
class GeneralRobust(Regression):
    """One family of robust losses, from the squared error to losses that an outlier does not move at all.

        loss = mean(|α - 2|/α · ((x²/|α - 2| + 1)^(α/2) - 1)),   x = e/c

        α = 2     ½ x²                   half the mean squared error, in units of c
        α = 1     sqrt(x² + 1) - 1       pseudo-Huber, Charbonnier: the slope has a bound
        α = 0     log(½ x² + 1)          Cauchy, Lorentzian
        α = -2    2 x²/(x² + 4)          Geman-McClure
        α = -∞    1 - exp(-½ x²)         Welsch: the value has a bound

    The smaller α is, the less an outlier weighs; below α = 1 its gradient falls to 0, so that start near what you
    expect, or from a larger α. It has all its digits near α = 0 and α = 2 too, where the formula as it stands has gaps.
    `Huber` and `LogCosh` are close to α = 1; α = 1 with c = ε is `Charbonnier` less its minimum, divided by ε.

    Args:
        alpha: α, any number, or `"inf"` and `"-inf"` (`float("inf")` is stored as that). Above 2 a large error weighs
            more than its square.
        scale: c > 0, in the unit of y_true: below it an error costs about its square.
        reduction, name, dtype: see `Loss`.
        axis: the axis to take the mean over; None takes no mean, and gives every element a value, and takes weights of
            the shape of y_pred.

    Shapes: y_true and y_pred alike, `(n, ..., outputs)`; `(n,)` and `(n, 1)` are aligned. One value per sample.

    Raises:
        ValueError: if alpha is no number, scale not a positive one, or y_true and y_pred have different shapes.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.GeneralRobust(alpha=-2.0)
    >>> round(float(loss([[0.0], [0.0]], [[2.0], [1000.0]])), 4)  # (1 + 2) / 2
    1.5

    Reference: Barron, A General and Adaptive Robust Loss Function, 2019, https://arxiv.org/abs/1701.03077
    """

    alpha = NumberOrInfinity(1.0)
    scale = Number(1.0, low=0, above=True)

    def formula(self, error):
        return general_robust(error / self.scale, float(self.alpha))


def general_robust(x, alpha):
    """Barron's ρ(x, α, 1), with all its digits for every α."""
    b = abs(alpha - 2)
    if b == 0:
        return 0.5 * ops.square(x)
    if abs(alpha) > 1e16:
        return -ops.expm1(-0.5 * ops.square(x)) if alpha < 0 else ops.expm1(0.5 * ops.square(x))
    log_base = log1p_square(x / math.sqrt(b))  # of x²/b + 1
    if abs(alpha) < 1e-16:
        return log_base
    if b > 0.5:
        return b / alpha * ops.expm1(alpha / 2 * log_base)
    excess = math.copysign(b / 2, alpha - 2) * log_base  # (x²/b + 1)^(α/2) = (x²/b + 1) · exp(excess)
    return (ops.square(x) * ops.exp(excess) + b * ops.expm1(excess)) / alpha


@register
class Charbonnier(Regression):
    """A smooth absolute error: quadratic below ε, linear above, with all derivatives; for images and optical flow.

        loss = mean(sqrt(e² + ε²))

    At e = 0 it is ε, not 0. Pseudo-Huber, δ² (sqrt(1 + (e/δ)²) - 1), is δ² times `GeneralRobust(1.0, scale=δ)`, and
    this is ε times `GeneralRobust(1.0, scale=ε)`, plus ε.

    Args:
        epsilon: ε > 0, in the unit of y_true: small beside the errors that matter.
        reduction, name, dtype: see `Loss`.
        axis: the axis to take the mean over; None takes no mean, and gives every element a value, and takes weights of
            the shape of y_pred.

    Shapes: y_true and y_pred alike, `(n, ..., outputs)`; `(n,)` and `(n, 1)` are aligned. One value per sample.

    Raises:
        ValueError: if epsilon is not a positive number, or y_true and y_pred have different shapes.

    Example:

    >>> import keras_lossbox
    >>> float(keras_lossbox.Charbonnier(epsilon=3.0)([[0.0]], [[4.0]]))
    5.0

    Reference: Lai et al., Deep Laplacian Pyramid Networks for Fast and Accurate Super-Resolution, 2017,
    https://arxiv.org/abs/1704.03915; Charbonnier et al., 1994, https://doi.org/10.1109/ICIP.1994.413553
    """

    epsilon = Number(1e-3, low=0, above=True)

    def formula(self, error):
        return hypotenuse(error, self.epsilon)
