"""How good are a recommender's present lists? Asked after each epoch of a network's training."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from clvlib.matching.lists import Recommender
from clvlib.metrics.ranking import ranking_table

__all__ = ["ranking_judge"]

#: Customers whose lists are judged after each epoch, at most: an epoch should not wait for its own examination.
_JUDGED = 2_000


def ranking_judge(
    model: Recommender, validation: pd.DataFrame, *, exclude_seen: bool = True, random_state: int = 0
) -> Callable[[], float]:
    """A function without arguments: the NDCG@10 of the model's present lists on an earlier period's purchases.

    Relevant are the pairs of ``validation`` whose customer and item the model knows and, with ``exclude_seen``, which
    are not in its own table. With more customers than two thousand, so many drawn at random are judged.

    ValueError if ``validation`` lacks a column, or if no such pair is left.
    """
    for column in ("customer_id", "item_id"):
        if column not in validation.columns:
            raise ValueError(
                f"validation needs a column {column}; there are {', '.join(map(str, validation.columns))}."
            )
    fitted = model.interactions_
    pairs = validation[["customer_id", "item_id"]].drop_duplicates()
    customer = fitted.customers.get_indexer(pairs["customer_id"])
    item = fitted.items.get_indexer(pairs["item_id"])
    asked_for = (customer >= 0) & (item >= 0)
    if exclude_seen and asked_for.any():
        asked_for[asked_for] = np.asarray(fitted.known[customer[asked_for], item[asked_for]]).ravel() == 0
    relevant = pairs[asked_for]
    if relevant.empty:
        kind = "new to the customer" if exclude_seen else "of a known customer and item"
        raise ValueError(f"None of the {len(validation)} rows of validation is a pair {kind}: nothing to judge by.")
    customers = relevant["customer_id"].unique()
    if len(customers) > _JUDGED:
        customers = np.random.default_rng(random_state).choice(np.sort(customers), _JUDGED, replace=False)
        relevant = relevant[relevant["customer_id"].isin(customers)]

    def judge() -> float:
        lists = model.recommend(customers, n=10, exclude_seen=exclude_seen)
        return float(ranking_table(lists, relevant, n=10)["ndcg"].mean())

    return judge
