"""What a comparison's file says first: all that has to be alike for trials to be of one comparison."""

import json
import re

import keras
import numpy as np

from keras_lossbox.core.registry import __version__
from keras_lossbox.tools.comparison.trials import fingerprint


def description_of(plan, model):
    """The content of the first line; `model` is one that `build` has returned."""
    training, data = plan.training, plan.data
    return {
        "keras_lossbox": __version__,
        "backend": keras.config.backend(),
        "losses": {candidate.name: _described(candidate.loss) for candidate in plan.candidates},
        "seeds": plan.seeds,
        "scores": {
            score.name: f"{'higher' if score.higher_is_better else 'lower'} is better {of_code(score.function)}"
            for score in plan.scores
        },
        "epochs": training.epochs,
        "batch_size": training.batch_size,
        "patience": training.patience,
        "optimizer": _options(training.optimizer),
        "test_size": data.test_size,
        "validation_size": data.validation_size,
        "preprocessing": "none" if data.preprocessing is None else fingerprint(_steps(data.preprocessing)),
        "data": fingerprint(*dict.fromkeys(data.samples(seed).fingerprint for seed in plan.seeds)),
        "model": fingerprint(_architecture(model)),
    }


def _options(optimizer):
    """Class and options of an optimizer, without the name that Keras numbers."""
    config = {name: value for name, value in optimizer.get_config().items() if name != "name"}
    return f"{type(optimizer).__name__} {json.dumps(config, default=str, sort_keys=True)}"


def of_code(function, depth=4):
    """The name of a function and what tells it from another one of that name: its code, and the values that it holds.

    Of an object that can be called, such as a metric, it is the class and, if it tells them, the options.
    """
    code, name = getattr(function, "__code__", None), getattr(function, "__qualname__", type(function).__name__)
    if code is None:
        config = function.get_config() if hasattr(function, "get_config") else {}
        return f"{name} {json.dumps({**config, 'name': None}, default=str, sort_keys=True)}"
    if not depth:  # a function may hold itself
        return name
    held = [cell.cell_contents for cell in function.__closure__ or ()] + list(function.__defaults__ or ())
    held = [of_code(value, depth - 1) if callable(value) else repr(value) for value in held]
    constants = [value for value in code.co_consts if not hasattr(value, "co_code")]
    return f"{name} {fingerprint([code.co_code.hex(), repr(constants), repr(code.co_names), *held])}"


def _steps(transformer):
    """The class of a transformer of scikit-learn and all of its options, those of its parts included, as texts."""
    options = transformer.get_params(deep=True)
    return [type(transformer).__name__, *(f"{name}={_option(value)}" for name, value in sorted(options.items()))]


def _option(value):
    """An option as a text without an address."""
    if hasattr(value, "get_params"):
        return type(value).__name__
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_option, value))}]"
    if isinstance(value, np.ndarray):
        return fingerprint(value)
    return of_code(value) if callable(value) and not isinstance(value, type) else repr(value)


def _described(loss):
    """The class and options of a loss; the name of a function."""
    if not isinstance(loss, keras.losses.Loss):
        return loss if isinstance(loss, str) else of_code(loss)
    text = repr(loss)
    return text if "<" not in text else f"{type(loss).__name__} {json.dumps(loss.get_config(), default=str)}"


def _architecture(model):
    """The layers and their options, without the names that Keras numbers; for a subclass the shapes of its weights."""
    shapes = str([tuple(variable.shape) for variable in model.variables])
    try:
        text = model.to_json()
    except (NotImplementedError, TypeError, ValueError):
        return f"{type(model).__name__} {shapes}"
    names = dict.fromkeys(re.findall(r'"name": "([^"]+)"', text))
    for number, name in enumerate(names):
        text = text.replace(json.dumps(name), f'"#{number}"')
    return text + shapes
