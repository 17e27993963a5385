"""`compare` and `suggest`: pairing, ties, noise, missing labels, interruption, and what they refuse.

Expected scores are those of scikit-learn; the expected model is one that Keras's `fit` trains without this package.
"""

import csv
import json
import math
import re
import sys

import joblib
import keras
import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn import compose, impute, metrics, pipeline, preprocessing
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import keras_lossbox as box
from keras_lossbox.__main__ import main
from keras_lossbox.tools import comparison
from keras_lossbox.tools.comparison import given, picture, scores, table, trials
from keras_lossbox.tools.comparison.candidates import Reading, candidates_of, common_reading, read
from keras_lossbox.tools.comparison.description import _steps, of_code
from keras_lossbox.tools.comparison.result import Comparison, difference
from keras_lossbox.tools.comparison.scores import Score
from keras_lossbox.tools.comparison.trials import Trial

pytestmark = pytest.mark.xdist_group("compare")

NAN = float("nan")
RNG = np.random.default_rng(5)
X = RNG.normal(size=(60, 3)).astype("float32")
Y = (X @ [1.0, -2.0, 0.5] + 0.3 * RNG.normal(size=60)).astype("float32")
ANSWERS = (X + 0.3 * RNG.normal(size=(60, 3)) > 0).astype("float32")
SETTINGS = {"seeds": 2, "epochs": 3, "batch_size": 16, "optimizer": keras.optimizers.Adam(0.05), "verbose": 0}
LOSSES = {"Huber": box.Huber(1.0), "SmoothL1": box.SmoothL1(1.0), "broken": lambda y, p: keras.ops.mean(p * NAN)}
BCE = box.BinaryCrossentropy(from_logits=True)


def build(outputs=1):
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "tanh"), keras.layers.Dense(outputs)])


def build_three():
    return build(3)


@pytest.fixture(name="compared", scope="module")
def fixture_compared(tmp_path_factory):
    """Three losses, of which two are equal by identity and one is NaN, and the file."""
    file = tmp_path_factory.mktemp("compare") / "trials.jsonl"
    return box.compare(build, LOSSES, X, Y, file=file, **SETTINGS), file


def close(found, expected):
    """Plain data with numbers up to rounding: threads may share a sum in another order."""
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(close(found[key], expected[key]) for key in expected)
    if isinstance(expected, (list, tuple)):
        return len(found) == len(expected) and all(map(close, found, expected))
    if isinstance(expected, float):
        return found == pytest.approx(expected, rel=1e-4, abs=1e-5, nan_ok=True)
    return found == expected


# What is trained


@pytest.mark.matrix
def test_losses_equal_by_identity_tie_in_every_seed(compared):
    rows = [row for row in compared[0].table() if row["loss"] == "SmoothL1"]
    assert [row["score"] for row in rows] == ["RMSE", "MAE", "R²"]
    assert all((row["ties"], row["wins"], row["seeds"]) == (2, 0, 2) for row in rows)
    assert "SmoothL1 ties with Huber in every seed: RMSE, MAE, R²." in compared[0].notes


@pytest.mark.matrix
@pytest.mark.skipif(keras.config.backend() != "tensorflow", reason="the first fit draws an order of the samples more")
def test_a_score_is_that_of_a_model_trained_by_keras_alone(compared):
    """The same seed, weights, rows and order, with nothing of this package but the loss."""
    train, test = map(np.sort, train_test_split(np.arange(60), test_size=0.25, random_state=1))
    keras.utils.set_random_seed(1)
    model = build()
    model.compile(keras.optimizers.Adam(0.05), keras.losses.Huber(1.0))
    keras.utils.set_random_seed(1)
    model.fit(X[train], Y[train], epochs=3, batch_size=16, verbose=0)
    expected = metrics.root_mean_squared_error(Y[test], model.predict(X[test], verbose=0)[:, 0])
    assert compared[0].values("Huber", "RMSE")[1] == pytest.approx(expected, rel=1e-3)


def test_nan_is_a_result_and_never_the_best(compared):
    found = compared[0]
    assert found.best == "Huber"
    assert all(math.isnan(value) for score in found.scores for value in found.values("broken", score.name))
    assert found.notes[0] == "broken: its loss became NaN or infinite in 2 of 2 seeds."
    assert len(found.trials[-1].history["loss"]) == 1  # nothing comes of going on
    assert [line for line in str(found).splitlines() if line.split() == ["broken", "nan"]]


@pytest.mark.matrix
def test_an_interruption_loses_nothing_and_trains_nothing_twice(compared, tmp_path, monkeypatch):
    trained, train = [], trials.Trainer.train

    def counted(trainer, seed, parts):
        trained.append((trainer.candidate.name, seed))
        if len(trained) == 4:  # in the middle of the second loss
            raise KeyboardInterrupt
        return train(trainer, seed, parts)

    def call():
        return box.compare(build, LOSSES, X, Y, file=tmp_path / "file", **SETTINGS)

    monkeypatch.setattr(trials.Trainer, "train", counted)
    with pytest.raises(KeyboardInterrupt):
        call()
    with open(tmp_path / "file", "ab") as file:
        file.write(b'{"loss": "SmoothL1", "seed": 1, "sco')  # as if killed while writing
    resumed = call()
    assert trained[3:] == [("SmoothL1", 1), ("SmoothL1", 1), ("broken", 0), ("broken", 1)]
    assert close(resumed.to_dict(), compared[0].to_dict())
    assert close(call().to_dict(), compared[0].to_dict())
    assert len(trained) == 7


@pytest.mark.matrix
def test_missing_labels():
    """The known winner: Keras's loss is NaN. Labels that are missing are not in the scores, nor in the groups."""
    seen = np.where(np.random.default_rng(0).random(ANSWERS.shape) < 0.4, NAN, ANSWERS)
    losses = {"Keras": keras.losses.BinaryCrossentropy(from_logits=True), "Masked": box.Masked(BCE)}
    found = box.compare(build_three, losses, X, seen, **SETTINGS)
    assert found.best == "Masked"
    assert min(found.values("Masked", "average precision")) > 0.6
    assert found.sizes == {"training": 36, "validation": 9, "test": 15}


@pytest.mark.matrix
def test_wrong_labels():
    """The known winner where 40 % of the labels are wrong, judged by labels that are not."""
    x, y = load_digits(return_X_y=True)
    x, x_test, y, y_test = train_test_split((x / 16).astype("float32"), y, test_size=0.5, stratify=y, random_state=0)
    rng = np.random.default_rng(0)
    wrong = np.where(rng.random(len(y)) < 0.4, (y + rng.integers(1, 10, len(y))) % 10, y)
    losses = [box.SparseCategoricalCrossentropy(from_logits=True), box.GeneralizedCrossentropy(from_logits=True)]

    def network():
        return keras.Sequential([keras.Input((64,)), keras.layers.Dense(64, "relu"), keras.layers.Dense(10)])

    found = box.compare(
        network, losses, x, wrong, test=(x_test, y_test), seeds=3, epochs=40, optimizer="adam", verbose=0
    )
    assert found.best == "GeneralizedCrossentropy(from_logits=True)"
    accuracy, calibration = [row for row in found.table() if row["loss"] == found.best]
    assert (accuracy["wins"], calibration["wins"]) == (3, 3)
    assert accuracy["difference"] > 0.02 > calibration["difference"]
    assert found.sizes == {"training": 898, "validation": 0, "test": 899}


@pytest.mark.matrix
def test_early_stopping_goes_back_to_the_best_epoch():
    """With a rate at which the loss grows, the best epoch is the first; dropout draws what the seed says."""

    def network():
        return keras.Sequential([keras.Input((3,)), keras.layers.Dropout(0.5), keras.layers.Dense(1)])

    rate = keras.optimizers.SGD(3.0)
    found = box.compare(network, ["mse"], X, Y, **{**SETTINGS, "optimizer": rate, "epochs": 20, "patience": 1})
    for trial in found.trials:
        val = trial.history["val_loss"]
        assert len(val) < 20
        assert val[-1] > min(val)
    assert found.sizes == {"training": 36, "validation": 9, "test": 15}


def data(x, y, validation_size=0, kind=None, scaler=None):
    samples = trials.Samples(x, y, None, "")
    return trials.Data(lambda seed: samples, 0.25, validation_size, kind, scaler)


def test_the_preprocessing_sees_the_training_part_alone():
    scaled = data(X, Y, scaler=preprocessing.StandardScaler())
    for seed in (0, 1):
        parts = scaled.parts(seed)
        np.testing.assert_allclose(parts.train.x.mean(0), 0, atol=1e-6)
        assert np.abs(parts.test.x.mean(0)).max() > 0.01
    assert scaled.parts(0).test.x.dtype == "float32"


def test_parts_have_the_shares_of_the_classes():
    y = np.repeat([0, 1, 2], [40, 16, 4])
    parts = data(X, y, 0.2, "classes").parts(3)
    assert [np.bincount(part.y).tolist() for part in parts] == [[24, 10, 2], [6, 2, 1], [10, 4, 1]]
    one_hot = np.vstack([np.eye(3)[y], [[NAN] * 3]])
    assert np.bincount(trials.strata_of("classes", one_hot)).tolist() == [40, 16, 4, 1]
    assert trials.strata_of("binary", ANSWERS) is None
    assert trials.strata_of("regression", Y) is None
    each_its_own = data(X, np.arange(60), kind="classes")  # none is large enough
    assert len(each_its_own.parts(0).test.y) == 15


def test_several_inputs_are_divided_alike():
    parts = data({"a": X, "b": 2 * X}, Y).parts(0)
    np.testing.assert_array_equal(parts.test.x["b"], 2 * parts.test.x["a"])


@pytest.mark.matrix
def test_samples_of_a_function_of_the_seed(tmp_path):
    """Folds: the same numbers as a comparison of one seed with that part of the data for the test."""

    def fold(seed):
        test = np.arange(60) % 3 == seed
        return X[~test], Y[~test], X[test], Y[test]

    losses = {"MSE": box.MeanSquaredError(), "MAE": box.MeanAbsoluteError()}
    found = box.compare(build, losses, fold, file=tmp_path / "file", **{**SETTINGS, "seeds": 3})
    for seed in range(3):
        x, y, *test = fold(seed)
        alone = box.compare(build, losses, x, y, test=test, **{**SETTINGS, "seeds": [seed]})
        for loss in losses:
            assert found.values(loss, "RMSE")[seed] == pytest.approx(alone.values(loss, "RMSE")[0], rel=1e-4)
    assert found.sizes == {"training": 40, "validation": 0, "test": 20}
    half = box.compare(build, losses, lambda seed: (X[seed::3], Y[seed::3]), **SETTINGS)
    assert half.sizes == {"training": 15, "validation": 0, "test": 5}  # by `test_size`
    with pytest.raises(ValueError, match="data"):  # of another comparison
        box.compare(build, losses, lambda seed: fold(2 - seed), file=tmp_path / "file", **{**SETTINGS, "seeds": 3})


@pytest.mark.parametrize(
    ("x", "other", "message"),
    [
        (lambda seed: (X, Y), {"y": Y}, "`y` must be None where `x` is a function"),
        (lambda seed: (X, Y), {"test": (X, Y)}, "`test` must be None where `x` is a function"),
        (lambda seed: X, {}, r"must return \(x, y\) or \(x, y, x_test, y_test\). Received: ndarray, for the seed 0"),
        (lambda seed: (X, Y, X), {}, "Received: 3 values, for the seed 0"),
        (lambda seed: (X, Y[1:]), {}, "must have as many samples"),
        (lambda seed: (X, RNG.normal(size=60)), {}, "must return the same for the same seed"),
    ],
)
def test_functions_of_the_seed_that_are_refused(x, other, message):
    with pytest.raises(ValueError, match=message):
        box.compare(build, ["mse"], x, **other, **SETTINGS)


# Scores


def test_scores_of_yes_no_labels(rng):
    """Against scikit-learn, label by label, without those that are missing."""
    y, p = (rng.random((80, 2)) < 0.4).astype("float64"), rng.random((80, 2))
    y[rng.random(y.shape) < 0.2] = NAN
    known = [(y[~np.isnan(y[:, i]), i], p[~np.isnan(y[:, i]), i]) for i in range(2)]
    ap, half, best, brier = scores.default_scores(Reading("binary", BCE), p)
    assert ap.function(y, p) == pytest.approx(np.mean([metrics.average_precision_score(*pair) for pair in known]))
    assert half.function(y, p) == pytest.approx(np.mean([metrics.f1_score(a, b > 0.5) for a, b in known]))
    assert brier.function(y, p) == pytest.approx(np.mean([metrics.brier_score_loss(*pair) for pair in known]))
    highest = [max(metrics.f1_score(a, b >= t) for t in b) for a, b in known]
    assert best.function(y, p, y, p) == pytest.approx(np.mean(highest))
    assert [score.higher_is_better for score in (ap, half, best, brier)] == [True, True, True, False]
    assert math.isnan(ap.function(np.zeros(5), p[:5, 0]))


def test_the_best_threshold_does_not_part_equal_predictions():
    assert scores.best_threshold(np.array([1, 0, 1, 0]), np.array([0.9, 0.7, 0.7, 0.1])) == pytest.approx(0.4)
    assert scores.best_threshold(np.array([0, 0]), np.array([0.2, 0.3])) == 0.5
    assert scores.best_threshold(np.array([1, 1]), np.array([0.2, 0.3])) == -math.inf


def test_scores_of_real_numbers(rng):
    y, p = rng.normal(size=(30, 2)), rng.normal(size=(30, 2))
    rmse, mae, r2 = scores.default_scores(Reading("regression", box.MeanSquaredError()), p)
    assert rmse.function(y, p) == pytest.approx(metrics.root_mean_squared_error(y, p))
    assert mae.function(y, p) == pytest.approx(metrics.mean_absolute_error(y, p))
    assert r2.function(y, p) == pytest.approx(metrics.r2_score(y, p))


def test_scores_of_classes(rng):
    y, p = rng.integers(0, 3, 50), rng.dirichlet([1, 1, 1], 50)
    accuracy, calibration = scores.default_scores(Reading("classes", box.CategoricalCrossentropy()), p)
    assert accuracy.function(y, p) == metrics.accuracy_score(y, p.argmax(1))
    assert accuracy.function(np.eye(3)[y], p) == accuracy.function(y, p)
    missing = np.vstack([np.eye(3)[y], [[NAN] * 3] * 2])
    assert accuracy.function(missing, np.vstack([p, p[:2]])) == accuracy.function(y, p)
    assert accuracy.function(np.append(y, -1.0), np.vstack([p, p[:1]])) == accuracy.function(y, p)
    confident = np.array([[0.72, 0.28], [0.74, 0.26], [0.95, 0.05]])  # two bins: |1 - 0.73|, and |0 - 0.95|
    assert calibration.function(np.array([0, 0, 1]), confident) == pytest.approx((2 * 0.27 + 0.95) / 3)


def test_scores_of_regions():
    y = np.zeros((2, 4, 4, 1))
    y[:, :2] = 1
    p = np.full(y.shape, 0.1)
    p[:, :1] = 0.9  # half of the region
    iou, dice = scores.default_scores(Reading("regions", box.Dice()), p)
    assert iou.function(y, p) == pytest.approx(1 / 2)
    assert dice.function(y, p) == pytest.approx(2 / 3)


def test_predictions_are_read_by_each_loss():
    z = np.array([[0.0, 2.0], [-1.0, 1.0]])
    sigmoid, softmax = 1 / (1 + np.exp(-z)), np.exp(z) / np.exp(z).sum(-1, keepdims=True)

    def reads(*losses):
        found = candidates_of(dict(zip("abc", losses, strict=False)))
        return [read(candidate, common_reading(found, z), z) for candidate in found]

    function = lambda y, p: p  # noqa: E731
    np.testing.assert_allclose(reads(box.Masked(BCE), function), [sigmoid, sigmoid])
    with pytest.raises(ValueError, match="'b' takes probabilities, .* they go from -1 to 2. Give .* from_logits=True"):
        reads(BCE, "binary_crossentropy")
    logits = keras.losses.CategoricalCrossentropy(from_logits=True)
    np.testing.assert_allclose(reads(function, logits, "mse"), [softmax, softmax, z])
    np.testing.assert_allclose(reads("mse", box.Poisson(log_input=True), box.Hinge()), [z, np.exp(z), sigmoid])
    found = candidates_of({"a": BCE, "b": box.Dice(from_logits=True)})
    assert common_reading(found, np.zeros((2, 4, 4, 1))).kind == "regions"


def test_scores_of_a_user():
    y, p = Y[:10], Y[:10] + 0.5
    given_scores = [metrics.mean_absolute_error, keras.metrics.MeanSquaredError(name="mse"), metrics.r2_score]
    found = scores.user_scores(given_scores, None)
    assert [(score.name, score.higher_is_better) for score in found] == [
        ("mean_absolute_error", False),
        ("mse", False),
        ("r2_score", True),
    ]
    values = scores.evaluate(found, "", scores.judged(y[:, None], p[:, None], ()), None)
    assert values["mse"] == pytest.approx(0.25)
    assert values["mean_absolute_error"] == pytest.approx(0.5)
    missing = scores.judged(np.append(y, -1), np.append(p, 7), {-1})
    assert scores.evaluate(found, "", missing, None) == pytest.approx(values)
    many = scores.judged(np.array([[0.0, NAN], [1.0, 2.0]]), np.zeros((2, 2)), ())  # means over the labels
    assert scores.evaluate(found[:1], "", many, None)["mean_absolute_error"] == pytest.approx((0.5 + 2) / 2)
    [score] = scores.user_scores({"bias": lambda y, p: np.mean(p - y)}, ("bias",))
    assert not score.higher_is_better


# What it says


def made(of_scores, higher=True, names=("first", "second"), seeds=5, **options):
    """A comparison with these scores, `{name: [values of each loss]}`."""
    found = tuple(
        Trial(name, seed, {score: values[place][seed] for score, values in of_scores.items()}, {"loss": [1.0, 0.5]})
        for place, name in enumerate(names)
        for seed in range(seeds)
    )
    kept = tuple(Score(name, None, higher) for name in of_scores)
    settings = {"epochs": 2, "patience": None, "sizes": {"training": 6, "validation": 0, "test": 2}, **options}
    return Comparison(tuple(names), tuple(range(seeds)), kept, found, **settings)


def test_differences_are_paired_by_seed():
    first, second = [0.1, 0.5, 0.9, 0.3, 0.7], [0.12, 0.52, 0.92, 0.32, 0.73]
    row = made({"AP": [first, second]}).table()[1]
    assert row["difference"] == pytest.approx(0.022)
    assert row["difference_sd"] == pytest.approx(np.std([0.02, 0.02, 0.02, 0.02, 0.03], ddof=1))
    assert row["mean"] == pytest.approx(0.522)
    assert row["sd"] == pytest.approx(np.std(second, ddof=1))
    assert (row["wins"], row["ties"], row["in_noise"]) == (5, 0, False)
    lower = made({"RMSE": [first, second]}, higher=False)
    assert lower.table()[1]["difference"] == pytest.approx(0.022)
    assert lower.table()[1]["wins"] == 0
    assert (lower.best, made({"AP": [first, second]}).best) == ("first", "second")


def test_two_standard_errors_are_the_noise():
    score = Score("AP", None)
    spread = np.array([-1.0, 1.0, -1.0, 1.0, 0.0])  # deviation 1, so that two standard errors are 0.894
    assert difference(0.89 + spread, np.zeros(5), score).in_noise
    assert not difference(0.90 + spread, np.zeros(5), score).in_noise
    assert not difference(-0.90 + spread, np.zeros(5), score).in_noise
    assert difference([1.0], [0.0], score).in_noise
    assert difference([1.0, NAN], [0.0, 0.0], score) is None


def test_notes_say_what_is_noise():
    noisy = made({"AP": [[0.5, 0.6, 0.7, 0.8, 0.9], [0.6, 0.5, 0.8, 0.7, 0.91]], "F1": [[0.1] * 5, [0.2] * 5]})
    assert noisy.notes == ["second: its difference to first is within the noise: AP."]
    assert "One seed does not show" in made({"AP": [[0.5], [0.6]]}, seeds=1).notes[0]
    assert "3 seeds show roughly" in made({"AP": [[0.5] * 3, [0.6] * 3]}, seeds=3).notes[0]
    assert made({"AP": [[0.5]]}, names=["first"], seeds=1).notes == []
    assert "ended by the 2 epochs in 5 of 5 seeds" in made({"AP": [[0.5] * 5, [0.6] * 5]}, patience=1).notes[-1]


def test_notes_say_where_a_moved_threshold_is_as_good():
    half, best = scores.AT_HALF, scores.AT_BEST
    moved = made({half: [[0.1] * 5, [0.7] * 5], best: [[0.72] * 5, [0.73] * 5]})
    assert moved.notes == ["first with its threshold moved is as good as second at 1/2: F1 0.720, beside 0.700."]
    assert made({half: [[0.1] * 5, [0.7] * 5], best: [[0.6] * 5, [0.73] * 5]}).notes == []
    assert made({half: [[0.7] * 5, [0.6] * 5], best: [[0.7] * 5, [0.6] * 5]}).notes == []


def test_nan_in_some_seeds_is_not_the_best():
    found = made({"AP": [[0.5] * 5, [0.9] * 4 + [NAN]]})
    assert found.best == "first"
    assert found.notes == ["second: AP is NaN in 1 of 5 seeds."]
    assert found.table()[1]["difference"] is None
    assert made({"AP": [[NAN] * 5] * 2}).best is None


def test_printed_table():
    found = made({"AP": [[0.5, 0.6, 0.7, 0.8, 0.9], [0.6, 0.5, 0.8, 0.7, 0.91]]})
    assert str(found).splitlines() == [
        "compare: 2 losses, 5 seeds; samples: 6 for training, 2 for test; 2 epochs",
        "",
        "AP (higher is better)       mean ± sd     to the first   better in",
        "  first                 0.700 ± 0.158",
        "  second                0.702 ± 0.161   +0.002 ± 0.100   3 of 5",
        "",
        "* second: its difference to first is within the noise: AP.",
    ]
    assert "54.3 ± 1.0" in str(made({"RMSE": [[53.3, 55.3, 54.3]]}, names=["first"], seeds=3))
    assert str(made({"AP": [[0.25]]}, names=["first"], seeds=1)).splitlines()[-1].split() == ["first", "0.250"]


def test_to_dict_is_json(compared):
    content = json.loads(json.dumps(compared[0].to_dict(), allow_nan=False))
    assert content["best"] == "Huber"
    assert content["trials"][4] == {
        "loss": "broken",
        "seed": 0,
        "scores": {"RMSE": None, "MAE": None, "R²": None},
        "history": {"loss": [None]},
    }


def test_plot(compared):
    left, right = compared[0].plot("MAE", ax=Figure().subplots(1, 2))
    assert left.get_xlabel() == "MAE (lower is better)"
    assert [label.get_text() for label in left.get_yticklabels()] == ["Huber", "SmoothL1", "broken"]
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["Huber", "SmoothL1"]
    curves = [line for line in right.get_lines() if len(line.get_xdata()) > 1]
    assert len(curves) == 4
    for line in curves:
        assert line.get_xdata().tolist() == [1, 2, 3]
        assert line.get_ydata()[0] == 1
    with pytest.raises(ValueError, match="`score` must be one of RMSE, MAE, R². Received: score='AP'"):
        compared[0].plot("AP")
    with pytest.raises(ValueError, match="`ax` must be two matplotlib axes"):
        compared[0].plot(ax=3)
    assert picture.wrapped("BinaryCrossentropy(from_logits=True, axis=None)").splitlines() == [
        "BinaryCrossentropy(",
        "from_logits=True, axis=None)",
    ]
    assert picture.relative([-2.0, 1.0, NAN])[:2].tolist() == [-1, 0.5]
    assert np.isnan(picture.relative([0.0, 1.0])).all()


# What it refuses


def compiled():
    model = build()
    model.compile("sgd", "mse")
    return model


@pytest.mark.one_in(1)
@pytest.mark.parametrize(
    "changed, message",
    [
        ({"losses": {}}, "`losses` must be a list or a dict of at least one loss. Received: losses={}"),
        ({"losses": box.Huber()}, "`losses` must be a list or a dict"),
        (
            {"losses": [box.Huber(), box.Huber()]},
            r"a name of its own; give a dict, name -> loss. Received: 'Huber\(\)'",
        ),
        ({"losses": {"a": "nonsense"}}, "`losses` must hold losses: .* Received: 'a': 'nonsense'"),
        ({"losses": {1: "mse"}}, "the keys of `losses` must be names. Received: 1"),
        ({"y": Y[:-1]}, "`x` and `y` must have as many samples. Received: 60 in x, 59 in y"),
        ({"x": {"a": X, "b": X[1:]}}, "Received: 59 and 60 in x, 60 in y"),
        ({"y": ["a"] * 60}, "`y` must be an array of numbers. Received: list"),
        ({"x": 3}, "`x` must be an array of samples"),
        ({"test": X}, r"`test` must be a pair \(x, y\), or None. Received: ndarray"),
        ({"test": (X, Y[:3])}, r"`test\[0\]` and `test\[1\]` must have as many samples"),
        ({"build": lambda: 3}, "`build` must return a keras.Model that is not compiled, .* Received: 3"),
        ({"build": compiled}, "Received: a compiled model"),
        ({"seeds": 0}, "`seeds` must be a whole number >= 1, .* Received: seeds=0"),
        ({"seeds": [1, 1]}, r"Received: seeds=\[1, 1\]"),
        ({"seeds": True}, "Received: seeds=True"),
        ({"seeds": [0.5]}, r"Received: seeds=\[0.5\]"),
        ({"epochs": 0}, "`epochs` must be a whole number >= 1. Received: epochs=0"),
        ({"batch_size": 2.5}, "`batch_size` must be a whole number"),
        ({"patience": -1}, "`patience` must be a whole number >= 0"),
        ({"test_size": 1}, "`test_size` must be a share of the samples, between 0 and 1. Received: test_size=1"),
        ({"validation_size": 1.5}, "`validation_size` must be a share of the samples, between 0 and 1, or 0 for none"),
        ({"patience": 1, "validation_size": 0}, "`validation_size` must be more than 0 for early stopping"),
        ({"optimizer": "nonsense"}, "`optimizer` must be an optimizer of Keras, or the name of one"),
        ({"scores": {}}, "`scores` must be a list or a dict of at least one score"),
        ({"scores": {"a": 3}}, "each of `scores` must be a metric of Keras .* Received: 'a': 3"),
        ({"scores": [keras.metrics.AUC]}, r"\(an instance, not a class\)"),
        ({"scores": [metrics.r2_score] * 2}, "Received: 'r2_score' twice"),
        ({"scores": [metrics.r2_score], "lower_is_better": ["a"]}, "must hold names of scores: r2_score. Received: a"),
        ({"lower_is_better": ["a"]}, "`lower_is_better` must be None where `scores` is"),
        (
            {"losses": [box.CategoricalCrossentropy()], "y": ANSWERS[:, :2], "build": build_three},
            "cannot be trained. .* must have the same shape",
        ),
        (
            {"losses": [box.Huber()], "y": ANSWERS},
            r"cannot be trained. .* y_true.shape=\(45, 3\), y_pred.shape=\(45, 1\)",
        ),
        ({"losses": [box.GaussianNLL()]}, "`scores` must say how predictions are judged"),
        ({"losses": [lambda y, p: p]}, "`scores` must say how predictions are judged"),
        (
            {"scores": [metrics.accuracy_score]},
            "the score 'accuracy_score' fails on the model before training: .*ValueErr",
        ),
        ({"scores": {"many": lambda y, p: p}}, "the score 'many' fails .* has to return one number"),
    ],
)
def test_refused_before_training(changed, message):
    arguments = {"build": build, "losses": [box.Huber()], "x": X, "y": Y, **SETTINGS, **changed}
    with pytest.raises(ValueError, match=f"(?s)^compare: .*{message}"):
        box.compare(**arguments)


def test_the_same_model_twice():
    model = build()
    with pytest.raises(ValueError, match="a new model each time, .* Received: the same model twice"):
        box.compare(lambda: model, [box.Huber()], X, Y, **SETTINGS)
    shared = keras.layers.Dense(1)
    with pytest.raises(ValueError, match="Received: the same weights twice"):
        box.compare(lambda: keras.Sequential([keras.Input((3,)), shared]), [box.Huber()], X, Y, **SETTINGS)


@pytest.mark.matrix
def test_a_failure_keeps_what_was_trained(tmp_path):
    """A score that fails after the first trial, a loss that cannot be trained: the error names it, the file stays."""
    calls = []

    def score(y, p):
        calls.append(1)
        return 1 / (3 - len(calls))

    file = tmp_path / "file"
    with pytest.raises(ValueError, match="the score 'score' fails for 'mse', seed 1: .*ZeroDivisionError"):
        box.compare(build, ["mse"], X, Y, scores=[score], file=file, **SETTINGS)
    assert [json.loads(line).get("seed") for line in file.read_text().splitlines()[1:]] == [0]
    losses = {"wrong": box.CategoricalCrossentropy(from_logits=True)}
    with pytest.raises(ValueError, match="'wrong' cannot be trained. ValueError: .*at least two classes"):
        box.compare(build, losses, X, Y, scores=[metrics.r2_score], **SETTINGS)


def build_deeper():
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.Dense(1)])


@pytest.mark.parametrize("other", [lambda y, p: 2.0, None])
def test_a_function_is_told_by_what_it_does(other):
    """Not by its name, which two may share, nor by its address, which no second process has."""

    def scaled(factor):
        return lambda y, p: factor * np.mean(y - p)

    assert of_code(scaled(1.0)) == of_code(scaled(1.0))
    assert " at 0x" not in of_code(scaled(scaled(1.0)))
    assert of_code(scaled(1.0)) != of_code(other or scaled(2.0))
    assert of_code(scaled(scaled(1.0))) != of_code(scaled(scaled(2.0)))


def test_a_preprocessing_is_told_by_all_of_its_options():
    """The repr of scikit-learn leaves some out, and has the addresses of functions."""

    def steps(fill, function=np.log1p):
        imputer = impute.SimpleImputer(strategy="constant", fill_value=fill)
        parts = [(str(i), pipeline.make_pipeline(preprocessing.StandardScaler()), [i]) for i in range(12)]
        parts += [("last", pipeline.make_pipeline(imputer, preprocessing.FunctionTransformer(function)), [12])]
        return _steps(compose.ColumnTransformer(parts))

    assert steps(0.0) == steps(0.0)
    assert steps(0.0) != steps(99.0)
    assert steps(0.0, lambda x: x) == steps(0.0, lambda x: x)
    assert steps(0.0, lambda x: x) != steps(0.0, lambda x: 2 * x)
    assert " at 0x" not in str(steps(0.0, lambda x: x))


def test_labels_that_a_loss_refuses_are_named_before_training():
    losses = [box.SparseCategoricalCrossentropy(from_logits=True)]
    with pytest.raises(ValueError, match=r"cannot be trained. .*class indices from 0 to 2, .* Received: 3$"):
        box.compare(build_three, losses, X, np.arange(len(X)) % 3 + 1, **SETTINGS)
    with pytest.raises(ValueError, match="'binary_crossentropy' takes probabilities"):
        box.compare(build, [BCE, "binary_crossentropy"], X, Y > 0, **SETTINGS)
    with pytest.raises(ValueError, match="`build` must return .* which is no function"):
        box.compare(build(), [BCE], X, Y > 0, **SETTINGS)


def test_what_is_suggested_can_be_compared():
    suggested = box.suggest([0, 0, 0, 0, 0, 1])
    assert [candidate.loss for candidate in candidates_of(suggested)] == [loss for loss, _ in suggested]


def test_outputs_of_different_units_have_no_outliers():
    rng = np.random.default_rng(0)
    y = rng.normal(size=(500, 2)) * [1, 1000]
    assert not any("far from" in suggestion.reason for suggestion in box.suggest(y))
    y[:20, 0] = 50
    y[5:, 1] = np.nan
    assert "4 %" in box.suggest(y)[-1].reason
    assert type(box.suggest(rng.integers(0, 3, (4, 8, 8)))[0].loss) is box.SparseCategoricalCrossentropy


def test_a_file_of_another_comparison(compared):
    content = compared[1].read_bytes()
    for changed, message in (
        ({"epochs": 4}, "epochs is 3 there, 4 here"),
        ({"y": Y + 1}, "data is '.*' there, '.*' here"),
        ({"losses": {"Huber": box.Huber(2.0)}}, r"losses is .*Huber\(\).* there, .*delta=2.0.* here"),
        ({"build": build_deeper}, "model is"),
        ({"scores": {name: lambda y, p: 0.0 for name in ("RMSE", "MAE", "R²")}}, "scores is"),
        ({"preprocessing": preprocessing.StandardScaler()}, "preprocessing is 'none' there"),
    ):
        arguments = {"build": build, "losses": LOSSES, "x": X, "y": Y, **SETTINGS, **changed, "file": compared[1]}
        with pytest.raises(ValueError, match=f"`file` must be new or of this comparison. .*{message}"):
            box.compare(**arguments)
    assert compared[1].read_bytes() == content


@pytest.mark.one_in(1)
@pytest.mark.parametrize("content", [b"mine", b"mine\n", b"[1]\n", b'{"a": 1}\n'])
def test_a_file_of_something_else_is_not_touched(content, tmp_path):
    file = tmp_path / "file"
    file.write_bytes(content)
    with pytest.raises(ValueError, match="must be new or of this comparison. Received: .*, which holds something else"):
        comparison.record.Record(file, {"epochs": 3})
    assert file.read_bytes() == content


def test_a_line_that_is_no_trial(tmp_path):
    file = tmp_path / "file"
    comparison.record.Record(file, {"epochs": 3}).add(Trial("a", 0, {"AP": NAN}, {"loss": [1.0]}))
    assert (
        file.read_text().splitlines()[1]
        == '{"loss": "a", "seed": 0, "scores": {"AP": null}, "history": {"loss": [1.0]}}'
    )
    [again] = comparison.record.Record(file, {"epochs": 3}).trials.values()
    assert math.isnan(again.scores["AP"])
    with file.open("a") as stream:
        stream.write("nonsense\n")
    with pytest.raises(ValueError, match="line 3 of .* is no trial: b'nonsense"):
        comparison.record.Record(file, {"epochs": 3})


def test_a_missing_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(
        ImportError, match=r'compare: sklearn is missing; install it with: pip install "keras-lossbox\[d'
    ):
        box.compare(build, [box.Huber()], X, Y)


def test_seeds_of_a_list():
    assert given.seeds_of(np.array([3, 7])) == [3, 7]
    assert given.seeds_of(range(2)) == [0, 1]


# suggest


@pytest.mark.one_in(1)
@pytest.mark.parametrize(
    "y, expected",
    [
        ([0, 1] * 5, ["BinaryCrossentropy(from_logits=True)"]),
        ([True] + [False] * 19, ["BinaryCrossentropy", "pos_weight=19.0", "BinaryFocalCrossentropy"]),
        ([[0, 1], [1, 1], [NAN, 1]], ["Masked(loss=BinaryCrossentropy(from_logits=True))"]),
        ([0, 1, 2] * 5, ["SparseCategoricalCrossentropy(from_logits=True)", "EarthMovers"]),
        ([1, 2, 3, 4, 5] * 5, ["SparseCategoricalCrossentropy(from_logits=True)", "EarthMovers"]),
        (
            [0] * 50 + [1] * 50 + [2],
            [
                "SparseCategoricalCrossentropy(",
                "class_weight=[0.673, 0.673, 33.667]",
                "SparseCategoricalFocal",
                "EarthM",
            ],
        ),
        (np.eye(3)[[0, 1, 2]], ["CategoricalCrossentropy(from_logits=True)"]),
        ([0, 3, 7, 20, 4, 4, 5], ["MeanSquaredError()", "Poisson(log_input=True)", "Tweedie(log_input=True)"]),
        ([0.0, 0.0, 0.5, 2.5, 10.25], ["MeanSquaredError()", "Tweedie(log_input=True)"]),
        ([-1.5, 0.5, 1.5, 2.0], ["MeanSquaredError()", "MeanAbsoluteError()", "LogCosh()"]),
        ([-150.5, 50.5, 150.5, NAN], ["Masked(loss=MeanSquaredError", "Masked(loss=MeanAbsoluteError"]),
        ([*np.linspace(-1.0, 1.0, 50), 99.5], ["MeanSquaredError()", "MeanAbsoluteError()", "Huber(delta=0.76)"]),
    ],
)
def test_suggestions(y, expected):
    found = box.suggest(y)
    assert len(found) == len(expected)
    for suggestion, part in zip(found, expected, strict=True):
        assert part in repr(suggestion.loss)
        assert suggestion.reason


def test_suggestions_give_their_reason():
    weighted = box.suggest([1] + [0] * 19)[1]
    assert weighted.reason.startswith("5 % of the labels are 1: ")
    assert "2 % of the labels are more than 5" in box.suggest([*np.linspace(-1.0, 1.0, 50), 99.5])[2].reason
    assert box.suggest([0.5, NAN])[0].reason.endswith("50 % of the labels are missing and are left out")
    assert "y - 1" in box.suggest([1, 2, 3])[0].reason
    assert [type(loss).__name__ for loss, _ in box.suggest([0, 1, 2], kind="counts")] == ["MeanSquaredError", "Poisson"]


@pytest.mark.one_in(1)
@pytest.mark.parametrize(
    "y, kind, message",
    [
        (["a"], None, "`y` must be an array of numbers"),
        ([NAN, NAN], None, "must hold finite numbers, or NaN for some"),
        ([math.inf], None, "must hold finite numbers"),
        ([1, 2], "ranks", "`kind` must be one of binary, classes, counts, amounts, numbers, or None"),
        ([1, 2], "binary", "labels of kind 'binary' must be numbers from 0 to 1. Received: from 1 to 2"),
        ([0.5, 2], "classes", "must be whole numbers >= 0"),
        ([-1, 2], "amounts", "must be numbers >= 0"),
    ],
)
def test_suggest_refuses(y, kind, message):
    with pytest.raises(ValueError, match=f"^suggest: .*{message}"):
        box.suggest(y, kind=kind)


# From a table


def write_csv(path, rows, header=("size", "colour", "same", "y")):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


@pytest.mark.matrix
def test_a_table(tmp_path, capsys, monkeypatch):
    """Numbers and texts, some of them missing, to files; and again, where nothing is left to train."""
    rng = np.random.default_rng(0)
    sizes = rng.normal(size=60)
    rows = [
        ["" if index % 9 == 0 else size, ["red", "blue", ""][index % 3], 7, "yes" if size > 0.5 else "no"]
        for index, size in enumerate(sizes)
    ]
    file = write_csv(tmp_path / "data.csv", [*rows, [1, "red", 7, ""]])
    command = ["compare", str(file), "--label", "y", "--seeds", "2", "--epochs", "2", "--quiet"]
    command += ["--losses", "binary_crossentropy", "--output", str(tmp_path / "new" / "out")]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "60 of 61 rows have a label y; 1 columns of numbers, 1 of categories" in printed
    assert "y is yes/no: no is 0, yes is 1" in printed
    assert "Best by average precision: BinaryCrossentropy(from_logits=True)." in printed
    out = tmp_path / "new" / "out"
    assert {path.name for path in out.iterdir()} == {*table.FILES, "trials.jsonl"}
    assert (out / "table.txt").read_text() in printed
    model = keras.saving.load_model(out / "best.keras")
    transformer = joblib.load(out / "preprocessing.joblib")
    x = transformer.transform(np.array([[0.5, "red"], [NAN, "green"]], dtype=object)).astype("float32")
    assert model.predict(x, verbose=0).shape == (2, 1)
    content = (out / "trials.jsonl").read_bytes()
    monkeypatch.setattr(table, "save_best", lambda *args: None)
    assert main(command) == 0
    assert (out / "trials.jsonl").read_bytes() == content
    assert capsys.readouterr().out == printed


def test_columns_and_labels(tmp_path):
    rows = [[index, "ab"[index % 2], "x", 10 * index] for index in range(12)]
    header, rows = table.read_table(write_csv(tmp_path / "a.csv", rows))
    columns = table.columns_of(header, rows, "y")
    assert (columns.names, columns.numbers, columns.categories) == (["size", "colour"], [0], {1: ["a", "b"]})
    labels = table.labels_of(header, rows, "y", "counts")
    assert (labels.kind, labels.unit, float(labels.y.mean())) == ("counts", 55.0, 1.0)
    assert table.labels_of(header, rows, "y", None).kind == "counts"
    assert table.labels_of(header, rows, "size", "classes").classes == [str(index) for index in range(12)]
    two = table.labels_of(["y"], [["-1"], ["1"]] * 5, "y", None)
    assert (two.kind, two.classes, two.y[:2].tolist()) == ("binary", ["-1", "1"], [0, 1])
    three = table.labels_of(["y"], [["b"], ["a"], ["c"]] * 3, "y", None)
    assert (three.kind, three.y[:3].tolist()) == ("classes", [1, 0, 2])
    assert list(table.losses_of(three, ["sparse_categorical_crossentropy"])) == [
        "SparseCategoricalCrossentropy(from_logits=True)"
    ]


@pytest.mark.one_in(1)
@pytest.mark.parametrize(
    "text, options, message, code",
    [
        ("a,y\n1,2\n", ["--label", "z"], "--label must be one of the columns: a, y. Received: z", 2),
        ("a,y\n1,2\n1\n", ["--label", "y"], "row 3 of .* must have 2 cells. Received: 1", 2),
        ("a,a\n1,2\n", ["--label", "a"], "must name the columns, each once. Received: a, a", 2),
        ("", ["--label", "a"], "must name the columns, each once", 2),
        ("a,y\n1,2\n", ["--label", "y"], "at least eight rows must have a label y. Received: 1", 2),
        ("a,y\n" + "1,2\n2,2\n" * 5, ["--label", "y"], "must hold different labels. Received: 2 in all rows", 2),
        ("a,y\n" + "1,2\n1,3\n" * 5, ["--label", "y"], "a column beside y that is not the same in all rows", 2),
        (
            "a;y\n" + "1;u\n2;v\n3;w\n" * 5,
            ["--label", "y", "--kind", "counts"],
            "must be numbers. Received: u, v, w",
            2,
        ),
        ("a,y\n" + "1,0\n2,1\n" * 5, ["--label", "y", "--losses", "hubr"], "hubr", 2),
        (None, ["--label", "y"], "No such file", 1),
    ],
)
def test_a_table_that_does_not_do(text, options, message, code, tmp_path, capsys):
    file = tmp_path / "data.csv"
    if text is not None:
        file.write_text(text)
    assert main(["compare", str(file), *options, "--output", str(tmp_path / "out")]) == code
    captured = capsys.readouterr()
    assert captured.err.startswith("keras_lossbox compare: ")
    assert captured.err.count("\n") == 1
    assert re.search(message, captured.err)
    assert not (tmp_path / "out").exists()
