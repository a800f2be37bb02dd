"""The door of the purchase models: a summary's columns checked, its time unit read, equal rows counted once."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

__all__ = ["Triples", "check_history", "column", "compress", "distinct", "names_of", "read_weights", "time_unit_of"]

#: Tables of more rows than this are counted only if a probe of their histories has enough that are equal.
_LARGE = 50_000
_PROBE = 2_000
#: Rows looked at together, so that what that takes stays in the cache.
_PIECE = 1 << 15


class Triples(NamedTuple):
    """Histories with how many customers have each: ``x``, ``t_x``, ``T``, ``weight``, each of shape (n_triples,).

    ``days``: how many days a time unit has if every T is a whole number of days, else 0.
    """

    x: np.ndarray
    t_x: np.ndarray
    T: np.ndarray
    weight: np.ndarray
    days: float = 0.0

    def sample(self, n: int) -> "Triples":
        """About n customers, evenly spaced through the table."""
        until = np.cumsum(self.weight)
        rows = np.searchsorted(until, (np.arange(n) + 0.5) * (until[-1] / n))
        return Triples(self.x[rows], self.t_x[rows], self.T[rows], np.ones(n), self.days)

    def by_age(self, *weights: np.ndarray) -> tuple[np.ndarray, ...]:
        """Distinct T (some never seen among them), and sums of each of ``weights`` over the triples of that age."""
        if self.days and self.T.max() * self.days < 4 * len(self.T) + 4096:
            place = (self.T * self.days + 0.5).astype(np.int64)
            sums = [np.bincount(place, weights=weight) for weight in weights]
            return np.arange(len(sums[0])) / self.days, *sums
        (ages,), place = distinct(self.T)
        return ages, *(np.bincount(place, weights=weight) for weight in weights)


def column(table: Any, name: str) -> np.ndarray:
    """A column as float64, without NaN. ValueError: no such column, text, NaN or infinite values."""
    if name not in (names := names_of(table)):
        raise ValueError(f"the table has no column {name!r}; it has {', '.join(map(str, names)) or 'none'}")
    try:
        values = np.asarray(table[name], dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: not a column of numbers ({error}); convert it first") from None
    if values.ndim != 1:
        raise ValueError(f"{name}: shape {values.shape} instead of one number a row")
    # a sum of finite numbers is finite unless it overflows, and costs less than isfinite
    if not np.isfinite(values.sum()):
        refuse(name, values, ~np.isfinite(values), "missing or infinite", "drop the rows, or mend what computed them")
    return values


def names_of(table: Any) -> list:
    """Column names of a pandas, Polars or Arrow table, or of a mapping."""
    return list(getattr(table, "column_names", getattr(table, "columns", table)))


def refuse(name: str, values: np.ndarray, wrong: np.ndarray, what: str, remedy: str) -> None:
    """ValueError that names the column, how many rows are wrong, the first of them, and the remedy; if any is."""
    if wrong.any():
        first = int(np.argmax(wrong))
        raise ValueError(
            f"{name}: {int(wrong.sum()):,} of {len(values):,} rows are {what} "
            f"(first: row {first}, {values[first]:g}); {remedy}"
        )


def check_history(x: np.ndarray, t_x: np.ndarray, T: np.ndarray, names: tuple[str, str, str]) -> None:
    """ValueError where the three columns cannot be a purchase history."""
    frequency, recency, age = names
    if not len(x):
        raise ValueError(f"{frequency}: the table has no rows; at least one customer is needed")
    for start in range(0, len(x), _PIECE):
        one, two, three = (values[start : start + _PIECE] for values in (x, t_x, T))
        wrong = (one < 0) | (two < 0) | (two > three) | (np.rint(one) != one) | ((two > 0) & (one == 0))
        if wrong.any():
            break
    else:
        return
    for name, values in zip(names, (x, t_x, T), strict=True):
        refuse(name, values, values < 0, "negative", "counts and ages are zero or more")
    refuse(frequency, x, np.rint(x) != x, "fractional", "it counts repeat purchase days")
    remedy = f"recency is the customer's age at the last purchase, in the unit of {age}"
    refuse(recency, t_x, t_x > T, f"above {age}", remedy)
    remedy = f"it is the age at the last purchase, 0 for who bought once; days since then are {age} - {recency}"
    refuse(recency, t_x, (x == 0) & (t_x > 0), f"above 0 with {frequency} 0", remedy)


def read_weights(weights: ArrayLike | None, n: int) -> np.ndarray | None:
    """Weights of shape (n,), finite, none negative, not all zero; or None."""
    if weights is None:
        return None
    values = np.asarray(weights, dtype=float)
    if values.shape != (n,):
        raise ValueError(f"weights: shape {values.shape} for {n:,} rows; give one number of customers a row")
    refuse("weights", values, ~np.isfinite(values) | (values < 0), "negative or missing", "count customers")
    if not values.sum() > 0:
        raise ValueError("weights: all zero; at least one customer must count")
    return values


def time_unit_of(table: Any) -> float | None:
    """The constant of the column ``time_unit_days``, None without it. ValueError: not one positive number."""
    if "time_unit_days" not in names_of(table):
        return None
    values = column(table, "time_unit_days")
    if not len(values):
        return None
    if values.min() != values.max() or values[0] <= 0:
        raise ValueError(
            f"time_unit_days: from {values.min():g} to {values.max():g} over {len(values):,} rows; "
            "one table has one time unit, in days; make the summary anew with one time_unit"
        )
    return float(values[0])


def distinct(*columns: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Distinct rows of several columns, and for each row its place among them: ``([values, …], inverse)``."""
    key, space = np.zeros(len(columns[0]), dtype=np.int64), 1
    for values in columns:
        codes, n_codes = _codes(values)
        if space * n_codes > 2**60:
            key, seen = pd.factorize(key)
            space = len(seen)
        if space > 1:
            key *= n_codes
            key += codes
        else:
            key = codes
        space *= n_codes
    if space <= 4 * len(key) + 1024:
        used = np.zeros(space, dtype=bool)
        used[key] = True
        inverse = (np.cumsum(used) - 1)[key]
        n = int(np.count_nonzero(used))
    else:
        inverse, seen = pd.factorize(key)
        n = len(seen)
    row = np.empty(n, dtype=np.int64)
    row[inverse] = np.arange(len(key))
    return [values[row] for values in columns], inverse


def _codes(values: np.ndarray) -> tuple[np.ndarray, int]:
    """A whole number from 0 on for each distinct value, and how many there may be.

    Counts, and ages in days or weeks on a grid of days, are such numbers already; others are hashed.
    """
    if values.dtype == float and len(values) > 1000 and values.min() >= 0:
        most = 4 * len(values)
        for unit in (1.0, 7.0):
            if values.max() * unit < most and (codes := _whole(values, unit)) is not None:
                return codes, int(codes.max()) + 1
    codes, levels = pd.factorize(values)
    return codes, len(levels)


def compress(
    x: np.ndarray, t_x: np.ndarray, T: np.ndarray, weights: np.ndarray | None, time_unit_days: float | None
) -> Triples:
    """Equal histories counted once, with the number of customers (or the sum of weights) of each.

    On a grid of whole days, as :func:`clvlib.rfm.rfm_summary` gives, by one sort of an integer key; else by hashing.
    Large tables in which hardly any history comes twice stay as they are: counting would cost more than it saves.
    """
    unit = time_unit_days or 1.0
    last = _whole(T, unit)
    days = 0.0 if last is None else unit
    if last is None or last.max() > 4 * len(x) + 4096:
        (x_, t_x_, T_), inverse = distinct(x, t_x, T)
        return Triples(x_, t_x_, T_, np.bincount(inverse, weights=weights).astype(float), days)
    # who has never bought again is one row an age, and they come first
    again = np.flatnonzero(x > 0)  # of bools: cheaper than of floats
    if weights is None:
        once = np.bincount(last) - np.bincount(last[again], minlength=int(last.max()) + 1)
    else:
        once = np.bincount(last, weights=np.where(x == 0, weights, 0.0))
    seen = np.flatnonzero(once)
    counted = None
    few = again[:: max(1, len(again) // _PROBE)]
    if len(again) <= _LARGE or len(distinct(x[few], t_x[few], T[few])[0][0]) < 0.95 * len(few):
        columns = (x[again], t_x[again], T[again], last[again], None if weights is None else weights[again])
        counted = _counted(*columns, unit)
    found = []
    for number, values in enumerate((x, t_x, T, weights)):
        rest = values if counted is None else counted[number]
        rows = again if counted is None else slice(None)
        column = np.ones(len(seen) + (len(again) if counted is None else len(rest)))
        if rest is not None:
            column[len(seen) :] = rest[rows]
        found.append(column)
    for column, values in zip(found, (0.0, 0.0, seen / unit, once[seen]), strict=True):
        column[: len(seen)] = values
    return Triples(*found, days)


def _counted(
    x: np.ndarray, t_x: np.ndarray, T: np.ndarray, last: np.ndarray, weights: np.ndarray | None, unit: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Distinct histories and their weights; ``last`` is T in whole days."""
    first = _whole(t_x, unit)
    base = int(last.max(initial=0)) + 1
    if weights is not None or first is None or base**2 * (x.max(initial=0) + 1) > 2**62:
        found, inverse = distinct(x, t_x, T)
        return *found, np.bincount(inverse, weights=weights, minlength=len(found[0])).astype(float)
    key = np.sort((x.astype(np.int64) * base + first) * base + last)
    starts = np.flatnonzero(np.concatenate((np.ones(min(len(key), 1), dtype=bool), key[1:] != key[:-1])))
    rest, last = np.divmod(key[starts], base)
    count, first = np.divmod(rest, base)
    return count.astype(float), first / unit, last / unit, np.diff(starts, append=len(key)).astype(float)


def _whole(values: np.ndarray, unit: float) -> np.ndarray | None:
    """The values in days, as ints, if they are whole days; else None."""
    found = np.empty(len(values), dtype=np.int64)
    for start in range(0, len(values), _PIECE):
        scaled = values[start : start + _PIECE] * unit
        days = np.rint(scaled)
        if np.abs(scaled - days).max() > 1e-9 * max(1.0, days.max()) or days.max() > 2**40:
            return None
        found[start : start + _PIECE] = days
    return found
