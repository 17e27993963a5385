"""The demo: one real run of it, the two failures that it promises to explain, and the words it chooses."""

import contextlib
import io
import subprocess
import sys
import zipfile

import pytest

from keras_lossbox.__main__ import main
from keras_lossbox.tools import demo

pytestmark = pytest.mark.xdist_group("demo")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One full run, with its second process: the exit code, what it printed, and its folder."""
    folder = tmp_path_factory.mktemp("demo") / "new" / "folder"
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = main(["demo", "--output", str(folder)])
    return code, printed.getvalue(), folder


def test_succeeds_and_leaves_two_complete_files(finished):
    code, _, folder = finished
    assert code == 0
    assert sorted(path.name for path in folder.iterdir()) == ["demo.png", "model.keras"]
    assert zipfile.ZipFile(folder / "model.keras").testzip() is None
    picture = (folder / "demo.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert picture.rstrip().endswith(b"IEND\xaeB`\x82")


def test_prints_the_table(finished):
    lines = finished[1].splitlines()
    header = next(line for line in lines if "recall" in line)
    assert [cell.strip() for cell in header.strip("┃").split("┃")] == [
        "loss",
        "recall",
        "precision",
        "F1",
        "average precision",
    ]
    plain, weighted = (line.strip("│").split("│") for line in lines if line.startswith("│"))
    assert plain[0].strip() == "plain"
    assert weighted[0].strip() == "pos_weight=32.44"  # 811 negatives, 25 positives
    assert all(0 < float(score) <= 1 for score in plain[1:] + weighted[1:])
    assert float(weighted[1]) > float(plain[1])  # recall: what the weight is for


def test_shows_progress_and_what_came_back(finished):
    printed = finished[1]
    assert f"Epoch {demo.EPOCHS}/{demo.EPOCHS}" in printed
    assert "loss class   keras_lossbox.losses.binary.BinaryCrossentropy\n" in printed
    assert "pos_weight=32.44\n" in printed
    steps = 27 * demo.EPOCHS  # 836 pictures in batches of 32
    assert f"from step {steps} to {steps + 27}" in " ".join(printed.split())


@pytest.fixture
def short_demo(monkeypatch):
    """The demo with one epoch and, in place of the second process, a loaded model that is equal to the saved one."""
    monkeypatch.setattr(demo, "EPOCHS", 1)

    def equal(workspace, data, quiet):
        model = demo.keras.saving.load_model(workspace / "model.keras")
        return {"loaded": demo.describe(model, data), "one more epoch": demo.one_more_epoch(model, data)}

    monkeypatch.setattr(demo, "in_fresh_process", equal)
    return equal


@pytest.mark.matrix
def test_a_mismatch_is_a_sentence_and_leaves_nothing(short_demo, monkeypatch, tmp_path, capsys):
    def tampered(workspace, data, quiet):
        report = short_demo(workspace, data, quiet)
        report["loaded"]["option pos_weight"] = 1.0
        return report

    monkeypatch.setattr(demo, "in_fresh_process", tampered)
    assert main(["demo", "--quiet", "--output", str(tmp_path)]) == 1
    sentence = capsys.readouterr().err
    assert "option pos_weight (32.44 was saved, 1.0 was loaded)" in sentence
    assert sentence.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_quiet_prints_results_only(short_demo, tmp_path, capsys):
    assert main(["demo", "--quiet", "--output", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "average precision" in printed
    assert "to the last bit" in printed
    assert "Epoch" not in printed
    assert "Training with" not in printed


@pytest.fixture
def description():
    return {"loss class": "a.B", "option pos_weight": 3.0, "dtype": "float32", "predictions": [0.5, -1.0]}


def test_no_difference(description):
    assert demo.differences(description, dict(description)) == []


@pytest.mark.parametrize(
    "changed, phrase",
    [
        ({"loss class": "a.C"}, "loss class ('a.B' was saved, 'a.C' was loaded)"),
        ({"option pos_weight": None}, "option pos_weight (3.0 was saved, None was loaded)"),
        ({"option pos_weight": 3}, "option pos_weight (3.0 was saved, 3 was loaded)"),
        ({"dtype": "float16"}, "dtype ('float32' was saved, 'float16' was loaded)"),
        ({"predictions": [0.5, -1.0000001]}, "predictions (by up to 1e-07)"),
        ({"predictions": [0.5]}, "predictions ([0.5, -1.0] was saved, [0.5] was loaded)"),
        ({"option new": 1}, "option new ('missing' was saved, 1 was loaded)"),
    ],
)
def test_every_difference_is_named(description, changed, phrase):
    assert demo.differences(description, {**description, **changed}) == [phrase]


def test_a_failing_second_process_is_a_sentence(monkeypatch):
    """The process itself is replaced; its last line on stderr is what the user should read."""
    failed = subprocess.CompletedProcess([], 1, stderr="Traceback\n  ...\nTypeError: no such class\n")
    monkeypatch.setattr(demo.subprocess, "run", lambda *args, **kwargs: failed)
    monkeypatch.setattr(demo.np, "savez", lambda *args, **kwargs: None)
    with pytest.raises(demo.DemoError, match="could not load and train the saved model: TypeError: no such class"):
        demo.in_fresh_process(demo.Path(), demo.Data(*[None] * 4), quiet=True)


def test_the_sentence_about_the_trade_off_fits_the_numbers():
    low = {"recall": 0.2, "precision": 0.9, "average precision": 0.7}
    high = {"recall": 0.8, "precision": 0.4, "average precision": 0.6}
    paid = demo.trade_off("pos_weight=9", low, high)
    assert "raised recall from 0.20 to 0.80 at the cost of precision, which fell from 0.90 to 0.40" in paid
    assert "Average precision, which depends on no threshold, went from 0.70 to 0.60" in paid
    assert "at the cost" not in demo.trade_off("pos_weight=9", high, low)
    assert "at the cost" not in demo.trade_off("pos_weight=9", low, {**high, "precision": 0.9})


def test_the_best_constant_guess_is_a_minimum():
    labels = demo.np.array([1.0, 0.0, 0.0, 0.0, 0.0], "float32")
    for pos_weight in (None, 7.0):
        loss = demo.keras_lossbox.BinaryCrossentropy(from_logits=True, pos_weight=pos_weight)
        best = demo.best_constant_loss(loss, labels)
        constants = [float(loss(labels, demo.np.full(5, logit, "float32"))) for logit in demo.np.linspace(-4, 4, 81)]
        assert min(constants) == pytest.approx(best, abs=1e-3)


@pytest.mark.matrix
def test_a_file_in_the_way(tmp_path):
    """In a process of its own: what a user types, and no traceback."""
    file = tmp_path / "file"
    file.write_text("mine")
    done = subprocess.run(
        [sys.executable, "-m", "keras_lossbox", "demo", "--output", str(file)], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert f"keras_lossbox demo: --output must be a directory, but {file} is a file" in done.stderr.splitlines()
    assert "Traceback" not in done.stderr
    assert file.read_text() == "mine"


@pytest.mark.parametrize("package", ["matplotlib", "sklearn"])
def test_a_missing_extra(package, monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, package, None)
    assert main(["demo", "--output", str(tmp_path / "new")]) == 1
    expected = f'keras_lossbox demo: {package} is missing; install it with: pip install "keras-lossbox[demo]"\n'
    assert capsys.readouterr().err == expected
    assert not (tmp_path / "new").exists()


def test_without_a_command_it_prints_the_help(capsys):
    assert main([]) == 0
    assert "demo" in capsys.readouterr().out
