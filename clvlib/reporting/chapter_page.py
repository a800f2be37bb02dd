"""An executed notebook as the body of a page, by a small nbconvert template of our own."""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup, escape
from nbconvert.exporters.templateexporter import TemplateExporter
from nbconvert.filters import strip_ansi
from nbformat import NotebookNode
from pygments.lexers import PythonLexer
from pygments.token import Comment, Keyword, Name, Number, Operator, String
from traitlets.config import Config

from clvlib.reporting.mathml import to_mathml
from clvlib.reporting.prose import Heading, render_markdown
from clvlib.reporting.sanitise import clean_html, clean_svg
from clvlib.reporting.tables import tidy_tables

__all__ = ["TEMPLATES", "ChapterBody", "Section", "render_chapter"]

TEMPLATES = Path(__file__).parent / "templates"
# An output longer than this is cut on the page; the notebook beside it holds all of it. A page has 250 kB.
_MOST_TEXT = 15_000
_MOST_HTML = 60_000
_MOST_SEARCHED = 800
_BANNER = "papermill-error-cell-tag"
# Text with blanks inside its lines is set in columns, which a new line would break.
_IN_COLUMNS = re.compile(r"\S {2,}\S")
_COLOURS = {
    Comment: "comment",
    String: "string",
    Number: "digit",
    Keyword: "keyword",
    Operator.Word: "keyword",
    Name.Builtin: "name",
}
_HEADING = re.compile(r'<h([1-6]) id="([^"]*)">(.*?)</h\1>', re.S)


@dataclass
class Section:
    """What the search knows of one section: its heading, the anchor there, and the text below it."""

    title: str
    anchor: str
    text: str = ""
    output: str = ""


@dataclass
class ChapterBody:
    """A rendered notebook: ``html`` without its title and first sentence, which are ``title`` and ``lede``."""

    html: Markup
    title: str
    lede: Markup
    headings: list[Heading]
    sections: list[Section]
    cells_run: int
    code_cells: int
    stopped: bool


def render_chapter(
    notebook: NotebookNode, *, link: Callable[[str], str | None], stopped_at: int | None = None
) -> ChapterBody:
    """The body of a chapter's page.

    ``link`` gives a link's target on the site, or None where it has none there. ``stopped_at`` is the number of
    the cell in which a chapter failed, counted as the run does: code cells that hold something, from 1.

    >>> from nbformat.v4 import new_markdown_cell, new_notebook
    >>> body = render_chapter(
    ...     new_notebook(cells=[new_markdown_cell("# 3.1 What is it worth?\\n\\nA number.\\n\\n## Data")]),
    ...     link=lambda target: None,
    ... )
    >>> body.title, str(body.lede), [heading.text for heading in body.headings]
    ('3.1 What is it worth?', 'A number.', ['3.1 What is it worth?', 'Data'])
    """
    cells = [cell for cell in notebook.cells if _BANNER not in cell.metadata.get("tags", [])]
    notebook = NotebookNode({**notebook, "cells": cells})
    code = [cell for cell in cells if cell.cell_type == "code" and cell.source.strip()]
    # The exporter copies the notebook, so that cells are known by their id, not as objects.
    numbers = {cell.get("id"): number for number, cell in enumerate(code, 1)}
    exporter = _Exporter(numbers, link=link, stopped_at=stopped_at, last=cells[-1].get("id") if cells else None)
    html, _ = exporter.from_notebook_node(notebook)
    title, lede, html = _head(html)
    ran = sum(cell.get("execution_count") is not None for cell in code)
    return ChapterBody(
        html=Markup(html),
        title=title,
        lede=lede,
        headings=exporter.headings,
        sections=exporter.sections,
        cells_run=stopped_at - 1 if stopped_at else ran,
        code_cells=len(code),
        stopped=stopped_at in numbers.values(),
    )


class _Exporter(TemplateExporter):
    """nbconvert's loop over cells with our template. Autoescape is on, so a filter forgotten shows as text."""

    def __init__(
        self,
        numbers: dict[str, int],
        *,
        link: Callable[[str], str | None],
        stopped_at: int | None,
        last: str | None,
    ):
        self.link = link
        self.headings: list[Heading] = []
        self.sections = [Section("", "")]
        self._numbers = numbers
        self._stopped_at = stopped_at
        self._last = last
        priority = ["image/png", "image/jpeg", "image/svg+xml", "text/html", "text/markdown", "text/latex"]
        config = Config({"NbConvertBase": {"display_data_priority": [*priority, "text/plain"]}})
        super().__init__(config, template_name="chapter", extra_template_basedirs=[str(TEMPLATES)])

    output_mimetype = "text/html"

    def _file_extension_default(self) -> str:
        return ".html"

    def _create_environment(self) -> Environment:
        environment = super()._create_environment()
        environment.autoescape = True
        environment.filters.update(
            prose=self._prose,
            highlighted=_highlighted,
            plain=self._plain,
            wraps=lambda text: "" if _IN_COLUMNS.search(text) else " wraps",
            picture=_picture,
            html_output=self._html_output,
            markdown_output=self._markdown_output,
            latex_output=self._latex_output,
            code_label=self._code_label,
            output_label=lambda cell: f"Output of cell {self._numbers.get(cell.get('id'), '')}",
        )
        environment.tests["failed"] = self._is_failed
        return environment

    def _code_label(self, cell: NotebookNode) -> str:
        number = f"Code · cell {self._numbers[cell.get('id')]}"
        return number if cell.get("execution_count") is not None else f"{number}, not run"

    def _is_failed(self, cell: NotebookNode) -> bool:
        return self._stopped_at is not None and self._numbers.get(cell.get("id")) == self._stopped_at

    def _prose(self, cell: NotebookNode) -> Markup:
        html = render_markdown(
            cell.source, link=self.link, headings=self.headings, attachments=cell.get("attachments")
        )
        if cell.get("id") == self._last:
            html = _without_turning(html)
        start = 0
        for heading in _HEADING.finditer(html):
            self.sections[-1].text += " " + _words(html[start : heading.start()])
            self.sections.append(Section(Markup(heading[3]).striptags(), heading[2]))
            start = heading.end()
        self.sections[-1].text += " " + _words(html[start:])
        return html

    def _plain(self, text: str) -> str:
        text = strip_ansi(text).rstrip("\n")
        self.sections[-1].output += " " + text[:_MOST_SEARCHED]
        if len(text) <= _MOST_TEXT:
            return text
        return f"{text[:_MOST_TEXT]}\n[{len(text) - _MOST_TEXT:,} more characters are in the notebook]"

    def _html_output(self, data: NotebookNode) -> Markup:
        html = data["text/html"]
        if len(html) > _MOST_HTML:
            return Markup("<pre>{}</pre>").format(self._plain(data.get("text/plain", "A table too long for a page.")))
        html = clean_html(tidy_tables(html))
        self.sections[-1].output += " " + html.striptags()[:_MOST_SEARCHED]
        return html

    def _markdown_output(self, source: str) -> Markup:
        return self._html_output({"text/html": render_markdown(source[:_MOST_TEXT])})

    def _latex_output(self, source: str) -> Markup:
        self.sections[-1].output += " " + source[:_MOST_SEARCHED]
        formula = re.fullmatch(r"\s*(\${1,2})(?P<body>.*?)\1\s*", source, re.S)
        return to_mathml(formula["body"] if formula else source, display=True)


def _words(html: str) -> str:
    """The text of prose without its formulas, which are not words once they stand in a line."""
    return Markup(re.sub(r"<math.*?</math>", "", html, flags=re.S)).striptags()


def _head(html: str) -> tuple[str, Markup, str]:
    """Title and first paragraph, taken out of the body: they stand in the page's head."""
    title = re.search(r"<h1[^>]*>(.*?)</h1>\s*", html, re.S)
    if not title:
        return "", Markup(""), html
    before, after = html[: title.start()], html[title.end() :]
    lede = re.match(r"<p>(.*?)</p>\s*", after, re.S)
    if lede:
        after = after[lede.end() :]
    return Markup(title[1]).striptags(), Markup(lede[1] if lede else ""), before + after


def _without_turning(html: Markup) -> Markup:
    """Drop the chapter's own line of previous, contents, next: the page has one that knows what ran."""
    links_only = r"<p>(?:[^<]|</?(?:a|em|strong)\b[^>]*>)*</p>"
    return Markup(
        re.sub(links_only, lambda line: "" if 'href="index.html"' in line[0] and "·" in line[0] else line[0], html)
    )


def _highlighted(source: str) -> Markup:
    """Python in the few colours the style sheet has; Pygments' own writer marks every comma, at thrice the size."""
    pieces = []
    for kind, text in PythonLexer(stripnl=False, ensurenl=False).get_tokens(source):
        colour = next((colour for token, colour in _COLOURS.items() if kind in token), None)
        pieces.append(Markup('<span class="{}">{}</span>').format(colour, text) if colour else escape(text))
    return Markup("").join(pieces)


def _picture(output: NotebookNode, kind: str) -> Markup:
    """A figure as an image: what stands in an image cannot run, and a drawing is cleaned all the same."""
    data = output.data[kind]
    alt = output.get("metadata", {}).get(kind, {}).get("alt") or "Figure without a description"
    if kind == "image/svg+xml":
        data = base64.b64encode(clean_svg(data).encode()).decode()
    source = f"data:{kind};base64,{re.sub(r'[^A-Za-z0-9+/=]', '', data)}"
    return Markup('<img src="{}" alt="{}">').format(Markup(source), escape(alt))
