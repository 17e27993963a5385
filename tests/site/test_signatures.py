"""The documentation shows the constructors that losses really have, although no source holds them."""

import importlib.util
import inspect
import pathlib

import pytest

import keras_lossbox

griffe = pytest.importorskip("griffe")

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(name="package", scope="module")
def fixture_package():
    spec = importlib.util.spec_from_file_location("docstrings", ROOT / "docs" / "docstrings.py")
    docstrings = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(docstrings)
    extensions = griffe.load_extensions(docstrings.HouseFormat)
    return griffe.load("keras_lossbox", search_paths=[str(ROOT)], extensions=extensions, submodules=True)


@pytest.mark.one_in(60)
@pytest.mark.parametrize("cls", [keras_lossbox.Loss, *keras_lossbox.available().values()])
def test_every_option_is_shown_with_its_default(cls, package):
    shown = package[f"{cls.__module__}.{cls.__name__}".removeprefix("keras_lossbox.")].parameters
    expected = inspect.signature(cls).parameters
    assert [parameter.name for parameter in shown] == ["self", *expected]
    for name, parameter in expected.items():
        assert shown[name].kind.name == parameter.kind.name.lower()
        assert shown[name].default == (None if parameter.default is parameter.empty else repr(parameter.default))
