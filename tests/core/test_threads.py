"""One loss, or many, in several threads at once: a server that evaluates, a pipeline that trains two models.

What is shared: the programs of `core/compiled.py` (behind a lock), classes and names (written while modules are
imported), caches of `functools` (which may compute a thing twice, and the same). A constructor notes in a context
variable that it tries a configuration, which every thread has of its own. `last_path` is that of the last call of any
thread.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
from backends import BACKEND
from cases import TYPICAL
from keras import ops

import keras_lossbox as box
from keras_lossbox.core import compiled
from keras_lossbox.core.batch import Batch

THREADS = 8
on_tensorflow = pytest.mark.skipif(BACKEND != "tensorflow", reason="programs and graphs of TensorFlow")


def in_threads(function, threads=THREADS):
    """What `function(number)` returns in each of the threads, which begin together; or the first error."""
    barrier = Barrier(threads)

    def begin(number):
        barrier.wait(60)  # seconds; then an error, should a thread be missing
        return function(number)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(begin, range(threads)))
    finally:
        sys.setswitchinterval(interval)


@pytest.fixture
def programs(monkeypatch):
    """The programs of a process that has none yet; to make one takes a moment."""
    monkeypatch.setattr(compiled, "_programs", {})
    monkeypatch.setattr(compiled, "Program", lambda batch, formula: time.sleep(1e-3) or object())
    return compiled._programs


@on_tensorflow
def test_threads_share_a_program(programs):
    loss, x = box.Huber(), ops.ones((4, 3))
    assert len(set(in_threads(lambda number: compiled._program(loss, Batch(x, x), "sum", None)))) == 1


@on_tensorflow
def test_threads_make_room_for_programs(programs, monkeypatch):
    """Each of them with losses of its own: there are never more programs than may be."""
    monkeypatch.setattr(compiled, "MOST_LOSSES", 2)
    monkeypatch.setattr(compiled, "MOST_SHAPES", 2)
    losses = [box.Huber(delta=1.0 + number) for number in range(THREADS)]
    batches = [Batch(x, x) for x in (ops.ones((rows, 3)) for rows in range(1, 5))]

    def use(number):
        for turn in range(20):
            for batch in batches:
                compiled._program(losses[(number + turn) % THREADS], batch, "sum", None)
            assert len(programs) <= 3

    in_threads(use)
    assert len(programs) <= 2
    assert all(len(of_loss) <= 2 for of_loss in programs.values())


@pytest.mark.one_in(3)
@pytest.mark.parametrize("case", TYPICAL, ids=str)
def test_threads_use_a_loss_at_once(case, rng):
    """Each thread with data of its own, in a loss that none has called before."""
    data = [case.data(rng, (6,)) for _ in range(THREADS)]
    expected = [float(case.build()(*pair)) for pair in data]
    loss = case.build()
    assert in_threads(lambda number: [float(loss(*data[number])) for _ in range(5)]) == [[x] * 5 for x in expected]


@on_tensorflow
def test_threads_trace_a_loss_at_once(rng):
    """A loss large enough for a program of its own, in a function of each thread; value and gradient."""
    import tensorflow as tf

    y_true, y_pred = (tf.constant(rng.normal(size=(512, 128)), "float32") for _ in range(2))
    loss = box.Huber(delta=0.77)

    def value_and_gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = loss(y_true, x)
        return value, tape.gradient(value, x)

    results = in_threads(lambda number: tf.function(value_and_gradient, autograph=False)(y_pred), threads=4)
    error = np.asarray(y_true - y_pred, "float64")
    small = np.abs(error) <= 0.77
    expected = np.mean(np.where(small, error**2 / 2, 0.77 * np.abs(error) - 0.77**2 / 2))
    for value, gradient in results:
        np.testing.assert_allclose(value, expected, rtol=1e-5)
        np.testing.assert_allclose(gradient, -np.clip(error, -0.77, 0.77) / error.size, rtol=1e-4, atol=1e-12)


def test_threads_construct_at_once():
    """One whose constructor is slow leaves the others' checks as they are."""

    class Slow(box.Loss):
        def __init__(self, alpha=1.0, **kwargs):
            super().__init__(**kwargs)
            time.sleep(1e-3)
            self.alpha = alpha

        def call(self, y_true, y_pred):
            return self.alpha * ops.mean(ops.abs(y_true - y_pred), -1)

    class Forgets(Slow):
        def __init__(self, alpha=1.0, **kwargs):
            super().__init__(alpha=2 * alpha, **kwargs)

    def construct(number):
        if number % 2:
            return Slow(alpha=float(number)).alpha == number
        with pytest.raises(TypeError, match="would not come back"):
            Forgets(alpha=3.0)
        return True

    assert all(in_threads(construct))
