"""Which snapshots may a model learn from, which set its level, and which judge it: in time, and by customer."""

from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from clvlib.retention._checks import checked_table, day_starts, on_the_wall
from clvlib.split.door import whole

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
    outcome_days: int | None = None,
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
    its midnight. outcome_days: of the table, whose window is known where it comes from :func:`snapshot_table`; a longer
    one keeps the pieces farther apart. disjoint_share: between 0 and 1, exclusive; None parts no customers.
    random_state: of the draw.

    ValueError: a column or a date is missing, ``outcome_days`` below the table's own or told by nobody, a share outside
    (0, 1), no date as a cut, or a piece would be empty; the message says what the table covers.

    >>> dates = pd.to_datetime(["2024-01-01", "2024-01-20", "2024-01-28", "2024-02-01"])
    >>> pieces = split_snapshots(pd.DataFrame({"snapshot_date": dates}), cut="2024-02-01", outcome_days=7,
    ...                          calibration_days=14)
    >>> [len(piece) for piece in pieces]
    [1, 1, 1]
    """
    date = checked_table(table, "snapshot_date")["snapshot_date"]
    outcome_days = _window(table, outcome_days)
    calibration_days = whole("calibration_days", calibration_days)
    if not len(table):
        raise ValueError("the table has no snapshots; make it with snapshot_table")
    if not pd.api.types.is_datetime64_any_dtype(date):
        raise ValueError(f"snapshot_date holds {date.dtype}, not times, in {len(date)} rows; use pd.to_datetime")
    if date.isna().any():
        raise ValueError(f"snapshot_date is missing in {int(date.isna().sum())} of {len(date)} rows; drop them first")
    # windows are days of the calendar: counted on the wall, where no day is an hour longer than another
    cut = on_the_wall(pd.DatetimeIndex([_moment(cut, date)]))[0]
    date = pd.Series(on_the_wall(pd.DatetimeIndex(date)), index=date.index)
    level_from, end = cut - pd.Timedelta(days=calibration_days), date + pd.Timedelta(days=outcome_days)
    masks = {"train": end <= level_from, "calibrate": (date >= level_from) & (end <= cut), "test": date >= cut}
    in_time = {name: int(mask.sum()) for name, mask in masks.items()}
    if disjoint_share is not None:
        if not isinstance(disjoint_share, Real) or not 0 < disjoint_share < 1:
            raise ValueError(f"disjoint_share is the share of customers kept for the test, in (0, 1): {disjoint_share}")
        customer = checked_table(table, "customer_id")["customer_id"]
        apart = customer_draw(customer, random_state=random_state) < disjoint_share
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
    id as text and of ``random_state``; 1, 1.0 and "1" are one customer. Shape (n,).

    >>> customer_draw(["a", "b", "a"]).round(3).tolist()
    [0.816, 0.417, 0.816]
    """
    if isinstance(random_state, bool) or not isinstance(random_state, int | np.integer):
        raise ValueError(f"random_state must be a whole number here, the same in every run, not {random_state!r}")
    code, known = pd.factorize(np.asarray(customer_id, dtype=object))
    if (code < 0).any():
        raise ValueError(f"customer_id is missing in {int((code < 0).sum())} of {len(code)} rows; drop them and say so")
    # a column of whole numbers becomes one of floats as soon as a table with a gap is joined to it
    whole_number = [isinstance(name, Real) and float(name).is_integer() for name in known]
    text = np.array([str(int(k) if w else k) for k, w in zip(known, whole_number, strict=True)], dtype=object)
    number = pd.util.hash_array(text, hash_key=f"{int(random_state):016x}"[-16:], categorize=False)
    return (number >> np.uint64(11)).astype(float)[code] / 2.0**53


def _window(table: pd.DataFrame, asked: Any) -> int:
    """The outcome window to keep clear of: as asked, never less than the one the table was made with."""
    own = table.attrs.get("outcome_days")
    if asked is None and own is None:
        raise ValueError("the table does not say how long its outcome windows are; give outcome_days, as in 7")
    days = whole("outcome_days", own if asked is None else asked)
    if own is not None and days < own:
        raise ValueError(
            f"outcome_days={days}, but the table's outcomes were watched for {own} days: outcomes of one piece would "
            f"reach into the next; use {own}"
        )
    return days


def _moment(cut: Any, date: pd.Series) -> pd.Timestamp:
    try:
        moment = pd.Timestamp(cut)
    except (ValueError, TypeError) as error:
        raise ValueError(f"cut={cut!r} is no date; write it as '2024-02-01'") from error
    if pd.isna(moment):
        raise ValueError(f"cut={cut!r} is no date; write it as '2024-02-01'")
    zone = date.dt.tz
    if zone is not None and moment.tz is None:
        return day_starts(pd.DatetimeIndex([moment]), zone)[0]
    if str(moment.tz) != str(zone):
        raise ValueError(
            f"the cut {cut} is a moment of the time zone {moment.tz}, and the snapshots are of "
            f"{zone or 'a zone they do not state'}; write it as '{moment.date()}'"
        )
    return moment
