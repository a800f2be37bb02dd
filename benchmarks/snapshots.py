"""How long from a log to what every customer did before each of twelve dates, and whether they came back?

    python benchmarks/snapshots.py [n_customers]

Simulated lines over two years in the order of time, eight a customer, gamma-distributed in how often they buy, four in
a hundred of them refunds; windows of 30 days before each date and of 7 days after it. Every way gets the log in the
frame that suits it and must give every customer and date the same numbers: orders, spend, days since the last
purchase, mean gap, articles, refunds, outcome. The pandas loop is what an analyst writes, one group-by a date; DuckDB
and Polars are given queries that make all dates at once. Windows overlap where dates are weekly, as a model is
trained on them. Integers as ids are what engines like best, texts are what a shop has.
"""

import importlib
import sys
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from _side_by_side import Way, conditions, markdown, side_by_side

from clvlib.retention import snapshot_table
from clvlib.retention.windows._snapshot_passes import counting_pass, log_of

N_DAYS, N_DATES, OBSERVATION_DAYS, OUTCOME_DAYS = 730, 12, 30, 7
FIRST_DAY = np.datetime64("2023-01-01", "us")
SECOND = np.timedelta64(1_000_000, "us")
DAY = pd.Timedelta(days=1)
COLUMNS = ["orders", "spend", "days_since_last_purchase", "mean_gap_days", "items", "refund_amount", "came_back"]


def make_log(n_customers: int) -> pd.DataFrame:
    """Two lines an order, an order at one moment; articles of 2,000."""
    rng = np.random.default_rng(5)
    n_orders = 4 * n_customers
    share = np.cumsum(rng.gamma(0.6, 1.0, n_customers))
    customer = np.searchsorted(share, rng.random(n_orders) * share[-1])
    second = np.sort(rng.integers(0, N_DAYS * 86_400, n_orders))
    amount = rng.lognormal(3.0, 1.0, 2 * n_orders).round(2)
    refund = np.repeat(rng.random(n_orders) < 0.04, 2)
    return pd.DataFrame(
        {
            "customer_id": np.repeat(customer, 2),
            "timestamp": np.repeat(FIRST_DAY + second * SECOND, 2),
            "amount": np.where(refund, -amount, amount),
            "order_id": np.repeat(np.arange(n_orders), 2),
            "item_id": rng.integers(0, 2000, 2 * n_orders),
        }
    )


def make_dates(step_days: int) -> list[pd.Timestamp]:
    """Twelve midnights, the last one as late as the outcome window allows."""
    last = pd.Timestamp(FIRST_DAY) + (N_DAYS - OUTCOME_DAYS) * DAY
    return [last - back * step_days * DAY for back in reversed(range(N_DATES))]


def with_clvlib(log: pd.DataFrame, dates: list) -> pd.DataFrame:
    return snapshot_table(log, snapshot_dates=dates, observation_days=OBSERVATION_DAYS, outcome_days=OUTCOME_DAYS)


def with_numpy(log: pd.DataFrame, dates: list) -> dict:
    """The pass that shorter logs get."""
    cuts = pd.DatetimeIndex(dates).to_numpy(dtype="datetime64[us]")
    rows = counting_pass(log_of(log), cuts, OBSERVATION_DAYS, OUTCOME_DAYS)._asdict()
    return rows | {"customer_id": log_of(log).ids(rows["customer"])}


def with_pandas(log: pd.DataFrame, dates: list) -> pd.DataFrame:
    """A loop over the dates, a group-by in each."""
    tables = []
    for cut in dates:
        window = log[(log["timestamp"] >= cut - OBSERVATION_DAYS * DAY) & (log["timestamp"] < cut)]
        ahead = log[(log["timestamp"] >= cut) & (log["timestamp"] < cut + OUTCOME_DAYS * DAY)]
        bought = window[window["amount"] >= 0].assign(day=lambda t: t["timestamp"].dt.floor("D"))
        table = bought.groupby("customer_id").agg(
            orders=("order_id", "nunique"), spend=("amount", "sum"), first=("day", "min"), last=("day", "max"),
            days=("day", "nunique"), items=("item_id", "nunique"),
        )  # fmt: skip
        gap = (table["last"] - table["first"]) / DAY / (table["days"] - 1)
        refunds = -window[window["amount"] < 0].groupby("customer_id")["amount"].sum()
        tables.append(
            table.assign(
                snapshot_date=cut,
                days_since_last_purchase=(cut - table["last"]) / DAY,
                mean_gap_days=gap.where(table["days"] > 1, OBSERVATION_DAYS),
                refund_amount=refunds.reindex(table.index).fillna(0.0),
                came_back=table.index.isin(ahead.loc[ahead["amount"] >= 0, "customer_id"]),
            )
        )
    return pd.concat(tables).reset_index()


def with_duckdb(connection: Any, dates: list) -> dict[str, np.ndarray]:
    listed = ", ".join(f"(timestamp '{cut}')" for cut in dates)
    return connection.execute(f"""
        with dates(cut) as (values {listed}),
        seen as (
            select cut, customer_id, count(distinct order_id) filter (amount >= 0) as orders,
                sum(amount) filter (amount >= 0) as spend, min(timestamp::date) filter (amount >= 0) as first,
                max(timestamp::date) filter (amount >= 0) as last,
                count(distinct timestamp::date) filter (amount >= 0) as days,
                count(distinct item_id) filter (amount >= 0) as items,
                coalesce(-sum(amount) filter (amount < 0), 0) as refund_amount
            from log join dates on timestamp >= cut - interval {OBSERVATION_DAYS} day and timestamp < cut
            group by all having orders > 0
        ),
        back as (
            select distinct cut, customer_id
            from log join dates on timestamp >= cut and timestamp < cut + interval {OUTCOME_DAYS} day
            where amount >= 0
        )
        select seen.customer_id, orders, spend, cut::date - last as days_since_last_purchase,
            case when days > 1 then (last - first) / (days - 1) else {OBSERVATION_DAYS} end as mean_gap_days,
            items, refund_amount, back.cut is not null as came_back
        from seen left join back using (cut, customer_id) order by cut, seen.customer_id
    """).fetchnumpy()


def with_polars(polars: Any, frame: Any, dates: list) -> Any:
    """One lazy query a date over the same frame, all collected at once, so that Polars may share and parallelise."""
    col, buys = polars.col, polars.col("amount") >= 0
    log = frame.lazy()

    def one(cut: pd.Timestamp) -> Any:
        begin, end = cut - OBSERVATION_DAYS * DAY, cut + OUTCOME_DAYS * DAY
        day = col("timestamp").dt.date().filter(buys)
        ahead = log.filter((col("timestamp") >= cut) & (col("timestamp") < end) & buys)
        back = ahead.select("customer_id").unique().with_columns(came_back=True)
        return (
            log.filter((col("timestamp") >= begin) & (col("timestamp") < cut))
            .group_by("customer_id")
            .agg(
                orders=col("order_id").filter(buys).n_unique(),
                spend=col("amount").filter(buys).sum(),
                first=day.min(),
                last=day.max(),
                days=day.n_unique(),
                items=col("item_id").filter(buys).n_unique(),
                refund_amount=-col("amount").filter(~buys).sum(),
            )
            .filter(col("orders") > 0)
            .join(back, on="customer_id", how="left")
            .select(
                "customer_id", "orders", "spend", "items", "refund_amount", polars.lit(cut).alias("cut"),
                days_since_last_purchase=(polars.lit(cut.date()) - col("last")).dt.total_days(),
                mean_gap_days=polars.when(col("days") > 1)
                .then((col("last") - col("first")).dt.total_days() / (col("days") - 1))
                .otherwise(float(OBSERVATION_DAYS)),
                came_back=col("came_back").fill_null(False),
            )
            .sort("customer_id")
        )  # fmt: skip

    return polars.concat([one(cut) for cut in dates]).collect(engine="streaming")


def same(result: Any, ours: pd.DataFrame) -> None:
    """Every row, every column, to the rounding of a sum."""
    assert (np.asarray(result["customer_id"]) == ours["customer_id"].to_numpy()).all(), "not the same customers"
    for name in COLUMNS:
        theirs, own = np.asarray(result[name], dtype=float), ours[name].to_numpy(dtype=float)
        np.testing.assert_allclose(theirs, own, rtol=1e-9, atol=1e-6, err_msg=name)


def installed() -> dict[str, Any]:
    """The peers that are here; says which are not."""
    peers = {}
    for name in ("polars", "duckdb"):
        try:
            peers[name] = importlib.import_module(name)
        except ImportError:
            print(f"{name}: not installed; `make bench` makes an environment with it")
    return peers


def ways_of(log: pd.DataFrame, dates: list, peers: dict[str, Any]) -> list[Way]:
    """Ours first; those that take half a minute on a long log are timed less often."""
    slow = 1 if len(log) > 2_000_000 else None
    ways = [
        Way("clvlib", partial(with_clvlib, log, dates)),
        Way("clvlib, the pass for shorter logs", partial(with_numpy, log, dates), slow),
    ]
    if "polars" in peers:
        frame = peers["polars"].from_pandas(log)
        ways.append(Way("Polars, streaming engine", partial(with_polars, peers["polars"], frame, dates)))
    if "duckdb" in peers:
        connection = peers["duckdb"].connect()
        connection.register("frame", log)
        connection.execute("create table log as select * from frame")
        ways.append(Way("DuckDB", partial(with_duckdb, connection, dates)))
    return [*ways, Way("pandas, a loop over dates", partial(with_pandas, log, dates), slow)]


def main() -> None:
    sizes = [int(float(argument)) for argument in sys.argv[1:]] or [100_000, 1_000_000]
    peers = installed()
    print(f"{conditions('numba', 'narwhals', *peers)}; `python benchmarks/snapshots.py`")
    for n_customers in sizes:
        log = make_log(n_customers)
        for step_days, ids in ((30, "integers"), (7, "integers"), (7, "texts")):
            if ids == "texts":
                log["customer_id"] = "C" + log["customer_id"].astype("str").str.zfill(7)
            ways = ways_of(log, make_dates(step_days), peers)
            timings = side_by_side(ways, rounds=5 if n_customers <= 100_000 else 3, same=same)
            title = f"{N_DATES} snapshots {step_days} days apart, {n_customers:,} customers, ids are {ids}"
            print(f"\n{markdown(title, timings)}", flush=True)


if __name__ == "__main__":
    main()
