"""`LossSchedule`: another loss from some epoch on, in one call of `fit`."""

from collections.abc import Callable, Mapping
from typing import Any

import keras

from keras_lossbox.core import host
from keras_lossbox.core.construction import names_in_errors
from keras_lossbox.core.loss import Loss


class LossSchedule(keras.callbacks.Callback):
    """Changes the loss of a model between epochs; the optimizer and the metrics go on as they are.

    For a focal γ that grows, a term that warms up, one loss first and another later. The result is that of one `fit`
    for each loss, compiled with the same optimizer. A model that is saved on the way has the loss of that moment;
    loaded and given the same schedule and `initial_epoch`, it goes on. Each change traces the model again, which takes
    seconds for a large one: so losses change with epochs, and not with steps.

    Args:
        schedule: a dict of losses by the epoch that each begins with, counted from 0 as `fit` does, or a function of
            the epoch that returns its loss. A loss is anything that `compile` takes; for a model of several outputs a
            dict or list of losses, of the same outputs in each epoch. (`loss_weights` stay.) Before the first epoch of
            a dict the model keeps the loss that it has: in a second `fit` that is the last one of the first, so say
            `0:` too for a model that is trained several times. A loss that equals the last one changes nothing.

    The losses in the log are those of the moment: let `EarlyStopping` watch a metric that does not change, such as a
    `MeanLoss`.

    Raises:
        ValueError: for a schedule of another form, or in `fit` for a model that is not compiled with a loss, for losses
            of other outputs than before, or for "crossentropy" among several, which Keras chooses by the labels.

    Example:

    >>> import keras, keras_lossbox, numpy as np
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> model.compile("sgd", keras_lossbox.BinaryCrossentropy(from_logits=True))
    >>> focal = keras_lossbox.BinaryFocalCrossentropy(gamma=2.0, from_logits=True)
    >>> schedule = keras_lossbox.LossSchedule({2: focal})
    >>> _ = model.fit(np.ones((4, 2)), np.ones((4, 1)), epochs=3, callbacks=[schedule], verbose=0)
    >>> model.loss
    BinaryFocalCrossentropy(from_logits=True)

    Reference: Bengio et al., Curriculum Learning, 2009, https://doi.org/10.1145/1553374.1553380
    """

    def __init__(self, schedule: Mapping[int, Any] | Callable[[int], Any]) -> None:
        super().__init__()
        if isinstance(schedule, Mapping):
            right = bool(schedule) and all(type(epoch) is int and epoch >= 0 for epoch in schedule)
            right = right and not any(loss is None or _holds_a_class(loss) for loss in schedule.values())
        else:
            right = callable(schedule) and not isinstance(schedule, (keras.losses.Loss, type))
        if not right:
            raise ValueError(
                "LossSchedule: `schedule` must be a dict of losses by the epoch that each begins with, such as "
                "{0: first, 5: second}, keys of the type int, or a function of the epoch that returns a loss. "
                f"Received: {schedule!r}"
            )
        self.schedule = dict(schedule) if isinstance(schedule, Mapping) else schedule

    def loss_at(self, epoch: int) -> Any:
        """The loss of an epoch; None where the model's own stays."""
        if not isinstance(self.schedule, dict):
            return self.schedule(epoch)
        begun = [first for first in self.schedule if first <= epoch]
        return self.schedule[max(begun)] if begun else None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Gives the model the loss of the epoch, where that is another one."""
        loss = self.loss_at(epoch)
        if loss is None or _is_same(loss, self.model.loss):
            return
        with names_in_errors("LossSchedule"):
            if not host.has_loss(self.model):
                raise ValueError(
                    "the model must be compiled with a loss. "
                    f"Received: a model with loss={getattr(self.model, 'loss', None)!r}"
                )
            host.exchange_loss(self.model, loss)


def _holds_a_class(loss):
    """Whether it is a class, or one of several losses is, in place of an instance."""
    return any(isinstance(part, type) for part in keras.tree.flatten(loss))


def _is_same(loss, other):
    """Whether it is the same loss, or one of the same class with the same options; of several, whether all are."""
    if isinstance(loss, Mapping):
        same = isinstance(other, Mapping) and loss.keys() == other.keys()
        return same and all(_is_same(loss[output], other[output]) for output in loss)
    if isinstance(loss, (list, tuple)):
        return isinstance(other, (list, tuple)) and len(loss) == len(other) and all(map(_is_same, loss, other))
    if isinstance(loss, Loss) and type(loss) is type(other):  # (Keras's may hold arrays, and hide options.)
        return loss.get_config() == other.get_config()
    return loss is other or (isinstance(loss, str) and loss == other)
