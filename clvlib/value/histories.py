"""Purchase histories side by side: the cells that customers fall into, and the grid of all that could have been."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

__all__ = ["history_cells", "history_grid"]


def history_cells(
    summary: pd.DataFrame,
    *,
    frequency_edges: Sequence[int] = (0, 1, 3, 7),
    silence_edges: Sequence[int] = (30, 90, 180),
) -> pd.DataFrame:
    """How often has each customer come back, and for how many days have they been silent, in a few groups?

    summary: ``frequency, recency, T, time_unit_days``. frequency_edges: the last number of repeat purchases of each
    group but the last one. silence_edges: the same for whole days since the last purchase day (``T - recency``).

    Returns two ordered categorical columns, ``often`` and ``days_silent``, with the summary's index; a group without
    customers is among the categories.

    ValueError: a column is missing, edges that do not rise.

    >>> summary = pd.DataFrame({"frequency": [0, 2, 9], "recency": [0, 30, 38], "T": [39, 39, 39], "time_unit_days": 7})
    >>> history_cells(summary)
            often days_silent
    0           0    over 180
    1      2 to 3    31 to 90
    2  8 and more     up to 30
    """
    _columns(summary, "frequency", "recency", "T", "time_unit_days")
    silent = np.rint((summary["T"] - summary["recency"]) * summary["time_unit_days"])
    return pd.DataFrame(
        {
            "often": _cut(summary["frequency"], frequency_edges, "{} and more", 1),
            "days_silent": _cut(silent, silence_edges, "over {}", 0),
        }
    )


def history_grid(summary: pd.DataFrame, *, most: int | None = None) -> pd.DataFrame:
    """All histories that a customer as old as the oldest could have: a summary to ask a model about.

    summary: ``frequency, T, time_unit_days``. most: the highest frequency; by default the 99 % quantile, between 4 and
    20. Ages run in whole time units from the first purchase, in steps that give about 40 of them; the last one is the
    age of all rows, ``T``, rounded down. A row without repeat purchase has recency 0, and only such a row.

    >>> summary = pd.DataFrame({"frequency": [0.0, 5.0], "T": [2.5, 1.0], "time_unit_days": 7.0})
    >>> history_grid(summary, most=1)
       frequency  recency    T  time_unit_days
    0        0.0      0.0  2.0             7.0
    1        1.0      1.0  2.0             7.0
    2        1.0      2.0  2.0             7.0
    """
    _columns(summary, "frequency", "T", "time_unit_days")
    age = max(1.0, float(np.floor(summary["T"].max())))
    if most is None:
        most = int(np.clip(summary["frequency"].quantile(0.99), 4, 20))
    step = max(1.0, np.ceil(age / 40))
    ages = np.arange(age, 0, -step)[::-1]
    x, t_x = (grid.ravel() for grid in np.meshgrid(np.arange(1.0, most + 1), ages, indexing="ij"))
    unit = float(summary["time_unit_days"].iloc[0])
    return pd.DataFrame({"frequency": np.r_[0.0, x], "recency": np.r_[0.0, t_x], "T": age, "time_unit_days": unit})


def _cut(values: pd.Series, edges: Sequence[int], last: str, step: int) -> pd.Series:
    if not edges or any(later <= earlier for earlier, later in pairwise(edges)):
        raise ValueError(f"edges rise from group to group, got {[*edges]}")
    first = "0" if edges[0] == 0 else f"up to {edges[0]}"
    between = [str(b) if b == a + 1 else f"{a + 1} to {b}" for a, b in pairwise(edges)]
    return pd.cut(values, [-np.inf, *edges, np.inf], labels=[first, *between, last.format(edges[-1] + step)])


def _columns(summary: pd.DataFrame, *names: str) -> None:
    if missing := [name for name in names if name not in summary.columns]:
        raise ValueError(f"the summary has no column {', '.join(missing)}; make it with clvlib.rfm.rfm_summary")
