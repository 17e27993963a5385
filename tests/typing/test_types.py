"""Static tools see what the package is: signatures with types, errors in wrong calls, and none in right ones."""

import inspect
import pathlib
import runpy
import subprocess
import sys

import pytest

import keras_lossbox
from keras_lossbox import plots, replicas, targets, tf1
from keras_lossbox.tools.diagnose import Diagnosis

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]
MODULES = (keras_lossbox, tf1, plots, replicas)
CLASSES = [
    *(keras_lossbox.Loss, keras_lossbox.Batch, keras_lossbox.LinearHead, keras_lossbox.MeanLoss, Diagnosis),
    *(
        tf1.Reduction,
        *(kind for kind in vars(targets).values() if isinstance(kind, type) and issubclass(kind, targets.Real)),
    ),
]


def public_functions():
    """Those of the public modules, and the methods of the public classes, with what they are called."""
    yield "WeightedSum.metrics", keras_lossbox.WeightedSum.metrics
    for module in MODULES:
        for name, member in vars(module).items():
            public = not name.startswith("_") and name in getattr(module, "__all__", [name])
            if public and inspect.isfunction(member) and member.__module__.startswith(module.__name__):
                yield f"{module.__name__}.{name}", member
    for cls in CLASSES:
        for name, member in vars(cls).items():
            function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
            if inspect.isfunction(function) and not name.startswith("_"):
                yield f"{cls.__name__}.{name}", function


FUNCTIONS = dict(public_functions())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_public_function_has_types(name):
    signature = inspect.signature(FUNCTIONS[name])
    parameters = [p for p in signature.parameters.values() if p.name not in ("self", "cls")]
    assert [p.name for p in parameters if p.annotation is p.empty] == []
    assert signature.return_annotation is not signature.empty


def test_the_list_is_not_short():
    expected = {"keras_lossbox.get", "keras_lossbox.tf1.huber_loss", "keras_lossbox.plots.compare"}
    assert expected | {"Loss.prepare", "Real.align", "MeanLoss.result", "Batch.valid"} <= FUNCTIONS.keys()
    assert len(FUNCTIONS) > 60


@pytest.mark.matrix
def test_mypy_finds_each_wrong_call_and_no_right_one(tmp_path):
    """An error that mypy did not find would be an `ignore` without use, which is an error as well."""
    pytest.importorskip("mypy")
    command = [sys.executable, "-m", "mypy", "--warn-unused-ignores", "--cache-dir", str(tmp_path)]
    files = [str(HERE / "right.py"), str(HERE / "wrong.py")]
    done = subprocess.run([*command, *files], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_right_calls_are_right():
    runpy.run_path(str(HERE / "right.py"))
