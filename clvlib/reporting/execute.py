"""One notebook through Papermill, and an honest judgement of how it ended.

Papermill calls a notebook a success when a cell ran ``sys.exit(0)``, and marks every cell completed when the kernel
died. So a chapter is good only if three things hold: no exception came, Papermill noted none, and every code cell
is completed and has an execution count.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from queue import Empty
from typing import Any

import nbformat
from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import ensure_event_loop
from nbformat import NotebookNode

from clvlib.reporting.forkserver import ForkServer, ForkserverError
from clvlib.reporting.hand_over import ENVIRONMENT

__all__ = ["DISK_FULL", "KERNEL_ENVIRONMENT", "Execution", "Kernels", "Stopped", "execute"]

#: What a kernel needs to compute the same anywhere: one thread, one locale, one time zone, a quiet TensorFlow.
KERNEL_ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "CUDA_VISIBLE_DEVICES": "-1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "TZ": "UTC",
    "LC_ALL": "C.UTF-8",
    # What ipykernel sets where it is unset, which in the fork server has to be before matplotlib is imported.
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
}

#: Numbers of the errors for no space, no quota left, and a file larger than this process may write.
DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

#: A Unix socket's path must fit into 108 bytes; jupyter_client appends "-ipc-1" to the connection file's stem.
_LONGEST_SOCKET = 90
_BANNER = "papermill-error-cell-tag"


class Stopped(RuntimeError):
    """The run was stopped while this chapter was at work; what it has done so far does not count."""


@dataclass
class Execution:
    """How one notebook ran: ``error`` is None or ``{"kind", "message", "cell"}``, times in seconds, memory in MB."""

    notebook: NotebookNode | None = None
    error: dict[str, Any] | None = None
    seconds: float = 0.0
    peak_mb: float | None = None
    forked: bool = False
    why_not_forked: str | None = None
    cells: list[tuple[float, float]] = field(default_factory=list)

    @property
    def overhead_seconds(self) -> float:
        """What was not spent inside a cell."""
        return max(0.0, self.seconds - sum(end - start for start, end in self.cells))


class Kernels:
    """Where the kernels of one run come from, and the certainty that none is left behind.

    ``fork=False`` uses ordinary kernels only. Use as a context manager; :meth:`stop` may be called from any thread.
    """

    def __init__(self, *, fork: bool = True) -> None:
        self.environment = {key: value for key, value in os.environ.items() if key != "PYTEST_CURRENT_TEST"}
        self.environment |= KERNEL_ENVIRONMENT
        self.folder = Path(tempfile.mkdtemp(prefix="clv-"))
        self.stopped = threading.Event()
        self.server: ForkServer | None = None
        self._live: set[_Manager] = set()
        self._lock = threading.Lock()
        if fork:
            with contextlib.suppress(ForkserverError, OSError):
                self.server = ForkServer(self.environment)

    def __enter__(self) -> Kernels:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self.server is not None:
            self.server.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def stop(self) -> None:
        """Kill every kernel and let none start any more."""
        self.stopped.set()
        with self._lock:
            live = list(self._live)
        for manager in live:
            manager.kill_group()

    def manager_class(self, handover: Path, execution: Execution, *, fork: bool) -> type[_Manager]:
        """A kernel manager for one chapter. A class, since Papermill never shuts down a manager it was handed."""
        environment = {**self.environment, ENVIRONMENT: str(handover)}
        server = self.server if fork else None
        return type(
            "ChapterKernelManager",
            (_Manager,),
            {"kernels": self, "chapter_environment": environment, "fork_server": server, "execution": execution},
        )


class _Client(AsyncKernelClient):
    """Ready when it has an answer on both channels.

    The base class then listens for another 0.2 s, to throw away what nbclient does not look at anyway: messages that
    are no answer to a cell of its.
    """

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        deadline = time.monotonic() + (timeout or float("inf"))
        while time.monotonic() < deadline:
            self.kernel_info()
            with contextlib.suppress(Empty):
                answer = await self.shell_channel.get_msg(timeout=1)
                if answer["msg_type"] == "kernel_info_reply":
                    await self.iopub_channel.get_msg(timeout=0.2)
                    self._handle_kernel_info_reply(answer)
                    return
            if not await self._async_is_alive():
                raise RuntimeError("it died before it answered")
        raise RuntimeError(f"it did not answer in {timeout:.0f} seconds")


class _Manager(AsyncKernelManager):
    """Talks over Unix sockets where there are any: parallel kernels race for TCP ports, and lose."""

    kernels: Kernels
    chapter_environment: dict[str, str]
    fork_server: ForkServer | None
    execution: Execution

    def __init__(self, **options: Any) -> None:
        connection_file = str(self.kernels.folder / f"{uuid.uuid4().hex[:8]}.json")
        short = os.name == "posix" and len(connection_file) < _LONGEST_SOCKET
        super().__init__(**options, connection_file=connection_file, transport="ipc" if short else "tcp")
        self.client_factory = _Client

    @property
    def kernel_spec(self):
        spec = super().kernel_spec
        spec.metadata = {**spec.metadata, "kernel_provisioner": {"provisioner_name": "clv-forkserver"}}
        return spec

    async def start_kernel(self, **options: Any) -> None:
        options |= {"env": dict(self.chapter_environment)}
        options |= {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with self.kernels._lock:
            self.kernels._live.add(self)
        if self.kernels.stopped.is_set():
            raise Stopped
        await super().start_kernel(**options)
        self.execution.forked, self.execution.why_not_forked = self.provisioner.forked, self.provisioner.reason
        if self.kernels.stopped.is_set():  # since the first look, and perhaps before there was a process to kill
            self.kill_group()

    async def shutdown_kernel(self, *arguments: Any, **options: Any) -> None:
        self.note_peak()
        await super().shutdown_kernel(*arguments, **options)

    def note_peak(self) -> None:
        """The kernel's peak memory so far; nothing where it is gone already."""
        pid = getattr(self.provisioner, "pid", None)
        with contextlib.suppress(OSError, StopIteration, ValueError):
            status = Path(f"/proc/{pid}/status").read_text()
            peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
            self.execution.peak_mb = round(int(peak.split()[1]) / 1024, 1)

    def exit_code(self) -> int | None:
        process = getattr(self.provisioner, "process", None)
        return None if process is None else process.poll()

    def kill_group(self) -> None:
        """End the kernel and all it has started."""
        provisioner = self.provisioner
        process = getattr(provisioner, "process", None)
        if process is None or process.poll() is not None:
            return
        for kill in (os.killpg, os.kill) if os.name == "posix" else ():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                kill(process.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            process.kill()


def execute(
    source: Path, target: Path, *, parameters: dict[str, Any], handover: Path, kernels: Kernels, timeout: float
) -> Execution:
    """Execute ``source`` with ``parameters`` into ``target``, which says after each cell how far it came.

    ``timeout`` is the longest a single cell may take, in seconds. A failing notebook is a result, not an exception.

    Raises
    ------
    Stopped
        If ``kernels`` was stopped meanwhile.
    OSError
        If ``target`` cannot be written.
    """
    execution = _attempt(source, target, parameters, handover, kernels, timeout, fork=True)
    never_ran = execution.error is not None and execution.error["kind"] == "kernel" and execution.forked
    if never_ran:  # whatever it is that forking did to this kernel, an ordinary one has not got it
        execution = _attempt(source, target, parameters, handover, kernels, timeout, fork=False)
    return execution


def _attempt(
    source: Path,
    target: Path,
    parameters: dict[str, Any],
    handover: Path,
    kernels: Kernels,
    timeout: float,
    *,
    fork: bool,
) -> Execution:
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    logging.getLogger("papermill").setLevel(logging.CRITICAL)  # it logs what is said here in plain words
    execution = Execution()
    manager_class = kernels.manager_class(handover, execution, fork=fork)
    started = time.monotonic()
    error: BaseException | None = None
    try:
        papermill.execute_notebook(
            _literal(source),
            _literal(target),
            parameters,
            kernel_name="python3",
            progress_bar=False,
            record_timing=False,
            shutdown_kernel="immediate",
            kernel_manager_class=manager_class,
            execution_timeout=max(1, int(timeout)),
            start_timeout=120,
        )
    except Exception as caught:
        error = caught
    finally:
        execution.seconds = time.monotonic() - started
        exit_code = _release(kernels, manager_class)
        _close_loop()
    if kernels.stopped.is_set():
        raise Stopped
    if isinstance(error, OSError) and not isinstance(error, TimeoutError):
        raise error
    notebook = nbformat.read(target, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if _BANNER not in cell.metadata.get("tags", [])]
    execution.notebook = notebook
    execution.cells = _times(notebook)
    if isinstance(error, DeadKernelError):
        execution.error = _about_death(notebook, exit_code)
    elif isinstance(error, CellTimeoutError):
        cell = _unfinished(notebook)
        message = f"Cell {cell} took longer than the {timeout:g} seconds a cell may take, and was ended."
        execution.error = {"kind": "timeout", "message": message, "cell": cell}
    else:
        execution.error = _raised(notebook) or _unexplained(notebook, error)
    return execution


def _literal(path: Path) -> str:
    """A path that Papermill's ``str.format`` gives back as it is."""
    return str(path.resolve()).replace("{", "{{").replace("}", "}}")


def _release(kernels: Kernels, manager_class: type[_Manager]) -> int | None:
    """Forget the chapter's kernel, make sure that it is gone, and tell how it ended."""
    exit_code = None
    with kernels._lock:
        mine = [manager for manager in kernels._live if isinstance(manager, manager_class)]
        kernels._live.difference_update(mine)
    for manager in mine:
        exit_code = manager.exit_code()
        manager.kill_group()
    return exit_code


def _close_loop() -> None:
    """End this thread's event loop, which jupyter_client has made and leaves open, with what still waits in it."""
    loop = ensure_event_loop()
    waiting = asyncio.all_tasks(loop)
    for task in waiting:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*waiting, return_exceptions=True))
    loop.close()
    asyncio.set_event_loop(None)


def _times(notebook: NotebookNode) -> list[tuple[float, float]]:
    """Start and end of every code cell, in seconds since the epoch."""
    times = []
    for cell in notebook.cells:
        about = cell.metadata.get("papermill", {})
        if cell.cell_type == "code" and about.get("start_time") and about.get("end_time"):
            times.append(tuple(datetime.fromisoformat(about[key]).timestamp() for key in ("start_time", "end_time")))
    return times


def _code_cells(notebook: NotebookNode) -> list[tuple[int, NotebookNode]]:
    """The cells that count, numbered as the reader sees them: ``In [n]``."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    return list(enumerate(cells, start=1))


def _unfinished(notebook: NotebookNode) -> int | None:
    """The first cell that has no end.

    The metadata of a dead or timed-out kernel claim that all are completed, but a cell that has run has a duration
    and a count, and the one that was at work is the last of those with a start.
    """
    started = [number for number, cell in _code_cells(notebook) if cell.metadata.get("papermill", {}).get("start_time")]
    return started[-1] if started else None


def _raised(notebook: NotebookNode) -> dict[str, Any] | None:
    for number, cell in _code_cells(notebook):
        for output in cell.get("outputs", []):
            if output.output_type != "error":
                continue
            if output.ename == "SystemExit":
                message = f"Cell {number} ended the chapter early with sys.exit({output.evalue})."
                return {"kind": "exit", "message": message, "cell": number}
            if "raises-exception" in cell.metadata.get("tags", []):
                continue
            said = f"{output.ename}: {output.evalue}" if output.evalue else output.ename
            if output.ename == "OSError" and any(f"[Errno {number}]" in said for number in DISK_FULL):
                said += " (the disk is full)"
            return {"kind": "error", "message": f"Cell {number} raised {said}", "cell": number}
    return None


def _unexplained(notebook: NotebookNode, error: Exception | None) -> dict[str, Any] | None:
    """The judgement where no cell says what went wrong: is it really a success?"""
    cells = _code_cells(notebook)
    completed = [n for n, cell in cells if cell.metadata.get("papermill", {}).get("status") == "completed"]
    unfinished = [n for n, cell in cells if n not in completed or cell.execution_count is None]
    if error is None and not unfinished and not notebook.metadata.get("papermill", {}).get("exception"):
        return None
    number = unfinished[0] if unfinished else None
    ran = any(cell.execution_count for _, cell in cells)
    if error is not None and not ran:
        message = f"The chapter's kernel did not start: {type(error).__name__}: {error}"
        return {"kind": "kernel", "message": message, "cell": None}
    told = f"{type(error).__name__}: {error}" if error is not None else "no reason was given"
    where = f"before cell {number} had run" if number else "although every cell has run"
    return {"kind": "incomplete", "message": f"The chapter stopped {where} ({told}).", "cell": number}


def _about_death(notebook: NotebookNode, exit_code: int | None) -> dict[str, Any]:
    cell = _unfinished(notebook)
    how = "ended without a word"
    if exit_code is not None and exit_code < 0:
        with contextlib.suppress(ValueError):
            name = signal.Signals(-exit_code).name
            how = f"was killed by signal {-exit_code} ({name})"
        if -exit_code == signal.SIGKILL:
            how += ", as the system does when memory runs out,"
    elif exit_code is not None:
        how = f"ended with exit code {exit_code}"
    return {"kind": "died", "message": f"The Python process of this chapter {how} during cell {cell}.", "cell": cell}
