"""Losses for Keras 3 that are saved with the model, and that are right where weights, masks or shapes are unusual."""

from keras_lossbox.base import Loss, __version__, available, get
from keras_lossbox.binary import BalancedBinaryCrossentropy, BinaryCrossentropy, ZeroOne
from keras_lossbox.categorical import CategoricalCrossentropy, SparseCategoricalCrossentropy
from keras_lossbox.regression import (
    Huber,
    L1Norm,
    L2Norm,
    LogCosh,
    MeanAbsoluteError,
    MeanSquaredError,
    RootMeanSquaredError,
    SmoothL1,
)

__all__ = [
    "BalancedBinaryCrossentropy",
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "Huber",
    "L1Norm",
    "L2Norm",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "RootMeanSquaredError",
    "SmoothL1",
    "SparseCategoricalCrossentropy",
    "ZeroOne",
    "__version__",
    "available",
    "get",
]
