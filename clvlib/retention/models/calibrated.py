"""What models of coming back share: features by name, and a calibration of level and spread at a later time."""

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from clvlib.retention._checks import check_fitted
from clvlib.retention.models._design import SeparationWarning, feature_matrix, outcome_of
from clvlib.retention.windows.snapshots import FEATURES, varying_features

__all__ = ["CalibratedModel"]


class CalibratedModel:
    """What models of ``came_back`` share: features by name, and two numbers that correct level and spread later.

    A model sets ``features_`` and gives ``_raw_log_odds(x)``; ``calibrate`` sets ``shift_`` and ``slope_``.
    """

    def predict_probability(self, table: pd.DataFrame) -> np.ndarray:
        """Probability of coming back within the outcome window the model was fitted for. Shape (n_rows,)."""
        log_odds = self._log_odds(table)
        return expit(self.shift_ + self.slope_ * log_odds)

    def calibrate(self, table: pd.DataFrame) -> "CalibratedModel":
        """Correct level and spread for a later time than the model was fitted on, before the test cut. Returns self.

        When a customer base ages, its base rate drifts before the meaning of features does. Fits
        ``logit P = shift_ + slope_ * log-odds of the model`` on ``table`` (Cox 1958, Biometrika 45, p. 562), so that
        the mean probability there is the share that came back. A slope below 1 says that the model was too sure; where
        its order does not hold at all (slope of zero or less) everybody gets the base rate; where it parts the two
        kinds without any overlap, no slope is finite: a :class:`SeparationWarning` says so, and the slope stays 1.

        ValueError: one class only in ``table``.
        """
        outcome, log_odds = outcome_of(table), self._log_odds(table)
        if log_odds[outcome].min() > log_odds[~outcome].max():
            warnings.warn(
                f"the model's order parts the {int(outcome.sum())} of {len(outcome)} rows that came back from the "
                "others without overlap: no slope is finite, and the spread is left as it was; use more rows",
                SeparationWarning,
                stacklevel=2,
            )
            self.shift_, self.slope_ = _level(log_odds, outcome), 1.0
            return self
        # the faintest penalty, which moves nothing where the two kinds overlap
        line = LogisticRegression(C=1e6, max_iter=1000, tol=1e-10).fit(log_odds[:, None], outcome)
        self.shift_, self.slope_ = float(line.intercept_[0]), float(line.coef_[0, 0])
        if self.slope_ <= 0:
            self.shift_, self.slope_ = float(logit(outcome.mean())), 0.0
        return self

    def _choose_features(self, table: pd.DataFrame, asked: Sequence[str] | None) -> np.ndarray:
        """Sets ``features_`` and ``dropped_``; returns the features, shape (n_rows, n_features)."""
        self.features_ = varying_features(table) if asked is None else asked
        self.dropped_ = (
            [] if asked else [name for name in (*FEATURES, "sessions") if name in table and name not in self.features_]
        )
        x = feature_matrix(table, self.features_)
        self.features_ = list(self.features_)
        constant = [name for name, column in zip(self.features_, x.T, strict=True) if np.ptp(column) == 0]
        if constant or not self.features_:
            raise ValueError(
                f"nothing to learn from {', '.join(constant) or 'no feature'}: the same for all {len(table)} rows; "
                "choose features with varying_features(table)"
            )
        return x

    def _log_odds(self, table: pd.DataFrame) -> np.ndarray:
        check_fitted(self, "features_")
        return self._raw_log_odds(feature_matrix(table, self.features_))


def _level(log_odds: np.ndarray, outcome: np.ndarray) -> float:
    """The shift at which the mean probability is the share that came back."""
    share = outcome.mean()
    far = np.abs(log_odds).max() + abs(logit(share)) + 1
    return float(brentq(lambda shift: expit(shift + log_odds).mean() - share, -far, far))
