"""What the functions of `tf1` share: their reductions, and the way from what a user passes to a formula and back."""

import contextlib
import functools
import inspect
import numbers
from collections.abc import Callable
from typing import Any, ParamSpec

import keras
from keras import ops

from keras_lossbox.core import host, reduction, shapes
from keras_lossbox.core.batch import Batch, Values, valid_entries, valid_labels, valid_predictions
from keras_lossbox.core.construction import name_in_errors, names_in_errors
from keras_lossbox.core.domain import class_indices
from keras_lossbox.functions.elementary import sizes_of
from keras_lossbox.functions.labels import to_indices


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
    def all(cls) -> tuple[str, ...]:
        """Every member; the one with two names is there twice, as in TensorFlow."""
        twice = cls.SUM_OVER_NONZERO_WEIGHTS, cls.SUM_BY_NONZERO_WEIGHTS
        return (cls.NONE, cls.SUM, cls.MEAN, cls.SUM_OVER_BATCH_SIZE, *twice)

    @classmethod
    def validate(cls, key: Any) -> None:
        """Raises a ValueError for what is no member."""
        if not isinstance(key, str) or key not in OURS:
            members = ", ".join(map(repr, OURS))
            raise ValueError(f"`reduction` must be a member of tf1.Reduction, one of {members}. Received: {key!r}")


P = ParamSpec("P")
Collection = list[Any] | str | None

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


@contextlib.contextmanager
def _errors_of(function, labels, predictions):
    """Errors that name y_true and y_pred as this function calls them."""
    try:
        with names_in_errors(f"tf1.{function}", alone=True):
            yield
    except ValueError as error:
        error.args = (str(error).replace("y_true", labels).replace("y_pred", predictions),)
        raise


def loss_function(
    dtype: str | None = None,
    axis: int | None = None,
    keepdims: bool = False,
    indices: bool = False,
    select: bool = True,
    default: str = Reduction.NONE,
) -> Callable[[Callable[P, Any]], Callable[P, Any]]:
    """Makes a function of a formula: data, weights and axis reach it checked, and what it returns is reduced.

    Computed in `dtype` (None: that of the logits). The values lack `axis` (or the function's own argument of that
    name), or with `keepdims` have it with size 1. `indices`: labels are class indices. `select`: entries of weight 0
    do not reach the formula. `default`: the reduction of a function without such an argument.
    """

    def decorate(formula: Callable[P, Any]) -> Callable[P, Any]:
        signature = inspect.signature(formula)
        names = sorted(set(DATA) & set(signature.parameters), key=DATA.index)  # labels before predictions

        def compute(given):
            data, result_dtype = _data({name: given[name] for name in names}, dtype, indices)
            at = _axis(given.get("axis"), axis, len(data[-1].shape)) if axis is not None or "axis" in given else None
            given |= {"axis": at} if "axis" in given else {}
            batch = _batch(data, given.get("weights"), at, keepdims, indices, select)
            given |= zip(names, [batch.y_true, batch.y_pred][-len(data) :], strict=True)
            given["weights"] = batch.weights
            values = formula(**{name: given[name] for name in signature.parameters})
            values = values if batch.invalid is None else ops.where(batch.invalid, float("nan"), values)
            ours = OURS[given["reduction"]]
            return ops.cast(reduction.reduced(reduction.score(Values(values, batch.weights), ours), ours), result_dtype)

        @functools.wraps(formula)
        @host.as_written
        def checked(*args: P.args, **kwargs: P.kwargs) -> Any:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            given = {"reduction": default, "loss_collection": None, **bound.arguments}
            with _errors_of(formula.__name__, names[0], names[-1]):
                Reduction.validate(given["reduction"])
                _check_collection(given["loss_collection"])
                _resolve_old_names(given)
                with keras.name_scope(host.scope_name(given.get("scope") or given.get("name") or formula.__name__)):
                    loss = compute(given)
            if isinstance(given["loss_collection"], list):
                given["loss_collection"].append(loss)
            return loss

        return checked

    return decorate


def values_from_logits(loss, labels, logits, axis=None, mask=None):
    """What a class computes from logits, one value for each entry of the mask."""
    return loss.compute(Batch(labels, logits, from_logits=True, axis=axis, mask=mask)).values


def _batch(data, weights, axis, keepdims, indices, select):
    """Labels (or where there are none, the values), predictions and weights as a `Batch`."""
    sizes = sizes_of(data[-1])
    if keepdims:
        value_sizes, axis = (*sizes[:axis], 1, *sizes[axis + 1 :]), None
    else:
        value_sizes = shapes.without_axis(sizes, axis)
    weights = _weights(weights, value_sizes, data[-1].dtype, indices)
    batch = Batch(data[0], data[-1], axis=axis, weights=weights)
    if select and weights is not None:
        entries = valid_entries(batch, sizes)
        batch = batch._replace(y_true=valid_labels(batch, entries), y_pred=valid_predictions(batch, entries))
    if not indices:
        return batch
    labels, invalid = class_indices(batch.y_true, sizes[axis], axis).check(batch.y_true, name_in_errors())
    return batch._replace(y_true=labels, invalid=invalid)


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
    *labels, predictions = [shapes.to_tensor(name, value, None) for name, value in inputs.items()]
    dtype = dtype or _dtype_of(list(inputs.values())[-1], predictions)
    predictions = ops.cast(predictions, "float32" if dtype in ("float16", "bfloat16") else dtype)
    if not labels:
        return [predictions], dtype
    return [_labels(labels[0], predictions, tuple(inputs), indices), predictions], dtype


def _dtype_of(given, tensor):
    """The dtype of the result: that of the logits, if they were given with a floating one."""
    typed = hasattr(given, "dtype") and keras.backend.is_float_dtype(tensor.dtype)
    return keras.backend.standardize_dtype(tensor.dtype) if typed else keras.config.floatx()


def _labels(labels, predictions, names, indices):
    """Labels, checked to have the shape of the predictions."""
    sizes = sizes_of(predictions)
    if indices:
        sizes = sizes[:-1]
        if len(labels.shape) == len(predictions.shape) > 0 and labels.shape[-1] == 1:
            labels = ops.squeeze(labels, -1)
    if not shapes.agree(labels.shape, shapes.known(sizes)):
        first, second = names
        raise ValueError(
            f"`{first}` must have the shape of `{second}`{' without its last axis' if indices else ''}. "
            f"Received: {first}.shape={tuple(labels.shape)}, {second}.shape={tuple(predictions.shape)}"
        )
    labels = shapes.with_sizes(labels, predictions, sizes)  # and in the run, where unknown until then
    return to_indices(labels) if indices else ops.cast(labels, predictions.dtype)


def _weights(weights, sizes, dtype, indices):
    """Weights that TensorFlow's rule lets broadcast to these sizes; None for those that change nothing."""
    if weights is None or (isinstance(weights, (int, float)) and weights == 1):
        return None
    weights = ops.cast(shapes.to_tensor("weights", weights, dtype), dtype)
    if indices and len(weights.shape) == len(sizes) + 1 and weights.shape[-1] == 1:
        weights = ops.squeeze(weights, -1)
    if len(weights.shape) > 0 and not shapes.agree(weights.shape, shapes.known(sizes), ones=True):
        raise ValueError(
            "`weights` must be a number, or have the rank of the values and in each axis their size or 1. Received: "
            f"weights.shape={tuple(weights.shape)}, shape of the values {shapes.known(sizes)}"
        )
    return weights


def _axis(axis, default, rank):
    axis = default if axis is None else axis
    if isinstance(axis, numbers.Integral) and -rank <= axis < rank:
        return int(axis) % rank
    raise ValueError(f"`axis` must be an axis of data with {rank} axes. Received: axis={axis!r}")
