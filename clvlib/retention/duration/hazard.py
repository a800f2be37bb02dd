"""How likely is a customer to be still active T days from now, for any T? A hazard for every period, and its product.

Document 003 (section 4.2) writes P(R > T) and gives a logistic function without a T. A discrete-time hazard has one:
with periods of ``period_days`` and x known at the start,

    h_k(x) = P(ends in period k | not before),    logit h_k(x) = a_k + x'b + log(k) x'c
    P(beyond T | x) = product of (1 - h_k(x)) over the periods up to T

(Singer & Willett 1993, J. Educ. Stat. 18, p. 155; Allison 1982, Sociol. Methodol. 13, p. 61). ``a_k`` is free for every
period; ``c`` lets what x says fade with time.

A recipe, for the rows of :func:`clvlib.retention.snapshot_table`. What a customer did in the last weeks does not tell a
newcomer from a regular; ``frequency`` and ``T`` of :func:`clvlib.rfm.rfm_summary` at each snapshot date do::

    alive = lifetime_table(lines_before_cut, inactive_days=90, as_of=cut, snapshots=train)
    hazard = DiscreteTimeHazard(period_days=14, n_periods=6, features=["orders", "frequency", "T"])
    hazard.fit(train.loc[alive.index], alive).predict_survival(test, horizons_days=[14, 28, 84])
    later = lifetime_table(lines, inactive_days=90, snapshots=test)
    survival_check(test.loc[later.index], later, hazard, horizons_days=[14, 28, 84], random_state=0)
"""

import warnings
from collections.abc import Sequence
from numbers import Real

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from clvlib.metrics._clustered import clustered_covariance
from clvlib.metrics.intervals import bootstrap_interval, wilson_interval
from clvlib.retention._checks import (
    check_fitted,
    check_level,
    check_penalty,
    checked_numbers,
    checked_table,
    group_codes,
)
from clvlib.retention.duration.survival import checked_durations
from clvlib.retention.models._design import SeparationWarning, feature_matrix, separated
from clvlib.split.door import whole

__all__ = ["DiscreteTimeHazard", "survival_check"]


class DiscreteTimeHazard:
    """A logistic regression on periods lived: one row a start and period, until the end or until watching stopped.

    Parameters
    ----------
    period_days, n_periods : length and number of the periods; nothing is said beyond ``period_days * n_periods`` days.
    features : columns of the table of starts, zero or more, taken as log(1 + x) and scaled; by default none, which is
        the life table: the same curve for everybody.
    fading : let what the features say change with the logarithm of the period.
    C : inverse of the ridge penalty, as in scikit-learn; the periods' own levels are as good as free of it.

    ``fit`` sets ``hazards_`` (the life table), ``features_``, ``model_``, ``covariance_`` (cluster-robust) and
    ``separated_``: where the features part ends from survivals, ``fit`` says so with a :class:`SeparationWarning`,
    keeps a penalty of ``C = 1`` at least, and ``odds_ratios`` marks them as not identified, as in ``ReturnModel``.

    >>> starts = pd.DataFrame({"customer_id": [*"abcd"]})
    >>> lifetimes = pd.DataFrame({"customer_id": [*"abcd"], "duration_days": [3, 9, 20, 20],
    ...                           "ended": [True, True, False, False], "watched_days": 20})
    >>> model = DiscreteTimeHazard(period_days=7, n_periods=2).fit(starts, lifetimes)
    >>> model.predict_survival(starts, horizons_days=[7, 14])[0].round(4).tolist()
    [0.75, 0.5]
    """

    def __init__(
        self,
        *,
        period_days: int = 7,
        n_periods: int = 12,
        features: Sequence[str] = (),
        fading: bool = True,
        C: float = 1.0,
    ) -> None:
        self.period_days = period_days
        self.n_periods = n_periods
        self.features = features
        self.fading = fading
        self.C = C

    def fit(self, table: pd.DataFrame, lifetimes: pd.DataFrame) -> "DiscreteTimeHazard":
        """Learn from ``table`` (``customer_id`` and the features at the start), shape (n, …), and what became of it.

        lifetimes: of the same rows in the same order, as :func:`clvlib.retention.lifetime_table` gives them:
        ``duration_days``, ``ended``, ``watched_days``.

        A period counts for those who could be watched through all of it, so that ends and survivals are seen alike.

        ValueError: tables that do not match, a feature that is absent, constant, NaN or negative, a period nobody was
        watched through, no end in any period.
        """
        check_penalty(self.C)
        period, row, ended = self._periods_lived(table, lifetimes)
        x = feature_matrix(table, self.features)
        self.hazards_ = self._life_table(period, ended, table["customer_id"].iloc[row])
        self.features_ = list(self.features)
        self.model_ = None
        if not self.features_:
            return self
        constant = [name for name, column in zip(self.features_, x.T, strict=True) if np.ptp(column) == 0]
        if constant:
            raise ValueError(f"{', '.join(constant)}: the same for all {len(x)} rows, nothing to learn; leave it out")
        self.scaling_ = make_pipeline(FunctionTransformer(np.log1p), StandardScaler()).fit(x)
        scaled = self.scaling_.transform(x)
        self.separated_ = self._separated(scaled[row], period, ended)
        if self.separated_:
            warnings.warn(
                f"{', '.join(self.features_)} separate some or all of the {int(ended.sum())} periods in which a "
                f"lifetime ended from the {int((~ended).sum())} others: no odds ratio is finite, the fit is held by "
                "its penalty alone. Look for the end hidden in a feature, or use more rows",
                SeparationWarning,
                stacklevel=2,
            )
        penalty = min(self.C, 1.0) if self.separated_ else self.C
        design = self._design(scaled[row], period)
        self.model_ = LogisticRegression(C=penalty, fit_intercept=False, max_iter=1000).fit(design, ended)
        self.covariance_ = clustered_covariance(
            design,
            ended,
            self.model_.predict_proba(design)[:, 1],
            group_codes(table["customer_id"].iloc[row], len(row)),
            penalty=np.full(design.shape[1], 1 / penalty),
        )
        return self

    def predict_survival(self, table: pd.DataFrame, *, horizons_days: Sequence[int]) -> np.ndarray:
        """P(still active beyond T days) for each row and horizon, shape (n, n_horizons); never rises with T.

        horizons_days: whole multiples of ``period_days``, at most ``n_periods`` of them. ValueError: another horizon,
        or a feature that is absent, NaN or negative.
        """
        check_fitted(self, "hazards_")
        asked = [horizons_days] if isinstance(horizons_days, Real) else checked_numbers("horizons_days", horizons_days)
        possible = range(self.period_days, self.period_days * self.n_periods + 1, self.period_days)
        if not all(isinstance(days, Real) and days in possible for days in asked):
            raise ValueError(
                f"horizons_days {horizons_days} must be multiples of period_days={self.period_days}, "
                f"from {self.period_days} to {self.period_days * self.n_periods}"
            )
        hazard = self.predict_hazard(table)
        return np.cumprod(1 - hazard, axis=1)[:, [int(days) // self.period_days - 1 for days in asked]]

    def predict_hazard(self, table: pd.DataFrame) -> np.ndarray:
        """P(ends in a period, given that it had not before) for each row and period, shape (n, n_periods)."""
        check_fitted(self, "hazards_")
        if self.model_ is None:
            return np.tile(self.hazards_["hazard"].to_numpy(), (len(checked_table(table)), 1))
        x = self.scaling_.transform(feature_matrix(table, self.features_))
        log_odds = [self._design(x, np.full(len(x), period)) @ self.model_.coef_[0] for period in range(self.n_periods)]
        return expit(np.column_stack(log_odds))

    def odds_ratios(self, *, period: int = 1, level: float = 0.95) -> pd.DataFrame:
        """By which factor do the odds of ending in a period change per standard deviation of log(1 + feature)?

        period: 1 is the first. Columns ``feature``, ``odds_ratio``, ``low``, ``high`` (the interval lets a customer's
        rows depend on each other) and ``identified`` (False after separation: then the interval is NaN).
        ValueError: a model without features, a period that it does not have.
        """
        check_fitted(self, "hazards_")
        if self.model_ is None or not 1 <= period <= self.n_periods:
            raise ValueError(f"odds ratios need features and a period from 1 to {self.n_periods}, got {period}")
        check_level(level)
        size, n = self.n_periods, len(self.features_)
        weights = np.zeros((n, size + (2 if self.fading else 1) * n))
        weights[:, size : size + n] = np.eye(n)
        if self.fading:
            weights[:, size + n :] = np.log(period) * np.eye(n)
        centre = weights @ self.model_.coef_[0]
        z = np.nan if self.separated_ else norm.ppf((1 + level) / 2)
        half = z * np.sqrt(np.diag(weights @ self.covariance_ @ weights.T))
        ratios = {"odds_ratio": np.exp(centre), "low": np.exp(centre - half), "high": np.exp(centre + half)}
        return pd.DataFrame({"feature": self.features_} | ratios | {"identified": not self.separated_})

    def _periods_lived(self, table: pd.DataFrame, lifetimes: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """One entry a start and period lived: the period from 0, the row it is of, and whether it ended there."""
        for name in ("period_days", "n_periods"):
            whole(name, getattr(self, name))
        duration, ended = _matched(table, lifetimes)
        # days count from 0, so that a day more than watched_days could be seen in full
        watched = (lifetimes["watched_days"].to_numpy(dtype=float) + 1) // self.period_days
        watched = np.minimum(watched, self.n_periods).astype(int)
        last = (duration // self.period_days).astype(int)
        here = ended & (last < watched)
        lived = np.where(here, last + 1, watched)
        row = np.repeat(np.arange(len(lived)), lived)
        period = np.arange(len(row)) - np.repeat(np.cumsum(lived) - lived, lived)
        return period, row, here[row] & (period == last[row])

    def _life_table(self, period: np.ndarray, ended: np.ndarray, customer: pd.Series) -> pd.DataFrame:
        at_risk = np.bincount(period, minlength=self.n_periods)
        ends = np.bincount(period[ended], minlength=self.n_periods)
        if not ends.any():
            raise ValueError(f"no lifetime ended within {self.n_periods} periods of {self.period_days} days")
        if not at_risk.all():
            raise ValueError(
                f"nobody was watched through period {int(np.argmin(at_risk > 0)) + 1} of {self.n_periods} periods of "
                f"{self.period_days} days; use fewer periods, earlier starts or a longer log"
            )
        bounds = []
        for k in range(self.n_periods):
            here = period == k
            own = customer[here]
            if ends[k] > 0 and own.duplicated().any() and own.nunique() > 1:
                draws = bootstrap_interval(ended[here], groups=own, n_resamples=500, random_state=k)
            else:
                draws = wilson_interval(int(ends[k]), int(at_risk[k]))
            bounds.append(draws)
        low, high = np.array(bounds).T
        numbers = np.arange(1, self.n_periods + 1)
        table = pd.DataFrame({"period": numbers, "until_day": numbers * self.period_days, "at_risk": at_risk})
        return table.assign(ended=ends, hazard=ends / at_risk, low=low, high=high)

    def _separated(self, x: np.ndarray, period: np.ndarray, ended: np.ndarray) -> bool:
        """Whether the features part ends from survivals, given the period; a period without an end has no say."""
        levels = period[:, None] == np.arange(self.n_periods)
        both = (levels & ended[:, None]).any(axis=0) & (levels & ~ended[:, None]).any(axis=0)
        here = levels[:, both].any(axis=1)
        return separated(np.column_stack([levels[:, both], x])[here].astype(float), ended[here])

    def _design(self, x: np.ndarray, period: np.ndarray) -> np.ndarray:
        # a column of tens and a coefficient a tenth as large: the penalty weighs a hundredth on the periods' levels
        levels = 10.0 * (period[:, None] == np.arange(self.n_periods))
        fading = [np.log(period + 1)[:, None] * x] if self.fading else []
        return np.column_stack([levels, x, *fading])


def survival_check(
    table: pd.DataFrame,
    lifetimes: pd.DataFrame,
    model: DiscreteTimeHazard,
    *,
    horizons_days: Sequence[int],
    marginal: DiscreteTimeHazard | None = None,
    n_resamples: int = 1000,
    random_state: int | np.random.Generator,
) -> pd.DataFrame:
    """On later starts: of those promised to stay beyond T with p %, did p % stay? One row a horizon.

    table, lifetimes: as in :meth:`DiscreteTimeHazard.fit`, of a period after the one it learnt from. Only rows that
    were watched beyond T count, so that nothing is censored. marginal: a model without features from the same training
    rows, the baseline; by default the life table of ``model`` itself.

    Columns ``horizon_days``, ``n`` (rows), ``predicted``, ``realised`` (shares), ``difference`` (predicted minus
    realised) with ``low``, ``high``, ``brier``, ``brier_marginal`` and ``gain`` (their difference, above 0 the features
    help) with ``gain_low``, ``gain_high``: 95 % bootstrap intervals, customers drawn whole.

    ValueError: no row was watched beyond a horizon; others as :meth:`DiscreteTimeHazard.predict_survival`.
    """
    duration, _ = _matched(table, lifetimes)
    horizons_days = checked_numbers("horizons_days", horizons_days)
    beyond = model.predict_survival(table, horizons_days=horizons_days)
    curve = np.cumprod(1 - (marginal or model).hazards_["hazard"].to_numpy())
    rng = np.random.default_rng(random_state)
    rows = []
    for number, horizon in enumerate(horizons_days):
        seen = lifetimes["watched_days"].to_numpy() + 1 >= horizon
        if not seen.any():
            raise ValueError(f"none of {len(table)} rows was watched for {horizon} days; use earlier starts")
        p, stayed = beyond[seen, number], (duration[seen] >= horizon).astype(float)
        plain = curve[horizon // model.period_days - 1]
        gain = (plain - stayed) ** 2 - (p - stayed) ** 2
        draw = {"groups": table["customer_id"][seen], "n_resamples": n_resamples, "random_state": rng}
        low, high = bootstrap_interval(p - stayed, **draw)
        gain_low, gain_high = bootstrap_interval(gain, **draw)
        rows.append(
            {
                "horizon_days": horizon,
                "n": int(seen.sum()),
                "predicted": p.mean(),
                "realised": stayed.mean(),
                "difference": (p - stayed).mean(),
                "low": low,
                "high": high,
                "brier": np.mean((p - stayed) ** 2),
                "brier_marginal": np.mean((plain - stayed) ** 2),
                "gain": gain.mean(),
                "gain_low": gain_low,
                "gain_high": gain_high,
            }
        )
    return pd.DataFrame(rows)


def _matched(table: pd.DataFrame, lifetimes: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Duration and end of each row of the table, refused where the lifetimes are not of the same rows."""
    duration, ended = checked_durations(lifetimes)
    checked_table(lifetimes, "customer_id", "watched_days", made_with="lifetime_table(lines, …)")
    checked_table(table, "customer_id")
    if not np.array_equal(table["customer_id"].to_numpy(), lifetimes["customer_id"].to_numpy()):
        raise ValueError(
            f"the {len(table)} rows of the table and the {len(lifetimes)} lifetimes are not of the same customers in "
            "the same order; use table.loc[lifetimes.index]"
        )
    return duration, ended
