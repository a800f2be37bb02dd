"""The data dictionary of the exported tables: what each column is, in what unit, and which chapter says so."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from clvlib.columns import COLUMNS, Column
from clvlib.reporting.merge import named, write_csv

__all__ = ["describe_columns", "describe_tables", "write_dictionaries"]

#: What the run adds to every table; the rest is in the vocabulary or a chapter's own.
_ADDED = {
    column.name: column
    for column in (
        Column("as_of", "str", "", "The last day that the columns know: the day before the midnight of a page's cut."),
        Column("horizon_days", "float64", "days", "How far the columns that look ahead do so."),
        Column("currency", "str", "ISO 4217", "The currency of all money in the row; XXX where it was not stated."),
        Column("run_id", "str", "", "The run that wrote the row."),
    )
}
#: Names that a chapter makes, with a number of days in them, or of its lists: the pattern, the unit and the meaning.
_PATTERNS = (
    (
        r"(?:first_year|realised)_margin_(\d+)d",
        "currency",
        r"Discounted margin realised within \1 days of the first purchase; blank where they are not over yet.",
    ),
    (
        r"probability_return_(\d+)d",
        "share",
        r"Probability of a purchase in the \1 days after as_of; empty for who has not bought lately (chapter 4.1: "
        "within observation_days), whom the model does not know.",
    ),
    (r"list_discovery", "item ids", "What to offer of what the customer has not bought yet, best first."),
    (r"list_reorder", "item ids", "What the customer is likely to buy, known or not, best first."),
    (r"list_new_items", "item ids", "What to offer of the newest items, best first."),
)
_OWN = "A column of this chapter's own; its page says what it is."


def describe_tables(out: Path, chapters: list[dict]) -> list[dict]:
    """Each table in ``out``, customers first: ``name``, ``folder``, ``anchor``, ``columns`` (:func:`describe_columns`).

    ``chapters``, in the order of the run, have ``number``, ``page``, ``data`` (None where there is none) and
    ``customers`` and ``lists``, the paths of the tables the chapter handed over (None where it handed over none). A
    file that is no Parquet is left out: a report is not held up by what only explains it.
    """
    wanted = [("customers", stem, parts) for stem, parts in _merged(chapters).items()]
    wanted += [("lists", chapter["lists"].parent.name, [chapter]) for chapter in chapters if chapter.get("lists")]
    tables = []
    for folder, stem, parts in wanted:
        try:
            schema = pq.read_schema(out / folder / f"{stem}.parquet")
            own = [(part, pq.read_schema(part[folder]).names) for part in parts]
        except (pa.ArrowInvalid, OSError):
            continue
        currency = parts[0]["data"].get("currency")
        columns = describe_columns(schema, own, currency if currency not in (None, "XXX") else "currency")
        tables.append({"name": stem, "folder": folder, "anchor": f"columns-{len(tables) + 1}", "columns": columns})
    return tables


def write_dictionaries(out: Path, tables: list[dict]) -> None:
    """What the columns of each customer table are, beside it: ``customers/<dataset>_columns.csv``.

    ``tables`` as :func:`describe_tables` gives them.
    """
    for table in tables:
        if table["folder"] == "customers":
            rows = [
                row | {"chapters": ", ".join(chapter["number"] for chapter in row["chapters"])}
                for row in table["columns"]
            ]
            path = out / "customers" / f"{table['name']}_columns.csv"
            part = path.with_suffix(".part.csv")
            write_csv(pd.DataFrame(rows).rename(columns={"name": "column"}).astype("str"), part)
            part.replace(path)


def describe_columns(schema: pa.Schema, parts: list[tuple[dict, list[str]]], currency: str = "currency") -> list[dict]:
    """A row a column of a merged table: ``name``, ``meaning``, ``unit``, ``type`` in words, ``chapters`` it is from.

    ``parts`` are the chapters with the names of the columns that each handed over. Where two disagreed, the merged
    table has one column a chapter, ``clv_31`` and ``clv_33``: the same meaning, from one chapter each. Money is in
    ``currency``.

    >>> schema = pa.schema([("customer_id", pa.string()), ("clv_31", pa.float64()), ("visits", pa.int64())])
    >>> chapter = {"number": "3.1", "page": "31_clv.html"}
    >>> for row in describe_columns(schema, [(chapter, ["customer_id", "clv", "visits"])], "EUR"):
    ...     print(row["name"], "|", row["unit"], "|", row["type"], "|", *[one["number"] for one in row["chapters"]])
    customer_id |  | text |
    clv_31 | EUR | number | 3.1
    visits |  | whole number | 3.1
    """
    rows = []
    for field in schema:
        base, chapters = field.name, [chapter for chapter, names in parts if field.name in names]
        apart = re.fullmatch(r"(.+)_(\d\d)", field.name)
        if not chapters and apart:
            base = apart[1]
            known = [chapter for chapter, names in parts if base in names or base in _ADDED]
            chapters = [chapter for chapter in known if chapter["number"].replace(".", "") == apart[2]]
        column = _ADDED.get(base) or COLUMNS.get(base) or _patterned(base)
        rows.append(
            {
                "name": field.name,
                "meaning": column.meaning if column else _OWN,
                "unit": column.unit.replace("currency", currency) if column else "",
                "type": _words(field.type),
                "chapters": [] if base == "customer_id" else chapters,
            }
        )
    return rows


def _patterned(name: str) -> Column | None:
    for pattern, unit, meaning in _PATTERNS:
        found = re.fullmatch(pattern, name)
        if found:
            return Column(name, "float64", unit, found.expand(meaning))
    return None


def _merged(chapters: list[dict]) -> dict[str, list[dict]]:
    """Which chapters' tables went into which file."""
    datasets: dict[tuple, list[dict]] = {}
    for chapter in chapters:
        if chapter["customers"]:
            data = chapter["data"]
            datasets.setdefault((data["name"], data.get("sha256"), data.get("lines")), []).append(chapter)
    return dict(named(datasets))


def _words(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "yes or no"
    if pa.types.is_integer(kind):
        return "whole number"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    return "date" if pa.types.is_temporal(kind) else "text"
