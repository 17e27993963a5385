"""Run in a process of its own: trains on two logical CPUs and on one, and prints how the results compare, as JSON."""

import json

import keras
import numpy as np
import tensorflow as tf

import keras_lossbox as box

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
devices = tf.config.list_logical_devices("CPU")
strategy = tf.distribute.MirroredStrategy(devices)
rng = np.random.default_rng(0)
x, y = rng.normal(size=(24, 3)).astype("float32"), (rng.random((24, 2)) < 0.5).astype("float32")
LOSSES = {
    "mean": lambda: box.BinaryCrossentropy(from_logits=True, pos_weight=2.0),
    "sum": lambda: box.Huber(reduction="sum"),
    "sum_of_losses": lambda: box.MeanSquaredError() + 0.5 * box.MeanAbsoluteError(),
}


def train(build):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile(keras.optimizers.SGD(0.01), loss=build(), metrics=[box.MeanLoss(box.RootMeanSquaredError())])
    logs = model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0).history
    logs["evaluated"] = model.evaluate(x[:21], y[:21], batch_size=8, verbose=0)[1]  # a last batch of five
    return [w.tolist() for w in model.get_weights()], logs


found = {}
for name, build in LOSSES.items():
    weights, logs = train(build)
    with strategy.scope():
        of_two, logs_of_two = train(build)
    found[name] = {
        "weights": max(np.max(np.abs(np.subtract(a, b))) for a, b in zip(weights, of_two, strict=True)),
        "loss": np.max(np.abs(np.subtract(logs["loss"], logs_of_two["loss"]))),
        "metric": abs(logs["evaluated"] - logs_of_two["evaluated"]),
        "replicas": strategy.num_replicas_in_sync,
    }
print("FOUND", json.dumps(found, default=float))
