"""Any frame at the door: three columns become a code, a tick and an amount a line, and nothing is missing."""

import datetime as dt
from typing import Any, NamedTuple, NoReturn

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from clvlib.rfm._customers import Customers, coded
from clvlib.rfm._scan import pieces, span

__all__ = ["Lines", "read_lines"]

_NEEDED = ("customer_id", "timestamp", "amount")
_TICKS_PER_DAY = {"D": 1, "s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
_MEND = "clvlib.transactions.read_transactions sets such lines apart and says why"


class Lines(NamedTuple):
    """The log as arrays of int64 and float64, and what a look at them tells.

    ``ticks`` are the times since 1970, ``per_day`` of them in a day, ``first_day`` and ``last_day`` in days since
    1970; ``ordered`` says that no line is earlier than the one before it. ``zone`` is the time zone of the days, where
    the log has one.
    """

    customers: Customers
    ticks: np.ndarray
    per_day: int
    amount: np.ndarray
    first_day: int
    last_day: int
    ordered: bool
    zone: str | None

    def days(self) -> np.ndarray:
        """Days since 1970, shape (n_lines,)."""
        return self.ticks // self.per_day


def read_lines(frame: Any) -> Lines:
    """Take the three columns out of a frame and check them."""
    columns = _columns(frame)
    ticks, per_day, zone = _ticks(columns["timestamp"])
    amount = _amount(columns["amount"])
    ordered = _ordered(ticks)
    first, last = (int(ticks[0]), int(ticks[-1])) if ordered else span(ticks)
    if first == np.iinfo(np.int64).min:
        _refuse("timestamp", ticks == first)
    if not _finite(amount):
        _refuse("amount", ~np.isfinite(amount))
    customers = coded(columns["customer_id"])
    if isinstance(customers, np.ndarray):
        _refuse("customer_id", customers)
    return Lines(customers, ticks, per_day, amount, first // per_day, last // per_day, ordered, zone)


def _columns(frame: Any) -> dict[str, Any]:
    """The three columns as pandas Series or Arrow arrays; nothing is copied that need not be."""
    if not isinstance(frame, pd.DataFrame):
        import narwhals as nw

        try:
            frame = nw.from_native(frame)
        except TypeError as error:
            raise TypeError(
                f"lines must be a table (pandas, Arrow, Polars), not {type(frame).__name__}; "
                "read the log with clvlib.transactions.read_transactions"
            ) from error
        if isinstance(frame, nw.LazyFrame):
            frame = frame.select(*(name for name in _NEEDED if name in frame.collect_schema().names())).collect()
    missing = [name for name in _NEEDED if name not in frame.columns]
    if missing:
        raise ValueError(
            f"the log has no column {' and no column '.join(missing)}, but {', '.join(map(str, frame.columns))}; "
            "read it with clvlib.transactions.read_transactions, which translates a shop's names"
        )
    if not len(frame):
        raise ValueError("the log has no lines, so there is no customer to summarise")
    if isinstance(frame, pd.DataFrame):
        return {name: frame[name] for name in _NEEDED}
    return {name: _whole(frame[name].to_arrow()) for name in _NEEDED}


def _whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _ticks(column: pd.Series | pa.Array) -> tuple[np.ndarray, int, str | None]:
    """Times on the wall as int64, how many of them make a day, and where the wall is.

    The smallest int64 is a missing one.
    """
    zone = None
    if isinstance(column, pd.Series):
        if isinstance(column.dtype, pd.DatetimeTZDtype):
            zone, column = str(column.dtype.tz), column.dt.tz_localize(None)
        if isinstance(column.dtype, np.dtype) and column.dtype.kind == "M":
            return *_ints(column.to_numpy()), zone
        if column.dtype == object:
            _check_one_zone(column)
        column = _whole(pa.array(column, from_pandas=True))
    if pa.types.is_null(column.type) or pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        if column.null_count:
            _refuse("timestamp", np.asarray(column.is_null()))
        if pa.types.is_timestamp(column.type) and column.type.tz is not None:
            zone, column = column.type.tz, pc.local_timestamp(column)
        return *_ints(column.to_numpy(zero_copy_only=False)), zone
    raise ValueError(
        f"timestamp holds {column.type}, not times, in {len(column)} lines; "
        "read the log with clvlib.transactions.read_transactions, or turn the column into times"
    )


def _check_one_zone(column: pd.Series) -> None:
    """Which day a moment of another zone lies on is not for the first line to say."""
    zones = {str(when.tzinfo) if when.tzinfo else "none stated" for when in column if isinstance(when, dt.datetime)}
    if len(zones) > 1:
        raise ValueError(
            f"timestamp holds moments of {len(zones)} time zones ({', '.join(sorted(zones))}) in {len(column)} lines, "
            "and days are those of one; translate them into the shop's own with .dt.tz_convert or .dt.tz_localize"
        )


def _amount(column: pd.Series | pa.Array) -> np.ndarray:
    if isinstance(column, pd.Series):
        if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iuf":
            return np.ascontiguousarray(column.to_numpy(dtype=np.float64))
        column = _whole(pa.array(column, from_pandas=True))
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise ValueError(
            f"amount holds {kind}, not numbers, in {len(column)} lines; "
            "read the log with clvlib.transactions.read_transactions, or turn the column into numbers"
        )
    if column.null_count:
        _refuse("amount", np.asarray(column.is_null()))
    return column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)


def _ints(times: np.ndarray) -> tuple[np.ndarray, int]:
    return np.ascontiguousarray(times).view(np.int64), _TICKS_PER_DAY[np.datetime_data(times.dtype)[0]]


def _finite(amount: np.ndarray) -> bool:
    return all(np.isfinite(piece).all() for piece in pieces(amount))


def _ordered(ticks: np.ndarray) -> bool:
    """Whether no line is earlier than the one before it."""
    return all((piece[1:] >= piece[:-1]).all() for piece in pieces(ticks, overlap=1))


def _refuse(name: str, missing: np.ndarray) -> NoReturn:
    where = np.flatnonzero(missing)
    what = "missing or infinite" if name == "amount" else "missing"
    raise ValueError(
        f"{name} is {what} in {len(where)} of {len(missing)} lines, first in the one at position {where[0]}; {_MEND}"
    )
