"""Models that go from one backend of Keras to another, which may be installed in another environment.

KERAS_BACKEND=torch python exchange.py write FOLDER    # saves one model for each family of losses, and its numbers
KERAS_BACKEND=jax python exchange.py read FOLDER       # loads them all; fails where anything is different
"""

import json
import pathlib
import sys

import keras
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from cases import LAST_OF_FAMILY

numpy = keras.ops.convert_to_numpy
CASES = list(LAST_OF_FAMILY.values())


def numbers(model, x, y, p):
    """What the loss and the model give, before and after two more epochs of training."""
    return {
        "loss": float(model.loss(y, p)),
        "predictions": numpy(model(x)).tolist(),
        "evaluated": model.evaluate(x, y, verbose=0),
        "trained": model.fit(x, y, epochs=2, verbose=0).history["loss"],
        "steps": int(model.optimizer.iterations),
    }


def write(folder):
    rng = np.random.default_rng(3)
    for number, case in enumerate(CASES):
        y, p = case.data(rng, (8,))
        x = rng.normal(size=(8, 4)).astype("float32")
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((4,)), case.head()])
        model.compile("adam", loss=case.build(reduction="mean_with_sample_weight", name="my_loss"), run_eagerly=True)
        model.fit(x, y, verbose=0)
        model.save(folder / f"{number:03d}.keras")
        np.savez(folder / f"{number:03d}.npz", x=x, y=y, p=p)
        found = {"case": str(case), "config": model.loss.get_config(), **numbers(model, x, y, p)}
        (folder / f"{number:03d}.json").write_text(json.dumps(found))


def read(folder):
    """The number of models, and by how much a number differs at most."""
    furthest = 0.0
    files = sorted(folder.glob("*.keras"))
    for file in files:
        expected = json.loads(file.with_suffix(".json").read_text())
        # A file from PyTorch names the optimizer of that backend, which is of no use elsewhere.
        model = keras.saving.load_model(file, custom_objects={"Adam": keras.optimizers.Adam})
        assert expected["case"].startswith(f"{type(model.loss).__name__}("), (model.loss, expected)
        assert model.loss.get_config() == expected["config"], expected
        for name, number in numbers(model, **np.load(file.with_suffix(".npz"))).items():
            furthest = max(furthest, float(np.max(np.abs(np.subtract(number, expected[name])))))
            np.testing.assert_allclose(
                number, expected[name], rtol=2e-6, atol=2e-6, err_msg=f"{expected['case']} {name}"
            )
    return len(files), furthest


if __name__ == "__main__":
    what, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    if what == "write":
        write(folder)
    else:
        count, furthest = read(folder)
        assert count == len(CASES), f"{count} models for {len(CASES)} cases"
        print(f"{count} models on {keras.config.backend()}, numbers differ by {furthest:.1e} at most")
