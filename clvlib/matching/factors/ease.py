"""EASE: how much does each item speak for each other one? One regression for all items, solved by one inverse."""

import numpy as np
import pandas as pd
from scipy import linalg, sparse
from sklearn.exceptions import NotFittedError

from clvlib.matching._because import strongest_own_item
from clvlib.matching.factors._threads import one_blas_thread
from clvlib.matching.interactions import encode, is_number
from clvlib.matching.lists import Recommender, block_rows

__all__ = ["EASE"]

#: Cells of the largest dense matrix that is made: 3.2 GB.
_MAX_CELLS = 400_000_000


class EASE(Recommender):
    """Which items follow from what the customer bought, when all other items are held fixed?

    The linear model X ~ X B with a zero diagonal and a ridge penalty (Steck 2019, "Embarrassingly shallow
    autoencoders for sparse data", WWW): B minimises ||X - X B||_F^2 + l2 ||B||_F^2 subject to diag(B) = 0. With
    P = (X'X + l2 I)^-1 its solution is B = I - P diag(1 / diag P) (there equation 8): nothing is drawn at random and
    nothing iterates. The score of customer u and item i is sum_j x_uj b_ji. Unlike a similarity, b_ji may be
    negative, and two items that say the same share their weight.

    X, shape (customers, items), holds the table's ``quantity``, or 1 for a pair without one. With ``rating`` it holds
    1 for every rated pair, however it was rated: for stars, which a missing pair does not have, take
    :class:`~clvlib.matching.factors.factorization.MatrixFactorization`. Who bought only what nobody combines gets
    bestsellers.

    The smaller side is inverted. With fewer customers than items, P = (I - Z'Z) / l2, where Z has shape (customers,
    items) and comes from the Cholesky factor of X X' + l2 I: the same B, which is then never written down. The dense
    matrix that is kept takes 8 bytes for each item and each of the smaller side, and 400 million cells (3.2 GB) are
    the limit: 20,000 items where customers abound.

    Parameters
    ----------
    l2 : weight of the penalty, above 0, in the unit of X'X (customers, where X is 0 and 1): the more customers, the
        larger it may be. Choose it on an earlier period.

    Attributes: ``weights_``, B, of shape (items, items) in the order of ``items_``.

    Examples
    --------
    >>> bought = pd.DataFrame({
    ...     "customer_id": ["1", "1", "2", "2", "3"], "item_id": ["tea", "pot", "tea", "pot", "tea"]})
    >>> model = EASE(l2=1.0).fit(bought)
    >>> model.weights_.round(3).tolist()
    [[0.0, 0.667], [0.5, 0.0]]
    >>> lists = model.recommend(["3"], n=1)
    >>> lists["item_id"].item(), model.because(lists).item()
    ('pot', 'tea')
    """

    def __init__(self, *, l2: float = 100.0):
        self.l2 = l2

    def fit(self, interactions: pd.DataFrame) -> "EASE":
        """Solve for B from a table with ``customer_id`` and ``item_id``.

        ValueError: what ``encode`` refuses; ``l2`` not above 0; more items than the dense matrix may have.
        """
        if not (is_number(self.l2) and self.l2 > 0):
            raise ValueError(f"l2 must be a number above 0, not {self.l2}.")
        data = encode(interactions)
        cells = len(data.items) * min(len(data.customers), len(data.items))
        if cells > _MAX_CELLS:
            raise ValueError(
                f"The {data.values.nnz} pairs name {len(data.items)} different item_id and {len(data.customers)} "
                f"customer_id; EASE would need a dense matrix of {8e-9 * cells:.1f} GB and stops at "
                f"{8e-9 * _MAX_CELLS:.1f}. Leave out items that few customers bought, or take ItemKNN, which is sparse."
            )
        self._remember(data)
        self._bought = data.known if data.explicit else data.values
        with one_blas_thread():
            self._basis, self._dense, self._left = None, None, None
            if len(data.items) <= len(data.customers):
                self._dense = _by_items(self._bought, self.l2)
            else:
                self._basis = _by_customers(self._bought, self.l2)
                self._left = 1 - np.einsum("ij,ij->j", self._basis, self._basis)  # l2 times the diagonal of P
        return self

    @property
    def weights_(self) -> np.ndarray:
        """B, shape (items, items): from its row's item to its column's."""
        return self._columns(np.arange(len(self.items_))) if self._dense is None else self._dense

    def because(self, lists: pd.DataFrame) -> pd.Series:
        """Of the customer's own items, the one that adds most to each listed item's score.

        lists: ``customer_id``, ``item_id``. Returns a Series ``because`` of item ids on the index of ``lists``, None
        where nothing of hers speaks for the item: unknown customers and items, places that were filled up. An item
        is never its own reason. ValueError for a missing column, NotFittedError before ``fit``.
        """
        if not hasattr(self, "interactions_"):
            raise NotFittedError("This EASE has learnt nothing yet; call fit first.")
        step = block_rows(len(self.items_))

        def adds(customer: np.ndarray, own: np.ndarray, listed: np.ndarray, value: np.ndarray) -> np.ndarray:
            result = np.empty(len(own))
            unique, place = np.unique(listed, return_inverse=True)
            for start in range(0, len(unique), step):
                here = (place >= start) & (place < start + step)
                result[here] = self._columns(unique[start : start + step])[own[here], place[here] - start]
            return value * result

        return strongest_own_item(self, lists, self._bought, adds)

    def _columns(self, items: np.ndarray) -> np.ndarray:
        """The columns of B that lead to ``items``, shape (all items, m)."""
        if self._dense is not None:
            return self._dense[:, items]
        columns = self._basis.T @ self._basis[:, items] / self._left[items]
        columns[items, np.arange(len(items))] = 0.0
        return columns

    def _scores(self, customers: np.ndarray, items: np.ndarray) -> np.ndarray:
        bought = self._bought[customers]
        if self._dense is not None:
            scores = bought @ self._dense
        else:
            with one_blas_thread():
                scores = (bought @ self._basis.T) @ self._basis
            # X B = X - X P / diag P, where only what was bought has a part that is not in Z'Z
            own = np.repeat(np.arange(len(customers)), np.diff(bought.indptr)), bought.indices
            scores[own] -= bought.data * (1 - self._left[bought.indices])
            scores /= self._left
        # Whoever bought only what nobody combines has scores of 0: no opinion, and the order of rounding is none.
        largest = np.abs(scores).max(axis=1, initial=0.0)
        scores[largest <= 1e-12 * self._bought.data.max()] = np.nan
        scores[:, self.buyers_ == 0] = np.nan  # an empty column of a matrix
        return scores if len(items) == len(self.items_) else scores[:, items]


def _by_items(bought: sparse.csr_array, l2: float) -> np.ndarray:
    """B = I - P diag(1 / diag P), in the square that first holds X'X."""
    square = _gram(bought.T.tocsr(), l2)
    square, failed = linalg.lapack.dpotrf(square, lower=1, overwrite_a=1)
    if not failed:
        square, failed = linalg.lapack.dpotri(square, lower=1, overwrite_c=1)
    _check(failed, l2)
    n_items = len(square)
    step = block_rows(n_items)
    for start in range(0, n_items, step):
        stop = min(start + step, n_items)
        corner = np.tril(square[start:stop, start:stop])
        square[start:stop, start:stop] = corner + np.tril(corner, -1).T
        square[start:stop, stop:] = square[stop:, start:stop].T
    square = square.T  # the same numbers, and rows lie together now, as products with sparse rows want them
    square /= -square.diagonal().copy()
    np.fill_diagonal(square, 0.0)
    return square


def _by_customers(bought: sparse.csr_array, l2: float) -> np.ndarray:
    """Z, with X'X + l2 I inverted to (I - Z'Z) / l2: Z = L^-1 X, where L L' = X X' + l2 I."""
    factor, failed = linalg.lapack.dpotrf(_gram(bought, l2), lower=1, overwrite_a=1)
    _check(failed, l2)
    # Z' lies by rows where Z lies by columns: the solver works in the place of X without a copy.
    return linalg.solve_triangular(factor, bought.toarray(order="F"), lower=True, overwrite_b=True, check_finite=False)


def _gram(rows: sparse.csr_array, l2: float) -> np.ndarray:
    """rows rows' + l2 I, dense, by columns."""
    n_rows = rows.shape[0]
    square = np.zeros((n_rows, n_rows), order="F")
    transposed = rows.T.tocsr()
    step = block_rows(n_rows)
    for start in range(0, n_rows, step):
        # It is symmetric: its rows are its columns, and columns lie together here.
        square[:, start : start + step] = (rows[start : start + step] @ transposed).toarray().T
    square[np.diag_indices(n_rows)] += l2
    return square


def _check(failed: int, l2: float) -> None:
    if failed:
        raise ValueError(f"l2={l2} is too small beside the quantities for an inverse in double precision; raise it.")
