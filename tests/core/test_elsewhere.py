"""Names of other libraries, and misspelt ones: each error says what to write here, and that exists."""

import keras
import numpy as np
import pytest

import keras_lossbox as box
from keras_lossbox.core import elsewhere
from keras_lossbox.core.construction import parameters_of
from keras_lossbox.core.registry import _letters

SUGGESTIONS = [(name, here) for name, all_here in elsewhere.LOSSES.items() for here in all_here]


@pytest.mark.parametrize("name, here", SUGGESTIONS)
def test_row_leads_to_a_loss_that_can_be_made(name, here):
    assert isinstance(eval(here, vars(box)), box.Loss)


def test_rows_do_not_hide_each_other_or_a_loss():
    names = [_letters(name).removesuffix("loss") for name in elsewhere.LOSSES]
    assert len(set(names)) == len(names) > 50
    assert not set(names) & {_letters(name) for name in box.available()}


def test_options_lead_to_options_that_some_loss_has():
    options = {option for cls in box.available().values() for option in parameters_of(cls)}
    assert {here for all_here in elsewhere.OPTIONS.values() for here in all_here} <= options


@pytest.mark.parametrize(
    "name, meant",
    [
        ("BCEWithLogitsLoss", "'BinaryCrossentropy(from_logits=True)'?"),
        ("HuberLoss", "'Huber'?"),
        ("MSE", "'MeanSquaredError'?"),
        ("BinaryCrossEntropy", "'BinaryCrossentropy'?"),
        ("Hubber", "'Huber'?"),
        ("Tverski", "'Tversky' or"),
        ("PinballLoss", "'Quantile(0.5)'?"),
        ("IoULoss", "'IoU'?"),
    ],
)
def test_attribute_and_import_say_what_is_meant(name, meant):
    """`from keras_lossbox import Name` as well, where Python itself would say no more than that it cannot."""
    expected = f"module 'keras_lossbox' has no attribute {name!r}. Did you mean {meant}"
    with pytest.raises(AttributeError) as found:
        getattr(box, name)
    assert str(found.value).startswith(expected)
    with pytest.raises(ImportError) as found:
        exec(f"from keras_lossbox import {name}")
    assert str(found.value).startswith(expected)


def test_other_names_are_plain_errors():
    assert not hasattr(box, "FocalLoss")
    assert getattr(box, "FocalLoss", 3) == 3
    with pytest.raises(AttributeError, match=r"no attribute '_focal'\.$"):
        _ = box._focal
    with pytest.raises(AttributeError, match=r"no attribute 'xyz'\.$"):
        _ = box.xyz


def test_get_knows_them_too():
    with pytest.raises(ValueError, match=r"Did you mean 'BinaryCrossentropy\(from_logits=True\)'\? Available"):
        box.get("bce_with_logits_loss")
    with pytest.raises(ValueError, match=r"Did you mean 'huber'"):
        box.get("hubber")


@pytest.mark.parametrize(
    "cls, option, says",
    [
        (box.Huber, "dleta", "Did you mean 'delta'? Options: delta"),
        (box.Huber, "xyz", "'xyz'. Options: delta"),
        (box.SparseCategoricalCrossentropy, "ignore_index", "Did you mean 'ignore_class'?"),
        (box.CategoricalCrossentropy, "ignore_index", "'ignore_index'. To leave out labels of one value: Masked("),
        (box.BinaryCrossentropy, "class_weight", "`pos_weight` of BinaryCrossentropy"),
        (box.BinaryCrossentropy, "weight", "Did you mean 'pos_weight'?"),
        (box.CategoricalCrossentropy, "class_weights", "Did you mean 'class_weight'?"),
        (box.CategoricalCrossentropy, "smoothing", "Did you mean 'label_smoothing'?"),
        (box.Dice, "eps", "Did you mean 'smooth'?"),
        (box.Huber, "sample_weight", "fit(sample_weight=…)"),
        (box.Huber, "size_average", "Did you mean 'reduction'?"),
        (box.Quantile, "tau", "Did you mean 'quantile'?"),
    ],
)
def test_option_says_what_is_meant(cls, option, says):
    with pytest.raises(TypeError) as found:
        cls(**{option: 1})
    assert says in str(found.value)
    with pytest.raises(ValueError) as found:
        box.get(cls.__name__, **{option: 1})
    assert says in str(found.value)


def test_class_weight_as_fit_takes_it():
    loss = box.CategoricalCrossentropy(class_weight={0: 1.0, np.int64(1): np.float32(5.0)})
    assert loss.class_weight == (1.0, 5.0)
    assert keras.losses.deserialize(keras.losses.serialize(loss)).class_weight == (1.0, 5.0)
    assert box.Dice(mode="multiclass", class_weight={1: 2, 0: 1}).class_weight == (1.0, 2.0)


@pytest.mark.parametrize(
    "class_weight, says",
    [
        ({1: 1.0, 2: 5.0}, "the keys of a dict must be the classes 0, 1, 2 … without a gap"),
        ({"cat": 1.0}, "the keys of a dict must be the classes"),
        ({0: 1.0, 1: -1.0}, "must be a finite number >= 0"),
        ({}, "must be a finite number >= 0"),
        ("balanced", "class_weight_from_labels(labels) gives those that balance"),
    ],
)
def test_class_weight_says_what_is_wrong(class_weight, says):
    with pytest.raises(ValueError) as found:
        box.CategoricalCrossentropy(class_weight=class_weight)
    assert says in str(found.value)


def test_a_dict_is_no_weight_of_labels():
    with pytest.raises(ValueError, match="`pos_weight` must be"):
        box.BinaryCrossentropy(pos_weight={0: 1.0, 1: 5.0})


@pytest.mark.parametrize("name", ["SparseCategoricalCrossentropy", "SparseCategoricalFocalCrossentropy"])
def test_one_hot_into_a_sparse_loss(name):
    onehot = np.eye(3, dtype="float32")
    with pytest.raises(ValueError, match="For one-hot labels use the loss without Sparse in its name: Categorical"):
        box.get(name)(onehot, onehot)
