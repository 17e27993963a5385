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
