"""Tables, targets and the description of the machine, for all parts of the benchmark."""

import math
import os
import platform

from rich.table import Table

NAMES = {"keras": "Keras", "formula": "tf.nn", "y_pred": "y_pred"}


def table(title, labels, figures):
    made = Table(title=title, title_justify="left", title_style="bold")
    for name in labels:
        made.add_column(name, no_wrap=True)
    for name in figures:
        made.add_column(name, justify="right", no_wrap=True)
    return made


def duration(quartiles):
    if quartiles is None:
        return ""
    seconds = quartiles[1]
    unit, factor = next(((u, f) for u, f in (("s", 1), ("ms", 1e3), ("µs", 1e6)) if seconds * f >= 1), ("ns", 1e9))
    return f"{seconds * factor:.3g} {unit}"


def ratio(quartiles):
    """The median, and in brackets the first and third quartile."""
    return f"{quartiles[1]:.2f} \\[{quartiles[0]:.2f}-{quartiles[2]:.2f}]" if quartiles else ""


def judged(target, ratios):
    """A target with what was reached: None if there is no target or nothing to judge it by."""
    if target is None or target.against not in ratios:
        return None
    reached = ratios[target.against]
    reached = reached[1] if isinstance(reached, list) else reached
    return {
        "against": target.against,
        "at_most": target.at_most,
        "reached": reached,
        "met": reached <= target.at_most,
    }


def verdict(target):
    """The last two cells of a line."""
    if target is None:
        return "", ""
    sign = "≥" if "at_least" in target else "≤"
    bound = target.get("at_least", target.get("at_most"))
    against = NAMES.get(target["against"], target["against"])
    return f"{sign} {bound:g} {against}", "[green]met[/]" if target["met"] else "[red]missed[/]"


def last_of_loss(results, index):
    """Whether a line of the table is the last one of its loss."""
    return index + 1 == len(results) or results[index + 1]["loss"] != results[index]["loss"]


def summary(results):
    """How many targets were met, for every part of the benchmark, and how many cells carry a warning."""
    for part, cells in results.items():
        targets = [cell["target"] for cell in cells if cell.get("target")]
        warned = sum(bool(cell.get("notes")) for cell in cells)
        if targets or warned:
            met = sum(target["met"] for target in targets)
            yield f"{part}: {met} of {len(targets)} targets met" + (f", {warned} cells with a warning" * bool(warned))


def machine(cores):
    import keras
    import numpy
    import tensorflow as tf

    return {
        "processor": _first_value("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "cores": cores,
        "of_cores": os.cpu_count(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": numpy.__version__,
    }


def fits_in_memory(shape):
    """Whether a dozen arrays of this shape fit: the eager gradient of an unfused loss holds about as many."""
    free = _first_value("/proc/meminfo", "MemAvailable")
    return free is None or 12 * 4 * math.prod(shape) < int(free.split()[0]) * 1024


def _first_value(path, key):
    """What a file of /proc says about `key`; None where there is no such file."""
    try:
        with open(path) as lines:
            return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), None)
    except OSError:
        return None
