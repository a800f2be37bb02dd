"""What is each simulated customer truly worth? The forecast nobody can beat, for shops whose truth is known."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from clvlib.metrics.value import gini, regret

__all__ = ["regret_table", "true_value"]


def true_value(tables: Mapping[str, pd.DataFrame], *, cut, horizon_days: int) -> pd.DataFrame:
    """What would somebody expect of each customer who knew everything at the cut but the dice to come?

    Knows of each customer the own purchase rate lambda, dropout rate mu and mean order value, whether they are still
    there at the cut, and who will be contacted by a campaign; not when they will be lost, when they buy, what for::

        orders = lambda * integral over the horizon of exp(-mu t) * (1 + uplift while a contact works) dt

    tables: those of :func:`clvlib.datasets.make_shop` (``truth``, ``customers``, ``campaigns``, ``contacts``,
    ``parameters``). cut: a midnight; customers acquired at it or later are left out.

    Returns one row a customer, sorted by ``customer_id``: ``customer_id``, ``alive`` (bool, at the cut),
    ``expected_purchases`` (orders; two on one day are two) and ``expected_amount`` (currency, undiscounted), the
    orders' mean value less the share of returns, as if each came back at once.

    ValueError: a table is not there, as in every log of real customers.

    >>> from clvlib.datasets import make_shop
    >>> truth = true_value(make_shop(n_customers=50, random_state=1).tables, cut="2024-07-01", horizon_days=91)
    >>> sorted(truth), bool((truth.loc[~truth["alive"], "expected_amount"] == 0).all())
    (['alive', 'customer_id', 'expected_amount', 'expected_purchases'], True)
    """
    needed = ("truth", "customers", "campaigns", "contacts", "parameters")
    lacking = [name for name in needed if name not in tables]
    if lacking:
        raise ValueError(f"no table {', '.join(lacking)}: the truth is known of simulated shops only")
    cut = pd.Timestamp(cut)
    acquired = tables["customers"][["customer_id", "acquired"]]
    table = tables["truth"].merge(acquired[acquired["acquired"] < cut], on="customer_id")
    table = table.sort_values("customer_id", ignore_index=True)
    alive = (table["lost_on"].isna() | (table["lost_on"] >= cut)).to_numpy()
    mu = table["dropout_rate"].to_numpy()
    days = _days_there(mu, 0.0, float(horizon_days))
    days = days + _campaign_days(tables, table, cut, horizon_days)
    orders = np.where(alive, table["purchase_rate"] * days, 0.0)
    returns = float(tables["parameters"].set_index("name")["value"]["return_rate"])
    return pd.DataFrame(
        {
            "customer_id": table["customer_id"],
            "alive": alive,
            "expected_purchases": orders,
            "expected_amount": orders * table["expected_order_value"].to_numpy() * (1 - returns),
        }
    )


def regret_table(
    predictions: pd.DataFrame, tables: Mapping[str, pd.DataFrame], *, horizon_days: int, share: float = 0.1
) -> pd.DataFrame:
    """What does the top ``share`` by each model leave lying of what the oracle's own top ``share`` is truly worth?

    predictions: the long table of :func:`clvlib.split.backtest` with that ``horizon_days``; tables: as above.

    Returns one row a model and a row ``oracle``, means over origins, indexed by ``model``: ``regret`` (a share of the
    true value of the oracle's choice), ``regret_amount`` (currency a horizon), ``true_gini`` (the order against the
    truth) and ``realised_gini`` (against what happened, which keeps even the oracle below 1: the rest is dice).

    ValueError: no truth; a customer of the race without one.
    """
    rows = []
    for origin, part in predictions.groupby("origin"):
        truth = true_value(tables, cut=origin, horizon_days=horizon_days).set_index("customer_id")["expected_amount"]
        by_model = dict(iter(part.groupby("model", sort=False)))
        by_model["oracle"] = next(iter(by_model.values()))
        for model, table in by_model.items():
            true = truth.reindex(table["customer_id"]).to_numpy()
            said = true if model == "oracle" else table["expected_amount"].to_numpy()
            found = regret(true, said, share=share)
            order = gini(true, said), gini(table["holdout_amount"], said)
            rows.append([model, found.share, found.amount, *order])
    columns = ["model", "regret", "regret_amount", "true_gini", "realised_gini"]
    return pd.DataFrame(rows, columns=columns).groupby("model", sort=False).mean()


def _campaign_days(tables: Mapping, table: pd.DataFrame, cut: pd.Timestamp, horizon_days: int) -> np.ndarray:
    """Days that contacts within the horizon add to a customer's, by their relative uplift; negative if put off."""
    more = np.zeros(len(table))
    contacts, uplift, mu = tables["contacts"], table["relative_uplift"].to_numpy(), table["dropout_rate"].to_numpy()
    for campaign in tables["campaigns"].itertuples():
        begins = (campaign.starts - cut).total_seconds() / 86400
        ends = min(begins + campaign.window_days, horizon_days)
        if ends <= max(begins, 0.0):
            continue
        of_campaign = contacts["campaign_id"].eq(campaign.campaign_id) & contacts["treated"]
        treated = table["customer_id"].isin(contacts.loc[of_campaign, "customer_id"]).to_numpy()
        more += np.where(treated, uplift * _days_there(mu, max(begins, 0.0), ends), 0.0)
    return more


def _days_there(mu: np.ndarray, begin: float, end: float) -> np.ndarray:
    """Expected days between ``begin`` and ``end`` of who is there at 0 and lost at the rate ``mu`` a day."""
    return np.exp(-mu * begin) * -np.expm1(-mu * (end - begin)) / mu
