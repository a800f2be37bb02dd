"""A scenario: which chapters, on which data, with which parameters; checked as a whole before anything runs.

Everything that is wrong is told at once, with its line and the nearest name that would be right, since a run may
take minutes and each of its mistakes would otherwise cost another one.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from clvlib.datasets import AVAILABLE, load, status_table
from clvlib.reporting.parameters import Chapter
from clvlib.reporting.yaml12 import Block, Scalar, YamlError, plain, read_yaml
from clvlib.transactions import Ledger, LogError, read_transactions

__all__ = ["Log", "Scenario", "ScenarioError", "chosen", "in_yaml", "load_scenario", "log_section"]

_LOGS = (".csv", ".txt", ".parquet", ".xlsx", ".xls")
_FOLDER_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,60}", re.ASCII)


class ScenarioError(ValueError):
    """The scenario cannot be run; ``problems`` has one line each. ``refused`` is the log's error where that is one."""

    def __init__(self, path: Path, problems: list[str], refused: LogError | None = None) -> None:
        self.problems = problems
        self.refused = refused
        head = f"{path} has {len(problems)} problem{'s' if len(problems) > 1 else ''}; nothing was run"
        super().__init__("\n".join([head, *(f"  - {problem}" for problem in problems)]))


def _as_written(value: Any) -> Any:
    """A scalar's text, for fields that are text: ``sheet: 2024-01`` is no number and no date."""
    if isinstance(value, Scalar):
        return None if value.value is None else value.text
    return [_as_written(entry) for entry in value] if isinstance(value, list) else _entries(value)


def _as_read(value: Any) -> Any:
    return plain(value)


def _entries(value: Any) -> Any:
    return value.entries if isinstance(value, Block) else value


def _texts(value: Any) -> Any:
    return {key: _as_written(entry) for key, entry in value.entries.items()} if isinstance(value, Block) else value


_Text = Annotated[str, BeforeValidator(_as_written)]
_OptionalText = Annotated[str | None, BeforeValidator(_as_written)]


class Log(BaseModel):
    """An analyst's own log. Every field but ``name`` and ``path`` goes to ``read_transactions`` as it is."""

    model_config = ConfigDict(extra="forbid")

    name: _Text
    path: _Text
    columns: Annotated[dict[str, str | None], BeforeValidator(_texts)] = {}
    currency: _OptionalText = None
    date_format: Annotated[str | list[str], BeforeValidator(_as_written)] = "ISO8601"
    timezone: _Text = "UTC"
    returns: Annotated[Literal["net", "apart", "reject"], BeforeValidator(_as_written)] = "net"
    duplicates: Annotated[Literal["keep", "reject"], BeforeValidator(_as_written)] = "keep"
    zero_amounts: Annotated[Literal["keep", "reject"], BeforeValidator(_as_written)] = "keep"
    cancellations: _OptionalText = None
    rates: Annotated[dict[str, float] | None, BeforeValidator(_as_read)] = None
    as_of: _OptionalText = None
    max_rejected_share: Annotated[float, BeforeValidator(_as_read)] = 0.5
    encoding: _Text = "utf-8"
    separator: _Text = ","
    decimal: _Text = "."
    thousands: _Text = ""
    sheet: Annotated[str | int | None, BeforeValidator(_as_read)] = None
    keep_columns: Annotated[list[str] | None, BeforeValidator(_as_written)] = None

    def options(self) -> dict[str, Any]:
        """What ``read_transactions`` gets behind its first two arguments."""
        options = self.model_dump(exclude={"name", "path", "columns"})
        # Columns nobody has mapped may hold names and addresses: what a report writes has those alone it is asked for.
        return options | {"keep_columns": self.keep_columns or []}


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    title: _Text
    parameters: Annotated[dict[str, Any], BeforeValidator(_entries)] = {}
    overrides: Annotated[dict[str, Any], BeforeValidator(_entries)] = {}
    chapters: Annotated[list[str] | None, BeforeValidator(_as_written)] = None
    data: Annotated[Log | None, BeforeValidator(_entries)] = None


@dataclass
class Scenario:
    """A scenario that can be run. ``parameters`` holds all declared ones of each chapter, as resolved, by stem;
    ``given`` the names among them that the scenario sets. ``ledger`` is the analyst's own log, if there is one."""

    path: Path
    title: str
    chapters: list[Chapter]
    parameters: dict[str, dict[str, Any]]
    given: dict[str, list[str]]
    log: Log | None = None
    log_path: Path | None = None
    ledger: Ledger | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        return self.path.stem


def load_scenario(path: Path, chapters: list[Chapter], *, quick: bool = False) -> Scenario:
    """Read and check a scenario against the chapters' declared parameters, and read the analyst's own log.

    With ``quick`` every parameter but ``dataset`` keeps its declared default, which is small enough for a trial.

    Raises
    ------
    ScenarioError
        With every problem there is: file, YAML, unknown names, wrong types, values out of range, unknown chapters
        and data sets, missing files, a log that :func:`clvlib.transactions.read_transactions` refuses.
    """
    document, block, problems = _parsed(path)
    check = _Check(path.parent, chapters, block, problems)
    selected = check.selected(document)
    given = check.given(document, selected)
    if quick:
        given = {stem: {key: values[key] for key in values if key == "dataset"} for stem, values in given.items()}
    resolved = {
        chapter.stem: {name: parameter.default for name, parameter in chapter.parameters.items()} | given[chapter.stem]
        for chapter in selected
    }
    ledger, log_path = None, None
    if document.data is None and isinstance(wrong := block.entries.get("data"), Block):
        check.place(wrong)  # the log cannot be read with options that are wrong, but where it lies can be seen
    if document.data is not None:
        log_path, ledger = check.log(document.data, shared_dataset="dataset" in document.parameters)
    check.datasets(resolved, given, own=document.data is not None)
    if check.problems:
        raise ScenarioError(path, check.problems, check.refused)
    return Scenario(
        path=path,
        title=document.title,
        chapters=selected,
        parameters=resolved,
        given={stem: list(given[stem]) for stem in resolved},
        log=document.data,
        log_path=log_path,
        ledger=ledger,
    )


def log_section(path: Path) -> Log:
    """How a scenario's section ``data`` says that a log is to be read; where its own log lies does not matter.

    ScenarioError: no such file, a file that is no scenario, no section ``data``, or a wrong entry in it.
    """
    document, block, problems = _parsed(path)
    if document.data is None and "data" not in block.entries:
        problems = ["it has no section data, which says how a log is to be read"]
    if document.data is None:
        raise ScenarioError(path, problems)
    return document.data


def chosen(names: Iterable[str], chapters: list[Chapter]) -> tuple[list[Chapter], list[str]]:
    """The chapters called ``names`` (stem, number or part), in order, and what is wrong with the names."""
    names, known = list(names), sorted({name for chapter in chapters for name in chapter.names})
    problems = [f"there is no chapter {name!r}{_nearest(name, known)}" for name in names if name not in known]
    return [chapter for chapter in chapters if set(names) & set(chapter.names)], problems


def _parsed(path: Path) -> tuple[_Document, Block, list[str]]:
    """The sections that can be understood, and what is wrong with the others."""
    if path.suffix.lower() in _LOGS:
        remedy = "copy params/my_shop.example.yaml, put the log's name behind path, and run the copy"
        raise ScenarioError(path, [f"this is a log, not a scenario: {remedy}"])
    try:
        block = read_yaml(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        near = _nearest(path.name, [other.name for other in path.parent.glob("*.y*ml")])
        raise ScenarioError(path, [f"there is no such file{near}"]) from None
    except OSError as error:
        raise ScenarioError(path, [f"it cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError as error:
        raise ScenarioError(path, [f"it is not UTF-8 text (byte {error.start}); save it as UTF-8"]) from None
    except YamlError as error:
        raise ScenarioError(path, [_at(error.line, str(error))]) from None
    if not isinstance(block, Block):
        raise ScenarioError(path, ["it must be a mapping, beginning with `title: ...`"])
    try:
        return _Document.model_validate(block.entries), block, []
    except ValidationError as error:
        errors = error.errors()
    wrong = {problem["loc"][0] for problem in errors}
    rest = {"title": ""} | {key: entry for key, entry in block.entries.items() if key not in wrong}
    return _Document.model_validate(rest), block, [_in_words(problem, block) for problem in errors]


class _Check:
    """Collects problems, each once, in the order of the file."""

    def __init__(self, folder: Path, chapters: list[Chapter], block: Block, problems: list[str]) -> None:
        self.folder = folder
        self.chapters = chapters
        self.block = block
        self.problems = problems
        self.refused: LogError | None = None

    def add(self, line: int | None, problem: str) -> None:
        if (told := _at(line, problem)) not in self.problems:
            self.problems.append(told)

    def selected(self, document: _Document) -> list[Chapter]:
        if document.chapters is None:
            return self.chapters
        selected, problems = chosen(document.chapters, self.chapters)
        for problem in problems:
            self.add(self.block.lines["chapters"], problem)
        if not document.chapters:
            self.add(self.block.lines["chapters"], "chapters: the list is empty; leave it out to run all")
        return selected

    def given(self, document: _Document, selected: list[Chapter]) -> dict[str, dict[str, Any]]:
        """What the scenario sets for every chapter, shared values first and the chapter's own last."""
        given: dict[str, dict[str, Any]] = {chapter.stem: {} for chapter in self.chapters}
        if document.parameters:
            self._spread(self.block.entries["parameters"], self.chapters, selected, given, "any chapter")
        # Parts before single chapters, so that what is said of a chapter wins.
        for name in sorted(document.overrides, key=lambda name: "." in name or name in given):
            line = self.block.entries["overrides"].lines[name]
            meant, problems = chosen([name], self.chapters)
            for problem in problems:
                self.add(line, problem)
            values = document.overrides[name]
            if not isinstance(values, Block):
                self.add(line, f"{name}: must be a mapping of parameters, such as {{margin_rate: 0.3}}")
            elif meant:
                self._spread(values, meant, selected, given, name)
        return given

    def _spread(
        self,
        block: Block,
        meant: list[Chapter],
        selected: list[Chapter],
        given: dict[str, dict[str, Any]],
        where: str,
    ) -> None:
        known = sorted({name for chapter in meant for name in chapter.parameters})
        for name, raw in block.entries.items():
            if name not in known:
                self.add(block.lines[name], f"{name}: no parameter of {where} has this name{_nearest(name, known)}")
            text = raw.text if isinstance(raw, Scalar) else None
            refused: dict[str, list[str]] = {}
            for chapter in meant:
                if name not in chapter.parameters:
                    continue
                value = _texts_in(raw, chapter, name)
                try:
                    given[chapter.stem][name] = chapter.parameters[name].checked(value, text=text)
                except ValueError as error:
                    if chapter in selected:
                        refused.setdefault(str(error), []).append(chapter.number)
            for problem, numbers in refused.items():
                self.add(block.lines[name], f"{name} {problem} (chapter {', '.join(numbers)})")

    def log(self, log: Log, *, shared_dataset: bool) -> tuple[Path, Ledger | None]:
        lines = self.block.entries["data"].lines
        if shared_dataset:
            self.add(self.block.entries["parameters"].lines["dataset"], "dataset: the section data says already which")
        path = self.place(self.block.entries["data"])
        if not path.exists():
            return path, None
        try:
            return path, read_transactions(path, log.columns or None, **log.options())
        except LogError as error:
            self.refused = error
            self.add(None, f"{error.source}: {error.problem}. Remedy, below data: {in_yaml(error.remedy)}.")
        except OSError as error:
            self.add(lines["path"], f"path: {path} cannot be read: {error.strerror or error}")
        except (ValueError, LookupError) as error:  # of an option that only the reader knows to be wrong
            self.add(None, f"data: the log cannot be read with these options: {error}")
        return path, None

    def place(self, data: Block) -> Path | None:
        """Where the log lies; what is wrong with its name and its path is noted."""
        name, path = (_as_written(data.entries.get(key)) for key in ("name", "path"))
        if isinstance(name, str) and not _FOLDER_NAME.fullmatch(name):
            self.add(data.lines["name"], f"name: {name!r} becomes a file's name; use letters, digits, - and _")
        if not isinstance(path, str):
            return None
        found = self.folder / Path(path).expanduser()
        if not found.exists():
            folder = found.parent
            near = _nearest(found.name, [other.name for other in folder.glob("*")] if folder.is_dir() else [])
            self.add(data.lines["path"], f"path: there is no file {found}{near}")
        return found

    def datasets(self, resolved: dict[str, dict[str, Any]], given: dict[str, dict[str, Any]], *, own: bool) -> None:
        """Every chapter's data set is a known one or a path that can be read; it starts at the scenario's folder."""
        tried: set[Path] = set()
        for stem, parameters in resolved.items():
            name = parameters.get("dataset")
            if name is None or name in AVAILABLE or (own and "dataset" not in given[stem]):
                continue
            path = self.folder / Path(name).expanduser()
            if path.exists():
                parameters["dataset"] = given[stem]["dataset"] = str(path.resolve())
                if path not in tried:
                    tried.add(path)
                    self._try(name, path)
                continue
            if name in set(status_table()["name"]):
                told = "other shops' sessions and no customers, so that no chapter can run on it"
                self.add(None, f"dataset: {name} holds {told}; chapter 1.2 shows it with session_logs: [{name}]")
                continue
            known = f"{_nearest(name, AVAILABLE)} (known: {', '.join(AVAILABLE)})"
            self.add(None, f"dataset: there is no data set and no file {name!r}{known}")

    def _try(self, name: str, path: Path) -> None:
        try:
            load(path)
        except LogError as error:
            self.add(None, f"dataset: {error}")
        except (OSError, ValueError) as error:
            self.add(None, f"dataset: {name} cannot be read: {getattr(error, 'strerror', None) or error}")


def in_yaml(remedy: str) -> str:
    """A remedy as a scenario says it, where it is given as an argument of ``read_transactions``.

    >>> in_yaml("say separator=';', or leave it out with columns={'Sum': None}")
    "say separator: ';', or leave it out with columns: {'Sum': null}"
    """
    options = "|".join(Log.model_fields)
    return re.sub(rf"\b({options})=(?=\S)", r"\1: ", remedy).replace(": None}", ": null}")


def _texts_in(raw: Any, chapter: Chapter, name: str) -> Any:
    """The plain value; in a list of text, as declared by its default, scalars as they were written."""
    default = chapter.parameters[name].default
    of_text = isinstance(default, list) and default and all(isinstance(entry, str) for entry in default)
    return _as_written(raw) if of_text and isinstance(raw, list) else plain(raw)


def _in_words(problem: dict[str, Any], block: Block) -> str:
    """One pydantic error as a sentence with its line."""
    *outer, key = problem["loc"] or ("",)
    line, inside = None, block
    for step in problem["loc"]:
        if not isinstance(inside, Block) or step not in inside.entries:
            break
        line, inside = inside.lines[step], inside.entries[step]
    where = ".".join(str(step) for step in problem["loc"])
    if problem["type"] == "missing":
        return _at(line, f"{where} is missing")
    if problem["type"] == "extra_forbidden":
        model = Log if outer else _Document
        return _at(line, f"{where} is not known here{_nearest(str(key), list(model.model_fields))}")
    shown = plain(problem["input"])
    return _at(line, f"{where} is {shown!r}: {problem['msg'][0].lower()}{problem['msg'][1:]}")


def _at(line: int | None, problem: str) -> str:
    return problem if line is None else f"line {line}: {problem}"


def _nearest(name: str, known: Iterable[str]) -> str:
    near = next(_close(name, list(known)), None)
    return f"; did you mean {near}?" if near else ""


def _close(name: str, known: list[str]) -> Iterator[str]:
    by_lower = {other.lower(): other for other in known}
    for near in difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.5):
        yield by_lower[near]
