"""The losses of survival: loops, other libraries' definitions, extremes, several replicas."""

import functools
import itertools
import json
import pathlib
import subprocess
import sys

import golden
import keras
import numpy as np
import pytest
from backends import BACKEND, MODES, value_and_gradient, with_mask
from cases import by_default
from golden import PRECISE, TOLERANCE, assert_close
from keras import ops
from scipy import special

import keras_lossbox as box

numpy = ops.convert_to_numpy
TIES = ["breslow", "efron"]

# ---------------------------------------------------------------- CoxPH: loops over events and their risk sets


def cox_by_loops(y_true, y_pred, ties):
    """The value of each event, 0 for others, and the gradient of their mean; in float64.

    Breslow: log Σ_{t_j >= t_i} e^η_j - η_i. Efron (1977): the d events at one time together cost
    Σ_l log(Σ_{t_j >= t} e^η_j - l/d Σ_{tied} e^η_j) - Σ η, l = 0 … d - 1; shared equally here.
    """
    (time, event), eta = y_true.T, y_pred.reshape(-1)
    hazard, values, gradient = np.exp(eta - eta.max()), np.zeros(len(eta)), np.zeros(len(eta))
    for i in np.flatnonzero(event):
        risk = time >= time[i]
        tied = (time == time[i]) & (event == 1)
        parts = [0.0] if ties == "breslow" else np.arange(tied.sum()) / tied.sum()
        for part in parts:
            share = hazard * (risk - part * tied)
            values[i] += np.log(share.sum()) / len(parts)
            gradient += share / share.sum() / len(parts)
        values[i] += eta.max() - eta[i]
        gradient[i] -= 1
    events = max(np.sum(event), 1)
    return values, gradient.reshape(y_pred.shape) / events


def survival_data(rng, n=24, step=0.0):
    """Times, rounded to a `step` so that there are ties, events of which some are censored, and log hazards."""
    time = rng.gamma(2.0, 2.0, n)
    time = np.ceil(time / step) * step if step else time
    return np.stack([time, rng.random(n) < 0.6], -1), rng.normal(0, 1.5, (n, 1))


@pytest.mark.matrix
@pytest.mark.parametrize(
    "ties, dtype, mode",
    by_default(
        lambda ties, dtype, mode: dtype == golden.PRECISE and (mode == "eager" or ties == "efron"),
        itertools.product(TIES, TOLERANCE, MODES),
    ),
)
def test_cox_is_the_loop(ties, dtype, mode, rng):
    for step in (0.0, 1.0, 4.0):
        y_true, y_pred = (x.astype(dtype) for x in survival_data(rng, step=step))
        values, gradient = cox_by_loops(*golden.float64(y_true, y_pred), ties)
        loss = box.CoxPH(ties, dtype=dtype)
        of_labels = functools.partial(loss, y_true)
        found = value_and_gradient(of_labels, y_pred, mode=mode, unknown_batch=mode == "graph")
        assert_close(found[0], values.sum() / y_true[:, 1].sum(), 3 * TOLERANCE[dtype])
        assert_close(found[1], gradient, 5 * TOLERANCE[dtype])  # a slope is what is left of shares of 1
        each = numpy(box.CoxPH(ties, "none", dtype=dtype)(y_true, y_pred))
        assert_close(each, values, 3 * TOLERANCE[dtype])


def test_cox_without_ties_is_the_formula_of_sorted_times(rng):
    """pycox's definition (cox_ph_loss): samples by falling time, log of the cumulative sum of e^η; mean over events."""
    y_true, y_pred = survival_data(rng)
    order = np.argsort(-y_true[:, 0])
    eta, event = y_pred[order, 0], y_true[order, 1]
    expected = -np.sum((eta - np.log(np.cumsum(np.exp(eta)))) * event) / event.sum()
    for ties in TIES:
        np.testing.assert_allclose(float(box.CoxPH(ties)(y_true, y_pred)), expected, rtol=1e-5)


# Recorded from pycox 0.3.0 and lifelines 0.30.3 in float64 (`test_recipe` runs it again where they are installed).
TIED = np.array([[1.0, 1], [2.0, 1], [2.0, 1], [2.0, 0], [3.0, 1], [3.0, 1], [3.0, 1], [4.0, 0], [5.0, 1]])
UNTIED = TIED + [[0.01 * i, 0] for i in range(9)]
ETA = np.array([0.5, -1.0, 0.25, 2.0, 0.0, 1.0, -0.5, 0.75, 1.5])[:, None]
LAST = np.array([[0, 1], [2, 0], [3, 1], [1, 1], [3, 0]])
LOGITS = np.array(
    [[0.5, -1.0, 2.0, 0.0], [-3.0, 0.25, 1.0, -1.0], [2.0, -2.0, 0.75, 4.0], [0.0, 9.0, 1.0, 1.0], [-1.0] * 4]
)
RECORDED = {
    "cox_ph_loss": 2.2076058104045133,
    "nll_logistic_hazard": 1.6034119464184262,
    "factor": -0.889835709214111,
    "log_likelihood": -8.85801006291896,
}


def record():
    """pycox's Cox loss, without ties, and its loss of hazards; lifelines's best factor of ETA, and the value there."""
    import lifelines
    import pandas as pd
    import torch
    from pycox.models.loss import cox_ph_loss, nll_logistic_hazard

    eta, untied, last, logits = map(torch.tensor, (ETA, UNTIED, LAST, LOGITS))
    fitted = lifelines.CoxPHFitter().fit(pd.DataFrame({"x": ETA[:, 0], "T": TIED[:, 0], "E": TIED[:, 1]}), "T", "E")
    return {
        "cox_ph_loss": cox_ph_loss(eta, untied[:, 0], untied[:, 1], eps=0.0).item(),
        "nll_logistic_hazard": nll_logistic_hazard(logits, last[:, 0], last[:, 1].double()).item(),
        "factor": fitted.params_["x"],
        "log_likelihood": fitted.log_likelihood_,
    }


def test_cox_of_pycox():
    for ties in TIES:
        value = float(box.CoxPH(ties, dtype=PRECISE)(UNTIED, ETA.astype(PRECISE)))
        np.testing.assert_allclose(value, RECORDED["cox_ph_loss"], rtol=TOLERANCE[PRECISE])


def test_efron_of_lifelines():
    """At lifelines's factor the value is its likelihood per event, and no other factor is better."""
    loss, factor = box.CoxPH("efron", dtype=PRECISE), RECORDED["factor"]
    value, gradient = value_and_gradient(lambda x: loss(TIED, x), (factor * ETA).astype(PRECISE))
    np.testing.assert_allclose(value, -RECORDED["log_likelihood"] / TIED[:, 1].sum(), rtol=TOLERANCE[PRECISE])
    assert abs(np.sum(gradient * ETA)) < 1e-5


def test_hazard_of_pycox():
    value = float(box.DiscreteHazard(dtype=PRECISE)(LAST, LOGITS.astype(PRECISE)))
    np.testing.assert_allclose(value, RECORDED["nll_logistic_hazard"], rtol=TOLERANCE[PRECISE])


def test_recipe():
    pytest.importorskip("pycox", reason="the recipe needs pycox")
    pytest.importorskip("lifelines", reason="the recipe needs lifelines")
    for name, value in record().items():
        np.testing.assert_allclose(RECORDED[name], value, rtol=1e-6 if name in ("factor", "log_likelihood") else 1e-12)


@pytest.mark.parametrize("ties", TIES)
def test_cox_of_large_hazards(ties):
    """±1e4 apart, and all of them far off: only differences count."""
    y_true = np.array([[1.0, 1], [1.0, 1], [2.0, 1], [3.0, 0]])
    for eta in ([1e4, -1e4, 0.0, 1e4], [-1e4] * 4, [1e4 + 1, 1e4, 1e4, 1e4]):
        y_pred = np.array(eta, "float32")[:, None]
        value, gradient = value_and_gradient(lambda x: box.CoxPH(ties)(y_true, x), y_pred)
        values, slopes = cox_by_loops(y_true, y_pred.astype("float64"), ties)
        np.testing.assert_allclose(value, values.sum() / 3, rtol=1e-5)
        np.testing.assert_allclose(gradient, slopes, atol=1e-5)


@pytest.mark.parametrize("ties", TIES)
def test_cox_without_events_is_0(ties):
    for y_true in ([[1.0, 0], [2.0, 0]], [[1.0, 0]]):
        value, gradient = value_and_gradient(lambda x, y=y_true: box.CoxPH(ties)(y, x), np.ones((len(y_true), 1), "f4"))
        assert value == 0
        assert not np.any(gradient)
    assert float(box.CoxPH(ties)([[1.0, 1]], [[3.0]])) == 0  # an event with nobody else at risk


@pytest.mark.parametrize("by", ["weight", "mask"])
@pytest.mark.parametrize("ties", TIES)
def test_cox_without_a_row_is_that_of_the_others(ties, by, rng):
    y_true, y_pred = survival_data(rng, step=1.0)
    keep = np.arange(len(y_pred)) % 5 != 2
    expected, _ = cox_by_loops(y_true[keep], y_pred[keep], ties)
    y_true[~keep], y_pred[~keep] = np.nan, np.nan
    loss = box.CoxPH(ties, "mean_with_sample_weight", dtype=PRECISE)
    y_pred = y_pred.astype(PRECISE)
    value = loss(y_true, y_pred, keep * 1.0) if by == "weight" else loss(y_true, with_mask(y_pred, keep))
    np.testing.assert_allclose(float(value), expected.sum() / y_true[keep, 1].sum(), rtol=1e-5)


def test_cox_weighs_events(rng):
    y_true, y_pred = survival_data(rng, step=1.0)
    weights = rng.uniform(0.5, 2, len(y_pred))
    values, _ = cox_by_loops(y_true, y_pred, "efron")
    event = y_true[:, 1]
    for reduction, divisor in (
        ("sum_over_batch_size", event.sum()),
        ("mean_with_sample_weight", (weights * event).sum()),
    ):
        value = float(box.CoxPH("efron", reduction, dtype=PRECISE)(y_true, y_pred, weights))
        np.testing.assert_allclose(value, (weights * values).sum() / divisor, rtol=1e-5)


def test_a_nan_of_cox_shows_where_it_is_at_risk():
    """A censored sample has no value of its own, but is in the risk sets of those before it."""
    y_true, y_pred = np.array([[1.0, 1], [2.0, 1], [3.0, 0]]), np.zeros((3, 1), "float32")
    values = box.CoxPH(reduction="none")
    for bad in ([[1.0, 1], [2.0, 1], [np.nan, 0]], [[1.0, 1], [np.nan, 1], [3.0, 0]]):
        assert np.isnan(float(box.CoxPH()(np.array(bad), y_pred)))
    y_pred[1] = np.nan
    assert list(np.isnan(numpy(values(y_true, y_pred)))) == [True, True, False]


@pytest.mark.skipif(BACKEND != "tensorflow", reason="nested tapes")
@pytest.mark.parametrize("ties", TIES)
def test_second_derivatives_are_finite(ties, rng):
    import tensorflow as tf

    y_true, y_pred = survival_data(rng, n=8, step=1.0)
    x = tf.constant(y_pred)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            value = box.CoxPH(ties, dtype="float64")(y_true, x)
        slope = inner.gradient(value, x)
    hessian = outer.jacobian(slope, x).numpy().reshape(8, 8)
    assert np.all(np.isfinite(hessian))
    assert np.linalg.eigvalsh(hessian).min() > -1e-12  # the partial likelihood is concave


def test_shapes_that_do_not_fit_are_errors():
    for y_true, y_pred, message in (
        (np.zeros((4, 2)), np.zeros((4, 2)), r"CoxPH: `y_pred` must hold one number for each sample.*\(4, 2\)"),
        (np.zeros((4, 3, 2)), np.zeros((4, 3, 1)), r"CoxPH: `y_pred` must hold one number.*\(4, 3, 1\)"),
        (np.zeros((4, 1)), np.zeros((4, 1)), "CoxPH: y_true and y_pred must have.*a time and whether it is that of an"),
        (np.zeros((3, 2)), np.zeros((4, 1)), "CoxPH: y_true and y_pred must have"),
    ):
        with pytest.raises(ValueError, match=message):
            box.CoxPH()(y_true, y_pred)
    for labels, columns in (("index", 3), ("intervals", 2)):
        with pytest.raises(ValueError, match="DiscreteHazard: y_true and y_pred must have the same shape"):
            box.DiscreteHazard(labels=labels)(np.zeros((4, columns)), np.zeros((4, 3)))
    assert float(box.CoxPH()([[1.0, 1], [2.0, 0]], [0.0, 0.0])) == pytest.approx(np.log(2))  # (n,) for (n, 1)


# ---------------------------------------------------------------- DiscreteHazard: products of probabilities


def hazard_by_loops(y_true, logits):
    """-log of the chance to survive the intervals before, and to have or survive the event in the last."""
    values, gradient = np.zeros(len(logits)), np.zeros(logits.shape)
    for i, (last, event) in enumerate(y_true):
        for k in range(int(last) + 1):
            fails = event and k == last
            values[i] -= special.log_expit(logits[i, k] if fails else -logits[i, k])
            gradient[i, k] = special.expit(logits[i, k]) - fails
    return values, gradient / len(logits)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_hazard_is_the_loop_with_either_form_of_labels(dtype, mode, rng):
    n, k = 20, 5
    y_true = np.stack([rng.integers(0, k, n), rng.random(n) < 0.6], -1)
    logits = rng.normal(0, 3, (n, k)).astype(dtype)
    values, gradient = hazard_by_loops(y_true, logits.astype("float64"))
    failed = (np.arange(k) == y_true[:, :1]) & (y_true[:, 1:] == 1)
    survived = (np.arange(k) <= y_true[:, :1]) & ~failed
    for labels, y in (("index", y_true), ("intervals", np.concatenate([survived, failed], -1))):
        loss = box.DiscreteHazard(dtype=dtype, labels=labels)
        found = value_and_gradient(
            lambda x, y=y, loss=loss: loss(y, x), logits, mode=mode, unknown_batch=mode == "graph"
        )
        assert_close(found[0], values.mean(), TOLERANCE[dtype])
        assert_close(found[1], gradient, TOLERANCE[dtype])


def test_hazard_is_a_binary_crossentropy_of_the_intervals_that_were_seen(rng):
    logits = rng.normal(0, 2, (3, 4)).astype(PRECISE)
    y = np.array([[2, 1], [3, 0], [0, 1]])
    expected = [
        np.sum(numpy(box.BinaryCrossentropy(True, axis=None, reduction="none", dtype=PRECISE)(label, z)))
        for label, z in (
            ([0.0, 0.0, 1.0], logits[0, :3]),
            ([0.0, 0.0, 0.0, 0.0], logits[1]),
            ([1.0], logits[2, :1]),
        )
    ]
    found = numpy(box.DiscreteHazard("none", dtype=PRECISE)(y, logits))
    assert_close(found, expected, TOLERANCE[PRECISE])


# ---------------------------------------------------------------- several replicas

REPLICAS = """
import json, sys
import keras, numpy as np, tensorflow as tf
sys.path[:0] = [{tests!r}, {here!r}]
import keras_lossbox as box
from test_survival import survival_data

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(tf.config.list_logical_devices("CPU"))
rng = np.random.default_rng(0)
y, _ = survival_data(rng, 22, step=1.0)
x, weights = rng.normal(size=(22, 4)).astype("float32"), rng.integers(0, 3, 22).astype("float32")

def trained(loss):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.05), loss=loss)
    logs = model.fit(x, y, batch_size=8, epochs=2, sample_weight=weights, shuffle=False, verbose=0).history
    return np.concatenate([w.ravel() for w in model.get_weights()] + [logs["loss"]])

found = {{}}
for ties in ("breslow", "efron"):
    loss = box.CoxPH(ties, "mean_with_sample_weight")
    one = trained(loss)
    with strategy.scope():
        several = trained(loss)
    found[ties] = float(np.max(np.abs(one - several)))
print("FOUND", json.dumps(found))
"""


@pytest.mark.matrix
@pytest.mark.skipif(BACKEND != "tensorflow", reason="tf.distribute is TensorFlow's")
def test_two_replicas_train_like_one_device():
    """Ties and risk sets reach across replicas; with weights, and a last batch of six."""
    here = pathlib.Path(__file__).parent
    script = REPLICAS.format(tests=str(here.parent), here=str(here))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=600, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("FOUND ")]
    assert lines, done.stderr[-2000:]
    found = json.loads(lines[0].removeprefix("FOUND "))
    assert set(found) == set(TIES)
    assert max(found.values()) < 2e-6, found


@pytest.mark.matrix
def test_cox_learns_the_order_of_risks(rng):
    """Of times drawn with hazard e^(2 x), the slope is found again, with two thirds of the events seen."""
    x = rng.normal(size=(1500, 1)).astype("float32")
    time, censored_at = rng.exponential(np.exp(-2 * x)), rng.exponential(4.0, x.shape)
    y = np.concatenate([np.minimum(time, censored_at), time <= censored_at], -1).astype("float32")
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(keras.optimizers.Adam(0.1), loss=box.CoxPH())
    model.fit(x, y, batch_size=500, epochs=25, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0].squeeze(), 2, atol=0.2)
