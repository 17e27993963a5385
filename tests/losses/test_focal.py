"""The focal and asymmetric losses: golden values, extremes of logits, and what they are at γ = 0."""

import golden
import numpy as np
import oracle_binary
import oracle_categorical
import oracle_focal
import pytest
from backends import value_and_gradient
from golden import (
    AXIS,
    BOTH,
    CLASSES,
    EACH,
    ELEMENT,
    ELEMENTS,
    FEW_CLASSES,
    LAST,
    MEANS,
    PRECISE,
    ROWS,
    SOME_SMOOTH,
    TOLERANCE,
    VECTOR,
    assert_close,
    grid,
)
from scipy import special

import keras_lossbox as box

# ---------------------------------------------------------------- 1. oracle: formulas in numpy

NUMPY_CASES = [  # first every shape and axis, then the options: all pairs that meet in a formula
    *grid("binary_focal_crossentropy", MEANS + ELEMENTS, "hard binary", from_logits=BOTH),
    *grid(
        "binary_focal_crossentropy",
        VECTOR + ELEMENT,
        "binary",
        from_logits=BOTH,
        label_smoothing=SOME_SMOOTH,
        gamma=[0.0, 0.5, 5.0, EACH],
        pos_weight=[None, EACH],
        neg_weight=[None, 0.5],
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
    *grid("asymmetric_loss", MEANS + ELEMENTS, "hard binary", from_logits=BOTH, label_smoothing=SOME_SMOOTH),
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
    *grid(
        "asymmetric_loss",
        ELEMENT + VECTOR,
        "binary",
        from_logits=BOTH,
        label_smoothing=SOME_SMOOTH,
        pos_weight=[None, EACH],
        neg_weight=[0.5, EACH],
    ),
    *grid("varifocal", MEANS + ELEMENTS, "hard binary", from_logits=BOTH),
    *grid(
        "varifocal", ELEMENT, "binary", from_logits=BOTH, gamma=[0.0, 0.5, 3.0], alpha=[0.3], detach_focal_weight=BOTH
    ),
    *grid("quality_focal", MEANS + ELEMENTS, "hard binary", from_logits=BOTH),
    *grid("quality_focal", ELEMENT, "binary", from_logits=BOTH, beta=[0.0, 1.0, 1.5], detach_focal_weight=BOTH),
    *grid("penalty_reduced_focal", MEANS + ELEMENTS, "binary", from_logits=BOTH, normalize=["elements", "positives"]),
    *grid(
        "penalty_reduced_focal",
        ELEMENT,
        "hard binary",
        from_logits=BOTH,
        alpha=[0.0, 0.5],
        beta=[0.0, 1.5],
        positive_threshold=[0.2, 1.0],
        normalize=["elements", "positives"],
    ),
    *grid("categorical_focal_crossentropy", CLASSES, "one_hot rows", from_logits=BOTH),
    *grid("categorical_focal_crossentropy", ROWS, "rows", from_logits=BOTH, gamma=[0.0, 0.5, 5.0]),
    *grid(
        "categorical_focal_crossentropy",
        FEW_CLASSES,
        "rows",
        from_logits=BOTH,
        label_smoothing=SOME_SMOOTH,
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
        label_smoothing=SOME_SMOOTH,
        alpha=[EACH],
        gamma=[0.5, EACH],
        class_weight=[None, EACH],
    ),
    *grid(
        "sparse_categorical_focal_crossentropy",
        AXIS,
        "indices column",
        from_logits=BOTH,
        label_smoothing=SOME_SMOOTH,
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
]

NUMPY = golden.by_kind(NUMPY_CASES)


@pytest.mark.one_in(6)
@pytest.mark.parametrize("group, dtype, size", golden.of_numpy(NUMPY))
def test_numpy(group, dtype, size):
    golden.check_numpy(oracle_focal, NUMPY[group], dtype, size)


def test_every_oracle_is_asked():
    golden.check_every_oracle_is_asked(oracle_focal, NUMPY_CASES)


def test_complex_step_agrees_with_gradients_derived_by_hand():
    """The oracles of a complex step against those derived by hand: γ = 0, ε₁ = 0 and β = 0 are the cross-entropies."""
    rng = np.random.default_rng(0)
    y, z, p = rng.random((5, 3)), rng.normal(size=(5, 3)), rng.random((5, 3))
    for logits, x in ((True, z), (False, p)):
        binary = oracle_binary.binary_crossentropy(y, x, logits, 0.2, pos_weight=[0.5, 2.0, 3.0])
        focal = oracle_focal.binary_focal_crossentropy(
            y, x, gamma=0.0, from_logits=logits, label_smoothing=0.2, pos_weight=[0.5, 2.0, 3.0]
        )
        several = oracle_categorical.categorical_crossentropy(y, x, logits, 0.2)
        limits = [
            oracle_focal.categorical_focal_crossentropy(y, x, 1.0, 0.0, logits, 0.2),
            oracle_categorical.poly1_crossentropy(y, x, 0.0, logits, 0.2),
            oracle_categorical.symmetric_crossentropy(y, x, 1.0, 0.0, logits, 0.2),
            oracle_focal.asymmetric_single_label(y, x, 0.0, 0.0, logits, 0.2),
        ]
        for theirs, ours in [(binary, focal), *((several, limit) for limit in limits)]:
            for one, other in zip(theirs, ours, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-13, atol=1e-14)


# ---------------------------------------------------------------- 2. oracle: Keras

# Right for moderate logits, rows that sum to 1, and smoothed classes on the last axis.
KERAS = golden.by_loss(
    [
        *grid(
            "binary_focal_crossentropy",
            MEANS[1:],
            "binary",
            from_logits=BOTH,
            label_smoothing=SOME_SMOOTH,
            apply_class_balancing=BOTH,
        ),
        *grid("categorical_focal_crossentropy", CLASSES, "soft", from_logits=BOTH),
        *grid(
            "categorical_focal_crossentropy", LAST, "one_hot soft", from_logits=BOTH, label_smoothing=[0.2], gamma=[0.5]
        ),
    ]
)


@pytest.mark.parametrize("loss", KERAS)
def test_keras(loss):
    golden.check_keras(KERAS[loss], reductions=())


# ---------------------------------------------------------------- 3. oracle: numbers recorded from PyTorch

# torchvision's documentation of sigmoid_focal_loss; the code of the authors of ASL (github.com/Alibaba-MIIL/ASL, which
# sums over labels), mmdet's VarifocalLoss and QualityFocalLoss (the same), CornerNet's; from their formulas anew.
# Recipe, run with PyTorch 2.13.0 on a CPU in float64 (`test_recipe_of_the_formulas` runs it again where there is a
# PyTorch): values = <a function of torch_formulas>(<y_pred>, <y_true>, *<parameters>); values.sum().backward()


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

    def cross_entropy(x, y):
        return functional.binary_cross_entropy_with_logits(x, y, reduction="none")

    def varifocal_loss(x, y, alpha, gamma, detach):
        weight = alpha * torch.sigmoid(x) ** gamma
        return torch.where(y > 0, y, weight.detach() if detach else weight) * cross_entropy(x, y)

    def quality_focal_loss(x, y, beta):
        return (y - torch.sigmoid(x)).abs() ** beta * cross_entropy(x, y)

    def corner_net_loss(x, y, peaks):
        p = torch.sigmoid(x)
        loss = -torch.where(y == 1, (1 - p) ** 2 * torch.log(p), (1 - y) ** 4 * p**2 * torch.log(1 - p))
        return loss * y.numel() / torch.sum(y == 1) if peaks else loss

    of_detectors = (varifocal_loss, quality_focal_loss, corner_net_loss)
    return {f.__name__: f for f in (sigmoid_focal_loss, asl, asl_single_label, *of_detectors)}


INPUTS = {
    "z": np.array([[1.5, -0.5, 0.25], [-2.0, 0.75, 3.0], [0.125, -0.25, 0.0], [4.0, -1.0, 0.5]]),
    "y": np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [0.0, 0.0, 1.0]]),
    "t": np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0], [0.25, 0.0, 1.0], [0.0, 0.0, 0.75]]),
    "k": np.array([0, 2, 1, 1]),
}
# fmt: off
PYTORCH_FORMULAS = [
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
        "varifocal_loss", "z, t", (0.75, 2.0, False),
        "varifocal",
        {"from_logits": True, "axis": None},
        [[0.2014132779827524, 0.050680117888127714, 0.19577391862682322], [0.0013526721264302832,
         0.38687100611489994, 0.04858735157374206], [0.18158725882929228, 0.08280111844864137,
         0.6931471805599453], [2.906180428468011, 0.016993543131350493, 0.44930773813508]],
        [[-0.18242552380635635, 0.10345274801318578, 0.30468255975152037], [0.0036532051465445778,
         -0.320821300824607, -0.047425873177566635], [0.07030234334343907, 0.15604228434364825, -0.5],
         [0.8147968898136266, 0.03943584748317046, -0.09565550159860906]],
    ),
    (
        "varifocal_loss", "z, t", (0.3, 1.5, True),
        "varifocal",
        {"from_logits": True, "axis": None, "alpha": 0.3, "gamma": 1.5, "detach_focal_weight": True},
        [[0.2014132779827524, 0.032992538894370045, 0.10444279394368455], [0.0015671446396737258,
         0.38687100611489994, 0.04858735157374206], [0.18158725882929228, 0.05005490721451585,
         0.6931471805599453], [1.173069577254939, 0.013107355589247442, 0.44930773813508]],
        [[-0.18242552380635635, 0.026274266870540842, 0.07108909325409109], [0.00147176512690458,
         -0.320821300824607, -0.047425873177566635], [0.07030234334343907, 0.03805124960730452, -0.5],
         [0.2866917666596967, 0.0112529268117701, -0.09565550159860906]],
    ),
    (
        "quality_focal_loss", "z, t", (2.0,),
        "quality_focal",
        {"from_logits": True, "axis": None},
        [[0.0067028469265756575, 0.06757349051750362, 0.261031891502431], [0.0018035628352403778,
         0.03981920396907386, 0.00010928332449699686], [0.05743874593799744, 0.11040149126485516,
         0.17328679513998632], [3.8749072379573475, 0.022658057508467326, 0.009744958968862433]],
        [[-0.017031105223235928, 0.1379369973509144, 0.40624341300202726], [0.00487094019539277,
         -0.08710966202878864, -0.0003148718464882791], [0.12396785229170679, 0.20805637912486433,
         -0.29828679513998635], [1.0863958530848354, 0.05258112997756062, -0.03798636238338221]],
    ),
    (
        "quality_focal_loss", "z, t", (1.5,),
        "quality_focal",
        {"from_logits": True, "axis": None, "beta": 1.5},
        [[0.015693380347931843, 0.10997512964790017, 0.34814264647894855], [0.005223815465579086,
         0.07030091474572829, 0.000501817994388368], [0.10831536138674086, 0.16684969071505285,
         0.2450645358671368], [3.9102319241831305, 0.043691185297491476, 0.027286992395352132]],
        [[-0.033459685344968945, 0.19026345804267328, 0.46560119168874137], [0.011807565853315195,
         -0.1299189073397517, -0.0012068503151430186], [0.18581337939279602, 0.26753596164111415,
         -0.36057509719698955], [1.0611346007822355, 0.0854209797726001, -0.08122691623497712]],
    ),
    (
        "corner_net_loss", "z, t", (False,),
        "penalty_reduced_focal",
        {"from_logits": True, "axis": None},
        [[0.0067028469265756575, 0.06757349051750361, 0.26103189150243095], [0.0018035628352403754,
         0.03981920396907386, 0.00010928332449699652], [0.06764191992497301, 0.11040149126485518,
         0.17328679513998632], [3.8749072379573484, 0.022658057508467326, 0.0014742640658570697]],
        [[-0.017031105223235924, 0.13793699735091441, 0.4062434130020272], [0.004870940195392765,
         -0.08710966202878866, -0.00031487184648827844], [0.110848607632882, 0.20805637912486435,
         -0.29828679513998635], [1.0863958530848354, 0.05258112997756062, 0.00205528055419759]],
    ),
    (
        "corner_net_loss", "z, t", (True,),
        "penalty_reduced_focal",
        {"from_logits": True, "axis": None, "normalize": "positives"},
        [[0.02010854077972697, 0.20272047155251083, 0.7830956745072928], [0.005410688505721127,
         0.11945761190722158, 0.0003278499734909896], [0.20292575977491903, 0.3312044737945655,
         0.5198603854199589], [11.624721713872045, 0.06797417252540197, 0.0044227921975712094]],
        [[-0.05109331566970778, 0.41381099205274313, 1.2187302390060815], [0.014612820586178297,
         -0.26132898608636596, -0.0009446155394648353], [0.332545822898646, 0.6241691373745931,
         -0.8948603854199589], [3.259187559254506, 0.15774338993268183, 0.0061658416625927715]],
    ),
]
# fmt: on


def test_pytorch_formulas():
    golden.check_torch_formulas(PYTORCH_FORMULAS, INPUTS)


def test_recipe_of_the_formulas():
    pytest.importorskip("torch", reason="the recipe needs PyTorch")
    golden.check_recipe_of_torch_formulas(torch_formulas(), PYTORCH_FORMULAS, INPUTS)


# The package focal-loss, whose (1 - p)^γ and p^γ stay apart for smoothed labels.
# Recipe, run with focal-loss 0.0.7 on TensorFlow 2.21 in float64; the gradient is that of the sum of the values (but at
# z = 0, where a kink in its softplus loses 0.35: there it is 2.6 (-log(2)/4 - 1/8), by hand):
#     binary_focal_loss(y, tf.constant(z), 2.0, pos_weight=3.0, from_logits=True, label_smoothing=0.2)
FOCAL_LOSS = (
    [[0.1318249182636719, 0.17403962172357618, 0.26804914973164434],
     [0.4966466603781391, 0.15995385774429385, 0.2769231090786681],
     [0.39674003487681114, 0.1776709095890989, 0.4852030263919617],
     [3.4874182756325296, 0.2309527427810361, 0.22018958448320075]],
    [[0.05015848464429901, -0.033702248946551897, 0.30320215796436517],
     [-0.3186302729586911, -0.17021765495334898, 0.11182483407797045],
     [-0.6419215735378264, 0.06537771731176964, -0.7755456673639646],
     [0.9777510626169853, -0.18314739997999074, -0.3198147106600106]],
)  # fmt: skip


def test_focal_loss_of_smoothed_labels():
    options = {"gamma_neg": 2.0, "gamma_pos": 2.0, "clip": 0.0, "from_logits": True, "pos_weight": 3.0}
    options |= {"label_smoothing": 0.2, "axis": None}
    golden.check_pytorch(INPUTS["z"], INPUTS["y"], "asymmetric_loss", options, *FOCAL_LOSS)


# ---------------------------------------------------------------- 4. oracle: 80 digits, from logits of up to ±1e4

GAMMAS = [0.0, 0.5, 1.0, 2.0, 5.0]
EXTREMES = {  # the loss: its options given a number, the oracle given the same number, the numbers
    "binary_focal_crossentropy": (
        lambda gamma: {"gamma": gamma},
        oracle_focal.exact_binary_focal,
        GAMMAS,
    ),
    "asymmetric_loss": (
        lambda gamma: {"gamma_pos": gamma, "gamma_neg": gamma, "clip": 0.0},
        oracle_focal.exact_asymmetric,
        GAMMAS,
    ),
    "varifocal": (lambda gamma: {"gamma": gamma, "alpha": 1.0}, oracle_focal.exact_varifocal, GAMMAS),
    "quality_focal": (
        lambda beta: {"beta": beta},
        oracle_focal.exact_quality_focal,
        [0.0, 1.0, 2.0, 5.0],  # at 0.5 the slope has no end where p = q
    ),
    "penalty_reduced_focal": (lambda alpha: {"alpha": alpha}, oracle_focal.exact_penalty_reduced_focal, GAMMAS),
    "categorical_focal_crossentropy": (
        lambda gamma: {"gamma": gamma, "alpha": 1.0},
        oracle_focal.exact_categorical_focal,
        GAMMAS,
    ),
    "asymmetric_single_label": (
        lambda gamma: {"gamma_pos": gamma, "gamma_neg": gamma, "label_smoothing": 0.0},
        oracle_focal.exact_asymmetric_single_label,
        GAMMAS,
    ),
}


@pytest.mark.one_in(10)
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("loss, number", [(loss, n) for loss, (*_, numbers) in EXTREMES.items() for n in numbers])
def test_extreme_logits(loss, number, dtype):
    options, oracle, _ = EXTREMES[loss]
    golden.check_extreme_logits(loss, oracle, number, dtype, **options(number))


@pytest.mark.parametrize("loss", EXTREMES)
def test_logits_and_probabilities_agree(loss):
    golden.check_logits_and_probabilities_agree(loss)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_gradient_that_keras_loses(dtype):
    """At logit 40 with γ = 0.5 Keras's binary focal loss has the gradient NaN; saturated, its categorical one has 0."""
    for y in (0.0, 1.0):
        loss = box.BinaryFocalCrossentropy(from_logits=True, gamma=0.5, dtype=dtype)
        value, gradient = value_and_gradient(lambda x, y=y, loss=loss: loss([[y]], x), np.array([[40.0]], dtype))
        expected, slope = oracle_focal.exact_binary_focal(y, 40.0, 0.5)
        assert_close(value, expected, TOLERANCE[dtype])
        assert_close(gradient, [slope], TOLERANCE[dtype])
    for gamma in GAMMAS:
        options = {"from_logits": True, "gamma": gamma, "alpha": 1.0, "dtype": dtype}
        for loss, y in (
            (box.CategoricalFocalCrossentropy(**options), [[0.0, 1.0, 0.0]]),
            (box.SparseCategoricalFocalCrossentropy(**options), [1]),
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
            box.BinaryFocalCrossentropy(pos_weight=w, **focal),
            box.BinaryCrossentropy(pos_weight=w, **plain),
        ),
        (
            rows,
            box.CategoricalFocalCrossentropy(alpha=w, label_smoothing=0.1, **focal),
            box.CategoricalCrossentropy(class_weight=w, label_smoothing=0.1, **plain),
        ),
        (
            k,
            box.SparseCategoricalFocalCrossentropy(alpha=1.0, class_weight=w, **focal),
            box.SparseCategoricalCrossentropy(class_weight=w, **plain),
        ),
    ]:
        for one, other in zip(
            value_and_gradient(lambda x, labels=labels, loss=ours: loss(labels, x), z),
            value_and_gradient(lambda x, labels=labels, loss=theirs: loss(labels, x), z),
            strict=True,
        ):
            assert_close(one, other, TOLERANCE[dtype])


def test_scores_of_detectors_at_labels_of_zero_and_one():
    """There the focal loss is QualityFocal, and PenaltyReducedFocal; Varifocal of γ = 0 is the cross-entropy."""
    rng = np.random.default_rng(3)
    z, y = rng.normal(0, 4, (50, 3)).astype(PRECISE), rng.integers(0, 2, (50, 3)).astype(PRECISE)
    plain = {"from_logits": True, "dtype": PRECISE}
    focal, peaks = box.BinaryFocalCrossentropy(gamma=1.5, **plain), np.sum(y)
    for ours, theirs, factor in (
        (box.QualityFocal(1.5, **plain), focal, 1),
        (box.PenaltyReducedFocal(1.5, **plain), focal, 1),
        (box.PenaltyReducedFocal(1.5, normalize="positives", **plain), focal, y.size / peaks),
        (box.Varifocal(1.0, 0.0, **plain), box.BinaryCrossentropy(**plain), 1),
    ):
        pairs = (value_and_gradient(lambda x, loss=loss: loss(y, x), z) for loss in (ours, theirs))
        for one, other in zip(*pairs, strict=True):
            assert_close(one, factor * other, 5 * TOLERANCE[PRECISE])


def test_peaks_are_those_that_count():
    """Rows of weight 0 have neither elements nor peaks; where there is no peak the sum is divided by 1."""
    y, p = np.array([[1.0, 0.0], [0.5, 1.0], [1.0, 1.0]]), np.full((3, 2), 0.5)
    loss = box.PenaltyReducedFocal(normalize="positives")
    unit = 0.25 * np.log(2)
    np.testing.assert_allclose(float(loss(y, p)), (4 + 1 + 0.5**4) * unit / 4, rtol=1e-6)
    weights = np.array([1.0, 1.0, 0.0])
    divided = float(box.PenaltyReducedFocal(reduction="mean_with_sample_weight", normalize="positives")(y, p, weights))
    np.testing.assert_allclose(divided, (3 + 0.5**4) * unit / 2, rtol=1e-6)
    np.testing.assert_allclose(float(loss(0 * y, p)), 6 * unit, rtol=1e-6)


@pytest.mark.parametrize("clip", [1e-9, 1e-8, 1e-3, 0.05, 0.9])
@pytest.mark.parametrize("z", [-40.0, -2.0, 0.0, 2.0, 16.0, 40.0])
def test_a_shift_of_any_size(clip, z):
    """Oracle: numpy's long double; p - clip rounds to 1 in float32, where 1 - p + clip has all its digits."""
    q = 1 / (1 + np.exp(np.longdouble(z)))  # 1 - p
    p_m = max(1 - q - clip, 0)
    expected = -(p_m**4) * np.log(q + clip) if p_m else 0
    loss = box.AsymmetricLoss(clip=clip, from_logits=True)
    value, gradient = value_and_gradient(lambda x: loss([[0.0]], x), np.array([[z]], "float32"))
    np.testing.assert_allclose(value, np.float64(expected), rtol=2e-5, atol=1e-7)
    assert np.isfinite(gradient).all()
