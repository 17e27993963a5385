"""`diagnose` itself: it takes one batch, runs the checks, and reports."""

import dataclasses
import math
import warnings
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_lossbox.core import host
from keras_lossbox.tools.diagnose import checks, metrics
from keras_lossbox.tools.diagnose.case import Case, Finding, as_loss, current, in_short, predict

LEAST_SAMPLES, MOST_SAMPLES = 8, 256
MOST_OUTPUTS = 2**22  # of all samples together
UNKNOWN_SIZE = 64  # what an axis is taken for whose size only the run knows


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """What `diagnose` found: a sequence of findings, false where there are none; printed, it is the report."""

    findings: tuple[Finding, ...]
    samples: int

    def __len__(self) -> int:
        return len(self.findings)

    def __getitem__(self, index: int) -> Finding:
        return self.findings[index]

    def to_dict(self) -> dict[str, Any]:
        """Plain Python, for JSON."""
        return {"samples": self.samples, "findings": [dataclasses.asdict(finding) for finding in self.findings]}

    def __str__(self) -> str:
        lines = [f"diagnose: {len(self) or 'no'} finding{'s' * (len(self) != 1)} in {self.samples} samples"]
        for found in self.findings:
            lines.append(f"{found.severity:8}{found.subject}: {found.message} [{found.code}]")
            lines.append(f"        -> {found.suggestion}")
        return "\n".join(lines)


def diagnose(
    model_or_loss: Any,
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    batch_size: int | None = None,
    verbose: bool = True,
) -> Diagnosis:
    """Runs one batch and reports what is suspicious about data, predictions, weights, loss, gradient and metrics.

    Nothing is changed: no weight, optimizer, statistic, random state or `model.losses`. What training would refuse, or
    silently do otherwise than meant, is a finding, not an exception. A healthy set-up has none.

    Args:
        model_or_loss: a compiled and built model, or a loss as `compile` takes it (an instance, a name, a function).
        x: for a loss y_pred, the predictions. For a model its inputs, or a `tf.data.Dataset`, `PyDataset`, loader or
            generator, of which one batch is taken (a generator has then moved on).
        y: the labels; a list or dict for several outputs; None where x is a data set.
        sample_weight: as `fit` takes it.
        batch_size: at most this many samples are checked, evenly spaced. (NaN in x is looked for in all.) By default
            256, and fewer where the model has tens of thousands of outputs for each.
        verbose: whether the report is printed.

    Returns:
        A `Diagnosis`, a sequence of findings with `severity`, `code`, `subject`, `message` and `suggestion`.

    Raises:
        ValueError: for a model that is not compiled or built, absent labels, what is no array of numbers or no loss.

    Example:

    >>> import keras_lossbox
    >>> found = keras_lossbox.diagnose(keras_lossbox.BinaryCrossentropy(), [[2.0], [-1.0]], [[1], [0]])
    diagnose: 1 finding in 2 samples
    error   predictions: from -1 to 2, but BinaryCrossentropy has from_logits=False [logits_as_probabilities]
            -> set from_logits=True, or give the last layer the activation sigmoid
    >>> found[0].code
    'logits_as_probabilities'
    """
    model = model_or_loss if isinstance(model_or_loss, keras.Model) else None
    if batch_size is not None and (isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1):
        raise ValueError(f"diagnose: `batch_size` must be a whole number >= 1. Received: batch_size={batch_size!r}")
    if model is not None and (not model.built or getattr(model, "loss", None) is None):
        raise ValueError(
            "diagnose: the model must be built (give it an Input, or call it once) and compiled with a loss. "
            f"Received: {model.name}, built={model.built}, loss={getattr(model, 'loss', None)!r}"
        )
    x, y, sample_weight = _one_batch(x, y, sample_weight)
    with warnings.catch_warnings(), host.added_losses_kept(model):
        warnings.simplefilter("ignore")  # a finding says it better
        diagnosis = _search(model, model_or_loss if model is None else model.loss, x, y, sample_weight, batch_size)
    if verbose:
        print(diagnosis)
    return diagnosis


def _one_batch(x, y, sample_weight):
    is_data = not (isinstance(x, (list, tuple, dict, str)) or hasattr(x, "__array__") or ops.is_tensor(x))
    if is_data and (hasattr(x, "__iter__") or hasattr(x, "__getitem__")):
        if y is not None or sample_weight is not None:
            raise ValueError("diagnose: `y` and `sample_weight` must be None where `x` is a data set, which holds them")
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(next(iter(x), (None,)))
    if y is None:
        raise ValueError("diagnose: `y` must hold the labels. Received: y=None")
    return x, y, sample_weight


def _array(argument, value, kinds="biufV"):  # V: bfloat16
    try:
        array = ops.convert_to_numpy(value) if ops.is_tensor(value) else np.asarray(value)
        if array.size == 0 or array.ndim == 0 or array.dtype.kind not in kinds:
            raise ValueError(f"shape {array.shape}, {array.dtype}")
        return array
    except (TypeError, ValueError) as error:
        received = f"{type(value).__name__} {str(value)[:80]} ({error})"
        raise ValueError(f"diagnose: `{argument}` must be an array of numbers. Received: {received}") from error


def _is_several(value):
    """Whether it is several arrays, and not one that is written as a nested list."""
    return isinstance(value, dict) or (isinstance(value, (list, tuple)) and all(hasattr(v, "shape") for v in value))


def _by_output(argument, value, names):
    """A dict of arrays; with fewer than there are outputs if `value` has not one for each."""
    if isinstance(value, (list, tuple)) and len(value) == len(names) and (len(names) > 1 or _is_several(value)):
        value = dict(zip(names, value, strict=True))
    if not isinstance(value, dict):
        value = {names[0]: value} if len(names) == 1 else {}
    return {name: _array(argument, value[name]) for name in names if value.get(name) is not None}


def _usual_batch_size(model):
    """As many samples as have about four million outputs: the checks run the loss dozens of times."""
    outputs = keras.tree.flatten(getattr(model, "outputs", None) or [])
    sizes = [math.prod(UNKNOWN_SIZE if size is None else size for size in output.shape[1:]) for output in outputs]
    return min(MOST_SAMPLES, max(LEAST_SAMPLES, MOST_OUTPUTS // max([1, *sizes])))


def _search(model, losses, x, y, sample_weight, batch_size):
    if model is not None and _is_several(x):
        x = keras.tree.map_structure(lambda leaf: _array("x", leaf, "biufVSUO"), x)
    else:
        x = _array("x", x, "biufV" if model is None else "biufVSUO")
    samples = len(keras.tree.flatten(x)[0])
    found, usable = checks.in_inputs(model, x, samples)
    rows = np.flatnonzero(usable)
    count = min(len(rows), batch_size or _usual_batch_size(model))
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, count).astype("int64"))]
    try:
        x = keras.tree.map_structure(lambda leaf: leaf[rows], x)
        outputs = x if model is None else predict(model, current(model.trainable_variables), x)
    except Exception as error:  # whatever it is, the user wants to hear about it
        hint = "compare the shapes and dtypes of x to those of model.inputs"
        return Diagnosis(
            (*found, Finding("error", "model_fails", "x", f"the model fails: {in_short(error)}", hint)), samples
        )
    names = list(getattr(model, "output_names", None) or [])
    names = keras.tree.flatten({key: key for key in outputs}) if isinstance(outputs, dict) else names
    outputs = keras.tree.flatten(outputs)
    names = names if len(names) == len(outputs) else [f"output_{index}" for index in range(len(outputs))]
    found += checks.in_losses(model, losses, names)
    if isinstance(losses, (list, tuple)):
        losses = dict(zip(names, losses, strict=False))
    elif not isinstance(losses, dict):
        losses = dict.fromkeys(names, losses)
    labels, weights = _by_output("y", y, names), _by_output("sample_weight", sample_weight, names)
    of_outputs = metrics.by_output(model, names)
    for position, name in enumerate(names):
        of = f" of output {name!r}" if len(names) > 1 else ""
        if losses.get(name) is None:
            continue
        lengths = [len(data[name]) if name in data else samples for data in (labels, weights)]
        if name not in labels or lengths != [samples, samples]:
            message = f"{samples} samples in x, {lengths[0] if name in labels else 'none'} in y, {lengths[1]} weights"
            hint = f"pass one label for each sample and output; the outputs are {', '.join(names)}"
            found.append(Finding("error", "samples_differ", "labels" + of, message, hint))
            continue
        weight = weights[name][rows] if name in weights else None
        y, loss = labels[name], as_loss(losses[name])
        found += _in_case(Case(of, model, x, y, y[rows], weight, position, outputs[position], loss, of_outputs[name]))
    return Diagnosis(tuple(dict.fromkeys(found)), len(rows))


def _in_case(case):
    found = [finding for part in case.parts() for check in checks.CHECKS for finding in check(part)]
    if not any(finding.severity == "error" for finding in found):
        found += [finding for check in checks.RUN_CHECKS for finding in check(case)]
        found += [finding for part in case.parts() for check in checks.RUN_CHECKS_OF_PARTS for finding in check(part)]
    return found
