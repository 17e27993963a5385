"""The README on a package index: pictures and links to files are absolute, once the repository has an address."""

import importlib.util
import pathlib
import re

import pytest

pytest.importorskip("setuptools")

ROOT = pathlib.Path(__file__).parents[2]
ADDRESS = "https://example.org/owner/keras_lossbox"
IMAGE = r'<img src="([^"]*)"'
LINK = r"\]\(([\w.][^)\s]*)\)"


@pytest.fixture(scope="module")
def for_the_package_index():
    spec = importlib.util.spec_from_file_location("setup_of_lossbox", ROOT / "setup.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.for_the_package_index


def test_pictures_and_links_are_of_files_that_exist():
    readme = (ROOT / "README.md").read_text()
    pictures = re.findall(IMAGE, readme)
    assert len(pictures) >= 3
    for target in pictures + re.findall(LINK, readme):
        assert target.startswith("http") or (ROOT / target.split("#")[0]).exists(), target


def test_all_are_absolute_on_an_index(for_the_package_index):
    readme = for_the_package_index((ROOT / "README.md").read_text(), ADDRESS)
    assert f'<img src="{ADDRESS}/raw/main/docs/pictures/demo.png"' in readme
    assert f"]({ADDRESS}/blob/main/docs/which_loss.md)" in readme
    assert all(target.startswith("http") for target in re.findall(IMAGE, readme) + re.findall(LINK, readme))
    assert "](#notebooks)" in readme  # within the page


def test_without_an_address_nothing_changes(for_the_package_index):
    assert for_the_package_index('[a](b.md) <img src="c.png">', "") == '[a](b.md) <img src="c.png">'


def test_pictures_are_where_the_site_looks_for_them():
    """The site's pages lie in docs: `site_hooks.py` takes that folder away."""
    shared = re.findall(IMAGE, (ROOT / "README.md").read_text())
    assert all(target.startswith("docs/pictures/") for target in shared)
    assert "docs/pictures/" in (ROOT / "docs" / "site_hooks.py").read_text()


def test_what_is_cited_is_this_version():
    version = re.search(r'^__version__ = "(.*)"', (ROOT / "keras_lossbox/core/registry.py").read_text(), re.MULTILINE)[
        1
    ]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()
