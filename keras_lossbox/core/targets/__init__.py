"""Kinds of data: what labels and predictions are, and how labels are aligned to predictions.

A loss declares its kind once, in `targets`; alignment, masks, the check of labels, `diagnose` and the pictures all go
by it.
"""

from keras_lossbox.core.targets.classes import Binary, Classes, Cosines, Ordered, Regions, Sequences, Signs, Views
from keras_lossbox.core.targets.pairs import Distances, Matches, Pairs, Tuples
from keras_lossbox.core.targets.real import (
    Boxes,
    Images,
    Lists,
    Parameters,
    Places,
    Real,
    Repeated,
    Survival,
    Unaligned,
)

__all__ = [
    "Binary",
    "Boxes",
    "Classes",
    "Cosines",
    "Distances",
    "Images",
    "Lists",
    "Matches",
    "Ordered",
    "Pairs",
    "Parameters",
    "Places",
    "Real",
    "Regions",
    "Repeated",
    "Sequences",
    "Signs",
    "Survival",
    "Tuples",
    "Unaligned",
    "Views",
]
