"""How long do the nearest neighbours of all items take, and lists for all customers?

    python benchmarks/neighbors.py [ml100k] [10k] [1e7] [dense]

From the customers-by-items matrix to the 50 most similar items of each by cosine, exactly: ratings as many and as
unevenly spread as MovieLens 100k's; 10,000 x 10,000 with 1 % filled, the size document 004 names; 100,000 customers by
50,000 items with 10 million purchases; and 10,000 x 10,000 fully rated. Each item's total of kept similarities must
agree to five digits (peers compute in float32). Then the same with the ten best unseen items for every customer; there
implicit adds over the neighbours of what a customer has and we over those of what is listed, so that lists are counted
but not compared.

Fully rated, the measure is the one symmetric matrix product in float32 that nobody can do without; it alone is no
answer. ``python benchmarks/neighbors.py memory 1e7`` prints how far memory rises above what the input takes.
"""

import sys
import threading
import time
import warnings

import numpy as np
import pandas as pd
import psutil
import sparse_dot_topn
from _side_by_side import Way, conditions, markdown, side_by_side
from implicit.nearest_neighbours import CosineRecommender
from scipy import sparse
from sklearn.metrics.pairwise import cosine_similarity

from clvlib.matching import ItemKNN

N = 50
THREADS = 2


def uneven(n_customers: int, n_items: int, n: int, *, skew: float, largest: int) -> sparse.csr_array:
    """Pairs of which the first items have most: an item's place is a uniform number to the power of ``skew``."""
    rng = np.random.default_rng(n)
    customer = rng.integers(0, n_customers, n, dtype=np.int32)
    item = np.minimum(n_items * rng.random(n) ** skew, n_items - 1).astype(np.int32)
    pairs = sparse.coo_array((np.ones(n), (customer, item)), shape=(n_customers, n_items)).tocsr()
    pairs.data = rng.integers(1, largest + 1, pairs.nnz).astype(float)
    return pairs


def even(n_rows: int, share: float) -> sparse.csr_array:
    rng = np.random.default_rng(n_rows)
    pairs = sparse.random_array((n_rows, n_rows), density=share, rng=rng, format="csr")
    pairs.data = rng.integers(1, 6, pairs.nnz).astype(float)
    return pairs


def fully_rated(n_rows: int) -> np.ndarray:
    return np.random.default_rng(n_rows).integers(1, 6, size=(n_rows, n_rows), dtype=np.uint8)


#: Title, what makes the matrix, and how many rounds can be waited for.
SIZES = {
    "ml100k": ("943 x 1,682, 100,000 pairs", lambda: uneven(943, 1_682, 150_000, skew=2.0, largest=5), 15),
    "10k": ("10,000 x 10,000, 1 % filled", lambda: even(10_000, 0.01), 5),
    "1e7": ("100,000 x 50,000, 10 million pairs", lambda: uneven(100_000, 50_000, 10**7, skew=2.0, largest=1), 1),
    "dense": ("10,000 x 10,000, fully rated", lambda: fully_rated(10_000), 1),
}


def ours(pairs) -> ItemKNN:
    return ItemKNN(n_neighbors=N).fit(pairs)


def from_table(table: pd.DataFrame) -> ItemKNN:
    return ItemKNN(n_neighbors=N).fit(table)


def by_sklearn(pairs: sparse.csr_array) -> np.ndarray:
    alike = cosine_similarity(sparse.csr_matrix(pairs.T), dense_output=False).toarray()
    np.fill_diagonal(alike, 0.0)
    return np.partition(alike, -N, axis=1)[:, -N:].sum(axis=1)


def by_sparse_dot_topn(pairs: sparse.csr_array) -> np.ndarray:
    items = sparse.csr_matrix(pairs.T)
    norm = np.sqrt(np.asarray(items.multiply(items).sum(axis=1)).ravel())
    unit = sparse.csr_matrix(sparse.diags(1 / np.where(norm > 0, norm, 1.0)) @ items).astype(np.float32)
    kept = sparse_dot_topn.sp_matmul_topn(unit, unit.T.tocsr(), top_n=N + 1, sort=True, n_threads=THREADS)
    return without_itself(kept)


def by_implicit(pairs: sparse.csr_array) -> CosineRecommender:
    model = CosineRecommender(K=N + 1, num_threads=THREADS)
    model.fit(sparse.csr_matrix(pairs), show_progress=False)
    return model


def dense_by_sklearn(ratings: np.ndarray) -> np.ndarray:
    alike = cosine_similarity(ratings.T.astype(np.float32))
    np.fill_diagonal(alike, 0.0)
    return np.partition(alike, -N, axis=1)[:, -N:].sum(axis=1)


def without_itself(kept: sparse.csr_matrix) -> np.ndarray:
    return np.asarray(kept.sum(axis=1)).ravel() - kept.diagonal()


def totals(result) -> np.ndarray:
    """Each item's total of kept similarities, whatever an implementation gives."""
    if isinstance(result, ItemKNN):
        nearest = result.neighbors_table()
        return nearest.groupby("item_id")["similarity"].sum().reindex(result.items_, fill_value=0.0).to_numpy()
    return without_itself(result.similarity) if isinstance(result, CosineRecommender) else result


def same(theirs, mine) -> None:
    np.testing.assert_allclose(totals(theirs), totals(mine), rtol=1e-5, atol=1e-5)


def our_lists(pairs) -> int:
    return len(ours(pairs).recommend(n=10))


def implicits_lists(pairs) -> int:
    matrix = sparse.csr_matrix(pairs)
    items, _ = by_implicit(pairs).recommend(np.arange(pairs.shape[0]), matrix, N=10)
    return items.size


def as_many(theirs: int, mine: int) -> None:
    assert abs(theirs / mine - 1) < 0.01, f"{theirs} and {mine} lines"


def sparse_ways(pairs: sparse.csr_array) -> list[Way]:
    customer, item = pairs.nonzero()
    table = pd.DataFrame({"customer_id": customer, "item_id": item, "quantity": pairs.data})
    ways = [
        Way("clvlib", lambda: ours(pairs)),
        Way("clvlib, from a table of ids", lambda: from_table(table), same=lambda theirs, mine: None),
        Way("sparse_dot_topn", lambda: by_sparse_dot_topn(pairs)),
        Way("implicit", lambda: by_implicit(pairs)),
    ]
    # The square of 50,000 items is more than scikit-learn's way can hold.
    return [*ways, Way("scikit-learn", lambda: by_sklearn(pairs))] if pairs.shape[1] <= 10_000 else ways


def dense_ways(ratings: np.ndarray) -> list[Way]:
    as_numbers = ratings.astype(np.float32)
    return [
        Way("clvlib", lambda: ours(ratings)),
        Way("the matrix product alone", lambda: as_numbers.T @ as_numbers, same=lambda theirs, mine: None),
        Way("scikit-learn", lambda: dense_by_sklearn(ratings)),
    ]


def peak_above_input(run) -> float:
    """MB that memory rose at most while it ran."""
    process, peak, done = psutil.Process(), [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.002):
            peak[0] = max(peak[0], process.memory_info().rss)

    before = process.memory_info().rss
    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    run()
    seconds = time.perf_counter() - start
    done.set()
    watcher.join()
    assert seconds > 0.02, "too short to be watched"
    return (peak[0] - before) / 1e6


def main() -> None:
    words = sys.argv[1:]
    warnings.filterwarnings("ignore", module="implicit")
    command = " ".join(["benchmarks/neighbors.py", *words])
    print(f"{conditions('implicit', 'sparse-dot-topn', 'scikit-learn')}; `python {command}`\n", flush=True)
    for name in [word for word in words if word != "memory"] or SIZES:
        title, make, rounds = SIZES[name]
        pairs = make()
        if "memory" in words:
            ours(pairs[:500, :500])  # what the compiled kernels take themselves is no matter of size
            print(f"{title}: {peak_above_input(lambda pairs=pairs: ours(pairs)):,.0f} MB above the input", flush=True)
            continue
        ways = dense_ways(pairs) if name == "dense" else sparse_ways(pairs)
        print(markdown(f"nearest {N}, {title}", side_by_side(ways, rounds=rounds, same=same)) + "\n", flush=True)
        if name != "dense":
            lists = [
                Way("clvlib", lambda pairs=pairs: our_lists(pairs)),
                Way("implicit", lambda pairs=pairs: implicits_lists(pairs)),
            ]
            table = side_by_side(lists, rounds=rounds, same=as_many)
            print(markdown(f"and 10 items for every customer, {title}", table) + "\n", flush=True)


if __name__ == "__main__":
    main()
