"""What may stand on a page: allow-lists for the HTML and SVG that data can put into an output.

The first of two layers; the second is the content security policy in ``templates/page.html.j2``. Each holds
without the other, and ``tests/reporting/test_chromium.py`` proves it in a browser.
"""

import re
from collections.abc import Callable

import nh3
from markupsafe import Markup

__all__ = ["TOKEN_MARK", "clean_html", "clean_svg"]

#: Begins and ends the tokens that stand for our own markup while a text is cleaned (see ``prose.py``). An
#: attribute that holds one is dropped: the markup put back there would end the attribute.
TOKEN_MARK = "\ue000"

_TAGS = {
    *("h1", "h2", "h3", "h4", "h5", "h6", "p", "br", "hr", "blockquote", "pre", "div", "span"),
    *("a", "abbr", "b", "code", "del", "em", "i", "ins", "kbd", "mark", "q", "s", "samp", "small"),
    *("strong", "sub", "sup", "u", "var", "ul", "ol", "li", "dl", "dt", "dd", "details", "summary"),
    *("table", "caption", "colgroup", "col", "thead", "tbody", "tfoot", "tr", "th", "td"),
    *("figure", "figcaption", "img"),
}
_ATTRIBUTES = {
    "img": {"src", "alt"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "ol": {"start"},
    **{f"h{level}": {"id"} for level in range(1, 7)},
}
# No style attribute: the policy allows our style sheet by its hash and nothing else, so one would only be
# reported on the console. Our own few classes say what styles said.
_CLASSES = {"table": {"dataframe"}, "td": {"right", "center", "text"}, "th": {"right", "center", "text"}}
_DROPPED_WITH_CONTENT = {"script", "style", "title", "template", "noscript", "iframe", "object", "textarea"}
_DATA_IMAGE = re.compile(r"data:image/(png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/=\s]*\Z")
_ID = re.compile(r"[\w.-]+\Z")

_SVG_NAMESPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
_SVG_TAGS = {
    *("svg", "g", "defs", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text", "tspan"),
    *("clipPath", "use", "symbol", "marker", "linearGradient", "radialGradient", "stop"),
}
_SVG_ATTRIBUTES = {
    *("id", "d", "x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "r", "rx", "ry", "dx", "dy", "points", "width"),
    *("height", "viewBox", "preserveAspectRatio", "transform", "fill", "fill-opacity", "fill-rule", "opacity"),
    *("stroke", "stroke-width", "stroke-opacity", "stroke-linecap", "stroke-linejoin", "stroke-dasharray"),
    *("font-size", "font-family", "font-weight", "text-anchor", "clip-path", "offset", "stop-color", "version"),
    *("gradientUnits", "gradientTransform", "style", "xlink:href", "href"),
}


def clean_html(html: str, *, link: Callable[[str], str | None] | None = None) -> Markup:
    """HTML reduced to text, tables, lists and embedded images; nothing in it can run or ask for anything.

    ``link`` is asked for every link's target and returns the one to use, or ``None`` for none: the words stay.
    Without it no link survives, which is what output that data can reach gets. Ids survive on headings of
    prose (with ``link``) only, since an id in an output could pose as one of the page's own.

    >>> print(clean_html('<b onclick="alert(1)">Tea</b><script>alert(1)</script><a href="http://x">pot</a>'))
    <b>Tea</b>pot
    >>> print(clean_html('<a href="javascript:alert(1)">cup</a>', link=lambda target: target))
    <a rel="noopener noreferrer">cup</a>
    """

    def attribute(tag: str, name: str, value: str) -> str | None:
        if TOKEN_MARK in value:
            return None
        if (tag, name) == ("img", "src"):
            return value if _DATA_IMAGE.match(value) else None
        if (tag, name) == ("a", "href"):
            return link(value) if link else None
        if name == "id":
            return value if link and _ID.match(value) else None
        return value

    cleaned = nh3.clean(
        html,
        tags=_TAGS if link else _TAGS - {"a"},
        clean_content_tags=_DROPPED_WITH_CONTENT,
        attributes={**_ATTRIBUTES, "a": {"href"}} if link else _ATTRIBUTES,
        allowed_classes=_CLASSES,
        attribute_filter=attribute,
        url_schemes={"http", "https", "mailto", "data"},
        link_rel="noopener noreferrer" if link else None,
    )
    return Markup(cleaned)


def clean_svg(svg: str) -> str:
    """A drawing reduced to shapes and text, to be embedded as an image: no script, no handler, no outside address.

    >>> clean_svg('<svg viewBox="0 0 1 1" onload="alert(1)"><script>alert(1)</script><path d="M0 0"/></svg>')
    '<svg xmlns="http://www.w3.org/2000/svg" ... viewBox="0 0 1 1"><path d="M0 0"></path></svg>'
    """

    def attribute(tag: str, name: str, value: str) -> str | None:
        if name in ("href", "xlink:href"):
            return value if value.startswith("#") else None
        # A style or a fill may point elsewhere: only at parts of the same drawing.
        addresses = re.findall(r"url\(\s*['\"]?(.?)", value)
        return value if all(first == "#" for first in addresses) and "@import" not in value else None

    cleaned = nh3.clean(
        re.sub(r"\A.*?(?=<svg[\s>])", "", svg, flags=re.S),
        tags=_SVG_TAGS,
        clean_content_tags={"script", "style", "title", "metadata", "foreignObject"},
        attributes={"*": _SVG_ATTRIBUTES},
        attribute_filter=attribute,
        link_rel=None,
    )
    # Of HTML's names for characters it writes only this one, which XML does not know.
    cleaned = cleaned.replace("&nbsp;", "&#160;")
    return cleaned.replace("<svg", f"<svg {_SVG_NAMESPACES}", 1)
