"""The document's formula, the fitted model, its baselines, and the data no model should be fitted on."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from clvlib.datasets.toy import RETENTION_BETAS
from clvlib.retention import (
    ActiveLately,
    BaseRate,
    BoostedReturnModel,
    ReturnModel,
    SeparationWarning,
    logistic_probability,
)


def snapshots(n=6000, *, n_customers=None, seed=0, shift=0.0):
    """Rows with a known logistic law on log(1 + orders) and log(1 + spend)."""
    rng = np.random.default_rng(seed)
    orders = rng.poisson(1.5, n) + 1.0
    spend = rng.lognormal(3, 1, n)
    p = expit(-3 + shift + 1.2 * np.log1p(orders) + 0.2 * np.log1p(spend))
    return pd.DataFrame(
        {
            "customer_id": rng.integers(0, n_customers or n, n).astype(str),
            "orders": orders,
            "spend": spend,
            "days_since_last_purchase": rng.integers(1, 31, n).astype(float),
            "refund_amount": 0.0,
            "came_back": rng.random(n) < p,
            "p": p,
        }
    )


@pytest.mark.parametrize(
    ("logins", "purchases", "minutes", "printed"),
    [(0, 0, 0, 0.6225), (5, 0, 0, 0.8176), (2, 0, 5, 0.8022)],
)
def test_probabilities_match_erratum_e31_of_document_003(logins, purchases, minutes, printed):
    intercept, *coefficients = RETENTION_BETAS
    p = logistic_probability([logins, purchases, minutes], intercept=intercept, coefficients=coefficients)
    assert round(float(p), 4) == printed


def test_formula_takes_many_rows_and_refuses_another_width():
    p = logistic_probability(np.zeros((4, 3)), intercept=0.5, coefficients=[0.2, 0.1, 0.1])
    assert p.shape == (4,)
    with pytest.raises(ValueError, match="2 coefficients"):
        logistic_probability([1, 2, 3], intercept=0, coefficients=[1, 2])


def test_model_recovers_a_known_law():
    train, test = snapshots(40_000), snapshots(4000, seed=1)
    model = ReturnModel().fit(train)
    assert model.features_ == ["orders", "spend", "days_since_last_purchase"]
    assert np.abs(model.predict_probability(test) - test["p"]).max() < 0.02
    ratios = model.odds_ratios().set_index("feature")
    truth = {
        "orders": np.exp(1.2 * np.log1p(train["orders"]).std()),
        "spend": np.exp(0.2 * np.log1p(train["spend"]).std()),
        "days_since_last_purchase": 1.0,
    }
    for name, value in truth.items():
        assert ratios.loc[name, "low"] < value < ratios.loc[name, "high"]
    assert ratios.loc["orders", "odds_ratio"] == pytest.approx(truth["orders"], rel=0.03)


def test_intervals_cover_as_often_as_they_say_where_rows_are_customers():
    hits = 0
    for seed in range(200):
        table = snapshots(800, seed=seed).assign(customer_id=np.arange(800).astype(str))
        row = ReturnModel(features=["days_since_last_purchase"]).fit(table).odds_ratios(level=0.9).iloc[0]
        hits += row["low"] < 1 < row["high"]
    assert 165 <= hits <= 193  # 99.9 % of a binomial(200, 0.9)


def test_rows_of_one_customer_are_not_new_evidence():
    once = snapshots(500).assign(customer_id=np.arange(500).astype(str))
    copied = pd.concat([once] * 9, ignore_index=True)
    a, b = (ReturnModel(C=1e6).fit(table).odds_ratios() for table in (once, copied))
    pd.testing.assert_frame_equal(a, b, rtol=1e-3)


def test_robust_covariance_is_the_inverse_information_where_the_model_is_true():
    table = snapshots(60_000).assign(customer_id=np.arange(60_000).astype(str))
    model = ReturnModel(C=1e6).fit(table)
    x = model.pipeline_[:-1].transform(table[model.features_].to_numpy())
    design = np.column_stack([np.ones(len(x)), x])
    p = model.predict_probability(table)
    information = design.T @ (design * (p * (1 - p))[:, None])
    assert np.diag(model.covariance_) == pytest.approx(np.diag(np.linalg.inv(information)), rel=0.05)


def test_scaling_is_learnt_from_training_rows_only():
    train, test = snapshots(3000), snapshots(500, seed=2)
    model = ReturnModel().fit(train)
    whole = model.predict_probability(test)
    alone = np.array([model.predict_probability(test.iloc[[i]])[0] for i in range(20)])
    assert alone == pytest.approx(whole[:20], rel=1e-12)
    assert not hasattr(ReturnModel(), "pipeline_")


def test_calibration_moves_the_level_and_keeps_the_order():
    model = ReturnModel().fit(snapshots(8000))
    later = snapshots(8000, seed=3, shift=0.8)
    before = model.predict_probability(later)
    after = model.calibrate(later).predict_probability(later)
    assert after.mean() == pytest.approx(later["came_back"].mean(), abs=1e-6)
    assert before.mean() < after.mean() - 0.1
    assert (np.argsort(before) == np.argsort(after)).all()
    assert model.shift_ == pytest.approx(0.8, abs=0.1)
    assert model.slope_ == pytest.approx(1.0, abs=0.1)
    assert np.abs(after - later["p"]).max() < 0.06
    assert (model.fit(later).shift_, model.slope_) == (0.0, 1.0)


def test_calibration_gives_the_base_rate_where_the_order_does_not_hold():
    model = ReturnModel(features=["orders"]).fit(snapshots(8000))
    table = snapshots(4000, seed=5)
    table["came_back"] = ~table["came_back"]
    p = model.calibrate(table).predict_probability(table)
    assert np.ptp(p) == 0
    assert p[0] == pytest.approx(table["came_back"].mean())


def test_baselines_by_hand():
    table = pd.DataFrame(
        {"days_since_last_purchase": [1.0, 7, 8, 30, 20], "came_back": [True, False, True, False, False]}
    )
    assert BaseRate().fit(table).predict_probability(table).tolist() == pytest.approx([0.4] * 5)
    lately = ActiveLately().fit(table)
    assert lately.rates_ == pytest.approx((1 / 3, 0.5))
    assert lately.predict_probability(table).tolist() == pytest.approx([0.5, 0.5, 1 / 3, 1 / 3, 1 / 3])
    with pytest.raises(ValueError, match="two groups"):
        ActiveLately(recent_days=30).fit(table)


@pytest.mark.parametrize("model", [ReturnModel(), BaseRate(), ActiveLately()])
@pytest.mark.parametrize("outcome", [True, False])
def test_one_class_only_is_refused(model, outcome):
    with pytest.raises(ValueError, match="both kinds are needed"):
        model.fit(snapshots(50).assign(came_back=outcome))


def test_a_table_without_outcome_is_refused():
    with pytest.raises(ValueError, match="no came_back"):
        ReturnModel().fit(snapshots(50).drop(columns="came_back"))


def test_constant_features_are_refused_by_name_and_left_out_by_default():
    with pytest.raises(ValueError, match="refund_amount: the same for all 300 rows"):
        ReturnModel(features=["orders", "refund_amount"]).fit(snapshots(300))
    assert "refund_amount" not in ReturnModel().fit(snapshots(300)).features_
    with pytest.raises(ValueError, match="no feature"):
        ReturnModel().fit(snapshots(300).assign(orders=1.0, spend=1.0, days_since_last_purchase=1.0))


@pytest.mark.parametrize(
    "leak",
    [
        lambda t: t.assign(spend=t["came_back"] * 100.0),  # one feature is the outcome
        lambda t: t.assign(orders=t["spend"] / (1.5 - t["came_back"])),  # only two together are
        lambda t: t.assign(orders=np.where(t["came_back"] & (t.index % 2 == 0), 9.0, 1.0)),  # 9 orders: all came back
    ],
)
def test_separation_of_albert_and_anderson_1984_is_said_and_held_by_the_penalty(leak):
    table = snapshots(400)
    table["spend"] = np.linspace(5, 400, 400)
    with pytest.warns(SeparationWarning, match="perfectly: no odds ratio is finite"):
        model = ReturnModel(features=["orders", "spend"], C=1e9).fit(leak(table))
    ratios = model.odds_ratios()
    assert model.separated_
    assert not ratios["identified"].any()
    assert ratios[["low", "high"]].isna().all(axis=None)
    assert np.isfinite(ratios["odds_ratio"]).all()
    assert (ratios["odds_ratio"] < 1000).all()
    assert np.isfinite(model.predict_probability(leak(table))).all()


def test_a_strong_but_imperfect_feature_is_not_called_separation():
    table = snapshots(400)
    spend = table["came_back"] * 100.0 + 1
    spend[[0, 1, 2, 3]] = [1, 101, 1, 101]
    table["came_back"] = table["came_back"].mask(table.index == 0, True).mask(table.index == 1, False)
    model = ReturnModel(features=["spend"]).fit(table.assign(spend=spend))
    assert not model.separated_
    assert model.odds_ratios()["identified"].all()


@pytest.mark.parametrize(("value", "message"), [(np.nan, "spend: 1 of 300"), (-1.0, "spend: 1 of 300")])
def test_values_no_snapshot_can_have_are_refused(value, message):
    table = snapshots(300)
    table.loc[5, "spend"] = value
    with pytest.raises(ValueError, match=message):
        ReturnModel().fit(table)
    with pytest.raises(ValueError, match="has no spend"):
        ReturnModel(features=["spend"]).fit(table.drop(columns="spend"))


def test_odds_ratio_of_a_doubling_is_the_coefficient_of_the_known_law():
    ratios = ReturnModel(C=1e6).fit(snapshots(40_000)).odds_ratios(per="doubling").set_index("feature")
    assert ratios.loc["orders", "low"] < 2**1.2 < ratios.loc["orders", "high"]
    assert ratios.loc["spend", "low"] < 2**0.2 < ratios.loc["spend", "high"]
    with pytest.raises(ValueError, match="'sd' or 'doubling'"):
        ReturnModel().fit(snapshots(500)).odds_ratios(per="euro")


def test_what_does_not_vary_is_dropped_and_said():
    assert ReturnModel().fit(snapshots(300)).dropped_ == ["refund_amount"]
    assert ReturnModel(features=["orders"]).fit(snapshots(300)).dropped_ == []


def test_a_column_of_another_model_is_a_feature_like_any_other():
    table = snapshots(6000).rename(columns={"p": "probability_alive"})
    with_it = ReturnModel(features=["days_since_last_purchase", "probability_alive"]).fit(table)
    assert with_it.odds_ratios().set_index("feature").loc["probability_alive", "low"] > 1.2


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda t: t.assign(came_back=t["came_back"].astype(object).where(t.index > 2, None)), "3 of 300 rows"),
        (lambda t: t.assign(came_back="yes"), "300 of 300 rows are neither"),
        (lambda t: t.assign(spend="much"), "features must be numbers, got orders"),
    ],
)
def test_tables_no_snapshot_function_makes_are_refused(spoil, message):
    with pytest.raises(ValueError, match=message):
        ReturnModel(features=["orders", "spend"]).fit(spoil(snapshots(300)))


def test_options_out_of_range_and_a_model_not_fitted_are_refused():
    with pytest.raises(ValueError, match="C is"):
        ReturnModel(C=0).fit(snapshots(300))
    for C in ("a", None, np.nan):
        with pytest.raises(ValueError, match="C is"):
            ReturnModel(C=C).fit(snapshots(300))
    with pytest.raises(ValueError, match="features are a list"):
        ReturnModel(features=3).fit(snapshots(300))
    with pytest.raises(ValueError, match="level is a share"):
        ReturnModel().fit(snapshots(300)).odds_ratios(level="a")
    with pytest.raises(ValueError, match="call fit"):
        ReturnModel().predict_probability(snapshots(30))


@pytest.mark.parametrize("model", [ReturnModel(), BoostedReturnModel(), BaseRate(), ActiveLately()])
def test_a_table_that_is_none_is_refused(model):
    with pytest.raises(ValueError, match="expected a table made with snapshot_table"):
        model.fit(None)
    table = snapshots(300).assign(days_since_last_purchase=lambda t: t.index % 20)
    with pytest.raises(ValueError, match="expected a table made with snapshot_table"):
        model.fit(table).predict_probability(None)


def test_features_that_nobody_knows_are_refused_and_not_dropped():
    with pytest.raises(ValueError, match="spend: 300 of 300 rows are NaN"):
        ReturnModel().fit(snapshots(300).assign(spend=np.nan))


@pytest.mark.parametrize("name", ["came_back", "customer_id", "snapshot_date"])
def test_outcome_and_ids_are_no_features_whatever_e35_says(name):
    table = pd.DataFrame({"customer_id": np.arange(40), "orders": np.arange(40) % 7, "came_back": np.arange(40) % 2})
    table["snapshot_date"] = 3
    for model in (ReturnModel(features=["orders", name]), BoostedReturnModel(features=["orders", name])):
        with pytest.raises(ValueError, match=f"{name}: no feature"):
            model.fit(table)


def test_calibration_on_a_separated_table_is_said_and_keeps_the_spread():
    rng = np.random.default_rng(0)
    orders = rng.poisson(3, 500)
    table = pd.DataFrame({"customer_id": np.arange(500), "orders": orders, "came_back": rng.random(500) < orders / 9})
    model = ReturnModel().fit(table)
    later = pd.DataFrame({"customer_id": [1, 2, 3, 4], "orders": [0, 1, 7, 8], "came_back": [0, 0, 1, 1]})
    with pytest.warns(SeparationWarning, match="parts the 2 of 4 rows"):
        model.calibrate(later)
    assert model.slope_ == 1
    assert model.predict_probability(later).mean() == pytest.approx(0.5)


def test_models_that_have_learnt_nothing_say_so():
    table = pd.DataFrame({"days_since_last_purchase": [1.0]})
    for model in (ReturnModel(), BaseRate(), ActiveLately()):
        with pytest.raises(ValueError, match="call fit first"):
            model.predict_probability(table)
    with pytest.raises(ValueError, match="call fit first"):
        ReturnModel().odds_ratios()
