"""Who went from which state to which between two dates, what does that say about the next date, and what is it worth?

A purchase or a silence makes the steps::

    first purchase        prospect -> new
    the next one in time  new, reactivated -> active
    silence               new, active, reactivated -> dormant
    purchase after it     dormant -> reactivated

Between two dates a customer may take several, so nearly every state can follow on every other. Three things cannot be:
nobody becomes a prospect again, nor new who has bought before, and nobody known is forgotten. A customer of the later
date who was not known at the earlier one comes from "not yet a customer".
"""

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from clvlib.customers._checks import frame, number, whole
from clvlib.customers._days import days_of
from clvlib.customers.lifecycle._diary import cuts_of
from clvlib.customers.lifecycle._states import Of, check_buyers, coded, states_of
from clvlib.metrics.intervals import bootstrap_interval, wilson_interval
from clvlib.split.door import checked_lines

__all__ = [
    "NOT_YET",
    "forecast_scores",
    "transition_counts",
    "transition_matrix",
    "transition_table",
    "value_by_state",
]

#: Where customers come from who were not known at the earlier date.
NOT_YET = "not yet a customer"


def transition_counts(before: pd.DataFrame, after: pd.DataFrame, *, of: Of = "state") -> pd.DataFrame:
    """How many customers went from each state (or stage) of the earlier date to each of the later one?

    before, after: from :func:`clvlib.customers.lifecycle_stages` at two dates, with the same options. Returns a
    square table of counts: rows ``before`` (the last one :data:`NOT_YET`), columns ``after``.

    ValueError: a customer twice, a transition that cannot be (the tables are mixed up, or made with different
    options), a customer of ``before`` who is missing in ``after``, an unknown state.

    >>> before = pd.DataFrame({"customer_id": ["a", "b"], "state": ["new", "active"]})
    >>> after = pd.DataFrame({"customer_id": ["a", "b", "c"], "state": ["dormant", "active", "new"]})
    >>> counts = transition_counts(before, after)
    >>> int(counts.loc["new", "dormant"]), int(counts.loc["not yet a customer", "new"])
    (1, 1)
    """
    states = states_of(of)
    old, new = _pairs(before, after, of)
    old = np.where(old < 0, len(states), old)
    cells = np.bincount(old * len(states) + new, minlength=(len(states) + 1) * len(states))
    counts = pd.DataFrame(
        cells.reshape(-1, len(states)),
        index=pd.Index([*states, NOT_YET], name="before"),
        columns=pd.Index(states, name="after"),
    )
    if of == "state":
        _refuse_impossible(counts)
    return counts


def transition_matrix(before: pd.DataFrame, after: pd.DataFrame, *, of: Of = "state") -> pd.DataFrame:
    """Of the customers of each state at the earlier date, which share is in which state at the later one?

    The maximum-likelihood estimate of a Markov chain's transition probabilities: counts over their row's sum (Anderson
    & Goodman 1957, section 2). Rows sum to 1; a row of a state that nobody was in is NaN, never 0. Arguments and
    errors as :func:`transition_counts`.

    >>> before = pd.DataFrame({"customer_id": ["a", "b"], "state": ["new", "new"]})
    >>> after = pd.DataFrame({"customer_id": ["a", "b"], "state": ["dormant", "active"]})
    >>> transition_matrix(before, after).loc["new"].tolist()
    [0.0, 0.0, 0.5, 0.5, 0.0]
    """
    counts = transition_counts(before, after, of=of)
    total = counts.sum(axis=1)
    return counts.div(total.where(total > 0), axis=0)


def transition_table(history: pd.DataFrame, *, of: Of = "state") -> pd.DataFrame:
    """Every transition between neighbouring dates, with its share and the interval of it.

    history: from :func:`clvlib.customers.stage_history`, two dates or more. Returns one row a pair of dates and
    transition that was possible: ``from_date``, ``to_date``, ``before``, ``after``, ``customers``, ``of`` (customers
    of ``before`` at the earlier date), ``share`` and its 95 % interval ``low``, ``high`` (Wilson; NaN where
    nobody was in ``before``).

    ValueError: fewer than two dates; others as :func:`transition_counts`.

    >>> dates = pd.to_datetime(["2024-01-01", "2024-02-01"])
    >>> history = pd.DataFrame({"snapshot_date": dates, "customer_id": "a", "state": ["new", "dormant"]})
    >>> table = transition_table(history)
    >>> table.loc[table["customers"] > 0, ["before", "after", "share"]].to_string(index=False, header=False)
    'new dormant 1.0'
    """
    frame("the history", history, ("snapshot_date",), remedy="make it with stage_history(lines, dates, ...)")
    dates = [(date, rows) for date, rows in history.groupby("snapshot_date", sort=True)]
    if len(dates) < 2:
        raise ValueError(f"the history has {len(dates)} date and a transition needs two; give stage_history more")
    rows = []
    for (start, before), (end, after) in pairwise(dates):
        counts = transition_counts(before, after, of=of)
        for (old, new), count in counts.stack().items():
            total = int(counts.loc[old].sum())
            if of == "stage" or _possible(old, new):
                ends = wilson_interval(count, total) if total else (np.nan, np.nan)
                rows.append([start, end, old, new, count, total, count / total if total else np.nan, *ends])
    names = ["from_date", "to_date", "before", "after", "customers", "of", "share", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def forecast_scores(
    matrix: pd.DataFrame,
    before: pd.DataFrame,
    after: pd.DataFrame,
    *,
    of: Of = "state",
    n_resamples: int = 2000,
    random_state: int | np.random.Generator,
) -> pd.DataFrame:
    """Does an earlier transition matrix tell where today's customers will be, better than "everybody stays"?

    matrix: :func:`transition_matrix` of two *earlier* dates as far apart as ``before`` and ``after``, which must not
    reach into the time between these. Three forecasts for each customer known at ``before``: ``transition matrix`` (its
    row; who was in a state that nobody was in then stays), ``everybody stays``, and ``same mix for all`` (the
    matrix's mean over the customers, whatever their own state).

    Returns one row a forecast: ``forecast``; ``brier``, the mean over customers of the sum over states of (probability
    - outcome) squared, from 0 to 2, smaller is better (Brier 1950, equation 2); ``difference`` of it from
    "everybody stays" with its 95 % interval ``low``, ``high`` (bootstrap, the same customers for both); and
    ``misplaced``, the share of customers that the forecast of *how many* are in each state puts in a wrong one.

    ValueError: nobody at both dates; others as :func:`transition_counts`.
    """
    states = list(states_of(of))
    transition_counts(before, after, of=of)
    old, new = _pairs(before, after, of)
    old, new = old[old >= 0], new[old >= 0]
    if len(old) < 2:
        raise ValueError(f"{len(old)} customers are in both tables and a forecast is judged on two or more")
    frame("the matrix", matrix, states, remedy=f"make it with transition_matrix(..., of={of!r})")
    missing = [name for name in states if name not in matrix.index or name not in matrix.columns]
    if missing:
        raise ValueError(f"the matrix has no {', '.join(missing)}; make it with transition_matrix(..., of={of!r})")
    stay = np.eye(len(states))
    chain = matrix.loc[states, states].to_numpy(dtype=float)
    chain = np.where(np.isnan(chain), stay, chain)
    forecasts = {"transition matrix": chain[old], "everybody stays": stay[old]}
    forecasts["same mix for all"] = np.broadcast_to(forecasts["transition matrix"].mean(axis=0), chain[old].shape)
    happened = stay[new]
    brier = {name: np.square(probability - happened).sum(axis=1) for name, probability in forecasts.items()}
    rows = []
    for name, probability in forecasts.items():
        gain, ends = brier[name] - brier["everybody stays"], (0.0, 0.0)
        if name != "everybody stays":
            ends = bootstrap_interval(gain, n_resamples=n_resamples, random_state=random_state)
        misplaced = np.abs(probability.mean(axis=0) - happened.mean(axis=0)).sum() / 2
        rows.append([name, brier[name].mean(), gain.mean(), *ends, misplaced])
    return pd.DataFrame(rows, columns=["forecast", "brier", "difference", "low", "high", "misplaced"])


def value_by_state(
    lines: pd.DataFrame,
    stages: pd.DataFrame,
    *,
    as_of: Any,
    horizon_days: int,
    margin_rate: float = 1.0,
    of: Of = "state",
    n_resamples: int = 2000,
    random_state: int | np.random.Generator,
) -> pd.DataFrame:
    """What did the customers of each state bring in the ``horizon_days`` after the date, without anybody's doing?

    stages: from :func:`clvlib.customers.lifecycle_stages` at ``as_of``. margin_rate: share of an amount left
    after the cost of goods.

    Returns one row a state with customers: the state's name under ``state`` (or ``stage``), ``customers``,
    ``came_back`` (share with a purchase) with ``came_back_low``, ``came_back_high`` (95 %, Wilson);
    ``margin_per_1000`` (currency per 1,000 customers of the state within the horizon, refunds deducted) with ``low``,
    ``high`` (95 %, bootstrap over customers; NaN for fewer than two); and ``margin_per_return``, its mean over those
    who came back, in currency (NaN where nobody did), with ``return_low``, ``return_high`` over these alone.

    ValueError: a horizon that reaches beyond the log's end (what is not recorded would look like staying away);
    customers of ``stages`` who should have bought before the date and have not; others as :func:`transition_counts`.

    >>> lines = pd.DataFrame({"customer_id": ["a", "b", "a"], "amount": [9.0, 9.0, 20.0],
    ...                       "timestamp": pd.to_datetime(["2024-01-05", "2024-01-20", "2024-02-10"])})
    >>> stages = pd.DataFrame({"customer_id": ["a", "b"], "state": ["new", "new"]})
    >>> table = value_by_state(lines, stages, as_of="2024-02-01", horizon_days=10, random_state=0)
    >>> table[["state", "customers", "came_back", "margin_per_1000"]].values.tolist()
    [['new', 2, 0.5, 10000.0]]
    """
    lines, horizon_days = checked_lines(lines), whole("horizon_days", horizon_days)
    (cut,), (end,) = cuts_of(lines, as_of), cuts_of(lines, None)
    if cut + horizon_days > end:
        raise ValueError(
            f"the horizon of {horizon_days} days ends {cut + horizon_days - end} days after the log; "
            "choose an earlier as_of or a shorter horizon"
        )
    if not 0 < number("margin_rate", margin_rate) <= 1:
        raise ValueError(f"margin_rate is a share in (0, 1], got {margin_rate}")
    ids, code = coded("stages", stages, of)
    day = days_of(lines["timestamp"])
    bought = pd.Index(lines.loc[(day < cut) & (lines["amount"] >= 0).to_numpy(), "customer_id"].unique())
    check_buyers(stages, ids, code, of, bought)
    later = lines.loc[(day >= cut) & (day < cut + horizon_days), ["customer_id", "amount"]]
    margin = margin_rate * later.groupby("customer_id")["amount"].sum()
    buyers = later.loc[later["amount"] >= 0, "customer_id"]
    table = pd.DataFrame(
        {
            "group": code,
            "margin": margin.reindex(ids, fill_value=0.0).to_numpy(),
            "back": ids.isin(buyers),
        }
    )
    rows = []
    for place, name in enumerate(states_of(of)):
        own = table[table["group"] == place]
        if len(own):
            back, margin = int(own["back"].sum()), own["margin"].to_numpy()
            parts = [1000 * margin, margin[own["back"]]]
            money = [
                number for part in parts for number in _mean(part, n_resamples=n_resamples, random_state=random_state)
            ]
            rows.append([name, len(own), back / len(own), *wilson_interval(back, len(own)), *money])
    names = ["customers", "came_back", "came_back_low", "came_back_high", "margin_per_1000", "low", "high"]
    names += ["margin_per_return", "return_low", "return_high"]
    return pd.DataFrame(rows, columns=[of, *names])


def _mean(values: np.ndarray, **draw: Any) -> tuple[float, float, float]:
    """Mean and its interval; NaN for what too few values do not give."""
    ends = bootstrap_interval(values, **draw) if len(values) > 1 else (np.nan, np.nan)
    return (float(values.mean()) if len(values) else np.nan, *ends)


def _pairs(before: pd.DataFrame, after: pd.DataFrame, of: str) -> tuple[np.ndarray, np.ndarray]:
    """For each customer of the later date the place of the state before (-1: not yet known) and of the one after."""
    codes, ids = {}, {}
    for name, table in (("before", before), ("after", after)):
        ids[name], codes[name] = coded(name, table, of)
    place = ids["after"].get_indexer(ids["before"])
    if (place < 0).any():
        raise ValueError(
            f"{int((place < 0).sum())} of {len(before)} customers of before are missing in after, "
            f"{ids['before'][place < 0][0]} among them; nobody who is known is forgotten: are the tables in the order "
            "of time and from one log?"
        )
    old = np.full(len(after), -1)
    old[place] = codes["before"]
    return old, codes["after"]


def _possible(old: str, new: str) -> bool:
    if new == "prospect":
        return old in (NOT_YET, "prospect")
    return new != "new" or old in (NOT_YET, "prospect", "new")


def _refuse_impossible(counts: pd.DataFrame) -> None:
    for (old, new), count in counts.stack().items():
        if count and not _possible(old, new):
            raise ValueError(
                f"{count} customers go from {old} to {new}, which cannot be: give the tables in the order of time, "
                "made from one log with the same inactive_days"
            )
