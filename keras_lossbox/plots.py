"""Pictures of losses: `plot_loss` of one, `compare` of several; each draws the value and, beside it, the gradient.

A picture has one axis for the prediction, so a loss is shown along a line through its predictions. Which line it is
depends on the kind of target (`KINDS`), and is written under the picture. matplotlib (the extra `demo`) is imported
only when a figure has to be made.
"""

import textwrap
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from keras_lossbox.base import get
from keras_lossbox.binary import BalancedBinaryCrossentropy
from keras_lossbox.combine import Masked, WeightedSum
from keras_lossbox.regions import Overlap

HERE = "keras_lossbox.plots"
KINDS = ("real", "positive", "binary", "classes", "pixels")  # the later, the more it asks of the labels' shape
POINTS = 201  # odd, so that a corner in the middle is hit
CLASSES = 3
PIXELS = 4
MOST_CLASSES = 10  # that are drawn one by one, where they have weights of their own
COLORS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"]  # for the colour-blind too
LINES = ["-", "--", "-.", ":"]

# What cannot be seen from the attributes of Keras's own losses; None: no line through the predictions shows the loss.
_KINDS_OF_KERAS = {
    **dict.fromkeys(["MeanAbsolutePercentageError", "MeanSquaredLogarithmicError", "Poisson"], "positive"),
    **dict.fromkeys(["Hinge", "SquaredHinge"], "binary"),
    **dict.fromkeys(["CategoricalCrossentropy", "SparseCategoricalCrossentropy", "CategoricalHinge"], "classes"),
    **dict.fromkeys(["CategoricalFocalCrossentropy", "CategoricalGeneralizedCrossEntropy", "KLDivergence"], "classes"),
    **dict.fromkeys(["Dice", "Tversky"], "pixels"),
    **dict.fromkeys(["CosineSimilarity", "Circle", "CTC"]),
}
_INDICES_OF_KERAS = ("SparseCategoricalCrossentropy", "CategoricalGeneralizedCrossEntropy")


def plot_loss(loss, *, ax=None, between=None, kind=None):
    """Draws a loss and its gradient over the predictions of one sample.

    What is drawn is `loss(y_true, y_pred)` for a batch of that sample alone, and its derivative by automatic
    differentiation, which is what training uses. The line through the predictions depends on the kind of target:

    * `"real"`: over the error; all outputs, if there are several, have the same.
    * `"positive"`: over the prediction for a target of 1, for losses of positive targets such as Keras's Poisson.
    * `"binary"`: over the logit, or the probability if not `from_logits`; one curve for each label.
    * `"classes"`: over the logit, or the probability, of the true class, the others all alike; one curve, or one for
      each of the first ten classes where an option gives each class a number of its own.
    * `"pixels"`: over the logit, or the probability, of what is true, alike in each of four or more pixels, in which
      all classes (or both labels) are equally frequent; for losses that look across the pixels of a sample.

    Args:
        loss: a loss of the box, Keras's or your own, or the name of one of the box.
        ax: two matplotlib axes to draw into, for the value and for the gradient; None makes a figure with pyplot.
        between: the range of the horizontal axis, `(low, high)`; None chooses: three thresholds (`delta`, `beta`,
            `scale`) or 3 to both sides of a target, logits from -6 to 6, probabilities from 0.02 to 0.98.
        kind: one of the above; None finds out from the loss. Say so for a loss of your own of which nothing tells it.

    Returns:
        The two axes, of the value and of the gradient.

    Raises:
        ValueError: for what is no loss, a loss that has no such line, or a range that is none.
        ImportError: if a figure has to be made and matplotlib is missing.

    Example:

    >>> import keras_lossbox
    >>> from matplotlib.figure import Figure  # or no `ax`, for a figure of pyplot
    >>> value, gradient = keras_lossbox.plots.plot_loss("huber", ax=Figure().subplots(1, 2))
    >>> value.get_xlabel(), gradient.get_ylabel()
    ('prediction minus target', 'd loss / d prediction')
    """
    loss = _as_loss("loss", loss)
    value, gradient = pair = _picture([loss], [""], ax, between, kind)
    value.set_title(textwrap.fill(_name(loss), 42, break_long_words=False))
    gradient.set_title("its gradient")
    if value.get_legend_handles_labels()[0]:
        value.legend()
    return pair


def compare(losses, *, ax=None, between=None, kind=None):
    """Draws several losses, and their gradients, into one pair of axes.

    Args:
        losses: a list of losses as `plot_loss` takes them, or a dict from what the legend shall call them to them.
        ax, between, kind: as in `plot_loss`. The range is that in which all of the losses fit.

    Returns:
        The two axes, of the value and of the gradient.

    Raises:
        ValueError: for an empty list, losses that are shown over different things (a logit and a probability), and
            whatever `plot_loss` refuses.
        ImportError: if a figure has to be made and matplotlib is missing.

    Example:

    >>> import keras_lossbox
    >>> from matplotlib.figure import Figure
    >>> losses = [keras_lossbox.Huber(delta=2.0), keras_lossbox.MeanAbsoluteError()]
    >>> value, gradient = keras_lossbox.plots.compare(losses, ax=Figure().subplots(1, 2))
    >>> value.get_legend_handles_labels()[1]
    ['Huber(delta=2.0)', 'MeanAbsoluteError()']
    """
    if not isinstance(losses, (dict, list, tuple)) or not losses:
        raise ValueError(f"{HERE}: `losses` must be a list or a dict of at least one loss. Received: losses={losses!r}")
    names = list(losses) if isinstance(losses, dict) else None
    losses = [_as_loss(f"losses[{index}]", loss) for index, loss in enumerate(losses.values() if names else losses)]
    names = names or [textwrap.fill(_name(loss), 42, break_long_words=False) for loss in losses]
    value, gradient = pair = _picture(losses, names, ax, between, kind)
    value.set_title("loss")
    gradient.set_title("gradient")
    if ax is None:  # beside the curves, for there is room
        value.figure.legend(*value.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    else:
        value.legend()
    return pair


def _picture(losses, names, ax, between, kind):
    """Draws the curves of all losses, and says what is on the axes."""
    entries = max(map(_entries, losses))
    views = [_view(loss, kind, entries) for loss in losses]
    for loss, view in zip(losses, views, strict=True):
        if view.across != views[0].across:
            raise ValueError(
                f"{HERE}: `losses` must all be drawn over the same thing; `kind` may help. Received: "
                f"{_name(losses[0])}, over {views[0].across!r}, and {_name(loss)}, over {view.across!r}"
            )
    points = _points([view.limits for view in views], between)
    pair = _pair(ax)
    for index, (name, loss, view) in enumerate(zip(names, losses, views, strict=True)):
        for number, curve in enumerate(view.curves):
            numbers = _values_and_gradients(loss, curve, points)
            color, line = (index if len(losses) > 1 else number), (number if curve.label else index)
            style = {"color": COLORS[color % len(COLORS)], "linestyle": LINES[line % len(LINES)], "linewidth": 2.2}
            for axes, y in zip(pair, numbers, strict=True):
                axes.plot(points, y, label=", ".join(filter(None, [str(name), curve.label])), **style)
    for axes, label in zip(pair, ("loss", f"d loss / d {views[0].variable}"), strict=True):
        axes.axhline(0, color="0.6", linewidth=0.8, zorder=0)
        axes.set(xlabel=views[0].across, ylabel=label, xlim=(points[0], points[-1]))
        axes.grid(alpha=0.3)
    return pair


class _Curve(NamedTuple):
    """Along the line y_pred = start + slope · x, for one label."""

    label: str
    y_true: np.ndarray
    start: np.ndarray
    slope: np.ndarray


class _View(NamedTuple):
    """What is drawn of a loss, and over what."""

    across: str  # what the horizontal axis says
    variable: str  # what the gradient is taken for
    limits: tuple
    curves: list


def _view(loss, kind, entries):
    """The view for the kind of target that the loss has, with labels in the form that it takes."""
    if kind is not None and kind not in KINDS:
        raise ValueError(
            f"{HERE}: `kind` must be one of {', '.join(map(repr, KINDS))}, or None. Received: kind={kind!r}"
        )
    parts = _parts(loss)
    kind = kind or max((_kind(part) for part in parts), key=KINDS.index)
    reasons = []
    # One-hot labels first: those that do not take them refuse them, but for two of Keras's.
    for indices in (True, False) if any(_is_of_keras(part, _INDICES_OF_KERAS) for part in parts) else (False, True):
        view = _VIEWS[kind](parts, entries, indices)
        try:
            for curve in view.curves:
                loss(curve.y_true, _prediction(curve, ops.convert_to_tensor(np.mean(view.limits), "float32")))
            return view
        except Exception as error:  # a loss of the user's may raise anything
            reasons.append(error)
    raise ValueError(
        f"{HERE}: {_name(loss)} was to be drawn as kind={kind!r}, and refuses such labels and predictions; another "
        f"`kind` may suit it. It says: {' / '.join(dict.fromkeys(map(str, reasons)))}"
    ) from reasons[0]


def _parts(loss):
    """The losses of which a loss is made, and itself if it masks one; the labels have to suit them all."""
    if isinstance(loss, WeightedSum):
        return [part for inner in loss.losses for part in _parts(inner)]
    return [loss, *_parts(loss.loss)] if isinstance(loss, Masked) else [loss]


def _kind(part):
    """The kind of target of a loss that is not made of losses."""
    if _is_of_keras(part, _KINDS_OF_KERAS):
        kind = _KINDS_OF_KERAS[type(part).__name__]
        if kind is None:
            raise ValueError(f"{HERE}: no line through the predictions of {_name(part)} shows it; see `kind`.")
        return kind
    counts_labels = isinstance(part, BalancedBinaryCrossentropy) and part.beta is None
    if counts_labels or isinstance(part, Overlap):
        return "pixels"
    if _has_classes(part):
        return "classes"
    return "real" if getattr(part, "from_logits", None) is None else "binary"


def _has_classes(part):
    """Whether one entry of its last axis is true, and the others are not."""
    return getattr(part, "head", None) == "softmax" or getattr(part, "mode", None) == "multiclass"


def _is_of_keras(loss, names):
    """Whether it is one of Keras's own losses of these names."""
    return type(loss).__module__.startswith("keras.") and type(loss).__name__ in names


def _entries(loss):
    """How many classes, labels or outputs the options speak of: the length of a list of numbers, or 0 for none."""
    options = [value for part in _parts(loss) for value in part.get_config().values()]
    lists = [value for value in options if isinstance(value, list)]
    return max((len(value) for value in lists if all(isinstance(item, (int, float)) for item in value)), default=0)


def _real(parts, entries, indices):
    thresholds = [getattr(part, name, None) for part in parts for name in ("delta", "beta", "scale")]
    reach = 3 * max((value for value in thresholds if isinstance(value, (int, float))), default=0) or 3
    one, target = np.ones(_shape(parts, entries or 1)), 1.0 if 0 in _ignored(parts) else 0.0
    across = "prediction minus target" + (f", alike in {entries} outputs" if entries > 1 else "")
    return _View(across, "prediction", (-reach, reach), [_Curve("", target * one, target * one, one)])


def _positive(parts, entries, indices):
    one = np.ones(_shape(parts, entries or 1))
    return _View("prediction (the target is 1)", "prediction", (0.02, 3), [_Curve("", one, 0 * one, one)])


def _binary(parts, entries, indices):
    variable, limits = _variable(parts)
    one = np.ones(_shape(parts, entries or 1))
    curves = [_Curve(f"label {label}", label * one, 0 * one, one) for label in (0, 1) if label not in _ignored(parts)]
    return _View(variable + (f", alike for {entries} labels" if entries > 1 else ""), variable, limits, curves)


def _classes(parts, entries, indices):
    variable, limits = _variable(parts)
    count = entries or CLASSES
    shape, apart = _shape(parts, count), any(map(_entries, parts))
    labels = [label for label in range(count) if label not in _ignored(parts)]
    curves = []
    for label in labels[: MOST_CLASSES if apart else 1]:  # all have the same curve, unless an option tells them apart
        true = np.eye(count)[label].reshape(shape)
        y_true = np.full(np.delete(shape, shape.index(count)), label) if indices else true
        curves.append(_Curve(f"true class {label}" if apart else "", y_true, *_line(true, variable, count)))
    return _View(_of_true_class(variable, count), variable, limits, curves)


def _pixels(parts, entries, indices):
    variable, limits = _variable(parts)
    if any(map(_has_classes, parts)):
        count = entries or CLASSES
        classes = np.arange(2 * count) % count
        true = np.eye(count)[classes][None]
        across = f"{_of_true_class(variable, count)}\nin each of {len(classes)} pixels, two of each class"
        curve = _Curve("", classes[None] if indices else true, *_line(true, variable, count))
    else:
        true = np.tile((np.arange(PIXELS) % 2)[None, :, None], entries or 1)
        across = f"{variable} of the true label\nin each of {PIXELS} pixels, half of them positive"
        curve = _Curve("", true, *_line(true, variable, 2, other_logits=-1))
    return _View(across, variable, limits, [curve])


_VIEWS = {"real": _real, "positive": _positive, "binary": _binary, "classes": _classes, "pixels": _pixels}


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
    hinge = any("Hinge" in type(part).__name__ for part in parts)  # of logits, though no option of theirs says so
    logits = next((value for value in said if value is not None), hinge)
    return ("logit", (-6, 6)) if logits else ("probability", (0.02, 0.98))


def _ignored(parts):
    """Labels that do not count, and would give a picture of zeros."""
    return {getattr(part, option, None) for part in parts for option in ("ignore", "ignore_class")}


def _shape(parts, size):
    """The shape of one sample with `size` entries along the axis of the loss, and as many axes as that needs."""
    axes = [getattr(part, "axis", None) for part in parts]
    axis = next((axis for axis in axes if isinstance(axis, int)), -1)
    shape = [1] * max(2, axis + 1 if axis >= 0 else 1 - axis)
    shape[axis] = size
    return shape


def _as_loss(argument, loss):
    if isinstance(loss, str):
        return get(loss)
    if not isinstance(loss, keras.losses.Loss):
        allowed = "a loss (an instance, not a class) or the name of one"
        raise ValueError(f"{HERE}: `{argument}` must be {allowed}. Received: {argument}={loss!r}")
    return loss


def _name(loss):
    """The repr, if it is one for people; Keras's own losses and most users' have none."""
    text, kind = repr(loss), type(loss)
    if "<" not in text:
        return text
    return f"keras.losses.{kind.__name__}" if kind.__module__.startswith("keras.") else kind.__name__


def _pair(ax):
    """Two axes, the user's or those of a new figure."""
    if ax is None:
        try:
            from matplotlib import pyplot
        except ImportError as error:
            hint = 'install it with: pip install "keras-lossbox[demo]"'
            raise ImportError(f"{HERE}: matplotlib is missing; {hint}") from error
        return tuple(pyplot.subplots(1, 2, figsize=(9, 4.2), layout="constrained")[1])
    pair = tuple(np.ravel(ax))
    if len(pair) != 2 or not all(hasattr(axes, "plot") for axes in pair):
        allowed = "two matplotlib axes, for the value and for the gradient, or None"
        raise ValueError(f"{HERE}: `ax` must be {allowed}. Received: ax={ax!r}")
    return pair


def _points(limits, between):
    """Where the curves are computed."""
    try:
        low, high = (np.min(limits), np.max(limits)) if between is None else map(float, between)
    except (TypeError, ValueError):
        low = high = np.nan
    if not -np.inf < low < high < np.inf:
        allowed = "two finite numbers, the lower one first, or None"
        raise ValueError(f"{HERE}: `between` must be {allowed}. Received: between={between!r}")
    return np.linspace(low, high, POINTS)


def _prediction(curve, x):
    start, slope = (ops.convert_to_tensor(array, x.dtype) for array in (curve.start, curve.slope))
    return start + slope * x


def _values_and_gradients(loss, curve, points):
    """The value of the loss, and its derivative, at every point of the line."""
    # 0 * x: so that there is a gradient where the loss has none
    at = _with_derivative(lambda x: ops.add(ops.sum(loss(curve.y_true, _prediction(curve, x))), 0 * x))
    pairs = [[float(ops.convert_to_numpy(number)) for number in at(point)] for point in points.astype("float32")]
    return np.transpose(pairs)


def _with_derivative(function):
    """The function of a number that gives its value and derivative, by the backend's automatic differentiation."""
    if keras.config.backend() == "jax":
        import jax

        return jax.jit(jax.value_and_grad(function))
    if keras.config.backend() == "torch":

        def at(point):
            x = ops.convert_to_tensor(point).detach().requires_grad_()
            value = function(x)
            value.backward()
            return value.detach(), x.grad

        return at
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec([], "float32")], autograph=False)
    def at(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = function(x)
        return value, tape.gradient(value, x)

    return at
