"""The distribution of one yes/no, from its logit or its probability: what losses ask of it, exact in both tails."""

from keras import ops

from keras_lossbox.functions.elementary import finite_logits, inside_unit_interval, multiply_optional, side


def bernoulli(y_pred, from_logits):
    """The distribution whose probability of yes is sigmoid(y_pred), or y_pred."""
    return BernoulliOfLogits(y_pred) if from_logits else BernoulliOfProbabilities(y_pred)


class Bernoulli:
    """What losses ask of it. `y` is a `labels.YesNo`: y and 1 - y, each with all its digits."""

    def __init__(self, y_pred):
        self.dtype = y_pred.dtype

    def per_label(self, option):
        """An option that is None, one number, or one for each entry of the last axis, ready to be multiplied."""
        return ops.convert_to_tensor(option, self.dtype) if isinstance(option, (list, tuple)) else option

    def crossentropy(self, y, pos_weight=None, neg_weight=None):
        """-(w₊ y log p + w₋ (1 - y) log(1 - p))."""
        raise NotImplementedError

    def one_minus_p(self, y):
        """1 - p_t = y (1 - p) + (1 - y) p: how unlikely the label is."""
        raise NotImplementedError

    def neg_log_p(self):
        """-log p and -log(1 - p): what a positive and a negative cost."""
        raise NotImplementedError

    def probabilities(self):
        """p and 1 - p."""
        raise NotImplementedError

    def logit(self):
        """log p - log(1 - p)."""
        if_positive, if_negative = self.neg_log_p()
        return if_negative - if_positive


class BernoulliOfLogits(Bernoulli):
    """Everything from |z| and the side of 0 that z is on: no difference that loses digits.

    log(1 + exp(-|z|)) is what even the right answer costs, and the wrong one costs |z| more.
    """

    def __init__(self, z):
        super().__init__(z)
        z = -finite_logits(-finite_logits(z))
        self.z = z
        z_side = side(z)
        self.z_positive = z_side > 0
        self.abs_z = z * z_side
        self.log1p_exp = ops.softplus(-self.abs_z)

    def crossentropy(self, y, pos_weight=None, neg_weight=None):
        positive, negative = multiply_optional(y.yes, pos_weight), multiply_optional(y.no, neg_weight)
        unweighted = pos_weight is None and neg_weight is None  # then y and 1 - y add up to 1
        right = self.log1p_exp if unweighted else (positive + negative) * self.log1p_exp
        return ops.where(self.z_positive, negative, positive) * self.abs_z + right

    def one_minus_p(self, y):
        p_min = self._p_min()
        return p_min + ops.where(self.z_positive, y.no, y.yes) * (1 - 2 * p_min)

    def neg_log_p(self):
        wrong = self.log1p_exp + self.abs_z
        return ops.where(self.z_positive, self.log1p_exp, wrong), ops.where(self.z_positive, wrong, self.log1p_exp)

    def probabilities(self):
        p_min = self._p_min()
        p_max = 1 - p_min
        return ops.where(self.z_positive, p_max, p_min), ops.where(self.z_positive, p_min, p_max)

    def logit(self):
        return self.z

    def _p_min(self):
        """The probability of the less likely answer. (TensorFlow's sigmoid is never below 1e-8.)"""
        exp = ops.exp(-self.abs_z)
        return exp / (1 + exp)


class BernoulliOfProbabilities(Bernoulli):
    """The same of a probability, which is clipped so that it is never quite 0 or 1."""

    def __init__(self, p):
        super().__init__(p)
        self.p = inside_unit_interval(p)

    def crossentropy(self, y, pos_weight=None, neg_weight=None):
        if_positive, if_negative = self.neg_log_p()
        return multiply_optional(y.yes, pos_weight) * if_positive + multiply_optional(y.no, neg_weight) * if_negative

    def one_minus_p(self, y):
        return y.yes * (1 - self.p) + y.no * self.p

    def neg_log_p(self):
        return -ops.log(self.p), -ops.log1p(-self.p)

    def probabilities(self):
        return self.p, 1 - self.p
