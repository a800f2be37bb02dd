"""The measures of :mod:`clvlib.metrics.value` for customers with weights, many sets of weights at a time.

A bootstrap resample is a set of weights: how often each customer was drawn. So the measure of a log and the measures
of its resamples are one function, and sorting, the slow part, is done once for all of them.

``weights`` has shape (draws, n) with whole numbers >= 0, ``actual`` and ``predicted`` shape (n,); every function
returns shape (draws,). Where a share of the money is asked for and a draw has none, the result is NaN.
"""

import numpy as np

__all__ = ["Forecast"]


class Forecast:
    """One forecast beside what happened, sorted once.

    Customers with equal predictions are one group: no measure hangs on the order of the rows among them.
    """

    def __init__(self, actual: np.ndarray, predicted: np.ndarray, *, ordered: bool = True) -> None:
        self.actual, self.predicted = actual, predicted
        if ordered:
            self._by_predicted, self._predicted_starts = _descending(predicted)
            self._by_actual, self._actual_starts = _descending(actual)

    def total_bias(self, weights: np.ndarray) -> np.ndarray:
        return weights @ (self.predicted - self.actual)

    def relative_bias(self, weights: np.ndarray) -> np.ndarray:
        return _divide(self.total_bias(weights), weights @ self.actual)

    def absolute_bias(self, weights: np.ndarray) -> np.ndarray:
        return np.abs(self.relative_bias(weights))

    def mean_absolute_error(self, weights: np.ndarray) -> np.ndarray:
        return weights @ np.abs(self.predicted - self.actual) / weights.sum(axis=1)

    def root_mean_squared_error(self, weights: np.ndarray) -> np.ndarray:
        return np.sqrt(weights @ (self.predicted - self.actual) ** 2 / weights.sum(axis=1))

    def gini(self, weights: np.ndarray) -> np.ndarray:
        total = weights @ self.actual
        reached = self._above_diagonal(weights, self._by_predicted, self._predicted_starts)
        possible = self._above_diagonal(weights, self._by_actual, self._actual_starts)
        flat = possible <= 1e-12 * np.abs(total) * weights.sum(axis=1)
        result = np.divide(reached, possible, out=np.zeros(len(weights)), where=~flat)
        return np.where(total > 0, result, np.nan)

    def captured(self, weights: np.ndarray, share: float) -> np.ndarray:
        customers, money = self._curve(weights, self._by_predicted, self._predicted_starts)
        return _divide(_at_share(customers, money, share), weights @ self.actual)

    def spearman(self, weights: np.ndarray) -> np.ndarray:
        one = _midranks(weights, self._by_predicted, self._predicted_starts)
        two = _midranks(weights, self._by_actual, self._actual_starts)
        mean = (weights.sum(axis=1, keepdims=True) + 1) / 2  # of the ranks 1..n, ties or not
        one, two = one - mean, two - mean
        spread = np.sqrt((weights * one**2).sum(axis=1) * (weights * two**2).sum(axis=1))
        return np.divide((weights * one * two).sum(axis=1), spread, out=np.zeros(len(weights)), where=spread > 0)

    def curve(self) -> tuple[np.ndarray, np.ndarray]:
        """The gain curve of the customers as they are: cumulated customers and money, from (0, 0)."""
        customers, money = self._curve(np.ones((1, len(self.actual))), self._by_predicted, self._predicted_starts)
        return np.r_[0.0, customers[0]], np.r_[0.0, money[0]]

    def _curve(self, weights, order, starts) -> tuple[np.ndarray, np.ndarray]:
        drawn = weights[:, order]
        money = np.add.reduceat(drawn * self.actual[order], starts, axis=1)
        return np.cumsum(np.add.reduceat(drawn, starts, axis=1), axis=1), np.cumsum(money, axis=1)

    def _above_diagonal(self, weights, order, starts) -> np.ndarray:
        """Twice the area between the gain curve and the diagonal, times customers and money."""
        customers, money = self._curve(weights, order, starts)
        width = np.diff(customers, axis=1, prepend=0.0)
        height = 2 * money - np.diff(money, axis=1, prepend=0.0)
        return (width * height).sum(axis=1) - customers[:, -1] * money[:, -1]


def _descending(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The order from the highest value down, and where each group of equal values starts in it."""
    order = np.argsort(-values, kind="stable")
    ranked = values[order]
    return order, np.r_[0, np.flatnonzero(ranked[1:] != ranked[:-1]) + 1]


def _midranks(weights, order, starts) -> np.ndarray:
    """Rank of each customer (1 is the highest), the mean rank among equals, in each resample."""
    group = np.add.reduceat(weights[:, order], starts, axis=1)
    rank = np.cumsum(group, axis=1) - group + (group + 1) / 2
    result = np.empty(weights.shape)
    result[:, order] = np.repeat(rank, np.diff(np.r_[starts, len(order)]), axis=1)
    return result


def _at_share(customers: np.ndarray, money: np.ndarray, share: float) -> np.ndarray:
    """The money of the first ``share`` of the customers, on the straight line within a group of equals."""
    wanted = share * customers[:, -1]
    row = np.arange(len(customers))
    group = np.minimum((customers < wanted[:, None]).sum(axis=1), customers.shape[1] - 1)
    before = np.where(group > 0, customers[row, group - 1], 0.0)
    money_before = np.where(group > 0, money[row, group - 1], 0.0)
    part = _divide(wanted - before, customers[row, group] - before, empty=0.0)
    return money_before + part * (money[row, group] - money_before)


def _divide(numerator: np.ndarray, denominator: np.ndarray, *, empty: float = np.nan) -> np.ndarray:
    out = np.full(len(numerator), empty)
    return np.divide(numerator, denominator, out=out, where=denominator > 0)
