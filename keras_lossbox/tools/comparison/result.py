"""What a comparison gives: a table with differences by seed, what it shows in sentences, pictures."""

import dataclasses
import math
from typing import Any, NamedTuple

import numpy as np

from keras_lossbox.tools.comparison import picture
from keras_lossbox.tools.comparison.record import without_nan
from keras_lossbox.tools.comparison.scores import AT_BEST, AT_HALF, Score
from keras_lossbox.tools.comparison.trials import Trial

ROUNDING = 1e-6  # relative differences below it are none
ENOUGH = 5  # seeds
ERRORS = 2  # so many standard errors are more than noise


class Difference(NamedTuple):
    """How the scores of a loss differ from those of another, seed by seed; `mean` is positive where it is better."""

    mean: float
    sd: float
    wins: int
    ties: int
    seeds: int

    @property
    def in_noise(self):
        """Whether chance alone explains it: below two standard errors of the mean, or a single seed."""
        return self.seeds == 1 or abs(self.mean) < ERRORS * self.sd / math.sqrt(self.seeds) or self.all_tie

    @property
    def all_tie(self):
        """Whether all seeds gave the same score."""
        return self.ties == self.seeds


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What `compare` found. Printed, it is a table of the scores and what it shows.

    `losses` and `seeds` are what was compared, `trials` each training, with its scores and the history of its losses.
    """

    losses: tuple[str, ...]
    seeds: tuple[int, ...]
    scores: tuple[Score, ...]
    trials: tuple[Trial, ...]
    epochs: int
    patience: int | None
    sizes: dict[str, int]

    @property
    def best(self) -> str | None:
        """The loss with the best mean of the first score; None where each has a NaN. See `notes` for the noise."""
        score = self.scores[0]
        means = {loss: float(np.mean(self.values(loss, score.name))) for loss in self.losses}
        known = {loss: mean for loss, mean in means.items() if not math.isnan(mean)}
        if not known:
            return None
        return (max if score.higher_is_better else min)(known, key=lambda loss: known[loss])

    def values(self, loss: str, score: str) -> list[float]:
        """A score of a loss for each seed."""
        return [trial.scores[score] for trial in self.trials if trial.loss == loss]

    def table(self) -> list[dict[str, Any]]:
        """A row for each score and loss.

        `mean` and `sd` (the standard deviation over the seeds) are those of the score. `difference` and
        `difference_sd` are those of its differences to the first loss, paired by seed; `wins` counts the seeds in which
        it is better than that, `ties` those in which they are equal, `seeds` all; `in_noise`: whether the difference
        is below two standard errors. They are None for the first loss, and where a score is NaN.
        """
        return [self._row(score, loss) for score in self.scores for loss in self.losses]

    def _row(self, score, loss):
        values = self.values(loss, score.name)
        row = {"score": score.name, "loss": loss, "mean": float(np.mean(values)), "sd": deviation(values)}
        found = self._difference(loss, score)
        sign = 1 if score.higher_is_better else -1
        compared = (
            dict.fromkeys(("difference", "difference_sd", "wins", "ties", "in_noise"))
            if found is None
            else {
                "difference": sign * found.mean,
                "difference_sd": found.sd,
                "wins": found.wins,
                "ties": found.ties,
                "in_noise": found.in_noise,
            }
        )
        return {**row, **compared, "seeds": len(values)}

    def _difference(self, loss, score):
        """To the first loss."""
        if loss == self.losses[0]:
            return None
        return difference(self.values(loss, score.name), self.values(self.losses[0], score.name), score)

    @property
    def notes(self) -> list[str]:
        """What the table shows, and what it does not, in sentences."""
        others = self.losses[1:]
        several = others if len(self.seeds) > 1 else ()
        return [
            *self._of_nan(),
            *(self._of_few_seeds() if others else ()),
            *(note for loss in several for note in self._of_noise(loss)),
            *(note for loss in several for note in self._of_threshold(loss)),
            *self._of_budget(),
        ]

    def _of_few_seeds(self):
        if len(self.seeds) == 1:
            yield "One seed does not show how large the noise is: nothing here is known to be a difference."
        elif len(self.seeds) < ENOUGH:
            yield f"{len(self.seeds)} seeds show roughly how large the noise is: take {ENOUGH} or more."

    def _of_nan(self):
        for loss in self.losses:
            trials = [trial for trial in self.trials if trial.loss == loss]
            of_loss = sum(not np.all(np.isfinite(trial.history["loss"])) for trial in trials)
            if of_loss:
                yield f"{loss}: its loss became NaN or infinite in {of_loss} of {len(trials)} seeds."
            for score in self.scores:
                count = sum(math.isnan(value) for value in self.values(loss, score.name)) - of_loss
                if count > 0:
                    yield f"{loss}: {score.name} is NaN in {count} of {len(trials)} seeds."

    def _of_noise(self, loss):
        found = {score.name: self._difference(loss, score) for score in self.scores}
        found = {name: value for name, value in found.items() if value is not None}
        ties = [name for name, value in found.items() if value.all_tie]
        noise = [name for name, value in found.items() if value.in_noise and not value.all_tie]
        if ties:
            yield f"{loss} ties with {self.losses[0]} in every seed: {', '.join(ties)}."
        if noise:
            yield f"{loss}: its difference to {self.losses[0]} is within the noise: {', '.join(noise)}."

    def _of_threshold(self, loss):
        """Whether the first loss is as good at 1/2 if its threshold is moved."""
        named = {score.name: score for score in self.scores}
        if AT_HALF not in named or AT_BEST not in named:
            return
        first, score = self.losses[0], named[AT_HALF]
        values, moved = self.values(loss, AT_HALF), self.values(first, AT_BEST)
        plain, to_moved = self._difference(loss, score), difference(values, moved, score)
        if plain and to_moved and plain.mean > 0 and not plain.in_noise and (to_moved.mean <= 0 or to_moved.in_noise):
            yield (
                f"{first} with its threshold moved is as good as {loss} at 1/2: F1 {np.mean(moved):.3f}, beside "
                f"{np.mean(values):.3f}."
            )

    def _of_budget(self):
        """Which trainings early stopping did not end."""
        for loss in self.losses if self.patience is not None else ():
            count = sum(len(trial.history["loss"]) >= self.epochs for trial in self.trials if trial.loss == loss)
            if count > len(self.seeds) / 2:
                yield f"{loss} was ended by the {self.epochs} epochs in {count} of {len(self.seeds)} seeds: give more."

    def to_dict(self) -> dict[str, Any]:
        """Plain Python, for JSON; None in the place of NaN."""
        scores = [{"name": score.name, "higher_is_better": score.higher_is_better} for score in self.scores]
        content = {
            "losses": self.losses,
            "seeds": self.seeds,
            "epochs": self.epochs,
            "patience": self.patience,
            "samples": self.sizes,
            "scores": scores,
            "best": self.best,
            "table": self.table(),
            "notes": self.notes,
            "trials": [trial._asdict() for trial in self.trials],
        }
        return without_nan(content)

    def plot(self, score: str | None = None, *, ax: Any = None) -> tuple[Any, Any]:
        """Draws a score by seed, and the learning curves.

        The lines on the left join what the same seed gave. On the right is each loss, of the validation part where
        there is one, else of the training part, divided by its value after the first epoch; a line for each seed.
        Losses have units of their own, so that only the shapes of these curves can be compared.

        Args:
            score: the name of a score; None: the first.
            ax: two matplotlib axes to draw into; None makes a figure with pyplot.

        Returns:
            The two axes, of the score and of the curves.

        Raises:
            ValueError: for a score that was not computed, or `ax` that are not two axes.
            ImportError: if a figure has to be made and matplotlib is missing.
        """
        names = [score.name for score in self.scores]
        if score is not None and score not in names:
            raise ValueError(f"Comparison.plot: `score` must be one of {', '.join(names)}. Received: score={score!r}")
        return picture.draw(self, self.scores[0 if score is None else names.index(score)], ax)

    def __str__(self) -> str:
        return "\n".join(
            [self._heading(), *(line for score in self.scores for line in self._block(score)), *self._end()]
        )

    def _heading(self):
        sizes = [f"{count} for {part}" for part, count in self.sizes.items() if count]
        stopping = "" if self.patience is None else f", patience {self.patience}"
        return (
            f"compare: {plural(len(self.losses), 'loss')}, {plural(len(self.seeds), 'seed')}; samples: "
            f"{', '.join(sizes)}; {plural(self.epochs, 'epoch')}{stopping}"
        )

    def _block(self, score):
        """The lines of a score."""
        rows = [row for row in self.table() if row["score"] == score.name]
        digits = digits_of([row["mean"] for row in rows])
        title = score.title
        several = len(self.losses) > 1
        lines = [(title, "mean ± sd", "to the first" * several, "better in" * several)]
        lines += [_cells(row, digits) for row in rows]
        width = max([len(score.title) for score in self.scores] + [len(loss) + 2 for loss in self.losses])
        columns = [max(len(line[column]) for line in lines) for column in (1, 2, 3)]
        yield ""
        for name, *cells in lines:
            padded = (cell.rjust(column) for cell, column in zip(cells[:2], columns, strict=False))
            yield "   ".join([name.ljust(width), *padded, cells[2]]).rstrip()

    def _end(self):
        return ["", *(f"* {note}" for note in self.notes)] if self.notes else []


def difference(values, others, score):
    """Of the scores of one loss to those of another, by seed; None where one is NaN."""
    a, b = np.asarray(values), np.asarray(others)
    if np.isnan(a).any() or np.isnan(b).any():
        return None
    better = (a - b) * (1 if score.higher_is_better else -1)
    equal = np.abs(better) <= ROUNDING * np.maximum(np.abs(a), np.abs(b))
    wins = int(np.sum((better > 0) & ~equal))
    return Difference(float(np.mean(better)), deviation(better), wins, int(np.sum(equal)), len(a))


def deviation(values):
    """The standard deviation over the seeds; NaN for a single one."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else math.nan


def digits_of(means):
    """How many decimals show three digits of the largest of these numbers."""
    largest = max((abs(mean) for mean in means if math.isfinite(mean)), default=1)
    return int(np.clip(3 - math.ceil(math.log10(largest)), 1, 6)) if largest > 0 else 3


def plural(count, what):
    """`1 loss`, `2 losses`."""
    return f"{count} {what}" if count == 1 else f"{count} {what}{'es' if what.endswith('s') else 's'}"


def _cells(row, digits):
    """The texts of a row."""
    score = _with_spread(row["mean"], row["sd"], f".{digits}f")
    if row["difference"] is None:
        return f"  {row['loss']}", score, "", ""
    ties = f", {plural(row['ties'], 'tie')}" if row["ties"] else ""
    wins = f"{row['wins']} of {row['seeds']}{ties}"
    return f"  {row['loss']}", score, _with_spread(row["difference"], row["difference_sd"], f"+.{digits}f"), wins


def _with_spread(mean, spread, form):
    if math.isnan(mean):
        return "nan"
    return f"{mean:{form}}" if math.isnan(spread) else f"{mean:{form}} ± {spread:{form.lstrip('+')}}"
