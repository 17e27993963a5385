"""What `docs/generate.py` writes is up to date: a new loss is in the stub, the README, the reference pages."""

import importlib.util
import pathlib

import pytest

pytest.importorskip("ruff")  # formats the stub

SCRIPT = pathlib.Path(__file__).parents[2] / "docs" / "generate.py"


def test_generated_files_are_up_to_date():
    spec = importlib.util.spec_from_file_location("generate", SCRIPT)
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    stale = [path.name for path in generate.stale()]
    assert not stale, f"run: python docs/generate.py ({stale})"
