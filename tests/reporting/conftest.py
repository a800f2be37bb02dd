"""A report folder as a run leaves it, made by hand; and a browser to look at the pages with."""

import base64
import json
import os
import shutil
import sys
from pathlib import Path

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

PNG = base64.b64encode(
    base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
).decode()


class ReportFolder:
    """Writes the files a run writes, chapter by chapter, so that ``build_site`` has something to read."""

    def __init__(self, path: Path):
        self.path = path
        self.run = {
            "run_id": "20260102-030405",
            "scenario": path.name,
            "title": "A trial report",
            "started": "2026-01-02T03:04:05+00:00",
            "finished": "2026-01-02T03:05:05+00:00",
            "status": "ok",
            "overhead_seconds": 1.5,
            "versions": {"python": "3.11.2", "clvlib": "0.1.0"},
            "chapters": [],
        }

    def data(self, **changes) -> dict:
        return {
            "name": "cdnow",
            "title": "CDNOW 1/10 sample",
            "kind": "real",
            "label": "CDNOW 1/10 sample - real customers",
            "origin": "A shop for records",
            "licence": "for research",
            "sha256": "5e3d" * 16,
            "url": "https://example.org/cdnow",
            "currency": "USD",
            "timezone": "UTC",
            "lines": 6900,
            "customers": 2357,
            "first": "1997-01-01",
            "last": "1998-06-30",
            "reconciliation": [
                {"outcome": "read", "reason": "", "lines": 6919, "amount": 1000.5},
                {"outcome": "kept", "reason": "", "lines": 6900, "amount": 990.25},
                {"outcome": "rejected", "reason": "amount is not a number", "lines": 19, "amount": 10.25},
            ],
            "notes": [{"note": "exact duplicates", "lines": 21, "amount": 512.3}],
        } | changes

    def chapter(self, stem, part, *, cells=None, title="What is it worth?", data=None, figures=(), kpis=None, **record):
        number = f"{stem[0]}.{stem[1]}"
        entry = {
            "stem": stem,
            "part": part,
            "number": number,
            "status": "ok",
            "reason": None,
            "error": None,
            "parameters": {"dataset": "cdnow", "annual_discount_rate": 0.12},
            "notebook": f"notebooks/{stem}.ipynb",
            "handover": f"handover/{stem}/handover.json",
            "seconds": 4.2,
            "overhead_seconds": 0.3,
            "peak_mb": 412.3,
            "fingerprint": "ab12cd34",
            "reused": False,
        } | record
        self.run["chapters"].append(entry)
        if entry["notebook"]:
            first = new_markdown_cell(f"# {number} {title}\n\nOne sentence of outcome.\n\n*Documents* none")
            path = self.path / entry["notebook"]
            path.parent.mkdir(parents=True, exist_ok=True)
            nbformat.write(new_notebook(cells=[first, *(cells or [])]), path)
        if entry["handover"]:
            path = self.path / entry["handover"]
            path.parent.mkdir(parents=True, exist_ok=True)
            handed = {"data": data or self.data(), "figures": list(figures), "kpis": kpis, "as_of": "1998-06-30"}
            path.write_text(json.dumps(handed), encoding="utf-8")
        return entry

    def build(self) -> Path:
        from clvlib.reporting.site import build_site

        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / "run.json").write_text(json.dumps(self.run), encoding="utf-8")
        return build_site(self.path)

    def page(self, name: str) -> str:
        return (self.path / name).read_text(encoding="utf-8")


def code(source, *outputs, count=1, tags=()):
    """A code cell that has run."""
    cell = new_code_cell(source, execution_count=count, outputs=list(outputs))
    cell.metadata["tags"] = list(tags)
    return cell


def shown(data, metadata=None):
    """What ``display`` leaves in a notebook."""
    return new_output("display_data", data=data, metadata=metadata or {})


@pytest.fixture
def report_folder(tmp_path) -> ReportFolder:
    return ReportFolder(tmp_path / "reports" / "trial")


@pytest.fixture(scope="session")
def new_report_folder(tmp_path_factory):
    """For a report that many tests look at and none changes."""
    return lambda: ReportFolder(tmp_path_factory.mktemp("shared") / "reports" / "trial")


@pytest.fixture(scope="session")
def cells():
    """The makers of cells and outputs, and the smallest picture there is."""

    class Makers:
        png = PNG
        prose = staticmethod(new_markdown_cell)
        output = staticmethod(new_output)

    Makers.code = staticmethod(code)
    Makers.shown = staticmethod(shown)
    return Makers


@pytest.fixture(scope="module")  # and not longer: playwright's event loop must not run where papermill needs one
def chromium():
    """A headless Chromium. Without one the test is skipped, aloud, unless CLV_REQUIRE_CHROMIUM=1 forbids that."""
    executable = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if executable is None:
        reason = "NO CHROMIUM on this machine: nothing shows that the report is safe and readable in a browser"
        if os.environ.get("CLV_REQUIRE_CHROMIUM") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    quiet = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    quiet += ["--disable-component-update", "--disable-sync", "--disable-default-apps", "--mute-audio"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=quiet)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def is_running():
    """Whether there is a process of this number, dead ones nobody has waited for apart."""

    def is_running(pid: int) -> bool:
        try:
            return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    return is_running


class ChapterFolder:
    """A folder of small notebooks that really run."""

    def __init__(self, path: Path):
        self.path = path

    def add(self, stem: str, *cells: str, parameters: str | None = None) -> Path:
        """A chapter with a title, a parameters cell and the given code."""
        declared = new_code_cell(DATASET if parameters is None else parameters)
        declared.metadata["tags"] = ["parameters"]
        title = new_markdown_cell(f"# {stem[0]}.{stem[1]} What is {stem[3:]}?")
        code = [new_code_cell(cell) for cell in cells]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        path = self.path / f"{stem[0]}_part" / f"{stem}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(new_notebook(cells=[title, declared, *code], metadata={"kernelspec": kernel}), path)
        return path

    def add_customers(self, stem: str, *, column: str = "total_spend", needs: str = "") -> Path:
        """A chapter that loads its data and hands over one figure and one column a customer."""
        return self.add(
            stem,
            "from clvlib.datasets import load\nfrom clvlib.reporting import hand_over\ndata = load(dataset)",
            f"table = data.lines.groupby('customer_id', as_index=False).agg({column}=('amount', 'sum'))",
            "figures = [{'name': 'customers', 'value': len(table), 'unit': ''}]\n"
            "hand_over(data=data, figures=figures, customers=table)",
            parameters=f'dataset: str = "cdnow"  # needs customer_id, timestamp, amount{needs}',
        )


DATASET = 'dataset: str = "cdnow"  # needs customer_id, timestamp, amount\nrate: float = 0.1  # per year, in [0, 1)'


@pytest.fixture
def chapters(tmp_path) -> ChapterFolder:
    return ChapterFolder(tmp_path / "notebooks")


@pytest.fixture
def clv(chapters, monkeypatch, capfd):
    """The command, in this process so that its imports are paid once: ``clv("report", …) -> (code, out, err)``."""
    from clvlib.reporting.cli import main

    def run(*arguments) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["clv", *map(str, arguments)])
        if arguments[0] == "report":
            monkeypatch.setattr("sys.argv", [*sys.argv, "--notebooks", str(chapters.path)])
        capfd.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        told = capfd.readouterr()
        return code, told.out, told.err

    return run
