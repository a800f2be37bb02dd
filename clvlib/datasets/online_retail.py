"""Online Retail II: two years of a British gift retailer, with its cancellations, its guests and its odd lines."""

import json
import os
import zipfile
from datetime import datetime
from pathlib import Path
from typing import IO

import pandas as pd

from clvlib.datasets.dataset import Dataset, Source, Tables, sha256_of
from clvlib.datasets.facts import compare, facts, manifest
from clvlib.transactions import LogError, read_transactions

__all__ = ["convert", "fetch", "find", "load_online_retail"]

#: UCI's own address of the archive: a zip with one workbook of two sheets.
URL = "https://archive.ics.uci.edu/static/public/502/online+retail+ii.zip"
_FILE = "online_retail_ii_lines.parquet"
_COLUMNS = {
    "Invoice": "invoice",
    "StockCode": "stock_code",
    "Description": "description",
    "Quantity": "quantity",
    "InvoiceDate": "invoice_date",
    "Price": "price",
    "Customer ID": "customer_id",
    "Country": "country",
}
_OURS = {
    "invoice": "order_id",
    "stock_code": "item_id",
    "description": "item_text",
    "invoice_date": "timestamp",
    "price": "unit_price",
}
#: Stock codes (in capitals) that are no merchandise: postage and carriage, manual entries, discounts, samples, fees,
#: commission, adjustments, bad debt, tests. Gift vouchers are money paid in advance and join them.
_SERVICES = (
    *("POST", "DOT", "C2", "C3", "M", "D", "S", "B", "ADJUST", "ADJUST2"),
    *("AMAZONFEE", "BANK CHARGES", "CRUK", "TEST001", "TEST002", "GIFT"),
)


def load_online_retail() -> Dataset:
    """Online Retail II (UCI 502): 1,044,848 lines from 2009-12-01 to 2011-12-09 in GBP, real customers.

    The lines are read from ``$CLVLIB_DATA/online_retail_ii/``, else from the cache (``$CLVLIB_CACHE``, else the
    user's cache folder), else downloaded from UCI, converted, verified and kept in the cache.

    How theirs became ours
    ----------------------
    ``Invoice`` is ``order_id``; ``StockCode``, stripped and in capitals, is ``item_id`` (5,305 spellings are 5,131
    items: ``15056bl`` is ``15056BL``); ``Description`` is ``item_text``; ``Price`` is ``unit_price``;
    ``amount = quantity * unit_price``. Nothing is cleaned away:

    * **Cancellations** (invoice ``C...``, negative quantity) are negative amounts of their customer: they are netted.
    * **No customer** (235,287 lines): guests, kept apart in ``ledger.guests``. With them go the 6 **bad-debt** lines
      (invoice ``A...``, item ``B``), which have no customer, and the 3,393 stock corrections (negative quantity
      without a cancellation, at price zero): neither ever reaches a customer's value.
    * **Zero prices** and **exact duplicates** stay in and are counted in ``ledger.notes``.
    * **What is no merchandise** (``POST``, ``DOT``, ``M``, ``D``, fees, vouchers ...) is money of the ledger like any
      other; :attr:`Dataset.products` gives it the category ``"service"``, everything else ``"product"``.

    Versions
    --------
    UCI documents 1,067,371 lines on two sheets; 22,523 of them are on both and are kept once. A copy in circulation
    lacks the last line (postage, GBP 18.00); both pass ``clv data check online_retail``, which says which one it is.

    Tables
    ------
    products: ``item_id``, ``item_text``, ``category`` (``"product"`` or ``"service"``), one row an item;
    customers: ``customer_id``, ``country`` (that of most lines).

    Raises
    ------
    LogError
        If the lines are not at hand and cannot be downloaded, or are not what the manifest says.
    """
    return _dataset(find() or fetch())


def find() -> Path | None:
    """The converted lines in ``$CLVLIB_DATA`` or in the cache; None where there are none."""
    if os.environ.get("CLVLIB_DATA"):
        path = Path(os.environ["CLVLIB_DATA"]) / "online_retail_ii" / _FILE
        if path.is_file():
            return path
    path = _cache() / _FILE
    return path if path.is_file() else None


def fetch(
    url: str = URL,
    *,
    known_hash: str | None = None,
    versions: dict[str, dict[str, str | int]] | None = None,
) -> Path:
    """Download UCI's archive (46 MB), convert it (minutes: a million rows of a workbook), verify and keep the result.

    Parameters
    ----------
    url
        Where the archive is.
    known_hash
        SHA-256 the archive must have. None by default, on purpose: UCI publishes no hash, and the one that several
        public repositories report (``572e3627...``) was not checked by us. What is pinned is the content: lines, money,
        dates and ids after conversion. The archive's hash is recorded next to the converted file.
    versions
        The facts to verify against; ``manifest.json``'s by default.

    Returns
    -------
    pathlib.Path
        The converted file. A second call with it there downloads again; :func:`find` looks first.

    Raises
    ------
    LogError
        If the download fails, the workbook is not what it should be, or the facts differ; nothing is kept then.
    """
    import pooch  # brings requests along, which only a download needs
    from requests import RequestException

    pooch.get_logger().setLevel("WARNING")  # its advice to pin the hash it just saw is for its callers, not for readers
    cache = _cache()
    unfinished = f"{os.getpid()}.part"  # two chapters may ask at the same time
    try:
        archive = Path(pooch.retrieve(url, known_hash, fname=f"online_retail_ii.zip.{unfinished}", path=cache))
    except (RequestException, OSError, ValueError) as error:
        raise LogError(
            "online_retail",
            f"no download from {url} ({error})",
            remedy=f"try again, or put {_FILE} into the folder online_retail_ii of $CLVLIB_DATA",
        ) from error
    part = cache / f"{_FILE}.{unfinished}"
    try:
        digest = sha256_of(archive)
        convert(archive).to_parquet(part, index=False)
        paper = {"url": url, "archive_sha256": digest, "fetched": datetime.now().isoformat(timespec="seconds")}
        checked = compare(facts(_dataset(part)), versions or manifest()["online_retail"])
        if not checked["ok"].all():
            wrong = checked[~checked["ok"]]
            said = "; ".join(f"{row.fact} {row.found}, not {row.expected}" for row in wrong.itertuples())
            raise LogError(
                "online_retail",
                f"what came from {url} is not the data set as known: {said}",
                remedy="nothing was kept; try again, or see whether UCI has changed it",
            )
        (cache / f"{_FILE}.json").write_text(json.dumps(paper, indent=1), encoding="utf-8")
        return part.rename(cache / _FILE)
    finally:
        archive.unlink(missing_ok=True)
        part.unlink(missing_ok=True)


def convert(archive: str | Path) -> pd.DataFrame:
    """The workbook in a zip (or bare) as one frame: both sheets, their overlap once, nothing else changed.

    Columns ``invoice``, ``stock_code``, ``description`` (stripped; missing where there is none), ``quantity``,
    ``invoice_date``, ``price``, ``customer_id`` (missing for guests), ``country``; ids are text.

    Raises
    ------
    LogError
        If there is no workbook, a sheet has other columns, or the sheets overlap in lines that differ.
    """
    archive = Path(archive)
    if archive.suffix.lower() == ".xlsx":
        sheets = _sheets(archive, archive)
    else:
        try:
            with zipfile.ZipFile(archive) as packed:
                names = [name for name in packed.namelist() if name.lower().endswith(".xlsx")]
                if len(names) != 1:
                    raise _refused(archive, f"it holds {len(names)} workbooks (.xlsx), not one")
                with packed.open(names[0]) as workbook:
                    sheets = _sheets(workbook, archive)
        except zipfile.BadZipFile:
            raise _refused(archive, "it is no zip archive") from None
    frame = sheets[0]
    for sheet in sheets[1:]:
        frame = _append(frame, sheet, archive)
    return frame


def _sheets(workbook: str | Path | IO[bytes], archive: Path) -> list[pd.DataFrame]:
    import openpyxl

    book = openpyxl.load_workbook(workbook, read_only=True)
    try:
        return [_sheet(sheet, archive) for sheet in book.worksheets]
    finally:
        book.close()


def _sheet(sheet, archive: Path) -> pd.DataFrame:
    rows = sheet.iter_rows(values_only=True)
    header = list(next(rows, ()))
    if header != list(_COLUMNS):
        raise _refused(archive, f"its sheet {sheet.title!r} has the columns {header}, not {list(_COLUMNS)}")
    cells = list(zip(*(row for row in rows if any(cell is not None for cell in row)), strict=True))
    # dtype object: pandas would make floats of the customers and NaN, which is text too, of those without one
    frame = pd.DataFrame(dict(zip(_COLUMNS.values(), cells or [()] * len(_COLUMNS), strict=True)), dtype=object)
    for name in ("invoice", "stock_code", "description", "customer_id", "country"):
        frame[name] = pd.array([_text(cell) for cell in frame[name]], dtype="str")
    frame["invoice_date"] = pd.to_datetime(frame["invoice_date"]).astype("datetime64[us]")
    return frame.astype({"quantity": "int64", "price": "float64"})


def _text(cell) -> str | None:
    """A cell as text: Excel keeps 85048 as a number, 79323P as text, and 13085 as the float 13085.0."""
    if cell is None:
        return None
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return str(cell).strip() or None


def _append(first: pd.DataFrame, second: pd.DataFrame, archive: Path) -> pd.DataFrame:
    """Two sheets, the second later: the lines of the time that both cover must be equal, and are kept once."""
    begins, ends = second["invoice_date"].min(), first["invoice_date"].max()
    order = list(first.columns)
    twice = second["invoice_date"] <= ends
    ours = first[first["invoice_date"] >= begins].sort_values(order, ignore_index=True)
    theirs = second[twice].sort_values(order, ignore_index=True)
    if not ours.equals(theirs):
        raise _refused(
            archive,
            f"its sheets overlap from {begins} to {ends} with {len(ours)} and {len(theirs)} lines that are not equal, "
            "so what counts twice cannot be decided",
        )
    return pd.concat([first, second[~twice]], ignore_index=True)


def _refused(archive: Path, problem: str) -> LogError:
    return LogError(archive.name, problem, remedy="download the archive of Online Retail II from UCI again")


def _cache() -> Path:
    if os.environ.get("CLVLIB_CACHE"):
        return Path(os.environ["CLVLIB_CACHE"])
    import pooch

    return Path(pooch.os_cache("clvlib"))


def _dataset(path: Path) -> Dataset:
    raw = pd.read_parquet(path).rename(columns=_OURS)
    raw["item_id"] = raw["item_id"].astype("str").str.strip().str.upper()
    ledger = read_transactions(raw, currency="GBP", timezone="Europe/London", cancellations="^C")
    source = Source(
        name="online_retail",
        title="Online Retail II",
        kind="real",
        origin="Chen (2019), UCI Machine Learning Repository; its two sheets joined, their overlap kept once",
        licence="CC BY 4.0",
        sha256=sha256_of(path),
        url="https://doi.org/10.24432/C5CG6D",
    )
    derived = Dataset(source, ledger)
    return Dataset(
        source=source,
        ledger=ledger,
        tables=Tables({"products": lambda: _products(derived), "customers": lambda: _customers(raw)}),
    )


def _products(derived: Dataset) -> pd.DataFrame:
    products = derived.products
    service = products["item_id"].isin(_SERVICES) | products["item_id"].str.startswith("GIFT_")
    return products.assign(category=service.map({True: "service", False: "product"}).astype("str"))


def _customers(raw: pd.DataFrame) -> pd.DataFrame:
    """The country most of a customer's lines carry: 13 customers have lines of two countries."""
    lines = raw[["customer_id", "country"]].dropna().astype("str")
    counts = lines.groupby(["customer_id", "country"]).size().rename("lines").reset_index()
    counts = counts.sort_values("lines", ascending=False, kind="stable").drop_duplicates("customer_id")
    return counts.sort_values("customer_id", ignore_index=True)[["customer_id", "country"]]
