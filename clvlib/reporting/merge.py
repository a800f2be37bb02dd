"""One table a data set of what the chapters know of each customer, ready for a CRM and safe in a spreadsheet.

And the customers' lists, and the models that say the same of the customers of a later log.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable
from functools import reduce
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd

__all__ = ["handed_over", "inert", "merge_customers", "merge_lists", "merge_models", "named", "write_csv"]

#: A spreadsheet takes a cell that starts like this for a formula; the full-width signs too, in East Asian versions.
_FORMULA = r"[=+\-@\t\r\n＝＋－＠]"
#: Types that cannot say "not known", and their namesakes that can.
_KNOWING_GAPS = {"bool": "boolean"} | {
    f"{sign}int{bits}": f"{sign.upper()}Int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}
#: Where a cell starts: a spreadsheet that separates by semicolons sees one behind each, and a row behind a line's end.
_START = r"^|(?<=[;\n\r])"
#: A text with such a start somewhere; the same in a form that Arrow's expressions, which never look back, can read.
_LIVE = rf"(?:^|[;\n\r]){_FORMULA}"


def merge_customers(out: Path, run: dict[str, Any]) -> list[Path]:
    """Write ``customers/<dataset>.parquet`` and ``.csv`` from the chapters' customer tables; returns the paths.

    Tables are joined on ``customer_id``, outer: a customer one chapter has nothing to say on has a gap there. A
    column of one name and different content in two chapters becomes one column a chapter, ``clv_31`` and ``clv_33``;
    so do ``as_of`` and ``horizon_days`` where chapters differ. Two data sets of one name have a file each, the second
    with ``-2``. What an earlier run left (``run["customers"]`` names it) of a data set that is no longer part of the
    run is removed, and no other file.
    """
    folder = out / "customers"
    written: list[Path] = []
    for stem, parts in named(_tables(out, run)):
        table = _joined(parts)
        table["currency"] = parts[0]["currency"]
        table["run_id"] = run["run_id"]
        written += _write_both(table, folder, stem)
    _remove(folder, run.get("customers", []), written)
    return written


def merge_lists(out: Path, run: dict[str, Any]) -> list[Path]:
    """Write ``lists/<chapter>.parquet`` and ``.csv``, one row a place of a customer's list; returns the paths.

    A chapter's lists stand alone: no two methods' lists are mixed. ``currency``, ``as_of``, ``horizon_days`` and
    ``run_id`` are added to every row, since a row may leave its file. The CSV has money to the cent. What an earlier
    run left (``run["lists"]``) and this one has not is removed, and no other file.
    """
    folder = out / "lists"
    written: list[Path] = []
    for parts in _handed(out, run, either=("lists",)).values():
        for _, path, document in parts:
            table = pd.read_parquet(path.parent / document["lists"])
            facts = {name: document[name] for name in ("as_of", "horizon_days")}
            table = table.assign(currency=document["data"]["currency"], **facts, run_id=run["run_id"])
            written += _write_both(table, folder, path.parent.name, cents=("expected_margin",))
    _remove(folder, run.get("lists", []), written)
    return written


def merge_models(out: Path, run: dict[str, Any]) -> list[Path]:
    """Copy the chapters' value models to ``models/<dataset>.json``; returns the paths.

    Data sets are named as in :func:`merge_customers`. Where two chapters hand over a model of one data set, each has a
    file: ``<dataset>_32.json`` and ``<dataset>_34.json``. What an earlier run left (``run["models"]``) and this one has
    not is removed, and no other file.
    """
    folder = out / "models"
    written: list[Path] = []
    for stem, parts in named(_handed(out, run, either=("customers", "model"))):
        models = [(number, path.parent, document) for number, path, document in parts if document.get("model")]
        for number, handed, document in models:
            folder.mkdir(exist_ok=True)
            target = folder / (f"{stem}.json" if len(models) == 1 else f"{stem}_{number}.json")
            part = target.with_suffix(".part.json")
            shutil.copyfile(handed / document["model"], part)
            os.replace(part, target)
            written.append(target)
    _remove(folder, run.get("models", []), written)
    return written


def handed_over(out: Path, run: dict[str, Any]) -> Iterable[tuple[dict, Path, dict]]:
    """What each chapter of a run handed over: its record, the path of its ``handover.json`` and the content."""
    for record in run["chapters"]:
        if record["status"] == "ok" and record["handover"]:
            path = out / record["handover"]
            yield record, path, json.loads(path.read_text(encoding="utf-8"))


def named(datasets: dict[tuple, list]) -> Iterable[tuple[str, list]]:
    """Each data set's parts behind the name of its files; of two data sets with one name, the second gets ``-2``."""
    stems: list[str] = []
    for (dataset, *_), parts in datasets.items():
        stem = wanted = re.sub(r"[^\w.-]", "_", dataset) or "customers"
        number = 2
        while stem in stems:
            stem, number = f"{wanted}-{number}", number + 1
        stems.append(stem)
        yield stem, parts


def inert(text: str) -> str:
    """A text that a spreadsheet shows instead of computing it.

    >>> inert('=HYPERLINK("http://example.org")'), inert("Smith & Co"), inert("tea;=1+1")
    ('\\'=HYPERLINK("http://example.org")', 'Smith & Co', "tea;'=1+1")
    """
    return re.sub(f"(?:{_START})(?={_FORMULA})", "'", text)


def write_csv(table: pd.DataFrame, path: Path, *, cents: tuple[str, ...] = ()) -> None:
    """UTF-8 with a mark for Excel; text cells and headings that start like a formula get an apostrophe in front.

    ``cents`` are columns of numbers that get two digits behind the point.
    """
    safe = table.rename(columns=lambda name: inert(str(name)))
    for position, dtype in enumerate(table.dtypes):
        if not pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_datetime64_any_dtype(dtype):
            text = table.iloc[:, position]
            if dtype == "str":  # long lists: look at all cells at once, and mend the few
                live = text.str.contains(_LIVE, regex=True, na=False)
                mended = text.where(~live, text[live].map(inert)) if live.any() else text
            else:
                mended = text.map(lambda cell: inert(cell) if isinstance(cell, str) else cell)
            safe.isetitem(position, mended)
    for name in cents:
        safe[name] = [f"{value + 0.0:.2f}" for value in table[name].round(2)]  # no -0.00
    # As RFC 4180 ends lines; it also makes the writer quote a lone carriage return, which would begin a row.
    # Ten digits: more than any figure here is worth, and 3.531 instead of 3.5309999999999997.
    safe.to_csv(path, index=False, encoding="utf-8-sig", lineterminator="\r\n", float_format="%.10g")


def _write_both(table: pd.DataFrame, folder: Path, stem: str, *, cents: tuple[str, ...] = ()) -> list[Path]:
    """Parquet for programs, CSV for people (of whom nobody wants more than cents); each whole or not at all."""
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{stem}.parquet", folder / f"{stem}.csv"]
    for path in paths:
        part = path.with_suffix(f".part{path.suffix}")
        if path.suffix == ".csv":
            write_csv(table, part, cents=cents)
        else:
            table.to_parquet(part, index=False)
        os.replace(part, path)
    return paths


def _handed(out: Path, run: dict[str, Any], *, either: tuple[str, ...]) -> dict[tuple, list[tuple[str, Path, dict]]]:
    """Each data set's hand-overs that have one of the files ``either``: chapter, path and content, in their order.

    A data set is its name, its file and its lines: customer 7 of one log is not customer 7 of its namesake.
    """
    handed: dict[tuple, list[tuple[str, Path, dict]]] = {}
    for record, path, document in handed_over(out, run):
        if any(document.get(name) for name in either):
            data = document["data"]
            key = data["name"], data.get("sha256"), data.get("lines")
            handed.setdefault(key, []).append((record["number"].replace(".", ""), path, document))
    return handed


def _tables(out: Path, run: dict[str, Any]) -> dict[tuple, list[dict[str, Any]]]:
    """Each data set's tables with what holds for all their rows, in the order of the chapters."""
    tables: dict[tuple, list[dict[str, Any]]] = {}
    for key, parts in _handed(out, run, either=("customers",)).items():
        tables[key] = [
            {
                "number": number,
                "currency": document["data"]["currency"],
                "as_of": document["as_of"],
                "horizon_days": document["horizon_days"],
                "table": pd.read_parquet(path.parent / document["customers"]).set_index("customer_id"),
            }
            for number, path, document in parts
        ]
    return tables


def _remove(folder: Path, before: Iterable[str], written: list[Path]) -> None:
    """What an earlier run wrote and this one has not."""
    for stale in {folder / Path(name).name for name in before} - set(written):
        stale.unlink(missing_ok=True)
        stale.with_name(f"{stale.stem}_columns.csv").unlink(missing_ok=True)  # what its columns were


def _joined(parts: list[dict[str, Any]]) -> pd.DataFrame:
    tables = [part["table"] for part in parts]
    names = dict.fromkeys(name for table in tables for name in table.columns)
    apart = [name for name in names if not _agree([table[name] for table in tables if name in table])]
    renamed = [
        table.rename(columns={name: f"{name}_{part['number']}" for name in apart})
        for table, part in zip(tables, parts, strict=True)
    ]
    # A gap would make a float of a whole number, and a long number inexact, so it gets a type that knows gaps.
    joined = reduce(lambda left, right: left.combine_first(right), map(_knowing_gaps, renamed))
    joined = joined[list(dict.fromkeys(name for table in renamed for name in table.columns))]
    for fact in ("as_of", "horizon_days"):
        # Not every table looks ahead; one that does not leaves the horizon to those that do.
        told = {part["number"]: part[fact] for part in parts if part[fact] is not None}
        if len(set(told.values())) <= 1:
            joined[fact] = next(iter(told.values()), None)
        else:
            joined = joined.assign(**{f"{fact}_{number}": value for number, value in told.items()})
    plain = {gaps: plain for plain, gaps in _KNOWING_GAPS.items()}
    whole = {name: plain[dtype.name] for name, dtype in joined.dtypes.items() if dtype.name in plain}
    joined = joined.astype({name: dtype for name, dtype in whole.items() if not joined[name].hasnans})
    return joined.rename_axis("customer_id").sort_index().reset_index()


def _knowing_gaps(table: pd.DataFrame) -> pd.DataFrame:
    types = {name: dtype.name for name, dtype in table.dtypes.items()}
    return table.astype({name: _KNOWING_GAPS[dtype] for name, dtype in types.items() if dtype in _KNOWING_GAPS})


def _agree(series: list[pd.Series]) -> bool:
    """Whether all say the same of the customers they share."""
    for first, other in combinations(series, 2):
        shared = first.index.intersection(other.index)
        if not first.loc[shared].equals(other.loc[shared]):
            return False
    return True
