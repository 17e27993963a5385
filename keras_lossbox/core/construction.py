"""How a loss is constructed: the constructor that follows from the declared options, checks, and then read-only."""

import abc
import contextlib
import contextvars
import difflib
import functools
import inspect
import json

from keras_lossbox.core import elsewhere, options
from keras_lossbox.core.registry import did_you_mean, is_of_user

DEFAULT_REDUCTION = "sum_over_batch_size"
TAIL = {  # the last positional parameters of every loss
    name: inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default)
    for name, default in (("reduction", DEFAULT_REDUCTION), ("name", None), ("dtype", None))
}


_name_in_errors = contextvars.ContextVar("the name of the loss, metric or function that is at work", default="")


def name_in_errors():
    """The name that an error would get now, for those that only a run raises."""
    return _name_in_errors.get()


@contextlib.contextmanager
def names_in_errors(name, alone=False):
    """Puts the name of a loss or function before an error; core and functions know of none.

    `alone`: in place of names that are there already: those of losses that the user has not written.
    """
    before = _name_in_errors.set(name)
    try:
        yield
    except ValueError as error:
        unnamed = getattr(error, "unnamed", str(error))
        error.args = (f"{name}: {unnamed if alone else error}",)
        error.unnamed = unnamed
        raise
    finally:
        _name_in_errors.reset(before)


class ConstructThenFreeze(abc.ABCMeta):
    """The metaclass of losses: an instance is complete, can be saved and is read-only when its constructor returns."""

    def __call__(cls, *args, **kwargs):
        parameters = parameters_of(cls)
        of_user = is_of_user(cls)
        unknown = sorted(set(kwargs) - set(parameters))
        if unknown:  # Python's own message would name the base class that the option was passed on to
            why = " (one that is taken out of **kwargs would not be saved: name it in the signature)" if of_user else ""
            raise TypeError(f"{cls.__name__}: unexpected option {unknown[0]!r}{why}.{hints(unknown[:1], parameters)}")
        with names_in_errors(cls.__name__):
            loss = super().__call__(*args, **kwargs)
        if "reduction" not in loss.__dict__:
            raise TypeError(
                f"{cls.__name__}: its constructor must call super().__init__(**kwargs), and a dataclass must do so in "
                "its __post_init__"
            )
        config = loss.get_config()  # an option that the constructor forgot to store shows here, not in saving a model
        if of_user:
            check_passed_on(cls, args, config)
            check_comes_back(cls, config)
        loss.__dict__["_frozen"] = True
        return loss

    @property
    def __signature__(cls):  # for help() and notebooks, which would show (*args, **kwargs)
        own = inspect.signature(cls.__init__).parameters
        passed_on = [p.replace(kind=p.KEYWORD_ONLY) for name, p in parameters_of(cls).items() if name not in own]
        return inspect.Signature([p for p in list(own.values())[1:] if p.kind is not p.VAR_KEYWORD] + passed_on)


_coming_back = contextvars.ContextVar("whether a loss is being made from the configuration of another", default=False)


def check_comes_back(cls, config):
    """Refuses a loss that a saved model would bring back as another, or not at all."""
    if _coming_back.get():
        return
    try:
        saved = json.loads(json.dumps(config))
    except TypeError:  # an object of the user's, which only Keras may know how to save
        return
    token = _coming_back.set(True)
    try:
        again = cls.from_config(saved).get_config()
    except Exception as error:
        raise TypeError(f"{cls.__name__}: a saved model could not make it again from {config}: {error}") from error
    finally:
        _coming_back.reset(token)
    for name, value in config.items():
        if repr(again[name]) != repr(value):  # (NaN does not equal itself)
            raise TypeError(
                f"{cls.__name__}: `{name}` would not come back from a saved model as it is: {options.shortened(value)} "
                f"would be {options.shortened(again[name])}. Store each parameter of the constructor as it was given, "
                "under its name, and let dicts have strings as keys"
            )


def check_signature(cls):
    """Refuses a constructor with a parameter that a configuration could not give by its name."""
    for parameter in list(inspect.signature(cls.__init__).parameters.values())[1:]:
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise TypeError(
                f"{cls.__name__}: its constructor's parameter `{parameter.name}` cannot be given by name, as a saved "
                "model does; remove the `/`"
            )


def check_passed_on(cls, args, config):
    """Refuses values of an *args that are not those of its base's parameters: they would not be saved."""
    own = list(inspect.signature(cls.__init__).parameters.values())[1:]
    rest = next((p for p in own if p.kind is p.VAR_POSITIONAL), None)
    if rest is None:
        return
    named = own.index(rest)
    inherited = [name for name in parameters_of(cls) if name not in {p.name for p in own}]
    for number, value in enumerate(args[named:]):
        if number >= len(inherited) or repr(config[inherited[number]]) != repr(options.to_config(value)):
            raise TypeError(
                f"{cls.__name__}: what `*{rest.name}` holds would not be saved. Give the constructor's parameters names"
            )


def hints(unknown, known):
    """What an error says after unknown options: what may have been meant, and all that there are."""
    meant, instead = [], []
    for name in map(str.lower, unknown):
        here = [option for option in elsewhere.OPTIONS.get(name, ()) if option in known]
        if not here and name in elsewhere.INSTEAD:
            instead.append(elsewhere.INSTEAD[name])
        else:
            meant += here or difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    sentences = "".join(f" {sentence}." for sentence in dict.fromkeys(instead))
    return f"{did_you_mean(list(dict.fromkeys(meant)))}{sentences} Options: {', '.join(known)}"


def check_call(cls, used):
    """Refuses a `call` that its class would never use, or that asks for more than labels and predictions."""
    if not used:
        raise TypeError(
            f"{cls.__name__}: its base {cls.__base__.__name__} computes with `compute(batch)`, so that `call` would "
            "never be used. Write `compute` instead: values = super().compute(batch), then "
            "return values._replace(values=...)"
        )
    extra = [p for p in list(inspect.signature(cls.call).parameters.values())[3:] if p.default is p.empty]
    names = [p.name for p in extra if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if names:
        raise TypeError(
            f"{cls.__name__}: `call` gets y_true and y_pred, and nothing for {', '.join(map(repr, names))}. Write "
            "`compute(batch)` instead: masks, weights and from_logits are in the batch"
        )


@functools.cache
def parameters_of(cls):
    """The constructor's parameters by name, those that it passes on with **kwargs included."""
    found = {}
    for klass in cls.__mro__:
        if "__init__" not in vars(klass):
            continue
        parameters = list(inspect.signature(klass.__init__).parameters.values())[1:]
        for parameter in parameters:
            if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                found.setdefault(parameter.name, parameter)
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return found


def set_constructor(cls, base):
    """Gives a class without a constructor of its own the one that follows from the options that it declares."""
    if "__init__" in vars(cls) or set(options.declared(cls)) <= {"reduction"}:
        return
    inherited = next(klass for klass in cls.__mro__[1:] if "__init__" in vars(klass))
    if inherited is not base and not hasattr(inherited.__init__, "from_declarations"):
        return  # a user's
    signature = options.signature(cls, TAIL, cls._positional)

    def __init__(self, *args, **kwargs):  # noqa: N807
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        given = bound.arguments
        base.__init__(self, **{name: given.pop(name) for name in TAIL})
        for name, value in given.items():
            setattr(self, name, value)
        self.__post_init__()

    parameter_self = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    __init__.__signature__ = signature.replace(parameters=[parameter_self, *signature.parameters.values()])
    __init__.__qualname__ = f"{cls.__qualname__}.__init__"
    __init__.from_declarations = True
    cls.__init__ = __init__
