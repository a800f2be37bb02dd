"""The key figures that chapters hand over: checked at the door, written for a spreadsheet, laid out for a page."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clvlib.reporting import wording

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["checked_kpis", "kpi_rows", "merge_kpis"]

_NEEDED = ("kpi", "value", "low", "high", "unit", "n", "definition")
#: What a row may have beside; ``period`` is what it is about, ``note`` says why a value is missing.
_TEXTS = ("kpi", "unit", "definition", "period", "note")
_NUMBERS = ("value", "low", "high", "n")
_ORDER = (*_NEEDED, "period", "note")
_FILE = "kpis.csv"


def checked_kpis(kpis: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table such as :func:`clvlib.customers.kpi_table` makes, as plain Python; None for a missing number.

    ValueError: no DataFrame, no row, a column too few or too many, a figure twice or without unit or definition, a
    text where a number belongs, half an interval or one upside down, a missing value without a ``note`` that says why.
    """
    import pandas as pd

    if not isinstance(kpis, pd.DataFrame):
        raise ValueError(f"kpis is a table such as clvlib.customers.kpi_table makes, got {type(kpis).__name__}")
    names = [*map(str, kpis.columns)]
    if absent := [name for name in _NEEDED if name not in names]:
        raise ValueError(f"kpis has no column {' and no column '.join(absent)}, only {names}")
    if strange := sorted({name for name in names if name not in _ORDER or names.count(name) > 1}):
        raise ValueError(f"kpis has {', '.join(strange)} too; it has each of {', '.join(_ORDER)} at most once, no more")
    if kpis.empty:
        raise ValueError("kpis has no row; leave kpis out where there is none")
    for name in _NUMBERS:
        a_number = pd.api.types.is_numeric_dtype(kpis[name]) and not pd.api.types.is_bool_dtype(kpis[name])
        if not a_number and kpis[name].notna().any():
            raise ValueError(f"{name} of kpis holds {kpis[name].dtype}, not numbers, in {len(kpis)} rows")
    rows = [_checked({name: row[name] for name in _ORDER if name in names}) for row in kpis.to_dict("records")]
    figures = [row["kpi"] for row in rows]
    if twice := sorted({name for name in figures if figures.count(name) > 1}):
        raise ValueError(f"kpis has two rows {', '.join(map(repr, twice))}; names are what readers tell them apart by")
    return rows


def kpi_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows as a page shows them: ``value``, ``unit`` and ``interval`` in words beside what was handed over.

    >>> row = {"kpi": "activity", "value": 0.25, "low": 0.2, "high": 0.31, "unit": "share of customers", "n": 400}
    >>> shown = kpi_rows([row | {"definition": "who bought", "period": "May", "note": ""}])[0]
    >>> shown["shown"], shown["of"], shown["interval"]
    ('25.0 %', 'of customers', '20.0 to 31.0 %')
    """
    shown = []
    for row in rows:
        if row["value"] is None:
            why = row["note"]
            words = "not recorded" if "not recorded" in why + row["definition"] else "not available"
            note = why.removeprefix("not recorded").lstrip(": ")
            shown.append(row | {"shown": words, "of": "", "interval": "", "missing": True, "note": note})
            continue
        figure = wording.figure(row["value"], row["unit"], row["low"], row["high"])
        shown.append(
            row | {"shown": figure["value"], "of": figure["unit"], "interval": figure["interval"], "missing": False}
        )
    return shown


def merge_kpis(out: Path, run: dict[str, Any]) -> list[Path]:
    """Write ``kpis.csv``, one row a key figure of a chapter; returns its path, or nothing where there is no figure.

    ``chapter``, ``dataset``, ``currency``, ``as_of`` and ``run_id`` are in every row, since a row may leave its file.
    What an earlier run left (``run["kpis"]``) is removed where this one has none.
    """
    import pandas as pd

    from clvlib.reporting.merge import handed_over, write_csv

    rows = [
        {"chapter": record["number"], "dataset": document["data"]["name"]}
        | row
        | {"currency": document["data"]["currency"], "as_of": document["as_of"], "run_id": run["run_id"]}
        for record, _, document in handed_over(out, run)
        for row in document.get("kpis") or []
    ]
    path = out / _FILE
    if not rows:
        if _FILE in run.get("kpis", []):
            path.unlink(missing_ok=True)
        return []
    part = path.with_suffix(".part.csv")
    write_csv(pd.DataFrame(rows), part)
    os.replace(part, path)
    return [path]


def _checked(row: dict[str, Any]) -> dict[str, Any]:
    import pandas as pd

    said = {name: "" if pd.isna(row.get(name, "")) else row.get(name, "") for name in _TEXTS}
    for name, text in said.items():
        if not isinstance(text, str):
            raise ValueError(f"{name} of kpis is {text!r}; give a text")
    if not said["kpi"].strip():
        raise ValueError("a row of kpis has no name; write one in kpi")
    name = said["kpi"]
    for needed in ("unit", "definition"):
        if not said[needed].strip():
            raise ValueError(f"{name!r} of kpis has no {needed}; readers need one to know what the figure says")
    value, low, high, n = (_number(row[number]) for number in _NUMBERS)
    if value is None and not said["note"].strip() and "not recorded" not in said["definition"]:
        raise ValueError(f"{name!r} of kpis has no value; say why in note, as in 'not recorded: no surveys'")
    if (low is None) != (high is None):
        raise ValueError(f"{name!r} of kpis has one end of an interval; give both or none")
    if low is not None and low > high:
        raise ValueError(f"{name!r} of kpis has an interval from {low} to {high}; low comes first")
    numbers = {"value": value, "low": low, "high": high, "n": None if n is None else int(n)}
    return {key: (said | numbers)[key] for key in _ORDER}


def _number(value: Any) -> float | None:
    """None for what is missing or without end."""
    import pandas as pd

    return None if pd.isna(value) or not math.isfinite(value) else float(value)
