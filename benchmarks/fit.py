"""Steps per second of `model.fit` on a small model, where the loss's overhead is the largest part it can be."""

import keras
import numpy as np

from benchmarks import report, steps

TITLE = "Steps per second of model.fit"
BATCH, FEATURES, OUTPUTS, STEPS = 32, 16, 10, 500
AT_LEAST = 0.98
LOSSES = (
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "SparseCategoricalCrossentropy",
    "BinaryFocalCrossentropy",
    "MeanSquaredError",
)


def run(options, console):
    """One result for each of LOSSES; this package, Keras, and Keras once more, which shows how far noise alone goes."""
    results = []
    modes = options.mode or ["graph"]  # what fit does by itself on a CPU
    chosen = [row for row in options.rows if row.name in LOSSES]
    with console.status("") as status:
        for row in chosen:
            for mode in modes:
                status.update(f"{TITLE}: {row.name}, {mode}")
                results.append(_measure(row, mode, options))
    if results:
        console.print(_table(results))
    return results


def _measure(row, mode, options):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((BATCH * STEPS, FEATURES), "float32")
    y, _ = row.inputs(rng, (BATCH * STEPS, OUTPUTS))
    epochs = {}
    for who, loss in {"box": row.box, "keras": row.keras, "keras again": row.keras}.items():
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [keras.Input((FEATURES,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(OUTPUTS)]
        )
        model.compile("sgd", loss, run_eagerly=mode == "eager", jit_compile=mode == "xla")
        epochs[who] = lambda model=model: model.fit(x, y, BATCH, epochs=1, shuffle=False, verbose=0)
        epochs[who]()
    times = steps.interleaved(epochs, options.rounds, 16 * options.seconds, at_least=7)
    ratios = {
        "box_to_keras": steps.quartiles(times["keras"] / times["box"]),
        "keras_to_keras": steps.quartiles(times["keras"] / times["keras again"]),
    }
    reached = ratios["box_to_keras"][1]
    return {
        "loss": row.name,
        "mode": mode,
        "rounds": len(times["box"]),
        "steps_per_second": {who: steps.quartiles(STEPS / seconds) for who, seconds in times.items()},
        **ratios,
        "target": {"against": "keras", "at_least": AT_LEAST, "reached": reached, "met": reached >= AT_LEAST},
    }


def _table(results):
    table = report.table(
        f"{TITLE}: medians, and ratios with their quartiles ({FEATURES}-16-{OUTPUTS}, batches of {BATCH})",
        ["loss", "mode"],
        ["rounds", "box", "Keras", "box / Keras", "Keras / Keras", "target", "result"],
    )
    for result in results:
        table.add_row(
            result["loss"],
            result["mode"],
            str(result["rounds"]),
            *(f"{result['steps_per_second'][who][1]:.0f}" for who in ("box", "keras")),
            *(report.ratio(result[ratio]) for ratio in ("box_to_keras", "keras_to_keras")),
            *report.verdict(result["target"]),
        )
    return table
