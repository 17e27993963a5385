"""Labels as losses compute with them: yes and no, class indices, one-hot and soft rows; smoothing."""

from typing import Any, NamedTuple

import keras
from keras import ops

from keras_lossbox.functions.elementary import max_over, mean, size_of, sizes_of

NAN_LABEL = -(2**31)  # integers that stand for a label of NaN and for one that is no whole number: no class has them
NOT_WHOLE = NAN_LABEL + 128  # 128 away, so that float32 can hold both


class YesNo(NamedTuple):
    """y and 1 - y, each by itself, so that a small rest of 1 - y keeps its digits."""

    yes: Any
    no: Any


def is_missing(labels, ignore):
    """Where a label is the one that says "missing": a number, or "nan"."""
    if ignore != "nan":
        return ops.equal(labels, ignore)
    floating = keras.backend.is_float_dtype(keras.backend.standardize_dtype(labels.dtype))
    return ops.isnan(labels) if floating else ops.equal(labels, NAN_LABEL)


def yes_no(y, label_smoothing=0.0):
    """Labels of yes/no, both sides moved towards 1/2."""
    if not label_smoothing:
        return YesNo(y, 1 - y)
    return YesNo(*(side * (1 - label_smoothing) + label_smoothing / 2 for side in (y, 1 - y)))


def signs(y):
    """Labels of -1 and 1, or of 0 and 1, as -1 and 1; each is read by itself."""
    return ops.where(ops.equal(y, 0), -1, y)


def to_indices(y_true):
    """Labels as integers that hold every class id; what is no whole number becomes a label that no class has."""
    dtype = keras.backend.standardize_dtype(y_true.dtype)
    if dtype in ("int32", "int64"):
        return y_true
    if dtype in ("uint32", "uint64"):
        return ops.cast(y_true, "int64")
    if not keras.backend.is_float_dtype(dtype):
        return ops.cast(y_true, "int32")
    if dtype in ("float16", "bfloat16"):
        y_true = ops.cast(y_true, "float32")  # which holds the numbers below
    whole = ops.logical_and(ops.equal(y_true, ops.floor(y_true)), ops.abs(y_true) < -float(NOT_WHOLE))
    y_true = ops.where(ops.isnan(y_true), float(NAN_LABEL), ops.where(whole, y_true, float(NOT_WHOLE)))
    return ops.cast(y_true, "int32")


def is_label(x, labels, axis):
    """Boolean, of the shape of `x`: true at each label's entry along `axis`, nowhere for a label that is no class."""
    return ops.one_hot(labels, sizes_of(x)[axis], axis=axis % len(x.shape), dtype="bool")


def one_hot(labels, like, axis):
    """Class indices as one-hot of the shape of `like`; labels that have its shape already, as they are."""
    if len(labels.shape) == len(like.shape):
        return labels
    return ops.cast(is_label(like, labels, axis), like.dtype)


def take_at_labels(x, labels, axis):
    """The entries of `x` along `axis` at the integer labels; selected, so that an infinity elsewhere does no harm."""
    return ops.sum(ops.where(is_label(x, labels, axis), x, 0), axis)


def multiclass_hinge(scores, labels, axis):
    """max(0, 1 - the score of the label + the largest other score)."""
    others = ops.where(is_label(scores, labels, axis), float("-inf"), scores)
    return ops.relu(1 + max_over(others, axis) - take_at_labels(scores, labels, axis))


def smooth_classes(y, label_smoothing, axis):
    """y moved towards 1/C along `axis`."""
    if not label_smoothing:
        return y
    return y * (1 - label_smoothing) + label_smoothing / size_of(y, axis)


def expected(costs, y, label_smoothing, axis):
    """Σ_c y_c cost_c along `axis`, for y smoothed to y (1 - ε) + ε/C; y one-hot, soft or class indices."""
    dense = len(y.shape) == len(costs.shape)
    at_labels = ops.sum(y * costs, axis) if dense else take_at_labels(costs, y, axis)
    if not label_smoothing:
        return at_labels
    return (1 - label_smoothing) * at_labels + label_smoothing * mean(costs, axis)
