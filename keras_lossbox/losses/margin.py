"""Losses of a margin: a score that is right by enough costs nothing."""

from keras import ops

from keras_lossbox.core import targets
from keras_lossbox.core.loss import Loss
from keras_lossbox.core.options import Choice, Integer, Number
from keras_lossbox.core.registry import register
from keras_lossbox.functions.categorical import per_class
from keras_lossbox.functions.elementary import max_over, mean, multiply_optional, safe_power
from keras_lossbox.functions.labels import one_hot, signs


@register
class Hinge(Loss):
    """Zero for a score on the right side of 0 by a margin, and linear from there: the loss of support vector machines.

        loss = mean over `axis` of max(0, m - s ŷ),   s = -1 where y = 0, else y

    A drop-in superset of `keras.losses.Hinge`, whose numbers it has for labels of 0 and 1 as well as of -1 and 1. Each
    label is read by itself: Keras looks at all labels of the batch, so that one -1 among labels of 0 and 1 changes what
    the zeros mean. `SquaredHinge` is smooth; `BinaryCrossentropy` gives probabilities.

    Args:
        reduction, name, dtype: see `Loss`.
        axis: the axis to take the mean over; None takes no mean, and gives every element a value, and takes weights of
            the shape of y_pred.
        margin: m > 0.

    Shapes: y_true, labels of -1 and 1 or of 0 and 1, and y_pred, scores without a sigmoid, alike, `(n, ..., labels)`;
        `(n,)` and `(n, 1)` are aligned. One value per sample.

    Raises:
        ValueError: for an option out of its range, different shapes, or labels outside of [-1, 1].

    Example:

    >>> import keras_lossbox
    >>> float(keras_lossbox.Hinge()([[1.0], [0.0]], [[0.25], [2.0]]))  # (0.75 + 3) / 2
    1.875

    Reference: Rosasco et al., Are Loss Functions All the Same?, 2004, https://doi.org/10.1162/089976604773135104
    """

    axis = Integer(-1, keyword=True, optional=True)
    margin = Number(1.0, low=0, above=True, keyword=True)
    jit_compile = True

    def targets(self, y_pred):
        return targets.Signs(self.axis)

    def call(self, y_true, y_pred):
        return mean(self.formula(ops.relu(self.margin - signs(y_true) * y_pred)), self.axis)

    def formula(self, shortfall):
        """The loss of each element, from what it lacks of the margin."""
        return shortfall


@register
class SquaredHinge(Hinge):
    """The square of `Hinge`: smooth, and with more weight on what is far on the wrong side.

        loss = mean over `axis` of max(0, m - s ŷ)²,   s = -1 where y = 0, else y

    A drop-in superset of `keras.losses.SquaredHinge`; see `Hinge` for the labels.

    Args:
        reduction, name, dtype: see `Loss`.
        axis, margin: as in `Hinge`.

    Shapes: as for `Hinge`.

    Raises:
        ValueError: for an option out of its range, different shapes, or labels outside of [-1, 1].

    Example:

    >>> import keras_lossbox
    >>> float(keras_lossbox.SquaredHinge()([[1.0], [0.0]], [[0.5], [1.0]]))  # (0.25 + 4) / 2
    2.125

    Reference: Rosasco et al., Are Loss Functions All the Same?, 2004, https://doi.org/10.1162/089976604773135104
    """

    def formula(self, shortfall):
        return ops.square(shortfall)


class ClassMargin(Loss):
    """A margin between the score of the label, Σ_c y_c z_c, and those of the other classes."""

    axis = Integer(-1, keyword=True)
    margin = Number(1.0, low=0, above=True, keyword=True)
    jit_compile = True

    def targets(self, y_pred):
        return targets.Classes(self.axis, from_logits=None)

    def call(self, y_true, y_pred):
        y = one_hot(y_true, y_pred, self.axis)
        label_score = ops.sum(ops.where(ops.equal(y, 0), 0, y * y_pred), self.axis, keepdims=True)
        return self.formula(y, y_pred, label_score)

    def formula(self, y, scores, label_score):
        """The loss, from labels of the shape of the scores, and the score of the label with `axis` of size 1."""
        raise NotImplementedError


@register
class CategoricalHinge(ClassMargin):
    """Zero where the score of the right class is above the largest other by a margin, and linear from there.

        loss = max(0, m - z_y + max_{c≠y} z_c),   with 0 among the other scores

    A drop-in superset of `keras.losses.CategoricalHinge`, with its number: the right class stands among the others as a
    0, so that the loss is larger than Crammer and Singer's wherever all wrong scores are negative.
    `runner_up="others"` is theirs (Optax: `multiclass_hinge_loss`). `MultiMargin` adds up the margins of all classes.

    Args:
        reduction, name, dtype: see `Loss`.
        axis: the axis of the classes.
        margin: m > 0.
        runner_up: `"others_or_zero"`, or `"others"` without the 0.

    Shapes: y_pred, scores without a softmax, `(n, ..., classes)`; y_true alike (one-hot; of a soft row the score of
        the label is Σ y z, those of the others are (1 - y) z), or class indices without that axis.

    Raises:
        ValueError: for an option out of its range, shapes that do not fit, labels that are no class.

    Example:

    >>> import keras_lossbox
    >>> float(keras_lossbox.CategoricalHinge()([0], [[0.5, -2.0, -3.0]]))  # 1 - 0.5 + 0
    0.5
    >>> float(keras_lossbox.CategoricalHinge(runner_up="others")([0], [[0.5, -2.0, -3.0]]))
    0.0

    Reference: Crammer and Singer, On the Algorithmic Implementation of Multiclass Kernel-based Vector Machines, 2001
    """

    runner_up = Choice("others_or_zero", "others", keyword=True)

    def formula(self, y, scores, label_score):
        stand_in = 0 if self.runner_up == "others_or_zero" else float("-inf")
        others = ops.where(ops.equal(y, 1), stand_in, (1 - y) * scores)
        shortfall = self.margin - label_score + max_over(others, self.axis, keepdims=True)
        return ops.squeeze(ops.relu(shortfall), self.axis)


@register
class MultiMargin(ClassMargin):
    """What each class lacks of its margin to the right one, added up and divided by the number of classes.

        loss = w_y Σ_{c≠y} max(0, m - z_y + z_c)^p / C

    Weston and Watkins's loss, and PyTorch's `MultiMarginLoss`, which is for class indices. `CategoricalHinge` looks at
    the largest wrong score alone.

    Args:
        p: the power, 1 or more.
        margin: m > 0.
        reduction, name, dtype: see `Loss`.
        axis: the axis of the classes.
        class_weight: w >= 0, a list with one number for each class (or one number).

    Shapes: y_pred, scores without a softmax, `(n, ..., classes)`; y_true alike (one-hot; for soft rows z_y is Σ y z,
        and what a class adds is weighted by 1 - y), or class indices without that axis.

    Raises:
        ValueError: for an option out of its range, shapes that do not fit, labels that are no class, or a
            `class_weight` of the wrong length.

    Example:

    >>> import keras_lossbox
    >>> float(keras_lossbox.MultiMargin()([0], [[1.0, 0.5, 3.0, -1.0]]))  # (0.5 + 3) / 4
    0.875

    Reference: Weston and Watkins, Support Vector Machines for Multi-Class Pattern Recognition, 1999
    """

    p = Integer(1, low=1)
    margin = Number(1.0, low=0, above=True)
    class_weight = Number(None, low=0, per="class", keyword=True)

    def formula(self, y, scores, label_score):
        shortfall = ops.relu(self.margin - label_score + scores)
        costs = shortfall if self.p == 1 else safe_power(shortfall, self.p)
        values = mean(ops.where(ops.equal(y, 1), 0, (1 - y) * costs), self.axis)
        weight = per_class(self.class_weight, y, self.axis)
        return values if weight is None else values * ops.sum(multiply_optional(y, weight), self.axis)
