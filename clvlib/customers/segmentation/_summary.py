"""A customer summary at the door: which three columns say how lately, how often, how much, and are they sound?"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from clvlib.customers._checks import frame

__all__ = ["checked_numbers", "checked_table", "recency_frequency_money"]

_MAKE = "make it with clvlib.rfm.rfm_summary(lines, ...) or clvlib.value.customer_features(lines, ...)"


def checked_table(summary: Any) -> pd.DataFrame:
    """The table itself, with at least one row, one row a customer."""
    frame("the customer summary", summary, (), remedy=_MAKE)
    if not summary.columns.is_unique:
        twice = sorted({str(name) for name in summary.columns[summary.columns.duplicated()]})
        raise ValueError(f"the customer summary has more than one column {', '.join(twice)}; drop all but one")
    if "customer_id" in summary:
        missing = int(summary["customer_id"].isna().sum())
        if missing:
            raise ValueError(f"customer_id is missing in {missing} of {len(summary)} rows; drop them and say so")
        repeated = _repeated(summary)
        if repeated:
            raise ValueError(
                f"customer_id repeats with other numbers in {repeated} of {len(summary)} rows, and a summary has one "
                "row a customer; if these are several dates, take one date at a time"
            )
    return summary


def recency_frequency_money(summary: Any) -> pd.DataFrame:
    """``days_since_last_purchase``, ``frequency`` and ``total_spend`` (or ``monetary_value``) of every customer.

    In a table of :func:`clvlib.rfm.rfm_summary` the days come from T - recency, plus one, so that 1 is the day before
    the cut, as everywhere in the house.
    """
    table = checked_table(summary)
    money = "total_spend" if "total_spend" in table else "monetary_value"
    since = ["days_since_last_purchase"] if "days_since_last_purchase" in table else ["recency", "T", "time_unit_days"]
    absent = [name for name in (*since, "frequency", money) if name not in table]
    if absent:
        raise ValueError(
            f"the customer summary of {len(table)} rows has no {', '.join(absent)}; "
            f"it has {', '.join(map(str, table.columns))}. Needed are days_since_last_purchase (or recency, T and "
            f"time_unit_days), frequency, and total_spend (or monetary_value); {_MAKE}"
        )
    numbers = checked_numbers(table, [*since, "frequency", money])
    if since[0] == "recency":
        days = (numbers["T"] - numbers["recency"]) * numbers["time_unit_days"] + 1
        numbers.insert(0, "days_since_last_purchase", days.round(6))  # whole days again, after weeks as a unit
    for name in ("days_since_last_purchase", "frequency"):
        below = int((numbers[name] < 0).sum())
        if below:
            raise ValueError(f"{name} is below zero in {below} of {len(numbers)} rows; {_MAKE}")
    return numbers[["days_since_last_purchase", "frequency", money]]


def checked_numbers(table: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """The columns ``names`` as float64, finite everywhere."""
    columns = {}
    for name in names:
        column = table[name]
        if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_complex_dtype(column):
            raise ValueError(
                f"{name} holds {column.dtype}, not numbers, in {len(table)} rows, first {column.iloc[0]!r}; "
                "turn it into numbers with pd.to_numeric"
            )
        values = column.to_numpy(dtype=float, na_value=np.nan)
        bad = int((~np.isfinite(values)).sum())
        if bad:
            raise ValueError(f"{name} is missing or infinite in {bad} of {len(table)} rows; drop them and say so")
        columns[name] = values
    return pd.DataFrame(columns, index=table.index)


def _repeated(summary: pd.DataFrame) -> int:
    """Rows of a customer who is there already, with other numbers. The very same row again is a bootstrap's doing."""
    again = summary["customer_id"].duplicated()
    if not again.any():
        return 0
    numbers = [name for name in summary if name == "customer_id" or pd.api.types.is_numeric_dtype(summary[name])]
    return int((again & ~summary.duplicated(numbers)).sum())
