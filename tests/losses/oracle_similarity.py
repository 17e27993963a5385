"""Losses over pairs as naive loops over anchors i, positives p and negatives n; gradients by a complex step.

Embeddings come as (steps, n, d), one complex step for each entry: what a loop computes is an array of all steps.
"""

import functools
import itertools

import numpy as np
from oracle import Expected, averaged, column, complex_step, real, smooth


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


def over_pairs(loss, normalized=False):
    """`loss(groups, rows, **options)` gives {anchor: value}; an anchor that is not in it has no value.

    `rows` is a list of embeddings, each (steps, d); several of one sample are rows of its group.
    """

    def oracle(y_true, y_pred, normalize=normalized, **options):
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


over_cosines = functools.partial(over_pairs, normalized=True)


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


@over_cosines
def nt_xent(groups, x, temperature=0.07, average="pairs"):
    """PML's NTXentLoss: each positive against the anchor's negatives."""
    costs = {}
    for i, positives, negatives in anchors_with(groups, negative=False):
        s = [dot(x[i], x[j]) / temperature for j in range(len(groups))]
        costs[i] = [log_sum_exp([s[p], *(s[n] for n in negatives)]) - s[p] for p in positives]
    return mean_over_pairs(costs) if average == "pairs" else {i: sum(c) / len(c) for i, c in costs.items()}


@over_cosines
def sup_con(groups, x, temperature=0.1, base_temperature=None):
    """L_out of Khosla et al. 2020; SupContrast multiplies by T / T₀."""
    values = {}
    for i, positives, negatives in anchors_with(groups, negative=False):
        s = [dot(x[i], x[j]) / temperature for j in range(len(groups))]
        whole = log_sum_exp([s[j] for j in positives + negatives])
        factor = temperature / (base_temperature or temperature)
        values[i] = factor * sum(whole - s[p] for p in positives) / len(positives)
    return values


@over_cosines
def multi_similarity(groups, x, alpha=2.0, beta=50.0, base=0.5, epsilon=None):
    """Wang et al. 2019, equations 10 to 12."""
    values = {}
    for i in range(len(groups)):
        s = [dot(x[i], x[j]) for j in range(len(groups))]
        positives, negatives = partners(groups, i)
        if not positives + negatives:
            continue
        if epsilon is not None:
            lowest = min((re(s[p]) for p in positives), default=np.inf)
            highest = max((re(s[n]) for n in negatives), default=-np.inf)
            positives = [p for p in positives if re(s[p]) < highest + epsilon]
            negatives = [n for n in negatives if re(s[n]) > lowest - epsilon]
        values[i] = log_sum_exp([0 * s[i], *(-alpha * (s[p] - base) for p in positives)]) / alpha
        values[i] = values[i] + log_sum_exp([0 * s[i], *(beta * (s[n] - base) for n in negatives)]) / beta
    return values


@over_pairs
def lifted_struct(groups, x, margin=1.0, distance="L2"):
    """Song et al. 2016, equation 4: over unordered pairs half the mean of max(J, 0)²."""
    d = [[distance_of(a, b, distance) for b in x] for a in x]
    costs = {}
    for i, positives, negatives in anchors_with(groups):
        costs[i] = []
        for j in positives:
            terms = [margin - d[row][k] for row in (i, j) for k in negatives]
            costs[i].append(relu(log_sum_exp(terms) + d[i][j]) ** 2 / 2)
    return mean_over_pairs(costs)


def over_tuples(sample):
    """`sample(tuples, i, **options)` is the value of sample i, from embeddings [sample][view], each (steps, d)."""

    def oracle(y_true, y_pred, normalize=True, **options):
        shape, (views, d) = y_pred.shape[:-2], y_pred.shape[-2:]

        def formula(x):
            x = x.reshape(len(x), -1, views, d)
            tuples = [[x[:, i, v] for v in range(views)] for i in range(x.shape[1])]
            if normalize:
                tuples = [[unit(row) for row in rows] for rows in tuples]
            each = [sample(tuples, i, **options) for i in range(len(tuples))]
            return np.stack(each, -1).reshape(len(x), *shape)

        return complex_step(formula, y_pred)

    return oracle


@over_tuples
def info_nce(tuples, i, temperature=0.07, symmetric=False):
    """Row i of CLIP's two cross-entropies; hard negatives are keys of all queries, as in sentence-transformers."""
    query, key, *_ = tuples[i]
    own = dot(query, key) / temperature
    row = log_sum_exp([dot(query, k) / temperature for _, *keys in tuples for k in keys]) - own
    column = log_sum_exp([dot(q, key) / temperature for q, *_ in tuples]) - own
    return (row + column) / 2 if symmetric else row


@over_tuples
def siglip(tuples, i, temperature=0.1, bias=-10.0):
    """Zhai et al. 2023, algorithm 1: the sum over pairs, by the number of samples."""
    z = [dot(tuples[i][0], key) / temperature + bias for _, key in tuples]
    return sum(softplus(-x if j == i else x) for j, x in enumerate(z))


def triplet_margin(y_true, y_pred, margin=1.0, distance="L2", swap=False, soft=False):
    @over_tuples
    def of_tuples(tuples, i):
        anchor, positive, negative = tuples[i]
        near, far = distance_of(anchor, positive, distance), distance_of(anchor, negative, distance)
        between = distance_of(positive, negative, distance)
        far = between if swap and re(between) < re(far) else far
        return softplus(near - far) if soft else relu(near - far + margin)

    return of_tuples(y_true, y_pred, normalize=False)


def _npairs(shared):
    """-Σ_j q_ij log softmax(s_i)_j, q_ij = `shared(y_i, y_j)` by its sum over j; s given, or a_i·p_j."""

    def oracle(y_true, y_pred, l2_reg=0.0):
        samples = len(y_true) if y_pred.ndim == 2 else int(np.prod(y_pred.shape[:-2]))
        y = y_true.reshape(samples, -1)
        q = np.array([[shared(a, b) for b in y] for a in y])
        counted = q.sum(-1) > 0

        def formula(x):
            if y_pred.ndim > 2:
                x = x.reshape(len(x), samples, 2, -1)
                lengths = np.sum(x**2, (2, 3))
                x = np.einsum("rid,rjd->rij", x[:, :, 0], x[:, :, 1])
            values = np.zeros((len(x), samples), complex)
            for i in np.flatnonzero(counted):
                s = list(np.moveaxis(x[:, i], -1, 0))
                values[:, i] = log_sum_exp(s) - sum(a * b for a, b in zip(q[i], s, strict=True)) / q[i].sum()
                values[:, i] += l2_reg / 4 * lengths[:, i] if l2_reg else 0
            return values.reshape(len(x), *(y_pred.shape[:1] if y_pred.ndim == 2 else y_pred.shape[:-2]))

        return complex_step(formula, y_pred, counted)

    return oracle


npairs = _npairs(lambda a, b: float(a.item() == b.item()))
npairs_multilabel = _npairs(np.dot)


def over_centres(with_margin):
    """A cross-entropy of scaled cosines, with `with_margin(cosine, margin)` for the label's."""

    def oracle(y_true, y_pred, margin=None, scale=64.0, axis=-1, label_smoothing=0.0):
        u = np.moveaxis(y_pred, axis, -1)
        classes = u.shape[-1]
        labels = y_true if y_true.ndim < u.ndim else np.argmax(np.moveaxis(y_true, axis, -1), -1)
        hot = np.eye(classes)[labels.astype(int)]
        factor = np.sqrt(2) * np.log(classes - 1) if scale is None else scale

        def formula(c):
            logits = factor * np.where(hot == 1, with_margin(c, **({} if margin is None else {"margin": margin})), c)
            top = real(logits).max(-1, keepdims=True)
            log_p = logits - top - np.log(np.sum(np.exp(logits - top), -1, keepdims=True))
            return -np.sum(smooth(hot, label_smoothing) * log_p, -1)

        values, mean, gradient = complex_step(formula, u)
        return Expected(values, mean, np.moveaxis(gradient, -1, axis))

    return oracle


@over_centres
def arc_face(c, margin=0.5):
    """The angle itself: cos(arccos(c) + m), beyond π - m c - m sin m; arccos by its derivative, -1/sin."""
    angle = np.arccos(c.real) - 1j * c.imag / np.sqrt(1 - c.real**2)
    return np.where(angle.real + margin > np.pi, c - margin * np.sin(margin), np.cos(angle + margin))


@over_centres
def cos_face(c, margin=0.35):
    return c - margin


def proxy_anchor(y_true, y_pred, margin=0.1, alpha=32.0):
    """Kim et al. 2020, equation 4; one number for the batch."""
    labels = y_true if y_true.ndim < y_pred.ndim else np.argmax(y_true, -1)
    classes, labels = y_pred.shape[-1], labels.reshape(-1).astype(int)

    def formula(s):
        rows = s.reshape(len(s), -1, classes)
        towards, away = [], []
        for c in range(classes):
            own = [-alpha * (rows[:, i, c] - margin) for i in range(len(labels)) if labels[i] == c]
            other = [alpha * (rows[:, i, c] + margin) for i in range(len(labels)) if labels[i] != c]
            zero = 0 * rows[:, 0, 0]
            towards += [log_sum_exp([zero, *own])] if own else []
            away.append(log_sum_exp([zero, *other]))
        value = sum(towards) / len(towards) + sum(away) / classes
        return np.broadcast_to(value.reshape(-1, *(1,) * (s.ndim - 2)), s.shape[:-1])

    return complex_step(formula, y_pred)
