"""The value of a customer: against exact integrals, published cohorts, the peers' monthly sums, and identities."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad

from clvlib.datasets import load
from clvlib.rfm import rfm_summary
from clvlib.value import (
    BetaGeoBetaBinomModel,
    BetaGeoModel,
    GammaGammaModel,
    ModifiedBetaGeoModel,
    NBDModel,
    ParetoNBDModel,
    customer_lifetime_value,
    predictive_intervals,
)

FIGURES_BG = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}  # Fader, Hardie & Lee 2005, weeks
FIGURES_SPEND = {"p": 6.25, "q": 3.74, "gamma": 15.44}
CASES = {
    BetaGeoModel: FIGURES_BG,
    ModifiedBetaGeoModel: {"r": 0.525, "alpha": 6.183, "a": 0.891, "b": 1.614},
    NBDModel: {"r": 0.385, "alpha": 12.07},
    ParetoNBDModel: {"r": 0.553, "alpha": 10.578, "s": 0.606, "beta": 11.669},
}


def made(kind, params):
    model = kind()
    model.params_ = dict(params)
    return model


SPEND = made(GammaGammaModel, FIGURES_SPEND)
BG = made(BetaGeoModel, FIGURES_BG)


@pytest.fixture(scope="module")
def summary():
    return rfm_summary(load("cdnow").lines, calibration_end="1997-09-30", holdout_end="1998-06-30")


def value(summary, purchases=BG, **changes):
    arguments = {"horizon_days": 365, "annual_discount_rate": 0.10, "margin_rate": 0.3} | changes
    return customer_lifetime_value(summary, purchases=purchases, spend=SPEND, **arguments)


def test_an_infinite_spend_is_no_value(summary):
    heavy = made(GammaGammaModel, {"p": 6.25, "q": 0.9, "gamma": 15.44})
    arguments = {"purchases": BG, "spend": heavy, "horizon_days": 365}
    with pytest.raises(ValueError, match=r"^expected_spend: infinite for 1,411 of 2,357 customers.*q is 0.9"):
        customer_lifetime_value(summary, **arguments, annual_discount_rate=0.1, margin_rate=0.3)
    with pytest.raises(ValueError, match=r"^expected_spend: infinite for 1,411"):
        predictive_intervals(summary, **arguments, n_draws=100, random_state=0)


def test_an_arrow_table_keeps_its_customers(summary):
    import pyarrow as pa

    table = value(pa.Table.from_pandas(summary))
    assert table["customer_id"].tolist() == summary["customer_id"].tolist()
    np.testing.assert_allclose(table["clv"], value(summary)["clv"])


@pytest.mark.parametrize("kind", CASES)
def test_without_discounting_it_is_purchases_times_spend_times_margin(summary, kind):
    model = made(kind, CASES[kind])
    table = value(summary, model, annual_discount_rate=0.0, horizon_days=273)
    expected = model.expected_purchases(summary, 273) * SPEND.expected_spend(summary)
    np.testing.assert_allclose(table["clv"], 0.3 * expected, rtol=1e-12)
    np.testing.assert_allclose(table["expected_amount"], expected, rtol=1e-12)
    np.testing.assert_allclose(table["discounted_purchases"], table["expected_purchases"], rtol=1e-12)
    np.testing.assert_allclose(table["probability_alive"], model.probability_alive(summary), rtol=1e-12)


@pytest.mark.parametrize("kind", CASES)
@pytest.mark.parametrize(("horizon_days", "rate"), [(365, 0.10), (273, 0.5), (3650, 0.15), (30, -0.05)])
def test_discounting_is_the_integral_over_when_purchases_fall(kind, horizon_days, rate):
    """Exact: exp(-delta h) E[Y(h)] + delta * integral of exp(-delta t) E[Y(t)], by adaptive quadrature."""
    model = made(kind, CASES[kind])
    rows = {"frequency": [0.0, 0, 2, 29], "recency": [0.0, 0, 30.43, 37.0], "T": [38.86, 0.0, 38.86, 38.0]}
    rows = pd.DataFrame(rows).assign(monetary_value=[0, 0, 22.35, 50], time_unit_days=7.0)
    table = value(rows, model, horizon_days=horizon_days, annual_discount_rate=rate)
    delta = math.log1p(rate) / 365
    for i in range(len(rows)):
        row = rows.iloc[[i]]
        integral, _ = quad(
            lambda days, row=row: math.exp(-delta * days) * float(model.expected_purchases(row, days)[0]),
            0, horizon_days, epsrel=1e-11, epsabs=0, limit=200,
        )  # fmt: skip
        until = float(model.expected_purchases(row, horizon_days)[0])
        exact = math.exp(-delta * horizon_days) * until + delta * integral
        assert table["discounted_purchases"][i] == pytest.approx(exact, rel=1e-8)


def test_monthly_sums_match_the_formula_of_lifetimes(summary):
    """Its months have 30 days, and each month's purchases are discounted from its end by a rate a month."""
    table = value(
        summary, horizon_days=360, annual_discount_rate=1.01 ** (365 / 30) - 1, discount_period_days=30, margin_rate=1.0
    )
    until = np.array([BG.expected_purchases(summary, 30.0 * month) for month in range(13)])
    monthly = (np.diff(until, axis=0) / 1.01 ** np.arange(1, 13)[:, None]).sum(axis=0)
    np.testing.assert_allclose(table["clv"], monthly * SPEND.expected_spend(summary), rtol=1e-12)


def test_error_of_discounting_by_periods_is_about_half_a_periods_interest(summary):
    exact = value(summary)["clv"].sum()
    for period in (365, 365 / 12, 7, 1):
        by_period = value(summary, discount_period_days=period)["clv"].sum()
        half = math.expm1(math.log(1.1) * period / 365 / 2)
        assert 0.6 * half < 1 - by_period / exact < 1.4 * half
    assert 1 - by_period / exact < 1.5e-4  # by days


def test_a_last_period_that_is_shorter_ends_with_the_horizon():
    row = pd.DataFrame({"frequency": [2.0], "recency": [30.0], "T": [38.0], "monetary_value": [20.0]})
    row["time_unit_days"] = 7.0
    table = value(row, horizon_days=40, discount_period_days=30, margin_rate=1.0)
    first, both = (float(BG.expected_purchases(row, days)[0]) for days in (30, 40))
    expected = (first * 1.1 ** (-30 / 365) + (both - first) * 1.1 ** (-40 / 365)) * SPEND.expected_spend(row)
    np.testing.assert_allclose(table["clv"], expected, rtol=1e-12)


def test_value_of_the_whole_cdnow_cohort_matches_fader_hardie_lee_2005_rfm_and_clv():
    """78 weeks of all 23,570 customers but 10 who spent more than 4,000 dollars; delta 0.0027 a week, margin 30 %."""
    table = rfm_summary(load("cdnow_full").lines, calibration_end="1998-06-30")
    table = table[table["frequency"] * table["monetary_value"] <= 4000]
    spend = GammaGammaModel(nonpositive="leave_out")
    spend.params_ = {"p": 4.683, "q": 4.190, "gamma": 24.39}
    found = customer_lifetime_value(
        table,
        purchases=made(ParetoNBDModel, {"r": 0.5629966, "alpha": 12.559037, "s": 0.4081095, "beta": 10.5148048}),
        spend=spend,
        horizon_days=None,
        annual_discount_rate=math.expm1(0.0027 * 365 / 7),
        margin_rate=0.30,
    )
    none = (table["frequency"] == 0).to_numpy()
    assert (len(table), none.sum()) == (23_560, 12_054)
    assert found.loc[none, "clv"].mean() == pytest.approx(4.40, abs=0.05)
    assert found.loc[none, "clv"].sum() == pytest.approx(53_000, abs=500)
    assert found["clv"].sum() == pytest.approx(1.1e6, abs=0.05e6)
    assert not {"expected_purchases", "expected_amount"} & set(found)


@pytest.mark.parametrize("kind", CASES)
def test_a_long_horizon_comes_to_the_infinite_one(summary, kind):
    some = summary.head(50)
    model = made(kind, CASES[kind])
    forever = value(some, model, horizon_days=None)
    np.testing.assert_allclose(value(some, model, horizon_days=365 * 300)["clv"], forever["clv"], rtol=1e-6)
    np.testing.assert_allclose(
        forever["discounted_purchases"],
        model.discounted_residual_purchases(some, annual_discount_rate=0.1),
        rtol=1e-9,
    )
    assert value(some, model, horizon_days=math.inf).equals(forever)


def test_money_scales_and_costs_are_subtracted(summary):
    some = summary.head(20)
    base = value(some)["clv"].to_numpy()
    np.testing.assert_allclose(value(some, margin_rate=0.6)["clv"], 2 * base)
    np.testing.assert_allclose(value(some, acquisition_cost=5.0)["clv"], base - 5)
    np.testing.assert_allclose(value(some, acquisition_cost=np.arange(20.0))["clv"], base - np.arange(20))


def test_rows_stay_in_order_and_equal_histories_get_equal_values(summary):
    mixed = pd.concat([summary, summary]).sample(frac=1, random_state=0)
    table = value(mixed)
    assert table["customer_id"].tolist() == mixed["customer_id"].tolist()
    by_customer = table.groupby("customer_id")["clv"]
    assert (by_customer.max() == by_customer.min()).all()
    straight = value(summary).set_index("customer_id")["clv"]
    np.testing.assert_allclose(by_customer.first().loc[straight.index], straight, rtol=1e-12)


def test_ages_off_the_grid_of_days_make_no_difference(summary):
    shifted = summary.assign(T=summary["T"] + 1e-5)
    np.testing.assert_allclose(value(shifted)["clv"], value(summary)["clv"], rtol=1e-4)


def test_extreme_histories_have_finite_values():
    rows = {"frequency": [1000.0, 0, 1, 1000], "recency": [9999.0, 0, 0.5, 1.0], "T": [10_000.0, 10_000, 10_000, 1.0]}
    rows = pd.DataFrame(rows).assign(monetary_value=[20.0, 0, 1e6, 0.01], time_unit_days=7.0)
    for kind, params in CASES.items():
        for horizon_days in (365, None):
            table = value(rows, made(kind, params), horizon_days=horizon_days)
            assert np.isfinite(table.to_numpy()).all()
            assert (table["clv"] >= 0).all()
            assert table["probability_alive"].between(0, 1).all()


def test_interval_without_discounting_is_that_of_the_amount(summary):
    from clvlib.value import predictive_intervals

    some = summary.head(300)
    table = value(some, annual_discount_rate=0.0, n_draws=400, random_state=3)
    amounts = predictive_intervals(some, purchases=BG, spend=SPEND, horizon_days=365, n_draws=400, random_state=3)
    np.testing.assert_allclose(table["clv_p05"], 0.3 * amounts["amount_p05"])
    np.testing.assert_allclose(table["clv_p95"], 0.3 * amounts["amount_p95"])


@pytest.mark.parametrize("kind", CASES)
def test_discounted_draws_have_the_exact_mean(summary, kind):
    from clvlib.value.uncertainty._simulation import Simulation

    model = made(kind, CASES[kind])
    best = summary[model.probability_alive(summary) > 0.2].nlargest(200, "frequency")  # others hardly ever buy
    delta = math.log(3) / 365  # a high rate, so that when purchases fall matters
    simulation = Simulation(
        best, purchases=model, spend=SPEND, horizon_days=730, delta=delta, n_draws=4000, random_state=0
    )
    amounts = np.concatenate([chunk.amounts for chunk in simulation], axis=1)
    exact = value(best, model, horizon_days=730, annual_discount_rate=2.0, margin_rate=1.0)["clv"]
    error = amounts.std(axis=0) / math.sqrt(4000)
    assert np.abs((amounts.mean(axis=0) - exact.to_numpy()) / error).max() < 5
    assert amounts.sum(axis=1).mean() == pytest.approx(exact.sum(), rel=0.01)


def test_a_model_of_opportunities_is_valued_too():
    """BG/BB on the donations' parameters (Fader, Hardie & Shang 2010), with amounts: gifts fall once a year."""
    model = made(BetaGeoBetaBinomModel, {"alpha": 1.204, "beta": 0.750, "gamma": 0.657, "delta": 2.783})
    rows = {"frequency": [0.0, 2, 6], "recency": [0.0, 4, 6], "n_opportunities": 6.0, "monetary_value": [0.0, 30, 50]}
    rows = pd.DataFrame(rows).assign(time_unit_days=365.0)
    table = value(rows, model, horizon_days=5 * 365, margin_rate=1.0, n_draws=20_000, random_state=0)
    yearly = np.diff([model.expected_purchases(rows, 365.0 * year) for year in range(6)], axis=0)
    discounted = (yearly / 1.1 ** np.arange(1, 6)[:, None]).sum(axis=0)
    np.testing.assert_allclose(table["clv"], discounted * SPEND.expected_spend(rows), rtol=1e-9)
    from clvlib.value.uncertainty._simulation import Simulation

    chunks = Simulation(
        rows, purchases=model, spend=SPEND, horizon_days=5 * 365, delta=math.log(1.1) / 365, n_draws=40_000,
        random_state=1,
    )  # fmt: skip
    amounts = np.concatenate([chunk.amounts for chunk in chunks], axis=1)
    # given their number, gifts are taken to fall evenly, though who leaves gives early
    np.testing.assert_allclose(amounts.mean(axis=0)[1:], table["clv"][1:], rtol=0.03)
    assert (table["clv_p05"] == 0).all()
    assert (table["clv_p95"] > table["clv"])[1:].all()


def test_a_negative_margin_keeps_its_interval_upright(summary):
    table = value(summary.head(50), margin_rate=-0.1, n_draws=100, random_state=0)
    assert (table["clv_p05"] <= table["clv_p95"]).all()
    assert (table["clv_p05"] < 0).any()


def test_names_of_the_ends_follow_the_level(summary):
    table = value(summary.head(5), n_draws=100, random_state=0, level=0.95)
    assert table.columns[-2:].tolist() == ["clv_p025", "clv_p975"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"margin_rate": math.nan}, "margin_rate"),
        ({"annual_discount_rate": -1.0}, "annual_discount_rate"),
        ({"annual_discount_rate": 0.0, "horizon_days": None}, "horizon"),
        ({"acquisition_cost": -1.0}, "acquisition_cost"),
        ({"acquisition_cost": [1.0]}, "one for each of the 10 rows"),
        ({"horizon_days": -1}, "horizon_days"),
        ({"horizon_days": None, "n_draws": 10, "random_state": 0}, "infinite"),
        ({"horizon_days": None, "discount_period_days": 30}, "infinite"),
        ({"discount_period_days": 0}, "discount_period_days"),
        ({"n_draws": 10}, "random_state"),
        ({"n_draws": 10, "random_state": 0, "level": 1.0}, "level"),
    ],
)
def test_what_cannot_be_is_refused(summary, changes, message):
    with pytest.raises(ValueError, match=message):
        value(summary.head(10), **changes)


def test_nothing_warns_and_the_summary_is_not_changed(summary):
    before = summary.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value(summary, n_draws=50, random_state=0)
    pd.testing.assert_frame_equal(summary, before)
