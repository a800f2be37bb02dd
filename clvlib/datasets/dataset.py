"""What a loader returns: the ledger, its source, and the tables that came along."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

import pandas as pd

from clvlib.transactions import Ledger, LogError

__all__ = ["Dataset", "Source", "Tables", "sha256_of"]

Kind = Literal["real", "teaching", "simulated", "own"]

#: What a page says about the customers behind its figures.
_SAID = {
    "real": "real customers",
    "teaching": "simulated teaching data",
    "simulated": "simulated, truth known",
    "own": "your own log",
}


@dataclass(frozen=True)
class Source:
    """Where a data set comes from.

    ``sha256`` is the hash of the file that was read (``""`` for simulated data, which has none);
    ``origin`` says in words who published the data and how they came here; ``url`` is the publisher's page.

    >>> Source(name="till", title="Our till", kind="own").label
    'Our till - your own log'
    """

    name: str
    title: str
    kind: Kind
    origin: str = ""
    licence: str = ""
    sha256: str = ""
    url: str = ""

    def __post_init__(self) -> None:
        if self.kind not in _SAID:
            raise ValueError(f"kind is {self.kind!r}; it must be one of {', '.join(_SAID)}")

    @property
    def label(self) -> str:
        """One line for a page: the title and what kind of customers these are."""
        return f"{self.title} - {_SAID[self.kind]}"


class Tables(Mapping[str, pd.DataFrame]):
    """Tables by name, each read when it is first asked for and then kept.

    >>> tables = Tables({"stores": lambda: pd.DataFrame({"store_id": ["1"]})})
    >>> sorted(tables), len(tables["stores"])
    (['stores'], 1)
    """

    def __init__(self, readers: Mapping[str, Callable[[], pd.DataFrame]]) -> None:
        self._readers = dict(readers)
        self._read: dict[str, pd.DataFrame] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._readers:
            known = ", ".join(self._readers) or "none"
            raise KeyError(f"no table {name!r} here; there are: {known}")
        if name not in self._read:
            self._read[name] = self._readers[name]()
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._readers)

    def __len__(self) -> int:
        return len(self._readers)


@dataclass(frozen=True)
class Dataset:
    """A transaction log with its papers.

    Attributes
    ----------
    source
        Where it comes from and what kind of customers it holds.
    ledger
        The validated log with everything that was set apart or rejected.
    tables
        What else the set has, by name: ``products``, ``households``, ``campaigns``, ``events``, ``truth`` ...
    """

    source: Source
    ledger: Ledger
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    @property
    def lines(self) -> pd.DataFrame:
        """The kept lines that have a customer, sorted by ``timestamp``; do not change them in place."""
        return self.ledger.lines

    @property
    def currency(self) -> str:
        """ISO 4217 code of every amount; ``"XXX"`` where the log does not say."""
        return self.ledger.currency

    @property
    def label(self) -> str:
        """One line for a page; it says what kind of customers these are."""
        return self.source.label

    @property
    def columns(self) -> frozenset[str]:
        """Columns of the log's vocabulary a chapter can have from this set, in ``lines`` or in ``products``."""
        columns = set(self.lines.columns)
        if "products" in self.tables:
            columns |= {"item_text", "category"} & set(self.tables["products"].columns)
        return frozenset(columns)

    @cached_property
    def products(self) -> pd.DataFrame:
        """One row an item: ``item_id``, ``item_text`` (``""`` if the shop has none), ``category``.

        The shop's own product table where there is one, with the items that only the log knows added; else
        derived from all lines of the log: the text and category an item carries most often (the first of equally
        frequent ones). What is sold but is no product (postage, fees, adjustments) has the category
        ``"service"``; an item without a category has ``"unknown"``.

        Raises
        ------
        LogError
            If the log has no ``item_id``.
        """
        if "item_id" not in self.lines.columns:
            raise LogError(
                self.source.title,
                "the log has no column item_id, so there are no products",
                remedy="map the shop's article number to item_id",
            )
        columns = ["item_id", "item_text", "category"]
        ledger = self.ledger
        known = self.tables["products"].reindex(columns=columns) if "products" in self.tables else None
        logs = [part.reindex(columns=part.columns.intersection(columns)) for part in _parts(ledger)]
        log = pd.concat(logs, ignore_index=True)
        ids = pd.Series(log["item_id"].dropna().unique(), dtype="str")
        if known is not None:
            ids = ids[~ids.isin(known["item_id"])]
            log = log[log["item_id"].isin(ids)] if len(log.columns) > 1 else log
        items = pd.DataFrame({"item_id": ids}).reset_index(drop=True)
        for column in columns[1:]:
            found = items["item_id"].map(_most_frequent(log, column)) if column in log else None
            items[column] = pd.Series(found, index=items.index, dtype="str")
        if known is not None:
            items = pd.concat([known, items], ignore_index=True)
        return items.fillna({"item_text": "", "category": "unknown"})


def _parts(ledger: Ledger) -> list[pd.DataFrame]:
    return [part for part in (ledger.lines, ledger.guests, ledger.returns) if len(part)]


def _most_frequent(log: pd.DataFrame, column: str) -> pd.Series:
    """The value each item carries most often, indexed by item; the first seen of equally frequent ones."""
    counted = log.groupby(["item_id", column], sort=False).size().rename("n").reset_index()
    counted = counted.sort_values("n", ascending=False, kind="stable").drop_duplicates("item_id")
    return counted.set_index("item_id")[column]


def sha256_of(path: str | Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
