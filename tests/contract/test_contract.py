"""What every registered loss promises, with every option. A new loss is tested here without a change in this file."""

import copy
import inspect
import json
import pickle

import keras
import numpy as np
import pytest
from backends import BACKEND, MODES, value_and_gradient, with_mask
from cases import (
    CASES,
    CLASSES,
    LAST_OF_FAMILY,
    LEAST,
    OF_DIRECTIONS,
    ROOT_OF_REDUCED,
    SELECTIVE,
    always,
    declared_options,
    every_case,
    has_other_gradient,
    is_last_of_class,
    is_last_of_family,
    is_typical,
    label_kinds,
    other_values,
)

import keras_lossbox
from keras_lossbox.core.options import Choice, Flag, Integer, Number, NumberOrInfinity, to_config
from keras_lossbox.core.reduction import REDUCTIONS

every_class = pytest.mark.parametrize("case", list({case.cls: case for case in CASES}.values()), ids=lambda c: c.name)
numpy = keras.ops.convert_to_numpy


def names(case):
    """What an error may call the loss: a loss made of losses lets the part speak."""
    return f"({case.name}|{case.inner.name})"


def assert_same(actual, expected, rtol=1e-6):
    """Equal to `rtol` of the larger of a number and the largest number of its array."""
    expected = np.asarray(expected)
    scale = np.max(np.abs(expected[np.isfinite(expected)]), initial=0.0)
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=rtol * max(scale, 1e-3))


def evaluate(loss, y_true, y_pred, *args, **kwargs):
    return value_and_gradient(lambda x: loss(y_true, x, *args), y_pred, **kwargs)


# Configuration


@every_case(cases=CASES)
def test_comes_back_from_its_config(case, rng):
    loss = case.build(name="my loss", dtype="float16")
    config = json.loads(json.dumps(keras.losses.serialize(loss)))
    assert config["registered_name"] == f"keras_lossbox>{case.name}"
    data = case.data(rng)
    value = numpy(loss(*data)) if is_last_of_class(case) else None
    for copied in (
        type(loss).from_config(json.loads(json.dumps(loss.get_config()))),
        keras.losses.deserialize(config),
        copy.deepcopy(loss),
        copy.copy(loss),
        pickle.loads(pickle.dumps(loss)),
    ):
        assert type(copied) is type(loss)
        assert copied.get_config() == loss.get_config()
        assert copied.dtype == "float16"
        assert repr(copied) == repr(loss)
        if value is not None:
            assert numpy(copied(*data)) == value


@every_case(always, CASES)
def test_signature_attributes_and_config_are_one(case):
    loss = case.build()
    parameters = set(inspect.signature(type(loss)).parameters)
    config = loss.get_config()
    assert set(config) == parameters
    for name, value in config.items():
        assert to_config(getattr(loss, name)) == value
    assert set(declared_options(case.cls)) <= parameters
    if "<" not in repr(loss):  # a part of Keras's own has no such repr
        assert eval(repr(loss), vars(keras_lossbox)).get_config() == config


@every_case()
def test_config_is_a_copy(case):
    loss = case.build()
    for value in loss.get_config().values():
        if isinstance(value, list):
            value.append("changed")
    assert "changed" not in repr(loss)


@every_class
def test_is_read_only(case):
    loss = case.build()
    for name in [*loss.get_config(), "a_new_attribute"]:
        with pytest.raises(AttributeError, match=rf"{case.name}\.{name} cannot be changed"):
            setattr(loss, name, 1)


@every_class
def test_default_name_is_no_identifier_of_keras(case):
    name = case.build().name
    assert name.startswith("lossbox_")
    with pytest.raises(ValueError, match="Could not interpret"):
        keras.losses.get(name)


def bad_values(option):
    bad = [object(), {"class_name": "X", "config": {}}, "text", [[1.0]], keras.losses.MeanSquaredError]
    if not option.optional:
        bad.append(None)
    if isinstance(option, Number):
        bad += [float("nan"), True, "1"] + ([] if isinstance(option, NumberOrInfinity) else [float("inf")])
        bad += [option.low - 0.5] if np.isfinite(option.low) else []
        bad += [option.high + 0.5] if np.isfinite(option.high) else []
        bad += [option.low] if option.above else []
        bad += [[], [0.5, "x"], [option.low - 1.0]] if option.per else [[0.5]]
    if isinstance(option, Integer):
        bad += [1.0, True, [1]] + ([] if option.low is None else [option.low - 1])
    if isinstance(option, Flag):
        bad += [1, 0.0, [True]]
    if isinstance(option, Choice):
        bad = [value for value in [*bad, "Sum", 1] if value is not None]
    return bad


@every_class
def test_refuses_bad_options_and_says_which(case):
    for name, option in declared_options(case.cls).items():
        for bad in bad_values(option):
            with pytest.raises(ValueError) as error:
                case.build(**{name: bad})
            for part in (case.name, f"`{name}`", option.allowed, f"{name}="):
                assert part in str(error.value)


@every_class
def test_refuses_a_bad_name_or_dtype(case):
    for options in ({"dtype": "int32"}, {"dtype": "float"}, {"dtype": 3.5}, {"name": 3}):
        with pytest.raises(ValueError, match=f"{case.name}: `{next(iter(options))}` must be"):
            case.build(**options)


@every_case(always, CASES)
def test_keeps_options_as_plain_python(case):
    for name, option in declared_options(case.cls).items():
        value = case.options.get(name)
        if value not in other_values(name, option) or isinstance(value, (bool, str, type(None))):
            continue
        for given in (np.asarray(value), keras.ops.convert_to_tensor(value)):
            kept = getattr(case.build(**{name: given}), name)
            assert type(kept) in (float, int, tuple)
            assert_same(kept, value)


# Shapes


@every_case(shape=[(1,), (5,), (4, 2), (3, 2, 2)])
def test_gives_one_value_per_sample(case, shape, rng):
    if isinstance(case.options.get("axis"), tuple) and len(shape) > 2:
        pytest.skip("this `axis` names axes of fewer dimensions")
    y_true, y_pred = case.data(rng, shape if len(shape) > 1 or case.options.get("ignore_class") is None else (5,))
    values = numpy(case.build(reduction="none")(y_true, y_pred))
    assert values.shape == case.values_shape(y_pred)


@every_case()
def test_python_lists_are_arrays(case, rng):
    y_true, y_pred = case.data(rng)
    assert numpy(case.build()(y_true.tolist(), y_pred.tolist())) == numpy(case.build()(y_true, y_pred))


@every_case()
def test_aligns_one_output_per_sample(case, rng):
    several = ("one_hot", "indices", "ordered", "repeated", "places", "boxes", "events", "groups", "tuples", "matches")
    if case.kind in (*several, "lists", "images", "views") or any(
        isinstance(v, list) or (name, v) == ("scope", "sample") for name, v in case.inner.options.items()
    ):
        pytest.skip("takes at least two classes, labels, embeddings or items, or a label for each number of an option")
    y_true, y_pred = case.data(rng, outputs=1)
    loss = case.build(reduction="none")
    expected = numpy(loss(y_true, y_pred)).reshape(-1)
    weights = np.arange(6.0)
    for labels in (y_true, y_true[:, 0]):
        for predictions in (y_pred, y_pred[:, 0]) if y_pred.shape[1] == 1 else (y_pred,):
            np.testing.assert_array_equal(numpy(loss(labels, predictions)).reshape(-1), expected)
            total = numpy(case.build(reduction="sum")(labels, predictions, weights))
            if not case.is_batch_statistic and case.name not in ROOT_OF_REDUCED:
                assert_same(total, np.sum(expected * weights))


@every_case()
def test_refuses_shapes_that_do_not_fit(case, rng):
    y_true, y_pred = case.data(rng)
    wrong = [y_true[:5], y_true[:1], y_true[None], np.stack([y_true] * 2, -1)]
    if case.kind in ("real", "amounts", "parameters", "binary", "distances", "boxes"):
        wrong += [y_true[:, :1], y_true[:, :2], y_true[:, 0]]
    if case.kind == "one_hot" and "indices" not in label_kinds(case.build()):
        wrong += [y_true[:, :1], y_true[:, 0]]
    for labels in wrong if case.reads_labels else wrong[:3]:
        with pytest.raises(ValueError, match=f"{names(case)}: .*must have the same shape") as error:
            case.build()(labels, y_pred)
        assert str(labels.shape) in str(error.value)
        assert str(y_pred.shape) in str(error.value)


@every_class
def test_refuses_what_is_no_array_of_numbers(case, rng):
    y_true, y_pred = case.data(rng)
    for bad in (["a", "b"], [[1.0], [1.0, 2.0]], None, object()):
        with pytest.raises(ValueError, match=f"{names(case)}: `y_true` must be an array"):
            case.build()(bad, y_pred)
        with pytest.raises(ValueError, match=f"{names(case)}: `y_pred` must be an array"):
            case.build()(y_true, bad)


# Weights, masks, reductions


def all_or(one):
    """What is tried: a case of each family with every reduction, and every case with this one."""
    return {
        "default": lambda case, reduction: is_typical(case) or (is_last_of_class(case) and reduction == one),
        "tried": lambda case, reduction: is_last_of_family(case) or reduction == one,
    }


def poisoned(case, y_true, y_pred, row):
    """The same data with NaN and infinity in one row."""
    y_true, y_pred = y_true.copy(), y_pred.copy()
    if y_true.dtype.kind == "f":
        y_true[row] = np.inf
    else:
        y_true[row] = 77  # no class
    y_pred[row] = np.nan
    return y_true, y_pred


@every_case(reduction=["sum", "mean_with_sample_weight", "sum_by_nonzero_weights"], **all_or("mean_with_sample_weight"))
def test_weight_zero_removes_the_row(case, reduction, rng):
    y_true, y_pred = case.data(rng)
    weights = np.array([1.0, 0.5, 0.0, 2.0, 1.0, 0.25], "float32")
    rest = weights != 0
    loss = case.build(reduction=reduction)
    value, gradient = evaluate(loss, y_true[rest], y_pred[rest], weights[rest])
    with_zero, its_gradient = evaluate(loss, *poisoned(case, y_true, y_pred, 2), weights)
    assert_same(with_zero, value)
    assert_same(its_gradient[rest], gradient)
    assert not np.any(its_gradient[2])


@every_case(reduction=REDUCTIONS, **all_or("sum_over_batch_size"))
def test_mask_removes_the_row(case, reduction, rng):
    y_true, y_pred = case.data(rng)
    keep = np.array([True, True, False, True, False, True])
    loss = case.build(reduction=reduction)
    expected = numpy(loss(y_true[keep], y_pred[keep]))
    y_true, y_pred = poisoned(case, *poisoned(case, y_true, y_pred, 2), 4)
    value = numpy(loss(y_true, with_mask(y_pred, keep)))
    if reduction in ("none", None):
        assert not np.any(value[~keep])
        value = value[keep]
    assert_same(value, expected)
    again = numpy(loss(y_true, with_mask(y_pred, np.ones(6, bool)), keep.astype("float32")))
    if reduction == "mean_with_sample_weight":
        assert_same(again, expected)


@every_case(reduction=[name for name in REDUCTIONS if name not in ("none", None)], **all_or("mean_with_sample_weight"))
def test_nothing_that_counts_gives_zero(case, reduction, rng):
    y_true, y_pred = case.data(rng)
    loss = case.build(reduction=reduction)
    value, gradient = evaluate(loss, y_true, np.full_like(y_pred, np.nan), np.zeros(6))
    assert value == 0
    assert not np.any(gradient)


@every_case(
    lambda case, weights: is_last_of_family(case) and (weights == "(n,)" or is_typical(case)),
    weights=[None, 2.0, "(n,)", "(n, 1)", "values"],
    tried=lambda case, weights: is_last_of_family(case) or weights == "(n,)",
)
def test_reductions(case, weights, rng):
    if case.is_batch_statistic and isinstance(weights, str):
        pytest.skip("leaving entries out changes the statistic; test_weight_zero_removes_the_row covers it")
    y_true, y_pred = case.data(rng, (4, 2))
    values = numpy(case.build(reduction="none")(y_true, y_pred)).astype("float64")
    root = case.name in ROOT_OF_REDUCED and case.options.get("scope", "batch") == "batch"
    values = values**2 if root else values
    sample = np.array([0.5, 0.0, 2.0, 1.0])
    weights = {
        None: None,
        2.0: 2.0,
        "(n,)": sample,
        "(n, 1)": sample[:, None],
        "values": np.resize([0.5, 0.0, 2.0, 1.0, 3.0], values.shape),
    }[weights]
    left = None if weights is None else np.reshape(weights, np.shape(weights) + (1,) * (values.ndim - np.ndim(weights)))
    if left is not None and left.ndim > values.ndim:
        left = left[..., 0]
    w = np.ones(values.shape) if left is None else np.broadcast_to(left, values.shape)
    ignored = case.options.get("ignore_class")
    counted = np.ones(values.shape, bool)
    if ignored is not None:
        counted = (y_true.argmax(-1) if case.kind == "one_hot" else y_true) != ignored
        if case.of_region:  # a sample counts if any of its pixels does
            counted = counted.reshape(len(y_true), -1).any(1)
    counted = (counted.T & case.defined(y_true).T).T
    w = w * counted
    total = np.sum(values * w)
    expected = {
        "sum_over_batch_size": total / np.sum(counted),
        "mean": total / np.sum(counted),
        "sum": total,
        "none": values * w,
        None: values * w,
        "mean_with_sample_weight": total / np.sum(w),
        "sum_by_nonzero_weights": total / np.count_nonzero(w),
    }
    for reduction in REDUCTIONS:
        value = numpy(case.build(reduction=reduction)(y_true, y_pred, weights))
        assert_same(value, np.sqrt(expected[reduction]) if root else expected[reduction], rtol=2e-6)


@every_case()
def test_refuses_weights_that_do_not_fit_from_the_left(case, rng):
    y_true, y_pred = case.data(rng, (4, 2))
    for shape in [(2,), (3,), (1, 3), (4, 2, 2), (4, 2, CLASSES, 1, 2)]:
        with pytest.raises(ValueError, match=f"{names(case)}: `sample_weight` must fit the loss values from the left"):
            case.build()(y_true, y_pred, np.ones(shape))


# Where it runs


@pytest.mark.one_in(3)
@every_case(is_typical, LAST_OF_FAMILY.values())  # test_matrix.py has all classes
def test_every_mode_and_an_unknown_batch_size_give_the_same(case, rng):
    y_true, y_pred = case.data(rng)
    weights = np.array([1.0, 0.5, 0.0, 2.0, 1.0, 0.25], "float32")
    loss = case.build()
    for data, args in (((y_true, y_pred), ()), (poisoned(case, y_true, y_pred, 2), (weights,))):
        value, gradient = evaluate(loss, *data, *args)
        assert np.isfinite(value)
        for mode in MODES[1:]:
            result = evaluate(loss, *data, *args, mode=mode, unknown_batch=mode == "graph")
            assert_same(result[0], value)
            assert_same(result[1], gradient)


@every_case(
    lambda case, dtype: is_last_of_class(case) and dtype == "float16",
    dtype=["float16", "bfloat16"],
    tried=lambda case, dtype: is_last_of_family(case) or dtype == "float16",
)
def test_half_precision_inputs_are_computed_in_float32(case, dtype, rng):
    y_true, y_pred = case.data(rng)
    half = keras.ops.cast(y_pred, dtype)
    same_numbers = keras.ops.cast(half, "float32")
    labels = y_true if y_true.dtype.kind == "i" else keras.ops.cast(y_true, dtype)
    loss = case.build()
    value = loss(labels, half)
    assert keras.backend.standardize_dtype(value.dtype) == "float32"
    expected = loss(keras.ops.cast(labels, "float32") if y_true.dtype.kind == "f" else labels, same_numbers)
    assert numpy(value) == numpy(expected)
    rounded = case.build(dtype=dtype)(labels, half)
    assert keras.backend.standardize_dtype(rounded.dtype) == dtype
    assert numpy(keras.ops.cast(rounded, "float32")) == numpy(keras.ops.cast(keras.ops.cast(value, dtype), "float32"))


# Numbers


def gradient_and_loss(case, rng):
    """The gradient at some y_pred, and the loss as a function of y_pred, in float64."""
    if BACKEND == "jax":
        pytest.skip("float64 is off in JAX by default")
    if has_other_gradient(case):
        pytest.skip("the gradient is another one on purpose, see tests/losses")
    y_true, y_pred = case.data(rng, dtype="float64")
    loss = case.build(dtype="float64")
    weights = np.array([1.0, 0.5, 3.0, 2.0, 1.0, 0.25])
    gradient = evaluate(loss, y_true, y_pred, weights)[1]
    return gradient, lambda moved: numpy(loss(y_true, y_pred + moved, weights)), y_pred.shape


@every_case(cases=CASES)
def test_gradient_is_the_derivative(case, rng):
    """Along one direction, in which every coordinate has a part."""
    gradient, loss, shape = gradient_and_loss(case, rng)
    step = 1e-6 * rng.normal(size=shape)
    assert_same(np.sum(gradient * step) / 1e-6, (loss(step) - loss(-step)) / 2e-6, rtol=1e-7)


@every_case(is_typical, LAST_OF_FAMILY.values())
def test_gradient_is_the_derivative_along_every_coordinate(case, rng):
    gradient, loss, shape = gradient_and_loss(case, rng)
    central = np.empty_like(gradient)
    for i in np.ndindex(shape):
        step = np.zeros(shape)
        step[i] = 1e-6
        central[i] = (loss(step) - loss(-step)) / 2e-6
    assert_same(gradient, central, rtol=1e-7)


@every_case()
def test_extreme_predictions_keep_value_and_gradient_finite(case, rng):
    y_true, y_pred = case.data(rng)
    value, gradient = evaluate(case.build(), y_true, case.extremes(y_pred))
    assert np.isfinite(value)
    assert np.all(np.isfinite(gradient))
    if case.kind == "real" and case.name not in OF_DIRECTIONS:  # the other extreme: no error at all
        value, gradient = evaluate(case.build(), y_pred, y_pred)
        assert_same(value, getattr(case.build(), LEAST.get(case.name, ""), 0))
        assert not np.any(gradient)


@every_case()
def test_a_class_of_logit_minus_infinity(case, rng):
    """A class, or a yes, that is masked: as good as one that is almost impossible. The oracle is a logit of -100."""
    if case.kind not in ("binary", "one_hot", "indices") or case.inner.options.get("from_logits") is not True:
        pytest.skip("no logits")
    if case.inner.options.get("true_from_logits"):
        pytest.skip("no label is 0")
    y_true, y_pred = case.data(rng)
    wrong = (y_true[0] if case.kind != "indices" else np.eye(y_pred.shape[-1])[y_true[0] % y_pred.shape[-1]]).argmin()
    if case.kind != "indices" and y_true[0, wrong] != 0:
        pytest.skip("every label is a yes")
    masked, nearly = y_pred.copy(), y_pred.copy()
    masked[0, wrong], nearly[0, wrong] = -np.inf, -100
    value, gradient = evaluate(case.build(), y_true, masked)
    expected, slope = evaluate(case.build(), y_true, nearly)
    assert np.all(np.isfinite(gradient))
    if getattr(case.inner.build(), "label_smoothing", 0) == 0 and abs(expected) < 20:
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(gradient, slope, rtol=1e-4, atol=1e-6)
    else:  # a label that is smoothed gives it a part, which costs as much as there are numbers
        assert value >= expected


@every_case()
def test_options_are_numbers_that_nothing_changes(case):
    """A variable would be frozen at its present number, and a list could be changed under a compiled model."""
    for name, option in declared_options(case.cls).items():
        value = getattr(case.build(), name)
        assert not isinstance(value, (list, dict, np.ndarray)), name
        if isinstance(option, Number):
            for variable in (keras.Variable(0.5), [keras.Variable(0.5)] * 3):
                with pytest.raises(ValueError, match=f"{case.name}: `{name}` must be .*variable"):
                    case.build(**{name: variable})


def counts(case, y_true, *place):
    return case.kind != "binary" or y_true[place] != case.options.get("ignore_class")


@every_case()
def test_nan_that_counts_gives_nan(case, rng):
    y_true, y_pred = case.data(rng)
    loss = case.build()
    slope = evaluate(loss, y_true, y_pred)[1] if case.name in SELECTIVE else np.ones_like(y_pred)
    for place in np.ndindex(y_pred.shape[1:]):
        if counts(case, y_true, 3, *place) and slope[(3, *place)]:
            bad = y_pred.copy()
            bad[(3, *place)] = np.nan
            assert np.isnan(numpy(loss(y_true, bad)))
    if y_true.dtype.kind == "f" and loss.get_config().get("ignore") != "nan":
        for place in np.ndindex(y_true.shape[1:]):
            if counts(case, y_true, 3, *place):
                bad = y_true.copy()
                bad[(3, *place)] = np.nan
                assert np.isnan(numpy(loss(bad, y_pred)))


@pytest.mark.one_in(3)
@every_case(is_typical, LAST_OF_FAMILY.values(), mode=MODES[1:])
def test_nan_that_counts_gives_nan_when_compiled(case, mode, rng):
    y_true, y_pred = case.data(rng)
    if not counts(case, y_true, 3, 1):
        pytest.skip("it does not count")
    y_pred[3, 1] = np.nan
    assert np.isnan(evaluate(case.build(), y_true, y_pred, mode=mode)[0])


@every_case()
def test_order_of_the_batch_does_not_matter(case, rng):
    y_true, y_pred = case.data(rng)
    order = rng.permutation(6)
    loss = case.build(reduction="none")
    assert_same(numpy(loss(y_true[order], y_pred[order])), numpy(loss(y_true, y_pred))[order])


@every_case()
def test_a_batch_of_one_is_a_row_of_the_batch(case, rng):
    if case.is_batch_statistic:
        pytest.skip("a sample's value depends on the batch")
    y_true, y_pred = case.data(rng)
    loss = case.build(reduction="none")
    assert_same(numpy(loss(y_true[:1], y_pred[:1])), numpy(loss(y_true, y_pred))[:1])


NEED_A_ROW = set() if BACKEND == "tensorflow" else {"CoxPH", "LovaszHinge", "LovaszSoftmax"}  # its take and cumsum


@every_case()
def test_an_empty_batch_is_zero(case, rng):
    if case.name in NEED_A_ROW:
        pytest.skip("looks for one of no rows")
    y_true, y_pred = case.data(rng)
    loss, modes = case.build(), ["eager"]
    if BACKEND == "tensorflow" and is_last_of_family(case):  # a last batch, of which a replica gets nothing
        modes = ["eager", "graph"]

    def of_nothing(x):
        labels = keras.ops.convert_to_tensor(y_true[:0])
        return loss(labels + keras.ops.cast(0 * keras.ops.sum(x), labels.dtype), x)  # traced labels

    for mode in modes:
        value, gradient = value_and_gradient(of_nothing, y_pred[:0], mode, unknown_batch=True)
        assert value == 0
        assert gradient.shape == y_pred[:0].shape
