"""`Perplexity`, for language models."""

from typing import Any

import keras
from keras import ops

from keras_lossbox.core.construction import names_in_errors
from keras_lossbox.core.mean_loss import MeanLoss
from keras_lossbox.core.registry import PACKAGE
from keras_lossbox.losses.categorical import SparseCategoricalCrossentropy


@keras.saving.register_keras_serializable(PACKAGE)
class Perplexity(MeanLoss):
    """e to the mean cross-entropy of the classes, or tokens, that are labelled: 1 if all is certain and right.

        result = exp(Σ w (-log p_y) / Σ w)

    Over everything that was seen, whatever the sizes of the batches; the exponential of a mean of batch means is more.
    Tokens that a layer masks (`Embedding(mask_zero=True)`) or `ignore_class` names do not count. A model that guesses
    among C classes has a perplexity of C.

    Args:
        from_logits: whether y_pred are logits, and not probabilities.
        ignore_class: labels of this value do not count, such as that of padding.
        name, dtype: see `MeanLoss`.

    Shapes: y_pred `(n, ..., classes)`; y_true, integers, without the axis of the classes.

    Raises:
        ValueError: for an option out of its range, and as `SparseCategoricalCrossentropy` does.

    Example:

    >>> import keras_lossbox
    >>> metric = keras_lossbox.Perplexity(from_logits=True)
    >>> metric.update_state([[0, 1]], [[[0.0, 0.0], [0.0, 0.0]]])
    >>> round(float(metric.result()), 4)
    2.0

    Reference: Jelinek et al., Perplexity: a measure of the difficulty of speech recognition tasks, 1977
    """

    def __init__(
        self, from_logits: bool = False, ignore_class: int | None = None, name: str | None = None, dtype: Any = None
    ) -> None:
        with names_in_errors("Perplexity"):
            options: dict[str, Any] = {"from_logits": from_logits, "ignore_class": ignore_class}
            loss = SparseCategoricalCrossentropy(**options)
        super().__init__(loss, name=name or "perplexity", dtype=dtype)

    def result(self) -> Any:
        """e to the mean over everything added since the last reset; 1 before."""
        return ops.exp(super().result())

    def get_config(self) -> dict[str, Any]:
        """The options, the name and the dtype."""
        options = {name: getattr(self.loss, name) for name in ("from_logits", "ignore_class")}
        return options | {"name": self.name, "dtype": self.dtype}
