"""Scores of a comparison: what a score is, those that a kind of data has by default, and a user's own.

scikit-learn (the extra `demo`) is imported inside the functions that need it.
"""

import inspect
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from keras_lossbox.core.registry import snake_case
from keras_lossbox.metrics import DiceScore, IoUScore
from keras_lossbox.tools.diagnose.case import in_short

BINS = 10  # of the calibration error
AT_HALF, AT_BEST = "F1 at 1/2", "F1 at the best threshold"


class Score(NamedTuple):
    """A number for labels and predictions of the test part.

    `function(y_true, y_pred)`, or with `needs_validation` `function(y_true, y_pred, y_validation, validation_pred)`.
    """

    name: str
    function: Callable
    higher_is_better: bool = True
    needs_validation: bool = False

    @property
    def title(self):
        """The name, and what is better."""
        return f"{self.name} ({'higher' if self.higher_is_better else 'lower'} is better)"


# By default


def default_scores(reading, y_pred):
    """The scores of a kind of data; a ValueError where it has none."""
    if reading.kind == "binary":
        return [
            Score("average precision", by_label(average_precision)),
            Score(AT_HALF, by_label(lambda y, p: f1(y, p, 0.5))),
            Score(AT_BEST, f1_at_best_threshold, needs_validation=True),
            Score("Brier score", by_label(lambda y, p: squared_error(np.maximum(y, 0), p)), higher_is_better=False),
        ]
    if reading.kind == "classes":
        axis = reading.like.targets(y_pred).label_axis
        return [
            Score("accuracy", of_classes(accuracy, axis)),
            Score("calibration error", of_classes(calibration_error, axis), higher_is_better=False),
        ]
    if reading.kind == "regression":
        return [
            Score("RMSE", by_label(lambda y, p: np.sqrt(squared_error(y, p))), higher_is_better=False),
            Score("MAE", by_label(lambda y, p: np.mean(np.abs(p - y))), higher_is_better=False),
            Score("R²", by_label(r_squared)),
        ]
    if reading.kind == "regions":
        options = {
            "mode": reading.like.targets(y_pred).mode,
            "ignore_class": getattr(reading.like, "ignore_class", None),
        }
        return [Score("IoU", of_regions(IoUScore, options)), Score("Dice", of_regions(DiceScore, options))]
    raise ValueError(
        "compare: `scores` must say how predictions are judged: the losses tell of no kind of data that has scores by "
        "default (yes/no, classes, real numbers, regions). Received: scores=None"
    )


def by_label(function):
    """The mean over the labels, the last axis, of a score of those that are present."""

    def score(y_true, y_pred):
        values = [function(*pair) for pair in labels_of(y_true, y_pred)]
        known = [value for value in values if not np.isnan(value)]
        return np.mean(known) if known else np.nan

    return score


def labels_of(y_true, y_pred):
    """Labels that are present, and their predictions, for each entry of the last axis."""
    if np.size(y_true) != np.size(y_pred):
        raise ValueError(f"labels and predictions must have one shape. Received: {y_true.shape} and {y_pred.shape}")
    y_pred = y_pred.reshape(-1, y_pred.shape[-1] if y_pred.ndim > 1 else 1)
    y_true = y_true.reshape(y_pred.shape)
    for y, p in zip(y_true.T, y_pred.T, strict=True):
        known = ~np.isnan(y)
        if known.any():
            yield y[known], p[known]


def is_positive(y):
    """Which labels are a yes: of 0 and 1, of -1 and 1, or of probabilities."""
    return y > 0.5


def average_precision(y, p):
    """The mean of the precision over recall; NaN where there is no positive."""
    from sklearn.metrics import average_precision_score

    return average_precision_score(is_positive(y), p) if is_positive(y).any() else np.nan


def f1(y, p, threshold):
    """The harmonic mean of precision and recall; 0 where neither labels nor predictions are positive."""
    y, found = is_positive(y), p > threshold
    return 2 * np.sum(y & found) / max(1, np.sum(y) + np.sum(found))


def f1_at_best_threshold(y_true, y_pred, y_validation, validation_pred):
    """F1 at the threshold that is best on the validation part, one for each label."""
    thresholds = [best_threshold(*pair) for pair in labels_of(y_validation, validation_pred)]
    pairs = list(labels_of(y_true, y_pred))
    if len(thresholds) != len(pairs):  # a label that one of the parts has nothing of
        return np.nan
    return np.mean([f1(y, p, threshold) for (y, p), threshold in zip(pairs, thresholds, strict=True)])


def best_threshold(y, p):
    """The threshold of the highest F1, in the middle between two predictions; 1/2 where there is no positive."""
    order = np.argsort(-p, kind="stable")
    p, hits = p[order], np.cumsum(is_positive(y)[order])
    ends = np.append(p[1:] < p[:-1], True)  # equal predictions are on one side of a threshold
    if hits[-1] == 0:
        return 0.5
    scores = np.where(ends, 2 * hits / (hits[-1] + np.arange(1, len(p) + 1)), -1)
    last = int(np.argmax(scores))
    return (p[last] + p[last + 1]) / 2 if last + 1 < len(p) else -np.inf


def squared_error(y, p):
    """The mean squared error."""
    return np.mean((p - y) ** 2)


def r_squared(y, p):
    """The share of the variance that is explained; NaN where the labels are all alike."""
    variance = np.mean((y - np.mean(y)) ** 2)
    return 1 - np.mean((p - y) ** 2) / variance if variance > 0 else np.nan


def of_classes(function, axis):
    """A score of class indices and probabilities `(n, C)`, of the samples (or steps, or pixels) that have a label."""

    def score(y_true, y_pred):
        one_hot = y_true.ndim == y_pred.ndim and y_true.shape[axis] == y_pred.shape[axis]
        labels = (np.sum(y_true, axis) if one_hot else y_true).reshape(
            -1
        )  # of a row its sum, which is NaN if it is missing
        classes = np.argmax(y_true, axis).reshape(-1) if one_hot else labels
        if len(labels) != y_pred.size // y_pred.shape[axis]:
            raise ValueError("labels must be class indices, one for each row of predictions, or one-hot rows")
        y_pred = np.moveaxis(y_pred, axis, -1).reshape(-1, y_pred.shape[axis])
        known = labels >= 0  # False for NaN
        return function(classes[known].astype("int64"), y_pred[known])

    return score


def accuracy(classes, p):
    """The share of samples whose likeliest class is the label."""
    return np.mean(np.argmax(p, -1) == classes) if len(classes) else np.nan


def calibration_error(classes, p):
    """How far confidence and accuracy are apart, on average over ten bins of confidence."""
    confidence, right = np.max(p, -1), np.argmax(p, -1) == classes
    bins = np.minimum((confidence * BINS).astype("int64"), BINS - 1)
    gaps = np.bincount(bins, confidence - right, minlength=BINS)
    return np.sum(np.abs(gaps)) / len(classes) if len(classes) else np.nan


def of_regions(metric, options):
    """A metric of regions over the whole part."""
    return of_metric(metric(**options))


# A user's own


def user_scores(scores, lower_is_better):
    """A list, or a dict of names, of Keras metrics and functions."""
    if not isinstance(scores, (dict, list, tuple)) or not scores:
        raise ValueError(f"compare: `scores` must be a list or a dict of at least one score. Received: {scores!r}")
    named = list(scores.items()) if isinstance(scores, dict) else [(_name(score), score) for score in scores]
    names = [name for name, _ in named]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"compare: each score needs a name of its own; give a dict. Received: {twice[0]!r} twice")
    if lower_is_better is None:
        lower = {name for name, score in named if _is_error(score)}
    else:
        lower = {lower_is_better} if isinstance(lower_is_better, str) else set(lower_is_better)
    if not lower <= set(names):
        raise ValueError(
            f"compare: `lower_is_better` must hold names of scores: {', '.join(names)}. "
            f"Received: {', '.join(sorted(lower - set(names)))}"
        )
    return [Score(name, _function(name, score), name not in lower) for name, score in named]


def _name(score):
    return score.name if isinstance(score, keras.metrics.Metric) else getattr(score, "__name__", repr(score))


def _is_error(score):
    """Whether its name says that lower is better, as scikit-learn and Keras name what they minimize."""
    name = type(score).__name__ if isinstance(score, keras.metrics.Metric) else getattr(score, "__name__", "")
    return snake_case(name).rsplit("_", 1)[-1] in ("error", "loss", "deviance", "crossentropy")


def _function(name, score):
    if isinstance(score, keras.metrics.Metric):
        return without_missing(of_metric(score))
    if inspect.isclass(score) or not callable(score):
        allowed = "a metric of Keras (an instance, not a class) or a function (y_true, y_pred)"
        raise ValueError(f"compare: each of `scores` must be {allowed}. Received: {name!r}: {score!r}")
    return without_missing(score)


def of_metric(metric):
    """A metric of Keras as a function."""

    def score(y_true, y_pred):
        metric.reset_state()
        for start in range(0, len(y_pred), 256):
            part = slice(start, start + 256)
            metric.update_state(y_true[part], y_pred[part].astype("float32"))
        return ops.convert_to_numpy(metric.result())

    return score


def without_missing(function):
    """The function of what has a label; where labels of a sample may be missing one by one, its mean over them."""

    def score(y_true, y_pred):
        missing = np.isnan(y_true)
        if not missing.any():
            return function(y_true, y_pred)
        if y_true.ndim > 1 and y_true.shape == y_pred.shape:
            return by_label(function)(y_true, y_pred)
        known = ~missing.reshape(len(y_true), -1).any(-1)
        return function(y_true[known], y_pred[known])

    return score


# For one trial


class Judged(NamedTuple):
    """Labels and predictions of a part; `(n, 1)` comes as `(n,)`, what a loss ignores as NaN."""

    y_true: np.ndarray
    y_pred: np.ndarray


def judged(y_true, y_pred, ignored):
    """A part as scores take it."""
    for label in ignored:
        y_true = np.where(y_true == label, np.nan, y_true)
    if y_true.ndim == 2 and y_true.shape[-1] == 1:
        y_true = y_true[:, 0]
    if y_pred.ndim == 2 and y_pred.shape[-1] == 1:
        y_pred = y_pred[:, 0]
    return Judged(y_true, y_pred)


def evaluate(scores, of, test, validation):
    """Each score by name; NaN where a prediction is not finite."""
    if not np.all(np.isfinite(test.y_pred)) or (validation and not np.all(np.isfinite(validation.y_pred))):
        return {score.name: np.nan for score in scores}
    return {score.name: _value(score, of, test, validation) for score in scores}


def _value(score, of, test, validation):
    parts = (*test, *validation) if score.needs_validation else test
    try:
        value = float(score.function(*parts))
    except Exception as error:  # the score may be a user's
        raise ValueError(
            f"compare: the score {score.name!r} fails {of}: it gets labels {test.y_true.shape} and predictions "
            f"{test.y_pred.shape} (probabilities, or values), and has to return one number. "
            f"{type(error).__name__}: {in_short(error)}"
        ) from error
    return value if np.isfinite(value) else np.nan
