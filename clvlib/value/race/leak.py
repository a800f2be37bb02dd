"""How much better does a model look when its rows are split at random? The same model, three ways of holding out.

A snapshot is a customer at a date: features before it, money of the ``horizon_days`` after it. Snapshots two weeks
apart share most of both. Split them at random, and the model is trained on the customer it is tested on, at a date a
fortnight away, with nearly the same money as the answer.
"""

from typing import Any

import numpy as np
import pandas as pd

from clvlib.value.learning.snapshots import training_snapshots

__all__ = ["PROTOCOLS", "leak_meter"]

#: Ways to hold out, from the leakiest to the honest one.
PROTOCOLS: tuple[str, ...] = ("rows at random", "customers at random", "before the cut")


def leak_meter(
    model: Any,
    lines: pd.DataFrame,
    *,
    cut: Any,
    horizon_days: int,
    step_days: int = 14,
    n_dates: int = 6,
    n_folds: int = 5,
    random_state: int = 0,
) -> pd.DataFrame:
    """What does one model forecast for the same customers at the same cut, trained in three ways?

    ``rows at random``
        Snapshots at the cut and at ``n_dates - 1`` earlier dates ``step_days`` apart, dealt into ``n_folds`` at random;
        a row of the cut is forecast by the model trained on the other folds: it has seen the customer, and money of
        the holdout itself.
    ``customers at random``
        The same with all rows of a customer in one fold: it has not seen the customer, but the holdout's season.
    ``before the cut``
        Trained on what was known at the cut, as in :func:`clvlib.split.backtest`: the only one that could have been
        done on the day.

    Parameters
    ----------
    model : a :class:`~clvlib.value.learning.supervised.SupervisedModel`, or what has its ``fit(snapshots,
        horizon_days=…)``, ``predict(features)`` and ``fit_predict``; it is fitted ``2 * n_folds + 1`` times.
    lines : the log, which must cover the ``horizon_days`` after the cut.
    random_state : of the folds.

    Returns
    -------
    DataFrame
        The long table of a race with one ``origin``, the cut, and the :data:`PROTOCOLS` as ``model``: ``customer_id``,
        ``expected_amount``, ``holdout_amount``. What a protocol seems to win is
        ``Comparison(table).differences(measure, baseline="before the cut")``.

    Raises
    ------
    ValueError
        A holdout or a first date outside the log; fewer than two folds or dates.
    """
    if n_folds < 2 or n_dates < 2 or step_days < 1:
        raise ValueError(f"it takes 2 folds, and 2 dates a day apart: got {n_folds}, {n_dates} and {step_days} days")
    cut = pd.Timestamp(cut)
    dates = [cut - pd.Timedelta(days=step_days * i) for i in range(n_dates)]
    until = cut + pd.Timedelta(days=horizon_days)
    known = lines[(lines["timestamp"] < until).to_numpy()]
    snapshots = training_snapshots(known, origins=dates, horizon_days=horizon_days)
    at_cut = (snapshots["origin"] == cut).to_numpy()
    rng = np.random.default_rng(random_state)
    code, customers = pd.factorize(snapshots["customer_id"])
    by_row = rng.permutation(len(snapshots)) % n_folds
    by_customer = (rng.permutation(len(customers)) % n_folds)[code]
    judged = snapshots.loc[at_cut, ["customer_id", "holdout_amount"]].assign(origin=cut)
    before = known[(known["timestamp"] < cut).to_numpy()].reset_index(drop=True)
    honest = model.fit_predict(before, cut=cut, horizon_days=horizon_days).set_index("customer_id")["expected_amount"]
    told = {
        PROTOCOLS[0]: _across_folds(model, snapshots, by_row, at_cut, horizon_days),
        PROTOCOLS[1]: _across_folds(model, snapshots, by_customer, at_cut, horizon_days),
        PROTOCOLS[2]: honest.reindex(judged["customer_id"]).to_numpy(),
    }
    tables = [judged.assign(model=name, expected_amount=amount) for name, amount in told.items()]
    columns = ["origin", "model", "customer_id", "expected_amount", "holdout_amount"]
    return pd.concat(tables, ignore_index=True)[columns]


def _across_folds(
    model: Any, snapshots: pd.DataFrame, fold: np.ndarray, at_cut: np.ndarray, horizon_days: int
) -> np.ndarray:
    """Forecasts of the rows of the cut, each by a model trained on the other folds of all rows."""
    amount = np.full(len(snapshots), np.nan)
    for number in range(fold.max() + 1):
        rows = at_cut & (fold == number)
        model.fit(snapshots[fold != number].reset_index(drop=True), horizon_days=horizon_days)
        features = snapshots[rows].drop(columns=["origin", "holdout_amount"]).reset_index(drop=True)
        amount[rows] = model.predict(features)["expected_amount"].to_numpy()
    return amount[at_cut]
