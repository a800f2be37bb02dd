"""A ledger as days: what is known of each customer after each day with a line, and the dates it is asked at.

One pass over the lines makes the diary; the state of all customers at a date is then one binary search.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from clvlib.customers._checks import id_order
from clvlib.customers._days import days_of, midnight_after, wall_moment
from clvlib.split.door import covers

__all__ = ["Diary", "cuts_of", "read_diary"]


class Diary(NamedTuple):
    """One entry a customer and day with a line, from the first purchase on, ordered; arrays of one length.

    ``code`` place of the customer in ``customers``; ``bought`` purchase days so far; ``last`` the last one (days since
    1970); ``gap`` its days since the one before, 0 for a first purchase; ``since`` the day the run of purchases without
    a silence got past its first one, or began where it has only one; ``spend`` so far, refunds deducted.
    ``key`` = code * ``span`` + day - ``origin`` grows over the entries.
    """

    customers: pd.Index
    span: int
    origin: int
    key: np.ndarray
    code: np.ndarray
    bought: np.ndarray
    last: np.ndarray
    gap: np.ndarray
    since: np.ndarray
    spend: np.ndarray

    def at(self, cut: int) -> tuple[np.ndarray, np.ndarray]:
        """Who had bought before the day ``cut`` (codes), and the last entry of each of them."""
        everyone = np.arange(len(self.customers))
        day = np.clip(cut - self.origin, 0, self.span - 1)
        found = np.searchsorted(self.key, everyone * self.span + day) - 1
        has = (found >= 0) & (self.code[found] == everyone)
        return everyone[has], found[has]


def read_diary(lines: pd.DataFrame, inactive_days: int) -> Diary:
    """Days of the lines; a line below zero is a refund. ValueError: no purchase at all."""
    amount, day = lines["amount"].to_numpy(dtype=float), days_of(lines["timestamp"])
    is_purchase = amount >= 0
    buyers = pd.Index(lines.loc[is_purchase, "customer_id"].unique())
    buyers = buyers[id_order(buyers)]
    if not len(buyers):
        raise ValueError(f"{len(lines)} lines and none of them a purchase: all amounts are below zero")
    code = buyers.get_indexer(lines["customer_id"])
    ours = code >= 0  # the others have refunds only, of purchases before the log
    code, day, amount, is_purchase = code[ours], day[ours], amount[ours], is_purchase[ours]
    origin, span = int(day.min()), int(day.max() - day.min()) + 2
    key, entry = np.unique(code * span + day - origin, return_inverse=True)
    money = np.bincount(entry, weights=amount)
    buys = np.bincount(entry, weights=is_purchase) > 0
    code, day = key // span, key % span + origin
    bought = _running(buys.astype(np.int64), code)
    kept = bought > 0  # what came before a first purchase belongs to one before the log
    key, code, day, money, buys, bought = (each[kept] for each in (key, code, day, money, buys, bought))

    at = np.flatnonzero(buys)
    purchase = day[at]
    first = bought[at] == 1
    gap = np.where(first, 0, np.diff(purchase, prepend=purchase[0]))
    begins = first | (gap >= inactive_days)
    second = np.minimum(np.flatnonzero(begins)[np.cumsum(begins) - 1] + 1, len(at) - 1)
    since = np.where(begins, purchase, purchase[second])
    latest = np.cumsum(buys) - 1
    # rounded, so that equal sums stay equal whatever was added up before them
    spend = np.round(_running(money, code), 6)
    return Diary(buyers, span, origin, key, code, bought, purchase[latest], gap[latest], since[latest], spend)


def cuts_of(lines: pd.DataFrame, dates: Any) -> np.ndarray:
    """Days since 1970 of the dates, in order; None is the midnight after the last line. ValueError as they should."""
    end, zone = midnight_after(lines["timestamp"]), lines["timestamp"].dt.tz
    if dates is None:
        dates = [end]
    elif isinstance(dates, str) or not isinstance(dates, Iterable):
        dates = [dates]
    moments = [_midnight(date, zone) for date in dates]
    if not moments:
        raise ValueError("there is no date to look at; give one as in ['1997-10-01']")
    late = [moment for moment in moments if moment > end]
    if late:
        raise ValueError(
            f"{len(late)} of {len(moments)} dates lie after the log's end, as {late[0].date()}; {covers(lines)}, and "
            "what has not happened yet would look like silence"
        )
    cuts = np.unique(days_of(pd.Series(moments)))
    if len(cuts) < len(moments):
        raise ValueError(f"{len(moments) - len(cuts)} of {len(moments)} dates stand there twice; give each once")
    return cuts


def _running(values: np.ndarray, code: np.ndarray) -> np.ndarray:
    """Sums so far within each customer; entries of a customer stand together."""
    total = np.cumsum(values)
    starts = np.flatnonzero(np.diff(code, prepend=-1))
    place = np.cumsum(np.diff(code, prepend=-1) != 0) - 1
    return total - (total - values)[starts][place]


def _midnight(date: Any, zone: Any) -> pd.Timestamp:
    moment = wall_moment(date, zone)
    if moment != moment.normalize():
        raise ValueError(f"as_of {date} lies within a day, and purchases count by days; give the midnight after it")
    return moment
