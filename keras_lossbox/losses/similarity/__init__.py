"""Losses of metric learning: what is similar gets near embeddings, what is not gets far ones.

`base.py` has the pairs of the batch and who is in them; a loss is a formula over their distances or similarities
(`triplets.py`, `similarities.py`, `softmax.py`, `npairs.py`), computed for some anchors at a time in `chunks.py`. In
`given.py` are those of pairs and triplets that the data name, in `cosines.py` those over the centres of classes that
the layer `CosineHead` keeps.
"""

from keras_lossbox.losses.similarity import cosines, given, npairs, similarities, softmax, triplets

__all__ = ["cosines", "given", "npairs", "similarities", "softmax", "triplets"]
