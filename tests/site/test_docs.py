"""Everything that documentation shows is run; what it lists is complete."""

import doctest
import importlib
import inspect
import math
import pathlib
import pkgutil
import re
import sys

import keras
import pytest

import keras_lossbox
from keras_lossbox.core.options import Number, declared

ROOT = pathlib.Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
MODULES = sorted(
    m.name for m in pkgutil.walk_packages(keras_lossbox.__path__, "keras_lossbox.") if "__main__" not in m.name
)


@pytest.mark.one_in(6)
@pytest.mark.parametrize("module", MODULES)
def test_docstring_examples(module):
    result = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert result.failed == 0


@pytest.mark.parametrize("name", sorted(keras_lossbox.available()))
def test_docstring_has_its_parts_in_order(name):
    doc = keras_lossbox.available()[name].__doc__
    parts = ["Args:", "Raises:", "Example:", ">>> ", "Reference:"]
    positions = [doc.find(part) for part in parts]
    assert -1 not in positions, parts[positions.index(-1)]
    assert positions == sorted(positions)
    assert "Shapes:" in doc or "Shapes:" in sys.modules[keras_lossbox.available()[name].__module__].__doc__
    for option in inspect.signature(keras_lossbox.available()[name]).parameters:
        assert re.search(rf"\b{option}\b", doc), f"the docstring does not speak of {option}"


WRITTEN_OTHERWISE = {("ArcFace", "margin"): "[0, π/2]", ("AsymmetricLoss", "clip"): "[0, 1)"}


def entry(cls, name):
    """What the docstring says of an option."""
    arguments = re.split(r"^(?:Shapes|Raises):", inspect.getdoc(cls).split("Args:")[1], flags=re.MULTILINE)[0]
    entries = re.findall(r"^    (\w[\w, ]*):(.*?)(?=^    \w[\w, ]*:|\Z)", arguments, re.MULTILINE | re.DOTALL)
    return next(" ".join(text.split()) for names, text in entries if name in names.split(", "))


@pytest.mark.parametrize("name", sorted(keras_lossbox.available()))
def test_docstring_says_which_numbers_an_option_takes(name):
    """The domain that is declared is the one that a person wrote down: >= 0, > 0, [0, 1], (0, 1]."""
    cls = keras_lossbox.available()[name]
    for option, number in declared(cls).items():
        if not isinstance(number, Number) or number.low == -math.inf:
            continue
        low, high = number.low, number.high
        text = entry(cls, option)
        if other := re.match(r"(?:see|as in) `(\w+)`", text):
            theirs = declared(getattr(keras_lossbox, other[1]))[option]
            assert (theirs.low, theirs.high, theirs.above) == (low, high, number.above), option
            continue
        bracket = "(" if number.above else "["
        domain = f"{'>' if number.above else '>='} {low:g}" if high == math.inf else f"{bracket}{low:g}, {high:g}]"
        assert WRITTEN_OTHERWISE.get((cls.__name__, option), domain) in text, option


def run_blocks(page, namespace, capsys):
    """The Python of a page, one block after another: what each has to print, by `# -> …` in it, and what it prints."""
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(block, "page", "exec"), namespace)
        yield [line.strip() for line in re.findall(r"# -> (.*)", block)], capsys.readouterr().out


def test_readme_blocks_run(tmp_path, capsys, monkeypatch):
    """In one namespace, as a reader would."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(keras.saving.get_custom_objects(), "Custom>Pinball", None)  # other tests have one of that name
    blocks = list(run_blocks(README, {"__name__": "readme"}, capsys))
    assert len(blocks) >= 3
    for expected, printed in blocks:
        assert all(line in printed for line in expected)


@pytest.mark.parametrize("name, count", [("changing_a_loss", 2), ("reference/consistency", 1)])
def test_the_examples_of_a_page_run(name, count, capsys):
    page = (ROOT / "docs" / f"{name}.md").read_text()
    blocks = list(run_blocks(page, {"__name__": "page"}, capsys))
    assert len(blocks) == count
    for [expected], printed in blocks:
        assert printed.strip() == expected


@pytest.mark.matrix
@pytest.mark.exhaustive  # three minutes
def test_the_tables_of_compared_losses_are_what_is_printed(capsys):
    """Line by line, the means up to what the order of sums in threads changes; the notes follow from the numbers."""
    page = (ROOT / "docs" / "comparing_losses.md").read_text()
    shown = re.findall(r"```text\n(compare: .*?)\n```", page, re.DOTALL)
    *tables, of_folds = run_blocks(page, {"__name__": "page"}, capsys)
    printed = [text for _, text in tables]
    assert len(shown) == len(printed) == 2
    assert of_folds[1].strip() == of_folds[0][0]
    number = r"[-+]?\d\.\d+"
    for tables in zip(shown, printed, strict=True):
        lines, found = ([line for line in table.splitlines() if line and not line.startswith("*")] for table in tables)
        for expected, line in zip(lines, found, strict=True):
            words, others = (re.sub(rf"{number}|\d of 5|, \d ties?|\s+", "", text) for text in (expected, line))
            assert words == others
            means = [list(map(float, re.findall(number, text)[:1])) for text in (expected, line)]
            assert means[0] == pytest.approx(means[1], abs=0.05)


def test_readme_table_is_the_registry():
    """| `Name` | what for | options beside reduction, name, dtype |"""
    rows = dict(re.findall(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|$", README, re.MULTILINE))
    losses = {cls.__name__: cls for cls in keras_lossbox.available().values()}
    assert set(rows) == set(losses)
    for name, cell in rows.items():
        options = set(inspect.signature(losses[name]).parameters) - {"reduction", "name", "dtype"}
        assert set(re.findall(r"`(\w+)`", cell)) == options, name


def test_readme_names_every_reduction():
    for reduction in keras_lossbox.Loss.reduction.names:
        assert f"`{reduction}`" in README or f'`"{reduction}"`' in README
