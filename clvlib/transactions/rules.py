"""What a line must satisfy to be kept: each rule stated once, used to reject and again as the ledger's contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from clvlib.columns import COLUMNS, REQUIRED

__all__ = ["LARGEST_AMOUNT", "NUMBERS", "UNKNOWN", "Rule", "contract", "rules"]

#: A line above this is a mistake in any currency, and beyond it a float no longer holds cents safely.
LARGEST_AMOUNT = 1e12
#: The numeric columns a log may have besides ``amount``.
NUMBERS = ("quantity", "unit_price", "discount", "unit_cost")
#: Said in every reason that makes a line's money unreadable.
UNKNOWN = " (money unknown, counted as 0)"


class Rule(NamedTuple):
    """``broken`` takes the column's values (numpy) and marks those that break the rule named ``reason``."""

    column: str
    reason: str
    broken: Callable[[np.ndarray], np.ndarray]


def rules(as_of: pd.Timestamp, columns: list[str]) -> list[Rule]:
    """The rules for the values of a log with these ``columns``; a missing value in an optional one is allowed.

    >>> [rule.reason for rule in rules(pd.Timestamp("2011-12-10"), ["timestamp"])]
    ['timestamp is missing', 'timestamp is in the future (after as_of)']
    """
    latest = as_of.to_datetime64()
    every = [
        Rule("timestamp", "timestamp is missing", np.isnat),
        Rule("timestamp", "timestamp is in the future (after as_of)", lambda t: t > latest),
        Rule("amount", "amount is missing or NaN" + UNKNOWN, np.isnan),
        Rule("amount", "amount is infinite" + UNKNOWN, np.isinf),
        Rule(
            "amount",
            f"amount is beyond ±{LARGEST_AMOUNT:.0e}" + UNKNOWN,
            lambda a: np.isfinite(a) & (np.abs(a) > LARGEST_AMOUNT),
        ),
        *(Rule(name, f"{name} is infinite", np.isinf) for name in NUMBERS),
    ]
    return [rule for rule in every if rule.column in columns]


def contract(as_of: pd.Timestamp, columns: list[str]):
    """The same rules as a pandera schema for kept lines, with the vocabulary's dtypes and no other column.

    It runs on every ledger before it is handed out: what slipped past the row-wise reading, or was mixed up
    after it, stops here.
    """
    import pandera.pandas as pa  # 0.3 s that a process which only loads a ledger need not spend

    def check(rule: Rule):
        return pa.Check(lambda column: not rule.broken(column.to_numpy()).any(), error=rule.reason, ignore_na=False)

    def dtype(name: str):  # not pandera's own: it takes a datetime64 of any unit for any other
        wanted = COLUMNS[name].dtype
        return pa.Check(lambda column: str(column.dtype) == wanted, error=f"{name} is not {wanted}", ignore_na=False)

    wanted = rules(as_of, columns)
    return pa.DataFrameSchema(
        {
            name: pa.Column(
                checks=[dtype(name), *(check(rule) for rule in wanted if rule.column == name)],
                nullable=name not in REQUIRED,
            )
            for name in columns
        },
        index=pa.Index("int64"),
        strict=True,
    )
