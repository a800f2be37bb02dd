"""One real report, as a user makes it: every chapter at its stored size, then opened in a browser."""

import html
import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
STEMS = sorted(path.stem for path in (ROOT / "notebooks").rglob("*.ipynb"))


def _report(out, *options):
    command = [sys.executable, "-m", "clvlib.reporting.cli", "report", "params/quick.yaml", "--out", str(out), *options]
    environment = {key: value for key, value in os.environ.items() if key != "PYTEST_CURRENT_TEST"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=900)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    out = tmp_path_factory.mktemp("real") / "quick"
    done = _report(out)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == str(out / "index.html")
    return out


def test_every_chapter_ran_and_says_what_it_used(report):
    run = json.loads((report / "run.json").read_text(encoding="utf-8"))
    assert run["status"] == "ok"
    assert [(chapter["stem"], chapter["status"]) for chapter in run["chapters"]] == [(stem, "ok") for stem in STEMS]
    index = html.unescape((report / "index.html").read_text(encoding="utf-8")).casefold()
    for chapter in run["chapters"]:
        handed = json.loads((report / chapter["handover"]).read_text(encoding="utf-8"))
        page = (report / f"{chapter['stem']}.html").read_text(encoding="utf-8")
        assert handed["figures"], chapter["stem"]
        for figure in handed["figures"]:
            assert figure["name"].casefold() in index
        if handed["data"]:
            assert handed["data"]["title"] in page
            assert ("teaching data" in page) == (handed["data"]["kind"] == "teaching")


def test_customer_tables_are_ready_for_a_crm(report):
    tables = sorted((report / "customers").glob("*.parquet"))
    assert tables
    for path in tables:
        table = pd.read_parquet(path)
        assert table["customer_id"].is_unique
        for column in ("as_of", "currency", "horizon_days", "run_id"):
            assert any(name == column or name.startswith(f"{column}_") for name in table.columns), column
        text = pd.read_csv(path.with_suffix(".csv"), dtype={"customer_id": "str"})
        assert text["customer_id"].tolist() == table["customer_id"].tolist()


def test_issue_4_customers_lists_are_ready_for_a_crm(report):
    tables = sorted((report / "lists").glob("*.parquet"))
    assert [path.stem for path in tables if path.stem.startswith("21_")]
    index = (report / "index.html").read_text(encoding="utf-8")
    for path in tables:
        table = pd.read_parquet(path)
        assert {"customer_id", "rank", "item_id", "reason", "expected_margin"} <= set(table.columns)
        assert table["reason"].str.strip().ne("").all()
        assert table["expected_margin"].notna().all()
        assert table.groupby("customer_id")["rank"].agg(lambda rank: rank.tolist() == [*range(1, len(rank) + 1)]).all()
        assert not table.duplicated(["customer_id", "item_id"]).any()
        text = pd.read_csv(path.with_suffix(".csv"), dtype={"customer_id": "str", "item_id": "str"})
        assert text[["customer_id", "item_id"]].equals(table[["customer_id", "item_id"]])
        assert f'href="lists/{path.stem}.csv"' in index


def test_a_second_run_reuses_every_chapter(report):
    assert _report(report).returncode == 0
    run = json.loads((report / "run.json").read_text(encoding="utf-8"))
    assert all(chapter["reused"] for chapter in run["chapters"])


def test_resolved_parameters_are_what_plain_papermill_takes(report, tmp_path):
    stem = "31_discounted_clv"
    (parameters,) = (report / "parameters").glob(f"{stem}.yaml")
    assert YAML(typ="safe").load(parameters)["dataset"] == "cdnow"
    papermill = [sys.executable, "-m", "papermill", str(next((ROOT / "notebooks").rglob(f"{stem}.ipynb")))]
    target = tmp_path / "out.ipynb"
    options = ["-f", str(parameters), "--no-progress-bar", "--log-level", "ERROR"]
    subprocess.run([*papermill, str(target), *options], check=True, timeout=300, capture_output=True)
    ours = nbformat.read(report / "notebooks" / f"{stem}.ipynb", as_version=4)
    theirs = nbformat.read(target, as_version=4)
    assert _checked(theirs) == _checked(ours) != []


def _checked(notebook):
    cells = [cell for cell in notebook.cells if "nbval-check-output" in cell.metadata.get("tags", [])]
    return [[output.get("data", {}).get("text/plain", output.get("text")) for output in cell.outputs] for cell in cells]


@pytest.mark.chromium
@pytest.mark.parametrize("width", [1280, 390])
def test_every_page_stands_alone_in_a_browser(report, chromium, width):
    page = chromium.new_page(viewport={"width": width, "height": 900})
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    pages = sorted(report.glob("*.html"))
    assert {path.stem for path in pages} >= {"index", "data_quality", "run", *STEMS}
    for path in pages:
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path.name
        assert page.locator("h1").count() == 1
    page.close()
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_pages_are_small_and_formulas_are_not_left_as_tex(report):
    for path in report.glob("*.html"):
        text = path.read_text(encoding="utf-8")
        figures = sum(len(part.split('"')[0]) for part in text.split("data:image/png;base64,")[1:])
        assert len(text.encode()) - figures < 250_000, path.name
        for formula in text.split("<math")[1:]:
            assert "\\" not in formula.split("</math>")[0], path.name
