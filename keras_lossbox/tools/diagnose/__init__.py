"""`diagnose`: one batch through a model and its loss, and what looks wrong, in plain words."""

from keras_lossbox.tools.diagnose.case import Finding
from keras_lossbox.tools.diagnose.report import Diagnosis, diagnose

__all__ = ["Diagnosis", "Finding", "diagnose"]
