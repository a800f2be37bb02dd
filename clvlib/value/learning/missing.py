"""What does a gap in a feature cost, and what does each way of filling it save? Measured by making gaps.

The documents list ways to treat a missing value and measure none. Here a stated share of one feature is masked, in
training and in the forecast alike, the model is fitted again in every way, and both are judged on the same holdout.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from clvlib.value.learning.supervised import SupervisedModel

__all__ = ["WAYS", "masked", "missing_value_table"]

#: The ways by the name of ``SupervisedModel(missing=…)``, and what each does with a gap.
WAYS: dict[str, str] = {
    "drop": "leave the row out; at the cut, the training mean",
    "mean": "the mean of the others",
    "median": "the median of the others",
    "most_frequent": "the value that occurs most often",
    "regression": "what a regression on the other features says",
    "indicator": "the median, and a column that says that it was missing",
}


def masked(values: ArrayLike, *, share: float, mechanism: str = "at random", random_state: int) -> np.ndarray:
    """A copy with about ``share`` of its defined entries set to NaN, shape (n,).

    mechanism: ``"at random"``, every entry alike; ``"largest"``, the largest ones, so that being missing says something
    (who has not bought for long has no e-mail address that works).

    >>> masked([4.0, 1.0, 3.0, 2.0], share=0.5, mechanism="largest", random_state=0).tolist()
    [nan, 1.0, nan, 2.0]
    """
    if not 0 <= share < 1:
        raise ValueError(f"share is a part of the entries in [0, 1), got {share}")
    if mechanism not in ("at random", "largest"):
        raise ValueError(f"mechanism is {mechanism!r}; it must be one of at random, largest")
    out = np.array(values, dtype=float)
    known = np.flatnonzero(~np.isnan(out))
    draw = np.random.default_rng(random_state).random(len(known))
    order = np.argsort(draw) if mechanism == "at random" else np.lexsort((draw, -out[known]))
    out[known[order[: round(share * len(known))]]] = np.nan
    return out


def missing_value_table(
    snapshots: pd.DataFrame,
    now: pd.DataFrame,
    outcome: ArrayLike,
    *,
    horizon_days: int,
    feature: str,
    features: Sequence[str],
    shares: Sequence[float] = (0.0, 0.5),
    mechanism: str = "at random",
    ways: Sequence[str] = tuple(WAYS),
    baseline: str = "median",
    estimator: str = "linear_regression",
    n_resamples: int = 300,
    random_state: int,
) -> pd.DataFrame:
    """How well are customers ordered by what they will spend when ``feature`` has gaps, by way of treating them?

    snapshots, now: training and forecast features. outcome: what the customers of ``now`` spent, currency, shape (n,).
    features: what the model may use, ``feature`` among them; with few of them a gap cannot hide behind a neighbour.

    One row a masked share and way: ``masked``, ``way``, ``missing`` (share of the rows of ``now`` with any gap, those
    that were there before included), ``without_forecast`` (customers who get the training mean), ``relative_bias``,
    ``gini``, and its ``difference`` to ``baseline`` at the same share with the paired bootstrap interval ``low``,
    ``high`` and ``verdict`` ("better", "worse", "no difference shown", "baseline").

    Why the Gini and not an error: a gap that happens to lower a forecast that is too high anyway would look like help.

    ValueError: a feature that is not among ``features``, an unknown way, a baseline that is not among ``ways``, lengths
    that differ.
    """
    from clvlib.metrics.race import Comparison  # brings scipy.stats, half a second
    from clvlib.metrics.value import relative_bias

    y = np.asarray(outcome, dtype=float)
    if len(y) != len(now):
        raise ValueError(f"{len(y)} outcomes for {len(now)} customers; they must match row by row")
    if feature not in features:
        raise ValueError(f"{feature} is not among the features {', '.join(features)}; add it")
    unknown = [way for way in (*ways, baseline) if way not in WAYS]
    if unknown or baseline not in ways:
        raise ValueError(f"ways {', '.join(ways)} with baseline {baseline}: choose both from {', '.join(WAYS)}")
    tables = []
    options = {"mechanism": mechanism, "random_state": random_state}
    for share in shares:
        then, here = (
            table.assign(**{feature: masked(table[feature], share=share, **options)}) for table in (snapshots, now)
        )
        told, rows = [], {}
        for way in ways:
            model = SupervisedModel(estimator, missing=way, features=list(features), random_state=random_state)
            said = model.fit(then, horizon_days=horizon_days).predict(here)
            told.append(said.assign(model=way, origin=0, holdout_amount=y))
            rows[way] = {
                "masked": share,
                "way": way,
                "missing": float(here[model.features_].isna().any(axis=1).mean()),
                "without_forecast": model.n_without_forecast_,
                "relative_bias": relative_bias(y, said["expected_amount"]),
            }
        race = Comparison(pd.concat(told), n_resamples=n_resamples, random_state=random_state)
        found = race.differences("gini", baseline=baseline).rename(columns={"value": "gini"})
        tables.append(pd.DataFrame(rows).T.join(found.drop(columns="origins_better")))
    return pd.concat(tables, ignore_index=True).infer_objects()
