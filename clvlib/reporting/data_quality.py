"""The datasets of a run as the report describes them: what was read, what became of it, where it is from."""

from pathlib import PurePath
from typing import Any
from urllib.parse import urlsplit

from markupsafe import Markup

from clvlib.reporting.prose import anchor

__all__ = ["describe_datasets"]

#: Rejected lines up to this share of those read are dirt; beyond it a reader must know before any figure.
_RARE = 0.01


def describe_datasets(chapters: list[dict]) -> list[dict]:
    """Each dataset of a run once, in the order of the chapters, ready for the page on data quality.

    ``chapters`` have ``data`` as their ``handover.json`` gave it, or None; afterwards they share the described
    dataset: its fields as handed over, with ``anchor`` (its place on the page), ``used_by`` (the chapters),
    ``balance`` (whether what was read is accounted for, and that in words), ``alarm`` (that in words, where so much
    was rejected that every figure may be wrong) and ``facts`` (about its source).
    Two chapters that loaded one dataset differently (another file, another number of lines) have two.

    >>> chapters = [{"data": {"name": "cdnow", "lines": 9, "reconciliation": []}}, {"data": None}]
    >>> [(dataset["anchor"], len(dataset["used_by"])) for dataset in describe_datasets(chapters)]
    [('data-cdnow', 1)]
    """
    datasets: dict[tuple, dict] = {}
    for chapter in chapters:
        data = chapter["data"]
        if not data:
            continue
        key = (data["name"], data.get("sha256"), data["lines"])
        if key not in datasets:
            taken = sum(other["name"] == data["name"] for other in datasets.values())
            name = f"data-{anchor(data['name'])}" + (f"-{taken + 1}" if taken else "")
            rows = data.get("reconciliation") or []
            more = {"balance": _balance(rows), "alarm": _alarm(rows), "facts": _source(data)}
            datasets[key] = data | {"anchor": name, "used_by": []} | more
        chapter["data"] = datasets[key]
        datasets[key]["used_by"].append(chapter)
    # A chapter that failed before it could hand over still says on its page which data it worked on.
    named = {data["name"]: data for data in datasets.values()}
    for chapter in chapters:
        if chapter.get("status") == "failed" and not chapter["data"]:
            name = PurePath(str(chapter["parameters"].get("dataset", ""))).name
            chapter["data"] = named.get(name)
    return list(datasets.values())


def _balance(reconciliation: list[dict]) -> dict:
    """Whether what was read is what is accounted for, recomputed here from the rows the page shows."""

    def total(read: bool, column: str, scale: int) -> int:
        rows = [row for row in reconciliation if (row["outcome"] == "read") == read]
        return sum(round((row[column] or 0) * scale) for row in rows)

    holds = total(True, "lines", 1) == total(False, "lines", 1) and abs(
        total(True, "amount", 100) - total(False, "amount", 100)
    ) <= len(reconciliation)
    words = "Every line read is accounted for, and the money adds up."
    return {"holds": holds, "words": words if holds else "The rows above do not add up to what was read."}


def _alarm(reconciliation: list[dict]) -> str:
    read = sum(row["lines"] for row in reconciliation if row["outcome"] == "read")
    rejected = sum(row["lines"] for row in reconciliation if row["outcome"] == "rejected")
    if rejected <= _RARE * read:
        return ""
    return f"{rejected:,} of {read:,} lines ({rejected / read:.1%}) were rejected and are in no figure."


def _source(data: dict) -> list[tuple[str, Any]]:
    url = data.get("url")
    if url and urlsplit(url).scheme in ("http", "https"):
        url = Markup('<a href="{0}" rel="noopener noreferrer">{0}</a>').format(url)
    facts = [
        ("Origin", data.get("origin")),
        ("Address", url),
        ("Licence", data.get("licence")),
        ("SHA-256", data.get("sha256")),
        ("Currency", "not stated" if data.get("currency") == "XXX" else data.get("currency")),
        ("Time zone", data.get("timezone")),
    ]
    return [(name, value) for name, value in facts if value]
