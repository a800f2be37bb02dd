"""What did customers do lately, and did they come back? One row a customer and snapshot date.

At a snapshot date, the cut, time is split in two half-open windows::

    [cut - observation_days, cut)    features: what the customer did
    [cut, cut + outcome_days)        outcome: whether the customer bought

Nothing of a feature lies at the cut or after it. The population of a snapshot are the customers who bought in its
observation window: who did nothing for so long is not about to leave, but has left.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from clvlib.retention.splits import SnapshotSplit, customer_draw, split_snapshots

__all__ = [
    "FEATURES",
    "SnapshotSplit",
    "customer_draw",
    "snapshot_dates",
    "snapshot_table",
    "split_snapshots",
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

_DAY = np.timedelta64(1, "D")


def snapshot_dates(
    lines: pd.DataFrame, *, step_days: int = 7, observation_days: int = 30, outcome_days: int = 7
) -> pd.DatetimeIndex:
    """At which midnights does the log hold both windows in full? Every ``step_days``, back from the last possible one.

    ValueError: no lines, a length below one day, or a log shorter than the two windows together.

    >>> lines = pd.DataFrame({"timestamp": pd.to_datetime(["2024-01-01 09:00", "2024-02-20 17:00"])})
    >>> [date.date().isoformat() for date in snapshot_dates(lines)]
    ['2024-01-31', '2024-02-07', '2024-02-14']
    """
    _check_days(step_days=step_days, observation_days=observation_days, outcome_days=outcome_days)
    start, end = _covered(lines)
    first, last = start + pd.Timedelta(days=observation_days), end - pd.Timedelta(days=outcome_days)
    if first > last:
        raise ValueError(
            f"the log covers {(end - start).days} days, from {start.date()} to before {end.date()}; a snapshot needs "
            f"{observation_days} + {outcome_days}: use a longer log or shorter windows"
        )
    return pd.date_range(last, first, freq=f"-{step_days}D")[::-1]


def snapshot_table(
    lines: pd.DataFrame,
    *,
    snapshot_dates: Iterable,
    observation_days: int = 30,
    outcome_days: int | None = 7,
) -> pd.DataFrame:
    """What had each customer done in the window before each date, and did a purchase follow?

    lines: ``customer_id``, ``timestamp``, ``amount``; ``order_id`` and ``item_id`` where there are any. A line below
    zero is a refund, every other one a purchase. outcome_days: None for today's customers, whose outcome is not known.

    Returns one row a customer and date, ordered by date and customer:

    ``customer_id``, ``snapshot_date``;
    ``orders`` distinct orders (purchase days in a log without ``order_id``);
    ``spend`` sum of the purchases, currency;
    ``days_since_last_purchase`` calendar days from the last purchase to the cut, 1 is the day before;
    ``mean_gap_days`` mean days between purchase days, the window's length where there was only one;
    ``items`` distinct articles bought, only where the log has ``item_id``;
    ``refund_amount`` sum of the refunds as a positive number, currency;
    ``came_back`` whether there was a purchase in the outcome window (bool), unless ``outcome_days`` is None.

    ValueError: no date, a date twice, a window that reaches beyond the log (what is not recorded would look like
    staying away), nobody who bought in any of the windows.

    >>> lines = pd.DataFrame({
    ...     "customer_id": ["a", "a", "b", "a"], "amount": [10.0, 20.0, 5.0, 30.0],
    ...     "timestamp": pd.to_datetime(["2024-01-01", "2024-01-11", "2024-01-20", "2024-02-06"])})
    >>> table = snapshot_table(lines, snapshot_dates=["2024-01-31"])
    >>> table[["customer_id", "orders", "spend", "mean_gap_days", "came_back"]]
      customer_id  orders  spend  mean_gap_days  came_back
    0           a     2.0   30.0           10.0       True
    1           b     1.0    5.0           30.0      False
    """
    _check_days(observation_days=observation_days, outcome_days=1 if outcome_days is None else outcome_days)
    cuts = _cuts(lines, snapshot_dates, observation_days, outcome_days)
    lines = lines if lines["timestamp"].is_monotonic_increasing else lines.sort_values("timestamp", kind="stable")
    customer, customers = pd.factorize(lines["customer_id"], sort=True)
    time, amount = lines["timestamp"].to_numpy(), lines["amount"].to_numpy(dtype=float)
    begin = np.searchsorted(time, cuts - observation_days * _DAY)
    at = np.searchsorted(time, cuts)
    row, snapshot = _ranges(begin, at)
    # one number for each (snapshot, customer) cell, so that every feature is one bincount over all dates at once
    n_cells = len(cuts) * len(customers)
    cell = snapshot * len(customers) + customer[row]
    bought = amount[row] >= 0
    cell_b, row_b, snapshot_b = cell[bought], row[bought], snapshot[bought]
    here = np.flatnonzero(np.bincount(cell_b, minlength=n_cells))
    if not len(here):
        raise ValueError(f"nobody bought in the {observation_days} days before any of the {len(cuts)} dates")

    day = time.astype("datetime64[D]")
    new_day = _first_of(pd.DataFrame({"customer": customer, "day": day, "bought": amount >= 0}))
    ago = (cuts.astype("datetime64[D]")[snapshot_b] - day[row_b]).astype(float)
    last, first = np.zeros(n_cells), np.zeros(n_cells)
    last[cell_b] = ago  # lines are in the order of time: the latest one stays
    first[cell_b[::-1]] = ago[::-1]
    days = np.bincount(cell_b, weights=new_day[row_b], minlength=n_cells)[here]
    gap = np.where(days > 1, (first - last)[here] / np.maximum(days - 1, 1), float(observation_days))
    if "order_id" in lines:
        order = lines["order_id"].to_numpy()
        new_order = _first_of(pd.DataFrame({"customer": customer, "order": order, "bought": amount >= 0}))
        # an order that began before the window is one order all the same
        orders = np.maximum(np.bincount(cell_b, weights=new_order[row_b], minlength=n_cells)[here], 1.0)
    else:
        orders = days
    table = pd.DataFrame(
        {
            "customer_id": customers.take(here % len(customers)),
            "snapshot_date": cuts[here // len(customers)],
            "orders": orders,
            "spend": np.bincount(cell_b, weights=amount[row_b], minlength=n_cells)[here],
            "days_since_last_purchase": last[here],
            "mean_gap_days": gap,
        }
    )
    if "item_id" in lines:
        item, items = pd.factorize(lines["item_id"])
        pairs = pd.unique(cell_b * (len(items) + 1) + item[row_b] + 1)  # + 1: a line without an item has code -1
        table["items"] = np.bincount(pairs // (len(items) + 1), minlength=n_cells)[here].astype(float)
    refund = np.bincount(cell[~bought], weights=-amount[row[~bought]], minlength=n_cells)
    table["refund_amount"] = refund[here]
    if outcome_days is not None:
        row, snapshot = _ranges(at, np.searchsorted(time, cuts + outcome_days * _DAY))
        row, snapshot = row[amount[row] >= 0], snapshot[amount[row] >= 0]
        came = np.zeros(n_cells, dtype=bool)
        came[snapshot * len(customers) + customer[row]] = True
        table["came_back"] = came[here]
    return table


def varying_features(table: pd.DataFrame) -> list[str]:
    """Which of :data:`FEATURES` does this table have that are not the same for everybody?

    A log without refunds has ``refund_amount`` 0 throughout; a model cannot learn from that and says so.

    >>> varying_features(pd.DataFrame({"orders": [1.0, 2.0], "spend": [3.0, 4.0], "refund_amount": [0.0, 0.0]}))
    ['orders', 'spend']
    """
    return [name for name in FEATURES if name in table and table[name].nunique() > 1]


def _covered(lines: pd.DataFrame) -> tuple[pd.Timestamp, pd.Timestamp]:
    """First midnight of the log and the midnight after its last line."""
    if not len(lines):
        raise ValueError("the log has no lines; check what was read and what was rejected")
    return lines["timestamp"].min().normalize(), lines["timestamp"].max().normalize() + pd.Timedelta(days=1)


def _cuts(lines: pd.DataFrame, dates: Iterable, observation_days: int, outcome_days: int | None) -> np.ndarray:
    cuts = pd.DatetimeIndex(pd.to_datetime(list(dates))).as_unit("us").sort_values()
    if not len(cuts):
        raise ValueError("no snapshot date; take them from snapshot_dates(lines)")
    if cuts.has_duplicates:
        raise ValueError(f"{int(cuts.duplicated().sum())} of {len(cuts)} snapshot dates stand there twice")
    start, end = _covered(lines)
    begins, ends = cuts - pd.Timedelta(days=observation_days), cuts + pd.Timedelta(days=outcome_days or 0)
    outside = (begins < start) | (ends > end)
    if outside.any():
        raise ValueError(
            f"{int(outside.sum())} of {len(cuts)} snapshot dates, {cuts[outside][0].date()} among them, need lines "
            f"from {begins[outside][0].date()} to before {ends[outside][0].date()}, but the log covers {start.date()} "
            f"to before {end.date()}; take dates from snapshot_dates(lines) or shorter windows"
        )
    return cuts.to_numpy()


def _ranges(begin: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The positions begin[i] … end[i] - 1 of every range one after the other, and which range each is of."""
    size = end - begin
    which = np.repeat(np.arange(len(begin)), size)
    return np.arange(size.sum()) - np.repeat(np.cumsum(size) - size - begin, size), which


def _first_of(table: pd.DataFrame) -> np.ndarray:
    """1.0 for the first purchase line of each customer and day (or order), else 0.0."""
    return (table["bought"] & ~table.duplicated()).to_numpy(dtype=float)


def _check_days(**days: int) -> None:
    for name, value in days.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1 day, got {value}")
