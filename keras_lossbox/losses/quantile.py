"""Losses whose minimum is a quantile or an expectile of y_true: too low and too high cost differently."""

from keras import ops

from keras_lossbox.core import targets
from keras_lossbox.core.options import Number
from keras_lossbox.core.registry import register
from keras_lossbox.functions.elementary import absolute, huber
from keras_lossbox.losses.regression import Regression


@register
class Quantile(Regression):
    """The pinball loss, whose minimum is a quantile of y_true; one quantile or several in one output.

        loss = mean(τ max(e, 0) + (1 - τ) max(-e, 0)),   e = y_true - y_pred
        with delta κ:  mean(|τ - 1[e < 0]| · Huber_κ(e) / κ)

    τ = 0.9 asks for the value that nine labels out of ten lie below. The 0.1 and the 0.9 quantile are the ends of an
    interval of 80 %. τ = 0.5, the median, is half of `MeanAbsoluteError`. The gradient at e = 0 is 0. With many evenly
    spaced levels, twice the mean is about the CRPS (`EnsembleCRPS`).

    Nothing keeps two quantiles from crossing. A last layer whose outputs are a first number and then sums of softplus,
    `ops.cumsum(ops.concatenate([first, ops.softplus(steps)], -1), -1)`, cannot cross.

    Args:
        quantile: τ in [0, 1]: one number, or a list of levels. Then the last axis of y_pred has one entry for each
            level.
        reduction, name, dtype: see `Loss`.
        axis: the axis to take the mean over; None takes no mean, and gives every element a value, and takes weights of
            the shape of y_pred.
        delta: κ > 0, in the unit of y_true: rounds off the kink, as in quantile-regression DQN; None does not.

    Shapes: y_true and y_pred alike, `(n, ..., outputs)`; `(n,)` and `(n, 1)` are aligned. For a list of levels y_pred
        is `(n, ..., levels)`, and y_true `(n, ...)` or `(n, ..., 1)`, each label for all levels, or `(n, ..., levels)`.
        One value per sample.

    Raises:
        ValueError: for a level outside of [0, 1], a delta that is not positive, a list of another length than the last
            axis of y_pred, or different shapes.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.Quantile([0.1, 0.5, 0.9])
    >>> round(float(loss([[10.0]], [[8.0, 10.0, 13.0]])), 4)  # (0.1 * 2 + 0 + 0.1 * 3) / 3
    0.1667

    Reference: Koenker and Bassett, Regression Quantiles, 1978, https://doi.org/10.2307/1913643; with delta: Dabney et
    al., 2017, https://arxiv.org/abs/1710.10044
    """

    quantile = Number(0.5, low=0, high=1, per="level")
    delta = Number(None, low=0, above=True, keyword=True)

    def targets(self, y_pred):
        return (targets.Repeated if isinstance(self.quantile, tuple) else targets.Real)(self.axis)

    def formula(self, error):
        size = absolute(error) if self.delta is None else huber(error, self.delta) / self.delta
        return asymmetry(error, self.quantile) * size


def asymmetry(error, level):
    """The weight of an error: τ where the prediction was too low, 1 - τ where it was too high."""
    level = ops.convert_to_tensor(level, error.dtype)
    return ops.where(error < 0, 1 - level, level)


@register
class Expectile(Regression):
    """An asymmetric squared error, whose minimum is an expectile of y_true: what quantiles are to the absolute error.

        loss = mean(|τ - 1[e < 0]| · e²),   e = y_true - y_pred

    τ = 0.5 is half of `MeanSquaredError`, and its minimum the mean. Unlike `Quantile` it has a gradient that grows with
    the error, so that it trains more smoothly and feels outliers more; its minimum is not a probability.

    Args:
        expectile: τ in [0, 1]; above 0.5 a prediction that is too low costs more.
        reduction, name, dtype: see `Loss`.
        axis: the axis to take the mean over; None takes no mean, and gives every element a value, and takes weights of
            the shape of y_pred.

    Shapes: y_true and y_pred alike, `(n, ..., outputs)`; `(n,)` and `(n, 1)` are aligned. One value per sample.

    Raises:
        ValueError: if expectile lies outside of [0, 1], or y_true and y_pred have different shapes.

    Example:

    >>> import keras_lossbox
    >>> float(keras_lossbox.Expectile(0.75)([[0.0], [0.0]], [[-2.0], [2.0]]))  # (0.75 * 4 + 0.25 * 4) / 2
    2.0

    Reference: Newey and Powell, Asymmetric Least Squares Estimation and Testing, 1987,
    https://doi.org/10.2307/1911031
    """

    expectile = Number(0.5, low=0, high=1)

    def formula(self, error):
        return asymmetry(error, self.expectile) * ops.square(error)
