"""Snapshots: against a plain loop over customers and dates, half-open windows, and no look past the cut."""

import numpy as np
import pandas as pd
import pytest

from clvlib.datasets import make_shop
from clvlib.retention import (
    FEATURES,
    snapshot_dates,
    snapshot_table,
    split_snapshots,
    varying_features,
)
from clvlib.retention.windows import _snapshot_passes


@pytest.fixture
def lines():
    rng = np.random.default_rng(0)
    n = 3000
    seconds = np.sort(rng.integers(0, 120 * 86400, n))
    table = pd.DataFrame(
        {
            "customer_id": rng.integers(0, 60, n).astype(str),
            "timestamp": pd.Timestamp("2024-01-01") + pd.to_timedelta(seconds, unit="s"),
            "amount": rng.normal(30, 20, n).round(2),
            "item_id": rng.integers(0, 25, n).astype(str),
        }
    )
    table["timestamp"] = table["timestamp"].astype("datetime64[us]")
    table["order_id"] = table["customer_id"] + "-" + table["timestamp"].dt.strftime("%j%p")
    return table


def plain_loop(lines, dates, observation_days, outcome_days):
    """What an analyst would write: slow, and obviously right."""
    rows = []
    for cut in pd.to_datetime(list(dates)):
        window = lines[(lines.timestamp >= cut - pd.Timedelta(days=observation_days)) & (lines.timestamp < cut)]
        ahead = lines[(lines.timestamp >= cut) & (lines.timestamp < cut + pd.Timedelta(days=outcome_days))]
        buyers = set(ahead[ahead.amount >= 0].customer_id)
        for customer, mine in window.groupby("customer_id"):
            bought = mine[mine.amount >= 0]
            if bought.empty:
                continue
            days = np.sort(bought.timestamp.dt.normalize().unique())
            gap = np.diff(days).mean() / np.timedelta64(1, "D") if len(days) > 1 else observation_days
            rows.append(
                {
                    "customer_id": customer,
                    "snapshot_date": cut,
                    "orders": bought.order_id.nunique() if "order_id" in bought else len(days),
                    "spend": bought.amount.sum(),
                    "days_since_last_purchase": (cut - days[-1]) / pd.Timedelta(days=1),
                    "mean_gap_days": gap,
                    "items": bought.item_id.nunique(),
                    "refund_amount": -mine[mine.amount < 0].amount.sum(),
                    "came_back": customer in buyers,
                }
            )
    return pd.DataFrame(rows)


def test_all_dates_in_one_pass_match_a_plain_loop(lines):
    dates = snapshot_dates(lines, step_days=9, observation_days=5, outcome_days=3)
    ours = snapshot_table(lines, snapshot_dates=dates, observation_days=5, outcome_days=3)
    expected = plain_loop(lines, dates, 5, 3)
    assert len(ours) > 500
    pd.testing.assert_frame_equal(ours, expected, check_dtype=False, check_index_type=False)


def test_order_of_lines_does_not_matter(lines):
    dates = snapshot_dates(lines)
    shuffled = lines.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(
        snapshot_table(shuffled, snapshot_dates=dates), snapshot_table(lines, snapshot_dates=dates)
    )


def test_nothing_at_or_after_the_cut_enters_a_feature(lines):
    cut = pd.Timestamp("2024-02-15")
    ahead = lines["timestamp"] >= cut
    spoiled = lines.assign(
        amount=lines["amount"].mask(ahead, 1e6), item_id=lines["item_id"].mask(ahead, "new"),
        order_id=lines["order_id"].mask(ahead, "new"),
    )  # fmt: skip
    before, after = (snapshot_table(t, snapshot_dates=[cut])[["customer_id", *FEATURES]] for t in (lines, spoiled))
    pd.testing.assert_frame_equal(before, after)


def test_windows_are_half_open():
    def log(*times):
        stamps = pd.to_datetime([*times], format="ISO8601")
        table = pd.DataFrame({"customer_id": "a", "timestamp": stamps, "amount": 1.0})
        edges = pd.DataFrame(
            {"customer_id": "z", "timestamp": pd.to_datetime(["2024-01-01", "2024-03-31"]), "amount": 1.0}
        )
        return pd.concat([table, edges]).sort_values("timestamp")

    options = {"snapshot_dates": ["2024-02-01"], "observation_days": 30, "outcome_days": 7}
    first_in = snapshot_table(log("2024-01-02 00:00", "2024-02-01 00:00"), **options).iloc[0]
    assert (first_in["orders"], first_in["days_since_last_purchase"], first_in["came_back"]) == (1, 30, True)
    last_out = snapshot_table(log("2024-01-31 23:59", "2024-02-08 00:00"), **options).iloc[0]
    assert (last_out["days_since_last_purchase"], last_out["came_back"]) == (1, False)
    with pytest.raises(ValueError, match="nobody bought"):
        snapshot_table(log("2024-01-01 23:59", "2024-02-01"), **options)


def test_a_refund_is_neither_an_order_nor_a_return_to_the_shop():
    lines = pd.DataFrame(
        {
            "customer_id": "a",
            "timestamp": pd.to_datetime(["2024-01-10", "2024-01-12", "2024-02-03", "2024-02-20"]),
            "amount": [50.0, -20.0, -30.0, 10.0],
        }
    )
    row = snapshot_table(lines, snapshot_dates=["2024-02-01"], observation_days=22).iloc[0]
    assert (row["orders"], row["spend"], row["refund_amount"], row["came_back"]) == (1, 50, 20, False)
    assert row["days_since_last_purchase"] == 22


def test_an_order_over_midnight_counts_once():
    lines = pd.DataFrame(
        {
            "customer_id": "a",
            "timestamp": pd.to_datetime(["2024-01-09 23:59", "2024-01-10 00:01", "2024-02-20 00:00"]),
            "amount": 1.0,
            "order_id": ["x", "x", "y"],
        }
    )
    both = snapshot_table(lines, snapshot_dates=["2024-01-31"], observation_days=22)
    tail = snapshot_table(lines, snapshot_dates=["2024-01-31"], observation_days=21)
    assert both["orders"].tolist() == tail["orders"].tolist() == [1]


def test_todays_customers_have_features_and_no_outcome(lines):
    today = pd.Timestamp("2024-04-30")
    table = snapshot_table(lines, snapshot_dates=[today], outcome_days=None)
    assert "came_back" not in table
    assert table["customer_id"].is_unique
    with pytest.raises(ValueError, match="to before 2024-05-07"):
        snapshot_table(lines, snapshot_dates=[today])


def test_dates_hold_both_windows_in_full_and_step_evenly(lines):
    dates = snapshot_dates(lines, step_days=7, observation_days=30, outcome_days=7)
    start, end = pd.Timestamp("2024-01-01"), pd.Timestamp("2024-04-30")
    assert dates[-1] == end - pd.Timedelta(days=7)
    assert start + pd.Timedelta(days=30) <= dates[0] < start + pd.Timedelta(days=37)
    assert set(np.diff(dates)) == {np.timedelta64(7, "D")}


def test_no_outcome_of_training_reaches_the_test(lines):
    cut = pd.Timestamp("2024-04-01")
    table = snapshot_table(lines, snapshot_dates=snapshot_dates(lines, step_days=1))
    train, calibrate, test = split_snapshots(table, cut=cut, outcome_days=7, calibration_days=20)
    level_from = cut - pd.Timedelta(days=20)
    week = pd.Timedelta(days=7)
    assert train["snapshot_date"].max() + week == level_from == calibrate["snapshot_date"].min()
    assert calibrate["snapshot_date"].max() + week == cut == test["snapshot_date"].min()
    assert len(train) + len(calibrate) + len(test) < len(table)
    assert set(train["customer_id"]) & set(test["customer_id"])


@pytest.mark.parametrize(
    ("cut", "calibration_days", "piece"),
    [("2024-03-01", 60, "train"), ("2024-04-01", 5, "calibrate"), ("2024-04-28", 20, "test")],
)
def test_an_empty_piece_is_refused_by_name(lines, cut, calibration_days, piece):
    table = snapshot_table(lines, snapshot_dates=snapshot_dates(lines))
    with pytest.raises(ValueError, match=f"left to {piece}: the table has 12 dates from 2024-02-06 to 2024-04-23"):
        split_snapshots(table, cut=cut, calibration_days=calibration_days)


def test_features_that_do_not_vary_are_left_out(lines):
    table = snapshot_table(lines[lines["amount"] >= 0].drop(columns="item_id"), snapshot_dates=["2024-02-01"])
    assert varying_features(table) == ["orders", "spend", "days_since_last_purchase", "mean_gap_days"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: snapshot_table(t.iloc[:0], snapshot_dates=["2024-02-01"]), "no lines"),
        (lambda t: snapshot_table(t, snapshot_dates=[]), "no snapshot date"),
        (lambda t: snapshot_table(t, snapshot_dates=["2024-02-01", "2024-02-01"]), "twice"),
        (lambda t: snapshot_table(t, snapshot_dates=["2024-01-20"]), "need lines from 2023-12-21"),
        (lambda t: snapshot_table(t, snapshot_dates=["2024-04-25"]), "to before 2024-05-02, but the log covers"),
        (lambda t: snapshot_table(t, snapshot_dates=["2024-02-01"], observation_days=0), "observation_days"),
        (lambda t: snapshot_dates(t, observation_days=118), "use a longer log"),
        (lambda t: snapshot_dates(t, step_days=0), "step_days"),
    ],
)
def test_a_window_beyond_the_log_is_refused_with_a_reason(lines, call, message):
    with pytest.raises(ValueError, match=message):
        call(lines)


PASSES = ("counting_pass", "compiled_pass")


@pytest.fixture(params=PASSES)
def by(request, monkeypatch):
    """Every log takes this pass, whatever its length."""
    way = getattr(_snapshot_passes, request.param)
    monkeypatch.setattr("clvlib.retention.windows.snapshots.one_pass", lambda *arguments: way(*arguments))
    return request.param


@pytest.mark.parametrize("columns", [[], ["order_id", "item_id"]], ids=" ".join)
@pytest.mark.parametrize(("observation_days", "outcome_days", "step_days"), [(30, 7, 14), (14, 40, 21)])
def test_both_passes_match_a_plain_loop(lines, by, columns, observation_days, outcome_days, step_days):
    # orders over a window's edge, articles that are not known, lines in no order
    lines = lines.assign(order_id=(lines["timestamp"].dt.day_of_year // 3).astype(str))
    lines["item_id"] = lines["item_id"].mask(lines["item_id"] == "7")
    lines = lines[["customer_id", "timestamp", "amount", *columns]].sample(frac=1, random_state=2)
    dates = snapshot_dates(lines, step_days=step_days, observation_days=observation_days, outcome_days=outcome_days)
    windows = {"observation_days": observation_days, "outcome_days": outcome_days}
    ours = snapshot_table(lines, snapshot_dates=dates, **windows)
    stand_in = lines.assign(item_id=lines.get("item_id", "x"))
    expected = plain_loop(stand_in, dates, observation_days, outcome_days)
    expected = expected if "item_id" in columns else expected.drop(columns="items")
    assert len(ours) > 100
    pd.testing.assert_frame_equal(ours, expected, check_dtype=False, check_index_type=False, rtol=1e-12)


def test_both_passes_give_the_same_kinds_of_columns(lines, monkeypatch):
    tables = []
    for name in PASSES:
        monkeypatch.setattr("clvlib.retention.windows.snapshots.one_pass", getattr(_snapshot_passes, name))
        for ids in (lines["customer_id"], lines["customer_id"].astype(int), lines["customer_id"].astype("category")):
            tables.append(snapshot_table(lines.assign(customer_id=ids), snapshot_dates=["2024-03-01", "2024-04-01"]))
    for one, other in zip(tables[:3], tables[3:], strict=True):
        pd.testing.assert_frame_equal(one, other, rtol=1e-12)
    assert [str(table["customer_id"].dtype) for table in tables[:3]] == ["str", "int64", "category"]
    assert (tables[0].dtypes.drop(["customer_id", "snapshot_date", "came_back"]) == "float64").all()


def test_customers_with_many_lines_and_with_few_are_counted_alike(by):
    # the kernel looks back over few lines and keeps a table for many: 3 and 200 lines, the same orders and articles
    rng = np.random.default_rng(4)
    n = 203
    table = pd.DataFrame(
        {
            "customer_id": ["few"] * 3 + ["many"] * 200,
            "timestamp": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 60, n)), unit="D"),
            "amount": 1.0,
            "order_id": rng.integers(0, 40, n),
            "item_id": rng.integers(0, 6, n),
        }
    )
    table.loc[n] = ["few", pd.Timestamp("2024-02-29"), 1.0, 0, 0]
    dates = ["2024-01-31", "2024-02-10", "2024-02-20"]
    ours = snapshot_table(table, snapshot_dates=dates)
    expected = plain_loop(table, dates, 30, 7)
    pd.testing.assert_frame_equal(ours, expected, check_dtype=False, check_index_type=False)


def test_a_long_log_takes_the_kernel_and_a_cut_within_a_day_does_not(lines, monkeypatch):
    taken = []
    for name in PASSES:
        way = getattr(_snapshot_passes, name)
        monkeypatch.setattr(_snapshot_passes, name, lambda *a, way=way, name=name: (taken.append(name), way(*a))[1])
    snapshot_table(lines, snapshot_dates=["2024-03-01"])
    monkeypatch.setattr(_snapshot_passes, "COMPILED_FROM", 1)
    at_midnight = snapshot_table(lines, snapshot_dates=["2024-03-01"])
    at_noon = snapshot_table(lines, snapshot_dates=[pd.Timestamp("2024-03-01 12:00")])
    assert taken == ["counting_pass", "compiled_pass", "counting_pass"]
    morning = lines[lines["timestamp"].between("2024-03-01", "2024-03-01 12:00", inclusive="left")]
    bought = set(morning.loc[morning["amount"] >= 0, "customer_id"])
    assert bought
    assert set(at_noon.loc[at_noon["days_since_last_purchase"] == 0, "customer_id"]) == bought
    assert (at_midnight["days_since_last_purchase"] >= 1).all()


def test_a_time_zone_keeps_its_calendar_days_over_the_change_of_the_clock(by, lines):
    zone = "Europe/London"  # the clock moves on 31 March 2024
    local = lines.assign(timestamp=lines["timestamp"].dt.tz_localize(zone, nonexistent="shift_forward"))
    dates = snapshot_dates(local, step_days=10)
    assert str(dates.tz) == zone
    assert dates.tz_localize(None).equals(snapshot_dates(lines, step_days=10))
    ours = snapshot_table(local, snapshot_dates=dates)
    wall = snapshot_table(lines, snapshot_dates=dates.tz_localize(None))
    assert str(ours["snapshot_date"].dt.tz) == zone
    ours["snapshot_date"] = ours["snapshot_date"].dt.tz_localize(None)
    pd.testing.assert_frame_equal(ours, wall)
    written = snapshot_table(local, snapshot_dates=["2024-04-05"])
    assert len(split_snapshots(snapshot_table(local, snapshot_dates=dates), cut="2024-04-01", calibration_days=21).test)
    assert (written["snapshot_date"] == pd.Timestamp("2024-04-05", tz=zone)).all()
    with pytest.raises(ValueError, match="time zone America/Lima"):
        snapshot_table(local, snapshot_dates=[pd.Timestamp("2024-04-05", tz="America/Lima")])


def test_one_date_need_not_be_a_list(lines):
    one, listed = (snapshot_table(lines, snapshot_dates=dates) for dates in ("2024-03-01", ["2024-03-01"]))
    pd.testing.assert_frame_equal(one, listed)


def test_thousands_of_one_time_buyers_of_one_cohort(by):
    n = 5000
    lines = pd.DataFrame(
        {
            "customer_id": [f"c{i:05d}" for i in range(n)] + ["z"],
            "timestamp": [pd.Timestamp("2024-01-05")] * n + [pd.Timestamp("2024-02-20")],
            "amount": 10.0,
        }
    )
    lines = pd.concat([lines, lines.iloc[:1].assign(timestamp=pd.Timestamp("2024-01-01"), amount=-1.0)])
    table = snapshot_table(lines, snapshot_dates=["2024-02-01"])
    assert len(table) == n
    assert not table["came_back"].any()
    assert (table["mean_gap_days"] == 30).all()
    assert varying_features(table) == []


def test_refunds_alone_are_nobody_s_purchase(by):
    days = pd.to_datetime(["2024-01-01", "2024-01-20", "2024-02-20"])
    lines = pd.DataFrame({"customer_id": ["a", "b", "a"], "timestamp": days, "amount": [-1.0, -2.0, 5.0]})
    with pytest.raises(ValueError, match="nobody bought in the 30 days before any of the 1 dates"):
        snapshot_table(lines, snapshot_dates=["2024-01-31"])


@pytest.fixture(scope="module")
def shop():
    return make_shop(n_customers=60, n_days=200, random_state=3)


def test_sessions_match_a_loop_over_the_shop_s_events(shop):
    events = shop.tables["events"]
    dates = snapshot_dates(shop.lines, step_days=20)
    table = snapshot_table(shop.lines, snapshot_dates=dates, events=events.sample(frac=1, random_state=0))
    without = snapshot_table(shop.lines, snapshot_dates=dates)
    pd.testing.assert_frame_equal(table.drop(columns="sessions"), without)
    expected = []
    for row in table.itertuples():
        since = row.snapshot_date - pd.Timedelta(days=30)
        seen = events[(events["timestamp"] >= since) & (events["timestamp"] < row.snapshot_date)]
        expected.append(seen.loc[seen["customer_id"] == row.customer_id, "session_id"].nunique())
    assert table["sessions"].tolist() == expected
    assert (table["sessions"] >= table["orders"]).all(), "every order has a session before it"
    assert (table["sessions"] > table["orders"]).any()
    assert "sessions" in varying_features(table)


def test_nobody_else_s_sessions_and_none_after_the_cut(shop):
    events, cut = shop.tables["events"], snapshot_dates(shop.lines)[5]
    before = snapshot_table(shop.lines, snapshot_dates=[cut], events=events)
    spoiled = events.assign(session_id=events["session_id"].mask(events["timestamp"] >= cut, "new"))
    strangers, unknown = events.assign(customer_id="nobody"), events.assign(customer_id=None)
    again = snapshot_table(shop.lines, snapshot_dates=[cut], events=pd.concat([spoiled, strangers, unknown]))
    pd.testing.assert_frame_equal(again, before)


def test_events_that_do_not_cover_the_windows_are_refused(shop):
    late = shop.tables["events"][lambda table: table["timestamp"] >= "2023-03-01"]
    with pytest.raises(ValueError, match="windows need events from 2023-01-10 to before 2023-02-09, but they cover"):
        snapshot_table(shop.lines, snapshot_dates=["2023-02-09"], events=late)
    with pytest.raises(ValueError, match="no column session_id"):
        snapshot_table(shop.lines, snapshot_dates=["2023-02-09"], events=shop.lines)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda t: t.drop(columns="amount"), "no column amount"),
        (lambda t: t.assign(amount=t["amount"].mask(t.index < 2)), "amount is missing or infinite in 2 of 3000 lines"),
        (lambda t: t.assign(customer_id=t["customer_id"].mask(t.index < 3)), "customer_id is missing in 3 of 3000"),
        (lambda t: t.assign(timestamp=t["timestamp"].astype(str)), "not times"),
        (
            lambda t: t.assign(
                timestamp=[
                    time.tz_localize("UTC" if place % 2 else "Asia/Tokyo") for place, time in enumerate(t["timestamp"])
                ]
            ).astype({"timestamp": object}),
            "timestamp holds object, not times",
        ),
    ],
    ids=["no amount", "amount missing", "customer missing", "text", "time zones mixed"],
)
def test_a_log_that_is_none_is_refused_with_a_remedy(lines, spoil, message):
    with pytest.raises(ValueError, match=message) as refusal:
        snapshot_table(spoil(lines), snapshot_dates=["2024-03-01"])
    assert "read" in str(refusal.value)


@pytest.mark.parametrize("days", [0, -3, 2.5, "30", True])
def test_windows_are_whole_days(lines, days):
    with pytest.raises(ValueError, match="observation_days must be"):
        snapshot_table(lines, snapshot_dates=["2024-03-01"], observation_days=days)
    with pytest.raises(ValueError, match="outcome_days must be"):
        snapshot_dates(lines, outcome_days=days)


@pytest.mark.parametrize("date", ["soon", None, 20240301])
def test_a_date_that_is_none_is_refused(lines, date):
    with pytest.raises(ValueError, match="is no date"):
        snapshot_table(lines, snapshot_dates=[date])


def test_events_of_another_kind_of_ids_are_refused_instead_of_counting_nobody(shop):
    events = shop.tables["events"].dropna(subset="customer_id")
    events = events.assign(customer_id=pd.factorize(events["customer_id"])[0])
    with pytest.raises(ValueError, match=r"none of the .* is in the .* events: ids are str in the log and int64"):
        snapshot_table(shop.lines, snapshot_dates=["2023-03-01"], events=events)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
@pytest.mark.parametrize("rows", [slice(None), slice(1)])
def test_a_feature_that_is_not_known_is_not_dropped_as_constant(wrong, rows):
    table = pd.DataFrame({"orders": [1.0, 2.0, 3.0], "spend": 4.0})
    table.loc[rows, "spend"] = wrong
    with pytest.raises(ValueError, match=r"spend: . of 3 rows are NaN, infinite"):
        varying_features(table)


def test_lines_without_an_order_are_one_order_a_day(by):
    days = pd.to_datetime(
        ["2024-01-01 07:00", "2024-01-10 08:00", "2024-01-10 09:00", "2024-01-12 07:00", "2024-01-13 07:00"]
    )
    lines = pd.DataFrame(
        {"customer_id": "a", "amount": 1.0, "timestamp": days, "order_id": ["x", None, None, None, "x"]}
    )
    lines = pd.concat([lines, lines.assign(customer_id="b", order_id=None)])
    table = snapshot_table(lines, snapshot_dates=["2024-01-14"], observation_days=10, outcome_days=None)
    assert table["orders"].tolist() == [3, 3], "two days and x; three days"


def test_a_column_that_stands_there_twice_is_refused(lines):
    twice = pd.concat([lines, lines[["order_id"]]], axis=1)
    with pytest.raises(ValueError, match="more than one column order_id"):
        snapshot_table(twice, snapshot_dates=["2024-03-01"])


@pytest.mark.parametrize(
    ("zone", "changes"), [("America/Sao_Paulo", "2018-11-04"), ("America/Havana", "2023-11-05")], ids=["no", "two"]
)
def test_a_day_without_a_midnight_or_with_two_begins_with_its_first_moment(zone, changes):
    start = pd.Timestamp(changes)
    wall = pd.DataFrame({"customer_id": [*"aabab"], "amount": 1.0})
    wall["timestamp"] = start + pd.to_timedelta([-480, -120, -1, 2, 216], unit="h")
    local = wall.assign(timestamp=wall["timestamp"].dt.tz_localize(zone, ambiguous=True))
    options = {"observation_days": 9, "outcome_days": 2}
    dates = snapshot_dates(local, step_days=1, **options)
    first = (
        pd.Timestamp(changes + " 01:00", tz=zone)
        if zone.endswith("Paulo")
        else pd.Timestamp(changes).tz_localize(zone, ambiguous=True)
    )
    assert first in dates
    ours = snapshot_table(local, snapshot_dates=dates, **options)
    plain = snapshot_table(wall, snapshot_dates=snapshot_dates(wall, step_days=1, **options), **options)
    pd.testing.assert_frame_equal(ours.drop(columns="snapshot_date"), plain.drop(columns="snapshot_date"))
    pieces = split_snapshots(ours, cut=changes, calibration_days=3)
    assert pieces.test["snapshot_date"].min() == first
    same = split_snapshots(plain, cut=changes, calibration_days=3)
    assert [len(piece) for piece in pieces] == [len(piece) for piece in same]
