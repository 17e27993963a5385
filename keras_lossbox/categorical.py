"""Losses for targets of one class out of several: y_pred holds the classes along one axis."""

from keras import ops

from keras_lossbox import numerics, shapes
from keras_lossbox.base import Loss, register
from keras_lossbox.options import Flag, Integer, Number


class _Categorical(Loss):
    """What losses over several classes share."""

    head = "softmax"
    from_logits = Flag()
    label_smoothing = Number(0, 1)
    axis = Integer()

    def over_labels(self, x, y_true):
        """Σ_c y_c x_c along the axis of the classes, for y smoothed to y (1 - ε) + ε/C; y one-hot, soft or indices."""
        dense = len(y_true.shape) == len(x.shape)
        if dense:
            at_labels = ops.sum(y_true * x, self.axis)
        else:
            at_labels = numerics.at_labels(type(self).__name__, x, y_true, self.axis)
        if not self.label_smoothing:
            return at_labels
        return (1 - self.label_smoothing) * at_labels + self.label_smoothing * numerics.mean(x, self.axis)


@register
class CategoricalCrossentropy(_Categorical):
    """Cross-entropy of one-hot or soft targets, with weights for the classes.

        loss = -Σ_c w_c y_c log p_c,   y smoothed to y (1 - ε) + ε/C

    A drop-in superset of `keras.losses.CategoricalCrossentropy`: the same positional parameters, defaults and
    numbers. Beside it, `class_weight`, and a right gradient for target rows that do not sum to 1 (TensorFlow's fused
    kernel assumes that they do). For integer targets see `SparseCategoricalCrossentropy`.

    Args:
        from_logits: True if y_pred is logits; False if it is probabilities, which are divided by their sum along
            `axis` and then clipped to [1e-7, 1 - 1e-7] (`keras.config.epsilon()`), with the gradient kept.
        label_smoothing: ε in [0, 1].
        axis: the axis of the classes.
        reduction, name, dtype: see `Loss`.
        class_weight: w >= 0, a list with one number for each class (or one number), for the terms of the sum as in
            PyTorch's `CrossEntropyLoss(weight)`. PyTorch's mean then divides by the sum of the samples' weights, the
            reductions here by their number.

    Shapes: y_true and y_pred alike, `(n, ..., classes)`; one value per sample, `(n, ...)`.

    Raises:
        ValueError: for an option out of its range, different shapes, a single class, or a `class_weight` of the
            wrong length.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.CategoricalCrossentropy(class_weight=[1.0, 2.0])
    >>> round(float(loss([[0, 1]], [[0.25, 0.75]])), 4)  # -2 log 0.75
    0.5754

    Reference: Goodfellow, Bengio and Courville, Deep Learning, 2016, section 6.2.2; label smoothing: Szegedy et al.,
    2016, https://arxiv.org/abs/1512.00567
    """

    class_weight = Number(0, per="class", optional=True)

    def __init__(
        self,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name=None,
        dtype=None,
        *,
        class_weight=None,
    ):
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis
        self.class_weight = class_weight

    def call(self, y_true, y_pred, from_logits):
        log_p = numerics.log_probabilities(y_pred, from_logits, self.axis)
        if self.class_weight is not None:
            log_p = self.along("class_weight", y_pred, self.axis) * log_p
        return -self.over_labels(log_p, y_true)

    def align(self, y_true, y_pred):
        return shapes.align_distribution(type(self).__name__, y_true, y_pred, self.axis)


@register
class SparseCategoricalCrossentropy(_Categorical):
    """Cross-entropy of integer targets, with label smoothing, class weights and an ignored class.

        loss = -(1 - ε) w_y log p_y - (ε/C) Σ_c w_c log p_c

    The number is that of `CategoricalCrossentropy` with the labels one-hot, but no one-hot is ever built. A drop-in
    superset of `keras.losses.SparseCategoricalCrossentropy`: the same positional parameters, defaults and numbers.
    Beside it, `label_smoothing`, `class_weight` and any `axis` (Keras's on TensorFlow takes the last only).

    Args:
        from_logits: as in `CategoricalCrossentropy`.
        ignore_class: a label that does not count (255 or -1 in many segmentation maps): its entries are masked, and
            left out of the mean. It need not be a valid class. None counts all.
        axis: the axis of the classes in y_pred.
        reduction, name, dtype: see `Loss`.
        label_smoothing: ε in [0, 1].
        class_weight: w >= 0, a list with one number for each class (or one number).

    Shapes: y_pred `(n, ..., classes)`; y_true without the axis of the classes, or with that axis of size 1. Integer
        labels of any dtype stay integers; floating labels must be whole numbers.

    Raises:
        ValueError: for an option out of its range, shapes that do not fit, a single class, a `class_weight` of the
            wrong length. A label outside 0 ... C-1 raises in eager mode; in a compiled graph, where values cannot be
            looked at, the loss is NaN. It is never a number.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.SparseCategoricalCrossentropy(ignore_class=-1)
    >>> round(float(loss([1, -1], [[0.25, 0.75], [0.5, 0.5]])), 4)  # -log 0.75
    0.2877

    Reference: as for `CategoricalCrossentropy`.
    """

    ignore_class = Integer(optional=True)
    class_weight = Number(0, per="class", optional=True)

    def __init__(
        self,
        from_logits=False,
        ignore_class=None,
        axis=-1,
        reduction="sum_over_batch_size",
        name=None,
        dtype=None,
        *,
        label_smoothing=0.0,
        class_weight=None,
    ):
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.from_logits = from_logits
        self.ignore_class = ignore_class
        self.axis = axis
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight

    def call(self, y_true, y_pred, from_logits):
        log_p = numerics.log_probabilities(y_pred, from_logits, self.axis)
        if self.class_weight is not None:
            log_p = self.along("class_weight", y_pred, self.axis) * log_p
        return -self.over_labels(log_p, y_true)

    def align(self, y_true, y_pred):
        return shapes.align_indices(type(self).__name__, y_true, y_pred, self.axis)

    def compute_mask(self, y_true, y_pred):
        return None if self.ignore_class is None else ops.not_equal(y_true, self.ignore_class)
