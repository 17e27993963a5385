"""docs/migrating.md is true: each row's two code cells are taken from the page, run and compared.

PyTorch need not be installed: its cells, and those of packages for it, are looked up in RECORDED by their text. The
recipe is `record`, run with torch 2.13.0 on a CPU, coral_pytorch 1.4.0 and pytorch-metric-learning 2.9.0:
`python tests/site/test_migrating.py` prints the table.
"""

import importlib.util
import os
import pathlib
import re
import types

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import addons
import keras
import numpy as np
import pytest
from backends import as_keras_has_it
from keras import ops
from scipy import special

import keras_lossbox
from keras_lossbox import tf1

PAGE = (pathlib.Path(__file__).parents[2] / "docs" / "migrating.md").read_text()
TENSORFLOW = keras.config.backend() == "tensorflow"
if TENSORFLOW:
    import tensorflow

    v1 = tensorflow.compat.v1
    tf = types.SimpleNamespace(losses=v1.losses, nn=v1.nn, reduce_mean=tensorflow.reduce_mean)

RECORDED = {
    "nn.BCELoss()(p, y)": 0.6090999245643616,
    "nn.NLLLoss()(z.log_softmax(-1), ids)": 1.5194729566574097,
    "nn.SoftMarginLoss()(z, 2 * y - 1)": 0.9978294372558594,
    "nn.MultiLabelSoftMarginLoss(weight=c)(z, y)": 2.0011157989501953,
    "nn.TripletMarginWithDistanceLoss(distance_function=lambda a, b: 1 - nn.functional.cosine_similarity(a, b), "
    "margin=0.5)(tuples[:, 0], tuples[:, 1], tuples[:, 2])": 0.6508599519729614,
    "nn.MarginRankingLoss(0.5)(u[:, 0], u[:, 1], t[:, 0].sign())": 0.7486756443977356,
    "nn.TripletMarginLoss(eps=0)(tuples[:, 0], tuples[:, 1], tuples[:, 2])": 1.8890324831008911,
    "nn.TripletMarginLoss(margin=0.5, eps=0, swap=True)(tuples[:, 0], tuples[:, 1], tuples[:, 2])": 1.8643792867660522,
    "nn.HingeEmbeddingLoss(margin=1.5)(distances, 2 * similar - 1)": 0.70111483335495,
    "nn.CosineEmbeddingLoss(margin=0.2)(tuples[:, 0], tuples[:, 1], 2 * similar - 1)": 0.6186109185218811,
    "losses.NTXentLoss(0.1)(x, g)": 6.770978643299325,
    "losses.SupConLoss(0.1)(x, g)": 7.95734625943189,
    "losses.CircleLoss(0.4, 8)(x, g)": 17.206404313616268,
    "losses.MultiSimilarityLoss(2, 50, 0.5)(x, g)": 1.1843144146931173,
    "losses.LiftedStructureLoss()(x, g)": 5.577856424114271,
    "losses.TripletMarginLoss(0.2)(x, g)": 0.5033943070708373,
    "losses.ArcFaceLoss(3, 3, margin=30, scale=16)(x, g)": 8.308453179724125,
    "losses.CosFaceLoss(3, 3, scale=16)(x, g)": 7.279984945532409,
    "losses.NormalizedSoftmaxLoss(3, 3, temperature=0.05)(x, g)": 5.324823788602274,
    "losses.ProxyAnchorLoss(3, 3, margin=0.1, alpha=8)(x, g)": 10.739312267142731,
    "coral_loss(z, levels_from_labelbatch(ids, 4).float())": 2.347459077835083,
    'coral_loss(z, levels_from_labelbatch(ids, 4).float(), c, "sum")': 17.95081901550293,
    "corn_loss(z, ids, 4)": 0.8695910573005676,
    "corn_label_from_logits(z)": [1, 1, 2, 0],
    "nn.L1Loss()(u, t)": 1.3487192392349243,
    'nn.L1Loss(reduction="sum")(u, t)': 16.18463134765625,
    "nn.MSELoss()(u, t)": 2.5137128829956055,
    'nn.MSELoss(reduction="sum")(u, t)': 30.164554595947266,
    "nn.SmoothL1Loss(beta=0.5)(u, t)": 1.1095770597457886,
    "nn.HuberLoss(delta=0.5)(u, t)": 0.5547885298728943,
    "nn.PoissonNLLLoss()(z, k)": 2.22001314163208,
    "nn.PoissonNLLLoss(log_input=False, full=True)(v, k)": 2.5605099201202393,
    "nn.GaussianNLLLoss()(u, t, v)": 1.200940489768982,
    "nn.GaussianNLLLoss(full=True, eps=0.5)(u, t, v)": 2.1272966861724854,
    "2.5**2 * (((u - t) / 2.5) ** 2 + 1).sqrt().sub(1).mean()": 1.0780919790267944,
    "nn.BCEWithLogitsLoss()(z, y)": 0.9978294968605042,
    "nn.BCEWithLogitsLoss(pos_weight=c)(z, y)": 1.6101561784744263,
    "nn.BCEWithLogitsLoss(weight=w)(z, y)": 1.1286611557006836,
    "1 - nn.CosineSimilarity()(u, t)": [1.0716116428375244, 1.550069808959961, 1.2129781246185303, 0.7457164525985718],
    'nn.KLDivLoss(reduction="batchmean")(q.log(), soft)': 0.65300053358078,
    'nn.KLDivLoss(reduction="batchmean")(z.log_softmax(-1), soft)': 0.65300053358078,
    '4 * nn.KLDivLoss(reduction="batchmean", log_target=True)((z / 2).log_softmax(-1), (u / 2).log_softmax(-1))': (
        0.5000527501106262
    ),
    "nn.MultiMarginLoss()(z, ids)": 0.8843293190002441,
    "nn.MultiMarginLoss(p=2, margin=0.5, weight=c)(z, ids)": 1.0023746490478516,
    "nn.CrossEntropyLoss()(z, ids)": 1.5194729566574097,
    "nn.CrossEntropyLoss(label_smoothing=0.2)(z, ids)": 1.5275431871414185,
    "nn.CrossEntropyLoss(ignore_index=2)(z, ids)": 1.836642861366272,
    "nn.CrossEntropyLoss()(z, soft)": 1.4545319080352783,
    "nn.CrossEntropyLoss()(maps, map_ids)": 1.5440183877944946,
    'nn.CrossEntropyLoss(weight=c, reduction="sum")(z, ids)': 6.276134967803955,
    "nn.CrossEntropyLoss(weight=c)(z, ids)": 1.1954542398452759,
    "nn.CrossEntropyLoss(weight=c)(z, soft)": 2.6706411838531494,
    'nn.MSELoss(reduction="mean")(u, t)': 2.5137128829956055,
    'nn.MSELoss(reduction="none")(u, t)': [
        [1.5459480285644531, 2.575658082962036, 6.029300689697266],
        [2.0872082710266113, 0.1819833517074585, 7.29945182800293],
        [1.574049711227417, 0.7352184653282166, 6.93920373916626],
        [0.14914220571517944, 0.02735983207821846, 1.0200303792953491],
    ],
}


GROUPS = np.array([0, 1, 0, 1, 1, 2, 2, 0])


def embeddings(rng):
    """Of classes `g`: `x`, `e` of length 1, and their cosines to the `centres`; tuples of them, and similarities."""
    x, centres, tuples = rng.normal(size=(8, 3)), rng.normal(size=(3, 3)), rng.normal(size=(6, 3, 4))
    e = x / np.linalg.norm(x, axis=-1, keepdims=True)
    return {
        "x": x,
        "e": e,
        "centres": centres,
        "cosines": e @ (centres / np.linalg.norm(centres, axis=0)),
        "tuples": tuples,
        "similar": rng.random(6) < 0.5,
        "distances": rng.uniform(0, 2, 6),
        "similarities": rng.normal(size=(8, 8)),
        "tags": np.maximum(np.eye(3)[GROUPS], rng.random((8, 3)) < 0.3),
    }


def lists(rng):
    """Of lists of items, of which some are equally relevant."""
    return {"grades": np.array([[0, 2, 1, 0, 1], [1, 0, 0, 0, 0], [3, 3, 2, 0, 1]]), "scores": rng.normal(size=(3, 5))}


def images(rng):
    """With an edge, and of sides that are not even."""
    pictures = np.where(np.arange(25)[:, None] < 9, 0.2, 0.7) + rng.normal(0, 0.1, (2, 23, 25, 1))
    return {"pictures": pictures.clip(0, 1), "copies": (pictures + rng.normal(0, 0.2, pictures.shape)).clip(0, 1)}


def data():
    rng = np.random.default_rng(0)
    n, d, size = 4, 3, 2
    z, ids, map_ids = rng.normal(0, 2, (n, d)), np.array([0, 2, 1, 0]), rng.integers(0, d, (n, size, size))
    soft = rng.dirichlet(np.ones(d), n)
    found = {
        "t": rng.normal(0, 1, (n, d)),
        "u": rng.normal(0, 1, (n, d)),
        "y": rng.random((n, d)) < 0.4,
        "z": z,
        "p": rng.uniform(0.1, 0.9, (n, d)),
        "q": special.softmax(z, -1),
        "onehot": np.eye(d)[ids],
        "soft": soft,
        "maps": rng.normal(0, 2, (n, d, size, size)),
        "w": np.where(rng.random((n, d)) < 0.3, 0, rng.uniform(0.5, 2, (n, d))),
        "s": np.array([0.5, 0.0, 2.0, 1.25]),
        "c": np.array([0.5, 3.0, 1.25]),
        "v": rng.uniform(0.2, 3, (n, d)),
        "k": rng.poisson(1.5, (n, d)),
        "heat": np.array([[1.0, 0.5, 0.0], [0.0, 0.25, 1.0], [0.75, 0.0, 0.0], [0.0, 1.0, 0.1]]),
        "boxes": np.array([[0, 0, 2, 2], [1, 2, 3, 5], [-1, 0, 4, 1], [0, 1, 1, 2]]),
        "found": np.array([[0.5, -0.25, 2.5, 2], [1, 1, 2.5, 4], [-2, 0.5, 3, 2], [0.25, 0.5, 1.5, 1.75]]),
        "times": rng.gamma(2.0, 1.0, n),
        "events": np.array([1, 0, 1, 1]),
    }
    found |= embeddings(rng) | lists(np.random.default_rng(1)) | images(np.random.default_rng(2))
    indices = {"g": GROUPS, "ids": ids, "map_ids": map_ids, "last": np.array([0, 2, 1, 2])}
    return {name: x.astype("float32") for name, x in found.items()} | indices


class SigmoidFocalCrossEntropy:
    """TensorFlow Addons's, in numpy: it does not run with Keras 3.

    Source: https://github.com/tensorflow/addons/blob/v0.23.0/tensorflow_addons/losses/focal_loss.py
    """

    def __init__(self, from_logits=False, alpha=0.25, gamma=2.0, reduction="none"):
        assert from_logits
        self.alpha, self.gamma, self.reduction = alpha, gamma, reduction

    def __call__(self, y, z):
        y, z = np.float64(y), np.float64(z)
        p = special.expit(z)
        p_t = y * p + (1 - y) * (1 - p)
        alpha = y * self.alpha + (1 - y) * (1 - self.alpha)
        losses = np.sum(alpha * (1 - p_t) ** self.gamma * -np.log(p_t), -1)  # for y of 0 and 1
        return losses if self.reduction == "none" else np.mean(losses)


class PinballLoss:
    """TensorFlow Addons's, in numpy: it does not run with Keras 3.

    Source: https://github.com/tensorflow/addons/blob/v0.23.0/tensorflow_addons/losses/quantiles.py
    """

    def __init__(self, tau=0.5):
        self.tau = tau

    def __call__(self, y_true, y_pred):
        error = np.float64(y_true) - np.float64(y_pred)
        return np.mean(np.maximum(self.tau * error, (self.tau - 1) * error))


class WeightedKappaLoss:
    """TensorFlow Addons's, in numpy.

    Source: https://github.com/tensorflow/addons/blob/v0.23.0/tensorflow_addons/losses/kappa_loss.py
    """

    def __init__(self, num_classes, weightage="quadratic", name=None, epsilon=1e-6):
        places = np.arange(num_classes)
        self.distances = np.abs(places[:, None] - places) ** (2.0 if weightage == "quadratic" else 1.0)
        self.epsilon = epsilon

    def __call__(self, y, p):
        y, p = np.float64(y), np.float64(p)
        expected = np.sum(self.distances * np.outer(y.sum(0), p.sum(0))) / len(y)
        return np.log(np.sum(self.distances[y.argmax(-1)] * p) / expected + self.epsilon)


class SparsemaxLoss:
    """The same: a loss of logits, and of labels of their shape.

    Source: https://github.com/tensorflow/addons/blob/v0.23.0/tensorflow_addons/losses/sparsemax_loss.py
    """

    def __call__(self, y, z):
        y, z = np.float64(y), np.float64(z)
        p = np.apply_along_axis(self.sparsemax, -1, z)
        return np.mean(np.sum(np.where(p > 0, p * (z - p / 2), 0) + y * (y / 2 - z), -1))

    def sparsemax(self, z):
        falling = np.sort(z)[::-1]
        thresholds = [(np.sum(falling[:k]) - 1) / k for k in range(1, len(z) + 1)]  # the largest is the right one
        return np.maximum(z - max(thresholds), 0)


def areas(boxes, found):
    """What formulas of boxes are made of, of boxes x1 y1 x2 y2 that overlap."""
    low, high = np.maximum(boxes, found)[:, :2], np.minimum(boxes, found)[:, 2:]
    lowest, highest = np.minimum(boxes, found)[:, :2], np.maximum(boxes, found)[:, 2:]
    (w, h), (w_y, h_y) = ((x[:, 2:] - x[:, :2]).T for x in (found, boxes))
    overlap = np.prod(high - low, -1)
    return {
        "overlap": overlap,
        "union": w * h + w_y * h_y - overlap,
        "hull": np.prod(highest - lowest, -1),
        "diagonal": np.sum((highest - lowest) ** 2, -1),
        "apart": np.sum((boxes[:, :2] + boxes[:, 2:] - found[:, :2] - found[:, 2:]) ** 2, -1) / 4,
        "shapes": 4 / np.pi**2 * (np.arctan(w_y / h_y) - np.arctan(w / h)) ** 2,
    }


class GIoULoss:
    """TensorFlow Addons's, in numpy: boxes y1 x1 y2 x2, for which the formula is the same.

    Source: https://github.com/tensorflow/addons/blob/v0.23.0/tensorflow_addons/losses/giou_loss.py
    """

    def __init__(self, mode="giou"):
        self.mode = mode

    def __call__(self, boxes, found):
        of = areas(np.float64(boxes), np.float64(found))
        empty = (of["hull"] - of["union"]) / of["hull"] if self.mode == "giou" else 0
        return np.mean(1 - of["overlap"] / of["union"] + empty)


_ADDONS = GIoULoss, SigmoidFocalCrossEntropy, WeightedKappaLoss, PinballLoss, SparsemaxLoss, *addons.LOSSES
ADDONS = types.SimpleNamespace(**{cls.__name__: cls for cls in _ADDONS})


def tables():
    """The rows below each heading row, by the text of its first cell; a cell in backticks loses them."""
    found, rows = {}, None
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else None
        if cells is None:
            rows = None
        elif rows is None:
            rows = found.setdefault(cells[0], [])
        elif not re.fullmatch(r"-+", cells[0]):
            rows.append([re.sub(r"^`(.*)`$", r"\1", cell) for cell in cells])
    return found


def blocks():
    return re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def here():
    """What the page's right-hand cells see."""
    namespace = {"__name__": "migrating", **{name: getattr(keras_lossbox, name) for name in keras_lossbox.__all__}}
    exec(blocks()[-1], namespace)
    return namespace | {"ops": ops, "np": np} | data()


TABLES = tables()
ROWS = {heading: rows for heading, rows in TABLES.items() if heading and not heading.startswith("Reduction")}


def assert_same(actual, expected, rtol=1e-6):
    actual, expected = ops.convert_to_numpy(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=1e-7 * np.max(np.abs(expected)))
    assert np.any(actual != 0)


@pytest.mark.parametrize("theirs, ours", [row[:2] for row in ROWS["TensorFlow 1"]])
@pytest.mark.skipif(not TENSORFLOW, reason="tf.compat.v1 is TensorFlow's")
def test_tensorflow_1(theirs, ours, here):
    namespace = data() | {"tf": tf, "tf1": tf1}
    expected = eval(theirs, namespace)
    if "pairwise" in theirs:  # the page: what a graph gives
        expected = tensorflow.function(lambda: eval(theirs, namespace))()
    assert_same(eval(ours, here), expected)
    if "tf.reduce_mean" not in theirs:  # and what the page says of tf1: the same name, the same number
        assert_same(eval(theirs.replace("tf.losses", "tf1").replace("tf.nn", "tf1"), namespace), expected)


@pytest.mark.parametrize("theirs, ours", [row[:2] for row in ROWS["PyTorch"]])
def test_pytorch(theirs, ours, here):
    assert_same(eval(ours, here), RECORDED[theirs])


@pytest.mark.parametrize("theirs, ours", [row[:2] for row in ROWS["pytorch-metric-learning"]])
def test_pytorch_metric_learning(theirs, ours, here):
    assert_same(eval(ours, here), RECORDED[theirs])


@pytest.mark.parametrize("theirs, ours", [row[:2] for row in ROWS["coral_pytorch"]])
def test_coral_pytorch(theirs, ours, here):
    assert_same(eval(ours, here), RECORDED[theirs])


@pytest.mark.parametrize("theirs, ours", [row[:2] for row in ROWS["Keras"]])
def test_keras(theirs, ours, here):
    if not hasattr(keras.losses, re.match(r"keras\.losses\.(\w+)", theirs)[1]):
        pytest.skip("this Keras does not have it yet")
    ours = as_keras_has_it(theirs, ours)
    assert_same(eval(ours, here), ops.convert_to_numpy(eval(theirs, data() | {"keras": keras})))


@pytest.mark.parametrize("theirs, ours", [row[:2] for row in ROWS["TensorFlow Addons"]])
def test_tensorflow_addons(theirs, ours, here):
    tfa = types.SimpleNamespace(losses=ADDONS)
    assert_same(eval(ours, here), eval(theirs, data() | {"tfa": tfa}))


@pytest.mark.parametrize("theirs, ours", [row[:2] for row in ROWS["tf.image"]])
@pytest.mark.skipif(not TENSORFLOW, reason="tf.image is TensorFlow's")
def test_tf_image(theirs, ours, here):
    assert_same(eval(ours, here), eval(theirs, data() | {"tf": tensorflow}), rtol=1e-5)  # the page: it loses digits


def log_softmax_of_others(rows, temperature):
    """Of each row of cosines but that of the row and itself."""
    s = np.float64(rows) @ np.float64(rows).T / temperature
    return special.log_softmax(np.where(np.eye(len(s)), -np.inf, s), -1)


TUPLES = data()["tuples"].astype("float64")
NAMES_IN_FORMULAS = areas(*(data()[name].astype("float64") for name in ("boxes", "found"))) | {
    "np": np,
    "unit": lambda x: np.float64(x) / np.linalg.norm(np.float64(x), axis=-1, keepdims=True),
    "log_softmax": lambda x: special.log_softmax(x, -1),
    "log_softmax_of_others": log_softmax_of_others,
    "rows": TUPLES.reshape(18, 4),
    "classes": np.repeat(data()["similar"], 3),
    "views": np.concatenate([TUPLES[:, 0], TUPLES[:, 1]]),
}


@pytest.mark.parametrize("theirs, ours", [row[1:3] for row in ROWS["elsewhere"]])
def test_formulas(theirs, ours, here):
    assert_same(eval(ours, here), eval(theirs, data() | NAMES_IN_FORMULAS))


@pytest.mark.parametrize("in_tf1, in_pytorch, ours", [row[:3] for row in TABLES["Reduction in TensorFlow 1"]])
def test_reductions(in_tf1, in_pytorch, ours, here):
    if in_pytorch:
        unweighted = eval(f"MeanSquaredError(axis=None, reduction={ours})(t, u)", here)
        assert_same(unweighted, RECORDED[f"nn.MSELoss(reduction={in_pytorch})(u, t)"])
    if TENSORFLOW:
        expected = eval(f"tf.losses.mean_squared_error(t, u, w, reduction={in_tf1})", data() | {"tf": tf})
        assert_same(eval(f"MeanSquaredError(axis=None, reduction={ours})(t, u, w)", here), expected)


def test_recorded_numbers_are_those_of_pytorch():
    pytest.importorskip("torch")
    for cell, expected in record().items():
        np.testing.assert_allclose(RECORDED[cell], expected, rtol=1e-6)


def test_the_page_is_complete():
    text = {heading: " ".join(row[0] for row in rows) for heading, rows in ROWS.items()}
    packages = {"TensorFlow 1", "PyTorch", "Keras", "TensorFlow Addons", "coral_pytorch", "pytorch-metric-learning"}
    assert set(text) == packages | {"tf.image", "elsewhere"}
    for name in ("L1Loss", "MSELoss", "CrossEntropyLoss", "BCEWithLogitsLoss", "SmoothL1Loss", "HuberLoss"):
        assert f"nn.{name}(" in text["PyTorch"]
    losses = [cls.__name__ for cls in keras_lossbox.available().values()]
    for name in set(losses) & set(dir(keras.losses)):  # a new loss that Keras has too needs a row
        assert f"keras.losses.{name}(" in text["Keras"], name
    functions = {name for name, value in vars(tf1).items() if hasattr(value, "__wrapped__")}
    for name in functions - {"loss_function"}:
        assert re.search(rf"\b{name}\(", text["TensorFlow 1"]), name
    assert len(TABLES["Reduction in TensorFlow 1"]) == 5
    assert sum(map(len, ROWS.values())) >= 45


def test_the_page_blocks_run(capsys):
    for block in blocks():
        exec(compile(block, "migrating.md", "exec"), {"__name__": "migrating"})
        for line in re.findall(r"# -> (.*)", block):
            assert line.strip() in capsys.readouterr().out


def test_own_classes_are_saved(here, tmp_path):
    u, t = here["u"], here["t"]
    for name in re.findall(r"class (\w+)", blocks()[-1]):
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3)])
        model.compile("sgd", loss=here[name](reduction="sum_by_nonzero_weights"))
        model.save(tmp_path / "model.keras")
        assert repr(keras.saving.load_model(tmp_path / "model.keras").loss) == repr(model.loss)
        assert np.isfinite(model.evaluate(u, t, verbose=0))


def record():
    """PyTorch's side of the page, by cell."""
    import torch

    namespace = {"nn": torch.nn} | {name: torch.tensor(x) for name, x in data().items()}
    cells = [row[0] for row in ROWS["PyTorch"]]
    if importlib.util.find_spec("coral_pytorch"):
        namespace |= vars(importlib.import_module("coral_pytorch.losses"))
        namespace |= vars(importlib.import_module("coral_pytorch.dataset"))
        cells += [row[0] for row in ROWS["coral_pytorch"]]
    cells += [f"nn.MSELoss(reduction={row[1]})(u, t)" for row in TABLES["Reduction in TensorFlow 1"] if row[1]]
    found = {cell: eval(cell, namespace).numpy().tolist() for cell in cells}
    if importlib.util.find_spec("pytorch_metric_learning"):
        found |= record_of_metric_learning()
    return found


def record_of_metric_learning():
    """In float64; a loss that has centres of its own gets `centres`."""
    import torch
    from pytorch_metric_learning import losses

    tensors = {name: torch.tensor(x.astype("float64") if x.dtype.kind == "f" else x) for name, x in data().items()}

    def with_centres(make):
        def made(*args, **kwargs):
            loss = make(*args, **kwargs).double()
            for name, transposed in (("W", False), ("proxies", True)):
                if hasattr(loss, name):
                    getattr(loss, name).data = tensors["centres"].T if transposed else tensors["centres"]
            return loss

        return made

    names = [name for name in dir(losses) if name.endswith("Loss")]
    made = types.SimpleNamespace(**{name: with_centres(getattr(losses, name)) for name in names})
    cells = [row[0] for row in ROWS["pytorch-metric-learning"]]
    return {cell: eval(cell, {"losses": made} | tensors).detach().numpy().tolist() for cell in cells}


if __name__ == "__main__":
    for cell, value in record().items():
        print(f"    {cell!r}: {value},")
