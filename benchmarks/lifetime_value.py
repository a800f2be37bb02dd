"""What is each of a million customers worth over the next twelve months, and how long does it take to say?

    python benchmarks/lifetime_value.py [100000 1000000]

Simulated customers of a BG/NBD and a Gamma-Gamma model with CDNOW's published parameters, in days; every way is given
the same parameters, since only predicting is timed. lifetimes and pymc-marketing count twelve months of 30 days and
pay each at its end, so the first row does the same and must give every customer the same value to nine digits. The
second row is what ``customer_lifetime_value`` does by itself: each purchase is discounted from its own day, which is
up to half a month's interest more.
"""

import sys
from functools import partial
from typing import Any

import arviz
import lifetimes
import numpy as np
import pandas as pd
from _side_by_side import Way, conditions, markdown, side_by_side
from pymc_marketing import clv as pymc_clv

from clvlib.value import BetaGeoModel, GammaGammaModel, customer_lifetime_value

#: Fader, Hardie & Lee (2005): weeks, and the same in days.
PURCHASES = {"r": 0.243, "alpha": 4.414 * 7, "a": 0.793, "b": 2.426}
SPEND = {"p": 6.25, "q": 3.74, "gamma": 15.44}
MONTHS, MONTHLY_RATE = 12, 0.01
HORIZON_DAYS = 30 * MONTHS
ANNUAL_RATE = (1 + MONTHLY_RATE) ** (365 / 30) - 1


def make_summary(n_customers: int) -> pd.DataFrame:
    """Customers who came a year to two ago, bought and left as the model says."""
    rng = np.random.default_rng(20)
    rate = rng.gamma(PURCHASES["r"], 1 / PURCHASES["alpha"], n_customers)
    leave = rng.beta(PURCHASES["a"], PURCHASES["b"], n_customers)
    age = rng.integers(365, 730, n_customers).astype(float)
    count, last, now = np.zeros((3, n_customers))
    here = np.arange(n_customers)
    while here.size:
        now[here] += rng.exponential(1 / rate[here])
        here = here[now[here] < age[here]]
        count[here] += 1
        last[here] = np.ceil(now[here])
        here = here[rng.random(here.size) >= leave[here]]
    times = np.maximum(count, 1)
    spread = rng.gamma(SPEND["q"], 1 / SPEND["gamma"], n_customers)
    mean = np.where(count > 0, rng.gamma(SPEND["p"] * times) / (spread * times), 0.0).round(2)
    return pd.DataFrame(
        {
            "customer_id": np.arange(n_customers),
            "frequency": count,
            "recency": last,
            "T": age,
            # A cent at least, as a shop would have it.
            "monetary_value": np.where(count > 0, np.maximum(mean, 0.01), 0.0),
            "time_unit_days": 1.0,
        }
    )


def ours(summary: pd.DataFrame, **options: Any) -> np.ndarray:
    purchases, spend = BetaGeoModel(), GammaGammaModel()
    purchases.params_, spend.params_ = dict(PURCHASES), dict(SPEND)
    table = customer_lifetime_value(
        summary,
        purchases=purchases,
        spend=spend,
        horizon_days=HORIZON_DAYS,
        annual_discount_rate=ANNUAL_RATE,
        margin_rate=1.0,
        **options,
    )
    return table["clv"].to_numpy()


def with_lifetimes(summary: pd.DataFrame) -> np.ndarray:
    purchases, spend = lifetimes.BetaGeoFitter(), lifetimes.GammaGammaFitter()
    purchases.params_ = pd.Series(PURCHASES)
    purchases.predict = purchases.conditional_expected_number_of_purchases_up_to_time  # as its fit sets it
    spend.params_ = pd.Series({"p": SPEND["p"], "q": SPEND["q"], "v": SPEND["gamma"]})
    columns = [summary[name] for name in ("frequency", "recency", "T", "monetary_value")]
    return spend.customer_lifetime_value(
        purchases, *columns, time=MONTHS, discount_rate=MONTHLY_RATE, freq="D"
    ).to_numpy()


def with_pymc_marketing(models: tuple[Any, Any], summary: pd.DataFrame) -> np.ndarray:
    purchases, spend = models
    values = spend.expected_customer_lifetime_value(
        purchases, summary.copy(), future_t=MONTHS, discount_rate=MONTHLY_RATE, time_unit="D"
    )
    return values.to_numpy().ravel()


def pymc_models(summary: pd.DataFrame) -> tuple[Any, Any]:
    """Its two models with our parameters; building them is not timed."""
    purchases, spend = pymc_clv.BetaGeoModel(), pymc_clv.GammaGammaModel()
    purchases.build_model(summary[["customer_id", "frequency", "recency", "T"]])
    purchases.idata = arviz.from_dict({name: [[value]] for name, value in PURCHASES.items()})
    named = {"p": SPEND["p"], "q": SPEND["q"], "v": SPEND["gamma"]}
    spend.idata = arviz.from_dict({name: [[value]] for name, value in named.items()})
    return purchases, spend


def same(result: np.ndarray, monthly: np.ndarray) -> None:
    """Equal customer by customer; with purchases discounted from their own day, up to half a month's interest more."""
    if np.allclose(result, monthly, rtol=1e-9, atol=0):
        return
    np.testing.assert_array_less(monthly, result)
    np.testing.assert_array_less(result, monthly * (1 + MONTHLY_RATE) ** 0.6)


def main() -> None:
    sizes = [int(argument) for argument in sys.argv[1:]] or [100_000, 1_000_000]
    print(f"{conditions('lifetimes', 'pymc-marketing')}; `python benchmarks/lifetime_value.py`")
    for n_customers in sizes:
        summary = make_summary(n_customers)
        rounds = 2 if n_customers <= 100_000 else 1
        pymc = pymc_models(summary.head(100))
        ways = [
            Way("clvlib, paid monthly as the others do", partial(ours, summary, discount_period_days=30)),
            Way("clvlib, each purchase from its day", partial(ours, summary)),
            Way("lifetimes", partial(with_lifetimes, summary), rounds),
            Way("pymc-marketing", partial(with_pymc_marketing, pymc, summary), rounds),
        ]
        timings = side_by_side(ways, rounds=5, same=same)
        print(f"\n{markdown(f'value of {n_customers:,} customers, 12 months', timings)}")


if __name__ == "__main__":
    main()
