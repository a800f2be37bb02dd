"""How alike are two customers, or two items? Rows of a sparse matrix are compared, a stored 0 is a value."""

from functools import cached_property

import numpy as np
from scipy import sparse

from clvlib.matching.interactions import is_number, with_data
from clvlib.matching.neighborhood.top_products import Sizes, block_rows, top_columns, top_of_rows

__all__ = ["SIMILARITIES", "Similarity", "check_options", "nearest_of_block", "nearest_rows"]

#: Cells of neighbours and similarities that are kept of a part of the rows, before they become a matrix.
_KEPT = 20_000_000

SIMILARITIES = ("cosine", "pearson", "adjusted_cosine", "jaccard")


class Similarity:
    """Similarities of the rows of ``values``, a block of rows at a time.

    With v the row's values as the measure sees them and s_ab the similarity of rows a and b:

    * cosine: v as it is;
    * pearson: v minus the mean of the *row's* stored values;
    * adjusted_cosine: v minus the mean of the *column's* stored values (Sarwar et al. 2001 for items: the columns
      are then customers, who differ in how generously they rate);
    * jaccard: shared columns / columns of either, values ignored.

    s_ab = sum_j v_aj v_bj / (norm_a norm_b), the sum over shared columns; the norms run over all stored columns of
    the row, or with ``co_rated`` over the shared ones only (Aggarwal 2016, section 2.3.1). Without shared columns, or
    if a norm is 0 (all values equal, for the centred measures), the similarity is 0. With ``shrinkage`` h a similarity
    that n shared columns support becomes s_ab n / (n + h) (Bell & Koren 2007).
    """

    def __init__(
        self,
        values: sparse.csr_array,
        transposed: sparse.csr_array,
        *,
        similarity: str,
        co_rated: bool,
        shrinkage: float = 0.0,
    ):
        check_options(similarity, shrinkage)
        self.measure = "jaccard" if similarity == "jaccard" else "cosine"
        self.co_rated = co_rated and similarity != "jaccard"
        self.shrinkage = shrinkage
        self.values = values
        self.seen = _as_seen(values, transposed, similarity)
        # Measured as they are, the rows need no second copy of themselves.
        self.seen_transposed = transposed if self.seen is values else self.seen.T.tocsr()
        self.norm2 = row_sums(with_data(self.seen, self.seen.data**2))

    @cached_property
    def known(self) -> sparse.csr_array:
        return with_data(self.values, np.ones_like(self.values.data))

    @cached_property
    def known_transposed(self) -> sparse.csr_array:
        return self.known.T.tocsr()

    @cached_property
    def square(self) -> sparse.csr_array:
        return with_data(self.seen, self.seen.data**2)

    @cached_property
    def square_transposed(self) -> sparse.csr_array:
        return self.square.T.tocsr()

    def block(self, rows: np.ndarray) -> np.ndarray:
        """Similarities of ``rows`` to all rows, shape (len(rows), all rows); a row's similarity to itself is -inf."""
        shared = (self.seen[rows] @ self.seen_transposed).tocsr()
        if self.co_rated:
            result = shared.toarray()
            left = (self.square[rows] @ self.known_transposed).toarray()
            right = (self.known[rows] @ self.square_transposed).toarray()
            np.divide(result, np.sqrt(left * right), out=result, where=(left > 0) & (right > 0))
        else:
            # Only where columns are shared is there anything to divide.
            of, to = np.repeat(self.norm2[rows], np.diff(shared.indptr)), self.norm2[shared.indices]
            denominator = of + to - shared.data if self.measure == "jaccard" else np.sqrt(of * to)
            np.divide(shared.data, denominator, out=shared.data, where=denominator > 0)
            result = shared.toarray()
        if self.shrinkage > 0:
            count = (self.known[rows] @ self.known_transposed).toarray()
            result *= count / (count + self.shrinkage)
        result[np.arange(len(rows)), rows] = -np.inf
        return result

    def nearest(self, n_neighbors: int | None, rows: np.ndarray | None = None) -> sparse.csr_array:
        """The ``n_neighbors`` most similar of each of ``rows`` (None: all), similarities above 0 only.

        Shape (len(rows), all rows); of equal similarities the one of the smaller position is kept.
        """
        if not self.co_rated and self.shrinkage == 0:
            sizes = Sizes(self.measure, self.norm2, self.norm2)
            return nearest_rows(self.seen, self.seen_transposed, n_neighbors, sizes=sizes, rows=rows)
        n_rows = self.values.shape[0]
        rows = np.arange(n_rows) if rows is None else rows
        step = block_rows(n_rows)
        parts = [nearest_of_block(self.block(rows[at : at + step]), n_neighbors) for at in range(0, len(rows), step)]
        return sparse.vstack(parts, format="csr") if parts else sparse.csr_array((0, n_rows))


def check_options(similarity: str, shrinkage: float) -> None:
    """ValueError for a measure nobody knows or a shrinkage that is no number from 0 on."""
    if similarity not in SIMILARITIES:
        raise ValueError(f"similarity={similarity!r} is none of {', '.join(SIMILARITIES)}.")
    if not (is_number(shrinkage) and shrinkage >= 0):
        raise ValueError(f"shrinkage must be 0 (none) or more shared columns, not {shrinkage}.")


def nearest_rows(
    matrix: sparse.csr_array,
    transposed: sparse.csr_array,
    n_neighbors: int | None,
    *,
    sizes: Sizes | None = None,
    rows: np.ndarray | None = None,
) -> sparse.csr_array:
    """For each of ``rows`` the ``n_neighbors`` other rows of ``matrix`` whose product with it is largest, and above 0.

    >>> matrix = sparse.csr_array([[1.0, 1.0], [0.0, 2.0], [3.0, 0.0]])
    >>> nearest_rows(matrix, matrix.T.tocsr(), 1).toarray()
    array([[0., 0., 3.],
           [2., 0., 0.],
           [3., 0., 0.]])
    """
    n_rows = matrix.shape[0]
    k = max(1, n_rows - 1 if n_neighbors is None else min(n_neighbors, n_rows - 1))
    wanted = np.arange(n_rows) if rows is None else rows
    step = max(1, _KEPT // k)
    parts = []
    for start in range(0, len(wanted), step):
        some = wanted[start : start + step]
        left = matrix if len(some) == n_rows and rows is None else matrix[some]
        itself = sparse.csr_array((np.ones(len(some), bool), some, np.arange(len(some) + 1)), (len(some), n_rows))
        own = None if sizes is None else sizes._replace(left=sizes.left[some])
        columns, scores = top_of_rows(left, transposed, k, itself, own)
        parts.append(kept_as_matrix(columns, scores, n_rows))
    if len(parts) == 1:
        return parts[0]
    return sparse.vstack(parts, format="csr") if parts else sparse.csr_array((0, n_rows))


def kept_as_matrix(columns: np.ndarray, scores: np.ndarray, n_columns: int) -> sparse.csr_array:
    """What :func:`~clvlib.matching.neighborhood.top_products.top_products` kept, as a matrix; column -1 is nothing."""
    kept = columns >= 0
    start = np.concatenate([[0], np.cumsum(kept.sum(axis=1))])
    matrix = sparse.csr_array((scores[kept], columns[kept], start), shape=(len(columns), n_columns))
    matrix.sort_indices()
    return matrix


def nearest_of_block(alike: np.ndarray, n_neighbors: int | None) -> sparse.csr_array:
    """The largest similarities above 0 of each row of a dense block, which is overwritten."""
    alike[~(alike > 0)] = -np.inf
    row, column, _ = top_columns(alike, alike.shape[1] if n_neighbors is None else min(n_neighbors, alike.shape[1]))
    return sparse.csr_array((alike[row, column], (row, column)), shape=alike.shape)


def _as_seen(values: sparse.csr_array, transposed: sparse.csr_array, similarity: str) -> sparse.csr_array:
    if similarity == "jaccard":
        return with_data(values, np.ones_like(values.data))
    if similarity == "cosine":
        return values
    if similarity == "pearson":
        mean, of = row_means(values), np.repeat(np.arange(values.shape[0]), np.diff(values.indptr))
    else:
        mean, of = row_means(transposed), values.indices
    centred = values.data - mean[of]
    # Equal ratings have no variance; what rounding leaves of their deviations must not pass for one.
    centred[np.abs(centred) < 1e-12 * max(1.0, np.abs(values.data).max(initial=0.0))] = 0.0
    return with_data(values, centred)


def row_means(values: sparse.csr_array) -> np.ndarray:
    """Mean of the stored values of each row, NaN for a row without any: who rated nothing rated nothing badly."""
    count = np.diff(values.indptr)
    return np.divide(row_sums(values), count, out=np.full(len(count), np.nan), where=count > 0)


def row_sums(values: sparse.csr_array) -> np.ndarray:
    """Sum of the stored values of each row, in float64."""
    return np.asarray(values.sum(axis=1), dtype=float).ravel()
