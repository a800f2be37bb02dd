"""Do segments tell anything about what customers do *next* that two simple numbers do not tell?

Segments made of recency and frequency always differ in recency and frequency; that is how they were made. What counts
is the period after, on customers that were not learnt from.
"""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from clvlib.customers._checks import share, whole
from clvlib.metrics.intervals import bootstrap_interval

__all__ = ["next_period_gain"]

#: One small learner for everybody, so that nothing differs but what it is told: 25 trees of at most 8 leaves, each of
#: 20 customers or more.
_LEARNER = {
    "max_iter": 25, "learning_rate": 0.15, "max_leaf_nodes": 8, "min_samples_leaf": 20, "early_stopping": False,
}  # fmt: skip
_MOST_SEGMENTS = 200
_TINY = 1e-6
_COUNTS = {1: "one", 2: "two", 3: "three", 4: "four"}


def next_period_gain(
    segments: pd.Series | pd.DataFrame | ArrayLike,
    two_numbers: pd.DataFrame,
    next_spend: ArrayLike,
    *,
    bought: ArrayLike | None = None,
    n_splits: int = 5,
    n_resamples: int = 500,
    level: float = 0.95,
    random_state: int,
) -> pd.DataFrame:
    """How much better is the next period told from segments, or from segments and two numbers, than from these alone?

    Every forecast is for a customer that was not learnt from: the customers are split into ``n_splits`` parts, and each
    part is forecast by a learner fitted on the others (cross-fitting). The learner is gradient boosting of small trees,
    the same for all, so that it can follow any shape that the two numbers may have. Who is told "nothing" forecasts the
    mean of the others.

    Parameters
    ----------
    segments : the segment of each customer as known *before* the period, shape (n_customers,); a table for several
        segmentations, each judged by itself and called by its column.
    two_numbers : the numbers to beat, one row a customer: ``days_since_last_purchase`` and ``frequency``, say. With
        ``total_spend`` they are "three numbers" in the table: whether a segment knows more than what it is made of.
    next_spend : what each customer spent in the next period, in currency; a sum below zero (returns) counts as zero.
    bought : whether they bought at all, booleans; next_spend above zero, if None.
    random_state : whole number; of the split, and of the bootstrap over customers.

    Returns
    -------
    One row an outcome and a source, ``outcome`` ("bought", "spend") and ``told_by`` ("nothing", "two numbers", a
    segmentation, "two numbers + " the segmentation):

    ``skill``: share of the loss of telling nothing that is saved, 1 - loss / loss of nothing; log loss for "bought",
    Poisson deviance for "spend" (D², in which a mean is the best forecast and one large buyer weighs less than in R²);
    1 is perfect, 0 nothing learnt, negative worse than nothing. ``difference`` (skill minus that of the two numbers)
    with ``low`` and ``high``, the paired percentile bootstrap over customers at the forecasts as they are (learners are
    not fitted anew, so it is a little too short). ``verdict``: "better" or "worse" than the two numbers, "no
    difference shown", "baseline" for themselves.

    ValueError: rows that do not match, NaN, nobody or everybody buying (fewer than ``n_splits`` of a kind), more than
    200 segments in one segmentation, or one that is called as a rival of it is.

    >>> rng = np.random.default_rng(0)
    >>> days = rng.integers(0, 200, 600)
    >>> spend = np.where(rng.random(600) < np.where(days < 60, 0.6, 0.1), 20.0, 0.0)
    >>> random = rng.choice(["red", "blue"], 600)
    >>> gain = next_period_gain(random, pd.DataFrame({"days": days, "frequency": 1.0}), spend, random_state=0)
    >>> gain.loc[gain["outcome"] == "bought", ["told_by", "verdict"]]
                      told_by              verdict
    0                 nothing                worse
    1             two numbers             baseline
    2                segments                worse
    3  two numbers + segments  no difference shown
    """
    from sklearn.model_selection import StratifiedKFold
    from threadpoolctl import threadpool_limits

    named, numbers, spend, buying = _checked(segments, two_numbers, next_spend, bought, n_splits, level)
    plain = f"{_COUNTS.get(numbers.shape[1], numbers.shape[1])} number{'s' if numbers.shape[1] != 1 else ''}"
    taken = [name for name in named if name in ("nothing", plain) or name.startswith(f"{plain} + ")]
    if taken:
        raise ValueError(f"a segmentation called {taken[0]!r} would stand in the place of a rival; rename it")
    sources = {"nothing": None, plain: numbers}
    for name, codes in named.items():
        sources[name] = codes[:, None]
    for name, codes in named.items():
        sources[f"{plain} + {name}"] = np.column_stack([codes, numbers])
    folds = list(StratifiedKFold(n_splits, shuffle=True, random_state=random_state).split(buying, buying))
    rows = []
    for outcome, actual in (("bought", buying.astype(float)), ("spend", spend)):
        # trees this small take longer to share out among threads than to grow
        with threadpool_limits(limits=1, user_api="openmp"):
            forecasts = {
                name: _forecast(outcome, x, name not in ("nothing", plain), actual, folds)
                for name, x in sources.items()
            }
        losses = {name: _losses(outcome, actual, forecast) for name, forecast in forecasts.items()}
        base, nothing = losses[plain], losses["nothing"]
        for name, loss in losses.items():
            row = {"outcome": outcome, "told_by": name, "skill": 1 - loss.sum() / nothing.sum()}
            if name == plain:
                rows.append(row | {"difference": 0.0, "low": 0.0, "high": 0.0, "verdict": "baseline"})
                continue
            low, high = bootstrap_interval(
                np.column_stack([base - loss, nothing]), statistic=_ratio, level=level, n_resamples=n_resamples,
                random_state=random_state,
            )  # fmt: skip
            verdict = "better" if low > 0 else "worse" if high < 0 else "no difference shown"
            rows.append(row | {"difference": _ratio(np.column_stack([base - loss, nothing])), "low": low, "high": high,
                               "verdict": verdict})  # fmt: skip
    return pd.DataFrame(rows)


def _checked(segments, two_numbers, next_spend, bought, n_splits, level) -> tuple:
    n_splits, level = whole("n_splits", n_splits), share("level", level)
    spend = np.asarray(next_spend, dtype=float)
    if spend.ndim != 1 or not np.isfinite(spend).all():
        bad = int((~np.isfinite(spend)).sum())
        raise ValueError(f"next_spend is one finite amount a customer; shape {spend.shape}, {bad} missing or infinite")
    table = segments if isinstance(segments, pd.DataFrame) else pd.DataFrame({"segments": np.asarray(segments)})
    if isinstance(segments, pd.Series) and segments.name is not None:
        table.columns = [str(segments.name)]
    numbers = pd.DataFrame(two_numbers)
    for name, rows in (("segments", len(table)), ("two_numbers", len(numbers))):
        if rows != len(spend):
            raise ValueError(f"{name} has {rows} rows and next_spend {len(spend)}; one a customer, in the same order")
    values = numbers.to_numpy(dtype=float)
    if not np.isfinite(values).all():
        bad = int((~np.isfinite(values)).any(axis=1).sum())
        names = ", ".join(map(str, numbers))
        raise ValueError(f"two_numbers ({names}) are NaN or infinite in {bad} of {len(values)} rows")
    named = {}
    for name, column in table.items():
        if column.isna().any():
            raise ValueError(f"{name} is missing in {int(column.isna().sum())} of {len(column)} rows; name it")
        codes, labels = pd.factorize(column, sort=True)
        if len(labels) > _MOST_SEGMENTS:
            raise ValueError(f"{name} has {len(labels)} segments for {len(column)} customers; at most {_MOST_SEGMENTS}")
        if str(name) in named:
            raise ValueError(f"two segmentations are called {name!s}; rename one")
        named[str(name)] = codes.astype(float)
    buying = spend > 0 if bought is None else np.asarray(bought, dtype=bool)
    if buying.shape != spend.shape:
        raise ValueError(f"bought has shape {buying.shape} and next_spend {spend.shape}; one a customer")
    fewest = min(int(buying.sum()), int((~buying).sum()))
    if n_splits < 2 or fewest < n_splits or not (np.maximum(spend, 0) > 0).sum() >= n_splits:
        raise ValueError(
            f"{int(buying.sum())} of {len(buying)} customers bought in the next period; {n_splits} parts (at least 2) "
            "need that many of both kinds. Use a longer period or fewer parts"
        )
    return named, values, np.maximum(spend, 0.0), buying


def _forecast(outcome: str, x: np.ndarray | None, with_segment: bool, actual: np.ndarray, folds: list) -> np.ndarray:
    """Cross-fitted forecasts, shape (n,): a probability of buying or an expected spend."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    found = np.empty(len(actual))
    options = _LEARNER | {"random_state": 0, "categorical_features": [0] if with_segment else None}
    for learn, judge in folds:
        if x is None or np.ptp(x[learn], axis=0).max() == 0:
            found[judge] = actual[learn].mean()
        elif outcome == "bought":
            model = HistGradientBoostingClassifier(**options).fit(x[learn], actual[learn])
            found[judge] = model.predict_proba(x[judge])[:, 1]
        else:
            model = HistGradientBoostingRegressor(loss="poisson", **options).fit(x[learn], actual[learn])
            found[judge] = model.predict(x[judge])
    return found


def _losses(outcome: str, actual: np.ndarray, forecast: np.ndarray) -> np.ndarray:
    """Log loss, or Poisson deviance (McCullagh & Nelder 1989, section 2.3), of each customer."""
    if outcome == "bought":
        p = np.clip(forecast, _TINY, 1 - _TINY)
        return -np.where(actual > 0, np.log(p), np.log1p(-p))
    expected = np.maximum(forecast, _TINY)
    ratio = np.where(actual > 0, actual, 1.0) / expected
    return 2 * (np.where(actual > 0, actual * np.log(ratio), 0.0) - actual + expected)


def _ratio(rows: np.ndarray) -> float:
    return float(rows[:, 0].sum() / rows[:, 1].sum())
