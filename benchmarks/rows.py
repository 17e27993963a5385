"""What is measured: one `Row` for each loss, with its inputs, its competitors and its targets. Nothing else is here."""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

import keras_lossbox as box

MODES = ("eager", "graph", "xla")
SHAPES = {
    "32x10": (32, 10),
    "64x64": (64, 64),
    "512x512": (512, 512),
    "1024x128": (1024, 128),
    "1024x1000": (1024, 1000),
    "4M": (4096, 1024),
    "40000x100": (40000, 100),
    "4096x32000": (4096, 32000),
    "8x512x512x4": (8, 512, 512, 4),
    "8x256x256x3": (8, 256, 256, 3),
    "32x100x32": (32, 100, 32),
    "16x200x64": (16, 200, 64),
}
DENSE = ("32x10", "64x64", "512x512", "1024x1000", "40000x100", "4M")
SPARSE = (*DENSE, "4096x32000")
IMAGES = ("8x512x512x4",)
PHOTOS = ("8x256x256x3",)
SEQUENCES = ("32x100x32", "16x200x64")  # samples, time steps, classes
PAIRS = ("64x64", "512x512", "1024x128")  # samples, features: each sample with each


@dataclasses.dataclass(frozen=True)
class Target:
    """The package's time (or peak memory) is at most `at_most` times that of `against`.

    `against` is "keras", "formula", or "y_pred" for the size of y_pred itself. No modes or sizes: all of them.
    """

    against: str
    at_most: float
    measure: str = "time"
    modes: tuple = MODES
    sizes: tuple = tuple(SHAPES)


NEVER_SLOWER = (
    Target("keras", 1.2, modes=("eager",), sizes=("32x10",)),  # there it is the overhead of one call
    Target("keras", 1.05),
)
FOCAL = (Target("keras", 0.7, modes=("graph",)),)
WEIGHTED = (
    Target("formula", 0.75, modes=("eager", "graph"), sizes=("4M",)),
    Target("formula", 1.0, modes=("xla",), sizes=("4M",)),
    Target("y_pred", 2.0, measure="memory", modes=("graph",), sizes=("4M",)),
)
PAIRWISE = (Target("formula", 1.05, sizes=("1024x128",)),)
NO_ONE_HOT = (
    Target("keras", 0.6, sizes=("4096x32000",)),
    Target("keras", 0.5, measure="memory", sizes=("4096x32000",)),
)


@dataclasses.dataclass(frozen=True)
class Row:
    """One loss. `box`, `keras` and `formula` take y_true and y_pred and give one number; the last two may be None."""

    name: str
    inputs: Callable  # of a numpy generator and a shape: y_true, y_pred
    box: Callable
    keras: Callable | None
    formula: Callable | None
    sizes: tuple = DENSE
    targets: tuple = ()  # beside NEVER_SLOWER, and before it

    def contenders(self):
        """Name -> function, of those that exist."""
        named = {"box": self.box, "keras": self.keras, "formula": self.formula}
        return {name: function for name, function in named.items() if function is not None}

    def target(self, measure, mode, size):
        """The target for a cell of the table: the first that speaks of it, or None."""
        for target in (*self.targets, *NEVER_SLOWER):
            known = target.against == "y_pred" or target.against in self.contenders()
            if known and target.measure == measure and mode in target.modes and size in target.sizes:
                return target
        return None


# Inputs: as a model gives them at the beginning of its training.


def yes_no_logits(rng, shape):
    return (rng.random(shape, "float32") < 0.2).astype("float32"), rng.standard_normal(shape, "float32")


def yes_no_probabilities(rng, shape):
    y_true, logits = yes_no_logits(rng, shape)
    return y_true, 1 / (1 + np.exp(-logits))


def class_logits(rng, shape):
    return rng.integers(0, shape[-1], shape[:-1], "int32"), rng.standard_normal(shape, "float32")


def class_probabilities(rng, shape):
    y_true, logits = class_logits(rng, shape)
    return y_true, softmax(logits)


def one_hot_logits(rng, shape):
    labels, logits = class_logits(rng, shape)
    y_true = np.zeros(shape, "float32")
    np.put_along_axis(y_true, labels[..., None], 1, axis=-1)
    return y_true, logits


def one_hot_probabilities(rng, shape):
    y_true, logits = one_hot_logits(rng, shape)
    return y_true, softmax(logits)


def real_numbers(rng, shape):
    return rng.standard_normal(shape, "float32"), rng.standard_normal(shape, "float32")


def signs(rng, shape):
    y_true, scores = yes_no_logits(rng, shape)
    return 2 * y_true - 1, scores


def distributions(rng, shape):
    return softmax(rng.standard_normal(shape, "float32")), softmax(rng.standard_normal(shape, "float32"))


def positive_numbers(rng, shape):
    y_true, y_pred = real_numbers(rng, shape)
    return np.exp(y_true), np.exp(y_pred)


def counts(rng, shape):
    rate = np.exp(rng.standard_normal(shape, "float32"))
    return rng.poisson(rate).astype("float32"), rate


def logarithms_of_rates(rng, shape):
    y_true, rates = counts(rng, shape)
    return y_true, np.log(rates)


def unit_vectors(rng, shape):
    """Of four classes, so that each vector has others of its own class and of another."""
    x = rng.standard_normal(shape, "float32")
    return np.arange(len(x), dtype="int32") % 4, x / np.linalg.norm(x, axis=-1, keepdims=True)


def unit_tuples(rng, shape):
    """Two embeddings of each sample."""
    x = rng.standard_normal((shape[0], 2, shape[1]), "float32")
    return np.arange(len(x), dtype="int32"), x / np.linalg.norm(x, axis=-1, keepdims=True)


def photos(rng, shape):
    """In [0, 1]; predictions are the labels with noise."""
    y_true = rng.random(shape, "float32")
    return y_true, np.clip(y_true + 0.1 * rng.standard_normal(shape, "float32"), 0, 1)


def sequences(rng, shape):
    """Labels for a fourth of the time steps, none of them the blank, class 0."""
    samples, times, classes = shape
    return rng.integers(1, classes, (samples, times // 4), "int32"), rng.standard_normal(shape, "float32")


def softmax(logits):
    p = np.exp(logits)
    p /= p.sum(-1, keepdims=True)
    return p


# The shortest formulas in TensorFlow that mean the same, for competitors that are more than one expression. Squares are
# tf.square: `x**2` is several times slower in eager mode.

SMOOTHING, POSITIVE_WEIGHT = 0.1, 3.0
_sum, _mean, _square = tf.reduce_sum, tf.reduce_mean, tf.square


def _cross_entropy(y, z):
    return tf.nn.softmax_cross_entropy_with_logits(y, z)


def _smoothed(y, z):
    return y * (1 - SMOOTHING) + SMOOTHING / z.shape[-1]


def _one_hot(y, z):
    return tf.one_hot(y, z.shape[-1])


def _binary_focal(y, p, crossentropy):
    return _mean(_square(1 - (y * p + (1 - y) * (1 - p))) * crossentropy)


def _binary_crossentropy(y, p):
    return -(y * tf.math.log(p) + (1 - y) * tf.math.log1p(-p))


def _categorical_focal(y, log_p):
    return -0.25 * _mean(_sum(y * _square(1 - tf.exp(log_p)) * log_p, -1))


def _sparse_focal(y, z):
    crossentropy = tf.nn.sparse_softmax_cross_entropy_with_logits(y, z)
    return 0.25 * _mean(_square(1 - tf.exp(-crossentropy)) * crossentropy)


def _huber(y, z):
    size = tf.abs(y - z)
    return _mean(tf.where(size <= 1, _square(size) / 2, size - 0.5))


def _log_cosh(y, z):
    size = tf.abs(y - z)
    return _mean(size + tf.nn.softplus(-2 * size) - 0.6931472)


def _dice(y, p):
    return 1 - _mean(2 * _sum(y * p, (1, 2)) / (_sum(y, (1, 2)) + _sum(p, (1, 2))))


def _jaccard(y, p):
    both = _sum(y * p, (1, 2))
    return 1 - _mean(both / (_sum(y, (1, 2)) + _sum(p, (1, 2)) - both))


def _cosine(y, z):
    return -_mean(_sum(tf.math.l2_normalize(y, -1) * tf.math.l2_normalize(z, -1), -1))


def _categorical_hinge(y, z):
    return _mean(tf.nn.relu(1 + tf.reduce_max((1 - y) * z, -1) - _sum(y * z, -1)))


def _generalized(y, p):
    return _mean((1 - tf.sqrt(tf.gather(p, y, batch_dims=1))) / 0.5)


def _products(x, y=None):
    return tf.matmul(x, x if y is None else y, transpose_b=True)


def _distances(x):
    squares = _sum(_square(x), -1)
    return tf.sqrt(tf.maximum(squares[:, None] + squares[None] - 2 * _products(x), 1e-12))


def _same(y):
    """Which pairs are of one class and two samples, and which of one class."""
    same = tf.equal(y[:, None], y[None])
    return tf.linalg.set_diag(same, tf.zeros_like(y, "bool")), same


def _log_sum_exp(x, mask):
    return tf.reduce_logsumexp(tf.where(mask, x, -np.inf), -1)


def _mean_over(x, mask, axis=None):
    return _sum(tf.where(mask, x, 0), axis) / _sum(tf.cast(mask, x.dtype), axis)


def _sup_con(y, x):
    s, positive = _products(tf.math.l2_normalize(x, -1)) / 0.1, _same(y)[0]
    others = tf.linalg.set_diag(tf.ones_like(positive), tf.zeros_like(y, "bool"))
    return _mean(_log_sum_exp(s, others) - _mean_over(s, positive, -1))


def _nt_xent(y, x):
    s, (positive, same) = _products(tf.math.l2_normalize(x, -1)) / 0.07, _same(y)
    return _mean_over(tf.nn.softplus(_log_sum_exp(s, ~same)[:, None] - s), positive)


def _multi_similarity(y, x):
    s, (positive, same) = _products(tf.math.l2_normalize(x, -1)) - 0.5, _same(y)
    towards, away = _log_sum_exp(-2 * s, positive), _log_sum_exp(50 * s, ~same)
    return _mean(tf.nn.softplus(towards) / 2 + tf.nn.softplus(away) / 50)


def _lifted_struct(y, x):
    distances, (positive, same) = _distances(x), _same(y)
    sums = _sum(tf.where(same, 0.0, tf.exp(1 - distances)), -1)
    return _mean_over(_square(tf.nn.relu(distances + tf.math.log(sums[:, None] + sums[None]))), positive) / 2


def _triplet_hard(y, x):
    distances, (positive, same) = _distances(x), _same(y)
    farthest = tf.reduce_max(tf.where(positive, distances, 0), -1)
    return _mean(tf.nn.relu(farthest - tf.reduce_min(tf.where(same, np.inf, distances), -1) + 1))


def _logits_of_tuples(x):
    x = tf.math.l2_normalize(x, -1)
    return _products(x[:, 0], x[:, 1])


def _info_nce(y, x):
    return _mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, _logits_of_tuples(x) / 0.07))


def _siglip(y, x):
    z = _logits_of_tuples(x) / 0.1 - 10
    return _mean(_sum(tf.nn.softplus(tf.linalg.set_diag(z, -tf.linalg.diag_part(z))), -1))


def _npairs(y, x):
    labels = tf.cast(tf.equal(y[:, None], y[None]), x.dtype)
    return _mean(_cross_entropy(labels / _sum(labels, -1, keepdims=True), _products(x[:, 0], x[:, 1])))


def _ctc(y, z):
    samples, times, lengths = tf.shape(z)[0], tf.shape(z)[1], tf.shape(y)[1]
    lengths, times = tf.fill([samples], lengths), tf.fill([samples], times)
    return _mean(tf.nn.ctc_loss(y, z, lengths, times, logits_time_major=False, blank_index=0))


K, LOGITS = keras.losses, {"from_logits": True}
_keras_smoothed = K.CategoricalCrossentropy(**LOGITS, label_smoothing=SMOOTHING)
_keras_generalized = K.CategoricalGeneralizedCrossEntropy()
_keras_categorical_focal = K.CategoricalFocalCrossentropy(**LOGITS)

ROWS = [
    Row(
        "BinaryCrossentropy",
        yes_no_logits,
        box.BinaryCrossentropy(**LOGITS),
        K.BinaryCrossentropy(**LOGITS),
        lambda y, z: _mean(tf.nn.sigmoid_cross_entropy_with_logits(y, z)),
    ),
    Row(
        "BinaryCrossentropy pos_weight",
        yes_no_logits,
        box.BinaryCrossentropy(**LOGITS, pos_weight=POSITIVE_WEIGHT),
        None,
        lambda y, z: _mean(tf.nn.weighted_cross_entropy_with_logits(y, z, POSITIVE_WEIGHT)),
        targets=WEIGHTED,
    ),
    Row(
        "BinaryCrossentropy probabilities",
        yes_no_probabilities,
        box.BinaryCrossentropy(),
        K.BinaryCrossentropy(),
        lambda y, p: _mean(_binary_crossentropy(y, p)),
    ),
    Row(
        "CategoricalCrossentropy",
        one_hot_logits,
        box.CategoricalCrossentropy(**LOGITS),
        K.CategoricalCrossentropy(**LOGITS),
        lambda y, z: _mean(_cross_entropy(y, z)),
    ),
    Row(
        "CategoricalCrossentropy smoothing",
        one_hot_logits,
        box.CategoricalCrossentropy(**LOGITS, label_smoothing=SMOOTHING),
        _keras_smoothed,
        lambda y, z: _mean(_cross_entropy(_smoothed(y, z), z)),
    ),
    Row(
        "CategoricalCrossentropy probabilities",
        one_hot_probabilities,
        box.CategoricalCrossentropy(),
        K.CategoricalCrossentropy(),
        lambda y, p: -_mean(_sum(y * tf.math.log(p / _sum(p, -1, keepdims=True)), -1)),
    ),
    Row(
        "SparseCategoricalCrossentropy",
        class_logits,
        box.SparseCategoricalCrossentropy(**LOGITS),
        K.SparseCategoricalCrossentropy(**LOGITS),
        lambda y, z: _mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, z)),
        sizes=SPARSE,
    ),
    Row(
        "SparseCategoricalCrossentropy smoothing",
        class_logits,
        box.SparseCategoricalCrossentropy(**LOGITS, label_smoothing=SMOOTHING),
        lambda y, z: _keras_smoothed(_one_hot(y, z), z),
        lambda y, z: _mean(_cross_entropy(_smoothed(_one_hot(y, z), z), z)),
        sizes=SPARSE,
        targets=NO_ONE_HOT,
    ),
    Row(
        "SparseCategoricalCrossentropy probabilities",
        class_probabilities,
        box.SparseCategoricalCrossentropy(),
        K.SparseCategoricalCrossentropy(),
        lambda y, p: -_mean(tf.math.log(tf.gather(p / _sum(p, -1, keepdims=True), y, batch_dims=1))),
        sizes=SPARSE,
    ),
    Row(
        "BinaryFocalCrossentropy",
        yes_no_logits,
        box.BinaryFocalCrossentropy(**LOGITS),
        K.BinaryFocalCrossentropy(**LOGITS),
        lambda y, z: _binary_focal(y, tf.sigmoid(z), tf.nn.sigmoid_cross_entropy_with_logits(y, z)),
        targets=FOCAL,
    ),
    Row(
        "BinaryFocalCrossentropy probabilities",
        yes_no_probabilities,
        box.BinaryFocalCrossentropy(),
        K.BinaryFocalCrossentropy(),
        lambda y, p: _binary_focal(y, p, _binary_crossentropy(y, p)),
        targets=FOCAL,
    ),
    Row(
        "CategoricalFocalCrossentropy",
        one_hot_logits,
        box.CategoricalFocalCrossentropy(**LOGITS),
        _keras_categorical_focal,
        lambda y, z: _categorical_focal(y, tf.nn.log_softmax(z)),
        targets=FOCAL,
    ),
    Row(
        "CategoricalFocalCrossentropy probabilities",
        one_hot_probabilities,
        box.CategoricalFocalCrossentropy(),
        K.CategoricalFocalCrossentropy(),
        lambda y, p: _categorical_focal(y, tf.math.log(p / _sum(p, -1, keepdims=True))),
        targets=FOCAL,
    ),
    Row(
        "SparseCategoricalFocalCrossentropy",
        class_logits,
        box.SparseCategoricalFocalCrossentropy(**LOGITS),
        lambda y, z: _keras_categorical_focal(_one_hot(y, z), z),
        _sparse_focal,
        sizes=SPARSE,
        targets=FOCAL,
    ),
    Row(
        "MeanSquaredError",
        real_numbers,
        box.MeanSquaredError(),
        K.MeanSquaredError(),
        lambda y, z: _mean(tf.math.squared_difference(y, z)),
    ),
    Row(
        "MeanAbsoluteError",
        real_numbers,
        box.MeanAbsoluteError(),
        K.MeanAbsoluteError(),
        lambda y, z: _mean(tf.abs(y - z)),
    ),
    Row("Huber", real_numbers, box.Huber(), K.Huber(), _huber),
    Row("LogCosh", real_numbers, box.LogCosh(), K.LogCosh(), _log_cosh),
    Row(
        "MeanAbsolutePercentageError",
        positive_numbers,
        box.MeanAbsolutePercentageError(),
        K.MeanAbsolutePercentageError(),
        lambda y, z: 100 * _mean(tf.abs((y - z) / y)),
    ),
    Row(
        "MeanSquaredLogarithmicError",
        positive_numbers,
        box.MeanSquaredLogarithmicError(),
        K.MeanSquaredLogarithmicError(),
        lambda y, z: _mean(tf.math.squared_difference(tf.math.log1p(y), tf.math.log1p(z))),
    ),
    Row("CosineSimilarity", real_numbers, box.CosineSimilarity(), K.CosineSimilarity(), _cosine),
    Row(
        "Poisson",
        counts,
        box.Poisson(),
        K.Poisson(),
        lambda y, p: _mean(p - y * tf.math.log(p)),
    ),
    Row(
        "Poisson log_input",
        logarithms_of_rates,
        box.Poisson(log_input=True),
        None,
        lambda y, z: _mean(tf.nn.log_poisson_loss(y, z)),
    ),
    Row(
        "KLDivergence",
        distributions,
        box.KLDivergence(),
        K.KLDivergence(),
        lambda y, p: _mean(_sum(y * tf.math.log(y / p), -1)),
    ),
    Row("Hinge", signs, box.Hinge(), K.Hinge(), lambda y, z: _mean(tf.nn.relu(1 - y * z))),
    Row(
        "SquaredHinge", signs, box.SquaredHinge(), K.SquaredHinge(), lambda y, z: _mean(_square(tf.nn.relu(1 - y * z)))
    ),
    Row("CategoricalHinge", one_hot_logits, box.CategoricalHinge(), K.CategoricalHinge(), _categorical_hinge),
    Row(
        "CategoricalGeneralizedCrossEntropy",
        class_logits,  # with probabilities, the gradient here is that of their share in the sum of the row
        box.CategoricalGeneralizedCrossEntropy(**LOGITS),
        lambda y, z: _keras_generalized(y, tf.nn.softmax(z)),
        lambda y, z: _generalized(y, tf.nn.softmax(z)),
    ),
    Row("Circle", unit_vectors, box.Circle(), K.Circle(), None, sizes=PAIRS),
    # (Of these two the shortest formula has an array of all triplets: 4 GB for 1024 samples.)
    Row("TripletSemiHard", unit_vectors, box.TripletSemiHard(), None, None, sizes=PAIRS),
    Row("TripletAll", unit_vectors, box.TripletAll(), None, None, sizes=PAIRS),
    Row("TripletHard", unit_vectors, box.TripletHard(), None, _triplet_hard, sizes=PAIRS, targets=PAIRWISE),
    Row("LiftedStruct", unit_vectors, box.LiftedStruct(), None, _lifted_struct, sizes=PAIRS, targets=PAIRWISE),
    Row("MultiSimilarity", unit_vectors, box.MultiSimilarity(), None, _multi_similarity, sizes=PAIRS, targets=PAIRWISE),
    Row("NTXent", unit_vectors, box.NTXent(), None, _nt_xent, sizes=PAIRS, targets=PAIRWISE),
    Row("SupCon", unit_vectors, box.SupCon(), None, _sup_con, sizes=PAIRS, targets=PAIRWISE),
    Row("InfoNCE", unit_tuples, box.InfoNCE(), None, _info_nce, sizes=PAIRS, targets=PAIRWISE),
    Row("SigLIP", unit_tuples, box.SigLIP(), None, _siglip, sizes=PAIRS, targets=PAIRWISE),
    Row("NPairs", unit_tuples, box.NPairs(), None, _npairs, sizes=PAIRS, targets=PAIRWISE),
    Row("SSIM", photos, box.SSIM(), None, lambda y, x: 1 - _mean(tf.image.ssim(y, x, 1.0)), sizes=PHOTOS),
    Row("CTC", sequences, box.CTC(), K.CTC(), _ctc, sizes=SEQUENCES),
]

# Losses for segmentation: a row each as soon as the package has them. Keras's two, over both axes of the image, mean
# the same: one value for each sample and class. The others have no counterpart there.
_OVERLAP = {
    "Dice": (K.Dice(axis=(1, 2)), _dice),
    "Jaccard": (None, _jaccard),
    "GeneralizedDice": (None, None),
    "Tversky": (K.Tversky(axis=(1, 2)), _dice),  # which it is by default, alpha = beta = 1/2
    "FocalTversky": (None, None),
    "LovaszSoftmax": (None, None),
}
ROWS += [
    Row(name, one_hot_probabilities, getattr(box, name)(mode="multiclass", per_sample=True), *others, sizes=IMAGES)
    for name, others in _OVERLAP.items()
    if hasattr(box, name)
]
if hasattr(box, "LovaszHinge"):
    ROWS.append(Row("LovaszHinge", yes_no_logits, box.LovaszHinge(mode="multilabel"), None, None, sizes=IMAGES))


def named(name):
    """The row of that name."""
    return next(row for row in ROWS if row.name == name)
