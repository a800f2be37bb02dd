"""What is each customer worth? Purchases to come, what each is worth, margin, and the time until it falls.

    clv = margin_rate * expected_spend * integral over (0, h) of exp(-delta t) dE[Y(t)]  -  acquisition_cost

with E[Y(t)] the expected purchases within t of a frequency model, expected_spend of a spend model independent of it
(Fader, Hardie & Lee 2005, "RFM and CLV", Journal of Marketing Research 42, equations 4 and 5), and
delta = log(1 + annual_discount_rate) / 365 a day. A purchase is discounted from the day on which it falls, not from the
end of some period; ``discount_period_days`` is there for comparison with tables that do that.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from clvlib.value._to_come import check_money, customer_ids, purchases_to_come, quantile_names, spend_to_come

if TYPE_CHECKING:
    from clvlib.value.purchases.gamma_gamma import GammaGammaModel
    from clvlib.value.purchases.purchase_model import PurchaseModel

__all__ = ["customer_lifetime_value"]


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
    check_money(margin_rate, annual_discount_rate)
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
    alive, expected, discounted = purchases_to_come(
        purchases, summary, horizon, annual_discount_rate, discount_period_days
    )
    each = spend_to_come(spend, summary)
    table = customer_ids(summary)
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
        from clvlib.value.uncertainty.predictive import discounted_intervals

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
