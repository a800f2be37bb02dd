"""Intervals: their ends, their coverage, and what they refuse."""

import numpy as np
import pytest
from scipy import stats

from clvlib.metrics.intervals import bootstrap_interval, wilson_interval


def test_bootstrap_of_a_mean_agrees_with_the_normal_interval():
    values = np.random.default_rng(1).exponential(10, 4000)
    low, high = bootstrap_interval(values, random_state=0)
    half = 1.959964 * values.std() / np.sqrt(len(values))
    assert low == pytest.approx(values.mean() - half, abs=0.05 * half)
    assert high == pytest.approx(values.mean() + half, abs=0.05 * half)


def test_bootstrap_fast_mean_and_general_path_agree():
    values = np.random.default_rng(2).normal(size=500)
    fast = bootstrap_interval(values, random_state=0, n_resamples=4000)
    slow = bootstrap_interval(values, statistic=lambda x: float(np.mean(x)), random_state=1, n_resamples=4000)
    assert fast == pytest.approx(slow, abs=0.01)


def test_bootstrap_agrees_with_scipy_on_a_ratio():
    rows = np.random.default_rng(3).gamma(2.0, size=(300, 2))
    ours = bootstrap_interval(rows, statistic=lambda x: x[:, 0].sum() / x[:, 1].sum(), random_state=0)
    peer = stats.bootstrap(
        (rows[:, 0], rows[:, 1]), lambda a, b: a.sum() / b.sum(), paired=True, vectorized=False,
        method="percentile", n_resamples=2000, rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    assert ours == pytest.approx((peer.low, peer.high), abs=0.02)


def test_bootstrap_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(4)
    hits = 0
    for trial in range(400):
        low, high = bootstrap_interval(rng.normal(5, 2, 80), level=0.9, n_resamples=300, random_state=trial)
        hits += low <= 5 <= high
    low, high = wilson_interval(hits, 400, level=0.999)
    assert low <= 0.9 <= high


def test_rows_of_one_group_are_drawn_together():
    values = np.repeat(np.random.default_rng(5).normal(size=100), 50)  # 100 customers seen 50 times each
    customer = np.repeat(np.arange(100), 50)
    rows = bootstrap_interval(values, random_state=0)
    whole = bootstrap_interval(values, groups=customer, random_state=0)
    ratio = (whole[1] - whole[0]) / (rows[1] - rows[0])
    assert ratio == pytest.approx(np.sqrt(50), rel=0.15)
    general = bootstrap_interval(values, groups=customer, statistic=lambda x: float(x.mean()), random_state=0)
    assert general == pytest.approx(whole)


def test_groups_of_unequal_size_keep_their_rows():
    values, customer = [1.0, 1.0, 1.0, 5.0], ["a", "b", "a", "b"]
    seen = set()
    bootstrap_interval(
        values, groups=customer, random_state=0, n_resamples=50,
        statistic=lambda x: seen.add(tuple(sorted(x.tolist()))) or 0.0,
    )  # fmt: skip
    assert seen == {(1.0, 1.0, 1.0, 5.0), (1.0, 1.0, 1.0, 1.0), (1.0, 1.0, 5.0, 5.0)}


def test_the_seed_decides():
    values = np.arange(30.0)
    assert bootstrap_interval(values, random_state=7) == bootstrap_interval(values, random_state=7)
    assert bootstrap_interval(values, random_state=7) != bootstrap_interval(values, random_state=8)


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ([1.0], {}, "at least 2 rows"),
        ([], {}, "at least 2 rows"),
        ([1.0, np.nan], {}, "1 of 2 rows are NaN"),
        ([1.0, 2.0], {"level": 95}, "level"),
        ([1.0, 2.0], {"n_resamples": 0}, "n_resamples"),
        ([1.0, 2.0], {"groups": ["a"]}, "match one to one"),
        ([1.0, 2.0], {"groups": ["a", "a"]}, "at least 2"),
        ([0.0, 1.0], {"statistic": lambda x: np.divide(1.0, x.sum()) if x.sum() else np.nan}, "not finite"),
    ],
)
def test_bootstrap_refuses_with_a_reason(values, options, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_interval(values, random_state=0, **options)


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (3, 10), (15, 148), (10, 10), (499, 500)])
def test_wilson_matches_scipy(successes, trials):
    peer = stats.binomtest(successes, trials).proportion_ci(method="wilson")
    assert wilson_interval(successes, trials) == pytest.approx((peer.low, peer.high), abs=1e-12)


@pytest.mark.parametrize(("successes", "trials"), [(1, 0), (3, 2), (-1, 5)])
def test_wilson_refuses_impossible_counts(successes, trials):
    with pytest.raises(ValueError, match="trials"):
        wilson_interval(successes, trials)


def test_groups_of_two_kinds_make_no_difference_and_missing_ones_are_refused():
    values, mixed = [1.0, 2.0, 3.0, 4.0], np.array([1, 1, "b", "c"], dtype=object)
    assert bootstrap_interval(values, groups=mixed, random_state=0) == bootstrap_interval(
        values, groups=["1", "1", "b", "c"], random_state=0
    )
    with pytest.raises(ValueError, match="1 of 4 rows are missing"):
        bootstrap_interval(values, groups=[1, 1, None, 2], random_state=0)


def test_a_level_that_is_no_number_is_refused_in_words():
    for call in (lambda: wilson_interval(1, 2, level="a"), lambda: bootstrap_interval([1.0, 2.0], level="a",
                                                                                      random_state=0)):  # fmt: skip
        with pytest.raises(ValueError, match="level is a share"):
            call()


def test_a_number_of_resamples_that_is_none_is_refused_in_words():
    for wrong in ("a", 2.5, True, 0):
        with pytest.raises(ValueError, match="n_resamples must be at least 1"):
            bootstrap_interval([1.0, 2.0], n_resamples=wrong, random_state=0)
