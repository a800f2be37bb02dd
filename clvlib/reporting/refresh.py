"""Execute the stored chapters in place, so that they read well where they lie.

A chapter is stored executed, with its figures. Whatever differs between two runs of the same code (time stamps,
random identifiers, the interpreter's patch version) is taken out, so that a second refresh changes no byte and a
``git diff`` after a refresh shows exactly what a change did to the results.
"""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from clvlib.reporting.execute import Kernels, execute

__all__ = ["RefreshError", "normalise", "refresh"]

_KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}


class RefreshError(RuntimeError):
    """A chapter could not be refreshed; the message names the chapter, the cell and the reason."""


def refresh(paths: Iterable[Path], *, check: bool = False, timeout: float = 600) -> list[Path]:
    """Execute every notebook with its own defaults; return the paths whose bytes changed.

    With ``check`` nothing is written: the returned list says what a refresh would change. A notebook is replaced
    whole or not at all. :class:`RefreshError` if a cell raises, the kernel dies, or something is written to stderr
    (nbval could never reproduce it).
    """
    changed = []
    paths = [Path(path) for path in paths]
    with Kernels(fork=len(paths) > 1) as kernels:  # a fork server's imports pay from the second chapter on
        for path in paths:
            before = path.read_text(encoding="utf-8")
            after = nbformat.writes(normalise(_executed(path, kernels, timeout))) + "\n"
            if after != before:
                changed.append(path)
                if not check:
                    _replace(path, after)
    return changed


def normalise(notebook: NotebookNode) -> NotebookNode:
    """Keep what the reader sees and nbval compares; drop what differs between two runs. Changes its argument.

    Execution counts stay: nbval silently compares nothing in a cell that has none.
    """
    notebook.metadata = NotebookNode(kernelspec=_KERNELSPEC, language_info={"name": "python"})
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        cell.metadata = NotebookNode(tags=tags) if tags else NotebookNode()
        if cell.cell_type == "code":
            cell.outputs = _joined_streams(cell.outputs)
        for output in cell.get("outputs", []):
            if output.output_type in ("display_data", "execute_result"):
                output.metadata = {key: value for key, value in output.metadata.items() if key == "image/png"}
    return notebook


def _executed(path: Path, kernels: Kernels, timeout: float) -> NotebookNode:
    with tempfile.TemporaryDirectory() as folder:
        done = execute(
            path, Path(folder) / path.name, parameters={}, handover=Path(folder), kernels=kernels, timeout=timeout
        )
    if done.error is not None or done.notebook is None:
        raise RefreshError(f"{path}: {done.error['message'] if done.error else 'nothing was executed'}")
    for number, cell in enumerate(done.notebook.cells, start=1):
        for output in cell.get("outputs", []):
            if output.output_type == "stream" and output.name == "stderr":
                raise RefreshError(f"{path}: cell {number} writes to stderr: {output.text.strip()[:300]}")
    return done.notebook


def _joined_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """One stream where the kernel sent several in a row: how it cuts them is chance."""
    joined: list[NotebookNode] = []
    for output in outputs:
        if joined and output.output_type == "stream" == joined[-1].output_type and output.name == joined[-1].name:
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def _replace(path: Path, text: str) -> None:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, suffix=".part", delete=False) as part:
        part.write(text)
    os.chmod(part.name, 0o644)
    os.replace(part.name, path)
