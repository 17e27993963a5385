"""The plan of a comparison: everything that `compare` was given, checked, and the training of one of its trials."""

import math
from typing import NamedTuple

import keras
import numpy as np

from keras_lossbox.tools.comparison import scores as score_functions
from keras_lossbox.tools.comparison.candidates import Candidate, Reading, common_reading, read
from keras_lossbox.tools.comparison.description import description_of
from keras_lossbox.tools.comparison.scores import Score
from keras_lossbox.tools.comparison.trials import (
    Data,
    Trainer,
    Training,
    Trial,
    built,
    check_is_new,
    predictions,
)
from keras_lossbox.tools.diagnose.case import as_loss, in_short

VALIDATION_SIZE = 0.2  # of the training part, where one is needed


class Plan(NamedTuple):
    """What is trained and how it is judged."""

    candidates: list[Candidate]
    seeds: list[int]
    training: Training
    data: Data
    reading: Reading
    scores: list[Score]

    def train(self, candidate, seed, trainer=None):
        """One trial, and the trainer that holds its model."""
        parts = self.data.parts(seed)
        trainer = trainer or Trainer(candidate, self.training, parts.train.x, self.steps_of_an_epoch(parts.train))
        history = trainer.train(seed, parts)
        scores = self.judge(candidate, trainer.predict, parts, f"for {candidate.name!r}, seed {seed}")
        if not np.all(np.isfinite(history["loss"])):
            scores = dict.fromkeys(scores, np.nan)
        return Trial(candidate.name, seed, scores, history), trainer

    def steps_of_an_epoch(self, part):
        """How many are executed in one call: what `fit` does between two takes longer than a step of a small model."""
        return math.ceil(len(part.y) / self.training.batch_size) if keras.config.backend() == "tensorflow" else 1

    def judge(self, candidate, predict, parts, of):
        """Each score of the test part by name."""
        test = self._judged(candidate, predict, parts.test)
        needed = any(score.needs_validation for score in self.scores)
        validation = self._judged(candidate, predict, parts.validation) if needed else None
        return score_functions.evaluate(self.scores, of, test, validation)

    def _judged(self, candidate, predict, part):
        ignored = {label for candidate in self.candidates for label in candidate.ignored}
        return score_functions.judged(part.y, read(candidate, self.reading, predict(part.x)), ignored)

    def sizes(self):
        """How many samples each part has."""
        parts = self.data.parts(self.seeds[0])
        return {
            "training": len(parts.train.y),
            "validation": 0 if parts.validation is None else len(parts.validation.y),
            "test": len(parts.test.y),
        }


def plan_of(candidates, seeds, training, data, validation_size, scores, lower_is_better):
    """The plan, and what the file says of it; models and scores are tried on a model that is not trained."""
    parts = data.parts(seeds[0])
    keras.utils.set_random_seed(seeds[0])
    model = built(training.build, parts.train.x)
    check_is_new(model, built(training.build, parts.train.x))
    y_pred = predictions(model, parts.test.x, training.batch_size)
    reading = common_reading(candidates, y_pred)
    judges = _scores(scores, lower_is_better, reading, y_pred)
    share = _validation_size(validation_size, training.patience, judges)
    data = data._replace(validation_size=share, kind=reading.kind)
    plan = Plan(candidates, seeds, training, data, reading, judges)
    parts = data.parts(seeds[0])
    outputs = [(part, predictions(model, part.x, training.batch_size)) for part in filter(None, parts)]
    for candidate in candidates:
        check_labels(candidate, outputs)
        plan.judge(
            candidate,
            lambda x: next(y_pred for part, y_pred in outputs if part.x is x),
            parts,
            "on the model before training",
        )
    return plan, description_of(plan, model)


def check_labels(candidate, outputs):
    """Raises a ValueError for labels that the loss refuses: where it is not traced it says which."""
    for part, y_pred in outputs:
        try:
            as_loss(candidate.loss)(part.y, y_pred.astype(keras.config.floatx()))
        except Exception as error:  # the loss may be a user's
            raise ValueError(
                f"compare: {candidate.name!r} cannot be trained. {type(error).__name__}: {in_short(error)}"
            ) from error


def _scores(scores, lower_is_better, reading, y_pred):
    if scores is not None:
        return score_functions.user_scores(scores, lower_is_better)
    if lower_is_better is not None:
        raise ValueError("compare: `lower_is_better` must be None where `scores` is: it names some of them")
    return score_functions.default_scores(reading, y_pred)


def _validation_size(given, patience, scores):
    """The share of the training part."""
    needed = patience is not None or any(score.needs_validation for score in scores)
    if given is None:
        return VALIDATION_SIZE if needed else 0
    if needed and not given:
        raise ValueError(
            "compare: `validation_size` must be more than 0 for early stopping, and for a score that chooses a "
            f"threshold. Received: validation_size={given!r}"
        )
    return given
