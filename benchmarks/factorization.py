"""How long does matrix factorisation take, and does it minimise what it says?

Purchases are drawn from planted tastes on a long-tailed catalogue. Ours solves each row's least squares problem
exactly; implicit's ALS does the same with ``use_cg=False`` and takes three steps of conjugate gradients otherwise,
which is its default. All minimise equation 3 of Hu, Koren & Volinsky (2008) with the same options, from a start of
their own: "the same result" is a loss within 1 % of ours, and the losses are printed. implicit writes the confidence
as its matrix, so that it is given 1 + alpha q. EASE is compared with the plain formula: P by numpy's ``inv``.

    python benchmarks/factorization.py [interactions ...]
"""

import sys
from functools import partial

import numpy as np
import pandas as pd
from _side_by_side import Way, conditions, markdown, side_by_side
from implicit.cpu.als import AlternatingLeastSquares
from scipy import sparse

from clvlib.matching import EASE, MatrixFactorization
from clvlib.matching.interactions import encode

N_FACTORS, L2, ALPHA, TURNS = 32, 10.0, 2.0, 15


def purchases(n_pairs: int) -> pd.DataFrame:
    """About n_pairs different pairs: every customer has one of 20 tastes, and items of it sell ten times as well."""
    rng = np.random.default_rng(n_pairs)
    n_customers, n_items = n_pairs // 50, max(2_000, n_pairs // 250)
    popularity = 1 / (np.arange(n_items) + 20.0)
    taste = rng.integers(20, size=n_items)
    rows = rng.integers(n_customers, size=3 * n_pairs)
    items = rng.choice(n_items, size=3 * n_pairs, p=popularity / popularity.sum())
    kept = (taste[items] == rows % 20) | (rng.random(len(rows)) < 0.1)
    table = pd.DataFrame({"customer_id": rows[kept], "item_id": items[kept]})
    table = table.iloc[:n_pairs].value_counts().rename("quantity").reset_index()
    return table.sort_values(["customer_id", "item_id"], ignore_index=True)


def loss(bought: sparse.csr_array, vectors: tuple[np.ndarray, np.ndarray]) -> float:
    """Equation 3, with the sum over all pairs taken as that over the stored ones and a trace."""
    x, y = (side.astype(float) for side in vectors)
    rows = np.repeat(np.arange(bought.shape[0]), np.diff(bought.indptr))
    score = np.concatenate(
        [
            np.einsum("ij,ij->i", x[rows[at : at + 1_000_000]], y[bought.indices[at : at + 1_000_000]])
            for at in range(0, bought.nnz, 1_000_000)
        ]
    )
    everywhere = ((x.T @ x) * (y.T @ y)).sum()
    stored = ((1 + ALPHA * bought.data) * (1 - score) ** 2 - score**2).sum()
    return everywhere + stored + L2 * ((x**2).sum() + (y**2).sum())


def ours(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    model = MatrixFactorization(n_factors=N_FACTORS, l2=L2, alpha=ALPHA, n_iterations=TURNS, random_state=0).fit(table)
    return model.customer_vectors_, model.item_vectors_


def theirs(table: pd.DataFrame, *, use_cg: bool) -> tuple[np.ndarray, np.ndarray]:
    bought = encode(table).values
    confidence = sparse.csr_matrix((1 + ALPHA * bought.data, bought.indices, bought.indptr), shape=bought.shape)
    model = AlternatingLeastSquares(
        factors=N_FACTORS,
        regularization=L2,
        iterations=TURNS,
        use_cg=use_cg,
        dtype=np.float32,
        num_threads=2,
        random_state=0,
    )
    model.fit(confidence, show_progress=False)
    return model.user_factors, model.item_factors


def plain_ease(table: pd.DataFrame) -> np.ndarray:
    bought = encode(table).values
    inverse = np.linalg.inv((bought.T @ bought).toarray() + L2 * np.eye(bought.shape[1]))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return weights


def near(bought: sparse.csr_array, result: tuple, mine: tuple) -> None:
    print(f"loss {loss(bought, result):,.0f}, ours {loss(bought, mine):,.0f}", file=sys.stderr)
    assert abs(loss(bought, result) / loss(bought, mine) - 1) < 0.01


def equal(weights: np.ndarray, mine: np.ndarray) -> None:
    assert np.allclose(weights, mine, atol=1e-9)


def main() -> None:
    sizes = [int(text.replace("_", "")) for text in sys.argv[1:]] or [100_000, 1_000_000]
    print(f"{conditions('implicit')}; `python {' '.join(['benchmarks/factorization.py', *sys.argv[1:]])}`\n")
    for size in sizes:
        table = purchases(size)
        bought = encode(table).values
        timings = side_by_side(
            [
                Way("clvlib MatrixFactorization", partial(ours, table)),
                Way("implicit ALS, exact", partial(theirs, table, use_cg=False)),
                Way("implicit ALS, as it comes", partial(theirs, table, use_cg=True)),
            ],
            rounds=3,
            same=partial(near, bought),
        )
        title = f"{bought.shape[0]:,} customers, {bought.shape[1]:,} items, {bought.nnz:,} pairs"
        print(markdown(f"{N_FACTORS} factors, {title}", timings) + "\n", flush=True)
    few = purchases(20_000)
    bought = encode(few).values
    timings = side_by_side(
        [
            Way("clvlib EASE", lambda: EASE(l2=L2).fit(few).weights_),
            Way("numpy's inverse of the items' square", partial(plain_ease, few)),
        ],
        rounds=3,
        same=equal,
    )
    print(markdown(f"EASE's weights, {bought.shape[0]:,} customers, {bought.shape[1]:,} items", timings) + "\n")


if __name__ == "__main__":
    main()
