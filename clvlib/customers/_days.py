"""The calendar days of a log, on its own clock.

Days are counted on the wall, without the time zone: in some places the clock jumps over a midnight in spring, and in
autumn one comes twice. Only what is handed back as a moment gets its zone again, at the first moment of its day.
"""

import datetime as dt
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from clvlib.rfm import AgedLines, age_lines

__all__ = ["as_time", "days_of", "in_zone", "known_until", "midnight_after", "wall_ages", "wall_moment"]

_MOMENT = (str, dt.date, np.datetime64)  # pd.Timestamp and dt.datetime are dates


def days_of(times: pd.Series) -> np.ndarray:
    """Calendar days since 1970 on the times' own clock."""
    return times.dt.tz_localize(None).to_numpy().astype("datetime64[D]").astype(np.int64)


def as_time(days: np.ndarray, zone: Any) -> pd.Series:
    """The first moments of the days, in the time zone."""
    times = pd.Series(days.astype("datetime64[D]").astype("datetime64[us]"))
    if zone is None:
        return times
    return times.dt.tz_localize(zone, nonexistent="shift_forward", ambiguous=np.ones(len(times), dtype=bool))


def in_zone(wall: pd.Timestamp, zone: Any) -> pd.Timestamp:
    """The first moment at which the clock of the zone shows that time or a later one."""
    return wall if zone is None else wall.tz_localize(zone, nonexistent="shift_forward", ambiguous=True)


def midnight_after(timestamps: pd.Series) -> pd.Timestamp:
    """The midnight after the last of the times, on the wall."""
    return timestamps.max().tz_localize(None).normalize() + pd.Timedelta(days=1)


def wall_moment(as_of: Any, zone: Any) -> pd.Timestamp:
    """``as_of`` on the wall; the first moment of a day is its midnight. ValueError: no date, or of another zone."""
    moment = _moment(as_of, zone)
    wall = moment.tz_localize(None)
    midnight = wall.normalize()
    return midnight if moment.tz is not None and moment == in_zone(midnight, zone) else wall


def known_until(timestamps: pd.Series, as_of: Any) -> pd.Timestamp:
    """The end of what is known, exclusive, in the zone of ``timestamps``; by default the midnight after the last."""
    zone = timestamps.dt.tz
    end = in_zone(midnight_after(timestamps), zone)
    if as_of is None:
        return end
    moment = _moment(as_of, zone)
    moment = moment if moment.tz is not None else in_zone(moment, zone)
    if moment > end:
        raise ValueError(f"as_of {moment} is after the log's end, {end}; what has not happened yet cannot be counted")
    return moment


def wall_ages(lines: Any, as_of: Any) -> tuple[AgedLines, Any]:
    """:func:`clvlib.rfm.age_lines` with all its times on the wall, and the zone they are of."""
    lines, zone = _without_zone(lines)
    if as_of is not None and zone is not None:
        as_of = wall_moment(as_of, zone)
    aged = age_lines(lines, as_of=as_of)
    if aged.as_of.tz is not None:  # times as objects, whose zone no dtype tells
        zone = aged.as_of.tz
        first = aged.customers.assign(first_purchase=aged.customers["first_purchase"].dt.tz_localize(None))
        aged = aged._replace(customers=first, as_of=aged.as_of.tz_localize(None))
    return aged, zone


def _without_zone(lines: Any) -> tuple[Any, Any]:
    if isinstance(lines, pd.DataFrame):
        twice = [name for name in ("customer_id", "timestamp", "amount") if isinstance(lines.get(name), pd.DataFrame)]
        if twice:
            raise ValueError(f"the log has more than one column {' and '.join(twice)}; drop or rename all but one")
        times = lines.get("timestamp")
        if not isinstance(times, pd.Series) or not pd.api.types.is_datetime64_any_dtype(times):
            return lines, None
        zone = times.dt.tz
        return (lines, None) if zone is None else (lines.assign(timestamp=times.dt.tz_localize(None)), zone)
    table = nw.from_native(lines, pass_through=True)
    if not isinstance(table, nw.DataFrame | nw.LazyFrame):
        return lines, None
    zone = getattr(table.collect_schema().get("timestamp"), "time_zone", None)
    if zone is None:
        return lines, None
    return table.with_columns(nw.col("timestamp").dt.replace_time_zone(None)).to_native(), zone


def _moment(as_of: Any, zone: Any) -> pd.Timestamp:
    """In the zone where it has one, else a wall time; nothing but a date or a text of one."""
    try:
        moment = pd.Timestamp(as_of) if isinstance(as_of, _MOMENT) else pd.NaT
    except (ValueError, OverflowError) as error:
        raise ValueError(f"as_of {as_of!r} is no date ({error}); write it as '1997-10-01'") from error
    if pd.isna(moment):
        raise ValueError(f"as_of {as_of!r} is no date; write it as '1997-10-01'")
    if moment.tz is not None and str(moment.tz) != str(zone):
        raise ValueError(
            f"as_of {as_of} is of the time zone {moment.tz}, and the log's days are those of "
            f"{zone or 'a zone it does not state'}; write it as '{moment.date()}'"
        )
    return moment
