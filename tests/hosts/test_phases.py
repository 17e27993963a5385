"""What docs/changing_a_loss.md says of training in phases, each with a loss of its own, and of `LossSchedule`."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_lossbox as box

LOSSES = [box.BinaryFocalCrossentropy(gamma=gamma, from_logits=True) for gamma in (0.0, 2.0)]
BATCH, EPOCHS = 8, 2  # of each phase


def data():
    rng = np.random.default_rng(1)
    return rng.normal(size=(20, 4)).astype("float32"), (rng.random((20, 3)) < 0.4).astype("float32")


def model_of(loss, optimizer):
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile(optimizer, loss=loss)
    return model


def fit(model, phase):
    begin = phase * EPOCHS
    x, y = data()
    model.fit(x, y, batch_size=BATCH, initial_epoch=begin, epochs=begin + EPOCHS, shuffle=False, verbose=0)


def adam(weights, gradients, state, rate=0.01):
    """Adam as Kingma and Ba wrote it, in float64, with Keras's place for ε."""
    state["t"] += 1
    step = rate * np.sqrt(1 - 0.999 ** state["t"]) / (1 - 0.9 ** state["t"])
    for i, gradient in enumerate(gradients):
        state["m"][i] = 0.9 * state["m"][i] + 0.1 * gradient
        state["v"][i] = 0.999 * state["v"][i] + 0.001 * gradient**2
        weights[i] = weights[i] - step * state["m"][i] / (np.sqrt(state["v"][i]) + 1e-7)


def focal_slope(y, z, gamma):
    """The slope of the mean of -(1 - p_t)^γ log p_t in the logits."""
    sign = 2 * y - 1
    p = 1 / (1 + np.exp(-sign * z))
    return sign * (gamma * p * (1 - p) ** gamma * np.log(p) - (1 - p) ** (gamma + 1)) / z.size


def by_hand(weights):
    x, y = (array.astype("float64") for array in data())
    weights = [weight.astype("float64") for weight in weights]
    state = {"t": 0, "m": [0.0, 0.0], "v": [0.0, 0.0]}
    for gamma in (0.0, 2.0):
        for start in list(range(0, 20, BATCH)) * EPOCHS:
            of_batch, labels = x[start : start + BATCH], y[start : start + BATCH]
            slope = focal_slope(labels, of_batch @ weights[0] + weights[1], gamma)
            adam(weights, [of_batch.T @ slope, slope.sum(0)], state)
    return weights


def test_two_phases_are_one_loop():
    """The optimizer's moments go on; the oracle is a loop in float64."""
    optimizer = keras.optimizers.Adam(0.01)
    model = model_of(LOSSES[0], optimizer)
    expected = by_hand(model.get_weights())
    fit(model, 0)
    model.compile(optimizer, loss=LOSSES[1])
    fit(model, 1)
    for found, right in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-5, atol=1e-6)


@pytest.mark.matrix
@pytest.mark.parametrize("saved_in", [0, 1])
def test_a_file_holds_the_loss_of_its_phase_and_goes_on(saved_in, tmp_path):
    model = model_of(LOSSES[0], keras.optimizers.Adam(0.01))
    again = None
    for phase, loss in enumerate(LOSSES):
        model.compile(model.optimizer, loss=loss)
        if again is not None:
            again.compile(again.optimizer, loss=loss)
            fit(again, phase)
        fit(model, phase)
        if phase == saved_in:
            model.save(tmp_path / "model.keras")
            again = keras.saving.load_model(tmp_path / "model.keras")
            assert again.loss.get_config() == loss.get_config()
            assert int(ops.convert_to_numpy(again.optimizer.iterations)) == 3 * EPOCHS * (phase + 1)
    for found, expected in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)


# ---------------------------------------------------------------- LossSchedule


def scheduled(model, schedule, begin=0, end=2 * EPOCHS, **options):
    x, y = data()
    callbacks = [box.LossSchedule(schedule), *options.pop("callbacks", ())]
    options = {"batch_size": BATCH, "shuffle": False, "verbose": 0, "callbacks": callbacks} | options
    return model.fit(x, y, initial_epoch=begin, epochs=end, **options).history


def in_phases():
    """The weights after a `fit` for each loss, compiled with the same optimizer."""
    model = model_of(LOSSES[0], keras.optimizers.Adam(0.01))
    for phase, loss in enumerate(LOSSES):
        model.compile(model.optimizer, loss=loss)
        fit(model, phase)
    return model.get_weights()


def by_epoch(epoch):
    return LOSSES[0] if epoch < EPOCHS else box.BinaryFocalCrossentropy(gamma=2.0, from_logits=True)


@pytest.mark.parametrize("schedule", [dict(zip((0, EPOCHS), LOSSES, strict=True)), {EPOCHS: LOSSES[1]}, by_epoch])
def test_a_schedule_is_as_good_as_phases(schedule):
    """To the last bit; metrics go on, and the validation has the loss of the moment."""
    model, (x, y) = model_of(LOSSES[0], keras.optimizers.Adam(0.01)), data()
    metric = box.MeanLoss(LOSSES[0], name="watched")
    model.compile(model.optimizer, loss=LOSSES[0], metrics=[metric, "mae"])
    history = scheduled(model, schedule, validation_data=(x, y))
    for found, expected in zip(model.get_weights(), in_phases(), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert set(history) == {prefix + name for prefix in ("", "val_") for name in ("loss", "mae", "watched")}
    assert all(np.isfinite(values).all() and len(values) == 2 * EPOCHS for values in history.values())
    logits = ops.convert_to_numpy(model(x))
    np.testing.assert_allclose(history["val_loss"][-1], float(LOSSES[1](y, logits)), rtol=1e-5)
    np.testing.assert_allclose(history["val_watched"][-1], float(LOSSES[0](y, logits)), rtol=1e-5)
    np.testing.assert_allclose(
        model.evaluate(x, y, verbose=0, return_dict=True)["loss"], history["val_loss"][-1], rtol=1e-6
    )
    assert model.loss.get_config() == LOSSES[1].get_config()


@pytest.mark.matrix
def test_a_model_saved_on_the_way_goes_on(tmp_path):
    """In each epoch, with the loss of that epoch in the file; loaded, it ends as if it had never stopped."""
    schedule = dict(zip((0, EPOCHS), LOSSES, strict=True))
    model = model_of(LOSSES[0], keras.optimizers.Adam(0.01))
    saving = keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras")
    scheduled(model, schedule, callbacks=[saving])
    for epoch in range(1, 2 * EPOCHS + 1):
        again = keras.saving.load_model(tmp_path / f"{epoch}.keras")
        assert again.loss.get_config() == LOSSES[epoch > EPOCHS].get_config()
        scheduled(again, schedule, begin=epoch)
        for found, expected in zip(again.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.skipif(keras.config.backend() == "torch", reason="PyTorch traces nothing")
def test_the_model_is_traced_again_only_for_another_loss():
    class Counting(box.MeanSquaredError):
        def call(self, y_true, y_pred):
            calls.append(None)
            return super().call(y_true, y_pred)

    calls = []
    model = model_of(Counting(), "sgd")
    scheduled(model, lambda epoch: Counting(), end=1)
    of_one = len(calls)
    calls.clear()
    model = model_of(Counting(), "sgd")
    scheduled(model, lambda epoch: Counting(), end=4)
    assert len(calls) == of_one


@pytest.mark.parametrize(
    "schedule",
    [
        {},
        {"0": LOSSES[0]},
        {-1: LOSSES[0]},
        {True: LOSSES[0]},
        {1: None},
        {1: box.Huber},
        {1: {"yes": box.Huber}},
        LOSSES[0],
        [LOSSES[0]],
        "mse",
    ],
)
def test_schedules_that_are_none(schedule):
    with pytest.raises(ValueError, match="LossSchedule: `schedule` must be a dict of losses by the epoch"):
        box.LossSchedule(schedule)


def of_two_outputs(loss, **options):
    keras.utils.set_random_seed(3)
    x = keras.Input((4,))
    model = keras.Model(x, [keras.layers.Dense(3, name="yes")(x), keras.layers.Dense(3, name="much")(x)])
    model.compile(keras.optimizers.Adam(0.01), loss=loss, **options)
    return model


def of_outputs(form, yes, much):
    return {"yes": yes, "much": much} if form == "dict" else [yes, much]


@pytest.mark.parametrize("form", ["dict", pytest.param("list", marks=pytest.mark.matrix)])
def test_several_outputs_are_as_good_as_phases(form, tmp_path):
    """To the last bit: weights, and in the log each output's own loss; `loss_weights` stay; a saved model goes on."""
    phases = [of_outputs(form, LOSSES[0], "mse"), of_outputs(form, LOSSES[1], box.Huber(0.1))]
    options = {"loss_weights": of_outputs(form, 1.0, 0.5), "metrics": of_outputs(form, ["mae"], None)}
    x, y = data()
    given = {"x": x, "y": [y, x[:, :3]], "batch_size": BATCH, "shuffle": False, "verbose": 0}
    by_hand, history = of_two_outputs(phases[0], **options), []
    for phase, loss in enumerate(phases):
        by_hand.compile(by_hand.optimizer, loss=loss, **options)
        begin = phase * EPOCHS
        history.append(by_hand.fit(**given, initial_epoch=begin, epochs=begin + EPOCHS).history)

    model = of_two_outputs(phases[0], **options)
    saving = keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras")
    callbacks = [box.LossSchedule(dict(zip((0, EPOCHS), phases, strict=True))), saving]
    found = model.fit(**given, epochs=2 * EPOCHS, callbacks=callbacks).history
    assert found == {name: values + history[1][name] for name, values in history[0].items()}
    assert {"loss", "yes_loss", "much_loss"} < found.keys()
    again = keras.saving.load_model(tmp_path / f"{EPOCHS + 1}.keras")
    again.fit(**given, initial_epoch=EPOCHS + 1, epochs=2 * EPOCHS, callbacks=callbacks[:1])
    for one in (model, again):
        for weight, expected in zip(one.get_weights(), by_hand.get_weights(), strict=True):
            np.testing.assert_array_equal(weight, expected)


def test_losses_of_other_outputs():
    """An error, and the model keeps the losses that it had."""
    model, (x, y) = of_two_outputs({"yes": LOSSES[0], "much": "mse"}), data()
    schedule = box.LossSchedule({1: {"yes": LOSSES[1], "much": None}})
    with pytest.raises(ValueError, match=r"LossSchedule: `schedule` must have losses for the same outputs"):
        model.fit(x, [y, y], epochs=2, verbose=0, callbacks=[schedule])
    assert model.loss["much"] == "mse"
    assert np.isfinite(model.evaluate(x, [y, y], verbose=0)).all()


def test_the_cross_entropy_of_one_of_several_outputs_must_be_named():
    """Keras chooses one by labels, when it first sees them."""
    model, (x, y) = of_two_outputs({"yes": "crossentropy", "much": "mse"}), data()
    schedule = box.LossSchedule({1: {"yes": "crossentropy", "much": "mae"}})
    with pytest.raises(ValueError, match=r"LossSchedule: `schedule` must say which cross-entropy .*'crossentropy'"):
        model.fit(x, [y, y], epochs=2, verbose=0, callbacks=[schedule])
    assert model.loss == {"yes": "crossentropy", "much": "mse"}


def test_the_losses_of_several_outputs_change_only_where_one_is_another():
    loss = {"yes": LOSSES[0], "much": "mse"}
    model, (x, y) = of_two_outputs(loss), data()
    record = []
    look = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: record.append(model.loss))
    same = {"yes": box.BinaryFocalCrossentropy(gamma=0.0, from_logits=True), "much": "mse"}
    schedule = box.LossSchedule({1: same, 2: {**same, "much": "mae"}})
    model.fit(x, [y, y], epochs=3, verbose=0, callbacks=[schedule, look])
    assert record[1]["yes"] is LOSSES[0]
    assert record[2]["much"] == "mae"


def test_losses_of_keras_that_hold_arrays_are_exchanged():
    first, second = (keras.losses.CategoricalFocalCrossentropy(alpha=np.array([0.1, 0.2, a])) for a in (0.3, 0.5))
    model = model_of(first, "sgd")
    scheduled(model, {0: second}, end=1)
    assert model.loss is second
