"""`python -m keras_lossbox demo`: many labels of which most are missing, and a loss that survives saving.

matplotlib and scikit-learn (the extra `demo`) are imported inside the functions that need them.
"""

import importlib
import json
import os
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

import keras_lossbox
from keras_lossbox.tools.comparison.result import deviation

QUESTIONS = {  # asked of each picture; the digits whose answer is yes
    "Is it even?": (0, 2, 4, 6, 8),
    "Is it five or more?": (5, 6, 7, 8, 9),
    "Is it a prime?": (2, 3, 5, 7),
    "Is it divisible by three?": (0, 3, 6, 9),
    "Is it a square?": (0, 1, 4, 9),
    "Does it have a closed loop?": (0, 6, 8, 9),
}
MISSING = 0.6  # the chance of each answer to be missing
SEEDS = range(5)
SEED_OF_LAST_EPOCH = 100
EPOCHS = 12
BATCH = 64
LEARNING_RATE = 0.02
BLUE, ORANGE = "#0072b2", "#d55e00"  # for the colour-blind too

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
    """Pictures (64 numbers in [0, 1] each) and six answers to each: 0, 1, or NaN for a missing one."""

    x_train: np.ndarray
    x_test: np.ndarray
    y_train: np.ndarray
    y_train_complete: np.ndarray  # the same answers with none missing
    y_test: np.ndarray


class Way(NamedTuple):
    """A way to deal with missing labels: a loss, and what it is trained on."""

    label: str
    loss: Callable
    training_part: Callable  # Data -> x, y
    epochs: int | None = None  # as all others


class Result(NamedTuple):
    """What one way gave: its scores for each seed, and the model and logits of the last."""

    label: str
    scores: list
    model: keras.Model
    logits: np.ndarray


def keras_loss():
    """Keras's own loss of yes/no targets."""
    return keras.losses.BinaryCrossentropy(from_logits=True)


def masked_loss():
    """The same, without what is missing."""
    return keras_lossbox.Masked(keras_lossbox.BinaryCrossentropy(from_logits=True))


def mask_by_hand(y_true, logits):
    """The same as a function: the two `where` keep NaN out of the value and out of the gradient."""
    known = ops.logical_not(ops.isnan(y_true))
    labels = ops.where(known, y_true, 0)
    values = ops.maximum(logits, 0) - logits * labels + ops.log1p(ops.exp(-ops.abs(logits)))
    return ops.sum(ops.where(known, values, 0)) / ops.maximum(ops.sum(ops.cast(known, values.dtype)), 1)


def complete_rows(y):
    """Which rows have every answer."""
    return ~np.isnan(y).any(axis=1)


PLAIN, COMPLETE, ZERO, BY_HAND, MASKED, NONE_MISSING = WAYS = (
    Way("Keras, NaN for missing", keras_loss, lambda data: (data.x_train, data.y_train), epochs=1),
    Way(
        "Keras, complete rows only",
        keras_loss,
        lambda data: (data.x_train[complete_rows(data.y_train)], data.y_train[complete_rows(data.y_train)]),
    ),
    Way("Keras, missing counted as 0", keras_loss, lambda data: (data.x_train, np.nan_to_num(data.y_train))),
    Way("a mask written by hand", lambda: mask_by_hand, lambda data: (data.x_train, data.y_train)),
    Way("Masked(BinaryCrossentropy)", masked_loss, lambda data: (data.x_train, data.y_train)),
    Way("Keras, nothing missing", keras_loss, lambda data: (data.x_train, data.y_train_complete)),
)


def demo(folder, quiet=False):
    """Runs the whole demo and writes `model.keras` and `demo.png` into `folder`, both or, if anything fails, none."""
    require_extra()
    make_folder(folder)
    all_data = [load_data(seed) for seed in SEEDS]
    if not quiet:
        say(introduction(all_data))
    results = {way: train(way, all_data, quiet) for way in WAYS}
    print_scores(results, all_data)

    data, model = all_data[-1], results[MASKED].model
    with tempfile.TemporaryDirectory(dir=folder, prefix=".unfinished-") as workspace:
        workspace = Path(workspace)
        model.save(workspace / "model.keras")
        saved = describe(model, data)
        report = in_fresh_process(workspace, data, quiet)
        check_same(saved, report["loaded"])
        print_reload(saved, report, one_more_epoch(model, data))
        draw(results, data, workspace / "demo.png")
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


def load_data(seed):
    """Handwritten digits (they come with scikit-learn), with six answers each, of which a part is lost by chance."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    pictures, digits = load_digits(return_X_y=True)
    x = (pictures / 16).astype("float32")
    y = np.stack([np.isin(digits, yes) for yes in QUESTIONS.values()], axis=1).astype("float32")
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.5, stratify=digits, random_state=seed)
    missing = np.random.default_rng(seed).random(y_train.shape) < MISSING
    return Data(x_train, x_test, np.where(missing, np.float32("nan"), y_train), y_train, y_test)


def introduction(all_data):
    """What the data are."""
    counts = [int(complete_rows(data.y_train).sum()) for data in all_data]
    return (
        f"{len(QUESTIONS)} yes/no questions about each of {len(all_data[0].x_train)} handwritten digits "
        f"({', '.join(QUESTIONS)}) Of the answers {MISSING:.0%} are missing, by chance. Rows with all of them: "
        f"{average(counts):.1f} on average over {len(counts)} seeds."
    )


def network():
    """A small network, one logit for each question."""
    inputs = keras.Input((64,))
    return keras.Sequential([inputs, keras.layers.Dense(64, "relu"), keras.layers.Dense(len(QUESTIONS))])


def train(way, all_data, quiet):
    """Trains the network once for each seed; all but loss and labels, chance included, is alike for all ways."""
    model = network()
    model.compile(keras.optimizers.Adam(LEARNING_RATE), way.loss())
    model.optimizer.build(model.trainable_variables)
    untouched = [ops.convert_to_numpy(variable) for variable in model.optimizer.variables]
    scores, logits = [], None
    if not quiet:
        print(f"\n{way.label}", flush=True)
    progress = keras.utils.Progbar(len(all_data), verbose=0 if quiet else 1, unit_name="seed")
    for number, (seed, data) in enumerate(zip(SEEDS, all_data, strict=True), start=1):
        # One model, started anew: compiling one for each seed would take most of the time.
        keras.utils.set_random_seed(seed)
        model.set_weights(network().get_weights())
        for variable, value in zip(model.optimizer.variables, untouched, strict=True):
            variable.assign(value)
        model.fit(*way.training_part(data), batch_size=BATCH, epochs=way.epochs or EPOCHS, verbose=0)
        logits = logits_of(model, data.x_test)
        scores.append(scores_of(data.y_test, logits))
        progress.update(number, values=[("F1", scores[-1]["F1"])])
    return Result(way.label, scores, model, logits)


def logits_of(model, x):
    """The predictions; called and not `predict`ed, which would compile once more."""
    return ops.convert_to_numpy(model(x, training=False))


def scores_of(labels, logits):
    """Mean over the questions of F1 at probability 0.5 and of average precision (over all thresholds); Brier score."""
    from sklearn.metrics import average_precision_score, f1_score

    if not np.isfinite(logits).all():
        return dict.fromkeys(("F1", "AP", "Brier"), float("nan"))
    return {
        "F1": float(f1_score(labels, logits > 0, average="macro", zero_division=0)),  # logit 0: probability 0.5
        "AP": float(average_precision_score(labels, logits, average="macro")),
        "Brier": float(np.mean((probability(logits) - labels) ** 2)),
    }


def probability(logits):
    """The sigmoid."""
    return 1 / (1 + np.exp(-logits.astype("float64")))


def average(values):
    """The mean of a list."""
    return float(np.mean(values))


def mean_of(result, score):
    """The mean of a score over the seeds."""
    return average([scores[score] for scores in result.scores])


def mean_and_deviation(values):
    """`0.950 ± 0.004`; the mean alone where there is no deviation."""
    mean, spread = average(values), deviation(values)
    return f"{mean:.3f} ± {spread:.3f}" if np.isfinite(spread) else f"{mean:.3f}"


def print_scores(results, all_data):
    """The table of all ways, and what it says in sentences."""
    from rich.console import Console
    from rich.table import Table

    table = Table()
    table.add_column("loss and labels", no_wrap=True)
    for column in results[MASKED].scores[0]:
        table.add_column(column, justify="right", no_wrap=True)
    for result in results.values():
        columns = ([scores[column] for scores in result.scores] for column in result.scores[0])
        table.add_row(result.label, *map(mean_and_deviation, columns))
    print()
    say(
        f"On {len(all_data[0].x_test)} other pictures, all answers known: mean ± standard deviation over "
        f"{len(all_data)} seeds, which draw pictures, missing answers and first weights. F1 (at probability 0.5) and "
        "AP (average precision, which depends on no threshold) are means over the questions."
    )
    Console(width=max(80, Console().width)).print(table)
    for sentence in what_it_says(results):
        say(sentence, "* ")


def what_it_says(results):
    """What the table shows and what it does not, with its numbers."""
    zero, by_hand, masked = (results[way] for way in (ZERO, BY_HAND, MASKED))
    gap = {score: abs(mean_of(masked, score) - mean_of(zero, score)) for score in ("F1", "AP")}
    worse = "less" if gap["AP"] < gap["F1"] else "no less"
    same = abs(mean_of(masked, "F1") - mean_of(by_hand, "F1")) < 0.01
    return [
        f"A correct mask by hand is {'as good' if same else 'another thing here'}: F1 {mean_of(by_hand, 'F1'):.3f}, "
        f"Masked {mean_of(masked, 'F1'):.3f}. Masked is such a mask, of any loss, tested and saved with the model.",
        f"Missing counted as 0 harms the ranking {worse} than the threshold: its AP is {gap['AP']:.3f} away from that "
        f"of Masked, its F1 {gap['F1']:.3f}.",
        "Answers are missing at random here. Where it depends on the answer whether it is missing, probabilities are "
        "biased with any mask.",
    ]


def describe(model, data):
    """All that must survive saving, as JSON keeps it: every number with every bit."""
    logits = logits_of(model, data.x_test)
    loss = model.loss
    return {
        "loss class": f"{type(loss).__module__}.{type(loss).__qualname__}",
        **{f"option {name}": value for name, value in loss.get_config().items()},
        "loss": repr(loss),
        "dtype": loss.dtype,
        "loss on the test part": float(loss(data.y_test, logits)),
        "predictions": logits.ravel().tolist(),
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
    keras.utils.set_random_seed(SEED_OF_LAST_EPOCH)  # the same batches in both processes
    before = model.evaluate(data.x_train, data.y_train, batch_size=BATCH, verbose=0)
    model.fit(data.x_train, data.y_train, batch_size=BATCH, verbose=verbose)
    after = model.evaluate(data.x_train, data.y_train, batch_size=BATCH, verbose=0)
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
    print()
    say(
        "The model with Masked, saved and loaded in a process that had imported only keras and keras_lossbox, has to "
        "the last bit the same"
    )
    say(saved["loss"], "  loss         ")
    say(saved["dtype"], "  dtype        ")
    say(f"{saved['loss on the test part']!r} on the test part", "  value        ")
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


def draw(results, data, path):
    """The picture: F1 of each way, and which precision two of them have at which recall."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure  # not pyplot, which may want a display and keeps every figure

    with rc_context({"font.size": 14, "lines.linewidth": 2.4}):
        figure = Figure(figsize=(12, 5.2), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
        draw_scores(left, results)
        for way, color, line in ((ZERO, ORANGE, "--"), (MASKED, BLUE, "-")):
            draw_precision_and_recall(right, results[way], data, color, line)
        right.plot([], [], "o", color="0.3", markersize=10, label="at probability 0.5")
        right.set(xlabel="recall", ylabel="precision", xlim=(-0.02, 1.02), ylim=(0.38, 1.02))
        right.set_title("Ranking suffers less than the threshold", fontsize=14)
        right.legend(loc="lower left")
        figure.savefig(path, dpi=120)


def draw_scores(axes, results):
    """A bar for each way, with the standard deviation over the seeds."""
    ways = list(results)[::-1]
    for place, way in enumerate(ways):
        scores = [scores["F1"] for scores in results[way].scores]
        color = {ZERO: ORANGE, MASKED: BLUE}.get(way, "0.65")
        mean = average(scores)
        if np.isnan(mean):
            axes.text(0.01, place, "nan", va="center", color="0.3")
            continue
        spread = np.nan_to_num(deviation(scores))
        axes.barh(place, mean, xerr=spread, color=color, height=0.62, ecolor="0.2", capsize=4)
        axes.text(mean + spread + 0.02, place, f"{mean:.2f}", va="center", color="0.2")
    axes.set_yticks(range(len(ways)), [results[way].label for way in ways])
    axes.set(
        xlabel="F1 at probability 0.5, mean of six questions",
        xlim=(0, 1.15),
        ylim=(-0.6, len(ways) - 0.4),
        xticks=np.linspace(0, 1, 6),
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(f"{MISSING:.0%} of the labels missing", fontsize=14)


def draw_precision_and_recall(axes, result, data, color, line):
    """The curve over all thresholds, the answers to all questions taken together, with a dot at probability 0.5."""
    from sklearn.metrics import precision_recall_curve, precision_score, recall_score

    labels, logits = data.y_test.ravel(), result.logits.ravel()
    precision, recall, _ = precision_recall_curve(labels, logits)
    axes.step(recall, precision, where="post", label=result.label, color=color, linestyle=line)
    dot = recall_score(labels, logits > 0), precision_score(labels, logits > 0, zero_division=0)
    axes.plot(*dot, "o", color=color, markersize=10)
