"""A figure and its interval as one text, for tables that people read."""

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["interval_text"]


def interval_text(
    value: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    *,
    digits: int = 0,
    percent: bool = False,
    missing: str = "",
) -> list[str]:
    """Each value with its interval behind it, in one unit and with as many digits.

    value, low, high: shape (n,), broadcast against each other; percent: multiply by 100. A value that is NaN gives
    ``missing``; one without an interval stands alone.

    ValueError: shapes that do not fit.

    >>> interval_text([0.123, np.nan, 1.0], [0.1, np.nan, np.nan], [0.15, np.nan, np.nan], percent=True, missing="none")
    ['12 [10, 15]', 'none', '100']
    """
    try:
        columns = np.broadcast_arrays(*(np.asarray(part, dtype=float) for part in (value, low, high)))
    except ValueError as error:
        raise ValueError(f"value, low and high must have one length: {error}") from None
    rows = zip(*(np.atleast_1d(column) * (100 if percent else 1) for column in columns), strict=True)
    return [missing if np.isnan(middle) else _text(middle, start, end, digits) for middle, start, end in rows]


def _text(middle: float, start: float, end: float, digits: int) -> str:
    # + 0.0 takes the minus from a zero
    parts = [f"{round(part, digits) + 0.0:,.{digits}f}" for part in (middle, start, end)]
    return parts[0] if np.isnan(start) or np.isnan(end) else f"{parts[0]} [{parts[1]}, {parts[2]}]"
