"""What is a customer worth who has just come, and when has winning them paid?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
from scipy.optimize import brentq

from clvlib.value._to_come import check_money, purchases_to_come
from clvlib.value.discounting import DAYS_PER_YEAR

if TYPE_CHECKING:
    from clvlib.value.purchases.gamma_gamma import GammaGammaModel
    from clvlib.value.purchases.purchase_model import PurchaseModel

__all__ = ["NewCustomerValue", "expected_lifetime_value_new_customer"]

#: A payback is looked for within this time where the horizon is infinite.
_LONGEST_DAYS = 100 * DAYS_PER_YEAR


@dataclass(frozen=True)
class NewCustomerValue:
    """What a customer who has just come is expected to bring; money in the currency of ``monetary_value``.

    ``expected_purchases``: repeat purchases within the horizon (infinite horizon: inf where they have no end);
    ``discounted_purchases``: the same, each discounted from its day. ``expected_spend``: of one of them.
    ``clv``: margin on the first purchase and on all that follow, discounted, less ``acquisition_cost``.
    ``payback_days``: after how many days the expected discounted margin has covered the acquisition cost: 0 where the
    first purchase does it; None if never within the horizon.
    """

    horizon_days: float
    annual_discount_rate: float
    margin_rate: float
    acquisition_cost: float
    first_purchase_amount: float
    expected_purchases: float
    discounted_purchases: float
    expected_spend: float
    clv: float
    payback_days: float | None


def expected_lifetime_value_new_customer(
    *,
    purchases: PurchaseModel,
    spend: GammaGammaModel,
    horizon_days: float | None,
    annual_discount_rate: float,
    margin_rate: float,
    acquisition_cost: float = 0.0,
    first_purchase_amount: float = 0.0,
    time_unit_days: float | None = None,
) -> NewCustomerValue:
    """What is a new customer worth, and when has the cost of winning one come back?

    Parameters as :func:`clvlib.value.customer_lifetime_value`; today is the day of the first purchase.
    ``first_purchase_amount`` is what that one brings, in currency: the models speak of repeat purchases only, so it is
    0, and not counted, unless stated. ``time_unit_days``: needed where ``purchases`` has ``params_`` set by hand.

    ValueError: as :func:`clvlib.value.customer_lifetime_value`; a negative or infinite cost or first amount.

    >>> from clvlib.value import BetaGeoModel, GammaGammaModel
    >>> purchases, spend = BetaGeoModel(), GammaGammaModel()
    >>> purchases.params_ = dict(r=0.243, alpha=4.414, a=0.793, b=2.426)  # CDNOW, weeks
    >>> spend.params_ = dict(p=6.25, q=3.74, gamma=15.44)
    >>> value = expected_lifetime_value_new_customer(
    ...     purchases=purchases, spend=spend, horizon_days=365, annual_discount_rate=0.10, margin_rate=0.30,
    ...     acquisition_cost=12.0, first_purchase_amount=33.0, time_unit_days=7.0)
    >>> round(value.clv, 2), round(value.payback_days)
    (12.62, 29)
    """
    horizon = math.inf if horizon_days is None else float(horizon_days)
    check_money(margin_rate, annual_discount_rate)
    for name, amount in (("acquisition_cost", acquisition_cost), ("first_purchase_amount", first_purchase_amount)):
        if not math.isfinite(amount) or amount < 0:
            raise ValueError(f"{name} is an amount in currency, zero or more, got {amount}")
    newcomer = _newcomer(purchases, time_unit_days)
    each = float(spend.expected_spend_new_customer())

    def margin(days: float) -> float:
        _, _, discounted = purchases_to_come(purchases, newcomer, days, annual_discount_rate, None)
        return margin_rate * (first_purchase_amount + each * float(discounted[0]))

    _, expected, discounted = purchases_to_come(purchases, newcomer, horizon, annual_discount_rate, None)
    return NewCustomerValue(
        horizon_days=horizon,
        annual_discount_rate=annual_discount_rate,
        margin_rate=margin_rate,
        acquisition_cost=float(acquisition_cost),
        first_purchase_amount=float(first_purchase_amount),
        expected_purchases=float(expected[0]),
        discounted_purchases=float(discounted[0]),
        expected_spend=each,
        clv=margin(horizon) - acquisition_cost,
        payback_days=_payback(margin, acquisition_cost, min(horizon, _LONGEST_DAYS)),
    )


def _payback(margin, cost: float, longest: float) -> float | None:
    if margin(0.0) >= cost:
        return 0.0
    if margin(longest) < cost:
        return None
    return float(brentq(lambda days: margin(days) - cost, 0.0, longest, xtol=1e-6))


def _newcomer(purchases: PurchaseModel, time_unit_days: float | None) -> pd.DataFrame:
    """Somebody of whom nothing is known but that they have come: no repeat purchase, seen for no time."""
    row = {name: [0.0] for name in purchases._columns}
    unit = time_unit_days or purchases.time_unit_days_
    return pd.DataFrame(row | ({"time_unit_days": [float(unit)]} if unit else {}))
