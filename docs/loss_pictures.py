"""The pictures on the pages of the losses: value and gradient, for the labels and some values of the main option."""

import functools
import io

import matplotlib
from matplotlib.figure import Figure

import keras_lossbox

# Of each loss the option that its picture shows, with its values; other losses are drawn as they are by default.
SHOWN = {
    "AsymmetricLoss": ("clip", [0.0, 0.05, 0.2]),
    "AsymmetricSingleLabel": ("gamma_pos", [0.0, 2.0]),
    "BalancedBinaryCrossentropy": ("beta", [0.5, 0.9]),
    "BinaryCrossentropy": ("pos_weight", [1.0, 3.0]),
    "BinaryFocalCrossentropy": ("gamma", [0.0, 2.0]),
    "CategoricalCrossentropy": ("label_smoothing", [0.0, 0.2]),
    "CategoricalFocalCrossentropy": ("gamma", [0.0, 2.0, 5.0]),
    "CategoricalGeneralizedCrossEntropy": ("q", [0.1, 0.5, 1.0]),
    "CategoricalHinge": ("margin", [0.5, 1.0, 2.0]),
    "Charbonnier": ("epsilon", [0.001, 0.3, 1.0]),
    "Dice": ("squared", [False, True]),
    "Distillation": ("temperature", [1.0, 3.0]),
    "EarthMovers": ("power", [1.0, 2.0]),
    "Expectile": ("expectile", [0.1, 0.5, 0.9]),
    "FocalTversky": ("gamma", [0.5, 0.75, 1.5]),
    "GaussianNLL": ("beta", [0.0, 0.5]),
    "GeneralRobust": ("alpha", [2.0, 1.0, -2.0]),
    "GeneralizedCrossentropy": ("q", [0.1, 0.7, 1.0]),
    "Hinge": ("margin", [0.5, 1.0]),
    "Huber": ("delta", [0.5, 1.0, 2.0]),
    "Jaccard": ("log_loss", [False, True]),
    "KLDivergence": ("temperature", [1.0, 2.0]),
    "MultiMargin": ("p", [1, 2]),
    "Poly1Crossentropy": ("epsilon", [-1.0, 0.0, 1.0]),
    "Quantile": ("quantile", [0.1, 0.5, 0.9]),
    "SmoothL1": ("beta", [0.5, 1.0, 2.0]),
    "SparseCategoricalCrossentropy": ("class_weight", [1.0, 2.0]),
    "SparseCategoricalFocalCrossentropy": ("gamma", [0.0, 2.0, 5.0]),
    "SquaredHinge": ("margin", [0.5, 1.0]),
    "StudentTNLL": ("df", [1.0, 4.0, 100.0]),
    "SymmetricCrossentropy": ("alpha", [0.1, 1.0]),
    "Tversky": ("beta", [0.3, 0.5, 0.7]),
    "Tweedie": ("power", [1.1, 1.5, 1.9]),
}
NEEDED = {"MixtureNLL": {"components": 2}, "Masked": None, "WeightedSum": None}  # what has no default; None: no picture


def needed(cls):
    """The options that every picture of a loss has: what has no default, and logits; None for no picture."""
    options = NEEDED.get(cls.__name__, {})
    if options is None:
        return None
    return options | ({"from_logits": True} if "from_logits" in cls(**options).get_config() else {})


@functools.cache  # `mkdocs serve` builds the site again and again
def picture(name):
    """The SVG of a loss, or None where no line through the predictions shows it."""
    cls = keras_lossbox.available()[name]
    options = needed(cls)
    if options is None:
        return None
    option, values = SHOWN.get(cls.__name__, (None, [None]))
    losses = {f"{option}={value}": cls(**options, **({option: value} if option else {})) for value in values}
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    try:
        axes = figure.subplots(1, 2)
        if option:
            keras_lossbox.plots.compare(losses, ax=axes)
        else:
            keras_lossbox.plots.plot_loss(losses.popitem()[1], ax=axes)
    except ValueError:
        return None
    file = io.BytesIO()
    with matplotlib.rc_context({"svg.fonttype": "none"}):  # letters, not their outlines
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()
