"""The loss of a `LinearHead`'s logits without the logits: a sweep over chunks of rows gives value and gradient at once.

A reduced loss is Σ_i w_i v_i over a divisor, and the w_i (sample weights and masks) do not depend on the model. So the
gradient of the sum can be computed while a chunk's logits are there, by the three matrix products of the ordinary
path; what comes in from above is one number, by which it is multiplied later. Only where every value has a gradient of
its own (reduction "none") the chunks' logits are computed a second time, on the way back.

TensorFlow only, in traced graphs only: there the full logits are never computed, because nothing reads them.
"""

import itertools
import logging
import typing

import keras
from keras import ops

from keras_lossbox import shapes
from keras_lossbox.base import get_keras_mask
from keras_lossbox.reduction import both, reduce_total, reduce_values, total_and_divisor

ATTRIBUTE = "_keras_lossbox_head"  # of the logits, as Keras's own `_keras_logits` is one of probabilities
CHUNK_BYTES = 2**26  # of a chunk of logits in float32, by default; but not fewer than LEAST_ROWS
LEAST_ROWS = 128  # fewer, and adding up the gradient of the kernel takes longer than computing it
BLOCKS = 8  # of classes: the gradient of the kernel is added up one block after the other, from a product of that size

logger = logging.getLogger("keras_lossbox")


class Head(typing.NamedTuple):
    """What logits were computed from; the parameters are variables, not yet cast to the dtype of `x`."""

    x: typing.Any
    kernel: typing.Any
    bias: typing.Any  # or None
    softcap: float | None
    transposed: bool  # whether the kernel is that of an Embedding, (classes, features)


def finished(products, bias, softcap):
    """softcap(products + bias), by the same operations for the layer and for a chunk."""
    logits = products if bias is None else ops.add(products, bias)
    return logits if softcap is None else softcap * ops.tanh(logits / softcap)


def attach(logits, head):
    """Lets a loss that is given these very logits find what they were computed from."""
    if keras.config.backend() == "tensorflow" and hasattr(logits, "op"):  # a tensor of a graph that is being traced
        setattr(logits, ATTRIBUTE, head)


def head_behind(logits):
    """The `Head` of these logits, or None."""
    return getattr(logits, ATTRIBUTE, None)


def reduced(loss, head, y_true, y_pred, sample_weight, chunk_size=None):
    """What `reduce_values` makes of `loss.values(…)`. Of `y_pred` nothing but its static shape and its mask is read."""
    labels, weights, mask = _aligned(loss, head.x, y_true, y_pred, sample_weight)
    sizes = shapes.sizes_of(labels)
    ones = ops.ones(sizes, loss.compute_dtype)
    of_rows = reduce_values(ones, weights, mask, "none")
    x = head.x
    if weights is not None or mask is not None:  # 0 * NaN is NaN: what does not count never enters the formula
        counted = ops.not_equal(of_rows, 0)
        x, labels = ops.where(ops.expand_dims(counted, -1), x, 0), ops.where(counted, labels, 0)
    x, labels = ops.reshape(x, (-1, x.shape[-1])), ops.reshape(labels, (-1,))
    sweep = _Sweep(loss, head, y_pred.shape[-1], chunk_size)
    logger.info("%s: chunked path, %d classes, at most %d rows a chunk", loss.name, sweep.classes, sweep.most_rows)
    if loss.reduction in ("none", None):
        return reduce_values(ops.reshape(sweep.values(x, labels), sizes), weights, mask, "none")
    total = sweep.total(x, labels, ops.reshape(of_rows, (-1,)))
    divisor = total_and_divisor(ones, weights, mask, loss.reduction)[1]
    return reduce_total(total, divisor, loss.reduction)


def _aligned(loss, x, y_true, y_pred, sample_weight):
    """Labels, weights and mask for the rows of `x`, as `Loss.values` aligns them to those of `y_pred`."""
    kind, sizes = type(loss).__name__, tuple(shapes.sizes_of(x))[:-1]
    y_true = shapes.to_tensor(kind, "y_true", y_true, loss.compute_dtype)
    labels, _ = shapes.align_indices(kind, y_true, y_pred, -1, sizes)
    weights, mask = loss.align_weights(sample_weight, get_keras_mask(y_pred), sizes, len(sizes))
    return labels, weights, both(mask, loss.compute_mask(labels, y_pred))


class _Sweep:
    """One pass over chunks of rows: values, and the gradient of their weighted sum."""

    def __init__(self, loss, head, classes, chunk_size):
        self.loss, self.head, self.classes = loss, head, classes
        self.most_rows = chunk_size or max(LEAST_ROWS, CHUNK_BYTES // (4 * classes))
        self.blocks = max(1, min(BLOCKS, classes // 1024))

    def total(self, x, labels, weights):
        """Σ_i w_i v_i."""
        import tensorflow as tf

        @tf.custom_gradient
        def total(x, weights, *parameters):
            values, gradients = self._run(x, labels, weights, parameters)

            def gradient(upstream):
                of_weights = upstream * tf.where(tf.not_equal(weights, 0), values, 0)
                of_x, *of_parameters = (tf.cast(upstream * tf.cast(g, upstream.dtype), g.dtype) for g in gradients)
                return of_x, of_weights, *of_parameters

            return total_and_divisor(values, weights, None, "sum")[0], gradient

        return total(x, weights, *self._parameters())

    def values(self, x, labels):
        """v_i, each of which may have a gradient of its own."""
        import tensorflow as tf

        @tf.custom_gradient
        def values(x, *parameters):
            def gradient(upstream):
                return self._run(x, labels, upstream, parameters)[1]

            ones = tf.ones_like(x[:, 0], self.loss.compute_dtype)
            return self._run(x, labels, ones, parameters)[0], gradient

        return values(x, *self._parameters())

    def _parameters(self):
        """Kernel and, if there is one, bias; where `x` is of a half precision still float32, and so their gradient."""
        return [ops.convert_to_tensor(p) for p in (self.head.kernel, self.head.bias) if p is not None]

    def _run(self, x, labels, weights, parameters):
        """The rows' values, and the gradients of Σ_i w_i v_i with respect to `x` and the parameters."""
        import tensorflow as tf

        count = tf.shape(x)[0]
        chunks = tf.maximum(1, -(-count // self.most_rows))
        rows = tf.maximum(1, -(-count // chunks))  # the chunks are as equal as can be, and so little is filled up

        def split(rows_of):
            filled = tf.pad(rows_of, [[0, chunks * rows - count]] + [[0, 0]] * (len(rows_of.shape) - 1))
            return tf.reshape(filled, tf.concat([[chunks, rows], tf.shape(rows_of)[1:]], 0))

        def joined(array):
            stacked = array.stack()
            return tf.reshape(stacked, tf.concat([[chunks * rows], tf.shape(stacked)[2:]], 0))[:count]

        kernel, *bias = parameters
        bounds = [block * self.classes // self.blocks for block in range(self.blocks + 1)]
        sizes = [stop - start for start, stop in itertools.pairwise(bounds)]
        along = 0 if self.head.transposed else 1
        x_of, labels_of, weights_of = split(x), split(labels), split(weights)

        def step(chunk, values, of_x, of_kernel, of_bias):
            value, gradient_x, gradient_of_block, gradient_bias = self._chunk(
                x_of[chunk], kernel, bias, labels_of[chunk], weights_of[chunk]
            )
            sums = []
            for start, stop, total in zip(bounds, bounds[1:], of_kernel, strict=False):
                with tf.control_dependencies(sums[-1:]):  # one block's product after the other
                    sums.append(total + gradient_of_block(start, stop))
            of_bias = [total + gradient for total, gradient in zip(of_bias, gradient_bias, strict=True)]
            return chunk + 1, values.write(chunk, value), of_x.write(chunk, gradient_x), sums, of_bias

        _, values, of_x, of_kernel, of_bias = tf.while_loop(
            lambda chunk, *_: chunk < chunks,
            step,
            (
                0,
                tf.TensorArray(self.loss.compute_dtype, chunks, element_shape=[None]),
                tf.TensorArray(x.dtype, chunks, element_shape=[None, x.shape[1]]),
                [tf.zeros_like(block) for block in tf.split(kernel, sizes, along)],
                [tf.zeros_like(parameter) for parameter in bias],
            ),
            parallel_iterations=1,  # else the next chunk's logits would be computed before these are gone
            maximum_iterations=chunks,
        )
        gradients = [joined(of_x), tf.concat(of_kernel, along), *of_bias]
        return joined(values), [_once_differentiable(gradient) for gradient in gradients]

    def _chunk(self, x, kernel, bias, labels, weights):
        """Of a few rows the values, and the gradients; that of the kernel as a function of a range of classes."""
        import tensorflow as tf

        # In float16, where nobody scales it, the gradient of a probability below 6e-8 would be 0.
        dtype = "float32" if x.dtype == "float16" else x.dtype
        transposed = self.head.transposed
        inner, matrix = tf.cast(x, dtype), tf.cast(kernel, dtype)
        products = tf.matmul(inner, matrix, transpose_b=transposed)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            bias = [tf.identity(b) for b in bias]
            tape.watch([products, *bias])
            logits = finished(products, tf.cast(bias[0], dtype) if bias else None, self.head.softcap)
            values = self.loss.call(labels, tf.cast(logits, self.loss.compute_dtype), from_logits=True)
        of_products, *of_bias = tape.gradient(values, [products, *bias], weights)

        def of_kernel(start, stop):
            factors = inner, of_products[:, start:stop]
            product = tf.matmul(*(factors[::-1] if transposed else factors), transpose_a=True)
            return tf.cast(product, kernel.dtype)

        return values, tf.cast(tf.matmul(of_products, matrix, transpose_b=not transposed), x.dtype), of_kernel, of_bias


def _once_differentiable(gradient):
    """An error instead of a second derivative, which would silently lack what is behind this gradient."""
    import tensorflow as tf

    return tf.raw_ops.PreventGradient(
        input=gradient,
        message="keras_lossbox: the loss of a LinearHead has no second derivative; use keras.layers.Dense.",
    )
