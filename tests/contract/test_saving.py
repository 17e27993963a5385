"""A model compiled with a loss goes through every way that Keras has to store it, and comes back with the same loss."""

import inspect
import json
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
from backends import BACKEND
from cases import LONG, MAIN_CASES, TYPICAL

import keras_lossbox

pytestmark = pytest.mark.xdist_group("saving")
HERE = pathlib.Path(__file__).parent
numpy = keras.ops.convert_to_numpy
TRAINABLE = list({case.cls: case for case in MAIN_CASES if case.options.get("surrogate", "any") is not None}.values())


def loss_of(case):
    return case.build(reduction="mean_with_sample_weight", name="my_loss")


def what_is_saved(case, loss, y, p):
    return {
        "class": f"{case.cls.__module__}.{case.name}",
        "config": loss.get_config(),
        "value": numpy(loss(y, p)).tobytes().hex(),
    }


def as_list(one_or_more):
    return one_or_more if isinstance(one_or_more, list) else [one_or_more]


def in_a_fresh_process(folder):
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONWARNINGS"}
    subprocess.run([sys.executable, HERE / "reload.py", folder], check=True, timeout=300, env=environment)
    found = json.loads((folder / "found.json").read_text())
    assert found["modules"] == []
    return found


def save_one_model_of(cases, path, run_eagerly=True):
    """A model with an output and a loss for every case, saved after one epoch: what another process must find."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(8, 4)).astype("float32")
    ys, ps = zip(*(case.data(rng, (8,)) for case in cases), strict=True)
    keras.utils.set_random_seed(1)
    inputs = keras.Input((4,))
    outputs, losses, labels = [case.head()(inputs) for case in cases], [loss_of(case) for case in cases], list(ys)
    if len(cases) == 1:
        [outputs], [losses], [labels] = outputs, losses, labels
    model = keras.Model(inputs, outputs)
    model.compile("adam", loss=losses, run_eagerly=run_eagerly)
    model.fit(x, labels, epochs=1, verbose=0)
    saved = {
        "losses": [what_is_saved(*each) for each in zip(cases, as_list(model.loss), ys, ps, strict=True)],
        "predictions": [numpy(output).tobytes().hex() for output in as_list(model(x))],
        "evaluated": model.evaluate(x, labels, verbose=0),
    }
    model.save(path)
    arrays = {f"{name}{i}": array for name, arrays in (("y", ys), ("p", ps)) for i, array in enumerate(arrays)}
    np.savez(path.with_suffix(".npz"), x=x, **arrays)
    return saved


@pytest.mark.parametrize("cases", [TYPICAL, pytest.param(TRAINABLE, marks=LONG)], ids=["some", "all"])
def test_one_model_of_several_losses_in_a_fresh_process(cases, tmp_path):
    """They are losses of one model, which is saved, loaded by a process of its own, and trained on there."""
    saved = save_one_model_of(cases, tmp_path / "several.keras")
    found = in_a_fresh_process(tmp_path)["several"]
    for case, before, after in zip(cases, saved["losses"], found["losses"], strict=True):
        assert after == before, str(case)
    for part in ("predictions", "evaluated"):
        assert found[part] == saved[part], part
    assert found["steps"] == 3  # one epoch before, two after
    assert np.all(np.isfinite(found["trained"]))


@pytest.fixture(scope="module")
def reloaded(request, tmp_path_factory):
    """Each class that is tried with a model of its own, all loaded in one other process: (what was, what came back)."""
    folder = tmp_path_factory.mktemp("models")
    saved = {}
    tried = [item.callspec.params["case"] for item in request.session.items if "reloaded" in item.fixturenames]
    for number, case in enumerate(tried):
        path = folder / f"{number:03d}.keras"
        # a graph for one in eight: tracing takes the time
        saved[str(case)] = path.stem, save_one_model_of([case], path, run_eagerly=number % 8 > 0)
    found = in_a_fresh_process(folder)
    return {case: (what, found[stem]) for case, (stem, what) in saved.items()}


@pytest.mark.matrix
@pytest.mark.parametrize("case", TRAINABLE, ids=str)
def test_keras_file_in_a_fresh_process(case, reloaded):
    saved, found = reloaded[str(case)]
    for part, value in saved.items():
        assert found[part] == value, part
    assert found["steps"] == 3  # one epoch before, two after
    assert np.all(np.isfinite(found["trained"]))


EXAMPLE = keras_lossbox.BinaryCrossentropy(
    from_logits=True, pos_weight=np.array([1.0, 2.0, 3.0]), name="bce", dtype="float16", reduction="sum"
)


@pytest.fixture
def trained(rng):
    """A model of one output, trained for a step, and its data."""
    keras.utils.set_random_seed(2)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile("adam", loss=EXAMPLE)
    x, y = rng.normal(size=(8, 4)).astype("float32"), (rng.random((8, 3)) < 0.4).astype("float32")
    model.fit(x, y, verbose=0)
    return model, x, y


def assert_same_loss(loss, y, p):
    assert type(loss) is keras_lossbox.BinaryCrossentropy
    assert loss.get_config() == EXAMPLE.get_config()
    assert numpy(loss(y, p)) == numpy(EXAMPLE(y, p))


@pytest.mark.matrix
def test_json_and_weights(trained, tmp_path):
    model, x, y = trained
    compiled = json.loads(json.dumps(model.get_compile_config()))
    again = keras.models.model_from_json(model.to_json())
    model.save_weights(tmp_path / "m.weights.h5")
    again.load_weights(tmp_path / "m.weights.h5")
    again.compile_from_config(compiled)
    assert_same_loss(again.loss, y, again.predict(x, verbose=0))
    assert again.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)


@pytest.mark.matrix
def test_clone_model(trained):
    model, x, y = trained
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    clone.compile_from_config(model.get_compile_config())
    assert_same_loss(clone.loss, y, clone.predict(x, verbose=0))
    assert clone.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)


def test_model_checkpoint(trained, tmp_path):
    model, x, y = trained
    path = tmp_path / "best.keras"
    model.fit(x, y, callbacks=[keras.callbacks.ModelCheckpoint(path, monitor="loss", mode="min")], verbose=0)
    again = keras.saving.load_model(path)
    assert_same_loss(again.loss, y, again.predict(x, verbose=0))
    assert again.fit(x, y, verbose=0).history["loss"] == model.fit(x, y, verbose=0).history["loss"]


def test_backup_and_restore(trained, tmp_path):
    model, x, y = trained

    class Interrupt(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, epochs=4, callbacks=[keras.callbacks.BackupAndRestore(tmp_path), Interrupt()], verbose=0)
    epochs = model.fit(x, y, epochs=4, callbacks=[keras.callbacks.BackupAndRestore(tmp_path)], verbose=0).epoch
    assert epochs == [2, 3]
    assert_same_loss(model.loss, y, model.predict(x, verbose=0))


@pytest.mark.matrix
@pytest.mark.one_in(2)
@pytest.mark.parametrize("container", ["list", "dict"])
def test_several_outputs(container, rng, tmp_path):
    inputs = keras.Input((4,))
    outputs = {
        "yes_no": keras.layers.Dense(1, name="yes_no")(inputs),
        "which": keras.layers.Dense(3, name="which")(inputs),
        "how_much": keras.layers.Dense(2, name="how_much")(inputs),
    }
    losses = {
        "yes_no": keras_lossbox.BinaryCrossentropy(from_logits=True, pos_weight=3.0),
        "which": keras_lossbox.SparseCategoricalCrossentropy(from_logits=True, class_weight=[1.0, 2.0, 3.0]),
        "how_much": keras_lossbox.Huber(delta=0.5),
    }
    x = rng.normal(size=(8, 4)).astype("float32")
    y = {"yes_no": rng.integers(0, 2, (8, 1)), "which": rng.integers(0, 3, 8), "how_much": rng.normal(size=(8, 2))}
    if container == "list":
        outputs, losses, y = list(outputs.values()), list(losses.values()), list(y.values())
    model = keras.Model(inputs, outputs)
    model.compile("sgd", loss=losses)
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    for before, after in zip(
        losses.values() if container == "dict" else losses,
        again.loss.values() if container == "dict" else again.loss,
        strict=True,
    ):
        assert type(after) is type(before)
        assert after.get_config() == before.get_config()
    assert again.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
    again.fit(x, y, verbose=0)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_h5_file_keeps_the_loss_although_keras_cannot_train_it_on(trained, tmp_path):
    model, x, y = trained
    model.save(tmp_path / "m.h5")
    again = keras.saving.load_model(tmp_path / "m.h5")
    assert_same_loss(again.loss, y, again.predict(x, verbose=0))


def test_an_option_of_a_newer_version_is_an_error_that_says_so(trained):
    model, _, _ = trained
    config = model.get_compile_config()
    config["loss"]["config"]["brightness"] = 3
    with pytest.raises(ValueError, match=r"BinaryCrossentropy: no option is called 'brightness'.* newer version"):
        model.compile_from_config(config)


def test_a_config_of_an_older_version_without_later_options_loads():
    loss = keras_lossbox.Huber.from_config({"delta": 2.0})
    assert loss.get_config() == keras_lossbox.Huber(delta=2.0).get_config()


FROZEN = json.loads((HERE.parent / "frozen_names.json").read_text())


def test_registered_names_on_disk_never_change():
    """(package, registered name, options) is what saved models hold: this list may only grow."""
    now = {
        keras.saving.get_registered_name(cls): sorted(inspect.signature(cls).parameters)
        for cls in keras_lossbox.available().values()
    }
    for name, options in FROZEN.items():
        assert set(options) <= set(now[name])
    assert set(now) == set(FROZEN), "add the new loss to frozen_names.json"


@pytest.mark.skipif(BACKEND != "tensorflow", reason="the symbols of a SavedModel are TensorFlow's")
def test_exported_model_does_not_need_the_package(trained, tmp_path):
    model, x, _ = trained
    model.export(tmp_path / "exported", verbose=False)
    import tensorflow as tf

    exported = tf.saved_model.load(tmp_path / "exported")
    np.testing.assert_allclose(exported.serve(x), model.predict(x, verbose=0), rtol=1e-6)
