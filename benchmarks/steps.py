"""One step of a loss, its value and its gradient, in each mode; and whether two steps give the same."""

import gc
import math
import time

import numpy as np
import tensorflow as tf


def step(loss, mode, inputs=()):
    """A function of y_true and y_pred that gives the loss and its gradient with respect to y_pred.

    A graph is traced as `fit` does it, for a batch of unknown size of such `inputs`.
    """

    def loss_and_gradient(y_true, y_pred):
        with tf.GradientTape() as tape:
            tape.watch(y_pred)
            value = loss(y_true, y_pred)
        return value, tape.gradient(value, y_pred)

    if mode == "eager":
        return loss_and_gradient
    specs = [tf.TensorSpec([None, *x.shape[1:]], x.dtype) for x in inputs] if mode == "graph" else None
    return tf.function(loss_and_gradient, specs or None, jit_compile=mode == "xla")


def tensors(row, shape, seed=0):
    return tuple(map(tf.constant, row.inputs(np.random.default_rng(seed), shape)))


def disagreement(expected, received, tolerance=1e-3):
    """What differs between two results of a step by more than `tolerance`, in words; "" if nothing does."""
    (value, gradient), (other_value, other_gradient) = expected, received
    if not np.isclose(value, other_value, rtol=tolerance, atol=0):
        return f"loss {float(other_value):.6g} instead of {float(value):.6g}"
    distance = float(tf.norm(other_gradient - gradient) / tf.norm(gradient))
    if not distance <= tolerance:
        return f"gradient differs by {distance:.2g} of its norm"
    return ""


def interleaved(contenders, rounds=None, seconds=0.5, at_least=5, at_most=101):
    """Seconds for one call of each of the named functions: {name: array with an entry for each round}.

    Every round runs each once (a fast one several times), in an order shuffled anew, so that none always follows the
    one that left the caches full. They have to be warm. Without `rounds` as many are run as fit into `seconds`, within
    bounds; of very slow rounds three are enough.
    """
    once = {name: _time(function, 1) for name, function in contenders.items()}
    repeats = {name: max(1, math.ceil(5e-4 / elapsed)) for name, elapsed in once.items()}
    if rounds is None:
        one_round = sum(once[name] * repeats[name] for name in once)
        rounds = min(at_most, max(at_least if one_round < 2 else 3, round(seconds / one_round)))
    order, shuffle = list(contenders), np.random.default_rng(0).shuffle
    times = {name: np.empty(rounds) for name in contenders}
    gc.collect()
    gc.disable()
    try:
        for turn in range(rounds):
            shuffle(order)
            for name in order:
                times[name][turn] = _time(contenders[name], repeats[name])
    finally:
        gc.enable()
    return times


def _time(function, repeats):
    start = time.perf_counter()
    for _ in range(repeats):
        function()
    return (time.perf_counter() - start) / repeats


def quartiles(values):
    """[first quartile, median, third quartile]"""
    return [float(q) for q in np.percentile(values, (25, 50, 75))]
