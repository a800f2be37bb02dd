"""Logs that were read and still are of no use: refused with their counts, and with what was read attached."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from clvlib.transactions.errors import LogError, some
from clvlib.transactions.hints import remedy
from clvlib.transactions.ledger import Ledger
from clvlib.transactions.options import Options

__all__ = ["refuse_currencies", "refuse_useless"]


def refuse_currencies(codes: Counter, *, column: str | None, options: Options) -> None:
    """Raise LogError where money of several currencies would be added up without a rate for each."""
    told = ", ".join(f"{code} ({lines:,} lines)" for code, lines in codes.most_common(8))
    has = f"column {column!r} (currency) has {told}"
    if options.rates is not None:
        without = [code for code in codes if code not in options.rates and code != options.currency]
        if without:
            raise LogError(
                options.source,
                f"{has}; rates has no entry for {some(without)}",
                remedy=f"add the value of one {without[0]} in {options.currency}",
            )
    elif len(codes) > 1:
        first, second = (code for code, _ in codes.most_common(2))
        raise LogError(
            options.source,
            f"{has}: their sum would mean nothing",
            remedy=f"say currency={first!r} and rates={{{second!r}: <one {second} in {first}>}}, or read one at a time",
        )
    elif codes and options.currency not in (None, *codes):
        raise LogError(
            options.source,
            f"{has}, but currency={options.currency!r} is stated",
            remedy=f"say currency={next(iter(codes))!r}, or give rates",
        )


def refuse_useless(ledger: Ledger, *, source: str, names: Mapping[str, str]) -> None:
    """Raise LogError where no chapter could start: nothing kept, no customer, or nothing sold."""
    kept, read = ledger.lines, int(ledger.reconciliation["lines"].iloc[0])
    if (kept["amount"] > 0).any():
        return
    sold = len(kept) + len(ledger.returns)
    if sold:
        negative = int((kept["amount"] < 0).sum()) + len(ledger.returns)
        raise LogError(
            source,
            f"column {names.get('amount', 'quantity × unit_price')!r} (amount): no line with a customer is "
            f"above zero: {negative:,} returns and {sold - negative:,} zero amounts, of {read:,} lines read",
            remedy="add the purchases; where the file books purchases as negative, turn the sign first",
            ledger=ledger,
        )
    told = [
        f"{len(rows):,} × {reason} (first in row {rows.iloc[0]:,})"
        for reason, rows in ledger.rejected.groupby("reason", sort=False)["row"]
    ]
    rejected = "; ".join(told[:4])
    if len(ledger.guests):
        also = f"; rejected: {rejected}" if told else ""
        raise LogError(
            source,
            f"column {names['customer_id']!r} (customer_id) is blank in all {len(ledger.guests):,} lines that "
            f"could be kept, of {read:,} read{also}",
            remedy="map the column that says who bought",
            ledger=ledger,
        )
    columns = some(f"{names[ours]}" for ours in ("timestamp", "amount") if ours in names)
    raise LogError(
        source,
        f"none of {read:,} lines could be kept (columns {columns}): {rejected}",
        remedy=remedy(ledger.rejected, names) or "mend the columns that the reasons name, or map others",
        ledger=ledger,
    )
