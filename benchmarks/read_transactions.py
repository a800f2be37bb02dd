"""How much slower is a ledger than the cleaning an analyst would write?

    python benchmarks/read_transactions.py [n_lines]

Both read the same made-up log in the same run, in turns, and keep the same lines: the analyst with plain
``pandas.read_csv`` and eight lines of cleaning, which drops what does not fit and says nothing of it; the ledger with
a reason for every line, duplicates counted, money reconciled. And, to see what of it is reading at all, what pandas,
polars and duckdb need to read the file.
"""

import sys
import tempfile
from functools import partial
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars
from _side_by_side import Way, conditions, markdown, side_by_side

from clvlib.transactions import read_transactions

TEXT = {"customer_id": "str", "order_id": "str", "item_id": "str"}


def make_log(n_lines: int) -> pd.DataFrame:
    """A log as text, one price in a thousand unreadable, one customer in ten missing."""
    rng = np.random.default_rng(0)
    amount = pd.Series(rng.lognormal(2, 1, n_lines).round(2)).astype("str")
    amount[rng.random(n_lines) < 0.001] = "see note"
    customer = pd.Series(rng.integers(0, n_lines // 20 + 1, n_lines)).map("C{:06d}".format)
    customer[rng.random(n_lines) < 0.1] = None
    seconds = np.sort(rng.integers(0, 10**8, n_lines))
    return pd.DataFrame(
        {
            "customer_id": customer,
            "timestamp": (np.datetime64("2020-01-01T00:00:00") + seconds).astype(str),
            "amount": amount,
            "order_id": (np.arange(n_lines) // 3).astype(str),
            "item_id": rng.integers(0, 4_000, n_lines).astype(str),
            "item_text": "WHITE TEAPOT, LARGE",
        }
    )


def clean_by_hand(log: pd.DataFrame) -> pd.DataFrame:
    """What a careful analyst writes on a Monday."""
    log = log.copy()
    log["timestamp"] = pd.to_datetime(log["timestamp"], errors="coerce")
    log["amount"] = pd.to_numeric(log["amount"], errors="coerce")
    log = log[np.isfinite(log["amount"]) & log["timestamp"].notna() & log["customer_id"].notna()]
    log = log[log["timestamp"] <= pd.Timestamp.now()]
    log.duplicated().sum()  # looked at, as the ledger does
    return log.sort_values("timestamp", kind="stable", ignore_index=True)


def same(by_hand: pd.DataFrame, lines: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(lines, by_hand[lines.columns], check_dtype=False)


def main() -> None:
    n_lines = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    log = make_log(n_lines)
    print(f"{conditions('polars', 'duckdb')}; `python benchmarks/read_transactions.py`\n")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.csv"
        log.to_csv(path, index=False)
        ways = [
            Way("`read_transactions`", lambda: read_transactions(path).lines),
            Way("pandas, cleaned by hand", lambda: clean_by_hand(pd.read_csv(path, dtype=TEXT))),
        ]
        title = f"CSV of {n_lines:,} lines, {path.stat().st_size / 1e6:.0f} MB"
        print(markdown(title, side_by_side(ways, rounds=3, same=same)) + "\n")
        ways = [
            Way("`read_transactions`", lambda: read_transactions(log).lines),
            Way("pandas, cleaned by hand", partial(clean_by_hand, log)),
        ]
        print(markdown("the same as a DataFrame", side_by_side(ways, rounds=3, same=same)) + "\n")
        readers = [
            Way("pandas", lambda: pd.read_csv(path, dtype=TEXT)),
            Way("polars", lambda: polars.read_csv(path, schema_overrides={"amount": polars.String})),
            Way("duckdb", lambda: duckdb.read_csv(str(path)).to_arrow_table()),
        ]
        print(markdown("the CSV read and nothing else, to pandas' time", side_by_side(readers, rounds=3)))


if __name__ == "__main__":
    main()
