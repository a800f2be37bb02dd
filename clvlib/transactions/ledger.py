"""The ledger: what was kept, what was not and why, and the proof that nothing is missing."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd

from clvlib.transactions.errors import LogError

__all__ = ["Ledger", "money", "reconcile"]

_MICROS = 1_000_000  # money is summed in millionths of the currency: whole numbers, so that order cannot matter
_FORMAT = 1
_SLICE = 1 << 18  # amounts added up at a time, so that the working space stays small


@dataclass(frozen=True)
class Ledger:
    """A validated transaction log.

    ``lines`` has ``customer_id`` (str), ``timestamp`` (naive datetime64[us] in ``timezone``), ``amount`` (float64,
    in ``currency``) and the optional columns of :mod:`clvlib.columns` that the log has, sorted by time.
    ``guests`` has the same columns for lines without a customer; ``returns`` for negative lines where the policy
    sets them apart. ``rejected`` holds each refused row as it was read (of its columns those asked for), all text,
    behind ``row`` (the line number an editor or Excel shows, header = 1) and ``reason``. ``reconciliation`` (outcome,
    reason, lines, amount) adds up: read = kept + guest + return + rejected, in lines and in money. ``notes`` (note,
    lines, amount) counts what was kept and should be known. Money is in ``currency``; "XXX" where the log does not
    state one.
    """

    lines: pd.DataFrame
    guests: pd.DataFrame
    returns: pd.DataFrame
    rejected: pd.DataFrame
    reconciliation: pd.DataFrame
    notes: pd.DataFrame
    currency: str
    timezone: str

    def report(self) -> str:
        """The reconciliation in words: one line an outcome, with the first rejected rows of each reason.

        >>> from clvlib.transactions import read_transactions
        >>> log = pd.DataFrame({"customer_id": list("787"), "amount": ["3.50", "6", "?"]})
        >>> log["timestamp"] = "2011-12-09"
        >>> print(read_transactions(log, currency="GBP").report())
        read: 3 lines, 9.50 GBP
        kept: 2 lines, 9.50 GBP
        rejected: 1 line, 0.00 GBP: amount is not a number (money unknown, counted as 0); row 4
        note: for the rejected lines: put a number where '?' stands (1, 0.00 GBP)
        """
        told = []
        for entry in self.reconciliation.itertuples():
            count = f"{entry.lines:,} line{'' if entry.lines == 1 else 's'}"
            line = f"{entry.outcome}: {count}, {entry.amount:,.2f} {self.currency}"
            line += f": {entry.reason}" if entry.reason else ""
            if entry.outcome == "rejected":
                rows = self.rejected.loc[self.rejected["reason"] == entry.reason, "row"]
                line += f"; row{'' if len(rows) == 1 else 's'} " + ", ".join(f"{row:,}" for row in rows[:5])
                line += ", …" if len(rows) > 5 else ""
            told.append(line)
        return "\n".join(
            told + [f"note: {n.note} ({n.lines:,}, {n.amount:,.2f} {self.currency})" for n in self.notes.itertuples()]
        )

    def save(self, folder: str | Path) -> Path:
        """Write the ledger as Parquet files and one JSON into ``folder`` (made if need be); returns the folder."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name in self._tables():
            getattr(self, name).to_parquet(folder / f"{name}.parquet", index=False)
        state = {"format": _FORMAT, "currency": self.currency, "timezone": self.timezone}
        (folder / "ledger.json").write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> Ledger:
        """The ledger that :meth:`save` wrote. Raises LogError where ``folder`` holds none."""
        folder = Path(folder)
        try:
            state = json.loads((folder / "ledger.json").read_text(encoding="utf-8"))
            if state.get("format") != _FORMAT:
                raise ValueError(f"format {state.get('format')!r}, not {_FORMAT}")
            tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in cls._tables()}
        except (OSError, ValueError, AttributeError) as error:
            raise LogError(
                str(folder),
                f"this is no saved ledger ({error})",
                remedy="save one with read_transactions(…).save(folder)",
            ) from error
        return cls(**tables, currency=state["currency"], timezone=state["timezone"])

    @classmethod
    def _tables(cls) -> list[str]:
        return [field.name for field in fields(cls) if field.name not in ("currency", "timezone")]


def money(amounts: np.ndarray) -> int:
    """The exact sum of finite amounts in millionths of the currency; what is not finite counts as 0.

    >>> money(np.array([0.1] * 3 + [np.nan]))
    300000
    """
    total = 0
    for start in range(0, len(amounts), _SLICE):
        some = amounts[start : start + _SLICE]
        micros = np.rint(np.where(np.isfinite(some), some, 0) * _MICROS).astype(np.int64)
        # in two halves, since int64 itself could overflow on the sum
        total += (int((micros >> 32).sum()) << 32) + int((micros & 0xFFFFFFFF).sum())
    return total


def reconcile(entries: Iterable[tuple[str, str, int, int]]) -> pd.DataFrame:
    """The reconciliation from (outcome, reason, lines, money in millionths); the first entry is what was read.

    Raises AssertionError where the rest does not add up to it, exactly: that is a bug here, never the log's fault.
    """
    (_, _, lines, total), *rest = entries = list(entries)
    assert lines == sum(entry[2] for entry in rest), f"{lines} lines read, others add up differently: {rest}"
    assert total == sum(entry[3] for entry in rest), f"{total} millionths read, others add up differently: {rest}"
    table = pd.DataFrame(entries, columns=["outcome", "reason", "lines", "amount"])
    table = table.astype({"outcome": "str", "reason": "str", "lines": "int64"})
    return table.assign(amount=table["amount"].astype("float64") / _MICROS)
