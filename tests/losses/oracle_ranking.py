"""Oracles of the losses of lists: each list by itself, in loops over its items; gradients by a complex step."""

import functools

import numpy as np
from oracle import STEP, averaged


def of_lists(value):
    """`value(labels, scores, **options)` gives the value of a list from its valid items, or None if it has none.

    A list of one item has no order, and no value. Those without one are 0, and not counted in the mean.
    """

    @functools.wraps(value)
    def oracle(y_true, y_pred, **options):
        lists = y_pred.reshape(-1, y_pred.shape[-1])
        values, gradient, counted = np.zeros(len(lists)), np.zeros(lists.shape), np.zeros(len(lists), bool)
        for row, (labels, scores) in enumerate(zip(y_true.reshape(lists.shape), lists, strict=True)):
            items = np.flatnonzero(labels >= 0)
            found = value(labels[items], scores[items] + 0j, **options) if len(items) > 1 else None
            if found is None:
                continue
            counted[row], values[row] = True, found.real
            for place, item in enumerate(items):
                step = 1j * STEP * (np.arange(len(items)) == place)
                gradient[row, item] = value(labels[items], scores[items] + step, **options).imag / STEP
        shape = y_pred.shape[:-1]
        return averaged(values.reshape(shape), gradient.reshape(y_pred.shape), counted)

    return oracle


def log_sum_exp(terms):
    top = max(term.real for term in terms)
    return np.log(sum(np.exp(term - top) for term in terms)) + top


def sigmoid(x):
    return 1 / (1 + np.exp(-x)) if x.real > 0 else np.exp(x) / (1 + np.exp(x))


def softplus(x):
    return np.log1p(np.exp(-x if x.real > 0 else x)) + (x if x.real > 0 else 0)


def falling(x):
    """The items in falling order; of equal ones the first stays first."""
    return sorted(range(len(x)), key=lambda i: -np.real(x[i]))


def gain(label):
    return 2.0**label - 1


def discount(rank):
    return 1 / np.log2(1 + rank)


def ideal(labels, topn=None):
    """The DCG of the best order."""
    return sum(gain(label) * discount(rank) for rank, label in enumerate(sorted(labels)[::-1][:topn], 1))


@of_lists
def list_net(labels, scores, temperature=1.0, relevance="labels"):
    """Cao et al. 2007, (3): the cross-entropy of the top-one probabilities."""
    if relevance != "softmax" and not np.any(labels):
        return None
    q = {
        "labels": lambda: labels,
        "normalized": lambda: labels / np.sum(labels),
        "softmax": lambda: np.exp(labels) / np.sum(np.exp(labels)),
    }[relevance]()
    whole = log_sum_exp(scores / temperature)
    return sum(share * (whole - score / temperature) for share, score in zip(q, scores, strict=True))


@of_lists
def list_mle(labels, scores, temperature=1.0):
    """Xia et al. 2008, (9): the negative log-likelihood of Plackett and Luce."""
    ordered = [scores[i] / temperature for i in falling(labels)]
    return sum(log_sum_exp(ordered[first:]) - ordered[first] for first in range(len(ordered)))


@of_lists
def approx_ndcg(labels, scores, temperature=0.1, topn=None):
    """Qin et al. 2010, (10) to (13)."""
    best = ideal(labels, topn)
    if best == 0:
        return None
    total = 0
    for i, label in enumerate(labels):
        rank = 1 + sum(sigmoid((scores[j] - scores[i]) / temperature) for j in range(len(scores)) if j != i)
        within = 1 if topn is None else sigmoid((topn + 0.5 - rank) / temperature)
        total += gain(label) * discount(rank) * within
    return 1 - total / best


def of_pairs(cost):
    """The mean of `cost(difference, **options)` over the pairs of a list whose labels differ."""

    @of_lists
    def oracle(labels, scores, temperature=1.0, average="pairs", lambda_weight=None, **options):
        ranks = {item: rank for rank, item in enumerate(falling(scores), 1)}
        total, pairs = 0, 0
        for i, first in enumerate(labels):
            for j, second in enumerate(labels):
                if first > second:
                    weight = 1
                    if lambda_weight == "ndcg":  # Burges 2010, section 4
                        change = discount(ranks[i]) - discount(ranks[j])
                        weight = abs((gain(first) - gain(second)) * change) / ideal(labels)
                    total += weight * cost((scores[i] - scores[j]) / temperature, **options)
                    pairs += 1
        return total / (pairs if average == "pairs" else len(labels)) if pairs else None

    return oracle


pairwise_logistic = of_pairs(lambda difference: softplus(-difference))
pairwise_hinge = of_pairs(lambda difference, margin=1.0: margin - difference if difference.real < margin else 0j)
