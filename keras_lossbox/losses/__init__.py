"""The losses: a file is a kind of data, a class is a loss. Importing this package registers them."""

from keras_lossbox.losses import binary, categorical, composite, divergence, focal, margin, overlap, regression

__all__ = ["binary", "categorical", "composite", "divergence", "focal", "margin", "overlap", "regression"]
