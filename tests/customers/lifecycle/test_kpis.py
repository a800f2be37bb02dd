"""Key figures: by hand, with textbook intervals, and 'not recorded' instead of zero."""

import numpy as np
import pandas as pd
import pytest

from clvlib.customers import KPIS, kpi_table
from clvlib.datasets import load, make_shop
from clvlib.metrics.intervals import bootstrap_interval, wilson_interval


@pytest.fixture
def lines():
    # 40 days from 1 January; the period of 10 days is 31 January to 9 February, the one before 21 to 30 January
    rows = [
        ("a", "2024-01-01", 5), ("a", "2024-01-25", 5), ("a", "2024-02-09 23:00", 5),
        ("b", "2024-01-22", 5), ("b", "2024-01-22 10:00", 5), ("b", "2024-02-03", -5),
        ("c", "2024-01-30 23:59", 5), ("c", "2024-01-31", 0),
        ("d", "2024-02-01", 5), ("e", "2024-01-02", 5),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["customer_id", "timestamp", "amount"])
    return table.assign(timestamp=pd.to_datetime(table["timestamp"], format="mixed").astype("datetime64[us]"))


@pytest.fixture(scope="module")
def shop():
    return make_shop(n_customers=300, n_days=400)


def kpis(lines, **options):
    return kpi_table(lines, **options).set_index("kpi")


def test_rows_and_columns_are_those_of_the_specification(lines):
    table = kpi_table(lines, period_days=10)
    assert tuple(table["kpi"]) == KPIS
    assert [*table.columns[:7]] == ["kpi", "value", "low", "high", "unit", "n", "definition"]
    assert (table["definition"].str.len() > 10).all()
    assert (table["unit"].str.len() > 0).all()


def test_retention_repeat_and_activity_by_hand_a_refund_is_no_purchase_and_a_line_of_zero_is_one(lines):
    table = kpis(lines, period_days=10)
    # a, b and c bought from 21 to 30 January; a and c did again: b only gave something back
    assert table.loc["retention rate", ["value", "n"]].tolist() == [2 / 3, 3]
    # a and c bought on two days; b twice on one day
    assert table.loc["repeat rate", ["value", "n"]].tolist() == [2 / 5, 5]
    assert table.loc["activity", ["value", "n"]].tolist() == [3 / 5, 5]
    assert "50.0% of the 4 customers from before the period" in table.loc["activity", "note"]
    assert table.loc["activity", "period"] == "2024-01-31 to 2024-02-09"
    for name, hits, n in (("retention rate", 2, 3), ("repeat rate", 2, 5), ("activity", 3, 5)):
        assert tuple(table.loc[name, ["low", "high"]]) == wilson_interval(hits, n)


def test_as_of_is_exclusive_and_hides_what_comes_later(lines):
    early = kpis(lines, period_days=10, as_of="2024-01-31")
    assert early.loc["repeat rate", ["value", "n"]].tolist() == [1 / 4, 4]
    cut = lines[lines["timestamp"] < "2024-01-31"]
    pd.testing.assert_frame_equal(early, kpis(cut, period_days=10))


def test_order_of_the_lines_does_not_matter(lines):
    pd.testing.assert_frame_equal(kpi_table(lines.iloc[::-1], period_days=10), kpi_table(lines, period_days=10))


def test_days_are_those_of_the_shops_time_zone(lines, shop):
    zoned = lines.assign(timestamp=lines["timestamp"].dt.tz_localize("Asia/Shanghai"))
    pd.testing.assert_frame_equal(kpi_table(zoned, period_days=10), kpi_table(lines, period_days=10))
    surveys = pd.DataFrame({"timestamp": zoned["timestamp"], "satisfaction": 4})
    found = kpis(zoned, period_days=10, surveys=surveys)
    assert found.loc["satisfaction", ["value", "n"]].tolist() == [4.0, 4]


def test_what_a_log_does_not_hold_is_not_recorded_and_never_zero(lines):
    table = kpis(lines, period_days=10)
    for name in ("conversion", "CLV", "satisfaction"):
        assert table.loc[name, ["value", "low", "high"]].isna().all()
        assert table.loc[name, "note"].startswith("not recorded: ")
    short = kpis(lines, period_days=25)
    assert np.isnan(short.loc["retention rate", "value"])
    assert "the log covers 40 days, and two periods of 25" in short.loc["retention rate", "note"]
    assert short.loc["activity", "value"] == 0.8
    long = kpis(lines, period_days=60)
    assert np.isnan(long.loc["activity", "value"])


def test_nobody_in_the_period_before_leaves_retention_missing_and_activity_zero_where_nobody_bought():
    table = pd.DataFrame({"customer_id": ["a", "a"], "amount": [5.0, -5.0],
                          "timestamp": pd.to_datetime(["2024-01-01", "2024-03-01"])})  # fmt: skip
    found = kpis(table, period_days=10)
    assert np.isnan(found.loc["retention rate", "value"])
    assert "nobody bought in the period before" in found.loc["retention rate", "note"]
    assert found.loc["activity", "value"] == 0.0, "recorded, and nobody bought"


def test_conversion_counts_sessions_by_their_beginning_with_customers_resampled_together(shop):
    events = shop.tables["events"]
    row = kpis(shop.lines, events=events, as_of="2024-02-01", period_days=60).loc["conversion"]
    start, end = pd.Timestamp("2023-12-03"), pd.Timestamp("2024-02-01")
    sessions = events.groupby("session_id").agg(
        began=("timestamp", "min"), customer=("customer_id", "first"), bought=("event", lambda e: "purchase" in set(e))
    )
    sessions = sessions[(sessions["began"] >= start) & (sessions["began"] < end)]
    assert row["value"] == sessions["bought"].mean()
    assert row["n"] == len(sessions)
    apart = wilson_interval(int(sessions["bought"].sum()), len(sessions))
    assert row["low"] < row["value"] < row["high"]
    assert row["high"] - row["low"] > 0.8 * (apart[1] - apart[0])


def test_satisfaction_is_the_mean_answer_of_the_period(shop):
    surveys = shop.tables["surveys"]
    row = kpis(shop.lines, surveys=surveys, period_days=60).loc["satisfaction"]
    end = shop.lines["timestamp"].max().normalize() + pd.Timedelta(days=1)
    inside = surveys[surveys["timestamp"].between(end - pd.Timedelta(days=60), end, inclusive="left")]
    assert row["value"] == pytest.approx(inside["satisfaction"].mean(), abs=1e-12)
    assert row["n"] == len(inside)
    assert 1 <= row["low"] < row["value"] < row["high"] <= 5
    gaps = surveys.assign(satisfaction=surveys["satisfaction"].astype(float).mask(surveys["satisfaction"] == 1))
    assert kpis(shop.lines, surveys=gaps, period_days=60).loc["satisfaction", "value"] > row["value"]


def test_clv_has_currency_horizon_and_interval(lines):
    clv = pd.DataFrame({"customer_id": [*"abcde"], "clv": [10.0, 20.0, 30.0, 40.0, np.nan]})
    row = kpis(lines, period_days=10, clv=clv, horizon_days=365, currency="EUR").loc["CLV"]
    assert row["value"] == 25.0
    assert row["n"] == 4
    assert row["unit"] == "EUR per customer within 365 days"
    assert (row["low"], row["high"]) == bootstrap_interval([10, 20, 30, 40], random_state=0, n_resamples=1000)
    assert "1 of 5 customers have no clv" in row["note"]


def test_the_interval_of_a_large_table_is_the_bootstraps_up_to_its_noise(lines):
    value = np.random.default_rng(0).gamma(1.0, 50.0, 20_000)
    clv = pd.DataFrame({"customer_id": np.arange(len(value)), "clv": value})
    row = kpis(lines, period_days=10, clv=clv, horizon_days=365).loc["CLV"]
    low, high = bootstrap_interval(value, random_state=0)
    assert row["high"] - row["low"] == pytest.approx(high - low, rel=0.06)


def test_cdnow_figures_are_those_of_the_published_log():
    table = kpis(load("cdnow").lines, period_days=90)
    assert table.loc["repeat rate", "n"] == 2357, "Fader, Hardie & Lee 2005: 2,357 customers"
    assert table.loc["retention rate", "value"] < table.loc["repeat rate", "value"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"period_days": 0}, "period_days must be a whole number of at least 1"),
        ({"period_days": "90"}, "period_days must be a whole number"),
        ({"level": "a"}, "level must be a share"),
        ({"clv": pd.DataFrame({"customer_id": ["a"], "clv": [1.0]}), "horizon_days": -3}, "horizon_days must be"),
        ({"as_of": "2030-01-01"}, "after the log's end"),
        ({"clv": pd.DataFrame({"customer_id": ["a"]}), "horizon_days": 365}, "clv of 1 rows has no clv"),
        ({"clv": pd.DataFrame({"customer_id": ["a"], "clv": [1.0]})}, "give horizon_days"),
        ({"clv": pd.DataFrame({"customer_id": ["a", "a"], "clv": 1.0}), "horizon_days": 9}, "1 of 2 rows"),
        ({"clv": pd.DataFrame({"customer_id": ["a"], "clv": ["x"]}), "horizon_days": 9}, "not numbers, in 1 rows"),
        ({"clv": [1, 2]}, "clv must be a DataFrame"),
        ({"surveys": pd.DataFrame({"timestamp": ["2024-02-01"], "satisfaction": [3]})}, "not times, in 1 rows"),
        (
            {"surveys": pd.DataFrame({"timestamp": pd.to_datetime(["2024-02-01"] * 2), "satisfaction": [3, 10]})},
            "outside 1 to 5 in 1 of 2 surveys",
        ),
        (
            {"surveys": pd.DataFrame({"timestamp": pd.to_datetime(["2024-02-01"], utc=True), "satisfaction": [3]})},
            "time zone UTC",
        ),
        ({"events": pd.DataFrame({"session_id": ["s"]})}, "events of 1 rows has no timestamp, event"),
    ],
)
def test_wrong_input_is_refused_with_a_reason(lines, options, message):
    with pytest.raises(ValueError, match=message):
        kpi_table(lines, **({"period_days": 10} | options))


def _events(*rows):
    return pd.DataFrame(rows, columns=["session_id", "event", "timestamp", "customer_id"]).astype(
        {"timestamp": "datetime64[us]"}
    )


@pytest.fixture
def month():
    times = pd.to_datetime(["2024-03-01", "2024-04-10", "2024-05-20"])
    return pd.DataFrame({"customer_id": [*"aba"], "amount": 9.0, "timestamp": times})


def test_no_event_at_as_of_or_after_it_decides_a_conversion(month):
    events = _events(
        (1, "view", "2024-04-30 23:50", "a"), (1, "purchase", "2024-05-01 00:10", "a"),
        (2, "view", "2024-04-20 01:00", "b"), (3, "purchase", "2024-04-21 01:00", "c"),
    )  # fmt: skip
    options = {"as_of": "2024-05-01", "period_days": 30}
    all_of_them = kpi_table(month, events=events, **options)
    known = kpi_table(month, events=events[events["timestamp"] < "2024-05-01"], **options)
    pd.testing.assert_frame_equal(all_of_them, known)
    assert all_of_them.set_index("kpi").loc["conversion", "value"] == pytest.approx(1 / 3)
    later = kpi_table(month, events=events[events["session_id"] < 3], **options).set_index("kpi")
    assert later.loc["conversion", "note"] == "not recorded: the events have no purchase", "the one there is came later"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"session_id": [1, None]}, "session_id is missing in 1 of 2 events"),
        ({"timestamp": pd.to_datetime(["2024-04-20", None])}, "timestamp is missing in 1 of 2 events"),
        ({"session_id": [1, 1]}, "1 of 1 sessions of events belong to several customers"),
    ],
)
def test_events_that_are_nobody_s_or_two_people_s_are_refused(month, change, message):
    events = _events((1, "view", "2024-04-20", "a"), (2, "purchase", "2024-04-21", "b"))
    options = {"as_of": "2024-05-01", "period_days": 30}
    assert kpi_table(month, events=events, **options).set_index("kpi").loc["conversion", "n"] == 2
    with pytest.raises(ValueError, match=message):
        kpi_table(month, events=events.assign(**change), **options)


def test_a_moment_within_a_day_ends_the_period_with_that_day(month):
    events = _events((1, "view", "2024-04-01 13:00", "a"), (2, "purchase", "2024-04-02 00:00", "b"))
    table = kpi_table(month, events=events, as_of="2024-05-01 12:00", period_days=30).set_index("kpi")
    assert table.loc["activity", "period"] == "2024-04-02 to 2024-05-01", "thirty days, as they are counted"
    assert table.loc["conversion", "n"] == 1, "the sessions of the same thirty days"


@pytest.mark.parametrize("name", ["amount", "timestamp"])
def test_a_column_twice_is_refused_in_words(month, name):
    with pytest.raises(ValueError, match=f"more than one column {name}"):
        kpi_table(pd.concat([month, month[[name]]], axis=1))
    events = _events((1, "view", "2024-04-20", "a"))
    with pytest.raises(ValueError, match="events has more than one column event"):
        kpi_table(month, period_days=30, events=pd.concat([events, events[["event"]]], axis=1))
