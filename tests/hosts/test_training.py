"""The losses inside Keras: heads, masks, weights, precisions, custom loops."""

import itertools

import keras
import numpy as np
import pytest
from backends import BACKEND, MODES, value_and_gradient
from cases import by_default
from scipy import special

import keras_lossbox as box

numpy = keras.ops.convert_to_numpy
tensorflow_only = pytest.mark.skipif(BACKEND != "tensorflow", reason="TensorFlow's graphs and eager tensors")
HEADS = [
    pytest.param(box.BinaryCrossentropy, "sigmoid", {}, id="sigmoid"),
    pytest.param(box.BinaryCrossentropy, "sigmoid", {"pos_weight": 3.0, "label_smoothing": 0.2}, id="weighted"),
    pytest.param(box.BalancedBinaryCrossentropy, "sigmoid", {}, id="balanced"),
    pytest.param(box.CategoricalCrossentropy, "softmax", {}, id="softmax"),
    pytest.param(box.SparseCategoricalCrossentropy, "softmax", {"label_smoothing": 0.2}, id="sparse"),
    pytest.param(box.ZeroOne, "softmax", {}, id="zero-one"),
]
LOGITS = np.array([[40.0, -40.0, 3.0], [-40.0, 40.0, 40.0], [-40.0, 0.0, 40.0]], "float32")


def labels_for(cls):
    """The labels that a saturated head gets wrong."""
    if cls in (box.SparseCategoricalCrossentropy, box.ZeroOne):
        return np.array([1, 0, 0])
    return np.array([[0, 1, 0], [1, 0, 0], [1, 0, 0]], "float32")


@pytest.mark.one_in(4)
@tensorflow_only
@pytest.mark.parametrize("cls, head, options", HEADS)
@pytest.mark.parametrize("mode", by_default(lambda mode: mode != "graph", MODES))
@pytest.mark.parametrize("weights", by_default(bool, [None, [1.0, 0.0, 2.0]]), ids=["", "weights"])
def test_saturated_head_keeps_the_gradient_of_its_logits(cls, head, options, mode, weights):
    activation = getattr(keras.activations, head)
    y_true = labels_for(cls)
    of_probabilities = cls(**options)
    of_logits = cls(from_logits=True, **options)
    value, gradient = value_and_gradient(lambda z: of_probabilities(y_true, activation(z), weights), LOGITS, mode)
    expected = value_and_gradient(lambda z: of_logits(y_true, z, weights), LOGITS, mode)
    np.testing.assert_allclose(value, expected[0], rtol=1e-6)
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-6, atol=1e-7)
    assert np.max(np.abs(gradient)) > 0.05


@tensorflow_only
@pytest.mark.parametrize("mode", MODES)
def test_logits_of_another_head_are_not_mistaken(mode):
    """Keras's own losses take whatever `_keras_logits` holds, and get a wrong number here."""
    logits = np.array([[0.3, -1.0, 2.0], [1.0, 0.5, -0.2]], "float32")
    y_true = np.array([[0, 0, 1], [1, 1, 0]], "float32")
    p = special.softmax(logits.astype("float64"), -1)
    expected = np.mean(-(y_true * np.log(p) + (1 - y_true) * np.log1p(-p)))  # oracle: numpy in float64
    loss = box.BinaryCrossentropy()
    value, _ = value_and_gradient(lambda z: loss(y_true, keras.activations.softmax(z)), logits, mode)
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    s = special.expit(logits.astype("float64"))
    expected = np.mean(-np.sum(y_true * np.log(s / s.sum(-1, keepdims=True)), -1))
    value, _ = value_and_gradient(
        lambda z: box.CategoricalCrossentropy()(y_true, keras.activations.sigmoid(z)), logits, mode
    )
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    p = special.softmax(logits.astype("float64"), 0)  # a softmax, but along another axis than the loss's
    expected = np.mean(-np.sum(y_true * np.log(p / p.sum(-1, keepdims=True)), -1))
    value, _ = value_and_gradient(
        lambda z: box.CategoricalCrossentropy()(y_true, keras.activations.softmax(z, axis=0)), logits, mode
    )
    np.testing.assert_allclose(value, expected, rtol=1e-6)


@tensorflow_only
@pytest.mark.parametrize("mode", MODES)
def test_from_logits_with_an_activation_warns_and_uses_the_logits(mode):
    y_true = np.array([[0.0, 1.0]], "float32")
    logits = np.array([[1.0, -2.0]], "float32")
    loss = box.BinaryCrossentropy(from_logits=True)
    with pytest.warns(UserWarning, match="BinaryCrossentropy: from_logits=True, but y_pred comes out of a sigmoid"):
        value, _ = value_and_gradient(lambda z: loss(y_true, keras.activations.sigmoid(z)), logits, mode)
    np.testing.assert_allclose(value, numpy(loss(y_true, logits)), rtol=1e-6)


@pytest.mark.parametrize("head", [None, "sigmoid"])
def test_saturated_model_trains_out_of_its_mistake(head):
    if head and BACKEND == "jax":
        pytest.skip("a JAX array cannot carry the logits that it came from; nor do Keras's losses get them")
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, activation=head, kernel_initializer="ones")])
    model.compile("adam", loss=box.BinaryCrossentropy(from_logits=head is None))
    before = model.get_weights()[0].copy()
    model.fit(np.array([[40.0]]), np.array([[0.0]]), verbose=0)
    assert model.get_weights()[0] < before


def sequence_model(mask_by, loss, **compile_options):
    keras.utils.set_random_seed(0)
    if mask_by == "embedding":
        inputs = keras.Input((5,), dtype="int32")
        x = keras.layers.Embedding(7, 4, mask_zero=True)(inputs)
    else:
        inputs = keras.Input((5, 2))
        x = keras.layers.Masking(0.0)(inputs)
    x = keras.layers.Dense(3, activation="tanh")(x)
    model = keras.Model(inputs, keras.layers.Dense(3)(x))
    model.compile("sgd", loss=loss, **compile_options)
    return model


@pytest.mark.matrix
@pytest.mark.parametrize(
    "mask_by, reduction",
    by_default(
        lambda mask_by, reduction: (
            (mask_by == "embedding") == (reduction == "sum_over_batch_size") and reduction != "sum_by_nonzero_weights"
        ),
        itertools.product(
            ["embedding", "masking"], ["sum_over_batch_size", "mean_with_sample_weight", "sum_by_nonzero_weights"]
        ),
    ),
)
def test_masks_from_layers_leave_padding_out(mask_by, reduction, rng):
    tokens = np.array([[1, 2, 3, 0, 0], [4, 5, 0, 0, 0], [1, 6, 2, 3, 0]])
    x = tokens if mask_by == "embedding" else np.stack([tokens, tokens], -1).astype("float32")
    real = tokens != 0
    y = np.where(real, rng.integers(0, 3, tokens.shape), 99)  # 99 is no class: padding must not matter
    loss = box.SparseCategoricalCrossentropy(from_logits=True, reduction=reduction)
    model = sequence_model(mask_by, loss)
    log_p = special.log_softmax(model.predict(x, verbose=0).astype("float64"), -1)
    expected = -np.mean([log_p[i, t, y[i, t]] for i, t in zip(*np.nonzero(real), strict=True)])  # oracle: scipy
    np.testing.assert_allclose(model.evaluate(x, y, verbose=0), expected, rtol=1e-6)
    assert np.isfinite(model.fit(x, y, verbose=0).history["loss"][0])


def test_sample_weight_weighs_samples_also_when_they_are_sequences(rng):
    """Keras applies weights of shape (n,) along time when n == t, and fails otherwise."""
    x, y = rng.normal(size=(4, 4, 2)).astype("float32"), rng.normal(size=(4, 4, 2)).astype("float32")
    weights = np.array([1.0, 0.0, 2.0, 5.0])
    model = keras.Sequential([keras.Input((4, 2)), keras.layers.Dense(2)])
    model.compile("sgd", loss=box.MeanSquaredError())
    squared = np.mean((y - model.predict(x, verbose=0).astype("float64")) ** 2, -1)
    expected = np.sum(squared * weights[:, None]) / 16  # oracle: numpy
    np.testing.assert_allclose(model.evaluate(x, y, sample_weight=weights, verbose=0), expected, rtol=1e-6)


@pytest.mark.matrix
def test_class_weight_of_fit_weighs_samples(rng):
    x, y = rng.normal(size=(8, 2)).astype("float32"), rng.integers(0, 2, 8)
    losses = []
    for how in ({"class_weight": {0: 1.0, 1: 5.0}}, {"sample_weight": np.where(y == 1, 5.0, 1.0)}):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        model.compile("sgd", loss=box.BinaryCrossentropy(from_logits=True))
        losses.append(model.fit(x, y, epochs=2, verbose=0, **how).history["loss"])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-6)


@pytest.mark.parametrize("options", [{}, {"run_eagerly": True}, {"steps_per_execution": 2}], ids=str)
def test_nan_labels_under_weight_zero_leave_training_alone(options, rng):
    if BACKEND == "torch" and "steps_per_execution" in options:
        pytest.skip("Keras on PyTorch takes one step per execution only")
    x, y = rng.normal(size=(16, 3)).astype("float32"), rng.normal(size=(16, 1)).astype("float32")
    weights = np.ones(16)
    weights[::3] = 0
    y[::3] = np.nan
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", loss=box.Huber(), **options)
    assert np.all(np.isfinite(model.fit(x, y, sample_weight=weights, batch_size=4, verbose=0).history["loss"]))
    assert all(np.all(np.isfinite(w)) for w in model.get_weights())


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_trains(policy, rng):
    if BACKEND == "torch":
        pytest.skip("half precision on the CPU is TensorFlow's and JAX's")
    x = rng.normal(size=(64, 3)).astype("float32")
    y = (x[:, :1] > 0).astype("float32")
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(8, "relu", dtype=policy), keras.layers.Dense(1, "sigmoid", dtype=policy)]
    )
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.02))
    model.compile(optimizer, loss=box.BinaryCrossentropy(pos_weight=2.0))
    history = model.fit(x, y, epochs=8, verbose=0).history["loss"]
    assert history[-1] < 0.8 * history[0]


def test_last_batch_of_one(rng):
    x, y = rng.normal(size=(5, 2)).astype("float32"), rng.normal(size=(5,)).astype("float32")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", loss=box.MeanSquaredError())
    predictions = model.predict(x, verbose=0)[:, 0].astype("float64")
    evaluated = model.evaluate(x, y, batch_size=4, verbose=0)
    np.testing.assert_allclose(evaluated, np.mean((y - predictions) ** 2), rtol=1e-6)  # oracle: numpy


@tensorflow_only
def test_in_a_loop_of_ones_own_and_in_add_loss(rng):
    import tensorflow as tf

    x, y = rng.normal(size=(8, 2)).astype("float32"), rng.normal(size=(8, 1)).astype("float32")
    loss = box.Huber(delta=0.5)

    class WithPenalty(keras.layers.Layer):
        def call(self, inputs):
            self.add_loss(loss(keras.ops.zeros_like(inputs), inputs))
            return inputs

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1), WithPenalty()])
    optimizer = keras.optimizers.SGD(0.1)

    @tf.function
    def step(inputs, targets):
        with tf.GradientTape() as tape:
            value = loss(targets, model(inputs)) + sum(model.losses)
        optimizer.apply_gradients(
            zip(tape.gradient(value, model.trainable_variables), model.trainable_variables, strict=True)
        )
        return value

    values = [float(step(x, y)) for _ in range(20)]
    assert values[-1] < values[0]


@tensorflow_only
def test_sizes_known_only_at_run_time_are_still_checked():
    import tensorflow as tf

    unknown = tf.TensorSpec([None, None], "float32")
    for jit in (False, True):

        @tf.function(input_signature=[unknown, unknown], jit_compile=jit)
        def run(y_true, y_pred):
            return box.MeanSquaredError(reduction="sum")(y_true, y_pred)

        assert float(run(tf.ones([2, 3]), tf.zeros([2, 3]))) == 2
        for wrong in ([2, 1], [1, 3], [3, 2], [1, 1]):
            with pytest.raises((tf.errors.InvalidArgumentError, ValueError)):
                run(tf.ones(wrong), tf.zeros([2, 3]))
            with pytest.raises((tf.errors.InvalidArgumentError, ValueError)):
                run(tf.ones([2, 3]), tf.zeros(wrong))


@tensorflow_only
def test_class_indices_of_a_size_known_only_at_run_time_are_checked():
    import tensorflow as tf

    for jit in (False, True):

        @tf.function(input_signature=[tf.TensorSpec([None], "int32"), tf.TensorSpec([None, 3])], jit_compile=jit)
        def run(y_true, y_pred):
            return box.SparseCategoricalCrossentropy(from_logits=True)(y_true, y_pred)

        np.testing.assert_allclose(run(tf.constant([1, 2]), tf.zeros([2, 3])), np.log(3), rtol=1e-6)
        for labels, rows in ([1], 2), ([1, 2], 1), ([1, 2], 3):
            with pytest.raises((tf.errors.InvalidArgumentError, ValueError)):
                run(tf.constant(labels), tf.zeros([rows, 3]))


@tensorflow_only
@pytest.mark.parametrize("options", [{}, {"steps_per_execution": 2}, {"jit_compile": True}], ids=str)
def test_a_label_out_of_range_stops_fit_and_spares_the_weights(options):
    """In the middle of an epoch; XLA, which cannot fail, shows NaN and goes on."""
    import tensorflow as tf

    x, y = np.ones((12, 4), "float32"), np.arange(12) % 3
    y[7] = 3
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile("sgd", box.SparseCategoricalCrossentropy(from_logits=True), **options)
    if options.get("jit_compile"):
        assert np.isnan(model.fit(x, y, batch_size=4, verbose=0).history["loss"][0])
    else:
        said = r"SparseCategoricalCrossentropy: `y_true` must hold class indices from 0 to 2, .*\[0\] \[to\] \[3\]"
        with pytest.raises(tf.errors.InvalidArgumentError, match=said):
            model.fit(x, y, batch_size=4, shuffle=False, verbose=0)
    assert all(np.all(np.isfinite(weights)) for weights in model.get_weights())


@tensorflow_only
@pytest.mark.parametrize("loss", [box.BinaryCrossentropy(from_logits=True), box.Dice(from_logits=True), box.Poisson()])
def test_a_batch_of_no_rows_in_fit(loss, rng):
    import tensorflow as tf

    x, y = rng.random((8, 4)).astype("float32"), rng.integers(0, 2, (8, 1)).astype("float32")
    data, weights = tf.data.Dataset.from_tensors((x, y)), []
    for batches in (data, data.concatenate(tf.data.Dataset.from_tensors((x[:0], y[:0])))):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, "softplus")])
        model.compile("sgd", loss)
        model.fit(batches, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    for with_it, without in zip(*weights, strict=True):
        np.testing.assert_array_equal(with_it, without)


@tensorflow_only
def test_weights_of_a_wrong_size_known_only_at_run_time_fail():
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec([None, 1]), tf.TensorSpec([None, 1]), tf.TensorSpec([None])])
    def run(y_true, y_pred, weights):
        return box.MeanSquaredError(reduction="sum")(y_true, y_pred, weights)

    assert float(run(tf.ones([1, 1]), tf.zeros([1, 1]), tf.constant([3.0]))) == 3
    assert float(run(tf.ones([2, 1]), tf.zeros([2, 1]), tf.constant([3.0]))) == 6  # one weight for all
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(tf.ones([1, 1]), tf.zeros([1, 1]), tf.constant([3.0, 4.0]))


@tensorflow_only
def test_a_tensor_of_unknown_rank_is_an_error_that_says_so():
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec(None), tf.TensorSpec([None, 1])])
    def run(y_true, y_pred):
        return box.MeanSquaredError()(y_true, y_pred)

    with pytest.raises(ValueError, match="MeanSquaredError: `y_true` must be .* with a known number of axes"):
        run(tf.ones([2, 1]), tf.zeros([2, 1]))


@tensorflow_only
def test_tensors_that_are_no_numbers_are_errors_that_say_so():
    import tensorflow as tf

    for bad in (tf.constant(["a"]), tf.constant([1 + 2j]), tf.ragged.constant([[1.0], [2.0, 3.0]])):
        for pair in ((bad, [[1.0]]), ([[1.0]], bad)):
            with pytest.raises(ValueError, match="MeanSquaredError: "):
                box.MeanSquaredError()(*pair)
