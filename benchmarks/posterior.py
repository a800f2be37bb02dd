"""How sure are four parameters, and how long does it take to know?

    python benchmarks/posterior.py

The posterior of the BG/NBD model on CDNOW's 2,357 customers under pymc-marketing's default priors: ours by importance
sampling from the Laplace approximation, theirs by NUTS with 2 chains of 1,000 draws after 1,000 to tune. Means and
standard deviations must agree within Monte Carlo error, and are printed; so is the effective sample size, since draws
that hang together are worth less than their number.
"""

import logging
import math
from functools import partial
from typing import Any

import arviz
import pandas as pd
from _side_by_side import Way, conditions, markdown, side_by_side
from pymc_marketing import clv as pymc_clv

from clvlib.datasets import load_cdnow
from clvlib.rfm import rfm_summary
from clvlib.value import BetaGeoModel, parameter_posterior

SYMBOLS = ("r", "alpha", "a", "b")
Posterior = pd.DataFrame  # a row a symbol: mean, sd, ess


def ours(summary: pd.DataFrame) -> Posterior:
    model = BetaGeoModel().fit(summary)
    found = parameter_posterior(model, summary, n_draws=4_000, random_state=1, prior="pymc-marketing")
    table = pd.DataFrame({"mean": found.mean, "sd": found.standard_deviation}).loc[list(SYMBOLS)]
    return table.assign(ess=found.effective_sample_size)


def with_pymc_marketing(summary: pd.DataFrame, **sampler: Any) -> Posterior:
    model = pymc_clv.BetaGeoModel()
    data = summary[["customer_id", "frequency", "recency", "T"]]
    idata = model.fit(
        data=data, method="mcmc", draws=1000, tune=1000, chains=2, random_seed=1, progressbar=False, **sampler
    )
    table = arviz.summary(idata, var_names=list(SYMBOLS), kind="all", round_to="none")
    return table[["mean", "sd", "ess_bulk"]].set_axis(["mean", "sd", "ess"], axis=1)


def same(result: Posterior, ours: Posterior) -> None:
    """Means within five standard errors of their difference, standard deviations within 15 %."""
    for symbol in SYMBOLS:
        theirs, mine = result.loc[symbol], ours.loc[symbol]
        error = mine["sd"] * math.sqrt(1 / theirs["ess"] + 1 / mine["ess"])
        assert abs(theirs["mean"] - mine["mean"]) < 5 * error, f"means of {symbol}: {theirs['mean']}, {mine['mean']}"
        assert abs(theirs["sd"] / mine["sd"] - 1) < 0.15, f"deviations of {symbol}: {theirs['sd']}, {mine['sd']}"


def main() -> None:
    logging.getLogger("pymc").setLevel(logging.ERROR)
    print(f"{conditions('pymc-marketing', 'pymc')}; `python benchmarks/posterior.py`\n")
    summary = rfm_summary(load_cdnow().lines, calibration_end="1997-09-30", time_unit="W")
    found: dict[str, Posterior] = {}

    def kept(name: str, run: Any) -> Posterior:
        found[name] = run(summary)
        return found[name]

    runs = {"clvlib, fit and importance sampling": ours, "pymc-marketing, NUTS": with_pymc_marketing}
    ways = [Way(name, partial(kept, name, run), rounds=None if run is ours else 2) for name, run in runs.items()]
    timings = side_by_side(ways, rounds=9, same=same)
    print(markdown("posterior of the BG/NBD model on CDNOW", timings) + "\n")
    print("| | effective draws (least) | a second | " + " | ".join(f"{symbol}: mean (sd)" for symbol in SYMBOLS) + " |")
    print("|---|--:|--:|" + "--:|" * len(SYMBOLS))
    for timing in timings:
        table = found[timing.name]
        least = table["ess"].min()
        values = [f"{row['mean']:.4g} ({row['sd']:.3g})" for _, row in table.iterrows()]
        print(f"| {timing.name} | {least:,.0f} | {least / timing.wall:,.0f} | " + " | ".join(values) + " |")


if __name__ == "__main__":
    main()
