"""What models and rules are asked with, checked before anything is counted."""

from collections.abc import Iterable
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.exceptions import NotFittedError

from clvlib.metrics._resampling import check_level, group_codes
from clvlib.split.door import checked_lines

__all__ = [
    "check_fitted",
    "check_level",
    "check_penalty",
    "checked_log",
    "checked_numbers",
    "checked_probability",
    "checked_table",
    "day_starts",
    "group_codes",
    "number",
    "on_the_wall",
    "true_or_false",
]


def check_fitted(model: object, attribute: str) -> None:
    """NotFittedError, which is a ValueError, where ``fit`` has not set the attribute yet."""
    if not hasattr(model, attribute):
        raise NotFittedError(f"this {type(model).__name__} has learnt nothing yet; call fit first")


def checked_probability(probability: ArrayLike) -> np.ndarray:
    """Shape (n,), n at least 1, each between 0 and 1; or a ValueError that says how many are not."""
    p = np.asarray(probability, dtype=float)
    if p.ndim != 1 or not len(p):
        raise ValueError(f"probability must be one non-empty array, got shape {p.shape}")
    wrong = ~((p >= 0) & (p <= 1))
    if wrong.any():
        raise ValueError(f"{int(wrong.sum())} of {len(p)} probabilities are NaN or outside 0 to 1")
    return p


def check_penalty(C: Any) -> None:
    """ValueError where the inverse of a penalty is no number above 0."""
    if isinstance(C, bool) or not isinstance(C, Real) or not C > 0:
        raise ValueError(f"C is the inverse of the penalty, above 0; got {C!r}")


def checked_table(table: Any, *needed: str, made_with: str = "snapshot_table(lines, …)") -> pd.DataFrame:
    """The table, if it is one and has the ``needed`` columns; else a ValueError that says how to make one."""
    if not isinstance(table, pd.DataFrame):
        raise ValueError(f"expected a table made with {made_with}, not {type(table).__name__}")
    if absent := [name for name in needed if name not in table]:
        known = ", ".join(map(str, table.columns))
        raise ValueError(f"the table has no {' and no '.join(absent)}, but {known}; make it with {made_with}")
    return table


def checked_log(lines: Any) -> pd.DataFrame:
    """The log with all that snapshots and sequences read, each column once."""
    lines = checked_lines(lines)
    if twice := [name for name in ("order_id", "item_id") if isinstance(lines.get(name), pd.DataFrame)]:
        raise ValueError(f"the log has more than one column {' and '.join(twice)}; drop or rename all but one")
    return lines


def number(name: str, value: Any, *, low: float = -np.inf, high: float = np.inf) -> float:
    """A finite number, a share where it ends at 1 and an amount where it only begins; nothing that looks like one."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real) or not np.isfinite(value):
        raise ValueError(f"{name} must be a finite number, not {value!r}")
    if not low <= value <= high:
        kind = "a share between 0 and 1" if high == 1 else f"an amount of {'zero' if low == 0 else low} or more"
        raise ValueError(f"{name} is {kind}, not {value!r}")
    return float(value)


def checked_numbers(name: str, values: Any) -> list:
    """Several values in a list, at least one; each is for the caller to judge."""
    if isinstance(values, str) or not isinstance(values, Iterable) or not len(listed := list(values)):
        raise ValueError(f"{name} are a list of at least one number, not {values!r}")
    return listed


def true_or_false(name: str, values: ArrayLike, n: int) -> np.ndarray:
    """Booleans of shape (n,); ValueError for another length, and for what is missing or neither true nor false."""
    given = pd.Series(np.asarray(values)) if np.ndim(values) == 1 else None
    if given is None or len(given) != n:
        raise ValueError(f"{name} has shape {np.shape(values)} for {n} outcomes; it needs one entry for each")
    if given.isna().any():
        raise ValueError(f"{name} is missing in {int(given.isna().sum())} of {n} rows")
    if given.dtype != bool and not given.isin([0, 1]).all():
        raise ValueError(f"{name} is not true or false in all of {n} rows; a rule is, as in probability < 0.1")
    return given.to_numpy(dtype=bool)


def day_starts(days: pd.DatetimeIndex, zone: Any) -> pd.DatetimeIndex:
    """The first moment of each day (midnights on the wall) in a time zone whose clocks may change at midnight."""
    if zone is None:
        return days
    # a midnight that the clocks leave out is the moment they go on to; of two midnights the earlier one is the first
    return days.tz_localize(zone, nonexistent="shift_forward", ambiguous=np.ones(len(days), dtype=bool))


def on_the_wall(moments: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """The same moments without their time zone; the first moment of a day is its midnight, whatever the clocks did."""
    wall = moments.tz_localize(None)
    midnights = wall.normalize()
    return midnights.where(day_starts(midnights, moments.tz) == moments, wall)
