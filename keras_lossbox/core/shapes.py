"""From what users pass to tensors that fit together; a label is never broadcast against a prediction."""

import keras
import numpy as np
from keras import ops

from keras_lossbox.functions.elementary import sizes_of


def to_tensor(argument, value, dtype):
    """`value` as a tensor, or an error that names the argument. A tensor is returned as it is."""
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
            f"`{argument}` must be an array, a tensor or a regular nested list of numbers, with a known number of "
            f"axes. Received: {type(value).__name__} {str(value)[:100]} ({error})"
        ) from error


def known(sizes):
    """The sizes with None in place of those that only the run knows."""
    return tuple(size if isinstance(size, int) else None for size in sizes)


def check_axis(y_pred, axis):
    """The option `axis` must be an axis of the predictions; None asks for nothing."""
    rank = len(y_pred.shape)
    if axis is not None and not -rank <= axis < rank:
        raise ValueError(f"`axis` must be an axis of y_pred. Received: axis={axis}, shape={tuple(y_pred.shape)}")


def without_axis(sizes, axis):
    """The sizes without the one at `axis`; all of them for None."""
    return sizes if axis is None else sizes[:axis] + sizes[axis + 1 :]


def align_weights(argument, weights, sizes, axis=None):
    """Sample weights or a mask, with axes of size 1 added at the end until they can be broadcast to `sizes`.

    `axis` is the position of an axis that predictions have and loss values have not: a weight may keep it, of size 1.
    One number stays one number.
    """
    received = tuple(weights.shape)
    if not received:
        return weights
    if axis is not None and len(received) == len(sizes) + 1 and weights.shape[axis] == 1:
        weights = ops.squeeze(weights, axis)
    while len(weights.shape) > len(sizes) and weights.shape[-1] == 1:
        weights = ops.squeeze(weights, -1)
    while len(weights.shape) < len(sizes):
        weights = ops.expand_dims(weights, -1)
    if not agree(weights.shape, known(sizes), ones=True):
        of_entries = " (Weights of single labels or outputs: axis=None, if the loss has this option.)"
        raise ValueError(
            f"`{argument}` must fit the loss values from the left: its shape is () or the first axes of "
            f"{known(sizes)}, each of that size or 1. Received: {argument}.shape={received}"
            f"{of_entries if len(received) == len(sizes) + 1 else ''}"
        )
    return weights


def with_sizes(y_true, y_pred, sizes, hint=""):
    """`y_true`, checked to have these sizes: now where they are known, at run time where they are not."""
    given, wanted = tuple(y_true.shape), known(sizes)
    if not agree(given, wanted):
        raise ValueError(
            f"y_true and y_pred must have the same shape, up to a last axis of size 1. "
            f"Received: y_true.shape={given}, y_pred.shape={tuple(y_pred.shape)}.{hint}"
        )
    if given == wanted and None not in given:
        return y_true
    # A size of 1 that was unknown until the run would broadcast silently, so it is asked for an impossible size. (Not
    # by an assertion, which XLA drops, nor by a reshape, which TensorFlow drops for vectors. Equal sizes cost no copy.)
    now = sizes_of(y_true)
    return ops.broadcast_to(y_true, [ops.where(ops.equal(a, b), b, -2) for a, b in zip(now, sizes, strict=True)])


def agree(shape, wanted, ones=False):
    """Whether a shape has the wanted sizes, as far as both are known; with `ones` any size may be 1."""
    return len(shape) == len(wanted) and all(
        None in (size, other) or size == other or (ones and size == 1)
        for size, other in zip(shape, wanted, strict=True)
    )
