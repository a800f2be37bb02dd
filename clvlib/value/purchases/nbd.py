"""NBD: everybody stays a customer for ever. The model that the others must beat, and that shows what dropout is worth.

Ehrenberg (1959), The pattern of consumer purchases, Applied Statistics 8(1); Schmittlein, Morrison and Colombo (1987)
for the conditional expectation.
"""

from typing import ClassVar

import numpy as np
from scipy.special import gammaln, xlogy

from clvlib.value.purchases._beta_geo_likelihood import exceeding
from clvlib.value.purchases._maximum_likelihood import Likelihood
from clvlib.value.purchases._summary import Triples
from clvlib.value.purchases.purchase_model import PurchaseModel

__all__ = ["NBDModel"]


class NBDModel(PurchaseModel):
    """How often does each customer buy, if nobody ever leaves?

    Purchases come at random at a rate ~ Gamma(r, alpha), alpha in the summary's time unit. The log-likelihood is that
    of the purchase history (x, t_x, T), so that it can be held against those of BG/NBD and Pareto/NBD:

        ln L = sum_{i<x} ln(r+i) - r ln(1 + T/alpha) - x ln(alpha+T)

    >>> import pandas as pd
    >>> summary = pd.DataFrame({"frequency": [2.0], "recency": [30.43], "T": [38.86], "time_unit_days": [7.0]})
    >>> model = NBDModel()
    >>> model.params_ = {"r": 0.385, "alpha": 12.072}
    >>> model.expected_purchases(summary, horizon_days=273).round(3)
    array([1.826])
    """

    _symbols = ("r", "alpha")
    _meaning: ClassVar = {
        "r up, alpha up": "every customer has the same purchase rate, r / alpha",
        "alpha up": "nobody has bought again",
    }

    def _compiled(self, triples: Triples) -> Likelihood:
        return _NBDLikelihood(triples)

    def _guesses(self, triples: Triples) -> list[np.ndarray]:
        rate = max((triples.weight * triples.x).sum(), 0.5) / max((triples.weight * triples.T).sum(), 1e-9)
        return [np.array([r, r / rate]) for r in (0.5, 5.0)]

    def _probability_alive(self, x: np.ndarray, t_x: np.ndarray, T: np.ndarray) -> np.ndarray:
        return np.ones(len(x))

    _alive = _probability_alive

    def _expected_if_alive(self, x: np.ndarray, T: np.ndarray, t: float) -> np.ndarray:
        r, alpha = self._parameters()
        return (r + x) / (alpha + T) * t

    def _discounted_if_alive(self, x: np.ndarray, T: np.ndarray, t: float, delta: float) -> np.ndarray:
        return self._expected_if_alive(x, T, t if delta == 0 else -np.expm1(-delta * t) / delta)

    def _counts_if_alive(self, x: np.ndarray, T: np.ndarray, t: float, max_count: int) -> np.ndarray:
        r, alpha = self._parameters()
        n, shape, scale = np.arange(max_count + 1), r + x[:, None], alpha + T[:, None]
        logarithm = gammaln(shape + n) - gammaln(shape) - gammaln(n + 1) + xlogy(n, t / (scale + t))
        return np.minimum(np.exp(logarithm - shape * np.log1p(t / scale)), 1.0)

    def _expected_new(self, t: np.ndarray) -> np.ndarray:
        r, alpha = self._parameters()
        return r / alpha * t

    def _counts_new(self, t: float, max_count: int) -> np.ndarray:
        return self._counts_if_alive(np.zeros(1), np.zeros(1), t, max_count)[0]

    def _draw_individuals(
        self, x: np.ndarray, t_x: np.ndarray, T: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        r, alpha = self._parameters()
        return rng.standard_gamma(r + x) / (alpha + T), np.full(len(x), np.inf)

    def _draw_counts(
        self, x: np.ndarray, t_x: np.ndarray, T: np.ndarray, t: float, rng: np.random.Generator
    ) -> np.ndarray:
        return rng.poisson(self._draw_individuals(x, t_x, T, rng)[0] * t)

    def _draw_new(
        self, T: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        r, alpha = self._parameters()
        rate = rng.standard_gamma(r, len(T)) / alpha
        x = rng.poisson(rate * T)
        return x, T * np.where(x > 0, rng.beta(np.maximum(x, 1), 1), 0.0), np.ones(len(T), dtype=bool), rate


class _NBDLikelihood(Likelihood):
    def __init__(self, triples: Triples) -> None:
        self.triples = triples
        self.weight = float(triples.weight.sum())
        self.exceeding = exceeding(triples.x, triples.weight)
        self.days, self.customers, self.purchases = triples.by_age(triples.weight, triples.weight * triples.x)

    def gradient(self, params: np.ndarray) -> tuple[float, np.ndarray]:
        return self.hessian(params)[:2]

    def hessian(self, params: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        r, alpha = params
        i, age = r + np.arange(len(self.exceeding)), alpha + self.days
        grown, aged = np.log1p(self.days / alpha), self.days / (alpha * age)
        value = self.exceeding @ np.log(i) - r * (self.customers @ grown) - self.purchases @ np.log(age)
        gradient = [
            self.exceeding @ (1 / i) - self.customers @ grown,
            r * (self.customers @ aged) - self.purchases @ (1 / age),
        ]
        mixed = self.customers @ aged
        bend = self.purchases @ (1 / age**2) - r * (self.customers @ (aged * (1 / alpha + 1 / age)))
        return float(value), np.array(gradient), np.array([[-self.exceeding @ (1 / i**2), mixed], [mixed, bend]])
