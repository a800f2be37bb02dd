"""The door: any transaction log in, a ledger out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from clvlib.transactions.ledger import Ledger
from clvlib.transactions.names import named, shown
from clvlib.transactions.options import Options
from clvlib.transactions.reading import Reading
from clvlib.transactions.sources import open_source

__all__ = ["read_transactions"]


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
    max_rejected_share: float = 0.5,
    encoding: str = "utf-8",
    separator: str = ",",
    decimal: str = ".",
    thousands: str = "",
    sheet: str | int | None = None,
    keep_columns: Sequence[str] | None = None,
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
    max_rejected_share : a log that loses more than this share of its lines was misread, and is refused
        Lines that a policy rejects (``returns``, ``duplicates``, ``zero_amounts``) do not count.
    encoding, separator, decimal, thousands : how a CSV is written; the latter two also hold for numbers typed as text
    sheet : which sheet of a workbook that has several
    keep_columns : which of the log's columns that are not read ``Ledger.rejected`` shows none the less; None for all
        With a list, [] for one, nothing else is in the ledger: no name and no address that stood beside what is read.
        A line with a wrong number of fields then shows its row number alone, since what is in which is not known.

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
    options = Options(
        source=opened.name,
        currency=currency,
        formats=(date_format,) if isinstance(date_format, str) else tuple(date_format),
        timezone=timezone,
        returns=returns,
        duplicates=duplicates,
        zero_amounts=zero_amounts,
        cancellations=cancellations,
        rates=rates,
        as_of=as_of,
        decimal=decimal,
        thousands=thousands,
        max_rejected_share=max_rejected_share,
    )
    names = named(opened, columns)
    reading = Reading(opened, names, options, shown=shown(opened, names, keep_columns))
    for chunk in opened.chunks():
        reading.take(chunk)
    return reading.ledger()
