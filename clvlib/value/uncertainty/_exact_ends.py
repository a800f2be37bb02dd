"""Quantiles of each customer's money without drawing any: for tables of a hundred thousand customers and more.

Given n purchases, the money s of a customer with x purchases of mean m so far has s / (s + gamma + x m) ~
Beta(p n, q + p x) (Fader & Hardie 2013, note 025, section 2: a ratio of gammas). So

    P(S <= s) = 1 - P(alive) + P(alive) * sum over n of P(n | alive) Beta(z; p n, q + p x),   z = s / (s + gamma + x m)

where the sum depends on (x, T) alone: it is tabulated over z once per distinct pair, and each customer's quantile is
looked up at the level that their own P(alive) asks for.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import betainc, betaincinv

if TYPE_CHECKING:
    from clvlib.value.purchases.purchase_model import PurchaseModel

__all__ = ["money_quantiles"]

#: Points of the table over z, evenly spaced in its logit; quantiles between two are interpolated (error below 1e-3).
_POINTS = 300
#: Pairs tabulated at a time.
_PAIRS = 20_000
#: What may lie above the largest count that is looked at, and how large that may become.
_BEYOND, _LARGEST = 1e-6, 4095
#: Counts less probable than this for everybody are left out.
_NEVER = 1e-8


def money_quantiles(
    model: PurchaseModel,
    x: np.ndarray,
    T: np.ndarray,
    place: np.ndarray,
    t: float,
    *,
    alive: np.ndarray,
    shape: np.ndarray,
    scale: np.ndarray,
    p: float,
    shares: tuple[float, ...],
) -> np.ndarray:
    """``x``, ``T``: distinct pairs, ascending in x; ``place``: each customer's pair; ``alive``: P(alive), (n,).

    ``shape``: q + p times the purchases whose spend is known, one a *pair*. ``scale``: gamma + their sum, (n,). Returns
    shape (len(shares), n), in currency.
    """
    found = np.zeros((len(shares), len(place)))
    order = np.argsort(place, kind="stable")
    starts = np.searchsorted(place[order], np.arange(len(x) + 1))
    for first, last in _groups(x, shape):
        rows = order[starts[first] : starts[last]]
        counts = _counts(model, x[first:last], T[first:last], t)
        ratio, table = _tabulated(counts, p, float(shape[first]))
        nth = place[rows] - first
        flat = (np.arange(last - first)[:, None] + table).ravel()
        ratios = np.tile(ratio, last - first)
        lowest, highest, nothing = table[:, 0][nth], table[:, -1][nth], counts[:, 0][nth]
        for i, share in enumerate(shares):
            with np.errstate(divide="ignore"):
                wanted = 1 - (1 - share) / alive[rows]
            at = nth + np.clip(wanted, lowest, highest)
            found[i, rows] = np.where(wanted > nothing, np.exp(np.interp(at, flat, ratios)) * scale[rows], 0.0)
    return found


def _groups(x: np.ndarray, shape: np.ndarray) -> list[tuple[int, int]]:
    """Runs of pairs with one x and one shape, none too long."""
    new = np.flatnonzero((np.diff(x) != 0) | (np.diff(shape) != 0)) + 1
    edges = [0, *new.tolist(), len(x)]
    return [
        (start, min(start + _PAIRS, last))
        for first, last in pairwise(edges)
        for start in range(first, last, _PAIRS)
    ]


def _counts(model: PurchaseModel, x: np.ndarray, T: np.ndarray, t: float) -> np.ndarray:
    """P(0), P(1), … of who is alive, as far as it takes; what is beyond is put on the last."""
    most = 31
    while True:
        counts = model._counts_if_alive(x, T, t, most)
        beyond = 1 - counts.sum(axis=1)
        if most >= _LARGEST or beyond.max() < _BEYOND:
            counts[:, -1] += np.maximum(beyond, 0)
            return counts
        most = 2 * most + 1


def _tabulated(counts: np.ndarray, p: float, shape: float) -> tuple[np.ndarray, np.ndarray]:
    """Points of log(z / (1 - z)), and P(S <= s | alive) there for each pair: shapes (m,), (n_pairs, m)."""
    used = np.flatnonzero(counts.max(axis=0) > _NEVER)[-1]
    n = np.arange(1, max(used, 1) + 1)
    low, high = betaincinv(p, shape, 1e-5), betaincinv(p * n[-1], shape, 1 - 1e-6)
    low, high = (np.log(max(z, 1e-300)) - np.log1p(-min(z, 1 - 1e-16)) for z in (low, high))
    ratio = np.linspace(low, max(high, low + 1e-6), _POINTS)
    z = 1 / (1 + np.exp(-ratio))
    money = betainc(p * n[:, None], shape, z)
    table = counts[:, :1] + counts[:, 1 : len(n) + 1] @ money
    return ratio, np.minimum(np.maximum.accumulate(table, axis=1), 1 - 1e-12)
