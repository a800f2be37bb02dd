"""NBD: the published figures on CDNOW, and that nobody leaves."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import nbinom

from clvlib.datasets import load_cdnow
from clvlib.rfm import rfm_summary
from clvlib.value import FitWarning, NBDModel


@pytest.fixture(scope="module")
def summary():
    return rfm_summary(load_cdnow().lines, calibration_end="1997-09-30", holdout_end="1998-06-30", time_unit="W")


@pytest.fixture(scope="module")
def model(summary):
    return NBDModel().fit(summary)


def test_parameters_and_log_likelihood_match_fader_hardie_lee_2005_table_2(model):
    assert {symbol: round(value, 3) for symbol, value in model.params_.items()} == {"r": 0.385, "alpha": 12.072}
    assert round(model.log_likelihood_, 1) == -9763.7


def test_predictions_are_those_of_a_gamma_mixture_of_poisson_counts(model, summary):
    r, alpha = model.params_.values()
    x, T = summary["frequency"].to_numpy(), summary["T"].to_numpy()
    assert model.expected_purchases(summary, 273) == pytest.approx((r + x) / (alpha + T) * 39, rel=1e-12)
    assert (model.probability_alive(summary) == 1).all()
    shape, scale = (r + x)[:, None], (alpha + T)[:, None]
    expected = nbinom.pmf(np.arange(9), shape, scale / (scale + 39))
    assert model.count_distribution(summary, 273, max_count=8) == pytest.approx(expected, rel=1e-9)
    assert model.expected_purchases_new_customer(364) == pytest.approx(r / alpha * 52, rel=1e-12)


def test_nobody_leaving_overstates_the_holdout_by_half(model, summary):
    forecast = model.expected_purchases(summary, 273).sum() / summary["holdout_frequency"].sum()
    assert 1.5 < forecast < 1.6


def test_endless_discounted_purchases_are_the_rate_over_the_interest(model, summary):
    delta = np.log(1.15) * 7 / 365
    expected = model.expected_purchases(summary, 7) / delta
    assert model.discounted_residual_purchases(summary, annual_discount_rate=0.15) == pytest.approx(expected, rel=1e-12)


def test_simulation_has_the_closed_forms_distribution(model, summary):
    few = summary.head(6)
    drawn = model.simulate(few, 273, n_draws=20_000, random_state=0)
    counts = model.count_distribution(few, 273, max_count=5)
    for n in range(6):
        error = 4.5 * np.sqrt(counts[:, n] / 20_000)
        assert (np.abs((drawn == n).mean(axis=0) - counts[:, n]) <= error).all()
    new = model.simulate_new_customers(50_000, days=273, random_state=1)
    assert new["alive"].all()
    assert new["frequency"].mean() == pytest.approx(model.expected_purchases_new_customer(273), rel=0.05)
    found = NBDModel().fit(new)
    for symbol, value in model.params_.items():
        assert abs(found.params_[symbol] - value) < 4 * found.standard_errors_[symbol]


def test_equal_customers_are_marked(summary):
    same = pd.DataFrame({"frequency": [3.0] * 9, "recency": [9.0] * 9, "T": [10.0] * 9})
    with pytest.warns(FitWarning, match="every customer has the same purchase rate"):
        model = NBDModel().fit(same)
    assert model.params_["r"] / model.params_["alpha"] == pytest.approx(0.3, rel=1e-4)
    nobody = pd.DataFrame({"frequency": [0.0] * 9, "recency": [0.0] * 9, "T": [10.0] * 9})
    with pytest.warns(FitWarning, match="alpha .* grows"):
        NBDModel().fit(nobody)
