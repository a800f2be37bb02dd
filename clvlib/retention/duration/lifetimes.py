"""How long does a customer stay, in a shop where nobody gives notice?

A customer is *lost* with the last purchase day before a silence of ``inactive_days`` or more, and that day is the end
of the lifetime; whoever buys again after it has been won back and begins a new one. A silence that has lasted less
decides nothing. Every lifetime is therefore watched until ``as_of - inactive_days`` and no longer: up to that day
it is known of everybody whether the last purchase day has come. Watching until ``as_of`` instead, and counting recent
silences as alive, would see nobody die in the last ``inactive_days``.
"""

import numpy as np
import pandas as pd

from clvlib.retention._checks import checked_table
from clvlib.split.door import checked_lines, moments, whole

__all__ = ["lifetime_table"]

_DAY = np.timedelta64(1, "D")


def lifetime_table(
    lines: pd.DataFrame,
    *,
    inactive_days: int,
    as_of: pd.Timestamp | str | None = None,
    snapshots: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """How many days after its start did each lifetime end, or how long was it watched without an end?

    Parameters
    ----------
    lines : ``customer_id``, ``timestamp``, ``amount``; a line below zero is a refund and no sign of life.
    inactive_days : a silence of so many days counts as lost.
    as_of : lines before this moment are known; by default all, up to the midnight after the last line.
    snapshots : rows with ``customer_id`` and ``snapshot_date`` (midnights), as :func:`snapshot_table` makes them: time
        runs from the snapshot instead of the first purchase day, for the lifetime the customer was in at that moment.

    Returns
    -------
    DataFrame in the order of ``snapshots`` and with its index (else one row a customer, in the order of ids):
    ``customer_id``, ``start``; ``duration_days``, whole days from the start to the last purchase day (0 also where that
    lies before a snapshot), or to the end of watching; ``ended``, whether the end was seen (else the row is censored);
    ``watched_days``, from the start to the end of watching. Rows that start after the end of watching are left
    out: nothing can be said of them yet.

    Raises
    ------
    ValueError
        For a log with nothing to watch, an ``as_of`` after its end, snapshots of customers who had not bought before
        or had been silent for ``inactive_days`` already.

    >>> lines = pd.DataFrame({
    ...     "customer_id": ["a", "a", "b", "b"], "amount": 10.0,
    ...     "timestamp": pd.to_datetime(["2024-01-01", "2024-01-21", "2024-01-05", "2024-04-30"])})
    >>> lifetime_table(lines, inactive_days=60).drop(columns="start")
      customer_id  duration_days  ended  watched_days
    0           a             20   True            61
    1           b              0   True            57
    """
    lines, inactive_days = checked_lines(lines), whole("inactive_days", inactive_days)
    when = lines["timestamp"].dt.tz_localize(None)
    log_end = when.max().normalize() + pd.Timedelta(days=1)
    end = log_end if as_of is None else moments(as_of, lines)[0].tz_localize(None)
    if not end <= log_end:
        raise ValueError(f"as_of {end} is after the log's end, {log_end}; what has not happened yet cannot be counted")
    watched_until = _days(pd.Series([end]))[0] - inactive_days
    known = ((when < end) & (lines["amount"] >= 0)).to_numpy()
    if not known.any():
        raise ValueError(f"none of {len(lines)} lines is a purchase before {end}; choose a later as_of")
    code, customers = pd.factorize(lines["customer_id"][known], sort=True)
    code, day = _purchase_days(code, _days(when[known]))
    if snapshots is None:
        row, index = np.arange(len(customers)), pd.RangeIndex(len(customers))
        first = np.searchsorted(code, row)
        start = day[first]
    else:
        row, start, first = _at_snapshots(snapshots, customers, code, day, inactive_days)
        index = snapshots.index
    last = _spell_ends(code, day, inactive_days, watched_until)[first]
    watched = watched_until - start
    ended = last <= watched_until
    table = pd.DataFrame(
        {
            "customer_id": customers.take(row),
            "start": start.astype("datetime64[D]").astype("datetime64[us]"),
            "duration_days": np.where(ended, np.maximum(last - start, 0), watched),
            "ended": ended,
            "watched_days": watched,
        },
        index=index,
    )[watched >= 0]
    if table.empty:
        raise ValueError(
            f"with inactive_days={inactive_days}, lifetimes can be watched until "
            f"{np.datetime64(int(watched_until), 'D')} only, and none of {len(index)} had started by then; use a "
            "longer log, earlier snapshots or fewer inactive_days"
        )
    return table.reset_index(drop=True) if snapshots is None else table


def _days(when: pd.Series) -> np.ndarray:
    """Days since 1970."""
    return when.to_numpy().astype("datetime64[D]").astype(np.int64)


def _purchase_days(code: np.ndarray, day: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every customer's days with a purchase, once each, in order of customer and day."""
    order = np.lexsort((day, code))
    code, day = code[order], day[order]
    new = np.ones(len(code), dtype=bool)
    new[1:] = (np.diff(code) != 0) | (np.diff(day) != 0)
    return code[new], day[new]


def _spell_ends(code: np.ndarray, day: np.ndarray, inactive_days: int, watched_until: int) -> np.ndarray:
    """For each purchase day the last one of its spell of activity; beyond all days where that had not come yet."""
    never = np.iinfo(np.int64).max
    follows = np.append(np.diff(code) == 0, False)
    gap = np.append(np.diff(day), 0)
    # a customer's last known day ends the spell only if the silence after it could be watched in full
    silent = np.where(follows, gap >= inactive_days, day <= watched_until)
    at = np.flatnonzero(silent)
    after = np.searchsorted(at, np.arange(len(day)))
    found = after < len(at)
    where = at[np.minimum(after, len(at) - 1)] if len(at) else np.zeros(len(day), dtype=np.int64)
    return np.where(found & (code[where] == code), day[where], never)


def _at_snapshots(
    snapshots: pd.DataFrame, customers: pd.Index, code: np.ndarray, day: np.ndarray, inactive_days: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each snapshot row: the customer's code, the day it starts, and the position of the last purchase before."""
    if not len(checked_table(snapshots, "customer_id", "snapshot_date")):
        raise ValueError("there are no snapshots; make them with snapshot_table(lines, snapshot_dates=…)")
    date = snapshots["snapshot_date"]
    if not pd.api.types.is_datetime64_any_dtype(date) or date.isna().any():
        raise ValueError(
            f"snapshot_date holds {date.dtype}, {int(date.isna().sum())} of {len(date)} rows missing; it must be "
            "moments, as snapshot_table gives them"
        )
    row = customers.get_indexer(snapshots["customer_id"])
    start = _days(date.dt.tz_localize(None))
    # one sorted number for customer and day: all purchase days are found at once
    base = min(day.min(), start.min())
    span = max(day.max(), start.max()) - base + 1
    last = np.searchsorted(code * span + (day - base), np.maximum(row, 0) * span + (start - base)) - 1
    known = (row >= 0) & (last >= 0)
    known[known] = code[last[known]] == row[known]
    known[known] = start[known] - day[last[known]] < inactive_days
    if not known.all():
        raise ValueError(
            f"customer_id: {int((~known).sum())} of {len(known)} rows of snapshots are of customers who had no "
            f"purchase in the {inactive_days} days before; an observation window must be shorter than inactive_days"
        )
    return row, start, last
