"""What customers may do next: purchases and money drawn from a purchase model and a spend model, parameters included.

Each draw takes parameters from what is known of them, gives every customer a purchase rate and an end from their
distribution given (x, t_x, T), lets purchases fall, and gives each an amount:

    mean spend 1/nu, nu ~ Gamma(q + p x, gamma + x m), each purchase ~ Gamma(p, nu)      (Fader & Hardie 2013, note 025)

so that the money of n purchases is (gamma + x m) times a ratio of two standard gammas, Gamma(p n) / Gamma(q + p x).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from clvlib.value.purchases._summary import column

if TYPE_CHECKING:
    from clvlib.value.purchases._fitted_model import FittedModel
    from clvlib.value.purchases.gamma_gamma import GammaGammaModel
    from clvlib.value.purchases.purchase_model import PurchaseModel

__all__ = ["Chunk", "Simulation", "laplace_draws"]

#: Cells (customers times draws) held at once: three arrays of them are 200 MB.
CELLS = 8_000_000
#: At least so many draws share one set of parameters, and there are no more sets than that: what follows from
#: parameters alone is then computed once for several draws.
_TOGETHER, _SETS = 4, 1000
#: Where parameters are certain, as many draws are made at once as give about so many customers.
_AT_ONCE = 20_000
#: No direction of the log parameters is taken for wider than this: along a ridge predictions do not depend on it.
_WIDEST = 1.0


class Chunk(NamedTuple):
    """Draws for the customers ``rows``: ``counts`` and ``amounts`` (discounted, in currency), (n_draws, n_rows)."""

    rows: slice
    counts: np.ndarray
    amounts: np.ndarray


class Simulation:
    """Iterating over it gives the draws of all customers, some of them at a time.

    ``purchase_draws``, ``spend_draws``: parameters, a row each, of which each draw takes one; None for the fitted ones
    every time. ``delta``: continuous discounting a day. The same arguments give the same draws.
    """

    def __init__(
        self,
        summary: pd.DataFrame,
        *,
        purchases: PurchaseModel,
        spend: GammaGammaModel,
        horizon_days: float,
        delta: float = 0.0,
        n_draws: int,
        random_state: int | np.random.Generator | None,
        purchase_draws: pd.DataFrame | None = None,
        spend_draws: pd.DataFrame | None = None,
    ) -> None:
        if n_draws < 1:
            raise ValueError(f"n_draws is a number of draws, at least 1, got {n_draws}")
        self.x, self.t_x, self.T, self.t = purchases._history(summary, horizon_days)
        unit = purchases._unit(summary)
        self.delta = delta * unit
        # a model of opportunities (BG/BB) has no rate of purchase
        self.discrete = "n_opportunities" in purchases._columns
        self.t = math.floor(self.t + 1e-9) if self.discrete else self.t
        self.n_draws = n_draws
        value = column(summary, "monetary_value")
        spend.expected_spend(summary)  # refuses what it cannot value
        # without a positive mean of repeat purchases nothing is known of this customer's spend
        self.times = np.where(value > 0, self.x, 0.0)
        self.spent = self.times * np.where(value > 0, value, 0.0)
        self.rng = np.random.default_rng(random_state)
        self.together = max(_TOGETHER, -(-n_draws // _SETS))
        if purchase_draws is None and spend_draws is None:
            self.together = max(self.together, _AT_ONCE // len(self.x))
        self.purchases = self._parameters(purchases, purchase_draws)
        self.spend = self._parameters(spend, spend_draws)

    def __iter__(self) -> Iterator[Chunk]:
        n = len(self.x)
        size = max(1, CELLS // self.n_draws)
        for start in range(0, n, size):
            rows = slice(start, min(start + size, n))
            counts = np.empty((self.n_draws, rows.stop - rows.start), dtype=np.int32)
            amounts = np.empty(counts.shape)
            for j in range(0, self.n_draws, self.together):
                together = slice(j, min(j + self.together, self.n_draws))
                shape = counts[together].shape
                drawn = self._draw(j // self.together, np.tile(np.arange(rows.start, rows.stop), shape[0]))
                counts[together], amounts[together] = (values.reshape(shape) for values in drawn)
            yield Chunk(rows, counts, amounts)

    def _parameters(self, model: FittedModel, draws: pd.DataFrame | None) -> list[FittedModel]:
        """The models of the draws: one for all, or one for each few."""
        model._parameters()
        n_sets = -(-self.n_draws // self.together)
        if draws is None:
            return [model] * n_sets
        if list(draws.columns) != list(model._symbols) or not len(draws):
            raise ValueError(
                f"draws of a {type(model).__name__} have the columns {', '.join(model._symbols)} and at least one row; "
                f"got {', '.join(map(str, draws.columns))} and {len(draws)} rows"
            )
        # every draw once before any comes twice
        order = np.concatenate([self.rng.permutation(len(draws)) for _ in range(-(-n_sets // len(draws)))])
        found = []
        for row in draws.to_numpy(dtype=float)[order[:n_sets]]:
            drawn = copy.copy(model)
            drawn.params_ = dict(zip(model._symbols, map(float, row), strict=True))
            found.append(drawn)
        return found

    def _draw(self, j: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        counts, span, last_at_end = self._purchases(self.purchases[j], rows)
        p, q, gamma = (self.spend[j].params_[symbol] for symbol in ("p", "q", "gamma"))
        amounts = np.zeros(len(counts))
        buyers = np.flatnonzero(counts)
        number = counts[buyers]
        if self.delta:
            # each purchase for itself, since each is discounted from its own time
            which = np.repeat(np.arange(len(buyers)), number)
            when = self.rng.random(len(which))
            first = np.cumsum(number) - number
            when[first[last_at_end[buyers]]] = 1.0
            if self.discrete:  # at one of the opportunities, the first of which is a time unit away
                when = (np.floor(when * self.t) + 1) / self.t
            each = self.rng.standard_gamma(p, len(which)) * np.exp(-self.delta * when * span[buyers][which])
            drawn = np.bincount(which, weights=each, minlength=len(buyers))
        else:
            drawn = self.rng.standard_gamma(p * number)
        times, spent = self.times[rows][buyers], self.spent[rows][buyers]
        amounts[buyers] = (gamma + spent) * drawn / self.rng.standard_gamma(q + p * times)
        return counts, amounts

    def _purchases(self, model: PurchaseModel, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Counts, the time they are spread over evenly, and whether one of them falls at its very end."""
        x, t_x, T, t = self.x[rows], self.t_x[rows], self.T[rows], self.t
        if self.discrete:
            counts = model._draw_counts(x, t_x, T, t, self.rng)
            return counts, np.full(len(x), t), np.zeros(len(x), dtype=bool)
        rate, end = model._draw_individuals(x, t_x, T, self.rng)
        if not _leaves_after_purchase(model):
            span = np.minimum(end, t)
            return self.rng.poisson(rate * span), span, np.zeros(len(x), dtype=bool)
        span = np.full(len(x), t)
        possible = self.rng.poisson(np.where(end > 0, rate * t, 0.0))
        left = possible >= end
        left &= end > 0
        counts = np.where(end > 0, np.minimum(possible, end), 0).astype(np.int64)
        if self.delta:
            # the n-th of N purchases spread evenly falls at a share Beta(n, N - n + 1) of the time
            span[left] *= self.rng.beta(counts[left], possible[left] - counts[left] + 1)
        return counts, span, left


def laplace_draws(model: FittedModel, n_draws: int, rng: np.random.Generator) -> pd.DataFrame | None:
    """Parameters from the normal approximation around the fit, in logarithms; None where there is no covariance.

    Along a ridge, which the covariance does not bound, logarithms vary by no more than 1.
    """
    covariance = getattr(model, "covariance_", None)
    if covariance is None:
        return None
    centre = model._parameters()
    relative = covariance.to_numpy(dtype=float) / np.outer(centre, centre)
    unbounded = ~np.isfinite(np.diag(relative))
    relative[unbounded] = relative[:, unbounded] = 0.0
    values, vectors = np.linalg.eigh((relative + relative.T) / 2)
    root = vectors * np.sqrt(np.clip(values, 0, _WIDEST**2))
    theta = np.log(centre) + rng.standard_normal((n_draws, len(centre))) @ root.T
    return pd.DataFrame(np.exp(theta), columns=list(model._symbols))


def _leaves_after_purchase(model: PurchaseModel) -> bool:
    """Whether the end that ``_draw_individuals`` gives counts purchases (BG/NBD, MBG/NBD) or is a time."""
    return hasattr(model, "_first_chance")


def quantile_ranks(n_draws: int, level: float) -> tuple[int, int]:
    """Which of ``n_draws`` sorted values are the (1 - level)/2 and (1 + level)/2 quantiles: no interpolation."""
    low, high = (1 - level) / 2 * n_draws, (1 + level) / 2 * n_draws
    return max(math.ceil(low - 1e-9), 1) - 1, math.ceil(high - 1e-9) - 1
