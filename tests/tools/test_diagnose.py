"""`diagnose`: seeded mistakes are found, each with its code; healthy set-ups are silent; nothing is changed."""

import inspect
import json

import keras
import numpy as np
import pytest
from backends import BACKEND
from cases import LAST_OF_CLASS
from keras import layers

import keras_lossbox as box
from keras_lossbox.tools.diagnose import Diagnosis, diagnose, report

pytestmark = pytest.mark.filterwarnings("ignore")  # Keras warns of some of the mistakes that are made here
N, C = 64, 4
RNG = np.random.default_rng(7)
X = RNG.normal(size=(N, 5)).astype("float32")
BINARY = (X[:, :1] > 0).astype("float32")
IDS = np.arange(N) % C
ONE_HOT = np.eye(C, dtype="float32")[IDS]
MANY = (RNG.random((N, C)) < 0.4).astype("float32")
REAL = X @ RNG.normal(size=(5, 2)).astype("float32")


def with_nan(array):
    array = array.astype("float32", copy=True)
    array[3] = np.nan
    return array


def model(units=1, activation=None, loss="mse", **options):
    keras.utils.set_random_seed(3)
    network = keras.Sequential([keras.Input((5,)), layers.Dense(8, "relu"), layers.Dense(units, activation, **options)])
    network.compile("sgd", loss=loss)
    return network


class Unaligned(keras.losses.Loss):
    """As users write it: (n,) against (n, 1) becomes (n, n)."""

    def call(self, y_true, y_pred):
        return keras.ops.mean(keras.ops.square(keras.ops.cast(y_true, y_pred.dtype) - y_pred), axis=-1)


class Failing(keras.losses.Loss):
    def call(self, y_true, y_pred):
        raise RuntimeError("this loss wants something else")


class Flat(keras.losses.Loss):
    """Accuracy as a loss: no gradient."""

    def call(self, y_true, y_pred):
        return keras.ops.mean(keras.ops.cast(keras.ops.round(y_pred) != y_true, "float32"), axis=-1)


class Root(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return 1 + keras.ops.sqrt(keras.ops.sum(0 * y_pred, -1))


class Forgotten(keras.losses.Loss):
    """A factor that is 0: neither value nor gradient say that anything is learned."""

    def call(self, y_true, y_pred):
        return keras.ops.mean(0 * keras.ops.square(keras.ops.cast(y_true, y_pred.dtype) - y_pred), -1)


class TripledDice(box.Dice):
    def formula(self, y, p, layout):
        return 3 * super().formula(y, p, layout)


def beside(loss, *metrics, units=1, activation=None, weighted=False):
    """A model with these metrics beside its loss."""
    network = model(units, activation, loss)
    network.compile("sgd", loss, **{"weighted_metrics" if weighted else "metrics": list(metrics)})
    return network


BCE, CCE, SPARSE = (
    keras.losses.BinaryCrossentropy,
    keras.losses.CategoricalCrossentropy,
    "sparse_categorical_crossentropy",
)
WEIGHTS = np.ones(N, "float32")

MISTAKES = [  # code, model, x, y, sample_weight
    ("logits_as_probabilities", lambda: model(1, None, "binary_crossentropy"), X, BINARY, None),
    ("logits_as_probabilities", lambda: model(1, None, box.BinaryCrossentropy()), X, BINARY, None),
    ("logits_as_probabilities", lambda: model(C, None, "sparse_categorical_crossentropy"), X, IDS, None),
    ("probabilities_as_logits", lambda: model(1, "sigmoid", BCE(from_logits=True)), X, BINARY, None),
    ("probabilities_as_logits", lambda: model(C, "softmax", box.CategoricalCrossentropy(True)), X, ONE_HOT, None),
    ("label_out_of_range", lambda: model(C, "softmax", SPARSE), X, IDS + 1, None),
    ("label_out_of_range", lambda: model(1, "sigmoid", "binary_crossentropy"), X, 2 * BINARY - 1, None),
    ("labels_not_whole", lambda: model(C, "softmax", SPARSE), X, IDS / 2, None),
    ("one_hot_for_sparse", lambda: model(C, "softmax", SPARSE), X, ONE_HOT, None),
    ("integers_for_one_hot", lambda: model(C, "softmax", "categorical_crossentropy"), X, IDS, None),
    ("integers_for_one_hot", lambda: model(C, "softmax", box.CategoricalCrossentropy()), X, IDS[:, None], None),
    ("label_rows_do_not_sum_to_one", lambda: model(C, "softmax", CCE()), X, MANY, None),
    ("sigmoid_with_categorical", lambda: model(C, "sigmoid", CCE()), X, ONE_HOT, None),
    ("softmax_with_binary", lambda: model(C, "softmax", "binary_crossentropy"), X, MANY, None),
    ("softmax_over_one_unit", lambda: model(1, "softmax", "binary_crossentropy"), X, BINARY, None),
    ("one_class_output", lambda: model(1, "sigmoid", SPARSE), X, BINARY, None),
    ("x_not_finite", lambda: model(2), with_nan(X), REAL, None),
    ("labels_not_finite", lambda: model(2), X, with_nan(REAL), None),
    ("labels_not_finite", lambda: model(C, "softmax", box.SparseCategoricalCrossentropy()), X, with_nan(IDS), None),
    ("predictions_not_finite", lambda: model(2, bias_initializer=keras.initializers.Constant(np.nan)), X, REAL, None),
    ("weights_not_finite", lambda: model(2), X, REAL, with_nan(WEIGHTS)),
    ("weights_all_zero", lambda: model(2), X, REAL, 0 * WEIGHTS),
    ("weights_negative", lambda: model(2), X, REAL, -WEIGHTS),
    ("shape_mismatch", lambda: model(2), X, REAL[:, :1], None),  # which Keras broadcasts
    ("shape_mismatch", lambda: model(2, loss=box.Huber()), X, RNG.normal(size=(N, 3)), None),
    ("samples_differ", lambda: model(2), X, REAL[:-1], None),
    ("model_fails", lambda: model(2), X[:, :4], REAL, None),
    ("labels_constant", lambda: model(1, "sigmoid", "binary_crossentropy"), X, 0 * BINARY, None),
    ("labels_constant", lambda: model(2), X, 0 * REAL + 3, None),
    ("labels_imbalanced", lambda: model(1, "sigmoid", "binary_crossentropy"), X, np.eye(N)[:, :1], None),
    ("extra_losses", lambda: model(2, loss=["mse", "mae"]), X, REAL, None),
    ("loss_is_class", lambda: model(2, loss=box.Huber), X, REAL, None),
    ("reduction_none", lambda: model(2, loss=box.Huber(reduction="none")), X, REAL, None),
    ("targets_out_of_reach", lambda: model(2, "sigmoid"), X, REAL, None),
    ("targets_far_away", lambda: model(2), X, 1e5 * REAL, None),
    ("loss_far_above_chance", lambda: model(C, "softmax", SPARSE), 300 * X, IDS, None),
    ("loss_fails", lambda: model(2, loss=Failing()), X, REAL, None),
    ("loss_not_finite", lambda: model(2, loss="mse"), X, with_nan(REAL), 1.0 * (np.arange(N) != 3)),
    ("gradient_zero", lambda: model(1, "sigmoid", Flat()), X, BINARY, None),
    ("gradient_not_finite", lambda: model(2, loss=Root()), X, REAL, None),
    ("labels_broadcast", lambda: model(1, loss=Unaligned()), X, X[:, 0], None),
    ("loss_zero", lambda: model(1, "sigmoid", Forgotten()), X, BINARY, None),
    ("loss_zero", lambda: model(2, loss=box.Huber() * 0.0), X, REAL, None),
    ("overlap_outside_0_1", lambda: model(1, "sigmoid", TripledDice(mode="binary")), X, BINARY, None),
]


IDS_OF_MISTAKES = [f"{index}-{row[0]}" for index, row in enumerate(MISTAKES)]


@pytest.mark.one_in(5)
@pytest.mark.parametrize("code, build, x, y, weights", MISTAKES, ids=IDS_OF_MISTAKES)
def test_mistake_is_found(code, build, x, y, weights):
    diagnosis = diagnose(build(), x, y, weights, verbose=False)
    assert code in [finding.code for finding in diagnosis], str(diagnosis)
    assert len(diagnosis) == 1, str(diagnosis)


def sequence_model(loss, masked=True):
    keras.utils.set_random_seed(3)
    network = keras.Sequential(
        [
            keras.Input((6,), dtype="int32"),
            layers.Embedding(9, 4, mask_zero=masked),
            layers.Dense(3, activation="tanh"),
            layers.Dense(C, "softmax"),
        ]
    )
    network.compile("sgd", loss=loss)
    return network


def two_outputs(loss):
    keras.utils.set_random_seed(3)
    x = keras.Input((5,))
    outputs = [layers.Dense(1, "sigmoid", name="sick")(x), layers.Dense(2, name="dose")(x)]
    network = keras.Model(x, outputs)
    network.compile("sgd", loss=loss)
    return network


def by_name(loss):
    keras.utils.set_random_seed(3)
    x = keras.Input((5,))
    outputs = {"sick": layers.Dense(1, "sigmoid")(x), "kind": layers.Dense(C, "softmax")(x)}
    network = keras.Model(x, outputs)
    network.compile("sgd", loss=loss)
    return network


def trained(network, x, y, epochs=40):
    network.compile(keras.optimizers.Adam(0.05), loss=network.loss)
    network.fit(x, y, epochs=epochs, verbose=0)
    return network


def half(policy, loss, activation):
    with_policy = {"dtype": policy}
    keras.utils.set_random_seed(3)
    network = keras.Sequential(
        [keras.Input((5,)), layers.Dense(8, "relu", **with_policy), layers.Dense(C, activation, **with_policy)]
    )
    network.compile("sgd", loss=loss)
    return network


WORDS = RNG.integers(1, 9, (N, 6)) * (np.arange(6) < RNG.integers(2, 7, (N, 1)))
TAGS = np.where(WORDS == 0, -7, WORDS % C)  # -7: no class, but only where the mask hides it
RARE = (np.arange(N)[:, None] % 16 == 0).astype("float32")
MASKED_BCE = box.Masked(box.BinaryCrossentropy(from_logits=True), ignore=-1)
WITH_MISSING = np.where(RNG.random((N, C)) < 0.3, -1, MANY)
LOGITS_SUM = box.BinaryCrossentropy(from_logits=True) + 0.5 * box.BinaryFocalCrossentropy(from_logits=True)

HEALTHY = {  # name: model, x, y, sample_weight
    "sigmoid": (lambda: model(1, "sigmoid", "binary_crossentropy"), X, BINARY, None),
    "sigmoid, labels (n,)": (lambda: model(1, "sigmoid", box.BinaryCrossentropy()), X, BINARY[:, 0], None),
    "logits": (lambda: model(1, None, box.BinaryCrossentropy(from_logits=True)), X, BINARY, None),
    "softmax": (lambda: model(C, "softmax", "categorical_crossentropy"), X, ONE_HOT, None),
    "softmax, smoothed": (lambda: model(C, "softmax", CCE(label_smoothing=0.1)), X, ONE_HOT, None),
    "sparse": (lambda: model(C, "softmax", SPARSE), X, IDS, None),
    "sparse, (n, 1), floats": (lambda: model(C, "softmax", SPARSE), X, IDS[:, None].astype("float64"), None),
    "sparse logits": (lambda: model(C, None, box.SparseCategoricalCrossentropy(from_logits=True)), X, IDS, None),
    "ignored class": (
        lambda: model(C, None, box.SparseCategoricalCrossentropy(True, ignore_class=255)),
        X,
        np.where(np.arange(N) % 5, IDS, 255),
        None,
    ),
    "poly, indices": (lambda: model(C, "softmax", box.Poly1Crossentropy()), X, IDS, None),
    "poly, one-hot": (lambda: model(C, "softmax", box.Poly1Crossentropy()), X, ONE_HOT, None),
    "regression": (lambda: model(2, None, "mse"), X, REAL, None),
    "regression, weighted": (lambda: model(2, None, box.Huber()), X, REAL, WEIGHTS / 2),
    "NaN under weight 0": (lambda: model(2, None, box.Huber()), X, with_nan(REAL), 1.0 * (np.arange(N) != 3)),
    "missing labels": (lambda: model(C, None, MASKED_BCE), X, WITH_MISSING, None),
    "missing numbers": (lambda: model(2, None, box.Masked(box.MeanSquaredError())), X, with_nan(REAL), None),
    "multi-label": (lambda: model(C, "sigmoid", "binary_crossentropy"), X, MANY, None),
    "sum of losses": (lambda: model(C, None, LOGITS_SUM), X, MANY, None),
    "imbalanced, weighted": (
        lambda: model(1, None, box.BinaryCrossentropy(from_logits=True, pos_weight=15.0)),
        X,
        RARE,
        None,
    ),
    "masked sequence": (lambda: sequence_model(box.SparseCategoricalCrossentropy()), WORDS, TAGS, None),
    "two outputs": (lambda: two_outputs(["binary_crossentropy", "mse"]), X, [BINARY, REAL], None),
    "two outputs, dict": (
        lambda: two_outputs({"sick": box.BinaryCrossentropy(), "dose": box.Huber()}),
        X,
        {"sick": BINARY, "dose": REAL},
        {"sick": WEIGHTS, "dose": WEIGHTS},
    ),
    "dict of outputs": (
        lambda: by_name({"sick": "binary_crossentropy", "kind": SPARSE}),
        X,
        {"sick": BINARY, "kind": IDS},
        None,
    ),
    "trained binary": (lambda: trained(model(1, "sigmoid", "binary_crossentropy"), X, BINARY), X, BINARY, None),
    "trained classes": (lambda: trained(model(C, None, BCE(from_logits=True)), X, ONE_HOT), X, ONE_HOT, None),
    "trained regression": (lambda: trained(model(2, None, "mse"), X, REAL), X, REAL, None),
    "bfloat16": (lambda: half("mixed_bfloat16", SPARSE, "softmax"), X, IDS, None),
    "float16": (lambda: half("mixed_float16", box.CategoricalCrossentropy(), "softmax"), X, ONE_HOT, None),
    "bfloat16 logits": (lambda: half("bfloat16", box.BinaryCrossentropy(from_logits=True), None), X, MANY, None),
    "own loss": (lambda: model(1, None, Unaligned()), X, REAL[:, :1], None),
    "own function": (lambda: model(2, None, lambda y, p: keras.ops.mean(abs(y - p), -1)), X, REAL, None),
    "hinge": (lambda: model(1, "tanh", "hinge"), X, 2 * BINARY - 1, None),
}


@pytest.mark.one_in(10)
@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_set_up_is_silent(name):
    build, x, y, weights = HEALTHY[name]
    diagnosis = diagnose(build(), x, y, weights, verbose=False)
    assert not diagnosis, str(diagnosis)


M = keras.metrics
REGIONS = [cls for cls in box.available().values() if "mode" in inspect.signature(cls).parameters]
LOGITS, IGNORE_2 = box.BinaryCrossentropy(from_logits=True), box.SparseCategoricalCrossentropy(True, ignore_class=2)
OF_PROBABILITIES = [  # loss, labels, metric, what to give in its place
    (LOGITS, BINARY, M.AUC(), "AUC(from_logits=True)"),
    (LOGITS, BINARY, "auc", "AUC(from_logits=True)"),
    (LOGITS, BINARY, M.Precision(), "Precision(thresholds=0.0)"),
    (LOGITS, BINARY, M.Recall(thresholds=0.5), "Recall(thresholds=0.0)"),
    (LOGITS, BINARY, M.BinaryAccuracy(), "BinaryAccuracy(threshold=0.0)"),
    (LOGITS, BINARY, "accuracy", "BinaryAccuracy(threshold=0.0)"),
    (LOGITS, BINARY, M.binary_accuracy, "BinaryAccuracy(threshold=0.0)"),
    (BCE(from_logits=True), BINARY, M.BinaryCrossentropy(), "BinaryCrossentropy(from_logits=True)"),
    (LOGITS, BINARY, box.MeanLoss(box.BinaryCrossentropy()), "BinaryCrossentropy(from_logits=True)"),
    (LOGITS, MANY, M.F1Score(threshold=0.5), "the activation sigmoid"),
    (LOGITS, BINARY, M.Precision(thresholds=[0.2, 0.8]), "the activation sigmoid"),
    (LOGITS, BINARY, M.RecallAtPrecision(0.5), "the activation sigmoid"),
    (box.CategoricalCrossentropy(True), ONE_HOT, M.KLDivergence(), "the activation softmax"),
    (
        box.CategoricalCrossentropy(True),
        ONE_HOT,
        "categorical_crossentropy",
        "CategoricalCrossentropy(from_logits=True)",
    ),
    (0.5 * LOGITS + box.BinaryFocalCrossentropy(from_logits=True), MANY, M.AUC(), "AUC(from_logits=True)"),
]


@pytest.mark.parametrize("loss, y, metric, instead", OF_PROBABILITIES, ids=[str(row[3]) for row in OF_PROBABILITIES])
def test_metrics_that_take_logits_for_probabilities(loss, y, metric, instead):
    network = beside(loss, metric, units=np.reshape(y, (N, -1)).shape[1])
    [found] = diagnose(network, X, y, verbose=False)
    assert (found.code, found.severity) == ("metric_of_probabilities", "warning")
    assert instead in found.suggestion


class Own(M.Metric):
    """A metric of a user's, of which nothing is known."""

    thresholds = threshold = 0.5

    def update_state(self, y_true, y_pred, sample_weight=None):
        pass

    def result(self):
        return 0.0


def test_metrics_that_take_logits_are_silent():
    good = [M.AUC(from_logits=True), M.Precision(thresholds=0), M.Recall(0.0), M.BinaryAccuracy(threshold=0.0), "mse"]
    good += [M.BinaryCrossentropy(from_logits=True), box.MeanLoss(LOGITS), Own(), Own().update_state, M.F1Score()]
    good += [M.Precision(top_k=1), M.BinaryAccuracy(threshold=1.5)]
    assert not diagnose(beside(LOGITS, *good), X, BINARY, verbose=False)
    probabilities = [M.AUC(), M.Precision(), "accuracy", M.BinaryCrossentropy()]
    assert not diagnose(beside("bce", *probabilities, activation="sigmoid"), X, BINARY, verbose=False)
    classes = ["accuracy", "sparse_categorical_accuracy", M.SparseTopKCategoricalAccuracy(2)]
    sparse = box.SparseCategoricalCrossentropy(from_logits=True)
    assert not diagnose(beside(sparse, *classes, units=C), X, IDS, verbose=False)


@pytest.mark.parametrize(
    "loss, y, metric",
    [
        (MASKED_BCE, WITH_MISSING, M.BinaryAccuracy(threshold=0.0)),
        (MASKED_BCE, WITH_MISSING, box.MeanLoss(LOGITS)),
        (box.Masked(box.MeanSquaredError()), np.where(MANY == 1, np.nan, MANY), "mae"),
        (IGNORE_2, IDS, "accuracy"),
        (keras.losses.SparseCategoricalCrossentropy(True, ignore_class=2), IDS, M.SparseCategoricalAccuracy()),
    ],
)
def test_metrics_that_count_missing_labels(loss, y, metric):
    [found] = diagnose(beside(loss, metric, units=C), X, y, verbose=False)
    assert (found.code, found.severity) == ("metric_counts_missing", "warning")
    count = {2: np.sum(~np.isin(y, (0, 1)))}.get(y.ndim, np.sum(IDS == 2))
    assert f"counts {count} missing labels" in found.message


def test_metrics_that_leave_missing_labels_out_are_silent():
    known = [box.MeanLoss(MASKED_BCE), Own(), Own().update_state]
    assert not diagnose(beside(MASKED_BCE, *known, units=C), X, WITH_MISSING, verbose=False)
    known = [box.MeanLoss(IGNORE_2), M.MeanIoU(C, ignore_class=2, sparse_y_pred=False)]
    assert not diagnose(beside(IGNORE_2, *known, units=C), X, IDS, verbose=False)
    assert not diagnose(beside(IGNORE_2, "accuracy", units=C), X, IDS % 2, verbose=False)  # none is missing
    network = beside(IGNORE_2, "accuracy", units=C, weighted=True)
    assert not diagnose(network, X, IDS, 1.0 * (IDS != 2), verbose=False)
    [found] = diagnose(network, X, IDS, 1.0 * (np.arange(N) > 4), verbose=False)
    assert f"counts {np.sum(IDS[5:] == 2)} missing labels" in found.message


def test_metrics_of_an_output():
    auc = [M.AUC(from_logits=True), M.AUC()]
    for metrics in (auc, {"dose": M.AUC()}, [[], ["accuracy", M.AUC()]], [None, M.AUC()]):
        network = two_outputs([BCE(), LOGITS])
        network.compile("sgd", [BCE(), LOGITS], metrics=metrics)
        found = diagnose(network, X, [BINARY, MANY[:, :2]], verbose=False)
        assert [(finding.code, finding.subject) for finding in found] == [
            ("metric_of_probabilities", "metrics of output 'dose'")
        ]


def test_a_loss_of_0_because_all_is_right_is_silent():
    assert not diagnose(box.Hinge(), 10 * (2 * BINARY - 1), 2 * BINARY - 1, verbose=False)
    assert not diagnose(box.MeanSquaredError(), REAL, REAL, verbose=False)


@pytest.mark.parametrize("cls", [cls for cls in REGIONS if cls is not box.LovaszHinge])
def test_overlaps_are_between_0_and_what_is_most(cls, rng):
    """Where nothing overlaps they are silent, with `log_loss` too."""
    options = {"log_loss": True} if "log_loss" in inspect.signature(cls).parameters else {}
    y = rng.integers(0, 3, (2, 8, 8))
    p = np.eye(3)[(y + 1) % 3]
    for loss in (cls(mode="multiclass"), cls(mode="multiclass", **options)):
        assert "overlap_outside_0_1" not in [found.code for found in diagnose(loss, p, y, verbose=False)]


def test_a_subclass_that_triples_an_overlap(rng):
    y = rng.integers(0, 3, (2, 8, 8))
    p = 0.9 * np.eye(3)[(y + 1) % 3] + 0.1 / 3
    found = diagnose(TripledDice(mode="multiclass"), p, y, verbose=False)
    assert [finding.code for finding in found] == ["overlap_outside_0_1"]


def state(network):
    variables = [*network.variables, *network.optimizer.variables, *network.metrics_variables]
    return [keras.ops.convert_to_numpy(variable).copy() for variable in variables]


class AlwaysNoisy(layers.Layer):
    """Draws random numbers also where nothing is trained, and counts its calls."""

    def __init__(self):
        super().__init__()
        self.seeds = keras.random.SeedGenerator(1)
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x):
        self.calls.assign_add(1.0)
        self.add_loss(keras.ops.mean(x))
        return x + 0.01 * keras.random.normal(keras.ops.shape(x), seed=self.seeds)


def test_the_model_is_not_changed():
    network = keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(4, activity_regularizer="l2", kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            AlwaysNoisy(),
            layers.Dense(2),
        ]
    )
    network.compile("adam", loss=box.Huber(), metrics=["mae"])
    network.fit(X, REAL, verbose=0)
    network(X)
    before, losses = state(network), [float(loss) for loss in network.losses]
    assert len(losses) == 3  # of the activations, of `add_loss`, of the kernel
    assert not diagnose(network, X, REAL, verbose=False)
    for old, new in zip(before, state(network), strict=True):
        np.testing.assert_array_equal(old, new)
    assert [float(loss) for loss in network.losses] == losses
    network.fit(X, REAL, verbose=0)  # and it still trains


def test_the_numbers_in_keras_names_are_not_changed():
    """Keras counts the AUCs of a program, and a training logs `auc_3`."""
    keras.backend.clear_session()
    found = diagnose(beside(LOGITS, "auc"), X, BINARY, verbose=False)
    assert [finding.code for finding in found] == ["metric_of_probabilities"]
    assert keras.metrics.AUC().name == "auc"


def test_findings_name_the_output():
    network = two_outputs(["binary_crossentropy", "mse"])
    diagnosis = diagnose(network, X, [BINARY, with_nan(REAL)], verbose=False)
    assert [finding.code for finding in diagnosis] == ["labels_not_finite"]
    assert diagnosis[0].subject == "labels of output 'dose'"
    diagnosis = diagnose(network, X, BINARY, verbose=False)
    assert {finding.code for finding in diagnosis} == {"samples_differ"}
    assert len(diagnosis) == 2


def test_losses_that_do_not_match_the_outputs():
    for loss in (["mse"], {"sick": "mse"}, {"sick": "mse", "dosis": "mse"}):
        codes = [finding.code for finding in diagnose(two_outputs(loss), X, [BINARY, REAL], verbose=False)]
        assert codes == ["losses_do_not_match"]


def test_every_part_of_a_sum_is_looked_at():
    loss = box.BinaryCrossentropy(from_logits=True) + box.BinaryFocalCrossentropy()
    diagnosis = diagnose(model(C, None, loss), X, MANY, verbose=False)
    assert [finding.code for finding in diagnosis] == ["logits_as_probabilities"]
    assert "BinaryFocalCrossentropy" in diagnosis[0].message


def test_an_axis_that_is_none_is_a_finding():
    diagnosis = diagnose(model(C, "softmax", box.CategoricalCrossentropy(axis=3)), X, ONE_HOT, verbose=False)
    assert [finding.code for finding in diagnosis] == ["shape_mismatch"]
    assert "`axis` must be an axis of y_pred" in diagnosis[0].message


def test_weights_along_another_axis():
    """Six samples of six steps: Keras weighs the steps, silently."""
    y, weights = np.abs(TAGS[:6]) % C, np.arange(1.0, 7.0)
    diagnosis = diagnose(sequence_model(SPARSE, masked=False), WORDS[:6], y, weights, verbose=False)
    assert [finding.code for finding in diagnosis] == ["weights_along_wrong_axis"]
    healthy = sequence_model(box.SparseCategoricalCrossentropy(), masked=False)
    assert not diagnose(healthy, WORDS[:6], y, weights, verbose=False)


def test_dtype_that_cannot_hold_the_classes():
    y = np.arange(32) * 9
    p = np.full((32, 300), 1 / 300, "float32")
    loss = keras.losses.SparseCategoricalCrossentropy(dtype="bfloat16")
    assert [finding.code for finding in diagnose(loss, p, y, verbose=False)] == ["dtype_cannot_hold_labels"]
    assert not diagnose(box.SparseCategoricalCrossentropy(dtype="bfloat16"), p, y, verbose=False)
    assert not diagnose(keras.losses.SparseCategoricalCrossentropy(), p, y, verbose=False)


def test_probabilities_of_which_only_the_values_tell():
    """Without a model, or behind a layer that says nothing of an activation."""
    z = RNG.normal(size=(N, C))
    softmax = np.exp(z) / np.exp(z).sum(-1, keepdims=True)
    [found] = diagnose(box.CategoricalCrossentropy(from_logits=True), softmax, ONE_HOT, verbose=False)
    assert (found.code, found.severity) == ("probabilities_as_logits", "error")
    [found] = diagnose(box.BinaryCrossentropy(from_logits=True), 1 / (1 + np.exp(-z)), MANY, verbose=False)
    assert (found.code, found.severity) == ("probabilities_as_logits", "warning")
    [found] = diagnose(box.CategoricalCrossentropy(), softmax / 2, ONE_HOT, verbose=False)
    assert found.code == "rows_do_not_sum_to_one"


@pytest.mark.parametrize("loss", ["bce", "binary_crossentropy", "BinaryCrossentropy", keras.losses.binary_crossentropy])
def test_losses_as_compile_takes_them(loss):
    assert not diagnose(loss, 0.8 * BINARY + 0.1, BINARY, verbose=False)
    assert [found.code for found in diagnose(loss, 8 * BINARY, BINARY, verbose=False)] == ["logits_as_probabilities"]


def test_the_batch_is_spread_over_the_samples():
    network = model(1, "sigmoid", "binary_crossentropy")
    wrong_at_the_end = BINARY + 7.0 * (np.arange(N)[:, None] == N - 1)
    diagnosis = diagnose(network, X, wrong_at_the_end, batch_size=16, verbose=False)
    assert [found.code for found in diagnosis] == ["label_out_of_range"]
    assert diagnosis.samples == 16
    only_the_second = 1.0 * (np.arange(N)[:, None] == 1)  # the 16 are all of one class, the data is not
    assert not diagnose(network, X, only_the_second, batch_size=16, verbose=False)


def test_large_outputs_are_tried_on_fewer_samples(monkeypatch):
    monkeypatch.setattr(report, "MOST_OUTPUTS", 60)
    assert diagnose(model(4), X, np.tile(X[:, :1], 4), verbose=False).samples == 15
    assert diagnose(model(1000), X, np.tile(X[:, :1], 1000), verbose=False).samples == report.LEAST_SAMPLES
    assert diagnose(model(4), X, np.tile(X[:, :1], 4), batch_size=20, verbose=False).samples == 20


class WorseInTraining(layers.Layer):
    def call(self, x, training=False):
        return x * float("nan") if training else x


def test_the_model_is_run_as_for_a_prediction():
    network = keras.Sequential([keras.Input((5,)), layers.Dense(2), WorseInTraining()])
    network.compile("sgd", loss="mse")
    assert not diagnose(network, X, REAL, verbose=False)


def test_logits_may_lie_between_0_and_1():
    assert not diagnose(box.BinaryCrossentropy(from_logits=True), 0.1 + 0.2 * BINARY, BINARY, verbose=False)
    assert not diagnose(box.CategoricalCrossentropy(from_logits=True), 0.1 + 0.5 * ONE_HOT, ONE_HOT, verbose=False)


def batches():
    yield X, 2 * BINARY, WEIGHTS


class Pieces(keras.utils.PyDataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        return X, 2 * BINARY


def test_data_sets():
    network = model(1, "sigmoid", "binary_crossentropy")
    sets = [batches(), Pieces()]
    if BACKEND == "tensorflow":
        import tensorflow as tf

        sets.append(tf.data.Dataset.from_tensor_slices((X, 2 * BINARY)).batch(16))
    for data in sets:
        assert [found.code for found in diagnose(network, data, verbose=False)] == ["label_out_of_range"]
    with pytest.raises(ValueError, match="must be None where `x` is a data set"):
        diagnose(network, batches(), BINARY)


def test_report(capsys):
    diagnosis = diagnose(model(1, None, "bce"), X, BINARY)
    assert capsys.readouterr().out.strip() == str(diagnosis)
    assert "[logits_as_probabilities]" in str(diagnosis)
    assert bool(diagnosis)
    assert len(diagnosis) == 1
    assert json.loads(json.dumps(diagnosis.to_dict()))["findings"][0]["code"] == "logits_as_probabilities"
    silent = diagnose(model(1, "sigmoid", "bce"), X, BINARY)
    assert capsys.readouterr().out == "diagnose: no findings in 64 samples\n"
    assert not silent
    assert isinstance(silent, Diagnosis)
    diagnose(model(1, "sigmoid", "bce"), X, BINARY, verbose=False)
    assert capsys.readouterr().out == ""


def test_bad_arguments():
    unbuilt = keras.Sequential([layers.Dense(1)])
    unbuilt.compile("sgd", loss="mse")
    uncompiled = keras.Sequential([keras.Input((5,)), layers.Dense(1)])
    for arguments, message in [
        ((unbuilt, X, BINARY), "must be built"),
        ((uncompiled, X, BINARY), "compiled with a loss"),
        ((model(), X), "`y` must hold the labels"),
        ((model(), X, ["cat"] * N), "`y` must be an array of numbers"),
        ((model(), X, 1.0), "`y` must be an array of numbers"),
        ((box.Huber(), "abc", BINARY), "`x` must be an array of numbers"),
        ((box.Huber(), X, X, "heavy"), "`sample_weight` must be an array of numbers"),
        (("no such loss", X, X), "no such loss"),
    ]:
        with pytest.raises(ValueError, match=message):
            diagnose(*arguments)
    with pytest.raises(ValueError, match="`batch_size` must be"):
        diagnose(model(), X, BINARY, batch_size=0)


@pytest.mark.parametrize("case", LAST_OF_CLASS.values(), ids=str)
def test_nothing_is_wrong_with_the_data_that_a_loss_is_for(case, rng):
    y_true, y_pred = case.data(rng, (16,))
    assert [finding.code for finding in box.diagnose(case.build(), y_pred, y_true, verbose=False)] == []


@pytest.mark.parametrize("cls", [cls for cls in REGIONS if cls is not box.LovaszHinge], ids=lambda cls: cls.__name__)
def test_logits_are_seen_in_every_region_loss_of_several_classes(cls, rng):
    """The loss is one that no overlap can have, and nothing said so."""
    logits, labels = 3 * rng.normal(size=(2, 8, 8, 3)), rng.integers(0, 3, (2, 8, 8))
    found = diagnose(cls(mode="multiclass"), logits, labels, verbose=False)
    assert "logits_as_probabilities" in [finding.code for finding in found]
    assert not diagnose(cls(mode="multiclass", from_logits=True), logits, labels, verbose=False)


def test_subclasses_are_of_their_bases_kind(rng):
    class HuberOfAUser(box.Huber):
        pass

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", HuberOfAUser())
    found = diagnose(model, rng.normal(size=(16, 3)), 5 + rng.random((16, 1)), verbose=False)
    assert "targets_out_of_reach" in [finding.code for finding in found]
