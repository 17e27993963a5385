"""`LinearHead`, a `Dense` whose loss is computed without its logits."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_lossbox.core import host
from keras_lossbox.core.registry import PACKAGE
from keras_lossbox.layers.chunked import LinearLogits, add_bias_and_cap


@keras.saving.register_keras_serializable(PACKAGE)
class LinearHead(keras.layers.Layer):
    """A `Dense` for the logits of a large vocabulary, which training then never holds.

        logits = x @ kernel + bias,   with a `logit_softcap` c followed by c tanh(logits / c)

    The output is that of `Dense`, whatever reads it. But `SparseCategoricalCrossentropy(from_logits=True)` and
    `SparseCategoricalFocalCrossentropy(from_logits=True)`, given this very output, compute their value and gradients
    from x and the kernel, a few rows at a time. On TensorFlow, in graph mode and under XLA (what `fit` and `evaluate`
    do), nothing else reads the logits, and so they are never computed: memory no longer grows with rows x classes.
    A metric that reads y_pred, a layer in between, `run_eagerly=True` and other backends get the same numbers from
    the logits; `loss.last_path` says which it was.

    Args:
        units: the number of classes.
        use_bias: whether there is a bias.
        logit_softcap: c > 0, or None for none.
        tied_to: an `Embedding` whose matrix, transposed, is the kernel; it needs `units` rows, and to be built (in a
            functional model: called) before this layer. Saved and loaded with the model. `keras.models.clone_model`
            cannot know that the layers belong together and raises an error.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, kernel_constraint, bias_constraint:
            as in `Dense`. With `tied_to` those of the kernel are the Embedding's.
        **kwargs: `name`, `dtype`, `trainable`: as in any layer.

    Shapes: `(n, ..., features)` in, `(n, ..., units)` out. The weights are those of `Dense`, `kernel` and `bias`, so
        that `head.set_weights(dense.get_weights())` works, and the other way round.

    Raises:
        ValueError: for an option out of its range, and for an Embedding that is not built or does not fit.

    Example:

    >>> import keras, keras_lossbox
    >>> model = keras.Sequential([keras.Input((8,)), keras_lossbox.LinearHead(1000)])
    >>> model.compile("adam", keras_lossbox.SparseCategoricalCrossentropy(from_logits=True))
    >>> model.output_shape
    (None, 1000)

    Reference: Wijmans et al., Cut Your Losses in Large-Vocabulary Language Models, 2024,
    https://arxiv.org/abs/2411.09009; the soft cap: Gemma 2, 2024, https://arxiv.org/abs/2408.00118
    """

    def __init__(
        self,
        units: int,
        use_bias: bool = True,
        *,
        logit_softcap: float | None = None,
        tied_to: keras.layers.Embedding | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(units, bool) or not isinstance(units, int) or units < 1:
            raise ValueError(f"LinearHead: `units` must be a positive integer. Received: units={units!r}")
        if logit_softcap is not None and not 0 < logit_softcap < math.inf:
            raise ValueError(
                f"LinearHead: `logit_softcap` must be a finite number > 0, or None. Received: {logit_softcap!r}"
            )
        if tied_to is not None and not isinstance(tied_to, keras.layers.Embedding):
            raise ValueError(f"LinearHead: `tied_to` must be a keras.layers.Embedding or None. Received: {tied_to!r}")
        if tied_to is not None and tied_to.input_dim != units:
            raise ValueError(
                f"LinearHead: `tied_to` must have one row for each of the {units} classes. "
                f"Received: an Embedding with input_dim={tied_to.input_dim}"
            )
        self.units = units
        self.use_bias = use_bias
        self.logit_softcap = logit_softcap
        self.tied_to: Any = tied_to
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)
        self.bias = None
        self.supports_masking = True

    def build(self, input_shape: Sequence[int | None]) -> None:
        features = input_shape[-1]
        if self.tied_to is None:
            self._kernel = self.add_weight(
                name="kernel",
                shape=(features, self.units),
                initializer=self.kernel_initializer,
                regularizer=self.kernel_regularizer,
                constraint=self.kernel_constraint,
            )
        elif not self.tied_to.built or self.tied_to.output_dim != features:
            raise ValueError(
                f"LinearHead: `tied_to` must be an Embedding of output_dim={features}, the features of the inputs, "
                "that has been built or called before (a copy that clone_model made has not). "
                f"Received: output_dim={self.tied_to.output_dim}, built={self.tied_to.built}"
            )
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(self.units,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        self.input_spec = keras.layers.InputSpec(min_ndim=2, axes={-1: features})
        self.built = True

    @property
    def kernel(self) -> Any:
        """The matrix of `(features, units)`."""
        return self._kernel if self.tied_to is None else ops.transpose(self.tied_to.embeddings)

    def call(self, inputs: Any) -> Any:
        tied, bias = self.tied_to is not None, self.bias
        if tied and getattr(self.tied_to, "quantization_mode", None):
            raise ValueError(
                f"LinearHead: `tied_to` is quantized ({self.tied_to.quantization_mode}), so that its matrix no longer "
                "holds the weights. Quantize a model with an untied LinearHead or Dense, with the Embedding's matrix "
                "transposed as its kernel."
            )
        matrix = self.tied_to.embeddings if tied else self._kernel
        logits = add_bias_and_cap(ops.matmul(inputs, self.kernel), bias, self.logit_softcap)
        read = [None if variable is None else host.read_uncast(variable) for variable in (matrix, bias)]
        host.attach_linear(logits, LinearLogits(inputs, *read, self.logit_softcap, tied))  # type: ignore[call-arg, arg-type]
        return logits

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config() | {
            "units": self.units,
            "use_bias": self.use_bias,
            "logit_softcap": self.logit_softcap,
            "tied_to": None,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": keras.regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
            "bias_constraint": keras.constraints.serialize(self.bias_constraint),
        }
        if self.tied_to is not None:
            # While a model is saved or loaded, Keras gives an object that appears twice an id, and makes it once. A
            # copy that is made in another way must not be taken for the model's own: without this entry it stays
            # unbuilt, which `build` notices.
            config["tied_to"] = keras.saving.serialize_keras_object(self.tied_to)
            config["tied_to"].pop("build_config", None)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "LinearHead":
        return cls(**config | {"tied_to": keras.saving.deserialize_keras_object(config.get("tied_to"))})
