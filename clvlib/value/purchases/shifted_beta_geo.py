"""sBG: customers under contract, who at every renewal stay or leave with a probability of their own.

Fader and Hardie (2007), "How to project customer retention", Journal of Interactive Marketing 21(1); values of
remaining lifetimes from Fader and Hardie (2010), "Customer-base valuation in a contractual setting", Marketing Science
29(1).
"""

import math
from typing import ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from clvlib.value.purchases._fitted_model import FittedModel
from clvlib.value.purchases._maximum_likelihood import Likelihood, Maximum
from clvlib.value.purchases._ridge import direction
from clvlib.value.purchases._staying import discounted_stays, share_staying
from clvlib.value.purchases._summary import column, refuse

__all__ = ["ShiftedBetaGeoModel"]

_DAYS_PER_YEAR = 365.0


class ShiftedBetaGeoModel(FittedModel):
    """sBG: of customers who renew a contract period by period, how many are left, and what are they still worth?

    At each renewal a customer leaves with a probability theta that never changes; over customers theta ~ Beta(alpha,
    beta). The retention rate of a cohort rises with its age, r_t = (beta + t - 1) / (alpha + beta + t - 1), although
    nobody becomes more loyal: who leaves easily has left.

    ``fit(table)`` reads one row a period, ``period`` (0 for when all were acquired, then 1, 2, … for the renewals) and
    ``survivors`` (how many were under contract after it). Survivors may be given as shares of the first row: then how
    sure the parameters are depends on ``n_customers``, how many there were; without it standard errors are nan.

    >>> high_end = [1000, 869, 743, 653, 593, 551, 517, 491]  # Fader and Hardie (2007), seven years
    >>> model = ShiftedBetaGeoModel().fit(pd.DataFrame({"period": range(8), "survivors": high_end}))
    >>> {symbol: round(value, 3) for symbol, value in model.params_.items()}
    {'alpha': 0.668, 'beta': 3.806}
    >>> model.survival([8, 12]).round(3), model.retention_rate([1, 12]).round(3)
    (array([0.46 , 0.378]), array([0.851, 0.957]))
    """

    _symbols = ("alpha", "beta")
    _meaning: ClassVar = {
        "alpha up, beta up": "every customer leaves with the same probability, alpha / (alpha + beta)",
        "alpha down, beta down": "who leaves, leaves at the first renewal; the others never",
    }

    def __init__(self, *, n_customers: float | None = None) -> None:
        self.n_customers = n_customers

    def survival(self, periods: ArrayLike) -> float | np.ndarray:
        """Which share of a cohort is still under contract after ``periods`` renewals? S(t); 1 at 0.

        periods: whole numbers from 0 on, a number or an array; a float or an array accordingly (in all methods).
        """
        return self._at(periods, 0, lambda alpha, beta, table, t: table[t])

    def retention_rate(self, periods: ArrayLike) -> float | np.ndarray:
        """Which share of those left renews at renewal 1, 2, …? r_t = S(t) / S(t-1)."""
        return self._at(periods, 1, lambda alpha, beta, table, t: (beta + t - 1) / (alpha + beta + t - 1))

    def churn_probability(self, periods: ArrayLike) -> float | np.ndarray:
        """Which share of the cohort leaves at renewal 1, 2, …? P(T = t)."""
        return self._at(periods, 1, lambda alpha, beta, table, t: table[t - 1] * alpha / (alpha + beta + t - 1))

    def discounted_residual_lifetime(
        self, periods: ArrayLike, *, annual_discount_rate: float, time_unit_days: float | None = None
    ) -> float | np.ndarray:
        """How many payments is a customer of that age expected to make yet, discounted to today?

        periods: the renewal the customer faces, 1, 2, …, having paid ``periods`` times; a payment is made at each
        renewal, the first of them now, undiscounted, with probability r_t (DERL of 2010). ``periods`` 0:
        a customer just being acquired, whose certain first payment counts (DEL).

        ValueError: a rate of zero or less, an unknown length of the period (``time_unit_days``).

        >>> model = ShiftedBetaGeoModel()
        >>> model.params_ = {"alpha": 0.668, "beta": 3.806}
        >>> model.discounted_residual_lifetime([0, 1, 4], annual_discount_rate=0.10, time_unit_days=365).round(2)
        array([5.92, 5.41, 6.62])
        """
        delta = self._delta(annual_discount_rate, time_unit_days)

        def value(alpha: float, beta: float, table: np.ndarray, t: np.ndarray) -> np.ndarray:
            # who has renewed t - 1 times leaves at each renewal with a probability ~ Beta(alpha, beta + t - 1)
            distinct, place = np.unique(t, return_inverse=True)
            late = beta + np.maximum(distinct, 1) - 1
            yet = late / (alpha + late) * discounted_stays(alpha, late + 1, delta, math.inf)
            # the first payment of a new customer is certain, the others come a period later
            return np.where(distinct == 0, 1 + math.exp(-delta) * yet, yet)[place]

        return self._at(periods, 0, value)

    def discounted_lifetime(self, *, annual_discount_rate: float, time_unit_days: float | None = None) -> float:
        """How many payments is a new customer expected to make, the first one now, discounted? DEL of 2010."""
        return self.discounted_residual_lifetime(
            0, annual_discount_rate=annual_discount_rate, time_unit_days=time_unit_days
        )

    def fit(self, table: pd.DataFrame, *, weights: ArrayLike | None = None) -> Self:
        """Maximise the likelihood of the table; ``weights`` are not taken, since its rows are not customers.

        FitWarning: as all models. ValueError: a missing column, periods that are not 0, 1, 2, …, survivors that
        rise or are negative, nobody at period 0, no renewal.
        """
        if weights is not None:
            raise ValueError("weights: a row is a period and not a customer; state how many there were in n_customers=")
        return super().fit(table)

    def _likelihood(self, table: pd.DataFrame, weights: ArrayLike | None) -> Likelihood:
        period, survivors = column(table, "period"), column(table, "survivors")
        order = np.argsort(period, kind="stable")
        period, survivors = period[order], survivors[order]
        if len(period) < 2:
            raise ValueError(f"period: {len(period)} rows; at least period 0 and the first renewal, 1, are needed")
        if period[0] != 0:
            raise ValueError(
                f"period: the first is {period[0]:g}; add a row with period 0 and as survivors how many were acquired"
            )
        remedy = "each period from 0 on is wanted once, without gaps"
        refuse("period", period, period != np.arange(len(period)), "out of turn", remedy)
        refuse("survivors", survivors, survivors < 0, "negative", "they are counted")
        rises = np.append(False, np.diff(survivors) > 1e-9 * survivors[0])
        refuse("survivors", survivors, rises, "above those of the period before", "who has left a cohort stays away")
        if survivors[0] == 0:
            raise ValueError("survivors: nobody was there at period 0; at least one customer is needed")
        self._shares = self.n_customers is None and survivors[0] <= 1 and len(np.unique(survivors)) > 1
        scale = 1.0
        if self.n_customers is not None:
            scale = self.n_customers / survivors[0]
        elif self._shares:
            scale = _MANY
        return _SurvivorLikelihood(survivors * scale)

    def _starts(self, table: pd.DataFrame, weights: ArrayLike | None, likelihood: Likelihood) -> list[np.ndarray]:
        left = 1 - likelihood.survivors[1] / likelihood.survivors[0]
        share = min(max(left, 0.01), 0.99)
        return [np.array([share, 1 - share]) * size for size in (2.0, 20.0)]

    def _kept(self, likelihood: Likelihood) -> None:
        if self._shares:
            self._keep_covariance(np.full((2, 2), np.nan))
            self.log_likelihood_, self.n_customers_ = self.log_likelihood_ / _MANY, 1

    def _direction(self, found: Maximum) -> str:
        extreme = np.abs(np.log(found.params[0] / found.params[1])) > 12
        note = "nobody leaves" if found.params[0] < found.params[1] else "everybody leaves at the first renewal"
        ways = ("alpha up", "alpha down", "beta up", "beta down")
        return direction(found, self._symbols, dict.fromkeys(ways, note) if extreme else self._meaning)

    def _options(self) -> dict:
        return {"n_customers": self.n_customers}

    def _at(self, periods: ArrayLike, first: int, value) -> float | np.ndarray:
        alpha, beta = self._parameters()
        given = np.asarray(periods, dtype=float)
        t = np.atleast_1d(given).ravel()
        if not (np.isfinite(t) & (t >= first) & (np.rint(t) == t)).all():
            raise ValueError(f"periods are whole numbers from {first} on, got {periods}")
        t = t.astype(np.int64)
        table = share_staying(alpha, np.array([beta]), int(t.max(initial=0)))[0]
        found = np.asarray(value(alpha, beta, table, t), dtype=float).reshape(given.shape)
        return float(found) if found.ndim == 0 else found

    def _delta(self, annual_discount_rate: float, time_unit_days: float | None) -> float:
        unit = time_unit_days or self.time_unit_days_
        if not unit or not math.isfinite(unit) or unit <= 0:
            raise ValueError(
                "the length of a period is not known, so that the annual rate cannot be converted; state "
                "time_unit_days=365 for yearly renewals, or give the fitted table a column time_unit_days"
            )
        if not math.isfinite(annual_discount_rate) or annual_discount_rate <= 0:
            raise ValueError(f"annual_discount_rate is above 0 and finite, got {annual_discount_rate}; 10 % is 0.10")
        return math.log1p(annual_discount_rate) * unit / _DAYS_PER_YEAR


#: Shares are fitted as if of so many customers: enough that rounding of the engine's tolerances does not matter.
_MANY = 1e4


class _SurvivorLikelihood(Likelihood):
    """At each renewal j = 0, 1, …, who faces it brings 1 / (alpha+beta+j), who leaves alpha, who stays beta + j."""

    def __init__(self, survivors: np.ndarray) -> None:
        self.survivors = survivors
        self.weight = float(survivors[0])
        self.faced, self.stayed, self.left = survivors[:-1], survivors[1:], survivors[0] - survivors[-1]

    def gradient(self, params: np.ndarray) -> tuple[float, np.ndarray]:
        return self.hessian(params)[:2]

    def hessian(self, params: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        alpha, beta = params
        late = beta + np.arange(len(self.faced))
        both = alpha + late
        value = self.left * math.log(alpha) + self.stayed @ np.log(late) - self.faced @ np.log(both)
        slope, bend = self.faced @ (1 / both), self.faced @ (1 / both**2)
        gradient = np.array([self.left / alpha - slope, self.stayed @ (1 / late) - slope])
        hessian = np.array([[bend - self.left / alpha**2, bend], [bend, bend - self.stayed @ (1 / late**2)]])
        return float(value), gradient, hessian
