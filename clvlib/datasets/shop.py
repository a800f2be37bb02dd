"""A simulated shop whose truth is known: what a method finds can be held against what was put in."""

import numpy as np
import pandas as pd

from clvlib.datasets._shop_purchases import (
    WINDOW_DAYS,
    make_campaigns,
    make_customers,
    make_lines,
    make_orders,
    make_returns,
)
from clvlib.datasets._shop_tables import Simulation
from clvlib.datasets._words import LANGUAGES, make_catalogue
from clvlib.datasets.dataset import Dataset, Source
from clvlib.transactions import read_transactions

__all__ = ["make_shop"]

#: Name, title and currency of the shop in each language of the catalogue.
_SHOPS = {
    "en": ("shop", "Simulated shop", "USD"),
    "zh": ("shop_zh", "Simulated shop (Chinese)", "CNY"),
}


def make_shop(
    *,
    n_customers: int = 2000,
    n_items: int = 300,
    n_days: int = 730,
    language: str = "en",
    r: float = 1.2,
    alpha: float = 48.0,
    s: float = 1.5,
    beta: float = 300.0,
    p: float = 6.0,
    q: float = 4.0,
    gamma: float = 20.0,
    n_factors: int = 4,
    taste_strength: float = 1.0,
    n_campaigns: int = 2,
    return_rate: float = 0.04,
    start: str = "2023-01-02",
    random_state: int = 0,
) -> Dataset:
    """A shop's log with the truth behind it, of any size; the same arguments give the same data, byte for byte.

    How it is made
    --------------
    *Customers* arrive evenly over the first half of the time and buy at once. *Repeat purchases* are a Poisson
    process with an own rate, Gamma(shape ``r``, rate ``alpha`` days), until the customer is lost after an exponential
    time with an own rate, Gamma(shape ``s``, rate ``beta`` days) times the factor of the acquisition channel: the
    Pareto/NBD of Schmittlein, Morrison and Colombo (1987), exact where the factor is 1. *An order's value* is
    Gamma(shape ``p``, rate v) with the customer's v from Gamma(shape ``q``, rate ``gamma``): the Gamma-Gamma of Fader
    and Hardie (2013), mean ``p gamma / (q - 1)``, up to the rounding of unit prices to cents and before returns.
    *Items*: each of an order's 1 + Poisson(1.2) lines (an item once an order) is a draw from softmax(``popularity`` +
    ``taste_strength`` * customer factors . item factors); the order's value is split over its lines in proportion to
    quantity and list price, so ``unit_price`` is that of the size or finish that was bought.
    *Campaigns*: on its day each campaign draws half of all customers who have come by then at random; for
    ``window_days`` the purchase rate of those who are still customers is multiplied by 1 + ``relative_uplift``.
    *Returns*: each line comes back within 30 days with probability ``return_rate``, as an order of its own with
    negative quantity and amount.

    Parameters
    ----------
    n_customers, n_items, n_days
        Size; about 7 orders and 15 lines a customer with the other defaults.
    language
        ``"en"`` or ``"zh"``: the language of ``item_text``; it decides the currency too (USD, CNY).
    r, alpha, s, beta, p, q, gamma
        The population, as above; rates are a day.
    n_factors, taste_strength
        Dimension of the tastes; how much they decide (0: only popularity does).
    n_campaigns
        How many campaigns, evenly spaced over the second half of the time (0: none).
    return_rate
        Share of lines that come back.
    start
        The first day.
    random_state
        Seed.

    Returns
    -------
    Dataset
        Lines with ``customer_id``, ``timestamp``, ``amount``, ``order_id``, ``item_id``, ``item_text``, ``category``,
        ``quantity``, ``unit_price``, ``unit_cost``. Tables, of which a shop would have the first seven:

        ================ ================================================================================
        products         item_id, item_text, category, list_price, unit_cost
        customers        customer_id, acquired, channel, acquisition_cost, referrer_id (who brought a
                         customer of the channel "referral"; else missing)
        channels         channel, share, mean_cost; and as truth dropout_factor and the shares of customers
                         whom a contact brings to buy more (persuadable) or less (put_off)
        campaigns        campaign_id, starts, window_days, treated_share, cost_per_contact
        contacts         campaign_id, customer_id, treated: everybody who was drawn, by chance, for or against
        events           customer_id, session_id, timestamp, event (view, cart, purchase), item_id, order_id:
                         every order has a session before it, and there are sessions that end without one
        surveys          customer_id, order_id, timestamp, satisfaction (1 to 5): after 3 in 10 orders
        truth            customer_id, purchase_rate and dropout_rate (a day), lost_on (NaT: still there at the
                         end), expected_order_value, response, relative_uplift
        contact_truth    campaign_id, customer_id, expected_uplift: additional purchases that a contact causes
        customer_factors customer_id, factor_1 ...
        item_factors     item_id, popularity, factor_1 ...
        oracle           customer_id, rank (1 to 10), item_id, probability: the list nobody can beat
        parameters       name, value: the arguments of the call
        ================ ================================================================================

    Raises
    ------
    ValueError
        If a size is not positive, the language is unknown, or ``q`` is at most 1 (orders would have no mean).

    >>> shop = make_shop(n_customers=100, random_state=7)
    >>> shop.tables["customers"]["channel"].nunique(), shop.label
    (5, 'Simulated shop - simulated, truth known')
    """
    settings = dict(locals())
    _check(settings)
    streams = [np.random.default_rng([random_state, 0, stream]) for stream in range(7)]
    catalogue = make_catalogue(n_items=n_items, n_factors=n_factors, language=language, random_state=streams[0])
    item_factors = catalogue[[name for name in catalogue if name.startswith("factor_")]].to_numpy()
    tastes = (
        streams[1].normal(size=(n_customers, n_factors)),
        taste_strength * item_factors,
        catalogue["popularity"].to_numpy(),
    )
    customers = make_customers(
        n_customers=n_customers, n_days=n_days, r=r, alpha=alpha, s=s, beta=beta, q=q, gamma=gamma,
        random_state=streams[2],
    )  # fmt: skip
    campaigns, contacts = make_campaigns(
        customers, n_campaigns=n_campaigns, n_days=n_days, random_state=streams[3]
    )
    orders = make_orders(customers, campaigns, contacts, n_days=n_days, p=p, random_state=streams[4])
    lines = make_lines(orders, catalogue, tastes, random_state=streams[5])
    returns = make_returns(lines, n_days=n_days, return_rate=return_rate, random_state=streams[6])
    simulation = Simulation(
        settings=settings, day0=np.datetime64(start, "us"), catalogue=catalogue, customers=customers, tastes=tastes,
        campaigns=campaigns, contacts=contacts, orders=orders, lines=lines, returns=returns,
    )  # fmt: skip
    name, title, currency = _SHOPS[language]
    end = pd.Timestamp(start) + pd.Timedelta(days=n_days)
    source = Source(
        name=name,
        title=title,
        kind="simulated",
        origin=f"make_shop(n_customers={n_customers}, n_days={n_days}, random_state={random_state}) of clvlib.datasets",
        licence="MIT",
    )
    ledger = read_transactions(simulation.log(), currency=currency, as_of=end)
    return Dataset(source=source, ledger=ledger, tables=simulation.tables())


def _check(settings: dict) -> None:
    for name in ("n_customers", "n_items", "n_days", "n_factors", "r", "alpha", "s", "beta", "p", "gamma"):
        if settings[name] <= 0:
            raise ValueError(f"{name} is {settings[name]}; it must be positive")
    if settings["q"] <= 1:
        raise ValueError(f"q is {settings['q']}; at 1 or below an order's value has no mean")
    if settings["language"] not in LANGUAGES:
        raise ValueError(f"language is {settings['language']!r}; it must be one of {', '.join(LANGUAGES)}")
    most = settings["n_days"] // (2 * WINDOW_DAYS)
    if not 0 <= settings["n_campaigns"] <= most:
        raise ValueError(
            f"n_campaigns is {settings['n_campaigns']}; {settings['n_days']} days have room for 0 to {most} "
            f"campaigns of {WINDOW_DAYS} days in their second half"
        )
    if not 0 <= settings["return_rate"] <= 1:
        raise ValueError(f"return_rate is {settings['return_rate']}; it is a share of the lines, from 0 to 1")
