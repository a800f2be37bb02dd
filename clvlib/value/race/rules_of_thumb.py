"""What a manager would say: rules of thumb as contenders for :func:`clvlib.split.backtest`.

Each forecasts the money of every customer with a purchase before the cut, from the lines before it: ``fit_predict``
returns ``customer_id`` and ``expected_amount`` in currency, for ``horizon_days`` from the cut on, never below zero.
What it had to make do with stands in ``notes_``.

They are no straw men. Wübben and von Wangenheim (2008), Instant customer base analysis: managerial heuristics often
"get it right", Journal of Marketing 72(3), found rules like these at least as good as models but for the total.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from clvlib.rfm import rfm_summary

__all__ = [
    "HiatusRule",
    "LastPeriod",
    "MeanBaseline",
    "OwnPastRate",
    "RecencyFrequencyCells",
    "summary_at",
]


def summary_at(calibration: pd.DataFrame, *, cut: pd.Timestamp, time_unit: str = "W") -> pd.DataFrame:
    """:func:`clvlib.rfm.rfm_summary` at a cut before which the log may have been quiet for days.

    A race cuts where its protocol says, and a shop that is closed on Sundays has no line on the day before a Monday:
    age T counts to the cut all the same.

    >>> lines = pd.DataFrame({"customer_id": ["a", "a"], "amount": [5.0, 7.0],
    ...                       "timestamp": pd.to_datetime(["2024-01-01", "2024-01-03"])})
    >>> summary_at(lines, cut=pd.Timestamp("2024-01-09"), time_unit="D")[["recency", "T"]]
       recency    T
    0      2.0  7.0
    """
    end = min(cut, calibration["timestamp"].max().normalize() + pd.Timedelta(days=1))
    summary = rfm_summary(calibration, calibration_end=end, time_unit=time_unit)
    return summary.assign(T=summary["T"] + (cut - end).days / summary["time_unit_days"])


class MeanBaseline:
    """The same for everybody: what customers brought on average in the last ``horizon_days``.

    The mean is over all who had bought before that period began, whether they came in it or not. It orders nobody,
    and of the total it is a serious forecast: business as usual.
    """

    def fit_predict(self, calibration: pd.DataFrame, *, cut: pd.Timestamp, horizon_days: int) -> pd.DataFrame:
        """See the module. ``mean_`` is the amount."""
        past = _last_period(calibration, cut, horizon_days)
        self.notes_ = past.notes
        self.mean_ = max(0.0, float(past.spent.loc[past.before["customer_id"]].mean()))
        customers = summary_at(calibration, cut=cut)["customer_id"]
        return _forecast(customers, np.full(len(customers), self.mean_))


class LastPeriod:
    """It goes on like that: what each customer spent in the last ``horizon_days``, first purchases included."""

    def fit_predict(self, calibration: pd.DataFrame, *, cut: pd.Timestamp, horizon_days: int) -> pd.DataFrame:
        """See the module."""
        past = _last_period(calibration, cut, horizon_days)
        self.notes_ = past.notes
        customers = summary_at(calibration, cut=cut)["customer_id"]
        return _forecast(customers, past.spent.reindex(customers, fill_value=0.0))


class OwnPastRate:
    """Everybody goes on at their own pace: net money of the repeat purchases, per day since the first, for ever.

    ``frequency * monetary_value / T`` a day: 0 for who bought once, and nobody ever leaves.
    """

    def fit_predict(self, calibration: pd.DataFrame, *, cut: pd.Timestamp, horizon_days: int) -> pd.DataFrame:
        """See the module."""
        self.notes_ = []
        summary = summary_at(calibration, cut=cut, time_unit="D")
        return _forecast(summary["customer_id"], _own_rate(summary) * horizon_days)


class HiatusRule:
    """Who has stayed away for longer than the hiatus is gone; who has not goes on at their own past rate.

    hiatus_days: calendar days since the last purchase, a manager's number. None: the one that best told who came back
    in the last ``horizon_days`` before the cut from who did not, looking from where these began (the highest sum of
    the two shares told rightly; the shortest of equally good ones).
    """

    def __init__(self, *, hiatus_days: float | None = None) -> None:
        self.hiatus_days = hiatus_days

    def fit_predict(self, calibration: pd.DataFrame, *, cut: pd.Timestamp, horizon_days: int) -> pd.DataFrame:
        """See the module. ``hiatus_days_`` is the hiatus used."""
        self.notes_ = []
        self.hiatus_days_ = self.hiatus_days
        if self.hiatus_days is None:
            past = _last_period(calibration, cut, horizon_days)
            back = past.came.loc[past.before["customer_id"]].to_numpy()
            self.hiatus_days_ = _best_threshold(_days_away(past.before), back)
            self.notes_ = [f"hiatus {self.hiatus_days_:.0f} days", *past.notes]
        summary = summary_at(calibration, cut=cut, time_unit="D")
        active = _days_away(summary) <= self.hiatus_days_
        return _forecast(summary["customer_id"], np.where(active, _own_rate(summary) * horizon_days, 0.0))


class RecencyFrequencyCells:
    """The marketer's grid: customers who stood in the same cell a period ago, what did they bring since?

    Rows are who bought once and ``n_groups - 1`` groups of who came back, by ``frequency``; columns ``n_groups`` groups
    by days since the last purchase; equally many customers in each, equal ones together, as they stood
    ``horizon_days`` before the cut. A customer is worth the mean of the cell they stand in at the cut; a cell with
    fewer than ``min_customers`` says what its row says, and a row with fewer what everybody does.
    """

    def __init__(self, *, n_groups: int = 5, min_customers: int = 20) -> None:
        self.n_groups = n_groups
        self.min_customers = min_customers

    def fit_predict(self, calibration: pd.DataFrame, *, cut: pd.Timestamp, horizon_days: int) -> pd.DataFrame:
        """See the module. ``cells_`` has the mean amount (frequency groups x recency groups)."""
        past = _last_period(calibration, cut, horizon_days)
        self.notes_ = past.notes
        away, x = _days_away(past.before), past.before["frequency"].to_numpy()
        away_edges = _edges(away, self.n_groups)
        x_edges = np.r_[0.5, _edges(x[x > 0], self.n_groups - 1)]
        spent = past.spent.loc[past.before["customer_id"]].to_numpy()
        place = _cell(x, x_edges), _cell(away, away_edges)
        self.cells_ = self._means(*place, spent, (len(x_edges) + 1, len(away_edges) + 1))
        now = summary_at(calibration, cut=cut, time_unit="D")
        place = _cell(now["frequency"].to_numpy(), x_edges), _cell(_days_away(now), away_edges)
        return _forecast(now["customer_id"], self.cells_[place])

    def _means(self, row: np.ndarray, column: np.ndarray, spent: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        cells = np.full(shape, spent.mean())
        for i in range(shape[0]):
            if (row == i).sum() >= self.min_customers:
                cells[i] = spent[row == i].mean()
            for j in range(shape[1]):
                inside = (row == i) & (column == j)
                if inside.sum() >= self.min_customers:
                    cells[i, j] = spent[inside].mean()
        return cells


class _Past(NamedTuple):
    """The last period before a cut, looked at from its beginning."""

    before: pd.DataFrame  # rfm_summary in days of the customers known when it began
    spent: pd.Series  # net amount in it by customer_id, everybody known at the cut, for horizon_days
    came: pd.Series  # whether they bought in it
    notes: list[str]


def _last_period(calibration: pd.DataFrame, cut: pd.Timestamp, horizon_days: int) -> _Past:
    """The ``horizon_days`` before the cut; in a log that is no longer, its second half, scaled up."""
    history_days = (cut - calibration["timestamp"].min().normalize()).days
    days, notes = horizon_days, []
    if history_days <= horizon_days:
        days = max(1, history_days // 2)
        notes = [f"only {history_days} days before the cut: the last {days} stand for {horizon_days}"]
    start = cut - pd.Timedelta(days=days)
    inside = calibration["timestamp"] >= start
    before = summary_at(calibration[~inside], cut=start, time_unit="D")
    everybody = pd.Index(calibration["customer_id"].unique())
    lines = calibration[inside]
    spent = lines.groupby("customer_id")["amount"].sum().reindex(everybody, fill_value=0.0) * (horizon_days / days)
    buyers = lines.loc[lines["amount"] >= 0, "customer_id"].unique()
    came = pd.Series(everybody.isin(buyers), index=everybody)
    return _Past(before, spent, came, notes)


def _forecast(customers: pd.Series, amount: Any) -> pd.DataFrame:
    floored = np.maximum(np.asarray(amount, dtype=float), 0.0)
    return pd.DataFrame({"customer_id": customers.to_numpy(), "expected_amount": floored})


def _own_rate(summary_days: pd.DataFrame) -> np.ndarray:
    """Net money of the repeat purchases a day since the first purchase, at least 0, currency."""
    age = summary_days["T"].to_numpy()
    money = np.maximum((summary_days["frequency"] * summary_days["monetary_value"]).to_numpy(), 0.0)
    return np.divide(money, age, out=np.zeros(len(age)), where=age > 0)


def _days_away(summary_days: pd.DataFrame) -> np.ndarray:
    """Calendar days from the last purchase to the cut; 1 is the day before."""
    return (summary_days["T"] - summary_days["recency"] + 1).to_numpy()


def _edges(values: np.ndarray, n_groups: int) -> np.ndarray:
    """The lowest value of each group but the first; fewer groups where values are equal."""
    if not len(values):
        return np.array([])
    edges = np.unique(np.quantile(values, np.linspace(0, 1, n_groups + 1)[1:-1], method="higher"))
    return edges[edges > values.min()]


def _cell(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return np.searchsorted(edges, values, side="right")


def _best_threshold(away: np.ndarray, back: np.ndarray) -> float:
    """The number of days that splits who came back (below or at it) from who did not (above) with fewest wrong."""
    days, code = np.unique(away, return_inverse=True)
    came = np.cumsum(np.bincount(code, weights=back)) / max(back.sum(), 1)
    stayed = np.cumsum(np.bincount(code, weights=~back)) / max((~back).sum(), 1)
    return float(days[np.argmax(came - stayed)])
