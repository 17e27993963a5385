"""What a comparison's file says first: all that has to be alike for trials to be of one comparison."""

import json
import re

import keras

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
        "scores": {score.name: "higher" if score.higher_is_better else "lower" for score in plan.scores},
        "epochs": training.epochs,
        "batch_size": training.batch_size,
        "patience": training.patience,
        "optimizer": _options(training.optimizer),
        "test_size": data.test_size,
        "validation_size": data.validation_size,
        "preprocessing": "none" if data.preprocessing is None else repr(data.preprocessing),
        "data": fingerprint(
            _arrays(data.x), data.y, *([] if data.test is None else [_arrays(data.test.x), data.test.y])
        ),
        "model": fingerprint(_architecture(model)),
    }


def _options(optimizer):
    """Class and options of an optimizer, without the name that Keras numbers."""
    config = {name: value for name, value in optimizer.get_config().items() if name != "name"}
    return f"{type(optimizer).__name__} {json.dumps(config, default=str, sort_keys=True)}"


def _arrays(x):
    return x.to_numpy() if hasattr(x, "iloc") else x


def _described(loss):
    """The class and options of a loss; the name of a function."""
    if not isinstance(loss, keras.losses.Loss):
        return loss if isinstance(loss, str) else getattr(loss, "__qualname__", type(loss).__name__)
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
