"""Would other customers, or the same ones with other luck, have been sorted in the same way?

Two doubts, and two answers. A segmentation may be an accident of who happened to be in the table:
:func:`bootstrap_agreement` fits it again on resamples. And a customer may stand in a tier by the luck of the purchases
seen so far: :func:`tier_noise` deals the luck anew.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from clvlib.customers._checks import share, whole
from clvlib.customers.segmentation._threads import few_threads

__all__ = ["Agreement", "TierNoise", "bootstrap_agreement", "tier_noise"]


@dataclass(frozen=True)
class Agreement:
    """How far a segmentation agrees with itself on resampled customers.

    ``draws``: adjusted Rand index of every resample, shape (n_resamples,); 1 is the same grouping, 0 what chance gives.
    ``mean``, and ``low`` to ``high``: the range that holds a share ``level`` of the draws. ``labels``: of the fit on
    the whole table, shape (n_customers,). ``by_segment``: ``segment``, ``customers``, ``jaccard``: mean over resamples
    of the overlap (intersection by union) with the most similar segment there (Hennig 2007, Computational Statistics &
    Data Analysis 52); by his rule of thumb, below 0.6 it should not be taken for a group, from 0.75 on it may be.
    """

    draws: np.ndarray
    mean: float
    low: float
    high: float
    level: float
    labels: np.ndarray
    by_segment: pd.DataFrame


def bootstrap_agreement(
    fit: Any,
    table: pd.DataFrame | np.ndarray,
    *,
    n_resamples: int = 100,
    level: float = 0.9,
    random_state: int | np.random.Generator,
) -> Agreement:
    """Would the same segments come out, had other customers of the same kind been in the table?

    Draws as many rows as there are, with replacement, fits the segmentation anew, and compares it with the one fitted
    on the whole table by the adjusted Rand index (Hubert & Arabie 1985, Journal of Classification 2, equation 5) on the
    customers that both have: those drawn, each counted once. What a segment is called plays no part.

    Parameters
    ----------
    fit : a function of a table to one label a row, or to a fitted object with ``predict`` or ``labels_``; or an object
        with ``fit_predict`` or ``fit``, such as a scikit-learn clusterer, which is copied for every fit.
    table : one row a customer, DataFrame or array of shape (n_customers, n_features).
    level : share of the resamples that the range holds.

    A grouping that is stable need not be useful (one group for everybody agrees with itself perfectly), and a label
    such as -1 for "in no cluster" is a group like any other. A resample holds customers twice, which a method that
    looks for dense places may take for density.

    ValueError: fewer than two rows, labels that are missing or of another number than the rows, an object that cannot
    fit.

    >>> spend = pd.DataFrame({"spend": [1.0, 2.0, 3.0, 101.0, 102.0, 103.0]})
    >>> bootstrap_agreement(lambda t: t["spend"] > 50, spend, n_resamples=20, random_state=0).mean
    1.0
    """
    if not hasattr(table, "__len__"):
        raise ValueError(f"the table must have one row a customer, and is {type(table).__name__}")
    n = len(table)
    if n < 2:
        raise ValueError(f"the table has {n} rows; agreement needs at least 2 customers")
    n_resamples, level = whole("n_resamples", n_resamples), share("level", level)
    with few_threads(n):
        codes, names, draws, jaccard = _resampled(fit, table, n_resamples, np.random.default_rng(random_state))
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    seen = ~np.isnan(jaccard)
    overlap = np.where(seen, jaccard, 0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    by_segment = pd.DataFrame({"segment": names, "customers": np.bincount(codes), "jaccard": overlap})
    return Agreement(draws, float(draws.mean()), float(low), float(high), level, names[codes], by_segment)


@dataclass(frozen=True)
class TierNoise:
    """What luck alone does to tiers, see :func:`tier_noise`.

    ``table``: one row a tier, in its order: ``tier``, ``customers``, ``changed_share`` (mean share of them that a
    redraw puts elsewhere) and ``low``, ``high``, the range that holds ``level`` of the redraws. ``transitions``:
    DataFrame tier × tier, mean share of a row's customers that a redraw puts into the column; rows sum to 1.
    ``labels``: the tier of every customer in every redraw, shape (n_customers, n_draws). ``before``: the tier by
    predicted value.
    """

    table: pd.DataFrame
    transitions: pd.DataFrame
    labels: np.ndarray
    before: np.ndarray
    level: float


def tier_noise(
    value: ArrayLike,
    draws: ArrayLike,
    *,
    assign: Callable[[np.ndarray], ArrayLike],
    order: list | None = None,
    level: float = 0.95,
) -> TierNoise:
    """How many customers would stand in another tier, had chance alone been different?

    Parameters
    ----------
    value : predicted value of each customer, shape (n_customers,), in currency.
    draws : the same figure had the customers' purchases fallen differently, shape (n_customers, n_draws): predictions
        from redrawn histories (:func:`clvlib.customers.redrawn_histories`), a parametric bootstrap.
    assign : values to tiers by thresholds that are fixed, such as ``ValueTiers().fit(value).assign``. Thresholds that
        were set anew for each redraw would hide that the total moves, too. Round both before: who stands exactly at a
        threshold must not fall by the last digit of a float.
    order : the tiers in the order of the tables; by the mean value of their customers, highest first, if None.

    A redraw has as much luck in it as the history that was seen, so a tier's share compares two lucky draws and not
    luck with truth. Whoever stands at the top stands there partly by good luck: expect more to fall than to rise.

    ValueError: shapes that do not match, a value that is NaN or infinite, tiers that ``order`` does not know.

    >>> noise = tier_noise([9.0, 1.0], [[9.0, 3.0], [1.0, 1.0]], assign=lambda v: np.where(v > 5, "VIP", "regular"))
    >>> noise.table[["tier", "customers", "changed_share"]]
          tier  customers  changed_share
    0      VIP          1            0.5
    1  regular          1            0.0
    """
    value, draws = np.asarray(value, dtype=float), np.asarray(draws, dtype=float)
    if value.ndim != 1 or draws.ndim != 2 or len(draws) != len(value) or not draws.size:
        raise ValueError(
            f"value has shape {value.shape} and draws {draws.shape}; they are (n_customers,) and (n_customers, n_draws)"
        )
    level = share("level", level)
    for name, numbers in (("value", value), ("draws", draws)):
        if not np.isfinite(numbers).all():
            bad = int((~np.isfinite(numbers)).reshape(len(value), -1).any(axis=1).sum())
            raise ValueError(f"{name} is NaN or infinite for {bad} of {len(value)} customers; drop them and say so")
    before = _assigned(assign, value)
    labels = _assigned(assign, draws.ravel()).reshape(draws.shape)
    known = pd.Series(value).groupby(before).mean().sort_values(ascending=False).index
    tiers = [*known, *sorted(set(labels.ravel()) - set(known), key=str)] if order is None else list(order)
    strange = (set(before) | set(labels.ravel())) - set(tiers)
    if strange:
        raise ValueError(f"order has no {', '.join(sorted(map(str, strange)))}; it is {', '.join(map(str, tiers))}")
    rows, shares = [], {}
    for tier in tiers:
        own = before == tier
        if not own.any():
            continue
        changed = (labels[own] != tier).mean(axis=0)
        low, high = np.quantile(changed, [(1 - level) / 2, (1 + level) / 2])
        rows.append((tier, int(own.sum()), float(changed.mean()), float(low), float(high)))
        shares[tier] = [float((labels[own] == other).mean()) for other in tiers]
    table = pd.DataFrame(rows, columns=["tier", "customers", "changed_share", "low", "high"])
    transitions = pd.DataFrame.from_dict(shares, orient="index", columns=tiers).rename_axis("tier")
    return TierNoise(table, transitions, labels, before, level)


def _resampled(fit: Any, table: Any, n_resamples: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Codes of the whole table and their names; agreement, (n_resamples,), and overlap, (n_resamples, n_segments)."""
    from sklearn.metrics import adjusted_rand_score

    codes, names = _codes(_labels(fit, table, table)[0])
    draws, jaccard = np.empty(n_resamples), np.empty((n_resamples, len(names)))
    for i in range(n_resamples):
        drawn = rng.integers(len(table), size=len(table))
        rows, first = np.unique(drawn, return_index=True)
        found, predicted = _labels(fit, _rows(table, drawn), _rows(table, rows))
        again, _ = _codes(found if predicted else found[first])
        draws[i] = adjusted_rand_score(codes[rows], again)
        jaccard[i] = _best_overlap(codes[rows], again, len(names))
    return codes, names, draws, jaccard


def _rows(table: pd.DataFrame | np.ndarray, rows: np.ndarray) -> Any:
    return table.iloc[rows].reset_index(drop=True) if hasattr(table, "iloc") else np.asarray(table)[rows]


def _labels(fit: Any, table: Any, asked: Any) -> tuple[np.ndarray, bool]:
    """Labels of the ``table`` it was fitted on, or (True) of ``asked`` where the fit keeps none and can predict."""
    if hasattr(fit, "fit") or hasattr(fit, "fit_predict"):
        model = copy.deepcopy(fit)
        found = model.fit(table) if hasattr(model, "fit") else model.fit_predict(table)
    elif callable(fit):
        found = fit(table)
    else:
        raise ValueError(f"fit is a function of a table or an object with fit or fit_predict, not {type(fit).__name__}")
    predicted = hasattr(found, "predict") and not hasattr(found, "labels_")
    if predicted:
        found, n = found.predict(asked), len(asked)
    else:
        found, n = getattr(found, "labels_", found), len(table)
    labels = np.asarray(found)
    if labels.shape != (n,):
        raise ValueError(f"fit gave labels of shape {labels.shape} for {n} rows; it must give one label a row")
    if pd.isna(labels).any():
        raise ValueError(f"fit gave no label for {int(pd.isna(labels).sum())} of {n} rows; name their segment")
    return labels, predicted


def _codes(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    codes, names = pd.factorize(labels, sort=True)
    return codes, np.asarray(names)


def _best_overlap(before: np.ndarray, after: np.ndarray, n_segments: int) -> np.ndarray:
    """Jaccard overlap of each segment with its most similar one; NaN for a segment of which nobody was drawn."""
    n_after = int(after.max()) + 1
    both = np.bincount(before * n_after + after, minlength=n_segments * n_after).reshape(n_segments, n_after)
    union = both.sum(axis=1, keepdims=True) + both.sum(axis=0, keepdims=True) - both
    return np.where(both.sum(axis=1) > 0, (both / np.maximum(union, 1)).max(axis=1), np.nan)


def _assigned(assign: Callable[[np.ndarray], ArrayLike], values: np.ndarray) -> np.ndarray:
    if not callable(assign):
        raise ValueError(f"assign must be a function of values to tiers, such as ValueTiers().fit(value).assign, "
                         f"not {assign!r}")  # fmt: skip
    tiers = np.asarray(assign(values), dtype=object)
    if tiers.shape != values.shape:
        raise ValueError(f"assign gave {tiers.shape} tiers for {len(values)} values; it must give one a value")
    if pd.isna(tiers).any():
        raise ValueError(f"assign gave no tier for {int(pd.isna(tiers).sum())} of {len(values)} values")
    return tiers
