"""Are predicted probabilities right, and do they tell customers apart?

Everywhere ``outcome`` is an array of 0 and 1 (or booleans) of shape (n,) and ``probability`` the predicted chance of
a 1, shape (n,), each between 0 and 1; anything else is a ValueError that says how many entries are wrong.
"""

from collections.abc import Callable, Mapping
from numbers import Integral
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.metrics import average_precision_score, roc_auc_score

from clvlib.metrics._resampling import check_level, row_weights
from clvlib.metrics._value_kernel import Forecast
from clvlib.metrics.intervals import wilson_interval

__all__ = [
    "BrierDecomposition",
    "average_precision",
    "brier_decomposition",
    "brier_score",
    "brier_skill",
    "log_loss",
    "reliability_table",
    "roc_auc",
    "score_differences",
    "score_table",
]


class BrierDecomposition(NamedTuple):
    """The Brier score taken apart: ``reliability - resolution + uncertainty + within_bins`` is the score, exactly.

    reliability: mean squared distance between what a bin was told and what happened in it; 0 is calibrated.
    resolution: how far the bins' outcomes differ from the base rate; larger is better.
    uncertainty: base rate times its complement; the score of always saying the base rate.
    within_bins: what grouping unequal probabilities into one bin hides; 0 where a bin holds one probability.
    """

    reliability: float
    resolution: float
    uncertainty: float
    within_bins: float


def brier_score(outcome: ArrayLike, probability: ArrayLike) -> float:
    """How far are the probabilities from what happened? Mean squared distance (Brier 1950); 0 is perfect.

    ValueError: see the module; also for an empty array.

    >>> round(brier_score([1, 0, 0, 1], [0.9, 0.2, 0.1, 0.6]), 4)
    0.055
    """
    y, p = _checked(outcome, probability)
    return float(np.mean((p - y) ** 2))


def brier_skill(outcome: ArrayLike, probability: ArrayLike, *, reference: ArrayLike) -> float:
    """Which share of a reference forecast's Brier score does this one save? 1 is perfect, 0 no better, below 0 worse.

    reference: shape (n,), the probabilities of the forecast to beat.

    >>> round(brier_skill([1, 0, 0, 1], [0.9, 0.2, 0.1, 0.6], reference=[0.5, 0.5, 0.5, 0.5]), 2)
    0.78
    """
    base = brier_score(outcome, reference)
    if base == 0:
        raise ValueError("the reference is already perfect: no skill can be measured against it")
    return 1 - brier_score(outcome, probability) / base


def brier_decomposition(outcome: ArrayLike, probability: ArrayLike, *, n_bins: int = 10) -> BrierDecomposition:
    """Is a poor Brier score a matter of wrong levels or of not telling customers apart?

    Murphy (1973), J. Appl. Meteor. 12, p. 595, on bins of equally many rows (ties in ``probability`` stay in one
    bin); the remainder that binning leaves is kept as ``within_bins`` (Stephenson, Coelho & Jolliffe 2008, their
    within-bin variance and covariance), so that the four add up exactly.

    >>> parts = brier_decomposition([1, 0, 0, 1], [0.8, 0.2, 0.2, 0.8], n_bins=2)
    >>> [round(part, 4) for part in parts]
    [0.04, 0.25, 0.25, 0.0]
    """
    y, p = _checked(outcome, probability)
    table = _binned(y, p, n_bins)
    share = table["n"].to_numpy() / len(y)
    told, seen = table["mean_probability"].to_numpy(), table["outcome_rate"].to_numpy()
    base = y.mean()
    reliability = float(np.sum(share * (told - seen) ** 2))
    resolution = float(np.sum(share * (seen - base) ** 2))
    uncertainty = float(base * (1 - base))
    within = float(np.mean((p - y) ** 2)) - (reliability - resolution + uncertainty)
    return BrierDecomposition(reliability, resolution, uncertainty, within)


def reliability_table(outcome: ArrayLike, probability: ArrayLike, *, n_bins: int = 10) -> pd.DataFrame:
    """Of those who were told x %, how many came? One row a bin, with a 95 % interval of the rate.

    Columns: ``bin`` (1 is the lowest probabilities), ``n``, ``mean_probability``, ``outcome_rate``, ``low``, ``high``
    (Wilson). Bins hold equally many rows, ties together; there can be fewer bins than asked for.

    >>> reliability_table([0, 0, 1, 1], [0.1, 0.1, 0.7, 0.7], n_bins=2)[["n", "mean_probability", "outcome_rate"]]
       n  mean_probability  outcome_rate
    0  2               0.1           0.0
    1  2               0.7           1.0
    """
    y, p = _checked(outcome, probability)
    table = _binned(y, p, n_bins)
    ends = [wilson_interval(int(hits), int(n)) for hits, n in zip(table["hits"], table["n"], strict=True)]
    table[["low", "high"]] = np.array(ends)
    return table.drop(columns="hits")


def log_loss(outcome: ArrayLike, probability: ArrayLike) -> float:
    """How surprised were the probabilities? Mean negative log-likelihood in nats; infinite if a sure thing failed.

    >>> round(log_loss([1, 0], [0.9, 0.2]), 4)
    0.1643
    """
    y, p = _checked(outcome, probability)
    with np.errstate(divide="ignore"):
        return float(-np.mean(np.where(y == 1, np.log(p), np.log1p(-p))))


def roc_auc(outcome: ArrayLike, probability: ArrayLike) -> float:
    """How often does one who came rank before one who did not? Area under the ROC curve; 0.5 is a coin.

    ValueError: only one class in ``outcome``, which leaves no pair to rank.

    >>> roc_auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    y, p = _checked(outcome, probability)
    _both_classes(y)
    return float(roc_auc_score(y, p))


def average_precision(outcome: ArrayLike, probability: ArrayLike) -> float:
    """How pure is the top of the list? Area under the precision-recall steps; the base rate is what chance gets.

    >>> round(average_precision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 4)
    0.8333
    """
    y, p = _checked(outcome, probability)
    _both_classes(y)
    return float(average_precision_score(y, p))


def score_table(outcome: ArrayLike, forecasts: Mapping[str, ArrayLike], *, n_bins: int = 10) -> pd.DataFrame:
    """How do several forecasts of one outcome compare? One row a forecast, one column a measure of this module.

    forecasts: by name, each of shape (n,). Columns: ``mean_probability``, ``brier``, ``reliability`` and ``resolution``
    (with ``n_bins`` bins), ``log_loss``, ``roc_auc``, ``average_precision``.

    >>> score_table([1, 0, 0, 1], {"sure": [0.9, 0.1, 0.1, 0.9]}).loc["sure", ["brier", "roc_auc"]].round(2).tolist()
    [0.01, 1.0]
    """
    _check_forecasts(forecasts)
    rows = {}
    for name, probability in forecasts.items():
        parts = brier_decomposition(outcome, probability, n_bins=n_bins)
        rows[name] = {
            "mean_probability": float(np.mean(probability)),
            "brier": brier_score(outcome, probability),
            "reliability": parts.reliability,
            "resolution": parts.resolution,
            "log_loss": log_loss(outcome, probability),
            "roc_auc": roc_auc(outcome, probability),
            "average_precision": average_precision(outcome, probability),
        }
    return pd.DataFrame(rows).T


#: Measures of :func:`score_differences`; -1 where lower is better.
_SIGNS = {"brier": -1, "log_loss": -1, "roc_auc": 1}


def score_differences(
    outcome: ArrayLike,
    forecasts: Mapping[str, ArrayLike],
    *,
    baseline: str,
    measure: str = "brier",
    groups: ArrayLike | None = None,
    level: float = 0.95,
    n_resamples: int = 1000,
    random_state: int | np.random.Generator = 0,
) -> pd.DataFrame:
    """Which forecasts are better than the baseline on the same rows, and is that more than noise? One row a forecast.

    measure: ``brier``, ``log_loss`` (lower is better) or ``roc_auc``. groups: the customer of each row; customers are
    drawn anew with all of their rows, the same ones for every forecast, so that the differences are paired.

    Indexed by forecast: the ``measure`` itself, ``difference`` (forecast minus baseline) with ``low`` and ``high``
    (percentile bootstrap; each row's interval stands for itself), and ``verdict``: ``better``, ``worse``,
    ``no difference shown`` or, in the baseline's row, ``baseline``.

    ValueError: see the module; a measure or a baseline that is not there; a log loss that is infinite.

    >>> came, blind = [0, 0, 1, 1] * 30, [0.5] * 120
    >>> table = score_differences(came, {"blind": blind, "sees": [0.2, 0.3, 0.6, 0.9] * 30}, baseline="blind")
    >>> table[["brier", "difference", "verdict"]]
           brier  difference   verdict
    blind  0.250       0.000  baseline
    sees   0.075      -0.175    better
    """
    if measure not in _SIGNS:
        raise ValueError(f"measure is {measure!r}; it must be one of {', '.join(_SIGNS)}")
    _check_forecasts(forecasts)
    if baseline not in forecasts:
        raise ValueError(f"no forecast is called {baseline!r}; there are {', '.join(map(str, forecasts))}")
    check_level(level)
    score = {name: _weighted_score(*_checked(outcome, p), measure, name) for name, p in forecasts.items()}
    n = len(np.asarray(outcome))
    whole = {name: float(each(np.ones((1, n)))[0]) for name, each in score.items()}
    pieces = [
        np.column_stack([each(weights) for each in score.values()])
        for weights in row_weights(groups, n, n_resamples, random_state)
    ]
    draws = pd.DataFrame(np.concatenate(pieces), columns=pd.Index([*score], dtype=object))
    rows = {}
    for name in score:
        low, high = np.nanquantile(draws[name] - draws[baseline], [(1 - level) / 2, (1 + level) / 2])
        ends = sorted((_SIGNS[measure] * low, _SIGNS[measure] * high))
        verdict = "better" if ends[0] > 0 else "worse" if ends[1] < 0 else "no difference shown"
        verdict = "baseline" if name == baseline else verdict
        rows[name] = [whole[name], whole[name] - whole[baseline], low, high, verdict]
    return pd.DataFrame.from_dict(rows, orient="index", columns=[measure, "difference", "low", "high", "verdict"])


def _check_forecasts(forecasts: Mapping[str, ArrayLike]) -> None:
    if not isinstance(forecasts, Mapping) or not forecasts:
        raise ValueError(f"forecasts are at least one by name, as in {{'model': probability}}, not {forecasts!r:.80}")


def _weighted_score(y: np.ndarray, p: np.ndarray, measure: str, name: str) -> Callable[[np.ndarray], np.ndarray]:
    """From weights of shape (draws, n) to the measure in each draw, shape (draws,)."""
    if measure == "roc_auc":
        _both_classes(y)
        # for outcomes of 0 and 1 the normalised Gini is 2 AUC - 1; a draw with one class only has no AUC
        forecast = Forecast(y, p)
        return lambda weights: (forecast.gini(weights) + 1) / 2
    with np.errstate(divide="ignore"):
        loss = (p - y) ** 2 if measure == "brier" else -np.where(y == 1, np.log(p), np.log1p(-p))
    if not np.isfinite(loss).all():
        raise ValueError(f"{name}: {int((~np.isfinite(loss)).sum())} sure things failed, their log loss is infinite")
    return lambda weights: weights @ loss / weights.sum(axis=1)


def _checked(outcome: ArrayLike, probability: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    y, p = np.asarray(outcome, dtype=float), np.asarray(probability, dtype=float)
    if y.ndim != 1 or y.shape != p.shape or not len(y):
        raise ValueError(f"outcome {y.shape} and probability {p.shape} must be two equally long, non-empty arrays")
    if not np.isin(y, (0.0, 1.0)).all():
        raise ValueError(f"outcome holds {int((~np.isin(y, (0.0, 1.0))).sum())} values that are neither 0 nor 1")
    if not ((p >= 0) & (p <= 1)).all():
        bad = int((~((p >= 0) & (p <= 1))).sum())
        raise ValueError(f"probability holds {bad} values outside 0 to 1 (or NaN); pass probabilities, not scores")
    return y, p


def _both_classes(y: np.ndarray) -> None:
    if y.min() == y.max():
        raise ValueError(
            f"all {len(y)} outcomes are {int(y[0])}: ranking needs both classes; use a longer outcome window"
        )


def _binned(y: np.ndarray, p: np.ndarray, n_bins: int) -> pd.DataFrame:
    """One row a bin of :func:`_bin_codes`."""
    table = (
        pd.DataFrame({"bin": _bin_codes(p, n_bins), "p": p, "y": y})
        .groupby("bin")
        .agg(n=("y", "size"), mean_probability=("p", "mean"), outcome_rate=("y", "mean"), hits=("y", "sum"))
        .reset_index(drop=True)
    )
    table.insert(0, "bin", np.arange(1, len(table) + 1))
    return table


def _bin_codes(p: np.ndarray, n_bins: int) -> np.ndarray:
    """Bins of equally many rows by probability, numbered from 0; equal probabilities never part."""
    if isinstance(n_bins, bool) or not isinstance(n_bins, Integral) or n_bins < 1:
        raise ValueError(f"n_bins must be a whole number of at least 1, got {n_bins!r}")
    edges = np.unique(np.quantile(p, np.linspace(0, 1, n_bins + 1)[1:-1], method="higher"))
    return np.unique(np.searchsorted(edges, p, side="right"), return_inverse=True)[1]
