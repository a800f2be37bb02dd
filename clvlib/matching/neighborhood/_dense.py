"""Ratings as a dense array, 0 for none: where most pairs are rated, one matrix product beats any list of pairs.

The array of one byte a cell is read a block at a time: neither its floating-point copy nor the square of similarities
is ever held.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy import sparse

from clvlib.matching.interactions import Interactions, check_array, encode
from clvlib.matching.neighborhood.similarity import check_options, nearest_of_block
from clvlib.matching.neighborhood.top_products import block_rows

__all__ = ["DenseInteractions", "DenseSimilarity", "encode_dense"]

#: Bytes of one block of rows as numbers; two of them are held.
_BLOCK = 60_000_000
#: Cells of the square of similarities from which the compiled merge is worth loading.
_COMPILED_FROM = 50_000_000
#: Share of rated pairs below which a list of pairs is the quicker way.
_SPARSE_BELOW = 0.15


@dataclass(frozen=True)
class DenseInteractions:
    """As :class:`~clvlib.matching.interactions.Interactions`, of an array; ids are row and column numbers."""

    customers: pd.Index
    items: pd.Index
    values: np.ndarray
    explicit: bool = True
    aged: None = None

    @cached_property
    def buyers(self) -> np.ndarray:
        return np.count_nonzero(self.values, axis=0)

    @cached_property
    def complete(self) -> bool:
        return bool(self.buyers.min() == len(self.customers))

    def seen(self, customers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.nonzero(self.values[customers])


def encode_dense(ratings: np.ndarray) -> DenseInteractions | Interactions:
    """The array as it is or, where few pairs are rated, as a sparse matrix.

    ValueError for an array that is not of two dimensions and dtype uint8, or in which nobody rated anything."""
    check_array(ratings)
    if np.count_nonzero(ratings) < _SPARSE_BELOW * ratings.size:
        return encode(ratings)
    return DenseInteractions(*map(pd.RangeIndex, ratings.shape), ratings)


class DenseSimilarity:
    """As :class:`~clvlib.matching.neighborhood.similarity.Similarity`, of the rows of an array of uint8; 0 is missing.

    Cosine and jaccard add whole numbers, in float32 where that is exact, and give the digits of the sparse way.
    Centred measures are computed in float64.
    """

    def __init__(self, values: np.ndarray, *, similarity: str, co_rated: bool, shrinkage: float = 0.0):
        check_options(similarity, shrinkage)
        self.values, self.similarity, self.shrinkage = values, similarity, shrinkage
        self.n_rows, self.n_columns = values.shape
        self.count, per_column = np.count_nonzero(values, axis=1), np.count_nonzero(values, axis=0)
        #: Sums of all values of a row and a column.
        self.row_total = values.sum(axis=1, dtype=np.int64).astype(float)
        self.column_total = values.sum(axis=0, dtype=np.int64).astype(float)
        #: NaN where nothing is rated.
        self.row_mean = _mean(self.row_total, self.count)
        self.column_mean = _mean(self.column_total, per_column)
        self.full = bool(self.count.min(initial=0) == self.n_columns)
        # Where all is rated, shared columns are all columns.
        self.co_rated = co_rated and similarity != "jaccard" and not self.full
        self.centred = similarity in ("pearson", "adjusted_cosine")
        largest = 1 if similarity == "jaccard" else int(values.max(initial=0))
        exact = not self.centred and largest**2 * self.n_columns < 2**24
        self.kind = np.float32 if exact else np.float64
        self.norm2 = self._norm2()

    def block(self, rows: np.ndarray) -> np.ndarray:
        """Similarities of ``rows`` to all rows, shape (len(rows), all rows); a row's similarity to itself is -inf."""
        result = np.zeros((len(rows), self.n_rows))
        left = self._seen(rows)
        for other in self._blocks():
            right = self._seen(other)
            product = (left @ right.T).astype(float)
            if self.co_rated:
                own = ((left**2) @ self._known(other).T).astype(float)
                product = _divided(product, np.sqrt(own * (self._known(rows) @ (right**2).T)))
            elif self.similarity == "jaccard":
                product = _divided(product, self.norm2[rows][:, None] + self.norm2[other] - product)
            else:
                product = _divided(product, np.sqrt(self.norm2[rows][:, None] * self.norm2[other]))
            if self.shrinkage > 0:
                count = self.n_columns if self.full else (self._known(rows) @ self._known(other).T).astype(float)
                product *= count / (count + self.shrinkage)
            result[:, other] = product
        result[np.arange(len(rows)), rows] = -np.inf
        return result

    def nearest(self, n_neighbors: int | None, rows: np.ndarray | None = None) -> sparse.csr_array:
        """The ``n_neighbors`` most similar of each of ``rows`` (None: all), similarities above 0 only."""
        symmetric = rows is None and n_neighbors is not None and not self.co_rated
        symmetric &= self.n_rows**2 >= _COMPILED_FROM and (self.full or self.shrinkage == 0)
        if symmetric:
            return self._nearest_by_triangle(min(n_neighbors, max(1, self.n_rows - 1)))
        rows = np.arange(self.n_rows) if rows is None else rows
        step = min(block_rows(self.n_rows), self._step())
        parts = [nearest_of_block(self.block(rows[at : at + step]), n_neighbors) for at in range(0, len(rows), step)]
        return sparse.vstack(parts, format="csr") if parts else sparse.csr_array((0, self.n_rows))

    def raters(self, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of each of ``columns`` who rated it and how: (start of its stretch, rows, ratings), as CSR has it."""
        some = np.ascontiguousarray(self.values[:, columns].T)
        column, row = np.nonzero(some)
        start = np.concatenate([[0], np.cumsum(np.bincount(column, minlength=len(columns)))])
        return start, row, some[column, row].astype(float)

    def _nearest_by_triangle(self, k: int) -> sparse.csr_array:
        """Each pair of blocks multiplied once, and both sides' nearest kept as it goes."""
        from clvlib.matching.neighborhood import _top_kernel

        columns, scores = np.full((self.n_rows, k), -1, np.int32), np.zeros((self.n_rows, k))
        jaccard = self.similarity == "jaccard"
        blocks = list(self._blocks())
        with np.errstate(divide="ignore"):
            inverse = np.where(self.norm2 > 0, 1 / np.sqrt(self.norm2), 0.0).astype(self.kind)
        for number, rows in enumerate(blocks):
            left = self._seen(rows)
            for other in blocks[number:]:
                right = left if other is rows else self._seen(other)
                # BLAS knows that the product of a block with itself is symmetric.
                product = left @ right.T
                _top_kernel.keep_block(product, rows.start, other.start, jaccard, self.norm2, inverse, columns, scores)
                del right
        if self.shrinkage > 0:
            scores *= float(self.n_columns) / (self.n_columns + self.shrinkage)
        kept = columns >= 0
        start = np.concatenate([[0], np.cumsum(kept.sum(axis=1))])
        nearest = sparse.csr_array((scores[kept], columns[kept], start), shape=(self.n_rows, self.n_rows))
        nearest.sort_indices()
        return nearest

    def _norm2(self) -> np.ndarray:
        if self.similarity == "jaccard":
            return self.count.astype(float)
        norm2 = np.zeros(self.n_rows)
        for rows in self._blocks():
            seen = self._seen(rows)
            norm2[rows] = np.einsum("ij,ij->i", seen, seen)
        return norm2

    def _step(self) -> int:
        return max(1, _BLOCK // (self.n_columns * np.dtype(self.kind).itemsize))

    def _blocks(self):
        """Blocks of about equal size."""
        n_blocks = -(-self.n_rows // self._step())
        cuts = np.linspace(0, self.n_rows, n_blocks + 1).astype(int)
        for first, last in pairwise(cuts):
            yield range(first, last)

    def _known(self, rows) -> np.ndarray:
        return (self._take(rows) > 0).astype(self.kind)

    def _seen(self, rows) -> np.ndarray:
        values = self._take(rows)
        if self.similarity == "jaccard":
            return (values > 0).astype(self.kind)
        seen = values.astype(self.kind)
        if self.centred:
            seen -= self.row_mean[rows][:, None] if self.similarity == "pearson" else self.column_mean
            # Equal ratings have no variance; what rounding leaves of their deviations must not pass for one.
            seen[(values == 0) | (np.abs(seen) < 1e-12 * 255)] = 0.0
        return seen

    def _take(self, rows) -> np.ndarray:
        return self.values[rows.start : rows.stop] if isinstance(rows, range) else self.values[rows]


def _mean(total: np.ndarray, count: np.ndarray) -> np.ndarray:
    return np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)


def _divided(product: np.ndarray, over: np.ndarray) -> np.ndarray:
    return np.divide(product, over, out=np.zeros_like(product), where=over > 0)
