"""The losses: a file is a kind of data, a class is a loss. Importing this package registers them."""

from keras_lossbox.losses import (
    binary,
    categorical,
    composite,
    counts,
    divergence,
    focal,
    likelihood,
    margin,
    ordinal,
    overlap,
    quantile,
    regression,
    robust,
    scores,
    similarity,
    survival,
)

__all__ = [
    "binary",
    "categorical",
    "composite",
    "counts",
    "divergence",
    "focal",
    "likelihood",
    "margin",
    "ordinal",
    "overlap",
    "quantile",
    "regression",
    "robust",
    "scores",
    "similarity",
    "survival",
]
