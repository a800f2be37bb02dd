"""From a source to a ledger: chunk by chunk, every row with a place to end in."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import available_timezones

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from clvlib.columns import OPTIONAL, REQUIRED
from clvlib.transactions.errors import LogError, nearest, some
from clvlib.transactions.hints import remedy
from clvlib.transactions.ledger import Ledger, money, reconcile
from clvlib.transactions.names import named
from clvlib.transactions.parse import as_arrow, identifiers, numbers, text, times
from clvlib.transactions.rules import LARGEST_AMOUNT, NUMBERS, contract, rules
from clvlib.transactions.sources import open_source

__all__ = ["read_transactions"]

_IDENTIFIERS = ("customer_id", "order_id", "item_id")
_MONEY = ("amount", "unit_price", "discount", "unit_cost")
_UNKNOWN = " (money unknown, counted as 0)"


def read_transactions(
    source: str | Path | pd.DataFrame,
    columns: Mapping[str, str | None] | None = None,
    *,
    currency: str | None = None,
    date_format: str | Sequence[str] = "ISO8601",
    timezone: str = "UTC",
    returns: str = "net",
    duplicates: str = "keep",
    zero_amounts: str = "keep",
    cancellations: str | None = None,
    rates: Mapping[str, float] | None = None,
    as_of: str | pd.Timestamp | None = None,
    encoding: str = "utf-8",
    separator: str = ",",
    decimal: str = ".",
    thousands: str = "",
    sheet: str | int | None = None,
) -> Ledger:
    """What is in this log, and what of it may be trusted?

    Parameters
    ----------
    source : path of a CSV, Parquet or Excel file, or a DataFrame
        A CSV is read in blocks: memory stays under three times the file's size.
    columns : mapping of the log's own names to those of :mod:`clvlib.columns`; None leaves a column out
        Columns that have our names already need no entry, others are not read. Where no column is ``amount``,
        it is quantity × unit_price − discount.
    currency : ISO 4217 code of the money; "XXX" in the ledger where neither this nor the log says
    date_format : "ISO8601", a strptime format such as "%d/%m/%Y %H:%M", or several, the first that reads a value wins
    timezone : time zone of the ledger; times with an offset are converted, times without one are in it already
    returns : "net" keeps negative lines among the others, "apart" in ``Ledger.returns``, "reject" rejects them
        A return is a line with a negative amount or quantity, or whose order_id matches ``cancellations``.
    duplicates, zero_amounts : "keep" (and count in ``Ledger.notes``) or "reject"
        A duplicate equals an earlier line in every column that is read.
    cancellations : regular expression for the order_id of cancelled orders, such as "^C"
    rates : {"USD": 0.92, …}, the value of one unit in ``currency``: without it a log with several is refused
    as_of : the latest time that is not the future (default: now); a date without a time means its whole day
    encoding, separator, decimal, thousands : how a CSV is written; the latter two also hold for numbers typed as text
    sheet : which sheet of a workbook that has several

    Returns
    -------
    Ledger
        Every row read is in exactly one of lines, guests, returns, rejected; money that cannot be read counts as 0.
        Rows with all fields blank are no lines; ``notes`` counts them.

    Raises
    ------
    LogError
        Where no ledger can come of it: see its message, which names file, column, line counts and the remedy.

    >>> log = pd.DataFrame({"Client": [7.0, 8.0, None], "When": ["2011-12-09"] * 3, "Total": ["3.50", "abc", "1"]})
    >>> names = {"Client": "customer_id", "When": "timestamp", "Total": "amount"}
    >>> ledger = read_transactions(log, names, currency="GBP")
    >>> ledger.lines["customer_id"].tolist(), ledger.rejected[["row", "reason"]].to_numpy().tolist()
    (['7'], [[3, 'amount is not a number (money unknown, counted as 0)']])
    """
    opened = open_source(source, encoding=encoding, separator=separator, sheet=sheet)
    _one_of(opened.name, "returns", returns, ("net", "apart", "reject"))
    _one_of(opened.name, "duplicates", duplicates, ("keep", "reject"))
    _one_of(opened.name, "zero_amounts", zero_amounts, ("keep", "reject"))
    if timezone != "UTC" and timezone not in available_timezones():
        near = nearest(timezone, available_timezones())
        raise LogError(
            opened.name, f"there is no time zone {timezone!r}", remedy=f"say timezone={near or 'Europe/London'!r}"
        )
    if currency is not None and not re.fullmatch("[A-Z]{3}", currency):
        raise LogError(
            opened.name, f"currency={currency!r} is no ISO 4217 code", remedy="say currency='EUR' or the like"
        )
    if rates is not None and currency is None:
        raise LogError(opened.name, "rates are given, but not the currency they lead to", remedy="say currency=…")
    reading = _Reading(
        source=opened,
        names=named(opened, columns),
        currency=currency,
        formats=(date_format,) if isinstance(date_format, str) else tuple(date_format),
        timezone=timezone,
        returns=returns,
        duplicates=duplicates,
        zero_amounts=zero_amounts,
        cancellations=cancellations,
        rates=rates,
        as_of=_latest(as_of, timezone),
        decimal=decimal,
        thousands=thousands,
    )
    for chunk in opened.chunks():
        reading.take(chunk)
    return reading.ledger()


@dataclass
class _Reading:
    """The state between chunks. ``kept`` holds columns of lines that passed; rejects are held raw."""

    source: object
    names: dict[str, str]
    currency: str | None
    formats: tuple[str, ...]
    timezone: str
    returns: str
    duplicates: str
    zero_amounts: str
    cancellations: str | None
    rates: Mapping[str, float] | None
    as_of: pd.Timestamp
    decimal: str
    thousands: str
    seen: int = 0  # rows of the source, blank ones included
    blank: int = 0
    read_money: int = 0
    offsets: int = 0
    currencies: Counter = field(default_factory=Counter)
    kept: dict[str, list] = field(default_factory=dict)
    dropped: list[np.ndarray] = field(default_factory=list)  # positions not in ``kept``
    rejected: list[pd.DataFrame] = field(default_factory=list)
    rejected_money: Counter = field(default_factory=Counter)  # by reason

    def take(self, raw: pd.DataFrame) -> None:
        """Parse and judge one chunk: bad rows are set aside as they are, good ones join ``kept``."""
        line, found = self._parsed(raw)
        amount = line["amount"]
        known = np.where(np.isfinite(amount) & (np.abs(amount) <= LARGEST_AMOUNT), amount, np.nan)
        bad = np.zeros(len(raw), bool)
        for _, mask in found:
            bad |= mask
        at = np.flatnonzero(bad)
        blank = at[_all_blank(raw.iloc[at])] if len(at) else at
        at = at[~np.isin(at, blank)]
        self.blank += len(blank)
        self.read_money += money(np.delete(known, blank) if len(blank) else known)
        if len(at):
            self._reject(raw.iloc[at], at + self.seen, _joined(found, at), known[at])
        if len(at) or len(blank):
            good = ~bad
            line = {name: _filter(values, good) for name, values in line.items()}
            self.dropped.append(np.flatnonzero(bad) + self.seen)
        self.seen += len(raw)
        line["fingerprint"] = _fingerprint(line)
        for name, values in line.items():
            self.kept.setdefault(name, []).append(values)

    def _parsed(self, raw: pd.DataFrame) -> tuple[dict, list[tuple[str, np.ndarray]]]:
        """The chunk's columns in our types, and what is wrong: (reason, rows it holds for)."""
        line, found = {}, []
        unreadable = {}
        for ours, theirs in self.names.items():
            column = raw[theirs]
            if ours == "timestamp":
                line[ours], unreadable[ours], offsets = times(column, formats=self.formats, timezone=self.timezone)
                self.offsets += offsets
                found.append((f"timestamp is not a date in the format {' or '.join(self.formats)}", unreadable[ours]))
            elif ours in NUMBERS or ours == "amount":
                values, _, unreadable[ours] = numbers(
                    as_arrow(column, decimal=self.decimal), decimal=self.decimal, thousands=self.thousands
                )
                line[ours] = values
                reason = f"{ours} is not a number" + (_UNKNOWN if ours == "amount" else "")
                found.append((reason, unreadable[ours]))
            elif ours in _IDENTIFIERS:
                line[ours], lost = identifiers(as_arrow(column))
                if ours == "customer_id":
                    found.append(
                        ("customer_id has lost digits (a float above 2**53, or a spreadsheet's 1.2E+11)", lost)
                    )
            else:
                line[ours] = text(as_arrow(column))
        if "amount" not in line:
            discount = np.nan_to_num(line["discount"], nan=0.0) if "discount" in line else 0.0
            # six decimals take the dust of binary fractions away (3 × 0.1) and leave any price alone
            line["amount"] = np.round(line["quantity"] * line["unit_price"] - discount, 6)
        self._convert(line, found)
        for rule in rules(self.as_of, list(line)):
            mask = rule.broken(line[rule.column])
            if rule.column in unreadable:
                mask &= ~unreadable[rule.column]
            found.append((rule.reason, mask))
        if self.zero_amounts == "reject":
            found.append(("amount is zero", line["amount"] == 0))
        if self.returns == "reject":
            found.append(
                ("return (negative amount or quantity, or a cancelled order)", _returned(line, self.cancellations))
            )
        return line, [(reason, mask) for reason, mask in found if mask.any()]

    def _convert(self, line: dict, found: list) -> None:
        """Money into the ledger's currency; the column of codes ends here."""
        if "currency" not in line:
            return
        codes = pc.dictionary_encode(
            pc.utf8_upper(pc.coalesce(line.pop("currency"), pa.scalar(self.currency or "", pa.large_string())))
        )
        names, index = codes.dictionary.to_pylist(), codes.indices.to_numpy()
        good = np.array([bool(re.fullmatch("[A-Z]{3}", name)) for name in names], bool)
        self.currencies.update(
            {
                name: int(n)
                for name, n, ok in zip(names, np.bincount(index, minlength=len(names)), good, strict=True)
                if ok
            }
        )
        if not good.all():
            wrong = ~good[index]
            found.append(("currency is missing or no ISO 4217 code" + _UNKNOWN, wrong))
            line["amount"] = np.where(wrong, 0.0, line["amount"])
        if self.rates is not None:
            table = {**self.rates, self.currency: 1.0}
            factor = np.array([table.get(name, 1.0) for name in names])[index]
            for column in _MONEY:
                if column in line:
                    line[column] = line[column] * factor

    def _reject(self, raw: pd.DataFrame, positions: np.ndarray, reasons: np.ndarray, amounts: np.ndarray) -> None:
        aside = raw.set_axis(_aside(raw.columns), axis=1)
        aside = aside.apply(lambda column: as_arrow(column).cast(pa.large_string()).to_pandas()).astype("str")
        aside.insert(0, "row", positions)
        aside.insert(1, "reason", reasons)
        self.rejected.append(aside)
        for reason in np.unique(reasons):
            self.rejected_money[reason] += money(amounts[reasons == reason])

    # ---- after the last chunk -------------------------------------------------------------------------------

    def ledger(self) -> Ledger:
        """Duplicates, order, the parts, the proof; then whether anything is left to work with."""
        source = self.source
        if self.seen - self.blank + len(source.ragged) == 0:
            blank = f", {self.blank:,} blank rows" if self.blank else ""
            raise LogError(
                source.name,
                f"the file has a header ({len(source.columns)} columns) and no lines{blank}",
                remedy="export it again, with its lines",
            )
        self._refuse_currencies()
        line = {name: _concatenated(self.kept.pop(name)) for name in list(self.kept)}
        line, doubles, doubles_money = self._without_duplicates(line)
        notes = [("exact duplicates of an earlier line", doubles, doubles_money)] if doubles else []
        notes += self._notes(line)
        lines, guests, returns = self._parts(line)
        rejected = self._rejected_table()
        entries = [("read", "", self.seen - self.blank + len(source.ragged), self.read_money)]
        entries += [("kept", "", len(lines), money(lines["amount"].to_numpy()))]
        for outcome, reason, part in (
            ("guest", "no customer_id", guests),
            ("return", "set apart by returns='apart'", returns),
        ):
            if len(part):
                entries.append((outcome, reason, len(part), money(part["amount"].to_numpy())))
        counts = rejected["reason"].value_counts()
        entries += [("rejected", reason, int(n), self.rejected_money[reason]) for reason, n in counts.items()]
        codes = list(self.currencies)
        ledger = Ledger(
            lines=lines,
            guests=guests,
            returns=returns,
            rejected=rejected,
            reconciliation=reconcile(entries),
            notes=pd.DataFrame(notes, columns=["note", "lines", "amount"]).astype(
                {"note": "str", "lines": "int64", "amount": "float64"}
            ),
            currency=self.currency or (codes[0] if codes else "XXX"),
            timezone=self.timezone,
        )
        contract(self.as_of, list(lines.columns)).validate(lines)
        self._refuse_useless(ledger)
        return ledger

    def _refuse_currencies(self) -> None:
        name, codes = self.source.name, self.currencies
        told = ", ".join(f"{code} ({n:,} lines)" for code, n in codes.most_common(8))
        column = self.names.get("currency")
        if self.rates is not None:
            without = [code for code in codes if code not in self.rates and code != self.currency]
            if without:
                raise LogError(
                    name,
                    f"column {column!r} has {told}; rates has no entry for {some(without)}",
                    remedy=f"add the value of one {without[0]} in {self.currency}",
                )
        elif len(codes) > 1:
            raise LogError(
                name,
                f"column {column!r} mixes {len(codes)} currencies: {told}; their sum would mean nothing",
                remedy="pass currency='EUR' (say) and rates={'USD': value of one USD in EUR, …}, or read one at a time",
            )
        elif codes and self.currency not in (None, *codes):
            raise LogError(
                name,
                f"currency={self.currency!r} is stated, but column {column!r} has {told}",
                remedy=f"say currency={next(iter(codes))!r}, or pass rates",
            )

    def _without_duplicates(self, line: dict) -> tuple[dict, int, float]:
        """Mark lines that equal an earlier one; returns their number and money, and the lines to go on with."""
        prints = line.pop("fingerprint")
        ordered = np.sort(prints)
        twice = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
        del ordered
        if not len(twice):
            return line, 0, 0.0
        place = np.minimum(np.searchsorted(twice, prints), len(twice) - 1)
        candidates = np.flatnonzero(twice[place] == prints)
        del prints, place
        # equal fingerprints only nominate: what counts is that the lines are equal
        frame = pd.DataFrame({name: _series(_take(values, candidates)) for name, values in line.items()})
        doubles = candidates[frame.duplicated().to_numpy()]
        total = money(line["amount"][doubles])
        if self.duplicates == "reject" and len(doubles):
            dropped = np.concatenate(self.dropped) if self.dropped else np.array([], np.int64)
            positions = doubles + np.searchsorted(dropped - np.arange(len(dropped)), doubles, side="right")
            self._reject_again(positions, line["amount"][doubles])
            stay = np.ones(len(line["amount"]), bool)
            stay[doubles] = False
            return {name: _filter(values, stay) for name, values in line.items()}, 0, 0.0
        return line, len(doubles), total / 1e6

    def _reject_again(self, positions: np.ndarray, amounts: np.ndarray) -> None:
        """Reject rows found out only at the end: the source is read a second time for them, as they stand in it."""
        start = 0
        for chunk in self.source.chunks():
            first, last = np.searchsorted(positions, (start, start + len(chunk)))
            if last > first:
                here = positions[first:last]
                self._reject(
                    chunk.iloc[here - start],
                    here,
                    np.full(len(here), "exact duplicate of an earlier line"),
                    amounts[first:last],
                )
            start += len(chunk)

    def _notes(self, line: dict) -> list[tuple[str, int, float]]:
        amount, notes = line["amount"], []

        def note(words: str, mask: np.ndarray) -> None:
            if mask.any():
                notes.append((words, int(mask.sum()), money(amount[mask]) / 1e6))

        note("lines with an amount of zero", amount == 0)
        note("returns: negative amount or quantity, or a cancelled order", _returned(line, self.cancellations))
        if self.cancellations:
            note(
                "cancelled orders with a positive amount, kept as they stand",
                _returned(line, self.cancellations) & (amount > 0),
            )
        if "discount" in line:
            note("negative discounts, which raise the amount", line["discount"] < 0)
        if self.blank:
            notes.append(("blank rows, which are no lines", self.blank, 0.0))
        if 0 < self.offsets < len(amount):
            notes.append(
                (
                    f"times with an offset, converted to {self.timezone}; the others were taken as {self.timezone}",
                    self.offsets,
                    0.0,
                )
            )
        return notes + _crowded(line)

    def _parts(self, line: dict) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        guest = pc.is_null(line["customer_id"]).to_numpy(zero_copy_only=False)
        apart = _returned(line, self.cancellations) & ~guest if self.returns == "apart" else np.zeros(len(guest), bool)
        order = None
        if np.any(line["timestamp"][1:] < line["timestamp"][:-1]):
            order = np.argsort(line["timestamp"], kind="stable")
        parts = []
        for mask in (~guest & ~apart, guest, apart):
            where = (
                None
                if order is None and mask.all()
                else (np.flatnonzero(mask) if order is None else order[mask[order]])
            )
            parts.append((where, {}))
        names = [name for name in (*REQUIRED, *OPTIONAL) if name in line]
        for name in names:  # one column at a time, so that only one is ever there twice
            values = line.pop(name)
            for where, part in parts:
                part[name] = _series(values if where is None else _take(values, where))
        return tuple(pd.DataFrame(part, copy=False) for _, part in parts)

    def _rejected_table(self) -> pd.DataFrame:
        source = self.source
        empty = {"row": np.array([], np.int64)} | {
            name: pd.Series([], dtype="str") for name in ("reason", *_aside(source.columns))
        }
        tables = [pd.DataFrame(empty), *self.rejected]
        table = pd.concat(tables, ignore_index=True)
        table["row"] = source.rows(table["row"].to_numpy())
        if source.ragged:
            table = pd.concat([table, _ragged_table(source)], ignore_index=True)
        return table.sort_values("row", kind="stable", ignore_index=True)

    def _refuse_useless(self, ledger: Ledger) -> None:
        """A ledger from which no chapter could start is refused, with everything it says attached."""
        name, read = self.source.name, int(ledger.reconciliation["lines"].iloc[0])
        kept, customer = ledger.lines, self.names["customer_id"]
        if len(kept) and (kept["amount"] > 0).any():
            return
        if len(ledger.guests) and not len(kept) and not len(ledger.returns):
            problem = (
                f"column {customer!r} (customer_id) is blank in all {len(ledger.guests):,} lines that could be "
                f"kept, of {read:,} read"
            )
            raise LogError(name, problem, remedy="map the column that says who bought", ledger=ledger)
        if len(kept) or len(ledger.returns):
            negative = int((kept["amount"] < 0).sum()) + len(ledger.returns)
            problem = (
                f"no line with a customer has a positive amount: {negative:,} returns and "
                f"{len(kept) + len(ledger.returns) - negative:,} zero amounts of {read:,} lines read"
            )
            raise LogError(
                name,
                problem,
                ledger=ledger,
                remedy="give the log of purchases too; where purchases are booked as negative, turn the sign first",
            )
        told = []
        for reason, rows in ledger.rejected.groupby("reason", sort=False)["row"]:
            told.append(f"{len(rows):,} × {reason}, first in row {rows.iloc[0]:,}")
        raise LogError(
            name,
            f"none of {read:,} lines could be kept ({'; '.join(told[:4])})",
            remedy=remedy(ledger.rejected, self.names),
            ledger=ledger,
        )


def _latest(as_of: str | pd.Timestamp | None, timezone: str) -> pd.Timestamp:
    if as_of is None:
        return pd.Timestamp.now(tz=timezone).tz_localize(None)
    moment = pd.Timestamp(as_of)
    if moment.tzinfo is not None:
        return moment.tz_convert(timezone).tz_localize(None)
    return moment + pd.Timedelta(days=1, microseconds=-1) if moment == moment.normalize() else moment


def _one_of(name: str, option: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        raise LogError(name, f"{option}={value!r} is not known", remedy=f"say one of {some(known)}")


def _returned(line: dict, cancellations: str | None) -> np.ndarray:
    mask = line["amount"] < 0
    if "quantity" in line:
        mask |= line["quantity"] < 0
    if cancellations is not None and "order_id" in line:
        found = pc.match_substring_regex(line["order_id"], cancellations)
        mask |= pc.fill_null(found, False).to_numpy(zero_copy_only=False)
    return mask


def _crowded(line: dict) -> list[tuple[str, int, float]]:
    """One customer with an unlikely share of the log is a till, a reseller or a test account more often than a person."""
    codes = pc.dictionary_encode(line["customer_id"])
    index = pc.fill_null(codes.indices, -1).to_numpy()
    counts = np.bincount(index[index >= 0], minlength=1)
    busiest, lines = int(counts.argmax()), int(counts.max())
    if len(counts) == 1 and lines:
        return [("all lines belong to a single customer", lines, money(line["amount"][index == 0]) / 1e6)]
    if lines > 1000 and lines > 0.1 * counts.sum():
        return [
            ("lines of one customer, more than a tenth of all", lines, money(line["amount"][index == busiest]) / 1e6)
        ]
    return []


def _joined(found: list[tuple[str, np.ndarray]], at: np.ndarray) -> np.ndarray:
    """All reasons of each row in ``at``, put into words once per combination that occurs."""
    pattern = np.zeros(len(at), np.int64)
    for bit, (_, mask) in enumerate(found):
        pattern |= mask[at].astype(np.int64) << bit
    kinds, which = np.unique(pattern, return_inverse=True)
    words = ["; ".join(reason for bit, (reason, _) in enumerate(found) if kind >> bit & 1) for kind in kinds]
    return np.array(words, dtype=object)[which]


def _all_blank(raw: pd.DataFrame) -> np.ndarray:
    blank = raw.isna().to_numpy()
    for place, column in enumerate(raw.columns):
        if not pd.api.types.is_numeric_dtype(raw[column]) and not blank[:, place].all():
            blank[:, place] |= raw[column].astype("str").str.strip().eq("").to_numpy(bool)
    return blank.all(axis=1)


def _fingerprint(line: dict) -> np.ndarray:
    """64 bits a line, the same for equal lines: nominates duplicates without holding lines twice."""
    total = np.zeros(len(line["amount"]), np.uint64)
    for values in line.values():
        if isinstance(values, np.ndarray):
            bits = (values + 0.0 if values.dtype == np.float64 else values).view(np.uint64)  # −0.0 equals 0.0
        else:
            codes = pc.dictionary_encode(values)
            words = np.asarray(codes.dictionary.to_pylist() + [""], dtype=object)
            hashed = pd.util.hash_array(words, categorize=False)
            bits = hashed[pc.fill_null(codes.indices, len(words) - 1).to_numpy()]
        total ^= bits
        total *= np.uint64(0x9E3779B97F4A7C15)
        total ^= total >> np.uint64(29)
    return total


def _aside(columns: Sequence[str]) -> list[str]:
    return [f"{name} (as read)" if name in ("row", "reason") else name for name in columns]


def _ragged_table(source) -> pd.DataFrame:
    """Rows with too few or too many fields: what fits goes under its column, a surplus stays with the last one."""
    records, wide = [], len(source.columns)
    for row, count, line in source.ragged:
        fields = next(csv.reader([line], delimiter=source.separator), [])
        fields = fields[: wide - 1] + [source.separator.join(fields[wide - 1 :])] if len(fields) > wide else fields
        records.append([row, f"{count} fields instead of {wide}" + _UNKNOWN, *fields, *[None] * (wide - len(fields))])
    table = pd.DataFrame(records, columns=["row", "reason", *_aside(source.columns)])
    return table.astype(dict.fromkeys(table.columns[1:], "str"))


def _filter(values, mask: np.ndarray):
    return values[mask] if isinstance(values, np.ndarray) else values.filter(pa.array(mask))


def _take(values, where: np.ndarray):
    return values[where] if isinstance(values, np.ndarray) else values.take(pa.array(where))


def _concatenated(parts: list):
    return np.concatenate(parts) if isinstance(parts[0], np.ndarray) else pa.concat_arrays(parts)


def _series(values) -> pd.Series:
    return pd.Series(values, dtype=None if isinstance(values, np.ndarray) else "str")
