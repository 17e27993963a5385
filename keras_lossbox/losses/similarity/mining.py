"""Which negative each pair meets, and how many: from sorted rows, in memory of n², where triplets would be n³."""

from keras import ops

from keras_lossbox.functions.elementary import cumulative_sum, mean, sizes_of


def largest(x, mask):
    """Where in each row the largest entry is that the mask has; of equal ones the first."""
    return ops.argmax(ops.where(mask, x, float("-inf")), -1)


def smallest(x, mask):
    """Where in each row the smallest entry is that the mask has; of equal ones the first."""
    return ops.argmin(ops.where(mask, x, float("inf")), -1)


def ascending(x, mask):
    """The columns of each row in the order of its entries; first those that the mask has."""
    return ops.argsort(ops.where(mask, ops.stop_gradient(x), float("inf")), -1)


def count_up_to(x, mask, thresholds, equal=True):
    """For each threshold, of those entries of its row that the mask has, how many are below it, or `equal` to it.

    Entries and thresholds are sorted together, in a way that keeps the order of equal ones: the first go first.
    """
    entries, thresholds = (ops.stop_gradient(values) for values in (ops.where(mask, x, float("inf")), thresholds))
    columns = sizes_of(entries)[-1]
    order = ops.argsort(ops.concatenate([entries, thresholds] if equal else [thresholds, entries], -1), -1)
    is_entry = order < columns if equal else order >= columns
    places = ops.argsort(order, -1)  # where each of them has come to stand
    places = places[:, columns:] if equal else places[:, :columns]
    return ops.take_along_axis(ops.cumsum(ops.cast(is_entry, "int32"), -1), places, -1)


def semi_hard(x, mask, thresholds):
    """For each threshold the smallest entry of its row above it or, if there is none, the largest."""
    number = ops.sum(ops.cast(mask, "int32"), -1, keepdims=True)
    place = ops.minimum(count_up_to(x, mask, thresholds), ops.maximum(number - 1, 0))
    return ops.take_along_axis(x, ops.take_along_axis(ascending(x, mask), place, -1), -1)


def shortfalls(x, mask, thresholds):
    """For each threshold t, Σ max(t - x, 0) over those entries of its row that the mask has, and how many are not 0."""
    number = count_up_to(x, mask, thresholds, equal=False)
    order = ascending(x, mask)
    # from a point among them, so that differences are added and not numbers that cancel
    centre = ops.stop_gradient(mean(ops.where(mask, x, 0), -1)[:, None])
    ordered = ops.where(ops.take_along_axis(mask, order, -1), ops.take_along_axis(x - centre, order, -1), 0)
    sums = ops.pad(cumulative_sum(ordered), [[0, 0], [1, 0]])
    return ops.cast(number, x.dtype) * (thresholds - centre) - ops.take_along_axis(sums, number, -1), number
