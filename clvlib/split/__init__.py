"""Every cut in time: the guard against leakage.

What is learnt lies strictly before the cut, what is checked lies at it or after. :func:`backtest` holds several
models to that at several cuts. The one split that does not, :func:`random_split`, is there to be measured.
"""

from clvlib.split.at_random import random_split
from clvlib.split.cuts import Split, cut_date, sample_customers, temporal_split
from clvlib.split.door import checked_lines
from clvlib.split.rolling import Backtest, Contender, backtest, rolling_origins

__all__ = [
    "Backtest",
    "Contender",
    "Split",
    "backtest",
    "checked_lines",
    "cut_date",
    "random_split",
    "rolling_origins",
    "sample_customers",
    "temporal_split",
]
