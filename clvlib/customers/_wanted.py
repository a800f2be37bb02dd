"""Days, shares and moments that somebody asked for, checked."""

from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd

from clvlib.split._door import moments

__all__ = ["known_until", "positive", "share", "whole_days"]


def whole_days(name: str, values: Any) -> list[int]:
    given = [values] if isinstance(values, Real) else values
    if isinstance(given, str | Mapping) or not isinstance(given, Iterable):
        raise ValueError(f"{name} must be whole numbers of days, as in {name}=[30, 60, 90], not {values!r}")
    days = sorted({positive(name, value) for value in given})
    if not days:
        raise ValueError(f"{name} is empty; give at least one, as in {name}=[30, 60, 90]")
    return days


def positive(name: str, value: Any) -> int:
    whole = isinstance(value, Integral) or (isinstance(value, Real) and float(value).is_integer())
    if isinstance(value, bool | np.bool_) or not whole or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}")
    return int(value)


def share(name: str, value: Any, *, ends: bool = False) -> float:
    number = isinstance(value, Real) and not isinstance(value, bool | np.bool_)
    if not number or not (0 <= value <= 1 if ends else 0 < value < 1):
        raise ValueError(f"{name} must be a share between 0 and 1, not {value!r}")
    return float(value)


def known_until(timestamps: pd.Series, as_of: Any) -> pd.Timestamp:
    """The end of what is known, exclusive, in the zone of ``timestamps``; by default the midnight after the last."""
    end = timestamps.max().normalize() + pd.DateOffset(days=1)
    if as_of is None:
        return end
    try:
        (moment,) = moments([as_of], pd.DataFrame({"timestamp": timestamps}))
    except ValueError as error:  # worded there for the origins of a race
        raise ValueError(str(error).replace("The origin", "as_of")) from None
    if moment > end:
        raise ValueError(f"as_of {moment} is after the log's end, {end}; what has not happened yet cannot be counted")
    return moment
