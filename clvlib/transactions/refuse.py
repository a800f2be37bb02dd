"""Logs that were read and still are of no use: refused with their counts, and with what was read attached."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping

from clvlib.transactions.errors import LogError, some
from clvlib.transactions.hints import remedy
from clvlib.transactions.judge import POLICIES
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


def refuse_useless(ledger: Ledger, *, names: Mapping[str, str], options: Options) -> None:
    """Raise LogError where no chapter could start: too much misread, nothing kept, no customer, or nothing sold.

    What a policy rejects (returns, duplicates, zero amounts) was asked for; it is not misread.
    """
    _refuse_misread(ledger, names, options)
    source, kept, read = options.source, ledger.lines, int(ledger.reconciliation["lines"].iloc[0])
    if (kept["amount"] > 0).any():
        return
    sold = len(kept) + len(ledger.returns)
    if not sold and len(ledger.guests):
        raise LogError(
            source,
            f"column {names['customer_id']!r} (customer_id) is blank in all {len(ledger.guests):,} lines that could "
            f"be kept, of {read:,} read",
            remedy="map the column that says who bought",
            ledger=ledger,
        )
    negative = int((kept["amount"] < 0).sum()) + len(ledger.returns)
    told = f"no line with a customer is above zero ({negative:,} returns, {sold - negative:,} zeros, of {read:,} read)"
    rejected = f"; rejected: {_told(ledger)}" if len(ledger.rejected) else ""
    raise LogError(
        source,
        f"column {names.get('amount', 'quantity × unit_price')!r} (amount): {told}{rejected}",
        remedy="add the purchases; where the file books purchases as negative, turn the sign first",
        ledger=ledger,
    )


def _refuse_misread(ledger: Ledger, names: Mapping[str, str], options: Options) -> None:
    read = int(ledger.reconciliation["lines"].iloc[0])
    by_reason = ledger.rejected["reason"].value_counts()
    misread = sum(int(n) for reason, n in by_reason.items() if not POLICIES.issuperset(reason.split("; ")))
    if misread <= options.max_rejected_share * read:
        return
    columns = some(names[ours] for ours in ("timestamp", "amount") if ours in names)
    many = f"{misread:,} of {read:,} lines would be rejected"
    advice = remedy(ledger.rejected, names) or "mend the columns that the reasons name, or map others"
    if misread == read:
        many = f"none of {read:,} lines can be kept"
    else:
        advice += f"; or accept the loss with max_rejected_share={math.ceil(100 * misread / read) / 100}"
    raise LogError(options.source, f"{many} (columns {columns}): {_told(ledger)}", remedy=advice, ledger=ledger)


def _told(ledger: Ledger) -> str:
    """The four commonest reasons, each with its lines and the first row it holds for."""
    single = (
        ledger.rejected[["row", "reason"]].assign(reason=ledger.rejected["reason"].str.split("; ")).explode("reason")
    )
    first, counts = single.groupby("reason")["row"].min(), single["reason"].value_counts().head(4)
    return "; ".join(f"{n:,} × {reason}, first in row {first[reason]:,}" for reason, n in counts.items())
