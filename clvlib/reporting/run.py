"""A report: plan, execute in parallel, hand over, merge, build the site; and whatever happens, keep what is done."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
import psutil

from clvlib.reporting.execute import DISK_FULL, Execution, Kernels, execute
from clvlib.reporting.kpis import merge_kpis
from clvlib.reporting.merge import merge_customers, merge_lists, merge_models, write_csv
from clvlib.reporting.parameters import Chapter
from clvlib.reporting.plan import Task, fetch_missing, leave_out, make_plan, own_data, versions
from clvlib.reporting.scenario import Scenario
from clvlib.reporting.yaml12 import write_yaml

__all__ = ["OutputError", "prepare_output", "report", "save_rejected"]

#: The share of free memory that chapters may use together.
_MEMORY_SHARE = 0.8
#: What a report replaces in its folder; without a run.json beside them they are somebody else's.
_OURS = ("index.html", "customers", "handover", "kpis.csv", "lists", "models", "notebooks")


class OutputError(RuntimeError):
    """The output folder cannot be written; the message says which and why."""


def prepare_output(out: Path) -> None:
    """Make the output folder and see that it can be written, and that what would be replaced there is a report's.

    :class:`OutputError` if not.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / f".probe-{uuid.uuid4().hex[:8]}"
        probe.write_text("x", encoding="utf-8")
        probe.unlink()
        strange = [] if (out / "run.json").is_file() else [name for name in _OURS if (out / name).exists()]
    except OSError as error:
        blocking = next((path for path in [out, *out.parents] if path.exists() and not path.is_dir()), None)
        why = f"{blocking} is a file, not a folder" if blocking else _reason(error)
        raise OutputError(f"the output folder {out} cannot be written: {why}; choose another with --out") from None
    if strange:
        raise OutputError(
            f"the output folder {out} holds {' and '.join(strange)}, and no run.json to say that a report wrote them; "
            "nothing of it was touched; choose another with --out"
        )


def report(
    scenario: Scenario,
    out: Path,
    *,
    only: list[Chapter] | None = None,
    jobs: int | None = None,
    force: bool = False,
    fork: bool = True,
    timeout: float = 1800,
    tell: Callable[[str, dict[str, Any]], None] = lambda event, record: None,
) -> dict[str, Any]:
    """Run a checked scenario into ``out`` and return what ``run.json`` says.

    Parameters
    ----------
    only
        Chapters to execute now; what an earlier run has of the others is kept where it is still true.
    jobs
        Chapters at work at the same time; as many as there are processors, where it is not given. Fewer than that if
        memory does not hold them.
    force
        Execute also what is up to date.
    fork
        Fork kernels from one process that has the imports done, where that is possible.
    timeout
        The longest a cell may take, in seconds.
    tell
        Called in the calling thread with ``"plan"``, ``"start"`` or ``"end"`` and a chapter's record.

    Raises
    ------
    OutputError
        If the output cannot be written, at the beginning or later; what was finished before is kept.
    clvlib.transactions.LogError
        If a data set that is to be downloaded cannot be had.
    """
    prepare_output(out)
    try:
        with _alone(out):
            return _Run(scenario, out, fork=fork, timeout=timeout, tell=tell).go(only, jobs or _processors(), force)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise OutputError(
            f"the report could not be written to {out}: {_reason(error)}{where}. What is finished is kept: make "
            "room and give the same command again"
        ) from None


def save_rejected(ledger: Any, folder: Path) -> Path | None:
    """The rows of a log that were not used, for its owner; None where there are none."""
    if not len(ledger.rejected):
        return None
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(ledger.rejected, folder / "rejected.csv")
    return folder / "rejected.csv"


class _Run:
    def __init__(self, scenario: Scenario, out: Path, *, fork: bool, timeout: float, tell: Callable) -> None:
        self.scenario = scenario
        self.out = out
        self.fork = fork
        self.timeout = timeout
        self.tell = tell
        self.cells: list[tuple[float, float]] = []
        self.kernels: dict[str, Any] = {"forked": 0, "ordinary": 0, "why_ordinary": None}
        self.started = datetime.now(UTC)

    def go(self, only: list[Chapter] | None, jobs: int, force: bool) -> dict[str, Any]:
        fetch_missing(self.scenario)
        self.run = self._begin()
        previous = _previous(self.out)
        ledger = self._save_ledger()
        self.tasks = make_plan(self.scenario, self.out, ledger=ledger, previous=previous, only=only, force=force)
        self.run["chapters"] = [task.record for task in self.tasks]
        self.run |= {kind: previous.get(kind, []) for kind in ("customers", "kpis", "lists", "models")}
        self._write_run("interrupted")  # from here on the folder is a report's
        self._remove_left(previous)
        self._write_parameters()
        if not any(task.to_run for task in self.tasks):
            self._tell_plan()
            return self._finish("ok")
        with _terminable(), Kernels(fork=self.fork) as kernels:
            leave_out(self.tasks, self.scenario)  # may have to load the data, while the fork server imports
            self._tell_plan()
            todo = [task for task in self.tasks if task.to_run]
            try:
                self._execute(todo, jobs, kernels)
            except KeyboardInterrupt:
                return self._finish("interrupted")
            except OSError:
                with contextlib.suppress(OSError):
                    self._write_run("failed")
                raise
        # A failure kept from an earlier run is in the report, but this run has done what it was asked for.
        return self._finish("failed" if any(task.record["status"] == "failed" for task in todo) else "ok")

    def _tell_plan(self) -> None:
        for task in self.tasks:
            self.tell("plan", task.record | {"to_run": task.to_run})

    def _begin(self) -> dict[str, Any]:
        return {
            "run_id": f"{self.started:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}",
            "scenario": self.scenario.name,
            "title": self.scenario.title,
            "started": self.started.isoformat(timespec="seconds"),
            "finished": None,
            "status": "interrupted",
            "overhead_seconds": None,
            "kernels": self.kernels,
            "versions": versions(),
            "chapters": [],
        }

    def _save_ledger(self) -> Path | None:
        """The analyst's own log, saved once for all chapters."""
        if self.scenario.ledger is None:
            return None
        folder = self.out.resolve() / "ledger" / self.scenario.log.name
        part = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        if folder.exists() and not (folder / "ledger.json").is_file():
            raise OutputError(f"{folder} is no saved ledger and was not touched; choose another folder with --out")
        data = own_data(self.scenario)
        data.ledger.save(part)
        (part / "source.json").write_text(json.dumps(asdict(data.source), indent=1) + "\n", encoding="utf-8")
        save_rejected(data.ledger, part)
        _swap(part, folder)
        (folder.parent / "rejected.csv").unlink(missing_ok=True)  # of an attempt that was refused, and is now history
        return folder

    def _remove_left(self, previous: dict[str, Any]) -> None:
        """What an earlier run wrote of chapters that the scenario no longer has: no page would lead there."""
        here = {task.chapter.stem for task in self.tasks}
        for stem in {str(record.get("stem")) for record in previous.get("chapters", [])} - here:
            if not re.fullmatch(r"\d\d_\w+", stem):
                continue
            shutil.rmtree(self.out / "handover" / stem, ignore_errors=True)
            for name in (f"{stem}.html", f"notebooks/{stem}.ipynb", f"parameters/{stem}.yaml"):
                (self.out / name).unlink(missing_ok=True)

    def _write_parameters(self) -> None:
        folder = self.out / "parameters"
        folder.mkdir(exist_ok=True)
        for task in self.tasks:
            write_yaml(task.record["parameters"], folder / f"{task.chapter.stem}.yaml")

    def _execute(self, todo: list[Task], jobs: int, kernels: Kernels) -> None:
        waiting = sorted(todo, key=lambda task: -task.expected_seconds)
        running: dict[Future[Execution], Task] = {}
        memory = _free_memory_mb() * _MEMORY_SHARE
        with ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="clv") as pool:
            try:
                while waiting or running:
                    busy = sum(task.expected_mb for task in running.values())
                    for task in list(waiting):
                        if len(running) >= jobs or (running and busy + task.expected_mb > memory):
                            continue
                        waiting.remove(task)
                        running[pool.submit(self._chapter, task, kernels)] = task
                        busy += task.expected_mb
                        self.tell("start", task.record)
                    # A bounded wait, so that a signal is seen.
                    done, _ = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
                    for future in done:
                        self._publish(running[future], future.result())
                        del running[future]
            except BaseException:
                with _deaf():
                    kernels.stop()
                    wait(running, timeout=20)
                    for task in running.values():
                        self._discard(task)
                raise

    def _chapter(self, task: Task, kernels: Kernels) -> Execution:
        part, handover = self._parts(task)
        part.parent.mkdir(exist_ok=True)
        shutil.rmtree(handover, ignore_errors=True)
        return execute(
            task.chapter.path,
            part,
            parameters=task.given,
            handover=handover,
            kernels=kernels,
            timeout=self.timeout,
        )

    def _parts(self, task: Task) -> tuple[Path, Path]:
        """Where a chapter at work writes: beside the results of the last run, never into them."""
        stem = task.chapter.stem
        return self.out / "notebooks" / f"{stem}.part.ipynb", self.out.resolve() / "handover" / f"{stem}.part"

    def _publish(self, task: Task, execution: Execution) -> None:
        """Put a finished chapter's files in their place and into run.json."""
        part, handover = self._parts(task)
        stem, record = task.chapter.stem, task.record
        notebook = execution.notebook
        about = notebook.metadata.get("papermill", {})
        for path in ("input_path", "output_path"):  # of this machine
            about.pop(path, None)
        part.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
        target = self.out / "handover" / stem
        if execution.error is None and (handover / "handover.json").is_file():
            _swap(handover, target)
            record["handover"] = f"handover/{stem}/handover.json"
        else:
            shutil.rmtree(handover, ignore_errors=True)
            shutil.rmtree(target, ignore_errors=True)
        os.replace(part, self.out / "notebooks" / f"{stem}.ipynb")
        self.cells += execution.cells
        self.kernels["forked" if execution.forked else "ordinary"] += 1
        self.kernels["why_ordinary"] = self.kernels["why_ordinary"] or execution.why_not_forked
        record |= {
            "status": "failed" if execution.error else "ok",
            "error": execution.error,
            "notebook": f"notebooks/{stem}.ipynb",
            "seconds": round(execution.seconds, 2),
            "overhead_seconds": round(execution.overhead_seconds, 2),
            "peak_mb": execution.peak_mb,
        }
        self._write_run("interrupted")
        self.tell("end", record)

    def _discard(self, task: Task) -> None:
        part, handover = self._parts(task)
        part.unlink(missing_ok=True)
        shutil.rmtree(handover, ignore_errors=True)

    def _finish(self, status: str) -> dict[str, Any]:
        for record in self.run["chapters"]:
            if record["status"] == "pending" and status == "interrupted":
                record["reason"] = record["reason"] or "the run was interrupted before this chapter had finished"
        merged = merge_customers(self.out, self.run)
        self.run["customers"] = [path.name for path in merged]
        self.run["kpis"] = [path.name for path in merge_kpis(self.out, self.run)]
        self.run["lists"] = [path.name for path in merge_lists(self.out, self.run)]
        self.run["models"] = [path.name for path in merge_models(self.out, self.run)]
        self._write_run(status)
        from clvlib.reporting.site import build_site

        build_site(self.out)
        return self.run

    def _write_run(self, status: str) -> None:
        finished = datetime.now(UTC)
        wall = (finished - self.started).total_seconds()
        self.run |= {
            "status": status,
            "finished": finished.isoformat(timespec="seconds"),
            "overhead_seconds": round(max(0.0, wall - _covered(self.cells)), 2),
        }
        part = self.out / "run.json.part"
        part.write_text(json.dumps(self.run, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        os.replace(part, self.out / "run.json")


def _previous(out: Path) -> dict[str, Any]:
    try:
        previous = json.loads((out / "run.json").read_text(encoding="utf-8"))
        return previous if isinstance(previous.get("chapters"), list) else {}
    except (OSError, ValueError, AttributeError):
        return {}  # none, or not ours: everything is run


def _swap(new: Path, place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    os.replace(new, place)


@contextlib.contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Hold the folder for this run: two at a time would write each other's files. Ends with the process, however."""
    try:
        import fcntl
    except ImportError:  # Windows cannot lock a folder
        yield
        return
    folder = os.open(out, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise OutputError(f"another run is writing to {out}; wait for its end, or choose --out") from None
        yield
    finally:
        os.close(folder)


def _covered(spans: list[tuple[float, float]]) -> float:
    """How long at least one of the spans lasted, in seconds.

    >>> _covered([(0, 2), (1, 3), (5, 6)])
    4.0
    """
    total, end = 0.0, float("-inf")
    for start, stop in sorted(spans):
        total += max(0.0, stop - max(start, end))
        end = max(end, stop)
    return total


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _free_memory_mb() -> float:
    """What is free on this machine, or in this container where that is less."""
    free = psutil.virtual_memory().available
    group = Path("/sys/fs/cgroup")
    with contextlib.suppress(OSError, ValueError):  # "max" is no number: no limit
        limit = int((group / "memory.max").read_text())
        free = min(free, limit - int((group / "memory.current").read_text()))
    return free / 2**20


def _reason(error: OSError) -> str:
    return "the disk is full" if error.errno in DISK_FULL else (error.strerror or str(error))


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Let a polite end of the process (SIGTERM) clean up as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """Clean up in peace: a second Ctrl-C would leave kernels behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
