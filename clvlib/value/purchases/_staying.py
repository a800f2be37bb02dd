"""Sums over opportunities of who stays at each with a probability of their own, 1 - theta, theta ~ Beta(a, b).

The share that is still there after i of them is b-rising(i) / (a+b)-rising(i), a-rising(i) = a (a+1) … (a+i-1).
"""

import math

import numpy as np

from clvlib.value.purchases._leaving_first import power_integral
from clvlib.value.purchases._quadrature import beta_nodes

__all__ = ["discounted_stays", "share_staying"]

#: Sums up to here are taken term by term.
_TERMS = 4096
#: With a above this, nobody stays so long that more than so many terms count.
_SURE, _FAR = 1000.0, 1 << 18


def share_staying(a: float, b: np.ndarray, n: int) -> np.ndarray:
    """The share that stays through 0, 1, …, ``n`` opportunities; b: shape (k,). Returns (k, n + 1)."""
    i = np.arange(n)
    stays = (b[:, None] + i) / (a + b[:, None] + i)
    return np.concatenate((np.ones((len(b), 1)), np.cumprod(stays, axis=1)), axis=1)


def discounted_stays(a: float, b: np.ndarray, delta: float, n: float) -> np.ndarray:
    """Sum over i = 0, …, n - 1 of e^(-delta i) times the share that stays through i opportunities, shape (k,).

    For n = inf, where delta > 0, it is 2F1(1, b; a + b; e^-delta), b >= 1. Very many terms are taken as the expectation
    over theta of a geometric sum.
    """
    if math.isinf(n):
        return (a + b - 1) * power_integral(a, b, -math.expm1(-delta))
    if n <= _TERMS or a > _SURE:
        n = min(n, _FAR)
        return share_staying(a, b, max(int(n) - 1, 0)) @ np.exp(-delta * np.arange(max(int(n), 1))) * (n > 0)
    fall = -math.expm1(-delta)
    theta, weight = beta_nodes(a, b, steepness=n)
    missing = -np.expm1(n * (np.log1p(-np.minimum(theta, 1 - 1e-16)) - delta))
    return weight @ (missing / (fall + (1 - fall) * theta))
