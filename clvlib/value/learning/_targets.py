"""From a skewed target to a forecast that is right in the mean: amounts as they are, in logarithms, or in two parts.

Customers' money is mostly zeros and a long tail. Logarithms tame the tail, but exp(mean of logs) is the *median*: what
comes back has to be raised by what the errors average to (Duan 1983, JASA 78, p. 605), and zeros have no logarithm. All
factors here are ratios of money over cross-fitted forecasts, so that a supple model cannot flatter itself: ``factor =
sum of outcomes / sum of forecasts``, where each forecast comes from a fit without that customer. (Networks, which take
long to fit, are stopped on held-back customers instead, and ``cross_fit=False`` uses their forecasts as they are.)
"""

from collections.abc import Callable

import numpy as np

__all__ = ["Amount", "LogAmount", "TwoPart"]

_FOLDS = 3


class Amount:
    """E[y|x] by the estimator's own loss on the amounts.

    make: gives an unfitted pipeline. level: whether to correct the total, for a loss that does not aim at the mean.
    """

    def __init__(self, make: Callable, *, level: bool = False, cross_fit: bool = True) -> None:
        self.make, self.level, self.cross_fit = make, level, cross_fit

    def fit(self, x, y, groups) -> "Amount":
        self.model_ = self.make().fit(x, y, groups)
        self.level_ = _factor(y, _forecasts(self, x, y, groups)) if self.level else 1.0
        return self

    def predict(self, x) -> np.ndarray:
        return self.level_ * self.model_.predict(x)


class LogAmount:
    """exp(f(x)) - 1 with f fitted to log(1 + y), times one factor for the money that the logarithm loses.

    y below 0 counts as 0 for the logarithm and as itself for the factor.
    """

    def __init__(self, make: Callable, *, cross_fit: bool = True) -> None:
        self.make, self.cross_fit = make, cross_fit

    def fit(self, x, y, groups) -> "LogAmount":
        logs = np.log1p(np.maximum(y, 0.0))
        self.cap_ = float(logs.max())
        self.model_ = self.make().fit(x, logs, groups)
        self.level_ = _factor(y, self._back(_forecasts(self, x, logs, groups)))
        return self

    def predict(self, x) -> np.ndarray:
        return self.level_ * self._back(self.model_.predict(x))

    def _back(self, logs: np.ndarray) -> np.ndarray:
        return np.expm1(np.clip(logs, 0.0, self.cap_))


class TwoPart:
    """P(y > 0|x) times E[y|y > 0, x]: whether, and how much (Duan et al. 1983, J. Bus. Econ. Stat. 1, p. 115).

    make_classifier and make_regressor give unfitted pipelines; the second learns log(y) of those who bought. A forecast
    of log(y) is held to the range seen. ``smearing_`` brings the buyers' total back from the logs, ``level_`` then
    that of everybody, net returns included. ``residuals_`` are the cross-fitted errors of log(y), sorted.
    """

    def __init__(self, make_classifier: Callable, make_regressor: Callable, *, cross_fit: bool = True) -> None:
        self.make_classifier, self.make_regressor, self.cross_fit = make_classifier, make_regressor, cross_fit

    def fit(self, x, y, groups) -> "TwoPart":
        bought = y > 0
        logs = np.log(y[bought])
        self.range_ = float(logs.min()), float(logs.max())
        self._probability = _fit_probability(self.make_classifier, x, bought, groups)
        self._spend = self.make_regressor().fit(x[bought], logs, groups[bought])
        probability, spend = self._probability(x), self._held(self._spend.predict(x))
        for held in _folds(groups) if self.cross_fit else ():
            some, buyers = ~held, ~held & bought
            probability[held] = _fit_probability(self.make_classifier, x[some], bought[some], groups[some])(x[held])
            part = self.make_regressor().fit(x[buyers], np.log(y[buyers]), groups[buyers])
            spend[held] = self._held(part.predict(x[held]))
        self.residuals_ = np.sort(logs - spend[bought])
        self.smearing_ = _factor(y[bought], np.exp(spend[bought]))
        self.level_ = _factor(y, probability * self.smearing_ * np.exp(spend))
        return self

    def probability(self, x) -> np.ndarray:
        return self._probability(x)

    def spend(self, x) -> np.ndarray:
        """E[y|y > 0, x], before ``level_``."""
        return self.smearing_ * np.exp(self._held(self._spend.predict(x)))

    def predict(self, x) -> np.ndarray:
        return self.level_ * self.probability(x) * self.spend(x)

    def quantile(self, x, q: float) -> np.ndarray:
        """The q-quantile of y: 0 for who is likelier than q to stay away, else a quantile of the errors beyond it."""
        p = np.maximum(self.probability(x), 1e-12)
        inner = (q - (1 - p)) / p
        error = np.quantile(self.residuals_, np.clip(inner, 0.0, 1.0))
        amount = self.level_ * np.exp(self._held(self._spend.predict(x)) + error)
        return np.where(inner > 0, amount, 0.0)

    def _held(self, logs: np.ndarray) -> np.ndarray:
        return np.clip(logs, *self.range_)


def _fit_probability(make: Callable, x: np.ndarray, bought: np.ndarray, groups: np.ndarray) -> Callable:
    """A function of features; where everybody (or nobody) bought, it is that constant."""
    if bought.all() or not bought.any():
        share = float(bought[0])
        return lambda rows: np.full(len(rows), share)
    model = make().fit(x, bought, groups)
    return lambda rows: model.predict_proba(rows)[:, 1]


def _forecasts(target, x: np.ndarray, y: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """What the target's estimator says of rows that its fit has not seen; without ``cross_fit``, of those it has."""
    out = target.model_.predict(x)
    for held in _folds(groups) if target.cross_fit else ():
        out[held] = target.make().fit(x[~held], y[~held], groups[~held]).predict(x[held])
    return out


def _folds(groups: np.ndarray) -> list[np.ndarray]:
    """Masks of thirds of the groups, by a draw that depends on their number only."""
    code = np.unique(groups, return_inverse=True)[1]
    third = np.random.default_rng(0).permutation(int(code.max()) + 1) % _FOLDS
    return [third[code] == fold for fold in range(_FOLDS)]


def _factor(y: np.ndarray, forecast: np.ndarray) -> float:
    total = float(np.sum(forecast))
    return float(np.sum(y)) / total if total > 0 else 1.0
