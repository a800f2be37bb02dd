"""A new chapter from the template: a copy that already runs, to be filled in order."""

import re
from pathlib import Path

import nbformat

__all__ = ["new_chapter"]

_TEMPLATE = Path(__file__).parent / "templates" / "chapter.ipynb"
#: The parts of the house by the first digit of a chapter's number.
_PARTS = {
    "0": "0_documents",
    "1": "1_customers",
    "2": "2_matching",
    "3": "3_value",
    "4": "4_retention",
    "5": "5_decisions",
    "6": "6_trust",
}


def new_chapter(stem: str, question: str, *, notebooks: Path) -> Path:
    """Write ``<notebooks>/<part>/<stem>.ipynb`` from the template and return its path.

    ``stem`` is two digits (part and number) and a name, as in ``12_lifecycle``; ``question`` becomes the title.
    The copy runs as it is (``clv refresh``), so that the first edit starts from something that works.
    ``ValueError`` for a stem or a question of another form; ``FileExistsError`` rather than an overwritten chapter.

    >>> new_chapter("lifecycle", "Where are they?", notebooks=Path("notebooks"))
    Traceback (most recent call last):
    ...
    ValueError: 'lifecycle' is no chapter name: two digits and a name in small letters, as in 12_lifecycle
    """
    match = re.fullmatch(r"([0-6])([1-9])_[a-z][a-z_]*", stem)
    if not match:
        raise ValueError(
            f"{stem!r} is no chapter name: two digits and a name in small letters, as in 12_lifecycle"
        )
    question = " ".join(question.split())
    if not question.endswith("?"):
        raise ValueError(f"a chapter asks a question, and {question!r} has no question mark at its end")
    path = notebooks / _PARTS[match[1]] / f"{stem}.ipynb"
    if path.exists():
        raise FileExistsError(f"{path} is there already; nothing was changed")
    notebook = nbformat.read(_TEMPLATE, as_version=4)
    for cell in notebook.cells:
        cell.source = cell.source.replace("{number}", f"{match[1]}.{match[2]}").replace("{question}", question)
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path
