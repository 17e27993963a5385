"""`python -m benchmarks [part] [options]`: parses the options, runs the parts, prints the summary, writes the JSON."""

import argparse
import importlib
import json
import os
import pathlib
import sys

# Part -> what it measures; the module benchmarks/<part>.py has `run(options, console)`, which prints a table and gives
# a list of results for the JSON. `all` runs those of ALL.
PARTS = {
    "timing": "time of loss + gradient: keras_lossbox, Keras, tf.nn and the limit",
    "memory": "peak memory of loss + gradient, each in a process of its own",
    "scaling": "time per element from 1e5 to 1e7 elements",
    "fit": "steps per second of model.fit on a small model",
    "large_vocabulary": "LinearHead against Dense: time and memory of a fit step (long, so not part of `all`)",
    "pairs": "memory and time of losses over pairs against the number of samples (not part of `all`)",
    "operations": "how many operations each loss is made of (not part of `all`)",
}
ALL = ("timing", "memory", "scaling", "fit")


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Time and memory of the losses against Keras, tf.nn and the memory limit.",
        epilog="parts: " + "; ".join(f"{part}: {what}" for part, what in PARTS.items()),
    )
    parser.add_argument("part", nargs="?", default="all", choices=["all", *PARTS])
    parser.add_argument("--loss", nargs="+", metavar="NAME", help="rows whose name is, or starts with, one of these")
    parser.add_argument("--size", nargs="+", metavar="SIZE", help="32x10, 64x64, ..., see rows.py")
    parser.add_argument(
        "--mode", nargs="+", choices=["eager", "graph", "xla"], help="default: all three; graph for scaling and fit"
    )
    parser.add_argument("--rounds", type=int, help="by default as many as fit into half a second per cell, 5 to 101")
    parser.add_argument("--quick", action="store_true", help="a minute: timing alone, two sizes, few rounds")
    parser.add_argument("--cores", type=int, default=2, help="use this many CPU cores (Linux; the targets are for 2)")
    parser.add_argument("--json", metavar="FILE", type=pathlib.Path, help="write the results to this file too")
    options = parser.parse_args(arguments)
    if options.rounds is not None and options.rounds < 1:
        parser.error(f"--rounds must be at least 1, not {options.rounds}")

    # Before TensorFlow is imported: it sizes its thread pools by the cores that it sees.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    os.environ["KERAS_BACKEND"] = "tensorflow"
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])

    from rich.console import Console

    from benchmarks import report, rows

    console = Console()
    if not console.is_terminal:
        console = Console(width=220)  # a file has room; on 80 columns the table would be cut
    _select(options, rows, parser)
    machine = report.machine(options.cores)
    console.print(", ".join(f"{key} {value}" for key, value in machine.items()), style="dim", highlight=False)
    if machine["load"] is not None and machine["load"] > 0.5:
        console.print(f"[yellow]The machine is busy (load {machine['load']:.1f}): trust the ratios at most")

    def keep(**results):  # `timing` after each size too: half an hour is not lost with its last row
        if options.json:
            text = json.dumps({"machine": machine, "arguments": sys.argv[1:], **results}, indent=1)
            options.json.write_text(text + "\n", encoding="utf-8")

    options.keep = keep
    parts = [options.part] if options.part != "all" else ALL[:1] if options.quick else ALL
    results = {part: importlib.import_module(f"benchmarks.{part}").run(options, console) for part in parts}
    for line in report.summary(results):
        console.print(line)
    keep(**results)


def _select(options, rows, parser):
    """The rows, sizes and modes that the options ask for, put into the options themselves."""
    from benchmarks import large_vocabulary

    options.rows = rows.ROWS
    if options.loss:
        unknown = [name for name in options.loss if not any(row.name.startswith(name) for row in rows.ROWS)]
        if unknown:
            parser.error(f"--loss: no row is called {unknown[0]!r}. Rows: {', '.join(row.name for row in rows.ROWS)}")
        names = {row.name for row in rows.ROWS}
        options.rows = [
            row
            for row in rows.ROWS
            if any(row.name == name or (name not in names and row.name.startswith(name)) for name in options.loss)
        ]
    known = [*rows.SHAPES, *large_vocabulary.SIZES]
    unknown = [size for size in options.size or () if size not in known]
    if unknown:
        parser.error(f"--size: {unknown[0]!r} is none of {', '.join(known)}")
    options.sizes = options.size or (["32x10", "1024x1000"] if options.quick else list(rows.SHAPES))
    options.modes = options.mode or (["eager", "graph"] if options.quick else list(rows.MODES))
    options.seconds = 0.25 if options.quick else 0.5  # for the rounds of one cell


if __name__ == "__main__":
    main()
