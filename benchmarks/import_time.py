"""How long does a reader wait before anything happens?

    python benchmarks/import_time.py [--rounds 9]

A fresh interpreter for every call, after one that fills the disk's cache. The first table is the import, beside a
process that imports nothing; the second the whole way of a first cell, from the interpreter's start to a fitted model:
what counts in a notebook is the first call, not the tenth.
"""

import argparse
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from _side_by_side import Way, conditions, markdown, side_by_side

from clvlib.datasets import load_cdnow

IMPORTS = {
    "`import clvlib.value`": "import clvlib.value",
    "`import clvlib.rfm`": "import clvlib.rfm",
    "`import clvlib`": "import clvlib",
    "nothing": "pass",
    "`import numpy, pandas`": "import numpy, pandas",
    "`import lifetimes`": "import lifetimes",
    "`import pymc_marketing.clv`": "import pymc_marketing.clv",
}

OURS = """
import pandas as pd
from clvlib.rfm import rfm_summary
from clvlib.value import BetaGeoModel
lines = pd.read_parquet(PATH)
summary = rfm_summary(lines, calibration_end="1997-09-30", time_unit="W")
model = BetaGeoModel().fit(summary)
print(*(round(model.params_[name], 3) for name in ("r", "alpha", "a", "b")))
"""
LIFETIMES = """
import pandas as pd
from lifetimes import BetaGeoFitter
from lifetimes.utils import summary_data_from_transaction_data
lines = pd.read_parquet(PATH)
summary = summary_data_from_transaction_data(
    lines[lines["timestamp"] < "1997-10-01"], "customer_id", "timestamp", observation_period_end="1997-09-30",
    freq="D", freq_multiplier=7)
model = BetaGeoFitter().fit(summary["frequency"], summary["recency"], summary["T"])
print(*(round(model.params_[name], 3) for name in ("r", "alpha", "a", "b")))
"""
PYMC = """
import pandas as pd
from pymc_marketing.clv import BetaGeoModel, rfm_summary
lines = pd.read_parquet(PATH)
summary = rfm_summary(
    lines[lines["timestamp"] < "1997-10-01"], "customer_id", "timestamp", observation_period_end="1997-09-30",
    time_unit="D")
summary[["recency", "T"]] /= 7
model = BetaGeoModel()
model.fit(data=summary, method="map", progressbar=False)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    print(f"{conditions('lifetimes', 'pymc-marketing')}; `python benchmarks/import_time.py`\n")
    ways = [Way(name, partial(_run, code)) for name, code in IMPORTS.items()]
    print(markdown("a Python process with", side_by_side(ways, rounds=options.rounds)) + "\n")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.parquet"
        load_cdnow().lines[["customer_id", "timestamp", "amount"]].to_parquet(path)
        scripts = {
            "clvlib": OURS,
            "lifetimes": LIFETIMES,
            "pymc-marketing, MAP (its priors; PyTensor's own cache is warm)": PYMC,
        }
        ways = [Way(name, partial(_run, code.replace("PATH", repr(str(path))))) for name, code in scripts.items()]

        def same(result: str, ours: str) -> None:
            assert result in ("", ours), f"other parameters: {result} and {ours}"

        timings = side_by_side(ways, rounds=3, same=same)
    print(markdown("from the interpreter's start to a BG/NBD model of CDNOW", timings))


def _run(code: str) -> str:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


if __name__ == "__main__":
    main()
