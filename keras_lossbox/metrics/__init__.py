"""Metrics that go with the losses, for `compile(metrics=…)` and `evaluate`."""

from keras_lossbox.core.mean_loss import MeanLoss
from keras_lossbox.metrics.masked import MaskedMetric
from keras_lossbox.metrics.perplexity import Perplexity
from keras_lossbox.metrics.regions import DiceScore, IoUScore

__all__ = ["DiceScore", "IoUScore", "MaskedMetric", "MeanLoss", "Perplexity"]
