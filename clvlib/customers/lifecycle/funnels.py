"""How far do visits come, and how far do people, from the first look to the second purchase?

A funnel is *nested*: whoever is counted at a step has passed all recorded steps before it, so counts never rise. What
a log does not record is no zero: such a step has no number and says "not recorded".
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from clvlib.customers._checks import frame, share, whole
from clvlib.customers._days import known_until
from clvlib.metrics.intervals import wilson_interval
from clvlib.split import checked_lines

__all__ = ["CUSTOMER_STEPS", "ESHOP_STEPS", "ONLINE_SHOPPERS_STEPS", "customer_funnel", "session_funnel"]

_Steps = Mapping[str, Callable[[pd.DataFrame], Any] | None]

#: What ``load_online_shoppers().sessions`` says of a session. ``page_value`` can be no step: it is computed from
#: completed purchases.
ONLINE_SHOPPERS_STEPS: _Steps = MappingProxyType(
    {
        "session": lambda sessions: sessions["session_id"].notna(),
        "looked at a product": lambda sessions: sessions["product_pages"] >= 1,
        "looked at a second product page": lambda sessions: sessions["product_pages"] >= 2,
        "put it in the cart": None,
        "bought": lambda sessions: sessions["purchased"],
    }
)

#: What ``load_eshop_clicks().sessions`` says of a session; the log begins with a product and ends without a purchase.
ESHOP_STEPS: _Steps = MappingProxyType(
    {
        "looked at a product": lambda sessions: sessions["items"] >= 1,
        "looked at a second product": lambda sessions: sessions["items"] >= 2,
        "one of them dearer than its category's mean": lambda sessions: sessions["dear_items"] >= 1,
        "put it in the cart": None,
        "bought": None,
    }
)

#: The steps of :func:`customer_funnel`.
CUSTOMER_STEPS: tuple[str, ...] = ("visit", "view", "cart", "purchase", "second purchase")

_NEVER = np.iinfo(np.int64).max


def session_funnel(sessions: pd.DataFrame, steps: _Steps | Sequence[str], *, level: float = 0.95) -> pd.DataFrame:
    """How many sessions come how far?

    sessions: one row a session, with ``steps`` a mapping from each step's name to a function of the table that says for
    each row whether the session did it (or to None where the log cannot tell), as in :data:`ONLINE_SHOPPERS_STEPS`. Or
    one row an event, ``session_id``, ``timestamp``, ``event``, with ``steps`` the events in order, as in ``["session",
    "view", "cart", "purchase"]``: each is looked for at the time of the step before it or later; "session", where no
    event is called so, is having any event.

    Returns one row a step: ``step``; ``sessions`` (Int64, missing where not recorded); ``share_of_first``;
    ``share_of_previous``, of the recorded step before it, with Wilson's ``low`` and ``high`` (1 or missing have no
    interval); ``skipped``, sessions that did this without all recorded steps before it, and are not counted;
    ``note``, "not recorded" or "".

    ValueError: no session, no step, a column that a step needs and the table has not, an answer that is not yes or no
    for every row, an event that no row has, and what :func:`clvlib.split.checked_lines` refuses.

    >>> events = pd.DataFrame({"session_id": [*"aab"], "event": ["view", "purchase", "view"],
    ...     "timestamp": pd.to_datetime(["2024-01-01 10:00", "2024-01-01 10:05", "2024-01-01 11:00"])})
    >>> session_funnel(events, ["view", "purchase"])[["step", "sessions", "share_of_previous", "low", "high"]].round(2)
           step  sessions  share_of_previous   low  high
    0      view         2                NaN   NaN   NaN
    1  purchase         1                0.5  0.09  0.91
    """
    if not isinstance(sessions, pd.DataFrame):
        raise ValueError(
            f"sessions must be a DataFrame, not {type(sessions).__name__}; a SessionLog has it as .sessions"
        )
    if isinstance(steps, str) or not isinstance(steps, Mapping | Sequence):
        raise ValueError(f"steps must be a list of events or a mapping of rules by name, not {steps!r}")
    unnamed = [step for step in steps if not isinstance(step, str)]
    if unnamed:
        raise ValueError(
            f"steps are called by names, and {unnamed[0]!r} is none; write them as in ['view', 'purchase']"
        )
    if not len(steps):
        raise ValueError("steps is empty; name at least one, as in ['view', 'cart', 'purchase']")
    if sessions.empty:
        raise ValueError("there are no sessions; check what was read")
    if isinstance(steps, Mapping):
        if "session_id" in sessions and sessions["session_id"].duplicated().any():
            raise ValueError(
                f"session_id is there again in {int(sessions['session_id'].duplicated().sum())} of {len(sessions)} "
                "rows: these are events, and rules need one row a session; hand in a list of events as steps"
            )
        did = {name: None if rule is None else _answers(name, rule, sessions) for name, rule in steps.items()}
        reached, skipped, so_far = {}, {}, np.ones(len(sessions), dtype=bool)
        for name, yes in did.items():
            if yes is not None:
                reached[name], skipped[name] = so_far & yes, int((yes & ~so_far).sum())
                so_far = reached[name]
    else:
        _, reached, skipped, _ = _in_order(sessions, "session_id", _events_of(steps, sessions, "session"))
    counts = {name: int(reached[name].sum()) if name in reached else None for name in steps}
    table = _funnel("sessions", counts, level)
    table.insert(6, "skipped", pd.array([skipped.get(name) for name in counts], dtype="Int64"))
    return table


def customer_funnel(
    events: pd.DataFrame, *, as_of: Any = None, within_days: int | None = None, level: float = 0.95
) -> pd.DataFrame:
    """Of all who ever came, how many looked, filled a cart, bought, and bought again?

    events: ``customer_id``, ``session_id``, ``timestamp``, ``event`` ("view", "cart", "purchase"; any other is a visit
    only). The steps are :data:`CUSTOMER_STEPS`: a visit is the customer's first event, each later step is looked for at
    the time of the one before it or later, and a second purchase is one in another session than the first. as_of: only
    events before it are known, a date is its midnight; by default the midnight after the last event.

    within_days: how long everybody is watched, from the own first event on. Customers who came too late to be watched
    that long are left out and counted in the first row's ``note``. Without it all count, and who came yesterday has had
    a day for a second purchase: later steps are then rather too small.

    Returns one row a step: ``step``, ``customers``, ``share_of_first``, ``share_of_previous`` with Wilson's ``low`` and
    ``high``; ``median_days`` from the step before, of those who got there; ``note``.

    In a log that begins with a customer's purchase, as that of :func:`clvlib.datasets.make_shop`, the first steps hold
    everybody by construction: whoever came and never bought is not in it.

    ValueError: a column missing or with gaps, no event before ``as_of``, nobody watched for ``within_days``.

    >>> events = pd.DataFrame({"customer_id": [*"aaab"], "session_id": [*"1112"], "event": ["view", "cart", "purchase",
    ...     "view"], "timestamp": pd.to_datetime(["2024-01-01", "2024-01-01", "2024-01-01", "2024-01-03"])})
    >>> customer_funnel(events)[["step", "customers", "share_of_first"]]
                  step  customers  share_of_first
    0            visit          2             1.0
    1             view          2             1.0
    2             cart          1             0.5
    3         purchase          1             0.5
    4  second purchase          0             0.0
    """
    if isinstance(events, pd.DataFrame) and "customer_id" in events and events["customer_id"].isna().any():
        nobody = int(events["customer_id"].isna().sum())
        raise ValueError(
            f"customer_id is missing in {nobody} of {len(events)} events: a visitor whom nobody knows is no customer; "
            "leave these events out here, session_funnel counts them"
        )
    events = checked_lines(events, ("customer_id", "session_id", "timestamp"))
    frame("the table of events", events, ("event",), remedy="the column event says what was")
    end = known_until(events["timestamp"], as_of)
    events = events[events["timestamp"] < end]
    if events.empty:
        raise ValueError(f"no event lies before {end}; choose a later as_of")
    left_out = 0
    if within_days is not None:
        span = pd.Timedelta(days=whole("within_days", within_days))
        first = events.groupby("customer_id")["timestamp"].transform("min")
        watched = first + span <= end
        left_out = events.loc[~watched, "customer_id"].nunique()
        if not watched.any():
            raise ValueError(
                f"none of the {left_out} customers has been watched for {within_days} days by {end}; "
                "shorten within_days"
            )
        events = events[watched & (events["timestamp"] < first + span)]
    steps = [("visit", None), ("view", "view"), ("cart", "cart"), ("purchase", "purchase")]
    customers, reached, _, times = _in_order(events, "customer_id", steps)
    again = _second_purchase(events, customers, times["purchase"])
    times["second purchase"], reached["second purchase"] = again, again < _NEVER
    table = _funnel("customers", {name: int(reached[name].sum()) for name in CUSTOMER_STEPS}, level)
    per_day = pd.Timedelta(days=1) // pd.Timedelta(1, unit=events["timestamp"].dt.unit)
    median = [np.nan]
    for before, name in pairwise(CUSTOMER_STEPS):
        here = reached[name]
        median.append(float(np.median(times[name][here] - times[before][here])) / per_day if here.any() else np.nan)
    table.insert(6, "median_days", median)
    if left_out:
        table.loc[0, "note"] = f"customers left out, not yet watched for {within_days} days: {left_out}"
    return table


def _answers(name: str, rule: Callable, sessions: pd.DataFrame) -> np.ndarray:
    if not callable(rule):
        raise ValueError(
            f"step {name!r} is {rule!r}; give a function of the sessions' table, or None where it is not recorded"
        )
    try:
        said = rule(sessions)
    except KeyError as error:
        raise ValueError(
            f"step {name!r} needs a column {error} that the {len(sessions)} sessions do not have; "
            f"they have {_names(sessions)}"
        ) from None
    yes = np.asarray(said)
    if yes.shape != (len(sessions),) or pd.api.types.infer_dtype(yes, skipna=False) != "boolean":
        raise ValueError(
            f"step {name!r} must say True or False for each of {len(sessions)} sessions; it gave {yes.dtype} of shape "
            f"{yes.shape}"
        )
    return yes.astype(bool)


def _events_of(steps: Sequence[str], events: pd.DataFrame, everybody: str) -> list[tuple[str, str | None]]:
    """Each step with its event; None where any event will do."""
    if "event" not in events:
        raise ValueError(
            f"the table has no column event, but {_names(events)}; a table of sessions needs steps as a mapping from "
            "their names to rules, such as ONLINE_SHOPPERS_STEPS"
        )
    known = set(events["event"].dropna().unique())
    unknown = [step for step in steps if step not in known and step != everybody]
    if unknown or len(set(steps)) < len(steps):
        wrong = f"no event is called {', '.join(map(repr, unknown))}" if unknown else "a step is named twice"
        raise ValueError(
            f"{wrong}; the {len(events)} events are {', '.join(sorted(map(str, known)))}: name each once, and leave "
            "out what is not recorded"
        )
    return [(step, step if step in known else None) for step in steps]


def _in_order(
    events: pd.DataFrame, unit: str, steps: Sequence[tuple[str, str | None]]
) -> tuple[pd.Index, dict[str, np.ndarray], dict[str, int], dict[str, np.ndarray]]:
    """For each unit the first time of each step at the time of the step before or later, and who got there."""
    events = checked_lines(events, (unit, "timestamp"))
    code, units = pd.factorize(events[unit], sort=True)
    time = _ticks(events["timestamp"])
    kind = events["event"].to_numpy() if "event" in events else None
    before = np.full(len(units), np.iinfo(np.int64).min)
    reached, skipped, times = {}, {}, {}
    for name, event in steps:
        here = np.ones(len(events), dtype=bool) if event is None else np.asarray(kind == event, dtype=bool)
        did = np.zeros(len(units), dtype=bool)
        did[code[here]] = True
        here = here & (time >= before[code])
        at = np.full(len(units), _NEVER)
        np.minimum.at(at, code[here], time[here])
        reached[name], times[name] = at < _NEVER, at
        skipped[name] = int((did & ~reached[name]).sum())
        before = at
    return pd.Index(units), reached, skipped, times


def _second_purchase(events: pd.DataFrame, customers: pd.Index, first: np.ndarray) -> np.ndarray:
    """When each customer bought in another session than at ``first``, at its time or later."""
    code, time = customers.get_indexer(events["customer_id"]), _ticks(events["timestamp"])
    session, _ = pd.factorize(events["session_id"])
    bought = (events["event"] == "purchase").to_numpy(dtype=bool)
    begins = bought & (time == first[code])
    first_session = np.full(len(customers), -1)
    first_session[code[begins][::-1]] = session[begins][::-1]
    later = bought & (time >= first[code]) & (session != first_session[code])
    again = np.full(len(customers), _NEVER)
    np.minimum.at(again, code[later], time[later])
    return again


def _ticks(timestamp: pd.Series) -> np.ndarray:
    return timestamp.to_numpy(dtype=f"M8[{timestamp.dt.unit}]").view(np.int64)


def _names(table: pd.DataFrame) -> str:
    return ", ".join(map(str, table.columns))


def _funnel(units: str, counts: Mapping[str, int | None], level: float) -> pd.DataFrame:
    """The table of a funnel from its counts; None is not recorded."""
    level = share("level", level)
    recorded = [count for count in counts.values() if count is not None]
    if not recorded or recorded[0] == 0:
        raise ValueError(
            "none of the steps is recorded, so there is no funnel; name one that is"
            if not recorded
            else f"nothing reached the first recorded step, so there is nothing to take a share of; check the {units}"
        )
    rows, before = [], None
    for name, count in counts.items():
        if count is None:
            rows.append((name, None, np.nan, np.nan, np.nan, np.nan, "not recorded"))
            continue
        of_previous, low, high = np.nan, np.nan, np.nan
        if before:
            of_previous, (low, high) = count / before, wilson_interval(count, before, level=level)
        rows.append((name, count, count / recorded[0], of_previous, low, high, ""))
        before = count
    names = ["step", units, "share_of_first", "share_of_previous", "low", "high", "note"]
    return pd.DataFrame(rows, columns=names).astype({units: "Int64"})
