"""The purchases that are still to come: how many, how many in today's money, once per distinct (x, T)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clvlib.value.purchases._summary import distinct, names_of

if TYPE_CHECKING:
    from clvlib.value.purchases.gamma_gamma import GammaGammaModel
    from clvlib.value.purchases.purchase_model import PurchaseModel

__all__ = ["check_money", "customer_ids", "pairs", "purchases_to_come", "quantile_names", "spend_to_come"]


def purchases_to_come(
    model: PurchaseModel, summary: pd.DataFrame, horizon: float, rate: float, period_days: float | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probability alive, expected and discounted purchases, each of shape (n,).

    What an alive customer does depends on (x, T) alone, so it is computed once per distinct pair.
    """
    x, t_x, T, t = model._history(summary, horizon, endless=True)
    unit = model._unit(summary)
    delta = model._delta(rate, unit, t)
    (x_, T_), place = pairs(x, T, unit)
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


def spend_to_come(spend: GammaGammaModel, summary: pd.DataFrame) -> np.ndarray:
    """Expected amount of a purchase, currency, shape (n,). ValueError: infinite for some, as no value may be."""
    each = np.asarray(spend.expected_spend(summary), dtype=float)
    endless = ~np.isfinite(each)
    if endless.any():
        raise ValueError(
            f"expected_spend: infinite for {int(endless.sum()):,} of {len(each):,} customers, since the spend model's "
            f"q is {spend.params_['q']:.3g} and a mean needs q > 1: amounts have too heavy a tail; look at the largest"
        )
    return each


def customer_ids(summary: pd.DataFrame) -> dict[str, np.ndarray]:
    """The column ``customer_id`` for a result, or nothing where the summary has none."""
    return {"customer_id": np.asarray(summary["customer_id"])} if "customer_id" in names_of(summary) else {}


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


def pairs(x: np.ndarray, T: np.ndarray, unit: float) -> tuple[list[np.ndarray], np.ndarray]:
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


def check_money(margin_rate: float, annual_discount_rate: float) -> None:
    if not math.isfinite(margin_rate):
        raise ValueError(f"margin_rate must be a finite share of the amount, got {margin_rate}")
    if not math.isfinite(annual_discount_rate) or annual_discount_rate <= -1:
        raise ValueError(f"annual_discount_rate must be finite and above -1, got {annual_discount_rate}; 10 % is 0.10")


def quantile_names(what: str, level: float) -> tuple[str, str]:
    """The columns of an equal-tailed interval's ends.

    >>> quantile_names("clv", 0.9), quantile_names("clv", 0.95)
    (('clv_p05', 'clv_p95'), ('clv_p025', 'clv_p975'))
    """
    if not 0 < level < 1:
        raise ValueError(f"level is a share between 0 and 1, got {level}")
    ends = (50 * (1 - level), 50 * (1 + level))
    return tuple(f"{what}_p{f'{end:04.1f}'.removesuffix('.0').replace('.', '')}" for end in ends)
