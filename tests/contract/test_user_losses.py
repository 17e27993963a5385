"""Writing an own loss: ten lines, registered by themselves, with all that the base class does."""

import dataclasses
import json
import os
import pathlib
import pickle
import subprocess
import sys
import textwrap
import warnings

import keras
import numpy as np
import pytest
from backends import with_mask
from keras import ops

import keras_lossbox as box
from keras_lossbox.core.options import Flag, Number

numpy = ops.convert_to_numpy


class Pinball(box.Loss):
    def __init__(self, quantile=0.5, **kwargs):
        super().__init__(**kwargs)
        self.quantile = quantile

    def call(self, y_true, y_pred):
        error = y_true - y_pred
        return ops.mean(ops.maximum(self.quantile * error, (self.quantile - 1) * error), axis=-1)


class FixedPinball(Pinball):
    """A subclass of a registered loss: Keras saves it and does not load it, unless it is registered too."""

    def __init__(self):
        super().__init__(quantile=0.9, name="fixed")


def test_it_is_a_loss_like_the_box_s_own(rng):
    y, p = rng.normal(size=(6, 2)).astype("float32"), rng.normal(size=(6, 2)).astype("float32")
    loss = Pinball(0.9, reduction="mean_with_sample_weight", dtype="float16")
    assert repr(loss) == "Pinball(quantile=0.9, reduction='mean_with_sample_weight', dtype='float16')"
    again = keras.losses.deserialize(json.loads(json.dumps(keras.losses.serialize(loss))))
    assert type(again) is Pinball
    assert again.get_config() == loss.get_config() == pickle.loads(pickle.dumps(loss)).get_config()
    e = y - p
    values = np.mean(np.maximum(0.9 * e, -0.1 * e), -1)  # oracle: numpy
    weights = np.array([1, 0, 2, 1, 1, 3])
    p[1] = np.nan
    loss = Pinball(0.9, reduction="mean_with_sample_weight")
    np.testing.assert_allclose(numpy(loss(y, p, weights)), np.average(values, weights=weights), rtol=1e-6)
    keep = weights > 0
    np.testing.assert_allclose(numpy(loss(y, with_mask(p, keep))), np.mean(values[keep]), rtol=1e-6)
    with pytest.raises(ValueError, match="Pinball: y_true and y_pred must have the same shape"):
        loss(y, p[:, :1])
    with pytest.raises(AttributeError, match="Pinball.quantile cannot be changed"):
        loss.quantile = 0.5


def test_subclasses_of_subclasses_are_registered(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", loss=FixedPinball())
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    assert type(again.loss) is FixedPinball
    assert again.loss.quantile == 0.9
    assert again.loss.name == "fixed"
    assert keras.saving.get_registered_name(FixedPinball) == "Custom>FixedPinball"


def test_arrays_among_the_options_are_stored_as_lists():
    class Scaled(box.Loss):
        def __init__(self, scale, **kwargs):
            super().__init__(**kwargs)
            self.scale = scale

        def call(self, y_true, y_pred):
            return ops.sum(ops.abs(y_true - y_pred) * ops.convert_to_tensor(self.scale, y_pred.dtype), -1)

    for scale in (np.array([1.0, 2.0], "float32"), ops.convert_to_tensor([1.0, 2.0])):
        config = Scaled(scale).get_config()
        assert config["scale"] == [1.0, 2.0]
        assert numpy(Scaled.from_config(config)([[1.0, 1.0]], [[0.0, 0.0]])) == 3


def test_an_option_that_is_not_stored_is_an_error_at_once():
    class Forgetful(box.Loss):
        def __init__(self, margin=1.0, **kwargs):
            super().__init__(**kwargs)
            self.m = margin

    with pytest.raises(AttributeError, match="Forgetful: the constructor must store its parameter `margin`"):
        Forgetful()


class Plain(box.Loss):
    """With a formula, for constructors of odd signatures."""

    def call(self, y_true, y_pred):
        return ops.mean(ops.abs(y_true - y_pred), -1)


def test_an_option_taken_out_of_kwargs_is_an_error():
    class Popping(Plain):
        def __init__(self, **kwargs):
            self.alpha = kwargs.pop("alpha", 1.0)
            super().__init__(**kwargs)

    Popping(name="all right")
    with pytest.raises(TypeError, match=r"Popping: unexpected option 'alpha' .*\*\*kwargs would not be saved"):
        Popping(alpha=5.0)


def test_args_are_those_of_the_base_or_an_error():
    class Passing(box.Huber):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)

    class Keeping(Plain):
        def __init__(self, *weights, **kwargs):
            super().__init__(**kwargs)
            self.weights = weights

    assert Passing.from_config(Passing(0.3, "sum").get_config()).delta == 0.3
    with pytest.raises(TypeError, match=r"Keeping: what `\*weights` holds would not be saved"):
        Keeping(1.0, 2.0)


def test_a_parameter_without_a_name_is_an_error():
    with pytest.raises(TypeError, match="Nameless: its constructor's parameter `alpha` cannot be given by name"):

        class Nameless(Plain):
            def __init__(self, alpha, /, **kwargs):
                super().__init__(**kwargs)
                self.alpha = alpha


def test_a_dataclass_must_call_the_base():
    @dataclasses.dataclass(eq=False)
    class Unfinished(Plain):
        alpha: float = 2.0

    @dataclasses.dataclass(eq=False)
    class Finished(Plain):
        alpha: float = 2.0
        reduction: str = "sum"

        def __post_init__(self):
            super().__init__(reduction=self.reduction)

    with pytest.raises(TypeError, match="Unfinished: its constructor must call super.*a dataclass"):
        Unfinished(3.0)
    assert Finished.from_config(Finished(3.0).get_config()).alpha == 3.0


class Holding(Plain):
    """Any value as an option."""

    def __init__(self, value, **kwargs):
        super().__init__(**kwargs)
        self.value = value


@pytest.mark.parametrize("value", [{"a": 1.0}, [1, [2.0, None]], (1, 2), float("nan"), "x", box.Huber(0.3), [Plain()]])
def test_what_comes_back_from_a_file_as_it_was(value, tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    loss = Holding(value)
    model.compile("sgd", loss=loss)
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras").loss
    assert repr(again.get_config()) == repr(loss.get_config())
    one, other = (x[0] if isinstance(x, (list, tuple)) else x for x in (again.value, value))
    assert type(one) is type(other)


@pytest.mark.parametrize("value", [{0: 1.0, 1: 20.0}, {"a": {1: 2}}])
def test_what_would_come_back_as_something_else_is_an_error(value):
    with pytest.raises(TypeError, match="Holding: `value` would not come back from a saved model as it is"):
        Holding(value)


def test_an_option_that_is_kept_as_something_else_is_an_error():
    class Inverse(Plain):
        def __init__(self, temperature=1.0, **kwargs):
            super().__init__(**kwargs)
            self.temperature = 1 / temperature

    with pytest.raises(TypeError, match="Inverse: `temperature` would not come back .* 4.0 would be 0.25"):
        Inverse(0.25)


def test_a_loss_of_one_number_for_the_batch_refuses_weights_and_masks():
    class Whole(box.Loss):
        def call(self, y_true, y_pred):
            return ops.max(ops.abs(y_true - y_pred))

    y, p = np.array([[1.0], [2.0]]), np.array([[0.0], [5.0]], "float32")
    assert numpy(Whole()(y, p)) == 3
    assert numpy(Whole()(y, p, 2.0)) == 6
    for call in (lambda: Whole()(y, p, [1.0, 2.0]), lambda: Whole()(y, with_mask(p, [True, False]))):
        with pytest.raises(ValueError, match="Whole: `call` returned one number for the whole batch"):
            call()


def test_compute_gets_the_mask_and_the_logits():
    class Centred(box.Loss):
        """Deviation from the batch mean, of the entries that are valid."""

        def compute(self, batch):
            p = batch.y_pred
            keep = ops.ones_like(p) if batch.valid is None else ops.cast(batch.valid_entries, p.dtype)
            mean = ops.sum(keep * p) / ops.sum(keep)
            return batch.values(ops.mean(ops.square(p - mean), -1))

    p = np.array([[1.0], [3.0], [np.nan]], "float32")
    assert numpy(Centred(reduction="sum")(np.zeros((3, 1)), p, [1, 1, 0])) == 2

    class Doubled(box.BinaryCrossentropy):
        def compute(self, batch):
            values = super().compute(batch)
            return values._replace(values=2 * values.values)

    y, z = [[1.0]], [[0.3]]
    for options in ({}, {"from_logits": True}):
        assert numpy(Doubled(**options)(y, z)) == 2 * numpy(box.BinaryCrossentropy(**options)(y, z))


def test_a_call_that_would_never_be_used_is_an_error():
    with pytest.raises(TypeError, match=r"Tripled: its base BinaryCrossentropy computes with `compute\(batch\)`"):

        class Tripled(box.BinaryCrossentropy):
            def call(self, y_true, y_pred):
                return 3 * super().call(y_true, y_pred)


def test_a_subclass_of_a_loss_that_calls_may_call():
    class Tripled(box.Huber):
        def call(self, y_true, y_pred):
            return 3 * super().call(y_true, y_pred)

    assert numpy(Tripled(2.0)([[0.0]], [[1.0]])) == 1.5


def test_options_may_be_declared():
    class Expectile(box.Loss):
        expectile = Number(0.5, low=0, high=1)
        squared = Flag(True, keyword=True)

        def call(self, y_true, y_pred):
            error = y_true - y_pred
            weight = ops.where(error < 0, 1 - self.expectile, self.expectile)
            return ops.mean(weight * (ops.square(error) if self.squared else ops.abs(error)), -1)

    loss = Expectile(0.25, squared=False, name="mine")
    assert repr(loss) == "Expectile(expectile=0.25, name='mine', squared=False)"
    assert numpy(loss([[0.0]], [[2.0]])) == 1.5
    assert Expectile.from_config(loss.get_config()).get_config() == loss.get_config()
    with pytest.raises(ValueError, match=r"Expectile: `expectile` must be a number in \[0, 1\]"):
        Expectile(2.0)


def test_call_that_is_missing_says_so():
    class Empty(box.Loss):
        pass

    with pytest.raises(NotImplementedError, match="Empty must implement call"):
        Empty()([[1.0]], [[1.0]])


def test_two_classes_of_one_name_warn_and_a_package_keeps_them_apart():
    namespace = {"box": box, "__name__": "first_module"}
    exec("class Same(box.Loss): pass", namespace)
    with warnings.catch_warnings():  # the same class again, as a notebook defines it: no warning
        warnings.simplefilter("error")
        exec("class Same(box.Loss): pass", namespace)
        exec("class Same(box.Loss, package='mine'): pass", {"box": box, "__name__": "second_module"})
    assert keras.saving.get_registered_object("mine>Same").__module__ == "second_module"
    with pytest.warns(UserWarning, match="third_module.Same takes the registered name 'Custom>Same' from first_module"):
        exec("class Same(box.Loss): pass", {"box": box, "__name__": "third_module"})


def test_names_with_spaces_are_allowed(rng):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", loss=Pinball(name="my pinball: 50 %"))
    model.fit(rng.normal(size=(4, 2)), rng.normal(size=(4, 1)), verbose=0)
    assert model.loss.name == "my pinball: 50 %"


@pytest.mark.matrix
def test_readme_loss_in_a_script_of_its_own(tmp_path):
    """What a user does: a module with a loss, a script that trains and saves, another one that loads."""
    readme = (pathlib.Path(__file__).parents[2] / "README.md").read_text()
    blocks = (block.split("```")[0] for block in readme.split("```python\n")[1:])
    block = next(block for block in blocks if "class " in block and "(keras_lossbox.Loss)" in block)
    (tmp_path / "my_losses.py").write_text(block)
    save = """
        import keras, numpy as np, my_losses
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        loss = next(c for c in vars(my_losses).values() if isinstance(c, type) and issubclass(c, keras.losses.Loss))
        model.compile("sgd", loss=loss(quantile=0.9))
        model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
        model.save("m.keras")
    """
    load = """
        import keras, my_losses
        print(repr(keras.saving.load_model("m.keras").loss))
    """
    environment = {**os.environ, "PYTHONPATH": str(pathlib.Path(box.__file__).parent.parent)}
    for script in (save, load):
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert "(quantile=0.9)" in done.stdout


def test_a_subclass_that_does_not_ask_for_logits_gets_probabilities(rng):
    class Brier(box.Loss):
        def targets(self, y_pred):
            return box.targets.Binary(from_logits=False)

        def call(self, y_true, y_pred):
            return keras.ops.mean(keras.ops.square(y_true - y_pred), -1)

    x, y = rng.normal(size=(8, 3)).astype("float32"), (rng.random((8, 1)) < 0.5).astype("float32")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, activation="sigmoid")])
    for loss in (Brier(), box.Masked(Brier(), ignore=-1)):
        model.compile("sgd", loss=loss)
        expected = np.mean((y - model.predict(x, verbose=0).astype("float64")) ** 2)
        np.testing.assert_allclose(model.evaluate(x, y, verbose=0), expected, rtol=1e-6)
