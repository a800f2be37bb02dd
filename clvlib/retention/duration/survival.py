"""Which share is still there after so many days? Kaplan and Meier's curve, without any model."""

import warnings
from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy.stats import CensoredData, ecdf, logrank

from clvlib.retention._checks import check_level, checked_numbers, checked_table
from clvlib.split.door import whole

__all__ = ["logrank_p_value", "survival_curve", "survival_table"]


def survival_curve(table: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """The share whose end comes later than each day on which ends were seen.

    Kaplan & Meier (1958), JASA 53, p. 457, by :func:`scipy.stats.ecdf`, with the log-log interval (Collett 2003,
    section 2.2.3), which stays between 0 and 1. Rows are taken as independent: pass one row a customer.

    Parameters
    ----------
    table : ``duration_days`` (zero or more) and ``ended`` (False: censored, the end lies later), one row a lifetime, as
        :func:`clvlib.retention.lifetime_table` gives them.
    level : of the interval.

    Returns
    -------
    One row a distinct duration with an end: ``days``; ``at_risk``, lifetimes known to last at least so long; ``ended``,
    ends on that day; ``survival``, share lasting *longer* than ``days``; ``low``, ``high``.

    ValueError: no row, a missing column, a duration that is NaN or negative, no end at all.

    >>> table = pd.DataFrame({"duration_days": [5, 8, 8, 12], "ended": [True, True, False, False]})
    >>> survival_curve(table)[["days", "at_risk", "ended", "survival"]]
       days  at_risk  ended  survival
    0     5        4      1      0.75
    1     8        3      1      0.50
    """
    check_level(level)
    duration, ended = checked_durations(table)
    if not ended.any():
        raise ValueError(f"none of {len(table)} lifetimes ended while it was watched: there is no curve to draw")
    fitted = ecdf(_censored(duration, ended)).sf
    days, ends = np.unique(duration[ended], return_counts=True)
    with warnings.catch_warnings():
        # after the last end of all the share is zero, whose logarithm has no interval: NaN there, and no noise
        warnings.simplefilter("ignore", RuntimeWarning)
        interval = fitted.confidence_interval(confidence_level=level, method="log-log")
    return pd.DataFrame(
        {
            "days": days.astype(table["duration_days"].dtype),
            "at_risk": len(duration) - np.searchsorted(np.sort(duration), days),
            "ended": ends,
            "survival": fitted.evaluate(days),
            "low": interval.low.evaluate(days),
            "high": interval.high.evaluate(days),
        }
    )


def survival_table(table: pd.DataFrame, *, horizons_days: Iterable[int], level: float = 0.95) -> pd.DataFrame:
    """Which share is still there after T whole days? One row a horizon.

    Durations are whole days from the start, so that whoever lasts T days or more is there beyond T: the curve just
    before day T. Columns ``horizon_days``, ``survival``, ``low``, ``high``. Arguments and errors as
    :func:`survival_curve`; also for a horizon longer than any lifetime was watched.

    >>> table = pd.DataFrame({"duration_days": [5, 8, 8, 12], "ended": [True, True, False, False]})
    >>> survival_table(table, horizons_days=[5, 6, 9])["survival"].tolist()
    [1.0, 0.75, 0.5]
    """
    curve = survival_curve(table, level=level)
    horizons_days = [whole("horizons_days", horizon) for horizon in checked_numbers("horizons_days", horizons_days)]
    longest = table["duration_days"].max()
    beyond = [horizon for horizon in horizons_days if horizon > longest + 1]
    if beyond:
        raise ValueError(f"horizons_days: {beyond} are more than {longest + 1}; no lifetime was watched longer")
    place = np.searchsorted(curve["days"], horizons_days)  # ends before the horizon
    shares = {name: np.concatenate([[1.0], curve[name]])[place] for name in ("survival", "low", "high")}
    return pd.DataFrame({"horizon_days": horizons_days} | shares)


def logrank_p_value(one: pd.DataFrame, other: pd.DataFrame) -> float:
    """Could two groups' lifetimes be of one kind? The p-value of the log-rank test (Mantel 1966), two-sided.

    Both tables as in :func:`survival_curve`; ValueError also if no lifetime of either ended.

    >>> short = pd.DataFrame({"duration_days": [1, 2, 3, 4], "ended": True})
    >>> long = pd.DataFrame({"duration_days": [10, 11, 12, 13], "ended": True})
    >>> round(logrank_p_value(short, long), 3)
    0.007
    """
    both = [checked_durations(table) for table in (one, other)]
    if not any(ended.any() for _, ended in both):
        raise ValueError(f"none of {len(one)} + {len(other)} lifetimes ended while it was watched: nothing to compare")
    return float(logrank(*(_censored(duration, ended) for duration, ended in both)).pvalue)


def checked_durations(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """``duration_days`` and ``ended`` of a table of lifetimes, refused where they are none."""
    if not len(checked_table(table, "duration_days", "ended", made_with="lifetime_table(lines, …)")):
        raise ValueError("the table has no row: no lifetime was watched")
    duration = pd.to_numeric(table["duration_days"], errors="coerce").to_numpy(dtype=float)
    wrong = ~(np.isfinite(duration) & (duration >= 0))
    if wrong.any():
        raise ValueError(f"duration_days: {int(wrong.sum())} of {len(wrong)} rows are no number of zero or more")
    ended = pd.to_numeric(table["ended"], errors="coerce")
    unknown = ~ended.isin([0, 1])
    if unknown.any():
        raise ValueError(f"ended: {int(unknown.sum())} of {len(table)} rows are neither true nor false")
    return duration, ended.to_numpy(dtype=bool)


def _censored(duration: np.ndarray, ended: np.ndarray) -> CensoredData:
    return CensoredData(uncensored=duration[ended], right=duration[~ended])
