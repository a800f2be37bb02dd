"""Every section and every erratum of the documents has its place."""

import re
from pathlib import Path

import nbformat
import pytest

from clvlib.datasets.documents import DOCUMENTS, editorial_errata, section_map

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"

# The innermost sections of the documents, in their order: "2.1-3" is 2.1, 2.2, 2.3.
SECTIONS = {
    "S0": "1 2.1-2 3.1 3.2.1-3 3.3-4 4.1.1-3 4.2.1-2 4.3 5.1 5.2.1-3 5.3.1-3 5.4 6.1-3 7.1-3 8.1-4 Q1-5",
    "S1": "1 2.1-3 3.1-4 4.1-3 5.1-4 6.1-4 7.1-3 8.1-4 Q1-4",
    "S2": "abstract 1.1-2 2.1-2 3.1 3.2.1-2 3.3.1-2 3.4 4.1.1-2 4.2.1-2 4.3.1-2 5.1-4 6.1-3 7.1-3 8.1-3 9.1-4 10.1-3",
    "S3": "abstract 1 2.1-3 3.1-4 4.1-3 5.1-4 6.1-4 7.1-3 8.1-4 Q1-3 references",
    "S4": "1 2.1-2 3.1-4 4.1-3 5.1-3 6.1-3 7.1-3 8.1-4 Q1-5",
}
CHAPTERS = {
    "0.1", "1.1", "1.2", "1.3", "2.1", "2.2", "2.3", "2.4", "2.5", "3.1", "3.2", "3.3", "3.4", "4.1", "4.2",
    "5.1", "5.2", "5.3", "5.4", "6.1", "6.2", "6.3", "6.4", "README", "–",
}  # fmt: skip
ENTRIES = {f"E{number:02d}" for number in range(1, 48)} | {"E16b"}


def _sections(text):
    for part in text.split():
        stem, first, last = re.fullmatch(r"(.*?)(?:(\d+)-(\d+))?", part).groups()
        yield from [f"{stem}{number}" for number in range(int(first), int(last) + 1)] if first else [part]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_section_of_the_document_stands_in_exactly_one_row(document):
    mapped = [section for row in section_map(document)["sections"] for section in row.split(", ")]
    assert sorted(mapped) == sorted(_sections(SECTIONS[document]))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_sections_lead_to_chapters_of_the_design(document):
    chapters = {chapter for row in section_map(document)["chapters"] for chapter in row.split(", ")}
    assert chapters <= CHAPTERS


def test_sections_that_errata_are_about_lead_to_the_errata_chapter():
    for document, section in [("S0", "4.3"), ("S0", "5.4"), ("S1", "4.3"), ("S2", "5.4"), ("S3", "4.3"), ("S4", "5.2")]:
        table = section_map(document)
        (chapters,) = table.loc[[section in row.split(", ") for row in table["sections"]], "chapters"]
        assert "0.1" in chapters.split(", ")


def test_unknown_document_is_named():
    with pytest.raises(ValueError, match="no document 'S5'; there are S0, S1, S2, S3, S4"):
        section_map("S5")


def test_editorial_errata_are_entries_of_the_errata_and_stand_once():
    table = editorial_errata()
    assert table["entry"].is_unique
    assert set(table["entry"]) < ENTRIES
    assert {chapter for row in table["chapters"] for chapter in row.split(", ")} <= CHAPTERS


def test_every_entry_of_the_errata_is_shown_or_listed_in_its_chapter():
    notebook = nbformat.read(NOTEBOOKS / "0_documents" / "01_errata.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells)
    listed = set(editorial_errata()["entry"])
    shown = set(re.findall(r"\bE\d\db?\b", text))
    assert listed | shown == ENTRIES
