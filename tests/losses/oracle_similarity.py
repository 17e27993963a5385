"""Losses over pairs as naive loops over anchors i, positives p and negatives n; gradients by a complex step.

Embeddings come as (steps, n, d), one complex step for each entry: what a loop computes is an array of all steps.
"""

import itertools

import numpy as np
from oracle import averaged, column, complex_step, real


def re(x):
    """The number without its steps, for a comparison."""
    return np.ravel(real(x))[0]


def root(x):
    """The square root, 0 at 0 with derivative 0."""
    return np.sqrt(x) if re(x) > 0 else 0 * x


def relu(x):
    return x if re(x) > 0 else 0 * x


def softplus(x):
    return x + np.log1p(np.exp(-x)) if re(x) > 0 else np.log1p(np.exp(x))


def log_sum_exp(terms):
    peak = max(map(re, terms))
    return peak + np.log(sum(np.exp(x - peak) for x in terms))


def dot(x, y):
    return np.sum(x * y, -1)


def unit(x):
    length = root(dot(x, x))
    return x / length[:, None] if re(length) > 0 else 0 * x


def distance_of(x, y, kind):
    if kind == "cosine":
        return 1 - dot(unit(x), unit(y))
    return root(dot(x - y, x - y)) if kind == "L2" else dot(x - y, x - y)


def over_pairs(loss):
    """`loss(groups, rows, **options)` gives {anchor: value}; an anchor that is not in it has no value.

    `rows` is a list of embeddings, each (steps, d); several of one sample are rows of its group.
    """

    def oracle(y_true, y_pred, normalize=False, **options):
        shape, d = y_pred.shape[:-1], y_pred.shape[-1]
        labels = np.reshape(y_true, y_true.shape + (1,) * (len(shape) - y_true.ndim))
        groups = np.broadcast_to(labels, shape).reshape(-1)

        def values(x):
            x = x.reshape(len(x), -1, d)
            rows = [unit(x[:, i]) if normalize else x[:, i] for i in range(x.shape[1])]
            return loss(groups, rows, **options)

        counted = np.isin(np.arange(len(groups)), list(values(y_pred[None] + 0j)))

        def formula(x):
            found = values(x)
            return np.stack([found.get(i, np.zeros(len(x))) for i in range(len(groups))], -1).reshape(len(x), *shape)

        return complex_step(formula, y_pred, counted)

    return oracle


def partners(groups, i):
    """The positives and the negatives of an anchor."""
    others = [j for j in range(len(groups)) if j != i]
    return [j for j in others if groups[j] == groups[i]], [j for j in others if groups[j] != groups[i]]


def anchors_with(groups, negative=True):
    """(anchor, positives, negatives) of those that have a positive, and a `negative`."""
    for i in range(len(groups)):
        positives, negatives = partners(groups, i)
        if positives and (negatives or not negative):
            yield i, positives, negatives


def mean_over_pairs(costs):
    """{anchor: costs of its pairs} as each anchor's share of the mean over all pairs."""
    pairs = sum(map(len, costs.values()))
    return {i: len(costs) / pairs * sum(of_one) for i, of_one in costs.items()}


@over_pairs
def triplet_semi_hard(groups, x, margin=1.0, distance="L2", average="pairs", anchors="complete", soft=False):
    costs = {}
    for i, positives, negatives in anchors_with(groups, negative=anchors == "complete"):
        costs[i] = []
        away = sorted((distance_of(x[i], x[n], distance) for n in negatives), key=re)
        for p in positives:
            near = distance_of(x[i], x[p], distance)
            farther = [far for far in away if re(far) > re(near)]
            far = farther[0] if farther else away[-1] if away else 0
            costs[i].append(softplus(near - far) if soft else relu(near - far + margin))
    return mean_over_pairs(costs) if average == "pairs" else {i: sum(c) / len(c) for i, c in costs.items()}


@over_pairs
def triplet_hard(groups, x, margin=1.0, soft=False, distance="L2", anchors="complete"):
    values = {}
    for i in range(len(groups)):
        d = [distance_of(x[i], x[j], distance) for j in range(len(groups))]
        positives, negatives = partners(groups, i)
        if anchors == "complete" and not (positives and negatives):
            continue
        near = max((d[p] for p in positives), key=re) if positives else 0
        far = min((d[n] for n in negatives), key=re) if negatives else max(d, key=re)
        values[i] = softplus(near - far) if soft else relu(near - far + margin)
    return values


@over_pairs
def triplet_all(groups, x, margin=1.0, distance="L2", average="active"):
    costs = {}
    for i, positives, negatives in anchors_with(groups):
        d = [distance_of(x[i], x[j], distance) for j in range(len(groups))]
        costs[i] = [relu(d[p] - d[n] + margin) for p in positives for n in negatives]
    if average == "active":
        number = sum(re(cost) > 0 for of_one in costs.values() for cost in of_one)
    else:
        number = sum(map(len, costs.values()))
    return {i: len(costs) / number * sum(of_one) if number else 0 * of_one[0] for i, of_one in costs.items()}


@over_pairs
def circle(groups, x, gamma=80.0, margin=0.4, remove_diagonal=True, detach_weights=False):
    kept = real if detach_weights else lambda weight: weight
    values = {}
    for i in range(len(groups)):
        positives, negatives = partners(groups, i)
        positives = positives if remove_diagonal else [*positives, i]
        if not (positives and negatives):
            continue
        s = [dot(x[i], x[j]) for j in range(len(groups))]
        s = [1 + 0 * similarity if re(similarity) > 1 else similarity for similarity in s]
        towards = [-gamma * kept(relu(1 + margin - s[p])) * (s[p] - (1 - margin)) for p in positives]
        away = [gamma * kept(relu(s[n] + margin)) * (s[n] - margin) for n in negatives]
        values[i] = softplus(log_sum_exp(towards) + log_sum_exp(away))
    return values


def contrastive(y_true, y_pred, margin=1.0, distance=None, power=2.0, pos_margin=0.0, similar_label=1):
    """y max(D - m₊, 0)^r + (1 - y) max(m - D, 0)^r: Hadsell et al. 2006 without their half, and r = 2."""
    y = y_true if similar_label else 1 - y_true

    def cost(d, y):
        return y * relu(d - pos_margin) ** power + (1 - y) * relu(margin - d) ** power

    if distance is None:
        y, d = column(y), column(y_pred)
        values, slopes = np.zeros(d.shape), np.zeros(d.shape)
        for place in np.ndindex(d.shape):
            value = cost(d[place] + 1e-150j, y[place])
            values[place], slopes[place] = value.real, value.imag / 1e-150
        return averaged(values.mean(-1), slopes.reshape(y_pred.shape) / d.shape[-1])

    def formula(pairs):
        places = itertools.product(*map(range, y_true.shape))
        each = [cost(distance_of(*np.moveaxis(pairs[(slice(None), *i)], 1, 0), distance), y[i]) for i in places]
        return np.stack(each, -1).reshape(len(pairs), *y_true.shape)

    return complex_step(formula, y_pred)
