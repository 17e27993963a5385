"""One compiled program for a loss: the formula handed to XLA by itself, inside the user's graph or eager step.

TensorFlow runs a graph on the CPU operation by operation, and each is a pass over memory; that is where the time of a
loss goes. XLA makes one pass of them. Of the forward program nothing leaves but the score; the backward program
computes the formula again and gives the gradient, so that no intermediate is kept.

A shape costs about half a second of compilation, so few logits are left to TensorFlow, and the number of programs is
bounded: to `MOST_SHAPES` shapes for each loss where sizes are known when a step is traced; where only the run knows the
size of the batch, its rows are filled up, with rows that do not count, to the next size of a short ladder. Where other
sizes are unknown, or the formula asks other replicas, the loss is computed as before. So it is in graphs where a loss
says `jit_compile = "eager"`: there TensorFlow is as fast, or XLA cannot do without known sizes.
"""

import functools
import json
import math
import os
import threading

from keras import ops

from keras_lossbox.core import host, reduction
from keras_lossbox.core.batch import logical_and_optional
from keras_lossbox.core.reduction import Score
from keras_lossbox.functions.elementary import sizes_of

if host.ON_TENSORFLOW:
    import tensorflow as tf

LEAST_ELEMENTS = 2**16  # of y_pred: below it a call costs more than the passes that it saves
USUAL_ROWS = 256  # what a batch of unknown size is taken for
MOST_SHAPES = 8  # with programs, for each loss
MOST_LOSSES = 64  # with programs, at a time
LADDER = sorted({step << power for step in (2, 3) for power in range(30)})  # 2, 3, 4, 6, 8, 12 ... rows
TENSORS = ("y_true", "y_pred", "weights", "mask", "layer_mask", "invalid", "filled_up")  # of a batch

_enabled = os.environ.get("KERAS_LOSSBOX_JIT_COMPILE", "1") != "0"
_programs: dict = {}
_one_at_a_time = threading.Lock()  # of the threads that look for a program, or make room for one


def enable(enabled=True):
    """Whether losses are compiled by themselves, from now on; what is traced already stays as it is."""
    global _enabled
    _enabled = enabled


def is_enabled():
    """Whether losses are compiled by themselves."""
    return _enabled


def score(loss, batch, how):
    """The `Score` of a batch for the reduction `how`; from a compiled program where that pays."""

    def formula(batch):
        return reduction.score(loss.evaluate(batch), how)

    if not (_enabled and host.ON_TENSORFLOW and loss.jit_compile) or _few_or_unknown(batch.y_pred.shape):
        return formula(batch)
    if loss.jit_compile == "eager" and not tf.executing_eagerly():
        return formula(batch)
    if not _works() or (host.replica_context() is not None and loss.targets(batch.y_pred).across):
        return formula(batch)
    if batch.y_pred.shape[0] is None:
        return _filled_up(loss, batch, how, formula)
    program = _program(loss, batch, how, formula)
    return formula(batch) if program is None else program.score(batch)


def _few_or_unknown(shape):
    """Whether there are too few predictions, or sizes beside the batch's are unknown."""
    rows, *others = shape
    return None in others or (rows or USUAL_ROWS) * math.prod(others) < LEAST_ELEMENTS


@functools.cache
def _works():
    """Whether there is an XLA, and no GPU or TPU, where this has not been measured."""
    if not host.has_cpus_only():
        return False
    try:
        with tf.init_scope():
            return float(tf.function(lambda x: x + 1.0, jit_compile=True)(tf.constant(1.0))) == 2.0
    except (tf.errors.OpError, ValueError):
        return False


def _program(loss, batch, how, formula):
    """The program for batches of these shapes, which losses of the same options share; None for too many shapes."""
    if "_options" not in loss.__dict__:
        loss.__dict__["_options"] = json.dumps(loss.get_config(), sort_keys=True)
    tensors = [getattr(batch, name) for name in TENSORS]
    layout = [None if x is None else (x.dtype.name, len(x.shape)) for x in tensors]
    shapes = tuple(None if x is None else tuple(x.shape) for x in tensors)
    key_of_loss, key = (type(loss), loss.__dict__["_options"], how, batch.axis, *layout), (batch.from_logits, shapes)
    with _one_at_a_time:
        of_loss = _programs.setdefault(key_of_loss, {})
        if key not in of_loss and len(of_loss) < MOST_SHAPES:
            of_loss[key] = Program(batch, formula)
            if len(_programs) > MOST_LOSSES:
                _programs.pop(next(iter(_programs)))
        return of_loss.get(key)


def _filled_up(loss, batch, how, formula):
    """The score of a batch of an unknown number of rows, with masked rows up to the next size of the ladder."""
    unfilled, rows = batch, tf.shape(batch.y_pred)[0]
    steps = tf.constant(LADDER, rows.dtype)
    size = steps[tf.searchsorted(steps, rows[None])[0]]
    fields = {name: getattr(batch, name) for name in TENSORS if getattr(batch, name) is not None}
    targets = loss.targets(batch.y_pred)
    domain = targets.domain(batch.y_true, sizes_of(batch.y_pred))
    harmless = {"y_pred": 1, "y_true": 0 if domain is None else domain.harmless}
    filled = {name: _fill(x, rows, size, harmless.get(name, 0)) for name, x in fields.items()}
    there = tf.range(size) < rows
    if targets.across:  # such a formula asks which rows there are
        rank = len(batch.y_pred.shape) - (batch.axis is not None)
        filled["mask"] = logical_and_optional(filled.get("mask"), tf.reshape(there, [-1] + [1] * (rank - 1)))
    else:
        filled["filled_up"] = there
    batch = batch._replace(**filled)
    program = _program(loss, batch, how, formula)
    if program is None:  # of as many models with outputs of another shape each
        return formula(unfilled)
    total, divisor = program.score(batch)
    return Score(total[:rows] if divisor is None else total, divisor)


def _fill(x, rows, size, number):
    """`x` with this number up to `size` rows; one row, or one number, for all of them stays as it is."""
    if len(x.shape) == 0 or x.shape[0] == 1:
        return x
    more = tf.where(tf.equal(tf.shape(x)[0], rows), size - rows, 0)
    return tf.pad(x, [[0, more]] + [[0, 0]] * (len(x.shape) - 1), constant_values=tf.cast(number, x.dtype))


def _tensors(score):
    """A `Score` as a list of tensors of one dtype."""
    if score.divisor is None:
        return [score.total]
    return [score.total, ops.cast(score.divisor, score.total.dtype)]


class Program:
    """Forward and backward of one formula, for batches that have the same fields."""

    def __init__(self, batch, formula):
        self.names = [name for name in TENSORS if getattr(batch, name) is not None]
        constants = batch._replace(**dict.fromkeys(TENSORS))

        def values(*tensors):
            return _tensors(formula(constants._replace(**dict(zip(self.names, tensors, strict=True)))))

        def gradient(source, tensors, upstream):
            with tf.GradientTape() as tape:
                tape.watch(tensors[source])
                results = values(*tensors)
            return tape.gradient(results, tensors[source], upstream, unconnected_gradients="zero")

        # (Partial, since TensorFlow would warn of retracing what shares its code with other functions.)
        self.forward = tf.function(functools.partial(values), jit_compile=True, autograph=False)
        self.backward = {
            name: tf.function(functools.partial(gradient, source), jit_compile=True, autograph=False)
            for source, name in enumerate(self.names)
        }

    def score(self, batch):
        """The score of a batch, with gradients by predictions, labels and weights.

        Each of them has a gradient function of its own: what nobody asks for is not computed.
        """
        tensors = [getattr(batch, name) for name in self.names]
        constants = [tf.stop_gradient(x) for x in tensors]  # else the forward program would keep every intermediate
        results = self._with_gradient("y_pred", tensors, lambda: self.forward(*constants))
        for name in ("y_true", "weights"):
            if name in self.names and getattr(batch, name).dtype.is_floating:
                zeros = self._with_gradient(name, tensors, lambda: [tf.zeros_like(x) for x in results])  # noqa: B023
                results = [x + zero for x, zero in zip(results, zeros, strict=True)]
        return Score(*results)

    def _with_gradient(self, name, tensors, compute):
        """What `compute` gives, with the gradient of the formula by one of the tensors."""
        source = self.names.index(name)

        @tf.custom_gradient
        def results(x):
            inputs = [*tensors[:source], x, *tensors[source + 1 :]]
            return compute(), lambda *upstream: self.backward[name](inputs, upstream)

        return results(tensors[source])
