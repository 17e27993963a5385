"""Time of loss and gradient: keras_lossbox, Keras, tf.nn and the limit, in one interleaved run for each cell."""

import os
from concurrent import futures

import numpy as np

from benchmarks import report, rows, steps

TITLE = "Time of loss + gradient"


class Limit:
    """A copy of y_pred by all cores, and from its time that of reading y_true and y_pred and writing one gradient."""

    def __init__(self, y_true, y_pred):
        source = y_pred.numpy().reshape(-1)
        target = np.ones_like(source)  # written once, so that the copy waits for no page
        threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        parts = threads if source.nbytes >= 2**20 else 1  # below, starting a thread costs more than the copy
        (*self._others, self._first) = zip(np.array_split(target, parts), np.array_split(source, parts), strict=True)
        self._pool = futures.ThreadPoolExecutor(max(1, parts - 1))
        self.bytes = 2 * source.nbytes
        self.times_copy = (y_true.numpy().nbytes + 2 * source.nbytes) / self.bytes

    def copy(self):
        running = [self._pool.submit(np.copyto, *part) for part in self._others]
        np.copyto(*self._first)
        futures.wait(running)

    def close(self):
        self._pool.shutdown()


def run(options, console):
    """One result for each cell, and the table of all."""
    results = []
    with console.status("") as status:
        for row in options.rows:
            for size in [size for size in row.sizes if size in options.sizes]:
                if not report.fits_in_memory(rows.SHAPES[size]):
                    console.print(f"[yellow]{row.name}, {size}: left out, too little memory is free")
                    continue
                y_true, y_pred = steps.tensors(row, rows.SHAPES[size])
                limit = Limit(y_true, y_pred)
                for mode in options.modes:
                    status.update(f"{TITLE}: {row.name}, {size}, {mode}")
                    results.append(_cell(row, size, mode, y_true, y_pred, limit, options, console))
                limit.close()
                options.keep(timing=results)
    console.print(_table(results))
    return results


def _cell(row, size, mode, y_true, y_pred, limit, options, console):
    runs, first, notes = {}, {}, []
    for name, loss in row.contenders().items():
        function = steps.step(loss, mode, (y_true, y_pred))
        try:
            first[name] = function(y_true, y_pred)
        except Exception as error:  # one that fails is shown as such, and the others are still measured
            notes.append(f"{name} failed: {type(error).__name__} {str(error)[-300:]}")
            continue
        runs[name] = lambda function=function: function(y_true, y_pred)
        difference = steps.disagreement(first["box"], first[name]) if "box" in first else ""
        if difference:
            notes.append(f"{name} does not agree with box: {difference}")
    first.clear()
    for note in notes:
        console.print(f"[bold yellow]WARNING[/] {row.name}, {size}, {mode}: {note}", highlight=False)

    times = steps.interleaved({**runs, "limit": limit.copy}, options.rounds, options.seconds)
    gigabytes_per_second = limit.bytes / np.median(times["limit"]) / 1e9
    times["limit"] = times["limit"] * limit.times_copy
    result = {
        "loss": row.name,
        "size": size,
        "mode": mode,
        "rounds": len(times["limit"]),
        "seconds": {name: steps.quartiles(seconds) for name, seconds in times.items()},
        "copy_gigabytes_per_second": float(gigabytes_per_second),
        "notes": notes,
    }
    if "box" in times:
        others = [name for name in times if name != "box"]
        result["box_to"] = {name: steps.quartiles(times["box"] / times[name]) for name in others}
        result["target"] = report.judged(row.target("time", mode, size), result["box_to"])
    return result


def _table(results):
    table = report.table(
        f"{TITLE}: medians; ratios with their quartiles over the rounds",
        ["loss", "size", "mode"],
        ["rounds", "box", "Keras", "tf.nn", "limit", "box / Keras", "box / tf.nn", "box / limit", "target", "result"],
    )
    for index, result in enumerate(results):
        seconds, ratios = result["seconds"], result.get("box_to", {})
        table.add_row(
            result["loss"],
            result["size"],
            result["mode"],
            str(result["rounds"]),
            *(report.duration(seconds.get(name)) for name in ("box", "keras", "formula", "limit")),
            *(report.ratio(ratios.get(name)) for name in ("keras", "formula")),
            f"{ratios['limit'][1]:.1f}" if "limit" in ratios else "",
            *report.verdict(result.get("target")),
            end_section=report.last_of_loss(results, index),
        )
    return table
