"""The usual metrics of what a loss is for, which read labels and predictions as it does; see `Loss.metrics`."""

import keras
import numpy as np

from keras_lossbox.core import targets
from keras_lossbox.core.loss import Loss
from keras_lossbox.losses.composite import Masked
from keras_lossbox.losses.focal import PenaltyReducedFocal, QualityFocal, Varifocal
from keras_lossbox.metrics.masked import MaskedMetric
from keras_lossbox.metrics.regions import DiceScore, IoUScore, RegionScore

OF_QUALITIES = (QualityFocal, Varifocal, PenaltyReducedFocal)  # whose labels are no yes or no


def usual_metrics(loss):
    """A list of new metrics; empty where nothing is usual, or the loss does not tell what it is for."""
    if isinstance(loss, Masked):
        inner = usual_metrics(loss.loss) if isinstance(loss.loss, Loss) else []
        return [MaskedMetric(metric, loss.ignore) for metric in inner if not isinstance(metric, RegionScore)]
    if type(loss).targets is Loss.targets:
        return []
    declared = loss.targets(np.zeros((1, 2), "float32"))
    if type(declared) is targets.Binary and not isinstance(loss, OF_QUALITIES):
        return _of_yes_no(bool(declared.from_logits))
    if isinstance(declared, targets.Classes):
        return _of_classes(declared, getattr(loss, "ignore_class", None))
    if isinstance(declared, targets.Regions):
        return _of_regions(loss, declared)
    if type(declared) is targets.Real and not getattr(loss, "log_input", False):
        return [keras.metrics.MeanAbsoluteError(), keras.metrics.RootMeanSquaredError()]
    return []


def _of_yes_no(from_logits):
    """At the probability 1/2, and over all thresholds."""
    return [
        keras.metrics.BinaryAccuracy(threshold=0.0 if from_logits else 0.5),
        keras.metrics.AUC(curve="PR", from_logits=from_logits, name="auc_pr"),
    ]


def _of_classes(declared, ignore_class):
    """Keras's metrics read the last axis, and tell indices from one-hot rows by their class."""
    if declared.axis != -1 or declared.labels not in ("indices", "one_hot"):
        return []
    if declared.labels == "one_hot":
        return [keras.metrics.CategoricalAccuracy()]
    accuracy = keras.metrics.SparseCategoricalAccuracy()
    return [accuracy if ignore_class is None else MaskedMetric(accuracy, ignore_class)]


def _of_regions(loss, declared):
    options = {name: getattr(loss, name) for name in ("ignore_class", "include_background") if hasattr(loss, name)}
    return [score(declared.mode, bool(declared.from_logits), **options) for score in (DiceScore, IoUScore)]
