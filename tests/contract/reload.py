"""Run in a fresh process: `python reload.py FOLDER` loads every model there and writes what it finds to found.json.

It imports what a user has to import, keras and keras_lossbox, and nothing else of this project.
"""

import json
import pathlib
import sys

import keras
import numpy as np

import keras_lossbox


def as_list(one_or_more):
    return one_or_more if isinstance(one_or_more, list) else [one_or_more]


folder = pathlib.Path(sys.argv[1])
found = {"modules": sorted(name for name in sys.modules if name.split(".")[0] in ("tests", "cases", "backends"))}
for path in sorted(folder.glob("*.keras")):
    data = np.load(path.with_suffix(".npz"))
    model = keras.saving.load_model(path)
    losses = as_list(model.loss)
    x, ys = data["x"], [data[f"y{i}"] for i in range(len(losses))]
    labels = ys if isinstance(model.loss, list) else ys[0]
    entry = {
        "losses": [
            {
                "class": f"{type(loss).__module__}.{type(loss).__name__}",
                "config": loss.get_config(),
                "value": keras.ops.convert_to_numpy(loss(y, data[f"p{i}"])).tobytes().hex(),
            }
            for i, (loss, y) in enumerate(zip(losses, ys, strict=True))
        ],
        "predictions": [keras.ops.convert_to_numpy(output).tobytes().hex() for output in as_list(model(x))],
        "evaluated": model.evaluate(x, labels, verbose=0),
    }
    entry["trained"] = model.fit(x, labels, epochs=2, verbose=0).history["loss"]
    entry["steps"] = int(model.optimizer.iterations)
    found[path.stem] = entry
(folder / "found.json").write_text(json.dumps(found))
assert keras_lossbox.available()
