"""How good is a forecast of what each customer will spend? In total, for each of them, and in their order.

Everywhere ``actual`` is what the customers spent in the holdout (returns deducted, so that it can be negative) and
``predicted`` what was forecast for them, both of shape (n,) and in one currency, row by row the same customers; who
bought nothing is a row with 0. Anything else is a ValueError that says how many entries are wrong.

Ties. Customers with equal predictions are one group, and nothing hangs on the order of their rows: a part of the
group stands for the same part of its money. So a forecast that says the same of everybody has a Gini of 0, and its
top tenth captures a tenth of the money.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from clvlib.metrics._value_kernel import Forecast
from clvlib.metrics.intervals import bootstrap_interval, wilson_interval

__all__ = [
    "Coverage",
    "Regret",
    "decile_table",
    "gain_curve",
    "gini",
    "interval_coverage",
    "mean_absolute_error",
    "regret",
    "relative_bias",
    "revenue_captured",
    "root_mean_squared_error",
    "spearman",
    "total_bias",
    "value_table",
]


def total_bias(actual: ArrayLike, predicted: ArrayLike) -> float:
    """By how much money is the forecast of all customers together too high? Sum of predicted minus actual, currency.

    >>> total_bias([10.0, 0.0, 5.0], [8.0, 4.0, 6.0])
    3.0
    """
    return _once(actual, predicted, "total_bias", ordered=False)


def relative_bias(actual: ArrayLike, predicted: ArrayLike) -> float:
    """The total bias as a share of what all customers really spent; 0.02 is 2 % too much.

    ValueError: a total of 0 or less, of which there are no shares.

    >>> relative_bias([10.0, 0.0, 5.0], [8.0, 4.0, 6.0])
    0.2
    """
    _positive_total(actual)
    return _once(actual, predicted, "relative_bias", ordered=False)


def mean_absolute_error(actual: ArrayLike, predicted: ArrayLike) -> float:
    """How far off is the forecast for a customer? Mean of abs(predicted - actual) over all n, currency.

    Where most customers buy nothing, the forecast that minimises it is 0 for all of them: read it beside the bias.

    >>> mean_absolute_error([10.0, 0.0, 5.0], [8.0, 4.0, 5.0])
    2.0
    """
    return _once(actual, predicted, "mean_absolute_error", ordered=False)


def root_mean_squared_error(actual: ArrayLike, predicted: ArrayLike) -> float:
    """How far off, with large errors counting more? Root of the mean of squared errors over all n, currency.

    The forecast that minimises it is each customer's mean, so it rewards what a lifetime value should be.

    >>> round(root_mean_squared_error([10.0, 0.0, 5.0], [8.0, 4.0, 5.0]), 4)
    2.582
    """
    return _once(actual, predicted, "root_mean_squared_error", ordered=False)


def spearman(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Does the forecast order customers as their spending did? Pearson's correlation of ranks, mean ranks among equals.

    Between -1 and 1; 0 where one of the two says the same of everybody and so has no order.

    >>> round(spearman([10.0, 0.0, 5.0, 0.0], [8.0, 1.0, 9.0, 2.0]), 4)
    0.7379
    """
    return _once(actual, predicted, "spearman")


def gain_curve(actual: ArrayLike, predicted: ArrayLike) -> pd.DataFrame:
    """Which share of the money do the customers bring who were predicted highest?

    Columns ``share_of_customers`` and ``share_of_amount``, from (0, 0) to (1, 1), a row after each group of equal
    predictions; between rows the curve is straight. Denominators: all n customers, all their money.

    ValueError: a total of 0 or less, of which there are no shares.

    >>> gain_curve([6.0, 0.0, 3.0, 1.0], [9.0, 1.0, 9.0, 4.0])["share_of_amount"].tolist()
    [0.0, 0.9, 1.0, 1.0]
    """
    a, p = _checked(actual, predicted)
    _positive_total(a)
    customers, money = Forecast(a, p).curve()
    return pd.DataFrame({"share_of_customers": customers / len(a), "share_of_amount": money / a.sum()})


def gini(actual: ArrayLike, predicted: ArrayLike) -> float:
    """How much of the possible order does the forecast find? Normalised Gini: 1 is the oracle's order, 0 is chance.

    Twice the area between the gain curve and the diagonal, divided by the same area for customers sorted by what
    they really spent. Below 0: worse than chance. 0 where all spent the same and no order could help.

    ValueError: a total of 0 or less.

    >>> gini([6.0, 0.0, 3.0, 1.0], [9.0, 1.0, 9.0, 4.0]), gini([6.0, 0.0, 3.0, 1.0], [1.0, 1.0, 1.0, 1.0])
    (0.85, 0.0)
    """
    _positive_total(actual)
    return _once(actual, predicted, "gini")


def revenue_captured(actual: ArrayLike, predicted: ArrayLike, *, share: float) -> float:
    """Which share of all the money comes from the ``share`` of customers predicted highest? The gain curve there.

    share: of the n customers, in (0, 1]; of a customer or a group of equals at the edge only the part counts that
    fits. ValueError: another share, or a total of 0 or less.

    >>> revenue_captured([6.0, 0.0, 3.0, 1.0], [9.0, 1.0, 8.0, 4.0], share=0.25)
    0.6
    """
    _positive_total(actual)
    return _once(actual, predicted, "captured", _checked_share(share))


class Regret(NamedTuple):
    """What a choice of customers leaves lying: ``best`` could be had, ``reached`` was, both in currency.

    ``amount`` is their difference and ``share`` that difference as a share of ``best``: 0 is the oracle's choice.
    """

    best: float
    reached: float
    amount: float
    share: float


def regret(truth: ArrayLike, predicted: ArrayLike, *, share: float = 0.1) -> Regret:
    """How much of the true value does the top ``share`` by forecast miss, against the top share by the truth itself?

    truth: shape (n,), what each customer is truly worth, currency; known only where the customers are simulated.
    ValueError: as :func:`revenue_captured`.

    >>> regret([6.0, 0.0, 3.0, 1.0], [1.0, 1.0, 8.0, 4.0], share=0.25)
    Regret(best=6.0, reached=3.0, amount=3.0, share=0.5)
    """
    t, p = _checked(truth, predicted)
    best = revenue_captured(t, t, share=share) * t.sum()
    reached = revenue_captured(t, p, share=share) * t.sum()
    return Regret(float(best), float(reached), float(best - reached), float((best - reached) / best))


def decile_table(
    actual: ArrayLike, predicted: ArrayLike, *, n_bins: int = 10, level: float = 0.95, random_state: int = 0
) -> pd.DataFrame:
    """Sorted by forecast and cut into tenths: did each tenth spend what was said of it?

    Indexed by ``decile`` (1 is the lowest forecast): ``n`` customers, the means ``predicted`` and ``realised``,
    ``low`` and ``high`` of the realised mean (percentile bootstrap at ``level``; a bin of one has no width), currency
    a customer, and ``bias``, the bin's total of predicted minus realised, currency. Bins hold equally many customers,
    but equal forecasts never part, so there can be fewer bins than asked for.

    >>> decile_table([0.0, 0.0, 1.0, 5.0], [0.1, 0.2, 2.0, 4.0], n_bins=2)[["n", "predicted", "realised", "bias"]]
            n  predicted  realised  bias
    decile
    1       2       0.15       0.0   0.3
    2       2       3.00       3.0   0.0
    """
    a, p = _checked(actual, predicted)
    if n_bins < 1:
        raise ValueError(f"n_bins must be at least 1, got {n_bins}")
    edges = np.unique(np.quantile(p, np.linspace(0, 1, n_bins + 1)[1:-1], method="higher"))
    bins = np.searchsorted(edges, p, side="right")
    rows = []
    for code in np.unique(bins):
        spent, told = a[bins == code], p[bins == code]
        ends = (spent[0], spent[0])
        if len(spent) > 1:
            ends = bootstrap_interval(spent, level=level, random_state=random_state)
        rows.append([len(spent), told.mean(), spent.mean(), *ends, told.sum() - spent.sum()])
    names = ["n", "predicted", "realised", "low", "high", "bias"]
    return pd.DataFrame(rows, columns=names, index=pd.RangeIndex(1, len(rows) + 1, name="decile")).astype({"n": int})


class Coverage(NamedTuple):
    """How many outcomes lay inside their intervals. Counts first, shares of ``n`` after them, widths in currency.

    ``inside + below + above == n``; ``coverage`` is inside / n, ``low`` and ``high`` Wilson's interval for it.
    ``zero_width`` counts intervals that are a point, which cover a customer who buys nothing for free.
    """

    n: int
    inside: int
    below: int
    above: int
    coverage: float
    low: float
    high: float
    mean_width: float
    median_width: float
    zero_width: int


def interval_coverage(actual: ArrayLike, low: ArrayLike, high: ArrayLike, *, confidence: float = 0.95) -> Coverage:
    """How many customers spent what their interval said? Both ends belong to the interval.

    low, high: shape (n,), currency. confidence: of Wilson's interval for the coverage, which takes customers as
    independent; a Christmas that moves them all is not in it.

    ValueError: see the module; an interval whose low end lies above its high end.

    >>> found = interval_coverage([0.0, 5.0, 9.0, 30.0], [0.0, 1.0, 10.0, 0.0], [0.0, 8.0, 20.0, 29.0])
    >>> found.inside, found.below, found.above, found.coverage, found.mean_width, found.zero_width
    (2, 1, 1, 0.5, 11.5, 1)
    """
    a, bottom = _checked(actual, low)
    a, top = _checked(actual, high)
    wrong = int((bottom > top).sum())
    if wrong:
        raise ValueError(f"{wrong} of {len(a)} intervals have their low end above their high end; swap low and high")
    below, above = int((a < bottom).sum()), int((a > top).sum())
    inside, width = len(a) - below - above, top - bottom
    ends = wilson_interval(inside, len(a), level=confidence)
    widths = float(width.mean()), float(np.median(width)), int((width == 0).sum())
    return Coverage(len(a), inside, below, above, inside / len(a), *ends, *widths)


def value_table(
    actual: ArrayLike, forecasts: Mapping[str, ArrayLike], *, shares: Iterable[float] = (0.1, 0.2)
) -> pd.DataFrame:
    """How do several forecasts of the same money compare? One row a forecast, one column a measure of this module.

    Indexed by ``model``: ``predicted_total``, ``total_bias`` (currency), ``relative_bias``, ``mean_absolute_error``,
    ``root_mean_squared_error`` (currency a customer), ``spearman``, ``gini``, and ``captured_10``, ``captured_20``
    for the ``shares`` 0.1 and 0.2 (in whole per cent).

    >>> value_table([6.0, 0.0, 3.0, 1.0], {"all the same": [2.5] * 4})[["total_bias", "gini", "captured_10"]]
                  total_bias  gini  captured_10
    model
    all the same         0.0   0.0          0.1
    """
    rows = {}
    for name, predicted in forecasts.items():
        rows[name] = {
            "predicted_total": float(np.sum(predicted)),
            "total_bias": total_bias(actual, predicted),
            "relative_bias": relative_bias(actual, predicted),
            "mean_absolute_error": mean_absolute_error(actual, predicted),
            "root_mean_squared_error": root_mean_squared_error(actual, predicted),
            "spearman": spearman(actual, predicted),
            "gini": gini(actual, predicted),
        } | {f"captured_{100 * share:.0f}": revenue_captured(actual, predicted, share=share) for share in shares}
    return pd.DataFrame(rows).T.rename_axis("model")


def _once(actual: ArrayLike, predicted: ArrayLike, measure: str, *more, ordered: bool = True) -> float:
    """A measure of the customers as they are: each drawn once."""
    a, p = _checked(actual, predicted)
    return float(getattr(Forecast(a, p, ordered=ordered), measure)(np.ones((1, len(a))), *more)[0])


def _checked(actual: ArrayLike, predicted: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    a, p = np.asarray(actual, dtype=float), np.asarray(predicted, dtype=float)
    if a.ndim != 1 or a.shape != p.shape or not len(a):
        raise ValueError(f"actual {a.shape} and predicted {p.shape} must be two equally long, non-empty arrays")
    for name, values in (("actual", a), ("predicted", p)):
        if not np.isfinite(values).all():
            bad = int((~np.isfinite(values)).sum())
            raise ValueError(f"{name} holds {bad} of {len(values)} values that are NaN or infinite; mend them first")
    return a, p


def _positive_total(actual: ArrayLike) -> None:
    total = float(np.sum(np.asarray(actual, dtype=float)))
    if np.isfinite(total) and total <= 0:
        raise ValueError(
            f"the {np.size(actual)} customers spent {total:g} in total, of which there are no shares; "
            "use a longer holdout"
        )


def _checked_share(share: float) -> float:
    if not 0 < share <= 1:
        raise ValueError(f"share is a part of the customers in (0, 1], got {share}")
    return share
