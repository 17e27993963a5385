"""What the examples train. Replace it with your own data and model."""

import keras
import numpy as np

import keras_lossbox

BATCH_SIZE = 8  # of all devices together


def make_data():
    """Features, labels and sample weights: 45 samples, so that the last batch has five."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(45, 8)).astype("float32")
    y = (x[:, :1] + x[:, 1:2] > 1.0).astype("float32")
    weights = rng.choice(np.array([0.0, 0.5, 1.0, 3.0], "float32"), size=45)
    return x, y, weights


def make_model():
    """A compiled model, with the same initial weights in every process."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(16, activation="tanh", kernel_regularizer=keras.regularizers.L2(1e-3)),
            keras.layers.Dense(1),
        ]
    )
    loss = keras_lossbox.BinaryCrossentropy(from_logits=True, pos_weight=3.0, reduction="mean_with_sample_weight")
    mean = keras_lossbox.MeanLoss(loss, name="mean_loss")  # `loss` in Keras's log is a mean of batches instead
    model.compile(keras.optimizers.Adam(0.01), loss=loss, weighted_metrics=[mean])
    return model
