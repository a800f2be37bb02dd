"""What the models of this room share: features and outcome of a table, and separation."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from scipy.optimize import linprog

from clvlib.retention._checks import checked_table

__all__ = ["SeparationWarning", "feature_matrix", "outcome_of", "separated"]

#: What a table of snapshots holds beside features; a customer's number can only be memorised.
_NO_FEATURES = ("came_back", "customer_id", "snapshot_date")


class SeparationWarning(UserWarning):
    """The features separate the two outcomes: no odds ratio is finite, only the penalty holds them."""


def feature_matrix(table: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
    """The named columns, shape (n_rows, n_features).

    ValueError for a name that is absent, given twice or no feature (the outcome, the customer, the date), and for a
    column that holds texts, NaN, infinite or negative numbers.

    >>> feature_matrix(pd.DataFrame({"orders": [1, 2]}), ["orders"]).tolist()
    [[1.0], [2.0]]
    """
    table = checked_table(table)
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise ValueError(f"features are a list of names, got {names!r}; write [{names!r}]")
    names = list(names)
    if wrong := [name for name in names if name in _NO_FEATURES or names.count(name) > 1]:
        raise ValueError(f"{', '.join(dict.fromkeys(wrong))}: no feature to learn from, or named twice; leave it out")
    absent = [name for name in names if name not in table]
    if absent:
        raise ValueError(f"the table has no {', '.join(absent)}; it has {', '.join(map(str, table.columns))}")
    try:
        x = table[names].to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError):
        kinds = ", ".join(f"{name} ({table[name].dtype})" for name in names)
        raise ValueError(f"features must be numbers, got {kinds}; encode texts and dates first") from None
    wrong = ~(np.isfinite(x) & (x >= 0))
    if wrong.any():
        bad = [name for name, column in zip(names, wrong.any(axis=0), strict=True) if column]
        rows = int(wrong.any(axis=1).sum())
        raise ValueError(f"{', '.join(bad)}: {rows} of {len(x)} rows are NaN, infinite or negative")
    return x


def outcome_of(table: pd.DataFrame) -> np.ndarray:
    """``came_back`` as booleans, shape (n_rows,); ValueError where it is absent, unknown or the same for all."""
    table = checked_table(table, "came_back", made_with="snapshot_table(lines, …, outcome_days=7)")
    came = pd.to_numeric(table["came_back"], errors="coerce")
    unknown = int((~came.isin([0, 1])).sum())
    if unknown:
        raise ValueError(
            f"came_back: {unknown} of {len(came)} rows are neither true nor false; leave them out and say so"
        )
    outcome = came.to_numpy(dtype=bool)
    if not len(outcome) or outcome.all() or not outcome.any():
        raise ValueError(
            f"{int(outcome.sum())} of {len(outcome)} rows came back: both kinds are needed to learn the difference; "
            "use more dates or a longer outcome window"
        )
    return outcome


def separated(design: np.ndarray, outcome: np.ndarray) -> bool:
    """Is there a b with (2 y - 1) x'b >= 0 for every row and > 0 for some? (Konis 2007, section 4.1)"""
    signed = np.where(outcome, 1.0, -1.0)[:, None] * design
    found = linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(design)), bounds=(-1, 1))
    # such directions form a cone, so that the best of them reaches the bounds; what is found near 0 is rounding
    return found.status == 0 and np.abs(found.x).max() > 0.5 and -found.fun > 1e-6 * len(design)
