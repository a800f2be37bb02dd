"""How long does a fit take?

    python benchmarks/fits.py [n_customers ...]

From the table of customers (frequency, recency, T, monetary value) to fitted parameters with standard errors where the
implementation gives them (lifetimes does too), by maximum likelihood: CDNOW's 2,357 customers and simulated ones with
CDNOW's parameters, first purchases spread over a year, 100,000 and 1,000,000 by default. Parameters must agree to half
a percent (lifetimes stops where we go on to the last digit), and ours must be the more likely ones.

``MODELS`` is the table of implementations by model and name: each takes the table and returns parameters.
"""

import sys
import warnings
from collections.abc import Callable, Iterator
from functools import cache, partial

import lifetimes
import numpy as np
import pandas as pd
from _side_by_side import Way, conditions, markdown, side_by_side

from clvlib.datasets import load_cdnow
from clvlib.rfm import rfm_summary
from clvlib.value import BetaGeoModel, GammaGammaModel, ModifiedBetaGeoModel, ParetoNBDModel, PurchaseModel

Fit = Callable[[pd.DataFrame], dict[str, float]]


def ours(model: type) -> Fit:
    return lambda summary: model().fit(summary).params_


def lifetimes_frequency(fitter: type) -> Fit:
    return lambda summary: dict(fitter().fit(summary["frequency"], summary["recency"], summary["T"]).params_)


def lifetimes_spend(summary: pd.DataFrame) -> dict[str, float]:
    again = summary[summary["frequency"] > 0]
    found = lifetimes.GammaGammaFitter().fit(again["frequency"], again["monetary_value"]).params_
    return {"p": found["p"], "q": found["q"], "gamma": found["v"]}


#: Model -> (our class, {implementation: (what fits it, largest number of customers worth waiting for)}).
MODELS: dict[str, tuple[type, dict[str, tuple[Fit, int]]]] = {
    "BG/NBD": (
        BetaGeoModel,
        {
            "clvlib": (ours(BetaGeoModel), 10**9),
            "lifetimes": (lifetimes_frequency(lifetimes.BetaGeoFitter), 10**6),
        },
    ),
    "MBG/NBD": (
        ModifiedBetaGeoModel,
        {
            "clvlib": (ours(ModifiedBetaGeoModel), 10**9),
            "lifetimes": (lifetimes_frequency(lifetimes.ModifiedBetaGeoFitter), 10**5),
        },
    ),
    "Pareto/NBD": (
        ParetoNBDModel,
        {
            "clvlib": (ours(ParetoNBDModel), 10**9),
            "lifetimes": (lifetimes_frequency(lifetimes.ParetoNBDFitter), 10**5),
        },
    ),
    "Gamma-Gamma": (
        GammaGammaModel,
        {
            "clvlib": (ours(GammaGammaModel), 10**9),
            "lifetimes": (lifetimes_spend, 10**6),
        },
    ),
}


#: Of which model the simulated customers are, with its parameters for CDNOW in weeks: BG/NBD's but where stated.
BG_NBD = (BetaGeoModel, (0.2426, 4.4136, 0.7929, 2.4259))
BUYERS = {ParetoNBDModel: (ParetoNBDModel, (0.5533, 10.5777, 0.6062, 11.6687))}


@cache
def simulated(n_customers: int, buyers: type[PurchaseModel], params: tuple[float, ...]) -> pd.DataFrame:
    """Customers of a purchase model and Gamma-Gamma with CDNOW's parameters, in weeks, on whole days."""
    rng = np.random.default_rng(n_customers)
    model, spend = buyers(), GammaGammaModel()
    model.params_, model.time_unit_days_ = dict(zip(buyers._symbols, params, strict=True)), 7.0
    spend.params_ = {"p": 6.25, "q": 3.74, "gamma": 15.44}
    table = model.simulate_new_customers(n_customers, days=rng.integers(365, 730, n_customers), random_state=rng)
    table["recency"] = np.rint(table["recency"] * 7) / 7
    unknown = table.assign(frequency=0.0, monetary_value=0.0)
    total = spend.simulate(unknown, n_draws=1, random_state=rng, counts=table["frequency"])[0]
    return table.assign(monetary_value=total / np.maximum(table["frequency"], 1))


def same(model: type, summary: pd.DataFrame, theirs: dict[str, float], mine: dict[str, float]) -> None:
    """Half a percent of each parameter, and no more likely than ours."""
    for symbol, value in mine.items():
        assert abs(theirs[symbol] / value - 1) < 5e-3, f"{symbol}: {theirs[symbol]}, {value}"
    judge = model()
    assert judge.log_likelihood(summary, theirs) <= judge.log_likelihood(summary, mine) + 1e-9


def tables(sizes: list[int]) -> Iterator[tuple[str, Callable[[type], pd.DataFrame]]]:
    """For each size a title, and what gives the customers to fit a model to."""
    cdnow = rfm_summary(load_cdnow().lines, calibration_end="1997-09-30", time_unit="W")
    yield f"CDNOW, {len(cdnow):,} customers", lambda model: cdnow
    for size in sizes:
        yield f"{size:,} customers", lambda model, size=size: simulated(size, *BUYERS.get(model, BG_NBD))


def main() -> None:
    sizes = [int(text.replace("_", "")) for text in sys.argv[1:]] or [100_000, 1_000_000]
    warnings.filterwarnings("ignore", module="lifetimes|autograd|pandas")
    print(f"{conditions('lifetimes')}; `python {' '.join(['benchmarks/fits.py', *sys.argv[1:]])}`\n")
    for title, customers in tables(sizes):
        for name, (model, ways) in MODELS.items():
            summary = customers(model)
            # the slowest, Pareto/NBD in lifetimes, takes the better part of a minute for 100,000 customers
            patience = None if len(summary) < 50_000 else 1 if model in BUYERS else 2
            timings = side_by_side(
                [
                    Way(way, partial(fit, summary), rounds=None if way == "clvlib" else patience)
                    for way, (fit, largest) in ways.items()
                    if len(summary) <= largest
                ],
                rounds=15 if len(summary) < 50_000 else 5,
                same=partial(same, model, summary),
            )
            print(markdown(f"{name}, {title}", timings) + "\n")


if __name__ == "__main__":
    main()
