"""Reference definitions of the losses of overlap; nothing here imports keras_lossbox.

A region is a list of pixels (p, y, weight). What does not count is taken out of the list, not multiplied by 0, and each
loss is its paper's formula over such lists, class by class and sample by sample. The Lovász losses ask the set function
itself: what is the Jaccard loss if exactly these pixels are wrong? Gradients are complex steps (`oracle.py`).
"""

import numpy as np
from oracle import complex_step, power, real

FLOOR = 1e-7  # LOSSES.md: a score below it counts as that in a logarithm, in value but not in gradient


def labels_by_class(y_true, classes, mode):
    """Labels as (n, pixels, classes) of 0 and 1 (or between); a label that is no class has zeros."""
    n = len(y_true)
    if mode != "multiclass":
        return np.reshape(y_true, (n, -1, classes))
    labels = np.reshape(y_true, (n, -1))
    if y_true.shape[-1] == classes and y_true.dtype.kind == "f":
        return np.reshape(y_true, (n, -1, classes))
    return 1.0 * (labels[..., None] == np.arange(classes))


def counted_pixels(y_true, y, mode, ignore_class):
    if ignore_class is None:
        return np.full(y.shape, True)
    if mode != "multiclass":
        return y != ignore_class
    indices = y.shape != np.shape(y_true) and np.size(y_true) * y.shape[-1] == y.size
    labels = np.reshape(y_true, y.shape[:2]) if indices else np.argmax(y, -1)
    return np.broadcast_to((labels != ignore_class)[..., None], y.shape)


def overlap(
    of_regions,
    y_true,
    y_pred,
    sample_weight=None,
    mode="binary",
    from_logits=False,
    per_sample=False,
    classes="all",
    class_weight=None,
    ignore_class=None,
    include_background=True,
    activation=True,
):
    """`of_regions(regions, weights of classes)` gives the loss of a sample, or of a batch, from its classes' pixels.

    `sample_weight` of shape (n,) multiplies the values of samples; with more axes, or over the batch, it says how often
    a pixel is there.
    """
    n, size = len(y_pred), 1 if mode == "binary" else y_pred.shape[-1]
    y = labels_by_class(y_true, size, mode)
    counts = counted_pixels(y_true, y, mode, ignore_class)
    outside = np.ones(n)
    often = np.ones(y.shape)
    if sample_weight is not None:
        if sample_weight.ndim == 1 and per_sample:
            outside = sample_weight
        else:
            w = np.reshape(sample_weight, sample_weight.shape + (1,) * (y_pred.ndim - sample_weight.ndim))
            often = np.reshape(np.broadcast_to(w, y_pred.shape), y.shape)
            counts = counts & (often != 0)
    samples = counts.any((1, 2))

    def formula(u):
        u = np.reshape(u, (len(u), *y.shape))
        p = u
        if from_logits and activation:
            p = np.exp(u - real(u).max(-1, keepdims=True)) if mode == "multiclass" else 1 / (1 + np.exp(-u))
            p = p / p.sum(-1, keepdims=True) if mode == "multiclass" else p
        values = np.zeros((len(u), n), complex)
        for group in [[i] for i in range(n)] if per_sample else [list(range(n))]:
            regions, weights = [], []
            for c in range(size):
                keep = counts[..., c][group]
                region = p[..., c][:, group][:, keep], y[..., c][group][keep], often[..., c][group][keep]
                weight = 1.0 if class_weight is None else np.broadcast_to(class_weight, (size,))[c]
                weight *= include_background or c > 0
                weight *= c in classes if isinstance(classes, list) else classes == "all" or region[1].sum() > 0
                regions.append(region)
                weights.append(weight)
            values[:, group] = of_regions(regions, weights)[:, None]
        return np.where(samples, values, 0) * outside

    return complex_step(formula, y_pred, samples)


def mean_over_classes(losses, weights):
    return sum(w * loss for w, loss in zip(weights, losses, strict=True)) / (sum(weights) or 1)


def divided(common, sizes):
    """A score; of two empty regions it is 1."""
    return np.where(real(sizes) == 0, 1, common / np.where(real(sizes) == 0, 1, sizes))


def of_score(score, log_loss):
    return -np.log(score + (np.maximum(real(score), FLOOR) - real(score))) if log_loss else 1 - score


def shared(p, y, intersection):
    """p y, or the smaller of the two (Wang 2023, 2303.16296); where they are equal, half of each."""
    if intersection == "product":
        return p * y
    return np.where(real(p) < y, p, np.where(real(p) > y, y, (p + y) / 2))


def sums(region, squared, intersection):
    p, y, w = region
    exponent = 2 if squared else 1
    return (w * shared(p, y, intersection)).sum(-1), (w * p**exponent).sum(-1), (w * y**exponent).sum(-1)


def dice(
    y_true, y_pred, sample_weight=None, smooth=0.0, squared=False, log_loss=False, intersection="product", **options
):
    """Milletari 2016 (1606.04797): 2 Σpy / (Σp² + Σy²), or without the squares."""

    def of_regions(regions, weights):
        losses = []
        for common, predicted, true in (sums(region, squared, intersection) for region in regions):
            losses.append(of_score(divided(2 * common + smooth, predicted + true + smooth), log_loss))
        return mean_over_classes(losses, weights)

    return overlap(of_regions, y_true, y_pred, sample_weight, **options)


def jaccard(
    y_true, y_pred, sample_weight=None, smooth=0.0, squared=False, log_loss=False, intersection="product", **options
):
    """Rahman & Wang 2016: intersection over union."""

    def of_regions(regions, weights):
        losses = []
        for common, predicted, true in (sums(region, squared, intersection) for region in regions):
            losses.append(of_score(divided(common + smooth, predicted + true - common + smooth), log_loss))
        return mean_over_classes(losses, weights)

    return overlap(of_regions, y_true, y_pred, sample_weight, **options)


def generalized_dice(
    y_true,
    y_pred,
    sample_weight=None,
    smooth=0.0,
    squared=False,
    log_loss=False,
    intersection="product",
    weight="square",
    **options,
):
    """Sudre 2017 (1707.03237): weights 1/(Σy)², of an absent class the largest; `smooth` in units of that largest.

    The other weights are MONAI's `w_type`.
    """
    weight_of = {"square": lambda size: 1 / size**2, "simple": lambda size: 1 / size, "uniform": lambda size: 1.0}

    def of_regions(regions, weights):
        triples = [sums(region, squared, intersection) for region in regions]
        rarity = [weight_of[weight](true) if true > 0 else None for *_, true in triples]
        largest = max([r for r, w in zip(rarity, weights, strict=True) if r is not None and w > 0], default=1.0)
        scale = [w * (largest if r is None else r) for w, r in zip(weights, rarity, strict=True)]
        common = sum(w * both for w, (both, _, _) in zip(scale, triples, strict=True))
        sizes = sum(w * (predicted + true) for w, (_, predicted, true) in zip(scale, triples, strict=True))
        return of_score(divided(2 * common + smooth * largest, sizes + smooth * largest), log_loss)

    return overlap(of_regions, y_true, y_pred, sample_weight, **options)


def mcc(y_true, y_pred, sample_weight=None, **options):
    """Abhishek 2021 (2010.13454) eq. 3: the correlation of two yes/no variables, from the four counts."""

    def of_regions(regions, weights):
        losses = []
        for p, y, w in regions:
            tp, fp, fn, tn = ((w * a * b).sum(-1) for a, b in ((p, y), (p, 1 - y), (1 - p, y), (1 - p, 1 - y)))
            scale = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
            some = real(scale) > 0
            losses.append(1 - np.where(some, (tp * tn - fp * fn) / np.sqrt(np.where(some, scale, 1)), 0))
        return mean_over_classes(losses, weights)

    return overlap(of_regions, y_true, y_pred, sample_weight, **options)


def focal_tversky(
    y_true,
    y_pred,
    sample_weight=None,
    alpha=0.3,
    beta=0.7,
    gamma=0.75,
    smooth=0.0,
    log_loss=False,
    intersection="product",
    **options,
):
    """Salehi 2017 (1706.05721) eq. 3 from TP, FP and FN; Abraham 2018 (1810.07842): the power of each class's loss."""

    def of_regions(regions, weights):
        losses = []
        for p, y, w in regions:
            both = shared(p, y, intersection)
            tp, fp, fn = ((w * counted).sum(-1) for counted in (both, p - both, y - both))
            score = divided(tp + smooth, tp + alpha * fp + beta * fn + smooth)
            losses.append(power(of_score(score, log_loss), gamma))
        return mean_over_classes(losses, weights)

    return overlap(of_regions, y_true, y_pred, sample_weight, **options)


def tversky(y_true, y_pred, sample_weight=None, alpha=0.5, beta=0.5, **options):
    return focal_tversky(y_true, y_pred, sample_weight, alpha, beta, 1.0, **options)


# ---------------------------------------------------------------- Lovász


def jaccard_of_mistakes(y, w, wrong):
    """The Jaccard loss of a prediction that is wrong in the pixels `wrong` (boolean) and right in the others."""
    predicted = np.where(wrong, 1 - y, y) == 1
    both, either = predicted & (y == 1), predicted | (y == 1)
    return 1 - w[both].sum() / w[either].sum() if w[either].sum() else 0.0


def lovasz_extension(errors, y, w):
    """Σ e_i (J(S_i) - J(S_{i-1})), S_i the pixels of the i largest errors; `errors` (..., pixels), ordered alike."""
    total, before, wrong = 0.0, 0.0, np.full(y.shape, False)
    for i in np.argsort(-real(errors[0]), kind="stable"):
        wrong[i] = True
        now = jaccard_of_mistakes(y, w, wrong)
        total, before = total + errors[:, i] * (now - before), now
    return total + np.zeros(len(errors))


def lovasz_softmax(y_true, y_pred, sample_weight=None, mode="multiclass", classes="present", **options):
    """Berman 2018 (1705.08790) eqs. 8, 9 and 11: errors |y - p|."""

    def of_regions(regions, weights):
        errors = [np.where(y == 1, 1 - p, p) for p, y, _ in regions]
        losses = [lovasz_extension(e, y, w) for e, (_, y, w) in zip(errors, regions, strict=True)]
        return mean_over_classes(losses, weights)

    return overlap(of_regions, y_true, y_pred, sample_weight, mode=mode, classes=classes, **options)


def lovasz_hinge(y_true, y_pred, sample_weight=None, **options):
    """Berman 2018 (1705.08790) eqs. 6 and 7: errors max(0, 1 - z) of what belongs to the region, else max(0, 1 + z)."""

    def of_regions(regions, weights):
        errors = [np.where(y == 1, 1 - z, 1 + z) for z, y, _ in regions]
        hinges = [np.where(real(e) > 0, e, 0) for e in errors]
        losses = [lovasz_extension(e, y, w) for e, (_, y, w) in zip(hinges, regions, strict=True)]
        return mean_over_classes(losses, weights)

    return overlap(of_regions, y_true, y_pred, sample_weight, **options)
