"""The file of a comparison: JSON lines, the first of which says what is compared, and then one for each trial.

A line is written when its trial is finished. After an interruption what was written is read and not trained again; a
last line that was being written is dropped.
"""

import json
import math
import os
from pathlib import Path

from keras_lossbox.tools.comparison.trials import Trial


class Record:
    """The trials that are finished, in a file if there is one."""

    def __init__(self, file, header):
        self.file = None if file is None else Path(file)
        self.header = json.loads(json.dumps(header))
        self.trials = {}
        if self.file is None:
            return
        kept = self._read() if self.file.exists() else 0
        with self.file.open("ab") as stream:
            stream.truncate(kept)
        if not kept:
            self._append(self.header)

    def add(self, trial):
        """Keeps a trial."""
        self.trials[trial.loss, trial.seed] = trial
        if self.file is not None:
            self._append(trial._asdict())

    def _append(self, content):
        with self.file.open("ab") as stream:
            stream.write(line_of(content))
            stream.flush()
            os.fsync(stream.fileno())

    def _read(self):
        """Takes what the file holds; returns how many bytes of it are whole lines."""
        content = self.file.read_bytes()
        first, *others = content.splitlines(keepends=True) or [b""]
        if not first.endswith(b"\n"):
            if not line_of(self.header).startswith(first):
                raise self._foreign()
            return 0
        self._check_header(first)
        whole = [line for line in others if line.endswith(b"\n")]
        for number, line in enumerate(whole, start=2):
            trial = self._trial(number, line)
            self.trials[trial.loss, trial.seed] = trial
        return len(first) + sum(map(len, whole))

    def _check_header(self, line):
        try:
            found = json.loads(line)
            different = [name for name in self.header if found[name] != self.header[name]]
        except (ValueError, TypeError, KeyError):
            raise self._foreign() from None
        if different:
            raise ValueError(
                f"compare: `file` must be new or of this comparison. Received: {self.file}, of another one: "
                + "; ".join(
                    f"{name} is {in_words(found[name])} there, {in_words(self.header[name])} here" for name in different
                )
            )

    def _foreign(self):
        return ValueError(
            f"compare: `file` must be new or of this comparison. Received: {self.file}, which holds something else"
        )

    def _trial(self, number, line):
        try:
            found = json.loads(line)
            scores = {name: as_number(value) for name, value in found["scores"].items()}
            history = {name: [as_number(value) for value in values] for name, values in found["history"].items()}
            return Trial(found["loss"], found["seed"], scores, history)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"compare: line {number} of {self.file} is no trial: {line[:60]!r}") from error


def line_of(content):
    """A line of the file; NaN, which JSON does not have, as null."""
    return (json.dumps(without_nan(content), allow_nan=False, ensure_ascii=False) + "\n").encode()


def in_words(value):
    """A value of the first line, cut off where it gets long."""
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:197]}..."


def without_nan(content):
    """None in the place of each NaN."""
    if isinstance(content, dict):
        return {name: without_nan(value) for name, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [without_nan(value) for value in content]
    return None if isinstance(content, float) and math.isnan(content) else content


def as_number(value):
    """The number that was written."""
    return math.nan if value is None else float(value)
