"""Wrong calls, each with the error that mypy must find; one that it did not notice would be an unused `ignore`.

This file is only read: `test_types.py` gives it to mypy.
"""

import keras_lossbox
from keras_lossbox import plots, tf1

# A misspelt option, and one that a loss does not have.
keras_lossbox.BinaryCrossentropy(from_logit=True)  # type: ignore[call-arg]
keras_lossbox.Huber(beta=1.0)  # type: ignore[call-arg]
keras_lossbox.LovaszHinge(from_logits=True)  # type: ignore[call-arg]

# A string for a number, a number for a flag, None where it is not allowed.
keras_lossbox.Huber(delta="2")  # type: ignore[arg-type]
keras_lossbox.BinaryCrossentropy(label_smoothing="0.1")  # type: ignore[arg-type]
keras_lossbox.CategoricalCrossentropy(from_logits=0.5)  # type: ignore[arg-type]
keras_lossbox.CategoricalCrossentropy(axis=None)  # type: ignore[arg-type]

# A list where one number is asked for, and a fraction where a whole number is.
keras_lossbox.Huber(delta=[1.0, 2.0])  # type: ignore[arg-type]
keras_lossbox.BinaryFocalCrossentropy(alpha=[0.5, 0.5])  # type: ignore[arg-type]
keras_lossbox.SparseCategoricalCrossentropy(ignore_class=0.5)  # type: ignore[arg-type]

# A name that is none of those to choose from.
keras_lossbox.Huber(reduction="average")  # type: ignore[arg-type]
keras_lossbox.Dice(mode="multi_class")  # type: ignore[arg-type]
keras_lossbox.RootMeanSquaredError(scope=None)  # type: ignore[arg-type]

# The order of another loss, and by position what can only be given by name.
keras_lossbox.SparseCategoricalCrossentropy(True, None, -1)  # type: ignore[arg-type]
keras_lossbox.Dice("multiclass", True)  # type: ignore[arg-type]
keras_lossbox.BinaryCrossentropy(False, 0.0, -1, "sum", None, None, 3.0)  # type: ignore[call-arg]

# A required option is missing, or is no loss.
keras_lossbox.WeightedSum()  # type: ignore[call-arg]
keras_lossbox.Masked(ignore=-1)  # type: ignore[call-arg]

# Calls of a loss.
keras_lossbox.Huber()([[1.0]])  # type: ignore[call-arg]
keras_lossbox.Huber()([[1.0]], [[2.0]], weights=[1.0])  # type: ignore[call-arg]

# The rest.
keras_lossbox.LinearHead()  # type: ignore[call-arg]
keras_lossbox.LinearHead("10")  # type: ignore[arg-type]
keras_lossbox.MeanLoss()  # type: ignore[call-arg]
keras_lossbox.class_balanced_weights([3, 1], beta="0.9")  # type: ignore[arg-type]
keras_lossbox.diagnose(keras_lossbox.Huber(), [[1.0]], [[2.0]], None, 32)  # type: ignore[call-arg]
tf1.huber_loss([1.0], [2.0], delta="1")  # type: ignore[arg-type]
tf1.huber_loss([1.0])  # type: ignore[call-arg]
tf1.l2_loss(x=[1.0])  # type: ignore[call-arg]
plots.plot_loss("huber", kind="reel")  # type: ignore[arg-type]
