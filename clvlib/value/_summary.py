"""The door of the purchase models: a summary's columns checked, its time unit read, equal rows counted once."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

__all__ = ["Triples", "check_history", "column", "compress", "distinct", "read_weights", "time_unit_of"]


class Triples(NamedTuple):
    """Distinct histories with their weights: ``x``, ``t_x``, ``T``, ``weight``, each of shape (n_distinct,)."""

    x: np.ndarray
    t_x: np.ndarray
    T: np.ndarray
    weight: np.ndarray


def column(table: Any, name: str) -> np.ndarray:
    """A column as float64, without NaN. ValueError: no such column, text, NaN or infinite values."""
    names = list(getattr(table, "columns", table))
    if name not in names:
        raise ValueError(f"the table has no column {name!r}; it has {', '.join(map(str, names)) or 'none'}")
    try:
        values = np.asarray(table[name], dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: not a column of numbers ({error}); convert it first") from None
    if values.ndim != 1:
        raise ValueError(f"{name}: shape {values.shape} instead of one number a row")
    # a sum of finite numbers is finite unless it overflows, and costs a tenth of isfinite
    if not np.isfinite(values.sum()):
        refuse(name, values, ~np.isfinite(values), "missing or infinite", "drop the rows, or mend what computed them")
    return values


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
    for name, values in zip(names, (x, t_x, T), strict=True):
        if values.min() < 0:
            refuse(name, values, values < 0, "negative", "counts and ages are zero or more")
    if (np.rint(x) != x).any():
        refuse(frequency, x, np.rint(x) != x, "fractional", "it counts repeat purchase periods")
    if (t_x > T).any():
        remedy = f"recency is the customer's age at the last purchase, in the unit of {age}"
        refuse(recency, t_x, t_x > T, f"above {age}", remedy)
    if t_x[x == 0].any():
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
    if "time_unit_days" not in list(getattr(table, "columns", table)):
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
        codes, levels = pd.factorize(values)
        if space * len(levels) > 2**60:
            key, seen = pd.factorize(key)
            space = len(seen)
        key, space = key * len(levels) + codes, space * len(levels)
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


def compress(
    x: np.ndarray, t_x: np.ndarray, T: np.ndarray, weights: np.ndarray | None, time_unit_days: float | None
) -> Triples:
    """Distinct histories with the number of customers (or the sum of weights) of each.

    On a grid of whole days, as :func:`clvlib.rfm.rfm_summary` gives, one sort of an integer key; else by hashing.
    """
    unit = time_unit_days or 1.0
    n_days = T.max() * unit + 1.5
    if weights is None and n_days**2 * (x.max() + 1) < 2**62:
        first, last = np.rint(t_x * unit), np.rint(T * unit)
        if _close(first, t_x * unit) and _close(last, T * unit):
            base = np.int64(n_days)
            key = np.sort((x.astype(np.int64) * base + first.astype(np.int64)) * base + last.astype(np.int64))
            starts = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
            weight = np.diff(starts, append=len(key)).astype(float)
            rest, day = np.divmod(key[starts], base)
            count, purchase = np.divmod(rest, base)
            return Triples(count.astype(float), purchase / unit, day / unit, weight)
    (x_, t_x_, T_), inverse = distinct(x, t_x, T)
    return Triples(x_, t_x_, T_, np.bincount(inverse, weights=weights, minlength=len(x_)).astype(float))


def _close(days: np.ndarray, values: np.ndarray) -> bool:
    return bool(np.abs(days - values).max() < 1e-9 * max(1.0, days.max()))
