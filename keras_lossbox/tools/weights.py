"""Weights for classes and positives, counted from labels: plain numbers, for an option and for a saved file."""

from typing import Any

import numpy as np

from keras_lossbox.core.options import to_python


def class_balanced_weights(counts: Any, beta: float = 0.999) -> list[float]:
    """Class weights by the effective number of samples, which grows ever more slowly with their number.

        w_c ∝ (1 - β) / (1 - β^n_c),   scaled to the sum C

    β = 0 weighs all classes alike, β → 1 is the inverse frequency.

    Args:
        counts: n_c >= 1, the number of samples of each class.
        beta: β in [0, 1).

    Returns:
        A list of C floats, for `class_weight` or `alpha`.

    Raises:
        ValueError: for a class without samples, or a beta out of range.

    Example:

    >>> import keras_lossbox
    >>> [round(w, 3) for w in keras_lossbox.class_balanced_weights([1000, 10], beta=0.99)]
    [0.175, 1.825]

    Reference: Cui et al., Class-Balanced Loss, 2019, https://arxiv.org/abs/1901.05555
    """
    counts = np.asarray(to_python(counts), "float64")
    if counts.ndim != 1 or counts.size == 0 or not np.all(np.isfinite(counts)) or np.any(counts < 0):
        raise ValueError(
            f"class_balanced_weights: `counts` must be a flat list of counts, one per class. Received: {counts}"
        )
    _refuse_empty("class_balanced_weights", counts)
    if not 0 <= beta < 1:
        raise ValueError(f"class_balanced_weights: `beta` must be a number in [0, 1). Received: beta={beta!r}")
    weights = -1 / np.expm1(counts * np.log(beta)) if beta > 0 else np.ones_like(counts)
    return (weights * counts.size / weights.sum()).tolist()


def class_weight_from_labels(y: Any, num_classes: int | None = None) -> list[float]:
    """Class weights by inverse frequency.

        w_c = n / (C n_c)

    The weighted number of samples is the same for each class, and n in total: scikit-learn's "balanced".

    Args:
        y: class indices of any shape, or one-hot rows `(n, ..., C)`: rows of only 0 and 1 with a single 1 in each.
            Labels, or rows, that are missing (NaN, or below 0) are left out.
        num_classes: C; by default the largest label plus one. Give it where the last classes may be absent, and for
            indices 0 and 1 that could be one-hot rows: rows of another length are indices.

    Returns:
        A list of C floats, for `class_weight`.

    Raises:
        ValueError: for a class without samples, which no weight can make up for.

    Example:

    >>> import keras_lossbox
    >>> keras_lossbox.class_weight_from_labels([0, 0, 0, 1])
    [0.6666666666666666, 2.0]

    Reference: King and Zeng, Logistic Regression in Rare Events Data, 2001, https://doi.org/10.1093/pan/9.2.137
    """
    y = _numbers("class_weight_from_labels", y)
    rows = y.reshape(-1, y.shape[-1] if y.ndim > 1 else 1)
    rows = rows[np.all(rows >= 0, -1)]  # False for NaN too
    one_hot = rows.shape[-1] > 1 and np.all(np.isin(rows, (0, 1))) and np.all(rows.sum(-1) == 1)
    one_hot = one_hot and num_classes in (None, rows.shape[-1])
    labels = np.argmax(rows, -1) if one_hot else y[y >= 0].ravel()
    if labels.size == 0 or np.any(labels != np.floor(labels)):
        raise ValueError(f"class_weight_from_labels: `y` must hold class indices or one-hot rows. Received: {y[:5]}")
    size = num_classes or (y.shape[-1] if one_hot else int(labels.max()) + 1)
    if labels.max() >= size:
        raise ValueError(
            f"class_weight_from_labels: `num_classes` must exceed every label. Received: num_classes={num_classes}, "
            f"a label {int(labels.max())}"
        )
    counts = np.bincount(labels.astype("int64"), minlength=size)
    _refuse_empty("class_weight_from_labels", counts)
    return (labels.size / (size * counts)).tolist()


def pos_weight_from_labels(y: Any) -> float | list[float]:
    """How many negatives there are for each positive, label by label.

        q = negatives / positives

    Args:
        y: 0 and 1 (or probabilities, added up as they are) of shape `(n,)`, `(n, 1)` or `(n, ..., labels)`. NaN
            is left out.

    Returns:
        A float, or for several labels a list of them, for `pos_weight`.

    Raises:
        ValueError: for a label without positives, or values outside [0, 1].

    Example:

    >>> import keras_lossbox
    >>> keras_lossbox.pos_weight_from_labels([1, 0, 0, 0])
    3.0
    >>> keras_lossbox.pos_weight_from_labels([[1, 0], [0, 1], [1, 0]])
    [0.5, 2.0]

    Reference: the use of `pos_weight` in https://pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html
    """
    y = _numbers("pos_weight_from_labels", y)
    present = ~np.isnan(y)
    if y.ndim == 0 or np.any((y[present] < 0) | (y[present] > 1)):
        raise ValueError(f"pos_weight_from_labels: `y` must hold labels in [0, 1], one per sample. Received: {y}")
    by_label = y.reshape(-1, y.shape[-1] if y.ndim > 1 else 1)
    positives = np.nansum(by_label, axis=0)
    _refuse_empty("pos_weight_from_labels", positives, "positives for label")
    ratio = (np.sum(~np.isnan(by_label), axis=0) - positives) / positives
    return float(ratio[0]) if ratio.size == 1 else ratio.tolist()


def _numbers(function, y):
    try:
        return np.asarray(to_python(y), "float64")
    except (TypeError, ValueError) as error:
        raise ValueError(f"{function}: `y` must be an array of numbers. Received: {str(y)[:100]} ({error})") from error


def _refuse_empty(function, counts, what="samples of class"):
    empty = np.flatnonzero(counts == 0).tolist()
    if empty:
        raise ValueError(
            f"{function}: there are no {what} {', '.join(map(str, empty[:10]))}; no weight can replace them"
        )
