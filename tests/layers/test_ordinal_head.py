"""`OrdinalHead` and what turns its logits into probabilities. Oracle: the formulas in float64 numpy."""

import keras
import numpy as np
import pytest
from backends import BACKEND, value_and_gradient
from cases import LONG
from keras import ops
from scipy import optimize, special

import keras_lossbox
from keras_lossbox import OrdinalHead, ordinal_probabilities

numpy = ops.convert_to_numpy


def make(rng, classes=5, features=3, **options):
    head = OrdinalHead(classes, **options)
    head.build((None, features))
    head.set_weights([rng.normal(0, 2, weight.shape) for weight in head.get_weights()])
    return head


def by_hand(head, x):
    kernel, bias = (weight.astype("float64") for weight in head.get_weights())
    if head.ordered:
        bias = bias[0] - np.concatenate([[0], np.cumsum(np.logaddexp(0, bias[1:]))])
    return x.astype("float64") @ kernel + bias


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("shape", [(4, 3), (2, 5, 3)])
def test_is_the_formula(ordered, shape, rng):
    head, x = make(rng, ordered=ordered), rng.normal(size=shape).astype("float32")
    np.testing.assert_allclose(numpy(head(x)), by_hand(head, x), rtol=1e-5, atol=1e-5)
    assert tuple(head(keras.Input(shape[1:])).shape) == (None, *shape[1:-1], 4)


@pytest.mark.parametrize("classes", [2, 3, 8])
@pytest.mark.parametrize("ordered", [True, False])
def test_starts_with_the_same_probability_for_each_class(classes, ordered):
    head = OrdinalHead(classes, ordered, kernel_initializer="zeros")
    np.testing.assert_allclose(numpy(ordinal_probabilities(head(np.ones((2, 3))))), 1 / classes, rtol=1e-5)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16", "float16", "float64"])
def test_logits_decrease_in_every_precision(policy, rng):
    head, x = make(rng, 9, dtype=policy), rng.normal(0, 5, (50, 3)).astype("float16")
    z = head(x)
    assert keras.backend.standardize_dtype(z.dtype) == ("float64" if policy == "float64" else "float32")
    assert np.all(np.diff(numpy(z), axis=-1) < 0)
    np.testing.assert_allclose(numpy(z), by_hand(head, x), rtol=1e-5, atol=2e-5)
    output = head(keras.Input((3,), dtype="float16"))
    assert output.dtype == keras.backend.standardize_dtype(z.dtype)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="float64 is off in JAX, and partly rounded off on PyTorch")
@pytest.mark.parametrize("loss", ["coral", "cumulative_link"])
def test_gradient_is_the_derivative(loss, rng):
    """Of kernel and bias, through the loss, beside central differences in float64."""
    head, x, y = make(rng, dtype="float64"), rng.normal(size=(6, 3)), rng.integers(0, 5, 6)
    values, loss = [weight.astype("float64") for weight in head.get_weights()], keras_lossbox.get(loss, dtype="float64")
    for place, value in enumerate(values):

        def total(weight, place=place):
            weights = [*values[:place], weight, *values[place + 1 :]]
            weights = [ops.convert_to_tensor(weight, "float64") for weight in weights]
            return loss(y, head.stateless_call(weights, [], ops.convert_to_tensor(x, "float64"))[0])

        gradient = value_and_gradient(total, value)[1]
        for i in np.ndindex(value.shape):
            step = np.zeros(value.shape)
            step[i] = 1e-6
            central = (total(value + step) - total(value - step)) / 2e-6
            np.testing.assert_allclose(gradient[i], float(central), rtol=1e-5, atol=1e-8)


@pytest.mark.matrix
@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_is_saved_with_the_model_and_trains_on(policy, rng, tmp_path):
    keras.utils.set_random_seed(0)
    x, y = rng.normal(size=(32, 3)).astype("float32"), rng.integers(0, 4, 32)
    head = OrdinalHead(
        4, False, kernel_initializer="he_normal", kernel_regularizer=keras.regularizers.L2(0.1), dtype=policy, name="h"
    )
    model = keras.Sequential([keras.Input((3,)), head])
    model.compile("adam", keras_lossbox.Coral(importance_weights=[1.0, 2.0, 0.5]))
    model.fit(x, y, epochs=2, verbose=0)
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert again.layers[-1].get_config() == head.get_config()
    assert repr(again.loss) == repr(model.loss)
    for one, other in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert again.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
    logs = [m.fit(x, y, shuffle=False, verbose=0).history["loss"][0] for m in (again, model)]
    assert logs[0] == pytest.approx(logs[1], rel=1e-6)
    assert keras.models.clone_model(model).layers[-1].get_config() == head.get_config()


def test_a_mask_goes_through(rng):
    tokens = np.array([[1, 2, 0], [3, 0, 0]])
    inputs = keras.Input((3,), dtype="int32")
    embedded = keras.layers.Embedding(4, 2, mask_zero=True)(inputs)
    model = keras.Model(inputs, OrdinalHead(4)(embedded))
    model.compile("sgd", keras_lossbox.Coral())
    y = np.array([[0, 3, 1], [2, 1, 1]])
    expected = model.evaluate(tokens, y, verbose=0)
    y[tokens == 0] = 77  # no class
    assert model.evaluate(tokens, y, verbose=0) == pytest.approx(expected, rel=1e-6)


@LONG
def test_training_ends_where_the_likelihood_is_largest(rng):
    """The proportional odds model of 2000 samples of it; oracle: scipy's minimum of its likelihood, written out."""
    x = rng.normal(size=(2000, 2)).astype("float32")
    latent = x @ [1.5, -0.5] + rng.logistic(size=2000)
    y = np.sum(latent[:, None] > [-1.0, 0.0, 2.0], -1)

    def cost(parameters):
        cuts = np.concatenate([[-np.inf], np.sort(parameters[2:]), [np.inf]])
        below = special.expit(cuts - (x @ parameters[:2])[:, None])
        return -np.mean(np.log(np.take_along_axis(np.diff(below, axis=1), y[:, None], 1)))

    best = optimize.minimize(cost, [0, 0, -1, 0, 1], method="BFGS")
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), OrdinalHead(4)])
    model.compile(keras.optimizers.Adam(0.05), keras_lossbox.CumulativeLink())
    model.fit(np.tile(x, (300, 1)), np.tile(y, 300), batch_size=2000, shuffle=False, verbose=0)  # 300 steps
    assert model.evaluate(x, y, batch_size=2000, verbose=0) == pytest.approx(best.fun, rel=1e-4)
    logits = numpy(model(np.float32([[0, 0], [1, 0], [0, 1]])))
    np.testing.assert_allclose(logits[0], -best.x[2:], atol=0.01)
    np.testing.assert_allclose(logits[1:, 0] - logits[0, 0], best.x[:2], atol=0.01)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((1,), "`num_classes` must be an integer >= 2. Received: num_classes=1"),
        ((True,), "`num_classes` must be"),
        ((3.0,), "`num_classes` must be"),
        ((3, 1), "`ordered` must be True or False. Received: ordered=1"),
    ],
)
def test_what_cannot_be_is_an_error(arguments, message):
    with pytest.raises(ValueError, match=f"OrdinalHead: {message}"):
        OrdinalHead(*arguments)


# Probabilities


def differences(passed):
    return -np.diff(np.concatenate([np.ones_like(passed[..., :1]), passed, np.zeros_like(passed[..., :1])], -1))


@pytest.mark.parametrize("shape", [(3,), (4, 1), (2, 3, 4)])
def test_probabilities_are_differences_of_what_is_passed(shape, rng):
    z = -np.sort(-rng.normal(0, 3, shape).astype("float32"), -1)
    passed = special.expit(z.astype("float64"))
    np.testing.assert_allclose(numpy(ordinal_probabilities(z)), differences(passed), rtol=1e-4, atol=1e-7)
    chained = differences(np.cumprod(passed, -1))
    np.testing.assert_allclose(numpy(ordinal_probabilities(z, "conditional")), chained, rtol=1e-4, atol=1e-7)


def test_the_median_is_the_number_of_thresholds_passed(rng):
    """As the documentation says, and as coral_pytorch's proba_to_label does it: Σ_k 1[P(y > k) > 1/2]."""
    z = -np.sort(-rng.normal(0, 2, (200, 4)), -1)
    for kind, passed in (("cumulative", special.expit(z)), ("conditional", np.cumprod(special.expit(z), -1))):
        classes = np.sum(np.cumsum(numpy(ordinal_probabilities(z, kind)), -1) < 0.5, -1)
        np.testing.assert_array_equal(classes, np.sum(passed > 0.5, -1))


def test_both_tails_keep_their_digits():
    for sign in (1, -1):
        z = sign * np.float32([20.0, 19.0])[::sign]
        p = numpy(ordinal_probabilities(z[None]))[0]
        exact = special.expit(-19.0) - special.expit(-20.0)
        np.testing.assert_allclose(p[1], exact, rtol=1e-3)
        np.testing.assert_allclose(p[::sign][0], special.expit(-20.0), rtol=1e-3)


def test_logits_that_cross_give_a_negative_probability():
    p = numpy(ordinal_probabilities([[-1.0, 1.0]]))
    assert p[0, 1] < 0
    assert p.sum() == pytest.approx(1)
    assert np.all(numpy(ordinal_probabilities([[-1.0, 1.0]], "conditional")) > 0)


@pytest.mark.parametrize("kind", ["cumulative", "conditional"])
def test_a_model_may_give_probabilities(kind, rng, tmp_path):
    inputs = keras.Input((3,))
    model = keras.Model(inputs, ordinal_probabilities(keras.layers.Dense(3)(inputs), kind))
    model.save(tmp_path / "m.keras")
    x = rng.normal(size=(4, 3)).astype("float32")
    p = keras.saving.load_model(tmp_path / "m.keras").predict(x, verbose=0)
    np.testing.assert_allclose(p, numpy(ordinal_probabilities(model.layers[1](x), kind)), rtol=1e-5, atol=1e-7)
    assert p.shape == (4, 4)


def test_a_kind_that_there_is_not():
    with pytest.raises(ValueError, match="ordinal_probabilities: `kind` must be .* Received: kind='logit'"):
        ordinal_probabilities([[0.0]], "logit")
