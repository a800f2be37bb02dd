"""A notebook's cells on a page: what is shown, what is folded, what is cut, and where it stopped."""

import re

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from clvlib.reporting.chapter_page import render_chapter


@pytest.fixture
def body(cells):
    def render(*made, **options):
        notebook = new_notebook(cells=[cells.prose("# 3.1 Worth?\n\nOutcome.\n\n*Documents* none"), *made])
        return render_chapter(notebook, link=lambda target: f"to:{target}", **options)

    return render


def test_title_and_first_sentence_stand_in_the_head_and_not_twice(body):
    chapter = body()
    assert chapter.title == "3.1 Worth?"
    assert chapter.lede == "Outcome."
    assert "<h1" not in chapter.html
    assert "Outcome." not in chapter.html
    assert "<em>Documents</em>" in chapter.html


def test_code_is_folded_and_reachable_and_coloured(body, cells):
    html = body(cells.code("import numpy as np\nprint('<b>')")).html
    assert '<details class="code">' in html
    assert "<summary>Code · cell 1</summary>" in html
    assert '<span class="keyword">import</span>' in html
    assert "&lt;b&gt;" in html


def test_a_figure_has_its_alternative_text(body, cells):
    alt = 'Spend falls after "month 3" <b>'
    html = body(cells.code("show(ax)", cells.shown({"image/png": cells.png}, {"image/png": {"alt": alt}}))).html
    assert 'alt="Spend falls after &#34;month 3&#34; &lt;b&gt;"' in html
    undescribed = body(cells.code("show(ax)", cells.shown({"image/png": cells.png}))).html
    assert 'alt="Figure without a description"' in undescribed


def test_a_picture_is_preferred_to_markup_and_javascript_is_never_shown(body, cells):
    data = {"application/javascript": "alert(1)", "text/html": "<p>html</p>", "text/plain": "plain"}
    html = body(cells.code("x", cells.shown(data))).html
    assert "alert" not in html
    assert "<p>html</p>" in html
    assert "plain" not in html
    both = body(cells.code("x", cells.shown({"image/png": cells.png, "text/html": "<p>html</p>"}))).html
    assert "<p>html</p>" not in both


def test_text_keeps_its_characters_and_loses_its_colours(body, cells):
    stream = cells.output("stream", name="stdout", text="\x1b[31ma < b & c\x1b[0m {{ 7 * 7 }}\n")
    html = body(cells.code("x", stream)).html
    assert "a &lt; b &amp; c {{ 7 * 7 }}" in html
    assert "\x1b" not in html


def test_sentences_wrap_and_columns_do_not(body, cells):
    def classes(text):
        return re.search(r'<pre class="([^"]*)"', body(cells.code("", cells.output("stream", text=text))).html)[1]

    assert "wraps" in classes("one sentence, which may be long\nand another\n")
    assert "wraps" not in classes("item    n\ntea     1\n")


def test_a_formula_as_output_is_mathml(body, cells):
    html = body(cells.code("x", cells.shown({"text/latex": r"$\displaystyle \frac{1}{2}$", "text/plain": "1/2"}))).html
    assert "<mfrac>" in html


def test_a_long_output_is_cut_and_says_so(body, cells):
    stream = cells.output("stream", name="stdout", text="x" * 50_000)
    html = body(cells.code("x", stream)).html
    assert "35,000 more characters are in the notebook" in html
    table = {"text/html": "<table>" + "<tr><td>x</td></tr>" * 10_000 + "</table>", "text/plain": "a table, cut"}
    html = body(cells.code("x", cells.shown(table))).html
    assert "<td>" not in html
    assert "a table, cut" in html


def test_a_stopped_chapter_shows_how_far_it_came(body, cells):
    banner = cells.prose("<span style='color:red'>An Exception was encountered</span>")
    banner.metadata["tags"] = ["papermill-error-cell-tag"]
    error = cells.output("error", ename="KeyError", evalue="'amount'", traceback=["\x1b[31mKeyError\x1b[0m: 'amount'"])
    made = [banner, cells.code("a = 1"), new_code_cell(""), cells.code("b['amount']", error), new_code_cell("c = 3")]
    chapter = body(*made, stopped_at=2)
    assert (chapter.cells_run, chapter.code_cells, chapter.stopped) == (1, 3, True)
    assert chapter.html.count('id="stopped"') == 1
    assert '<details class="code" open>' in chapter.html
    assert "<strong>KeyError</strong>: &#39;amount&#39;" in chapter.html
    assert "Code · cell 3, not run" in chapter.html
    assert "An Exception was encountered" not in chapter.html


def test_a_dead_kernel_leaves_no_error_output_and_the_cell_is_marked_all_the_same(body, cells):
    chapter = body(cells.code("a = 1"), cells.code("while True: x += x"), stopped_at=2)
    assert chapter.stopped
    assert chapter.html.index("<code>a = ") < chapter.html.index('id="stopped"')


def test_the_line_that_turns_pages_is_left_to_the_page(body, cells):
    line = "[previous](a.ipynb) · [contents](../../README.md#chapters) · [next](b.ipynb)"
    html = render_chapter(
        new_notebook(cells=[cells.prose(f"## Further\n\nRead on.\n\n{line}")]),
        link=lambda target: "index.html" if "README" in target else target,
    ).html
    assert "contents" not in html
    assert "Read on." in html
    kept = body(cells.prose("See [the list](../../README.md#chapters), which names all.")).html
    assert "the list" in kept


def test_search_sections_follow_the_headings_and_take_in_outputs(body, cells):
    stream = cells.output("stream", name="stdout", text="printed words")
    chapter = body(cells.prose("## Data\n\nBought $x^2$.\n\n### Odd things\n\nReturned."), cells.code("x", stream))
    found = {section.title: (section.anchor, section.text.strip(), section.output) for section in chapter.sections}
    assert found["Data"][:2] == ("Data", "Bought .")
    assert found["Odd things"][:2] == ("Odd-things", "Returned.")
    assert "printed words" in found["Odd things"][2]


def test_rendering_twice_gives_the_same(body, cells):
    made = [cells.prose("$x$ and a table\n\n| a |\n|---|\n| $y$ |"), cells.code("x")]
    assert body(*made) == body(*made)
