"""`compare`: losses on the same data, weights and budget, over several seeds; `suggest`: which ones to compare."""

from keras_lossbox.tools.comparison.result import Comparison
from keras_lossbox.tools.comparison.run import compare
from keras_lossbox.tools.comparison.suggest import Suggestion, suggest

__all__ = ["Comparison", "Suggestion", "compare", "suggest"]
