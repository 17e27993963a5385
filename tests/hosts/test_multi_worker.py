"""The examples of training on several hosts and devices: each trains as one process on one device does."""

import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys

import keras
import numpy as np
import pytest
from backends import BACKEND

import keras_lossbox

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"
EPOCHS = 2
pytestmark = [pytest.mark.matrix, pytest.mark.xdist_group("multi_worker")]


def run(*command, **environment):
    """What a process prints that must not fail."""
    environment = {key: value for key, value in os.environ.items() if key != "TF_CONFIG"} | environment
    done = subprocess.run(
        [sys.executable, *map(str, command)], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.skipif(BACKEND != "tensorflow", reason="MultiWorkerMirroredStrategy is TensorFlow's")
def test_two_workers_train_as_one_process(tmp_path, monkeypatch):
    """The last batch has five samples: three for one worker and two for the other. The reference is Keras's `fit`."""
    printed = run(EXAMPLES / "multi_worker.py", "--local", 2, "--epochs", EPOCHS, "--save", tmp_path)
    losses = np.array(json.loads((tmp_path / "losses.json").read_text()))
    found = keras.saving.load_model(tmp_path / "model.keras")

    monkeypatch.syspath_prepend(EXAMPLES)
    from small_model import BATCH_SIZE, make_data, make_model

    model, (x, y, weights) = make_model(), make_data()
    log = model.fit(x, y, BATCH_SIZE, EPOCHS, sample_weight=weights, shuffle=False, verbose=0).history
    assert type(found.loss) is keras_lossbox.BinaryCrossentropy
    assert found.loss.get_config() == model.loss.get_config()
    assert max(np.abs(np.diff(losses, axis=0))[0]) > 0.01  # it did learn
    sizes = [len(x[start : start + BATCH_SIZE]) for start in range(0, len(x), BATCH_SIZE)]
    np.testing.assert_allclose(np.average(losses, 1, sizes), log["loss"], rtol=1e-6)
    for ours, theirs in zip(found.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)
    for worker in (0, 1):  # both know the loss of the whole batch
        means = re.findall(rf"worker {worker}, epoch \d: mean loss of a batch ([\d.]+)", printed)
        assert np.array(means, float) == pytest.approx(losses.mean(1), abs=1e-6)  # printed with six decimals


ON_ONE_DEVICE = """
import json, sys, keras
from small_model import BATCH_SIZE, make_data, make_model

model, (x, y, weights) = make_model(), make_data()
log = model.fit(x, y, BATCH_SIZE, int(sys.argv[2]), sample_weight=weights, shuffle=False, verbose=0).history
model.save_weights(sys.argv[1] + "/one.weights.h5")
keras.distribution.set_distribution(keras.distribution.DataParallel())
try:
    make_model().fit(x, y, BATCH_SIZE, sample_weight=weights, verbose=0)
except Exception as error:
    print(json.dumps([log["mean_loss"], str(error)]))
"""


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
def test_four_devices_of_jax_train_as_one(tmp_path):
    """The reference is Keras's `fit` on one of them, which takes the short last batch. On four, Keras cannot."""
    four = {"KERAS_BACKEND": "jax", "XLA_FLAGS": "--xla_force_host_platform_device_count=4"}
    printed = run(EXAMPLES / "data_parallel_jax.py", "--epochs", EPOCHS, "--save", tmp_path, **four)
    assert printed.startswith("4 devices\n")
    path = os.pathsep.join([str(EXAMPLES), *filter(None, [os.environ.get("PYTHONPATH")])])
    mean_losses, error = json.loads(run("-c", ON_ONE_DEVICE, tmp_path, EPOCHS, **four, PYTHONPATH=path))
    assert "partitioned 4 times, but the dimension size is 5" in error
    np.testing.assert_allclose(json.loads((tmp_path / "losses.json").read_text()), mean_losses, rtol=1e-6)
    found = keras.saving.load_model(tmp_path / "model.keras")
    expected = keras.models.clone_model(found)
    expected.load_weights(tmp_path / "one.weights.h5")
    for ours, theirs in zip(found.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)
