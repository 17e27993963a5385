"""A model saved on one backend of Keras has the same loss, numbers and training on every other."""

import importlib.util
import os
import pathlib
import subprocess
import sys

import keras
import pytest
from backends import BACKEND

SCRIPT = pathlib.Path(__file__).parent / "exchange.py"
BACKENDS = ("tensorflow", "jax", "torch")
pytestmark = pytest.mark.xdist_group("backends")


def run(backend, what, folder):
    """Runs `exchange.py` on a backend; what it prints."""
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed: exchange.py can be run by hand between two environments")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONWARNINGS"}
    done = subprocess.run(
        [sys.executable, SCRIPT, what, folder],
        env=environment | {"KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module", params=BACKENDS)
def written(request, tmp_path_factory):
    """A backend, and a folder with what it has saved."""
    folder = tmp_path_factory.mktemp(request.param)
    run(request.param, "write", folder)
    return request.param, folder


@pytest.mark.matrix
@pytest.mark.parametrize("reader", BACKENDS)
def test_model_of_another_backend(written, reader):
    writer, folder = written
    if reader == writer:
        pytest.skip("test_saving.py covers it")
    print(run(reader, "read", folder))


@pytest.mark.skipif(BACKEND != "torch", reason="only PyTorch has optimizers of its own in Keras")
def test_a_file_from_pytorch_names_its_own_optimizer():
    """Why another backend has to load it with `custom_objects={"Adam": keras.optimizers.Adam}`, with any loss."""
    config = keras.optimizers.serialize(keras.optimizers.Adam())
    assert config["module"].startswith("keras.src.backend.torch")
    assert config["registered_name"] == "Adam"
