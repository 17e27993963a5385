import collections
import functools
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
import pytest

# How many parameters of a test there are for one that runs by default, so that the README's command takes minutes; in
# each folder, where no mark `one_in(n)` says otherwise. On other backends all of them run.
ONE_IN = {"contract": 4, "functions": 3, "hosts": 3, "layers": 3, "losses": 3, "metrics": 3, "tf1": 3, "tools": 3}
ON_TENSORFLOW = os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow"


@pytest.fixture
def rng():
    return np.random.default_rng(20260)


@pytest.hookimpl(tryfirst=True)  # before pytest looks at the option -m
def pytest_collection_modifyitems(items):
    """Of `n` parameters of a test n - 1 are of the long part; what shares a costly fixture runs first."""
    number = collections.Counter()
    for item in items:
        if ON_TENSORFLOW and item.get_closest_marker("matrix") is None:
            test = item.nodeid.partition("[")[0]
            mark = item.get_closest_marker("one_in")
            if number[test] % (mark.args[0] if mark else ONE_IN.get(item.path.parent.name, 1)):
                item.add_marker(pytest.mark.matrix)
            number[test] += 1
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)


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
