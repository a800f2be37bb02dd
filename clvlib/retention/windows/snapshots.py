"""What did customers do lately, and did they come back? One row a customer and snapshot date.

At a snapshot date, the cut, time is split in two half-open windows::

    [cut - observation_days, cut)    features: what the customer did
    [cut, cut + outcome_days)        outcome: whether the customer bought

Nothing of a feature lies at the cut or after it. The population of a snapshot are the customers who bought in its
observation window: who did nothing for so long is not about to leave, but has left.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from clvlib.retention._checks import checked_log, checked_table, day_starts, on_the_wall
from clvlib.retention.models._design import feature_matrix
from clvlib.retention.windows._snapshot_passes import log_of, one_pass, sessions_of
from clvlib.split.door import checked_lines, moments, whole

__all__ = [
    "FEATURES",
    "snapshot_dates",
    "snapshot_table",
    "varying_features",
]

#: What a snapshot may say about a customer; all are zero or more. ``items`` needs a log with ``item_id``.
FEATURES: tuple[str, ...] = (
    "orders",
    "spend",
    "days_since_last_purchase",
    "mean_gap_days",
    "items",
    "refund_amount",
)
#: What it may say besides where browsing is recorded.
_FROM_EVENTS = ("sessions",)


def snapshot_dates(
    lines: pd.DataFrame, *, step_days: int = 7, observation_days: int = 30, outcome_days: int = 7
) -> pd.DatetimeIndex:
    """At which midnights does the log hold both windows in full? Every ``step_days``, back from the last possible one.

    With a time zone, its midnights, or the first moment of a day whose midnight the clocks leave out. ValueError: no
    lines, times that are missing or no times, a length below one day, or a log shorter than the two windows together.

    >>> lines = pd.DataFrame({"timestamp": pd.to_datetime(["2024-01-01 09:00", "2024-02-20 17:00"])})
    >>> [date.date().isoformat() for date in snapshot_dates(lines)]
    ['2024-01-31', '2024-02-07', '2024-02-14']
    """
    days = {"step_days": step_days, "observation_days": observation_days, "outcome_days": outcome_days}
    step_days, observation_days, outcome_days = (whole(name, value) for name, value in days.items())
    lines = checked_lines(lines, ("timestamp",))
    start, end = _covered(lines)
    first, last = start + pd.Timedelta(days=observation_days), end - pd.Timedelta(days=outcome_days)
    if first > last:
        raise ValueError(
            f"the log covers {(end - start).days} days, from {start.date()} to before {end.date()}; a snapshot needs "
            f"{observation_days} + {outcome_days}: use a longer log or shorter windows"
        )
    return day_starts(pd.date_range(last, first, freq=f"-{step_days}D")[::-1], lines["timestamp"].dt.tz)


def snapshot_table(
    lines: pd.DataFrame,
    *,
    snapshot_dates: Iterable,
    observation_days: int = 30,
    outcome_days: int | None = 7,
    events: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """What had each customer done in the window before each date, and did a purchase follow?

    lines: ``customer_id``, ``timestamp``, ``amount``; ``order_id`` and ``item_id`` where there are any. A line below
    zero is a refund, every other one a purchase. snapshot_dates: dates or Timestamps; a bare date is its midnight, in
    the log's time zone where it has one. outcome_days: None for today's customers, whose outcome is not known. events:
    ``customer_id``, ``session_id``, ``timestamp`` of what was looked at, where that is recorded; those without a
    customer are nobody's.

    Returns one row a customer and date, ordered by date and customer:

    ``customer_id``, ``snapshot_date``;
    ``orders`` distinct orders; lines without an ``order_id`` are one order a purchase day;
    ``spend`` sum of the purchases, currency;
    ``days_since_last_purchase`` calendar days from the last purchase to the cut, 1 is the day before;
    ``mean_gap_days`` mean days between purchase days, the window's length where there was only one;
    ``items`` distinct articles bought, only where the log has ``item_id``;
    ``refund_amount`` sum of the refunds as a positive number, currency;
    ``sessions`` distinct sessions, only with ``events``; 0 for who bought without one;
    ``came_back`` whether there was a purchase in the outcome window (bool), unless ``outcome_days`` is None.

    An order (article, session) that reaches into the window counts in full, one that lies outside not at all. All
    dates are made in one pass over the log, of any length. ``attrs["outcome_days"]`` keeps the window for
    :func:`clvlib.retention.split_snapshots`.

    ValueError: no date, a date twice, a window that reaches beyond the log (what is not recorded would look like
    staying away), nobody who bought in any of the windows, a column that is missing, of the wrong kind (moments of
    several time zones in one column are no times), stands there twice or has missing entries, events of none of the
    customers.

    >>> lines = pd.DataFrame({
    ...     "customer_id": ["a", "a", "b", "a"], "amount": [10.0, 20.0, 5.0, 30.0],
    ...     "timestamp": pd.to_datetime(["2024-01-01", "2024-01-11", "2024-01-20", "2024-02-06"])})
    >>> table = snapshot_table(lines, snapshot_dates=["2024-01-31"])
    >>> table[["customer_id", "orders", "spend", "mean_gap_days", "came_back"]]
      customer_id  orders  spend  mean_gap_days  came_back
    0           a     2.0   30.0           10.0       True
    1           b     1.0    5.0           30.0      False
    """
    observation_days = whole("observation_days", observation_days)
    outcome_days = None if outcome_days is None else whole("outcome_days", outcome_days)
    lines = checked_log(lines)
    dates = _dates(lines, snapshot_dates, observation_days, outcome_days)
    cuts = on_the_wall(dates).to_numpy()
    log = log_of(lines)
    rows = one_pass(log, cuts, observation_days, outcome_days)
    if rows is None:
        raise ValueError(f"nobody bought in the {observation_days} days before any of the {len(cuts)} dates")
    columns = {"customer_id": log.ids(rows.customer), "snapshot_date": dates[rows.date]} | {
        name: getattr(rows, name) for name in (*FEATURES, "came_back") if getattr(rows, name) is not None
    }
    table = pd.DataFrame(columns, copy=False)
    if events is not None:
        events = _checked_events(events, lines, dates, observation_days)
        sessions = sessions_of(events, table["customer_id"], rows.date, cuts, observation_days)
        table.insert(len(table.columns) - (outcome_days is not None), "sessions", sessions)
    if outcome_days is not None:
        table.attrs["outcome_days"] = outcome_days
    return table


def varying_features(table: pd.DataFrame) -> list[str]:
    """Which of :data:`FEATURES` (and ``sessions``) does this table have that are not the same for everybody?

    A log without refunds has ``refund_amount`` 0 throughout; a model cannot learn from that and says so. ValueError: no
    table, or a feature with entries that are NaN, infinite, negative or no number.

    >>> varying_features(pd.DataFrame({"orders": [1.0, 2.0], "spend": [3.0, 4.0], "refund_amount": [0.0, 0.0]}))
    ['orders', 'spend']
    """
    names = [name for name in (*FEATURES, *_FROM_EVENTS) if name in checked_table(table)]
    x = feature_matrix(table, names)
    return [name for name, column in zip(names, x.T, strict=True) if len(column) and np.ptp(column) > 0]


def _covered(lines: pd.DataFrame) -> tuple[pd.Timestamp, pd.Timestamp]:
    """First midnight of the log and the midnight after its last line, on the wall of its time zone."""
    ends = (lines["timestamp"].min().tz_localize(None), lines["timestamp"].max().tz_localize(None))
    return ends[0].normalize(), ends[1].normalize() + pd.Timedelta(days=1)


def _dates(lines: pd.DataFrame, dates: Any, observation_days: int, outcome_days: int | None) -> pd.DatetimeIndex:
    """The snapshot dates in order, in the log's time zone, all with both windows within the log."""
    known = pd.DatetimeIndex(moments(dates, lines)).as_unit("us")
    if not len(known):
        raise ValueError("no snapshot date; take them from snapshot_dates(lines)")
    if known.has_duplicates:
        raise ValueError(f"{int(known.duplicated().sum())} of {len(known)} snapshot dates stand there twice")
    start, end = _covered(lines)
    cuts = on_the_wall(known)
    begins, ends = cuts - pd.Timedelta(days=observation_days), cuts + pd.Timedelta(days=outcome_days or 0)
    outside = (begins < start) | (ends > end)
    if outside.any():
        raise ValueError(
            f"{int(outside.sum())} of {len(cuts)} snapshot dates, {cuts[outside][0].date()} among them, need lines "
            f"from {begins[outside][0].date()} to before {ends[outside][0].date()}, but the log covers {start.date()} "
            f"to before {end.date()}; take dates from snapshot_dates(lines) or shorter windows"
        )
    return known


def _checked_events(
    events: pd.DataFrame, lines: pd.DataFrame, dates: pd.DatetimeIndex, observation_days: int
) -> pd.DataFrame:
    """Events of the windows' time: sessions that were not recorded would look like staying away."""
    if isinstance(events, pd.DataFrame) and "customer_id" in events:
        events = events[events["customer_id"].notna()]  # who did not log in is nobody we know
    events = checked_lines(events, ("customer_id", "session_id", "timestamp"))
    zones = [str(table["timestamp"].dt.tz) for table in (events, lines)]
    if zones[0] != zones[1]:
        raise ValueError(f"the events' times are of time zone {zones[0]}, the log's of {zones[1]}; make them the same")
    start, end = _covered(events)
    cuts = on_the_wall(dates)
    first, last = cuts[0] - pd.Timedelta(days=observation_days), cuts[-1]
    if first < start or last > end:
        raise ValueError(
            f"the windows need events from {first.date()} to before {last.date()}, but they cover {start.date()} to "
            f"before {end.date()}; take later snapshot dates or leave the events out"
        )
    return events
