"""What a data set must show to be the one it says it is: counts, money, dates and ids, against ``manifest.json``.

Where the manifest's facts are from: those of CDNOW and The Complete Journey are of the installed files, whose hash is
among them. Of Online Retail II the copy that lacks the last line was measured; the version "UCI archive" is derived
from it, since UCI could not be reached from where this was written: many public repositories report 1,044,848 lines
after the overlap, 53,628 invoices, 5,942 customers and GBP 19,287,250.57 over both sheets, which is one line and
GBP 18.00 more than the copy has. The first download anybody makes will test the manifest as much as the archive.
"""

import hashlib
import json
from importlib.resources import files

import pandas as pd

from clvlib.datasets.dataset import Dataset

__all__ = ["compare", "facts", "manifest"]


def manifest() -> dict[str, dict[str, dict[str, str | int]]]:
    """For each data set the versions that are known, and the facts of each.

    >>> list(manifest()["online_retail"])
    ['UCI archive', 'one line short']
    """
    return json.loads(files(__package__).joinpath("manifest.json").read_text(encoding="utf-8"))


def facts(data: Dataset) -> dict[str, str | int]:
    """Counts, money (to the cent), dates and ids of a data set, over kept lines, guests and returns together.

    ``…_ids`` is the number of distinct ids, ``…_digest`` the first 16 digits of the SHA-256 of the sorted ids, one a
    line: two logs with one digest name the same customers.

    >>> from clvlib.datasets import load_cdnow
    >>> found = facts(load_cdnow())
    >>> found["lines"], found["customer_ids"], found["amount"]
    (6919, 2357, '244091.94')
    """
    ledger = data.ledger
    parts = [part for part in (ledger.lines, ledger.guests, ledger.returns) if len(part)]
    found: dict[str, str | int] = {
        "lines": sum(map(len, parts)),
        "guests": len(ledger.guests),
        "rejected": len(ledger.rejected),
        "sha256": data.source.sha256,
        "amount": f"{sum(part['amount'].sum() for part in parts):.2f}",
        "first": str(min(part["timestamp"].min() for part in parts)),
        "last": str(max(part["timestamp"].max() for part in parts)),
    }
    for column in ("customer_id", "order_id", "item_id"):
        ids = {name for part in parts if column in part for name in part[column].dropna().unique()}
        if ids:
            text = "\n".join(sorted(ids)).encode()
            found[f"{column}s"] = len(ids)
            found[column.removesuffix("_id") + "_digest"] = hashlib.sha256(text).hexdigest()[:16]
    return found


def compare(found: dict[str, str | int], versions: dict[str, dict[str, str | int]]) -> pd.DataFrame:
    """Facts found against the nearest known version: ``version``, ``fact``, ``expected``, ``found``, ``ok``.

    >>> compare({"lines": 2}, {"first": {"lines": 3}, "second": {"lines": 2}}).to_dict("records")
    [{'version': 'second', 'fact': 'lines', 'expected': 2, 'found': 2, 'ok': True}]
    """
    nearest = max(versions, key=lambda name: sum(found.get(fact) == value for fact, value in versions[name].items()))
    rows = [
        (nearest, fact, value, found.get(fact), found.get(fact) == value) for fact, value in versions[nearest].items()
    ]
    return pd.DataFrame(rows, columns=["version", "fact", "expected", "found", "ok"])
