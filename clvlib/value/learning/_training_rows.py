"""What a training table must hold, which of its features can be learnt from, and how a candidate is judged."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

__all__ = [
    "MIN_BUYERS",
    "MIN_CUSTOMERS",
    "SVM_ROWS",
    "one_row_a_customer",
    "outcomes",
    "tweedie_deviance",
    "usable_features",
]

#: Below so many customers, or customers who bought in the training windows, nothing is learnt.
MIN_CUSTOMERS, MIN_BUYERS = 30, 10
#: A support vector machine's time grows with the square of its rows; it learns from so many customers' at most.
SVM_ROWS = 1000
#: A feature is left out where more than this share of the customers to forecast lie outside what training saw of it.
_MOST_OUTSIDE = 0.9


def outcomes(snapshots: pd.DataFrame) -> np.ndarray:
    absent = [name for name in ("customer_id", "origin", "holdout_amount") if name not in snapshots]
    if absent:
        raise ValueError(f"the table has no {', '.join(absent)}; make it with training_snapshots(...)")
    y = snapshots["holdout_amount"].to_numpy(dtype=float)
    if not np.isfinite(y).all():
        raise ValueError(f"holdout_amount: {int((~np.isfinite(y)).sum())} of {len(y)} rows are NaN or infinite")
    customers = snapshots["customer_id"].nunique()
    if customers < MIN_CUSTOMERS:
        raise ValueError(
            f"{customers} customers in the training snapshots; a regression on features needs at least "
            f"{MIN_CUSTOMERS}: use a longer log, or a baseline"
        )
    buyers = snapshots["customer_id"][y > 0].nunique()
    if buyers < MIN_BUYERS:
        raise ValueError(
            f"only {buyers} of {customers} customers spent anything in the training windows, of "
            f"{snapshots['origin'].nunique()} origins; it takes {MIN_BUYERS}: use a longer horizon or a longer log"
        )
    if y.sum() <= 0:
        raise ValueError(f"holdout_amount sums to {y.sum():,.2f}: returns outweigh purchases, no level can be learnt")
    return y


def usable_features(
    snapshots: pd.DataFrame, features: Sequence[str] | None, now: pd.DataFrame | None = None
) -> tuple[list[str], dict[str, str]]:
    """Features to learn from, and the others with the reason why not.

    Left out are those that are never defined or the same for all, and, where the customers to forecast are given by
    ``now`` and no ``features`` are asked for by name, those that have left the range of training. In a log of one
    cohort the customers' age is one: no origin has seen customers as old as today's, and whatever a model learnt about
    age it would have to guess there.
    """
    asked = [name for name in snapshots if name not in ("customer_id", "origin", "holdout_amount")]
    if features is not None:
        absent = [name for name in features if name not in asked]
        if absent:
            raise ValueError(f"the table has no {', '.join(absent)}; it has {', '.join(asked)}")
        asked, now = list(features), None
    left_out, usable = {}, []
    for name in asked:
        values = snapshots[name].to_numpy(dtype=float)
        infinite = int(np.isinf(values).sum())
        if infinite:
            raise ValueError(f"{name}: {infinite} of {len(values)} rows are infinite; mend or drop them")
        known = values[~np.isnan(values)]
        if not len(known):
            left_out[name] = "never defined"
        elif np.ptp(known) == 0 and len(known) == len(values):
            left_out[name] = "the same for all"
        elif now is not None and (share := _outside(now[name].to_numpy(dtype=float), known)) > _MOST_OUTSIDE:
            left_out[name] = f"{share:.0%} of the customers at the cut lie outside what training saw"
        else:
            usable.append(name)
    if not usable:
        raise ValueError(
            f"no feature of {', '.join(asked) or 'none'} varies over {len(snapshots)} rows: nothing to learn from; "
            "use a longer history or a baseline"
        )
    return usable, left_out


def one_row_a_customer(groups: np.ndarray, keep: np.ndarray, n: int, random_state: int) -> np.ndarray:
    """One row of each customer, of ``n`` customers at most."""
    rng = np.random.default_rng(random_state)
    rows = rng.permutation(np.flatnonzero(keep))
    first = np.unique(groups[rows], return_index=True)[1]
    chosen = np.zeros(len(groups), dtype=bool)
    chosen[rows[rng.permutation(first)[:n]]] = True
    return chosen


def tweedie_deviance(y: np.ndarray, forecast: np.ndarray, mean: float) -> float:
    """Mean Tweedie deviance of power 1.5: least for the true mean, and not for one big spender to decide, as squares.

    mean: of the training outcomes; a forecast below a hundredth of it counts as that.
    """
    root = np.sqrt(np.maximum(forecast, 0.01 * mean))
    return float(np.mean(4 * (np.sqrt(np.maximum(y, 0.0)) - root) ** 2 / root))


def _outside(values: np.ndarray, seen: np.ndarray) -> float:
    """Share of the defined values beyond the least and greatest seen."""
    values = values[~np.isnan(values)]
    return float(np.mean((values < seen.min()) | (values > seen.max()))) if len(values) else 0.0
