"""Whom would a list of the same length pick by another order, and what did the picked ones bring next?"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from clvlib.customers._checks import whole
from clvlib.metrics.intervals import bootstrap_interval

__all__ = ["choice_table"]


def choice_table(
    orders: Mapping[str, ArrayLike],
    outcome: ArrayLike,
    *,
    n_chosen: int,
    baseline: str,
    n_resamples: int = 1000,
    level: float = 0.95,
    random_state: int | np.random.Generator,
) -> pd.DataFrame:
    """If ``n_chosen`` customers get something, what did those bring whom each order picks?

    Parameters
    ----------
    orders : by name, what to sort customers by, highest first, each of shape (n_customers,). Ties that the list would
        cut are shared: of equal customers each is picked with the same probability, so that no lottery decides.
    outcome : what each customer brought in the period after, shape (n_customers,), in currency.
    baseline : the order to compare with.

    Returns
    -------
    One row an order, indexed by ``order``: ``per_chosen`` (mean outcome, currency), ``share`` of all of the outcome
    (NaN where the sum is not positive), and ``difference`` (per_chosen minus the baseline's) with ``low``, ``high``,
    the paired percentile bootstrap over customers with the lists as they are; ``verdict``: "better", "worse", "no
    difference shown" or "baseline".

    ValueError: lengths that differ, NaN or infinity, an unknown baseline, n_chosen outside 1 … n_customers.

    >>> choice_table({"spend": [9.0, 5.0, 1.0], "visits": [1, 1, 3]}, [4.0, 2.0, 0.0], n_chosen=1, baseline="spend",
    ...              random_state=0)[["per_chosen", "share", "difference"]].round(2)
            per_chosen  share  difference
    order
    spend          4.0   0.67         0.0
    visits         0.0   0.00        -4.0
    """
    outcome = np.asarray(outcome, dtype=float)
    n = outcome.size
    if outcome.ndim != 1 or not np.isfinite(outcome).all():
        raise ValueError(f"outcome is one finite amount a customer, shape (n_customers,); got shape {outcome.shape}")
    if not isinstance(orders, Mapping):
        raise ValueError(f"orders must be a mapping from a name to what to sort by, not {type(orders).__name__}")
    if baseline not in orders:
        raise ValueError(f"baseline={baseline!r} is none of the orders: {', '.join(map(str, orders))}")
    n_chosen = whole("n_chosen", n_chosen)
    if n_chosen > n:
        raise ValueError(f"n_chosen is a whole number from 1 to the {n} customers, got {n_chosen!r}")
    picked = {name: _picked(name, np.asarray(by, dtype=float), n, n_chosen) for name, by in orders.items()}
    total, rows = outcome.sum(), {}
    for name, weight in picked.items():
        paired = (weight - picked[baseline]) * outcome * n / n_chosen
        low, high = (0.0, 0.0)
        if name != baseline and paired.any():
            low, high = bootstrap_interval(paired, n_resamples=n_resamples, level=level, random_state=random_state)
        verdict = "better" if low > 0 else "worse" if high < 0 else "no difference shown"
        rows[name] = {
            "per_chosen": weight @ outcome / n_chosen,
            "share": weight @ outcome / total if total > 0 else np.nan,
            "difference": paired.mean(),
            "low": low,
            "high": high,
            "verdict": "baseline" if name == baseline else verdict,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("order")


def _picked(name: str, by: np.ndarray, n: int, n_chosen: int) -> np.ndarray:
    """Probability of being picked, shape (n,)."""
    if by.shape != (n,) or not np.isfinite(by).all():
        raise ValueError(f"{name!r} has shape {by.shape} for {n} customers, {int((~np.isfinite(by)).sum())} not finite")
    limit = np.sort(by)[n - n_chosen]
    above, equal = by > limit, by == limit
    return above + equal * (n_chosen - above.sum()) / equal.sum()
