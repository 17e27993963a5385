"""Losses for real-valued targets, of the error e = y_true - y_pred.

All take y_true and y_pred of one shape, `(n, ..., outputs)`; `(n,)` and `(n, 1)` are aligned, and any other difference
is a ValueError. They give one value per sample, `(n, ...)`.
"""

import keras
from keras import ops

from keras_lossbox.core import targets
from keras_lossbox.core.loss import Loss
from keras_lossbox.core.options import Choice, Flag, Integer
from keras_lossbox.core.registry import register
from keras_lossbox.functions.elementary import (
    absolute,
    at_least,
    divide_no_nan,
    mean,
    norm,
    safe_sqrt,
    size_of,
    unit_vectors,
)


class Regression(Loss):
    """A mean over `axis` of a formula for each element's error."""

    axis = Integer(-1, keyword=True, optional=True)
    jit_compile = True

    def targets(self, y_pred):
        return targets.Real(self.axis)

    def call(self, y_true, y_pred):
        return mean(self.formula(y_true - y_pred), self.axis)

    def formula(self, error):
        """The loss of each element."""
        raise NotImplementedError


@register
class MeanSquaredError(Regression):
    """The mean over the last axis of the squared error.

        loss = mean(e²)

    A drop-in superset of `keras.losses.MeanSquaredError`; half of its sum is `tf.nn.l2_loss`. In the square of the
    unit of y_true; an outlier weighs as its square, see `Huber`.

    Args:
        reduction, name, dtype: see `Loss`.
        axis: the axis to take the mean over; None takes no mean, and gives every element a value, and takes weights of
            the shape of y_pred.

    Shapes: y_true and y_pred alike, `(n, ..., outputs)`; `(n,)` and `(n, 1)` are aligned. One value per sample.

    Raises:
        ValueError: if y_true and y_pred have different shapes.

    Example:

    >>> import keras_lossbox
    >>> float(keras_lossbox.MeanSquaredError()([[1.0, 2.0]], [[2.0, 5.0]]))
    5.0

    Reference: Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, 2009, section 2.4
    """

    def formula(self, error):
        return ops.square(error)


@register
class MeanAbsoluteError(Regression):
    """The mean over the last axis of the absolute error.

        loss = mean(|e|)

    A drop-in superset of `keras.losses.MeanAbsoluteError`. In the unit of y_true; its minimum is the median. The
    gradient at e = 0 is 0.

    Args:
        reduction, name, dtype: see `Loss`.
        axis: the axis to take the mean over; None takes no mean, and gives every element a value, and takes weights of
            the shape of y_pred.

    Shapes: y_true and y_pred alike, `(n, ..., outputs)`; `(n,)` and `(n, 1)` are aligned. One value per sample.

    Raises:
        ValueError: if y_true and y_pred have different shapes.

    Example:

    >>> import keras_lossbox
    >>> float(keras_lossbox.MeanAbsoluteError()([[1.0, 2.0]], [[2.0, 5.0]]))
    2.0

    Reference: Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, 2009, section 2.4
    """

    def formula(self, error):
        return absolute(error)


@register
class MeanAbsolutePercentageError(Regression):
    """The mean over the last axis of the absolute error in per cent of the target.

        loss = 100 mean(|e| / max(|y|, ε)),   symmetric: 200 mean(|e| / (|y| + |ŷ|)) with 0/0 = 0

    A drop-in superset of `keras.losses.MeanAbsolutePercentageError`. ε is `keras.config.epsilon()`, 1e-7: a target of
    0 makes the loss 1e9 times the error, as in Keras. It prefers predictions that are too small. The symmetric one
    (sMAPE, as in the M4 competition) lies between 0 and 200. The gradient at e = 0 is 0.
    `MeanSquaredLogarithmicError` compares by ratios too.

    Args:
        reduction, name, dtype: see `Loss`.
        axis: the axis to take the mean over; None takes no mean, and gives every element a value, and takes weights of
            the shape of y_pred.
        symmetric: whether the error is divided by the mean of target and prediction.

    Shapes: y_true and y_pred alike, `(n, ..., outputs)`; `(n,)` and `(n, 1)` are aligned. One value per sample.

    Raises:
        ValueError: if y_true and y_pred have different shapes.

    Example:

    >>> import keras_lossbox
    >>> float(keras_lossbox.MeanAbsolutePercentageError()([[2.0, 4.0]], [[3.0, 4.0]]))  # (50 + 0) / 2
    25.0

    Reference: Hyndman and Koehler, Another look at measures of forecast accuracy, 2006,
    https://doi.org/10.1016/j.ijforecast.2006.03.001
    """

    symmetric = Flag(False, keyword=True)

    def call(self, y_true, y_pred):
        error, size = absolute(y_true - y_pred), absolute(y_true)
        if self.symmetric:
            return 200 * mean(divide_no_nan(error, size + absolute(y_pred)), self.axis)
        return 100 * mean(error / at_least(size, keras.config.epsilon()), self.axis)


@register
class MeanSquaredLogarithmicError(MeanSquaredError):
    """The mean squared difference of log(1 + x), for targets of several orders of magnitude.

        loss = mean((log(1 + y) - log(1 + ŷ))²),   of y and ŷ what is below 0 counts as 0

    A drop-in superset of `keras.losses.MeanSquaredLogarithmicError`. A prediction below 0 has the value of 0 and the
    slope that the loss has at 0, so that training leads back; Keras's gradient vanishes there. For large targets a
    prediction of twice the target costs as much as one of half of it.

    Args:
        reduction, name, dtype: see `Loss`.
        axis: the axis to take the mean over; None takes no mean, and gives every element a value, and takes weights of
            the shape of y_pred.

    Shapes: y_true and y_pred alike, `(n, ..., outputs)`; `(n,)` and `(n, 1)` are aligned. One value per sample.

    Raises:
        ValueError: if y_true and y_pred have different shapes.

    Example:

    >>> import keras_lossbox
    >>> round(float(keras_lossbox.MeanSquaredLogarithmicError()([[99.0]], [[9.0]])), 4)  # (log 10)²
    5.3019

    Reference: the formula of `sklearn.metrics.mean_squared_log_error`,
    https://scikit-learn.org/stable/modules/model_evaluation.html#mean-squared-logarithmic-error
    """

    def call(self, y_true, y_pred):
        return super().call(*(ops.log1p(at_least(x, 0)) for x in (y_true, y_pred)))


@register
class CosineSimilarity(Loss):
    """Minus the cosine of the angle between target and prediction: the direction alone counts, not the length.

        loss = -cos(y, ŷ) = -Σ y ŷ / (|y| |ŷ|),   distance: 1 - cos(y, ŷ)

    A drop-in superset of `keras.losses.CosineSimilarity`, which loses `axis` when it is saved. The cosine with a vector
    of zeros is 0, with gradient 0. (TensorFlow 1's `cosine_distance` expects vectors of length 1 and divides by no
    length.)

    Args:
        axis: the axis of the vectors.
        reduction, name, dtype: see `Loss`.
        distance: whether 1 is added, so that the loss lies between 0 and 2; exact for small angles.

    Shapes: y_true and y_pred alike, `(n, ..., d)`; one value per vector.

    Raises:
        ValueError: if y_true and y_pred have different shapes.

    Example:

    >>> import keras_lossbox
    >>> float(keras_lossbox.CosineSimilarity(distance=True)([[0.0, 2.0]], [[3.0, 0.0]]))
    1.0

    Reference: Salton, Wong and Yang, A Vector Space Model for Automatic Indexing, 1975,
    https://doi.org/10.1145/361219.361220
    """

    axis = Integer(-1)
    distance = Flag(False, keyword=True)
    jit_compile = True

    def call(self, y_true, y_pred):
        y, x = unit_vectors(y_true, self.axis), unit_vectors(y_pred, self.axis)
        if not self.distance:
            return -ops.sum(y * x, self.axis)
        have_directions = (ops.any(ops.not_equal(vector, 0), self.axis) for vector in (y, x))
        half_squared = ops.sum(ops.square(y - x), self.axis) / 2  # 1 - cos without its cancellation
        return ops.where(ops.logical_and(*have_directions), half_squared, 1)


@register
class RootMeanSquaredError(Regression):
    """The root of the mean squared error, in the unit of y_true.

        scope="batch":  loss = sqrt(reduce(mean(e²)))
        scope="sample": loss = reduce(sqrt(mean(e²)))

    With `"batch"` the root is taken of the reduced loss, weights and masks included: the number that is reported as
    RMSE. (With `reduction="none"` both are the same.) The gradient at e = 0 is 0.

    Args:
        reduction, name, dtype: see `Loss`.
        axis: the axis to take the mean over; None takes no mean, and gives every element a value, and takes weights of
            the shape of y_pred.
        scope: `"batch"` or `"sample"`.

    Shapes: y_true and y_pred alike, `(n, ..., outputs)`; `(n,)` and `(n, 1)` are aligned. One value per sample.

    Raises:
        ValueError: for an unknown scope, or if y_true and y_pred have different shapes.

    Example:

    >>> import keras_lossbox
    >>> float(keras_lossbox.RootMeanSquaredError()([[1.0], [1.0]], [[2.0], [8.0]]))
    5.0
    >>> float(keras_lossbox.RootMeanSquaredError(scope="sample")([[1.0], [1.0]], [[2.0], [8.0]]))
    4.0

    Reference: Hyndman and Koehler, 2006, https://doi.org/10.1016/j.ijforecast.2006.03.001
    """

    scope = Choice("batch", "sample", keyword=True)

    def formula(self, error):
        return ops.square(error)

    def call(self, y_true, y_pred):
        if self.scope == "batch":
            return super().call(y_true, y_pred)
        error = y_true - y_pred
        return absolute(error) if self.axis is None else norm(error, self.axis) / size_of(error, self.axis) ** 0.5

    def finish(self, loss):
        return safe_sqrt(loss) if self.scope == "batch" else loss


class Norm(Loss):
    """A norm of the error over the last axis or over a whole sample."""

    axes = Choice("last", "sample", keyword=True)
    jit_compile = True

    def axes_of(self, x):
        """The axes of `x` that it sums over."""
        return -1 if self.axes == "last" else tuple(range(1, len(x.shape)))


@register
class L1Norm(Norm):
    """The L1 norm of the error: the sum of its absolute values, where `MeanAbsoluteError` is their mean.

        loss = Σ |e|

    Args:
        reduction, name, dtype: see `Loss`.
        axes: `"last"` sums over the last axis, `"sample"` over all but the first (then one value for each sample).

    Shapes: y_true and y_pred alike, `(n, ..., outputs)`; `(n,)` and `(n, 1)` are aligned. One value per sample
        or, with `axes="sample"`, `(n,)`.

    Raises:
        ValueError: for unknown axes, or if y_true and y_pred have different shapes.

    Example:

    >>> import keras_lossbox
    >>> float(keras_lossbox.L1Norm()([[1.0, 2.0]], [[2.0, 5.0]]))
    4.0

    Reference: Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, 2009, section 3.4
    """

    def call(self, y_true, y_pred):
        return ops.sum(absolute(y_true - y_pred), self.axes_of(y_true))


@register
class L2Norm(Norm):
    """The L2 norm of the error: its Euclidean length, neither squared nor halved (`tf.nn.l2_loss` is both).

        loss = sqrt(Σ e²)

    The gradient at e = 0 is 0, where the norm itself has none.

    Args:
        reduction, name, dtype: see `Loss`.
        axes: `"last"` sums over the last axis, `"sample"` over all but the first (then one value for each sample).

    Shapes: y_true and y_pred alike, `(n, ..., outputs)`; `(n,)` and `(n, 1)` are aligned. One value per sample
        or, with `axes="sample"`, `(n,)`.

    Raises:
        ValueError: for unknown axes, or if y_true and y_pred have different shapes.

    Example:

    >>> import keras_lossbox
    >>> float(keras_lossbox.L2Norm()([[1.0, 2.0]], [[4.0, 6.0]]))
    5.0

    Reference: Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, 2009, section 3.4
    """

    def call(self, y_true, y_pred):
        return norm(y_true - y_pred, self.axes_of(y_true))
