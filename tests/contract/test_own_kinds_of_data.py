"""Losses of other kinds of data, written as a user would write them, and what the base does for them.

Oracles: loops and formulas in float64 numpy.
"""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from backends import BACKEND, MODES, value_and_gradient, with_mask
from keras import ops

import keras_lossbox
from keras_lossbox import replicas, targets

numpy = ops.convert_to_numpy


class SupervisedContrastive(keras_lossbox.Loss):
    """Samples of one group are drawn together: the mean over partners p of -log softmax(x·x_p / T)."""

    def __init__(self, temperature=0.1, **kwargs):
        super().__init__(**kwargs)
        self.temperature = temperature

    def targets(self, y_pred):
        return targets.Pairs()

    def compute(self, batch):
        x = batch.y_pred / ops.sqrt(ops.sum(ops.square(batch.y_pred), -1, keepdims=True))
        valid = ops.ones_like(batch.y_true, "bool") if batch.valid is None else batch.valid
        ids = replicas.row_ids(x)
        keys, groups, keys_valid, keys_ids = map(replicas.gather, (x, batch.y_true, valid, ids))
        other = ops.logical_and(keys_valid[None], ops.not_equal(ids[:, None], keys_ids[None]))
        partner = ops.logical_and(other, ops.equal(batch.y_true[:, None], groups[None]))
        logits = ops.where(other, ops.matmul(x, ops.transpose(keys)) / self.temperature, -1e9)
        costs = ops.logsumexp(logits, -1, keepdims=True) - logits
        count = ops.sum(ops.cast(partner, x.dtype), -1)
        values = ops.sum(ops.where(partner, costs, 0), -1) / ops.maximum(count, 1)
        return keras_lossbox.Values(values, batch.weights, ops.logical_and(valid, count > 0))


class GaussianNLL(keras_lossbox.Loss):
    """Half the log of a predicted variance plus half the squared error over it."""

    def targets(self, y_pred):
        return targets.Parameters(count=2)

    def call(self, y_true, y_pred):
        mean, log_variance = ops.split(y_pred, 2, -1)
        return ops.mean(log_variance + ops.square(y_true - mean) * ops.exp(-log_variance), -1) / 2


def contrastive_by_loops(groups, x, temperature, rows):
    """The values of the anchors among `rows` that have a partner there, by loops."""
    x = x.astype("float64") / np.linalg.norm(x.astype("float64"), axis=-1, keepdims=True)
    values = {}
    for i in rows:
        others = [j for j in rows if j != i]
        partners = [j for j in others if groups[j] == groups[i]]
        if partners:
            log_sum = np.log(sum(np.exp(x[i] @ x[j] / temperature) for j in others))
            values[i] = np.mean([log_sum - x[i] @ x[p] / temperature for p in partners])
    return values


GROUPS = np.array([3, 7, 3, 7, 1, 3, 7, 9])


@pytest.fixture(name="embeddings")
def fixture_embeddings(rng):
    return rng.normal(size=(8, 4)).astype("float32")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("labels", [GROUPS, GROUPS[:, None], GROUPS * 10**9], ids=["n", "n1", "int64"])
def test_contrastive_is_the_loop(mode, labels, embeddings):
    expected = contrastive_by_loops(GROUPS, embeddings, 0.2, range(8))
    loss = SupervisedContrastive(0.2)
    value, gradient = value_and_gradient(
        lambda x: loss(labels, x), embeddings, mode=mode, unknown_batch=mode == "graph"
    )
    assert len(expected) == 6  # of group 1 and of group 9 there is one each: not defined, and not counted
    np.testing.assert_allclose(value, np.mean(list(expected.values())), rtol=1e-6)
    assert np.all(np.isfinite(gradient))
    assert np.any(gradient[4])  # which is still a partner of the others


@pytest.mark.parametrize("by", ["weight", "mask"])
def test_contrastive_without_a_row_is_that_of_the_others(by, embeddings):
    rest = [0, 1, 3, 4, 5, 6, 7]
    expected = contrastive_by_loops(GROUPS, embeddings, 0.1, rest)
    embeddings[2] = np.nan
    keep = np.isin(np.arange(8), rest)
    loss = SupervisedContrastive()
    if by == "weight":
        value = loss(GROUPS, embeddings, keep.astype("float32"))
    else:
        value = loss(GROUPS, with_mask(embeddings, keep))
    np.testing.assert_allclose(numpy(value), np.mean(list(expected.values())), rtol=1e-6)


def test_contrastive_weighs_anchors(embeddings):
    weights = np.array([1.0, 2.0, 0.5, 1.0, 3.0, 1.0, 1.0, 4.0])
    expected = contrastive_by_loops(GROUPS, embeddings, 0.1, range(8))
    loss = SupervisedContrastive(reduction="mean_with_sample_weight")
    average = np.average(list(expected.values()), weights=weights[list(expected)])
    np.testing.assert_allclose(numpy(loss(GROUPS, embeddings, weights)), average, rtol=1e-6)


def test_contrastive_of_one_sample_or_of_one_each_is_0(embeddings):
    for groups, x in ((GROUPS[:1], embeddings[:1]), (np.arange(8), embeddings)):
        value, gradient = value_and_gradient(lambda x: SupervisedContrastive()(groups, x), x)  # noqa: B023
        assert value == 0
        assert not np.any(gradient)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("outputs", [1, 3])
def test_gaussian_is_the_formula(mode, outputs, rng):
    y, p = rng.normal(size=(5, outputs)).astype("float32"), rng.normal(size=(5, 2 * outputs)).astype("float32")
    weights = np.array([1.0, 0.0, 2.0, 1.0, 0.5], "float32")
    mean, s = p.astype("float64")[:, :outputs], p.astype("float64")[:, outputs:]
    values = np.mean(s + (y - mean) ** 2 * np.exp(-s), -1) / 2
    p[1] = np.nan
    loss = GaussianNLL(reduction="mean_with_sample_weight")
    labels = y[:, 0] if outputs == 1 else y
    value, gradient = value_and_gradient(
        lambda z: loss(labels, z, weights), p, mode=mode, unknown_batch=mode == "graph"
    )
    np.testing.assert_allclose(value, np.average(values, weights=weights), rtol=2e-6)
    assert np.all(np.isfinite(gradient))
    assert not np.any(gradient[1])


def test_gaussian_says_what_does_not_fit():
    with pytest.raises(ValueError, match=r"GaussianNLL: the last axis of y_pred must hold 2 parameters .*\(4, 3\)"):
        GaussianNLL()(np.zeros((4, 1)), np.zeros((4, 3)))
    with pytest.raises(ValueError, match="GaussianNLL: y_true and y_pred must have .* with 2 in place of 4"):
        GaussianNLL()(np.zeros((4, 3)), np.zeros((4, 4)))


def test_what_cannot_be_is_an_error_that_says_so():
    """At the definition of the class where that is possible, else at the first call; with the name of the loss."""
    with pytest.raises(TypeError, match=r"Asks: `call` gets y_true and y_pred, and nothing for 'mask'.*compute"):

        class Asks(keras_lossbox.Loss):
            def call(self, y_true, y_pred, mask):
                return y_pred

    class Bare(keras_lossbox.Loss):
        def compute(self, batch):
            return ops.mean(batch.y_pred, -1)

    class Ignores(keras_lossbox.Loss):
        def ignored(self, batch):
            return ops.equal(batch.y_true, 0)

    class Several(keras_lossbox.Loss):
        axis = (1, 2)

        def call(self, y_true, y_pred):
            return ops.mean(ops.abs(y_true - y_pred), -1)

    class NoAxis(keras_lossbox.Loss):
        def targets(self, y_pred):
            return targets.Classes(axis=None)

    y, p = np.ones((2, 3)), np.zeros((2, 3))
    for call, message in (
        (lambda: Bare()(y, p), "Bare: `compute` must return keras_lossbox.Values. Received: "),
        (lambda: Ignores()(y, p), "Ignores: `ignored` must fit the loss values from the left"),
        (lambda: NoAxis()(y, p), "NoAxis: `axis`, that of the classes, must be an integer"),
        (lambda: SupervisedContrastive()([1, 2], [1.0, 2.0]), r"SupervisedContrastive: `y_pred` .*\(n, d\).*\(2,\)"),
        (lambda: SupervisedContrastive()([1, 2], np.ones((2, 3, 4))), r"Received: y_pred.shape=\(2, 3, 4\)"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    assert numpy(Several()(y, p)) == 1


@pytest.mark.skipif(BACKEND != "tensorflow", reason="only TensorFlow's graphs have unknown sizes")
def test_parameters_of_an_unknown_number_are_an_error():
    import tensorflow as tf

    run = tf.function(GaussianNLL(), input_signature=[tf.TensorSpec([None, 1]), tf.TensorSpec([None, None])])
    with pytest.raises(ValueError, match=r"GaussianNLL: the last axis of y_pred must hold 2 .*\(None, None\)"):
        run(tf.ones((2, 1)), tf.ones((2, 2)))


@pytest.mark.matrix
@pytest.mark.parametrize("loss", [SupervisedContrastive(0.5, reduction="sum"), GaussianNLL()], ids=str)
def test_they_train_are_saved_and_train_on(loss, rng, tmp_path):
    x = rng.normal(size=(16, 4)).astype("float32")
    y = rng.integers(0, 3, 16) if isinstance(loss, SupervisedContrastive) else rng.normal(size=(16, 1))
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.compile("adam", loss=loss)
    model.fit(x, y, epochs=2, verbose=0)
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert repr(again.loss) == repr(loss)
    assert again.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
    [ours], [theirs] = (m.fit(x, y, verbose=0).history["loss"] for m in (again, model))
    assert ours == pytest.approx(theirs, rel=1e-6)


REPLICAS = """
import json, sys
import keras, numpy as np, tensorflow as tf
sys.path[:0] = [{tests!r}, {here!r}]
from test_own_kinds_of_data import GaussianNLL, SupervisedContrastive

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(tf.config.list_logical_devices("CPU"))
rng = np.random.default_rng(0)
x = rng.normal(size=(22, 4)).astype("float32")
weights = rng.integers(0, 3, 22).astype("float32")

def trained(loss, y):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.compile(keras.optimizers.SGD(0.05), loss=loss)
    logs = model.fit(x, y, batch_size=8, epochs=2, sample_weight=weights, shuffle=False, verbose=0).history
    return np.concatenate([w.ravel() for w in model.get_weights()] + [logs["loss"]])

found = {{}}
for loss, y in ((SupervisedContrastive(0.5), rng.integers(0, 3, 22)), (GaussianNLL(), rng.normal(size=(22, 1)))):
    one = trained(loss, y)
    with strategy.scope():
        several = trained(loss, y)
    found[type(loss).__name__] = float(np.max(np.abs(one - several)))
print("FOUND", json.dumps(found))
"""


@pytest.mark.matrix
@pytest.mark.skipif(BACKEND != "tensorflow", reason="tf.distribute is TensorFlow's")
def test_two_replicas_train_like_one_device():
    """With weights, and a last batch of six; SupervisedContrastive compares the samples of both."""
    import pathlib

    here = pathlib.Path(__file__).parent
    script = REPLICAS.format(tests=str(here.parent), here=str(here))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=600, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("FOUND ")]
    assert lines, done.stderr[-2000:]
    found = json.loads(lines[0].removeprefix("FOUND "))
    assert set(found) == {"SupervisedContrastive", "GaussianNLL"}
    assert max(found.values()) < 2e-6, found
