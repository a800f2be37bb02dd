"""From a transaction log to one row a customer: frequency, recency, T, monetary value, and what the holdout brought."""

import datetime as dt
from typing import Any, Literal

import numpy as np
import pandas as pd

from clvlib.rfm._door import Lines, read_lines
from clvlib.rfm._passes import Periods, one_pass

__all__ = ["rfm_summary"]

TimeUnit = Literal["D", "W", "M", "Y"]
_DAYS: dict[str, float] = {"D": 1.0, "W": 7.0, "M": 365 / 12, "Y": 365.0}


def rfm_summary(
    lines: Any, *, calibration_end: Any, holdout_end: Any = None, time_unit: TimeUnit = "W"
) -> pd.DataFrame:
    """What does a purchase history come to, in the few numbers that models of repeat buying read?

    A customer's purchases are counted in calendar days: a *purchase day* has at least one line with an amount of
    zero or more (a line of zero dollars is a purchase too: CDNOW's published figures hold only so); a day of returns
    alone is none. Nothing depends on the order of the lines, but for the last digit of a sum of money.

    Parameters
    ----------
    lines : data frame of pandas, Polars (also lazy), Arrow or any kind narwhals knows
        Columns ``customer_id`` (text, integers, …), ``timestamp`` (dates or moments; with a time zone, that zone's
        calendar days count) and ``amount`` (in currency, negative for a return), in any order of the lines.
    calibration_end : text, date, Timestamp
        A *date* (a text without a time of day, ``datetime.date``) is the last whole day of calibration, as in the
        papers and as pandas slices by text: ``"1997-09-30"``, or ``"1997-09"``. A *moment* (Timestamp, datetime, a
        text with a time of day) is the cut, as in :func:`clvlib.split.temporal_split`: a line at it or later is
        holdout. It must be a midnight, so ``pd.Timestamp("1997-10-01")`` cuts where ``"1997-09-30"`` does.
    holdout_end : text, date, Timestamp, optional
        End of the holdout, which begins where calibration ends; read in the same way. Later lines are not looked at.
    time_unit : "D", "W", "M" or "Y"
        Unit of ``recency`` and ``T``: 1, 7, 365/12 or 365 days.

    Returns
    -------
    DataFrame, a customer with at least one purchase in calibration a row, sorted by ``customer_id``:
        ``frequency`` (x, purchase days after the first one), ``recency`` (t_x, from the first purchase day to the
        last one) and ``T`` (from the first purchase day to the end of calibration), both in ``time_unit``;
        ``monetary_value`` (the net amount of all lines after the first purchase day, returns deducted, by
        ``frequency``; 0 for ``frequency`` 0; may be negative), in currency; ``time_unit_days``. With a holdout also
        ``holdout_frequency`` (purchase days), ``holdout_amount`` (net of returns; both are 0 for who did not come
        back) and ``holdout_days``. All float64 but ``customer_id``, which stays as it is in the log.

    Raises
    ------
    ValueError
        A missing column, no lines, a missing customer, time or amount, an end outside the log, a holdout that ends
        before it begins, an end that is not a midnight, no purchase in calibration.

    Source: Fader, Hardie & Lee, "Counting Your Customers" the Easy Way (2005), section 4, and RFM and CLV (2005).

    Examples
    --------
    >>> days = pd.to_datetime(["2024-01-01", "2024-01-15", "2024-01-29", "2024-02-05", "2024-01-08"])
    >>> lines = pd.DataFrame({"customer_id": [*"aaaab"], "timestamp": days, "amount": [9.0, 20.0, 10.0, 7.0, 5.0]})
    >>> rfm_summary(lines, calibration_end="2024-02-04").drop(columns="time_unit_days").round(2)
      customer_id  frequency  recency     T  monetary_value
    0           a        2.0      4.0  4.86            15.0
    1           b        0.0      0.0  3.86             0.0
    """
    if time_unit not in _DAYS:
        raise ValueError(f"time_unit must be one of {', '.join(map(repr, _DAYS))}, not {time_unit!r}")
    log = read_lines(lines)
    cut = _end(calibration_end, "calibration_end", log.zone)
    end = None if holdout_end is None else _end(holdout_end, "holdout_end", log.zone)
    periods = _periods(log, cut, end)
    return _table(log, periods, _DAYS[time_unit])


def _end(value: Any, name: str, zone: str | None) -> int:
    """The first day after a period, in days since 1970."""
    how = f"write {name}='1997-09-30' for the last whole day, or pd.Timestamp('1997-10-01') for the midnight after it"
    if isinstance(value, np.datetime64) and np.datetime_data(value)[0] in "YMWD":
        value = value.astype(object)
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = value.isoformat()
    period = value
    if isinstance(value, str):
        try:
            period = pd.Period(value)
        except ValueError as error:
            raise ValueError(f"{name}={value!r} is no date; {how}") from error
    if isinstance(period, pd.Period) and period.freqstr[0] in "YQMWD":  # no time of day: whole days
        return _day(period.end_time) + 1
    if not isinstance(value, str | dt.datetime | np.datetime64) or pd.isna(moment := pd.Timestamp(value)):
        raise ValueError(f"{name}={value!r} is no date; {how}")
    if moment.tz is not None and str(moment.tz) != zone:
        raise ValueError(
            f"{name}={value} is a moment of the time zone {moment.tz}, and the log's days are those of "
            f"{zone or 'a zone it does not state'}; {how}"
        )
    moment = moment.tz_localize(None)
    if moment != moment.normalize():
        raise ValueError(
            f"{name}={value} lies within a day, and purchases are counted in whole days. Take '{moment.date()}' to "
            f"have that day still in, or pd.Timestamp('{moment.date()}') to leave it out"
        )
    return _day(moment)


def _day(moment: pd.Timestamp) -> int:
    return int(moment.to_datetime64().astype("datetime64[D]").astype(np.int64))


def _date(day: int) -> str:
    return str(np.datetime64(day, "D"))


def _periods(lines: Lines, cut: int, end: int | None) -> Periods:
    first, last = lines.first_day, lines.last_day
    covers = f"the log covers {_date(first)} to {_date(last)} ({len(lines.amount)} lines)"
    if cut <= first:
        raise ValueError(f"calibration would end with {_date(cut - 1)}, before the first line; {covers}")
    if cut > last + 1:
        raise ValueError(
            f"calibration would end with {_date(cut - 1)}, after the last line: nobody could be seen to buy "
            f"after {_date(last)}; {covers}. Take {_date(last)!r} at the latest"
        )
    if end is not None and end <= cut:
        raise ValueError(
            f"the holdout would end with {_date(end - 1)} and begins with {_date(cut)}; {covers}. "
            "Choose a later holdout_end"
        )
    if end is not None and end > last + 1:
        raise ValueError(
            f"the holdout would end with {_date(end - 1)}, after the last line; {covers}. "
            f"Take {_date(last)!r} at the latest"
        )
    return Periods(first=first, cut=cut, end=cut if end is None else end)


def _table(lines: Lines, periods: Periods, unit: float) -> pd.DataFrame:
    rows = one_pass(lines, periods, unit)
    if not len(rows.code):
        raise ValueError(
            f"none of the lines up to {_date(periods.cut - 1)} is a purchase (an amount of zero or more), "
            "so there is no customer to summarise"
        )
    columns = {
        "customer_id": lines.customers.ids(rows.code),
        "frequency": rows.frequency,
        "recency": rows.recency,
        "T": rows.T,
        "monetary_value": rows.monetary_value,
        "time_unit_days": np.full(len(rows.code), unit),
    }
    if rows.holdout_frequency is not None:
        columns["holdout_frequency"] = rows.holdout_frequency
        columns["holdout_amount"] = rows.holdout_amount
        columns["holdout_days"] = np.full(len(rows.code), float(periods.end - periods.cut))
    return pd.DataFrame(columns, copy=False)
