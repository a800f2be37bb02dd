import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import d2_log_loss_score, d2_tweedie_score

from clvlib.customers import next_period_gain
from clvlib.customers.judging.next_period import _forecast, _losses


@pytest.fixture(scope="module")
def world():
    """Buying depends on two numbers, and on a kind of customer that they do not show."""
    rng = np.random.default_rng(0)
    n = 1500
    days, frequency, kind = rng.integers(1, 200, n), rng.poisson(1.5, n), rng.choice(["a", "b"], n)
    chance = np.where(days < 60, 0.5, 0.15) * np.where(kind == "a", 1.6, 0.4)
    spend = np.where(rng.random(n) < chance, rng.gamma(4, 10, n), 0.0)
    numbers = pd.DataFrame({"days_since_last_purchase": days, "frequency": frequency})
    return numbers, kind, spend


def test_what_the_two_numbers_do_not_show_is_found(world):
    numbers, kind, spend = world
    table = pd.DataFrame({"kind": kind, "of days": np.where(numbers["days_since_last_purchase"] < 120, "x", "y")})
    gain = next_period_gain(table, numbers, spend, n_resamples=100, random_state=0).set_index(["outcome", "told_by"])
    for outcome in ("bought", "spend"):
        part = gain.loc[outcome]
        assert part.index.tolist() == [
            "nothing", "two numbers", "kind", "of days", "two numbers + kind", "two numbers + of days",
        ]  # fmt: skip
        assert part.loc["two numbers + kind", "verdict"] == "better"
        assert part.loc["two numbers", "verdict"] == "baseline"
        assert part.loc["nothing", "skill"] == 0
        assert part.loc["nothing", "verdict"] == "worse"
        assert part.loc["of days", "verdict"] == "worse"  # a part of the first number
        assert part.loc["two numbers + of days", "verdict"] == "no difference shown"
        assert (part["low"] <= part["difference"]).all()
        assert (part["difference"] <= part["high"]).all()


def test_segments_by_chance_tell_nothing(world):
    numbers, _, spend = world
    gain = next_period_gain(np.arange(len(spend)) % 4, numbers, spend, n_resamples=50, random_state=0)
    own = gain[gain["told_by"] == "segments"]
    assert (own["skill"] < 0.01).all()
    assert (own["verdict"] == "worse").all()


def test_a_third_number_is_called_so(world):
    numbers, kind, spend = (part[:400] for part in world)
    three = next_period_gain(kind, numbers.assign(total_spend=1.0), spend, n_splits=3, n_resamples=5, random_state=0)
    assert three["told_by"].tolist()[:4] == ["nothing", "three numbers", "segments", "three numbers + segments"]


def test_losses_are_scikit_learns():
    rng = np.random.default_rng(0)
    bought, p = rng.random(50) < 0.3, rng.uniform(0.05, 0.9, 50)
    spend, expected = np.where(bought, rng.gamma(2, 10, 50), 0.0), rng.uniform(1, 20, 50)
    share = lambda outcome, y, f: 1 - _losses(outcome, y, f).sum() / _losses(  # noqa: E731
        outcome, y, np.full(50, y.mean())
    ).sum()
    assert share("bought", bought * 1.0, p) == pytest.approx(d2_log_loss_score(bought, p))
    assert share("spend", spend, expected) == pytest.approx(d2_tweedie_score(spend, expected, power=1))


def test_a_forecast_does_not_see_the_customer_it_is_for():
    actual = np.arange(6.0)
    folds = [(np.arange(3, 6), np.arange(3)), (np.arange(3), np.arange(3, 6))]
    assert _forecast("spend", None, False, actual, folds).tolist() == [4, 4, 4, 1, 1, 1]


def test_it_repeats_and_returns_count_as_nothing(world):
    numbers, kind, spend = (part[:400] for part in world)
    one = next_period_gain(kind, numbers, spend, n_splits=3, n_resamples=20, random_state=3)
    two = next_period_gain(
        pd.Series(kind), numbers, np.where(spend == 0, -5.0, spend), n_splits=3, n_resamples=20, random_state=3
    )
    pd.testing.assert_frame_equal(one, two)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"segments": ["a"]}, "segments has 1 rows and next_spend 60"),
        ({"segments": [None] * 60}, "segments is missing in 60 of 60"),
        ({"segments": np.arange(60) % 3, "next_spend": np.zeros(60)}, "0 of 60 customers bought"),
        ({"next_spend": np.ones(60)}, "60 of 60 customers bought"),
        ({"next_spend": np.r_[np.nan, np.ones(59)]}, "1 missing or infinite"),
        ({"two_numbers": pd.DataFrame({"days": [np.nan] * 60})}, r"two_numbers \(days\) are NaN"),
        ({"bought": [True]}, "bought has shape"),
        ({"n_splits": 1}, "at least 2"),
        ({"n_splits": "a"}, "n_splits must be a whole number"),
        ({"level": "a"}, "level must be a share"),
        ({"segments": pd.DataFrame({"nothing": np.arange(60) % 2})}, "'nothing' would stand in the place of a rival"),
        ({"segments": pd.DataFrame({"one number": np.arange(60) % 2})}, "'one number' would stand in the place"),
    ],
)
def test_bad_input_is_refused_kindly(change, says):
    given = {
        "segments": np.arange(60) % 2, "two_numbers": pd.DataFrame({"days": np.arange(60.0)}),
        "next_spend": np.arange(60) % 2 * 5.0, "random_state": 0,
    } | change  # fmt: skip
    with pytest.raises(ValueError, match=says):
        next_period_gain(**given)
    many = given | {"segments": np.arange(300), "two_numbers": pd.DataFrame({"days": np.arange(300.0)}),
                    "next_spend": np.arange(300) % 2 * 5.0, "bought": None, "n_splits": 5, "level": 0.95}  # fmt: skip
    with pytest.raises(ValueError, match="300 segments"):
        next_period_gain(**many)
