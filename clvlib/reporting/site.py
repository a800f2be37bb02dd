"""From the files of a run to a report one can read, send and keep: a folder of pages that need no server.

Reads only what a run left in its folder (``run.json``, each chapter's ``handover.json`` and executed notebook),
so that the same folder gives the same pages, byte for byte, wherever they are built.
"""

import base64
import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nbformat
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from clvlib.reporting import wording
from clvlib.reporting.chapter_page import TEMPLATES, ChapterBody, render_chapter
from clvlib.reporting.customer_columns import describe_tables, write_dictionaries
from clvlib.reporting.data_quality import describe_datasets
from clvlib.reporting.files import files
from clvlib.reporting.kpis import kpi_rows
from clvlib.reporting.prose import anchor
from clvlib.reporting.search_index import search_index

__all__ = ["build_site"]

_STATUS = {"ok": "ran", "failed": "failed", "not_applicable": "does not apply", "pending": "not run yet"}
_KINDS = {
    "real": ("Real customers", ""),
    "own": ("Your own data", ""),
    "teaching": (
        "Simulated teaching data",
        "Its publisher made it for teaching. No figure drawn from it says anything about real customers.",
    ),
    "simulated": (
        "Simulated data",
        "Made by a program with known rules. No figure drawn from it says anything about real customers.",
    ),
}
_OUTCOMES = {
    "read": "Read",
    "kept": "Kept",
    "guest": "Kept apart: no customer",
    "return": "Kept apart: return",
    "rejected": "Rejected",
}


def build_site(out: Path) -> Path:
    """Write ``index.html``, a page for each chapter, ``data_quality.html`` and ``run.html`` into ``out``.

    And ``kpis.html``, where a chapter has handed over key figures.

    ``out`` is the folder of a run, with its ``run.json``. Returns the path of the index. A page is written beside
    its old self and then put in its place, so that a reader never meets half of one.

    Raises ``FileNotFoundError`` where there is no ``run.json``.
    """
    out = Path(out)
    run = json.loads((out / "run.json").read_text(encoding="utf-8"))
    run.setdefault("versions", {})
    run["title"] = run.get("title") or out.name
    chapters = _chapters(out, run)
    datasets = describe_datasets(chapters)
    environment = _environment()
    # A failure that an earlier run left is not this run's, but it is in this report.
    failed = any(chapter["status"] == "failed" for chapter in chapters)
    state = "failed" if failed and run["status"] == "ok" else run["status"]
    environment.globals.update(
        run=run,
        chapters=chapters,
        parts=_parts(chapters),
        with_kpis=[chapter for chapter in chapters if chapter["kpis"]],
        datasets=datasets,
        status=_status(run, chapters),
        state=state,
    )

    def write(page: str, template: str, **context: Any) -> None:
        html = environment.get_template(f"{template}.html.j2").render(here=page, **context)
        part = out / f"{page}.part"
        part.write_text(html, encoding="utf-8")
        os.replace(part, out / page)

    for number, chapter in enumerate(chapters):
        write(
            chapter["page"],
            "chapter",
            chapter=chapter,
            toc=[heading for heading in chapter["headings"] if heading.level in (2, 3)],
            previous=chapters[number - 1] if number else None,
            next=chapters[number + 1] if number + 1 < len(chapters) else None,
        )
    tables = describe_tables(out, chapters)
    write_dictionaries(out, tables)
    write("data_quality.html", "data_quality", rejected=files(out, "ledger/*/rejected*"), tables=tables)
    write("run.html", "run", facts=_facts(run))
    kpis = files(out, "kpis.csv")
    if any(chapter["kpis"] for chapter in chapters):
        write("kpis.html", "kpis", files=kpis)
    else:
        (out / "kpis.html").unlink(missing_ok=True)
    customers = files(out, "customers/*.csv") + files(out, "customers/*.parquet")
    models = [
        file | {"command": f"clv score reports/{out.name}/models/{file['name']} my_log.csv"}
        for file in files(out, "models/*.json")
    ]
    write(
        "index.html",
        "index",
        customers=customers,
        kpis=kpis,
        models=models,
        tables=tables,
        search_index=search_index(chapters),
    )
    return out / "index.html"


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        amount=wording.amount,
        day=wording.day,
        duration=wording.duration,
        figure=lambda item: wording.figure(item["value"], item["unit"], item.get("low"), item.get("high")),
        kind_sentence=lambda kind: _KINDS[kind][1],
        kind_words=lambda kind: _KINDS.get(kind, (kind, ""))[0],
        megabytes=lambda value: "–" if value is None else f"{value:,.0f} MB",
        number=wording.number,
        outcome=lambda outcome: _OUTCOMES.get(outcome, outcome),
        parameter=lambda value: json.dumps(value, ensure_ascii=False),
        stamp=wording.stamp,
    )
    for name, file in (("style", "style.css"), ("script", "search.js")):
        text = (TEMPLATES / file).read_text(encoding="utf-8")
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        environment.globals[name] = Markup(text)
        environment.globals[f"{name}_hash"] = Markup(f"sha256-{digest}")
    return environment


def _chapters(out: Path, run: dict) -> list[dict]:
    """Each chapter's record in run.json with what its files add, in the order of their numbers."""
    records = sorted(run["chapters"], key=lambda record: record["stem"])
    pages = {record["stem"]: f"{record['stem']}.html" for record in records}
    return [_chapter(out, run, record, pages) for record in records]


def _chapter(out: Path, run: dict, record: dict, pages: dict[str, str]) -> dict:
    optional = ("reason", "error", "seconds", "overhead_seconds", "peak_mb", "fingerprint", "reused")
    chapter = {key: record.get(key) for key in optional} | record
    stem = record["stem"]
    handover = _read_json(out, record.get("handover"))
    body = _body(out, record, pages)
    title = re.sub(rf"^{re.escape(record['number'])}\s+", "", body.title) if body else ""
    parameters = out / "parameters" / f"{stem}.yaml"
    figures = handover.get("figures") or []
    money = next((figure for figure in figures if _is_money_sentence(figure)), None)
    chapter |= {
        "page": pages[stem],
        "title": title or wording.chapter_title(stem),
        "part_title": wording.part_title(record["part"]),
        "status_words": _STATUS.get(record["status"], record["status"]),
        "parameters": record.get("parameters") or {},
        "changed": record.get("changed") or [],
        "figures": [figure for figure in figures if figure is not money],
        "money": wording.sentence(money["value"]) if money else "",
        "data": handover.get("data"),
        "kpis": kpi_rows(handover.get("kpis") or []),
        **{
            kind: out / "handover" / stem / handover[kind] if handover.get(kind) else None
            for kind in ("customers", "lists")
        },
        "list_files": files(out, f"lists/{stem}.csv") + files(out, f"lists/{stem}.parquet"),
        "lede": body.lede if body else "",
        "body": body.html if body else "",
        "headings": body.headings if body else [],
        "sections": body.sections if body else [],
        "cells_run": body.cells_run if body else 0,
        "code_cells": body.code_cells if body else 0,
        "stopped": bool(body and body.stopped),
        "files": files(out, f"parameters/{parameters.name}") + files(out, f"notebooks/{stem}.ipynb"),
        "command": (
            f"papermill notebooks/{record['part']}/{stem}.ipynb {stem}.out.ipynb \\\n"
            f"    -f reports/{out.name}/parameters/{stem}.yaml"
        ),
    }
    return chapter


def _is_money_sentence(figure: dict) -> bool:
    """Whether a figure is the chapter's answer in one sentence, to stand before all others.

    >>> _is_money_sentence({"name": "in money", "value": "The mail earns USD 120 to 180."})
    True
    >>> _is_money_sentence({"name": "in money", "value": 150.0})
    False
    """
    return figure["name"].strip().lower() == "in money" and isinstance(figure["value"], str)


def _body(out: Path, record: dict, pages: dict[str, str]) -> ChapterBody | None:
    notebook = record.get("notebook")
    if not notebook or not (out / notebook).is_file():
        return None
    return render_chapter(
        nbformat.read(out / notebook, as_version=4),
        link=lambda target: _target(target, pages),
        stopped_at=(record.get("error") or {}).get("cell"),
    )


def _target(target: str, pages: dict[str, str]) -> str | None:
    """Where a chapter's link leads on the site; None for what has no page here (the words stay)."""
    try:
        parts = urlsplit(target)
    except ValueError:
        return None
    if parts.scheme or parts.netloc:
        return target if parts.scheme in ("http", "https", "mailto") else None
    fragment = f"#{anchor(parts.fragment)}" if parts.fragment else ""
    if not parts.path:
        return fragment or None
    name = Path(parts.path).name
    if name == "README.md":
        return "index.html"
    page = pages.get(name.removesuffix(".ipynb")) if name.endswith(".ipynb") else None
    return page + fragment if page else None


def _read_json(out: Path, name: str | None) -> dict:
    if not name or not (out / name).is_file():
        return {}
    return json.loads((out / name).read_text(encoding="utf-8"))


def _parts(chapters: list[dict]) -> list[dict]:
    parts: dict[str, dict] = {}
    for chapter in chapters:
        part = parts.setdefault(chapter["part"], {"title": chapter["part_title"], "chapters": []})
        part["chapters"].append(chapter)
    return list(parts.values())


def _status(run: dict, chapters: list[dict]) -> str:
    """One sentence on how the run went.

    >>> _status({"status": "failed"}, [{"status": "ok"}, {"status": "failed"}, {"status": "not_applicable"}])
    '1 of 3 chapters ran. 1 failed. 1 does not apply to the data.'
    """
    count = {status: sum(chapter["status"] == status for chapter in chapters) for status in _STATUS}
    words = "chapter" if len(chapters) == 1 else "chapters"
    if count["ok"] == len(chapters):
        return f"All {len(chapters)} {words} ran." if len(chapters) > 1 else "The chapter ran."
    sentences = [f"{count['ok']} of {len(chapters)} {words} ran."]
    if count["failed"]:
        sentences.append(f"{count['failed']} failed.")
    if count["not_applicable"]:
        verb = "does" if count["not_applicable"] == 1 else "do"
        sentences.append(f"{count['not_applicable']} {verb} not apply to the data.")
    if count["pending"]:
        verb = "has" if count["pending"] == 1 else "have"
        sentences.append(f"{count['pending']} {verb} not run yet.")
    if run["status"] == "interrupted":
        sentences.append("The run was interrupted; the same command goes on from here.")
    return " ".join(sentences)


def _facts(run: dict) -> list[tuple[str, str]]:
    kernels = run.get("kernels") or {}
    facts = [
        ("Scenario", run.get("scenario")),
        ("Run", run.get("run_id")),
        ("Started", wording.stamp(run.get("started"))),
        ("Finished", wording.stamp(run.get("finished"))),
        ("Beyond the chapters' own computing", wording.duration(run.get("overhead_seconds"))),
        ("Kernels", ", ".join(f"{kernels[kind]} {kind}" for kind in ("forked", "ordinary") if kernels.get(kind))),
    ]
    return [(name, value) for name, value in facts if value]
