"""Trials: one loss, trained with one seed. All that is not the loss is alike for all losses, chance included.

scikit-learn (the extra `demo`) is imported inside the function that needs it.
"""

import hashlib
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from keras_lossbox.tools.diagnose.case import in_short


class Trial(NamedTuple):
    """What one loss gave with one seed."""

    loss: str
    seed: int
    scores: dict
    history: dict  # as `fit` gives it: the loss of each epoch, and that of the validation part as "val_loss"


class Part(NamedTuple):
    """Samples and their labels."""

    x: Any
    y: np.ndarray


class Parts(NamedTuple):
    """What a seed makes of the data."""

    train: Part
    validation: Part | None
    test: Part


class Samples(NamedTuple):
    """All samples and their labels; `test` are those for the test where they are given."""

    x: Any
    y: np.ndarray
    test: Part | None
    fingerprint: str


class Data(NamedTuple):
    """Where the samples come from, and how they are divided."""

    samples: Callable  # of the seed
    test_size: float
    validation_size: float  # of the training part; 0 for none
    kind: str | None  # of the labels: the shares of classes are kept
    preprocessing: Any

    def rows(self, samples, seed):
        """Which are for training, for validation, and for the test; None where none of them are."""
        train, validation, test = np.arange(len(samples.y)), None, None
        strata = strata_of(self.kind, samples.y)
        if samples.test is None:
            train, test = divided(train, self.test_size, strata, seed)
        if self.validation_size:
            train, validation = divided(train, self.validation_size, strata, seed)
        return train, validation, test

    def parts(self, seed):
        """Training, validation and test part of a seed."""
        samples = self.samples(seed)
        train, validation, test = self.rows(samples, seed)
        fitted = None if self.preprocessing is None else self.fitted(samples, train)

        def prepared(x):
            return x if fitted is None else as_float32(fitted.transform(x))

        def part(rows):
            return Part(prepared(rows_of(samples.x, rows)), samples.y[rows])

        return Parts(
            part(train),
            None if validation is None else part(validation),
            part(test) if samples.test is None else Part(prepared(samples.test.x), samples.test.y),
        )

    def fitted(self, samples, train):
        """The preprocessing, fitted to the training part alone."""
        from sklearn.base import clone

        return clone(self.preprocessing).fit(rows_of(samples.x, train))


def as_float32(x):
    """What a transformer of scikit-learn returns, sparse or not, as an array."""
    return np.asarray(x.toarray() if hasattr(x, "toarray") else x, "float32")


def rows_of(x, rows):
    """These samples of an array, of several, or of a data frame."""
    if hasattr(x, "iloc"):
        return x.iloc[rows]
    return keras.tree.map_structure(lambda leaf: leaf[rows], x)


def divided(rows, size, strata, seed):
    """Two parts by chance; with the same shares of the groups where each is large enough."""
    from sklearn.model_selection import train_test_split

    groups = None if strata is None else strata[rows]
    if groups is not None:
        counts, second = np.unique(groups, return_counts=True)[1], math.ceil(size * len(rows))
        if counts.min() < 2 or len(counts) > min(second, len(rows) - second):
            groups = None
    first, second = train_test_split(rows, test_size=size, stratify=groups, random_state=seed)
    return np.sort(first), np.sort(second)


def strata_of(kind, y):
    """The groups of a single yes/no label, or of one class of several; None for other data."""
    if kind not in ("binary", "classes"):
        return None
    if y.ndim == 2 and y.shape[-1] > 1 and kind == "classes":
        y = np.where(np.isnan(y.sum(-1)), np.nan, np.argmax(y, -1))
    elif y.ndim == 2 and y.shape[-1] == 1:
        y = y[:, 0]
    return np.unique(y, return_inverse=True)[1] if y.ndim == 1 else None


class Training(NamedTuple):
    """What is alike for all losses."""

    build: Callable
    optimizer: keras.optimizers.Optimizer
    epochs: int
    batch_size: int
    patience: int | None


def new_model(build):
    """What `build` returns, if it can be trained here."""
    allowed = "compare: `build` must return a keras.Model that is not compiled, a new one each time."
    if isinstance(build, keras.Model) or not callable(build):
        raise ValueError(f"{allowed} Received: build={build!r}, which is no function")
    model = build()
    if not isinstance(model, keras.Model):
        raise ValueError(f"{allowed} Received: {model!r}")
    if model.compiled:
        raise ValueError(f"{allowed} Received: a compiled model, {model.name}")
    if len(getattr(model, "outputs", None) or [None]) > 1:
        raise ValueError(f"compare: the model must have one output. Received: {len(model.outputs)}, {model.name}")
    return model


def built(build, x):
    """A new model with its variables."""
    model = new_model(build)
    if not model.built:
        model(rows_of(x, slice(0, 1)))
    return model


def check_is_new(model, other):
    """Raises a ValueError if the second call of `build` gave the model, or weights, of the first."""
    shared = {id(variable) for variable in model.trainable_variables}
    if model is other or any(id(variable) in shared for variable in other.trainable_variables):
        raise ValueError(
            "compare: `build` must return a new model each time, with weights of its own. Received: the same "
            f"{'model' if model is other else 'weights'} twice, {other.name}"
        )


def copy_of(optimizer):
    """An optimizer that has done nothing yet."""
    return type(optimizer).from_config(optimizer.get_config())


class Trainer:
    """A model compiled with one loss, which is started anew for each seed: compiling for each would take most time."""

    def __init__(self, candidate, training, x, steps_per_execution=1):
        self.candidate, self.training = candidate, training
        self.model = built(training.build, x)
        self.variables = list(self.model.variables)  # before `compile` adds what is not of the model
        self.model.compile(copy_of(training.optimizer), candidate.loss, steps_per_execution=steps_per_execution)
        self.has_fitted = False
        optimizer: Any = self.model.optimizer
        optimizer.build(self.model.trainable_variables)
        # copies: an array of PyTorch shares its memory with the variable
        self.untouched = [np.array(ops.convert_to_numpy(variable)) for variable in optimizer.variables]

    def train(self, seed, parts):
        """Trains from the start; returns the losses of each epoch."""
        try:
            return self._train(seed, parts)
        except Exception as error:  # whatever it is, it is to be known which loss it was
            raise ValueError(
                f"compare: {self.candidate.name!r} cannot be trained. {type(error).__name__}: {in_short(error)}"
            ) from error

    def _train(self, seed, parts):
        if not self.has_fitted:
            self._fit_once(parts.train)
        self._start_anew(seed, parts.train.x)
        found = self.model.fit(
            *parts.train,
            validation_data=None if parts.validation is None else tuple(parts.validation),
            epochs=self.training.epochs,
            batch_size=self.training.batch_size,
            callbacks=self._callbacks(),
            verbose=0,
        )
        return {name: finite(values) for name, values in found.history.items() if name in ("loss", "val_loss")}

    def _fit_once(self, train):
        """A batch for nothing: with JAX and PyTorch the first `fit` of a model draws an order of the samples more."""
        size = self.training.batch_size
        self.model.fit(rows_of(train.x, slice(0, size)), train.y[:size], batch_size=size, verbose=0)
        self.has_fitted = True

    def _start_anew(self, seed, x):
        keras.utils.set_random_seed(seed)
        fresh = built(self.training.build, x)
        for variable, value in zip(self.variables, fresh.variables, strict=True):
            variable.assign(value)
        for variable, value in zip(self.model.optimizer.variables, self.untouched, strict=True):
            variable.assign(value)
        keras.utils.set_random_seed(seed)  # the order of samples does not depend on what `build` draws

    def _callbacks(self):
        if self.training.patience is None:
            return [StopAtNaN()]
        stopping = keras.callbacks.EarlyStopping(patience=self.training.patience, restore_best_weights=True)
        return [StopAtNaN(), stopping]

    def predict(self, x):
        """The predictions, as the model gives them."""
        return predictions(self.model, x, self.training.batch_size)


def predictions(model, x, batch_size):
    """The predictions as an array; called and not `predict`ed, which would compile once more for each loss."""
    starts = range(0, len(keras.tree.flatten(x)[0]), batch_size)
    batches = [model(rows_of(x, slice(start, start + batch_size)), training=False) for start in starts]
    return np.concatenate([ops.convert_to_numpy(batch) for batch in batches]).astype("float64")


class StopAtNaN(keras.callbacks.Callback):
    """Ends the training after an epoch whose loss is not finite: nothing comes of it."""

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Looks at the loss."""
        if not np.isfinite((logs or {}).get("loss", 0)):
            self.model.stop_training = True


def finite(values):
    """Plain numbers; NaN for one that is not finite."""
    return [float(value) if np.isfinite(value) else math.nan for value in values]


def fingerprint(*data):
    """What tells these arrays from others."""
    found = hashlib.sha256()
    for leaf in keras.tree.flatten(data):
        array = np.asarray(leaf)
        found.update(f"{array.dtype}{array.shape}".encode())
        found.update(
            repr(array.tolist()).encode() if array.dtype.kind == "O" else np.ascontiguousarray(array).tobytes()
        )
    return found.hexdigest()[:16]
