"""Several replicas of `tf.distribute` give one device's value, gradient and training, for every loss and reduction."""

import json
import pathlib
import subprocess
import sys

import keras
import pytest
from backends import BACKEND
from packaging.version import Version

# Keras 3.9 does not keep the state of a metric apart for each replica: it logs wrong numbers, with any loss or metric.
KERAS_ADDS_UP_METRICS = Version(keras.__version__) >= Version("3.10")

pytestmark = [
    pytest.mark.matrix,
    pytest.mark.skipif(BACKEND != "tensorflow", reason="tf.distribute is TensorFlow's"),
    pytest.mark.xdist_group("replicas"),
]


# (Two: with the oldest versions, in a step of .ci/run.)
@pytest.fixture(scope="module", params=[pytest.param(2, marks=pytest.mark.exhaustive), 4])
def found(request):
    script = pathlib.Path(__file__).parent / "replicas.py"  # logical devices must be set before TensorFlow starts
    done = subprocess.run(
        [sys.executable, script, str(request.param)], capture_output=True, text=True, timeout=900, check=False
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("FOUND ")]
    assert lines, done.stderr[-2000:]
    found = json.loads(lines[0].removeprefix("FOUND "))
    assert found["replicas"] == request.param
    return found


def test_every_loss_has_the_value_and_gradient_of_one_device(found):
    """Relative to the largest number; the batch is split unevenly, with weights and a mask."""
    classes = {case.split("(")[0] for case in found["cases"]}
    assert len(classes) >= 10
    too_far = {
        (case, reduction): deviation
        for case, of_reductions in found["cases"].items()
        for reduction, deviation in of_reductions.items()
        if not deviation < 2e-6
    }
    assert not too_far


def test_training_and_evaluation_are_those_of_one_device(found):
    """`fit` with weights and a last batch of six; a streaming mean over batches of eight and one of five."""
    for loss, deviations in found["trained"].items():
        assert deviations["weights"] < 2e-6, loss
        if KERAS_ADDS_UP_METRICS:
            assert deviations["loss"] < 2e-6, loss  # logged, too: every replica knows the loss of all
            assert deviations["metric"] < 2e-6, loss
