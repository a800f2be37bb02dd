"""Chunk by chunk into a ledger: every row has a place to end in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from clvlib.columns import OPTIONAL, REQUIRED
from clvlib.transactions.arrays import Columns, Pile, as_series, filtered, fingerprint, repeated, taken
from clvlib.transactions.errors import LogError
from clvlib.transactions.hints import remedy
from clvlib.transactions.judge import DUPLICATE, all_blank, judge, returned
from clvlib.transactions.ledger import Ledger, money, reconcile
from clvlib.transactions.options import Options
from clvlib.transactions.parse import as_text
from clvlib.transactions.refuse import refuse_currencies, refuse_useless
from clvlib.transactions.rules import contract
from clvlib.transactions.sources import FrameSource

__all__ = ["Reading"]


class Reading:
    """Takes the chunks of ``source`` in their order, then gives the ledger.

    Good rows are held as columns in our types, rejected ones as they were read. ``position`` is a row's place
    among all rows of the source; the row number an editor shows is asked for at the end. Of rejected rows the
    columns ``shown`` are held, None for all.
    """

    def __init__(
        self,
        source: FrameSource,
        names: Mapping[str, str],
        options: Options,
        *,
        shown: Sequence[str] | None = None,
    ):
        self.source, self.names, self.options, self.all_shown = source, names, options, shown is None
        self.shown = list(source.columns) if shown is None else list(shown)
        self.seen = self.blank = self.offsets = 0  # rows of the source, blank ones among them; times with an offset
        self.money = 0  # of all rows, in millionths
        self.currencies: Counter = Counter()
        self.kept = Pile()
        self.left_out: list[np.ndarray] = []  # positions of rows that are not in ``kept``
        self.rejected: list[pd.DataFrame] = []
        self.rejected_money: Counter = Counter()

    def take(self, raw: pd.DataFrame) -> None:
        """Judge one chunk: bad rows are set aside as they are, the others join the kept ones."""
        judged = judge(raw, self.names, self.options)
        self.offsets += judged.offsets
        self.currencies += judged.currencies
        amounts, bad = judged.known_amounts(), judged.bad()
        self.money += money(amounts)
        columns = judged.columns
        if bad.any():
            rows = np.flatnonzero(bad)
            self.left_out.append(rows + self.seen)
            blank = all_blank(raw.iloc[rows])  # a blank row always breaks a rule, so only bad ones need a look
            self.blank += int(blank.sum())
            rows = rows[~blank]
            if len(rows):
                self._reject(raw.iloc[rows], rows + self.seen, judged.reasons(rows), amounts[rows])
            columns = filtered(columns, ~bad)
        self.seen += len(raw)
        columns["fingerprint"] = fingerprint(columns)
        self.kept.add(columns)
        pa.default_memory_pool().release_unused()

    def _reject(self, raw: pd.DataFrame, positions: np.ndarray, reasons: np.ndarray, amounts: np.ndarray) -> None:
        aside = pd.DataFrame({name: as_series(as_text(raw[name])) for name in self.shown})
        aside.columns = _aside(self.shown)
        aside.insert(0, "row", positions)
        aside.insert(1, "reason", pd.Series(reasons, dtype="str"))
        self.rejected.append(aside)
        for reason in set(reasons):
            self.rejected_money[reason] += money(amounts[reasons == reason])

    def ledger(self) -> Ledger:
        """The parts, their reconciliation, the contract; then whether anything is left to work with.

        Raises LogError where the log has no lines, mixes currencies without rates, or leaves nothing of use.
        """
        source, options = self.source, self.options
        read = self.seen - self.blank + len(source.ragged)
        if not read:
            also = f", {self.blank:,} blank rows" if self.blank else ""
            raise LogError(
                source.name,
                f"there is a header ({len(source.columns)} columns) and not one line{also}",
                remedy="export it again, with its lines",
            )
        if not self.seen:  # nothing but ragged rows: the parts are empty, not absent
            self.take(pd.DataFrame({name: pd.Series([], dtype="str") for name in source.columns}))
        refuse_currencies(self.currencies, column=self.names.get("currency"), options=options)
        columns, notes = self._without_duplicates(self.kept.pop())
        notes += self._notes(columns)
        lines, guests, returns = self._parts(columns)
        rejected = self._rejected_table()
        if hint := remedy(rejected, self.names):
            notes.append((f"for the rejected lines: {hint}", len(rejected), sum(self.rejected_money.values())))
        ledger = Ledger(
            lines=lines,
            guests=guests,
            returns=returns,
            rejected=rejected,
            reconciliation=reconcile(self._entries(read, lines, guests, returns, rejected)),
            notes=pd.DataFrame(
                {
                    "note": pd.Series([words for words, _, _ in notes], dtype="str"),
                    "lines": np.array([n for _, n, _ in notes], np.int64),
                    "amount": np.array([m for _, _, m in notes], np.int64) / 1e6,
                }
            ),
            currency=options.currency or next(iter(self.currencies), "XXX"),
            timezone=options.timezone,
        )
        contract(options.as_of, list(lines.columns)).validate(lines)
        refuse_useless(ledger, names=self.names, options=options)
        return ledger

    def _without_duplicates(self, columns: Columns) -> tuple[Columns, list[tuple[str, int, int]]]:
        doubles = repeated(columns, columns.pop("fingerprint"))
        if not len(doubles):
            return columns, []
        amounts = columns["amount"][doubles]
        if self.options.duplicates == "keep":
            return columns, [("exact duplicates of an earlier line", len(doubles), money(amounts))]
        left_out = np.concatenate(self.left_out) if self.left_out else np.array([], np.int64)
        positions = doubles + np.searchsorted(left_out - np.arange(len(left_out)), doubles, side="right")
        start = 0
        for chunk in self.source.chunks():  # a second time through the source, for the rows as they stand in it
            first, last = np.searchsorted(positions, (start, start + len(chunk)))
            if last > first:
                here = positions[first:last]
                reasons = np.full(len(here), DUPLICATE, dtype=object)
                self._reject(chunk.iloc[here - start], here, reasons, amounts[first:last])
            start += len(chunk)
        stay = np.ones(len(columns["amount"]), bool)
        stay[doubles] = False
        return filtered(columns, stay), []

    def _notes(self, columns: Columns) -> list[tuple[str, int, int]]:
        amount, options = columns["amount"], self.options
        back = returned(columns, options.cancellations)
        masks = {
            "lines with an amount of zero": amount == 0,
            "returns: a negative amount or quantity, or a cancelled order": back,
        }
        if options.cancellations:
            masks["cancelled orders with an amount above zero, kept as they stand"] = back & (amount > 0)
        if "discount" in columns:
            masks["negative discounts, which raise the amount"] = columns["discount"] < 0
        notes = [(words, int(mask.sum()), money(amount[mask])) for words, mask in masks.items() if mask.any()]
        if self.blank:
            notes.append(("blank rows, which are no lines", self.blank, 0))
        if 0 < self.offsets < self.seen - self.blank:
            zone = options.timezone
            notes.append(
                (f"times with an offset, converted to {zone}; the others are taken as {zone}", self.offsets, 0)
            )
        return notes + _crowd(columns)

    def _parts(self, columns: Columns) -> tuple[pd.DataFrame, ...]:
        """Lines, guests and returns, each sorted by time; lines of the same time stay in the order of the source."""
        guest = pc.is_null(columns["customer_id"]).to_numpy(zero_copy_only=False)
        apart = np.zeros(len(guest), bool)
        if self.options.returns == "apart":
            apart = returned(columns, self.options.cancellations) & ~guest
        times = columns["timestamp"]
        order = None if (times[1:] >= times[:-1]).all() else np.argsort(times, kind="stable")
        parts = []
        for mask in (~guest & ~apart, guest, apart):
            chosen = np.flatnonzero(mask) if order is None else order[mask[order]]
            parts.append(({}, order if mask.all() else chosen))
        for name in [name for name in (*REQUIRED, *OPTIONAL) if name in columns]:
            column = columns.pop(name)  # one at a time, so that no more than one column is ever there twice
            for part, where in parts:
                part[name] = as_series(column if where is None else taken(column, where))
            del column
            pa.default_memory_pool().release_unused()
        return tuple(pd.DataFrame(part, copy=False) for part, _ in parts)

    def _rejected_table(self) -> pd.DataFrame:
        source = self.source
        texts = {name: pd.Series([], dtype="str") for name in ("reason", *_aside(self.shown))}
        table = pd.concat([pd.DataFrame({"row": np.array([], np.int64), **texts}), *self.rejected], ignore_index=True)
        table["row"] = source.rows(table["row"].to_numpy())
        if source.ragged:
            ragged = source.ragged_table()
            if self.all_shown:
                ragged = ragged.set_axis(table.columns, axis=1)
            else:  # a field too many and an address stands under the amount: none of its fields can be shown
                ragged = ragged.iloc[:, :2].set_axis(["row", "reason"], axis=1).reindex(columns=table.columns)
                ragged = ragged.astype(dict.fromkeys(table.columns[1:], "str"))
            table = pd.concat([table, ragged], ignore_index=True)
        return table.sort_values("row", kind="stable", ignore_index=True)

    def _entries(self, read, lines, guests, returns, rejected) -> list[tuple[str, str, int, int]]:
        entries = [("read", "", read, self.money), ("kept", "", len(lines), money(lines["amount"].to_numpy()))]
        for part, outcome, reason in ((guests, "guest", "no customer_id"), (returns, "return", "returns='apart'")):
            if len(part):
                entries.append((outcome, reason, len(part), money(part["amount"].to_numpy())))
        counts = rejected["reason"].value_counts()
        return entries + [("rejected", reason, int(n), self.rejected_money[reason]) for reason, n in counts.items()]


def _aside(columns: list[str]) -> list[str]:
    """The source's column names in the table of rejects, which has a ``row`` and a ``reason`` of its own."""
    return [f"{name} (as read)" if name in ("row", "reason") else name for name in columns]


def _crowd(columns: Columns) -> list[tuple[str, int, int]]:
    """One customer with an unlikely share of a log is a till, a reseller or a test account more often than a person."""
    customers = columns["customer_id"].drop_null()
    if not len(customers):
        return []
    sample = customers.take(pa.array(np.arange(0, len(customers), max(len(customers) // 50_000, 1))))
    top = max(pc.value_counts(sample).to_pylist(), key=lambda pair: pair["counts"])["values"]
    theirs = pc.fill_null(pc.equal(columns["customer_id"], top), False).to_numpy(zero_copy_only=False)
    lines = int(theirs.sum())
    if lines == len(customers):
        words = "all lines with a customer belong to a single one"
    elif lines > 1000 and lines > 0.1 * len(customers):
        words = "one customer has more than a tenth of all lines: a person, or a till?"
    else:
        return []
    return [(words, lines, money(columns["amount"][theirs]))]
