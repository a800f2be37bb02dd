"""What somebody asked for, checked before anything is counted; what is wrong is a ValueError that says what to do."""

from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["check_same_kind", "frame", "id_order", "number", "share", "whole", "whole_days"]


def whole(name: str, value: Any, *, least: int = 1) -> int:
    """A whole number of at least ``least``; 30.0 is one, True and "30" are none."""
    is_whole = isinstance(value, Integral) or (isinstance(value, Real) and float(value).is_integer())
    if isinstance(value, bool | np.bool_) or not is_whole or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, not {value!r}")
    return int(value)


def whole_days(name: str, values: Any) -> list[int]:
    """One number of days or several, in rising order and each once."""
    given = [values] if isinstance(values, Real) else values
    if isinstance(given, str | Mapping) or not isinstance(given, Iterable):
        raise ValueError(f"{name} must be whole numbers of days, as in {name}=[30, 60, 90], not {values!r}")
    days = sorted({whole(name, value) for value in given})
    if not days:
        raise ValueError(f"{name} is empty; give at least one, as in {name}=[30, 60, 90]")
    return days


def number(name: str, value: Any) -> float:
    """A number, infinite ones too, but no NaN."""
    if not isinstance(value, Real) or isinstance(value, bool | np.bool_) or np.isnan(value):
        raise ValueError(f"{name} must be a number, not {value!r}")
    return float(value)


def share(name: str, value: Any, *, ends: bool = False) -> float:
    """A number between 0 and 1, with ``ends`` also one of these two."""
    is_number = isinstance(value, Real) and not isinstance(value, bool | np.bool_)
    if not is_number or not (0 <= value <= 1 if ends else 0 < value < 1):
        raise ValueError(f"{name} must be a share between 0 and 1, not {value!r}")
    return float(value)


def frame(name: str, table: Any, needed: Sequence[str], *, remedy: str, may_be_empty: bool = False) -> pd.DataFrame:
    """The table itself, a DataFrame with the ``needed`` columns, each there once, and at least one row."""
    if not isinstance(table, pd.DataFrame):
        columns = f" with {', '.join(needed)}" if needed else ""
        raise ValueError(f"{name} must be a DataFrame{columns}, not {type(table).__name__}; {remedy}")
    absent = [column for column in needed if column not in table]
    if absent:
        raise ValueError(
            f"{name} of {len(table)} rows has no {', '.join(absent)}; it has {', '.join(map(str, table))}; {remedy}"
        )
    twice = [column for column in needed if isinstance(table[column], pd.DataFrame)]
    if twice:
        raise ValueError(f"{name} has more than one column {' and '.join(twice)}; drop or rename all but one")
    if table.empty and not may_be_empty:
        raise ValueError(f"{name} has {len(table)} rows; {remedy}")
    return table


def check_same_kind(name: str, ids: Any, log: pd.Index, *, column: str = "customer_id") -> None:
    """That texts do not stand beside numbers, where nothing would match and nobody would notice."""
    ids = pd.Index(ids).dropna()
    if not len(ids) or not len(log) or ids.isin(log).any():
        return
    kinds = [pd.api.types.infer_dtype(part.astype(object)) for part in (ids, log)]
    if kinds[0] != kinds[1]:
        raise ValueError(
            f"none of the {len(ids)} rows of {name} is of the log: {column} is {kinds[0]} there and {kinds[1]} in the "
            "log; make them one kind, as with .astype(str)"
        )


def id_order(ids: pd.Index) -> np.ndarray:
    """The places of the ids in their order; numbers come before texts where a log has both."""
    values = ids.to_numpy(dtype=object)
    try:
        return np.argsort(values, kind="stable")
    except TypeError:
        return np.array(sorted(range(len(values)), key=lambda i: (str(type(values[i])), values[i])), dtype=np.int64)
