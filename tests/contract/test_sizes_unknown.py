"""Sizes that only the run knows, one by one and all together, with labels of every integer and floating dtype.

The oracle is the eager value and gradient, where all sizes are known.
"""

import numpy as np
import pytest
from backends import BACKEND
from cases import LAST_OF_CLASS, is_last_of_family, is_last_of_kind

if BACKEND != "tensorflow":
    pytest.skip("only TensorFlow's graphs have unknown sizes", allow_module_level=True)

import tensorflow as tf

CASES = list(LAST_OF_CLASS.values())
OF_LABELS = [case for case in CASES if is_last_of_kind(case) and case.kind in ("indices", "ordered", "groups")]
INTEGERS = ["int32", "int64", "uint8", "uint32", "float32"]


def masks(case, rank):
    """Which axes are unknown: all but one that is split; of each family first one by one, the last of them last."""
    axes = rank - (case.kind == "parameters")
    one_by_one = (tuple(axis == other for other in range(rank)) for axis in range(axes))
    return [*(one_by_one if is_last_of_family(case) else ()), tuple(axis < axes for axis in range(rank))]


def value_and_gradient(loss, y_true, y_pred):
    with tf.GradientTape() as tape:
        tape.watch(y_pred)
        value = loss(y_true, y_pred)
    return value, tape.gradient(value, y_pred, unconnected_gradients="zero")


@pytest.mark.one_in(5)
@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=str(case), marks=[] if case in OF_LABELS else [pytest.mark.matrix]) for case in CASES],
)
def test_unknown_sizes_change_nothing(case, rng):
    shape = (4, 2) if case.options.get("ignore_class") is None else (4,)
    y_true, y_pred = map(np.asarray, case.data(rng, shape))
    loss = case.build()
    expected = value_and_gradient(loss, tf.constant(y_true), tf.constant(y_pred))
    integers = [dtype for dtype in INTEGERS if y_true.min() >= 0 or dtype[0] != "u"]
    if y_true.dtype.kind == "f":
        integers = ["float32"]
    *one_by_one, all_at_once = masks(case, y_pred.ndim)
    tried = [(unknown, integers[number % len(integers)]) for number, unknown in enumerate(one_by_one)]
    tried += [(all_at_once, dtype) for dtype in (integers if case in OF_LABELS else integers[:1])]
    for unknown, dtype in tried:
        labels_unknown = unknown[: y_true.ndim]
        y = y_true.astype(dtype)
        specs = [
            tf.TensorSpec([None if u else n for n, u in zip(x.shape, which, strict=True)], x.dtype)
            for x, which in ((y, labels_unknown), (y_pred, unknown))
        ]
        run = tf.function(lambda y, p: value_and_gradient(loss, y, p), specs, autograph=False)
        found = run(tf.constant(y), tf.constant(y_pred))
        for one, other in zip(found, expected, strict=True):
            scale = np.abs(other).max() or 1e-3
            np.testing.assert_allclose(one, other, rtol=0, atol=2e-6 * scale, err_msg=f"{unknown} {dtype}")
