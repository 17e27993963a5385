"""Layers that go with the losses: a loss has no variables, so what is trained beside the model lives here."""

from keras_lossbox.layers.cosine_head import ContrastiveHead, CosineHead
from keras_lossbox.layers.linear_head import LinearHead
from keras_lossbox.layers.ordinal_head import OrdinalHead, ordinal_probabilities
from keras_lossbox.layers.uncertainty_weighted import UncertaintyWeighted

__all__ = ["ContrastiveHead", "CosineHead", "LinearHead", "OrdinalHead", "UncertaintyWeighted", "ordinal_probabilities"]
