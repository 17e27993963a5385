"""Every registered loss wherever TensorFlow can run it: what runs where, in which precision, must not change numbers.

The cells: every class, from logits and with options, under XLA with sample weights; of each family one loss without
them too, with a short last batch, in eager mode and graphs, in the other policies, and through `fit`; a few with fixed
batches; and of each kind of data one in the ways that Keras has to train. A sample of it runs by default, a share of
it in the long part; all of it: `pytest tests/long -m "" -n 2`. The summary at the end of a run counts the cells that
passed.

The oracle of the first part is the eager value in float64, whose gradient test_contract.py holds against central
differences; that of the second is plain eager SGD in a few lines here.
"""

import contextlib
import functools
import itertools

import keras
import numpy as np
import pytest
from backends import BACKEND
from cases import LAST_OF_CLASS, LONG, MAIN_CASES, is_last_of_family, is_typical

if BACKEND != "tensorflow":
    pytest.skip("graphs, XLA and policies of TensorFlow; the contract covers this backend", allow_module_level=True)

import tensorflow as tf

POLICIES = {  # of the layers: (dtype of y_pred, tolerance of the gradient, which has that dtype)
    "float32": ("float32", 1e-5),
    "mixed_float16": ("float16", 2e-3),
    "mixed_bfloat16": ("bfloat16", 1e-2),
    "float64": ("float64", 1e-10),
}
MAIN_CLASSES = list({case.cls: case for case in reversed(MAIN_CASES)}.values())[::-1]  # the defaults of each class
OF_FAMILIES = list({case.cls.__module__: case for case in reversed(MAIN_CLASSES)}.values())[::-1]  # of each the first
OF_KINDS = list({(type(case.declared), case.kind): case for case in reversed(OF_FAMILIES)}.values())[::-1]


def family_sample(cases, number):
    """One of `cases` for each family in turn: of the family of that number the first."""
    families = sorted({case.cls.__module__ for case in cases})
    family = families[number % len(families)]
    return next(case for case in cases if case.cls.__module__ == family)


def cells(cases, things, samples, one_in=1):
    """Every case with every one of `things`; marked `matrix`, but for as many samples, of each family in turn.

    `one_in`: of so many neighbours in the table all but one are `exhaustive`; each case and each of the things has its
    share of the rest.
    """
    sample = {(str(family_sample(cases, n)), things[n % len(things)]) for n in range(samples)}
    cells = []
    for (n, case), (m, thing) in itertools.product(enumerate(cases), enumerate(things)):
        in_sample, in_long_part = (str(case), thing) in sample, (n + m) % one_in == 0
        marks = [] if in_sample else [LONG] if in_long_part else [LONG, pytest.mark.exhaustive]
        cells.append(pytest.param(case, thing, id=f"{case}-{thing}", marks=marks))
    return cells


@contextlib.contextmanager
def global_policy(name):
    """Keras's dtype policy of all layers, as a user sets it."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def build(case, policy):
    """The loss; Keras gives losses no policy, so that float64 has to be asked for."""
    return case.build(dtype="float64" if policy == "float64" else None)


def assert_close(actual, expected, tolerance):
    """Equal to `tolerance` of the larger of a number and the largest number of its array."""
    expected = np.asarray(expected, "float64")
    scale = np.max(np.abs(expected), initial=1e-3)
    assert np.all(np.isfinite(expected))
    np.testing.assert_allclose(np.asarray(actual, "float64"), expected, rtol=tolerance, atol=tolerance * scale)


# Values and gradients


MODES = [("eager", None), ("graph", "fixed"), ("graph", "unknown"), ("xla", "fixed"), ("xla", "unknown")]
MODES_OF_FAMILIES = [("eager", None), ("graph", "unknown"), ("xla", "unknown")]
MODES_OF_ALL = [("xla", "unknown")]


def values_and_gradients(loss, y_true, y_pred, weights, unweighted=True):
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(y_pred)
        results = [loss(y_true, y_pred, weights), *([loss(y_true, y_pred)] if unweighted else ())]
    gradients = [tape.gradient(value, y_pred, unconnected_gradients="zero") for value in results]
    return results, gradients


def runner(loss, mode, size, batch, unweighted):
    """`values_and_gradients` as it runs in this mode; for an unknown size one function for all batches."""
    run = functools.partial(values_and_gradients, loss, unweighted=unweighted)
    if mode == "eager":
        return run
    signature = [
        tf.TensorSpec([None if size == "unknown" else x.shape[0], *x.shape[1:]], x.dtype, name=name)
        for x, name in zip(batch, ("y_true", "y_pred", "weights"), strict=True)
    ]
    return tf.function(run, input_signature=signature, jit_compile=mode == "xla", autograph=False)


def batches(case, rng, dtype):
    """A full batch and a short last one: labels, predictions of this dtype and weights."""
    y_true, y_pred = case.data(rng, (6, 2))
    if case.takes_probabilities:
        y_pred = 0.05 + 0.9 * y_pred  # else half precision rounds some to 0 and 1, where the logarithm is clipped
    real = "float64" if dtype == "float64" else "float32"
    y_true = tf.constant(y_true if y_true.dtype.kind == "i" else y_true.astype("float32").astype(real))
    y_pred = tf.cast(tf.constant(y_pred), dtype)
    weights = tf.constant([1.0, 0.5, 0.0, 2.0, 1.0, 0.25], real)
    return [[x[part] for x in (y_true, y_pred, weights)] for part in (slice(0, 4), slice(4, 6))]


def to_float64(x):
    return x if x.dtype.is_integer else tf.cast(x, "float64")


@pytest.mark.one_in(1, long=5)
@pytest.mark.parametrize(
    "case, policy",  # the policy does not depend on further options, nor they on it
    cells([*LAST_OF_CLASS.values()], ["float32"], 0) + cells(OF_FAMILIES[::2], list(POLICIES)[1:], 1),
)
def test_value_and_gradient_everywhere(case, policy, rng, record_property):
    dtype, tolerance = POLICIES[policy]
    of_family = is_last_of_family(case)
    data = batches(case, rng, dtype)[: 2 if of_family else 1]
    oracle = case.build(dtype="float64")
    expected = [values_and_gradients(oracle, *map(to_float64, batch), unweighted=of_family) for batch in data]
    with global_policy(policy):
        loss = build(case, policy)
        modes = MODES if is_typical(case) else MODES_OF_FAMILIES if of_family else MODES_OF_ALL
        for mode, size in modes:
            run = None
            for batch, (values, gradients) in zip(data, expected, strict=True):
                if run is None or size == "fixed":
                    run = runner(loss, mode, size, batch, of_family)
                actual, its_gradients = run(*batch)
                for value, right in zip(actual, values, strict=True):
                    assert value.dtype == ("float64" if policy == "float64" else "float32")
                    assert_close(value, right, 1e-12 if policy == "float64" else 1e-5)
                for gradient, right in zip(its_gradients, gradients, strict=True):
                    assert gradient.dtype == dtype
                    assert_close(gradient, right, tolerance)
                record_property("cell", case.name)


# Training


BATCH, SAMPLES = 4, 12


def network(case, features, of=keras.Model):
    """A model of one layer, with the same weights every time."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input(features)
    return of(inputs, case.layer()(inputs))


def training_data(case):
    rng = np.random.default_rng(5)
    y_true, y_pred = case.data(rng, (SAMPLES, 2))
    return rng.normal(size=(*y_pred.shape[:-1], 4)).astype("float32"), y_true


def loss_and_gradients(model, loss, x, y):
    with tf.GradientTape() as tape:
        value = loss(y, model(x, training=True))
    return value, tape.gradient(value, model.trainable_variables)


PARTS = [slice(start, start + BATCH) for start in range(0, SAMPLES, BATCH)]


def sgd(case, **options):
    """SGD of a learning rate at which no first step moves a weight by more than 0.1; losses may be as steep as 1e4."""
    x, y = training_data(case)
    model, loss = network(case, x.shape[1:]), case.build()
    gradients = [loss_and_gradients(model, loss, x[part], y[part])[1] for part in PARTS]
    steepest = max(float(tf.reduce_max(tf.abs(one))) for of_batch in gradients for one in of_batch)
    return keras.optimizers.SGD(0.1 / max(1.0, steepest), **options)


def by_hand(case, accumulate=False):
    """The weights after two epochs of SGD, or after one step with the mean of the gradients of all batches."""
    x, y = training_data(case)
    model, loss, rate = network(case, x.shape[1:]), case.build(), sgd(case).learning_rate
    if accumulate:
        gradients = [loss_and_gradients(model, loss, x[part], y[part])[1] for part in PARTS]
        steps = [[sum(of_one) / len(PARTS) for of_one in zip(*gradients, strict=True)]]
    else:
        steps = (loss_and_gradients(model, loss, x[part], y[part])[1] for part in PARTS * 2)
    before = model.get_weights()
    for step in steps:
        for variable, gradient in zip(model.trainable_variables, step, strict=True):
            variable.assign_sub(rate * gradient)
    assert any(np.max(np.abs(old - new)) > 1e-3 for old, new in zip(before, model.get_weights(), strict=True))
    return model.get_weights()


class WithTrainStep(keras.Model):
    """Keras's way to a training step of one's own."""

    def train_step(self, data):
        x, y = data
        value, gradients = loss_and_gradients(self, self.objective, x, y)
        self.optimizer.apply(gradients, self.trainable_variables)
        return {"loss": value}


class Objective(keras.layers.Layer):
    """A loss as part of the model, for labels that are an input."""

    def __init__(self, loss):
        super().__init__(dtype=keras.config.floatx())
        self.loss = loss

    def call(self, y_true, y_pred):
        self.add_loss(self.loss(y_true, y_pred))
        return y_pred


def fit(model, x, y, optimizer, loss=None, epochs=2, **options):
    model.compile(optimizer, loss=loss, **options)
    model.fit(x, y, batch_size=BATCH, epochs=epochs, shuffle=False, verbose=0)
    return model.get_weights()


def with_add_loss(case, x, y):
    model = network(case, x.shape[1:])
    labels = keras.Input(y.shape[1:], dtype=y.dtype.name)
    whole = keras.Model([*model.inputs, labels], Objective(case.build())(labels, model.output))
    return fit(whole, [x, y], None, sgd(case))


def with_train_step(case, x, y):
    model = network(case, x.shape[1:], WithTrainStep)
    model.objective = case.build()
    return fit(model, x, y, sgd(case))


def plain(**options):
    return lambda case, x, y: fit(network(case, x.shape[1:]), x, y, sgd(case), case.build(), **options)


def accumulated(case, x, y):
    optimizer = sgd(case, gradient_accumulation_steps=SAMPLES // BATCH)
    return fit(network(case, x.shape[1:]), x, y, optimizer, case.build(), epochs=1)


WAYS = {
    "graph": plain(),
    "eager": plain(run_eagerly=True),
    "xla": plain(jit_compile=True),
    "steps_per_execution": plain(steps_per_execution=3),
    "gradient_accumulation": accumulated,
    "add_loss": with_add_loss,
    "train_step": with_train_step,
}


@pytest.mark.parametrize("case, way", cells(OF_KINDS, list(WAYS), 1, one_in=4))
def test_every_way_to_train_ends_with_the_same_weights(case, way, record_property):
    weights = WAYS[way](case, *training_data(case))
    for actual, expected in zip(weights, by_hand(case, way == "gradient_accumulation"), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)
    record_property("cell", case.name)


@pytest.mark.one_in(1, long=3)
@pytest.mark.parametrize(
    "case, policy",
    cells(OF_FAMILIES, ["float32"], 1) + cells(OF_KINDS, list(POLICIES)[1:], 0, one_in=3),
)
def test_training_decreases_the_loss(case, policy, record_property):
    x, y = training_data(case)
    with global_policy(policy):
        model = network(case, x.shape[1:])
        model.compile(keras.optimizers.Adam(0.05), loss=build(case, policy))
        assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer) == (policy == "mixed_float16")
        losses = model.fit(x, y, epochs=25, batch_size=SAMPLES, verbose=0).history["loss"]
    assert np.all(np.isfinite(losses))
    assert losses[-1] < losses[0] - 0.02 * abs(losses[0])
    assert all(np.all(np.isfinite(w)) for w in model.get_weights())
    record_property("cell", case.name)


@pytest.mark.parametrize("case, container", cells(OF_KINDS, ["list", "dict"], 1, one_in=2))
def test_several_outputs(case, container, record_property):
    x, y = training_data(case)
    one, two = network(case, x.shape[1:]), network(case, x.shape[1:])
    outputs = {"a": one.output, "b": two(one.inputs[0] * 2)}
    labels, losses = {"a": y, "b": y[::-1].copy()}, {"a": case.build(), "b": case.build(reduction="sum")}
    if container == "list":
        outputs, labels, losses = (list(of.values()) for of in (outputs, labels, losses))
    model = keras.Model(one.inputs, outputs)
    model.compile("sgd", loss=losses)
    predictions = model.predict(x, batch_size=SAMPLES, verbose=0)
    keys = labels if container == "dict" else range(2)
    expected = sum(float(losses[key](labels[key], predictions[key])) for key in keys)
    history = model.fit(x, labels, batch_size=SAMPLES, epochs=2, shuffle=False, verbose=0).history["loss"]
    np.testing.assert_allclose(history[0], expected, rtol=1e-5)
    assert history[1] != history[0]
    record_property("cell", case.name)


@pytest.mark.parametrize("case, mask_by", cells(OF_KINDS, ["embedding", "masking"], 1, one_in=2))
def test_labels_of_padded_steps_do_not_matter(case, mask_by, rng, record_property):
    tokens = np.array([[1, 2, 3, 4, 0], [4, 5, 6, 0, 0], [1, 6, 2, 3, 5]])
    y, y_pred = case.data(rng, tokens.shape)
    if y.shape[: tokens.ndim] != tokens.shape or y_pred.shape[:-1] != tokens.shape:
        pytest.skip("not a loss of steps with an output each")
    poisoned = y.copy()
    poisoned[tokens == 0] = np.nan if y.dtype.kind == "f" else 77  # 77 is no class
    keras.utils.set_random_seed(0)
    if mask_by == "embedding":
        x, inputs = tokens, keras.Input((5,), dtype="int32")
        hidden = keras.layers.Embedding(7, 4, mask_zero=True)(inputs)
    else:
        x, inputs = np.stack([tokens, tokens], -1).astype("float32"), keras.Input((5, 2))
        hidden = keras.layers.Masking(0.0)(inputs)
    hidden = keras.layers.Dense(3, activation="tanh")(hidden)  # (an LSTM of Keras 3.16 drops the mask)
    model = keras.Model(inputs, case.layer()(hidden))
    model.compile(keras.optimizers.SGD(0.1), loss=case.build())
    start, after = model.get_weights(), []
    for labels in (y, poisoned):
        model.set_weights(start)
        model.fit(x, labels, epochs=2, verbose=0)
        after.append(model.get_weights())
    for right, of_poisoned in zip(*after, strict=True):
        assert np.all(np.isfinite(of_poisoned))
        np.testing.assert_allclose(of_poisoned, right, rtol=1e-5, atol=1e-7)
    assert any(np.any(old != new) for old, new in zip(start, after[0], strict=True))
    record_property("cell", case.name)
