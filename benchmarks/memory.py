"""Peak memory of loss and gradient above the inputs, in multiples of y_pred, each in a process of its own."""

import ctypes
import gc
import math
import multiprocessing
import os
import statistics
from concurrent import futures

from benchmarks import processes, report, rows, steps

TITLE = "Peak memory of loss + gradient above the inputs, in multiples of y_pred"
COPY = "copy"  # a contender whose peak is known: one copy of y_pred
LARGE = 2**28  # bytes of y_pred from which on processes run one at a time


def run(options, console):
    """One result for each loss and mode, at the largest size asked for, and the table of all."""
    if not os.path.exists("/proc/self/clear_refs"):
        console.print("[yellow]memory: needs Linux's /proc/self/clear_refs; not measured here")
        return []
    # Children are forked from a server that has imported TensorFlow and done nothing else: a process of its own in
    # tenths of a second instead of seconds. Only that server reads the variables.
    os.environ |= processes.FRUGAL
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.rows"])
    results, jobs, copies = [], [], {}
    for row in options.rows:
        size = next((size for size in reversed(row.sizes) if size in options.sizes), None)
        shape = None if size is None else rows.SHAPES[size]
        if size is None or math.prod(shape) < 10**5:
            continue  # 32x10 is below the resolution, which is about a page for each thread
        if not report.fits_in_memory(shape):
            console.print(f"[yellow]{row.name}, {size}: left out, too little memory is free")
            continue
        for mode in options.modes:
            peaks = {name: [] for name in row.contenders()}
            repeats = 1 if 4 * math.prod(shape) >= LARGE else options.rounds or 1
            jobs += [(peaks[name], row.name, mode, name, shape) for name in peaks for _ in range(repeats)]
            if (mode, shape) not in copies:
                copies[mode, shape] = []
                jobs.append((copies[mode, shape], row.name, mode, COPY, shape))
            results.append({"loss": row.name, "size": size, "mode": mode, "peaks": peaks, "copy": copies[mode, shape]})
    with console.status("") as status:
        for together, workers in ((_small(jobs), os.cpu_count()), (_large(jobs), 1)):
            with futures.ThreadPoolExecutor(workers) as pool:
                running = {pool.submit(_in_own_process, context, *job): peaks for peaks, *job in together}
                for done, future in enumerate(futures.as_completed(running), 1):
                    status.update(f"{TITLE}: {done} of {len(running)}")
                    running[future].append(future.result())
    for result in results:
        _finish(result, console)
    console.print(_table(results))
    return results


def _large(jobs):
    return [job for job in jobs if 4 * math.prod(job[-1]) >= LARGE]


def _small(jobs):
    return [job for job in jobs if 4 * math.prod(job[-1]) < LARGE]


def _in_own_process(context, *job):
    """The peak that `_child` measures there, or the text of what went wrong."""
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(sender, *job))
    process.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:  # it died, probably for want of memory
        process.join()
        return f"the process ended with exit code {process.exitcode}"
    finally:
        process.join()


def _child(sender, name, mode, contender, shape):
    try:
        sender.send(peak_above_inputs(name, mode, contender, shape))
    except Exception as error:  # sent to the parent, which shows it in the table
        sender.send(f"{type(error).__name__}: {str(error)[-300:]}")


def peak_above_inputs(name, mode, contender, shape):
    """The peak of the first step of this shape, less what the process held before, over the size of y_pred."""
    row = rows.named(name)
    y_true, y_pred = steps.tensors(row, shape)
    function = _copy(mode) if contender == COPY else steps.step(row.contenders()[contender], mode, (y_true, y_pred))
    small = (1 if len(shape) > 2 else min(shape[0], 4), *shape[1:])  # a graph knows all sizes but that of the batch
    gc.collect()
    if hasattr(ctypes.CDLL(None), "malloc_trim"):
        ctypes.CDLL(None).malloc_trim(0)  # what making the inputs took
    for _ in range(2):  # loads libraries, starts threads, compiles: no part of the figure
        function(*steps.tensors(row, small))
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the peak from here on
    before = _status("VmHWM")
    result = function(y_true, y_pred)
    peak = _status("VmHWM") - before
    del result
    return peak / (4 * math.prod(shape))


def _copy(mode):
    import tensorflow as tf

    def copy(y_true, y_pred):
        return y_pred + 1

    return copy if mode == "eager" else tf.function(copy, jit_compile=mode == "xla")


def _status(key):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))


def _finish(result, console):
    """Medians and ratios in place of the single measurements; a copy that is not one copy is a warning."""
    result["notes"] = []
    measured = {**result["peaks"], COPY: result["copy"]}
    for name, peaks in measured.items():
        result["notes"] += [f"{name}: {text}" for text in peaks if isinstance(text, str)]
        numbers = [peak for peak in peaks if not isinstance(peak, str)]
        measured[name] = statistics.median(numbers) if numbers else None
    copy, peaks = measured.pop(COPY), measured
    result |= {"peaks": peaks, "copy": copy}
    if copy is None or not 0.9 <= copy <= 1.2:  # XLA's compilation of a new shape is in it
        result["notes"].append(f"a copy measured {copy} of y_pred, not 1: distrust this line")
    for note in result["notes"]:
        place = f"{result['loss']}, {result['size']}, {result['mode']}"
        console.print(f"[bold yellow]WARNING[/] {place}: {note}", highlight=False)
    row = rows.named(result["loss"])
    own = peaks["box"]
    result["box_to"] = {name: own / peak for name, peak in peaks.items() if own and peak and name != "box"}
    ratios = result["box_to"] | ({"y_pred": own} if own else {})
    result["target"] = report.judged(row.target("memory", result["mode"], result["size"]), ratios)


def _table(results):
    table = report.table(
        f"{TITLE} (medians; the gradient alone is 1)",
        ["loss", "size", "mode"],
        ["box", "Keras", "tf.nn", "copy", "box / Keras", "box / tf.nn", "target", "result"],
    )
    for index, result in enumerate(results):
        figures = [result["peaks"].get(name) for name in ("box", "keras", "formula")]
        figures += [result["copy"]] + [result["box_to"].get(name) for name in ("keras", "formula")]
        table.add_row(
            result["loss"],
            result["size"],
            result["mode"],
            *("" if figure is None else f"{figure:.2f}" for figure in figures),
            *report.verdict(result["target"]),
            end_section=report.last_of_loss(results, index),
        )
    return table
