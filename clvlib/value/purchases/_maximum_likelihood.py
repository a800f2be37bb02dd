"""The engine of the fits: Newton's method in the logarithms of positive parameters, and what it says at an edge.

A fit ends where the gradient is zero to rounding, not after so many iterations: the parameters are then the ones the
papers print, whatever the start. The observed information comes with the last step.
"""

from typing import NamedTuple

import numpy as np

__all__ = ["FitWarning", "Likelihood", "Maximum", "maximise"]

#: The gradient's norm per customer, in log parameters, at which a fit has converged.
GRADIENT_TOLERANCE = 1e-9
#: ... or the length of a Newton step in log parameters; both are followed by one step more.
STEP_TOLERANCE = 1e-6
#: Steps in which nothing is gained before the climb ends.
PLATEAU = 6
#: A parameter has run away that is e^±LIMIT times what it started from.
LIMIT = 14.0
#: A direction along which the log parameters are known to no better than this standard error is a ridge.
RIDGE = 1.0


class FitWarning(UserWarning):
    """A fit that returns, but whose parameters must not be read without what the warning says."""


class Likelihood:
    """A log-likelihood of positive parameters, with its data folded in.

    Subclasses set ``weight`` (the number of customers) and implement :meth:`gradient`, and :meth:`hessian` where they
    can; parameters are arrays of shape (k,) on their natural scale.
    """

    weight: float

    def gradient(self, params: np.ndarray) -> tuple[float, np.ndarray]:
        """The log-likelihood and its gradient, shape (k,)."""
        raise NotImplementedError

    def value(self, params: np.ndarray) -> float:
        """The log-likelihood alone."""
        return self.gradient(params)[0]

    def hessian(self, params: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """The log-likelihood, its gradient and its Hessian, shape (k, k); by default from differences of gradients."""
        value, gradient = self.gradient(params)
        hessian = np.empty((len(params), len(params)))
        for i, size in enumerate(params):
            step = np.zeros_like(params)
            step[i] = 6e-6 * size
            hessian[i] = (self.gradient(params + step)[1] - self.gradient(params - step)[1]) / (2 * step[i])
        return value, gradient, (hessian + hessian.T) / 2

    def many(self, params: np.ndarray) -> np.ndarray:
        """The log-likelihood at each row of ``params``, shape (n, k) -> (n,)."""
        return np.array([self.value(row) for row in params])

    def __call__(self, params: np.ndarray) -> float | np.ndarray:
        """:meth:`value` of one parameter vector, :meth:`many` of several."""
        params = np.asarray(params, dtype=float)
        return self.value(params) if params.ndim == 1 else self.many(params)


class Maximum(NamedTuple):
    """Where Newton's method ended.

    ``information``: minus the Hessian in log parameters, shape (k, k). ``flat``: None, or the direction in log
    parameters, shape (k,) and of length 1, along which the likelihood hardly changes, pointing to where it falls less.
    ``at_limit``: which parameters ran away as far as they were let.
    """

    params: np.ndarray
    value: float
    information: np.ndarray
    flat: np.ndarray | None
    at_limit: np.ndarray
    gradient_norm: float
    converged: bool
    n_evaluations: int


def maximise(likelihood: Likelihood, start: np.ndarray, *, max_steps: int = 100) -> Maximum:
    """Climb from ``start`` (natural scale, shape (k,)) until the gradient per customer is zero to rounding.

    Where the surface is not concave, eigenvalues are turned round and steps are shortened, so that every step climbs.
    ``gradient_norm`` is the one before the last step, which is not looked at again.
    """
    origin = np.log(np.asarray(start, dtype=float))
    theta = origin.copy()
    value, gradient, information = _logarithmic(likelihood, theta)
    evaluations, converged, heights = 1, False, [value]
    for _ in range(max_steps):
        free = (np.abs(theta - origin) < LIMIT) | (gradient * (theta - origin) < 0)
        norm = np.sqrt(gradient[free] @ gradient[free]) / likelihood.weight
        if not free.any():
            converged = True
            break
        step = np.zeros_like(theta)
        step[free], concave = _uphill(gradient[free], information[np.ix_(free, free)])
        largest = float(np.abs(step).max())
        if norm <= GRADIENT_TOLERANCE or (concave and largest <= STEP_TOLERANCE):
            converged = True
            if concave and largest < 1e-3:
                # the last step squares an error that is small already, and needs no look back
                theta, value = theta + step, value + gradient @ step / 2
            break
        share = min(1.0, 2.0 / largest)
        for _ in range(40):
            trial = np.clip(theta + share * step, origin - LIMIT, origin + LIMIT)
            found = _logarithmic(likelihood, trial)
            evaluations += 1
            # the rounding of a sum of many terms must not refuse the last, smallest steps
            if found[0] >= value - 1e-13 * abs(value):
                break
            share *= 0.25
        else:
            # nothing to be gained but rounding: as high as numbers go
            converged = gradient @ step < 1e-9 * max(1.0, abs(value))
            break
        theta, (value, gradient, information) = trial, found
        heights.append(value)
        if len(heights) > PLATEAU and value - heights[-PLATEAU] < 1e-7:
            # so many of Newton's steps for nothing: a parameter is on its way to where there is no more to gain
            converged = True
            break
    moved = theta - origin
    return Maximum(
        params=np.exp(theta),
        value=float(value),
        information=information,
        flat=_flat(likelihood, theta, moved, information),
        at_limit=np.abs(moved) >= LIMIT,
        gradient_norm=float(norm),
        converged=converged,
        n_evaluations=evaluations,
    )


def _logarithmic(likelihood: Likelihood, theta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Value, gradient and information in log parameters."""
    params = np.exp(theta)
    value, gradient, hessian = likelihood.hessian(params)
    scaled = gradient * params
    return value, scaled, -(hessian * np.outer(params, params) + np.diag(scaled))


def _uphill(gradient: np.ndarray, information: np.ndarray) -> tuple[np.ndarray, bool]:
    """Newton's step, and whether the surface is concave here; if not, with its eigenvalues turned round."""
    values, vectors = np.linalg.eigh(information)
    sizes = np.maximum(np.abs(values), 1e-12 * np.abs(values).max() + 1e-300)
    return vectors @ ((vectors.T @ gradient) / sizes), bool(values[0] > 0)


def _flat(
    likelihood: Likelihood, theta: np.ndarray, moved: np.ndarray, information: np.ndarray
) -> np.ndarray | None:
    values, vectors = np.linalg.eigh(information)
    if (np.abs(moved) >= LIMIT).any():
        away = np.abs(moved) > 0.6 * LIMIT
        return np.where(away, np.sign(moved), 0.0) / np.sqrt(away.sum())
    if values[0] * RIDGE**2 > 1:
        return None
    flat = vectors[:, 0]
    ahead, back = (likelihood.value(np.exp(theta + sign * RIDGE * flat)) for sign in (1, -1))
    return flat if ahead >= back else -flat
