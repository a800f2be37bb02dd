"""What are offers "with this, take that" worth? Every basket gets one offer; money for a period, with an interval."""

import numpy as np
import pandas as pd
from scipy.special import ndtri

from clvlib.matching.baskets.rule_validation import Baskets, check_rules
from clvlib.transactions import line_margins

__all__ = ["cross_sell_table", "offer_outcomes"]


def cross_sell_table(
    rules: pd.DataFrame,
    lines: pd.DataFrame,
    *,
    lift_rate: float,
    margin_rate: float,
    period_days: float = 30,
    cost_per_offer: float = 0.0,
    level: float = 0.95,
) -> pd.DataFrame:
    """What is there to earn by offering the consequents to baskets that hold the antecedents?

    An *opportunity* is a basket of ``lines`` with the antecedents and none of the consequents. How many of these would
    say yes is not in any log. ``lift_rate`` assumes it: an offer wins, among those who did not take the consequents
    unasked, that share of the share who did (the confidence in ``lines``). It is an assumption until an experiment
    measures it; everything else is counted.

    Parameters
    ----------
    rules : ``antecedents``, ``consequents``; the first row has the first claim: a basket is an opportunity of the first
        rule only that fits it, so that the rows add up.
    lines : the log of the period that is valued, with ``amount``; ``unit_cost`` where it is known.
    lift_rate : in [0, 1], see above.
    margin_rate : share of the amount left after the cost of goods where the log has no cost, in (0, 1].
    period_days : the money is for so many days, at the rate of the days that ``lines`` cover.
    cost_per_offer : what making one offer costs, in the currency of the log.
    level : of the intervals.

    Returns
    -------
    One row a rule, in the order of ``rules``: ``antecedents``, ``consequents``; ``opportunities`` (baskets in
    ``period_days``); ``confidence``; ``margin_per_sale`` (mean margin of the consequents in baskets that hold them,
    currency); ``sales`` = opportunities * confidence * lift_rate; ``margin`` = sales * margin_per_sale - opportunities
    * cost_per_offer, currency in ``period_days``, with ``low`` and ``high``, its linearised interval over customers
    (a basket without ``customer_id``, that of a guest, is a customer of its own). A rule whose consequents nobody
    bought earns 0.

    ValueError: what ``basket_table`` or ``line_margins`` refuse; a share or a number of days outside its range; fewer
    than two customers, from whom no interval comes.

    Examples
    --------
    >>> rules = pd.DataFrame({"antecedents": [("tea",)], "consequents": [("pot",)]})
    >>> lines = pd.DataFrame({
    ...     "customer_id": [*"aabbc"], "order_id": [1, 1, 2, 2, 3], "item_id": ["tea", "pot", "pot", "tea", "tea"],
    ...     "amount": [2.0, 9.0, 9.0, 2.0, 2.0], "timestamp": pd.to_datetime(["2024-01-01"] * 4 + ["2024-01-30"])})
    >>> table = cross_sell_table(rules, lines, lift_rate=0.5, margin_rate=0.3)
    >>> table[["opportunities", "sales", "margin_per_sale", "margin"]].round(2)
       opportunities  sales  margin_per_sale  margin
    0            1.0   0.33              2.7     0.9
    """
    check_rules(rules)
    for name, value in (("lift_rate", lift_rate), ("level", level)):
        if not 0 <= value <= 1:
            raise ValueError(f"{name} is a share in [0, 1], not {value}.")
    if not period_days > 0 or not 0 <= cost_per_offer < np.inf:
        raise ValueError(
            f"period_days must be above 0 and cost_per_offer not below, not {period_days}, {cost_per_offer}."
        )
    if "timestamp" not in lines.columns:
        raise ValueError(f"The {len(lines)} lines have no column timestamp, which says how many days they cover.")
    baskets = _priced(lines, margin_rate)
    if baskets.n_customers < 2:
        raise ValueError("An interval over customers needs at least 2 of them; take more customers.")
    days = (lines["timestamp"].max().normalize() - lines["timestamp"].min().normalize()).days + 1
    scale, z = period_days / days, ndtri((1 + level) / 2)
    free = np.ones(baskets.n, dtype=bool)
    rows = []
    for antecedents, consequents in zip(rules["antecedents"], rules["consequents"], strict=True):
        one, other, any_other = baskets.hold(antecedents), baskets.hold(consequents), baskets.hold_any(consequents)
        chance = free & one & ~any_other
        free &= ~chance
        margin = baskets.margin(consequents)
        n_one, n_other, n_chance = max(1, one.sum()), max(1, other.sum()), chance.sum()
        confidence, worth = (one & other).sum() / n_one, margin[other].sum() / n_other
        gain = lift_rate * confidence * worth - cost_per_offer
        # what a customer changes in the number of chances, in the confidence, in the margin of a sale
        part = chance * gain
        part = part + lift_rate * n_chance * worth * ((one & other) - confidence * one) / n_one
        part = part + lift_rate * n_chance * confidence * (margin - worth) * other / n_other
        of_customer = np.bincount(baskets.customer, weights=part, minlength=baskets.n_customers)
        half = z * scale * np.sqrt(baskets.n_customers * of_customer.var(ddof=1))
        total = scale * n_chance * gain
        sales = scale * n_chance * confidence * lift_rate
        rows.append([scale * n_chance, confidence, worth, sales, total, total - half, total + half])
    names = ["opportunities", "confidence", "margin_per_sale", "sales", "margin", "low", "high"]
    table = pd.DataFrame(rows, columns=names, index=rules.index, dtype=float)
    return pd.concat([rules[["antecedents", "consequents"]], table], axis=1)


def offer_outcomes(offers: pd.DataFrame, lines: pd.DataFrame, *, margin_rate: float) -> pd.DataFrame:
    """Had every basket got the first offer that fits it, how often would it have held what was offered?

    The check of a list of offers in a later period, with nothing assumed. offers: ``antecedents``, ``consequents``, the
    first row first; whoever has the antecedents in the basket gets the offer. lines: the later log, with ``amount``.

    Returns one row a basket that gets an offer, sorted by ``order_id``: ``order_id``, ``customer_id`` where the log has
    it, ``offer`` (position in ``offers``), ``taken`` (the basket holds all of the consequents, bought unasked) and
    ``margin`` (of them in this basket, currency of the log; 0 where it does not).

    ValueError: what ``basket_table`` or ``line_margins`` refuse.

    >>> offers = pd.DataFrame({"antecedents": [("tea",)], "consequents": [("pot",)]})
    >>> lines = pd.DataFrame({"order_id": [1, 1, 2, 3], "item_id": ["tea", "pot", "tea", "pot"],
    ...     "amount": [2.0, 9.0, 2.0, 9.0]})
    >>> offer_outcomes(offers, lines, margin_rate=0.5)
       order_id  offer  taken  margin
    0         1      0   True     4.5
    1         2      0  False     0.0
    """
    check_rules(offers)
    baskets = _priced(lines, margin_rate)
    offer = np.full(baskets.n, -1)
    taken, margin = np.zeros(baskets.n, dtype=bool), np.zeros(baskets.n)
    for place, (one, other) in enumerate(zip(offers["antecedents"], offers["consequents"], strict=True)):
        mine = baskets.hold(one) & (offer < 0)
        offer[mine] = place
        mine &= baskets.hold(other)
        taken[mine] = True
        margin[mine] = baskets.margin(other)[mine]
    ids = [name for name in ("order_id", "customer_id") if name in baskets.table.columns]
    first = baskets.table[ids].iloc[np.unique(baskets.basket, return_index=True)[1]].reset_index(drop=True)
    table = first.assign(offer=offer, taken=taken, margin=margin)
    return table[offer >= 0].reset_index(drop=True)


class _Priced(Baskets):
    """Baskets that know what each of their items left."""

    def margin(self, itemset) -> np.ndarray:
        """Margin of the items of a set in each basket; shape (n,)."""
        chosen = np.isin(self.item, self.items.get_indexer(list(itemset)))
        return np.bincount(self.basket[chosen], weights=self.table["margin"].to_numpy()[chosen], minlength=self.n)

    def hold_any(self, itemset) -> np.ndarray:
        """Which baskets hold some of it; shape (n,)."""
        return np.any([self.hold([item]) for item in itemset], axis=0)


def _priced(lines: pd.DataFrame, margin_rate: float) -> _Priced:
    return _Priced(lines.assign(margin=line_margins(lines, margin_rate=margin_rate)))
