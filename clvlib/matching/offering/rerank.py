"""Lists by what they are expected to earn, and what that costs in accuracy; no model is trained again."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from clvlib.metrics.intervals import bootstrap_interval
from clvlib.metrics.ranking import ranking_table

__all__ = ["rerank_by_margin", "tradeoff_table"]


def rerank_by_margin(lists: pd.DataFrame, *, weight: float, n: int) -> pd.DataFrame:
    """The n places of each list that are best between the model's order (weight 0) and expected margin (weight 1).

    Longer lists than ``n`` go in (say, 50 places for 10), else only their order can change. A place's value is

        (1 - weight) * p / mean(p) + weight * expected_margin / mean(|expected_margin|)

    with p the ``probability_purchase``, or 1 / log2(rank + 1), the discount of NDCG, where the lists have no such
    column; the means are over all rows. Keeping the n largest values maximises that sum of expected purchases and
    expected margin, so weights between 0 and 1 walk along the best exchange of one for the other. Equal values stay
    in the model's order, and at weight 0 all do.

    lists: ``customer_id``, ``rank``, ``item_id``, ``expected_margin`` (see
    :func:`~clvlib.matching.offering.margins.add_expected_margin`). Returns the rows kept, customers in their order,
    with the new ``rank`` from 1 and the old one as ``model_rank``.

    ValueError: a missing column, NaN, an infinite value, a rank twice in a list, a weight outside [0, 1], n below 1.

    >>> lists = pd.DataFrame({"customer_id": "a", "rank": [1, 2, 3], "item_id": ["gum", "wine", "tea"],
    ...                       "expected_margin": [0.1, 0.9, 0.4]})
    >>> rerank_by_margin(lists, weight=1.0, n=2)[["rank", "item_id", "model_rank"]].values.tolist()
    [[1, 'wine', 2], [2, 'tea', 3]]
    """
    if not 0 <= weight <= 1:
        raise ValueError(f"weight lies between 0 (the model's order) and 1 (expected margin), got {weight}.")
    if n < 1:
        raise ValueError(f"n must be at least 1, not {n}.")
    _check(lists)
    order = pd.DataFrame({"customer": pd.factorize(lists["customer_id"])[0], "rank": lists["rank"].to_numpy()})
    order["value"] = _value(lists, weight)
    order = order.sort_values(["customer", "value", "rank"], ascending=[True, False, True], kind="stable")
    place = order.groupby("customer").cumcount() + 1
    kept = place[place <= n]
    chosen = lists.iloc[kept.index.to_numpy()].reset_index(drop=True)
    return chosen.assign(model_rank=chosen["rank"], rank=kept.to_numpy())


def tradeoff_table(
    lists: pd.DataFrame,
    relevant: pd.DataFrame,
    margins: pd.DataFrame | None = None,
    *,
    weights: Iterable[float] = (0.0, 0.25, 0.5, 0.75, 1.0),
    n: int,
    random_state: int,
    level: float = 0.95,
) -> pd.DataFrame:
    """What does each weight gain in margin and lose in accuracy, on what was really bought?

    Parameters
    ----------
    lists : as :func:`rerank_by_margin` reads them, longer than n; everybody the list would be sent to.
    relevant : ``customer_id``, ``item_id`` and ``margin`` of what was bought in the holdout, or ``amount``, which
        then needs ``margins``; rows of a pair are added.
    margins : ``item_id``, ``margin_share`` (of :func:`~clvlib.matching.offering.margins.item_margins`), by which an
        amount becomes a margin; items without a row have the median share.
    weights : the first is what the others are compared to; choose among them on an *earlier* origin.

    Returns
    -------
    One row a weight. ``precision``, ``ndcg``, ``hit_rate``: means over the customers of ``relevant`` at n.
    ``margin``: what was earned within the holdout on the listed items, currency a customer **with a list**; who
    bought nothing counts as 0. ``expected_margin``: the same, as expected beforehand. ``ndcg_difference`` and
    ``margin_difference`` to the first weight, customer by customer, each with ``_low`` and ``_high`` of its bootstrap
    interval at ``level``. ``verdict`` says what the two intervals show.

    >>> lists = pd.DataFrame({"customer_id": ["a", "a", "b", "b"], "rank": [1, 2, 1, 2],
    ...     "item_id": ["gum", "wine"] * 2, "expected_margin": [0.1, 0.9] * 2})
    >>> bought = pd.DataFrame({"customer_id": ["a", "b"], "item_id": ["gum", "wine"], "margin": [0.2, 3.0]})
    >>> tradeoff_table(lists, bought, weights=[0, 1], n=1, random_state=0)[["ndcg", "margin"]]
            ndcg  margin
    weight
    0.0      0.5     0.1
    1.0      0.5     1.5
    """
    weights = [float(weight) for weight in weights]
    if not weights:
        raise ValueError("There are no weights to compare; give at least one in [0, 1].")
    bought = _with_margin(relevant, margins)
    everybody = pd.Index(lists["customer_id"].unique())
    results = []
    for weight in weights:
        chosen = rerank_by_margin(lists, weight=weight, n=n)
        quality = ranking_table(chosen, bought, n=n)
        earned = chosen[["customer_id", "item_id"]].merge(bought, on=["customer_id", "item_id"])
        margin = earned.groupby("customer_id")["margin"].sum().reindex(everybody, fill_value=0.0)
        results.append((chosen, quality, margin))
    rows = []
    for chosen, quality, margin in results:
        row = quality[["precision", "ndcg", "hit_rate"]].mean().to_dict()
        row |= {"margin": margin.mean(), "expected_margin": chosen["expected_margin"].sum() / len(everybody)}
        for name, difference in (("ndcg", quality["ndcg"] - results[0][1]["ndcg"]), ("margin", margin - results[0][2])):
            low, high = _interval(difference.to_numpy(), level, random_state)
            row |= {f"{name}_difference": difference.mean(), f"{name}_low": low, f"{name}_high": high}
        rows.append(row)
    table = pd.DataFrame(rows, index=pd.Index(weights, name="weight"))
    table["verdict"] = [_verdict(row) for row in table.to_dict("records")]
    table.iloc[0, -1] = "baseline"
    return table


def _check(lists: pd.DataFrame) -> None:
    needed = ["customer_id", "rank", "item_id", "expected_margin"]
    for column in [*needed, *lists.columns.intersection(["probability_purchase"])]:
        if column not in lists.columns:
            raise ValueError(f"The lists need a column {column}; there are {', '.join(map(str, lists.columns))}.")
        missing = int(lists[column].isna().sum())
        if missing:
            raise ValueError(f"{missing} of {len(lists)} rows of the lists have no {column}; drop or mend them first.")
    for column in lists.columns.intersection(["rank", "expected_margin", "probability_purchase"]):
        endless = int(np.isinf(lists[column].to_numpy(dtype=float)).sum())
        if endless:
            raise ValueError(f"{endless} of {len(lists)} rows of the lists have an infinite {column}; mend them first.")
    twice = int(lists.duplicated(["customer_id", "rank"]).sum())
    if twice:
        raise ValueError(f"{twice} rows of the lists repeat a pair of customer_id and rank; keep one.")


def _value(lists: pd.DataFrame, weight: float) -> np.ndarray:
    rank, margin = lists["rank"].to_numpy(dtype=float), lists["expected_margin"].to_numpy(dtype=float)
    if weight == 0:
        return -rank
    chance = 1 / np.log2(rank + 1)
    if "probability_purchase" in lists.columns:
        chance = lists["probability_purchase"].to_numpy(dtype=float)
    return (1 - weight) * _scaled(chance) + weight * _scaled(margin)


def _scaled(values: np.ndarray) -> np.ndarray:
    mean = np.abs(values).mean() if len(values) else 0.0
    return values / mean if mean > 0 else values


def _with_margin(relevant: pd.DataFrame, margins: pd.DataFrame | None) -> pd.DataFrame:
    """One row a pair that was bought, with its margin."""
    if "margin" in relevant.columns:
        margin = relevant["margin"]
    elif "amount" not in relevant.columns:
        raise ValueError("relevant has neither margin nor amount: what was bought cannot be counted in money.")
    elif margins is None or "margin_share" not in margins.columns:
        raise ValueError("relevant has an amount but no margin; give margins with item_id and margin_share.")
    else:
        share = relevant["item_id"].map(margins.set_index("item_id")["margin_share"]).astype(float)
        margin = relevant["amount"] * share.fillna(margins["margin_share"].median())
    pairs = relevant[["customer_id", "item_id"]].assign(margin=margin)
    return pairs.groupby(["customer_id", "item_id"], as_index=False)["margin"].sum()


def _interval(difference: np.ndarray, level: float, random_state: int) -> tuple[float, float]:
    if len(difference) < 2 or not difference.any():
        return float(difference.mean()), float(difference.mean())
    return bootstrap_interval(difference, level=level, random_state=random_state)


def _verdict(row: dict) -> str:
    """What the intervals of margin and of NDCG leave out."""
    said = []
    for name, words in (("margin", "margin"), ("ndcg", "accuracy")):
        if row[f"{name}_low"] > 0:
            said.append(f"more {words}")
        elif row[f"{name}_high"] < 0:
            said.append(f"less {words}")
    return ", ".join(said) or "no difference shown"
