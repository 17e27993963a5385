"""The numbers behind `playground.md`: value and gradient of every loss that has curves, for values of its options."""

import functools
import itertools
import json

import loss_pictures
import numpy as np
import tensorflow as tf

import keras_lossbox
from keras_lossbox.tools import curves

POINTS = 81  # odd, so that a corner in the middle is hit
DIGITS = 4

# Of each loss the options that can be moved, beyond the one that its picture shows.
PLAYED = {
    "AsymmetricLoss": {"gamma_neg": [0.0, 1.0, 2.0, 4.0], "clip": [0.0, 0.05, 0.1, 0.2]},
    "BinaryCrossentropy": {"pos_weight": [0.5, 1.0, 2.0, 5.0, 10.0], "label_smoothing": [0.0, 0.1, 0.2, 0.4]},
    "BinaryFocalCrossentropy": {"gamma": [0.0, 0.5, 1.0, 2.0, 5.0], "pos_weight": [1.0, 2.0, 5.0]},
    "CategoricalCrossentropy": {"label_smoothing": [0.0, 0.05, 0.1, 0.2, 0.4]},
    "CategoricalFocalCrossentropy": {"gamma": [0.0, 0.5, 1.0, 2.0, 5.0], "alpha": [0.25, 0.5, 1.0]},
    "Charbonnier": {"epsilon": [0.001, 0.1, 0.3, 1.0, 2.0]},
    "Dice": {"smooth": [0.0, 0.5, 1.0], "squared": [False, True], "log_loss": [False, True]},
    "Expectile": {"expectile": [0.1, 0.25, 0.5, 0.75, 0.9]},
    "FocalTversky": {"gamma": [0.5, 0.75, 1.0, 1.5, 2.0], "beta": [0.3, 0.5, 0.7, 0.9]},
    "GeneralRobust": {"alpha": [2.0, 1.5, 1.0, 0.5, 0.0, -1.0, -2.0, -10.0], "scale": [0.5, 1.0, 2.0]},
    "GeneralizedCrossentropy": {"q": [0.1, 0.3, 0.5, 0.7, 0.9, 1.0]},
    "Hinge": {"margin": [0.5, 1.0, 2.0]},
    "Huber": {"delta": [0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0]},
    "Jaccard": {"smooth": [0.0, 0.5, 1.0], "log_loss": [False, True]},
    "KLDivergence": {"temperature": [0.5, 1.0, 2.0, 4.0]},
    "Poly1Crossentropy": {"epsilon": [-1.0, 0.0, 1.0, 2.0, 4.0]},
    "Quantile": {"quantile": [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95], "delta": [None, 0.5, 1.0]},
    "SmoothL1": {"beta": [0.1, 0.25, 0.5, 1.0, 2.0, 3.0]},
    "SparseCategoricalCrossentropy": {"label_smoothing": [0.0, 0.05, 0.1, 0.2, 0.4], "z_loss": [0.0, 0.01, 0.1]},
    "SquaredHinge": {"margin": [0.5, 1.0, 2.0]},
    "StudentTNLL": {"df": [1.0, 2.0, 4.0, 10.0, 100.0]},
    "SymmetricCrossentropy": {"alpha": [0.1, 0.5, 1.0], "beta": [0.0, 0.5, 1.0]},
    "Tversky": {"alpha": [0.1, 0.3, 0.5, 0.7, 0.9], "beta": [0.1, 0.3, 0.5, 0.7, 0.9]},
    "Tweedie": {"power": [0.0, 1.0, 1.1, 1.5, 1.9, 2.0, 3.0]},
}


def script(numbers):
    """The numbers as a script, which a page may load without a server."""
    return f"const playgroundNumbers = {json.dumps(numbers, separators=(',', ':'))};\n"


@functools.cache  # `mkdocs serve` builds the site again and again
def numbers():
    """What is played with of each loss, by the name of its class."""
    found = {cls.__name__: of_loss(cls) for cls in keras_lossbox.available().values()}
    return {name: loss for name, loss in sorted(found.items()) if loss is not None}


def of_loss(cls):
    """Options, their values, and the curves of each combination of these; None where nothing shows the loss."""
    needed = loss_pictures.needed(cls)
    if needed is None:
        return None
    option, values = loss_pictures.SHOWN.get(cls.__name__, (None, None))
    options = PLAYED.get(cls.__name__, {option: values} if option else {})
    combinations = [dict(zip(options, choice, strict=True)) for choice in itertools.product(*options.values())]
    losses = [cls(**needed | combination) for combination in combinations]
    try:
        views = [curves.view_of(loss, None, curves.count_entries(loss)) for loss in losses]
    except ValueError:
        return None
    default = cls(**needed).get_config()
    low, high = min(view.limits[0] for view in views), max(view.limits[1] for view in views)
    points = np.linspace(low, high, POINTS)
    ends = [(losses[index], curve) for index in (0, -1) for curve in views[index].curves]
    numbers_of = at_once if all(agrees(loss, curve, points) for loss, curve in ends) else curves.values_and_gradients
    return {
        "options": options,
        "start": [first_choice(values, default[name]) for name, values in options.items()],
        "needed": needed,
        "across": views[0].across,
        "variable": views[0].variable,
        "limits": [low, high],
        "labels": [curve.label for curve in views[0].curves],
        "curves": [
            [[[rounded(number) for number in row] for row in numbers_of(loss, curve, points)] for curve in view.curves]
            for loss, view in zip(losses, views, strict=True)
        ],
    }


def first_choice(values, default):
    """Which of the values is the default; of a weight that is None by default, 1; else the first."""
    return next((values.index(value) for value in (default, 1.0) if value in values), 0)


def agrees(loss, curve, points):
    """Whether each sample of a batch has a loss of its own, so that all points can be computed at once."""
    if len(curve.y_true) > 1:
        return False
    few = slice(None, None, POINTS // 4)
    right = curves.values_and_gradients(loss, curve, points[few])
    return np.allclose(at_once(loss, curve, points)[:, few], right, rtol=1e-4, atol=1e-6, equal_nan=True)


def at_once(loss, curve, points):
    """Values and gradients at the points, each of which is a sample of one batch."""
    config = loss.get_config() | {"reduction": "none"}
    each = type(loss).from_config(config | ({"per_sample": True} if "per_sample" in config else {}))
    x = tf.constant(points.reshape([-1] + [1] * (curve.start.ndim - 1)), "float32")
    with tf.GradientTape() as tape:
        tape.watch(x)
        values = each(np.repeat(curve.y_true, len(points), 0), curve.start.astype("float32") + curve.slope * x)
        values = tf.reduce_mean(tf.reshape(values, [len(points), -1]), 1)
    return np.stack([values, np.ravel(tape.gradient(values, x, unconnected_gradients="zero"))])


def rounded(number):
    """A number with few digits; None for one that is not finite."""
    return float(f"{number:.{DIGITS}g}") if np.isfinite(number) else None
