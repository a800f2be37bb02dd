"""Does a rule hold in baskets it was not found in, and beyond the fact that large baskets hold everything?"""

import numpy as np
import pandas as pd
from scipy.special import ndtri

from clvlib.matching.itemsets import basket_table, sorted_codes

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
      its size, a basket with one item has less room for another (Hájek 1964, Annals of Mathematical Statistics 35,
      theorem 5.2; for sides of more than one item this is a rule of thumb). 1 for goods that have nothing to do with
      each other, however much large baskets hold of both;
    * ``verdict``: "holds" where that interval lies above 1, "basket size only" where just the interval of
      ``later_lift`` does, "reversed" where the first lies below 1, "not seen" where one side is in no later basket,
      else "not shown".

    The intervals are those of the logarithm, by the sum of squares of what each *customer* contributes to it
    (the linearised ratio; Särndal, Swensson & Wretman 1992, section 5.5): a household that buys the same two things
    every week is one piece of evidence. Without ``customer_id`` each basket is its own. Where no basket holds both,
    the lower end is 0 and the upper one that of a Poisson count of 0.

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
    rows = [
        _checked(baskets, one, other, level)
        for one, other in zip(rules["antecedents"], rules["consequents"], strict=True)
    ]
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


class Baskets:
    """Baskets by position, sorted by customer, to ask which of them hold a set of items.

    ``table`` is that of ``basket_table``; ``customer`` numbers each basket's customer (the basket itself where the log
    has none); ``size`` counts its different items; ``stratum`` numbers baskets of about the same size, whose
    ``room`` is the sum of share (1 - share) over the items.
    """

    def __init__(self, lines: pd.DataFrame):
        self.table = table = basket_table(lines)
        basket, orders = pd.factorize(table["order_id"])
        self.n = len(orders)
        self.customer = np.arange(self.n)
        if "customer_id" in table.columns:
            first = np.unique(basket, return_index=True)[1]
            self.customer = pd.factorize(table["customer_id"].iloc[first])[0]
        self.n_customers = int(self.customer.max()) + 1
        self.basket = basket
        self.item, self.items = sorted_codes(table["item_id"])
        order = np.argsort(self.item, kind="stable")
        self._rows = basket[order]
        self._start = np.searchsorted(self.item[order], np.arange(len(self.items) + 1))
        self.size = np.bincount(basket, minlength=self.n)
        # sizes 1 to 4 each for itself, then two groups for each doubling
        doubling = np.floor(2 * np.log2(np.maximum(self.size, 4))).astype(int)
        self.stratum = np.unique(np.where(self.size < 4, self.size, doubling), return_inverse=True)[1]
        self.per_stratum = np.bincount(self.stratum)
        pair = self.stratum[basket] * len(self.items) + self.item
        met, n_met = np.unique(pair, return_counts=True)
        stratum_of = met // len(self.items)
        share = n_met / self.per_stratum[stratum_of]
        self.room = np.bincount(stratum_of, weights=share * (1 - share), minlength=len(self.per_stratum))

    def hold(self, itemset) -> np.ndarray:
        """Which baskets hold all of it; shape (n,)."""
        result = np.ones(self.n, dtype=bool)
        for position in self.items.get_indexer(list(itemset)):
            one = np.zeros(self.n, dtype=bool)
            if position >= 0:
                one[self._rows[self._start[position] : self._start[position + 1]]] = True
            result &= one
        return result


def _checked(baskets: Baskets, antecedents, consequents, level: float) -> tuple:
    """The added columns of one rule."""
    one, other = baskets.hold(antecedents), baskets.hold(consequents)
    both = one & other
    counts = int(both.sum()), int(one.sum()), int(other.sum())
    if not counts[1] or not counts[2]:
        confidence = 0.0 if counts[1] else np.nan
        return (*counts, baskets.n, confidence, *(np.nan,) * 6, "not seen")
    everything = np.zeros(baskets.n, dtype=np.int64)
    plain = _ratio(both, one, other, everything, np.zeros(1), baskets, level)
    with np.errstate(divide="ignore"):
        crowding = len(antecedents) * len(consequents) / baskets.room
    given_size = _ratio(both, one, other, baskets.stratum, crowding, baskets, level)
    verdict = "not shown"
    if given_size[1] > 1:
        verdict = "holds"
    elif given_size[2] < 1:
        verdict = "reversed"
    elif plain[1] > 1:
        verdict = "basket size only"
    return (*counts, baskets.n, counts[0] / counts[1], *plain, *given_size, verdict)


def _ratio(both, one, other, stratum, crowding, baskets: Baskets, level: float) -> tuple[float, float, float]:
    """Baskets with both, over the number that the shares within each stratum make one expect, and its interval."""
    n = np.bincount(stratum, minlength=len(crowding))
    a, b = (np.bincount(stratum, weights=side, minlength=len(crowding)) / n for side in (one, other))
    apart = (1 - a) * (1 - b)
    # without any room (every basket the same) nothing is left to crowd
    factor = 1 - np.minimum(1.0, np.where(apart > 0, apart * np.where(apart > 0, crowding, 0.0), 0.0))
    expected = float((n * a * b * factor).sum())
    count = int(both.sum())
    if expected == 0:
        return np.nan, np.nan, np.nan
    if count == 0:
        return 0.0, 0.0, float(-np.log((1 - level) / 2) / expected)
    a, b, factor = a[stratum], b[stratum], factor[stratum]
    part = both / count - factor * (one * b + other * a - a * b) / expected
    of_customer = np.bincount(baskets.customer, weights=part, minlength=baskets.n_customers)
    spread = baskets.n_customers / max(1, baskets.n_customers - 1)
    width = float(np.exp(ndtri((1 + level) / 2) * np.sqrt(spread * (of_customer**2).sum())))
    value = count / expected
    return value, value / width, value * width
