"""How long does a fit take?

    python benchmarks/fits.py [n_customers ...]

From the table of customers (frequency, recency, T, monetary value) to fitted parameters with standard errors where the
implementation gives them (lifetimes does too), by maximum likelihood: CDNOW's 2,357 customers and simulated ones with
CDNOW's parameters, first purchases spread over a year, 100,000 to 10,000,000 by default. Parameters must agree to half
a percent (lifetimes stops where we go on to the last digit), and ours must be the more likely ones. pymc-marketing
finds the maximum a posteriori under priors of its own, which lie a few percent away, and is here on CDNOW alone.

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
from pymc_marketing import clv as pymc_clv

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


def pymc_marketing(model: type, symbols: dict[str, str]) -> Fit:
    def fit(summary: pd.DataFrame) -> dict[str, float]:
        spend = "p" in symbols
        data = summary[summary["frequency"] > 0] if spend else summary
        columns = ["frequency", "monetary_value"] if spend else ["frequency", "recency", "T"]
        found = model()
        found.fit(data=data[["customer_id", *columns]], method="map", progressbar=False)
        return {ours: float(found.fit_result[theirs].squeeze()) for ours, theirs in symbols.items()}

    return fit


#: What priors move; everyone else has to agree closely.
BY_PRIORS = "pymc-marketing, MAP"

#: Model -> (our class, {implementation: (what fits it, largest number of customers worth waiting for)}).
MODELS: dict[str, tuple[type, dict[str, tuple[Fit, int]]]] = {
    "BG/NBD": (
        BetaGeoModel,
        {
            "clvlib": (ours(BetaGeoModel), 10**9),
            "lifetimes": (lifetimes_frequency(lifetimes.BetaGeoFitter), 10**6),
            BY_PRIORS: (pymc_marketing(pymc_clv.BetaGeoModel, {s: s for s in ("r", "alpha", "a", "b")}), 10**4),
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
            BY_PRIORS: (pymc_marketing(pymc_clv.ParetoNBDModel, {s: s for s in ("r", "alpha", "s", "beta")}), 10**4),
        },
    ),
    "Gamma-Gamma": (
        GammaGammaModel,
        {
            "clvlib": (ours(GammaGammaModel), 10**9),
            "lifetimes": (lifetimes_spend, 10**6),
            BY_PRIORS: (pymc_marketing(pymc_clv.GammaGammaModel, {"p": "p", "q": "q", "gamma": "v"}), 10**4),
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


def near(theirs: dict[str, float], mine: dict[str, float]) -> None:
    """As near as priors leave them."""
    for symbol, value in mine.items():
        assert abs(theirs[symbol] / value - 1) < 0.25, f"{symbol}: {theirs[symbol]}, {value}"


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


def ways(model: type, implementations: dict[str, tuple[Fit, int]], summary: pd.DataFrame) -> Iterator[Way]:
    """Those that can be waited for, with fewer rounds the longer they take."""
    large = len(summary) > 5_000
    for name, (fit, most) in implementations.items():
        run = partial(fit, summary)
        if len(summary) > most:
            continue
        if name == "clvlib":
            yield Way(name, run)
        elif name == BY_PRIORS:
            yield Way(name, run, 3, near)
        else:
            # the slowest, Pareto/NBD in lifetimes, takes the better part of a minute for 100,000 customers
            yield Way(name, run, (1 if model in BUYERS else 2) if large else None)


def main() -> None:
    sizes = [int(text.replace("_", "")) for text in sys.argv[1:]] or [100_000, 1_000_000, 10_000_000]
    warnings.filterwarnings("ignore", module="lifetimes|autograd|pandas|arviz|pytensor")
    print(f"{conditions('lifetimes', 'pymc-marketing')}; `python {' '.join(['benchmarks/fits.py', *sys.argv[1:]])}`\n")
    for title, customers in tables(sizes):
        for name, (model, implementations) in MODELS.items():
            summary = customers(model)
            timings = side_by_side(
                list(ways(model, implementations, summary)),
                rounds=15 if len(summary) <= 5_000 else 5,
                same=partial(same, model, summary),
            )
            print(markdown(f"{name}, {title}", timings) + "\n", flush=True)


if __name__ == "__main__":
    main()
