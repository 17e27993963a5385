"""`MaskedMetric`: the metric of what is left once missing labels are taken out by hand, which is the oracle."""

import keras
import numpy as np
import pytest
from backends import BACKEND, with_mask
from sklearn import metrics as sklearn

import keras_lossbox as box

M = keras.metrics
numpy = keras.ops.convert_to_numpy
nan = float("nan")


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def missing_some(rng, y, ignore):
    """The labels, of which a third is missing, and which are there."""
    present = rng.random(y.shape) < 0.67
    return np.where(present, y, ignore).astype(y.dtype), present


OF_ENTRIES = [
    lambda: M.BinaryAccuracy(),
    lambda: M.Precision(thresholds=0.4),
    lambda: M.Recall(),
    lambda: M.AUC(),
    lambda: M.AUC(curve="PR"),
    lambda: M.BinaryCrossentropy(),
    lambda: M.MeanAbsoluteError(),
    lambda: M.RootMeanSquaredError(),
    lambda: M.FalsePositives(),
    lambda: M.MeanMetricWrapper(keras.losses.binary_crossentropy, name="by_function"),
]


@pytest.mark.one_in(5)
@pytest.mark.parametrize("make", OF_ENTRIES, ids=lambda make: make().name)
@pytest.mark.parametrize("ignore", [nan, -1])
def test_labels_missing_one_by_one(make, ignore, rng):
    """Over batches of several sizes, with weights of samples and of entries."""
    y, p = (rng.random((13, 3)) < 0.4).astype("float32"), rng.random((13, 3)).astype("float32")
    y, present = missing_some(rng, y, ignore)
    for weights in (None, rng.choice([0.0, 1.0, 2.0], 13), rng.choice([0.0, 1.0, 2.0], (13, 3))):
        metric, oracle = box.MaskedMetric(make(), ignore=ignore), make()
        for batch in (slice(0, 5), slice(5, 6), slice(6, 13)):
            metric.update_state(y[batch], p[batch], None if weights is None else weights[batch])
        w = np.ones(13) if weights is None else weights
        w = (np.broadcast_to(w[:, None], y.shape) if w.ndim == 1 else w)[present]
        oracle.update_state(y[present][:, None], p[present][:, None], w)
        np.testing.assert_allclose(numpy(metric.result()), numpy(oracle.result()), rtol=1e-5)
        metric.reset_state()
        assert not np.any([numpy(v) for v in metric.variables])


def one_hot(y):
    return np.eye(4, dtype="float32")[y]


OF_ROWS = {
    "sparse accuracy": (lambda: M.SparseCategoricalAccuracy(), lambda y: y),
    "sparse top 2": (lambda: M.SparseTopKCategoricalAccuracy(2), lambda y: y),
    "sparse cross-entropy": (lambda: M.SparseCategoricalCrossentropy(), lambda y: y),
    "mean IoU": (lambda: M.MeanIoU(4, sparse_y_pred=False), lambda y: y),
    "accuracy": (lambda: M.CategoricalAccuracy(), one_hot),
    "cross-entropy": (lambda: M.CategoricalCrossentropy(), one_hot),
    "cosine": (lambda: M.CosineSimilarity(), one_hot),
    "one-hot IoU": (lambda: M.OneHotMeanIoU(4), one_hot),
}


@pytest.mark.one_in(1)
@pytest.mark.parametrize("name", OF_ROWS)
@pytest.mark.parametrize("shape", [(13,), (5, 3)])
def test_rows_that_are_missing(name, shape, rng):
    make, form = OF_ROWS[name]
    labels, p = rng.integers(0, 4, shape), rng.random((*shape, 4)).astype("float32")
    p /= p.sum(-1, keepdims=True)
    present = rng.random(shape) < 0.67
    weights = rng.choice([0, 1, 2], shape[0])  # whole numbers: metrics of IoU count with integers
    if form is one_hot:
        y, ignore = form(labels), nan
        y[~present, rng.integers(4)] = nan
    else:
        y, ignore = np.where(present, labels, 255), 255
    metric, oracle = box.MaskedMetric(make(), ignore=ignore), make()
    metric.update_state(y, p, weights)
    w = np.broadcast_to(weights.reshape(-1, *[1] * (len(shape) - 1)), shape)[present]
    oracle.update_state(form(labels[present]), p[present], w)
    np.testing.assert_allclose(numpy(metric.result()), numpy(oracle.result()), rtol=1e-5)
    if form is not one_hot:
        metric.reset_state()
        metric.update_state(y[..., None], p, weights)
        np.testing.assert_allclose(numpy(metric.result()), numpy(oracle.result()), rtol=1e-5)


def test_one_output_in_every_form(rng):
    y, present = missing_some(rng, (rng.random(9) < 0.5).astype("float32"), nan)
    p = rng.random(9).astype("float32")
    expected = np.mean((p > 0.5) == y, where=present)
    for labels in (y, y[:, None]):
        for predictions in (p, p[:, None]):
            metric = box.MaskedMetric("BinaryAccuracy")
            metric.update_state(labels, predictions)
            np.testing.assert_allclose(numpy(metric.result()), expected, rtol=1e-6)


def test_padding_and_nan_that_do_not_count(rng):
    y, p = (
        np.array([[1.0, nan, 0.0], [1.0, 0.0, nan]], "float32"),
        np.array([[0.9, nan, 0.9], [0.2, 0.1, 0.3]], "float32"),
    )
    metric = box.MaskedMetric(M.BinaryAccuracy())
    metric.update_state(y[..., None], with_mask(p[..., None], [[True, True, False], [True, True, True]]))
    np.testing.assert_allclose(numpy(metric.result()), 2 / 3, rtol=1e-6)


def test_nothing_labelled_is_the_metric_of_nothing():
    metric = box.MaskedMetric(M.MeanAbsoluteError())
    metric.update_state([[nan, nan]], [[0.3, 0.7]])
    assert numpy(metric.result()) == 0


@pytest.mark.matrix
def test_in_fit_saved_and_loaded(rng, tmp_path):
    """Oracle: scikit-learn on what is labelled, over the whole data set."""
    x = rng.normal(size=(50, 3)).astype("float32")
    y, present = missing_some(rng, (x @ rng.normal(size=(3, 4)) > 0).astype("float32"), nan)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
    auc = M.AUC(from_logits=True, num_thresholds=2000, name="auc")
    metrics = [box.MaskedMetric(auc), box.MaskedMetric(M.BinaryAccuracy(threshold=0.0), name="right")]
    model.compile("adam", box.Masked(box.BinaryCrossentropy(from_logits=True)), metrics=metrics)
    model.fit(x, y, batch_size=16, verbose=0)
    logs = model.evaluate(x, y, batch_size=16, verbose=0, return_dict=True)
    z = model.predict(x, verbose=0)
    np.testing.assert_allclose(logs["auc"], sklearn.roc_auc_score(y[present], z[present]), atol=1e-3)
    np.testing.assert_allclose(logs["right"], np.mean((z > 0) == y, where=present), rtol=1e-6)
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert again.evaluate(x, y, batch_size=16, verbose=0, return_dict=True) == pytest.approx(logs, rel=1e-6)
    config = metrics[1].get_config()
    copied = box.MaskedMetric.from_config(config)
    assert (copied.name, copied.ignore, copied.metric.threshold) == ("right", "nan", 0.0)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="graphs of TensorFlow")
def test_sizes_that_only_the_run_knows(rng):
    import tensorflow as tf

    y, present = missing_some(rng, (rng.random((6, 3)) < 0.5).astype("float32"), nan)
    p, metric = rng.random((6, 3)).astype("float32"), box.MaskedMetric(M.BinaryAccuracy())
    specs = [tf.TensorSpec((None, 3)), tf.TensorSpec((None, 3)), tf.TensorSpec((None,))]
    tf.function(metric.update_state, input_signature=specs)(y, p, np.ones(6, "float32"))
    np.testing.assert_allclose(numpy(metric.result()), np.mean((p > 0.5) == y, where=present), rtol=1e-6)


@pytest.mark.parametrize(
    "metric", [M.F1Score(), M.FBetaScore(), M.R2Score(), M.AUC(multi_label=True, num_labels=3), "nonsense", 3]
)
def test_refuses_what_it_cannot_mask(metric):
    with pytest.raises(ValueError, match="metric"):
        box.MaskedMetric(metric)


def test_refuses_what_does_not_fit():
    metric = box.MaskedMetric(M.BinaryAccuracy())
    with pytest.raises(ValueError, match="MaskedMetric: y_true and y_pred must have the same shape"):
        metric.update_state([[1.0, 0.0]], [[0.5, 0.5], [0.1, 0.2]])
    with pytest.raises(ValueError, match="MaskedMetric: `sample_weight` must fit"):
        metric.update_state([[1.0, 0.0]], [[0.5, 0.5]], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="MaskedMetric: `ignore` must be a number or NaN"):
        box.MaskedMetric(M.BinaryAccuracy(), ignore="missing")
