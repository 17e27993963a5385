"""`DiceScore` and `IoUScore`: the F1 and the Jaccard score of scikit-learn over all pixels, and Keras's `MeanIoU`."""

import keras
import numpy as np
import pytest
from backends import BACKEND, with_mask
from sklearn import metrics as sklearn

import keras_lossbox as box

numpy = keras.ops.convert_to_numpy
ORACLES = {box.DiceScore: sklearn.f1_score, box.IoUScore: sklearn.jaccard_score}
every_score = pytest.mark.parametrize("cls", ORACLES, ids=lambda cls: cls.__name__)
nan = float("nan")
SHAPE, CLASSES = (5, 4, 3), 4


def data_of(mode, rng):
    """Labels, logits and the pixels that these predict, as scikit-learn takes them; class 3 never occurs."""
    z = rng.normal(size=(*SHAPE, CLASSES if mode != "binary" else 1)).astype("float32")
    if mode != "multiclass":
        y = rng.integers(0, 2, z.shape).astype("float32")
        return y, z, (z > 0).astype(int)
    z[..., 3] -= 9
    return rng.integers(0, 3, SHAPE), z, z.argmax(-1)


def in_batches(metric, y, z, weights=None):
    """The score after batches of 2, 2 and 1."""
    for part in (slice(0, 2), slice(2, 4), slice(4, 5)):
        metric.update_state(y[part], z[part], None if weights is None else weights[part])
    return numpy(metric.result())


def flat(x, mode):
    """Pixels as rows."""
    return x.reshape(-1, CLASSES) if mode == "multilabel" else x.ravel()


@every_score
@pytest.mark.parametrize("average", ["macro", "micro", None])
@pytest.mark.parametrize("mode", ["binary", "multilabel", "multiclass"])
@pytest.mark.one_in(1)
def test_scikit_learn(cls, mode, average, rng):
    y, z, found = data_of(mode, rng)
    weights = rng.uniform(0.5, 2.0, SHAPE).astype("float32")
    options = (
        {"average": "binary"}
        if mode == "binary"
        else {"average": average, "labels": range(CLASSES - (average == "macro" and mode == "multiclass"))}
    )
    for w in (None, weights) if mode != "multilabel" else (None,):
        given = None if w is None else w.ravel()
        expected = ORACLES[cls](flat(y, mode), flat(found, mode), sample_weight=given, **options, zero_division=0)
        if average is None and mode == "multiclass":
            expected[3] = nan  # which never occurs; scikit-learn has 0
        result = in_batches(cls(mode, from_logits=True, average=average), y, z, w)
        np.testing.assert_allclose(result.ravel() if average is None else result, expected, rtol=1e-6)
    probabilities = keras.ops.softmax(z) if mode == "multiclass" else keras.ops.sigmoid(z)
    same = in_batches(cls(mode, average=average), y, numpy(probabilities), None if mode == "multilabel" else weights)
    np.testing.assert_allclose(same, result, rtol=1e-6)


@every_score
def test_a_probability_moves_the_threshold(cls, rng):
    y, z, _ = data_of("binary", rng)
    for threshold, logit in ((0.2, np.log(0.25)), (0.0, -np.inf), (1.0, np.inf)):
        expected = ORACLES[cls](y.ravel(), (z > logit).ravel(), zero_division=0.0)
        metric = cls(from_logits=True, threshold=threshold)
        np.testing.assert_allclose(in_batches(metric, y, z), expected, rtol=1e-6)


def test_keras(rng):
    y, z, _ = data_of("multiclass", rng)
    y[0, :2] = 255
    theirs = keras.metrics.MeanIoU(CLASSES, ignore_class=255, sparse_y_pred=False)
    z_theirs = np.where(y[..., None] == 255, 0, z)
    theirs.update_state(y, z_theirs)
    ours = in_batches(box.IoUScore("multiclass", from_logits=True, ignore_class=255), y, z)
    np.testing.assert_allclose(ours, numpy(theirs.result()), rtol=1e-6)


@every_score
@pytest.mark.parametrize("by", ["weight", "mask", "ignore_class"])
@pytest.mark.parametrize("mode", ["binary", "multiclass"])
def test_what_is_left_out_may_be_anything(cls, mode, by, rng):
    y, z, found = data_of(mode, rng)
    keep = rng.random(SHAPE) < 0.6
    kept = keep[..., None] if mode == "binary" else keep
    expected = ORACLES[cls](y[kept], found[kept], average="binary" if mode == "binary" else "macro")
    y = np.where(kept, y, 255)
    z = np.where(keep[..., None], z, nan if by != "ignore_class" else 7).astype("float32")
    metric = cls(mode, from_logits=True, ignore_class=255 if by == "ignore_class" else None)
    if by == "mask":
        metric.update_state(y, with_mask(z, keep))
    else:
        metric.update_state(y, z, keep.astype("float32") if by == "weight" else None)
    np.testing.assert_allclose(numpy(metric.result()), expected, rtol=1e-6)


@every_score
def test_background_is_left_out(cls, rng):
    y, z, found = data_of("multiclass", rng)
    for average in ("macro", "micro"):
        expected = ORACLES[cls](y.ravel(), found.ravel(), labels=[1, 2], average=average)
        metric = cls("multiclass", from_logits=True, include_background=False, average=average)
        np.testing.assert_allclose(in_batches(metric, y, z), expected, rtol=1e-6)


@every_score
def test_nothing_is_0_and_a_reset_forgets(cls, rng):
    metric = cls(from_logits=True)
    assert numpy(metric.result()) == 0
    y, z, _ = data_of("binary", rng)
    first = in_batches(metric, y, z)
    metric.reset_state()
    assert numpy(metric.result()) == 0
    assert in_batches(metric, y, z) == first


@pytest.mark.matrix
@every_score
def test_in_fit_saved_and_loaded(cls, rng, tmp_path):
    y, x, _ = data_of("multiclass", rng)
    model = keras.Sequential([keras.Input((*SHAPE[1:], CLASSES)), keras.layers.Dense(CLASSES)])
    metric = cls("multiclass", from_logits=True, ignore_class=2)
    loss = box.SparseCategoricalCrossentropy(from_logits=True, ignore_class=2)
    model.compile("sgd", loss, metrics=[metric])
    model.fit(x, y, batch_size=2, epochs=2, verbose=0)
    found = numpy(model(x)).argmax(-1)
    kept = y != 2
    labels = np.setdiff1d([y, found], 2)
    expected = ORACLES[cls](y[kept], found[kept], labels=labels, average="macro")
    evaluated = model.evaluate(x, y, batch_size=2, verbose=0, return_dict=True)
    np.testing.assert_allclose(evaluated[metric.name], expected, rtol=1e-6)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.evaluate(x, y, batch_size=2, verbose=0, return_dict=True) == pytest.approx(evaluated)
    assert cls.from_config(metric.get_config()).get_config() == metric.get_config()


@every_score
def test_bad_input_is_an_error_that_says_so(cls):
    name = cls.__name__
    with pytest.raises(ValueError, match=f"{name}: `mode` must be one of 'binary'"):
        cls("binar")
    with pytest.raises(ValueError, match=rf"{name}: `threshold` must be a number in \[0, 1\]"):
        cls(threshold=2.0)
    with pytest.raises(ValueError, match=f"{name}: .*`y_true` must hold"):
        cls("multiclass", from_logits=True).update_state(np.array([[5]]), np.zeros((1, 1, 3)))
    with pytest.raises(ValueError, match=f"{name}: y_true and y_pred must"):
        cls().update_state(np.zeros((2, 3)), np.zeros((2, 4)))
    if BACKEND == "tensorflow":
        import tensorflow as tf

        metric = cls("multiclass", from_logits=True)
        metric.update_state(np.array([[1]]), np.zeros((1, 1, 3)))
        with pytest.raises(tf.errors.InvalidArgumentError, match=f"{name}: `y_true` must hold class indices"):
            tf.function(metric.update_state)(tf.constant([[5]]), tf.zeros((1, 1, 3)))


@pytest.mark.skipif(BACKEND != "tensorflow", reason="replicas of TensorFlow")
@every_score
def test_a_label_out_of_range_is_no_number_under_xla(cls):
    import tensorflow as tf

    metric = cls("multiclass", from_logits=True)
    metric.update_state(np.array([[1]]), np.zeros((1, 1, 3)))
    tf.function(metric.update_state, jit_compile=True)(tf.constant([[5]]), tf.zeros((1, 1, 3)))
    assert np.isnan(numpy(metric.result()))
