"""One task for all models: what may be learnt, what may be listed, and what was bought later."""

from typing import NamedTuple

import pandas as pd

from clvlib.matching.interactions import interactions_table
from clvlib.split import Split

__all__ = ["HoldoutTask", "holdout_task"]


class HoldoutTask(NamedTuple):
    """Tables with ``customer_id``, ``item_id``, ``quantity``, ``amount``, ``timestamp``, one row a pair.

    ``past``: the calibration's purchases of the ``candidates``, what models learn from.
    ``any_purchase``: the holdout's purchases of candidates by customers of ``past``; they judge lists that may repeat.
    ``first_purchase``: those that the customer did not buy in calibration; they judge lists with ``exclude_seen``.
    ``reach``: what each of these limits leaves of the holdout, in pairs and in ``amount`` (currency of the log).
    ``strangers``: the holdout's purchases of candidates by customers who are not in ``past``, the cold start; add them
    to ``any_purchase`` to judge lists for everybody. It can be empty.
    ``buyers``: how many customers bought each candidate in calibration, for novelty and popularity bias.
    """

    past: pd.DataFrame
    any_purchase: pd.DataFrame
    first_purchase: pd.DataFrame
    candidates: pd.Index
    reach: pd.DataFrame
    strangers: pd.DataFrame
    buyers: pd.Series


def holdout_task(split: Split, *, min_customers: int) -> HoldoutTask:
    """The task of recommending what is bought in ``split.holdout``, from ``split.calibration`` alone.

    min_customers: an item may be listed if at least so many customers bought it in calibration; what cannot be listed
    is lost to every method alike, and ``reach`` says how much that is. ValueError if no item has so many, or if nobody
    of calibration buys a candidate in the holdout.

    Examples
    --------
    >>> from clvlib.split import temporal_split
    >>> lines = pd.DataFrame({
    ...     "customer_id": ["a", "b", "a", "b"], "item_id": ["x", "y", "x", "x"], "amount": [2.0, 2.0, 2.0, 3.0],
    ...     "timestamp": pd.to_datetime(["2024-01-01", "2024-01-02", "2024-02-01", "2024-02-01"])})
    >>> task = holdout_task(temporal_split(lines, calibration_end="2024-02-01"), min_customers=1)
    >>> task.reach["pairs"].tolist()
    [2, 2, 2, 1]
    """
    past, later = interactions_table(split.calibration), interactions_table(split.holdout)
    buyers = past["item_id"].value_counts()
    candidates = pd.Index(buyers.index[buyers >= min_customers]).sort_values()
    if candidates.empty:
        raise ValueError(
            f"No item was bought by min_customers={min_customers} customers in calibration (at most {buyers.max()}); "
            "lower min_customers or take more customers."
        )
    learnt = past[past["item_id"].isin(candidates)].reset_index(drop=True)
    listed = later[later["item_id"].isin(candidates)]
    customers = learnt["customer_id"].unique()  # isin takes each text it is given through Python
    strangers = listed[~listed["customer_id"].isin(customers)].reset_index(drop=True)
    known = later[later["customer_id"].isin(customers)]
    any_purchase = known[known["item_id"].isin(candidates)].reset_index(drop=True)
    if any_purchase.empty:
        raise ValueError(
            f"Nobody of calibration buys a listed item in the holdout: with min_customers={min_customers} only "
            f"{len(candidates)} of {len(buyers)} items can be listed, and {customers.size} customers are known; lower "
            "min_customers, take more customers, or a longer holdout."
        )
    pair = ["customer_id", "item_id"]
    seen = any_purchase[pair].merge(learnt[pair].assign(seen=True), on=pair, how="left")["seen"].notna().to_numpy()
    first_purchase = any_purchase[~seen].reset_index(drop=True)
    steps = {
        "bought in the holdout": later,
        "by customers known before": known,
        "of items that can be listed": any_purchase,
        "for the customer's first time": first_purchase,
    }
    reach = pd.DataFrame(
        {
            "pairs": {step: len(table) for step, table in steps.items()},
            "amount": {step: table["amount"].sum() for step, table in steps.items()},
        }
    )
    counted = buyers.reindex(candidates).rename("buyers")
    return HoldoutTask(learnt, any_purchase, first_purchase, candidates, reach, strangers, counted)
