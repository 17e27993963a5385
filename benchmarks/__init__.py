"""Time and memory of the losses against Keras, tf.nn and the memory limit: `python -m benchmarks`, see README.md."""
