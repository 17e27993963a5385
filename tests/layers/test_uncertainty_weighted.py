"""`UncertaintyWeighted`: against a float64 loop of SGD, tasks without labels, saving, replicas, bad input."""

import json
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

import keras_lossbox as box

numpy = ops.convert_to_numpy
RATE, BATCH = 0.05, 4


def data():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(12, 3)).astype("float32")
    y = {"price": rng.normal(2, 3, (12, 1)).astype("float32"), "sold": (rng.random((12, 1)) < 0.4).astype("float32")}
    return x, y


def inner():
    keras.utils.set_random_seed(1)
    x = keras.Input((3,))
    return keras.Model(x, {name: keras.layers.Dense(1, use_bias=False)(x) for name in ("price", "sold")})


def losses(**options):
    return {
        "price": box.MeanSquaredError(**options),
        "sold": box.BinaryCrossentropy(from_logits=True, **options),
    }


def wrapped(model=None, tasks=None, **options):
    model = box.UncertaintyWeighted(model or inner(), tasks or losses(), **options)
    model.compile(keras.optimizers.SGD(RATE))
    return model


def trained(model, epochs=3, weights=None):
    x, y = data()
    return model.fit(x, y, sample_weight=weights, batch_size=BATCH, epochs=epochs, shuffle=False, verbose=0).history


def by_hand(kernels, positive=False, epochs=3, weights=None):
    """SGD by the formulas of the two papers, in float64: the kernels, s, and the last epoch's losses and weights."""
    x, y = data()
    x, y = x.astype("float64"), [y["price"].astype("float64"), y["sold"].astype("float64")]
    kernels, s, factor = [k.astype("float64") for k in kernels], np.zeros(2), np.array([0.5, 1.0])
    weights = [np.ones(12)] * 2 if weights is None else [weights["price"], weights["sold"]]
    for _ in range(epochs):
        log = []
        for start in range(0, 12, BATCH):
            rows = slice(start, start + BATCH)
            found, slopes = [], []
            for task in range(2):
                z, label, w = x[rows] @ kernels[task], y[task][rows], weights[task][rows, None]
                value = (z - label) ** 2 if task == 0 else np.logaddexp(0, z) - label * z
                slope = 2 * (z - label) if task == 0 else 1 / (1 + np.exp(-z)) - label
                found.append(np.sum(w * value) / BATCH)
                slopes.append(x[rows].T @ (w * slope) / BATCH)
            there = np.array([np.any(w[rows]) for w in weights])
            w = factor * np.exp(-s)
            log.append((sum(there * (w * found + (np.log1p(np.exp(s)) if positive else s / 2))), *found, *w))
            more = 1 / (1 + np.exp(-s)) if positive else 0.5
            s = s - RATE * there * (more - w * found)
            kernels = [k - RATE * share * slope for k, share, slope in zip(kernels, w, slopes, strict=True)]
    return kernels, s, np.mean(log, 0)


def assert_by_hand(model, history, expected):
    kernels, s, log = expected
    for found, kernel in zip((model.model.layers[1], model.model.layers[2]), kernels, strict=True):
        np.testing.assert_allclose(numpy(found.kernel), kernel, rtol=2e-5, atol=2e-6)
    np.testing.assert_allclose([float(numpy(v)) for v in model.log_variances], s, rtol=2e-5, atol=2e-6)
    names = ("loss", "price_loss", "sold_loss", "price_weight", "sold_weight")
    np.testing.assert_allclose([history[name][-1] for name in names], log, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("positive", [False, True])
def test_a_loop_by_hand(positive):
    model = wrapped(positive=positive)
    kernels = [numpy(layer.kernel) for layer in model.model.layers[1:]]
    history = trained(model)
    assert set(history) == {"loss", "price_loss", "sold_loss", "price_weight", "sold_weight"}
    assert_by_hand(model, history, by_hand(kernels, positive))


def test_sample_weights_and_a_batch_without_labels():
    """A task whose weights are all 0 in a batch adds nothing to it, not even s."""
    weights = {"price": np.r_[np.zeros(4), np.arange(8.0)], "sold": np.r_[np.ones(8), np.zeros(4)]}
    model = wrapped()
    kernels = [numpy(layer.kernel) for layer in model.model.layers[1:]]
    history = trained(model, 1, weights)
    expected = by_hand(kernels, epochs=1, weights=weights)
    for found, kernel in zip(model.model.layers[1:], expected[0], strict=True):
        np.testing.assert_allclose(numpy(found.kernel), kernel, rtol=2e-5, atol=2e-6)
    np.testing.assert_allclose([float(numpy(v)) for v in model.log_variances], expected[1], rtol=2e-5)
    np.testing.assert_allclose(history["loss"][-1], expected[2][0], rtol=2e-5)


@pytest.mark.parametrize("sum_of_two", [False, True])
def test_missing_labels(sum_of_two):
    """With `Masked`, also inside a sum: the same as weights of 0, for the model and for s."""
    loss = box.Masked(box.BinaryCrossentropy(from_logits=True))
    model = wrapped(tasks=losses() | {"sold": loss + 0.0 * loss if sum_of_two else loss}, kinds=KINDS)
    x, y = data()
    y["sold"][:] = np.nan
    history = model.fit(x, y, batch_size=BATCH, verbose=0).history
    assert float(numpy(model.log_variances[1])) == 0
    assert float(numpy(model.log_variances[0])) != 0
    assert np.isfinite(history["loss"][0])
    assert history["sold_loss"][0] == 0


KINDS = {"price": "regression", "sold": "classification"}


@pytest.mark.matrix
def test_saved_and_reloaded_it_goes_on(tmp_path):
    model = wrapped()
    trained(model)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.kinds == KINDS
    assert repr(again.task_losses) == repr(model.task_losses)
    for one, other in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(numpy(one), numpy(other))
    assert trained(again, 1) == trained(model, 1)
    x, _ = data()
    for name, values in model.predict(x, verbose=0).items():
        np.testing.assert_array_equal(again.predict(x, verbose=0)[name], values)


@pytest.mark.matrix
def test_a_list_of_outputs_losses_of_keras_regularizers_and_metrics(tmp_path):
    keras.utils.set_random_seed(1)
    x = keras.Input((3,))
    first, second = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L2(0.1))(x), keras.layers.Dense(1)(x)
    tasks = [keras.losses.MeanSquaredError(), keras.losses.BinaryCrossentropy(from_logits=True)]
    model = box.UncertaintyWeighted(keras.Model(x, [first, second]), tasks)
    model.compile("sgd", metrics=[["mae"], []])
    rows, y = data()
    labels = [y["price"], y["sold"]]
    found = model.evaluate(rows, labels, verbose=0, return_dict=True)
    kernel = numpy(model.model.layers[1].kernel)
    expected = 0.5 * found["output_0_loss"] + found["output_1_loss"] + 0.1 * np.sum(kernel**2)
    np.testing.assert_allclose(found["loss"], expected, rtol=1e-5)
    assert any("mean_absolute_error" in name or "mae" in name for name in found)
    model.fit(rows, labels, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.evaluate(rows, labels, verbose=0) == model.evaluate(rows, labels, verbose=0)


NO_KIND = {"price": box.GaussianNLL(), "sold": box.BinaryCrossentropy(from_logits=True)}


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"model": "a model"}, "`model` must be a keras.Model. Received: model='a model'"),
        ({"losses": box.MeanSquaredError()}, "`losses` must be a dict or list with a loss for each output"),
        ({"losses": {}}, "`losses` must be a dict or list"),
        ({"losses": losses() | {"sold": "bce"}}, "`losses` must hold instances of losses .*'sold'. Received: 'bce'"),
        ({"losses": losses(reduction="none")}, ".*whose reduction is not 'none', as for the output 'price'"),
        (
            {"losses": NO_KIND},
            "`kinds` must say 'regression' or 'classification' for the output 'price'.*Received: None",
        ),
        ({"losses": losses() | {"price": box.CosineSimilarity()}}, "`kinds` must say .* for the output 'price'"),
        ({"losses": losses() | {"price": box.Poisson()}}, "`kinds` must say .* for the output 'price'"),
        (
            {"losses": losses() | {"more": box.Huber()}},
            "`losses` must hold one .* 'more'\\], outputs \\['price', 'sold'\\]",
        ),
        ({"losses": {"sold": box.Huber()}}, "`losses` must hold one loss for each of the model's outputs"),
        ({"losses": [box.Huber(), box.Huber()]}, r"`losses` must hold .*\['output_0', 'output_1'\], outputs \['price'"),
        ({"model": keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])}, r"`losses` .* outputs \['\(a single"),
        ({"kinds": "regression"}, "`kinds` must be a dict or list, like the losses, or None. Received: 'regression'"),
        ({"kinds": {"price": "regression"}}, r"`kinds` must have one of .* for each of \['price', 'sold'\]"),
        ({"kinds": KINDS | {"sold": "other"}}, "`kinds` must say .* for the output 'sold'.*Received: 'other'"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=f"UncertaintyWeighted: {message}"):
        box.UncertaintyWeighted(**({"model": inner(), "losses": losses()} | arguments))


@pytest.mark.parametrize("graph", [True, False])
def test_a_label_out_of_range_leaves_the_model_as_it_was(graph):
    """The step fails before anything is updated with a NaN."""
    if keras.config.backend() == "jax":
        pytest.skip("JAX cannot fail in a step")
    model = wrapped()
    model.run_eagerly = not graph
    x, y = data()
    model.fit(x, y, batch_size=12, verbose=0)
    with pytest.raises(Exception, match="`y_true` must hold"):
        model.fit(x, y | {"sold": y["sold"] + 1}, batch_size=12, verbose=0)
    assert np.isfinite([float(numpy(v)) for v in model.log_variances]).all()
    assert all(np.isfinite(numpy(weight)).all() for weight in model.weights)
    assert np.isfinite(model.fit(x, y, verbose=0).history["loss"]).all()


def test_a_dict_of_losses_for_a_list_of_outputs_and_masked_losses_of_keras():
    keras.utils.set_random_seed(1)
    x = keras.Input((3,))
    outputs = [keras.layers.Dense(1, name="price", use_bias=False)(x), keras.layers.Dense(1, name="sold")(x)]
    tasks = {
        "sold": box.Masked(keras.losses.BinaryCrossentropy(from_logits=True)),
        "price": box.Masked(keras.losses.Huber()),
    }
    model = box.UncertaintyWeighted(keras.Model(x, outputs), tasks)
    assert model.kinds == {"sold": "classification", "price": "regression"}
    model.compile("sgd")
    rows, y = data()
    found = model.evaluate(rows, [y["price"], y["sold"]], verbose=0, return_dict=True)
    predictions = [numpy(z) for z in model(rows)]
    np.testing.assert_allclose(found["price_loss"], float(keras.losses.Huber()(y["price"], predictions[0])), rtol=1e-5)


def test_a_task_may_be_called_anything():
    x = keras.Input((3,))
    model = box.UncertaintyWeighted(
        keras.Model(x, {"m/s": keras.layers.Dense(1)(x), "°C": keras.layers.Dense(1)(x)}),
        {"m/s": box.Huber(), "°C": box.Huber()},
    )
    assert list(model.kinds) == ["m/s", "°C"]


def test_weights_without_data(tmp_path):
    """The model is built as soon as the one that it is made of is."""
    model = wrapped()
    trained(model)
    model.save_weights(tmp_path / "model.weights.h5")
    again = wrapped()
    again.load_weights(tmp_path / "model.weights.h5")
    for one, other in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(numpy(one), numpy(other))


def test_bad_input_of_compile_and_fit():
    model = wrapped()
    with pytest.raises(
        ValueError, match="UncertaintyWeighted: `loss` must not be given to `compile`.*Received: loss='mse'"
    ):
        model.compile("sgd", loss="mse")
    x, y = data()
    with pytest.raises(ValueError, match=r"`y` must have an entry for each of \['price', 'sold'\], in a dict"):
        model.compute_loss(x, [y["price"]], model(x))


REPLICAS = """
import json, sys
import keras, numpy as np, tensorflow as tf
sys.path[:0] = {paths!r}
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(tf.config.list_logical_devices("CPU"))
from test_uncertainty_weighted import numpy, trained, wrapped

def found(weights):
    model = wrapped()
    log = trained(model, weights=weights)
    return [float(w) for v in model.weights for w in numpy(v).ravel()] + [values[-1] for values in log.values()]

differences = []
for weights in (None, {{"price": np.r_[0, 0, np.ones(10)], "sold": np.r_[np.ones(8), np.zeros(4)]}}):
    one = found(weights)
    with strategy.scope():
        several = found(weights)
    differences.append(float(np.max(np.abs(np.subtract(one, several)))))
print("FOUND", json.dumps(differences))
"""


@pytest.mark.matrix
@pytest.mark.skipif(keras.config.backend() != "tensorflow", reason="tf.distribute is TensorFlow's")
def test_two_replicas_train_like_one_device():
    """A task without labels on one of them, and on both."""
    here = pathlib.Path(__file__).parent
    script = REPLICAS.format(paths=[str(here), str(here.parent)])
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=600, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("FOUND ")]
    assert lines, done.stderr[-2000:]
    assert max(json.loads(lines[0].removeprefix("FOUND "))) < 2e-6
