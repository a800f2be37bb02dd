"""YAML that means what it looks like, and remembers how and where it was written.

YAML 1.2: ``1e5`` is a number, ``no`` and ``12:30`` are text. Every scalar keeps its text, so that ``012`` and
``1.10`` are still themselves where text is wanted, and its line, so that a message can point there. A key twice
is an error.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

__all__ = ["Block", "Scalar", "YamlError", "plain", "read_yaml", "write_yaml"]

_DEEPEST = 20
_MOST = 100_000  # values; a few lines of aliases to aliases make billions


class YamlError(ValueError):
    """The text is not the YAML it should be; ``line`` says where (from 1, None where unknown)."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class Scalar:
    """A single value with its text as written."""

    value: Any
    text: str
    line: int


@dataclass
class Block:
    """A mapping with the line of each key."""

    entries: dict[str, Any] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)


def read_yaml(text: str) -> Any:
    """The document as :class:`Block`, list and :class:`Scalar`; None where it is empty.

    >>> block = read_yaml("rate: 1e5  # large\\nanswer: no\\nid: 012")
    >>> plain(block)
    {'rate': 100000.0, 'answer': 'no', 'id': 12}
    >>> block.entries["id"].text
    '012'
    >>> read_yaml("a: 1\\na: 2")
    Traceback (most recent call last):
    ...
    clvlib.reporting.yaml12.YamlError: the key a stands there twice (first in line 1)
    """
    try:
        node = YAML(typ="safe", pure=True).compose(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        said = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise YamlError(f"this is not YAML: {said}", mark.line + 1 if mark else None) from None
    return None if node is None else _read(node, 0, itertools.count())


def plain(value: Any) -> Any:
    """The same as dict, list and values, as any YAML 1.2 reader would give it."""
    value = value.entries if isinstance(value, Block) else value
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    return value.value if isinstance(value, Scalar) else value


def write_yaml(values: dict[str, Any], path: Path) -> None:
    """Write flat values so that YAML 1.1 readers, Papermill's among them, read what a YAML 1.2 reader does."""
    path.write_text("".join(f"{name}: {_written(value)}\n" for name, value in values.items()), encoding="utf-8")


def _written(value: Any) -> str:
    """JSON, which is YAML, but for the float that 1.1 takes for text when it has no point.

    >>> _written([1e-07, "no", True])
    '[1.0e-07, "no", true]'
    """
    if isinstance(value, list):
        return f"[{', '.join(_written(entry) for entry in value)}]"
    text = json.dumps(value, ensure_ascii=False)
    return text.replace("e", ".0e") if isinstance(value, float) and "." not in text else text


def _read(node: Node, depth: int, counter: Iterator[int]) -> Any:
    line = node.start_mark.line + 1
    if next(counter) >= _MOST:
        raise YamlError(f"there are more than {_MOST:,} values", line)
    if depth > _DEEPEST:
        raise YamlError("this is nested too deeply, or within itself", line)
    if isinstance(node, SequenceNode):
        return [_read(entry, depth + 1, counter) for entry in node.value]
    if isinstance(node, ScalarNode):
        return _scalar(node, line)
    if not isinstance(node, MappingNode):
        raise YamlError("this is neither a value, a list nor a mapping", line)
    block = Block()
    for key_node, value_node in node.value:
        key_line = key_node.start_mark.line + 1
        if not isinstance(key_node, ScalarNode):
            raise YamlError("a key must be a single word or text", key_line)
        key = key_node.value
        if key in block.entries:
            raise YamlError(f"the key {key} stands there twice (first in line {block.lines[key]})", key_line)
        block.entries[key] = _read(value_node, depth + 1, counter)
        block.lines[key] = key_line
    return block


def _scalar(node: ScalarNode, line: int) -> Scalar:
    text = node.value
    kind = node.tag.rpartition(":")[2]
    try:
        return Scalar(_MEANING.get(kind, str)(text), text, line)
    except ValueError:  # not a number after all, such as 1_000, which YAML 1.2 reads as text
        return Scalar(text, text, line)


def _whole(text: str) -> int:
    if "_" in text:
        raise ValueError(text)
    digits = text.lstrip("+-")
    base = {"0o": 8, "0x": 16}.get(digits[:2], 10)
    return int(text, base)


def _number(text: str) -> float:
    if "_" in text:
        raise ValueError(text)
    special = {".inf": math.inf, ".nan": math.nan}.get(text.lstrip("+-").lower())
    if special is None:
        return float(text)
    return -special if text.startswith("-") else special


_MEANING: dict[str, Callable[[str], Any]] = {
    "int": _whole,
    "float": _number,
    "bool": lambda text: text.lower() == "true",
    "null": lambda text: None,
}
