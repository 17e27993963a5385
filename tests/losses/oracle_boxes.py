"""Losses of boxes: one box after the other, as its paper has the formula, with gradients by a complex step."""

import numpy as np
from oracle import STEP, averaged, cross_entropy, real

CORNERS = {  # x1, y1, x2, y2
    "xyxy": lambda a, b, c, d: (a, b, c, d),
    "yxyx": lambda a, b, c, d: (b, a, d, c),
    "xywh": lambda a, b, c, d: (a, b, a + c, b + d),
    "center_xywh": lambda a, b, c, d: (a - c / 2, b - d / 2, a + c / 2, b + d / 2),
    "center_yxhw": lambda a, b, c, d: (b - d / 2, a - c / 2, b + d / 2, a + c / 2),
}


def positive(x):
    return x if real(x) > 0 else 0.0


def larger(x, y):
    """Half of the slope of each where they are equal, as everywhere at a kink between two sides."""
    return (x + y) / 2 if real(x) == real(y) else x if real(x) > real(y) else y


def smaller(x, y):
    return -larger(-x, -y)


def ratio(x, y):
    return 0.0 if real(y) == 0 else x / y


def area(x1, y1, x2, y2):
    return positive(x2 - x1) * positive(y2 - y1)


def hull(one, other):
    return *map(smaller, one[:2], other[:2]), *map(larger, one[2:], other[2:])


def union_and_iou(one, other, eps):
    both = area(*map(larger, one[:2], other[:2]), *map(smaller, one[2:], other[2:]))
    union = area(*one) + area(*other) - both
    return union, ratio(both, union + eps)


def of_boxes(formula):
    """The oracle of a loss whose `formula(true, predicted, **options)` takes the corners of one pair of boxes."""

    def oracle(y_true, y_pred, bounding_box_format="xyxy", image_shape=None, **options):
        corners = CORNERS[bounding_box_format.removeprefix("rel_")]
        sides = np.ones(4)
        if bounding_box_format.startswith("rel_") and image_shape:
            sides = np.resize(image_shape[::-1], 4)
        values, gradient = np.empty(y_pred.shape[:-1]), np.empty(y_pred.shape)
        for place in np.ndindex(values.shape):
            true = tuple(corners(*y_true[place]) * sides)
            for i in range(4):
                moved = y_pred[place] + 1j * STEP * (np.arange(4) == i)
                result = formula(true, tuple(corners(*moved) * sides), **options)
                values[place], gradient[(*place, i)] = np.real(result), np.imag(result) / STEP
        return averaged(values, gradient)

    return oracle


def _iou(true, predicted, form="linear", eps=0.0):
    """Yu 2016 (1608.01471); a logarithm of at least 1e-7, with the slope that it has there."""
    iou = union_and_iou(true, predicted, eps)[1]
    if form == "log":
        return -np.log(iou + max(0.0, 1e-7 - real(iou)))
    return 1 - (iou**2 if form == "squared" else iou)


def _giou(true, predicted, eps=0.0):
    """Rezatofighi 2019 (1902.09630), algorithm 1."""
    union, iou = union_and_iou(true, predicted, eps)
    around = area(*hull(true, predicted))
    return 1 - iou + ratio(around - union, around + eps)


def _diou(true, predicted, eps=0.0):
    """Zheng 2019 (1911.08287), eq. 7."""
    x1, y1, x2, y2 = hull(true, predicted)
    apart = [(true[i] + true[i + 2] - predicted[i] - predicted[i + 2]) / 2 for i in (0, 1)]
    diagonal = positive(x2 - x1) ** 2 + positive(y2 - y1) ** 2 + eps
    return 1 - union_and_iou(true, predicted, eps)[1] + ratio(apart[0] ** 2 + apart[1] ** 2, diagonal)


def _ciou(true, predicted, eps=0.0):
    """The same, eqs. 8 to 11, α held; a box of height 0 is as wide as can be, and a point has no shape."""
    (w_y, h_y), (w, h) = ((positive(b[2] - b[0]), positive(b[3] - b[1])) for b in (true, predicted))
    v = 0.0
    if (real(w), real(h)) != (0, 0) and (real(w_y), real(h_y)) != (0, 0):
        # atan(w/h) = atan(h/w) from the other side, which is what a box wants that has no height
        angles = [np.arctan(a / b) if real(b) > 0 else np.pi / 2 - b / a for a, b in ((w_y, h_y), (w, h))]
        v = 4 / np.pi**2 * (angles[0] - angles[1]) ** 2
    iou = real(union_and_iou(true, predicted, eps)[1])
    return _diou(true, predicted, eps) + ratio(real(v), 1 - iou + real(v) + eps) * v


iou, giou, diou, ciou = map(of_boxes, (_iou, _giou, _diou, _ciou))


def distribution_focal(y_true, y_pred, clip=True):
    """Li 2020 (2006.04388), eq. 6: the two places beside the label, of which the last may be the right one."""
    places = y_pred.shape[-1]
    labels = np.clip(y_true.reshape(y_pred.shape[:-1]), 0, places - 1)
    shares = np.zeros(y_pred.shape)
    for place in np.ndindex(labels.shape):
        left = min(int(labels[place]), places - 2)
        shares[(*place, left)], shares[(*place, left + 1)] = left + 1 - labels[place], labels[place] - left
    return averaged(*cross_entropy(shares, y_pred, True))
