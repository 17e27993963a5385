"""`MaskedMetric`: any metric with missing labels."""

from typing import Any

import keras
from keras import ops

from keras_lossbox.core import host
from keras_lossbox.core.construction import names_in_errors
from keras_lossbox.core.options import Missing
from keras_lossbox.core.registry import PACKAGE
from keras_lossbox.core.shapes import align_weights, to_tensor, with_sizes
from keras_lossbox.functions.elementary import sizes_of
from keras_lossbox.functions.labels import is_missing

OF_ROWS = (  # of Keras's metrics those that read a whole row of classes, labels or outputs
    keras.metrics.CategoricalAccuracy,
    keras.metrics.TopKCategoricalAccuracy,
    keras.metrics.CategoricalCrossentropy,
    keras.metrics.CategoricalHinge,
    keras.metrics.CosineSimilarity,
    keras.metrics.KLDivergence,
    keras.metrics.OneHotIoU,
    keras.metrics.OneHotMeanIoU,
)
OF_COLUMNS = (keras.metrics.FBetaScore, keras.metrics.R2Score)  # that have a number for each column


@keras.saving.register_keras_serializable(PACKAGE)
class MaskedMetric(keras.metrics.Metric):
    """Any metric with missing labels: what is missing does not count.

        result = the metric's of the entries, or rows, whose label is present

    The metric that goes with the loss `Masked`. Where the metric is one of single entries (`BinaryAccuracy`, `AUC`,
    `Precision`, `MeanAbsoluteError` …) each label may be missing by itself, and those of all columns count together.
    Where it is one of rows (`CategoricalAccuracy`, `SparseCategoricalAccuracy`, `OneHotMeanIoU` …) a row is missing if
    its label is, or any entry of it. Masks of layers (`Embedding(mask_zero=True)`, `Masking`) leave rows out as well.

    Args:
        metric: a metric of Keras's or your own, or a name that Keras knows ("AUC"). It must read its `sample_weight`.
            Not `F1Score`, `FBetaScore`, `R2Score` or `AUC(multi_label=True)`: they have a number for each column, and
            would need one weight for each entry; take one metric for each column.
        ignore: the label that says "missing": NaN, or a number such as -1.
        name: by default the metric's.
        dtype: of the result; by default the metric's.

    Shapes: those of the metric. Weights `(n, ...)` fit the labels from the left.

    Raises:
        ValueError: for an option out of its range, a metric of columns, or weights that do not fit.

    Example:

    >>> import keras, keras_lossbox
    >>> metric = keras_lossbox.MaskedMetric(keras.metrics.BinaryAccuracy())
    >>> metric.update_state([[1.0, float("nan")], [0.0, 1.0]], [[0.9, 0.9], [0.2, 0.4]])
    >>> round(float(metric.result()), 4)  # two of the three that are labelled
    0.6667

    Reference: Kendall, Gal and Cipolla, 2018, https://arxiv.org/abs/1705.07115 (tasks with labels of their own)
    """

    ignore = Missing("nan")

    def __init__(self, metric: Any, ignore: float | str = "nan", name: str | None = None, dtype: Any = None) -> None:
        given, metric = metric, keras.metrics.get(metric)
        if not isinstance(metric, keras.metrics.Metric) or isinstance(metric, MaskedMetric):
            raise ValueError(f"MaskedMetric: `metric` must be a metric. Received: metric={given!r}")
        if isinstance(metric, OF_COLUMNS) or getattr(metric, "multi_label", False):
            raise ValueError(
                f"MaskedMetric: `metric` must not have a number for each column, as {type(metric).__name__} has; take "
                f"one metric for each column. Received: metric={metric!r}"
            )
        super().__init__(name=name or metric.name, dtype=dtype or metric.dtype)
        self.metric = metric
        with names_in_errors("MaskedMetric"):
            self.ignore = ignore

    @host.as_written
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch."""
        layer_mask = host.mask_of(y_pred)
        with names_in_errors("MaskedMetric"):
            y_true, y_pred = to_tensor("y_true", y_true, self.dtype), to_tensor("y_pred", y_pred, self.dtype)
            y_pred = ops.expand_dims(y_pred, -1) if len(y_pred.shape) == 1 else y_pred
            y_true = ops.expand_dims(y_true, -1) if len(y_true.shape) < len(y_pred.shape) else y_true
            *rows, columns = sizes_of(y_pred)
            of_indices = y_true.shape[-1] == 1 and columns != 1
            y_true = with_sizes(y_true, y_pred, (*rows, 1 if of_indices else columns))
            by_row = of_indices or isinstance(self.metric, OF_ROWS)
            missing = is_missing(y_true, self.ignore)
            present = ops.logical_not(ops.any(missing, -1) if by_row else missing)
            weights = self._weights(present, layer_mask, sample_weight)
        columns = columns if by_row else 1
        y_true = ops.reshape(ops.where(missing, ops.zeros_like(y_true), y_true), (-1, 1 if of_indices else columns))
        self.metric.update_state(y_true, ops.reshape(y_pred, (-1, columns)), sample_weight=ops.reshape(weights, (-1,)))

    def _weights(self, present, layer_mask, sample_weight):
        """One for each entry or row: that given, and 0 where the label is missing."""
        if layer_mask is not None:
            present = ops.logical_and(present, align_weights("mask", layer_mask, sizes_of(present)))
        if sample_weight is None:
            return ops.cast(present, self.metric.dtype)
        weights = to_tensor("sample_weight", sample_weight, self.dtype)  # in its dtype: metrics that count look at it
        return ops.where(
            present, align_weights("sample_weight", weights, sizes_of(present)), ops.zeros((), weights.dtype)
        )

    def result(self) -> Any:
        """The metric of everything added since the last reset."""
        return self.metric.result()

    def reset_state(self) -> None:
        """Forgets everything that was added."""
        self.metric.reset_state()

    def get_config(self) -> dict[str, Any]:
        """The metric, what is missing, the name and the dtype."""
        metric = keras.metrics.serialize(self.metric)
        return {"metric": metric, "ignore": self.ignore, "name": self.name, "dtype": self.dtype}
