"""How an alive customer goes on who buys at a Gamma(r, alpha) rate and leaves after a purchase with p ~ Beta(a, b).

After x purchases within T the same holds with r + x, alpha + T and b + x: these are all predictions of BG/NBD, and with
b + 1 in place of b all of MBG/NBD. Given rate and p, purchases come at ``rate * exp(-rate p u)``; everything below is
an average of that, of positive terms only: no 2F1, no difference of large numbers, no pole at a = 1.
"""

import math
from collections.abc import Callable

import numpy as np
from scipy.special import betainc, gammaln, xlogy

from clvlib.value.purchases._quadrature import beta_nodes, chebyshev, gamma_nodes
from clvlib.value.purchases._summary import distinct

__all__ = ["count_probabilities", "discounted_purchases", "draw_counts", "draw_purchases_left", "mean_purchases"]

#: Numbers held at once by an average over p: 8 MB.
_PIECE = 1 << 20


def mean_purchases(x: np.ndarray, T: np.ndarray, t: np.ndarray, params: tuple[float, ...]) -> np.ndarray:
    """Expected purchases in (T, T + t] of alive customers: x, T of shape (n,), t of shape (m,) -> (n, m).

    ``E[(1 - ((alpha+T) / (alpha+T+p t))^(r+x)) / p]`` over p, which is the papers'
    ``(a+b+x-1)/(a-1) [1 - ((alpha+T)/(alpha+T+t))^(r+x) 2F1(r+x, b+x; a+b+x-1; t/(alpha+T+t))]``.
    """
    t = np.asarray(t, dtype=float)
    return _everywhere(lambda counts, ages: _mean_grid(counts, ages, t, params), x, T, params)


def discounted_purchases(
    x: np.ndarray, T: np.ndarray, t: float, delta: float, params: tuple[float, ...]
) -> np.ndarray:
    """The same within one t (inf: for ever), each purchase discounted continuously at ``delta``: shape (n,)."""
    if delta * t < 1:
        # by parts, from the undiscounted sums, at points crowded at the beginning
        nodes, share = np.polynomial.legendre.leggauss(10 if abs(delta) * t < 0.3 else 24)
        s = (nodes + 1) / 2
        u, weight = t * s**3, share / 2 * 3 * t * s**2
        weight = np.append(delta * weight * np.exp(-delta * u), math.exp(-delta * t))
        u = np.append(u, t)
        grid = lambda counts, ages: (_mean_grid(counts, ages, u, params) @ weight)[..., None]  # noqa: E731
        return _everywhere(grid, x, T, params)[:, 0]
    return _everywhere(lambda counts, ages: _discounted_grid(counts, ages, t, delta, params), x, T, params)[:, 0]


def count_probabilities(
    x: np.ndarray, T: np.ndarray, t: float, max_count: int, params: tuple[float, ...]
) -> np.ndarray:
    """Probabilities of 0, 1, …, max_count purchases within t of alive customers: shape (n, max_count + 1).

    n purchases and still there, or gone after the n-th: equation (8) of Fader, Hardie and Lee (2005).
    """
    n = np.arange(max_count + 1)
    a = params[2]
    r, alpha, b = params[0] + x[:, None], params[1] + T[:, None], params[3] + x[:, None]
    z = t / (alpha + t)
    binomial = np.exp(gammaln(r + n) - gammaln(r) - gammaln(n + 1) + xlogy(n, z) - r * np.log1p(t / alpha))
    stays = np.concatenate((np.ones_like(b), np.cumprod((b + n[:-1]) / (a + b + n[:-1]), axis=1)), axis=1)
    counts = stays * binomial
    m = n[1:]
    counts[:, 1:] += stays[:, :-1] * (a / (a + b + m - 1)) * betainc(m, r, z)
    return np.clip(counts, 0.0, 1.0)


def draw_purchases_left(a: float, b: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """After how many more purchases does each customer leave? 1, 2, …, inf for never; shape of b."""
    p = rng.beta(a, b)
    wait = rng.standard_exponential(p.shape)
    with np.errstate(divide="ignore", over="ignore"):
        return np.floor(wait / -np.log1p(-p)) + 1


def draw_counts(rate: np.ndarray, left: np.ndarray, t: float, rng: np.random.Generator) -> np.ndarray:
    """Purchases within t at ``rate`` until ``left`` are made; ints."""
    return np.minimum(rng.poisson(np.minimum(rate * t, 1e15)), left).astype(np.int64)


def _mean_grid(purchases: np.ndarray, ages: np.ndarray, t: np.ndarray, params: tuple[float, ...]) -> np.ndarray:
    """Expected purchases for each of some counts, ages and horizons: shape (nx, nT, m)."""
    r, alpha, a, b = params
    shape, scale = r + purchases, alpha + ages
    p, weight = beta_nodes(a, b + purchases, steepness=(shape.max() + 1) * t.max(initial=0.0) / scale.min())
    weight = (weight / p)[:, :, None]
    found = np.empty((len(shape), len(scale), len(t)))
    size = max(1, _PIECE // (len(p) * len(scale)))
    for j, horizon in enumerate(t):
        growth = np.log1p(np.outer(1 / scale, horizon * p))
        for start in range(0, len(shape), size):
            rows = slice(start, start + size)
            found[rows, :, j] = (-np.expm1(-shape[rows, None, None] * growth) @ weight[rows])[:, :, 0]
    return found


def _discounted_grid(
    purchases: np.ndarray, ages: np.ndarray, t: float, delta: float, params: tuple[float, ...]
) -> np.ndarray:
    """Discounted ones, averaged over rate and p: shape (nx, nT, 1)."""
    r, alpha, a, b = params
    scale = alpha + ages
    p, weights = beta_nodes(a, b + purchases, steepness=(r + purchases.max() + 40) / (scale.min() * delta))
    found = np.empty((len(purchases), len(scale), 1))
    for i, (shape, weight) in enumerate(zip(r + purchases, weights, strict=True)):
        g, share = gamma_nodes(shape, steepness=1 / (delta * scale.min()))
        for j, one in enumerate(scale):
            rate = g / one
            ending = np.outer(p, rate) + delta
            inside = rate / ending if math.isinf(t) else rate * -np.expm1(-ending * t) / ending
            found[i, j, 0] = weight @ inside @ share
    return found


def _everywhere(
    at: Callable[[np.ndarray, np.ndarray], np.ndarray], x: np.ndarray, T: np.ndarray, params: tuple[float, ...]
) -> np.ndarray:
    """``at`` gives values on a grid of counts and ages, (nx, nT, m): here for each customer, (n, m).

    Values depend smoothly on ln(b + x) and ln(alpha + T): where these are many, few Chebyshev points stand for them.
    """
    (counts,), row = distinct(x)
    (ages,), place = distinct(T)
    _, alpha, _, b = params
    x_points, x_matrix = _few(counts, b)
    T_points, T_matrix = _few(ages, alpha)
    grid = at(x_points, T_points)
    if x_matrix is not None:
        grid = np.einsum("xk,ktm->xtm", x_matrix, grid, optimize=True)
    if T_matrix is None:
        return grid[row, place]
    if len(counts) * len(ages) <= 4 * len(x) + 100_000:
        return np.einsum("tk,xkm->xtm", T_matrix, grid, optimize=True)[row, place]
    return np.einsum("nk,nkm->nm", T_matrix[place], grid[row])


def _few(values: np.ndarray, shift: float) -> tuple[np.ndarray, np.ndarray | None]:
    # a large shift would cost digits and is not needed: only values from -shift on must be kept away from
    shift = min(shift, 1.0 + values.max())
    found = chebyshev(shift + values)
    return (values, None) if found is None else (np.maximum(found[0] - shift, 0.0), found[1])
