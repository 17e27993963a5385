"""Lovász extensions of the Jaccard loss, from the order of the pixels' errors."""

from keras import ops

from keras_lossbox.core.options import Choice, ClassesOrChoice
from keras_lossbox.core.registry import register
from keras_lossbox.functions.elementary import cumulative_sum, ratio
from keras_lossbox.losses.overlap.base import Overlap


@register
class LovaszSoftmax(Overlap):
    """The Lovász extension of the Jaccard loss, for segmentation: optimises intersection over union itself.

        loss = Σ_c w_c ℓ_c / Σ_c w_c,   ℓ = Σ_i e_i (J_i - J_{i-1}),   e = |y - p| in descending order,
        J_i = the Jaccard loss if exactly the first i pixels were wrong

    At hard predictions it is the Jaccard loss of them, between them it interpolates, linearly as long as the order of
    the errors stays. It needs a sort of the pixels; the authors fine-tune with it after cross-entropy, or add the two.
    The gradient follows the errors; the order is constant.

    Args:
        mode: see `Dice`; the paper's is `"multiclass"`.
        from_logits, reduction, name, dtype, class_weight, ignore_class, include_background: see `Dice`.
        per_sample: False sorts the pixels of the batch together (under `tf.distribute`, those of each replica); True
            for one value for each sample.
        classes: `"present"`, the authors' choice, leaves out of the mean what the labels lack; `"all"` takes the
            largest probability there; or a list of classes.

    Shapes: as for `Dice`. Weights of pixels weigh them inside J.

    Raises:
        ValueError: as `Dice`.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.LovaszSoftmax()
    >>> float(loss([[0, 1]], [[[0.75, 0.25], [0.5, 0.5]]]))  # the mean of 3/8 and 1/2
    0.4375

    Reference: Berman, Rannen Triki and Blaschko, The Lovász-Softmax loss, 2018, https://arxiv.org/abs/1705.08790
    """

    mode = Choice("binary", "multilabel", "multiclass", default="multiclass")
    classes = ClassesOrChoice("all", "present", default="present", keyword=True)

    def formula(self, y, p, layout):
        return lovasz_extension(self, y, ops.abs(y - p), layout)


@register
class LovaszHinge(Overlap):
    """The Lovász extension of the Jaccard loss with hinge errors, for segmentation of one region from logits.

        loss = Σ_i max(e_i, 0) (J_i - J_{i-1}),   e = 1 - z (2y - 1) in descending order,   J as in `LovaszSoftmax`

    As every hinge it is 0 only beyond a margin of 1 and grows without bound.

    Args:
        mode: `"binary"`, or `"multilabel"` for the class-weighted mean over regions that may overlap.
        reduction, name, dtype, class_weight, ignore_class, include_background: see `Dice`.
        per_sample, classes: see `LovaszSoftmax`; by default all classes are in the mean.

    Shapes: as for `Dice`; y_pred is logits.

    Raises:
        ValueError: as `Dice`, and for mode="multiclass".

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.LovaszHinge()
    >>> float(loss([[1, 0]], [[0.5, -3.0]]))  # errors 1/2 and -2
    0.5

    Reference: Berman, Rannen Triki and Blaschko, The Lovász-Softmax loss, 2018, https://arxiv.org/abs/1705.08790
    """

    mode = Choice("binary", "multilabel")
    from_logits = True  # no option: a hinge is one of logits
    most = float("inf")

    def predicted(self, batch):
        return batch.y_pred

    def formula(self, y, z, layout):
        errors = 1 - z * (2 * y - 1)
        return lovasz_extension(self, y, ops.where(errors < 0, 0, errors), layout)


def lovasz_extension(loss, y, errors, layout):
    """The extension at `errors` >= 0, and the mean over classes; what is left out weighs 0."""
    weights = ops.ones_like(y) if layout.kept is None else layout.kept * ops.ones_like(y)
    y_pixels, errors, weights = map(layout.pixels, (y, errors, weights))  # (n, pixels, classes)
    order = ops.argsort(-ops.stop_gradient(errors), 1)
    y_pixels, errors, weights = (ops.take_along_axis(x, order, 1) for x in (y_pixels, errors, weights))
    true = ops.sum(weights * y_pixels, 1, keepdims=True)
    common = true - cumulative_sum(weights * y_pixels, 1)  # of the pixels that are right, when the first ones are wrong
    outside = weights * (1 - y_pixels)
    union = true + cumulative_sum(outside, 1)
    # J_i - J_(i-1), each by itself: as a difference of neighbours it would have no digits in float32 on large images.
    gains = y_pixels + (1 - y_pixels) * ratio(common, union - outside)
    steps = weights * gains / ops.where(ops.equal(union, 0), 1, union)
    losses = ops.sum(errors * ops.stop_gradient(steps), 1)
    return loss.mean_over_classes(losses, true[:, 0] > 0, y)
