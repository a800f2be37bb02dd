"""The calendar of a log where a midnight does not exist (Sao Paulo 2018) or comes twice (Havana 2023)."""

import pandas as pd
import pyarrow as pa
import pytest

from clvlib.customers import (
    cohort_triangles,
    customer_funnel,
    flag_table,
    inactivity_curve,
    kpi_table,
    lifecycle_stages,
    own_thresholds,
    segment_profiles,
    stage_history,
)

NIGHTS = [("America/Sao_Paulo", "2018-11-04"), ("America/Havana", "2023-11-05")]
ALIVE = pd.DataFrame({"customer_id": ["a", "b", "c"], "probability_alive": [0.1, 0.8, 0.5]})
SEGMENTS = pd.DataFrame({"customer_id": ["a", "b", "c"], "segment": ["x", "y", "y"]})


def _lines(day: str, zone: str | None, *, after: bool) -> pd.DataFrame:
    """Purchases before the odd midnight and, if asked, after it."""
    odd = pd.Timestamp(day)
    days = [-60, -45, -12, -5, -1] + ([3, 12] if after else [])
    times = pd.Series([odd + pd.Timedelta(days=d, hours=10) for d in days]).dt.tz_localize(zone)
    return pd.DataFrame({"customer_id": [*"abcba", *"ca"][: len(days)], "amount": 10.0, "timestamp": times})


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    for name, column in table.items():
        if isinstance(column.dtype, pd.DatetimeTZDtype):
            table[name] = column.dt.tz_localize(None).dt.normalize()
    return table


CALLS = {
    "stages": lambda t, d: lifecycle_stages(t, as_of=d, inactive_days=30),
    "history": lambda t, d: stage_history(t, None if d is None else [d, pd.Timestamp(d) - pd.Timedelta(days=9)],
                                          inactive_days=5),
    "triangles": lambda t, d: cohort_triangles(t, as_of=d, period_days=15).cells(),
    "kpis": lambda t, d: kpi_table(t, as_of=d, period_days=20),
    "curve": lambda t, d: inactivity_curve(t, as_of=d, thresholds_days=[3, 9], horizon_days=5),
    "own": lambda t, d: own_thresholds(t, as_of=d, fallback_days=20, min_gaps=1),
    "profiles": lambda t, d: segment_profiles(SEGMENTS, t, as_of=d),
}  # fmt: skip


@pytest.mark.parametrize(("zone", "day"), NIGHTS)
@pytest.mark.parametrize("name", CALLS)
def test_odd_midnights_are_days_like_others(name, zone, day):
    for after, as_of in ((False, None), (True, day), (True, None)):
        here = CALLS[name](_lines(day, zone, after=after), as_of)
        there = CALLS[name](_lines(day, None, after=after), as_of)
        pd.testing.assert_frame_equal(_plain(here), _plain(there), check_dtype=False)


@pytest.mark.parametrize(("zone", "day"), NIGHTS)
def test_the_first_moment_of_the_day_is_its_midnight(zone, day):
    lines = _lines(day, zone, after=True)
    first = pd.Timestamp(day).tz_localize(zone, nonexistent="shift_forward", ambiguous=True)
    for call in CALLS.values():
        pd.testing.assert_frame_equal(call(lines, first), call(lines, first.date().isoformat()))
    assert cohort_triangles(lines, as_of=day, period_days=15).as_of == first
    since = lifecycle_stages(lines, as_of=pd.Timestamp(day) + pd.Timedelta(days=3), inactive_days=12)["since"]
    assert since.max() == first, "c was silent for twelve days at that midnight"


@pytest.mark.parametrize(("zone", "day"), NIGHTS)
def test_flags_and_funnels_at_odd_midnights(zone, day):
    both = []
    for where in (zone, None):
        lines = _lines(day, where, after=True)
        flags = flag_table(lines, ALIVE, as_of=day, threshold_days=5, horizon_days=10)
        events = lines.assign(session_id=range(len(lines)), event="purchase")
        both.append((flags, customer_funnel(events, as_of=day), customer_funnel(events.head(5))))
    for here, there in zip(*both, strict=True):
        pd.testing.assert_frame_equal(here, there)


def test_arrow_logs_with_such_a_zone_are_read():
    for zone, day in NIGHTS:
        lines = _lines(day, zone, after=False)
        there = cohort_triangles(lines, period_days=15).cells()
        pd.testing.assert_frame_equal(cohort_triangles(pa.Table.from_pandas(lines), period_days=15).cells(), there)
