"""One chunk of raw rows: its columns in our types, and everything that is wrong with it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from clvlib.transactions.arrays import Columns
from clvlib.transactions.options import Options
from clvlib.transactions.parse import as_arrow, as_text, identifiers, numbers, text, times
from clvlib.transactions.rules import LARGEST_AMOUNT, NUMBERS, UNKNOWN, rules

__all__ = ["DUPLICATE", "POLICIES", "Judged", "all_blank", "judge", "returned"]

RETURN = "return (negative amount or quantity, or a cancelled order)"
ZERO = "amount is zero"
DUPLICATE = "exact duplicate of an earlier line"
#: Reasons that follow from a policy and not from a mistake in the log.
POLICIES = frozenset((RETURN, ZERO, DUPLICATE))
_LOST = "customer_id has lost digits (a float above 2**53, or a spreadsheet's 1.2E+11)"
_IDENTIFIERS = ("customer_id", "order_id", "item_id")
_MONEY = ("amount", "unit_price", "discount", "unit_cost")


@dataclass
class Judged:
    """``found`` lists (reason, mask of the rows it holds for); ``offsets`` and ``currencies`` count lines."""

    columns: Columns = field(default_factory=dict)
    found: list[tuple[str, np.ndarray]] = field(default_factory=list)
    offsets: int = 0
    currencies: Counter = field(default_factory=Counter)

    def bad(self) -> np.ndarray:
        """Mask of the rows with anything wrong."""
        mask = np.zeros(len(self.columns["amount"]), bool)
        for _, rows in self.found:
            mask |= rows
        return mask

    def known_amounts(self) -> np.ndarray:
        """Amounts that count as money: NaN where unreadable, not finite, absurd or in no known currency."""
        amount = self.columns["amount"]
        with np.errstate(invalid="ignore"):
            return np.where(np.abs(amount) <= LARGEST_AMOUNT, amount, np.nan)

    def reasons(self, rows: np.ndarray) -> np.ndarray:
        """All reasons of each of these rows, joined by "; " and put into words once per combination."""
        pattern = np.zeros(len(rows), np.int64)
        for bit, (_, mask) in enumerate(self.found):
            pattern |= mask[rows].astype(np.int64) << bit
        kinds, which = np.unique(pattern, return_inverse=True)
        words = ["; ".join(r for bit, (r, _) in enumerate(self.found) if kind >> bit & 1) for kind in kinds]
        return np.array(words, dtype=object)[which]


def judge(raw: pd.DataFrame, names: Mapping[str, str], options: Options) -> Judged:
    """Parse ``raw`` (columns as read; ``names`` says which is which of ours) and hold every rule against it."""
    result = Judged()
    columns, found, unreadable = result.columns, result.found, {}
    for ours, theirs in names.items():
        if ours == "timestamp":
            columns[ours], unreadable[ours], result.offsets = times(
                raw[theirs], formats=options.formats, timezone=options.timezone
            )
            found.append((f"timestamp is not a date in the format {' or '.join(options.formats)}", unreadable[ours]))
        elif ours in _MONEY or ours in NUMBERS:
            arrow = as_arrow(raw[theirs], decimal=options.decimal)
            columns[ours], unreadable[ours] = numbers(arrow, decimal=options.decimal, thousands=options.thousands)
            found.append((f"{ours} is not a number" + UNKNOWN * (ours == "amount"), unreadable[ours]))
        elif ours in _IDENTIFIERS:
            columns[ours], lost = identifiers(as_arrow(raw[theirs]))
            if ours == "customer_id":
                found.append((_LOST, lost))
        else:
            columns[ours] = text(as_arrow(raw[theirs]))
    if "amount" not in columns:
        discount = np.nan_to_num(columns["discount"], nan=0.0) if "discount" in columns else 0.0
        with np.errstate(over="ignore", invalid="ignore"):
            # six decimals take away the dust of binary fractions (3 × 0.1) and leave any price alone
            columns["amount"] = np.round(columns["quantity"] * columns["unit_price"] - discount, 6)
    if "currency" in columns:
        _into_one_currency(result, options)
    for rule in rules(options.as_of, list(columns)):
        mask = rule.broken(columns[rule.column])
        if rule.column in unreadable:
            mask &= ~unreadable[rule.column]
        found.append((rule.reason, mask))
    if options.zero_amounts == "reject":
        found.append((ZERO, columns["amount"] == 0))
    if options.returns == "reject":
        found.append((RETURN, returned(columns, options.cancellations)))
    result.found = [(reason, mask) for reason, mask in found if mask.any()]
    return result


def _into_one_currency(result: Judged, options: Options) -> None:
    """Money times its rate; the column of codes ends here, since from here on money has one currency."""
    columns = result.columns
    stated = pa.scalar(options.currency or "", pa.large_string())
    codes = pc.dictionary_encode(pc.utf8_upper(pc.coalesce(columns.pop("currency"), stated)))
    names, index = codes.dictionary.to_pylist(), codes.indices.to_numpy()
    known = np.array([re.fullmatch("[A-Z]{3}", name) is not None for name in names], bool)
    counts = np.bincount(index, minlength=len(names))
    result.currencies.update({name: int(n) for name, n, k in zip(names, counts, known, strict=True) if k})
    if options.rates is not None:
        table = {**options.rates, options.currency: 1.0}
        rate = np.array([table.get(name, 1.0) for name in names])[index]
        for name in _MONEY:
            if name in columns:
                columns[name] = columns[name] * rate
    if not known.all():
        without = ~known[index]
        result.found.append(("currency is missing or no ISO 4217 code" + UNKNOWN, without))
        columns["amount"] = np.where(without, 0.0, columns["amount"])


def returned(columns: Columns, cancellations: str | None) -> np.ndarray:
    """Mask of returns: a negative amount or quantity, or an order_id that ``cancellations`` matches."""
    mask = columns["amount"] < 0
    if "quantity" in columns:
        mask |= columns["quantity"] < 0
    if cancellations is not None and "order_id" in columns:
        found = pc.match_substring_regex(columns["order_id"], cancellations)
        mask |= pc.fill_null(found, False).to_numpy(zero_copy_only=False)
    return mask


def all_blank(raw: pd.DataFrame) -> np.ndarray:
    """Mask of rows in which every field is missing or blank: an empty line, or a spreadsheet's used-up rows."""
    mask = np.ones(len(raw), bool)
    for name in raw.columns:
        mask &= pc.is_null(text(as_text(raw[name]))).to_numpy(zero_copy_only=False)
    return mask
