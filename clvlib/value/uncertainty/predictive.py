"""What will each customer spend, between which limits? Predictive intervals, by simulation.

Two things are not known: the parameters of the population, and what this customer will do even if they were. An
interval of the first kind alone says where a *mean* lies, and almost no customer spends it; a predictive interval has
both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clvlib.value._to_come import customer_ids, pairs, quantile_names, spend_to_come
from clvlib.value.discounting import DAYS_PER_YEAR
from clvlib.value.purchases._summary import column
from clvlib.value.uncertainty._exact_ends import money_quantiles
from clvlib.value.uncertainty._simulation import Simulation, laplace_draws, quantile_ranks

if TYPE_CHECKING:
    from clvlib.value.purchases.gamma_gamma import GammaGammaModel
    from clvlib.value.purchases.purchase_model import PurchaseModel

__all__ = ["PredictiveIntervals", "predictive_intervals", "predictive_quantiles"]

#: Customers whose draws are sorted at a time.
_SORTED = 1 << 16


@dataclass(frozen=True)
class PredictiveIntervals:
    """Equal-tailed predictive intervals of purchases and money within ``horizon_days``.

    ``customers``: one row a customer, in the summary's order: ``customer_id`` (where the summary has one),
    ``expected_purchases``, ``purchases_p05``, ``purchases_p95``, ``expected_amount``, ``amount_p05``, ``amount_p95``.
    ``total``: rows ``purchases`` and ``amount`` of all customers together, columns ``expected``, ``low``, ``high``. The
    names of the ends follow ``level``. ``note``: what the intervals do not know, or "". ``found["amount_p95"]`` is
    ``found.customers["amount_p95"]``.
    """

    customers: pd.DataFrame
    total: pd.DataFrame
    level: float
    horizon_days: float
    n_draws: int
    note: str

    def __getitem__(self, name: str) -> pd.Series:
        return self.customers[name]

    @property
    def purchases_ends(self) -> tuple[pd.Series, pd.Series]:
        """Lower and upper end of each customer's purchases, whatever their columns are called at this level."""
        return tuple(self.customers[name] for name in quantile_names("purchases", self.level))

    @property
    def amount_ends(self) -> tuple[pd.Series, pd.Series]:
        """Lower and upper end of each customer's amount, in currency."""
        return tuple(self.customers[name] for name in quantile_names("amount", self.level))


def predictive_intervals(
    summary: pd.DataFrame,
    *,
    purchases: PurchaseModel,
    spend: GammaGammaModel,
    horizon_days: float,
    level: float = 0.9,
    n_draws: int = 1000,
    random_state: int | np.random.Generator,
    parameter_uncertainty: bool = True,
    purchase_draws: pd.DataFrame | None = None,
    spend_draws: pd.DataFrame | None = None,
) -> PredictiveIntervals:
    """Between which limits will each customer's purchases and money lie, with probability ``level``?

    Every draw takes parameters of both models from what is known of them, gives each customer a rate of purchase, a
    lifetime and a mean spend from their distributions given the history, and lets them buy. An end is a quantile of the
    draws: the 5 % and the 95 % one for ``level`` 0.9, none interpolated, so that counts stay whole. Where a customer
    buys nothing with more than 5 %, the lower end is 0 and nothing lies below it: such an interval covers 95 %, not 90.

    Parameters
    ----------
    summary, purchases, spend
        As :func:`clvlib.value.customer_lifetime_value`.
    horizon_days
        From the end of the summary on; finite.
    n_draws
        Of the whole population. The ends of one customer are uncertain by chance: with 1,000 draws the 95 % end lies
        between the 93.6 and the 96.3 % quantile (two standard errors).
    parameter_uncertainty
        Draw parameters from the normal approximation around the fit, in logarithms (``covariance_``); False: take
        the fitted ones for certain.
    purchase_draws, spend_draws
        Instead, parameters to draw from, a row each: ``parameter_posterior(…).draws``.

    Raises
    ------
    ValueError
        As the models' predictions; a level outside (0, 1), an infinite horizon, no draws, draws of other parameters.

    ``total`` takes the model for right: there is no term in it for what moves all customers together (a season, a
    campaign, a model that is wrong), so its interval is the least that must be allowed for. CDNOW's 39 weeks brought
    more than its upper end, while nine customers in ten lie within their own.

    Time and memory grow with customers times draws; customers are worked off in chunks, so that memory stays below
    about 500 MB beside the table itself.
    """
    count_names, amount_names = quantile_names("purchases", level), quantile_names("amount", level)
    simulation, note = _simulation(
        summary, purchases, spend, horizon_days, 0.0, n_draws, random_state,
        parameter_uncertainty, purchase_draws, spend_draws,
    )  # fmt: skip
    n = len(simulation.x)
    ends = {name: np.empty(n) for name in (*count_names, *amount_names)}
    totals = np.zeros((2, n_draws))
    for rows, counts, amounts in simulation:
        totals += counts.sum(axis=1), amounts.sum(axis=1)
        for names, drawn in ((count_names, counts), (amount_names, amounts)):
            for name, end in zip(names, _ends(drawn, level), strict=True):
                ends[name][rows] = end
    expected = np.asarray(purchases.expected_purchases(summary, horizon_days), dtype=float)
    amount = expected * spend_to_come(spend, summary)
    table = customer_ids(summary)
    table |= {"expected_purchases": expected} | {name: ends[name] for name in count_names}
    table |= {"expected_amount": amount} | {name: ends[name] for name in amount_names}
    low, high = (np.sort(totals, axis=1)[:, rank] for rank in quantile_ranks(n_draws, level))
    total = pd.DataFrame(
        {"expected": [expected.sum(), amount.sum()], "low": low, "high": high}, index=["purchases", "amount"]
    )
    return PredictiveIntervals(pd.DataFrame(table), total, level, float(horizon_days), n_draws, note)


def predictive_quantiles(
    summary: pd.DataFrame,
    *,
    purchases: PurchaseModel,
    spend: GammaGammaModel,
    horizon_days: float,
    shares: Sequence[float] = (0.05, 0.95),
) -> np.ndarray:
    """Which amounts do customers stay below with the probabilities ``shares``? Currency, (len(shares), n_customers).

    The ends of :func:`predictive_intervals` as the exact quantiles of the models' distribution (to 0.1 %), at their
    fitted parameters: nothing is drawn, so that a million customers take seconds. Parameters being taken for certain
    hardly matters to a single customer; totals need :func:`predictive_intervals`.

    ValueError: as there; a share outside (0, 1).
    """
    if not all(0 < share < 1 for share in shares):
        raise ValueError(f"shares are probabilities between 0 and 1, got {tuple(shares)}")
    x, t_x, T, t = purchases._history(summary, horizon_days)
    alive = purchases._probability_alive(x, t_x, T)
    (x_, T_), place = pairs(x, T, purchases._unit(summary))
    ascending = np.argsort(x_, kind="stable")
    x_, T_, place = x_[ascending], T_[ascending], np.argsort(ascending)[place]
    p, q, gamma = spend._parameters()
    value = column(summary, "monetary_value")
    spend.expected_spend(summary)  # refuses what it cannot value
    found = money_quantiles(
        purchases, x_, T_, place, t, alive=alive, shape=q + p * x_, scale=gamma + x * np.maximum(value, 0.0), p=p,
        shares=tuple(shares),
    )  # fmt: skip
    unknown = (x > 0) & (value <= 0)
    if unknown.any():  # of their spend nothing is known, however often they bought
        found[:, unknown] = money_quantiles(
            purchases, x_, T_, place[unknown], t, alive=alive[unknown], shape=np.full(len(x_), q),
            scale=np.full(int(unknown.sum()), gamma), p=p, shares=tuple(shares),
        )  # fmt: skip
    return found


def discounted_intervals(
    summary: pd.DataFrame,
    *,
    purchases: PurchaseModel,
    spend: GammaGammaModel,
    horizon_days: float,
    annual_discount_rate: float,
    n_draws: int,
    level: float,
    random_state: int | np.random.Generator | None,
) -> tuple[np.ndarray, np.ndarray]:
    """The ends of each customer's discounted amount: each purchase from the day on which it falls. Shapes (n,)."""
    if random_state is None:
        raise ValueError("random_state is needed with n_draws, so that the same call gives the same intervals; say 0")
    quantile_names("clv", level)
    delta = math.log1p(annual_discount_rate) / DAYS_PER_YEAR
    simulation, _ = _simulation(
        summary, purchases, spend, horizon_days, delta, n_draws, random_state, True, None, None
    )
    low, high = np.empty((2, len(simulation.x)))
    for rows, _, amounts in simulation:
        low[rows], high[rows] = _ends(amounts, level)
    return low, high


def outcome_depths(
    summary: pd.DataFrame,
    outcome: np.ndarray,
    *,
    purchases: PurchaseModel,
    spend: GammaGammaModel,
    horizon_days: float,
    n_draws: int,
    random_state: int | np.random.Generator,
) -> np.ndarray:
    """How deep in its predictive distribution does each outcome lie? min(P(S <= y), P(S >= y)), shape (n,)."""
    simulation, _ = _simulation(
        summary, purchases, spend, horizon_days, 0.0, n_draws, random_state, True, None, None
    )
    depth = np.empty(len(outcome))
    for rows, _, amounts in simulation:
        at_most, at_least = (amounts <= outcome[rows]).mean(axis=0), (amounts >= outcome[rows]).mean(axis=0)
        depth[rows] = np.minimum(at_most, at_least)
    return depth


def _simulation(
    summary, purchases, spend, horizon_days, delta, n_draws, random_state, uncertain, purchase_draws, spend_draws
) -> tuple[Simulation, str]:
    rng = np.random.default_rng(random_state)
    note = ""
    if uncertain:
        purchase_draws = laplace_draws(purchases, n_draws, rng) if purchase_draws is None else purchase_draws
        spend_draws = laplace_draws(spend, n_draws, rng) if spend_draws is None else spend_draws
        drawn = ((purchases, purchase_draws), (spend, spend_draws))
        certain = [type(model).__name__ for model, draws in drawn if draws is None]
        if certain:
            note = f"the parameters of {' and '.join(certain)} are taken for certain: there is no covariance_"
    simulation = Simulation(
        summary,
        purchases=purchases,
        spend=spend,
        horizon_days=horizon_days,
        delta=delta,
        n_draws=n_draws,
        random_state=rng,
        purchase_draws=purchase_draws,
        spend_draws=spend_draws,
    )
    return simulation, note


def _ends(draws: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Quantiles of each column of ``draws``, (n_draws, n) -> two of shape (n,)."""
    ranks = quantile_ranks(len(draws), level)
    found = np.empty((2, draws.shape[1]))
    step = max(1, _SORTED * 64 // len(draws))
    for start in range(0, draws.shape[1], step):
        some = np.ascontiguousarray(draws[:, start : start + step].T)
        some.partition(sorted(set(ranks)), axis=1)
        found[:, start : start + step] = some[:, ranks].T
    return found[0], found[1]
