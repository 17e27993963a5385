"""Every registered loss with every value of every option: the table that the contract suite runs over.

A new loss is in it without a change here: its options say which values they have, and its family says which data it
takes. `EXTRA` holds combinations that deserve to be tried as well.
"""

import dataclasses
import inspect
import itertools
import json
import math
import re

import keras
import numpy as np
import pytest
from kinds import CLASSES, Real
from scipy import special

import keras_lossbox
from keras_lossbox import targets
from keras_lossbox.core.options import Choice, Flag, Integer, Number, declared
from keras_lossbox.losses.overlap.base import Overlap

# On PyTorch, Keras's own loss rounds float64 to float32 and raises for NaN.
OF_KERAS = (keras_lossbox if keras.config.backend() == "torch" else keras.losses).BinaryCrossentropy(
    label_smoothing=0.1
)

REQUIRED = {  # what a constructor cannot do without
    "WeightedSum": {"losses": [keras_lossbox.Huber(delta=0.5), keras_lossbox.MeanAbsoluteError()]},
    "Masked": {"loss": keras_lossbox.Huber(delta=0.5)},
    "MixtureNLL": {"components": 2},
    "DIoU": {"image_shape": [480.0, 640.0]},
    "CIoU": {"image_shape": [480.0, 640.0]},
    "SSIM": {"filter_size": 2},  # for images as small as those of `kinds.Real`
    "MultiScaleSSIM": {"filter_size": 2, "power_factors": [0.4, 0.6]},
}
# A loss of overlap knows options of classes in the modes with classes only.
for cls in keras_lossbox.available().values():
    if issubclass(cls, Overlap):
        REQUIRED[cls.__name__] = {"mode": cls.mode.names[-1]}

EXTRA = {
    "WeightedSum": [
        {
            "losses": [
                keras_lossbox.BinaryCrossentropy(pos_weight=[3.0, 0.5, 1.0]),
                OF_KERAS,
            ],
            "weights": [0.5, 2.0],
        },
        {
            "losses": [
                keras_lossbox.SparseCategoricalCrossentropy(from_logits=True),
                keras_lossbox.SparseCategoricalFocalCrossentropy(from_logits=True, gamma=0.5),
            ]
        },
    ],
    "Masked": [
        {"loss": keras_lossbox.BinaryCrossentropy(from_logits=True, pos_weight=[3.0, 0.5, 1.0]), "ignore": -1},
        {"loss": keras_lossbox.CategoricalCrossentropy(), "normalize": "all"},
        {"loss": keras_lossbox.SparseCategoricalCrossentropy(from_logits=True), "ignore": 7},
        {"loss": keras_lossbox.L2Norm()},
    ],
    "BinaryCrossentropy": [
        {"from_logits": True, "pos_weight": [3.0, 0.5, 0.0], "label_smoothing": 0.1},
        {"axis": None},
        {"from_logits": True, "axis": None, "pos_weight": 2.0},
    ],
    "BalancedBinaryCrossentropy": [{"from_logits": True, "scope": "sample", "label_smoothing": 0.1}, {"axis": None}],
    "SparseCategoricalCrossentropy": [
        {"from_logits": True, "label_smoothing": 0.1, "class_weight": [1.0, 0.0, 2.5], "ignore_class": 2},
        {"from_logits": True, "z_loss": 0.01, "label_smoothing": 0.1},
        {"ignore_class": -1},
    ],
    "CategoricalCrossentropy": [{"from_logits": True, "label_smoothing": 0.1, "class_weight": [1.0, 0.0, 2.5]}],
    "MeanSquaredError": [{"axis": None}],
    "MeanAbsolutePercentageError": [{"symmetric": True, "axis": None}],
    "CosineSimilarity": [{"distance": True}],
    "Huber": [{"axis": None, "delta": 0.3}],
    "SmoothL1": [{"beta": 0.0}],
    "GeneralRobust": [{"alpha": "-inf", "scale": 2.5}, {"alpha": 0.0}],
    "Quantile": [{"quantile": [0.1, 0.5, 0.9], "delta": 0.5}],
    "Poisson": [{"log_input": True, "full": True}, {"axis": None}],
    "Tweedie": [{"power": 2.0, "form": "deviance"}, {"log_input": True, "form": "deviance"}],
    "NegativeBinomialNLL": [{"parameterization": "identity"}],
    "GammaNLL": [{"parameterization": "softplus"}],
    "GaussianNLL": [{"parameterization": "log_variance", "full": True}],
    "StudentTNLL": [{"df": 3.0, "parameterization": "softplus_scale"}, {"parameterization": "log_scale"}],
    "BinaryFocalCrossentropy": [
        {"from_logits": True, "gamma": 0.5, "pos_weight": [3.0, 0.5, 0.0], "apply_class_balancing": True},
        {"from_logits": True, "gamma": 0.0, "label_smoothing": 1.0},
        {"axis": None},
    ],
    "CategoricalFocalCrossentropy": [{"from_logits": True, "gamma": 0.5}, {"from_logits": True, "gamma": 0.0}],
    "SparseCategoricalFocalCrossentropy": [
        {"from_logits": True, "gamma": [0.0, 0.5, 5.0], "alpha": [1.0, 0.0, 2.0], "label_smoothing": 0.1},
        {"ignore_class": -1},
    ],
    "AsymmetricLoss": [{"from_logits": True, "clip": 0.0, "gamma_neg": 0.5, "gamma_pos": 0.5}],
    "AsymmetricSingleLabel": [{"from_logits": True, "label_smoothing": 0.0, "gamma_pos": 0.5}],
    "Poly1Crossentropy": [{"from_logits": True, "epsilon": -1.0, "class_weight": [1.0, 0.0, 2.5]}],
    "IoU": [{"bounding_box_format": "center_yxhw", "form": "log", "eps": 1e-7}],
    "GIoU": [{"bounding_box_format": "rel_yxyx"}],
    "DIoU": [{"bounding_box_format": "rel_xywh"}],
    "CIoU": [{"bounding_box_format": "rel_center_yxhw"}],
    "DistributionFocal": [{"clip": False}],
    "PenaltyReducedFocal": [{"from_logits": True, "alpha": 1.5, "normalize": "positives"}],
    "Dice": [
        {"mode": "binary", "from_logits": True, "smooth": 0.0},
        {"mode": "binary", "axis": (0, 1)},
        {"mode": "multilabel", "ignore_class": -1, "squared": True, "include_background": False},
        {"from_logits": True, "per_sample": True, "class_weight": [1.0, 0.0, 2.5]},
    ],
    "GeneralizedDice": [{"mode": "binary"}, {"from_logits": True, "include_background": False, "ignore_class": 7}],
    "Jaccard": [{"mode": "binary", "from_logits": True}, {"from_logits": True, "classes": "present", "log_loss": True}],
    "Tversky": [{"mode": "binary", "from_logits": True, "alpha": 0.0, "beta": 2.0}],
    "FocalTversky": [{"mode": "binary", "from_logits": True, "gamma": 2.0}],
    "LovaszSoftmax": [{"mode": "binary"}, {"from_logits": True, "per_sample": True, "classes": "all"}],
    "LovaszHinge": [{"mode": "binary"}, {"mode": "binary", "per_sample": True}],
    "Corn": [{"average": "tasks"}],
    "WeightedKappa": [{"from_logits": True, "weightage": "linear", "log": False}],
    "EarthMovers": [{"from_logits": True, "power": 1.5, "root": True}],
    "KLDivergence": [{"from_logits": True, "true_from_logits": True, "temperature": 2.0}],
    "Hinge": [{"axis": None, "margin": 0.3}],
    "Circle": [{"normalize": True, "gamma": 8.0, "remove_diagonal": False}],
    "ArcFace": [{"scale": None, "margin": 1.0, "label_smoothing": 0.1}],
    "Contrastive": [{"distance": "cosine", "similar_label": 0}, {"distance": "L2", "power": 3}],
    "TripletSemiHard": [{"distance": "cosine", "average": "anchors"}],
    "TripletHard": [{"soft": True, "distance": "squared-L2", "anchors": "all"}],
    "TripletMargin": [{"swap": True, "soft": True}],
    "NTXent": [{"labels": False, "average": "anchors"}],
    "SupCon": [{"base_temperature": 0.07, "temperature": 0.5}],
    "InfoNCE": [{"symmetric": True, "temperature": 0.5}],
    "MultiSimilarity": [{"epsilon": 0.3, "beta": 8.0}],
    "LiftedStruct": [{"distance": "cosine", "margin": 0.3}],
    "TripletAll": [{"normalize": True, "margin": 0.3, "average": "triplets"}],
    "ApproxNDCG": [{"temperature": 1.0, "topn": 2}],
    "PairwiseHinge": [{"lambda_weight": "ndcg", "average": "items", "margin": 0.3}],
    "MultiMargin": [{"p": 2, "class_weight": [1.0, 0.0, 2.5]}],
    "ZeroOne": [{"from_logits": True, "surrogate": "hinge"}, {"from_logits": True, "multi_label": True}],
}


def has_other_gradient(case):
    """Whether the gradient is not that of the value, on purpose."""
    weighted = case.name == "GaussianNLL" and case.options.get("beta", 0) > 0
    own = case.name in ("ZeroOne", "MeanSquaredLogarithmicError", "CIoU")
    detached = case.options.get("detach_focal_weight", False) or case.options.get("detach_weights", False)
    return own or detached or weighted


LEAST = {"Charbonnier": "epsilon"}  # the option that is the value where there is no error, of those where it is not 0


SELECTIVE = {
    "ZeroInflatedLogNormal",
    "CoxPH",
}  # of some predictions, depending on the label, nothing enters the formula

OF_DIRECTIONS = {"CosineSimilarity"}  # not 0 where there is no error
ROOT_OF_REDUCED = {"RootMeanSquaredError"}  # with scope="batch"


@dataclasses.dataclass(frozen=True)
class Case:
    """A loss class with options."""

    cls: type
    options: dict
    labels: str = None  # for losses of several classes: "one_hot" or "indices"
    main: bool = True  # False for a variant that only tries another value of one option

    def __str__(self):
        labels = f" of {self.labels}" if self.labels else ""
        text = f"{self.cls.__name__}({', '.join(f'{k}={v}' for k, v in self.options.items())}){labels}"
        return re.sub(" at 0x[0-9a-f]+", "", text)  # every worker of the tests must see the same name

    def build(self, **more):
        return self.cls(**(self.options | more))

    @property
    def name(self):
        return self.cls.__name__

    @property
    def inner(self):
        """The case of the first loss inside, for losses made of losses; otherwise the case itself."""
        part = self.options["losses"][0] if "losses" in self.options else self.options.get("loss")
        return self if part is None else Case(type(part), part.get_config())

    @property
    def declared(self):
        """The kind of data that the loss, or the first one inside, says that it takes."""
        return self.inner.build().targets(np.zeros((2, CLASSES)))

    @property
    def real(self):
        """What data it takes, if they are real numbers."""
        return Real(self.inner.build(), self.declared)

    @property
    def kind(self):
        """What the data are: "binary", "one_hot", "indices", or "real" and the other kinds of `kinds.Real`."""
        case = self.inner
        if case.labels:
            return case.labels
        if case.name == "ZeroOne":
            return "binary" if case.options.get("multi_label") else "indices"
        if issubclass(case.cls, Overlap):
            return "indices" if case.options.get("mode") == "multiclass" else "binary"
        data = case.declared
        if isinstance(data, targets.Classes):
            return label_kinds(case.build())[0]
        if isinstance(data, targets.Ordered):
            return "ordered"
        return "binary" if isinstance(data, (targets.Binary, targets.Signs)) else self.real.kind

    @property
    def reads_labels(self):
        """Whether y_true is more than an array of so many rows."""
        return self.kind == "matches" or getattr(self.declared, "labels", True) is not False

    @property
    def of_region(self):
        """Whether a value is that of a whole sample, whose entries do not have values of their own."""
        return issubclass(self.inner.cls, Overlap)

    @property
    def is_batch_statistic(self):
        """Whether a sample's value depends on the others."""
        return self.declared.across

    def values_shape(self, y_pred):
        """The shape of what `call` gives."""
        if self.of_region or self.kind == "images" or self.options.get("axes") == "sample":
            return y_pred.shape[:1]
        if self.kind == "lists":
            return y_pred.shape[:-1]
        if self.kind in ("tuples", "matches", "views"):
            return y_pred.shape[:-2]
        return y_pred.shape if self.build().targets(y_pred).axis is None else y_pred.shape[:-1]

    @property
    def takes_probabilities(self):
        options = declared(self.inner.cls)
        return "from_logits" in options and not self.inner.options.get("from_logits", options["from_logits"].default)

    def defined(self, y_true):
        """Which samples have a value."""
        by_events = self.kind == "events" and self.declared.across
        return y_true[..., 1] == 1 if by_events else np.ones(y_true.shape[:1], bool)

    @property
    def is_real(self):
        return self.kind not in ("binary", "one_hot", "indices", "ordered")

    @property
    def size(self):
        """The size of the last axis of y_pred."""
        return self.real.size(CLASSES) if self.is_real else CLASSES

    @property
    def activation(self):
        """What the last layer of a model for the loss has."""
        if self.takes_probabilities:
            return "sigmoid" if self.kind == "binary" else "softmax"
        return "softplus" if self.is_real and self.real.positive else None

    def layer(self):
        """The last layer of a model whose outputs are what the loss expects, for features `(n, …, d)`."""
        if self.kind == "ordered":
            return keras_lossbox.OrdinalHead(self.size + 1)
        if isinstance(self.declared, targets.Cosines):
            return keras_lossbox.CosineHead(self.size)
        return keras.layers.Dense(self.size, activation=self.activation)

    def head(self):
        """The same for features `(n, d)`, where the loss may expect several axes."""
        shape = self.data(np.random.default_rng(0), (2,))[1].shape[1:]
        if len(shape) == 1:
            return self.layer()
        dense = keras.layers.Dense(math.prod(shape), activation=self.activation)
        return keras.Sequential([dense, keras.layers.Reshape(shape)])

    def extremes(self, y_pred):
        """Predictions of the shape of y_pred, but as far off as they may be."""
        if self.takes_probabilities:
            return np.eye(CLASSES, dtype="float32")[np.resize([0, 1, 2, 2, 1, 0], y_pred.shape[:-1])]
        return (self.real.extremes(y_pred.shape) if self.is_real else np.sign(y_pred) * 1e4).astype("float32")

    def data(self, rng, shape=(6,), dtype="float32", outputs=CLASSES):
        """y_true and y_pred for samples of `shape`."""
        if self.is_real:
            y_true, y_pred = self.real.draw(rng, shape, outputs)
            return y_true if y_true.dtype.kind == "i" else y_true.astype(dtype), y_pred.astype(dtype)
        logits = rng.normal(0, 1.5, (*shape, outputs))
        if self.kind == "ordered":
            return rng.integers(0, CLASSES + 1, shape), -np.sort(-logits, -1).astype(dtype)
        if self.kind == "binary":
            y_true, activation = (rng.random(logits.shape) < 0.4).astype(dtype), special.expit
        else:
            y_true, activation = rng.integers(0, CLASSES, shape), lambda z: special.softmax(z, -1)
        if isinstance(self.declared, targets.Cosines):
            activation = np.tanh
        if self.kind == "one_hot":
            y_true = np.eye(CLASSES, dtype=dtype)[y_true]
        ignored = self.options.get("ignore_class")
        if ignored is not None:
            y_true[1] = np.arange(CLASSES) == ignored if self.kind == "one_hot" else ignored
        bounded = self.takes_probabilities or isinstance(self.declared, targets.Cosines)
        return y_true, (activation(logits) if bounded else logits).astype(dtype)


def declared_options(cls):
    """The options that a class declares, by name."""
    return declared(cls)


def other_values(name, option):
    """Values of an option that differ from most defaults."""
    if name in ("axis", "reduction", "from_logits", "threshold", "losses", "loss", "ignore"):
        return []  # tested on their own
    if isinstance(option, Flag):
        return [True, False]
    if isinstance(option, Choice):
        return list(option.names)
    if name == "image_shape":
        return [[480.0, 640.0]]
    if name == "weights":
        return [[0.5, 2.0]]
    if name == "power":  # of a distribution: none is between 0 and 1
        return [1.0, 3.0]
    if isinstance(option, Integer):
        return [1]
    if isinstance(option, Number):
        low = option.low if np.isfinite(option.low) else 0
        inside = low + 0.3 * (option.high - low) if np.isfinite(option.high) else low + 0.7
        return [inside, [inside] * (CLASSES - 1) + [option.low + 0.1]] if option.per else [inside]
    raise NotImplementedError(f"say which values a {type(option).__name__} can have")


def label_kinds(loss):
    """For losses of several classes: whether they take one-hot labels, class indices, or both."""
    data = loss.targets(np.zeros((2, CLASSES)))
    if isinstance(data, targets.Regions) and data.mode == "multiclass":
        return ["one_hot", "indices"]
    if not isinstance(data, targets.Classes) or isinstance(loss, keras_lossbox.Masked | keras_lossbox.ZeroOne):
        return [None]
    return {"indices": ["indices"], "one_hot": ["one_hot"], "logits": ["one_hot"]}.get(
        data.labels, ["one_hot", "indices"]
    )


OF_THEIR_OWN = {"CTC"}  # y_pred has more axes than the data here: test_sequence.py


def _cases():
    for cls in keras_lossbox.available().values():
        if cls.__name__ in OF_THEIR_OWN:
            continue
        options = declared_options(cls)
        required = REQUIRED.get(cls.__name__, {})
        logits = {"from_logits": True} if "from_logits" in options else {}
        main = [required | variant for variant in ({}, logits, *EXTRA.get(cls.__name__, []))]
        variants = [(variant, True) for variant in main]
        for name, option in options.items():
            for value in other_values(name, option):
                variants.append((required | {name: value} | logits, False))
        distinct = {}
        for variant in variants:
            distinct.setdefault(json.dumps(cls(**variant[0]).get_config()), variant)
        for variant, is_main in distinct.values():
            kinds = label_kinds(cls(**variant))
            shared = issubclass(cls, Overlap) and cls is not keras_lossbox.Dice  # the code that looks at labels
            for labels in kinds if is_main and not shared else kinds[-1:]:
                yield Case(cls, variant, labels, is_main)


CASES = list(_cases())
MAIN_CASES = [case for case in CASES if case.main]  # for what takes long: compilation, training, saving
LAST_OF_CLASS = {case.cls: case for case in MAIN_CASES}  # from logits, with options
LAST_OF_FAMILY = {case.cls.__module__: case for case in LAST_OF_CLASS.values()}
LAST_OF_KIND = {(type(case.declared), case.kind): case for case in LAST_OF_CLASS.values()}
TYPICAL = [
    LAST_OF_FAMILY[f"keras_lossbox.losses.{of}"]
    for of in (  # of the most different kinds of data one each
        "focal",
        "margin",
        "regression",
        "likelihood",
        "overlap.regions",
        "similarity.softmax",
    )
]


LONG = pytest.mark.matrix


def by_default(default, values):
    """Parameters of a test: those values for which `default(*value)` is false are of the long part."""
    values = [value if isinstance(value, tuple) else (value,) for value in values]
    return [pytest.param(*value, marks=[] if default(*value) else LONG) for value in values]


# What a test does by default; the other cases are in the long part. Options of `every_case` that the choice does not
# depend on are not looked at.


def always(case, **options):
    """For what takes no time."""
    return True


def is_last_of_class(case, **options):
    return case is LAST_OF_CLASS[case.cls]


def is_last_of_family(case, **options):
    return case is LAST_OF_FAMILY[case.cls.__module__]


def is_last_of_kind(case, **options):
    """For what takes long and depends on the kind of data, not on the formula."""
    return case is LAST_OF_KIND.get((type(case.declared), case.kind))


def is_typical(case, **options):
    """For what takes a second and more, such as a compilation."""
    return any(case is typical for typical in TYPICAL)


def every_case(default=is_last_of_class, cases=MAIN_CASES, tried=always, **options):
    """A test `test(case, rng, **options)` of every case with every combination of options that is `tried`.

    There is one item for each class, which goes through the class's cases and names the one that fails. What `default`
    leaves out is marked as of the long part. An item is skipped if everything in it is.
    """

    def decorate(test):
        with_rng = "rng" in inspect.signature(test).parameters

        def run(combinations):
            skipped = []
            for case, arguments in combinations:
                fixtures = {"rng": np.random.default_rng(20260)} if with_rng else {}
                try:
                    test(case, **arguments, **fixtures)
                except pytest.skip.Exception as skip:
                    skipped.append(str(skip))
                except Exception as error:
                    with_options = f" with {arguments}" if arguments else ""
                    raise AssertionError(f"{case}{with_options}: {type(error).__name__}: {error}") from error
            if len(skipped) == len(combinations):
                pytest.skip("; ".join(sorted(set(skipped))))

        parts = {}
        for case, values in itertools.product(cases, itertools.product(*options.values())):
            arguments = dict(zip(options, values, strict=True))
            if not tried(case, **arguments):
                continue
            parts.setdefault((case.name, default(case, **arguments)), []).append((case, arguments))
        params = [
            pytest.param(part, id=name, marks=[]) if by_default else pytest.param(part, id=f"{name} long", marks=LONG)
            for (name, by_default), part in parts.items()
        ]
        run.__name__, run.__doc__, run.__module__ = test.__name__, test.__doc__, test.__module__
        return pytest.mark.parametrize("combinations", params)(run)

    return decorate
