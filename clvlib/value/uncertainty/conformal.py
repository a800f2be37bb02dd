"""How wide must an interval be to keep its promise, whatever is wrong with the model behind it?

Split-conformal prediction (Vovk, Gammerman & Shafer 2005): intervals are made at an *earlier* origin, whose outcome is
known by now, and what would have been needed there is asked for today. Nothing is assumed of the model. What is
assumed is that customers miss today as they missed then: customers of one origin are exchangeable, two origins are so
only where the shop has not changed. Two ways:

:func:`conformal_level` asks at which nominal level the model's own predictive distribution would have covered the share
that is wanted (distributional conformal prediction: Chernozhukov, Wüthrich & Zhu 2021, PNAS 118).

:class:`ConformalIntervals` moves the ends of any table of intervals, in units of their width (conformalised quantile
regression: Romano, Patterson & Candès 2019, NeurIPS 32, section 4): for contenders that have nothing but two ends.

Both want an earlier horizon as long as today's. Within a short one hardly anybody buys, and intervals of [0, 0] do
well; what is learnt from that is too narrow for a longer one. Inside CDNOW's calibration 90 % became 89 and 90 % at
equal horizons, and 83 to 86 % where today's horizon was two to three times the earlier one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from clvlib.value.purchases.gamma_gamma import GammaGammaModel
    from clvlib.value.purchases.purchase_model import PurchaseModel

__all__ = ["ConformalIntervals", "ConformalLevel", "conformal_level"]

#: Share of the mean width that is added to a customer's width, so that an interval of no width can be moved too.
_FLOOR_SHARE = 0.1
#: Mean width, in currency, from which intervals are not taken for points.
_POINT = 1e-9


class ConformalLevel(NamedTuple):
    """``nominal``: the level to ask of :func:`clvlib.value.predictive_intervals` so that ``level`` is covered.

    ``coverage_before``: the share that the interval of nominal level ``level`` covered at the earlier origin, whose
    ``n_customers`` and ``horizon_days`` this rests on; ask for no horizon that is much longer.
    """

    nominal: float
    level: float
    coverage_before: float
    n_customers: int
    horizon_days: float


def conformal_level(
    summary: pd.DataFrame,
    *,
    purchases: PurchaseModel,
    spend: GammaGammaModel,
    level: float = 0.9,
    n_draws: int = 1000,
    random_state: int | np.random.Generator,
) -> ConformalLevel:
    """At which nominal level do a model's equal-tailed intervals cover ``level`` of the customers?

    ``summary``: of the earlier origin, with its outcome ``holdout_amount`` and ``holdout_days``; ``purchases`` and
    ``spend`` fitted on it. Each customer's depth is the tail probability at which the interval would just have kept the
    outcome y: min(P(S <= y), P(S >= y)) under the predictive distribution of S. The floor((n + 1)(1 - level))-th
    smallest depth is half of what the nominal level lacks of 1.

    Where buying nothing is likely, intervals that begin at 0 cover more than their level says, so that ``nominal`` is
    lower than ``level`` even for a model that is right. The promise is of the share over all customers together.

    ValueError: as :func:`clvlib.value.predictive_intervals`; no outcome in the summary; too few customers for ``level``
    (fewer than level / (1 - level)).
    """
    from clvlib.value.uncertainty.predictive import outcome_depths

    _check_level(level)
    outcome, days = _column(summary, "holdout_amount"), _column(summary, "holdout_days")
    if days.min() != days.max():
        raise ValueError(
            f"holdout_days: from {days.min():g} to {days.max():g} over {len(days)} rows; "
            "a level holds for one horizon, so make the summary with one holdout_end"
        )
    n = len(outcome)
    rank = math.floor((n + 1) * (1 - level) + 1e-9)
    if rank < 1:
        raise ValueError(_too_few(n, level))
    depth = outcome_depths(
        summary, outcome, purchases=purchases, spend=spend, horizon_days=days[0], n_draws=n_draws,
        random_state=random_state,
    )  # fmt: skip
    tail = float(np.partition(depth, rank - 1)[rank - 1])
    # an outcome beyond all draws is at a depth of 0, for which the widest interval there is must do
    nominal = 1 - 2 * min(max(tail, 0.5 / n_draws), 0.5 - 0.5 / n_draws)
    return ConformalLevel(nominal, level, float((depth >= (1 - level) / 2 - 1e-9).mean()), n, float(days[0]))


class ConformalIntervals:
    """Intervals moved so that they would have covered ``level`` of the customers at an earlier origin.

    A customer's score at the earlier origin is how far the outcome lay outside the model's interval (negative: inside),
    in units of the interval's width plus a tenth of the mean width:
    ``max(amount_p05 - y, y - amount_p95) / (amount_p95 - amount_p05 + 0.1 mean width)``. The ceil((n + 1) level)-th
    smallest score (Romano et al. 2019, equation 11) is ``shift_``; every interval is moved outwards by so many of its
    widths, inwards if it is negative.

    Money has a floor. Where the model's interval begins at zero or below, hardly an outcome lies under it: such an
    interval keeps its lower end when intervals are moved inwards (or all who bought nothing would fall out of it, and
    there are many of them), and is moved below zero only where an outcome was negative, for returns.

    The promise is of the share over all customers ("marginal"), not of each kind of customer: look at
    :meth:`coverage_by` before you rely on it for the best ones. ``level`` 0.9 moves the columns ``amount_p05`` and
    ``amount_p95``, whose names then say where the interval started, not where its tails are.

    ``fit(table)`` reads ``amount_p05``, ``amount_p95`` and ``holdout_amount`` of the earlier origin and sets
    ``shift_``, ``n_customers_``, ``coverage_before_`` (share of outcomes within the model's own intervals) and
    ``lowest_`` (0, or the most negative outcome). ValueError: a column that is missing, NaN or infinite, an interval
    upside down, too few customers for ``level`` (fewer than level / (1 - level)), a level outside (0, 1).

    >>> rng = np.random.default_rng(0)
    >>> then = pd.DataFrame({"amount_p05": 0.0, "amount_p95": 10.0, "holdout_amount": rng.gamma(1.0, 10.0, 999)})
    >>> intervals = ConformalIntervals(level=0.9).fit(then)
    >>> round(intervals.coverage_before_, 2)
    0.62
    >>> now = intervals.predict(pd.DataFrame({"customer_id": ["a"], "amount_p05": [0.0], "amount_p95": [10.0]}))
    >>> now.round(1)
      customer_id  amount_p05  amount_p95
    0           a         0.0        23.2
    """

    def __init__(self, *, level: float = 0.9) -> None:
        self.level = level

    def fit(self, table: pd.DataFrame) -> ConformalIntervals:
        _check_level(self.level)
        low, high = _ends(table)
        outcome = _column(table, "holdout_amount")
        n = len(outcome)
        rank = math.ceil((n + 1) * self.level)
        if rank > n:
            raise ValueError(_too_few(n, self.level))
        self.lowest_ = min(0.0, float(outcome.min()))
        self.coverage_before_ = float(((low <= outcome) & (outcome <= high)).mean())
        scores = self._scores(low, high, outcome)
        self.shift_ = float(np.partition(scores, rank - 1)[rank - 1])
        self.n_customers_ = n
        return self

    def predict(self, table: pd.DataFrame) -> pd.DataFrame:
        """Today's intervals, moved. One row a row of ``table``, which has ``amount_p05`` and ``amount_p95``.

        Columns ``customer_id`` (where the table has it), ``amount_p05``, ``amount_p95``, in the table's currency.
        """
        low, high = _ends(table)
        low, high = self._moved(low, high)
        moved = pd.DataFrame({"amount_p05": low, "amount_p95": high})
        if "customer_id" in table:
            moved.insert(0, "customer_id", table["customer_id"].to_numpy())
        return moved

    def coverage_by(self, table: pd.DataFrame, groups) -> pd.DataFrame:
        """Which share of each group's outcomes do the moved intervals cover? ``groups``: one label a row.

        ``table`` has ``amount_p05``, ``amount_p95`` and ``holdout_amount``. Columns ``group``, ``customers``,
        ``coverage``; one row a group, and the last one, ``all``.
        """
        low, high = self._moved(*_ends(table))
        outcome = _column(table, "holdout_amount")
        inside = pd.Series((low <= outcome) & (outcome <= high))
        found = inside.groupby(pd.Series(groups).reset_index(drop=True), observed=True).agg(["size", "mean"])
        rows = [*found.itertuples(name=None), ("all", len(inside), inside.mean())]
        return pd.DataFrame(rows, columns=["group", "customers", "coverage"])

    def _moved(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        by = self.shift_ * _unit(low, high)
        bounded = low <= 0
        new_low = low - np.where(bounded, max(self.shift_, 0.0) * _unit(low, high), by)
        # who buys nothing is never moved out of an interval that has 0 in it
        new_high = np.maximum(high + by, np.where(bounded, np.minimum(high, 0.0), -np.inf))
        crossed = new_low > new_high  # moved inwards by more than its half: a point
        middle = (new_low + new_high) / 2
        new_low, new_high = np.where(crossed, middle, new_low), np.where(crossed, middle, new_high)
        return (new_low if self.lowest_ < 0 else np.maximum(new_low, np.minimum(low, 0.0))), new_high

    def _scores(self, low: np.ndarray, high: np.ndarray, outcome: np.ndarray) -> np.ndarray:
        """By how many units the intervals must be moved for :meth:`_moved` to cover each outcome."""
        below = np.where((low <= 0) & (outcome >= 0), -np.inf, low - outcome)
        score = np.maximum(below, outcome - high) / _unit(low, high)
        always = (low <= 0) & (outcome == 0) & (high >= 0)
        return np.where(always, -1.0, score)  # no interval is as wide as its unit


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level is a share between 0 and 1, got {level}")


def _too_few(n: int, level: float) -> str:
    least = math.ceil(level / (1 - level) - 1e-9)
    return (
        f"{n} customers are too few for a level of {level:g}: at least {least} are needed; take an origin with more"
    )


def _unit(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    width = high - low
    # where all intervals are points (a model without uncertainty) the unit is the currency's
    return (width + _FLOOR_SHARE * width.mean()) if width.mean() > _POINT else np.ones(len(width))


def _ends(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    low, high = _column(table, "amount_p05"), _column(table, "amount_p95")
    wrong = low > high
    if wrong.any():
        raise ValueError(
            f"amount_p05 is above amount_p95 in {int(wrong.sum())} of {len(wrong)} rows, first in row "
            f"{int(np.flatnonzero(wrong)[0])}; the columns may have been swapped"
        )
    return low, high


def _column(table: pd.DataFrame, name: str) -> np.ndarray:
    if name not in table:
        raise ValueError(f"the table has no column {name}, only {', '.join(map(str, table.columns))}")
    values = table[name].to_numpy(dtype=float)
    wrong = ~np.isfinite(values)
    if wrong.any() or not len(values):
        raise ValueError(
            f"{name} is NaN or infinite in {int(wrong.sum())} of {len(values)} rows; leave those customers out"
            if len(values)
            else "the table has no rows"
        )
    return values
