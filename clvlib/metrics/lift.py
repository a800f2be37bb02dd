"""How much better than picking at random is the top of the list? Lift, captured positives, and the two curves.

``outcome`` and ``probability`` as in :mod:`clvlib.metrics.probability`. Rows with equal probabilities are one group:
a part of the group stands for the same part of its positives, so that no figure hangs on the order of equal rows.
"""

from collections.abc import Iterable
from numbers import Real

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.metrics import precision_recall_curve, roc_curve

from clvlib.metrics._resampling import check_level, row_weights
from clvlib.metrics._value_kernel import Forecast
from clvlib.metrics.probability import _both_classes, _checked

__all__ = ["lift_table", "precision_recall_table", "roc_table"]


def lift_table(
    outcome: ArrayLike,
    probability: ArrayLike,
    *,
    shares: Iterable[float] = (0.05, 0.1, 0.2, 0.3, 0.5),
    groups: ArrayLike | None = None,
    level: float = 0.95,
    n_resamples: int = 1000,
    random_state: int | np.random.Generator = 0,
) -> pd.DataFrame:
    """Of those with the highest probabilities, how many more came than of all? One row a share of the list.

    Indexed by ``share``: ``n`` (rows of that share, a fraction where it cuts a row), ``outcome_rate`` among them,
    ``lift`` (that rate over the rate of all rows; 1 is a list at random, 1 / share the most there can be) with ``low``
    and ``high``, and ``captured``, the share of all positives found there, with ``captured_low`` and ``captured_high``.
    groups: the customer of each row; customers are drawn anew, the list is cut anew in each resample.

    ValueError: see the module; a share outside (0, 1], one class only.

    >>> table = lift_table([1, 1, 0, 1, 0, 0, 0, 0], [0.9, 0.8, 0.7, 0.6, 0.4, 0.3, 0.2, 0.1], shares=[0.25, 0.5])
    >>> table[["n", "outcome_rate", "lift", "captured"]].round(3)
             n  outcome_rate   lift  captured
    share
    0.25   2.0          1.00  2.667     0.667
    0.50   4.0          0.75  2.000     1.000
    """
    y, p = _checked(outcome, probability)
    _both_classes(y)
    wanted = list(shares) if isinstance(shares, Iterable) and not isinstance(shares, str) else []
    if not wanted or not all(isinstance(share, Real) and 0 < share <= 1 for share in wanted):
        raise ValueError(f"shares are parts of the list in (0, 1], as in [0.1, 0.5], got {shares!r}")
    wanted = [float(share) for share in wanted]
    check_level(level)
    forecast = Forecast(y, p)
    captured = np.array([forecast.captured(np.ones((1, len(y))), share)[0] for share in wanted])
    draws = np.concatenate(
        [
            np.column_stack([forecast.captured(weights, share) for share in wanted])
            for weights in row_weights(groups, len(y), n_resamples, random_state)
        ]
    )
    # a resample without a single positive has no lift; it is left out
    low, high = np.nanquantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
    part = np.array(wanted)
    return pd.DataFrame(
        {
            "n": part * len(y),
            "outcome_rate": captured * y.sum() / (part * len(y)),
            "lift": captured / part,
            "low": low / part,
            "high": high / part,
            "captured": captured,
            "captured_low": low,
            "captured_high": high,
        },
        index=pd.Index(wanted, name="share"),
    )


def roc_table(outcome: ArrayLike, probability: ArrayLike) -> pd.DataFrame:
    """Of those who stay away, how many must be called to reach so many of those who come? The ROC curve.

    Columns ``false_positive_rate`` and ``true_positive_rate``, from (0, 0) to (1, 1), a row where the curve bends
    (:func:`sklearn.metrics.roc_curve`). ValueError: see the module; one class only.

    >>> roc_table([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])["true_positive_rate"].tolist()
    [0.0, 0.5, 0.5, 1.0, 1.0]
    """
    y, p = _checked(outcome, probability)
    _both_classes(y)
    false, true, _ = roc_curve(y, p)
    return pd.DataFrame({"false_positive_rate": false, "true_positive_rate": true})


def precision_recall_table(outcome: ArrayLike, probability: ArrayLike) -> pd.DataFrame:
    """Going down the list, which share of those who come is reached, and how pure is the list? The precision curve.

    Columns ``recall`` and ``precision``, a row a threshold, from the whole list (recall 1) to its top; the corner that
    scikit-learn adds at recall 0 is left out, since no list has it. ValueError: see the module; one class only.

    >>> precision_recall_table([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).round(2).to_numpy().tolist()
    [[1.0, 0.5], [1.0, 0.67], [0.5, 0.5], [0.5, 1.0]]
    """
    y, p = _checked(outcome, probability)
    _both_classes(y)
    precision, recall, _ = precision_recall_curve(y, p)
    return pd.DataFrame({"recall": recall[:-1], "precision": precision[:-1]})
