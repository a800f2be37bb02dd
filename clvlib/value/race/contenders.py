"""Models of repeat buying in the race, and intervals for any contender, beside the rules of thumb.

What :func:`clvlib.split.backtest` calls a contender: ``fit_predict`` gets the lines before the cut and returns one row
a customer with ``customer_id`` and ``expected_amount``, in currency, for ``horizon_days`` from the cut on. The
supervised ones are in :mod:`clvlib.value.learning.supervised`.
"""

import copy
import warnings
from typing import Any

import numpy as np
import pandas as pd

from clvlib.value.purchases._maximum_likelihood import FitWarning
from clvlib.value.purchases.gamma_gamma import GammaGammaModel
from clvlib.value.race.rules_of_thumb import (
    HiatusRule,
    LastPeriod,
    MeanBaseline,
    OwnPastRate,
    RecencyFrequencyCells,
    summary_at,
)
from clvlib.value.uncertainty.conformal import ConformalIntervals
from clvlib.value.uncertainty.predictive import predictive_intervals

__all__ = [
    "BuyTillYouDie",
    "ConformalForecast",
    "HiatusRule",
    "LastPeriod",
    "MeanBaseline",
    "OwnPastRate",
    "RecencyFrequencyCells",
    "summary_at",
]


class BuyTillYouDie:
    """A model of purchases times a model of spend, fitted anew at each cut.

    Parameters
    ----------
    purchases : an unfitted purchase model of :mod:`clvlib.value`; a copy of it is fitted (``purchases_``).
    spend : an unfitted model of spend, of which a copy is fitted (``spend_``). None: a
        :class:`~clvlib.value.GammaGammaModel` that leaves out of its fit whose repeat purchases come to nothing or less
        net of returns, and forecasts them as if nothing were known of their spend; ``notes_`` counts them.
    intervals : also give ``amount_p05`` and ``amount_p95``, the ends of the equal-tailed 90 % predictive interval.
    n_draws, random_state : of the simulation behind the intervals.
    time_unit : in which the models count, as in :func:`~clvlib.rfm.rfm_summary`; no prediction depends on it.

    A fit on a boundary is a note that begins with "boundary". ``expected_amount`` is the product of the two
    expectations, which assumes that how often somebody buys says nothing of how much.
    """

    def __init__(
        self,
        *,
        purchases: Any,
        spend: Any = None,
        intervals: bool = False,
        n_draws: int = 1000,
        random_state: int = 0,
        time_unit: str = "W",
    ) -> None:
        self.purchases = purchases
        self.spend = spend
        self.intervals = intervals
        self.n_draws = n_draws
        self.random_state = random_state
        self.time_unit = time_unit

    def fit_predict(self, calibration: pd.DataFrame, *, cut: pd.Timestamp, horizon_days: int) -> pd.DataFrame:
        """See the module; ``expected_purchases`` comes along. What the fits warn of is in ``notes_``, not on stderr."""
        self.notes_ = []
        self.summary_ = summary_at(calibration, cut=cut, time_unit=self.time_unit)
        self.purchases_ = self._fitted(self.purchases)
        self.spend_ = self._fitted(GammaGammaModel(nonpositive="leave_out") if self.spend is None else self.spend)
        if getattr(self.spend_, "n_nonpositive_", 0):
            self.notes_.append(f"customers left out of spend, repeat money not above 0: {self.spend_.n_nonpositive_}")
        purchases = self.purchases_.expected_purchases(self.summary_, horizon_days)
        amount = purchases * self.spend_.expected_spend(self.summary_)
        table = self.summary_[["customer_id"]].assign(expected_amount=amount, expected_purchases=purchases)
        return table.assign(**self._ends(horizon_days)) if self.intervals else table

    def _fitted(self, model: Any) -> Any:
        fitted = copy.deepcopy(model)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FitWarning)
            fitted.fit(self.summary_)
        for note in fitted.notes_:
            mark = "boundary, " if note == fitted.boundary_ else ""
            self.notes_.append(f"{mark}{type(fitted).__name__}: {note}")
        return fitted

    def _ends(self, horizon_days: int) -> dict[str, np.ndarray]:
        found = predictive_intervals(
            self.summary_,
            purchases=self.purchases_,
            spend=self.spend_,
            horizon_days=horizon_days,
            n_draws=self.n_draws,
            random_state=self.random_state,
        )
        return {name: found[name].to_numpy() for name in ("amount_p05", "amount_p95")}


class ConformalForecast:
    """Any contender, with intervals as wide as it missed by at the origin before: nothing is assumed of the model.

    At ``horizon_days`` before the cut the contender forecasts what has happened by now; by how much it missed there
    decides how wide :class:`~clvlib.value.ConformalIntervals` make the intervals of today. A contender without
    intervals of its own starts from (0, ``expected_amount``).

    contender : forecasts, and is asked twice. level : the share of customers to be covered; the columns are called
    ``amount_p05`` and ``amount_p95`` whatever it is. ``intervals_`` are those fitted at the earlier origin.

    ValueError: nobody bought before the earlier origin, so that there is nothing to calibrate on.
    """

    def __init__(self, contender: Any, *, level: float = 0.9) -> None:
        self.contender = contender
        self.level = level

    def fit_predict(self, calibration: pd.DataFrame, *, cut: pd.Timestamp, horizon_days: int) -> pd.DataFrame:
        """See the module; ``expected_amount`` is the contender's own."""
        self.notes_ = []
        earlier = cut - pd.Timedelta(days=horizon_days)
        known = (calibration["timestamp"] < earlier).to_numpy()
        if not (calibration["amount"].to_numpy()[known] >= 0).any():
            raise ValueError(
                f"nobody bought before {earlier:%Y-%m-%d}, {horizon_days} days before the cut: conformal intervals "
                "need an earlier origin to calibrate on; use a later cut or a shorter horizon"
            )
        then = self._told(calibration[known].reset_index(drop=True), cut=earlier, horizon_days=horizon_days)
        spent = calibration[~known].groupby("customer_id")["amount"].sum()
        then["holdout_amount"] = spent.reindex(then["customer_id"], fill_value=0.0).to_numpy()
        self.intervals_ = ConformalIntervals(level=self.level).fit(then)
        now = self._told(calibration, cut=cut, horizon_days=horizon_days)
        moved = self.intervals_.predict(now)
        self.notes_ = list(getattr(self.contender, "notes_", ()))
        return now.assign(amount_p05=moved["amount_p05"].to_numpy(), amount_p95=moved["amount_p95"].to_numpy())

    def _told(self, lines: pd.DataFrame, *, cut: pd.Timestamp, horizon_days: int) -> pd.DataFrame:
        table = self.contender.fit_predict(lines, cut=cut, horizon_days=horizon_days).reset_index(drop=True)
        if {"amount_p05", "amount_p95"} <= set(table):
            return table
        return table.assign(amount_p05=0.0, amount_p95=np.maximum(table["expected_amount"], 0.0))
