"""Whole trainings behind a `LinearHead`: those of the same model with `Dense` and a loss of Keras, the oracle."""

import warnings

import keras
import numpy as np
import pytest
from backends import BACKEND

import keras_lossbox

if BACKEND != "tensorflow":
    pytest.skip("the chunked path is TensorFlow's", allow_module_level=True)

import tensorflow as tf

CLASSES = 20
OURS = lambda: keras_lossbox.SparseCategoricalCrossentropy(from_logits=True)  # noqa: E731
THEIRS = lambda: keras.losses.SparseCategoricalCrossentropy(from_logits=True)  # noqa: E731


def models(rng, policy="float32", body=0):
    """A model with `Dense` and one with a `LinearHead`, of equal weights."""
    built = []
    for head in (keras.layers.Dense, keras_lossbox.LinearHead):
        keras.utils.set_random_seed(0)
        layers = [keras.layers.Dense(body, "tanh", dtype=policy)] if body else []
        built.append(keras.Sequential([keras.Input((8,)), *layers, head(CLASSES, dtype=policy)]))
    built[1].set_weights(built[0].get_weights())
    return built


@pytest.fixture(name="data")
def fixture_data(rng):
    return rng.normal(size=(64, 8)).astype("float32"), rng.integers(0, CLASSES, 64)


@pytest.mark.matrix
@pytest.mark.one_in(2)
@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_metric_is_of_the_weights_that_made_the_logits(jit_compile, data, rng):
    """Keras updates metrics after the optimizer's step."""
    logs = []
    for model, loss in zip(models(rng), (THEIRS, OURS), strict=True):
        metric = keras_lossbox.MeanLoss(loss(), name="metric")
        model.compile(keras.optimizers.SGD(5.0), loss(), metrics=[loss(), metric], jit_compile=jit_compile)
        logs.append(list(model.fit(*data, batch_size=32, epochs=2, shuffle=False, verbose=0).history.values()))
    np.testing.assert_allclose(logs[1], logs[0], rtol=1e-5)


def test_a_train_step_that_logs_after_the_update(data, rng):
    class Logs(keras.Sequential):
        def train_step(self, batch):
            x, y = batch
            with tf.GradientTape() as tape:
                logits = self(x, training=True)
                value = self.compute_loss(x, y, logits)
            variables = self.trainable_variables
            self.optimizer.apply_gradients(zip(tape.gradient(value, variables), variables, strict=True))
            return {"before": value, "after": self.compute_loss(x, y, logits)}

    for model, loss in zip(models(rng), (THEIRS, OURS), strict=True):
        logging = Logs(model.layers)
        logging.build((None, 8))
        logging.compile(keras.optimizers.SGD(5.0), loss())
        logs = logging.fit(*data, batch_size=64, verbose=0).history
        np.testing.assert_allclose(logs["after"], logs["before"], rtol=1e-6)


def test_other_weights_by_stateless_call(data, rng):
    """Loss and gradients at three times the weights, in a graph, as in MAML."""
    results = []
    for model, loss in zip(models(rng, body=5), (THEIRS(), OURS()), strict=True):

        @tf.function
        def run(values):
            with tf.GradientTape() as tape:
                tape.watch(values)
                logits, _ = model.stateless_call(values, [], data[0])  # noqa: B023
                value = loss(data[1], logits)  # noqa: B023
            return value, tape.gradient(value, values)

        value, gradients = run([3 * w.value for w in model.trainable_variables])
        results.append([value, *gradients])
    for ours, theirs in zip(results[1], results[0], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_logits_of_outside_the_tape_have_no_gradient(data, rng):
    for model, loss in zip(models(rng), (THEIRS(), OURS()), strict=True):

        @tf.function
        def run():
            logits = model(data[0])  # noqa: B023
            with tf.GradientTape() as tape:
                value = loss(data[1], logits)  # noqa: B023
            return [g is None for g in tape.gradient(value, model.trainable_variables)]  # noqa: B023

        assert all(run())


@pytest.mark.parametrize(
    "reduction, weight",
    [
        pytest.param(reduction, weight, marks=[] if usual else [pytest.mark.matrix])
        for reduction in ("sum_over_batch_size", "sum", "mean_with_sample_weight")
        for weight in (1e-8, 1e-5, 1.0, 1e5, 1e6)
        for usual in [(reduction, weight) in (("sum", 1e-8), ("mean_with_sample_weight", 1e6))]
    ],
)
def test_mixed_precision_with_weights_of_any_size(weight, reduction, data, rng):
    """What a step moves, with the loss scaling that Keras adds; Keras's `Dense` in float32 is the oracle."""
    x, y = data
    weights = (weight * (0.5 + rng.random(64))).astype("float32")
    size = 1.0 if reduction == "mean_with_sample_weight" else weight  # so that the loss is about 1, but for the scale
    gradients = []
    for policy, scale in (("float32", 1.0), ("mixed_float16", 2.0**12)):
        model = models(rng, policy, body=6)[policy != "float32"]
        loss = (OURS if policy != "float32" else THEIRS)()
        loss = type(loss).from_config(loss.get_config() | {"reduction": reduction})

        @tf.function
        def run():
            with tf.GradientTape() as tape:
                value = scale / size * loss(y, model(x), weights)  # noqa: B023
            return [g / scale for g in tape.gradient(value, model.trainable_variables)]  # noqa: B023

        gradients.append(run())
    for ours, theirs in zip(gradients[1], gradients[0], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=5e-3 * np.abs(theirs).max())


@pytest.mark.matrix
@pytest.mark.one_in(2)
@pytest.mark.parametrize("weight", [1e-6, 1e6])
def test_mixed_precision_trains_with_loss_scaling(weight, rng):
    x = rng.normal(size=(256, 8)).astype("float32")
    y = x[:, :4].argmax(-1)
    weights = np.full(256, weight, "float32")
    model = models(rng, "mixed_float16", body=16)[1]
    loss = keras_lossbox.SparseCategoricalCrossentropy(True, reduction="mean_with_sample_weight")
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.02))
    model.compile(optimizer, loss, metrics=["accuracy"])
    accuracy = model.fit(x, y, sample_weight=weights, epochs=10, verbose=0).history["accuracy"]
    assert accuracy[-1] > 0.8


@pytest.mark.matrix
def test_a_quantised_tie_is_an_error(rng):
    tokens = keras.Input((5,), dtype="int32")
    embedding = keras.layers.Embedding(50, 16)
    model = keras.Model(
        tokens, keras_lossbox.LinearHead(50, tied_to=embedding)(keras.layers.Dense(16)(embedding(tokens)))
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the layers that have nothing to quantize
        model.quantize("int8")
    with pytest.raises(ValueError, match=r"LinearHead: `tied_to` is quantized \(int8\).*untied"):
        model.predict(np.zeros((2, 5), int), verbose=0)


def test_logits_that_are_taken_for_probabilities_are_an_error(data):
    """In a graph, where the logits say what they are."""
    for loss in (keras_lossbox.SparseCategoricalCrossentropy(), keras_lossbox.BinaryCrossentropy()):
        model = keras.Sequential([keras.Input((8,)), keras_lossbox.LinearHead(CLASSES)])
        model.compile("sgd", loss)
        with pytest.raises(ValueError, match="`from_logits` must be True: y_pred are the logits of a LinearHead"):
            model.fit(data[0], data[1] if "sparse" in loss.name else np.eye(CLASSES)[data[1]], verbose=0)
