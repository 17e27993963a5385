"""Which labels a kind of data allows, and what happens to the others: an error where one can be raised, else NaN."""

import dataclasses
import math
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from keras_lossbox.core import host
from keras_lossbox.functions.labels import NAN_LABEL, NOT_WHOLE

ROUNDING = 1e-3  # a label may lie outside of its domain by this much: a mask that was resized does by up to 1e-5


@dataclasses.dataclass(frozen=True)
class Domain:
    """The labels in [low, high], up to rounding, or with `above` those in (low, high]."""

    allowed: str  # in words, for the error
    low: float = -math.inf
    high: Any = math.inf  # a tensor, where only the run knows how many classes there are
    above: bool = False

    leave_out: ClassVar[str] = "a label: ignore_class"  # what to do about labels that are unknown

    @property
    def harmless(self) -> float:
        """A label that is in the domain, to be put in the place of those that are masked or not valid."""
        return self.low + 1 if self.above else 0

    def outside(self, labels: Any) -> Any:
        """Where labels, tensors or arrays, are not in the domain. (NaN is a label that is not known, and is.)"""
        rounding = ROUNDING if keras.backend.is_float_dtype(keras.backend.standardize_dtype(labels.dtype)) else 0
        below = labels <= self.low if self.above else labels < self.low - rounding
        unbounded = isinstance(self.high, float) and self.high == math.inf
        return below if unbounded else below | (labels > self.high + rounding)

    def check(self, labels: Any, loss: str) -> tuple[Any, Any]:
        """The labels, and where they are not valid: None if it is known that all are.

        A label that is not valid raises an error: in eager mode here, on a CPU when the graph runs. Elsewhere (XLA, a
        GPU, JAX) there is no value to look at, and the loss is NaN.
        """
        seen = host.concrete(labels)
        if seen is not None:
            if seen.size and self.outside(np.stack([seen.min(), seen.max()])).any():
                raise ValueError(f"`y_true` must hold {self.allowed}. Received: {self._received(seen)}")
            return labels, None
        floating = keras.backend.is_float_dtype(keras.backend.standardize_dtype(labels.dtype))
        if floating and not self.above:
            # Two passes over the labels in place of five; the batch is NaN, then, not the label's sample.
            ends = [end(labels, initial=self.harmless) for end in (ops.min, ops.max)]  # that of no label is valid
            invalid = ops.any(self.outside(ops.stack(ends)))
        else:
            invalid = self.outside(labels)
        if host.has_cpus_only():  # a GPU would have to wait for the answer
            labels = host.fail_in_run(ops.any(invalid), lambda: self._in_words(labels, loss), labels)
        return self.replaced(labels, invalid)

    def replaced(self, labels: Any, invalid: Any) -> tuple[Any, Any]:
        """Labels of which no formula takes harm, and where they are to be NaN."""
        if len(invalid.shape) == 0:
            return labels, invalid
        return ops.where(invalid, ops.cast(self.harmless, labels.dtype), labels), invalid

    def _in_words(self, labels, loss):
        """What a run says that fails; it has no string operations that XLA could compile."""
        sentence = f"{loss}: `y_true` must hold {self.allowed}. Received: labels from"
        integers = not keras.backend.is_float_dtype(labels.dtype.name)
        hint = f"(to leave out {self.leave_out}. {NAN_LABEL} is NaN, {NOT_WHOLE} no whole number)"
        return [sentence, ops.min(labels), "to", ops.max(labels), hint if integers else ""]

    def _received(self, seen):
        if seen.dtype.kind == "f":
            return f"labels from {seen.min():.7g} to {seen.max():.7g}"
        wrong = sorted({int(label) for label in seen[self.outside(seen)]})
        names = {NAN_LABEL: "NaN", NOT_WHOLE: "a label that is no whole number"}
        shown = ", ".join(str(names.get(label, label)) for label in wrong[:5])
        if len(wrong) == 1 and (NOT_WHOLE < wrong[0] < 0 or wrong[0] == 255):
            return f"{shown} (to leave out what has that label: ignore_class={shown}, if the loss has this option)"
        return f"{shown}{' and others' if len(wrong) > 5 else ''}"


@dataclasses.dataclass(frozen=True)
class Groups(Domain):
    """Labels that are only compared for equality: whole numbers of any size."""

    leave_out: ClassVar[str] = "a sample: sample_weight"

    def outside(self, labels: Any) -> Any:
        return (labels == NAN_LABEL) | (labels == NOT_WHOLE)  # (no other label of a float is less)

    def replaced(self, labels: Any, invalid: Any) -> tuple[Any, Any]:
        """The labels as they are: without a group a sample is NaN by itself, and nobody's partner."""
        return labels, None


GROUPS = Groups("whole numbers, one for each class or group")
FRACTIONS = Domain("labels of 0 and 1, or between them (map -1 and 1 to 0 and 1; divide 255 by 255)", 0, 1)
MASKS = Domain(
    "masks of 0 and 1, or fractions between them (divide masks of 0 and 255 by 255; for pixels to leave out see "
    "`ignore_class`)",
    0,
    1,
)


def class_indices(labels, classes, axis):
    """The domain of class indices; `classes` is the size of `axis`, a number or a tensor."""
    if isinstance(classes, int):
        last: Any = classes - 1
        shown = f"from 0 to {last}, the size of axis {axis} of y_pred less one"
    else:
        last = ops.cast(classes, labels.dtype) - 1
        shown = f"from 0 to the size of axis {axis} of y_pred less one"
    return Domain(f"class indices {shown}", 0, last)
