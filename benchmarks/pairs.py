"""Peak memory and time of losses over pairs against the number of samples n: what grows with n, what with its square.

`python -m benchmarks pairs --loss InfoNCE` for one loss, `--quick` up to 4,096 samples. Loss and gradient in a graph,
of 512 features; every line is from a process of its own. Once a loss took more than 4 GB it is asked for no more.
"""

import json
import sys
import time

from benchmarks import memory, processes, report, rows, steps

TITLE = "Losses over pairs of n samples with 512 features: loss + gradient in a graph"
FEATURES = 512
SAMPLES = [2**power for power in range(10, 16)]
ENOUGH = 4 * 2**30


def run(options, console):
    """One result for each loss and number of samples."""
    results = []
    with console.status("") as status:
        for row in options.rows:
            if row.sizes != rows.PAIRS:
                continue
            for samples in SAMPLES[:3] if options.quick else SAMPLES:
                status.update(f"{TITLE}: {row.name}, {samples}")
                figures = processes.figures_of("pairs", processes.FRUGAL, row.name, str(samples))
                results.append({"loss": row.name, "samples": samples} | figures)
                if figures["bytes"] > ENOUGH:
                    break
    console.print(_table(results))
    return results


def _table(results):
    table = report.table(TITLE, ["loss"], ["n", "memory", "time"])
    for result in results:
        memory_, time_ = f"{result['bytes'] / 2**30:.3f} GB", f"{result['seconds']:.2f} s"
        table.add_row(result["loss"], f"{result['samples']:,}", memory_, time_)
    return table


def _child(name, samples):
    shape = (samples, FEATURES)
    multiples = memory.peak_above_inputs(name, "graph", "box", shape)
    row = rows.named(name)
    inputs = steps.tensors(row, shape)
    step = steps.step(row.contenders()["box"], "graph", inputs)
    step(*inputs)
    start = time.perf_counter()
    step(*inputs)
    print(json.dumps({"bytes": multiples * 4 * samples * FEATURES, "seconds": time.perf_counter() - start}))


if __name__ == "__main__":
    _child(sys.argv[1], int(sys.argv[2]))
