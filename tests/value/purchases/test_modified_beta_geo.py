"""MBG/NBD against the published figures, its closed forms, and simulated customers who may leave at once."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import hyp2f1

from clvlib.datasets import load_cdnow
from clvlib.rfm import rfm_summary
from clvlib.value import BetaGeoModel, ModifiedBetaGeoModel


@pytest.fixture(scope="module")
def summary():
    return rfm_summary(load_cdnow().lines, calibration_end="1997-09-30", holdout_end="1998-06-30", time_unit="W")


@pytest.fixture(scope="module")
def model(summary):
    return ModifiedBetaGeoModel().fit(summary)


def test_parameters_match_btydplus_as_lifetimes_asserts_them(model):
    published = {"r": 0.525, "alpha": 6.183, "a": 0.891, "b": 1.614}
    assert {symbol: round(value, 3) for symbol, value in model.params_.items()} == published
    assert model.converged_


def test_likelihood_is_that_of_batislam_denizel_filiztekin_2007(model, summary):
    # their two ways to the same history, still a customer or gone after the last purchase, for every customer
    from scipy.special import betaln, gammaln

    r, alpha, a, b = model.params_.values()
    x, t_x, T = (summary[name].to_numpy() for name in ("frequency", "recency", "T"))
    count = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    still = betaln(a, b + x + 1) - betaln(a, b) - (r + x) * np.log(alpha + T)
    gone = betaln(a + 1, b + x) - betaln(a, b) - (r + x) * np.log(alpha + t_x)
    assert model.log_likelihood_ == pytest.approx((count + np.logaddexp(still, gone)).sum(), rel=1e-12)
    assert model.probability_alive(summary) == pytest.approx(1 / (1 + np.exp(gone - still)), rel=1e-10)


def test_expectations_are_the_closed_forms_of_wagner_hoppe_2008_where_2f1_can_be_had(model, summary):
    r, alpha, a, b = model.params_.values()
    t = np.array([1.0, 39.0, 200.0])
    late = (alpha / (alpha + t)) ** r * hyp2f1(r, b + 1, a + b, t / (alpha + t))
    assert model.expected_purchases_new_customer(7 * t) == pytest.approx(b / (a - 1) * (1 - late), rel=1e-10)
    x, T = (summary[name].to_numpy() for name in ("frequency", "T"))
    late = ((alpha + T) / (alpha + T + 39)) ** (r + x) * hyp2f1(r + x, b + x + 1, a + b + x, 39 / (alpha + T + 39))
    expected = model.probability_alive(summary) * (a + b + x) / (a - 1) * (1 - late)
    assert model.expected_purchases(summary, 273) == pytest.approx(expected, rel=1e-10)


def test_who_never_bought_again_may_have_left_unlike_in_bg_nbd(model, summary):
    once = summary[summary["frequency"] == 0]
    assert (model.probability_alive(once) < 0.5).all()
    assert (BetaGeoModel().fit(summary).probability_alive(once) == 1).all()


def test_counts_sum_to_one_and_average_to_the_expectation(model, summary):
    few = summary.sample(100, random_state=1)
    counts = model.count_distribution(few, 273, max_count=200)
    assert counts.sum(axis=1) == pytest.approx(np.ones(100), abs=1e-12)
    assert counts @ np.arange(201) == pytest.approx(model.expected_purchases(few, 273), rel=1e-10)
    new = model.count_distribution_new_customer(273, max_count=200)
    assert new.sum() == pytest.approx(1, abs=1e-12)
    assert new @ np.arange(201) == pytest.approx(model.expected_purchases_new_customer(273), rel=1e-10)


@pytest.fixture(scope="module")
def world():
    """Customers purchase by purchase, without the library, leaving after the first one or any later one."""
    rng = np.random.default_rng(8)
    n, until, after = 60_000, 30.0, 50.0
    rate, p = rng.gamma(0.8, 1 / 5.0, n), rng.beta(0.9, 2.0, n)
    x, t_x, y = np.zeros(n), np.zeros(n), np.zeros(n)
    now, gone = np.zeros(n), np.where(rng.random(n) < p, 0.0, np.inf)
    going = np.flatnonzero(np.isinf(gone))
    while len(going):
        now[going] += rng.exponential(1 / rate[going])
        going = going[now[going] <= after]
        early = going[now[going] <= until]
        x[early] += 1
        t_x[early] = now[early]
        y[going[now[going] > until]] += 1
        left = going[rng.random(len(going)) < p[going]]
        gone[left] = now[left]
        going = np.setdiff1d(going, left, assume_unique=True)
    model = ModifiedBetaGeoModel()
    model.params_, model.time_unit_days_ = {"r": 0.8, "alpha": 5.0, "a": 0.9, "b": 2.0}, 7.0
    table = pd.DataFrame({"frequency": x, "recency": t_x, "T": until, "time_unit_days": 7.0})
    return model, table, gone > until, y


def test_predictions_hold_in_a_simulated_world(world):
    model, table, alive, y = world
    expected, probability = model.expected_purchases(table, 140), model.probability_alive(table)
    futures = model.simulate(table, 140, n_draws=1, random_state=2)[0]
    groups = np.minimum(table["frequency"], 5) * 10 + np.floor(table["recency"] / 10)
    checked = 0
    for members in groups.groupby(groups).groups.values():
        m = np.asarray(members)
        if len(m) >= 200:
            checked += 1
            error = 4.5 / np.sqrt(len(m))
            assert abs(y[m].mean() - expected[m].mean()) <= error * y[m].std()
            assert abs(alive[m].mean() - probability[m].mean()) <= error * 0.5
            assert abs(futures[m].mean() - y[m].mean()) <= error * np.hypot(y[m].std(), futures[m].std())
    assert checked >= 10


def test_simulated_new_customers_and_fit_find_the_simulated_world_again(world):
    model, table, alive, _ = world
    drawn = model.simulate_new_customers(60_000, days=210, random_state=5)
    for mine, theirs in ((drawn["alive"], alive), *((drawn[c], table[c]) for c in ("frequency", "recency"))):
        assert abs(np.mean(mine) - np.mean(theirs)) <= 4.5 * np.sqrt((np.var(mine) + np.var(theirs)) / 60_000)
    found = ModifiedBetaGeoModel().fit(table)
    for symbol, value in model.params_.items():
        assert abs(found.params_[symbol] - value) < 4 * found.standard_errors_[symbol]


def test_extremes_stay_within_zero_and_one(model):
    rows = [(1000, 10_000, 10_000), (1000, 5, 10_000), (0, 0, 10_000), (0, 0, 0), (1, 1e-3, 10_000)]
    table = pd.DataFrame(rows, columns=["frequency", "recency", "T"], dtype=float).assign(time_unit_days=7.0)
    alive = model.probability_alive(table)
    assert ((alive >= 0) & (alive <= 1)).all()
    assert np.isfinite(model.expected_purchases(table, 70_000)).all()
    assert alive[3] == pytest.approx(model.params_["b"] / (model.params_["a"] + model.params_["b"]), rel=1e-12)
