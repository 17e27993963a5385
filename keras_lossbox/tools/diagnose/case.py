"""One output and its loss on one batch, as the checks of `diagnose` see them."""

import dataclasses
import functools

import keras
import numpy as np
from keras import ops

from keras_lossbox.core import host, targets
from keras_lossbox.core.adapt import counterpart, option_of
from keras_lossbox.core.loss import Loss
from keras_lossbox.core.registry import snake_case
from keras_lossbox.losses.composite import Masked, WeightedSum


@dataclasses.dataclass(frozen=True)
class Finding:
    """One suspicious thing. `severity`: "error" (fails, or learns something else), "warning" or "note"."""

    severity: str
    code: str
    subject: str
    message: str
    suggestion: str


def in_short(error):
    """An error as one line."""
    return " ".join(str(error).split())[:400]


def current(variables):
    """Their values, as `stateless_call` takes them."""
    return [variable.value for variable in variables]


def predict(model, values, x):
    """The outputs for these trainable values, without a trace in the model, whatever its layers do."""
    return model.stateless_call(values, current(model.non_trainable_variables), x, training=False)[0]


def _last_activation(model, position):
    """The name of the activation that an output comes from, where that is plain to see."""
    try:
        sequential = isinstance(model, keras.Sequential)
        layer = model.layers[-1] if sequential else model.get_layer(model.output_names[position])
    except (AttributeError, IndexError, ValueError):  # a loss alone, a subclass of Model, an operation that is no layer
        return None
    if isinstance(layer, keras.Model):
        return _last_activation(layer, 0)
    layer = layer.layer if isinstance(layer, keras.layers.TimeDistributed) else layer
    if isinstance(layer, keras.layers.Softmax):
        return "softmax"
    of_keras = type(layer).__module__.startswith("keras.")  # elsewhere `activation` may be used in the middle
    return getattr(getattr(layer, "activation", None), "__name__", None) if of_keras else None


class _Function(keras.losses.Loss):
    def __init__(self, function):
        super().__init__(name=function.__name__)
        self.call = function


def as_loss(loss):
    """What `compile` makes of a name, a function or a class."""
    loss = loss() if isinstance(loss, type) else keras.losses.get(loss)
    if isinstance(loss, keras.losses.Loss):
        return loss
    classes = {snake_case(name): cls for name, cls in vars(keras.losses).items() if isinstance(cls, type)}
    of_keras = getattr(keras.losses, loss.__name__, None) is loss and loss.__name__ in classes
    return classes[loss.__name__]() if of_keras else _Function(loss)


@dataclasses.dataclass
class Case:
    """One output and its loss, or one part of the loss."""

    of: str
    model: keras.Model | None
    x: object
    all_y: np.ndarray
    y: np.ndarray
    weights: np.ndarray | None
    position: int
    y_pred: object
    loss: keras.losses.Loss
    metrics: list = dataclasses.field(default_factory=list)  # of pairs: a metric, whether sample weights reach it

    def __post_init__(self):
        self.activation = _last_activation(self.model, self.position)
        self.like = counterpart(self.loss)
        self.inner = self.loss.loss if isinstance(self.loss, Masked) else self.loss  # the one whose options are read
        self.named = type(self.inner).__name__
        self.from_logits = option_of(self.inner, "from_logits")

    def finding(self, severity, code, subject, message, suggestion):
        return Finding(severity, code, subject + self.of, message, suggestion)

    def parts(self):
        """A case for each loss of a sum."""
        parts = self.loss.losses if isinstance(self.loss, WeightedSum) else [self.loss]
        return [dataclasses.replace(self, loss=part) for part in parts]

    @functools.cached_property
    def kind(self):
        """What the labels are: "binary", "classes", "regression", or None where the loss does not tell."""
        declares = getattr(self.like, "loss", self.like)  # a loss that masks another tells what that one does
        if not isinstance(declares, Loss) or type(declares).targets is Loss.targets:
            return None
        kind, rank = self.like.targets(self.y_pred), len(self.y_pred.shape)
        if isinstance(kind, targets.Classes) and kind.labels == "logits":
            return None
        if kind.activation == "softmax" or isinstance(kind, targets.Classes):
            return "classes" if -rank <= kind.label_axis < rank else None
        if isinstance(kind, (targets.Binary, targets.Regions)):
            return "binary"
        return "regression" if type(kind) is targets.Real else None

    @functools.cached_property
    def class_axis(self):
        """The axis of y_pred that holds the classes."""
        return self.like.targets(self.y_pred).label_axis

    @functools.cached_property
    def aligned(self):
        """(labels, predictions, which are valid) as the loss would see them, classes last; or why it refuses them."""
        try:
            batch = self.like.prepare(self.y, self.y_pred, self.weights, check_labels=False)
        except Exception as error:  # the loss may be a user's
            return in_short(error)
        p = np.asarray(ops.convert_to_numpy(self.y_pred)).reshape(batch.y_pred.shape)  # not the logits behind it
        y, valid = np.asarray(ops.convert_to_numpy(batch.y_true)), batch.valid_entries
        valid = np.ones((), bool) if valid is None else np.asarray(ops.convert_to_numpy(valid), bool)
        valid = np.broadcast_to(valid, p.shape)
        axis = self.class_axis if self.kind == "classes" else batch.axis
        if axis is None:
            return y, p, valid
        last = functools.partial(np.moveaxis, source=axis, destination=-1)
        return last(y) if y.ndim == p.ndim else y, last(p), last(valid)

    @functools.cached_property
    def missing(self):
        """Which labels an option of the loss leaves out, and which have weight 0: arrays that can be broadcast."""
        if self.like is None or isinstance(self.aligned, str):
            return np.zeros(1, bool), np.zeros(1, bool)
        batch = self.like.prepare(self.y, self.y_pred, self.weights, check_labels=False)
        ignored, no = self.like.ignored(batch), np.zeros((), bool)
        missing = no if ignored is None else np.asarray(ops.convert_to_numpy(ignored), bool)
        if batch.layer_mask is not None:  # which metrics know of
            missing = missing & np.asarray(ops.convert_to_numpy(batch.layer_mask), bool)
        return missing, no if batch.weights is None else np.asarray(ops.convert_to_numpy(batch.weights)) == 0

    @functools.cached_property
    def valid(self):
        """(labels, predictions) that are valid: rows for several classes, else elements; empty if they do not fit."""
        if self.like is None or isinstance(self.aligned, str):
            return np.zeros(0), np.zeros(0)
        y, p, valid = self.aligned
        valid = valid[..., 0] if self.kind == "classes" else valid
        while valid.ndim > y.ndim:  # labels lack axes of y_pred
            valid = valid[..., 0]
        if y.ndim == p.ndim and y.shape != p.shape:  # parameters of a distribution, or several predictions of a label
            return y[np.broadcast_to(valid[..., :1], y.shape)], p[valid]
        return y[valid], p[valid]

    def with_labels(self, y):
        """The loss of the batch, had it these labels."""
        return float(ops.sum(self.loss(y, self.y_pred, self.weights)))

    @functools.cached_property
    def outcome(self):
        """(value, gradients) of the loss on the batch, by the weights or else by y_pred; or its error in words."""

        def total(values):
            y_pred = values[0] if self.model is None else predict(self.model, values, self.x)
            return ops.sum(self.loss(self.y, keras.tree.flatten(y_pred)[self.position], self.weights))

        start = [ops.convert_to_tensor(self.y_pred, "float32")] if self.model is None else None
        try:
            value, gradients = host.value_and_gradients(total, start or current(self.model.trainable_variables))
            return float(value), [np.asarray(ops.convert_to_numpy(gradient), "float32") for gradient in gradients]
        except Exception as error:  # whatever it is, the user wants to hear about it
            return in_short(error)
