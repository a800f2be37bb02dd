"""Any frame at the door: three columns become a code, a tick and an amount a line."""

from typing import Any

import numpy as np
import pandas as pd

__all__ = ["Lines", "read_lines"]

_NEEDED = ("customer_id", "timestamp", "amount")
_TICKS_PER_DAY = {"D": 1, "s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}


class Lines:
    """The log as arrays: ``codes`` (customers by rank), ``amount``, and ``ticks`` of which ``per_day`` make a day."""

    def __init__(self, codes: np.ndarray, customers: Any, ticks: np.ndarray, per_day: int, amount: np.ndarray) -> None:
        self.codes, self._customers, self.n_codes = codes, customers, len(customers)
        self.ticks, self.per_day, self.amount = ticks, per_day, amount
        self.first_day, self.last_day = int(ticks.min()) // per_day, int(ticks.max()) // per_day

    def days(self) -> np.ndarray:
        """Days since 1970, shape (n_lines,)."""
        return self.ticks // self.per_day

    def ids(self, codes: np.ndarray) -> Any:
        """The customers behind some codes."""
        return self._customers[codes]


def read_lines(lines: Any) -> Lines:
    """Take the three columns out of a frame and check them."""
    customers, timestamp, amount = _columns(lines)
    codes, unique = pd.factorize(customers, sort=True)
    _refuse_missing("customer_id", codes < 0, "set lines without a customer apart (read_transactions does)")
    unit = np.datetime_data(timestamp.dtype)[0]
    _refuse_missing("timestamp", np.isnat(timestamp), "drop these lines or mend their dates")
    _refuse_missing("amount", ~np.isfinite(amount), "drop these lines or mend their amounts")
    return Lines(codes, unique, timestamp.view(np.int64), _TICKS_PER_DAY[unit], amount)


def _columns(lines: Any) -> tuple[Any, np.ndarray, np.ndarray]:
    if not isinstance(lines, pd.DataFrame):
        import narwhals as nw

        frame = nw.from_native(lines)
        if isinstance(frame, nw.LazyFrame):
            frame = frame.collect()
        lines = frame.to_pandas()
    missing = [name for name in _NEEDED if name not in lines.columns]
    if missing:
        has = ", ".join(map(str, lines.columns))
        raise ValueError(
            f"the log has no column {' and no column '.join(missing)} but {has}; "
            "read it with clvlib.transactions.read_transactions, which translates names"
        )
    if not len(lines):
        raise ValueError("the log has no lines, so there is no customer to summarise")
    timestamp = pd.to_datetime(lines["timestamp"])
    if timestamp.dt.tz is not None:
        timestamp = timestamp.dt.tz_localize(None)
    return lines["customer_id"], timestamp.to_numpy(), lines["amount"].to_numpy(dtype=np.float64)


def _refuse_missing(name: str, missing: np.ndarray, remedy: str) -> None:
    if missing.any():
        where = np.flatnonzero(missing)
        raise ValueError(
            f"{name} is missing in {len(where)} of {len(missing)} lines, first in line {where[0]}; {remedy}"
        )
