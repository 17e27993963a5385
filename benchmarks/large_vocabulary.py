"""Peak memory and time of a `fit` step of a large vocabulary: LinearHead and the package's loss, Dense and Keras's.

`python -m benchmarks large_vocabulary --size 2048x32k` for one size. Every figure is from a process of its own.
"""

import json
import statistics
import sys
import time

from benchmarks import processes, report
from benchmarks.memory import _status

TITLE = "A fit step of a large vocabulary"
FEATURES = 512
SIZES = {f"{rows}x{thousands}k": (rows, thousands * 1024) for rows in (2048, 8192) for thousands in (32, 128)}
QUICK = {"512x8k": (512, 8192)}
MODES = ("graph", "xla")
CONTENDERS = {"box": "LinearHead", "keras": "Dense, Keras"}
TARGETS = {"graph": 1.1, "xla": 1.2}  # time against Keras's
OF_MEMORY = 1 / 8  # at the largest size
GIGABYTE = 2**30


def run(options, console):
    """One result for each size and mode."""
    results = []
    sizes = QUICK if options.quick else SIZES
    sizes = {name: size for name, size in sizes.items() if not options.size or name in options.size}
    with console.status("") as status:
        for name, (rows, classes) in sizes.items():
            for mode in options.mode or MODES:
                if mode not in MODES:
                    continue
                result = {"rows": rows, "classes": classes, "mode": mode, "size": name, "notes": []}
                for who in CONTENDERS:
                    if who == "keras" and not report.fits_in_memory((rows, classes)):
                        result["notes"].append("too little memory is free for Keras's loss: not measured")
                        continue
                    status.update(f"{TITLE}: {name}, {mode}, {CONTENDERS[who]}")
                    result[who] = _measured(who, mode, rows, classes, options.rounds or 3)
                results.append(_finished(result, console))
    console.print(_table(results))
    for line in _largest(results):
        console.print(line)
    return results


def _measured(who, mode, rows, classes, rounds):
    """Time and peak memory, each from a process of its own."""
    arguments = [who, mode, str(rows), str(classes)]
    timed = processes.figures_of("large_vocabulary", {}, "time", *arguments, str(rounds))
    peak = processes.figures_of("large_vocabulary", processes.FRUGAL, "memory", *arguments, "1")
    return {"seconds": timed["seconds"], "loss": timed["loss"], "bytes": peak["bytes"]}


def _child(what, who, mode, rows, classes, rounds):
    """Trains that many steps after a first one; the figures as JSON, on the last line."""
    import keras
    import numpy as np

    import keras_lossbox
    from keras_lossbox import LinearHead

    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((rows, FEATURES), "float32")
    y = rng.integers(0, classes, rows)
    if who == "box":
        head, loss = LinearHead(classes), keras_lossbox.SparseCategoricalCrossentropy(from_logits=True)
    else:
        head, loss = keras.layers.Dense(classes), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model = keras.Sequential([keras.Input((FEATURES,)), head])
    model.compile("sgd", loss, jit_compile=mode == "xla")
    seconds = []

    def step():
        start = time.perf_counter()
        history = model.fit(x, y, rows, verbose=0, shuffle=False)
        seconds.append(time.perf_counter() - start)
        return history.history["loss"][0]

    if what == "time":
        first = step()  # traces and compiles
        for _ in range(rounds):
            last = step()
        print(json.dumps({"seconds": statistics.median(seconds[1:]), "loss": [first, last]}))
        return
    model.fit(x[:4], y[:4], 4, verbose=0)  # loads libraries and starts threads: no part of the figure
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the peak from here on
    before = _status("VmHWM")
    step()
    print(json.dumps({"bytes": _status("VmHWM") - before}))


def _finished(result, console):
    box, keras_ = result.get("box"), result.get("keras")
    result["target"] = None
    if keras_:
        result["time_ratio"] = box["seconds"] / keras_["seconds"]
        result["memory_ratio"] = box["bytes"] / keras_["bytes"]
        result["target"] = {
            "against": "keras",
            "at_most": TARGETS[result["mode"]],
            "reached": result["time_ratio"],
            "met": result["time_ratio"] <= TARGETS[result["mode"]],
        }
        if any(abs(a - b) > 1e-3 * abs(b) for a, b in zip(box["loss"], keras_["loss"], strict=True)):
            result["notes"].append(f"the losses differ: {box['loss']} and {keras_['loss']}")
    for note in result["notes"]:
        console.print(f"[bold yellow]WARNING[/] {result['size']}, {result['mode']}: {note}", highlight=False)
    return result


def _largest(results):
    """The largest N whose step, weights included, fits into 16 GB, by the growth that was measured."""
    for mode in MODES:
        for who, name in CONTENDERS.items():
            points = [(r["rows"], r["classes"], r[who]["bytes"]) for r in results if r["mode"] == mode and who in r]
            for classes in sorted({classes for _, classes, _ in points}):
                sizes = sorted((rows, size) for rows, of, size in points if of == classes)
                if len(sizes) < 2:
                    continue
                (few, small), (many, large) = sizes[0], sizes[-1]
                slope = max((large - small) / (many - few), 4 * FEATURES)  # at least x itself, which is an input
                free = 16 * GIGABYTE - 4 * FEATURES * classes - large
                yield f"{mode}, {classes} classes, {name}: {many + free / slope:,.0f} rows fit into 16 GB"


def _table(results):
    table = report.table(
        f"{TITLE} ({FEATURES} features, SGD): median time, and peak memory above weights and inputs",
        ["size", "mode"],
        ["time", "Keras", "box / Keras", "target", "result", "memory", "Keras", "Keras / box"],
    )
    for result in results:
        box, keras_ = result["box"], result.get("keras")
        table.add_row(
            result["size"],
            result["mode"],
            f"{box['seconds']:.2f} s",
            f"{keras_['seconds']:.2f} s" if keras_ else "",
            f"{result['time_ratio']:.2f}" if keras_ else "",
            *report.verdict(result["target"]),
            f"{box['bytes'] / GIGABYTE:.2f} GB",
            f"{keras_['bytes'] / GIGABYTE:.2f} GB" if keras_ else "",
            f"{1 / result['memory_ratio']:.1f}" if keras_ else "",
        )
    return table


if __name__ == "__main__":
    part, contender, compiled, *numbers = sys.argv[1:]
    _child(part, contender, compiled, *map(int, numbers))
