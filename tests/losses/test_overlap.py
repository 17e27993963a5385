"""Golden values of the losses of overlap; the oracles, none of which uses this package:

1. `oracle_overlap.py`: the papers' definitions over lists of pixels, gradients by a complex step (every option).
2. Numbers recorded from MONAI and segmentation_models.pytorch, whose losses stand in the tables of
   docs/segmentation.md; every row of the page is run here.
3. Keras's `Dice` and `Tversky`, and the paper's other definitions of the Lovász extension.
"""

import functools
import itertools
import pathlib
import re
from typing import NamedTuple

import keras
import numpy as np
import oracle_overlap
import pytest
from backends import BACKEND, MODES, as_keras_has_it, check_refused, value_and_gradient
from cases import by_default
from golden import PRECISE, TOLERANCE, assert_close
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from scipy import ndimage, special
from sklearn import metrics as sklearn_metrics

import keras_lossbox

REGIONS = ["dice", "generalized_dice", "jaccard", "tversky", "focal_tversky"]
LOVASZ = ["lovasz_hinge", "lovasz_softmax"]
LOSSES = [*REGIONS, "mcc", *LOVASZ]
SQUARABLE = ["dice", "generalized_dice", "jaccard"]

# ---------------------------------------------------------------- 1. oracle: the definitions in numpy

CLASSES = 3
PIXELS = [(), (5,), (3, 4), (2, 3, 2)]
WEIGHTS = {  # their shape, from the shape of y_pred
    "none": None,
    "samples": lambda shape: shape[:1],
    "pixels": lambda shape: shape[:-1],
    "entries": lambda shape: shape,
}


class Case(NamedTuple):
    loss: str
    mode: str
    labels: str
    pixels: tuple
    weights: str
    options: dict

    def __str__(self):
        options = [f"{name}={value}" for name, value in self.options.items()]
        return "-".join([self.loss, self.mode, self.labels, "x".join(map(str, self.pixels)), self.weights, *options])

    @property
    def takes_logits(self):
        return self.loss == "lovasz_hinge" or self.options.get("from_logits", False)

    def data(self, dtype):
        """y_true, y_pred and weights; some labels ignored, a class that is absent, weights of 0."""
        rng = np.random.default_rng(7)
        shape = (3, *self.pixels) if self.mode == "binary" and self.pixels else (3, *self.pixels, CLASSES)
        z = 1.5 * rng.normal(size=shape)
        if self.mode == "multiclass":
            indices = rng.integers(CLASSES, size=shape[:-1])
            indices[1] = np.minimum(indices[1], 1)  # the sample has no pixel of the last class
            y = np.eye(CLASSES)[indices]
            p = special.softmax(z, -1)
        else:
            y, p = (rng.random(shape) < 0.45) * 1.0, special.expit(z)
            y[1] *= 0 if self.mode == "binary" else np.arange(CLASSES) < 2
        if self.labels == "soft":
            y[::2] = 0.2 + 0.6 * y[::2]
        ignored = self.options.get("ignore_class")
        if ignored is not None:
            where = rng.random(shape[:-1] if self.mode == "multiclass" else shape) < 0.3
            where[2] = True  # all of a sample
            if self.mode == "multiclass":
                indices[where] = ignored
                y = 1.0 * (indices[..., None] == np.arange(CLASSES))
            else:
                y[where] = ignored
        if self.labels in ("indices", "column"):
            y = indices if self.labels == "indices" else indices[..., None]
        else:
            y = y.astype(dtype)
        weights = None
        if self.weights != "none":
            some = [0.25, 0.5, 1.0, 3.0] if self.weights == "entries" else [0.0, 0.5, 1.0, 3.0]
            weights = rng.choice(some, WEIGHTS[self.weights](shape)).astype(dtype)
            weights[0] = 2.0
        return y, (z if self.takes_logits else p).astype(dtype), weights


def modes_of(loss):
    return ["binary", "multilabel"] if loss == "lovasz_hinge" else ["binary", "multilabel", "multiclass"]


def labels_of(loss, mode):
    if mode == "multiclass":
        return ["one_hot", "indices", "column"]
    return ["hard"] if loss in LOVASZ else ["hard", "soft"]


def numpy_cases(loss, mode):
    """First every shape, kind of label, weight and activation, then every option, some of them together."""
    kinds = labels_of(loss, mode)
    logits = [{}] if loss == "lovasz_hinge" else [{"from_logits": False}, {"from_logits": True}]
    for labels in kinds:
        yield Case(loss, mode, labels, (3, 4), "none", logits[-1])
    for pixels, of_logits in itertools.product(PIXELS, logits):
        yield Case(loss, mode, kinds[-1], pixels, "none", of_logits)
    for weights, over in itertools.product(WEIGHTS, (True, False)):
        yield Case(loss, mode, kinds[-1], (3, 4), weights, logits[-1] | {"per_sample": over})
    each = logits[-1] | {"per_sample": True}
    variants = [
        {"ignore_class": -1},
        {"ignore_class": 255, "per_sample": False},
        {"classes": "present"},
        {"classes": "all", "per_sample": False},
    ]
    if mode != "binary":
        variants += [
            {"class_weight": [0.5, 2.0, 0.0]},
            {"class_weight": [0.0, 0.0, 1.0], "classes": "present"},
            {"classes": [2, 0]},
            {"include_background": False},
            {"include_background": False, "class_weight": [9.0, 2.0, 1.0], "ignore_class": -1},
        ]
    if mode == "multiclass":
        variants += [{"ignore_class": 1, "classes": "present"}]
        yield Case(loss, mode, "one_hot", (3, 4), "none", each | {"ignore_class": 1, "classes": "present"})
    if loss in REGIONS:
        variants += [{"smooth": 0.0}, {"smooth": 1.0}, {"smooth": 0.5, "log_loss": True}]
        variants += [{"intersection": "minimum"}, {"intersection": "minimum", "smooth": 1.0, "per_sample": False}]
        if mode != "multiclass":
            yield Case(loss, mode, "soft", (3, 4), "pixels", each | {"intersection": "minimum"})
    if loss in SQUARABLE:
        variants += [{"squared": True}, {"squared": True, "smooth": 1.0, "log_loss": True}]
    if loss == "generalized_dice":
        variants += [{"weight": "simple", "smooth": 1.0}, {"weight": "uniform"}]
    if loss in ("tversky", "focal_tversky"):
        variants += [{"alpha": 0.2, "beta": 0.9, "smooth": 1.0}, {"alpha": 2.0, "beta": 0.0}]
    if loss == "focal_tversky":
        variants += [{"gamma": 2.0}, {"gamma": 0.5, "log_loss": True, "smooth": 1.0}]
    for variant, weights in zip(variants, itertools.cycle(["none", "pixels"])):
        yield Case(loss, mode, kinds[0] if mode != "multiclass" else "indices", (3, 4), weights, each | variant)


def is_last_mode(loss, mode):
    return mode == modes_of(loss)[-1]


@pytest.mark.parametrize(
    "loss, mode, dtype, every",
    by_default(
        lambda loss, mode, dtype, every: every == 4,
        [(loss, modes_of(loss)[-1], PRECISE, 4) for loss in LOSSES]
        + [
            (loss, mode, dtype, 1 if dtype == PRECISE else 3)
            for loss in LOSSES
            for mode in modes_of(loss)
            for dtype in TOLERANCE
        ],
    ),
)
def test_numpy(loss, mode, dtype, every):
    for case in list(numpy_cases(loss, mode))[::every]:
        y_true, y_pred, weights = case.data(dtype)
        try:
            compare(loss, y_true, y_pred, weights, dtype, mode=mode, **case.options)
        except AssertionError as error:
            raise AssertionError(f"{case} in {dtype}: {error}") from error


def tolerance_of(dtype):
    return TOLERANCE[dtype] * (5 if dtype == "float32" else 1)  # 1 - score cancels


def compare(loss, y_true, y_pred, weights, dtype, **options):
    """Values of the samples, their mean, and the gradient of the mean, against the oracle."""
    as64 = [x if x is None or x.dtype.kind != "f" else x.astype("float64") for x in (y_true, y_pred, weights)]
    expected = getattr(oracle_overlap, loss)(*as64, **options)
    build = functools.partial(keras_lossbox.get, loss, dtype=dtype, **options)
    values = build(reduction="none")(y_true, y_pred, weights)
    assert keras.backend.standardize_dtype(values.dtype) == dtype
    assert_close(ops.convert_to_numpy(values), expected.values, tolerance_of(dtype))
    mean_of = build()
    mean, gradient = value_and_gradient(lambda x: mean_of(y_true, x, weights), y_pred)
    assert_close(mean, expected.mean, tolerance_of(dtype))
    assert_close(gradient, expected.gradient, tolerance_of(dtype))


# ---------------------------------------------------------------- 2. oracle: docs/segmentation.md

PAGE = (pathlib.Path(__file__).parents[2] / "docs" / "segmentation.md").read_text()
OF_PYTORCH = ["MONAI", "segmentation_models.pytorch", "the authors' code"]
PREDICTIONS = ["z", "zs", "maps", "p", "q"]


def rows(heading):
    """The two code cells of each row of the table whose first heading this is."""
    table = PAGE[PAGE.index(f"\n| {heading} | here |") :].split("\n\n")[0]
    return re.findall(r"^\| `(.*?)` \| `(.*?)` \|", table, re.MULTILINE)


def page_data():
    """What the cells see, and the directions in which gradients are compared."""
    rng = np.random.default_rng(3)
    n, height, width, c = 2, 3, 4, CLASSES
    z, zs, maps = (rng.normal(0, 1.5, (n, height, width, size)) for size in (1, c, c))
    ids = rng.integers(c, size=(n, height, width))
    found = {
        "y": 1.0 * (rng.random(z.shape) < 0.4),
        "z": z,
        "p": special.expit(z),
        "tags": 1.0 * (rng.random(zs.shape) < 0.4),
        "zs": zs,
        "onehot": np.eye(c)[ids],
        "maps": maps,
        "q": special.softmax(maps, -1),
        "mask": 1.0 * (rng.random(ids.shape) < 0.6),
        "c": np.array([0.5, 3.0, 1.25]),
        "ids": ids,
        "few": ids % 2,
        "void": np.where(rng.random(ids.shape) < 0.3, 255, ids),
    }
    found["soft"] = np.random.default_rng(4).random(zs.shape)
    return found, {name: rng.normal(size=found[name].shape) for name in PREDICTIONS}


def prediction_of(cell):
    return re.search(rf"[(\s]({'|'.join(PREDICTIONS)})[,)]", cell)[1]


# The value of each cell, and its slope along a direction. Recipe: `record`, run with PyTorch 2.13.0 on a CPU in float64
# (Lovász in float32).
# fmt: off
RECORDED = {
    'monai.DiceLoss(sigmoid=True)(zs, tags)': (0.609534623270904, -0.02569436905154241),
    'monai.DiceLoss(softmax=True, to_onehot_y=True)(maps, ids)': (0.6875711473853069, -0.0290953364637441),
    'monai.DiceLoss(softmax=True, to_onehot_y=True)(maps, few)': (0.7188660884167467, -0.055122537436379244),
    'monai.DiceLoss(softmax=True, to_onehot_y=True, squared_pred=True)(maps, ids)': (
        0.6034978458902128, -0.038020685156613776,
    ),
    'monai.DiceLoss(softmax=True, to_onehot_y=True, batch=True)(maps, ids)': (
        0.6779105292357408, -0.050953708840634104,
    ),
    'monai.DiceLoss(softmax=True, to_onehot_y=True, include_background=False)(maps, ids)': (
        0.7070633091596836, -0.02588025277792954,
    ),
    'monai.DiceLoss(softmax=True, to_onehot_y=True, weight=c)(maps, ids)': (1.0523082948741276, -0.05011045121843957),
    'monai.DiceLoss(softmax=True, to_onehot_y=True, ignore_index=255)(maps, void)': (
        0.6780728455920921, -0.04256655018779281,
    ),
    'monai.MaskedDiceLoss(softmax=True)(maps, onehot, mask)': (0.6907465042541792, -0.07902640661873254),
    'monai.DiceLoss(softmax=True, to_onehot_y=True, jaccard=True, smooth_nr=1.0, smooth_dr=1.0)(maps, ids)': (
        0.7518813452329934, -0.025586088194698632,
    ),
    'monai.TverskyLoss(softmax=True, to_onehot_y=True, alpha=0.3, beta=0.7)(maps, ids)': (
        0.6882414706094914, -0.0251683897657465,
    ),
    'monai.GeneralizedDiceLoss(softmax=True, to_onehot_y=True, smooth_nr=0.0, smooth_dr=0.0)(maps, few)': (
        0.666722669056296, -0.05364961197335965,
    ),
    'monai.DiceCELoss(softmax=True, to_onehot_y=True)(maps, ids)': (2.3106493934560017, -0.1933888553739917),
    'smp.FocalLoss("binary")(z, y)': (0.5768516213043076, 0.16610746727651154),
    'smp.SoftBCEWithLogitsLoss(smooth_factor=0.1)(z, y)': (0.9680362344911199, 0.14079658487889773),
    'monai.DiceLoss(soft_label=True)(q, soft)': (0.45944293651928536, 0.04340364927796366),
    'monai.SoftclDiceLoss(sigmoid=True, smooth=1e-12, smooth_nr=0.0, smooth_dr=0.0)(z, y)': (
        0.6854560322076353, 0.18018145557908033,
    ),
    'smp.DiceLoss("multilabel", from_logits=False)(q, soft)': (0.4598569492799866, 0.04190877998796165),
    'smp.DiceLoss("binary")(z, y)': (0.7111849870354399, 0.09916698876861872),
    'smp.DiceLoss("multilabel")(zs, tags)': (0.6038892879975809, -0.028011643602637894),
    'smp.DiceLoss("multiclass")(maps, ids)': (0.677910967499067, -0.05095374796981965),
    'smp.DiceLoss("multiclass")(maps, few)': (0.3854630576058817, -0.05477390878550279),
    'smp.DiceLoss("multiclass", smooth=1.0)(maps, ids)': (0.6004407480223232, -0.04423106241356896),
    'smp.DiceLoss("multiclass", log_loss=True)(maps, ids)': (1.1655427237574452, -0.16785431542461243),
    'smp.DiceLoss("multiclass", ignore_index=255)(maps, void)': (0.6743917091546567, -0.05300054296858546),
    'smp.DiceLoss("multiclass", class_weights=c)(maps, ids)': (0.6581568372816187, -0.04303429233023723),
    'smp.DiceLoss("multiclass", classes=[1, 2])(maps, ids)': (0.6965146540074891, -0.04189679250376253),
    'smp.JaccardLoss("multiclass", smooth=1.0)(maps, ids)': (0.7486816512732295, -0.034780959401548746),
    'smp.TverskyLoss("multiclass", alpha=0.3, beta=0.7)(maps, ids)': (0.6776542454536454, -0.051397001802902756),
    'smp.TverskyLoss("binary", alpha=0.3, beta=0.7, gamma=0.75)(z, y)': (0.7311471501836527, 0.10170886223111517),
    'smp.TverskyLoss("multiclass", alpha=0.3, beta=0.7, gamma=0.75)(maps, ids)': (
        0.7468891020154398, -0.042486113804051165,
    ),
    'lovasz_softmax(q, ids)': (0.7417182326316833, 0.030139412844918334),
    'lovasz_softmax(q, few, per_image=True)': (0.6832107901573181, 0.31975485754182775),
    'lovasz_softmax(q, few, classes="all")': (0.7565005421638489, 0.5134336716231741),
    'lovasz_softmax(q, void, ignore=255)': (0.7383325099945068, 0.08369952145640004),
    'lovasz_hinge(z, y)': (2.635962724685669, 0.4310026618722662),
    'lovasz_hinge(z, y, per_image=False)': (2.6665189266204834, 0.3868864506909032),
    'smp.LovaszLoss("multiclass")(maps, ids)': (0.7417182326316833, -0.04230155889007346),
    'smp.LovaszLoss("multilabel", per_image=True)(zs, tags)': (1.9929929971694946, -0.04346416415919107),
    'focal_tversky(y, p)': (0.6603436636939896, -0.12415715711380972),
    'unified_focal(y, p)': (0.6584642590098744, 2.426888873035742),
}
# fmt: on


def record():
    """MONAI's, segmentation_models.pytorch's and the authors' numbers, by cell."""
    import torch
    from monai import losses as monai
    from segmentation_models_pytorch import losses as smp
    from segmentation_models_pytorch.losses import lovasz

    found, directions = page_data()
    channels_first = {
        name: torch.moveaxis(torch.tensor(x), -1, 1) if x.ndim == 4 else torch.tensor(x) for name, x in found.items()
    }
    numbers = {}
    for cell in (theirs for heading in OF_PYTORCH for theirs, _ in rows(heading)):
        names = dict(channels_first)
        if "monai" in cell:  # labels and masks keep an axis of one channel
            names |= {name: names[name][:, None] for name in ("ids", "few", "void", "mask")}
        if "ovasz" in cell:  # the authors' code knows float32 only
            names = {name: x.float() if x.is_floating_point() else x for name, x in names.items()}
        x = names[prediction_of(cell)].clone().requires_grad_()
        names |= {"monai": monai, "smp": smp, prediction_of(cell): x}
        names |= {"focal_tversky": focal_tversky, "unified_focal": unified_focal}
        names |= {"lovasz_softmax": lovasz._lovasz_softmax, "lovasz_hinge": lovasz._lovasz_hinge}
        value = eval(cell, names)
        value.backward()
        slope = (torch.moveaxis(x.grad, 1, -1) * torch.tensor(directions[prediction_of(cell)])).sum()
        numbers[cell] = value.item(), slope.item()
    return numbers


def focal_tversky(y, p):
    """The formula of github.com/nabsabraham/focal-tversky-unet: the whole batch is one region."""
    found, missed, wrong = (y * p).sum(), (y * (1 - p)).sum(), ((1 - y) * p).sum()
    return (1 - (found + 1) / (found + 0.7 * missed + 0.3 * wrong + 1)) ** 0.75


def unified_focal(y, p, weight=0.5, delta=0.6, gamma=0.5):
    """The symmetric formula of https://arxiv.org/abs/2102.04525, of the foreground; the whole batch is one region."""
    at_label = y * p + (1 - y) * (1 - p)
    focal = (delta * (1 - at_label) ** (1 - gamma) * -at_label.log()).mean()
    found, missed, wrong = (y * p).sum(), (y * (1 - p)).sum(), ((1 - y) * p).sum()
    tversky = (1 - found / (found + delta * missed + (1 - delta) * wrong)) ** gamma
    return weight * focal + (1 - weight) * tversky


def value_and_slope(cell):
    """Of a right-hand cell, with losses that compute in the greatest precision there is."""
    found, directions = page_data()
    names = {cls.__name__: functools.partial(cls, dtype=PRECISE) for cls in keras_lossbox.available().values()}
    names |= {name: x.astype(PRECISE) if x.dtype.kind == "f" else x for name, x in found.items()}
    names |= {"np": np}
    name = prediction_of(cell)
    value, gradient = value_and_gradient(lambda x: ops.sum(eval(cell, names | {name: x})), names[name])
    return value, np.sum(gradient * directions[name])


@pytest.mark.parametrize("theirs, ours", [row for heading in OF_PYTORCH for row in rows(heading)])
def test_pytorch(theirs, ours):
    single = re.search("GeneralizedDice|squared_pred|ovasz", theirs)  # parts of these are float32
    precision = 2e-6 if single else 1e-12
    np.testing.assert_allclose(value_and_slope(ours), RECORDED[theirs], rtol=max(precision, 5 * TOLERANCE[PRECISE]))


def test_recorded_numbers_are_those_of_pytorch():
    pytest.importorskip("monai")
    pytest.importorskip("segmentation_models_pytorch")
    again = record()
    assert set(again) == set(RECORDED)
    for cell, expected in again.items():
        np.testing.assert_allclose(RECORDED[cell], expected, rtol=1e-12)


@pytest.mark.parametrize("theirs, ours", rows("Keras"))
def test_keras(theirs, ours):
    ours = as_keras_has_it(theirs, ours)
    found, _ = page_data()
    names = {name: x.astype(PRECISE) for name, x in found.items()} | {"keras": keras}
    theirs = re.sub(r"(keras\.losses\.\w+\()", rf'\1dtype="{PRECISE}", ', theirs).replace(", )", ")")
    theirs = re.sub(r'(dtype="\w+"), ([\d., ]+)\)', r"\2, \1)", theirs)  # positional arguments first
    names["y"], names["onehot"] = (ops.convert_to_tensor(names[name]) for name in ("y", "onehot"))
    name = prediction_of(theirs)
    of_cell = lambda cell, more: lambda x: ops.sum(eval(cell, names | more | {name: x}))  # noqa: E731
    box = {cls: functools.partial(getattr(keras_lossbox, cls), dtype=PRECISE) for cls in ("Dice", "Tversky")}
    expected, actual = (
        value_and_gradient(of_cell(cell, more), names[name]) for cell, more in ((theirs, {}), (ours, box))
    )
    for one, other in zip(actual, expected, strict=True):  # Keras adds 1e-7 to the denominator
        np.testing.assert_allclose(one, other, rtol=2e-7, atol=1e-7)


def test_the_page_is_complete():
    text = {heading: " ".join(ours for _, ours in rows(heading)) for heading in [*OF_PYTORCH, "Keras"]}
    assert [len(rows(heading)) for heading in text] == [15, 16, 10, 5]
    for loss in set(LOSSES) - {"mcc"}:  # whose number is scikit-learn's
        assert keras_lossbox.available()[loss].__name__ + "(" in " ".join(text.values())
    assert "`MCC`" in PAGE


@pytest.mark.parametrize("loss", REGIONS)
@pytest.mark.parametrize("mode", ["binary", "multilabel", "multiclass"])
def test_a_minimum_is_the_product_of_hard_labels(loss, mode, rng):
    y, p = 1.0 * (rng.random((2, 5, 6, CLASSES)) < 0.5), special.softmax(rng.normal(size=(2, 5, 6, CLASSES)), -1)
    y = np.eye(CLASSES)[rng.integers(CLASSES, size=(2, 5, 6))] if mode == "multiclass" else y
    product, minimum = (build(loss, mode=mode, intersection=how) for how in ("product", "minimum"))
    both(product, minimum, y, p)


def test_the_minimum_is_least_where_the_prediction_is_the_soft_label(rng):
    """Where the product's least is at 0 and 1."""
    y = rng.uniform(0.1, 0.9, (2, 12)).astype(PRECISE)
    loss, of_product = build("dice", mode="binary", intersection="minimum"), build("dice", mode="binary")
    value, gradient = value_and_gradient(lambda p: loss(y, p), y)
    assert abs(value) < 1e-6
    np.testing.assert_allclose(gradient, 0, atol=1e-6)
    assert np.max(np.abs(value_and_gradient(lambda p: of_product(y, p), y)[1])) > 1e-2
    for squarable in SQUARABLE:
        with pytest.raises(ValueError, match="`intersection=.minimum.` is not for squares.*Received: .*squared=True"):
            build(squarable, intersection="minimum", squared=True)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_list_of_classes_is_a_weight_of_0_for_the_others(loss, rng):
    y, p = 1.0 * (rng.random((2, 5, 6, CLASSES)) < 0.5), rng.random((2, 5, 6, CLASSES))
    y[..., 0] = 0  # a class in the list may lack
    chosen = build(loss, mode="multilabel", classes=[2, 0])
    assert chosen.get_config()["classes"] == [2, 0]
    both(chosen, build(loss, mode="multilabel", classes="all", class_weight=[1.0, 0.0, 1.0]), y, p)
    for wrong in ([], [1, 1], [-1], [0.5], [True], "few"):
        with pytest.raises(ValueError, match="`classes` must be one of .* list of different class indices"):
            build(loss, mode="multilabel", classes=wrong)
    with pytest.raises(ValueError, match="`classes` needs mode="):
        build(loss, mode="binary", classes=[0])
    with pytest.raises(ValueError, match="class indices below 3.*Received: classes=.1, 3."):
        build(loss, mode="multilabel", classes=[1, CLASSES])(y, p)


# ---------------------------------------------------------------- CenterlineDice: SciPy's filters


def skeleton(x, iterations):
    """The paper's algorithm with `scipy.ndimage`: erosions look at the pixels beside, dilations at all around."""
    beside = ndimage.generate_binary_structure(x.ndim, 1)
    found = np.zeros_like(x)
    for _ in range(iterations + 1):
        eroded = ndimage.minimum_filter(x, footprint=beside, mode="nearest")
        rest = np.maximum(x - ndimage.maximum_filter(eroded, size=3, mode="nearest"), 0)
        found += np.maximum(rest - found * rest, 0)
        x = eroded
    return found


def centerline_dice(y, p, iterations, smooth, over_batch, weights=1.0):
    """The mean of the losses of the regions, for labels and predictions `(n, regions, ...)`."""
    kept = np.broadcast_to(weights, y.shape)
    y, p = y * (kept > 0), p * (kept > 0)
    skeletons = [np.stack([[skeleton(region, iterations) for region in of] for of in x]) for x in (p, y)]
    axes = tuple(range(2, y.ndim)) + ((0,) if over_batch else ())
    precision, recall = (
        oracle_overlap.divided(np.sum(kept * of * other, axes) + smooth, np.sum(kept * of, axes) + smooth)
        for of, other in zip(skeletons, (y, p), strict=True)
    )
    return np.mean(1 - 2 * precision * recall / (precision + recall))


def slope_of(formula, p, direction, step=1e-7):
    return (formula(p + step * direction) - formula(p - step * direction)) / (2 * step)


THIN = [((9,), "binary"), ((7, 8), "binary"), ((7, 8), "multilabel"), ((5, 6, 4), "multilabel"), ((5, 6, 4), "binary")]


@pytest.mark.parametrize("pixels, mode", THIN)
@pytest.mark.parametrize("over_batch", [False, True])
@pytest.mark.parametrize("iterations, smooth", [(1, 0.0), (3, 0.0), (2, 1.0)])
def test_centerlines_are_those_of_scipy(pixels, mode, over_batch, iterations, smooth, rng):
    regions = 1 if mode == "binary" else 2
    y = 1.0 * (ndimage.gaussian_filter(rng.normal(size=(3, regions, *pixels)), 1, axes=range(2, 2 + len(pixels))) > 0)
    p = np.clip(0.7 * y + 0.3 * rng.random(y.shape), 0, 1)
    here = [(x[:, 0] if mode == "binary" else np.moveaxis(x, 1, -1)).astype(PRECISE) for x in (y, p)]
    loss = build("centerline_dice", mode=mode, iterations=iterations, smooth=smooth, per_sample=not over_batch)
    weights = rng.integers(0, 3, here[0].shape[: 1 + len(pixels)])  # of pixels; 0: not there
    for w in (None, weights.astype(PRECISE)):
        formula = functools.partial(
            centerline_dice, y, iterations=iterations, smooth=smooth, over_batch=over_batch,
            weights=1.0 if w is None else weights[:, None],
        )  # fmt: skip
        value, gradient = value_and_gradient(lambda x, w=w: loss(here[0], x, w), here[1])
        np.testing.assert_allclose(value, formula(p), rtol=20 * TOLERANCE[PRECISE])
        direction = rng.normal(size=y.shape)
        along = direction[:, 0] if mode == "binary" else np.moveaxis(direction, 1, -1)
        slope = slope_of(formula, p, direction)
        np.testing.assert_allclose(np.sum(gradient * along), slope, rtol=1e-5, atol=1e-5)


def test_a_gap_costs_more_than_a_thick_wall():
    vessel, thick, gap = np.zeros((3, 1, 9, 20))
    vessel[:, 3:6], thick[:, 2:7], gap[:, 3:6] = 1, 1, 1
    gap[:, :, 9:11] = 0
    cost = {name: float(build("centerline_dice")(vessel, p)) for name, p in {"thick": thick, "gap": gap}.items()}
    assert cost["thick"] < 1e-6 < 0.02 < cost["gap"]
    of_dice = {name: float(build("dice")(vessel, p)) for name, p in {"thick": thick, "gap": gap}.items()}
    assert of_dice["thick"] > 3 * of_dice["gap"]  # which looks at areas


def test_pixels_without_neighbours_have_the_loss_of_dice(rng):
    y, p = 1.0 * (rng.random((5, CLASSES)) < 0.5), rng.random((5, CLASSES))
    options = {"mode": "multilabel", "per_sample": False}
    both(build("centerline_dice", **options), build("dice", **options), y.astype(PRECISE), p.astype(PRECISE))


@pytest.mark.parametrize("mode", ["binary", "multilabel"])
def test_centerlines_of_what_is_empty(mode):
    nothing, something = np.zeros((1, 6, 6, 1), PRECISE), np.zeros((1, 6, 6, 1), PRECISE)
    something[:, 2:4] = 1
    loss = build("centerline_dice", mode=mode)
    for y, p, expected in [
        (nothing, nothing, 0),
        (something, something, 0),
        (nothing, something, 1),
        (something, nothing, 1),
    ]:
        value, gradient = value_and_gradient(lambda x, y=y: loss(y, x), p)
        assert value == expected
        assert np.all(np.isfinite(gradient))


# ---------------------------------------------------------------- 3. oracles: Keras, and other definitions of Lovász


@pytest.mark.parametrize("axis", [None, (1, 2), (1, 2, 3), (0, 1, 2), (0, 1, 2, 3), (-3, -2), [1, -1, 2]])
@pytest.mark.parametrize("loss, swapped", [("dice", False), ("tversky", True)])
def test_keras_with_axis(loss, swapped, axis):
    rng = np.random.default_rng(4)
    y, p = (rng.random((3, 4, 2, 3)) < 0.4).astype(PRECISE), rng.random((3, 4, 2, 3)).astype(PRECISE)
    formula = getattr(keras.losses, loss)
    options = {"alpha": 0.8, "beta": 0.3} if swapped else {}
    exchanged = {"alpha": 0.3, "beta": 0.8} if swapped else {}
    theirs = lambda x: ops.mean(formula(ops.convert_to_tensor(y), x, axis=axis, **exchanged))  # noqa: E731
    mode = {"axis": axis} if axis is not None else {"per_sample": False}
    ours = keras_lossbox.get(loss, smooth=0.0, dtype=PRECISE, **options, **mode)
    for one, other in zip(
        value_and_gradient(lambda x: ours(y, x), p), value_and_gradient(theirs, ops.convert_to_tensor(p)), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)


def small_lovasz(loss, dtype=PRECISE):
    """A few pixels of one region: labels, predictions, errors as the paper has them, the loss as a function."""
    rng = np.random.default_rng(5)
    for pixels, weighted in itertools.product((2, 3, 5), (False, True)):
        y, z = 1.0 * (rng.random((1, pixels)) < 0.5), rng.normal(size=(1, pixels))
        w = rng.integers(1, 4, (1, pixels)).astype(dtype) if weighted else None
        u = z if loss == "lovasz_hinge" else special.expit(z)
        errors = np.maximum(1 - u * (2 * y - 1), 0) if loss == "lovasz_hinge" else np.abs(y - u)
        build = keras_lossbox.get(loss, mode="binary", classes="all", dtype=dtype)
        value = float(build(y.astype(dtype), u.astype(dtype), w))
        yield (
            value,
            errors[0],
            functools.partial(
                oracle_overlap.jaccard_of_mistakes, y[0], np.ones(pixels) if w is None else w[0].astype("float64")
            ),
        )


@pytest.mark.parametrize("loss", LOVASZ)
def test_lovasz_is_an_integral_over_thresholds(loss):
    """∫ J({pixels with an error above t}) dt, which knows of no order of the errors."""
    for value, errors, jaccard in small_lovasz(loss):
        steps = np.unique([0, *errors])
        expected = sum((b - a) * jaccard(errors > (a + b) / 2) for a, b in itertools.pairwise(steps))
        np.testing.assert_allclose(value, expected, rtol=10 * TOLERANCE[PRECISE])


@pytest.mark.parametrize("loss", LOVASZ)
def test_lovasz_is_the_largest_of_all_orders(loss):
    """As J is submodular, its extension is the support function of its base polytope: the maximum over orders."""
    for value, errors, jaccard in small_lovasz(loss):
        sums = []
        for order in itertools.permutations(range(len(errors))):
            now = [jaccard(np.isin(np.arange(len(errors)), order[:i])) for i in range(len(errors) + 1)]
            sums.append(sum(errors[i] * (b - a) for i, (a, b) in zip(order, itertools.pairwise(now), strict=True)))
        np.testing.assert_allclose(value, max(sums), rtol=10 * TOLERANCE[PRECISE])


@pytest.mark.parametrize("loss", LOVASZ)
def test_lovasz_of_a_large_image_in_float32(loss):
    """The gradient of (512, 512) pixels, with the steps of J in float64."""
    rng = np.random.default_rng(0)
    y = 1.0 * (rng.random(512 * 512) < 0.1)
    z = np.float32(3 * y - 2 + rng.normal(size=y.shape))
    u = z if loss == "lovasz_hinge" else special.expit(z)
    errors = np.maximum(1 - u * (2 * y - 1), 0) if loss == "lovasz_hinge" else np.abs(y - u)
    order = np.argsort(-errors, kind="stable")
    found = y.sum() - np.cumsum(y[order])
    steps = np.diff(1 - found / (y.sum() + np.cumsum(1 - y[order])), prepend=0)
    expected = np.zeros(y.shape)
    expected[order] = steps * (errors[order] > 0)
    fn = keras_lossbox.get(loss, mode="binary", classes="all")
    value, gradient = value_and_gradient(lambda x: fn(np.float32(y[None]), x), u[None])
    np.testing.assert_allclose(value, np.sum(errors[order] * steps), rtol=1e-5)
    error = gradient[0] * np.where(y == 1, -1, 1) - expected
    assert np.linalg.norm(error) < 2e-5 * np.linalg.norm(expected)


# ---------------------------------------------------------------- between losses


def both(one, other, y_true, y_pred, sample_weight=None, tolerance=10):
    """Two losses that give the same value and gradient."""
    results = [value_and_gradient(lambda x, fn=fn: fn(y_true, x, sample_weight), y_pred) for fn in (one, other)]
    for a, b in zip(*results, strict=True):
        assert_close(a, b, tolerance * TOLERANCE[PRECISE])


def masks(shape=(2, 3, 4, CLASSES), seed=6):
    rng = np.random.default_rng(seed)
    return (rng.random(shape) < 0.4).astype(PRECISE), rng.random(shape).astype(PRECISE)


def build(loss, **options):
    """A loss that has a value for each sample, if not said otherwise."""
    return keras_lossbox.get(loss, dtype=PRECISE, **{"per_sample": True} | options)


def test_tversky_contains_dice_and_jaccard():
    y, p = masks()
    for options in ({}, {"mode": "multilabel"}, {"mode": "multilabel", "log_loss": True}, {"per_sample": False}):
        both(build("tversky", smooth=0.5, **options), build("dice", smooth=1.0, **options), y, p)
        ones = build("tversky", alpha=1.0, beta=1.0, smooth=0.5, **options)
        both(ones, build("jaccard", smooth=0.5, **options), y, p)
        both(build("focal_tversky", alpha=0.5, beta=0.5, gamma=1.0, **options), build("tversky", **options), y, p)
    both(build("tversky"), build("dice", smooth=0.0), y, p)  # the defaults
    both(build("focal_tversky"), build("focal_tversky", alpha=0.3, beta=0.7, gamma=0.75, smooth=0.0), y, p)


def test_axis_is_another_way_to_say_mode_and_per_sample():
    onehot, p = some("dice", "multiclass")
    for loss in ("dice", "tversky"):
        for mode in ("multilabel", "multiclass"):
            both(build(loss, axis=(1, 2)), build(loss, mode=mode), onehot, p)
            both(build(loss, axis=(0, 1, 2)), build(loss, mode=mode, per_sample=False), onehot, p)
        both(build(loss, axis=(1, 2, 3)), build(loss), onehot, p)
        both(build(loss, axis=(0, 1, 2, 3)), build(loss, per_sample=False), onehot, p)


def test_jaccard_is_a_function_of_dice():
    y, p = masks()
    for options in ({}, {"squared": True}, {"per_sample": False}):
        d = ops.convert_to_numpy(build("dice", smooth=0.0, reduction="none", **options)(y, p))
        j = ops.convert_to_numpy(build("jaccard", smooth=0.0, reduction="none", **options)(y, p))
        assert_close(j, 2 * d / (1 + d), 10 * TOLERANCE[PRECISE])


def test_generalized_dice_of_one_region_is_dice():
    y, p = masks()
    for options in ({"smooth": 0.0}, {"smooth": 0.0, "squared": True, "log_loss": True, "per_sample": False}):
        both(build("generalized_dice", **options), build("dice", **options), y, p)


@pytest.mark.parametrize("mode", ["binary", "multilabel", "multiclass"])
def test_lovasz_at_hard_predictions_is_their_jaccard_loss(mode):
    rng = np.random.default_rng(8)
    y, p = masks()
    if mode == "multiclass":
        y, p = (np.eye(CLASSES, dtype=PRECISE)[rng.integers(CLASSES, size=(2, 3, 4))] for _ in range(2))
    w = rng.integers(0, 3, y.shape[:-1]).astype(PRECISE)
    for over, weights in itertools.product((True, False), (None, w)):
        lovasz = build("lovasz_softmax", mode=mode, classes="all", per_sample=over)(y, np.round(p), weights)
        jaccard = build("jaccard", mode=mode, smooth=0.0, per_sample=over)(y, np.round(p), weights)
        assert_close(lovasz, jaccard, 10 * TOLERANCE[PRECISE])
        if mode != "multiclass":  # an error of the hinge is 2 there: twice the loss
            hinge = build("lovasz_hinge", mode=mode, per_sample=over)(y, 2 * np.round(p) - 1, weights)
            assert_close(hinge, 2 * jaccard, 10 * TOLERANCE[PRECISE])


def overlap_cases(*only):
    return [(loss, mode) for loss in only or LOSSES for mode in modes_of(loss)]


def some(loss, mode, seed=9, shape=(2, 3, 4)):
    """One-hot labels and predictions of that mode."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(*shape, CLASSES))
    if mode == "multiclass":
        y, p = np.eye(CLASSES)[rng.integers(CLASSES, size=shape)], special.softmax(z, -1)
    else:
        y, p = 1.0 * (rng.random(z.shape) < 0.4), special.expit(z)
    return y.astype(PRECISE), (z if loss == "lovasz_hinge" else p).astype(PRECISE)


@pytest.mark.parametrize("loss, mode", by_default(is_last_mode, overlap_cases()))
def test_logits_and_probabilities_agree(loss, mode):
    if loss == "lovasz_hinge":
        pytest.skip("takes logits only")
    y, p = some(loss, mode)
    for options in ({}, {"per_sample": False}):
        of_p, of_logits = build(loss, mode=mode, **options), build(loss, mode=mode, from_logits=True, **options)
        z = np.log(p) if mode == "multiclass" else special.logit(p)
        slopes = value_and_gradient(lambda x, fn=of_p: fn(y, x), p)[1]
        value, gradient = value_and_gradient(lambda x, fn=of_logits: fn(y, x), z)
        chain = p * (slopes - (p * slopes).sum(-1, keepdims=True)) if mode == "multiclass" else p * (1 - p) * slopes
        assert_close(value, of_p(y, p), 10 * TOLERANCE[PRECISE])
        assert_close(gradient, chain, 100 * TOLERANCE[PRECISE])


@pytest.mark.parametrize("mode", ["binary", "multilabel"])
def test_mcc_at_hard_predictions_is_that_of_scikit_learn(mode):
    y, p = masks()
    w = np.random.default_rng(2).integers(0, 3, y.shape[:-1]).astype(PRECISE)
    columns = [...] if mode == "binary" else [(..., c) for c in range(y.shape[-1])]
    often = np.broadcast_to(w[..., None], y.shape)
    correlations = [
        sklearn_metrics.matthews_corrcoef(y[c].ravel(), np.round(p)[c].ravel(), sample_weight=often[c].ravel())
        for c in columns
    ]
    loss = build("mcc", mode=mode, per_sample=False)
    value = float(loss(y, np.round(p), w))
    np.testing.assert_allclose(value, 1 - np.mean(correlations), rtol=10 * TOLERANCE[PRECISE])
    assert_close(loss(1 - y, 1 - np.round(p), w), value, 10 * TOLERANCE[PRECISE])  # region and background exchanged
    assert_close(loss(y, 1 - np.round(p), w), 2 - value, 10 * TOLERANCE[PRECISE])


# ---------------------------------------------------------------- weights


@pytest.mark.parametrize("loss, mode", by_default(is_last_mode, overlap_cases()))
def test_a_weight_says_how_often_a_pixel_is_there(loss, mode):
    y, x = some(loss, mode, shape=(2, 6))
    often = np.array([[1, 2, 0, 3, 1, 1], [2, 1, 3, 0, 1, 1]])  # as many of each sample
    y_again, x_again = (np.stack([np.repeat(a[i], often[i], 0) for i in range(2)]) for a in (y, x))
    for options in ({}, {"per_sample": False}):
        fn = build(loss, mode=mode, **options)
        weights = often if mode != "binary" else often[..., None] * np.ones(CLASSES)
        value, gradient = value_and_gradient(lambda u, fn=fn, w=weights: fn(y, u, w.astype(PRECISE)), x)
        again, pieces = value_and_gradient(lambda u, fn=fn: fn(y_again, u), x_again)
        assert_close(value, again, 10 * TOLERANCE[PRECISE])
        for i in range(2):
            copy_of = np.repeat(np.arange(6), often[i])
            together = np.stack([pieces[i][copy_of == k].sum(0) for k in range(6)])
            if loss in LOVASZ:  # of equal pixels the order, and with it the share of each, is arbitrary
                assert_close(gradient[i].sum(), together.sum(), 100 * TOLERANCE[PRECISE])
            assert_close(gradient[i], together, 100 * TOLERANCE[PRECISE])


@pytest.mark.parametrize("loss, mode", by_default(is_last_mode, overlap_cases()))
@pytest.mark.parametrize("how", ["weights", "ignore_class"])
def test_a_pixel_of_weight_zero_is_not_there(loss, mode, how):
    y, x = some(loss, mode, shape=(2, 6))
    keep = np.array([0, 1, 3, 4])
    y_nan, x_nan = y.copy(), x.copy()
    y_nan[:, [2, 5]], x_nan[:, [2, 5]] = np.nan, np.nan
    weights, options = None, {}
    if how == "weights":
        weights = np.ones((2, 6, 1), PRECISE)
        weights[:, [2, 5]] = 0
    elif mode == "multiclass":
        y_nan = np.argmax(np.nan_to_num(y_nan), -1)
        y_nan[:, [2, 5]], options = -1, {"ignore_class": -1}
    else:
        y_nan[:, [2, 5]], options = 7.0, {"ignore_class": 7}
    for over in (True, False):
        fn = build(loss, mode=mode, per_sample=over, reduction="sum", **options)
        plain = build(loss, mode=mode, per_sample=over, reduction="sum")
        value, gradient = value_and_gradient(lambda u, fn=fn: fn(y_nan, u, weights), x_nan)
        less, slopes = value_and_gradient(lambda u, fn=plain: fn(y[:, keep], u), x[:, keep])
        assert_close(value, less, 10 * TOLERANCE[PRECISE])
        assert_close(gradient[:, keep], slopes, 10 * TOLERANCE[PRECISE])
        assert not np.any(gradient[:, [2, 5]])


def test_a_class_of_weight_zero_leaves_the_softmax_of_the_pixel():
    y, z = some("lovasz_hinge", "multiclass")
    for loss in ("dice", "lovasz_softmax"):
        fn = build(loss, mode="multiclass", from_logits=True)
        zero, nearly = np.ones(z.shape, PRECISE), np.ones(z.shape, PRECISE)
        zero[0, 1, 2, 1], nearly[0, 1, 2, 1] = 0, 1e-12
        assert_close(fn(y, z, zero), fn(y, z, nearly), 100 * TOLERANCE[PRECISE])


@pytest.mark.parametrize("loss, mode", by_default(is_last_mode, overlap_cases()))
def test_a_sample_whose_pixels_are_all_ignored(loss, mode):
    y, x = some(loss, mode)
    labels = np.argmax(y, -1) if mode == "multiclass" else y.copy()
    labels[1], x_nan = 9, x.copy()
    x_nan[1] = np.nan
    zero = np.ones(y.shape[:-1], PRECISE)
    zero[1] = 0
    plain = build(loss, mode=mode, reduction="none")
    alone, slopes = value_and_gradient(lambda u: ops.sum(plain(y[:1], u)), x[:1])
    for over, (y_true, weights, options) in itertools.product(
        (True, False), ((labels, None, {"ignore_class": 9}), (y, zero, {}))
    ):
        fn = build(loss, mode=mode, per_sample=over, reduction="none", **options)
        assert_close(fn(y_true, x_nan, weights), [float(alone), 0.0], 10 * TOLERANCE[PRECISE])
        for reduction in ("sum_over_batch_size", "sum"):  # the mean is that of the other sample
            fn = build(loss, mode=mode, per_sample=over, reduction=reduction, **options)
            value, gradient = value_and_gradient(lambda u, fn=fn, y=y_true, w=weights: fn(y, u, w), x_nan)
            assert_close(value, alone, 10 * TOLERANCE[PRECISE])
            assert_close(gradient[0], slopes[0], 10 * TOLERANCE[PRECISE])
            assert not np.any(gradient[1])


@pytest.mark.parametrize("loss, mode", by_default(is_last_mode, overlap_cases()))
def test_weights_of_samples(loss, mode):
    y, x = some(loss, mode)
    each = ops.convert_to_numpy(build(loss, mode=mode, reduction="none")(y, x))
    w = np.array([0.5, 3.0], PRECISE)
    for weights in (w, w[:, None], w[:, None, None, None]):
        assert_close(build(loss, mode=mode)(y, x, weights), np.mean(w * each), 10 * TOLERANCE[PRECISE])
        over_batch = build(loss, mode=mode, per_sample=False)  # inside: all pixels of a sample
        of_pixels = w[:, None, None] * np.ones(y.shape[:-1], PRECISE)
        assert_close(over_batch(y, x, weights), over_batch(y, x, of_pixels), 10 * TOLERANCE[PRECISE])
    same = build(loss, mode=mode, per_sample=False, **({"smooth": 0.0} if loss in REGIONS else {}))
    assert_close(same(y, x, np.full(2, 3, PRECISE)), same(y, x), 10 * TOLERANCE[PRECISE])
    assert_close(same(y, x, 3.0), 3 * float(same(y, x)), 10 * TOLERANCE[PRECISE])  # one number multiplies the loss


@pytest.mark.skipif(BACKEND != "tensorflow", reason="unknown sizes")
@pytest.mark.parametrize("of", ["samples", "pixels"])
def test_weights_whose_sizes_only_the_run_knows(of):
    """Of one number for each sample they multiply values, as where that is known."""
    import tensorflow as tf

    y, p = np.array([[0, 1, 1], [1, 0, 0]], "float32"), np.array([[0.2, 0.3, 0.9], [0.1, 0.5, 0.4]], "float32")
    w = np.array([[2.0], [0.0]] if of == "samples" else [[2.0, 0.0, 1.0], [0.0, 5.0, 1.0]], "float32")
    for reduction in ("mean", "mean_with_sample_weight", "none"):
        loss = keras_lossbox.Dice(per_sample=True, reduction=reduction)
        traced = tf.function(loss, input_signature=[tf.TensorSpec([None, None])] * 3, autograph=False)
        np.testing.assert_allclose(traced(y, p, w), loss(y, p, w), rtol=1e-6)


# ---------------------------------------------------------------- absent classes


def absent(loss, mode="multilabel", predicted=0.25, **options):
    """The loss of four pixels of two classes; the labels lack the second, which is predicted so."""
    y = np.array([[[1, 0], [1, 0], [0, 0], [0, 0]]], PRECISE)
    p = np.array([[[1, predicted], [1, predicted], [0, predicted], [0, predicted]]], PRECISE)
    p = 1e3 * (2 * p - 1) if loss == "lovasz_hinge" else p
    return float(build(loss, mode=mode, **options)(y, p))


@pytest.mark.parametrize("loss", LOSSES)
def test_absent_class(loss):
    close = functools.partial(np.testing.assert_allclose, atol=1e-4)
    close(absent(loss, predicted=0.0, classes="all"), 0.5 if loss == "mcc" else 0.0)  # neither has it
    close(absent(loss, classes="present"), 0.0)  # left out
    if loss in ("dice", "jaccard", "tversky", "focal_tversky"):
        close(absent(loss, classes="all"), 0.5)  # the mean of 0 and nearly 1 ...
        close(absent(loss, predicted=0.5, classes="all"), 0.5)  # ... whatever the prediction is
        assert absent(loss, predicted=0.5, smooth=1.0) > absent(loss, predicted=0.25, smooth=1.0) + 0.02
        np.testing.assert_allclose(absent("dice", smooth=1.0), 0.5 * (1 - 1 / (1 + 1)))
    if loss == "lovasz_softmax":
        close(absent(loss, classes="all"), 0.25 / 2)
    if loss == "generalized_dice":  # the weight of the smallest: of 4 + 1 pixels 4 are right
        close(absent(loss), 1 - 4 / 5)


@pytest.mark.parametrize("loss, mode", by_default(is_last_mode, overlap_cases()))
def test_no_class_left(loss, mode):
    if mode == "binary":
        y, p = np.zeros((2, 4), PRECISE), np.full((2, 4), 0.5, PRECISE)
        assert float(build(loss, mode=mode, classes="present")(y, p)) == 0
        return
    y, p = some(loss, mode)
    if loss != "generalized_dice" and mode == "multilabel":
        assert float(build(loss, mode=mode, classes="present")(0 * y, p)) == 0
    assert float(build(loss, mode=mode, class_weight=[0.0, 0.0, 0.0])(y, p)) == 0
    assert float(build(loss, mode=mode, class_weight=[1.0, 0.0, 0.0], include_background=False)(y, p)) == 0


def test_generalized_dice_knows_no_background():
    """As in MONAI: of 1, 10 and 0 pixels, the 1 of the background does not make the 10 frequent."""
    y = np.array([[0] + [1] * 10])
    p = np.tile(np.array([0.2, 0.5, 0.3], PRECISE), (1, 11, 1))
    loss = build("generalized_dice", mode="multiclass", include_background=False, smooth=0.0)
    np.testing.assert_allclose(float(loss(y, p)), 1 - 2 * 5 / (5.5 + 10 + 3.3), rtol=1e-6)


def test_log_loss_leaves_a_score_of_zero():
    """The value is held at -log(1e-7); the gradient is that of a score there."""
    y, p = np.array([[1, 1, 0, 0]], PRECISE), np.array([[0, 0, 1, 1]], PRECISE)
    loss = build("dice", smooth=0.0, log_loss=True)
    value, gradient = value_and_gradient(lambda x: loss(y, x), p)
    np.testing.assert_allclose(value, -np.log(1e-7), rtol=1e-6)
    np.testing.assert_allclose(gradient[0, :2], -2 / 4 / 1e-7, rtol=1e-5)


def test_focal_tversky_at_zero_has_a_gradient_of_zero():
    y = np.array([[1, 1, 0, 0]], PRECISE)
    loss = build("focal_tversky", gamma=0.5, smooth=0.0)
    value, gradient = value_and_gradient(lambda x: loss(y, x), y)
    assert value == 0
    assert not np.any(gradient)


# ---------------------------------------------------------------- properties


BOUNDED = [loss for loss in LOSSES if loss not in ("lovasz_hinge", "mcc")]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(overlap_cases(*BOUNDED)), st.booleans(), st.sampled_from([0.0, 1.0]))
def test_between_0_and_1_and_0_where_all_is_right(seed, case, per_sample, smooth):
    loss, mode = case
    rng = np.random.default_rng(seed)
    y, p = some(loss, mode, seed, tuple(rng.integers(1, 4, rng.integers(1, 4))))
    y = y if mode == "multiclass" else y * (rng.random(CLASSES) < 0.7)
    p = np.where(rng.random(p.shape) < 0.3, np.round(p), p)
    options = {"mode": mode, "per_sample": per_sample} | ({"smooth": smooth} if loss in REGIONS else {})
    if loss in SQUARABLE:
        options["squared"] = bool(rng.integers(2))
    weights = rng.integers(0, 3, y.shape[: rng.integers(1, y.ndim + 1)]).astype(PRECISE)
    values = build(loss, reduction="none", **options)
    of_samples = all(size == 1 for size in weights.shape[1:])  # these multiply the values, which may then exceed 1
    for w in (None, weights > 0 if of_samples else weights):
        each = ops.convert_to_numpy(values(y, p, w))
        assert each.shape == y.shape[:1]
        assert np.all((each >= -1e-6) & (each <= 1 + 1e-6))
        np.testing.assert_allclose(ops.convert_to_numpy(values(y, y, w)), 0, atol=1e-6)


def test_hinge_and_logarithm_are_0_where_all_is_right():
    y, _ = masks()
    assert abs(float(build("lovasz_hinge")(y, 2 * y - 1))) == 0
    assert float(build("lovasz_hinge")(y, 1.5 * (1 - 2 * y))) > 1
    for loss in REGIONS:
        assert abs(float(build(loss, log_loss=True)(y, y))) < 1e-6
        assert float(build(loss, log_loss=True)(y, 1 - y)) > 1


@pytest.mark.skipif(PRECISE != "float64" or BACKEND != "tensorflow", reason="needs float64")
@pytest.mark.parametrize("loss, mode", by_default(is_last_mode, overlap_cases()))
def test_gradient_is_that_of_the_value(loss, mode):
    y, x = some(loss, mode)
    rng = np.random.default_rng(1)
    w = rng.random(y.shape[:-1])
    for options in ({}, {"per_sample": False, "classes": "present"}):
        fn = build(loss, mode=mode, **options)
        gradient = value_and_gradient(lambda u, fn=fn: fn(y, u, w), x)[1]
        for _ in range(6):
            step = 1e-6 * rng.normal(size=x.shape)
            slope = (float(fn(y, x + step, w)) - float(fn(y, x - step, w))) / 2
            assert abs(slope - np.sum(gradient * step)) < 1e-14, options


@pytest.mark.one_in(4, long=2)
@pytest.mark.parametrize(
    "loss, mode, dtype, over, smooth",
    by_default(
        lambda loss, mode, dtype, over, smooth: dtype == "float16" and over and not smooth and is_last_mode(loss, mode),
        [
            (*case, *more)
            for case in overlap_cases()
            for more in itertools.product(["float16", "float32"], [True, False], [0.0, 1e-3])
            if case[0] in REGIONS or not more[-1]  # the Lovász losses have no such option
        ],
    ),
)
def test_finite_for_empty_and_full_masks(loss, mode, dtype, over, smooth):
    shape = (2, 40, 40, 2)  # 3200 pixels with two classes: more than float16 counts exactly
    hard = np.zeros(shape, dtype)
    hard[..., 0] = 1
    masks_of = [hard] if mode == "multiclass" else [np.zeros(shape, dtype), np.ones(shape, dtype)]
    predictions = [*masks_of, 1 - masks_of[0], np.full(shape, 0.5, dtype)]
    for of_logits, log_loss in itertools.product((False, True), (False, True)):
        if (loss not in REGIONS and log_loss) or (loss == "lovasz_hinge" and not of_logits):
            continue
        options = {"log_loss": log_loss} if loss in REGIONS else {}
        options |= {} if loss == "lovasz_hinge" else {"from_logits": of_logits}
        options |= {"gamma": 0.5} if loss == "focal_tversky" else {}
        options |= {"smooth": smooth} if loss in REGIONS else {}
        fn = keras_lossbox.get(loss, mode=mode, per_sample=over, **options)
        for y, p in itertools.product(masks_of, predictions):
            x = ((p - 0.5) * 2e4).astype(dtype) if of_logits else p
            value, gradient = value_and_gradient(lambda u, fn=fn, y=y: fn(y, u), x)
            assert np.isfinite(value), (options, y.mean(), p.mean())
            assert np.all(np.isfinite(gradient)), (options, y.mean(), p.mean())
            if loss != "lovasz_hinge":
                assert value <= (16.2 if log_loss else 1 + 1e-4)
            if np.array_equal(y, p):
                assert abs(value - (loss == "mcc")) < 1e-3  # a correlation of what is all alike is 0


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("loss", ["dice", "generalized_dice", "jaccard"])
def test_default_smoothing_is_finite_for_empty_masks(loss, dtype):
    y = np.zeros((1, 8), dtype)
    fn = keras_lossbox.get(loss)
    value, gradient = value_and_gradient(lambda u: fn(y, u), y)
    assert value == 0
    assert np.all(np.isfinite(gradient))


def test_float16_is_summed_in_float32():
    y, p = np.ones((1, 300, 300), "float16"), np.full((1, 300, 300), 0.5, "float16")  # 90000 > 65504
    for loss, expected in (("dice", 1 / 3), ("jaccard", 1 / 2), ("lovasz_softmax", 1 / 2)):
        np.testing.assert_allclose(float(keras_lossbox.get(loss, mode="binary")(y, p)), expected, rtol=1e-5)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="tf.function")
@pytest.mark.parametrize(
    "loss, mode",
    by_default(lambda *case: case in {("dice", "multiclass"), ("lovasz_hinge", "binary")}, overlap_cases()),
)
def test_xla_with_unknown_sizes(loss, mode):
    import tensorflow as tf

    y, x = (a.astype("float32") for a in some(loss, mode))
    y_more, x_more = (a.astype("float32") for a in some(loss, mode, shape=(3, 2, 5)))
    size = CLASSES if mode != "binary" else None
    labels = ([None] * 3, "int32") if mode == "multiclass" else ([None, None, None, size], "float32")
    fn = keras_lossbox.get(loss, mode=mode, per_sample=mode != "multilabel", ignore_class=-1)

    def run(y, x, w):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = fn(y, x, w)
        return value, tape.gradient(value, x)

    signature = [labels, ([None, None, None, size], "float32"), ([None] * 3, "float32")]
    compiled = tf.function(run, jit_compile=True, input_signature=[tf.TensorSpec(*spec) for spec in signature])
    for y_true, y_pred in ((y, x), (y_more, x_more)):
        y_true = np.argmax(y_true, -1).astype("int32") if mode == "multiclass" else y_true.copy()
        y_true[0, 0], w = -1, np.ones(y_true.shape[:3], "float32")
        w[-1, 0] = 0
        for one, other in zip(compiled(y_true, y_pred, w), run(y_true, tf.constant(y_pred), w), strict=True):
            assert_close(one, other, 1e-5)


@pytest.mark.parametrize(
    "loss, overshoot",
    by_default(
        lambda loss, overshoot: (loss, overshoot) in {("dice", 1e-5), ("lovasz_hinge", 5e-4)},
        itertools.product(LOSSES, [1e-7, 1e-5, 5e-4]),
    ),
)
def test_a_mask_that_misses_0_and_1_by_rounding_is_a_mask(loss, overshoot, rng):
    """As `tf.image.resize` leaves it: value and gradient are near those of the exact mask, in every mode."""
    y = (rng.random((2, 6, 1)) < 0.5).astype("float32")
    z = rng.normal(size=y.shape).astype("float32")
    options = {"from_logits": True} if loss != "lovasz_hinge" else {}
    built = keras_lossbox.get(loss, mode="binary", **options)
    expected = value_and_gradient(lambda x: built(y, x), z)
    off = y + overshoot * np.sign(y - 0.5)
    for mode in MODES:
        found = value_and_gradient(lambda x: built(off.astype("float32"), x), z, mode=mode)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=5 * overshoot + 1e-6)


@pytest.mark.parametrize("bad", [255.0, -1.0])
def test_a_mask_that_is_none_is_an_error_or_nan(bad, rng):
    y = (rng.random((3, 6, 1)) < 0.5).astype("float32")
    z = rng.normal(size=y.shape).astype("float32")
    loss = keras_lossbox.Dice(from_logits=True)
    y[1, 2] = bad
    message = "Dice: `y_true` must hold masks of 0 and 1"
    with pytest.raises(ValueError, match=f"{message}.*{bad:g}"):
        loss(y, z)
    for mode in MODES[1:]:
        check_refused(lambda x: loss(y + 0 * x, x), z, mode)


# ---------------------------------------------------------------- MONAI's test of convergence


def segmented(loss, mode, steps=40):
    """The share of pixels that a small network gets right before and after so many steps of Adam on one image."""
    distance = np.hypot(*np.mgrid[-5:6, -5:6])
    labels = (distance < 4.5) * 1 + (distance < 2)  # a disc in a disc
    labels = np.eye(CLASSES)[labels] if mode == "multilabel" else labels if mode == "multiclass" else labels[..., None]
    labels = np.minimum(labels, 1) if mode == "binary" else labels
    regions = 1 if mode == "binary" else CLASSES
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(200, "relu"), keras.layers.Dense(121 * regions)]
    model = keras.Sequential([keras.Input((121,)), *layers, keras.layers.Reshape((11, 11, regions))])
    model.compile(keras.optimizers.Adam(0.01), loss=loss)
    x = np.random.default_rng(0).random((1, 121)).astype("float32")

    def right():
        z = ops.convert_to_numpy(model(x))[0]
        return np.mean((z.argmax(-1) if mode == "multiclass" else z > 0) == labels)

    before = right()
    model.fit(x, labels[None], epochs=steps, verbose=0)
    return before, right()


@pytest.mark.matrix
@pytest.mark.one_in(30, long=3)
@pytest.mark.parametrize("loss, mode", overlap_cases())
def test_forty_steps_segment_an_image(loss, mode):
    """As MONAI's test_seg_loss_integration.py asks of its losses."""
    options = {} if loss == "lovasz_hinge" else {"from_logits": True}
    before, after = segmented(keras_lossbox.get(loss, mode=mode, **options), mode)
    assert before < 0.6
    assert after == 1


@pytest.mark.matrix
def test_centerlines_alone_do_not_segment():
    """The loss does not see how wide a region is. With `Dice` it segments, but for a pixel or two (0.87 and 0.98)."""
    alone = keras_lossbox.CenterlineDice(from_logits=True)
    assert segmented(alone, "binary")[1] < 0.92
    assert segmented(keras_lossbox.Dice(from_logits=True) + alone, "binary")[1] > 0.96
