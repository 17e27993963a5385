"""Labels of ordered classes as distributions around the class."""

from typing import Any

import numpy as np

from keras_lossbox.core.options import to_python


def ordinal_labels(y: Any, classes: int, scale: float = 1.0, power: float = 2.0) -> np.ndarray:
    """Soft labels for ordered classes, which spread around the label: near classes are less wrong than far ones.

        label_c = softmax over c of (-scale |c - y|^power)

    For `CategoricalCrossentropy`, or `KLDivergence`, with one output for each class: the loss and the model stay those
    of unordered classes. The larger the scale, the nearer the labels are to one-hot.

    Args:
        y: the labels, numbers from 0 to classes - 1, of shape `(n, ...)` or `(n, ..., 1)`; they need not be whole, for
            a mean of several ratings. NaN gives a row of NaN.
        classes: their number, at least 2.
        scale: > 0. At 1, and power 2, whole labels inside the range have 0.56, and their neighbours 0.21 each.
        power: > 0: 2 falls off as a normal distribution does, 1 as a Laplace distribution.

    Returns:
        An array of float32, `(n, ..., classes)`.

    Raises:
        ValueError: for labels outside 0 ... classes - 1, or an option out of its range.

    Example:

    >>> import keras_lossbox
    >>> print(keras_lossbox.ordinal_labels([0, 1], classes=3).round(2))
    [[0.72 0.27 0.01]
     [0.21 0.58 0.21]]

    Reference: Díaz and Marathe, Soft Labels for Ordinal Regression, 2019
    """
    _check("classes", classes, isinstance(classes, int) and classes >= 2, "an integer >= 2")
    for name, value in (("scale", scale), ("power", power)):
        _check(name, value, isinstance(value, (int, float)) and 0 < value < np.inf, "a finite number > 0")
    try:
        y = np.asarray(to_python(y), "float64")
    except (TypeError, ValueError) as error:
        raise ValueError(f"ordinal_labels: `y` must be an array of numbers. Received: {str(y)[:100]}") from error
    if np.any((y < 0) | (y > classes - 1)):
        raise ValueError(
            f"ordinal_labels: `y` must hold numbers from 0 to classes - 1. Received: labels from {np.nanmin(y):g} to "
            f"{np.nanmax(y):g}, classes={classes}"
        )
    y = y if y.ndim > 1 and y.shape[-1] == 1 else y[..., None]
    costs = scale * np.abs(np.arange(classes) - y) ** power
    weights = np.exp(costs.min(-1, keepdims=True) - costs)
    return (weights / weights.sum(-1, keepdims=True)).astype("float32")


def _check(name, value, allowed, what):
    if isinstance(value, bool) or not allowed:
        raise ValueError(f"ordinal_labels: `{name}` must be {what}. Received: {name}={value!r}")
