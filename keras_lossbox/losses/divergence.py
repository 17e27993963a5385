"""Losses that compare two distributions over classes: labels are probabilities, or the logits of a teacher."""

import keras
from keras import ops

from keras_lossbox.core import targets
from keras_lossbox.core.loss import Loss
from keras_lossbox.core.options import Flag, Integer, Number
from keras_lossbox.core.registry import register
from keras_lossbox.functions.categorical import relative_entropy, sparsemax
from keras_lossbox.functions.elementary import at_least, max_over
from keras_lossbox.functions.labels import one_hot


@register
class KLDivergence(Loss):
    """The Kullback-Leibler divergence: how far predicted probabilities are from those of the labels.

        loss = T² Σ_c y_c (log y_c - log p_c),   y log y = 0 at y = 0

    A drop-in superset of `keras.losses.KLDivergence`. Beside its options, logits on either side, and a gradient that
    does not vanish at a probability of 0, which is clipped to 1e-7 (`keras.config.epsilon()`). A label of 0 costs
    nothing. It is `CategoricalCrossentropy` less the entropy of the labels, which changes no gradient; but rows are not
    divided by their sum. PyTorch's `KLDivLoss` takes log p, and its "batchmean" is the mean here. Of logits on both
    sides it is `Distillation`.

    Args:
        reduction, name, dtype: see `Loss`.
        from_logits: True if y_pred is logits, p = softmax(y_pred / T).
        true_from_logits: True if y_true is logits as well, y = softmax(y_true / T).
        temperature: T > 0. Above 1 the small probabilities have more weight; T² keeps the size of the gradient. Only
            with from_logits=True; labels that are probabilities have to be those of this temperature.
        axis: the axis of the classes.

    Shapes: y_true and y_pred alike, `(n, ..., classes)`; one value per sample.

    Raises:
        ValueError: for an option out of its range, different shapes, or a temperature without logits.

    Example:

    >>> import keras_lossbox
    >>> round(float(keras_lossbox.KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]])), 4)  # (log 2 + log 2/3) / 2
    0.1438

    Reference: Kullback and Leibler, On Information and Sufficiency, 1951, https://doi.org/10.1214/aoms/1177729694
    """

    from_logits = Flag(False, keyword=True)
    true_from_logits = Flag(False, keyword=True)
    temperature = Number(1.0, low=0, above=True, keyword=True)
    axis = Integer(-1, keyword=True)

    @property
    def jit_compile(self):
        """Not where a softmax is most of the work: XLA's is slower than TensorFlow's."""
        return not self.from_logits

    def __post_init__(self):
        if self.temperature != 1 and not self.from_logits:
            raise ValueError(
                "`temperature` must be 1 unless from_logits=True: it divides logits. "
                f"Received: temperature={self.temperature!r}, from_logits={self.from_logits!r}"
            )

    def targets(self, y_pred):
        return targets.Classes(self.axis, self.from_logits, labels="one_hot")

    def compute(self, batch):
        y, log_y = batch.y_true, None
        if self.true_from_logits:
            log_y = ops.log_softmax(y / self.temperature, batch.axis)
            y = ops.exp(log_y)
        if batch.from_logits:
            log_p = ops.log_softmax(batch.y_pred / self.temperature, batch.axis)
        else:
            log_p = ops.log(at_least(batch.y_pred, keras.config.epsilon()))
        return batch.values(self.temperature**2 * relative_entropy(y, log_y, log_p, batch.axis))


@register
class Distillation(Loss):
    """The divergence of a student's softened probabilities from a teacher's, both from logits.

        loss = T² KL(softmax(t / T) ‖ softmax(s / T)),   t = y_true, s = y_pred

    The same as `KLDivergence(from_logits=True, true_from_logits=True, temperature=T)`, but without a gradient to the
    teacher. T² keeps the size of the gradient at every T. Keras's `LogitsDistillation(loss=KLDivergence())` is this
    inside a model of its own, by way of clipped probabilities. To learn from labels too, give the model its logits as
    two outputs, one with this loss, and weigh them by `loss_weights`.

    Args:
        temperature: T > 0; the larger, the more the student learns of the classes that the teacher finds unlikely.
        reduction, name, dtype: see `Loss`.
        axis: the axis of the classes.

    Shapes: y_true (the teacher's logits) and y_pred (the student's) alike, `(n, ..., classes)`; one value per sample.

    Raises:
        ValueError: for an option out of its range, or different shapes.

    Example:

    >>> import keras_lossbox
    >>> round(float(keras_lossbox.Distillation(2.0)([[4.0, 0.0]], [[0.0, 0.0]])), 4)  # 4 (log 2 - H(0.88, 0.12))
    1.3113

    Reference: Hinton, Vinyals and Dean, Distilling the Knowledge in a Neural Network, 2015,
    https://arxiv.org/abs/1503.02531
    """

    temperature = Number(3.0, low=0, above=True)
    axis = Integer(-1, keyword=True)

    def targets(self, y_pred):
        return targets.Classes(self.axis, from_logits=True, labels="logits")

    def compute(self, batch):
        of_teacher, of_student = (
            ops.log_softmax(logits / self.temperature, batch.axis)
            for logits in (ops.stop_gradient(batch.y_true), batch.y_pred)
        )
        values = relative_entropy(ops.exp(of_teacher), of_teacher, of_student, batch.axis)
        return batch.values(self.temperature**2 * values)


@register
class Sparsemax(Loss):
    """What the cross-entropy is to a softmax, for `sparsemax`, which gives unlikely classes a probability of exactly 0.

        loss = ½ (|y - z|² - |p - z|²),   p = sparsemax(z), the probabilities nearest to z

    The gradient is p - y. It is 0 where the score of the right class is above all others by 1, as with
    `CategoricalHinge`, and it is convex. The probabilities themselves are `keras.ops.sparsemax` of the logits, but for
    Keras up to 3.15.1, whose sparsemax does not add up to 1 (keras#23425).

    Args:
        from_logits: True, always: what a sparsemax has made 0 cannot be undone.
        reduction, name, dtype: see `Loss`.
        axis: the axis of the classes.

    Shapes: y_pred, logits, `(n, ..., classes)`; y_true alike (one-hot or soft), or class indices without that axis.

    Raises:
        ValueError: for from_logits=False, shapes that do not fit, labels that are no class.

    Example:

    >>> import keras_lossbox
    >>> float(keras_lossbox.Sparsemax()([0, 0], [[0.5, 0.0], [2.0, 0.0]]))  # 1/16 and 0
    0.03125

    Reference: Martins and Astudillo, From Softmax to Sparsemax, 2016, https://arxiv.org/abs/1602.02068
    """

    from_logits = Flag(True)
    axis = Integer(-1, keyword=True)

    def __post_init__(self):
        if not self.from_logits:
            raise ValueError("`from_logits` must be True: sparsemax cannot be undone. Received: from_logits=False")

    def targets(self, y_pred):
        return targets.Classes(self.axis, from_logits=True)

    def compute(self, batch):
        axis = batch.axis
        top = ops.stop_gradient(max_over(batch.y_pred, axis, keepdims=True))
        z = batch.y_pred - top
        y, p = one_hot(batch.y_true, z, axis), sparsemax(z, axis)
        z = ops.where(ops.logical_and(ops.equal(y, 0), ops.isinf(z)), 0, z)  # p is 0 there
        values = ops.sum((p - y) * z + (ops.square(y) - ops.square(p)) / 2, axis)
        return batch.values(values + (1 - ops.sum(y, axis)) * ops.squeeze(top, axis))
