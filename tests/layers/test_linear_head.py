"""`LinearHead` and the chunked path: the ordinary path's numbers, without its logits.

The oracle is the same model with something between head and loss that loses the attachment, or with Keras's `Dense`
and losses: formulas that tests/losses have checked from outside, differentiated by TensorFlow.
"""

import subprocess
import sys

import keras
import numpy as np
import pytest
from backends import BACKEND
from cases import by_default
from hypothesis import given, settings
from hypothesis import strategies as st

import keras_lossbox
from keras_lossbox import LinearHead

if BACKEND != "tensorflow":
    pytest.skip("the chunked path is TensorFlow's", allow_module_level=True)

import tensorflow as tf

CLASSES, FEATURES = 23, 5


def results(loss, head, x, y_true, sample_weight, chunked, jit_compile=False, unknown=False):
    """Loss, and gradients of a sum over its entries, each with another factor: of x, kernel and bias."""

    def compute(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            logits = head(x)
            value = loss(y_true, logits if chunked else tf.identity(logits), sample_weight)
            factors = tf.reshape(tf.range(1, tf.size(value) + 1), tf.shape(value))
            total = tf.reduce_sum(value * tf.cast(factors, value.dtype))
        return value, tape.gradient(total, [x, *head.trainable_variables])

    signature = [tf.TensorSpec([None] * len(x.shape[:-1]) + [FEATURES], x.dtype)] if unknown else None
    value, gradients = tf.function(compute, signature, jit_compile=jit_compile, autograph=False)(tf.constant(x))
    assert loss.last_path == ("chunked" if chunked else "ordinary")
    return [value.numpy(), *(gradient.numpy() for gradient in gradients)]


def assert_same(ours, ordinary, tolerance):
    for mine, theirs in zip(ours, ordinary, strict=True):
        scale = np.abs(theirs).max() or 1.0
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=tolerance * scale)


def make(rng, dtype, units=CLASSES, **options):
    head = LinearHead(units, dtype=dtype, **options)
    head.build((None, FEATURES))
    head.set_weights([rng.normal(size=weight.shape) for weight in head.get_weights()])
    return head


OPTIONS = st.fixed_dictionaries(
    {
        "label_smoothing": st.sampled_from([0.0, 0.1, 1.0]),
        "class_weight": st.sampled_from([None, 2.0, [0.0, *np.linspace(0.2, 2, CLASSES - 1)]]),
        "ignore_class": st.sampled_from([None, 3, -1]),
        "z_loss": st.sampled_from([0.0, 0.01]),
        "chunk_size": st.sampled_from([None, 1, 4, 7]),
        "reduction": st.sampled_from(
            ["mean", "sum", "none", None, "mean_with_sample_weight", "sum_by_nonzero_weights"],
        ),
    }
)


drawn = given(
    options=OPTIONS,
    shape=st.sampled_from([(1,), (8,), (9,), (3, 4), (2, 3, 2)]),
    dtype=st.sampled_from(["float32", "float64"]),
    softcap=st.sampled_from([None, 2.0]),
    use_bias=st.booleans(),
    weights=st.sampled_from([None, "of samples", "of all"]),
    unknown=st.booleans(),
)


def check_that_both_paths_agree(options, shape, dtype, softcap, use_bias, weights, unknown):
    rng = np.random.default_rng(0)
    head = make(rng, dtype, use_bias=use_bias, logit_softcap=softcap)
    loss = keras_lossbox.SparseCategoricalCrossentropy(from_logits=True, dtype=dtype, **options)
    x, y_true = rng.normal(size=(*shape, FEATURES)).astype(dtype), rng.integers(0, CLASSES, shape)
    y_true.flat[-1] = 3 if options["ignore_class"] is None else options["ignore_class"]
    sample_weight = None
    if weights:
        size = shape if weights == "of all" else shape[:1]
        sample_weight = (rng.random(size) * (rng.random(size) < 0.7)).astype(dtype)
    both = [results(loss, head, x, y_true, sample_weight, chunked, unknown=unknown) for chunked in (True, False)]
    assert_same(*both, 1e-5 if dtype == "float32" else 1e-10)


@pytest.mark.parametrize("examples", by_default(lambda examples: examples < 10, [3, 20]))
def test_value_and_gradients_are_those_of_the_ordinary_path(examples):
    settings(max_examples=examples, deadline=None, derandomize=True)(drawn(check_that_both_paths_agree))()


@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1}, {"z_loss": 0.01, "reduction": "none"}], ids=str)
def test_many_classes(rng, options):
    """So many that a chunk's values come from the softmax, and not from TensorFlow's loss of few logits."""
    head = make(rng, "float32", units=2000)
    loss = keras_lossbox.SparseCategoricalCrossentropy(True, chunk_size=48, **options)
    x, y_true = rng.normal(size=(100, FEATURES)).astype("float32"), rng.integers(0, 2000, 100)
    of_chunks = results(loss, head, x, y_true, None, chunked=True)
    exact = make(np.random.default_rng(0), "float64", units=2000)
    exact.set_weights([weight.astype("float64") for weight in head.get_weights()])
    in_float64 = type(loss).from_config(loss.get_config() | {"dtype": "float64"})
    assert_same(of_chunks, results(in_float64, exact, x.astype("float64"), y_true, None, chunked=False), 2e-6)


@pytest.mark.matrix
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_under_xla(rng, reduction):
    loss = keras_lossbox.SparseCategoricalCrossentropy(True, reduction=reduction, label_smoothing=0.1, chunk_size=4)
    x, y_true = rng.normal(size=(11, FEATURES)).astype("float32"), rng.integers(0, CLASSES, 11)
    head, weight = make(rng, "float32"), rng.random(11).astype("float32")
    ours = results(loss, head, x, y_true, weight, True, jit_compile=True)
    assert_same(ours, results(loss, head, x, y_true, weight, False), 1e-5)


@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1, "gamma": [0.5] * CLASSES, "ignore_class": 2}])
def test_focal(rng, options):
    loss = keras_lossbox.SparseCategoricalFocalCrossentropy(from_logits=True, dtype="float64", **options)
    x, y_true = rng.normal(size=(9, FEATURES)), rng.integers(0, CLASSES, 9)
    head = make(rng, "float64")
    assert_same(*(results(loss, head, x, y_true, None, chunked) for chunked in (True, False)), 1e-10)


def test_mask_and_rows_of_weight_zero_contribute_nothing_even_if_nan(rng):
    loss = keras_lossbox.SparseCategoricalCrossentropy(from_logits=True, dtype="float64", chunk_size=2)
    head, x = make(rng, "float64"), rng.normal(size=(6, FEATURES))
    y_true, weight = rng.integers(0, CLASSES, 6), np.array([1.0, 0.0, 2.0, 0.0, 1.0, 0.5])
    expected = results(loss, head, x, y_true, weight, False)
    x[1], x[3], y_true[1] = np.nan, np.inf, -5
    ours = results(loss, head, x, y_true, weight, True)
    assert_same(ours, expected, 1e-10)
    assert not ours[1][[1, 3]].any()


def test_label_that_is_no_class_is_an_error(rng):
    loss = keras_lossbox.SparseCategoricalCrossentropy(from_logits=True)
    head, x = make(rng, "float32"), rng.normal(size=(4, FEATURES)).astype("float32")
    for label in (-1, CLASSES):
        with pytest.raises(ValueError, match="`y_true` must hold class indices"):
            results(loss, head, x, np.array([0, 1, label, 2]), None, True)


def test_labels_and_weights_that_do_not_fit_are_errors(rng):
    loss = keras_lossbox.SparseCategoricalCrossentropy(from_logits=True)
    head, x = make(rng, "float32"), rng.normal(size=(4, FEATURES)).astype("float32")
    with pytest.raises(ValueError, match="SparseCategoricalCrossentropy: y_true and y_pred must have the same shape"):
        results(loss, head, x, np.zeros(5, int), None, True)
    with pytest.raises(ValueError, match="`sample_weight` must fit"):
        results(loss, head, x, np.zeros(4, int), np.ones((4, 2)), True)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision(rng, policy):
    loss = keras_lossbox.SparseCategoricalCrossentropy(from_logits=True, chunk_size=4)
    x, y_true = rng.normal(size=(9, FEATURES)).astype("float32"), rng.integers(0, CLASSES, 9)
    expected = results(loss, make(np.random.default_rng(1), "float32"), x, y_true, None, True)
    ours = results(loss, make(np.random.default_rng(1), policy), x, y_true, None, True)
    assert [gradient.dtype for gradient in ours[1:]] == ["float32"] * 3
    assert_same(ours, expected, 0.03 if policy == "mixed_bfloat16" else 3e-3)


def test_second_derivative_is_an_error(rng):
    loss, head = keras_lossbox.SparseCategoricalCrossentropy(from_logits=True), make(rng, "float32")

    @tf.function(autograph=False)
    def second(x):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                value = loss(np.array([1, 2]), head(x))
            first = tf.reduce_sum(inner.gradient(value, x) ** 2)
        return outer.gradient(first, x)

    with pytest.raises(LookupError, match="no second derivative"):
        second(tf.ones((2, FEATURES)))


def model_with(head, loss, optimizer="adam", **options):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((FEATURES,))
    model = keras.Model(inputs, head(keras.layers.Dense(FEATURES, "tanh")(inputs)))
    model.compile(optimizer, loss, **options)
    return model


@pytest.mark.matrix
@pytest.mark.parametrize("jit_compile", [False, True])
def test_training_is_that_of_dense_and_keras(rng, jit_compile):
    x, y_true = rng.normal(size=(50, FEATURES)), rng.integers(0, CLASSES, 50)
    weight = rng.random(50)
    histories = []
    for head, losses in ((LinearHead, keras_lossbox), (keras.layers.Dense, keras.losses)):
        loss = losses.SparseCategoricalCrossentropy(from_logits=True)
        keras.utils.set_random_seed(1)  # for the initializer, which the head makes
        model = model_with(head(CLASSES), loss, jit_compile=jit_compile, metrics=["accuracy"])
        history = model.fit(x, y_true, 16, 3, sample_weight=weight, validation_data=(x, y_true), verbose=0).history
        assert getattr(loss, "last_path", "chunked") == "chunked"
        histories.append(history)
    assert histories[0].keys() == histories[1].keys()
    for name, values in histories[0].items():
        np.testing.assert_allclose(values, histories[1][name], rtol=1e-5)


@pytest.mark.matrix
def test_other_ways_take_the_ordinary_path(rng):
    x, y_true = rng.normal(size=(8, FEATURES)), rng.integers(0, CLASSES, 8)
    loss = keras_lossbox.SparseCategoricalCrossentropy(from_logits=True)
    assert loss.last_path is None
    model_with(LinearHead(CLASSES), loss, run_eagerly=True).fit(x, y_true, verbose=0)
    assert loss.last_path == "ordinary"
    model_with(keras.layers.Dense(CLASSES), loss).fit(x, y_true, verbose=0)
    assert loss.last_path == "ordinary"
    assert "last_path" not in loss.get_config()


def sizes_in_training_graph(model, rows, inside=True):
    """The shapes of all tensors from which loss and updates are computed; of those inside loops and calls, if asked.

    Of the traced step, walked backwards from its results and its side effects.
    """
    model.train_on_batch(tf.zeros((4, FEATURES)), tf.zeros(4, "int32"))  # builds the optimizer
    inputs = tf.TensorSpec((rows, FEATURES)), tf.TensorSpec((rows,), "int32")
    step = tf.function(lambda x, y: model.train_step((x, y)), autograph=False).get_concrete_function(*inputs)
    graph, shapes, seen = step.graph, set(), set()

    def walk(graph, tensors):
        waiting = [tensor.op for tensor in tensors] + list(graph.control_outputs)
        while waiting:
            op = waiting.pop()
            if (id(graph), op.name) in seen:
                continue
            seen.add((id(graph), op.name))
            shapes.update(tuple(tensor.shape.as_list()) for tensor in op.outputs if tensor.shape.rank is not None)
            waiting += [tensor.op for tensor in op.inputs] + list(op.control_inputs)
            for attribute in op.op_def.attr:
                if inside and attribute.type == "func":
                    inner = graph._get_function(op.get_attr(attribute.name).name).graph
                    walk(inner, inner.outputs)

    walk(graph, graph.outputs)
    return shapes


@pytest.mark.parametrize("axis, chunked", [(-1, True), (1, True), (0, False)])
def test_classes_along_the_last_axis_by_any_number(axis, chunked):
    """Along another axis a chunk of rows would be a part of each sample."""
    head = LinearHead(CLASSES)
    loss = keras_lossbox.SparseCategoricalCrossentropy(from_logits=True, axis=axis)
    tf.function(lambda x: loss(tf.zeros([CLASSES], "int32"), head(x)))(tf.ones([CLASSES, FEATURES]))
    assert loss.last_path == ("chunked" if chunked else "ordinary")


def test_training_graph_has_no_logits():
    rows, chunk = 48, 16
    loss = keras_lossbox.SparseCategoricalCrossentropy(from_logits=True, chunk_size=chunk)
    shapes = sizes_in_training_graph(model_with(LinearHead(CLASSES), loss, optimizer="sgd"), rows)
    assert loss.last_path == "chunked"
    assert (FEATURES, CLASSES) in shapes  # the gradient of the kernel, so the walk has seen the step
    assert any(shape[-1:] == (CLASSES,) and shape[0] in (None, chunk) for shape in shapes if len(shape) == 2)
    assert (rows, CLASSES) not in shapes


@pytest.mark.parametrize("options", [{}, {"ignore_class": 2, "label_smoothing": 0.1, "reduction": "none"}])
def test_training_graph_has_no_logits_for_any_number_of_rows(options):
    """Not even their shape is asked for, which TensorFlow would compute them for. (A chunk's are inside the loop.)"""
    loss = keras_lossbox.SparseCategoricalCrossentropy(from_logits=True, class_weight=[1.0] * CLASSES, **options)
    shapes = sizes_in_training_graph(model_with(LinearHead(CLASSES), loss, optimizer="sgd"), None, inside=False)
    assert (FEATURES, CLASSES) in shapes
    assert (None, CLASSES) not in shapes


@pytest.mark.parametrize("rows", [48, None])
def test_the_same_walk_finds_the_logits_of_dense(rows):
    loss = keras_lossbox.SparseCategoricalCrossentropy(from_logits=True)
    model = model_with(keras.layers.Dense(CLASSES), loss, optimizer="sgd")
    assert (rows, CLASSES) in sizes_in_training_graph(model, rows, inside=rows is not None)


def test_weights_are_those_of_dense(rng):
    head, dense = LinearHead(CLASSES), keras.layers.Dense(CLASSES)
    x = rng.normal(size=(4, FEATURES)).astype("float32")
    dense(x), head(x)
    assert [(w.name, w.shape) for w in head.weights] == [(w.name, w.shape) for w in dense.weights]
    head.set_weights(dense.get_weights())
    np.testing.assert_allclose(head(x), dense(x), rtol=1e-6)


TIED = """
import keras, numpy as np, keras_lossbox
model = keras.saving.load_model("{file}")
assert model.layers[-1].tied_to is model.get_layer("embedding")
ids = np.arange(60).reshape(12, 5) % 23
print(model.fit(ids, ids, epochs=2, verbose=0, shuffle=False).history["loss"], model.loss.last_path)
"""


@pytest.mark.matrix
def test_tied_model_is_saved_and_trains_on_in_another_process(tmp_path):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((5,), dtype="int32")
    embedding = keras.layers.Embedding(CLASSES, FEATURES, mask_zero=True, name="embedding")
    features = keras.layers.Dense(FEATURES, "tanh")(embedding(inputs))
    model = keras.Model(inputs, LinearHead(CLASSES, tied_to=embedding, logit_softcap=5.0)(features))
    model.compile("adam", keras_lossbox.SparseCategoricalCrossentropy(from_logits=True, chunk_size=7))
    ids = np.arange(60).reshape(12, 5) % CLASSES
    model.fit(ids, ids, verbose=0, shuffle=False)
    assert model.count_params() == CLASSES * FEATURES + FEATURES * FEATURES + FEATURES + CLASSES
    model.save(tmp_path / "tied.keras")
    expected = model.fit(ids, ids, epochs=2, verbose=0, shuffle=False).history["loss"]
    script = TIED.format(file=(tmp_path / "tied.keras").as_posix())
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == "chunked"
    np.testing.assert_allclose(eval(done.stdout[: done.stdout.index("]") + 1]), expected, rtol=1e-6)
    with pytest.raises(ValueError, match="clone_model"):
        keras.models.clone_model(model)


@pytest.mark.matrix
@pytest.mark.parametrize("reduction", ["sum", "none"])
def test_tied_gradients_add_up(rng, reduction):
    embedding = keras.layers.Embedding(CLASSES, FEATURES, dtype="float64")
    embedding.build()
    head = LinearHead(CLASSES, tied_to=embedding, dtype="float64")
    loss = keras_lossbox.SparseCategoricalCrossentropy(True, reduction=reduction, dtype="float64", chunk_size=4)
    ids = rng.integers(0, CLASSES, 10)
    both = []
    for chunked in (True, False):

        @tf.function
        def gradients(chunked=chunked):
            with tf.GradientTape() as tape:
                x = embedding(ids)
                logits = head(x)
                value = loss(ids, logits if chunked else tf.identity(logits))
                total = tf.reduce_sum(value) + tf.reduce_sum(x**2)
            return [tf.convert_to_tensor(g) for g in tape.gradient(total, head.trainable_variables)]

        both.append([gradient.numpy() for gradient in gradients()])
    assert len(both[0]) == 2
    assert_same(*both, 1e-10)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"units": 0}, "`units` must be a positive integer"),
        ({"units": 3, "logit_softcap": 0.0}, "`logit_softcap` must be"),
        ({"units": 3, "tied_to": 1}, "`tied_to` must be"),
        ({"units": 3, "tied_to": keras.layers.Embedding(4, 2)}, "one row for each of the 3 classes"),
    ],
)
def test_bad_options_of_the_head(options, message):
    with pytest.raises(ValueError, match=f"LinearHead: .*{message}"):
        LinearHead(**options)


def test_z_loss_needs_logits():
    with pytest.raises(ValueError, match="`z_loss` must be 0 unless from_logits=True"):
        keras_lossbox.SparseCategoricalCrossentropy(z_loss=1e-4)
