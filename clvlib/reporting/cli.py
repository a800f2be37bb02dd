"""The ``clv`` command: reports, data, chapters.

Exit codes: 0 all is well; 1 something ran and went wrong; 2 nothing was run, since what was asked for cannot be;
130 interrupted. What went wrong is one message on stderr, never a traceback (``CLV_TRACEBACK=1`` shows it).
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Any

import click

import clvlib

__all__ = ["main"]

_WORDS = {"ok": "ok", "failed": "FAILED", "not_applicable": "does not apply", "pending": "not run"}


class _Refused(click.ClickException):
    """What was asked for cannot be done; nothing was run."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        click.echo(self.message, err=True)


class _Failed(_Refused):
    """Something ran and went wrong."""

    exit_code = 1


class _Clv(click.Group):
    """Whatever goes wrong is a sentence and an exit code."""

    def main(self, *arguments: Any, standalone_mode: bool = True, **options: Any) -> Any:
        if not standalone_mode:
            return super().main(*arguments, standalone_mode=False, **options)
        try:
            code = super().main(*arguments, standalone_mode=False, **options)
        except click.exceptions.Abort:
            click.echo("interrupted", err=True)
            code = 130
        except click.ClickException as error:
            error.show()
            code = error.exit_code
        except Exception as error:
            if os.environ.get("CLV_TRACEBACK"):
                traceback.print_exc()
            click.echo(f"clv has a fault: {type(error).__name__}: {error}", err=True)
            click.echo("CLV_TRACEBACK=1 shows where; please report it with that.", err=True)
            code = 1
        sys.exit(code or 0)


@click.group(cls=_Clv, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="clv-notebooks", prog_name="clv")
def main() -> None:
    """Customer value: notebooks on a transaction log, run as one report."""


@main.command()
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option("--only", multiple=True, metavar="NAME", help="Run this part (3_value) or chapter (3.1); repeatable.")
@click.option("--quick", is_flag=True, help="Keep the data, and every other parameter at its stored, small value.")
@click.option("--jobs", type=click.IntRange(1), help="Chapters at work at the same time [default: processors].")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Where to [default: reports/<scenario> or <scenario>_quick]."
)
@click.option("--force", is_flag=True, help="Run also what is up to date.")
@click.option("--timeout", type=click.FloatRange(1), default=1800, show_default=True, help="Seconds a cell may take.")
@click.option("--fork/--no-fork", default=True, help="Fork kernels from one with the imports done, or start each anew.")
@click.option("--notebooks", type=click.Path(path_type=Path), hidden=True)
def report(
    scenario: Path,
    only: tuple[str, ...],
    quick: bool,
    jobs: int | None,
    out: Path | None,
    force: bool,
    timeout: float,
    fork: bool,
    notebooks: Path | None,
) -> None:
    """Run the chapters of SCENARIO (a file such as params/default.yaml) and write a report."""
    from clvlib.reporting.parameters import ChapterError, find_chapters
    from clvlib.reporting.plan import too_short
    from clvlib.reporting.run import OutputError, prepare_output
    from clvlib.reporting.run import report as run_report
    from clvlib.reporting.scenario import ScenarioError, chosen, load_scenario
    from clvlib.transactions import LogError

    out = Path("reports") / (scenario.stem + "_quick" * quick) if out is None else out
    try:
        chapters = find_chapters(_notebooks(notebooks))
        selected, problems = chosen(only, chapters) if only else (None, [])
        try:
            checked = load_scenario(scenario, chapters, quick=quick)
        except ScenarioError as error:
            raise _Refused(_with_only(str(error), problems) + _what_was_read(error, out)) from None
        here = {name for chapter in checked.chapters for name in chapter.names}
        problems = problems or [f"the scenario does not run {name}" for name in only if name not in here]
        if problems:
            raise _Refused(_with_only("nothing was run", problems))
        prepare_output(out)
    except (ChapterError, OutputError) as error:
        raise _Refused(str(error)) from None
    if checked.ledger is not None:  # what the figures are computed without, before any is believed
        click.echo(f"{checked.log_path}\n{checked.ledger.report()}", err=True)
        if short := too_short(checked, selected):
            click.echo(short, err=True)
    try:
        with _Display() as display:
            run = run_report(
                checked, out, only=selected, jobs=jobs, force=force, fork=fork, timeout=timeout, tell=display.tell
            )
    except LogError as error:
        raise _Refused(f"{error}\nnothing was run") from None
    except OutputError as error:
        raise _Failed(str(error)) from None
    if run["status"] == "interrupted":
        click.echo("interrupted: what is finished is kept; the same command goes on from there", err=True)
    stems = {chapter.stem for chapter in selected or checked.chapters}
    asked = [record for record in run["chapters"] if record["stem"] in stems]
    if all(record["status"] == "not_applicable" for record in asked):
        reasons = list(dict.fromkeys(record["reason"] for record in asked))
        raise _Refused("\n".join(["nothing was run", *(f"  - {reason}" for reason in reasons)]))
    click.echo(str((out / "index.html").resolve()))
    sys.exit({"ok": 0, "failed": 1, "interrupted": 130}[run["status"]])


@main.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("log", type=click.Path(path_type=Path))
@click.option("--scenario", type=click.Path(path_type=Path), help="Its section data says how LOG is to be read.")
@click.option("--as-of", metavar="DATE", help="The last day to look at [default: the day of the log's last line].")
@click.option("--horizon-days", type=float, help="How far to look ahead [default: as the model].")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("customers.csv"),
    show_default=True,
    help="Where to: .csv or .parquet.",
)
def score(
    model: Path, log: Path, scenario: Path | None, as_of: str | None, horizon_days: float | None, out: Path
) -> None:
    """Value the customers of LOG with MODEL (models/<dataset>.json of a report), without refitting.

    LOG is the whole log, from its beginning to the end of the new month: what customers bought before decides.
    """
    from clvlib.reporting.scenario import ScenarioError
    from clvlib.reporting.score import ScoreError, check_target, write_scored
    from clvlib.reporting.score import score as value

    try:
        check_target(out, model, log)
        scored = value(model, log, scenario=scenario, as_of=as_of, horizon_days=horizon_days)
    except (ScenarioError, ScoreError) as error:
        raise _Refused(str(error)) from None
    click.echo(f"{log}\n{scored.ledger.report()}", err=True)
    for note in scored.notes:
        click.echo(note, err=True)
    try:
        write_scored(scored.table, out)
    except OSError as error:
        raise _Failed(f"{out} cannot be written: {error.strerror or error}") from None
    click.echo(f"{len(scored.table):,} customers, {out.resolve()}")


@main.group()
def data() -> None:
    """The data sets chapters can run on, and session logs without customers."""


@data.command("list")
def list_data() -> None:
    """What there is and where it lies."""
    from clvlib.datasets import status_table

    table = status_table()
    widths = {name: max(len(name), *(len(str(cell)) for cell in table[name])) for name in table}
    for row in [dict.fromkeys(table) | {name: name for name in table}, *table.to_dict("records")]:
        click.echo("  ".join(str(row[name]).ljust(widths[name]) for name in table).rstrip())


@data.command()
@click.argument("names", nargs=-1, required=True)
def fetch(names: tuple[str, ...]) -> None:
    """Bring the data sets NAMES here."""
    from clvlib.datasets import fetch as fetch_one
    from clvlib.transactions import LogError

    for name in names:
        try:
            click.echo(fetch_one(name))
        except LogError as error:
            raise _Failed(str(error)) from None


@data.command()
@click.argument("names", nargs=-1)
def check(names: tuple[str, ...]) -> None:
    """Compare data sets with what is published about them (all that are at hand, if none is named)."""
    from clvlib.datasets import check as check_one
    from clvlib.datasets import status_table
    from clvlib.transactions import LogError

    table = status_table()
    at_hand = table.loc[~table["found"].str.startswith("not here"), "name"]
    wrong = []
    for name in names or at_hand:
        try:
            facts = check_one(name)
        except LogError as error:
            raise _Failed(str(error)) from None
        for row in facts.to_dict("records"):
            verdict = "ok" if row["ok"] else f"WRONG, expected {row['expected']}"
            click.echo(f"{name}  {row['fact']} = {row['found']}  {verdict}")
        wrong += [name] if not facts["ok"].all() else []
    if wrong:
        raise _Failed(f"not what it should be: {', '.join(wrong)}")


@main.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--check", "only_check", is_flag=True, help="Write nothing; exit with 1 if something would change.")
def refresh(paths: tuple[Path, ...], only_check: bool) -> None:
    """Execute stored notebooks in place (all, if no PATHS are given), so that they read well where they lie."""
    from clvlib.reporting.parameters import ChapterError, find_chapters
    from clvlib.reporting.refresh import RefreshError
    from clvlib.reporting.refresh import refresh as refresh_all

    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        raise _Refused(f"there is no file {', '.join(missing)}; nothing was run")
    try:
        paths = paths or tuple(chapter.path for chapter in find_chapters(_notebooks(None)))
        changed = refresh_all(paths, check=only_check)
    except ChapterError as error:
        raise _Refused(str(error)) from None
    except (RefreshError, OSError) as error:
        raise _Failed(str(error)) from None
    for path in changed:
        click.echo(f"{'would change' if only_check else 'changed'}: {path}")
    click.echo(f"{len(changed)} of {len(paths)} {'would change' if only_check else 'changed'}")
    if changed and only_check:
        sys.exit(1)


@main.command("new-chapter")
@click.argument("stem")
@click.argument("question")
@click.option("--notebooks", type=click.Path(path_type=Path), hidden=True)
def new_chapter(stem: str, question: str, notebooks: Path | None) -> None:
    """Make a chapter from the template: STEM as in 12_lifecycle, QUESTION as in "Where are they?"."""
    from clvlib.reporting.new_chapter import new_chapter as make

    try:
        click.echo(str(make(stem, question, notebooks=_notebooks(notebooks))))
    except (ValueError, OSError) as error:
        raise _Refused(str(error)) from None


class _Display:
    """A progress bar on stderr, and a line for each chapter that ends."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        columns = [BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}")]
        self.progress = Progress(*columns, console=self.console, transient=True, disable=not self.console.is_terminal)
        self.bar = self.progress.add_task("", total=0)
        self.at_work: list[str] = []

    def __enter__(self) -> _Display:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def tell(self, event: str, record: dict[str, Any]) -> None:
        name = f"{record['number']} {record['stem']}"
        if event == "plan":
            if record["to_run"]:
                self.progress.update(self.bar, total=self.progress.tasks[0].total + 1)
            else:
                kept = "up to date" if record["reused"] else _WORDS[record["status"]]
                self.say(f"{name}: {kept}" + (f" ({record['reason']})" if record["reason"] else ""))
            return
        if event == "start":
            self.at_work.append(record["number"])
        else:
            self.at_work.remove(record["number"])
            self.progress.advance(self.bar)
            error = record["error"]
            detail = f". {error['message']}" if error else ""
            self.say(f"{name}: {_WORDS[record['status']]}, {record['seconds']:.1f} s{detail}")
        self.progress.update(self.bar, description=" ".join(self.at_work))

    def say(self, line: str) -> None:
        # Data and error messages are no markup.
        self.console.print(line, markup=False)


def _notebooks(given: Path | None) -> Path:
    """The folder of the chapters: as told, beside the installed package, or above the current directory."""
    if given is not None:
        return given
    here = Path.cwd()
    roots = [Path(clvlib.__file__).resolve().parents[1], here, *here.parents]
    for folder in (root / "notebooks" for root in roots):
        if any(folder.glob("*/[0-9][0-9]_*.ipynb")):
            return folder
    raise _Refused(
        f"there is no folder notebooks with chapters above {here}; go to the repository's folder, "
        "or install it from there with: pip install -e ."
    )


def _with_only(message: str, problems: list[str]) -> str:
    return "\n".join([message, *(f"  - --only: {problem}" for problem in problems)])


def _what_was_read(error: Any, out: Path) -> str:
    """Where the rejected rows of a refused log are kept, so that nothing is lost."""
    ledger = getattr(error.refused, "ledger", None)
    if ledger is None:
        return ""
    from clvlib.reporting.run import OutputError, prepare_output, save_rejected

    try:
        prepare_output(out)
        path = save_rejected(ledger, out / "ledger")
    except (OutputError, OSError) as problem:
        return f"\n  the rejected rows could not be kept: {problem}"
    return f"\n  the rejected rows, each with its reason: {path}" if path else ""


if __name__ == "__main__":
    main()
