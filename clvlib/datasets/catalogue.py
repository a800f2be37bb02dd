"""What data there are, where they lie, and whether they are what they should be.

``load(name_or_path)`` is the one door for chapters; ``status_table``, ``fetch`` and ``check`` stand behind
``clv data list|fetch|check``.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from clvlib.datasets import online_retail, sessions
from clvlib.datasets._session_files import SESSION_LOGS, content_of, fetch_sessions, find_sessions, read_sessions
from clvlib.datasets.cdnow import load_cdnow
from clvlib.datasets.complete_journey import load_complete_journey
from clvlib.datasets.dataset import Dataset, Source, sha256_of
from clvlib.datasets.facts import compare, facts, manifest
from clvlib.datasets.shop import make_shop
from clvlib.transactions import Ledger, LogError, read_transactions
from clvlib.transactions.errors import nearest

__all__ = ["AVAILABLE", "Entry", "check", "fetch", "load", "status_table"]


@dataclass(frozen=True)
class Entry:
    """One data set of the catalogue: ``read`` loads it; ``size`` in words, so that a list need not load it."""

    title: str
    kind: str
    size: str
    read: Callable[[], Dataset]


#: Every data set ``load`` knows by name. Session logs are not among them: they have no customers, so no ledger.
AVAILABLE = MappingProxyType(
    {
        "cdnow": Entry("CDNOW 1/10 sample", "real", "6,919 lines, 2,357 customers", load_cdnow),
        "cdnow_full": Entry("CDNOW", "real", "69,659 lines, 23,570 customers", partial(load_cdnow, sample=False)),
        "complete_journey": Entry(
            "The Complete Journey", "teaching", "1,469,307 lines, 2,469 households", load_complete_journey
        ),
        "online_retail": Entry(
            "Online Retail II", "real", "1,044,848 lines, 5,942 customers", online_retail.load_online_retail
        ),
        "shop": Entry("Simulated shop", "simulated", "about 30,000 lines, 2,000 customers", make_shop),
        "shop_zh": Entry(
            "Simulated shop (Chinese)",
            "simulated",
            "about 30,000 lines, 2,000 customers",
            partial(make_shop, language="zh"),
        ),
    }
)

#: What the publisher says of the session logs, for ``clv data check``.
_SESSION_FACTS: dict[str, dict[str, str | int]] = {
    "eshop_clicks": {
        "sessions": 24_026,
        "clicks": 165_474,
        "item_ids": 217,
        "first": "2008-04-01 00:00:00",
        "last": "2008-08-13 00:00:00",
    },
    "online_shoppers": {"sessions": 12_330, "purchases": 1_908},
}


def load(dataset: str | Path) -> Dataset:
    """A data set by its name, or an analyst's own log by its path.

    Parameters
    ----------
    dataset
        A name in :data:`AVAILABLE`; or the folder of a saved :class:`~clvlib.transactions.Ledger`; or a CSV, Parquet
        or Excel file whose columns carry the names of :mod:`clvlib.columns` (any other log goes through
        :func:`clvlib.transactions.read_transactions` first, then ``ledger.save(folder)``).
        A ``source.json`` inside the folder, with fields of :class:`Source`, says what the pages should call it.

    Raises
    ------
    LogError
        If it is neither a name nor such a path; the message has the nearest known name. Also for a session log, which
        has a function of its own.

    >>> load("cdnow").label
    'CDNOW 1/10 sample - real customers'
    >>> load("cdnov")
    Traceback (most recent call last):
    clvlib.transactions.errors.LogError: cdnov: there is no data set and no file of this name, did you mean 'cdnow'. ...
    """
    if str(dataset) in AVAILABLE:
        return AVAILABLE[str(dataset)].read()
    if str(dataset) in SESSION_LOGS:
        raise LogError(
            str(dataset),
            "it holds sessions and no customers, so there is no ledger of theirs to load",
            remedy=f"call clvlib.datasets.{SESSION_LOGS[str(dataset)].loader}() for its sessions",
        )
    path = Path(dataset).expanduser()
    if path.is_dir():
        return _load_saved(path)
    if path.is_file():
        ledger = read_transactions(path)
        origin = f"read from {path.name}"
        return Dataset(Source(path.stem, path.stem, "own", origin=origin, sha256=sha256_of(path)), ledger)
    raise _unknown(str(dataset))


def _load_saved(folder: Path) -> Dataset:
    ledger = Ledger.load(folder)
    paper = folder / "source.json"
    try:
        said = json.loads(paper.read_text(encoding="utf-8")) if paper.is_file() else {}
    except ValueError as error:
        raise LogError(str(paper), f"it is no JSON ({error})", remedy="mend it, or remove it") from error
    papers = {"name": folder.name, "title": folder.name, "kind": "own", "sha256": sha256_of(folder / "lines.parquet")}
    try:
        return Dataset(Source(**(papers | said)), ledger)
    except (TypeError, ValueError) as error:
        known = ", ".join(field.name for field in fields(Source))
        raise LogError(str(paper), f"it does not say what a source is: {error}", remedy=f"use {known} only") from error


def _unknown(name: str) -> LogError:
    near = nearest(name, [*AVAILABLE, *SESSION_LOGS])
    return LogError(
        name,
        "there is no data set and no file of this name" + (f", did you mean {near!r}" if near else ""),
        remedy=f"take one of {', '.join(AVAILABLE)}, a saved ledger's folder, or a file of lines in our names",
    )


def status_table() -> pd.DataFrame:
    """What is at hand: one row a data set with ``name``, ``title``, ``kind``, ``size`` and ``found``.

    Nothing is loaded or downloaded. The session logs stand last; their size says that they have no customers.

    >>> list(status_table()["name"])
    ['cdnow', 'cdnow_full', 'complete_journey', 'online_retail', 'shop', 'shop_zh', 'eshop_clicks', 'online_shoppers']
    """
    rows = []
    for name, entry in AVAILABLE.items():
        if entry.kind == "simulated":
            found = "made when asked for"
        elif name == "online_retail":
            path = online_retail.find()
            found = str(path) if path else f"not here; run: clv data fetch {name}"
        else:
            found = "installed with the package"
        rows.append((name, entry.title, entry.kind, entry.size, found))
    for name, log in SESSION_LOGS.items():
        path = find_sessions(name)
        rows.append((name, log.title, "real", log.size, str(path) if path else f"not here; run: clv data fetch {name}"))
    return pd.DataFrame(rows, columns=["name", "title", "kind", "size", "found"])


def fetch(name: str) -> str:
    """Bring a data set here if it is not; returns one line that says where it is.

    Raises
    ------
    LogError
        If there is no such set, or it can be neither found nor downloaded.
    """
    if name in SESSION_LOGS:
        return f"{name}: {find_sessions(name) or fetch_sessions(name)}"
    if name not in AVAILABLE:
        raise _unknown(name)
    if name != "online_retail":
        return f"{name}: nothing to fetch, it comes with the package"
    return f"{name}: {online_retail.find() or online_retail.fetch()}"


def check(name: str) -> pd.DataFrame:
    """Compare a data set with what is known about it.

    Returns
    -------
    pandas.DataFrame
        One row a fact: ``version``, ``fact``, ``expected``, ``found``, ``ok``. A simulated set is compared with itself,
        made a second time: the same seed must give the same facts.

    Raises
    ------
    LogError
        If there is no such set, or it is not at hand (nothing is downloaded).

    >>> bool(check("cdnow")["ok"].all())
    True
    """
    if name in SESSION_LOGS:
        return compare(_session_facts(name), {"UCI": _SESSION_FACTS[name] | {"content": SESSION_LOGS[name].content}})
    if name not in AVAILABLE:
        raise _unknown(name)
    if name == "online_retail" and online_retail.find() is None:
        raise LogError(name, "it is not here", remedy=f"run: clv data fetch {name}")
    found = facts(AVAILABLE[name].read())
    if AVAILABLE[name].kind == "simulated":
        return compare(found, {"made again": facts(AVAILABLE[name].read())})
    return compare(found, manifest()[name])


def _session_facts(name: str) -> dict[str, str | int]:
    """Counts of a session log; of a purchase only where one is recorded."""
    log = getattr(sessions, SESSION_LOGS[name].loader)()
    found: dict[str, str | int] = {"sessions": log.sessions["session_id"].nunique()}
    if "purchased" in log.sessions:
        found["purchases"] = int(log.sessions["purchased"].sum())
    if log.clicks is not None:
        found |= {"clicks": len(log.clicks), "item_ids": log.clicks["item_id"].nunique()}
        found |= {"first": str(log.clicks["timestamp"].min()), "last": str(log.clicks["timestamp"].max())}
    raw, _ = read_sessions(name)
    return found | {"content": content_of(raw)}  # the file's own hash is another one where it was converted anew
