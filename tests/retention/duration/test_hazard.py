"""A hazard for every period: the identities of the life table, known odds found again, and a later period."""

import numpy as np
import pandas as pd
import pytest

from clvlib.datasets import load_cdnow
from clvlib.retention import (
    DiscreteTimeHazard,
    SeparationWarning,
    lifetime_table,
    survival_check,
    survival_curve,
)


def simulated(n=6000, seed=0, effect=0.5, fade=0.0, level=-1.5):
    """Lifetimes in days with a weekly hazard of logit level + (effect + fade log k) x, watched 10 to 80 days."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    watched = rng.integers(10, 80, n)
    week = np.full(n, 10_000)
    for k in range(12, 0, -1):
        hazard = 1 / (1 + np.exp(-level - (effect + fade * np.log(k)) * x))
        week = np.where(rng.random(n) < hazard, k - 1, week)
    days = week * 7 + rng.integers(0, 7, n)
    table = pd.DataFrame({"customer_id": np.arange(n).astype(str), "x": np.expm1(x + 6)})
    return table, pd.DataFrame(
        {
            "customer_id": table["customer_id"],
            "duration_days": np.minimum(days, watched),
            "ended": days <= watched,
            "watched_days": watched,
        }
    )


def test_daily_life_table_is_kaplan_meier():
    table, lifetimes = simulated(400)
    lifetimes = lifetimes.assign(watched_days=lifetimes["watched_days"].max())  # unused by ended rows but for their end
    lifetimes.loc[~lifetimes["ended"], "watched_days"] = lifetimes["duration_days"]
    model = DiscreteTimeHazard(period_days=1, n_periods=40).fit(table, lifetimes)
    told = model.predict_survival(table, horizons_days=list(range(1, 41)))[0]
    curve = survival_curve(lifetimes)
    share = np.concatenate([[1.0], curve["survival"]])[np.searchsorted(curve["days"], np.arange(40), side="right")]
    assert np.allclose(told, share)


def test_life_table_counts_by_hand():
    table = pd.DataFrame({"customer_id": [*"abcde"]})
    days, watched = [0, 6, 7, 13, 15], [20, 20, 9, 20, 15]
    lifetimes = pd.DataFrame(
        {"customer_id": [*"abcde"], "duration_days": days, "ended": [True] * 4 + [False], "watched_days": watched}
    )
    told = DiscreteTimeHazard(period_days=7, n_periods=2).fit(table, lifetimes).hazards_
    # c ended on day 7, but was watched to day 9 only: its second week would count only if it ended
    assert told["at_risk"].tolist() == [5, 2]
    assert told["ended"].tolist() == [2, 1]


def test_a_period_half_watched_would_bias_the_hazard():
    table, lifetimes = simulated(effect=0.0)
    hazard = DiscreteTimeHazard(period_days=7, n_periods=8).fit(table, lifetimes).hazards_
    true = 1 / (1 + np.exp(1.5))
    assert ((hazard["low"] < true) & (true < hazard["high"])).sum() >= 7


def test_known_effect_is_found_again_and_its_interval_covers():
    table, lifetimes = simulated(effect=0.5)
    model = DiscreteTimeHazard(period_days=7, n_periods=8, features=["x"], fading=False).fit(table, lifetimes)
    row = model.odds_ratios().iloc[0]
    spread = np.log1p(table["x"]).std(ddof=0)
    assert row["low"] < np.exp(0.5 * spread) < row["high"]
    assert row["odds_ratio"] == pytest.approx(np.exp(0.5 * spread), rel=0.06)


def test_an_effect_that_fades_is_followed_over_the_periods():
    table, lifetimes = simulated(effect=1.0, fade=-0.5)
    model = DiscreteTimeHazard(period_days=7, n_periods=8, features=["x"]).fit(table, lifetimes)
    for period in (1, 8):
        row = model.odds_ratios(period=period).iloc[0]
        true = np.exp((1.0 - 0.5 * np.log(period)) * np.log1p(table["x"]).std(ddof=0))
        assert row["low"] * 0.97 < true < row["high"] * 1.03, period


def test_survival_depends_on_t_and_never_rises():
    table, lifetimes = simulated()
    model = DiscreteTimeHazard(period_days=7, n_periods=8, features=["x"]).fit(table, lifetimes)
    beyond = model.predict_survival(table, horizons_days=[7, 14, 28, 56])
    assert beyond.shape == (len(table), 4)
    assert (np.diff(beyond, axis=1) < 0).all()
    assert beyond.min() > 0
    assert beyond.max() < 1


def test_mean_hazard_of_those_at_risk_is_the_life_table():
    table, lifetimes = simulated()
    model = DiscreteTimeHazard(period_days=7, n_periods=6, features=["x"]).fit(table, lifetimes)
    assert model.predict_hazard(table)[:, 0].mean() == pytest.approx(model.hazards_["hazard"][0], abs=0.002)


def test_intervals_know_that_rows_are_of_one_customer():
    table, lifetimes = simulated(500)
    twice = pd.concat([table] * 4, ignore_index=True), pd.concat([lifetimes] * 4, ignore_index=True)
    options = {"period_days": 7, "n_periods": 4, "features": ["x"]}
    once = DiscreteTimeHazard(**options).fit(table, lifetimes).odds_ratios().iloc[0]
    four = DiscreteTimeHazard(**options).fit(*twice).odds_ratios().iloc[0]
    assert np.log(four["high"] / four["low"]) == pytest.approx(np.log(once["high"] / once["low"]), rel=0.03)


def test_check_sees_a_forecast_that_is_off_and_one_that_is_not():
    table, lifetimes = simulated(3000)
    later, came = simulated(3000, seed=1)
    model = DiscreteTimeHazard(period_days=7, n_periods=4, features=["x"]).fit(table, lifetimes)
    right = survival_check(later, came, model, horizons_days=[7, 28], n_resamples=300, random_state=0)
    assert ((right["low"] < 0) & (right["high"] > 0)).all()
    assert (right["gain_low"] > 0).all()
    other, worse = simulated(3000, seed=1, level=-1.0)
    off = survival_check(other, worse, model, horizons_days=[28], n_resamples=300, random_state=0)
    assert off["low"][0] > 0


def test_cdnow_newcomers_and_regulars_need_history_columns():
    """The level of a hazard learnt mostly on newcomers is wrong later, unless it knows how often one had bought."""
    from clvlib.retention import snapshot_table
    from clvlib.rfm import rfm_summary

    lines, cut = load_cdnow().lines, pd.Timestamp("1998-01-01")
    dates = pd.to_datetime(["1997-04-01", "1997-06-01", "1997-08-01", "1998-01-01"])
    rows = snapshot_table(lines, snapshot_dates=dates)
    history = pd.concat(rfm_summary(lines, calibration_end=d).assign(snapshot_date=d) for d in dates)
    rows = rows.merge(history[["customer_id", "snapshot_date", "frequency", "T"]], on=["customer_id", "snapshot_date"])
    train, test = rows[rows["snapshot_date"] < cut], rows[rows["snapshot_date"] == cut]
    alive = lifetime_table(lines[lines["timestamp"] < cut], inactive_days=90, as_of=cut, snapshots=train)
    later = lifetime_table(lines, inactive_days=90, snapshots=test)
    told = {}
    for features in (["orders", "spend"], ["orders", "spend", "frequency", "T"]):
        model = DiscreteTimeHazard(period_days=28, n_periods=2, features=features).fit(train.loc[alive.index], alive)
        told[len(features)] = survival_check(test, later, model, horizons_days=[28], n_resamples=300, random_state=0)
    assert told[2]["high"][0] < 0
    assert abs(told[4]["difference"][0]) < 0.5 * abs(told[2]["difference"][0])
    assert told[4]["gain_low"][0] > 0


def test_bad_input_is_refused_with_a_remedy():
    table, lifetimes = simulated(60)
    fit = DiscreteTimeHazard(period_days=7, n_periods=2).fit
    with pytest.raises(ValueError, match="not of the same customers"):
        fit(table, lifetimes.iloc[::-1])
    with pytest.raises(ValueError, match="not of the same customers"):
        fit(table.iloc[:5], lifetimes)
    with pytest.raises(ValueError, match="no watched_days"):
        fit(table, lifetimes.drop(columns="watched_days"))
    with pytest.raises(ValueError, match="no lifetime ended within"):
        fit(table, lifetimes.assign(ended=False))
    with pytest.raises(ValueError, match="nobody was watched through period"):
        DiscreteTimeHazard(period_days=7, n_periods=30).fit(table, lifetimes)
    with pytest.raises(ValueError, match="n_periods must be at least 1"):
        DiscreteTimeHazard(n_periods=0).fit(table, lifetimes)
    with pytest.raises(ValueError, match="x: the same for all 60 rows"):
        DiscreteTimeHazard(n_periods=2, features=["x"]).fit(table.assign(x=1.0), lifetimes)
    with pytest.raises(ValueError, match="x: 60 of 60 rows are NaN, infinite or negative"):
        DiscreteTimeHazard(n_periods=2, features=["x"]).fit(table.assign(x=np.nan), lifetimes)
    with pytest.raises(ValueError, match="the table has no y"):
        DiscreteTimeHazard(n_periods=2, features=["y"]).fit(table, lifetimes)
    model = fit(table, lifetimes)
    for horizons in ([10], [21], [0], ["a"]):
        with pytest.raises(ValueError, match="multiples of period_days=7, from 7 to 14"):
            model.predict_survival(table, horizons_days=horizons)
    for horizons in (None, []):
        with pytest.raises(ValueError, match="horizons_days are a list"):
            model.predict_survival(table, horizons_days=horizons)
    with pytest.raises(ValueError, match="odds ratios need features"):
        model.odds_ratios()
    for features in (3, "x", None):
        with pytest.raises(ValueError, match="features are a list of names"):
            DiscreteTimeHazard(n_periods=2, features=features).fit(table, lifetimes)
    with pytest.raises(ValueError, match="C is the inverse"):
        DiscreteTimeHazard(n_periods=2, C=None).fit(table, lifetimes)
    for none in ((None, lifetimes), (table, None)):
        with pytest.raises(ValueError, match="expected a table"):
            fit(*none)
    with pytest.raises(ValueError, match="expected a table"):
        model.predict_hazard(None)
    with pytest.raises(ValueError, match="not of the same customers"):
        survival_check(table.iloc[::-1], lifetimes, model, horizons_days=[7], random_state=0)
    with pytest.raises(ValueError, match="no watched_days"):
        survival_check(table, lifetimes.drop(columns="watched_days"), model, horizons_days=[7], random_state=0)


def test_a_model_that_is_not_fitted_says_so():
    from sklearn.exceptions import NotFittedError

    table, _ = simulated(60)
    for ask in ("predict_hazard", "predict_survival"):
        with pytest.raises(NotFittedError, match="call fit first"):
            getattr(DiscreteTimeHazard(), ask)(table, **({"horizons_days": [7]} if ask == "predict_survival" else {}))


def test_separation_is_said_and_no_odds_ratio_pretends():
    """R. Konis (2007): a feature that parts ends from survivals has no finite odds ratio."""
    ends = np.arange(400) % 2 == 0
    table = pd.DataFrame({"customer_id": np.arange(400), "x": ends.astype(float)})
    days = np.where(ends, 2, 40)
    lifetimes = table.assign(duration_days=days, ended=ends, watched_days=60)
    with pytest.warns(SeparationWarning, match="x separate some or all of the 200 periods"):
        model = DiscreteTimeHazard(period_days=7, n_periods=2, features=["x"], C=1e9).fit(table, lifetimes)
    told = model.odds_ratios().iloc[0]
    assert model.separated_
    assert not told["identified"]
    assert np.isnan(told["low"])
    assert told["odds_ratio"] < 1000


def test_ordinary_features_are_identified():
    table, lifetimes = simulated(500)
    assert DiscreteTimeHazard(n_periods=4, features=["x"]).fit(table, lifetimes).odds_ratios()["identified"].all()
