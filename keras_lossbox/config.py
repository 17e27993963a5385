"""Settings of the package.

`KERAS_LOSSBOX_JIT_COMPILE=0` in the environment, or `disable_jit_compile()` before a model is compiled, keeps losses
from being compiled by XLA by themselves. Switch it off to differentiate a loss of many logits forwards
(`tf.autodiff.ForwardAccumulator`) or under `tf.vectorized_map`, to step through a formula in a debugger, or on a
platform whose XLA gives trouble. The numbers are the same, up to rounding.
"""

from keras_lossbox.core import compiled


def enable_jit_compile() -> None:
    """Losses of many predictions are compiled by XLA by themselves, inside the user's graph or eager step.

    Example:

    >>> import keras_lossbox
    >>> keras_lossbox.config.enable_jit_compile()
    >>> keras_lossbox.config.is_jit_compile_enabled()
    True
    """
    compiled.enable(True)


def disable_jit_compile() -> None:
    """Losses are computed operation by operation, like those of Keras; what is traced already stays as it is."""
    compiled.enable(False)


def is_jit_compile_enabled() -> bool:
    """Whether losses of many predictions are compiled."""
    return compiled.is_enabled()
