"""Run in a fresh process: `python reload.py FOLDER` loads every model there and writes what it finds to found.json.

It imports what a user has to import, keras and keras_lossbox, and nothing else of this project.
"""

import json
import pathlib
import sys

import keras
import numpy as np

import keras_lossbox

folder = pathlib.Path(sys.argv[1])
found = {"modules": sorted(name for name in sys.modules if name.split(".")[0] in ("tests", "cases", "backends"))}
for path in sorted(folder.glob("*.keras")):
    data = np.load(path.with_suffix(".npz"))
    model = keras.saving.load_model(path)
    loss = model.loss
    entry = {
        "class": f"{type(loss).__module__}.{type(loss).__name__}",
        "config": loss.get_config(),
        "loss": keras.ops.convert_to_numpy(loss(data["y"], data["p"])).tobytes().hex(),
        "predictions": keras.ops.convert_to_numpy(model(data["x"])).tobytes().hex(),
        "evaluated": model.evaluate(data["x"], data["y"], verbose=0),
    }
    history = model.fit(data["x"], data["y"], epochs=2, verbose=0).history["loss"]
    entry["steps"] = int(model.optimizer.iterations)
    entry["trained"] = history
    found[path.stem] = entry
(folder / "found.json").write_text(json.dumps(found))
assert keras_lossbox.available()
