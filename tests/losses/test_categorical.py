"""The losses over classes: golden values, extremes, checks of labels, and identities between options."""

import golden
import keras
import numpy as np
import oracle_categorical
import pytest
from backends import BACKEND, MODES, check_refused, value_and_gradient
from cases import by_default
from golden import (
    BOTH,
    CLASSES,
    DEEP,
    EACH,
    FEW_CLASSES,
    INPUTS,
    LAST,
    PRECISE,
    ROWS,
    SMOOTH,
    SOME_SMOOTH,
    TOLERANCE,
    W,
    assert_close,
    grid,
    on_tensorflow,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from identities import (
    EPSILONS,
    PLACES,
    assert_same,
    check_a_weight_of_two_is_the_row_twice,
    class_weights,
    classes,
    evaluate,
    few,
    identity,
)
from keras import ops
from scipy import special
from sklearn import metrics

import keras_lossbox as box

if BACKEND == "tensorflow":
    import tensorflow as tf

numpy = keras.ops.convert_to_numpy

# ---------------------------------------------------------------- 1. oracle: formulas in numpy and scipy

NUMPY_CASES = [
    *grid(
        "categorical_crossentropy",
        CLASSES,
        "rows",
        from_logits=BOTH,
        label_smoothing=SMOOTH,
        class_weight=[None, 2.5, EACH],
    ),
    *grid(
        "sparse_categorical_crossentropy",
        CLASSES,
        "indices",
        from_logits=BOTH,
        label_smoothing=SMOOTH,
        class_weight=[None, EACH],
    ),
    *grid(
        "sparse_categorical_crossentropy",
        CLASSES,
        "indices",
        from_logits=BOTH,
        label_smoothing=[0.0, 0.2],
        class_weight=[None, EACH],
        ignore_class=[-1, 1],
    ),
    *grid("sparse_categorical_crossentropy", CLASSES, "column", from_logits=BOTH, label_smoothing=[0.0, 0.2]),
    # for wrong labels: first every shape and axis, then the options, all pairs that meet in a formula
    *grid("poly1_crossentropy", CLASSES, "rows indices column", from_logits=BOTH),
    *grid(
        "poly1_crossentropy",
        FEW_CLASSES,
        "rows",
        from_logits=BOTH,
        label_smoothing=SOME_SMOOTH,
        epsilon=[-1.0, 2.0],
        class_weight=[None, EACH],
    ),
    *grid("generalized_crossentropy", CLASSES, "rows indices column", from_logits=BOTH),
    *grid(
        "generalized_crossentropy",
        ROWS,
        "rows indices",
        from_logits=BOTH,
        label_smoothing=SOME_SMOOTH,
        q=[0.01, 0.7, 1.0],
    ),
    *grid("categorical_generalized_cross_entropy", FEW_CLASSES, "rows indices", from_logits=BOTH),
    *grid("symmetric_crossentropy", CLASSES, "one_hot soft indices column", from_logits=BOTH),
    *grid(
        "symmetric_crossentropy",
        ROWS,
        "soft indices",
        from_logits=BOTH,
        label_smoothing=SOME_SMOOTH,
        label_clip=[1e-4, 0.3],
        alpha=[0.0, 6.0],
        beta=[0.1],
    ),
]

NUMPY = golden.by_kind(NUMPY_CASES)


@pytest.mark.parametrize("group, dtype, size", golden.of_numpy(NUMPY))
def test_numpy(group, dtype, size):
    golden.check_numpy(oracle_categorical, NUMPY[group], dtype, size)


def test_every_oracle_is_asked():
    golden.check_every_oracle_is_asked(oracle_categorical, NUMPY_CASES)


# Where formulas overflow, cancel or clip.
EDGES = [
    *(("categorical_crossentropy", {"from_logits": True}, [0, 1, 0], z) for z in [(1e3, -1e3, 0), (15, 0, -15)]),
    ("categorical_crossentropy", {"from_logits": True}, [0, 0, 0], (2, -1, 0)),  # tf.nn has the gradient softmax(z),
    ("categorical_crossentropy", {}, [1, 0, 0], (0, 0.5, 0.75)),
]
# In float32 the upper clip, 1 - 1e-7, is 1 - 1.19e-7, and its logarithm 1 % off, in Keras too; on PyTorch also in
# float64, because keras.ops.clip has float32 bounds there.
EDGES_OF_FLOAT64 = [
    *(("categorical_crossentropy", {}, y, (0, 0, 2)) for y in ([1, 0, 0], [0, 0, 1])),
]


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_edges(dtype):
    golden.check_edges(
        oracle_categorical, EDGES + EDGES_OF_FLOAT64 * (dtype == "float64" and BACKEND != "torch"), dtype
    )


# ---------------------------------------------------------------- 2. oracle: TensorFlow

TENSORFLOW = {  # tf.nn and tf.math, one value per sample
    "softmax_cross_entropy_with_logits": (  # right for rows that sum to 1 only
        grid("categorical_crossentropy", CLASSES, "soft", from_logits=[True]),
        lambda y, x, o: tf.nn.softmax_cross_entropy_with_logits(y, x, o["axis"]),
    ),
    "sparse_softmax_cross_entropy_with_logits": (
        grid("sparse_categorical_crossentropy", LAST, "indices", from_logits=[True]),
        lambda y, x, o: tf.nn.sparse_softmax_cross_entropy_with_logits(y, x),
    ),
}


@on_tensorflow
@pytest.mark.parametrize("cases, oracle", TENSORFLOW.values(), ids=TENSORFLOW)
def test_tensorflow(cases, oracle):
    golden.check_tensorflow(cases, oracle)


TF1 = {
    "softmax_cross_entropy": grid(
        "categorical_crossentropy", DEEP[:2], "soft", from_logits=[True], label_smoothing=[0.0, 0.2]
    ),
    "sparse_softmax_cross_entropy": grid("sparse_categorical_crossentropy", DEEP[:2], "indices", from_logits=[True]),
}


@on_tensorflow
@pytest.mark.parametrize("full", by_default(lambda full: not full, [False, True]), ids=["", "long"])
@pytest.mark.parametrize("name", TF1)
def test_tf1(name, full):
    golden.check_tf1(name, TF1[name], full)


# ---------------------------------------------------------------- 3. oracle: Keras and scikit-learn

# Where Keras is right: rows that sum to 1; smoothed classes on the last axis (it divides by the size of that one).
KERAS = golden.by_loss(
    [
        *grid("categorical_crossentropy", CLASSES, "soft", from_logits=BOTH),
        *grid("categorical_crossentropy", LAST, "soft", from_logits=BOTH, label_smoothing=[0.2]),
        *grid("sparse_categorical_crossentropy", LAST[:2], "indices", from_logits=BOTH, ignore_class=[None, -1]),
    ]
)


@pytest.mark.parametrize("loss", KERAS)
def test_keras(loss):
    golden.check_keras(KERAS[loss])


SKLEARN = {
    "log_loss": (grid("sparse_categorical_crossentropy", [(9, 3)], "indices"), metrics.log_loss),
}


@pytest.mark.parametrize("cases, oracle", SKLEARN.values(), ids=SKLEARN)
def test_sklearn(cases, oracle):
    golden.check_sklearn(cases, oracle)


# ---------------------------------------------------------------- 4. oracle: numbers recorded from PyTorch

# fmt: off
PYTORCH = [  # the recipe is in golden.py
    (
        "CrossEntropyLoss(reduction=r)", "z, k",
        "sparse_categorical_crossentropy",
        {"from_logits": True},
        [0.3519518638028018, 0.10628354394097801, 1.3188226975376511, 5.036269565124779],
        [[-0.2966860239782261, 0.09518319614917499, 0.20150282782905093],
         [0.006058557497568725, 0.09477178468365584, -0.10083034218122455],
         [0.38913743378630633, -0.7325500137824399, 0.3434125799961334],
         [0.9643802951468596, -0.9935020566843381, 0.029121761537478398]],
    ),
    (
        "CrossEntropyLoss(weight=w, reduction=r)", "z, k",
        "sparse_categorical_crossentropy",
        {"from_logits": True, "class_weight": W},
        [0.1759759319014009, 0.1328544299262225, 2.6376453950753023, 10.072539130249558],
        [[-0.14834301198911304, 0.047591598074587495, 0.10075141391452547],
         [0.007573196871960906, 0.1184647308545698, -0.1260379277265307],
         [0.7782748675726127, -1.4651000275648798, 0.6868251599922668],
         [1.9287605902937193, -1.9870041133686762, 0.058243523074956796]],
    ),
    (
        "CrossEntropyLoss(label_smoothing=0.2, reduction=r)", "z, k",
        "sparse_categorical_crossentropy",
        {"from_logits": True, "label_smoothing": 0.2},
        [0.5686185304694684, 0.5896168772743113, 1.2771560308709846, 4.602936231791446],
        [[-0.16335269064489277, 0.028516529482508324, 0.13483616116238428],
         [-0.06060810916909794, 0.028105118016989172, 0.03250299115210875],
         [0.3224707671196397, -0.5992166804491066, 0.27674591332946674],
         [0.897713628480193, -0.8601687233510048, -0.03754490512918827]],
    ),
    (
        "CrossEntropyLoss(weight=w, label_smoothing=0.2, reduction=r)", "z, k",
        "sparse_categorical_crossentropy",
        {"from_logits": True, "label_smoothing": 0.2, "class_weight": W},
        [0.5996020448051544, 0.5995210965928892, 2.4064886571113213, 9.025432028814175],
        [[0.023820751080819717, -0.07146425583636959, 0.047643504755549786],
         [-0.025760136461372426, -0.014868602478763534, 0.04062873894013605],
         [0.6865709191713334, -1.2385508588308471, 0.5519799396595135],
         [1.750770212688357, -1.7213121381993588, -0.02945807448899829]],
    ),
    (
        "CrossEntropyLoss(weight=w, label_smoothing=0.2, reduction=r)", "z.reshape(2, 3, 2), k.reshape(2, 2)",
        "sparse_categorical_crossentropy",
        {"from_logits": True, "label_smoothing": 0.2, "class_weight": W, "axis": 1},
        [[0.5962036777264044, 0.8286702897393071], [1.7750650060411697, 0.5138112081043855]],
        [[[-0.0637781636801482, 0.0030688685885146647], [-0.02745400452321442, -0.1252109041887559],
         [0.09123216820336259, 0.12214203560024128]], [[0.8048518956291373, -0.008067845072429893],
         [-0.9936374649817932, 0.03791413933770317], [0.1887855693526561, -0.02984629426527343]]],
    ),
    (
        "CrossEntropyLoss(weight=w, label_smoothing=0.2, ignore_index=1, reduction=r)", "z, k",
        "sparse_categorical_crossentropy",
        {"from_logits": True, "label_smoothing": 0.2, "class_weight": W, "ignore_class": 1},
        [0.5996020448051544, 0.5995210965928892, 0.0, 0.0],
        [[0.023820751080819717, -0.07146425583636959, 0.047643504755549786],
         [-0.025760136461372426, -0.014868602478763534, 0.04062873894013605], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
    ),
    (
        "CrossEntropyLoss(ignore_index=-100, reduction=r)", "z, i",
        "sparse_categorical_crossentropy",
        {"from_logits": True, "ignore_class": -100},
        [0.3519518638028018, 0.0, 1.3188226975376511, 5.036269565124779],
        [[-0.2966860239782261, 0.09518319614917499, 0.20150282782905093], [0.0, 0.0, 0.0],
         [0.38913743378630633, -0.7325500137824399, 0.3434125799961334],
         [0.9643802951468596, -0.9935020566843381, 0.029121761537478398]],
    ),
    (
        "CrossEntropyLoss(reduction=r)", "z, s",
        "categorical_crossentropy",
        {"from_logits": True},
        [1.1644518638028019, 2.356283543940978, 1.0844476975376511, 4.286269565124779],
        [[0.20331397602177392, -0.15481680385082502, -0.048497172170949066],
         [0.006058557497568725, -0.9052282153163441, 0.8991696578187754],
         [0.26413743378630633, 0.14244998621756016, -0.4065874200038666],
         [0.9643802951468596, -0.49350205668433805, -0.4708782384625216]],
    ),
    (
        "CrossEntropyLoss(weight=w, label_smoothing=0.2, reduction=r)", "z, s",
        "categorical_crossentropy",
        {"from_logits": True, "label_smoothing": 0.2, "class_weight": W},
        [1.8704803835164152, 4.263291222957476, 1.4089450385887308, 6.764551159276741],
        [[0.5403120402906179, -0.42863181756924085, -0.11168022272137731],
         [-0.02212500196283119, -1.5580055316685701, 1.5801305336314013],
         [0.40308845889954964, 0.0009791494386168953, -0.4040676083381667],
         [1.4614561241442992, -0.9232615211940574, -0.5381946029502419]],
    ),
]
# fmt: on
# The same recipe with r = "mean". PyTorch divides by the sum of the weights of the labels: here the labels' weights
# are sample weights, and the reduction is mean_with_sample_weight.
PYTORCH_MEANS = [
    ("CrossEntropyLoss(weight=w, reduction=r)", "z, k", {}, 2.264176502113475),
    ("CrossEntropyLoss(ignore_index=1, reduction=r)", "z, k", {"ignore_class": 1}, 0.2291177038718899),
    ("CrossEntropyLoss(weight=w, ignore_index=1, reduction=r)", "z, k", {"ignore_class": 1}, 0.17647449247292765),
    ("CrossEntropyLoss(weight=w, reduction=r)", "z, i", {"ignore_class": -100}, 2.8635912127169467),
]


def test_pytorch():
    golden.check_torch_nn(PYTORCH)


def test_pytorch_mean():
    for made, arguments, options, mean in PYTORCH_MEANS:
        y_pred, y_true = eval(arguments, {}, INPUTS)
        loss = box.SparseCategoricalCrossentropy(
            from_logits=True, reduction="mean_with_sample_weight", dtype=PRECISE, **options
        )
        weights = np.array(W)[np.maximum(y_true, 0)] if "weight=w" in made else None
        with golden.naming(f"{made} of {arguments}"):
            assert_close(ops.convert_to_numpy(loss(y_true, y_pred, weights)), mean, TOLERANCE[PRECISE])


def test_pytorch_recipe():
    pytest.importorskip("torch", reason="the recipe needs PyTorch")
    golden.check_recipe_of_torch_nn(PYTORCH)
    for made, arguments, _, mean in PYTORCH_MEANS:
        np.testing.assert_allclose(golden.run_torch_nn(made, arguments, "mean")[0].detach().numpy(), mean, rtol=1e-14)


# The code of the authors of SCE, GCE and PolyLoss, written anew from their formulas.
# Recipe, run with PyTorch 2.13.0 on a CPU in float64 (`test_recipe_of_the_formulas` runs it again where there is a
# PyTorch): values = <a function of torch_formulas>(<y_pred>, <y_true>, *<parameters>); values.sum().backward()


def torch_formulas():
    import torch
    from torch.nn import functional

    def sce(x, k, alpha, beta):
        y = torch.clamp(functional.one_hot(k, x.shape[-1]).to(x.dtype), 1e-4, 1)
        reverse = -(torch.clamp(torch.softmax(x, -1), 1e-7, 1) * torch.log(y)).sum(-1)
        return alpha * functional.cross_entropy(x, k, reduction="none") + beta * reverse

    def gce(x, k, q):
        return (1 - torch.softmax(x, -1).gather(-1, k[:, None])[:, 0] ** q) / q

    def poly1(x, s, epsilon):
        p_t = (s * torch.softmax(x, -1)).sum(-1)
        return functional.cross_entropy(x, s, reduction="none") + epsilon * (1 - p_t)

    return {f.__name__: f for f in (sce, gce, poly1)}


# fmt: off
PYTORCH_FORMULAS = [
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


def test_pytorch_formulas():
    golden.check_torch_formulas(PYTORCH_FORMULAS)


def test_recipe_of_the_formulas():
    pytest.importorskip("torch", reason="the recipe needs PyTorch")
    golden.check_recipe_of_torch_formulas(torch_formulas(), PYTORCH_FORMULAS)


# torch.nn.CrossEntropyLoss's docstring: torch.manual_seed(283); z = torch.randn(3, 5); y = torch.randn(3, 5)
# prints loss(z, y) = 4.6379876136779785 and loss(z, y.softmax(dim=1)) = 2.55349063873291
SEED_283 = {
    "z": [
        [-2.2707958221435547, -0.08810677379369736, -2.318039894104004, 1.525937557220459, -0.22015132009983063],
        [0.0743810161948204, -1.772515058517456, -0.7908366322517395, -1.0375325679779053, -0.16141602396965027],
        [2.1020450592041016, -2.1551036834716797, 0.12672016024589539, -1.3159734010696411, 1.7355096340179443],
    ],
    "y": [
        [0.7105441093444824, 0.4445881247520447, 2.029740333557129, 0.2670746445655823, -0.6075279116630554],
        [-1.0496162176132202, -0.27534961700439453, -0.3585546314716339, 0.9269896745681763, 1.0027204751968384],
        [0.7551053762435913, 0.10031518340110779, 1.3468472957611084, -0.35811862349510193, -0.9568804502487183],
    ],
}
DOCUMENTED = {
    "torch.nn.CrossEntropyLoss": (
        box.CategoricalCrossentropy(from_logits=True),
        SEED_283["y"],
        SEED_283["z"],
        4.6379876136779785,
    ),
    "torch.nn.CrossEntropyLoss-softmax": (
        box.CategoricalCrossentropy(from_logits=True),
        special.softmax(SEED_283["y"], -1),
        SEED_283["z"],
        2.55349063873291,
    ),
    "tf.nn.softmax_cross_entropy_with_logits": (
        box.CategoricalCrossentropy(from_logits=True, reduction="none"),
        [[1.0, 0.0, 0.0], [0.0, 0.8, 0.2]],
        [[4.0, 2.0, 1.0], [0.0, 5.0, 1.0]],
        [0.16984604, 0.82474494],
    ),
    "tf.nn.sparse_softmax_cross_entropy_with_logits": (
        box.SparseCategoricalCrossentropy(from_logits=True, reduction="none"),
        [0, 3, 1],
        [[2.0, -5.0, 0.5, -0.1], [0.0, 0.0, 1.9, 1.4], [-100.0, 100.0, -100.0, -100.0]],
        [0.29750752, 1.1448325, 0.0],
    ),
}


def test_documented():
    golden.check_documented(DOCUMENTED)


# ---------------------------------------------------------------- 5. oracle: 80 digits

EXTREMES = {  # the loss: its options given a number, the oracle given the same number, the numbers
    "poly1_crossentropy": (lambda epsilon: {"epsilon": epsilon}, oracle_categorical.exact_poly1, [-1.0, 2.0]),
    "generalized_crossentropy": (lambda q: {"q": q}, oracle_categorical.exact_generalized, [0.01, 0.7, 1.0]),
    "symmetric_crossentropy": (lambda alpha: {"alpha": alpha}, oracle_categorical.exact_symmetric, [0.1, 6.0]),
}


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("loss, number", [(loss, n) for loss, (*_, numbers) in EXTREMES.items() for n in numbers])
def test_extreme_logits(loss, number, dtype):
    options, oracle, _ = EXTREMES[loss]
    golden.check_extreme_logits(loss, oracle, number, dtype, **options(number))


@pytest.mark.parametrize("loss", EXTREMES)
def test_logits_and_probabilities_agree(loss):
    golden.check_logits_and_probabilities_agree(loss)


# ---------------------------------------------------------------- extremes, labels, axes

LOGITS = np.concatenate([np.linspace(-1e4, 1e4, 41), np.linspace(-20, 20, 41)]).astype("float32")[:, None]


@pytest.mark.parametrize("cls", [box.CategoricalCrossentropy, box.SparseCategoricalCrossentropy])
@pytest.mark.parametrize("mode", MODES)
def test_categorical_crossentropy_of_every_logit(cls, mode):
    """Oracle: scipy.special in float64."""
    z = np.concatenate([LOGITS, -LOGITS[::-1] / 3, np.zeros_like(LOGITS)], -1)
    labels = np.arange(len(z)) % 3
    y = labels if cls is box.SparseCategoricalCrossentropy else np.eye(3)[labels]
    loss = cls(from_logits=True, reduction="sum")
    value, gradient = value_and_gradient(lambda x: loss(y, x), z, mode)
    z = z.astype("float64")
    np.testing.assert_allclose(value, -np.sum(special.log_softmax(z, -1)[np.arange(len(z)), labels]), rtol=1e-6)
    np.testing.assert_allclose(gradient, special.softmax(z, -1) - np.eye(3)[labels], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_class_probabilities_of_exactly_0_and_1(mode):
    """The loss is Keras's (clipped at epsilon); the gradient, which Keras has as 0, points out of the mistake."""
    for cls, labels in ((box.CategoricalCrossentropy, [[0, 1, 0]]), (box.SparseCategoricalCrossentropy, [1])):
        loss = cls()
        value, gradient = value_and_gradient(lambda x: loss(labels, x), np.array([[1, 0, 0]], "float32"), mode)  # noqa: B023
        np.testing.assert_allclose(value, -np.log(1e-7), rtol=1e-6)
        assert np.all(np.isfinite(gradient))
        assert gradient[0, 1] < -1e6


@pytest.mark.parametrize("rows", [0.0, 0.3, 2.0])
def test_target_rows_of_any_sum_have_the_right_gradient(rows):
    """Oracle: the derivative, Σy softmax(z) - y, in numpy."""
    z, y = np.array([[1.0, -2.0, 0.5]], "float32"), np.array([[0.5, 0.5, 0.0]], "float32") * rows
    loss = box.CategoricalCrossentropy(from_logits=True)
    _, gradient = value_and_gradient(lambda x: loss(y, x), z)
    np.testing.assert_allclose(gradient, y.sum() * special.softmax(z, -1) - y, rtol=1e-5, atol=1e-7)


BAD_LABELS = [
    pytest.param(np.array([0, 3]), "3", id="above"),
    pytest.param(np.array([-1, 1]), "-1", id="below"),
    pytest.param(np.array([0, 255], "uint8"), "255", id="uint8"),
    pytest.param(np.array([0.0, 1.5]), "a label that is no whole number", id="fraction"),
    pytest.param(np.array([0.0, np.nan]), "NaN", id="nan"),
    pytest.param(np.array([0.0, np.inf]), "a label that is no whole number", id="inf"),
    pytest.param(np.array([0.0, 1e12]), "a label that is no whole number", id="huge"),
    pytest.param(np.array([0.0, 0.5], "float16"), "a label that is no whole number", id="float16"),
    pytest.param(np.array([0, 2**31 + 1], "int64"), str(2**31 + 1), id="int64"),
]


@pytest.mark.one_in(10)
@pytest.mark.parametrize("labels, shown", BAD_LABELS)
@pytest.mark.parametrize("cls", [box.SparseCategoricalCrossentropy, box.ZeroOne], ids=lambda c: c.__name__)
def test_labels_out_of_range_are_never_a_number(labels, shown, cls):
    if labels.dtype == "int64" and BACKEND == "jax":
        pytest.skip("JAX has no int64 by default")
    z = np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 2.0]], "float32")
    loss = cls(from_logits=True)
    with pytest.raises(ValueError, match=rf"{cls.__name__}: `y_true` must hold class indices from 0 to 2.*{shown}"):
        loss(labels, z)
    for mode in MODES[1:]:
        if labels.dtype.kind == "f" and BACKEND == "jax":
            labels = labels.astype("float32")  # JAX has no float64 by default
        # a traced label: it comes out of y_pred, so that no mode can look at its value
        check_refused(
            lambda x, y=labels: loss(keras.ops.convert_to_tensor(y) + keras.ops.cast(0 * x[:, 0], y.dtype), x),
            z,
            mode,
        )
    assert np.isfinite(numpy(loss(labels, z, sample_weight=[1.0, 0.0])) if shown != "-1" else 0.0)


def test_class_ids_stay_exact_where_floats_would_round_them():
    """Keras casts labels to the loss's dtype: bfloat16 has no 257."""
    z = np.zeros((2, 300), "float32")
    z[:, 257] = 5.0
    loss = box.SparseCategoricalCrossentropy(from_logits=True, dtype="bfloat16", reduction="none")
    values = numpy(keras.ops.cast(loss([257, 256], z), "float32"))
    np.testing.assert_allclose(values, -special.log_softmax(z.astype("float64"), -1)[[0, 1], [257, 256]], rtol=1e-2)


@pytest.mark.parametrize("labels", [[1, 255], [[1], [255]], np.array([1, 255], "uint8"), [1.0, 255.0]], ids=str)
def test_ignored_class(labels):
    p = [[0.25, 0.75], [0.5, 0.5]]
    loss = box.SparseCategoricalCrossentropy(ignore_class=255)
    np.testing.assert_allclose(numpy(loss(labels, p)), -np.log(0.75), rtol=1e-6)
    assert numpy(loss([255, 255], p)) == 0


def test_axis_in_front_of_the_last_with_weights_of_pixels(rng):
    """Oracle: the same with the classes moved to the back."""
    z = rng.normal(size=(2, 3, 4, 5)).astype("float32")
    labels, weights = rng.integers(0, 3, (2, 4, 5)), rng.random((2, 4, 5)).astype("float32")
    for options in ({}, {"label_smoothing": 0.2, "class_weight": [1.0, 2.0, 0.5]}):
        last = box.SparseCategoricalCrossentropy(from_logits=True, **options)
        expected = numpy(last(labels, np.moveaxis(z, 1, -1), weights))
        for y in (labels, labels[:, None]):
            for w in (weights, weights[:, None]):
                loss = box.SparseCategoricalCrossentropy(from_logits=True, axis=1, **options)
                np.testing.assert_allclose(numpy(loss(y, z, w)), expected, rtol=1e-6)
        dense = box.CategoricalCrossentropy(from_logits=True, axis=1, **options)
        one_hot = np.moveaxis(np.eye(3, dtype="float32")[labels], -1, 1)
        np.testing.assert_allclose(numpy(dense(one_hot, z, weights)), expected, rtol=1e-6)


@pytest.mark.parametrize("cls", [box.CategoricalCrossentropy, box.SparseCategoricalCrossentropy, box.ZeroOne])
def test_bad_axis_and_single_class(cls):
    with pytest.raises(ValueError, match=f"{cls.__name__}: `axis` must be an axis of y_pred. Received: axis=5"):
        cls(axis=5)([[0, 1]], [[0.5, 0.5]])
    if cls is not box.ZeroOne:
        with pytest.raises(ValueError, match=f"{cls.__name__}: `y_pred` must hold at least two classes"):
            cls()([[1], [1]], [[0.5], [0.5]])


# ---------------------------------------------------------------- identities, both sides this package's


@identity(classes(), st.booleans(), EPSILONS, class_weights)
def test_one_hot_is_sparse(data, from_logits, epsilon, weights):
    labels, one_hot, z, axis = data
    x = z if from_logits else special.softmax(z, axis)
    options = {"from_logits": from_logits, "label_smoothing": epsilon, "class_weight": weights, "axis": axis}
    sparse = evaluate("sparse_categorical_crossentropy", labels, x, **options)
    assert_same(sparse, evaluate("categorical_crossentropy", one_hot, x, **options))


@identity(classes(), EPSILONS, class_weights)
def test_class_logits_are_probabilities(data, epsilon, weights):
    labels, _, z, axis = data
    p, options = special.softmax(z, axis), {"label_smoothing": epsilon, "class_weight": weights, "axis": axis}
    values, slope = evaluate("sparse_categorical_crossentropy", labels, p, **options)
    through_softmax = p * (slope - np.sum(p * slope, axis, keepdims=True))
    logits = evaluate("sparse_categorical_crossentropy", labels, z, from_logits=True, **options)
    assert_same(logits, (values, through_softmax))


@identity(classes(), st.booleans(), EPSILONS, class_weights)
def test_class_smoothing_is_a_mixture_with_the_uniform_distribution(data, from_logits, epsilon, weights):
    labels, one_hot, z, axis = data
    x = z if from_logits else special.softmax(z, axis)
    options = {"from_logits": from_logits, "class_weight": weights, "axis": axis}
    hard = evaluate("sparse_categorical_crossentropy", labels, x, **options)
    uniform = evaluate("categorical_crossentropy", np.full(one_hot.shape, 1 / 3), x, **options)
    mixture = [(1 - epsilon) * a + epsilon * b for a, b in zip(hard, uniform, strict=True)]
    for loss, y in (("sparse_categorical_crossentropy", labels), ("categorical_crossentropy", one_hot)):
        assert_same(evaluate(loss, y, x, label_smoothing=epsilon, **options), mixture)


@pytest.mark.matrix
@identity(classes(), st.booleans(), st.lists(st.floats(0.1, 4), min_size=3, max_size=3))
def test_a_class_weight_is_a_sample_weight_where_labels_are_hard(data, from_logits, weights):
    labels, one_hot, z, axis = data
    x = z if from_logits else special.softmax(z, axis)
    for loss, y in (("sparse_categorical_crossentropy", labels), ("categorical_crossentropy", one_hot)):
        for reduction in ("none", "sum", "sum_over_batch_size", "sum_by_nonzero_weights"):
            options = {"from_logits": from_logits, "axis": axis, "reduction": reduction}
            by_class = evaluate(loss, y, x, class_weight=weights, **options)
            assert_same(by_class, evaluate(loss, y, x, np.array(weights)[labels], **options))


@identity(classes(), st.floats(-30, 30))
def test_logits_may_be_shifted(data, shift):
    labels, _, z, axis = data
    options = {"from_logits": True, "axis": axis}
    plain = evaluate("sparse_categorical_crossentropy", labels, z, **options)
    assert_same(evaluate("sparse_categorical_crossentropy", labels, z + shift, **options), plain)


@identity(classes())
def test_ignored_is_weighted_zero(data):
    labels, _, z, axis = data
    options = {"from_logits": True, "axis": axis, "reduction": "sum_by_nonzero_weights"}
    ignored = evaluate("sparse_categorical_crossentropy", labels, z, ignore_class=2, **options)
    assert_same(ignored, evaluate("sparse_categorical_crossentropy", labels, z, 1.0 * (labels != 2), **options))


COUNTABLE = ["categorical_crossentropy", "sparse_categorical_crossentropy"]


@pytest.mark.parametrize("reduction", ["sum", "mean_with_sample_weight"])
@pytest.mark.parametrize("loss", COUNTABLE)
@settings(few, max_examples=5)
@given(data=classes(PLACES[:2]), more=st.data())
def test_a_weight_of_two_is_the_row_twice(loss, reduction, data, more):
    check_a_weight_of_two_is_the_row_twice(loss, reduction, data, more)
