"""The zero-inflated log-normal loss of Wang, Liu & Miao (2019): its digits, its gradient, and what it learns."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit

from clvlib.value import ZILNRegressor, zero_inflated_lognormal_loss, zero_inflated_lognormal_mean

LOGITS = [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]
LABELS = [0.0, 1.5]


def test_loss_and_mean_match_google_lifetime_value_unit_test():
    """google/lifetime_value, zero_inflated_lognormal_test.py: inputs from there, expectations by scipy."""
    assert zero_inflated_lognormal_loss(LABELS, LOGITS) == pytest.approx([0.74439666, 1.87837259], abs=1e-8)
    assert zero_inflated_lognormal_mean(LOGITS) == pytest.approx([0.92363785, 1.69075533], abs=1e-8)


def test_the_loss_is_scipys_likelihood_everywhere():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (500, 3))
    y = np.where(rng.random(500) < 0.5, rng.lognormal(2, 2, 500), 0.0)
    p, scale = expit(logits[:, 0]), np.maximum(np.logaddexp(0, logits[:, 2]), np.sqrt(1e-7))
    density = stats.lognorm.logpdf(np.where(y > 0, y, 1.0), s=scale, scale=np.exp(logits[:, 1]))
    expected = -np.where(y > 0, np.log(p) + density, np.log1p(-p))
    np.testing.assert_allclose(zero_inflated_lognormal_loss(y, logits), expected, rtol=1e-9, atol=1e-9)


def test_the_same_function_is_a_keras_loss_with_a_finite_gradient_at_zero():
    import tensorflow as tf

    logits, labels = tf.constant(LOGITS), tf.constant([[0.0], [1.5]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = zero_inflated_lognormal_loss(labels, logits)
    assert loss.shape == (2,)
    assert loss.numpy() == pytest.approx([0.74439666, 1.87837259], abs=1e-6)
    gradient = tape.gradient(loss, logits).numpy()
    step = 1e-5
    for i in range(2):
        for j in range(3):
            up, down = np.array(LOGITS), np.array(LOGITS)
            up[i, j], down[i, j] = up[i, j] + step, down[i, j] - step
            ends = [zero_inflated_lognormal_loss(LABELS, z)[i] for z in (up, down)]
            assert gradient[i, j] == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=1e-5)
    assert gradient[0, 1:].tolist() == [0.0, 0.0], "who spends nothing says nothing of how much"


@pytest.mark.parametrize("extreme", [-500.0, 500.0])
def test_extreme_logits_give_no_nan(extreme):
    loss = zero_inflated_lognormal_loss([0.0, 1e6], np.full((2, 3), extreme))
    assert np.isfinite(loss).all()


def test_amounts_below_zero_count_as_none_and_shapes_are_checked():
    assert (
        zero_inflated_lognormal_loss([-5.0, 1.5], LOGITS).tolist()
        == zero_inflated_lognormal_loss(LABELS, LOGITS).tolist()
    )
    assert zero_inflated_lognormal_loss([[0.0], [1.5]], LOGITS).shape == (2,)
    with pytest.raises(ValueError, match=r"shape \(2, 2\)"):
        zero_inflated_lognormal_loss(LABELS, [[0.1, 0.2], [0.3, 0.4]])


@pytest.fixture(scope="module")
def simulated():
    """1,500 customers whose chance and amount depend on x; the truth is known."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1500, 2))
    p, location = expit(x[:, 0] - 0.5), 3 + 0.8 * x[:, 1]
    y = np.where(rng.random(1500) < p, np.exp(location + 0.5 * rng.normal(size=1500)), 0.0)
    return x, y, p * np.exp(location + 0.125), p


@pytest.fixture(scope="module")
def fitted(simulated):
    x, y, _, _ = simulated
    return ZILNRegressor(hidden=(16,), n_epochs=40, learning_rate=0.01, random_state=1).fit(x, y)


def test_it_recovers_a_simulation_in_total_in_order_and_in_its_chances(simulated, fitted):
    x, y, truth, p = simulated
    told = fitted.predict(x)
    assert told.sum() / y.sum() == pytest.approx(1.0, abs=0.1)
    assert stats.spearmanr(told, truth)[0] > 0.97
    assert np.abs(fitted.probability(x) - p).mean() < 0.06


def test_quantiles_cover_and_rise(simulated, fitted):
    x, y, _, _ = simulated
    low, middle, high = (fitted.quantile(x, q) for q in (0.05, 0.5, 0.95))
    assert (low <= middle).all()
    assert (middle <= high).all()
    assert 0.88 < np.mean((y >= low) & (y <= high)) <= 1.0
    assert (middle[fitted.probability(x) < 0.5] == 0).all()
    logits = fitted.logits(x[:1])[0]
    q = 1 - expit(logits[0]) / 2  # the median of the amount, given that there is one
    assert fitted.quantile(x[:1], float(q))[0] == pytest.approx(np.exp(logits[1]))
    with pytest.raises(ValueError, match="between 0 and 1"):
        fitted.quantile(x, 1.0)


def test_the_same_state_gives_the_same_numbers_and_seeds_nothing_global(simulated):
    x, y, _, _ = simulated
    np.random.seed(5)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    option = {"hidden": (4,), "n_epochs": 2}
    once, again, other = (ZILNRegressor(random_state=s, **option).fit(x, y).predict(x) for s in (3, 3, 4))
    assert (once == again).all()
    assert (once != other).any()
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


def test_gaps_in_features_are_filled_and_said(simulated):
    x, y, _, _ = simulated
    holes = x.copy()
    holes[::3, 0] = np.nan
    told = ZILNRegressor(hidden=(4,), n_epochs=2).fit(holes, y).predict(holes)
    assert np.isfinite(told).all()


def test_bad_input(simulated):
    x, y, _, _ = simulated
    with pytest.raises(ValueError, match="only 0 of 1500 amounts are above 0"):
        ZILNRegressor().fit(x, np.zeros(len(y)))
    with pytest.raises(ValueError, match="1 of 1500 amounts are NaN"):
        ZILNRegressor().fit(x, np.r_[np.nan, y[1:]])


def test_everybody_spends_and_all_the_same_is_no_error():
    x = np.linspace(0, 1, 60)[:, None]
    model = ZILNRegressor(hidden=(4,), n_epochs=3, patience=0).fit(x, np.full(60, 20.0))
    assert np.isfinite(model.predict(x)).all()
    assert model.predict(x).mean() == pytest.approx(20.0, rel=0.2)


def test_it_is_a_contender_of_its_own():
    rng = np.random.default_rng(0)
    lines = pd.DataFrame(
        {
            "customer_id": rng.integers(0, 80, 900),
            "timestamp": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, 900), unit="D"),
            "amount": rng.gamma(2, 10, 900),
        }
    )
    model = ZILNRegressor(hidden=(4,), n_epochs=2)
    told = model.fit_predict(lines, cut="2024-09-01", horizon_days=60)
    assert list(told.columns) == ["customer_id", "expected_amount", "amount_p05", "amount_p95"]
    assert told.notna().all(axis=None)
    assert not hasattr(model, "network_"), "the contender fits a copy of itself"
