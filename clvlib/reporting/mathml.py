"""Formulas as MathML, made when the page is made, so that a page needs no script and no font to show them."""

import html
import re
from xml.etree.ElementTree import Element

from latex2mathml.converter import Converter
from markupsafe import Markup, escape

__all__ = ["to_mathml"]

_ELEMENTS = {
    *("math", "mrow", "mi", "mo", "mn", "ms", "mtext", "mspace", "mfrac", "msqrt", "mroot", "mstyle", "mpadded"),
    *("mphantom", "msub", "msup", "msubsup", "munder", "mover", "munderover", "mmultiscripts", "mprescripts"),
    *("mtable", "mtr", "mtd", "mlabeledtr", "menclose", "merror", "none"),
}
_ATTRIBUTES = {
    *("display", "displaystyle", "scriptlevel", "mathvariant", "mathsize", "mathcolor", "stretchy"),
    *("fence", "form", "separator", "symmetric", "largeop", "movablelimits", "accent", "accentunder", "lspace"),
    *("rspace", "minsize", "maxsize", "linethickness", "width", "height", "depth", "voffset", "columnalign"),
    *("rowspacing", "columnspacing", "columnlines", "rowlines", "notation", "numalign", "denomalign", "bevelled"),
}


def to_mathml(latex: str, *, display: bool = False) -> Markup:
    r"""A LaTeX formula as a ``<math>`` element, or as code where the converter does not know a command in it.

    latex2mathml writes its result unescaped, so that ``\text{<img ...>}`` in a product's name would become an
    element. We therefore write its tree ourselves: known elements and attributes, and every text escaped.

    >>> print(to_mathml("x < 1"))
    <math display="inline"><mrow><mi>x</mi><mo>&lt;</mo><mn>1</mn></mrow></math>
    >>> print(to_mathml(r"\unknown{x}"))
    <code class="formula">\unknown{x}</code>
    """
    # \arg is the one everyday operator the converter leaves as it stands.
    source = re.sub(r"\\arg(?![a-zA-Z])", r"\\operatorname{arg}", latex.strip())
    try:
        tree = Converter(display="block" if display else "inline").convert_to_element(source)
        text = "".join(tree.itertext())
        if "\\" not in html.unescape(text):
            return _write(tree)
    except Exception:  # it raises anything from StopIteration to one of its own twenty classes
        pass
    return Markup('<code class="formula">{}</code>').format(latex.strip())


def _write(element: Element) -> Markup:
    inner = escape(html.unescape(element.text or "")) + Markup("").join(map(_write, element))
    if element.tag in _ELEMENTS:
        attributes = Markup("").join(
            Markup(' {}="{}"').format(name, html.unescape(value))
            for name, value in element.attrib.items()
            if name in _ATTRIBUTES
        )
        inner = Markup("<{0}{1}>{2}</{0}>").format(Markup(element.tag), attributes, inner)
    return inner + escape(html.unescape(element.tail or ""))
