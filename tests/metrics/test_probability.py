"""Probabilities against scikit-learn, identities, and hand-made cases."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as peers

from clvlib.metrics.probability import (
    average_precision,
    brier_decomposition,
    brier_score,
    brier_skill,
    log_loss,
    reliability_table,
    roc_auc,
    score_table,
)


@pytest.fixture
def forecast():
    rng = np.random.default_rng(0)
    p = rng.beta(1, 6, 3000)
    return (rng.random(3000) < p).astype(int), p


def test_scores_match_scikit_learn(forecast):
    y, p = forecast
    assert brier_score(y, p) == pytest.approx(peers.brier_score_loss(y, p), rel=1e-12)
    assert log_loss(y, p) == pytest.approx(peers.log_loss(y, p), rel=1e-12)
    assert roc_auc(y, p) == peers.roc_auc_score(y, p)
    assert average_precision(y, p) == peers.average_precision_score(y, p)


def test_a_sure_thing_that_fails_costs_infinitely():
    assert log_loss([1, 0], [0.0, 0.0]) == np.inf
    assert log_loss([1, 0], [1.0, 0.0]) == 0


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=200),
    st.integers(1, 15),
)
def test_murphy_1973_parts_and_within_bin_remainder_add_up(rows, n_bins):
    y, p = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    parts = brier_decomposition(y, p, n_bins=n_bins)
    total = parts.reliability - parts.resolution + parts.uncertainty + parts.within_bins
    assert total == pytest.approx(brier_score(y, p), abs=1e-12)
    assert min(parts[:3]) >= 0


def test_murphy_1973_needs_no_remainder_where_a_bin_holds_one_probability():
    y = np.array([0] * 8 + [1] * 2 + [0] * 3 + [1] * 7)
    parts = brier_decomposition(y, np.repeat([0.3, 0.6], 10), n_bins=2)
    assert parts == pytest.approx((0.01, 0.0625, 0.2475, 0.0), abs=1e-12)


def test_a_constant_base_rate_is_reliable_and_resolves_nothing():
    y = np.array([1, 0, 0, 0] * 50)
    parts = brier_decomposition(y, np.full(200, 0.25))
    assert parts == pytest.approx((0, 0, 0.1875, 0), abs=1e-12)
    assert brier_skill(y, np.full(200, 0.25), reference=np.full(200, 0.25)) == 0


def test_overconfidence_shows_as_reliability(forecast):
    y, p = forecast
    squeezed = np.clip(p * 2, 0, 1)
    assert brier_decomposition(y, squeezed).reliability > 20 * brier_decomposition(y, p).reliability


def test_reliability_table_counts_every_row_once_and_keeps_ties_together(forecast):
    y, p = forecast
    table = reliability_table(y, p)
    assert len(table) == 10
    assert table["n"].sum() == 3000
    assert table["n"].between(290, 310).all()
    assert table["mean_probability"].is_monotonic_increasing
    assert (table["n"] * table["outcome_rate"]).sum() == pytest.approx(y.sum())
    assert ((table["low"] <= table["outcome_rate"]) & (table["outcome_rate"] <= table["high"])).all()
    tied = reliability_table([0, 1, 0, 1, 1], [0.2, 0.2, 0.2, 0.2, 0.9], n_bins=5)
    assert tied["n"].tolist() == [4, 1]


def test_score_table_holds_what_the_single_scores_say(forecast):
    y, p = forecast
    table = score_table(y, {"a": p, "b": np.full(len(p), 0.1)})
    assert table.loc["a", "brier"] == brier_score(y, p)
    assert table.loc["a", ["reliability", "resolution"]].tolist() == list(brier_decomposition(y, p)[:2])
    assert table.loc["b", ["mean_probability", "roc_auc"]].tolist() == pytest.approx([0.1, 0.5])
    assert table.loc["b", "average_precision"] == pytest.approx(y.mean())


@pytest.mark.parametrize("score", [brier_score, log_loss, roc_auc, average_precision, reliability_table])
@pytest.mark.parametrize(
    ("outcome", "probability", "message"),
    [
        ([0, 2], [0.1, 0.2], "neither 0 nor 1"),
        ([0, 1], [0.1, 1.2], "1 values outside"),
        ([0, 1], [0.1, np.nan], "outside"),
        ([0, 1], [0.1], "equally long"),
        ([], [], "non-empty"),
    ],
)
def test_wrong_input_is_refused_with_a_reason(score, outcome, probability, message):
    with pytest.raises(ValueError, match=message):
        score(outcome, probability)


@pytest.mark.parametrize("score", [roc_auc, average_precision])
def test_one_class_only_cannot_be_ranked(score):
    with pytest.raises(ValueError, match="all 3 outcomes are 0"):
        score([0, 0, 0], [0.1, 0.2, 0.3])


@pytest.mark.parametrize("n_bins", [0, 2.5, "a", True])
def test_bins_are_a_whole_number(n_bins):
    with pytest.raises(ValueError, match="n_bins must be a whole number of at least 1"):
        reliability_table([0, 1], [0.1, 0.2], n_bins=n_bins)


@pytest.mark.parametrize("forecasts", [{}, None, [0.1, 0.2]])
def test_a_table_of_no_forecast_is_refused(forecasts):
    with pytest.raises(ValueError, match="at least one by name"):
        score_table([0, 1], forecasts)
