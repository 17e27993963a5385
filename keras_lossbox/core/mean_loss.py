"""`MeanLoss`: the streaming mean of any loss, as a metric."""

from typing import Any

import keras
from keras import ops

from keras_lossbox.core import compiled, host
from keras_lossbox.core.adapt import adapt
from keras_lossbox.core.construction import names_in_errors
from keras_lossbox.core.options import deserialize
from keras_lossbox.core.registry import PACKAGE, snake_case
from keras_lossbox.functions.elementary import divide_no_nan


@keras.saving.register_keras_serializable(PACKAGE)
class MeanLoss(keras.metrics.Metric):
    """The weighted mean of a loss over all samples seen, whatever the sizes of the batches.

        result = Σ w·value / Σ w     (its root, for `RootMeanSquaredError(scope="batch")`)

    `loss` in Keras's log is a mean of batch means instead. Masks and sample weights are handled as the loss handles
    them; give the metric to `weighted_metrics` to have the weights of `fit` reach it. A loss that counts a statistic
    in the batch (`BalancedBinaryCrossentropy`) is averaged as it was in each batch.

    Args:
        loss: a loss: this package's, Keras's or your own. Its `reduction` does not matter. Not a `WeightedSum`, whose
            `.metrics()` gives one of these for each part.
        name: by default the loss's class in snake_case.
        dtype: of the sums; `keras.config.floatx()` by default.

    Raises:
        ValueError: if `loss` is not an instance of a loss.

    Example:

    >>> import keras_lossbox
    >>> metric = keras_lossbox.MeanLoss(keras_lossbox.RootMeanSquaredError())
    >>> metric.update_state([[0.0], [0.0], [0.0]], [[3.0], [4.0], [0.0]])
    >>> metric.update_state([[0.0]], [[5.0]])
    >>> round(float(metric.result()), 4)  # sqrt((9 + 16 + 25) / 4)
    3.5355

    Reference: `tf.compat.v1.metrics.mean_squared_error`, for any loss
    """

    def __init__(self, loss: keras.losses.Loss, name: str | None = None, dtype: Any = None) -> None:
        if isinstance(loss, dict):
            loss = deserialize(loss)
        if not isinstance(loss, keras.losses.Loss) or hasattr(loss, "losses"):
            raise ValueError(
                "MeanLoss: `loss` must be an instance of a loss; for a WeightedSum use its .metrics(). "
                f"Received: loss={loss!r}"
            )
        super().__init__(name=name or snake_case(type(loss).__name__), dtype=dtype)
        self.loss = loss
        self._adapted = adapt(loss)
        self.total = self.add_variable(shape=(), initializer="zeros", dtype=self.dtype, name="total")
        self.divisor = self.add_variable(shape=(), initializer="zeros", dtype=self.dtype, name="divisor")

    @host.as_written
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch."""
        with names_in_errors(type(self.loss if type(self) is MeanLoss else self).__name__):
            batch = self._adapted.prepare(y_true, y_pred, sample_weight)
            total, divisor = compiled.score(self._adapted, batch, "mean_with_sample_weight")
        self.total.assign_add(ops.cast(total, self.dtype))
        self.divisor.assign_add(ops.cast(ops.convert_to_tensor(divisor, total.dtype), self.dtype))

    def result(self) -> Any:
        """The mean over everything added since the last reset; 0 before."""
        return self._adapted.finish(divide_no_nan(self.total.value, self.divisor.value))

    def get_config(self) -> dict[str, Any]:
        """The loss, the name and the dtype."""
        return {"loss": keras.losses.serialize(self.loss), "name": self.name, "dtype": self.dtype}
