"""Checks of `diagnose` for what stands beside the loss: metrics that take predictions or labels for something else."""

import contextlib
import types

import keras
import numpy as np

from keras_lossbox.core import host
from keras_lossbox.core.adapt import option_of
from keras_lossbox.losses.composite import Masked
from keras_lossbox.metrics import MaskedMetric, MeanLoss

_BETWEEN_PROBABILITIES = (  # all thresholds between 0 and 1
    keras.metrics.SensitivityAtSpecificity,
    keras.metrics.SpecificityAtSensitivity,
    keras.metrics.PrecisionAtRecall,
    keras.metrics.RecallAtPrecision,
)
_ABOVE_THRESHOLD = (  # a prediction is a yes above 0.5, or what an option says
    keras.metrics.BinaryAccuracy,
    keras.metrics.BinaryIoU,
    keras.metrics.FBetaScore,
    keras.metrics.Precision,
    keras.metrics.Recall,
    keras.metrics.TruePositives,
    keras.metrics.TrueNegatives,
    keras.metrics.FalsePositives,
    keras.metrics.FalseNegatives,
)


def by_output(model, names):
    """For each output its metrics as `compile` was given them, in pairs: and whether sample weights reach them."""
    found = {name: [] for name in names}
    for weighted, given in enumerate(host.metrics_of(model)):
        if len(names) == 1:
            given = {names[0]: given}
        elif not isinstance(given, dict):
            given = dict(zip(names, given or (), strict=False))
        for name, metrics in given.items():
            of_output = [(metric, bool(weighted)) for metric in keras.tree.flatten(metrics) if metric is not None]
            found.setdefault(name, []).extend(of_output)
    return found


def metrics_of_probabilities(case):
    """Metrics that take logits for probabilities."""
    activation = {"binary": "sigmoid", "classes": "softmax"}.get(case.kind)
    p = case.valid[1]
    if not case.from_logits or activation is None or case.activation in ("sigmoid", "softmax"):
        return
    if not np.any((p < 0) | (p > 1)):  # they may be probabilities
        return
    for metric in [_resolved(metric, case) for metric, _ in case.metrics]:
        takes_probabilities, instead = _for_logits(metric)
        if takes_probabilities:
            message = f"{_name(metric)} takes probabilities, but y_pred is logits, so that its value means nothing"
            hint = f"give the last layer the activation {activation}, and the loss from_logits=False"
            hint = f"use {instead}, or {hint}" if instead else hint
            yield case.finding("warning", "metric_of_probabilities", "metrics", message, hint)


def metrics_count_missing(case):
    """Metrics that count labels which the loss leaves out."""
    missing, weighted_away = case.missing
    for metric, weighted in case.metrics:
        metric = _resolved(metric, case)
        count = np.sum(missing & ~weighted_away if weighted else missing)
        if count and _counts_every_label(metric):
            message = f"{_name(metric)} counts {count} missing labels, which {type(case.loss).__name__} leaves out"
            hint = "use keras_lossbox.MaskedMetric(metric), or weighted_metrics and weights of 0 there"
            yield case.finding("warning", "metric_counts_missing", "metrics", message, hint)


def _resolved(metric, case):
    """What Keras makes of a name or function. (A name of its own: Keras numbers those that it makes up itself.)"""
    if isinstance(metric, types.FunctionType) and getattr(keras.metrics, metric.__name__, None) is metric:
        metric = metric.__name__
    if str(metric).lower() in ("accuracy", "acc"):
        metric = "BinaryAccuracy" if case.y_pred.shape[-1] == 1 else "CategoricalAccuracy"
    if isinstance(metric, str):
        with contextlib.suppress(Exception):  # compile says what is wrong with it
            return keras.metrics.get({"class_name": metric, "config": {"name": "diagnose"}})
    return metric


def _inner(metric):
    """The loss that a metric is the mean of, or the metric that is masked, or the metric itself."""
    while isinstance(metric, (MeanLoss, Masked, MaskedMetric)):
        metric = metric.metric if isinstance(metric, MaskedMetric) else metric.loss
    return metric


def _name(metric):
    return type(_inner(metric)).__name__


def _for_logits(metric):
    """Whether a metric takes probabilities, and what to write for logits in its place, if there is anything."""
    inner, name = _inner(metric), _name(metric)
    if isinstance(inner, keras.metrics.AUC):
        return not inner.get_config()["from_logits"], f"{name}(from_logits=True)"
    if option_of(inner, "from_logits") is False:
        return True, f"{name}(from_logits=True)"
    if isinstance(inner, (keras.metrics.KLDivergence, *_BETWEEN_PROBABILITIES)):
        return True, None
    if not isinstance(inner, _ABOVE_THRESHOLD):
        return False, None
    option = "thresholds" if hasattr(inner, "thresholds") else "threshold"
    thresholds = [each for each in np.ravel(getattr(inner, option)) if each is not None]
    at_0 = len(thresholds) == 1 and not isinstance(inner, keras.metrics.FBetaScore)  # which refuses it
    return len(thresholds) > 1 or 0.5 in thresholds, f"{name}({option}=0.0)" if at_0 else None


def _counts_every_label(metric):
    """Whether it is known to: one of Keras's without `ignore_class`, or the mean of a loss that leaves out none."""
    if isinstance(metric, MeanLoss):
        return not isinstance(metric.loss, Masked) and getattr(metric.loss, "ignore_class", None) is None
    of_keras = isinstance(metric, keras.metrics.Metric) and type(metric).update_state.__module__.startswith("keras.")
    return (
        of_keras
        and type(metric) is not keras.metrics.MeanMetricWrapper
        and getattr(metric, "ignore_class", None) is None
    )
