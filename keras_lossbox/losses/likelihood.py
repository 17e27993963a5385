"""Negative log-likelihoods: y_pred holds the parameters of a distribution for each label, not only its mean.

One y_pred holds them all: its last axis is blocks, one for each parameter, each as long as the last axis of y_true. For
two outputs and a Gaussian it is `[mean_1, mean_2, variance_1, variance_2]`: two `Dense` layers and a `Concatenate`.
y_true is `(n, ..., outputs)`, or for a single output `(n, ...)`. The value of a sample is the mean over its outputs,
and weights and masks are those of samples.

How a positive parameter is given is the option `parameterization`:

* `"scale"`, `"variance"` and the like: as it is. What is below `eps` counts as `eps`, with the gradient of the
  identity;
* `"log_scale"` …: its logarithm, any number. Recommended: the last layer needs no activation, and tiny and huge scales
  keep their digits. (The scale is held above 2e-19, so that no square of 1/scale overflows.);
* `"softplus_scale"` …: log(1 + exp(x)) of any number x, then as the first.
"""

import math

from keras import ops

from keras_lossbox.core import targets
from keras_lossbox.core.loss import Loss
from keras_lossbox.core.options import Choice, Flag, Integer, Number
from keras_lossbox.core.registry import register
from keras_lossbox.functions.elementary import absolute, log1p_square, mean, sizes_of
from keras_lossbox.functions.gamma import SHIFT, scaled_log_gamma_ratio
from keras_lossbox.functions.positive import positive, scale_of

SCALES = ("scale", "log_scale", "softplus_scale")
VARIANCES = ("variance", "log_variance", "softplus_variance")
LOG_ROOT_2PI = 0.5 * math.log(2 * math.pi)


class Likelihood(Loss):
    """The mean over outputs of a formula of each label and the parameters that are predicted for it.

    A subclass says how many parameters it has in `count`, and has a `formula(y, location, scale, ...)`: the first is
    given as it is in y_pred, the second as a `Positive`, by `parameterization`, and further ones as
    `positive_parameter` makes them.
    """

    count = 2
    jit_compile = True

    def targets(self, y_pred):
        return targets.Parameters(count=self.count)

    def call(self, y_true, y_pred):
        return mean(self.formula(y_true, *self.parameters(ops.split(y_pred, self.count, -1))), -1)

    def parameters(self, blocks):
        """The parameters from the blocks of y_pred."""
        location, spread, *others = blocks
        scale = scale_of(spread, self.parameterization, self.eps)
        return location, scale, *map(self.positive_parameter, others)

    def positive_parameter(self, x):
        """A parameter that is given in the way of the scale: as it is, by its logarithm or through a softplus."""
        return positive(x, self.parameterization.rpartition("_")[0], self.eps)

    def formula(self, y, *parameters):
        """The loss of each label."""
        raise NotImplementedError


@register
class GaussianNLL(Likelihood):
    """The negative log-likelihood of a Gaussian whose variance is predicted too: how far off, and how sure.

        loss = mean(½ (log v + e²/v)),   e = y_true - mean,   v the variance
        with beta: each term times v^β, as a constant

    A constant variance of 1 makes it half of `MeanSquaredError`. `GaussianNLL(parameterization="variance")` is
    PyTorch's `GaussianNLLLoss`, which takes three arguments. Where a model first has to find the mean, the variance
    grows over what is not learnt yet and its small gradient keeps it so: `beta=0.5` weighs it back; β = 1 gives the
    mean the gradient of the squared error. Outliers: `StudentTNLL`, `LaplaceNLL`. Predictions judged in the unit of
    y_true: `GaussianCRPS`.

    Args:
        full: True adds the constant ½ log 2π.
        eps: > 0, the least variance or scale, where that is given as it is or through a softplus.
        parameterization: what the second block of y_pred is: `"variance"`, `"log_variance"`, `"softplus_variance"`,
            `"scale"`, `"log_scale"` or `"softplus_scale"`. Only those with `log_` and `softplus_` take any number.
        beta: β in [0, 1].
        reduction, name, dtype: see `Loss`.

    Shapes: y_pred `(n, ..., 2 outputs)`: the means, then as many variances; y_true `(n, ..., outputs)`, or `(n, ...)`
        for one output. One value per sample, `(n, ...)`.

    Raises:
        ValueError: for an option out of its range, or a y_pred that does not hold two numbers for each label.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.GaussianNLL(parameterization="log_variance")
    >>> float(loss([[1.0]], [[3.0, 0.0]]))  # ½ (0 + 2² / 1)
    2.0

    Reference: Nix and Weigend, Estimating the Mean and Variance of the Target Probability Distribution, 1994,
    https://doi.org/10.1109/ICNN.1994.374138; beta: Seitzer et al., 2022, https://arxiv.org/abs/2203.09168
    """

    full = Flag(False)
    eps = Number(1e-6, low=0, above=True)
    parameterization = Choice(*VARIANCES, *SCALES)
    beta = Number(0.0, low=0, high=1)

    def formula(self, y, location, scale):
        values = gaussian_nll(y, location, scale, self.full)
        return ops.stop_gradient(ops.exp(2 * self.beta * scale.log)) * values if self.beta else values


def gaussian_nll(y, location, scale, full):
    """The negative log-likelihood of a Gaussian, with or without its constant."""
    values = scale.log + 0.5 * ops.square((y - location) * scale.inverse)
    return values + LOG_ROOT_2PI if full else values


@register
class LaplaceNLL(Likelihood):
    """The negative log-likelihood of a Laplace distribution: the absolute error, with a predicted scale.

        loss = mean(log b + |e|/b),   e = y_true - location,   b the scale

    A constant scale of 1 makes it `MeanAbsoluteError`. The location is a median, and outliers pull less than in
    `GaussianNLL`. The gradient at e = 0 is 0.

    Args:
        full: True adds the constant log 2.
        eps: > 0, the least scale, where it is given as it is or through a softplus.
        parameterization: what the second block of y_pred is: `"scale"`, `"log_scale"` or `"softplus_scale"`. (The
            standard deviation is √2 scale.)
        reduction, name, dtype: see `Loss`.

    Shapes: y_pred `(n, ..., 2 outputs)`: the locations, then as many scales; y_true `(n, ..., outputs)`, or `(n, ...)`
        for one output. One value per sample, `(n, ...)`.

    Raises:
        ValueError: for an option out of its range, or a y_pred that does not hold two numbers for each label.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.LaplaceNLL(parameterization="log_scale")
    >>> float(loss([[1.0]], [[3.0, 0.0]]))  # 0 + |1 - 3| / 1
    2.0

    Reference: Kotz, Kozubowski and Podgórski, The Laplace Distribution and Generalizations, 2001
    """

    full = Flag(False)
    eps = Number(1e-6, low=0, above=True)
    parameterization = Choice(*SCALES)

    def formula(self, y, location, scale):
        values = scale.log + absolute(y - location) * scale.inverse
        return values + math.log(2) if self.full else values


@register
class StudentTNLL(Likelihood):
    """The negative log-likelihood of Student's t: a Gaussian with heavy tails, whose weight is given or learned.

        loss = mean(log s + ½ (ν + 1) log(1 + z²/ν) - log Γ(½ (ν + 1)) + log Γ(½ ν) + ½ log(ν π)),   z = e/s

    Beyond a few scales the loss grows as a logarithm only: an outlier moves neither location nor scale much. ν = 1 is
    Cauchy's distribution; for large ν it is `GaussianNLL`. With a fixed scale, and ν = 1, it is `GeneralRobust(0.0)`
    but for constants.

    Args:
        df: ν > 0, the degrees of freedom, the same for all; None takes them from a third block of y_pred, in the way of
            the scale: as they are, by their logarithm, or through a softplus.
        full: True adds the terms that do not depend on y_pred: ½ log π, and for a fixed df all but the first two.
        eps: > 0, the least scale (and least df), where it is given as it is or through a softplus.
        parameterization: what the second block of y_pred is: `"scale"`, `"log_scale"` or `"softplus_scale"`. (The
            standard deviation is √(ν/(ν - 2)) scale.)
        reduction, name, dtype: see `Loss`.

    Shapes: y_pred `(n, ..., 2 outputs)`: the locations, then as many scales; without df `(n, ..., 3 outputs)`. y_true
        `(n, ..., outputs)`, or `(n, ...)` for one output. One value per sample, `(n, ...)`.

    Raises:
        ValueError: for an option out of its range, or a y_pred that does not hold as many numbers for each label.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.StudentTNLL(df=1.0, parameterization="log_scale")
    >>> round(float(loss([[0.0]], [[1.0, 0.0]])), 4)  # log(1 + 1)
    0.6931

    Reference: Lange, Little and Taylor, Robust Statistical Modeling Using the t Distribution, 1989,
    https://doi.org/10.2307/2290063
    """

    df = Number(None, low=0, above=True)
    full = Flag(False)
    eps = Number(1e-6, low=0, above=True)
    parameterization = Choice(*SCALES)

    @property
    def count(self):
        """How many blocks y_pred has."""
        return 3 if self.df is None else 2

    def formula(self, y, location, scale, df=None):
        z = (y - location) * scale.inverse
        if df is None:
            values = scale.log + 0.5 * (self.df + 1) * log1p_square(z / math.sqrt(self.df))
            return values + self._constant() if self.full else values
        values = scale.log + 0.5 * (df.value + 1) * log1p_square(z * df.root().inverse)
        # Γ(½ ν + ½) / Γ(½ ν) is about the root of ½ ν, and ½ log ν less its logarithm has few digits for large ν
        half = 0.5 * df.value
        over = ops.where(half > SHIFT, 2, df.value)
        values = values - scaled_log_gamma_ratio(half, 0.5 * ops.ones_like(half)) + 0.5 * ops.log(over)
        return values + 0.5 * math.log(math.pi) if self.full else values

    def _constant(self):
        if self.df > 1e3:  # where the difference of two log Γ has lost digits, its series has them
            return LOG_ROOT_2PI + 1 / (4 * self.df) - 1 / (24 * self.df**3)
        return math.lgamma(self.df / 2) - math.lgamma((self.df + 1) / 2) + 0.5 * math.log(math.pi * self.df)


@register
class LogNormalNLL(Likelihood):
    """The negative log-likelihood of a log-normal: positive amounts over orders of magnitude, with a predicted spread.

        loss = mean(log s + ½ (log y - location)²/s²)

    It is `GaussianNLL` of log y; exp(location) is the median of y, and exp(location + s²/2) its mean. With exact zeros
    among the labels: `ZeroInflatedLogNormal`.

    Args:
        full: True adds the terms that do not depend on y_pred: log y + ½ log 2π.
        eps: > 0, the least scale, where it is given as it is or through a softplus.
        parameterization: what the second block of y_pred is: `"scale"`, `"log_scale"` or `"softplus_scale"`.
        reduction, name, dtype: see `Loss`.

    Shapes: y_pred `(n, ..., 2 outputs)`: the locations, then as many scales; y_true `(n, ..., outputs)`, or `(n, ...)`
        for one output. One value per sample, `(n, ...)`.

    Raises:
        ValueError: for an option out of its range, a label that is not positive, or a y_pred that does not hold two
            numbers for each label.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.LogNormalNLL(parameterization="log_scale")
    >>> float(loss([[1.0]], [[2.0, 0.0]]))  # ½ (log 1 - 2)²
    2.0

    Reference: Johnson, Kotz and Balakrishnan, Continuous Univariate Distributions, volume 1, 1994, chapter 14
    """

    full = Flag(False)
    eps = Number(1e-6, low=0, above=True)
    parameterization = Choice(*SCALES)

    def targets(self, y_pred):
        return targets.Parameters(count=self.count, low=0, above=True)

    def formula(self, y, location, scale):
        log_y = ops.log(y)
        values = gaussian_nll(log_y, location, scale, self.full)
        return values + log_y if self.full else values


@register
class MixtureNLL(Likelihood):
    """The negative log-likelihood of a mixture of Gaussians: several answers may be right (mixture density networks).

        loss = -log Σ_k π_k Π_d N(y_d; μ_kd, s_kd),   π = softmax of the logits

    With one component it is the sum over outputs of `GaussianNLL(full=True)`. The outputs of a label share their
    component, so that a value is that of the whole label, not a mean over its outputs. A component can settle on a
    single label with a scale near 0 and an endless gain: `eps` bounds it, for every parameterization.

    Args:
        components: K >= 1.
        eps: > 0, the least scale.
        parameterization: what the last blocks of y_pred are: `"log_scale"`, `"scale"` or `"softplus_scale"`.
        reduction, name, dtype: see `Loss`.

    Shapes: y_pred `(n, ..., K + 2 K outputs)`: K logits, then the locations of the first component, of the second …,
        then the scales in the same order; y_true `(n, ..., outputs)`, or `(n, ...)` for one output. One value per
        sample, `(n, ...)`.

    Raises:
        ValueError: for an option out of its range, or a y_pred that does not hold as many numbers.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.MixtureNLL(components=2)
    >>> round(float(loss([[1.0]], [[0.0, 0.0, 1.0, -1.0, 0.0, 0.0]])), 4)  # -log(½ (1 + exp(-2)) / √(2π))
    1.4852

    Reference: Bishop, Mixture Density Networks, 1994, https://publications.aston.ac.uk/id/eprint/373/
    """

    components = Integer(low=1)
    eps = Number(1e-6, low=0, above=True)
    parameterization = Choice("log_scale", "scale", "softplus_scale")

    def targets(self, y_pred):
        return targets.Parameters(count=2 * self.components, shared=self.components)

    def call(self, y_true, y_pred):
        k, outputs = self.components, y_true.shape[-1]
        logits, locations, spreads = ops.split(y_pred, [k, k + k * outputs], -1)
        shape = (*sizes_of(y_pred)[:-1], k, outputs)
        scales = scale_of(ops.reshape(spreads, shape), self.parameterization, self.eps, math.log(self.eps))
        y = ops.expand_dims(y_true, -2)
        of_components = ops.sum(gaussian_nll(y, ops.reshape(locations, shape), scales, full=True), -1)
        return -ops.logsumexp(ops.log_softmax(logits, -1) - of_components, -1)
