"""Weeks before a snapshot: against a loop over customers, against the snapshots' own columns, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from clvlib.datasets import load
from clvlib.retention.windows.sequences import CHANNELS, shuffled_weeks, weekly_sequences, window_totals
from clvlib.retention.windows.snapshots import snapshot_table


def random_log(seed=0, n=250, n_customers=15, days=200):
    rng = np.random.default_rng(seed)
    minute = np.sort(rng.integers(0, days * 1440, n))
    return pd.DataFrame(
        {
            "customer_id": rng.integers(0, n_customers, n).astype(str),
            "timestamp": pd.Timestamp("2023-11-05") + pd.to_timedelta(minute, unit="min"),
            "amount": np.where(rng.random(n) < 0.15, -1, 1) * rng.integers(1, 50, n).astype(float),
            "order_id": (minute // 900).astype(str),
            "item_id": rng.integers(0, 6, n).astype(str),
        }
    )


def by_loop(lines, asked, n_weeks):
    """The docstring read aloud, one row at a time."""
    values, mask = np.zeros((len(asked), n_weeks, len(CHANNELS))), np.zeros((len(asked), n_weeks), bool)
    one_day = pd.Timedelta(days=1)
    for i, (customer, cut) in enumerate(zip(asked["customer_id"], asked["snapshot_date"], strict=True)):
        own = lines[lines["customer_id"] == customer].sort_values("timestamp", kind="stable")
        bought = own[own["amount"] >= 0]
        began = bought.drop_duplicates("order_id") if "order_id" in own else bought
        for k in range(n_weeks):
            end = cut - 7 * (n_weeks - 1 - k) * one_day
            start = end - 7 * one_day
            mask[i, k] = bought["timestamp"].min() < end
            if not mask[i, k]:
                continue
            week = bought[(bought["timestamp"] >= start) & (bought["timestamp"] < end)]
            refunds = own[(own["amount"] < 0) & (own["timestamp"] >= start) & (own["timestamp"] < end)]
            last = bought.loc[bought["timestamp"] < end, "timestamp"].max().normalize()
            earlier = bought.loc[bought["timestamp"] < start, "timestamp"]
            gap = (end - one_day - earlier.max().normalize()).days // 7 if len(week) and len(earlier) else 0
            values[i, k] = [
                ((began["timestamp"] >= start) & (began["timestamp"] < end)).sum(),
                week["amount"].sum(),
                week.groupby(week["timestamp"].dt.date)["item_id"].nunique().sum(),
                -refunds["amount"].sum(),
                (end - last).days,
                gap,
            ]
    return values, mask


def asked_of(lines, dates, **windows):
    return snapshot_table(lines, snapshot_dates=dates, **windows)


def test_weeks_equal_a_loop_over_customers():
    lines = random_log().sample(frac=1, random_state=0)
    asked = asked_of(lines, ["2024-01-10", "2024-04-01"]).sample(frac=1, random_state=0)
    for n_weeks in (1, 20):
        found = weekly_sequences(lines, asked, n_weeks=n_weeks)
        values, mask = by_loop(lines, asked, n_weeks)
        assert found.channels == CHANNELS
        np.testing.assert_array_equal(found.mask, mask)
        np.testing.assert_allclose(found.values * mask[..., None], values, rtol=1e-6)


def test_padding_is_to_the_left_and_the_last_week_is_never_padding():
    lines = random_log(2)
    weeks = weekly_sequences(lines, asked_of(lines, ["2024-01-10", "2024-03-03"]), n_weeks=40)
    assert (np.diff(weeks.mask.astype(int), axis=1) >= 0).all()
    assert weeks.mask[:, -1].all()
    assert not weeks.mask[:, 0].any()  # forty weeks reach back before the log
    assert (weeks.values[~weeks.mask] == 0).all()


def test_four_weeks_are_the_snapshot_of_28_days():
    data = load("cdnow").lines
    asked = asked_of(data, ["1997-06-01", "1997-12-25"], observation_days=28)
    weeks = weekly_sequences(data, asked, n_weeks=4)
    channel = {name: weeks.values[..., number] for number, name in enumerate(weeks.channels)}
    np.testing.assert_allclose(channel["orders"].sum(axis=1), asked["orders"])
    np.testing.assert_allclose(channel["spend"].sum(axis=1), asked["spend"], rtol=1e-5)
    np.testing.assert_array_equal(channel["days_since_last_purchase"][:, -1], asked["days_since_last_purchase"])
    assert "items" not in weeks.channels


def test_nothing_at_or_after_the_cut_is_read():
    lines = random_log(3)
    cut = pd.Timestamp("2024-03-01")
    asked = asked_of(lines, [cut])
    known = weekly_sequences(lines[lines["timestamp"] < cut], asked, n_weeks=12)
    late = lines[lines["timestamp"] >= cut].assign(amount=1e6)
    changed = weekly_sequences(pd.concat([lines[lines["timestamp"] < cut], late]), asked, n_weeks=12)
    np.testing.assert_array_equal(known.values, changed.values)
    np.testing.assert_array_equal(known.mask, changed.mask)


def test_a_purchase_at_the_cut_belongs_to_the_outcome_and_one_a_week_before_it_to_the_last_week():
    lines = pd.DataFrame(
        {
            "customer_id": ["a"] * 3,
            "timestamp": pd.to_datetime(["2024-01-17 00:00", "2024-01-23 23:59", "2024-01-24 00:00"]),
            "amount": [1.0, 2.0, 4.0],
        }
    )
    asked = pd.DataFrame({"customer_id": ["a"], "snapshot_date": [pd.Timestamp("2024-01-24")]})
    weeks = weekly_sequences(lines, asked, n_weeks=2)
    assert weeks.values[0, :, weeks.channels.index("spend")].tolist() == [0.0, 3.0]
    assert weeks.mask[0].tolist() == [False, True]


def test_rows_are_found_by_customer_and_date_in_the_order_asked():
    lines = random_log(4)
    asked = asked_of(lines, ["2024-02-01", "2024-03-01"])
    weeks = weekly_sequences(lines, asked, n_weeks=6)
    some = asked.sample(20, random_state=0)
    np.testing.assert_array_equal(weeks.rows(some).values, weekly_sequences(lines, some, n_weeks=6).values)
    with pytest.raises(ValueError, match=r"1 of 1 rows have no sequence.*weekly_sequences"):
        weeks.rows(pd.DataFrame({"customer_id": ["nobody"], "snapshot_date": [pd.Timestamp("2024-02-01")]}))


def test_totals_are_the_sums_over_real_weeks():
    lines = random_log(5)
    weeks = weekly_sequences(lines, asked_of(lines, ["2024-03-01"]), n_weeks=10)
    totals = window_totals(weeks)
    assert totals.index.equals(weeks.index)
    np.testing.assert_allclose(totals["total_orders"], weeks.values[..., 0].sum(axis=1))
    assert (totals["active_weeks"] <= totals["known_weeks"]).all()
    assert "total_gap_weeks" not in totals


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="snapshot_date"), "no snapshot_date"),
        (lambda t: t.iloc[:0], "no snapshots"),
        (lambda t: None, "expected a table made with snapshot_table"),
        (lambda t: pd.concat([t, t.iloc[:3]]), "3 of .* stand there twice"),
        (lambda t: t.assign(snapshot_date=t["snapshot_date"] + pd.Timedelta(hours=9)), "no midnight"),
        (lambda t: t.assign(customer_id="x" + t["customer_id"]), "have no purchase before their date"),
        (lambda t: t.assign(snapshot_date=pd.Timestamp("2020-01-01")), "have no purchase before their date"),
    ],
)
def test_snapshots_of_another_log_or_form_are_refused(change, message):
    lines = random_log(6)
    with pytest.raises(ValueError, match=message):
        weekly_sequences(lines, change(asked_of(lines, ["2024-02-01"])), n_weeks=4)


@pytest.mark.parametrize("n_weeks", [0, -1, 2.5, True, "4"])
def test_a_number_of_weeks_that_is_none_is_refused(n_weeks):
    lines = random_log(6)
    with pytest.raises(ValueError, match="n_weeks must be"):
        weekly_sequences(lines, asked_of(lines, ["2024-02-01"]), n_weeks=n_weeks)


def test_a_log_with_times_as_text_is_refused_by_name():
    lines = random_log(6)
    asked = asked_of(lines, ["2024-02-01"])
    with pytest.raises(ValueError, match="timestamp holds"):
        weekly_sequences(lines.assign(timestamp=lines["timestamp"].astype(str)), asked, n_weeks=4)


def test_shuffling_moves_old_real_weeks_only_and_takes_their_gaps_away():
    lines = random_log(7)
    weeks = weekly_sequences(lines, asked_of(lines, ["2024-03-01", "2024-04-10"]), n_weeks=20)
    dealt = shuffled_weeks(weeks, keep_weeks=4, random_state=0)
    np.testing.assert_array_equal(dealt.values[:, 16:], weeks.values[:, 16:])
    np.testing.assert_array_equal(dealt.mask, weeks.mask)
    assert (dealt.values[~dealt.mask] == 0).all()
    np.testing.assert_allclose(dealt.values[:, :16, :4].sum(axis=1), weeks.values[:, :16, :4].sum(axis=1), rtol=1e-5)
    assert (dealt.values[:, :16, 4:] == 0).all()
    assert (dealt.values[:, :16, 1] != weeks.values[:, :16, 1]).any(axis=1).mean() > 0.5
    assert weeks.values[:, :16, 4].max() > 0  # the original is as it was
    with pytest.raises(ValueError, match="from 0 to 20"):
        shuffled_weeks(weeks, keep_weeks=21, random_state=0)


@pytest.mark.parametrize("ask", [window_totals, lambda weeks: shuffled_weeks(weeks, random_state=0)])
def test_what_are_no_sequences_is_refused(ask):
    with pytest.raises(ValueError, match="must come from weekly_sequences"):
        ask(None)


def test_lines_without_an_order_are_one_order_a_day():
    days = pd.to_datetime(["2024-01-01 07:00", "2024-01-10 08:00", "2024-01-10 09:00", "2024-01-11 07:00"])
    lines = pd.DataFrame({"customer_id": "a", "amount": 1.0, "timestamp": days, "order_id": ["x", None, None, None]})
    asked = pd.DataFrame({"customer_id": ["a"], "snapshot_date": pd.Timestamp("2024-01-15")})
    assert weekly_sequences(lines, asked, n_weeks=2).values[0, :, 0].tolist() == [1, 2]
    with pytest.raises(ValueError, match="more than one column order_id"):
        weekly_sequences(pd.concat([lines, lines[["order_id"]]], axis=1), asked)


def test_a_day_that_begins_at_one_o_clock_is_a_midnight_all_the_same():
    days = pd.to_datetime(["2018-10-29 07:00", "2018-11-03 08:00", "2018-11-05 09:00"])
    wall = pd.DataFrame({"customer_id": "a", "amount": 1.0, "timestamp": days})
    local = wall.assign(timestamp=days.tz_localize("America/Sao_Paulo"))  # no midnight on 4 November
    plain = pd.DataFrame({"customer_id": ["a"], "snapshot_date": pd.Timestamp("2018-11-04")})
    asked = plain.assign(snapshot_date=pd.Timestamp("2018-11-04 01:00", tz="America/Sao_Paulo"))
    ours, same = weekly_sequences(local, asked, n_weeks=2), weekly_sequences(wall, plain, n_weeks=2)
    np.testing.assert_array_equal(ours.values, same.values)
