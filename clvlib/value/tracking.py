"""Do a group's repeat purchases come when a model says? Period by period, real and expected ones side by side.

The tracking plot of Fader, Hardie & Lee (2005), Marketing Science 24(2), figures 3 and 4: the model is told nothing but
the day of each customer's first purchase, and what it expects of all of them is summed up:

    expected repeat purchases up to day d = sum over customers i of E[X(d - first_i)]
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from clvlib.value.purchases.purchase_model import PurchaseModel

__all__ = ["tracking_table"]


def tracking_table(
    lines: pd.DataFrame, models: Mapping[str, PurchaseModel], *, cut: pd.Timestamp, period_days: int = 7
) -> pd.DataFrame:
    """How many repeat purchases did the customers of calibration make in each period, and how many does a model expect?

    lines: ``customer_id``, ``timestamp``, ``amount`` of the whole log, holdout included. A purchase is a calendar day
    with an amount of zero or more, as in :func:`clvlib.rfm.rfm_summary`; customers are those whose first purchase lies
    before ``cut``, a midnight, and no later customer counts. models: fitted ones by name; a week is 7 days to each.

    Returns one row a whole period of ``period_days`` from the log's first purchase on, indexed by ``period_end``, the
    midnight after its last day, with ``actual`` and one column a model: purchases *in* the period. A last period that
    the log does not fill is left out.

    ValueError: no purchase before ``cut``, a period shorter than a day or longer than the log.

    >>> from clvlib.value import NBDModel
    >>> days = pd.to_datetime(["2024-01-01", "2024-01-03", "2024-01-12", "2024-01-14"])
    >>> lines = pd.DataFrame({"customer_id": [*"aaab"], "timestamp": days, "amount": 5.0})
    >>> model = NBDModel()
    >>> model.params_, model.time_unit_days_ = {"r": 2.0, "alpha": 4.0}, 7.0
    >>> tracking_table(lines, {"NBD": model}, cut=pd.Timestamp("2024-01-09")).round(2)
                actual   NBD
    period_end
    2024-01-08     1.0  0.43
    2024-01-15     1.0  0.50
    """
    when = pd.DataFrame({"customer_id": lines["customer_id"], "day": lines["timestamp"].dt.normalize()})
    when = when[lines["amount"] >= 0].drop_duplicates()
    first = when.groupby("customer_id", observed=True)["day"].min()
    first = first[first < cut]
    if first.empty:
        raise ValueError(f"nobody bought before {cut}; choose a later cut")
    when = when[when["customer_id"].isin(first.index)]
    began, log_end = first.min(), lines["timestamp"].max().normalize() + pd.Timedelta(days=1)
    log_days = (log_end - began).days
    if not 1 <= period_days <= log_days:
        raise ValueError(f"period_days must lie between 1 and the log's {log_days} days, got {period_days}")
    elapsed = np.arange(period_days, log_days + 1, period_days)
    repeats = (when["day"] - began).dt.days.to_numpy()[(when["day"] != when["customer_id"].map(first)).to_numpy()]
    upto = {"actual": np.searchsorted(np.sort(repeats), elapsed).astype(float)}
    # customers of one first day are expected to do the same: as many evaluations as days, not as customers
    newcomers = (first - began).dt.days.value_counts()
    # the last day of a period is its end's day before; a customer of that day has age 0 on it
    age = np.maximum(elapsed[:, None] - 1 - newcomers.index.to_numpy()[None, :], 0)
    for name, model in models.items():
        upto[name] = model.expected_purchases_new_customer(age) @ newcomers.to_numpy()
    ends = pd.DatetimeIndex(began + pd.to_timedelta(elapsed, unit="D"), name="period_end")
    total = pd.DataFrame(upto, index=ends)
    return total.diff().fillna(total.iloc[:1])
