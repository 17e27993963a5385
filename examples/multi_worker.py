"""Train a Keras model on several hosts, with the loss that one host would have.

    python examples/multi_worker.py --local 2             # two processes on this machine, to try it out

    python examples/multi_worker.py --workers host0:2222,host1:2222 --index 0    # on host0
    python examples/multi_worker.py --workers host0:2222,host1:2222 --index 1    # on host1

    python examples/multi_worker.py                       # where a scheduler has set TF_CONFIG on each host

Keras's `fit` cannot train under `MultiWorkerMirroredStrategy` (keras issue 20585); the loop below can.

Each replica gets a part of the batch. A loss of keras_lossbox takes its sums, counts and weights over all replicas,
and gives each its share of the loss of the whole batch. So nothing is divided by the number of replicas: the shares
are added up, and so are their gradients, which the optimizer does by itself.
"""

import argparse
import json
import os
import pathlib
import socket
import subprocess
import sys
import time

import keras
import numpy as np
import tensorflow as tf
from small_model import BATCH_SIZE, make_data, make_model


def train(epochs, save=None):
    """What every worker runs: trains, and gives the losses of the steps of each epoch. The first worker saves."""
    strategy = tf.distribute.MultiWorkerMirroredStrategy()  # before TensorFlow computes anything
    worker = strategy.cluster_resolver.task_id or 0
    with strategy.scope():  # whatever has variables
        model = make_model()
        model.optimizer.build(model.trainable_variables)

    # Every worker makes the same batches and takes its part of each. Two workers with different numbers of steps would
    # wait for each other for ever. To shuffle, give all the same seed. The last batch may be short.
    batches = tf.data.Dataset.from_tensor_slices(make_data()).batch(BATCH_SIZE)
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    batches = strategy.experimental_distribute_dataset(batches.with_options(options))

    def step_on_replica(x, y, weights):
        with tf.GradientTape() as tape:
            share = model.loss(y, model(x, training=True), weights)
            # Every replica has the same penalties of the layers, and has to contribute its share of them.
            share += tf.add_n([0.0, *model.losses]) / strategy.num_replicas_in_sync
        gradients = tape.gradient(share, model.trainable_variables)
        model.optimizer.apply(gradients, model.trainable_variables)
        return share

    @tf.function
    def step(batch):
        return strategy.reduce("SUM", strategy.run(step_on_replica, args=batch), axis=None)

    losses = []
    for epoch in range(epochs):
        losses.append([float(step(batch)) for batch in batches])
        print(f"worker {worker}, epoch {epoch + 1}: mean loss of a batch {np.mean(losses[-1]):.6f}", flush=True)
    if save and worker == 0:
        save.mkdir(parents=True, exist_ok=True)
        model.save(save / "model.keras")
        (save / "losses.json").write_text(json.dumps(losses))
    return losses


def run_local(number, arguments):
    """Runs that many workers on this machine; gives the exit code of one that failed, or 0."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    workers = ",".join(f"127.0.0.1:{s.getsockname()[1]}" for s in sockets)
    for s in sockets:
        s.close()
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "-1"}  # they cannot share a GPU
    command = [sys.executable, __file__, "--workers", workers, *arguments, "--index"]
    processes = [subprocess.Popen([*command, str(index)], env=environment) for index in range(number)]
    try:
        while any(process.poll() is None for process in processes) and not any(p.returncode for p in processes):
            time.sleep(0.1)
        return next((process.returncode for process in processes if process.returncode), 0)
    finally:
        for process in processes:  # when one has failed, the others would wait for it
            process.kill()
            process.wait()


def main():
    """Runs one worker, or with `--local` several."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--local", type=int, metavar="N", help="start N workers on this machine")
    parser.add_argument("--workers", metavar="HOST:PORT,...", help="all workers, in the same order on every host")
    parser.add_argument("--index", type=int, help="which of them this process is, from 0")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--save", type=pathlib.Path, metavar="FOLDER", help="for model.keras and losses.json")
    options = parser.parse_args()
    if (options.workers is None) != (options.index is None):
        parser.error("--workers and --index go together")
    if options.local:
        arguments = ["--epochs", str(options.epochs)] + (["--save", str(options.save)] if options.save else [])
        return run_local(options.local, arguments)
    if options.workers:
        task = {"type": "worker", "index": options.index}
        os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": options.workers.split(",")}, "task": task})
    if keras.config.backend() != "tensorflow":
        parser.error(f"MultiWorkerMirroredStrategy is TensorFlow's, and Keras's backend is {keras.config.backend()}")
    train(options.epochs, options.save)
    return 0


if __name__ == "__main__":
    sys.exit(main())
