"""The losses of images: golden values, TensorFlow's and Keras's numbers, images that are flat, alike or too small."""

import golden
import keras
import numpy as np
import oracle_images
import pytest
from backends import BACKEND, MODES, value_and_gradient, with_mask
from cases import by_default
from golden import PRECISE, TOLERANCE, assert_close, grid, images, on_tensorflow
from keras import ops

import keras_lossbox as box

numpy = ops.convert_to_numpy
if BACKEND == "tensorflow":
    import tensorflow as tf

# ---------------------------------------------------------------- 1. oracle: windows in numpy

SHAPES = [(2, 9, 7, 2), (3, 6, 6, 1)]
NUMPY_CASES = [
    *grid("ssim", SHAPES, "images", filter_size=[5, 2, 1], filter_sigma=[1.5]),
    *grid("ssim", SHAPES[1:], "images", filter_size=[4], max_val=[1.0, 2.5], k1=[0.01, 0.0], k2=[0.03, 0.2]),
    *grid("ssim", [(1, 14, 13, 1)], "images"),
    *grid("multi_scale_ssim", SHAPES, "images", power_factors=[[0.3, 0.7], [0.0, 1.2], 0.5], filter_size=[3]),
    *grid("multi_scale_ssim", [(2, 13, 11, 1)], "images", power_factors=[[0.2, 0.3, 0.5]], filter_size=[3, 2]),
    *grid("gradient_difference", SHAPES, "images", alpha=[1.0, 2.0, 0.5]),
]
NUMPY = golden.by_kind(NUMPY_CASES)


@pytest.mark.one_in(1)
@pytest.mark.parametrize("group, dtype, size", golden.of_numpy(NUMPY))
def test_numpy(group, dtype, size):
    golden.check_numpy(oracle_images, NUMPY[group], dtype, size)


def test_every_oracle_is_asked():
    golden.check_every_oracle_is_asked(oracle_images, NUMPY_CASES)


# ---------------------------------------------------------------- 2. TensorFlow and Keras, which compute in float32


def pair(rng, *shape):
    """Two images of which one is noisy."""
    x = images(rng, shape).clip(0, 1)
    return x.astype("float32"), (x + 0.1 * rng.normal(size=shape)).clip(0, 1).astype("float32")


OF_TENSORFLOW = {  # shape; ours; theirs
    "ssim": ((2, 24, 17, 3), lambda: box.SSIM, lambda x, y: tf.image.ssim(x, y, 1.0)),
    "range": (
        (2, 16, 16, 1),
        lambda: lambda **options: box.SSIM(255.0, 7, 2.0, 0.02, 0.05, **options),
        lambda x, y: tf.image.ssim(x, y, 255.0, 7, 2.0, 0.02, 0.05),
    ),
    "two scales of odd sizes": (
        (2, 25, 30, 2),
        lambda: lambda **options: box.MultiScaleSSIM([0.4, 0.6], filter_size=5, **options),
        lambda x, y: tf.image.ssim_multiscale(x, y, 1.0, [0.4, 0.6], filter_size=5),
    ),
    "multi-scale": (
        (1, 181, 163, 1),
        lambda: box.MultiScaleSSIM,
        lambda x, y: tf.image.ssim_multiscale(x, y, 1.0),
    ),
}


@on_tensorflow
@pytest.mark.parametrize("name", by_default(lambda name: name != "multi-scale", OF_TENSORFLOW))
def test_tensorflow(name, rng):
    shape, ours, theirs = OF_TENSORFLOW[name]
    x, y = (255 * image if name == "range" else image for image in pair(rng, *shape))
    values = 1 - theirs(x, y).numpy()
    np.testing.assert_allclose(ours()(reduction="none")(x, y), values, rtol=2e-5)
    gradient = value_and_gradient(lambda y: tf.reduce_mean(1 - theirs(x, y)), y)[1]
    found = value_and_gradient(lambda y: ours()()(x, y), y)[1]
    np.testing.assert_allclose(found, gradient, atol=1e-4 * np.abs(gradient).max())


@pytest.mark.skipif(not hasattr(ops.image, "ssim"), reason="this Keras does not have it yet")
def test_keras(rng):
    x, y = pair(rng, 2, 20, 15, 3)
    expected = 1 - numpy(ops.image.ssim(x, y, 1.0, data_format="channels_last"))
    np.testing.assert_allclose(numpy(box.SSIM(reduction="none")(x, y)), expected, rtol=2e-5)


# ---------------------------------------------------------------- 3. alike, flat, nothing in common

LOSSES = {
    "ssim": {"filter_size": 5},
    "multi_scale_ssim": {"filter_size": 3, "power_factors": [0.4, 0.6]},
    "gradient_difference": {},
}
every_loss = pytest.mark.parametrize("name", LOSSES)


@every_loss
def test_equal_images_have_exactly_no_loss_and_no_gradient(name, rng):
    x = pair(rng, 2, 9, 9, 2)[0]
    value, gradient = value_and_gradient(lambda y: box.get(name, **LOSSES[name])(x, y), x)
    assert value == 0
    assert not np.any(gradient)


@every_loss
def test_images_that_are_almost_equal_keep_their_digits(name, rng):
    """One less a similarity of float32 would be rounding: 1 - SSIM is about 1e-6 here."""
    x = pair(rng, 1, 9, 9, 1)[0]
    y = (x + 1e-4 * rng.normal(size=x.shape)).astype("float32")
    expected = getattr(oracle_images, name)(*golden.float64(x, y), **LOSSES[name])
    value, gradient = value_and_gradient(lambda y: box.get(name, **LOSSES[name])(x, y), y)
    np.testing.assert_allclose(value, expected.mean, rtol=1e-3)
    np.testing.assert_allclose(gradient, expected.gradient, atol=1e-3 * np.abs(expected.gradient).max())


def test_flat_images_by_hand():
    """Of brightness a and b without any contrast: 1 - (2ab + c1)/(a² + b² + c1); here max_val is 255."""
    for a, b in ((0.0, 0.0), (0.0, 255.0), (200.0, 201.0), (254.0, 100.0)):
        x, y = np.full((1, 12, 12, 1), a, "float32"), np.full((1, 12, 12, 1), b, "float32")
        value, gradient = value_and_gradient(lambda y, x=x: box.SSIM(255.0)(x, y), y)
        expected = (a - b) ** 2 / (a**2 + b**2 + 2.55**2)
        np.testing.assert_allclose(value, expected, rtol=1e-5)
        slope = 2 * (b - a) / (a**2 + b**2 + 2.55**2) - 2 * b * expected / (a**2 + b**2 + 2.55**2)
        np.testing.assert_allclose(gradient.sum(), slope, rtol=1e-4, atol=1e-9)  # all pixels together


@every_loss
def test_a_flat_prediction(name, rng):
    """Bright, in float32, where E x² - (E x)² would be rounding. The oracle has no slope where |∂ŷ| has a kink."""
    x = pair(rng, 1, 9, 9, 1)[0]
    y = np.full_like(x, 0.9)
    expected = getattr(oracle_images, name)(*golden.float64(x, y), **LOSSES[name])
    value, gradient = value_and_gradient(lambda y: box.get(name, **LOSSES[name])(x, y), y)
    np.testing.assert_allclose(value, expected.mean, rtol=2e-6)
    if name == "gradient_difference":
        assert not np.any(gradient)
    else:
        np.testing.assert_allclose(gradient, expected.gradient, atol=1e-5 * np.abs(expected.gradient).max())


def test_images_with_nothing_in_common(rng):
    """The negative: a covariance below 0, a similarity below 0, and of the multi-scale one a product of 0."""
    x = np.where(rng.random((1, 8, 8, 1)) < 0.5, 0.0, 1.0).astype(PRECISE)
    for name in ("ssim", "multi_scale_ssim"):
        expected = getattr(oracle_images, name)(*golden.float64(x, 1 - x), **LOSSES[name])
        value, gradient = value_and_gradient(lambda y, n=name: box.get(n, dtype=PRECISE, **LOSSES[n])(x, y), 1 - x)
        assert value >= 1
        assert_close(value, expected.mean, 10 * TOLERANCE[PRECISE])
        assert np.any(gradient) == (name == "ssim")
        np.testing.assert_allclose(gradient, expected.gradient, atol=1e-5)


def test_an_image_of_one_pixel_has_no_steps():
    x = np.ones((2, 1, 1, 3), "float32")
    value, gradient = value_and_gradient(lambda y: box.GradientDifference()(x, y), 0 * x)
    assert value == 0
    assert not np.any(gradient)


# ---------------------------------------------------------------- 4. identities


def test_one_scale_is_ssim(rng):
    x, y = pair(rng, 2, 12, 9, 2)
    one, other = (
        value_and_gradient(lambda y, f=loss: f(x.astype(PRECISE), y), y.astype(PRECISE))
        for loss in (box.MultiScaleSSIM(1.0, filter_size=5, dtype=PRECISE), box.SSIM(filter_size=5, dtype=PRECISE))
    )
    for a, b in zip(one, other, strict=True):
        assert_close(a, b, 5 * TOLERANCE[PRECISE])


@every_loss
def test_labels_and_predictions_may_change_places(name, rng):
    x, y = pair(rng, 2, 9, 9, 2)
    loss = box.get(name, reduction="none", **LOSSES[name])
    np.testing.assert_allclose(numpy(loss(x, y)), numpy(loss(y, x)), rtol=2e-6)


def test_only_the_range_of_pixels_matters(rng):
    x, y = pair(rng, 2, 9, 9, 2)
    of_one, of_255 = box.SSIM(filter_size=5)(x, y), box.SSIM(255.0, filter_size=5)(255 * x, 255 * y)
    np.testing.assert_allclose(float(of_255), float(of_one), rtol=2e-6)


def test_steps_do_not_see_brightness_or_a_mirror(rng):
    x, y = (image.astype("float64") for image in pair(rng, 2, 6, 5, 2))
    loss = box.GradientDifference(2.0, reduction="none", dtype=PRECISE)
    expected = numpy(loss(x, y))
    for other in (y + 3, -y, 1 - y):
        np.testing.assert_allclose(numpy(loss(x, other)), expected, rtol=1e-5)
    np.testing.assert_allclose(numpy(loss(x[:, ::-1], y[:, ::-1])), expected, rtol=1e-5)


# ---------------------------------------------------------------- 5. sizes, weights, masks

TOO_SMALL = [
    (box.SSIM(), (2, 10, 30, 3), "at least 11 x 11 pixels for filter_size=11"),
    (box.SSIM(filter_size=4), (2, 30, 3, 3), "at least 4 x 4 pixels for filter_size=4"),
    (box.MultiScaleSSIM(), (1, 160, 200, 1), "at least 161 x 161 pixels for filter_size=11 and 5 scales"),
]


@pytest.mark.parametrize("loss, shape, says", TOO_SMALL)
def test_an_image_smaller_than_the_filter_is_an_error_with_both_sizes(loss, shape, says):
    with pytest.raises(ValueError, match=rf"{type(loss).__name__}: `y_pred` must hold images of {says}. Received") as e:
        loss(np.zeros(shape, "float32"), np.zeros(shape, "float32"))
    assert str(shape) in str(e.value)


@on_tensorflow
def test_where_only_the_run_knows_the_size():
    image = tf.TensorSpec([None, None, None, 1])
    loss = box.SSIM(filter_size=5)
    run = tf.function(loss, [image, image], autograph=False)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"at least 5 x 5 pixels[^\n]*\[4\] \[9\]"):
        run(tf.zeros((1, 4, 9, 1)), tf.zeros((1, 4, 9, 1)))
    assert run(tf.zeros((1, 5, 9, 1)), tf.zeros((1, 5, 9, 1))) == 0
    compiled = tf.function(loss, [image, image], autograph=False, jit_compile=True)
    assert np.isnan(compiled(tf.zeros((1, 4, 9, 1)), tf.zeros((1, 4, 9, 1))))


@every_loss
def test_other_shapes_and_weights_of_pixels_are_refused(name, rng):
    x, y = pair(rng, 3, 9, 9, 1)
    loss = box.get(name, **LOSSES[name])
    with pytest.raises(ValueError, match=r"`y_pred` must hold images, \(n, height, width, channels\)"):
        loss(x[..., 0], y[..., 0])
    with pytest.raises(ValueError, match="`sample_weight` must fit the loss values from the left"):
        loss(x, y, np.ones((3, 9, 9)))
    with pytest.raises(ValueError, match="`mask` must have one entry for each image"):
        loss(x, with_mask(y, np.ones((3, 9, 9), bool)))
    np.testing.assert_allclose(numpy(loss(x[..., 0], y)), numpy(loss(x, y)))  # grey labels may lack the channel
    weights = np.array([1.0, 0.0, 3.0])
    values = numpy(box.get(name, reduction="none", **LOSSES[name])(x, y))
    np.testing.assert_allclose(numpy(loss(x, y, weights)), np.sum(weights * values) / 3, rtol=1e-6)


def test_a_sigmoid_is_not_looked_behind():
    """A white image: the softmax of one channel is 1 as well, and its logits are no image."""
    x, logits = np.full((1, 9, 9, 1), 0.5, "float32"), np.full((1, 9, 9, 1), 20.0, "float32")
    y = keras.layers.Activation("sigmoid")(logits)
    assert float(box.SSIM(filter_size=5)(x, y)) == float(box.SSIM(filter_size=5)(x, numpy(y)))


@pytest.mark.matrix
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name, side", [("ssim", 16), ("gradient_difference", 96)])
def test_every_mode_with_an_unknown_batch(name, side, mode, rng):
    """Of 96 pixels it is compiled by itself; the oracle are the images one by one."""
    x, y = pair(rng, 8, side, side, 1)
    loss = box.get(name, **LOSSES[name])
    one_by_one = [value_and_gradient(lambda y, i=i: loss(x[i : i + 1], y), y[i : i + 1]) for i in range(len(x))]
    value, gradient = value_and_gradient(lambda y: loss(x, y), y, mode, unknown_batch=mode == "graph")
    np.testing.assert_allclose(value, np.mean([number for number, _ in one_by_one]), rtol=1e-5)
    expected = np.concatenate([slope for _, slope in one_by_one]) / len(x)
    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-5 * np.abs(expected).max())


@pytest.mark.matrix
def test_an_image_is_found_again(rng):
    """By Adam, from its noisy copy."""
    x, y = pair(rng, 1, 12, 12, 1)
    image, loss, optimizer = keras.Variable(y), box.SSIM(filter_size=5), keras.optimizers.Adam(0.02)
    for _ in range(50):
        _, gradient = value_and_gradient(lambda y: loss(x, y), numpy(image.value))
        optimizer.apply([ops.convert_to_tensor(gradient)], [image])
    assert float(loss(x, numpy(image.value))) < 0.02
    assert np.abs(numpy(image.value) - x).mean() < np.abs(y - x).mean() / 2
