"""Files that an earlier version wrote load for ever: with their options, to the same number, and they train on.

`saved-0.1.0` holds a `.keras` file of every loss and layer of 0.1.0, and a manifest of what that version made of them:
the oracle. They are loaded in a process that has imported keras and keras_lossbox, and nothing else of this project.
"""

import json
import os
import pathlib
import subprocess
import sys
import zipfile

import keras
import pytest
from backends import BACKEND
from packaging.version import Version

HERE = pathlib.Path(__file__).parent
VERSIONS = sorted(HERE.glob("saved-*"))
MANIFESTS = {folder: json.loads((folder / "manifest.json").read_text()) for folder in VERSIONS}

pytestmark = [
    pytest.mark.skipif(BACKEND != "tensorflow", reason="the files name TensorFlow's optimizer"),
    pytest.mark.xdist_group("saved files"),
]

SCRIPT = """
import json, pathlib, sys
import keras, numpy as np, keras_lossbox

folder = pathlib.Path(sys.argv[1])
manifest = json.loads((folder / "manifest.json").read_text())
found = {}
for name, case in list(manifest["cases"].items())[:: int(sys.argv[3])]:
    model = keras.saving.load_model(folder / f"{name}.keras")
    model.run_eagerly = sys.argv[2] == "eager"  # faster than to trace each model
    if "tokens" in case:
        tokens = np.array(case["tokens"])
        x, y = tokens[:, :-1], tokens[:, 1:]
    else:
        x, y = np.array(manifest["x"], "float32"), np.array(case["y"], case["y_dtype"])
    found[name] = {
        "class": type(model.loss).__name__,
        "config": model.loss.get_config(),
        "evaluate": model.evaluate(x, y, verbose=0),
        "trained": model.fit(x, y, verbose=0).history["loss"][0],
    }
print("FOUND", json.dumps(found))
"""


HOW = [
    pytest.param(
        (folder, mode, every), id=f"{folder.name}-{mode}-{every}", marks=[] if every > 1 else pytest.mark.matrix
    )
    for folder in VERSIONS
    for mode, every in (("eager", 10), ("eager", 1), ("graph", 1))
]


def keras_that_wrote(file):
    """The version of Keras that a `.keras` file names."""
    with zipfile.ZipFile(file) as archive:
        return Version(json.loads(archive.read("metadata.json"))["keras_version"])


@pytest.fixture(scope="module", params=HOW)
def loaded(request):
    """What the manifest says and what was found, for each file."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONWARNINGS"}
    folder, mode, every = request.param
    written_by = keras_that_wrote(next(folder.glob("*.keras")))
    if Version(keras.__version__) < written_by:
        pytest.skip(f"Keras {keras.__version__} does not know all options of layers that Keras {written_by} wrote")
    command = [sys.executable, "-c", SCRIPT, str(folder), mode, str(every)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("FOUND ")]
    assert lines, done.stderr[-3000:]
    found = json.loads(lines[0].removeprefix("FOUND "))
    return dict(list(MANIFESTS[folder]["cases"].items())[::every]), found


@pytest.mark.matrix
def test_every_file_has_a_case(loaded):
    cases, found = loaded
    assert set(cases) == set(found)


def test_no_file_is_forgotten():
    for folder in VERSIONS:
        assert {path.stem for path in folder.glob("*.keras")} == set(MANIFESTS[folder]["cases"])
        assert len(MANIFESTS[folder]["cases"]) >= 31


def without_modules(config):
    """A configuration without the modules of the losses in it, which may move: the registered name decides."""
    if isinstance(config, dict):
        return {key: without_modules(value) for key, value in config.items() if key != "module"}
    return [without_modules(item) for item in config] if isinstance(config, list) else config


def as_far_as_saved(config, saved):
    """A configuration without the options that there were not yet when it was saved, in the losses in it too."""
    if isinstance(config, dict) and isinstance(saved, dict):
        return {key: as_far_as_saved(value, saved[key]) for key, value in config.items() if key in saved}
    if isinstance(config, list) and isinstance(saved, list) and len(config) == len(saved):
        return [as_far_as_saved(one, other) for one, other in zip(config, saved, strict=True)]
    return config


def test_options_come_back(loaded):
    cases, found = loaded
    for name, case in cases.items():
        if "config" in case:
            assert found[name]["class"] == name
            options = as_far_as_saved(without_modules(found[name]["config"]), case["config"])
            assert options == without_modules(case["config"]), name


def test_the_number_is_the_same(loaded):
    cases, found = loaded
    for name, case in cases.items():
        assert found[name]["evaluate"] == pytest.approx(case["evaluate"], rel=2e-6), name


def test_training_goes_on(loaded):
    cases, found = loaded
    for name in cases:
        assert 0 <= found[name]["trained"] < 1e6, name
