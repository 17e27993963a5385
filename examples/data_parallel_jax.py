"""Train a Keras model on all devices that JAX sees, with the loss that one device would have.

    KERAS_BACKEND=jax python examples/data_parallel_jax.py

    # four virtual devices of a CPU, to try it out
    XLA_FLAGS=--xla_force_host_platform_device_count=4 KERAS_BACKEND=jax python examples/data_parallel_jax.py

Keras gives each device a part of every batch, and the compiled step still computes with the whole batch: sums, counts
and weights are those of one device by themselves, and `fit` works as ever. For several hosts, call
`keras.distribution.initialize` first on each of them.

What Keras cannot do is to divide a batch into parts of different sizes. Rows of weight 0 fill the last one: they
contribute nothing to the loss and the gradient as long as the reduction does not divide by their number, which "sum",
"mean_with_sample_weight" and "sum_by_nonzero_weights" do not. (Batch normalization would see them.)
"""

import argparse
import json
import pathlib
import sys

import keras
import numpy as np
from small_model import BATCH_SIZE, make_data, make_model


def fill(arrays, multiple):
    """The arrays, of which the last are the sample weights, with zeros at the end up to a multiple of samples."""
    missing = -len(arrays[0]) % multiple
    return [np.concatenate([array, np.zeros((missing, *array.shape[1:]), array.dtype)]) for array in arrays]


def train(epochs):
    """Trains on every device; gives the model and Keras's log."""
    devices = keras.distribution.list_devices()
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices))  # before there is a model
    model = make_model()
    x, y, weights = fill(make_data(), len(devices))
    # Their number has to divide every batch, those of `evaluate` and `predict` as well.
    log = model.fit(x, y, sample_weight=weights, batch_size=BATCH_SIZE, epochs=epochs, shuffle=False, verbose=0)
    return model, log.history


def main():
    """Trains, prints the mean loss of each epoch, and saves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--save", type=pathlib.Path, metavar="FOLDER", help="for model.keras and losses.json")
    options = parser.parse_args()
    if keras.config.backend() != "jax":
        parser.error(f"set KERAS_BACKEND=jax: Keras's backend is {keras.config.backend()}")
    model, log = train(options.epochs)
    print(f"{len(keras.distribution.list_devices())} devices")
    for epoch, loss in enumerate(log["mean_loss"]):
        print(f"epoch {epoch + 1}: mean loss {loss:.6f}")
    if options.save:
        options.save.mkdir(parents=True, exist_ok=True)
        model.save(options.save / "model.keras")
        (options.save / "losses.json").write_text(json.dumps(log["mean_loss"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
