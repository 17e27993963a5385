"""What follows from the address of the repository; all else is in pyproject.toml."""

import pathlib
import re

from setuptools import setup

REPOSITORY = ""  # such as "https://github.com/OWNER/keras_lossbox"; without one the links of the README stay relative


def for_the_package_index(readme, repository):
    """The README with absolute addresses of pictures and files: a package index shows it, and has none of them."""
    if not repository:
        return readme
    readme = re.sub(r'<img src="(?!https?:)', rf'<img src="{repository}/raw/main/', readme)
    return re.sub(r"\]\((?!https?:|#)(?=[\w.])", f"]({repository}/blob/main/", readme)


def main():
    readme = (pathlib.Path(__file__).parent / "README.md").read_text(encoding="utf-8")
    setup(
        long_description=for_the_package_index(readme, REPOSITORY),
        long_description_content_type="text/markdown",
        project_urls={"Source": REPOSITORY, "Changes": f"{REPOSITORY}/blob/main/CHANGELOG.md"} if REPOSITORY else {},
    )


if __name__ in ("__main__", "builtins"):  # as builds run it; a test imports it
    main()
