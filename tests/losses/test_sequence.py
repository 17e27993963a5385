"""The losses of sequences: all paths counted, PyTorch's numbers, lengths, padding, what is impossible."""

import itertools

import keras
import numpy as np
import pytest
from backends import BACKEND, MODES, value_and_gradient, with_mask
from cases import by_default
from scipy import special

import keras_lossbox as box

numpy = keras.ops.convert_to_numpy
TIGHT = 2e-6 if BACKEND == "tensorflow" else 1e-5  # float32


def labels_of(path, blank):
    """The labels of a path: repeats taken for one, blanks removed."""
    return tuple(label for label, _ in itertools.groupby(path) if label != blank)


def by_paths(labels, z, blank=0):
    """-log of the sum over all paths, and its derivative: softmax less the share of the paths that are at a class."""
    log_p = z - special.logsumexp(z, -1, keepdims=True)
    time, classes = z.shape
    paths = [p for p in itertools.product(range(classes), repeat=time) if labels_of(p, blank) == tuple(labels)]
    if not paths:
        return np.inf, np.zeros(z.shape)
    logs = np.array([log_p[range(time), path].sum() for path in paths])
    shares = special.softmax(logs) @ np.eye(classes)[np.array(paths)].reshape(len(paths), -1)
    return -special.logsumexp(logs), special.softmax(z, -1) - shares.reshape(z.shape)


SAMPLES = [[1, 2], [1, 1], [2], [], [1, 2, 1, 2], [3, 3, 3]]  # the last needs 5 time steps


def padded(samples, padding, length=4):
    return np.array([[*labels, *[padding] * (length - len(labels))] for labels in samples])


@pytest.mark.parametrize(
    "dtype, blank, mode",
    by_default(
        lambda dtype, blank, mode: (mode == "eager") + (blank == 0) + (dtype == "float32") == 2,
        itertools.product(["float32", "float64", "float16"], [0, 3, -1], MODES),
    ),
)
def test_it_is_the_sum_over_all_paths(dtype, blank, mode, rng):
    z = (2 * rng.normal(size=(6, 4, 4))).astype(dtype)
    samples = [[label % 4 if blank == 0 else label - 1 for label in labels] for labels in SAMPLES]
    y = padded(samples, -1)
    loss = box.CTC(blank=blank, reduction="none", dtype=dtype)
    total, gradient = value_and_gradient(lambda x: keras.ops.sum(loss(y, x)[:5]), z, mode)
    expected = [
        by_paths(labels, sample.astype("float64"), blank % 4) for labels, sample in zip(samples, z, strict=True)
    ]
    tolerance = 2e-3 if dtype == "float16" else TIGHT
    np.testing.assert_allclose(total, np.sum([value for value, _ in expected[:5]]), rtol=tolerance)
    np.testing.assert_allclose(gradient, [slope for _, slope in expected], atol=2 * tolerance)
    np.testing.assert_allclose(numpy(loss(y, z)), [value for value, _ in expected], rtol=tolerance)


# Recipe, run with PyTorch 2.13.0 in float64: z = torch.tensor(Z)
#     torch.nn.CTCLoss(reduction="none")(z.log_softmax(-1).transpose(0, 1), torch.tensor(LABELS), TIMES, LENGTHS)
Z = ((np.arange(60).reshape(3, 5, 4) * 37) % 11) / 4 - 1
LABELS, LENGTHS, TIMES = np.array([[1, 2, 2], [3, 1, 0], [2, 0, 0]]), [3, 2, 1], [5, 4, 2]
OF_PYTORCH = [6.003013815406458, 3.5946882506663522, 1.7877591269570297]


@pytest.mark.parametrize("mode", MODES)
def test_pytorch_with_lengths_from_the_mask(mode):
    mask = np.arange(5) < np.array(TIMES)[:, None]
    loss = box.CTC(reduction="none")
    z = np.where(mask[..., None], Z, np.nan).astype("float32")  # what is masked may be anything
    total, gradient = value_and_gradient(
        lambda x: keras.ops.sum(loss(LABELS, with_mask(x, mask))), np.nan_to_num(z, nan=7.0), mode
    )
    np.testing.assert_allclose(total, np.sum(OF_PYTORCH), rtol=TIGHT)
    assert not gradient[~mask].any()
    if mode == "eager":
        np.testing.assert_allclose(numpy(loss(LABELS, with_mask(z, mask))), OF_PYTORCH, rtol=TIGHT)


def test_pytorch_recipe():
    torch = pytest.importorskip("torch", reason="the recipe needs PyTorch")
    log_p = torch.tensor(Z).log_softmax(-1).transpose(0, 1)
    values = torch.nn.CTCLoss(reduction="none")(log_p, torch.tensor(LABELS), TIMES, LENGTHS)
    np.testing.assert_allclose(values.numpy(), OF_PYTORCH, rtol=1e-13)


@pytest.mark.parametrize("mode", MODES[:2])
def test_too_few_time_steps(mode, rng):
    """[3, 3, 3] needs 5: infinite, or with `zero_infinity` 0; its gradient is 0, and the others have theirs."""
    z, y = rng.normal(size=(2, 4, 4)).astype("float32"), np.array([[3, 3, 3], [1, 2, 0]])
    for zero_infinity, expected in ((False, np.inf), (True, by_paths([1, 2], z[1])[0])):
        loss = box.CTC(zero_infinity=zero_infinity, reduction="sum")
        value, gradient = value_and_gradient(lambda x: loss(y, x), z, mode)  # noqa: B023
        np.testing.assert_allclose(value, expected, rtol=TIGHT)
        np.testing.assert_allclose(gradient, [np.zeros((4, 4)), by_paths([1, 2], z[1])[1]], atol=1e-5)


def test_padding_of_any_kind_and_any_integers(rng):
    z = rng.normal(size=(6, 6, 4)).astype("float32")
    expected = numpy(box.CTC(reduction="none")(padded(SAMPLES, 0), z))
    for y in (padded(SAMPLES, -1), padded(SAMPLES, -100), padded(SAMPLES, 0, 7)):
        for dtype in ("int64", "int32", "float32"):
            np.testing.assert_array_equal(numpy(box.CTC(reduction="none")(y.astype(dtype), z)), expected)
    assert np.isnan(numpy(box.CTC()([[-1, 1]], z[:1])))  # padding before a label


@pytest.mark.matrix
@pytest.mark.parametrize("mode", MODES[:2])
def test_what_has_weight_zero_or_is_masked_does_not_exist(mode, rng):
    z, y = rng.normal(size=(3, 4, 4)).astype("float32"), np.array([[1, 2], [2, 2], [1, 0]])
    z_bad, y_bad = z.copy(), y.copy()
    z_bad[1], y_bad[1] = np.nan, 99
    loss = box.CTC(reduction="mean_with_sample_weight")
    alone = value_and_gradient(lambda x: loss(y[::2], x, [2.0, 0.5]), z[::2], mode)
    mask = np.array([[True] * 4, [False] * 4, [True] * 4])
    for fn in (
        lambda x: loss(y_bad, x, [2.0, 0.0, 0.5]),
        lambda x: loss(y_bad, with_mask(x, mask), np.array([[2.0], [5.0], [0.5]])),
    ):
        value, gradient = value_and_gradient(fn, z_bad, mode)
        np.testing.assert_allclose(value, alone[0], rtol=1e-6)
        np.testing.assert_allclose(gradient[::2], alone[1], atol=1e-6)
        assert not gradient[1].any()


def test_a_mask_with_a_gap_has_no_value(rng):
    z = rng.normal(size=(2, 3, 4)).astype("float32")
    mask = np.array([[True, False, True], [True, True, False]])
    values = numpy(box.CTC(reduction="none")([[1], [1]], with_mask(z, mask)))
    assert np.isnan(values[0])
    np.testing.assert_allclose(values[1], by_paths([1], z[1, :2].astype("float64"))[0], rtol=TIGHT)


def test_errors():
    z = np.zeros((2, 3, 4), "float32")
    for y, x, weights, said in [
        ([[1], [4]], z, None, r"CTC.*`y_true` must hold class indices from 0 to 3.*padding.*Received: 4"),
        ([1, 2], z, None, r"CTC.*\(n, time, classes\).*y_true.shape=\(2,\)"),
        ([[1]], z[0], None, r"CTC.*\(n, time, classes\)"),
        ([[1], [1]], z, np.ones((2, 3)), "CTC.*`sample_weight` must fit"),
    ]:
        with pytest.raises(ValueError, match=f"(?s){said}"):
            box.CTC()(np.array(y), x, weights)
    with pytest.raises(ValueError, match="CTC.*`blank` must be a class.*Received: blank=4"):
        box.CTC(blank=4)([[1], [1]], z)


@pytest.mark.matrix
def test_a_model_learns_with_lengths_of_its_own_and_comes_back(tmp_path):
    """Keras's loss takes the padding for time steps; here the mask of `Masking` goes with the model."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(4, 9, 32)
    classes = rng.integers(1, 4, 32)
    x = np.full((32, 8, 3), -1.0, "float32")
    for row, label, length in zip(x, classes, lengths, strict=True):
        row[:length] = 0
        row[1, label - 1] = 1
    layers = [keras.Input((None, 3)), keras.layers.Masking(-1.0), keras.layers.GRU(8, return_sequences=True)]
    model = keras.Sequential([*layers, keras.layers.Dense(4)])
    model.compile(keras.optimizers.Adam(0.05), box.CTC(blank=0))
    history = model.fit(x, classes[:, None], epochs=8, verbose=0).history["loss"]
    assert history[-1] < 0.8 * history[0]
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.loss.get_config() == model.loss.get_config()
    expected = model.evaluate(x, classes[:, None], verbose=0)
    np.testing.assert_allclose(again.evaluate(x, classes[:, None], verbose=0), expected, rtol=1e-6)
    z = model.predict(x, verbose=0)
    each = [by_ctc_of_scipy([label], row[:n]) for row, label, n in zip(z, classes, lengths, strict=True)]
    np.testing.assert_allclose(expected, np.mean(each), rtol=1e-5)


def by_ctc_of_scipy(labels, z):
    """The forward recursion of Graves et al., equations 6 to 8, in float64 (blank 0)."""
    log_p = np.float64(z) - special.logsumexp(np.float64(z), -1, keepdims=True)
    states = [0, *itertools.chain(*((label, 0) for label in labels))]
    alpha = np.full(len(states), -np.inf)
    alpha[:2] = log_p[0, states[:2]]
    for row in log_p[1:]:
        before = [
            special.logsumexp(
                [alpha[s], alpha[s - 1] if s else -np.inf]
                + [alpha[s - 2]] * (s > 1 and states[s] != 0 and states[s] != states[s - 2])
            )
            for s in range(len(states))
        ]
        alpha = np.array(before) + row[states]
    return -special.logsumexp(alpha[-2:])
