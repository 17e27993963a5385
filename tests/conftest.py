import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
import pytest


@pytest.fixture
def rng():
    return np.random.default_rng(20260)


def pytest_collection_modifyitems(items):
    """What shares a costly fixture runs first, and on one worker of xdist (`--dist loadgroup`)."""
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)


def pytest_terminal_summary(terminalreporter):
    """How many cells of the matrix of test_matrix.py have passed."""
    reports = [report for category in terminalreporter.stats.values() for report in category]
    calls = [report for report in reports if getattr(report, "when", None) == "call"]
    properties = [pair for report in calls for pair in report.user_properties]
    losses = [value for name, value in properties if name == "cell"]
    if losses:
        terminalreporter.write_line(f"matrix: {len(losses)} cells of {len(set(losses))} losses passed")
