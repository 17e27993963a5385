"""The progress bar of a comparison, on stderr."""

import contextlib

import keras


@contextlib.contextmanager
def progress(total, done, verbose):
    """A bar on stderr; yields what moves it on."""
    if not verbose:
        yield lambda steps, name: None
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    except ImportError:
        bar = keras.utils.Progbar(total, unit_name="training")
        bar.update(done)
        yield lambda steps, name: bar.add(steps)
        return
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=total, completed=done)
        yield lambda steps, name: bar.update(task, advance=steps, description=name)
