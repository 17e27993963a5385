"""What Keras 3.15 rounds from float64 to float32 on PyTorch is not called by a formula.

`functions/elementary.py` has functions that do not: `matmul`, `cumulative_sum`, `divide_no_nan`, `ordered`.
"""

import ast
import pathlib

import keras_lossbox

PACKAGE = pathlib.Path(keras_lossbox.__file__).parent
ROUNDED = {"matmul", "cumsum", "maximum", "minimum", "divide_no_nan"}
OF_WHOLE_NUMBERS = {  # for which it does not matter
    "functions/categorical.py": {"cumsum"},
    "functions/elementary.py": {"cumsum"},  # (where the backend is another one)
    "losses/consistency.py": {"maximum"},
    "losses/ordinal.py": {"minimum"},
    "losses/sequence.py": {"maximum"},
    "losses/similarity/mining.py": {"cumsum", "maximum", "minimum"},
}


def test_formulas_keep_float64_on_pytorch():
    found = {}
    for file in (path for room in ("functions", "losses") for path in (PACKAGE / room).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Attribute) and ast.unparse(called.value) == "ops" and called.attr in ROUNDED:
                found.setdefault(file.relative_to(PACKAGE).as_posix(), set()).add(called.attr)
    assert found == OF_WHOLE_NUMBERS
