"""The two lists a manager would write without a model: the bestsellers, and what the customer bought before."""

import numpy as np
import pandas as pd
from scipy import sparse

from clvlib.matching.interactions import as_table, checked_timestamps, encode, is_number, with_data
from clvlib.matching.lists import Recommender

__all__ = ["BuyAgain", "Popularity"]


class Popularity(Recommender):
    """Which items do most customers buy? The score is the number of different customers, the same for everybody.

    ``recent_days``: count only pairs whose ``timestamp`` lies in the last so many days of the table, whose latest
    timestamp ends them; None counts all. What a customer has seen is taken from the whole table in either case.

    Examples
    --------
    >>> table = pd.DataFrame({"customer_id": ["a", "b", "b"], "item_id": ["x", "x", "y"]})
    >>> Popularity().fit(table).recommend(["a"], n=1)
      customer_id  rank item_id  score
    0           a     1       y    1.0
    """

    def __init__(self, *, recent_days: int | None = None):
        self.recent_days = recent_days

    def fit(self, interactions: pd.DataFrame) -> "Popularity":
        """Count the customers of each item.

        ValueError: ``recent_days`` not above 0, or with it no ``timestamp``, one that is no date or a missing one; see
        ``encode`` for what else is refused and for tables of other kinds.
        """
        if self.recent_days is not None and not (is_number(self.recent_days) and self.recent_days > 0):
            raise ValueError(f"recent_days must be above 0, or None for all days, not {self.recent_days!r}.")
        if self.recent_days is None:
            self._remember(encode(interactions))
            self.popularity_ = self.buyers_
            return self
        if sparse.issparse(interactions) or isinstance(interactions, np.ndarray):
            raise ValueError("recent_days needs a table with a column timestamp, not a matrix.")
        interactions = as_table(interactions)
        self._remember(encode(interactions))
        if "timestamp" not in interactions.columns:
            raise ValueError("recent_days needs a column timestamp in the interactions.")
        timestamp = checked_timestamps(interactions)
        counted = interactions[timestamp > timestamp.max() - pd.Timedelta(days=float(self.recent_days))]
        pairs = counted[["customer_id", "item_id"]].drop_duplicates()
        buyers = pairs["item_id"].value_counts().reindex(self.items_, fill_value=0)
        self.popularity_ = buyers.to_numpy(dtype=float)
        return self

    def _scores(self, customers: np.ndarray, items: np.ndarray) -> np.ndarray:
        return np.tile(self._scores_for_strangers(items), (len(customers), 1))

    def _scores_for_strangers(self, items: np.ndarray) -> np.ndarray:
        return np.where(self.popularity_[items] > 0, self.popularity_[items], np.nan)


class BuyAgain(Recommender):
    """What does this customer buy most often? The score is the pair's ``quantity``; then bestsellers fill the list.

    Of items bought equally often, the one with more customers comes first (worth up to a millionth in the score).

    Only for lists that may repeat: ``recommend`` must be called with ``exclude_seen=False``.

    Examples
    --------
    >>> table = pd.DataFrame({"customer_id": ["a", "a", "b"], "item_id": ["x", "y", "z"], "quantity": [1, 4, 1]})
    >>> BuyAgain().fit(table).recommend(["a"], n=2, exclude_seen=False)["item_id"].tolist()
    ['y', 'x']
    """

    def fit(self, interactions: pd.DataFrame) -> "BuyAgain":
        """Remember the purchases; see ``encode`` for what is refused."""
        self._remember(encode(interactions))
        return self

    def recommend(self, customers=None, n=10, exclude_seen=False, *, candidates=None) -> pd.DataFrame:
        """As :meth:`Recommender.recommend`; ValueError for ``exclude_seen=True``, which would leave nothing."""
        if exclude_seen:
            raise ValueError("BuyAgain lists what was seen; call recommend with exclude_seen=False.")
        return super().recommend(customers, n=n, exclude_seen=False, candidates=candidates)

    def _has_operands(self) -> bool:
        return True

    def _operands(self, customers: np.ndarray) -> tuple[sparse.csr_array, sparse.csr_array]:
        own = self.interactions_.values[customers]
        order = 1e-6 * self.buyers_[own.indices] / self.buyers_.max()
        return with_data(own, own.data + order), sparse.eye_array(len(self.items_), format="csr")
