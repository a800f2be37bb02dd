"""The log-likelihood of BG/NBD and MBG/NBD with all its first and second derivatives, on counted histories.

With d chances to drop out (d = x in BG/NBD, x + 1 in MBG/NBD), in a form that neither overflows nor cancels:

    ln L = sum_{i<d} [ln(b+i) - ln(a+b+i)] + sum_{i<x} ln(r+i) - r ln(1 + T/alpha) - x ln(alpha+T)
           + [d > 0] ln(1 + exp(e)),    e = ln a - ln(b+d-1) + (r+x) [ln(alpha+T) - ln(alpha+t_x)]

which is equation (3) of Fader, Hardie and Lee (2005), "Counting your customers" the easy way, with its gamma functions
written out as the finite products they are. Only the last term needs the triple; the others are sums over counts
(how many customers have x > i) and over distinct T.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from clvlib.value._maximum_likelihood import Likelihood
from clvlib.value._summary import Triples

__all__ = ["BetaGeoLikelihood", "exceeding"]

#: Triples worked on at once: a handful of columns of this length stays in the second-level cache.
BLOCK = 1 << 14
#: From here on, two blocking threads; below, they cost more than they bring.
THREADED = 1 << 17


class BetaGeoLikelihood(Likelihood):
    """``triples``: counted histories; parameters r, alpha, a, b.

    ``first_chance``: 0 where who has just come cannot leave (BG/NBD), 1 where they can (MBG/NBD).
    """

    def __init__(self, triples: Triples, *, first_chance: int) -> None:
        x, t_x, T, weight = self.triples = triples
        self.weight = float(weight.sum())
        self.exceeding = exceeding(x, weight)  # customers with x > i
        self.chances = np.concatenate(([self.weight], self.exceeding)) if first_chance else self.exceeding
        days, place = np.unique(T, return_inverse=True)
        self.days, self.customers = days, np.bincount(place, weights=weight)
        self.purchases = np.bincount(place, weights=weight * x)
        may = x + first_chance > 0
        self.x, self.t_x, self.T, self.w = (values[may] for values in (x, t_x, T, weight))
        self.last = self.x + (first_chance - 1)  # d - 1

    def value(self, params: np.ndarray) -> float:
        r, alpha, a, b = params
        i, j = np.arange(len(self.exceeding)), np.arange(len(self.chances))
        total = -self.chances @ np.log1p(a / (b + j)) + self.exceeding @ np.log(r + i)
        total -= r * (self.customers @ np.log1p(self.days / alpha)) + self.purchases @ np.log(alpha + self.days)
        for block in self._blocks():
            x, t_x, T, w, last = block
            e = np.log(a / (b + last)) + (r + x) * np.log((alpha + T) / (alpha + t_x))
            total += w @ (np.maximum(e, 0) + np.log1p(np.exp(-np.abs(e))))
        return float(total)

    def gradient(self, params: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient, _ = self.hessian(params)
        return value, gradient

    def hessian(self, params: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        r, alpha, a, b = params
        i, j = r + np.arange(len(self.exceeding)), b + np.arange(len(self.chances))
        hessian = np.zeros((4, 4))
        stay, both = 1 / j, 1 / (a + j)
        value = -self.chances @ np.log1p(a / j) + self.exceeding @ np.log(i)
        g_r, g_a = self.exceeding @ (1 / i), -self.chances @ both
        g_b = self.chances @ (a * stay * both)  # 1/j - 1/(a+j) without the difference
        hessian[0, 0] = -self.exceeding @ (1 / i**2)
        hessian[2, 2] = hessian[2, 3] = self.chances @ both**2
        hessian[3, 3] = -self.chances @ (a * stay * both * (stay + both))
        age = alpha + self.days
        grown = self.days / (alpha * age)  # 1/alpha - 1/(alpha+T)
        value -= r * (self.customers @ np.log1p(self.days / alpha)) + self.purchases @ np.log(age)
        g_r -= self.customers @ np.log1p(self.days / alpha)
        g_alpha = r * (self.customers @ grown) - self.purchases @ (1 / age)
        hessian[0, 1] = self.customers @ grown
        hessian[1, 1] = -r * (self.customers @ (grown * (1 / alpha + 1 / age))) + self.purchases @ (1 / age**2)

        sums, squares = self._left(r, alpha, a, b)
        value += sums[0]
        gradient = np.array([g_r, g_alpha, g_a, g_b])
        gradient += [sums[1], sums[2], sums[3] / a, sums[4]]
        # e is the sum of a term in (r, alpha), one in a and one in b: few second derivatives of its own
        hessian[0, 1] += sums[5]
        hessian[1, 1] += sums[6]
        hessian[2, 2] -= sums[3] / a**2
        hessian[3, 3] += sums[7]
        scale = np.array([1, 1, 1 / a, 1])
        hessian = np.triu(hessian) + np.triu(hessian, 1).T + squares * np.outer(scale, scale)
        return float(value), gradient, hessian

    def _left(self, r: float, alpha: float, a: float, b: float) -> tuple[np.ndarray, np.ndarray]:
        """Sums over triples of ln(1 + exp e), its derivatives by e times those of e, and their products (4, 4)."""

        def one(block):
            x, t_x, T, w, last = block
            now, then, power, late = alpha + T, alpha + t_x, r + x, b + last
            since = np.log(now / then)
            e = np.log(a / late) + power * since
            q = np.exp(-np.abs(e))
            gone = np.where(e > 0, 1.0, q) / (1 + q)  # the probability of having left
            rows = np.empty((4, len(x)))
            rows[0] = since
            slope = (t_x - T) / (now * then)  # 1/(alpha+T) - 1/(alpha+t_x)
            rows[1] = power * slope
            rows[2] = 1.0
            rows[3] = -1 / late
            v = w * gone
            sums = np.empty(8)
            sums[0] = w @ (np.maximum(e, 0) + np.log1p(q))
            sums[1:5] = rows @ v
            sums[5] = v @ slope
            sums[6] = -(v * rows[1]) @ (1 / now + 1 / then)
            sums[7] = v @ rows[3] ** 2
            return sums, (rows * (w * q / (1 + q) ** 2)) @ rows.T  # q / (1+q)^2 is gone (1 - gone)

        if len(self.x) < THREADED:
            parts = [one(block) for block in self._blocks()]
        else:
            with ThreadPoolExecutor(2) as pool:
                parts = list(pool.map(one, self._blocks()))
        return sum(part[0] for part in parts), sum(part[1] for part in parts)

    def _blocks(self) -> Iterator[tuple[np.ndarray, ...]]:
        columns = (self.x, self.t_x, self.T, self.w, self.last)
        for start in range(0, max(len(self.x), 1), BLOCK):
            yield tuple(values[start : start + BLOCK] for values in columns)


def exceeding(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """For i = 0, 1, …, max(x) - 1, the weight of customers with x > i."""
    at = np.bincount(x.astype(np.int64), weights=weight)
    return np.cumsum(at[::-1])[::-1][1:]
