"""The losses with the real packages around Keras: scikit-learn's search, KerasTuner, TensorBoard, and CSV logs."""

import csv
import warnings

import keras
import numpy as np
import pytest
from backends import BACKEND
from sklearn.model_selection import GridSearchCV

import keras_lossbox as box

numpy = keras.ops.convert_to_numpy


@pytest.fixture
def rare(rng):
    """Two overlapping classes, one of ten samples positive."""
    y = (np.arange(240) % 10 == 0).astype("int32")
    return (rng.normal(size=(240, 2)) + 1.5 * y[:, None]).astype("float32"), y


def compiled(outputs, loss, metrics=None):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(outputs)])
    model.compile(keras.optimizers.Adam(0.1), loss=loss, metrics=metrics)
    return model


def same_after_reload(model, x, y, path):
    model.save(path)
    again = keras.saving.load_model(path)
    assert type(again.loss) is type(model.loss)
    assert again.loss.get_config() == model.loss.get_config()
    assert again.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)


@pytest.mark.matrix
def test_grid_search_over_an_option(rare, tmp_path):
    """Balanced accuracy needs the rare class, which the loss without class weights gives up."""
    x, y = rare
    losses = [box.CategoricalFocalCrossentropy(from_logits=True, alpha=w) for w in ([1.0, 1.0], [1.0, 9.0])]

    def build(X, y, loss):  # noqa: N803, the names that the wrapper passes
        return compiled(2, loss)

    grid = {"model_kwargs": [{"loss": loss} for loss in losses]}
    search = GridSearchCV(keras.wrappers.SKLearnClassifier(build), grid, scoring="balanced_accuracy", cv=2)
    search.fit(x, y, epochs=6, verbose=0)  # not as `fit_kwargs`, which Keras's wrapper loses when it is cloned
    assert np.all(np.isfinite(search.cv_results_["mean_test_score"]))
    assert search.best_params_["model_kwargs"]["loss"].alpha == (1.0, 9.0)
    assert search.best_score_ > 0.7
    model = search.best_estimator_.model_
    assert model.loss.get_config() == losses[1].get_config()
    same_after_reload(model, x, np.eye(2, dtype="float32")[y], tmp_path / "best.keras")


@pytest.mark.filterwarnings(r"ignore:(currentThread|getName)\(\):DeprecationWarning")  # KerasTuner's
@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")  # whose state KerasTuner does not need
def test_keras_tuner_over_pos_weight(rare, tmp_path):
    keras_tuner = pytest.importorskip("keras_tuner")
    x, y = rare

    def build(hp):
        loss = box.BinaryCrossentropy(from_logits=True, pos_weight=hp.Choice("pos_weight", [0.5, 1.0, 9.0]))
        return compiled(1, loss, metrics=[keras.metrics.Recall(thresholds=0.0, name="recall")])

    def tuner(**options):
        objective = keras_tuner.Objective("val_recall", "max")
        return keras_tuner.GridSearch(build, objective, max_trials=3, directory=tmp_path, project_name="p", **options)

    tuner().search(x, y, validation_data=(x, y), epochs=6, verbose=0)
    again = tuner(overwrite=False)  # a search taken up again from its folder
    assert again.get_best_hyperparameters()[0].get("pos_weight") == 9.0
    model = again.get_best_models()[0]
    assert model.loss.get_config() == box.BinaryCrossentropy(from_logits=True, pos_weight=9.0).get_config()
    assert again.oracle.get_best_trials()[0].score == pytest.approx(model.evaluate(x, y, verbose=0)[1])
    same_after_reload(model, x, y, tmp_path / "best.keras")


def test_csv_logger_and_tensorboard_log_the_parts_of_a_sum(rare, tmp_path):
    x, y = rare
    loss = box.BinaryCrossentropy(from_logits=True, pos_weight=9.0) + 0.5 * box.BinaryFocalCrossentropy(
        from_logits=True
    )
    model = compiled(1, loss, metrics=loss.metrics())
    callbacks = [keras.callbacks.CSVLogger(tmp_path / "log.csv")]
    if BACKEND == "tensorflow":
        pytest.importorskip("tensorboard")
        callbacks.append(keras.callbacks.TensorBoard(tmp_path / "board"))
    logs = model.fit(x, y, validation_data=(x, y), epochs=3, callbacks=callbacks, verbose=0).history
    assert {"binary_crossentropy", "binary_focal_crossentropy", "loss"} < set(logs)
    np.testing.assert_allclose(
        logs["val_loss"],
        np.add(logs["val_binary_crossentropy"], np.multiply(0.5, logs["val_binary_focal_crossentropy"])),
        rtol=1e-2,  # Keras's is a mean of batch means, the last batch smaller
    )
    with open(tmp_path / "log.csv") as file:
        rows = list(csv.DictReader(file))
    for name, values in logs.items():
        np.testing.assert_allclose([float(row[name]) for row in rows], values, rtol=1e-6)
    if BACKEND != "tensorflow":
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the reader's own dependencies
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
        from tensorboard.util import tensor_util
    for folder, prefix in (("train", ""), ("validation", "val_")):
        events = EventAccumulator(str(tmp_path / "board" / folder), size_guidance={"tensors": 0}).Reload()
        for part in ("binary_crossentropy", "binary_focal_crossentropy", "loss"):
            logged = [float(tensor_util.make_ndarray(event.tensor_proto)) for event in events.Tensors(f"epoch_{part}")]
            np.testing.assert_allclose(logged, logs[prefix + part], rtol=1e-6)
