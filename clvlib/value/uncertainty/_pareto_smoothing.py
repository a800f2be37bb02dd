"""Pareto-smoothed importance weights: how heavy is their tail, and what is a fair size for the largest of them?

Vehtari, Simpson, Gelman, Yao & Gabry (2024), JMLR 25, section 3; the generalised Pareto distribution is fitted by the
posterior mean of Zhang & Stephens (2009), Technometrics 51, section 4, with the weak prior on k of Vehtari et al.,
appendix C.
"""

from __future__ import annotations

import numpy as np

__all__ = ["smoothed_log_weights"]


def smoothed_log_weights(log_ratios: np.ndarray) -> tuple[np.ndarray, float]:
    """Log weights whose largest ones are replaced by quantiles of the fitted tail, and the tail's shape k.

    ``log_ratios``: shape (n,), log of target over proposal up to a constant; -inf where the target is zero. k is
    infinite where there are fewer than 5 weights in the tail to fit, or no finite one.
    """
    log_weights = log_ratios - log_ratios.max()
    n = len(log_weights)
    size = int(np.ceil(min(0.2 * n, 3 * np.sqrt(n))))
    order = np.argsort(log_weights)
    tail, edge = order[-size:], log_weights[order[-size - 1]]
    if size < 5 or not np.isfinite(edge):
        return log_weights, float("inf")
    excess = np.exp(log_weights[tail]) - np.exp(edge)
    if excess[-1] <= 0:
        return log_weights, float("-inf")  # all weights equal: nothing to smooth
    k, sigma = _generalised_pareto(np.maximum(excess, 1e-300))
    share = (np.arange(size) + 0.5) / size
    quantiles = sigma * (np.expm1(-k * np.log1p(-share)) / k if k else -np.log1p(-share))
    smoothed = log_weights.copy()
    # no weight is made larger than the largest that was seen
    smoothed[tail] = np.minimum(np.log(quantiles + np.exp(edge)), 0.0)
    return smoothed, float(k)


def _generalised_pareto(excess: np.ndarray) -> tuple[float, float]:
    """Shape and scale of a generalised Pareto distribution; ``excess`` ascending and positive, shape (n,)."""
    n = len(excess)
    candidates = 30 + int(np.sqrt(n))
    quartile = max(excess[int(n / 4 + 0.5) - 1], 1e-12 * excess[-1])
    theta = 1 / excess[-1] + (1 - np.sqrt(candidates / (np.arange(1, candidates + 1) - 0.5))) / (3 * quartile)
    shapes = np.log1p(-theta[:, None] * excess).mean(axis=1)
    profile = n * (np.log(-theta / shapes) - shapes - 1)
    weight = np.exp(profile - profile.max())
    weight /= weight.sum()
    estimate = float(weight @ theta)
    k = float(np.log1p(-estimate * excess).mean())
    sigma = -k / estimate
    return (n * k + 10 * 0.5) / (n + 10), sigma
