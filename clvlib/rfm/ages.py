"""How old was a customer when a line was bought, and who came together? The one definition of age and cohort.

*Age* is counted in whole calendar days from each customer's own first purchase day, which is day 0; age k in periods
of ``period_days`` is half-open, days [k * period_days, (k + 1) * period_days). A *cohort* is the customers whose first
purchase fell into the same calendar week, month or quarter. A cell of a cohort's table is *lived* once the cohort's
youngest customer has had all of its days before ``as_of``: only then had everybody the same time to buy.
"""

import datetime as dt
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from clvlib.rfm._door import Lines, read_lines

__all__ = ["AgedLines", "CohortAges", "age_lines", "cohort_ages"]

_PERIOD = {"month": "M", "quarter": "Q", "week": "W"}
_UNITS = {1: "D", 86_400: "s", 86_400_000: "ms", 86_400_000_000: "us", 86_400_000_000_000: "ns"}


class AgedLines(NamedTuple):
    """The known lines of customers who have bought, from their first purchase day on.

    customers: DataFrame, one row a customer in the order of ``customer_id``, and ``first_purchase``.
    code: shape (n_lines,), the line's row of ``customers``. day: its age in days. amount: in currency.
    bought: whether it is a purchase (zero or more) and no refund. as_of: end of what is known, exclusive.
    """

    customers: pd.DataFrame
    code: np.ndarray
    day: np.ndarray
    amount: np.ndarray
    bought: np.ndarray
    as_of: pd.Timestamp


class CohortAges(NamedTuple):
    """Customers by cohort and how far each cohort has got.

    labels: the cohorts in the order of time ("1997-01", …). code: shape (n_customers,), each customer's row of
    ``labels``. customers: shape (n_cohorts,), how many came. lived: shape (n_cohorts,), ages lived by all of them.
    """

    labels: pd.Index
    code: np.ndarray
    customers: np.ndarray
    lived: np.ndarray


def age_lines(lines: Any, *, as_of: Any = None) -> AgedLines:
    """Every line known at ``as_of`` with its customer's age on that day.

    lines: ``customer_id``, ``timestamp``, ``amount`` (currency), in any order and frame. A first purchase is the first
    line that is not negative; what a customer gave back on an earlier day belongs to a purchase before the log and is
    left out. as_of: a date (its midnight) or a moment, exclusive; by default the midnight after the last line.

    ValueError: a column missing or with gaps, no lines, an ``as_of`` that is no date, of another time zone or after
    the log's end, nobody who bought before it.

    >>> lines = pd.DataFrame({
    ...     "customer_id": ["a", "b", "a"], "amount": [10.0, 20.0, 30.0],
    ...     "timestamp": pd.to_datetime(["2024-01-01", "2024-02-01", "2024-02-15"])})
    >>> age_lines(lines).day.tolist()
    [0, 0, 45]
    """
    log = read_lines(lines)
    end = _end(as_of, log)
    ticks, amount, code = log.ticks, log.amount, log.customers.codes - log.customers.low
    cut = _ticks_at(end, log.per_day)
    known = ticks < cut
    if not known.all():
        ticks, amount, code = ticks[known], amount[known], code[known]
    bought = amount >= 0
    latest = np.iinfo(np.int64).max
    first = np.full(log.customers.n, latest)
    np.minimum.at(first, code[bought], ticks[bought])
    here = np.flatnonzero(first < latest)
    if not len(here):
        raise ValueError(f"no customer bought anything before {end}; choose a later as_of")
    times = pd.Series(first[here].view(f"M8[{_UNITS[log.per_day]}]"))
    if log.zone is not None:
        times = times.dt.tz_localize(log.zone, ambiguous=np.ones(len(times), dtype=bool))
    customers = pd.DataFrame({"customer_id": log.customers.ids(here), "first_purchase": times})
    day = ticks // log.per_day - first[code] // log.per_day
    kept = (first[code] < latest) & (day >= 0)
    row = np.full(log.customers.n, -1)
    row[here] = np.arange(len(here))
    return AgedLines(customers, row[code[kept]], day[kept], amount[kept], bought[kept], end)


def cohort_ages(aged: AgedLines, *, cohort: str = "month", period_days: int = 30) -> CohortAges:
    """Which customers came together, and how many periods of ``period_days`` have all of them lived through?

    ValueError: a ``cohort`` that is not "month", "quarter" or "week", a period below one day, no cohort that has
    lived through one period.
    """
    if not isinstance(cohort, str) or cohort not in _PERIOD:
        raise ValueError(f"cohort is one of {', '.join(_PERIOD)}, got {cohort!r}")
    if isinstance(period_days, bool) or not isinstance(period_days, int | np.integer) or period_days < 1:
        raise ValueError(f"period_days must be at least 1, a whole number of days, got {period_days!r}")
    first = aged.customers["first_purchase"].dt.tz_localize(None)
    periods = first.dt.to_period(_PERIOD[cohort])
    code, labels = pd.factorize(periods, sort=True)
    day = first.dt.normalize()
    youngest = day.groupby(code).max().to_numpy()
    lived = (np.datetime64(aged.as_of.tz_localize(None)) - youngest) // np.timedelta64(1, "D") // period_days
    if lived.max() < 1:
        raise ValueError(
            f"no cohort has lived through one period of {period_days} days by {aged.as_of.date()}; "
            "shorten period_days, or use a longer log"
        )
    return CohortAges(pd.Index(labels.astype(str), name="cohort"), code, np.bincount(code), lived.astype(np.int64))


def _end(as_of: Any, log: Lines) -> pd.Timestamp:
    """The end of what is known, in the time zone of the log."""
    last = pd.Timestamp(np.datetime64(log.last_day + 1, "D")).as_unit("us")
    log_end = last.tz_localize(log.zone) if log.zone else last
    if as_of is None:
        return log_end
    try:
        end = pd.Timestamp(as_of) if isinstance(as_of, str | dt.date | np.datetime64) else pd.NaT
        if log.zone and not pd.isna(end) and end.tz is None:
            end = end.tz_localize(log.zone)
    except (ValueError, OverflowError):
        end = pd.NaT
    if pd.isna(end):
        raise ValueError(f"as_of={as_of!r} is no date; write it as '1997-10-01'")
    if (end.tz is None) != (log.zone is None) or (end.tz is not None and str(end.tz) != log.zone):
        raise ValueError(
            f"as_of {end} is of the time zone {end.tz}, and the log's days are those of "
            f"{log.zone or 'a zone it does not state'}; write it as '{end.date()}'"
        )
    if end > log_end:
        raise ValueError(f"as_of {end} is after the log's end, {log_end}; what has not happened yet cannot be counted")
    return end


def _ticks_at(moment: pd.Timestamp, per_day: int) -> int:
    """The first tick of the log's clock at the moment or after it."""
    nanoseconds = moment.tz_localize(None).as_unit("ns").value
    return -(-nanoseconds // (86_400_000_000_000 // per_day))
