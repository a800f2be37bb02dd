"""Yes or no: how good is a classifier, at a cutoff and at all of them, and is a second one really better?

``outcome`` is an array of 0 and 1 of shape (n,), ``probability`` the predicted chance of a 1, shape (n,). A rule that
says yes or no is 1.0 or 0.0. One class only in ``outcome``, or a number that is no probability, is a ValueError.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from clvlib.metrics.probability import average_precision, brier_score, roc_auc

__all__ = ["METRICS", "classification_table", "classifier_difference", "curve_table"]

#: What :func:`classifier_difference` can compare; more is better, but for ``brier``.
METRICS: tuple[str, ...] = ("accuracy", "recall", "precision", "f1", "roc_auc", "average_precision", "brier")


def classification_table(
    outcome: ArrayLike, forecasts: Mapping[str, ArrayLike], *, cutoff: float = 0.5
) -> pd.DataFrame:
    """Of the customers named, how many were right, and how many of the right ones were named? One row a forecast.

    outcome: 0 and 1, shape (n,). forecasts: probabilities by name, shape (n,); a rule that says yes or no is 1.0 or
    0.0. cutoff: who has at least this probability is named.

    Columns: ``named``, ``true_positives``, ``false_positives``, ``false_negatives``, ``true_negatives``; ``accuracy``
    (TP + TN)/n, ``recall`` TP/(TP + FN), ``precision`` TP/(TP + FP), ``f1`` 2TP/(2TP + FP + FN), each 0 where there is
    nothing to divide by; ``roc_auc``, ``average_precision``, ``brier``, ``mean_probability``, which know no cutoff.

    ValueError: as :mod:`clvlib.metrics.probability`, one class only among them.

    >>> table = classification_table([1, 1, 0, 0], {"a": [0.9, 0.4, 0.6, 0.1]})
    >>> table[["named", "accuracy", "recall", "precision", "f1", "roc_auc"]].round(2).values.tolist()
    [[2.0, 0.5, 0.5, 0.5, 0.5, 0.75]]
    """
    y = np.asarray(outcome, dtype=float)
    rows = {}
    for name, probability in forecasts.items():
        p = np.asarray(probability, dtype=float)
        area = roc_auc(y, p)  # first, since it checks both
        counts = _confusion(y, p, cutoff, np.ones((1, len(y))))
        rows[name] = {"named": float((p >= cutoff).sum())}
        rows[name] |= {key: float(value[0]) for key, value in counts.items()}
        rows[name] |= {metric: float(_from_counts(counts, metric)[0]) for metric in METRICS[:4]}
        rows[name] |= {"roc_auc": area, "average_precision": average_precision(y, p)}
        rows[name] |= {"brier": brier_score(y, p), "mean_probability": float(p.mean())}
    return pd.DataFrame(rows).T


def classifier_difference(
    outcome: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    *,
    cutoff: float = 0.5,
    n_resamples: int = 1000,
    level: float = 0.95,
    random_state: int,
) -> pd.DataFrame:
    """Is the second classifier better than the first, or could other customers have turned it round?

    Paired percentile bootstrap: each resample draws customers once, and both are measured on the same draw, so that
    what makes a draw easy cancels. One row for each of :data:`METRICS`: ``first``, ``second``, ``difference`` (second
    less first), ``low``, ``high``, and ``verdict``: "better" or "worse" for the second where the interval leaves out 0,
    else "no difference shown".

    ValueError: one class only, probabilities outside [0, 1], lengths that differ.

    >>> y = np.tile([1, 0, 0, 0], 50)
    >>> table = classifier_difference(y, np.full(200, 0.5), 0.1 + 0.8 * y, n_resamples=100, random_state=0)
    >>> table.loc["roc_auc", "verdict"], table.loc["accuracy", ["first", "second"]].tolist()
    ('better', [0.25, 1.0])
    """
    y, a, b = (np.asarray(values, dtype=float) for values in (outcome, first, second))
    for p in (a, b):
        roc_auc(y, p)  # checks both classes, lengths and range
    rng = np.random.default_rng(random_state)
    weights = rng.multinomial(len(y), np.full(len(y), 1 / len(y)), size=n_resamples).astype(float)
    # a resample without both classes has no area; with tens of customers of each class none is
    weights = weights[(weights @ y > 0) & (weights @ (1 - y) > 0)]
    rows = {}
    for metric in METRICS:
        once = [_measured(y, p, metric, cutoff, np.ones((1, len(y))))[0] for p in (a, b)]
        draws = _measured(y, b, metric, cutoff, weights) - _measured(y, a, metric, cutoff, weights)
        low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
        up, down = ("worse", "better") if metric == "brier" else ("better", "worse")
        verdict = up if low > 0 else down if high < 0 else "no difference shown"
        rows[metric] = [*once, once[1] - once[0], float(low), float(high), verdict]
    names = ["first", "second", "difference", "low", "high", "verdict"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=names).rename_axis("metric")


def curve_table(outcome: ArrayLike, probability: ArrayLike) -> pd.DataFrame:
    """What does every possible cutoff give? The ROC curve and the precision-recall curve, in one table.

    One row for each distinct probability, from the highest: ``cutoff``, ``named`` (share of customers at or above it),
    ``recall`` (also the true positive rate), ``false_positive_rate``, ``precision``.

    >>> table = curve_table([1, 0, 1, 0], [0.9, 0.8, 0.3, 0.3])
    >>> table[["recall", "false_positive_rate", "precision"]].values.tolist()
    [[0.5, 0.0, 1.0], [0.5, 0.5, 0.5], [1.0, 1.0, 0.5]]
    """
    roc_auc(outcome, probability)
    y, p = np.asarray(outcome, dtype=float), np.asarray(probability, dtype=float)
    order = np.argsort(-p, kind="stable")
    last = np.flatnonzero(np.r_[np.diff(p[order]) != 0, True])
    hits, named = np.cumsum(y[order])[last], last + 1.0
    return pd.DataFrame(
        {
            "cutoff": p[order][last],
            "named": named / len(y),
            "recall": hits / y.sum(),
            "false_positive_rate": (named - hits) / (1 - y).sum(),
            "precision": hits / named,
        }
    )


def _measured(y: np.ndarray, p: np.ndarray, metric: str, cutoff: float, weights: np.ndarray) -> np.ndarray:
    """The metric with each customer counting ``weights`` times, shape (n_draws, n); returns (n_draws,)."""
    if metric == "brier":
        return weights @ ((p - y) ** 2) / weights.sum(axis=1)
    if metric in METRICS[:4]:
        return _from_counts(_confusion(y, p, cutoff, weights), metric)
    order = np.argsort(-p, kind="stable")
    first = np.flatnonzero(np.r_[True, np.diff(p[order]) != 0])  # equal probabilities are one step of the curve
    ranked = weights[:, order]
    hits = np.add.reduceat(ranked * y[order], first, axis=1)
    misses = np.add.reduceat(ranked * (1 - y[order]), first, axis=1)
    found = np.cumsum(hits, axis=1)
    if metric == "roc_auc":
        return (misses * (found - hits / 2)).sum(axis=1) / (hits.sum(axis=1) * misses.sum(axis=1))
    seen = found + np.cumsum(misses, axis=1)
    precision = np.divide(found, seen, out=np.zeros_like(found), where=seen > 0)
    return (hits * precision).sum(axis=1) / hits.sum(axis=1)


def _confusion(y: np.ndarray, p: np.ndarray, cutoff: float, weights: np.ndarray) -> dict[str, np.ndarray]:
    named = p >= cutoff
    cells = {
        "true_positives": named & (y == 1),
        "false_positives": named & (y == 0),
        "false_negatives": ~named & (y == 1),
        "true_negatives": ~named & (y == 0),
    }
    return {name: weights @ mask.astype(float) for name, mask in cells.items()}


def _from_counts(counts: Mapping[str, np.ndarray], metric: str) -> np.ndarray:
    tp, fp, fn, tn = counts.values()
    above, below = {
        "accuracy": (tp + tn, tp + fp + fn + tn),
        "recall": (tp, tp + fn),
        "precision": (tp, tp + fp),
        "f1": (2 * tp, 2 * tp + fp + fn),
    }[metric]
    return np.divide(above, below, out=np.zeros_like(above, dtype=float), where=below > 0)
