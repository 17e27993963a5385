"""Two replicas train as one device does, where Keras makes that possible: even shards, means and sums."""

import json
import pathlib
import subprocess
import sys

import pytest
from backends import BACKEND

pytestmark = [
    pytest.mark.skipif(BACKEND != "tensorflow", reason="tf.distribute is TensorFlow's"),
    pytest.mark.xdist_group("replicas"),
]


@pytest.fixture(scope="module")
def found():
    script = pathlib.Path(__file__).parent / "replicas.py"  # logical devices must be set before TensorFlow starts
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=300, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("FOUND ")]
    assert lines, done.stderr[-2000:]
    return json.loads(lines[0].removeprefix("FOUND "))


@pytest.mark.parametrize("name", ["mean", "sum", "sum_of_losses"])
def test_two_replicas_are_one_device(name, found):
    assert found[name]["replicas"] == 2
    assert found[name]["weights"] < 1e-6
    assert found[name]["loss"] < 1e-5


@pytest.mark.parametrize("name", ["mean", "sum", "sum_of_losses"])
def test_streaming_means_add_up_over_replicas_and_uneven_batches(name, found):
    assert found[name]["metric"] < 1e-6
