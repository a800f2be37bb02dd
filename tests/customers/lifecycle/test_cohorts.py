"""Triangles: cells by hand, the same ages as the value part, nothing where nothing was lived."""

import numpy as np
import pandas as pd
import pytest

from clvlib.customers import cohort_triangles
from clvlib.datasets import load, make_shop
from clvlib.metrics.intervals import wilson_interval
from clvlib.value import cohort_values


def log(*rows):
    table = pd.DataFrame(rows, columns=["customer_id", "timestamp", "amount"])
    return table.assign(timestamp=pd.to_datetime(table["timestamp"], format="mixed").astype("datetime64[us]"))


@pytest.fixture
def lines():
    # a buys on days 0 (twice), 36 and gives back on day 40; b on days 0 and 29; c on days 0, 30 and 44
    return log(
        ("a", "2024-01-05", 100), ("a", "2024-01-05 20:00", 10), ("a", "2024-02-10 18:00", 50),
        ("a", "2024-02-14", -10), ("b", "2024-01-31 23:59", 40), ("b", "2024-02-29", 5),
        ("c", "2024-02-15 08:00", 60), ("c", "2024-03-16", 30), ("c", "2024-03-30", 30),
    )  # fmt: skip


@pytest.fixture(scope="module")
def shop():
    return make_shop(n_customers=300, n_days=400).lines


def test_cells_by_hand_an_age_is_half_open_and_a_customer_counts_once(lines):
    found = cohort_triangles(lines, period_days=30, as_of="2024-03-31")
    assert found.customers.to_dict() == {"2024-01": 2, "2024-02": 1}
    # b's last day of age 0 is the 29th February; by 31 March b has lived 60 days, two ages, and c 45, one
    assert found.buyers.loc["2024-01"].tolist() == [2, 1]
    assert found.retention.loc["2024-01"].tolist() == [1.0, 0.5]
    assert found.revenue.loc["2024-01"].tolist() == [155 / 2, 40 / 2]
    assert found.cumulative.loc["2024-01"].tolist() == [155 / 2, 195 / 2]
    assert found.retention.loc["2024-02", 0] == 1.0
    for table in (found.buyers, found.retention, found.revenue, found.cumulative):
        assert np.isnan(table.loc["2024-02", 1])
    fifteen = cohort_triangles(lines, period_days=15, as_of="2024-03-31")
    assert fifteen.buyers.loc["2024-02"].tolist()[:3] == [1, 0, 1], "day 30 opens age 2 and day 44 closes it"


def test_a_lived_age_without_a_purchase_is_zero_and_not_empty(lines):
    found = cohort_triangles(lines, period_days=10, as_of="2024-03-31")
    assert found.retention.loc["2024-02", 1] == 0.0
    assert found.revenue.loc["2024-02", 1] == 0.0


@pytest.mark.parametrize("cohort", ["month", "quarter", "week"])
@pytest.mark.parametrize("data", ["cdnow", "shop"])
def test_revenue_equals_the_value_parts_cohorts_at_rate_0_and_margin_1(cohort, data, shop):
    lines = load("cdnow").lines if data == "cdnow" else shop
    for as_of in (None, lines["timestamp"].max().normalize() - pd.Timedelta(days=50)):
        ours = cohort_triangles(lines, cohort=cohort, as_of=as_of)
        value = cohort_values(lines, cohort=cohort, as_of=as_of)
        pd.testing.assert_frame_equal(ours.revenue, value.per_customer)
        pd.testing.assert_frame_equal(ours.cumulative, value.cumulative)
        pd.testing.assert_series_equal(ours.customers, value.customers)


def test_retention_equals_a_loop_over_customers(shop):
    found = cohort_triangles(shop, period_days=45)
    bought = shop[shop["amount"] >= 0].assign(day=lambda t: t["timestamp"].dt.normalize())
    first = bought.groupby("customer_id")["day"].min()
    end = shop["timestamp"].max().normalize() + pd.Timedelta(days=1)
    for label in found.customers.index:
        members = first[first.dt.strftime("%Y-%m") == label]
        assert found.customers[label] == len(members)
        for age in found.retention.columns:
            window = [(day + pd.Timedelta(days=45 * age), day + pd.Timedelta(days=45 * (age + 1))) for day in members]
            if max(high for _, high in window) > end:
                assert np.isnan(found.retention.loc[label, age])
                continue
            came = [
                ((days := bought.loc[bought["customer_id"] == who, "day"]) >= low).to_numpy() @ (days < high).to_numpy()
                for who, (low, high) in zip(members.index, window, strict=True)
            ]
            assert found.buyers.loc[label, age] == sum(came)


def test_age_0_is_1_wherever_it_is_lived(shop):
    age_0 = cohort_triangles(shop).retention[0]
    assert (age_0.dropna() == 1).all()


def test_what_happens_after_the_cut_changes_nothing(shop):
    cut = shop["timestamp"].min().normalize() + pd.Timedelta(days=200)
    spoiled = shop.assign(amount=shop["amount"].mask(shop["timestamp"] >= cut, 1e6))
    before, after = cohort_triangles(shop, as_of=cut), cohort_triangles(spoiled, as_of=cut)
    pd.testing.assert_frame_equal(before.cumulative, after.cumulative)


def test_curve_pools_the_cohorts_that_have_lived_an_age_with_wilsons_interval(lines):
    curve = cohort_triangles(lines, period_days=30, as_of="2024-03-31").curve()
    assert curve["customers"].tolist() == [3, 2]
    assert curve["buyers"].tolist() == [3, 1]
    assert curve["retention"].tolist() == [1.0, 0.5]
    assert (curve.loc[1, "low"], curve.loc[1, "high"]) == wilson_interval(1, 2)
    assert curve.loc[0, ["low", "high"]].tolist() == [1.0, 1.0], "age 0 is a definition and no estimate"
    assert curve["revenue"].tolist() == [pytest.approx((155 + 60) / 3), 20.0]


def test_cells_are_the_lived_cells_and_no_other(lines):
    found = cohort_triangles(lines, period_days=30, as_of="2024-03-31")
    cells = found.cells()
    assert list(zip(cells["cohort"], cells["age"], strict=True)) == [("2024-01", 0), ("2024-01", 1), ("2024-02", 0)]
    assert cells["cumulative"].tolist() == [77.5, 97.5, 60.0]


def test_one_cohort_and_nobody_who_comes_back_is_a_triangle_too():
    found = cohort_triangles(log(*[(str(i), "2024-01-10", 5.0) for i in range(9)], ("x", "2024-04-30", 1.0)))
    assert found.retention.loc["2024-01"].tolist() == [1.0, 0.0, 0.0]
    assert found.retention.loc["2024-04"].isna().all()
    assert (found.curve()["buyers"] == [9, 0, 0]).all()


def test_days_are_those_of_the_shops_time_zone_also_over_a_change_of_the_clocks():
    times = pd.to_datetime(["2024-03-01 23:30", "2024-03-31 23:30", "2024-04-30 12:00"]).as_unit("us")
    plain = pd.DataFrame({"customer_id": "a", "timestamp": times, "amount": 1.0})
    zoned = plain.assign(timestamp=plain["timestamp"].dt.tz_localize("Europe/Berlin"))
    assert cohort_triangles(zoned).buyers.loc["2024-03"].tolist() == [1, 1]
    pd.testing.assert_frame_equal(cohort_triangles(zoned).buyers, cohort_triangles(plain).buyers)
    assert str(cohort_triangles(zoned, as_of="2024-04-30").as_of.tz) == "Europe/Berlin"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: cohort_triangles(t.iloc[:0]), "no lines"),
        (lambda t: cohort_triangles(t.drop(columns="amount")), "no column amount"),
        (lambda t: cohort_triangles(t.assign(timestamp="2024-01-01")), "timestamp holds"),
        (lambda t: cohort_triangles(t.assign(amount=np.nan)), "amount is missing or infinite in 9 of 9 lines"),
        (lambda t: cohort_triangles(t, as_of="2025-01-01"), "after the log's end"),
        (lambda t: cohort_triangles(t, as_of="2024-01-05"), "no customer bought"),
        (lambda t: cohort_triangles(t, as_of="soon"), "as_of='soon' is no date"),
        (lambda t: cohort_triangles(t, as_of=20240131), "is no date"),
        (lambda t: cohort_triangles(t, as_of=pd.Timestamp("2024-03-01", tz="UTC")), "time zone UTC"),
        (lambda t: cohort_triangles(t, as_of="2024-01-20"), "no cohort has lived"),
        (lambda t: cohort_triangles(t, cohort="day"), "month, quarter, week"),
        (lambda t: cohort_triangles(t, cohort=["month"]), "month, quarter, week"),
        (lambda t: cohort_triangles(t, period_days=0), "period_days"),
        (lambda t: cohort_triangles(t, period_days=7.5), "whole number of days"),
        (lambda t: cohort_triangles(t.assign(amount=-1.0)), "no customer bought"),
    ],
)
def test_wrong_input_is_refused_with_a_reason(lines, call, message):
    with pytest.raises(ValueError, match=message):
        call(lines)
