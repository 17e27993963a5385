"""What is private or peculiar in Keras and TensorFlow: each thing once, with its reason.

Private names are used where Keras offers nothing public; `tests/core/test_host.py` tells when one of them breaks.
"""

import contextlib
import dis
import functools
import re
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import keras
from keras import ops
from keras.src.backend import get_keras_mask  # private: on some backends the attribute `_keras_mask` is not the way
from keras.src.backend.common.variables import AutocastScope  # private: a layer cannot read a variable uncast otherwise

BACKEND = keras.config.backend()
ON_TENSORFLOW = BACKEND == "tensorflow"
if ON_TENSORFLOW:
    import tensorflow as tf  # which Keras has imported

F = TypeVar("F", bound=Callable[..., Any])

LINEAR_LOGITS = "_keras_lossbox_linear"  # an attribute of logits, as Keras's own `_keras_logits` is of probabilities


def mask_of(y_pred):
    """The mask that layers have attached to an output (`Embedding(mask_zero=True)`, `Masking`), or None."""
    return get_keras_mask(y_pred)


def scope_name(name):
    """A name as TensorFlow allows it for the root of a name scope."""
    cleaned = re.sub(r"[^A-Za-z0-9_.-]", "_", name)
    return cleaned if re.match(r"[A-Za-z0-9.]", cleaned) else f"loss{cleaned}"


def as_written(function: F) -> F:
    """Keeps AutoGraph, which would rewrite the code and lose the names in its errors, out of a function."""
    return tf.autograph.experimental.do_not_convert(function) if ON_TENSORFLOW else function


def in_from_import(depth):
    """Whether the code `depth` calls above runs `from package import name`, which hides an AttributeError's text."""
    frame = sys._getframe(depth)
    return frame.f_code.co_code[frame.f_lasti] == dis.opmap["IMPORT_FROM"]


def is_variable(x):
    """Whether it is a variable of Keras or of TensorFlow."""
    return isinstance(x, keras.Variable) or (ON_TENSORFLOW and isinstance(x, tf.Variable))


def operation(x):
    """The operation that gives a tensor of a TensorFlow graph; None for eager tensors and other backends."""
    found = getattr(x, "op", None)
    return found if hasattr(found, "inputs") else None


def concrete(x):
    """`x` as a numpy array, or None while a function is traced or transformed, when only constants have values."""
    if operation(x) is not None:
        return tf.get_static_value(x)
    try:
        return ops.convert_to_numpy(x)
    except (TypeError, RuntimeError):  # a JAX tracer; a tensor under torch.func
        return None


@functools.cache
def has_cpus_only():
    """Whether it is TensorFlow, and sees no GPU or TPU."""
    if not ON_TENSORFLOW:
        return False
    return all(device.device_type in ("CPU", "XLA_CPU") for device in tf.config.list_physical_devices())


def fail_in_run(wrong, describe, x):
    """`x`, for which the run of a TensorFlow graph fails with these words and numbers where `wrong`, a scalar, is true.

    What is computed from it waits for that: else an optimizer might have updated a weight before the step fails.
    (keras.ops has no assertion. XLA leaves it out.)
    """
    if operation(wrong) is None:
        return x

    def fail():
        tf.raw_ops.Assert(condition=False, data=describe(), summarize=1)
        return tf.no_op()

    with tf.control_dependencies([tf.cond(wrong, fail, tf.no_op)]):
        return tf.identity(x)


def logits_behind(y_pred, activation, axis):
    """The logits that the probabilities `y_pred` were computed from by "sigmoid" or "softmax", or None.

    A saturated activation has gradient 0 through its probabilities, but not through its logits. In a TensorFlow graph
    the operation itself tells. An eager tensor only carries the attribute by which Keras's own losses do the same
    (`_keras_logits`, private), and it does not say which activation it was: so that is computed again and compared.
    """
    found = operation(y_pred)
    if found is not None:
        last = activation == "sigmoid" or axis in (-1, len(y_pred.shape) - 1)
        return found.inputs[0] if last and found.type.lower() == activation else None
    logits = getattr(y_pred, "_keras_logits", None)
    if logits is None or tuple(logits.shape) != tuple(y_pred.shape):
        return None
    again = ops.sigmoid(logits) if activation == "sigmoid" else ops.softmax(logits, axis)
    same = concrete(ops.all(ops.isclose(again, y_pred, rtol=1e-3, atol=0.0, equal_nan=True)))
    return logits if same is not None and same else None


def attach_linear(logits, record):
    """Lets a loss that is given these very logits find what they were computed from; in TensorFlow graphs only."""
    if operation(logits) is not None:
        setattr(logits, LINEAR_LOGITS, record)


def linear_behind(logits):
    """The record that `attach_linear` left on these logits, or None."""
    return getattr(logits, LINEAR_LOGITS, None)


def metrics_of(model):
    """The metrics and the weighted metrics as `compile` was given them.

    `model.metrics` has them once a training has built them, and `get_compile_config` as configurations, from which a
    class that is not registered cannot be made again.
    """
    record = getattr(model, "_compile_metrics", None)
    return getattr(record, "_user_metrics", None), getattr(record, "_user_weighted_metrics", None)


def has_loss(model):
    """Whether a model is compiled with a loss."""
    return getattr(model, "_compile_loss", None) is not None


def exchange_loss(model, loss):
    """Another loss, or other losses of the same outputs, for a compiled model, whose optimizer and metrics stay.

    `compile` would make the metrics anew, and they have no variables until data have been seen: JAX's step, which is
    given all variables before it is traced, would not know of them. Among them are the means of each output's loss.
    """
    record = model._compile_loss
    exchanged = type(record)(loss, record._user_loss_weights, output_names=record.output_names)
    if record.metrics:
        if any(isinstance(part, str) and part.lower() in ("crossentropy", "ce") for part in keras.tree.flatten(loss)):
            raise ValueError(
                "`schedule` must say which cross-entropy an output of several has, such as 'binary_crossentropy' or "
                "'sparse_categorical_crossentropy': Keras chooses one by the labels, which are not at hand between "
                f"epochs. Received: {loss!r}"
            )
        structures = (record._y_true_build_structure, record._y_pred_build_structure)
        exchanged.build(*(keras.tree.map_structure(lambda _: 0, structure) for structure in structures))
        outputs, others = ([part.path for part in of._flat_losses] for of in (record, exchanged))
        if outputs != others:
            raise ValueError(
                "`schedule` must have losses for the same outputs in each epoch. "
                f"Received: {loss!r} after {model.loss!r}"
            )
        exchanged._metrics[:] = record._metrics
    model._compile_loss = exchanged
    model._compile_config.config["loss"] = model.loss = loss
    model.make_train_function(force=True)
    model.make_test_function(force=True)


@contextlib.contextmanager
def added_losses_kept(model):
    """Brings back what `add_loss` and activity regularisers have left on a model: a call of its layers clears it."""
    kept = [] if model is None else [(layer._losses, list(layer._losses)) for layer in model._flatten_layers()]
    try:
        yield
    finally:
        for added, losses in kept:
            added[:] = losses


def read_uncast(variable):
    """The value of a variable as it is now, in the variable's own dtype, also inside a layer of mixed precision."""
    with AutocastScope(None):
        value = variable.value if isinstance(variable, keras.Variable) else variable
    return tf.convert_to_tensor(value) if ON_TENSORFLOW else value  # (Keras's function hands a variable on unread)


def replica_context():
    """The context of a step that `tf.distribute` runs on several replicas; None anywhere else."""
    if not ON_TENSORFLOW:
        return None
    context = tf.distribute.get_replica_context()
    return None if context is None or context.num_replicas_in_sync == 1 else context


def value_and_gradients(fn, values):
    """`fn(values)`, a scalar, and its gradient by each of the values."""
    if BACKEND == "jax":
        import jax

        return jax.value_and_grad(fn)(values)
    if BACKEND == "torch":
        import torch

        values = [value.detach().clone().requires_grad_() for value in values]
        value = fn(values)
        if not value.requires_grad:
            return value, [torch.zeros(()) for _ in values]
        gradients = torch.autograd.grad(value, values, allow_unused=True)
        return value, [torch.zeros(()) if gradient is None else gradient for gradient in gradients]
    values = [tf.convert_to_tensor(value) for value in values]
    with tf.GradientTape() as tape:
        tape.watch(values)
        value = fn(values)
    gradients = tape.gradient(value, values, unconnected_gradients="zero")
    return value, [tf.convert_to_tensor(gradient) for gradient in gradients]


def with_derivative(function):
    """The function of a number that gives its value and derivative, by the backend's automatic differentiation."""
    if BACKEND == "jax":
        import jax

        return jax.jit(jax.value_and_grad(function))
    if BACKEND == "torch":

        def at(point):
            x = ops.convert_to_tensor(point).detach().requires_grad_()
            value = function(x)
            value.backward()
            return value.detach(), x.grad

        return at

    @tf.function(input_signature=[tf.TensorSpec([], "float32")], autograph=False)
    def at(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = function(x)
        return value, tape.gradient(value, x)

    return at
