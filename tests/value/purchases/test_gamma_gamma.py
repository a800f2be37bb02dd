"""Gamma-Gamma against published figures, the note's own likelihood, a simulated world, and what it has no place for."""

import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import gammaln

from clvlib.datasets import load_cdnow, load_online_retail
from clvlib.datasets._installed import installed_file
from clvlib.rfm import rfm_summary
from clvlib.value import FitWarning, GammaGammaModel

LINES = Path(os.environ.get("CLVLIB_DATA", "/nowhere")) / "online_retail_ii" / "online_retail_ii_lines.parquet"
needs_data = pytest.mark.skipif(
    not LINES.is_file(), reason=f"NOT TESTED: Online Retail II is not at hand ({LINES}); set CLVLIB_DATA"
)


@pytest.fixture(scope="module")
def summary():
    return rfm_summary(load_cdnow().lines, calibration_end="1997-09-30", time_unit="W")


@pytest.fixture(scope="module")
def model(summary):
    return GammaGammaModel().fit(summary)


# ---- published figures --------------------------------------------------------------------------------------------


def test_parameters_match_fader_hardie_lee_2005_and_note_025(model):
    p, q, gamma = model.params_.values()
    assert (round(p, 2), round(q, 2), round(gamma, 2)) == (6.25, 3.74, 15.44)
    assert model.n_customers_ == 946
    assert model.n_left_out_ == 1411
    assert model.converged_
    assert model.notes_ == ()


def test_log_likelihood_matches_clvtools(model):
    assert round(model.log_likelihood_, 4) == -4055.9177  # test_correctness_gg.R


def test_expected_spend_matches_hardies_note_025(model):
    table = pd.read_csv(installed_file("lifetimes", "lifetimes/datasets/cdnow_customers_summary_with_transactions.csv"))
    table = table.rename(columns={"x": "frequency", "zbar": "monetary_value"})
    published = [24.65, 18.91, 35.17, 35.17, 35.17, 71.46, 18.91, 35.17, 27.28, 35.17]
    assert model.expected_spend(table)[:10] == pytest.approx(published, abs=0.01)
    assert round(model.expected_spend_new_customer(), 2) == 35.17


def test_parameters_on_78_weeks_match_the_rfm_and_clv_paper_of_2005():
    table = rfm_summary(load_cdnow().lines, calibration_end="1998-06-30", time_unit="W")
    p, q, gamma = GammaGammaModel().fit(table).params_.values()
    assert (round(p, 3), round(q, 3), round(gamma, 2)) == (4.683, 4.190, 24.39)


def test_correlation_of_frequency_and_spend_is_the_modest_one_that_the_paper_speaks_of(model):
    assert round(model.correlation_, 2) == 0.11


# ---- formulas -----------------------------------------------------------------------------------------------------


def test_likelihood_is_equation_1a_of_note_025(model, summary):
    again = summary[summary["frequency"] > 0]
    x, m = again["frequency"].to_numpy(), again["monetary_value"].to_numpy()
    for p, q, gamma in (model.params_.values(), (2.0, 5.0, 60.0)):
        value = gammaln(p * x + q) - gammaln(p * x) - gammaln(q) + q * np.log(gamma)
        value += (p * x - 1) * np.log(m) + p * x * np.log(x) - (p * x + q) * np.log(gamma + m * x)
        assert model.log_likelihood(summary, [p, q, gamma]) == pytest.approx(value.sum(), rel=1e-12)


def test_gradient_and_hessian_are_the_likelihoods(summary):
    from clvlib.value.purchases._maximum_likelihood import Likelihood

    likelihood = GammaGammaModel().compile_likelihood(summary, weights=np.arange(1.0, 2358))
    params = np.array([5.0, 3.0, 12.0])
    _, gradient, hessian = likelihood.hessian(params)
    step = np.diag(1e-5 * params)
    central = [(likelihood(params + row) - likelihood(params - row)) / (2 * row.max()) for row in step]
    assert gradient == pytest.approx(central, rel=1e-6)
    assert hessian == pytest.approx(Likelihood.hessian(likelihood, params)[2], rel=1e-7)


def test_expected_spend_is_the_weighted_average_of_equation_5(model, summary):
    p, q, gamma = model.params_.values()
    x, m = summary["frequency"].to_numpy(), summary["monetary_value"].to_numpy()
    own = p * x / (p * x + q - 1)
    expected = own * m + (1 - own) * p * gamma / (q - 1)
    assert model.expected_spend(summary) == pytest.approx(expected, rel=1e-12)


def test_weights_and_currency_change_nothing_but_their_scale(model, summary):
    twice = GammaGammaModel().fit(summary, weights=np.full(2357, 2.0))
    assert twice.params_ == pytest.approx(model.params_, rel=1e-9)
    assert twice.log_likelihood_ == pytest.approx(2 * model.log_likelihood_)
    assert twice.n_customers_ == 1892
    only = GammaGammaModel().fit(summary, weights=(summary.index % 2).astype(float))
    assert only.params_ == pytest.approx(GammaGammaModel().fit(summary[summary.index % 2 == 1]).params_, rel=1e-9)
    for scale in (1e-6, 1e9):
        other = GammaGammaModel().fit(summary.assign(monetary_value=summary["monetary_value"] * scale))
        p, q, gamma = other.params_.values()
        assert [p, q, gamma / scale] == pytest.approx(list(model.params_.values()), rel=1e-7)
        assert other.boundary_ == ""


# ---- a simulated world --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def world():
    """Purchases one by one, without the library: summary, and the mean of all that a customer could ever buy."""
    rng = np.random.default_rng(4)
    n, p, q, gamma = 60_000, 6.25, 3.74, 15.44
    nu = rng.gamma(q, 1 / gamma, n)
    x = rng.geometric(0.4, n) - 1
    total = np.bincount(np.repeat(np.arange(n), x), weights=rng.gamma(p, 1 / np.repeat(nu, x)), minlength=n)
    return pd.DataFrame({"frequency": x.astype(float), "monetary_value": total / np.maximum(x, 1)}), p / nu


def test_fit_and_predictions_hold_in_a_simulated_world(world):
    table, mean = world
    model = GammaGammaModel().fit(table)
    for symbol, value in (("p", 6.25), ("q", 3.74), ("gamma", 15.44)):
        assert abs(model.params_[symbol] - value) < 4 * model.standard_errors_[symbol]
    expected = model.expected_spend(table)
    for x in range(4):
        m = (table["frequency"] == x).to_numpy()
        assert abs(mean[m].mean() - expected[m].mean()) < 4.5 * mean[m].std() / np.sqrt(m.sum())
    rich = expected > 60
    assert abs(mean[rich].mean() - expected[rich].mean()) < 4.5 * mean[rich].std() / np.sqrt(rich.sum())


def test_simulated_means_and_totals_have_the_right_moments(world, model):
    table, _ = world
    few = table.head(8)
    means = model.simulate(few, n_draws=40_000, random_state=0)
    assert means.shape == (40_000, 8)
    expected = model.expected_spend(few)
    assert (np.abs(means.mean(axis=0) - expected) < 4.5 * means.std(axis=0) / 200).all()
    counts = np.array([0, 1, 2, 3, 5, 8, 1, 4])
    totals = model.simulate(few, n_draws=40_000, random_state=1, counts=counts)
    assert (totals[:, 0] == 0).all()
    assert (np.abs(totals.mean(axis=0) - counts * expected) < 4.5 * totals.std(axis=0) / 200 + 1e-12).all()
    # Var of a total of n: the purchases' own and the spread of what is not known of the mean
    p, q, gamma = model.params_.values()
    shape = q + p * few["frequency"].to_numpy()
    rate = gamma + (few["frequency"] * few["monetary_value"]).to_numpy()
    second = p * counts * (p * counts + 1) * rate**2 / ((shape - 1) * (shape - 2))
    assert (totals**2).mean(axis=0) == pytest.approx(second, rel=0.1)
    varying = model.simulate(few, n_draws=2, random_state=1, counts=np.array([counts, 0 * counts]))
    assert (varying[1] == 0).all()
    assert (varying[0, 1:] > 0).all()


# ---- what it has no place for -------------------------------------------------------------------------------------


def test_zero_and_negative_repeat_spend_is_refused_with_the_remedy(summary):
    rows = summary.index[summary["frequency"] > 0][[4, 9]]
    broken = summary.copy()
    broken.loc[rows, "monetary_value"] = [0.0, -3.0]
    message = (
        rf"monetary_value: 2 of 2,357 rows are zero or negative with frequency above 0 \(first: row {rows[0]}, 0\); "
        r'.*drop these customers, or GammaGammaModel\(nonpositive="leave_out"\)'
    )
    with pytest.raises(ValueError, match=message):
        GammaGammaModel().fit(broken)
    left = GammaGammaModel(nonpositive="leave_out").fit(broken)
    assert left.params_ == pytest.approx(GammaGammaModel().fit(broken.drop(rows)).params_, rel=1e-10)
    assert (left.n_nonpositive_, left.n_left_out_, left.n_customers_) == (2, 1413, 944)
    # of whom nothing is known the population's mean is expected
    assert left.expected_spend(broken)[rows] == pytest.approx([left.expected_spend_new_customer()] * 2)
    again = GammaGammaModel.from_dict(left.to_dict())
    assert (again.nonpositive, again.n_nonpositive_) == ("leave_out", 2)


def test_other_bad_input_is_named(summary, model):
    for change, message in (
        ({"frequency": -1.0}, "frequency: 2,357 of 2,357 rows are negative or fractional"),
        ({"monetary_value": np.nan}, "monetary_value: 2,357 of 2,357 rows are missing or infinite"),
        ({"frequency": 0.0}, "none of 2,357 customers has bought again"),
    ):
        with pytest.raises(ValueError, match=message):
            GammaGammaModel().fit(summary.assign(**change))
    with pytest.raises(ValueError, match="no column 'monetary_value'"):
        GammaGammaModel().fit(summary.drop(columns="monetary_value"))
    with pytest.raises(ValueError, match='nonpositive is "error" or "leave_out"'):
        GammaGammaModel(nonpositive="drop").fit(summary)
    with pytest.raises(ValueError, match=r"counts: .* negative"):
        model.simulate(summary.head(1), n_draws=1, random_state=0, counts=[-1])


def test_fewer_than_fifty_repeat_customers_are_warned_of(summary):
    few = summary[summary["frequency"] > 0].head(49)
    with pytest.warns(FitWarning) as caught:
        model = GammaGammaModel().fit(few)
    assert any("only 49 repeat customers" in str(warning.message) for warning in caught)
    assert [f"GammaGammaModel: {note}" for note in model.notes_] == [str(warning.message) for warning in caught]


def test_a_correlation_of_frequency_and_spend_is_said_with_what_it_does(summary):
    richer = summary.assign(monetary_value=summary["monetary_value"] * (1 + summary["frequency"]))
    with pytest.warns(FitWarning, match=r"correlated \(r = 0\.[3-9].*buy often are undervalued"):
        model = GammaGammaModel().fit(richer)
    assert model.correlation_ > 0.3


@pytest.mark.parametrize(
    "rows",
    [[(2, 22.35)], [(2, 22.35)] * 60, [(1000, 5.0)], [(1, 1e-9), (1, 1e9)] * 30, [(1, 5.0), (1000, 1e6)] * 40],
)
def test_degenerate_tables_are_fitted_and_marked(rows):
    table = pd.DataFrame([*rows, (0, 0)], columns=["frequency", "monetary_value"], dtype=float)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = GammaGammaModel().fit(table)
    assert caught
    assert all(issubclass(warning.category, FitWarning) for warning in caught)
    assert np.isfinite(model.log_likelihood_)
    assert np.isfinite(model.expected_spend(table)[:-1]).all()
    assert np.isfinite(model.simulate(table, n_draws=5, random_state=0)).all()


def test_a_population_without_a_finite_mean_is_said():
    rng = np.random.default_rng(0)
    nu = rng.gamma(0.7, 1 / 5.0, 2000)
    table = pd.DataFrame({"frequency": 3.0, "monetary_value": rng.gamma(12, 1 / nu) / 3})
    with pytest.warns(FitWarning, match="mean spend is infinite"):
        model = GammaGammaModel().fit(table)
    assert model.expected_spend_new_customer() == np.inf
    assert np.isfinite(model.expected_spend(table)).all()


@needs_data
def test_online_retail_has_returns_and_is_fitted_without_them():
    table = rfm_summary(load_online_retail().lines, calibration_end="2010-12-09", time_unit="W")
    with pytest.raises(ValueError, match=r"monetary_value: 30 of 4,314 rows are zero or negative"):
        GammaGammaModel().fit(table)
    model = GammaGammaModel(nonpositive="leave_out").fit(table)
    assert model.n_nonpositive_ == 30
    assert 0 < model.correlation_ < 0.3
    assert model.converged_
