"""`compare` itself: it checks what it is given, trains what is not trained yet, and returns a `Comparison`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import keras

from keras_lossbox.tools.comparison import given
from keras_lossbox.tools.comparison.candidates import candidates_of
from keras_lossbox.tools.comparison.plan import plan_of
from keras_lossbox.tools.comparison.progress import progress
from keras_lossbox.tools.comparison.record import Record
from keras_lossbox.tools.comparison.result import Comparison
from keras_lossbox.tools.comparison.trials import Training


def compare(
    build: Callable[[], keras.Model],
    losses: Sequence[Any] | Mapping[str, Any],
    x: Any,
    y: Any = None,
    *,
    test: tuple[Any, Any] | None = None,
    test_size: float = 0.25,
    seeds: int | Iterable[int] = 5,
    epochs: int = 20,
    batch_size: int = 32,
    optimizer: Any = "adam",
    validation_size: float | None = None,
    patience: int | None = None,
    scores: Sequence[Any] | Mapping[str, Any] | None = None,
    lower_is_better: Sequence[str] | None = None,
    preprocessing: Any = None,
    file: Any = None,
    verbose: int = 1,
) -> Comparison:
    """Trains a model with each of several losses, over several seeds, and says which differences are more than noise.

    A seed decides the initial weights, which samples are for training, validation and test, and the order of the
    samples in each epoch. All losses get the same ones, the same optimizer and the same number of epochs, so that their
    scores differ by the loss alone and are compared seed by seed. The random states of Keras, numpy and Python are set.
    It takes scikit-learn (the extra `demo`).

    Scores are those of the test part. By default they are, by the kind of data that the losses declare:

    * yes/no: average precision; F1 at the probability 1/2, and at the threshold that is best on the validation part;
      Brier score. Of several labels the means.
    * classes: accuracy; calibration error, in ten bins of confidence.
    * real numbers: RMSE, MAE, R². Of several outputs the means.
    * regions: IoU, Dice.

    Labels that are missing (NaN, or what `ignore`, `ignore_class` of one of the losses says) are left out. A score gets
    probabilities, whatever the losses' `from_logits`, or values; a loss that tells nothing, such as a function, is read
    as the first that does.

    Args:
        build: returns a model that is not compiled, with one output; a new one each time.
        losses: a list of losses, or a dict whose keys are their names. Each as `compile` takes it: of this package,
            Keras's, a name of Keras's, a function. The others are compared to the first.
        x: an array of samples, or a list or dict of arrays; with `preprocessing` also a data frame. Or a function of
            the seed that returns `(x, y)` or `(x, y, x_test, y_test)`: samples that are drawn anew, or divided in a way
            of their own, such as by patient, by time, or as folds.
        y: an array of labels, one for each sample; None where `x` is a function.
        test: `(x, y)`, the test part of all seeds; None: each seed draws one out of x and y.
        test_size: which share of the samples is for the test, if no `test` is given.
        seeds: how many, 0 ... seeds - 1, or a list of them.
        epochs, batch_size, optimizer: as in `fit` and `compile`.
        validation_size: which share of the training part is for validation; None: 0.2 if `patience` or a score needs
            it, else 0.
        patience: ends a training after so many epochs in which the loss of the validation part, each one's own, has
            not become smaller, and goes back to the best weights; None trains for all epochs.
        scores: a list of Keras metrics and functions `(y_true, y_pred)`, such as those of scikit-learn, or a dict whose
            keys are their names. `best` and `plot` go by the first.
        lower_is_better: the names of scores of which lower is better; None: those whose function or metric is called
            an error, a loss, a deviance or a crossentropy. Only with `scores`.
        preprocessing: a transformer of scikit-learn, which is fitted to the training part of each seed.
        file: where each training is written as soon as it is finished, as JSON lines. The same call with the same file
            goes on after an interruption.
        verbose: 1 for a progress bar, 0 for none.

    Returns:
        A `Comparison`: printed, a table and what it shows; `table()`, `notes`, `best`, `plot()`, `to_dict()`.

    Raises:
        ValueError: for an argument out of its range; x and y of different lengths; a model that is compiled, or the
            same twice; a loss that cannot be trained; a score that fails; a file of another comparison. What was
            trained before is in the file. A loss of NaN is no error, but a score of NaN.
        ImportError: if scikit-learn is missing.

    Example:

    >>> import keras, keras_lossbox, numpy as np
    >>> x = np.random.default_rng(0).normal(size=(64, 2))
    >>> y = x @ [[1.0], [-1.0]]
    >>> build = lambda: keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> losses = {"MSE": keras_lossbox.MeanSquaredError(), "MAE": keras_lossbox.MeanAbsoluteError()}
    >>> compared = keras_lossbox.compare(build, losses, x, y, seeds=2, epochs=2, verbose=0)
    >>> [row["score"] for row in compared.table() if row["loss"] == "MAE"]
    ['RMSE', 'MAE', 'R²']

    Reference: Bouthillier et al., Accounting for Variance in Machine Learning Benchmarks, 2021,
    https://arxiv.org/abs/2103.03098
    """
    plan, description = checked_plan(
        build,
        losses,
        x,
        y,
        test=test,
        test_size=test_size,
        seeds=seeds,
        epochs=epochs,
        batch_size=batch_size,
        optimizer=optimizer,
        validation_size=validation_size,
        patience=patience,
        scores=scores,
        lower_is_better=lower_is_better,
        preprocessing=preprocessing,
    )
    return carry_out(plan, Record(file, description), verbose)


def checked_plan(
    build,
    losses,
    x,
    y=None,
    *,
    test=None,
    test_size=0.25,
    seeds=5,
    epochs=20,
    batch_size=32,
    optimizer="adam",
    validation_size=None,
    patience=None,
    scores=None,
    lower_is_better=None,
    preprocessing=None,
):
    """What is to be done, and what the file says first."""
    given.require_scikit_learn()
    candidates, seeds = candidates_of(losses), given.seeds_of(seeds)
    given.check_whole("epochs", epochs)
    given.check_whole("batch_size", batch_size)
    if patience is not None:
        given.check_whole("patience", patience, least=0)
    given.check_share("test_size", test_size)
    if validation_size is not None:
        given.check_share("validation_size", validation_size, or_none=True)
    training = Training(build, given.optimizer_of(optimizer), int(epochs), int(batch_size), patience)
    data = given.data_of(x, y, test, test_size, preprocessing)
    return plan_of(candidates, seeds, training, data, validation_size, scores, lower_is_better)


def carry_out(plan, record, verbose):
    """Trains what the record does not have; one model at a time."""
    with progress(len(plan.candidates) * len(plan.seeds), len(record.trials), verbose) as advance:
        for candidate in plan.candidates:
            trainer = None
            for seed in plan.seeds:
                if (candidate.name, seed) not in record.trials:
                    advance(0, candidate.name)
                    trial, trainer = plan.train(candidate, seed, trainer)
                    record.add(trial)
                    advance(1, candidate.name)
    names = tuple(candidate.name for candidate in plan.candidates)
    trials = tuple(record.trials[name, seed] for name in names for seed in plan.seeds)
    epochs, patience = plan.training.epochs, plan.training.patience
    return Comparison(names, tuple(plan.seeds), tuple(plan.scores), trials, epochs, patience, plan.sizes())
