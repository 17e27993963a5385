"""Losses for Keras 3 that are saved with the model, and that are right where weights, masks or shapes are unusual."""

from keras_lossbox import metrics, plots, tf1
from keras_lossbox.base import Loss, __version__, available, get
from keras_lossbox.binary import BalancedBinaryCrossentropy, BinaryCrossentropy, ZeroOne
from keras_lossbox.categorical import (
    CategoricalCrossentropy,
    GeneralizedCrossentropy,
    Poly1Crossentropy,
    SparseCategoricalCrossentropy,
    SymmetricCrossentropy,
)
from keras_lossbox.combine import Masked, WeightedSum
from keras_lossbox.diagnosis import diagnose
from keras_lossbox.focal import (
    AsymmetricLoss,
    AsymmetricSingleLabel,
    BinaryFocalCrossentropy,
    CategoricalFocalCrossentropy,
    SparseCategoricalFocalCrossentropy,
)
from keras_lossbox.heads import LinearHead
from keras_lossbox.metrics import MeanLoss
from keras_lossbox.overlap import Dice, FocalTversky, GeneralizedDice, Jaccard, LovaszHinge, LovaszSoftmax, Tversky
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
from keras_lossbox.weights import class_balanced_weights, class_weight_from_labels, pos_weight_from_labels

__all__ = [
    "AsymmetricLoss",
    "AsymmetricSingleLabel",
    "BalancedBinaryCrossentropy",
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "Dice",
    "FocalTversky",
    "GeneralizedCrossentropy",
    "GeneralizedDice",
    "Huber",
    "Jaccard",
    "L1Norm",
    "L2Norm",
    "LinearHead",
    "LogCosh",
    "Loss",
    "LovaszHinge",
    "LovaszSoftmax",
    "Masked",
    "MeanAbsoluteError",
    "MeanLoss",
    "MeanSquaredError",
    "Poly1Crossentropy",
    "RootMeanSquaredError",
    "SmoothL1",
    "SparseCategoricalCrossentropy",
    "SparseCategoricalFocalCrossentropy",
    "SymmetricCrossentropy",
    "Tversky",
    "WeightedSum",
    "ZeroOne",
    "__version__",
    "available",
    "class_balanced_weights",
    "class_weight_from_labels",
    "diagnose",
    "get",
    "metrics",
    "plots",
    "pos_weight_from_labels",
    "tf1",
]
