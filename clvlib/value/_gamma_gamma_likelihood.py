"""The log-likelihood of the Gamma-Gamma model of spend, with its derivatives.

For a customer with x purchases of mean m, s = x m in all, in a form whose terms neither cancel nor overflow:

    ln L = -ln Beta(p x, q) - p x ln(1 + gamma/s) - q ln(1 + s/gamma) - ln m

which is equation (1a) of Fader and Hardie (2013), note 025. The special functions are taken once per distinct x.
"""

import numpy as np
from scipy.special import betaln, polygamma, psi

from clvlib.value._maximum_likelihood import Likelihood
from clvlib.value._summary import distinct

__all__ = ["GammaGammaLikelihood"]

_BLOCK = 1 << 15


class GammaGammaLikelihood(Likelihood):
    """x, m, weight: purchases, mean spend and number of customers, shape (n,); parameters p, q, gamma."""

    def __init__(self, x: np.ndarray, m: np.ndarray, weight: np.ndarray) -> None:
        self.weight = float(weight.sum())
        (self.counts,), place = distinct(x)
        self.customers = np.bincount(place, weights=weight)
        self.x, self.m, self.w = x, m, weight
        self.total = x * m
        self.log_total = float(weight @ np.log(self.total))
        self.log_mean = float(weight @ np.log(m))

    def gradient(self, params: np.ndarray) -> tuple[float, np.ndarray]:
        return self.hessian(params)[:2]

    def hessian(self, params: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        p, q, gamma = params
        x, n, big = self.counts, self.customers, p * self.counts
        # sums over customers of (1, x) times (ln(1 + gamma/s), 1/(gamma+s), 1/(gamma+s)^2)
        sums = np.zeros((2, 3))
        for start in range(0, len(self.x), _BLOCK):
            rows = slice(start, start + _BLOCK)
            total, w = self.total[rows], self.w[rows]
            part = 1 / (gamma + total)
            columns = np.stack((np.log1p(gamma / total), part, part * part))
            sums += np.stack((w, w * self.x[rows])) @ columns.T
        (late, parts, squares), (late_x, parts_x, squares_x) = sums
        rest = late + self.log_total - self.weight * np.log(gamma)  # sum of ln(1 + s/gamma)
        value = -(n @ betaln(big, q)) - p * late_x - q * rest - self.log_mean
        both, curve = psi(big + q), polygamma(1, big + q)
        gradient = np.array(
            [
                n @ (x * (both - psi(big))) - late_x,
                n @ (both - psi(q)) - rest,
                q * self.weight / gamma - p * parts_x - q * parts,
            ]
        )
        pp, pq, qq = n @ (x**2 * (curve - polygamma(1, big))), n @ (x * curve), n @ (curve - polygamma(1, q))
        q_gamma = self.weight / gamma - parts
        gamma_2 = p * squares_x + q * squares - q * self.weight / gamma**2
        hessian = np.array([[pp, pq, -parts_x], [pq, qq, q_gamma], [-parts_x, q_gamma, gamma_2]])
        return float(value), gradient, hessian
