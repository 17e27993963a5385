"""Do the tests bite? A sample of small faults, put into the package one by one, and the tests that notice.

    python tests/mutants.py --sample 60 --seed 1 [--seconds 3600] [core functions losses]

A mutant is the package with one operator, comparison, number, boolean or branch of `where` exchanged, or one
`stop_gradient` dropped. In a copy of the repository it meets, one after the other until one fails: the default tests
of the mutated file's room, those of all rooms, and the long ones of its room. What all let pass is printed with its
line, to be judged by a reader: equivalent, or a hole.

`--again FILE` takes those that survived by the output of an earlier run, in place of a sample.
"""

import argparse
import ast
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).parents[1]
PACKAGE = ROOT / "keras_lossbox"
OTHER = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
TESTS = {  # of a file of the package, or of a folder; those of a loss's file are found by its name
    "losses/overlap": ["tests/losses/test_overlap.py"],
    "losses/similarity": ["tests/losses/test_similarity.py"],
    "losses/composite.py": ["tests/losses/test_composite.py"],
    "functions/bernoulli.py": ["tests/losses/test_binary.py", "tests/losses/test_focal.py"],
    "functions/categorical.py": ["tests/functions", "tests/losses/test_categorical.py", "tests/losses/test_focal.py"],
    "functions/labels.py": ["tests/losses/test_categorical.py", "tests/contract/test_labels_not_valid.py"],
    "functions/elementary.py": ["tests/functions", "tests/losses/test_robust.py", "tests/losses/test_regression.py"],
    "functions": ["tests/functions", "tests/losses/test_likelihood.py", "tests/losses/test_counts.py"],
    "core/domain.py": ["tests/contract/test_labels_not_valid.py"],
    "core/compiled.py": ["tests/core"],
    "core/host.py": ["tests/core"],
    "core/elsewhere.py": ["tests/core", "tests/contract/test_registry.py"],
    "core/registry.py": ["tests/contract/test_registry.py", "tests/contract/test_saving.py"],
    "core/construction.py": ["tests/contract/test_user_losses.py", "tests/contract/test_saving.py"],
    "core/options.py": ["tests/contract/test_saving.py", "tests/contract/test_contract.py"],
    "core/adapt.py": ["tests/losses/test_composite.py"],
    "core/targets/pairs.py": ["tests/losses/test_similarity.py"],
    "core": ["tests/contract/test_contract.py", "tests/contract/test_sizes_unknown.py"],
}


def tests_of(file):
    """The tests of a file of the package."""
    name = file.relative_to(PACKAGE).as_posix()
    for part in (name, *map(str, pathlib.PurePosixPath(name).parents)):
        if part in TESTS:
            return TESTS[part]
    return [f"tests/losses/test_{file.stem}.py"]


EVERYTHING = [
    "tests/contract",
    "tests/core",
    "tests/functions",
    "tests/layers",
    "tests/losses",
    "tests/site/test_docs.py",
]


def stages(file):
    """The arguments of pytest, one run after the other, until a test notices."""
    yield tests_of(file)
    yield EVERYTHING
    yield [*tests_of(file), "-m", "not exhaustive"]


def changes(node):
    """The mutants of one node: what is said of them, and a function that changes it."""
    kind = type(getattr(node, "op", None))
    if isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign) and kind in OTHER:
        yield f"{kind.__name__} -> {OTHER[kind].__name__}", lambda node: setattr(node, "op", OTHER[kind]())
    if isinstance(node, ast.Compare) and type(node.ops[0]) in OTHER:
        old = type(node.ops[0])
        yield f"{old.__name__} -> {OTHER[old].__name__}", lambda node: node.ops.__setitem__(0, OTHER[old]())
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
        yield "unary operator dropped", lambda node: setattr(node, "op", ast.UAdd())
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield f"{node.value} -> {not node.value}", lambda node: setattr(node, "value", not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield f"{node.value} -> {node.value + 1}", lambda node: setattr(node, "value", node.value + 1)
    called = getattr(getattr(node, "func", None), "attr", None)
    if called == "where" and len(node.args) == 3:
        yield "branches of where exchanged", lambda node: node.args.__setitem__(slice(1, 3), node.args[:0:-1])
    if called == "stop_gradient":
        yield "stop_gradient dropped", lambda node: setattr(node.func, "attr", "convert_to_tensor")


def mutants(file):
    """(file, number of the node, number of the change, line, what is changed) of every mutant of a file."""
    for index, node in enumerate(ast.walk(ast.parse(file.read_text()))):
        for number, (what, _) in enumerate(changes(node)):
            yield file, index, number, node.lineno, what


def mutated(file, index, number):
    """The text of the file with this change."""
    tree = ast.parse(file.read_text())
    node = list(ast.walk(tree))[index]
    list(changes(node))[number][1](node)
    return ast.unparse(ast.fix_missing_locations(tree))


def main():
    """Draws the sample, runs it and prints the score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rooms", nargs="*", default=["core", "functions", "losses"])
    parser.add_argument("--sample", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--again", metavar="FILE")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="after which no further mutant begins")
    options = parser.parse_args()
    files = [file for room in options.rooms for file in sorted((PACKAGE / room).rglob("*.py"))]
    found = [mutant for file in files for mutant in mutants(file)]
    chosen = random.Random(options.seed).sample(found, min(options.sample, len(found)))
    if options.again:
        lines = pathlib.Path(options.again).read_text().splitlines()
        survived = {line.removeprefix("SURVIVED ") for line in lines if line.startswith("SURVIVED ")}
        chosen = [mutant for mutant in found if text_of(mutant) in survived]
    begun, killed, survivors = time.monotonic(), 0, []
    with tempfile.TemporaryDirectory() as folder:
        copied = pathlib.Path(folder, "repository")
        shutil.copytree(ROOT, copied, ignore=shutil.ignore_patterns(".git", "__pycache__", "site"))
        for file, index, number, line, what in chosen:
            if time.monotonic() - begun > options.seconds:
                break
            place = copied / file.relative_to(ROOT)
            place.write_text(mutated(file, index, number))
            survives = all(passes(tests, copied) for tests in stages(file))
            place.write_text(file.read_text())
            killed += not survives
            text = text_of((file, index, number, line, what))
            print("SURVIVED" if survives else "killed  ", text, flush=True)
            survivors += [text] * survives
    print(f"{killed} of {killed + len(survivors)} killed; {len(found)} there are", *survivors, sep="\n  ")


def text_of(mutant):
    """How a mutant is printed."""
    file, _, _, line, what = mutant
    return f"{file.relative_to(ROOT)}:{line}: {what}"


def passes(tests, folder):
    """Whether these tests notice nothing."""
    command = [sys.executable, "-m", "pytest", "-xq", "-p", "no:cacheprovider", *tests]
    try:
        run = subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, timeout=900)
    except subprocess.TimeoutExpired:  # the mutant has made a loop endless
        return False
    return run.returncode == 0


def environment(folder):
    """Of a run whose package is that of the folder."""
    return os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}


if __name__ == "__main__":
    main()
