"""Cohorts: hand-made cells, nothing invented where nothing was lived, and no look past the cut."""

import numpy as np
import pandas as pd
import pytest

from clvlib.value.cohorts import (
    CohortCurve,
    CohortValues,
    cohort_values,
    forecast_table,
    realised_path,
    realised_values,
)


def log(*rows):
    table = pd.DataFrame(rows, columns=["customer_id", "timestamp", "amount"])
    table["timestamp"] = pd.to_datetime(table["timestamp"], format="mixed").astype("datetime64[us]")
    return table.sort_values("timestamp", ignore_index=True)


@pytest.fixture
def lines():
    return log(
        ("a", "2024-01-05", 100), ("a", "2024-02-10 18:00", 50), ("a", "2024-03-20", -10),
        ("b", "2024-01-31 23:59", 40),
        ("c", "2024-02-15", 60), ("c", "2024-03-31", 30),
    )  # fmt: skip


@pytest.fixture
def decaying():
    """400 customers over eight months, each spending 100, then 40 % less every 30 days."""
    rng = np.random.default_rng(0)
    start = pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(0, 240, 400), unit="D")
    parts = [
        pd.DataFrame({"customer_id": np.arange(400).astype(str), "timestamp": start + pd.Timedelta(days=30 * k),
                      "amount": 100 * 0.6**k})
        for k in range(18)
    ]  # fmt: skip
    lines = pd.concat(parts).sort_values("timestamp", ignore_index=True)
    return lines[lines["timestamp"] < "2024-01-01"]


def test_cells_by_hand(lines):
    cohorts = cohort_values(lines, period_days=30)
    assert cohorts.customers.to_dict() == {"2024-01": 2, "2024-02": 1}
    # b, the youngest of January, has lived 61 days by 1 April; a's return falls on day 75 and is not in any full cell
    assert cohorts.per_customer.loc["2024-01"].tolist() == [70.0, 25.0]
    assert cohorts.per_customer.loc["2024-02"].tolist()[:1] == [60.0]
    assert np.isnan(cohorts.per_customer.loc["2024-02", 1])
    assert cohorts.cumulative.loc["2024-01"].tolist() == [70.0, 95.0]
    assert cohorts.lived.tolist() == [2, 1]
    assert cohorts.curve.tolist() == pytest.approx([200 / 3, 25.0])


def test_a_cell_not_lived_is_empty_and_a_lived_one_without_purchase_is_zero(lines):
    cohorts = cohort_values(lines, period_days=15)
    assert cohorts.per_customer.loc["2024-01", 1] == 0.0
    assert cohorts.per_customer.loc["2024-02", 2] == 0.0
    assert np.isnan(cohorts.per_customer.loc["2024-02", 3])
    assert np.isnan(cohorts.cumulative.loc["2024-02", 3])


def test_money_is_discounted_by_whole_days_to_the_first_purchase(lines):
    table = cohort_values(lines, annual_discount_rate=0.1, margin_rate=0.3, period_days=30).per_customer
    assert table.loc["2024-01", 0] == pytest.approx(0.3 * 140 / 2, abs=1e-12)
    assert table.loc["2024-01", 1] == pytest.approx(0.3 * 50 / 2 * 1.1 ** (-36 / 365), abs=1e-12)


def test_realised_value_by_hand_returns_netted_and_unlived_horizons_empty(lines):
    values = realised_values(lines, horizon_days=60, annual_discount_rate=0.1).set_index("customer_id")
    assert values.loc["a", "realised_value"] == pytest.approx(100 + 50 * 1.1 ** (-36 / 365), abs=1e-12)
    assert values.loc["b", "realised_value"] == 40
    assert np.isnan(values.loc["c", "realised_value"])
    longer = realised_values(lines, horizon_days=80).set_index("customer_id")
    assert longer.loc["a", "realised_value"] == 140


def test_cohort_cells_add_up_to_the_customers_values(decaying):
    cohorts = cohort_values(decaying, annual_discount_rate=0.1, margin_rate=0.3)
    values = realised_values(decaying, horizon_days=90, annual_discount_rate=0.1, margin_rate=0.3)
    values["cohort"] = values["first_purchase"].dt.strftime("%Y-%m")
    lived = cohorts.lived[cohorts.lived >= 3].index
    by_customer = values[values["cohort"].isin(lived)].groupby("cohort")["realised_value"].mean()
    assert cohorts.cumulative.loc[lived, 2].to_numpy() == pytest.approx(by_customer.to_numpy(), rel=1e-12)


def test_what_happens_after_the_cut_changes_nothing_known_at_the_cut(decaying):
    cut = pd.Timestamp("2023-09-01")
    ahead = decaying["timestamp"] >= cut
    spoiled = decaying.assign(amount=decaying["amount"].mask(ahead, 1e6))
    before, after = (cohort_values(table, as_of=cut) for table in (decaying, spoiled))
    pd.testing.assert_frame_equal(before.per_customer, after.per_customer)
    assert before.as_of == cut


def test_returns_before_a_first_purchase_belong_to_an_older_log():
    lines = log(("a", "2024-01-01", -500), ("a", "2024-01-10", 20), ("b", "2024-01-10", -5), ("a", "2024-03-01", 1))
    values = realised_values(lines, horizon_days=30)
    assert values[["customer_id", "realised_value"]].to_numpy().tolist() == [["a", 20.0]]


def test_curve_recovers_a_known_decay(decaying):
    known = cohort_values(decaying, as_of="2023-09-01")
    model = CohortCurve().fit(known)
    assert model.decay_ == pytest.approx(0.6, abs=1e-12)
    assert model.predict(3).tolist() == pytest.approx([100, 60, 36])
    assert model.predict(2, so_far=np.array([100, 30.0])).tolist() == pytest.approx([50, 30])
    assert model.predict(2, so_far=np.array([50.0])).tolist() == pytest.approx([100, 60])


def test_forecast_table_holds_only_cells_lived_after_the_cut_and_the_curve_wins_where_it_is_true(decaying):
    known, later = cohort_values(decaying, as_of="2023-08-01"), cohort_values(decaying)
    table = forecast_table(known, later)
    assert (table["age"] >= table["cohort"].map(known.lived)).all()
    assert len(table) == sum(max(0, later.lived[c] - n) for c, n in known.lived.items() if n >= 2)
    inside = table[table["age"] < known.per_customer.shape[1]]
    assert inside["curve"].to_numpy() == pytest.approx(inside["realised"].to_numpy())
    error = table[["curve", "last_period", "own_average"]].sub(table["realised"], axis=0).abs().mean()
    assert error["curve"] < 0.2 * error["last_period"] < error["own_average"]


def test_path_is_about_the_customers_who_lived_the_horizon_and_adds_up(decaying):
    options = {"horizon_days": 160, "annual_discount_rate": 0.1, "margin_rate": 0.3}
    path = realised_path(decaying, period_days=30, **options)
    values = realised_values(decaying, **options)["realised_value"].dropna()
    assert 0 < len(values) < 400
    assert path.sum() == pytest.approx(values.mean(), rel=1e-12)
    discount = 1.1 ** (-np.arange(6) * 30 / 365)
    assert path.to_numpy() == pytest.approx(30 * 0.6 ** np.arange(6) * discount, rel=1e-12)
    with pytest.raises(ValueError, match="none of 400 customers has lived 400 days"):
        realised_path(decaying, horizon_days=400)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: cohort_values(t.iloc[:0]), "no lines"),
        (lambda t: cohort_values(t, as_of="2025-01-01"), "after the log's end"),
        (lambda t: cohort_values(t, as_of="2024-01-01"), "no customer bought"),
        (lambda t: cohort_values(t, as_of="2024-01-20"), "no cohort has lived"),
        (lambda t: cohort_values(t, cohort="day"), "month, quarter, week"),
        (lambda t: cohort_values(t, period_days=0), "period_days"),
        (lambda t: realised_values(t, horizon_days=0), "horizon_days"),
        (lambda t: CohortCurve().fit(cohort_values(t)), "at least 3"),
        (lambda t: forecast_table(cohort_values(t), cohort_values(t)), "later state"),
    ],
)
def test_wrong_input_is_refused_with_a_reason(lines, call, message):
    with pytest.raises(ValueError, match=message):
        call(lines)


def test_no_repeat_value_gives_no_decay():
    per_customer = pd.DataFrame([[10.0, 0.0, 0.0]], index=["2024-01"])
    cohorts = CohortValues(pd.Series([5], index=["2024-01"]), per_customer, 30, pd.Timestamp("2024-06-01"))
    with pytest.raises(ValueError, match="no repeat value"):
        CohortCurve().fit(cohorts)
