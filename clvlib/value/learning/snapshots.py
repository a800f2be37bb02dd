"""What was known of each customer then, and what did they spend next? Training tables from earlier origins.

At an origin time is split: features come strictly before it, the target from ``[origin, origin + horizon_days)``. For a
forecast at a cut, an origin is usable when its target window has ended by then; nothing else of the past is a lesson.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from clvlib.value.learning.features import customer_features

__all__ = ["training_origins", "training_snapshots"]


def training_origins(
    lines: pd.DataFrame,
    *,
    cut,
    horizon_days: int,
    n_origins: int = 3,
    step_days: int | None = None,
    min_history_days: int = 30,
) -> list[pd.Timestamp]:
    """From which earlier moments can a model have learnt, whose outcomes were all known at ``cut``?

    The latest is ``horizon_days`` before the cut, the others ``step_days`` (None: a sixth of the horizon) further back
    each, at most ``n_origins``, as long as ``min_history_days`` of the log lie before them. Returned in order of time.

    ValueError: not even the latest has so much history; the message says how many days there are and how many it takes.

    >>> lines = pd.DataFrame({"timestamp": pd.to_datetime(["2024-01-01", "2024-06-28"])})
    >>> [f"{origin:%m-%d}" for origin in training_origins(lines, cut="2024-06-29", horizon_days=90, step_days=30)]
    ['01-31', '03-01', '03-31']
    """
    numbers = {"horizon_days": horizon_days, "n_origins": n_origins, "min_history_days": min_history_days}
    if step_days is not None:
        numbers["step_days"] = step_days
    for name, value in numbers.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    if not len(lines):
        raise ValueError("the log has no lines; check what was read and what was rejected")
    cut, start = pd.Timestamp(cut), lines["timestamp"].min().normalize()
    latest, earliest = cut - pd.Timedelta(days=horizon_days), start + pd.Timedelta(days=min_history_days)
    if latest < earliest:
        raise ValueError(
            f"a supervised model learns from an earlier origin, with {min_history_days} days of history before it and "
            f"{horizon_days} days of outcomes behind it: that takes {min_history_days + horizon_days} days before "
            f"{cut:%Y-%m-%d}, and the log has {max((cut - start).days, 0)}, from {start:%Y-%m-%d}; shorten "
            "horizon_days or min_history_days, or use a later cut or a longer log"
        )
    step = pd.Timedelta(days=max(1, round(horizon_days / 6)) if step_days is None else step_days)
    origins = [latest - step * back for back in range(n_origins)]
    return [origin for origin in reversed(origins) if origin >= earliest]


def training_snapshots(
    lines: pd.DataFrame,
    *,
    origins: Sequence,
    horizon_days: int,
    known_until=None,
    recent_days: Sequence[int] = (30, 90, 180),
) -> pd.DataFrame:
    """What was known of each customer at each origin, and what did they spend in the ``horizon_days`` after it?

    known_until: the moment up to which the log is complete (a cut); by default the midnight after its last line. Lines
    from then on are not looked at.

    Returns the rows of :func:`~clvlib.value.learning.features.customer_features` at every origin, with ``origin``
    behind ``customer_id`` and, last, ``holdout_amount``: the customer's sum of amounts in ``[origin, origin +
    horizon_days)``, returns deducted, 0 for who did not come. A customer has one row an origin: folds and intervals
    must keep these rows together.

    ValueError: no origin, one twice, or one whose horizon ends after ``known_until`` (an outcome that is not recorded
    would look like staying away).

    >>> lines = pd.DataFrame({
    ...     "customer_id": ["a", "b", "a"], "amount": [10.0, 5.0, 7.0],
    ...     "timestamp": pd.to_datetime(["2024-01-01", "2024-01-20", "2024-02-28"])})
    >>> table = training_snapshots(lines, origins=["2024-01-15", "2024-01-30"], horizon_days=30)
    >>> table[["customer_id", "origin", "total_spend", "holdout_amount"]]
      customer_id     origin  total_spend  holdout_amount
    0           a 2024-01-15         10.0             0.0
    1           a 2024-01-30         10.0             7.0
    2           b 2024-01-30          5.0             0.0
    """
    moments = pd.DatetimeIndex([pd.Timestamp(origin) for origin in origins]).as_unit("us").sort_values()
    if not len(moments):
        raise ValueError("no origin; take them from training_origins(lines, cut=..., horizon_days=...)")
    if moments.has_duplicates:
        raise ValueError(f"{int(moments.duplicated().sum())} of {len(moments)} origins stand there twice")
    if not len(lines):
        raise ValueError("the log has no lines; check what was read and what was rejected")
    horizon = pd.Timedelta(days=horizon_days)
    if known_until is None:
        known_until = lines["timestamp"].max().normalize() + pd.Timedelta(days=1)
    known_until = pd.Timestamp(known_until)
    late = moments[moments + horizon > known_until]
    if len(late):
        raise ValueError(
            f"the {horizon_days} days after {late[0]:%Y-%m-%d} reach beyond {known_until:%Y-%m-%d}, up to which the "
            f"outcomes are known; use origins up to {known_until - horizon:%Y-%m-%d}, or a shorter horizon"
        )
    return pd.concat([_snapshot(lines, origin, horizon, recent_days) for origin in moments], ignore_index=True)


def _snapshot(lines: pd.DataFrame, origin: pd.Timestamp, horizon: pd.Timedelta, recent_days) -> pd.DataFrame:
    table = customer_features(lines, cut=origin, recent_days=recent_days)
    timestamp = lines["timestamp"]
    later = lines[(timestamp >= origin) & (timestamp < origin + horizon)]
    table.insert(1, "origin", origin)
    amounts = table["customer_id"].map(later.groupby("customer_id")["amount"].sum())
    # a purchase and its return leave 1e-15, which is no amount and has a logarithm of -35
    table["holdout_amount"] = np.nan_to_num(amounts.to_numpy(dtype=float), nan=0.0).round(6) + 0.0
    return table
