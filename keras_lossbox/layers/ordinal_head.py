"""`OrdinalHead`, whose logits for the thresholds between ordered classes never contradict each other."""

import itertools
import math
from collections.abc import Sequence
from typing import Any, Literal

import keras
from keras import ops

from keras_lossbox.core.registry import PACKAGE


@keras.saving.register_keras_serializable(PACKAGE)
class OrdinalHead(keras.layers.Layer):
    """One score for each sample, and a place on it for each threshold between ordered classes.

        z_k = x · kernel + b_k,   b_k = bias_0 - softplus(bias_1) - ... - softplus(bias_k),   k = 0 ... num_classes - 2

    The logits z_k of P(y > k) that `Coral` and `CumulativeLink` take. They decrease with k, so that no class has a
    negative probability; with `ordered=False` b_k = bias_k, as in the CORAL paper, whose optimum is ordered but not
    every step on the way to it. With a kernel of 0 the biases as they start give each class the same probability.
    (`Corn` takes logits of another kind; for it a `Dense(num_classes - 1)` will do.)

    Args:
        num_classes: the number of classes, at least 2.
        ordered: whether the logits are made to decrease.
        kernel_initializer, kernel_regularizer, kernel_constraint: as in `Dense`.
        **kwargs: `name`, `dtype`, `trainable`: as in any layer. With a dtype of 16 bits, which cannot tell neighbouring
            logits from each other, the layer computes and gives float32.

    Shapes: `(n, ..., features)` in, `(n, ..., num_classes - 1)` out.

    Raises:
        ValueError: for a number of classes below 2.

    Example:

    >>> import keras, keras_lossbox
    >>> model = keras.Sequential([keras.Input((8,)), keras_lossbox.OrdinalHead(num_classes=5)])
    >>> model.compile("adam", keras_lossbox.CumulativeLink())
    >>> model.output_shape
    (None, 4)

    Reference: Cao, Mirjalili and Raschka, 2020, https://arxiv.org/abs/1901.07884; the order: McCullagh, Regression
    Models for Ordinal Data, 1980
    """

    def __init__(
        self,
        num_classes: int,
        ordered: bool = True,
        *,
        kernel_initializer: Any = "glorot_uniform",
        kernel_regularizer: Any = None,
        kernel_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        if isinstance(num_classes, bool) or not isinstance(num_classes, int) or num_classes < 2:
            raise ValueError(
                f"OrdinalHead: `num_classes` must be an integer >= 2. Received: num_classes={num_classes!r}"
            )
        if not isinstance(ordered, bool):
            raise ValueError(f"OrdinalHead: `ordered` must be True or False. Received: ordered={ordered!r}")
        self.num_classes = num_classes
        self.ordered = ordered
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.supports_masking = True

    def build(self, input_shape: Sequence[int | None]) -> None:
        features = input_shape[-1]
        self.kernel = self.add_weight(
            name="kernel",
            shape=(features, 1),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            autocast=False,  # (the layer's own does not reach its weights in Keras 3.15, where no layer is around it)
        )
        self.bias = self.add_weight(
            name="bias", shape=(self.num_classes - 1,), initializer=self._classes_alike, autocast=False
        )
        self.input_spec = keras.layers.InputSpec(min_ndim=2, axes={-1: features})
        self.built = True

    def _classes_alike(self, shape, dtype=None):
        """The bias with which all classes have the same probability where the score is 0."""
        classes = self.num_classes
        places = [math.log((classes - 1 - k) / (k + 1)) for k in range(classes - 1)]
        gaps = [high - low for high, low in itertools.pairwise(places)]
        bias = [places[0], *(math.log(math.expm1(gap)) for gap in gaps)] if self.ordered else places
        return ops.convert_to_tensor(bias, dtype=dtype)

    def call(self, inputs: Any) -> Any:
        dtype = "float64" if self.compute_dtype == "float64" else "float32"
        x, kernel, bias = (ops.cast(tensor, dtype) for tensor in (inputs, self.kernel, self.bias))
        if self.ordered:
            first, steps = bias[:1], ops.softplus(bias[1:])
            bias = ops.concatenate([first, first - ops.cumsum(steps)])
        return ops.matmul(x, kernel) + bias

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "num_classes": self.num_classes,
            "ordered": self.ordered,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
        }


def ordinal_probabilities(z: Any, kind: Literal["cumulative", "conditional"] = "cumulative") -> Any:
    """The probabilities of ordered classes, from the logits of the thresholds between them.

        P(y = k) = P(y > k - 1) - P(y > k)

    The largest of them is the likeliest class. The class with the least absolute error is the median, the number of
    thresholds that are passed with a probability above 1/2, as CORAL and CORN read predictions:
    `np.sum(np.cumsum(p, -1) < 0.5, -1)`. The mean, `p @ np.arange(classes)`, has the least squared error.

    Args:
        z: logits, `(n, ..., K)`: an array, a tensor, or the output of a layer (then the result is one, too).
        kind: `"cumulative"`: P(y > k) = σ(z_k), for `Coral` and `CumulativeLink`. Where such logits do not decrease, a
            probability is negative. `"conditional"`: P(y > k) = σ(z_0) σ(z_1) ... σ(z_k), for `Corn`.

    Returns:
        A tensor `(n, ..., K + 1)`, whose rows sum to 1.

    Raises:
        ValueError: for an unknown kind.

    Example:

    >>> import keras_lossbox
    >>> [float(p) for p in keras_lossbox.ordinal_probabilities([0.0, 0.0], "conditional")]
    [0.5, 0.25, 0.25]

    Reference: as for `Coral` and `Corn`
    """
    if kind not in ("cumulative", "conditional"):
        raise ValueError(
            f"ordinal_probabilities: `kind` must be 'cumulative' or 'conditional'. Received: kind={kind!r}"
        )
    if not (ops.is_tensor(z) or isinstance(z, keras.KerasTensor)):
        z = ops.convert_to_tensor(z)
    if kind == "conditional":
        passed = ops.exp(ops.cumsum(-ops.softplus(-z), -1))
        before = ops.concatenate([ops.ones_like(z[..., :1]), passed[..., :-1]], -1)
        return ops.concatenate([before * ops.sigmoid(-z), passed[..., -1:]], -1)
    high, low = z[..., :-1], z[..., 1:]
    # Of the two sides of a difference the one that is not almost 1, for its digits.
    between = ops.where(low > 0, ops.sigmoid(-low) - ops.sigmoid(-high), ops.sigmoid(high) - ops.sigmoid(low))
    return ops.concatenate([ops.sigmoid(-z[..., :1]), between, ops.sigmoid(z[..., -1:])], -1)
