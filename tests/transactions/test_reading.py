"""Memory: a large CSV peaks under three times its size, measured on the whole process."""

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

MEASURE = """
    import os, resource, sys
    from clvlib.transactions import read_transactions

    def peak():
        return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    small, large = sys.argv[1:]
    read_transactions(small)  # what libraries take once is not the log's
    before = peak()
    ledger = read_transactions(large)
    print(len(ledger.lines), (peak() - before) / os.path.getsize(large))
"""


def write_log(path: Path, n_lines: int) -> Path:
    """A shop's export as they are: unsorted, repeated texts, a guest in seven, an unreadable price in a thousand."""
    rng = np.random.default_rng(0)
    with open(path, "w", encoding="utf-8") as file:
        file.write("order_id,customer_id,timestamp,item_id,item_text,quantity,amount\n")
        for start in range(0, n_lines, 50_000):
            n = min(50_000, n_lines - start)
            customers = rng.integers(0, n_lines // 20 + 1, n)
            seconds = np.datetime64("2020-01-01T00:00:00") + rng.integers(0, 10**8, n)
            items, quantities, cents = rng.integers(0, 4_000, n), rng.integers(1, 9, n), rng.integers(99, 9_999, n)
            file.writelines(
                f"{(start + i) // 3:07d},{'' if i % 7 == 0 else f'{c:06d}'},{s},{t:05d},A TEAPOT OF KIND {t},{q},"
                f"{'free' if i % 1000 == 0 else f'{a / 100:.2f}'}\n"
                for i, (c, s, t, q, a) in enumerate(zip(customers, seconds, items, quantities, cents, strict=True))
            )
    return path


def growth(tmp_path, n_lines: int) -> tuple[int, float]:
    """Lines kept, and the growth of the peak in sizes of the file; in a process of its own."""
    files = [str(write_log(tmp_path / name, n)) for name, n in (("small.csv", 500), ("large.csv", n_lines))]
    run = [sys.executable, "-c", textwrap.dedent(MEASURE), *files]
    lines, times = subprocess.run(run, check=True, capture_output=True, text=True).stdout.split()
    return int(lines), float(times)


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in other units elsewhere")
def test_a_csv_of_60_mb_peaks_under_three_times_its_size(tmp_path):
    lines, times = growth(tmp_path, 860_000)
    assert 50 < (tmp_path / "large.csv").stat().st_size / 1e6 < 70
    assert lines == 860_000 - sum(1 for i in range(860_000) if i % 50_000 % 7 == 0 or i % 50_000 % 1000 == 0)
    assert times < 3


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in other units elsewhere")
def test_a_csv_of_200_mb_peaks_under_three_times_its_size(tmp_path):
    lines, times = growth(tmp_path, 2_900_000)
    assert (tmp_path / "large.csv").stat().st_size > 190e6
    assert lines > 2_400_000
    assert times < 3
