"""BG/BB: at each of a row of opportunities a customer who is still one buys or does not.

Fader, Hardie and Shang (2010), "Customer-base analysis in a discrete-time noncontractual setting", Marketing Science
29(6).
"""

from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from clvlib.value.purchases._beta_geo_beta_binom_likelihood import BetaGeoBetaBinomLikelihood
from clvlib.value.purchases._maximum_likelihood import Maximum
from clvlib.value.purchases._ridge import direction
from clvlib.value.purchases._staying import discounted_stays, share_staying
from clvlib.value.purchases._summary import Triples, refuse
from clvlib.value.purchases.purchase_model import PurchaseModel

__all__ = ["BetaGeoBetaBinomModel"]


class BetaGeoBetaBinomModel(PurchaseModel):
    """BG/BB: where purchases can only fall at certain moments, one a season, who will still buy, and how often?

    At each opportunity a customer first leaves for good with a probability theta, and if still there buys with a
    probability p; over customers p ~ Beta(alpha, beta), theta ~ Beta(gamma, delta), independent.

    The summary has ``frequency`` (opportunities taken), ``recency`` (the number of the last one taken, 0 for none) and
    ``n_opportunities`` (how many there were), all whole numbers. One opportunity is one time unit: a summary of yearly
    donations has ``time_unit_days`` 365, and of a horizon the whole opportunities count.

    ``probability_alive`` is that of still being there at the next opportunity, n + 1, as in the paper's Table 6.
    ``discounted_residual_purchases`` discounts the next opportunity by one period, the one after by two, and so on
    (the paper's DERT).

    >>> donors = pd.DataFrame({"frequency": [0, 2, 6], "recency": [0, 4, 6], "n_opportunities": 6})
    >>> donors["time_unit_days"] = 365
    >>> model = BetaGeoBetaBinomModel()
    >>> model.params_ = {"alpha": 1.204, "beta": 0.750, "gamma": 0.657, "delta": 2.783}
    >>> model.probability_alive(donors).round(2)
    array([0.11, 0.59, 0.93])
    >>> model.expected_purchases(donors, horizon_days=5 * 365).round(2)
    array([0.07, 1.06, 3.75])
    """

    _symbols = ("alpha", "beta", "gamma", "delta")
    _columns = ("frequency", "recency", "n_opportunities")
    _meaning: ClassVar = {
        "alpha up, beta up": "every customer buys with the same probability, alpha / (alpha + beta)",
        "gamma up, delta up": "every customer leaves with the same probability, gamma / (gamma + delta)",
        "alpha down, beta down": "customers buy at every opportunity or at none",
        "gamma down, delta down": "who leaves, leaves at once; the others never",
        "gamma down": "there is no dropout to be seen",
        "delta up": "there is no dropout to be seen",
    }

    def _compiled(self, triples: Triples) -> BetaGeoBetaBinomLikelihood:
        return BetaGeoBetaBinomLikelihood(triples)

    def _direction(self, found: Maximum) -> str:
        # a large delta that may as well be a little smaller does not mean that anybody leaves at once
        at_once = found.params[3] < 1
        meaning = {key: text for key, text in self._meaning.items() if at_once or "delta down" not in key}
        return direction(found, self._symbols, meaning)

    def _guesses(self, triples: Triples) -> list[np.ndarray]:
        return [np.array(guess) for guess in ((1.0, 1.0, 1.0, 3.0), (0.5, 2.0, 0.5, 10.0), (2.0, 1.0, 0.2, 1.0))]

    def _probability_alive(self, x: np.ndarray, t_x: np.ndarray, T: np.ndarray) -> np.ndarray:
        params = self._parameters()
        _, _, gamma, delta = params
        still = BetaGeoBetaBinomLikelihood(Triples(x, t_x, T, np.ones(len(x)))).probability_alive(params)
        return np.minimum(still, 1.0) * (delta + T) / (gamma + delta + T)

    # alive at opportunity n + 1, p is Beta(alpha + x, beta + n - x) and theta Beta(gamma, delta + n + 1)

    def _expected_if_alive(self, x: np.ndarray, T: np.ndarray, t: float) -> np.ndarray:
        return self._discounted_if_alive(x, T, t, 0.0)

    def _discounted_if_alive(self, x: np.ndarray, T: np.ndarray, t: float, delta: float) -> np.ndarray:
        alpha, beta, gamma, late = self._parameters()
        distinct, place = np.unique(T, return_inverse=True)
        stays = discounted_stays(gamma, late + distinct + 1, delta, _whole(t))
        return np.exp(-delta) * (alpha + x) / (alpha + beta + T) * stays[place]

    def _counts_if_alive(self, x: np.ndarray, T: np.ndarray, t: float, max_count: int) -> np.ndarray:
        alpha, beta, gamma, delta = self._parameters()
        a, b, n = alpha + x, beta + T - x, int(_whole(t))
        found = np.zeros((len(x), max_count + 1))
        if n == 0:
            found[:, 0] = 1
            return found
        stays = share_staying(gamma, delta + T + 1, n - 1)
        leaves = np.append(stays[:, :-1] - stays[:, 1:], stays[:, -1:], axis=1)
        # purchases at the first j opportunities: beta-binomial, from those at the first j - 1
        counts, k = np.zeros_like(found), np.arange(max_count + 1)
        counts[:, 0] = 1
        for j in range(n):
            missed = np.maximum(b[:, None] + j - k, 0.0) * counts
            bought = (a[:, None] + k) * counts
            counts = missed
            counts[:, 1:] += bought[:, :-1]
            counts /= (a + b + j)[:, None]
            found += leaves[:, j, None] * counts
        return found

    def _expected_new(self, t: np.ndarray) -> np.ndarray:
        alpha, beta, gamma, delta = self._parameters()
        stays = np.array([discounted_stays(gamma, np.array([delta + 1]), 0.0, n)[0] for n in _whole(t)])
        return alpha / (alpha + beta) * delta / (gamma + delta) * stays

    def _counts_new(self, t: float, max_count: int) -> np.ndarray:
        _, _, gamma, delta = self._parameters()
        stays, nobody = delta / (gamma + delta), np.zeros(1)
        counts = stays * self._counts_if_alive(nobody, nobody, t, max_count)[0]
        counts[0] += 1 - stays
        return counts

    def _draw_counts(
        self, x: np.ndarray, t_x: np.ndarray, T: np.ndarray, t: float, rng: np.random.Generator
    ) -> np.ndarray:
        alpha, beta, gamma, delta = self._parameters()
        alive = rng.random(len(x)) < self._alive(x, t_x, T)
        chances = np.where(alive, 1 + _passed(rng.beta(gamma, delta + T + 1), rng), 0.0)
        return rng.binomial(np.minimum(chances, _whole(t)).astype(np.int64), rng.beta(alpha + x, beta + T - x))

    def _draw_new(
        self, T: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        alpha, beta, gamma, delta = self._parameters()
        n = _whole(T)
        p, passed = rng.beta(alpha, beta, len(T)), _passed(rng.beta(gamma, delta, len(T)), rng)
        x, t_x = np.zeros(len(T)), np.zeros(len(T))
        for opportunity in range(1, int(n.max(initial=0)) + 1):
            buys = (opportunity <= np.minimum(passed, n)) & (rng.random(len(T)) < p)
            x += buys
            t_x[buys] = opportunity
        return x, t_x, passed > n, p

    def simulate_new_customers(
        self, n_customers: int, *, days: ArrayLike, random_state: int | np.random.Generator
    ) -> pd.DataFrame:
        """As :meth:`PurchaseModel.simulate_new_customers`; ``purchase_rate`` is the probability at an opportunity."""
        table = super().simulate_new_customers(n_customers, days=days, random_state=random_state)
        table["n_opportunities"] = _whole(table["n_opportunities"].to_numpy())
        return table

    def _read(self, summary: pd.DataFrame, weights: ArrayLike | None) -> Triples:
        triples = super()._read(summary, weights)
        _check_opportunities(*triples[:3])
        return triples

    def _checked(self, summary: pd.DataFrame):
        found = super()._checked(summary)
        _check_opportunities(*found)
        return found


def _check_opportunities(x: np.ndarray, t_x: np.ndarray, n: np.ndarray) -> None:
    for name, values in (("n_opportunities", n), ("recency", t_x)):
        refuse(name, values, np.rint(values) != values, "fractional", "it counts opportunities to buy")
    refuse("frequency", x, x > t_x, "above recency", "at most one purchase is counted an opportunity")


def _whole(t: ArrayLike) -> np.ndarray:
    """The opportunities that lie within t, none lost to rounding."""
    return np.floor(np.asarray(t, dtype=float) + 1e-9)


def _passed(theta: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """How many opportunities a customer passes before leaving at one, with probability theta at each."""
    never = 2.0**53
    fall = np.log1p(-np.minimum(theta, 1 - 1e-16))
    waits = rng.standard_exponential(len(theta))
    return np.where(-fall * never > waits, np.floor(waits / np.where(fall < 0, -fall, 1)), never)
