import collections
import functools
import os
import pathlib
import zlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
import pytest

# Of how many parameters of a test one runs by default, so that the README's command takes a few minutes, and one in the
# long part, so that CI stays well within its limit; by folder, where no mark `one_in` says otherwise. All: `-m ""`.
ONE_IN = dict.fromkeys(("functions", "hosts", "layers", "losses", "metrics", "tf1", "tools"), 16) | {"contract": 16}
LONG_ONE_IN = {"contract": 5, "functions": 3, "layers": 3, "losses": 4, "tf1": 4}
ON_TENSORFLOW = os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow"


@pytest.fixture
def rng():
    return np.random.default_rng(20260)


@pytest.hookimpl(tryfirst=True)  # before pytest looks at the option -m
def pytest_collection_modifyitems(items):
    """Marks what is of the long part, and what is of neither; what shares a costly fixture runs first."""
    of_tests = collections.defaultdict(list)
    for item in items:
        of_tests[item.nodeid.partition("[")[0]].append(item)
    for test, its in of_tests.items():
        default, long = one_in(its[0])
        usual = [item for item in its if item.get_closest_marker("matrix") is None]
        by_default = every(default if ON_TENSORFLOW else long, usual, test)
        others = [item for item in its if item not in by_default]
        in_long_part = every(long, others, test)
        for item in others:
            item.add_marker(pytest.mark.matrix)
            if item not in in_long_part:
                item.add_marker(pytest.mark.exhaustive)
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)


def one_in(item):
    """Of how many parameters of its test one is tried by default, and one in the long part."""
    mark, folder = item.get_closest_marker("one_in"), item.path.parent.name
    default, long = ONE_IN.get(folder, 1), LONG_ONE_IN.get(folder, 1)
    return (default, long) if mark is None else (*mark.args, mark.kwargs.get("long", long))


def every(number, items, test):
    """Every so many-th item; from which one on depends on the test, so that not always the same losses are taken."""
    first = zlib.crc32(test.encode()) % max(1, min(number, len(items)))
    return items[first::number]


@functools.cache
def has_costly_fixture(path):
    return "pytest.mark.xdist_group(" in (pathlib.Path(__file__).parents[1] / path).read_text()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """With `--dist loadgroup` a file of a costly fixture goes to one worker.

    xdist 3.8 writes groups into a field that pytest 9.2 no longer reads, and then makes no groups at all, silently:
    https://github.com/pytest-dev/pytest-xdist/issues/1386
    """
    if config.getvalue("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class ByFileOfCostlyFixture(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            path = nodeid.split("::")[0]
            return path if has_costly_fixture(path) else nodeid

    return ByFileOfCostlyFixture(config, log)


def pytest_terminal_summary(terminalreporter):
    """How many cells of the matrix of test_matrix.py have passed."""
    reports = [report for category in terminalreporter.stats.values() for report in category]
    calls = [report for report in reports if getattr(report, "when", None) == "call"]
    properties = [pair for report in calls for pair in report.user_properties]
    losses = [value for name, value in properties if name == "cell"]
    if losses:
        terminalreporter.write_line(f"matrix: {len(losses)} cells of {len(set(losses))} losses passed")
