"""Will a customer be back within the outcome window? A logistic model on snapshots, and the baselines it must beat.

All take tables of :func:`clvlib.retention.snapshots.snapshot_table`: ``fit(table)`` reads ``came_back``,
``predict_probability(table)`` returns the probability of coming back, shape (n_rows,).
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.optimize import linprog
from scipy.special import expit, logit
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from clvlib.retention.snapshots import varying_features

__all__ = ["ActiveLately", "BaseRate", "ReturnModel", "logistic_probability"]


def logistic_probability(features: ArrayLike, *, intercept: float, coefficients: Sequence[float]) -> np.ndarray:
    """Which probability does a stated logistic formula give? ``1 / (1 + exp(-(b0 + b1 x1 + b2 x2 + …)))``.

    features: shape (n, n_features) or (n_features,). Returns shape (n,) or a scalar (document 003, section 4.2).

    ValueError: another number of coefficients than of features.

    >>> print(f"{logistic_probability([0, 0, 0], intercept=0.5, coefficients=[0.2, 0.1, 0.1]):.4f}")
    0.6225
    """
    x, beta = np.asarray(features, dtype=float), np.asarray(coefficients, dtype=float)
    if x.shape[-1:] != beta.shape:
        raise ValueError(f"{beta.size} coefficients for features of shape {x.shape}; give one a feature")
    return expit(intercept + x @ beta)


class BaseRate:
    """The manager without data on customers: everybody comes back as often as everybody did (``rate_``)."""

    def fit(self, table: pd.DataFrame) -> "BaseRate":
        self.rate_ = float(_outcome(table).mean())
        return self

    def predict_probability(self, table: pd.DataFrame) -> np.ndarray:
        """The same share for every row, shape (n_rows,)."""
        return np.full(len(table), self.rate_)


class ActiveLately:
    """The manager with one look: who bought in the last ``recent_days`` comes back at one rate, the others at another.

    ``rates_``: shares of (not active lately, active lately) who came back. ValueError at ``fit``: nobody in one of
    the two groups, one class only.
    """

    def __init__(self, *, recent_days: int = 7) -> None:
        self.recent_days = recent_days

    def fit(self, table: pd.DataFrame) -> "ActiveLately":
        outcome, lately = _outcome(table), self._lately(table)
        if lately.all() or not lately.any():
            raise ValueError(
                f"{int(lately.sum())} of {len(table)} rows bought within {self.recent_days} days: two groups are needed"
            )
        self.rates_ = (float(outcome[~lately].mean()), float(outcome[lately].mean()))
        return self

    def predict_probability(self, table: pd.DataFrame) -> np.ndarray:
        """One of the two rates for every row, shape (n_rows,)."""
        return np.where(self._lately(table), self.rates_[1], self.rates_[0])

    def _lately(self, table: pd.DataFrame) -> np.ndarray:
        return table["days_since_last_purchase"].to_numpy() <= self.recent_days


class ReturnModel:
    """Logistic regression on a snapshot's features, with its scaling inside, so that nothing is learnt from test rows.

    Features are counts and sums with long tails: the pipeline takes log(1 + x), scales to mean 0 and standard
    deviation 1, and fits with a light ridge penalty (``C`` as in scikit-learn), which on thousands of rows moves
    nothing. An odds ratio is therefore *per standard deviation of log(1 + feature)*.

    features: names to use; by default all that vary. C: inverse of the penalty.

    ``fit`` sets ``features_``, ``pipeline_``, ``shift_``, ``slope_``, ``covariance_``, ``n_rows_``, ``n_customers_``.
    ValueError: no outcome column, one class only, a feature that is constant, missing, NaN or negative, or classes that
    the features separate perfectly (no odds ratio is finite then; often an outcome hidden among the features).

    >>> rng = np.random.default_rng(0)
    >>> orders = rng.poisson(2, 500) + 1.0
    >>> table = pd.DataFrame({"customer_id": np.arange(500).astype(str), "orders": orders,
    ...                       "came_back": rng.random(500) < orders / 10})
    >>> model = ReturnModel().fit(table)
    >>> model.odds_ratios().round(1)
      feature  odds_ratio  low  high
    0  orders         2.3  1.9   2.8
    """

    def __init__(self, *, features: Sequence[str] | None = None, C: float = 1.0) -> None:
        self.features = features
        self.C = C

    def fit(self, table: pd.DataFrame) -> "ReturnModel":
        outcome = _outcome(table)
        self.features_ = list(varying_features(table) if self.features is None else self.features)
        x = self._matrix(table)
        constant = [name for name, column in zip(self.features_, x.T, strict=True) if np.ptp(column) == 0]
        if constant or not self.features_:
            raise ValueError(
                f"nothing to learn from {', '.join(constant) or 'no feature'}: the same for all {len(table)} rows; "
                "choose features with varying_features(table)"
            )
        self.pipeline_: Pipeline = make_pipeline(
            FunctionTransformer(np.log1p), StandardScaler(), LogisticRegression(C=self.C, max_iter=1000)
        ).fit(x, outcome)
        self._refuse_separation(x, outcome)
        self.shift_, self.slope_ = 0.0, 1.0
        self._set_covariance(x, outcome, table)
        return self

    def predict_probability(self, table: pd.DataFrame) -> np.ndarray:
        """Probability of coming back within the outcome window the model was fitted for. Shape (n_rows,)."""
        return expit(self.shift_ + self.slope_ * self._log_odds(table))

    def calibrate(self, table: pd.DataFrame) -> "ReturnModel":
        """Correct level and spread for a later time than the model was fitted on, before the test cut. Returns self.

        When a customer base ages, its base rate drifts before the meaning of features does. Fits
        ``logit P = shift_ + slope_ * log-odds of the model`` on ``table`` (Cox 1958, Biometrika 45, p. 562), so that
        the mean probability there is the share that came back. A slope below 1 says that the model was too sure; where
        its order does not hold at all (slope of zero or less) everybody gets the base rate.

        ValueError: one class only in ``table``.
        """
        outcome, log_odds = _outcome(table), self._log_odds(table)
        # the faintest penalty keeps the slope finite where a small table happens to be separated
        line = LogisticRegression(C=1e6, max_iter=1000, tol=1e-10).fit(log_odds[:, None], outcome)
        self.shift_, self.slope_ = float(line.intercept_[0]), float(line.coef_[0, 0])
        if self.slope_ <= 0:
            self.shift_, self.slope_ = float(logit(outcome.mean())), 0.0
        return self

    def odds_ratios(self, *, level: float = 0.95) -> pd.DataFrame:
        """By which factor do the odds of coming back change per standard deviation of log(1 + feature)?

        Columns ``feature``, ``odds_ratio``, ``low``, ``high``. The interval is Wald's with a covariance that lets the
        rows of one customer depend on each other (cluster-robust sandwich, Liang & Zeger 1986); one that counts
        every snapshot of a customer as new evidence is too narrow.
        """
        coefficient, error = self.pipeline_[-1].coef_[0], np.sqrt(np.diag(self.covariance_))[1:]
        z = norm.ppf((1 + level) / 2)
        return pd.DataFrame(
            {
                "feature": self.features_,
                "odds_ratio": np.exp(coefficient),
                "low": np.exp(coefficient - z * error),
                "high": np.exp(coefficient + z * error),
            }
        )

    def _matrix(self, table: pd.DataFrame) -> np.ndarray:
        absent = [name for name in self.features_ if name not in table]
        if absent:
            raise ValueError(f"the table has no {', '.join(absent)}; it has {', '.join(map(str, table.columns))}")
        x = table[self.features_].to_numpy(dtype=float)
        wrong = ~(np.isfinite(x) & (x >= 0))
        if wrong.any():
            names = [name for name, bad in zip(self.features_, wrong.any(axis=0), strict=True) if bad]
            raise ValueError(f"{', '.join(names)}: {int(wrong.any(axis=1).sum())} of {len(x)} rows are NaN or negative")
        return x

    def _log_odds(self, table: pd.DataFrame) -> np.ndarray:
        return self.pipeline_.decision_function(self._matrix(table))

    def _refuse_separation(self, x: np.ndarray, outcome: np.ndarray) -> None:
        # worth a linear programme only where the ranking is nearly perfect; a separating direction exists if some
        # b has (2 y - 1) x'b >= 0 for every row and > 0 for some (Konis 2007, section 4.1)
        if roc_auc_score(outcome, self.pipeline_.decision_function(x)) < 0.98:
            return
        design = np.column_stack([np.ones(len(x)), self.pipeline_[:-1].transform(x)])
        signed = np.where(outcome, 1.0, -1.0)[:, None] * design
        found = linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(x)), bounds=(-1, 1))
        if -found.fun > 1e-6:
            raise ValueError(
                f"{', '.join(self.features_)} separate the {int(outcome.sum())} who came back from the "
                f"{int((~outcome).sum())} who did not perfectly: no odds ratio is finite. Look for the outcome hidden "
                "in a feature, or use more rows"
            )

    def _set_covariance(self, x: np.ndarray, outcome: np.ndarray, table: pd.DataFrame) -> None:
        design = np.column_stack([np.ones(len(x)), self.pipeline_[:-1].transform(x)])
        p = self.pipeline_.predict_proba(x)[:, 1]
        penalty = np.diag([0.0] + [1 / self.C] * len(self.features_))
        bread = np.linalg.inv(design.T @ (design * (p * (1 - p))[:, None]) + penalty)
        customer = pd.factorize(table["customer_id"])[0]
        n = int(customer.max()) + 1
        score = np.column_stack([np.bincount(customer, weights=column, minlength=n) for column in
                                 (design * (outcome - p)[:, None]).T])  # fmt: skip
        self.covariance_ = bread @ (score.T @ score) @ bread * n / max(n - 1, 1)
        self.n_rows_, self.n_customers_ = len(x), n


def _outcome(table: pd.DataFrame) -> np.ndarray:
    if "came_back" not in table:
        raise ValueError("the table has no came_back: make it with snapshot_table(..., outcome_days=7)")
    outcome = table["came_back"].to_numpy(dtype=bool)
    if not len(outcome) or outcome.all() or not outcome.any():
        raise ValueError(
            f"{int(outcome.sum())} of {len(outcome)} rows came back: both kinds are needed to learn the difference; "
            "use more dates or a longer outcome window"
        )
    return outcome
