import numpy as np
import pandas as pd
import pytest

from clvlib.customers import ValueTiers, continued_histories, redrawn_histories, tier_noise
from clvlib.datasets import load
from clvlib.rfm import rfm_summary
from clvlib.value import BetaGeoModel, GammaGammaModel, ModifiedBetaGeoModel, customer_lifetime_value

PURCHASES = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
SPEND = {"p": 6.25, "q": 3.74, "gamma": 15.44}


@pytest.fixture(scope="module")
def summary():
    return rfm_summary(load("cdnow").lines, calibration_end="1997-09-30")


@pytest.fixture(scope="module")
def models():
    purchases, spend = BetaGeoModel(), GammaGammaModel()
    purchases.params_, spend.params_ = PURCHASES, SPEND
    return purchases, spend


def test_what_follows_has_the_mean_of_fader_hardie_lee_2005(summary, models):
    later = continued_histories(summary, purchases=PURCHASES, spend=SPEND, days=273, n_draws=200, random_state=0,
                                leaving=True)  # fmt: skip
    bought = (later["frequency"].to_numpy().reshape(200, -1) - summary["frequency"].to_numpy()).mean(axis=0)
    expected = models[0].expected_purchases(summary, 273)
    assert bought.sum() == pytest.approx(expected.sum(), rel=0.02)
    some = summary["frequency"].to_numpy() > 3
    assert bought[some].sum() == pytest.approx(expected[some].sum(), rel=0.02)


def test_nobody_is_lost_where_leaving_is_switched_off(summary, models):
    later = continued_histories(summary, purchases=PURCHASES, spend=SPEND, days=273, n_draws=50, random_state=0,
                                leaving=False)  # fmt: skip
    bought = later["frequency"].to_numpy().reshape(50, -1).mean(axis=0) - summary["frequency"].to_numpy()
    rate = (PURCHASES["r"] + summary["frequency"]) / (PURCHASES["alpha"] + summary["T"])
    expected = models[0].probability_alive(summary) * rate * 39
    assert bought.sum() == pytest.approx(expected.sum(), rel=0.03)
    assert (later["T"].to_numpy() == np.tile(summary["T"] + 39, 50)).all()


def test_spend_of_what_follows_has_the_mean_of_the_gamma_gamma_model(summary, models):
    some = summary[summary["frequency"] > 0].head(200)
    later = continued_histories(some, purchases=PURCHASES, spend=SPEND, days=273, n_draws=400, random_state=0)
    before = (some["frequency"] * some["monetary_value"]).to_numpy()
    new = (later["frequency"] * later["monetary_value"]).to_numpy().reshape(400, -1) - before
    count = later["frequency"].to_numpy().reshape(400, -1) - some["frequency"].to_numpy()
    expected = models[1].expected_spend(some)
    assert new.sum() == pytest.approx((count * expected).sum(), rel=0.02)


@pytest.mark.parametrize("leaving", [False, True])
def test_a_redraw_of_everybody_looks_like_the_log_they_came_from(summary, leaving):
    purchases, spend = BetaGeoModel().fit(summary), GammaGammaModel().fit(summary)
    again = redrawn_histories(summary, purchases=purchases.params_, spend=spend.params_, n_draws=50, random_state=0,
                              leaving=leaving)  # fmt: skip
    assert again["frequency"].mean() == pytest.approx(summary["frequency"].mean(), rel=0.05)
    assert (again["frequency"] == 0).mean() == pytest.approx((summary["frequency"] == 0).mean(), abs=0.03)
    assert again["recency"].mean() == pytest.approx(summary["recency"].mean(), rel=0.1)
    assert (again["recency"] <= again["T"] + 1e-9).all()
    assert ((again["frequency"] == 0) == (again["recency"] == 0)).all()
    assert ((again["frequency"] == 0) == (again["monetary_value"] == 0)).all()
    assert again["customer_id"].head(len(summary)).tolist() == summary["customer_id"].tolist()


def test_who_is_surely_here_buys_at_their_rate_where_leaving_is_kept(summary):
    best = summary[(summary["frequency"] > 8) & (summary["T"] - summary["recency"] < 2)]
    rate = (PURCHASES["r"] + best["frequency"]) / (PURCHASES["alpha"] + best["T"])
    stays = (PURCHASES["b"] + best["frequency"]) / (PURCHASES["a"] + PURCHASES["b"] + best["frequency"])
    kept, drawn = (
        redrawn_histories(best, purchases=PURCHASES, spend=SPEND, n_draws=500, random_state=0, leaving=leaving)
        for leaving in (False, True)
    )
    assert kept["frequency"].mean() == pytest.approx((rate * stays * best["T"]).mean(), rel=0.03)
    assert drawn["frequency"].mean() < 0.95 * kept["frequency"].mean()


def _world(rng, n):
    """Customers of BG/NBD and Gamma-Gamma, and a function that gives them another history of the same time there."""
    T = rng.uniform(30, 50, n)
    rate, leave = rng.gamma(PURCHASES["r"], 1 / PURCHASES["alpha"], n), rng.beta(PURCHASES["a"], PURCHASES["b"], n)
    left = rng.exponential(1 / (rate * leave + 1e-300))  # every purchase is the last with p: those come at rate * p
    gone, there, nu = left < T, np.minimum(left, T), rng.gamma(SPEND["q"], 1 / SPEND["gamma"], n)

    def history():
        before = rng.poisson(rate * (1 - leave) * there)
        x = before + gone
        last = there * np.where(before > 0, rng.beta(np.maximum(before, 1), 1), 0.0)
        spent = rng.gamma(np.maximum(SPEND["p"] * x, 1e-9)) / nu / np.maximum(x, 1)
        return pd.DataFrame({
            "customer_id": np.arange(n).astype(str), "frequency": x.astype(float), "T": T, "time_unit_days": 7.0,
            "recency": np.where(gone, there, last), "monetary_value": np.where(x > 0, spent, 0.0),
        })  # fmt: skip

    return history


def test_redraws_find_the_tier_changes_that_luck_makes_in_a_known_world(models):
    history = _world(np.random.default_rng(0), 6000)
    first, second = history(), history()
    options = {"purchases": models[0], "spend": models[1], "horizon_days": 365, "annual_discount_rate": 0.1,
               "margin_rate": 0.3}  # fmt: skip
    one, two = (customer_lifetime_value(table, **options)["clv"].to_numpy() for table in (first, second))
    tiers = ValueTiers(vip_from=30.0, regular_from=3.0).fit(one)
    again = redrawn_histories(first, purchases=PURCHASES, spend=SPEND, n_draws=20, random_state=0)
    draws = customer_lifetime_value(again, **options)["clv"].to_numpy().reshape(20, -1).T
    noise = tier_noise(one, draws, assign=tiers.assign).table.set_index("tier")["changed_share"]
    before, after = tiers.assign(one).to_numpy(), tiers.assign(two).to_numpy()
    for tier in ("VIP", "regular", "potential"):
        assert noise[tier] == pytest.approx((after[before == tier] != tier).mean(), abs=0.03)


def test_histories_repeat_with_the_seed(summary):
    some = summary.head(20)
    one, two = (redrawn_histories(some, purchases=PURCHASES, spend=SPEND, n_draws=3, random_state=4) for _ in "ab")
    pd.testing.assert_frame_equal(one, two)


@pytest.mark.parametrize(
    ("change", "options", "says"),
    [
        ({"frequency": np.nan}, {}, "are NaN"),
        ({"recency": 99.0}, {}, "recency beyond T"),
        ({}, {"purchases": {"r": 1.0}}, "alpha, a, b is missing"),
        ({}, {"spend": SPEND | {"q": -1.0}}, "q is missing or not"),
        ({}, {"n_draws": 0}, "n_draws"),
        ({}, {"days": 0}, "days"),
    ],
)
def test_bad_input_is_refused_kindly(summary, change, options, says):
    options = {"purchases": PURCHASES, "spend": SPEND, "n_draws": 2, "random_state": 0, "days": 7} | options
    with pytest.raises(ValueError, match=says):
        continued_histories(summary.head(5).assign(**change), **options)
    with pytest.raises(ValueError, match="has no T"):
        continued_histories(summary.head(5).drop(columns="T"), **options | {"days": 7, "n_draws": 2,
                            "purchases": PURCHASES, "spend": SPEND})  # fmt: skip


def test_a_summary_that_is_none_is_refused_in_words():
    with pytest.raises(ValueError, match="summary must be a DataFrame"):
        redrawn_histories(None, purchases=dict.fromkeys(["r", "alpha", "a", "b"], 1.0),
                          spend=dict.fromkeys(["p", "q", "gamma"], 4.0), n_draws=1, random_state=0)  # fmt: skip


MODIFIED = {"r": 0.525, "alpha": 6.183, "a": 0.891, "b": 1.614}


def _modified():
    model = ModifiedBetaGeoModel()
    model.params_ = MODIFIED
    return model


def test_what_follows_has_the_mean_of_batislam_denizel_filiztekin_2007(summary):
    later = continued_histories(summary, purchases=MODIFIED, spend=SPEND, days=273, n_draws=200, random_state=0,
                                leaving=True, leave_at_first=True)  # fmt: skip
    bought = (later["frequency"].to_numpy().reshape(200, -1) - summary["frequency"].to_numpy()).mean(axis=0)
    expected = _modified().expected_purchases(summary, 273)
    once = summary["frequency"].to_numpy() == 0
    for part in (once, ~once):
        assert bought[part].sum() == pytest.approx(expected[part].sum(), rel=0.03)


def test_one_time_buyers_may_have_left_in_the_modified_model_alone(summary):
    once = summary[summary["frequency"] == 0]
    options = {"spend": SPEND, "n_draws": 100, "random_state": 0}
    rate = MODIFIED["r"] / (MODIFIED["alpha"] + once["T"])
    for modified, alive in ((True, _modified().probability_alive(once)), (False, 1.0)):
        later = continued_histories(once, purchases=MODIFIED, days=273, leave_at_first=modified, **options)
        assert later["frequency"].mean() == pytest.approx((alive * rate * 39).mean(), rel=0.05)


@pytest.mark.parametrize("leaving", [False, True])
def test_a_redraw_of_the_modified_model_looks_like_its_own_customers(leaving):
    rng = np.random.default_rng(0)
    n, T = 20000, 40.0
    rate, leave = rng.gamma(MODIFIED["r"], 1 / MODIFIED["alpha"], n), rng.beta(MODIFIED["a"], MODIFIED["b"], n)
    left = np.where(rng.random(n) < leave, 0.0, rng.exponential(1 / (rate * leave + 1e-300)))
    there, gone = np.minimum(left, T), (left < T) & (left > 0)
    others = rng.poisson(rate * (1 - leave) * there)
    x = (others + gone).astype(float)
    recency = np.where(gone, there, there * np.where(others > 0, rng.beta(np.maximum(others, 1), 1), 0.0))
    seen = pd.DataFrame({"frequency": x, "recency": recency, "T": T, "monetary_value": np.where(x > 0, 20.0, 0.0),
                         "time_unit_days": 7.0})  # fmt: skip
    again = redrawn_histories(seen, purchases=MODIFIED, spend=SPEND, n_draws=3, random_state=1, leaving=leaving,
                              leave_at_first=True)  # fmt: skip
    assert again["frequency"].mean() == pytest.approx(x.mean(), rel=0.03)
    assert (again["frequency"] == 0).mean() == pytest.approx((x == 0).mean(), abs=0.01)
    assert again["recency"].mean() == pytest.approx(recency.mean(), rel=0.03)
    assert ((again["frequency"] == 0) == (again["recency"] == 0)).all()


@pytest.mark.parametrize("wrong", [None, {"r": "a"}])
def test_parameters_that_are_none_are_refused_in_words(wrong):
    summary = pd.DataFrame({"frequency": [1.0], "recency": [1.0], "T": [2.0], "monetary_value": [1.0]})
    with pytest.raises(ValueError, match="must be a"):
        redrawn_histories(summary, purchases=wrong, spend={}, n_draws=1, random_state=0)
