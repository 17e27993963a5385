"""The demo: one real run of it, the two failures that it promises to explain, and the words it chooses."""

import contextlib
import io
import re
import subprocess
import sys
import zipfile

import pytest

from keras_lossbox.__main__ import main
from keras_lossbox.tools import demo

pytestmark = pytest.mark.xdist_group("demo")


SEEDS = 2


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of two seeds, with its second process: the exit code, what it printed, and its folder."""
    folder = tmp_path_factory.mktemp("demo") / "new" / "folder"
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "SEEDS", range(SEEDS))
        code = main(["demo", "--output", str(folder)])
    return code, printed.getvalue(), folder


@pytest.mark.matrix
def test_succeeds_and_leaves_two_complete_files(finished):
    code, _, folder = finished
    assert code == 0
    assert sorted(path.name for path in folder.iterdir()) == ["demo.png", "model.keras"]
    assert zipfile.ZipFile(folder / "model.keras").testzip() is None
    picture = (folder / "demo.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert picture.rstrip().endswith(b"IEND\xaeB`\x82")


@pytest.mark.matrix
def test_the_table_shows_what_a_mask_is_for(finished):
    lines = finished[1].splitlines()
    header = next(line for line in lines if "F1" in line and "┃" in line)
    assert [cell.strip() for cell in header.strip("┃").split("┃")] == ["loss and labels", "F1", "AP", "Brier"]
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines if line.startswith("│")]
    assert [row[0] for row in rows] == [way.label for way in demo.WAYS]
    assert rows[0][1:] == ["nan"] * 3  # what Keras gives
    f1, precision, brier = ([float(row[column].split(" ± ")[0]) for row in rows[1:]] for column in (1, 2, 3))
    complete, zero, by_hand, masked, none_missing = f1
    assert complete < 0.8 < masked < none_missing
    assert zero < 0.6
    assert abs(masked - by_hand) <= 0.01
    assert precision[1] > 0.9  # the ranking of "missing counted as 0"
    assert brier[3] < 0.06 < brier[1]


@pytest.mark.matrix
def test_says_what_is_true_beside_it(finished):
    printed = " ".join(finished[1].split())
    assert "A correct mask by hand is as good: F1 0.9" in printed
    assert "harms the ranking less than the threshold" in printed
    assert "missing at random here" in printed


@pytest.mark.matrix
def test_shows_progress_and_what_came_back(finished):
    printed = finished[1]
    assert f"{SEEDS}/{SEEDS}" in printed
    assert "6 yes/no questions about each of 898 handwritten digits" in " ".join(printed.split())
    assert "loss         Masked(loss=BinaryCrossentropy(from_logits=True))\n" in printed
    assert "all 5394 of the test part" in printed  # 899 pictures, six questions
    steps = 15 * demo.EPOCHS  # 898 pictures in batches of 64
    assert f"from step {steps} to {steps + 15}" in " ".join(printed.split())
    # Training on is not repeatable to the last bit where threads share the work: what is compared is how it went.
    assert re.search(r"the same to the last bit\.|which differs by -?[\d.]+e-\d+", " ".join(printed.split()))


@pytest.mark.matrix
def test_complete_rows_are_few():
    """The expected number is 0.4^6 of 898 = 3.7."""
    counts = [int(demo.complete_rows(demo.load_data(seed).y_train).sum()) for seed in range(20)]
    assert 3 < demo.average(counts) < 4.5


def test_the_mask_by_hand_is_the_formula(rng):
    """Against numpy in float64: the mean over what is known of log(1 + e^z) - y z."""
    logits, labels = rng.normal(size=(7, 6)), rng.integers(0, 2, (7, 6)).astype("float64")
    labels[rng.random((7, 6)) < 0.5] = float("nan")
    expected = demo.np.nanmean(demo.np.logaddexp(0, logits) - labels * logits)
    assert float(demo.mask_by_hand(labels.astype("float32"), logits.astype("float32"))) == pytest.approx(expected, 1e-5)


@pytest.fixture
def short_demo(monkeypatch):
    """One seed, one epoch, one way and, in place of the second process, a loaded model equal to the saved one."""
    monkeypatch.setattr(demo, "EPOCHS", 1)
    monkeypatch.setattr(demo, "SEEDS", range(1))

    def equal(workspace, data, quiet):
        model = demo.keras.saving.load_model(workspace / "model.keras")
        return {"loaded": demo.describe(model, data), "one more epoch": demo.one_more_epoch(model, data)}

    monkeypatch.setattr(demo, "in_fresh_process", equal)
    return equal


@pytest.mark.matrix
def test_a_model_started_anew_is_a_new_one(monkeypatch):
    """The model that is compiled once and trained for seed 0, then 1, ends where one trained for 1 alone does."""
    monkeypatch.setattr(demo, "EPOCHS", 1)
    ends = []
    for seeds in (range(2), range(1, 2)):
        monkeypatch.setattr(demo, "SEEDS", seeds)
        ends.append(demo.train(demo.MASKED, [demo.load_data(seed) for seed in seeds], quiet=True))
    assert demo.np.array_equal(ends[0].logits, ends[1].logits)
    assert demo.steps_of(ends[0].model) == demo.steps_of(ends[1].model) == 15


@pytest.mark.matrix
def test_a_mismatch_is_a_sentence_and_leaves_nothing(short_demo, monkeypatch, tmp_path, capsys):
    def tampered(workspace, data, quiet):
        report = short_demo(workspace, data, quiet)
        report["loaded"]["option ignore"] = -1
        return report

    monkeypatch.setattr(demo, "in_fresh_process", tampered)
    assert main(["demo", "--quiet", "--output", str(tmp_path)]) == 1
    sentence = capsys.readouterr().err
    assert "option ignore ('nan' was saved, -1 was loaded)" in sentence
    assert sentence.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.matrix
def test_quiet_prints_results_only(short_demo, tmp_path, capsys):
    assert main(["demo", "--quiet", "--output", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "Brier" in printed
    assert "to the last bit" in " ".join(printed.split())
    assert "━━━ " not in printed
    assert "questions about each" not in printed


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
        demo.in_fresh_process(demo.Path(), demo.Data(*[None] * 5), quiet=True)


def results(**f1_and_ap):
    ways = {"zero": demo.ZERO, "by_hand": demo.BY_HAND, "masked": demo.MASKED}
    return {ways[name]: demo.Result("", [{"F1": f1, "AP": ap}], None, None) for name, (f1, ap) in f1_and_ap.items()}


def test_the_sentences_fit_the_numbers():
    by_hand, less, _ = demo.what_it_says(results(zero=(0.3, 0.96), by_hand=(0.95, 0.98), masked=(0.95, 0.98)))
    assert "as good: F1 0.950, Masked 0.950" in by_hand
    assert "ranking less than the threshold: its AP is 0.020 away from that of Masked, its F1 0.650" in less
    by_hand, less, _ = demo.what_it_says(results(zero=(0.9, 0.5), by_hand=(0.5, 0.98), masked=(0.95, 0.98)))
    assert "as good" not in by_hand
    assert "ranking no less than the threshold" in less


def test_mean_and_deviation():
    assert demo.mean_and_deviation([1.0, 2.0, 3.0]) == "2.000 ± 1.000"  # with n - 1
    assert demo.mean_and_deviation([0.5]) == "0.500"
    assert demo.mean_and_deviation([float("nan")] * 2) == "nan"


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
