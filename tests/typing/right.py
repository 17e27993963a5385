"""Right calls: mypy has nothing to say about them. `test_types.py` checks it, and runs them."""

import keras
import numpy as np
from keras import ops

import keras_lossbox
from keras_lossbox import Batch, Loss, Values, plots, targets, tf1

# Losses: every kind of option, positional and by name, and what is common to all.
keras_lossbox.BinaryCrossentropy(True, 0.1, None, "sum", "mine", "float64", pos_weight=3)
keras_lossbox.BinaryCrossentropy(pos_weight=[1.0, 2.0], axis=None, reduction=None)
keras_lossbox.BinaryCrossentropy(pos_weight=np.array([1.0, 2.0]), reduction="none")
keras_lossbox.BinaryCrossentropy(pos_weight=keras_lossbox.pos_weight_from_labels([[1, 0], [0, 1]]))
keras_lossbox.SparseCategoricalCrossentropy(True, None, "sum", -1)
keras_lossbox.SparseCategoricalCrossentropy(class_weight=keras_lossbox.class_weight_from_labels([0, 1, 1]))
keras_lossbox.CategoricalFocalCrossentropy(alpha=(0.5, 2), gamma=1)
keras_lossbox.Huber(2, dtype=keras.DTypePolicy("float32"))
keras_lossbox.RootMeanSquaredError(scope="sample")
keras_lossbox.Dice(axis=[1, 2], smooth=1)
keras_lossbox.Tversky(0.3, 0.7, mode="multiclass", class_weight=[1.0, 2.0])
keras_lossbox.ZeroOne(surrogate=None)

# Losses made of losses.
both = keras_lossbox.WeightedSum([keras_lossbox.Huber(), keras.losses.Poisson()], [1, 0.5])
names: list[str] = [metric.name for metric in both.metrics()]
total = keras_lossbox.Huber() + 0.5 * keras_lossbox.LogCosh()
total.metrics()
keras_lossbox.Masked(keras_lossbox.Huber(), ignore=-1, normalize="all")
keras_lossbox.Masked(keras_lossbox.Huber(), ignore=float("nan"))

# What a loss has and gives.
loss = keras_lossbox.Huber(delta=2.0)
value = float(loss([[1.0]], [[2.0]], sample_weight=[1.0]))
config: dict[str, object] = loss.get_config()
again: Loss = keras_lossbox.Huber.from_config(config)
keras_lossbox.get("huber", delta=2.0)([[1.0]], [[2.0]])
keras_lossbox.available()["huber"](delta=2.0)


# A loss of one's own.
class Pinball(keras_lossbox.Loss, package="typing"):
    def __init__(self, quantile: float = 0.5, reduction: str | None = "sum_over_batch_size") -> None:
        super().__init__(reduction=reduction)
        self.quantile = quantile

    def targets(self, y_pred: object) -> targets.Real:
        return targets.Real(axis=-1)

    def compute(self, batch: Batch) -> Values:
        error = batch.y_true - batch.y_pred
        return batch.values(ops.mean(ops.maximum(self.quantile * error, (self.quantile - 1) * error), -1))


Pinball(0.9)([[1.0]], [[2.0]])


class Halved(keras_lossbox.Huber, package="typing"):
    def call(self, y_true, y_pred):
        return super().call(y_true, y_pred) / 2


Halved(delta=2.0)([[1.0]], [[2.0]])

# The rest.
metric = keras_lossbox.MeanLoss(loss, name="huber")
metric.update_state([[1.0]], [[2.0]])
keras_lossbox.LinearHead(10, use_bias=False, logit_softcap=30)
found: str = keras_lossbox.diagnose(loss, [[1.0]], [[2.0]], verbose=False).to_dict().__repr__()
reasons: list[str] = [reason for _, reason in keras_lossbox.suggest([0, 1], kind="binary")]
weights: list[float] = keras_lossbox.class_balanced_weights([3, 1], beta=0.9)
tf1.huber_loss([1.0], [2.0], weights=[1.0], delta=2, reduction=tf1.Reduction.SUM)
tf1.sigmoid_cross_entropy_with_logits(labels=[1.0], logits=[0.0])
draw = plots.plot_loss
