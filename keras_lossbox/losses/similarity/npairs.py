"""N-pairs losses: a cross-entropy of each row of similarities, by which samples share a class."""

from keras import ops

from keras_lossbox.core import replicas, targets
from keras_lossbox.core.loss import Loss
from keras_lossbox.core.options import Number
from keras_lossbox.core.registry import register
from keras_lossbox.functions.elementary import divide_no_nan, masked_log_sum_exp, matmul, sizes_of
from keras_lossbox.losses.similarity.base import is_group, similarities, values_of


class SharedClasses(Loss):
    """-Σ_j q_ij log softmax(s_i)_j, q_ij = what i and j share, divided by its sum over j."""

    jit_compile = "eager"  # else a matrix of similarities would need as many columns as rows are filled up
    several = False  # whether a sample may have several classes
    l2_reg = 0.0  # for losses without this option

    def targets(self, y_pred):
        return targets.Matches(several=self.several)

    def compute(self, batch):
        matrix = len(batch.y_pred.shape) == 2
        samples = sizes_of(batch.y_pred)[: 1 if matrix else -2]
        valid = ops.broadcast_to(True if batch.valid is None else batch.valid, sizes_of(batch.y_pred)[:-1])
        valid = valid if matrix else ops.reshape(ops.all(valid, -1), (-1,))
        y = batch.y_true if matrix or not self.several else batch.y_true[..., 0, :]
        y = ops.reshape(y, (-1, sizes_of(y)[-1]) if self.several else (-1,))
        usable = ops.logical_and(valid, ops.all(ops.isfinite(y), -1) if self.several else is_group(y))
        of = self.of_matrix if matrix else self.of_embeddings
        values, defined, usable = of(batch.y_pred, y, usable)
        return values_of(values, defined, usable, valid, batch, samples)

    def of_matrix(self, s, y, usable):
        """Of similarities `(n, n)`."""
        if self.l2_reg:
            raise ValueError(f"`l2_reg` must be 0 for a matrix of similarities. Received: l2_reg={self.l2_reg}")
        kept = ops.where(usable[None], s, 0)
        rows_usable = ops.logical_and(usable, ops.all(ops.isfinite(kept), -1))
        kept = ops.where(rows_usable[:, None], kept, 0)
        return *self.cross_entropy(kept, y, y, rows_usable, usable), rows_usable

    def of_embeddings(self, x, y, usable):
        """Of pairs of embeddings `(n, 2, d)`."""
        x = ops.reshape(x, (-1, 2, sizes_of(x)[-1]))
        usable = ops.logical_and(usable, ops.all(ops.isfinite(x), (1, 2)))
        x = ops.where(usable[:, None, None], x, 0)
        keys, all_y, keys_usable = map(replicas.gather, (x[:, 1], y, usable))
        values, defined = self.cross_entropy(similarities(x[:, 0], keys), y, all_y, usable, keys_usable)
        lengths = ops.sum(ops.square(x), (1, 2)) if self.l2_reg else 0
        return values + self.l2_reg / 4 * lengths, defined, usable

    def cross_entropy(self, s, y, all_y, usable, keys_usable):
        """The value of each row, and whether it shares a class with any column."""
        kept = ops.logical_and(usable[:, None], keys_usable[None])
        if self.several:
            y, all_y = ops.where(usable[:, None], y, 0), ops.where(keys_usable[:, None], all_y, 0)
            shared = matmul(y, ops.transpose(all_y))
        else:
            shared = ops.cast(ops.equal(y[:, None], all_y[None]), s.dtype)
        shared = ops.where(kept, shared, 0)
        total = ops.sum(shared, -1)
        values = masked_log_sum_exp(s, keys_usable[None]) - divide_no_nan(ops.sum(shared * s, -1), total)
        return values, total > 0


@register
class NPairs(SharedClasses):
    """A cross-entropy of each anchor's similarities, with equal parts for all samples of its class as label.

        value of a sample = log Σ_j e^(s_ij) - the mean of s_ij over all j of its class, j = i too

    Of embeddings `(n, 2, d)`, an anchor and a positive of each sample: s_ij = a_i·p_j. TensorFlow Addons's `NPairsLoss`
    takes the matrix s, which does, too; under `tf.distribute` only embeddings can meet those of other replicas.
    `SupCon` compares all with all, at a temperature; `InfoNCE` knows no classes.

    Args:
        reduction, name, dtype: see `Loss`.
        l2_reg: >= 0, adds l2_reg/4 · (|a|² + |p|²) to each sample, as TensorFlow 1's `npairs_loss` does with 0.002:
            the similarities are not normalised, and would grow. For embeddings only.

    Shapes: y_pred `(n, 2, d)`, or similarities `(n, n)`; y_true integers `(n,)` or `(n, 1)`. One value per sample.

    Raises:
        ValueError: for an option out of its range, shapes that do not fit, labels that are no whole numbers.

    Example:

    >>> import keras_lossbox
    >>> float(keras_lossbox.NPairs()([1, 2], [[0.0, 0.0], [0.0, 0.0]]))
    0.6931471824645996

    Reference: Sohn, Improved Deep Metric Learning with Multi-class N-pair Loss Objective, 2016
    """

    l2_reg = Number(0.0, low=0, keyword=True)


@register
class NPairsMultilabel(SharedClasses):
    """`NPairs` for samples of several classes: what two of them have in common is the label of their pair.

        value of a sample = log Σ_j e^(s_ij) - Σ_j q_ij s_ij,   q_ij = y_i·y_j / Σ_k y_i·y_k

    TensorFlow Addons's `NPairsMultilabelLoss`. A sample without any class has no value and is not counted, where
    TensorFlow Addons's is NaN.

    Args:
        reduction, name, dtype: see `Loss`.

    Shapes: y_pred as for `NPairs`; y_true `(n, classes)`, 1 for each class that a sample has, else 0. One value per
        sample.

    Raises:
        ValueError: for shapes that do not fit, or labels outside of [0, 1].

    Example:

    >>> import keras_lossbox
    >>> y_true, similarities = [[1, 1], [0, 1]], [[0.0, 0.0], [0.0, 0.0]]
    >>> float(keras_lossbox.NPairsMultilabel()(y_true, similarities))
    0.6931471824645996

    Reference: Sohn, Improved Deep Metric Learning with Multi-class N-pair Loss Objective, 2016
    """

    several = True
