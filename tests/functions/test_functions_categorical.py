"""Losses over classes where there are many logits.

The oracle is the formula with `tf.nn.log_softmax` in float64, and its automatic gradient.
"""

import numpy as np
import pytest
from backends import BACKEND
from cases import by_default

import keras_lossbox

if BACKEND != "tensorflow":
    pytest.skip("the path is TensorFlow's alone", allow_module_level=True)

import tensorflow as tf

ROWS, CLASSES = 96, 1000
LOGITS = {"from_logits": True, "reduction": "none"}
WEIGHTS = np.linspace(0.5, 2, CLASSES)


def smoothed(y, epsilon):
    return y * (1 - epsilon) + epsilon / CLASSES


def crossentropy(y, log_p):
    return -tf.reduce_sum(y * log_p, -1)


def focal(y, log_p, gamma):
    return -tf.reduce_sum(y * (1 - tf.exp(log_p)) ** gamma * log_p, -1)


def plain(y, log_p, z):
    return crossentropy(y, log_p)


# Loss -> its formula for y one-hot (or soft), log p and the logits.
SPARSE = {
    keras_lossbox.SparseCategoricalCrossentropy(**LOGITS): plain,
    keras_lossbox.SparseCategoricalCrossentropy(**LOGITS, label_smoothing=0.1): (
        lambda y, log_p, z: crossentropy(smoothed(y, 0.1), log_p)
    ),
    keras_lossbox.SparseCategoricalCrossentropy(**LOGITS, label_smoothing=0.1, class_weight=WEIGHTS.tolist()): (
        lambda y, log_p, z: crossentropy(WEIGHTS * smoothed(y, 0.1), log_p)
    ),
    keras_lossbox.SparseCategoricalCrossentropy(**LOGITS, class_weight=WEIGHTS.tolist()): (
        lambda y, log_p, z: crossentropy(WEIGHTS * y, log_p)
    ),
    keras_lossbox.SparseCategoricalCrossentropy(**LOGITS, z_loss=0.01): (
        lambda y, log_p, z: crossentropy(y, log_p) + 0.01 * tf.reduce_logsumexp(z, -1) ** 2
    ),
    keras_lossbox.SparseCategoricalFocalCrossentropy(alpha=1.0, **LOGITS): lambda y, log_p, z: focal(y, log_p, 2),
}
DENSE = {
    keras_lossbox.CategoricalCrossentropy(**LOGITS): plain,
    keras_lossbox.CategoricalCrossentropy(**LOGITS, label_smoothing=0.1, class_weight=WEIGHTS.tolist()): (
        lambda y, log_p, z: crossentropy(WEIGHTS * smoothed(y, 0.1), log_p)
    ),
    keras_lossbox.CategoricalFocalCrossentropy(alpha=1.0, **LOGITS): lambda y, log_p, z: focal(y, log_p, 2),
    keras_lossbox.Poly1Crossentropy(**LOGITS, epsilon=2.0): (
        lambda y, log_p, z: crossentropy(y, log_p) + 2 * tf.reduce_sum(y * (1 - tf.exp(log_p)), -1)
    ),
}
LOSSES = SPARSE | DENSE
FIRST = next(iter(SPARSE)), next(iter(DENSE))  # those that are compiled by default
MODES = ["eager", "graph", "xla"]


def every(losses, modes=MODES):
    """Parameters: the losses in all modes; by default all of them eagerly, and the first of each kind under XLA."""
    return [
        pytest.param(
            loss,
            mode,
            id=f"{type(loss).__name__}{number}-{mode}",
            marks=[] if mode == "eager" or (mode == "xla" and loss in FIRST) else pytest.mark.matrix,
        )
        for number, loss in enumerate(losses)
        for mode in modes
    ]


@pytest.fixture(name="logits")
def fixture_logits(rng):
    z = rng.normal(0, 3, (ROWS, CLASSES))
    z[0, 7] = 80.0  # a sure prediction
    z[1] += 1000  # an offset, which a softmax does not see
    z[2] = 0.0
    z[3, 5] = -1e4
    return z.astype("float32")


@pytest.fixture(name="labels")
def fixture_labels(rng):
    labels = rng.integers(0, CLASSES, ROWS)
    labels[0] = 8  # and a wrong one
    return labels


def value_and_gradient(loss, y, z):
    with tf.GradientTape() as tape:
        tape.watch(z)
        value = loss(y, z)
    return value, tape.gradient(value, z)


def in_mode(function, mode, signature=None):
    return function if mode == "eager" else tf.function(function, signature, jit_compile=mode == "xla", autograph=False)


def expected(formula, y, z):
    """Value and gradient of the formula in float64."""
    if y.ndim < z.ndim:
        y = np.eye(CLASSES)[y]
    z64 = tf.constant(z, "float64")
    return value_and_gradient(lambda y, z: formula(y, tf.nn.log_softmax(z), z), tf.constant(y, "float64"), z64)


def compare(found, wanted):
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=3e-6, atol=2e-7)


def soft(labels, rng):
    """Rows with some mass beside the label, of sums from 0.5 to 1.5, and one of sum 0."""
    y = np.eye(CLASSES)[labels] + rng.random((ROWS, CLASSES)) / CLASSES
    y *= rng.uniform(0.5, 1.5, (ROWS, 1)) / y.sum(-1, keepdims=True)
    y[5] = 0
    return y.astype("float32")


@pytest.mark.parametrize("loss, mode", every(LOSSES))
def test_value_and_gradient(loss, mode, logits, labels, rng):
    y = labels if loss in SPARSE else soft(labels, rng)
    run = in_mode(lambda y, z: value_and_gradient(loss, y, z), mode)
    compare(run(tf.constant(y), tf.constant(logits)), expected(LOSSES[loss], y, logits))


@pytest.mark.parametrize("loss", by_default(lambda loss: loss in FIRST, LOSSES), ids=lambda loss: type(loss).__name__)
def test_unknown_batch_and_more_axes(loss, logits, labels, rng):
    y = labels if loss in SPARSE else soft(labels, rng)
    signature = [tf.TensorSpec((None, None, *y.shape[1:]), y.dtype), tf.TensorSpec((None, None, CLASSES))]
    run = in_mode(lambda y, z: value_and_gradient(loss, y, z), "graph", signature)
    value, gradient = run(y.reshape(4, -1, *y.shape[1:]), logits.reshape(4, -1, CLASSES))
    found = tf.reshape(value, [-1]), tf.reshape(gradient, logits.shape)
    compare(found, expected(LOSSES[loss], y, logits))


@pytest.mark.parametrize("loss", DENSE, ids=lambda loss: type(loss).__name__)
def test_gradient_of_soft_labels(loss, logits, labels, rng):
    y, wanted = soft(labels, rng), LOSSES[loss]
    _, found = value_and_gradient(lambda z, y: loss(y, z), tf.constant(logits), tf.constant(y))
    z64 = tf.constant(logits, "float64")
    of_formula = lambda z, y: wanted(y, tf.nn.log_softmax(z), z)  # noqa: E731
    compare([found], value_and_gradient(of_formula, z64, tf.constant(y, "float64"))[1:])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("loss, mode", every(LOSSES))
def test_what_is_no_number_is_seen(loss, bad, mode, logits, labels, rng):
    """Wherever in a row it stands, and in that row alone."""
    y = labels if loss in SPARSE else soft(labels, rng)
    for row, column in [(10, 0), (11, labels[11]), (12, CLASSES - 1)]:
        logits[row, column] = bad
    run = in_mode(lambda y, z: value_and_gradient(loss, y, z), mode)
    value, gradient = run(tf.constant(y), tf.constant(logits))
    wrong = np.isin(np.arange(ROWS), [10, 11, 12])
    np.testing.assert_array_equal(~np.isfinite(value), wrong)
    np.testing.assert_array_equal(~np.isfinite(gradient).all(-1), wrong)


@pytest.mark.parametrize("mode", ["eager", "graph", "xla"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_classes_that_are_impossible(smoothing, mode, logits, labels):
    """A logit of -inf is a probability of 0: it costs nothing where no label is, and infinitely much where one is."""
    loss = keras_lossbox.SparseCategoricalCrossentropy(**LOGITS, label_smoothing=smoothing)
    logits[20, (labels[20] + 1) % CLASSES] = logits[21, labels[21]] = -np.inf
    found = in_mode(loss, mode)(tf.constant(labels), tf.constant(logits)).numpy()
    assert found[21] == np.inf
    wanted = np.inf if smoothing else expected(plain, labels[20:21], logits[20:21].clip(-1e9))[0][0]
    np.testing.assert_allclose(found[20], wanted, rtol=1e-6)


@pytest.mark.parametrize("loss, mode", every(SPARSE, ["xla"]))
def test_a_label_that_is_no_class(loss, mode, logits, labels):
    labels[30], labels[31] = CLASSES, -1
    found = in_mode(loss, mode)(tf.constant(labels), tf.constant(logits))
    np.testing.assert_array_equal(np.isnan(found), np.isin(np.arange(ROWS), [30, 31]))


def test_another_axis(logits, labels, rng):
    loss = keras_lossbox.CategoricalCrossentropy(**LOGITS, axis=1)
    y = soft(labels, rng)
    moved = [np.moveaxis(x.reshape(8, -1, CLASSES), -1, 1) for x in (y, logits)]
    value, gradient = value_and_gradient(loss, *map(tf.constant, moved))
    found = tf.reshape(value, [-1]), np.moveaxis(gradient, 1, -1).reshape(logits.shape)
    compare(found, expected(plain, y, logits))


@pytest.mark.one_in(4)
@pytest.mark.parametrize("loss, mode", every(LOSSES))
def test_gradient_penalty(loss, mode, logits, labels, rng):
    """The second derivative, in one direction, against the difference of the formula's float64 gradients."""
    formula = LOSSES[loss]
    loss = type(loss).from_config(loss.get_config() | {"dtype": "float64", "reduction": "sum"})
    y = labels if "Sparse" in type(loss).__name__ else soft(labels, rng)
    z, direction = logits.astype("float64"), rng.normal(size=logits.shape)

    def along(y, z):
        with tf.GradientTape() as tape:
            tape.watch(z)
            slope = tf.reduce_sum(value_and_gradient(loss, y, z)[1] * direction)
        return tape.gradient(slope, z)

    step = 1e-6
    up, down = (expected(formula, y, z + s * direction)[1] for s in (step, -step))
    found = in_mode(along, mode)(tf.constant(y), tf.constant(z))
    np.testing.assert_allclose(found, (up - down) / (2 * step), rtol=1e-4, atol=1e-7)
