"""The honest profit of a chosen threshold, beside the one that it was chosen for."""

import numpy as np
import pytest

from clvlib.retention.acting.actions import Action
from clvlib.retention.acting.thresholds import best_threshold

COUPON = Action("coupon", assumed_effect=0.1, cost_per_contact=0.1, discount_per_return=1.0)
OPTIONS = {"value_per_return": 6.0, "n_resamples": 20}


def test_the_best_of_useless_forecasts_looks_like_a_profit_and_honestly_is_a_loss():
    # everybody comes back with 0.3, above the break-even of 0.267: treating anyone loses, whatever the forecast says
    found = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        found.append(best_threshold(rng.random(300), rng.random(300) < 0.3, COUPON, **OPTIONS, random_state=seed))
    assert np.mean([one.profit_per_customer for one in found]) > 0.003
    assert all(one.profit_per_customer >= 0 for one in found)
    assert np.mean([one.honest_profit for one in found]) < -0.003


def test_honest_profit_is_what_the_threshold_earns_from_new_customers_on_average():
    rng = np.random.default_rng(0)
    optimism, error = [], []
    quantiles = 1 - (1 - (np.arange(20_000) + 0.5) / 20_000) ** (1 / 3)  # of Beta(1, 3): the whole population
    worth = COUPON.profit(quantiles, value_per_return=6.0)
    for seed in range(300):
        p = rng.beta(1, 3, 400)
        found = best_threshold(
            p, rng.random(400) < p, COUPON, value_per_return=6.0, n_resamples=1, random_state=seed
        )  # fmt: skip
        earned = np.where(quantiles < found.threshold, worth, 0.0).mean()
        optimism.append(found.profit_per_customer - earned)
        error.append(found.honest_profit - earned)
    assert np.mean(optimism) > 5 * np.std(optimism) / np.sqrt(300)
    assert abs(np.mean(error)) < 3 * np.std(error) / np.sqrt(300)
    assert abs(np.mean(error)) < 0.3 * np.mean(optimism)


def test_the_honest_interval_holds_the_estimate_and_customers_stay_whole():
    rng = np.random.default_rng(1)
    p = np.repeat(rng.uniform(0, 1, 200), 10)
    outcome = np.repeat(rng.random(200) < p[::10], 10)
    options = {"value_per_return": 6.0, "random_state": 0, "n_resamples": 200}
    rows = best_threshold(p, outcome, COUPON, **options)
    whole = best_threshold(p, outcome, COUPON, groups=np.repeat(np.arange(200), 10), **options)
    for found in (rows, whole):
        assert found.honest_low < found.honest_profit < found.honest_high
    assert whole.honest_high - whole.honest_low > 2 * (rows.honest_high - rows.honest_low)
    # rows of one customer on both sides would give the outcome away
    assert whole.honest_profit < rows.honest_profit


def test_certain_gain_is_honest_and_one_customer_cannot_be_parted():
    cheap = Action("cheap", assumed_effect=0.5)
    sure = best_threshold([0.1, 0.2, 0.3, 0.3], [0, 0, 0, 0], cheap, **OPTIONS, random_state=0)
    assert sure.profit_per_customer == pytest.approx(3.0)
    assert sure.honest_profit == pytest.approx(3.0)
    alone = best_threshold([0.1, 0.2], [0, 1], cheap, groups=["a", "a"], **OPTIONS, random_state=0)
    assert np.isnan(alone.honest_profit)
    again = best_threshold([0.1, 0.2], [0, 1], cheap, groups=["a", "a"], **OPTIONS, random_state=0)
    assert (alone.threshold, alone.low, alone.high) == (again.threshold, again.low, again.high)


@pytest.mark.parametrize(
    ("change", "message"), [({"level": 95}, "level is a share"), ({"n_resamples": 0}, "at least 1")]
)
def test_wrong_options_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        best_threshold([0.1, 0.2], [0, 1], COUPON, **(OPTIONS | {"random_state": 0} | change))
