"""What the functions of `tf1` share: their reductions, and the way from what a user passes to a formula and back."""

import functools
import inspect
import numbers
import re

import keras
from keras import ops

from keras_lossbox import shapes
from keras_lossbox.reduction import reduce_values


class Reduction:
    """`tf.losses.Reduction`: what is done with the weighted values; `OURS` has the names that the classes take.

    >>> from keras_lossbox import tf1
    >>> float(tf1.absolute_difference([1.0, 2.0], [1.0, 4.0], reduction=tf1.Reduction.SUM))
    2.0
    """

    NONE = "none"
    SUM = "weighted_sum"
    SUM_OVER_BATCH_SIZE = "weighted_sum_over_batch_size"
    MEAN = "weighted_mean"
    SUM_BY_NONZERO_WEIGHTS = "weighted_sum_by_nonzero_weights"
    SUM_OVER_NONZERO_WEIGHTS = SUM_BY_NONZERO_WEIGHTS

    @classmethod
    def all(cls):
        """Every member; the one with two names is there twice, as in TensorFlow."""
        twice = cls.SUM_OVER_NONZERO_WEIGHTS, cls.SUM_BY_NONZERO_WEIGHTS
        return (cls.NONE, cls.SUM, cls.MEAN, cls.SUM_OVER_BATCH_SIZE, *twice)

    @classmethod
    def validate(cls, key):
        """Raises a ValueError for what is no member."""
        if not isinstance(key, str) or key not in OURS:
            members = ", ".join(map(repr, OURS))
            raise ValueError(f"`reduction` must be a member of tf1.Reduction, one of {members}. Received: {key!r}")


LOSSES = "losses"  # tf.GraphKeys.LOSSES, the default of every `loss_collection`
BY_NONZERO = Reduction.SUM_BY_NONZERO_WEIGHTS
OURS = {
    Reduction.NONE: "none",
    Reduction.SUM: "sum",
    Reduction.MEAN: "mean_with_sample_weight",
    Reduction.SUM_OVER_BATCH_SIZE: "sum_over_batch_size",
    Reduction.SUM_BY_NONZERO_WEIGHTS: "sum_by_nonzero_weights",
}
DATA = ("losses", "t", "labels", "multi_class_labels", "onehot_labels", "predictions", "logits")


def loss_function(dtype=None, axis=None, keepdims=False, indices=False, select=True, reduction=Reduction.NONE):
    """Makes a function of a formula: data, weights and axis reach it checked, and what it returns is reduced.

    Computed in `dtype` (None: that of the logits). The values lack `axis` (or the function's own argument of that
    name), or with `keepdims` have it with size 1. `indices`: labels are class indices. `select`: entries of weight 0
    do not reach the formula. `reduction`: for a function without such an argument.
    """

    def decorate(formula):
        signature = inspect.signature(formula)
        names = sorted(set(DATA) & set(signature.parameters), key=DATA.index)  # labels before predictions

        def compute(given):
            data, result_dtype = _data({name: given[name] for name in names}, dtype, indices)
            sizes, at = list(ops.shape(data[-1])), None
            if axis is not None or "axis" in given:
                at = given["axis"] = _axis(given.get("axis"), axis, len(sizes))
                sizes[at : at + 1] = [1] if keepdims else []
            weights = given["weights"] = _weights(given.get("weights"), sizes, data[-1].dtype, indices)
            if weights is not None and select:  # 0 * NaN is NaN: what does not count never enters the formula
                counted = ops.not_equal(weights, 0)
                wheres = [counted if len(x.shape) == len(sizes) else ops.expand_dims(counted, at) for x in data]
                data = [ops.where(where, x, 0) for where, x in zip(wheres, data, strict=True)]
            given |= zip(names, data, strict=True)
            values = formula(**{name: given[name] for name in signature.parameters})
            return ops.cast(reduce_values(values, weights, None, OURS[given["reduction"]]), result_dtype)

        @functools.wraps(formula)
        def checked(*args, **kwargs):
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            given = {"reduction": reduction, "loss_collection": None, **bound.arguments}
            try:
                Reduction.validate(given["reduction"])
                _check_collection(given["loss_collection"])
                _resolve_old_names(given)
                scope = given.get("scope") or given.get("name") or formula.__name__
                with keras.name_scope(re.sub(r"[^\w.-]", "_", scope)):
                    loss = compute(given)
            except ValueError as error:  # of a class too, which speaks of itself, y_true and y_pred
                text = re.sub(r"^[A-Z]\w+: ", "", str(error)).replace("y_true", names[0]).replace("y_pred", names[-1])
                error.args = (f"tf1.{formula.__name__}: {text}",)
                raise
            if isinstance(given["loss_collection"], list):
                given["loss_collection"].append(loss)
            return loss

        return checked

    return decorate


def _check_collection(collection):
    if not (collection is None or isinstance(collection, list) or str(collection) == LOSSES):
        raise ValueError(
            "`loss_collection` must be a Python list, which receives the loss, or None: Keras 3 has no graph "
            f"collections, so give what is returned to `add_loss` of a layer or model. Received: {collection!r}"
        )


def _resolve_old_names(given):
    for new, old in (("labels", "targets"), ("axis", "dim")):
        if given.get(old) is not None and given[new] is None:
            given[new] = given[old]
        elif given.get(old) is not None and not (old == "dim" and given[old] == -1):  # -1: a default of TensorFlow's
            raise ValueError(f"`{old}` is the old name of `{new}`: give one of them. Received: both")


def _data(inputs, dtype, indices):
    """Labels and predictions as tensors of one shape (indices: without the last axis); the dtype of the result."""
    for name, value in inputs.items():
        if value is None:
            raise ValueError(f"`{name}` must be given. Received: None")
    *labels, predictions = [shapes.to_tensor("Tensor", name, value, None) for name, value in inputs.items()]
    if dtype is None:
        typed = hasattr(list(inputs.values())[-1], "dtype") and keras.backend.is_float_dtype(predictions.dtype)
        dtype = keras.backend.standardize_dtype(predictions.dtype) if typed else keras.config.floatx()
    predictions = ops.cast(predictions, "float32" if dtype in ("float16", "bfloat16") else dtype)
    if not labels:
        return [predictions], dtype
    [labels], (first, second) = labels, inputs
    if indices and len(labels.shape) == len(predictions.shape) > 0 and labels.shape[-1] == 1:
        labels = ops.squeeze(labels, -1)
    sizes = ops.shape(predictions)[:-1] if indices else ops.shape(predictions)
    if not fits(labels.shape, sizes):
        raise ValueError(
            f"`{first}` must have the shape of `{second}`{' without its last axis' if indices else ''}. "
            f"Received: {first}.shape={tuple(labels.shape)}, {second}.shape={tuple(predictions.shape)}"
        )
    labels = shapes.with_sizes("Loss", labels, predictions, sizes)  # and in the run, where unknown until then
    return [shapes.to_indices(labels) if indices else ops.cast(labels, predictions.dtype), predictions], dtype


def _weights(weights, sizes, dtype, indices):
    """Weights that TensorFlow's rule lets broadcast to these sizes; None for those that change nothing."""
    if weights is None or (isinstance(weights, (int, float)) and weights == 1):
        return None
    weights = ops.cast(shapes.to_tensor("Tensor", "weights", weights, dtype), dtype)
    if indices and len(weights.shape) == len(sizes) + 1 and weights.shape[-1] == 1:
        weights = ops.squeeze(weights, -1)
    if len(weights.shape) > 0 and not fits(weights.shape, sizes, ones=True):
        raise ValueError(
            "`weights` must be a number, or have the rank of the values and in each axis their size or 1. Received: "
            f"weights.shape={tuple(weights.shape)}, shape of the values {tuple(sizes)}"
        )
    weights = shapes.align_weights("Loss", "weights", weights, sizes)
    known = all(isinstance(size, int) for size in sizes) and None not in weights.shape
    return weights if known else ops.broadcast_to(weights, sizes)  # fails in the run where a size differs


def _axis(axis, default, rank):
    axis = default if axis is None else axis
    if isinstance(axis, numbers.Integral) and -rank <= axis < rank:
        return int(axis) % rank
    raise ValueError(f"`axis` must be an axis of data with {rank} axes. Received: axis={axis!r}")


def fits(shape, sizes, ones=False):
    """True if the shape is `sizes`, where both are known; with `ones` any axis may be 1."""
    return len(shape) == len(sizes) and all(
        n is None or not isinstance(size, int) or n == size or (ones and n == 1)
        for n, size in zip(shape, sizes, strict=True)
    )
