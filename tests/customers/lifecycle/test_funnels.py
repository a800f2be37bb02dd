"""Funnels of sessions and of customers: nested, in order, and silent about what is not recorded."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clvlib.customers import CUSTOMER_STEPS, ESHOP_STEPS, ONLINE_SHOPPERS_STEPS, customer_funnel, session_funnel
from clvlib.datasets import load_eshop_clicks, load_online_shoppers, make_shop
from clvlib.metrics.intervals import wilson_interval

FILES = Path(os.environ.get("CLVLIB_DATA", "/nowhere"))
needs_data = pytest.mark.skipif(
    not (FILES / "online_shoppers_intention").is_dir(), reason="NOT TESTED: the session logs are not at hand"
)
STEPS = ["session", "view", "cart", "purchase"]


def events_of(*rows):
    """(customer, session, minute of 2024, event) a row."""
    table = pd.DataFrame(rows, columns=["customer_id", "session_id", "minute", "event"])
    table["timestamp"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(table.pop("minute"), unit="min")
    return table


@pytest.fixture(scope="module")
def shop_events():
    return make_shop(n_customers=300, random_state=5).tables["events"]


# ---- sessions -----------------------------------------------------------------------------------------------------


@needs_data
def test_online_shoppers_funnel_has_the_published_counts_of_sakar_2019():
    sessions = load_online_shoppers().sessions
    table = session_funnel(sessions, ONLINE_SHOPPERS_STEPS).set_index("step")
    assert table["sessions"].dropna().tolist() == [12_330, 12_292, 11_670, 1_889]
    bought = table.loc["bought"]
    assert bought["sessions"] + bought["skipped"] == sessions["purchased"].sum() == 1_908
    assert bought["share_of_previous"] == 1_889 / 11_670  # of the last recorded step, since the cart is not
    assert (bought["low"], bought["high"]) == wilson_interval(1_889, 11_670)
    cart = table.loc["put it in the cart"]
    assert cart["note"] == "not recorded"
    assert cart.drop("note").isna().all()


@needs_data
def test_eshop_funnel_ends_with_not_recorded_and_never_with_zero():
    table = session_funnel(load_eshop_clicks().sessions, ESHOP_STEPS)
    assert table["sessions"].tolist()[:2] == [24_026, 18_570]
    assert table["sessions"].isna().tolist() == [False, False, False, True, True]
    assert table["note"].tolist() == ["", "", "", "not recorded", "not recorded"]


def test_session_funnel_of_events_is_that_of_a_loop(shop_events):
    shop_events = shop_events[shop_events["customer_id"] <= "C000030"]
    table = session_funnel(shop_events, STEPS)
    counts = dict.fromkeys(STEPS, 0)
    for _, own in shop_events.sort_values("timestamp", kind="stable").groupby("session_id"):
        counts["session"] += 1
        at = pd.Timestamp.min
        for step in STEPS[1:]:
            times = own.loc[(own["event"] == step) & (own["timestamp"] >= at), "timestamp"]
            if times.empty:
                break
            at, counts[step] = times.min(), counts[step] + 1
    assert table["sessions"].tolist() == list(counts.values())
    assert table["sessions"].is_monotonic_decreasing
    assert table["skipped"].tolist() == [0, 0, 0, 0]


def test_a_step_before_its_turn_does_not_count_and_is_told():
    events = events_of(("a", "1", 0, "cart"), ("a", "1", 5, "view"), ("b", "2", 0, "view"), ("b", "2", 0, "cart"))
    table = session_funnel(events, ["view", "cart"])
    assert table["sessions"].tolist() == [2, 1]  # at the same moment is in order: stamps are of whole seconds
    assert table["skipped"].tolist() == [0, 1]
    shuffled = session_funnel(events.iloc[::-1], ["view", "cart"])
    pd.testing.assert_frame_equal(table, shuffled)


def test_shares_and_intervals_match_wilson_1927():
    sessions = pd.DataFrame({"session_id": range(10), "pages": [0] * 2 + [3] * 8, "bought": [False] * 9 + [True]})
    steps = {
        "came": lambda s: s["pages"] >= 0,
        "looked": lambda s: s["pages"] > 0,
        "asked": None,
        "bought": lambda s: s["bought"],
    }
    table = session_funnel(sessions, steps, level=0.9)
    assert table["share_of_first"].tolist() == [1.0, 0.8, pytest.approx(np.nan, nan_ok=True), 0.1]
    assert table["share_of_previous"].iloc[[1, 3]].tolist() == [0.8, 0.125]
    assert tuple(table.loc[3, ["low", "high"]]) == wilson_interval(1, 8, level=0.9)
    assert table.loc[0, ["share_of_previous", "low", "high"]].isna().all()


def test_a_step_nobody_reached_is_zero_and_what_follows_has_no_share():
    events = events_of(("a", "1", 0, "view"), ("b", "2", 0, "cart"))
    table = session_funnel(events, ["view", "cart", "session"])
    assert table["sessions"].tolist() == [1, 0, 0]
    assert table.loc[1, "share_of_previous"] == 0.0
    assert np.isnan(table.loc[2, "share_of_previous"])


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ([], "steps is empty"),
        ("view", "list of events"),
        (None, "list of events"),
        (["view", "checkout"], "no event is called 'checkout'.*cart, purchase, view"),
        (["view", "view"], "named twice"),
        ({"looked": lambda s: s["pages"] > 0}, "these are events"),
    ],
)
def test_steps_that_cannot_be_are_told(shop_events, steps, told):
    with pytest.raises(ValueError, match=told):
        session_funnel(shop_events, steps)


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ({"looked": lambda s: s["pages"] > 0}, "needs a column 'pages' that the 2 sessions do not have"),
        ({"looked": "view"}, "give a function"),
        ({"looked": lambda s: [True]}, "True or False for each of 2 sessions"),
        ({"looked": lambda s: s["session_id"]}, "True or False"),
        ({"looked": None}, "none of the steps is recorded"),
        ({"looked": lambda s: s["session_id"] == "z"}, "nothing reached the first recorded step"),
        (["view"], "no column event.*ONLINE_SHOPPERS_STEPS"),
    ],
)
def test_rules_that_cannot_be_are_told(steps, told):
    with pytest.raises(ValueError, match=told):
        session_funnel(pd.DataFrame({"session_id": ["1", "2"]}), steps)


def test_tables_that_are_none_are_told(shop_events):
    with pytest.raises(ValueError, match="no sessions"):
        session_funnel(shop_events.iloc[:0], STEPS)
    with pytest.raises(ValueError, match="must be a DataFrame, not dict"):
        session_funnel({"session_id": ["1"]}, STEPS)
    with pytest.raises(ValueError, match="no column timestamp"):
        session_funnel(shop_events.drop(columns="timestamp"), STEPS)


# ---- customers ----------------------------------------------------------------------------------------------------

PEOPLE = events_of(
    *(("a", "1", 0, "view"), ("a", "1", 2, "cart"), ("a", "1", 4, "purchase"), ("a", "1", 4, "purchase")),
    *(("a", "2", 2880, "view"), ("a", "2", 2890, "cart"), ("a", "2", 2900, "purchase")),
    *(("b", "3", 10, "view"), ("b", "4", 1450, "cart"), ("b", "4", 1455, "purchase")),  # over two sessions
    *(("c", "5", 20, "purchase"), ("c", "5", 25, "view")),  # bought before anything was looked at
    *(("d", "6", 4000, "search"),),
)


def test_customer_funnel_follows_each_customer_over_sessions():
    table = customer_funnel(PEOPLE)
    assert table["step"].tolist() == list(CUSTOMER_STEPS)
    assert table["customers"].tolist() == [4, 3, 2, 2, 1]
    assert table["share_of_first"].tolist() == [1.0, 0.75, 0.5, 0.5, 0.25]
    assert (table.loc[2, "low"], table.loc[2, "high"]) == wilson_interval(2, 3)
    assert table["median_days"].tolist()[1:] == pytest.approx([0.0, (2 + 1440) / 2 / 1440, 3.5 / 1440, 2896 / 1440])


def test_two_lines_of_one_session_are_no_second_purchase():
    assert customer_funnel(PEOPLE[PEOPLE["session_id"] == "1"])["customers"].tolist() == [1, 1, 1, 1, 0]


def test_within_days_watches_everybody_equally_long_and_counts_who_is_left_out():
    table = customer_funnel(PEOPLE, within_days=1)
    assert table["customers"].tolist() == [3, 3, 1, 1, 0]  # d came on the log's last day
    assert table.loc[0, "note"] == "customers left out, not yet watched for 1 days: 1"
    with pytest.raises(ValueError, match="none of the 4 customers has been watched for 30 days"):
        customer_funnel(PEOPLE, within_days=30)


def test_customer_funnel_knows_nothing_after_as_of(shop_events):
    cut = pd.Timestamp("2023-09-01")
    before = customer_funnel(shop_events[shop_events["timestamp"] < cut], as_of=cut)
    pd.testing.assert_frame_equal(customer_funnel(shop_events, as_of="2023-09-01"), before)
    assert before.loc[0, "customers"] < 300


def test_every_customer_of_make_shop_comes_by_buying(shop_events):
    """The simulation starts a customer with an order: the funnel up to it is full by construction, and says nothing."""
    table = customer_funnel(shop_events)
    assert table["customers"].tolist()[:4] == [300] * 4
    lines = make_shop(n_customers=300, random_state=5).lines
    orders = lines[lines["amount"] > 0].groupby("customer_id")["order_id"].nunique()
    assert table.loc[4, "customers"] == (orders >= 2).sum()


def test_a_time_zone_changes_no_count(shop_events):
    zoned = shop_events.assign(timestamp=shop_events["timestamp"].dt.tz_localize("UTC").dt.tz_convert("Asia/Shanghai"))
    pd.testing.assert_frame_equal(customer_funnel(shop_events), customer_funnel(zoned))


@pytest.mark.parametrize(
    ("change", "settings", "told"),
    [
        (lambda e: e.drop(columns="customer_id"), {}, "no column customer_id"),
        (lambda e: e.drop(columns="event"), {}, "has no event"),
        (lambda e: e.assign(customer_id=None), {}, "customer_id is missing in 13 of 13"),
        (lambda e: e.assign(timestamp="monday"), {}, "timestamp holds"),
        (lambda e: e, {"as_of": "2023-01-01"}, "no event lies before"),
        (lambda e: e, {"as_of": "2025-01-01"}, "after the log's end"),
        (lambda e: e, {"as_of": 5}, "is no date"),
        (lambda e: e, {"within_days": 0}, "within_days must be a whole number"),
    ],
)
def test_events_that_cannot_be_used_are_told(change, settings, told):
    with pytest.raises(ValueError, match=told):
        customer_funnel(change(PEOPLE), **settings)


def test_levels_and_steps_of_another_kind_are_refused_in_words():
    events = pd.DataFrame({"customer_id": ["a"], "session_id": ["1"], "event": ["view"],
                           "timestamp": pd.to_datetime(["2024-01-01"])})  # fmt: skip
    with pytest.raises(ValueError, match="level must be a share"):
        customer_funnel(events, level="a")
    with pytest.raises(ValueError, match="steps are called by names"):
        session_funnel(events, [["view"]])
