"""Functions of one tensor with a gradient that is safe: at 0, in the tails, and on every backend alike."""

import math

import keras
from keras import ops


def sizes_of(x):
    """The sizes of the axes: numbers where they are known, tensors where only the run knows them.

    (`keras.ops.shape` asks TensorFlow at run time for all of them, known or not.)
    """
    known = tuple(x.shape)
    return tuple(ops.shape(x)) if None in known else known


def size_of(x, axis):
    """How many entries `axis` has: a number, or where only the run knows it a tensor in the dtype of `x`."""
    size = x.shape[axis]
    return ops.cast(ops.shape(x)[axis], x.dtype) if size is None else size


def is_small(x):
    """Whether x has so few entries that the number of operations counts, not of passes over memory."""
    return math.prod(128 if size is None else size for size in x.shape) < 2**16


def mean(x, axis):
    """The mean over `axis`; None keeps every element. (`keras.ops.mean` rounds float64 to float32 on PyTorch.)"""
    return x if axis is None else ops.sum(x, axis) / size_of(x, axis)


def max_over(x, axis, keepdims=False):
    """The maximum along `axis`; of no row none. (`keras.ops.max` refuses an empty batch, with two more calls.)"""
    return ops.max(x, axis, keepdims, initial=float("-inf"))


def cumulative_sum(x, axis=-1):
    """The sums of the first entries along `axis`. (`keras.ops.cumsum` rounds float64 to float32 on PyTorch.)"""
    return x.cumsum(axis) if keras.config.backend() == "torch" else ops.cumsum(x, axis)


def matmul(x, y):
    """The matrix product. (`keras.ops.matmul` rounds float64 to float32 on PyTorch.)"""
    return x @ y


def multiply_optional(x, factor):
    """x times an option that may be None."""
    return x if factor is None else factor * x


def multiply_no_nan(x, y):
    """x y, and 0 where y is 0, also for an infinite x. (keras.ops has none; TensorFlow's is one pass over memory.)"""
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        return tf.math.multiply_no_nan(x, y)
    return ops.where(ops.equal(y, 0), 0, x) * y


def divide_no_nan(x, y):
    """x / y, and 0 where y is 0. (`keras.ops.divide_no_nan` rounds float64 to float32 on PyTorch.)"""
    if isinstance(y, int):  # a number that is known before the run: the division costs nothing else
        return x / y if y else 0 * x
    zero = ops.equal(y, 0)
    return ops.where(zero, 0, x / ops.where(zero, 1, y))


def masked_log_sum_exp(x, mask):
    """log Σ exp(x) along the last axis over what the mask has; 0 where it has nothing."""
    kept = ops.where(mask, x, float("-inf"))
    peak = ops.stop_gradient(max_over(kept, -1, keepdims=True))
    peak = ops.where(ops.equal(peak, float("-inf")), 0, peak)
    total = ops.sum(ops.exp(kept - peak), -1)
    empty = ops.equal(total, 0)
    return ops.where(empty, 0, ops.log(ops.where(empty, 1, total)) + ops.squeeze(peak, -1))


def absolute(x):
    """|x|, with gradient 0 at 0 on every backend. (JAX's own is 1 there.)"""
    return x * ops.sign(x)


def ordered(x, y):
    """The smaller and the larger of x and y. Where they are equal, half of each gradient goes to each, everywhere.

    (`keras.ops.maximum` rounds float64 to float32 on PyTorch; TensorFlow's gives all of it to the first.)
    """
    below, above, mean_of_both = x < y, x > y, (x + y) / 2
    return tuple(
        ops.where(first, x, ops.where(second, y, mean_of_both)) for first, second in ((below, above), (above, below))
    )


def side(x):
    """1 where x >= 0, else -1, as a constant: |x| = x side(x), with derivative 1 at 0.

    What is smooth in x stays so, to every order, although it is computed from this |x|.
    """
    return ops.stop_gradient(ops.sign(ops.sign(x) + 0.5))  # (a select takes three times as long)


def finite_logits(z):
    """Logits with -1e38 for -inf: then a class that is masked costs 0 where its label is 0. (0 times inf is NaN.)"""
    return ops.where(z < -1e38, -1e38, z)


def safe_sqrt(x):
    """The square root, with gradient 0 at 0 (a subgradient of a norm) where the square root's own is infinite."""
    zero = ops.equal(x, 0)
    return ops.where(zero, 0, ops.sqrt(ops.where(zero, 1, x)))


def norm(x, axis):
    """The Euclidean length along `axis`, with gradient 0 where it is 0; no square over- or underflows."""
    largest = ops.stop_gradient(max_over(ops.abs(x), axis, keepdims=True))
    largest = ops.where(ops.isinf(largest), 1, largest)
    return max_over(largest, axis) * safe_sqrt(ops.sum(ops.square(divide_no_nan(x, largest)), axis))


def hypotenuse(x, y):
    """sqrt(x² + y²) for a number y > 0; no square over- or underflows."""
    abs_x = ops.stop_gradient(ops.abs(x))
    largest = ops.where(abs_x > y, abs_x, y)
    largest = ops.where(ops.isinf(largest), 1, largest)
    return largest * safe_sqrt(ops.square(divide_no_nan(x, largest)) + ops.square(divide_no_nan(y, largest)))


def unit_vectors(x, axis):
    """x divided by its length along `axis`, and 0 with gradient 0 where that is 0; no square over- or underflows."""
    largest = ops.stop_gradient(max_over(ops.abs(x), axis, keepdims=True))
    x = divide_no_nan(x, largest)
    return divide_no_nan(x, safe_sqrt(ops.sum(ops.square(x), axis, keepdims=True)))


def safe_power(x, exponent):
    """x^exponent for x >= 0 and exponent > 0, with gradient 0 at 0, where for exponents below 1 it is infinite."""
    zero = x <= 0  # below it by rounding only
    return ops.where(zero, 0, ops.power(ops.where(zero, 1, x), exponent))


def log_cosh(x):
    """log(cosh(x)) without overflow for large x and without cancellation near 0, with its derivative tanh(x)."""
    if keras.config.backend() != "tensorflow":
        return _log_cosh(x)
    # The automatic derivative takes 2.5 times as long, and 1.4 times in a compiled program.
    return ops.custom_gradient(lambda x: (_log_cosh(x), lambda upstream: upstream * ops.tanh(x)))(x)


def exp_beyond_line(x):
    """exp(x) - 1 - x, which near 0 is about ½ x²."""
    near = ops.abs(x) < 0.5
    small, series = ops.where(near, x, 0), 1
    for number in range(16, 2, -1):
        series = 1 + series * small / number
    return ops.where(near, 0.5 * ops.square(small) * series, ops.expm1(ops.where(near, 1, x)) - x)


def _log_cosh(x):
    """From cosh x = 1 + 2 sinh²(x/2)."""
    abs_x = x * side(x)
    near = ops.clip(abs_x, 0, 20)
    tanh = ops.tanh(near / 2)
    sinh_squared = ops.square(tanh / (1 + tanh)) * ops.exp(near)
    return ops.log1p(2 * sinh_squared) + ops.relu(abs_x - 20)  # beyond 20 it is a straight line


def log1p_square(x):
    """log(1 + x²), also where x² overflows."""
    abs_x = x * side(x)
    far = abs_x > 1
    near, away = ops.where(far, 0, abs_x), ops.where(far, abs_x, 1)
    return ops.where(far, 2 * ops.log(away) + ops.log1p(1 / away / away), ops.log1p(ops.square(near)))


def huber(x, delta):
    """½ x² for |x| <= δ, and beyond it the straight line that goes on from there."""
    abs_x = absolute(x)
    return ops.where(abs_x <= delta, 0.5 * ops.square(x), delta * abs_x - 0.5 * delta**2)


def one_minus_exp(x):
    """1 - exp(x) for x <= 0, with all its digits near 0: of a log-probability 1 - p."""
    return -ops.expm1(x)


def modulating_factor(one_minus_p, gamma):
    """(1 - p)^γ, the factor of a focal loss; with finite derivatives at 1 - p = 0 for γ < 1.

    Below 1e-18 it is held constant: there the cross-entropy that it multiplies is as small, and the square of 1e-18,
    which a second derivative needs, is still a number in float32.
    """
    if not ops.is_tensor(gamma) and gamma in (1, 2):  # the usual ones, for a product
        return one_minus_p if gamma == 1 else ops.square(one_minus_p)
    return ops.exp(gamma * ops.log(ops.clip(one_minus_p, 1e-18, 1)))  # a sixth of the time of TensorFlow's power


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


def ratio(common, sizes):
    """common / sizes; two empty regions, with nothing to divide by, agree."""
    empty = ops.equal(sizes, 0)
    return ops.where(empty, 1, common / ops.where(empty, 1, sizes))
