"""Losses of sequences of classes whose place in time is not known, as in speech and handwriting."""

from keras import ops

from keras_lossbox.core import targets
from keras_lossbox.core.loss import Loss
from keras_lossbox.core.options import Flag, Integer
from keras_lossbox.core.registry import register
from keras_lossbox.functions.elementary import sizes_of


@register
class CTC(Loss):
    """Connectionist temporal classification: how unlikely a sequence of labels is, wherever in time its labels stand.

        loss = -log Σ over the paths of the labels  Π_t softmax(z_t)[path_t]

    A path names a class for each time step; it is one of the labels if they are left once repeated classes are taken
    for one and the blanks are removed. A drop-in superset of `keras.losses.CTC`, which takes every sample for as long
    as y_pred: here a mask of time steps (`Masking`, `Embedding(mask_zero=True)`) says how long it is. The value is that
    of a sample, not divided by the number of its labels, as PyTorch's mean is. On TensorFlow it is computed in float32,
    for float64 too.

    Args:
        reduction, name, dtype: see `Loss`.
        blank: the class that is no label; below 0 from the end: -1 is the last class.
        zero_infinity: whether a sample counts as 0, and not as infinite, if it has fewer time steps than its labels
            need (with a blank between equal ones).

    Shapes: y_pred logits `(n, time, classes)`; y_true class indices `(n, length)`, padded at the end with the blank or
        with numbers below 0. One value per sample, `(n,)`; sample weights `(n,)`.

    Raises:
        ValueError: for other shapes, or a label that is no class. A mask with a gap, or padding before a label, makes
            the sample's loss NaN.

    Example:

    >>> import keras_lossbox
    >>> z = [[[0.0, 0.0], [0.0, 0.0]]]  # two time steps, of which 3 of 4 paths give "1": 1-, -1, 11
    >>> round(float(keras_lossbox.CTC()([[1]], z)), 4)  # -log(3/4)
    0.2877

    Reference: Graves et al., 2006, https://www.cs.toronto.edu/~graves/icml_2006.pdf
    """

    blank = Integer(0, keyword=True)
    zero_infinity = Flag(False, keyword=True)

    def targets(self, y_pred):
        classes = y_pred.shape[-1]
        if classes is not None and not -classes <= self.blank < classes:
            raise ValueError(f"`blank` must be a class, of which there are {classes}. Received: blank={self.blank}")
        return targets.Sequences()

    def compute(self, batch):
        labels, blank = batch.y_true, self.blank % sizes_of(batch.y_pred)[-1]
        steps = ops.broadcast_to(True if batch.mask is None else batch.mask, sizes_of(batch.y_pred)[:2])
        times, lengths = count(steps), count(ops.logical_and(labels >= 0, ops.not_equal(labels, blank)))
        first = ops.arange(sizes_of(labels)[1]) < ops.expand_dims(lengths, -1)
        repeats = count(ops.logical_and(first[:, 1:], ops.equal(labels[:, 1:], labels[:, :-1])))
        possible = times >= lengths + repeats
        labels = ops.where(ops.logical_and(first, ops.expand_dims(possible, -1)), labels, blank)
        gap = ops.any(ops.logical_and(steps[:, 1:], ops.logical_not(steps[:, :-1])), -1)
        undefined = ops.logical_or(gap, ops.any(labels < 0, -1))
        values = ops.ctc_loss(
            ops.maximum(labels, 0),
            batch.y_pred,
            ops.where(possible, lengths, 0),
            ops.maximum(times, 1),
            mask_index=blank,
        )
        values = ops.where(possible, values, 0.0 if self.zero_infinity else float("inf"))
        return batch.values(ops.where(undefined, float("nan"), values))


def count(x):
    """How many along the last axis are true."""
    return ops.sum(ops.cast(x, "int32"), -1)
