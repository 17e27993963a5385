"""Losses of counts and amounts: labels that are not negative, and whose spread grows with their mean.

y_pred is the mean, or its logarithm, of the shape of y_true; or, for the likelihoods among them, the parameters of a
distribution (see `losses/likelihood.py`).
"""

import math

import keras
from keras import ops

from keras_lossbox.core import targets
from keras_lossbox.core.loss import Loss
from keras_lossbox.core.options import Choice, Flag, Integer, Number
from keras_lossbox.core.registry import register
from keras_lossbox.functions.elementary import at_least, exp_beyond_line, mean
from keras_lossbox.functions.gamma import (
    SHIFT,
    log_gamma,
    log_gamma_beyond_power,
    log_gamma_ratio,
    scaled_log_gamma_ratio,
)
from keras_lossbox.functions.positive import positive, scale_of
from keras_lossbox.losses.likelihood import Likelihood, gaussian_nll


class Amounts(Loss):
    """The mean over `axis` of a formula of each label y and the mean μ that is predicted for it."""

    log_input = Flag(False, keyword=True)
    axis = Integer(-1, keyword=True, optional=True)
    epsilon = Number(None, low=0, above=True, keyword=True)
    jit_compile = True

    def targets(self, y_pred):
        return targets.Real(self.axis, low=0)

    def call(self, y_true, y_pred):
        return mean(self.formula(y_true, y_pred), self.axis)

    def formula(self, y, x):
        """The loss of each label; x is μ, or log μ with `log_input`."""
        raise NotImplementedError

    @property
    def least(self):
        """The smallest mean that has a logarithm here."""
        return keras.config.epsilon() if self.epsilon is None else self.epsilon


@register
class Poisson(Amounts):
    """The negative log-likelihood of a Poisson distribution: for counts, by their predicted mean.

        loss = mean(μ - y log(μ + ε)),   or with log_input  mean(exp(z) - y z),   z = log μ

    A drop-in superset of `keras.losses.Poisson`: the same positional parameters and numbers. Beside it, `log_input`,
    with which the last layer needs no activation and no count is too rare; and a gradient that leads back where μ is
    negative, of which Keras makes NaN. PyTorch's `PoissonNLLLoss` has log_input=True by default, and an ε of 1e-8.
    Where the variance of the counts is larger than their mean: `NegativeBinomialNLL`. It is `Tweedie(1.0)`, which is
    also for amounts.

    Args:
        reduction, name, dtype: see `Loss`.
        log_input: True if y_pred is the logarithm of the mean: any real number. (exp overflows above 88 in float32.)
        axis: the axis to take the mean over; None takes no mean, and gives every element a value, and takes weights of
            the shape of y_pred.
        epsilon: ε > 0, what is added to the mean before its logarithm; None: `keras.config.epsilon()`, 1e-7.
        full: True adds an approximation of log y! (Stirling's, as in PyTorch: y log y - y + ½ log(2π y) for y > 1).

    Shapes: y_true and y_pred alike, `(n, ..., outputs)`; `(n,)` and `(n, 1)` are aligned. One value per sample.

    Raises:
        ValueError: for an option out of its range, a negative label, or different shapes.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.Poisson(log_input=True)
    >>> float(loss([[3.0], [0.0]], [[0.0], [0.0]]))  # (1 - 3 * 0 + 1 - 0) / 2
    1.0

    Reference: Nelder and Wedderburn, Generalized Linear Models, 1972, https://doi.org/10.2307/2344614
    """

    full = Flag(False, keyword=True)

    def formula(self, y, x):
        values = ops.exp(x) - y * x if self.log_input else x - y * ops.log(at_least(x, 0) + self.least)
        return values + stirling_log_factorial(y) if self.full else values


def stirling_log_factorial(y):
    """Stirling's approximation of log y!, and 0 for y up to 1."""
    many = y > 1
    y = ops.where(many, y, 1)
    return ops.where(many, y * ops.log(y) - y + 0.5 * ops.log(2 * math.pi * y), 0)


@register
class Tweedie(Amounts):
    """The deviance, or likelihood, of Tweedie's distributions: amounts of which many are exactly 0, such as claims.

        form="nll":       loss = mean(-y μ^(1-ρ)/(1-ρ) + μ^(2-ρ)/(2-ρ))
        form="deviance":  loss = mean(2 (y^(2-ρ)/((1-ρ)(2-ρ)) - y μ^(1-ρ)/(1-ρ) + μ^(2-ρ)/(2-ρ)))

    The variance of a label is in proportion to μ^ρ: ρ = 0 is the squared error (its deviance is `MeanSquaredError`), ρ
    = 1 `Poisson`, ρ = 2 the gamma distribution, ρ = 3 the inverse Gaussian; between 1 and 2 are sums of a random number
    of amounts, which may be 0. At 0, 1 and 2 the formulas stand for their limits. `"nll"` is that of LightGBM and
    XGBoost (`tweedie_variance_power`); `"deviance"`, which is 0 for a perfect prediction, scikit-learn's
    `mean_tweedie_deviance`; its gradient is twice as large. Near ρ = 1 and 2, but not at them, `"nll"` has a large
    constant, of which small differences cannot be seen: take `"deviance"` there.

    Args:
        power: ρ, 1 or larger, or 0 or smaller.
        reduction, name, dtype: see `Loss`.
        form: `"nll"` or `"deviance"`.
        log_input: True if y_pred is the logarithm of the mean: any real number.
        axis: the axis to take the mean over; None takes no mean, and gives every element a value, and takes weights of
            the shape of y_pred.
        epsilon: > 0, a mean below it counts as that, with the gradient of the identity; None: `keras.config.epsilon()`,
            1e-7. (For power=0 a mean may be any number.)

    Shapes: y_true and y_pred alike, `(n, ..., outputs)`; `(n,)` and `(n, 1)` are aligned. One value per sample.

    Raises:
        ValueError: for an option out of its range, a label that is negative (power >= 1) or not positive (power >= 2),
        or
            different shapes.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.Tweedie(power=1.5, form="deviance")
    >>> float(loss([[0.0], [4.0]], [[1.0], [1.0]]))  # (2 · 1 / ½ + 2 (2 / -¼ + 4 / ½ + 1 / ½)) / 2
    4.0

    Reference: Jørgensen, Exponential Dispersion Models, 1987, https://doi.org/10.1111/j.2517-6161.1987.tb01685.x
    """

    power = Number(1.5)
    form = Choice("nll", "deviance", keyword=True)

    def __post_init__(self):
        if 0 < self.power < 1:
            raise ValueError(
                "`power` must be 1 or larger, or 0 or smaller: between them there is no distribution. "
                f"Received: power={self.power!r}"
            )

    def targets(self, y_pred):
        low = 0 if self.power >= 1 else -math.inf
        return targets.Real(self.axis, low=low, above=self.power >= 2)

    def formula(self, y, x):
        if not self.log_input and self.power != 0:
            x = at_least(x, self.least)
        q = 1 - self.power
        if self.form == "nll":
            return self._over(x, q + 1) - y * self._over(x, q)
        if self.power == 0:
            return ops.square(y - self._raised(x, 1))
        return 2 * (y * self._between(x, y, q) - self._between(x, y, q + 1))

    def _raised(self, x, q):
        """μ^q."""
        if self.log_input:
            return ops.exp(q * x)
        return x if q == 1 else ops.power(x, q)

    def _log(self, x):
        """log μ."""
        return x if self.log_input else ops.log(x)

    def _over(self, x, q):
        """μ^q / q, or at q = 0 what it becomes but for a constant, log μ."""
        return self._raised(x, q) / q if q else self._log(x)

    def _between(self, x, y, q):
        """(y^q - μ^q) / q with its digits where y is near μ, or q near 0: there it is log(y/μ). For y = 0 y^q is 0."""
        above = y > 0
        log_y = ops.log(ops.where(above, y, 1))
        log_ratio = log_y - self._log(x)
        if q == 0:
            return log_ratio
        near = ops.logical_and(above, ops.abs(q * log_ratio) < 1)
        close = self._raised(x, q) * ops.expm1(q * ops.where(near, log_ratio, 0))
        return ops.where(near, close, ops.where(above, ops.exp(q * log_y), 0) - self._raised(x, q)) / q


class ByMean(Likelihood):
    """A likelihood of two positive parameters, the mean and another, both given in the way of `parameterization`."""

    def parameters(self, blocks):
        link = "" if self.parameterization == "identity" else self.parameterization
        return [positive(x, link, self.eps) for x in blocks]


@register
class NegativeBinomialNLL(ByMean):
    """The negative log-likelihood of a negative binomial: counts whose variance is larger than their mean.

        loss = mean(-log(Γ(y + r)/(Γ(r) y!) · (r/(r + μ))^r · (μ/(r + μ))^y)),   variance = μ + μ²/r

    r, the size (also called dispersion, or concentration), is predicted beside the mean μ; for large r it is `Poisson`.
    Libraries that take 1/r, or the probability r/(r + μ), mean the same distribution (NB2). For tiny and huge r, where
    the two log Γ cancel, all digits are kept.

    Args:
        full: True, the default, has the term log y! in it; False leaves it out.
        parameterization: what both blocks of y_pred are: `"log"`, their logarithms; `"softplus"`, any numbers, of which
            the softplus is taken; `"identity"`, mean and size as they are.
        reduction, name, dtype: see `Loss`.
        eps: > 0, the least mean and size, if they are not given by their logarithms.

    Shapes: y_pred `(n, ..., 2 outputs)`: the means, then as many sizes; y_true `(n, ..., outputs)`, or `(n, ...)` for
        one output. One value per sample, `(n, ...)`.

    Raises:
        ValueError: for an option out of its range, a negative label, or a y_pred that does not hold two numbers for
            each label.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.NegativeBinomialNLL()
    >>> round(float(loss([[2.0]], [[0.0, 0.0]])), 4)  # mean 1, size 1: the chance of 2 is ½³
    2.0794

    Reference: Hilbe, Negative Binomial Regression, 2011, https://doi.org/10.1017/CBO9780511973420
    """

    full = Flag(True)
    parameterization = Choice("log", "softplus", "identity")
    eps = Number(1e-6, low=0, above=True, keyword=True)

    def targets(self, y_pred):
        return targets.Parameters(count=self.count, low=0)

    def formula(self, y, location, scale):
        log_mean, log_size, size = location.log, scale.log, scale.value
        many = size > SHIFT
        # of each pair the form without cancellation; log(1 + r/μ) = log(1 + μ/r) - log μ + log r
        quotient = location.value / ops.where(many, size, 1)
        log_more = ops.where(many, ops.log1p(quotient), ops.softplus(log_mean - log_size))
        of_label = ops.where(many, log_more - log_mean, ops.softplus(log_size - log_mean))
        values = size * log_more + y * of_label - scaled_log_gamma_ratio(size, y)
        return values + log_gamma_ratio(ops.ones_like(y), y) if self.full else values


@register
class GammaNLL(ByMean):
    """The negative log-likelihood of a gamma distribution: positive amounts whose spread grows with their mean.

        loss = mean(log Γ(k) - k log k + k (y/μ - log(y/μ)) + log y),   variance = μ²/k

    The shape k is predicted beside the mean μ: it says how many times its square the mean is of the variance. k = 1 is
    the exponential distribution. For a given shape the mean is that of `Tweedie(2.0)`. With exact zeros among the
    labels: `Tweedie(1.5)`, `ZeroInflatedLogNormal`; over more orders of magnitude: `LogNormalNLL`. For large shapes,
    whose terms cancel, the digits are kept.

    Args:
        parameterization: what both blocks of y_pred are: `"log"`, their logarithms; `"softplus"`, any numbers, of which
            the softplus is taken; `"identity"`, mean and shape as they are.
        reduction, name, dtype: see `Loss`.
        eps: > 0, the least mean and shape, if they are not given by their logarithms.

    Shapes: y_pred `(n, ..., 2 outputs)`: the means, then as many shapes; y_true `(n, ..., outputs)`, or `(n, ...)` for
        one output. One value per sample, `(n, ...)`.

    Raises:
        ValueError: for an option out of its range, a label that is not positive, or a y_pred that does not hold two
            numbers for each label.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.GammaNLL()
    >>> float(loss([[3.0]], [[0.0, 0.0]]))  # mean 1, shape 1: the density exp(-y)
    3.0

    Reference: McCullagh and Nelder, Generalized Linear Models, 1989, chapter 8
    """

    parameterization = Choice("log", "softplus", "identity")
    eps = Number(1e-6, low=0, above=True, keyword=True)

    def targets(self, y_pred):
        return targets.Parameters(count=self.count, low=0, above=True)

    def formula(self, y, location, scale):
        log_y, size = ops.log(y), scale.value
        many, log_ratio = size > SHIFT, log_y - location.log
        large, small = ops.where(many, size, SHIFT), ops.where(many, 1, size)
        of_large = large * exp_beyond_line(log_ratio) + log_gamma_beyond_power(large) + log_y
        of_small = log_gamma(small) + small * (ops.exp(log_ratio) + location.log - scale.log) - (small - 1) * log_y
        return ops.where(many, of_large, of_small)


@register
class ZeroInflatedLogNormal(Likelihood):
    """Amounts of which many are 0 and the others span orders of magnitude, such as what a customer will spend.

        loss = mean(BCE(1[y > 0], z) + 1[y > 0] · LogNormalNLL(full=True)(y; μ, s)),   s = max(softplus(x), 3.2e-4)

    Two questions in one: whether anything at all, by the logit z, and how much. The expected amount is
    sigmoid(z) exp(μ + s²/2). Near zero, but without exact zeros: `LogNormalNLL`.

    Args:
        reduction, name, dtype: see `Loss`.

    Shapes: y_pred `(n, ..., 3 outputs)`: the logits z, then as many locations μ, then x, any numbers, for the scales;
        y_true `(n, ..., outputs)`, or `(n, ...)` for one output. One value per sample, `(n, ...)`.

    Raises:
        ValueError: for a negative label, or a y_pred that does not hold three numbers for each label.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.ZeroInflatedLogNormal(reduction="none")
    >>> [round(float(v), 4) for v in loss([[0.0], [1.0]], [[0.0, 0.0, 0.5413]] * 2)]  # log 2; log 2 + ½ log 2π
    [0.6931, 1.6121]

    Reference: Wang, Liu and Miao, A Deep Probabilistic Model for Customer Lifetime Value Prediction, 2019,
    https://arxiv.org/abs/1912.07753
    """

    count = 3

    def targets(self, y_pred):
        return targets.Parameters(count=self.count, low=0)

    def parameters(self, blocks):
        logit, location, spread = blocks
        return logit, location, scale_of(spread, "softplus_scale", math.sqrt(1e-7))

    def formula(self, y, logit, location, scale):
        none = y <= 0
        log_y = ops.log(ops.where(none, 1, y))
        amount = gaussian_nll(log_y, location, scale, full=True) + log_y
        return ops.softplus(ops.where(none, logit, -logit)) + ops.where(none, 0, amount)
