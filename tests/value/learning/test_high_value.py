"""Document 002's question with a threshold, and why its printed answers are none."""

import numpy as np
import pandas as pd
import pytest

from clvlib.datasets import toy
from clvlib.metrics.claims import attainable, implied_base_rate, same_test_set
from clvlib.metrics.probability import roc_auc
from clvlib.value import HighValueModel, high_value_threshold, targeting_table


@pytest.fixture(scope="module")
def tables():
    """900 customers whose spending goes on much as it was; returns too."""
    rng = np.random.default_rng(0)
    rate = rng.gamma(0.7, 1.0, 900)
    table = pd.DataFrame({"customer_id": np.repeat(np.arange(450), 2), "origin": ["2024-01-01", "2024-02-01"] * 450})
    table["frequency"] = rng.poisson(3 * rate).astype(float)
    table["total_spend"] = 30 * table["frequency"] + rng.gamma(1, 10, 900)
    table["mean_gap_days"] = np.where(table["frequency"] > 0, 90 / (1 + table["frequency"]), np.nan)
    table["holdout_amount"] = 30.0 * rng.poisson(rate) - 5 * (rng.random(900) < 0.1)
    return table.iloc[:600], table.iloc[600:].reset_index(drop=True)


@pytest.mark.parametrize("estimator", ["logistic_regression", "mlp", "gradient_boosting", "keras_mlp", "svm"])
def test_it_ranks_later_customers_and_knows_the_level(tables, estimator):
    then, now = tables
    model = HighValueModel(estimator, threshold_amount=30.0, random_state=1).fit(then)
    p = model.predict_probability(now)
    high = now["holdout_amount"] >= 30
    assert ((p >= 0) & (p <= 1)).all()
    assert roc_auc(high, p) > 0.65
    assert p.mean() == pytest.approx(high.mean(), abs=0.1)
    assert model.base_rate_ == (then["holdout_amount"] >= 30).mean()


def test_the_documents_network_is_an_option(tables):
    then, now = tables
    model = HighValueModel("mlp", threshold_amount=30.0, options={"hidden_layer_sizes": (100,), "alpha": 1e-4}).fit(
        then
    )
    assert model.model_.estimator.hidden_layer_sizes == (100,)
    assert np.isfinite(model.predict_probability(now)).all()


def test_the_threshold_is_the_amount_that_the_best_share_reached():
    table = pd.DataFrame({"holdout_amount": [0.0] * 80 + [10.0] * 15 + [20.0] * 4 + [50.0]})
    assert high_value_threshold(table, share=0.2) == 10.0
    assert high_value_threshold(table, share=0.05) == 20.0, "a share that floats cannot hold exactly"
    assert high_value_threshold(table, share=0.1) == 20.0, "10 is reached by more than a tenth"
    assert high_value_threshold(table, share=0.9) == 10.0, "never 0: doing nothing is no high value"
    assert high_value_threshold(table, share=0.001) == 50.0, "never more than anybody reached"
    with pytest.raises(ValueError, match="none of 5 rows spent anything"):
        high_value_threshold(pd.DataFrame({"holdout_amount": [0.0] * 5}))
    with pytest.raises(ValueError, match=r"in \(0, 1\)"):
        high_value_threshold(table, share=1.0)


def test_profit_counts_hits_and_contacts_and_its_interval_holds_it():
    rng = np.random.default_rng(0)
    y = (rng.random(1000) < 0.1).astype(float)
    amount = 100 * y + rng.random(1000)
    forecasts = {"perfect": y, "nobody": np.zeros(1000), "half sure": 0.25 + 0.5 * y}
    options = {"cost_per_contact": 2.0, "random_state": 0}
    table = targeting_table(y, amount, forecasts, value_per_hit=15.0, **options)
    n = y.sum()
    assert table["profit"].to_dict() == {
        "everybody": 15 * n - 2000,
        "perfect": 13 * n,
        "nobody": 0,
        "half sure, one half": 13 * n,
        "half sure, break-even": 15 * n - 2000,
    }
    assert table.loc["perfect", "amount_share"] == pytest.approx(amount[y == 1].sum() / amount.sum())
    assert table.loc["half sure, break-even", "told"] == pytest.approx(0.25 + 0.5 * y.mean())
    assert table.loc["half sure, break-even", "happened"] == pytest.approx(y.mean())
    assert (table.loc["nobody"] == 0).all()
    assert (table["low"] <= table["profit"]).all()
    assert (table["profit"] <= table["high"]).all()
    worthless = targeting_table(y, amount, forecasts, value_per_hit=0.0, **options)
    assert worthless.loc["half sure, break-even", "named"] == 0
    with pytest.raises(ValueError, match="short: 3 probabilities for 1000 outcomes"):
        targeting_table(y, amount, {"short": [0.1] * 3}, value_per_hit=1.0, **options)
    with pytest.raises(ValueError, match="cost_per_contact must be above 0, got 0"):
        targeting_table(y, amount, forecasts, cost_per_contact=0.0, value_per_hit=1.0, random_state=0)


def test_naming_from_the_break_even_probability_on_earns_most_when_probabilities_are_true():
    rng = np.random.default_rng(1)
    p = rng.random(200_000)
    y = (rng.random(200_000) < p).astype(float)
    rules = {f"{c:.1f}": (p >= c).astype(float) for c in (0.1, 0.3, 0.4)} | {"model": p}
    table = targeting_table(y, y, rules, cost_per_contact=2.0, value_per_hit=10.0, n_resamples=2, random_state=0)
    assert table["profit"].idxmax() == "model, break-even"
    assert table.loc["model, break-even", "told"] == pytest.approx(0.6, abs=0.01)


def test_a_class_with_too_few_or_without_the_other_is_refused(tables):
    then, _ = tables
    with pytest.raises(ValueError, match=r"0 of 300 customers reached 5,000.00.*it takes 10"):
        HighValueModel(threshold_amount=5000.0).fit(then)
    with pytest.raises(ValueError, match="some who did not"):
        HighValueModel(threshold_amount=1.0).fit(then.assign(holdout_amount=50.0))
    with pytest.raises(ValueError, match="threshold_amount must be above 0, got 0"):
        HighValueModel(threshold_amount=0.0).fit(then)
    with pytest.raises(ValueError, match="without a probability"):
        HighValueModel(threshold_amount=30.0, missing="drop").fit(then)
    with pytest.raises(ValueError, match="no frequency"):
        HighValueModel(threshold_amount=30.0).fit(then).predict_probability(then[["total_spend"]])


def test_the_printed_metrics_cannot_come_from_one_test_set_errata_e25():
    logistic, network = toy.CLV_METRICS.values()
    assert attainable(**logistic) == []
    assert not same_test_set([logistic, network])
    assert [round(implied_base_rate(**row)[1], 4) for row in (logistic, network)] == [0.4098, 0.4632]


def test_a_continuous_value_is_no_class_errata_e22():
    from sklearn.linear_model import LogisticRegression

    with pytest.raises(ValueError, match="Unknown label type"):
        LogisticRegression().fit([[1.0], [2.0], [3.0]], [12.5, 40.0, 7.25])
