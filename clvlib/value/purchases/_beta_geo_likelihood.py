"""The log-likelihood of BG/NBD and MBG/NBD with all its first and second derivatives, on counted histories.

With d chances to drop out (d = x in BG/NBD, x + 1 in MBG/NBD), in a form that neither overflows nor cancels:

    ln L = sum_{i<d} [ln(b+i) - ln(a+b+i)] + sum_{i<x} ln(r+i) - r ln(1 + T/alpha) - x ln(alpha+T)
           + [d > 0] ln(1 + exp(e)),    e = ln a - ln(b+d-1) + (r+x) [ln(alpha+T) - ln(alpha+t_x)]

which is equation (3) of Fader, Hardie and Lee (2005), "Counting your customers" the easy way, with its gamma functions
written out as the finite products they are. Only the last term needs the triple; the others are sums over counts
(how many customers have x > i) and over distinct T.
"""

from collections.abc import Iterator

import numpy as np

from clvlib.value.purchases._maximum_likelihood import Likelihood
from clvlib.value.purchases._summary import Triples

__all__ = ["BetaGeoLikelihood", "exceeding"]

#: Triples worked on at once: a dozen columns of this length stay in the second-level cache, and products of them are
#: below the size from which OpenBLAS starts threads, which wait for each other where processors are shared.
BLOCK = 6000


class BetaGeoLikelihood(Likelihood):
    """``triples``: counted histories; parameters r, alpha, a, b.

    ``first_chance``: 0 where who has just come cannot leave (BG/NBD), 1 where they can (MBG/NBD).
    """

    def __init__(self, triples: Triples, *, first_chance: int) -> None:
        x, t_x, T, weight, _ = self.triples = triples
        self.weight = float(weight.sum())
        self.exceeding = exceeding(x, weight)  # customers with x > i
        self.chances = np.concatenate(([self.weight], self.exceeding)) if first_chance else self.exceeding
        self.days, self.customers, self.purchases = triples.by_age(weight, weight * x)
        may = slice(None) if first_chance else _nonzero(x)
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
        counts = np.arange(len(self.chances), dtype=float)
        i, j = r + counts[: len(self.exceeding)], b + counts
        stay, both = 1 / j, 1 / (a + j)
        apart = a * stay * both  # 1/j - 1/(a+j) without the difference
        age = alpha + self.days
        aged, since_start = 1 / age, np.log1p(self.days / alpha)
        grown = self.days * aged / alpha  # 1/alpha - 1/(alpha+T)
        waited, growth = self.customers @ since_start, self.customers @ grown
        total, sums, squares = self._left(r, alpha, a, b)

        value = self.exceeding @ np.log(i) - self.chances @ np.log1p(a * stay)
        value += total - r * waited - self.purchases @ np.log(age)
        gradient = np.array(
            [
                self.exceeding @ (1 / i) - waited + sums[0],
                r * growth - self.purchases @ aged + sums[1],
                sums[2] / a - self.chances @ both,
                self.chances @ apart + sums[3],
            ]
        )
        # e is the sum of a term in (r, alpha), one in a and one in b: few second derivatives of its own
        bend = self.purchases @ aged**2 - r * (self.customers @ (grown * (1 / alpha + aged)))
        shared = self.chances @ both**2
        hessian = np.array(
            [
                [-self.exceeding @ (1 / i**2), growth + sums[4], 0.0, 0.0],
                [growth + sums[4], bend + sums[5], 0.0, 0.0],
                [0.0, 0.0, shared - sums[2] / a**2, shared],
                [0.0, 0.0, shared, sums[6] - self.chances @ (apart * (stay + both))],
            ]
        )
        squares[2] /= a
        squares[:, 2] /= a
        return float(value), gradient, hessian + squares

    def _left(self, r: float, alpha: float, a: float, b: float) -> tuple[float, np.ndarray, np.ndarray]:
        """Over triples: the sum of ln(1 + exp e), (7,) of its slope times first and second derivatives of e, (4, 4)
        of its curvature times products of first ones. In place of a the parameter here is ln a."""

        total, products = 0.0, np.zeros((5, 7))
        for x, t_x, T, w, last in self._blocks():
            right, left = np.empty((7, len(x))), np.empty((5, len(x)))
            since, e_alpha, ones, e_b, slope, bend, square = right
            age, power = T + alpha, x + r
            now, then = 1 / age, 1 / (t_x + alpha)
            np.log(age * then, out=since)
            np.multiply((t_x - T) * now, then, out=slope)  # 1/(alpha+T) - 1/(alpha+t_x)
            np.multiply(power, slope, out=e_alpha)
            ones[:] = 1.0
            np.divide(-1.0, last + b, out=e_b)
            np.multiply(now + then, e_alpha, out=bend)
            np.multiply(e_b, e_b, out=square)
            e = np.log(-a * e_b) + power * since
            q = np.exp(-np.abs(e))
            rest = 1 + q
            share = w / rest
            np.multiply(right[:4], share * q / rest, out=left[:4])  # by gone (1 - gone), which is q / (1+q)^2
            np.multiply(share, np.where(e > 0, 1.0, q), out=left[4])  # gone, the probability of having left
            total += w @ (np.maximum(e, 0) + np.log(rest))
            products += left @ right.T
        products[4, 5] *= -1
        return total, products[4], products[:4, :4]

    def _blocks(self) -> Iterator[tuple[np.ndarray, ...]]:
        columns = (self.x, self.t_x, self.T, self.w, self.last)
        for start in range(0, max(len(self.x), 1), BLOCK):
            yield tuple(values[start : start + BLOCK] for values in columns)


def _nonzero(x: np.ndarray) -> slice | np.ndarray:
    """Where x is not zero: a slice, which copies nothing, if zeros come first."""
    zeros = int(np.count_nonzero(x == 0))
    return np.flatnonzero(x > 0) if x[:zeros].any() else slice(zeros, None)


def exceeding(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """For i = 0, 1, …, max(x) - 1, the weight of customers with x > i."""
    at = np.bincount(x.astype(np.int64), weights=weight)
    return np.cumsum(at[::-1])[::-1][1:]
