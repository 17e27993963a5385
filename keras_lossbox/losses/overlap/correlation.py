"""The loss of overlap that also counts what lies outside of both regions."""

from keras import ops

from keras_lossbox.core.registry import register
from keras_lossbox.functions.elementary import divide_no_nan, safe_sqrt
from keras_lossbox.losses.overlap.base import Overlap


@register
class MCC(Overlap):
    """One minus the Matthews correlation coefficient of labels and predictions, for segmentation.

        loss = Σ_c w_c ℓ_c / Σ_c w_c,   ℓ = 1 - (TP TN - FP FN) / √((TP + FP) (TP + FN) (TN + FP) (TN + FN))
        TP = Σ p y,   FP = Σ p (1 - y),   FN = Σ (1 - p) y,   TN = Σ (1 - p) (1 - y)

    Unlike `Dice` it does not change if the region and its background are exchanged, and counts what is rightly left
    empty. From 0 to 2: 1 is a prediction that knows nothing, 2 the region for its background. Where labels or
    predictions are all alike the correlation is 0 / 0, and ℓ is 1, without a gradient; over the batch, the default,
    that is rare.

    Args:
        mode, from_logits, reduction, name, dtype, per_sample: see `Dice`.
        classes, class_weight, ignore_class, include_background: see `Dice`.

    Shapes: as for `Dice`.

    Raises:
        ValueError: as `Dice`.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.MCC()
    >>> round(float(loss([[1, 1, 0, 0]], [[1.0, 0.0, 0.0, 0.0]])), 4)  # 1 - 1 · 2 / √(1 · 2 · 2 · 3)
    0.4226

    Reference: Abhishek and Hamarneh, Matthews Correlation Coefficient Loss for Deep Convolutional Networks, 2021,
    https://arxiv.org/abs/2010.13454
    """

    most = 2.0

    def formula(self, y, p, layout):
        pixels = layout.sums(ops.ones_like(p))
        # Shares of all pixels, since a product of four counts overflows; each added up, since differences would cancel.
        true_pos, false_pos, false_neg, true_neg = (
            divide_no_nan(layout.sums(x), pixels) for x in (p * y, p * (1 - y), (1 - p) * y, (1 - p) * (1 - y))
        )
        predicted = safe_sqrt((true_pos + false_pos) * (true_neg + false_neg))
        true = safe_sqrt((true_pos + false_neg) * (true_neg + false_pos))
        correlation = divide_no_nan(true_pos * true_neg - false_pos * false_neg, predicted * true)
        return self.mean_over_classes(1 - correlation, true_pos + false_neg > 0, y)
