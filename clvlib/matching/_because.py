"""Which of the customer's own items speaks most for a listed one? What models that add over her items share."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import sparse

from clvlib.matching.lists import Recommender

__all__ = ["strongest_own_item"]

#: Pairs of a listed and an own item looked at together.
_PAIRS = 2_000_000

#: Positions of the customer, her own item and the listed one, and the own item's value -> what it adds to the score.
Adds = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def strongest_own_item(model: Recommender, lists: pd.DataFrame, bought: sparse.csr_array, adds: Adds) -> pd.Series:
    """For each row of ``lists`` the item of ``bought`` (customers, items) that ``adds`` most, None where none adds.

    An item is never its own reason; of equal reasons the smaller ``item_id``. ValueError for a missing column.
    """
    absent = [column for column in ("customer_id", "item_id") if column not in lists.columns]
    if absent:
        raise ValueError(f"The lists need the columns customer_id and item_id; {' and '.join(absent)} is not there.")
    customer = model.interactions_.customers.get_indexer(lists["customer_id"])
    item = model.items_.get_indexer(lists["item_id"])
    reason = np.full(len(lists), -1)
    known = np.flatnonzero((customer >= 0) & (item >= 0))
    known = known[np.lexsort((customer[known], item[known]))]  # few different items at a time
    step = max(1, _PAIRS // max(1, int(np.diff(bought.indptr).max(initial=1))))
    for start in range(0, len(known), step):
        rows = known[start : start + step]
        own = bought[customer[rows]]
        row = np.repeat(np.arange(len(rows)), np.diff(own.indptr))
        gain = adds(customer[rows][row], own.indices, item[rows][row], own.data)
        gain = np.where(own.indices == item[rows][row], 0.0, gain)
        order = np.lexsort((own.indices, -gain, row))
        first = order[np.flatnonzero(np.diff(row[order], prepend=-1))]
        first = first[gain[first] > 0]
        reason[rows[row[first]]] = own.indices[first]
    words = model.interactions_.items.to_numpy(dtype=object)
    found = [words[position] if position >= 0 else None for position in reason]
    return pd.Series(found, index=lists.index, name="because", dtype=object)
