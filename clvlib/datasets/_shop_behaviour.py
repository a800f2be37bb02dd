"""What the simulated shop knows besides its purchases: browsing, answers to surveys; and the list nobody can beat."""

import numpy as np
import pandas as pd

from clvlib.datasets._shop_purchases import choice_probability, draw_items

__all__ = ["make_events", "make_oracle", "make_surveys"]

_EVENTS = ["view", "cart", "purchase"]


def make_events(customers, orders, lines, tastes, *, n_days, random_state) -> pd.DataFrame:
    """Browsing in order of time: ``customer``, ``session``, ``day``, ``event``, ``item``, ``order`` (-1: none).

    Every order ends a session in which its items were viewed and put in the cart, among 1 + Poisson(2) other views.
    While they are customers, people also come twice as often as they buy without buying; one in seven of those
    sessions leaves an item in the cart.
    """
    rng = random_state
    exposure = np.minimum(customers["lost"], n_days).to_numpy() - customers["acquired"].to_numpy()
    idle = np.repeat(
        np.arange(len(customers)), rng.poisson(2.0 * customers["purchase_rate"].to_numpy() * exposure)
    )
    idle_day = customers["acquired"].to_numpy()[idle] + rng.uniform(size=len(idle)) * exposure[idle]
    customer = np.concatenate([orders["customer"].to_numpy(), idle])
    ends = np.concatenate([orders["day"].to_numpy(), idle_day])
    minutes = rng.uniform(3.0, 30.0, size=len(ends))
    starts = ends - minutes / 1440.0
    session_order = np.concatenate([np.arange(len(orders)), np.full(len(idle), -1)])

    looking = np.repeat(np.arange(len(ends)), 1 + rng.poisson(2.0, size=len(ends)))
    looked_at = draw_items(customer[looking], tastes, random_state=rng)
    bought, bought_item = lines["order"].to_numpy(), lines["item"].to_numpy()
    last = np.r_[looking[1:] != looking[:-1], True]
    left = last & (looking >= len(orders)) & (rng.uniform(size=len(looking)) < 1 / 7)

    # Views lie in the first half of a session, the cart after them, the purchase at its end.
    kinds = [(looking, looked_at, 0), (bought, bought_item, 0), (bought, bought_item, 1), (bought, bought_item, 2)]
    kinds.append((looking[left], looked_at[left], 1))
    session = np.concatenate([one for one, _, _ in kinds])
    stage = np.concatenate([np.full(len(one), kind) for one, _, kind in kinds])
    share = np.where(stage == 2, 1.0, (rng.uniform(size=len(session)) * 2 + 2 * (stage == 1)) / 4.001)
    day = starts[session] + share * (ends - starts)[session]
    events = pd.DataFrame(
        {
            "customer": customer[session],
            "session": session,
            "day": day,
            "event": pd.Categorical.from_codes(stage, _EVENTS).astype("str"),
            "item": np.concatenate([item for _, item, _ in kinds]),
            "order": np.where(stage == 2, session_order[session], -1),
        }
    )
    return events.sort_values(["day", "session"], kind="stable", ignore_index=True)


def make_surveys(customers, orders, returned, *, n_days, random_state) -> pd.DataFrame:
    """Answers to 3 in 10 orders: ``customer``, ``order``, ``day``, ``satisfaction`` from 1 to 5.

    Who is lost sooner is less content (0.6 points a standard deviation of the log dropout rate), and so is who sends
    something back (1 point).
    """
    rng = random_state
    asked = np.flatnonzero(rng.uniform(size=len(orders)) < 0.3)
    customer = orders["customer"].to_numpy()[asked]
    day = orders["day"].to_numpy()[asked] + rng.uniform(1.0, 5.0, size=len(asked))
    mood = np.log(customers["dropout_rate"].to_numpy())
    mood = (mood - mood.mean()) / max(mood.std(), 1e-12)
    felt = 3.9 - 0.6 * mood[customer] - np.isin(asked, returned["order"]) + rng.normal(0.0, 0.8, size=len(asked))
    surveys = pd.DataFrame(
        {
            "customer": customer,
            "order": asked,
            "day": day,
            "satisfaction": np.clip(np.round(felt), 1, 5).astype(np.int64),
        }
    )
    return surveys[day < n_days].sort_values("day", kind="stable", ignore_index=True)


def make_oracle(tastes, *, n: int = 10) -> pd.DataFrame:
    """The ``n`` likeliest items of every customer: ``customer``, ``rank`` from 1, ``item``, ``probability``."""
    factors, item_factors, popularity = tastes
    n = min(n, len(popularity))
    block = max(1, 1_000_000 // len(popularity))
    items, chances = [], []
    for low in range(0, len(factors), block):
        probability = choice_probability(factors[low : low + block], item_factors, popularity)
        best = np.argsort(-probability, axis=1, kind="stable")[:, :n]
        items.append(best)
        chances.append(np.take_along_axis(probability, best, axis=1))
    return pd.DataFrame(
        {
            "customer": np.repeat(np.arange(len(factors)), n),
            "rank": np.tile(np.arange(1, n + 1), len(factors)),
            "item": np.concatenate(items).ravel(),
            "probability": np.concatenate(chances).ravel(),
        }
    )
