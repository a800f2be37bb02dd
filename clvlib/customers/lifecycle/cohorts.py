"""Of the customers who came together, how many still buy, and what have they brought? Triangles by cohort and age.

Cohort and age are those of :mod:`clvlib.rfm.ages`: age k counts from each customer's *own* first purchase day and is
half-open, so that every customer of a cell had the same number of days. The table is a triangle because young cohorts
have not lived the later ages: such a cell is empty (NaN), never zero, which would say that nobody bought.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from clvlib.customers._checks import share
from clvlib.customers._days import in_zone, wall_ages
from clvlib.metrics.intervals import wilson_interval
from clvlib.rfm import cohort_ages

__all__ = ["CohortTriangles", "cohort_triangles"]


@dataclass(frozen=True)
class CohortTriangles:
    """Retention, revenue and cumulative value, one row a cohort ("1997-01", …), one column an age (0, 1, …).

    customers: Series, number of customers acquired. buyers: how many of them bought at that age; retention: the same
    as a share of ``customers``, 1 at age 0, which holds the first purchase. revenue: amounts less refunds of that age
    per customer *acquired*, also over those who never came back, in currency; cumulative: up to and including that
    age. NaN where not lived. period_days: length of an age. as_of: end of what was known, exclusive.
    """

    customers: pd.Series
    buyers: pd.DataFrame
    retention: pd.DataFrame
    revenue: pd.DataFrame
    cumulative: pd.DataFrame
    period_days: int
    as_of: pd.Timestamp

    def curve(self, *, level: float = 0.95) -> pd.DataFrame:
        """All cohorts together: what share of the customers who had the time to bought at each age?

        Returns one row an age: ``age``, ``cohorts`` and ``customers`` who have lived it, ``buyers``, ``retention``
        with its Wilson interval ``low`` to ``high``, and ``revenue`` per customer in currency. Later ages rest on
        older cohorts alone: a curve that bends may be another kind of customer and not another habit.
        """
        lived = self.buyers.notna()
        customers = lived.mul(self.customers, axis=0).sum()
        table = pd.DataFrame(
            {
                "age": self.buyers.columns,
                "cohorts": lived.sum().to_numpy(),
                "customers": customers.to_numpy(),
                "buyers": self.buyers.sum().astype("int64").to_numpy(),
            }
        )
        money = self.revenue.mul(self.customers, axis=0).sum() / customers
        return _with_interval(table, level).assign(revenue=money.to_numpy())

    def cells(self, *, level: float = 0.95) -> pd.DataFrame:
        """Every lived cell as a row: ``cohort``, ``age``, ``customers``, ``buyers``, ``retention``, ``low``, ``high``,
        ``revenue`` and ``cumulative``; the interval is Wilson's."""
        long = pd.DataFrame(
            {name: getattr(self, name).stack().dropna() for name in ("buyers", "revenue", "cumulative")}
        ).reset_index()
        long.insert(2, "customers", self.customers.loc[long["cohort"]].to_numpy())
        long["buyers"] = long["buyers"].astype("int64")
        return _with_interval(long[["cohort", "age", "customers", "buyers"]], level).join(
            long[["revenue", "cumulative"]]
        )


def cohort_triangles(
    lines: Any,
    *,
    cohort: Literal["month", "quarter", "week"] = "month",
    period_days: int = 30,
    as_of: Any = None,
) -> CohortTriangles:
    """What share of each acquisition cohort bought at each age, and how much did it bring per customer acquired?

    lines: ``customer_id``, ``timestamp``, ``amount`` (currency), in any order; a line below zero is a refund, which
    lowers revenue and is no purchase. as_of: lines before it are known, a date being its midnight; by default the
    midnight after the last line. ``revenue`` is that of :func:`clvlib.value.cohort_values` at a discount rate of 0 and
    a margin of 1.

    ValueError: no lines, no purchase before ``as_of``, an ``as_of`` after the log's end, an unknown ``cohort``, a
    period below one day, no age that any cohort has lived through.

    >>> lines = pd.DataFrame({
    ...     "customer_id": ["a", "b", "a", "c"], "amount": [10.0, 20.0, 30.0, 5.0],
    ...     "timestamp": pd.to_datetime(["2024-01-01", "2024-01-01", "2024-01-20", "2024-02-01"])})
    >>> triangles = cohort_triangles(lines, period_days=15, as_of="2024-02-01")
    >>> triangles.retention
    age        0    1
    cohort
    2024-01  1.0  0.5
    >>> triangles.cumulative.loc["2024-01"].tolist()
    [15.0, 30.0]
    """
    aged, zone = wall_ages(lines, as_of)
    came = cohort_ages(aged, cohort=cohort, period_days=period_days)
    n_cohorts, n_ages = len(came.labels), int(came.lived.max())
    age = aged.day // period_days
    inside = age < n_ages
    cell = came.code[aged.code] * n_ages + age
    size = n_cohorts * n_ages
    # a customer counts once in a cell, however often he bought
    pairs = pd.unique(aged.code[inside & aged.bought] * n_ages + age[inside & aged.bought])
    buyers = np.bincount(came.code[pairs // n_ages] * n_ages + pairs % n_ages, minlength=size)
    money = np.bincount(cell[inside], weights=aged.amount[inside], minlength=size)
    lived = np.arange(n_ages) < came.lived[:, None]
    columns = pd.RangeIndex(n_ages, name="age")

    def triangle(values: np.ndarray) -> pd.DataFrame:
        return pd.DataFrame(np.where(lived, values.reshape(n_cohorts, n_ages), np.nan), came.labels, columns)

    customers = pd.Series(came.customers, index=came.labels, name="customers")
    counts, revenue = triangle(buyers), triangle(money).div(customers, axis=0)
    return CohortTriangles(
        customers=customers,
        buyers=counts,
        retention=counts.div(customers, axis=0),
        revenue=revenue,
        cumulative=revenue.cumsum(axis=1),
        period_days=period_days,
        as_of=in_zone(aged.as_of, zone),
    )


def _with_interval(table: pd.DataFrame, level: float) -> pd.DataFrame:
    level = share("level", level)
    ends = [
        wilson_interval(int(buyers), int(customers), level=level)
        for buyers, customers in zip(table["buyers"], table["customers"], strict=True)
    ]
    low, high = np.array(ends, dtype=float).reshape(-1, 2).T
    low = np.where(table["age"] == 0, 1.0, low)  # everybody buys at age 0, which is when it begins: no estimate
    return table.assign(retention=table["buyers"] / table["customers"], low=low, high=high)
