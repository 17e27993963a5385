# Written by docs/generate.py from the declared options; do not edit.

from collections.abc import Sequence
from typing import Any, Literal

import keras
from numpy.typing import ArrayLike

from keras_lossbox import config as config
from keras_lossbox import metrics as metrics
from keras_lossbox import plots as plots
from keras_lossbox import tf1 as tf1
from keras_lossbox.core import replicas as replicas
from keras_lossbox.core import targets as targets
from keras_lossbox.core.batch import Batch as Batch
from keras_lossbox.core.batch import Values as Values
from keras_lossbox.core.loss import Loss as Loss
from keras_lossbox.core.registry import __version__ as __version__
from keras_lossbox.core.registry import available as available
from keras_lossbox.core.registry import get as get
from keras_lossbox.layers import LinearHead as LinearHead
from keras_lossbox.metrics import MeanLoss as MeanLoss
from keras_lossbox.tools.diagnose import diagnose as diagnose
from keras_lossbox.tools.weights import class_balanced_weights as class_balanced_weights
from keras_lossbox.tools.weights import class_weight_from_labels as class_weight_from_labels
from keras_lossbox.tools.weights import pos_weight_from_labels as pos_weight_from_labels

DType = str | keras.DTypePolicy | None
Reduction = Literal[
    "sum_over_batch_size", "mean", "sum", "none", None, "mean_with_sample_weight", "sum_by_nonzero_weights"
]

__all__: list[str]

class AsymmetricLoss(Loss):
    gamma_neg: Any
    gamma_pos: Any
    clip: Any
    detach_focal_weight: Any
    pos_weight: Any
    neg_weight: Any
    from_logits: Any
    label_smoothing: Any
    axis: Any
    def __init__(
        self,
        gamma_neg: float = 4.0,
        gamma_pos: float = 1.0,
        clip: float = 0.05,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int | None = -1,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        detach_focal_weight: bool = False,
        pos_weight: float | Sequence[float] | ArrayLike | None = None,
        neg_weight: float | Sequence[float] | ArrayLike | None = None,
    ) -> None: ...

class AsymmetricSingleLabel(Loss):
    gamma_pos: Any
    gamma_neg: Any
    from_logits: Any
    label_smoothing: Any
    axis: Any
    def __init__(
        self,
        gamma_pos: float = 0.0,
        gamma_neg: float = 4.0,
        from_logits: bool = False,
        label_smoothing: float = 0.1,
        axis: int = -1,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
    ) -> None: ...

class BalancedBinaryCrossentropy(Loss):
    beta: Any
    scope: Any
    from_logits: Any
    label_smoothing: Any
    axis: Any
    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int | None = -1,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        beta: float | None = None,
        scope: Literal["batch", "sample"] = "batch",
    ) -> None: ...

class BinaryCrossentropy(Loss):
    pos_weight: Any
    neg_weight: Any
    from_logits: Any
    label_smoothing: Any
    axis: Any
    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int | None = -1,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        pos_weight: float | Sequence[float] | ArrayLike | None = None,
        neg_weight: float | Sequence[float] | ArrayLike | None = None,
    ) -> None: ...

class BinaryFocalCrossentropy(Loss):
    apply_class_balancing: Any
    alpha: Any
    gamma: Any
    pos_weight: Any
    neg_weight: Any
    from_logits: Any
    label_smoothing: Any
    axis: Any
    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float | Sequence[float] | ArrayLike = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int | None = -1,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        pos_weight: float | Sequence[float] | ArrayLike | None = None,
        neg_weight: float | Sequence[float] | ArrayLike | None = None,
    ) -> None: ...

class CategoricalCrossentropy(Loss):
    class_weight: Any
    from_logits: Any
    label_smoothing: Any
    axis: Any
    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        class_weight: float | Sequence[float] | ArrayLike | None = None,
    ) -> None: ...

class CategoricalFocalCrossentropy(Loss):
    alpha: Any
    gamma: Any
    class_weight: Any
    from_logits: Any
    label_smoothing: Any
    axis: Any
    def __init__(
        self,
        alpha: float | Sequence[float] | ArrayLike = 0.25,
        gamma: float | Sequence[float] | ArrayLike = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        class_weight: float | Sequence[float] | ArrayLike | None = None,
    ) -> None: ...

class CategoricalGeneralizedCrossEntropy(Loss):
    q: Any
    from_logits: Any
    label_smoothing: Any
    axis: Any
    def __init__(
        self,
        q: float = 0.5,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
    ) -> None: ...

class CategoricalHinge(Loss):
    runner_up: Any
    axis: Any
    margin: Any
    def __init__(
        self,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        runner_up: Literal["others_or_zero", "others"] = "others_or_zero",
        axis: int = -1,
        margin: float = 1.0,
    ) -> None: ...

class CosineSimilarity(Loss):
    axis: Any
    distance: Any
    def __init__(
        self,
        axis: int = -1,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        distance: bool = False,
    ) -> None: ...

class Dice(Loss):
    smooth: Any
    squared: Any
    log_loss: Any
    axis: Any
    mode: Any
    from_logits: Any
    per_sample: Any
    classes: Any
    class_weight: Any
    ignore_class: Any
    include_background: Any
    def __init__(
        self,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        axis: int | Sequence[int] | None = None,
        dtype: DType = None,
        *,
        smooth: float = 0.0,
        squared: bool = False,
        log_loss: bool = False,
        mode: Literal["binary", "multilabel", "multiclass"] = "binary",
        from_logits: bool = False,
        per_sample: bool = True,
        classes: Literal["all", "present"] = "all",
        class_weight: float | Sequence[float] | ArrayLike | None = None,
        ignore_class: int | None = None,
        include_background: bool = True,
    ) -> None: ...

class Distillation(Loss):
    temperature: Any
    axis: Any
    def __init__(
        self,
        temperature: float = 3.0,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        axis: int = -1,
    ) -> None: ...

class FocalTversky(Loss):
    alpha: Any
    beta: Any
    gamma: Any
    smooth: Any
    log_loss: Any
    mode: Any
    from_logits: Any
    per_sample: Any
    classes: Any
    class_weight: Any
    ignore_class: Any
    include_background: Any
    def __init__(
        self,
        alpha: float = 0.3,
        beta: float = 0.7,
        gamma: float = 0.75,
        mode: Literal["binary", "multilabel", "multiclass"] = "binary",
        from_logits: bool = False,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        smooth: float = 0.0,
        log_loss: bool = False,
        per_sample: bool = True,
        classes: Literal["all", "present"] = "all",
        class_weight: float | Sequence[float] | ArrayLike | None = None,
        ignore_class: int | None = None,
        include_background: bool = True,
    ) -> None: ...

class GeneralizedCrossentropy(Loss):
    q: Any
    from_logits: Any
    label_smoothing: Any
    axis: Any
    def __init__(
        self,
        q: float = 0.7,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
    ) -> None: ...

class GeneralizedDice(Loss):
    smooth: Any
    squared: Any
    log_loss: Any
    mode: Any
    from_logits: Any
    per_sample: Any
    classes: Any
    class_weight: Any
    ignore_class: Any
    include_background: Any
    def __init__(
        self,
        mode: Literal["binary", "multilabel", "multiclass"] = "binary",
        from_logits: bool = False,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        smooth: float = 0.0,
        squared: bool = False,
        log_loss: bool = False,
        per_sample: bool = True,
        classes: Literal["all", "present"] = "all",
        class_weight: float | Sequence[float] | ArrayLike | None = None,
        ignore_class: int | None = None,
        include_background: bool = True,
    ) -> None: ...

class Hinge(Loss):
    axis: Any
    margin: Any
    def __init__(
        self,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        axis: int | None = -1,
        margin: float = 1.0,
    ) -> None: ...

class Huber(Loss):
    delta: Any
    axis: Any
    def __init__(
        self,
        delta: float = 1.0,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        axis: int | None = -1,
    ) -> None: ...

class Jaccard(Loss):
    smooth: Any
    squared: Any
    log_loss: Any
    mode: Any
    from_logits: Any
    per_sample: Any
    classes: Any
    class_weight: Any
    ignore_class: Any
    include_background: Any
    def __init__(
        self,
        mode: Literal["binary", "multilabel", "multiclass"] = "binary",
        from_logits: bool = False,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        smooth: float = 0.0,
        squared: bool = False,
        log_loss: bool = False,
        per_sample: bool = True,
        classes: Literal["all", "present"] = "all",
        class_weight: float | Sequence[float] | ArrayLike | None = None,
        ignore_class: int | None = None,
        include_background: bool = True,
    ) -> None: ...

class KLDivergence(Loss):
    from_logits: Any
    true_from_logits: Any
    temperature: Any
    axis: Any
    def __init__(
        self,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        from_logits: bool = False,
        true_from_logits: bool = False,
        temperature: float = 1.0,
        axis: int = -1,
    ) -> None: ...

class L1Norm(Loss):
    axes: Any
    def __init__(
        self,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        axes: Literal["last", "sample"] = "last",
    ) -> None: ...

class L2Norm(Loss):
    axes: Any
    def __init__(
        self,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        axes: Literal["last", "sample"] = "last",
    ) -> None: ...

class LogCosh(Loss):
    axis: Any
    def __init__(
        self,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        axis: int | None = -1,
    ) -> None: ...

class LovaszHinge(Loss):
    mode: Any
    per_sample: Any
    classes: Any
    class_weight: Any
    ignore_class: Any
    include_background: Any
    def __init__(
        self,
        mode: Literal["binary", "multilabel"] = "binary",
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        per_sample: bool = True,
        classes: Literal["all", "present"] = "all",
        class_weight: float | Sequence[float] | ArrayLike | None = None,
        ignore_class: int | None = None,
        include_background: bool = True,
    ) -> None: ...

class LovaszSoftmax(Loss):
    mode: Any
    from_logits: Any
    per_sample: Any
    classes: Any
    class_weight: Any
    ignore_class: Any
    include_background: Any
    def __init__(
        self,
        mode: Literal["binary", "multilabel", "multiclass"] = "multiclass",
        from_logits: bool = False,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        per_sample: bool = True,
        classes: Literal["all", "present"] = "present",
        class_weight: float | Sequence[float] | ArrayLike | None = None,
        ignore_class: int | None = None,
        include_background: bool = True,
    ) -> None: ...

class Masked(Loss):
    loss: Any
    ignore: Any
    normalize: Any
    def __init__(
        self,
        loss: keras.losses.Loss,
        ignore: float | Literal["nan"] = "nan",
        normalize: Literal["present", "all"] = "present",
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
    ) -> None: ...

class MeanAbsoluteError(Loss):
    axis: Any
    def __init__(
        self,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        axis: int | None = -1,
    ) -> None: ...

class MeanAbsolutePercentageError(Loss):
    symmetric: Any
    axis: Any
    def __init__(
        self,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        symmetric: bool = False,
        axis: int | None = -1,
    ) -> None: ...

class MeanSquaredError(Loss):
    axis: Any
    def __init__(
        self,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        axis: int | None = -1,
    ) -> None: ...

class MeanSquaredLogarithmicError(Loss):
    axis: Any
    def __init__(
        self,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        axis: int | None = -1,
    ) -> None: ...

class MultiMargin(Loss):
    p: Any
    class_weight: Any
    axis: Any
    margin: Any
    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        class_weight: float | Sequence[float] | ArrayLike | None = None,
        axis: int = -1,
    ) -> None: ...

class Poly1Crossentropy(Loss):
    epsilon: Any
    class_weight: Any
    from_logits: Any
    label_smoothing: Any
    axis: Any
    def __init__(
        self,
        epsilon: float = 1.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        class_weight: float | Sequence[float] | ArrayLike | None = None,
    ) -> None: ...

class RootMeanSquaredError(Loss):
    scope: Any
    axis: Any
    def __init__(
        self,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        scope: Literal["batch", "sample"] = "batch",
        axis: int | None = -1,
    ) -> None: ...

class SmoothL1(Loss):
    beta: Any
    axis: Any
    def __init__(
        self,
        beta: float = 1.0,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        axis: int | None = -1,
    ) -> None: ...

class SparseCategoricalCrossentropy(Loss):
    ignore_class: Any
    class_weight: Any
    z_loss: Any
    chunk_size: Any
    from_logits: Any
    label_smoothing: Any
    axis: Any
    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: Reduction = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = None,
        dtype: DType = None,
        *,
        class_weight: float | Sequence[float] | ArrayLike | None = None,
        z_loss: float = 0.0,
        chunk_size: int | None = None,
        label_smoothing: float = 0.0,
    ) -> None: ...

class SparseCategoricalFocalCrossentropy(Loss):
    alpha: Any
    gamma: Any
    class_weight: Any
    ignore_class: Any
    from_logits: Any
    label_smoothing: Any
    axis: Any
    def __init__(
        self,
        alpha: float | Sequence[float] | ArrayLike = 0.25,
        gamma: float | Sequence[float] | ArrayLike = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        class_weight: float | Sequence[float] | ArrayLike | None = None,
        ignore_class: int | None = None,
    ) -> None: ...

class Sparsemax(Loss):
    from_logits: Any
    axis: Any
    def __init__(
        self,
        from_logits: bool = True,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        axis: int = -1,
    ) -> None: ...

class SquaredHinge(Loss):
    axis: Any
    margin: Any
    def __init__(
        self,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        axis: int | None = -1,
        margin: float = 1.0,
    ) -> None: ...

class SymmetricCrossentropy(Loss):
    alpha: Any
    beta: Any
    label_clip: Any
    from_logits: Any
    label_smoothing: Any
    axis: Any
    def __init__(
        self,
        alpha: float = 0.1,
        beta: float = 1.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        label_clip: float = 0.0001,
    ) -> None: ...

class Tversky(Loss):
    alpha: Any
    beta: Any
    smooth: Any
    log_loss: Any
    axis: Any
    mode: Any
    from_logits: Any
    per_sample: Any
    classes: Any
    class_weight: Any
    ignore_class: Any
    include_background: Any
    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        axis: int | Sequence[int] | None = None,
        dtype: DType = None,
        *,
        smooth: float = 0.0,
        log_loss: bool = False,
        mode: Literal["binary", "multilabel", "multiclass"] = "binary",
        from_logits: bool = False,
        per_sample: bool = True,
        classes: Literal["all", "present"] = "all",
        class_weight: float | Sequence[float] | ArrayLike | None = None,
        ignore_class: int | None = None,
        include_background: bool = True,
    ) -> None: ...

class WeightedSum(Loss):
    losses: Any
    weights: Any
    def __init__(
        self,
        losses: Sequence[keras.losses.Loss],
        weights: float | Sequence[float] | ArrayLike | None = None,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
    ) -> None: ...
    def metrics(self) -> list[MeanLoss]: ...

class ZeroOne(Loss):
    from_logits: Any
    threshold: Any
    axis: Any
    multi_label: Any
    surrogate: Any
    def __init__(
        self,
        from_logits: bool = False,
        threshold: float | None = None,
        axis: int = -1,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        multi_label: bool = False,
        surrogate: Literal["logistic", "hinge", None] = "logistic",
    ) -> None: ...
