"""From scores to top-N lists: one way for all models, so that a comparison compares nothing else."""

from collections.abc import Iterable
from operator import index

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from clvlib.matching.interactions import Interactions
from clvlib.matching.neighborhood.top_products import block_rows, top_columns, top_of_rows

__all__ = ["Recommender", "block_rows", "checked_ids", "checked_n", "checked_whole", "top_columns"]

#: Customers at a time where a model's scores are sparse, and cells of what is kept of them.
_CUSTOMERS, _KEPT = 16_384, 20_000_000


def checked_n(n: int) -> int:
    """The length of a list, a whole number from 1 on."""
    try:
        n = index(n)
    except TypeError:
        raise ValueError(f"n must be a whole number of places, as in n=10, not {n!r}.") from None
    if n < 1:
        raise ValueError(f"n must be at least 1, not {n}.")
    return n


def checked_whole(name: str, value: int | None, *, none: str | None = None) -> None:
    """ValueError for an option that is no whole number from 1 on; ``none`` says what None means where it is allowed.

    >>> checked_whole("n_neighbors", 1.5, none="all")
    Traceback (most recent call last):
        ...
    ValueError: n_neighbors must be a whole number from 1 on, or None for all, not 1.5.
    """
    if value is None and none is not None:
        return
    otherwise = "" if none is None else f", or None for {none}"
    try:
        whole = index(value)
    except TypeError:
        raise ValueError(f"{name} must be a whole number from 1 on{otherwise}, not {value!r}.") from None
    if whole < 1:
        raise ValueError(f"{name} must be at least 1{otherwise}, not {value}.")


def checked_ids(name: str, ids: Iterable) -> pd.Index:
    """The ids asked for, each once, in their order; none of them missing, so that no list is nobody's.

    >>> checked_ids("customers", ["b", "a", "b"]).tolist()
    ['b', 'a']
    """
    if isinstance(ids, str | bytes | pd.DataFrame) or not isinstance(ids, Iterable):
        kind = "a table" if isinstance(ids, pd.DataFrame) else repr(ids)
        raise TypeError(f"{name} are a list of ids, as in {name}=['7', '12'], not {kind}.")
    asked = ids if isinstance(ids, pd.Index) else pd.Index(ids if hasattr(ids, "dtype") else list(ids))
    missing = int(asked.isna().sum())
    if missing:
        raise ValueError(f"{missing} of {len(asked)} {name} have no id; drop them first.")
    return asked.unique()


class Recommender(BaseEstimator):
    """What every model that makes lists shares: ``recommend``. A model's ``fit`` calls ``_remember``.

    A model implements ``_scores(customers, items)``: positions of known customers, shape (b,), and of items, shape
    (m,), to scores of shape (b, m), higher is better, NaN where it has no opinion. A model whose scores are a product
    of sparse matrices, of which only the positive count, implements ``_operands`` instead.
    """

    def recommend(
        self,
        customers: Iterable | None = None,
        n: int = 10,
        exclude_seen: bool = True,
        *,
        candidates: Iterable | None = None,
    ) -> pd.DataFrame:
        """The n best items for each customer.

        Parameters
        ----------
        customers : ids, by default all of ``fit``. A repeated id is answered once.
        n : length of the lists; a catalogue with fewer items gives shorter ones.
        exclude_seen : leave out every item the customer has in the table given to ``fit``.
        candidates : ids of the items that may be listed, by default all items of the model; unknown ids are ignored.

        Returns
        -------
        DataFrame ``customer_id``, ``rank`` (from 1), ``item_id``, ``score``; customers in the order asked for.
        The higher score comes first, of equal scores the smaller ``item_id``. Places for which the model has no
        score, and whole lists of customers it does not know, are filled with the items most customers bought
        (score 0); an item that nobody bought is never filled in.

        Raises
        ------
        ValueError if n is no whole number from 1 on, or an id is missing; TypeError for one id, or a table, where a
        list of ids belongs; NotFittedError before ``fit``.
        """
        self._check_fitted()
        n = checked_n(n)
        known = self.interactions_.customers
        asked = known if customers is None else checked_ids("customers", customers)
        position = known.get_indexer(asked)
        listed = np.arange(len(self.items_))
        if candidates is not None:
            listed = np.flatnonzero(self.items_.isin(checked_ids("candidates", candidates)))
        way, step = self._list_block, block_rows(len(self.items_))
        if self._has_operands():
            way, step = self._list_products, min(_CUSTOMERS, max(1, _KEPT // max(n, self._row_cells())))
        blocks = [
            way(position[start : start + step], start, n, exclude_seen, listed)
            for start in range(0, max(1, len(asked)), step)
        ]
        row, column, place, score = (np.concatenate(part) for part in zip(*blocks, strict=True))
        return pd.DataFrame(
            {"customer_id": asked[row], "rank": place + 1, "item_id": self.items_[listed[column]], "score": score}
        )

    def _check_fitted(self) -> None:
        if not hasattr(self, "interactions_"):
            raise NotFittedError(f"This {type(self).__name__} has learnt nothing yet; call fit first.")

    def _has_operands(self) -> bool:
        """Whether the fitted model's scores are a product of sparse matrices."""
        return False

    def _row_cells(self) -> int:
        """How many values the left operand may hold for a customer, so that many are not made at a time."""
        return 1

    def _operands(self, customers: np.ndarray) -> tuple[sparse.csr_array, sparse.csr_array]:
        """Sparse matrices of shapes (b, p) and (p, items), whose product's positive entries are the scores."""
        raise NotImplementedError

    def _scores(self, customers: np.ndarray, items: np.ndarray) -> np.ndarray:
        left, right = self._operands(customers)
        scores = (left @ right).toarray()[:, items]
        return np.where(scores > 0, scores, np.nan)

    def _remember(self, interactions: Interactions, items: pd.Index | None = None) -> None:
        """Keep what was learnt from; ``items`` where the catalogue is larger than what was bought."""
        self.interactions_ = interactions
        self.items_ = interactions.items if items is None else items
        #: Position of each bought item in the catalogue, -1 if it is not in it.
        self._catalogue = self.items_.get_indexer(interactions.items)
        self.buyers_ = np.zeros(len(self.items_))
        listed = self._catalogue >= 0
        self.buyers_[self._catalogue[listed]] = interactions.buyers[listed]

    def _list_products(self, position: np.ndarray, start_row: int, n: int, exclude_seen: bool, listed: np.ndarray):
        """As ``_list_block``, from the operands, without a score for every item."""
        known = np.flatnonzero(position >= 0)
        left, right = self._operands(position[known])
        if len(listed) < len(self.items_):
            right = right[:, listed]
        seen = None
        if exclude_seen and self.items_ is self.interactions_.items and len(listed) == len(self.items_):
            seen = self.interactions_.values[position[known]]
        elif exclude_seen:
            row, column = self._seen(position[known], listed)
            seen = sparse.coo_array((np.ones(len(row), bool), (row, column)), shape=(len(known), len(listed))).tocsr()
        columns, scores = top_of_rows(left, right, min(n, max(1, len(listed))), seen)
        shape = len(position), columns.shape[1]
        every_column, every_score = np.full(shape, -1), np.zeros(shape)
        every_column[known], every_score[known] = columns, scores
        short = np.flatnonzero(every_column[:, -1] < 0)
        if seen is not None:
            # Strangers, who have no row yet, have seen nothing.
            count = np.zeros(len(position), np.int64)
            count[known] = np.diff(seen.indptr)
            start = np.concatenate([[0], np.cumsum(count)])
            seen = sparse.csr_array((seen.data, seen.indices, start), shape=(len(position), len(listed)))
        self._fill_short(every_column, short, seen, self.buyers_[listed])
        row, place = np.nonzero(every_column >= 0)
        return row + start_row, every_column[row, place], place, every_score[row, place]

    def _fill_short(self, columns: np.ndarray, short: np.ndarray, seen, buyers: np.ndarray) -> None:
        """Put the items most customers bought, that are neither listed nor seen, into the places that are left."""
        popular = np.lexsort((np.arange(len(buyers)), -buyers))
        popular = popular[buyers[popular] > 0]
        n_columns, n = len(buyers), columns.shape[1]
        step = max(1, _CUSTOMERS // 16)
        for first in range(0, len(short), step):
            rows = short[first : first + step]
            row, place = np.nonzero(columns[rows] >= 0)
            taken = [row * n_columns + columns[rows][row, place]]
            most = n
            if seen is not None:
                their = seen[rows].tocoo()
                taken.append(their.row.astype(np.int64) * n_columns + their.col)
                most += int(np.diff(seen.indptr)[rows].max(initial=0))
            listed = popular[: most + n]
            key = np.arange(len(rows))[:, None] * n_columns + listed
            free = ~np.isin(key, np.concatenate(taken))
            missing = n - (columns[rows] >= 0).sum(axis=1)
            free &= np.cumsum(free, axis=1) <= missing[:, None]
            at, which = np.nonzero(free)
            nth = np.arange(len(at)) - np.searchsorted(at, at)
            columns[rows[at], (n - missing)[at] + nth] = listed[which]

    def _seen(self, customers: np.ndarray, listed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places in ``customers`` and ``listed`` of the pairs that are known."""
        row, item = self.interactions_.seen(customers)
        column_of = np.full(len(self.items_) + 1, -1)  # the last one for what is not in the catalogue
        column_of[listed] = np.arange(len(listed))
        column = column_of[self._catalogue[item]]
        return row[column >= 0], column[column >= 0]

    def _list_block(self, position: np.ndarray, start: int, n: int, exclude_seen: bool, listed: np.ndarray):
        known = position >= 0
        scores = np.tile(self._scores_for_strangers(listed), (len(position), 1))
        nothing_new = exclude_seen and self.items_ is self.interactions_.items and self.interactions_.complete
        if known.any() and not nothing_new:
            scores[known] = self._scores(position[known], listed)
        order = self._fill(scores, self.buyers_[listed])
        if exclude_seen and known.any():
            row, column = self._seen(position[known], listed)
            order[np.flatnonzero(known)[row], column] = -np.inf
        row, column, place = top_columns(order, n)
        return row + start, column, place, np.nan_to_num(scores[row, column], nan=0.0)

    def _scores_for_strangers(self, items: np.ndarray) -> np.ndarray:
        """What the model says of ``items`` to somebody it knows nothing about, shape (m,); as a rule nothing."""
        return np.full(len(items), np.nan)

    def _fill(self, scores: np.ndarray, buyers: np.ndarray) -> np.ndarray:
        """Scores to sort by: where there is none, popularity, on a scale that ends below the row's lowest score."""
        silent = np.isnan(scores)
        if not silent.any():
            return scores.copy()
        lowest = np.min(scores, axis=1, initial=0.0, where=~silent, keepdims=True)
        popular = np.where(buyers > 0, buyers / max(1.0, self.buyers_.max()) - 2.0, -np.inf)
        return np.where(silent, lowest + popular, scores)
