"""What the benchmarks share: several ways to one result, timed in turns in one run, compared, printed as one table.

Not a benchmark itself. The first way of a table is ours and the measure of the others: a ratio above 1 says how many
times as long the other one takes.
"""

import datetime
import gc
import importlib.metadata
import os
import platform
import resource
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Timing", "Way", "conditions", "markdown", "readable", "side_by_side"]


@dataclass(frozen=True)
class Way:
    """One implementation: ``run`` does the whole work and returns the result; nothing that it needs is timed."""

    name: str
    run: Callable[[], Any]
    #: Rounds after the first call, for one that takes minutes; 0 leaves its first call as its time.
    rounds: int | None = None
    #: Compares its result with ours in place of the table's ``same``, where it answers a slightly other question.
    same: Callable[[Any, Any], None] | None = None


@dataclass
class Timing:
    """What was measured of a way: seconds on the clock and of all its threads and children, a pair for each call."""

    name: str
    first: tuple[float, float]
    calls: list[tuple[float, float]] = field(default_factory=list)

    @property
    def wall(self) -> float:
        """Median seconds on the clock; the first call's where there was no other."""
        return statistics.median(wall for wall, _ in self.calls or [self.first])

    @property
    def cpu(self) -> float:
        """Median seconds of processor time, which load by others changes least."""
        return statistics.median(cpu for _, cpu in self.calls or [self.first])


def side_by_side(
    ways: Sequence[Way], *, rounds: int, same: Callable[[Any, Any], None] = lambda result, ours: None
) -> list[Timing]:
    """Time every way in turns.

    Each is called once first: what that costs more (imports, compiling) is in the table too, and its result goes to
    ``same`` with the first way's, which raises where they are not the same. Then ``rounds`` rounds, each beginning
    with another way, so that what disturbs the machine disturbs them all.
    """
    timings = []
    ours = None
    for number, way in enumerate(ways):
        seconds, result = _timed(way)
        timings.append(Timing(way.name, seconds))
        if number:
            (way.same or same)(result, ours)
        else:
            ours = result
        del result
    del ours
    for turn in range(rounds):
        for number in range(len(ways)):
            place = (turn + number) % len(ways)
            wanted = ways[place].rounds
            if wanted is None or turn < wanted:
                timings[place].calls.append(_timed(ways[place])[0])
    return timings


def markdown(title: str, timings: Iterable[Timing]) -> str:
    """The table: a row a way, its times, and how many times those of the first way they are."""
    timings = list(timings)
    lines = [
        f"| {title} | median | CPU time | ratio | CPU ratio | first call | calls |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for timing in timings:
        ratios = [_ratio(timing.wall, timings[0].wall), _ratio(timing.cpu, timings[0].cpu)]
        times = [readable(timing.wall), readable(timing.cpu)]
        first = f"{readable(timing.first[0])} | {len(timing.calls) or 1}"
        lines.append("| " + " | ".join([timing.name, *times, *ratios, first]) + " |")
    return "\n".join(lines)


def conditions(*peers: str) -> str:
    """One line on when and where: date, machine, load at this moment, Python, versions of the ``peers``."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("numpy", "scipy", "pandas", *peers))
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"{datetime.date.today():%Y-%m-%d}, {_processor()}{load}, {platform.system()}, "
        f"Python {platform.python_version()}, {versions}"
    )


def readable(seconds: float) -> str:
    """Three digits and a unit.

    >>> readable(0.00291), readable(1.234), readable(245.2)
    ('2.91 ms', '1.23 s', '245 s')
    """
    if seconds < 1:
        return f"{seconds * 1e3:.3g} ms"
    return f"{seconds:.3g} s" if seconds < 100 else f"{seconds:,.0f} s"


def _ratio(one: float, base: float) -> str:
    """Two digits are what such a ratio is good for."""
    value = one / max(base, 1e-9)
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _timed(way: Way) -> tuple[tuple[float, float], Any]:
    gc.collect()
    cpu, wall = _cpu_seconds(), time.perf_counter()
    result = way.run()
    return (time.perf_counter() - wall, _cpu_seconds() - cpu), result


def _cpu_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _processor() -> str:
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    cpuinfo = Path("/proc/cpuinfo")
    model = platform.machine()
    if cpuinfo.is_file():
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    return f"{count} processors ({model})"
