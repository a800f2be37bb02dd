"""What to try when lines were rejected: read off the rejected values themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pandas as pd

__all__ = ["remedy"]

_DATES = ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y/%m/%d", "%Y.%m.%d", "%d %b %Y", "%b %d, %Y")
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
_SAMPLE = 500
#: How strptime's codes look; what has the stated look and is no date names a day or an hour that there is not.
_LOOKS = {"%d": r"\d{1,2}", "%m": r"\d{1,2}", "%Y": r"\d{4}", "%y": r"\d{2}", "%H": r"\d{1,2}", "%M": r"\d{1,2}"}
_LOOKS |= {"%S": r"\d{1,2}", "%I": r"\d{1,2}", "%p": r"[AaPp][Mm]", "%f": r"\d{1,9}", "%%": "%"}
_ISO8601 = r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?\s*([zZ]|[+-]\d{2}:?\d{2})?)?"
_STATED = r"timestamp is not a date in the format (.+?)(?:;|$)"


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
        told = reasons[reasons.str.contains(f"{ours} is not a", regex=False)]
        values = rejected.loc[told.index, theirs].dropna()
        if len(values):
            hints.append(_date(values, told.iloc[0]) if ours == "timestamp" else _number(values))
    if reasons.str.contains("fields instead of", regex=False).any():
        hints.append("see whether the separator is right, and whether a text holds it without quotation marks")
    if reasons.str.contains("future", regex=False).any():
        hints.append("see whether as_of, date_format and timezone are right")
    return "; ".join(dict.fromkeys(hints))


def _date(values: pd.Series, reason: str) -> str:
    sample = values.str.strip().head(_SAMPLE)
    tried = {
        day + clock: int(pd.to_datetime(sample, format=day + clock, errors="coerce").notna().sum())
        for day in _DATES
        for clock in _CLOCKS
    }
    tried["ISO8601"] = int(pd.to_datetime(sample, format="ISO8601", errors="coerce", utc=True).notna().sum())
    best = max(tried, key=tried.get)
    if not tried[best]:
        impossible = sample[sample.str.fullmatch(_look(reason))]
        if len(impossible):
            return f"mend what no calendar or clock has, such as {impossible.iloc[0]!r}: it is written as stated"
        return f"say how dates such as {sample.iloc[0]!r} are written, with date_format='%d/%m/%Y' or the like"
    also = [other for other, n in tried.items() if n == tried[best] and other != best]
    words = f"say date_format={best!r} (reads {tried[best]:,} of {len(sample):,} such lines"
    return words + (f"; so does {also[0]!r}: days and months cannot be told apart here)" if also else ")")


def _look(reason: str) -> str:
    """A pattern of what the formats that a reason states look like, whatever the figures are."""
    stated = re.search(_STATED, reason)
    looks = []
    for one in stated[1].split(" or ") if stated else []:
        codes = re.split(r"(%.)", one)
        known = all(code in _LOOKS for code in codes[1::2])
        if one == "ISO8601":
            looks.append(_ISO8601)
        elif known:
            looks.append("".join(_LOOKS.get(code) or re.escape(code) for code in codes))
    return "|".join(f"(?:{look})" for look in looks) or r"(?!)"


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
