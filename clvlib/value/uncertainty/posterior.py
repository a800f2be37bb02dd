"""How sure are a model's parameters? Their posterior, by importance sampling from the Laplace approximation.

A posterior of three or four parameters needs no Markov chain: draws from a multivariate t around the mode (the Laplace
approximation with heavier tails), weighted by posterior over proposal, are the posterior up to a Monte Carlo error that
is known (Robert & Casella 2004, section 3.3). Where that fits badly, the draws say where the posterior lies, and the
next ones are made there (population Monte Carlo: Cappé, Guillin, Marin & Robert 2004).

Whether the weights can be believed is said by the shape k of a generalised Pareto distribution fitted to the largest of
them, which are also smoothed by it (Vehtari, Simpson, Gelman, Yao & Gabry 2024, JMLR 25, "Pareto smoothed importance
sampling"): above 0.7 they cannot.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from clvlib.value.uncertainty._pareto_smoothing import smoothed_log_weights
from clvlib.value.uncertainty._priors import WEAK, Prior, log_prior

if TYPE_CHECKING:
    from clvlib.value.purchases._fitted_model import FittedModel

__all__ = ["ParameterPosterior", "PosteriorWarning", "parameter_posterior"]

#: Degrees of freedom of the proposal: tails heavy enough for the skewness of a posterior, and a variance.
_FREEDOM = 5.0
#: Above this k the variance of the weights cannot be estimated, however many draws (Vehtari et al. 2024, section 3.2).
_LARGEST_K = 0.7
_GOOD_K = 0.5
_FEWEST_EFFECTIVE = 400.0
_LEAST_EFFICIENCY = 0.1
_ROUNDS = 4
#: Proposals after the first: so many bells, so much of the posterior's covariance each, with these degrees of freedom.
_BELLS, _NARROWER, _HEAVIER = 60, 0.4, 3.0


class PosteriorWarning(UserWarning):
    """A posterior that is returned, but must not be read without what the warning says."""


@dataclass(frozen=True)
class ParameterPosterior:
    """Draws of a model's parameters given the data, and whether they can be trusted.

    ``draws``: DataFrame (n_draws, n_params), one column a symbol, natural scale, in the table's time unit, all equally
    likely. ``mean``, ``standard_deviation`` (mappings by symbol) and :meth:`interval` use the weighted draws before
    they were made equal, and are a little more precise. ``effective_sample_size``: how many independent draws the
    weighted ones are worth. ``pareto_k``: see the module. ``trusted``: k at most 0.7, at least 400 effective draws (a
    tenth of ``n_draws``, where that is less), no ridge; ``reason`` says what is wrong where it is False. ``mode``: the
    parameters at the posterior's mode, of the density in log parameters. ``prior``: which prior, in words.
    """

    draws: pd.DataFrame
    mean: dict[str, float]
    standard_deviation: dict[str, float]
    mode: dict[str, float]
    pareto_k: float
    effective_sample_size: float
    trusted: bool
    reason: str
    prior: str
    _weighted: tuple[np.ndarray, np.ndarray]

    def interval(self, level: float = 0.9) -> pd.DataFrame:
        """Equal-tailed interval of each parameter: columns ``parameter``, ``mean``, ``low``, ``high``."""
        values, weights = self._weighted
        tails = np.array([(1 - level) / 2, (1 + level) / 2])
        rows = []
        for column, symbol in zip(values.T, self.draws.columns, strict=True):
            order = np.argsort(column)
            reached = np.cumsum(weights[order]) - weights[order] / 2
            rows.append((symbol, self.mean[symbol], *np.interp(tails, reached, column[order])))
        return pd.DataFrame(rows, columns=["parameter", "mean", "low", "high"])

    def __repr__(self) -> str:
        told = ", ".join(f"{s} {self.mean[s]:.4g} ± {self.standard_deviation[s]:.2g}" for s in self.draws)
        return f"ParameterPosterior({told}; k {self.pareto_k:.2f}, {self.effective_sample_size:.0f} effective draws)"


def parameter_posterior(
    model: FittedModel,
    summary: pd.DataFrame,
    *,
    n_draws: int = 4000,
    random_state: int | np.random.Generator,
    weights: ArrayLike | None = None,
    prior: Prior = "weak",
) -> ParameterPosterior:
    """Which parameters are how likely, given a summary and a prior?

    Parameters
    ----------
    model
        A purchase or spend model; fitted on ``summary``, or with ``params_`` to start from. It is not changed.
    summary
        The table it was fitted on, and ``weights`` as there: customers that a row stands for, shape (n_rows,).
    n_draws
        Draws of the proposal, and of the result.
    prior
        ``"weak"``: independent normals on the log parameters, of standard deviation 3, around 0 for shapes and around
        the log of the mean ``T`` (mean ``monetary_value`` for a spend model) for the parameters that carry a unit, so
        that it means the same in days and weeks. ``"flat"``: flat in the log parameters; improper, for comparison.
        ``"pymc-marketing"``: that package's default for the BG/NBD in weeks, r ~ Weibull(2, 1), alpha ~ Weibull(2, 10),
        a = phi kappa, b = (1 - phi) kappa with phi ~ Uniform(0, 1), kappa ~ Pareto(1, 1).
        Or a function from log parameters, shape (n, n_params), to the log density *in log parameters*, shape (n,).

    Raises
    ------
    ValueError
        Too few draws (below 100), an unknown prior, a prior for another model, bad input columns.

    Warns
    -----
    PosteriorWarning
        Where the draws must not be trusted; ``trusted`` is then False and ``reason`` is the warning's text.

    >>> from clvlib.value import BetaGeoModel
    >>> some = pd.DataFrame({"frequency": [0.0, 0, 0, 0, 1, 1, 2, 4, 7], "recency": [0.0, 0, 0, 0, 4, 20, 9, 25, 29]})
    >>> summary = pd.concat([some.assign(T=30.0, time_unit_days=7.0)] * 40)
    >>> posterior = parameter_posterior(BetaGeoModel().fit(summary), summary, random_state=0)
    >>> posterior.trusted, posterior.draws.shape
    (True, (4000, 4))
    """
    if n_draws < 100:
        raise ValueError(f"n_draws={n_draws}: at least 100 draws are needed, 4,000 are usual")
    symbols = list(model._symbols)
    start = np.log(model._parameters())
    likelihood = model.compile_likelihood(summary, weights=weights)
    prior_density, told = log_prior(prior, model, summary, weights)

    def density(theta: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):  # far from the mode a likelihood may overflow; it is then taken for impossible
            found = likelihood.many(np.exp(theta)) + prior_density(theta)
        return np.where(np.isfinite(found), found, -np.inf)

    rng = np.random.default_rng(random_state)
    mode, spread = _mode(density, start)
    best = None
    centres, scale, freedom = mode[None], spread, _FREEDOM
    for _ in range(_ROUNDS):
        theta, log_ratio = _proposed(density, centres, scale, freedom, n_draws, rng)
        log_weights, k = smoothed_log_weights(log_ratio)
        weight = np.exp(log_weights - log_weights.max())
        weight /= weight.sum()
        effective = 1 / float(weight @ weight)
        good = k <= _GOOD_K
        if best is None or (good, effective if good else -k) > (best[2] <= _GOOD_K, best[3] if good else -best[2]):
            best = theta, weight, k, effective
        if good and effective >= n_draws / 4:
            break
        # a skewed posterior is met by many small bells where this round says it lies (population Monte Carlo)
        middle = weight @ theta
        spread = (theta - middle).T @ ((theta - middle) * weight[:, None])
        centres = theta[rng.choice(n_draws, _BELLS, p=weight)]
        scale, freedom = _NARROWER * spread + 1e-12 * np.eye(len(symbols)), _HEAVIER
    theta, weight, k, effective = best
    values = np.exp(theta)
    mean = weight @ values
    deviation = np.sqrt(weight @ (values - mean) ** 2)
    reason = _reason(k, effective, min(_FEWEST_EFFECTIVE, _LEAST_EFFICIENCY * n_draws), model.boundary_)
    if reason:
        warnings.warn(f"{type(model).__name__}: {reason}", PosteriorWarning, stacklevel=2)
    return ParameterPosterior(
        draws=pd.DataFrame(values[_resampled(weight, rng)], columns=symbols),
        mean=_by(symbols, mean),
        standard_deviation=_by(symbols, deviation),
        mode=_by(symbols, np.exp(mode)),
        pareto_k=k,
        effective_sample_size=effective,
        trusted=not reason,
        reason=reason,
        prior=told,
        _weighted=(values, weight),
    )


def _reason(k: float, effective: float, fewest: float, boundary: str) -> str:
    wrong = []
    if k > _LARGEST_K:
        wrong.append(f"the largest importance weights decide too much (Pareto k {k:.2f}, above {_LARGEST_K})")
    if effective < fewest:
        wrong.append(f"the draws are worth only {effective:.0f} independent ones")
    if boundary:
        wrong.append(f"{boundary}: along that direction the draws show the prior, not the data")
    return "do not trust this posterior: " + "; ".join(wrong) if wrong else ""


def _mode(density: Callable[[np.ndarray], np.ndarray], start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Newton's method by differences: the mode and minus the inverse Hessian there, made positive."""
    theta, value = start, float(density(start[None])[0])
    covariance = np.eye(len(start))
    for _ in range(50):
        gradient, hessian = _differences(density, theta, value)
        eigenvalues, vectors = np.linalg.eigh(-hessian)
        # no direction is taken for wider than the weak prior, nor for a saddle
        sizes = np.maximum(np.abs(eigenvalues), 1 / WEAK**2)
        covariance = (vectors / sizes) @ vectors.T
        step = covariance @ gradient
        step *= min(1.0, 2.0 / max(np.abs(step).max(), 1e-300))
        shares = 0.5 ** np.arange(8)
        values = density(theta + shares[:, None] * step)
        best = int(np.argmax(values))
        if not values[best] > value:
            break
        theta, gained, value = theta + shares[best] * step, values[best] - value, float(values[best])
        if gained < 1e-6:
            break
    return theta, covariance


def _differences(density, theta: np.ndarray, value: float, size: float = 2e-3) -> tuple[np.ndarray, np.ndarray]:
    """Gradient and Hessian from one call of ``density``."""
    n = len(theta)
    steps = size * np.eye(n)
    pairs = [(i, j) for i in range(n) for j in range(i)]
    points = [*(theta + steps), *(theta - steps)]
    points += [theta + sign * (steps[i] + steps[j]) for i, j in pairs for sign in (1, -1)]
    points += [theta + sign * (steps[i] - steps[j]) for i, j in pairs for sign in (1, -1)]
    found = density(np.array(points))
    up, down, mixed = found[:n], found[n : 2 * n], found[2 * n :].reshape(2, len(pairs), 2).sum(axis=2)
    hessian = np.diag((up - 2 * value + down) / size**2)
    for (i, j), same, opposite in zip(pairs, *mixed, strict=True):
        hessian[i, j] = hessian[j, i] = (same - opposite) / (4 * size**2)
    hessian = np.where(np.isfinite(hessian), hessian, 0.0)
    gradient = (up - down) / (2 * size)
    return np.where(np.isfinite(gradient), gradient, 0.0), hessian


def _proposed(
    density, centres: np.ndarray, scale: np.ndarray, freedom: float, n: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draws of multivariate t's around ``centres``, shape (n, k), and log(posterior / proposal) up to a constant."""
    k = centres.shape[1]
    root = np.linalg.cholesky(scale + 1e-14 * np.trace(scale) * np.eye(k))
    bells = rng.standard_normal((n, k)) / np.sqrt(rng.chisquare(freedom, n) / freedom)[:, None]
    theta = centres[np.arange(n) % len(centres)] + bells @ root.T
    inverse = np.linalg.inv(root).T
    away = ((theta @ inverse)[:, None, :] - (centres @ inverse)[None]) ** 2
    bell = -(freedom + k) / 2 * np.log1p(away.sum(axis=2) / freedom)
    highest = bell.max(axis=1)
    proposal = highest + np.log(np.exp(bell - highest[:, None]).mean(axis=1))
    return theta, density(np.clip(theta, -50, 50)) - proposal


def _resampled(weight: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Which draws, and how often: systematic resampling, in a random order."""
    n = len(weight)
    picked = np.searchsorted(np.cumsum(weight), (np.arange(n) + rng.random()) / n)
    return rng.permutation(np.minimum(picked, n - 1))


def _by(symbols: list[str], values: Any) -> dict[str, float]:
    return dict(zip(symbols, map(float, values), strict=True))
