"""Ages: a naive count on simulated histories, any frame at the door, days of the shop's own clock."""

import datetime as dt

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from clvlib.datasets import load
from clvlib.rfm import age_lines, cohort_ages


@pytest.fixture
def lines():
    rng = np.random.default_rng(3)
    start = pd.Timestamp("2024-01-01").as_unit("us")
    return pd.DataFrame(
        {
            "customer_id": pd.Series(rng.integers(0, 40, 400)).map("c{:03d}".format).astype("str"),
            "timestamp": start + pd.to_timedelta(rng.integers(0, 200 * 1440, 400), unit="min"),
            "amount": rng.normal(10, 9, 400).round(2),
        }
    )


def test_ages_equal_a_loop_over_customers_in_any_order_of_the_lines(lines):
    aged = age_lines(lines)
    found = pd.DataFrame(
        {"customer_id": aged.customers["customer_id"].to_numpy()[aged.code], "day": aged.day, "amount": aged.amount}
    )
    rows = []
    for who, own in lines.groupby("customer_id"):
        first = own.loc[own["amount"] >= 0, "timestamp"].min().normalize()
        for when, amount in zip(own["timestamp"], own["amount"], strict=True):
            if when >= first:
                rows.append((who, (when.normalize() - first).days, amount))
    order = ["customer_id", "day", "amount"]
    expected = pd.DataFrame(rows, columns=order).sort_values(order, ignore_index=True)
    pd.testing.assert_frame_equal(
        found.sort_values(order, ignore_index=True), expected, check_dtype=False, check_column_type=False
    )


def test_first_purchases_are_moments_in_the_logs_own_type(lines):
    plain = age_lines(lines).customers
    bought = lines[lines["amount"] >= 0]
    assert plain["first_purchase"].tolist() == bought.groupby("customer_id")["timestamp"].min().tolist()
    zoned = lines.assign(timestamp=lines["timestamp"].dt.tz_localize("Asia/Shanghai"))
    assert str(age_lines(zoned).customers["first_purchase"].dt.tz) == "Asia/Shanghai"
    assert age_lines(zoned).as_of == pd.Timestamp(age_lines(lines).as_of, tz="Asia/Shanghai")


def test_any_frame_gives_the_same_ages(lines):
    plain = age_lines(lines)
    for frame in (pa.Table.from_pandas(lines), lines.assign(customer_id=lines["customer_id"].astype("category"))):
        other = age_lines(frame)
        assert other.customers["customer_id"].astype(str).tolist() == plain.customers["customer_id"].tolist()
        assert (other.day == plain.day).all()
        assert (other.code == plain.code).all()


@pytest.mark.parametrize(
    "as_of", ["2024-03-01", dt.date(2024, 3, 1), dt.datetime(2024, 3, 1), np.datetime64("2024-03-01")]
)
def test_as_of_is_exclusive_and_a_date_is_its_midnight(lines, as_of):
    edge = pd.DataFrame({"customer_id": ["new"], "timestamp": [pd.Timestamp("2024-03-01")], "amount": [1.0]})
    aged = age_lines(pd.concat([lines, edge]), as_of=as_of)
    assert aged.as_of == pd.Timestamp("2024-03-01")
    assert "new" not in set(aged.customers["customer_id"])
    assert len(aged.day) <= (lines["timestamp"] < "2024-03-01").sum()


def test_a_moment_within_a_day_knows_the_lines_before_it():
    times = pd.to_datetime(["2024-01-01 09:00", "2024-01-01 12:00", "2024-01-01 15:00"])
    table = pd.DataFrame({"customer_id": [*"abc"], "timestamp": times, "amount": 1.0})
    assert age_lines(table, as_of="2024-01-01 12:00").customers["customer_id"].tolist() == ["a"]


def test_what_is_no_table_is_refused_in_words(lines):
    with pytest.raises(TypeError, match=r"lines must be a table .*, not list"):
        age_lines([1, 2])
    with pytest.raises(ValueError, match="the log has no lines"):
        age_lines(lines.iloc[:0])


@pytest.mark.parametrize("other", [pd.Timestamp("2024-03-01", tz="America/New_York"), pd.Timestamp("2024-03-01")])
def test_moments_of_two_time_zones_are_refused(other):
    times = pd.Series([pd.Timestamp("2024-01-01", tz="Europe/Berlin"), other], dtype=object)
    table = pd.DataFrame({"customer_id": [*"ab"], "timestamp": times, "amount": 1.0})
    with pytest.raises(ValueError, match=r"moments of 2 time zones .*Europe/Berlin.* in 2 lines"):
        age_lines(table)


def test_cdnow_has_three_monthly_cohorts_with_the_published_number_of_customers():
    came = cohort_ages(age_lines(load("cdnow").lines))
    assert came.labels.tolist() == ["1997-01", "1997-02", "1997-03"]
    assert came.customers.sum() == 2357, "Fader, Hardie & Lee (2005), section 4"


def test_a_cohort_has_lived_an_age_when_its_youngest_has():
    times = pd.to_datetime(["2024-01-01", "2024-01-31", "2024-02-29"])
    table = pd.DataFrame({"customer_id": [*"abb"], "timestamp": times, "amount": 1.0})
    assert cohort_ages(age_lines(table), period_days=30).lived.tolist() == [1]
    assert cohort_ages(age_lines(table), period_days=15).lived.tolist() == [2]
    with pytest.raises(ValueError, match="no cohort has lived through one period of 31 days"):
        cohort_ages(age_lines(table), period_days=31)
