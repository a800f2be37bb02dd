"""Set a model's level anew at every date, from the last weeks whose outcomes are known: how a shop would use it."""

from copy import copy
from typing import Any

import numpy as np
import pandas as pd

from clvlib.retention._checks import checked_table
from clvlib.retention.models.calibrated import CalibratedModel
from clvlib.split.door import whole

__all__ = ["follow_level"]


def follow_level(
    model: CalibratedModel,
    table: pd.DataFrame,
    snapshots: pd.DataFrame,
    *,
    outcome_days: int,
    window_days: int = 28,
    min_each: int = 10,
) -> np.ndarray:
    """What does the model say of each row, if its level and spread are learnt anew at the row's own date?

    A calibration that is learnt once grows old where the share that comes back drifts or has a season. Here the two
    numbers of :meth:`CalibratedModel.calibrate` are learnt again at every ``snapshot_date`` of ``table``, from the rows
    of ``snapshots`` whose outcome windows of ``outcome_days`` had ended by then and whose date is less than
    ``outcome_days + window_days`` back: nothing at or after the date is used, whatever ``snapshots`` holds.

    Two numbers ask for some evidence: while the window holds fewer than ``min_each`` rows that came back, or that did
    not, it is doubled; where all that is known by then is too little, the model is left as it was fitted.

    model: fitted; it is not changed, and how it was calibrated before plays no part. table: rows to judge. snapshots:
    with ``came_back``; rows of ``table`` may be among them. Returns shape (n_rows,), probabilities in the order of
    ``table``.

    ValueError: a column missing, a number of days or rows below 1, a model that is not fitted.

    >>> from clvlib.retention import ReturnModel
    >>> rng = np.random.default_rng(0)
    >>> weeks = pd.DataFrame({"snapshot_date": pd.date_range("2024-01-01", periods=20, freq="7D").repeat(200)})
    >>> weeks["orders"] = rng.poisson(3, len(weeks)) + 1.0
    >>> share = np.where(weeks["snapshot_date"] < "2024-03-01", 0.1, 0.3)  # a season begins
    >>> weeks["came_back"] = rng.random(len(weeks)) < share
    >>> model = ReturnModel(features=["orders"]).fit(weeks[weeks["snapshot_date"] < "2024-02-15"])
    >>> last = weeks[weeks["snapshot_date"] == weeks["snapshot_date"].max()]
    >>> float(round(model.predict_probability(last).mean(), 1))
    0.1
    >>> float(round(follow_level(model, last, weeks, outcome_days=7).mean(), 1))
    0.3
    """
    checked_table(table, "snapshot_date")
    checked_table(snapshots, "snapshot_date", "came_back")
    outcome_days, window_days = whole("outcome_days", outcome_days), whole("window_days", window_days)
    min_each = whole("min_each", min_each)
    as_fitted = copy(model)
    as_fitted.shift_, as_fitted.slope_ = 0.0, 1.0
    probability = as_fitted.predict_probability(table)
    follower = copy(as_fitted)
    for date, rows in table.groupby("snapshot_date").indices.items():
        known = _known(snapshots, date, outcome_days, window_days, min_each)
        if known is not None:
            probability[rows] = follower.calibrate(known).predict_probability(table.iloc[rows])
    return probability


def _known(snapshots: pd.DataFrame, date: Any, outcome_days: int, days: int, min_each: int) -> pd.DataFrame | None:
    """The latest rows whose outcomes had ended by ``date``, at least ``min_each`` of either kind, if there are."""
    age = (date - snapshots["snapshot_date"]).dt.total_seconds().to_numpy() / 86_400 - outcome_days
    came = snapshots["came_back"].to_numpy(dtype=bool)
    while True:
        near = (age >= 0) & (age < days)
        if min(came[near].sum(), (~came[near]).sum()) >= min_each:
            return snapshots[near]
        if not (age >= days).any():
            return None
        days *= 2
