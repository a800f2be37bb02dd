"""What hits do not say: how much of the catalogue is shown, and how well known it already is."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from clvlib.metrics.ranking._door import checked_buyers, checked_lists, checked_ranks, checked_relevant, same_ids

__all__ = ["average_popularity", "catalogue_coverage", "novelty", "popularity_bias"]


def catalogue_coverage(recommendations: pd.DataFrame, *, n: int, n_catalogue: int) -> float:
    """Which share of the ``n_catalogue`` items that could be listed is on at least one list of length n?

    ValueError: no column ``rank`` or ``item_id``, a rank that is no whole number, fewer ``n_catalogue`` than listed.

    >>> lists = pd.DataFrame({"customer_id": ["a", "b"], "rank": [1, 1], "item_id": ["x", "y"]})
    >>> catalogue_coverage(lists, n=1, n_catalogue=8)
    0.25
    """
    listed = recommendations.loc[checked_ranks(recommendations, n=n) <= n, "item_id"].nunique()
    if not 0 < n_catalogue >= listed:
        raise ValueError(f"n_catalogue={n_catalogue}, but {listed} different items are on the lists.")
    return listed / n_catalogue


def novelty(recommendations: pd.DataFrame, buyers: Mapping | pd.Series, *, n: int) -> pd.Series:
    """How surprising is it that somebody bought what is listed? In bits, one value a customer with a list.

    The mean over the items listed (not over n places) of -log2 p, where p is the item's share of all purchases: its
    ``buyers`` (how many customers bought it in calibration, by ``item_id``) divided by the sum of ``buyers`` over all
    items. That is the self-information of Castells, Vargas & Wang (2011), equations 1 and 6, choice model; 1 bit more
    is an item bought half as often. An item that nobody bought counts as if one customer had: it is no less novel than
    the rarest, and the mean stays finite.

    >>> lists = pd.DataFrame({"customer_id": ["a", "a"], "rank": [1, 2], "item_id": ["x", "y"]})
    >>> novelty(lists, {"x": 4, "y": 2, "z": 2}, n=2).to_dict()
    {'a': 1.5}
    """
    listed, known = checked_lists(recommendations, n=n), checked_buyers(buyers)
    count = _of_items(listed, known).clip(lower=1.0)
    bits = np.log2(known.sum()) - np.log2(count)
    return bits.groupby(listed["customer_id"]).mean().rename("novelty")


def average_popularity(recommendations: pd.DataFrame, buyers: Mapping | pd.Series, *, n: int) -> pd.Series:
    """How many customers bought what is listed? The mean number of ``buyers``, one value a customer with a list.

    The mean over the items listed (not over n places); its mean over customers is the average recommendation
    popularity of Yin et al. (2012). An item that is not in ``buyers`` has none.

    >>> lists = pd.DataFrame({"customer_id": ["a", "a"], "rank": [1, 2], "item_id": ["x", "new"]})
    >>> average_popularity(lists, {"x": 6}, n=2).to_dict()
    {'a': 3.0}
    """
    listed, known = checked_lists(recommendations, n=n), checked_buyers(buyers)
    return _of_items(listed, known).groupby(listed["customer_id"]).mean().rename("popularity")


def popularity_bias(
    recommendations: pd.DataFrame, relevant: pd.DataFrame, buyers: Mapping | pd.Series, *, n: int
) -> float:
    """How much better known are the items listed than those the same customers went on to buy?

    The relative difference of two group average popularities (Abdollahpouri et al. 2019, whose profile is the past and
    not, as here, what was bought later): (listed - bought) / bought, where *listed* is the mean over customers of the
    mean number of ``buyers`` of the items on their list, and *bought* the same over their ``relevant`` items, for the
    customers who have both. 0 is a list as mainstream as what is bought, 1 one twice as mainstream, -0.5 half; below
    -1 it cannot fall. An item not in ``buyers`` has none. NaN where nobody has both, or nothing bought had buyers.

    >>> lists = pd.DataFrame({"customer_id": ["a"], "rank": [1], "item_id": ["x"]})
    >>> popularity_bias(lists, pd.DataFrame({"customer_id": ["a"], "item_id": ["z"]}), {"x": 6, "z": 2}, n=1)
    2.0
    """
    listed, truth, known = checked_lists(recommendations, n=n), checked_relevant(relevant), checked_buyers(buyers)
    same_ids(listed, truth, ("the lists", "the relevant pairs"))
    of_lists = _of_items(listed, known).groupby(listed["customer_id"]).mean()
    of_truth = _of_items(truth, known).groupby(truth["customer_id"]).mean()
    both = of_lists.index.intersection(of_truth.index)
    if both.empty:
        return float("nan")
    of_list, bought = of_lists[both].mean(), of_truth[both].mean()
    return float((of_list - bought) / bought) if bought > 0 else float("nan")


def _of_items(table: pd.DataFrame, known: pd.Series) -> pd.Series:
    """The number of buyers of the item in each row, 0 where unknown."""
    counts = known.reindex(table["item_id"]).fillna(0.0).to_numpy()
    return pd.Series(counts, index=table.index)
