"""From what users pass to tensors that fit together; a label is never broadcast against a prediction."""

import keras
import numpy as np
from keras import ops

NAN_LABEL = -(2**31)  # integers that stand for a label of NaN and for one that is no whole number: no class has them
NOT_WHOLE = NAN_LABEL + 128  # 128 away, so that float32 can hold both


def to_tensor(loss, argument, value, dtype):
    """`value` as a tensor, or an error that names the loss and the argument. A tensor is returned as it is."""
    try:
        if any(map(ops.is_tensor, keras.tree.flatten(value))):
            tensor = ops.convert_to_tensor(value, sparse=False)
        else:
            array = np.asarray(value)
            if array.dtype.kind in "OSUMmc":
                raise TypeError(f"{array.dtype} is not a kind of number that a loss takes")
            # PyTorch's backend would turn float64 into float32 first; integers and floating class ids stay exact.
            tensor = ops.convert_to_tensor(array, dtype if dtype == "float64" and array.dtype.kind == "f" else None)
        dtype_name = keras.backend.standardize_dtype(tensor.dtype)
        if dtype_name == "string" or dtype_name.startswith("complex"):
            raise TypeError(f"{dtype_name} is not a kind of number that a loss takes")
        len(tensor.shape)  # a ValueError for a tensor whose number of axes is not known
        return tensor
    except (TypeError, ValueError, NotImplementedError) as error:
        raise ValueError(
            f"{loss}: `{argument}` must be an array, a tensor or a regular nested list of numbers, with a known number "
            f"of axes. Received: {type(value).__name__} {str(value)[:100]} ({error})"
        ) from error


def sizes_of(x):
    """The sizes of the axes: numbers where they are known, tensors where only the run knows them.

    (`keras.ops.shape` asks TensorFlow at run time for all of them, known or not.)
    """
    known = tuple(x.shape)
    return ops.shape(x) if None in known else known


def align_values(loss, y_true, y_pred, hint=""):
    """For labels of the predictions' shape. `(n,)` with `(n, 1)` is aligned; two of `(n,)` are n samples, not one."""
    if len(y_pred.shape) == 0:
        raise ValueError(f"{loss}: `y_pred` must have at least one axis, the samples. Received: a scalar")
    if len(y_true.shape) == len(y_pred.shape) + 1 and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    elif len(y_true.shape) + 1 == len(y_pred.shape) and y_pred.shape[-1] == 1:
        y_true = ops.expand_dims(y_true, -1)
    y_true = ops.cast(with_sizes(loss, y_true, y_pred, sizes_of(y_pred), hint), y_pred.dtype)
    if len(y_pred.shape) == 1:
        return ops.expand_dims(y_true, -1), ops.expand_dims(y_pred, -1)
    return y_true, y_pred


def align_distribution(loss, y_true, y_pred, axis):
    """For labels that are one-hot or probabilities along `axis`, of the predictions' shape."""
    _check_classes(loss, y_pred, axis)
    hint = " For integer labels use the Sparse relative of this loss, or keras.ops.one_hot."
    return ops.cast(with_sizes(loss, y_true, y_pred, sizes_of(y_pred), hint), y_pred.dtype), y_pred


def align_indices(loss, y_true, y_pred, axis, sizes=None):
    """For integer labels, which have no class axis (or one of size 1). A label that is not whole becomes invalid.

    `sizes`: those that the labels must have, where they are not to be read from `y_pred` at run time.
    """
    _check_classes(loss, y_pred, axis)
    axis = axis % len(y_pred.shape)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[axis] == 1:
        y_true = ops.squeeze(y_true, axis)
    if sizes is None:
        sizes = sizes_of(y_pred)
        sizes = sizes[:axis] + sizes[axis + 1 :]
    hint = f" Labels are class indices here: they have the shape of y_pred without its axis {axis}, the classes."
    return to_indices(with_sizes(loss, y_true, y_pred, sizes, hint)), y_pred


def align_labels(loss, y_true, y_pred, axis):
    """For labels that may be one-hot, soft or class indices, whichever their shape says."""
    indices = len(y_true.shape) < len(y_pred.shape) or y_true.shape[axis] == 1
    return (align_indices if indices else align_distribution)(loss, y_true, y_pred, axis)


def align_classes(loss, y_true, y_pred, axis):
    """The same for losses that want indices in any case: of a row its largest entry, of a row with NaN no class."""
    y_true, y_pred = align_labels(loss, y_true, y_pred, axis)
    if len(y_true.shape) < len(y_pred.shape):
        return y_true, y_pred
    unknown = ops.isnan(ops.sum(y_true, axis))
    return ops.where(unknown, NAN_LABEL, ops.cast(ops.argmax(y_true, axis), "int32")), y_pred


def _check_classes(loss, y_pred, axis):
    if y_pred.shape[axis] == 1:
        raise ValueError(
            f"{loss}: `y_pred` must hold at least two classes along axis {axis}; for one output per sample use "
            f"BinaryCrossentropy. Received: y_pred.shape={tuple(y_pred.shape)}"
        )


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


def check_axis(loss, y_pred, axis):
    """The options' `axis` must be an axis of the predictions; None asks for nothing."""
    rank = len(y_pred.shape)
    if axis is not None and not -rank <= axis < rank:
        raise ValueError(
            f"{loss}: `axis` must be an axis of y_pred. Received: axis={axis}, shape={tuple(y_pred.shape)}"
        )


def align_weights(loss, argument, weights, sizes, axis=None):
    """Sample weights or a mask, with axes of size 1 added at the end until they can be broadcast to `sizes`.

    `axis` is the position of an axis that predictions have and loss values have not: a weight may keep it, of size 1.
    """
    received = tuple(weights.shape)
    if axis is not None and len(received) == len(sizes) + 1 and weights.shape[axis] == 1:
        weights = ops.squeeze(weights, axis)
    while len(weights.shape) > len(sizes) and weights.shape[-1] == 1:
        weights = ops.squeeze(weights, -1)
    while len(weights.shape) < len(sizes):
        weights = ops.expand_dims(weights, -1)
    expected = _known(sizes)
    if len(weights.shape) != len(expected) or any(
        size not in (1, None) and wanted is not None and size != wanted
        for size, wanted in zip(weights.shape, expected, strict=True)
    ):
        raise ValueError(
            f"{loss}: `{argument}` must fit the loss values from the left: its shape is () or the first axes of "
            f"{expected}, each of that size or 1. Received: {argument}.shape={received}"
        )
    return weights


def with_sizes(loss, y_true, y_pred, sizes, hint=""):
    """`y_true`, checked to have these sizes: now where they are known, at run time where they are not."""
    known, expected = tuple(y_true.shape), _known(sizes)
    if len(known) != len(expected) or any(
        None not in pair and pair[0] != pair[1] for pair in zip(known, expected, strict=True)
    ):
        raise ValueError(
            f"{loss}: y_true and y_pred must have the same shape, up to a last axis of size 1. "
            f"Received: y_true.shape={known}, y_pred.shape={tuple(y_pred.shape)}.{hint}"
        )
    if known == expected and None not in known:
        return y_true
    # A size of 1 that was unknown until the run would broadcast silently, so it is asked for an impossible size. (Not
    # by an assertion, which XLA drops, nor by a reshape, which TensorFlow drops for vectors. Equal sizes cost no copy.)
    now = sizes_of(y_true)
    return ops.broadcast_to(y_true, [ops.where(ops.equal(a, b), b, -2) for a, b in zip(now, sizes, strict=True)])


def _known(sizes):
    """`keras.ops.shape` with None in place of the sizes that only the run knows."""
    return tuple(size if isinstance(size, int) else None for size in sizes)
