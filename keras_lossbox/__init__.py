"""Losses for Keras 3 that are saved with the model, and that are right where weights, masks or shapes are unusual."""

import keras_lossbox.core.requirements  # before all that imports Keras
import keras_lossbox.losses  # importing them registers them
from keras_lossbox import config, metrics, plots, tf1
from keras_lossbox.core import replicas, targets
from keras_lossbox.core.batch import Batch, Values
from keras_lossbox.core.loss import Loss
from keras_lossbox.core.registry import __version__, available, get
from keras_lossbox.layers import ContrastiveHead, CosineHead, LinearHead, OrdinalHead, ordinal_probabilities
from keras_lossbox.layers.uncertainty_weighted import UncertaintyWeighted
from keras_lossbox.metrics import DiceScore, IoUScore, MaskedMetric, MeanLoss, Perplexity
from keras_lossbox.tools.comparison import compare, suggest
from keras_lossbox.tools.diagnose import diagnose
from keras_lossbox.tools.ordinal import ordinal_labels
from keras_lossbox.tools.retrieval import RetrievalEvaluator, map_at_r, recall_at_k
from keras_lossbox.tools.schedule import LossSchedule
from keras_lossbox.tools.weights import class_balanced_weights, class_weight_from_labels, pos_weight_from_labels

__all__ = [
    "Batch",
    "ContrastiveHead",
    "CosineHead",
    "DiceScore",
    "IoUScore",
    "LinearHead",
    "Loss",
    "LossSchedule",
    "MaskedMetric",
    "MeanLoss",
    "OrdinalHead",
    "Perplexity",
    "RetrievalEvaluator",
    "UncertaintyWeighted",
    "Values",
    "__version__",
    "available",
    "class_balanced_weights",
    "class_weight_from_labels",
    "compare",
    "config",
    "diagnose",
    "get",
    "map_at_r",
    "metrics",
    "ordinal_labels",
    "ordinal_probabilities",
    "plots",
    "pos_weight_from_labels",
    "recall_at_k",
    "replicas",
    "suggest",
    "targets",
    "tf1",
]
for _loss in available().values():  # every registered loss; `__init__.pyi` lists them for editors and type checkers
    globals()[_loss.__name__] = _loss
    __all__.append(_loss.__name__)
__all__.sort()


def __getattr__(name: str) -> None:
    raise keras_lossbox.core.registry.no_attribute(name)
