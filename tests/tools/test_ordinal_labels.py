"""Soft labels of ordered classes, against scipy's softmax."""

import numpy as np
import pytest
from scipy import special

import keras_lossbox as box


@pytest.mark.parametrize("scale, power", [(1.0, 2.0), (0.3, 1), (3, 2.5)])
def test_labels_are_a_softmax_of_distances(scale, power):
    y = np.array([0, 3, 1.5])
    expected = special.softmax(-scale * np.abs(np.arange(4) - y[:, None]) ** power, -1)
    for labels in (y, y[:, None], y.tolist()):
        rows = box.ordinal_labels(labels, 4, scale, power)
        assert rows.dtype == "float32"
        np.testing.assert_allclose(rows, expected, rtol=1e-6)
    np.testing.assert_allclose(
        box.ordinal_labels(np.resize(y, (2, 3)), 4, scale, power), np.stack([expected] * 2), 1e-6
    )


def test_what_the_docstring_says():
    np.testing.assert_allclose(box.ordinal_labels(3, 7)[2:5], [0.21, 0.56, 0.21], atol=0.005)


def test_a_large_scale_is_one_hot_and_what_is_missing_stays_so():
    np.testing.assert_array_equal(box.ordinal_labels([0, 2], 3, scale=1e6), np.eye(3)[[0, 2]])
    np.testing.assert_array_equal(box.ordinal_labels([0.5], 2, scale=1e6), [[0.5, 0.5]])
    rows = box.ordinal_labels([np.nan, 1], 3)
    assert np.all(np.isnan(rows[0]))
    loss = box.Masked(box.CategoricalCrossentropy())
    assert float(loss(rows, np.full((2, 3), 1 / 3))) == pytest.approx(np.log(3), rel=1e-6)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (([0, 3], 3), "`y` must hold numbers from 0 to classes - 1. Received: labels from 0 to 3, classes=3"),
        (([-1, 0], 3), "`y` must hold numbers from 0"),
        ((["a"], 3), "`y` must be an array of numbers"),
        (([0], 1), "`classes` must be an integer >= 2. Received: classes=1"),
        (([0], 3.0), "`classes` must be an integer"),
        (([0], 3, 0), "`scale` must be a finite number > 0. Received: scale=0"),
        (([0], 3, 1, np.inf), "`power` must be a finite number > 0"),
        (([0], 3, True), "`scale` must be"),
    ],
)
def test_what_cannot_be_is_an_error(arguments, message):
    with pytest.raises(ValueError, match=f"ordinal_labels: {message}"):
        box.ordinal_labels(*arguments)
