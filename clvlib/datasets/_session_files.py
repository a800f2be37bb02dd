"""The file of a session log: where it lies, whether it is the one, and how it comes from its publisher."""

import hashlib
import os
import zipfile
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from clvlib.datasets.dataset import sha256_of
from clvlib.transactions import LogError

__all__ = ["SESSION_LOGS", "SessionEntry", "content_of", "fetch_sessions", "find_sessions", "read_sessions"]


class SessionEntry(NamedTuple):
    """A session log: its ``folder`` and ``file`` below ``$CLVLIB_DATA``, and what it must be.

    ``sha256`` is that of the file at hand, ``content`` that of its cells as text (:func:`content_of`), which a file
    converted anew from the publisher's ``archive`` has, too. ``loader`` is the function that reads it.
    """

    title: str
    size: str
    folder: str
    file: str
    sha256: str
    content: str
    loader: str
    url: str
    archive: str


#: The session logs by name; ``load`` does not take them, since a chapter's data set has customers.
SESSION_LOGS: dict[str, SessionEntry] = {
    "eshop_clicks": SessionEntry(
        "E-shop clothing 2008",
        "165,474 clicks, 24,026 sessions, no customers",
        "eshop_clickstream_2008",
        "eshop_clothing_2008.parquet",
        "d0f6597dae8fd97ae51cfeed4a80d8ab07069570ba68f8af1e7bc596ca07d11d",
        "d7008052e647f7bb7f1aedc49734818b8471d5a8be3f12cfc1f0dba2cd3fa5e2",
        "load_eshop_clicks",
        "https://doi.org/10.24432/C5QK7X",
        "https://archive.ics.uci.edu/static/public/553/clickstream+data+for+online+shopping.zip",
    ),
    "online_shoppers": SessionEntry(
        "Online Shoppers Purchasing Intention",
        "12,330 sessions, no customers",
        "online_shoppers_intention",
        "online_shoppers_intention.parquet",
        "c679082f1ff2c33d8e7e038a00c5b030ba0b694900685e2f1490ec2e6dbd3ce6",
        "463312bd1a2c29d2d0bf549281f308a3cf93fc879778c189649cbd58ee024a7b",
        "load_online_shoppers",
        "https://doi.org/10.24432/C5F88Q",
        "https://archive.ics.uci.edu/static/public/468/online+shoppers+purchasing+intention+dataset.zip",
    ),
}


def find_sessions(name: str) -> Path | None:
    """The file of a session log in ``$CLVLIB_DATA`` or in the cache; None where there is none."""
    entry = SESSION_LOGS[name]
    if os.environ.get("CLVLIB_DATA"):
        path = Path(os.environ["CLVLIB_DATA"]) / entry.folder / entry.file
        if path.is_file():
            return path
    path = _cache() / entry.folder / entry.file
    return path if path.is_file() else None


def read_sessions(name: str) -> tuple[pd.DataFrame, str]:
    """The cells as the publisher has them, and the file's SHA-256; LogError if it is not at hand or another one."""
    entry, path = SESSION_LOGS[name], find_sessions(name)
    if path is None:
        raise LogError(
            name,
            f"its file {entry.file} is not here",
            remedy=f"run clv data fetch {name}, or put it into the folder {entry.folder} of $CLVLIB_DATA",
        )
    digest = sha256_of(path)
    try:
        raw = pd.read_parquet(path)
    except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
        raise LogError(str(path), f"it cannot be read ({error})", remedy="copy or fetch it again") from error
    if digest != entry.sha256 and content_of(raw) != entry.content:
        raise LogError(
            str(path),
            f"it is not the file whose figures are known: its SHA-256 begins with {digest[:12]}, "
            f"not with {entry.sha256[:12]}, and its cells differ",
            remedy="copy or fetch it again, unchanged",
        )
    return raw, digest


def fetch_sessions(name: str, url: str | None = None) -> Path:
    """Download the publisher's archive, convert its CSV, verify every cell, and keep it in the cache.

    ``url`` is where the archive is; the publisher's by default, which could not be reached from where this was written:
    the first download anybody makes will test the pinned content, too. What cannot be verified is not kept.

    LogError: no download, an archive without one CSV, or cells that are not the known ones.
    """
    import pooch  # brings requests along, which only a download needs
    from requests import RequestException

    pooch.get_logger().setLevel("WARNING")  # its advice to pin the hash it just saw is for its callers, not for readers
    entry, cache = SESSION_LOGS[name], _cache()
    url = url or entry.archive
    archive = cache / f"{name}.zip.{os.getpid()}.part"  # two chapters may ask at the same time
    try:
        pooch.retrieve(url, None, fname=archive.name, path=cache)
        raw = _read_archive(archive)
    except (RequestException, OSError, ValueError, zipfile.BadZipFile) as error:
        raise LogError(
            name,
            f"no data from {url} ({error})",
            remedy=f"try again, or put {entry.file} into the folder {entry.folder} of $CLVLIB_DATA",
        ) from error
    finally:
        archive.unlink(missing_ok=True)
    if content_of(raw) != entry.content:
        raise LogError(
            name,
            f"what came from {url} is not the data set as known: {len(raw)} rows, {len(raw.columns)} columns, "
            "and some cells differ",
            remedy="nothing was kept; try again, or see whether the publisher has changed it",
        )
    path = cache / entry.folder / entry.file
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    raw.to_parquet(part, index=False)
    return part.rename(path)


def content_of(raw: pd.DataFrame) -> str:
    """SHA-256 of the cells as text, numbers to nine digits: one for a table however it was stored.

    >>> whole, decimal = pd.DataFrame({"n": [1, 2]}), pd.DataFrame({"n": [1.0, 2.0]})
    >>> content_of(whole) == content_of(decimal) != content_of(whole + 1)
    True
    """
    text = raw.to_csv(index=False, float_format="%.9g", lineterminator="\n")
    return hashlib.sha256(text.encode()).hexdigest()


def _read_archive(archive: Path) -> pd.DataFrame:
    with zipfile.ZipFile(archive) as packed:
        tables = [name for name in packed.namelist() if name.lower().endswith(".csv")]
        if len(tables) != 1:
            raise ValueError(f"it holds {len(tables)} tables (.csv), not one")
        with packed.open(tables[0]) as file:
            separator = ";" if b";" in file.readline() else ","
        with packed.open(tables[0]) as file:
            return pd.read_csv(file, sep=separator)


def _cache() -> Path:
    if os.environ.get("CLVLIB_CACHE"):
        return Path(os.environ["CLVLIB_CACHE"])
    import pooch

    return Path(pooch.os_cache("clvlib"))
