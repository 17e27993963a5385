"""The mathematics that losses share: log-probabilities, label smoothing, functions with a safe gradient."""

import functools
import math
import typing

import keras
from keras import ops

from keras_lossbox import shapes


class Probability(typing.NamedTuple):
    """The probability of a class, or of each, by its logarithm and, if it is known with all its digits, itself."""

    log_p: typing.Any
    p: typing.Any = None

    @property
    def miss(self):
        """1 - p, with all its digits where p is almost 1."""
        return one_minus_exp(self.log_p) if self.p is None else 1 - self.p


def probabilities(y_pred, from_logits, axis):
    """The `Probability` of each class along `axis`; those that are given are divided by their sum, as in Keras."""
    if not from_logits:
        p = inside_unit_interval(y_pred / ops.sum(y_pred, axis, keepdims=True))
        return Probability(ops.log(p), p)
    if not _softmax_pays(y_pred, axis, classes=32):
        return Probability(ops.log_softmax(y_pred, axis))
    top, rest = log_sum_exp(y_pred, axis)
    return Probability((y_pred - top) - rest)


def probability_of(loss, y_pred, labels, from_logits, axis):
    """The `Probability` of the integer `labels`, checked as in `at_labels`, without the other classes."""
    if from_logits:
        return Probability(-smoothed_surprisal(loss, y_pred, labels, 0, axis))
    p = inside_unit_interval(at_labels(loss, y_pred, labels, axis) / ops.sum(y_pred, axis))
    return Probability(ops.log(p), p)


def crossentropy(y, logits, axis):
    """-Σ_c y_c log p_c along `axis`, for rows of y of any sum."""
    if not _softmax_pays(logits, axis, classes=32):
        return -ops.sum(y * ops.log_softmax(logits, axis), axis)
    top, rest = log_sum_exp(logits, axis)  # and not from log p: 0.8 of the time under XLA
    return ops.sum(y, axis) * ops.squeeze(rest, axis) - ops.sum(y * (logits - top), axis)


def log_sum_exp(logits, axis):
    """The largest logit, as a constant, and log Σ_c exp(z_c - it), with `axis` kept: log p = (z - first) - second."""
    top = ops.stop_gradient(ops.max(logits, axis, keepdims=True))
    if keras.config.backend() != "tensorflow":
        return top, ops.log(ops.sum(ops.exp(logits - top), axis, keepdims=True))

    @ops.custom_gradient
    def rest(logits):
        p = ops.softmax(logits, axis)
        return _log_sum_exp_of_softmax(p, axis), lambda upstream: upstream * p

    return top, rest(logits)


def _log_sum_exp_of_softmax(p, axis):
    """log Σ exp(z - max z) from p = softmax(z): the largest p is one over that sum."""
    return -ops.log(ops.max(p, axis, keepdims=True))


def _softmax_pays(logits, axis, classes=0):
    """Whether TensorFlow's softmax, and log Σ exp from it, is faster than its kernels that give the loss.

    On a CPU it takes a tenth of the time of the sparse kernel and a third of log_softmax. But for few logits (below
    some 60 thousand) the call alone takes longer, and for few `classes` the passes after it; and on a GPU it has not
    been measured.
    """
    if keras.config.backend() != "tensorflow" or _has_gpu():
        return False
    sizes = [128 if size is None else size for size in logits.shape]  # an unknown batch is taken for one of 128
    return math.prod(sizes) >= 2**16 and sizes[axis] >= classes


@functools.cache
def _has_gpu():
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def smoothed_surprisal(loss, logits, labels, smoothing, axis):
    """-Σ_c y_c log p_c for y the one-hot of integer `labels`, smoothed: (1 - ε)(lse z - z_y) + ε(lse z - mean z)."""
    if not _is_last_on_tensorflow(logits, axis):
        log_p = ops.log_softmax(logits, axis)
        surprisal = -at_labels(loss, log_p, labels, axis)
        return surprisal if not smoothing else (1 - smoothing) * surprisal - smoothing * mean(log_p, axis)
    import tensorflow as tf

    classes = shapes.sizes_of(logits)[-1]
    labels, valid = _in_range(loss, labels, classes, axis)
    share = smoothing / _size(logits, -1)

    def one_hot():
        return tf.one_hot(labels, classes, 1 - smoothing + share, share, dtype=logits.dtype)

    # 0.4 of the time of TensorFlow's kernel, smoothed or not, for one array of logits more: a scatter instead of the
    # one-hot would not save it, because TensorFlow's copies its input.
    @tf.custom_gradient
    def rows(z):
        p = tf.nn.softmax(z)
        rest, top = tf.squeeze(_log_sum_exp_of_softmax(p, -1), -1), tf.reduce_max(z, -1)
        z_label = tf.gather(z, labels, batch_dims=len(labels.shape))
        values = rest + (1 - smoothing) * (top - z_label)
        if smoothing:
            values += smoothing * top - share * tf.reduce_sum(z, -1)
        return values, lambda upstream: (p - one_hot()) * upstream[..., None]

    if _softmax_pays(logits, -1):
        values = rows(logits)
    elif smoothing:
        values = crossentropy(one_hot(), logits, -1)
    else:
        values = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    return _nan_unless(valid, values)


def of_labels(option, labels):
    """For each label its class's value of an option that is None, one number, or a tensor of one for each class."""
    if not ops.is_tensor(option):
        return option
    of_class = ops.reshape(option, (-1,))
    return ops.take(of_class, ops.clip(labels, 0, of_class.shape[0] - 1))  # what is no class is NaN without it


def times(x, factor):
    """x times an option that may be None."""
    return x if factor is None else factor * x


def _is_last_on_tensorflow(x, axis):
    return keras.config.backend() == "tensorflow" and axis in (-1, len(x.shape) - 1)


def inside_unit_interval(p):
    """p clipped as Keras clips it, to [epsilon, 1 - epsilon], but with the gradient of the identity.

    At p = 0 for a positive the gradient of a clipped logarithm is 0, and training never leaves the mistake; here it
    is -1/epsilon. NaN stays NaN.
    """
    resolution = 2.0**-53 if keras.backend.standardize_dtype(p.dtype) == "float64" else 2.0**-24
    epsilon = max(keras.config.epsilon(), resolution)
    return _with_value(p, ops.clip(p, epsilon, 1 - epsilon))


def at_least(x, low):
    """x, and `low` where x is below it, with the gradient of the identity."""
    return _with_value(x, ops.where(x < low, low, x))  # (ops.maximum rounds float64 to float32 on PyTorch)


def _with_value(x, value):
    """`value`, exactly, with the gradient of x; NaN where x is."""
    return ops.stop_gradient(value) + (x - ops.stop_gradient(x))


def smooth_binary(y, label_smoothing):
    """(y, 1 - y) with both moved towards 1/2; each by itself, so that a small rest of 1 - y keeps its digits."""
    if not label_smoothing:
        return y, 1 - y
    return tuple(side * (1 - label_smoothing) + label_smoothing / 2 for side in (y, 1 - y))


def smooth_classes(y, label_smoothing, axis):
    """y moved towards 1/C along `axis`."""
    if not label_smoothing:
        return y
    return y * (1 - label_smoothing) + label_smoothing / _size(y, axis)


def at_labels(loss, x, labels, axis):
    """The entries of `x` along `axis` at the integer `labels`. A label that is no class is an error, or else NaN.

    In eager mode it raises; in a traced graph there is no value to look at, and the result is NaN. (XLA would clamp
    the index and give the number of another class.)
    """
    labels, valid = _in_range(loss, labels, shapes.sizes_of(x)[axis], axis)
    if _is_last_on_tensorflow(x, axis):
        import tensorflow as tf

        @tf.custom_gradient  # one operation each way, where Keras's take_along_axis has twenty, and gather's gradient
        def entries(x):
            def gradient(upstream):
                return tf.one_hot(labels, shapes.sizes_of(x)[-1], dtype=x.dtype) * upstream[..., None]

            return tf.gather(x, labels, batch_dims=len(labels.shape)), gradient

        return _nan_unless(valid, entries(x))
    index = ops.expand_dims(labels, axis)
    return _nan_unless(valid, ops.squeeze(ops.take_along_axis(x, index, axis), axis))


def one_hot(loss, labels, like, axis):
    """Integer labels as one-hot of the shape of `like`, checked as in `at_labels`; other labels as they are."""
    if len(labels.shape) == len(like.shape):
        return labels
    labels, valid = _in_range(loss, labels, shapes.sizes_of(like)[axis], axis)
    encoded = ops.cast(is_label(like, labels, axis), like.dtype)
    return encoded if valid is None else _nan_unless(ops.expand_dims(valid, axis), encoded)


def check_fractions(loss, y):
    """`y`, whose entries must lie in [0, 1]: if they do not, an error in eager mode and NaN in a traced graph."""
    wrong = ops.any(ops.logical_or(y < 0, y > 1))
    known = concrete(wrong)
    if known is None:
        return y + ops.cast(ops.where(wrong, float("nan"), 0.0), y.dtype)
    if known:
        low, high = (float(ops.convert_to_numpy(extreme)) for extreme in (ops.min(y), ops.max(y)))
        raise ValueError(
            f"{loss}: `y_true` must hold masks of 0 and 1, or fractions between them (divide masks of 0 and 255 by "
            f"255; for pixels to leave out see `ignore_class`). Received: labels from {low:g} to {high:g}"
        )
    return y


def _nan_unless(valid, x):
    return x if valid is None else ops.where(valid, x, float("nan"))


def _in_range(loss, labels, classes, axis):
    """Labels with 0 for what is no class, and which of them were classes: None if it is known that all were."""
    seen = concrete(labels)
    if seen is None:
        valid = ops.logical_and(labels >= 0, labels < classes)
        return ops.where(valid, labels, 0), valid
    valid = (seen >= 0) & (seen < int(classes))
    if not valid.all():
        wrong = sorted({int(label) for label in seen[~valid]})
        names = {shapes.NAN_LABEL: "NaN", shapes.NOT_WHOLE: "a label that is no whole number"}
        shown = ", ".join(str(names.get(label, label)) for label in wrong[:5])
        raise ValueError(
            f"{loss}: `y_true` must hold class indices from 0 to {int(classes) - 1}, the size of axis {axis} of y_pred "
            f"less one. Received: {shown}{' and others' if len(wrong) > 5 else ''}"
        )
    return labels, None


def is_label(x, labels, axis):
    """Boolean, of the shape of `x`: true at each label's entry along `axis`."""
    shape = [1] * len(x.shape)
    shape[axis] = -1
    classes = ops.reshape(ops.arange(shapes.sizes_of(x)[axis], dtype=labels.dtype), shape)
    return ops.equal(classes, ops.expand_dims(labels, axis))


def mean(x, axis):
    """The mean over `axis`; None keeps every element. (`keras.ops.mean` rounds float64 to float32 on PyTorch.)"""
    if axis is None:
        return x
    return ops.sum(x, axis) / _size(x, axis)


def _size(x, axis):
    """How many entries `axis` has: a tensor in the dtype of `x`, or where it is known a number."""
    size = shapes.sizes_of(x)[axis]
    return size if isinstance(size, int) else ops.cast(size, x.dtype)


def divide_no_nan(x, y):
    """x / y, and 0 where y is 0. (`keras.ops.divide_no_nan` rounds float64 to float32 on PyTorch.)"""
    if isinstance(y, int):  # a number that is known before the run: the division costs nothing else
        return x / y if y else 0 * x
    zero = ops.equal(y, 0)
    return ops.where(zero, 0, x / ops.where(zero, 1, y))


def one_minus_exp(x):
    """1 - exp(x) for x <= 0, with all its digits near 0: of a log-probability 1 - p."""
    if keras.config.backend() != "tensorflow":
        return -ops.expm1(x)

    @ops.custom_gradient  # TensorFlow's expm1 takes twice as long: with y = tanh(-x/2) it is 2 y / (1 + y)
    def one_minus_exp(x):
        return 2 * ops.softsign(ops.tanh(-0.5 * x)), lambda upstream: -upstream * ops.exp(x)

    return one_minus_exp(x)


def focusing(miss, gamma):
    """miss^gamma, the focal factor, for miss = 1 - p in [0, 1]; with a finite gradient at 0 for gamma < 1.

    Below 1e-30 it is held constant: there the cross-entropy that it multiplies is as small.
    """
    if not ops.is_tensor(gamma) and gamma in (1, 2):  # the usual ones, for a product
        return miss if gamma == 1 else ops.square(miss)
    return ops.exp(gamma * ops.log(ops.clip(miss, 1e-30, 1)))  # a sixth of the time of TensorFlow's power


def absolute(x):
    """|x|, with gradient 0 at 0 on every backend; JAX's own is 1 there."""
    return x * ops.sign(x) if keras.config.backend() == "jax" else ops.abs(x)


def safe_sqrt(x):
    """The square root, with gradient 0 at 0 (a subgradient of a norm) where the square root's own is infinite."""
    zero = ops.equal(x, 0)
    return ops.where(zero, 0, ops.sqrt(ops.where(zero, 1, x)))


def safe_power(x, exponent):
    """x^exponent for x >= 0 and exponent > 0, with gradient 0 at 0, where for exponents below 1 it is infinite."""
    zero = x <= 0  # below it by rounding only
    return ops.where(zero, 0, ops.power(ops.where(zero, 1, x), exponent))


def log_cosh(x):
    """log(cosh(x)) without overflow for large x and without cancellation near 0, with its derivative tanh(x)."""
    return _log_cosh(x) if keras.config.backend() != "tensorflow" else ops.custom_gradient(_log_cosh_and_tanh)(x)


def _log_cosh(x):
    size = absolute(x)
    near = ops.clip(size, 0, 20)  # beyond it log cosh is a straight line
    sinh_squared = ops.square(ops.softsign(ops.tanh(near / 2))) * ops.exp(
        near
    )  # of near / 2; cosh x = 1 + 2 sinh²(x/2)
    return ops.log1p(2 * sinh_squared) + (size - near)


def _log_cosh_and_tanh(x):
    return _log_cosh(x), lambda upstream: upstream * ops.tanh(x)


def logits_behind(y_pred, head, axis):
    """The logits that the probabilities `y_pred` were computed from by `head` ("sigmoid" or "softmax"), or None.

    A saturated head has gradient 0 through its probabilities, but not through its logits. In a TensorFlow graph the
    operation itself tells. An eager tensor only carries the attribute by which Keras's own losses do the same
    (`_keras_logits`, private), and it does not say which head it was: so the head is computed again and compared.
    """
    operation = _operation(y_pred)
    if operation is not None:
        last = head == "sigmoid" or axis in (-1, len(y_pred.shape) - 1)
        return operation.inputs[0] if last and operation.type.lower() == head else None
    logits = getattr(y_pred, "_keras_logits", None)
    if logits is None or tuple(logits.shape) != tuple(y_pred.shape):
        return None
    again = ops.sigmoid(logits) if head == "sigmoid" else ops.softmax(logits, axis)
    same = concrete(ops.all(ops.isclose(again, y_pred, rtol=1e-3, atol=0.0, equal_nan=True)))
    return logits if same is not None and same else None


def concrete(x):
    """`x` as a numpy array, or None while a graph is traced, when there are no values yet."""
    if _operation(x) is not None:
        return None
    try:
        return ops.convert_to_numpy(x)
    except TypeError:  # a JAX tracer
        return None


def _operation(x):
    """The operation that gives a tensor of a TensorFlow graph; None for eager tensors and other backends."""
    operation = getattr(x, "op", None)
    return operation if hasattr(operation, "inputs") else None
