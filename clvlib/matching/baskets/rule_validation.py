"""Does a rule hold in baskets it was not found in, and beyond the fact that large baskets hold everything?"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.special import ndtri

from clvlib.matching.baskets.itemsets import basket_table, sorted_codes

__all__ = ["Baskets", "validate_rules"]


def validate_rules(rules: pd.DataFrame, later: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """What becomes of rules in the baskets of a later period?

    Parameters
    ----------
    rules : ``antecedents``, ``consequents`` (tuples of item ids), as :func:`~clvlib.matching.association_rules` gives
        them, or any offers that somebody wants to make; further columns are kept.
    later : a log or a table of baskets as :func:`~clvlib.matching.basket_table` takes it, all of it after the rules'.
    level : of the intervals, each for itself: of many rules without any substance, (1 - level) / 2 hold by chance.

    Returns
    -------
    ``rules``, row for row, with these columns added:

    * ``later_count``, ``later_antecedent_count``, ``later_consequent_count``, ``later_n_baskets``: baskets, as there;
    * ``later_confidence``; NaN if no basket holds the antecedents;
    * ``later_lift`` and its interval ``…_low``, ``…_high``;
    * ``later_lift_given_size`` and its interval: count / the count expected of baskets that differ in size only. Among
      baskets with about as many different items, in whose share a of n both sides would be found independently of each
      other, n a b (1 - |A| |B| (1-a)(1-b) / d) hold both, d the sum of share (1 - share) over all items there: given
      its size, a basket with one item has less room for another (Hájek 1964, Annals of Mathematical Statistics 35;
      for sides of more than one item this is a rule of thumb). 1 for goods that have nothing to do with
      each other, however much large baskets hold of both;
    * ``verdict``: "holds" where that interval lies above 1, "basket size only" where just the interval of
      ``later_lift`` does, "reversed" where the first lies below 1, "not seen" where one side is in no later basket,
      else "not shown".

    The intervals are those of the logarithm, by the sum of squares of what each *customer* contributes to it
    (the linearised ratio; Särndal, Swensson & Wretman 1992, section 5.5): a household that buys the same two things
    every week is one piece of evidence. A basket without ``customer_id``, that of a guest, is a customer of its own.
    Where no basket holds both, the lower end is 0 and the upper one that of a Poisson count of 0.

    ValueError: a missing column, an empty side, what ``basket_table`` refuses, a level outside (0, 1).

    Examples
    --------
    >>> rules = pd.DataFrame({"antecedents": [("tea",)], "consequents": [("pot",)]})
    >>> later = pd.DataFrame({"order_id": [1, 1, 2, 2, 3, 4], "item_id": ["tea", "pot", "pot", "tea", "tea", "cup"]})
    >>> validate_rules(rules, later)[["later_confidence", "later_lift", "verdict"]].round(2)
       later_confidence  later_lift    verdict
    0              0.67        1.33  not shown
    """
    check_rules(rules)
    if not 0 < level < 1:
        raise ValueError(f"level is a share between 0 and 1, not {level}.")
    baskets = Baskets(later)
    rows, known = [], {}
    for sides in zip(rules["antecedents"], rules["consequents"], strict=True):
        pair = frozenset(map(frozenset, sides))  # A -> B and B -> A differ in little that is added
        if pair not in known:
            known[pair] = frozenset(sides[0]), _checked(baskets, *sides, level)
        first, row = known[pair]
        rows.append(row if first == frozenset(sides[0]) else _turned(row))
    return rules.assign(**{name: [row[place] for row in rows] for place, name in enumerate(_COLUMNS)})


_COLUMNS = (
    *("later_count", "later_antecedent_count", "later_consequent_count", "later_n_baskets", "later_confidence"),
    *("later_lift", "later_lift_low", "later_lift_high"),
    *("later_lift_given_size", "later_lift_given_size_low", "later_lift_given_size_high", "verdict"),
)


def check_rules(rules: pd.DataFrame) -> None:
    """ValueError for a table that holds no rules: without the two columns, or with a side that is no tuple of items."""
    for name in ("antecedents", "consequents"):
        if name not in rules.columns:
            raise ValueError(f"Rules need a column {name}; there are {', '.join(map(str, rules.columns))}.")
        bad = sum(not isinstance(side, tuple | frozenset | set | list) or not side for side in rules[name])
        if bad:
            raise ValueError(f"{bad} of {len(rules)} rules have {name} that are no tuple of item ids, or an empty one.")


class _Strata(NamedTuple):
    """Baskets in groups: the group ``of`` each basket, ``n`` baskets in each, how many of them each customer has."""

    of: np.ndarray
    n: np.ndarray
    by_customer: sparse.csr_array

    @classmethod
    def of_groups(cls, group: np.ndarray, customer: np.ndarray, n_customers: int) -> "_Strata":
        n = np.bincount(group)
        ones = np.ones(len(group))
        return cls(group, n, sparse.coo_array((ones, (customer, group)), shape=(n_customers, len(n))).tocsr())


def _size_groups(size: np.ndarray) -> np.ndarray:
    """Sizes 1 to 3 each for itself, from 4 on two groups for each doubling; numbered from 0."""
    doubling = np.floor(2 * np.log2(np.maximum(size, 4))).astype(int)
    return np.unique(np.where(size < 4, size, doubling), return_inverse=True)[1]


class Baskets:
    """Baskets by position, sorted by customer, to ask which of them hold a set of items.

    ``table`` is that of ``basket_table``; ``customer`` numbers each basket's customer (a new one for each
    basket that has none); ``size`` counts its different items; ``by_size`` groups baskets of about the same size, and
    the ``room`` of a group is the sum of share (1 - share) over the items.
    """

    def __init__(self, lines: pd.DataFrame):
        self.table = table = basket_table(lines)
        basket, orders = pd.factorize(table["order_id"])
        self.n = len(orders)
        self.customer = np.arange(self.n)
        if "customer_id" in table.columns:
            first = np.unique(basket, return_index=True)[1]
            self.customer, customers = pd.factorize(table["customer_id"].iloc[first])
            guest = self.customer < 0
            self.customer[guest] = len(customers) + np.arange(guest.sum())
        self.n_customers = int(self.customer.max()) + 1
        self.basket = basket
        self.item, self.items = sorted_codes(table["item_id"])
        order = np.argsort(self.item, kind="stable")
        self._rows = basket[order]
        self._start = np.searchsorted(self.item[order], np.arange(len(self.items) + 1))
        self.size = np.bincount(basket, minlength=self.n)
        self.by_size = strata = _Strata.of_groups(_size_groups(self.size), self.customer, self.n_customers)
        self.one_stratum = _Strata.of_groups(np.zeros(self.n, dtype=np.int64), self.customer, self.n_customers)
        met, n_met = np.unique(strata.of[basket] * len(self.items) + self.item, return_counts=True)
        stratum = met // len(self.items)
        share = n_met / strata.n[stratum]
        self.room = np.bincount(stratum, weights=share * (1 - share), minlength=len(strata.n))

    def rows(self, itemset) -> np.ndarray:
        """The baskets that hold all of it, sorted."""
        position = self.items.get_indexer(list(itemset))
        if (position < 0).any():
            return np.zeros(0, dtype=np.int64)
        rows = self._rows[self._start[position[0]] : self._start[position[0] + 1]]
        for one in position[1:]:
            rows = np.intersect1d(rows, self._rows[self._start[one] : self._start[one + 1]], assume_unique=True)
        return rows

    def hold(self, itemset) -> np.ndarray:
        """Which baskets hold all of it; shape (n,)."""
        result = np.zeros(self.n, dtype=bool)
        result[self.rows(itemset)] = True
        return result


def _checked(baskets: Baskets, antecedents, consequents, level: float) -> tuple:
    """The added columns of one rule."""
    one, other = baskets.rows(antecedents), baskets.rows(consequents)
    both = np.intersect1d(one, other, assume_unique=True)
    counts = len(both), len(one), len(other)
    if not counts[1] or not counts[2]:
        confidence = 0.0 if counts[1] else np.nan
        return (*counts, baskets.n, confidence, *(np.nan,) * 6, "not seen")
    with np.errstate(divide="ignore"):
        crowding = len(antecedents) * len(consequents) / baskets.room
    plain = _ratio(both, one, other, baskets.one_stratum, np.zeros(1), baskets, level)
    given_size = _ratio(both, one, other, baskets.by_size, crowding, baskets, level)
    verdict = "not shown"
    if given_size[1] > 1:
        verdict = "holds"
    elif given_size[2] < 1:
        verdict = "reversed"
    elif plain[1] > 1:
        verdict = "basket size only"
    return (*counts, baskets.n, counts[0] / counts[1], *plain, *given_size, verdict)


def _turned(row: tuple) -> tuple:
    """The columns of B -> A, given those of A -> B."""
    both, one, other, n, _, *rest = row
    return (both, other, one, n, both / other if other else np.nan, *rest)


def _ratio(both, one, other, strata: "_Strata", crowding, baskets: Baskets, level: float) -> tuple[float, float, float]:
    """Baskets with both, over the number that the shares within each stratum make one expect, and its interval."""
    n = strata.n
    a, b = (np.bincount(strata.of[side], minlength=len(n)) / n for side in (one, other))
    apart = (1 - a) * (1 - b)
    # without any room (every basket the same) nothing is left to crowd
    factor = 1 - np.minimum(1.0, np.where(apart > 0, apart * np.where(apart > 0, crowding, 0.0), 0.0))
    expected = float((n * a * b * factor).sum())
    if expected == 0:
        return np.nan, np.nan, np.nan
    if not len(both):
        return 0.0, 0.0, float(-np.log((1 - level) / 2) / expected)
    # what each basket adds to log(count / expected), summed by customer
    of_customer = strata.by_customer @ (factor * a * b / expected)
    for rows, weight in ((one, -factor * b / expected), (other, -factor * a / expected), (both, None)):
        weight = np.full(len(both), 1 / len(both)) if weight is None else weight[strata.of[rows]]
        of_customer = of_customer + np.bincount(baskets.customer[rows], weights=weight, minlength=baskets.n_customers)
    spread = baskets.n_customers / max(1, baskets.n_customers - 1)
    width = float(np.exp(ndtri((1 + level) / 2) * np.sqrt(spread * (of_customer**2).sum())))
    value = len(both) / expected
    return value, value / width, value * width
