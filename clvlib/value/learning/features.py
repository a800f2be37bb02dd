"""What does the log say about each customer at a moment? One row a customer, nothing of it at the cut or later.

A line below zero is a return, every other one a purchase. Days are calendar days.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

__all__ = ["FEATURES", "customer_features"]

#: What :func:`customer_features` can say; ``{d}`` stands for each of ``recent_days``.
FEATURES: dict[str, str] = {
    "frequency": "purchase days after the first one",
    "days_since_last_purchase": "days from the last purchase day to the cut; 1 is the day before",
    "age_days": "days from the first purchase day to the cut",
    "orders": "distinct orders with a purchase (purchase days in a log without order_id)",
    "total_spend": "sum of amounts, returns deducted, currency",
    "monetary_value": "mean net amount of a repeat purchase day, currency; missing where there is none",
    "spend_per_30d": "total_spend per 30 days of age (of 30 days for who is younger), currency",
    "spend_last_{d}d": "sum of the purchases of the last d days, currency",
    "repeat_spend_last_{d}d": "the same without the first day, so that it means one thing for the young and the old",
    "purchase_days_last_{d}d": "purchase days among the last d days",
    "spend_trend": "purchases of the last d days less those of the d before, over both; d in the middle; 0 without any",
    "mean_gap_days": "mean days between purchase days; missing where there is one only",
    "sd_gap_days": "standard deviation of these gaps; missing below three purchase days",
    "first_gap_days": "days from the first to the second purchase day; missing where there is one only",
    "hiatus_ratio": "days_since_last_purchase over mean_gap_days; missing where that is",
    "mean_order_amount": "purchases per order, currency",
    "max_order_amount": "the largest order, currency",
    "quantity_per_order": "pieces bought per order; needs quantity, missing where it is blank throughout",
    "items_per_order": "distinct articles per order; needs item_id",
    "distinct_items": "distinct articles bought; needs item_id",
    "refund_amount": "sum of the returns as a positive number, currency",
    "refund_share": "refund_amount over all purchases; 0 without purchases above zero",
    "season_sin": "mean sine of the day of the year of the purchase days: above 0 is spring, below autumn",
    "season_cos": "mean cosine of the same: above 0 is winter, below summer (northern)",
    "weekend_share": "share of the purchase days on Saturday or Sunday",
    "first_order_amount": "purchases of the first day, currency",
    "first_order_quantity": "pieces bought on the first day; needs quantity",
    "first_order_items": "distinct articles bought on the first day; needs item_id",
    "first_order_weekend": "1 where the first purchase was on a Saturday or Sunday, else 0",
}

_REQUIRED = ("customer_id", "timestamp", "amount")


def customer_features(lines: pd.DataFrame, *, cut, recent_days: Sequence[int] = (30, 90, 180)) -> pd.DataFrame:
    """What does the log say about every customer strictly before ``cut``?

    lines: ``customer_id``, ``timestamp``, ``amount``, in any order; ``order_id``, ``item_id`` and ``quantity`` are
    used where they are there. cut: the moment that is "now"; a bare date is its midnight. A line at exactly this moment
    is not used. recent_days: lengths of the windows that end at the cut, each at least one day.

    Returns one row a customer with at least one purchase before the cut, sorted by ``customer_id``: ``customer_id`` and
    the columns of :data:`FEATURES` in its order, float64. Those that need a column the log has not are absent. A
    feature is NaN exactly where it is not defined (the gap between the purchases of who bought once); models impute it.

    ValueError: a column is missing, a ``customer_id``, ``timestamp`` or ``amount`` is blank, nobody bought before the
    cut, a window below one day.

    >>> lines = pd.DataFrame({
    ...     "customer_id": ["a", "a", "b", "a"], "amount": [10.0, 30.0, 5.0, 99.0],
    ...     "timestamp": pd.to_datetime(["2024-01-01", "2024-01-11", "2024-01-20", "2024-02-01"])})
    >>> table = customer_features(lines, cut="2024-02-01")
    >>> table[["customer_id", "frequency", "days_since_last_purchase", "total_spend", "mean_gap_days"]]
      customer_id  frequency  days_since_last_purchase  total_spend  mean_gap_days
    0           a        1.0                      21.0         40.0           10.0
    1           b        0.0                      12.0          5.0            NaN
    """
    windows = [int(days) for days in recent_days]
    if not windows or min(windows) < 1:
        raise ValueError(f"recent_days is {list(recent_days)}; give one or more whole numbers of days, each at least 1")
    cut = pd.Timestamp(cut)
    known = _before(lines, cut)
    return _Facts(known, cut).table(sorted(windows))


class _Facts:
    """The lines before a cut as arrays: customer codes, days, and what belongs to one purchase day or order."""

    def __init__(self, lines: pd.DataFrame, cut: pd.Timestamp) -> None:
        bought = lines["amount"].to_numpy(dtype=float) >= 0
        customer, customers = pd.factorize(lines["customer_id"], sort=True)
        buyers = np.bincount(customer[bought], minlength=len(customers)) > 0
        if not buyers.any():
            raise ValueError(f"nobody bought before {cut}: all {len(lines)} lines before it are returns")
        # who only ever returned something is no customer yet: their lines go, and codes close up
        new_code = np.cumsum(buyers) - 1
        keep = buyers[customer]
        lines, bought = lines[keep], bought[keep]
        self.customers = customers[buyers]
        self.n = len(self.customers)
        self.customer = new_code[customer[keep]]
        self.amount = lines["amount"].to_numpy(dtype=float)
        self.bought = bought
        day = lines["timestamp"].to_numpy().astype("datetime64[D]")
        self.ago = (np.datetime64(cut.to_datetime64(), "D") - day).astype(np.int64)
        self.cut = np.datetime64(cut.to_datetime64(), "D")
        self.lines = lines

    def table(self, windows: list[int]) -> pd.DataFrame:
        c, amount, bought = self.customer, self.amount, self.bought
        cb, ab, ago = c[bought], amount[bought], self.ago[bought]
        # purchase days: one entry a customer and day, sorted by customer, then from the first day to the last
        span = int(self.ago.max()) + 1
        key = np.unique(cb * span + (span - 1 - ago))
        who, day_ago = key // span, span - 1 - key % span
        days = np.bincount(who, minlength=self.n).astype(float)
        start = np.concatenate([[0], np.cumsum(days).astype(int)[:-1]])
        first, last = day_ago[start].astype(float), day_ago[start + days.astype(int) - 1].astype(float)
        gross, net = self._sum(cb, ab), self._sum(c, amount)
        first_day = self.ago == first[c]
        repeats = days - 1
        net_later = self._sum(c, np.where(self.ago < first[c], amount, 0.0))
        out: dict[str, np.ndarray] = {
            "frequency": repeats,
            "days_since_last_purchase": last,
            "age_days": first,
        }
        order, orders = self._orders()
        out |= {
            "orders": orders,
            "total_spend": net,
            "monetary_value": _ratio(net_later, repeats),
            "spend_per_30d": 30 * net / np.maximum(first, 30),
        }
        for d in windows:
            out[f"spend_last_{d}d"] = self._sum(cb, np.where(ago <= d, ab, 0.0))
        again = ago < first[cb]
        for d in windows:
            out[f"repeat_spend_last_{d}d"] = self._sum(cb, np.where(again & (ago <= d), ab, 0.0))
        for d in windows:
            out[f"purchase_days_last_{d}d"] = self._sum(who, (day_ago <= d).astype(float))
        middle = windows[len(windows) // 2]
        late = out[f"spend_last_{middle}d"]
        early = self._sum(cb, np.where((ago > middle) & (ago <= 2 * middle), ab, 0.0))
        out["spend_trend"] = _ratio(late - early, late + early, otherwise=0.0)
        out |= self._gaps(who, day_ago, start, days, first, last)
        out |= self._baskets(order, orders, gross)
        out["refund_amount"] = self._sum(c, np.where(amount < 0, -amount, 0.0))
        out["refund_share"] = _ratio(out["refund_amount"], gross, otherwise=0.0)
        out |= self._calendar(who, day_ago, days, start)
        out["first_order_amount"] = self._sum(c, np.where(first_day & bought, amount, 0.0))
        out |= self._first_day_pieces(first_day & bought)
        out["first_order_weekend"] = _weekend(self.cut - day_ago[start]).astype(float)
        return pd.DataFrame({"customer_id": self.customers, **{name: out[name] for name in _ordered(out, windows)}})

    def _sum(self, code: np.ndarray, values: np.ndarray) -> np.ndarray:
        return np.bincount(code, weights=values, minlength=self.n)

    def _orders(self) -> tuple[np.ndarray, np.ndarray]:
        """A code of the order for every purchase line, and the number of orders of every customer."""
        cb, ago = self.customer[self.bought], self.ago[self.bought]
        key = pd.Series(ago).astype("str").to_numpy(dtype=object)
        if "order_id" in self.lines:
            given = self.lines["order_id"].to_numpy(dtype=object)[self.bought]
            known = ~pd.isna(given)
            key[known] = "#" + given[known].astype(str)  # a blank order_id is the day's order
        else:
            key = ago
        code = pd.factorize(key)[0]
        pair, order = np.unique(cb * (int(code.max()) + 1) + code, return_inverse=True)
        return order, np.bincount(pair // (int(code.max()) + 1), minlength=self.n).astype(float)

    def _gaps(self, who, day_ago, start, days, first, last) -> dict[str, np.ndarray]:
        gap = -np.diff(day_ago).astype(float)
        inside = who[1:] == who[:-1]
        owner, gap = who[1:][inside], gap[inside]
        repeats = days - 1
        mean = _ratio(first - last, repeats)
        spread = self._sum(owner, (gap - mean[owner]) ** 2)
        first_gap = np.full(self.n, np.nan)
        again = repeats > 0
        first_gap[again] = first[again] - day_ago[start[again] + 1]
        return {
            "mean_gap_days": mean,
            "sd_gap_days": np.sqrt(_ratio(spread, np.where(repeats > 1, repeats - 1, 0))),
            "first_gap_days": first_gap,
            "hiatus_ratio": _ratio(last, mean),
        }

    def _baskets(self, order: np.ndarray, orders: np.ndarray, gross: np.ndarray) -> dict[str, np.ndarray]:
        cb, ab = self.customer[self.bought], self.amount[self.bought]
        value = np.bincount(order, weights=ab)
        owner = np.zeros(len(value), dtype=np.int64)
        owner[order] = cb
        largest = np.zeros(self.n)
        np.maximum.at(largest, owner, value)
        out = {"mean_order_amount": gross / orders, "max_order_amount": largest}
        if "quantity" in self.lines:
            pieces = self.lines["quantity"].to_numpy(dtype=float)[self.bought]
            known = np.isfinite(pieces)
            counted = np.unique(order[known])
            out["quantity_per_order"] = _ratio(
                self._sum(cb[known], pieces[known]), np.bincount(owner[counted], minlength=self.n)
            )
        if "item_id" in self.lines:
            item = pd.factorize(self.lines["item_id"].to_numpy(dtype=object)[self.bought])[0].astype(np.int64)
            known, width = item >= 0, int(item.max(initial=0)) + 1
            in_order = np.unique(order[known] * width + item[known]) // width
            out["items_per_order"] = np.bincount(owner[in_order], minlength=self.n) / orders
            out["distinct_items"] = self._distinct(cb[known], item[known], width)
        return out

    def _first_day_pieces(self, chosen: np.ndarray) -> dict[str, np.ndarray]:
        out, c = {}, self.customer[chosen]
        if "quantity" in self.lines:
            pieces = self.lines["quantity"].to_numpy(dtype=float)[chosen]
            known = np.isfinite(pieces)
            any_known = np.bincount(c[known], minlength=self.n) > 0
            out["first_order_quantity"] = np.where(any_known, self._sum(c[known], pieces[known]), np.nan)
        if "item_id" in self.lines:
            item = pd.factorize(self.lines["item_id"].to_numpy(dtype=object)[chosen])[0].astype(np.int64)
            known = item >= 0
            out["first_order_items"] = self._distinct(c[known], item[known], int(item.max(initial=0)) + 1)
        return out

    def _distinct(self, code: np.ndarray, item: np.ndarray, width: int) -> np.ndarray:
        return np.bincount(np.unique(code * width + item) // width, minlength=self.n).astype(float)

    def _calendar(self, who, day_ago, days, start) -> dict[str, np.ndarray]:
        date = self.cut - day_ago
        angle = 2 * np.pi * (date - date.astype("datetime64[Y]")).astype(float) / 365.25
        return {
            "season_sin": self._sum(who, np.sin(angle)) / days,
            "season_cos": self._sum(who, np.cos(angle)) / days,
            "weekend_share": self._sum(who, _weekend(date).astype(float)) / days,
        }


def _before(lines: pd.DataFrame, cut: pd.Timestamp) -> pd.DataFrame:
    absent = [name for name in _REQUIRED if name not in lines]
    if absent:
        raise ValueError(f"the log has no {', '.join(absent)}; it has {', '.join(map(str, lines.columns))}")
    for name in _REQUIRED:
        blank = int(lines[name].isna().sum())
        if blank:
            raise ValueError(f"{name}: {blank} of {len(lines)} lines are blank; drop them and say so")
    known = lines[(lines["timestamp"] < cut).to_numpy()]
    if not len(known):
        covers = "it has no lines"
        if len(lines):
            covers = f"it covers {lines['timestamp'].min()} to {lines['timestamp'].max()}"
        raise ValueError(f"no line of the log lies before {cut}; {covers}: choose a later cut")
    return known


def _ratio(above: np.ndarray, below: np.ndarray, *, otherwise: float = np.nan) -> np.ndarray:
    """above / below, and ``otherwise`` where there is nothing to divide by."""
    above, below = np.asarray(above, dtype=float), np.asarray(below, dtype=float)
    return np.divide(above, below, out=np.full(len(above), otherwise), where=below > 0)


def _weekend(date: np.ndarray) -> np.ndarray:
    return (date.astype("datetime64[D]").astype(np.int64) + 3) % 7 >= 5  # 1970-01-01 was a Thursday


def _ordered(made: dict[str, np.ndarray], windows: list[int]) -> list[str]:
    names = [name.format(d=d) for name in FEATURES for d in (windows if "{d}" in name else [0])]
    return [name for name in names if name in made]
