"""The losses of metric learning: golden values, pairs that are not there, numbers of other libraries, replicas."""

import json
import pathlib
import subprocess
import sys

import golden
import keras
import numpy as np
import oracle_similarity
import pytest
from backends import BACKEND, MODES, value_and_gradient, with_mask
from cases import by_default
from golden import CLASSES, DEEP, PRECISE, ROWS, SMOOTH, TOLERANCE, grid
from keras import ops

import keras_lossbox as box
from keras_lossbox.losses.similarity import chunks
from keras_lossbox.losses.similarity.base import Pairwise

numpy = keras.ops.convert_to_numpy

# ---------------------------------------------------------------- 1. oracle: loops in numpy

EMBEDDINGS = [(9, 3), (4, 2, 3), (12, 2)]
LATTICE = [(16, 1), (16, 2)]  # equal distances, distances of 0, and triplets on the kink, without any rounding
DISTANCES = ["L2", "squared-L2", "cosine"]
BOTH = [False, True]

NUMPY_CASES = [
    *grid("circle", EMBEDDINGS, "groups views", gamma=[80.0, 2.0], normalize=BOTH),
    *grid("circle", EMBEDDINGS[:2], "groups", margin=[0.4, 0.0], remove_diagonal=BOTH, detach_weights=BOTH),
    *grid("triplet_semi_hard", EMBEDDINGS, "groups views", distance=DISTANCES, average=["pairs", "anchors"]),
    *grid("triplet_semi_hard", EMBEDDINGS[:1], "groups few", anchors=["complete", "all"], soft=BOTH, normalize=BOTH),
    *grid("triplet_semi_hard", LATTICE, "lattice"),
    *grid("triplet_hard", EMBEDDINGS, "groups views", distance=DISTANCES, soft=BOTH),
    *grid("triplet_hard", EMBEDDINGS[:1], "groups few", anchors=["complete", "all"], margin=[1.0, 0.2], normalize=BOTH),
    *grid("triplet_hard", LATTICE, "lattice"),
    *grid("triplet_all", EMBEDDINGS, "groups views", distance=DISTANCES, average=["active", "triplets"]),
    *grid("triplet_all", EMBEDDINGS[:1], "groups few", margin=[1.0, 0.0, 5.0], normalize=BOTH),
    *grid("triplet_all", LATTICE, "lattice"),
    *grid("nt_xent", EMBEDDINGS, "groups views", temperature=[0.07, 1.0], average=["pairs", "anchors"]),
    *grid("nt_xent", EMBEDDINGS[:1], "few", normalize=BOTH, temperature=[0.5]),
    *grid("sup_con", EMBEDDINGS, "groups views", temperature=[0.1, 1.0], base_temperature=[None, 0.07]),
    *grid("sup_con", EMBEDDINGS[:1], "few", normalize=BOTH, temperature=[0.5]),
    *grid("multi_similarity", EMBEDDINGS, "groups views", epsilon=[None, 0.1, -0.5]),
    *grid("multi_similarity", EMBEDDINGS[:1], "few", normalize=BOTH, alpha=[2.0, 0.5], beta=[5.0], base=[0.5, 0.0]),
    *grid("lifted_struct", EMBEDDINGS, "groups views", distance=DISTANCES),
    *grid("lifted_struct", EMBEDDINGS[:1], "groups few", normalize=BOTH, margin=[1.0, 0.0]),
    *grid("info_nce", [(5, 2, 3), (4, 4, 3), (2, 2, 2, 3)], "views", symmetric=BOTH, normalize=BOTH, temperature=[0.5]),
    *grid("info_nce", [(5, 2, 3)], "views", temperature=[0.07]),
    *grid("siglip", [(5, 2, 3), (2, 2, 2, 3)], "views", normalize=BOTH, temperature=[0.1, 1.0], bias=[-10.0, 0.5]),
    *grid("triplet_margin", [(6, 3, 3), (2, 2, 3, 2)], "views", distance=DISTANCES, swap=BOTH, soft=BOTH),
    *grid("npairs", [(6, 6)], "matches"),
    *grid("npairs", [(6, 2, 3), (2, 3, 2, 3)], "matches", l2_reg=[0.0, 0.02]),
    *grid("npairs_multilabel", [(6, 6), (6, 2, 3), (2, 3, 2, 3)], "several"),
    *grid("arc_face", CLASSES, "indices soft", margin=[0.5, 1.5], scale=[64.0, None]),
    *grid("arc_face", ROWS, "indices", margin=[0.0], scale=[2.0], label_smoothing=SMOOTH),
    *grid("cos_face", CLASSES, "indices soft", margin=[0.35, 0.0], scale=[64.0, None]),
    *grid("cos_face", ROWS, "indices", scale=[2.0], label_smoothing=SMOOTH),
    *grid("proxy_anchor", DEEP, "indices soft", margin=[0.1, 0.0], alpha=[32.0, 2.0]),
    *grid("contrastive", [(7,), (6, 3), (2, 3, 4)], "distances", power=[1.0, 2.0, 2.5], similar_label=[0, 1]),
    *grid("contrastive", [(7,), (6, 3)], "distances", margin=[1.0, 3.0], pos_margin=[0.0, 0.4]),
    *grid("contrastive", [(6, 2, 3), (3, 2, 2, 4)], "tuples", distance=DISTANCES, power=[1.0, 2.0]),
]

NUMPY = golden.by_kind(NUMPY_CASES)


@pytest.mark.one_in(12)
@pytest.mark.parametrize("group, dtype, size", golden.of_numpy(NUMPY))
def test_numpy(group, dtype, size):
    golden.check_numpy(oracle_similarity, NUMPY[group], dtype, size)


def test_every_oracle_is_asked():
    golden.check_every_oracle_is_asked(oracle_similarity, NUMPY_CASES)


# ---------------------------------------------------------------- 2. pairs that are not there

PAIRWISE = {name: cls for name, cls in box.available().items() if issubclass(cls, Pairwise)}
every_pairwise = pytest.mark.parametrize("name", PAIRWISE)
EASED = {"circle": {"gamma": 2.0, "margin": 0.2, "normalize": True}}  # so that numbers have a size to compare
REMARKABLE = {  # groups and embeddings
    "one class": (np.zeros(5, "int32"), np.arange(10.0).reshape(5, 2)),
    "all different": (np.arange(5), np.arange(10.0).reshape(5, 2)),
    "one sample": (np.zeros(1, "int32"), np.ones((1, 2))),
    "one of its own": (np.array([0, 0, 1, 2, 2, 2, 2, 2]), np.arange(16.0).reshape(8, 2) ** 1.5),
    "one negative": (np.array([0, 0, 0, 1]), np.array([[0.0, 0], [3, 0], [5, 1], [1, 0]])),  # nearer than the positives
    "duplicates": (np.array([0, 0, 1, 1, 0, 1, 1, 1]), np.array([[1.0, 2], [3, 4]])[[0, 0, 0, 0, 1, 1, 1, 0]]),
    "all in one place": (np.arange(4) % 2, np.full((4, 2), 0.1)),
    "all zero": (np.arange(4) % 2, np.zeros((4, 2))),
    "one zero": (np.arange(8) % 2, np.arange(16.0).reshape(8, 2)),
}


def data_of(rng, n=9, d=3, dtype=PRECISE):
    return rng.permutation(np.arange(n) % 3), rng.normal(size=(n, d)).astype(dtype)


@pytest.mark.one_in(4, long=2)
@pytest.mark.parametrize("mode", by_default(lambda mode: mode == "eager", MODES))
@every_pairwise
def test_remarkable_batches(name, mode):
    for batch in REMARKABLE if mode == "eager" else ("one sample", "one of its own"):
        with golden.naming(batch):
            check_remarkable(name, batch, mode)


def check_remarkable(name, batch, mode):
    groups, x = REMARKABLE[batch]
    x = x.astype(PRECISE)
    expected = getattr(oracle_similarity, name)(groups, x.astype("float64"), **EASED.get(name, {}))
    loss = box.get(name, dtype=PRECISE, **EASED.get(name, {}))
    value, gradient = value_and_gradient(lambda x: loss(groups, x), x, mode=mode, unknown_batch=mode == "graph")
    np.testing.assert_allclose(value, expected.mean, rtol=1e-5, atol=1e-6)
    assert np.all(np.isfinite(gradient))
    np.testing.assert_allclose(gradient, expected.gradient, rtol=1e-4, atol=1e-5)
    if batch == "one sample":
        assert value == 0
        assert not np.any(gradient)


@pytest.mark.one_in(6)
@pytest.mark.parametrize("by", ["weight", "mask", "nan"])
@every_pairwise
def test_the_others_are_as_if_the_row_were_not_there(name, by, rng):
    groups, x = data_of(rng)
    keep = np.arange(9) != 4
    loss = box.get(name, reduction="none", dtype=PRECISE)
    expected, of_rest = evaluated(loss, groups[keep], x[keep])
    groups, weights = groups.astype("float32"), None
    if by in ("weight", "mask"):
        x[4], groups[4] = np.nan, np.nan
        weights = keep.astype(PRECISE) if by == "weight" else None
    else:
        x[4, 1] = np.nan
    values, gradient = evaluated(loss, groups, x, weights, keep if by == "mask" else None, rows=keep)
    np.testing.assert_allclose(values[keep], expected, rtol=1e-5)
    np.testing.assert_allclose(gradient[keep], of_rest, rtol=1e-5, atol=1e-7)
    assert values[4] == 0 if by in ("weight", "mask") else np.isnan(values[4])
    if by in ("weight", "mask"):
        assert not np.any(gradient[4])


@pytest.mark.one_in(6)
@pytest.mark.parametrize("label, named", [(np.nan, "NaN"), (1.5, "a label that is no whole number")])
@every_pairwise
def test_a_label_that_is_no_group(name, label, named, rng):
    """An error; where none can be raised that sample is NaN, and the others are as if it were not there."""
    groups, x = data_of(rng)
    keep = np.arange(9) != 4
    loss = box.get(name, reduction="none", dtype=PRECISE)
    expected, _ = evaluated(loss, groups[keep], x[keep])
    groups = groups.astype("float32")
    groups[4] = label
    with pytest.raises(
        ValueError, match=f"{PAIRWISE[name].__name__}: `y_true` must hold whole numbers.* Received: {named}$"
    ):
        loss(groups, x)
    if MODES[-1] == "eager":
        return

    def total(x):
        values = loss(groups + ops.cast(0 * ops.max(x), "float32"), x)  # (traced labels, whose values no mode knows)
        return ops.sum(ops.where(ops.isnan(values), 100, values))

    value, _ = value_and_gradient(total, x, mode=MODES[-1])
    np.testing.assert_allclose(value, 100 + expected.sum(), rtol=1e-5)


def evaluated(loss, groups, x, weights=None, mask=None, rows=slice(None)):
    """The values, and the gradient of the sum of those of `rows`."""

    def total(x):
        return ops.sum(loss(groups, x if mask is None else with_mask(x, mask), weights)[rows])

    values = numpy(loss(groups, x if mask is None else with_mask(x, mask), weights))
    return values, value_and_gradient(total, x)[1]


@every_pairwise
def test_weights_are_those_of_anchors(name, rng):
    groups, x = data_of(rng)
    weights = rng.uniform(0.5, 2, 9)
    values = numpy(box.get(name, reduction="none", dtype=PRECISE)(groups, x))
    for reduction, divisor in (("sum", 1), ("mean", 9), ("mean_with_sample_weight", weights.sum())):
        value = float(box.get(name, reduction=reduction, dtype=PRECISE)(groups, x, weights))
        np.testing.assert_allclose(value, np.sum(weights * values) / divisor, rtol=1e-5)


@pytest.mark.one_in(2)
@every_pairwise
def test_several_embeddings_of_a_sample_are_rows_of_its_class(name, rng):
    groups, x = data_of(rng, 12)
    groups = np.repeat(groups[:6], 2)
    weights = rng.integers(0, 3, 12).astype(PRECISE)
    weights[:2] = 1
    loss = box.get(name, dtype=PRECISE)
    expected = numpy(loss(groups, x, weights))
    for labels in (groups[::2], groups[::2, None], groups.reshape(6, 2)):
        np.testing.assert_allclose(numpy(loss(labels, x.reshape(6, 2, 3), weights.reshape(6, 2))), expected, rtol=1e-6)
    per_sample = numpy(loss(groups, x, np.repeat(weights[::2], 2)))
    np.testing.assert_allclose(numpy(loss(groups[::2], x.reshape(6, 2, 3), weights[::2])), per_sample, rtol=1e-6)


@every_pairwise
def test_classes_are_only_compared(name, rng):
    """Their numbers may be any, far apart or too large for float32."""
    groups, x = data_of(rng)
    loss = box.get(name, dtype=PRECISE)
    expected = numpy(loss(groups, x))
    for labels in (groups[:, None], 2**24 + groups, -7 - groups, groups.astype("uint8"), groups.astype("float32")):
        assert numpy(loss(labels, x)) == expected
    if BACKEND != "jax":  # which has no int64 by default
        assert numpy(loss(2**40 + groups, x)) == expected


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", ["triplet_semi_hard", "triplet_hard", "triplet_all"])
def test_distances_of_embeddings_far_from_0(name, dtype, rng):
    """The oracle subtracts embeddings; a matrix of inner products alone would be off by more than the distances."""
    groups, x = data_of(rng)
    x = (80 + 0.01 * x).astype(dtype)
    expected = getattr(oracle_similarity, name)(groups, x.astype("float64"), margin=0.01)
    loss = box.get(name, margin=0.01, dtype=dtype)
    value, gradient = value_and_gradient(lambda x: loss(groups, x), x)
    np.testing.assert_allclose(value, expected.mean, rtol=1e-5)
    np.testing.assert_allclose(gradient, expected.gradient, rtol=1e-3, atol=1e-4)


def test_shapes_that_do_not_fit_are_errors():
    for loss, y_true, y_pred, message in (
        (box.TripletHard(), [1, 2], np.ones(2), r"TripletHard: `y_pred` must .*\(n, d\) or several .*\(2,\)"),
        (box.TripletHard(), [1, 2, 3], np.ones((2, 3)), "TripletHard: y_true and y_pred must have the same shape"),
        (box.TripletHard(), np.ones((2, 3)), np.ones((2, 2, 3)), "TripletHard: y_true and y_pred must have the same"),
        (box.Contrastive(distance="L2"), [1, 0], np.ones((2, 3)), r"`y_pred` must hold 2 .*\(n, 2, d\).*\(2, 3\)"),
        (box.Contrastive(distance="L2"), [1, 0], np.ones((2, 3, 4)), r"`y_pred` must hold 2 .*\(2, 3, 4\)"),
        (box.Contrastive(distance="L2"), [1, 0, 1], np.ones((2, 2, 4)), "Contrastive: y_true and y_pred must"),
        (box.Contrastive(), [1, 2], [0.5, 0.5], "Contrastive: `y_true` must hold labels of 0 and 1"),
    ):
        with pytest.raises(ValueError, match=message):
            loss(y_true, y_pred)
    with pytest.raises(ValueError, match="Contrastive: `similar_label` must be 0 or 1. Received: similar_label=2"):
        box.Contrastive(similar_label=2)


def test_a_tuple_with_a_masked_embedding_is_left_out(rng):
    y, x = np.array([1, 0, 1]), rng.normal(size=(3, 2, 4)).astype("float32")
    mask = np.array([[True, True], [False, True], [True, True]])
    loss = box.Contrastive(distance="L2")
    expected = numpy(loss(y[[0, 2]], x[[0, 2]]))
    x[1, 0] = np.nan
    assert numpy(loss(y, with_mask(x, mask))) == expected
    assert numpy(loss(y[:, None], x, np.array([1.0, 0.0, 1.0]))) == pytest.approx(expected * 2 / 3)


# ---------------------------------------------------------------- 3. chunks of anchors

CHUNKED = [
    ("nt_xent", {}),
    ("nt_xent", {"average": "anchors"}),
    ("sup_con", {}),
    ("info_nce", {"symmetric": True}),
    ("siglip", {}),
    ("triplet_semi_hard", {"distance": "squared-L2"}),
    ("triplet_hard", {}),
    ("triplet_all", {}),
    ("circle", {"gamma": 2.0}),
    ("multi_similarity", {"epsilon": 0.1}),
]
on_tensorflow = pytest.mark.skipif(BACKEND != "tensorflow", reason="chunks are TensorFlow's")


def lowered(monkeypatch, chunk=4 * 17):
    """Chunks of four rows where there are 17; the last one is filled up."""
    monkeypatch.setattr(chunks, "MOST_PAIRS", 0)
    monkeypatch.setattr(chunks, "CHUNK_PAIRS", chunk)


def weighted_and_masked(name, rng):
    """A function of embeddings: the loss with weights, a mask, a NaN and an anchor without a positive; and some."""
    shape = (17, 4, 3) if name == "info_nce" else (17, 2, 3) if name == "siglip" else (17, 3)
    groups, x = rng.integers(0, 3, 17), rng.normal(size=shape).astype(PRECISE)
    groups[5], groups[6] = 7, 8
    weights, mask = rng.integers(0, 3, 17).astype(PRECISE), rng.random(17) < 0.8
    mask = mask if len(shape) == 2 else np.repeat(mask[:, None], shape[1], 1)
    x[11] = np.nan
    mask[11] = False
    return lambda loss: lambda x: loss(groups, with_mask(x, mask), weights), x


MODES_OF_SIZES = [*((mode, False) for mode in MODES), ("graph", True), ("xla", True)]  # unknown_batch
SHORT = [("eager", False, *loss) for loss in (CHUNKED[0], CHUNKED[3], CHUNKED[7])]
SHORT += [("graph", unknown_batch, *CHUNKED[0]) for unknown_batch in (False, True)]


@on_tensorflow
@pytest.mark.one_in(5, long=5)
@pytest.mark.parametrize(
    "mode, unknown_batch, name, options",
    by_default(lambda *case: case in SHORT, [(*mode, *loss) for mode in MODES_OF_SIZES for loss in CHUNKED]),
    ids=str,
)
def test_chunks_of_anchors_are_the_whole(mode, unknown_batch, name, options, rng, monkeypatch):
    of, x = weighted_and_masked(name, rng)
    for reduction in ("mean", "sum_by_nonzero_weights"):
        total = of(box.get(name, reduction=reduction, dtype=PRECISE, **options))
        value, gradient = value_and_gradient(total, x)
        with monkeypatch.context() as lower:
            lowered(lower)
            found = value_and_gradient(total, x, mode, unknown_batch)
        np.testing.assert_allclose(found[0], value, rtol=1e-6)
        np.testing.assert_allclose(found[1], gradient, rtol=1e-6, atol=1e-7)


@pytest.mark.matrix
@on_tensorflow
@pytest.mark.one_in(6, long=2)
@pytest.mark.parametrize("many", [True, False])
@pytest.mark.parametrize("mode, unknown_batch", MODES_OF_SIZES)
def test_second_and_third_derivatives_through_chunks(mode, unknown_batch, many, rng, monkeypatch):
    import tensorflow as tf

    of, x = weighted_and_masked("nt_xent", rng)
    total, direction = of(box.NTXent(dtype=PRECISE)), tf.constant(rng.normal(size=x.shape))

    def along(function):
        def derivative(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                value = function(x)
            return tf.reduce_sum(tape.gradient(value, x) * direction)

        return derivative

    x = np.nan_to_num(x)
    for function in (along(total), along(along(total))):
        expected = value_and_gradient(function, x)
        assert np.any(expected[1])
        with monkeypatch.context() as lower:
            if many:
                lowered(lower)
            found = value_and_gradient(function, x, mode, unknown_batch)
        np.testing.assert_allclose(found[1], expected[1], rtol=1e-6, atol=1e-9)


@on_tensorflow
@pytest.mark.one_in(5, long=1)
@pytest.mark.parametrize("count, at_once", [(17, 4), (16, 4), (3, 3), (1, 1), (0, 0)], ids=str)
def test_as_many_rows_at_once_as_said(count, at_once, rng, monkeypatch):
    """In one graph for all sizes, which the run knows: `MOST_PAIRS` at once, and else chunks."""
    import tensorflow as tf

    class Watched(box.SupCon):
        def formula(self, pairs):
            rows = tf.numpy_function(
                lambda rows: seen.append(int(rows)) or rows, [tf.shape(pairs.anchors)[0]], tf.int32
            )
            values, defined = super().formula(pairs)
            return values + tf.cast(0 * tf.reshape(rows, []), values.dtype), defined

    lowered(monkeypatch)
    monkeypatch.setattr(chunks, "MOST_PAIRS", 3 * 3)
    seen, loss = [], Watched()
    x, labels = rng.normal(size=(count, 3)).astype("float32"), (np.arange(count) % 2).astype("int32")
    unknown = tf.function(loss, input_signature=[tf.TensorSpec((None,), "int32"), tf.TensorSpec((None, 3))])
    np.testing.assert_allclose(unknown(labels, x), loss(labels, x), rtol=1e-6)
    in_graph = seen[: len(seen) // 2]
    assert max(in_graph, default=0) == at_once, seen
    assert count <= sum(in_graph) < count + max(at_once, 1)


@on_tensorflow
def test_the_matrix_of_all_pairs_is_not_held(rng, monkeypatch):
    """In no operation of the graph, the loops of forward and backward included, is a tensor of so many pairs."""
    import tensorflow as tf

    def largest(function):
        graphs, sizes = [function.get_concrete_function(tf.TensorSpec((512, 4))).graph], []
        while graphs:
            graph = graphs.pop()
            graphs += [graph._get_function(name).graph for name in graph._functions if graph._get_function(name).graph]
            sizes += [t.shape.num_elements() or 0 for op in graph.get_operations() for t in op.outputs if t.shape.rank]
        return max(sizes)

    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = loss(np.arange(512) % 9, x)
        return tape.gradient(value, x)

    loss = box.SupCon()
    assert largest(tf.function(gradient)) == 512 * 512
    lowered(monkeypatch, chunk=2**14)
    assert largest(tf.function(gradient)) < 512 * 512


# ---------------------------------------------------------------- 4. numbers of other libraries


@pytest.mark.parametrize("options", [{}, {"gamma": 16.0, "margin": 0.25}, {"remove_diagonal": False}], ids=str)
def test_circle_of_keras(options, rng):
    """Where all anchors have both kinds of partners and labels are small, Keras's own is right."""
    groups, x = data_of(rng, dtype="float32")
    x /= np.linalg.norm(x, axis=-1, keepdims=True)
    for reduction in ("sum", "sum_over_batch_size", "mean_with_sample_weight"):
        ours, theirs = (library.Circle(**options, reduction=reduction) for library in (box, keras.losses))
        for weights in (None, np.arange(1.0, 10.0)):  # a weight of 0 would leave a partner out, which Keras keeps
            found, expected = (numpy(loss(groups, x, weights)) for loss in (ours, theirs))
            np.testing.assert_allclose(found, expected, rtol=1e-5)
        value, gradient = value_and_gradient(lambda x: ours(groups, x), x)  # noqa: B023
        value_of_keras, gradient_of_keras = value_and_gradient(lambda x: theirs(groups, x), x)  # noqa: B023
        np.testing.assert_allclose(value, value_of_keras, rtol=1e-5)
        np.testing.assert_allclose(gradient, gradient_of_keras, rtol=1e-3, atol=1e-3)


def test_numbers_that_tensorflow_addons_documents():
    """Its docstrings: two samples of one class, in which there is no negative."""
    for loss, printed in ((box.TripletSemiHard(anchors="all"), 2.4142137), (box.TripletHard(anchors="all"), 1.0)):
        np.testing.assert_allclose(float(loss([0, 0], np.eye(2))), printed, rtol=1e-6)


# ---------------------------------------------------------------- 5. cosines

COSINES = ("arc_face", "cos_face", "proxy_anchor")


@pytest.mark.parametrize("name", COSINES)
def test_cosines_at_and_beyond_1_have_finite_gradients(name):
    """Rounding gives 1.0000001; the slope of ArcFace's angle has no bound there."""
    cosines = np.array([[1.0, -1.0], [-1.0, 1.0], [1.0000001, -1.0000001], [0.9999999, 0.0]], "float32")
    for label in (0, 1):
        value, gradient = value_and_gradient(lambda c, y=label: box.get(name)(np.full(4, y), c), cosines)
        assert np.isfinite(value)
        assert np.all(np.isfinite(gradient))


@pytest.mark.parametrize("name", COSINES[:2])
def test_a_class_that_is_left_out_adds_nothing(name):
    loss, kept = box.get(name, scale=4.0), np.array([[0.25, 0.5], [0.75, -0.5]], "float32")
    masked = np.concatenate([kept, np.full((2, 1), -np.inf, "float32")], -1)
    np.testing.assert_allclose(numpy(loss([0, 1], masked)), numpy(loss([0, 1], kept)), rtol=1e-6)


# ---------------------------------------------------------------- 6. several replicas

REPLICAS = """
import json, sys
import keras, numpy as np, tensorflow as tf
sys.path[:0] = [{tests!r}]
import keras_lossbox as box
from keras_lossbox import replicas

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * {replicas})
strategy = tf.distribute.MirroredStrategy(tf.config.list_logical_devices("CPU"))
rng = np.random.default_rng(0)
x, y = rng.normal(size=(23, 4)).astype("float32"), rng.integers(0, 3, 23)
weights = rng.integers(0, 3, 23).astype("float32")

def trained(loss):
    keras.utils.set_random_seed(0)
    tuples = box.get(loss).targets(np.zeros((2, 2))).__class__.__name__ in ("Tuples", "Matches")
    layers = [keras.layers.Dense(6), keras.layers.Reshape((2, 3))] if tuples else [keras.layers.Dense(3)]
    model = keras.Sequential([keras.Input((4,)), *layers])
    model.compile(keras.optimizers.SGD(0.01), loss=box.get(loss, reduction="mean_with_sample_weight"))
    logs = model.fit(x, y, batch_size=8, epochs=2, sample_weight=weights, shuffle=False, verbose=0).history
    return np.concatenate([w.ravel() for w in model.get_weights()] + [logs["loss"]])

found, gather = {{}}, replicas.gather
for loss in {losses!r}:
    one = trained(loss)
    with strategy.scope():
        several = trained(loss)
        replicas.gather = lambda x: x
        alone = trained(loss)
        replicas.gather = gather
    found[loss] = [float(np.max(np.abs(one - other))) for other in (several, alone)]
print("FOUND", json.dumps(found))
"""
OVER_BATCH = ["triplet_semi_hard", "triplet_all", "lifted_struct", "sup_con", "nt_xent", "info_nce", "siglip", "npairs"]


@pytest.mark.matrix
@pytest.mark.skipif(BACKEND != "tensorflow", reason="tf.distribute is TensorFlow's")
@pytest.mark.parametrize("replicas, losses", [(2, OVER_BATCH), (4, OVER_BATCH[::3])], ids=str)
def test_replicas_train_like_one_device_and_alone_they_do_not(replicas, losses):
    """With weights, and a last batch of seven. Without the gather each replica has its own pairs only."""
    tests = str(pathlib.Path(__file__).parents[1])
    script = REPLICAS.format(tests=tests, losses=losses, replicas=replicas)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=900, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("FOUND ")]
    assert lines, done.stderr[-2000:]
    found = json.loads(lines[0].removeprefix("FOUND "))
    assert set(found) == set(losses)
    for loss, (together, alone) in found.items():
        assert together < 5e-6, loss
        assert alone > 1e-4, loss
