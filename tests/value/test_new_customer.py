"""A new customer: worth what the models say of a first purchase's successors, paid back when the margin has come in."""

import math

import pytest

from clvlib.value import (
    BetaGeoModel,
    GammaGammaModel,
    ModifiedBetaGeoModel,
    NBDModel,
    ParetoNBDModel,
    expected_lifetime_value_new_customer,
)

CASES = {
    BetaGeoModel: {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426},
    ModifiedBetaGeoModel: {"r": 0.525, "alpha": 6.183, "a": 0.891, "b": 1.614},
    NBDModel: {"r": 0.385, "alpha": 12.07},
    ParetoNBDModel: {"r": 0.553, "alpha": 10.578, "s": 0.606, "beta": 11.669},
}


def made(kind, params):
    model = kind()
    model.params_ = dict(params)
    return model


BG = made(BetaGeoModel, CASES[BetaGeoModel])
SPEND = made(GammaGammaModel, {"p": 6.25, "q": 3.74, "gamma": 15.44})


def new(model=BG, **changes):
    arguments = {"horizon_days": 365, "annual_discount_rate": 0.10, "margin_rate": 0.3, "time_unit_days": 7.0}
    return expected_lifetime_value_new_customer(purchases=model, spend=SPEND, **(arguments | changes))


@pytest.mark.parametrize("kind", CASES)
def test_a_new_customer_is_worth_what_simulated_ones_spend(kind):
    model = made(kind, CASES[kind])
    model.time_unit_days_ = 7.0
    found = new(model, margin_rate=1.0, annual_discount_rate=0.0)
    assert found.expected_purchases == pytest.approx(model.expected_purchases_new_customer(365), rel=1e-9)
    assert found.clv == pytest.approx(found.expected_purchases * SPEND.expected_spend_new_customer(), rel=1e-9)


def test_payback_is_the_day_on_which_the_margin_has_come_in():
    found = new(acquisition_cost=12.0, first_purchase_amount=33.0)
    assert 0 < found.payback_days < 365
    until = new(horizon_days=found.payback_days, first_purchase_amount=33.0)
    assert until.clv == pytest.approx(12.0, abs=1e-6)


def test_payback_may_be_at_once_or_never():
    assert new(acquisition_cost=9.9, first_purchase_amount=33.0).payback_days == 0  # 30 % of 33
    assert new(acquisition_cost=500.0).payback_days is None
    forever = new(acquisition_cost=500.0, horizon_days=None)
    assert forever.payback_days is None
    assert forever.expected_purchases == math.inf
    assert forever.clv < 0


def test_a_new_customer_can_wait_for_ever():
    forever, long = new(horizon_days=None), new(horizon_days=365 * 300)
    assert forever.clv == pytest.approx(long.clv, rel=1e-6)
    assert forever.clv > new().clv


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"first_purchase_amount": -1.0}, "first_purchase_amount"),
        ({"acquisition_cost": math.inf}, "acquisition_cost"),
        ({"time_unit_days": None}, "time unit"),
    ],
)
def test_what_a_new_customer_cannot_be_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        new(**changes)
