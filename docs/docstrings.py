"""For mkdocstrings: the docstrings of this project as Markdown, and signatures with every option."""

import re
import textwrap

import griffe

HEADED = re.compile(r"^(Shapes|Returns|Reference|Source):[ \n] *(.*(?:\n +.*)*)", re.MULTILINE)
DOCTEST = re.compile(r"^>>> .*(?:\n.+)*", re.MULTILINE)


class HouseFormat(griffe.Extension):
    """Applies `markdown` to every docstring of the package, and `with_all_options` to every class."""

    def on_package(self, *, pkg, loader, **kwargs):
        for member in own_members(pkg):
            if member.docstring is not None:
                member.docstring.value = markdown(member.docstring.value)
        classes = [member for member in own_members(pkg) if member.is_class and "__init__" in member.members]
        for cls, parameters in [(cls, with_all_options(cls)) for cls in classes]:  # all read before any is changed
            cls.members["__init__"].parameters = parameters


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
    return DOCTEST.sub(lambda found: f"```pycon\n{textwrap.dedent(found[0])}\n```", docstring)


def with_all_options(cls):
    """The parameters of the constructor, those that it passes on with **options included; as `help` shows them."""
    kinds = griffe.ParameterKind
    parameters, passed_on = [], []
    for klass in [cls, *cls.mro()]:
        if "__init__" not in klass.members:
            continue
        own = list(klass.members["__init__"].parameters)
        for parameter in own:
            known = {p.name for p in parameters + passed_on}
            if parameter.kind in (kinds.var_keyword, kinds.var_positional) or parameter.name in known:
                continue
            if klass is cls:
                parameters.append(parameter)
            else:
                passed_on.append(griffe.Parameter(parameter.name, kind=kinds.keyword_only, default=parameter.default))
        if klass.name == "Loss" or not any(p.kind is kinds.var_keyword for p in own):
            return griffe.Parameters(*parameters, *passed_on)
    return cls.members["__init__"].parameters  # passed on to a class outside of the package
