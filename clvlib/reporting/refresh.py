"""Execute the stored chapters in place, so that they read well where they lie.

A chapter is stored executed, with its figures. Whatever differs between two runs of the same code (time stamps,
random identifiers, the interpreter's patch version) is taken out, so that a second refresh changes no byte and a
``git diff`` after a refresh shows exactly what a change did to the results.
"""

import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode

__all__ = ["RefreshError", "normalise", "refresh"]

#: What a kernel needs to compute the same bytes anywhere: one thread, one locale, one time zone, a quiet TensorFlow.
_ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "CUDA_VISIBLE_DEVICES": "-1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "TZ": "UTC",
    "LC_ALL": "C.UTF-8",
}
_KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}


class RefreshError(RuntimeError):
    """A chapter could not be refreshed; the message names the chapter, the cell and the reason."""


def refresh(paths: Iterable[Path], *, check: bool = False, timeout: float = 600) -> list[Path]:
    """Execute every notebook with its own defaults; return the paths whose bytes changed.

    With ``check`` nothing is written: the returned list says what a refresh would change. A notebook is replaced
    whole or not at all. :class:`RefreshError` if a cell raises, the kernel dies, or something is written to stderr
    (nbval could never reproduce it).
    """
    os.environ.update(_ENVIRONMENT)
    changed = []
    for path in paths:
        path = Path(path)
        before = path.read_text(encoding="utf-8")
        after = nbformat.writes(normalise(_execute(path, timeout))) + "\n"
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
        for output in cell.get("outputs", []):
            if output.output_type in ("display_data", "execute_result"):
                output.metadata = {key: value for key, value in output.metadata.items() if key == "image/png"}
    return notebook


def _execute(path: Path, timeout: float) -> NotebookNode:
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name="python3",
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    )
    try:
        client.execute()
    except CellExecutionError as error:
        raise RefreshError(f"{path}: a cell raised {error.ename}: {error.evalue}\n{error.traceback}") from None
    except (DeadKernelError, TimeoutError) as error:
        raise RefreshError(f"{path}: {error}") from None
    for number, cell in enumerate(notebook.cells, start=1):
        for output in cell.get("outputs", []):
            if output.output_type == "stream" and output.name == "stderr":
                raise RefreshError(f"{path}: cell {number} writes to stderr: {output.text.strip()[:300]}")
    return notebook


def _replace(path: Path, text: str) -> None:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, suffix=".part", delete=False) as part:
        part.write(text)
    os.chmod(part.name, 0o644)
    os.replace(part.name, path)


if __name__ == "__main__":
    for chapter in refresh([Path(argument) for argument in sys.argv[1:]]):
        print("refreshed", chapter)
