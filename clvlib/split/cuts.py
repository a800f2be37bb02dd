"""One cut of a log in two periods, where it may lie, and a sample of whole customers."""

from typing import NamedTuple

import numpy as np
import pandas as pd

__all__ = ["Split", "cut_date", "sample_customers", "temporal_split"]


class Split(NamedTuple):
    """The two periods of a log, half-open: ``calibration`` before the cut, ``holdout`` from it on.

    ``calibration`` holds the lines with ``timestamp < calibration_end``, ``holdout`` those with
    ``calibration_end <= timestamp < holdout_end``; both keep the columns of the log and start a new RangeIndex.
    """

    calibration: pd.DataFrame
    holdout: pd.DataFrame
    calibration_end: pd.Timestamp
    holdout_end: pd.Timestamp


def temporal_split(lines: pd.DataFrame, *, calibration_end, holdout_end=None) -> Split:
    """Cut a log in two at a moment that is the same for all customers.

    Why not a random split of the rows: a model that has seen a customer's Friday predicts her Thursday, and looks
    better than it will ever be.

    Parameters
    ----------
    lines : DataFrame with a ``timestamp`` column; any order.
    calibration_end : date or Timestamp
        The cut. A line at exactly this moment belongs to the holdout; a bare date means its midnight.
    holdout_end : date or Timestamp, optional
        End of the holdout, exclusive; by default the midnight after the last line.

    Raises
    ------
    ValueError
        If the holdout would end before it starts, or if one of the two periods would have no line; the message
        says what the log covers.

    Examples
    --------
    >>> lines = pd.DataFrame({"timestamp": pd.to_datetime(["2024-01-01", "2024-01-31", "2024-02-01"])})
    >>> split = temporal_split(lines, calibration_end="2024-02-01")
    >>> len(split.calibration), len(split.holdout), split.holdout_end.date().isoformat()
    (2, 1, '2024-02-02')
    """
    timestamp = _timestamps(lines)
    calibration_end = pd.Timestamp(calibration_end)
    holdout_end = _day_after(timestamp) if holdout_end is None else pd.Timestamp(holdout_end)
    if holdout_end <= calibration_end:
        raise ValueError(
            f"The holdout would end ({holdout_end}) before it starts ({calibration_end}); {_covers(timestamp)}."
        )
    before = (timestamp < calibration_end).to_numpy()
    after = (timestamp >= calibration_end).to_numpy() & (timestamp < holdout_end).to_numpy()
    for period, rows in (("calibration", before), ("holdout", after)):
        if not rows.any():
            raise ValueError(
                f"A cut at {calibration_end} (holdout to {holdout_end}) leaves no line for {period}; "
                f"{_covers(timestamp)}. Choose a cut inside it."
            )
    return Split(
        lines[before].reset_index(drop=True), lines[after].reset_index(drop=True), calibration_end, holdout_end
    )


def cut_date(lines: pd.DataFrame, *, holdout_days: int) -> pd.Timestamp:
    """The midnight that leaves the last ``holdout_days`` whole calendar days of the log for the holdout.

    The day of the last line counts as a whole day. Raises ValueError if ``holdout_days`` is not positive or if
    nothing would be left before the cut.

    Examples
    --------
    >>> lines = pd.DataFrame({"timestamp": pd.to_datetime(["2024-01-01 10:00", "2024-01-10 09:30"])})
    >>> cut_date(lines, holdout_days=3)
    Timestamp('2024-01-08 00:00:00')
    """
    if holdout_days <= 0:
        raise ValueError(f"holdout_days must be positive, not {holdout_days}.")
    timestamp = _timestamps(lines)
    cut = _day_after(timestamp) - pd.Timedelta(days=holdout_days)
    if not (timestamp < cut).any():
        raise ValueError(
            f"holdout_days={holdout_days} takes the whole log, which has {len(lines)} lines; {_covers(timestamp)}."
        )
    return cut


def sample_customers(lines: pd.DataFrame, *, n_customers: int, random_state: int) -> pd.DataFrame:
    """All lines of ``n_customers`` customers drawn at random; whole histories, never single lines.

    The draw depends on the set of ``customer_id`` and on ``random_state`` only, not on the order of the lines.
    ``n_customers=0``, or as many as there are, keeps everybody. Raises ValueError if ``n_customers`` is negative.

    Examples
    --------
    >>> lines = pd.DataFrame({"customer_id": ["a", "b", "c", "a"], "amount": [1.0, 2.0, 3.0, 4.0]})
    >>> sample_customers(lines, n_customers=1, random_state=0)["customer_id"].nunique()
    1
    """
    if n_customers < 0:
        raise ValueError(f"n_customers must be 0 (all) or positive, not {n_customers}.")
    customers = np.sort(lines["customer_id"].unique().astype(object))
    if n_customers == 0 or n_customers >= len(customers):
        return lines.reset_index(drop=True)
    drawn = np.random.default_rng(random_state).choice(customers, size=n_customers, replace=False)
    return lines[lines["customer_id"].isin(drawn)].reset_index(drop=True)


def _timestamps(lines: pd.DataFrame) -> pd.Series:
    if lines.empty:
        raise ValueError("The log has no lines, so there is nothing to cut.")
    return lines["timestamp"]


def _day_after(timestamp: pd.Series) -> pd.Timestamp:
    return timestamp.max().normalize() + pd.Timedelta(days=1)


def _covers(timestamp: pd.Series) -> str:
    return f"the log covers {timestamp.min()} to {timestamp.max()}"
