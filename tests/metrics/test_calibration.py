"""Calibration: by hand, against simulations with a known truth, against peers, and what is refused."""

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from clvlib.metrics.calibration import calibration_by_group, calibration_error, calibration_line
from clvlib.metrics.intervals import bootstrap_interval, wilson_interval


def drawn(n=4000, *, seed=0, shift=0.0):
    """Outcomes and what was said of them; ``shift`` of the log-odds is what the forecast gets wrong."""
    rng = np.random.default_rng(seed)
    p = rng.beta(2, 8, n)
    return rng.random(n) < p, expit(logit(p) + shift)


def test_expected_calibration_error_of_naeini_2015_by_hand():
    outcome = [0, 0, 0, 1, 1, 1, 0, 1]
    probability = [0.1, 0.1, 0.1, 0.1, 0.7, 0.7, 0.7, 0.7]
    found = calibration_error(outcome, probability, n_bins=2)
    assert found.error == pytest.approx(0.5 * abs(0.1 - 0.25) + 0.5 * abs(0.7 - 0.75))
    assert (found.n, found.n_bins) == (8, 2)
    assert calibration_error(outcome, np.full(8, 0.5)).error == pytest.approx(0)


def test_equal_probabilities_never_part():
    assert calibration_error([0, 1] * 50, [0.5] * 90 + [0.9] * 10, n_bins=10).n_bins == 2


def test_a_perfect_forecast_shows_the_noise_and_its_interval_reaches_zero():
    found = [calibration_error(*drawn(1500, seed=seed), n_resamples=300) for seed in range(120)]
    errors, noise = (np.array([getattr(each, name) for each in found]) for name in ("error", "noise"))
    assert errors.mean() == pytest.approx(noise.mean(), rel=0.1)
    low, _ = wilson_interval(sum(each.low == 0 for each in found), len(found), level=0.999)
    assert low <= 0.95
    assert np.mean([each.low == 0 for each in found]) >= 0.88
    # what the textbook's percentile interval would do: it adds the noise a second time
    y, p = drawn(1500, seed=3)
    again = bootstrap_interval(
        np.column_stack([y, p]), statistic=lambda r: calibration_error(r[:, 0], r[:, 1], n_resamples=1).error,
        n_resamples=200, random_state=0,
    )  # fmt: skip
    assert again[0] > 0


def test_the_interval_holds_a_known_error():
    big, told = drawn(400_000, seed=9, shift=0.5)
    truth = calibration_error(big, told, n_resamples=2).error
    hits = 0
    for seed in range(100):
        found = calibration_error(*drawn(1500, seed=seed, shift=0.5), n_resamples=200)
        hits += found.low <= truth <= found.high
        assert found.low <= found.error <= found.high
    assert hits >= 93
    assert calibration_error(big[:20_000], told[:20_000]).low > 0


def test_rows_of_one_customer_are_one_piece_of_evidence():
    y, p = drawn(200)
    y, p, customer = np.repeat(y, 20), np.repeat(p, 20), np.repeat(np.arange(200), 20)
    rows, whole = calibration_error(y, p), calibration_error(y, p, groups=customer)
    once = calibration_error(*drawn(200), groups=np.arange(200))
    assert whole.error == pytest.approx(rows.error)
    assert whole.noise > 3 * rows.noise
    assert whole.noise == pytest.approx(once.noise, rel=0.1)


def test_line_matches_scikit_learn_and_calibration_in_the_large():
    y, p = drawn(shift=0.4)
    line = calibration_line(y, p)
    peer = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(logit(p)[:, None], y)
    assert line.slope == pytest.approx(peer.coef_[0, 0], abs=1e-4)
    assert expit(line.intercept + logit(p)).mean() == pytest.approx(y.mean(), abs=1e-9)
    assert line.intercept_low < -0.4 < line.intercept_high
    assert line.slope_low < 1 < line.slope_high


def test_cox_1958_a_model_too_sure_of_itself_has_a_slope_below_one():
    y, p = drawn(20_000)
    line = calibration_line(y, expit(2 * logit(p)))
    assert line.slope == pytest.approx(0.5, abs=0.03)
    assert line.slope_high < 1


def test_line_intervals_cover_and_grow_with_the_rows_of_a_customer():
    hits = sum(1 for seed in range(200) if (f := calibration_line(*drawn(800, seed=seed))).slope_low < 1 < f.slope_high)
    assert hits >= 180
    y, p = drawn(500)
    wide = calibration_line(np.repeat(y, 9), np.repeat(p, 9), groups=np.repeat(np.arange(500), 9))
    once = calibration_line(y, p)
    assert wide == pytest.approx(once, rel=1e-6)


def test_a_slope_that_does_not_exist_is_nan_and_the_level_stays():
    flat = calibration_line([0, 0, 0, 1], np.full(4, 0.5))
    assert np.isnan([flat.slope, flat.slope_low, flat.slope_high]).all()
    assert flat.intercept == pytest.approx(logit(0.25))
    assert np.isnan(calibration_line([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.9]).slope)
    assert np.isfinite(calibration_line([0, 1, 1, 0] * 20, [0.0, 1.0, 0.5, 0.6] * 20).intercept)


def test_by_group_finds_the_group_that_is_off_and_no_other():
    y, p = drawn(9000)
    by = np.repeat(["a", "b", "c"], 3000)
    p = np.where(by == "b", np.minimum(p + 0.1, 1), p)
    table = calibration_by_group(y, p, by)
    assert table["verdict"].tolist() == ["within noise", "too high", "within noise"]
    assert table["n"].tolist() == [3000] * 3
    assert table.loc["b", "difference"] == pytest.approx((p - y)[by == "b"].mean())
    assert table["difference"].tolist() == pytest.approx((table["mean_probability"] - table["outcome_rate"]).tolist())
    one = calibration_by_group(y, p, by, groups=np.where(by == "c", 0, np.arange(9000)))
    assert one.loc["c", "verdict"] == "too few"
    assert np.isnan(one.loc["c", "low"])


@pytest.mark.parametrize("measure", [calibration_error, calibration_line])
@pytest.mark.parametrize(
    ("outcome", "probability", "options", "message"),
    [
        ([0, 2], [0.1, 0.2], {}, "neither 0 nor 1"),
        ([0, 1], [0.1, np.nan], {}, "outside"),
        ([], [], {}, "non-empty"),
        ([0, 1], [0.1, 0.2], {"groups": ["a"]}, "match one to one"),
        ([0, 1], [0.1, 0.2], {"groups": ["a", "a"]}, "at least 2"),
        ([0, 1], [0.1, 0.2], {"groups": ["a", None]}, "1 of 2 rows are missing"),
        ([0, 1], [0.1, 0.2], {"groups": [1.0, np.nan]}, "1 of 2 rows are missing"),
        ([0, 1], [0.1, 0.2], {"level": 95}, "level"),
        ([0, 1], [0.1, 0.2], {"level": "a"}, "level"),
    ],
)
def test_wrong_input_is_refused_with_a_reason(measure, outcome, probability, options, message):
    with pytest.raises(ValueError, match=message):
        measure(outcome, probability, **options)


def test_one_class_only_has_no_line_and_groups_need_a_name_each():
    with pytest.raises(ValueError, match="all 3 outcomes are 0"):
        calibration_line([0, 0, 0], [0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match="1 missing, for 2 rows"):
        calibration_by_group([0, 1], [0.1, 0.2], ["a", None])


def test_customers_with_numbers_and_with_names_are_all_customers():
    came, p = drawn(300)
    mixed = np.array([1, "b", 3] * 100, dtype=object)
    by_number = calibration_error(came, p, groups=np.tile([1, 9, 3], 100), random_state=0)
    assert calibration_error(came, p, groups=mixed, random_state=0) == by_number
    with pytest.raises(ValueError, match="n_resamples must be a whole number"):
        calibration_error(came, p, n_resamples=2.5)
