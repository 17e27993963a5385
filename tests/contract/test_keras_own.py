"""Keras's own tests of its losses, run on ours in their place.

The test file ships in Keras's wheel. Its test classes run here as they are, except that `losses.Huber` and the others
that this package has too are this package's. What we do not pass is listed with the reason, and must go on failing.
"""

import pathlib
import types

import keras
import pytest
from backends import keras_exchanges_tversky

import keras_lossbox

losses_test = pytest.importorskip("keras.src.losses.losses_test", reason="this Keras ships without its tests")

CONFIG_WITHOUT_OPTIONS = "expects a config of name and reduction only, which loses options and dtype when saved"
ANY_AXIS = "expects an error for an axis other than the last, which this package supports"
EXCHANGED = "expects the alpha and beta that Keras exchanges"
AT_ZERO = "expects the loss of a probability of 0, which this package clips for a finite gradient, to the last digit"
ONE_CLASS = "expects a number for an axis of one class, which is an error here"
OTHER_WORDS = "expects other words in the error for a reduction that there is not"
NO_FRACTIONS = "expects a number for labels of 2, which are no masks"

EXPECTED_FAILURES = {
    ("DiceTest", "test_correctness"): NO_FRACTIONS,
    ("DiceTest", "test_dtype_arg"): NO_FRACTIONS,
    ("TverskyTest", "test_correctness"): NO_FRACTIONS,
    ("TverskyTest", "test_correctness_custom_coefficients"): NO_FRACTIONS,
    ("TverskyTest", "test_dtype_arg"): NO_FRACTIONS,
    ("HingeTest", "test_unweighted"): OTHER_WORDS,
    ("SquaredHingeTest", "test_unweighted"): OTHER_WORDS,
    ("CategoricalHingeTest", "test_unweighted"): OTHER_WORDS,
    ("KLDivergenceTest", "test_timestep_weighted"): ONE_CLASS,
    ("CategoricalGeneralizedCrossEntropyTest", "test_multi_class_segmentation"): AT_ZERO,
    ("CosineSimilarityTest", "test_config"): CONFIG_WITHOUT_OPTIONS,
    ("HuberLossTest", "test_config"): CONFIG_WITHOUT_OPTIONS,
    ("LogCoshTest", "test_config"): CONFIG_WITHOUT_OPTIONS,
}
if keras_exchanges_tversky():
    EXPECTED_FAILURES |= {
        ("TverskyTest", "test_binary_segmentation_custom_coefficients"): EXCHANGED,
        ("TverskyTest", "test_binary_segmentation_custom_coefficients_with_axis"): EXCHANGED,
    }
if keras.config.backend() != "torch":  # where Keras takes any axis too, and these tests are others
    EXPECTED_FAILURES |= {
        ("SparseCategoricalCrossentropyTest", "test_binary_segmentation_different_axis"): ANY_AXIS,
        ("SparseCategoricalCrossentropyTest", "test_multi_class_segmentation_different_axis"): ANY_AXIS,
    }
TEST_CLASS = {"Huber": "HuberLossTest"}

SUPERSETS = [cls for cls in keras_lossbox.available().values() if hasattr(losses_test.losses, cls.__name__)]


def _ours():
    """Keras's module of losses, with this package's classes in it."""
    names = vars(losses_test.losses) | {cls.__name__: cls for cls in SUPERSETS}
    return types.SimpleNamespace(**names)


@pytest.fixture(autouse=True)
def _losses_are_ours(monkeypatch):
    monkeypatch.setattr(losses_test, "losses", _ours())


def _tests():
    for cls in SUPERSETS:
        test_class = TEST_CLASS.get(cls.__name__, f"{cls.__name__}Test")
        for test in dir(getattr(losses_test, test_class)):
            if test.startswith("test_") and test != "test_session":
                yield pytest.param(test_class, test, id=f"{test_class}-{test}")


@pytest.mark.parametrize("test_class, test", list(_tests()))
def test_keras_own(test_class, test):
    case = getattr(losses_test, test_class)(test)
    for mark in getattr(getattr(case, test), "pytestmark", ()):
        if mark.name == "skipif" and mark.args[0]:
            pytest.skip(mark.kwargs["reason"])
    result = case.run()
    if result.skipped:
        pytest.skip(result.skipped[0][1])
    failed = [text for _, text in result.errors + result.failures]
    reason = EXPECTED_FAILURES.get((test_class, test))
    if reason is not None:
        assert failed, f"passes now, although this package {reason}: remove it from the list"
        pytest.xfail(reason)
    assert not failed, failed[0]
    assert result.testsRun == 1


def test_every_loss_of_keras_is_here():
    """Whatever the installed Keras has, so that `import keras_lossbox as losses` can stand for `keras.losses`."""
    of_keras = {
        name
        for name, cls in vars(keras.losses).items()
        if isinstance(cls, type) and issubclass(cls, keras.losses.Loss) and cls is not keras.losses.Loss
    }
    assert len(of_keras) >= 20
    assert of_keras - {cls.__name__ for cls in SUPERSETS} == set()


def test_the_readme_counts_them():
    readme = " ".join((pathlib.Path(__file__).parents[2] / "README.md").read_text().split())
    assert f"all {len(SUPERSETS)} losses of Keras have a namesake" in readme
    if keras_exchanges_tversky():  # as the Keras that README speaks of
        assert f"all but {len(EXPECTED_FAILURES)}," in readme
