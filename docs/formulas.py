"""The formulas of docstrings as MathML, which browsers typeset by themselves: no script, no font, no network.

In a docstring a formula is an indented line such as

    loss = -Σ_c w_c y_c log p_c,   y smoothed to y (1 - ε) + ε/C

written as one would by hand: `_` and `^` for what is below and above, with brackets where that is longer than a name;
words between; three or more blanks between formulas of one line. A slash without blanks divides the two factors next to
it, `½ e²/β`; one between blanks divides the products to both sides, `Σ_c w_c ℓ_c / Σ_c w_c`.
"""

import html
import re
from typing import NamedTuple

# What stands upright and is followed by its argument; any name directly before a bracket is one too.
FUNCTIONS = {
    *("log", "log2", "exp", "max", "min", "mean", "sqrt", "cos", "sin", "atan", "cosh", "clip", "reduce", "softmax"),
    *("sigmoid", "softplus", "sparsemax"),
}
NAMES = {"loss", "value", "gradient", "variance", "ideal", "IoU", "eps", "TP", "FP", "FN", "TN", "CE", "RCE", "path"}
WITH_UNDERSCORE = {"y_true", "y_pred", "log_input", "label_clip", "max_val"}
LARGE = {"Σ", "Π"}  # what they run over stands below them
WITH_LIMITS = {"max", "min", "mean"}  # these too
ABOVE = {"²": "2"}
BELOW = {"₁": "1", "₊": "+", "₋": "−"}
OPERATORS = {
    **{"+": "+", "-": "−", "=": "=", "<": "&lt;", ">": "&gt;", "<=": "≤", ">=": "≥", "≠": "≠", "≈": "≈", "‖": "‖"},
    **{",": ",", ";": ";", ":": ":", "...": "…", "…": "…", "×": "×"},
}
CLOSING = {"(": ")", "[": "]", "{": "}"}
TOKEN = re.compile(
    rf"""(?P<string>"[^"]*") | (?P<code>`[^`]*`) | (?P<number>\d+(?:\.\d+)?(?:e-?\d+)?) | (?P<half>½)
    | (?P<name>{"|".join(sorted(WITH_UNDERSCORE))}|log2|[a-z]\d\b|[A-Za-z]{{2,}}(?:-[A-Za-z]{{2,}})+|[A-Za-z]+
        |[Α-Ωα-ωϕℓ∂ŷ∞])
    | (?P<operator><=|>=|\.\.\.|[-+=<>≠≈‖,;:…×]) | (?P<other>[][(){{}}|/·√!^_'²₁₊₋ΣΠ])""",
    re.VERBOSE,
)
BLOCK = re.compile(r"(?:^ {4}\S.*\n?)+", re.MULTILINE)


class Token(NamedTuple):
    """A sign, or a name; `space` says whether a blank is before it."""

    kind: str
    text: str
    space: bool


class Node(NamedTuple):
    """A piece of MathML, and what it is without its brackets, if it is in any."""

    mathml: str
    inner: str | None = None


def with_formulas(docstring):
    """A docstring as Markdown, with the formulas of its first part typeset."""
    before, mark, after = docstring.partition("\nArgs:")
    return BLOCK.sub(lambda block: f"{typeset(block[0])}\n", before) + mark + after


def typeset(block):
    """Lines of formulas as HTML: a line for each, in which what three blanks part may go to the next line."""
    lines = [parts(line.strip()) for line in block.strip().splitlines()]
    rows = ["".join(f"<math>{mathml(part)}</math>" for part in line) for line in lines]
    return '<div class="formulas">' + "".join(f"<div>{row}</div>" for row in rows) + "</div>"


def parts(line):
    """What three blanks or more part, outside of brackets."""
    found, depth = [""], 0
    for piece in re.split(r"( {2,}|[][(){}])", line):
        depth += (piece in ("(", "[", "{")) - (piece in (")", "]", "}"))
        if piece.startswith("   ") and not depth:
            found.append("")
        else:
            found[-1] += " " if piece.startswith("  ") else piece
    return found


def mathml(formula):
    """The content of a `math` element."""
    parser = Parser(tokens(formula))
    row = parser.row(None)
    if parser.next is not None:
        raise ValueError(f"{parser.next.text!r} is not expected in the formula {formula!r}")
    return f'<mstyle displaystyle="true">{row}</mstyle>'


def tokens(formula):
    """The signs of a formula; a ValueError for one that is not known."""
    found, place = [], 0
    while place < len(formula):
        space = formula[place] == " "
        place += space
        match = TOKEN.match(formula, place)
        if match is None:
            raise ValueError(f"{formula[place:]!r} is not understood, of the formula {formula!r}")
        found.append(Token(match.lastgroup, match[0], space))
        place = match.end()
    return found


class Parser:
    """From tokens to MathML, by recursive descent."""

    def __init__(self, tokens):
        self.tokens, self.place = tokens, 0

    @property
    def next(self):
        """The token to come, or None."""
        return self.tokens[self.place] if self.place < len(self.tokens) else None

    def is_next(self, text, space=None):
        """Whether this sign comes, with a blank before it or without."""
        return self.next is not None and self.next.text == text and space in (None, self.next.space)

    def take(self):
        """The next token, which is then past."""
        self.place += 1
        return self.tokens[self.place - 1]

    def row(self, closing):
        """Everything up to a closing bracket: products, with operators and words between them."""
        done, product = [], []

        def finish():
            done.append(times(product))
            product.clear()

        while self.next is not None and not (self.ends(closing) and (closing != "|" or done or product)):
            if self.next.kind == "operator":
                finish()
                done.append(operator(self.take().text))
            elif self.is_word():
                finish()
                done.append(self.words())
            elif self.is_next("/"):
                self.take()
                product[:] = [fraction(self.pull(product), self.denominator(closing))]
            else:
                product.append(self.factor())
        finish()
        return "".join(done)

    def ends(self, closing):
        """Whether the row does; a bar ends one if no blank is before it."""
        return closing is not None and self.is_next(closing, False if closing == "|" else None)

    @staticmethod
    def pull(product):
        """A product as one node, with its brackets if there is but one pair."""
        return product[0] if len(product) == 1 else Node(times(product))

    def denominator(self, closing):
        """Words, or the product up to the next operator, word or slash."""
        if self.is_word():
            return Node(self.words())
        product = []
        while not (self.next is None or self.ends(closing) or self.next.kind == "operator" or self.is_next("/")):
            if self.is_word():
                break
            product.append(self.factor())
        return self.pull(product)

    def is_word(self, ahead=0):
        """Whether the token is text: a word, or the article."""
        place = self.place + ahead
        if place >= len(self.tokens) or self.tokens[place].kind not in ("name", "string", "code"):
            return False
        token, after = self.tokens[place], self.tokens[place + 1] if place + 1 < len(self.tokens) else None
        if token.kind != "name":
            return True
        if token.text == "a":
            return after is not None and after.space and self.is_word(ahead + 1)
        if after is not None and not after.space and after.text in "([_'^":
            return False
        if token.text == "mean":
            return after is None or after.space
        return len(token.text) > 1 and token.text not in FUNCTIONS | NAMES | WITH_UNDERSCORE

    def words(self):
        """Words next to each other as one text."""
        text = ""
        while self.next is not None and self.is_word():
            text += " " * self.next.space + html.escape(self.take().text.strip("`"), quote=False)
        text += " " * (self.next is not None and self.next.space)
        return f"<mtext>{re.sub('^ | $', NBSP, text)}</mtext>"

    def factor(self):
        """What binds closest: a name with all below and above it, its argument, and what a slash divides it by."""
        node = self.scripted()
        while self.is_next("/", False) and not self.tokens[self.place + 1].space:
            self.take()
            node = fraction(node, self.scripted())
        while self.is_next("·", False):
            self.take()
            node = Node(f"{node.mathml}<mo>·</mo>{self.factor().mathml}")
        if self.is_next("·"):
            self.take()
            node = Node(f"{node.mathml}<mo>·</mo>")
        return node

    def scripted(self):
        """An operand with its argument, and what is below and above it."""
        node, large = self.operand()
        below = above = ""
        while self.next is not None and not self.next.space:
            text = self.next.text
            if text == "_":
                self.take()
                below += self.script().mathml
            elif text == "^":
                self.take()
                above += inside(self.scripted_argument())
            elif text in BELOW:
                below += f"<mo>{BELOW[self.take().text]}</mo>"
            elif text in ABOVE:
                above += f"<mn>{ABOVE[self.take().text]}</mn>"
            elif text == "'":
                self.take()
                above += "<mo>′</mo>"
            elif text in "([" and not large:
                node = scripts(node, below, above)
                below = above = ""
                node = Node(node.mathml + self.brackets().mathml)
            elif text == "!":
                self.take()
                node = Node(f"{scripts(node, below, above).mathml}<mo>!</mo>")
                below = above = ""
            else:
                break
        return scripts(node, below, above, large)

    def scripted_argument(self):
        """An exponent."""
        return self.brackets() if self.is_next("(") else self.scripted()

    def script(self):
        """An index: one name or number, letters next to each other, or what is in braces or brackets."""
        if self.next.text in "({":
            brackets = self.next.text
            node = self.brackets()
            return Node(inside(node)) if brackets == "{" else node
        text = self.take().text
        if text.isalpha() and len(text) > 3:
            return Node(f"<mtext>{text}</mtext>")
        return Node("".join(f"<mn>{sign}</mn>" if sign.isdigit() else f"<mi>{sign}</mi>" for sign in text))

    def operand(self):
        """A name, a number, or what is in brackets; and whether it is a large sign, with its index below."""
        token = self.next
        if token.text in CLOSING:
            return self.brackets(), False
        self.take()
        if token.text == "|":
            content = self.row("|")
            self.take()
            return Node(f"<mrow><mo>|</mo>{content}<mo>|</mo></mrow>"), False
        if token.text == "√" or (token.text == "sqrt" and self.is_next("(", False)):
            return Node(f"<msqrt>{inside(self.scripted())}</msqrt>"), False
        if token.kind == "half":
            return Node("<mfrac><mn>1</mn><mn>2</mn></mfrac>"), False
        if token.kind == "number":
            return Node(f"<mn>{token.text}</mn>"), False
        if token.text in LARGE:
            return Node(f'<mo largeop="true" movablelimits="false">{"∑" if token.text == "Σ" else "∏"}</mo>'), True
        if token.kind != "name":
            raise ValueError(f"{token.text!r} is not expected here")
        return Node(name(token.text)), token.text in WITH_LIMITS and not self.is_next("(", False)

    def brackets(self):
        """A pair of brackets and what is in it."""
        opening = self.take().text
        content = self.row(CLOSING[opening])
        if not self.is_next(CLOSING[opening]):
            raise ValueError(f"{CLOSING[opening]!r} is missing")
        self.take()
        return Node(f"<mrow><mo>{opening}</mo>{content}<mo>{CLOSING[opening]}</mo></mrow>", content)


NBSP = "\N{NO-BREAK SPACE}"


def name(text):
    """A letter is a variable; longer names stand upright."""
    if re.fullmatch(r"[a-z]\d", text):
        return f"<msub><mi>{text[0]}</mi><mn>{text[1]}</mn></msub>"
    return f"<mi>{text}</mi>" if len(text) == 1 else f'<mi mathvariant="normal">{text}</mi>'


def operator(text):
    """A sign with its usual spaces."""
    return f"<mo>{OPERATORS[text]}</mo>"


def times(product):
    """Factors with a small space between them."""
    return '<mspace width="0.17em"/>'.join(node.mathml for node in product)


def inside(node):
    """Without its brackets."""
    return f"<mrow>{node.mathml if node.inner is None else node.inner}</mrow>"


def fraction(above, below):
    """One over the other; brackets of a whole part go, for the line does what they did."""
    return Node(f"<mfrac>{inside(above)}{inside(below)}</mfrac>")


def scripts(node, below, above, large=False):
    """What is below and above a name."""
    if not below and not above:
        return node
    base, under, over = f"<mrow>{node.mathml}</mrow>", f"<mrow>{below}</mrow>", f"<mrow>{above}</mrow>"
    if large and below and not above:
        return Node(f"<munder>{base}{under}</munder>")
    if below and above:
        return Node(f"<msubsup>{base}{under}{over}</msubsup>")
    return Node(f"<msub>{base}{under}</msub>" if below else f"<msup>{base}{over}</msup>")
