"""sBG against the published survivors, by hand, and at the edges."""

import numpy as np
import pandas as pd
import pytest

from clvlib.value import FitWarning, ShiftedBetaGeoModel

# Fader and Hardie (2007), Journal of Interactive Marketing 21(1): customers acquired and left after each of seven years
HIGH_END = [1000, 869, 743, 653, 593, 551, 517, 491]
REGULAR = [1000, 631, 468, 382, 326, 289, 262, 241]


def table(survivors):
    return pd.DataFrame({"period": np.arange(len(survivors)), "survivors": np.asarray(survivors, float)})


def stated(alpha, beta):
    model = ShiftedBetaGeoModel()
    model.params_ = {"alpha": alpha, "beta": beta}
    return model


@pytest.mark.parametrize(
    ("survivors", "params", "log_likelihood"),
    [(HIGH_END, {"alpha": 0.668, "beta": 3.806}, -1611.2), (REGULAR, {"alpha": 0.704, "beta": 1.182}, -1680.3)],
)
def test_parameters_match_fader_hardie_2007(survivors, params, log_likelihood):
    model = ShiftedBetaGeoModel().fit(table(survivors))
    assert {symbol: round(value, 3) for symbol, value in model.params_.items()} == params
    assert round(model.log_likelihood_, 1) == log_likelihood
    assert model.converged_
    assert model.boundary_ == ""
    assert model.n_customers_ == 1000


def test_churn_probabilities_match_figure_b1_of_fader_hardie_2007():
    expected = [0.5, 0.167, 0.083, 0.05, 0.033, 0.024, 0.018]
    assert stated(1.0, 1.0).churn_probability(range(1, 8)).round(3).tolist() == expected


def test_projection_of_years_8_to_12_stays_near_what_fader_hardie_2007_observed():
    # per cent left after years 8 to 12, which the fit has not seen
    observed = {"high": [46.8, 44.5, 42.7, 40.9, 39.4], "regular": [22.3, 20.7, 19.4, 18.3, 17.3]}
    for name, survivors in (("high", HIGH_END), ("regular", REGULAR)):
        projected = 100 * ShiftedBetaGeoModel().fit(table(survivors)).survival(range(8, 13))
        assert np.abs(projected - observed[name]).max() < 2


def test_survival_retention_and_churn_hang_together():
    model, t = stated(0.668, 3.806), np.arange(1, 200)
    assert model.survival(0) == 1
    assert model.retention_rate(t) == pytest.approx(model.survival(t) / model.survival(t - 1), rel=1e-12)
    assert model.churn_probability(t) == pytest.approx(model.survival(t - 1) - model.survival(t), rel=1e-9)
    rates = (3.806 + t - 1) / (0.668 + 3.806 + t - 1)
    assert model.retention_rate(t) == pytest.approx(rates, rel=1e-14)
    assert (np.diff(model.retention_rate(t)) > 0).all()


def test_standard_errors_are_those_of_the_likelihood_by_hand():
    model = ShiftedBetaGeoModel().fit(table(REGULAR))

    def log_likelihood(alpha, beta):
        survival = stated(alpha, beta).survival(range(8))
        return -np.diff(REGULAR) @ np.log(-np.diff(survival)) + REGULAR[-1] * np.log(survival[-1])

    at = np.array(list(model.params_.values()))
    assert log_likelihood(*at) == pytest.approx(model.log_likelihood_, rel=1e-12)
    hessian, step = np.empty((2, 2)), 1e-3 * np.eye(2) * at
    for i in range(2):
        for j in range(2):
            corners = [log_likelihood(*(at + s * step[i] + u * step[j])) * s * u for s in (1, -1) for u in (1, -1)]
            hessian[i, j] = sum(corners) / (4 * step[i, i] * step[j, j])
    errors = np.sqrt(np.diag(np.linalg.inv(-hessian)))
    assert list(model.standard_errors_.values()) == pytest.approx(errors, rel=1e-4)


@pytest.mark.parametrize(("alpha", "beta"), [(0.668, 3.806), (0.067, 0.267), (3.8, 15.2), (1.0, 1.0), (1e-3, 0.5)])
@pytest.mark.parametrize("rate", [0.05, 0.10, 1.0])
def test_discounted_lifetimes_are_the_sums_of_fader_hardie_2010(alpha, beta, rate):
    model, t = stated(alpha, beta), np.arange(3000)
    survival, values = model.survival(t), []
    for n in (0, 1, 2, 10):
        terms = survival[n:] / (survival[n - 1] if n else 1) * np.exp(-np.log1p(rate) * (t[n:] - n))
        values.append(terms.sum())
    found = model.discounted_residual_lifetime([0, 1, 2, 10], annual_discount_rate=rate, time_unit_days=365)
    assert found == pytest.approx(values, rel=1e-10)
    assert model.discounted_lifetime(annual_discount_rate=rate, time_unit_days=365) == pytest.approx(values[0])


def test_the_rate_is_converted_to_the_length_of_a_period():
    monthly = ShiftedBetaGeoModel().fit(table(HIGH_END).assign(time_unit_days=365 / 12))
    found = monthly.discounted_residual_lifetime(1, annual_discount_rate=0.1)
    rate = np.expm1(np.log1p(0.1) / 12)
    stated_yearly = stated(*monthly.params_.values())
    same = stated_yearly.discounted_residual_lifetime(1, annual_discount_rate=rate, time_unit_days=365)
    assert found == pytest.approx(same, rel=1e-12)
    with pytest.raises(ValueError, match="time_unit_days"):
        stated_yearly.discounted_residual_lifetime(1, annual_discount_rate=0.1)
    with pytest.raises(ValueError, match="above 0"):
        monthly.discounted_residual_lifetime(1, annual_discount_rate=0.0)


def test_shares_give_the_same_parameters_and_no_standard_errors():
    counted = ShiftedBetaGeoModel().fit(table(HIGH_END))
    shares = ShiftedBetaGeoModel().fit(table(np.array(HIGH_END) / 1000))
    assert shares.params_ == pytest.approx(counted.params_, rel=1e-8)
    assert np.isnan(list(shares.standard_errors_.values())).all()
    assert shares.log_likelihood_ == pytest.approx(counted.log_likelihood_ / 1000, rel=1e-9)
    known = ShiftedBetaGeoModel(n_customers=1000).fit(table(np.array(HIGH_END) / 10))
    assert known.standard_errors_ == pytest.approx(counted.standard_errors_, rel=1e-8)


def test_rows_in_any_order_and_json_change_nothing():
    counted = ShiftedBetaGeoModel().fit(table(HIGH_END))
    shuffled = ShiftedBetaGeoModel().fit(table(HIGH_END).sample(frac=1, random_state=0))
    assert shuffled.params_ == counted.params_
    again = ShiftedBetaGeoModel.from_dict(counted.to_dict())
    assert (again.survival(range(20)) == counted.survival(range(20))).all()
    assert again.standard_errors_ == counted.standard_errors_


@pytest.mark.parametrize(
    ("survivors", "message"),
    [
        ([100, 100, 100], "nobody leaves"),
        ([100, 0, 0], "everybody leaves at the first renewal"),
        ([1000, 500, 250, 125], "same probability"),
        ([100, 50, 50, 50], "at the first renewal; the others never"),
    ],
)
def test_what_the_survivors_do_not_tell_is_marked(survivors, message):
    with pytest.warns(FitWarning, match=message):
        model = ShiftedBetaGeoModel().fit(table(survivors))
    assert model.survival([0, 1, 1000])[0] == 1
    assert np.isfinite(model.survival([0, 1, 1000])).all()
    expected = survivors[1] / survivors[0]
    assert model.survival(1) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"period": [1, 2], "survivors": [5, 4]}, "period: the first is 1; add a row with period 0"),
        ({"period": [0, 2], "survivors": [5, 4]}, "period: 1 of 2 rows are out of turn"),
        ({"period": [0, 1, 1], "survivors": [5, 4, 3]}, "period: 1 of 3 rows are out of turn"),
        ({"period": [0, 1], "survivors": [5, 6]}, "survivors: 1 of 2 rows are above those of the period before"),
        ({"period": [0, 1], "survivors": [5, -1]}, "survivors: 1 of 2 rows are negative"),
        ({"period": [0, 1], "survivors": [0, 0]}, "survivors: nobody was there"),
        ({"period": [0], "survivors": [5]}, "period: 1 rows"),
        ({"survivors": [5, 4]}, "no column 'period'"),
        ({"period": [0, 1], "survivors": [5, np.nan]}, "survivors: 1 of 2 rows are missing"),
    ],
)
def test_impossible_tables_are_refused_with_a_reason(columns, message):
    with pytest.raises(ValueError, match=message):
        ShiftedBetaGeoModel().fit(pd.DataFrame(columns))


def test_periods_are_whole_numbers():
    model = stated(1.0, 1.0)
    for call, periods in ((model.survival, -1), (model.survival, 1.5), (model.retention_rate, 0)):
        with pytest.raises(ValueError, match="whole numbers"):
            call(periods)
    with pytest.raises(ValueError, match="n_customers"):
        ShiftedBetaGeoModel().fit(table(HIGH_END), weights=[1] * 8)
