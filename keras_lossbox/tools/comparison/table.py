"""`python -m keras_lossbox compare data.csv --label y`: from a table to losses compared, and the best model.

scikit-learn and matplotlib (the extra `demo`) are imported inside the functions that need them.
"""

import csv
import inspect
import json
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_lossbox.core.registry import get
from keras_lossbox.tools.comparison.candidates import name_of_loss
from keras_lossbox.tools.comparison.given import require_scikit_learn
from keras_lossbox.tools.comparison.picture import legend_below
from keras_lossbox.tools.comparison.record import Record
from keras_lossbox.tools.comparison.run import carry_out, checked_plan
from keras_lossbox.tools.comparison.suggest import kind_of, suggest
from keras_lossbox.tools.comparison.trials import Trainer

MISSING = ("", "na", "nan", "null", "none", "?")  # in lower case
MOST_CATEGORIES = 50  # of a column; the others are as a missing one
UNITS = 64
PATIENCE = 5
BATCH_SIZE = 32
FILES = ("table.txt", "comparison.json", "comparison.png", "best.keras", "preprocessing.joblib")


class Labels(NamedTuple):
    """Labels as losses take them."""

    kind: str
    y: np.ndarray
    classes: list  # what the classes are called; of a yes/no label the second is the yes
    unit: float  # by which counts and amounts were divided


class Columns(NamedTuple):
    """The columns of a table but the label: which are numbers, and the categories of the others."""

    x: np.ndarray
    names: list
    numbers: list
    categories: dict


def compare_table(path, label, output, *, losses=None, kind=None, seeds=5, epochs=50, quiet=False):
    """Compares losses on a table, prints what is found and writes it, with the best model, into `output`."""
    require_scikit_learn()
    header, rows = read_table(path)
    columns, labels = columns_of(header, rows, label), labels_of(header, rows, label, kind)
    chosen = losses_of(labels, losses)
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    print("\n".join(introduction(path, label, columns, labels, len(rows), chosen)))
    plan, description = checked_plan(
        lambda: network(columns, labels),
        {name: loss for name, (loss, _) in chosen.items()},
        columns.x,
        labels.y,
        seeds=seeds,
        epochs=epochs,
        batch_size=BATCH_SIZE,
        patience=PATIENCE,
        preprocessing=preprocessing(columns),
    )
    compared = carry_out(plan, Record(output / "trials.jsonl", description), 0 if quiet else 1)
    print(f"\n{compared}\n")
    write(compared, output)
    if compared.best is None:
        print("No loss gave a model: each score is NaN.")
    else:
        save_best(plan, compared.best, output)
        print(f"{sentence_of_best(compared)} Its model of seed {plan.seeds[0]} is best.keras.")
    print(f"Wrote {', '.join(name for name in FILES if (output / name).exists())} into {output}")
    return compared


def sentence_of_best(compared):
    """Which loss is best by the first score, and whether that is more than noise."""
    score = compared.scores[0].name
    row = next(row for row in compared.table() if (row["score"], row["loss"]) == (score, compared.best))
    noise = f" (within the noise: {compared.losses[0]} may be as good)" if row["in_noise"] else ""
    return f"Best by {score}: {compared.best}{noise}."


# The table


def read_table(path):
    """The names of the columns, and the rows as texts."""
    with open(path, newline="", encoding="utf-8-sig") as stream:
        first = stream.readline()
        stream.seek(0)
        delimiter = max(",;\t", key=first.count)
        header, *rows = [[cell.strip() for cell in row] for row in csv.reader(stream, delimiter=delimiter) if row] or [
            []
        ]
    twice = [name for name, count in Counter(header).items() if count > 1]
    if not header or twice:
        raise ValueError(f"the first line of {path} must name the columns, each once. Received: {', '.join(header)}")
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise ValueError(f"row {number} of {path} must have {len(header)} cells. Received: {len(row)}")
    return header, rows


def is_missing(text):
    """Whether a cell says nothing."""
    return text.lower() in MISSING


def as_numbers(cells):
    """A column as numbers, NaN for what is missing; None if one of them is no number."""
    try:
        found = np.array([np.nan if is_missing(cell) else float(cell) for cell in cells])
    except ValueError:
        return None
    return np.where(np.isinf(found), np.nan, found)


def with_label(header, rows, label):
    """The rows whose label is not missing, and their labels."""
    if label not in header:
        raise ValueError(f"--label must be one of the columns: {', '.join(header)}. Received: {label}")
    place = header.index(label)
    kept = [row for row in rows if not is_missing(row[place])]
    if len(kept) < 8:
        raise ValueError(f"at least eight rows must have a label {label}. Received: {len(kept)}")
    return kept, [row[place] for row in kept]


def columns_of(header, rows, label):
    """All columns but the label, as numbers or texts; one with a single value tells nothing and is left out."""
    rows, _ = with_label(header, rows, label)
    names, found, numbers, categories = [], [], [], {}
    for place, name in enumerate(header):
        cells = [row[place] for row in rows]
        if name == label or len(set(cells)) == 1:
            continue
        column = as_numbers(cells)
        if column is None:
            counts = Counter(cell for cell in cells if not is_missing(cell))
            categories[len(names)] = sorted(cell for cell, _ in counts.most_common(MOST_CATEGORIES))
        else:
            numbers.append(len(names))
        names.append(name)
        found.append(np.array(cells if column is None else column, dtype=object))
    if not names:
        raise ValueError(f"there must be a column beside {label} that is not the same in all rows")
    return Columns(np.stack(found, 1), names, numbers, categories)


def labels_of(header, rows, label, kind):
    """The labels: two different ones are yes/no, texts are classes, and numbers what they seem to be."""
    _, cells = with_label(header, rows, label)
    numbers = as_numbers(cells)
    texts = numbers is None or np.isnan(numbers).any()
    values, indices = np.unique(cells if texts else numbers, return_inverse=True)
    classes = [str(value) if texts else f"{value:g}" for value in values]
    if len(values) < 2:
        raise ValueError(f"the column {label} must hold different labels. Received: {classes[0]} in all rows")
    kind = kind or ("binary" if len(values) == 2 else "classes" if texts else kind_of(numbers))
    if kind in ("binary", "classes"):
        if kind == "binary" and len(values) > 2:
            raise ValueError(f"labels of kind binary must be two. Received: {', '.join(classes[:10])}")
        return Labels(kind, indices.astype("float32" if kind == "binary" else "int32"), classes, 1.0)
    if texts:
        raise ValueError(f"labels of kind {kind} must be numbers. Received: {', '.join(classes[:5])}")
    unit = float(np.mean(np.abs(numbers))) if kind in ("counts", "amounts") else 1.0
    return Labels(kind, (numbers / unit).astype("float32"), [], unit)


def losses_of(labels, names):
    """The losses to compare, by name, with a reason; those that the labels suggest, or those that were named."""
    if names is None:
        return {name_of_loss(loss): (loss, reason) for loss, reason in suggest(labels.y, kind=labels.kind)}
    losses = [loss_of_outputs(name) for name in names]
    return {name_of_loss(loss): (loss, "") for loss in losses}


def loss_of_outputs(name):
    """A loss by name, for outputs without activation."""
    options = inspect.signature(type(get(name))).parameters
    return get(name, **{option: True for option in ("from_logits", "log_input") if option in options})


def introduction(path, label, columns, labels, rows, chosen):
    """What is done, in lines."""
    yield (
        f"{path}: {len(labels.y)} of {rows} rows have a label {label}; "
        f"{len(columns.numbers)} columns of numbers, {len(columns.categories)} of categories"
    )
    if labels.classes:
        names = labels.classes[:10] + ["..."] * (len(labels.classes) > 10)
        yield f"{label} is {'yes/no: ' if labels.kind == 'binary' else 'a class: '}" + ", ".join(
            f"{name} is {index}" for index, name in enumerate(names)
        )
    elif labels.unit != 1:
        yield f"{label}: {labels.kind}, in units of their mean, {labels.unit:.4g}"
    else:
        yield f"{label}: {labels.kind}"
    for name, (_, reason) in chosen.items():
        yield f"* {name}" + f": {reason}" * bool(reason)


# What is trained


def preprocessing(columns):
    """Numbers: the median for what is missing, then mean 0 and deviation 1. Categories: an input of 0 or 1 for each."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
    known = [np.array(values, dtype=object) for values in columns.categories.values()]
    categories = OneHotEncoder(categories=known, handle_unknown="ignore", sparse_output=False)
    return ColumnTransformer(
        [("numbers", numbers, columns.numbers), ("categories", categories, list(columns.categories))]
    )


def network(columns, labels):
    """Two hidden layers; what is a number comes out in the units of the label."""
    width = len(columns.numbers) + sum(map(len, columns.categories.values()))
    outputs = len(labels.classes) if labels.kind == "classes" else 1
    layers: list[Any] = [keras.Input((width,))]
    layers += [keras.layers.Dense(UNITS, "relu"), keras.layers.Dense(UNITS, "relu"), keras.layers.Dense(outputs)]
    if labels.kind == "numbers":
        layers.append(keras.layers.Rescaling(float(np.std(labels.y)), float(np.mean(labels.y))))
    return keras.Sequential(layers)


# What is written


def write(compared, output):
    """The table as text, all of it as JSON, and a picture."""
    (output / "table.txt").write_text(f"{compared}\n", encoding="utf-8")
    (output / "comparison.json").write_text(json.dumps(compared.to_dict(), indent=1), encoding="utf-8")
    try:
        from matplotlib.figure import Figure  # not pyplot, which may want a display
    except ImportError:
        print('matplotlib is missing, so there is no picture; install it with: pip install "keras-lossbox[demo]"')
        return
    figure = Figure(figsize=(12, 3 + 0.6 * len(compared.losses)), layout="constrained")
    legend_below(compared.plot(ax=figure.subplots(1, 2))[1])
    figure.savefig(output / "comparison.png", dpi=120)


def save_best(plan, name, output):
    """The model of a loss and the first seed, trained once more, and the preprocessing that it was trained with."""
    import joblib

    candidate = next(candidate for candidate in plan.candidates if candidate.name == name)
    x = plan.data.parts(plan.seeds[0]).train.x
    _, trainer = plan.train(candidate, plan.seeds[0], Trainer(candidate, plan.training, x))
    trainer.model.save(output / "best.keras")
    samples = plan.data.samples(plan.seeds[0])
    train, *_ = plan.data.rows(samples, plan.seeds[0])
    joblib.dump(plan.data.fitted(samples, train), output / "preprocessing.joblib")
