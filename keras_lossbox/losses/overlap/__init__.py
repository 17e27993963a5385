"""Losses of overlap for segmentation: how far a predicted region and the true one cover each other.

y_pred is `(n, ..., classes)` with any number of axes of pixels between, or for one region (`mode="binary"`) of any
shape `(n, ...)`. `base.py` has what they share, `layout.py` how pixels and classes are arranged; a loss is what it
makes of the sums over pixels (`regions.py`, `correlation.py`), of thinned regions (`centerline.py`), or of the order of
their errors (`lovasz.py`).
"""

from keras_lossbox.losses.overlap import centerline, correlation, lovasz, regions

__all__ = ["centerline", "correlation", "lovasz", "regions"]
