"""How many operations a loss and its gradient are made of: what to look at before something is made faster.

Counts, not times: they are the same on a busy machine. A "pass" is an operation of the traced graph whose result has as
many elements as y_pred, and so reads and writes memory once; grappler and XLA may still merge some.
"""

import collections
import cProfile
import math
import pstats

from benchmarks import report, rows, steps

TITLE = "Operations of loss + gradient"
NO_WORK = {"Const", "Placeholder", "Identity", "NoOp", "IdentityN"}


def run(options, console):
    """One result for each loss and contender, and the table of all."""
    results = []
    for row in options.rows:
        size = "1024x1000" if "1024x1000" in row.sizes else row.sizes[0]
        for who, loss in row.contenders().items():
            y_true, y_pred = steps.tensors(row, rows.SHAPES["32x10" if size == "1024x1000" else size])
            results.append(
                {"loss": row.name, "of": who, **_graph(loss, y_true, y_pred), **_eager(loss, y_true, y_pred)}
            )
    console.print(_table(results))
    return results


def _graph(loss, y_true, y_pred):
    definition = steps.step(loss, "graph").get_concrete_function(y_true, y_pred).graph.as_graph_def(add_shapes=True)
    nodes = [*definition.node, *(node for function in definition.library.function for node in function.node_def)]
    nodes = [node for node in nodes if node.op not in NO_WORK]
    full = y_pred.shape.num_elements()
    kinds = collections.Counter(node.op for node in nodes)
    passes = collections.Counter(node.op for node in nodes if full in _sizes(node))
    return {"graph": kinds.total(), "passes": passes.total(), "kinds": dict(kinds), "kinds_of_passes": dict(passes)}


def _sizes(node):
    """The numbers of elements of a node's results, where the graph knows them."""
    shapes = node.attr["_output_shapes"].list.shape
    return {math.prod(axis.size for axis in shape.dim) for shape in shapes if not shape.unknown_rank}


def _eager(loss, y_true, y_pred):
    function = steps.step(loss, "eager")
    function(y_true, y_pred)
    profile = cProfile.Profile()
    profile.runcall(function, y_true, y_pred)
    calls = {name: count for (_, _, name), (count, *_) in pstats.Stats(profile).stats.items()}
    dispatched = sum(
        count for name, count in calls.items() if "TFE_Py_FastPathExecute" in name or "TFE_Py_Execute" in name
    )
    return {"eager": dispatched, "python": sum(calls.values())}


def _table(results):
    table = report.table(
        f"{TITLE}: in the traced graph (passes: those as large as y_pred); in eager mode",
        ["loss", "of"],
        ["graph", "passes", "eager", "Python calls"],
    )
    table.add_column("passes, by kind")
    for index, result in enumerate(results):
        kinds = sorted(result["kinds_of_passes"].items(), key=lambda kind: (-kind[1], kind[0]))
        table.add_row(
            result["loss"],
            report.NAMES.get(result["of"], result["of"]),
            *(str(result[figure]) for figure in ("graph", "passes", "eager", "python")),
            ", ".join(f"{count} {kind}" if count > 1 else kind for kind, count in kinds),
            end_section=report.last_of_loss(results, index),
        )
    return table
