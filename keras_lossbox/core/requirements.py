"""A sentence in place of a traceback where Keras has no backend: this package leaves the choice of one to the user."""

import importlib.util

try:
    import keras  # noqa: F401
except ImportError as error:
    backend = (error.name or "").split(".")[0]
    if backend not in ("tensorflow", "jax", "torch") or importlib.util.find_spec(backend) is not None:
        raise
    raise ImportError(
        f"Keras has no backend: {backend} is not installed. Install one with: pip install tensorflow (or "
        "tensorflow-cpu; or jax or torch, and set the environment variable KERAS_BACKEND to its name)",
        name=backend,
    ) from None
