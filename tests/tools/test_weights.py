"""Weights from labels, against scikit-learn, the paper's formula and hand counts."""

import json

import keras
import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

import keras_lossbox as box


@pytest.mark.parametrize("beta", [0.0, 0.9, 0.999, 0.999999])
def test_class_balanced_weights(beta):
    """Oracle: the formula of arXiv:1901.05555 in long double."""
    counts = [5000, 400, 3, 1]
    raw = np.array([(1 - np.longdouble(beta)) / (1 - np.longdouble(beta) ** n) for n in counts])
    weights = box.class_balanced_weights(counts, beta)
    np.testing.assert_allclose(weights, (raw / raw.sum() * 4).astype("float64"), rtol=1e-9)
    assert sum(weights) == pytest.approx(4)
    json.dumps(weights)


def test_class_weight_is_scikit_learns_balanced(rng):
    y = rng.choice(4, 200, p=[0.7, 0.2, 0.08, 0.02])
    expected = compute_class_weight("balanced", classes=np.arange(4), y=y)
    for labels in (y, y.reshape(20, 10), np.eye(4)[y], keras.ops.convert_to_tensor(y), y.tolist(), y.astype(float)):
        np.testing.assert_allclose(box.class_weight_from_labels(labels), expected, rtol=1e-12)
    missing = np.concatenate([y.astype(float), [np.nan, -1, np.nan]])
    np.testing.assert_allclose(box.class_weight_from_labels(missing), expected, rtol=1e-12)
    loss = box.SparseCategoricalCrossentropy(class_weight=box.class_weight_from_labels(y))
    assert loss.get_config()["class_weight"] == pytest.approx(expected)


def test_pos_weight_counts_each_label(rng):
    y = np.array([[1, 0, np.nan], [0, 0, 1], [0, 1, 0], [0, 1, 0]])
    assert box.pos_weight_from_labels(y) == [3.0, 1.0, 2.0]
    assert box.pos_weight_from_labels(y[:, :1]) == 3.0
    assert box.pos_weight_from_labels(y[:, 0]) == 3.0
    loss = box.BinaryCrossentropy(pos_weight=box.pos_weight_from_labels(y))
    assert loss.pos_weight == (3.0, 1.0, 2.0)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: box.class_balanced_weights([3, 0, 2]), "no samples of class 1"),
        (lambda: box.class_balanced_weights([[3, 2]]), "`counts` must be a flat list"),
        (lambda: box.class_balanced_weights([3, 2], beta=1.0), "`beta` must be a number in"),
        (lambda: box.class_weight_from_labels([0, 2]), "no samples of class 1"),
        (lambda: box.class_weight_from_labels([0, 1], num_classes=4), "no samples of class 2, 3"),
        (lambda: box.class_weight_from_labels([0, 5], num_classes=2), "`num_classes` must exceed every label"),
        (lambda: box.class_weight_from_labels([0.5, 1.0]), "must hold class indices or one-hot rows"),
        (lambda: box.pos_weight_from_labels([0, 0]), "no positives for label 0"),
        (lambda: box.pos_weight_from_labels([[1, 0], [1, 0]]), "no positives for label 1"),
        (lambda: box.pos_weight_from_labels([0, 3]), "must hold labels in"),
    ],
)
def test_what_cannot_be_weighed_is_an_error(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_one_hot_rows_may_be_missing():
    assert box.class_weight_from_labels([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [np.nan, np.nan]]) == [0.75, 1.5]
    assert box.class_weight_from_labels([[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, -1, -1]]) == [1.0, 1.0, 1.0]
    with pytest.raises(ValueError, match="class_weight_from_labels: `y` must be an array of numbers"):
        box.class_weight_from_labels(["a", "b"])


def test_indices_that_look_like_rows():
    """Tokens of two classes, a single 1 in each sequence; oracle: n / (C n_c) by hand."""
    tokens = [[0, 1, 0], [1, 0, 0], [0, 0, 1]]
    assert box.class_weight_from_labels(tokens, num_classes=2) == [9 / (2 * 6), 9 / (2 * 3)]
    assert box.class_weight_from_labels(tokens) == box.class_weight_from_labels(tokens, num_classes=3) == [1.0] * 3
