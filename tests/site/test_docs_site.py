"""The documentation site holds what it should: checked in its sources, without MkDocs."""

import ast
import inspect
import json
import pathlib
import re

import pytest

import keras_lossbox

ROOT = pathlib.Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = {path.relative_to(ROOT / "docs").as_posix(): path.read_text() for path in (ROOT / "docs").rglob("*.md")}
NOTEBOOKS = {f"notebooks/{path.name}": path for path in (ROOT / "notebooks").glob("*.ipynb")}
NAV = re.findall(r"^ +- .*: (\S+\.(?:md|ipynb))$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
DIRECTIVES = [
    name
    for page in PAGES.values()
    for name in re.findall(r"^::: (?!keras_lossbox\.plots\.)\S+\.(\w+)$", page, re.MULTILINE)
]
ROWS = re.findall(r"^\| .* \|$", PAGES["which_loss.md"], re.MULTILINE)


def test_navigation_is_what_there_is():
    assert sorted(NAV) == sorted(PAGES.keys() | NOTEBOOKS.keys())


@pytest.mark.parametrize("name", sorted({cls.__name__ for cls in keras_lossbox.available().values()}))
def test_loss_is_on_one_page_and_in_the_decision_table(name):
    assert DIRECTIVES.count(name) == 1
    assert any(re.search(rf"\b{name}\b", row) for row in ROWS)


def test_pictures_show_what_exists():
    """Which option of which loss, in values that it takes."""
    tree = ast.parse((ROOT / "docs" / "loss_pictures.py").read_text())
    tables = {node.targets[0].id: ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign)}
    for name, (option, values) in tables["SHOWN"].items():
        parameters = inspect.signature(getattr(keras_lossbox, name)).parameters
        assert option in parameters
        for value in values:
            logits = {"from_logits": True} if "from_logits" in parameters else {}
            assert getattr(keras_lossbox, name)(**{option: value}, **logits).get_config()[option] == value
    for name, needed in tables["NEEDED"].items():
        required = [
            p for p in inspect.signature(getattr(keras_lossbox, name)).parameters.values() if p.default is p.empty
        ]
        assert required
        assert needed is None or {p.name for p in required} == set(needed)


def test_public_names_are_on_one_page():
    public = set(keras_lossbox.__all__) - {"__version__", "config", "metrics", "plots", "targets"}
    assert {name: DIRECTIVES.count(name) for name in public} == dict.fromkeys(public, 1)


def test_what_is_taken_from_the_readme_is_there():
    parts = [part for page in PAGES.values() for part in re.findall(r'--8<-- "README\.md:(\w+)"', page)]
    assert len(parts) >= 5
    for part in parts:
        start, end = (README.find(f"<!-- --8<-- [{side}:{part}] -->") for side in ("start", "end"))
        assert -1 < start < end, part
        assert not re.search(r"\]\((docs|notebooks)/", README[start:end]), f"{part}: its links do not hold in the site"


def test_decision_table_takes_what_exists():
    """What stands in the second column is made, with labels and counts as a reader would have them."""
    given = {"y": [0, 0, 1], "counts": [3, 1], "units": 10, "C": 3}
    made = 0
    for row in ROWS:
        for code in re.findall(r"`([A-Z]\w+\(.*?)`", row.split("|")[2]):
            if hasattr(keras_lossbox, re.match(r"\w+", code)[0]):
                eval(code, vars(keras_lossbox) | given)
                made += 1
    assert made > 30


def outputs_of(notebook):
    cells = json.loads(NOTEBOOKS[notebook].read_text())["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    texts = [output.get("text", []) for output in outputs]
    texts += [output.get("data", {}).get("text/markdown", []) for output in outputs]
    return "".join("".join(text) for text in texts)


@pytest.mark.parametrize("row", [row for row in ROWS if ".ipynb" in row])
def test_numbers_of_the_decision_table_are_those_of_the_notebook(row):
    [notebook] = re.findall(r"notebooks/\w+\.ipynb", row)
    outputs = outputs_of(notebook)
    for number in re.findall(r"\d+\.\d+", re.sub(r"`.*?`", "", row)):
        assert re.search(rf"(?<![\d.]){re.escape(number)}(?!\d)", outputs), number
