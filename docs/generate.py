"""What follows from the registered losses, written where it is read: `python docs/generate.py`.

* `keras_lossbox/__init__.pyi`, the signatures with types, for editors and type checkers;
* the tables of losses in README.md, one for each reference page: loss, first line of its docstring, options;
* the list of losses on each page of docs/reference that has a line `<!-- losses of MODULE -->`;
* docs/pictures, the pictures that the README takes from the outputs of a notebook;
* tests/frozen_names.json, what saved files may hold: names and options are added to it, and never taken away.

`tests/contract/test_generated.py` fails while one of them is not up to date.
"""

import base64
import inspect
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).parent.parent
TAIL = ("reduction", "name", "dtype")
LOSSES_OF = re.compile(r"<!-- losses of ([\w. ]+) -->")
sys.path.insert(0, str(ROOT))  # the checkout, installed or not


def stub():
    """The text of `__init__.pyi`."""
    import keras_lossbox
    from keras_lossbox.core.options import declared

    source = (ROOT / "keras_lossbox" / "__init__.py").read_text()
    imports = re.findall(r"^from (\S+) import (.*)$", source, re.MULTILINE)
    lines = ["# Written by docs/generate.py from the declared options; do not edit.", ""]
    lines += ["from collections.abc import Mapping, Sequence", "from typing import Any, Literal", ""]
    lines += ["import keras", "from numpy.typing import ArrayLike", ""]
    for module, names in imports:
        lines += [f"from {module} import {name} as {name}" for name in names.split(", ")]
    lines += [
        "",
        "DType = str | keras.DTypePolicy | None",
        f"Reduction = {declared(keras_lossbox.Loss)['reduction'].annotation}",
    ]
    lines += ["", "__all__: list[str]"]
    for cls in sorted(keras_lossbox.available().values(), key=lambda cls: cls.__name__):
        types = {name: option.annotation + " | None" * option.optional for name, option in declared(cls).items()}
        types |= {"reduction": "Reduction", "name": "str | None", "dtype": "DType"}
        parameters, star = ["self"], False
        for name, parameter in inspect.signature(cls).parameters.items():
            if parameter.kind is parameter.KEYWORD_ONLY and not star:
                parameters, star = [*parameters, "*"], True
            default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
            parameters.append(f"{name}: {types[name]}{default}")
        lines += ["", f"class {cls.__name__}(Loss):"]
        lines += [f"    {name}: Any" for name in declared(cls) if name not in TAIL]
        lines += [f"    def __init__({', '.join(parameters)}) -> None: ..."]
        if "metrics" in vars(cls):
            lines += ["    def metrics(self) -> list[MeanLoss]: ..."]
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", "__init__.pyi", "-"]
    formatted = subprocess.run(command, input="\n".join(lines) + "\n", capture_output=True, text=True, check=True)
    return formatted.stdout


def with_tables(readme):
    """The README with its tables of losses, in the order of the site's pages and under their titles."""
    import keras_lossbox

    modules, parts, count = by_module(), [], 0
    for page in re.findall(r"reference/\w+\.md", (ROOT / "mkdocs.yml").read_text()):
        text = (ROOT / "docs" / page).read_text()
        classes = [cls for module in " ".join(LOSSES_OF.findall(text)).split() for cls in modules[module]]
        if not classes:
            continue
        count += len(classes)
        parts += [f"### {re.findall(r'^# (.*)', text)[0]}", "", "| loss | for | options |", "|---|---|---|"]
        parts += [row(cls) for cls in classes] + [""]
    assert count == len(keras_lossbox.available())
    start, end = "<!-- --8<-- [start:losses] -->", "<!-- --8<-- [end:losses] -->"
    before, rest = readme.split(start)
    return f"{before}{start}\n\n" + "\n".join(parts) + f"\n{end}{rest.split(end)[1]}"


def row(cls):
    """A loss's line of its table."""
    options = [f"`{name}`" for name in inspect.signature(cls).parameters if name not in TAIL]
    what = inspect.getdoc(cls).splitlines()[0].rstrip(".")
    return f"| `{cls.__name__}` | {what} | {' '.join(options)} |"


def pictures():
    """The pictures of the notebook about mistakes, as it stores them, in the order in which it draws them."""
    notebook = json.loads((ROOT / "notebooks" / "06_logits_weights_masks.ipynb").read_text())
    outputs = [output.get("data", {}) for cell in notebook["cells"] for output in cell.get("outputs", ())]
    found = [base64.b64decode(data["image/png"]) for data in outputs if "image/png" in data]
    return {
        ROOT / "docs" / "pictures" / name: picture
        for name, picture in zip(("labels_broadcast.png", "weights_along_wrong_axis.png"), found, strict=True)
    }


def by_module():
    """The losses of each module, in the order in which they are written, those of one kind of data together."""
    import keras_lossbox  # noqa: F401  (registers them)
    from keras_lossbox.core.registry import in_order

    found = {}
    for cls in in_order():
        found.setdefault(cls.__module__, []).append(cls)
    return found


def with_directives(page):
    """A reference page with a directive for each loss of the modules that it names."""
    modules = by_module()

    def directives(found):
        names = [f"::: {module}.{cls.__name__}" for module in found[1].split() for cls in modules[module]]
        options = {"WeightedSum": "\n    options:\n      members: [metrics]"}
        texts = [name + options.get(name.split(".")[-1], "") for name in names]
        return f"<!-- losses of {found[1]} -->\n\n" + "\n\n".join(texts) + "\n"

    return re.sub(rf"{LOSSES_OF.pattern}\n(?:\n::: .*\n(?:    .*\n)*)*", directives, page)


def frozen_names(text):
    """The registered names and their options, with those that are new."""
    import keras

    import keras_lossbox

    known = json.loads(text)
    for cls in keras_lossbox.available().values():
        name = keras.saving.get_registered_name(cls)
        known[name] = sorted({*known.get(name, ()), *inspect.signature(cls).parameters})
    return json.dumps(dict(sorted(known.items())), indent=1) + "\n"


def outputs():
    """Each file that is generated, wholly or in part, with the text, or the bytes of a picture, that it should have."""
    readme, frozen = ROOT / "README.md", ROOT / "tests" / "frozen_names.json"
    pages = sorted((ROOT / "docs" / "reference").glob("*.md"))
    return {
        ROOT / "keras_lossbox" / "__init__.pyi": stub(),
        readme: with_tables(readme.read_text()),
        frozen: frozen_names(frozen.read_text()),
        **{page: with_directives(page.read_text()) for page in pages},
        **pictures(),
    }


def stale():
    """Those of the files that are not up to date, with what they should hold."""
    contents = {path: text if isinstance(text, bytes) else text.encode() for path, text in outputs().items()}
    return {path: content for path, content in contents.items() if not path.exists() or path.read_bytes() != content}


if __name__ == "__main__":
    for path, content in stale().items():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        print(f"wrote {path.relative_to(ROOT)}")
