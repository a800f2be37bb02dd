"""The pass over the lines: per customer first and last purchase day, purchase days, money; with numpy alone."""

from typing import NamedTuple

import numpy as np

from clvlib.rfm._door import Lines

__all__ = ["Periods", "State", "one_pass"]


class Periods(NamedTuple):
    """Days since 1970: the log's ``first``, the ``cut`` (first day of the holdout), ``end`` (first day after it)."""

    first: int
    cut: int
    end: int


class State(NamedTuple):
    """One entry a code; ``first`` and ``last`` in days after the log's first one, -1 without a purchase."""

    first: np.ndarray
    last: np.ndarray
    frequency: np.ndarray
    net: np.ndarray
    holdout_frequency: np.ndarray
    holdout_net: np.ndarray


def one_pass(read: Lines, periods: Periods) -> State:
    """Both periods at once."""
    n, code = read.n_codes, read.codes
    day = read.days() - periods.first
    cut, end = periods.cut - periods.first, periods.end - periods.first
    n_days = int(end)
    bought = (read.amount >= 0) & (day < end)
    keys = np.unique(code[bought].astype(np.int64) * n_days + day[bought])
    who, when = keys // n_days, keys % n_days
    calibration = when < cut
    holdout_frequency = np.bincount(who[~calibration], minlength=n)
    who, when = who[calibration], when[calibration]
    frequency = np.bincount(who, minlength=n) - 1
    first, last = np.full(n, -1), np.full(n, -1)
    first[who[::-1]] = when[::-1]
    last[who] = when
    later = (first[code] >= 0) & (day > first[code]) & (day < cut)
    net = np.bincount(code[later], read.amount[later], minlength=n)
    held = (day >= cut) & (day < end)
    return State(
        first, last, frequency, net, holdout_frequency, np.bincount(code[held], read.amount[held], minlength=n)
    )
