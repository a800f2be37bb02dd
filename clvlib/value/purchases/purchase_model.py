"""What the purchase models have in common: how often a customer buys, until, unseen, they stop.

A model tells two things of a customer with x repeat purchases, the last at age t_x, seen until age T: the probability
that they are still a customer, and how they go on *if* they are. In all of them the second depends on (x, T) alone,
so a prediction is

    P(alive | x, t_x, T) * (what an alive customer with (x, T) does),

the first factor being computed once per distinct triple, the second once per distinct pair.
"""

import math
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from clvlib.value.purchases._fitted_model import FittedModel, NotFittedError
from clvlib.value.purchases._maximum_likelihood import FitWarning, Likelihood
from clvlib.value.purchases._summary import (
    Triples,
    check_history,
    column,
    compress,
    distinct,
    read_weights,
    time_unit_of,
)

__all__ = ["FitWarning", "FittedModel", "Likelihood", "NotFittedError", "PurchaseModel"]

_DAYS_PER_YEAR = 365.0
#: A fit to more histories than this begins where the fit to a sample of them ended.
_SAMPLED = 40_000


class PurchaseModel(FittedModel):
    """Base of the models of purchase counts: reading a summary, units of time, predictions from their two factors.

    What ``fit`` sets is listed in :class:`~clvlib.value.purchases._fitted_model.FittedModel`; where the likelihood has
    no proper maximum it says so in ``boundary_`` and a :class:`FitWarning`. ``params_`` set by hand predict as well.

    A subclass states ``_symbols`` (parameters), ``_columns`` (those that are x, t_x and T) and, for arrays of distinct
    histories and times in the model's time unit,

    ``_compiled(triples)``              the :class:`Likelihood` of counted histories, which keeps them as ``triples``
    ``_guesses(triples)``               starting points; the second and later ones are for ridges
    ``_probability_alive(x, t_x, T)``   shape (n,)
    ``_expected_if_alive(x, T, t)``     purchases within t, shape (n,); also ``_counts_if_alive``,
                                        ``_discounted_if_alive`` (t may be infinite there)
    ``_expected_new(t)``                the same for who has just made a first purchase; also ``_counts_new``
    ``_draw_individuals``, ``_draw_counts``, ``_draw_new``   simulation
    """

    _columns: ClassVar[tuple[str, str, str]] = ("frequency", "recency", "T")

    def expected_purchases(self, summary: pd.DataFrame, horizon_days: float) -> np.ndarray:
        """How many purchases is each customer expected to make within ``horizon_days`` after calibration?

        ``E[Y(t) | x, t_x, T]``, in purchase periods, shape (n_customers,), in the summary's order.
        ValueError: a horizon that is negative or not finite, an unknown or another time unit, a bad summary.
        """
        x, t_x, T, t = self._history(summary, horizon_days)
        (x_, T_), place = distinct(x, T)
        return self._alive(x, t_x, T) * self._expected_if_alive(x_, T_, t)[place]

    def probability_alive(self, summary: pd.DataFrame) -> np.ndarray:
        """How probable is it that each customer is still one at the end of calibration? Shape (n_customers,)."""
        x, t_x, T = self._checked(summary)
        return self._alive(x, t_x, T)

    def expected_purchases_new_customer(self, horizon_days: ArrayLike) -> float | np.ndarray:
        """How many repeat purchases is a new customer expected to make within ``horizon_days`` of the first one?

        ``E[X(t)]``, a float for a number, an array for an array of horizons.
        """
        self._parameters()
        t = self._in_units(horizon_days, self._unit())
        found = self._expected_new(np.atleast_1d(t).ravel()).reshape(np.shape(t))
        return float(found) if found.ndim == 0 else found

    def count_distribution(self, summary: pd.DataFrame, horizon_days: float, *, max_count: int) -> np.ndarray:
        """With which probabilities does each customer make 0, 1, …, ``max_count`` purchases within ``horizon_days``?

        Shape (n_customers, max_count + 1); what is missing to 1 lies above ``max_count``.
        """
        _check_max_count(max_count)
        x, t_x, T, t = self._history(summary, horizon_days)
        (x_, T_), place = distinct(x, T)
        alive = self._alive(x, t_x, T)[:, None]
        counts = alive * self._counts_if_alive(x_, T_, t, max_count)[place]
        counts[:, 0] += 1 - alive[:, 0]
        return counts

    def count_distribution_new_customer(self, horizon_days: float, *, max_count: int) -> np.ndarray:
        """With which probabilities does a new customer make 0, 1, …, ``max_count`` repeat purchases in that time?"""
        _check_max_count(max_count)
        self._parameters()
        return self._counts_new(float(self._in_units(horizon_days, self._unit())), max_count)

    def discounted_expected_purchases(
        self, summary: pd.DataFrame, horizon_days: float, *, annual_discount_rate: float
    ) -> np.ndarray:
        """How many purchases within ``horizon_days`` (may be infinite), each discounted from when it falls to today?

        Continuous discounting at delta = ln(1 + ``annual_discount_rate``) / 365 a day. Shape (n_customers,).
        ValueError: a rate of -100 % or less; an infinite horizon with a rate of zero or less.
        """
        x, t_x, T, t = self._history(summary, horizon_days, endless=True)
        delta = self._delta(annual_discount_rate, self._unit(summary), t)
        (x_, T_), place = distinct(x, T)
        return self._alive(x, t_x, T) * self._discounted_if_alive(x_, T_, t, delta)[place]

    def discounted_residual_purchases(self, summary: pd.DataFrame, *, annual_discount_rate: float) -> np.ndarray:
        """Discounted expected residual purchases (DERT): all purchases still to come, discounted. Shape (n_customers,).

        Fader, Hardie and Lee (2005), RFM and CLV: Journal of Marketing Research 42, equation (5), for Pareto/NBD.
        """
        return self.discounted_expected_purchases(summary, math.inf, annual_discount_rate=annual_discount_rate)

    def simulate(
        self, summary: pd.DataFrame, horizon_days: float, *, n_draws: int, random_state: int | np.random.Generator
    ) -> np.ndarray:
        """Purchases of each customer within ``horizon_days``, drawn ``n_draws`` times: ints, (n_draws, n_customers).

        Each draw gives every customer a purchase rate and a lifetime from their distribution given (x, t_x, T), and
        then purchases: the spread has both what is not known of the customer and chance.
        """
        x, t_x, T, t = self._history(summary, horizon_days)
        rng = np.random.default_rng(random_state)
        return np.stack([self._draw_counts(x, t_x, T, t, rng) for _ in range(n_draws)])

    def simulate_new_customers(
        self, n_customers: int, *, days: ArrayLike, random_state: int | np.random.Generator
    ) -> pd.DataFrame:
        """What would a summary of customers look like who buy and leave as the model says?

        days: age of each at the end of calibration, a number or shape (n_customers,). Returns ``customer_id``,
        ``frequency``, ``recency``, ``T``, ``time_unit_days`` as :func:`clvlib.rfm.rfm_summary`, and the truth:
        ``alive`` at the end and ``purchase_rate`` while alive, in purchases a time unit. Time is continuous here.
        """
        self._parameters()
        unit = self._unit()
        T = np.broadcast_to(self._in_units(days, unit), (n_customers,)).astype(float)
        x, t_x, alive, rate = self._draw_new(T, np.random.default_rng(random_state))
        return pd.DataFrame(
            {
                "customer_id": np.arange(n_customers).astype(str),
                self._columns[0]: x.astype(float),
                self._columns[1]: t_x,
                self._columns[2]: T,
                "time_unit_days": unit,
                "alive": alive,
                "purchase_rate": rate,
            }
        )

    # what subclasses say

    def _compiled(self, triples: Triples) -> Likelihood:
        raise NotImplementedError

    def _guesses(self, triples: Triples) -> list[np.ndarray]:
        raise NotImplementedError

    def _probability_alive(self, x: np.ndarray, t_x: np.ndarray, T: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def _expected_if_alive(self, x: np.ndarray, T: np.ndarray, t: float) -> np.ndarray:
        raise NotImplementedError

    def _counts_if_alive(self, x: np.ndarray, T: np.ndarray, t: float, max_count: int) -> np.ndarray:
        raise NotImplementedError

    def _discounted_if_alive(self, x: np.ndarray, T: np.ndarray, t: float, delta: float) -> np.ndarray:
        raise NotImplementedError

    def _expected_new(self, t: np.ndarray) -> np.ndarray:
        """Shape (n_horizons,) -> (n_horizons,)."""
        raise NotImplementedError

    def _counts_new(self, t: float, max_count: int) -> np.ndarray:
        raise NotImplementedError

    def _draw_individuals(
        self, x: np.ndarray, t_x: np.ndarray, T: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """One draw of (purchase rate, what ends it) a customer, from their distribution given the history.

        The second is the remaining lifetime in the time unit where dropout is an event in time (Pareto/NBD: 0 for who
        has left, inf for who never will), the number of purchases still to be made where it follows a purchase
        (BG/NBD, MBG/NBD).
        """
        raise NotImplementedError

    def _draw_new(
        self, T: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Histories of new customers seen until T: frequency, recency, whether alive at T, purchase rate."""
        raise NotImplementedError

    def _draw_counts(
        self, x: np.ndarray, t_x: np.ndarray, T: np.ndarray, t: float, rng: np.random.Generator
    ) -> np.ndarray:
        """Purchase counts within t, shape (n,), ints."""
        raise NotImplementedError

    # what they need not know

    def _likelihood(self, summary: pd.DataFrame, weights: ArrayLike | None) -> Likelihood:
        return self._compiled(self._read(summary, weights))

    def _starts(self, summary: pd.DataFrame, weights: ArrayLike | None, likelihood: Likelihood) -> list[np.ndarray]:
        triples = likelihood.triples
        guesses = self._guesses(triples)
        if len(triples.x) > _SAMPLED:
            found = self._search(self._compiled(triples.sample(_SAMPLED // 2)), guesses)
            if found.flat is None:
                guesses.insert(0, found.params)
        return guesses

    def _read(self, summary: pd.DataFrame, weights: ArrayLike | None) -> Triples:
        x, t_x, T = (column(summary, name) for name in self._columns)
        check_history(x, t_x, T, self._columns)
        found = read_weights(weights, len(x))
        if found is not None:
            x, t_x, T, found = (values[found > 0] for values in (x, t_x, T, found))
        return compress(x, t_x, T, found, time_unit_of(summary))

    def _history(
        self, summary: pd.DataFrame, horizon_days: float, *, endless: bool = False
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """The checked columns and the horizon in the time unit."""
        x, t_x, T = self._checked(summary)
        if np.ndim(horizon_days):
            raise ValueError(f"horizon_days is one number for all customers, got shape {np.shape(horizon_days)}")
        if endless and horizon_days == math.inf:
            return x, t_x, T, math.inf
        return x, t_x, T, float(self._in_units(horizon_days, self._unit(summary)))

    def _checked(self, summary: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        self._parameters()
        x, t_x, T = (column(summary, name) for name in self._columns)
        check_history(x, t_x, T, self._columns)
        self._same_unit(summary)
        return x, t_x, T

    def _alive(self, x: np.ndarray, t_x: np.ndarray, T: np.ndarray) -> np.ndarray:
        (x_, t_x_, T_), place = distinct(x, t_x, T)
        return self._probability_alive(x_, t_x_, T_)[place]

    def _same_unit(self, summary: pd.DataFrame) -> float | None:
        """The time unit in days of summary and model. ValueError where they differ; None where neither has one."""
        theirs, own = time_unit_of(summary), self.time_unit_days_
        if theirs and own and not math.isclose(theirs, own, rel_tol=1e-9):
            raise ValueError(
                f"time_unit_days: the summary's unit is {theirs:g} days, the model's {own:g}; "
                "make the summary with the time_unit the model was fitted on"
            )
        return theirs or own

    def _unit(self, summary: pd.DataFrame | None = None) -> float:
        unit = self.time_unit_days_ if summary is None else self._same_unit(summary)
        if not unit:
            raise ValueError(
                "the length of the time unit is not known, so horizon_days cannot be converted; state it: "
                "summary.assign(time_unit_days=7.0) for weeks, before fit; or model.time_unit_days_ = 7.0"
            )
        return unit

    @staticmethod
    def _in_units(horizon_days: ArrayLike, unit: float) -> np.ndarray:
        days = np.asarray(horizon_days)
        if days.dtype.kind not in "iuf" or not (np.isfinite(days) & (days >= 0)).all():
            raise ValueError(f"horizon_days must be a finite number of days, zero or more, got {horizon_days!r}")
        return days / unit

    @staticmethod
    def _delta(annual_discount_rate: float, unit: float, t: float) -> float:
        if not math.isfinite(annual_discount_rate) or annual_discount_rate <= -1:
            raise ValueError(
                f"annual_discount_rate must be finite and above -1, got {annual_discount_rate}; 10 % is 0.10"
            )
        if math.isinf(t) and annual_discount_rate <= 0:
            raise ValueError(
                f"annual_discount_rate: without discounting an infinite horizon has no value, got "
                f"{annual_discount_rate}; state a positive rate or a finite horizon_days"
            )
        return math.log1p(annual_discount_rate) * unit / _DAYS_PER_YEAR


def _check_max_count(max_count: int) -> None:
    if max_count != int(max_count) or max_count < 0:
        raise ValueError(f"max_count is the largest count asked for, a whole number from 0 on, got {max_count}")
