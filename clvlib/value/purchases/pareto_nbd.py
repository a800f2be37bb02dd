"""Pareto/NBD: customers buy at a steady rate of their own and may leave for good at any moment.

Schmittlein, Morrison and Colombo (1987), "Counting your customers", Management Science 33(1); in the notation of Fader
and Hardie (2005), "A note on deriving the Pareto/NBD model and related expressions".
"""

from typing import ClassVar

import numpy as np
import pandas as pd

from clvlib.value.purchases._maximum_likelihood import Maximum, maximise
from clvlib.value.purchases._pareto_future import count_probabilities, departure_ages, discounted_time, expected_time
from clvlib.value.purchases._pareto_likelihood import ParetoLikelihood
from clvlib.value.purchases._ridge import direction
from clvlib.value.purchases._summary import Triples, distinct
from clvlib.value.purchases.purchase_model import PurchaseModel

__all__ = ["ParetoNBDModel"]

_MANY = 4000


class ParetoNBDModel(PurchaseModel):
    """Pareto/NBD: purchase rates are Gamma(r, alpha), rates of leaving Gamma(s, beta), over customers; independent.

    ``fit(summary)`` reads ``frequency``, ``recency`` and ``T`` as :func:`clvlib.rfm.rfm_summary` makes them.
    ``params_`` holds ``r``, ``alpha``, ``s``, ``beta``: on average r / alpha purchases a time unit, and half of the
    customers have left after beta (2^(1/s) - 1) time units. What it predicts is in :class:`PurchaseModel`; time runs
    continuously, so that a customer of whom nothing is heard may have left the day after the last purchase.

    >>> customers = pd.DataFrame({"frequency": [26.0, 0], "recency": [30.86, 0], "T": [31.0, 39]})
    >>> customers["time_unit_days"] = 7.0
    >>> model = ParetoNBDModel()
    >>> model.params_ = {"r": 0.5533, "alpha": 10.5777, "s": 0.6062, "beta": 11.6687}
    >>> model.expected_purchases(customers, horizon_days=364).round(2)
    array([25.46,  0.14])
    >>> model.probability_alive(customers).round(4)
    array([0.9979, 0.2943])
    """

    _symbols = ("r", "alpha", "s", "beta")
    _meaning: ClassVar = {
        "s down, beta down": "who leaves, leaves at once; the others never",
        "s up, beta up": "every customer leaves at the same rate, s / beta",
        "r up, alpha up": "every customer has the same purchase rate, r / alpha",
        "s down": "there is no dropout to be seen, the model is NBD",
        "beta down": "who leaves, leaves at once",
        "beta up": "there is no dropout to be seen, the model is NBD",
    }

    def _compiled(self, triples: Triples) -> ParetoLikelihood:
        return ParetoLikelihood(triples)

    def _direction(self, found: Maximum) -> str:
        # a large beta that may as well be a little smaller does not mean that anybody leaves at once
        at_once = found.params[3] < min(found.params[1], 1e4)
        meaning = {key: text for key, text in self._meaning.items() if at_once or "beta down" not in key}
        return direction(found, self._symbols, meaning)

    def _guesses(self, triples: Triples) -> list[np.ndarray]:
        customers, lived = triples.weight.sum(), max((triples.weight * triples.T).sum(), 1e-9)
        rate, age = max((triples.weight * triples.x).sum(), 0.5) / lived, lived / customers
        shapes = ((0.5, 1.3, 0.5, 0.33), (1.0, 1.0, 1.0, 10.0), (0.3, 3.0, 0.2, 0.1))
        guesses = [np.array([r, r / (more * rate), s, share * age]) for r, more, s, share in shapes]
        if len(triples.x) > _MANY:
            # the first steps are as good on few customers
            found = maximise(ParetoLikelihood(triples.sample(_MANY // 2)), guesses[0])
            if found.converged and found.flat is None:
                guesses[0] = found.params
        return guesses

    def simulate_individuals(self, summary: pd.DataFrame, *, random_state: int | np.random.Generator) -> pd.DataFrame:
        """What may each customer be like? One draw a row from the exact distribution given (x, t_x, T).

        Returns ``purchase_rate`` and ``dropout_rate`` (per time unit), ``dropout_age`` (age at which the customer left
        or will leave, in the time unit) and ``alive`` (whether that lies after T), one row a customer.

        Alive at T, the rates are Gamma(r + x, alpha + T) and Gamma(s, beta + T), independent of each other. Who left
        at w bought at Gamma(r + x, alpha + w) and left at Gamma(s + 1, beta + w), and w has a density proportional to
        (alpha + w)^-(r+x) (beta + w)^-(s+1) between t_x and T.
        """
        x, t_x, T = self._checked(summary)
        params, rng = self._parameters(), np.random.default_rng(random_state)
        r, alpha, s, beta = params
        alive = rng.random(len(x)) < self._alive(x, t_x, T)
        until, gone = T.copy(), ~alive
        until[gone] = departure_ages(params, x[gone], t_x[gone], T[gone], rng)
        rate = rng.standard_gamma(r + x) / (alpha + until)
        leaving = rng.standard_gamma(s + gone) / (beta + until)
        with np.errstate(divide="ignore", over="ignore"):  # a rate of leaving that is 0 to rounding: never
            until[alive] += rng.standard_exponential(int(alive.sum())) / leaving[alive]
        return pd.DataFrame({"purchase_rate": rate, "dropout_rate": leaving, "dropout_age": until, "alive": alive})

    def _alive(self, x: np.ndarray, t_x: np.ndarray, T: np.ndarray) -> np.ndarray:
        return _seen(x, t_x, T).probability_alive(self._parameters()).copy()

    def _probability_alive(self, x: np.ndarray, t_x: np.ndarray, T: np.ndarray) -> np.ndarray:
        return self._alive(x, t_x, T)

    def _expected_if_alive(self, x: np.ndarray, T: np.ndarray, t: float) -> np.ndarray:
        r, alpha, s, beta = self._parameters()
        return (r + x) / (alpha + T) * expected_time(s, beta + T, t)

    def _discounted_if_alive(self, x: np.ndarray, T: np.ndarray, t: float, delta: float) -> np.ndarray:
        r, alpha, s, beta = self._parameters()
        return (r + x) / (alpha + T) * discounted_time(s, beta + T, t, delta)

    def _counts_if_alive(self, x: np.ndarray, T: np.ndarray, t: float, max_count: int) -> np.ndarray:
        r, alpha, s, beta = self._parameters()
        return count_probabilities(r + x, alpha + T, s, beta + T, t, max_count)

    def _expected_new(self, t: np.ndarray) -> np.ndarray:
        r, alpha, s, beta = self._parameters()
        return r / alpha * expected_time(s, np.full(len(t), beta), t)

    def _counts_new(self, t: float, max_count: int) -> np.ndarray:
        nobody = np.zeros(1)
        return self._counts_if_alive(nobody, nobody, t, max_count)[0]

    def _draw_individuals(
        self, x: np.ndarray, t_x: np.ndarray, T: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        # alive at T, the rates are Gamma(r + x, alpha + T) and Gamma(s, beta + T), and independent
        r, alpha, s, beta = self._parameters()
        alive = rng.random(len(x)) < self._alive(x, t_x, T)
        rate = rng.standard_gamma(r + x) / (alpha + T)
        return np.where(alive, rate, 0.0), np.where(alive, _lifetimes(s, beta + T, rng), 0.0)

    def _draw_counts(
        self, x: np.ndarray, t_x: np.ndarray, T: np.ndarray, t: float, rng: np.random.Generator
    ) -> np.ndarray:
        rate, remaining = self._draw_individuals(x, t_x, T, rng)
        return rng.poisson(rate * np.minimum(remaining, t))

    def _draw_new(
        self, T: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        r, alpha, s, beta = self._parameters()
        rate, lifetime = rng.standard_gamma(r, len(T)) / alpha, _lifetimes(s, np.full(len(T), beta), rng)
        active = np.minimum(lifetime, T)
        x = rng.poisson(rate * active)
        # the last of x purchases that fall anywhere while active
        return x, active * np.where(x > 0, rng.beta(np.maximum(x, 1), 1), 0.0), lifetime > T, rate


class _Histories:
    """Rows of a summary with their distinct triples counted once, for as long as the same rows are asked for."""

    def __init__(self, x: np.ndarray, t_x: np.ndarray, T: np.ndarray) -> None:
        self.columns = (x.copy(), t_x.copy(), T.copy())
        triples, self.place = distinct(x, t_x, T)
        self.likelihood = ParetoLikelihood(Triples(*triples, np.ones(len(triples[0]))))
        self.params, self.alive = None, None

    def are(self, *columns: np.ndarray) -> bool:
        return all(np.array_equal(own, theirs) for own, theirs in zip(self.columns, columns, strict=True))

    def probability_alive(self, params: np.ndarray) -> np.ndarray:
        if self.params is None or not np.array_equal(params, self.params):
            self.alive, self.params = self.likelihood.probability_alive(params)[self.place], params
        return self.alive


#: The last rows asked for: simulations ask for the same thousands of times, with new parameters each time.
_last: list[_Histories] = []
_KEPT = 200_000


def _seen(x: np.ndarray, t_x: np.ndarray, T: np.ndarray) -> _Histories:
    for histories in tuple(_last):
        if histories.are(x, t_x, T):
            return histories
    histories = _Histories(x, t_x, T)
    if len(x) <= _KEPT:
        _last[:] = [histories]
    return histories


def _lifetimes(s: float, late: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Remaining lifetimes of alive customers: Pareto, by the inverse of its survival (late / (late + u))^s."""
    return late * np.expm1(np.minimum(rng.standard_exponential(len(late)) / s, 700.0))
