"""The picture of a comparison: a score by seed, and the learning curves. matplotlib (the extra `demo`)."""

import textwrap

import numpy as np

from keras_lossbox.plots import COLORS, LINES


def draw(comparison, score, ax):
    """Draws both into two axes."""
    left, right = pair = _pair(ax, len(comparison.losses))
    draw_scores(left, comparison, score)
    draw_curves(right, comparison)
    if ax is None:
        legend_below(right)
    return pair


def legend_below(axes):
    """Moves the legend of the curves below the figure, where there is room."""
    if legend := axes.get_legend():
        legend.remove()
        handles, names = axes.get_legend_handles_labels()
        columns = 3 if max(map(len, names)) < 30 else 2
        axes.figure.legend(handles, names, loc="outside lower center", ncols=columns)


def wrapped(name):
    """The repr of a loss in lines that end at its brackets and commas."""
    return textwrap.fill(name.replace("(", "( "), 30, break_long_words=False).replace("( ", "(")


def _pair(ax, count):
    """The user's two axes, or those of a new figure."""
    if ax is None:
        try:
            from matplotlib import pyplot
        except ImportError:
            hint = 'install it with: pip install "keras-lossbox[demo]"'
            raise ImportError(f"Comparison.plot: matplotlib is missing; {hint}") from None
        return tuple(pyplot.subplots(1, 2, figsize=(11, 2.6 + 0.55 * count), layout="constrained")[1])
    pair = tuple(np.ravel(ax))
    if len(pair) != 2 or not all(hasattr(axes, "plot") for axes in pair):
        allowed = "two matplotlib axes, for the scores and for the curves, or None"
        raise ValueError(f"Comparison.plot: `ax` must be {allowed}. Received: ax={ax!r}")
    return pair


def draw_scores(axes, comparison, score):
    """A line of dots for each loss, the first on top; what the same seed gave is joined."""
    values = np.array([comparison.values(loss, score.name) for loss in comparison.losses])
    places = np.arange(len(values))
    axes.plot(values, places, color="0.8", linewidth=1, zorder=1)
    for place, row in enumerate(values):
        color = COLORS[place % len(COLORS)]
        axes.plot(row, np.full(len(row), place), "o", color=color, markersize=7, alpha=0.75, zorder=2)
        if np.isnan(row).any():
            count = f"{np.isnan(row).sum()} of {len(row)} " if not np.isnan(row).all() else ""
            axes.text(0.02, place, f"{count}nan", transform=axes.get_yaxis_transform(), va="center", color="0.3")
        else:
            axes.plot([row.mean()] * 2, [place - 0.28, place + 0.28], color=color, linewidth=2.6, zorder=3)
    axes.set_yticks(places, list(map(wrapped, comparison.losses)))
    axes.set(ylim=(len(values) - 0.5, -0.5), xlabel=score.title)
    axes.set_title("by seed, and the mean")
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def draw_curves(axes, comparison):
    """The loss of each epoch, in units of its first, a line for each seed; it ends where the training did."""
    validation = all("val_loss" in trial.history for trial in comparison.trials)
    for number, loss in enumerate(comparison.losses):
        style = {"color": COLORS[number % len(COLORS)], "linestyle": LINES[number % len(LINES)], "alpha": 0.7}
        histories = [trial.history for trial in comparison.trials if trial.loss == loss]
        curves = [relative(history["val_loss" if validation else "loss"]) for history in histories]
        curves = [curve for curve in curves if np.isfinite(curve).any()]
        for place, curve in enumerate(curves):
            epochs = np.arange(1, len(curve) + 1)
            axes.plot(epochs, curve, linewidth=1.4, label="" if place else loss, **style)
            axes.plot(epochs[-1], curve[-1], "o", color=style["color"], markersize=4)
    if axes.get_legend_handles_labels()[0] and len(comparison.losses) > 1:
        axes.legend(fontsize="small")
    part = "validation" if validation else "training"
    axes.set(xlabel="epoch", ylabel="loss / its value after the first epoch")
    axes.set_title(f"loss of the {part} part, by seed")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def relative(curve):
    """A curve divided by the size of its first value; NaN where that is 0."""
    first = abs(curve[0])
    return np.asarray(curve) / first if first else np.full(len(curve), np.nan)
