"""What is each customer worth? Purchases to come, what each is worth, margin, and the time until it falls.

    clv = margin_rate * expected_spend * integral over (0, h) of exp(-delta t) dE[Y(t)]  -  acquisition_cost

with E[Y(t)] the expected purchases within t of a frequency model, expected_spend of a spend model independent of it
(Fader, Hardie & Lee 2005, "RFM and CLV", Journal of Marketing Research 42, equations 4 and 5), and
delta = log(1 + annual_discount_rate) / 365 a day. A purchase is discounted from the day on which it falls, not from the
end of some period; ``discount_period_days`` is there for comparison with tables that do that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from clvlib.value._summary import distinct
from clvlib.value.discounting import DAYS_PER_YEAR

if TYPE_CHECKING:
    from clvlib.value.gamma_gamma import GammaGammaModel
    from clvlib.value.purchase_model import PurchaseModel

__all__ = ["NewCustomerValue", "customer_lifetime_value", "expected_lifetime_value_new_customer"]

#: A payback is looked for within this time where the horizon is infinite.
_LONGEST_DAYS = 100 * DAYS_PER_YEAR


def customer_lifetime_value(
    summary: pd.DataFrame,
    *,
    purchases: PurchaseModel,
    spend: GammaGammaModel,
    horizon_days: float | None,
    annual_discount_rate: float,
    margin_rate: float,
    acquisition_cost: ArrayLike = 0.0,
    discount_period_days: float | None = None,
    n_draws: int = 0,
    level: float = 0.9,
    random_state: int | np.random.Generator | None = None,
) -> pd.DataFrame:
    """What is each customer's future worth today, in the currency of ``monetary_value``?

    Parameters
    ----------
    summary
        One row a customer, as :func:`clvlib.rfm.rfm_summary` gives it: ``frequency, recency, T, monetary_value,
        time_unit_days``; the day it ends with is "today".
    purchases, spend
        Fitted models of how often (:class:`~clvlib.value.BetaGeoModel`, …) and of how much
        (:class:`~clvlib.value.GammaGammaModel`). They are taken as independent: ``spend.correlation_`` says whether
        they are.
    horizon_days
        How far to look ahead, in days; ``None`` or ``math.inf``: for ever, which needs a positive discount rate.
    annual_discount_rate
        Per year, compounding: 0.10 makes 1.10 in a year worth 1 today.
    margin_rate
        Share of the amount that is left after cost.
    acquisition_cost
        In currency, subtracted; a number or shape (n_customers,). What was spent on customers who are already here is
        spent, so it is 0 unless the question is whether they were worth it.
    discount_period_days
        None discounts every purchase from when it falls (exact to quadrature, relative error below 1e-8). A length
        in days discounts it from the end of its period instead, as published tables do: ``365 / 12`` for months;
        this is too little by about half a period's interest.
    n_draws, level, random_state
        With ``n_draws`` above 0 also ``clv_p05`` and ``clv_p95``, the equal-tailed predictive interval by simulation
        (the names follow ``level``): see :func:`clvlib.value.predictive_intervals`.

    Returns
    -------
    DataFrame, in the summary's order: ``customer_id`` (where the summary has one), ``probability_alive``,
    ``expected_purchases`` and ``expected_amount`` (undiscounted; left out with an infinite horizon, where they may have
    no end), ``discounted_purchases``, ``expected_spend``, ``clv``, and the interval's ends.

    Raises
    ------
    ValueError
        As the models' predictions; a margin rate that is not finite; a cost that is negative or of another shape; an
        infinite horizon with ``discount_period_days``, with ``n_draws``, or with a rate of zero.

    Identities: at a rate of 0, ``clv = expected_purchases * expected_spend * margin_rate``.

    >>> from clvlib.value import BetaGeoModel, GammaGammaModel
    >>> purchases, spend = BetaGeoModel(), GammaGammaModel()
    >>> purchases.params_ = dict(r=0.243, alpha=4.414, a=0.793, b=2.426)  # CDNOW, weeks
    >>> spend.params_ = dict(p=6.25, q=3.74, gamma=15.44)
    >>> summary = pd.DataFrame({"customer_id": ["a"], "frequency": [2.0], "recency": [30.43], "T": [38.86],
    ...                         "monetary_value": [22.35], "time_unit_days": [7.0]})
    >>> value = customer_lifetime_value(summary, purchases=purchases, spend=spend, horizon_days=273,
    ...                                 annual_discount_rate=0.10, margin_rate=0.30)
    >>> value[["expected_purchases", "expected_spend", "expected_amount", "clv"]].round(2)
       expected_purchases  expected_spend  expected_amount   clv
    0                1.23           24.66            30.24  8.77
    """
    horizon = math.inf if horizon_days is None else float(horizon_days)
    _check_money(margin_rate, annual_discount_rate)
    cost = np.asarray(acquisition_cost, dtype=float)
    if cost.ndim > 1 or (cost.ndim and cost.shape != (len(summary),)) or not (np.isfinite(cost) & (cost >= 0)).all():
        raise ValueError(
            f"acquisition_cost is one cost, or one for each of the {len(summary)} rows, zero or more; got shape "
            f"{cost.shape}"
        )
    endless = math.isinf(horizon)
    if endless and (n_draws or discount_period_days is not None):
        raise ValueError(
            "horizon_days: an infinite horizon has no intervals and no discount periods here; state a finite one"
        )
    alive, expected, discounted = _purchases(purchases, summary, horizon, annual_discount_rate, discount_period_days)
    each = np.asarray(spend.expected_spend(summary), dtype=float)
    table = {"customer_id": summary["customer_id"].to_numpy()} if "customer_id" in summary else {}
    table |= {"probability_alive": alive}
    if not endless:
        table |= {"expected_purchases": expected}
    table |= {"discounted_purchases": discounted, "expected_spend": each}
    if not endless:
        table |= {"expected_amount": expected * each}
    clv = discounted * each
    clv *= margin_rate
    if cost.any():
        clv -= cost
    table |= {"clv": clv}
    if n_draws:
        from clvlib.value.predictive import discounted_intervals

        low, high = discounted_intervals(
            summary,
            purchases=purchases,
            spend=spend,
            horizon_days=horizon,
            annual_discount_rate=annual_discount_rate,
            n_draws=n_draws,
            level=level,
            random_state=random_state,
        )
        below, above = quantile_names("clv", level)
        ends = np.sort([margin_rate * low - cost, margin_rate * high - cost], axis=0)  # a margin may be negative
        table |= {below: ends[0], above: ends[1]}
    return pd.DataFrame(table, copy=False)


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

    Parameters as :func:`customer_lifetime_value`; today is the day of the first purchase. ``first_purchase_amount``
    is what that one brings, in currency: the models speak of repeat purchases only, so it is 0, and not counted,
    unless stated. ``time_unit_days``: needed where ``purchases`` has ``params_`` set by hand.

    ValueError: as :func:`customer_lifetime_value`; a negative or infinite cost or first amount.

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
    _check_money(margin_rate, annual_discount_rate)
    for name, amount in (("acquisition_cost", acquisition_cost), ("first_purchase_amount", first_purchase_amount)):
        if not math.isfinite(amount) or amount < 0:
            raise ValueError(f"{name} is an amount in currency, zero or more, got {amount}")
    newcomer = _newcomer(purchases, time_unit_days)
    each = float(spend.expected_spend_new_customer())

    def margin(days: float) -> float:
        _, _, discounted = _purchases(purchases, newcomer, days, annual_discount_rate, None)
        return margin_rate * (first_purchase_amount + each * float(discounted[0]))

    _, expected, discounted = _purchases(purchases, newcomer, horizon, annual_discount_rate, None)
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


def quantile_names(what: str, level: float) -> tuple[str, str]:
    """The columns of an equal-tailed interval's ends.

    >>> quantile_names("clv", 0.9), quantile_names("clv", 0.95)
    (('clv_p05', 'clv_p95'), ('clv_p025', 'clv_p975'))
    """
    if not 0 < level < 1:
        raise ValueError(f"level is a share between 0 and 1, got {level}")
    ends = (50 * (1 - level), 50 * (1 + level))
    return tuple(f"{what}_p{f'{end:04.1f}'.removesuffix('.0').replace('.', '')}" for end in ends)


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


def _purchases(
    model: PurchaseModel, summary: pd.DataFrame, horizon: float, rate: float, period_days: float | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probability alive, expected and discounted purchases, each of shape (n,).

    What an alive customer does depends on (x, T) alone, so it is computed once per distinct pair.
    """
    x, t_x, T, t = model._history(summary, horizon, endless=True)
    unit = model._unit(summary)
    delta = model._delta(rate, unit, t)
    (x_, T_), place = _pairs(x, T, unit)
    # cheaper row by row than finding distinct triples; a model for which it is not finds them itself
    alive = model._probability_alive(x, t_x, T)
    if math.isinf(t):
        expected = np.full(len(x_), math.inf)
        discounted = model._discounted_if_alive(x_, T_, t, delta)
    elif period_days is not None:
        expected = model._expected_if_alive(x_, T_, t)
        discounted = _at_period_ends(model, x_, T_, t, delta, period_days / unit, expected)
    else:
        expected = model._expected_if_alive(x_, T_, t)
        discounted = model._discounted_if_alive(x_, T_, t, delta) if delta else expected
    expected, discounted = expected[place], discounted[place] if discounted is not expected else None
    expected *= alive
    if discounted is None:
        return alive, expected, expected
    discounted *= alive
    return alive, expected, discounted


def _at_period_ends(
    model: PurchaseModel, x: np.ndarray, T: np.ndarray, t: float, delta: float, period: float, expected: np.ndarray
) -> np.ndarray:
    """Each period's purchases discounted from its end; the last period ends with the horizon."""
    if not math.isfinite(period) or period <= 0:
        raise ValueError(f"discount_period_days is a positive number of days, got {period}")
    total, before = np.zeros(len(x)), np.zeros(len(x))
    for end in np.arange(1, math.ceil(t / period - 1e-9)) * period:
        until = model._expected_if_alive(x, T, float(end))
        total += (until - before) * math.exp(-delta * end)
        before = until
    return total + (expected - before) * math.exp(-delta * t)


def _pairs(x: np.ndarray, T: np.ndarray, unit: float) -> tuple[list[np.ndarray], np.ndarray]:
    """Distinct (x, T) and each row's place among them; by a table of days where T is in whole days and it is small."""
    exact = T * unit
    days = np.rint(exact)
    span, most = int(days.max()) + 1, int(x.max()) + 1
    exact -= days
    if span * most > 4 * len(x) + 4096 or max(exact.max(), -exact.min()) > 1e-9 * span:
        return distinct(x, T)
    days += x * span
    key = days.astype(np.int32)
    seen = np.zeros(span * most, dtype=bool)
    seen[key] = True
    count, day = np.divmod(np.flatnonzero(seen), span)
    return [count.astype(float), day / unit], (np.cumsum(seen, dtype=np.int32) - 1)[key]


def _check_money(margin_rate: float, annual_discount_rate: float) -> None:
    if not math.isfinite(margin_rate):
        raise ValueError(f"margin_rate must be a finite share of the amount, got {margin_rate}")
    if not math.isfinite(annual_discount_rate) or annual_discount_rate <= -1:
        raise ValueError(f"annual_discount_rate must be finite and above -1, got {annual_discount_rate}; 10 % is 0.10")

