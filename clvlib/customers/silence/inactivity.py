"""For how long must a customer without a contract be silent before the shop may call them lost?

Nobody cancels, so every threshold calls some customers lost who were only between two purchases. A *spell* is the
silence after one purchase day, up to the customer's next one or, where there is none, up to the end of the log. It has
reached d days at the midnight that lies d days after its purchase day; the rule "lost after d days" raises its alarm
there, and the alarm was false if a purchase falls into the ``horizon_days`` days from that midnight on.

A spell can be judged only if the log holds all of these days. One that reached d days too late for that is *censored*
and left out, also where its purchase is there already: to keep only the false alarms among the young ones would raise
the rate. Both reasons for leaving out depend on dates alone, never on what the customer did.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from clvlib.customers._checks import frame, share, whole, whole_days
from clvlib.customers.silence._spells import spells_of
from clvlib.metrics.intervals import wilson_interval

__all__ = ["inactivity_curve", "inactivity_threshold", "own_thresholds"]


def inactivity_curve(
    lines: Any,
    *,
    thresholds_days: Iterable[int],
    horizon_days: int,
    as_of: Any = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """How often would "lost after d days" have been a false alarm, for every d?

    lines: ``customer_id``, ``timestamp``, ``amount``; a line below zero is a refund and breaks no silence.
    thresholds_days: whole days, at least 1. horizon_days: within how many days of the alarm a purchase makes it false;
    a longer one finds more of them. as_of: only lines before it are known, a date is its midnight; by default the
    midnight after the last line. level: of the intervals.

    Returns one row a threshold, in rising order:

    ``threshold_days``; ``spells`` that reached it and were watched ``horizon_days`` longer; ``returned``, those of them
    that ended within the horizon; ``censored``, those that reached it too late to be judged;
    ``false_alarm_rate`` = returned / spells, NaN where there is none, with ``low`` and ``high``;
    ``silent``, customers whose silence at ``as_of`` is that long, and ``silent_share`` of all who had bought by then.

    The interval is Wilson's for the effective number of spells: the rate's variance counts a customer's spells as one
    piece of evidence (the ratio estimator's linearisation, customers as clusters), and n is what a simple sample of
    the same variance would have, never more than ``spells`` (Dean & Pagano 2015, Journal of Survey Statistics and
    Methodology 3(4)).

    ValueError: a threshold or horizon that is no whole number of days, none given, a log too short to judge any of
    them; and what :func:`clvlib.split.checked_lines` and :func:`clvlib.rfm.age_lines` refuse.

    >>> lines = pd.DataFrame({"customer_id": ["a", "a", "b", "a"], "amount": 10.0,
    ...     "timestamp": pd.to_datetime(["2024-01-01", "2024-01-11", "2024-01-12", "2024-02-25"])})
    >>> curve = inactivity_curve(lines, thresholds_days=[5, 15], horizon_days=10)
    >>> curve[["threshold_days", "spells", "returned", "censored", "false_alarm_rate", "silent"]].round(2)
       threshold_days  spells  returned  censored  false_alarm_rate  silent
    0               5       3         1         0              0.33       1
    1              15       2         0         0              0.00       1
    """
    thresholds, horizon = whole_days("thresholds_days", thresholds_days), whole("horizon_days", horizon_days)
    level = share("level", level)
    spells = spells_of(lines, as_of)
    open_for = spells.watched[spells.last]
    rows = []
    for threshold in thresholds:
        reached = np.minimum(spells.gap, spells.watched) >= threshold
        judged = reached & (spells.watched >= threshold + horizon)
        returned = judged & (spells.gap < threshold + horizon)
        rate, low, high = _clustered_share(returned[judged], spells.customer[judged], level)
        silent = int((open_for >= threshold).sum())
        rows.append(
            (threshold, judged.sum(), returned.sum(), (reached & ~judged).sum(), rate, low, high, silent,
             silent / len(open_for))
        )  # fmt: skip
    names = [
        *("threshold_days", "spells", "returned", "censored", "false_alarm_rate", "low", "high"),
        *("silent", "silent_share"),
    ]
    curve = pd.DataFrame(rows, columns=names)
    if not curve["spells"].any():
        raise ValueError(
            f"no silence reached {thresholds[0]} days and was watched {horizon} days longer: the log knows a customer "
            f"for {int(spells.watched.max())} days at most; shorten horizon_days or the thresholds, or use a longer log"
        )
    return curve


def inactivity_threshold(curve: pd.DataFrame, *, max_false_alarm_rate: float) -> int:
    """After how many silent days may a customer be called lost, if this share of false alarms is bearable?

    The smallest ``threshold_days`` of :func:`inactivity_curve` whose ``false_alarm_rate`` is at most
    ``max_false_alarm_rate``. The rate is meant, not the upper end of its interval: whoever wants that passes
    ``curve.assign(false_alarm_rate=curve["high"])``.

    ValueError: no such column, a rate that is no share, or no threshold that is good enough; the message says how low
    the rate gets, and where.

    >>> curve = pd.DataFrame({"threshold_days": [30, 60, 90], "false_alarm_rate": [0.3, 0.2, 0.1]})
    >>> inactivity_threshold(curve, max_false_alarm_rate=0.2)
    60
    """
    wanted = share("max_false_alarm_rate", max_false_alarm_rate, ends=True)
    frame("the curve", curve, (), remedy="take it from inactivity_curve")
    for name in ("threshold_days", "false_alarm_rate"):
        if name not in curve or not pd.api.types.is_numeric_dtype(curve[name]):
            raise ValueError(f"the curve has no column {name} of numbers; take it from inactivity_curve")
    known = curve[curve["false_alarm_rate"].notna()].sort_values("threshold_days")
    if known.empty:
        raise ValueError(f"none of the {len(curve)} thresholds has a false_alarm_rate; use a longer log")
    enough = known.loc[known["false_alarm_rate"] <= wanted, "threshold_days"]
    if enough.empty:
        best = known.loc[known["false_alarm_rate"].idxmin()]
        raise ValueError(
            f"no threshold keeps false alarms at {wanted:.3g} or below: the lowest rate is "
            f"{best['false_alarm_rate']:.3g}, after {int(best['threshold_days'])} days; allow that, add longer "
            "thresholds, or shorten horizon_days"
        )
    return int(enough.iloc[0])


def own_thresholds(
    lines: Any, *, fallback_days: int, quantile: float = 0.9, min_gaps: int = 4, as_of: Any = None
) -> pd.DataFrame:
    """How long is an unusual silence for *this* customer, read from the customer's own gaps?

    A weekly customer is late after a fortnight, a yearly one is not. The threshold is the ``quantile`` of the
    customer's gaps between purchase days (numpy's ``higher``: an observed gap) and one day, since a gap as long as
    before is not yet unusual; customers with fewer than ``min_gaps`` gaps get ``fallback_days``.

    Unusual is not lost: a weekly customer who is late is soon called, and likelier to be back than a yearly one who is
    not. As a list of the lost it raises more false alarms than one silence for all at the same number of flags.

    Returns one row a customer by ``customer_id``: ``gaps``, ``days_since_last_purchase`` at ``as_of``,
    ``threshold_days``, ``own`` (bool: from own gaps, not the fallback) and ``silent_too_long`` =
    days_since_last_purchase >= threshold_days.

    ValueError: a quantile that is no share, days or counts below 1, and what :func:`inactivity_curve` refuses.

    >>> lines = pd.DataFrame({"customer_id": [*"aaaab"], "amount": 10.0, "timestamp": pd.to_datetime(
    ...     ["2024-01-01", "2024-01-08", "2024-01-15", "2024-01-22", "2024-02-10"])})
    >>> own = own_thresholds(lines, fallback_days=90, min_gaps=3)
    >>> own[["customer_id", "gaps", "days_since_last_purchase", "threshold_days", "silent_too_long"]]
      customer_id  gaps  days_since_last_purchase  threshold_days  silent_too_long
    0           a     3                        20               8             True
    1           b     0                         1              90            False
    """
    fallback, least = whole("fallback_days", fallback_days), whole("min_gaps", min_gaps)
    quantile = share("quantile", quantile)
    spells = spells_of(lines, as_of)
    n = int(spells.last.sum())
    closed = ~spells.last
    who, gap = spells.customer[closed], spells.gap[closed]
    order = np.lexsort((gap, who))
    gaps = np.bincount(who, minlength=n)
    start = np.cumsum(gaps) - gaps
    own = gaps >= least
    # the place of the quantile in each customer's sorted gaps, next one above (Hyndman & Fan 1996 on n - 1 intervals)
    place = start + np.ceil(quantile * np.maximum(gaps - 1, 0) - 1e-9).astype(np.int64)
    threshold = np.full(n, fallback, dtype=np.int64)
    threshold[own] = gap[order][place[own]].astype(np.int64) + 1
    silent = spells.watched[spells.last].astype(np.int64)
    return pd.DataFrame(
        {
            "customer_id": spells.customer_id,
            "gaps": gaps,
            "days_since_last_purchase": silent,
            "threshold_days": threshold,
            "own": own,
            "silent_too_long": silent >= threshold,
        }
    )


def _clustered_share(hit: np.ndarray, cluster: np.ndarray, level: float) -> tuple[float, float, float]:
    """A share with Wilson's interval at the effective number of rows, clusters being one piece of evidence each."""
    n = len(hit)
    if not n:
        return np.nan, np.nan, np.nan
    rate = float(hit.mean())
    code = np.cumsum(np.r_[False, cluster[1:] != cluster[:-1]])  # the rows of a cluster stand together
    clusters = int(code[-1]) + 1
    effective = float(clusters)  # where the rows do not vary, nothing says how far a customer's rows repeat each other
    if 0 < rate < 1 and clusters > 1:
        residual = np.bincount(code, weights=hit - rate)
        variance = clusters / (clusters - 1) * float((residual**2).sum()) / n**2
        effective = rate * (1 - rate) / variance if variance > 0 else n
    effective = min(max(effective, 1.0), n)
    low, high = wilson_interval(rate * effective, effective, level=level)
    return rate, low, high
