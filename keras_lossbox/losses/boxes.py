"""Losses for the boxes of a detector: how far a predicted box overlaps the true one that it is compared with."""

import math

from keras import ops

from keras_lossbox.core import targets
from keras_lossbox.core.loss import Loss
from keras_lossbox.core.options import Choice, Flag, ImageShape, Number
from keras_lossbox.core.registry import register
from keras_lossbox.functions.categorical import crossentropy
from keras_lossbox.functions.elementary import at_least, divide_no_nan, ordered, sizes_of

ABSOLUTE = ("xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw")
FORMATS = (*ABSOLUTE, *(f"rel_{name}" for name in ABSOLUTE))
LEAST_IOU = 1e-7  # what the logarithm of an intersection over union is taken of, where there is no intersection


class Rectangle:
    """Boxes by their lower and their upper corner, `(..., 2)`. Which axis comes first makes no difference to a loss."""

    def __init__(self, low, high):
        self.low, self.high = low, high
        self.size = ops.relu(high - low)

    @property
    def area(self):
        return self.size[..., 0] * self.size[..., 1]

    @property
    def shape(self):
        """Width and height in parts of their sum, a constant: their squares do not underflow."""
        return divide_no_nan(self.size, ops.stop_gradient(ops.sum(self.size, -1, keepdims=True)))

    @property
    def diagonal_squared(self):
        return ops.sum(ops.square(self.size), -1)


class Pair:
    """True and predicted boxes, what they have in common, and the smallest box that holds both."""

    def __init__(self, true, predicted):
        self.true, self.predicted = true, predicted
        lowest, low = ordered(true.low, predicted.low)
        high, highest = ordered(true.high, predicted.high)
        self.common, self.hull = Rectangle(low, high), Rectangle(lowest, highest)
        self.intersection = self.common.area
        self.union = true.area + predicted.area - self.intersection

    def iou(self, eps):
        return divide_no_nan(self.intersection, self.union + eps)

    @property
    def distance_squared(self):
        """That of the centres."""
        apart = (self.true.low + self.true.high) - (self.predicted.low + self.predicted.high)
        return ops.sum(ops.square(apart / 2), -1)

    @property
    def angle(self):
        """atan(w_y/h_y) - atan(w/h), the difference of the shapes; 0 where a box is a point, which has no shape."""
        one, other = self.true.shape, self.predicted.shape
        sine = one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0]
        cosine = ops.sum(one * other, -1)
        point = ops.logical_and(ops.equal(sine, 0), ops.equal(cosine, 0))
        return ops.arctan2(sine, ops.where(point, 1, cosine))


class Boxes(Loss):
    """A formula for each pair of a true and a predicted box."""

    bounding_box_format = Choice(*FORMATS)
    eps = Number(0.0, low=0)
    jit_compile = True

    def targets(self, y_pred):
        return targets.Boxes()

    def call(self, y_true, y_pred):
        form = self.bounding_box_format.removeprefix("rel_")
        # Seen from the first point of the true box: float32 keeps the digits of small boxes far from the origin.
        origin = y_true[..., :2]
        pair = Pair(*(self._rectangle(box[..., :2] - origin, box[..., 2:], form, origin) for box in (y_true, y_pred)))
        return self.formula(pair)

    def _rectangle(self, first, second, form, origin):
        if form in ("xyxy", "yxyx"):
            low, high = first, second - origin
        elif form == "xywh":
            low, high = first, first + second
        else:
            low, high = first - second / 2, first + second / 2
        scale = self.scale()
        return Rectangle(low, high) if scale is None else Rectangle(low * scale, high * scale)

    def scale(self):
        """The unit of each axis, or None where it makes no difference."""

    def formula(self, pair):
        """The loss of each `Pair`."""
        raise NotImplementedError


@register
class IoU(Boxes, positional=("bounding_box_format", "form", "eps", "reduction", "name", "dtype")):
    """One less the intersection over union of two boxes, or minus its logarithm.

        loss = 1 - IoU,   "squared": 1 - IoU²,   "log": -log IoU;   IoU = I / (A + B - I + eps)

    I is the area that the boxes have in common, A and B are their own. Boxes that do not touch have a loss of 1 and no
    gradient, wherever they are (`"log"`: -log 1e-7, about 16): to pull them together take `GIoU`, `DIoU` or `CIoU`.
    `"linear"` is TensorFlow Addons's `GIoULoss(mode="iou")`, and the three forms are those of KerasCV, whose default is
    `"log"`. For masks of pixels in place of boxes there is `Jaccard`.

    Args:
        bounding_box_format: what the four numbers are, as in Keras, of y_true and y_pred alike: `"xyxy"`, `"yxyx"`,
            `"xywh"`, `"center_xywh"`, `"center_yxhw"`, or one of them after `"rel_"`, in parts of the image.
        form: `"linear"`, `"squared"` or `"log"`.
        eps: >= 0, added to the union. Other libraries add 1e-7; a box of a tenth of a per cent of the image has, in
            relative units, an area of 1e-6. Without it an IoU of 0/0, of boxes without area, is 0.
        reduction, name, dtype: see `Loss`.

    Shapes: y_true and y_pred `(n, ..., 4)`, one box beside the box that it is compared with. One value for each,
        `(n, ...)`, and weights alike: a weight of 0 is for boxes that only fill up.

    Raises:
        ValueError: for an option out of its range, different shapes, or another number than four of a box.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.IoU("xywh")
    >>> float(loss([[0.0, 0.0, 2.0, 2.0]], [[1.0, 0.0, 2.0, 3.0]]))  # 1 - 2 / (4 + 6 - 2)
    0.75

    Reference: Yu et al., UnitBox: An Advanced Object Detection Network, 2016, https://arxiv.org/abs/1608.01471
    """

    form = Choice("linear", "squared", "log")

    def formula(self, pair):
        iou = pair.iou(self.eps)
        if self.form == "log":
            return -ops.log(at_least(iou, LEAST_IOU))
        return 1 - (ops.square(iou) if self.form == "squared" else iou)


@register
class GIoU(Boxes):
    """`IoU` and a term that pulls boxes together which do not touch: what of their hull they leave empty.

        loss = 1 - IoU + (H - U) / (H + eps)

    H is the area of the smallest box that holds both, U that of their union. From 0 to 2, and above 1 for boxes that
    do not touch. `GIoULoss` of TensorFlow Addons, whose format is `"yxyx"`; with eps=1e-7 torchvision's and fvcore's
    `generalized_box_iou_loss`. A predicted box that is inverted has no area, but moves by its hull. Equal boxes without
    area have a loss of 1, as everywhere.

    Args:
        bounding_box_format: as in `IoU`. A unit of its own for each axis makes no difference, so relative formats need
            no size of the image.
        eps: >= 0, added to U in the IoU, and to H.
        reduction, name, dtype: see `Loss`.

    Shapes: as for `IoU`.

    Raises:
        ValueError: as for `IoU`.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.GIoU("yxyx")
    >>> float(loss([[0.0, 0.0, 2.0, 2.0]], [[0.0, 3.0, 2.0, 4.0]]))  # 1 - 0 + (8 - 6) / 8
    1.25

    Reference: Rezatofighi et al., Generalized Intersection over Union, 2019, https://arxiv.org/abs/1902.09630
    """

    def formula(self, pair):
        hull = pair.hull.area
        return 1 - pair.iou(self.eps) + divide_no_nan(hull - pair.union, hull + self.eps)


@register
class DIoU(Boxes, positional=("bounding_box_format", "eps", "image_shape", "reduction", "name", "dtype")):
    """`IoU` and a term that pulls the centres of the boxes together.

        loss = 1 - IoU + ρ² / (c² + eps)

    ρ is the distance of the centres, c the diagonal of the smallest box that holds both. Unlike `GIoU` it goes on where
    one box lies within the other. With eps=1e-7 torchvision's `distance_box_iou_loss`.

    Args:
        bounding_box_format: as in `IoU`. For those in parts of the image `image_shape` is needed: in an image that is
            no square a distance along one axis is not what it is along the other.
        eps: >= 0, added to the union, and to c².
        image_shape: (height, width), in any unit: only their ratio matters. In formats that are not relative it has no
            effect.
        reduction, name, dtype: see `Loss`.

    Shapes: as for `IoU`.

    Raises:
        ValueError: as for `IoU`; for a relative format without image_shape.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.DIoU()
    >>> float(loss([[0.0, 0.0, 2.0, 2.0]], [[2.0, 0.0, 4.0, 2.0]]))  # 1 - 0 + 4 / (16 + 4)
    1.2000000476837158

    Reference: Zheng et al., Distance-IoU Loss, 2019, https://arxiv.org/abs/1911.08287
    """

    image_shape = ImageShape(None)

    def __post_init__(self):
        if self.bounding_box_format.startswith("rel_") and self.image_shape is None:
            raise ValueError(
                "`image_shape` must be (height, width) where boxes are given in parts of the image. "
                f"Received: image_shape=None, bounding_box_format={self.bounding_box_format!r}"
            )

    def scale(self):
        if not self.bounding_box_format.startswith("rel_"):
            return None
        height, width = self.image_shape
        y_first = self.bounding_box_format in ("rel_yxyx", "rel_center_yxhw")
        return ops.convert_to_tensor((height, width) if y_first else (width, height), self.compute_dtype)

    def formula(self, pair):
        return 1 - pair.iou(self.eps) + divide_no_nan(pair.distance_squared, pair.hull.diagonal_squared + self.eps)


@register
class CIoU(DIoU):
    """`DIoU` and a term for the shape: how wide the boxes are for their height.

        loss = 1 - IoU + ρ² / (c² + eps) + α v,   v = 4/π² (atan(w_y/h_y) - atan(w/h))²,   α = v / (1 - IoU + v + eps)

    No gradient goes through α, as the authors have it, so that the gradient is not that of the number. v has its own
    gradient (the authors' code leaves out its denominator, w² + h²). A box of height 0 has an angle of π/2, and no NaN;
    a box that is a point has no shape, and then v is 0. With eps=1e-7 torchvision's `complete_box_iou_loss`. (KerasCV's
    `CIoULoss` has another v: it squares 4/π² as well.)

    Args:
        bounding_box_format, image_shape: as in `DIoU`.
        eps: >= 0, added to the union, to c², and to the denominator of α.
        reduction, name, dtype: see `Loss`.

    Shapes: as for `IoU`.

    Raises:
        ValueError: as for `DIoU`.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.CIoU("center_xywh")
    >>> round(float(loss([[0.0, 0.0, 2.0, 2.0]], [[0.0, 0.0, 4.0, 1.0]])), 4)  # 1 - 2/6 + 0 + 0.0178
    0.6845

    Reference: Zheng et al., Distance-IoU Loss, 2019, https://arxiv.org/abs/1911.08287
    """

    def formula(self, pair):
        v = ops.square(2 / math.pi * pair.angle)
        alpha = ops.stop_gradient(divide_no_nan(v, 1 - pair.iou(self.eps) + v + self.eps))
        return super().formula(pair) + alpha * v


@register
class DistributionFocal(Loss):
    """The cross-entropy of a distribution over the places 0 ... K-1 whose mean is to be y: an edge of a box.

        loss = (r - y) (-log p_l) + (y - l) (-log p_r),   l and r the places below and above y

    The model predicts how likely an edge is at each distance from the centre, and where it is blurred says so; the
    distance itself is the mean Σ k p_k, and not in the loss. An edge that is a whole number is a class. Usually
    beside `GIoU` of the boxes that the means make, with an eighth of its weight. mmdet and YOLO pull y to K - 1.01 at
    most; here y = K - 1 is the last place.

    Args:
        reduction, name, dtype: see `Loss`.
        clip: whether labels outside of [0, K - 1] are taken for the nearest place; False makes them an error.

    Shapes: y_pred, logits without a softmax, `(n, ..., K)`; y_true, in units of places, `(n, ...)` or `(n, ..., 1)`.
        One value for each label.

    Raises:
        ValueError: for shapes that do not fit; with clip=False for a label outside of [0, K - 1]. (In `fit` on a CPU
            that is an InvalidArgumentError; under XLA the loss is NaN.)

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.DistributionFocal()
    >>> round(float(loss([1.25], [[0.0, 2.0, 1.0, 0.0]])), 4)  # log Σ exp z - (0.75 * 2 + 0.25 * 1)
    0.7438

    Reference: Li et al., Generalized Focal Loss, 2020, https://arxiv.org/abs/2006.04388
    """

    clip = Flag(True, keyword=True)
    jit_compile = True

    def targets(self, y_pred):
        return targets.Places(bounded=not self.clip)

    def compute(self, batch):
        logits = batch.y_pred
        places = ops.arange(sizes_of(logits)[-1], dtype=logits.dtype)
        label = ordered(ops.relu(batch.y_true), places[-1:])[0]
        shares = ops.relu(1 - ops.abs(label - places))  # of the two places beside it: r - y and y - l
        return batch.values(crossentropy(shares, logits, -1))
