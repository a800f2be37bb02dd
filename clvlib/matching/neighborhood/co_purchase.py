"""Customers who bought this also bought: the list an online shop shows without a model."""

import numpy as np
import pandas as pd
from scipy import sparse

from clvlib.matching._because import strongest_own_item
from clvlib.matching.interactions import encode, stored
from clvlib.matching.lists import Recommender, checked_whole
from clvlib.matching.neighborhood.similarity import nearest_rows

__all__ = ["CoPurchase"]


class CoPurchase(Recommender):
    """Which items did most customers buy together with hers?

    c_ij is the number of customers who met both items i and j. Each item keeps the ``n_neighbors`` items of the largest
    counts (None: all; of equal counts the smaller ``item_id``), as a page of "also bought" does, and the score of item
    i for customer u is sum c_ij over her items j that have i among theirs. Quantities, ratings and dates do not count.
    Nothing is divided by how popular an item is, so that bestsellers go with everything:
    :class:`~clvlib.matching.neighborhood.neighbors.ItemKNN` is what a cosine makes of the same counts.

    Examples
    --------
    >>> bought = pd.DataFrame({
    ...     "customer_id": ["1", "1", "2", "2", "3"], "item_id": ["tea", "pot", "tea", "pot", "tea"]})
    >>> model = CoPurchase().fit(bought)
    >>> lists = model.recommend(["3"], n=1)
    >>> lists["item_id"].item(), lists["score"].item(), model.because(lists).item()
    ('pot', 2.0, 'tea')
    """

    def __init__(self, *, n_neighbors: int | None = 50):
        self.n_neighbors = n_neighbors

    def fit(self, interactions: pd.DataFrame) -> "CoPurchase":
        """Count, from a table with ``customer_id`` and ``item_id``. ValueError: see ``encode``; n_neighbors below 1."""
        checked_whole("n_neighbors", self.n_neighbors, none="all")
        self._remember(encode(interactions))
        self._known = self.interactions_.known
        by_item = self._known.T.tocsr()
        self._also_bought = nearest_rows(by_item, self._known, self.n_neighbors)
        return self

    def because(self, lists: pd.DataFrame) -> pd.Series:
        """Of the customer's own items, the one bought together with each listed item by most customers.

        lists: ``customer_id``, ``item_id``. Returns a Series ``because`` of item ids on the index of ``lists``, None
        where there is none. ValueError for a missing column, NotFittedError before ``fit``.
        """
        self._check_fitted()
        return strongest_own_item(
            self,
            lists,
            self._known,
            lambda customer, own, listed, value: value * stored(self._also_bought, own, listed),
        )

    def _has_operands(self) -> bool:
        return True

    def _operands(self, customers: np.ndarray) -> tuple[sparse.csr_array, sparse.csr_array]:
        return self._known[customers], self._also_bought
