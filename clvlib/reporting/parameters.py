"""What a chapter declares: its parameters with type, default, range and meaning, read without running anything.

The cell tagged ``parameters`` holds typed assignments of literals. The comment behind one is for the reader, and
three phrases in it are for the machine too (``needs`` behind ``dataset`` only)::

    annual_discount_rate: float = 0.10  # per year, in [0, 1)
    payment: str = "end"                # one of begin | end
    dataset: str = "cdnow"              # needs customer_id, timestamp, amount
"""

from __future__ import annotations

import ast
import io
import math
import re
import tokenize
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from clvlib.columns import COLUMNS

__all__ = ["Chapter", "ChapterError", "Parameter", "declared", "find_chapters"]

_TYPES = {"str": str, "int": int, "float": float, "bool": bool, "list": list}
_IN_WORDS = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
}
_INTERVAL = re.compile(r"\bin\s*([\[(])\s*([^\s,\[\]()]+)\s*,\s*([^\s,\[\]()]+)\s*([\])])")
_CHOICES = re.compile(r"\bone of\s+([^,;]+)")
_NEEDS = re.compile(r"\bneeds\s+(\w+(?:\s*,\s*\w+)*)")
_STEM = re.compile(r"(\d)(\d)_\w+")


class ChapterError(ValueError):
    """A chapter's own declaration is wrong; the message names the notebook."""


@dataclass(frozen=True)
class Parameter:
    """One declared parameter. ``interval`` is as written (``"[0, 1)"``); ``needs`` are columns of the log."""

    name: str
    type: str
    default: Any
    comment: str = ""
    interval: str | None = None
    choices: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    def checked(self, value: Any, *, text: str | None = None) -> Any:
        """``value`` as this parameter's type.

        A whole number will do for a number and ``1e5`` for a whole one, since they look like it. Where text is
        declared, ``text`` (the scalar as it was written) is what counts, so that ``no``, ``012`` and ``1.10`` stay
        what they look like.

        Raises
        ------
        ValueError
            In words that can follow the parameter's name.

        >>> Parameter("rate", "float", 0.1, interval="[0, 1)").checked(1)
        Traceback (most recent call last):
        ...
        ValueError: is 1, but must be in [0, 1)
        """
        shown = repr(value) if text is None else text
        if self.type == "str" and not isinstance(value, (str, list, dict)) and value is not None and text is not None:
            value = text
        elif self.type == "float" and isinstance(value, int) and not isinstance(value, bool):
            try:
                value = float(value)
            except OverflowError:
                value = math.inf
        elif self.type == "int" and isinstance(value, float) and value.is_integer():
            value = int(value)
        wanted = _TYPES[self.type]
        if not isinstance(value, wanted) or (wanted is not bool and isinstance(value, bool)):
            raise ValueError(f"is {shown}, but must be {_IN_WORDS[self.type]}")
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"is {shown}, but must be a finite number")
        if self.interval and isinstance(value, list) and not all(type(entry) in (int, float) for entry in value):
            raise ValueError(f"is {shown}, but must be a list of numbers")
        if self.interval and not _within(value, self.interval):
            raise ValueError(f"is {shown}, but must be in {self.interval}")
        if self.choices and str(value) not in self.choices:
            raise ValueError(f"is {shown}, but must be one of {', '.join(self.choices)}")
        return value


@dataclass(frozen=True)
class Chapter:
    """One notebook: ``stem`` ``31_discounted_clv``, ``part`` ``3_value``, ``number`` ``3.1``."""

    path: Path
    parameters: dict[str, Parameter] = field(repr=False)

    @property
    def stem(self) -> str:
        return self.path.stem

    @property
    def part(self) -> str:
        return self.path.parent.name

    @property
    def number(self) -> str:
        return f"{self.stem[0]}.{self.stem[1]}"

    @property
    def names(self) -> tuple[str, str, str]:
        """What a scenario or ``--only`` may call it: stem, number or the part it is in."""
        return self.stem, self.number, self.part

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns of the log without which the chapter has nothing to work on."""
        return self.parameters["dataset"].needs if "dataset" in self.parameters else ()


def find_chapters(notebooks: Path) -> list[Chapter]:
    """Every ``<part>/<two digits>_<name>.ipynb`` below a folder, in order. :class:`ChapterError` if there is none."""
    paths = sorted(path for path in notebooks.glob("*/*.ipynb") if _STEM.fullmatch(path.stem))
    if not paths:
        raise ChapterError(f"there is no chapter below {notebooks} (looked for <part>/<two digits>_<name>.ipynb)")
    return [Chapter(path, declared(path)) for path in paths]


def declared(notebook: Path | NotebookNode) -> dict[str, Parameter]:
    """The declared parameters by name; empty where no cell is tagged ``parameters``.

    Raises
    ------
    ChapterError
        If the notebook cannot be read, the cell holds anything but typed literals, or a default breaks its own rule.
    """
    where = "the notebook"
    if isinstance(notebook, Path):
        where = str(notebook)
        try:
            notebook = nbformat.read(notebook, as_version=4)
        except Exception as error:  # nbformat raises whatever json and its validator do
            raise ChapterError(f"{where} is not a readable notebook: {error}") from None
    cells = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    if not cells:
        return {}
    if len(cells) > 1:
        raise ChapterError(f"{where} has {len(cells)} cells tagged parameters; Papermill uses the first only")
    source = cells[0].source
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise ChapterError(f"{where}: the parameters cell is not Python: {error}") from None
    comments = _comments(source)
    parameters = {}
    for statement in tree.body:
        parameter = _parameter(statement, comments, where)
        if parameter.name in parameters:
            raise ChapterError(f"{where}: the parameter {parameter.name} is declared twice")
        parameters[parameter.name] = parameter
    return parameters


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}


def _parameter(statement: ast.stmt, comments: dict[int, str], where: str) -> Parameter:
    is_plain = isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value
    if not is_plain:
        line = ast.unparse(statement).splitlines()[0]
        raise ChapterError(f"{where}: the parameters cell may hold only `name: type = literal`, not `{line}`")
    name = statement.target.id
    kind = ast.unparse(statement.annotation).partition("[")[0]
    if kind not in _TYPES:
        raise ChapterError(f"{where}: {name} is declared {kind}; known types are {', '.join(_TYPES)}")
    try:
        default = ast.literal_eval(statement.value)
    except ValueError:
        raise ChapterError(f"{where}: the default of {name} is no literal: {ast.unparse(statement.value)}") from None
    comment = comments.get(statement.end_lineno, "")
    interval = _INTERVAL.search(comment)
    if kind not in ("int", "float", "list"):
        interval = None  # of numbers within a text, say; only the chapter that reads the text can check them
    choices = _CHOICES.search(comment)
    needs = _NEEDS.search(comment) if name == "dataset" else None
    parameter = Parameter(
        name=name,
        type=kind,
        default=default,
        comment=comment,
        interval=None if interval is None else "{}{}, {}{}".format(*interval.groups()),
        choices=() if choices is None else tuple(part.strip(" `'\"") for part in choices[1].split("|")),
        needs=() if needs is None else tuple(part.strip() for part in needs[1].split(",")),
    )
    strange = [column for column in parameter.needs if column not in COLUMNS]
    if strange:
        raise ChapterError(f"{where}: {name} needs {', '.join(strange)}, which clvlib.columns does not know")
    try:
        parameter.checked(default)
    except ValueError as error:
        raise ChapterError(f"{where}: the default of {name} {error}") from None
    return parameter


def _within(value: float | str | list, interval: str) -> bool:
    low, high = (float(part) for part in interval[1:-1].split(","))
    values = value if isinstance(value, list) else [value]
    above = [low < v or (interval[0] == "[" and v == low) for v in values]
    below = [v < high or (interval[-1] == "]" and v == high) for v in values]
    return all(above) and all(below)
