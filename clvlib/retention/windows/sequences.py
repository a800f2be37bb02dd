"""What did each customer do, week by week, before a snapshot? The rows of 4.1, with the order of time left in.

The weeks are counted back from the snapshot date, the cut: the last one is ``[cut - 7 days, cut)``, the one before it
``[cut - 14 days, cut - 7 days)``, and so on. Nothing at the cut or after it is read. A week that ended before the
customer's first purchase says nothing about the customer: it is padding, and its ``mask`` is False. So is every week
before the log began, since nobody has a first purchase there.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from clvlib.retention._checks import checked_log, checked_table, on_the_wall
from clvlib.retention.windows._snapshot_passes import order_codes
from clvlib.split.door import whole

__all__ = ["CHANNELS", "WeeklySequences", "checked_sequences", "shuffled_weeks", "weekly_sequences", "window_totals"]

#: What is said about a week, in this order; all are zero or more. ``items`` needs a log with ``item_id``.
CHANNELS: tuple[str, ...] = (
    "orders",
    "spend",
    "items",
    "refund_amount",
    "days_since_last_purchase",
    "gap_weeks",
)

_WEEK = 7
#: A day before all days: nobody has bought yet.
_NEVER = np.iinfo(np.int64).min // 4


class WeeklySequences(NamedTuple):
    """Snapshots as weeks: row i is the customer ``index[i]`` names, the oldest week first.

    index: MultiIndex of ``customer_id`` and ``snapshot_date``, in the order of the snapshots, length n_rows.
    values: float32, shape (n_rows, n_weeks, n_channels); 0 where ``mask`` is False.
    mask: bool, shape (n_rows, n_weeks); False is padding, always to the left: the last week of a row is never padding.
    channels: the names of the last axis, from :data:`CHANNELS`.
    """

    index: pd.MultiIndex
    values: np.ndarray
    mask: np.ndarray
    channels: tuple[str, ...]

    def rows(self, table: pd.DataFrame) -> "WeeklySequences":
        """The sequences of the rows of ``table``, in its order; ValueError where one is not among them."""
        place = self.index.get_indexer(_keys(table))
        if (absent := place < 0).any():
            raise ValueError(
                f"{int(absent.sum())} of {len(table)} rows have no sequence (customer_id and snapshot_date); make them "
                "from the same lines with weekly_sequences(lines, table, n_weeks=…)"
            )
        return WeeklySequences(self.index[place], self.values[place], self.mask[place], self.channels)


def weekly_sequences(lines: pd.DataFrame, snapshots: pd.DataFrame, *, n_weeks: int = 26) -> WeeklySequences:
    """The last ``n_weeks`` weeks of every customer and snapshot date of ``snapshots``, as numbers a network reads.

    lines: the log, ``customer_id``, ``timestamp``, ``amount``; ``order_id`` and ``item_id`` where there are any. A line
    below zero is a refund, every other one a purchase. snapshots: rows with ``customer_id`` and ``snapshot_date`` (a
    midnight), such as :func:`clvlib.retention.snapshot_table` gives them; other columns are not read.

    The channels of a week:

    ``orders`` orders that began in it; lines without an ``order_id`` are one order a purchase day;
    ``spend`` sum of its purchases, currency;
    ``items`` distinct articles a purchase day, summed over its days; only where the log has ``item_id``;
    ``refund_amount`` sum of its refunds as a positive number, currency;
    ``days_since_last_purchase`` from the last purchase until the week's end, calendar days, 1 is the day before: the
    time gap that each step is told (Che et al. 2018, equation 2), so that an empty week is not like any other; in the
    last week it is the snapshot's own column;
    ``gap_weeks`` in a week with a purchase, weeks since the last week before it that had one, also where that one lies
    before the ``n_weeks``; 0 in the week of the first purchase and in weeks without one.

    All are in natural units; a model scales them by what it learnt from its training rows.

    ValueError: no snapshot, one of them twice or at no midnight, a customer without a purchase in ``lines`` before the
    snapshot, a number of weeks below 1, and what is no log.

    >>> lines = pd.DataFrame({
    ...     "customer_id": ["a", "a", "a", "b"], "amount": [10.0, 20.0, 5.0, 7.0],
    ...     "timestamp": pd.to_datetime(["2024-01-02", "2024-01-24", "2024-01-29", "2024-01-30"])})
    >>> asked = pd.DataFrame({"customer_id": ["a", "b"], "snapshot_date": pd.Timestamp("2024-01-31")})
    >>> weeks = weekly_sequences(lines, asked, n_weeks=4)
    >>> weeks.values[0, :, weeks.channels.index("spend")].tolist(), weeks.mask[1].tolist()
    ([0.0, 0.0, 0.0, 25.0], [False, False, False, True])
    >>> weeks.values[0, :, weeks.channels.index("days_since_last_purchase")].tolist()
    [8.0, 15.0, 22.0, 2.0]
    """
    n_weeks = whole("n_weeks", n_weeks)
    index = _keys(snapshots)
    if not len(index):
        raise ValueError("there are no snapshots; make them with snapshot_table(lines, snapshot_dates=…)")
    if index.has_duplicates:
        twice = int(index.duplicated().sum())
        raise ValueError(f"{twice} of {len(index)} snapshots stand there twice; keep one of each")
    days, customers = _purchase_days(checked_log(lines))
    who, day, bought = (days[name].to_numpy() for name in ("customer", "day", "bought"))
    cut = _midnights(index.get_level_values(1))
    customer = customers.get_indexer(index.get_level_values(0))
    first_day = days.loc[bought].groupby("customer")["day"].min().reindex(range(len(customers))).to_numpy(dtype=float)
    unknown = (customer < 0) | ~(first_day[customer] < cut)
    if unknown.any():
        raise ValueError(
            f"{int(unknown.sum())} of {len(index)} snapshots, customer {index[unknown][0][0]!r} on "
            f"{index[unknown][0][1]:%Y-%m-%d} among them, have no purchase before their date in these lines; use the "
            "lines that the snapshots were made from"
        )
    # customers' days one after the other on a single axis, so that one binary search serves every customer and date
    origin = min(int(day.min()), int(cut.min()) - _WEEK * n_weeks)
    width = max(int(day.max()), int(cut.max())) - origin + 1
    axis, at = who * width + day - origin, customer * width + cut - origin
    begin, end = np.searchsorted(axis, at - _WEEK * n_weeks), np.searchsorted(axis, at)
    size = end - begin
    row = np.repeat(np.arange(len(index)), size)
    place = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size - begin, size)
    cell = row * n_weeks + n_weeks - 1 - (cut[row] - 1 - day[place]) // _WEEK
    channels = tuple(name for name in CHANNELS if name in days or name in CHANNELS[-2:])
    values = np.zeros((len(index), n_weeks, len(channels)), dtype=np.float32)
    for number, name in enumerate(channels[:-2]):
        total = np.bincount(cell, weights=days[name].to_numpy()[place], minlength=len(index) * n_weeks)
        values[..., number] = total.reshape(len(index), n_weeks)
    mask = first_day[customer, None] < cut[:, None] - _WEEK * np.arange(n_weeks - 1, -1, -1)
    before = np.maximum.accumulate(np.where(bought, np.arange(len(axis)), -1))[begin - 1]
    known = (begin > 0) & (before >= 0) & (who[before] == customer)
    inside = bought[place]
    since, gap = _gaps(cell[inside], day[place[inside]], np.where(known, day[before], _NEVER), cut, mask)
    values[..., -2], values[..., -1] = since, gap
    values[~mask] = 0.0  # a refund of something bought before the log began is no week of a customer
    return WeeklySequences(index, values, mask, channels)


def window_totals(sequences: WeeklySequences) -> pd.DataFrame:
    """The same weeks without their order: what a model of sums may know, so that memory and order can be told apart.

    Who gives a network half a year and a logistic model a month compares two lengths of memory. One row a row of
    ``sequences``, with its index: the sum over the weeks of each count and amount, named ``total_orders``,
    ``total_spend``, …; ``active_weeks``, weeks with an order or a spend; ``known_weeks``, weeks that are not padding.

    >>> weeks = WeeklySequences(
    ...     pd.MultiIndex.from_tuples([("a", pd.Timestamp("2024-01-31"))], names=["customer_id", "snapshot_date"]),
    ...     np.array([[[1.0, 10.0], [0.0, 0.0], [2.0, 5.0]]], np.float32), np.ones((1, 3), bool), ("orders", "spend"))
    >>> window_totals(weeks).to_dict("records")
    [{'total_orders': 3.0, 'total_spend': 15.0, 'active_weeks': 2.0, 'known_weeks': 3.0}]
    """
    sequences = checked_sequences(sequences)
    summed = [name for name in sequences.channels if name not in CHANNELS[-2:]]
    values = {name: sequences.values[..., sequences.channels.index(name)].astype(float) for name in summed}
    table = pd.DataFrame({f"total_{name}": each.sum(axis=1) for name, each in values.items()}, index=sequences.index)
    active = sum(values[name] for name in summed if name in ("orders", "spend")) > 0
    table["active_weeks"] = active.sum(axis=1).astype(float)
    table["known_weeks"] = sequences.mask.sum(axis=1).astype(float)
    return table


def shuffled_weeks(sequences: WeeklySequences, *, keep_weeks: int = 4, random_state: int) -> WeeklySequences:
    """The same weeks with the order of the older ones destroyed: what a network that reads order must lose by it.

    The last ``keep_weeks`` stay as they are, with the gaps they are told; the real weeks before them are dealt anew
    within each row, and their two gap channels, which would give the order away, are set to 0. Padding stays padding.
    Train one network on the one and another on the other: the difference on later rows is what the order was worth.

    ValueError: ``keep_weeks`` is no whole number from 0 to the number of weeks.

    >>> index = pd.MultiIndex.from_tuples([("a", pd.Timestamp("2024-01-31"))], names=["customer_id", "snapshot_date"])
    >>> weeks = WeeklySequences(index, np.arange(5, dtype=np.float32).reshape(1, 5, 1),
    ...                         np.array([[False, True, True, True, True]]), ("spend",))
    >>> shuffled_weeks(weeks, keep_weeks=1, random_state=0).values[0, :, 0].tolist()
    [0.0, 3.0, 2.0, 1.0, 4.0]
    """
    n_weeks = checked_sequences(sequences).mask.shape[1]
    counted = isinstance(keep_weeks, (int, np.integer)) and not isinstance(keep_weeks, bool)
    if not counted or not 0 <= keep_weeks <= n_weeks:
        raise ValueError(
            f"keep_weeks must be a whole number from 0 to {n_weeks}, the weeks there are, not {keep_weeks!r}"
        )
    old = n_weeks - int(keep_weeks)
    draw = np.random.default_rng(random_state).random((len(sequences.mask), old))
    order = np.argsort(np.where(sequences.mask[:, :old], draw, -1.0), axis=1, kind="stable")
    values = sequences.values.copy()
    values[:, :old] = np.take_along_axis(values[:, :old], order[..., None], axis=1)
    told = [number for number, name in enumerate(sequences.channels) if name in CHANNELS[-2:]]
    values[:, :old, told] = 0.0
    return sequences._replace(values=values)


def checked_sequences(sequences: Any) -> WeeklySequences:
    """The sequences, if they are any; else a ValueError that says how to make some."""
    if not isinstance(sequences, WeeklySequences):
        kind = type(sequences).__name__
        raise ValueError(f"sequences must come from weekly_sequences(lines, snapshots), not be a {kind}")
    return sequences


def _keys(table: pd.DataFrame) -> pd.MultiIndex:
    checked_table(table, "customer_id", "snapshot_date")
    return pd.MultiIndex.from_arrays(
        [table["customer_id"], pd.DatetimeIndex(table["snapshot_date"]).as_unit("us")],
        names=["customer_id", "snapshot_date"],
    )


def _midnights(dates: pd.Index) -> np.ndarray:
    """Days since 1970, shape (n,)."""
    dates = on_the_wall(pd.DatetimeIndex(dates))
    at_noon = (dates != dates.normalize()) | dates.isna()
    if at_noon.any():
        raise ValueError(
            f"{int(at_noon.sum())} of {len(dates)} snapshot dates are no midnight; take them from snapshot_dates(lines)"
        )
    return dates.to_numpy().astype("datetime64[D]").astype(np.int64)


def _purchase_days(lines: pd.DataFrame) -> tuple[pd.DataFrame, pd.Index]:
    """One row a customer and day with a line, in that order: sums of the day, and the customers' names by code."""
    customer, customers = pd.factorize(lines["customer_id"], sort=True)
    amount = lines["amount"].to_numpy(dtype=float)
    bought = amount >= 0
    time = lines["timestamp"].dt.tz_localize(None).to_numpy()
    day = time.astype("datetime64[D]").astype(np.int64)
    table = pd.DataFrame({"customer": customer, "day": day, "bought": bought})
    table["spend"] = np.where(bought, amount, 0.0)
    table["refund_amount"] = np.where(bought, 0.0, -amount)
    # an order is counted once, on the day on which it began
    order = order_codes(lines["order_id"], time) if "order_id" in lines else day
    lot = pd.DataFrame({"customer": customer, "order": order, "bought": bought})
    lot = lot.iloc[lines["timestamp"].argsort(kind="stable")]
    table["orders"] = (lot["bought"] & ~lot.duplicated()).sort_index().astype(float)
    if "item_id" in lines:
        item = pd.factorize(lines["item_id"])[0]
        pair = pd.DataFrame({"customer": customer, "day": day, "item": item, "bought": bought})
        table["items"] = (bought & (item >= 0) & ~pair.duplicated().to_numpy()).astype(float)
    sums = [name for name in CHANNELS if name in table]
    days = table.groupby(["customer", "day"], sort=True).agg({"bought": "any"} | dict.fromkeys(sums, "sum"))
    return days.reset_index(), customers


def _gaps(
    cell: np.ndarray, day: np.ndarray, last: np.ndarray, cut: np.ndarray, mask: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Days from the last purchase to each week's end, and weeks between a week with a purchase and the one before."""
    n, n_weeks = mask.shape
    latest = np.full(n * n_weeks, _NEVER)
    np.maximum.at(latest, cell, day)
    latest = latest.reshape(n, n_weeks)
    active = latest > _NEVER
    until = np.maximum.accumulate(np.column_stack([last, latest]), axis=1)
    ends = cut[:, None] - _WEEK * np.arange(n_weeks - 1, -1, -1)
    since = np.where(mask, ends - until[:, 1:], 0)
    earlier = until[:, :-1]
    gap = (ends - 1 - earlier) // _WEEK  # whole weeks from the week of the earlier purchase to this one
    return since, np.where(active & (earlier > _NEVER), gap, 0)
