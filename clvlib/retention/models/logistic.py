"""Will a customer be back within the outcome window? A logistic model on snapshots, with odds ratios.

It takes tables of :func:`clvlib.retention.snapshot_table`: ``fit(table)`` reads ``came_back``,
``predict_probability(table)`` returns the probability of coming back, shape (n_rows,).
"""

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import expit
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from clvlib.metrics._clustered import clustered_covariance
from clvlib.retention._checks import check_fitted, check_level, check_penalty, group_codes
from clvlib.retention.models._design import SeparationWarning, outcome_of, separated
from clvlib.retention.models.calibrated import CalibratedModel

__all__ = ["ReturnModel", "logistic_probability"]


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


class ReturnModel(CalibratedModel):
    """Logistic regression on a snapshot's features, with its scaling inside, so that nothing is learnt from test rows.

    Features are counts and sums with long tails: the pipeline takes log(1 + x), scales to mean 0 and standard
    deviation 1, and fits with a light ridge penalty (``C`` as in scikit-learn), which on thousands of rows moves
    nothing. An odds ratio is therefore *per standard deviation of log(1 + feature)*.

    features: names to use, any columns of zero or more (``[*varying_features(table), "probability_alive"]``); by
    default all of :data:`~clvlib.retention.FEATURES` that vary, the others are named in ``dropped_``. C:
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
        check_penalty(self.C)
        outcome = outcome_of(table)
        x = self._choose_features(table, self.features)
        scaled = make_pipeline(FunctionTransformer(np.log1p), StandardScaler())
        design = np.column_stack([np.ones(len(x)), scaled.fit_transform(x)])
        self.separated_ = separated(design, outcome)
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
        check_fitted(self, "covariance_")
        check_level(level)
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
        customer = group_codes(table.get("customer_id"), len(table))
        penalty = np.r_[0.0, np.full(len(self.features_), 1 / C)]
        self.covariance_ = clustered_covariance(design, outcome, p, customer, penalty=penalty)
        self.n_rows_, self.n_customers_ = len(design), int(customer.max()) + 1
