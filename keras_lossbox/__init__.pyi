# Written by docs/generate.py from the declared options; do not edit.

from collections.abc import Mapping, Sequence
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
from keras_lossbox.layers import ContrastiveHead as ContrastiveHead
from keras_lossbox.layers import CosineHead as CosineHead
from keras_lossbox.layers import LinearHead as LinearHead
from keras_lossbox.layers import OrdinalHead as OrdinalHead
from keras_lossbox.layers import ordinal_probabilities as ordinal_probabilities
from keras_lossbox.layers.uncertainty_weighted import UncertaintyWeighted as UncertaintyWeighted
from keras_lossbox.metrics import DiceScore as DiceScore
from keras_lossbox.metrics import IoUScore as IoUScore
from keras_lossbox.metrics import MaskedMetric as MaskedMetric
from keras_lossbox.metrics import MeanLoss as MeanLoss
from keras_lossbox.metrics import Perplexity as Perplexity
from keras_lossbox.tools.comparison import compare as compare
from keras_lossbox.tools.comparison import suggest as suggest
from keras_lossbox.tools.diagnose import diagnose as diagnose
from keras_lossbox.tools.ordinal import ordinal_labels as ordinal_labels
from keras_lossbox.tools.retrieval import RetrievalEvaluator as RetrievalEvaluator
from keras_lossbox.tools.retrieval import map_at_r as map_at_r
from keras_lossbox.tools.retrieval import recall_at_k as recall_at_k
from keras_lossbox.tools.schedule import LossSchedule as LossSchedule
from keras_lossbox.tools.weights import class_balanced_weights as class_balanced_weights
from keras_lossbox.tools.weights import class_weight_from_labels as class_weight_from_labels
from keras_lossbox.tools.weights import pos_weight_from_labels as pos_weight_from_labels

DType = str | keras.DTypePolicy | None
Reduction = Literal[
    "sum_over_batch_size", "mean", "sum", "none", None, "mean_with_sample_weight", "sum_by_nonzero_weights"
]

__all__: list[str]

class ApproxNDCG(Loss):
    temperature: Any
    topn: Any
    def __init__(
        self,
        temperature: float = 0.1,
        topn: int | None = None,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
    ) -> None: ...

class ArcFace(Loss):
    margin: Any
    scale: Any
    axis: Any
    label_smoothing: Any
    def __init__(
        self,
        margin: float = 0.5,
        scale: float | None = 64.0,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        axis: int = -1,
        label_smoothing: float = 0.0,
    ) -> None: ...

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

class CIoU(Loss):
    image_shape: Any
    bounding_box_format: Any
    eps: Any
    def __init__(
        self,
        bounding_box_format: Literal[
            "xyxy",
            "yxyx",
            "xywh",
            "center_xywh",
            "center_yxhw",
            "rel_xyxy",
            "rel_yxyx",
            "rel_xywh",
            "rel_center_xywh",
            "rel_center_yxhw",
        ] = "xyxy",
        eps: float = 0.0,
        image_shape: Sequence[float] | ArrayLike | None = None,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
    ) -> None: ...

class CTC(Loss):
    blank: Any
    zero_infinity: Any
    def __init__(
        self,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        blank: int = 0,
        zero_infinity: bool = False,
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
        class_weight: float | Sequence[float] | ArrayLike | Mapping[int, float] | None = None,
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
        alpha: float | Sequence[float] | ArrayLike | Mapping[int, float] = 0.25,
        gamma: float | Sequence[float] | ArrayLike | Mapping[int, float] = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        class_weight: float | Sequence[float] | ArrayLike | Mapping[int, float] | None = None,
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

class CenterlineDice(Loss):
    iterations: Any
    smooth: Any
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
        iterations: int = 3,
        smooth: float = 0.0,
        per_sample: bool = False,
        classes: Literal["all", "present"] | Sequence[int] = "all",
        class_weight: float | Sequence[float] | ArrayLike | Mapping[int, float] | None = None,
        ignore_class: int | None = None,
        include_background: bool = True,
    ) -> None: ...

class Charbonnier(Loss):
    epsilon: Any
    axis: Any
    def __init__(
        self,
        epsilon: float = 0.001,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        axis: int | None = -1,
    ) -> None: ...

class Circle(Loss):
    gamma: Any
    margin: Any
    remove_diagonal: Any
    detach_weights: Any
    normalize: Any
    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        detach_weights: bool = False,
        normalize: bool = False,
    ) -> None: ...

class Contrastive(Loss):
    margin: Any
    distance: Any
    power: Any
    pos_margin: Any
    similar_label: Any
    def __init__(
        self,
        margin: float = 1.0,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        distance: Literal[None, "L2", "squared-L2", "cosine"] = None,
        power: float = 2.0,
        pos_margin: float = 0.0,
        similar_label: int = 1,
    ) -> None: ...

class Coral(Loss):
    importance_weights: Any
    def __init__(
        self,
        importance_weights: float | Sequence[float] | ArrayLike | None = None,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
    ) -> None: ...

class Corn(Loss):
    average: Any
    def __init__(
        self,
        average: Literal["samples", "tasks"] = "samples",
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
    ) -> None: ...

class CosFace(Loss):
    margin: Any
    scale: Any
    axis: Any
    label_smoothing: Any
    def __init__(
        self,
        margin: float = 0.35,
        scale: float | None = 64.0,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        axis: int = -1,
        label_smoothing: float = 0.0,
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

class CoxPH(Loss):
    ties: Any
    def __init__(
        self,
        ties: Literal["breslow", "efron"] = "breslow",
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
    ) -> None: ...

class CumulativeLink(Loss):
    link: Any
    def __init__(
        self,
        link: Literal["logit"] = "logit",
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
    ) -> None: ...

class DIoU(Loss):
    image_shape: Any
    bounding_box_format: Any
    eps: Any
    def __init__(
        self,
        bounding_box_format: Literal[
            "xyxy",
            "yxyx",
            "xywh",
            "center_xywh",
            "center_yxhw",
            "rel_xyxy",
            "rel_yxyx",
            "rel_xywh",
            "rel_center_xywh",
            "rel_center_yxhw",
        ] = "xyxy",
        eps: float = 0.0,
        image_shape: Sequence[float] | ArrayLike | None = None,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
    ) -> None: ...

class Dice(Loss):
    smooth: Any
    squared: Any
    log_loss: Any
    intersection: Any
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
        intersection: Literal["product", "minimum"] = "product",
        mode: Literal["binary", "multilabel", "multiclass"] = "binary",
        from_logits: bool = False,
        per_sample: bool = False,
        classes: Literal["all", "present"] | Sequence[int] = "all",
        class_weight: float | Sequence[float] | ArrayLike | Mapping[int, float] | None = None,
        ignore_class: int | None = None,
        include_background: bool = True,
    ) -> None: ...

class DiscreteHazard(Loss):
    labels: Any
    def __init__(
        self,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        labels: Literal["index", "intervals"] = "index",
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

class DistributionFocal(Loss):
    clip: Any
    def __init__(
        self,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        clip: bool = True,
    ) -> None: ...

class EarthMovers(Loss):
    power: Any
    root: Any
    from_logits: Any
    def __init__(
        self,
        power: float = 2.0,
        root: bool = False,
        from_logits: bool = False,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
    ) -> None: ...

class EnsembleCRPS(Loss):
    fair: Any
    def __init__(
        self,
        fair: bool = False,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
    ) -> None: ...

class Expectile(Loss):
    expectile: Any
    axis: Any
    def __init__(
        self,
        expectile: float = 0.5,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        axis: int | None = -1,
    ) -> None: ...

class FocalTversky(Loss):
    alpha: Any
    beta: Any
    gamma: Any
    smooth: Any
    log_loss: Any
    intersection: Any
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
        intersection: Literal["product", "minimum"] = "product",
        per_sample: bool = False,
        classes: Literal["all", "present"] | Sequence[int] = "all",
        class_weight: float | Sequence[float] | ArrayLike | Mapping[int, float] | None = None,
        ignore_class: int | None = None,
        include_background: bool = True,
    ) -> None: ...

class GIoU(Loss):
    bounding_box_format: Any
    eps: Any
    def __init__(
        self,
        bounding_box_format: Literal[
            "xyxy",
            "yxyx",
            "xywh",
            "center_xywh",
            "center_yxhw",
            "rel_xyxy",
            "rel_yxyx",
            "rel_xywh",
            "rel_center_xywh",
            "rel_center_yxhw",
        ] = "xyxy",
        eps: float = 0.0,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
    ) -> None: ...

class GammaNLL(Loss):
    parameterization: Any
    eps: Any
    def __init__(
        self,
        parameterization: Literal["log", "softplus", "identity"] = "log",
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        eps: float = 1e-06,
    ) -> None: ...

class GaussianCRPS(Loss):
    eps: Any
    parameterization: Any
    def __init__(
        self,
        eps: float = 1e-06,
        parameterization: Literal[
            "scale", "log_scale", "softplus_scale", "variance", "log_variance", "softplus_variance"
        ] = "scale",
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
    ) -> None: ...

class GaussianNLL(Loss):
    full: Any
    eps: Any
    parameterization: Any
    beta: Any
    def __init__(
        self,
        full: bool = False,
        eps: float = 1e-06,
        parameterization: Literal[
            "variance", "log_variance", "softplus_variance", "scale", "log_scale", "softplus_scale"
        ] = "variance",
        beta: float = 0.0,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
    ) -> None: ...

class GeneralRobust(Loss):
    alpha: Any
    scale: Any
    axis: Any
    def __init__(
        self,
        alpha: float | Literal["inf", "-inf"] = 1.0,
        scale: float = 1.0,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        axis: int | None = -1,
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
    intersection: Any
    weight: Any
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
        intersection: Literal["product", "minimum"] = "product",
        weight: Literal["square", "simple", "uniform"] = "square",
        per_sample: bool = False,
        classes: Literal["all", "present"] | Sequence[int] = "all",
        class_weight: float | Sequence[float] | ArrayLike | Mapping[int, float] | None = None,
        ignore_class: int | None = None,
        include_background: bool = True,
    ) -> None: ...

class GradientDifference(Loss):
    alpha: Any
    def __init__(
        self,
        alpha: float = 1.0,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
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

class InfoNCE(Loss):
    temperature: Any
    symmetric: Any
    normalize: Any
    def __init__(
        self,
        temperature: float = 0.07,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        symmetric: bool = False,
        normalize: bool = True,
    ) -> None: ...

class IoU(Loss):
    form: Any
    bounding_box_format: Any
    eps: Any
    def __init__(
        self,
        bounding_box_format: Literal[
            "xyxy",
            "yxyx",
            "xywh",
            "center_xywh",
            "center_yxhw",
            "rel_xyxy",
            "rel_yxyx",
            "rel_xywh",
            "rel_center_xywh",
            "rel_center_yxhw",
        ] = "xyxy",
        form: Literal["linear", "squared", "log"] = "linear",
        eps: float = 0.0,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
    ) -> None: ...

class JSDCrossentropy(Loss):
    alpha: Any
    from_logits: Any
    label_smoothing: Any
    def __init__(
        self,
        alpha: float = 12.0,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
    ) -> None: ...

class Jaccard(Loss):
    smooth: Any
    squared: Any
    log_loss: Any
    intersection: Any
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
        intersection: Literal["product", "minimum"] = "product",
        per_sample: bool = False,
        classes: Literal["all", "present"] | Sequence[int] = "all",
        class_weight: float | Sequence[float] | ArrayLike | Mapping[int, float] | None = None,
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

class LaplaceNLL(Loss):
    full: Any
    eps: Any
    parameterization: Any
    def __init__(
        self,
        full: bool = False,
        eps: float = 1e-06,
        parameterization: Literal["scale", "log_scale", "softplus_scale"] = "scale",
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
    ) -> None: ...

class LiftedStruct(Loss):
    margin: Any
    distance: Any
    normalize: Any
    def __init__(
        self,
        margin: float = 1.0,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        distance: Literal["L2", "squared-L2", "cosine"] = "L2",
        normalize: bool = False,
    ) -> None: ...

class ListMLE(Loss):
    temperature: Any
    def __init__(
        self,
        temperature: float = 1.0,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
    ) -> None: ...

class ListNet(Loss):
    temperature: Any
    relevance: Any
    def __init__(
        self,
        temperature: float = 1.0,
        relevance: Literal["labels", "normalized", "softmax"] = "labels",
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
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

class LogNormalNLL(Loss):
    full: Any
    eps: Any
    parameterization: Any
    def __init__(
        self,
        full: bool = False,
        eps: float = 1e-06,
        parameterization: Literal["scale", "log_scale", "softplus_scale"] = "scale",
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
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
        per_sample: bool = False,
        classes: Literal["all", "present"] | Sequence[int] = "all",
        class_weight: float | Sequence[float] | ArrayLike | Mapping[int, float] | None = None,
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
        per_sample: bool = False,
        classes: Literal["all", "present"] | Sequence[int] = "present",
        class_weight: float | Sequence[float] | ArrayLike | Mapping[int, float] | None = None,
        ignore_class: int | None = None,
        include_background: bool = True,
    ) -> None: ...

class MCC(Loss):
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
        per_sample: bool = False,
        classes: Literal["all", "present"] | Sequence[int] = "all",
        class_weight: float | Sequence[float] | ArrayLike | Mapping[int, float] | None = None,
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

class MixtureNLL(Loss):
    components: Any
    eps: Any
    parameterization: Any
    def __init__(
        self,
        components: int,
        eps: float = 1e-06,
        parameterization: Literal["log_scale", "scale", "softplus_scale"] = "log_scale",
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
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
        class_weight: float | Sequence[float] | ArrayLike | Mapping[int, float] | None = None,
        axis: int = -1,
    ) -> None: ...

class MultiScaleSSIM(Loss):
    power_factors: Any
    max_val: Any
    filter_size: Any
    filter_sigma: Any
    k1: Any
    k2: Any
    def __init__(
        self,
        power_factors: float | Sequence[float] | ArrayLike = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333],
        max_val: float = 1.0,
        filter_size: int = 11,
        filter_sigma: float = 1.5,
        k1: float = 0.01,
        k2: float = 0.03,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
    ) -> None: ...

class MultiSimilarity(Loss):
    alpha: Any
    beta: Any
    base: Any
    epsilon: Any
    normalize: Any
    def __init__(
        self,
        alpha: float = 2.0,
        beta: float = 50.0,
        base: float = 0.5,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        epsilon: float | None = None,
        normalize: bool = True,
    ) -> None: ...

class NPairs(Loss):
    l2_reg: Any
    def __init__(
        self,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        l2_reg: float = 0.0,
    ) -> None: ...

class NPairsMultilabel(Loss):
    def __init__(
        self, name: str | None = None, reduction: Reduction = "sum_over_batch_size", dtype: DType = None
    ) -> None: ...

class NTXent(Loss):
    temperature: Any
    average: Any
    labels: Any
    normalize: Any
    def __init__(
        self,
        temperature: float = 0.07,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        average: Literal["pairs", "anchors"] = "pairs",
        labels: bool = True,
        normalize: bool = True,
    ) -> None: ...

class NegativeBinomialNLL(Loss):
    full: Any
    parameterization: Any
    eps: Any
    def __init__(
        self,
        full: bool = True,
        parameterization: Literal["log", "softplus", "identity"] = "log",
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        eps: float = 1e-06,
    ) -> None: ...

class PairwiseHinge(Loss):
    margin: Any
    temperature: Any
    average: Any
    lambda_weight: Any
    def __init__(
        self,
        temperature: float = 1.0,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        margin: float = 1.0,
        average: Literal["pairs", "items"] = "pairs",
        lambda_weight: Literal[None, "ndcg"] = None,
    ) -> None: ...

class PairwiseLogistic(Loss):
    temperature: Any
    average: Any
    lambda_weight: Any
    def __init__(
        self,
        temperature: float = 1.0,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        average: Literal["pairs", "items"] = "pairs",
        lambda_weight: Literal[None, "ndcg"] = None,
    ) -> None: ...

class PenaltyReducedFocal(Loss):
    alpha: Any
    beta: Any
    positive_threshold: Any
    normalize: Any
    from_logits: Any
    axis: Any
    def __init__(
        self,
        alpha: float = 2.0,
        beta: float = 4.0,
        from_logits: bool = False,
        positive_threshold: float = 0.99,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        normalize: Literal["elements", "positives"] = "elements",
        axis: int | None = -1,
    ) -> None: ...

class Poisson(Loss):
    full: Any
    log_input: Any
    axis: Any
    epsilon: Any
    def __init__(
        self,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        full: bool = False,
        log_input: bool = False,
        axis: int | None = -1,
        epsilon: float | None = None,
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
        class_weight: float | Sequence[float] | ArrayLike | Mapping[int, float] | None = None,
    ) -> None: ...

class ProxyAnchor(Loss):
    margin: Any
    alpha: Any
    def __init__(
        self,
        margin: float = 0.1,
        alpha: float = 32.0,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
    ) -> None: ...

class QualityFocal(Loss):
    beta: Any
    detach_focal_weight: Any
    from_logits: Any
    axis: Any
    def __init__(
        self,
        beta: float = 2.0,
        from_logits: bool = False,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        detach_focal_weight: bool = False,
        axis: int | None = -1,
    ) -> None: ...

class Quantile(Loss):
    quantile: Any
    delta: Any
    axis: Any
    def __init__(
        self,
        quantile: float | Sequence[float] | ArrayLike = 0.5,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        delta: float | None = None,
        axis: int | None = -1,
    ) -> None: ...

class RDrop(Loss):
    alpha: Any
    from_logits: Any
    label_smoothing: Any
    def __init__(
        self,
        alpha: float = 1.0,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
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

class SSIM(Loss):
    max_val: Any
    filter_size: Any
    filter_sigma: Any
    k1: Any
    k2: Any
    def __init__(
        self,
        max_val: float = 1.0,
        filter_size: int = 11,
        filter_sigma: float = 1.5,
        k1: float = 0.01,
        k2: float = 0.03,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
    ) -> None: ...

class SigLIP(Loss):
    temperature: Any
    bias: Any
    normalize: Any
    def __init__(
        self,
        temperature: float = 0.1,
        bias: float = -10.0,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        normalize: bool = True,
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
        class_weight: float | Sequence[float] | ArrayLike | Mapping[int, float] | None = None,
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
        alpha: float | Sequence[float] | ArrayLike | Mapping[int, float] = 0.25,
        gamma: float | Sequence[float] | ArrayLike | Mapping[int, float] = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        class_weight: float | Sequence[float] | ArrayLike | Mapping[int, float] | None = None,
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

class StudentTNLL(Loss):
    df: Any
    full: Any
    eps: Any
    parameterization: Any
    def __init__(
        self,
        df: float | None = None,
        full: bool = False,
        eps: float = 1e-06,
        parameterization: Literal["scale", "log_scale", "softplus_scale"] = "scale",
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
    ) -> None: ...

class SupCon(Loss):
    temperature: Any
    labels: Any
    base_temperature: Any
    normalize: Any
    def __init__(
        self,
        temperature: float = 0.1,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        labels: bool = True,
        base_temperature: float | None = None,
        normalize: bool = True,
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

class TripletAll(Loss):
    average: Any
    margin: Any
    distance: Any
    normalize: Any
    def __init__(
        self,
        margin: float = 1.0,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        average: Literal["active", "triplets"] = "active",
        distance: Literal["L2", "squared-L2", "cosine"] = "L2",
        normalize: bool = False,
    ) -> None: ...

class TripletHard(Loss):
    soft: Any
    anchors: Any
    margin: Any
    distance: Any
    normalize: Any
    def __init__(
        self,
        margin: float = 1.0,
        soft: bool = False,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        anchors: Literal["complete", "all"] = "complete",
        distance: Literal["L2", "squared-L2", "cosine"] = "L2",
        normalize: bool = False,
    ) -> None: ...

class TripletMargin(Loss):
    margin: Any
    distance: Any
    swap: Any
    soft: Any
    def __init__(
        self,
        margin: float = 1.0,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        distance: Literal["L2", "squared-L2", "cosine"] = "L2",
        swap: bool = False,
        soft: bool = False,
    ) -> None: ...

class TripletSemiHard(Loss):
    average: Any
    anchors: Any
    soft: Any
    margin: Any
    distance: Any
    normalize: Any
    def __init__(
        self,
        margin: float = 1.0,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        average: Literal["pairs", "anchors"] = "pairs",
        anchors: Literal["complete", "all"] = "complete",
        soft: bool = False,
        distance: Literal["L2", "squared-L2", "cosine"] = "L2",
        normalize: bool = False,
    ) -> None: ...

class Tversky(Loss):
    alpha: Any
    beta: Any
    smooth: Any
    log_loss: Any
    intersection: Any
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
        intersection: Literal["product", "minimum"] = "product",
        mode: Literal["binary", "multilabel", "multiclass"] = "binary",
        from_logits: bool = False,
        per_sample: bool = False,
        classes: Literal["all", "present"] | Sequence[int] = "all",
        class_weight: float | Sequence[float] | ArrayLike | Mapping[int, float] | None = None,
        ignore_class: int | None = None,
        include_background: bool = True,
    ) -> None: ...

class Tweedie(Loss):
    power: Any
    form: Any
    log_input: Any
    axis: Any
    epsilon: Any
    def __init__(
        self,
        power: float = 1.5,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        form: Literal["nll", "deviance"] = "nll",
        log_input: bool = False,
        axis: int | None = -1,
        epsilon: float | None = None,
    ) -> None: ...

class Varifocal(Loss):
    alpha: Any
    gamma: Any
    detach_focal_weight: Any
    from_logits: Any
    axis: Any
    def __init__(
        self,
        alpha: float = 0.75,
        gamma: float = 2.0,
        from_logits: bool = False,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
        *,
        detach_focal_weight: bool = False,
        axis: int | None = -1,
    ) -> None: ...

class WeightedKappa(Loss):
    weightage: Any
    from_logits: Any
    epsilon: Any
    log: Any
    def __init__(
        self,
        weightage: Literal["quadratic", "linear"] = "quadratic",
        from_logits: bool = False,
        epsilon: float = 1e-06,
        log: bool = True,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: DType = None,
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

class ZeroInflatedLogNormal(Loss):
    def __init__(
        self, name: str | None = None, reduction: Reduction = "sum_over_batch_size", dtype: DType = None
    ) -> None: ...

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
