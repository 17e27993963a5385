"""Time per element from 1e5 to 1e7 elements: it should not depend on how many there are.

A call has a fixed cost, which at 1e5 elements can be most of the time. So the figure is given twice, as it is, which is
what the target speaks of, and less the time of a call on 32×10 in the same run.
"""

import numpy as np

from benchmarks import report, rows, steps

TITLE = "Time of loss + gradient per element"
SIZES = (10**5, 10**6, 10**7)
LAST_AXIS = 1000
CALL = "32x10"
AT_MOST = 1.25


def run(options, console):
    """One result for each loss and mode; all sizes, of this package and of Keras, are interleaved in one run."""
    results = []
    modes = options.mode or ["graph"]  # eager mode at 1e5 elements shows little else than the cost of a call
    with console.status("") as status:
        for row in options.rows:
            if row.sizes not in (rows.DENSE, rows.SPARSE):
                continue  # not of any number of rows of any length
            data = {size: steps.tensors(row, (size // LAST_AXIS, LAST_AXIS)) for size in SIZES}
            data[CALL] = steps.tensors(row, rows.SHAPES[CALL])
            for mode in modes:
                status.update(f"{TITLE}: {row.name}, {mode}")
                results.append(_measure(row, mode, data, options))
    console.print(_table(results))
    return results


def _measure(row, mode, data, options):
    contenders = {}
    for who in ("box", "keras") if row.keras else ("box", "formula"):
        function = steps.step(row.contenders()[who], mode)
        for size, inputs in data.items():
            function(*inputs)
            contenders[who, size] = lambda function=function, inputs=inputs: function(*inputs)
    times = steps.interleaved(contenders, options.rounds, options.seconds)
    result = {"loss": row.name, "mode": mode, "nanoseconds": {}, "largest_to_smallest": {}, "less_the_call": {}}
    for who in dict.fromkeys(who for who, _ in times):
        per_element = {size: steps.quartiles(times[who, size] / size * 1e9) for size in SIZES}
        result["nanoseconds"][who] = per_element
        for key, call in (("largest_to_smallest", 0.0), ("less_the_call", np.median(times[who, CALL]) * 1e9)):
            medians = [median - call / size for size, (_, median, _) in per_element.items()]
            result[key][who] = float(max(medians) / min(medians))
    reached = result["largest_to_smallest"]["box"]
    result["target"] = {"against": "of itself", "at_most": AT_MOST, "reached": reached, "met": reached <= AT_MOST}
    return result


def _table(results):
    table = report.table(
        f"{TITLE}: medians in ns; the largest of the three over the smallest, in brackets less a call on {CALL}",
        ["loss", "mode"],
        [*(f"box {size:.0e}".replace("+0", "") for size in SIZES), "box", "Keras or tf.nn", "target", "result"],
    )
    for index, result in enumerate(results):
        raw, less_the_call = result["largest_to_smallest"], result["less_the_call"]
        other = next(who for who in result["nanoseconds"] if who != "box")
        table.add_row(
            result["loss"],
            result["mode"],
            *(f"{median:.2f}" for _, median, _ in result["nanoseconds"]["box"].values()),
            *(f"{raw[who]:.2f} ({less_the_call[who]:.2f})" for who in ("box", other)),
            *report.verdict(result["target"]),
            end_section=report.last_of_loss(results, index),
        )
    return table
