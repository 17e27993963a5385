"""The loss of overlap that looks at the middle of thin structures."""

import functools

from keras import ops

from keras_lossbox.core.options import Integer, Number
from keras_lossbox.core.registry import register
from keras_lossbox.functions.elementary import divide_no_nan, ratio
from keras_lossbox.losses.overlap.base import Overlap


@register
class CenterlineDice(Overlap):
    """One minus the centerline Dice (clDice), for segmentation of vessels, roads and other thin structures.

        loss = Σ_c w_c ℓ_c / Σ_c w_c,   ℓ = 1 - 2 P R / (P + R)
        P = (Σ S(p) y + s) / (Σ S(p) + s),   R = (Σ S(y) p + s) / (Σ S(y) + s)

    S is the soft skeleton: what `iterations` erosions and openings (minima and maxima over neighbouring pixels) leave
    of a region, about its centerline. P is the share of the predicted centerline that lies in the region, R the share
    of the true one that was found. So a gap in a thin vessel costs much, and a wall that is thicker or thinner nothing:
    the authors add `Dice`, `Dice(…) + CenterlineDice(…)`. As for `Dice`, two empty regions have a loss of 0, and of one
    that is empty it is 1.

    Args:
        mode, from_logits, reduction, name, dtype, per_sample: see `Dice`.
        iterations: k >= 1; as many as half the width, in pixels, of the thickest structure, or more. (What is thicker
            has no centerline, and if nothing has one, R or P is 1.)
        smooth: s >= 0, added to numerators and denominators.
        classes, class_weight, ignore_class, include_background: see `Dice`.

    Shapes: as for `Dice`; the axes of pixels are one to three, neighbours are those along them. (Samples without such
        an axis are pixels without neighbours, whose loss is that of `Dice`.)

    Raises:
        ValueError: as `Dice`.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.CenterlineDice()
    >>> vessel = [[[0, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]]]
    >>> broken = [[[0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0]]]
    >>> round(float(loss(vessel, broken)), 4)  # all of the predicted centerline is right, and 3 of 4 pixels are found
    0.1429

    Reference: Shit et al., clDice, a Novel Topology-Preserving Loss Function for Tubular Structure Segmentation, 2021,
    https://arxiv.org/abs/2003.07311
    """

    iterations = Integer(3, low=1, keyword=True)
    smooth = Number(0.0, low=0, keyword=True)

    def formula(self, y, p, layout):
        if layout.kept is not None:  # what is left out is no neighbour either
            y, p = (ops.where(layout.kept > 0, x, 0) for x in (y, p))
        axes = range(1, len(p.shape) - (not layout.one_region))
        predicted, true = (soft_skeleton(x, axes, self.iterations) for x in (p, y))
        precision, recall = (
            ratio(layout.sums(skeleton * region) + self.smooth, layout.sums(skeleton) + self.smooth)
            for skeleton, region in ((predicted, y), (true, p))
        )
        index = divide_no_nan(2 * precision * recall, precision + recall)
        return self.mean_over_classes(1 - index, layout.sums(y) > 0, y)


def soft_skeleton(x, axes, iterations):
    """What each erosion of x leaves that an opening would not, added up like probabilities."""
    if not axes:
        return x
    skeleton = ops.zeros_like(x)
    for _ in range(iterations + 1):
        eroded = erosion(x, axes)
        rest = ops.relu(x - dilation(eroded, axes))
        skeleton = skeleton + ops.relu(rest - skeleton * rest)
        x = eroded
    return skeleton


def erosion(x, axes):
    """The smallest of a pixel and those beside it along each of the axes."""
    return functools.reduce(smaller, (functools.reduce(smaller, neighbours(x, axis)) for axis in axes))


def dilation(x, axes):
    """The largest of a pixel and those around it, corners as well."""
    for axis in axes:
        x = functools.reduce(larger, neighbours(x, axis))
    return x


def smaller(x, y):
    """The minimum. (`ordered` would also share the gradient of ties; `keras.ops.minimum` rounds on PyTorch.)"""
    return ops.where(x < y, x, y)


def larger(x, y):
    """The maximum."""
    return ops.where(x > y, x, y)


def neighbours(x, axis):
    """x, and x moved by one either way, where the border repeats itself."""
    before = [slice(None)] * axis
    first, last = x[(*before, slice(0, 1))], x[(*before, slice(-1, None))]
    from_second, to_last_but_one = x[(*before, slice(1, None))], x[(*before, slice(0, -1))]
    return x, ops.concatenate([first, to_last_but_one], axis), ops.concatenate([from_second, last], axis)
