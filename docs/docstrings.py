"""For mkdocstrings: the docstrings of this project as Markdown, and the constructors of losses with every option.

A loss has no `__init__` in its source: the constructor follows from the declared options when the class is made. So
the package is imported here, and the signature is the one that `help` shows.
"""

import importlib
import inspect
import pathlib
import re
import sys
import textwrap

import griffe

sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))  # the checkout, installed or not
from formulas import with_formulas

import keras_lossbox
from keras_lossbox.core.options import declared

HEADED = re.compile(r"^(Shapes|Returns|Reference|Source):[ \n] *(.*(?:\n +.*)*)", re.MULTILINE)
DOCTEST = re.compile(r"^>>> .*(?:\n.+)*", re.MULTILINE)


class HouseFormat(griffe.Extension):
    """Applies `markdown` to every docstring of the package; a loss gets its constructor, and its formula typeset."""

    def on_package(self, *, pkg, loader, **kwargs):
        for cls in [member for member in own_members(pkg) if member.is_class]:
            loss = getattr(importlib.import_module(cls.module.path), cls.name, None)
            if isinstance(loss, type) and issubclass(loss, keras_lossbox.Loss):
                cls.set_member("__init__", constructor(loss, cls))
                if cls.docstring is not None:
                    cls.docstring.value = with_formulas(cls.docstring.value)
        for member in own_members(pkg):
            if member.docstring is not None:
                member.docstring.value = markdown(member.docstring.value)


def own_members(parent):
    """The parent and everything that is defined in it, depth first."""
    yield parent
    for member in parent.members.values():
        if not member.is_alias:
            yield from own_members(member)


def markdown(docstring):
    """Parts that Google's format does not have, or has otherwise, as paragraphs with a heading in bold."""
    docstring = HEADED.sub(lambda found: f"**{found[1]}:** {' '.join(found[2].split())}", docstring)
    docstring = re.sub(r"^Example:$", "**Example:**", docstring, flags=re.MULTILINE)
    docstring = re.sub(r"^( +\w[\w, ]*: )>", r"\1\\>", docstring, flags=re.MULTILINE)  # "eps: > 0" is no quotation
    return DOCTEST.sub(lambda found: f"```pycon\n{textwrap.dedent(found[0])}\n```", docstring)


def constructor(loss, parent):
    """The `__init__` of a loss as griffe would have read it."""
    types = {name: option.annotation + " | None" * option.optional for name, option in declared(loss).items()}
    parameters = [griffe.Parameter("self", kind=griffe.ParameterKind.positional_or_keyword)]
    for name, parameter in inspect.signature(loss).parameters.items():
        default = None if parameter.default is parameter.empty else repr(parameter.default)
        kind = griffe.ParameterKind[parameter.kind.name.lower()]
        parameters.append(griffe.Parameter(name, annotation=types.get(name), kind=kind, default=default))
    return griffe.Function("__init__", parameters=griffe.Parameters(*parameters), parent=parent)
