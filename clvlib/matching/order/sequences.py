"""Who bought what when: baskets in the order of time, the same without their order, and a log whose order is known."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from clvlib.matching.interactions import Interactions, encode

__all__ = [
    "PlantedOrder",
    "Sequences",
    "encode_events",
    "events_table",
    "planted_order",
    "repeats_by_lag",
    "shuffle_order",
]

_EVENT = ["customer_id", "timestamp", "item_id"]


def events_table(lines: pd.DataFrame) -> pd.DataFrame:
    """A log's purchases as events: one row for each item that a customer bought at a moment.

    Only lines with a positive ``amount`` and an ``item_id`` count, as in
    :func:`~clvlib.matching.interactions_table`, but a repeated purchase keeps its own row and time. Items of one
    ``timestamp`` are one basket and have no order among them.

    Returns ``customer_id``, ``item_id``, ``timestamp``, sorted by customer, time and item. Raises ValueError if one of
    the four columns is not in the log, or nothing is left.

    Examples
    --------
    >>> lines = pd.DataFrame({
    ...     "customer_id": ["a", "a", "a"], "item_id": ["x", "x", "y"], "amount": [2.0, 3.0, -3.0],
    ...     "timestamp": pd.to_datetime(["2024-01-05", "2024-01-01", "2024-01-06"])})
    >>> events_table(lines)
      customer_id item_id  timestamp
    0           a       x 2024-01-01
    1           a       x 2024-01-05
    """
    if "item_id" not in lines.columns:
        raise ValueError("The log has no column item_id; map the shop's article number to it.")
    missing = [column for column in (*_EVENT, "amount") if column not in lines.columns]
    if missing:
        raise ValueError(
            f"Events need a column {', '.join(missing)}; the log has {', '.join(map(str, lines.columns))}."
        )
    bought = lines[(lines["amount"] > 0) & lines["item_id"].notna()]
    if bought.empty:
        raise ValueError(
            f"None of the {len(lines)} lines has an item_id and a positive amount: no purchase to learn from."
        )
    events = bought[_EVENT].drop_duplicates().sort_values(_EVENT, ignore_index=True)
    return events[["customer_id", "item_id", "timestamp"]]


class Sequences(NamedTuple):
    """Every customer's baskets in the order of time, as three arrays in a row.

    ``items``: positions of items, basket after basket, each item once a basket, shape (n_lines,);
    ``basket_start``: where each basket begins in ``items``, shape (n_baskets + 1,);
    ``customer_start``: where each customer begins in ``basket_start``, shape (n_customers + 1,), in the order of the
    sorted ids.
    """

    items: np.ndarray
    basket_start: np.ndarray
    customer_start: np.ndarray


def encode_events(events: pd.DataFrame) -> tuple[Interactions, Sequences]:
    """The same events twice, by position: as pairs without order, and as baskets in the order of time.

    ``events`` has ``customer_id``, ``item_id``, ``timestamp``; rows in any order, an item twice in a basket counts
    once in ``Sequences``. ``quantity`` is used for the pairs alone, ``rating`` not at all: that somebody rated is an
    event whatever the mark. Raises ValueError, with the number of rows, for what ``encode`` refuses and for a
    ``timestamp`` that is not there, is no time, or is missing.

    Examples
    --------
    >>> events = pd.DataFrame({"customer_id": ["a", "a", "a"], "item_id": ["x", "z", "y"],
    ...                        "timestamp": pd.to_datetime(["2024-01-02", "2024-01-01", "2024-01-02"])})
    >>> sequences = encode_events(events)[1]
    >>> sequences.items.tolist(), sequences.basket_start.tolist(), sequences.customer_start.tolist()
    ([2, 0, 1], [0, 1, 3], [0, 2])
    """
    if not isinstance(events, pd.DataFrame):
        raise TypeError(f"Events are a table (pandas.DataFrame), not {type(events).__name__}.")
    pairs = encode(events.drop(columns="rating", errors="ignore"))
    timestamp = _timestamps(events)
    rows = pd.DataFrame(
        {
            "customer": pairs.customers.get_indexer(events["customer_id"]),
            "time": timestamp.to_numpy(),
            "item": pairs.items.get_indexer(events["item_id"]).astype(np.int32),
        }
    )
    rows = rows.drop_duplicates().sort_values(["customer", "time", "item"])
    customer, time = rows["customer"].to_numpy(), rows["time"].to_numpy()
    new = np.ones(len(rows), dtype=bool)
    new[1:] = (customer[1:] != customer[:-1]) | (time[1:] != time[:-1])
    basket_start = np.append(np.flatnonzero(new), len(rows))
    customer_start = np.searchsorted(customer[new], np.arange(len(pairs.customers) + 1))
    return pairs, Sequences(rows["item"].to_numpy(), basket_start, customer_start)


def _timestamps(events: pd.DataFrame) -> pd.Series:
    if "timestamp" not in events.columns:
        raise ValueError(f"Events need a column timestamp; there are {', '.join(map(str, events.columns))}.")
    timestamp = events["timestamp"]
    if not pd.api.types.is_datetime64_any_dtype(timestamp):
        raise ValueError(
            f"timestamp holds {timestamp.dtype}, not times, in {len(events)} rows; turn it into times with "
            "pd.to_datetime."
        )
    missing = int(timestamp.isna().sum())
    if missing:
        raise ValueError(f"{missing} of {len(events)} events have no timestamp; drop these rows first.")
    return timestamp.dt.tz_convert("UTC").dt.tz_localize(None) if timestamp.dt.tz is not None else timestamp


def shuffle_order(events: pd.DataFrame, *, random_state: int) -> pd.DataFrame:
    """The same baskets on the same dates, each customer's in an order drawn at random.

    The control for any claim about order: a model of *what* was bought learns the same from it, a model of *when*
    has nothing left. A customer's baskets change places among her own timestamps; what is in a basket stays together,
    so that popularity and pairs in a basket are unchanged and only the sequence, the last basket included, is lost.

    Returns a table like ``events``, same rows and index, with another ``timestamp``. Raises as ``encode_events``.

    Examples
    --------
    >>> day = pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03"])
    >>> events = pd.DataFrame({"customer_id": "a", "item_id": ["x", "y", "z"], "timestamp": day})
    >>> shuffle_order(events, random_state=1)["timestamp"].dt.day.tolist()
    [3, 1, 2]
    """
    _timestamps(events)
    baskets = events[["customer_id", "timestamp"]].drop_duplicates()
    baskets = baskets.sort_values(["customer_id", "timestamp"], ignore_index=True)
    drawn = np.random.default_rng(random_state).random(len(baskets))
    order = baskets.assign(drawn=drawn).sort_values(["customer_id", "drawn"]).index
    moved = baskets["timestamp"].iloc[order].set_axis(baskets.index)
    key = pd.MultiIndex.from_frame(baskets)
    place = key.get_indexer(pd.MultiIndex.from_frame(events[["customer_id", "timestamp"]]))
    return events.assign(timestamp=moved.to_numpy()[place])


def repeats_by_lag(events: pd.DataFrame, *, max_lag: int) -> pd.Series:
    """Which share of what is bought was also in the basket so many baskets before? A first look for order.

    For each lag from 1 to ``max_lag``: of all items in baskets with at least ``max_lag`` baskets of the customer before
    them, the share that was in the one ``lag`` places before too. The same items are asked at every lag; else only
    loyal customers would reach the far ones, and the curve would rise with them. Where order matters, near baskets are
    more alike than far ones, and the curve falls; of the same events after :func:`shuffle_order` it is level. NaN if
    no history is longer than ``max_lag`` baskets.

    Returns a Series ``share`` by ``lag``. Raises as ``encode_events``; ValueError for a ``max_lag`` below 1.

    Examples
    --------
    >>> day = pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03"])
    >>> events = pd.DataFrame({"customer_id": "a", "item_id": ["x", "y", "x"], "timestamp": day})
    >>> repeats_by_lag(events, max_lag=2).tolist()
    [0.0, 1.0]
    """
    if max_lag < 1:
        raise ValueError(f"max_lag must be at least 1, not {max_lag}.")
    pairs, sequences = encode_events(events)
    n_baskets = len(sequences.basket_start) - 1
    basket = np.repeat(np.arange(n_baskets), np.diff(sequences.basket_start))
    first = np.repeat(sequences.customer_start[:-1], np.diff(sequences.customer_start))[basket]
    bought = basket * len(pairs.items) + sequences.items
    late = bought[basket - first >= max_lag]
    share = {}
    for lag in range(1, max_lag + 1):
        asked = late - lag * len(pairs.items)
        there = bought[np.searchsorted(bought, asked).clip(max=len(bought) - 1)] == asked  # bought is in order
        share[lag] = there.mean() if len(asked) else np.nan
    return pd.Series(share, name="share").rename_axis("lag")


class PlantedOrder(NamedTuple):
    """Events whose order is known: ``past``, what comes ``later`` for each customer, each item's ``successor``."""

    past: pd.DataFrame
    later: pd.DataFrame
    successor: pd.Series


def planted_order(
    *, n_customers: int, n_items: int, n_steps: int, lag: int = 1, order_strength: float = 0.8, random_state: int = 0
) -> PlantedOrder:
    """Simulated customers for whom order is all there is: can a method find it?

    Each item has one successor (a permutation drawn at random). A customer buys one item a day; with probability
    ``order_strength`` it is the successor of what she bought ``lag`` days before, else an item drawn from a skewed
    popularity, the same for all. There are no tastes: a model of *what* she bought has nothing to find but
    popularity. With ``lag=2`` the last purchase alone says nothing either, and a first-order chain must fail.

    ``past`` and ``later`` have ``customer_id``, ``item_id``, ``timestamp``; ``later`` holds one row a customer, the
    item of day ``n_steps`` + 1. ``successor`` maps item_id to item_id. Raises ValueError if a size is not positive,
    ``n_steps`` is not larger than ``lag``, or the strength is no probability.

    Examples
    --------
    >>> plant = planted_order(n_customers=3, n_items=5, n_steps=4, order_strength=1.0)
    >>> before = plant.past.groupby("customer_id")["item_id"].last()
    >>> (before.map(plant.successor).to_numpy() == plant.later["item_id"].to_numpy()).all()
    np.True_
    """
    if min(n_customers, n_items, lag) < 1 or n_steps <= lag or not 0 <= order_strength <= 1:
        raise ValueError(
            f"n_customers={n_customers}, n_items={n_items}, lag={lag} must be positive, n_steps={n_steps} larger than "
            f"lag, and order_strength={order_strength} from 0 to 1."
        )
    rng = np.random.default_rng(random_state)
    successor = rng.permutation(n_items)
    share = 1 / (10 + np.arange(n_items))
    shape = (n_customers, n_steps + 1)
    bought = rng.choice(n_items, size=shape, p=share / share.sum())
    follows = rng.random(shape) < order_strength
    for step in range(lag, n_steps + 1):
        bought[:, step] = np.where(follows[:, step], successor[bought[:, step - lag]], bought[:, step])
    names = np.array([f"i{item:0{len(str(n_items))}d}" for item in range(n_items)], dtype=object)
    customer = np.repeat([f"c{row:0{len(str(n_customers))}d}" for row in range(n_customers)], n_steps + 1)
    day = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.tile(np.arange(n_steps + 1), n_customers), unit="D")
    events = pd.DataFrame({"customer_id": customer, "item_id": names[bought.ravel()], "timestamp": day})
    last = np.tile(np.arange(n_steps + 1) == n_steps, n_customers)
    past, later = (events[rows].reset_index(drop=True) for rows in (~last, last))
    return PlantedOrder(past, later, pd.Series(names[successor], index=names))
