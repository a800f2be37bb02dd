"""The allow-list: what survives, what does not, and that nothing that was escaped is unescaped."""

import pytest

from clvlib.reporting.sanitise import TOKEN_MARK, clean_html, clean_svg

HARMFUL = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)><script>alert(1)</script></svg>",
    '<a href="javascript:alert(1)">x</a>',
    '<a href="JaVaScRiPt&#58;alert(1)">x</a>',
    '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
    "<style>*{display:none}</style>",
    '<p style="position:fixed;inset:0">x</p>',
    '<form action="javascript:alert(1)"><button>x</button></form>',
    '<meta http-equiv="refresh" content="0;url=https://example.org">',
    '<base href="https://example.org/">',
    '<link rel="stylesheet" href="https://example.org/x.css">',
    "<object data='data:text/html,<script>alert(1)</script>'></object>",
    '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">',
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
    '<input autofocus onfocus="alert(1)">',
]


@pytest.mark.parametrize("html", HARMFUL)
@pytest.mark.parametrize("link", [None, lambda target: None])
def test_nothing_that_runs_or_loads_survives(html, link):
    cleaned = clean_html(f"<p>before</p>{html}<p>after</p>", link=link).lower()
    for word in ("alert(1)&", "<script", "javascript:", "srcdoc", "<style", "style=", "http", "<form", "<svg"):
        assert word not in cleaned
    for handler in ("onerror=alert", "onload=", "onfocus="):
        assert handler not in cleaned.replace("&lt;img src=1 onerror=alert", "")
    assert "before" in cleaned


def test_a_table_of_pandas_keeps_its_shape():
    import pandas as pd

    table = pd.DataFrame({"item": ["<b>tea</b>"], "n": [1]})
    cleaned = clean_html(table._repr_html_())
    assert '<table class="dataframe">' in cleaned
    assert "&lt;b&gt;tea&lt;/b&gt;" in cleaned
    assert cleaned.count("<th>") == 4
    assert "style" not in cleaned


def test_outputs_get_no_link_and_no_id_prose_gets_both():
    html = '<h2 id="Data">Data</h2><p id="main"><a href="https://example.org">x</a></p>'
    assert clean_html(html) == "<h2>Data</h2><p>x</p>"
    kept = clean_html(html, link=lambda target: target)
    assert '<h2 id="Data">' in kept
    assert 'id="main"' not in kept
    assert 'href="https://example.org"' in kept
    assert 'rel="noopener noreferrer"' in kept


def test_only_embedded_images_are_shown():
    assert "src" in clean_html('<img src="data:image/png;base64,AAAA" alt="x">')
    for source in ("https://example.org/x.png", "x.png", "//example.org/x", "data:text/html;base64,AAAA"):
        assert "src" not in clean_html(f'<img src="{source}" alt="x">')


def test_a_class_of_ours_cannot_be_borrowed():
    assert clean_html('<div class="note bad skip">x</div><td class="right">') == "<div>x</div>"


def test_an_attribute_that_holds_a_token_is_dropped():
    assert clean_html(f'<img alt="{TOKEN_MARK}0{TOKEN_MARK}">') == "<img>"


def test_svg_keeps_its_shapes_and_loses_its_teeth():
    svg = (
        '<?xml version="1.0"?><!DOCTYPE svg><svg viewBox="0 0 9 9" onload="alert(1)"><style>@import "x"</style>'
        '<script>alert(1)</script><foreignObject><iframe src="x"></iframe></foreignObject>'
        '<a href="javascript:alert(1)"><path d="M0 0L9 9" fill="url(https://example.org/x)" stroke="red"/></a>'
        '<use xlink:href="#p"/><use xlink:href="https://example.org/x#p"/><image href="https://example.org/x"/>'
        '<rect width="1" style="fill:url(#p)"/></svg>'
    )
    cleaned = clean_svg(svg)
    for word in ("alert", "script", "example.org", "import", "foreignObject", "onload", "<?xml", "<a", "<image"):
        assert word not in cleaned
    for word in ('viewBox="0 0 9 9"', 'd="M0 0L9 9"', 'stroke="red"', 'xlink:href="#p"', "fill:url(#p)"):
        assert word in cleaned
    from xml.etree import ElementTree

    assert ElementTree.fromstring(cleaned).tag == "{http://www.w3.org/2000/svg}svg"
