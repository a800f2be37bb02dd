"""Collaborative filtering by neighbours: customers who bought alike, items bought by the same customers."""

from itertools import pairwise

import numpy as np
import pandas as pd
from scipy import sparse

from clvlib.matching._because import strongest_own_item
from clvlib.matching.interactions import stored
from clvlib.matching.neighborhood._dense import DenseInteractions
from clvlib.matching.neighborhood._neighbors import Neighbors
from clvlib.matching.neighborhood.top_products import block_rows

__all__ = ["ItemKNN", "UserKNN"]

#: Ratings looked at together for a customer's list, about.
_RATINGS = 2_000_000


class UserKNN(Neighbors):
    """What did customers like her buy? (Neighbours are customers.)

    Parameters
    ----------
    similarity : "cosine", "pearson", "adjusted_cosine" or "jaccard", as :mod:`clvlib.matching.neighborhood.similarity`
        defines them; purchases can be compared by cosine and jaccard only.
    n_neighbors : the most similar customers that count, per prediction among those who rated the item; None for all.
    co_rated : whether norms run over co-rated items only. None: as is usual, yes for pearson and adjusted_cosine, no
        for cosine.
    centred : ratings are predicted as the customer's mean plus the weighted mean of the neighbours' deviations from
        theirs (Aggarwal 2016, section 2.3.1); False: as the weighted mean of the neighbours' ratings, over positive
        similarities only.
    shrinkage : takes similarities back that few shared items support, see
    :mod:`clvlib.matching.neighborhood.similarity`.
    half_life_days : after so many days a neighbour's rating or purchase weighs half, counted from the latest
        ``timestamp`` of the table (Ding & Li 2005). Similarities do not age. None: nothing does.

    With s_uv the similarity and N the neighbours who rated item i,
    r_ui = mean_u + sum_{v in N} s_uv (r_vi - mean_v) / sum_{v in N} |s_uv|, each s_uv times what time has left of r_vi.
    For purchases the score is sum_{v in N} s_uv q_vi over her nearest neighbours: a ranking, not an amount.

    Examples
    --------
    >>> ratings = pd.DataFrame({
    ...     "customer_id": ["1", "1", "2", "2", "2"], "item_id": ["x", "y", "x", "y", "z"],
    ...     "rating": [4.0, 2.0, 5.0, 3.0, 5.0]})
    >>> model = UserKNN(similarity="pearson").fit(ratings)
    >>> model.predict(pd.DataFrame({"customer_id": ["1"], "item_id": ["z"]})).round(2).tolist()
    [3.67]
    """

    _row_name = "customer_id"

    def _rows_and_their_columns(self, values: sparse.csr_array) -> tuple[sparse.csr_array, sparse.csr_array]:
        return values, values.T.tocsr()

    def _rows_of_array(self, values: np.ndarray) -> np.ndarray:
        return values

    def _row_ids(self) -> pd.Index:
        return self.interactions_.customers

    def _rows_and_columns(self, customer: np.ndarray, item: np.ndarray):
        return customer, item

    def _row_cells(self) -> int:
        return self.n_neighbors or len(self.interactions_.customers)

    def _scores_of_ratings(self, customers: np.ndarray, items: np.ndarray) -> np.ndarray:
        """A customer's neighbours are ranked once for all items, not again for each; the digits are predict's."""
        scores = np.empty((len(customers), len(items)))
        step = block_rows(len(self._row_mean))
        for start in range(0, len(customers), step):
            for place, alike in enumerate(self._similarity.block(customers[start : start + step]), start):
                own_mean = self._row_mean[customers[place]] if self.centred else 0.0
                scores[place] = self._say_of_all(alike)[items] + own_mean
        return scores

    def _say_of_all(self, alike: np.ndarray) -> np.ndarray:
        """What the usable ones of all customers, who are so much ``alike``, say of each item; NaN for nothing."""
        ranked = np.flatnonzero(self._usable(alike))
        ranked = ranked[np.lexsort((ranked, -alike[ranked]))]
        data, n_items = self.interactions_, len(self.items_)
        dense = isinstance(data, DenseInteractions)
        n_ratings = data.values.size if dense else data.values.nnz
        cuts = np.linspace(0, n_items, min(n_items, -(-n_ratings // _RATINGS)) + 1).astype(int)
        return np.concatenate([self._say_of(alike, ranked, slice(*pair), dense) for pair in pairwise(cuts)])

    def _say_of(self, alike: np.ndarray, ranked: np.ndarray, items: slice, dense: bool) -> np.ndarray:
        data, n_items = self.interactions_, items.stop - items.start
        ratings = sparse.csc_array(data.values[ranked, items] if dense else _of(data.values, ranked, items))
        count = np.diff(ratings.indptr)
        item = np.repeat(np.arange(n_items), count)
        place = np.arange(ratings.nnz) - np.repeat(ratings.indptr[:-1], count)
        kept = np.ones(ratings.nnz, bool) if self.n_neighbors is None else place < self.n_neighbors
        item, neighbor, value = item[kept], ranked[ratings.indices[kept]], ratings.data[kept].astype(float)
        weight = alike[neighbor]
        if data.aged is not None:
            weight = weight * _of(data.aged, ranked, items).data[kept]
        if self.centred:
            value -= self._row_mean[neighbor]
        total = np.bincount(item, weights=np.abs(weight), minlength=n_items)
        said = np.bincount(item, weights=weight * value, minlength=n_items)
        return np.divide(said, total, out=np.full(n_items, np.nan), where=total > 0)

    def _operands(self, customers: np.ndarray) -> tuple[sparse.csr_array, sparse.csr_array]:
        return self._similarity.nearest(self.n_neighbors, customers), self.interactions_.weights


class ItemKNN(Neighbors):
    """What goes with what she bought? (Neighbours are items.)

    Parameters as for :class:`UserKNN`, customers and items exchanged: ``adjusted_cosine`` takes each customer's mean
    off, and ``centred`` predicts the item's mean plus deviations. With the item's nearest neighbours among those
    the customer rated, r_ui = sum_j s_ij r_uj / sum_j |s_ij| (``centred=False``; Aggarwal 2016, section 2.3.2). For
    purchases each item keeps its ``n_neighbors`` most similar items and the score of item i is sum_j s_ij q_uj over
    those of *its* neighbours that the customer has (Deshpande & Karypis 2004 sum s_ij too, but keep the neighbours of
    the item she has). ``half_life_days`` ages what the customer herself rated or bought.

    Examples
    --------
    >>> bought = pd.DataFrame({
    ...     "customer_id": ["1", "1", "2", "2", "3"], "item_id": ["tea", "pot", "tea", "pot", "tea"]})
    >>> ItemKNN(n_neighbors=5).fit(bought).recommend(["3"], n=1)["item_id"].item()
    'pot'
    """

    _row_name = "item_id"

    def fit(self, interactions: pd.DataFrame):
        super().fit(interactions)
        if not self.interactions_.explicit:
            self._neighbors_transposed = self._similarity.nearest(self.n_neighbors).T.tocsr()
        return self

    fit.__doc__ = Neighbors.fit.__doc__

    def because(self, lists: pd.DataFrame) -> pd.Series:
        """Of the customer's own items, the one that adds most to each listed item's score.

        lists: ``customer_id``, ``item_id``. Returns a Series ``because`` of item ids on the index of ``lists``, None
        where nothing of hers speaks for the item: unknown customers and items, places that were filled up. ValueError
        for a missing column, NotFittedError before ``fit``.
        """
        self._check_fitted()
        data = self.interactions_
        if isinstance(data, DenseInteractions):
            raise ValueError("because needs a model that was fitted to a table; this one was fitted to an array.")
        if data.explicit:
            return strongest_own_item(self, lists, data.values, self._adds_to_rating)
        return strongest_own_item(
            self,
            lists,
            data.weights,
            lambda customer, own, listed, value: value * stored(self._neighbors_transposed, own, listed),
        )

    def _nearest(self, n_neighbors: int | None) -> sparse.csr_array:
        if not self.interactions_.explicit and n_neighbors == self.n_neighbors:
            return self._neighbors_transposed.T.tocsr()
        return super()._nearest(n_neighbors)

    def _adds_to_rating(self, customer, own, listed, value) -> np.ndarray:
        """What an own rating adds to a prediction's numerator, 0 where it is not among the nearest."""
        weight = np.zeros(len(own))
        different, line = np.unique(listed, return_inverse=True)
        step = block_rows(len(self.items_))
        for start in range(0, len(different), step):
            here = (line >= start) & (line < start + step)
            weight[here] = self._similarity.block(different[start : start + step])[line[here] - start, own[here]]
        weight[~np.isfinite(weight)] = 0.0
        if self.n_neighbors is not None:
            order = np.lexsort((own, -weight, listed, customer))
            group = np.flatnonzero(
                (np.diff(customer[order], prepend=-1) != 0) | (np.diff(listed[order], prepend=-1) != 0)
            )
            place = np.arange(len(order)) - np.repeat(group, np.diff(np.append(group, len(order))))
            weight[order[place >= self.n_neighbors]] = 0.0
        if self.interactions_.aged is not None:
            weight = weight * stored(self.interactions_.aged, customer, own)
        return weight * (value - self._row_mean[own] if self.centred else value)

    def _rows_and_their_columns(self, values: sparse.csr_array) -> tuple[sparse.csr_array, sparse.csr_array]:
        return values.T.tocsr(), values

    def _rows_of_array(self, values: np.ndarray) -> np.ndarray:
        return values.T

    def _row_ids(self) -> pd.Index:
        return self.interactions_.items

    def _rows_and_columns(self, customer: np.ndarray, item: np.ndarray):
        return item, customer

    def _operands(self, customers: np.ndarray) -> tuple[sparse.csr_array, sparse.csr_array]:
        return self.interactions_.weights[customers], self._neighbors_transposed


def _of(values: sparse.csr_array, customers: np.ndarray, items: slice) -> sparse.csc_array:
    """A part of the matrix by columns, their rows in the order of ``customers``."""
    some = values if items.stop - items.start == values.shape[1] else values[:, items]
    return some[customers].tocsc()
