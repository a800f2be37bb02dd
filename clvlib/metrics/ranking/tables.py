"""Lists against what was bought: one row a customer, one row a method, one row a group and method."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from clvlib.metrics.intervals import bootstrap_interval
from clvlib.metrics.ranking._door import checked_buyers, checked_lists, checked_relevant, same_ids
from clvlib.metrics.ranking.at_k import (
    average_precision_at_k,
    hit_rate_at_k,
    ndcg_at_k,
    precision_at_k,
    recall_at_k,
    reciprocal_rank_at_k,
)
from clvlib.metrics.ranking.beyond_hits import catalogue_coverage, novelty, popularity_bias

__all__ = ["comparison_table", "group_table", "ranking_table"]


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
    ``relevant`` has it, ``amount``: the money (currency of the log) that the customer spent on listed items. What each
    is divided by: :mod:`clvlib.metrics.ranking.at_k`.

    Raises
    ------
    ValueError : an item twice, or two items at one rank, in a customer's list; a rank that is no whole number from 1
        on; a missing column or id; ids that are numbers on one side and text on the other; nobody with relevant items.

    Examples
    --------
    >>> lists = pd.DataFrame({"customer_id": "a", "rank": [1, 2], "item_id": ["x", "y"]})
    >>> bought = pd.DataFrame({"customer_id": ["a", "a"], "item_id": ["y", "z"], "amount": [3.0, 5.0]})
    >>> ranking_table(lists, bought, n=2)[["precision", "recall", "reciprocal_rank", "amount"]]
                 precision  recall  reciprocal_rank  amount
    customer_id
    a                  0.5     0.5              0.5     3.0
    """
    truth, listed = checked_relevant(relevant), checked_lists(recommendations, n=n)
    same_ids(listed, truth, ("the lists", "the relevant pairs"))
    customers = truth.groupby("customer_id").size()
    n_relevant = customers.to_numpy()
    found = listed.merge(truth, on=["customer_id", "item_id"])
    row = customers.index.get_indexer(found["customer_id"])
    hits = np.zeros((len(customers), n), dtype=bool)
    hits[row, found["rank"].to_numpy() - 1] = True
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
    if "amount" in truth.columns:
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
    buyers: Mapping | pd.Series | None = None,
    measure: str = "ndcg",
) -> pd.DataFrame:
    """Is any method better than the baseline, or could other customers have turned it round?

    Parameters
    ----------
    lists : a method's name to its recommendations; all are judged on the same ``relevant`` pairs.
    relevant, n : as in :func:`ranking_table`.
    baseline : the method that the others are held against.
    n_catalogue : how many items could be listed, for ``coverage``.
    level, random_state : of the bootstrap over customers.
    buyers : how many customers bought each item in calibration, by ``item_id``; adds two columns.
    measure : the column of :func:`ranking_table` whose differences are taken, as a rule ndcg; ``"amount"`` for money.

    Returns
    -------
    One row a method, in the order given. Means over the customers of ``relevant``: ``precision``, ``recall``,
    ``ndcg``, ``hit_rate``, ``average_precision`` (its mean is MAP@n), ``reciprocal_rank`` (MRR@n) and, where known,
    ``amount`` (currency a customer). Then

    * ``coverage`` of the catalogue (:func:`~clvlib.metrics.ranking.catalogue_coverage`), over all lists;
    * with ``buyers``, over the customers of ``relevant`` who have a list: ``novelty`` in bits
      (:func:`~clvlib.metrics.ranking.novelty`) and ``popularity_bias``, relative to what these customers bought
      (:func:`~clvlib.metrics.ranking.popularity_bias`);
    * ``difference``, ``low``, ``high``: the mean of the customers' paired differences in ``measure`` to ``baseline``
      with its bootstrap interval; ``verdict`` is "better" or "worse" where the interval leaves out 0, else "no
      difference shown"; "baseline" for itself.

    Raises
    ------
    ValueError : as :func:`ranking_table`; a baseline or measure that is not there; fewer than two customers.

    Examples
    --------
    >>> lists = {"x": pd.DataFrame({"customer_id": ["a", "b"], "rank": 1, "item_id": "x"}),
    ...          "y": pd.DataFrame({"customer_id": ["a", "b"], "rank": 1, "item_id": "y"})}
    >>> bought = pd.DataFrame({"customer_id": ["a", "b"], "item_id": ["y", "y"]})
    >>> table = comparison_table(
    ...     lists, bought, n=1, baseline="x", n_catalogue=2, random_state=0, buyers={"x": 6, "y": 2})
    >>> table[["ndcg", "novelty", "popularity_bias", "verdict"]].round(2)
            ndcg  novelty  popularity_bias   verdict
    method
    x        0.0     0.42              2.0  baseline
    y        1.0     2.00              0.0    better
    """
    tables = _judged(lists, relevant, n=n, baseline=baseline, measure=measure)
    buyers = None if buyers is None else checked_buyers(buyers)
    rows = []
    for method, table in tables.items():
        row = {"method": method, **table[[name for name in _SHOWN if name in table.columns]].mean()}
        row["coverage"] = catalogue_coverage(lists[method], n=n, n_catalogue=n_catalogue)
        if buyers is not None:
            of_judged = lists[method][table.index.get_indexer(lists[method]["customer_id"]) >= 0]
            row["novelty"] = novelty(of_judged, buyers, n=n).mean()
            row["popularity_bias"] = popularity_bias(of_judged, relevant, buyers, n=n)
        if method == baseline:
            row |= _BASELINE
        else:
            difference = (table[measure] - tables[baseline][measure]).to_numpy()
            row |= _difference(difference, level=level, random_state=random_state)
        rows.append(row)
    return pd.DataFrame(rows).set_index("method")


def group_table(
    lists: Mapping[str, pd.DataFrame],
    relevant: pd.DataFrame,
    groups: Mapping | pd.Series,
    *,
    n: int,
    baseline: str,
    random_state: int,
    level: float = 0.95,
    measure: str = "ndcg",
) -> pd.DataFrame:
    """For whom is a method better than the baseline? :func:`comparison_table` group by group.

    ``groups`` names each customer's group by ``customer_id``
    (:func:`clvlib.matching.activity_groups`); the order is that of an ordered categorical, else the names'. The
    denominator of every mean is the group's customers who have something to hit in ``relevant``, which ``customers``
    counts; a customer without a list scores 0.

    Returns one row a group and method, indexed by ``group`` and ``method``: ``customers``, the mean of ``measure``, the
    paired ``difference`` to ``baseline`` with ``low`` and ``high``, and ``verdict`` as in :func:`comparison_table`; in
    a group of one the interval is missing and the verdict "too few customers". Each interval holds for itself: among
    many groups one may leave out 0 by chance.

    ValueError: a customer of ``relevant`` without a group; as :func:`comparison_table`.

    >>> lists = {name: pd.DataFrame({"customer_id": [*"abcd"], "rank": 1, "item_id": name}) for name in "xy"}
    >>> bought = pd.DataFrame({"customer_id": [*"abcd"], "item_id": [*"xxyy"]})
    >>> groups = {"a": "few days", "b": "few days", "c": "many days", "d": "many days"}
    >>> group_table(lists, bought, groups, n=1, baseline="x", random_state=0)["verdict"].unstack()
    method            x       y
    group
    few days   baseline   worse
    many days  baseline  better
    """
    tables = _judged(lists, relevant, n=n, baseline=baseline, measure=measure)
    customers = tables[baseline].index
    group = (groups if isinstance(groups, pd.Series) else pd.Series(dict(groups))).reindex(customers)
    if group.isna().any():
        raise ValueError(f"{int(group.isna().sum())} of {len(group)} customers to be judged have no group; name one.")
    rows = []
    for name, members in group.groupby(group, observed=True):
        base = tables[baseline].loc[members.index, measure]
        for method, table in tables.items():
            own = table.loc[members.index, measure]
            row = {"group": name, "method": method, "customers": len(own), measure: own.mean()}
            if method == baseline:
                row |= _BASELINE
            else:
                row |= _difference((own - base).to_numpy(), level=level, random_state=random_state)
            rows.append(row)
    return pd.DataFrame(rows).set_index(["group", "method"])


_SHOWN = ("precision", "recall", "ndcg", "hit_rate", "average_precision", "reciprocal_rank", "amount")
_BASELINE = {"difference": 0.0, "low": 0.0, "high": 0.0, "verdict": "baseline"}


def _judged(
    lists: Mapping[str, pd.DataFrame], relevant: pd.DataFrame, *, n: int, baseline: str, measure: str
) -> dict[str, pd.DataFrame]:
    """The :func:`ranking_table` of every method, once it is sure that they can be compared."""
    if baseline not in lists:
        raise ValueError(f"The baseline {baseline!r} has no lists; there are {', '.join(map(str, lists)) or 'none'}.")
    tables = {method: ranking_table(table, relevant, n=n) for method, table in lists.items()}
    if measure not in tables[baseline].columns:
        raise ValueError(f"measure={measure!r} is none of {', '.join(tables[baseline].columns)}.")
    return tables


def _difference(values: np.ndarray, *, level: float, random_state: int) -> dict:
    """The mean of paired differences, its interval, and what follows."""
    if len(values) < 2:
        return {"difference": values.mean(), "low": np.nan, "high": np.nan, "verdict": "too few customers"}
    low, high = bootstrap_interval(values, level=level, random_state=random_state)
    verdict = "better" if low > 0 else "worse" if high < 0 else "no difference shown"
    return {"difference": values.mean(), "low": low, "high": high, "verdict": verdict}
