"""Layers whose outputs losses of metric learning take: cosines to the centres of classes, and pairs of embeddings."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import keras
from keras import ops

from keras_lossbox.core.registry import PACKAGE
from keras_lossbox.functions.elementary import max_over, sizes_of, unit_vectors


def in_full_precision(layer: keras.layers.Layer, x: Any) -> Any:
    """x in float32, or in float64 for a layer of that."""
    return ops.cast(x, "float64" if layer.compute_dtype == "float64" else "float32")


@keras.saving.register_keras_serializable(PACKAGE)
class CosineHead(keras.layers.Layer):
    """The cosine of each input and the centre of each class; the centres are trained with the model.

        y_c = x · w_c / (|x| |w_c|)

    What `ArcFace`, `CosFace` and `ProxyAnchor` take. Margin and scale are theirs, since only a loss knows the labels:
    the same layer serves training, `predict` (its largest cosine is the class) and saving. The model up to this layer
    gives embeddings for classes that training never saw.

    Args:
        units: the number of classes.
        sub_centers: how many centres each class has, for classes of several kinds, or with wrong labels.
        pooling: of the cosines to the centres of a class `"max"`, or `"soft"`: their mean, weighted by
            softmax(cos / γ), as in SoftTriple.
        gamma: γ > 0, for `"soft"`.
        kernel_initializer, kernel_regularizer, kernel_constraint: as in `Dense`.
        **kwargs: `name`, `dtype`, `trainable`: as in any layer. With a dtype of 16 bits the layer computes and gives
            float32: a scale of 64 would make a rounding of 0.001 one of 0.06.

    Shapes: `(n, ..., features)` in, `(n, ..., units)` out. The kernel is `(features, units * sub_centers)`, the centres
        of a class beside each other.

    Raises:
        ValueError: for an option out of its range.

    Example:

    >>> import keras, keras_lossbox
    >>> model = keras.Sequential([keras.Input((8,)), keras_lossbox.CosineHead(100)])
    >>> model.compile("adam", keras_lossbox.ArcFace())
    >>> model.output_shape
    (None, 100)

    Reference: Deng et al., Sub-center ArcFace, 2020, https://doi.org/10.1007/978-3-030-58621-8_43; soft: Qian et al.,
    SoftTriple Loss, 2019, https://arxiv.org/abs/1909.05235
    """

    def __init__(
        self,
        units: int,
        sub_centers: int = 1,
        pooling: Literal["max", "soft"] = "max",
        *,
        gamma: float = 0.1,
        kernel_initializer: Any = "glorot_uniform",
        kernel_regularizer: Any = None,
        kernel_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        for name, value in (("units", units), ("sub_centers", sub_centers)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"CosineHead: `{name}` must be a positive integer. Received: {name}={value!r}")
        if pooling not in ("max", "soft"):
            raise ValueError(f"CosineHead: `pooling` must be 'max' or 'soft'. Received: pooling={pooling!r}")
        self.units = units
        self.sub_centers = sub_centers
        self.pooling = pooling
        self.gamma = positive("CosineHead", "gamma", gamma)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.supports_masking = True

    def build(self, input_shape: Sequence[int | None]) -> None:
        features = input_shape[-1]
        self.kernel = self.add_weight(
            name="kernel",
            shape=(features, self.units * self.sub_centers),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            autocast=False,
        )
        self.input_spec = keras.layers.InputSpec(min_ndim=2, axes={-1: features})
        self.built = True

    def call(self, inputs: Any) -> Any:
        x, kernel = (in_full_precision(self, tensor) for tensor in (inputs, self.kernel))
        cosines = ops.matmul(unit_vectors(x, -1), unit_vectors(kernel, 0))
        if self.sub_centers == 1:
            return cosines
        cosines = ops.reshape(cosines, (*sizes_of(cosines)[:-1], self.units, self.sub_centers))
        if self.pooling == "max":
            return max_over(cosines, -1)
        return ops.sum(ops.softmax(cosines / self.gamma, -1) * cosines, -1)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "units": self.units,
            "sub_centers": self.sub_centers,
            "pooling": self.pooling,
            "gamma": self.gamma,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
        }


def positive(layer: str, name: str, value: Any) -> float:
    """A finite number above 0, or an error that names it."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise ValueError(f"{layer}: `{name}` must be a finite number > 0. Received: {name}={value!r}")
    return float(value)


@keras.saving.register_keras_serializable(PACKAGE)
class AtMost(keras.constraints.Constraint):
    """Keeps a weight at or below a number, after each step."""

    def __init__(self, high: float) -> None:
        self.high = high

    def __call__(self, w: Any) -> Any:
        return ops.where(w > self.high, self.high, w)

    def get_config(self) -> dict[str, Any]:
        return {"high": self.high}


@keras.saving.register_keras_serializable(PACKAGE)
class ContrastiveHead(keras.layers.Layer):
    """Two towers of embeddings as the pairs that `InfoNCE` and `SigLIP` take, with a learned scale and bias.

        out = [e^t a / |a|, b / |b|];   with a bias c one more column, [c, 1], so that the inner product is e^t cos + c

    The scale of CLIP is an ordinary trainable weight of the model here, and the inner products of the outputs are the
    logits: take `InfoNCE(temperature=1, normalize=False, symmetric=True)` for CLIP, and for SigLIP, with
    `ContrastiveHead(0.1, bias=-10)`, `SigLIP(temperature=1, bias=0, normalize=False)`.

    Args:
        temperature: e^-t at the start.
        learned: False keeps temperature and bias as they are.
        bias: c at the start; None for none.
        max_scale: e^t stays at or below it, as in CLIP; None for no bound.
        **kwargs: `name`, `dtype`, `trainable`: as in any layer. With a dtype of 16 bits the layer computes and gives
            float32.

    Shapes: a list of two tensors `(n, d)` in, `(n, 2, d)` out, or `(n, 2, d + 1)` with a bias.

    Raises:
        ValueError: for an option out of its range, or inputs that are not two tensors of one shape.

    Example:

    >>> import keras, keras_lossbox
    >>> image, text = keras.Input((16,)), keras.Input((8,))
    >>> pairs = keras_lossbox.ContrastiveHead()([keras.layers.Dense(4)(image), keras.layers.Dense(4)(text)])
    >>> model = keras.Model([image, text], pairs)
    >>> model.compile("adam", keras_lossbox.InfoNCE(1.0, normalize=False, symmetric=True))
    >>> model.output_shape
    (None, 2, 4)

    Reference: Radford et al., CLIP, 2021, https://arxiv.org/abs/2103.00020; the bias: Zhai et al., SigLIP, 2023,
    https://arxiv.org/abs/2303.15343
    """

    def __init__(
        self,
        temperature: float = 0.07,
        learned: bool = True,
        bias: float | None = None,
        max_scale: float | None = 100.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.temperature = positive("ContrastiveHead", "temperature", temperature)
        if not isinstance(learned, bool):
            raise ValueError(f"ContrastiveHead: `learned` must be True or False. Received: learned={learned!r}")
        number = isinstance(bias, (int, float)) and not isinstance(bias, bool) and abs(bias) < math.inf
        if bias is not None and not number:
            raise ValueError(f"ContrastiveHead: `bias` must be a finite number or None. Received: bias={bias!r}")
        self.learned = learned
        self.bias = bias
        self.max_scale = None if max_scale is None else positive("ContrastiveHead", "max_scale", max_scale)
        if self.max_scale is not None and 1 / self.temperature > self.max_scale:
            raise ValueError(
                "ContrastiveHead: `temperature` must be at least 1/max_scale. "
                f"Received: temperature={temperature!r}, max_scale={max_scale!r}"
            )

    def build(self, input_shape: Any) -> None:
        if len(input_shape) != 2 or tuple(input_shape[0]) != tuple(input_shape[1]):
            raise ValueError(
                f"ContrastiveHead: the inputs must be a list of two tensors of one shape. Received: {input_shape}"
            )
        self.log_scale = self._number("log_scale", -math.log(self.temperature), self.max_scale)
        self.logit_bias = None if self.bias is None else self._number("logit_bias", self.bias)
        self.built = True

    def _number(self, name, start, high=None):
        return self.add_weight(
            name=name,
            shape=(),
            initializer=keras.initializers.Constant(start),
            constraint=None if high is None else AtMost(math.log(high)),
            trainable=self.learned,
            autocast=False,
        )

    def call(self, inputs: Any) -> Any:
        a, b = (unit_vectors(in_full_precision(self, x), -1) for x in inputs)
        a = a * ops.exp(in_full_precision(self, self.log_scale))
        if self.logit_bias is not None:
            ones = ops.ones_like(a[..., :1])
            a = ops.concatenate([a, ones * in_full_precision(self, self.logit_bias)], -1)
            b = ops.concatenate([b, ones], -1)
        return ops.stack([a, b], -2)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        *samples, d = input_shape[0]
        return (*samples, 2, d if d is None or self.bias is None else d + 1)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "temperature": self.temperature,
            "learned": self.learned,
            "bias": self.bias,
            "max_scale": self.max_scale,
        }
