"""TensorFlow Addons's losses of metric learning, in numpy float64: the package does not run with Keras 3.

Sources: triplet.py, contrastive.py, lifted.py, npairs.py in
https://github.com/tensorflow/addons/tree/v0.23.0/tensorflow_addons/losses. All means are over the batch; in the
degenerate batches for which these give NaN there is nothing to compare.
"""

import numpy as np
from scipy import special

METRICS = {
    "L2": lambda x, y: np.sqrt(np.sum((x - y) ** 2, -1)),
    "squared-L2": lambda x, y: np.sum((x - y) ** 2, -1),
    "angular": lambda x, y: 1 - np.sum(x * y, -1) / np.linalg.norm(x, axis=-1) / np.linalg.norm(y, axis=-1),
}


def relations(y, x, metric="L2"):
    """The matrix of distances, which pairs are positive, and which are negative."""
    x, same = np.float64(x), y[:, None] == y
    return METRICS[metric](x[:, None], x), same & ~np.eye(len(y), dtype=bool), ~same


class TripletSemiHardLoss:
    def __init__(self, margin=1.0, distance_metric="L2"):
        self.margin, self.metric = margin, distance_metric

    def __call__(self, y, x):
        d, positive, negative = relations(y, x, self.metric)
        farther = negative[:, None] & (d[:, None] > d[:, :, None])  # [anchor, positive, negative]
        outside = np.min(np.where(farther, d[:, None], np.inf), -1)
        inside = np.max(np.where(negative, d, 0), -1, keepdims=True)
        far = np.where(farther.any(-1), outside, inside)
        return np.sum(np.maximum(self.margin + d - far, 0)[positive]) / positive.sum()


class TripletHardLoss:
    def __init__(self, margin=1.0, soft=False, distance_metric="L2"):
        self.margin, self.soft, self.metric = margin, soft, distance_metric

    def __call__(self, y, x):
        d, positive, negative = relations(y, x, self.metric)
        near = np.max(np.where(positive, d, 0), -1)
        far = np.min(np.where(negative, d, np.max(d, -1, keepdims=True)), -1)
        return np.mean(np.log1p(np.exp(near - far)) if self.soft else np.maximum(near - far + self.margin, 0))


class ContrastiveLoss:
    def __init__(self, margin=1.0, reduction="sum_over_batch_size"):
        self.margin = margin

    def __call__(self, y, d):
        y, d = np.float64(y), np.float64(d)
        return np.mean(y * d**2 + (1 - y) * np.maximum(self.margin - d, 0) ** 2)


class LiftedStructLoss:
    def __init__(self, margin=1.0):
        self.margin = margin

    def __call__(self, y, x):
        d, positive, negative = relations(y, x)
        of_row = np.sum(np.where(negative, np.exp(self.margin - d), 0), -1)
        j = d + np.log(of_row[:, None] + of_row)
        return 0.25 * np.sum(np.maximum(j[positive], 0) ** 2) / (positive.sum() / 2)


class NpairsLoss:
    def shared(self, y):
        return 1.0 * (y[:, None] == y)

    def __call__(self, y, similarities):
        q = self.shared(y)
        q /= q.sum(-1, keepdims=True)
        return -np.mean(np.sum(q * special.log_softmax(np.float64(similarities), -1), -1))


class NpairsMultilabelLoss(NpairsLoss):
    def shared(self, y):
        return np.float64(y) @ np.float64(y).T


LOSSES = (
    TripletSemiHardLoss,
    TripletHardLoss,
    ContrastiveLoss,
    LiftedStructLoss,
    NpairsLoss,
    NpairsMultilabelLoss,
)
