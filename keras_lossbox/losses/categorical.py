"""Losses for targets of one class out of several: y_pred holds the classes along one axis."""

from keras import ops

from keras_lossbox.core import targets
from keras_lossbox.core.loss import Loss
from keras_lossbox.core.options import Flag, Integer, Number
from keras_lossbox.core.registry import register
from keras_lossbox.functions.categorical import (
    categorical,
    categorical_at_labels,
    crossentropy,
    log_p_at_labels,
    log_sum_exp,
    per_class,
)
from keras_lossbox.functions.elementary import multiply_optional, one_minus_exp
from keras_lossbox.functions.labels import expected, one_hot, smooth_classes


class Categorical(Loss):
    """The cost of each class as a formula of its probability; the labels select or weigh the classes."""

    from_logits = Flag(False)
    label_smoothing = Number(0.0, low=0, high=1)
    axis = Integer(-1)

    labels = "either"  # or "one_hot", or "indices": the labels that it takes, see `targets.Classes`
    ignore_class = None

    @property
    def jit_compile(self):
        """Not in graphs where the softmax is all there is to do for each class: XLA's is slower than TensorFlow's."""
        return not self.from_logits or self.labels != "indices" or bool(self.label_smoothing) or "eager"

    def targets(self, y_pred):
        return targets.Classes(self.axis, self.from_logits, labels=self.labels)

    def ignored(self, batch):
        return None if self.ignore_class is None else ops.equal(batch.y_true, self.ignore_class)

    def compute(self, batch):
        y, y_pred, axis = batch.y_true, batch.y_pred, batch.axis
        if self.label_smoothing or len(y.shape) == len(y_pred.shape):
            costs = self.formula(categorical(y_pred, batch.from_logits, axis))
            return batch.values(expected(costs, y, self.label_smoothing, axis))
        return batch.values(self.formula(categorical_at_labels(y_pred, y, batch.from_logits, axis)))

    def formula(self, p):
        """The cost of a class, from its `functions.categorical.Categorical`."""
        raise NotImplementedError


@register
class CategoricalCrossentropy(Categorical):
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

    class_weight = Number(None, low=0, per="class", keyword=True)
    labels = "one_hot"

    @property
    def jit_compile(self):
        return not self.from_logits or "eager"

    def compute(self, batch):
        if not batch.from_logits:
            return super().compute(batch)
        y = smooth_classes(batch.y_true, self.label_smoothing, batch.axis)
        weight = per_class(self.class_weight, y, batch.axis)
        return batch.values(crossentropy(multiply_optional(y, weight), batch.y_pred, batch.axis))

    def formula(self, p):
        return multiply_optional(-p.log_p, p.per_class(self.class_weight))


@register
class SparseCategoricalCrossentropy(
    Categorical, positional=("from_logits", "ignore_class", "reduction", "axis", "name", "dtype")
):
    """Cross-entropy of integer targets, with label smoothing, class weights and an ignored class.

        loss = -(1 - ε) w_y log p_y - (ε/C) Σ_c w_c log p_c  + λ (log Σ_c exp z_c)²

    The number is that of `CategoricalCrossentropy` with the labels one-hot, in less time and memory. A drop-in
    superset of `keras.losses.SparseCategoricalCrossentropy`: the same positional parameters, defaults and numbers.
    Beside it, `label_smoothing`, `class_weight` and any `axis` (Keras's on TensorFlow takes the last only).
    For a large vocabulary give it the output of a `keras_lossbox.LinearHead`: the logits are then never held.

    Args:
        from_logits: as in `CategoricalCrossentropy`.
        ignore_class: a label to ignore (255 or -1 in many segmentation maps): its entries are masked, and left out of
            the mean. It need not be a valid class. None ignores none.
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
            wrong length. So does a label outside 0 ... C-1 in eager mode. In `fit` on a CPU it is TensorFlow's
            InvalidArgumentError, with the labels and the range; under XLA, which cannot fail, the loss is NaN.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.SparseCategoricalCrossentropy(ignore_class=-1)
    >>> round(float(loss([1, -1], [[0.25, 0.75], [0.5, 0.5]])), 4)  # -log 0.75
    0.2877

    Reference: as for `CategoricalCrossentropy`; z-loss: Chowdhery et al., PaLM, 2022, section 5,
    https://arxiv.org/abs/2204.02311
    """

    ignore_class = Integer(None)
    class_weight = Number(None, low=0, per="class", keyword=True)
    z_loss = Number(0.0, low=0, keyword=True)
    chunk_size = Integer(None, low=1, keyword=True)
    labels = "indices"
    by_rows = True

    @property
    def jit_compile(self):
        return not self.from_logits or (self.class_weight is not None and bool(self.label_smoothing)) or "eager"

    def __post_init__(self):
        if self.z_loss and not self.from_logits:
            raise ValueError(
                "`z_loss` must be 0 unless from_logits=True: probabilities have lost their normaliser. "
                f"Received: z_loss={self.z_loss!r}, from_logits={self.from_logits!r}"
            )

    def compute(self, batch):
        if not batch.from_logits or self.class_weight is not None:
            values = super().compute(batch).values
        else:
            values = -log_p_at_labels(batch.y_pred, batch.y_true, batch.axis, self.label_smoothing)
        if self.z_loss:
            top, log_sum = log_sum_exp(batch.y_pred, batch.axis)
            values = values + self.z_loss * ops.square(ops.squeeze(top, batch.axis) + log_sum)
        return batch.values(values)

    def formula(self, p):
        return multiply_optional(-p.log_p, p.per_class(self.class_weight))


@register
class Poly1Crossentropy(Categorical):
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

    epsilon = Number(1.0, low=-1)
    class_weight = Number(None, low=0, per="class", keyword=True)

    def formula(self, p):
        return multiply_optional(-p.log_p + self.epsilon * p.one_minus_p, p.per_class(self.class_weight))


@register
class GeneralizedCrossentropy(Categorical):
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

    q = Number(0.7, low=0, high=1, above=True)

    def formula(self, p):
        return one_minus_exp(self.q * p.log_p) / self.q


@register
class CategoricalGeneralizedCrossEntropy(GeneralizedCrossentropy, positional=("q", "reduction", "name", "dtype")):
    """`GeneralizedCrossentropy` by Keras's name, with Keras's default of q.

        loss = (1 - p_y^q) / q

    A drop-in superset of `keras.losses.CategoricalGeneralizedCrossEntropy`. Beside its options logits, one-hot labels,
    any axis, and a finite gradient at a probability of 0 (clipped to 1e-7, which makes the loss there 0.03 % smaller).

    Args:
        q: in (0, 1]; the smaller, the more it is a cross-entropy.
        reduction, name, dtype: see `Loss`.
        from_logits, label_smoothing, axis: as in `CategoricalCrossentropy`.

    Shapes: y_pred `(n, ..., classes)`; y_true alike (one-hot or soft), or class indices without that axis.

    Raises:
        ValueError: for an option out of its range, shapes that do not fit, labels that are no class.

    Example:

    >>> import keras_lossbox
    >>> float(keras_lossbox.CategoricalGeneralizedCrossEntropy()([1], [[0.75, 0.25]]))  # (1 - 0.5) / 0.5
    1.0

    Reference: Zhang and Sabuncu, Generalized Cross Entropy Loss, 2018, https://arxiv.org/abs/1805.07836
    """

    q = Number(0.5, low=0, high=1, above=True)


@register
class SymmetricCrossentropy(Categorical):
    """Cross-entropy plus the cross-entropy with labels and predictions exchanged, for partly wrong labels.

        loss = α CE + β RCE,   CE = -Σ_c y_c log p_c,   RCE = -Σ_c p_c log clip(y_c, label_clip, 1)

    RCE is bounded, like the mean absolute error, and CE keeps it learning.

    Args:
        alpha: α >= 0. The authors: 0.1 for CIFAR-10, 6 for CIFAR-100.
        beta: β >= 0. The authors: 1 for CIFAR-10, 0.1 for CIFAR-100.
        from_logits, label_smoothing, axis, reduction, name, dtype: as in `CategoricalCrossentropy`.
        label_clip: in (0, 1]: what stands for a label of 0 in the logarithm.

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

    alpha = Number(0.1, low=0)
    beta = Number(1.0, low=0)
    label_clip = Number(1e-4, low=0, high=1, above=True, keyword=True)

    def compute(self, batch):
        p = categorical(batch.y_pred, batch.from_logits, batch.axis)
        y = smooth_classes(one_hot(batch.y_true, p.log_p, batch.axis), self.label_smoothing, batch.axis)
        log_y = ops.log(ops.clip(y, self.label_clip, 1))
        return batch.values(-ops.sum(self.alpha * y * p.log_p + self.beta * ops.exp(p.log_p) * log_y, batch.axis))
