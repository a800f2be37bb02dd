"""The silences of a log: one after every purchase day, up to the next one or to the end of what is known."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from clvlib.customers._days import wall_ages
from clvlib.split import checked_lines

__all__ = ["Spells", "spells_of"]


class Spells(NamedTuple):
    """Silences in the order of customer and day; ``gap`` is infinite where nothing ended it, and ``last`` says so.

    ``watched``: days from the spell's purchase day to ``as_of``. customer: row of ``customer_id``. as_of: exclusive, on
    the wall of the log's time zone.
    """

    customer_id: pd.Series
    customer: np.ndarray
    gap: np.ndarray
    watched: np.ndarray
    last: np.ndarray
    as_of: pd.Timestamp


def spells_of(lines: Any, as_of: Any) -> Spells:
    """Every spell of every customer who had bought by ``as_of`` ; both are checked."""
    aged, _ = wall_ages(checked_lines(lines), as_of)  # times as objects, of several zones maybe, are refused
    code, day = aged.code[aged.bought], aged.day[aged.bought]
    width = int(day.max()) + 1
    cell = np.sort(
        code.astype(np.int64) * width + day
    )  # by customer and then day; np.unique would hash, which is slower
    cell = cell[np.r_[True, cell[1:] != cell[:-1]]]  # one each day
    code, day = cell // width, cell % width
    last = np.r_[code[1:] != code[:-1], True]
    gap = np.where(last, np.inf, np.r_[np.diff(day), 0])
    first = aged.customers["first_purchase"].dt.normalize()
    known = ((aged.as_of - first) // pd.Timedelta(days=1)).to_numpy()
    return Spells(aged.customers["customer_id"], code, gap, known[code] - day, last, aged.as_of)
