"""Run in a process of its own: the same batch on some logical CPUs and on one, and how far they differ, as JSON.

Every loss with every reduction: value and gradient of a batch that is split unevenly, with sample weights and a mask.
And a few of them through `fit` and `evaluate`.
"""

import json
import pathlib
import sys

import keras
import numpy as np
import tensorflow as tf

import keras_lossbox as box

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from backends import with_mask
from cases import MAIN_CASES, TYPICAL, is_last_of_family

SHARDS = {2: (5, 2), 4: (3, 1, 2, 1)}[int(sys.argv[1])]
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * len(SHARDS)
)
strategy = tf.distribute.MirroredStrategy(tf.config.list_logical_devices("CPU"))
keras.config.disable_traceback_filtering()
REDUCTIONS = ("mean", "sum", "mean_with_sample_weight", "sum_by_nonzero_weights")
LOCAL = {"LovaszSoftmax", "LovaszHinge"}  # with per_sample=False they sort the pixels of one replica


def value_and_gradient(loss):
    def run(y_true, y_pred, weights, mask):
        with tf.GradientTape() as tape:
            tape.watch(y_pred)
            value = loss(y_true, with_mask(y_pred, mask), weights)
        return value, tape.gradient(value, y_pred)

    return run


def split(array):
    parts = np.split(array, np.cumsum(SHARDS)[:-1])
    return strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(parts[context.replica_id_in_sync_group])
    )


def compare(case):
    """The largest deviation of value and gradient, relative to the largest number, for each reduction."""
    rng = np.random.default_rng(1)
    y_true, y_pred = case.data(rng, (sum(SHARDS),))
    weights = np.array([1.0, 0.5, 0.0, 2.0, 1.0, 0.25, 3.0], "float32")
    mask = np.array([True, True, True, False, False, True, False])
    data = [y_true, y_pred, weights, mask]
    reductions = REDUCTIONS if case in TYPICAL else REDUCTIONS[2:3]
    runs = [value_and_gradient(case.build(reduction=reduction)) for reduction in reductions]

    def all_runs(*data):
        return [run(*data) for run in runs]

    expected = all_runs(*map(tf.constant, data))  # eager is faster than to trace

    @tf.function(autograph=False)
    def on_replicas(*data):
        return strategy.run(all_runs, args=data)

    results = on_replicas(*map(split, data))
    found = {}
    for reduction, (value, gradient), (values, gradients) in zip(reductions, expected, results, strict=True):
        values, gradients = map(strategy.experimental_local_results, (values, gradients))
        found[reduction] = max(deviation(value, sum(values)), deviation(gradient, tf.concat(gradients, 0)))
    return found


def deviation(expected, actual):
    return float(np.max(np.abs(expected - actual)) / max(1e-3, np.max(np.abs(expected))))


def train(loss):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(22, 3)).astype("float32"), (rng.random((22, 2)) < 0.5).astype("float32")
    weights = rng.integers(0, 3, 22).astype("float32")
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile(keras.optimizers.SGD(0.01), loss=loss, metrics=[box.MeanLoss(box.RootMeanSquaredError())])
    logs = model.fit(x, y, batch_size=8, epochs=2, sample_weight=weights, shuffle=False, verbose=0).history
    evaluated = model.evaluate(x[:21], y[:21], batch_size=8, verbose=0)[1]
    return np.concatenate([w.ravel() for w in model.get_weights()]), np.array(logs["loss"]), np.array(evaluated)


def compare_training(loss):
    of_one = train(loss)
    with strategy.scope():
        of_several = train(loss)
    return dict(zip(("weights", "loss", "metric"), map(deviation, of_one, of_several), strict=True))


global_cases = [case for case in MAIN_CASES if not (case.name in LOCAL and case.is_batch_statistic)]
if len(SHARDS) == 4:  # a few, and of the statistics over replicas one of each family
    chosen = [*TYPICAL, *{case.cls.__module__: case for case in global_cases if case.is_batch_statistic}.values()]
else:  # of each family one, and of each class that is a statistic
    classes = {case.cls: case for case in global_cases}.values()
    classes = [case for case in classes if is_last_of_family(case) or case.is_batch_statistic]
    chosen = [*classes, *{case.cls: case for case in global_cases if case.is_batch_statistic}.values()]
cases = {str(case): compare(case) for case in {str(case): case for case in chosen}.values()}
to_train = (
    box.BinaryCrossentropy(from_logits=True, pos_weight=2.0),
    box.WeightedSum([box.MeanSquaredError(), box.MeanAbsoluteError()], [1.0, 0.5], reduction="sum"),
    box.RootMeanSquaredError(reduction="mean_with_sample_weight"),
    box.Huber(reduction="sum_by_nonzero_weights"),
)
trained = {str(loss): compare_training(loss) for loss in to_train}
print("FOUND", json.dumps({"replicas": strategy.num_replicas_in_sync, "cases": cases, "trained": trained}))
