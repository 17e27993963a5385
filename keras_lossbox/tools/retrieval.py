"""How well embeddings find their class, over a whole validation set: recall@k and MAP@R, and a callback for `fit`."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

import keras
import numpy as np

BLOCK = 2**22  # distances at a time, so that memory does not grow with the square of the validation set
ROUNDING = 1e-14  # distances below it, relative to the lengths, are 0: of equal embeddings none is nearer than another

Distance = Literal["cosine", "L2"]


def recall_at_k(
    labels: Any,
    embeddings: Any,
    k: int = 1,
    *,
    distance: Distance = "cosine",
    gallery: tuple[Any, Any] | None = None,
) -> float:
    """The share of queries that have one of their class among their k nearest neighbours.

        recall@k = mean over queries of [any of the k nearest is of the query's class]

    The recall@k of metric learning; recall@1 is also called precision@1, or the accuracy of the nearest neighbour. (In
    information retrieval recall@k is the share of all that are relevant; torchmetrics has that one.) Each row is a
    query, and searched for among all other rows, or in a `gallery`. A query that has no other of its class there is
    not counted; pytorch-metric-learning does the same. Of neighbours at the same distance the first row is the nearest.

    Args:
        labels: the classes, `(n,)` or `(n, 1)`: integers or strings, which are only compared.
        embeddings: `(n, d)`.
        k: how many neighbours, at most as many as there are.
        distance: `"cosine"`, or `"L2"`, which is also the order of squared distances.
        gallery: labels and embeddings to search in, `(labels, embeddings)`; None: the other rows.

    Returns:
        A float from 0 to 1.

    Raises:
        ValueError: for embeddings that are not finite, shapes that do not fit, a k beyond the number of neighbours,
            or if no query has another of its class.

    Example:

    >>> import keras_lossbox
    >>> keras_lossbox.recall_at_k([1, 1, 2, 2], [[0.0], [1.0], [1.5], [3.0]], distance="L2")  # the first and the last
    0.5

    Reference: Jégou, Douze and Schmid, Product Quantization for Nearest Neighbor Search, 2011; Song et al., 2016,
    https://arxiv.org/abs/1511.06452
    """
    return retrieval((labels, embeddings), gallery, (k,), distance, "recall_at_k")[f"recall_at_{k}"]


def map_at_r(
    labels: Any, embeddings: Any, *, distance: Distance = "cosine", gallery: tuple[Any, Any] | None = None
) -> float:
    """Mean average precision at R: how pure the R nearest neighbours are, R as many as there are of the query's class.

        MAP@R = mean over queries of 1/R Σ_{i=1..R} P(i) [the i-th nearest is of the query's class],
        P(i) = the share of the query's class among the i nearest

    It looks at whole classes, where recall@1 asks for a single neighbour, and is 1 only if each class comes before all
    others. Queries, gallery and order as for `recall_at_k`.

    Args:
        labels, embeddings, distance, gallery: see `recall_at_k`.

    Returns:
        A float from 0 to 1.

    Raises:
        ValueError: as for `recall_at_k`.

    Example:

    >>> import keras_lossbox
    >>> keras_lossbox.map_at_r([1, 1, 2, 2], [[0.0], [1.0], [1.5], [3.0]], distance="L2")
    0.5

    Reference: Musgrave, Belongie and Lim, A Metric Learning Reality Check, 2020, https://arxiv.org/abs/2003.08505
    """
    return retrieval((labels, embeddings), gallery, (), distance, "map_at_r")["map_at_r"]


class RetrievalEvaluator(keras.callbacks.Callback):
    """Embeds a validation set at the end of each epoch, and puts its recall@k and MAP@R into the logs of `fit`.

    What a metric given to `compile` cannot be: it sees batches, and neighbours are searched for in all of the set. The
    names are `val_recall_at_1` and `val_map_at_r`, for the history and for callbacks that stand after this one in the
    list: `EarlyStopping("val_map_at_r", mode="max")`, `ModelCheckpoint`. Take classes that training does not see, if
    that is what the embeddings are for. The numbers are those of `recall_at_k` and `map_at_r`.

    Args:
        validation_data: as in `fit`: `(x, y)` or `(x, y, sample_weight)`, or a finite dataset of such batches. Samples
            of weight 0 are left out; other weights are not read.
        k: for which k recall@k is computed: a number or several.
        gallery: data to search in, in the same forms; None: each sample is searched for among the others.
        distance: `"cosine"` or `"L2"`.
        encoder: the model that gives the embeddings, `(n, d)`, if it is a part of the one that is trained: that below
            a `CosineHead`. None: the model that is trained.
        batch_size: as in `predict`, for arrays.
        prefix: of the names in the logs. With several of these callbacks each needs its own.

    Raises:
        ValueError: for an option out of its range; at the end of the epoch also as `recall_at_k`.

    Example:

    >>> import keras, keras_lossbox, numpy as np
    >>> x, y = np.random.default_rng(0).normal(size=(32, 4)), np.arange(32) % 4
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    >>> model.compile("adam", keras_lossbox.TripletSemiHard())
    >>> evaluator = keras_lossbox.RetrievalEvaluator((x, y), k=(1, 4))
    >>> history = model.fit(x, y, callbacks=[evaluator], verbose=0).history
    >>> sorted(history)
    ['loss', 'val_map_at_r', 'val_recall_at_1', 'val_recall_at_4']

    Reference: Musgrave, Belongie and Lim, A Metric Learning Reality Check, 2020, https://arxiv.org/abs/2003.08505
    """

    def __init__(
        self,
        validation_data: Any,
        k: int | Sequence[int] = 1,
        *,
        gallery: Any = None,
        distance: Distance = "cosine",
        encoder: keras.Model | None = None,
        batch_size: int | None = None,
        prefix: str = "val_",
    ) -> None:
        super().__init__()
        self.k = tuple(k) if isinstance(k, Iterable) else (k,)
        check_options("RetrievalEvaluator", self.k, distance)
        self.validation_data = validation_data
        self.gallery = gallery
        self.distance = distance
        self.encoder = encoder
        self.batch_size = batch_size
        self.prefix = prefix

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Adds the numbers to the logs."""
        gallery = None if self.gallery is None else self._embedded(self.gallery)
        found = retrieval(self._embedded(self.validation_data), gallery, self.k, self.distance, type(self).__name__)
        if logs is not None:
            logs.update({self.prefix + name: value for name, value in found.items()})

    def _embedded(self, data):
        """Labels and embeddings of the samples that have a weight."""
        model = self.encoder or self.model
        if isinstance(data, (tuple, list)):
            x, *rest = data
            batches: Iterable = [(model.predict(x, batch_size=self.batch_size, verbose=0), *rest)]
        else:
            batches = ((model.predict_on_batch(x), *rest) for x, *rest in _batches_of(data))
        labels, embeddings = [], []
        for rows, y, *weights in batches:
            rows, y = array(rows), array(y)
            kept = array(weights[0]).reshape(len(y)) != 0 if weights and weights[0] is not None else slice(None)
            labels.append(y[kept])
            embeddings.append(rows[kept])
        return np.concatenate(labels), np.concatenate(embeddings)


def _batches_of(data: Any) -> Iterator[Any]:
    """The batches of one epoch."""
    if isinstance(data, keras.utils.PyDataset):
        return (data[batch] for batch in range(data.num_batches))
    return iter(data)


def retrieval(
    queries: tuple[Any, Any], gallery: tuple[Any, Any] | None, k: Sequence[int], distance: str, caller: str
) -> dict[str, float]:
    """recall@k for each k, and MAP@R, by name."""
    check_options(caller, k, distance)
    labels, x = embedded(caller, "", *queries, distance)
    all_labels, all_x = (labels, x) if gallery is None else embedded(caller, "gallery: ", *gallery, distance)
    if all_x.shape[1] != x.shape[1]:
        raise ValueError(
            f"{caller}: embeddings of queries and gallery must be of one size. Received: {x.shape} and {all_x.shape}"
        )
    others = len(all_x) - (gallery is None)
    if max(k, default=0) > others:
        raise ValueError(f"{caller}: `k` must be at most {others}, the number of neighbours. Received: k={max(k)}")
    of_class = dict(zip(*np.unique(all_labels, return_counts=True), strict=True))
    relevant = np.array([of_class.get(label, 0) for label in labels], "int64") - (gallery is None)
    counted = np.flatnonzero(relevant > 0)
    if not len(counted):
        raise ValueError(f"{caller}: no query has another of its class to be found, among {len(labels)} queries")
    recalls, precisions = dict.fromkeys(k, 0), 0.0
    for query, row in distances(x, all_x, counted, gallery is None, distance):
        hits = all_labels[nearest(row, max(relevant[query], *k, 1))] == labels[query]
        for at in k:
            recalls[at] += bool(hits[:at].any())
        hits = hits[: relevant[query]]
        precisions += np.mean(hits * np.cumsum(hits) / np.arange(1, len(hits) + 1))
    found = {f"recall_at_{at}": hits / len(counted) for at, hits in recalls.items()}
    return {**found, "map_at_r": float(precisions / len(counted))}


def distances(x, gallery, rows, among_themselves, distance):
    """Each of these rows with its distances to all of the gallery, infinite to itself; block by block."""
    x, gallery = x.astype("float64"), gallery.astype("float64")
    squares = np.sum(np.square(gallery), -1)
    size = max(1, BLOCK // len(gallery))
    for start in range(0, len(rows), size):
        block = rows[start : start + size]
        products = x[block] @ gallery.T
        if distance == "cosine":
            scale, found = 1.0, 1 - products
        else:
            scale = np.sum(np.square(x[block]), -1)[:, None] + squares
            found = scale - 2 * products
        # in float32, which hides that a product's last digits depend on the column
        found = np.where(found <= ROUNDING * scale, 0, found).astype("float32")
        if among_themselves:
            found[np.arange(len(block)), block] = np.inf
        yield from zip(block, found, strict=True)


def nearest(row, number):
    """The columns of the smallest entries of a row, in order; of equal ones the first."""
    limit = np.partition(row, number - 1)[number - 1]
    columns = np.flatnonzero(row <= limit)
    return columns[np.argsort(row[columns], kind="stable")][:number]


def embedded(caller, which, labels, embeddings, distance):
    """Labels and embeddings as arrays that fit each other; for cosines of length 1."""
    labels, x = array(labels), array(embeddings)
    if x.ndim != 2 or not np.issubdtype(x.dtype, np.number):
        raise ValueError(f"{caller}: {which}`embeddings` must be numbers (n, d). Received: {x.dtype} {x.shape}")
    if labels.shape not in ((len(x),), (len(x), 1)):
        raise ValueError(
            f"{caller}: {which}`labels` must be one for each embedding, (n,) or (n, 1). "
            f"Received: {labels.shape} for embeddings {x.shape}"
        )
    labels = labels.reshape(-1)
    if not np.all(np.isfinite(x)):
        bad = np.flatnonzero(~np.all(np.isfinite(x), -1))
        raise ValueError(
            f"{caller}: {which}`embeddings` must be finite. Received: NaN or infinity in {len(bad)} of {len(x)} rows, "
            f"the first is row {bad[0]}"
        )
    if np.issubdtype(labels.dtype, np.floating) and np.any(np.isnan(labels)):
        raise ValueError(f"{caller}: {which}`labels` must not be NaN. Received: {np.sum(np.isnan(labels))} NaN")
    if distance == "cosine":
        x = x.astype("float64")
        length = np.linalg.norm(x, axis=-1, keepdims=True)
        x = x / np.where(length > 0, length, 1)
    return labels, x


def array(x):
    """A tensor, a list or an array as a numpy array."""
    return keras.ops.convert_to_numpy(x) if keras.ops.is_tensor(x) else np.asarray(x)


def check_options(caller, k, distance):
    """Raises a ValueError for an option out of its range."""
    for at in k:
        if isinstance(at, bool) or not isinstance(at, (int, np.integer)) or at < 1:
            raise ValueError(f"{caller}: `k` must be a positive integer. Received: k={at!r}")
    if distance not in ("cosine", "L2"):
        raise ValueError(f"{caller}: `distance` must be 'cosine' or 'L2'. Received: distance={distance!r}")
