"""Measures of forecast value: by hand, against other people's code, and at the edges of their definitions."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from clvlib.metrics._value_kernel import Forecast
from clvlib.metrics.value import (
    decile_table,
    gain_curve,
    gini,
    interval_coverage,
    mean_absolute_error,
    regret,
    relative_bias,
    revenue_captured,
    root_mean_squared_error,
    spearman,
    total_bias,
    value_table,
)

ACTUAL = np.array([0.0, 0.0, 0.0, 10.0, 20.0, 0.0, 30.0, 0.0, 40.0, 0.0])
PREDICTED = np.array([1.0, 2.0, 3.0, 8.0, 25.0, 4.0, 20.0, 5.0, 15.0, 7.0])


def _log(n=400, seed=3):
    """A holdout as shops have it: most buy nothing, a few much, forecasts with ties."""
    rng = np.random.default_rng(seed)
    actual = np.where(rng.uniform(size=n) < 0.6, 0.0, rng.lognormal(3, 1, size=n)).round(2)
    return actual, (0.3 * actual + rng.gamma(1.0, 20.0, size=n)).round(-1)


def test_errors_by_hand():
    # 90 forecast, 100 spent; errors 1 2 3 2 5 4 10 5 25 7
    assert total_bias(ACTUAL, PREDICTED) == pytest.approx(-10.0)
    assert relative_bias(ACTUAL, PREDICTED) == pytest.approx(-0.10)
    assert mean_absolute_error(ACTUAL, PREDICTED) == pytest.approx(6.4)
    squares = 1 + 4 + 9 + 4 + 25 + 16 + 100 + 25 + 625 + 49
    assert root_mean_squared_error(ACTUAL, PREDICTED) == pytest.approx((squares / 10) ** 0.5)


def test_captured_by_hand():
    # by forecast: 25 20 15 8 7 5 4 3 2 1, who spent 20 30 40 10 0 0 0 0 0 0 of 100
    assert revenue_captured(ACTUAL, PREDICTED, share=0.1) == pytest.approx(0.20)
    assert revenue_captured(ACTUAL, PREDICTED, share=0.2) == pytest.approx(0.50)
    assert revenue_captured(ACTUAL, PREDICTED, share=0.4) == pytest.approx(1.0)
    assert revenue_captured(ACTUAL, PREDICTED, share=1) == pytest.approx(1.0)
    assert revenue_captured(ACTUAL, PREDICTED, share=0.15) == pytest.approx(0.35)  # half of the second customer


def test_gini_by_hand():
    # Gain curve .2 .5 .9 1 1 1 1 1 1 1: twice the area (.2 + .7 + 1.4 + 1.9 + 12) / 10 = 1.62, diagonal 1
    # oracle        .4 .7 .9 1 ...: (.4 + 1.1 + 1.6 + 1.9 + 12) / 10 = 1.70
    assert gini(ACTUAL, PREDICTED) == pytest.approx(0.62 / 0.70)
    assert gini(ACTUAL, ACTUAL) == pytest.approx(1.0)
    assert gini(ACTUAL, np.zeros(10)) == 0.0


def test_gini_matches_the_normalised_gini_of_the_allstate_competition():
    """Kaggle's formula: mean over ranks of the cumulated share minus the rank's share, divided by the oracle's."""
    rng = np.random.default_rng(0)
    actual, predicted = rng.lognormal(size=501), rng.permutation(501).astype(float)

    def raw(order):
        share = np.cumsum(actual[order]) / actual.sum()
        return np.mean(share - np.arange(1, 502) / 501)

    assert gini(actual, predicted) == pytest.approx(raw(np.argsort(-predicted)) / raw(np.argsort(-actual)), abs=1e-12)


def test_gini_is_near_the_one_of_google_lifetime_value():
    """google/lifetime_value, evaluation.py: 2 * mean of the cumulated share - 1, divided by the oracle's.

    Their sum starts after the first customer, so that theirs is larger by terms of 1 / n; equal in the limit.
    """
    actual, predicted = _log(20_000)
    predicted = predicted + np.random.default_rng(1).uniform(size=len(predicted))

    def raw(by):
        return 2 * np.mean(np.cumsum(actual[np.argsort(-by, kind="stable")]) / actual.sum()) - 1

    assert gini(actual, predicted) == pytest.approx(raw(predicted) / raw(actual), abs=2e-4)


def test_ties_are_worth_what_breaking_them_by_chance_is_worth_on_average():
    actual, predicted = [9.0, 0.0, 4.0, 1.0, 2.0], [3.0, 3.0, 3.0, 1.0, 1.0]
    broken = []
    for first, second in itertools.product(itertools.permutations(range(3)), itertools.permutations(range(2))):
        predicted_apart = np.array(predicted) + 0.1 * np.r_[first, second]
        shares = [revenue_captured(actual, predicted_apart, share=share) for share in (0.2, 0.4, 0.8)]
        broken.append([gini(actual, predicted_apart), *shares])
    expected = [gini(actual, predicted), *(revenue_captured(actual, predicted, share=s) for s in (0.2, 0.4, 0.8))]
    np.testing.assert_allclose(np.mean(broken, axis=0), expected)


def test_nothing_hangs_on_the_order_of_the_rows():
    actual, predicted = _log()
    shuffled = np.random.default_rng(9).permutation(len(actual))
    one = value_table(actual, {"m": predicted})
    pd.testing.assert_frame_equal(value_table(actual[shuffled], {"m": predicted[shuffled]}), one)


def test_spearman_matches_scipy():
    actual, predicted = _log()
    assert spearman(actual, predicted) == pytest.approx(spearmanr(actual, predicted).statistic, abs=1e-12)
    assert spearman(actual, np.ones(len(actual))) == 0.0


def test_weights_are_repeated_rows():
    actual, predicted = _log()
    weights = np.random.default_rng(5).integers(0, 4, size=(3, len(actual)))
    kernel = Forecast(actual, predicted)
    for draw in weights:
        a, p = np.repeat(actual, draw), np.repeat(predicted, draw)
        once = draw[None, :].astype(float)
        for function in (total_bias, relative_bias, mean_absolute_error, root_mean_squared_error, spearman, gini):
            assert getattr(kernel, function.__name__)(once)[0] == pytest.approx(function(a, p), rel=1e-9)
        for share in (0.1, 0.23, 1.0):
            assert kernel.captured(once, share)[0] == pytest.approx(revenue_captured(a, p, share=share), rel=1e-9)


def test_a_draw_without_money_has_no_share_and_warns_of_nothing():
    kernel = Forecast(np.array([0.0, 0.0, 5.0]), np.array([1.0, 2.0, 3.0]))
    nothing = np.array([[2.0, 1.0, 0.0]])
    assert np.isnan(kernel.gini(nothing)[0])
    assert np.isnan(kernel.captured(nothing, 0.1)[0])
    assert kernel.mean_absolute_error(nothing)[0] == pytest.approx(4 / 3)


def test_returns_may_make_a_customer_negative():
    actual = [50.0, -10.0, 0.0]
    assert gini(actual, [3.0, 1.0, 2.0]) == pytest.approx(1.0)
    assert revenue_captured(actual, [3.0, 1.0, 2.0], share=1 / 3) == pytest.approx(50 / 40)


def test_gain_curve_runs_from_nobody_to_everybody():
    curve = gain_curve(ACTUAL, PREDICTED)
    assert curve.iloc[0].tolist() == [0.0, 0.0]
    assert curve.iloc[-1].tolist() == pytest.approx([1.0, 1.0])
    at_30 = np.interp(0.3, curve["share_of_customers"], curve["share_of_amount"])
    assert at_30 == pytest.approx(revenue_captured(ACTUAL, PREDICTED, share=0.3)) == pytest.approx(0.9)


def test_regret_by_hand():
    # best two by truth: 40 + 30; by forecast customers 5 and 7: 20 + 30
    found = regret(ACTUAL, PREDICTED, share=0.2)
    assert found == pytest.approx((70.0, 50.0, 20.0, 20 / 70))
    assert regret(ACTUAL, ACTUAL).amount == 0.0


def test_deciles_hold_equally_many_and_add_up_to_the_total_bias():
    rng = np.random.default_rng(2)
    actual, predicted = rng.gamma(1, 10, size=1000), rng.permutation(1000).astype(float)
    table = decile_table(actual, predicted)
    assert table["n"].tolist() == [100] * 10
    assert table["bias"].sum() == pytest.approx(total_bias(actual, predicted))
    assert (table["n"] * table["predicted"]).sum() == pytest.approx(predicted.sum())
    assert table["predicted"].is_monotonic_increasing
    assert ((table["low"] < table["realised"]) & (table["realised"] < table["high"])).all()
    assert table["realised"].iloc[-1] == pytest.approx(actual[predicted >= 900].mean())


def test_equal_forecasts_share_a_decile():
    assert len(decile_table(ACTUAL, np.ones(10))) == 1
    half_zero = np.r_[np.zeros(60), np.arange(40) + 1.0]
    table = decile_table(np.arange(100.0), half_zero)
    assert table["n"].tolist() == [60, 10, 10, 10, 10]


def test_a_decile_of_one_customer_has_no_width():
    table = decile_table(ACTUAL, PREDICTED)
    assert (table["low"] == table["realised"]).all()
    assert not table.isna().any().any()


def test_coverage_counts_each_end_and_matches_wilson_by_hand():
    actual = [0.0, 1.0, 2.0, 3.0, 4.0, 9.0]
    found = interval_coverage(actual, [0.0, 0.0, 2.0, 3.5, 0.0, 0.0], [0.0, 2.0, 3.0, 5.0, 4.0, 8.0])
    assert (found.n, found.inside, found.below, found.above) == (6, 4, 1, 1)
    assert found.zero_width == 1
    assert found.mean_width == pytest.approx((0 + 2 + 1 + 1.5 + 4 + 8) / 6)
    assert found.median_width == pytest.approx(1.75)
    # Wilson: centre (p + z²/2n) / (1 + z²/n), z = 1.959964
    z, p = 1.959963984540054, 4 / 6
    centre = (p + z**2 / 12) / (1 + z**2 / 6)
    half = z / (1 + z**2 / 6) * (p * (1 - p) / 6 + z**2 / 144) ** 0.5
    assert (found.low, found.high) == pytest.approx((centre - half, centre + half))


def test_the_table_says_what_the_functions_say():
    row = value_table(ACTUAL, {"model": PREDICTED}, shares=(0.1, 0.2)).loc["model"]
    assert row["predicted_total"] == 90.0
    assert row["gini"] == gini(ACTUAL, PREDICTED)
    assert row["captured_20"] == revenue_captured(ACTUAL, PREDICTED, share=0.2)
    assert list(row.index[-2:]) == ["captured_10", "captured_20"]


def test_what_is_no_holdout_is_refused_with_counts():
    with pytest.raises(ValueError, match=r"predicted holds 2 of 3 values that are NaN or infinite"):
        total_bias([1.0, 2.0, 3.0], [np.nan, 1.0, np.inf])
    with pytest.raises(ValueError, match="equally long"):
        gini([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="equally long, non-empty"):
        mean_absolute_error([], [])
    with pytest.raises(ValueError, match=r"3 customers spent 0 in total.*longer holdout"):
        gini([0.0, 0.0, 0.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"part of the customers in \(0, 1\], got 10"):
        revenue_captured(ACTUAL, PREDICTED, share=10)
    with pytest.raises(ValueError, match="1 of 2 intervals"):
        interval_coverage([1.0, 2.0], [0.0, 3.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="n_bins must be at least 1"):
        decile_table(ACTUAL, PREDICTED, n_bins=0)
