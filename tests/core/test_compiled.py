"""Compiled programs: the numbers and gradients of the ordinary path, and not more programs than promised.

The threshold is lowered to one element here, so that the small batches of the contract suite are compiled. The oracle
is the same loss with compilation switched off, whose numbers the golden files check.
"""

import keras
import numpy as np
import pytest
from backends import BACKEND, with_mask
from cases import MAIN_CASES

import keras_lossbox
from keras_lossbox.core import compiled, host
from keras_lossbox.losses.similarity import chunks

if BACKEND != "tensorflow":
    pytest.skip("compiled programs are TensorFlow's", allow_module_level=True)

import tensorflow as tf

COMPILED = {case.cls: case for case in MAIN_CASES if case.build().jit_compile}
WEIGHTS = np.array([1.0, 0.5, 0.0, 2.0, 1.0], "float32")


@pytest.fixture(autouse=True)
def _small_batches_are_compiled(monkeypatch):
    monkeypatch.setattr(compiled, "LEAST_ELEMENTS", 1)
    monkeypatch.setattr(compiled, "_programs", {})


def values_and_gradients(loss, y_true, y_pred, weights, mask=None):
    """The loss and its gradients by all that is floating."""
    floating = [x for x in (y_pred, y_true, weights) if x is not None and x.dtype.is_floating]
    with tf.GradientTape() as tape:
        tape.watch(floating)
        value = loss(y_true, y_pred if mask is None else with_mask(y_pred, mask), weights)
        total = tf.reduce_sum(value * tf.cast(tf.reshape(tf.range(tf.size(value)) + 1, tf.shape(value)), value.dtype))
    return [value, *tape.gradient(total, floating, unconnected_gradients="zero")]


def both(loss, data, mode):
    """Results of compiled programs and of the ordinary path, in eager mode or in a graph."""
    given = [x for x in data if x is not None]

    def run(*tensors):
        rest = iter(tensors)
        return values_and_gradients(loss, *(None if x is None else next(rest) for x in data))

    sizes = [[None, *x.shape[1:]] if mode == "unknown" else x.shape for x in given]
    specs = [tf.TensorSpec(size, x.dtype) for size, x in zip(sizes, given, strict=True)]
    found = []
    for enabled in (True, False):
        compiled.enable(enabled)
        try:
            traced = run if mode == "eager" else tf.function(run, specs, autograph=False)
            found.append([x.numpy() for x in traced(*given)])
        finally:
            compiled.enable(True)
    return found


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        scale = np.max(np.abs(other[np.isfinite(other)]), initial=1e-3)
        np.testing.assert_allclose(one, other, rtol=0, atol=3e-6 * scale)


def batch(case, rng, rows=5):
    y_true, y_pred = case.data(rng, (rows, 2) if case.options.get("ignore_class") is None else (rows,))
    return tf.constant(y_true), tf.constant(y_pred)


FAMILIES = [
    case
    for case in COMPILED.values()
    if case.name in ("Huber", "BalancedBinaryCrossentropy", "SparseCategoricalCrossentropy", "Masked")
]
CELLS = [
    pytest.param(case, mode, id=f"{case}-{mode}", marks=[] if usual else [pytest.mark.matrix])
    for case in COMPILED.values()
    for mode in ("eager", "known", "unknown")
    if case in FAMILIES or mode == ("eager" if case.build().jit_compile == "eager" else "unknown")
    for usual in [case in FAMILIES and mode == "unknown"]
]


@pytest.mark.one_in(4, long=5)
@pytest.mark.parametrize("case, mode", CELLS)
def test_every_loss_has_its_numbers(case, mode, rng):
    """Five rows, which are filled up to six where only the run knows them; with and without weights."""
    for reduction, weights in (("none", None), ("mean", tf.constant(WEIGHTS)))[0 if case in FAMILIES else 1 :]:
        assert_same(*both(case.build(reduction=reduction), (*batch(case, rng), weights), mode))
    assert compiled._programs


@pytest.mark.matrix
@pytest.mark.parametrize(
    "mode, reduction",
    [
        ("unknown", "mean_with_sample_weight"),
        pytest.param("unknown", "sum", marks=pytest.mark.matrix),
        pytest.param("eager", "sum_by_nonzero_weights", marks=pytest.mark.matrix),
    ],
)
def test_reductions_weights_masks_and_nan(mode, reduction, rng):
    y, z = rng.random((5, 3, 4)).astype("float32"), rng.normal(size=(5, 3, 4)).astype("float32")
    mask = rng.random((5, 3)) < 0.7
    mask[1] = False
    y[1], z[1], z[2] = np.inf, np.nan, np.nan  # masked, and of weight 0
    for loss in (
        keras_lossbox.BinaryCrossentropy(True, pos_weight=[1.0, 2.0, 3.0, 4.0], reduction=reduction),
        keras_lossbox.BalancedBinaryCrossentropy(True, reduction=reduction),
        keras_lossbox.Masked(keras_lossbox.Huber(), normalize="all", reduction=reduction),
        keras_lossbox.RootMeanSquaredError(reduction=reduction),
    ):
        data = [tf.constant(x) for x in (y, z, np.tile(WEIGHTS[:, None], (1, 3)), mask)]
        found, expected = both(loss, data, mode)
        assert np.all(np.isfinite(found[0]))
        assert_same(found, expected)


@pytest.mark.matrix
@pytest.mark.parametrize("name", ["sup_con", "triplet_hard", "info_nce"])
def test_pairs_in_chunks(name, rng, monkeypatch):
    """More pairs than are held at once: a loop within the program."""
    monkeypatch.setattr(chunks, "MOST_PAIRS", 50)
    monkeypatch.setattr(chunks, "CHUNK_PAIRS", 30)
    loss = keras_lossbox.get(name, normalize=True, reduction="none")
    x = rng.normal(size=(12, 2, 3) if name == "info_nce" else (12, 3)).astype("float32")
    weights = tf.constant(np.tile([1.0, 0.5, 0.0], 4), "float32")
    found, expected = both(loss, (tf.constant(np.arange(12) % 3), tf.constant(x), weights), "eager")
    assert compiled._programs
    assert_same(found, expected)


@pytest.mark.matrix
def test_pairs_of_an_unknown_number_are_left_to_tensorflow(rng):
    """XLA would compile both ways of `chunks.by_chunks`, and has no gradient for some of what they hold."""
    loss = keras_lossbox.TripletHard()
    x = tf.constant(rng.normal(size=(6, 3)).astype("float32"))
    assert_same(*both(loss, (tf.constant([0, 0, 1, 1, 2, 2]), x, None), "unknown"))
    assert not compiled._programs


def test_a_label_that_is_no_class_is_nan_and_the_others_keep_their_gradient(rng, monkeypatch):
    monkeypatch.setattr(host, "fail_in_run", lambda wrong, describe, x: x)  # as under XLA
    loss = keras_lossbox.SparseCategoricalCrossentropy(True)
    data = tf.constant([0, 7, 2, -1, 1]), tf.constant(rng.normal(size=(5, 3)).astype("float32")), None
    found, expected = both(loss, data, "unknown")
    assert np.isnan(found[0])
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-6, atol=1e-8)
    assert np.any(found[1][0])


@pytest.mark.matrix
def test_second_derivatives(rng):
    loss = keras_lossbox.BinaryCrossentropy(True, dtype="float64")
    y, z = tf.constant((rng.random((4, 3)) < 0.5).astype("float64")), tf.constant(rng.normal(size=(4, 3)))

    def penalty(z):
        with tf.GradientTape() as outer:
            outer.watch(z)
            with tf.GradientTape() as inner:
                inner.watch(z)
                value = loss(y, z)
            total = tf.reduce_sum(tf.square(inner.gradient(value, z)))
        return outer.gradient(total, z)

    p = 1 / (1 + np.exp(-z.numpy()))
    expected = 2 * (p - y.numpy()) * p * (1 - p) / 12**2
    for run in (penalty, tf.function(penalty), tf.function(penalty, jit_compile=True)):
        np.testing.assert_allclose(run(z), expected, rtol=1e-10)


def programs():
    return [program for of_loss in compiled._programs.values() for program in of_loss.values()]


@pytest.mark.matrix
def test_many_batch_sizes_need_few_programs(rng, caplog):
    """Twenty sizes of batches: in eager mode eight have programs, in a graph all share those of the ladder."""
    loss = keras_lossbox.MeanSquaredError()
    run = tf.function(lambda y, z: values_and_gradients(loss, y, z, None), [tf.TensorSpec([None, 3])] * 2)
    for rows in range(1, 21):
        y, z = (tf.constant(rng.normal(size=(rows, 3)).astype("float32")) for _ in range(2))
        expected = np.mean((y - z) ** 2)
        np.testing.assert_allclose(values_and_gradients(loss, y, z, None)[0], expected, rtol=1e-6)
        np.testing.assert_allclose(run(y, z)[0], expected, rtol=1e-6)
    eager, graph = compiled._programs.values()
    assert len(eager) == compiled.MOST_SHAPES == 8
    assert len(graph) == 1
    assert [program.forward.experimental_get_tracing_count() for program in programs()] == [1] * 9
    assert sum(2 <= size <= 24 for size in compiled.LADDER) == 8
    assert "retracing" not in caplog.text


def test_equal_losses_share_a_program(rng):
    y, z = (tf.constant(rng.normal(size=(4, 3)).astype("float32")) for _ in range(2))
    for _ in range(3):
        keras_lossbox.Huber(2.0)(y, z)
    keras_lossbox.Huber(3.0)(y, z)
    assert [program.forward.experimental_get_tracing_count() for program in programs()] == [1, 1]


def test_a_users_loss_is_compiled_only_if_it_asks(rng):
    class Mine(keras_lossbox.Huber):
        def formula(self, error):
            return keras.ops.abs(error) ** 3

    class Compiled(Mine):
        jit_compile = True

    y, z = (tf.constant(rng.normal(size=(4, 3)).astype("float32")) for _ in range(2))
    ordinary = Mine()(y, z)
    assert not compiled._programs
    np.testing.assert_allclose(Compiled()(y, z), ordinary, rtol=1e-6)
    assert compiled._programs


@pytest.mark.matrix
def test_a_model_trains_the_same(rng):
    x, y = rng.normal(size=(21, 4)).astype("float32"), (rng.random((21, 3)) < 0.5).astype("float32")
    weights = rng.random(21).astype("float32")
    results = []
    for enabled in (True, False):
        compiled.enable(enabled)
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
        loss = keras_lossbox.BinaryCrossentropy(True) + 0.5 * keras_lossbox.MeanSquaredError()
        model.compile(keras.optimizers.SGD(0.1), loss=loss, weighted_metrics=loss.metrics())
        history = model.fit(x, y, batch_size=8, epochs=3, sample_weight=weights, verbose=0).history
        results.append([*map(np.array, history.values()), *model.get_weights()])
    compiled.enable(True)
    assert_same(*results)
