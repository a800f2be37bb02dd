"""Lift by hand, against scikit-learn's curves, with ties, and paired differences of scores."""

import numpy as np
import pytest
from sklearn import metrics as peers

from clvlib.metrics.lift import lift_table, precision_recall_table, roc_table
from clvlib.metrics.probability import brier_score, log_loss, roc_auc, score_differences


@pytest.fixture
def forecast():
    rng = np.random.default_rng(0)
    p = rng.beta(1, 6, 3000)
    return (rng.random(3000) < p).astype(int), p


def test_lift_by_hand():
    outcome = [1, 1, 0, 1, 0, 0, 0, 0, 0, 0]
    probability = np.linspace(0.9, 0.1, 10)
    table = lift_table(outcome, probability, shares=[0.1, 0.4, 1.0], n_resamples=50)
    assert table["lift"].tolist() == pytest.approx([1 / 0.3, 0.75 / 0.3, 1])
    assert table["captured"].tolist() == pytest.approx([1 / 3, 1, 1])
    assert table["outcome_rate"].tolist() == pytest.approx([1, 0.75, 0.3])


def test_a_forecast_that_says_the_same_of_everybody_has_a_lift_of_one(forecast):
    y, _ = forecast
    table = lift_table(y, np.full(len(y), 0.2), n_resamples=20)
    assert table["lift"].tolist() == pytest.approx([1.0] * len(table))


def test_ties_do_not_hang_on_the_order_of_rows(forecast):
    y, p = forecast
    p = p.round(1)
    again = np.random.default_rng(1).permutation(len(y))
    one, two = lift_table(y, p, n_resamples=10), lift_table(y[again], p[again], n_resamples=10)
    assert one["lift"].tolist() == pytest.approx(two["lift"].tolist())


def test_intervals_hold_the_lift_and_widen_with_the_rows_of_a_customer(forecast):
    y, p = forecast
    rows = lift_table(y, p, n_resamples=200)
    assert ((rows["low"] < rows["lift"]) & (rows["lift"] < rows["high"])).all()
    many = np.repeat(np.arange(3000), 10)
    whole = lift_table(np.repeat(y, 10), np.repeat(p, 10), groups=many, n_resamples=200)
    assert (whole["high"] - whole["low"]).to_numpy() == pytest.approx((rows["high"] - rows["low"]).to_numpy(), rel=0.35)


def test_curves_match_scikit_learn(forecast):
    y, p = forecast
    roc, pr = roc_table(y, p), precision_recall_table(y, p)
    assert peers.auc(roc["false_positive_rate"], roc["true_positive_rate"]) == pytest.approx(peers.roc_auc_score(y, p))
    steps = -np.diff(np.r_[pr["recall"], 0]) @ pr["precision"]
    assert steps == pytest.approx(peers.average_precision_score(y, p))
    assert pr["precision"].iloc[0] == pytest.approx(y.mean())


@pytest.mark.parametrize("curve", [lift_table, roc_table, precision_recall_table])
def test_one_class_only_is_refused(curve):
    with pytest.raises(ValueError, match="all 3 outcomes are 0"):
        curve([0, 0, 0], [0.1, 0.2, 0.3])


@pytest.mark.parametrize("shares", [[], [0.0], [1.5], 0.1, ["a"], None])
def test_shares_outside_the_list_are_refused(shares):
    with pytest.raises(ValueError, match="shares are parts"):
        lift_table([0, 1], [0.1, 0.2], shares=shares)


@pytest.mark.parametrize(("measure", "score"), [("brier", brier_score), ("log_loss", log_loss), ("roc_auc", roc_auc)])
def test_differences_are_those_of_the_single_scores(forecast, measure, score):
    y, p = forecast
    poor = np.clip(p + np.random.default_rng(2).normal(0, 0.05, len(p)), 0.001, 0.999)
    table = score_differences(y, {"poor": poor, "good": p}, baseline="poor", measure=measure, n_resamples=300)
    assert table.loc["good", measure] == pytest.approx(score(y, p))
    assert table.loc["good", "difference"] == pytest.approx(score(y, p) - score(y, poor))
    assert table.loc["good", "low"] < table.loc["good", "difference"] < table.loc["good", "high"]
    assert table["verdict"].tolist() == ["baseline", "better"]
    back = score_differences(y, {"poor": poor, "good": p}, baseline="good", measure=measure, n_resamples=300)
    assert back.loc["poor", "verdict"] == "worse"


def test_a_difference_of_nothing_is_not_shown(forecast):
    y, p = forecast
    noisy = np.clip(p + np.random.default_rng(3).normal(0, 1e-3, len(p)), 0.001, 1)
    table = score_differences(y, {"a": p, "b": noisy}, baseline="a")
    assert table.loc["b", "verdict"] == "no difference shown"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"baseline": "c"}, "no forecast is called 'c'"),
        ({"baseline": "a", "level": "a"}, "level is a share"),
        ({"baseline": "a", "measure": "f1"}, "one of brier, log_loss, roc_auc"),
        ({"baseline": "a", "measure": "log_loss"}, "a: 1 sure things failed"),
    ],
)
def test_differences_refuse_with_a_reason(options, message):
    with pytest.raises(ValueError, match=message):
        score_differences([0, 1], {"a": [0.5, 0.0], "b": [0.5, 0.5]}, **options)
