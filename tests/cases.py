"""Every registered loss with every value of every option: the table that the contract suite runs over.

A new loss is in it without a change here: its options say which values they have, and its family says which data it
takes. `EXTRA` holds combinations that deserve to be tried as well.
"""

import dataclasses
import json
import re

import keras
import numpy as np
from scipy import special

import keras_lossbox
from keras_lossbox.categorical import _Categorical, _Sparse
from keras_lossbox.options import Choice, Flag, Integer, Number, Option

CLASSES = 3  # the size of the last axis of every y_pred

# On PyTorch, Keras's own loss rounds float64 to float32 and raises for NaN.
OF_KERAS = (keras_lossbox if keras.config.backend() == "torch" else keras.losses).BinaryCrossentropy(
    label_smoothing=0.1
)

REQUIRED = {  # what a constructor cannot do without
    "WeightedSum": {"losses": [keras_lossbox.Huber(delta=0.5), keras_lossbox.MeanAbsoluteError()]},
    "Masked": {"loss": keras_lossbox.Huber(delta=0.5)},
}

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
        {"ignore_class": -1},
    ],
    "CategoricalCrossentropy": [{"from_logits": True, "label_smoothing": 0.1, "class_weight": [1.0, 0.0, 2.5]}],
    "MeanSquaredError": [{"axis": None}],
    "Huber": [{"axis": None, "delta": 0.3}],
    "SmoothL1": [{"beta": 0.0}],
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
    "ZeroOne": [{"from_logits": True, "surrogate": "hinge"}, {"from_logits": True, "multi_label": True}],
}


def has_other_gradient(case):
    """Whether the gradient is not that of the value, on purpose."""
    return case.name == "ZeroOne" or case.options.get("detach_focal_weight", False)


BATCH_STATISTIC = {"BalancedBinaryCrossentropy"}  # a sample's value depends on the others
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
    def kind(self):
        """What the labels are: "real", "binary", "one_hot" or "indices"."""
        case = self.inner
        if case.labels:
            return case.labels
        if case.name == "ZeroOne":
            return "binary" if case.options.get("multi_label") else "indices"
        if case.cls.head == "softmax":
            return label_kinds(case.cls)[0]
        return {None: "real", "sigmoid": "binary"}[case.cls.head]

    @property
    def values_axis(self):
        """The axis of y_pred that the values lack, or None."""
        return self.build().axis

    @property
    def takes_probabilities(self):
        return "from_logits" in declared_options(self.inner.cls) and not self.inner.options.get("from_logits")

    def data(self, rng, shape=(6,), dtype="float32"):
        """y_true and y_pred for samples of `shape`."""
        logits = rng.normal(0, 1.5, (*shape, CLASSES))
        if self.kind == "real":
            return (logits + rng.normal(0, 1.2, logits.shape)).astype(dtype), logits.astype(dtype)
        if self.kind == "binary":
            y_true, activation = (rng.random(logits.shape) < 0.4).astype(dtype), special.expit
        else:
            y_true, activation = rng.integers(0, CLASSES, shape), lambda z: special.softmax(z, -1)
        if self.kind == "one_hot":
            y_true = np.eye(CLASSES, dtype=dtype)[y_true]
        if self.options.get("ignore_class") is not None:
            y_true[1] = self.options["ignore_class"]
        return y_true, (activation(logits) if self.takes_probabilities else logits).astype(dtype)


def declared_options(cls):
    """The options that a class declares, by name."""
    found = {}
    for klass in cls.__mro__:
        found |= {k: v for k, v in vars(klass).items() if isinstance(v, Option) and k not in found}
    return found


def other_values(name, option):
    """Values of an option that differ from most defaults."""
    if name in ("axis", "reduction", "from_logits", "threshold", "losses", "loss", "ignore"):
        return []  # tested on their own
    if isinstance(option, Flag):
        return [True]
    if isinstance(option, Choice):
        return list(option.names)
    if name == "weights":
        return [[0.5, 2.0]]
    if isinstance(option, Integer):
        return [1]
    if isinstance(option, Number):
        inside = option.low + 0.3 * (option.high - option.low) if np.isfinite(option.high) else option.low + 0.7
        return [inside, [inside] * (CLASSES - 1) + [option.low + 0.1]] if option.per else [inside]
    raise NotImplementedError(f"say which values a {type(option).__name__} can have")


def label_kinds(cls):
    """For losses of several classes: whether they take one-hot labels, class indices, or both."""
    align = getattr(cls, "align", None)
    if cls.head != "softmax":
        return [None]
    takes = {_Sparse.align: ["indices"], _Categorical.align: ["one_hot", "indices"]}
    return takes.get(align, ["one_hot"])


def _cases():
    for cls in keras_lossbox.available().values():
        options = declared_options(cls)
        required = REQUIRED.get(cls.__name__, {})
        variants = [{}] + [{"from_logits": True}] * ("from_logits" in options)
        for name, option in options.items():
            for value in other_values(name, option):
                variants.append({name: value} | ({"from_logits": True} if "from_logits" in options else {}))
        distinct = {}
        main = [required | variant for variant in ({}, {"from_logits": True}, *EXTRA.get(cls.__name__, []))]
        for variant in variants + EXTRA.get(cls.__name__, []):
            variant = required | variant
            distinct.setdefault(json.dumps(cls(**variant).get_config()), variant)
        for variant in distinct.values():
            for labels in label_kinds(cls):
                yield Case(cls, variant, labels, variant in main)


CASES = list(_cases())
MAIN_CASES = [case for case in CASES if case.main]  # for what takes long: compilation, training, saving
