"""Matrix factorisation: customers and items as short vectors, found by alternating least squares."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.exceptions import NotFittedError

from clvlib.matching._because import strongest_own_item
from clvlib.matching.factors._threads import one_blas_thread
from clvlib.matching.interactions import Interactions, checked_pairs, encode, is_number
from clvlib.matching.lists import Recommender, checked_whole

__all__ = ["MatrixFactorization"]

#: Numbers of a block of equations, in gathered vectors or in squares: 8 MB, so that it stays near the processor.
_BLOCK = 1_000_000
#: Multiply-adds from which a second thread is worth its start.
_THREADED = 50_000_000


class MatrixFactorization(Recommender):
    """Which few tastes explain who bought what?

    What is minimised follows from the table, and one side at a time it is a least squares problem with one exact
    solution; the sides take turns (alternating least squares).

    * Purchases (Hu, Koren & Volinsky 2008, "Collaborative filtering for implicit feedback datasets", ICDM, eq. 3):
      sum over *all* pairs of c_ui (p_ui - x_u . y_i)^2 + l2 (sum_u |x_u|^2 + sum_i |y_i|^2), where p_ui is 1 for a
      pair of the table and 0 for the others, and c_ui = 1 + alpha q_ui with the ``quantity`` q. A missing pair is thus
      not a dislike but a guess of little weight. The score is x_u . y_i.
    * Ratings (Koren, Bell & Volinsky 2009, "Matrix factorization techniques for recommender systems", eq. 5): sum over
      the *observed* pairs of (r_ui - mu - b_u - b_i - p_u . q_i)^2 + l2 (|p_u|^2 + |q_i|^2 + b_u^2 + b_i^2): who rated
      more is also held back more (Zhou et al. 2008). The score is mu + b_u + b_i + p_u . q_i.

    Parameters
    ----------
    n_factors : length of the vectors.
    l2 : weight of the penalty, above 0. For purchases on the whole sum, for ratings on every observed pair.
    alpha : what one unit of ``quantity`` adds to the confidence in a purchase, above 0; not used for ratings.
    n_iterations : how often both sides are solved.
    random_state : draws the first item vectors; nothing else is random.

    Attributes: ``customer_vectors_`` (customers, n_factors), ``item_vectors_`` (items, n_factors),
    ``customer_bias_``, ``item_bias_``, ``mean_`` (all 0 for purchases).

    Examples
    --------
    >>> bought = pd.DataFrame({
    ...     "customer_id": ["1", "1", "2", "2", "3"], "item_id": ["tea", "pot", "tea", "pot", "tea"]})
    >>> MatrixFactorization(n_factors=1, alpha=10.0).fit(bought).recommend(["3"], n=1)["item_id"].item()
    'pot'
    """

    def __init__(
        self,
        *,
        n_factors: int = 32,
        l2: float = 0.1,
        alpha: float = 1.0,
        n_iterations: int = 15,
        random_state: int = 0,
    ):
        self.n_factors = n_factors
        self.l2 = l2
        self.alpha = alpha
        self.n_iterations = n_iterations
        self.random_state = random_state

    def fit(self, interactions: pd.DataFrame) -> "MatrixFactorization":
        """Learn from a table with ``customer_id``, ``item_id`` and ``rating`` or ``quantity`` (or neither).

        ValueError: what ``encode`` refuses; ``n_factors`` or ``n_iterations`` below 1; ``l2`` or ``alpha`` not above 0.
        """
        for name in ("n_factors", "n_iterations"):
            checked_whole(name, getattr(self, name))
        for name in ("l2", "alpha"):
            if not (is_number(getattr(self, name)) and getattr(self, name) > 0):
                raise ValueError(f"{name} must be a number above 0, not {getattr(self, name)!r}.")
        data = encode(interactions)
        self._remember(data)
        start = np.random.default_rng(self.random_state).normal(0, 0.1, (len(data.items), self.n_factors))
        with one_blas_thread():
            (self._fit_ratings if data.explicit else self._fit_purchases)(data, start)
        return self

    def predict(self, pairs: pd.DataFrame) -> pd.Series:
        """Ratings for pairs of ``customer_id``, ``item_id``: a Series ``rating`` on their index, never NaN.

        Who or what was not fitted has no vector and no bias: the other side's bias on the mean of all ratings is
        left. ValueError if the fitted table had no ratings or a column is missing, NotFittedError before ``fit``.
        """
        self._check_fitted()
        if not self.interactions_.explicit:
            raise ValueError("predict needs a table with ratings; for purchases call recommend.")
        pairs = checked_pairs(pairs)
        customer = self.interactions_.customers.get_indexer(pairs["customer_id"])
        item = self.items_.get_indexer(pairs["item_id"])
        here, there = customer >= 0, item >= 0
        bias = np.where(here, self.customer_bias_[customer], 0) + np.where(there, self.item_bias_[item], 0)
        product = np.einsum("ij,ij->i", self.customer_vectors_[customer], self.item_vectors_[item])
        rating = self.mean_ + bias + np.where(here & there, product, 0)
        return pd.Series(rating, index=pairs.index, name="rating")

    def because(self, lists: pd.DataFrame) -> pd.Series:
        """Of the customer's own items, the one that adds most to each listed item's score.

        A score is a sum over what she bought, y_i . W_u y_j c_uj with W_u = (Y'C_u Y + l2 I)^-1 (Hu, Koren & Volinsky
        2008, section 5). lists: ``customer_id``, ``item_id``. Returns a Series ``because`` of item ids on the index of
        ``lists``, None where nothing of hers speaks for the item; an item is never its own reason. ValueError after
        a fit on ratings, which have no such sum, or for a missing column; NotFittedError before ``fit``.
        """
        self._check_fitted()
        if self.interactions_.explicit:
            raise ValueError("because explains purchases; this model was fitted on ratings.")
        y = self.item_vectors_
        base = y.T @ y + self.l2 * np.eye(self.n_factors)

        def adds(customer: np.ndarray, own: np.ndarray, listed: np.ndarray, value: np.ndarray) -> np.ndarray:
            result = np.empty(len(own))
            for rows in np.split(np.arange(len(own)), np.flatnonzero(np.diff(customer)) + 1):
                if len(rows):
                    bought = self.interactions_.values[[customer[rows[0]]]]
                    mine = y[bought.indices]
                    left = base + (mine * (self.alpha * bought.data)[:, None]).T @ mine
                    weight = np.linalg.solve(left, y[listed[rows]].T).T
                    result[rows] = np.einsum("ij,ij->i", weight, y[own[rows]]) * (1 + self.alpha * value[rows])
            return result

        return strongest_own_item(self, lists, self.interactions_.values, adds)

    def _fit_purchases(self, data: Interactions, y: np.ndarray) -> None:
        extra = self.alpha * data.values.data
        by_customer = _Side(data.values, extra)
        by_item = by_customer.transposed()
        for _ in range(self.n_iterations):
            x = by_customer.solve(y, 1 + by_customer.weight, base=y.T @ y, ridge=np.full(len(data.customers), self.l2))
            y = by_item.solve(x, 1 + by_item.weight, base=x.T @ x, ridge=np.full(len(data.items), self.l2))
        self.customer_vectors_, self.item_vectors_ = x, y
        self.customer_bias_, self.item_bias_ = np.zeros(len(x)), np.zeros(len(y))
        self.mean_ = 0.0

    def _fit_ratings(self, data: Interactions, q: np.ndarray) -> None:
        self.mean_ = float(data.values.data.mean())
        by_customer = _Side(data.values, np.ones(data.values.nnz))
        by_item = by_customer.transposed()
        item_bias = np.zeros(len(data.items))
        # A bias is one more factor, whose counterpart is 1.
        for _ in range(self.n_iterations):
            left = by_customer.values.data - self.mean_ - item_bias[by_customer.values.indices]
            p = by_customer.solve(_with_one(q), left, ridge=self.l2 * by_customer.counts)
            customer_bias, p = p[:, 0], p[:, 1:]
            left = by_item.values.data - self.mean_ - customer_bias[by_item.values.indices]
            q = by_item.solve(_with_one(p), left, ridge=self.l2 * by_item.counts)
            item_bias, q = q[:, 0], q[:, 1:]
        self.customer_vectors_, self.item_vectors_ = np.ascontiguousarray(p), np.ascontiguousarray(q)
        self.customer_bias_, self.item_bias_ = customer_bias, item_bias

    def _scores(self, customers: np.ndarray, items: np.ndarray) -> np.ndarray:
        scores = self.customer_vectors_[customers] @ self.item_vectors_[items].T + self.item_bias_[items]
        scores += self.mean_ + self.customer_bias_[customers, None]
        # An empty row or column of a matrix: nobody was learnt about, and nothing; bestsellers fill up.
        scores[np.diff(self.interactions_.values.indptr)[customers] == 0] = np.nan
        scores[:, self.buyers_[items] == 0] = np.nan
        return scores

    def _check_fitted(self) -> None:
        if not hasattr(self, "item_vectors_"):
            raise NotFittedError("This MatrixFactorization has learnt nothing yet; call fit first.")


class _Side:
    """The rows of one side and their least squares problems, all with the same other side."""

    def __init__(self, values: sparse.csr_array, weight: np.ndarray):
        self.values, self.weight = values, weight
        self.counts = np.diff(values.indptr)

    def transposed(self) -> "_Side":
        weight = sparse.csr_array((self.weight, self.values.indices, self.values.indptr), shape=self.values.shape)
        return _Side(self.values.T.tocsr(), weight.T.tocsr().data)

    def solve(
        self, other: np.ndarray, target: np.ndarray, *, ridge: np.ndarray, base: np.ndarray | float = 0.0
    ) -> np.ndarray:
        """v_r = (base + sum_s w_rs o_s o_s' + ridge_r I)^-1 sum_s t_rs o_s for every row r; s are its stored columns.

        ``target`` and ``weight`` have one value for each stored pair; ``other`` has shape (columns, factors).
        """
        n_factors = other.shape[1]
        result = np.empty((len(self.counts), n_factors))
        # One vector more, of zeros, for the places that pad short rows.
        other = np.vstack([other, np.zeros(n_factors)])

        def solve(rows: np.ndarray) -> None:
            width = int(self.counts[rows].max())
            place = self.values.indptr[rows, None] + np.arange(width)
            empty = np.arange(width) >= self.counts[rows, None]
            place[empty] = 0
            gathered = other[np.where(empty, len(other) - 1, self.values.indices[place])]
            left = np.swapaxes(gathered * self.weight[place][..., None], 1, 2) @ gathered + base
            # Without a pair nothing but the penalty counts, of whatever weight: the vector is 0.
            left[:, np.arange(n_factors), np.arange(n_factors)] += np.where(ridge > 0, ridge, 1.0)[rows, None]
            right = target[place][:, None, :] @ gathered
            result[rows] = np.linalg.solve(left, np.swapaxes(right, 1, 2))[..., 0]

        if self.values.nnz * n_factors**2 < _THREADED:
            for rows in self._blocks(n_factors):
                solve(rows)
        else:
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(solve, self._blocks(n_factors)))
        return result

    def _blocks(self, n_factors: int) -> Iterator[np.ndarray]:
        """Rows of similar length together, so that little is padded: at most by a quarter."""
        order = np.argsort(self.counts, kind="stable")
        counts = self.counts[order]
        start = 0
        while start < len(order):
            shortest = int(counts[start])
            widest = max(shortest + shortest // 4, shortest)
            fits = max(1, _BLOCK // (n_factors * max(widest, n_factors)))
            stop = min(start + fits, int(np.searchsorted(counts, widest, side="right")))
            yield order[start:stop]
            start = stop


def _with_one(vectors: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(vectors)), vectors])
