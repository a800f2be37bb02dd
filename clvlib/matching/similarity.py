"""How alike are two customers, or two items? Rows of a sparse matrix are compared, a stored 0 is a value."""

import numpy as np
from scipy import sparse

from clvlib.matching.interactions import with_data

__all__ = ["SIMILARITIES", "Similarity"]

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
    if a norm is 0 (all values equal, for the centred measures), the similarity is 0.
    """

    def __init__(self, values: sparse.csr_array, *, similarity: str, co_rated: bool):
        if similarity not in SIMILARITIES:
            raise ValueError(f"similarity={similarity!r} is none of {', '.join(SIMILARITIES)}.")
        self.jaccard = similarity == "jaccard"
        self.co_rated = co_rated and not self.jaccard
        self.known = with_data(values, np.ones_like(values.data))
        seen = _as_seen(values, similarity)
        self.seen, self.seen_transposed = seen, seen.T.tocsr()
        self.square = with_data(seen, seen.data**2)
        self.norm2 = self.square.sum(axis=1)
        self.known_transposed = self.known.T.tocsr()
        self.square_transposed = self.square.T.tocsr()

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
            denominator = of + to - shared.data if self.jaccard else np.sqrt(of * to)
            np.divide(shared.data, denominator, out=shared.data, where=denominator > 0)
            result = shared.toarray()
        result[np.arange(len(rows)), rows] = -np.inf
        return result


def _as_seen(values: sparse.csr_array, similarity: str) -> sparse.csr_array:
    if similarity == "jaccard":
        return with_data(values, np.ones_like(values.data))
    if similarity == "cosine":
        return values
    if similarity == "pearson":
        mean, of = row_means(values), np.repeat(np.arange(values.shape[0]), np.diff(values.indptr))
    else:
        mean, of = row_means(values.T.tocsr()), values.indices
    centred = values.data - mean[of]
    # Equal ratings have no variance; what rounding leaves of their deviations must not pass for one.
    centred[np.abs(centred) < 1e-12 * max(1.0, np.abs(values.data).max(initial=0.0))] = 0.0
    return with_data(values, centred)


def row_means(values: sparse.csr_array) -> np.ndarray:
    """Mean of the stored values of each row, 0 for a row without any."""
    count = np.diff(values.indptr)
    return np.divide(values.sum(axis=1), count, out=np.zeros(len(count)), where=count > 0)
