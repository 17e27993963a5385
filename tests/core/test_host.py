"""The private names of Keras and TensorFlow that `core/host.py` uses: each of these tests tells when one breaks."""

import keras
import numpy as np
import pytest
from backends import BACKEND
from keras import ops

from keras_lossbox.core import host

on_tensorflow = pytest.mark.skipif(BACKEND != "tensorflow", reason="asks for what TensorFlow's tensors carry")
numpy = ops.convert_to_numpy


def test_masks_of_layers_are_found():
    """`keras.src.backend.get_keras_mask`"""
    embedded = keras.layers.Embedding(5, 2, mask_zero=True)(np.array([[1, 0, 3]]))
    np.testing.assert_array_equal(numpy(host.mask_of(embedded)), [[True, False, True]])
    assert host.mask_of(ops.ones((2, 2))) is None


@on_tensorflow
@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_logits_behind_an_eager_activation(activation):
    """`_keras_logits`"""
    z = ops.convert_to_tensor([[1.0, -2.0, 40.0]])
    p = keras.activations.get(activation)(z)
    np.testing.assert_array_equal(numpy(host.logits_behind(p, activation, -1)), numpy(z))
    other = {"sigmoid": "softmax", "softmax": "sigmoid"}[activation]
    assert host.logits_behind(p, other, -1) is None
    assert host.logits_behind(p + 0.0, activation, -1) is None


@on_tensorflow
@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_logits_behind_an_activation_of_a_graph(activation):
    """The type of the operation."""
    import tensorflow as tf

    @tf.function
    def found(z):
        p = keras.activations.get(activation)(z)
        assert host.logits_behind(p + 0.0, activation, -1) is None
        return host.logits_behind(p, activation, -1)

    np.testing.assert_array_equal(found(tf.constant([[1.0, -2.0, 40.0]])), [[1.0, -2.0, 40.0]])


def test_metrics_as_compile_was_given_them():
    """`_compile_metrics`, `_user_metrics`, `_user_weighted_metrics`"""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    assert host.metrics_of(model) == (None, None)
    model.compile("sgd", "mse", metrics=["mae"], weighted_metrics=["mse"])
    assert host.metrics_of(model) == (["mae"], ["mse"])


def test_added_losses_are_kept():
    """`_losses`, `_flatten_layers`"""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activity_regularizer="l2")])
    model(np.ones((3, 2)))
    before = [float(loss) for loss in model.losses]
    with host.added_losses_kept(model):
        model(np.zeros((3, 2)))
        assert [float(loss) for loss in model.losses] == [0.0] != before
    assert [float(loss) for loss in model.losses] == before


def test_a_variable_is_read_uncast_inside_a_layer_of_mixed_precision():
    """`AutocastScope`"""

    class Reads(keras.layers.Layer):
        def build(self, shape):
            self.kernel = self.add_weight(shape=(1,), initializer="ones")

        def call(self, x):
            self.seen = [self.kernel.dtype, host.read_uncast(self.kernel).dtype]
            return x

    layer = Reads(dtype="mixed_bfloat16")
    layer(np.ones((1, 1), "float32"))
    assert [keras.backend.standardize_dtype(dtype) for dtype in layer.seen] == ["bfloat16", "float32"]


@pytest.mark.parametrize("name", ["Größe", "(mse)", "my loss: 50 %", "_x", "a/b", ""])
@on_tensorflow
def test_any_name_is_a_name_scope(name):
    import tensorflow as tf

    @tf.function
    def scoped():
        with keras.name_scope(host.scope_name(name)):
            return tf.constant(1.0) + 1

    assert scoped() == 2
