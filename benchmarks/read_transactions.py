"""How much slower is a ledger than the cleaning an analyst would write?

    python benchmarks/read_transactions.py [n_lines]

Both read the same made-up log in the same run, in turns, and keep the same lines: the analyst with plain
``pandas.read_csv`` and eight lines of cleaning, which drops what does not fit and says nothing of it; the ledger with
a reason for every line, duplicates counted, money reconciled. Printed: the best of three, and the ratio; and, to see
what of it is reading at all, what pandas, polars and duckdb need to read the file (the latter two where the ``bench``
extra is installed).
"""

import importlib
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from clvlib.transactions import read_transactions

ROUNDS = 3


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


def best(work) -> tuple[float, pd.DataFrame]:
    """Seconds of the fastest of the rounds, and what it returned."""
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - start)
    return min(seconds), result


def main() -> None:
    n_lines = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    log = make_log(n_lines)
    text = {"customer_id": "str", "order_id": "str", "item_id": "str"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.csv"
        log.to_csv(path, index=False)
        size = path.stat().st_size / 1e6
        runs = {
            "CSV": (lambda: clean_by_hand(pd.read_csv(path, dtype=text)), lambda: read_transactions(path).lines),
            "DataFrame": (lambda: clean_by_hand(log), lambda: read_transactions(log).lines),
        }
        print(f"{n_lines:,} lines, {size:.0f} MB; best of {ROUNDS}; reading alone:")
        readers = {
            "pandas": lambda pandas: pandas.read_csv(path, dtype=text),
            "polars": lambda polars: polars.read_csv(path, schema_overrides={"amount": polars.String}),
            "duckdb": lambda duckdb: duckdb.read_csv(str(path)).to_arrow_table(),
        }
        for name, read in readers.items():
            try:
                peer = importlib.import_module(name)
            except ModuleNotFoundError:
                print(f"{name:<10} not installed: uv pip install -r requirements-bench.lock")
                continue
            print(f"{name:<10} {best(lambda read=read, peer=peer: read(peer))[0]:>7.2f} s")
        print(f"{'source':<10} {'by hand':>9} {'ledger':>9} {'ratio':>6}")
        for name, (by_hand, ledger) in runs.items():
            slow, expected = best(by_hand)
            fast, lines = best(ledger)
            pd.testing.assert_frame_equal(lines, expected[lines.columns], check_dtype=False)
            print(f"{name:<10} {slow:>7.2f} s {fast:>7.2f} s {fast / slow:>6.2f}")


if __name__ == "__main__":
    main()
