"""The loss of a `LinearHead`'s logits without the logits: a sweep over chunks of rows gives value and gradient at once.

A reduced loss is Σ_i w_i v_i over a divisor, and the w_i (sample weights and masks) do not depend on the model. So the
gradient of the sum can be computed while a chunk's logits are there, by the three matrix products of the ordinary
path; what comes in from above is one number, by which it is multiplied later. Only where every value has a gradient of
its own (reduction "none") the chunks' logits are computed a second time, on the way back.

TensorFlow only, in traced graphs only: there the full logits are never computed, because nothing reads them.
"""

import itertools
import logging
from typing import Any, NamedTuple

from keras import ops

from keras_lossbox.core import host, reduction
from keras_lossbox.core.batch import Batch
from keras_lossbox.core.reduction import Score
from keras_lossbox.functions.elementary import sizes_of

if host.ON_TENSORFLOW:
    import tensorflow as tf

CHUNK_BYTES = 2**26  # of a chunk of logits in float32, by default; but not fewer than LEAST_ROWS
LEAST_ROWS = 128  # fewer, and adding up the gradient of the kernel takes longer than computing it
BLOCKS = 8  # of classes: the gradient of the kernel is added up one block after the other, from a product of that size


logger = logging.getLogger("keras_lossbox")


def add_bias_and_cap(products, bias, softcap):
    """softcap(products + bias), by the same operations for the layer and for a chunk."""
    logits = products if bias is None else ops.add(products, bias)
    return logits if softcap is None else softcap * ops.tanh(logits / softcap)


class LinearLogits(NamedTuple):
    """What logits were computed from, as it was then: a variable read later has another value, after a step."""

    x: Any
    kernel: Any  # like the bias a tensor in the dtype of its variable, not yet cast to that of `x`
    bias: Any  # or None
    softcap: float | None
    transposed: bool  # whether the kernel is that of an Embedding, (classes, features)

    @property
    def sizes(self):
        """The sizes of the logits."""
        return (*sizes_of(self.x)[:-1], self.classes)

    @property
    def classes(self):
        """How many classes there are."""
        return self.kernel.shape[0 if self.transposed else 1]

    def score(self, loss, batch):
        """What `loss.score` makes of the batch with the logits in `y_pred`, which are not read."""
        ones = ops.ones(self.sizes[:-1], loss.compute_dtype)
        row_weights = reduction.score(batch.values(ones), "none").total
        x, labels = self.x, ops.reshape(batch.y_true, (-1,))
        if batch.valid is not None:  # 0 * NaN is NaN: what is not valid must not enter the formula
            x = ops.where(ops.expand_dims(ops.not_equal(row_weights, 0), -1), x, 0)
        x = ops.reshape(x, (-1, x.shape[-1]))
        invalid = ops.zeros((), "bool") if batch.invalid is None else batch.invalid
        sweep = Sweep(loss, self, getattr(loss, "chunk_size", None))
        logger.info("%s: chunked path, %d classes, at most %d rows a chunk", loss.name, self.classes, sweep.most_rows)
        if loss.reduction in ("none", None):
            values = ops.reshape(sweep.values(x, labels), self.sizes[:-1])
            return reduction.score(batch.values(ops.where(invalid, float("nan"), values)), "none")
        divisor = reduction.score(batch.values(ones), loss.reduction).divisor
        row_weights = ops.where(invalid, 0, row_weights)
        total = sweep.total(x, labels, ops.reshape(row_weights, (-1,)))
        nan = ops.where(ops.any(invalid), float("nan"), 0.0)  # added, so that the other rows keep their gradient
        return Score(total + ops.cast(nan, total.dtype), divisor)


class Sweep:
    """One pass over chunks of rows: values, and the gradient of their weighted sum."""

    def __init__(self, loss, logits, chunk_size):
        self.loss, self.logits, self.classes = loss, logits, logits.classes
        self.most_rows = chunk_size or max(LEAST_ROWS, CHUNK_BYTES // (4 * self.classes))
        self.blocks = max(1, min(BLOCKS, self.classes // 1024))
        self.parameters = [p for p in (logits.kernel, logits.bias) if p is not None]

    def total(self, x, labels, weights):
        """Σ_i w_i v_i."""

        @tf.custom_gradient
        def total(x, weights, *parameters):
            values, gradients = self._run(x, labels, weights, parameters)

            def gradient(upstream):
                grad_weights = upstream * tf.where(tf.not_equal(weights, 0), values, 0)
                return (gradients[0](upstream), grad_weights, *(grad(upstream) for grad in gradients[1:]))

            weighted = tf.where(tf.not_equal(weights, 0), values, 0) * weights
            return tf.reduce_sum(weighted), gradient

        return total(x, weights, *self.parameters)

    def values(self, x, labels):
        """v_i, each of which may have a gradient of its own."""

        @tf.custom_gradient
        def values(x, *parameters):
            def gradient(upstream):
                return [grad(1.0) for grad in self._run(x, labels, upstream, parameters)[1]]

            ones = tf.ones_like(x[:, 0], self.loss.compute_dtype)
            return self._run(x, labels, ones, parameters)[0], gradient

        return values(x, *self.parameters)

    def _run(self, x, labels, weights, parameters):
        """The rows' values, and the gradients of Σ_i w_i v_i by `x` and the parameters, as functions of a factor.

        They are kept in float32, and rounded to the dtype of `x` only when the factor is in them: float16 cannot hold
        the gradient of a sum that large weights, or a loss's scale, have yet to be divided out of.
        """
        count = tf.shape(x)[0]
        chunks = tf.maximum(1, -(-count // self.most_rows))
        rows = tf.maximum(1, -(-count // chunks))  # the chunks are as equal as can be, and so little is filled up

        def split(by_row):
            filled = tf.pad(by_row, [[0, chunks * rows - count]] + [[0, 0]] * (len(by_row.shape) - 1))
            return tf.reshape(filled, tf.concat([[chunks, rows], tf.shape(by_row)[1:]], 0))

        def joined(array):
            stacked = array.stack()
            return tf.reshape(stacked, tf.concat([[chunks * rows], tf.shape(stacked)[2:]], 0))[:count]

        kernel, *bias = parameters
        bounds = [block * self.classes // self.blocks for block in range(self.blocks + 1)]
        sizes = [stop - start for start, stop in itertools.pairwise(bounds)]
        along = 0 if self.logits.transposed else 1
        split_x, split_labels, split_weights = split(x), split(labels), split(weights)

        def step(chunk, values, grad_x, grad_kernel, grad_bias):
            value, chunk_x, chunk_block, chunk_bias = self._chunk(
                split_x[chunk], kernel, bias, split_labels[chunk], split_weights[chunk]
            )
            sums = []
            for start, stop, total in zip(bounds, bounds[1:], grad_kernel, strict=False):
                with tf.control_dependencies(sums[-1:]):  # one block's product after the other
                    sums.append(total + chunk_block(start, stop))
            grad_bias = [total + gradient for total, gradient in zip(grad_bias, chunk_bias, strict=True)]
            return chunk + 1, values.write(chunk, value), grad_x.write(chunk, chunk_x), sums, grad_bias

        _, values, grad_x, grad_kernel, grad_bias = tf.while_loop(
            lambda chunk, *_: chunk < chunks,
            step,
            (
                0,
                tf.TensorArray(self.loss.compute_dtype, chunks, element_shape=[None]),
                tf.TensorArray(self._kept_dtype(x), chunks, element_shape=[None, x.shape[1]]),
                [tf.zeros_like(block) for block in tf.split(kernel, sizes, along)],
                [tf.zeros_like(parameter) for parameter in bias],
            ),
            parallel_iterations=1,  # else the next chunk's logits would be computed before these are gone
            maximum_iterations=chunks,
        )
        gradients = [joined(grad_x), tf.concat(grad_kernel, along), *grad_bias]
        return joined(values), [
            _scaled_once(gradient, source.dtype) for gradient, source in zip(gradients, (x, *parameters), strict=True)
        ]

    def _kept_dtype(self, x):
        """What the gradient by `x` is kept in until its factor is known."""
        return "float32" if x.dtype in ("float16", "bfloat16") else x.dtype

    def _values_and_gradients(self, products, labels, weights, *bias):
        """The values of rows from their products with the kernel, and the gradients by these and the bias."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            bias = [tf.identity(b) for b in bias]
            tape.watch([products, *bias])
            added = tf.cast(bias[0], products.dtype) if bias else None
            logits = add_bias_and_cap(products, added, self.logits.softcap)
            batch = Batch(labels, tf.cast(logits, self.loss.compute_dtype), from_logits=True, axis=1)
            values = self.loss.compute(batch).values
        return values, *tape.gradient(values, [products, *bias], weights)

    def _chunk(self, x, kernel, bias, labels, weights):
        """Of a few rows the values, and the gradients; that of the kernel as a function of a range of classes."""
        # In float16, where nobody scales it, the gradient of a probability below 6e-8 would be 0.
        dtype = "float32" if x.dtype == "float16" else x.dtype
        transposed = self.logits.transposed
        inner, matrix = tf.cast(x, dtype), tf.cast(kernel, dtype)
        products = tf.matmul(inner, matrix, transpose_b=transposed)
        values, grad_products, *grad_bias = self._values_and_gradients(products, labels, weights, *bias)

        def grad_kernel(start, stop):
            factors = inner, grad_products[:, start:stop]
            product = tf.matmul(*(factors[::-1] if transposed else factors), transpose_a=True)
            return tf.cast(product, kernel.dtype)

        grad_x = tf.cast(tf.matmul(grad_products, matrix, transpose_b=not transposed), self._kept_dtype(x))
        return values, grad_x, grad_kernel, grad_bias


def _scaled_once(gradient, dtype):
    """The gradient as a function of the factor that comes in from above.

    It raises an error for a second derivative, which would silently lack what is behind this gradient.
    """
    gradient = tf.raw_ops.PreventGradient(
        input=gradient,
        message="keras_lossbox: the loss of a LinearHead has no second derivative; use keras.layers.Dense.",
    )
    return lambda factor: tf.cast(tf.cast(factor, gradient.dtype) * gradient, dtype)
