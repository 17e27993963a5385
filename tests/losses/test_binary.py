"""The losses of yes and no: golden values, extremes, surrogates, and identities between options."""

import golden
import keras
import numpy as np
import oracle_binary
import pytest
from backends import BACKEND, MODES, value_and_gradient
from cases import by_default
from golden import (
    BOTH,
    CLASSES,
    EACH,
    ELEMENTS,
    MEANS,
    SMOOTH,
    SURROGATES,
    TOLERANCE,
    Case,
    W,
    assert_close,
    float64,
    grid,
    on_tensorflow,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from identities import (
    EPSILONS,
    LOGIT_OR_PROBABILITY,
    PLACES,
    assert_same,
    binary,
    check_a_weight_of_two_is_the_row_twice,
    classes,
    evaluate,
    few,
    identity,
    scaled,
)
from scipy import special
from sklearn import metrics

import keras_lossbox as box

if BACKEND == "tensorflow":
    import tensorflow as tf

numpy = keras.ops.convert_to_numpy

# ---------------------------------------------------------------- 1. oracle: formulas in numpy and scipy

NUMPY_CASES = [
    *grid(
        "binary_crossentropy",
        MEANS + ELEMENTS,
        "binary",
        from_logits=BOTH,
        label_smoothing=SMOOTH,
        pos_weight=[None, 3.0, EACH],
        neg_weight=[None, 0.5, EACH],
    ),
    *grid(
        "balanced_binary_crossentropy",
        MEANS + ELEMENTS,
        "binary",
        from_logits=BOTH,
        label_smoothing=SMOOTH,
    ),
    *grid(
        "balanced_binary_crossentropy",
        MEANS[1:] + ELEMENTS,  # of several labels
        "binary",
        from_logits=BOTH,
        label_smoothing=SMOOTH,
        scope=["sample"],
    ),
    *grid("balanced_binary_crossentropy", MEANS + ELEMENTS, "hard", from_logits=BOTH, beta=[0.0, 0.9]),
    *grid(
        "zero_one",
        [(7,), (6, 1), (4, 5, 1), ((4, 1, 5), 1)],
        "hard",
        from_logits=BOTH,
        threshold=[None, 0.3],
        surrogate=SURROGATES,
    ),
    *grid("zero_one", MEANS, "hard", from_logits=BOTH, multi_label=[True], surrogate=SURROGATES),
    *grid("zero_one", CLASSES, "indices one_hot", from_logits=BOTH, surrogate=SURROGATES),
    *grid("zero_one", CLASSES, "column", from_logits=BOTH),
]

NUMPY = golden.by_kind(NUMPY_CASES)


@pytest.mark.parametrize("group, dtype, size", golden.of_numpy(NUMPY))
def test_numpy(group, dtype, size):
    golden.check_numpy(oracle_binary, NUMPY[group], dtype, size)


def test_every_oracle_is_asked():
    golden.check_every_oracle_is_asked(oracle_binary, NUMPY_CASES)


# Where formulas overflow, cancel or clip.
EDGES = [
    *(("binary_crossentropy", {"from_logits": True}, y, z) for y, z in [(0, 1e3), (1, -1e3), (1, 15), (0, -30)]),
    *(("binary_crossentropy", {}, y, p) for y, p in [(1, 0.0), (0, 0.0), (1, 1e-9), (0, 1e-30)]),
    *(("zero_one", {"from_logits": True, "threshold": t}, y, 0.25) for y in (0, 1) for t in (0.25, 0.125)),
    *(("zero_one", {"surrogate": "hinge"}, y, p) for y in (0, 1) for p in (0.5, 0.75, 0.9375)),
]
# In float32 the upper clip, 1 - 1e-7, is 1 - 1.19e-7, and its logarithm 1 % off, in Keras too; on PyTorch also in
# float64, because keras.ops.clip has float32 bounds there.
EDGES_OF_FLOAT64 = [
    *(("binary_crossentropy", {}, y, p) for y, p in [(1, 1.0), (0, 1.0), (0, 1 - 1e-9)]),
]


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_edges(dtype):
    golden.check_edges(oracle_binary, EDGES + EDGES_OF_FLOAT64 * (dtype == "float64" and BACKEND != "torch"), dtype)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("scope", ["batch", "sample"])
def test_balance_is_counted_where_the_weights_are(scope, dtype):
    y_true, y_pred = Case("balanced_binary_crossentropy", (6, 8), "hard", {}).data(dtype)
    weights = np.random.default_rng(0).choice([0.0, 0.5, 2.0], y_true.shape)
    axes = None if scope == "batch" else 1
    beta = np.sum((1 - y_true) * (weights > 0), axes, keepdims=True) / np.sum(weights > 0, axes, keepdims=True)
    expected = oracle_binary.balanced_binary_crossentropy(*float64(y_true, y_pred), True, axis=None, beta=beta)
    loss = box.BalancedBinaryCrossentropy(from_logits=True, axis=None, scope=scope, dtype=dtype)
    value, gradient = value_and_gradient(lambda x: loss(y_true, x, weights), y_pred)
    assert_close(value, np.mean(weights * expected.values), TOLERANCE[dtype])
    assert_close(gradient, weights * expected.gradient, TOLERANCE[dtype])


# ---------------------------------------------------------------- 2. oracle: TensorFlow

TENSORFLOW = {  # tf.nn and tf.math, one value per sample
    "sigmoid_cross_entropy_with_logits": (
        grid("binary_crossentropy", ELEMENTS, "binary", from_logits=[True]),
        lambda y, x, o: tf.nn.sigmoid_cross_entropy_with_logits(y, x),
    ),
    "weighted_cross_entropy_with_logits": (
        grid("binary_crossentropy", ELEMENTS, "binary", from_logits=[True], pos_weight=[0.25, 3.0, EACH]),
        lambda y, x, o: tf.nn.weighted_cross_entropy_with_logits(y, x, tf.constant(o["pos_weight"], x.dtype)),
    ),
}


@on_tensorflow
@pytest.mark.parametrize("cases, oracle", TENSORFLOW.values(), ids=TENSORFLOW)
def test_tensorflow(cases, oracle):
    golden.check_tensorflow(cases, oracle)


TF1 = {
    "sigmoid_cross_entropy": grid(
        "binary_crossentropy", ELEMENTS[:2], "binary", from_logits=[True], label_smoothing=[0.0, 0.2]
    ),
    "log_loss": grid("binary_crossentropy", ELEMENTS[:2], "binary"),
}


@on_tensorflow
@pytest.mark.parametrize("full", by_default(lambda full: not full, [False, True]), ids=["", "long"])
@pytest.mark.parametrize("name", TF1)
def test_tf1(name, full):
    golden.check_tf1(name, TF1[name], full)


# ---------------------------------------------------------------- 3. oracle: Keras and scikit-learn

KERAS = golden.by_loss(
    [
        *grid("binary_crossentropy", MEANS[1:], "binary", from_logits=BOTH, label_smoothing=[0.0, 0.2]),
    ]
)


@pytest.mark.parametrize("loss", KERAS)
def test_keras(loss):
    golden.check_keras(KERAS[loss])


SKLEARN = {
    "zero_one_loss": (
        grid("zero_one", [(20, 3)], "indices"),
        lambda y, x, **how: metrics.zero_one_loss(y, np.argmax(x, -1), **how),
    ),
    "accuracy_score": (
        grid("zero_one", [(20,)], "hard", threshold=[0.2]),
        lambda y, x, **how: 1 - metrics.accuracy_score(y, x > 0.2, **how),
    ),
}


@pytest.mark.parametrize("cases, oracle", SKLEARN.values(), ids=SKLEARN)
def test_sklearn(cases, oracle):
    golden.check_sklearn(cases, oracle)


# ---------------------------------------------------------------- 4. oracle: numbers recorded from PyTorch

# fmt: off
PYTORCH = [  # the recipe is in golden.py
    (
        "BCEWithLogitsLoss(reduction=r)", "z, y",
        "binary_crossentropy",
        {"from_logits": True, "axis": None},
        [[0.2014132779827524, 0.4740769841801067, 0.8259394198788436],
         [0.1269280110429727, 0.38687100611489994, 0.04858735157374206],
         [0.7263490353171691, 0.5759394198788436, 0.6931471805599453],
         [4.0181499279178094, 0.3132616875182228, 0.5990769841801067]],
        [[-0.18242552380635635, 0.3775406687981454, 0.5621765008857981],
         [0.11920292202211755, -0.320821300824607, -0.047425873177566635],
         [0.2812093733737563, 0.43782349911420193, -0.5],
         [0.9820137900379085, 0.2689414213699951, -0.1275406687981454]],
    ),
    (
        "BCEWithLogitsLoss(pos_weight=w, reduction=r)", "z, y",
        "binary_crossentropy",
        {"from_logits": True, "axis": None, "pos_weight": W},
        [[0.1007066389913762, 0.4740769841801067, 0.8259394198788436],
         [0.1269280110429727, 0.7737420122297999, 0.060734189467177575],
         [0.647274155902523, 0.5759394198788436, 0.8664339756999316],
         [4.0181499279178094, 0.3132616875182228, 0.6879664187138766]],
        [[-0.09121276190317817, 0.3775406687981454, 0.5621765008857981],
         [0.11920292202211755, -0.641642601649214, -0.05928234147195832],
         [0.33980820170203674, 0.43782349911420193, -0.625],
         [0.9820137900379085, 0.2689414213699951, -0.1983295441977977]],
    ),
    (
        "BCELoss(reduction=r)", "p, y",
        "binary_crossentropy",
        {"axis": None},
        [[0.6931471805599453, 0.2876820724517809, 2.0794415416798357],
         [0.06453852113757118, 0.2876820724517809, 0.06453852113757118],
         [0.6200089298883509, 0.4700036292457356, 0.4700036292457356],
         [3.4657359027997265, 0.0317486983145803, 0.6381927519737883]],
        [[-2.0, 1.3333333333333333, 8.0], [1.0666666666666667, -1.3333333333333333, -1.0666666666666667],
         [-1.1428571428571428, 1.6, -1.6], [32.0, 1.032258064516129, -0.7619047619047619]],
    ),
]
# fmt: on


def test_pytorch():
    golden.check_torch_nn(PYTORCH)


def test_pytorch_recipe():
    pytest.importorskip("torch", reason="the recipe needs PyTorch")
    golden.check_recipe_of_torch_nn(PYTORCH)


DOCUMENTED = {
    "tf.nn.sigmoid_cross_entropy_with_logits": (
        box.BinaryCrossentropy(from_logits=True, reduction="none"),
        [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.5],
        [1.0, -1.0, 0.0, 1.0, -1.0, 0.0, 0.0],
        [1.3132617, 0.3132617, 0.6931472, 0.3132617, 1.3132617, 0.6931472, 0.6931472],
    ),
    "tf.nn.weighted_cross_entropy_with_logits": (  # its third number, at a logit of -10, is 1 % off (4.58e-5)
        box.BinaryCrossentropy(from_logits=True, pos_weight=1.5, reduction="none"),
        [1.0, 0.5],
        [1.5, -0.1],
        [0.30211994, 0.88049585],
    ),
}


def test_documented():
    golden.check_documented(DOCUMENTED)


# ---------------------------------------------------------------- extremes, labels, weights

LOGITS = np.concatenate([np.linspace(-1e4, 1e4, 41), np.linspace(-20, 20, 41)]).astype("float32")[:, None]


@pytest.mark.parametrize("label", [0.0, 1.0, 0.3])
@pytest.mark.parametrize("mode", MODES)
def test_binary_crossentropy_of_every_logit(label, mode):
    """Oracle: scipy.special in float64."""
    y, q, z = np.full_like(LOGITS, label), 3.0, LOGITS.astype("float64")
    loss = box.BinaryCrossentropy(from_logits=True, pos_weight=q, reduction="sum")
    _, gradient = value_and_gradient(lambda x: loss(y, x), LOGITS, mode)
    values = numpy(box.BinaryCrossentropy(from_logits=True, pos_weight=q, reduction="none")(y, LOGITS))
    np.testing.assert_allclose(
        values, -(q * y * special.log_expit(z) + (1 - y) * special.log_expit(-z))[:, 0], rtol=1e-6, atol=1e-37
    )
    np.testing.assert_allclose(
        gradient, (1 - y) * special.expit(z) - q * y * special.expit(-z), rtol=1e-6, atol=1e-6 * max(label, 1e-30)
    )


@pytest.mark.parametrize("mode", MODES)
def test_probabilities_of_exactly_0_and_1(mode):
    """The loss is Keras's (clipped at epsilon); the gradient, which Keras has as 0, points out of the mistake."""
    p, y = np.array([[0.0], [1.0], [0.0], [1.0]], "float32"), np.array([[1.0], [0.0], [0.0], [1.0]], "float32")
    loss = box.BinaryCrossentropy(reduction="sum")
    value, gradient = value_and_gradient(lambda x: loss(y, x), p, mode)
    wrong_side = -np.log(np.float64(np.float32(1e-7))) - np.log(2.0**-23)  # 1 - 1e-7 is 1 - 2**-23 in float32
    np.testing.assert_allclose(value, wrong_side, rtol=1e-6)
    assert np.all(np.isfinite(gradient))
    assert gradient[0] < -1e6
    assert gradient[1] > 1e6


def test_a_small_epsilon_of_keras_does_not_bring_infinity_back():
    before = keras.config.epsilon()
    try:
        keras.config.set_epsilon(1e-12)
        assert np.isfinite(numpy(box.BinaryCrossentropy()([[1.0], [0.0]], [[0.0], [1.0]])))
    finally:
        keras.config.set_epsilon(before)


def test_weights_of_the_shape_of_y_pred_need_axis_none():
    y, p, w = [[1.0, 0.0]], [[0.5, 0.25]], [[1.0, 3.0]]
    with pytest.raises(ValueError, match="`sample_weight` must fit the loss values from the left"):
        box.BinaryCrossentropy()(y, p, w)
    value = numpy(box.BinaryCrossentropy(axis=None, reduction="mean_with_sample_weight")(y, p, w))
    np.testing.assert_allclose(value, (-np.log(0.5) - 3 * np.log(0.75)) / 4, rtol=1e-6)
    value = numpy(box.BinaryCrossentropy(axis=None)([[1.0, np.nan]], p, [[1.0, 0.0]]))
    np.testing.assert_allclose(value, -np.log(0.5) / 2, rtol=1e-6)


@pytest.mark.parametrize("smoothing", [1e-6, 1e-3, 0.1])
def test_little_label_smoothing_keeps_its_digits(smoothing):
    """Oracle: scipy in float64. 1 - (1 - ε/2) in float32 has lost most of a small ε."""
    z, y = np.float64(20.0), 1 - np.float64(smoothing) / 2
    expected = -(y * special.log_expit(z) + smoothing / 2 * special.log_expit(-z))
    loss = box.BinaryCrossentropy(from_logits=True, label_smoothing=smoothing)
    np.testing.assert_allclose(numpy(loss([1.0], [20.0])), expected, rtol=1e-6)


def test_balanced_where_all_labels_are_equal():
    loss = box.BalancedBinaryCrossentropy(from_logits=True)
    for label in (0.0, 1.0):
        value, gradient = value_and_gradient(lambda x: loss(np.full((3, 1), label), x), np.ones((3, 1), "float32"))  # noqa: B023
        assert value == 0
        assert not np.any(gradient)


# ---------------------------------------------------------------- the zero-one loss and its surrogates


@pytest.mark.parametrize("surrogate", ["logistic", "hinge"])
@pytest.mark.parametrize("threshold", [None, 0.7])
def test_zero_one_binary(surrogate, threshold):
    """Oracle: the error rate, and the derivative of the surrogate of the margin, in numpy."""
    z = np.array([[2.0], [-0.4], [0.3], [-3.0], [1.2]], "float32")
    y = np.array([[1.0], [1.0], [0.0], [0.0], [1.0]])
    cut = threshold or 0.0
    loss = box.ZeroOne(from_logits=True, threshold=threshold, surrogate=surrogate, reduction="sum")
    value, gradient = value_and_gradient(lambda x: loss(y, x), z)
    sign = 2 * y - 1
    margin = sign * (z - cut)
    slope = -special.expit(-margin) if surrogate == "logistic" else -1.0 * (margin < 1)
    assert value == np.sum((z > cut) != (y > 0.5))
    np.testing.assert_allclose(gradient, slope * sign, rtol=1e-6)


@pytest.mark.parametrize("surrogate", ["logistic", "hinge", None])
@pytest.mark.parametrize("labels", ["indices", "one_hot"])
def test_zero_one_multi_class(surrogate, labels, rng):
    z = rng.normal(size=(7, 4)).astype("float32")
    y = rng.integers(0, 4, 7)
    loss = box.ZeroOne(from_logits=True, surrogate=surrogate, reduction="sum")
    value, gradient = value_and_gradient(lambda x: loss(y if labels == "indices" else np.eye(4)[y], x), z)
    assert value == np.sum(np.argmax(z, -1) != y)
    if surrogate is None:
        expected = np.zeros_like(z)
    elif surrogate == "logistic":
        expected = special.softmax(z, -1) - np.eye(4)[y]
    else:  # 1 at the largest other class and -1 at the label, where the margin is below 1
        others = np.where(np.eye(4)[y] > 0, -np.inf, z)
        active = (z[np.arange(7), y] - others.max(-1) < 1)[:, None]
        expected = active * (np.eye(4)[others.argmax(-1)] - np.eye(4)[y])
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-6)


def test_zero_one_multi_label_and_probabilities():
    y, p = [[1, 0, 1]], [[0.9, 0.6, 0.2]]
    np.testing.assert_allclose(numpy(box.ZeroOne(multi_label=True)(y, p)), 2 / 3, rtol=1e-6)
    np.testing.assert_allclose(numpy(box.ZeroOne(multi_label=True, threshold=0.7)(y, p)), 1 / 3, rtol=1e-6)
    assert numpy(box.ZeroOne()(y, p)) == 0  # as classes: the argmax of both is 0
    with pytest.raises(ValueError, match=r"ZeroOne: `threshold` must lie in \(0, 1\)"):
        box.ZeroOne(threshold=3.0)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="labels that only a graph holds")
def test_zero_one_of_odd_values():
    import tensorflow as tf

    for surrogate in (None, "logistic", "hinge"):
        loss = box.ZeroOne(from_logits=True, surrogate=surrogate)
        run = tf.function(lambda y: loss(y, [[1.0, 2.0]]), jit_compile=True)  # noqa: B023
        for labels in (tf.constant([[np.nan, 0.0]]), tf.constant([7]), tf.constant([2**32 + 1], "int64")):
            assert np.isnan(run(labels))
        assert numpy(loss([0], [[-np.inf, 0.0, 1.0]])) == 1
        assert numpy(loss([[0]], [[np.inf]])) == 1


@pytest.mark.matrix
def test_zero_one_learns(rng):
    x = rng.normal(size=(256, 2)).astype("float32")
    y = (x[:, 0] > x[:, 1]).astype("int32")
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.05), loss=box.ZeroOne(from_logits=True))
    history = model.fit(x, y, epochs=10, verbose=0).history["loss"]
    assert history[-1] < 0.05
    assert history[-1] == pytest.approx(round(history[-1] * 256) / 256, abs=1e-6)  # an error rate


# ---------------------------------------------------------------- identities, both sides this package's


@identity(binary(), LOGIT_OR_PROBABILITY, EPSILONS)
def test_a_pos_weight_of_one_is_none(data, kind, epsilon):
    (y, z), (from_logits, head) = data, kind
    options = {"from_logits": from_logits, "label_smoothing": epsilon}
    plain = evaluate("binary_crossentropy", y, head(z), **options)
    for one in (1.0, [1.0, 1.0, 1.0]):
        assert_same(evaluate("binary_crossentropy", y, head(z), pos_weight=one, **options), plain)


WEIGHTED = ["binary_crossentropy", "binary_focal_crossentropy", "asymmetric_loss"]


@identity(binary(), LOGIT_OR_PROBABILITY, EPSILONS, st.sampled_from(WEIGHTED), st.floats(0.1, 5), st.floats(0.1, 5))
def test_a_neg_weight_is_a_pos_weight_times_a_constant(data, kind, epsilon, loss, q, r):
    (y, z), (from_logits, head) = data, kind
    options = {"from_logits": from_logits, "label_smoothing": epsilon}
    both = evaluate(loss, y, head(z), pos_weight=q, neg_weight=r, **options)
    assert_same(both, scaled(r, evaluate(loss, y, head(z), pos_weight=q / r, **options)))
    assert_same(both, scaled(q, evaluate(loss, y, head(z), neg_weight=[r / q] * 3, **options)))


@identity(binary(), EPSILONS, st.floats(0, 5), st.floats(0, 5))
def test_yes_and_no_can_be_exchanged_with_their_weights(data, epsilon, q, r):
    (y, z), options = data, {"from_logits": True, "label_smoothing": epsilon}
    for loss in WEIGHTED[:2]:
        values, gradient = evaluate(loss, 1 - y, -z, pos_weight=r, neg_weight=q, **options)
        assert_same(evaluate(loss, y, z, pos_weight=q, neg_weight=r, **options), (values, -gradient))


@identity(binary(), LOGIT_OR_PROBABILITY, EPSILONS, st.floats(0, 5))
def test_binary_smoothing_is_a_mixture_with_one_half(data, kind, epsilon, q):
    (y, z), (from_logits, head) = data, kind
    options = {"from_logits": from_logits, "pos_weight": q}
    hard = evaluate("binary_crossentropy", y, head(z), **options)
    uniform = evaluate("binary_crossentropy", np.full(y.shape, 0.5), head(z), **options)
    mixture = [(1 - epsilon) * a + epsilon * b for a, b in zip(hard, uniform, strict=True)]
    assert_same(evaluate("binary_crossentropy", y, head(z), label_smoothing=epsilon, **options), mixture)


@identity(binary(), LOGIT_OR_PROBABILITY, EPSILONS, st.floats(0.05, 0.95))
def test_balanced_is_a_pos_weight_times_a_constant(data, kind, epsilon, beta):
    (y, z), (from_logits, head) = data, kind
    options = {"from_logits": from_logits, "label_smoothing": epsilon}
    balanced = evaluate("balanced_binary_crossentropy", y, head(z), beta=beta, **options)
    weighted = evaluate("binary_crossentropy", y, head(z), pos_weight=beta / (1 - beta), **options)
    assert_same(balanced, scaled(1 - beta, weighted))


@identity(binary(), EPSILONS)
def test_balanced_counts_the_fraction_of_negatives(data, epsilon):
    (y, z), options = data, {"from_logits": True, "label_smoothing": epsilon}
    counted = evaluate("balanced_binary_crossentropy", y, z, **options)
    assert_same(counted, evaluate("balanced_binary_crossentropy", y, z, beta=1 - y.mean(), **options))
    by_sample = [evaluate("balanced_binary_crossentropy", y[i : i + 1], z[i : i + 1], **options) for i in range(len(y))]
    together = [np.concatenate(parts) for parts in zip(*by_sample, strict=True)]
    assert_same(evaluate("balanced_binary_crossentropy", y, z, scope="sample", **options), together)


@identity(binary(), EPSILONS)
def test_yes_and_no_can_be_exchanged(data, epsilon):
    (y, z), options = data, {"from_logits": True, "label_smoothing": epsilon}
    values, gradient = evaluate("binary_crossentropy", 1 - y, -z, **options)
    assert_same(evaluate("binary_crossentropy", y, z, **options), (values, -gradient))


@identity(binary(), EPSILONS, st.sampled_from(["binary_crossentropy", "balanced_binary_crossentropy"]))
def test_binary_logits_are_probabilities(data, epsilon, loss):
    (y, z), p = data, special.expit(data[1])
    values, slope = evaluate(loss, y, p, label_smoothing=epsilon)
    assert_same(evaluate(loss, y, z, from_logits=True, label_smoothing=epsilon), (values, slope * p * (1 - p)))


@identity(binary(), EPSILONS)
def test_a_sigmoid_is_a_softmax_of_two(data, epsilon):
    y, z = data
    values, gradient = evaluate(
        "categorical_crossentropy",
        np.stack([1 - y, y], -1),
        np.stack([0 * z, z], -1),
        from_logits=True,
        label_smoothing=epsilon,
    )
    one = evaluate("binary_crossentropy", y, z, from_logits=True, label_smoothing=epsilon, axis=None)
    assert_same(one, (values, gradient[..., 1]))


@identity(classes(), st.booleans(), st.sampled_from(["logistic", "hinge", None]))
def test_one_hot_is_sparse_for_the_zero_one_loss(data, from_logits, surrogate):
    labels, one_hot, z, axis = data
    x = z if from_logits else special.softmax(z, axis)
    options = {"from_logits": from_logits, "surrogate": surrogate, "axis": axis}
    assert_same(evaluate("zero_one", labels, x, **options), evaluate("zero_one", one_hot, x, **options))


COUNTABLE = ["binary_crossentropy", "zero_one"]  # not the balanced loss, which counts β by rows, not by weights


@pytest.mark.parametrize("reduction", ["sum", "mean_with_sample_weight"])
@pytest.mark.parametrize("loss", COUNTABLE)
@settings(few, max_examples=5)
@given(data=classes(PLACES[:2]), more=st.data())
def test_a_weight_of_two_is_the_row_twice(loss, reduction, data, more):
    check_a_weight_of_two_is_the_row_twice(loss, reduction, data, more)


def test_balance_within_samples_of_one_label_is_an_error():
    """Each would be all positives, or all negatives, and the loss 0 whatever is predicted."""
    loss = box.BalancedBinaryCrossentropy(scope="sample")
    for y, p in (([[1], [0]], [[0.5], [0.6]]), ([1, 0], [0.5, 0.6])):
        with pytest.raises(ValueError, match='BalancedBinaryCrossentropy: `scope` must be "batch"'):
            loss(y, p)
    assert numpy(loss([[1, 0]], [[0.5, 0.6]])) > 0
