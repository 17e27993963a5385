"""`get`, `available`, the public names."""

import keras
import pytest

import keras_lossbox as box


def test_available_is_every_public_loss_by_name():
    losses = box.available()
    assert list(losses) == sorted(losses)
    public = {value for value in vars(box).values() if isinstance(value, type) and issubclass(value, box.Loss)}
    assert set(losses.values()) == public - {box.Loss}
    assert losses["smooth_l1"] is box.SmoothL1
    assert losses["l1_norm"] is box.L1Norm
    losses.clear()
    assert box.available()
    assert set(box.__all__) == {name for name in dir(box) if name in box.__all__}
    assert [*box.__all__] == sorted(box.__all__)


@pytest.mark.parametrize(
    "name",
    [
        "binary_crossentropy",
        "BinaryCrossentropy",
        "keras_lossbox>BinaryCrossentropy",
        keras.losses.serialize(box.BinaryCrossentropy(label_smoothing=0.5)),
        {"class_name": "keras_lossbox>BinaryCrossentropy", "config": {}},
    ],
    ids=str,
)
def test_get(name):
    loss = box.get(name, pos_weight=3, label_smoothing=0.1)
    assert repr(loss) == "BinaryCrossentropy(label_smoothing=0.1, pos_weight=3.0)"


def test_get_of_a_serialised_loss_is_that_loss():
    for loss in (box.Huber(delta=3.0, name="mine"), keras.losses.MeanSquaredError(name="of_keras")):
        again = box.get(keras.losses.serialize(loss))
        assert type(again) is type(loss)
        assert again.get_config() == loss.get_config()
        assert box.get(loss) is loss


@pytest.mark.parametrize(
    "identifier, options, message",
    [
        ("hubber", {}, "no loss is named 'hubber'. Did you mean 'huber'.*Available: approx_ndcg"),
        ("entropy", {}, r"no loss is named 'entropy'. Did you mean '\w+' or '\w+' or '\w+'\?"),  # of a dozen that fit
        ("keras>Huber", {}, "no loss is named 'keras>Huber'"),
        ("", {}, "no loss is named ''"),
        (
            "huber",
            {"dleta": 1},
            "Huber: no option is called 'dleta'. Did you mean 'delta'\\? Options: delta, reduction",
        ),
        ("dice", {"reduction": "multiclass"}, "Dice: `reduction` must be .*Did you mean mode='multiclass'"),
        ("huber", {"delta": -1}, "Huber: `delta` must be a finite number > 0. Received: delta=-1"),
        (3, {}, "`identifier` must be a name, a serialised loss, or a loss .* Received: 3"),
        (None, {}, "`identifier` must be"),
        (box.Huber(), {"delta": 2}, "without further options"),
    ],
    ids=str,
)
def test_get_says_what_is_wrong(identifier, options, message):
    with pytest.raises(ValueError, match=message):
        box.get(identifier, **options)


def test_signature_is_shown_to_help_and_editors():
    import inspect

    assert str(inspect.signature(box.Huber)) == (
        "(delta=1.0, reduction='sum_over_batch_size', name=None, dtype=None, *, axis=-1)"
    )
    ours = list(inspect.signature(box.BinaryCrossentropy).parameters)
    assert ours[:6] == list(inspect.signature(keras.losses.BinaryCrossentropy).parameters)


@pytest.mark.parametrize("name", [name for name, cls in box.available().items() if hasattr(keras.losses, cls.__name__)])
def test_positional_parameters_and_defaults_are_those_of_keras(name):
    import inspect

    cls = box.available()[name]
    theirs = inspect.signature(getattr(keras.losses, cls.__name__)).parameters
    ours = inspect.signature(cls).parameters
    positional = [p.name for p in ours.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    known = list(theirs)
    assert [option for option in positional if option in known] == known
    assert set(positional) - set(known) <= {"axis"}  # which Keras 3.9 does not have for integer labels
    for parameter in theirs.values():
        if parameter.name != "name":
            assert ours[parameter.name].default == parameter.default
