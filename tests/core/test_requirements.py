"""Without a backend of Keras the import says what to install. In a process of its own: here Keras has one."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_a_sentence_where_there_is_no_backend(backend):
    hidden = f"import sys; sys.modules[{backend!r}] = None; import keras_lossbox"
    environment = {**os.environ, "KERAS_BACKEND": backend}
    done = subprocess.run([sys.executable, "-c", hidden], env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"ImportError: Keras has no backend: {backend} is not installed. Install one with: pip")
