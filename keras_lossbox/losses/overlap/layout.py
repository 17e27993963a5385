"""How the entries of y_pred are arranged: samples (or one, the batch), pixels, classes (or one, the region)."""

from typing import Any, NamedTuple

from keras import ops

from keras_lossbox.core import replicas
from keras_lossbox.functions.elementary import sizes_of


class Layout(NamedTuple):
    """The arrangement, and what each entry weighs in it."""

    by_sample: bool  # whether each sample is summed by itself
    one_region: bool  # whether the last axis holds pixels like the others, not classes
    kept: Any = None  # 0 where an entry is left out, else its weight; None for 1 everywhere

    def sums(self, x):
        """The sums over pixels, `(n, classes)`; over the batch on all replicas `(1, classes)`."""
        x = x if self.kept is None else x * self.kept
        axes = tuple(range(1, len(x.shape) if self.one_region else len(x.shape) - 1))
        x = ops.sum(x, axes) if axes else x  # of each sample first: XLA divides the work between cores by samples
        x = ops.expand_dims(x, -1) if self.one_region else x
        return x if self.by_sample else replicas.add_up(ops.sum(x, 0, keepdims=True))

    def pixels(self, x):
        """`x` of the shape of y_pred as `(n, pixels, classes)`, with one sample for a whole batch."""
        classes = 1 if self.one_region else sizes_of(x)[-1]
        return ops.reshape(x, (sizes_of(x)[0] if self.by_sample else 1, -1, classes))

    def for_each_sample(self, values, y_pred):
        """One value for each sample, `(n,)`; that of a whole batch is the same for all of its samples."""
        return values if self.by_sample else ops.broadcast_to(values, sizes_of(y_pred)[:1])


def pixel_weights(valid, weights, like):
    """What each entry weighs: 0 where it is not `valid`, else its weight, where these are inside the sums."""
    kept = None if valid is None else ops.cast(valid, like.dtype)
    if weights is None:
        return kept
    return weights if kept is None else kept * weights
