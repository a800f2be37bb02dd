"""Which snapshots may a model learn from, which set its level, and which judge it: in time, and by customer."""

from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from clvlib.split._door import whole

__all__ = ["SnapshotSplit", "customer_draw", "split_snapshots"]


class SnapshotSplit(NamedTuple):
    """Snapshots in three pieces, one after the other in time; no outcome of one reaches into the next."""

    train: pd.DataFrame
    calibrate: pd.DataFrame
    test: pd.DataFrame


def split_snapshots(
    table: pd.DataFrame,
    *,
    cut: Any,
    outcome_days: int = 7,
    calibration_days: int = 90,
    disjoint_share: float | None = None,
    random_state: int = 0,
) -> SnapshotSplit:
    """Which snapshots may a model learn from, which set its level, and which judge it?

    ``test`` are the snapshots at ``cut`` or later; ``calibrate`` those of the ``calibration_days`` before it and
    ``train`` the ones before that, both only as far as their outcome windows end by the time the next piece begins.

    The same customers may be in all three, as they are in use. Does a model then recognise customers instead of
    behaviour? With ``disjoint_share`` the customers are parted as well: those with a :func:`customer_draw` below it
    (about that share of them) are in ``test`` only, all others in ``train`` and ``calibrate`` only. Two models, one of
    each split, scored on the *same* test rows (those of the disjoint split): what the first is better by is leak, but
    for what the second loses by learning from fewer customers.

    table: any with ``snapshot_date`` (and ``customer_id``, to part customers). cut: date or Timestamp, a bare date is
    its midnight. disjoint_share: between 0 and 1, exclusive; None parts no customers. random_state: of the draw.

    ValueError: a column is missing, a share outside (0, 1), no date as a cut, or a piece would be empty; the message
    says what the table covers.

    >>> dates = pd.to_datetime(["2024-01-01", "2024-01-20", "2024-01-28", "2024-02-01"])
    >>> pieces = split_snapshots(pd.DataFrame({"snapshot_date": dates}), cut="2024-02-01", calibration_days=14)
    >>> [len(piece) for piece in pieces]
    [1, 1, 1]
    """
    outcome_days, calibration_days = whole("outcome_days", outcome_days), whole("calibration_days", calibration_days)
    date = _column(table, "snapshot_date")
    if not len(table):
        raise ValueError("the table has no snapshots; make it with snapshot_table")
    if not pd.api.types.is_datetime64_any_dtype(date):
        raise ValueError(f"snapshot_date holds {date.dtype}, not times, in {len(date)} rows; use pd.to_datetime")
    cut = _moment(cut, date)
    level_from = cut - pd.DateOffset(days=calibration_days)
    end = date + pd.DateOffset(days=outcome_days)
    masks = {"train": end <= level_from, "calibrate": (date >= level_from) & (end <= cut), "test": date >= cut}
    in_time = {name: int(mask.sum()) for name, mask in masks.items()}
    if disjoint_share is not None:
        if not isinstance(disjoint_share, Real) or not 0 < disjoint_share < 1:
            raise ValueError(f"disjoint_share is the share of customers kept for the test, in (0, 1): {disjoint_share}")
        apart = customer_draw(_column(table, "customer_id"), random_state=random_state) < disjoint_share
        masks = {name: mask & (apart if name == "test" else ~apart) for name, mask in masks.items()}
    for name, mask in masks.items():
        if not mask.any():
            lost = f", {in_time[name]} before customers were parted" if disjoint_share is not None else ""
            raise ValueError(
                f"no snapshot is left to {name}{lost}: the table has {date.nunique()} dates from {date.min():%Y-%m-%d} "
                f"to {date.max():%Y-%m-%d}, the holdout begins on {cut:%Y-%m-%d} and calibration {calibration_days} "
                "days before it; shorten the holdout or calibration_days, or use a longer log"
            )
    return SnapshotSplit(*(table[mask] for mask in masks.values()))


def customer_draw(customer_id: ArrayLike, *, random_state: int = 0) -> np.ndarray:
    """A uniform number in [0, 1) for every entry, drawn from the customer alone: the same in every table and order.

    To part customers (``customer_draw(ids) < 0.5``) or deal them to k folds (``(k * customer_draw(ids)).astype(int)``)
    in such a way that a later table, with other windows or more customers, puts nobody on the other side. A hash of the
    id as text and of ``random_state``; 1 and "1" are one customer. Shape (n,).

    >>> customer_draw(["a", "b", "a"]).round(3).tolist()
    [0.816, 0.417, 0.816]
    """
    if isinstance(random_state, bool) or not isinstance(random_state, int | np.integer):
        raise ValueError(f"random_state must be a whole number here, the same in every run, not {random_state!r}")
    code, known = pd.factorize(np.asarray(customer_id, dtype=object))
    if (code < 0).any():
        raise ValueError(f"customer_id is missing in {int((code < 0).sum())} of {len(code)} rows; drop them and say so")
    text = np.array([str(name) for name in known], dtype=object)
    number = pd.util.hash_array(text, hash_key=f"{int(random_state):016x}"[-16:], categorize=False)
    return (number >> np.uint64(11)).astype(float)[code] / 2.0**53


def _column(table: pd.DataFrame, name: str) -> pd.Series:
    if not isinstance(table, pd.DataFrame):
        raise ValueError(f"snapshots are a table made with snapshot_table, not {type(table).__name__}")
    if name not in table:
        known = ", ".join(map(str, table.columns))
        raise ValueError(f"the table has no {name}, but {known}; make it with snapshot_table")
    return table[name]


def _moment(cut: Any, date: pd.Series) -> pd.Timestamp:
    try:
        moment = pd.Timestamp(cut)
    except (ValueError, TypeError) as error:
        raise ValueError(f"cut={cut!r} is no date; write it as '2024-02-01'") from error
    if pd.isna(moment):
        raise ValueError(f"cut={cut!r} is no date; write it as '2024-02-01'")
    zone = date.dt.tz
    if zone is not None and moment.tz is None:
        return moment.tz_localize(zone)
    if str(moment.tz) != str(zone):
        raise ValueError(
            f"the cut {cut} is a moment of the time zone {moment.tz}, and the snapshots are of "
            f"{zone or 'a zone they do not state'}; write it as '{moment.date()}'"
        )
    return moment
