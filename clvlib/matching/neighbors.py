"""Collaborative filtering by neighbours: customers who bought alike, items bought by the same customers."""

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.exceptions import NotFittedError

from clvlib.matching.interactions import encode
from clvlib.matching.lists import Recommender, block_rows, top_columns
from clvlib.matching.similarity import Similarity, row_means

__all__ = ["ItemKNN", "UserKNN"]

#: Neighbour-and-pair combinations looked at together in predict: 80 MB.
_COMBINATIONS = 2_000_000


class _Neighbors(Recommender):
    """What the two sides share; ``_rows`` turns customers-by-items into rows-to-compare by columns."""

    def __init__(
        self,
        *,
        similarity: str = "cosine",
        n_neighbors: int | None = 20,
        co_rated: bool | None = None,
        centred: bool = True,
    ):
        self.similarity = similarity
        self.n_neighbors = n_neighbors
        self.co_rated = co_rated
        self.centred = centred

    def fit(self, interactions: pd.DataFrame):
        """Learn from a table with ``customer_id``, ``item_id`` and ``rating`` or ``quantity``.

        ValueError: what ``encode`` refuses; an unknown similarity; a centred similarity for purchases, which have
        no mean liking to deviate from; ``n_neighbors`` below 1.
        """
        data = encode(interactions)
        if self.n_neighbors is not None and self.n_neighbors < 1:
            raise ValueError(f"n_neighbors must be at least 1, or None for all, not {self.n_neighbors}.")
        centred_measure = self.similarity in ("pearson", "adjusted_cosine")
        if centred_measure and not data.explicit:
            raise ValueError(
                f"similarity={self.similarity!r} compares ratings; for purchases take 'cosine' or 'jaccard'."
            )
        self._remember(data)
        self._matrix = self._rows(data.values)
        self._by_column = self._matrix.T.tocsr()
        self._similarity = Similarity(
            self._matrix,
            similarity=self.similarity,
            co_rated=centred_measure if self.co_rated is None else self.co_rated,
        )
        return self

    def similarity_table(self, ids=None) -> pd.DataFrame:
        """Similarities of the compared customers (UserKNN) or items (ItemKNN), labelled by id.

        ``ids`` picks some, by default all: a dense square, so ask for few. A similarity to itself is 1. KeyError for an
        id that was not in the fitted table.
        """
        self._check_fitted()
        names = self._row_ids()
        chosen = names if ids is None else pd.Index(ids)
        rows = names.get_indexer(chosen)
        if (rows < 0).any():
            raise KeyError(
                f"{int((rows < 0).sum())} of the ids were not in the fitted table: {list(chosen[rows < 0][:3])}"
            )
        table = self._similarity.block(rows)[:, rows]
        np.fill_diagonal(table, 1.0)
        return pd.DataFrame(table, index=chosen, columns=chosen)

    def predict(self, pairs: pd.DataFrame) -> pd.Series:
        """The rating each customer would give each item; for a pair that was rated too, its own rating left out.

        pairs: ``customer_id``, ``item_id``. Returns a Series ``rating`` on the index of ``pairs``, never NaN:
        without a usable neighbour the row's mean (the customer's for UserKNN, the item's for ItemKNN), then the
        column's, then the mean of all ratings. ValueError if the fitted table had no ratings.
        """
        self._check_fitted()
        if not self.interactions_.explicit:
            raise ValueError("predict needs a table with ratings; for purchases call recommend.")
        customer = self.interactions_.customers.get_indexer(pairs["customer_id"])
        item = self.interactions_.items.get_indexer(pairs["item_id"])
        row, column = self._rows_and_columns(customer, item)
        return pd.Series(self._predict(row, column), index=pairs.index, name="rating")

    def _predict(self, row: np.ndarray, column: np.ndarray) -> np.ndarray:
        row_mean, column_mean = row_means(self._matrix), row_means(self._by_column)
        result = np.full(len(row), self._matrix.data.mean())
        result[column >= 0] = column_mean[column[column >= 0]]
        result[row >= 0] = row_mean[row[row >= 0]]
        pairs = np.flatnonzero((row >= 0) & (column >= 0))
        pairs = pairs[np.argsort(row[pairs], kind="stable")]
        raters = np.diff(self._by_column.indptr)[column[pairs]]
        chunk = np.cumsum(raters) // _COMBINATIONS
        # A row's similarities are one dense line; as many lines at a time as a block may hold.
        lines = np.cumsum(np.diff(row[pairs], prepend=-1) > 0) // block_rows(len(row_mean))
        cuts = np.flatnonzero(np.diff(chunk, prepend=-1) | np.diff(lines, prepend=-1))
        for part in np.split(pairs, cuts[1:]) if len(pairs) else []:
            value, usable = self._weigh(row[part], column[part], row_mean)
            result[part[usable]] = value[usable]
        return result

    def _weigh(self, row: np.ndarray, column: np.ndarray, row_mean: np.ndarray):
        """Weighted mean over the neighbours that have the column; a flat list of (pair, neighbour) combinations."""
        unique, line = np.unique(row, return_inverse=True)
        alike = self._similarity.block(unique)
        start, stop = self._by_column.indptr[column], self._by_column.indptr[column + 1]
        count = stop - start
        pair = np.repeat(np.arange(len(row)), count)
        place = np.arange(len(pair)) - np.repeat(np.cumsum(count) - count, count) + np.repeat(start, count)
        neighbor, rating = self._by_column.indices[place], self._by_column.data[place]
        weight = alike[line[pair], neighbor]
        # A mean with negative weights is no mean; deviations may count against.
        usable = np.isfinite(weight) & (weight != 0 if self.centred else weight > 0)
        pair, neighbor, rating, weight = pair[usable], neighbor[usable], rating[usable], weight[usable]
        order = np.lexsort((neighbor, -weight, pair))
        pair, neighbor, rating, weight = pair[order], neighbor[order], rating[order], weight[order]
        if self.n_neighbors is not None:
            nearest = np.arange(len(pair)) - np.searchsorted(pair, pair) < self.n_neighbors
            pair, neighbor, rating, weight = pair[nearest], neighbor[nearest], rating[nearest], weight[nearest]
        value = rating - row_mean[neighbor] if self.centred else rating
        total = np.bincount(pair, weights=np.abs(weight), minlength=len(row))
        mean = np.divide(
            np.bincount(pair, weights=weight * value, minlength=len(row)),
            total,
            out=np.zeros(len(row)),
            where=total > 0,
        )
        return mean + row_mean[row] if self.centred else mean, total > 0

    def _nearest(self, rows: np.ndarray) -> sparse.csr_array:
        """The n_neighbors most similar of each row, positive similarities only; shape (len(rows), all rows)."""
        n_rows = self._matrix.shape[0]
        alike = self._similarity.block(rows)
        alike[alike <= 0] = -np.inf
        row, column, _ = top_columns(alike, min(self.n_neighbors or n_rows, n_rows))
        return sparse.csr_array((alike[row, column], (row, column)), shape=(len(rows), n_rows))

    def _scores(self, customers: np.ndarray, items: np.ndarray) -> np.ndarray:
        if self.interactions_.explicit:
            every_pair = np.repeat(customers, len(items)), np.tile(items, len(customers))
            return self._predict(*self._rows_and_columns(*every_pair)).reshape(len(customers), len(items))
        scores = self._weighted_purchases(customers)[:, items]
        return np.where(scores > 0, scores, np.nan)

    def _check_fitted(self) -> None:
        if not hasattr(self, "interactions_"):
            raise NotFittedError(f"This {type(self).__name__} has learnt nothing yet; call fit first.")


class UserKNN(_Neighbors):
    """What did customers like her buy? (Neighbours are customers.)

    Parameters
    ----------
    similarity : "cosine", "pearson", "adjusted_cosine" or "jaccard", as :mod:`clvlib.matching.similarity` defines
        them; purchases can be compared by cosine and jaccard only.
    n_neighbors : the most similar customers that count, per prediction among those who rated the item; None for all.
    co_rated : whether norms run over co-rated items only. None: as is usual, yes for pearson and adjusted_cosine, no
        for cosine.
    centred : ratings are predicted as the customer's mean plus the weighted mean of the neighbours' deviations from
        theirs (Aggarwal 2016, section 2.3.1); False: as the weighted mean of the neighbours' ratings, over positive
        similarities only.

    With s_uv the similarity and N the neighbours who rated item i,
    r_ui = mean_u + sum_{v in N} s_uv (r_vi - mean_v) / sum_{v in N} |s_uv|.
    For purchases the score is sum_{v in N} s_uv q_vi: a ranking, not an amount.

    Examples
    --------
    >>> ratings = pd.DataFrame({
    ...     "customer_id": ["1", "1", "2", "2", "2"], "item_id": ["x", "y", "x", "y", "z"],
    ...     "rating": [4.0, 2.0, 5.0, 3.0, 5.0]})
    >>> model = UserKNN(similarity="pearson").fit(ratings)
    >>> model.predict(pd.DataFrame({"customer_id": ["1"], "item_id": ["z"]})).round(2).tolist()
    [3.67]
    """

    def _rows(self, values: sparse.csr_array) -> sparse.csr_array:
        return values

    def _row_ids(self) -> pd.Index:
        return self.interactions_.customers

    def _rows_and_columns(self, customer: np.ndarray, item: np.ndarray):
        return customer, item

    def _weighted_purchases(self, customers: np.ndarray) -> np.ndarray:
        scores = np.zeros((len(customers), len(self.items_)))
        step = block_rows(self._matrix.shape[0])
        for start in range(0, len(customers), step):
            nearest = self._nearest(customers[start : start + step])
            scores[start : start + step] = (nearest @ self._matrix).toarray()
        return scores


class ItemKNN(_Neighbors):
    """What goes with what she bought? (Neighbours are items.)

    Parameters as for :class:`UserKNN`, customers and items exchanged: ``adjusted_cosine`` takes each customer's mean
    off, and ``centred`` predicts the item's mean plus deviations. With the item's nearest neighbours among those
    the customer rated, r_ui = sum_j s_ij r_uj / sum_j |s_ij| (``centred=False``; Aggarwal 2016, section 2.3.2). For
    purchases each item keeps its ``n_neighbors`` most similar items and the score is sum_j s_ij q_uj (Deshpande &
    Karypis 2004).

    Examples
    --------
    >>> bought = pd.DataFrame({
    ...     "customer_id": ["1", "1", "2", "2", "3"], "item_id": ["tea", "pot", "tea", "pot", "tea"]})
    >>> ItemKNN(n_neighbors=5).fit(bought).recommend(["3"], n=1)["item_id"].item()
    'pot'
    """

    def fit(self, interactions: pd.DataFrame):
        super().fit(interactions)
        if not self.interactions_.explicit:
            n_items = len(self.items_)
            step = block_rows(n_items)
            blocks = [self._nearest(np.arange(start, min(start + step, n_items))) for start in range(0, n_items, step)]
            self._neighbors_transposed = sparse.vstack(blocks).T.tocsr()
        return self

    fit.__doc__ = _Neighbors.fit.__doc__

    def _rows(self, values: sparse.csr_array) -> sparse.csr_array:
        return values.T.tocsr()

    def _row_ids(self) -> pd.Index:
        return self.interactions_.items

    def _rows_and_columns(self, customer: np.ndarray, item: np.ndarray):
        return item, customer

    def _weighted_purchases(self, customers: np.ndarray) -> np.ndarray:
        return (self.interactions_.values[customers] @ self._neighbors_transposed).toarray()
