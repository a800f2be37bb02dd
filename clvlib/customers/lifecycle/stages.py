"""Where in their life are the customers at a date? Five stages as milestones, and a state that says who is still there.

Two questions with two answers. A *stage* is the furthest milestone a customer has reached; a *state* says what the
customer is doing now. A customer of the stage retention whose state is dormant was won twice and is silent.

======================  ==============================================================================================
stage                   reached by a customer who, before the date,
======================  ==============================================================================================
acquisition             is known (customer table or events) and has not bought; not recorded in a ledger alone
activation              has bought on one day
retention               has bought on two days or more
revenue                 retention, and has spent ``revenue_from`` or more, refunds deducted
referral                has brought another customer (``referrer_id``); not recorded in a ledger alone
======================  ==============================================================================================

The five are those of McClure (2007, "Startup metrics for pirates"), whose last one is *referral*. They are ordered, not
nested: whoever has bought once and brought a friend is at referral. Only a refund can take a milestone away.

======================  ==============================================================================================
state                   at the date, with silent meaning no purchase in the last ``inactive_days`` days
======================  ==============================================================================================
prospect                known, has not bought
new                     not silent, has bought on one day
active                  not silent, and the last purchase followed another one within ``inactive_days``
dormant                 silent
reactivated             not silent, and the last purchase ended a silence
======================  ==============================================================================================

A first purchase is the first the log has: customers of before the log look new in its first months.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from clvlib.customers._checks import check_same_kind, frame, id_order, number, share, whole
from clvlib.customers._days import as_time, days_of
from clvlib.customers.lifecycle._diary import Diary, cuts_of, read_diary
from clvlib.metrics.intervals import wilson_interval
from clvlib.split.door import checked_lines, covers

__all__ = ["STAGES", "STATES", "lifecycle_stages", "revenue_threshold", "stage_history", "stage_table"]

#: The milestones in their order.
STAGES: tuple[str, ...] = ("acquisition", "activation", "retention", "revenue", "referral")
#: What a customer may be doing at a date.
STATES: tuple[str, ...] = ("prospect", "new", "active", "dormant", "reactivated")

_NEVER = np.iinfo(np.int64).max


def lifecycle_stages(
    lines: pd.DataFrame,
    *,
    as_of: Any = None,
    inactive_days: int,
    revenue_share: float = 0.2,
    revenue_from: float | None = None,
    customers: pd.DataFrame | None = None,
    events: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """At which stage of their life are the customers known by ``as_of``, and in which state?

    lines: ``customer_id``, ``timestamp``, ``amount`` (currency); a line below zero is a refund, every other one a
    purchase, and what was refunded before a first purchase is left out. as_of: a midnight, exclusive; a text or a date
    is the midnight at which that day begins; by default the midnight after the last line. inactive_days: days
    without a purchase after which a customer counts as silent. revenue_from: currency; by default
    :func:`revenue_threshold` of ``revenue_share`` at ``as_of``. customers: ``customer_id``, ``acquired`` and, for the
    stage referral, ``referrer_id``. events: ``customer_id``, ``timestamp``.

    Returns one row a customer known by ``as_of``, in the order of ``customer_id``: ``customer_id``; ``stage`` (ordered
    categories: the stages that these tables can show); ``state``; ``since`` (the day the state began).

    ValueError: an ``as_of`` within a day or after the log's end, nobody known by then, a share outside (0, 1), a
    threshold that is NaN, a column missing, ids that are numbers in one table and texts in the other.

    >>> lines = pd.DataFrame({
    ...     "customer_id": ["a", "a", "b", "c", "c", "c"], "amount": [9.0, 9.0, 5.0, 4.0, 4.0, 4.0],
    ...     "timestamp": pd.to_datetime(["2024-01-05", "2024-03-20", "2024-01-10",
    ...                                  "2024-01-07", "2024-03-01", "2024-03-31"])})
    >>> lifecycle_stages(lines, as_of="2024-04-01", inactive_days=60, revenue_share=0.4)
      customer_id       stage        state      since
    0           a     revenue  reactivated 2024-03-20
    1           b  activation      dormant 2024-03-10
    2           c   retention       active 2024-03-01
    """
    dates = None if as_of is None else [as_of]
    options = {"revenue_share": revenue_share, "revenue_from": revenue_from, "customers": customers, "events": events}
    return stage_history(lines, dates, inactive_days=inactive_days, **options).drop(columns="snapshot_date")


def stage_history(
    lines: pd.DataFrame,
    dates: Iterable | None = None,
    *,
    inactive_days: int,
    revenue_share: float = 0.2,
    revenue_from: float | None = None,
    customers: pd.DataFrame | None = None,
    events: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Stage and state of every customer at several dates, in one pass over the ledger.

    dates: as ``as_of`` of :func:`lifecycle_stages`, any order, none twice; one on its own is a list of one. The
    threshold of the stage revenue is one for all dates, so that nobody changes stage because others spent: by default
    that of ``revenue_share`` at the first date, since a later one would know what had not happened yet.

    Returns one row a customer and date: ``snapshot_date`` and the columns of :func:`lifecycle_stages`, ordered by date
    and customer. A customer who is not known at a date has no row there. Errors as there.

    >>> lines = pd.DataFrame({
    ...     "customer_id": ["a", "a", "b"], "amount": [9.0, 9.0, 5.0],
    ...     "timestamp": pd.to_datetime(["2024-01-05", "2024-01-20", "2024-02-10"])})
    >>> stage_history(lines, ["2024-02-01", "2024-02-11"], inactive_days=30)[["customer_id", "stage", "state"]]
      customer_id       stage   state
    0           a   retention  active
    1           a   retention  active
    2           b  activation     new
    """
    lines, inactive_days = checked_lines(lines), whole("inactive_days", inactive_days)
    revenue_share = share("revenue_share", revenue_share)
    cuts, zone = cuts_of(lines, dates), lines["timestamp"].dt.tz
    diary = read_diary(lines, inactive_days)
    if revenue_from is None:
        revenue_from = _threshold(_first_spend(diary, cuts), revenue_share)
    revenue_from = number("revenue_from", revenue_from)  # in the log's currency
    acquired, brought = _known(zone, customers, events, pd.Index(lines["customer_id"].unique()))
    ids = diary.customers.append(acquired.index.difference(diary.customers, sort=False))
    order = id_order(ids)
    acquired = acquired.reindex(ids, fill_value=_NEVER).to_numpy()
    brought = brought.reindex(ids, fill_value=_NEVER).to_numpy()
    parts = [_one_date(diary, cut, acquired, brought, order, inactive_days, revenue_from) for cut in cuts]
    sizes = [len(part[0]) for part in parts]
    if not sum(sizes):
        raise ValueError(f"no customer is known before {as_time(cuts, None).iloc[-1].date()}; {covers(lines)}")
    row, stage, state, since = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    shown = {
        "acquisition": customers is not None or events is not None,
        "referral": customers is not None and "referrer_id" in customers,
    }
    categories = [name for name in STAGES if shown.get(name, True)]
    return pd.DataFrame(
        {
            "snapshot_date": as_time(np.repeat(cuts, sizes), zone),
            "customer_id": ids.take(row),
            "stage": pd.Categorical(np.array(STAGES, dtype=object)[stage], categories=categories, ordered=True),
            "state": pd.Categorical.from_codes(state, categories=STATES),
            "since": as_time(since, zone),
        }
    )


def revenue_threshold(lines: pd.DataFrame, *, as_of: Any = None, revenue_share: float = 0.2) -> float:
    """From which spend on, in currency, is a customer among the best ``revenue_share`` of all who have bought?

    The smallest spend before ``as_of`` that *at most* this share of the customers has reached: customers who have spent
    the same are on one side of it together. Infinite where nothing cuts off so few.

    ValueError: a share outside (0, 1), nobody who had bought before ``as_of``; others as :func:`lifecycle_stages`.

    >>> lines = pd.DataFrame({"customer_id": list("abcd"), "amount": [1.0, 2.0, 3.0, 3.0],
    ...                       "timestamp": pd.to_datetime(["2024-01-05"] * 4)})
    >>> revenue_threshold(lines, revenue_share=0.5), revenue_threshold(lines, revenue_share=0.25)
    (3.0, inf)
    """
    lines = checked_lines(lines)
    revenue_share = share("revenue_share", revenue_share)
    cuts = cuts_of(lines, None if as_of is None else [as_of])
    spend = _first_spend(read_diary(lines, 1), cuts)
    if not len(spend):
        raise ValueError(f"no customer is known before {as_time(cuts, None).iloc[-1].date()}; {covers(lines)}")
    return _threshold(spend, revenue_share)


def stage_table(stages: pd.DataFrame) -> pd.DataFrame:
    """How many customers are at each stage, and in which state?

    stages: from :func:`lifecycle_stages`. Returns one row a stage, all five: ``stage``, ``customers``, ``share`` with
    its 95 % interval ``low``, ``high`` (Wilson), then a count for each of :data:`STATES`, and ``note``: a stage that
    the tables behind ``stages`` cannot show is "not recorded" and its numbers are NaN, never 0.

    >>> stages = pd.DataFrame({"stage": pd.Categorical(["activation"], categories=["activation", "retention"]),
    ...                        "state": ["new"]})
    >>> stage_table(stages)[["stage", "customers", "new", "note"]].head(3)
             stage  customers  new          note
    0  acquisition        NaN  NaN  not recorded
    1   activation        1.0  1.0
    2    retention        0.0  0.0
    """
    frame("stages", stages, ("stage", "state"), remedy="use lifecycle_stages")
    stage = stages["stage"]
    shown = list(stage.cat.categories) if isinstance(stage.dtype, pd.CategoricalDtype) else list(STAGES)
    cells = pd.crosstab(stage.astype(object), stages["state"].astype(object))
    cells = cells.reindex(index=STAGES, columns=STATES, fill_value=0)
    rows = []
    for name in STAGES:
        count = int(cells.loc[name].sum())
        if name not in shown:
            rows.append([name, *[np.nan] * (4 + len(STATES)), "not recorded"])
        else:
            rows.append([name, count, count / len(stages), *wilson_interval(count, len(stages)), *cells.loc[name], ""])
    table = pd.DataFrame(rows, columns=["stage", "customers", "share", "low", "high", *STATES, "note"])
    return table.astype(dict.fromkeys(["customers", *STATES], float))


def _first_spend(diary: Diary, cuts: np.ndarray) -> np.ndarray:
    """Spend so far of all customers at the first of the dates by which anybody had bought."""
    return next((diary.spend[entry] for _, entry in map(diary.at, cuts) if len(entry)), np.empty(0))


def _threshold(spend: np.ndarray, of_all: float) -> float:
    values, count = np.unique(spend, return_counts=True)
    reached = np.cumsum(count[::-1])[::-1]
    few = reached <= of_all * len(spend)
    return float(values[few][0]) if few.any() else float("inf")


def _known(
    zone: Any, customers: pd.DataFrame | None, events: pd.DataFrame | None, log: pd.Index
) -> tuple[pd.Series, pd.Series]:
    """By customer, the first day of being known and the day of first bringing another one."""
    known, brought = [pd.Series([], index=pd.Index([], dtype="str"), dtype=np.int64)] * 2
    if customers is not None:
        table = _timed(customers, "customers", "acquired", zone, log)
        known = table.groupby("customer_id")["day"].min()
        if "referrer_id" in table:
            others = table[table["referrer_id"] != table["customer_id"]]  # a row without a referrer falls out by itself
            brought = others.groupby("referrer_id")["day"].min()
    if events is not None:
        seen = _timed(events, "events", "timestamp", zone, log).groupby("customer_id")["day"].min()
        known = pd.concat([part for part in (known, seen) if len(part)] or [known]).groupby(level=0).min()
    return known, brought


def _timed(table: pd.DataFrame, name: str, time: str, zone: Any, log: pd.Index) -> pd.DataFrame:
    """The rows with a customer and a time, and the ``day`` of it."""
    frame(f"the table {name}", table, ("customer_id", time), remedy="hand in such a table, or None", may_be_empty=True)
    times = table[time]
    if not pd.api.types.is_datetime64_any_dtype(times) or str(times.dt.tz) != str(zone):
        raise ValueError(
            f"{time} of the table {name} holds {times.dtype} in {len(table)} rows, and the log's times are of "
            f"{zone or 'no stated zone'}; turn it into such times with pd.to_datetime"
        )
    table = table.dropna(subset=["customer_id", time])
    check_same_kind(f"the table {name}", table["customer_id"].unique(), log)
    return table.assign(day=days_of(table[time]))


def _one_date(
    diary: Diary, cut: int, acquired: np.ndarray, brought: np.ndarray, order: np.ndarray, inactive_days: int,
    revenue_from: float,
) -> tuple[np.ndarray, ...]:  # fmt: skip
    """Place, stage, state and since (days) of who is known before the day ``cut``; ``order`` is that of the ids."""
    who, entry = diary.at(cut)
    there = acquired < cut
    there[who] = True
    once, gap, last = diary.bought[entry] == 1, diary.gap[entry], diary.last[entry]
    stage = np.zeros(len(acquired), dtype=np.int8)
    stage[who] = np.where(once, 1, 2 + (diary.spend[entry] >= revenue_from))
    stage[brought < cut] = STAGES.index("referral")
    new, active, dormant, reactivated = map(STATES.index, STATES[1:])
    silent = cut - last >= inactive_days
    state, since = np.full(len(acquired), STATES.index("prospect"), dtype=np.int8), acquired.copy()
    state[who] = np.select([silent, once, gap >= inactive_days], [dormant, new, reactivated], active)
    since[who] = np.where(silent, last + inactive_days, diary.since[entry])
    row = order[there[order]]
    return row, stage[row], state[row], since[row]
