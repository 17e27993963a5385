"""`suggest`: losses that the labels give a reason to try."""

from typing import Any, Literal, NamedTuple

import numpy as np

from keras_lossbox.core.loss import Loss
from keras_lossbox.core.options import to_python
from keras_lossbox.losses.binary import BinaryCrossentropy
from keras_lossbox.losses.categorical import CategoricalCrossentropy, SparseCategoricalCrossentropy
from keras_lossbox.losses.composite import Masked
from keras_lossbox.losses.counts import Poisson, Tweedie
from keras_lossbox.losses.focal import (
    BinaryFocalCrossentropy,
    CategoricalFocalCrossentropy,
    SparseCategoricalFocalCrossentropy,
)
from keras_lossbox.losses.ordinal import EarthMovers
from keras_lossbox.losses.regression import MeanAbsoluteError, MeanSquaredError
from keras_lossbox.losses.robust import Huber, LogCosh
from keras_lossbox.tools.weights import class_weight_from_labels, pos_weight_from_labels

RARE = 0.2  # a share of positives, or of what a class would have if all were alike, below which it is rare
MOST_CLASSES = 10  # whole numbers from 0 (or 1) up to so many different ones are taken for classes, more for counts
MANY_ZEROS = 0.1  # the share of zeros from which amounts have many
OVERDISPERSED = 2  # so many times the mean is more than the variance of a Poisson
FAR = 5  # so many standard deviations of ordinary labels from their median are an outlier

Kind = Literal["binary", "classes", "counts", "amounts", "numbers"]


class Suggestion(NamedTuple):
    """A loss to try, and why."""

    loss: Loss
    reason: str


def suggest(y: Any, *, kind: Kind | None = None) -> list[Suggestion]:
    """Losses that the labels give a reason to try, the plain one first, all for the same outputs of a model.

    It looks at the labels alone: at what kind they are, whether some are missing (NaN), rare, far from the others, or
    exactly 0. Whether a loss helps is for `compare` to say.

    The losses expect outputs without activation: one for each label or number, one for each class; those of `Poisson`
    and `Tweedie` are the logarithm of the mean, which `compare` takes into account.

    Args:
        y: labels as numbers: `(n,)`, `(n, 1)` or `(n, ..., labels)`, one-hot rows, or class indices. NaN for missing.
        kind: what they are; None finds out: `"binary"` (all are 0 or 1), `"classes"` (one-hot rows, or whole numbers
            from 0 or 1 on without a gap, at most ten of them), `"counts"` (other whole numbers >= 0), `"amounts"`
            (numbers >= 0 of which a tenth or more is 0), `"numbers"`. Say so where they are others.

    Returns:
        A list of `Suggestion`, pairs of a loss and its reason.

    Raises:
        ValueError: for what is no array of finite numbers, labels of which none is there, or that are not of `kind`.

    Example:

    >>> import keras_lossbox
    >>> for loss, reason in keras_lossbox.suggest([0, 0, 0, 0, 0, 0, 0, 0, 0, 1]):
    ...     print(loss)
    BinaryCrossentropy(from_logits=True)
    BinaryCrossentropy(from_logits=True, pos_weight=9.0)
    BinaryFocalCrossentropy(from_logits=True)

    Reference: the table of `docs/which_loss.md`, with what was measured
    """
    y = _numbers(y)
    if kind not in (None, "binary", "classes", "counts", "amounts", "numbers"):
        raise ValueError(f"suggest: `kind` must be one of {', '.join(_BY_KIND)}, or None. Received: kind={kind!r}")
    kind = kind or kind_of(y)
    _check(kind, y)
    found = _BY_KIND[kind](y)
    missing = np.mean(np.isnan(y))
    return [_masked(suggestion, missing) for suggestion in found] if missing else found


def kind_of(y):
    """What the labels seem to be."""
    known = y[~np.isnan(y)]
    if is_one_hot(y):
        return "classes"
    if np.all(np.isin(known, (0, 1))):
        return "binary"
    whole = np.all(known == np.floor(known)) and known.min() >= 0
    single = y.ndim == 1 or y.shape[1:] == (1,) or y.ndim > 2  # a map of classes
    if whole and single and len(without_gap(known)) <= MOST_CLASSES and without_gap(known)[0] <= 1:
        return "classes"
    if whole:
        return "counts"
    return "amounts" if known.min() >= 0 and np.mean(known == 0) >= MANY_ZEROS else "numbers"


def without_gap(known):
    """The different labels if they follow each other; else more than there may be classes."""
    found = np.unique(known)
    return found if found[-1] - found[0] + 1 == len(found) else np.arange(MOST_CLASSES + 1) + found[0]


def is_one_hot(y):
    """Whether all rows that are there are of 0 and one 1."""
    if y.ndim < 2 or y.shape[-1] < 2:
        return False
    rows = y.reshape(-1, y.shape[-1])
    rows = rows[~np.isnan(rows).any(-1)]
    return bool(len(rows) and np.all(np.isin(rows, (0, 1))) and np.all(rows.sum(-1) == 1))


def _numbers(y):
    try:
        found = np.asarray(to_python(y), "float64")
    except (TypeError, ValueError) as error:
        raise ValueError(f"suggest: `y` must be an array of numbers. Received: {str(y)[:100]} ({error})") from error
    if found.ndim == 0 or np.isinf(found).any() or not np.any(~np.isnan(found)):
        raise ValueError(f"suggest: `y` must hold finite numbers, or NaN for some. Received: {str(y)[:100]}")
    return found


def _check(kind, y):
    known = y[~np.isnan(y)]
    whole = np.all(known == np.floor(known)) and known.min() >= 0
    right = {
        "binary": np.all((known >= 0) & (known <= 1)),
        "classes": whole,
        "counts": known.min() >= 0,
        "amounts": known.min() >= 0,
    }
    if not right.get(kind, True):
        allowed = {"binary": "numbers from 0 to 1", "classes": "whole numbers >= 0"}.get(kind, "numbers >= 0")
        raise ValueError(
            f"suggest: labels of kind {kind!r} must be {allowed}. Received: from {known.min():g} to {known.max():g}"
        )


def _masked(suggestion, missing):
    reason = f"{suggestion.reason}; {percent(missing)} of the labels are missing and are left out"
    return Suggestion(Masked(suggestion.loss), reason)


def percent(share):
    """`5 %`; two digits below one."""
    return f"{100 * share:.2g} %" if share < 0.01 else f"{100 * share:.0f} %"


def _of_binary(y):
    columns = y.reshape(-1, y.shape[-1] if y.ndim > 1 else 1)
    shares = np.nanmean(columns[:, ~np.isnan(columns).all(0)], 0)
    found = [Suggestion(BinaryCrossentropy(from_logits=True), "yes/no labels: the one to beat")]
    rare = np.minimum(shares, 1 - shares)
    if rare.min() >= RARE or shares.min() == 0 or shares.max() == 1:
        return found
    of = "one of the labels is" if len(shares) > 1 else "the labels are"
    reason = f"{percent(shares[np.argmin(rare)])} of {of} 1: "
    weight = pos_weight_from_labels(y)
    weight = [round(value, 3) for value in weight] if isinstance(weight, list) else round(weight, 3)
    return [
        *found,
        Suggestion(
            BinaryCrossentropy(from_logits=True, pos_weight=weight),
            f"{reason}for a threshold that stays at 1/2; it costs calibration, and moving the threshold may do as well",
        ),
        Suggestion(BinaryFocalCrossentropy(from_logits=True), f"{reason}for their rank; easy samples weigh less"),
    ]


def _of_classes(y):
    one_hot = is_one_hot(y)
    known = y[~np.isnan(y)]
    first = 0 if one_hot else int(known.min() > 0)
    size = y.shape[-1] if one_hot else int(known.max()) + 1 - first
    counts = (
        np.nansum(y.reshape(-1, size), 0) if one_hot else np.bincount(known.astype("int64") - first, minlength=size)
    )
    shift = ", once they are made to start at 0 (y - 1)" if first else ""
    plain: Any = CategoricalCrossentropy if one_hot else SparseCategoricalCrossentropy
    focal: Any = CategoricalFocalCrossentropy if one_hot else SparseCategoricalFocalCrossentropy
    found = [Suggestion(plain(from_logits=True), f"{size} classes{shift}: the one to beat")]
    share = counts.min() / counts.sum()
    if 0 < share < RARE * 2 / size:
        weights = class_weight_from_labels(y if one_hot else y - first)
        reason = f"the rarest of {size} classes has {percent(share)} of the samples{shift}: "
        weighted = plain(from_logits=True, class_weight=[round(weight, 3) for weight in weights])
        found += [
            Suggestion(weighted, f"{reason}all classes get the same total weight"),
            Suggestion(focal(from_logits=True, alpha=1.0), f"{reason}easy samples weigh less"),
        ]
    if size > 2 and not one_hot:
        reason = f"if the classes are in order{shift}: an error costs by its distance"
        found.append(Suggestion(EarthMovers(from_logits=True), reason))
    return found


def _of_counts(y):
    known = y[~np.isnan(y)]
    reason = f"whole numbers from {known.min():g} to {known.max():g}: counts, whose variance grows with their mean"
    found = [_PLAIN, Suggestion(Poisson(log_input=True), reason)]
    if known.var() > OVERDISPERSED * known.mean():
        reason = f"their variance is {known.var() / known.mean():.2g} times their mean, more than a Poisson's"
        found.append(Suggestion(Tweedie(power=1.5, log_input=True), reason))
    return found


def _of_amounts(y):
    reason = f"{percent(np.mean(y[~np.isnan(y)] == 0))} of the labels are exactly 0 and none is below"
    return [_PLAIN, Suggestion(Tweedie(power=1.5, log_input=True), reason)]


def _of_numbers(y):
    found = [
        _PLAIN,
        Suggestion(MeanAbsoluteError(), "if you want the median"),
    ]
    columns = y.reshape(-1, y.shape[-1] if y.ndim > 1 else 1).T
    spread, far = max((outliers(column) for column in columns), key=lambda found: found[1])
    if far and len(columns) == 1:
        reason = (
            f"{percent(far)} of the labels are more than {FAR} of the others' standard deviations from the median; if "
            f"they are wrong: beyond an error of {spread:.2g}, one of the others' deviations, its slope is constant"
        )
        found.append(Suggestion(Huber(delta=float(f"{spread:.2g}")), reason))
    elif far:
        reason = f"{percent(far)} of the labels of an output are far from the others: of large errors it takes the size"
        found.append(Suggestion(LogCosh(), reason))
    elif 0.3 < spread < 3:
        found.append(Suggestion(LogCosh(), "no outliers: between the two, smooth"))
    return found


def outliers(y):
    """The standard deviation of ordinary labels, by their quartiles, and the share of those that are far from them."""
    known = y[~np.isnan(y)]
    if not len(known):
        return 0.0, 0.0
    low, middle, high = np.percentile(known, (25, 50, 75))
    spread = (high - low) / 1.349
    return spread, float(np.mean(np.abs(known - middle) > FAR * spread)) if spread > 0 else 0.0


_PLAIN = Suggestion(MeanSquaredError(), "numbers: the one to beat, if you want the mean")
_BY_KIND = {
    "binary": _of_binary,
    "classes": _of_classes,
    "counts": _of_counts,
    "amounts": _of_amounts,
    "numbers": _of_numbers,
}
