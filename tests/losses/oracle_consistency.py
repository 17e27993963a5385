"""Losses over several passes, in float64: loops over samples, passes and pairs of passes, `scipy.special.rel_entr`."""

import itertools

import numpy as np
from scipy import special


def values(distance, first_only=False):
    """A loss as a function of labels (indices or rows) and `(n, views, classes)`: one value per sample."""

    def of_samples(y, y_pred, alpha, from_logits=False, label_smoothing=0.0, there=None):
        p = special.softmax(y_pred, -1) if from_logits else y_pred / np.sum(y_pred, -1, keepdims=True)
        classes, found = p.shape[-1], []
        for sample, label in enumerate(y):
            row = np.eye(classes)[label] if np.ndim(label) == 0 else np.asarray(label)
            row = row * (1 - label_smoothing) + label_smoothing / classes
            kept = [i for i in range(p.shape[1]) if there is None or there[sample][i]]
            taught = [i for i in kept if i == 0 or not first_only]
            cost = np.mean([-np.sum(row * np.log(p[sample, i])) for i in taught]) if taught else 0.0
            found.append(cost + alpha * distance([p[sample, i] for i in kept]))
        return np.array(found)

    return of_samples


def mean_kl(passes):
    """The mean of KL(p_i ‖ p_j) over i ≠ j."""
    pairs = list(itertools.permutations(passes, 2))
    return np.mean([np.sum(special.rel_entr(a, b)) for a, b in pairs]) if pairs else 0.0


def jensen_shannon(passes):
    mixture = np.mean(passes, axis=0)
    return np.mean([np.sum(special.rel_entr(p, mixture)) for p in passes])


VALUES = {"r_drop": values(mean_kl), "jsd_crossentropy": values(jensen_shannon, first_only=True)}
