"""What to try when lines were rejected: read off the rejected values themselves."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

__all__ = ["remedy"]

_DATES = ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y/%m/%d", "%Y.%m.%d", "%d %b %Y", "%b %d, %Y")
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
_SAMPLE = 500


def remedy(rejected: pd.DataFrame, names: Mapping[str, str]) -> str:
    """The option most likely to save rejected lines, in words; "" where their values suggest none.

    ``names`` says which of the rejected table's columns is which of ours, as :func:`clvlib.transactions.names.named`.

    >>> log = pd.DataFrame({"reason": ["timestamp is not a date in the format ISO8601"], "Day": ["31/12/2010 8:05"]})
    >>> remedy(log, {"timestamp": "Day"})
    "say date_format='%d/%m/%Y %H:%M' (reads 1 of 1 such lines)"
    """
    hints = []
    reasons = rejected["reason"]
    for ours, theirs in names.items():
        theirs = f"{theirs} (as read)" if f"{theirs} (as read)" in rejected else theirs
        values = rejected.loc[reasons.str.contains(f"{ours} is not a", regex=False), theirs].dropna()
        if len(values):
            hints.append(_date(values) if ours == "timestamp" else _number(values))
    if reasons.str.contains("fields instead of", regex=False).any():
        hints.append("see whether the separator is right, and whether a text holds it without quotation marks")
    if reasons.str.contains("future", regex=False).any():
        hints.append("see whether as_of, date_format and timezone are right")
    return "; ".join(dict.fromkeys(hints))


def _date(values: pd.Series) -> str:
    sample = values.str.strip().head(_SAMPLE)
    tried = {
        day + clock: int(pd.to_datetime(sample, format=day + clock, errors="coerce").notna().sum())
        for day in _DATES
        for clock in _CLOCKS
    }
    tried["ISO8601"] = int(pd.to_datetime(sample, format="ISO8601", errors="coerce", utc=True).notna().sum())
    best = max(tried, key=tried.get)
    if not tried[best]:
        return f"say how dates such as {sample.iloc[0]!r} are written, with date_format='%d/%m/%Y' or the like"
    also = [other for other, n in tried.items() if n == tried[best] and other != best]
    words = f"say date_format={best!r} (reads {tried[best]:,} of {len(sample):,} such lines"
    return words + (f"; so does {also[0]!r}: days and months cannot be told apart here)" if also else ")")


def _number(values: pd.Series) -> str:
    sample = values.str.strip().head(_SAMPLE)
    if sample.str.fullmatch(r"[+-]?\d+,\d+|[+-]?\d{1,3}(\.\d{3})+(,\d+)?").any():
        points = ", thousands='.'" if sample.str.contains(r"\.\d{3}").any() else ""
        return f"say decimal=','{points} if {sample.iloc[0]!r} is a number with a decimal comma"
    if sample.str.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?").any():
        return f"say thousands=',' if {sample.iloc[0]!r} is a number"
    if sample.str.contains(r"[$€£¥]|\b[A-Z]{3}\b|\(").any():
        return f"write plain numbers, without currency signs or brackets, instead of {sample.iloc[0]!r}"
    return f"put a number where {sample.iloc[0]!r} stands"
