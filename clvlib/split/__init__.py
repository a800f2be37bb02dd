"""Every cut in time: the guard against leakage.

What is learnt lies strictly before the cut, what is checked lies at it or after. :func:`backtest` holds several
models to that at several cuts.
"""

from clvlib.split.cuts import Split, cut_date, sample_customers, temporal_split
from clvlib.split.rolling import Backtest, Contender, backtest, rolling_origins

__all__ = [
    "Backtest",
    "Contender",
    "Split",
    "backtest",
    "cut_date",
    "rolling_origins",
    "sample_customers",
    "temporal_split",
]
