"""Split-conformal intervals keep their promise whatever the model says, and only where customers stay alike."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clvlib.datasets import load
from clvlib.metrics.value import interval_coverage
from clvlib.rfm import rfm_summary
from clvlib.value import BetaGeoModel, GammaGammaModel, NBDModel, conformal_level, predictive_intervals
from clvlib.value.uncertainty.conformal import ConformalIntervals


def table(outcome, low, high):
    return pd.DataFrame({"amount_p05": low, "amount_p95": high, "holdout_amount": outcome}, dtype=float)


def zero_inflated(rng, n, *, shrink=1.0):
    """Money of which a model knows scale and chance of nothing, but is too wide or too narrow by ``shrink``."""
    scale = rng.lognormal(3, 1, n)
    outcome = np.where(rng.random(n) < 0.6, 0.0, scale * rng.gamma(2.0, 1.0, n))
    return table(outcome, 0.0, shrink * 3.5 * scale)


def coverage(model, now):
    moved = model.predict(now)
    return ((moved["amount_p05"] <= now["holdout_amount"]) & (now["holdout_amount"] <= moved["amount_p95"])).mean()


def test_guarantee_of_vovk_gammerman_shafer_2005_for_a_bounded_score():
    # averaged over both samples, coverage lies in [level, level + 1/(n+1)] where outcomes are continuous
    rng = np.random.default_rng(0)
    n, level, covered = 99, 0.8, []
    for _ in range(3000):
        y = rng.normal(size=n + 1)
        model = ConformalIntervals(level=level).fit(table(y[:n], -0.5, 0.5))
        moved = model.predict(table(y[n:], -0.5, 0.5)).iloc[0]
        covered.append(moved["amount_p05"] <= y[n] <= moved["amount_p95"])
    error = np.sqrt(level * (1 - level) / len(covered))
    assert level - 4 * error <= np.mean(covered) <= level + 1 / (n + 1) + 4 * error


@pytest.mark.parametrize("shrink", [0.2, 0.5, 1.0, 3.0])
def test_intervals_too_narrow_or_too_wide_come_to_the_level(shrink):
    rng = np.random.default_rng(1)
    model = ConformalIntervals(level=0.9).fit(zero_inflated(rng, 20_000, shrink=shrink))
    now = zero_inflated(rng, 20_000, shrink=shrink)
    assert coverage(model, now) == pytest.approx(0.9, abs=0.01)
    assert (model.shift_ > 0) == (model.coverage_before_ < 0.9)


def test_who_bought_nothing_stays_covered_when_intervals_move_inwards():
    rng = np.random.default_rng(2)
    model = ConformalIntervals(level=0.7).fit(zero_inflated(rng, 5000))
    assert model.shift_ < 0
    now = zero_inflated(rng, 5000)
    moved = model.predict(now)
    assert (moved["amount_p05"] == 0).all()
    assert (moved["amount_p95"] < now["amount_p95"]).all()
    assert (moved["amount_p95"] >= 0).all()


@given(
    outcome=st.lists(st.one_of(st.just(0.0), st.floats(-50, 500)), min_size=30, max_size=60),
    width=st.floats(0, 100),
    low=st.floats(-10, 30),
    level=st.sampled_from([0.5, 0.8, 0.9]),
)
def test_at_the_earlier_origin_itself_at_least_level_is_covered(outcome, width, low, level):
    then = table(outcome, low, low + width)
    model = ConformalIntervals(level=level).fit(then)
    rank = np.ceil((len(outcome) + 1) * level)
    # a rounding error below a millionth of a cent decides nothing
    moved = model.predict(then)
    inside = then["holdout_amount"].between(moved["amount_p05"] - 1e-8, moved["amount_p95"] + 1e-8)
    assert inside.sum() >= rank
    assert (moved["amount_p05"] <= moved["amount_p95"]).all()


def test_money_in_another_currency_gives_the_same_intervals():
    rng = np.random.default_rng(3)
    then, now = zero_inflated(rng, 500, shrink=0.3), zero_inflated(rng, 500, shrink=0.3)
    usd, jpy = (ConformalIntervals().fit(unit * then).predict(unit * now) for unit in (1, 150))
    np.testing.assert_allclose(150 * usd.to_numpy(), jpy.to_numpy())


def test_returns_can_lie_below_zero():
    outcome = np.r_[np.full(60, -5.0), np.zeros(400), np.full(140, 10.0)]
    model = ConformalIntervals(level=0.95).fit(table(outcome, 0.0, 12.0))
    assert model.lowest_ == -5
    assert model.predict(table([0.0], 0.0, 12.0))["amount_p05"].item() == pytest.approx(-5)


def test_a_few_returns_do_not_keep_intervals_wide():
    rng = np.random.default_rng(6)
    then, now = zero_inflated(rng, 5000), zero_inflated(rng, 5000)
    for one in (then, now):
        one.loc[rng.random(5000) < 0.01, "holdout_amount"] = -20.0
    model = ConformalIntervals(level=0.8).fit(then)
    assert model.shift_ < 0
    assert coverage(model, now) == pytest.approx(0.8, abs=0.02)


def test_a_shop_that_changes_breaks_the_promise():
    rng = np.random.default_rng(4)
    model = ConformalIntervals().fit(zero_inflated(rng, 5000))
    now = zero_inflated(rng, 5000)
    now["holdout_amount"] *= 3  # prices, say
    assert coverage(model, now) < 0.8


def test_coverage_is_told_by_group():
    rng = np.random.default_rng(5)
    model = ConformalIntervals().fit(zero_inflated(rng, 4000))
    now = zero_inflated(rng, 4000)
    kind = np.where(now["holdout_amount"] > 0, "bought", "did not")
    found = model.coverage_by(now, kind).set_index("group")
    assert found.loc["did not", "coverage"] == 1
    assert found.loc["bought", "coverage"] < 0.9  # the promise is for all together
    assert found.loc["all", "coverage"] == pytest.approx(coverage(model, now))
    assert found["customers"].tolist() == [(kind == "bought").sum(), (kind == "did not").sum(), 4000]


def test_intervals_that_are_points_are_moved_too():
    outcome = np.arange(100.0)
    model = ConformalIntervals(level=0.9).fit(table(outcome, 50.0, 50.0))
    moved = model.predict(pd.DataFrame({"customer_id": ["a"], "amount_p05": [50.0], "amount_p95": [50.0]}))
    assert moved.columns.tolist() == ["customer_id", "amount_p05", "amount_p95"]
    assert moved["amount_p95"].item() - 50 == pytest.approx(model.shift_)
    assert ((outcome >= moved["amount_p05"].item()) & (outcome <= moved["amount_p95"].item())).mean() >= 0.9


@pytest.mark.parametrize(
    ("changed", "level", "message"),
    [
        ({"amount_p05": 20.0}, 0.9, "above amount_p95 in 40 of 40 rows"),
        ({"holdout_amount": np.nan}, 0.9, "holdout_amount is NaN or infinite in 40 of 40"),
        ({}, 0.99, "40 customers are too few for a level of 0.99: at least 99"),
        ({}, 1.0, "between 0 and 1"),
    ],
)
def test_what_cannot_be_is_refused(changed, level, message):
    then = table(np.arange(40.0), 0.0, 10.0).assign(**changed)
    with pytest.raises(ValueError, match=message):
        ConformalIntervals(level=level).fit(then)


def test_a_missing_column_is_named():
    with pytest.raises(ValueError, match="no column holdout_amount, only amount_p05, amount_p95"):
        ConformalIntervals().fit(table([1.0], 0.0, 1.0).drop(columns="holdout_amount"))
    with pytest.raises(ValueError, match="no rows"):
        ConformalIntervals().fit(table([], [], []))


# --- the level that covers what is wanted, of a model's own predictive distribution


@pytest.fixture(scope="module")
def cdnow():
    return load("cdnow").lines


def fitted(lines, end, until):
    summary = rfm_summary(lines, calibration_end=end, holdout_end=until)
    models = {"purchases": BetaGeoModel().fit(summary), "spend": GammaGammaModel(nonpositive="leave_out").fit(summary)}
    return summary, models


def covered(cdnow, earlier, cut, until):
    summary, models = fitted(cdnow, earlier, cut)
    found = conformal_level(summary, **models, level=0.9, random_state=0)
    assert found.nominal < 0.9 < found.coverage_before  # intervals that begin at 0 cover more than they say
    assert found.horizon_days == summary["holdout_days"].iloc[0]
    now, models = fitted(cdnow, cut, until)
    days = float(now["holdout_days"].iloc[0])
    intervals = predictive_intervals(now, **models, horizon_days=days, level=found.nominal, random_state=1)
    return interval_coverage(now["holdout_amount"], *intervals.amount_ends)


def test_level_found_at_an_equal_horizon_covers_90_percent_inside_cdnows_calibration(cdnow):
    measured = covered(cdnow, "1997-03-31", "1997-06-30", "1997-09-30")
    assert measured.low < 0.9 < measured.high


def test_level_found_at_a_short_horizon_is_too_narrow_for_a_long_one(cdnow):
    """As the module says: within 46 days hardly anybody buys, and intervals of [0, 0] do well."""
    assert covered(cdnow, "1997-04-30", "1997-06-15", "1997-09-30").high < 0.88


def test_level_makes_up_for_a_model_that_is_wrong():
    rng = np.random.default_rng(0)
    n = 4000
    summary = pd.DataFrame({"frequency": np.zeros(n), "recency": 0.0, "T": 10.0, "monetary_value": 0.0})
    summary = summary.assign(time_unit_days=7.0, holdout_days=70.0)
    purchases, spend = NBDModel(), GammaGammaModel()
    purchases.params_, spend.params_ = {"r": 50.0, "alpha": 5.0}, {"p": 8.0, "q": 20.0, "gamma": 40.0}
    modest = predictive_intervals(summary, purchases=purchases, spend=spend, horizon_days=70, random_state=0)
    expected = modest["expected_amount"].to_numpy()
    summary["holdout_amount"] = expected * rng.lognormal(-0.5, 1.0, n)  # far wider than the model believes
    found = conformal_level(summary, purchases=purchases, spend=spend, level=0.6, n_draws=2000, random_state=1)
    assert found.coverage_before < 0.5
    assert found.nominal > 0.7
    again = expected * rng.lognormal(-0.5, 1.0, n)
    wide = predictive_intervals(
        summary, purchases=purchases, spend=spend, horizon_days=70, level=found.nominal, n_draws=2000, random_state=2
    )
    low, high = wide.amount_ends
    assert low.le(again).to_numpy().mean() + high.ge(again).to_numpy().mean() - 1 == pytest.approx(0.6, abs=0.03)


def test_a_level_needs_an_outcome_and_enough_customers(cdnow):
    summary, models = fitted(cdnow, "1997-06-30", "1997-09-30")
    with pytest.raises(ValueError, match="holdout_amount"):
        conformal_level(summary.drop(columns="holdout_amount"), **models, random_state=0)
    with pytest.raises(ValueError, match=r"5 customers are too few for a level of 0\.9: at least 9"):
        conformal_level(summary.head(5), **models, random_state=0)
    with pytest.raises(ValueError, match="between 0 and 1"):
        conformal_level(summary, **models, level=0.0, random_state=0)
