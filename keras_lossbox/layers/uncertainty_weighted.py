"""`UncertaintyWeighted`: a model of several tasks that learns how much each of their losses counts."""

from typing import Any

import keras
from keras import ops

from keras_lossbox.core import replicas, targets
from keras_lossbox.core.adapt import adapt, counterpart
from keras_lossbox.core.registry import PACKAGE

KINDS = ("regression", "classification")
OF_NUMBERS = (  # losses of an error, which are never negative and have no scale of their own
    "MeanSquaredError",
    "MeanAbsoluteError",
    "RootMeanSquaredError",
    "Huber",
    "SmoothL1",
    "LogCosh",
    "Charbonnier",
    "GeneralRobust",
    "L1Norm",
    "L2Norm",
)


@keras.saving.register_keras_serializable(PACKAGE)
class UncertaintyWeighted(keras.Model):
    """A model with several outputs, and a learned weight for the loss of each of them.

        loss = Σ_i (w_i L_i + ½ s_i),   w_i = ½ exp(-s_i) for regression, exp(-s_i) for classification

    s_i = log σ_i², a weight of the model that begins at 0: the noise that the task is found to have. A task with large
    errors gets a small weight, and ½ s_i keeps that from growing without end. The loss of `fit` is this sum, so it may
    fall below 0; the log has each task's own loss, `NAME_loss`, and its weight w_i, `NAME_weight`.

    L_i is reduced over its task first, with its own weights and mask. A task of which a batch has no label (all masked,
    all of weight 0, as with `Masked`) adds nothing to the loss of that batch, s_i included.

    Args:
        model: a model with a dict of outputs, or a list of them.
        losses: a loss for each output, in a dict or list like the outputs: this package's, Keras's or your own. Not
            with reduction "none". The tasks of a list are called `output_0`, `output_1` …; a dict for a list of
            outputs has the names of its layers.
        kinds: `"regression"` or `"classification"` for each output, in the same form. None asks the losses: those of
            classes and of yes/no, and those of an error (squared, absolute, `Huber` …) know. Others have to be told: a
            likelihood has a scale of its own, so for one say `"classification"`; and a loss that falls below 0 has no
            weight that could be learned, for the larger, the better.
        positive: True adds log(1 + exp(s_i)) in the place of ½ s_i, which is never negative.
        **kwargs: `name`, as for any model.

    `compile` takes an optimizer and metrics, and no loss. Keras's `loss_weights` are for weights that are known. It is
    saved and reloaded with its weights; `.model` is the model without them, for `predict` elsewhere.

    Raises:
        ValueError: for losses or kinds that do not fit the outputs, or a loss given to `compile`.

    Example:

    >>> import keras, keras_lossbox
    >>> x = keras.Input((4,))
    >>> outputs = {"price": keras.layers.Dense(1)(x), "sold": keras.layers.Dense(1)(x)}
    >>> model = keras_lossbox.UncertaintyWeighted(
    ...     keras.Model(x, outputs),
    ...     {
    ...         "price": keras_lossbox.MeanSquaredError(),
    ...         "sold": keras_lossbox.BinaryCrossentropy(from_logits=True),
    ...     },
    ... )
    >>> model.compile("adam")
    >>> model.kinds
    {'price': 'regression', 'sold': 'classification'}

    Reference: Kendall, Gal and Cipolla, Multi-Task Learning Using Uncertainty to Weigh Losses, 2018,
    https://arxiv.org/abs/1705.07115; positive: Liebel and Körner, 2018, https://arxiv.org/abs/1805.06334
    """

    def __init__(self, model: keras.Model, losses: Any, kinds: Any = None, positive: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        if not isinstance(model, keras.Model):
            raise ValueError(f"UncertaintyWeighted: `model` must be a keras.Model. Received: model={model!r}")
        if not isinstance(losses, (dict, list, tuple)) or not losses:
            raise ValueError(
                "UncertaintyWeighted: `losses` must be a dict or list with a loss for each output of the model. "
                f"Received: losses={losses!r}"
            )
        self.model = model
        self.named = isinstance(losses, dict)
        self.task_losses = self._by_task(losses)
        self._check_outputs()
        self.built = self.model.built
        self._adapted = {task: _adapted(task, loss) for task, loss in self.task_losses.items()}
        self.kinds = self._kinds(kinds)
        self.positive = bool(positive)
        self.log_variances = [
            self.add_weight(
                shape=(), initializer="zeros", name=f"{task}_log_variance".replace("/", "_"), autocast=False
            )
            for task in self.task_losses
        ]
        self.loss_metrics = [keras.metrics.Mean(name=f"{task}_loss") for task in self.task_losses]
        self.weight_metrics = [keras.metrics.Mean(name=f"{task}_weight") for task in self.task_losses]

    def _check_outputs(self):
        """Whether there is a loss for each output, as far as that is known before data are seen."""
        outputs = getattr(self.model, "outputs", None)
        if not outputs:  # of a subclass
            return
        outputs = outputs[0] if len(outputs) == 1 else self.model.output
        names = list(self._by_task(outputs))
        if set(names) != set(self.task_losses):
            raise ValueError(
                "UncertaintyWeighted: `losses` must hold one loss for each of the model's outputs, which must be "
                f"several, in a dict or a list. Received: losses for {list(self.task_losses)}, outputs {names}"
            )

    def _kinds(self, kinds):
        if not isinstance(kinds, (dict, list, tuple, type(None))):
            raise ValueError(
                f"UncertaintyWeighted: `kinds` must be a dict or list, like the losses, or None. Received: {kinds!r}"
            )
        kinds = {} if kinds is None else self._by_task(kinds)
        if kinds and kinds.keys() != self.task_losses.keys():
            raise ValueError(
                f"UncertaintyWeighted: `kinds` must have one of {KINDS} for each of {list(self.task_losses)}. "
                f"Received: kinds={kinds!r}"
            )
        found = {task: kinds.get(task) or _kind(loss) for task, loss in self.task_losses.items()}
        for task, kind in found.items():
            if kind not in KINDS:
                raise ValueError(
                    f"UncertaintyWeighted: `kinds` must say {' or '.join(map(repr, KINDS))} for the output {task!r}, "
                    f"{self.task_losses[task]!r}. Received: {kind!r}"
                )
        return found

    def _by_task(self, structure):
        """A dict by the names of the tasks; those of a list are called by their places, or as the model's layers."""
        if isinstance(structure, dict):
            return dict(structure)
        if not isinstance(structure, (list, tuple)):
            return {"(a single one)": structure}
        layers = getattr(self.model, "output_names", None) or ()
        if self.named and len(layers) == len(structure):
            return dict(zip(layers, structure, strict=True))
        return {f"output_{place}": value for place, value in enumerate(structure)}

    def _of_tasks(self, argument, structure):
        """What belongs to each task, in the order of the losses."""
        given = self._by_task(structure)
        if given.keys() != self.task_losses.keys():
            raise ValueError(
                f"UncertaintyWeighted: `{argument}` must have an entry for each of {list(self.task_losses)}, in a "
                f"{'dict' if self.named else 'list'}. Received: {list(given)}"
            )
        return [given[task] for task in self.task_losses]

    def build(self, input_shape: Any) -> None:
        self.built = True

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        return self.model(inputs, training=training)

    def compile(self, optimizer: Any = "rmsprop", loss: Any = None, loss_weights: Any = None, **kwargs: Any) -> None:
        """Like any model's, but the losses are those that this model has already."""
        for name, value in (("loss", loss), ("loss_weights", loss_weights)):
            if value is not None:
                raise ValueError(
                    f"UncertaintyWeighted: `{name}` must not be given to `compile`: the model has its losses, and "
                    f"learns their weights. Received: {name}={value!r}"
                )
        super().compile(optimizer, **kwargs)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """(Keras asks a model with a `compile` of its own how a saved one is compiled.)"""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        labels, predictions = self._of_tasks("y", y), self._of_tasks("y_pred", y_pred)
        if sample_weight is None or not isinstance(sample_weight, (dict, list, tuple)):
            weights = [sample_weight] * len(labels)
        else:
            weights = self._of_tasks("sample_weight", sample_weight)
        total = sum(replicas.share(ops.sum(loss)) for loss in self.losses)
        for place, (task, data) in enumerate(
            zip(self.task_losses, zip(labels, predictions, weights, strict=True), strict=True)
        ):
            total = total + self._of_task(place, task, *data)
        return total

    def _of_task(self, place, task, y_true, y_pred, sample_weight):
        """What one task adds to the loss, and to the log."""
        loss = self._adapted[task](y_true, y_pred, sample_weight)
        log_variance = ops.cast(self.log_variances[place], loss.dtype)
        weight = ops.exp(-log_variance) * (0.5 if self.kinds[task] == "regression" else 1.0)
        more = ops.softplus(log_variance) if self.positive else log_variance / 2
        there = _has_labels(self._adapted[task], y_true, y_pred, sample_weight)
        self.loss_metrics[place].update_state(loss / replicas.share(ops.ones_like(loss)), there)
        self.weight_metrics[place].update_state(weight)
        return ops.where(there, weight * loss + replicas.share(more), 0)

    def get_config(self) -> dict[str, Any]:
        kinds = self.kinds if self.named else list(self.kinds.values())
        losses = {task: keras.losses.serialize(loss) for task, loss in self.task_losses.items()}
        return {
            "name": self.name,
            "model": keras.saving.serialize_keras_object(self.model),
            "losses": losses if self.named else list(losses.values()),
            "kinds": kinds,
            "positive": self.positive,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "UncertaintyWeighted":
        config = dict(config)
        model = keras.saving.deserialize_keras_object(config.pop("model"), custom_objects)
        losses = config.pop("losses")
        if isinstance(losses, dict):
            losses = {task: keras.losses.deserialize(loss, custom_objects) for task, loss in losses.items()}
        else:
            losses = [keras.losses.deserialize(loss, custom_objects) for loss in losses]
        return cls(model, losses, **config)


def _kind(loss):
    """Whether the labels of a loss are numbers or classes; None where it does not say."""
    while not hasattr(loss, "losses") and isinstance(getattr(loss, "loss", None), keras.losses.Loss):  # of a `Masked`
        loss = loss.loss
    if type(loss).__name__ in OF_NUMBERS:
        return "regression"
    like = counterpart(loss)
    declared = None if like is None else like.targets(ops.zeros((1, 2)))
    of_classes = isinstance(declared, targets.Signs) or getattr(declared, "activation", None) is not None
    return "classification" if of_classes else None


def _adapted(task, loss):
    """A loss as one of this package."""
    if not isinstance(loss, keras.losses.Loss) or loss.reduction in ("none", None):
        raise ValueError(
            f"UncertaintyWeighted: `losses` must hold instances of losses whose reduction is not 'none', as for the "
            f"output {task!r}. Received: {loss!r}"
        )
    return adapt(loss, reduction=loss.reduction)


def _has_labels(loss, y_true, y_pred, sample_weight):
    """Whether any label of the batch, on any replica, counts: a boolean."""
    counts = []
    for part in getattr(loss, "losses", [loss]):  # of a `WeightedSum`
        valid = adapt(part).prepare(y_true, y_pred, sample_weight, check_labels=False).valid
        counts.append(1.0 if valid is None else ops.sum(ops.cast(valid, "float32")))
    (count,) = replicas.add_up((ops.convert_to_tensor(sum(counts), "float32"),))
    return count > 0
