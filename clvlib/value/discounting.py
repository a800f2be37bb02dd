"""What are future payments worth today? Present value with every convention said aloud.

Three things change a discounted value and are left unsaid in most formulas: the rate's period, whether a payment
falls at the beginning or at the end of its period, and whether it is revenue or margin. Here each is an argument.

    PV = sum over t of  margin_rate * cash_flow_t * survival_t / (1 + rate_per_period)^t  -  acquisition_cost

with t = 1, 2, … for payments at the end of their periods, t = 0, 1, … at the beginning
(document 001, section 4.1, is the case margin_rate 1, survival 1, acquisition_cost 0, end of period).
Source of the infinite horizon: Gupta & Lehmann, Managing Customers as Investments (2005), margin multiple.
"""

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.optimize import brentq

__all__ = [
    "DAYS_PER_YEAR",
    "annual_rate",
    "cash_flow_table",
    "discount_factors",
    "implied_rate",
    "margin_multiple",
    "payback_period",
    "period_rate",
    "present_value",
]

#: A year of the house, in days; a month of it is a twelfth, 30.4167 days.
DAYS_PER_YEAR = 365.0

Timing = Literal["end", "beginning"]


def period_rate(annual_rate: float, *, period_days: float) -> float:
    """Which rate per period compounds to ``annual_rate`` in a year?

    annual_rate: per year, above -1. period_days: length of a period in days; a month is ``365 / 12``.

    ValueError: a rate of -100 % or less, a period that is not positive.

    >>> print(f"{period_rate(0.10, period_days=365 / 12):.4%} a month")
    0.7974% a month
    """
    _check_rate(annual_rate)
    _check_period(period_days)
    return float(np.expm1(np.log1p(annual_rate) * period_days / DAYS_PER_YEAR))


def annual_rate(rate_per_period: float, *, period_days: float) -> float:
    """What does a rate per period come to in a year? The inverse of :func:`period_rate`.

    >>> print(f"{annual_rate(0.10, period_days=365 / 12):.1%} a year")
    213.8% a year
    """
    _check_rate(rate_per_period)
    _check_period(period_days)
    return float(np.expm1(np.log1p(rate_per_period) * DAYS_PER_YEAR / period_days))


def discount_factors(n_periods: int, *, rate_per_period: float, timing: Timing = "end") -> np.ndarray:
    """What is one unit of money in each of ``n_periods`` periods worth today? Shape (n_periods,), no unit.

    >>> discount_factors(3, rate_per_period=0.10).round(4)
    array([0.9091, 0.8264, 0.7513])
    >>> discount_factors(3, rate_per_period=0.10, timing="beginning").round(4)
    array([1.    , 0.9091, 0.8264])
    """
    _check_rate(rate_per_period)
    return (1 + rate_per_period) ** -(np.arange(n_periods) + _first_exponent(timing))


def present_value(cash_flows: ArrayLike, *, rate_per_period: float, timing: Timing = "end") -> float:
    """What is a series of payments worth today, in the payments' currency?

    cash_flows: shape (n_periods,), in currency, the first one in the first period.

    ValueError: no payments, a NaN or infinite one, a rate of -100 % or less, an unknown timing.

    >>> round(present_value([100, 50, 20], rate_per_period=0.10), 4)
    147.2577
    >>> round(present_value([100, 50, 20], rate_per_period=0.10, timing="beginning"), 4)
    161.9835
    """
    flows = _cash_flows(cash_flows)
    return float(flows @ discount_factors(len(flows), rate_per_period=rate_per_period, timing=timing))


def cash_flow_table(
    cash_flows: ArrayLike,
    *,
    rate_per_period: float,
    timing: Timing = "end",
    margin_rate: float = 1.0,
    survival: ArrayLike | None = None,
    acquisition_cost: float = 0.0,
) -> pd.DataFrame:
    """How does the value of a customer build up, period by period?

    cash_flows: shape (n_periods,), revenue in currency. margin_rate: share of revenue that is left after cost.
    survival: shape (n_periods,), the probability that the customer is still there when the payment falls due;
    it cannot rise. acquisition_cost: in currency, paid today, before the first period.

    Returns one row a period: ``period`` (1, 2, …), ``cash_flow``, ``margin``, ``survival``, ``discount_factor``,
    ``present_value`` (the three multiplied) and ``cumulative_value`` (running sum less the acquisition cost), money
    in the cash flows' currency. The last ``cumulative_value`` is the customer's value.

    ValueError: as :func:`present_value`; a survival of another length, outside 0 to 1, or rising; a negative
    acquisition cost.

    >>> table = cash_flow_table([100, 50, 20], rate_per_period=0.10, margin_rate=0.3, acquisition_cost=40)
    >>> table[["period", "margin", "present_value", "cumulative_value"]].round(2)
       period  margin  present_value  cumulative_value
    0       1    30.0          27.27            -12.73
    1       2    15.0          12.40             -0.33
    2       3     6.0           4.51              4.18
    """
    flows = _cash_flows(cash_flows)
    if not np.isfinite(margin_rate):
        raise ValueError(f"margin_rate must be a finite share of revenue, got {margin_rate}")
    if not np.isfinite(acquisition_cost) or acquisition_cost < 0:
        raise ValueError(f"acquisition_cost is a cost in currency, zero or more, got {acquisition_cost}")
    stays = np.ones(len(flows)) if survival is None else _survival(survival, len(flows))
    factors = discount_factors(len(flows), rate_per_period=rate_per_period, timing=timing)
    value = margin_rate * flows * stays * factors
    return pd.DataFrame(
        {
            "period": np.arange(1, len(flows) + 1),
            "cash_flow": flows,
            "margin": margin_rate * flows,
            "survival": stays,
            "discount_factor": factors,
            "present_value": value,
            "cumulative_value": np.cumsum(value) - acquisition_cost,
        }
    )


def payback_period(table: pd.DataFrame) -> int | None:
    """In which period has a customer earned back what it cost? None if not within the table.

    table: from :func:`cash_flow_table`. The first period from which ``cumulative_value`` stays at zero or above, so
    that a later refund is not overlooked.

    >>> payback_period(cash_flow_table([100, 50, 20], rate_per_period=0.10, margin_rate=0.3, acquisition_cost=40))
    3
    """
    # a cent's billionth of rounding must not move a payback by a whole period
    below = table["cumulative_value"].to_numpy() < -1e-9
    if below[-1]:
        return None
    first = np.flatnonzero(below)[-1] + 1 if below.any() else 0
    return int(table["period"].iloc[first])


def implied_rate(cash_flows: ArrayLike, value: float, *, timing: Timing = "end") -> float:
    """At which rate per period would these payments be worth ``value`` today?

    cash_flows: shape (n_periods,), in currency, none negative, so that there is exactly one answer.

    ValueError: no rate between -99 % and +10,000 % a period gives ``value``.

    >>> print(f"{implied_rate([100, 50, 20], 145.45):.2%} a period")
    10.92% a period
    """
    flows = _cash_flows(cash_flows)
    if (flows < 0).any():
        raise ValueError(f"{int((flows < 0).sum())} of {len(flows)} cash flows are negative: the rate is not unique")

    def gap(rate: float) -> float:
        return present_value(flows, rate_per_period=rate, timing=timing) - value

    if not np.isfinite(value) or gap(-0.99) * gap(100.0) > 0:
        raise ValueError(f"no rate between -99 % and 10,000 % a period makes these payments worth {value}")
    return float(brentq(gap, -0.99, 100.0, xtol=1e-14))


def margin_multiple(
    retention_rate: ArrayLike, *, rate_per_period: ArrayLike, timing: Timing = "end"
) -> float | np.ndarray:
    """With a constant margin and a constant retention rate for ever, how many periods' margins is a customer worth?

    ``r / (1 + i - r)`` for margins at the end of each period a customer stays, the first one a period from now
    (Gupta & Lehmann 2005); with ``timing="beginning"`` today's margin comes first: ``(1 + i) / (1 + i - r)``, which
    is one more. Arguments broadcast; a float for two floats.

    retention_rate: share of customers kept from one period to the next, 0 to 1.
    rate_per_period: per the same period, above -1.

    ValueError: a retention rate outside 0 to 1, or one at which the sum does not end (r >= 1 + i).

    >>> round(margin_multiple(0.80, rate_per_period=0.12), 2)
    2.5
    """
    r, i = np.broadcast_arrays(np.asarray(retention_rate, float), np.asarray(rate_per_period, float))
    for rate in i.flat:
        _check_rate(float(rate))
    if not ((r >= 0) & (r <= 1)).all():
        raise ValueError(f"retention_rate is a share between 0 and 1, got {retention_rate}")
    if (r >= 1 + i).any():
        raise ValueError("with retention_rate >= 1 + rate_per_period the sum has no end; state a finite horizon")
    multiple = (r if _first_exponent(timing) else 1 + i) / (1 + i - r)
    return float(multiple) if multiple.ndim == 0 else multiple


def _first_exponent(timing: str) -> int:
    if timing not in ("end", "beginning"):
        raise ValueError(f'timing is "end" or "beginning" of the period, got {timing!r}')
    return 1 if timing == "end" else 0


def _check_rate(rate: float) -> None:
    if not np.isfinite(rate) or rate <= -1:
        raise ValueError(f"a discount rate must be finite and above -1 (-100 %), got {rate}; 10 % is 0.10")


def _check_period(period_days: float) -> None:
    if not np.isfinite(period_days) or period_days <= 0:
        raise ValueError(f"period_days must be a positive number of days, got {period_days}")


def _cash_flows(cash_flows: ArrayLike) -> np.ndarray:
    flows = np.asarray(cash_flows, dtype=float)
    if flows.ndim != 1 or not len(flows):
        raise ValueError(f"cash_flows must be one series with at least one payment, got shape {flows.shape}")
    if not np.isfinite(flows).all():
        raise ValueError(f"{int((~np.isfinite(flows)).sum())} of {len(flows)} cash flows are NaN or infinite")
    return flows


def _survival(survival: ArrayLike, n_periods: int) -> np.ndarray:
    stays = np.asarray(survival, dtype=float)
    if stays.shape != (n_periods,):
        raise ValueError(f"survival has shape {stays.shape} for {n_periods} cash flows; give one share a period")
    if not ((stays >= 0) & (stays <= 1)).all() or (np.diff(stays) > 1e-12).any():
        raise ValueError("survival must lie between 0 and 1 and cannot rise: who has left stays away")
    return stays
