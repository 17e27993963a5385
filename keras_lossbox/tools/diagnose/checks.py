"""The checks of `diagnose`: each is a function of a `Case` that yields findings.

To add one, write it and name it in `CHECKS`, or in `RUN_CHECKS` if it makes sense only where nothing is plainly wrong.
"""

import contextlib
import math

import keras
import numpy as np
from keras import ops

from keras_lossbox.core.adapt import is_of_keras
from keras_lossbox.core.loss import Loss
from keras_lossbox.functions.labels import NAN_LABEL, NOT_WHOLE
from keras_lossbox.losses.binary import BinaryCrossentropy
from keras_lossbox.losses.categorical import CategoricalCrossentropy
from keras_lossbox.losses.composite import Masked
from keras_lossbox.losses.overlap.base import Overlap
from keras_lossbox.tools.diagnose.case import Finding
from keras_lossbox.tools.diagnose.metrics import metrics_count_missing, metrics_of_probabilities
from keras_lossbox.tools.weights import pos_weight_from_labels

_RANGES = {"sigmoid": (0, 1), "softmax": (0, 1), "tanh": (-1, 1), "relu": (0, math.inf), "softplus": (0, math.inf)}
_LARGEST_ID = {"bfloat16": 2**8, "float16": 2**11, "float32": 2**24}  # beyond it, not every whole number exists
_ENOUGH = 8  # samples: with fewer, that all are of one class may be chance


def in_inputs(model, x, samples):
    """What is wrong with x, and which samples are usable for the other checks."""
    usable, found = np.ones(samples, bool), []
    for leaf in keras.tree.flatten(x) if model is not None else []:
        bad = ~np.isfinite(leaf) if leaf.dtype.kind == "f" else np.zeros(leaf.shape, bool)
        if np.any(bad):
            message, hint = f"{np.sum(bad)} of {bad.size} values are NaN or infinite", "fill in or drop missing values"
            found.append(Finding("error", "x_not_finite", "x", message, hint))
        if len(leaf) == samples:
            usable &= ~bad.reshape(samples, -1).any(-1)
    return found, usable if np.any(usable) else np.ones(samples, bool)


def in_losses(model, losses, names):
    """What is wrong with what `compile` was given."""
    several = isinstance(losses, (list, tuple, dict))
    given = [losses] if not several else list(losses.values() if isinstance(losses, dict) else losses)
    if not isinstance(losses, dict) and len(given) > len(names):
        message = (
            f"{len(given)} losses for {len(names)} output{'s' * (len(names) > 1)}: Keras trains on the first alone"
        )
        yield Finding("error", "extra_losses", "loss", message, "add them: loss=a + 0.5 * b (keras_lossbox losses)")
    elif several and (len(given) < len(names) or (isinstance(losses, dict) and set(losses) != set(names))):
        keys = ", ".join(map(str, losses)) if isinstance(losses, dict) else f"{len(given)} of them"
        message = f"the losses ({keys}) are not those of the outputs ({', '.join(names)}): some output is not trained"
        yield Finding("error", "losses_do_not_match", "loss", message, "give a loss, or None, for each output")
    for loss in given:
        if isinstance(loss, type):
            message = f"{loss.__name__} is a class; Keras trains with it, and then cannot save the model"
            yield Finding("error", "loss_is_class", "loss", message, f"pass an instance: {loss.__name__}()")
        elif model is not None and getattr(loss, "reduction", "mean") in (None, "none"):
            message = f"{type(loss).__name__} has reduction={loss.reduction!r}, but training needs one number"
            yield Finding(
                "error", "reduction_none", "loss", message, 'leave out `reduction`, or use "sum_over_batch_size"'
            )


def not_finite(case):
    """NaN and infinity that are not masked."""
    labels, predictions = case.valid
    if not labels.size:
        labels, predictions = case.y, np.asarray(ops.convert_to_numpy(case.y_pred))
    bad = np.sum(~np.isfinite(labels.astype("float64"))) + (labels.dtype.kind == "i") * np.sum(labels == NAN_LABEL)
    if bad:
        hint = "keras_lossbox.Masked(loss) leaves labels of NaN out"
        yield case.finding("error", "labels_not_finite", "labels", f"{bad} of {labels.size} are NaN or infinite", hint)
    bad = np.sum(~np.isfinite(predictions.astype("float32")))
    if bad:
        hint = "look for NaN in x and in the weights, for logarithms and divisions; lower the learning rate"
        message = f"{bad} of {predictions.size} are NaN or infinite"
        yield case.finding("error", "predictions_not_finite", "predictions", message, hint)


def weights(case):
    """Sample weights that are no weights, or weigh something else."""
    w = np.ones(1) if case.weights is None else case.weights.astype("float64")
    if not np.all(np.isfinite(w)):
        yield case.finding("error", "weights_not_finite", "sample_weight", "some are NaN or infinite", "replace them")
    elif not np.any(w):
        yield case.finding("error", "weights_all_zero", "sample_weight", "all are 0: nothing is learned", "check them")
    elif np.any(w < 0):
        message = f"{np.sum(w < 0)} of {w.size} are negative: the loss is driven up there"
        yield case.finding("error", "weights_negative", "sample_weight", message, "use weights >= 0")
    if case.weights is not None and is_of_keras(case.loss) and w.ndim == 1 and len(case.y_pred.shape) > 2:
        message = f"one for each sample, but Keras would lay them along another axis of {tuple(case.y_pred.shape[:-1])}"
        hint = "use the loss of keras_lossbox, or expand the weights to the shape of the labels"
        yield case.finding("error", "weights_along_wrong_axis", "sample_weight", message, hint)


def shapes_that_do_not_fit(case):
    """Labels and predictions that the loss refuses, or that Keras would broadcast."""
    y, p = case.y.shape, tuple(case.y_pred.shape)
    if case.activation == "softmax" and p[-1] == 1:
        message, hint = "a softmax over one unit is always 1", "use the activation sigmoid, or one unit for each class"
        yield case.finding("error", "softmax_over_one_unit", "predictions", message, hint)
    elif case.like is None or not isinstance(case.aligned, str):
        return
    elif case.kind == "classes" and p[case.class_axis] == 1:
        message, hint = (
            f"{case.named} needs a unit for each class, y_pred has one",
            "use BinaryCrossentropy, or more units",
        )
        yield case.finding("error", "one_class_output", "predictions", message, hint)
    elif case.kind == "classes" and "Sparse" in case.named and y == p:
        message, hint = f"one-hot, of shape {y}, but {case.named} takes class indices", "use CategoricalCrossentropy"
        yield case.finding("error", "one_hot_for_sparse", "labels", message, hint)
    elif case.kind == "classes" and "Sparse" not in case.named and y in (p[:-1], (*p[:-1], 1)):
        message, hint = f"indices, of shape {y}, but {case.named} takes one-hot", "use SparseCategoricalCrossentropy"
        yield case.finding("error", "integers_for_one_hot", "labels", message, hint)
    else:
        hint = "bring labels and predictions to one shape (Keras's own losses may broadcast them, silently)"
        yield case.finding("error", "shape_mismatch", "labels", case.aligned, hint)


def labels_broadcast(case):
    """A loss that aligns nothing, as a user's may be: (n,) against (n, 1) becomes (n, n)."""
    shape = tuple(case.y_pred.shape)
    if case.like is None and case.y.size == math.prod(shape) and case.y.shape != shape:
        with contextlib.suppress(Exception):  # what fails is found where the loss is run
            as_it_is, meant = (case.loss(y, case.y_pred, case.weights) for y in (case.y, case.y.reshape(shape)))
            if not np.allclose(*(ops.convert_to_numpy(ops.mean(value)) for value in (as_it_is, meant)), equal_nan=True):
                message = (
                    f"shape {case.y.shape} against {shape}: {case.named} compares every label with every prediction"
                )
                hint = "reshape the labels, or derive the loss from keras_lossbox.Loss, which aligns them"
                yield case.finding("error", "labels_broadcast", "labels", message, hint)


def label_values(case):
    """Labels that mean something else to the loss."""
    labels, _ = case.valid
    rows = case.kind == "classes" and labels.ndim > 1
    if not labels.size or case.kind not in ("binary", "classes"):
        return
    classes = case.y_pred.shape[case.class_axis] if case.kind == "classes" else 2
    low, high = (0, 1) if rows or case.kind == "binary" else (0, classes - 1)
    known = labels[~np.isin(labels, (NAN_LABEL, NOT_WHOLE))] if labels.dtype.kind == "i" else labels
    if np.any(labels == NOT_WHOLE) and labels.dtype.kind == "i":
        message, hint = f"not whole numbers, which {case.named} takes", "give class indices, or use another loss"
        yield case.finding("error", "labels_not_whole", "labels", message, hint)
    if known.size and (known.min() < low or known.max() > high):
        message = f"from {known.min():g} to {known.max():g}, but {case.named} takes {low} to {high}"
        hint = (
            "map them into that range (-1 and 1 to 0 and 1; 1 ... C to 0 ... C-1; missing ones: Masked or ignore_class)"
        )
        yield case.finding("error", "label_out_of_range", "labels", message, hint)
    elif rows and np.any(np.abs(labels.sum(-1) - 1) > 1e-3):
        message = f"rows sum to {labels.sum(-1).min():g} ... {labels.sum(-1).max():g}, not to 1"
        hint = "for several labels at once use sigmoid and BinaryCrossentropy; else make the rows one-hot"
        yield case.finding("error", "label_rows_do_not_sum_to_one", "labels", message, hint)
    loss_dtype = "" if isinstance(case.loss, Loss) else keras.backend.standardize_dtype(case.loss.dtype)
    for dtype in {case.y.dtype.name, loss_dtype} & set(_LARGEST_ID) if classes > 2 and not rows else ():
        if classes - 1 > _LARGEST_ID[dtype]:
            message = f"{dtype} cannot tell class {_LARGEST_ID[dtype]} from the next, and there are {classes}"
            yield case.finding("error", "dtype_cannot_hold_labels", "labels", message, "keep labels in int32")


def label_variety(case):
    """Labels that are all alike, or rare."""
    labels, _ = case.valid
    rows = case.all_y.reshape(len(case.all_y), -1) if labels.ndim > 1 else case.all_y.reshape(-1, 1)
    if len(labels) >= _ENOUGH and np.all(labels == labels[0]) and np.all(rows == rows[0]):
        message, hint = (
            f"all {len(labels)} are the same",
            "shuffle the data before taking a batch; check the label column",
        )
        yield case.finding("warning", "labels_constant", "labels", message, hint)
        return
    plain = case.kind == "binary" and case.named == "BinaryCrossentropy" and case.weights is None
    if plain and len(labels) >= 50 and getattr(case.inner, "pos_weight", None) is None:
        y, _, counted = case.aligned
        share = np.nanmean(np.where(counted, y, np.nan).reshape(-1, y.shape[-1]), 0)
        with contextlib.suppress(ValueError):  # there is no weight for a label without positives
            weight = pos_weight_from_labels(np.where(counted, y, np.nan))
            if np.nanmin(share) < 0.1:
                message = f"{np.nanmin(share):.1%} are positive" + (" for the rarest label" if share.size > 1 else "")
                value = f"{weight:.3g}" if share.size == 1 else "keras_lossbox.pos_weight_from_labels(y)"
                hint = f"keras_lossbox.BinaryCrossentropy(pos_weight={value}) raises their recall"
                yield case.finding("note", "labels_imbalanced", "labels", message, hint)


def prediction_values(case):
    """Predictions that are not what `from_logits`, or the kind of loss, says."""
    _, p = case.valid
    p = p[np.isfinite(p)] if p.ndim == 1 else p[np.isfinite(p).all(-1)]
    if not p.size or case.kind not in ("binary", "classes"):
        return
    inside = p.min() >= -1e-3 and p.max() <= 1 + 1e-3
    half = "16" in keras.backend.standardize_dtype(case.y_pred.dtype)
    _, rows, counted = case.aligned
    sums = rows[counted.all(-1)].sum(-1)
    one = rows.shape[-1] > 1 and sums.size > 0 and np.all(np.abs(sums - 1) < (2e-2 if half else 1e-3))
    activation = "sigmoid" if case.kind == "binary" else "softmax"
    between = f"from {p.min():.3g} to {p.max():.3g}"
    if case.from_logits is False and not inside:
        message, hint = (
            f"{between}, but {case.named} has from_logits=False",
            "set from_logits=True, or give the last layer",
        )
        yield case.finding(
            "error", "logits_as_probabilities", "predictions", message, f"{hint} the activation {activation}"
        )
    elif case.from_logits and inside:
        unknown = case.activation is None and p.min() >= 0 and (one or (case.kind == "binary" and _both_sides(p)))
        if case.activation in ("sigmoid", "softmax") or unknown:
            message = (
                f"{between}, out of a {case.activation or activation} it seems, but {case.named} has from_logits=True"
            )
            hint = "remove the activation, or set from_logits=False"
            severity = "error" if case.activation or one else "warning"
            yield case.finding(severity, "probabilities_as_logits", "predictions", message, hint)
    elif case.from_logits is False and case.kind == "classes" and not one:
        message = f"rows sum to {sums.min():.3g} ... {sums.max():.3g}, not to 1, as {case.named} expects"
        code = "sigmoid_with_categorical" if case.activation == "sigmoid" else "rows_do_not_sum_to_one"
        yield case.finding("error", code, "predictions", message, "give the last layer the activation softmax")
    elif case.kind == "binary" and case.activation == "softmax" and case.y_pred.shape[-1] > 1:
        message = f"classes compete in a softmax, but {case.named} takes each for a yes or no of its own"
        hint = "use CategoricalCrossentropy, or the activation sigmoid for labels that go together"
        yield case.finding("warning", "softmax_with_binary", "predictions", message, hint)


def _both_sides(p):
    return p.size >= 16 and p.min() < 0.5 < p.max()


def targets(case):
    """Targets of a regression that the model cannot reach, or not soon."""
    y, p = case.valid
    if case.kind != "regression" or not y.size or not (np.all(np.isfinite(y)) and np.all(np.isfinite(p))):
        return
    low, high = _RANGES.get(case.activation, (-math.inf, math.inf))
    typical, predicted = np.median(np.abs(y)), np.median(np.abs(p))
    if y.min() < low or y.max() > high:
        message = f"from {y.min():.3g} to {y.max():.3g}, but the output, a {case.activation}, only from {low} to {high}"
        yield case.finding("error", "targets_out_of_reach", "labels", message, "take the activation off the last layer")
    elif typical > 100 * max(predicted, 1) and not getattr(case.inner, "log_input", False):
        message, hint = f"around {typical:.3g}, predictions around {predicted:.3g}", "scale the targets to about 1"
        yield case.finding("note", "targets_far_away", "labels", message, hint)


def loss_and_gradient(case):
    """A loss that fails, and a gradient that teaches nothing."""
    if isinstance(case.outcome, str):
        hint = "see the message; help() of the loss says what it takes"
        yield case.finding("error", "loss_fails", "loss", f"{case.named}: {case.outcome}", hint)
        return
    value, gradients = case.outcome
    if not math.isfinite(value):
        hint = "look for NaN labels under weight 0 or a mask, which keras_lossbox leaves out and Keras does not"
        yield case.finding("error", "loss_not_finite", "loss", f"it is {value}", hint)
    elif not all(np.all(np.isfinite(gradient)) for gradient in gradients):
        hint = "look for sqrt, log or a division at 0 in the loss or the model"
        yield case.finding(
            "error", "gradient_not_finite", "gradient", f"NaN or infinite, at a loss of {value:.3g}", hint
        )
    elif abs(value) > 1e-6 and gradients and not any(np.any(gradient) for gradient in gradients):
        hint = "look for argmax, round, stop_gradient or a saturated activation, or a loss without a gradient"
        yield case.finding("error", "gradient_zero", "gradient", f"0 everywhere, at a loss of {value:.3g}", hint)
    elif value == 0 and not any(np.any(gradient) for gradient in gradients) and _blind_to_labels(case):
        hint = "look for what counts as no error (a margin, epsilon or scope), or for a factor of 0"
        yield case.finding("error", "loss_zero", "loss", "0, as is the gradient, and 0 for other labels too", hint)


def _blind_to_labels(case):
    """Whether the loss stays 0 where samples have the labels of others. (If not, it is 0 because all is right.)"""
    read = case.like is None or getattr(case.like.targets(case.y_pred), "labels", True) is not False
    if not read or np.all(case.y == case.y[:1]):
        return False
    orders = [np.random.default_rng(seed).permutation(len(case.y)) for seed in range(3)]
    return all(case.with_labels(case.y[order]) == 0 for order in orders)


def region_values(case):
    """A loss of an overlap that no overlap has."""
    loss = case.like.loss if isinstance(case.like, Masked) else case.like
    if not isinstance(loss, Overlap) or loss.log_loss:
        return
    batch = case.like.prepare(case.y, case.y_pred, case.weights)
    values = np.asarray(ops.convert_to_numpy(case.like.evaluate(batch).values))
    low, high = values.min(), values.max()
    if low < -1e-3 or high > loss.most + 1e-3:
        message = f"from {low:.3g} to {high:.3g}, but 1 minus such an overlap is between 0 and {loss.most:g}"
        hint = "labels and predictions must be between 0 and 1; look at what a subclass does to the value"
        yield case.finding("error", "overlap_outside_0_1", "loss", message, hint)


def loss_at_the_start(case):
    """A cross-entropy far above that of a guess; below it is what training does."""
    labels, p = case.valid
    if "rossentropy" not in case.named or case.from_logits is None or not labels.size or case.weights is not None:
        return
    chance = math.log(max(2, case.y_pred.shape[case.class_axis] if case.kind == "classes" else 2))
    plain = {"reduction": "mean", "from_logits": case.from_logits}
    if case.kind == "binary":
        value = BinaryCrossentropy(**plain)(labels, p)
    else:
        one_hot = labels if labels.ndim > 1 else np.eye(p.shape[-1])[labels]
        value = CategoricalCrossentropy(**plain)(one_hot, p)
    if float(value) > 2 * chance + 2:
        message = f"a cross-entropy of {float(value):.3g}, where guessing gives {chance:.3g} (log of the classes)"
        hint = (
            "before training: scale the inputs to about 1; after it: the labels may be shuffled or numbered otherwise"
        )
        yield case.finding("warning", "loss_far_above_chance", "loss", message, hint)


CHECKS = [
    not_finite,
    weights,
    shapes_that_do_not_fit,
    label_values,
    label_variety,
    prediction_values,
    targets,
    labels_broadcast,
    metrics_of_probabilities,
    metrics_count_missing,
]
RUN_CHECKS = [loss_and_gradient, loss_at_the_start]
RUN_CHECKS_OF_PARTS = [region_values]
