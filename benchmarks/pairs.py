"""Peak memory and time of losses over pairs against the number of samples n: what grows with n, what with its square.

`python -m benchmarks pairs --loss InfoNCE` for one loss, `--quick` up to 4,096 samples. Loss and gradient in a graph,
of 512 features; every line is from a process of its own. Once a loss took more than 4 GB it is asked for no more.
"""

import json
import os
import subprocess
import sys
import time

from benchmarks import memory, rows, steps

TITLE = "Losses over pairs of n samples with 512 features: loss + gradient in a graph"
FEATURES = 512
SAMPLES = [2**power for power in range(10, 16)]
ENOUGH = 4 * 2**30


def run(options, console):
    """One result for each loss and number of samples."""
    from rich.table import Table

    results = []
    with console.status("") as status:
        for row in options.rows:
            for samples in (SAMPLES[:3] if options.quick else SAMPLES) if row.sizes == rows.PAIRS else []:
                status.update(f"{TITLE}: {row.name}, {samples}")
                results.append({"loss": row.name, "samples": samples} | _in_own_process(row.name, samples))
                if results[-1]["bytes"] > ENOUGH:
                    break
    table = Table(title=TITLE)
    for heading in ("loss", "n", "GB above the inputs", "seconds"):
        table.add_column(heading)
    for line in results:
        table.add_row(line["loss"], f"{line['samples']:,}", f"{line['bytes'] / 2**30:.3f}", f"{line['seconds']:.2f}")
    console.print(table)
    return results


def _in_own_process(name, samples):
    environment = os.environ | {"TF_ENABLE_ONEDNN_OPTS": "0", "MALLOC_MMAP_THRESHOLD_": str(2**20)}  # as in memory.py
    command = [sys.executable, "-m", "benchmarks.pairs", name, str(samples)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[2:])} ended with {done.returncode}: {done.stderr[-500:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _child(name, samples):
    shape = (samples, FEATURES)
    multiples = memory.peak_above_inputs(name, "graph", "box", shape)
    row = next(row for row in rows.ROWS if row.name == name)
    inputs = steps.tensors(row, shape)
    step = steps.step(row.contenders()["box"], "graph", inputs)
    step(*inputs)
    start = time.perf_counter()
    step(*inputs)
    print(json.dumps({"bytes": multiples * 4 * samples * FEATURES, "seconds": time.perf_counter() - start}))


if __name__ == "__main__":
    _child(sys.argv[1], int(sys.argv[2]))
