"""Scores of a predicted distribution in the unit of y_true, after which a forecast is judged: smaller is better."""

import math

from keras import ops

from keras_lossbox.core import targets
from keras_lossbox.core.loss import Loss
from keras_lossbox.core.options import Choice, Flag, Number
from keras_lossbox.core.registry import register
from keras_lossbox.functions.elementary import absolute, mean, size_of
from keras_lossbox.losses.likelihood import SCALES, VARIANCES, Likelihood


@register
class GaussianCRPS(Likelihood):
    """The continuous ranked probability score of a Gaussian: how far a predicted mean and scale are from a label.

        loss = mean(e (2Φ(z) - 1) + s (2φ(z) - 1/√π)),   z = e/s,   Φ and φ the standard normal's

    For s near 0 it is `MeanAbsoluteError`, and it has its unit. `GaussianNLL` asks for the same parameters, but
    punishes a scale that is too small without bound: there one outlier counts as its square, here as itself. For
    forecasts that are samples: `EnsembleCRPS`; that are quantiles: `Quantile`.

    Args:
        eps: > 0, the least scale or variance, where that is given as it is or through a softplus.
        parameterization: what the second block of y_pred is: `"scale"`, `"log_scale"`, `"softplus_scale"`,
            `"variance"`, `"log_variance"` or `"softplus_variance"`, as in `GaussianNLL`.
        reduction, name, dtype: see `Loss`.

    Shapes: y_pred `(n, ..., 2 outputs)`: the means, then as many scales; y_true `(n, ..., outputs)`, or `(n, ...)` for
        one output. One value per sample, `(n, ...)`.

    Raises:
        ValueError: for an option out of its range, or a y_pred that does not hold two numbers for each label.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.GaussianCRPS()
    >>> round(float(loss([[0.0]], [[0.0, 1.0]])), 4)  # (√2 - 1) / √π
    0.2337

    Reference: Gneiting and Raftery, Strictly Proper Scoring Rules, Prediction, and Estimation, 2007,
    https://doi.org/10.1198/016214506000001437
    """

    eps = Number(1e-6, low=0, above=True)
    parameterization = Choice(*SCALES, *VARIANCES)

    def formula(self, y, location, scale):
        error = y - location
        z = error * scale.inverse
        z = ops.where(z > 40, 40, ops.where(z < -40, -40, z))  # beyond, nothing changes any more; inf² has no gradient
        density = ops.exp(-0.5 * ops.square(z)) / math.sqrt(2 * math.pi)
        return error * ops.erf(z / math.sqrt(2)) + scale.value * (2 * density - 1 / math.sqrt(math.pi))


@register
class EnsembleCRPS(Loss):
    """The continuous ranked probability score of an ensemble: samples of a forecast that are predicted together.

        loss = mean_i |x_i - y| - ½ mean_ij |x_i - x_j|,   i, j = 1 … m
        fair:  loss = mean_i |x_i - y| - 1/(2 m (m - 1)) Σ_ij |x_i - x_j|

    The first term draws the members to the label, the second keeps them apart. With one member it is
    `MeanAbsoluteError`. The mean over pairs counts each member with itself, which favours ensembles that spread too
    little; `fair=True` leaves that out, and is what many members would give. Between equal members the gradient is 0.

    Args:
        fair: True for the score without the bias of few members.
        reduction, name, dtype: see `Loss`.

    Shapes: y_pred `(n, ..., members)`, y_true `(n, ...)` or `(n, ..., 1)`. One value for each label.

    Raises:
        ValueError: if fair=True and there is one member, or for different shapes.

    Example:

    >>> import keras_lossbox
    >>> float(keras_lossbox.EnsembleCRPS()([[1.0]], [[0.0, 4.0]]))  # (1 + 3) / 2 - ½ (4 + 4) / 4
    1.0
    >>> float(keras_lossbox.EnsembleCRPS(fair=True)([[1.0]], [[0.0, 4.0]]))  # (1 + 3) / 2 - ½ (4 + 4) / 2
    0.0

    Reference: Gneiting and Raftery, 2007, https://doi.org/10.1198/016214506000001437; fair: Ferro, 2014,
    https://doi.org/10.1002/qj.2270
    """

    fair = Flag(False)

    def targets(self, y_pred):
        return targets.Repeated(each=False)

    def call(self, y_true, y_pred):
        error = y_pred - y_true  # of which the differences of members lose no digits
        members = size_of(error, -1)
        if self.fair and isinstance(members, int) and members < 2:
            raise ValueError(
                "fair=True needs at least 2 members, the last axis of y_pred. "
                f"Received: y_pred.shape={tuple(y_pred.shape)}"
            )
        pairs = members * (members - 1 if self.fair else members)
        return mean(absolute(error), -1) - ops.sum(error * smaller_less_larger(error), -1) / pairs


def smaller_less_larger(x):
    """Of each entry of the last axis, how many others are smaller less how many are larger: Σ_j sign(x_i - x_j).

    By sorting, in less than the memory of all pairs: the rank of an entry, and its rank where equal ones stand in the
    opposite order.
    """
    from_left, from_right = (ops.argsort(ops.argsort(entries, -1), -1) for entries in (x, ops.flip(x, -1)))
    return ops.cast(from_left + ops.flip(from_right, -1), x.dtype) - (size_of(x, -1) - 1)
