"""Will a customer be back within the outcome window? A logistic model on snapshots, and the baselines it must beat.

All take tables of :func:`clvlib.retention.snapshots.snapshot_table`: ``fit(table)`` reads ``came_back``,
``predict_probability(table)`` returns the probability of coming back, shape (n_rows,).
"""

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.optimize import linprog
from scipy.special import expit, logit
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from clvlib.retention._design import clustered_covariance
from clvlib.retention.snapshots import FEATURES, varying_features

__all__ = ["ActiveLately", "BaseRate", "ReturnModel", "SeparationWarning", "logistic_probability"]


class SeparationWarning(UserWarning):
    """The features separate who came back from who did not: no odds ratio is finite, only the penalty holds them."""


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

    def _choose_features(self, table: pd.DataFrame, asked: Sequence[str] | None) -> np.ndarray:
        """Sets ``features_`` and ``dropped_``; returns the features, shape (n_rows, n_features)."""
        self.features_ = list(varying_features(table) if asked is None else asked)
        self.dropped_ = (
            [] if asked else [name for name in (*FEATURES, "sessions") if name in table and name not in self.features_]
        )
        x = self._matrix(table)
        constant = [name for name, column in zip(self.features_, x.T, strict=True) if np.ptp(column) == 0]
        if constant or not self.features_:
            raise ValueError(
                f"nothing to learn from {', '.join(constant) or 'no feature'}: the same for all {len(table)} rows; "
                "choose features with varying_features(table)"
            )
        return x

    def _matrix(self, table: pd.DataFrame) -> np.ndarray:
        if not hasattr(self, "features_"):
            raise ValueError(f"{type(self).__name__} is not fitted yet: call fit(table) first")
        absent = [name for name in self.features_ if name not in table]
        if absent:
            raise ValueError(f"the table has no {', '.join(absent)}; it has {', '.join(map(str, table.columns))}")
        try:
            x = table[self.features_].to_numpy(dtype=float, na_value=np.nan)
        except (TypeError, ValueError):
            kinds = ", ".join(f"{name} ({table[name].dtype})" for name in self.features_)
            raise ValueError(f"features must be numbers, got {kinds}; encode texts and dates first") from None
        wrong = ~(np.isfinite(x) & (x >= 0))
        if wrong.any():
            names = [name for name, bad in zip(self.features_, wrong.any(axis=0), strict=True) if bad]
            raise ValueError(f"{', '.join(names)}: {int(wrong.any(axis=1).sum())} of {len(x)} rows are NaN or negative")
        return x

    def _log_odds(self, table: pd.DataFrame) -> np.ndarray:
        return self._raw_log_odds(self._matrix(table))


class ReturnModel(CalibratedModel):
    """Logistic regression on a snapshot's features, with its scaling inside, so that nothing is learnt from test rows.

    Features are counts and sums with long tails: the pipeline takes log(1 + x), scales to mean 0 and standard
    deviation 1, and fits with a light ridge penalty (``C`` as in scikit-learn), which on thousands of rows moves
    nothing. An odds ratio is therefore *per standard deviation of log(1 + feature)*.

    features: names to use, any columns of zero or more (``[*varying_features(table), "probability_alive"]``); by
    default all of :data:`~clvlib.retention.snapshots.FEATURES` that vary, the others are named in ``dropped_``. C:
    inverse of the penalty.

    ``fit`` sets ``features_``, ``dropped_``, ``pipeline_``, ``shift_``, ``slope_``, ``covariance_``, ``n_rows_``,
    ``n_customers_`` and ``separated_``. Where the features separate the two classes, fully or in part (a feature's
    value that nobody shares with the other class), no odds ratio has a finite estimate (Albert & Anderson 1984):
    ``fit`` says so with a :class:`SeparationWarning`, keeps a penalty of ``C = 1`` at least, and ``odds_ratios`` marks
    them as not identified. Often an outcome is hidden among the features then.

    ValueError: no outcome column, missing outcomes, one class only; a feature asked for that is constant, missing, NaN,
    negative or no number.

    >>> rng = np.random.default_rng(0)
    >>> orders = rng.poisson(2, 500) + 1.0
    >>> table = pd.DataFrame({"customer_id": np.arange(500).astype(str), "orders": orders,
    ...                       "came_back": rng.random(500) < orders / 10})
    >>> model = ReturnModel().fit(table)
    >>> model.odds_ratios().round(1)
      feature  odds_ratio  low  high  identified
    0  orders         2.3  1.9   2.8        True
    """

    def __init__(self, *, features: Sequence[str] | None = None, C: float = 1.0) -> None:
        self.features = features
        self.C = C

    def fit(self, table: pd.DataFrame) -> "ReturnModel":
        if not self.C > 0:
            raise ValueError(f"C is the inverse of the penalty, above 0; got {self.C}")
        outcome = _outcome(table)
        x = self._choose_features(table, self.features)
        scaled = make_pipeline(FunctionTransformer(np.log1p), StandardScaler())
        design = np.column_stack([np.ones(len(x)), scaled.fit_transform(x)])
        self.separated_ = _separated(design, outcome)
        if self.separated_:
            warnings.warn(self._warning(outcome), SeparationWarning, stacklevel=2)
        penalty = min(self.C, 1.0) if self.separated_ else self.C
        logistic = LogisticRegression(C=penalty, max_iter=1000).fit(design[:, 1:], outcome)
        self.pipeline_: Pipeline = Pipeline([*scaled.steps, ("logisticregression", logistic)])
        self.shift_, self.slope_ = 0.0, 1.0
        self._set_covariance(design, outcome, table, penalty)
        return self

    def odds_ratios(self, *, level: float = 0.95, per: str = "sd") -> pd.DataFrame:
        """By which factor do the odds of coming back change when a feature is higher and the others stay?

        per: ``"sd"``, higher by one standard deviation of log(1 + feature), which compares features with each other; or
        ``"doubling"``, when 1 + feature doubles (from 1 to 3 orders, say), which is the feature's own unit.

        Columns ``feature``, ``odds_ratio``, ``low``, ``high``, ``identified``. The interval is Wald's with a covariance
        that lets the rows of one customer depend on each other (cluster-robust sandwich, Liang & Zeger 1986); one that
        counts every snapshot of a customer as new evidence is too narrow. Where the classes are separated, ratios
        show what the penalty left of them: ``identified`` is False and there is no interval (NaN).
        """
        if not 0 < level < 1:
            raise ValueError(f"level is a share between 0 and 1, got {level}")
        if per not in ("sd", "doubling"):
            raise ValueError(f"per is {per!r}; it must be 'sd' or 'doubling'")
        unit = 1.0 if per == "sd" else np.log(2) / self.pipeline_[-2].scale_
        coefficient = unit * self.pipeline_[-1].coef_[0]
        error = unit * np.sqrt(np.diag(self.covariance_))[1:]
        z = np.nan if self.separated_ else norm.ppf((1 + level) / 2)
        return pd.DataFrame(
            {
                "feature": self.features_,
                "odds_ratio": np.exp(coefficient),
                "low": np.exp(coefficient - z * error),
                "high": np.exp(coefficient + z * error),
                "identified": not self.separated_,
            }
        )

    def _raw_log_odds(self, x: np.ndarray) -> np.ndarray:
        return self.pipeline_.decision_function(x)

    def _warning(self, outcome: np.ndarray) -> str:
        return (
            f"{', '.join(self.features_)} separate some or all of the {int(outcome.sum())} who came back from the "
            f"{int((~outcome).sum())} who did not perfectly: no odds ratio is finite, the fit is held by its penalty "
            "alone. Look for the outcome hidden in a feature, or use more rows"
        )

    def _set_covariance(self, design: np.ndarray, outcome: np.ndarray, table: pd.DataFrame, C: float) -> None:
        p = expit(design @ np.r_[self.pipeline_[-1].intercept_, self.pipeline_[-1].coef_[0]])
        # without a column of customers every row is one of its own
        customer = table["customer_id"] if "customer_id" in table else pd.Series(np.arange(len(table)))
        penalty = np.r_[0.0, np.full(len(self.features_), 1 / C)]
        self.covariance_ = clustered_covariance(design, outcome, p, customer, penalty=penalty)
        self.n_rows_, self.n_customers_ = len(design), customer.nunique()


def _separated(design: np.ndarray, outcome: np.ndarray) -> bool:
    """Is there a b with (2 y - 1) x'b >= 0 for every row and > 0 for some? (Konis 2007, section 4.1)"""
    signed = np.where(outcome, 1.0, -1.0)[:, None] * design
    found = linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(design)), bounds=(-1, 1))
    # such directions form a cone, so that the best of them reaches the bounds; what is found near 0 is rounding
    return found.status == 0 and np.abs(found.x).max() > 0.5 and -found.fun > 1e-6 * len(design)


def _outcome(table: pd.DataFrame) -> np.ndarray:
    if "came_back" not in table:
        raise ValueError("the table has no came_back: make it with snapshot_table(..., outcome_days=7)")
    came = pd.to_numeric(table["came_back"], errors="coerce")
    unknown = int((~came.isin([0, 1])).sum())
    if unknown:
        raise ValueError(
            f"came_back: {unknown} of {len(came)} rows are neither true nor false; leave them out and say so"
        )
    outcome = came.to_numpy(dtype=bool)
    if not len(outcome) or outcome.all() or not outcome.any():
        raise ValueError(
            f"{int(outcome.sum())} of {len(outcome)} rows came back: both kinds are needed to learn the difference; "
            "use more dates or a longer outcome window"
        )
    return outcome
