"""The posterior: against NUTS on CDNOW, against a known density, and honest where it must not be trusted."""

import warnings

import numpy as np
import pandas as pd
import pytest

from clvlib.datasets import load
from clvlib.rfm import rfm_summary
from clvlib.value import (
    BetaGeoModel,
    FitWarning,
    GammaGammaModel,
    ModifiedBetaGeoModel,
    NBDModel,
    ParetoNBDModel,
    PosteriorWarning,
    parameter_posterior,
)
from clvlib.value.purchases._fitted_model import FittedModel
from clvlib.value.purchases._maximum_likelihood import Likelihood
from clvlib.value.uncertainty._pareto_smoothing import smoothed_log_weights


@pytest.fixture(scope="module")
def summary():
    return rfm_summary(load("cdnow").lines, calibration_end="1997-09-30")


@pytest.fixture(scope="module")
def model(summary):
    return BetaGeoModel().fit(summary)


@pytest.fixture(scope="module")
def posterior(model, summary):
    return parameter_posterior(model, summary, random_state=0)


# pymc-marketing, NUTS, 2 x 1,000 draws on CDNOW under its default priors: mean, standard deviation; at least 1,473
# effective draws of a.
NUTS = {"r": (0.2454, 0.0119), "alpha": (4.511, 0.362), "a": (0.7824, 0.197), "b": (2.423, 0.779)}


def test_posterior_under_pymc_marketings_priors_matches_its_nuts(model, summary):
    found = parameter_posterior(model, summary, random_state=0, prior="pymc-marketing")
    assert found.pareto_k < 0.5
    assert found.effective_sample_size >= 3000
    assert found.trusted
    for symbol, (mean, deviation) in NUTS.items():
        error = deviation * np.sqrt(1 / 1473 + 1 / found.effective_sample_size)
        assert abs(found.mean[symbol] - mean) < 4 * error, symbol
        assert found.standard_deviation[symbol] == pytest.approx(deviation, rel=0.1), symbol


def test_weak_prior_leaves_cdnow_where_the_likelihood_has_it(model, posterior):
    for symbol, value in model.params_.items():
        assert abs(posterior.mode[symbol] - value) < 0.05 * posterior.standard_deviation[symbol]
        assert posterior.standard_deviation[symbol] == pytest.approx(model.standard_errors_[symbol], rel=0.2)


def test_draws_have_the_posteriors_moments_and_intervals(posterior):
    assert posterior.draws.shape == (4000, 4)
    table = posterior.interval(0.9).set_index("parameter")
    for symbol in posterior.draws:
        draws, deviation = posterior.draws[symbol], posterior.standard_deviation[symbol]
        assert draws.mean() == pytest.approx(posterior.mean[symbol], abs=0.02 * deviation)
        assert draws.std() == pytest.approx(deviation, rel=0.05)
        assert draws.quantile([0.05, 0.95]).to_numpy() == pytest.approx(
            table.loc[symbol, ["low", "high"]].to_numpy(float), abs=0.1 * deviation
        )


def test_days_and_weeks_give_the_same_posterior(posterior):
    days = rfm_summary(load("cdnow").lines, calibration_end="1997-09-30", time_unit="D")
    found = parameter_posterior(BetaGeoModel().fit(days), days, random_state=0)
    for symbol, factor in {"r": 1, "alpha": 7, "a": 1, "b": 1}.items():
        assert found.mean[symbol] == pytest.approx(factor * posterior.mean[symbol], rel=1e-4)
        deviation = factor * posterior.standard_deviation[symbol]
        assert found.standard_deviation[symbol] == pytest.approx(deviation, rel=1e-3)


@pytest.mark.parametrize("kind", [ModifiedBetaGeoModel, ParetoNBDModel, NBDModel, GammaGammaModel])
def test_every_model_of_cdnow_has_a_posterior_that_can_be_trusted(summary, kind):
    model = kind(nonpositive="leave_out") if kind is GammaGammaModel else kind()
    found = parameter_posterior(model.fit(summary), summary, n_draws=2000, random_state=0)
    assert found.trusted
    assert found.pareto_k < 0.5
    table = found.interval(0.99).set_index("parameter")
    for symbol, value in model.params_.items():
        assert table.loc[symbol, "low"] < value < table.loc[symbol, "high"]
        # Pareto/NBD's s and beta have long upper tails, which the normal approximation cannot know
        assert found.standard_deviation[symbol] > 0.9 * model.standard_errors_[symbol]


def test_a_weight_is_as_good_as_repeated_rows(model, summary):
    doubled = parameter_posterior(model, pd.concat([summary, summary]), random_state=1)
    weighted = parameter_posterior(model, summary, weights=np.full(len(summary), 2.0), random_state=1)
    assert weighted.mean == pytest.approx(doubled.mean, rel=1e-9)


def test_the_same_seed_gives_the_same_draws(model, summary):
    first, second = (parameter_posterior(model, summary, n_draws=200, random_state=7).draws for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


class _Gammas(Likelihood):
    """Two independent gammas as a likelihood in their log: with a flat prior in logs, that is the posterior."""

    weight = 1.0

    def __init__(self, shapes):
        self.shapes = np.array(shapes)

    def gradient(self, params):
        return float((self.shapes * np.log(params) - params).sum()), self.shapes / params - 1

    def many(self, params):
        return (self.shapes * np.log(params) - params).sum(axis=1)


class _Known(FittedModel):
    _symbols = ("u", "v")

    def __init__(self, shapes):
        self.shapes = shapes
        self.params_ = dict(zip(self._symbols, map(float, shapes), strict=True))

    def _likelihood(self, summary, weights):
        return _Gammas(self.shapes)


def test_moments_of_a_known_density_come_out():
    # Gamma(shape) has mean and variance equal to its shape
    found = parameter_posterior(_Known([3.0, 40.0]), pd.DataFrame(), n_draws=20_000, random_state=0, prior="flat")
    assert found.trusted
    for symbol, shape in {"u": 3.0, "v": 40.0}.items():
        assert found.mean[symbol] == pytest.approx(shape, abs=4 * np.sqrt(shape / found.effective_sample_size))
        assert found.standard_deviation[symbol] == pytest.approx(np.sqrt(shape), rel=0.04)
    table = found.interval(0.9).set_index("parameter")
    chi2_of_6_halved = [0.8177, 6.2958]
    assert table.loc["u", ["low", "high"]].to_numpy(float) == pytest.approx(chi2_of_6_halved, rel=0.05)


def test_a_skewed_density_is_found_by_moving_the_proposal():
    found = parameter_posterior(_Known([0.3, 0.3]), pd.DataFrame(), n_draws=20_000, random_state=0, prior="flat")
    assert found.mean["u"] == pytest.approx(0.3, abs=0.03)
    assert found.mode["u"] == pytest.approx(0.3, rel=1e-3)  # of the density in log u: shape, not shape - 1


@pytest.mark.parametrize("k", [0.2, 0.5, 0.9])
def test_shape_of_a_pareto_tail_is_recovered_as_in_vehtari_et_al(k):
    rng = np.random.default_rng(0)
    estimates = [smoothed_log_weights(-k * np.log(rng.random(20_000)))[1] for _ in range(20)]  # ratios ~ Pareto(1 / k)
    assert np.mean(estimates) == pytest.approx(k, abs=0.05)


def test_smoothing_keeps_all_but_the_tail_and_never_exceeds_the_largest():
    ratios = np.random.default_rng(0).normal(0, 2, 1000)
    smoothed, _ = smoothed_log_weights(ratios)
    changed = np.flatnonzero(smoothed != ratios - ratios.max())
    assert len(changed) <= np.ceil(3 * np.sqrt(1000))
    assert set(changed) <= set(np.argsort(ratios)[-95:])
    assert smoothed.max() <= 0


def test_a_few_weights_are_not_smoothed_nor_believed():
    assert smoothed_log_weights(np.log([1.0, 2.0, 3.0]))[1] == np.inf


def test_a_ridge_is_told_and_not_trusted():
    # nobody ever leaves: a / b = 0 fits as well as it gets, and the posterior there is the prior
    rng = np.random.default_rng(3)
    T = rng.uniform(20, 40, 2000)
    x = rng.poisson(rng.gamma(1.0, 0.1, 2000) * T).astype(float)
    t_x = np.where(x > 0, T * rng.random(2000) ** (1 / np.maximum(x, 1)), 0.0)
    summary = pd.DataFrame({"frequency": x, "recency": t_x, "T": T, "time_unit_days": 7.0})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        model = BetaGeoModel().fit(summary)
    assert model.boundary_
    with pytest.warns(PosteriorWarning, match="shows? the prior"):
        found = parameter_posterior(model, summary, random_state=0)
    assert not found.trusted
    assert "do not trust" in found.reason
    assert np.isfinite(found.draws.to_numpy()).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_draws": 10}, "at least 100"),
        ({"prior": "jeffreys"}, "jeffreys"),
        ({"weights": [1.0]}, "weights"),
    ],
)
def test_what_cannot_be_is_refused(model, summary, wrong, message):
    with pytest.raises(ValueError, match=message):
        parameter_posterior(model, summary, **{"random_state": 0} | wrong)


def test_a_prior_for_another_model_is_refused():
    with pytest.raises(ValueError, match="for the BG/NBD"):
        parameter_posterior(_Known([1.0, 1.0]), pd.DataFrame(), random_state=0, prior="pymc-marketing")


def test_a_function_may_be_the_prior(model, summary):
    def at_one(theta):  # log a known to be 0, give or take a hundredth
        return -0.5 * (theta[:, 2] / 0.01) ** 2

    found = parameter_posterior(model, summary, random_state=0, prior=at_one)
    assert found.mean["a"] == pytest.approx(1.0, abs=0.01)
    assert found.prior == "as given"
