"""Formulas of the losses of a margin, with gradients derived by hand: of max(0, x) it is that of x where x > 0."""

import numpy as np
from oracle import averaged, column, elementwise


def _of_signs(power):
    def oracle(y_true, y_pred, axis=-1, margin=1.0):
        """(max(0, m - s ŷ))^k; its derivative is -s k (…)^(k-1)."""
        s = np.where(column(y_true) == 0, -1, column(y_true))

        def formula(u):
            x = np.maximum(margin - s * u, 0)
            return x**power, -s * power * (x > 0) * x ** (power - 1)

        return elementwise(y_pred, formula, axis)

    return oracle


hinge, squared_hinge = _of_signs(1), _of_signs(2)


def _of_classes(sample):
    """`sample(y, z, **options)` gives value and gradient of one row, y one-hot."""

    def oracle(y_true, y_pred, axis=-1, **options):
        z = np.moveaxis(y_pred, axis, -1)
        if y_true.shape == y_pred.shape:
            y = np.moveaxis(y_true, axis, -1)
        else:
            y = np.eye(z.shape[-1])[np.reshape(y_true, z.shape[:-1]).astype(int)]
        rows = zip(*(x.reshape(-1, z.shape[-1]) for x in (y, z)), strict=True)
        pairs = [sample(*row, **options) for row in rows]
        values, gradients = (np.array(parts) for parts in zip(*pairs, strict=True))
        return averaged(values.reshape(z.shape[:-1]), np.moveaxis(gradients.reshape(z.shape), -1, axis))

    return oracle


@_of_classes
def categorical_hinge(y, z, margin=1.0, runner_up="others_or_zero"):
    """Keras's max_c (1 - y_c) z_c, which is 0 for the right class; Crammer & Singer 2001 leave that one out."""
    slopes = 1 - y
    others = [slope * score for slope, score in zip(slopes, z, strict=True)]
    best = max((c for c in range(len(z)) if runner_up == "others_or_zero" or y[c] != 1), key=lambda c: others[c])
    value = margin - np.dot(y, z) + others[best]
    return max(value, 0), (value > 0) * (slopes[best] * np.eye(len(z))[best] - y)


@_of_classes
def multi_margin(y, z, p=1, margin=1.0, class_weight=None):
    """PyTorch's MultiMarginLoss; Weston & Watkins 1999 for p = 1."""
    classes = len(z)
    weight = 1.0 if class_weight is None else np.dot(y, np.broadcast_to(class_weight, classes))
    value, gradient = 0.0, np.zeros(classes)
    for c in range(classes):
        x = margin - np.dot(y, z) + z[c]
        if y[c] != 1 and x > 0:
            value += (1 - y[c]) * x**p
            gradient += (1 - y[c]) * p * x ** (p - 1) * (np.eye(classes)[c] - y)
    return weight * value / classes, weight * gradient / classes
