"""Pareto/NBD against the published figures, high-precision references, simulated customers, and at the edges."""

import itertools
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.special import gammaln, hyp2f1

from clvlib.datasets import load_cdnow
from clvlib.rfm import rfm_summary
from clvlib.value import FitWarning, GammaGammaModel, NBDModel, ParetoNBDModel
from clvlib.value.purchases._leaving_first import leaving_first
from clvlib.value.purchases._maximum_likelihood import maximise
from clvlib.value.purchases._pareto_future import count_probabilities, discounted_time
from clvlib.value.purchases._pareto_likelihood import ParetoLikelihood
from clvlib.value.purchases._summary import Triples

FHL_2005 = {"r": 0.553, "alpha": 10.578, "s": 0.606, "beta": 11.669}  # Marketing Science 24(2), Table 2, weeks
BTYD_78 = {"r": 0.5629966, "alpha": 12.559037, "s": 0.4081095, "beta": 10.5148048}  # BTYD's examples, 78 weeks
FHL_WEEKLY = np.expm1(0.0027 * 365 / 7)  # the continuous 0.0027 a week of RFM and CLV (2005), as an annual rate
SYMBOLS = ("r", "alpha", "s", "beta")


@pytest.fixture(scope="module")
def summary():
    return rfm_summary(load_cdnow().lines, calibration_end="1997-09-30", holdout_end="1998-06-30", time_unit="W")


@pytest.fixture(scope="module")
def model(summary):
    return ParetoNBDModel().fit(summary)


def stated(params, unit=7.0):
    model = ParetoNBDModel()
    model.params_ = dict(zip(SYMBOLS, params, strict=True)) if isinstance(params, tuple) else dict(params)
    model.time_unit_days_ = unit
    return model


def customers(*rows, unit=7.0):
    return pd.DataFrame(rows, columns=["frequency", "recency", "T"], dtype=float).assign(time_unit_days=unit)


def rounded(params, digits):
    return {symbol: round(value, digits) for symbol, value in params.items()}


# ---- published figures --------------------------------------------------------------------------------------------


def test_parameters_and_log_likelihood_match_fader_hardie_lee_2005(model):
    assert rounded(model.params_, 3) == FHL_2005
    assert round(model.log_likelihood_, 3) == -9594.976  # BTYD walk-through
    assert model.converged_
    assert model.boundary_ == ""


def test_standard_errors_match_clvtools(model):
    # CLVTools test_correctness_pnbd_nocovstaticcov.R, at its own optimum (beta 11.6715)
    errors = [model.standard_errors_[symbol] for symbol in SYMBOLS]
    assert errors == pytest.approx([0.0476264, 0.8427222, 0.1872594, 6.2105448], rel=2e-4)


def test_parameters_of_78_weeks_match_the_examples_of_btyd():
    summary = rfm_summary(load_cdnow().lines, calibration_end="1998-06-30", time_unit="W")
    found = ParetoNBDModel().fit(summary)
    for symbol, tolerance in zip(SYMBOLS, (1e-4, 1e-3, 1e-4, 2e-3), strict=True):
        assert found.params_[symbol] == pytest.approx(BTYD_78[symbol], abs=tolerance)
    # BTYD stopped a little before the maximum
    assert found.log_likelihood_ >= found.log_likelihood(summary, BTYD_78)


def test_whole_cohort_in_days_matches_the_recomputed_figures():
    lines = load_cdnow(sample=False).lines
    found = ParetoNBDModel().fit(rfm_summary(lines, calibration_end="1997-09-30", time_unit="D"))
    assert rounded(found.params_, 4) == {"r": 0.5974, "alpha": 81.0996, "s": 0.5222, "beta": 61.7943}
    assert round(found.log_likelihood_, 2) == -142772.73


def test_individual_predictions_match_the_btyd_walkthrough(model):
    # customer 1516; its parameters are a little off the maximum, so its last digits are not ours
    one = customers((26, 216 / 7, 31))
    assert model.expected_purchases_new_customer(52 * 7) == pytest.approx(1.473434, abs=5e-6)
    assert model.expected_purchases(one, 52 * 7)[0] == pytest.approx(25.46, abs=5e-3)
    assert model.probability_alive(one)[0] == pytest.approx(0.997874, abs=2e-6)
    frequent = customers(*((x, 20, 39) for x in (10, 15, 20, 25)))
    assert model.expected_purchases(frequent, 364) == pytest.approx([0.7062, 0.1442, 0.0225, 0.0031], rel=1e-2)


def test_expectations_match_the_manual_of_btyd():
    expected = [0, 0.05077821, 0.09916088, 0.14542507, 0.18979930, 0.23247466, 0.27361274, 0.31335159, 0.35181024]
    found = stated((0.55, 10.56, 0.61, 11.64)).expected_purchases_new_customer(7 * np.arange(9))
    assert found == pytest.approx(np.array(expected), abs=2e-4)


def test_holdout_means_by_frequency_match_the_btyd_walkthrough(model, summary):
    bins = np.minimum(summary["frequency"], 7)
    expected = pd.Series(model.expected_purchases(summary, 39 * 7)).groupby(bins).mean()
    printed = [0.138, 0.600, 1.196, 1.714, 2.399, 2.907, 3.819, 6.403]
    assert expected.to_numpy() == pytest.approx(printed, abs=1e-3)
    assert bins.value_counts().sort_index().tolist() == [1411, 439, 214, 100, 62, 38, 29, 64]
    actual = summary["holdout_frequency"].groupby(bins).mean()
    assert actual.round(3).tolist() == [0.237, 0.697, 1.393, 1.56, 2.532, 2.947, 3.862, 6.359]


def test_value_of_the_whole_cohort_matches_fader_hardie_lee_2005_rfm_and_clv():
    summary = rfm_summary(load_cdnow(sample=False).lines, calibration_end="1998-06-30", time_unit="W")
    kept = summary[summary["frequency"] * summary["monetary_value"] <= 4000].reset_index(drop=True)
    assert len(kept) == 23560
    spend = GammaGammaModel(nonpositive="leave_out")  # one repeat customer has paid nothing
    spend.params_ = {"p": 4.683, "q": 4.190, "gamma": 24.39}
    residual = stated(BTYD_78).discounted_residual_purchases(kept, annual_discount_rate=FHL_WEEKLY)
    value = 0.3 * residual * spend.expected_spend(kept)
    once = kept["frequency"] == 0
    assert once.sum() == 12054
    assert value[once].mean() == pytest.approx(4.4, abs=0.05)
    assert value[once].sum() == pytest.approx(53000, abs=500)
    assert value.sum() == pytest.approx(1.1e6, abs=0.05e6)


# ---- exact references ---------------------------------------------------------------------------------------------

# mpmath, 40 digits: ln M at (r, alpha, s, beta, x, t)
LEAVING_FIRST = {
    (0.55, 10.58, 0.61, 11.67, 0, 0): -0.66801940994027092,
    (0.55, 10.58, 0.61, 11.67, 26, 31): -3.8204556751673327,
    (1, 1, 1, 1, 1000, 1e4): -6.9097532816448101,
    (0.01, 1e-3, 30, 1e4, 0, 0): -0.12148049457496952,
    (0.01, 1e-3, 30, 1e4, 1000, 1e4): -4.2141182464669825,
    (5, 1e4, 0.02, 1e-3, 3, 50): -2.8949557930139171,
    (1e-4, 1e-2, 1e-4, 5e3, 0, 100): -0.69354032217927743,
    (200, 40, 1e3, 2e4, 17, 365): -2.473719825137527,
}


@pytest.mark.parametrize("case", LEAVING_FIRST)
def test_probability_of_leaving_first_matches_mpmath(case):
    x, t = np.array([0.0, case[4], 1000.0]), np.array([0.0, case[5], 1e4])
    log_m, _, _ = leaving_first(np.array(case[:4]), x, t)
    assert log_m[1, 1] == pytest.approx(LEAVING_FIRST[case], abs=1e-12)


def test_likelihood_is_equation_18_of_fader_hardie_2005(summary):
    x, t_x, T = (summary[name].to_numpy()[:200] for name in ("frequency", "recency", "T"))
    for r, alpha, s, beta in ((0.55, 10.6, 0.61, 11.7), (2.0, 5.0, 0.3, 40.0), (0.2, 60.0, 1.0, 3.0)):
        larger, other = max(alpha, beta), s + 1 if alpha >= beta else r + x
        k, gap = r + s + x, abs(alpha - beta)

        def term(t, k=k, gap=gap, larger=larger, other=other):
            return hyp2f1(k, other, k + 1, gap / (larger + t)) / (larger + t) ** k

        inner = (alpha + T) ** -(r + x) * (beta + T) ** -s + s / k * (term(t_x) - term(T))
        expected = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta) + np.log(inner)
        found = stated((r, alpha, s, beta)).log_likelihood(summary.iloc[:200])
        assert found == pytest.approx(expected.sum(), rel=1e-12)


@pytest.mark.parametrize("grid", [True, False])
def test_gradient_and_hessian_are_the_derivatives(grid):
    rng = np.random.default_rng(1)
    n = 300 if grid else 20_000  # more distinct ages than the interpolation has nodes, in a list of cells
    T = rng.integers(5, 60, n).astype(float) if grid else rng.uniform(5, 60, n)
    x = rng.poisson(2, n).astype(float)
    t_x = np.where(x > 0, np.floor(T * rng.random(n)) if grid else T * rng.random(n), 0.0)
    likelihood = ParetoLikelihood(Triples(x, t_x, T, np.ones(n)))
    assert likelihood.cells.grid == grid
    for params in (np.array([0.6, 10.0, 0.5, 12.0]), np.array([2.0, 3.0, 1.5, 200.0])):
        value, gradient, hessian = likelihood.hessian(params)
        assert value == pytest.approx(likelihood.value(params), rel=1e-13)
        for i, step in enumerate(np.diag(1e-4 * params)):
            up, down = likelihood.gradient(params + step), likelihood.gradient(params - step)
            assert gradient[i] == pytest.approx((up[0] - down[0]) / (2 * step[i]), rel=1e-5, abs=1e-4)
            slopes = (up[1] - down[1]) / (2 * step[i])
            assert hessian[i] == pytest.approx(slopes, rel=1e-5, abs=1e-6 * np.abs(hessian[i]).max())


def test_threads_and_blocks_change_nothing(monkeypatch, summary):
    columns = [np.tile(summary[name].to_numpy(), 60) for name in ("frequency", "recency", "T")]
    triples = Triples(*columns, np.ones(len(columns[0])))
    params = np.array([0.5, 9.0, 0.7, 15.0])
    blocks = ParetoLikelihood(triples)
    monkeypatch.setattr("clvlib.value.purchases._pareto_likelihood.BLOCK", 1 << 30)
    monkeypatch.setattr("clvlib.value.purchases._pareto_likelihood.THREADED", 1 << 30)
    once = ParetoLikelihood(triples).hessian(params)
    monkeypatch.undo()
    for part, other in zip(blocks.hessian(params), once, strict=True):
        assert part == pytest.approx(other, rel=1e-11)


# mpmath, 40 digits: late U(1, 2 - s, delta late) at (s, late, delta)
@pytest.mark.parametrize(
    ("s", "late", "delta", "expected"),
    [
        (0.61, 50.67, 0.0027, 143.84218047545967),
        (0.4081095, 88.51, 0.0027, 221.304146448604),
        (1, 1e4, 1e-4, 5963.4736232319405),
        (30, 0.5, 0.5, 0.01708885023230591),
        (0.003, 200, 0.01, 99.891696207577588),
    ],
)
def test_discounted_lifetime_is_tricomis_function(s, late, delta, expected):
    assert discounted_time(s, np.array([late]), np.inf, delta)[0] == pytest.approx(expected, rel=1e-12)


def test_finite_horizons_add_up_to_the_infinite_one(model, summary):
    short = model.discounted_expected_purchases(summary, 50 * 365, annual_discount_rate=0.5)
    endless = model.discounted_residual_purchases(summary, annual_discount_rate=0.5)
    assert (short <= endless).all()
    assert short == pytest.approx(endless, rel=1e-7)
    undiscounted = model.discounted_expected_purchases(summary, 364, annual_discount_rate=0.0)
    assert undiscounted == pytest.approx(model.expected_purchases(summary, 364), rel=1e-12)
    hardly = model.discounted_expected_purchases(summary, 364, annual_discount_rate=1e-9)
    assert hardly == pytest.approx(undiscounted, rel=1e-8)


def test_s_of_one_has_no_gap():
    one = customers((2, 20, 39))
    near = [stated((0.6, 10.0, s, 12.0)).expected_purchases(one, 364)[0] for s in (1 - 1e-7, 1.0, 1 + 1e-7)]
    assert near[0] == pytest.approx(near[1], rel=1e-6)
    assert near[1] == pytest.approx(near[2], rel=1e-6)


def test_count_distributions_add_up_and_have_the_expected_mean(model):
    some = customers((0, 0, 39), (1, 39, 39), (26, 30.86, 31), (5, 3, 30), (150, 38, 39))
    counts = model.count_distribution(some, 364, max_count=900)
    assert counts.sum(axis=1) == pytest.approx(np.ones(5), abs=1e-11)
    assert counts @ np.arange(901) == pytest.approx(model.expected_purchases(some, 364), rel=1e-9)
    new = model.count_distribution_new_customer(364, max_count=400)
    assert new.sum() == pytest.approx(1, abs=1e-11)
    assert new @ np.arange(401) == pytest.approx(model.expected_purchases_new_customer(364), rel=1e-9)


def test_counts_of_a_customer_who_never_leaves_are_negative_binomial():
    found = count_probabilities(np.array([700.0]), np.array([9.0]), 1e-9, np.array([50.0]), 12.0, 1500)[0]
    k = np.arange(1501)
    logarithm = gammaln(700 + k) - gammaln(700) - gammaln(k + 1) + 700 * np.log(9 / 21) + k * np.log(12 / 21)
    assert found == pytest.approx(np.exp(logarithm), rel=1e-6, abs=1e-12)


# ---- simulation ---------------------------------------------------------------------------------------------------


def test_individuals_given_their_history_have_the_exact_distribution(model):
    rows = [(0, 0, 39), (1, 5, 39), (10, 20, 39), (3, 30, 31)]
    n = 40_000
    drawn = model.simulate_individuals(customers(*(row for row in rows for _ in range(n))), random_state=3)
    r, alpha, s, beta = (model.params_[symbol] for symbol in SYMBOLS)
    for i, (x, t_x, T) in enumerate(rows):
        mine = drawn.iloc[i * n : (i + 1) * n]
        # posterior by brute force, over the moment of leaving: E[lambda] and the age among those who have left
        w = np.linspace(t_x, T, 200_001)
        density = (alpha + w) ** -(r + x) * (beta + w) ** -(s + 1)
        density /= density.sum()
        left = mine[~mine["alive"]]
        p = model.probability_alive(customers(rows[i]))[0]
        assert mine["alive"].mean() == pytest.approx(p, abs=4.5 * np.sqrt(p * (1 - p) / n))
        assert left["dropout_age"].between(t_x, T).all()
        for name, mean in (("dropout_age", density @ w), ("purchase_rate", density @ ((r + x) / (alpha + w)))):
            assert left[name].mean() == pytest.approx(mean, abs=4.5 * left[name].std() / np.sqrt(len(left)))
        rate = p * (r + x) / (alpha + T) + (1 - p) * (density @ ((r + x) / (alpha + w)))
        assert mine["purchase_rate"].mean() == pytest.approx(rate, abs=4.5 * mine["purchase_rate"].std() / np.sqrt(n))
        leaving = p * s / (beta + T) + (1 - p) * (density @ ((s + 1) / (beta + w)))
        assert mine["dropout_rate"].mean() == pytest.approx(leaving, abs=4.5 * mine["dropout_rate"].std() / np.sqrt(n))


def test_simulated_purchases_match_expectation_and_distribution(model):
    some = customers((0, 0, 39), (1, 39, 39), (6, 30, 31), (5, 3, 30))
    draws = model.simulate(some, 273, n_draws=8000, random_state=0)
    assert draws.shape == (8000, 4)
    error = draws.std(axis=0) / np.sqrt(8000)
    assert (np.abs(draws.mean(axis=0) - model.expected_purchases(some, 273)) < 4.5 * error).all()
    counts = model.count_distribution(some, 273, max_count=5)
    for k in range(6):
        assert (draws == k).mean(axis=0) == pytest.approx(counts[:, k], abs=4.5 * np.sqrt(0.25 / 8000))
    assert (draws == model.simulate(some, 273, n_draws=8000, random_state=0)).all()


def test_new_customers_follow_the_model_and_give_it_back(model):
    made = model.simulate_new_customers(60_000, days=39 * 7, random_state=2)
    x = made["frequency"]
    error = x.std() / np.sqrt(len(x))
    assert x.mean() == pytest.approx(model.expected_purchases_new_customer(39 * 7), abs=4.5 * error)
    shares = np.bincount(x.astype(int), minlength=4)[:4] / len(x)
    assert shares == pytest.approx(model.count_distribution_new_customer(39 * 7, max_count=3), abs=0.01)
    expected = model.probability_alive(made)
    assert made["alive"].mean() == pytest.approx(expected.mean(), abs=4.5 * np.sqrt(0.25 / len(made)))
    again = ParetoNBDModel().fit(made)
    for symbol in SYMBOLS:
        assert abs(again.params_[symbol] - model.params_[symbol]) < 4 * again.standard_errors_[symbol]


# ---- at the edges -------------------------------------------------------------------------------------------------

EXTREME = customers(
    (0, 0, 0), (0, 0, 1e4), (1000, 1, 1e4), (1000, 1e4, 1e4), (1, 1e-6, 1e4), (500, 1e-3, 1e4), (3, 3, 3)
)  # fmt: skip


@pytest.mark.parametrize(
    "params",
    [*itertools.product((1e-6, 20.0), (1e-6, 1e7), (1e-6, 1e5), (1e-6, 1e7)), (1.0, 5.0, 1.0, 5.0), (1, 1e-3, 2, 1e3)],
)
def test_nothing_overflows_or_leaves_its_range(params):
    model = stated(params)
    alive = model.probability_alive(EXTREME)
    assert ((alive >= 0) & (alive <= 1)).all()
    assert alive[[0, 3, 6]] == pytest.approx(np.ones(3), abs=1e-9)  # just bought, or nothing seen yet
    counts = model.count_distribution(EXTREME, 364, max_count=5)
    assert ((counts >= 0) & (counts.sum(axis=1) <= 1 + 1e-9)[:, None]).all()
    likelihood = model.compile_likelihood(EXTREME)
    for values in (
        model.expected_purchases(EXTREME, 1e5),
        model.discounted_residual_purchases(EXTREME, annual_discount_rate=0.1),
        model.expected_purchases_new_customer([0, 1, 1e6]),
        *likelihood.hessian(np.array(params, float)),
    ):
        assert np.isfinite(values).all()
    drawn = model.simulate_individuals(EXTREME, random_state=0)
    assert drawn[["purchase_rate", "dropout_rate"]].notna().all(axis=None)


def test_underflow_of_lifetimes_issue_is_smooth():
    # lifetimes: 132 and 133 purchases gave results far apart
    model = stated((0.55, 10.58, 0.61, 11.67))
    found = model.expected_purchases(customers((132, 200, 200), (133, 200, 200)), 70)
    assert found == pytest.approx([6.2060517889632418, 6.2528722475748113], rel=1e-10)


def test_one_customer_and_equal_customers_are_fitted_and_marked():
    for row, n in (((3, 10, 20), 1), ((2, 10, 30), 40), ((0, 0, 20), 1), ((5, 20, 20), 1)):
        table = customers(*[row] * n)
        with pytest.warns(FitWarning, match="hardly changes"):
            found = ParetoNBDModel().fit(table)
        assert found.boundary_
        assert found.converged_
        assert np.isfinite(found.expected_purchases(table, 70)).all()


def test_without_dropout_the_fit_forecasts_as_nbd_and_is_marked():
    rng = np.random.default_rng(0)
    rate, T = rng.gamma(0.7, 1 / 20, 2000), rng.integers(100, 273, 2000) / 7
    x = rng.poisson(rate * T)
    table = customers(*zip(x, np.where(x > 0, T * rng.beta(np.maximum(x, 1), 1), 0), T, strict=True))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = ParetoNBDModel().fit(table)
    assert [warning.category for warning in caught] == [FitWarning]
    assert "s (" in found.boundary_ or "beta (" in found.boundary_
    assert found.converged_
    nbd = NBDModel().fit(table)
    # two parameters more, of which there is nothing to learn
    assert 0 <= found.log_likelihood_ - nbd.log_likelihood_ < 4
    total = found.expected_purchases(table, 70).sum()
    assert total == pytest.approx(nbd.expected_purchases(table, 70).sum(), rel=0.1)


def test_weights_and_order_of_rows_change_nothing(model, summary):
    counted = summary.groupby(["frequency", "recency", "T"], as_index=False).size().assign(time_unit_days=7.0)
    weighted = ParetoNBDModel().fit(counted, weights=counted["size"])
    assert weighted.params_ == pytest.approx(model.params_, rel=1e-9)
    assert weighted.n_customers_ == 2357
    again = ParetoNBDModel().fit(summary.sample(frac=1, random_state=0))
    assert again.params_ == pytest.approx(model.params_, rel=1e-9)


def test_any_start_ends_at_the_same_maximum(model, summary):
    likelihood = model.compile_likelihood(summary)
    for start in ([1, 20, 1, 20], [0.05, 1, 3, 500], [5, 200, 0.1, 1]):
        found = maximise(likelihood, np.array(start, float))
        assert found.gradient_norm <= 1e-9
        assert found.params == pytest.approx(np.array(list(model.params_.values())), rel=1e-7)


def test_saved_and_loaded_it_predicts_the_same(model, summary):
    again = ParetoNBDModel.from_dict(model.to_dict())
    assert (again.expected_purchases(summary, 273) == model.expected_purchases(summary, 273)).all()
    assert again.standard_errors_ == model.standard_errors_


def test_many_parameters_at_once_are_as_one_at_a_time(model, summary):
    rng = np.random.default_rng(0)
    params = np.array(list(model.params_.values())) * np.exp(rng.normal(size=(200, 4)) * [0.1, 0.1, 1.0, 3.0])
    likelihood = model.compile_likelihood(summary)
    expected = [likelihood.gradient(row)[0] for row in params]
    assert likelihood(params) == pytest.approx(np.array(expected), rel=1e-12)
