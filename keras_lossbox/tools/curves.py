"""The curves of a loss: lines through the predictions of one sample, for each kind of data, and what a loss is on them.

A picture has one axis for the prediction, so a loss is shown along a line through its predictions. Which line it is
depends on the kind of target (`KINDS`), and is written under the picture.
"""

from typing import NamedTuple

import numpy as np
from keras import ops

from keras_lossbox.core import host, targets
from keras_lossbox.core.adapt import counterpart, is_of_keras
from keras_lossbox.core.loss import Loss
from keras_lossbox.core.registry import PACKAGE
from keras_lossbox.losses.binary import BalancedBinaryCrossentropy
from keras_lossbox.losses.composite import Masked, WeightedSum

HERE = "keras_lossbox.plots"
# the later, the more it asks of the labels' shape
KINDS = (
    *("real", "positive", "parameters", "events", "places", "boxes", "lists"),
    *("binary", "ordered", "classes", "pixels"),
)
CLASSES = 3
PIXELS = 4
MOST_CLASSES = 10  # that are drawn one by one, where they have weights of their own

# The kinds of losses, of Keras or of this package, whose `targets` do not tell; None: no line through the predictions
# shows the loss.
_KINDS_BY_NAME = {
    **dict.fromkeys(["MeanAbsolutePercentageError", "MeanSquaredLogarithmicError", "Poisson"], "positive"),
    **dict.fromkeys(["CosineSimilarity", "Circle", "CTC", "ProxyAnchor", "CenterlineDice", "RDrop", "JSDCrossentropy"]),
}
_KINDS = {
    targets.Regions: "pixels",
    targets.Classes: "classes",
    targets.Ordered: "ordered",
    targets.Binary: "binary",
    targets.Signs: "binary",
    targets.Real: "real",
    targets.Repeated: "real",
    targets.Parameters: "parameters",
    targets.Survival: "events",
    targets.Places: "places",
    targets.Boxes: "boxes",
    targets.Lists: "lists",
}
_INDICES_OF_KERAS = ("SparseCategoricalCrossentropy", "CategoricalGeneralizedCrossEntropy")


def name_of(loss):
    """The repr, if it is readable; Keras's own losses and most users' have none."""
    text, kind = repr(loss), type(loss)
    if "<" not in text:
        return text
    return f"keras.losses.{kind.__name__}" if is_of_keras(loss) else kind.__name__


class Curve(NamedTuple):
    """Along the line y_pred = start + slope · x, for one label."""

    label: str
    y_true: np.ndarray
    start: np.ndarray
    slope: np.ndarray


class View(NamedTuple):
    """What is drawn of a loss, and over what."""

    across: str  # what the horizontal axis says
    variable: str  # what the gradient is taken for
    limits: tuple
    curves: list


def view_of(loss, kind, entries):
    """The view for the kind of target that the loss has, with labels in the form that it takes."""
    if kind is not None and kind not in KINDS:
        raise ValueError(
            f"{HERE}: `kind` must be one of {', '.join(map(repr, KINDS))}, or None. Received: kind={kind!r}"
        )
    parts = _parts(loss)
    kind = kind or max((_kind(part) for part in parts), key=KINDS.index)
    reasons = []
    # One-hot labels first: those that do not take them refuse them, but for two of Keras's.
    first = any(is_of_keras(part) and type(part).__name__ in _INDICES_OF_KERAS for part in parts)
    for indices in (first, not first):
        view = _VIEWS[kind](parts, entries, indices)
        try:
            for curve in view.curves:
                loss(curve.y_true, _prediction(curve, ops.convert_to_tensor(np.mean(view.limits), "float32")))
            return view
        except Exception as error:  # a loss of the user's may raise anything
            reasons.append(error)
    raise ValueError(
        f"{HERE}: {name_of(loss)} was to be drawn as kind={kind!r}, and refuses such labels and predictions; another "
        f"`kind` may suit it. It says: {' / '.join(dict.fromkeys(map(str, reasons)))}"
    ) from reasons[0]


def _parts(loss):
    """The losses of which a loss is made, and itself if it masks one; the labels have to suit them all."""
    if isinstance(loss, WeightedSum):
        return [part for inner in loss.losses for part in _parts(inner)]
    return [loss, *_parts(loss.loss)] if isinstance(loss, Masked) else [loss]


def _declared(part):
    """The `targets` that a loss declares, or None where it says nothing."""
    like = counterpart(part)
    if like is None or type(like).targets is Loss.targets:
        return None
    return like.targets(np.zeros((1, 1), "float32"))


def _kind(part):
    """The kind of target of a loss that is not made of losses."""
    module, name = type(part).__module__.split(".")[0], type(part).__name__
    if module in ("keras", PACKAGE) and name in _KINDS_BY_NAME:
        kind = _KINDS_BY_NAME[name]
    elif isinstance(part, BalancedBinaryCrossentropy) and part.beta is None:  # computed from the labels
        kind = "pixels"
    elif (declared := _declared(part)) is not None:
        several = declared.across and isinstance(declared, targets.Classes)  # one sample alone tells nothing
        positive = type(declared) is targets.Real and declared.low >= 0
        kind = "pixels" if several else "positive" if positive else _KINDS.get(type(declared))
    else:
        kind = "real" if getattr(part, "from_logits", None) is None else "binary"
    if kind is None:
        raise ValueError(f"{HERE}: no line through the predictions of {name_of(part)} shows it; see `kind`.")
    return kind


def _has_classes(part):
    """Whether one entry of its last axis is true, and the others are not."""
    declared = _declared(part)
    return declared is not None and declared.activation == "softmax"


def _has_scores(part):
    """Whether predictions are logits, or scores that no activation makes probabilities of, though no option says so."""
    declared = _declared(part)
    return declared is not None and declared.from_logits is not False and type(declared) is not targets.Real


def count_entries(loss):
    """How many classes, labels or outputs the options imply: the length of a list of numbers, or 0 for none."""
    options = [value for part in _parts(loss) for value in part.get_config().values()]
    lists = [value for value in options if isinstance(value, list)]
    return max((len(value) for value in lists if all(isinstance(item, (int, float)) for item in value)), default=0)


def _real(parts, entries, indices):
    thresholds = [getattr(part, name, None) for part in parts for name in ("delta", "beta", "scale")]
    reach = 3 * max((value for value in thresholds if isinstance(value, (int, float))), default=0) or 3
    one, target = np.ones(_shape(parts, entries or 1)), 1.0 if 0 in _ignored(parts) else 0.0
    across = "prediction minus target" + (f", alike in {entries} outputs" if entries > 1 else "")
    return View(across, "prediction", (-reach, reach), [Curve("", target * one, target * one, one)])


def _parameters(parts, entries, indices):
    """Along the locations, which are the first half of what is not shared, at a target and other parameters of 1."""
    declared = next(kind for part in parts if isinstance(kind := _declared(part), targets.Parameters))
    size = declared.shared + declared.count
    slope = (
        (np.arange(size) >= declared.shared) & (np.arange(size) < size - declared.count + declared.count // 2)
    ) * 1.0
    across = "first parameter (the target and the other parameters are 1)"
    return View(across, "first parameter", (-2, 4), [Curve("", np.ones((1, 1)), 1 - slope[None], slope[None])])


def _events(parts, entries, indices):
    """In one interval; or beside another sample, whose log hazard is 0: with an event before it, or after it."""
    intervals = next(kind for part in parts if isinstance(kind := _declared(part), targets.Survival)).intervals
    one, labels = np.ones((1, 1)), {"index": ([0, 0], [0, 1]), "intervals": ([1, 0], [0, 1])}.get(intervals)
    if labels:
        variable, across = "logit", "logit of the hazard in an interval"
        data = [(np.array([label]), 0 * one, one) for label in labels]
    else:
        variable, across = "log hazard", "log hazard (that of another, at risk at the same time, is 0)"
        first = np.array([[1], [0]])
        data = [(np.array(label), 0 * first, first) for label in ([[2, 0], [1, 1]], [[1, 1], [2, 0]])]
    return View(across, variable, (-6, 6), [Curve(f"label {i}", *curve) for i, curve in enumerate(data)])


def _places(parts, entries, indices):
    true = np.eye(CLASSES)[1:2]
    across = f"logit of the label's place (the {CLASSES - 1} others at 0)"
    return View(across, "logit", (-6, 6), [Curve("", np.array([1.0]), *_line(true, "logit", CLASSES))])


def _boxes(parts, entries, indices):
    """A square that moves along its first axis, away from the label, which is as large: 0, 0, 1, 1 in every format."""
    forms = [getattr(part, "bounding_box_format", "") for part in parts]
    square, by_corners = np.array([[0.0, 0.0, 1.0, 1.0]]), any(form.endswith(("xyxy", "yxyx")) for form in forms)
    slope = np.array([[1.0, 0.0, 1.0 * by_corners, 0.0]])
    across = "shift of the predicted box, in its own widths"
    return View(across, "shift", (-1.5, 1.5), [Curve("", square, square, slope)])


def _lists(parts, entries, indices):
    """Of two items, one of them relevant."""
    first = np.array([[1.0, 0.0]])
    across = "score of the relevant one of two items (the other's is 0)"
    return View(across, "score", (-6, 6), [Curve("", first, 0 * first, first)])


def _positive(parts, entries, indices):
    one = np.ones(_shape(parts, entries or 1))
    return View("prediction (the target is 1)", "prediction", (0.05, 3), [Curve("", one, 0 * one, one)])


def _binary(parts, entries, indices):
    variable, limits = _variable(parts)
    one = np.ones(_shape(parts, entries or 1))
    curves = [Curve(f"label {label}", label * one, 0 * one, one) for label in (0, 1) if label not in _ignored(parts)]
    return View(variable + (f", alike for {entries} labels" if entries > 1 else ""), variable, limits, curves)


def _ordered(parts, entries, indices):
    count = entries or CLASSES - 1
    label, apart = (count + 1) // 2, (count - 1) / 2 - np.arange(count)
    across = f"score; true class {label} of 0 to {count}, the thresholds between them one apart"
    return View(across, "score", (-6, 6), [Curve("", np.array([label]), apart[None], np.ones((1, count)))])


def _classes(parts, entries, indices):
    variable, limits = _variable(parts)
    count = entries or CLASSES
    shape, apart = _shape(parts, count), any(map(count_entries, parts))
    labels = [label for label in range(count) if label not in _ignored(parts)]
    curves = []
    for label in labels[: MOST_CLASSES if apart else 1]:  # all have the same curve, unless an option tells them apart
        true = np.eye(count)[label].reshape(shape)
        y_true = np.full(np.delete(shape, shape.index(count)), label) if indices else true
        curves.append(Curve(f"true class {label}" if apart else "", y_true, *_line(true, variable, count)))
    return View(_of_true_class(variable, count), variable, limits, curves)


def _pixels(parts, entries, indices):
    variable, limits = _variable(parts)
    if any(map(_has_classes, parts)):
        count = entries or CLASSES
        classes = np.arange(2 * count) % count
        true = np.eye(count)[classes][None]
        across = f"{_of_true_class(variable, count)}\nin each of {len(classes)} pixels, two of each class"
        curve = Curve("", classes[None] if indices else true, *_line(true, variable, count))
    else:
        true = np.tile((np.arange(PIXELS) % 2)[None, :, None], entries or 1)
        across = f"{variable} of the true label\nin each of {PIXELS} pixels, half of them positive"
        curve = Curve("", true, *_line(true, variable, 2, other_logits=-1))
    return View(across, variable, limits, [curve])


_VIEWS = {
    "real": _real,
    "positive": _positive,
    "parameters": _parameters,
    "events": _events,
    "places": _places,
    "boxes": _boxes,
    "lists": _lists,
    "binary": _binary,
    "ordered": _ordered,
    "classes": _classes,
    "pixels": _pixels,
}


def _line(true, variable, count, other_logits=0):
    """Start and slope: x where `true` is 1; elsewhere other_logits · x, or equal parts of the probability left."""
    start, slope = (0, other_logits) if variable == "logit" else (1 / (count - 1), -1 / (count - 1))
    return (1 - true) * start, true + (1 - true) * slope


def _of_true_class(variable, count):
    others = "the other" if count == 2 else f"the {count - 1} others"
    return f"{variable} of the true class ({others} {'at 0' if variable == 'logit' else 'share the rest'})"


def _variable(parts):
    """Whether predictions are logits or probabilities, and the range in which they are shown."""
    said = [getattr(part, "from_logits", None) for part in parts]
    logits = next((value for value in said if value is not None), any(map(_has_scores, parts)))
    return ("logit", (-6, 6)) if logits else ("probability", (0.02, 0.98))


def _ignored(parts):
    """Labels that are ignored, and would give a picture of zeros."""
    return {getattr(part, option, None) for part in parts for option in ("ignore", "ignore_class")}


def _shape(parts, size):
    """The shape of one sample with `size` entries along the axis of the loss, and as many axes as that needs."""
    axes = [getattr(part, "axis", None) for part in parts]
    axis = next((axis for axis in axes if isinstance(axis, int)), -1)
    shape = [1] * max(2, axis + 1 if axis >= 0 else 1 - axis)
    shape[axis] = size
    return shape


def _prediction(curve, x):
    start, slope = (ops.convert_to_tensor(array, x.dtype) for array in (curve.start, curve.slope))
    return start + slope * x


def values_and_gradients(loss, curve, points):
    """The value of the loss, and its derivative, at every point of the line."""
    # 0 * x: so that there is a gradient where the loss has none
    at = host.with_derivative(lambda x: ops.add(ops.sum(loss(curve.y_true, _prediction(curve, x))), 0 * x))
    pairs = [[float(ops.convert_to_numpy(number)) for number in at(point)] for point in points.astype("float32")]
    return np.transpose(pairs)
