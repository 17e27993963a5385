"""Pictures of losses: `plot_loss` of one, `compare` of several; each draws the value and, beside it, the gradient.

Along which line a loss is drawn, `tools/curves.py` says. matplotlib (the extra `demo`) is imported only when a figure
has to be made.
"""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import keras
import numpy as np

from keras_lossbox.core.registry import get
from keras_lossbox.tools.curves import HERE, count_entries, name_of, values_and_gradients, view_of

POINTS = 201  # odd, so that a corner in the middle is hit
COLORS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"]  # for the colour-blind too
LINES = ["-", "--", "-.", ":"]

Kind = Literal[
    "real", "positive", "parameters", "events", "places", "boxes", "lists", "binary", "ordered", "classes", "pixels"
]


def plot_loss(
    loss: str | keras.losses.Loss,
    *,
    ax: Any = None,
    between: Sequence[float] | None = None,
    kind: Kind | None = None,
) -> tuple[Any, Any]:
    """Draws a loss and its gradient over the predictions of one sample.

    What is drawn is `loss(y_true, y_pred)` for a batch of that sample alone, and its derivative by automatic
    differentiation, which is what training uses. The line through the predictions depends on the kind of target:

    * `"real"`: over the error; all outputs, if there are several, have the same.
    * `"positive"`: over the prediction for a target of 1, for losses of positive targets such as Keras's Poisson.
    * `"parameters"`: over the first parameter of a distribution, mostly its location; the target and the others are 1.
    * `"events"`: over the log hazard, or its logit in an interval; one curve for an event and one for censored.
    * `"places"`: over the logit of the place that is the label, of three.
    * `"boxes"`: over the shift of a square against the label, a square as large.
    * `"lists"`: over the score of the relevant one of two items, the other's being 0.
    * `"binary"`: over the logit, or the probability if not `from_logits`; one curve for each label.
    * `"ordered"`: over the score, for a class in the middle; the logits of its thresholds are the score and one apart.
    * `"classes"`: over the logit, or the probability, of the true class, the others all alike; one curve, or one for
      each of the first ten classes where an option gives each class a number of its own.
    * `"pixels"`: over the logit, or the probability, of what is true, alike in each of four or more pixels, in which
      all classes (or both labels) are equally frequent; for losses that look across the pixels of a sample.

    Args:
        loss: a loss of this package, Keras's or your own, or the name of one of this package.
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
    value.set_title(textwrap.fill(name_of(loss), 42, break_long_words=False))
    gradient.set_title("its gradient")
    if value.get_legend_handles_labels()[0]:
        value.legend()
    return pair


def compare(
    losses: Sequence[str | keras.losses.Loss] | Mapping[str, str | keras.losses.Loss],
    *,
    ax: Any = None,
    between: Sequence[float] | None = None,
    kind: Kind | None = None,
) -> tuple[Any, Any]:
    """Draws several losses, and their gradients, into one pair of axes.

    Args:
        losses: a list of losses as `plot_loss` takes them, or a dict of losses whose keys are the texts of the legend.
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
    losses = [_as_loss(f"losses[{index}]", loss) for index, loss in enumerate(losses.values() if names else losses)]  # type: ignore[union-attr]
    names = names or [textwrap.fill(name_of(loss), 42, break_long_words=False) for loss in losses]
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
    entries = max(map(count_entries, losses))
    views = [view_of(loss, kind, entries) for loss in losses]
    for loss, view in zip(losses, views, strict=True):
        if view.across != views[0].across:
            raise ValueError(
                f"{HERE}: `losses` must all be drawn over the same thing; `kind` may help. Received: "
                f"{name_of(losses[0])}, over {views[0].across!r}, and {name_of(loss)}, over {view.across!r}"
            )
    points = _points([view.limits for view in views], between)
    pair = _pair(ax)
    for index, (name, loss, view) in enumerate(zip(names, losses, views, strict=True)):
        for number, curve in enumerate(view.curves):
            numbers = values_and_gradients(loss, curve, points)
            color, line = (index if len(losses) > 1 else number), (number if curve.label else index)
            style = {"color": COLORS[color % len(COLORS)], "linestyle": LINES[line % len(LINES)], "linewidth": 2.2}
            for axes, y in zip(pair, numbers, strict=True):
                axes.plot(points, y, label=", ".join(filter(None, [str(name), curve.label])), **style)
    for axes, label in zip(pair, ("loss", f"d loss / d {views[0].variable}"), strict=True):
        axes.axhline(0, color="0.6", linewidth=0.8, zorder=0)
        axes.set(xlabel=views[0].across, ylabel=label, xlim=(points[0], points[-1]))
        axes.grid(alpha=0.3)
    return pair


def _as_loss(argument, loss):
    if isinstance(loss, str):
        return get(loss)
    if not isinstance(loss, keras.losses.Loss):
        allowed = "a loss (an instance, not a class) or the name of one"
        raise ValueError(f"{HERE}: `{argument}` must be {allowed}. Received: {argument}={loss!r}")
    return loss


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
