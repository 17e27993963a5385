"""A formula over the pairs of rows and keys for some rows at a time, so that memory does not grow with their product.

Where the value of a row depends on no other row, only on the keys, the matrix of all pairs is never needed at once.
Each chunk is computed again on the way back, for its part of the gradients; what is kept between is the values. (A
gradient of the gradient holds the whole matrix.)

Where only the run knows how many rows there are, it chooses: both ways are in the graph, and one of them does nothing.
TensorFlow only; elsewhere the whole matrix is held.
"""

from keras_lossbox.core import host
from keras_lossbox.functions.elementary import sizes_of

if host.ON_TENSORFLOW:
    import tensorflow as tf

MOST_PAIRS = 2**24  # up to which the whole matrix is held, and nothing computed twice
CHUNK_PAIRS = 2**22  # of a chunk: a matrix of 16 MB in float32, of which a dozen are alive


def by_chunks(formula, rows, keys, outputs):
    """`formula(rows, keys)`: `outputs` tensors with a number for each row, of which only the first has a gradient.

    `rows` and `keys` are lists of tensors; the first of each holds the embeddings, which the gradient is by. The
    formula must not ask other replicas, nor one row for another.
    """
    if not host.ON_TENSORFLOW:
        return formula(rows, keys)
    count, columns = sizes_of(rows[0])[0], sizes_of(keys[0])[0]
    if isinstance(count, int) and isinstance(columns, int):
        if count * columns <= MOST_PAIRS:
            return formula(rows, keys)
        chunks = number_of_chunks(count, columns)
        return in_chunks(formula, rows, keys, outputs, chunks, chunks)
    many = tf.cast(count, "int64") * tf.cast(columns, "int64") > MOST_PAIRS
    nothing = [tf.zeros([count], rows[0].dtype)] * outputs
    # (No loop within a branch: TensorFlow has no gradient of the gradient of one.)
    at_once = either(many, lambda: nothing, lambda: list(formula(rows, keys)))
    chunks = tf.where(many, number_of_chunks(count, columns), 1)
    chunked = in_chunks(formula, rows, keys, outputs, chunks, tf.where(many, chunks, 0))
    return [x + y for x, y in zip(at_once, chunked, strict=True)]


def either(condition, first, second):
    """`first()` where the condition holds, and `second()` elsewhere. (Of `tf.cond` XLA would compile both.)"""
    return tf.switch_case(tf.cast(condition, "int32"), [second, first])


def number_of_chunks(count, columns):
    """How many chunks of at most `CHUNK_PAIRS` pairs, and at least one row, the rows need."""
    if isinstance(count, int) and isinstance(columns, int):
        return -(-count // max(1, CHUNK_PAIRS // columns))
    at_a_time = tf.maximum(1, CHUNK_PAIRS // tf.maximum(1, columns))
    return -(-count // at_a_time)


def in_chunks(formula, rows, keys, outputs, chunks, trips):
    """The formula for one of so many chunks of the rows after the other; 0 for those beyond the first `trips`."""
    count = sizes_of(rows[0])[0]
    size = -(-count // chunks)  # as equal as can be, so that little is filled up

    def split(tensor):
        filled = tf.pad(tensor, [[0, chunks * size - count]] + [[0, 0]] * (len(tensor.shape) - 1))
        return tf.reshape(filled, [chunks, size, *sizes_of(tensor)[1:]])

    def joined(tensor):
        return tf.reshape(tensor, [chunks * size, *sizes_of(tensor)[2:]])[:count]

    def loop(step, stacked, *sums):
        """`step` for each chunk: of what it gives the first are stacked, and the others added up."""

        def body(chunk, stacked, sums):
            of_chunk, more = step(chunk)
            stacked = [
                tf.tensor_scatter_nd_update(of_all, [[chunk]], tensor[None])
                for of_all, tensor in zip(stacked, of_chunk, strict=True)
            ]
            return chunk + 1, stacked, [total + tensor for total, tensor in zip(sums, more, strict=True)]

        _, stacked, sums = tf.while_loop(
            lambda chunk, *_: chunk < trips,
            body,
            (0, stacked, list(sums)),
            parallel_iterations=1,  # else several chunks would be alive
        )
        return [*map(joined, stacked), *sums]

    constants, constant_keys = rows[1:], keys[1:]
    split_constants = [split(tensor) for tensor in constants]

    def of_chunk(chunk, x, keys):
        return formula([x, *(tensor[chunk] for tensor in split_constants)], [keys, *constant_keys])

    @tf.custom_gradient
    def values(x, keys):
        fixed_x, fixed_keys = split(tf.stop_gradient(x)), tf.stop_gradient(keys)  # else each chunk would be recorded
        zeros = tf.zeros([chunks, size], x.dtype)
        found = loop(lambda chunk: (of_chunk(chunk, fixed_x[chunk], fixed_keys), []), [zeros] * outputs)
        return found, lambda upstream, *_: gradients(x, keys, upstream)

    @tf.custom_gradient
    def gradients(x, keys, upstream):
        fixed_x, fixed_keys, fixed_upstream = (
            split(tf.stop_gradient(x)),
            tf.stop_gradient(keys),
            split(tf.stop_gradient(upstream)),
        )

        def step(chunk):
            def first_of_chunk(x, keys):
                return of_chunk(chunk, x, keys)[0]

            found = gradients_of(first_of_chunk, [fixed_x[chunk], fixed_keys], fixed_upstream[chunk])
            return found[:1], found[1:]

        found = loop(step, [tf.zeros_like(fixed_x)], tf.zeros_like(fixed_keys))
        sources = [x, keys, upstream]
        return found, lambda *upstream: either(
            trips > 0,
            lambda: gradients_of(gradients_at_once, sources, upstream),
            lambda: [tf.zeros_like(source) for source in sources],
        )

    def gradients_at_once(x, keys, upstream):
        """Of the whole matrix: a gradient through the loop would keep as much, and there is none under XLA."""
        return gradients_of(lambda x, keys: formula([x, *constants], [keys, *constant_keys])[0], [x, keys], upstream)

    return values(rows[0], keys[0])


def gradients_of(function, sources, upstream):
    """The gradients of `function(*sources)` by all of its sources."""
    sources = [tf.identity(source) for source in sources]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(sources)
        found = function(*sources)
    gradients = tape.gradient(found, sources, upstream, unconnected_gradients="zero")
    return [tf.convert_to_tensor(gradient) for gradient in gradients]  # (that of a few rows is none)
