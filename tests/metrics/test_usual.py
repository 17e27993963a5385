"""`loss.metrics()`: the usual metrics of what a loss is for, told how the loss reads labels and predictions.

Expected numbers are numpy's, or those of Keras's metrics on probabilities and on what is left when missing labels are
taken out by hand.
"""

import keras
import numpy as np
import pytest

import keras_lossbox as box

NAN = float("nan")
Z = np.random.default_rng(3).normal(0, 3, (60, 4)).astype("float32")
ANSWERS = (Z + np.random.default_rng(4).normal(0, 1, (60, 4)) > 2).astype("float32")
CLASSES = np.random.default_rng(5).integers(0, 4, 60)
P = 1 / (1 + np.exp(-Z))


def found(loss, y_true, y_pred):
    metrics = loss.metrics()
    return {metric.name: float(metric(y_true, y_pred)) for metric in metrics}


def area(y, p):
    return float(keras.metrics.AUC(curve="PR")(y, p))


@pytest.mark.parametrize(
    "cls", [box.BinaryCrossentropy, box.BinaryFocalCrossentropy, box.AsymmetricLoss, box.BalancedBinaryCrossentropy]
)
def test_yes_no_from_logits_and_from_probabilities(cls):
    expected = {"binary_accuracy": np.mean((Z > 0) == ANSWERS), "auc_pr": area(ANSWERS, P)}
    assert found(cls(from_logits=True), ANSWERS, Z) == pytest.approx(expected, abs=1e-3)
    assert found(cls(), ANSWERS, P) == pytest.approx(expected, abs=1e-3)
    untold = float(keras.metrics.AUC(curve="PR")(ANSWERS, np.clip(Z, 0, 1)))  # logits taken for probabilities
    assert abs(untold - expected["auc_pr"]) > 0.02


@pytest.mark.parametrize("missing", [NAN, -1.0])
def test_missing_labels(missing):
    y = np.where(np.random.default_rng(6).random(ANSWERS.shape) < 0.5, missing, ANSWERS).astype("float32")
    known = ~np.isnan(y) if np.isnan(missing) else y != missing
    expected = {"binary_accuracy": np.mean((Z > 0)[known] == y[known]), "auc_pr": area(y[known], P[known])}
    loss = box.Masked(box.BinaryCrossentropy(from_logits=True), ignore="nan" if np.isnan(missing) else missing)
    assert found(loss, y, Z) == pytest.approx(expected, abs=1e-3)


def test_classes():
    expected = np.mean(np.argmax(Z, -1) == CLASSES)
    assert found(box.CategoricalCrossentropy(), np.eye(4)[CLASSES], Z) == pytest.approx(
        {"categorical_accuracy": expected}
    )
    y = np.where(np.arange(60) % 3 == 0, 255, CLASSES)
    known = y != 255
    loss = box.SparseCategoricalCrossentropy(from_logits=True, ignore_class=255)
    expected = np.mean(np.argmax(Z, -1)[known] == y[known])
    assert found(loss, y, Z) == pytest.approx({"sparse_categorical_accuracy": expected})
    assert box.SparseCategoricalCrossentropy(axis=1).metrics() == []  # Keras's metrics read the last axis


def test_regions():
    y, z = ANSWERS.reshape(4, 15, 4, 1), Z.reshape(4, 15, 4, 1)
    common, size = np.sum(y * (z > 0)), np.sum(y) + np.sum(z > 0)
    expected = {"dice_score": 2 * common / size, "iou_score": common / (size - common)}
    assert found(box.Dice(from_logits=True), y, z) == pytest.approx(expected)
    y = np.where(np.arange(240).reshape(y.shape) % 5 == 0, 255, y)
    kept = y != 255
    common, size = np.sum(y[kept] * (z > 0)[kept]), np.sum(y[kept]) + np.sum((z > 0)[kept])
    expected = {"dice_score": 2 * common / size, "iou_score": common / (size - common)}
    assert found(box.Tversky(from_logits=True, ignore_class=255), y, z) == pytest.approx(expected)


def test_real_numbers():
    expected = {
        "mean_absolute_error": np.mean(np.abs(Z - P)),
        "root_mean_squared_error": np.sqrt(np.mean((Z - P) ** 2)),
    }
    assert found(box.Huber(), P, Z) == pytest.approx(expected, rel=1e-5)
    assert box.Poisson(log_input=True).metrics() == []  # predictions are logarithms
    assert len(box.Poisson().metrics()) == 2


class Cubed(box.Loss):
    def call(self, y_true, y_pred):
        return keras.ops.mean(keras.ops.abs(y_true - y_pred) ** 3, -1)


def test_where_nothing_is_usual():
    for loss in (box.QualityFocal(), box.SupCon(), box.GaussianNLL(), box.GIoU(), Cubed(), box.Masked(Cubed())):
        assert loss.metrics() == []


def test_each_call_makes_new_metrics():
    first, second = box.Huber().metrics(), box.Huber().metrics()
    assert not set(map(id, first)) & set(map(id, second))


def test_in_fit_and_from_a_file(tmp_path):
    loss = box.Masked(box.BinaryCrossentropy(from_logits=True))
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
    model.compile("sgd", loss=loss, metrics=loss.metrics())
    x, y = Z[:, :3], np.where(Z > 4, NAN, ANSWERS)
    history = model.fit(x, y, epochs=2, verbose=0).history
    assert set(history) == {"loss", "binary_accuracy", "auc_pr"}
    assert np.isfinite(list(history.values())).all()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    expected, numbers = (each.evaluate(x, y, verbose=0, return_dict=True) for each in (model, loaded))
    assert numbers == pytest.approx(expected)
    z = model.predict(x, verbose=0)
    known = ~np.isnan(y)
    assert numbers["binary_accuracy"] == pytest.approx(np.mean((z > 0)[known] == y[known]))
