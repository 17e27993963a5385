"""Losses made of losses, and streaming means of losses. Oracles: numpy, or the parts evaluated by themselves."""

import keras
import numpy as np
import pytest
from backends import BACKEND, value_and_gradient, with_mask
from sklearn.metrics import accuracy_score, mean_absolute_error, mean_squared_error

import keras_lossbox as box

numpy = keras.ops.convert_to_numpy
nan = np.nan


# WeightedSum


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight", "none"])
def test_sum_is_the_sum_of_its_parts_with_weights_and_masks(reduction, rng):
    y = (rng.random((5, 3)) < 0.5).astype("float32")
    p = rng.uniform(0.1, 0.9, (5, 3)).astype("float32")
    keep, weights = np.array([True, True, False, True, True]), np.array([1.0, 2.0, 1.0, 0.0, 3.0])
    p[2] = p[3] = nan
    parts = [box.BinaryCrossentropy(pos_weight=2.0), box.MeanSquaredError()]
    whole = box.WeightedSum(parts, [0.5, 3.0], reduction=reduction)
    alone = [type(part).from_config({**part.get_config(), "reduction": reduction}) for part in parts]
    expected = sum(c * numpy(part(y, with_mask(p, keep), weights)) for c, part in zip([0.5, 3.0], alone, strict=True))
    np.testing.assert_allclose(numpy(whole(y, with_mask(p, keep), weights)), expected, rtol=1e-6)


@pytest.mark.matrix
def test_sum_trains_on_all_parts_and_keras_on_the_first_of_a_list(tmp_path, rng):
    x = rng.normal(size=(16, 3)).astype("float32")
    y = (rng.random((16, 2)) < 0.4).astype("float32")
    loss = box.BinaryCrossentropy(from_logits=True) + 0.5 * box.MeanSquaredError()
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile("sgd", loss=loss, metrics=loss.metrics())
    logs = model.fit(x, y, epochs=2, verbose=0).history
    assert set(logs) == {"loss", "binary_crossentropy", "mean_squared_error"}
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    np.testing.assert_allclose(logs["loss"], logs["binary_crossentropy"] + 0.5 * logs["mean_squared_error"], rtol=1e-6)
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert again.loss.get_config() == loss.get_config()
    assert again.evaluate(x, y, verbose=0, return_dict=True) == logs
    np.testing.assert_allclose(
        again.fit(x, y, verbose=0).history["loss"], model.fit(x, y, verbose=0).history["loss"], rtol=1e-6
    )


def test_parts_of_different_shapes_are_averaged_per_sample(rng):
    y, p = rng.normal(size=(4, 3, 2)).astype("float32"), rng.normal(size=(4, 3, 2)).astype("float32")
    whole = box.WeightedSum([box.MeanSquaredError(), box.L2Norm(axes="sample")], reduction="none")
    e = (y - p).astype("float64")
    expected = np.mean(e**2, (1, 2)) + np.sqrt(np.sum(e**2, (1, 2)))
    np.testing.assert_allclose(numpy(whole(y, p)), expected, rtol=1e-6)
    mask = np.array([[1, 1, 0], [1, 0, 0], [1, 1, 1], [0, 0, 0]], bool)
    whole = box.WeightedSum([box.MeanSquaredError(), box.MeanSquaredError(axis=None)], reduction="none")
    values = np.where(mask, np.mean(e**2, -1), 0).sum(-1) / np.maximum(mask.sum(-1), 1)
    np.testing.assert_allclose(numpy(whole(y, with_mask(p, mask))), 2 * values, rtol=1e-6, atol=1e-7)


def test_operators():
    a, b, c = box.Huber(), box.MeanAbsoluteError(), box.LogCosh()
    assert repr(a + 0.5 * b) == "WeightedSum(losses=[Huber(), MeanAbsoluteError()], weights=[1.0, 0.5])"
    assert repr(a + b / 2) == repr(a + 0.5 * b)
    for number in (0, True, "2"):
        with pytest.raises(TypeError):
            a / number
    assert (2 * (a + b * 3) + c).weights == (2.0, 6.0, 1.0)
    assert [type(part) for part in sum([a, b, c]).losses] == [box.Huber, box.MeanAbsoluteError, box.LogCosh]
    assert type((a + keras.losses.MeanSquaredError()).losses[1]) is keras.losses.MeanSquaredError
    assert (box.Huber(reduction="sum") + box.LogCosh(reduction="sum")).reduction == "sum"
    for wrong in (lambda: a + 1, lambda: a * "x", lambda: a * b, lambda: a + "mse"):
        with pytest.raises(TypeError, match="unsupported operand|can't multiply|can only concatenate"):
            wrong()


@pytest.mark.parametrize(
    "build, message",
    [
        (lambda: box.WeightedSum([]), "`losses` must be a list of losses"),
        (lambda: box.WeightedSum(["mse"]), "`losses` must be a list of losses"),
        (lambda: box.WeightedSum([box.Huber]), "instances, not classes"),
        (lambda: box.WeightedSum([box.Huber()], [1.0, 2.0]), "`weights` must be a list of 1 numbers"),
        (lambda: box.WeightedSum([box.Huber()], 2.0), "`weights` must be a list of 1 numbers"),
        (lambda: box.WeightedSum([box.Huber(reduction="sum")]), "Huber has reduction='sum'"),
        (lambda: box.WeightedSum([box.Huber(dtype="float16")]), "Huber has dtype='float16'"),
        (lambda: box.WeightedSum([keras.losses.Huber(delta=5.0)]), "Keras does not save all options of .*'delta': 5.0"),
        (lambda: box.Masked(box.Huber(reduction="sum")), "Huber has reduction='sum'"),
        (lambda: box.Masked(box.Huber() + box.LogCosh()), "mask the parts of a WeightedSum"),
        (lambda: box.Masked(box.Huber(), ignore="missing"), "`ignore` must be a number or NaN"),
        (lambda: box.MeanLoss("huber"), "`loss` must be an instance of a loss"),
        (lambda: box.MeanLoss(box.Huber() + box.LogCosh()), "for a WeightedSum use its .metrics"),
    ],
)
def test_what_cannot_be_combined_is_an_error(build, message):
    with pytest.raises(ValueError, match=message):
        build()


# Masked


Y = np.array([[1.0, nan, 0.0], [nan, nan, nan], [0.0, 1.0, nan]], "float32")
Z = np.array([[0.3, 5.0, -1.0], [1.0, 2.0, 3.0], [2.0, -0.5, 7.0]], "float32")


@pytest.mark.parametrize("ignore", [nan, -1, -1.0, "nan"])
@pytest.mark.parametrize("normalize", ["present", "all"])
def test_labels_missing_one_by_one(ignore, normalize):
    """Oracle: numpy in float64, over the present entries only."""
    present = ~np.isnan(Y)
    y = Y if ignore in ("nan",) or ignore != ignore else np.where(present, Y, -1)
    q = np.array([2.0, 1.0, 0.5])
    loss = box.Masked(box.BinaryCrossentropy(from_logits=True, pos_weight=q), ignore=ignore, normalize=normalize)
    value, gradient = value_and_gradient(lambda z: loss(y, z), Z)
    z, t = Z.astype("float64"), np.where(present, Y, 0).astype("float64")
    elements = q * t * np.log1p(np.exp(-z)) + (1 - t) * np.log1p(np.exp(z))
    slopes = (1 - t) / (1 + np.exp(-z)) - q * t / (1 + np.exp(z))
    number = present.sum() if normalize == "present" else present.size
    np.testing.assert_allclose(value, elements[present].sum() / number, rtol=1e-6)
    np.testing.assert_allclose(gradient, np.where(present, slopes, 0) / number, rtol=1e-5, atol=1e-8)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert numpy(again(y, Z)) == value


def test_everything_missing_is_zero():
    for inner in (box.MeanSquaredError(), box.RootMeanSquaredError(), box.BinaryCrossentropy(from_logits=True)):
        loss = box.Masked(inner)
        value, gradient = value_and_gradient(lambda z: loss(np.full_like(Z, nan), z), Z)  # noqa: B023
        assert value == 0
        assert not np.any(gradient)


def test_missing_rows_of_several_classes():
    p = np.array([[0.25, 0.75], [0.5, 0.5], [0.9, 0.1]], "float32")
    expected = -(np.log(0.75) + np.log(0.9)) / 2
    for inner, y, ignore in (
        (box.SparseCategoricalCrossentropy(), [1.0, nan, 0.0], nan),
        (box.SparseCategoricalCrossentropy(), [1, -100, 0], -100),
        (box.SparseCategoricalCrossentropy(ignore_class=7), [1, 7, 0], -100),
        (box.CategoricalCrossentropy(), [[0, 1], [nan, 0], [1, 0]], nan),
        (keras.losses.SparseCategoricalCrossentropy(), [1, -100, 0], -100),
    ):
        np.testing.assert_allclose(numpy(box.Masked(inner, ignore=ignore)(y, p)), expected, rtol=1e-6)
    with pytest.raises(ValueError, match="a label that is no whole number"):
        box.Masked(box.SparseCategoricalCrossentropy())([1.0, 0.5, 0.0], p)


def test_padding_is_not_counted_even_when_all_are():
    y, p = np.array([[[1.0], [nan], [5.0]]], "float32"), np.zeros((1, 3, 1), "float32")
    loss = box.Masked(box.MeanSquaredError(), normalize="all")
    assert numpy(loss(y, with_mask(p, [[True, True, False]]))) == 0.5
    assert numpy(box.Masked(box.MeanSquaredError())(y, with_mask(p, [[True, True, False]]))) == 1


def test_statistics_of_the_batch_leave_missing_labels_out():
    y, z = np.array([[1.0, nan, 0.0, 0.0]], "float32"), np.zeros((1, 4), "float32")
    value = numpy(box.Masked(box.BalancedBinaryCrossentropy(from_logits=True))(y, z))
    np.testing.assert_allclose(value, (2 / 3 + 2 * 1 / 3) / 3 * np.log(2), rtol=1e-6)


# MeanLoss


@pytest.mark.matrix
@pytest.mark.parametrize("where", ["metrics", "weighted_metrics"])
def test_streaming_mean_over_uneven_batches(where, tmp_path, rng):
    """Oracle: scikit-learn over the whole data set."""
    x, y = rng.normal(size=(37, 3)).astype("float32"), rng.normal(size=(37, 1)).astype("float32")
    weights = rng.integers(0, 4, 37).astype("float32")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    metrics = [box.MeanLoss(box.MeanSquaredError()), box.MeanLoss(box.RootMeanSquaredError(), name="rmse")]
    metrics.append(box.MeanLoss(keras.losses.MeanAbsoluteError(), name="mae"))
    model.compile("sgd", loss=box.Huber(), **{where: metrics})
    model.fit(x, y, batch_size=8, verbose=0)
    logs = model.evaluate(x, y, sample_weight=weights, batch_size=8, verbose=0, return_dict=True)
    p = model.predict(x, verbose=0)
    used = weights if where == "weighted_metrics" else None
    mse = mean_squared_error(y.astype("float64"), p.astype("float64"), sample_weight=used)
    np.testing.assert_allclose(logs["mean_squared_error"], mse, rtol=1e-6)
    np.testing.assert_allclose(logs["rmse"], np.sqrt(mse), rtol=1e-6)
    np.testing.assert_allclose(logs["mae"], mean_absolute_error(y, p, sample_weight=used), rtol=1e-6)
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert again.evaluate(x, y, sample_weight=weights, batch_size=8, verbose=0, return_dict=True) == logs


def test_streaming_error_rate(rng):
    p, y = rng.random((50, 4)).astype("float32"), rng.integers(0, 4, 50)
    metric = box.MeanLoss(box.ZeroOne())
    for batch in np.split(np.arange(50), [1, 20, 43]):
        metric.update_state(y[batch], p[batch])
    np.testing.assert_allclose(numpy(metric.result()), 1 - accuracy_score(y, p.argmax(-1)), rtol=1e-6)
    metric.reset_state()
    assert numpy(metric.result()) == 0


def test_streaming_mean_adds_up_in_its_dtype():
    """2^24 + 1 is no float32; Keras gives variables of a metric floatx, whatever the metric's dtype is."""
    metric = box.MeanLoss(box.MeanAbsoluteError(reduction="sum", dtype="float64"), dtype="float64")
    for error in (2.0**24, 1.0):
        metric.update_state([[0.0]], [[error]])
    assert float(metric.result()) == (2**24 + 1) / 2
    assert {variable.dtype for variable in metric.variables} == {"float64"}


def test_streaming_mean_under_masks_and_nan(rng):
    metric = box.MeanLoss(box.MeanSquaredError())
    y = np.array([[[1.0], [nan]], [[3.0], [2.0]]], "float32")
    metric.update_state(y, with_mask(np.zeros_like(y), [[True, False], [True, True]]), [[1.0], [0.5]])
    metric.update_state([[[nan]], [[4.0]]], [[[0.0]], [[0.0]]], [0, 1])
    np.testing.assert_allclose(numpy(metric.result()), (1 + 0.5 * 9 + 0.5 * 4 + 16) / 3, rtol=1e-6)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="tf.compat.v1.metrics is TensorFlow's")
def test_streaming_mean_is_that_of_tf1_metrics(rng):
    import tensorflow as tf

    batches = [(rng.normal(size=(n, 2)), rng.normal(size=(n, 2)), rng.random((n, 1))) for n in (5, 1, 3)]
    metric = box.MeanLoss(box.MeanSquaredError())
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        y, p, w = (tf.compat.v1.placeholder("float32", [None, k]) for k in (2, 2, 1))
        value, update = tf.compat.v1.metrics.mean_squared_error(y, p, w)
        session.run(tf.compat.v1.local_variables_initializer())
        for batch in batches:
            session.run(update, dict(zip((y, p, w), batch, strict=True)))
        expected = session.run(value)
    for labels, predictions, weights in batches:
        metric.update_state(labels, predictions, weights)
    np.testing.assert_allclose(numpy(metric.result()), expected, rtol=1e-6)


# Of all of them


def test_unreduced_sum_weighs_the_part_of_one_value_per_sample():
    loss = box.WeightedSum([box.MeanSquaredError(axis=None), box.MeanSquaredError()], reduction="none")
    p = np.array([[1, 3], [2, 4]], "float32")
    np.testing.assert_allclose(numpy(loss(np.zeros((2, 2)), p, [0.0, 2.0])), [0, 40])


@pytest.mark.parametrize("reduction", ["mean", "mean_with_sample_weight", "sum_by_nonzero_weights"])
def test_all_counts_missing_labels_in_every_mean(reduction):
    y, p = [[0.0, -1.0], [-1.0, 0.0]], [[1.0, 3.0], [2.0, 4.0]]
    loss = box.Masked(box.MeanSquaredError(), ignore=-1, normalize="all", reduction=reduction)
    assert numpy(loss(y, p)) == 17 / 4
    metric = box.MeanLoss(loss)
    metric.update_state(y, p)
    assert numpy(metric.result()) == 17 / 4


def test_a_part_may_have_a_constructor_without_reduction_and_dtype():
    class Fixed(box.Loss):
        def __init__(self):
            super().__init__(name="fixed")

        def call(self, y_true, y_pred):
            return keras.ops.mean(keras.ops.abs(y_true - y_pred), -1)

    assert numpy((Fixed() + box.MeanSquaredError())([[0.0]], [[3.0]])) == 12
    assert numpy(box.Masked(Fixed())([[nan], [0.0]], [[1.0], [3.0]])) == 3


def test_parts_are_not_rounded_before_they_are_added():
    loss = box.WeightedSum([box.MeanSquaredError(), box.MeanAbsoluteError()], [1e-3, 1.0], dtype="float16")
    assert float(numpy(loss([[0.0]], [[300.0]]))) == 390


def test_losses_of_keras_do_not_broadcast_labels_either():
    for loss in (box.WeightedSum([keras.losses.MeanSquaredError()]), box.Masked(keras.losses.MeanSquaredError())):
        with pytest.raises(ValueError, match=r"keras.losses.MeanSquaredError: y_true and y_pred must have the same"):
            loss([[1.0], [2.0]], np.zeros((2, 3)))
    whole = box.WeightedSum([keras.losses.MeanSquaredError()], reduction="none")
    np.testing.assert_allclose(numpy(whole([1.0, 2.0], [0.0, 0.0])), [1, 4])


def test_a_users_loss_in_a_sum_or_mask_keeps_what_it_holds():
    """It is copied with its variables, not made anew from its options; reduction and dtype are the whole's."""

    class Annealed(box.Loss):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.beta = keras.Variable(1.0, trainable=False)

        def call(self, y_true, y_pred):
            return self.beta * keras.ops.mean(keras.ops.abs(y_true - y_pred), -1)

    mine = Annealed()
    whole = box.MeanSquaredError(reduction="sum") + mine
    masked = box.Masked(mine, dtype="float16")
    y, p = [[0.0], [0.0]], [[1.0], [1.0]]
    before = numpy(whole(y, p)), numpy(masked(y, p))
    mine.beta.assign(3.0)
    assert (numpy(whole(y, p)), numpy(masked(y, p))) == (8, 3)
    assert before == (4, 1)
    assert keras.backend.standardize_dtype(masked(y, p).dtype) == "float16"


def test_a_sum_takes_over_the_dtype_and_the_aliases_of_a_reduction():
    assert (0.5 * box.Huber(dtype="float64")).dtype == "float64"
    assert (box.Huber(dtype="float64") + box.LogCosh(dtype="float64")).dtype == "float64"
    assert numpy((box.Huber() + box.LogCosh(reduction="mean"))([[0.0]], [[0.0]])) == 0
