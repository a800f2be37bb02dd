"""The log-likelihood of BG/BB with all its first and second derivatives, on counted histories.

A history of x purchases, the last at opportunity t_x of n, may have ended after any of the opportunities
m = t_x, …, n - 1, or not at all (Fader, Hardie and Shang 2010):

    L = f(n) delta-rising(n) / (gamma+delta)-rising(n)
        + sum_{m=t_x}^{n-1} f(m) gamma delta-rising(m) / (gamma+delta)-rising(m+1)
    f(m) = alpha-rising(x) beta-rising(m-x) / (alpha+beta)-rising(m),   a-rising(k) = a (a+1) … (a+k-1)

The beta functions of the paper are written out as the finite products they are: sums of logarithms, tabled by length.
"""

import numpy as np

from clvlib.value.purchases._maximum_likelihood import Likelihood
from clvlib.value.purchases._summary import Triples

__all__ = ["BetaGeoBetaBinomLikelihood"]

#: Endings looked at at once.
_BLOCK = 1 << 18


class BetaGeoBetaBinomLikelihood(Likelihood):
    """``triples``: counted histories (x, t_x, n). Parameters: alpha, beta, gamma, delta."""

    def __init__(self, triples: Triples) -> None:
        self.triples = triples
        self.weight = float(triples.weight.sum())
        self.longest = int(triples.T.max())
        x, t_x, n = (values.astype(np.int64) for values in triples[:3])
        self.blocks = []
        endings = np.cumsum(n - t_x + 1)
        cuts = np.searchsorted(endings, np.arange(_BLOCK, endings[-1], _BLOCK))
        for rows in np.split(np.arange(len(x)), np.unique(cuts)):
            if len(rows):
                self.blocks.append((rows, *_endings(x[rows], t_x[rows], n[rows])))

    def value(self, params: np.ndarray) -> float:
        tables = _tables(params, self.longest)
        return sum(self.triples.weight[block[0]] @ _sums(tables, block)[1] for block in self.blocks)

    def gradient(self, params: np.ndarray) -> tuple[float, np.ndarray]:
        return self.hessian(params)[:2]

    def hessian(self, params: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        gamma = params[2]
        tables = _tables(params, self.longest)
        value, gradient, hessian = 0.0, np.zeros(4), np.zeros((4, 4))
        for block in self.blocks:
            rows, starts, x, m, alive = block
            share, total = _sums(tables, block)
            weight = self.triples.weight[rows]
            value += weight @ total
            left, faced = (~alive).astype(float), m + ~alive
            slope = np.stack(
                [
                    tables[0][1][x] - tables[2][1][m],
                    tables[1][1][m - x] - tables[2][1][m],
                    left / gamma - tables[4][1][faced],
                    tables[3][1][m] - tables[4][1][faced],
                ]
            )
            each = np.add.reduceat(share * slope, starts, axis=1)
            gradient += each @ weight
            share = share * np.repeat(weight, np.diff(starts, append=len(m)))
            hessian += (share * slope) @ slope.T - (weight * each) @ each.T
            both, late = share @ tables[2][2][m], share @ tables[4][2][faced]
            hessian += [
                [both - share @ tables[0][2][x], both, 0, 0],
                [both, both - share @ tables[1][2][m - x], 0, 0],
                [0, 0, late - share @ left / gamma**2, late],
                [0, 0, late, late - share @ tables[3][2][m]],
            ]
        return float(value), gradient, hessian

    def probability_alive(self, params: np.ndarray) -> np.ndarray:
        """That a customer has not left after opportunity n, thus may still buy at n or has just; shape (n_triples,)."""
        tables = _tables(params, self.longest)
        # each row's last ending is that there was none
        return np.concatenate([_sums(tables, block)[0][block[4]] for block in self.blocks])

    def endings(self, params: np.ndarray) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """(row, opportunity after which it ended, probability) of every possible ending, n for none; by blocks."""
        tables = _tables(params, self.longest)
        found = []
        for block in self.blocks:
            rows, starts, _, m, _ = block
            found.append((np.repeat(rows, np.diff(starts, append=len(m))), m, _sums(tables, block)[0]))
        return found


def _endings(x: np.ndarray, t_x: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, ...]:
    """Where each row's endings start, and for every ending x, m and whether it is none."""
    length = n - t_x + 1
    starts = np.cumsum(length) - length
    m = np.arange(length.sum()) - np.repeat(starts - t_x, length)
    return starts, np.repeat(x, length), m, m == np.repeat(n, length)


def _tables(params: np.ndarray, longest: int) -> list[np.ndarray]:
    """ln a-rising(k), its slope and minus its bend in a, k = 0, …, longest + 1, for each a that occurs."""
    alpha, beta, gamma, delta = params
    found = []
    for a in (alpha, beta, alpha + beta, delta, gamma + delta):
        terms = a + np.arange(longest + 1)
        sums = np.zeros((3, longest + 2))
        np.cumsum([np.log(terms), 1 / terms, 1 / terms**2], axis=1, out=sums[:, 1:])
        found.append(sums)
    found.append(np.array([np.log(gamma)]))
    return found


def _sums(tables: list[np.ndarray], block: tuple) -> tuple[np.ndarray, np.ndarray]:
    """The probability of each ending given the history, and the log-likelihood of each history."""
    _, starts, x, m, alive = block
    terms = tables[0][0][x] + tables[1][0][m - x] - tables[2][0][m] + tables[3][0][m] - tables[4][0][m + ~alive]
    terms += np.where(alive, 0.0, tables[5][0])
    largest = np.maximum.reduceat(terms, starts)
    length = np.diff(starts, append=len(m))
    np.exp(terms - np.repeat(largest, length), out=terms)
    total = np.add.reduceat(terms, starts)
    return terms / np.repeat(total, length), np.log(total) + largest
