"""The one exception a user of a log is meant to read, and the wording its messages share."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clvlib.transactions.ledger import Ledger

__all__ = ["LogError", "nearest", "some"]


class LogError(ValueError):
    """A log that cannot be used as it is. The message names file, column, line counts and the remedy.

    ``ledger`` holds what was read before the log was refused (its ``rejected`` rows with their reasons, for
    one), so that a refusal loses nothing; it is None where nothing could be read.

    >>> raise LogError("shop.csv", "the file is empty (0 bytes)", remedy="export it again")
    Traceback (most recent call last):
    clvlib.transactions.errors.LogError: shop.csv: the file is empty (0 bytes). Remedy: export it again.
    """

    def __init__(self, source: str, problem: str, *, remedy: str, ledger: Ledger | None = None):
        super().__init__(f"{source}: {problem}. Remedy: {remedy}.")
        self.source, self.problem, self.remedy, self.ledger = source, problem, remedy, ledger


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name closest to ``name`` in spelling, or None where nothing is close.

    >>> nearest("Customer ID", ["customerid", "total"])
    'customerid'
    >>> nearest("customer_id", ["a", "b"]) is None
    True
    """
    plain = {"".join(filter(str.isalnum, one.casefold())): one for one in reversed(list(known))}
    wanted = "".join(filter(str.isalnum, name.casefold()))
    inside = [p for p in plain if len(p) >= 3 and (p in wanted or wanted in p)]
    close = difflib.get_close_matches(wanted, plain, n=1, cutoff=0.5) or inside
    return plain[close[0]] if close else None


def some(names: Iterable[str], *, at_most: int = 12) -> str:
    """Names in quotation marks, the tail of a long list only counted.

    >>> some(["a", "b", "c"], at_most=2)
    "'a', 'b' and 1 more"
    """
    names = list(names)
    head = ", ".join(repr(str(name)) for name in names[:at_most])
    return head if len(names) <= at_most else f"{head} and {len(names) - at_most:,} more"
