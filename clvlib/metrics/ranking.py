"""How good is a top-N list? Each metric with its denominator, one value a customer.

The array functions read ``hits``: shape (customers, at least k), true where the item at rank ``column + 1`` is
relevant; a place that a short list leaves empty is false. ``n_relevant``, shape (customers,), counts what the
customer really bought, whether listed or not. A list arrives ranked: who makes it states how ties are broken
(:mod:`clvlib.matching`: the higher score first, then the smaller ``item_id``).
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from clvlib.metrics.intervals import bootstrap_interval

__all__ = [
    "average_precision_at_k",
    "catalogue_coverage",
    "comparison_table",
    "hit_rate_at_k",
    "ndcg_at_k",
    "precision_at_k",
    "ranking_table",
    "recall_at_k",
    "reciprocal_rank_at_k",
]


def precision_at_k(hits: ArrayLike, *, k: int) -> np.ndarray:
    """Which share of the k places holds a relevant item? Hits / k; an empty place counts as a miss.

    >>> precision_at_k([[True, False, True, False]], k=4)
    array([0.5])
    """
    return _first(hits, k).sum(axis=1) / k


def recall_at_k(hits: ArrayLike, n_relevant: ArrayLike, *, k: int) -> np.ndarray:
    """Which share of the customer's relevant items is listed? Hits / n_relevant; NaN without relevant items.

    The denominator is *all* relevant items, so that with more than k of them 1 cannot be reached.

    >>> recall_at_k([[True, False, True, False]], [5], k=4)
    array([0.4])
    """
    return _divide(_first(hits, k).sum(axis=1), n_relevant)


def hit_rate_at_k(hits: ArrayLike, *, k: int) -> np.ndarray:
    """Is at least one of the k items relevant? 1 or 0.

    >>> hit_rate_at_k([[False, True], [False, False]], k=2)
    array([1., 0.])
    """
    return _first(hits, k).any(axis=1).astype(float)


def ndcg_at_k(hits: ArrayLike, n_relevant: ArrayLike, *, k: int) -> np.ndarray:
    """How much of the best possible discounted gain does the list reach? (Järvelin & Kekäläinen 2002.)

    Binary gain: sum of 1 / log2(rank + 1) over the hits, divided by the same sum for a list that starts with
    min(k, n_relevant) hits. NaN without relevant items.

    >>> ndcg_at_k([[True, False, True]], [2], k=3).round(4)
    array([0.9197])
    """
    discount = 1 / np.log2(np.arange(2, k + 2))
    best = np.concatenate([[0.0], np.cumsum(discount)])[np.minimum(np.asarray(n_relevant), k)]
    return _divide(_first(hits, k) @ discount, best)


def average_precision_at_k(hits: ArrayLike, n_relevant: ArrayLike, *, k: int) -> np.ndarray:
    """Average precision; its mean over customers is MAP@k.

    Sum over the hits of the precision at their rank, divided by min(k, n_relevant), so that a perfect list of
    length k reaches 1. NaN without relevant items.

    >>> average_precision_at_k([[True, False, True]], [2], k=3).round(4)
    array([0.8333])
    """
    first = _first(hits, k)
    precision = np.cumsum(first, axis=1) / np.arange(1, k + 1)
    return _divide((first * precision).sum(axis=1), np.minimum(np.asarray(n_relevant), k))


def reciprocal_rank_at_k(hits: ArrayLike, *, k: int) -> np.ndarray:
    """1 / rank of the first hit, 0 without one among the first k; its mean over customers is MRR@k.

    >>> reciprocal_rank_at_k([[False, True], [False, False]], k=2)
    array([0.5, 0. ])
    """
    first = _first(hits, k)
    return np.where(first.any(axis=1), 1 / (first.argmax(axis=1) + 1), 0.0)


def catalogue_coverage(recommendations: pd.DataFrame, *, n: int, n_catalogue: int) -> float:
    """Which share of the ``n_catalogue`` items that could be listed is on at least one list of length n?

    >>> lists = pd.DataFrame({"customer_id": ["a", "b"], "rank": [1, 1], "item_id": ["x", "y"]})
    >>> catalogue_coverage(lists, n=1, n_catalogue=8)
    0.25
    """
    listed = recommendations.loc[recommendations["rank"] <= n, "item_id"].nunique()
    if not 0 < n_catalogue >= listed:
        raise ValueError(f"n_catalogue={n_catalogue}, but {listed} different items are on the lists.")
    return listed / n_catalogue


def ranking_table(recommendations: pd.DataFrame, relevant: pd.DataFrame, *, n: int) -> pd.DataFrame:
    """Every metric at n for each customer who has something to hit.

    Parameters
    ----------
    recommendations : ``customer_id``, ``rank`` (1 is best), ``item_id``; rows beyond rank n are ignored.
    relevant : ``customer_id``, ``item_id`` and optionally ``amount``, what the customer bought in the holdout;
        several rows of a pair count as one item and their amounts are added.

    Returns
    -------
    DataFrame indexed by ``customer_id`` (sorted), one row for each customer of ``relevant``: a customer without a
    list scores 0, a customer without relevant items is not evaluated, whatever was listed. Columns ``n_relevant``,
    ``precision``, ``recall``, ``ndcg``, ``hit_rate``, ``reciprocal_rank``, ``average_precision`` and, where
    ``relevant`` has it, ``amount``: the money (currency of the log) that the customer spent on listed items.

    Raises
    ------
    ValueError : an item twice, or two items at one rank, in a customer's list; nobody with relevant items.

    Examples
    --------
    >>> lists = pd.DataFrame({"customer_id": "a", "rank": [1, 2], "item_id": ["x", "y"]})
    >>> bought = pd.DataFrame({"customer_id": ["a", "a"], "item_id": ["y", "z"], "amount": [3.0, 5.0]})
    >>> ranking_table(lists, bought, n=2)[["precision", "recall", "reciprocal_rank", "amount"]]
                 precision  recall  reciprocal_rank  amount
    customer_id
    a                  0.5     0.5              0.5     3.0
    """
    if relevant.empty:
        raise ValueError("No customer has a relevant item: there is nothing to evaluate. Use a longer holdout.")
    listed = recommendations.loc[recommendations["rank"] <= n, ["customer_id", "rank", "item_id"]]
    for key in (["customer_id", "item_id"], ["customer_id", "rank"]):
        twice = int(listed.duplicated(key).sum())
        if twice:
            raise ValueError(f"{twice} rows of the lists repeat a pair of {' and '.join(key)}; keep one.")
    money = ["amount"] if "amount" in relevant.columns else []
    truth = relevant.assign(n_relevant=1).groupby(["customer_id", "item_id"], as_index=False)[["n_relevant", *money]]
    truth = truth.sum().assign(n_relevant=1)
    customers = truth.groupby("customer_id")["n_relevant"].sum()
    found = listed.merge(truth, on=["customer_id", "item_id"])
    row = customers.index.get_indexer(found["customer_id"])
    hits = np.zeros((len(customers), n), dtype=bool)
    hits[row, found["rank"].to_numpy() - 1] = True
    n_relevant = customers.to_numpy()
    table = pd.DataFrame(
        {
            "n_relevant": n_relevant,
            "precision": precision_at_k(hits, k=n),
            "recall": recall_at_k(hits, n_relevant, k=n),
            "ndcg": ndcg_at_k(hits, n_relevant, k=n),
            "hit_rate": hit_rate_at_k(hits, k=n),
            "reciprocal_rank": reciprocal_rank_at_k(hits, k=n),
            "average_precision": average_precision_at_k(hits, n_relevant, k=n),
        },
        index=customers.index,
    )
    if money:
        table["amount"] = np.bincount(row, weights=found["amount"], minlength=len(customers))
    return table


def comparison_table(
    lists: Mapping[str, pd.DataFrame],
    relevant: pd.DataFrame,
    *,
    n: int,
    baseline: str,
    n_catalogue: int,
    random_state: int,
    level: float = 0.95,
) -> pd.DataFrame:
    """Is any method better than the baseline, or could other customers have turned it round?

    ``lists`` maps a method's name to its recommendations; all are judged on the same ``relevant`` pairs. Returns one
    row a method: the means over customers of precision, recall, ndcg, hit_rate (and amount, where known), the
    ``coverage`` of the catalogue, and ``difference``, ``low``, ``high``: the mean of the customers' paired
    differences in ndcg to ``baseline`` with its bootstrap interval; ``verdict`` is "better" or "worse" where the
    interval leaves out 0, else "no difference shown"; "baseline" for itself.

    >>> lists = {"x": pd.DataFrame({"customer_id": ["a", "b"], "rank": 1, "item_id": "x"}),
    ...          "y": pd.DataFrame({"customer_id": ["a", "b"], "rank": 1, "item_id": "y"})}
    >>> bought = pd.DataFrame({"customer_id": ["a", "b"], "item_id": ["y", "y"]})
    >>> comparison_table(lists, bought, n=1, baseline="x", n_catalogue=2, random_state=0)["verdict"].to_dict()
    {'x': 'baseline', 'y': 'better'}
    """
    tables = {method: ranking_table(table, relevant, n=n) for method, table in lists.items()}
    rows = []
    for method, table in tables.items():
        means = table[[name for name in _SHOWN if name in table.columns]].mean()
        coverage = catalogue_coverage(lists[method], n=n, n_catalogue=n_catalogue)
        row = {"method": method, **means, "coverage": coverage}
        if method == baseline:
            row |= {"difference": 0.0, "low": 0.0, "high": 0.0, "verdict": "baseline"}
        else:
            difference = (table["ndcg"] - tables[baseline]["ndcg"]).to_numpy()
            low, high = bootstrap_interval(difference, level=level, random_state=random_state)
            verdict = "better" if low > 0 else "worse" if high < 0 else "no difference shown"
            row |= {"difference": difference.mean(), "low": low, "high": high, "verdict": verdict}
        rows.append(row)
    return pd.DataFrame(rows).set_index("method")


_SHOWN = ("precision", "recall", "ndcg", "hit_rate", "amount")


def _first(hits: ArrayLike, k: int) -> np.ndarray:
    """The first k places as booleans, padded with misses."""
    hits = np.asarray(hits, dtype=bool)
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}.")
    return np.pad(hits[:, :k], ((0, 0), (0, max(0, k - hits.shape[1]))))


def _divide(numerator: np.ndarray, denominator: ArrayLike) -> np.ndarray:
    """numerator / denominator, NaN where the denominator is 0."""
    denominator = np.asarray(denominator, dtype=float)
    return np.divide(numerator, denominator, out=np.full(len(denominator), np.nan), where=denominator > 0)
