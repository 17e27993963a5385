"""A formula over the pairs of rows and keys for some rows at a time, so that memory does not grow with their product.

Where the value of a row depends on no other row, only on the keys, the matrix of all pairs is never needed at once.
Each chunk is computed again on the way back, for its part of the gradients; what is kept between is the values.

TensorFlow only, and where sizes are known when a step is traced: eagerly, with `Input(shape, batch_size=n)`, or with
`dataset.batch(n, drop_remainder=True)`. (A choice that the run makes, `tf.cond`, has no gradient of a gradient, nor
one under XLA.) Elsewhere the whole matrix is held.
"""

from keras_lossbox.core import host

if host.ON_TENSORFLOW:
    import tensorflow as tf

MOST_PAIRS = 2**24  # up to which the whole matrix is held, and nothing computed twice
CHUNK_PAIRS = 2**22  # of a chunk: a matrix of 16 MB in float32, of which a dozen are alive


def by_chunks(formula, rows, keys, outputs):
    """`formula(rows, keys)`: `outputs` tensors with a number for each row, of which only the first has a gradient.

    `rows` and `keys` are lists of tensors; the first of each holds the embeddings, which the gradient is by. The
    formula must not ask other replicas, nor one row for another.
    """
    if not host.ON_TENSORFLOW or any(None in tensor.shape for tensor in (*rows, *keys)):
        return formula(rows, keys)
    count, columns = rows[0].shape[0], keys[0].shape[0]
    if count * columns <= MOST_PAIRS:
        return formula(rows, keys)
    return in_chunks(formula, rows, keys, outputs, count, max(1, CHUNK_PAIRS // columns))


def in_chunks(formula, rows, keys, outputs, count, at_a_time):
    """The formula for a chunk of the `count` rows after the other."""
    chunks = -(-count // at_a_time)
    size = -(-count // chunks)  # as equal as can be, so that little is filled up

    def split(tensor):
        filled = tf.pad(tensor, [[0, chunks * size - count]] + [[0, 0]] * (len(tensor.shape) - 1))
        return tf.reshape(filled, [chunks, size, *tensor.shape[1:]])

    def joined(array):
        stacked = array.stack()
        return tf.reshape(stacked, [chunks * size, *stacked.shape[2:]])[:count]

    def loop(step, arrays, *sums):
        """`step` for each chunk: what it gives is written to the arrays, and added to the sums."""

        def body(chunk, arrays, sums):
            of_chunk, more = step(chunk)
            arrays = [array.write(chunk, tensor) for array, tensor in zip(arrays, of_chunk, strict=True)]
            return chunk + 1, arrays, [total + tensor for total, tensor in zip(sums, more, strict=True)]

        _, arrays, sums = tf.while_loop(
            lambda chunk, *_: chunk < chunks,
            body,
            (0, [tf.TensorArray(dtype, chunks, element_shape=shape) for dtype, shape in arrays], list(sums)),
            parallel_iterations=1,  # else several chunks would be alive
            maximum_iterations=chunks,
        )
        return [*map(joined, arrays), *sums]

    constants, constant_keys = [split(tensor) for tensor in rows[1:]], keys[1:]
    dtype = rows[0].dtype

    def of_chunk(chunk, x, keys):
        return formula([x, *(tensor[chunk] for tensor in constants)], [keys, *constant_keys])

    @tf.custom_gradient
    def values(x, keys):
        fixed_x, fixed_keys = split(tf.stop_gradient(x)), tf.stop_gradient(keys)  # else each chunk would be recorded
        found = loop(lambda chunk: (of_chunk(chunk, fixed_x[chunk], fixed_keys), []), [(dtype, [size])] * outputs)

        def gradient(*upstream):
            split_x, split_upstream = split(x), split(upstream[0])

            def step(chunk):
                with tf.GradientTape(watch_accessed_variables=False) as tape:
                    sources = [split_x[chunk], tf.identity(keys)]
                    tape.watch(sources)
                    found = of_chunk(chunk, *sources)[0]
                gradients = tape.gradient(found, sources, split_upstream[chunk], unconnected_gradients="zero")
                return gradients[:1], gradients[1:]

            return loop(step, [(dtype, [size, *x.shape[1:]])], tf.zeros_like(keys))

        return found, gradient

    return values(rows[0], keys[0])
