"""Do the tests bite? A sample of small faults, put into the package one by one, and the tests that notice.

    pip install pytest-cov
    python tests/mutants.py --sample 200 --seed 1 [--workers 2] [--seconds 3600] [core functions losses]

A mutant is the package with one operator, comparison, number, boolean or branch of `where` exchanged, or one
`stop_gradient` dropped. One run of the default tests under coverage tells which of them reach which line (`--reached
FILE` keeps it for the next time). Each mutant then meets, in a copy of the repository, the default tests that reach its
line, the quickest first, and if all pass the long ones of its file (not so with `--quick`). What all let pass is
printed with its line, to be judged by a reader: equivalent, or a hole.

`--again FILE` takes those that survived by the output of an earlier run, in place of a sample.
"""

import argparse
import ast
import concurrent.futures
import contextlib
import copy
import itertools
import json
import multiprocessing
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).parents[1]
PACKAGE = ROOT / "keras_lossbox"
FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(["keras", "scipy.stats", "sklearn.metrics"])
SECONDS_OF_TESTS = 60  # what the tests that reach a line may take, by the times of the run under coverage
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
ROOMS = [f"tests/{room}" for room in ("contract", "core", "functions", "layers", "losses", "metrics")]
OF_DECLARATIONS = ["tests/contract/test_generated.py", "tests/site/test_signatures.py"]
LONG_TESTS = {  # of a file of the package, or of a folder; those of a loss's file are found by its name
    "losses/overlap": ["tests/losses/test_overlap.py"],
    "losses/similarity": ["tests/losses/test_similarity.py"],
    "functions/bernoulli.py": ["tests/losses/test_binary.py", "tests/losses/test_focal.py"],
    "functions/categorical.py": ["tests/functions", "tests/losses/test_categorical.py", "tests/losses/test_focal.py"],
    "functions/labels.py": ["tests/losses/test_categorical.py", "tests/contract/test_labels_not_valid.py"],
    "functions/elementary.py": ["tests/functions", "tests/losses/test_robust.py", "tests/losses/test_regression.py"],
    "functions": ["tests/functions", "tests/losses/test_likelihood.py", "tests/losses/test_counts.py"],
    "core/domain.py": ["tests/contract/test_labels_not_valid.py"],
    "core/compiled.py": ["tests/core"],
    "core/host.py": ["tests/core", "tests/hosts/test_phases.py"],
    "core/elsewhere.py": ["tests/core", "tests/contract/test_registry.py"],
    "core/registry.py": ["tests/contract/test_registry.py", "tests/contract/test_saving.py"],
    "core/construction.py": ["tests/contract/test_user_losses.py", "tests/contract/test_saving.py"],
    "core/options.py": ["tests/contract/test_saving.py", "tests/contract/test_contract.py"],
    "core/adapt.py": ["tests/losses/test_composite.py"],
    "core/targets/pairs.py": ["tests/losses/test_similarity.py"],
    "core": ["tests/contract/test_contract.py", "tests/contract/test_sizes_unknown.py"],
}


def long_tests_of(file):
    """The arguments of pytest for the long tests of a file of the package."""
    name = file.relative_to(PACKAGE).as_posix()
    for part in (name, *map(str, pathlib.PurePosixPath(name).parents)):
        if part in LONG_TESTS:
            return [*LONG_TESTS[part], "-m", "not exhaustive"]
    return [f"tests/losses/test_{file.stem}.py", "-m", "not exhaustive"]


def reached(folder, workers):
    """Which tests reach which line of the package, and how long each of them takes.

    `{"lines": {file: {line: tests}}, "seconds": {test: seconds}}`; of a line that runs at the import there is no test.
    """
    import coverage  # pytest-cov's, which only this needs

    run = [sys.executable, "-m", "pytest", "-q", "-n", str(workers), "--dist", "loadgroup", "-p", "no:cacheprovider"]
    coverage_of = ["--cov=keras_lossbox", "--cov-context=test", "--cov-report=", "--durations=0", "-vv"]
    tests = [*ROOMS, "--ignore=tests/core/test_threads.py"]  # threads of which coverage loses one
    output = subprocess.run(
        [*run, *coverage_of, *tests], cwd=folder, env=environment(folder), capture_output=True, text=True
    )
    print(output.stdout.splitlines()[-1], file=sys.stderr)
    data = coverage.CoverageData(str(folder / ".coverage"))
    data.read()
    lines = {}
    for file in data.measured_files():
        name = pathlib.Path(file).relative_to(folder.resolve()).as_posix()
        by_line = data.contexts_by_lineno(file)
        lines[name] = {line: sorted({c.rpartition("|")[0] for c in by_line[line]} - {""}) for line in by_line}
    seconds = {}
    for second, test in re.findall(r"^([\d.]+)s (?:setup|call|teardown) +(.+?) *$", output.stdout, re.MULTILINE):
        seconds[test] = seconds.get(test, 0) + float(second)
    return {"lines": lines, "seconds": seconds}


def tests_that_reach(known, file, lines):
    """The tests that reach one of these lines, the quickest first, until they would take too long.

    Of lines that run at the import, the checks of declarations, and the tests that reach any line of the file.
    """
    by_line = {int(line): tests for line, tests in known["lines"].get(file.relative_to(ROOT).as_posix(), {}).items()}
    tests, first = {test for line in lines for test in by_line.get(line, ())}, []
    if not tests:
        tests, first = {test for its in by_line.values() for test in its}, OF_DECLARATIONS
    by_time = sorted(tests, key=lambda test: (known["seconds"].get(test, 0), test))
    until = itertools.accumulate(known["seconds"].get(test, 0) for test in by_time)
    soon = [test for test, seconds in zip(by_time, until, strict=True) if seconds <= SECONDS_OF_TESTS]
    return [*first, *(soon or by_time[:1])]


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
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float) and node.value + 1 != node.value:
        yield f"{node.value} -> {node.value + 1}", lambda node: setattr(node, "value", node.value + 1)
    called = getattr(getattr(node, "func", None), "attr", None)
    if called == "where" and len(node.args) == 3:
        yield "branches of where exchanged", lambda node: node.args.__setitem__(slice(1, 3), node.args[:0:-1])
    if called == "stop_gradient":
        yield "stop_gradient dropped", lambda node: setattr(node.func, "attr", "convert_to_tensor")


class Mutant:
    """One change of one file."""

    def __init__(self, file, node, lines, what, change):
        self.file, self.node, self.lines, self.what, self.change = file, node, lines, what, change

    def __str__(self):
        return f"{self.file.relative_to(ROOT)}:{self.node.lineno}:{self.node.col_offset}: {self.what}"

    def text(self):
        """The text of the file with this change, and nothing else changed."""
        node, changed = self.node, copy.deepcopy(self.node)
        self.change(changed)
        written = ast.unparse(ast.fix_missing_locations(changed))
        written = written if isinstance(node, ast.stmt) else f"({written})"
        lines = [line.encode() for line in self.file.read_text().splitlines(keepends=True)]
        before = b"".join(lines[: node.lineno - 1]) + lines[node.lineno - 1][: node.col_offset]
        after = lines[node.end_lineno - 1][node.end_col_offset :] + b"".join(lines[node.end_lineno :])
        return (before + written.encode() + after).decode()


def mutants(file):
    """Every mutant of a file."""
    tree = ast.parse(file.read_text())
    lines = {}  # of the statement that a node stands in; of one with a body: its head
    for statement in ast.walk(tree):  # from outside to inside
        if isinstance(statement, ast.stmt):
            body = getattr(statement, "body", None)
            end = body[0].lineno - 1 if body else statement.end_lineno
            for node in ast.walk(statement):
                lines[node] = range(statement.lineno, max(end, statement.lineno) + 1)
    in_f_strings = {node for string in ast.walk(tree) if isinstance(string, ast.JoinedStr) for node in ast.walk(string)}
    for node in ast.walk(tree):
        if node not in in_f_strings:  # their places in the text are those of the string
            for what, change in changes(node):
                yield Mutant(file, node, lines[node], what, change)


def main():
    """Draws the sample, runs it and prints the score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rooms", nargs="*", default=["core", "functions", "losses"])
    parser.add_argument("--sample", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--again", metavar="FILE")
    parser.add_argument("--reached", metavar="FILE", help="which tests reach which line; written if it is not there")
    parser.add_argument("--quick", action="store_true", help="without the long tests")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="after which no further mutant begins")
    options = parser.parse_args()
    files = [file for room in options.rooms for file in sorted((PACKAGE / room).rglob("*.py"))]
    found = [mutant for file in files for mutant in mutants(file)]
    chosen = random.Random(options.seed).sample(found, min(options.sample, len(found)))
    if options.again:
        lines = pathlib.Path(options.again).read_text().splitlines()
        survived = {line.removeprefix("SURVIVED ") for line in lines if line.startswith("SURVIVED ")}
        chosen = [mutant for mutant in found if str(mutant) in survived]
    results = list(run(chosen, options))
    survivors = [mutant for mutant, survives in zip(chosen, results, strict=True) if survives]
    print(f"{results.count(False)} of {len(results) - results.count(None)} killed; {len(found)} there are", end="")
    print("", *survivors, sep="\n  ")


def run(chosen, options):
    """Whether each of the mutants survives; None if its time had not come."""
    begun, at_work = time.monotonic(), threading.local()
    with tempfile.TemporaryDirectory() as folder:
        copies = [pathlib.Path(folder, str(worker)).resolve() for worker in range(options.workers)]
        for copied in copies:
            shutil.copytree(ROOT, copied, ignore=shutil.ignore_patterns(".git", "__pycache__", "site", ".venv*"))
        kept = pathlib.Path(options.reached or pathlib.Path(folder, "reached.json"))
        if not kept.exists():
            kept.write_text(json.dumps(reached(copies[0], options.workers)))
        known = json.loads(kept.read_text())
        there = sorted({test for by_line in known["lines"].values() for tests in by_line.values() for test in tests})
        assert passes(["--collect-only", *there], copies[0]), f"{kept} names tests that are not there: remove it"
        assert passes(["tests/functions", "tests/core/test_host.py"], copies[0]), "the tests fail without any mutant"

        def survives(mutant):
            if time.monotonic() - begun > options.seconds:
                return None
            if not hasattr(at_work, "folder"):  # each worker has a copy of its own
                at_work.folder = copies.pop()
            place = at_work.folder / mutant.file.relative_to(ROOT)
            place.write_text(mutant.text())
            result = passes(tests_that_reach(known, mutant.file, mutant.lines), at_work.folder)
            if not options.quick:
                result = result and passes(long_tests_of(mutant.file), at_work.folder)
            place.write_text(mutant.file.read_text())
            print("SURVIVED" if result else "killed  ", mutant, flush=True)
            return result

        with concurrent.futures.ThreadPoolExecutor(options.workers) as pool:
            yield from pool.map(survives, chosen)


def passes(tests, folder):
    """Whether these tests notice nothing."""
    process = FORKED.Process(target=run_tests, args=(tests, folder))
    process.start()
    process.join(900)
    if process.exitcode is None:  # the mutant has made a loop endless
        process.kill()
    return process.exitcode == 0


def run_tests(tests, folder):
    """In a process of its own, forked from one that has imported TensorFlow and done nothing else."""
    import pytest

    os.environ |= environment(folder)
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        sys.exit(pytest.main(["-xq", "-p", "no:cacheprovider", *tests]))


def environment(folder):
    """Of a run whose package is that of the folder."""
    return os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}


if __name__ == "__main__":
    main()
