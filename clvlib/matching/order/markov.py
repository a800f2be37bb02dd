"""The plainest model of order: what is bought next depends on the last basket, and on nothing before it."""

import numpy as np
import pandas as pd
from scipy import sparse

from clvlib.matching.interactions import with_data
from clvlib.matching.lists import Recommender
from clvlib.matching.order.sequences import Sequences, encode_events

__all__ = ["MarkovChain"]


class MarkovChain(Recommender):
    """What do customers buy after what this customer bought last? A first-order chain over baskets.

    The probability that item j is in the next basket, given that item i is in this one, is counted over all pairs of
    consecutive baskets, and averaged over the items of the customer's last basket (Rendle, Freudenthaler &
    Schmidt-Thieme 2010, section 4.1):

        a_ij = #(i in a basket, j in the customer's next one) / (#(i in a basket that has a next one) + shrinkage)

    All timestamps of a customer are in order; items of one timestamp are a basket and have none. An item may follow
    itself. Where no basket with the customer's last items was ever followed by an item, the chain has no opinion and
    bestsellers fill the list.

    ``shrinkage``: counts added below the line, so that an item met once does not foretell with certainty.

    Attributes: ``transitions_`` (items, items), CSR, a_ij by row i.

    Examples
    --------
    >>> day = pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-01"])
    >>> events = pd.DataFrame({"customer_id": ["a", "a", "b"], "item_id": ["tent", "stove", "tent"], "timestamp": day})
    >>> MarkovChain().fit(events).recommend(["b"], n=1)["item_id"].item()
    'stove'
    """

    def __init__(self, *, shrinkage: float = 0.0):
        self.shrinkage = shrinkage

    def fit(self, events: pd.DataFrame, validation: pd.DataFrame | None = None) -> "MarkovChain":
        """Count what follows what; ``validation`` is not used, since nothing is stopped early.

        ValueError: what ``encode_events`` refuses; a negative ``shrinkage``.
        """
        if not self.shrinkage >= 0:
            raise ValueError(f"shrinkage must be 0 or more, not {self.shrinkage}.")
        data, sequences = encode_events(events)
        self._remember(data)
        baskets = _basket_matrix(sequences, len(data.items))
        first, last = sequences.customer_start[:-1], sequences.customer_start[1:] - 1
        followed = np.ones(baskets.shape[0], dtype=bool)
        followed[last] = False
        follows = np.ones(baskets.shape[0], dtype=bool)
        follows[first] = False
        before, after = baskets[followed], baskets[follows]
        counts = sparse.csr_array(before.T @ after)
        chances = np.asarray(before.sum(axis=0)) + self.shrinkage
        row = np.repeat(np.arange(len(data.items)), np.diff(counts.indptr))
        self.transitions_ = with_data(counts, counts.data / chances[row])
        size = np.diff(sequences.basket_start)[last]
        self._last = with_data(baskets[last], np.repeat(1.0 / size, size))
        return self

    def _scores(self, customers: np.ndarray, items: np.ndarray) -> np.ndarray:
        scores = (self._last[customers] @ self.transitions_).toarray()[:, items]
        return np.where(scores > 0, scores, np.nan)


def _basket_matrix(sequences: Sequences, n_items: int) -> sparse.csr_array:
    """1 where the item is in the basket, shape (baskets, items)."""
    ones = np.ones(len(sequences.items))
    shape = (len(sequences.basket_start) - 1, n_items)
    return sparse.csr_array((ones, sequences.items, sequences.basket_start), shape=shape)
