"""A `.keras` file whose loss was edited to do harm: loading it is an error, or gives a harmless loss, and runs nothing.

"Nothing" is watched in two ways: every payload would touch a file if it ran, and Python's audit events tell of a
command started or code unpacked on the way. `test_the_watch_would_see_it` shows that both work.
"""

import base64
import importlib
import json
import marshal
import os
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest
from cases import CASES, LONG, declared_options

import keras_lossbox as box
from keras_lossbox.core.options import Axes, Integer, NumberOrInfinity

X, Y = np.zeros((2, 2), "float32"), np.zeros((2, 3), "float32")
EVENTS = {"os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "marshal.loads", "pickle.find_class"}
ERRORS = (ValueError, TypeError, RecursionError)
events = None  # the audit events seen, while a file is loaded

serialize = keras.losses.serialize
GOOD = serialize(box.BinaryCrossentropy())
SUM = serialize(box.Huber() + box.LogCosh())
MASKED = serialize(box.Masked(box.Huber()))
METRIC = keras.saving.serialize_keras_object(box.MeanLoss(box.Huber()))


def audit(event, args):
    if events is not None and event in EVENTS:
        events.append(event)


sys.addaudithook(audit)  # cannot be taken back: does nothing while `events` is None


def touch(*args, **kwargs):
    """What the payloads do; everything by name, so that its code runs wherever it is unpacked."""
    __import__("pathlib").Path(__import__("os").environ["LOSSBOX_CANARY"]).touch()
    return 0.0


@keras.saving.register_keras_serializable("hostile_tests")
class Canary(keras.layers.Layer):
    """A class that Keras knows, and no loss."""

    @classmethod
    def from_config(cls, config):
        touch()
        return cls()


def thing(module, class_name, config=None, registered_name=None):
    """A serialised object."""
    config = {} if config is None else config
    return {"module": module, "class_name": class_name, "config": config, "registered_name": registered_name}


def with_config(serialized, **config):
    return {**serialized, "config": {**serialized["config"], **config}}


LAMBDA = thing(None, "__lambda__", {"value": [base64.b64encode(marshal.dumps(touch.__code__)).decode(), None, None]})
CANARY = thing("hostile", "Canary", registered_name="hostile_tests>Canary")
SHELL = 'touch "$LOSSBOX_CANARY"'

DEEP = "DEEP"  # stands for a list deeper than Python's recursion goes

NO_LOSS = {  # what is put in the place of a loss, and must never become one
    "lambda": LAMBDA,
    "lambda of another name": {**LAMBDA, "registered_name": "keras_lossbox>Huber"},
    "lambda layer": thing("keras.layers", "Lambda", {"function": LAMBDA}),
    "lambda function": thing("builtins", "function", "<lambda>", "function"),
    "os.system": thing("os", "function", "system", "system"),
    "os.system as a class": thing("os", "system", {"command": SHELL}),
    "posix.system": thing("posix", "system", {"command": SHELL}),
    "subprocess": thing("subprocess", "Popen", {"args": SHELL, "shell": True}),
    "eval": thing("builtins", "function", "eval", "eval"),
    "exec as a class": thing("builtins", "exec", {"source": "raise SystemExit"}),
    "pickle": thing("pickle", "loads", {"data": "cposix\nsystem\n."}),
    "a module of the attacker's": thing("lossbox_hostile", "Backdoor"),
    "a module of the attacker's in keras": thing("keras.lossbox_hostile", "Backdoor"),
    "a module of ours": thing("keras_lossbox.tools.demo", "main"),
    "a function of keras that is no loss": thing("keras.utils", "function", "get_file", "get_file"),
    "a private function of keras": thing("keras.src.utils.python_utils", "func_load", {"code": "x"}),
    "a layer of keras": thing("keras.layers", "Dense", {"units": 1}),
    "a registered class that is no loss": CANARY,
    "a tensor": thing("builtins", "__tensor__", {"value": [1.0], "dtype": "float32"}),
    "an array": thing("builtins", "__numpy__", {"value": [1.0], "dtype": "float32"}),
    "a class name that is a list": thing("keras_lossbox", ["Huber"]),
    "a class name that is an object": thing("keras_lossbox", {"class_name": "Huber"}),
    "no class name": {"config": {}},
    "an empty object": {},
    "a config that is a string": {**GOOD, "config": SHELL},
    "a config that is a list": {**GOOD, "config": [1, 2]},
    "a config that is a payload": {**GOOD, "config": LAMBDA},
    "an unknown loss of the package": thing("keras_lossbox", "Backdoor", registered_name="keras_lossbox>Backdoor"),
    "a number": 3.5,
    "a string": "os.system",
    "a nested list": [[[LAMBDA]]],
}
PLACES = {
    "the loss": lambda hostile: {"loss": hostile},
    "a part of WeightedSum": lambda hostile: {"loss": with_config(SUM, losses=[GOOD, hostile])},
    "the loss of Masked": lambda hostile: {"loss": with_config(MASKED, loss=hostile)},
    "Masked in WeightedSum": lambda hostile: {
        "loss": with_config(SUM, losses=[GOOD, with_config(MASKED, loss=hostile)])
    },
    "the loss of MeanLoss": lambda hostile: {"loss": GOOD, "metrics": [with_config(METRIC, loss=hostile)]},
}
NO_OPTION = [  # what no option of any loss can be
    LAMBDA,
    CANARY,
    thing("os", "system", {"command": SHELL}),
    {"a": {"b": [SHELL]}},
    [[[1.0]]],
    [GOOD, [SHELL]],
    thing("keras.layers", "Dense", {"units": 1}),
    thing("builtins", "__numpy__", {"value": [1.0], "dtype": "float32"}),
    thing("keras", "Variable", {"initializer": LAMBDA}),
    10**400,  # JSON has no largest number
    float("inf"),
]


@pytest.fixture(scope="module")
def good_file(tmp_path_factory):
    """The members of an honest file, by name."""
    path = tmp_path_factory.mktemp("honest") / "model.keras"
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    model.compile("sgd", loss=box.BinaryCrossentropy(from_logits=True))
    model.save(path)
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    keras.saving.load_model(path)  # what Keras imports at the first use does not show in the audit events again
    return members


@pytest.fixture
def load(good_file, tmp_path, monkeypatch):
    """`load(loss=…)`: the honest file with another loss in its compile config, loaded."""
    canary = tmp_path / "canary"
    monkeypatch.setenv("LOSSBOX_CANARY", str(canary))
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "lossbox_hostile.py").write_text(
        "import os, pathlib\npathlib.Path(os.environ['LOSSBOX_CANARY']).touch()\n"
    )

    def load(**compile_config):
        global events
        config = json.loads(good_file["config.json"])
        config["compile_config"].update(compile_config)
        text = json.dumps(config).replace(f'"{DEEP}"', "[" * 10**5 + "]" * 10**5)  # json.dumps could not write it
        with zipfile.ZipFile(tmp_path / "edited.keras", "w") as file:
            for name, content in good_file.items():
                file.writestr(name, text if name == "config.json" else content)
        events = []
        try:
            return keras.saving.load_model(tmp_path / "edited.keras")
        finally:
            seen, events = events, None
            assert not canary.exists(), "a payload ran"
            assert "lossbox_hostile" not in sys.modules
            assert seen == []

    yield load
    sys.modules.pop("lossbox_hostile", None)


def test_the_honest_file_loads(load):
    assert load(loss=GOOD).loss.get_config() == GOOD["config"]
    assert load(loss=SUM).loss.get_config() == SUM["config"]
    assert load(loss=MASKED, metrics=[METRIC]).loss.get_config() == MASKED["config"]


@pytest.mark.parametrize("how", ["lambda", "class", "module", "command"])
def test_the_watch_would_see_it(how, load, monkeypatch):
    def control(*args, **kwargs):
        if how == "lambda":
            keras.saving.deserialize_keras_object(LAMBDA, safe_mode=False)()
        elif how == "class":
            keras.saving.deserialize_keras_object(CANARY)
        elif how == "module":
            importlib.import_module("lossbox_hostile")
        else:
            subprocess.run(["true"], check=True)

    monkeypatch.setattr(keras.saving, "load_model", control)
    with pytest.raises(AssertionError):
        load(loss=GOOD)
    assert (how == "command") != os.path.exists(os.environ["LOSSBOX_CANARY"])


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("hostile", NO_LOSS.values(), ids=list(NO_LOSS))
def test_what_is_no_loss_never_becomes_one(hostile, place, load):
    if place == "the loss":
        if hostile is CANARY:
            pytest.skip("Keras itself constructs every registered class, anywhere in a file")
        with pytest.raises((AttributeError, KeyError, *ERRORS)):  # Keras's, some of them only when the model is used
            load(loss=hostile).evaluate(X, Y, verbose=0)
        assert not os.path.exists(os.environ["LOSSBOX_CANARY"])
        return
    with pytest.raises((KeyError, *ERRORS) if place == "the loss of MeanLoss" else ERRORS):
        load(**PLACES[place](hostile))


FIRST_OF_CLASS = list({case.cls: case for case in reversed(CASES)}.values())[::-1]


FIRST_OF_KIND = {}  # the class that is the first to have an option of this kind
for case in FIRST_OF_CLASS:
    for option in declared_options(case.cls).values():
        FIRST_OF_KIND.setdefault((type(option), getattr(option, "per", None)), (case.cls, option))


def is_new(option, cls):
    """Whether no class before this one has an option of the same kind."""
    return (cls, declared_options(cls).get(option)) in FIRST_OF_KIND.values()


@pytest.mark.one_in(15)
@pytest.mark.parametrize(
    "case, full",
    [pytest.param(case, False, id=case.name) for case in FIRST_OF_CLASS]
    + [pytest.param(case, True, id=f"{case.name}-full", marks=LONG) for case in FIRST_OF_CLASS[::4]],
)
def test_an_option_is_never_an_object(case, full, load):
    """The first option of each kind, and all options of every fourth class, meet all objects; any other one of them."""
    honest = serialize(case.build())
    for number, option in enumerate(honest["config"]):
        some = [NO_OPTION[(FIRST_OF_CLASS.index(case) + number) % len(NO_OPTION)]]
        for hostile in NO_OPTION if full or is_new(option, case.cls) else some:
            if hostile == 10**400 and isinstance(declared_options(case.cls).get(option), (Axes, Integer)):
                continue  # an integer, and an error once the rank of y_pred is known
            if hostile in (np.inf, "inf") and isinstance(declared_options(case.cls).get(option), NumberOrInfinity):
                continue
            with pytest.raises(ValueError, match=f"{case.name}: `{option}` must be"):
                load(loss=with_config(honest, **{option: hostile}))
    for unknown in ({"brightness": 1}, {"__class__": "os.system"}, {"self": 1}, {"": LAMBDA}):
        with pytest.raises(ValueError, match=f"{case.name}: no option is called"):
            load(loss=with_config(honest, **unknown))


def innermost(loss):
    while isinstance(loss, (box.Masked, box.WeightedSum)):
        loss = loss.loss if isinstance(loss, box.Masked) else loss.losses[-1]
    return loss


@pytest.mark.parametrize("place", [place for place in PLACES if place != "the loss of MeanLoss"])
def test_another_harmless_loss_is_that_loss(place, load):
    """The registered name decides, the options are that class's, and the rest of the entry is not looked at."""
    huber = {**serialize(box.Huber(delta=2.0)), "module": "os", "class_name": "system"}
    loss = load(**PLACES[place](huber)).loss
    assert innermost(loss).delta == 2.0
    for of_keras in ("MeanSquaredError", "CategoricalHinge"):
        cls = getattr(keras.losses, of_keras)
        assert type(innermost(load(**PLACES[place](serialize(cls()))).loss)) is cls
    with pytest.raises(ValueError, match="Huber: no option is called 'from_logits' or 'label_smoothing'"):
        load(**PLACES[place]({**huber, "config": GOOD["config"]}))


def test_strings_stay_strings(load):
    """A name may be any string, and is never looked up, imported or run."""
    for name in ("os.system", "__import__('lossbox_hostile')", "../../../canary", "%s{0}\n$(touch x)", "huber"):
        model = load(loss=with_config(GOOD, name=name))
        assert model.loss.name == name
        assert np.isfinite(model.evaluate(X, Y, verbose=0))
    for option in ("reduction", "dtype"):
        for text in ("os.system", "lossbox_hostile", "\0", SHELL, "x" * 10**6):
            with pytest.raises(ValueError, match=f"BinaryCrossentropy: `{option}` must be"):
                load(loss=with_config(GOOD, **{option: text}))


def test_huge_lists(load):
    numbers = [1.0] * 10**5
    with pytest.raises(ValueError, match="BinaryCrossentropy: `pos_weight` must be"):
        load(loss=with_config(GOOD, pos_weight=[*numbers, "x"]))
    with pytest.raises(ValueError, match="BinaryCrossentropy: `label_smoothing` must be"):
        load(loss=with_config(GOOD, label_smoothing=numbers))
    with pytest.raises(ValueError, match="WeightedSum: `weights` must be a list of 2 numbers"):
        load(loss=with_config(SUM, weights=numbers))
    model = load(loss=with_config(GOOD, pos_weight=numbers))  # a head may have as many labels; this one has not
    with pytest.raises(ValueError, match="`pos_weight` must be one number or 3 of them.*Received: 100000 numbers"):
        model.evaluate(X, Y, verbose=0)


@pytest.mark.parametrize("depth", [20, 300])
@pytest.mark.parametrize("kind", ["losses", "masked", "option"])
def test_deep_nesting(kind, depth, load):
    nested = [1.0] if kind == "option" else GOOD
    for _ in range(depth):
        if kind == "losses":
            nested = with_config(SUM, losses=[nested], weights=[1.0])
        else:
            nested = with_config(MASKED, loss=nested) if kind == "masked" else [nested]
    if kind == "option":
        with pytest.raises(ERRORS):
            load(loss=with_config(GOOD, pos_weight=nested))
    elif depth > 100:
        with pytest.raises(ERRORS):
            load(loss=nested)
    else:
        assert type(innermost(load(loss=nested).loss)) is box.BinaryCrossentropy


def test_deeper_than_json_goes(load):
    with pytest.raises(ERRORS):
        load(loss=with_config(GOOD, pos_weight=DEEP))


@pytest.mark.parametrize("several", ["list", "dict"])
def test_one_hostile_loss_among_several(several, load):
    for hostile in (
        LAMBDA,
        NO_LOSS["os.system"],
        NO_LOSS["a module of the attacker's"],
        with_config(GOOD, axis=LAMBDA),
    ):
        with pytest.raises(ERRORS):
            load(loss=[GOOD, hostile] if several == "list" else {"a": GOOD, "b": hostile})
