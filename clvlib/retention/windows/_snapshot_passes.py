"""The pass over the ledger behind :func:`clvlib.retention.snapshot_table`: all dates at once.

Two ways to the same rows. For most logs every feature is one count over (date, customer) cells, on arrays in which a
line stands once for each window that holds it. From some millions of lines on the kernel of
:mod:`clvlib.retention.windows._snapshot_kernels` walks from customer to customer instead.

What is *distinct* within a window (orders, purchase days, articles) is counted by one trick in both: a line is the
first of its kind in a window if the customer's previous purchase line of that kind lies before the window begins.
Previous lines are looked up once, whatever the number of windows.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from clvlib.rfm import coded

__all__ = [
    "COMPILED_FROM",
    "Log",
    "Rows",
    "compiled_pass",
    "counting_pass",
    "log_of",
    "one_pass",
    "order_codes",
    "sessions_of",
]

#: Lines within the windows, counted once a window, from which the kernel pays for loading numba at its first call.
COMPILED_FROM = 1_000_000

_DAY = np.timedelta64(1, "D")
_LONG_AGO = np.datetime64("0001-01-01", "us")


class Log(NamedTuple):
    """The ledger's columns as arrays, in the order of time; ``order`` and ``item`` are None where there are none.

    customer: codes from 0 to ``n_customers`` - 1 in the order of the ids; ``ids`` turns codes into ids again.
    order: codes from 0; item: codes from 0, -1 for a line without one.
    """

    customer: np.ndarray
    n_customers: int
    ids: Callable[[np.ndarray], pd.Series | pd.Index]
    time: np.ndarray
    amount: np.ndarray
    order: np.ndarray | None
    item: np.ndarray | None


class Rows(NamedTuple):
    """One entry a row of the table, ordered by date and customer."""

    date: np.ndarray
    customer: np.ndarray
    orders: np.ndarray
    spend: np.ndarray
    days_since_last_purchase: np.ndarray
    mean_gap_days: np.ndarray
    items: np.ndarray | None
    refund_amount: np.ndarray
    came_back: np.ndarray | None


def log_of(lines: pd.DataFrame) -> Log:
    """Columns of checked lines; moments on the wall of the log's time zone."""
    stamps = lines["timestamp"]
    time = (stamps.dt.tz_localize(None) if stamps.dt.tz is not None else stamps).to_numpy(dtype="datetime64[us]")
    names = coded(lines["customer_id"])
    kind = lines["customer_id"].dtype
    order = order_codes(lines["order_id"], time) if "order_id" in lines else None
    item = _codes(lines["item_id"]) if "item_id" in lines else None
    columns = [names.codes - names.low, time, lines["amount"].to_numpy(dtype=float), order, item]
    if (time[1:] < time[:-1]).any():
        by_time = np.argsort(time, kind="stable")
        columns = [None if column is None else column[by_time] for column in columns]
    customer, time, amount, order, item = columns
    return Log(customer, names.n, lambda rows: pd.Index(names.ids(rows)).astype(kind), time, amount, order, item)


def one_pass(log: Log, cuts: np.ndarray, observation_days: int, outcome_days: int | None) -> Rows | None:
    """The quickest way for a log of this length; None where nobody bought in any window. The rows are the same."""
    begin, at = (np.searchsorted(log.time, edge) for edge in (cuts - observation_days * _DAY, cuts))
    at_midnight = (cuts == cuts.astype("datetime64[D]")).all()
    if (at - begin).sum() >= COMPILED_FROM and at_midnight:
        return compiled_pass(log, cuts, observation_days, outcome_days)
    return counting_pass(log, cuts, observation_days, outcome_days)


def counting_pass(log: Log, cuts: np.ndarray, observation_days: int, outcome_days: int | None) -> Rows | None:
    """One number for each (date, customer) cell, so that every feature is one bincount over all dates at once."""
    begins, ends = cuts - observation_days * _DAY, cuts + (outcome_days or 0) * _DAY
    log = _within(log, *np.searchsorted(log.time, [begins[0], ends[-1]]))
    begin, at, end = (np.searchsorted(log.time, edge) for edge in (begins, cuts, ends))
    line, date = _ranges(begin, at)
    cell, bought = date * log.n_customers + log.customer[line], log.amount[line] >= 0
    here = np.flatnonzero(np.bincount(cell[bought], minlength=len(cuts) * log.n_customers))
    if not len(here):
        return None
    row_of = np.full(len(cuts) * log.n_customers, -1)
    row_of[here] = np.arange(len(here))

    def count(rows: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        # numpy counts nothing in integers, whatever the weights
        return np.bincount(rows, weights=weights, minlength=len(here)).astype(float, copy=False)

    refunds = np.flatnonzero(~bought & (row_of[cell] >= 0))
    refund = count(row_of[cell[refunds]], -log.amount[line[refunds]])
    row, line, date = row_of[cell[bought]], line[bought], date[bought]
    purchases = np.flatnonzero(log.amount >= 0)

    def distinct(kind: np.ndarray) -> np.ndarray:
        new = (_previous(log, kind, purchases)[line] < begins[date]) & (kind[line] >= 0)
        return count(row[new])

    day = (log.time.astype("datetime64[D]") - log.time[0].astype("datetime64[D]")).astype(np.int64)
    ago = ((cuts - log.time[0].astype("datetime64[D]")) // _DAY)[date] - day[line]
    last, first = np.zeros(len(here)), np.zeros(len(here))
    last[row] = ago  # lines are in the order of time: the latest one stays
    first[row[::-1]] = ago[::-1]
    days = distinct(day)
    came = None
    if outcome_days is not None:
        after, date_after = _ranges(at, end)
        after, date_after = after[log.amount[after] >= 0], date_after[log.amount[after] >= 0]
        came = np.zeros(len(row_of), dtype=bool)
        came[date_after * log.n_customers + log.customer[after]] = True
        came = came[here]
    return Rows(
        date=here // log.n_customers,
        customer=here % log.n_customers,
        orders=days if log.order is None else distinct(log.order),
        spend=count(row, log.amount[line]),
        days_since_last_purchase=last,
        mean_gap_days=np.where(days > 1, (first - last) / np.maximum(days - 1, 1), float(observation_days)),
        items=None if log.item is None else distinct(log.item),
        refund_amount=refund,
        came_back=came,
    )


def compiled_pass(log: Log, cuts: np.ndarray, observation_days: int, outcome_days: int | None) -> Rows | None:
    """The kernels: lines by customer, then from customer to customer through all windows. Cuts at midnights only."""
    from clvlib.retention.windows import _snapshot_kernels as kernels

    ahead = outcome_days or 0
    low, high = np.searchsorted(log.time, [cuts.min() - observation_days * _DAY, cuts.max() + ahead * _DAY])
    day0 = np.datetime64(cuts.min() - observation_days * _DAY, "D")
    midnight, per_day = day0.astype("datetime64[us]").astype(np.int64), 86_400_000_000
    none = np.empty(0, np.int32)
    order = none if log.order is None else log.order
    item = none if log.item is None else log.item
    ticks = np.ascontiguousarray(log.time).view(np.int64)
    starts, lines = kernels.by_customer(
        _fixed(log.customer), _fixed(ticks), _fixed(log.amount), _fixed(order), _fixed(item),
        low, high, midnight, per_day, log.n_customers,
    )  # fmt: skip
    cut_days = (cuts.astype("datetime64[D]") - day0).astype(np.int64)
    counts = kernels.count_rows(starts, lines, cut_days, observation_days)
    if not counts.sum():
        return None
    n_orders, n_items = (int(codes.max(initial=-1)) + 1 for codes in (order, item))
    date, customer = np.empty(counts.sum(), np.int64), np.empty(counts.sum(), np.int64)
    columns, came = np.empty((6, counts.sum())), np.empty(counts.sum(), np.bool_)
    kernels.write_rows(
        starts, lines, cut_days, observation_days, ahead, np.cumsum(counts) - counts,
        np.full(n_orders, -1), np.full(n_items, -1), date, customer, columns, came,
    )  # fmt: skip
    orders, spend, since, gap, items, refund = columns
    return Rows(
        date, customer, orders, spend, since, gap, None if log.item is None else items, refund,
        None if outcome_days is None else came,
    )  # fmt: skip


def sessions_of(
    events: pd.DataFrame, customer_id: pd.Series, date: np.ndarray, cuts: np.ndarray, observation_days: int
) -> np.ndarray:
    """Distinct sessions with an event in the window, for each row of a table; shape (n_rows,)."""
    ids = pd.Index(customer_id.unique())
    code = ids.get_indexer(events["customer_id"])
    if not (code >= 0).any():
        raise ValueError(
            f"none of the {len(ids)} customers is in the {len(events)} events: ids are {customer_id.dtype} in the log "
            f"and {events['customer_id'].dtype} in the events; give both the same kind, as in astype(str)"
        )
    time = events["timestamp"]
    time = (time.dt.tz_localize(None) if time.dt.tz is not None else time).to_numpy(dtype="datetime64[us]")
    order = np.argsort(time, kind="stable")
    order = order[code[order] >= 0]  # visitors without a row are nobody's sessions here
    log = Log(code[order], len(ids), ids.take, time[order], np.zeros(len(order)), None, None)
    session = pd.factorize(events["session_id"], use_na_sentinel=False)[0][order]
    previous = _previous(log, session, np.arange(len(order)))
    begins = cuts - observation_days * _DAY
    row, which = _ranges(np.searchsorted(log.time, begins), np.searchsorted(log.time, cuts))
    new = previous[row] < begins[which]
    cells = np.bincount((which * len(ids) + log.customer[row])[new], minlength=len(cuts) * len(ids))
    return cells[date * len(ids) + ids.get_indexer(customer_id)].astype(float)


def order_codes(order: pd.Series, time: np.ndarray) -> np.ndarray:
    """Small integers, equal where two lines of a customer are one order; without an id, those of one day are one."""
    codes = _codes(order)
    unknown = codes < 0
    if unknown.any():
        day = pd.factorize(time[unknown].astype("datetime64[D]").astype(np.int64))[0]
        codes[unknown] = codes.max(initial=-1) + 1 + day
    return codes


def _codes(column: pd.Series) -> np.ndarray:
    """Small integers from 0 that are equal where entries are; -1 where one is missing."""
    names = coded(column) if not column.isna().any() else None
    if names is None or isinstance(names, np.ndarray):
        return pd.factorize(column)[0].astype(np.int32)
    return (names.codes - names.low).astype(np.int32)


def _previous(log: Log, kind: np.ndarray, purchases: np.ndarray) -> np.ndarray:
    """When the customer's purchase line of the same kind before each purchase line was; long ago for the first."""
    key = log.customer[purchases].astype(np.int64) * (int(kind.max(initial=0)) + 2) + kind[purchases]
    order = np.argsort(key, kind="stable")
    line = purchases[order]
    previous = np.full(len(log.time), _LONG_AGO)
    again = key[order[1:]] == key[order[:-1]]
    previous[line[1:][again]] = log.time[line[:-1][again]]
    return previous


def _within(log: Log, low: int, high: int) -> Log:
    """The lines from one position to another."""
    columns = {name: getattr(log, name) for name in ("customer", "time", "amount", "order", "item")}
    return log._replace(**{name: column[low:high] for name, column in columns.items() if column is not None})


def _ranges(begin: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The positions begin[i] … end[i] - 1 of every range one after the other, and which range each is of."""
    size = end - begin
    which = np.repeat(np.arange(len(begin)), size)
    return np.arange(size.sum()) - np.repeat(np.cumsum(size) - size - begin, size), which


def _fixed(column: np.ndarray) -> np.ndarray:
    """The same column as the kernel takes it, which would be compiled again for an array that may be written."""
    column = column.view()
    column.flags.writeable = False
    return column
