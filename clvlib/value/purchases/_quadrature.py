"""Beta and gamma distributions as a hundred points with weights: expectations that neither overflow nor cancel.

In the logit of a beta variable (the logarithm of a gamma variable) the densities are smooth on the whole line, so that
equal steps integrate them to rounding; the far tails, on which what is averaged is linear, are one point each. That
replaces the hypergeometric functions of the papers, whose usual evaluations fail for a thousand purchases.
"""

import math

import numpy as np

__all__ = ["beta_nodes", "chebyshev", "gamma_nodes"]

#: Steps of this length leave an error of exp(-pi^2 / STEP) = 1e-17 for functions analytic up to pi / 2 off the line.
STEP = 0.25
#: ... and this share of a bell's standard deviation an error of exp(-2 pi^2 / NARROW^2).
NARROW = 0.55
#: Weights below exp(-FAR) of the largest are left out.
FAR = 44.0
#: What is averaged is linear to rounding below this share of its own scale.
LINEAR = 1e-10


def beta_nodes(a: float, b: np.ndarray, *, steepness: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Points in (0, 1] and weights for the expectation of functions of p ~ Beta(a, b), for each of several b.

    Returns p, shape (n_points,), and weights, shape (len(b), n_points), each row summing to one.
    steepness: the functions are linear in p where ``p * steepness`` is small; at least 1.
    """
    b = np.asarray(b, dtype=float)
    first, last = float(b.min()), float(b.max())
    steep = max(steepness, a + last, 1.0)
    far = FAR + math.log(steep)
    step = min(STEP, NARROW * math.sqrt(1 / a + 1 / last))
    # more b, points further to the left
    low = max(_fall(_logit_beta(a, last), math.log(a / last), -step, far), math.log(LINEAR / steep))
    high = min(_fall(_logit_beta(a, first), math.log(a / first), step, far), 40.0)
    low, high = min(low, high - step), max(high, low + step)
    y = low + step * np.arange(math.ceil((high - low) / step) + 1)
    log_p, log_rest = -np.logaddexp(0, -y), -np.logaddexp(0, y)
    weight = a * log_p + b[:, None] * log_rest
    weight = np.exp(weight - weight.max(axis=1, keepdims=True))
    p = np.exp(log_p)
    # below the first point weights fall as exp(a y) and p as exp(y); above the last as exp(-b y), with p as 1
    below = weight[:, :1] / _growth(a * step)
    centre = p[0] * (_growth(a * step) / _growth((a + 1) * step))
    above = weight[:, -1:] / _growth(b * step)[:, None]
    p, weight = np.concatenate(([centre], p, [1.0])), np.concatenate((below, weight, above), axis=1)
    return p, weight / weight.sum(axis=1, keepdims=True)


def _logit_beta(a: float, b: float):
    """The logarithm of the density of the logit of p, up to a constant."""
    return lambda y: -a * np.logaddexp(0, -y) - b * np.logaddexp(0, y)


def gamma_nodes(r: float, *, steepness: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Points above 0 and weights, summing to one, for the expectation of a function of g ~ Gamma(r, 1)."""
    steep = max(steepness, 1.0)

    def log_weight(v: np.ndarray | float):
        return r * v - np.exp(np.minimum(v, 700.0))

    mode, width = math.log(r), 1 / math.sqrt(r)
    step = min(STEP, NARROW * width)
    far = FAR + math.log(steep)
    low = max(_fall(log_weight, mode, -width, far), math.log(LINEAR / steep))
    high = _fall(log_weight, mode, min(width, 1.0), far)
    low = min(low, high - step)
    v = low + step * np.arange(math.ceil((high - low) / step) + 1)
    weight = log_weight(v)
    weight = np.exp(weight - weight.max())
    g = np.exp(v)
    below = weight[0] / _growth(r * step)
    centre = g[0] * (_growth(r * step) / _growth((r + 1) * step))
    g, weight = np.concatenate(([centre], g)), np.concatenate(([below], weight))
    return g, weight / weight.sum()


def chebyshev(values: np.ndarray, *, tolerance: float = 1e-14) -> tuple[np.ndarray, np.ndarray] | None:
    """Few points in place of many, for a function smooth in log(values): ``(points, matrix)``, or None.

    ``matrix @ function(points)`` is ``function(values)`` to rounding, for functions of log(values) analytic up to
    pi / 2 off the real line; None where the values themselves are no more than the points would be.
    """
    logs = np.log(values)
    low, high = logs.min(), logs.max()
    half = (high - low) / 2
    if half <= 0:
        return None
    reach = math.pi / 2 / half
    n = math.ceil(-math.log(tolerance) / math.log(reach + math.sqrt(1 + reach * reach))) + 3
    if n * 1.5 >= len(values):
        return None
    angle = (np.arange(n) + 0.5) * math.pi / n
    nodes, sign = np.cos(angle), np.where(np.arange(n) % 2, -1.0, 1.0) * np.sin(angle)
    gap = ((logs - low) / half - 1)[:, None] - nodes
    hit = np.abs(gap) < 1e-15
    quotient = sign / np.where(hit, 1.0, gap)
    exact = hit.any(axis=1)
    quotient[exact] = hit[exact]
    return np.exp(low + half * (1 + nodes)), quotient / quotient.sum(axis=1, keepdims=True)


def _growth(exponent: float | np.ndarray) -> float | np.ndarray:
    """exp(exponent) - 1, or as much of it as there is room for."""
    return np.expm1(np.minimum(exponent, 700.0))


def _fall(log_weight, mode: float, width: float, far: float) -> float:
    """Where, from the mode in the direction of ``width``, the logarithm of the weight has fallen by ``far``."""
    top = log_weight(mode)
    near, distance = 0.0, width
    while log_weight(mode + distance) > top - far:
        near, distance = distance, 2 * distance
        if abs(distance) > 1e6:
            break
    for _ in range(12):
        middle = (near + distance) / 2
        if log_weight(mode + middle) > top - far:
            near = middle
        else:
            distance = middle
    return mode + distance
