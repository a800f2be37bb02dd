"""Snapshots: against a plain loop over customers and dates, half-open windows, and no look past the cut."""

import numpy as np
import pandas as pd
import pytest

from clvlib.retention.snapshots import FEATURES, snapshot_dates, snapshot_table, split_snapshots, varying_features


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


@pytest.mark.parametrize("with_orders", [True, False])
def test_all_dates_in_one_pass_match_a_plain_loop(lines, with_orders):
    lines = lines if with_orders else lines.drop(columns="order_id")
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
