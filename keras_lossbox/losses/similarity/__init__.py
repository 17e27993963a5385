"""Losses of metric learning: what is similar gets near embeddings, what is not gets far ones.

`base.py` has the pairs of the batch and who is in them; a loss is a formula over their distances or similarities
(`triplets.py`, `similarities.py`, `softmax.py`, `npairs.py`). In `given.py` are those of pairs and triplets that the
data name.
"""

from keras_lossbox.losses.similarity import given, npairs, similarities, softmax, triplets

__all__ = ["given", "npairs", "similarities", "softmax", "triplets"]
