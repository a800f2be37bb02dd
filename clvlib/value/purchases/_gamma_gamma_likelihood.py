"""The log-likelihood of the Gamma-Gamma model of spend, with its derivatives.

For a customer with x purchases of mean m, s = x m in all, in a form whose terms neither cancel nor overflow:

    ln L = -ln Beta(p x, q) - p x ln(1 + gamma/s) - q ln(1 + s/gamma) - ln m

which is equation (1a) of Fader and Hardie (2013), note 025. The special functions are taken once per distinct x.
"""

import numpy as np
from scipy.special import betaln, psi, zeta

from clvlib.value.purchases._maximum_likelihood import Likelihood
from clvlib.value.purchases._summary import distinct

__all__ = ["GammaGammaLikelihood"]

#: Customers worked on at once: what that takes stays in the cache, and OpenBLAS starts no threads for it.
_BLOCK = 1 << 14


class GammaGammaLikelihood(Likelihood):
    """x, m, weight: purchases, mean spend, customers (None: 1 each), all of shape (n,); parameters p, q, gamma."""

    def __init__(self, x: np.ndarray, m: np.ndarray, weight: np.ndarray | None = None) -> None:
        self.x, self.m, self.w = x, m, weight
        most = x.max()
        if most < 4 * len(x) + 4096:
            self.counts, place = np.arange(1.0, most + 1), x.astype(np.int64) - 1
        else:
            (self.counts,), place = distinct(x)
        self.customers = np.bincount(place, weights=weight, minlength=len(self.counts)).astype(float)
        self.weight = float(self.customers.sum())
        self.total = x * m
        ones = np.ones(len(x)) if weight is None else weight
        self.by = np.stack((ones, ones * x))
        self.log_total = float((ones * np.log(self.total)).sum())
        self.log_mean = float((ones * np.log(m)).sum())

    def gradient(self, params: np.ndarray) -> tuple[float, np.ndarray]:
        return self.hessian(params)[:2]

    def hessian(self, params: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        p, q, gamma = params
        x, n, big = self.counts, self.customers, p * self.counts
        # sums over customers of (1, x) times (ln(1 + gamma/s), 1/(gamma+s), 1/(gamma+s)^2)
        sums = np.zeros((2, 3))
        for start in range(0, len(self.x), _BLOCK):
            total = self.total[start : start + _BLOCK]
            columns = np.empty((3, len(total)))
            np.log1p(gamma / total, out=columns[0])
            np.divide(1.0, gamma + total, out=columns[1])
            np.multiply(columns[1], columns[1], out=columns[2])
            sums += self.by[:, start : start + _BLOCK] @ columns.T
        (late, parts, squares), (late_x, parts_x, squares_x) = sums
        rest = late + self.log_total - self.weight * np.log(gamma)  # sum of ln(1 + s/gamma)
        value = -(n @ betaln(big, q)) - p * late_x - q * rest - self.log_mean
        both, curve, bend = psi(big + q), trigamma(big + q), trigamma(big)
        gradient = np.array(
            [
                n @ (x * (both - psi(big))) - late_x,
                n @ (both - psi(q)) - rest,
                q * self.weight / gamma - p * parts_x - q * parts,
            ]
        )
        pp, pq, qq = n @ (x**2 * (curve - bend)), n @ (x * curve), n @ (curve - trigamma(q))
        q_gamma = self.weight / gamma - parts
        gamma_2 = p * squares_x + q * squares - q * self.weight / gamma**2
        hessian = np.array([[pp, pq, -parts_x], [pq, qq, q_gamma], [-parts_x, q_gamma, gamma_2]])
        return float(value), gradient, hessian


def trigamma(z: np.ndarray | float) -> np.ndarray:
    return zeta(2.0, z)
