"""``clv score``: a log of a later month through a value model that was fitted once, to one row a customer."""

from __future__ import annotations

import datetime
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from clvlib.reporting.merge import write_csv
from clvlib.reporting.scenario import in_yaml, log_section
from clvlib.rfm import rfm_summary
from clvlib.transactions import Ledger, LogError, read_transactions
from clvlib.value.saving import ModelFileError, ValueModel, load_model

__all__ = ["COLUMNS", "ScoreError", "Scored", "check_target", "score", "write_scored"]

#: The table, in the order of its columns.
COLUMNS = (
    "customer_id",
    "probability_alive",
    "expected_purchases",
    "expected_spend",
    "clv",
    "clv_p05",
    "clv_p95",
    "as_of",
    "currency",
    "horizon_days",
)


class ScoreError(ValueError):
    """The customers cannot be valued as asked for; the message says why and what would help."""


@dataclass(frozen=True)
class Scored:
    """``table``: one row a customer, :data:`COLUMNS`. ``ledger``: what was read and rejected. ``notes``: what the
    reader should know before believing the table, one sentence each."""

    table: pd.DataFrame
    ledger: Ledger
    notes: list[str]


def score(
    model_path: Path,
    log_path: Path,
    *,
    scenario: Path | None = None,
    as_of: str | None = None,
    horizon_days: float | None = None,
) -> Scored:
    """Read a log, sum it up at ``as_of``, and value its customers with a saved value model; nothing is fitted.

    ``log_path``: the whole log, from its beginning to the later month, since a customer's history decides; with the
    house's column names, or with those that the section ``data`` of ``scenario`` maps to them; that section also says
    how dates and numbers are written. ``as_of``: the last whole day that is looked at ("2026-06-30"; the day of the
    log's last line by default). ``horizon_days``: the model's by default.

    ScoreError: a file that is no value model, a log that is refused or begins after the model's fit, an ``as_of``
    outside it, a horizon that is not positive. :class:`clvlib.reporting.scenario.ScenarioError`: the scenario has no
    usable section ``data``.
    """
    model = _value_model(model_path)
    if horizon_days is not None and not 0 < horizon_days < float("inf"):
        raise ScoreError(f"--horizon-days is a positive number of days, got {horizon_days:g}")
    wanted = None if as_of is None else _day(as_of)
    ledger = _read(log_path, scenario)
    lines = ledger.lines
    if not len(lines):
        raise ScoreError(f"{log_path}: no line with a customer is left to value; see what was rejected")
    first, last = (moment.date() for moment in (lines["timestamp"].min(), lines["timestamp"].max()))
    day = wanted or last
    if not first <= day <= last:
        raise ScoreError(
            f"--as-of {day} lies outside the log, which covers {first} to {last}: what was bought until {day} cannot "
            "be known from it"
        )
    if first.isoformat() > model.calibration_end:
        raise ScoreError(
            f"{log_path} begins on {first}, after the day the model was fitted to ({model.calibration_end}): what its "
            "customers bought before is not in it, and they would look new and be worth too little. Give the whole "
            "log, from its beginning to the new month's end"
        )
    summary = rfm_summary(lines, calibration_end=day, time_unit=model.time_unit)
    notes = [*_notes(model, ledger, day, summary), *_population(model, summary)]
    horizon = model.horizon_days if horizon_days is None else float(horizon_days)
    table = model.customer_table(summary, horizon_days=horizon)
    return Scored(table.assign(as_of=day.isoformat())[[*COLUMNS]], ledger, notes)


def check_target(out: Path, *inputs: Path) -> None:
    """ScoreError where ``out`` is one of the inputs, no table, or a file that ``clv score`` has not written."""
    if out.suffix.lower() not in (".csv", ".parquet"):
        raise ScoreError(f"--out {out}: the table is written as .csv or .parquet")
    if not out.parent.is_dir():
        raise ScoreError(f"--out {out}: there is no folder {out.parent}")
    if any(out.exists() and path.exists() and out.samefile(path) for path in inputs):
        raise ScoreError(f"--out {out} is what is read; choose another name")
    if out.exists() and not _ours(out):
        raise ScoreError(f"--out {out} is there already, and no earlier clv score wrote it; choose another name")


def write_scored(table: pd.DataFrame, out: Path) -> None:
    """As CSV, safe in a spreadsheet, or as Parquet; whole or not at all."""
    part = out.with_name(f".{out.stem}.part{out.suffix}")
    try:
        if out.suffix.lower() == ".csv":
            write_csv(table, part)
        else:
            table.to_parquet(part, index=False)
        os.replace(part, out)
    finally:
        part.unlink(missing_ok=True)


def _value_model(path: Path) -> ValueModel:
    try:
        model = load_model(path)
    except ModelFileError as error:
        raise ScoreError(str(error)) from None
    if not isinstance(model, ValueModel):
        raise ScoreError(
            f"{path} holds a {type(model).__name__} alone; a value needs a spend model, a margin and a discount rate "
            "too: save a clvlib.value.ValueModel, or take models/<dataset>.json of a report"
        )
    return model


def _read(path: Path, scenario: Path | None) -> Ledger:
    options: dict[str, Any] = {}
    columns = None
    if scenario is not None:
        log = log_section(scenario)
        options, columns = log.options() | {"keep_columns": []}, log.columns or None  # no rejected row is written
    try:
        return read_transactions(path, columns, **options)
    except LogError as error:
        where = (
            f"below data in {scenario}"
            if scenario
            else "in the section data of a scenario (copy params/my_shop.example.yaml) given with --scenario"
        )
        raise ScoreError(f"{error.source}: {error.problem}. Remedy, {where}: {in_yaml(error.remedy)}.") from None
    except OSError as error:
        raise ScoreError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, LookupError) as error:
        raise ScoreError(f"{path} cannot be read with these options: {error}") from None


def _notes(model: ValueModel, ledger: Ledger, day: datetime.date, summary: pd.DataFrame) -> list[str]:
    notes = [
        f"of the fit, {type(part).__name__}: {note}" for part in (model.purchases, model.spend) for note in part.notes_
    ]
    if ledger.currency == "XXX":
        notes.append(f"the log does not say its currency; its amounts are taken for {model.currency}, the model's")
    elif ledger.currency != model.currency:
        notes.append(
            f"WARNING: the log is in {ledger.currency}, the model in {model.currency}: expected_spend and clv are "
            f"wrong unless the amounts are {model.currency} after all"
        )
    if day.isoformat() < model.calibration_end:
        notes.append(
            f"WARNING: as of {day} the model, fitted to {model.calibration_end}, knows the future of these customers; "
            "the table is no forecast"
        )
    later = ledger.lines["timestamp"] >= pd.Timestamp(day) + pd.Timedelta(days=1)
    if later.any():
        notes.append(f"{int(later.sum()):,} lines after {day} were not looked at")
    left_out = ledger.lines["customer_id"].nunique() - len(summary)
    if left_out:
        notes.append(f"{left_out:,} customers without a purchase by {day} are not in the table")
    worthless = int(((summary["frequency"] > 0) & (summary["monetary_value"] <= 0)).sum())
    if worthless:
        notes.append(
            f"{worthless:,} customer{'' if worthless == 1 else 's'} sent back what was bought after the first "
            "purchase: expected_spend is that of a new customer"
        )
    return notes


def _population(model: ValueModel, summary: pd.DataFrame) -> list[str]:
    return [
        f"WARNING: these customers look unlike those of the model: {difference}; consider fitting it anew"
        for difference in model.population_check(summary)
    ]


def _day(text: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise ScoreError(f"--as-of {text!r} is no date; write it as 2026-06-30") from None


def _ours(path: Path) -> bool:
    """Whether a file is a table of an earlier run, which a new one may replace."""
    try:
        if path.suffix.lower() == ".parquet":
            import pyarrow.parquet as pq

            return pq.read_schema(path).names == [*COLUMNS]
        with path.open(encoding="utf-8-sig") as file:
            return file.readline().strip().split(",") == [*COLUMNS]
    except (OSError, ValueError):
        return False
