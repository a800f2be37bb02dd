"""Functions of (x, t) at the few counts and ages that customers have: known at fewer nodes, carried there and back."""

from itertools import pairwise

import numpy as np

from clvlib.value.purchases._leaving_first import product

__all__ = ["Ages", "Cells", "used"]


class Ages:
    """A function of age known at few nodes, carried to the ages of the customers, and sums over ages carried back.

    Chebyshev interpolation in ln(c + t), where c lies just below the smaller of alpha and beta: all singularities of
    ln M lie at ages between -max(alpha, beta) and -min(alpha, beta), so the number of nodes for full precision is
    known beforehand.
    """

    def __init__(self, t: np.ndarray, smallest: float) -> None:
        """t: the ages, shape (n_t,). smallest: min(alpha, beta)."""
        self.t = t
        self.c = smallest / 1.5
        low, high = np.log(self.c + t.min()), np.log(self.c + t.max())
        half = max((high - low) / 2, 1e-12)
        ellipse = np.pi / half + np.hypot(1, np.pi / half)
        n = int(np.ceil(31 / np.log(ellipse))) + 3
        self.direct = 2 * n >= len(t)
        if self.direct:
            self.nodes = t
            return
        degree = np.arange(n)
        angles = np.pi * (degree + 0.5) / n
        self.nodes = np.exp(low + half * (1 + np.cos(angles))) - self.c
        place = np.arccos(np.clip((np.log(self.c + t) - low) / half - 1, -1, 1))
        to_coefficients = np.cos(np.outer(degree, angles)) * (2 - (degree == 0))[:, None] / n
        self.spread = product(np.cos(np.multiply.outer(place, degree)), to_coefficients)

    def serves(self, smallest: float) -> bool:
        """Is this grid still fine enough for such a min(alpha, beta)?"""
        return self.direct or self.c <= smallest <= 5 * self.c

    def forth(self, at_nodes: np.ndarray, places: np.ndarray | None = None) -> np.ndarray:
        """(k, n_nodes) -> (k, n_t), or to some of the ages only."""
        if self.direct:
            return at_nodes if places is None else at_nodes[:, places]
        return product(at_nodes, (self.spread if places is None else self.spread[places]).T)

    def back(self, at_ages: np.ndarray, places: np.ndarray | None = None) -> np.ndarray:
        """The transpose of :meth:`forth`: (k, n_t) -> (k, n_nodes)."""
        if self.direct:
            if places is None:
                return at_ages
            return np.stack([np.bincount(places, weights=row, minlength=len(self.t)) for row in at_ages])
        return product(at_ages, self.spread if places is None else self.spread[places])


class Cells:
    """The pairs (x, t) that histories look up: all of them on a grid of days, else those that occur.

    ``before``, ``now``: the cells (x, t_x) and (x, T) of each history, counted along the flattened ``shape``.
    """

    def __init__(self, level: np.ndarray, before: np.ndarray, now: np.ndarray, n_x: int, n_t: int) -> None:
        self.before, self.now, self.n_t = level * n_t + before, level * n_t + now, n_t
        self.grid = n_x * n_t <= max(1 << 16, 8 * len(level))
        if self.grid:
            self.shape: tuple[int, ...] = (n_x, n_t)
        else:
            cells, place = np.unique(np.concatenate((self.before, self.now)), return_inverse=True)
            self.before, self.now = place[: len(level)], place[len(level) :]
            self.x, self.t = np.divmod(cells, n_t)
            self.pieces = list(pairwise(np.searchsorted(self.x, np.arange(n_x + 1))))
            self.shape = (len(cells),)
        self.n = int(np.prod(self.shape))

    def levels(self, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which x and which t the cells are."""
        return np.divmod(cells, self.n_t) if self.grid else (self.x[cells], self.t[cells])

    def of_x(self, values: np.ndarray) -> np.ndarray:
        """(n_x,) in a form that broadcasts to ``shape``."""
        return values[:, None] if self.grid else values[self.x]

    def of_t(self, values: np.ndarray) -> np.ndarray:
        """(n_t,) in a form that broadcasts to ``shape``."""
        return values if self.grid else values[self.t]

    def forth(self, ages: Ages, at_nodes: np.ndarray) -> np.ndarray:
        """(k, n_x, n_nodes) -> (k, *shape)."""
        k, n_x, n_nodes = at_nodes.shape
        if self.grid:
            return ages.forth(at_nodes.reshape(k * n_x, n_nodes)).reshape(k, *self.shape)
        found = np.empty((k, self.n))
        for x, (start, stop) in enumerate(self.pieces):
            found[:, start:stop] = ages.forth(at_nodes[:, x], self.t[start:stop])
        return found

    def back(self, ages: Ages, at_cells: np.ndarray) -> np.ndarray:
        """The transpose: (n,) -> (n_x, n_nodes)."""
        if self.grid:
            return ages.back(at_cells.reshape(self.shape))
        pieces = (slice(start, stop) for start, stop in self.pieces)
        return np.concatenate([ages.back(at_cells[None, piece], self.t[piece]) for piece in pieces])

    def by_age(self, at_cells: np.ndarray, x: np.ndarray | None = None) -> np.ndarray:
        """Sums over x, of the values themselves or times ``x``: (n,) -> (n_t,)."""
        if self.grid:
            return (np.ones(self.shape[0]) if x is None else x) @ at_cells.reshape(self.shape)
        weights = at_cells if x is None else at_cells * x[self.x]
        return np.bincount(self.t, weights=weights, minlength=self.n_t)


def used(cells: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The distinct ones of ``cells``, and the place of each among them."""
    used = np.zeros(n, dtype=bool)
    used[cells] = True
    return np.flatnonzero(used), (np.cumsum(used) - 1)[cells]
