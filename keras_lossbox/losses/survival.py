"""Losses for the time until an event, which for some samples was not seen to happen: those are censored."""

from keras import ops

from keras_lossbox.core import replicas, targets
from keras_lossbox.core.batch import Values, logical_and_optional
from keras_lossbox.core.loss import Loss
from keras_lossbox.core.options import Choice
from keras_lossbox.core.registry import register
from keras_lossbox.functions.elementary import max_over, sizes_of


@register
class CoxPH(Loss):
    """Cox's partial likelihood: who of those that are still there has the event, by the log hazard of each sample.

        value of an event i = log Σ_{j: t_j >= t_i} exp(η_j) - η_i

    The samples are compared with each other, and only those with an event have a value: the mean is per event. A batch
    without any has a loss of 0. The risk set of an event is all samples of the batch (on all replicas) whose time is
    not earlier, so that batches should be large; a sample that is masked or has weight 0 is in none. Sample weights are
    those of events, and do not change risk sets. What is learned is an order, without a baseline: adding a number to
    all η changes nothing. For probabilities over time: `DiscreteHazard`.

    Args:
        ties: what is done with events at the same time: `"breslow"` (each with the whole risk set), or `"efron"` (of
        the
            tied ones each a part, closer to the truth where there are many). pycox's `CoxPHLoss` takes them in the
            order of the batch.
        reduction, name, dtype: see `Loss`.

    Shapes: y_pred `(n, 1)` or `(n,)`, the log hazards η; y_true `(n, 2)`: time, and 1 for an event or 0 for censored.
        One value per sample, `(n,)`.

    Raises:
        ValueError: for unknown ties, an event other than 0 and 1, or other shapes.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.CoxPH()
    >>> float(loss([[1.0, 1], [2.0, 0], [3.0, 1]], [[0.0], [0.0], [0.0]]))  # (log 3 + log 1) / 2
    0.5493061542510986

    Reference: Cox, Partial Likelihood, 1975, https://doi.org/10.1093/biomet/62.2.269; with networks: Katzman et al.,
    2018, https://arxiv.org/abs/1606.00931; Efron, 1977, https://doi.org/10.1080/01621459.1977.10480613
    """

    ties = Choice("breslow", "efron")

    def targets(self, y_pred):
        return targets.Survival(across=True)

    def compute(self, batch):
        time, event = batch.y_true[:, 0], batch.y_true[:, 1]
        hazard = ops.where(ops.isnan(time), float("nan"), batch.y_pred[:, 0])  # in every risk set, so that it shows
        valid = ops.broadcast_to(True if batch.valid is None else batch.valid, sizes_of(time))
        keys, times, events, present = map(replicas.gather, (hazard, time, event, valid))
        at_risk = ops.logical_and(present[None], ops.logical_not(times[None] < time[:, None]))
        peak = ops.stop_gradient(max_over(ops.where(at_risk, keys[None], -1e30), -1))
        shares = ops.where(at_risk, ops.exp(ops.where(at_risk, keys[None] - peak[:, None], 0)), 0)
        if self.ties == "breslow":
            log_risk = log_of_some(ops.sum(shares, -1))
        else:
            same = ops.logical_and(ops.equal(times[None], time[:, None]), ops.equal(events[None], 1))
            log_risk = efron(shares, ops.logical_and(at_risk, same), replicas.row_ids(time))
        values = ops.where(ops.isnan(event), float("nan"), log_risk + (peak - hazard))
        return Values(values, batch.weights, logical_and_optional(batch.mask, ops.not_equal(event, 0)))


def efron(shares, tied, ids):
    """For d tied events the mean of log(Σ shares - l/d Σ shares of the tied) over l = 0 … d - 1, the same for each."""
    earlier = ops.logical_and(tied, replicas.gather(ids)[None] < ids[:, None])
    ties, before = (ops.sum(ops.cast(x, shares.dtype), -1) for x in (tied, earlier))
    ties = ops.where(ties > 0, ties, 1)
    logs = log_of_some(ops.sum(shares, -1) - before / ties * ops.sum(ops.where(tied, shares, 0), -1))
    return ops.sum(ops.where(tied, replicas.gather(logs)[None], 0), -1) / ties


def log_of_some(x):
    """log x; 0 for the empty risk set of a sample that is left out."""
    return ops.log(ops.where(x <= 0, 1, x))


@register
class DiscreteHazard(Loss):
    """Survival in intervals of time: the chance of the event in each, if it has not happened before, as a logit.

        loss = Σ_{k < t} softplus(φ_k) + softplus(-φ_t) for an event in interval t, + softplus(φ_t) for censored in it

    It is the negative log-likelihood: a yes/no question for each interval that a sample was seen in, and none for those
    after. The chance to survive interval k is Π_{j <= k} (1 - sigmoid(φ_j)). Unlike `CoxPH` it does not compare
    samples, so that batches may be small, and does not assume that hazards are proportional.

    Args:
        reduction, name, dtype: see `Loss`.
        labels: `"index"`: y_true is the interval, from 0, and 1 for an event or 0 for censored, as pycox's
            `NLLLogistiHazardLoss` takes them; who is censored in an interval counts as having survived it.
            `"intervals"`: y_true holds for each of K intervals whether it was survived, and then for each whether the
            event was in it, as nnet-survival makes them; who is censored after the middle of an interval has survived
            it there. (Its predictions are the chances to survive; here they are logits of the hazard.)

    Shapes: y_pred `(n, ..., K)`; y_true `(n, ..., 2)`, or `(n, ..., 2 K)` for `labels="intervals"`. One value per
    sample,
        `(n, ...)`.

    Raises:
        ValueError: for unknown labels, an interval that y_pred does not have, an event other than 0 and 1, or other
            shapes.

    Example:

    >>> import keras_lossbox
    >>> loss = keras_lossbox.DiscreteHazard()
    >>> round(float(loss([[1, 1]], [[0.0, 0.0, 0.0]])), 4)  # survived the first, not the second: 2 log 2
    1.3863
    >>> survived, failed = [1, 0, 0], [0, 1, 0]
    >>> round(float(keras_lossbox.DiscreteHazard(labels="intervals")([survived + failed], [[0.0, 0.0, 0.0]])), 4)
    1.3863

    Reference: Gensheimer and Narasimhan, A Scalable Discrete-Time Survival Model for Neural Networks, 2019,
    https://arxiv.org/abs/1805.00917; Kvamme and Borgan, 2021, https://arxiv.org/abs/1910.06724
    """

    labels = Choice("index", "intervals", keyword=True)
    jit_compile = True

    def targets(self, y_pred):
        return targets.Survival(intervals=self.labels)

    def call(self, y_true, y_pred):
        survived, failed = ops.split(y_true, 2, -1) if self.labels == "intervals" else of_index(y_true, y_pred)
        return ops.sum(survived * ops.softplus(y_pred) + failed * ops.softplus(-y_pred), -1)


def of_index(y_true, y_pred):
    """Which intervals were survived, and in which the event was, from the index of the last and whether it had one."""
    last, event = y_true[..., :1], y_true[..., 1:]
    intervals = ops.cast(ops.arange(sizes_of(y_pred)[-1]), y_pred.dtype)
    failed = ops.where(ops.equal(intervals, last), event, 0)
    seen = ops.where(ops.isnan(last), last, ops.cast(intervals <= last, y_pred.dtype))
    return seen - failed, failed
