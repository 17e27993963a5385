"""Losses for targets of one class out of several: y_pred holds the classes along one axis."""

from keras import ops

from keras_lossbox import chunked, numerics, shapes
from keras_lossbox.base import Loss, register
from keras_lossbox.options import Flag, Integer, Number


class _Categorical(Loss):
    """What losses over several classes share."""

    head = "softmax"
    from_logits = Flag()
    label_smoothing = Number(0, 1)
    axis = Integer()

    def __init__(self, from_logits, label_smoothing, axis, reduction, name, dtype):
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis

    def align(self, y_true, y_pred):
        return shapes.align_labels(type(self).__name__, y_true, y_pred, self.axis)

    def call(self, y_true, y_pred, from_logits):
        def option(name):
            return self.along(name, y_pred, self.axis)

        if self.label_smoothing or len(y_true.shape) == len(y_pred.shape):
            predicted = numerics.probabilities(y_pred, from_logits, self.axis)
            return self.over_labels(self.cost(predicted, option), y_true)
        predicted = numerics.probability_of(type(self).__name__, y_pred, y_true, from_logits, self.axis)
        return self.cost(predicted, lambda name: numerics.of_labels(option(name), y_true))

    def cost(self, predicted, option):
        """What a class of this `numerics.Probability` costs if it is the label's; `option(name)` fits its tensors."""
        raise NotImplementedError

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


class _Sparse(_Categorical):
    """What losses of class indices share: the labels stay integers, and one of them may be ignored."""

    ignore_class = Integer(optional=True)
    chunk_size = None  # rows of logits held at once behind a `LinearHead`; None: by their size

    def align(self, y_true, y_pred):
        return shapes.align_indices(type(self).__name__, y_true, y_pred, self.axis)

    def compute_mask(self, y_true, y_pred):
        return None if self.ignore_class is None else ops.not_equal(y_true, self.ignore_class)

    def reduced(self, y_true, y_pred, sample_weight=None):
        usable = self.from_logits and self.axis == -1 and self._call_takes == {"from_logits"}
        head = chunked.head_behind(y_pred) if usable else None
        self.__dict__["_last_path"] = "ordinary" if head is None else "chunked"
        if head is None:
            return super().reduced(y_true, y_pred, sample_weight)
        return chunked.reduced(self, head, y_true, y_pred, sample_weight, self.chunk_size)

    @property
    def last_path(self):
        """How the last call computed: "chunked" (from what a `LinearHead` was given), "ordinary", or None before it."""
        return self.__dict__.get("_last_path")


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
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)
        self.class_weight = class_weight

    def call(self, y_true, y_pred, from_logits):
        if not from_logits:
            return super().call(y_true, y_pred, from_logits)
        y = numerics.smooth_classes(y_true, self.label_smoothing, self.axis)
        y = numerics.times(y, self.along("class_weight", y_pred, self.axis))
        return numerics.crossentropy(y, y_pred, self.axis)

    def cost(self, predicted, option):
        return numerics.times(-predicted.log_p, option("class_weight"))

    def align(self, y_true, y_pred):
        return shapes.align_distribution(type(self).__name__, y_true, y_pred, self.axis)


@register
class SparseCategoricalCrossentropy(_Sparse):
    """Cross-entropy of integer targets, with label smoothing, class weights and an ignored class.

        loss = -(1 - ε) w_y log p_y - (ε/C) Σ_c w_c log p_c  + λ (log Σ_c exp z_c)²

    The number is that of `CategoricalCrossentropy` with the labels one-hot, in less time and memory. A drop-in
    superset of `keras.losses.SparseCategoricalCrossentropy`: the same positional parameters, defaults and numbers.
    Beside it, `label_smoothing`, `class_weight` and any `axis` (Keras's on TensorFlow takes the last only).
    For a large vocabulary give it the output of a `keras_lossbox.LinearHead`: the logits are then never held.

    Args:
        from_logits: as in `CategoricalCrossentropy`.
        ignore_class: a label that does not count (255 or -1 in many segmentation maps): its entries are masked, and
            left out of the mean. It need not be a valid class. None counts all.
        axis: the axis of the classes in y_pred.
        reduction, name, dtype: see `Loss`.
        label_smoothing: ε in [0, 1].
        class_weight: w >= 0, a list with one number for each class (or one number).
        z_loss: λ >= 0: keeps the logits z near a softmax's normaliser of 1 (PaLM: 1e-4). With from_logits=True only.
        chunk_size: rows of logits that are held at once where y_pred comes from a `LinearHead`; by default as many as
            fit into 64 MiB. Elsewhere without effect.

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

    Reference: as for `CategoricalCrossentropy`; z-loss: Chowdhery et al., PaLM, 2022, section 5,
    https://arxiv.org/abs/2204.02311
    """

    class_weight = Number(0, per="class", optional=True)
    z_loss = Number(0)
    chunk_size = Integer(low=1, optional=True)

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
        z_loss=0.0,
        chunk_size=None,
    ):
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)
        self.ignore_class = ignore_class
        self.class_weight = class_weight
        self.z_loss = z_loss
        self.chunk_size = chunk_size
        if self.z_loss and not self.from_logits:
            raise ValueError(
                "SparseCategoricalCrossentropy: `z_loss` must be 0 unless from_logits=True: probabilities have lost "
                f"their normaliser. Received: z_loss={z_loss!r}, from_logits={from_logits!r}"
            )

    def call(self, y_true, y_pred, from_logits):
        loss = self._crossentropy(y_true, y_pred, from_logits)
        if not self.z_loss:
            return loss
        normaliser = ops.squeeze(sum(numerics.log_sum_exp(y_pred, self.axis)), self.axis)
        return loss + self.z_loss * ops.square(normaliser)

    def _crossentropy(self, y_true, y_pred, from_logits):
        if not (self.label_smoothing and from_logits):
            return super().call(y_true, y_pred, from_logits)
        kind, smoothing, w = type(self).__name__, self.label_smoothing, self.class_weight
        if w is None:
            return numerics.smoothed_surprisal(kind, y_pred, y_true, smoothing, self.axis)
        option = self.along("class_weight", y_pred, self.axis)
        mean_w = sum(w) / len(w) if isinstance(w, list) else w
        of_label = (1 - smoothing) * numerics.of_labels(option, y_true) + smoothing * mean_w
        surprisal = numerics.smoothed_surprisal(kind, y_pred, y_true, 0, self.axis)
        z_label = numerics.at_labels(kind, y_pred, y_true, self.axis)
        above_mean = mean_w * z_label - numerics.mean(option * y_pred, self.axis)
        return of_label * surprisal + smoothing * above_mean  # everything but lse - z_y is linear in z

    def cost(self, predicted, option):
        return numerics.times(-predicted.log_p, option("class_weight"))


@register
class Poly1Crossentropy(_Categorical):
    """Cross-entropy with its first Taylor coefficient moved: more weight, or less, on what is not yet certain.

        loss = -log p_y + ε₁ (1 - p_y)

    The cross-entropy is Σ_j (1 - p)^j / j; ε₁ is added to the first coefficient, 1. At ε₁ = 0 it is the cross-entropy.

    Args:
        epsilon: ε₁ >= -1; the authors found positive values (1 to 2) good for images, negative ones for 3-D detection.
        from_logits, label_smoothing, axis, reduction, name, dtype: as in `CategoricalCrossentropy`.
        class_weight: a weight >= 0 for each class, of both terms.

    Shapes: y_pred `(n, ..., classes)`; y_true alike (one-hot or soft), or class indices without that axis.

    Raises:
        ValueError: for an option out of its range, shapes that do not fit, labels that are no class.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.Poly1Crossentropy(epsilon=2.0)
    >>> round(float(loss([1], [[0.5, 0.5]])), 4)  # log 2 + 2 * 0.5
    1.6931

    Reference: Leng et al., PolyLoss, 2022, https://arxiv.org/abs/2204.12511
    """

    epsilon = Number(-1)
    class_weight = Number(0, per="class", optional=True)

    def __init__(
        self,
        epsilon=1.0,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name=None,
        dtype=None,
        *,
        class_weight=None,
    ):
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)
        self.epsilon = epsilon
        self.class_weight = class_weight

    def cost(self, predicted, option):
        return numerics.times(self.epsilon * predicted.miss - predicted.log_p, option("class_weight"))


@register
class GeneralizedCrossentropy(_Categorical):
    """Between cross-entropy and mean absolute error: robust where a part of the labels is wrong.

        loss = (1 - p_y^q) / q

    q → 0 is the cross-entropy, q = 1 is 1 - p_y, half the mean absolute error: bounded, so that a label the model
    finds absurd cannot pull without limit. Large q learns slowly.

    Args:
        q: in (0, 1]; the authors' value for 40 % wrong labels is the default.
        from_logits, label_smoothing, axis, reduction, name, dtype: as in `CategoricalCrossentropy`.

    Shapes: y_pred `(n, ..., classes)`; y_true alike (one-hot or soft), or class indices without that axis.

    Raises:
        ValueError: for an option out of its range, shapes that do not fit, labels that are no class.

    Example:

    >>> import keras_lossbox
    >>> float(keras_lossbox.GeneralizedCrossentropy(q=1.0)([1], [[0.75, 0.25]]))
    0.75

    Reference: Zhang and Sabuncu, Generalized Cross Entropy Loss, 2018, https://arxiv.org/abs/1805.07836
    """

    q = Number(0, 1, above=True)

    def __init__(
        self,
        q=0.7,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name=None,
        dtype=None,
    ):
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)
        self.q = q

    def cost(self, predicted, option):
        return numerics.one_minus_exp(self.q * predicted.log_p) / self.q


@register
class SymmetricCrossentropy(_Categorical):
    """Cross-entropy plus the cross-entropy with labels and predictions exchanged, for partly wrong labels.

        loss = α CE + β RCE,   CE = -Σ_c y_c log p_c,   RCE = -Σ_c p_c log clip(y_c, label_clip, 1)

    RCE is bounded, like the mean absolute error, and CE keeps it learning.

    Args:
        alpha: α >= 0. The authors: 0.1 for CIFAR-10, 6 for CIFAR-100.
        beta: β >= 0. The authors: 1 for CIFAR-10, 0.1 for CIFAR-100.
        from_logits, label_smoothing, axis, reduction, name, dtype: as in `CategoricalCrossentropy`.
        label_clip: in (0, 1]: what a label of 0 counts as inside the logarithm.

    Shapes: y_pred `(n, ..., classes)`; y_true alike (one-hot or soft), or class indices without that axis.

    Raises:
        ValueError: for an option out of its range, shapes that do not fit, labels that are no class.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.SymmetricCrossentropy(alpha=0.0, beta=1.0, label_clip=0.1)
    >>> round(float(loss([1], [[0.75, 0.25]])), 4)  # -0.75 log 0.1
    1.7269

    Reference: Wang et al., Symmetric Cross Entropy for Robust Learning, 2019, https://arxiv.org/abs/1908.06112
    """

    alpha = Number(0)
    beta = Number(0)
    label_clip = Number(0, 1, above=True)

    def __init__(
        self,
        alpha=0.1,
        beta=1.0,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name=None,
        dtype=None,
        *,
        label_clip=1e-4,
    ):
        super().__init__(from_logits, label_smoothing, axis, reduction, name, dtype)
        self.alpha = alpha
        self.beta = beta
        self.label_clip = label_clip

    def call(self, y_true, y_pred, from_logits):
        log_p = numerics.probabilities(y_pred, from_logits, self.axis).log_p
        y = numerics.one_hot(type(self).__name__, y_true, log_p, self.axis)
        y = numerics.smooth_classes(y, self.label_smoothing, self.axis)
        log_y = ops.log(ops.clip(y, self.label_clip, 1))
        return -ops.sum(self.alpha * y * log_p + self.beta * ops.exp(log_p) * log_y, self.axis)
