"""What `compare` is given, checked: an error says what is allowed and what came."""

import keras
import numpy as np
from keras import ops

from keras_lossbox.tools.comparison.trials import Data, Part, Samples, copy_of, fingerprint


def require_scikit_learn():
    """Fails before any work if it is missing."""
    try:
        import sklearn  # noqa: F401
    except ImportError:
        message = 'compare: sklearn is missing; install it with: pip install "keras-lossbox[demo]"'
        raise ImportError(message) from None


def seeds_of(seeds):
    """A list of different seeds."""
    found = list(range(seeds)) if is_whole(seeds) else seeds
    try:
        found = list(found)
        right = found and len(set(found)) == len(found) and all(is_whole(seed) and 0 <= seed < 2**32 for seed in found)
    except TypeError:  # nothing to go through, or nothing that can be compared
        right = False
    if not right:
        raise ValueError(
            "compare: `seeds` must be a whole number >= 1, or a list of different whole numbers >= 0. "
            f"Received: seeds={seeds!r}"
        )
    return [int(seed) for seed in found]


def is_whole(value):
    """Whether it is a whole number; True is none."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.bool_))


def check_whole(name, value, least=1):
    """Raises a ValueError for what is no whole number, or too small."""
    if not is_whole(value) or value < least:
        raise ValueError(f"compare: `{name}` must be a whole number >= {least}. Received: {name}={value!r}")


def check_share(name, value, or_none=False):
    """Raises a ValueError for what is no share."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not (0 < value < 1 or (or_none and value == 0)):
        allowed = "a share of the samples, between 0 and 1" + ", or 0 for none" * or_none
        raise ValueError(f"compare: `{name}` must be {allowed}. Received: {name}={value!r}")


def optimizer_of(optimizer):
    """A new optimizer."""
    try:
        return copy_of(keras.optimizers.get(optimizer))
    except (ValueError, TypeError, AttributeError) as error:
        allowed = "an optimizer of Keras, or the name of one"
        raise ValueError(f"compare: `optimizer` must be {allowed}. Received: optimizer={optimizer!r}") from error


def data_of(x, y, test, test_size, preprocessing):
    """The data as arrays, not yet divided."""
    if not callable(x):
        samples = _checked_samples(x, y, test, preprocessing)
        return Data(lambda seed: samples, test_size, 0, None, preprocessing)
    for name, value in (("y", y), ("test", test)):
        if value is not None:
            raise ValueError(
                f"compare: `{name}` must be None where `x` is a function: it is what that returns. "
                f"Received: {name} of type {type(value).__name__}"
            )
    return Data(Drawn(x, preprocessing), test_size, 0, None, preprocessing)


class Drawn:
    """Samples that a function of the seed returns: the same for all losses, or it is an error."""

    def __init__(self, function, preprocessing):
        self.function, self.preprocessing, self.seen = function, preprocessing, {}

    def __call__(self, seed):
        found = self.function(seed)
        if not isinstance(found, tuple) or len(found) not in (2, 4):
            raise ValueError(
                "compare: `x`, a function of the seed, must return (x, y) or (x, y, x_test, y_test). Received: "
                f"{f'{len(found)} values' if isinstance(found, tuple) else type(found).__name__}, for the seed {seed}"
            )
        samples = _checked_samples(*found[:2], found[2:] or None, self.preprocessing)
        if self.seen.setdefault(seed, samples.fingerprint) != samples.fingerprint:
            raise ValueError(
                "compare: `x`, a function of the seed, must return the same for the same seed: all losses are to have "
                f"the same samples. Received: other ones when it was called again with the seed {seed}"
            )
        return samples


def _checked_samples(x, y, test, preprocessing):
    """Arrays of one length."""
    x, y = _samples("x", x, preprocessing), _labels("y", y)
    _check_lengths("x", x, "y", y)
    if len(y) < 4:
        raise ValueError(f"compare: `x` must hold at least four samples. Received: {len(y)}")
    if test is not None:
        if not isinstance(test, (tuple, list)) or len(test) != 2:
            raise ValueError(f"compare: `test` must be a pair (x, y), or None. Received: {type(test).__name__}")
        test = Part(_samples("test[0]", test[0], preprocessing), _labels("test[1]", test[1]))
        _check_lengths("test[0]", test.x, "test[1]", test.y)
    everything = [x, y, *(test or ())]
    return Samples(x, y, test, fingerprint([x.to_numpy() if hasattr(x, "iloc") else x for x in everything]))


def _samples(argument, x, preprocessing):
    """An array, or several; a data frame as it is, for the preprocessing."""
    if hasattr(x, "iloc") and preprocessing is not None:
        return x
    several = isinstance(x, dict) or (isinstance(x, (list, tuple)) and len(x) and all(hasattr(v, "shape") for v in x))
    found = keras.tree.map_structure(_array, x) if several else _array(x)
    for leaf in keras.tree.flatten(found):
        if leaf.ndim == 0 or (leaf.dtype.kind not in "biufSU" and preprocessing is None):
            raise ValueError(
                f"compare: `{argument}` must be an array of samples, or a list or dict of arrays. "
                f"Received: {type(x).__name__} {leaf.dtype} {leaf.shape}"
            )
    return found


def _array(value):
    return ops.convert_to_numpy(value) if ops.is_tensor(value) else np.asarray(value)


def _labels(argument, y):
    try:
        found = _array(y)
        if found.ndim == 0 or found.dtype.kind not in "biuf":
            raise ValueError(f"{found.dtype} {found.shape}")
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"compare: `{argument}` must be an array of numbers. Received: {type(y).__name__} ({error})"
        ) from error
    return found


def _check_lengths(of_x, x, of_y, y):
    lengths = {len(leaf) for leaf in ([x] if hasattr(x, "iloc") else keras.tree.flatten(x))}
    if lengths != {len(y)}:
        raise ValueError(
            f"compare: `{of_x}` and `{of_y}` must have as many samples. "
            f"Received: {' and '.join(map(str, sorted(lengths)))} in {of_x}, {len(y)} in {of_y}"
        )
