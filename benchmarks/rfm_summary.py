"""How long from a log to a table of customers: frequency, recency, T, monetary value, and what the holdout brought?

    python benchmarks/rfm_summary.py [n_lines]

Simulated lines over two years in the order of time, a tenth as many customers, gamma-distributed in how often they
buy; every way gets the log in the frame that suits it and must give every customer the same numbers. ``rfm_summary``
is timed as it is called, with all it checks. Integers as ids are what these packages are usually timed with, texts
are what a shop has. Polars and DuckDB are given the query an expert would write: days first, customers from them.
Last come first calls, each in a process of its own, with what it has to import.
"""

import importlib
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from _side_by_side import Way, conditions, markdown, readable, side_by_side

from clvlib.rfm import rfm_summary

FIRST_DAY, N_DAYS = np.datetime64("2023-01-01", "us"), 730
CALIBRATION_END, HOLDOUT_END = "2023-12-31", "2024-12-30"
COLUMNS = ["frequency", "recency", "T", "monetary_value"]
NAMES = ("customer_id", "timestamp", "amount")
PEERS = {"polars": "polars", "duckdb": "duckdb", "lifetimes": "lifetimes.utils", "pymc-marketing": "pymc_marketing.clv"}


def make_log(n_lines: int, *, text_ids: bool = False, ordered: bool = True) -> pd.DataFrame:
    """About 82 of 100 customers are seen, as often as not twice on a day."""
    rng = np.random.default_rng(5)
    share = np.cumsum(rng.gamma(0.6, 1.0, n_lines // 10))
    customer = np.searchsorted(share, rng.random(n_lines) * share[-1])
    day = np.sort(rng.integers(0, N_DAYS, n_lines))
    day[-1] = N_DAYS - 1
    log = pd.DataFrame(
        {
            "customer_id": customer,
            "timestamp": FIRST_DAY + day * np.timedelta64(86_400_000_000, "us"),
            "amount": rng.lognormal(3.0, 1.0, n_lines).round(2),
        }
    )
    if text_ids:
        log["customer_id"] = "C" + log["customer_id"].astype("str").str.zfill(7)
    return log if ordered else log.sample(frac=1.0, random_state=1, ignore_index=True)


def with_clvlib(log: Any, **periods: Any) -> pd.DataFrame:
    return rfm_summary(log, time_unit="D", **periods)


def with_lifetimes(lifetimes: Any, log: pd.DataFrame) -> pd.DataFrame:
    table = lifetimes.summary_data_from_transaction_data(log, *NAMES, observation_period_end=HOLDOUT_END, freq="D")
    return table.sort_index().reset_index()


def with_pymc_marketing(clv: Any, log: pd.DataFrame) -> pd.DataFrame:
    return clv.utils.rfm_summary(log, *NAMES, observation_period_end=HOLDOUT_END, time_unit="D")


def with_pandas(log: pd.DataFrame) -> pd.DataFrame:
    """What an analyst writes who knows group-by."""
    log = log[log["amount"] >= 0].assign(day=log["timestamp"].dt.floor("D"))
    days = log.groupby(["customer_id", "day"], as_index=False)["amount"].sum()
    customers = days.groupby("customer_id")
    table = customers["day"].agg(["min", "max", "count"])
    end, day = pd.Timestamp(HOLDOUT_END), pd.Timedelta(days=1)
    frequency = table["count"] - 1
    repeat = customers["amount"].sum() - customers["amount"].first()
    return pd.DataFrame(
        {
            "frequency": frequency,
            "recency": (table["max"] - table["min"]) / day,
            "T": (end - table["min"]) / day,
            "monetary_value": (repeat / frequency).where(frequency > 0, 0.0),
        }
    ).reset_index()


def with_polars(polars: Any, log: Any, *, engine: str) -> pd.DataFrame:
    col, end = polars.col, polars.lit(HOLDOUT_END).str.to_date()
    days = log.lazy().filter(col("amount") >= 0).with_columns(day=col("timestamp").dt.date())
    table = (
        days.group_by("customer_id", "day")
        .agg(col("amount").sum())
        .group_by("customer_id")
        .agg(
            frequency=polars.len() - 1,
            first=col("day").min(),
            last=col("day").max(),
            repeat=col("amount").sum() - col("amount").sort_by("day").first(),
        )
        .select(
            "customer_id",
            "frequency",
            recency=(col("last") - col("first")).dt.total_days(),
            T=(end - col("first")).dt.total_days(),
            monetary_value=polars.when(col("frequency") > 0).then(col("repeat") / col("frequency")).otherwise(0.0),
        )
        .sort("customer_id")
    )
    return table.collect(engine=engine)


def with_duckdb(connection: Any) -> dict[str, np.ndarray]:
    return connection.execute(f"""
        select customer_id, count(*) - 1 as frequency, max(day) - min(day) as recency,
            date '{HOLDOUT_END}' - min(day) as "T",
            case when count(*) > 1 then (sum(money) - arg_min(money, day)) / (count(*) - 1) else 0 end as monetary_value
        from (select customer_id, timestamp::date as day, sum(amount) as money from log where amount >= 0 group by all)
        group by customer_id order by customer_id
    """).fetchnumpy()


def split_with_lifetimes(lifetimes: Any, log: pd.DataFrame) -> pd.DataFrame:
    table = lifetimes.calibration_and_holdout_data(
        log, *NAMES[:2], CALIBRATION_END, HOLDOUT_END, freq="D", monetary_value_col="amount"
    )
    table.columns = [name.removesuffix("_cal") for name in table.columns]
    # its money of the holdout is a mean of lines, of which it does not say how many: not the same question
    return table.rename(columns={"frequency_holdout": "holdout_frequency"}).sort_index().reset_index()


def split_with_pymc_marketing(clv: Any, log: pd.DataFrame) -> pd.DataFrame:
    table = clv.utils.rfm_train_test_split(
        log, *NAMES[:2], CALIBRATION_END, HOLDOUT_END, time_unit="D", monetary_value_col="amount"
    )
    amount = table["test_monetary_value"] * table["test_frequency"]
    return table.assign(holdout_frequency=table["test_frequency"], holdout_amount=amount)


def split_with_polars(polars: Any, log: Any, *, engine: str) -> pd.DataFrame:
    col, cut = polars.col, polars.lit(CALIBRATION_END).str.to_date()
    days = log.lazy().filter(col("amount") >= 0).with_columns(day=col("timestamp").dt.date())
    before = col("day") <= cut
    table = (
        days.group_by("customer_id", "day")
        .agg(col("amount").sum())
        .group_by("customer_id")
        .agg(
            frequency=before.sum() - 1,
            first=col("day").min(),
            last=col("day").filter(before).max(),
            repeat=col("amount").filter(before).sum() - col("amount").sort_by("day").first(),
            holdout_frequency=(~before).sum(),
            holdout_amount=col("amount").filter(~before).sum(),
        )
        .filter(col("first") <= cut)
        .select(
            "customer_id",
            "frequency",
            "holdout_frequency",
            "holdout_amount",
            recency=(col("last") - col("first")).dt.total_days(),
            T=(cut - col("first")).dt.total_days(),
            monetary_value=polars.when(col("frequency") > 0).then(col("repeat") / col("frequency")).otherwise(0.0),
        )
        .sort("customer_id")
    )
    return table.collect(engine=engine)


def same(result: Any, ours: pd.DataFrame) -> None:
    """Every customer, every column both have, to the rounding of a sum."""
    for name in ["customer_id", *COLUMNS, "holdout_frequency", "holdout_amount"]:
        if name in ours and name in result:
            theirs, own = np.asarray(result[name]), np.asarray(ours[name])
            if name == "customer_id":
                assert (theirs == own).all(), "not the same customers"
            else:
                np.testing.assert_allclose(theirs.astype(float), own, rtol=1e-9, atol=1e-6, err_msg=name)


def installed() -> dict[str, Any]:
    """The peers that are here; says which are not."""
    peers = {}
    for name, module in PEERS.items():
        try:
            peers[name] = importlib.import_module(module)
        except ImportError:
            print(f"{name}: not installed; `make bench` makes an environment with it")
    return peers


def summary_ways(log: pd.DataFrame, peers: dict[str, Any], slow_rounds: int | None) -> list[Way]:
    """Ours first. ``slow_rounds`` are those of the ways that take minutes on a long log."""
    ways = [Way("clvlib", partial(with_clvlib, log, calibration_end=HOLDOUT_END))]
    if "polars" in peers:
        frame = peers["polars"].from_pandas(log)
        ways.append(Way("clvlib, from a Polars frame", partial(with_clvlib, frame, calibration_end=HOLDOUT_END)))
        for engine in ("streaming", "in-memory"):
            ways.append(Way(f"Polars, {engine} engine", partial(with_polars, peers["polars"], frame, engine=engine)))
    if "duckdb" in peers:
        connection = peers["duckdb"].connect()
        connection.register("frame", log)
        connection.execute("create table log as select * from frame")
        ways.append(Way("DuckDB", partial(with_duckdb, connection)))
    ways.append(Way("pandas", partial(with_pandas, log), slow_rounds))
    if "lifetimes" in peers:
        ways.append(Way("lifetimes", partial(with_lifetimes, peers["lifetimes"], log), slow_rounds))
    if "pymc-marketing" in peers:
        ways.append(Way("pymc-marketing", partial(with_pymc_marketing, peers["pymc-marketing"], log), slow_rounds))
    return ways


def split_ways(log: pd.DataFrame, peers: dict[str, Any]) -> list[Way]:
    ends = {"calibration_end": CALIBRATION_END, "holdout_end": HOLDOUT_END}
    ways = [Way("clvlib", partial(with_clvlib, log, **ends))]
    if "polars" in peers:
        frame, engine = peers["polars"].from_pandas(log), "streaming"
        ways.append(Way(f"Polars, {engine} engine", partial(split_with_polars, peers["polars"], frame, engine=engine)))
    slow: dict[str, tuple[str, Callable]] = {
        "lifetimes": ("lifetimes calibration_and_holdout_data", split_with_lifetimes),
        "pymc-marketing": ("pymc-marketing rfm_train_test_split", split_with_pymc_marketing),
    }
    return ways + [Way(name, partial(run, peers[peer], log), 2) for peer, (name, run) in slow.items() if peer in peers]


def first_call(name: str, n_lines: int) -> float:
    """Seconds to import a package and make the table once, in this process; pandas and the log are there already."""
    log, start = make_log(n_lines), time.perf_counter()
    if name == "clvlib":
        with_clvlib(log, calibration_end=HOLDOUT_END)
    elif name == "pandas":
        with_pandas(log)
    else:
        run = {"lifetimes": with_lifetimes, "pymc-marketing": with_pymc_marketing}[name]
        run(importlib.import_module(PEERS[name]), log)
    return time.perf_counter() - start


def first_calls(n_lines: int, peers: dict[str, Any]) -> str:
    """The median of three processes each."""
    names = ["clvlib", "pandas", *(name for name in ("lifetimes", "pymc-marketing") if name in peers)]
    lines = [f"| {n_lines:,} lines, import and first call | median of 3 processes |", "|---|--:|"]
    for name in names:
        command = [sys.executable, "-W", "ignore", __file__, "--first-call", name, str(n_lines)]
        runs = [float(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(3)]
        lines.append(f"| {name} | {readable(sorted(runs)[1])} |")
    return "\n".join(lines)


def main() -> None:
    if sys.argv[1:2] == ["--first-call"]:
        print(first_call(sys.argv[2], int(sys.argv[3])))
        return
    sizes = [int(float(argument)) for argument in sys.argv[1:]] or [100_000, 1_000_000, 10_000_000]
    peers = installed()
    print(f"{conditions('numba', 'narwhals', *peers)}; `python benchmarks/rfm_summary.py`")
    for n_lines in sizes:
        rounds, slow = (7, 3) if n_lines <= 1_000_000 else (5, 0)
        for ids in ("integers", "texts"):
            log = make_log(n_lines, text_ids=ids == "texts")
            timings = side_by_side(summary_ways(log, peers, slow), rounds=rounds, same=same)
            print(f"\n{markdown(f'summary of {n_lines:,} lines, ids are {ids}', timings)}")
        if n_lines == 1_000_000:
            log = make_log(n_lines, ordered=False)
            timings = side_by_side(summary_ways(log, peers, 1), rounds=rounds, same=same)
            print(f"\n{markdown(f'summary of {n_lines:,} lines in no order, ids are integers', timings)}")
        if n_lines <= 1_000_000:
            log = make_log(n_lines)
            timings = side_by_side(split_ways(log, peers), rounds=rounds, same=same)
            print(f"\n{markdown(f'summary of {n_lines:,} lines, calibration and holdout', timings)}")
            print(f"\n{first_calls(n_lines, peers)}")


if __name__ == "__main__":
    main()
