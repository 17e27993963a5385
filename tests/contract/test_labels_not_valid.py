"""Labels that a loss does not allow: an error in eager mode and graphs on the CPU, NaN elsewhere, and never a number.

Which labels a loss allows it says itself (`targets.domain`), so that a new loss is here without a change.
"""

import keras
import numpy as np
import pytest
from backends import MODES, check_refused, value_and_gradient, with_mask
from cases import LAST_OF_CLASS, every_case, is_last_of_family, is_last_of_kind, is_typical

import keras_lossbox
from keras_lossbox.core.domain import ROUNDING, Groups
from keras_lossbox.functions.labels import NAN_LABEL, NOT_WHOLE, to_indices

numpy = keras.ops.convert_to_numpy


def bad_labels(case, y_true, y_pred):
    """Labels of which one, the last sample's first, is just outside, or far outside, of what the loss allows."""
    if case.of_region and y_true.ndim == y_pred.ndim:
        y_true = y_true.astype("float32")
    domain = (
        case.inner.build()
        .targets(keras.ops.convert_to_tensor(y_pred))
        .domain(keras.ops.convert_to_tensor(y_true), y_pred.shape)
    )
    if domain is None:
        pytest.skip("every number is a label")
    if isinstance(domain, Groups):
        for value in (np.nan, 0.5):
            bad = y_true.astype("float32")
            bad[-1] = value
            yield bad
        return
    whole = y_true.dtype.kind != "f"
    step = 1 if whole else 2 * ROUNDING
    high = float(domain.high)
    values = [float(domain.low) if domain.above else domain.low - step, high + step, -100, 255]
    for value in values:
        if (domain.low == -np.inf and value < high) or (high == np.inf and value > domain.low):
            continue
        if value == case.options.get("ignore_class"):
            continue
        bad = y_true.copy()
        bad[(-1,) + (0,) * (bad.ndim - 1)] = value
        yield bad


def quick(case, mode):
    return is_last_of_kind(case) if mode == "eager" else is_typical(case) and mode == MODES[1]


def of_all(case, mode):
    """Not traced for each class."""
    return mode == "eager" or is_last_of_family(case)


@every_case(quick, LAST_OF_CLASS.values(), mode=MODES, tried=of_all)
def test_an_error_or_nan(case, mode, rng):
    y_true, y_pred = case.data(rng, (4, 2))
    loss, named = case.build(), f"(?s)({case.inner.name}|{case.name}).*`y_true` must hold"
    for bad in bad_labels(case, y_true, y_pred):
        if mode == "eager":
            with pytest.raises(ValueError, match=named):
                loss(bad, y_pred)
            continue
        # A traced label: it comes out of y_pred, so that no mode can look at its value.
        check_refused(
            lambda x, y=bad: loss(keras.ops.convert_to_tensor(y) + keras.ops.cast(0 * keras.ops.max(x), y.dtype), x),
            y_pred,
            mode,
            named,
        )


@every_case(quick, LAST_OF_CLASS.values(), mode=MODES, tried=of_all)
def test_what_is_masked_or_of_weight_zero_may_be_anything(case, mode, rng):
    y_true, y_pred = case.data(rng, (4, 2))
    loss, weights = case.build(), np.array([1.0, 2.0, 1.0, 0.0], "float32")
    if loss.targets(y_pred).across:
        weights = np.broadcast_to(weights[:, None], (4, 2)).copy()
    mask = np.array([[True, True], [True, True], [True, True], [False, False]])
    for bad in bad_labels(case, y_true, y_pred) if mode == "eager" else [next(bad_labels(case, y_true, y_pred))]:
        for hide in ({"sample_weight": weights}, {"mask": mask}):
            fn = _loss_with(loss, **hide)
            found, expected = (value_and_gradient(lambda x, y=y: fn(y, x), y_pred, mode) for y in (bad, y_true))  # noqa: B023
            for one, other in zip(found, expected, strict=True):
                np.testing.assert_array_equal(one, other)


def _loss_with(loss, sample_weight=None, mask=None):
    def fn(y, x):
        return loss(y, x if mask is None else with_mask(x, mask), sample_weight)

    return fn


@every_case(is_last_of_family)
def test_rounding_is_no_error(case, rng):
    y_true, y_pred = case.data(rng, (4, 2))
    if y_true.dtype.kind != "f":
        pytest.skip("whole numbers")
    next(bad_labels(case, y_true, y_pred))
    off = np.float32(1e-6) * np.sign(y_true - 0.5)
    y_true = np.where(y_true == case.options.get("ignore_class"), y_true, y_true + off)
    assert np.all(np.isfinite(numpy(case.build()(y_true, y_pred))))


@pytest.mark.parametrize(
    "labels, received",
    [
        ([0, -1], r"-1 \(to leave out what has that label: ignore_class=-1, if the loss has this option\)"),
        ([0, 255], r"255 \(to leave out what has that label: ignore_class=255, if the loss has this option\)"),
        ([-1, 255], "-1, 255"),
        ([7, 0, 7, 3], "3, 7"),
        ([7], "7"),
        ([3, 4, 5, 6, 7], "3, 4, 5, 6, 7"),
        ([8, 7, 6, 5, 4, 3], "3, 4, 5, 6, 7 and others"),
        ([np.nan, 1.0], "NaN"),
        ([1.5, 1.0], "a label that is no whole number"),
    ],
)
def test_an_error_says_which_labels_and_what_to_do(labels, received):
    """At the end of the message: the labels that are none, at most five, and a hint for those that mean "unknown"."""
    loss = keras_lossbox.SparseCategoricalCrossentropy(from_logits=True)
    with pytest.raises(ValueError, match=f"Received: {received}$"):
        loss(np.array(labels), np.zeros((len(labels), 3), "float32"))


def test_floats_that_no_integer_can_be_made_of_are_no_labels():
    """The largest float32 below 2^31 - 128 is a label, and that itself is none: it would be taken for "no number"."""
    largest = 2.0**31 - 256
    found = to_indices(
        keras.ops.convert_to_tensor(np.array([largest, -largest, 2.0**31 - 128, np.inf, np.nan], "float32"))
    )
    assert numpy(found).tolist() == [largest, -largest, NOT_WHOLE, NOT_WHOLE, NAN_LABEL]
