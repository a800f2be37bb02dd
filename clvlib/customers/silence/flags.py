"""Whom should the shop call lost today: the longest silent, or those a model calls least alive?

Both rules flag customers at one moment and are judged on the days after it: a flag on a customer who then buys is a
*false alarm*. Rules are compared at equal numbers of flags, since whoever flags fewer is wrong less often for that
alone.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from clvlib.customers._checks import share, whole, whole_days
from clvlib.customers._days import wall_ages
from clvlib.customers.silence._spells import spells_of
from clvlib.metrics.intervals import bootstrap_interval, wilson_interval
from clvlib.rfm import AgedLines

__all__ = ["flag_table"]


def flag_table(
    lines: Any,
    predictions: pd.DataFrame,
    *,
    as_of: Any,
    threshold_days: int | Iterable[int],
    horizon_days: int,
    level: float = 0.95,
    n_resamples: int = 1000,
    random_state: int = 0,
) -> pd.DataFrame:
    """Of the customers called lost at ``as_of``, how many bought in the ``horizon_days`` after it, by which rule?

    lines: the whole log; what lies before ``as_of`` says who is silent, the ``horizon_days`` from it on say who was
    wrongly called lost. predictions: ``customer_id`` and ``probability_alive``, or any other one column
    ``probability_…`` (of a purchase, say), of a model that knew lines before ``as_of`` only (this cannot be seen from
    here): it ranks the customers, nothing else of it is read; one row for everybody who had bought by then, others are
    left out. threshold_days: one silence or several.

    Returns two rows a threshold: ``threshold_days``; ``rule``, "silence" (silent at ``as_of`` for that long or longer)
    and the name of the column (as many customers, those with the lowest); ``customers``; ``flagged``; ``false_alarms``;
    ``false_alarm_rate`` = false_alarms / flagged with ``low`` and ``high``; ``caught_share``, which share of those who
    did not buy in the horizon was flagged; ``difference``, the rate minus that of silence at the same threshold, with
    ``difference_low`` and ``difference_high``. A rate of nobody is NaN.

    *Ties*: customers with equal probability at the edge of the list share the places that are left, each flagged by the
    same fraction; ``false_alarms`` is then what a fair draw among them gives on average. *Intervals*: Wilson's of the
    rate; of the difference percentiles of a paired bootstrap, in which both rules meet the same customers.

    Whoever bought once is alive for certain in the BG/NBD, so it calls them lost last, by lot; take the Pareto/NBD or
    the MBG/NBD here. A probability of being alive is none of buying within the horizon: the slow are alive, too.

    ValueError: a day count that is none, an ``as_of`` that leaves fewer than ``horizon_days`` in the log, predictions
    without the two columns, with a customer twice, with a value outside [0, 1] or missing, or without some customer.

    >>> lines = pd.DataFrame({"customer_id": [*"abcb"], "amount": 10.0, "timestamp": pd.to_datetime(
    ...     ["2024-01-01", "2024-01-05", "2024-02-20", "2024-03-10"])})
    >>> alive = pd.DataFrame({"customer_id": [*"abc"], "probability_alive": [0.1, 0.8, 0.2]})
    >>> flag_table(lines, alive, as_of="2024-03-01", threshold_days=30, horizon_days=10)[
    ...     ["rule", "flagged", "false_alarms", "false_alarm_rate", "caught_share"]]
                    rule  flagged  false_alarms  false_alarm_rate  caught_share
    0            silence        2           1.0               0.5           0.5
    1  probability_alive        2           0.0               0.0           1.0
    """
    thresholds, horizon = whole_days("threshold_days", threshold_days), whole("horizon_days", horizon_days)
    level = share("level", level)
    known, end = spells_of(lines, as_of), wall_ages(lines, None)[0].as_of
    cut = known.as_of
    if cut != cut.normalize():
        raise ValueError(f"as_of={cut} is no midnight; silence is counted in days, write it as '{cut.date()}'")
    if cut + pd.Timedelta(days=horizon) > end:
        raise ValueError(
            f"the outcome window of {horizon} days from {cut.date()} on reaches beyond the log, which ends at "
            f"{end.date()}; choose an earlier as_of or a shorter horizon_days"
        )
    name, alive = _ranking(predictions, known.customer_id)
    later, _ = wall_ages(lines, cut + pd.Timedelta(days=horizon))
    back = known.customer_id.isin(_buyers(later, cut)).to_numpy()
    silent, n_customers, stayed_away = known.watched[known.last], len(back), int((~back).sum())
    rows = []
    for threshold in thresholds:
        by_silence = (silent >= threshold).astype(float)
        n = int(by_silence.sum())
        for rule, flag in {"silence": by_silence, name: _lowest(alive, n)}.items():
            wrong, caught = min(float(flag[back].sum()), n), float(flag[~back].sum())
            low, high = wilson_interval(wrong, n, level=level) if n else (np.nan, np.nan)
            found = caught / stayed_away if stayed_away else np.nan
            difference = (flag - by_silence) * back
            between = [np.nan] * 3
            if n and n_customers > 1:
                ends = bootstrap_interval(difference, level=level, n_resamples=n_resamples, random_state=random_state)
                # the number of flags is the rule's, not chance's: only who is among the customers is drawn anew
                between = [float(x) * n_customers / n for x in (difference.mean(), *ends)]
            rate = wrong / n if n else np.nan
            rows.append([threshold, rule, n_customers, n, wrong, rate, low, high, found, *between])
    names = [
        *("threshold_days", "rule", "customers", "flagged", "false_alarms", "false_alarm_rate", "low", "high"),
        *("caught_share", "difference", "difference_low", "difference_high"),
    ]
    return pd.DataFrame(rows, columns=names)


def _ranking(predictions: pd.DataFrame, customer_id: pd.Series) -> tuple[str, np.ndarray]:
    """The column that ranks, and its probability for each customer in order, checked."""
    if not isinstance(predictions, pd.DataFrame):
        kind = type(predictions).__name__
        raise ValueError(f"predictions must be a DataFrame with customer_id and probability_alive, not {kind}")
    named = [name for name in predictions if str(name).startswith("probability_")]
    ranking = named[0] if len(named) == 1 else "probability_alive"
    missing = [name for name in ("customer_id", ranking) if name not in predictions]
    if missing:
        raise ValueError(
            f"predictions has no column {' and no '.join(missing)}, but {', '.join(map(str, predictions.columns))}; "
            "hand in a model's table with customer_id and probability_alive"
        )
    twice = int(predictions["customer_id"].duplicated().sum())
    if twice:
        raise ValueError(
            f"customer_id is there twice in {twice} of {len(predictions)} rows; hand in one row a customer"
        )
    given = pd.to_numeric(predictions[ranking], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    place = pd.Index(predictions["customer_id"]).get_indexer(pd.Index(customer_id))
    if (place < 0).any():
        raise ValueError(
            f"{int((place < 0).sum())} of {len(place)} customers who had bought by then have no row in predictions, "
            f"{customer_id[place < 0].iloc[0]!r} among them; predict for everybody, from lines before as_of"
        )
    alive = given[place]
    wrong = ~((alive >= 0) & (alive <= 1))
    if wrong.any():
        raise ValueError(
            f"{ranking} is missing or outside 0 to 1 for {int(wrong.sum())} of {len(alive)} customers; "
            "mend the model that gave it"
        )
    return ranking, alive


def _buyers(aged: AgedLines, cut: pd.Timestamp) -> pd.Series:
    """Who bought at the cut or after it, as far as these lines go."""
    first = aged.customers["first_purchase"].dt.normalize()
    until_cut = ((cut - first) // pd.Timedelta(days=1)).to_numpy()
    after = aged.bought & (aged.day >= until_cut[aged.code])
    return aged.customers["customer_id"].iloc[np.flatnonzero(np.bincount(aged.code[after], minlength=len(first)))]


def _lowest(alive: np.ndarray, n: int) -> np.ndarray:
    """1 for the n lowest, 0 for the others; who are equal at the edge share what places are left."""
    flag = np.zeros(len(alive))
    if n == 0:
        return flag
    edge = np.partition(alive, n - 1)[n - 1]
    flag[alive < edge] = 1.0
    flag[alive == edge] = (n - flag.sum()) / (alive == edge).sum()
    return flag
