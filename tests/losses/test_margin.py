"""The losses of a margin: golden values, labels of both spellings, and identities between losses."""

import golden
import keras
import numpy as np
import oracle_margin
import pytest
from backends import value_and_gradient
from cases import by_default
from golden import CLASSES, DEEP, EACH, ELEMENTS, LAST, MEANS, ROWS, TOLERANCE, W, grid, on_tensorflow
from hypothesis import given, settings
from hypothesis import strategies as st
from identities import (
    PLACES,
    assert_same,
    binary,
    check_a_weight_of_two_is_the_row_twice,
    classes,
    evaluate,
    few,
    identity,
    log_uniform,
    scaled,
)
from sklearn import metrics

import keras_lossbox as box

numpy = keras.ops.convert_to_numpy

# ---------------------------------------------------------------- 1. oracle: formulas in numpy

NUMPY_CASES = [
    *grid("hinge", MEANS + ELEMENTS, "signs hard", margin=[1.0, 0.3]),
    *grid("squared_hinge", MEANS + ELEMENTS, "signs hard", margin=[1.0, 0.3]),
    *grid("categorical_hinge", CLASSES, "soft indices column"),
    *grid("categorical_hinge", ROWS, "rows one_hot", runner_up=["others_or_zero", "others"], margin=[1.0, 3.0]),
    *grid("multi_margin", CLASSES, "soft indices column"),
    *grid("multi_margin", LAST[:2], "one_hot indices", p=[1, 2, 3], margin=[1.0, 3.0], class_weight=[None, EACH]),
]

NUMPY = golden.by_kind(NUMPY_CASES)


@pytest.mark.parametrize("group, dtype, size", golden.of_numpy(NUMPY))
def test_numpy(group, dtype, size):
    golden.check_numpy(oracle_margin, NUMPY[group], dtype, size)


def test_every_oracle_is_asked():
    golden.check_every_oracle_is_asked(oracle_margin, NUMPY_CASES)


EDGES = [  # the kink itself, and far from it
    *((loss, {}, y, z) for loss in ("hinge", "squared_hinge") for y in (-1, 0, 1) for z in (1.0, -1.0, 1e4, -1e4)),
    *(("categorical_hinge", {"runner_up": r}, 1, (0.0, 1.0, -2.0)) for r in ("others_or_zero", "others")),
    *(("categorical_hinge", {"runner_up": r}, 2, (-1e4, -3.0, -2.5)) for r in ("others_or_zero", "others")),
    *(("multi_margin", {"p": p}, 1, (0.0, 1.0, -1e3)) for p in (1, 2)),
]


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_edges(dtype):
    golden.check_edges(oracle_margin, EDGES, dtype)


# ---------------------------------------------------------------- 2. oracle: TensorFlow

TF1 = {"hinge_loss": grid("hinge", ELEMENTS[:2], "hard")}


@on_tensorflow
@pytest.mark.parametrize("full", by_default(lambda full: not full, [False, True]), ids=["", "long"])
@pytest.mark.parametrize("name", TF1)
def test_tf1(name, full):
    golden.check_tf1(name, TF1[name], full)


# ---------------------------------------------------------------- 3. oracle: Keras and scikit-learn

KERAS = golden.by_loss(
    [
        *grid("hinge", DEEP, "signs hard"),
        *grid("squared_hinge", DEEP, "signs hard"),
        *grid("categorical_hinge", DEEP, "soft"),
    ]
)


@pytest.mark.parametrize("loss", KERAS)
def test_keras(loss):
    golden.check_keras(KERAS[loss])


def test_sklearn():
    golden.check_sklearn(grid("hinge", [(20,)], "hard signs"), metrics.hinge_loss)
    crammer_and_singer = grid("categorical_hinge", [(20, 3)], "indices", runner_up=["others"])
    golden.check_sklearn(crammer_and_singer, lambda y, z, **how: metrics.hinge_loss(y, z, labels=range(3), **how))


# ---------------------------------------------------------------- 4. oracle: numbers recorded from PyTorch

# fmt: off
PYTORCH = [  # the recipe is in golden.py
    (
        "MultiMarginLoss(reduction=r)", "z, k",
        "multi_margin",
        {},
        [0.0, 0.0, 0.875, 2.8333333333333335],
        [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.3333333333333333, -0.6666666666666666, 0.3333333333333333],
         [0.3333333333333333, -0.6666666666666666, 0.3333333333333333]],
    ),
    (
        "MultiMarginLoss(p=2, margin=0.5, weight=w, reduction=r)", "z, k",
        "multi_margin",
        {"p": 2, "margin": 0.5, "class_weight": W},
        [0.0, 0.0, 0.8854166666666666, 22.833333333333332],
        [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [1.1666666666666665, -2.1666666666666665, 1.0],
         [7.333333333333333, -10.0, 2.6666666666666665]],
    ),
]
# fmt: on


def test_pytorch():
    golden.check_torch_nn(PYTORCH)


def test_pytorch_recipe():
    pytest.importorskip("torch", reason="the recipe needs PyTorch")
    golden.check_recipe_of_torch_nn(PYTORCH)


# ---------------------------------------------------------------- labels, scores without an end


def test_each_label_is_read_by_itself():
    """Keras takes a 0 for -1 only in a batch without any -1, and the NaN of one row changes all."""
    loss = box.Hinge(reduction="none")
    values = numpy(loss([[0.0], [-1.0], [1.0], [np.nan]], [[0.5], [0.5], [0.5], [0.5]]))
    np.testing.assert_array_equal(values, [1.5, 1.5, 0.5, np.nan])


@pytest.mark.parametrize("loss", [box.CategoricalHinge(), box.CategoricalHinge(runner_up="others"), box.MultiMargin()])
def test_a_class_that_is_ruled_out(loss):
    """A score of -inf, as models mask what cannot be."""
    for y in ([0], [[1.0, 0.0, 0.0]]):
        value, gradient = value_and_gradient(
            lambda z: loss(y, z),  # noqa: B023
            np.array([[0.5, -np.inf, 0.25]], "float32"),
        )
        np.testing.assert_allclose(value, 0.75 / (3 if isinstance(loss, box.MultiMargin) else 1), rtol=1e-6)
        assert np.all(np.isfinite(gradient))


# ---------------------------------------------------------------- identities, both sides this package's


@identity(binary(), st.sampled_from([0.5, 1.0, 2.0]))
def test_squared_hinge_is_the_square(data, margin):
    y, z = np.round(data[0]), data[1]
    value, slope = evaluate("hinge", y, z, axis=None, margin=margin)
    assert_same(evaluate("squared_hinge", y, z, axis=None, margin=margin), (value**2, 2 * value * slope))


@identity(binary(), log_uniform(1e-2, 1e2))
def test_a_margin_is_a_scale(data, margin):
    y, z = np.round(data[0]), data[1]
    value, slope = evaluate("hinge", y, z / margin)
    assert_same(evaluate("hinge", y, z, margin=margin), (margin * value, slope))


@identity(binary())
def test_labels_of_minus_one_are_labels_of_zero(data):
    y, z = np.round(data[0]), data[1]
    for loss in ("hinge", "squared_hinge"):
        assert_same(evaluate(loss, 2 * y - 1, z), evaluate(loss, y, z))


@identity(binary())
def test_two_classes_are_a_sign(data):
    y, z = np.round(data[0]), data[1]
    of_sign = evaluate("hinge", y, z, axis=None)
    for loss, options, factor in (("categorical_hinge", {"runner_up": "others"}, 1), ("multi_margin", {}, 2)):
        value, slope = evaluate(loss, y.astype("int32"), np.stack([0 * z, z], -1), **options)
        assert_same(scaled(factor, (value, slope[..., 1])), of_sign)


@identity(classes())
def test_the_hinge_of_the_zero_one_loss_is_crammer_and_singers(data):
    labels, _, z, axis = data
    slope = evaluate("zero_one", labels, z, from_logits=True, surrogate="hinge", axis=axis)[1]
    np.testing.assert_array_equal(evaluate("categorical_hinge", labels, z, runner_up="others", axis=axis)[1], slope)


@identity(classes())
def test_kerass_hinge_is_no_smaller(data):
    labels, _, z, axis = data
    values, theirs = (
        evaluate("categorical_hinge", labels, z, axis=axis, runner_up=name)[0] for name in ("others_or_zero", "others")
    )
    assert np.all(values >= theirs)
    above = evaluate("categorical_hinge", labels, z - np.min(z), axis=axis)[0]  # all scores >= 0: the same
    np.testing.assert_allclose(above, theirs, rtol=1e-5, atol=1e-5)


@identity(
    classes(), st.sampled_from(["categorical_hinge", "multi_margin"]), st.lists(st.floats(0, 4), min_size=3, max_size=3)
)
def test_one_hot_is_sparse(data, loss, weights):
    labels, one_hot, z, axis = data
    options = {"axis": axis} | ({"class_weight": weights, "p": 2} if loss == "multi_margin" and axis == -1 else {})
    assert_same(evaluate(loss, one_hot, z, **options), evaluate(loss, labels, z, **options))


@pytest.mark.one_in(3)
@pytest.mark.parametrize("reduction", ["sum", "mean_with_sample_weight"])
@pytest.mark.parametrize("loss", ["hinge", "squared_hinge", "categorical_hinge", "multi_margin"])
@settings(few, max_examples=5)
@given(data=classes(PLACES[:2]), more=st.data())
def test_a_weight_of_two_is_the_row_twice(loss, reduction, data, more):
    check_a_weight_of_two_is_the_row_twice(loss, reduction, data, more)
