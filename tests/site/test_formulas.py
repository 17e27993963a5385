"""docs/formulas.py typesets what docstrings write in one line: nothing is lost, and a slash divides what it should."""

import importlib.util
import inspect
import pathlib
import re
from xml.etree import ElementTree

import pytest

import keras_lossbox

ROOT = pathlib.Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("formulas", ROOT / "docs" / "formulas.py")
formulas = importlib.util.module_from_spec(spec)
spec.loader.exec_module(formulas)

WRITTEN_OUT = str.maketrans({"½": "12", "²": "2", "₁": "1", "`": None})


def text_of(html):
    return "".join(ElementTree.fromstring(html).itertext())


def letters(text):
    return sorted(re.findall(r"\w", re.sub("sqrt|[ΣΠ_]", "", text.translate(WRITTEN_OUT))))


@pytest.mark.parametrize("cls", list(keras_lossbox.available().values()), ids=lambda cls: cls.__name__)
def test_every_formula_is_typeset_and_whole(cls):
    blocks = formulas.BLOCK.findall(inspect.getdoc(cls).partition("\nArgs:")[0])
    assert blocks
    for block in blocks:
        assert letters(text_of(formulas.typeset(block))) == letters(block)


def tree(formula):
    """The formula with each element's name before its parts, without those that only group, space or stand upright."""

    def short(element):
        parts = [short(child) for child in element]
        if element.tag in ("mfrac", "msqrt", "msub", "msup", "msubsup", "munder"):
            return f"{element.tag[1:]}({' ¦ '.join(parts)})"
        return " ".join(filter(None, [(element.text or "").strip(), *parts]))

    return short(ElementTree.fromstring(f"<math>{formulas.mathml(formula)}</math>"))


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("½ e²/β", "frac(1 ¦ 2) frac(sup(e ¦ 2) ¦ β)"),  # without blanks: the two factors next to the slash
        ("2 P R / (P + R)", "frac(2 P R ¦ P + R)"),  # with blanks: the products; brackets of a whole side go
        ("1 - (2 p y + s) / (p + y)", "1 − frac(2 p y + s ¦ p + y)"),
        ("(a + b)(c + d) / (e f)", "frac(( a + b ) ( c + d ) ¦ e f)"),
        ("Σ_c w_c / Σ_c", "frac(under(∑ ¦ c) sub(w ¦ c) ¦ under(∑ ¦ c))"),
        ("q·k/T", "q · frac(k ¦ T)"),
        ("Γ(y + r)/(Γ(r) y!)", "frac(Γ ( y + r ) ¦ Γ ( r ) y !)"),
        ("p_y^q", "subsup(p ¦ y ¦ q)"),
        ("e^(-α (s_ic - δ))", "sup(e ¦ − α ( sub(s ¦ i c) − δ ))"),
        ("y'_c", "subsup(y ¦ c ¦ ′)"),
        ("max_{c≠y} z_c", "under(max ¦ c ≠ y) sub(z ¦ c)"),
        ("max(0, m)^p", "sup(max ( 0 , m ) ¦ p)"),
        ("||∂y| - |∂z||^α", "sup(| | ∂ y | − | ∂ z | | ¦ α)"),
        ("√((a + b) c)", "sqrt(( a + b ) c)"),
        ("-log softmax(s / T)_i", "− log sub(softmax ( frac(s ¦ T) ) ¦ i)"),
        ("value of a sample = a b", "value of a sample = a b"),
        ("where |e| <= δ", "where | e | ≤ δ"),
    ],
)
def test_what_a_sign_binds(formula, expected):
    assert tree(formula).split() == expected.split()


def test_parts_of_a_line():
    html = formulas.typeset("    loss = mean(a   where b),   e = y_true - y_pred\n    c = d\n")
    [first, second] = ElementTree.fromstring(html)
    assert (len(first), len(second)) == (2, 1)


@pytest.mark.parametrize("formula", ["(a + b", "a)", "a @ b", "[a)"])
def test_what_is_no_formula_is_refused(formula):
    with pytest.raises(ValueError, match=r"is missing|is not expected|is not understood"):
        formulas.mathml(formula)


def test_only_the_first_part_of_a_docstring_is_typeset():
    docstring = "A loss.\n\n    loss = e²\n\nMore.\n\nArgs:\n    delta: a number.\n"
    found = formulas.with_formulas(docstring)
    assert found.count("<math>") == 1
    assert found.endswith("\n\nMore.\n\nArgs:\n    delta: a number.\n")
