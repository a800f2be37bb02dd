"""Who comes to the simulated shop, what they buy, and what a campaign does to it. Times are days since the start."""

from itertools import pairwise

import numpy as np
import pandas as pd

__all__ = [
    "CHANNELS",
    "WINDOW_DAYS",
    "choice_probability",
    "draw_items",
    "make_campaigns",
    "make_customers",
    "make_lines",
    "make_orders",
    "make_returns",
]

#: How customers are won. ``dropout_factor`` multiplies the dropout rate; ``persuadable`` and ``put_off`` are the shares
#: of the channel's customers whom a contact brings to buy more, and whom it keeps from buying.
CHANNELS = pd.DataFrame(
    [
        ("search", 0.30, 12.0, 1.0, 0.20, 0.05),
        ("social", 0.20, 8.0, 1.6, 0.50, 0.05),
        ("referral", 0.15, 10.0, 0.6, 0.10, 0.15),
        ("direct", 0.25, 2.0, 1.0, 0.20, 0.25),
        ("marketplace", 0.10, 15.0, 1.3, 0.40, 0.05),
    ],
    columns=["channel", "share", "mean_cost", "dropout_factor", "persuadable", "put_off"],
).astype({"channel": "str"})
#: By how much a contact raises the purchase rate, relative to itself, for each kind of customer.
_UPLIFT = pd.Series({"persuadable": 2.0, "indifferent": 0.0, "put_off": -0.5})
WINDOW_DAYS = 30
_COST_PER_CONTACT = 0.5


def make_customers(*, n_customers, n_days, r, alpha, s, beta, q, gamma, random_state) -> pd.DataFrame:
    """One row a customer in order of arrival, with everything that is true of them."""
    rng = random_state
    acquired = np.sort(rng.uniform(0.0, n_days / 2, size=n_customers))
    channel = rng.choice(len(CHANNELS), p=CHANNELS["share"], size=n_customers)
    referral = CHANNELS["channel"].eq("referral").to_numpy()
    channel[0] = int(np.argmin(referral)) if referral[channel[0]] else channel[0]  # nobody was there to bring the first
    of_channel = CHANNELS.iloc[channel].reset_index(drop=True)
    purchase_rate = rng.gamma(r, 1 / alpha, size=n_customers)
    dropout_rate = rng.gamma(s, 1 / beta, size=n_customers) * of_channel["dropout_factor"].to_numpy()
    draw = rng.uniform(size=n_customers)
    persuadable = draw < of_channel["persuadable"]
    put_off = draw > 1 - of_channel["put_off"]
    response = np.select([persuadable, put_off], ["persuadable", "put_off"], "indifferent")
    earlier = np.floor(rng.uniform(size=n_customers) * np.arange(n_customers)).astype(int)
    return pd.DataFrame(
        {
            "acquired": acquired,
            "channel": of_channel["channel"],
            "acquisition_cost": np.round(of_channel["mean_cost"] * rng.gamma(4.0, 1 / 4.0, size=n_customers), 2),
            "referrer": np.where(referral[channel], earlier, -1),
            "purchase_rate": purchase_rate,
            "dropout_rate": dropout_rate,
            "lost": acquired + rng.exponential(size=n_customers) / dropout_rate,
            "value_rate": rng.gamma(q, 1 / gamma, size=n_customers),
            "response": pd.array(response, dtype="str"),
            "relative_uplift": _UPLIFT[response].to_numpy(),
        }
    )


def make_campaigns(customers, *, n_campaigns, n_days, random_state) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Campaigns and contacts: at each start half of those who have come so far are contacted, by chance."""
    starts = np.floor(n_days * (0.5 + 0.5 * (np.arange(n_campaigns) + 0.5) / max(n_campaigns, 1)))
    campaigns = pd.DataFrame(
        {
            "campaign_id": pd.array([f"K{i + 1:02d}" for i in range(n_campaigns)], dtype="str"),
            "starts": starts,
            "window_days": WINDOW_DAYS,
            "treated_share": 0.5,
            "cost_per_contact": _COST_PER_CONTACT,
        }
    )
    came = [np.flatnonzero(customers["acquired"] < start) for start in starts]
    campaign = np.repeat(np.arange(n_campaigns), [len(who) for who in came])
    customer = np.concatenate([*came, np.array([], dtype=int)])
    contacts = pd.DataFrame(
        {"campaign": campaign, "customer": customer, "treated": random_state.uniform(size=len(customer)) < 0.5}
    )
    begins = starts[campaign]
    ends = np.minimum(np.minimum(begins + WINDOW_DAYS, n_days), customers["lost"].to_numpy()[customer])
    contacts["days"] = np.maximum(ends - begins, 0.0)  # days within the window as a customer
    uplift = (customers["purchase_rate"] * customers["relative_uplift"]).to_numpy()[customer]
    contacts["expected_uplift"] = uplift * contacts["days"]
    return campaigns, contacts


def make_orders(customers, campaigns, contacts, *, n_days, p, random_state) -> pd.DataFrame:
    """One row an order in order of time: ``customer``, ``day``, ``value``."""
    rng = random_state
    acquired = customers["acquired"].to_numpy()
    rate, uplift = customers["purchase_rate"].to_numpy(), customers["relative_uplift"].to_numpy()
    exposure = np.minimum(customers["lost"], n_days).to_numpy() - acquired
    n_repeat = rng.poisson(rate * exposure)
    repeat = np.repeat(np.arange(len(customers)), n_repeat)
    day = acquired[repeat] + rng.uniform(size=len(repeat)) * exposure[repeat]  # Poisson: uniform, given the number

    more_customer, more_day = [], []
    starts = campaigns["starts"].to_numpy()
    for campaign, treated in contacts[contacts["treated"]].groupby("campaign"):
        start, who = starts[campaign], treated["customer"].to_numpy()
        n_more = rng.poisson(np.maximum(treated["expected_uplift"], 0.0))
        more_customer.append(np.repeat(who, n_more))
        more_day.append(start + rng.uniform(size=n_more.sum()) * np.repeat(treated["days"].to_numpy(), n_more))
        put_off = np.zeros(len(customers))
        put_off[who] = np.maximum(-uplift[who], 0.0)
        inside = (day >= start) & (day < start + WINDOW_DAYS)
        stays = ~(inside & (rng.uniform(size=len(day)) < put_off[repeat]))
        repeat, day = repeat[stays], day[stays]

    customer = np.concatenate([np.arange(len(customers)), repeat, *more_customer])
    day = np.concatenate([acquired, day, *more_day])
    in_time = np.argsort(day, kind="stable")
    customer, day = customer[in_time], day[in_time]
    value = rng.gamma(p, size=len(day)) / customers["value_rate"].to_numpy()[customer]
    return pd.DataFrame({"customer": customer, "day": day, "value": value})


def make_lines(orders, catalogue, tastes, *, random_state) -> pd.DataFrame:
    """One row a line: the order's value over distinct items, in proportion to quantity and list price."""
    rng = random_state
    order = np.repeat(np.arange(len(orders)), 1 + rng.poisson(1.2, size=len(orders)))
    customer = orders["customer"].to_numpy()[order]
    item = draw_items(customer, tastes, random_state=rng)
    first = ~pd.Series(order * len(catalogue) + item).duplicated().to_numpy()
    order, customer, item = order[first], customer[first], item[first]
    quantity = 1.0 + rng.poisson(0.3, size=len(order))
    list_price, unit_cost = catalogue["list_price"].to_numpy()[item], catalogue["unit_cost"].to_numpy()[item]
    weight = quantity * list_price
    share = weight / np.bincount(order, weight)[order]
    unit_price = np.maximum(np.round(orders["value"].to_numpy()[order] * share / quantity, 2), 0.01)
    return pd.DataFrame(
        {
            "order": order,
            "customer": customer,
            "day": orders["day"].to_numpy()[order],
            "item": item,
            "quantity": quantity,
            "unit_price": unit_price,
            "amount": np.round(quantity * unit_price, 2),
            "unit_cost": np.round(unit_price * unit_cost / list_price, 2),
        }
    )


def make_returns(lines, *, n_days, return_rate, random_state) -> pd.DataFrame:
    """The lines that come back, at the day they do, with quantity and amount turned round."""
    rng = random_state
    back = lines[rng.uniform(size=len(lines)) < return_rate].copy()
    back["day"] += rng.uniform(1.0, 30.0, size=len(back))
    back = back[back["day"] < n_days].sort_values("day", kind="stable", ignore_index=True)
    return back.assign(quantity=-back["quantity"], amount=-back["amount"])


def draw_items(customer: np.ndarray, tastes: tuple, *, random_state) -> np.ndarray:
    """One item for each entry of ``customer``, from that customer's softmax over all items.

    ``tastes`` is (customers x factors, items x factors, items): the softmax is of the factors' products plus the
    last. The draw inverts the distribution function; a block of customers at a time bounds the memory.
    """
    factors, item_factors, popularity = tastes
    n_items = len(popularity)
    block = max(1, 1_000_000 // n_items)
    position = random_state.uniform(size=len(customer))
    by_customer = np.argsort(customer, kind="stable")
    edges = np.searchsorted(customer[by_customer], np.arange(0, len(factors) + block, block))
    item = np.empty(len(customer), dtype=np.int64)
    for i, (low, high) in enumerate(pairwise(edges)):
        probability = choice_probability(factors[i * block : (i + 1) * block], item_factors, popularity)
        cumulated = np.cumsum(probability, axis=1)
        cumulated[:, -1] = 1.0
        rows = by_customer[low:high]
        local = customer[rows] - i * block
        # Row j's distribution function, lifted by j: one sorted array, one search for the whole block.
        lifted = (cumulated + np.arange(len(cumulated))[:, None]).ravel()
        found = np.searchsorted(lifted, position[rows] + local, side="right") - local * n_items
        item[rows] = np.minimum(found, n_items - 1)
    return item


def choice_probability(factors, item_factors, popularity) -> np.ndarray:
    """Customers x items: the probability that a line of a customer is for an item."""
    # einsum and not @: its order of summation does not hang on the BLAS that happens to be installed.
    score = np.einsum("cf,if->ci", factors, item_factors) + popularity
    weight = np.exp(score - score.max(axis=1, keepdims=True))
    return weight / weight.sum(axis=1, keepdims=True)
