"""The losses of a comparison: their names, and what they say about labels and predictions."""

from typing import Any, NamedTuple

import keras
import numpy as np

from keras_lossbox.core import targets
from keras_lossbox.core.adapt import counterpart
from keras_lossbox.core.loss import Loss
from keras_lossbox.losses.composite import Masked, WeightedSum
from keras_lossbox.tools.comparison.suggest import Suggestion
from keras_lossbox.tools.curves import name_of
from keras_lossbox.tools.diagnose.case import as_loss

_KINDS: dict[type, str] = {
    targets.Binary: "binary",
    targets.Signs: "binary",
    targets.Classes: "classes",
    targets.Real: "regression",
    targets.Regions: "regions",
}


ROUNDING = 1e-5  # by which probabilities may lie outside of [0, 1]


class Candidate(NamedTuple):
    """A loss of the comparison."""

    name: str
    loss: Any  # as `compile` takes it
    like: Loss | None  # what reads labels and predictions in the same way; None where nothing tells it
    ignored: tuple  # labels that it leaves out


class Reading(NamedTuple):
    """How predictions are read: the kind of data (None: another one), and the loss that declares it."""

    kind: str | None
    like: Loss | None


def candidates_of(losses):
    """The losses with their names, in order."""
    if not isinstance(losses, (dict, list, tuple)) or not losses:
        raise ValueError(
            f"compare: `losses` must be a list or a dict of at least one loss. Received: losses={losses!r}"
        )
    if not isinstance(losses, dict):
        losses = [loss.loss if isinstance(loss, Suggestion) else loss for loss in losses]
    named = losses.items() if isinstance(losses, dict) else [(name_of_loss(loss), loss) for loss in losses]
    found: dict[str, Candidate] = {}
    for name, loss in named:
        if not isinstance(name, str) or not name:
            raise ValueError(f"compare: the keys of `losses` must be names. Received: {name!r}")
        if name in found:
            raise ValueError(
                f"compare: each loss needs a name of its own; give a dict, name -> loss. Received: {name!r} twice"
            )
        found[name] = _candidate(name, loss)
    return list(found.values())


def name_of_loss(loss):
    """What a loss of a list is called."""
    if isinstance(loss, keras.losses.Loss):
        return name_of(loss)
    return loss if isinstance(loss, str) else getattr(loss, "__name__", repr(loss))


def _candidate(name, loss):
    try:
        known = as_loss(loss)
    except (TypeError, ValueError, AttributeError) as error:
        allowed = "a loss as `compile` takes it: an instance, a name of Keras's, or a function (y_true, y_pred)"
        raise ValueError(f"compare: `losses` must hold losses: {allowed}. Received: {name!r}: {loss!r}") from error
    return Candidate(name, known if isinstance(loss, type) else loss, _like(known), tuple(_ignored(known)))


def _like(loss):
    """The loss of this package that declares the kind of data."""
    while isinstance(loss, (Masked, WeightedSum)):
        loss = loss.loss if isinstance(loss, Masked) else loss.losses[0]
    like = counterpart(loss)
    return None if like is None or type(like).targets is Loss.targets else like


def _ignored(loss):
    """The labels, beside NaN, that a loss leaves out."""
    if isinstance(loss, WeightedSum):
        for part in loss.losses:
            yield from _ignored(part)
    if isinstance(loss, Masked):
        yield from _ignored(loss.loss)
    label = getattr(loss, "ignore" if isinstance(loss, Masked) else "ignore_class", None)
    if isinstance(label, (int, float)) and not np.isnan(label):
        yield label


def reading_of(like, y_pred):
    """How a loss reads predictions."""
    if like is None:
        return Reading(None, None)
    declared = like.targets(y_pred)
    known = getattr(declared, "labels", None) != "logits"
    return Reading(_KINDS.get(type(declared)) if known else None, like)


def common_reading(candidates, y_pred):
    """That of the first loss of regions, else that of the first loss that tells the kind of data."""
    readings = [reading_of(candidate.like, y_pred) for candidate in candidates]
    of_regions = [reading for reading in readings if reading.kind == "regions"]
    declared = [reading for reading in readings if reading.like is not None]
    return next(iter([*of_regions, *declared]), Reading(None, None))


def read(candidate, common, y_pred):
    """Predictions as scores take them: probabilities, or values; those of a loss that tells nothing as the others'."""
    like = candidate.like or common.like
    kind = reading_of(like, y_pred).kind
    if kind is None:
        return y_pred
    if kind == "regression":
        return np.exp(y_pred) if getattr(like, "log_input", False) else y_pred
    declared = like.targets(y_pred)
    if isinstance(declared, targets.Signs):
        return _sigmoid(y_pred)
    if not declared.from_logits:
        if np.any((y_pred < -ROUNDING) | (y_pred > 1 + ROUNDING)):
            raise ValueError(
                f"compare: {candidate.name!r} takes probabilities, and the model's outputs are none: they go from "
                f"{np.min(y_pred):.3g} to {np.max(y_pred):.3g}. Give the loss from_logits=True, or the model an "
                "activation"
            )
        return y_pred
    return _softmax(y_pred, declared.label_axis) if declared.activation == "softmax" else _sigmoid(y_pred)


def _sigmoid(z):
    return 0.5 * (1 + np.tanh(0.5 * z.astype("float64")))


def _softmax(z, axis):
    z = z.astype("float64")
    e = np.exp(z - np.max(z, axis, keepdims=True))
    return e / np.sum(e, axis, keepdims=True)
