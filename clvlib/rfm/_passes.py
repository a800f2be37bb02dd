"""The pass over the lines: per customer the purchase days and the money of both periods, seen once.

Two ways to the same table: a sparse matrix of customers by days for most logs, which needs nothing to be compiled;
from a million lines on the kernels of :mod:`clvlib.rfm._kernels`.
"""

from typing import NamedTuple

import numpy as np

from clvlib.rfm._door import Lines
from clvlib.rfm._scan import read_only

__all__ = ["Periods", "Rows", "compiled_pass", "matrix_pass", "one_pass"]

# A process's first call of the kernels loads numba, half a second once: no more than reading a log this long took.
COMPILED_FROM = 1_000_000
# A kernel's day is 16 bits, from 1 on.
_MOST_DAYS = 65_534


class Periods(NamedTuple):
    """Days since 1970: ``first`` of the log, ``cut`` (first of the holdout), ``end`` (first after it)."""

    first: int
    cut: int
    end: int


class Rows(NamedTuple):
    """One entry a customer with a purchase in calibration; ``recency`` and ``T`` in units of ``unit`` days."""

    code: np.ndarray
    frequency: np.ndarray
    recency: np.ndarray
    T: np.ndarray
    monetary_value: np.ndarray
    holdout_frequency: np.ndarray | None
    holdout_amount: np.ndarray | None


def one_pass(lines: Lines, periods: Periods, unit: float) -> Rows:
    """Take the way that is quickest for a log of this length; the table does not depend on it."""
    if len(lines.amount) < COMPILED_FROM or lines.last_day - periods.first >= _MOST_DAYS:
        return matrix_pass(lines, periods, unit)
    return compiled_pass(lines, periods, unit)


def matrix_pass(lines: Lines, periods: Periods, unit: float) -> Rows:
    """Customers by days: turning coordinates into rows is a counting sort, and days that repeat are added up."""
    from scipy.sparse import coo_array

    code = (lines.customers.codes - lines.customers.low).astype(np.int32)
    day, amount = (lines.days() - periods.first).astype(np.int32), lines.amount
    cut, end = periods.cut - periods.first, periods.end - periods.first
    if lines.last_day >= periods.end:
        code, day, amount = _where(day < end, code, day, amount)
    returns = None
    if amount.min(initial=0.0) < 0:
        returns = _where(amount < 0, code, day, amount)
        code, day, amount = _where(amount >= 0, code, day, amount)
    table = coo_array((amount, (code, day)), shape=(lines.customers.n, end)).tocsr()
    day, money = table.indices, table.data
    days = np.diff(table.indptr)
    code = np.flatnonzero(days)
    starts, days = table.indptr[code], days[code]
    first = day[starts]
    held_days, held = np.zeros(len(code)), np.zeros(len(code))
    if end > cut:
        in_holdout = day >= cut
        held_days, held = _sums(in_holdout.astype(np.float64), starts), _sums(money * in_holdout, starts)
        days = days - held_days.astype(np.int64)
        money[in_holdout] = 0.0
    money[starts] = 0.0  # the first purchase day is no repeat
    net = _sums(money, starts)
    if returns is not None:
        who, when, back = returns
        place = np.full(lines.customers.n, -1)
        place[code] = np.arange(len(code))
        who, when, back = _where(place[who] >= 0, place[who], when, back)
        late = when >= cut
        held += np.bincount(who[late], back[late], minlength=len(code))
        repeat = ~late & (when > first[who])
        net += np.bincount(who[repeat], back[repeat], minlength=len(code))
    came = first < cut
    code, days, first, net, starts = _where(came, code, days, first, net, starts)
    frequency = days - 1.0
    return Rows(
        code=code,
        frequency=frequency,
        recency=(day[starts + days - 1] - first) / unit,
        T=(cut - 1 - first) / unit,
        monetary_value=np.where(days > 1, net, 0.0) / np.maximum(frequency, 1.0),
        holdout_frequency=held_days[came] if end > cut else None,
        holdout_amount=held[came] if end > cut else None,
    )


def compiled_pass(lines: Lines, periods: Periods, unit: float) -> Rows:
    """The kernels: calibration into one state a customer, the holdout into another, one table from both."""
    from clvlib.rfm import _kernels

    low, n = lines.customers.low, lines.customers.n
    per_day, midnight = lines.per_day, periods.first * lines.per_day
    log = (lines.customers.codes, lines.ticks, lines.amount)
    if not lines.ordered:
        log = _kernels.by_day(*map(read_only, log), midnight, per_day, lines.last_day - periods.first + 1)
    codes, ticks, amount = map(read_only, log)
    cut, end = (int(np.searchsorted(ticks, day * per_day)) for day in (periods.cut, periods.end))
    seen, held = np.zeros(n, _kernels.SEEN), np.zeros(n if periods.end > periods.cut else 0, _kernels.HELD)
    n_customers = _kernels.calibrate(codes, low, ticks, amount, cut, midnight, per_day, seen)
    if len(held):
        _kernels.hold(codes, low, ticks, amount, cut, end, midnight, per_day, held)
    code, columns = np.empty(n_customers, np.int64), np.empty((6 if len(held) else 4, n_customers))
    # calibration's last day, where the log's first one is 1
    _kernels.write_columns(seen, held, periods.cut - periods.first, unit, code, columns)
    return Rows(code, *columns, *([None] * (6 - len(columns))))


def _where(rows: np.ndarray, *columns: np.ndarray) -> list[np.ndarray]:
    return [column[rows] for column in columns]


def _sums(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    return np.add.reduceat(values, starts) if len(starts) else values[:0]
