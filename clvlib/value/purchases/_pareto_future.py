"""What a Pareto/NBD customer does from now on if still one: counts, discounted lifetime; and when those left who did.

An alive customer with (x, T) is, in law, a new customer whose purchase rate is Gamma(shape, scale) with shape = r + x,
scale = alpha + T, and whose rate of leaving is Gamma(s, late) with late = beta + T: both integrals need only these.
"""

from functools import cache

import numpy as np
from scipy.special import gammaln

__all__ = ["count_probabilities", "departure_ages", "discounted_time", "expected_time"]

#: Numbers in one array of nodes, so that temporary arrays stay small.
_BLOCK = 1 << 20


def expected_time(s: float, late: np.ndarray, t: np.ndarray | float) -> np.ndarray:
    """Expected time as a customer within t from now: integral over u in (0, t) of (late / (late + u))^s.

    Equal to (late / (s - 1)) (1 - (late / (late + t))^(s-1)), without its gap at s = 1.
    """
    spread = np.log1p(t / late)
    power = (s - 1) * spread
    small = np.abs(power) < 1e-8
    return late * spread * np.where(small, 1 - power / 2, -np.expm1(-power) / np.where(small, 1, power))


def discounted_time(s: float, late: np.ndarray, t: float, delta: float) -> np.ndarray:
    """The same, discounted at the rate ``delta``: integral over u in (0, t) of e^(-delta u) (late / (late + u))^s.

    For t = inf it is late U(1, 2 - s, delta late), Tricomi's function, as Fader, Hardie and Lee (2005, JMR 42) have
    it up to a factor; by the trapezium rule in a double exponential substitution, exact to rounding.
    """
    if delta == 0 or t == 0:
        return expected_time(s, late, t)
    distinct, place = np.unique(late, return_inverse=True)
    # u = shortest e^(w - e^-w) resolves any scale from the steepest fall on; its right end is t, or where all is gone
    steep = abs(delta) + s / distinct.min()
    if np.isinf(t):
        shortest = 0.5 / steep
        reach = np.log(38 / (delta * shortest)) + 0.2
        w, step = _steps(reach)
        u = shortest * np.exp(w - np.exp(-w))
        weight = step * u * (1 + np.exp(-w))
    else:
        reach = np.log(t / min(0.5 / steep, t / 2))
        w, step = _steps(reach + 3.7)
        end = np.exp(w - reach)
        rise = w - reach - np.exp(-w) + end
        u = t / (1 + np.exp(-rise))
        weight = step * u / (1 + np.exp(rise)) * (1 + np.exp(-w) + end)
    weight = weight * np.exp(-delta * u)
    found = np.empty(len(distinct))
    for rows in _rows(len(distinct), len(u)):
        found[rows] = np.einsum("ij,j->i", np.exp(-s * np.log1p(u / distinct[rows, None])), weight)
    return found[place]


def _steps(last: float) -> tuple[np.ndarray, float]:
    return np.linspace(-3.7, last, int(np.ceil((last + 3.7) / 0.2)) + 1, retstep=True)


def count_probabilities(
    shape: np.ndarray, scale: np.ndarray, s: float, late: np.ndarray, t: float, max_count: int
) -> np.ndarray:
    """P(0), …, P(max_count) purchases within t, shape (n, max_count + 1).

    The negative binomial of a customer who is active for a time w, averaged over w: for t with the probability of
    staying so long, else by Gauss-Legendre quadrature in ln(1 + w / c) over the density of leaving. Fader and Hardie
    (2006), "Deriving an expression for P(X(t) = x)", give it as a sum of 2F1 that cancels; this does not.
    """
    found = np.zeros((len(shape), max_count + 1))
    if t == 0:
        found[:, 0] = 1
        return found
    c = 1 / ((s + 1) / late + shape / scale)
    spread = np.log1p(t / c)
    # as fine as the narrowest hump, that of max_count purchases; in panels, since large rules are dear to find
    n_panels = int(np.ceil(min(24 + 6 * spread.max() + 1.9 * spread.max() * np.sqrt(max_count + 1), 2000) / 32))
    node, weight = _gauss()
    node = (np.arange(n_panels)[:, None] + node).ravel() / n_panels
    weight = np.tile(weight, n_panels) / n_panels
    for rows in _rows(len(shape), len(node) + 1):
        v = spread[rows, None] * node
        w = c[rows, None] * np.expm1(v)
        density = np.log(spread[rows, None] * weight * (c[rows, None] + w) * (s / late[rows, None]))
        density -= (s + 1) * np.log1p(w / late[rows, None])
        # the last column is the customer who stays all the time
        w = np.column_stack((w, np.full(len(w), t)))
        density = np.column_stack((density, -s * np.log1p(t / late[rows])))
        density -= shape[rows, None] * np.log1p(w / scale[rows, None])
        bought = w / (scale[rows, None] + w)
        if density.min() > -650:
            term = np.exp(density)
            for count in range(max_count + 1):
                found[rows, count] = term.sum(axis=1)
                term *= bought
                term *= ((shape[rows] + count) / (count + 1))[:, None]
        else:
            log_bought = np.log(bought)
            for count in range(max_count + 1):
                choose = gammaln(shape[rows] + count) - gammaln(shape[rows]) - gammaln(count + 1)
                found[rows, count] = np.exp(density + count * log_bought + choose[:, None]).sum(axis=1)
    return np.minimum(found, 1.0)


@cache
def _gauss() -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes and weights on (0, 1)."""
    node, weight = np.polynomial.legendre.leggauss(36)
    return (1 + node) / 2, weight / 2


def departure_ages(
    params: np.ndarray, x: np.ndarray, t_x: np.ndarray, T: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """The age at which customers left who left between t_x and T: one exact draw each, shape (n,).

    Its density is proportional to (alpha + w)^-(r+x) (beta + w)^-(s+1). In v = ln(min(alpha, beta) + w) it is
    log-concave, so the tangents at three points lie above it: draws under them are accepted with the ratio of the two.
    """
    r, alpha, s, beta = params
    c = min(alpha, beta)
    found = np.empty(len(x))
    left = np.arange(len(x))

    def at(v: np.ndarray, power: np.ndarray) -> np.ndarray:
        w = np.exp(v) - c
        return v - power * np.log(alpha + w) - (s + 1) * np.log(beta + w)

    def slope(v: np.ndarray, power: np.ndarray) -> np.ndarray:
        w = np.exp(v) - c
        return 1 - np.exp(v) * (power / (alpha + w) + (s + 1) / (beta + w))

    while len(left):
        low, high, power = np.log(c + t_x[left]), np.log(c + T[left]), r + x[left]
        touch = low + np.minimum((high - low) / 2, 1 / np.maximum(np.abs(slope(low, power)), 1e-300))
        points = np.stack([low, touch, high])
        heights = at(points, power)
        slopes = slope(points, power)
        heights -= heights.max(axis=0)
        ends = np.stack([low, *_crossings(points, heights, slopes), high])
        width = np.diff(ends, axis=0)
        # each piece is e^(height at its left end + slope * distance)
        start = heights + slopes * (ends[:-1] - points)
        rise = slopes * width
        area = width * np.exp(start + np.maximum(rise, 0)) * _mean_exp(-np.abs(rise))
        total = np.cumsum(area, axis=0)
        drawn = rng.random(len(left)) * total[-1]
        piece = (drawn[None] > total[:-1]).sum(axis=0)
        column = np.arange(len(left))
        share = np.clip((drawn - (total - area)[piece, column]) / area[piece, column], 0, 1)
        v = ends[piece, column] + width[piece, column] * _inverse(share, rise[piece, column])
        hull = heights[piece, column] + slopes[piece, column] * (v - points[piece, column])
        target = at(v, power) - at(points, power).max(axis=0)
        accepted = np.log(rng.random(len(left))) <= target - hull
        found[left[accepted]] = np.exp(v[accepted]) - c
        left = left[~accepted]
    return np.clip(found, t_x, T)


def _crossings(points: np.ndarray, heights: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Where each tangent meets the next; between their two points."""
    fall = slopes[:-1] - slopes[1:]
    flat = fall <= 1e-12
    gap = heights[1:] - heights[:-1] - slopes[1:] * (points[1:] - points[:-1])
    met = points[:-1] + np.where(flat, (points[1:] - points[:-1]) / 2, gap / np.where(flat, 1, fall))
    return np.clip(met, points[:-1], points[1:])


def _mean_exp(power: np.ndarray) -> np.ndarray:
    """(e^power - 1) / power, 1 at 0."""
    small = np.abs(power) < 1e-8
    return np.where(small, 1 + power / 2, np.expm1(power) / np.where(small, 1, power))


def _inverse(share: np.ndarray, rise: np.ndarray) -> np.ndarray:
    """Quantile of the density proportional to e^(rise z) on (0, 1), without overflow."""
    down = -np.abs(rise)
    small = down > -1e-8
    share = np.where(rise > 0, 1 - share, share)
    z = np.where(small, share, np.log1p(share * np.expm1(down)) / np.where(small, 1, down))
    return np.where(rise > 0, 1 - z, z)


def _rows(n: int, width: int) -> list[slice]:
    height = max(1, _BLOCK // width)
    return [slice(start, min(start + height, n)) for start in range(0, n, height)]
