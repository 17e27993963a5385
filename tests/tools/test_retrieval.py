"""recall@k and MAP@R: against a loop over queries, numbers of pytorch-metric-learning, and in `fit`."""

import keras
import numpy as np
import pytest

import keras_lossbox as box
from keras_lossbox.tools import retrieval

DISTANCES = ["cosine", "L2"]


def drawn(rng, n=40, classes=6):
    y = rng.integers(0, classes, n)
    return y, rng.normal(size=(n, 3)) + np.eye(classes, 3)[y]


def by_loop(y, x, k, distance, gallery=None):
    """What the definitions say: a query after the other, all others sorted by a distance of scipy's kind."""
    recalls, precisions = [], []
    other_y, other_x = (y, x) if gallery is None else gallery
    for i in range(len(x)):
        others = [j for j in range(len(other_x)) if gallery is not None or j != i]
        relevant = sum(other_y[j] == y[i] for j in others)
        if relevant == 0:
            continue
        a = x[i] / np.sqrt(x[i] @ x[i])
        if distance == "cosine":
            far = {j: 1 - a @ other_x[j] / np.sqrt(other_x[j] @ other_x[j]) for j in others}
        else:
            far = {j: np.sqrt(np.sum((x[i] - other_x[j]) ** 2)) for j in others}
        order = sorted(others, key=lambda j: (round(far[j], 9), j))
        hits = [other_y[j] == y[i] for j in order]
        recalls.append(any(hits[:k]))
        precisions.append(sum(sum(hits[: r + 1]) / (r + 1) for r in range(relevant) if hits[r]) / relevant)
    return np.mean(recalls), np.mean(precisions)


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("among_themselves", [True, False])
def test_a_loop_over_queries(distance, among_themselves, rng, monkeypatch):
    y, x = drawn(rng)
    y[7] = 99  # has no other of its class
    gallery = None if among_themselves else drawn(rng, 30, 5)
    for block in (retrieval.BLOCK, 7 * 40):  # the last block is smaller
        monkeypatch.setattr(retrieval, "BLOCK", block)
        for k in (1, 2, 5, 30 if gallery else 39):
            recall, precision = by_loop(y, x, k, distance, gallery)
            assert box.recall_at_k(y, x, k, distance=distance, gallery=gallery) == pytest.approx(recall, rel=1e-12)
        assert box.map_at_r(y, x, distance=distance, gallery=gallery) == pytest.approx(precision, rel=1e-12)


@pytest.mark.parametrize("distance", DISTANCES)
def test_equal_distances_go_by_the_order_of_rows(distance, rng):
    """A lattice, on which most distances are equal, and each row stands several times."""
    x = rng.integers(1, 3, (60, 2)).astype("float32")
    y = rng.integers(0, 3, 60)
    for scaled in (x, 0.1 * x):
        for k in (1, 2, 7):
            recall, precision = by_loop(y, x.astype("float64"), k, distance)
            assert box.recall_at_k(y, scaled, k, distance=distance) == pytest.approx(recall, rel=1e-12)
        assert box.map_at_r(y, scaled, distance=distance) == pytest.approx(precision, rel=1e-12)


def test_worked_by_hand():
    """On a line. The third has the first and the fourth at the same distance: the first is nearer."""
    y, x = ["a", "a", "b", "b", "a"], [[0.0], [1.0], [1.5], [3.0], [9.0]]
    assert box.recall_at_k(y, x, distance="L2") == pytest.approx(2 / 5)
    assert box.recall_at_k(y, x, 2, distance="L2") == pytest.approx(3 / 5)
    assert box.recall_at_k(y, x, 3, distance="L2") == 1
    # R is 2 for the three a: (1, 0), (0, 1), (0, 0); and 1 for the two b: (0), (1)
    assert box.map_at_r(y, x, distance="L2") == pytest.approx((1 / 2 + 1 / 4 + 0 + 0 + 1) / 5)


OF_PML = {
    ("cosine", False): (0.6153846153846154, 0.480637864120007),
    ("cosine", True): (0.6129032258064516, 0.4161825563376834),
    ("L2", False): (0.5384615384615384, 0.4612631911739054),
    ("L2", True): (0.7419354838709677, 0.44000062039985827),
}


@pytest.mark.parametrize("distance, with_gallery", OF_PML)
def test_numbers_of_pytorch_metric_learning(distance, with_gallery):
    """Version 2.9.0: AccuracyCalculator(("precision_at_1", "mean_average_precision_at_r"), k="max_bin_count",
    knn_func=CustomKNN(d)), d = CosineSimilarity() or LpDistance(normalize_embeddings=False); these very arrays, and
    for the gallery get_accuracy(x, y, gx, gy, ref_includes_query=False)."""
    rng = np.random.default_rng(18)
    centres, y = rng.normal(size=(6, 3)), rng.integers(0, 6, 40)
    x = centres[y] + 0.7 * rng.normal(size=(40, 3))
    y[39] = 77
    gallery_y = rng.integers(0, 5, 60)
    gallery_x = centres[gallery_y] + 0.7 * rng.normal(size=(60, 3))
    options = {"distance": distance, "gallery": (gallery_y, gallery_x) if with_gallery else None}
    precision_at_1, map_at_r = OF_PML[distance, with_gallery]
    assert box.recall_at_k(y, x, **options) == pytest.approx(precision_at_1, rel=1e-12)
    assert box.map_at_r(y, x, **options) == pytest.approx(map_at_r, rel=1e-6)


def test_remarkable_embeddings(rng):
    y, x = drawn(rng)
    assert box.map_at_r(y, np.eye(6)[y]) == 1
    assert box.recall_at_k(y, np.zeros((40, 3))) == box.recall_at_k(y, np.zeros((40, 3)), distance="L2")
    assert box.recall_at_k(y, 1e3 + 1e-3 * x, distance="L2") == box.recall_at_k(y, x, distance="L2")
    for labels in (y[:, None], y.astype(str), y + 2**40, keras.ops.convert_to_tensor(y.astype("int32")), y.tolist()):
        assert box.map_at_r(labels, keras.ops.convert_to_tensor(x.astype("float32"))) == pytest.approx(
            box.map_at_r(y, x), rel=1e-6
        )


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: box.recall_at_k([0, 0], [[1.0], [np.nan]]),
            "recall_at_k: `embeddings` must be finite.*first is row 1",
        ),
        (
            lambda: box.map_at_r([0, 0], np.ones((2, 1)), gallery=([0], [[np.inf]])),
            "map_at_r: gallery: `embeddings` mu",
        ),
        (lambda: box.map_at_r([0, np.nan], np.ones((2, 1))), "`labels` must not be NaN"),
        (lambda: box.recall_at_k([0, 0, 1], np.ones((3, 1)), 3), "`k` must be at most 2, .* Received: k=3"),
        (lambda: box.recall_at_k([0], np.ones((1, 1)), 3, gallery=([0, 0], np.ones((2, 1)))), "`k` must be at most 2"),
        (lambda: box.recall_at_k([0, 0], np.ones((2, 1)), 0), "`k` must be a positive integer. Received: k=0"),
        (lambda: box.recall_at_k([0, 0], np.ones((2, 1)), True), "`k` must be a positive integer"),
        (
            lambda: box.recall_at_k([0, 0], np.ones(2)),
            r"`embeddings` must be numbers \(n, d\). Received: float64 \(2,\)",
        ),
        (lambda: box.recall_at_k([0], np.ones((2, 1))), r"`labels` must be one for each embedding.*\(1,\)"),
        (lambda: box.recall_at_k(np.eye(2), np.ones((2, 1))), "`labels` must be one for each embedding"),
        (lambda: box.map_at_r([0, 0], np.ones((2, 1)), distance="L1"), "`distance` must be 'cosine' or 'L2'"),
        (lambda: box.map_at_r([0, 1], np.ones((2, 1))), "no query has another of its class"),
        (lambda: box.map_at_r([0], np.ones((1, 1)), gallery=([0], np.ones((1, 2)))), "must be of one size"),
        (lambda: box.RetrievalEvaluator(None, k=(1, 0)), "RetrievalEvaluator: `k` must be a positive integer"),
        (lambda: box.RetrievalEvaluator(None, distance="L1"), "RetrievalEvaluator: `distance` must be"),
    ],
)
def test_what_cannot_be_evaluated_is_an_error(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ---------------------------------------------------------------- in `fit`


def model_and_data(rng):
    y, x = drawn(rng, 24, 3)
    keras.utils.set_random_seed(0)
    body = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model = keras.Sequential([body, box.CosineHead(3)])
    model.compile(keras.optimizers.SGD(0.5), box.ArcFace(scale=4.0), run_eagerly=True)
    body.compile(run_eagerly=True)
    return model, body, x.astype("float32"), y


def test_logs_of_fit(rng):
    """Of each epoch the numbers of its weights; and a later callback can stop by them."""
    model, body, x, y = model_and_data(rng)
    seen = []
    after = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(box.map_at_r(y, body.predict(x, verbose=0)))
    )
    evaluators = [
        box.RetrievalEvaluator((x, y), k=[1, 3], encoder=body, batch_size=7),
        box.RetrievalEvaluator((x, y), gallery=(x[:9], y[:9]), encoder=body, distance="L2", prefix="gallery_"),
    ]
    stop = keras.callbacks.EarlyStopping("val_map_at_r", mode="max", patience=1, min_delta=1.0)
    logs = model.fit(x, y, epochs=5, verbose=0, callbacks=[*evaluators, after, stop]).history
    assert len(logs["loss"]) == 2  # the second is not better by 1
    assert set(logs) == {
        "loss", "val_recall_at_1", "val_recall_at_3", "val_map_at_r", "gallery_recall_at_1", "gallery_map_at_r"
    }  # fmt: skip
    assert logs["val_map_at_r"] == pytest.approx(seen, rel=1e-6)
    embeddings = body.predict(x, verbose=0)
    assert logs["val_recall_at_3"][-1] == box.recall_at_k(y, embeddings, 3)
    of_gallery = box.map_at_r(y, embeddings, distance="L2", gallery=(y[:9], embeddings[:9]))
    assert logs["gallery_map_at_r"][-1] == pytest.approx(of_gallery, rel=1e-6)


class Batches(keras.utils.PyDataset):
    """A dataset whose end no IndexError tells."""

    def __init__(self, *arrays):
        super().__init__()
        self.arrays = arrays

    def __len__(self):
        return 3

    def __getitem__(self, batch):
        return tuple(array[10 * batch : 10 * batch + 10] for array in self.arrays)


@pytest.mark.parametrize("kind", ["arrays", "list", "PyDataset"])
def test_data_come_as_in_fit_and_weight_0_is_left_out(kind, rng):
    _, body, x, y = model_and_data(rng)
    weights = rng.integers(0, 3, 24).astype("float32")
    kept = weights > 0
    dataset = Batches(x, y[:, None], weights)
    data = {"arrays": (x, y, weights), "list": [x, y[:, None], weights], "PyDataset": dataset}[kind]
    evaluator, logs = box.RetrievalEvaluator(data), {}
    evaluator.set_model(body)
    evaluator.on_epoch_end(0, logs)
    assert logs["val_map_at_r"] == pytest.approx(box.map_at_r(y[kept], body.predict(x, verbose=0)[kept]), rel=1e-6)


def test_a_dataset_of_batches_is_embedded_batch_by_batch(rng):
    """Its labels are read together with its inputs, which may come in another order each time."""
    _, body, x, y = model_and_data(rng)

    class Shuffled:
        def __iter__(self):
            order = np.random.default_rng().permutation(24)
            return ((x[rows], y[rows]) for rows in np.array_split(order, 4))

    evaluator, logs = box.RetrievalEvaluator(Shuffled()), {}
    evaluator.set_model(body)
    evaluator.on_epoch_end(0, logs)
    assert logs["val_map_at_r"] == pytest.approx(box.map_at_r(y, body.predict(x, verbose=0)), rel=1e-6)
    evaluator.on_epoch_end(1)  # no logs


def test_embeddings_that_went_wrong_say_so(rng):
    model, body, x, y = model_and_data(rng)
    body.set_weights([np.full_like(weight, np.nan) for weight in body.get_weights()])
    with pytest.raises(ValueError, match="RetrievalEvaluator: `embeddings` must be finite"):
        model.fit(x, y, verbose=0, callbacks=[box.RetrievalEvaluator((x, y))])
