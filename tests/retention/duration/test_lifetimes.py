"""When a customer counts as lost, how long that can be watched, and what a simulated truth says to it."""

import numpy as np
import pandas as pd
import pytest

from clvlib.datasets import make_shop
from clvlib.retention import lifetime_table, survival_curve


def lines_of(days, *, customer="a", amount=10.0, until="2024-12-31"):
    """One line on each day of 2024 (numbered from 0), and another customer who keeps the log open."""
    when = pd.to_datetime("2024-01-01") + pd.to_timedelta(days, unit="D")
    mine = pd.DataFrame({"customer_id": customer, "timestamp": when, "amount": amount})
    other = pd.DataFrame({"customer_id": ["z"], "timestamp": [pd.Timestamp(until)], "amount": [1.0]})
    return pd.concat([mine, other], ignore_index=True).sort_values("timestamp", ignore_index=True)


def of(table, customer="a"):
    return table.set_index("customer_id").loc[customer, ["duration_days", "ended", "watched_days"]].tolist()


def test_lifetime_ends_with_the_last_day_before_the_silence():
    # 366 days of 2024; watched until day 366 - 60
    assert of(lifetime_table(lines_of([0, 20, 70, 71]), inactive_days=60)) == [71, True, 306]


def test_a_silence_of_exactly_inactive_days_ends_it_and_one_day_less_does_not():
    assert of(lifetime_table(lines_of([0, 60, 100]), inactive_days=60))[:2] == [0, True]
    assert of(lifetime_table(lines_of([0, 59, 100]), inactive_days=60))[:2] == [100, True]


def test_a_recent_silence_decides_nothing():
    assert of(lifetime_table(lines_of([0, 50, 100, 150, 200, 250, 300, 310]), inactive_days=60)) == [306, False, 306]
    assert of(lifetime_table(lines_of([0, 50, 100, 150, 200, 250, 300, 306]), inactive_days=60)) == [306, True, 306]


def test_refunds_are_no_sign_of_life():
    lines = pd.concat([lines_of([0]), lines_of([30], amount=-5.0)]).sort_values("timestamp")
    assert of(lifetime_table(lines, inactive_days=60))[:2] == [0, True]


def test_what_comes_after_as_of_changes_nothing():
    days = [0, 40, 80, 200, 210, 300]
    long, short = lines_of(days), lines_of([d for d in days if d < 180], until="2024-06-28")
    early = lifetime_table(long, inactive_days=60, as_of="2024-06-29")
    assert of(early) == of(lifetime_table(short, inactive_days=60))


def test_from_snapshots_time_runs_from_the_snapshot_in_the_spell_it_falls_in():
    lines = lines_of([0, 10, 100, 120, 130])
    at = pd.to_datetime("2024-01-01") + pd.to_timedelta([15, 105, 125, 135], unit="D")
    snapshots = pd.DataFrame({"customer_id": "a", "snapshot_date": at}, index=[7, 3, 9, 1])
    table = lifetime_table(lines, inactive_days=60, snapshots=snapshots)
    assert table.index.tolist() == [7, 3, 9, 1]
    assert table["duration_days"].tolist() == [0, 25, 5, 0]
    assert table["ended"].all()
    assert table["watched_days"].tolist() == [291, 201, 181, 171]


def test_starts_that_cannot_be_watched_are_left_out():
    lines = pd.concat([lines_of([0]), lines_of([320], customer="late")]).sort_values("timestamp")
    assert lifetime_table(lines, inactive_days=60)["customer_id"].tolist() == ["a"]


def test_lifetimes_of_a_shop_with_known_truth():
    shop = make_shop(n_customers=1500, n_days=730, alpha=15.0, random_state=3)
    truth = shop.tables["truth"].merge(shop.tables["customers"][["customer_id", "acquired"]], on="customer_id")
    end = pd.Timestamp("2023-01-02") + pd.Timedelta(days=730)
    table = lifetime_table(shop.lines, inactive_days=90).merge(truth, on="customer_id")
    true_days = (table["lost_on"].fillna(end) - table["acquired"]) / pd.Timedelta(days=1)
    frequent = table["purchase_rate"] > 1 / 15  # seldom buyers are taken for lost between two purchases
    for horizon in (30, 90, 180):
        watched = frequent & (table["watched_days"] > horizon)
        told = (table.loc[watched, "duration_days"] >= horizon).mean()
        true = (true_days[watched] >= horizon).mean()
        assert watched.sum() > 250
        assert told == pytest.approx(true, abs=0.06), horizon
    curve = survival_curve(table[frequent])
    assert curve["survival"].iloc[-1] < 0.6


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"inactive_days": 0}, "inactive_days must be at least 1"),
        ({"inactive_days": 60.5}, "inactive_days must be a whole number"),
        ({"inactive_days": 60, "as_of": "2026-01-01"}, "after the log's end"),
        ({"inactive_days": 60, "as_of": "2024-01-01"}, "none of 2 lines is a purchase before"),
        ({"inactive_days": 400}, "fewer inactive_days"),
        ({"inactive_days": 60, "as_of": True}, "is no date"),
        ({"inactive_days": 60, "as_of": pd.Timestamp("2024-06-01", tz="UTC")}, "time zone"),
    ],
)
def test_bad_options_are_refused_with_a_remedy(options, said):
    with pytest.raises(ValueError, match=said):
        lifetime_table(lines_of([0]), **options)


def test_mixed_time_zones_are_refused():
    lines = lines_of([0])
    mixed = [pd.Timestamp("2024-01-01", tz="Europe/Berlin"), pd.Timestamp("2024-02-01", tz="UTC")]
    with pytest.raises(ValueError, match="timestamp"):
        lifetime_table(lines.assign(timestamp=pd.Series(mixed, dtype=object)), inactive_days=30)


@pytest.mark.parametrize(
    ("customer", "day", "said"),
    [("nobody", 20, "1 of 1 rows"), ("a", 0, "1 of 1 rows"), ("a", 70, "1 of 1 rows")],
    ids=["unknown", "before the first purchase", "silent already"],
)
def test_snapshots_of_customers_who_are_not_active_are_refused(customer, day, said):
    at = pd.to_datetime("2024-01-01") + pd.to_timedelta([day], unit="D")
    snapshots = pd.DataFrame({"customer_id": [customer], "snapshot_date": at})
    with pytest.raises(ValueError, match=said):
        lifetime_table(lines_of([0, 10]), inactive_days=60, snapshots=snapshots)


def test_snapshots_without_rows_or_columns_are_refused():
    empty = pd.DataFrame({"customer_id": [], "snapshot_date": pd.to_datetime([])})
    for snapshots in (empty, pd.DataFrame({"customer_id": ["a"]})):
        with pytest.raises(ValueError, match=r"make (it|them) with snapshot_table"):
            lifetime_table(lines_of([0]), inactive_days=60, snapshots=snapshots)


def test_snapshot_dates_in_words_are_refused():
    with pytest.raises(ValueError, match="snapshot_date holds"):
        lifetime_table(
            lines_of([0]),
            inactive_days=60,
            snapshots=pd.DataFrame({"customer_id": ["a"], "snapshot_date": ["2024-01-05"]}),
        )


def test_durations_are_whole_numbers_of_days():
    table = lifetime_table(lines_of([0, 20]), inactive_days=60)
    assert table["duration_days"].dtype == np.int64
    assert table["ended"].dtype == bool
