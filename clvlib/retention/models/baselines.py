"""The answers a manager would give without a model: everybody alike, or one rate for those who were here lately.

Both take tables of :func:`clvlib.retention.snapshot_table`: ``fit(table)`` reads ``came_back``,
``predict_probability(table)`` returns the probability of coming back, shape (n_rows,).
"""

import numpy as np
import pandas as pd

from clvlib.retention._checks import check_fitted, checked_table
from clvlib.retention.models._design import feature_matrix, outcome_of
from clvlib.split.door import whole

__all__ = ["ActiveLately", "BaseRate"]


class BaseRate:
    """The manager without data on customers: everybody comes back as often as everybody did (``rate_``)."""

    def fit(self, table: pd.DataFrame) -> "BaseRate":
        self.rate_ = float(outcome_of(table).mean())
        return self

    def predict_probability(self, table: pd.DataFrame) -> np.ndarray:
        """The same share for every row, shape (n_rows,)."""
        check_fitted(self, "rate_")
        return np.full(len(checked_table(table)), self.rate_)


class ActiveLately:
    """The manager with one look: who bought in the last ``recent_days`` comes back at one rate, the others at another.

    ``rates_``: shares of (not active lately, active lately) who came back. ValueError at ``fit``: nobody in one of
    the two groups, one class only.
    """

    def __init__(self, *, recent_days: int = 7) -> None:
        self.recent_days = recent_days

    def fit(self, table: pd.DataFrame) -> "ActiveLately":
        whole("recent_days", self.recent_days)
        outcome, lately = outcome_of(table), self._lately(table)
        if lately.all() or not lately.any():
            raise ValueError(
                f"{int(lately.sum())} of {len(table)} rows bought within {self.recent_days} days: two groups are needed"
            )
        self.rates_ = (float(outcome[~lately].mean()), float(outcome[lately].mean()))
        return self

    def predict_probability(self, table: pd.DataFrame) -> np.ndarray:
        """One of the two rates for every row, shape (n_rows,)."""
        check_fitted(self, "rates_")
        return np.where(self._lately(table), self.rates_[1], self.rates_[0])

    def _lately(self, table: pd.DataFrame) -> np.ndarray:
        return feature_matrix(table, ["days_since_last_purchase"])[:, 0] <= self.recent_days
