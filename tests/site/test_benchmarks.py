"""The benchmark runs and judges rightly; no time is asserted."""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import types

import numpy as np
import pytest
from backends import BACKEND

ROOT = pathlib.Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(BACKEND != "tensorflow", reason="the benchmark measures TensorFlow's modes")


@pytest.fixture
def benchmark_modules(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks import report, rows, steps

    return types.SimpleNamespace(report=report, rows=rows, steps=steps)


def run(*arguments):
    command = [sys.executable, "-m", "benchmarks", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env={**os.environ}, capture_output=True, text=True, timeout=120)


@pytest.mark.matrix
def test_smallest_run_prints_a_table_and_writes_json(tmp_path):
    file = tmp_path / "results.json"
    done = run("timing", "--loss", "MeanSquaredError", "--size", "32x10", "--rounds", 1, "--json", file)
    assert done.returncode == 0, done.stderr
    assert "box / Keras" in done.stdout
    assert "WARNING" not in done.stdout
    results = json.loads(file.read_text(encoding="utf-8"))
    assert results["machine"]["tensorflow"]
    assert [cell["mode"] for cell in results["timing"]] == ["eager", "graph", "xla"]
    for cell in results["timing"]:
        assert set(cell["seconds"]) == {"box", "keras", "formula", "limit"}
        assert all(0 < low <= middle <= high for low, middle, high in cell["seconds"].values())
        assert cell["target"]["against"] == "keras"
        assert cell["target"]["at_most"] == (1.2 if cell["mode"] == "eager" else 1.05)


@pytest.mark.matrix
@pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="peaks are read from Linux's /proc")
def test_a_line_of_the_growth_with_samples():
    command = [sys.executable, "-m", "benchmarks.pairs", "SupCon", "64"]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    line = json.loads(done.stdout.splitlines()[-1])
    assert line["bytes"] > 0
    assert line["seconds"] > 0


def test_loss_is_a_name_or_the_beginning_of_names(benchmark_modules, capsys):
    from benchmarks import __main__ as command

    def rows(*names):
        options = argparse.Namespace(loss=names, size=None, mode=None, quick=False)
        command._select(options, benchmark_modules.rows, argparse.ArgumentParser())
        return [row.name for row in options.rows]

    assert rows("MeanSquaredError") == ["MeanSquaredError"]
    assert rows("BinaryCrossentropy") == ["BinaryCrossentropy"]  # though others begin with it
    errors = ["MeanSquaredError", "MeanAbsoluteError"]
    others = ["MeanAbsolutePercentageError", "MeanSquaredLogarithmicError"]
    assert rows("Mean", "Huber") == [*errors, "Huber", *others]
    with pytest.raises(SystemExit):
        rows("NoSuchLoss")
    error = capsys.readouterr().err
    assert "NoSuchLoss" in error
    assert "LogCosh" in error


@pytest.mark.matrix
def test_competitors_of_every_row_agree_with_the_box(benchmark_modules):
    rows, steps = benchmark_modules.rows, benchmark_modules.steps
    for row in rows.ROWS:
        shapes = {rows.IMAGES: (2, 8, 8, 4), rows.PHOTOS: (2, 16, 16, 3), rows.SEQUENCES: (4, 12, 5)}
        shape = shapes.get(row.sizes, (32, 10))
        inputs = steps.tensors(row, shape)
        results = {name: steps.step(loss, "eager")(*inputs) for name, loss in row.contenders().items()}
        differences = {name: steps.disagreement(results["box"], result) for name, result in results.items()}
        assert set(differences.values()) == {""}, (row.name, differences)


def test_another_value_or_gradient_is_noticed(benchmark_modules):
    steps = benchmark_modules.steps
    expected = np.float32(2.0), np.array([1.0, -1.0], "float32")
    assert steps.disagreement(expected, expected) == ""
    assert "loss" in steps.disagreement(expected, (np.float32(2.01), expected[1]))
    assert "gradient" in steps.disagreement(expected, (expected[0], np.array([1.0, -1.01], "float32")))
    assert "gradient" in steps.disagreement(expected, (expected[0], np.array([1.0, np.nan], "float32")))


@pytest.mark.parametrize(
    "loss, measure, mode, size, expected",
    [
        ("LogCosh", "time", "eager", "32x10", ("keras", 1.2)),
        ("LogCosh", "time", "eager", "4M", ("keras", 1.05)),
        ("LogCosh", "memory", "graph", "4M", None),
        ("BinaryCrossentropy pos_weight", "time", "graph", "4M", ("formula", 0.75)),
        ("BinaryCrossentropy pos_weight", "time", "xla", "4M", ("formula", 1.0)),
        ("BinaryCrossentropy pos_weight", "time", "graph", "1024x1000", None),
        ("BinaryCrossentropy pos_weight", "memory", "graph", "4M", ("y_pred", 2.0)),
        ("SparseCategoricalCrossentropy smoothing", "time", "graph", "4096x32000", ("keras", 0.6)),
        ("SparseCategoricalCrossentropy smoothing", "memory", "eager", "4096x32000", ("keras", 0.5)),
        ("BinaryFocalCrossentropy", "time", "graph", "1024x1000", ("keras", 0.7)),
        ("BinaryFocalCrossentropy", "time", "xla", "1024x1000", ("keras", 1.05)),
    ],
)
def test_targets_are_those_of_the_issue(benchmark_modules, loss, measure, mode, size, expected):
    [row] = [row for row in benchmark_modules.rows.ROWS if row.name == loss]
    target = row.target(measure, mode, size)
    assert (target and (target.against, target.at_most)) == expected


def test_a_target_is_met_up_to_its_bound(benchmark_modules):
    report, rows = benchmark_modules.report, benchmark_modules.rows
    target = rows.Target("keras", 1.05)
    assert report.judged(target, {"keras": [0.9, 1.05, 2.0]})["met"]
    assert not report.judged(target, {"keras": [0.9, 1.06, 2.0]})["met"]
    assert report.judged(target, {"formula": [0.9, 1.0, 2.0]}) is None
    assert report.judged(None, {"keras": [0.9, 1.0, 2.0]}) is None
