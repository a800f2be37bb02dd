"""Markdown to HTML: formulas as MathML, tables that scroll by themselves, headings that can be pointed at."""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

from markupsafe import Markup, escape
from nbconvert.filters.markdown_mistune import InvalidNotebook, IPythonRenderer, MarkdownWithMath

from clvlib.reporting.mathml import to_mathml
from clvlib.reporting.sanitise import TOKEN_MARK, clean_html

__all__ = ["Heading", "anchor", "render_markdown"]

# A formula in a line cannot be broken; one with more signs than this scrolls by itself.
_FITS_A_PHONE = 25


@dataclass(frozen=True)
class Heading:
    """A heading: ``level`` 1 to 6, its ``anchor`` on the page, its ``text`` without markup."""

    level: int
    anchor: str
    text: str


def anchor(heading: str) -> str:
    """The name under which a heading can be linked to: as in JupyterLab, blanks become hyphens.

    >>> anchor("Who returns, and when?")
    'Who-returns-and-when'
    """
    return re.sub(r"[^\w.-]", "", re.sub(r"\s+", "-", unquote(heading).strip())).strip("-") or "section"


def render_markdown(
    source: str,
    *,
    link: Callable[[str], str | None] | None = None,
    headings: list[Heading] | None = None,
    attachments: dict | None = None,
) -> Markup:
    """Markdown as clean HTML. Headings found are appended to ``headings``; ``link`` is that of `clean_html`.

    >>> print(render_markdown("**Tea** costs <script>alert(1)</script>more."), end="")
    <p><strong>Tea</strong> costs more.</p>
    """
    renderer = _Renderer(headings if headings is not None else [], attachments or {})
    rendered = MarkdownWithMath(renderer=renderer).render(source)
    return renderer.restore(clean_html(rendered, link=link))


class _Renderer(IPythonRenderer):
    """Keeps our own markup (formulas, frames of tables) out of the sanitiser's way.

    It stands in the text as a token that nobody can foresee, and so cannot forge, and is put back afterwards.
    """

    def __init__(self, headings: list[Heading], attachments: dict):
        super().__init__(escape=False, exclude_anchor_links=True, attachments=attachments)
        self.headings = headings
        self._nonce = secrets.token_hex(8)
        self._token = re.compile(rf"{TOKEN_MARK}{self._nonce}-(\d+){TOKEN_MARK}")
        self._kept: list[Markup] = []

    def restore(self, cleaned: Markup) -> Markup:
        return Markup(self._token.sub(lambda match: str(self._kept[int(match[1])]), str(cleaned)))

    def _keep(self, markup: Markup) -> str:
        self._kept.append(markup)
        return f"{TOKEN_MARK}{self._nonce}-{len(self._kept) - 1}{TOKEN_MARK}"

    def _without_tokens(self, text: str) -> str:
        return self._token.sub("", text)

    def inline_math(self, body: str) -> str:
        formula = to_mathml(body)
        if len(formula.striptags()) > _FITS_A_PHONE:
            frame = Markup('<span class="formula scroll" tabindex="0" role="group" aria-label="Formula">{}</span>')
            formula = frame.format(formula)
        return self._keep(formula)

    def block_math(self, body: str) -> str:
        frame = Markup('<span class="formula-block scroll" tabindex="0" role="group" aria-label="Formula">{}</span>')
        return self._keep(frame.format(to_mathml(body, display=True)))

    def latex_environment(self, name: str, body: str) -> str:
        return self.block_math(rf"\begin{{{name}}}{body}\end{{{name}}}")

    def table(self, text: str) -> str:
        frame = Markup('<div class="scroll" tabindex="0" role="region" aria-label="Table">')
        return f"<div>{self._keep(frame)}<table>\n{text}</table>{self._keep(Markup('</div>'))}</div>\n"

    def table_cell(self, text: str, align: str | None = None, head: bool = False) -> str:
        tag = "th" if head else "td"
        return f'<{tag} class="{align or ""}">{text}</{tag}>\n'

    def block_code(self, code: str, info: str | None = None) -> str:
        frame = Markup('<pre class="scroll" tabindex="0"><code>{}</code></pre>').format(code)
        return f"<div>{self._keep(frame)}</div>\n"

    def image(self, text: str, url: str, title: str | None = None) -> str:
        text = self._without_tokens(text)
        try:
            return super().image(text, url, title)
        except InvalidNotebook:  # an attachment that is not there
            return text

    def heading(self, text: str, level: int, **attrs: object) -> str:
        plain = Markup(clean_html(self._without_tokens(text))).striptags()
        taken = {heading.anchor for heading in self.headings}
        name = wanted = anchor(plain)
        number = 2
        while name in taken:
            name, number = f"{wanted}-{number}", number + 1
        self.headings.append(Heading(level, name, plain))
        return f'<h{level} id="{escape(name)}">{text}</h{level}>\n'
