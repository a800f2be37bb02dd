"""The log-likelihood of Pareto/NBD with all its first and second derivatives, on counted histories, without any 2F1.

With M(x, t), the probability of leaving before the next purchase (:mod:`clvlib.value.purchases._leaving_first`),

    ln L = sum_{i<x} ln(r+i) - r ln(1 + T/alpha) - x ln(alpha+T) - s ln(1 + T/beta) + ln(1 + Q)
    1 + Q = 1 / P(alive) = 1 - M(x, T) + e^z,
    z = ln M(x, t_x) + (r+x) ln((alpha+T)/(alpha+t_x)) + s ln((beta+T)/(beta+t_x))

which is equation (18) of Fader and Hardie (2005), "A note on deriving the Pareto/NBD model". M is needed at the few
distinct (x, t) only, so a history costs two look-ups, an exponential and a logarithm.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from clvlib.value.purchases._ages import Ages, Cells, used
from clvlib.value.purchases._leaving_first import leaving_first, leaving_first_of_many
from clvlib.value.purchases._maximum_likelihood import Likelihood
from clvlib.value.purchases._summary import Triples

__all__ = ["ParetoLikelihood"]

#: Histories worked on at once: a handful of columns of this length stays in the second-level cache.
BLOCK = 1 << 13
#: From here on, two blocking threads; below, they cost more than they bring.
THREADED = 1 << 17


class ParetoLikelihood(Likelihood):
    """``triples``: counted histories. Parameters: r, alpha, s, beta."""

    def __init__(self, triples: Triples) -> None:
        self.triples = triples
        x, t_x, T, weight = triples[:4]
        self.weight = float(weight.sum())
        at = np.bincount(x.astype(np.int64), weights=weight)
        self.exceeding = np.cumsum(at[::-1])[::-1][1:]  # customers with x > i
        level, self.x = pd.factorize(x)
        age, self.t = pd.factorize(np.concatenate((t_x, T)))
        before, now = age[: len(x)], age[len(x) :]
        customers, purchases = np.bincount(now, weights=weight), np.bincount(now, weights=weight * x)
        last = np.flatnonzero(customers)
        self.T, self.customers, self.purchases = self.t[last], customers[last], purchases[last]
        self.cells = Cells(level, before, now, len(self.x), len(self.t))
        # what only (x, t_x) or only (x, T) decides is computed once per such pair
        self.starts, self.start = used(self.cells.before, self.cells.n)
        self.ends, self.end = used(self.cells.now, self.cells.n)
        self.ages: Ages | None = None

    def value(self, params: np.ndarray) -> float:
        return float(self.many(params[None])[0])

    def many(self, params: np.ndarray) -> np.ndarray:
        found = np.empty(len(params))
        # as many at once as make arrays of a block's size, those next to each other that can share the grid of ages
        smallest, size = np.minimum(params[:, 1], params[:, 3]), max(1, 24 * BLOCK // max(self.cells.n, len(self.end)))
        order, start = np.argsort(smallest), 0
        while start < len(order):
            grid = self._grid(smallest[order[start]])
            served = [grid.serves(smallest[one]) for one in order[start : start + size]]
            some = order[start : start + (served.index(False) if False in served else size)]
            found[some] = self._values_on(grid, params[some])
            start += len(some)
        return found

    def _values_on(self, grid: Ages, params: np.ndarray) -> np.ndarray:
        r, alpha, s, beta = params.T[:, :, None]
        shape = r + np.arange(len(self.exceeding))
        value = np.log(shape) @ self.exceeding
        for weights, power, scale in ((self.customers, r, alpha), (self.customers, s, beta)):
            value -= np.einsum("ij,j->i", power * np.log1p(self.T / scale), weights)
        value -= np.einsum("ij,j->i", np.log(alpha + self.T), self.purchases)
        cells, n = self.cells, len(params)
        log_m = cells.forth(grid, leaving_first_of_many(params, self.x, grid.nodes)).reshape(n, -1)
        log_alpha, log_beta = np.log1p(self.t / alpha), np.log1p(self.t / beta)

        def rise(used: np.ndarray) -> np.ndarray:
            x, t = cells.levels(used)
            return (r + self.x[x]) * log_alpha[:, t] + s * log_beta[:, t]

        first, last = log_m[:, self.starts] - rise(self.starts), rise(self.ends)
        m = np.exp(log_m[:, self.ends])
        for i in range(n):
            tables = {"first": first[i], "last": last[i], "M": m[i]}
            value[i] += sum(self._blockwise(lambda rows, tables=tables: self._value_of(tables, rows, self.start)))
        return value

    def probability_alive(self, params: np.ndarray) -> np.ndarray:
        """P(alive | x, t_x, T) of each of the triples, shape (n_triples,)."""
        tables = self._tables(params, order=0)

        def alive(rows: slice) -> np.ndarray:
            shift, total, _ = self._odds(tables, rows)
            return np.exp(-shift) / total

        # at t_x = T, 1 - M + M may be a rounding below 1
        return np.minimum(np.concatenate(self._blockwise(alive)), 1.0)

    def gradient(self, params: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient, _ = self._without_dropout(params)
        tables = self._tables(params, order=1)
        for left in self._blockwise(lambda rows: self._gradient_of(tables, rows)[:2]):
            value += left[0]
            gradient += left[1]
        return float(value), gradient

    def hessian(self, params: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        r, alpha, s, beta = params
        value, gradient, hessian = self._without_dropout(params)
        tables = self._tables(params, order=2)
        alive, gone = np.empty_like(self.triples.weight), np.empty_like(self.triples.weight)

        def one(rows: slice) -> tuple[float, np.ndarray, np.ndarray]:
            value, gradient, slope, single, alive[rows], gone[rows] = self._gradient_of(tables, rows)
            return value, gradient, (slope * gone[rows]) @ slope.T - (single * self.triples.weight[rows]) @ single.T

        for left in self._blockwise(one):
            value += left[0]
            gradient += left[1]
            hessian += left[2]
        # second derivatives of ln M, of M at T, and of the powers of (alpha + t) and (beta + t): sums over cells
        stays = np.bincount(self.end, weights=alive, minlength=len(self.ends)) * tables["M"]
        hessian -= (tables["slopes"] * stays) @ tables["slopes"].T
        leaves = np.bincount(self.cells.before, weights=gone, minlength=self.cells.n)
        powers = -leaves
        powers[self.ends] += np.bincount(self.end, weights=gone, minlength=len(self.ends))
        leaves[self.ends] -= stays
        hessian += np.tensordot(tables["hessian"], self.cells.back(tables["grid"], leaves), axes=2)
        n, purchases = self.cells.by_age(powers), self.cells.by_age(powers, self.x)
        more = np.zeros((4, 4))
        for i, weights, power, scale in ((0, r * n + purchases, 1, alpha), (2, n, s, beta)):
            late = 1 / (scale + self.t)
            slopes = self.t / scale * late
            more[i, i + 1] = more[i + 1, i] = -_sum(n, slopes)
            more[i + 1, i + 1] = power * _sum(weights, slopes * (1 / scale + late))
        return float(value), gradient, hessian + more

    def _without_dropout(self, params: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """All but the sum of w ln(1 + Q), with its derivatives."""
        r, alpha, s, beta = params
        shape = r + np.arange(len(self.exceeding))
        value, gradient, hessian = self.exceeding @ np.log(shape), np.zeros(4), np.zeros((4, 4))
        gradient[0], hessian[0, 0] = self.exceeding @ (1 / shape), -(self.exceeding @ (1 / shape**2))
        for i, power, scale in ((0, r, alpha), (2, s, beta)):
            grown = _sum(self.customers, np.log1p(self.T / scale))
            late = 1 / (scale + self.T)
            slopes = self.T / scale * late  # 1/scale - 1/(scale + T)
            slope = _sum(self.customers, slopes)
            value -= power * grown
            gradient[i : i + 2] += (-grown, power * slope)
            hessian[i, i + 1] = hessian[i + 1, i] = slope
            hessian[i + 1, i + 1] = -power * _sum(self.customers, slopes * (1 / scale + late))
        late = 1 / (alpha + self.T)
        value += _sum(self.purchases, np.log(late))
        gradient[1] -= _sum(self.purchases, late)
        hessian[1, 1] += _sum(self.purchases, late**2)
        return value, gradient, hessian

    def _grid(self, smallest: float) -> Ages:
        grid = self.ages
        if grid is None or not grid.serves(smallest):
            grid = self.ages = Ages(self.t, smallest)
        return grid

    def _tables(self, params: np.ndarray, *, order: int) -> dict[str, Any]:
        """What the histories look up: by cell (x, t), and by the cells (x, T) alone."""
        r, alpha, s, beta = params
        grid = self._grid(min(alpha, beta))
        log_m, gradient, hessian = leaving_first(params, self.x, grid.nodes, order=order)
        first = self.cells.forth(grid, log_m[None])[0]
        found = {"M": np.exp(first.ravel()[self.ends])}
        of_x, of_t = self.cells.of_x(r + self.x), self.cells.of_t
        # ln((alpha+T)/(alpha+t_x)) is the difference of two ln(1 + t/alpha), small where alpha is large
        log_alpha, log_beta = of_t(np.log1p(self.t / alpha)), of_t(np.log1p(self.t / beta))
        rise = of_x * log_alpha
        rise += s * log_beta
        first -= rise
        found["first"], found["last"] = first.ravel(), rise.ravel()[self.ends]
        if order:
            slopes = self.cells.forth(grid, gradient)
            flat = slopes.reshape(4, -1)
            at_end = flat[:, self.ends]
            by_alpha, by_beta = (-self.t / (scale * (scale + self.t)) for scale in (alpha, beta))
            of_rise = (log_alpha, of_x * of_t(by_alpha), log_beta, of_t(s * by_beta))
            for slope, subtracted in zip(slopes, of_rise, strict=True):
                slope -= subtracted
            found["slopes"], found["M slopes"] = at_end, -found["M"] * at_end
            found["first slopes"], found["last slopes"] = flat, at_end - flat[:, self.ends]
        if order == 2:
            # the Hessian is wanted at the nodes, where sums over cells are carried back to
            found["hessian"], found["grid"] = hessian, grid
        return found

    def _odds(
        self, tables: dict[str, Any], rows: slice, place: np.ndarray | None = None
    ) -> tuple[np.ndarray | float, np.ndarray, np.ndarray]:
        """(shift, (1 + Q) e^-shift, e^(z - shift)): ``shift`` is 0 but where e^z would overflow.

        place: where in the table "first" each history finds its own; its cell (x, t_x) if not stated.
        """
        end = self.end[rows]
        z = tables["first"][(self.cells.before if place is None else place)[rows]] + tables["last"][end]
        stays = 1 - tables["M"][end]
        if z.max(initial=0) < 600:
            leaves = np.exp(z, out=z)
            return 0.0, stays + leaves, leaves
        shift = np.maximum(z, 0)
        leaves = np.exp(z - shift)
        return shift, stays * np.exp(-shift) + leaves, leaves

    def _value_of(self, tables: dict[str, Any], rows: slice, place: np.ndarray) -> float:
        shift, total, _ = self._odds(tables, rows, place)
        return self.triples.weight[rows] @ (np.log(total) + shift)

    def _gradient_of(self, tables: dict[str, Any], rows: slice) -> tuple[float, np.ndarray, ...]:
        """Sum of w ln(1 + Q), its gradient, those of z and of each ln(1 + Q), and w times the two terms' shares."""
        shift, total, leaves = self._odds(tables, rows)
        before, end, weight = self.cells.before[rows], self.end[rows], self.triples.weight[rows]
        alive, gone = np.exp(-shift) / total, leaves / total
        slope = tables["first slopes"].take(before, axis=1)
        slope += tables["last slopes"].take(end, axis=1)
        single = tables["M slopes"].take(end, axis=1)
        single *= alive
        single += gone * slope
        value = weight @ (np.log(total) + shift)
        return value, single @ weight, slope, single, weight * alive, weight * gone

    def _blockwise(self, one: Callable[[slice], object]) -> list:
        starts = [*range(0, len(self.triples.x), BLOCK), len(self.triples.x)]
        blocks = [slice(*ends) for ends in pairwise(starts)]
        if len(self.triples.x) < THREADED:
            return [one(block) for block in blocks]
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(one, blocks))


def _sum(weights: np.ndarray, values: np.ndarray) -> float:
    """Their product, summed; unlike ``@``, never by a team of threads."""
    return float(np.einsum("i,i->", weights, values))
