"""Stages are milestones, states say who is still there: by hand, against a slow loop, and on the shop's known truth."""

import numpy as np
import pandas as pd
import pytest

from clvlib.customers import STAGES, STATES, lifecycle_stages, revenue_threshold, stage_history, stage_table
from clvlib.datasets import load_cdnow, make_shop


def _lines(*rows):
    customer, day, amount = zip(*rows, strict=True)
    return pd.DataFrame(
        {
            "customer_id": customer,
            "timestamp": pd.to_datetime(list(day), format="ISO8601"),
            "amount": list(map(float, amount)),
        }
    )


@pytest.fixture(scope="module")
def shop():
    return make_shop(n_customers=150, n_days=400, random_state=3)


def _slow(lines, cut, inactive_days):
    """State, since and number of purchase days of each customer, one purchase after the other."""
    found = {}
    for customer, own in lines[lines["timestamp"] < cut].groupby("customer_id"):
        days = sorted(set(own.loc[own["amount"] >= 0, "timestamp"].dt.normalize()))
        state, since, last = None, None, None
        for day in days:
            gap = None if last is None else (day - last).days
            if gap is None:
                state, since = "new", day
            elif gap >= inactive_days:
                state, since = "reactivated", day
            elif state != "active":
                state, since = "active", day
            last = day
        if last is not None and (cut - last).days >= inactive_days:
            state, since = "dormant", last + pd.Timedelta(days=inactive_days)
        if last is not None:
            found[customer] = (state, since, len(days))
    return found


@pytest.mark.parametrize("inactive_days", [20, 60, 1000])
def test_states_are_those_of_a_loop_over_purchases(shop, inactive_days):
    for cut in ["2023-03-01", "2023-07-15", "2024-01-01"]:
        table = lifecycle_stages(shop.lines, as_of=cut, inactive_days=inactive_days).set_index("customer_id")
        slow = _slow(shop.lines, pd.Timestamp(cut), inactive_days)
        assert sorted(slow) == list(table.index)
        for customer, (state, since, n_days) in slow.items():
            row = table.loc[customer]
            assert (row["state"], row["since"]) == (state, since)
            assert (row["stage"] == "activation") == (n_days == 1)


def test_the_life_of_one_customer_day_by_day():
    lines = _lines(("a", "2024-01-01 09:00", 5), ("a", "2024-01-01 18:00", 5), ("a", "2024-01-08", 5),
                   ("a", "2024-02-20", 5), ("z", "2024-04-01", 1))  # fmt: skip
    history = stage_history(lines, ["2024-01-02", "2024-01-09", "2024-02-06", "2024-02-07", "2024-02-21", "2024-03-22"],
                            inactive_days=30)  # fmt: skip
    own = history[history["customer_id"] == "a"]
    assert own["state"].tolist() == ["new", "active", "active", "dormant", "reactivated", "dormant"]
    assert own["stage"].tolist() == ["activation", *["retention"] * 5]
    since = ["2024-01-01", "2024-01-08", "2024-01-08", "2024-02-07", "2024-02-20", "2024-03-21"]
    assert own["since"].dt.strftime("%Y-%m-%d").tolist() == since


def test_history_is_one_lifecycle_after_the_other(shop):
    tables = shop.tables
    options = {"inactive_days": 45, "revenue_from": 120.0, "customers": tables["customers"], "events": tables["events"]}
    dates = ["2023-06-01", "2023-03-01", "2023-12-01"]
    history = stage_history(shop.lines, dates, **options)
    assert history["snapshot_date"].is_monotonic_increasing
    for date, rows in history.groupby("snapshot_date"):
        alone = lifecycle_stages(shop.lines, as_of=date, **options)
        pd.testing.assert_frame_equal(rows.drop(columns="snapshot_date").reset_index(drop=True), alone)


def test_what_comes_later_changes_nothing(shop):
    cut = pd.Timestamp("2023-07-01")
    known = shop.lines[shop.lines["timestamp"] < cut]
    assert known["timestamp"].max() >= cut - pd.Timedelta(days=1)
    both = [lifecycle_stages(lines, as_of=cut, inactive_days=60) for lines in (known, shop.lines)]
    pd.testing.assert_frame_equal(*both)


def test_the_order_of_lines_does_not_matter(shop):
    mixed = shop.lines.sample(frac=1, random_state=0)
    both = [lifecycle_stages(lines, inactive_days=60) for lines in (shop.lines, mixed)]
    pd.testing.assert_frame_equal(*both)


def test_milestones_of_the_shop_are_those_of_its_tables(shop):
    people = shop.tables["customers"]
    cut = pd.Timestamp("2023-09-01")
    stages = lifecycle_stages(shop.lines, as_of=cut, inactive_days=60, customers=people).set_index("customer_id")
    by_then = people[people["acquired"] < cut]
    assert set(by_then["customer_id"]) == set(stages.index)
    brought = set(by_then["referrer_id"].dropna())
    assert brought
    assert set(stages.index[stages["stage"] == "referral"]) == brought
    assert list(stages["stage"].cat.categories) == list(STAGES)


def test_a_customer_lost_in_truth_is_silent_longer_than_one_still_there(shop):
    truth = shop.tables["truth"].set_index("customer_id")
    state = lifecycle_stages(shop.lines, as_of="2024-02-01", inactive_days=60).set_index("customer_id")["state"]
    lost = truth["lost_on"].reindex(state.index) < pd.Timestamp("2023-11-01")
    assert (state[lost] == "dormant").all()
    assert (state[~lost] == "dormant").mean() < 0.9


def test_acquisition_needs_a_table_and_is_not_recorded_without():
    lines = _lines(("a", "2024-01-05", 5), ("a", "2024-01-09", 5))
    people = pd.DataFrame({"customer_id": ["a", "p"], "acquired": pd.to_datetime(["2024-01-04", "2024-01-08"])})
    plain = stage_table(lifecycle_stages(lines, inactive_days=30)).set_index("stage")
    assert plain.loc[["acquisition", "referral"], "note"].tolist() == ["not recorded"] * 2
    assert plain.loc[["acquisition", "referral"], "customers"].isna().all()
    stages = lifecycle_stages(lines, as_of="2024-01-09", inactive_days=30, customers=people)
    assert stages[["customer_id", "stage", "state"]].to_numpy().tolist() == [
        ["a", "activation", "new"],
        ["p", "acquisition", "prospect"],
    ]
    told = stage_table(stages).set_index("stage")
    assert told.loc["acquisition", "prospect"] == 1
    assert told.loc["acquisition", "note"] == ""
    seen = pd.DataFrame({"customer_id": ["q"], "timestamp": pd.to_datetime(["2024-01-02"])})
    assert lifecycle_stages(lines, as_of="2024-01-04", inactive_days=30, events=seen)["customer_id"].tolist() == ["q"]


def test_referral_counts_others_only_and_from_the_day_they_came():
    lines = _lines(("a", "2024-01-05", 5), ("b", "2024-01-09", 5))
    people = pd.DataFrame({"customer_id": ["a", "b"], "acquired": pd.to_datetime(["2024-01-05", "2024-01-09"]),
                           "referrer_id": ["a", "a"]})  # fmt: skip
    for as_of, stage in [("2024-01-09", "activation"), ("2024-01-10", "referral")]:
        table = lifecycle_stages(lines, as_of=as_of, inactive_days=30, customers=people)
        assert table["stage"].tolist()[0] == stage


def test_refunds_buy_nothing_and_lower_what_was_spent():
    lines = _lines(("a", "2024-01-05", 50), ("a", "2024-01-09", 50), ("a", "2024-02-20", -60), ("b", "2024-01-01", -9),
                   ("b", "2024-01-07", 10), ("c", "2024-01-03", -5))  # fmt: skip
    early, late = (lifecycle_stages(lines, as_of=date, inactive_days=30, revenue_from=80) for date in
                   ["2024-02-01", "2024-02-21"])  # fmt: skip
    assert early["customer_id"].tolist() == late["customer_id"].tolist() == ["a", "b"]
    assert early["stage"].tolist() == ["revenue", "activation"]
    assert late["stage"].tolist() == ["retention", "activation"]
    assert late["state"].tolist() == ["dormant", "dormant"]
    assert revenue_threshold(lines, revenue_share=0.5) == 40  # b's refund belongs to a purchase before the log


def test_equal_spenders_are_never_divided():
    same = _lines(*[(f"c{i}", day, 10) for i in range(1000) for day in ("2024-01-01", "2024-01-03")])
    assert revenue_threshold(same, revenue_share=0.2) == np.inf
    assert set(lifecycle_stages(same, inactive_days=30)["stage"]) == {"retention"}
    one_more = pd.concat([same, _lines(("rich", "2024-01-01", 30), ("rich", "2024-01-02", 30))])
    found = lifecycle_stages(one_more, inactive_days=30)
    assert found.loc[found["stage"] == "revenue", "customer_id"].tolist() == ["rich"]


def test_the_threshold_of_a_history_is_known_at_its_first_date():
    lines = _lines(("a", "2024-01-01", 10), ("a", "2024-01-02", 10), ("b", "2024-01-01", 1), ("b", "2024-01-03", 1),
                   ("c", "2024-02-01", 500), ("c", "2024-02-02", 500))  # fmt: skip
    history = stage_history(lines, ["2023-12-01", "2024-01-10", "2024-02-03"], inactive_days=60, revenue_share=0.5)
    rich = history[history["stage"] == "revenue"].groupby("snapshot_date")["customer_id"].agg(list)
    assert rich.tolist() == [["a"], ["a", "c"]]


def test_cdnow_has_1411_customers_of_one_purchase_day_at_the_published_cut():
    # Fader & Hardie (2005), CDNOW 1/10 sample: 1,411 of 2,357 customers have x = 0 through 30 September 1997
    stages = lifecycle_stages(load_cdnow().lines, as_of="1997-10-01", inactive_days=90)
    assert len(stages) == 2357
    assert (stages["stage"] == "activation").sum() == 1411


def test_thousands_of_one_time_buyers_and_one_cohort():
    lines = _lines(*[(f"c{i:05}", "2024-01-01", 10) for i in range(3000)])
    table = stage_table(lifecycle_stages(lines, inactive_days=30)).set_index("stage")
    assert table.loc["activation", ["customers", "new", "share"]].tolist() == [3000, 3000, 1.0]
    assert table.loc["retention", "customers"] == 0


def test_days_are_those_of_the_logs_clock_and_ids_may_be_numbers():
    naive = _lines(("a", "2024-03-30 23:30", 5), ("a", "2024-03-31 23:30", 5), ("a", "2024-04-05", 5))
    zoned = naive.assign(timestamp=naive["timestamp"].dt.tz_localize("Europe/Berlin"), customer_id=7)
    for as_of in ["2024-03-31", "2024-04-01", "2024-04-04"]:
        here, there = (lifecycle_stages(lines, as_of=as_of, inactive_days=4) for lines in (naive, zoned))
        assert there["since"].dt.tz is not None
        assert there["customer_id"].tolist() == [7]
        assert here["state"].tolist() == there["state"].tolist()
        assert here["since"].tolist() == there["since"].dt.tz_localize(None).tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"as_of": "2025-01-01"}, "after the log's end"),
        ({"as_of": "2023-12-31"}, "no customer is known"),
        ({"as_of": pd.Timestamp("2024-01-06 12:00")}, "within a day"),
        ({"as_of": "yesterday evening"}, "no date"),
        ({"as_of": pd.NaT}, "no date"),
        ({"as_of": object()}, "no date"),
        ({"as_of": pd.Timestamp("2024-01-06", tz="UTC")}, "time zone"),
        ({"inactive_days": 0}, "inactive_days must be a whole number of at least 1"),
        ({"inactive_days": 1.5}, "whole number"),
        ({"revenue_share": 1.0}, "between 0 and 1"),
        ({"revenue_from": float("nan")}, "revenue_from"),
        ({"customers": pd.DataFrame({"customer_id": ["a"]})}, "no acquired"),
        ({"customers": pd.DataFrame({"customer_id": ["a"], "acquired": ["2024-01-01"]})}, "pd.to_datetime"),
        ({"events": pd.DataFrame({"session_id": ["s"]})}, "customer_id, timestamp"),
    ],
)
def test_bad_input_is_told_what_is_wrong(options, message):
    lines = _lines(("a", "2024-01-05", 5), ("a", "2024-01-09", 5))
    with pytest.raises(ValueError, match=message):
        lifecycle_stages(lines, **({"inactive_days": 30} | options))


def test_bad_logs_and_dates_are_told_what_is_wrong():
    lines = _lines(("a", "2024-01-05", 5), ("a", "2024-01-09", 5))
    for wrong, message in [
        (lines.drop(columns="amount"), "no column amount"),
        (lines.assign(timestamp=["2024-01-05 10:00+01:00", "2024-01-09 10:00-05:00"]), "not times"),
        (lines.assign(amount=-1.0), "none of them a purchase"),
        (lines.iloc[:0], "no lines"),
    ]:
        with pytest.raises(ValueError, match=message):
            lifecycle_stages(wrong, inactive_days=30)
    with pytest.raises(ValueError, match="twice"):
        stage_history(lines, ["2024-01-06", "2024-01-06"], inactive_days=30)
    with pytest.raises(ValueError, match="no date to look at"):
        stage_history(lines, [], inactive_days=30)
    with pytest.raises(ValueError, match="use lifecycle_stages"):
        stage_table(pd.DataFrame({"stage": ["activation"]}))


def test_states_are_five_and_stages_end_with_referral():
    # S3 section 2.1 calls the fifth stage recommendation; AARRR's is referral (errata E36)
    assert STAGES == ("acquisition", "activation", "retention", "revenue", "referral")
    assert {"dormant", "reactivated"} <= set(STATES)


def test_ids_of_two_kinds_are_refused_or_put_in_order():
    lines = _lines(("1", "2024-01-05", 5), ("2", "2024-01-09", 5))
    known = pd.DataFrame({"customer_id": [1, 2], "acquired": pd.to_datetime(["2024-01-05"] * 2)})
    with pytest.raises(ValueError, match="integer there and string in the log"):
        lifecycle_stages(lines, inactive_days=30, customers=known)
    mixed = lines.assign(customer_id=pd.Series([2, "1"], dtype=object))
    assert lifecycle_stages(mixed, inactive_days=30)["customer_id"].tolist() == [2, "1"]


def test_options_of_another_kind_are_refused_in_words():
    lines = _lines(("a", "2024-01-05", 5), ("a", "2024-01-09", 5))
    for options, message in [
        ({"revenue_from": "abc"}, "revenue_from must be a number"),
        ({"revenue_share": "a"}, "revenue_share must be a share"),
        ({"revenue_share": None}, "revenue_share must be a share"),
        ({"customers": [1]}, "the table customers must be a DataFrame"),
    ]:
        with pytest.raises(ValueError, match=message):
            lifecycle_stages(lines, inactive_days=30, **options)
    with pytest.raises(ValueError, match="stages must be a DataFrame"):
        stage_table(None)
    with pytest.raises(ValueError, match="no customer is known before 2023-12-31"):
        revenue_threshold(lines, as_of="2023-12-31")
