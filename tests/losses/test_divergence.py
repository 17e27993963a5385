"""The losses between distributions: golden values, probabilities of 0, logits of -inf, identities."""

import golden
import keras
import numpy as np
import oracle_divergence
import pytest
from backends import BACKEND, MODES, value_and_gradient
from golden import BOTH, CLASSES, DEEP, PRECISE, ROWS, TOLERANCE, assert_close, grid, on_tensorflow
from hypothesis import given, settings
from hypothesis import strategies as st
from identities import (
    PLACES,
    assert_same,
    check_a_weight_of_two_is_the_row_twice,
    classes,
    evaluate,
    few,
    identity,
    log_uniform,
)
from scipy import special, stats

import keras_lossbox as box

if BACKEND == "tensorflow":
    import tensorflow as tf

numpy = keras.ops.convert_to_numpy

# ---------------------------------------------------------------- 1. oracle: formulas in numpy and scipy

NUMPY_CASES = [
    *grid("kl_divergence", CLASSES, "rows", from_logits=BOTH),
    *grid("kl_divergence", ROWS, "rows", from_logits=BOTH, true_from_logits=[True]),
    *grid("kl_divergence", ROWS, "rows", from_logits=[True], true_from_logits=BOTH, temperature=[0.5, 4.0]),
    *grid("distillation", DEEP, "real", temperature=[1.0, 3.0]),
    *grid("distillation", CLASSES[:2], "real"),
    *grid("sparsemax", CLASSES, "rows indices column"),
]

NUMPY = golden.by_kind(NUMPY_CASES)


@pytest.mark.parametrize("group, dtype, size", golden.of_numpy(NUMPY))
def test_numpy(group, dtype, size):
    golden.check_numpy(oracle_divergence, NUMPY[group], dtype, size)


def test_every_oracle_is_asked():
    golden.check_every_oracle_is_asked(oracle_divergence, NUMPY_CASES)


EDGES = [
    *(("kl_divergence", {}, y, p) for y in ([1, 0, 0], [0.5, 0, 0.5], [0, 0, 0]) for p in [(0, 0, 1), (0.5, 0.5, 0)]),
    *(("kl_divergence", {"from_logits": True}, y, (1e4, -1e4, 0)) for y in ([1, 0, 0], [0, 0.5, 0.5], [0, 0, 0])),
    *(("distillation", {}, t, (1e3, -5, 0)) for t in [(-1e3, 40, 0), (7, 7, -7)]),
    *(
        ("sparsemax", {}, y, z)
        for y in ([1, 0, 0], [0, 0, 1])
        for z in [(1, 0, 0), (3, 1, -1e3), (0, 0, 0), (-5, 0, 0.5)]
    ),
]


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_edges(dtype):
    golden.check_edges(oracle_divergence, EDGES, dtype)


# ---------------------------------------------------------------- 2. oracle: Keras, scipy, and TensorFlow's gradient


def test_kerass_divergence(rng):
    """Where Keras is right: labels and probabilities above its clip of 1e-7."""
    y, p = (rng.dirichlet(np.ones(4), (5, 2)).astype(PRECISE) for _ in range(2))
    ours, theirs = (module.KLDivergence(dtype=PRECISE) for module in (box, keras.losses))
    for one, other in zip(*(value_and_gradient(lambda x: loss(y, x), p) for loss in (ours, theirs)), strict=True):  # noqa: B023
        assert_close(one, other, TOLERANCE[PRECISE])


def test_kerass_distillation(rng):
    """Which clips probabilities, so not of far logits."""
    distillation = pytest.importorskip("keras.distillation", reason="this Keras has no distillation")
    teacher, student = rng.normal(size=(2, 6, 4)).astype("float32")
    keras_own = distillation.LogitsDistillation(temperature=2.0, loss=keras.losses.KLDivergence())
    expected = numpy(keras_own.compute_loss(*map(keras.ops.convert_to_tensor, (teacher, student))))
    np.testing.assert_allclose(numpy(box.Distillation(2.0)(teacher, student)), expected, rtol=1e-5)


def test_the_divergence_is_scipys(rng):
    """Oracle: scipy.stats.entropy, of rows that sum to 1."""
    y, p = rng.dirichlet(np.ones(5), 6), rng.dirichlet(np.ones(5), 6)
    y[:3, 0], y[0, 1] = 0, 0
    y = y / y.sum(-1, keepdims=True)
    values = numpy(box.KLDivergence(reduction="none", dtype=PRECISE)(y, p))
    np.testing.assert_allclose(values, stats.entropy(y, p, axis=-1), rtol=10 * TOLERANCE[PRECISE])


# ---------------------------------------------------------------- 3. oracle: numbers recorded from PyTorch


def torch_formulas():
    import torch
    from torch.nn import functional

    def kl_of_p(x, s):
        return functional.kl_div(torch.log(x), s, reduction="none").sum(-1)

    def kl(x, s, t):
        return t**2 * functional.kl_div(torch.log_softmax(x / t, -1), s, reduction="none").sum(-1)

    def distillation(x, y, t):
        log_p, log_y = (torch.log_softmax(logits / t, -1) for logits in (x, y))
        return t**2 * functional.kl_div(log_p, log_y, reduction="none", log_target=True).sum(-1)

    return {f.__name__: f for f in (kl_of_p, kl, distillation)}


# fmt: off
PYTORCH_FORMULAS = [  # the recipe is in golden.py
    (
        "kl_of_p", "p, s", (),
        "kl_divergence",
        {},
        [-0.313190742123842, 0.2876820724517809, -0.0005853684880477161, 1.3274028432916989],
        [[-1.0, -1.0, -0.2857142857142857], [-0.0, -1.3333333333333333, -0.0], [-1.0, -0.3333333333333333, -1.2],
         [-0.0, -16.0, -0.8888888888888888]],
    ),
    (
        "kl", "z, s", (1.0,),
        "kl_divergence",
        {"from_logits": True},
        [0.1247310929628839, 2.356283543940978, 0.3488257577788565, 3.5931223845648335],
        [[0.20331397602177392, -0.15481680385082502, -0.048497172170949066],
         [0.006058557497568725, -0.9052282153163441, 0.8991696578187754],
         [0.26413743378630633, 0.14244998621756016, -0.4065874200038666],
         [0.9643802951468596, -0.49350205668433805, -0.4708782384625216]],
    ),
    (
        "kl", "z, s", (2.5,),
        "kl_divergence",
        {"from_logits": True, "temperature": 2.5},
        [0.03733311296698835, 8.331366424752016, 2.215636078347733, 8.314596989919382],
        [[-0.03396366608788351, -0.07859965375436484, 0.11256331984224807],
         [0.21942870708893766, -1.8407997334849195, 1.6213710263959822],
         [0.5765667335542133, 0.45272682914428275, -1.0292935626984963],
         [1.8090611931987073, -1.0051701910260884, -0.8038910021726189]],
    ),
    (
        "distillation", "z, y", (3.0,),
        "distillation",
        {},
        [0.08556979144617513, 1.223878527679951, 0.07942750725622588, 2.501933802596734],
        [[0.14778343411251474, -0.174568073849679, 0.026784639737164162],
         [-0.4502147753003663, -0.2513133245444408, 0.7015280998448071],
         [0.11940197777572482, 0.07021579529399764, -0.1896177730697223],
         [1.08611527282952, -0.5358320266302339, -0.5502832461992871]],
    ),
]
# fmt: on


def test_pytorch_formulas():
    golden.check_torch_formulas(PYTORCH_FORMULAS)


def test_recipe_of_the_formulas():
    pytest.importorskip("torch", reason="the recipe needs PyTorch")
    golden.check_recipe_of_torch_formulas(torch_formulas(), PYTORCH_FORMULAS)


# ---------------------------------------------------------------- extremes

RULED_OUT = np.array([[0.5, -np.inf, 0.25]], "float32")  # as models mask what cannot be


@pytest.mark.parametrize("mode", MODES)
def test_logits_of_minus_infinity(mode):
    """Oracle: the same without that class."""
    rest = RULED_OUT[:, [0, 2]]
    for loss, y in (
        (box.KLDivergence(from_logits=True), [[0.25, 0.0, 0.75]]),
        (box.KLDivergence(from_logits=True, true_from_logits=True, temperature=2.0), [[1.0, -np.inf, 0.5]]),
        (box.Distillation(), [[1.0, -np.inf, 0.5]]),
        (box.Sparsemax(), [[1.0, 0.0, 0.0]]),
    ):
        value, gradient = value_and_gradient(lambda z: loss(y, z), RULED_OUT, mode)  # noqa: B023
        expected, its_gradient = value_and_gradient(lambda z: loss(np.array(y)[:, [0, 2]], z), rest)  # noqa: B023
        np.testing.assert_allclose(value, expected, rtol=1e-5)
        np.testing.assert_allclose(gradient[:, [0, 2]], its_gradient, rtol=1e-5)
        assert gradient[0, 1] == 0


def test_a_class_that_is_ruled_out_and_true_costs_infinity():
    for loss, y in ((box.KLDivergence(from_logits=True), [[0.0, 1.0, 0.0]]), (box.Sparsemax(), [1])):
        assert numpy(loss(y, RULED_OUT)) == np.inf


def test_the_probabilities_of_a_softmax_at_its_end_still_teach():
    """Keras's gradient is 0 at a probability below 1e-7."""
    value, gradient = value_and_gradient(
        lambda p: box.KLDivergence()([[1.0, 0.0]], p), np.array([[0.0, 1.0]], "float32")
    )
    np.testing.assert_allclose(value, -np.log(1e-7), rtol=1e-6)
    np.testing.assert_allclose(gradient, [[-1e7, 0]], rtol=1e-6)


def test_far_logits_of_sparsemax(rng):
    """Oracle: float64. An offset that all logits have in common costs no digits."""
    z = (1e4 + np.round(rng.normal(size=(5, 4)), 3)).astype("float32")
    labels = np.array([0, 1, 2, 3, 0])
    expected = oracle_divergence.sparsemax(labels, z.astype("float64") - 1e4)
    value, gradient = value_and_gradient(lambda x: box.Sparsemax()(labels, x), z)
    np.testing.assert_allclose(value, expected.mean, rtol=1e-6)
    np.testing.assert_allclose(gradient, expected.gradient, rtol=1e-6, atol=1e-7)


@on_tensorflow
def test_sparsemax_of_a_model_has_the_gradient_of_its_logits():
    """A softmax before it is left out, with a warning."""
    z = tf.constant([[0.5, -1.0, 0.25]])
    with pytest.warns(UserWarning, match="Sparsemax: from_logits=True, but y_pred comes out of a softmax"):
        value = box.Sparsemax()([1], keras.layers.Softmax()(z))
    assert value == box.Sparsemax()([1], z)


@on_tensorflow
def test_nothing_flows_to_the_teacher():
    teacher, student = tf.constant([[1.0, 2.0]]), tf.constant([[0.5, -1.0]])
    preset = box.KLDivergence(from_logits=True, true_from_logits=True, temperature=3.0)
    for loss, flows in ((box.Distillation(), False), (preset, True)):
        with tf.GradientTape() as tape:
            tape.watch([teacher, student])
            value = loss(teacher, student)
        assert [gradient is not None for gradient in tape.gradient(value, [teacher, student])] == [flows, True]


def test_what_cannot_be():
    with pytest.raises(
        ValueError, match="KLDivergence: `temperature` must be 1 unless from_logits=True.*temperature=2.0"
    ):
        box.KLDivergence(temperature=2.0)
    with pytest.raises(ValueError, match="Sparsemax: `from_logits` must be True.*Received: from_logits=False"):
        box.Sparsemax(from_logits=False)


# ---------------------------------------------------------------- identities, both sides this package's

TEMPERATURES = log_uniform(0.2, 20)


@identity(classes(), TEMPERATURES)
def test_distillation_is_the_divergence_of_logits(data, temperature):
    _, teacher, z, axis = data
    options = {"from_logits": True, "true_from_logits": True, "temperature": temperature, "axis": axis}
    assert_same(
        evaluate("distillation", teacher, z, temperature=temperature, axis=axis),
        evaluate("kl_divergence", teacher, z, **options),
    )


@identity(classes(), TEMPERATURES)
def test_a_temperature_divides_both_logits(data, temperature):
    _, teacher, z, axis = data
    values, slope = evaluate("distillation", teacher / temperature, z / temperature, temperature=1.0, axis=axis)
    scaled_values = evaluate("distillation", teacher, z, temperature=temperature, axis=axis)
    assert_same(scaled_values, (temperature**2 * values, temperature * slope))


@identity(classes(), st.booleans())
def test_the_divergence_is_the_crossentropy_less_the_entropy(data, from_logits):
    _, one_hot, z, axis = data
    y = 0.75 * one_hot + 0.25 / one_hot.shape[axis]
    x = z if from_logits else special.softmax(z, axis)
    options = {"from_logits": from_logits, "axis": axis}
    values, slope = evaluate("categorical_crossentropy", y, x, **options)
    if not from_logits:  # which divides by the sum of the row
        slope = slope - np.sum(y, axis, keepdims=True)
    entropy = np.sum(special.entr(y), axis)
    assert_same(evaluate("kl_divergence", y, x, **options), (values - entropy, slope))


@identity(classes())
def test_probabilities_are_their_logits(data):
    _, teacher, z, axis = data
    y = special.softmax(teacher, axis)
    for options in ({}, {"temperature": 2.0}):
        options |= {"from_logits": True, "axis": axis}
        t = options.get("temperature", 1)
        assert_same(
            evaluate("kl_divergence", special.softmax(teacher / t, axis), z, **options),
            evaluate("kl_divergence", teacher, z, true_from_logits=True, **options),
        )
    values, slope = evaluate("kl_divergence", y, special.softmax(z, axis), axis=axis)
    p = special.softmax(z, axis)
    of_logits = p * (slope - np.sum(p * slope, axis, keepdims=True))
    assert_same(evaluate("kl_divergence", y, z, from_logits=True, axis=axis), (values, of_logits))


@identity(classes())
def test_the_gradient_of_sparsemax_is_p_minus_y(data):
    labels, one_hot, z, axis = data
    z = z / 3  # so that several are above 0
    values, slope = evaluate("sparsemax", labels, z, axis=axis)
    p = np.apply_along_axis(oracle_divergence.nearest_probabilities, axis, z)
    np.testing.assert_allclose(slope, p - one_hot, rtol=1e-6, atol=1e-6)
    assert_same(evaluate("sparsemax", one_hot, z, axis=axis), (values, slope))
    assert np.all(values >= -1e-6)
    assert np.all(
        (values < 1e-6) == (evaluate("categorical_hinge", labels, z, axis=axis, runner_up="others")[0] < 1e-4)
    )


@identity(classes())
def test_sparsemax_of_two_classes_is_a_huber(data):
    """½ (…): with d the difference of the logits, the squared hinge up to |d| = 1, and its tangent beyond."""
    labels, _, z, axis = data
    d = np.take(z, 0, axis) * np.where(labels == 0, 1, -1)
    expected = np.where(d > 1, 0, np.where(d < -1, -d, (1 - d) ** 2 / 4))
    slope = np.where(d > 1, 0, np.where(d < -1, -1, (d - 1) / 2))
    two = np.stack([d, 0 * d], -1)
    assert_same(evaluate("sparsemax", 0 * labels, two), (expected, np.stack([slope, -slope], -1)))


@pytest.mark.one_in(3)
@pytest.mark.parametrize("reduction", ["sum", "mean_with_sample_weight"])
@pytest.mark.parametrize("loss", ["kl_divergence", "distillation", "sparsemax"])
@settings(few, max_examples=5)
@given(data=classes(PLACES[:2]), more=st.data())
def test_a_weight_of_two_is_the_row_twice(loss, reduction, data, more):
    check_a_weight_of_two_is_the_row_twice(loss, reduction, data, more)
