"""What have customers acquired together really brought, and what does that say about the next ones?

A cohort is the customers whose first purchase fell into the same calendar month, quarter or week. Age counts in
periods of ``period_days`` days from each customer's *own* first purchase, so that all customers of a cell had the
same time to buy; age 0 holds the first purchase itself. Every amount is discounted by whole days to that day.

A cell that not all customers of a cohort have lived through is empty (NaN), never zero: zero would say that they
had the time and bought nothing.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from clvlib.rfm import AgedLines, age_lines, cohort_ages
from clvlib.value.discounting import period_rate

__all__ = ["CohortCurve", "CohortValues", "cohort_values", "forecast_table", "realised_path", "realised_values"]


@dataclass(frozen=True)
class CohortValues:
    """Realised discounted value by cohort and age.

    customers: Series, number of customers acquired, indexed by cohort ("1997-01", …).
    per_customer: DataFrame, one row a cohort, one column an age (0, 1, …), mean value of that age per customer
        *acquired* (also those who never came back), in currency; NaN where not lived.
    period_days: length of an age period. as_of: end of what was known, exclusive.
    """

    customers: pd.Series
    per_customer: pd.DataFrame
    period_days: int
    as_of: pd.Timestamp

    @property
    def cumulative(self) -> pd.DataFrame:
        """Value per customer acquired up to and including each age, in currency; NaN where not lived."""
        return self.per_customer.cumsum(axis=1)

    @property
    def lived(self) -> pd.Series:
        """Number of ages each cohort has lived through."""
        return self.per_customer.notna().sum(axis=1)

    @property
    def curve(self) -> pd.Series:
        """Mean value per customer by age over all cohorts that have lived it, each customer counting once."""
        known = self.per_customer.notna().mul(self.customers, axis=0).sum()
        return self.per_customer.mul(self.customers, axis=0).sum() / known


def cohort_values(
    lines: pd.DataFrame,
    *,
    annual_discount_rate: float = 0.0,
    margin_rate: float = 1.0,
    period_days: int = 30,
    cohort: Literal["month", "quarter", "week"] = "month",
    as_of: pd.Timestamp | str | None = None,
) -> CohortValues:
    """How much did each acquisition cohort bring at each age, discounted to its customers' first day?

    lines: ``customer_id``, ``timestamp``, ``amount`` (currency). annual_discount_rate: per year. margin_rate: share of
    an amount that is left after cost. as_of: only lines before it are known; by default the midnight after the last
    line. A first purchase is the first line that is not negative; what a customer returned before it belongs to
    a purchase before the log and is left out.

    ValueError: no lines, no purchase before ``as_of``, an ``as_of`` after the log's end, no age that any cohort
    has lived through.

    >>> lines = pd.DataFrame({
    ...     "customer_id": ["a", "b", "a"], "amount": [10.0, 20.0, 30.0],
    ...     "timestamp": pd.to_datetime(["2024-01-01", "2024-02-01", "2024-02-15"])})
    >>> cohort_values(lines, as_of="2024-02-16", period_days=15).per_customer
    age         0    1     2
    cohort
    2024-01  10.0  0.0   0.0
    2024-02  20.0  NaN   NaN
    """
    aged, value = _aged(lines, as_of, annual_discount_rate, margin_rate)
    came = cohort_ages(aged, cohort=cohort, period_days=period_days)
    n_ages = int(came.lived.max())
    age = aged.day // period_days
    inside = age < n_ages
    cell = came.code[aged.code[inside]] * n_ages + age[inside]
    money = np.bincount(cell, weights=value[inside], minlength=len(came.labels) * n_ages).reshape(-1, n_ages)
    money = np.where(np.arange(n_ages) < came.lived[:, None], money / came.customers[:, None], np.nan)
    table = pd.DataFrame(money, index=came.labels, columns=pd.RangeIndex(n_ages, name="age"))
    customers = pd.Series(came.customers, index=came.labels, name="customers")
    return CohortValues(customers, table, period_days, aged.as_of)


def realised_values(
    lines: pd.DataFrame,
    *,
    horizon_days: int,
    annual_discount_rate: float = 0.0,
    margin_rate: float = 1.0,
    as_of: pd.Timestamp | str | None = None,
) -> pd.DataFrame:
    """What did each customer bring in the first ``horizon_days`` after the first purchase, discounted to that day?

    Returns one row a customer: ``customer_id``, ``first_purchase``, ``realised_value`` in currency; NaN for a customer
    who has not lived the horizon by ``as_of``. Arguments and errors as :func:`cohort_values`.

    >>> lines = pd.DataFrame({
    ...     "customer_id": ["a", "b", "a"], "amount": [10.0, 20.0, 30.0],
    ...     "timestamp": pd.to_datetime(["2024-01-01", "2024-02-01", "2024-02-15"])})
    >>> realised_values(lines, horizon_days=46, margin_rate=0.5)["realised_value"].tolist()
    [20.0, nan]
    """
    if horizon_days < 1:
        raise ValueError(f"horizon_days must be at least 1, got {horizon_days}")
    aged, value = _aged(lines, as_of, annual_discount_rate, margin_rate)
    inside = aged.day < horizon_days
    sums = np.bincount(aged.code[inside], weights=value[inside], minlength=len(aged.customers))
    return aged.customers.assign(realised_value=np.where(_lived(aged, horizon_days), sums, np.nan))


def realised_path(
    lines: pd.DataFrame,
    *,
    horizon_days: int,
    period_days: int = 30,
    annual_discount_rate: float = 0.0,
    margin_rate: float = 1.0,
    as_of: pd.Timestamp | str | None = None,
) -> pd.Series:
    """In which of their first periods did customers bring what they brought within ``horizon_days``?

    Mean value by age over exactly the customers who have lived the horizon, so that every age is about the same people
    and the sum is the mean of :func:`realised_values`. Returns a Series by age, in currency per customer; the last
    period is cut off at the horizon. ValueError: nobody has lived the horizon; others as :func:`cohort_values`.

    >>> lines = pd.DataFrame({
    ...     "customer_id": ["a", "b", "a"], "amount": [10.0, 20.0, 30.0],
    ...     "timestamp": pd.to_datetime(["2024-01-01", "2024-02-01", "2024-02-15"])})
    >>> realised_path(lines, horizon_days=46, period_days=23).tolist()
    [10.0, 30.0]
    """
    if horizon_days < 1 or period_days < 1:
        raise ValueError(f"horizon_days and period_days must be at least 1, got {horizon_days} and {period_days}")
    aged, value = _aged(lines, as_of, annual_discount_rate, margin_rate)
    lived = _lived(aged, horizon_days)
    if not lived.any():
        raise ValueError(
            f"none of {len(lived)} customers has lived {horizon_days} days by {aged.as_of.date()}; shorten horizon_days"
        )
    inside = (aged.day < horizon_days) & lived[aged.code]
    n_ages = -(-horizon_days // period_days)
    money = np.bincount(aged.day[inside] // period_days, weights=value[inside], minlength=n_ages)
    return pd.Series(money / lived.sum(), index=pd.RangeIndex(n_ages, name="age"), name="value")


class CohortCurve:
    """What will the customers of a cohort bring at ages they have not reached yet?

    The mean curve of the cohorts that have been there, and beyond the oldest one's age a constant rate of decay: each
    period brings ``decay_`` times the one before, discounting included. That is the assumption of the margin multiple
    (:func:`clvlib.value.discounting.margin_multiple`, with r / (1 + i) for ``decay_``). The rate is a ratio of sums
    over neighbouring ages of the *same* cohorts from age 1 on, so that no cohort is compared with another; the tail
    starts from the mean of the last (at most three) ages.

    ``fit`` sets ``curve_`` (shape (n_ages,), currency per customer acquired), ``level_`` (currency a period) and
    ``decay_`` (share, 0 to 1). ValueError: fewer than three ages lived, or repeat value that is not positive.

    >>> per_customer = pd.DataFrame([[10.0, 4.0, 2.0], [10.0, 4.0, np.nan]], index=["2024-01", "2024-02"])
    >>> customers = pd.Series([100, 100], index=per_customer.index)
    >>> model = CohortCurve().fit(CohortValues(customers, per_customer, 30, pd.Timestamp("2024-05-01")))
    >>> model.decay_, model.predict(5).tolist()
    (0.5, [10.0, 4.0, 2.0, 1.5, 0.75])
    """

    def fit(self, cohorts: CohortValues) -> "CohortCurve":
        money = cohorts.per_customer.mul(cohorts.customers, axis=0).to_numpy()
        if money.shape[1] < 3:
            raise ValueError(
                f"the oldest cohort has lived {money.shape[1]} periods of {cohorts.period_days} days; "
                "a rate of decay needs at least 3: use a longer log, an earlier start or shorter periods"
            )
        before, after = money[:, 1:-1], money[:, 2:]
        both = ~np.isnan(after)
        if before[both].sum() <= 0:
            raise ValueError("no repeat value in the periods after the first: no rate of decay to estimate")
        self.curve_ = cohorts.curve.to_numpy()
        self.level_ = float(self.curve_[1:][-3:].mean())
        self.decay_ = float(np.clip(after[both].sum() / before[both].sum(), 0.0, 1.0))
        return self

    def predict(self, n_periods: int, *, so_far: np.ndarray | None = None) -> np.ndarray:
        """Value per customer acquired at ages 0 … n_periods - 1, in currency. Shape (n_periods,).

        so_far: shape (n_lived,), what one cohort brought at the ages it has lived; the curve is then raised or
        lowered to that cohort's own level (its repeat value over the curve's at the same ages; unchanged with
        fewer than two ages lived).
        """
        known = self.curve_[:n_periods]
        ahead = np.arange(1, n_periods - len(known) + 1)
        curve = np.concatenate([known, self.level_ * self.decay_**ahead])
        if so_far is None or len(so_far) < 2:
            return curve
        expected = curve[1 : len(so_far)].sum()
        return curve * (max(float(np.sum(so_far[1:])), 0.0) / expected if expected > 0 else 1.0)


def forecast_table(known: CohortValues, later: CohortValues) -> pd.DataFrame:
    """What had been predicted at the cut for each cell, and what came? The check of a :class:`CohortCurve`.

    known: cohorts as they stood at the cut. later: the same cohorts as they stand now. Only cells that were lived
    through between the two count, of cohorts that had at least one repeat period behind them at the cut.

    Returns one row a cell: ``cohort``, ``age``, ``customers``, then in currency per customer acquired ``realised``
    and the predictions made from ``known`` alone: ``curve`` (:class:`CohortCurve`, at the cohort's own level), and
    two a manager would make, ``last_period`` (the cohort's last lived period goes on) and ``own_average`` (the mean
    of its repeat periods goes on).

    ValueError: ``later`` is not later, another period length, or there is no such cell.
    """
    if later.as_of <= known.as_of or later.period_days != known.period_days:
        raise ValueError(
            f"later ({later.as_of.date()}, {later.period_days} days) must be a later state of the same table as "
            f"known ({known.as_of.date()}, {known.period_days} days)"
        )
    model = CohortCurve().fit(known)
    rows = []
    for cohort, n_known in known.lived.items():
        now = later.per_customer.loc[cohort].dropna().to_numpy()
        if n_known < 2 or len(now) <= n_known:
            continue
        so_far = known.per_customer.loc[cohort].to_numpy()[:n_known]
        curve = model.predict(len(now), so_far=so_far)
        rows.append(
            pd.DataFrame(
                {
                    "cohort": cohort,
                    "age": np.arange(n_known, len(now)),
                    "customers": known.customers[cohort],
                    "realised": now[n_known:],
                    "curve": curve[n_known:],
                    "last_period": so_far[-1],
                    "own_average": so_far[1:].mean(),
                }
            )
        )
    if not rows:
        raise ValueError("no cohort has lived through another whole period since the cut; choose an earlier cut")
    return pd.concat(rows, ignore_index=True)


def _aged(
    lines: pd.DataFrame, as_of: pd.Timestamp | str | None, annual_discount_rate: float, margin_rate: float
) -> tuple[AgedLines, np.ndarray]:
    """Lines with their age, and each one's value discounted to its customer's first day."""
    daily = period_rate(annual_discount_rate, period_days=1)
    aged = age_lines(lines, as_of=as_of)
    return aged, margin_rate * aged.amount * (1 + daily) ** -aged.day


def _lived(aged: AgedLines, horizon_days: int) -> np.ndarray:
    """Which customers have had all days of the horizon. Shape (n_customers,)."""
    first = aged.customers["first_purchase"].dt.tz_localize(None).dt.normalize()
    return ((aged.as_of.tz_localize(None) - first).dt.days >= horizon_days).to_numpy()
