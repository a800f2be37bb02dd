"""How is the shop doing with its customers? The key figures, each with its definition, its unit and an interval.

==============  ====================================================================================================
kpi             definition, for a period of ``period_days`` that ends at ``as_of``
==============  ====================================================================================================
retention rate  of the customers who bought in the period before, the share who bought in this one
repeat rate     of all customers so far, the share who bought on a second day
activity        of all customers so far, the share who bought in the period
conversion      of the period's sessions, the share in which something was bought
CLV             mean of the column ``clv`` that was handed in, over its customers
satisfaction    mean answer, from 1 to 5, of the period's surveys
==============  ====================================================================================================

What a log does not hold is not recorded: its value is missing, and never 0.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtri

from clvlib.customers._checks import frame, share, whole
from clvlib.customers._days import wall_ages
from clvlib.metrics.intervals import bootstrap_interval, wilson_interval
from clvlib.rfm import AgedLines

__all__ = ["KPIS", "kpi_table"]

#: The rows of a :func:`kpi_table`, in order.
KPIS: tuple[str, ...] = ("retention rate", "repeat rate", "activity", "conversion", "CLV", "satisfaction")

_COLUMNS = ["kpi", "value", "low", "high", "unit", "n", "definition", "period", "note"]
#: From so many independent values on, a mean is as good as normal, and drawing them anew only costs time.
_MANY = 20_000
_LOWEST, _HIGHEST = 1, 5


def kpi_table(
    lines: Any,
    *,
    as_of: Any = None,
    period_days: int = 90,
    clv: pd.DataFrame | None = None,
    horizon_days: int | None = None,
    currency: str = "currency",
    surveys: pd.DataFrame | None = None,
    events: pd.DataFrame | None = None,
    level: float = 0.95,
    random_state: int = 0,
) -> pd.DataFrame:
    """What are retention, activity, conversion, lifetime value and satisfaction, and how sure are they?

    lines: ``customer_id``, ``timestamp``, ``amount``; a line below zero is a refund and no purchase. as_of: lines
    before it are known, a date being its midnight; by default the midnight after the last line. clv: one row a
    customer, ``customer_id`` and ``clv`` in ``currency`` within ``horizon_days``. surveys: ``timestamp`` and
    ``satisfaction`` from 1 to 5; events: ``session_id``, ``timestamp`` and ``event``, of which ``purchase`` is one;
    with ``customer_id`` in them, a customer's answers or sessions are one piece of evidence and not several.

    Returns one row for each of :data:`KPIS`: ``kpi``, ``value``, ``low`` and ``high`` (ends of its interval of
    ``level``: Wilson's for shares of customers, the bootstrap over customers for the others), ``unit``, ``n`` (of how
    many customers, sessions or answers), ``definition``, ``period`` in dates, and ``note``, which says why a value is
    missing. The interval is about other customers of the same kind, not about errors of the model behind ``clv``.

    ``surveys`` and ``events`` are read up to ``as_of`` like the lines. Where that lies within a day, the period is the
    ``period_days`` calendar days of which this is the last.

    ValueError: as :func:`clvlib.rfm.age_lines`; a table without its columns, a customer twice in ``clv``, a ``clv``
    without ``horizon_days``, an answer outside 1 to 5, an event without session or time, a session of two customers.

    >>> lines = pd.DataFrame({
    ...     "customer_id": ["a", "b", "a", "c"], "amount": [10.0, 20.0, 30.0, 5.0],
    ...     "timestamp": pd.to_datetime(["2024-01-01", "2024-01-05", "2024-01-12", "2024-01-20"])})
    >>> table = kpi_table(lines, period_days=10).set_index("kpi")
    >>> table.loc[["retention rate", "repeat rate", "activity"], ["value", "n"]].round(3)
                    value  n
    kpi
    retention rate  0.500  2
    repeat rate     0.333  3
    activity        0.667  3
    >>> table.loc["satisfaction", "note"]
    'not recorded: no surveys were handed in'
    """
    period_days, level = whole("period_days", period_days), share("level", level)
    if horizon_days is not None:
        horizon_days = whole("horizon_days", horizon_days)
    aged, zone = wall_ages(lines, as_of)
    # days, not moments: a day that as_of cuts through counts as far as it is known
    start = aged.as_of.ceil("D") - pd.Timedelta(days=period_days)
    rows = [
        *_of_the_log(aged, period_days, level),
        _conversion(events, _Span(start, aged.as_of, zone), level, random_state),
        _clv(clv, horizon_days, currency, level, random_state),
        _satisfaction(surveys, _Span(start, aged.as_of, zone), level, random_state),
    ]
    last = aged.as_of - pd.Timedelta(1, "us")
    period = f"{start:%Y-%m-%d} to {last:%Y-%m-%d}"
    other = {"repeat rate": f"to {last:%Y-%m-%d}", "CLV": "" if clv is None else f"next {horizon_days} days"}
    table = pd.DataFrame(rows)
    table["period"] = [other.get(name, period) for name in table["kpi"]]
    return table[_COLUMNS]


class _Span(NamedTuple):
    """The period on the wall of the log's time zone, ``end`` exclusive."""

    start: pd.Timestamp
    end: pd.Timestamp
    zone: Any


def _of_the_log(aged: AgedLines, period_days: int, level: float) -> list[dict]:
    """Retention, repeat rate and activity: what any log of purchases can say."""
    first = aged.customers["first_purchase"].to_numpy().astype("datetime64[D]")
    n = len(first)
    day = (first.astype(np.int64)[aged.code] + aged.day)[aged.bought]
    code = aged.code[aged.bought]
    # a moment within a day is the end of what is known of that day
    end = (aged.as_of.ceil("D") - pd.Timestamp(0)) // pd.Timedelta(days=1)

    def buyers(low: int, high: int) -> np.ndarray:
        return np.bincount(code[(day >= low) & (day < high)], minlength=n) > 0

    now, before = buyers(end - period_days, end), buyers(end - 2 * period_days, end - period_days)
    covered = end - int(first.astype(np.int64).min())
    again = np.bincount(aged.code[aged.bought & (aged.day > 0)], minlength=n) > 0
    known_before = first.astype(np.int64) < end - period_days
    missing = ""
    if covered < 2 * period_days:
        missing = f"the log covers {covered} days, and two periods of {period_days} are needed"
    elif not before.any():
        missing = "nobody bought in the period before"
    retention = _share(now[before], "customers", level, missing) | {
        "kpi": "retention rate",
        "definition": f"of the customers who bought in the {period_days} days before the period, "
        f"the share who bought in its {period_days} days",
    }
    repeat = _share(again, "customers", level) | {
        "kpi": "repeat rate",
        "definition": "of all customers so far, the newest included, the share who bought on a second day",
    }
    missing = "" if covered >= period_days else f"the log covers {covered} days, and {period_days} are needed"
    activity = _share(now, "customers", level, missing) | {
        "kpi": "activity",
        "definition": f"of all customers so far, the share who bought in the {period_days} days",
    }
    if not missing and 0 < known_before.sum() < n:  # who came in the period has bought in it by definition
        of_them, n_before = now[known_before].mean(), int(known_before.sum())
        activity = _noted(activity, f"{of_them:.1%} of the {n_before:,} customers from before the period")
    return [retention, repeat, activity]


def _conversion(events: pd.DataFrame | None, span: _Span, level: float, random_state: int) -> dict:
    row = {
        "kpi": "conversion",
        "definition": "of the sessions that began in the period, the share in which something was bought",
    }
    if events is None:
        return _missing("share of sessions", "no sessions were handed in") | row
    _check_table(events, "events", ["session_id", "timestamp", "event"])
    if missing := int(events["session_id"].isna().sum()):
        raise ValueError(f"session_id is missing in {missing} of {len(events)} events; drop them and say so")
    # what came later is not known: a session that goes on past the end has bought by then, or has not
    events = events.assign(timestamp=_on_the_wall(events, "events", span.zone))
    events = events[events["timestamp"] < span.end]
    if not (events["event"] == "purchase").any():
        return _missing("share of sessions", "the events have no purchase") | row
    grouped = events.assign(bought=events["event"] == "purchase").groupby("session_id", sort=True)
    session = grouped.agg(timestamp=("timestamp", "min"), bought=("bought", "any"))
    if "customer_id" in events:
        if shared := int((grouped["customer_id"].nunique() > 1).sum()):
            raise ValueError(
                f"{shared} of {len(session)} sessions of events belong to several customers; number them anew, so that "
                "each has a session_id of its own"
            )
        session["customer_id"] = grouped["customer_id"].first()
    inside = session[session["timestamp"] >= span.start]
    if inside.empty:
        return _missing("share of sessions", "no session began in the period") | row
    value = inside["bought"].to_numpy(dtype=float)
    return _mean(value, _groups(inside), "share of sessions", level, random_state) | row


def _clv(clv: pd.DataFrame | None, horizon_days: int | None, currency: str, level: float, random_state: int) -> dict:
    unit = f"{currency} per customer" + (f" within {horizon_days} days" if horizon_days else "")
    row = {"kpi": "CLV", "definition": "mean predicted value of a customer, from the value model"}
    if clv is None:
        return _missing(unit, "no predicted values were handed in") | row
    _check_table(clv, "clv", ["customer_id", "clv"])
    if horizon_days is None:
        raise ValueError("a clv is money within a time; give horizon_days, how far the column clv looks ahead")
    if twice := int(clv["customer_id"].duplicated().sum()):
        raise ValueError(f"{twice} of {len(clv)} rows of clv repeat a customer_id; give one row a customer")
    known = clv["clv"].dropna().to_numpy(dtype=float)
    if not len(known):
        return _missing(unit, "no customer has a clv") | row
    without = len(clv) - len(known)
    mean = _mean(known, None, unit, level, random_state) | row
    return _noted(mean, f"{without:,} of {len(clv):,} customers have no clv and are left out" if without else "")


def _satisfaction(surveys: pd.DataFrame | None, span: _Span, level: float, random_state: int) -> dict:
    unit = f"mean of answers from {_LOWEST} to {_HIGHEST}"
    row = {"kpi": "satisfaction", "definition": f"mean answer of the period's surveys, {_HIGHEST} is best"}
    if surveys is None:
        return _missing(unit, "no surveys were handed in") | row
    _check_table(surveys, "surveys", ["timestamp", "satisfaction"])
    surveys = surveys.assign(timestamp=_on_the_wall(surveys, "surveys", span.zone))
    answered = surveys[surveys["satisfaction"].notna()]
    wrong = ~answered["satisfaction"].astype(float).between(_LOWEST, _HIGHEST)
    if wrong.any():
        raise ValueError(
            f"satisfaction lies outside {_LOWEST} to {_HIGHEST} in {int(wrong.sum())} of {len(surveys)} surveys, first "
            f"{answered['satisfaction'][wrong].iloc[0]!r}; translate the shop's own scale first"
        )
    inside = answered[(answered["timestamp"] >= span.start) & (answered["timestamp"] < span.end)]
    if inside.empty:
        return _missing(unit, "nobody answered a survey in the period") | row
    value = inside["satisfaction"].to_numpy(dtype=float)
    mean = _mean(value, _groups(inside), unit, level, random_state) | row
    return _noted(mean, "of those who answered; the others may think otherwise")


def _share(hit: np.ndarray, of: str, level: float, missing: str = "") -> dict:
    if missing:
        return _missing(f"share of {of}", missing)
    low, high = wilson_interval(int(hit.sum()), len(hit), level=level)
    return _row(float(hit.mean()), low, high, f"share of {of}", len(hit), "")


def _mean(value: np.ndarray, groups: np.ndarray | None, unit: str, level: float, random_state: int) -> dict:
    """A mean with the interval over customers; without one where there is a single customer."""
    mean, n = float(value.mean()), len(value)
    if len(value if groups is None else np.unique(groups)) < 2:
        return _row(mean, np.nan, np.nan, unit, n, "of a single customer: no interval")
    if groups is None and n >= _MANY:
        half = float(ndtri((1 + level) / 2) * value.std(ddof=1) / np.sqrt(n))
        return _row(mean, mean - half, mean + half, unit, n, "")
    low, high = bootstrap_interval(value, groups=groups, level=level, random_state=random_state, n_resamples=1000)
    return _row(mean, low, high, unit, n, "")


def _missing(unit: str, why: str) -> dict:
    return _row(np.nan, np.nan, np.nan, unit, 0, f"not recorded: {why}")


def _row(value: float, low: float, high: float, unit: str, n: int, note: str) -> dict:
    return {"value": value, "low": low, "high": high, "unit": unit, "n": n, "note": note}


def _noted(row: dict, note: str) -> dict:
    return row | {"note": "; ".join(part for part in (row["note"], note) if part)}


def _groups(table: pd.DataFrame) -> np.ndarray | None:
    """One number a customer; a row without a customer stands for itself."""
    if "customer_id" not in table:
        return None
    code, customers = pd.factorize(table["customer_id"])
    return np.where(code < 0, len(customers) + np.arange(len(code)), code)


def _check_table(table: Any, name: str, needed: list[str]) -> None:
    frame(name, table, needed, remedy="hand in such a table, or None", may_be_empty=True)
    for column in ("clv", "satisfaction"):
        if column in needed and not pd.api.types.is_numeric_dtype(table[column]):
            raise ValueError(f"{column} of {name} holds {table[column].dtype}, not numbers, in {len(table)} rows")


def _on_the_wall(table: pd.DataFrame, name: str, zone: Any) -> pd.Series:
    """The table's times, which must be of the log's time zone, without it."""
    if not pd.api.types.is_datetime64_any_dtype(table["timestamp"]):
        raise ValueError(
            f"timestamp of {name} holds {table['timestamp'].dtype}, not times, in {len(table)} rows; "
            "turn it into times with pd.to_datetime"
        )
    if str(table["timestamp"].dt.tz) != str(zone):
        raise ValueError(
            f"timestamp of {name} is of the time zone {table['timestamp'].dt.tz}, and the log of {zone}; "
            "translate one into the other with .dt.tz_convert or .dt.tz_localize"
        )
    if missing := int(table["timestamp"].isna().sum()):
        raise ValueError(f"timestamp is missing in {missing} of {len(table)} {name}; drop them and say so")
    return table["timestamp"].dt.tz_localize(None)
