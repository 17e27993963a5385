"""Pictures of losses, checked by the numbers on their curves, and the commands `list` and `plot`.

Expected curves are numpy formulas in float64; `special` is scipy's. A figure of pyplot is closed after each test.
"""

import importlib.util
import inspect
import os
import subprocess
import sys

import keras
import matplotlib
import numpy as np
import pytest
from cases import LAST_OF_FAMILY, LONG, REQUIRED
from keras import ops
from matplotlib import pyplot
from matplotlib.figure import Figure
from scipy import integrate, special

import keras_lossbox as box
from keras_lossbox import plots
from keras_lossbox.__main__ import loss_options, main
from keras_lossbox.tools.curves import name_of

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    pyplot.close("all")


def named(value):
    """The repr of a loss that is the same in every process, for the names of tests."""
    return name_of(value) if isinstance(value, keras.losses.Loss) else None


def axes():
    return Figure().subplots(1, 2)


def curves(pair):
    """For each curve its label, and x, value and gradient as arrays; the line at 0 is no curve."""
    drawn = []
    for value, gradient in zip(*([line for line in a.lines if len(line.get_xdata()) > 2] for a in pair), strict=True):
        assert value.get_color() == gradient.get_color()
        np.testing.assert_array_equal(value.get_xdata(), gradient.get_xdata())
        label = value.get_label() if not value.get_label().startswith("_") else ""  # as legends take it
        drawn.append((label, value.get_xdata(), value.get_ydata(), gradient.get_ydata()))
    return drawn


SOME = {case.cls for case in LAST_OF_FAMILY.values()}


def every_loss():
    for name, cls in box.available().items():
        required = REQUIRED.get(cls.__name__, {})
        marks = [] if cls in SOME else [LONG]
        yield pytest.param(cls(**required), id=name, marks=marks)
        if "from_logits" in inspect.signature(cls).parameters:
            yield pytest.param(cls(**required, from_logits=True), id=f"{name}-logits", marks=LONG)


OF_EMBEDDINGS = tuple(cls for cls in box.available().values() if ".similarity." in cls.__module__)
OF_IMAGES = (box.SSIM, box.MultiScaleSSIM, box.GradientDifference)
# no line through the predictions of one sample shows it
NO_PICTURE = (
    box.CosineSimilarity,
    box.CTC,
    box.CenterlineDice,
    box.RDrop,
    box.JSDCrossentropy,
    *OF_EMBEDDINGS,
    *OF_IMAGES,
)


@pytest.mark.one_in(8, long=4)
@pytest.mark.parametrize("loss", list(every_loss()))
def test_every_loss_has_a_picture(loss):
    if isinstance(loss, NO_PICTURE):
        with pytest.raises(ValueError, match=f"no line through the predictions of {type(loss).__name__}"):
            plots.plot_loss(loss)
        return
    pair = plots.plot_loss(loss, ax=axes())
    assert " ".join(pair[0].get_title().split("\n")) == repr(loss)
    assert pair[0].get_xlabel() == pair[1].get_xlabel() != ""
    drawn = curves(pair)
    labels = [label for label, *_ in drawn]
    assert labels == (["label 0", "label 1"] if len(drawn) == 2 else [""])
    assert (pair[0].get_legend() is not None) == (len(drawn) == 2)
    for _, x, value, gradient in drawn:
        assert np.all(np.isfinite(value))
        assert np.all(np.isfinite(gradient))
        assert np.ptp(value) > 0.1
        if not isinstance(loss, box.ZeroOne):  # its gradient is that of a surrogate
            summed = value[0] + integrate.cumulative_trapezoid(gradient, x, initial=0)
            np.testing.assert_allclose(summed, value, atol=0.02 * np.ptp(value))


LOGITS = {"from_logits": True}
FORMULAS = [  # loss, kind, curves of value and gradient in x
    (box.MeanSquaredError(), None, [(lambda x: x**2, lambda x: 2 * x)]),
    (
        box.Huber(delta=2.0),
        None,
        [(lambda x: np.where(abs(x) < 2, x**2 / 2, 2 * abs(x) - 2), lambda x: np.clip(x, -2, 2))],
    ),
    (box.LogCosh(), None, [(lambda x: np.log(np.cosh(x)), np.tanh)]),
    (box.GaussianNLL(), None, [(lambda x: (x - 1) ** 2 / 2, lambda x: x - 1)]),
    (
        box.MixtureNLL(3),  # of equal components, with scales of e
        None,
        [(lambda x: (x - 1) ** 2 / 2 / np.e**2 + 1 + np.log(2 * np.pi) / 2, lambda x: (x - 1) / np.e**2)],
    ),
    (
        box.CoxPH(),
        None,
        [
            (lambda x: np.log1p(np.exp(x)), special.expit),
            (lambda x: np.log1p(np.exp(-x)), lambda x: -special.expit(-x)),
        ],
    ),
    (box.ListNet(), None, [(lambda x: np.log1p(np.exp(-x)), lambda x: -special.expit(-x))]),
    (
        box.DiscreteHazard(labels="intervals"),
        None,
        [
            (lambda x: np.log1p(np.exp(x)), special.expit),
            (lambda x: np.log1p(np.exp(-x)), lambda x: -special.expit(-x)),
        ],
    ),
    *(
        (
            box.GIoU(form),
            None,
            [(lambda x: 2 * abs(x) / (1 + abs(x)), lambda x: 2 * np.sign(x) / (1 + abs(x)) ** 2)],
        )
        for form in ("yxyx", "rel_xywh", "center_yxhw")
    ),
    (
        box.DistributionFocal(),
        None,
        [(lambda x: np.log(2 + np.exp(x)) - x, lambda x: np.exp(x) / (2 + np.exp(x)) - 1)],
    ),
    (
        box.Quantile([0.2, 0.5]),
        None,
        [(lambda x: np.where(x > 0, 0.65 * x, -0.35 * x), lambda x: 0.65 * (x > 0) - 0.35 * (x < 0))],
    ),
    (
        box.BinaryCrossentropy(**LOGITS, pos_weight=3.0),
        None,
        [
            (lambda x: np.log1p(np.exp(x)), special.expit),
            (lambda x: 3 * np.log1p(np.exp(-x)), lambda x: -3 * special.expit(-x)),
        ],
    ),
    (
        box.BinaryCrossentropy(),
        None,
        [(lambda p: -np.log(1 - p), lambda p: 1 / (1 - p)), (lambda p: -np.log(p), lambda p: -1 / p)],
    ),
    (
        box.SparseCategoricalCrossentropy(**LOGITS),
        None,
        [(lambda x: np.log(np.exp(x) + 2) - x, lambda x: -2 / (np.exp(x) + 2))],
    ),
    (
        box.CategoricalCrossentropy(class_weight=[1.0, 2.5, 0.5, 1.0]),
        None,
        [(lambda p, w=w: -w * np.log(p), lambda p, w=w: -w / p) for w in (1.0, 2.5, 0.5, 1.0)],
    ),
    (box.BalancedBinaryCrossentropy(), None, [(lambda p: -np.log(p) / 2, lambda p: -1 / p / 2)]),
    (
        box.MeanSquaredError(),
        "binary",
        [(lambda p: p**2, lambda p: 2 * p), (lambda p: (1 - p) ** 2, lambda p: 2 * p - 2)],
    ),
    (box.BinaryCrossentropy(**LOGITS), "pixels", [(lambda x: np.log1p(np.exp(-x)), lambda x: -special.expit(-x))]),
    (
        keras.losses.Huber(delta=0.5),
        None,
        [(lambda x: np.where(abs(x) < 0.5, x**2 / 2, abs(x) / 2 - 1 / 8), lambda x: np.clip(x, -0.5, 0.5))],
    ),
    (keras.losses.Poisson(), None, [(lambda x: x - np.log(x), lambda x: 1 - 1 / x)]),
    (
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        None,
        [(lambda x: np.log(np.exp(x) + 2) - x, lambda x: -2 / (np.exp(x) + 2))],
    ),
    (keras.losses.Dice(), None, [(lambda p: 1 - p, lambda p: -np.ones_like(p))]),
    (
        keras.losses.SquaredHinge(),
        None,
        [
            (lambda x: np.maximum(1 + x, 0) ** 2, lambda x: 2 * np.maximum(1 + x, 0)),
            (lambda x: np.maximum(1 - x, 0) ** 2, lambda x: -2 * np.maximum(1 - x, 0)),
        ],
    ),
]
if hasattr(keras.losses, "CategoricalGeneralizedCrossEntropy"):  # not in Keras 3.9
    generalized = keras.losses.CategoricalGeneralizedCrossEntropy(q=0.5)
    FORMULAS.append((generalized, None, [(lambda p: 2 - 2 * np.sqrt(p), lambda p: -1 / np.sqrt(p))]))


@pytest.mark.one_in(8)
@pytest.mark.parametrize("loss, kind, expected", FORMULAS, ids=[f"{name_of(row[0])}-{row[1]}" for row in FORMULAS])
def test_the_numbers_on_the_curves(loss, kind, expected):
    drawn = curves(plots.plot_loss(loss, ax=axes(), kind=kind))
    assert len(drawn) == len(expected)
    for (_, x, value, gradient), (formula, derivative) in zip(drawn, expected, strict=True):
        np.testing.assert_allclose(value, formula(x), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(gradient, derivative(x), rtol=1e-4, atol=1e-5)


def test_zero_one_shows_its_value_and_the_gradient_of_its_surrogate():
    (_, x, value, gradient), _ = curves(plots.plot_loss(box.ZeroOne(from_logits=True), ax=axes()))
    np.testing.assert_array_equal(value, x > 0)
    np.testing.assert_allclose(gradient, special.expit(x), rtol=1e-5)
    for _, _, _, gradient in curves(plots.plot_loss(box.ZeroOne(surrogate=None), ax=axes())):
        np.testing.assert_array_equal(gradient, 0)


@pytest.mark.one_in(4)
@pytest.mark.parametrize(
    "loss, low, high, across",
    [
        (box.Huber(), -3, 3, "prediction minus target"),
        (box.Huber(delta=50.0), -150, 150, "prediction minus target"),
        (box.SmoothL1(beta=0.0), -3, 3, "prediction minus target"),
        (box.BinaryCrossentropy(**LOGITS), -6, 6, "logit"),
        (box.BinaryCrossentropy(), 0.02, 0.98, "probability"),
        (box.BinaryCrossentropy(pos_weight=[1.0, 2.0, 3.0]), 0.02, 0.98, "probability, alike for 3 labels"),
        (box.CategoricalCrossentropy(), 0.02, 0.98, "probability of the true class (the 2 others share the rest)"),
        (box.Poly1Crossentropy(**LOGITS), -6, 6, "logit of the true class (the 2 others at 0)"),
        (
            box.CategoricalCrossentropy(**LOGITS, class_weight=[1.0, 2.0]),
            -6,
            6,
            "logit of the true class (the other at 0)",
        ),
        (
            box.BalancedBinaryCrossentropy(),
            0.02,
            0.98,
            "probability of the true label\nin each of 4 pixels, half of them positive",
        ),
        (box.Masked(box.CategoricalCrossentropy(**LOGITS)), -6, 6, "logit of the true class (the 2 others at 0)"),
        (box.Huber() + box.BinaryCrossentropy(), 0.02, 0.98, "probability"),
        (keras.losses.Hinge(), -6, 6, "logit"),
        (keras.losses.MeanAbsolutePercentageError(), 0.05, 3, "prediction (the target is 1)"),
    ],
    ids=named,
)
def test_range_and_what_it_is_drawn_over(loss, low, high, across):
    value, gradient = plots.plot_loss(loss, ax=axes())
    assert value.get_xlim() == gradient.get_xlim() == (low, high)
    assert value.get_xlabel() == across
    assert value.get_ylabel() == "loss"
    variable = "prediction" if "prediction" in across else across.split()[0].strip(",")
    assert gradient.get_ylabel() == f"d loss / d {variable}"


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    "loss, same_as",
    [
        (box.Masked(box.Huber(), ignore=0), box.Huber()),
        (box.SparseCategoricalCrossentropy(ignore_class=0), box.SparseCategoricalCrossentropy()),
        (box.CategoricalCrossentropy(axis=1), box.CategoricalCrossentropy()),
        (box.CategoricalCrossentropy(axis=-2), box.CategoricalCrossentropy()),
        (box.MeanSquaredError(axis=None), box.MeanSquaredError()),
        (box.Huber(reduction="none"), box.Huber()),
        (box.Huber(dtype="float16"), box.Huber()),
        pytest.param(
            box.Huber(dtype="float64"),
            box.Huber(),
            marks=pytest.mark.skipif(keras.config.backend() == "jax", reason="JAX has no float64 unless it is told to"),
        ),
        ("huber", box.Huber()),
    ],
    ids=named,
)
def test_options_that_change_labels_or_shapes_leave_the_picture(loss, same_as):
    tolerance = 1e-3 if "float16" in str(loss) else 1e-6
    drawn, expected = (curves(plots.plot_loss(one, ax=axes())) for one in (loss, same_as))
    np.testing.assert_allclose([c[1:] for c in drawn], [c[1:] for c in expected], rtol=tolerance, atol=tolerance)


def test_a_label_that_does_not_count_has_no_curve():
    pair = plots.plot_loss(box.Masked(box.BinaryCrossentropy(**LOGITS), ignore=0), ax=axes())
    assert [label for label, *_ in curves(pair)] == ["label 1"]
    assert [text.get_text() for text in pair[0].get_legend().texts] == ["label 1"]


class Lopsided(box.Loss):
    def __init__(self, under=1.0, **kwargs):
        super().__init__(**kwargs)
        self.under = under

    def call(self, y_true, y_pred):
        error = y_true - y_pred
        return ops.mean(ops.where(error > 0, self.under * error, -error), -1)


class LogSoftmax(keras.losses.Loss):
    """Keras's kind of loss, of one-hot labels and logits, of which nothing tells."""

    def call(self, y_true, y_pred):
        if y_pred.shape[-1] < 2:
            raise RuntimeError("one class only")
        return -ops.sum(y_true * ops.log_softmax(y_pred), -1)


def test_losses_of_users():
    _, x, value, gradient = curves(plots.plot_loss(Lopsided(under=9.0), ax=axes()))[0]
    np.testing.assert_allclose(value, np.maximum(-9 * x, x), rtol=1e-6)
    np.testing.assert_allclose(gradient[x != 0], np.where(x < 0, -9, 1)[x != 0], rtol=1e-6)
    with pytest.raises(ValueError, match="LogSoftmax was to be drawn as kind='real'.*another `kind`.*one class only"):
        plots.plot_loss(LogSoftmax(), ax=axes())
    pair = plots.plot_loss(LogSoftmax(), ax=axes(), kind="classes", between=(0.3, 0.7))
    assert pair[0].get_title() == "LogSoftmax"


def test_compare():
    losses = [box.Huber(delta=4.0), box.MeanAbsoluteError(), keras.losses.LogCosh()]
    pair = plots.compare(losses, ax=axes())
    drawn = curves(pair)
    names = ["Huber(delta=4.0)", "MeanAbsoluteError()", "keras.losses.LogCosh"]
    assert [label for label, *_ in drawn] == names
    assert [text.get_text() for text in pair[0].get_legend().texts] == names
    assert pair[0].get_xlim() == (-12, 12)  # where all of them fit
    for loss, (_, x, value, gradient) in zip(losses, drawn, strict=True):
        _, *alone = curves(plots.plot_loss(loss, ax=axes(), between=(-12, 12)))[0]
        np.testing.assert_array_equal([x, value, gradient], alone)
    looks = {(line.get_color(), line.get_linestyle()) for line in pair[0].lines[:3]}
    assert len(looks) == 3


def test_compare_with_names_and_labels():
    losses = {"plain": box.BinaryCrossentropy(**LOGITS), "focal": box.BinaryFocalCrossentropy(**LOGITS)}
    value, _ = pair = plots.compare(losses, ax=axes(), between=(-1, 1))
    assert [label for label, *_ in curves(pair)] == [f"{n}, label {label}" for n in losses for label in (0, 1)]
    assert [line.get_color() for line in value.lines[:4]] == [plots.COLORS[0]] * 2 + [plots.COLORS[1]] * 2
    assert [line.get_linestyle() for line in value.lines[:4]] == ["-", "--"] * 2
    assert value.get_xlim() == (-1, 1)


def test_compare_gives_all_losses_as_many_classes_as_one_asks_for():
    four = box.CategoricalCrossentropy(class_weight=[1.0, 2.0, 3.0, 4.0])
    value, _ = plots.compare([box.Poly1Crossentropy(), four], ax=axes())
    assert value.get_xlabel() == "probability of the true class (the 3 others share the rest)"
    assert len(value.lines) == 1 + 4 + 1


def test_only_a_figure_that_nobody_gave_is_made():
    before = dict(matplotlib.rcParams)
    figure = Figure()
    given = figure.subplots(1, 2)
    assert plots.plot_loss("huber", ax=given) == tuple(given)
    assert pyplot.get_fignums() == []
    value, gradient = plots.plot_loss("huber")
    assert value.figure is gradient.figure is pyplot.gcf()
    assert len(pyplot.get_fignums()) == 1
    value, _ = plots.compare(["huber", "log_cosh"])
    assert len(pyplot.get_fignums()) == 2
    assert [text.get_text() for text in value.figure.legends[0].texts] == ["Huber()", "LogCosh()"]
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: plots.plot_loss(3), "`loss` must be a loss .an instance, not a class. or the name.*Received: loss=3"),
        (lambda: plots.plot_loss(box.Huber), "`loss` must be a loss .an instance, not a class"),
        (lambda: plots.plot_loss("hubber"), "no loss is named 'hubber'. Did you mean 'huber'"),
        (lambda: plots.plot_loss("huber", kind="images"), "`kind` must be one of 'real',.*Received: kind='images'"),
        (lambda: plots.plot_loss("huber", between=(1, 1)), "`between` must be two finite.*Received: between=.1, 1."),
        (lambda: plots.plot_loss("huber", between=(0, np.inf)), "`between` must be two finite numbers"),
        (lambda: plots.plot_loss("huber", between=3), "`between` must be two finite numbers"),
        (lambda: plots.plot_loss("huber", between="ab"), "`between` must be two finite numbers"),
        (lambda: plots.plot_loss("huber", ax=Figure().subplots()), "`ax` must be two matplotlib axes"),
        (lambda: plots.plot_loss("huber", ax=[1, 2]), "`ax` must be two matplotlib axes.*Received: ax=.1, 2."),
        (lambda: plots.plot_loss("categorical_crossentropy", kind="real"), "drawn as kind='real', and refuses"),
        (
            lambda: plots.plot_loss(keras.losses.CosineSimilarity()),
            "no line through the predictions of keras.losses.Cos",
        ),
        (lambda: plots.compare([]), "`losses` must be a list or a dict of at least one loss. Received: losses=.."),
        (lambda: plots.compare("huber"), "`losses` must be a list or a dict of at least one loss"),
        (lambda: plots.compare(["huber", None]), "`losses.1.` must be a loss"),
        (
            lambda: plots.compare(["huber", "binary_crossentropy"]),
            r"over the same thing.*Huber\(\), over 'prediction minus target', and BinaryCrossentropy\(\), over 'prob",
        ),
    ],
)
def test_what_it_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()
    assert pyplot.get_fignums() == []


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    spec = importlib.util.spec_from_file_location("plots_again", plots.__file__)
    again = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(again)  # importing it needs no matplotlib
    for call in (lambda: again.plot_loss("huber"), lambda: again.compare(["huber"])):
        with pytest.raises(
            ImportError, match=r'matplotlib is missing; install it with: pip install "keras-lossbox\[demo\]"'
        ):
            call()


def test_list_has_a_row_for_every_loss(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "400")  # wide enough for no line to break
    assert main(["list"]) == 0
    rows = [line.strip("│").split("│") for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    rows = {name.strip(): (purpose.strip(), options.strip()) for name, purpose, options in rows}
    assert list(rows) == list(box.available())
    for name, cls in box.available().items():
        assert rows[name][0] == cls.__doc__.splitlines()[0]
    assert rows["huber"][1] == "delta=1.0, axis=-1"
    assert rows["masked"][1] == "loss, ignore='nan', normalize='present'"


def test_list_fits_a_narrow_terminal(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "40")
    assert main(["list"]) == 0
    table = [line for line in capsys.readouterr().out.splitlines() if line[0] in "┏┃┡│├└"]
    assert {len(line) for line in table} == {80}


@pytest.mark.matrix
def test_plot_writes_a_picture(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    drawn = []
    monkeypatch.setattr(
        plots, "plot_loss", lambda loss, ax, draw=plots.plot_loss: drawn.append(loss) or draw(loss, ax=ax)
    )
    assert main(["plot", "Huber", "--delta", "2"]) == 0
    assert main(["plot", "masked", "--loss", "huber", "--ignore", "-1", "-o", "other.png"]) == 0
    assert main(["plot", "binary_crossentropy", "--from-logits", "--pos_weight=[1,2.5]", "--output=bce.png"]) == 0
    assert capsys.readouterr().out == "Wrote huber.png\nWrote other.png\nWrote bce.png\n"
    assert list(map(repr, drawn)) == [
        "Huber(delta=2.0)",
        "Masked(loss=Huber(), ignore=-1)",
        "BinaryCrossentropy(from_logits=True, pos_weight=[1.0, 2.5])",
    ]
    for name in ("huber.png", "other.png", "bce.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    assert pyplot.get_fignums() == []


@pytest.mark.parametrize(
    "words, expected",
    [
        ("", {}),
        ("--delta 2", {"delta": 2}),
        ("--delta=2e-3", {"delta": 0.002}),
        ("--ignore -1", {"ignore": -1}),
        ("--from_logits --axis None", {"from_logits": True, "axis": None}),
        ("--from-logits false", {"from_logits": False}),  # JSON
        ("--from-logits False", {"from_logits": False}),  # Python
        ("--class_weight [1,2.5]", {"class_weight": [1, 2.5]}),
        ("--scope sample", {"scope": "sample"}),
        ("--name a=b", {"name": "a=b"}),
    ],
)
def test_options_on_the_command_line(words, expected):
    options = loss_options(words.split())
    assert options == expected
    assert list(map(type, options.values())) == list(map(type, expected.values()))


def test_losses_on_the_command_line():
    options = loss_options(["--losses", '["huber", {"class_name": "keras_lossbox>Huber", "config": {"delta": 2}}]'])
    assert list(map(repr, options["losses"])) == ["Huber()", "Huber(delta=2.0)"]


@pytest.mark.parametrize(
    "words, code, message",
    [
        ("huber --dleta 2", 2, "Huber: no option is called 'dleta'. Did you mean 'delta'? Options: delta,"),
        ("huber --out huber.png", 2, "Huber: no option is called 'out'"),  # and no short form of --output
        ("huber --delta -2", 2, "Huber: `delta` must be a finite number > 0. Received: delta=-2"),
        ("hubber", 2, "no loss is named 'hubber'. Did you mean 'huber'?"),
        ("huber 2", 2, "options of a loss are written --name value. Received: '2'"),
        ("weighted_sum", 2, "losses"),
        ("huber -o huber.picture", 2, "Format 'picture' is not supported"),
        ("huber -o none/huber.png", 1, "No such file or directory"),
    ],
)
def test_plot_says_what_is_wrong_and_leaves_no_file(words, code, message, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["plot", *words.split()]) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("keras_lossbox plot: ")
    assert message in printed.err
    assert list(tmp_path.iterdir()) == []


def test_plot_without_matplotlib(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["plot", "huber"]) == 1
    expected = 'keras_lossbox plot: matplotlib is missing; install it with: pip install "keras-lossbox[demo]"\n'
    assert capsys.readouterr().err == expected
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [["list", "huber"], ["demo", "--delta", "2"], ["draw"], ["plot"]], ids=str)
def test_other_commands_take_no_options_of_losses(words, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2
    assert "error:" in capsys.readouterr().err


@pytest.mark.matrix
def test_in_a_process_of_its_own(tmp_path):
    """What a user types, and no traceback."""
    command = [sys.executable, "-m", "keras_lossbox", "plot", "huber", "--delta", "2", "-o", "huber.png"]
    path = os.pathsep.join([os.path.dirname(os.path.dirname(box.__file__)), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path, "MPLBACKEND": "Agg"},
    )
    assert (done.returncode, done.stdout) == (0, "Wrote huber.png\n"), done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "huber.png").read_bytes().startswith(b"\x89PNG")
