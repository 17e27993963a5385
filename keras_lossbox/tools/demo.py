"""`python -m keras_lossbox demo`: what `pos_weight` does on rare positives, and a loss that survives saving.

matplotlib and scikit-learn (the extra `demo`) are imported inside the functions that need them.
"""

import importlib
import json
import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

import keras_lossbox

SEED = 0
DIGIT = 8  # the digit that a linear model finds hardest: a 1, 3, 5 or 9 differs from it in one stroke
POSITIVES = 50  # of about 1670 pictures: 3 %
EPOCHS = 12

# What runs in the second process. A user's own script needs no more than its first lines to load the model.
FRESH_PROCESS = """
import sys
import keras
import keras_lossbox

model_file, data_file, report_file, verbose = sys.argv[1:]
model = keras.saving.load_model(model_file)

from keras_lossbox.tools import demo  # after loading: the model came back with nothing but the imports above
demo.report_from_fresh_process(model, data_file, report_file, verbose)
"""


class DemoError(Exception):
    """A failure that one sentence explains."""


class Data(NamedTuple):
    """Pictures (64 numbers in [0, 1] each) and labels (1 for `DIGIT`), for training and for the test."""

    x_train: np.ndarray
    x_test: np.ndarray
    y_train: np.ndarray
    y_test: np.ndarray


class Run(NamedTuple):
    """A trained model and what is shown of it."""

    label: str
    model: keras.Model
    history: list
    logits: np.ndarray
    scores: dict


def demo(folder, quiet=False):
    """Runs the whole demo and writes `model.keras` and `demo.png` into `folder`, both or, if anything fails, none."""
    require_extra()
    make_folder(folder)
    data = load_data()
    if not quiet:
        positives = int(data.y_train.sum())
        print(f"Which pictures show the digit {DIGIT}? Of the {len(data.y_train)} to train on, {positives} do.")
    plain = train("plain", data, quiet, pos_weight=None)
    pos_weight = float((data.y_train == 0).sum() / (data.y_train == 1).sum())
    weighted = train(f"pos_weight={pos_weight:.4g}", data, quiet, pos_weight)
    print_scores([plain, weighted], data)

    with tempfile.TemporaryDirectory(dir=folder, prefix=".unfinished-") as workspace:
        workspace = Path(workspace)
        weighted.model.save(workspace / "model.keras")
        saved = describe(weighted.model, data)
        report = in_fresh_process(workspace, data, quiet)
        check_same(saved, report["loaded"])
        print_reload(saved, report, one_more_epoch(weighted.model, data))
        draw([plain, weighted], data, workspace / "demo.png")
        for name in ("model.keras", "demo.png"):
            os.replace(workspace / name, folder / name)
    print(f"\nWrote {folder / 'model.keras'} and {folder / 'demo.png'}")


def require_extra():
    """Fails before any work if a package of the extra `demo` is missing."""
    for package in ("matplotlib", "sklearn"):
        try:
            importlib.import_module(package)
        except ImportError:
            raise DemoError(f'{package} is missing; install it with: pip install "keras-lossbox[demo]"') from None


def make_folder(folder):
    """Fails before any work if nothing can be written there."""
    if folder.exists() and not folder.is_dir():
        raise DemoError(f"--output must be a directory, but {folder} is a file")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DemoError(f"--output {folder} cannot be made: {error.strerror}") from None


def load_data():
    """Handwritten digits (they come with scikit-learn): one against the rest, thinned until it is rare."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    pictures, digits = load_digits(return_X_y=True)
    kept = np.random.default_rng(SEED).choice(np.flatnonzero(digits == DIGIT), POSITIVES, replace=False)
    kept = np.sort(np.concatenate([kept, np.flatnonzero(digits != DIGIT)]))
    x, y = (pictures[kept] / 16).astype("float32"), (digits[kept] == DIGIT).astype("float32")
    return Data(*train_test_split(x, y, test_size=0.5, stratify=y, random_state=SEED))


def train(label, data, quiet, pos_weight):
    """A small network trained with this weight of the positives; all else, chance included, is alike."""
    keras.utils.set_random_seed(SEED)  # the same initial weights and the same batches for both losses
    loss = keras_lossbox.BinaryCrossentropy(from_logits=True, pos_weight=pos_weight)
    if not quiet:
        print(f"\nTraining with {loss}", flush=True)
    model = keras.Sequential(
        [keras.Input((data.x_train.shape[1],)), keras.layers.Dense(32, "relu"), keras.layers.Dense(1)]
    )
    model.compile(keras.optimizers.Adam(3e-3), loss)
    history = model.fit(data.x_train, data.y_train, epochs=EPOCHS, verbose=0 if quiet else 1).history["loss"]
    logits = model.predict(data.x_test, verbose=0)[:, 0]
    return Run(label, model, history, logits, scores_of(data.y_test, logits))


def scores_of(labels, logits):
    """Recall, precision and F1 at probability 0.5, and the average precision over all thresholds."""
    from sklearn.metrics import average_precision_score, f1_score, precision_score, recall_score

    said_yes = logits > 0  # a logit of 0 is a probability of 0.5
    return {
        "recall": float(recall_score(labels, said_yes)),
        "precision": float(precision_score(labels, said_yes, zero_division=0)),
        "F1": float(f1_score(labels, said_yes)),
        "average precision": float(average_precision_score(labels, logits)),
    }


def print_scores(runs, data):
    """The table of both runs, and what it says in a sentence."""
    from rich.console import Console
    from rich.table import Table

    positives = int(data.y_test.sum())
    table = Table()
    table.add_column("loss", no_wrap=True)
    for column in runs[0].scores:
        table.add_column(column, justify="right", no_wrap=True)
    for run in runs:
        table.add_row(run.label, *(f"{score:.2f}" for score in run.scores.values()))
    print()
    say(f"Test part: {len(data.y_test)} pictures, {positives} of them of the digit {DIGIT}; threshold: probability 0.5")
    Console().print(table)
    plain, weighted = runs
    say(trade_off(weighted.label, plain.scores, weighted.scores))
    say(f"With {positives} positives in the test, one picture more or less is {1 / positives:.2f} of recall.")


def trade_off(label, plain, weighted):
    """What the weighted loss bought and what it cost, in words that fit the numbers."""
    recall = f"from {plain['recall']:.2f} to {weighted['recall']:.2f}"
    precision = f"from {plain['precision']:.2f} to {weighted['precision']:.2f}"
    ranking = f"from {plain['average precision']:.2f} to {weighted['average precision']:.2f}"
    if weighted["recall"] > plain["recall"] and weighted["precision"] < plain["precision"]:
        change = f"{label} raised recall {recall} at the cost of precision, which fell {precision}."
    else:
        change = f"With {label}, recall went {recall} and precision {precision}."
    return f"{change} Average precision, which depends on no threshold, went {ranking}."


def describe(model, data):
    """All that must survive saving, as JSON keeps it: every number with every bit."""
    logits = model.predict(data.x_test, verbose=0)[:, 0]
    loss = model.loss
    return {
        "loss class": f"{type(loss).__module__}.{type(loss).__qualname__}",
        **{f"option {name}": value for name, value in loss.get_config().items()},
        "dtype": loss.dtype,
        "loss on the test part": float(loss(data.y_test, logits)),
        "predictions": logits.tolist(),
        "optimizer steps": steps_of(model),
    }


def steps_of(model):
    """How many batches the optimizer has seen."""
    return int(keras.ops.convert_to_numpy(model.optimizer.iterations))


def in_fresh_process(workspace, data, quiet):
    """What `report_from_fresh_process` says about the saved model, in a process that has seen nothing else."""
    model_file, data_file, report_file = (workspace / name for name in ("model.keras", "data.npz", "report.json"))
    np.savez(data_file, **data._asdict())
    if not quiet:
        print("\nA fresh process loads model.keras and trains it for one more epoch", flush=True)
    child = subprocess.run(
        [sys.executable, "-c", FRESH_PROCESS, model_file, data_file, report_file, "0" if quiet else "1"],
        stderr=subprocess.PIPE,  # shown only if it fails: TensorFlow's start-up lines were printed once already
        text=True,
    )
    if child.returncode != 0:
        reason = child.stderr.strip().splitlines()[-1:] or [f"exit code {child.returncode}"]
        raise DemoError(f"the fresh process could not load and train the saved model: {reason[0]}")
    return json.loads(report_file.read_text())


def report_from_fresh_process(model, data_file, report_file, verbose):
    """Describes the model as it was loaded, trains it for one more epoch, and writes both down."""
    with np.load(data_file) as arrays:
        data = Data(**arrays)
    report = {"loaded": describe(model, data), "one more epoch": one_more_epoch(model, data, int(verbose))}
    Path(report_file).write_text(json.dumps(report))


def one_more_epoch(model, data, verbose=0):
    """Goes on training; the loss on the training part before and after, and the optimizer's step count."""
    keras.utils.set_random_seed(SEED + 1)  # the same batches in both processes
    before = model.evaluate(data.x_train, data.y_train, verbose=0)
    model.fit(data.x_train, data.y_train, verbose=verbose)
    after = model.evaluate(data.x_train, data.y_train, verbose=0)
    return {"before": before, "after": after, "optimizer steps": steps_of(model)}


def differences(saved, loaded):
    """One phrase for each entry in which two descriptions differ; none if they are equal to the last bit."""
    found = []
    for name in {**saved, **loaded}:
        before, after = saved.get(name, "missing"), loaded.get(name, "missing")
        # Compared as text: it tells 1 from 1.0 and True, and 0.0 from -0.0, and takes NaN as equal to NaN.
        if json.dumps(before) == json.dumps(after):
            continue
        if name == "predictions" and len(before) == len(after):
            distance = max(abs(a - b) for a, b in zip(before, after, strict=True))
            found.append(f"{name} (by up to {distance:.3g})")
        else:
            found.append(f"{name} ({shorten(before)} was saved, {shorten(after)} was loaded)")
    return found


def shorten(value):
    """The value as Python writes it, cut off where it gets long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def check_same(saved, loaded):
    """Fails with a sentence that says what is different after loading."""
    found = differences(saved, loaded)
    if found:
        raise DemoError(f"the loaded model is not the saved one; different: {'; '.join(found)}")


def print_reload(saved, report, unsaved):
    """What was checked after loading, and how training went on there and in the process that never saved."""
    options = {name.removeprefix("option "): value for name, value in saved.items() if name.startswith("option ")}
    print()
    say(
        "The weighted model, saved and loaded in a process that had imported only keras and keras_lossbox, has to the "
        "last bit the same"
    )
    say(saved["loss class"], "  loss class   ")
    say(", ".join(f"{name}={value!r}" for name, value in options.items()), "  options      ")
    say(saved["dtype"], "  dtype        ")
    say(f"{saved['loss on the test part']!r} on the test part", "  loss         ")
    say(f"all {len(saved['predictions'])} of the test part", "  predictions  ")
    more = report["one more epoch"]
    difference = unsaved["after"] - more["after"]
    say(
        f"One more epoch took its training loss from {more['before']:.4f} to {more['after']:.4f} and the optimizer "
        f"from step {saved['optimizer steps']} to {more['optimizer steps']}. The model that was never saved, given the "
        f"same epoch, ended at {unsaved['after']:.4f}, "
        + ("the same to the last bit." if unsaved == more else f"which differs by {difference:.2g}.")
    )


def say(text, label=""):
    """Prints a paragraph, behind a label if there is one, that fits a terminal."""
    print(textwrap.fill(text, 80, initial_indent=label, subsequent_indent=" " * len(label), break_long_words=False))


def draw(runs, data, path):
    """The picture: how both losses fell, and which precision each model has at which recall."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure  # not pyplot, which may want a display and keeps every figure

    with rc_context({"font.size": 13, "lines.linewidth": 2.2}):
        figure = Figure(figsize=(11, 5), layout="constrained")
        left, right = figure.subplots(1, 2)
        for run, style in zip(runs, ({"color": "#0072b2", "linestyle": "--"}, {"color": "#d55e00"}), strict=True):
            draw_training(left, run, data, style)
            draw_precision_and_recall(right, run, data, style)
        left.axhline(1, color="0.6", linewidth=1.2)
        left.annotate("1 = best constant guess", (EPOCHS, 1), (0, 4), textcoords="offset points", ha="right")
        left.set(xlabel="epoch", ylabel="training loss / loss of best constant guess", ylim=(0, None))
        left.set_title("Training: each loss in units of its own baseline", fontsize=13)
        right.plot([], [], "o", color="0.3", markersize=9, label="at probability 0.5")
        right.set(xlabel="recall", ylabel="precision", xlim=(-0.02, 1.02), ylim=(-0.02, 1.04))
        right.set_title(f"Test: {len(data.y_test)} pictures, {data.y_test.sum():.0f} positives", fontsize=13)
        left.legend(loc="upper right")
        right.legend(loc="lower left", title="AP: average precision")
        figure.savefig(path, dpi=150)


def draw_training(axes, run, data, style):
    """The training loss over its own baseline: the two losses differ in scale, so the raw numbers do not compare."""
    baseline = best_constant_loss(run.model.loss, data.y_train)
    epochs = range(1, len(run.history) + 1)
    axes.plot(epochs, np.divide(run.history, baseline), label=f"{run.label} (baseline {baseline:.3f})", **style)


def best_constant_loss(loss, labels):
    """The loss of the best answer that ignores the picture: the odds of a positive, times its weight, for all."""
    odds = (loss.pos_weight or 1) * labels.mean() / (1 - labels.mean())
    return float(loss(labels, np.full_like(labels, np.log(odds))))


def draw_precision_and_recall(axes, run, data, style):
    """The curve over all thresholds, with a dot where the probability 0.5 lies."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = precision_recall_curve(data.y_test, run.logits)
    label = f"{run.label} (AP {run.scores['average precision']:.2f})"
    axes.step(recall, precision, where="post", label=label, **style)
    axes.plot(run.scores["recall"], run.scores["precision"], "o", color=style["color"], markersize=9)
