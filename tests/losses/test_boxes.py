"""The losses of boxes: golden values, boxes without area, formats, and identities between losses."""

import itertools

import golden
import numpy as np
import oracle_boxes
import pytest
from backends import MODES, check_refused, value_and_gradient
from cases import by_default
from golden import PRECISE, TOLERANCE, assert_close, grid
from identities import assert_same, evaluate
from keras import ops
from kinds import box_of

import keras_lossbox as box
from keras_lossbox.losses.boxes import ABSOLUTE, FORMATS

numpy = ops.convert_to_numpy
LOSSES = ("iou", "giou", "diou", "ciou")
SHAPES = [(9, 4), (3, 5, 4), (2, 3, 2, 4)]
EPS = [0.0, 1e-7, 0.5]

# ---------------------------------------------------------------- 1. oracle: loops in numpy

NUMPY_CASES = [
    *grid("iou", SHAPES, "boxes", form=["linear", "squared", "log"], eps=EPS),
    *grid("giou", SHAPES, "boxes", eps=EPS),
    *grid("diou", SHAPES, "boxes", eps=EPS),
    *grid("ciou", SHAPES, "boxes", eps=EPS),
    *grid("iou", SHAPES[:1], "boxes", bounding_box_format=["yxyx", "rel_center_xywh"]),
    *grid("giou", SHAPES[:1], "boxes", bounding_box_format=["center_yxhw", "rel_xyxy"]),
    *grid("diou", SHAPES[:1], "boxes", bounding_box_format=["rel_yxyx", "rel_xywh"], image_shape=[(3.0, 2.0)]),
    *grid("ciou", SHAPES[:1], "boxes", bounding_box_format=ABSOLUTE[1:] + FORMATS[-1:], image_shape=[(3.0, 2.0)]),
    *grid("distribution_focal", [(7, 2), (6, 5), (3, 4, 17)], "places beyond"),
    *grid("distribution_focal", [(6, 5)], "places", clip=[False]),
]

NUMPY = golden.by_kind(NUMPY_CASES)


@pytest.mark.parametrize("group, dtype, size", golden.of_numpy(NUMPY))
def test_numpy(group, dtype, size):
    golden.check_numpy(oracle_boxes, NUMPY[group], dtype, size)


def test_every_oracle_is_asked():
    golden.check_every_oracle_is_asked(oracle_boxes, NUMPY_CASES)


SQUARE, POINT, FLAT = (0.0, 0.0, 2.0, 2.0), (1.0, 1.0, 1.0, 1.0), (0.0, 1.0, 2.0, 1.0)
PAIRS = {
    "equal": (SQUARE, SQUARE),
    "points that are equal": (POINT, POINT),
    "points": (POINT, (2.0, 3.0, 2.0, 3.0)),
    "flat boxes that are equal": (FLAT, FLAT),
    "of height 0, within": (SQUARE, FLAT),
    "of height 0, beside": (SQUARE, (3.0, 1.0, 4.0, 1.0)),
    "of height 0, the label": (FLAT, SQUARE),
    "of height 0 and of width 0": (FLAT, (1.0, 0.0, 1.0, 2.0)),
    "a point, within": (SQUARE, POINT),
    "a point, beside": (SQUARE, (5.0, 3.0, 5.0, 3.0)),
    "what is masked": ((0.0, 0.0, 0.0, 0.0), (1.0, 1.0, 1.0, 1.0)),
    "touching": (SQUARE, (2.0, 0.0, 4.0, 2.0)),
    "touching at a corner": (SQUARE, (2.0, 2.0, 3.0, 4.0)),
    "one side in common": (SQUARE, (0.0, 0.5, 1.0, 1.5)),
    "within": (SQUARE, (0.5, 0.5, 1.5, 1.0)),
    "far apart": (SQUARE, (1e4, -1e4, 1.5e4, -0.5e4)),
    "inverted": (SQUARE, (1.5, 0.5, 0.5, 1.5)),
    "inverted, beside": (SQUARE, (5.0, 3.0, 4.0, 7.0)),
    "both inverted": ((2.0, 2.0, 0.0, 0.0), (3.0, 1.0, 1.0, 0.0)),
    "a thousandth of the image": ((0.5, 0.5, 0.501, 0.501), (0.5005, 0.5, 0.5015, 0.501)),
}


def check_pairs(loss, options, mode, dtype):
    """All of them in one batch, of an unknown size in a graph, with rows of NaN that have weight 0."""
    y_true, y_pred = (np.array(x, dtype) for x in zip(*PAIRS.values(), strict=True))
    expected = getattr(oracle_boxes, loss)(*golden.float64(y_true, y_pred), **options)
    bad, weights = np.full((2, 4), np.nan, dtype), np.append(np.ones(len(PAIRS)), [0.0, 0.0])
    y_true, y_pred = (np.concatenate([x, bad]) for x in (y_true, y_pred))
    values = numpy(box.get(loss, reduction="none", dtype=dtype, **options)(y_true, y_pred, weights))
    summed = box.get(loss, reduction="sum", dtype=dtype, **options)
    gradient = value_and_gradient(
        lambda x: summed(y_true, x, weights), y_pred, mode=mode, unknown_batch=mode == "graph"
    )[1]
    assert not gradient[-2:].any()
    for name, value, slope, *wanted in zip(
        PAIRS, values, gradient, expected.values, len(PAIRS) * expected.gradient, strict=False
    ):
        with golden.naming(f"{loss} {options} of boxes {name}"):
            assert_close(value, wanted[0], 2 * TOLERANCE[dtype])
            assert_close(slope, wanted[1], 4 * TOLERANCE[dtype])
    return dict(zip(PAIRS, zip(values, gradient, strict=True), strict=False))


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_edges(dtype):
    """The oracle's values and gradients, which are all finite; and no gradient where boxes are equal."""
    for loss, options in (("iou", {}), ("iou", {"form": "log"}), ("giou", {}), ("diou", {}), ("ciou", {})):
        found = check_pairs(loss, options, "eager", dtype)
        for name in ("equal", "points that are equal", "flat boxes that are equal"):
            assert not found[name][1].any()
            if not options:
                assert found[name][0] == (name != "equal")


@pytest.mark.parametrize(
    "mode, loss", by_default(lambda mode, loss: loss == "ciou", itertools.product(MODES[1:], LOSSES))
)
def test_edges_compiled(mode, loss):
    check_pairs(loss, {}, mode, "float32")


@pytest.mark.parametrize("loss", LOSSES)
def test_half_precision(loss):
    """float16 boxes are computed in float32: their areas would not fit."""
    y_true, y_pred = np.array([[0, 0, 300, 400]], "float16"), np.array([[100, 0, 400, 500]], "float16")
    expected = getattr(oracle_boxes, loss)(*golden.float64(y_true, y_pred))
    value = box.get(loss, dtype="float16")(ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred))
    np.testing.assert_allclose(numpy(value), expected.mean, rtol=1e-3)


@pytest.mark.parametrize("form", ["xywh", "center_xywh", "center_yxhw"])
@pytest.mark.parametrize("loss", LOSSES)
def test_small_boxes_far_from_the_origin(loss, form):
    """In float32 a corner at 30 000 is known to 0.002 only; centres, sizes and their differences are known better."""
    y_true, y_pred = np.array([[30000.0, 40000.0, 0.7, 0.3]]), np.array([[30000.25, 40000.0, 0.6, 0.4]])
    expected = getattr(oracle_boxes, loss)(y_true - [30000, 40000, 0, 0], y_pred - [30000, 40000, 0, 0], form)
    value = box.get(loss, bounding_box_format=form)(y_true.astype("float32"), y_pred.astype("float32"))
    np.testing.assert_allclose(numpy(value), expected.mean, rtol=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
def test_tiny_relative_boxes(loss):
    """A box of 1e-25 has no area that float32 knows; shapes are compared all the same, without NaN."""
    sizes = np.array([1e-6, 1e-12, 1e-18, 1e-25])
    y_pred = np.stack([0.5 + 0 * sizes, 0.5 + 0 * sizes, sizes, 2 * sizes], -1).astype("float32")
    y_true, of_loss = np.array([[0.5, 0.5, 0.25, 0.25]] * 4), box.get(loss, bounding_box_format="center_xywh")
    value, gradient = value_and_gradient(lambda x: of_loss(y_true, x), y_pred)
    assert np.isfinite(value)
    assert np.all(np.isfinite(gradient))


# ---------------------------------------------------------------- 2. oracles: TensorFlow Addons, torchvision, KerasCV

# tensorflow_addons/losses/giou_loss_test.py of v0.23.0, y x y x; the first two values are those of its docstring.
OF_ADDONS = (
    [[4.0, 3.0, 7.0, 5.0], [5.0, 6.0, 10.0, 7.0]],
    [[3.0, 4.0, 6.0, 8.0], [14.0, 14.0, 15.0, 15.0]],
    [1.07500000298023224, 1.9333333373069763],
    [0.875, 1.0],
)


def test_documented_by_addons():
    y_true, y_pred, giou, iou = OF_ADDONS
    for loss, expected in ((box.GIoU("yxyx", reduction="none"), giou), (box.IoU("yxyx", reduction="none"), iou)):
        assert_close(numpy(loss(y_true, y_pred)), expected, 1e-6)


# torchvision's generalized_box_iou_loss, distance_box_iou_loss and complete_box_iou_loss, KerasCV's IoULoss and mmdet's
# distribution_focal_loss, written anew from their formulas. The recipe is in golden.py: with PyTorch 2.13.0 on a
# CPU, in float64.


def torch_formulas():
    import torch

    def parts(x, y):
        low, high = torch.maximum(x[..., :2], y[..., :2]), torch.minimum(x[..., 2:], y[..., 2:])
        both = (high - low).clamp(min=0).prod(-1)
        union = sum((b[..., 2:] - b[..., :2]).prod(-1) for b in (x, y)) - both
        hull = torch.maximum(x[..., 2:], y[..., 2:]) - torch.minimum(x[..., :2], y[..., :2])
        return both, union, hull

    def generalized_box_iou_loss(x, y, eps):
        both, union, hull = parts(x, y)
        area = hull.prod(-1)
        return 1 - (both / (union + eps) - (area - union) / (area + eps))

    def distance_box_iou_loss(x, y, eps):
        both, union, hull = parts(x, y)
        centres = [(b[..., :2] + b[..., 2:]) / 2 for b in (x, y)]
        distance = ((centres[0] - centres[1]) ** 2).sum(-1)
        return 1 - both / (union + eps) + distance / ((hull**2).sum(-1) + eps)

    def complete_box_iou_loss(x, y, eps):
        both, union, _ = parts(x, y)
        (w, h), (w_y, h_y) = ((b[..., 2:] - b[..., :2]).unbind(-1) for b in (x, y))
        v = 4 / torch.pi**2 * (torch.atan(w_y / h_y) - torch.atan(w / h)) ** 2
        alpha = (v / (1 - both / (union + eps) + v + eps)).detach()
        return distance_box_iou_loss(x, y, eps) + alpha * v

    def iou_loss_of_keras_cv(x, y, mode):
        both, union, _ = parts(x, y)
        iou = both / union
        return {"linear": 1 - iou, "quadratic": 1 - iou**2, "log": -torch.log(iou)}[mode]

    def distribution_focal_loss(z, y):
        left = y.long()
        cost = torch.nn.functional.cross_entropy
        of_left, of_right = (cost(z, k, reduction="none") for k in (left, left + 1))
        return of_left * (left + 1 - y) + of_right * (y - left)

    names = (generalized_box_iou_loss, distance_box_iou_loss, complete_box_iou_loss, iou_loss_of_keras_cv)
    return {f.__name__: f for f in (*names, distribution_focal_loss)}


INPUTS = {
    "x": np.array([[0.5, 0.25, 3.0, 2.5], [4.0, 1.0, 6.0, 2.0], [1.0, 1.0, 2.0, 1.5], [-1.0, 0.5, 4.5, 6.0]]),
    "y": np.array([[0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 3.0, 4.0], [0.5, 0.0, 4.0, 3.0], [0.0, 1.0, 3.0, 2.5]]),
    "z": np.array([[1.5, -0.5, 0.25, 0.0], [-2.0, 0.75, 3.0, 1.0], [0.125, -0.25, 0.0, 2.0], [4.0, -1.0, 0.5, 0.25]]),
    "t": np.array([0.75, 1.0, 2.99, 0.25]),
}
# fmt: off
PYTORCH_FORMULAS = [
    (
        "generalized_box_iou_loss", "x, y", (1e-07,),
        "giou",
        {"eps": 1e-07},
        [0.6916666711349206, 1.4166666649305555, 0.9523809528344671, 0.8512396699132573],
        [[0.28988094868594105, 0.29404761573922905, 0.13164682210109604, 0.1739285674242631],
         [0.04166666649305555, 0.0833333329861111, 0.05555555561342592, -0.0833333329861111],
         [0.047619047165532884, 0.09523809433106577, -0.047619047165532884, -0.09523809433106577],
         [-0.027047332653631434, -0.027047332653631434, 0.027047332653631434, 0.027047332653631434]],
    ),
    (
        "generalized_box_iou_loss", "x, y", (0.5,),
        "giou",
        {"eps": 0.5},
        [0.7125, 1.4081632653061225, 0.9545454545454546, 0.8536585365853658],
        [[0.2725, 0.2783333333333333, 0.11671874999999998, 0.15572916666666664], [0.04081632653061224,
         0.08163265306122448, 0.05581007913369428, -0.08163265306122448], [0.045454545454545456,
         0.09090909090909091, -0.045454545454545456, -0.09090909090909091], [-0.02617489589530042,
         -0.02617489589530042, 0.02617489589530042, 0.02617489589530042]],
    ),
    (
        "distance_box_iou_loss", "x, y", (1e-07,),
        "diou",
        {"eps": 1e-07},
        [0.6711065624318538, 1.2403846149223372, 0.9817927174019412, 0.8894628103459463],
        [[0.2723946104545218, 0.18530444795685275, 0.151575753756442, 0.1434018275154257],
         [0.06730769217825444, -0.00961538459689349, 0.011834319610548483, -0.00961538459689349],
         [0.012324929684564029, 0.08347338850407615, -0.08291316464650175, -0.1070028001580554],
         [-0.015965439370137405, 0.004695717620505309, 0.024229902166394493, 0.04489105915703721]],
    ),
    (
        "complete_box_iou_loss", "x, y", (1e-07,),
        "ciou",
        {"eps": 1e-07},
        [0.671108568039144, 1.2473668358668435, 0.9823984355036819, 0.891433647883346],
        [[0.2723794380661076, 0.18532130616620188, 0.1515909261448562, 0.14338496930607658],
         [0.061283961388783885, 0.002432076982047617, 0.017858050400019036, -0.021662846175834596],
         [0.010346902393503183, 0.08742944308619785, -0.0809351373554409, -0.1109588547401771],
         [-0.01485173779973612, 0.0035820160501040233, 0.023116200595993206, 0.04600476072743849]],
    ),
    (
        "complete_box_iou_loss", "x, y", (0.5,),
        "ciou",
        {"eps": 0.5},
        [0.6946439480383327, 1.2428778133655727, 0.9836811272594909, 0.8928297123925905],
        [[0.25761079501149264, 0.17715202670680713, 0.13562049750551414, 0.12629468531133345],
         [0.06254062337215571, -0.001271722934787587, 0.01637094125369465, -0.017775896112831462],
         [0.009665418270905512, 0.08202757516142826, -0.07863093551228482, -0.1050160809085547],
         [-0.014527564187409385, 0.004538696879474508, 0.022724285498884795, 0.04464163098937795]],
    ),
    (
        "iou_loss_of_keras_cv", "x[::2], y[::2]", ("linear",),
        "iou",
        {},
        [0.625, 0.9523809523809523],
        [[0.22321428571428573, 0.16071428571428573, 0.12053571428571427, 0.13392857142857142],
         [0.047619047619047616, 0.09523809523809523, -0.047619047619047616, -0.09523809523809523]],
    ),
    (
        "iou_loss_of_keras_cv", "x[::2], y[::2]", ("quadratic",),
        "iou",
        {"form": "squared"},
        [0.859375, 0.9977324263038548],
        [[0.16741071428571425, 0.12053571428571426, 0.0904017857142857, 0.10044642857142856],
         [0.0045351473922902496, 0.009070294784580499, -0.0045351473922902496, -0.009070294784580499]],
    ),
    (
        "iou_loss_of_keras_cv", "x[::2], y[::2]", ("log",),
        "iou",
        {"form": "log"},
        [0.9808292530117262, 3.044522437723423],
        [[0.5952380952380951, 0.4285714285714285, 0.3214285714285714, 0.3571428571428571], [1.0, 2.0, -1.0,
         -2.0]],
    ),
    (
        "distribution_focal_loss", "z, t", (),
        "distribution_focal",
        {},
        [1.997722293017358, 2.4711194680771675, 0.35224149581899117, 1.3086962472519923],
        [[0.35791373335174725, -0.6677278227134146, 0.17417020068246208, 0.1356438886792052],
         [0.005401279181093335, -0.9155097780664276, 0.8016209064610395, 0.10848759242429498],
         [0.11000367597220055, 0.07560434712328952, 0.08707790331838669, -0.2726859264138768],
         [0.19299316242296538, -0.24364616205109405, 0.02847592609031096, 0.022177073537817626]],
    ),
]
# fmt: on


def test_pytorch_formulas():
    golden.check_torch_formulas(PYTORCH_FORMULAS, INPUTS)


def test_recipe_of_the_formulas():
    pytest.importorskip("torch", reason="the recipe needs PyTorch")
    golden.check_recipe_of_torch_formulas(torch_formulas(), PYTORCH_FORMULAS, INPUTS)


# ---------------------------------------------------------------- formats, errors


@pytest.mark.parametrize("loss", LOSSES)
def test_a_box_is_the_same_in_every_format(loss, rng):
    """Also in parts of an image of 3 x 2, which it makes a square."""
    centres, sizes = rng.normal(size=(2, 6, 2)), rng.uniform(0.5, 3, (2, 6, 2))
    image = {"image_shape": (3.0, 2.0)} if loss in ("diou", "ciou") else {}
    expected = None
    for form in FORMATS:
        parts = np.array([2.0, 3.0]) if form.startswith("rel_") else 1
        y_true, y_pred = (
            box_of(form.removeprefix("rel_"), c / parts, s / parts) for c, s in zip(centres, sizes, strict=True)
        )
        values = numpy(
            box.get(loss, bounding_box_format=form, reduction="none", dtype=PRECISE, **image)(y_true, y_pred)
        )
        expected = values if expected is None else expected
        assert_close(values, expected, 4 * TOLERANCE[PRECISE])


def test_errors():
    four, five = np.zeros((3, 4)), np.zeros((3, 5))
    for loss, y_true, y_pred, message in (
        (box.GIoU(), five, five, r"GIoU: `y_pred` must hold four numbers for each box.*\(3, 5\)"),
        (box.GIoU(), four[0], four[0], r"GIoU: `y_pred` must hold four numbers for each box.*\(4,\)"),
        (box.GIoU(), four[:, None], four, "GIoU: y_true and y_pred must have the same shape"),
        (box.IoU(), four[:1], four, "IoU: y_true and y_pred must have the same shape"),
        (
            box.DistributionFocal(),
            four[:, 0],
            four[:, :1],
            "DistributionFocal: `y_pred` must hold logits of at least two",
        ),
        (
            box.DistributionFocal(),
            four,
            four,
            "DistributionFocal: y_true and y_pred must have.*the places that a label",
        ),
        (
            box.DistributionFocal(clip=False),
            [0.0, 3.5, 1.0],
            four,
            "`y_true` must hold numbers from 0 to 3, the places",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            loss(y_true, y_pred)
    for cls in (box.DIoU, box.CIoU):
        with pytest.raises(ValueError, match=rf"{cls.__name__}: `image_shape` must be \(height, width\) where"):
            cls("rel_xyxy")
        for wrong in (480, (480,), (480, 0), (480, 640, 3), ("480", "640"), (480, True)):
            with pytest.raises(ValueError, match=rf"{cls.__name__}: `image_shape` must be \(height, width\), two"):
                cls("rel_xyxy", image_shape=wrong)
    assert box.DIoU("rel_xyxy", image_shape=np.array([480, 640])).get_config()["image_shape"] == [480.0, 640.0]


def test_places_outside():
    """They are the nearest place, or refused."""
    z = np.array([[0.5, -1.0, 2.0]] * 2, "float32")
    clipped, inside = (numpy(box.DistributionFocal(reduction="none")(y, z)) for y in ([-3.0, 9.0], [0.0, 2.0]))
    np.testing.assert_array_equal(clipped, inside)
    np.testing.assert_allclose(inside, np.log(np.exp(z).sum(-1)) - [0.5, 2.0], rtol=1e-6)
    for mode in MODES[1:2]:
        check_refused(lambda x: box.DistributionFocal(clip=False)(ops.stack([0.5, 9.0 + 0 * x[0, 0]]), x), z, mode)


# ---------------------------------------------------------------- what they are for


@pytest.mark.parametrize("loss, moves", [("iou", False), ("giou", True), ("diou", True), ("ciou", True)])
def test_boxes_that_do_not_touch(loss, moves):
    """All but IoU pull the prediction towards the label."""
    gradient = value_and_gradient(lambda x: box.get(loss)([SQUARE], x), np.array([[5.0, 0.5, 7.0, 1.5]]))[1]
    assert (gradient[0, 0] + gradient[0, 2] > 1e-3) == moves
    assert gradient.any() == moves


@pytest.mark.matrix
def test_a_box_finds_its_label():
    """One that does not touch it, by Adam's steps."""
    loss, y_true = box.CIoU(), np.array([[0.0, 0.0, 2.0, 1.0]], "float32")
    y_pred, mean, square = np.array([[3.0, 2.0, 4.0, 3.5]], "float32"), 0.0, 0.0
    for step in range(80):
        gradient = value_and_gradient(lambda x: loss(y_true, x), y_pred)[1]
        mean, square = 0.9 * mean + 0.1 * gradient, 0.99 * square + 0.01 * gradient**2
        y_pred = y_pred - 0.15 * 0.97**step * mean / (np.sqrt(square) + 1e-3)
    assert float(box.IoU()(y_true, y_pred)) < 0.05


def test_a_value_of_each_box_and_its_weight(rng):
    centre, size = rng.normal(size=(2, 3, 5, 2)), rng.uniform(0.5, 3, (2, 3, 5, 2))
    y_true, y_pred = (box_of("xyxy", c, s) for c, s in zip(centre, size, strict=True))
    values = numpy(box.GIoU(reduction="none", dtype=PRECISE)(y_true, y_pred))
    assert values.shape == (3, 5)
    weights = rng.choice([0.0, 1.0, 2.0], (3, 5))
    y_pred[weights == 0] = np.nan
    weighted = numpy(box.GIoU(reduction="sum_by_nonzero_weights", dtype=PRECISE)(y_true, y_pred, weights))
    assert_close(weighted, np.sum(values * weights) / np.count_nonzero(weights), 10 * TOLERANCE[PRECISE])


# ---------------------------------------------------------------- identities, both sides this package's


def pairs(rng):
    """Centres and sizes of 50 boxes, and of others."""
    centre, other = rng.normal(size=(2, 50, 2))
    size, its_size = rng.uniform(0.3, 3, (2, 50, 2))
    return centre, size, other, its_size


def corners(rng):
    centre, size, other, its_size = pairs(rng)
    return box_of("xyxy", centre, size), box_of("xyxy", other, its_size)


def test_within_a_hull_of_its_own_giou_is_iou(rng):
    centre, size, offset, its_size = pairs(rng)
    true, predicted = box_of("xyxy", centre, size + 3), box_of("xyxy", centre + np.tanh(offset), its_size / 6)
    assert_same(evaluate("giou", true, predicted), evaluate("iou", true, predicted))


def test_of_one_centre_diou_is_iou_and_of_one_shape_ciou_is_diou(rng):
    centre, size, other, its_size = pairs(rng)
    true, of_one_centre = box_of("xyxy", centre, size), box_of("xyxy", centre, its_size)
    assert_same(evaluate("diou", true, of_one_centre)[:1], evaluate("iou", true, of_one_centre)[:1])
    of_one_shape = box_of("xyxy", other, size * its_size[:, :1])
    assert_same(evaluate("ciou", true, of_one_shape), evaluate("diou", true, of_one_shape))


@pytest.mark.parametrize("loss", LOSSES)
def test_moved_and_in_another_unit_they_are_the_same(loss, rng):
    true, predicted = corners(rng)
    value, slope = evaluate(loss, 4 * true + 8, 4 * predicted + 8)
    assert_same((value, 4 * slope), evaluate(loss, true, predicted))


@pytest.mark.parametrize("loss", LOSSES)
def test_axes_may_change_places_and_so_may_the_boxes(loss, rng):
    true, predicted = corners(rng)
    value, slope = evaluate(loss, true, predicted)
    exchanged = [1, 0, 3, 2]
    assert_same(evaluate(loss, true[:, exchanged], predicted[:, exchanged]), (value, slope[:, exchanged]))
    assert_same(evaluate(loss, predicted, true)[:1], [value])


def test_forms_of_iou(rng):
    true, predicted = corners(rng)
    iou = 1 - evaluate("iou", true, predicted)[0]
    assert np.any(iou == 0)
    assert_same(evaluate("iou", true, predicted, form="squared")[:1], [1 - iou**2])
    assert_same([np.exp(-evaluate("iou", true, predicted, form="log")[0])], [np.maximum(iou, 1e-7)])


def test_a_whole_place_is_a_class(rng):
    labels, z = rng.integers(0, 5, 20), rng.normal(0, 3, (20, 5))
    expected = evaluate("sparse_categorical_crossentropy", labels, z, from_logits=True)
    assert_same(evaluate("distribution_focal", labels.astype("float64"), z), expected)
