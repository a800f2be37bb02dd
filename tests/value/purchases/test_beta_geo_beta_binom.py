"""BG/BB against the published donations figures, by hand, against simulated customers, and at the edges."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.special import betaln, comb

from clvlib.datasets._installed import installed_file
from clvlib.value import BetaGeoBetaBinomModel, FitWarning
from clvlib.value.purchases._beta_geo_beta_binom_likelihood import BetaGeoBetaBinomLikelihood
from clvlib.value.purchases._staying import discounted_stays
from clvlib.value.purchases._summary import Triples

FHS_2010 = {"alpha": 1.204, "beta": 0.750, "gamma": 0.657, "delta": 2.783}  # Marketing Science 29(6), Table 4
YEAR = 365.0


@pytest.fixture(scope="module")
def donations():
    table = pd.read_csv(installed_file("lifetimes", "lifetimes/datasets/donations.csv"))
    return table.rename(columns={"periods": "n_opportunities"}).assign(time_unit_days=YEAR)


@pytest.fixture(scope="module")
def model(donations):
    return BetaGeoBetaBinomModel().fit(donations, weights=donations["weights"])


def stated(*params, unit=YEAR):
    model = BetaGeoBetaBinomModel()
    model.params_, model.time_unit_days_ = dict(zip(FHS_2010, params, strict=True)), unit
    return model


def donors(*rows, unit=YEAR):
    return pd.DataFrame(rows, columns=["frequency", "recency", "n_opportunities"], dtype=float).assign(
        time_unit_days=unit
    )


# ---- published figures --------------------------------------------------------------------------------------------


def test_parameters_and_log_likelihood_match_fader_hardie_shang_2010(model):
    assert {symbol: round(value, 3) for symbol, value in model.params_.items()} == FHS_2010
    assert round(model.log_likelihood_, 2) == -33225.58  # BTYD walk-through
    assert model.converged_
    assert model.n_customers_ == 11104


def test_probability_alive_in_2002_matches_table_6_of_fader_hardie_shang_2010(model):
    found = model.probability_alive(donors((0, 0, 6), (2, 4, 6), (6, 6, 6)))
    assert found.round(2).tolist() == [0.11, 0.59, 0.93]


def test_expected_donations_of_new_donors_match_hardies_spreadsheet(model):
    # notes/010, "Tracking Plot", as asserted in pymc-marketing
    expected = [0.4985, 0.9233, 1.2969, 1.6323, 1.9381, 2.2202, 2.4826, 2.7285, 2.9603, 3.1798, 3.3887]
    assert model.expected_purchases_new_customer(YEAR * np.arange(1, 12)).round(4).tolist() == expected


def test_expected_total_of_five_years_matches_hardies_spreadsheet(model, donations):
    total = model.expected_purchases(donations, 5 * YEAR) @ donations["weights"]
    assert round(total, 1) == 12884.2  # notes/010, "Conditional Expectations (II)", as asserted in lifetimes


def test_frequencies_in_sample_match_hardies_spreadsheet(model):
    expected = 11104 * model.count_distribution_new_customer(6 * YEAR, max_count=6)
    assert expected.sum() == pytest.approx(11104, abs=1e-6)
    assert [round(expected[0], 1), round(expected[6], 1)] == [3454.9, 1253.1]


def test_two_donors_match_the_btyd_walkthrough(model):
    # its parameters are those of another optimiser, so the last digits are not ours
    found = model.expected_purchases(donors((0, 0, 6), (4, 5, 6)), 10 * YEAR)
    assert found == pytest.approx([0.1302, 3.6279], abs=2e-4)


# ---- by hand ------------------------------------------------------------------------------------------------------


def test_likelihood_is_the_sum_over_endings_in_beta_functions():
    a, b, g, d = 1.3, 0.6, 0.8, 2.1
    for x, t_x, n in ((0, 0, 6), (2, 4, 6), (6, 6, 6), (1, 1, 1), (3, 5, 40)):
        total = np.exp(betaln(a + x, b + n - x) + betaln(g, d + n) - betaln(a, b) - betaln(g, d))
        for i in range(n - t_x):
            late = betaln(a + x, b + t_x - x + i) + betaln(g + 1, d + t_x + i)
            total += np.exp(late - betaln(a, b) - betaln(g, d))
        found = stated(a, b, g, d).log_likelihood(donors((x, t_x, n)))
        assert found == pytest.approx(np.log(total), rel=1e-12)


def test_all_histories_of_a_length_have_probability_one():
    n = 7
    rows = [(x, t_x, n) for t_x in range(1, n + 1) for x in range(1, t_x + 1)]
    ways = [comb(t_x - 1, x - 1) for x, t_x, _ in rows]
    model = stated(0.9, 2.2, 0.4, 1.7)
    each = [model.log_likelihood(donors(row)) for row in [(0, 0, n), *rows]]
    assert np.exp(each) @ [1, *ways] == pytest.approx(1, abs=1e-12)
    # and their numbers of purchases are distributed as count_distribution says
    counts = np.bincount([0] + [x for x, _, _ in rows], weights=np.exp(each) * [1, *ways])
    assert model.count_distribution_new_customer(n * YEAR, max_count=n) == pytest.approx(counts, abs=1e-12)


def test_gradient_and_hessian_are_the_derivatives(donations, monkeypatch):
    columns = [donations[name].to_numpy(float) for name in ("frequency", "recency", "n_opportunities", "weights")]
    whole = BetaGeoBetaBinomLikelihood(Triples(*columns))
    monkeypatch.setattr("clvlib.value.purchases._beta_geo_beta_binom_likelihood._BLOCK", 9)
    likelihood = BetaGeoBetaBinomLikelihood(Triples(*columns))
    assert len(likelihood.blocks) > 3
    for params in (np.array([1.2, 0.7, 0.6, 2.8]), np.array([0.2, 5.0, 3.0, 0.4])):
        value, gradient, hessian = likelihood.hessian(params)
        assert value == pytest.approx(whole.value(params), rel=1e-13)
        for i, step in enumerate(np.diag(1e-4 * params)):
            up, down = likelihood.gradient(params + step), likelihood.gradient(params - step)
            assert gradient[i] == pytest.approx((up[0] - down[0]) / (2 * step[i]), rel=1e-6)
            assert hessian[i] == pytest.approx((up[1] - down[1]) / (2 * step[i]), rel=1e-5)


def test_counts_have_the_expected_mean_and_only_whole_opportunities_count(model):
    some = donors((0, 0, 6), (2, 4, 6), (6, 6, 6), (1, 3, 20))
    counts = model.count_distribution(some, 10 * YEAR, max_count=10)
    assert counts.sum(axis=1) == pytest.approx(np.ones(4), abs=1e-12)
    assert counts @ np.arange(11) == pytest.approx(model.expected_purchases(some, 10 * YEAR), rel=1e-12)
    assert (model.expected_purchases(some, 10.9 * YEAR) == model.expected_purchases(some, 10 * YEAR)).all()
    assert (model.expected_purchases(some, 364) == 0).all()


def test_residual_purchases_discount_the_next_opportunity_by_one_period(model):
    one = donors((2, 4, 6))
    yearly = np.diff([model.expected_purchases(one, years * YEAR)[0] for years in range(400)])
    by_hand = yearly @ 1.10 ** -np.arange(1.0, 400)
    assert model.discounted_residual_purchases(one, annual_discount_rate=0.1)[0] == pytest.approx(by_hand, rel=1e-9)
    five = model.discounted_expected_purchases(one, 5 * YEAR, annual_discount_rate=0.1)[0]
    assert five == pytest.approx(yearly[:5] @ 1.10 ** -np.arange(1.0, 6), rel=1e-12)


@pytest.mark.parametrize(("a", "b", "delta"), [(0.66, 8.8, 0.1), (5, 1.3, 3e-4), (1e-3, 2, 0.05), (1, 1, 0.0953)])
def test_endless_sums_are_those_of_many_terms(a, b, delta):
    i = np.arange(300_000)
    stays = np.concatenate(([1.0], np.cumprod((b + i[:-1]) / (a + b + i[:-1]))))
    endless = discounted_stays(a, np.array([b, b + 3.0]), delta, np.inf)[0]
    assert endless == pytest.approx(stays @ np.exp(-delta * i), rel=1e-11)
    long = discounted_stays(a, np.array([b]), 0.0, 20_000)[0]
    assert long == pytest.approx(stays[:20_000].sum(), rel=1e-8)


# ---- simulation ---------------------------------------------------------------------------------------------------


def test_simulated_donations_match_expectation_and_distribution(model, donations):
    draws = model.simulate(donations, 5 * YEAR, n_draws=8000, random_state=0)
    error = draws.std(axis=0) / np.sqrt(8000)
    assert (np.abs(draws.mean(axis=0) - model.expected_purchases(donations, 5 * YEAR)) < 4.5 * error).all()
    counts = model.count_distribution(donations, 5 * YEAR, max_count=5)
    for k in range(6):
        assert (draws == k).mean(axis=0) == pytest.approx(counts[:, k], abs=4.5 * np.sqrt(0.25 / 8000))


def test_new_donors_follow_the_model_and_give_it_back(model):
    made = model.simulate_new_customers(60_000, days=6 * YEAR, random_state=1)
    assert (made["n_opportunities"] == 6).all()
    shares = np.bincount(made["frequency"].astype(int), minlength=7) / len(made)
    assert shares == pytest.approx(model.count_distribution_new_customer(6 * YEAR, max_count=6), abs=0.01)
    groups = made.assign(p=model.probability_alive(made)).groupby(["frequency", "recency"])
    for _, group in groups:
        assert group["alive"].mean() == pytest.approx(group["p"].iloc[0], abs=4.5 * np.sqrt(0.25 / len(group)))
    again = BetaGeoBetaBinomModel().fit(made)
    for symbol in FHS_2010:
        assert abs(again.params_[symbol] - model.params_[symbol]) < 4 * again.standard_errors_[symbol]


# ---- at the edges -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("params", [*itertools.product((1e-6, 1e6), repeat=4), (1, 1, 1, 1)])
def test_nothing_overflows_or_leaves_its_range(params):
    model = stated(*params, unit=7.0)
    table = donors((0, 0, 0), (0, 0, 1e4), (1000, 1000, 1e4), (1000, 9000, 1e4), (1, 1e4, 1e4), (3, 3, 3), unit=7.0)
    alive = model.probability_alive(table)
    assert ((alive >= 0) & (alive <= 1)).all()
    counts = model.count_distribution(table, 364, max_count=52)
    assert counts.sum(axis=1) == pytest.approx(np.ones(6), abs=1e-9)
    for values in (
        model.expected_purchases(table, 364),
        model.discounted_residual_purchases(table, annual_discount_rate=0.15),
        model.expected_purchases_new_customer([0, 7, 7e5]),
        model.simulate(table, 364, n_draws=2, random_state=0),
        *model.compile_likelihood(table).hessian(np.array(params, float)),
    ):
        assert np.isfinite(values).all()


def test_without_dropout_the_fit_is_marked():
    rng = np.random.default_rng(0)
    bought = rng.random((3000, 8)) < rng.beta(1, 2, 3000)[:, None]
    table = donors(*zip(bought.sum(axis=1), (bought * np.arange(1, 9)).max(axis=1), [8] * 3000, strict=True))
    with pytest.warns(FitWarning, match="no dropout to be seen"):
        found = BetaGeoBetaBinomModel().fit(table)
    assert found.params_["alpha"] == pytest.approx(1, abs=0.15)
    assert found.params_["beta"] == pytest.approx(2, abs=0.3)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((3, 2, 6), "frequency: 1 of 2 rows are above recency"),
        ((1, 7, 6), "recency: 1 of 2 rows are above n_opportunities"),
        ((1, 2.5, 6), "recency: 1 of 2 rows are fractional"),
        ((1, 2, 6.5), "n_opportunities: 1 of 2 rows are fractional"),
        ((0.5, 2, 6), "frequency: 1 of 2 rows are fractional"),
        ((0, 2, 6), "recency: 1 of 2 rows are above 0 with frequency 0"),
        ((-1, 2, 6), "frequency: 1 of 2 rows are negative"),
    ],
)
def test_impossible_histories_are_refused_with_a_reason(model, row, message):
    table = donors((1, 1, 6), row)
    with pytest.raises(ValueError, match=message):
        BetaGeoBetaBinomModel().fit(table)
    with pytest.raises(ValueError, match=message):
        model.expected_purchases(table, YEAR)
    with pytest.raises(ValueError, match="n_opportunities"):
        BetaGeoBetaBinomModel().fit(table.drop(columns="n_opportunities"))
