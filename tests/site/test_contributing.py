"""CONTRIBUTING's example of a new loss, followed with its own lines in a copy of the project."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

pytest.importorskip("ruff")  # formats what docs/generate.py writes

ROOT = pathlib.Path(__file__).parents[2]
SECTION = (ROOT / "CONTRIBUTING.md").read_text().split("\n## A new loss\n")[1].split("\n## ")[0]
CLASS, ORACLE = re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL)
[ROW] = re.findall(r"```text\n(.*?)```", SECTION, re.DOTALL)
DECISION, CHANGE = re.findall(r"```markdown\n(.*?)```", SECTION, re.DOTALL)
PARTS = ("keras_lossbox", "docs", "tests", "notebooks", "README.md", "CHANGELOG.md", "mkdocs.yml", "setup.cfg")

# What the registry of this process must not see runs in another one, which imports the copy.
GENERATE_AND_LOOK = """
import doctest, inspect, json, runpy, sys
runpy.run_path("docs/generate.py", run_name="__main__")
import keras, keras_lossbox
from keras_lossbox.losses import regression
from keras_lossbox.core.options import declared

loss = keras_lossbox.get("power_error", exponent=3, reduction="sum")
values = loss([[0.0], [0.0], [1.0]], [[1.0], [-2.0], [1.0]], [1.0, 2.0, 1.0])
again = keras.losses.deserialize(json.loads(json.dumps(keras.losses.serialize(loss))))
try:
    regression.PowerError(exponent=0.5)
    error = None
except ValueError as raised:
    error = str(raised)
example = doctest.DocTestFinder().find(regression.PowerError, globs={})[0]
print("FOUND", json.dumps({
    "file": keras_lossbox.__file__,
    "public": "PowerError" in keras_lossbox.__all__,
    "available": "power_error" in keras_lossbox.available(),
    "registered": keras.saving.get_registered_name(regression.PowerError),
    "signature": str(inspect.signature(keras_lossbox.PowerError)),
    "value": float(values),
    "again": repr(again),
    "error": error,
    "doctest": list(doctest.DocTestRunner().run(example)),
}))
"""


def put_after(path, line, text):
    """Inserts `text` after the last line that begins with `line`."""
    lines = path.read_text().splitlines(keepends=True)
    last = max(index for index, found in enumerate(lines) if found.startswith(line))
    path.write_text("".join([*lines[: last + 1], text, *lines[last + 1 :]]))


def file_with(folder, line):
    """The test file that has a line which begins so."""
    pattern = re.compile(rf"^{re.escape(line)}", re.MULTILINE)
    [path] = [path for path in folder.rglob("*.py") if pattern.search(path.read_text())]
    return path


@pytest.fixture(name="copy", scope="module")
def fixture_copy(tmp_path_factory):
    """A copy of the project in which the five steps have been done, with what the last one printed."""
    copy = tmp_path_factory.mktemp("copy")
    for name in PARTS:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "saved-*"))
        else:
            shutil.copy(ROOT / name, copy)
    module = copy / "keras_lossbox" / "losses" / "regression.py"
    module.write_text(module.read_text() + "\n\n" + CLASS)
    put_after(file_with(copy / "tests", "mean_absolute_error = "), "mean_absolute_error = ", "\n" + ORACLE)
    beside = '    *grid("mean_absolute_error", SHAPES'
    put_after(file_with(copy / "tests", beside), beside, ROW)
    put_after(copy / "docs" / "which_loss.md", "| clean labels", DECISION)
    put_after(copy / "CHANGELOG.md", "* `get`, `available`", CHANGE)
    return copy, run(copy, "-c", GENERATE_AND_LOOK)


def run(copy, *arguments):
    environment = os.environ | {"PYTHONPATH": str(copy), "KERAS_BACKEND": "tensorflow"}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.mark.matrix
def test_the_class_is_a_loss_like_the_others(copy):
    copy, output = copy
    [line] = [line for line in output.splitlines() if line.startswith("FOUND ")]
    found = json.loads(line.removeprefix("FOUND "))
    assert found.pop("file") == str(copy / "keras_lossbox" / "__init__.py")
    assert found == {
        "public": True,
        "available": True,
        "registered": "keras_lossbox>PowerError",
        "signature": "(exponent=2.0, reduction='sum_over_batch_size', name=None, dtype=None, *, axis=-1)",
        "value": 1 + 2 * 8,  # by hand, with the second sample's weight of 2
        "again": "PowerError(exponent=3.0, reduction='sum')",
        "error": "PowerError: `exponent` must be a finite number >= 1. Received: exponent=0.5",
        "doctest": [0, 2],
    }


@pytest.mark.matrix
def test_one_command_writes_the_rest(copy):
    copy, output = copy
    written = {"keras_lossbox/__init__.pyi", "README.md", "tests/frozen_names.json", "docs/reference/regression.md"}
    assert {line.removeprefix("wrote ") for line in output.splitlines() if line.startswith("wrote ")} == written
    assert "exponent: float = 2.0," in (copy / "keras_lossbox" / "__init__.pyi").read_text()
    assert "| `PowerError` | The mean over the last axis of a power of the absolute error | `exponent` `axis` |" in (
        (copy / "README.md").read_text()
    )
    assert "::: keras_lossbox.losses.regression.PowerError\n" in (copy / "docs/reference/regression.md").read_text()
    options = json.loads((copy / "tests" / "frozen_names.json").read_text())["keras_lossbox>PowerError"]
    assert options == ["axis", "dtype", "exponent", "name", "reduction"]


@pytest.mark.matrix
def test_the_suites_pick_it_up(copy):
    copy, _ = copy
    golden = file_with(copy / "tests", '    *grid("power_error", ')
    documentation = [
        path for name in ("test_docs", "test_docs_site", "test_generated") for path in copy.rglob(f"{name}.py")
    ]
    chosen = "PowerError or power_error or table or up_to_date or navigation"
    output = run(copy, "-m", "pytest", "-v", "-m", "", "-p", "no:cacheprovider", "-k", chosen, golden, *documentation)
    passed = re.findall(r"::(\w+)(?:\[(.*)\])? PASSED", output)
    golden_rows = {case for name, case in passed if name == "test_numpy"}
    assert {"power_error-real-float64", "power_error-real-float32-long"} <= golden_rows
    assert ("test_loss_is_on_one_page_and_in_the_decision_table", "PowerError") in passed
    assert ("test_docstring_has_its_parts_in_order", "power_error") in passed
    assert ("test_generated_files_are_up_to_date", "") in passed
    assert " failed" not in output
