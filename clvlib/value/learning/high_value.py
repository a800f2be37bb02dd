"""Who will be a high-value customer? Document 002's question with a threshold, a horizon, costs and a paired test.

"High value" is an outcome: to spend at least ``threshold_amount`` within ``horizon_days``. A classifier answers that
and nothing more; it has no money in it, so that somebody just above the threshold and the shop's best customer are one
class. Its probabilities are judged on customers of a later holdout, beside a manager's rule, by
:mod:`clvlib.metrics.classification`, and by money here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from clvlib.value.learning._fitting import chain_maker, one_thread, recorded
from clvlib.value.learning._training_rows import MIN_BUYERS, SVM_ROWS, one_row_a_customer, outcomes, usable_features
from clvlib.value.learning.features import customer_features
from clvlib.value.learning.snapshots import training_origins, training_snapshots

__all__ = ["HighValueModel", "high_value_threshold", "targeting_table"]


def high_value_threshold(snapshots: pd.DataFrame, *, share: float = 0.1) -> float:
    """Which amount did the best ``share`` of customers reach in the training windows? Currency.

    The amount is the smallest that at most ``share`` of the rows of
    :func:`~clvlib.value.learning.snapshots.training_snapshots` reach, so that the threshold is of the past and not of
    the holdout; never 0, and never more than anybody reached. ValueError: a share outside (0, 1), or nobody above 0.

    >>> high_value_threshold(pd.DataFrame({"holdout_amount": [0.0, 0.0, 5.0, 9.0]}), share=0.25)
    9.0
    """
    if not 0 < share < 1:
        raise ValueError(f"share is a part of the customers in (0, 1), got {share}")
    amount = np.sort(snapshots["holdout_amount"].to_numpy(dtype=float))
    reached = np.unique(amount[amount > 0])
    if not len(reached):
        raise ValueError(f"none of {len(amount)} rows spent anything: use a longer horizon")
    at_or_above = len(amount) - np.searchsorted(amount, reached)
    few = reached[at_or_above <= share * len(amount) + 1e-9]
    return float(few[0] if len(few) else reached[-1])


class HighValueModel:
    """The chance of spending at least ``threshold_amount`` within the horizon, from features of the past.

    estimator: ``"logistic_regression"``, ``"mlp"``, or another of :data:`clvlib.value.learning.supervised.ESTIMATORS`.
    options: of that estimator, as scikit-learn names them. missing, features, n_origins, step_days, min_history_days,
    recent_days, random_state: as :class:`~clvlib.value.learning.supervised.SupervisedModel`.

    ``fit`` sets ``features_``, ``left_out_``, ``base_rate_``, ``n_rows_``, ``n_customers_``, ``notes_``. ValueError: as
    there; fewer than 10 customers of high value among the training rows, or none below; a threshold not above 0.

    >>> rng = np.random.default_rng(0)
    >>> spend = rng.gamma(1.0, 50.0, 400)
    >>> table = pd.DataFrame({"customer_id": np.arange(400), "origin": "2024-01-01", "total_spend": spend,
    ...                       "holdout_amount": spend * rng.random(400)})
    >>> model = HighValueModel(threshold_amount=50.0).fit(table)
    >>> low, high = model.predict_probability(pd.DataFrame({"total_spend": [10.0, 200.0]}))
    >>> bool(low < 0.1 < 0.5 < high)
    True
    """

    def __init__(
        self,
        estimator: str = "logistic_regression",
        *,
        threshold_amount: float,
        options: Mapping | None = None,
        missing: str = "indicator",
        features: Sequence[str] | None = None,
        n_origins: int = 3,
        step_days: int | None = None,
        min_history_days: int = 30,
        recent_days: Sequence[int] = (30, 90, 180),
        random_state: int = 0,
    ) -> None:
        self.estimator = estimator
        self.threshold_amount = threshold_amount
        self.options = options
        self.missing = missing
        self.features = features
        self.n_origins = n_origins
        self.step_days = step_days
        self.min_history_days = min_history_days
        self.recent_days = recent_days
        self.random_state = random_state

    def fit_predict(self, calibration: pd.DataFrame, *, cut, horizon_days: int) -> pd.DataFrame:
        """One row a customer who bought before ``cut``: ``customer_id``, ``probability_high_value``."""
        cut = pd.Timestamp(cut)
        lines = calibration[(calibration["timestamp"] < cut).to_numpy()]
        origins = training_origins(
            lines,
            cut=cut,
            horizon_days=horizon_days,
            n_origins=self.n_origins,
            step_days=self.step_days,
            min_history_days=self.min_history_days,
        )
        options = {"horizon_days": horizon_days, "known_until": cut, "recent_days": self.recent_days}
        now = customer_features(lines, cut=cut, recent_days=self.recent_days)
        self.fit(training_snapshots(lines, origins=origins, **options), now=now)
        return pd.DataFrame(
            {"customer_id": now["customer_id"], "probability_high_value": self.predict_probability(now)}
        )

    def fit(self, snapshots: pd.DataFrame, *, now: pd.DataFrame | None = None) -> HighValueModel:
        """Learn from a table of ``training_snapshots``; now: as ``SupervisedModel.fit``."""
        if not self.threshold_amount > 0:
            raise ValueError(f"threshold_amount must be above 0, got {self.threshold_amount}")
        if self.missing == "drop":
            raise ValueError("missing='drop' leaves customers without a probability; fill the gaps instead")
        name = "linear_regression" if self.estimator == "logistic_regression" else self.estimator
        high = outcomes(snapshots) >= self.threshold_amount
        n_high = snapshots["customer_id"][high].nunique()
        if n_high < MIN_BUYERS or high.all():
            raise ValueError(
                f"{n_high} of {snapshots['customer_id'].nunique()} customers reached {self.threshold_amount:,.2f} in "
                f"the training windows, in {int(high.sum())} of {len(high)} rows: it takes {MIN_BUYERS} who did and "
                "some who did not; choose another threshold_amount or horizon"
            )
        self.notes_: list[str] = []
        self.features_, self.left_out_ = usable_features(snapshots, self.features, now)
        if self.left_out_:
            self.notes_.append("left out: " + "; ".join(f"{name} ({why})" for name, why in self.left_out_.items()))
        make = chain_maker(
            name, dict(self.options or {}), classify=True, missing=self.missing, random_state=self.random_state
        )
        groups = pd.factorize(snapshots["customer_id"])[0]
        keep = np.ones(len(high), dtype=bool)
        if self.estimator == "svm":
            keep = one_row_a_customer(groups, keep, SVM_ROWS, self.random_state)
        x = snapshots[self.features_].to_numpy(dtype=float)
        with one_thread(), recorded(self.notes_):
            self.model_ = make().fit(x[keep], high[keep], groups[keep])
        self.base_rate_ = float(high.mean())
        self.n_rows_, self.n_customers_ = len(high), int(groups.max()) + 1
        return self

    def predict_probability(self, features: pd.DataFrame) -> np.ndarray:
        """Shape (n_rows,), for a table of :func:`~clvlib.value.learning.features.customer_features`."""
        absent = [name for name in self.features_ if name not in features]
        if absent:
            raise ValueError(f"the table has no {', '.join(absent)}; make it with customer_features of the same log")
        return self.model_.predict_proba(features[self.features_].to_numpy(dtype=float))[:, 1]


def targeting_table(
    outcome: ArrayLike,
    amount: ArrayLike,
    forecasts: Mapping[str, ArrayLike],
    *,
    cost_per_contact: float,
    value_per_hit: float,
    level: float = 0.95,
    n_resamples: int = 1000,
    random_state: int,
) -> pd.DataFrame:
    """What does it earn to treat the customers a forecast names, if a treated customer of high value is worth so much?

    outcome: 0 and 1; amount: what they spent in the holdout, currency; forecasts: probabilities by name, all of shape
    (n,). A rule that says yes or no (1.0 or 0.0 only) names its yes; a probability names twice: from one half on, and
    from the *break-even* ``cost_per_contact / value_per_hit`` on, which is where a treatment begins to pay if the
    probabilities are true. value_per_hit: assumed gain of a treatment that reaches a customer of high value, currency;
    on others it gains nothing.

    One row a way to name, ``everybody`` first: ``named`` (count), ``told`` (their mean probability) and ``happened``
    (the share of them who were of high value), both 0 where nobody is named; ``amount_share`` (of all that was spent);
    ``profit`` = hits * value_per_hit - named * cost_per_contact with its bootstrap interval ``low`` to ``high``, in
    currency.

    ValueError: a cost that is not above 0, lengths that differ.

    >>> table = targeting_table([1, 0, 1, 0], [80.0, 0.0, 60.0, 5.0], {"model": [0.9, 0.3, 0.4, 0.1]},
    ...                         cost_per_contact=1.0, value_per_hit=5.0, random_state=0)
    >>> table[["named", "happened", "profit"]].round(2)
                       named  happened  profit
    everybody            4.0      0.50     6.0
    model, one half      1.0      1.00     4.0
    model, break-even    3.0      0.67     7.0
    """
    from clvlib.metrics.intervals import bootstrap_interval  # brings scipy.stats, half a second

    if not cost_per_contact > 0:
        raise ValueError(f"cost_per_contact must be above 0, got {cost_per_contact}; what is free is for everybody")
    y, money = np.asarray(outcome, dtype=float), np.asarray(amount, dtype=float)
    ways = {"everybody": (np.ones(len(y), dtype=bool), np.full(len(y), y.mean()))}
    break_even = cost_per_contact / value_per_hit if value_per_hit > 0 else np.inf
    for name, probability in forecasts.items():
        p = np.asarray(probability, dtype=float)
        if p.shape != y.shape or money.shape != y.shape:
            raise ValueError(f"{name}: {p.size} probabilities for {y.size} outcomes and {money.size} amounts")
        if np.isin(p, (0.0, 1.0)).all():
            ways[name] = (p == 1.0, p)
        else:
            ways |= {f"{name}, one half": (p >= 0.5, p), f"{name}, break-even": (p >= break_even, p)}
    rows = {}
    for name, (chosen, p) in ways.items():
        each = chosen * (y * value_per_hit - cost_per_contact)
        low = high = 0.0
        if chosen.any():
            ends = bootstrap_interval(each, level=level, n_resamples=n_resamples, random_state=random_state)
            low, high = (len(y) * end for end in ends)
        rows[name] = {
            "named": float(chosen.sum()),
            "told": float(p[chosen].mean()) if chosen.any() else 0.0,
            "happened": float(y[chosen].mean()) if chosen.any() else 0.0,
            "amount_share": float(money[chosen].sum() / money.sum()) if money.sum() > 0 else 0.0,
            "profit": float(each.sum()),
            "low": low,
            "high": high,
        }
    return pd.DataFrame(rows).T
