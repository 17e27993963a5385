"""Golden values of the losses for rare classes and wrong labels; the oracles, none of which uses this package:

1. `oracles_imbalance.py`: the papers' formulas in numpy, gradients by a complex step (every loss, every option).
2. Keras's own focal losses, where they are right: moderate logits.
3. Numbers recorded from PyTorch: torchvision's focal formula, and the formulas of the authors' code.
4. `decimal` with 80 digits, for logits up to ±1e4.
"""

import functools
import itertools

import keras
import numpy as np
import oracles
import oracles_imbalance
import pytest
from backends import BACKEND, value_and_gradient
from keras import ops
from scipy import special
from test_golden import (
    BOTH,
    CLASSES,
    EACH,
    ELEMENTS,
    LAST,
    MEANS,
    PRECISE,
    TOLERANCE,
    assert_close,
    float64,
    grid,
)

import keras_lossbox

# ---------------------------------------------------------------- 1. oracle: formulas in numpy

SMOOTH = [0.0, 0.2]
VECTOR, ELEMENT, AXIS, ROWS = MEANS[:1], ELEMENTS[:1], CLASSES[1:2], LAST[:1]
FEW_CLASSES = AXIS + ROWS

NUMPY_CASES = [  # first every shape and axis, then the options: all pairs that meet in a formula
    *grid("binary_focal_crossentropy", MEANS + ELEMENTS, "hard binary", from_logits=BOTH),
    *grid(
        "binary_focal_crossentropy",
        VECTOR + ELEMENT,
        "binary",
        from_logits=BOTH,
        label_smoothing=SMOOTH,
        gamma=[0.0, 0.5, 5.0, EACH],
        pos_weight=[None, EACH],
    ),
    *grid(
        "binary_focal_crossentropy",
        ELEMENT,
        "hard binary",
        from_logits=BOTH,
        apply_class_balancing=[True],
        alpha=[0.0, 0.25, 1.0],
        pos_weight=[None, 3.0],
    ),
    *grid("asymmetric_loss", MEANS + ELEMENTS, "hard binary", from_logits=BOTH, label_smoothing=SMOOTH),
    *grid(
        "asymmetric_loss",
        ELEMENT,
        "binary",
        from_logits=BOTH,
        detach_focal_weight=BOTH,
        clip=[0.0, 0.3],
        gamma_pos=[0.0, 0.5],
        gamma_neg=[0.0, 0.5, 4.0],
    ),
    *grid("categorical_focal_crossentropy", CLASSES, "one_hot rows", from_logits=BOTH),
    *grid("categorical_focal_crossentropy", ROWS, "rows", from_logits=BOTH, gamma=[0.0, 0.5, 5.0]),
    *grid(
        "categorical_focal_crossentropy",
        FEW_CLASSES,
        "rows",
        from_logits=BOTH,
        label_smoothing=SMOOTH,
        alpha=[EACH],
        gamma=[2.0, EACH],
        class_weight=[None, EACH],
    ),
    *grid("sparse_categorical_focal_crossentropy", CLASSES, "indices column", from_logits=BOTH),
    *grid(
        "sparse_categorical_focal_crossentropy",
        FEW_CLASSES,
        "indices",
        from_logits=BOTH,
        label_smoothing=SMOOTH,
        alpha=[EACH],
        gamma=[0.5, EACH],
        class_weight=[None, EACH],
    ),
    *grid(
        "sparse_categorical_focal_crossentropy",
        AXIS,
        "indices column",
        from_logits=BOTH,
        label_smoothing=SMOOTH,
        ignore_class=[-1, 1],
    ),
    *grid("asymmetric_single_label", CLASSES, "one_hot soft indices column", from_logits=BOTH),
    *grid(
        "asymmetric_single_label",
        ROWS,
        "soft indices",
        from_logits=BOTH,
        label_smoothing=[0.0, 0.3],
        gamma_pos=[0.5, 2.0],
        gamma_neg=[0.0, 0.5],
    ),
    *grid("poly1_crossentropy", CLASSES, "rows indices column", from_logits=BOTH),
    *grid(
        "poly1_crossentropy",
        FEW_CLASSES,
        "rows",
        from_logits=BOTH,
        label_smoothing=SMOOTH,
        epsilon=[-1.0, 2.0],
        class_weight=[None, EACH],
    ),
    *grid("generalized_crossentropy", CLASSES, "rows indices column", from_logits=BOTH),
    *grid(
        "generalized_crossentropy",
        ROWS,
        "rows indices",
        from_logits=BOTH,
        label_smoothing=SMOOTH,
        q=[0.01, 0.7, 1.0],
    ),
    *grid("symmetric_crossentropy", CLASSES, "one_hot soft indices column", from_logits=BOTH),
    *grid(
        "symmetric_crossentropy",
        ROWS,
        "soft indices",
        from_logits=BOTH,
        label_smoothing=SMOOTH,
        label_clip=[1e-4, 0.3],
        alpha=[0.0, 6.0],
        beta=[0.1],
    ),
]
# In float32. A power multiplies relative errors by γ; and the gradient of bounded losses at a logit, p (1 - p) and the
# like, is the difference of terms that are far larger, and were rounded.
ROUNDED = {
    "binary_focal_crossentropy": 2,
    "asymmetric_loss": 2,
    "poly1_crossentropy": 3,
    "generalized_crossentropy": 5 if BACKEND == "tensorflow" else 50,  # expm1(x) + 1 is the slope of expm1 there
    "symmetric_crossentropy": 5,
}


def tolerance_of(loss, dtype):
    return TOLERANCE[dtype] * (ROUNDED.get(loss, 1) if dtype == "float32" else 1)


# A test goes through all cases of a loss with one kind of labels, and names the case that fails.
GROUPS = {}
for case in NUMPY_CASES:
    GROUPS.setdefault((case.loss, case.labels, "logits" if case.options["from_logits"] else "p"), []).append(case)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("group", GROUPS, ids="-".join)
def test_numpy(group, dtype):
    for case in GROUPS[group]:
        y_true, y_pred = case.data(dtype)
        expected = getattr(oracles_imbalance, case.loss)(*float64(y_true, y_pred), **case.full_options)
        try:
            compare(case.build, expected, y_true, y_pred, dtype, tolerance_of(case.loss, dtype))
        except AssertionError as error:
            raise AssertionError(f"{case} in {dtype}: {error}") from error


def compare(build, expected, y_true, y_pred, dtype, tolerance):
    """Values of the samples, their mean, and the gradient of the mean."""
    values = build(reduction="none", dtype=dtype)(y_true, y_pred)
    assert keras.backend.standardize_dtype(values.dtype) == dtype
    assert_close(ops.convert_to_numpy(values), expected.values, tolerance)
    loss = build(dtype=dtype)
    mean, gradient = value_and_gradient(lambda x: loss(y_true, x), y_pred)
    assert_close(mean, expected.mean, tolerance)
    assert_close(gradient, expected.gradient, tolerance)


def test_complex_step_agrees_with_gradients_derived_by_hand():
    """The oracle of this file against `oracles.py`: γ = 0, ε₁ = 0 and β = 0 are the cross-entropies."""
    rng = np.random.default_rng(0)
    y, z, p = rng.random((5, 3)), rng.normal(size=(5, 3)), rng.random((5, 3))
    for logits, x in ((True, z), (False, p)):
        binary = oracles.binary_crossentropy(y, x, logits, 0.2, pos_weight=[0.5, 2.0, 3.0])
        focal = oracles_imbalance.binary_focal_crossentropy(
            y, x, gamma=0.0, from_logits=logits, label_smoothing=0.2, pos_weight=[0.5, 2.0, 3.0]
        )
        several = oracles.categorical_crossentropy(y, x, logits, 0.2)
        limits = [
            oracles_imbalance.categorical_focal_crossentropy(y, x, 1.0, 0.0, logits, 0.2),
            oracles_imbalance.poly1_crossentropy(y, x, 0.0, logits, 0.2),
            oracles_imbalance.symmetric_crossentropy(y, x, 1.0, 0.0, logits, 0.2),
            oracles_imbalance.asymmetric_single_label(y, x, 0.0, 0.0, logits, 0.2),
        ]
        for theirs, ours in [(binary, focal), *((several, limit) for limit in limits)]:
            for one, other in zip(theirs, ours, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-13, atol=1e-14)


# ---------------------------------------------------------------- 2. oracle: Keras

# Right for moderate logits, rows that sum to 1, and smoothed classes on the last axis.
KERAS = [
    *grid(
        "binary_focal_crossentropy",
        MEANS[1:],
        "binary",
        from_logits=BOTH,
        label_smoothing=SMOOTH,
        apply_class_balancing=BOTH,
    ),
    *grid("categorical_focal_crossentropy", CLASSES, "soft", from_logits=BOTH),
    *grid("categorical_focal_crossentropy", LAST, "one_hot soft", from_logits=BOTH, label_smoothing=[0.2], gamma=[0.5]),
]


@pytest.mark.parametrize("loss", ["binary_focal_crossentropy", "categorical_focal_crossentropy"])
def test_keras(loss):
    theirs = getattr(keras.losses, keras_lossbox.available()[loss].__name__)
    for case in KERAS:
        if case.loss == loss:
            y_true, y_pred = case.data(PRECISE)
            values = ops.convert_to_numpy(theirs(reduction="none", dtype=PRECISE, **case.options)(y_true, y_pred))
            mean_of = theirs(dtype=PRECISE, **case.options)
            mean = value_and_gradient(lambda x, fn=mean_of, y=y_true: fn(y, x), y_pred)
            compare(case.build, oracles.Expected(values, *mean), y_true, y_pred, PRECISE, tolerance_of(loss, PRECISE))


# ---------------------------------------------------------------- 3. oracle: numbers recorded from PyTorch

# Recipe, run with PyTorch 2.13.0 on a CPU in float64 (`test_pytorch_recipe` runs it again where there is a PyTorch):
#     values = <a function of FORMULAS>(<y_pred>, <y_true>, *<parameters>); values.sum().backward()
# torchvision's documentation of sigmoid_focal_loss; the code of the authors of ASL (github.com/Alibaba-MIIL/ASL, which
# sums over labels), SCE, GCE and PolyLoss, written anew from their formulas.


def torch_formulas():
    import torch
    from torch.nn import functional

    def sigmoid_focal_loss(x, y, alpha, gamma):
        p, cross_entropy = torch.sigmoid(x), functional.binary_cross_entropy_with_logits(x, y, reduction="none")
        loss = cross_entropy * (1 - p * y - (1 - p) * (1 - y)) ** gamma
        return loss if alpha < 0 else (alpha * y + (1 - alpha) * (1 - y)) * loss

    def asl(x, y, gamma_neg, gamma_pos, clip, detach):
        p, not_p = torch.sigmoid(x), torch.clamp(1 - torch.sigmoid(x) + clip, max=1)
        weight = (1 - torch.where(y == 1, p, not_p)) ** torch.where(y == 1, gamma_pos, gamma_neg)
        return -(weight.detach() if detach else weight) * torch.log(torch.where(y == 1, p, not_p))

    def asl_single_label(x, k, gamma_pos, gamma_neg, smoothing):
        log_p, y = functional.log_softmax(x, -1), functional.one_hot(k, x.shape[-1]).to(x.dtype)
        weight = torch.where(y == 1, 1 - log_p.exp(), log_p.exp()) ** torch.where(y == 1, gamma_pos, gamma_neg)
        return -((y * (1 - smoothing) + smoothing / x.shape[-1]) * weight * log_p).sum(-1)

    def sce(x, k, alpha, beta):
        y = torch.clamp(functional.one_hot(k, x.shape[-1]).to(x.dtype), 1e-4, 1)
        reverse = -(torch.clamp(torch.softmax(x, -1), 1e-7, 1) * torch.log(y)).sum(-1)
        return alpha * functional.cross_entropy(x, k, reduction="none") + beta * reverse

    def gce(x, k, q):
        return (1 - torch.softmax(x, -1).gather(-1, k[:, None])[:, 0] ** q) / q

    def poly1(x, s, epsilon):
        p_t = (s * torch.softmax(x, -1)).sum(-1)
        return functional.cross_entropy(x, s, reduction="none") + epsilon * (1 - p_t)

    return {f.__name__: f for f in (sigmoid_focal_loss, asl, asl_single_label, sce, gce, poly1)}


INPUTS = {
    "z": np.array([[1.5, -0.5, 0.25], [-2.0, 0.75, 3.0], [0.125, -0.25, 0.0], [4.0, -1.0, 0.5]]),
    "y": np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [0.0, 0.0, 1.0]]),
    "t": np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0], [0.25, 0.0, 1.0], [0.0, 0.0, 0.75]]),
    "s": np.array([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0], [0.125, 0.125, 0.75], [0.0, 0.5, 0.5]]),
    "k": np.array([0, 2, 1, 1]),
}
# fmt: off
PYTORCH = [
    (
        "sigmoid_focal_loss", "z, t", (-1.0, 2.0),
        "binary_focal_crossentropy",
        {"from_logits": True, "axis": None},
        [[0.0067028469265756575, 0.06757349051750362, 0.261031891502431], [0.0018035628352403787,
         0.03981920396907386, 0.00010928332449699686], [0.1930985784780413, 0.11040149126485516,
         0.17328679513998632], [3.8749072379573475, 0.022658057508467326, 0.11533394535150812]],
        [[-0.017031105223235928, 0.1379369973509144, 0.40624341300202726], [0.004870940195392772,
         -0.08710966202878864, -0.0003148718464882791], [0.16802146435110588, 0.20805637912486433,
         -0.29828679513998635], [1.0863958530848354, 0.05258112997756062, -0.08632647366096192]],
    ),
    (
        "sigmoid_focal_loss", "z, t", (0.25, 2.0),
        "binary_focal_crossentropy",
        {"from_logits": True, "axis": None, "apply_class_balancing": True},
        [[0.0016757117316439144, 0.05068011788812772, 0.19577391862682325], [0.001352672126430284,
         0.009954800992268465, 2.7320831124249216e-05], [0.1206866115487758, 0.08280111844864137,
         0.04332169878499658], [2.9061804284680104, 0.016993543131350493, 0.04325022950681555]],
        [[-0.004257776305808982, 0.10345274801318578, 0.30468255975152037], [0.0036532051465445795,
         -0.02177741550719716, -7.871796162206977e-05], [0.10501341521944116, 0.15604228434364825,
         -0.07457169878499659], [0.8147968898136266, 0.03943584748317046, -0.032372427622860724]],
    ),
    (
        "sigmoid_focal_loss", "z, t", (0.75, 0.5),
        "binary_focal_crossentropy",
        {"from_logits": True, "axis": None, "apply_class_balancing": True, "alpha": 0.75, "gamma": 0.5},
        [[0.0645196736474371, 0.07282336628659937, 0.15481910304432622], [0.010955720247801125,
         0.16434596432274098, 0.00793582638704696], [0.19558478183405165, 0.09527223358991734,
         0.3675968038007052], [0.9954625800194171, 0.040614035088874886, 0.24801690328429468]],
        [[-0.08481205520286202, 0.0806591332140232, 0.139269499669139], [0.015113816702413435,
         -0.19209764898878515, -0.01152585226927597], [0.09933735966297395, 0.09920492315542119,
         -0.35706424389513164], [0.25223789076199143, 0.049713580449904635, -0.08601085686235711]],
    ),
    (
        "asl", "z, y", (4.0, 1.0, 0.05, True),
        "asymmetric_loss",
        {"from_logits": True, "axis": None, "detach_focal_weight": True},
        [[0.036742922737558865, 0.004567173621570806, 0.04939500453731228], [1.6447564453908337e-06,
         0.1241164594331067, 0.0023042975737701263], [0.2965564981694929, 0.011101539153524485,
         0.34657359027997264], [2.0285764505296116, 0.0005677975178983665, 0.17898334166916527]],
        [[-0.03327907173602349, 0.004022255221432438, 0.03472063294811526], [2.587053948579389e-06,
         -0.10292630706279299, -0.0022492134466546346], [-0.21976465161262626, 0.00909560481009595, -0.25],
         [0.19603145661396784, 0.0005784129391226137, -0.1425369565965509]],
    ),
    (
        "asl", "z, y", (4.0, 1.0, 0.05, False),
        "asymmetric_loss",
        {"from_logits": True, "axis": None},
        [[0.036742922737558865, 0.004567173621570806, 0.04939500453731228], [1.6447564453908337e-06,
         0.1241164594331067, 0.0023042975737701263], [0.2965564981694929, 0.011101539153524485,
         0.34657359027997264], [2.0285764505296116, 0.0005677975178983665, 0.17898334166916527]],
        [[-0.0633191475470067, 0.017129668835462613, 0.12967066765360624], [1.2568648440321702e-05,
         -0.18722356252682584, -0.0044442276959277644], [-0.3772982431751581, 0.037278189545361384,
         -0.42328679513998635], [0.34980664861170874, 0.0026179679394540754, -0.25394680774821254]],
    ),
    (
        "asl", "z, y", (2.0, 0.5, 0.0, False),
        "asymmetric_loss",
        {"from_logits": True, "axis": None, "gamma_neg": 2.0, "gamma_pos": 0.5, "clip": 0.0},
        [[0.08602623152991615, 0.06757349051750361, 0.26103189150243095], [0.0018035628352403763,
         0.21912795243032132, 0.010581101849395914], [0.433129720359916, 0.11040149126485518,
         0.4901290717342736], [3.8749072379573484, 0.022658057508467326, 0.2912934651463975]],
        [[-0.11308274027048269, 0.13793699735091441, 0.4062434130020272], [0.004870940195392767,
         -0.25613019865171355, -0.015367803025701276], [-0.43601419333747377, 0.20805637912486435,
         -0.4760856585268422], [1.0863958530848354, 0.05258112997756062, -0.32263653285609273]],
    ),
    (
        "asl_single_label", "z, k", (0.0, 4.0, 0.1),
        "asymmetric_single_label",
        {"from_logits": True},
        [0.3285828756893586, 0.09920431068166599, 1.2321180991236402, 4.701564063134938],
        [[-0.27713214795928776, 0.08883017724461918, 0.18830197071466845], [0.005654517272453428,
         0.08847417393282961, -0.094128691205283], [0.3638998764817006, -0.6846867869880608,
         0.32078691050636016], [0.8992099832371486, -0.9271084208087743, 0.027898437571625648]],
    ),
    (
        "asl_single_label", "z, k", (2.0, 1.0, 0.2),
        "asymmetric_single_label",
        {"from_logits": True, "gamma_pos": 2.0, "gamma_neg": 1.0, "label_smoothing": 0.2},
        [0.0632933631536456, 0.017886211794396808, 0.6623115622423446, 4.317424571487311],
        [[-0.07212061500698755, 0.026370149490010052, 0.04575046551697746], [0.0017511545750505872,
         0.010017839197824736, -0.011768993772875323], [0.35375775248472746, -0.6688096448177553,
         0.3150518923330277], [0.8723620431272682, -0.9055001719187377, 0.03313812879146955]],
    ),
    (
        "sce", "z, k", (0.1, 1.0),
        "symmetric_crossentropy",
        {"from_logits": True},
        [2.7677744508280275, 0.9393101257060033, 6.878917236185879, 9.654119058833606],
        [[-1.9515297896712223, 0.6260923257202935, 1.3254374639509297], [0.050780760557115924,
         0.7943447441940668, -0.8451255047511828], [0.9974780875239859, -1.87774941015991,
         0.8802713226359236], [0.15415452146865619, -0.15880958465972875, 0.0046550631910730386]],
    ),
    (
        "sce", "z, k", (6.0, 0.1),
        "symmetric_crossentropy",
        {"from_logits": True, "alpha": 6.0, "beta": 0.1},
        [2.3849691092615855, 0.7305694407770587, 8.587639681869119, 31.132666600980784],
        [[-1.9723022625966964, 0.6327565775055876, 1.339545685091108], [0.04136883546614826,
         0.6471174646745051, -0.6884863001406534], [2.4306810371323735, -4.575749523572806,
         2.1450684864404312], [5.792053420076555, -5.9669582780051575, 0.1749048579286029]],
    ),
    (
        "gce", "z, k", (0.7,),
        "generalized_crossentropy",
        {"from_logits": True},
        [0.31194877768342355, 0.10242612891311327, 0.8610637188675769, 1.3865137688484177],
        [[-0.23190043420319228, 0.07439859896285932, 0.1575018352403329], [0.005624169283677286,
         0.08797680975892207, -0.09360097904259933], [0.1545869456656707, -0.2910094463956382,
         0.13642250072996756], [0.028391704807804376, -0.029249060003898927, 0.0008573551960945523]],
    ),
    (
        "gce", "z, k", (1.0,),
        "generalized_crossentropy",
        {"from_logits": True, "q": 1.0},
        [0.2966860239782261, 0.10083034218122455, 0.7325500137824398, 0.9935020566843381],
        [[-0.20866342715421754, 0.06694367213413667, 0.14171975502008077], [0.0054476710719642465,
         0.08521591320487747, -0.09066358427684172], [0.10407480130288439, -0.19592049108978707,
         0.0918456897869027], [0.006266488492605625, -0.0064557200483283846, 0.00018923155572275876]],
    ),
    (
        "poly1", "z, s", (1.0,),
        "poly1_crossentropy",
        {"from_logits": True},
        [1.7386233697973585, 3.2615117592573224, 1.7448148350400676, 5.268459712698209],
        [[0.1511481192332195, -0.13808088581729086, -0.013067233415928886], [0.006632737804221857,
         -0.9910183088278748, 0.9843855710236529], [0.3476591151048251, 0.19985354233437436,
         -0.5475126574391995], [0.9815557658865174, -0.49663530093064084, -0.48492046495587654]],
    ),
    (
        "poly1", "z, s", (-0.5,),
        "poly1_crossentropy",
        {"from_logits": True, "epsilon": -0.5},
        [0.8773661108055235, 1.9036694362828057, 0.7542641287864429, 3.795174491338064],
        [[0.22939690441605115, -0.1631847628675921, -0.06621214154845916], [0.005771467344242159,
         -0.8623331685605788, 0.8565617012163367], [0.22237659312704694, 0.11374820815915307,
         -0.33612480128620015], [0.9557925597770307, -0.49193543456118666, -0.4638571252158441]],
    ),
]
# fmt: on


@pytest.mark.parametrize("formula, arguments, parameters, loss, options, values, gradient", PYTORCH)
def test_pytorch(formula, arguments, parameters, loss, options, values, gradient):
    y_pred, y_true = eval(arguments, {}, INPUTS)
    tolerance = 5 * TOLERANCE[PRECISE]
    summed = keras_lossbox.get(loss, reduction="sum", dtype=PRECISE, **options)
    each = keras_lossbox.get(loss, reduction="none", dtype=PRECISE, **options)(y_true, y_pred.astype(PRECISE))
    total, slope = value_and_gradient(lambda x: summed(y_true, x), y_pred.astype(PRECISE))
    assert_close(ops.convert_to_numpy(each), values, tolerance)
    assert_close(total, np.sum(values), tolerance)
    assert_close(slope, gradient, tolerance)


def test_pytorch_recipe():
    torch = pytest.importorskip("torch", reason="the recipe needs PyTorch")
    formulas, tensors = torch_formulas(), {name: torch.tensor(x) for name, x in INPUTS.items()}
    for formula, arguments, parameters, _, _, values, gradient in PYTORCH:
        y_pred, y_true = eval(arguments, {}, tensors)
        y_pred = y_pred.clone().requires_grad_()
        loss = formulas[formula](y_pred, y_true, *parameters)
        loss.sum().backward()
        np.testing.assert_allclose(loss.detach().numpy(), values, rtol=1e-13)
        np.testing.assert_allclose(y_pred.grad.numpy(), gradient, rtol=1e-13, atol=1e-15)


# ---------------------------------------------------------------- 4. oracle: 80 digits, from logits of up to ±1e4

GAMMAS = [0.0, 0.5, 1.0, 2.0, 5.0]
SIGMOIDS = [s * z for z in (0.0, 1e-3, 0.5, 5.0, 20.0, 40.0, 90.0, 120.0, 1e3, 1e4) for s in (1, -1)]
SOFTMAXES = [
    (0.0, 0.0, 0.0), (1e4, -1e4, 0.0), (0.0, 1e4, 1e4), (-1e4, -1e4, 3.0), (40.0, 0.0, -1.0), (0.0, 20.0, 1.0),
    (1e3, 5.0, -1e3), (90.0, 0.0, 91.0), (2.0, -1.0, 0.5), (-0.25, 5.0, -5.0),
]  # fmt: skip
ROWS_OF_LABELS = [[1, 0, 0], [0, 1, 0], [0.5, 0.25, 0.25], [0.0, 0.875, 0.125]]

BINARY = ("binary_focal_crossentropy", "asymmetric_loss")
EXTREMES = {  # the loss: its options given a number, the oracle given the same number, the numbers
    "binary_focal_crossentropy": (
        lambda gamma: {"gamma": gamma},
        oracles_imbalance.exact_binary_focal,
        GAMMAS,
    ),
    "asymmetric_loss": (
        lambda gamma: {"gamma_pos": gamma, "gamma_neg": gamma, "clip": 0.0},
        oracles_imbalance.exact_asymmetric,
        GAMMAS,
    ),
    "categorical_focal_crossentropy": (
        lambda gamma: {"gamma": gamma, "alpha": 1.0},
        oracles_imbalance.exact_categorical_focal,
        GAMMAS,
    ),
    "asymmetric_single_label": (
        lambda gamma: {"gamma_pos": gamma, "gamma_neg": gamma, "label_smoothing": 0.0},
        oracles_imbalance.exact_asymmetric_single_label,
        GAMMAS,
    ),
    "poly1_crossentropy": (lambda epsilon: {"epsilon": epsilon}, oracles_imbalance.exact_poly1, [-1.0, 2.0]),
    "generalized_crossentropy": (lambda q: {"q": q}, oracles_imbalance.exact_generalized, [0.01, 0.7, 1.0]),
    "symmetric_crossentropy": (lambda alpha: {"alpha": alpha}, oracles_imbalance.exact_symmetric, [0.1, 6.0]),
}


@functools.cache
def extreme_data(loss, number):
    """y_true, logits, and the oracle's values and gradients, which take a while."""
    oracle = EXTREMES[loss][1]
    if loss in BINARY:
        pairs = list(itertools.product([0.0, 0.25, 0.5, 1.0], SIGMOIDS))
        expected = [oracle(y, z, number) for y, z in pairs]
        y, z = np.array(pairs).T[..., None]
    else:
        pairs = list(itertools.product(ROWS_OF_LABELS, SOFTMAXES))
        expected = [oracle(y, z, number) for y, z in pairs]
        y, z = (np.array(rows) for rows in zip(*pairs, strict=True))
    return y, z, np.array([value for value, _ in expected]), np.array([gradient for _, gradient in expected])


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("loss, number", [(loss, n) for loss, (*_, numbers) in EXTREMES.items() for n in numbers])
def test_extreme_logits(loss, number, dtype):
    y_true, logits, values, gradient = extreme_data(loss, number)
    y_true, logits = y_true.astype(dtype), logits.astype(dtype)
    build = functools.partial(keras_lossbox.get, loss, from_logits=True, dtype=dtype, **EXTREMES[loss][0](number))
    ours = ops.convert_to_numpy(build(reduction="none")(y_true, logits))
    summed = build(reduction="sum")
    slopes = value_and_gradient(lambda x: summed(y_true, x), logits)[1]
    for actual, expected in ((ours, values), (slopes, gradient)):
        error, size = np.abs(actual - expected), np.abs(expected)
        np.testing.assert_array_less(error, TOLERANCE[dtype] * np.maximum(size, 1))
        if loss in BINARY:  # without a softmax, what is nearly right is as precise, down to 1e-30
            hard = np.isin(y_true[:, 0], (0, 1))
            np.testing.assert_array_less(error[hard], TOLERANCE[dtype] * size[hard] + 1e-30)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_gradient_that_keras_loses(dtype):
    """At logit 40 with γ = 0.5 Keras's binary focal loss has the gradient NaN; saturated, its categorical one has 0."""
    for y in (0.0, 1.0):
        loss = keras_lossbox.BinaryFocalCrossentropy(from_logits=True, gamma=0.5, dtype=dtype)
        value, gradient = value_and_gradient(lambda x, y=y, loss=loss: loss([[y]], x), np.array([[40.0]], dtype))
        expected, slope = oracles_imbalance.exact_binary_focal(y, 40.0, 0.5)
        assert_close(value, expected, TOLERANCE[dtype])
        assert_close(gradient, [slope], TOLERANCE[dtype])
    for gamma in GAMMAS:
        options = {"from_logits": True, "gamma": gamma, "alpha": 1.0, "dtype": dtype}
        for loss, y in (
            (keras_lossbox.CategoricalFocalCrossentropy(**options), [[0.0, 1.0, 0.0]]),
            (keras_lossbox.SparseCategoricalFocalCrossentropy(**options), [1]),
        ):
            logits = np.array([[1e4, 0.0, -1e4]], dtype)
            value, gradient = value_and_gradient(lambda x, y=y, loss=loss: loss(y, x), logits)
            assert_close(value, 1e4, TOLERANCE[dtype])
            assert_close(gradient, [[1.0, -1.0, 0.0]], TOLERANCE[dtype])  # for γ > 0 as for γ = 0: 1 - p is 1


# ---------------------------------------------------------------- between losses


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_gamma_zero_is_the_weighted_cross_entropy(dtype):
    rng = np.random.default_rng(1)
    z, y = rng.normal(0, 4, (50, 3)).astype(dtype), rng.choice([0.0, 1.0, 0.3], (50, 3)).astype(dtype)
    rows, k, w = special.softmax(rng.normal(size=(50, 3)), -1).astype(dtype), rng.integers(3, size=50), [0.5, 2.0, 4.0]
    focal, plain = {"from_logits": True, "gamma": 0.0, "dtype": dtype}, {"from_logits": True, "dtype": dtype}
    for labels, ours, theirs in [
        (
            y,
            keras_lossbox.BinaryFocalCrossentropy(pos_weight=w, **focal),
            keras_lossbox.BinaryCrossentropy(pos_weight=w, **plain),
        ),
        (
            rows,
            keras_lossbox.CategoricalFocalCrossentropy(alpha=w, label_smoothing=0.1, **focal),
            keras_lossbox.CategoricalCrossentropy(class_weight=w, label_smoothing=0.1, **plain),
        ),
        (
            k,
            keras_lossbox.SparseCategoricalFocalCrossentropy(alpha=1.0, class_weight=w, **focal),
            keras_lossbox.SparseCategoricalCrossentropy(class_weight=w, **plain),
        ),
    ]:
        for one, other in zip(
            value_and_gradient(lambda x, labels=labels, loss=ours: loss(labels, x), z),
            value_and_gradient(lambda x, labels=labels, loss=theirs: loss(labels, x), z),
            strict=True,
        ):
            assert_close(one, other, TOLERANCE[dtype])


@pytest.mark.parametrize("loss", EXTREMES)
def test_logits_and_probabilities_agree(loss):
    rng = np.random.default_rng(2)
    z = rng.normal(0, 3, (40, 3)).astype(PRECISE)
    if loss in BINARY:
        y, p = rng.choice([0.0, 1.0, 0.3], z.shape), special.expit(z)
        slope = p * (1 - p)
        to_logits = lambda g: g * slope  # noqa: E731 (the chain rule of a sigmoid)
    else:
        y, p = special.softmax(rng.normal(size=z.shape), -1), special.softmax(z, -1)
        to_logits = lambda g: p * (g - np.sum(p * g, -1, keepdims=True))  # noqa: E731 (and of a softmax)
    of_logits = keras_lossbox.get(loss, from_logits=True, dtype=PRECISE)
    of_p = keras_lossbox.get(loss, from_logits=False, dtype=PRECISE)
    value, gradient = value_and_gradient(lambda x: of_logits(y, x), z)
    value_of_p, gradient_of_p = value_and_gradient(lambda x: of_p(y, x), p)
    assert_close(value_of_p, value, 10 * TOLERANCE[PRECISE])
    assert_close(to_logits(gradient_of_p), gradient, 10 * TOLERANCE[PRECISE])
