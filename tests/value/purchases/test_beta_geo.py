"""BG/NBD against the published figures, high-precision references, simulated customers, and at the edges."""

import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import hyp2f1

from clvlib.datasets import load_cdnow, load_online_retail
from clvlib.datasets._installed import installed_file
from clvlib.rfm import rfm_summary
from clvlib.value import BetaGeoModel, FitWarning, NBDModel

FHL_2005 = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}  # Marketing Science 24(2), Table 2, weeks
LINES = Path(os.environ.get("CLVLIB_DATA", "/nowhere")) / "online_retail_ii" / "online_retail_ii_lines.parquet"
needs_data = pytest.mark.skipif(
    not LINES.is_file(), reason=f"NOT TESTED: Online Retail II is not at hand ({LINES}); set CLVLIB_DATA"
)


@pytest.fixture(scope="module")
def summary():
    return rfm_summary(load_cdnow().lines, calibration_end="1997-09-30", holdout_end="1998-06-30", time_unit="W")


@pytest.fixture(scope="module")
def model(summary):
    return BetaGeoModel().fit(summary)


@pytest.fixture(scope="module")
def online_retail():
    return load_online_retail().lines


def printed(params=FHL_2005, unit=7.0):
    model = BetaGeoModel()
    model.params_, model.time_unit_days_ = dict(params), unit
    return model


def customers(*rows, unit=7.0):
    return pd.DataFrame(rows, columns=["frequency", "recency", "T"], dtype=float).assign(time_unit_days=unit)


def within(values, means, deviations, n, sigmas=4.5):
    """Averages of n draws lie within Monte Carlo error of what they should be."""
    return np.abs(np.asarray(values) - means) <= sigmas * np.asarray(deviations) / np.sqrt(n)


# ---- published figures --------------------------------------------------------------------------------------------


def test_parameters_and_log_likelihood_match_fader_hardie_lee_2005(model):
    assert {symbol: round(value, 3) for symbol, value in model.params_.items()} == FHL_2005
    assert round(model.log_likelihood_, 1) == -9582.4
    assert model.converged_
    assert model.boundary_ == ""
    assert model.n_customers_ == 2357
    assert model.time_unit_days_ == 7


def test_parameters_match_clvtools_0_12_to_its_optimisers_tolerance(model):
    # test_correctness_bgnbd.R of CLVTools: .2425945, 4.4136019, .7929199, 2.4258881
    assert list(model.params_.values()) == pytest.approx([0.2425945, 4.4136019, 0.7929199, 2.4258881], rel=1e-5)


def test_log_likelihood_matches_the_walk_through_of_btyd(model):
    assert round(model.log_likelihood_, 3) == -9582.429


def test_parameters_match_from_the_two_decimals_of_the_papers_own_table():
    table = pd.read_csv(installed_file("lifetimes", "lifetimes/datasets/cdnow_customers_summary.csv"))
    model = BetaGeoModel().fit(table)
    assert {symbol: round(value, 3) for symbol, value in model.params_.items()} == FHL_2005
    assert model.time_unit_days_ is None


def test_full_cdnow_matches_the_optimum_in_days():
    table = rfm_summary(load_cdnow(sample=False).lines, calibration_end="1997-09-30", time_unit="D")
    model = BetaGeoModel().fit(table)
    r, alpha, a, b = model.params_.values()
    assert (round(r, 4), round(alpha, 2), round(a, 4), round(b, 4)) == (0.2516, 33.52, 0.7234, 2.1611)
    assert round(model.log_likelihood_, 2) == -142726.06


def test_expected_purchases_of_a_new_customer_match_hardies_note_004(model):
    weeks = np.array([1 / 7, 1, 3, 31.857, 32, 78])
    expected = [0.0078, 0.0532, 0.1506, 1.0405, 1.0437, 1.8576]
    assert model.expected_purchases_new_customer(7 * weeks) == pytest.approx(expected, abs=5e-4)
    assert isinstance(model.expected_purchases_new_customer(7.0), float)


def test_conditional_expectation_matches_hardies_spreadsheet():
    assert printed().expected_purchases(customers((2, 30.43, 38.86)), 273).round(3).tolist() == [1.226]


def test_conditional_expectation_and_p_alive_match_the_walk_through_of_btyd(model):
    # bgnbd: x = 26, t.x = 30.86, T.cal = 31: 25.76 purchases in 52 weeks, alive with 0.9689
    one = customers((26, 30.86, 31))
    assert model.expected_purchases(one, 364).round(2).tolist() == [25.76]
    assert model.probability_alive(one).round(4).tolist() == [0.9689]


def test_count_distribution_matches_r_btyd_as_lifetimes_asserts_it():
    ten_in_two_weeks = printed().count_distribution_new_customer(14, max_count=10)[10]
    assert ten_in_two_weeks == pytest.approx(1.07869e-07, rel=1e-5)
    none_in_39_weeks = printed().count_distribution_new_customer(273, max_count=0)
    assert none_in_39_weeks == pytest.approx([0.5737864], abs=5e-8)


def test_holdout_frequency_bins_match_the_walk_through_of_btyd(model, summary):
    bins = np.minimum(summary["frequency"], 7)
    expected = pd.Series(model.expected_purchases(summary, 273)).groupby(bins.to_numpy()).mean()
    published = [0.2250893, 0.5231364, 1.044126, 1.520256, 2.163824, 2.653789, 3.503957, 6.157036]
    assert expected.tolist() == pytest.approx(published, abs=1e-3)
    actual = summary["holdout_frequency"].groupby(bins).mean().round(3).tolist()
    assert actual == [0.237, 0.697, 1.393, 1.56, 2.532, 2.947, 3.862, 6.359]
    assert bins.value_counts().sort_index().tolist() == [1411, 439, 214, 100, 62, 38, 29, 64]


def test_who_never_bought_again_is_alive_with_certainty(model, summary):
    alive = model.probability_alive(summary)
    assert (alive[summary["frequency"] == 0] == 1).all()
    assert ((alive > 0) & (alive <= 1)).all()


# ---- formulas -----------------------------------------------------------------------------------------------------


def test_conditional_expectation_is_equation_10_where_2f1_can_be_had(model, summary):
    r, alpha, a, b = model.params_.values()
    x, t_x, T = (summary[name].to_numpy() for name in ("frequency", "recency", "T"))
    for days in (7, 273, 3000):
        t = days / 7
        late = ((alpha + T) / (alpha + T + t)) ** (r + x) * hyp2f1(r + x, b + x, a + b + x - 1, t / (alpha + T + t))
        left = np.where(x > 0, a / (b + np.maximum(x, 1) - 1) * ((alpha + T) / (alpha + t_x)) ** (r + x), 0)
        equation_10 = (a + b + x - 1) / (a - 1) * (1 - late) / (1 + left)
        assert model.expected_purchases(summary, days) == pytest.approx(equation_10, rel=1e-11)


# mpmath 1.4.1, 120 digits: (a+b-1)/(a-1) * (1 - (alpha/(alpha+t))**r * hyp2f1(r, b, a+b-1, t/(alpha+t))), the integral
# of (1 - (1 + p t/alpha)**-r)/p over Beta(a, b) where b is large: r, alpha, a, b, t, value.
MPMATH = [
    (0.243, 4.414, 0.793, 2.426, 39, 1.19672319332081687),
    (0.243, 4.414, 0.793, 2.426, 1e-6, 5.50521050229204188e-8),
    (0.243, 4.414, 0.793, 2.426, 1e6, 53.5404782530145686),
    (0.243, 4.414, 1.0, 2.426, 39, 1.08427901059151878),  # a pole of the printed formula
    (0.243, 4.414, 1.0001, 2.426, 39, 1.08423149087060101),
    (0.243, 4.414, 30.0, 1e-3, 39, 0.426223941617030335),
    (1000.243, 10004.4, 0.793, 1002.426, 10_000, 745.598872158173412),
    (1000.243, 44.0, 0.793, 1002.426, 10_000, 10052.5065939104031),
    (1000.243, 10004.4, 0.793, 1002.426, 1e-3, 9.99803047095169835e-5),
    (0.6, 7.8, 1e-6, 5.0, 52, 3.99999746826138465),
    (0.6, 7.8, 0.003, 2e6, 52, 3.99999996800009271),
    (0.87, 71.4, 0.2678, 194.0, 365, 4.41905605766890112),
    (5e4, 5e5, 2.0, 3.0, 30, 1.82202354257969206),
    (0.25, 4, 50, 80, 100, 1.16763847003119035),
    (0.25, 4, 5000, 8000, 100, 1.15965895130754473),
    (0.25, 4, 0.3, 0.02, 100, 0.736120358939009827),
    (30.0, 10.0, 0.01, 0.01, 365, 513.253655488265274),
    (172.67, 100.0, 0.1552, 175.4, 182, 286.530625952121206),
]


@pytest.mark.parametrize("case", MPMATH)
def test_expected_purchases_match_mpmath(case):
    *params, t, value = case
    model = printed(dict(zip(FHL_2005, params, strict=True)), unit=1.0)
    assert model.expected_purchases_new_customer(t) == pytest.approx(value, rel=1e-12)


def test_distribution_of_counts_sums_to_one_and_has_the_expectation_as_its_mean(model, summary):
    few = summary.sample(300, random_state=0)
    counts = model.count_distribution(few, 273, max_count=250)
    assert counts.shape == (300, 251)
    assert counts.sum(axis=1) == pytest.approx(np.ones(300), abs=1e-12)
    assert counts @ np.arange(251) == pytest.approx(model.expected_purchases(few, 273), rel=1e-10)
    new = model.count_distribution_new_customer(273, max_count=250)
    assert new @ np.arange(251) == pytest.approx(model.expected_purchases_new_customer(273), rel=1e-10)


def test_discounted_purchases_are_the_integral_of_the_discounted_rate(model, summary):
    few, rate = summary.head(40), 0.15
    days = np.linspace(0, 730, 731)
    path = np.array([model.expected_purchases(few, day) for day in days])
    middle = np.exp(-np.log1p(rate) / 365 * (days[1:] + days[:-1]) / 2)
    stepwise = (np.diff(path, axis=0) * middle[:, None]).sum(axis=0)
    exact = model.discounted_expected_purchases(few, 730, annual_discount_rate=rate)
    assert exact == pytest.approx(stepwise, rel=1e-5)
    assert model.discounted_expected_purchases(few, 730, annual_discount_rate=0) == pytest.approx(path[-1], rel=1e-12)
    endless = model.discounted_residual_purchases(few, annual_discount_rate=rate)
    # without end is what a hundred years are
    assert endless == pytest.approx(
        model.discounted_expected_purchases(few, 36_500, annual_discount_rate=rate), rel=2e-6
    )
    assert (endless > exact).all()


# ---- simulated customers ------------------------------------------------------------------------------------------


def histories(params, n, *, until, after, seed):
    """Customers purchase by purchase, without the library: summary, who is alive at ``until``, purchases after it."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(params["r"], 1 / params["alpha"], n)
    p = rng.beta(params["a"], params["b"], n)
    x, t_x, y = np.zeros(n), np.zeros(n), np.zeros(n)
    now, going = np.zeros(n), np.arange(n)
    gone = np.full(n, np.inf)
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
    return pd.DataFrame({"frequency": x, "recency": t_x, "T": until, "time_unit_days": 7.0}), gone > until, y


@pytest.fixture(scope="module")
def world():
    params = {"r": 0.6, "alpha": 4.0, "a": 0.8, "b": 3.0}
    table, alive, y = histories(params, 60_000, until=30.0, after=50.0, seed=3)
    return printed(params), table, alive, y


def test_predictions_hold_in_a_simulated_world(world):
    model, table, alive, y = world
    expected, probability = model.expected_purchases(table, 140), model.probability_alive(table)
    none = model.count_distribution(table, 140, max_count=0)[:, 0]
    groups = np.minimum(table["frequency"], 5) * 10 + np.floor(table["recency"] / 10)
    for members in groups.groupby(groups).groups.values():
        m = np.asarray(members)
        if len(m) < 200:
            continue
        assert within(y[m].mean(), expected[m].mean(), y[m].std(), len(m))
        assert within(alive[m].mean(), probability[m].mean(), np.sqrt(0.25), len(m))
        assert within((y[m] == 0).mean(), none[m].mean(), np.sqrt(0.25), len(m))


def test_fit_finds_the_simulated_world_again(world):
    model, table, *_ = world
    found = BetaGeoModel().fit(table)
    for symbol, value in model.params_.items():
        assert abs(found.params_[symbol] - value) < 4 * found.standard_errors_[symbol]


def test_simulated_new_customers_are_those_of_the_simulated_world(world):
    model, table, alive, _ = world
    drawn = model.simulate_new_customers(60_000, days=210, random_state=5)
    assert list(drawn) == ["customer_id", "frequency", "recency", "T", "time_unit_days", "alive", "purchase_rate"]
    for mine, theirs in ((drawn["alive"], alive), *((drawn[c], table[c]) for c in ("frequency", "recency"))):
        assert within(np.mean(mine), np.mean(theirs), np.sqrt(np.var(mine) + np.var(theirs)), 60_000)
    again = drawn["frequency"] > 0
    assert within(
        np.square(drawn["recency"][again]).mean(),
        np.square(table["recency"][table["frequency"] > 0]).mean(),
        np.sqrt(2) * np.square(drawn["recency"][again]).std(),
        again.sum(),
    )


def test_simulated_futures_have_the_closed_forms_distribution(model, summary):
    few = summary.iloc[[0, 1, 5, 9, 40, 100, 200, 1000]]
    drawn = model.simulate(few, 273, n_draws=20_000, random_state=1)
    assert drawn.shape == (20_000, 8)
    assert np.issubdtype(drawn.dtype, np.integer)
    expected = model.expected_purchases(few, 273)
    assert within(drawn.mean(axis=0), expected, drawn.std(axis=0), 20_000).all()
    counts = model.count_distribution(few, 273, max_count=12)
    for n in range(13):
        deviation = np.sqrt(counts[:, n] * (1 - counts[:, n]))
        assert within((drawn == n).mean(axis=0), counts[:, n], deviation + 1e-3, 20_000).all()


def test_draws_of_individuals_repeat_with_random_state(model, summary):
    draws = [model.simulate(summary.head(9), 70, n_draws=3, random_state=7) for _ in range(2)]
    assert (draws[0] == draws[1]).all()


# ---- edges --------------------------------------------------------------------------------------------------------

EDGES = customers(
    (1000, 10_000, 10_000), (1000, 9_999, 10_000), (1000, 5, 10_000), (0, 0, 10_000), (0, 0, 0), (1, 10_000, 10_000),
    (1, 1e-3, 10_000), (1000, 1, 1), (50_000, 10_000, 10_000),
)  # fmt: skip


@pytest.mark.parametrize(
    "params",
    [
        FHL_2005,
        {"r": 0.6, "alpha": 8, "a": 2e-9, "b": 3e-7},
        {"r": 2e7, "alpha": 4e8, "a": 4e-6, "b": 2e7},
        {"r": 0.9, "alpha": 71, "a": 60, "b": 4e4},
    ],
)
def test_extremes_neither_overflow_nor_leave_zero_to_one(params):
    model = printed(params)
    alive, counts = model.probability_alive(EDGES), model.count_distribution(EDGES, 70_000, max_count=40)
    assert ((alive >= 0) & (alive <= 1)).all()
    assert ((counts >= 0) & (counts <= 1)).all()
    assert (counts.sum(axis=1) <= 1 + 1e-9).all()
    last = np.zeros(len(EDGES))
    for days in (0, 1e-3, 7, 700, 70_000):
        expected = model.expected_purchases(EDGES, days)
        assert np.isfinite(expected).all()
        assert (expected >= last * (1 - 1e-12)).all()
        last = expected
    assert (model.expected_purchases(EDGES, 0) == 0).all()
    assert np.isfinite(model.discounted_residual_purchases(EDGES, annual_discount_rate=0.1)).all()
    draws = model.simulate(EDGES, 700, n_draws=20, random_state=0)
    assert (draws >= 0).all()


@pytest.mark.parametrize(
    "table",
    [
        customers((2, 30.43, 38.86)),
        customers(*[(2, 30.43, 38.86)] * 50),
        customers((0, 0, 38.86)),
        customers((0, 0, 0)),
        customers((1000, 10_000, 10_000)),
        customers((5, 0, 10), (5, 0, 10)),
        EDGES,
    ],
)
def test_degenerate_tables_are_fitted_and_marked(table):
    model = BetaGeoModel()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(table)
    assert np.isfinite(model.log_likelihood_)
    assert all(np.isfinite(value) and value > 0 for value in model.params_.values())
    assert [warning.category for warning in caught] == [FitWarning] * bool(model.boundary_)
    assert model.boundary_ or table is EDGES
    assert np.isfinite(model.expected_purchases(table, 70)).all()
    assert np.isfinite(model.simulate(table, 70, n_draws=3, random_state=0)).all()


def test_without_dropout_the_fit_returns_marked_and_predicts_as_nbd():
    rng = np.random.default_rng(1)
    T = rng.integers(26 * 7, 52 * 7, 3000) / 7
    x = rng.poisson(rng.gamma(0.6, 1 / 8, 3000) * T).astype(float)
    table = pd.DataFrame(
        {"frequency": x, "recency": np.where(x > 0, T * rng.beta(np.maximum(x, 1), 1), 0), "T": T, "time_unit_days": 7}
    )
    with pytest.warns(FitWarning, match=r"\ba \(.*shrinks"):
        model = BetaGeoModel().fit(table)
    assert "shrinks" in model.boundary_
    assert model.converged_
    nbd = NBDModel().fit(table)
    assert model.log_likelihood_ - nbd.log_likelihood_ == pytest.approx(0, abs=1)
    forecasts = [either.expected_purchases(table, 364).sum() for either in (model, nbd)]
    assert forecasts[0] == pytest.approx(forecasts[1], rel=0.01)
    again = BetaGeoModel.from_dict(model.to_dict())
    assert again.boundary_ == model.boundary_


@needs_data
def test_one_year_of_online_retail_is_a_ridge_with_b_in_the_hundreds(online_retail):
    table = rfm_summary(online_retail, calibration_end="2010-12-09", time_unit="D")
    with pytest.warns(FitWarning, match=r"b \(194\) grows"):
        model = BetaGeoModel().fit(table)
    assert 100 < model.params_["b"] < 1000
    assert model.converged_
    assert "same probability of leaving" in model.boundary_


@needs_data
def test_eighteen_months_of_online_retail_forecast_the_next_half_year_within_two_percent(online_retail):
    table = rfm_summary(online_retail, calibration_end="2011-06-09", holdout_end="2011-12-08", time_unit="W")
    model = BetaGeoModel().fit(table)
    assert model.boundary_ == ""
    forecast, came = model.expected_purchases(table, 182).sum(), table["holdout_frequency"].sum()
    assert round(forecast) == 7652
    assert abs(forecast / came - 1) < 0.02
