"""What BG/NBD and MBG/NBD share: all but whether a customer may leave straight after the first purchase."""

from typing import ClassVar

import numpy as np

from clvlib.value.purchases._beta_geo_likelihood import BetaGeoLikelihood
from clvlib.value.purchases._beta_geo_process import (
    count_probabilities,
    discounted_purchases,
    draw_counts,
    draw_purchases_left,
    mean_purchases,
)
from clvlib.value.purchases._summary import Triples
from clvlib.value.purchases.purchase_model import PurchaseModel

__all__ = ["BetaGeoFamily"]

#: Where a search for r, a and b begins, and goes on if it ends on a ridge.
_SHAPES = (
    (0.5, 0.8, 2.5), (1.0, 1.0, 50.0), (0.3, 0.1, 0.5), (1.0, 1.0, 1.0), (5.0, 0.3, 0.3), (0.1, 5.0, 5.0),
    (5.0, 3.0, 1.0), (0.05, 0.02, 2.0),
)  # fmt: skip
#: Customers worked on at once, so that what that takes stays in the cache.
_PIECE = 1 << 14


class BetaGeoFamily(PurchaseModel):
    """Purchase rates ~ Gamma(r, alpha), probabilities to leave after a purchase ~ Beta(a, b)."""

    _symbols = ("r", "alpha", "a", "b")
    #: Chances to leave before the first repeat purchase: 0 (BG/NBD) or 1 (MBG/NBD).
    _first_chance: ClassVar[int]
    _meaning: ClassVar = {
        "a down, b down": "a share a / (a + b) of customers leaves at the first chance, the others never",
        "a down": "there is no dropout to be seen, the model is NBD",
        "a up, b up": "every customer has the same probability of leaving after a purchase, a / (a + b)",
        "b up": "dropout cannot be told from none",
        "r up, alpha up": "every customer has the same purchase rate, r / alpha",
    }

    def _compiled(self, triples: Triples) -> BetaGeoLikelihood:
        return BetaGeoLikelihood(triples, first_chance=self._first_chance)

    def _guesses(self, triples: Triples) -> list[np.ndarray]:
        rate = max((triples.weight * triples.x).sum(), 0.5) / max((triples.weight * triples.T).sum(), 1e-9)
        return [np.array([r, r / (1.3 * rate), a, b]) for r, a, b in _SHAPES]

    def _probability_alive(self, x: np.ndarray, t_x: np.ndarray, T: np.ndarray) -> np.ndarray:
        r, alpha, a, b = self._parameters()
        # the odds of having left are exp(e) of the likelihood, of which there may be more than there are numbers
        last = x + (b + self._first_chance - 1)
        odds = (r + x) * np.log((alpha + T) / (alpha + t_x))
        if not self._first_chance:
            never = x == 0
            last[never] = 1.0
        odds += np.log(a / last)
        alive = 1 / (1 + np.exp(np.minimum(odds, 700.0)))
        if not self._first_chance:
            alive[never] = 1.0
        return alive

    def _alive(self, x: np.ndarray, t_x: np.ndarray, T: np.ndarray) -> np.ndarray:
        # a closed form costs less than finding out which customers have it in common
        pieces = [slice(start, start + _PIECE) for start in range(0, len(x), _PIECE)]
        return np.concatenate([self._probability_alive(x[rows], t_x[rows], T[rows]) for rows in pieces])

    def _expected_if_alive(self, x: np.ndarray, T: np.ndarray, t: float) -> np.ndarray:
        return mean_purchases(x, T, np.array([t]), self._if_alive())[:, 0]

    def _discounted_if_alive(self, x: np.ndarray, T: np.ndarray, t: float, delta: float) -> np.ndarray:
        return discounted_purchases(x, T, t, delta, self._if_alive())

    def _counts_if_alive(self, x: np.ndarray, T: np.ndarray, t: float, max_count: int) -> np.ndarray:
        return count_probabilities(x, T, t, max_count, self._if_alive())

    def _expected_new(self, t: np.ndarray) -> np.ndarray:
        return self._stays_new() * mean_purchases(np.zeros(1), np.zeros(1), t, self._if_alive())[0]

    def _counts_new(self, t: float, max_count: int) -> np.ndarray:
        stays = self._stays_new()
        counts = stays * count_probabilities(np.zeros(1), np.zeros(1), t, max_count, self._if_alive())[0]
        counts[0] += 1 - stays
        return counts

    def _draw_individuals(
        self, x: np.ndarray, t_x: np.ndarray, T: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        r, alpha, a, b = self._if_alive()
        alive = rng.random(len(x)) < self._probability_alive(x, t_x, T)
        # alive at T the rate is Gamma(r + x, alpha + T); gone since t_x, it has been watched until then only
        rate = rng.standard_gamma(r + x) / (alpha + np.where(alive, T, t_x))
        return rate, np.where(alive, draw_purchases_left(a, b + x, rng), 0.0)

    def _draw_counts(
        self, x: np.ndarray, t_x: np.ndarray, T: np.ndarray, t: float, rng: np.random.Generator
    ) -> np.ndarray:
        return draw_counts(*self._draw_individuals(x, t_x, T, rng), t, rng)

    def _draw_new(
        self, T: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        r, alpha, a, b = self._parameters()
        rate = rng.standard_gamma(r, len(T)) / alpha
        left = draw_purchases_left(a, np.full(len(T), b), rng) - self._first_chance
        chances = rng.poisson(rate * T)
        x = np.minimum(chances, left)
        # the x-th of so many purchases that fall anywhere in (0, T)
        bought = x > 0
        share = rng.beta(np.where(bought, x, 1), np.where(bought, chances - x + 1, 1))
        return x, np.where(bought, share * T, 0.0), left > chances, rate

    def _if_alive(self) -> tuple[float, float, float, float]:
        r, alpha, a, b = self._parameters()
        return r, alpha, a, b + self._first_chance

    def _stays_new(self) -> float:
        _, _, a, b = self._parameters()
        return b / (a + b) if self._first_chance else 1.0
