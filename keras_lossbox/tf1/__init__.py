"""TensorFlow 1's losses under their own names, with its signatures, defaults and numbers, on any backend of Keras.

The functions of `tf.losses` share these arguments:

    weights: a number, or an array of the rank of the values with every axis of their size or 1; None is 1.0. An entry
        of weight zero is left out of value and gradient, also where it is NaN or infinite.
    scope: a name scope; by default the function's name.
    loss_collection: a Python list, to which the loss is appended. The default and None collect nothing.
    reduction: a member of `Reduction`.

Results have TensorFlow's dtypes: float32 for errors of any dtype, that of the logits for cross-entropies (half
precision is computed in float32). What does not fit raises a ValueError that names the function and the argument.
For `model.compile` take the class that a docstring names; docs/migrating.md lists them.

>>> from keras_lossbox import tf1
>>> float(tf1.mean_squared_error([1.0, 2.0], [2.0, 5.0], weights=[1.0, 0.0]))
1.0

Source: https://www.tensorflow.org/versions/r1.15/api_docs/python/tf/losses and .../tf/nn
"""

from keras_lossbox.tf1.arguments import Reduction
from keras_lossbox.tf1.losses import (
    absolute_difference,
    balanced_sigmoid_cross_entropy,
    compute_weighted_loss,
    cosine_distance,
    hinge_loss,
    huber_loss,
    log_loss,
    mean_pairwise_squared_error,
    mean_squared_error,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
    sparse_softmax_cross_entropy,
)
from keras_lossbox.tf1.nn import (
    l2_loss,
    sigmoid_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits_v2,
    sparse_softmax_cross_entropy_with_logits,
    weighted_cross_entropy_with_logits,
)

__all__ = [
    "Reduction",
    "absolute_difference",
    "balanced_sigmoid_cross_entropy",
    "compute_weighted_loss",
    "cosine_distance",
    "hinge_loss",
    "huber_loss",
    "l2_loss",
    "log_loss",
    "mean_pairwise_squared_error",
    "mean_squared_error",
    "sigmoid_cross_entropy",
    "sigmoid_cross_entropy_with_logits",
    "softmax_cross_entropy",
    "softmax_cross_entropy_with_logits",
    "softmax_cross_entropy_with_logits_v2",
    "sparse_softmax_cross_entropy",
    "sparse_softmax_cross_entropy_with_logits",
    "weighted_cross_entropy_with_logits",
]
