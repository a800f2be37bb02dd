"""How a chapter passes on its headline and key figures, its customers' columns and lists, and what it has fitted."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import math
import numbers
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clvlib.reporting.kpis import checked_kpis

if TYPE_CHECKING:
    import pandas as pd

    from clvlib.datasets import Dataset

__all__ = ["ENVIRONMENT", "hand_over"]

#: The folder the run wants this chapter's results in; unset where a notebook is run for itself.
ENVIRONMENT = "CLV_HANDOVER"

_FIGURE_KEYS = {"name", "value", "unit", "low", "high"}
#: Columns that every customer table gets when the run merges it.
_ADDED = frozenset({"as_of", "currency", "horizon_days", "run_id"})
#: What a row of a customer's list has at least; nothing of a person but the id.
_LIST_COLUMNS = ("customer_id", "rank", "item_id", "reason", "expected_margin")
#: What it may have, in the order of the file.
_LIST_ORDER = ("customer_id", "block", "rank", "item_id", "item_text", "reason", "expected_margin")
_SOURCE_KEYS = ("name", "title", "kind", "origin", "licence", "sha256", "url")


def hand_over(
    *,
    data: Dataset | None,
    figures: Sequence[Mapping[str, Any]] = (),
    customers: pd.DataFrame | None = None,
    lists: pd.DataFrame | None = None,
    kpis: pd.DataFrame | None = None,
    as_of: Any = None,
    horizon_days: float | None = None,
    model: Mapping[str, Any] | None = None,
) -> None:
    """Pass a chapter's results on to the run that executes it; do nothing where no run does.

    Parameters
    ----------
    data
        The :class:`clvlib.datasets.Dataset` the chapter used, which the report's pages name; None for a chapter on
        no customers' data.
    figures
        The few headline figures: mappings with ``name``, ``value`` (a number or a text), ``unit`` (with
        currency and period where it is money, ``""`` for a bare number) and, where there is an interval,
        ``low`` and ``high``, the ends of its 95 % interval.
        A value that is not finite is passed on as ``"not available"``.
    customers
        One row a ``customer_id`` and the chapter's columns, shape (n_customers, 1 + n_columns).
    lists
        One row a place of a customer's list: ``customer_id``, ``rank`` (1 is best), ``item_id``, ``reason`` (in
        words), ``expected_margin`` (in the data's currency, within ``horizon_days``) and, if wanted, ``block`` (which
        part of the list the place is in, such as "reorder"; ranks go on over all blocks) and ``item_text``. The run
        writes them as ``lists/<chapter>.csv`` and ``.parquet``.
    kpis
        Key figures as :func:`clvlib.customers.kpi_table` makes them, one row a figure: ``kpi``, ``value``, ``low``,
        ``high`` (of the 95 % interval), ``unit``, ``n``, ``definition`` and, if wanted, ``period`` and ``note``; a
        value that is missing has a note that says why. The report has a page of them, and the run writes ``kpis.csv``.
    as_of
        The date the customer columns and lists hold for; the last line of the log where it is not given. The midnight
        after the last line, with which the functions of the house end what is known, is the last line's day too.
    horizon_days
        How far the customer columns and lists look ahead, in days; None where they do not.
    model
        A fitted value model, as :meth:`clvlib.value.ValueModel.to_dict` gives it, in the data's currency: the run
        keeps it as ``models/<dataset>.json``, with which ``clv score`` values the customers of a later log.

    Raises
    ------
    ValueError
        For a figure without name, value or unit, with two of one name, or with an interval upside down; for a customer
        table without ``customer_id``, with a customer twice or with none, or with a column that the run adds; for
        lists without ``horizon_days``, with a column too few or too many, a gap, or a place or an item twice; for kpis
        with a column too few or too many, a figure twice or one without unit, definition or value and no note; for an
        ``as_of`` that is no date; for a model that could not be loaded again, or is of another currency. Checked with
        or without a run, so that a chapter that works in JupyterLab works in a report. Within a run also for a second
        call, which would replace what the first one passed on.

    Examples
    --------
    >>> hand_over(data=None, figures=[{"name": "value of a customer", "value": 147.26}])
    Traceback (most recent call last):
    ...
    ValueError: figure 'value of a customer' has no unit; give one ("" for a bare number)
    """
    rows = _checked_figures(figures)
    if customers is not None:
        if data is None:
            raise ValueError("a customer table needs the data its customers are from; give data too")
        customers = _checked_customers(customers)
    if lists is not None:
        if data is None:
            raise ValueError("lists need the data their customers are from; give data too")
        if horizon_days is None:
            raise ValueError("lists have an expected_margin within horizon_days; give horizon_days too")
        lists = _checked_lists(lists)
    if kpis is not None and data is None:
        raise ValueError("key figures need the data they are of; give data too")
    key_figures = None if kpis is None else checked_kpis(kpis)
    if model is not None:
        model = _checked_model(model, data)
    as_of, horizon_days = _last_day(as_of, data), _finite(horizon_days)
    target = os.environ.get(ENVIRONMENT)
    if not target:
        return
    folder = Path(target)
    if (folder / "handover.json").exists():
        raise ValueError("this chapter has handed over already; pass figures, customers, lists and kpis in one call")
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "data": None if data is None else _described(data),
        "figures": rows,
        "kpis": key_figures,
        "as_of": as_of,
        "horizon_days": horizon_days,
        "customers": None,
        "lists": None,
        "model": None,
    }
    for name, table in (("customers", customers), ("lists", lists)):
        if table is not None:
            part = folder / f"{name}.part.parquet"
            table.to_parquet(part, index=False)
            os.replace(part, folder / f"{name}.parquet")
            document[name] = f"{name}.parquet"
    if model is not None:
        _write_json(model, folder / "model.json")
        document["model"] = "model.json"
    _write_json(document, folder / "handover.json")


def _write_json(document: Mapping[str, Any], path: Path) -> None:
    """Whole or not at all."""
    part = path.with_suffix(".part.json")
    part.write_text(json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    os.replace(part, path)


def _checked_figures(figures: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Plain Python values under exactly the five keys."""
    rows: list[dict[str, Any]] = []
    for figure in figures:
        if not isinstance(figure, Mapping):
            raise ValueError(f"figures are a list of mappings, got {figure!r}")
        name = figure.get("name")
        if not isinstance(name, str) or not name.strip():
            raise ValueError(f"a figure needs a name, got {name!r}")
        for key in ("value", "unit"):
            if key not in figure:
                raise ValueError(f'figure {name!r} has no {key}; give one ("" for a bare number)')
        unknown = set(figure) - _FIGURE_KEYS
        if unknown:
            raise ValueError(f"figure {name!r} has keys {sorted(unknown)}, known are {sorted(_FIGURE_KEYS)}")
        if any(row["name"] == name for row in rows):
            raise ValueError(f"two figures are called {name!r}; names are what readers tell them apart by")
        if not isinstance(figure["unit"], str):
            raise ValueError(f'the unit of {name!r} is {figure["unit"]!r}; give a text ("" for a bare number)')
        value = figure["value"]
        if not isinstance(value, str):
            value = _number(value)
        low, high = (_finite(figure.get(key)) for key in ("low", "high"))
        if low is not None and high is not None and low > high:
            raise ValueError(f"figure {name!r} has an interval from {low} to {high}; low comes first")
        value = "not available" if value is None else value
        rows.append({"name": name, "value": value, "unit": figure["unit"], "low": low, "high": high})
    return rows


def _checked_customers(customers: pd.DataFrame) -> pd.DataFrame:
    names = [*customers.columns]
    if added := sorted(_ADDED.intersection(names)):
        raise ValueError(f"the customer table has {', '.join(added)}, which the run adds; leave it out")
    if twice := {str(name) for name in names if names.count(name) > 1}:
        raise ValueError(f"the customer table has two columns {', '.join(sorted(twice))}")
    if "customer_id" not in customers.columns:
        raise ValueError(f"the customer table has no customer_id, only {[*map(str, customers.columns)]}")
    ids = customers["customer_id"].astype("str")
    if ids.isna().any():
        raise ValueError(f"customer_id is missing in {int(ids.isna().sum())} of {len(ids)} rows of the customer table")
    if ids.duplicated().any():
        twice = ids[ids.duplicated()].iloc[0]
        raise ValueError(
            f"{int(ids.duplicated().sum())} rows of the customer table repeat a customer_id, "
            f"{twice!r} among them; group by customer_id first"
        )
    return customers.assign(customer_id=ids)


def _checked_lists(lists: pd.DataFrame) -> pd.DataFrame:
    """Customers and places in order, ids as text."""
    names = [*map(str, lists.columns)]
    if absent := [name for name in _LIST_COLUMNS if name not in names]:
        raise ValueError(f"the lists have no {' and no '.join(absent)}, only {names}")
    if strange := sorted({name for name in names if name not in _LIST_ORDER or names.count(name) > 1}):
        known = ", ".join(_LIST_ORDER)
        raise ValueError(f"the lists have {', '.join(strange)} too; they have each of {known} once, no more")
    if lists.empty:
        raise ValueError("the lists have no row; leave lists out where there is nobody to write to")
    for name in [*_LIST_COLUMNS, *(["block"] if "block" in names else [])]:
        missing = lists[name].isna()
        if name in ("reason", "block"):
            missing |= lists[name].astype("str").str.strip() == ""
        if missing.any():
            raise ValueError(f"{name} is missing in {int(missing.sum())} of {len(lists)} rows of the lists")
    try:
        rank, margin = lists["rank"].astype("float64"), lists["expected_margin"].astype("float64")
    except (TypeError, ValueError):
        raise ValueError("rank and expected_margin of the lists are numbers, and here one of them is not") from None
    endless = margin.abs() == math.inf
    for said, wrong in (("whole rank from 1", (rank < 1) | (rank % 1 != 0)), ("finite expected_margin", endless)):
        if wrong.any():
            raise ValueError(f"{int(wrong.sum())} of {len(lists)} rows of the lists have no {said}")
    ids = {name: lists[name].astype("str") for name in ("customer_id", "item_id")}
    checked = lists.assign(**ids, rank=rank.astype("int64"), expected_margin=margin)
    for name in ("rank", "item_id"):
        if twice := int(checked.duplicated(["customer_id", name]).sum()):
            blocks = " (ranks go on over all blocks)" if name == "rank" and "block" in names else ""
            raise ValueError(f"{twice} rows of the lists have a {name} twice within a customer_id; keep one{blocks}")
    in_order = [name for name in _LIST_ORDER if name in names]
    return checked[in_order].sort_values(["customer_id", "rank"], ignore_index=True)


def _checked_model(model: Mapping[str, Any], data: Dataset | None) -> dict[str, Any]:
    """The model as it will be read again."""
    from clvlib.value.saving import ValueModel

    if data is None:
        raise ValueError("a model needs the data it was fitted on; give data too")
    if not isinstance(model, Mapping):
        raise ValueError(f"model is a mapping, such as ValueModel(…).to_dict() gives, got {type(model).__name__}")
    try:
        read = ValueModel.from_dict(json.loads(json.dumps(dict(model), allow_nan=False)))
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise ValueError(f"the model could not be loaded again: {error}") from None
    if read.currency != data.ledger.currency:
        raise ValueError(f"the model is in {read.currency}, its data in {data.ledger.currency}")
    return read.to_dict()


def _described(data: Dataset) -> dict[str, Any]:
    """What a page says about the data behind it."""
    source, ledger = data.source, data.ledger
    when = ledger.lines["timestamp"]
    return {
        **{key: _text(getattr(source, key)) for key in _SOURCE_KEYS},
        "label": _text(data.label),
        "currency": ledger.currency,
        "timezone": ledger.timezone,
        "lines": len(ledger.lines),
        "customers": int(ledger.lines["customer_id"].nunique()),
        "first": _day(when.min()),
        "last": _day(when.max()),
        "reconciliation": _records(ledger.reconciliation),
        "notes": _records(ledger.notes),
    }


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {key: value if isinstance(value, str) else _number(value) for key, value in row.items()}
        for row in table.to_dict("records")
    ]


def _number(value: Any) -> float | int | bool | None:
    """A plain Python number of a Python, numpy or pandas one; None for what is not finite or not there."""
    if hasattr(value, "item"):
        value = value.item()
    if value is None or type(value).__name__ == "NAType" or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, decimal.Decimal):
        value = float(value)
    if not isinstance(value, numbers.Real):
        raise ValueError(f"expected a number or a text, got {type(value).__name__}: {value!r}")
    return value


def _finite(value: Any) -> float | int | None:
    return None if value is None else _number(value)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _last_day(as_of: Any, data: Dataset | None) -> str | None:
    """The last day that the columns know of."""
    if data is None:
        return _day(as_of)
    last = _day(data.ledger.lines["timestamp"].max())
    told = last if as_of is None else _day(as_of)
    return last if told == (dt.date.fromisoformat(last) + dt.timedelta(days=1)).isoformat() else told


def _day(value: Any) -> str | None:
    """ISO date of anything pandas takes for one."""
    import pandas as pd

    when = pd.Timestamp(value)
    return None if pd.isna(when) else when.date().isoformat()
