"""Priors for the parameters of the purchase and spend models, as densities of their logarithms."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from clvlib.value.purchases._fitted_model import FittedModel

__all__ = ["WEAK", "Prior", "log_prior"]

#: Prior standard deviation of every log parameter under the prior "weak": a factor of 20 either way is unremarkable.
WEAK = 3.0

Prior = str | Callable[[np.ndarray], np.ndarray]

#: Parameters that carry a unit, and the column that has it; all others are shapes.
_UNITS: dict[str, dict[str, str]] = {
    "BetaGeoModel": {"alpha": "T"},
    "ModifiedBetaGeoModel": {"alpha": "T"},
    "NBDModel": {"alpha": "T"},
    "ParetoNBDModel": {"alpha": "T", "beta": "T"},
    "GammaGammaModel": {"gamma": "monetary_value"},
    "BetaGeoBetaBinomModel": {},
    "ShiftedBetaGeoModel": {},
}


def log_prior(
    prior: Prior, model: FittedModel, summary: pd.DataFrame, weights: ArrayLike | None
) -> tuple[Callable[[np.ndarray], np.ndarray], str]:
    """The log density in log parameters, and its name in words."""
    if callable(prior):
        return (lambda theta: np.asarray(prior(theta), dtype=float)), "as given"
    if prior == "flat":
        return (lambda theta: np.zeros(len(theta))), "flat in the log parameters (improper)"
    if prior == "weak":
        centre = _centre(model, summary, weights)
        told = " · ".join(f"log {s} ~ N(log {math.exp(c):.3g}, {WEAK:g}²)" for s, c in centre.items())
        middle = np.array([*centre.values()])
        return (lambda theta: -0.5 * (((theta - middle) / WEAK) ** 2).sum(axis=1)), told
    if prior == "pymc-marketing":
        if tuple(model._symbols) != ("r", "alpha", "a", "b"):
            raise ValueError(f'the prior "pymc-marketing" is for the BG/NBD, this is a {type(model).__name__}')
        weeks = math.log((model.time_unit_days_ or 7.0) / 7.0)
        told = "r ~ Weibull(2, 1), alpha ~ Weibull(2, 10 weeks), phi ~ Uniform(0, 1), kappa ~ Pareto(1, 1)"
        return (lambda theta: _pymc_marketing(theta + np.array([0, weeks, 0, 0]))), told
    raise ValueError(f'prior is "weak", "flat", "pymc-marketing" or a function of the log parameters, got {prior!r}')


def _centre(model: FittedModel, summary: pd.DataFrame, weights: ArrayLike | None) -> dict[str, float]:
    """Where the prior "weak" is centred: 0 (a shape of 1), or the log of the table's scale in the parameter's unit."""
    units = _UNITS.get(type(model).__name__, {})
    centre = {}
    for symbol in model._symbols:
        name = units.get(symbol)
        if name is None:
            centre[symbol] = 0.0
            continue
        values = np.asarray(summary[name], dtype=float)
        count = np.ones(len(values)) if weights is None else np.asarray(weights, dtype=float)
        known = values > 0
        centre[symbol] = math.log(values[known] @ count[known] / count[known].sum()) if known.any() else 0.0
    return centre


def _pymc_marketing(theta: np.ndarray) -> np.ndarray:
    r, alpha, a, b = np.exp(theta).T
    kappa = a + b
    # densities on the natural scale; (phi, kappa) -> (a, b) has the Jacobian 1 / kappa, and theta's own is the sum
    weibulls = np.log(r) - r**2 + np.log(alpha) - (alpha / 10) ** 2
    return np.where(kappa > 1, weibulls - 3 * np.log(kappa) + theta.sum(axis=1), -np.inf)
