"""Labels and predictions of each kind of real data, from what a loss declares in `targets`, for the contract suite."""

import numpy as np

from keras_lossbox import targets

CLASSES = 3  # of a label, or its outputs: the last axis of y_pred, unless the kind of data says otherwise


def box_of(form, centre, size):
    """Boxes in a format of Keras's from centres and sizes, `(..., 2)`, x before y."""
    if form in ("yxyx", "center_yxhw"):
        centre, size = centre[..., ::-1], size[..., ::-1]
    corner = centre - size / 2
    first, second = (
        (corner, corner + size) if form in ("xyxy", "yxyx") else (corner, size) if form == "xywh" else (centre, size)
    )
    return np.concatenate([first, second], -1)


class Real:
    """What a loss takes that is not for yes/no or classes."""

    def __init__(self, loss, data):
        self.data = data
        self.low = getattr(data, "low", -np.inf)
        self.of_parameters = isinstance(data, targets.Parameters)
        how = getattr(loss, "parameterization", "softplus")
        how = {True: "log", False: "as it is"}.get(getattr(loss, "log_input", how), how)
        self.box_format = getattr(loss, "bounding_box_format", "xyxy").removeprefix("rel_")
        self.link = how.partition("_")[0] if "_" in how else how  # "log", "softplus", or else as it is

    @property
    def kind(self):
        if self.of_parameters:
            return "parameters"
        if isinstance(self.data, targets.Boxes):
            return "boxes"
        if isinstance(self.data, targets.Places):
            return "places"
        if isinstance(self.data, targets.Repeated):
            return "repeated"
        if isinstance(self.data, targets.Survival):
            return "events"
        if isinstance(self.data, targets.Views):
            return "views"
        if isinstance(self.data, targets.Pairs):
            return "groups"
        if isinstance(self.data, targets.Tuples):
            return "matches" if isinstance(self.data, targets.Matches) else "tuples"
        if isinstance(self.data, targets.Images):
            return "images"
        if isinstance(self.data, targets.Lists):
            return "lists"
        if isinstance(self.data, targets.Distances):
            return "distances"
        return "real" if self.low == -np.inf else "amounts"

    def size(self, outputs):
        """How long the last axis of y_pred is."""
        if self.kind == "boxes":
            return 4
        if self.kind == "images" or (self.kind == "events" and self.data.intervals is None):
            return 1
        return self.data.shared + self.data.count * outputs if self.of_parameters else outputs

    def bounded(self, outputs):
        """Which entries of the last axis of y_pred stand for positive numbers."""
        if not self.of_parameters:
            return np.full(self.size(outputs), self.low >= 0)
        free = 0 if self.low >= 0 else self.data.shared + self.data.count // 2 * outputs
        return np.arange(self.size(outputs)) >= free

    @property
    def positive(self):
        """Whether these have to be positive themselves."""
        return self.link not in ("log", "softplus") and bool(np.any(self.bounded(CLASSES)))

    def draw(self, rng, shape, outputs):
        """Labels and predictions for samples of `shape`. (Those at 1 and above are what no `eps` changes.)"""
        if self.kind == "events":
            return self.draw_events(rng, shape, outputs)
        if self.kind == "boxes":
            centre, size = rng.normal(0, 1.5, (*shape, 2)), 1 + np.abs(rng.normal(0, 1.5, (2, *shape, 2)))
            return [
                box_of(self.box_format, c, s)
                for c, s in zip((centre, centre + rng.normal(size=(*shape, 2))), size, strict=True)
            ]
        if self.kind == "places":
            return rng.uniform(0, outputs - 1, shape), rng.normal(0, 1.5, (*shape, outputs))
        if self.kind == "groups":  # two, so that every row has partners of both kinds
            return rng.permutation(np.arange(np.prod(shape)) % 2).reshape(shape), rng.normal(0, 1.5, (*shape, outputs))
        if self.kind == "images":  # of 5 times 5 pixels
            y_true = rng.random((*shape[:1], 5, 5, 1))
            return y_true, y_true + rng.normal(0, 0.4, y_true.shape)
        if self.kind == "lists":  # of different labels
            labels = rng.permuted(np.broadcast_to(np.arange(outputs), (*shape, outputs)), axis=-1)
            return labels.astype(float), rng.normal(0, 1.5, (*shape, outputs))
        if self.kind == "distances":
            return rng.random((*shape, outputs)) < 0.4, np.abs(rng.normal(0, 1.5, (*shape, outputs)))
        if self.kind == "views":
            z = rng.normal(0, 0.8, (*shape, 2, outputs))  # of small probabilities the difference quotient is off
            softmax = np.exp(z) / np.sum(np.exp(z), -1, keepdims=True)
            return rng.integers(0, outputs, shape), z if self.data.from_logits else softmax
        if self.kind in ("tuples", "matches"):
            y_true = rng.integers(0, 2, shape)
            if self.kind == "matches" and self.data.several:
                y_true = np.maximum(np.eye(outputs)[y_true], rng.random((*shape, outputs)) < 0.2)
            y_true = y_true if not self.data.labels or self.kind == "matches" else y_true.astype(float)
            return y_true, rng.normal(0, 1.5, (*shape, self.data.size, outputs))
        z = rng.normal(0, 1.5, (*shape, self.size(outputs)))
        y_pred = np.where(self.bounded(outputs), 1 + np.abs(z), z)
        if self.kind == "repeated":
            return rng.normal(0, 2, shape), y_pred
        near = z[..., :outputs] + rng.normal(0, 1.2, (*shape, outputs))
        if self.low == -np.inf:
            return near, y_pred
        return np.exp(near / 2) if self.data.above else np.floor(np.exp(near / 2)), y_pred

    def draw_events(self, rng, shape, intervals):
        """Times, some of them equal, and whether there was an event; or whether and where, among intervals."""
        shape = shape if self.data.intervals else shape[:1]
        y_pred, event = rng.normal(0, 1.5, (*shape, self.size(intervals))), rng.random(shape) < 0.6
        last = rng.integers(0, intervals, shape)
        if self.data.intervals != "intervals":
            return np.stack([last if self.data.intervals else last / 2 + 0.5, event], -1), y_pred
        failed = (np.arange(intervals) == last[..., None]) & event[..., None]
        return np.concatenate([(np.arange(intervals) <= last[..., None]) & ~failed, failed], -1), y_pred

    def extremes(self, shape):
        """Predictions as far off as can be: ±1e4; ±30 for what is exponentiated; 0 and 1e4 for positive ones."""
        far, bounded = np.resize([-1e4, 1e4, 1e4, -1e4, -1e4], shape), self.bounded(CLASSES)
        if self.link == "log":
            return np.where(bounded, np.sign(far) * 30, far)
        return np.where(bounded & self.positive, np.maximum(far, 0), far)
