"""Markdown: links asked for, headings found, tables framed, formulas kept out of the sanitiser's way."""

from clvlib.reporting.prose import Heading, anchor, render_markdown


def test_headings_are_collected_with_anchors_that_differ():
    found = []
    html = render_markdown("## The data\n\ntext\n\n### Why $x$?\n\n## The data", link=lambda t: t, headings=found)
    assert found == [
        Heading(2, "The-data", "The data"),
        Heading(3, "Why", "Why ?"),
        Heading(2, "The-data-2", "The data"),
    ]
    assert all(f'id="{heading.anchor}"' in html for heading in found)


def test_an_anchor_is_the_one_jupyterlab_makes_but_for_punctuation():
    assert anchor("The idea") == "The-idea"
    assert anchor("Who%20pays") == "Who-pays"
    assert anchor("???") == "section"
    assert anchor("谁会回来") == "谁会回来"


def test_links_are_asked_for_in_markdown_and_in_html():
    asked = []

    def link(target):
        asked.append(target)
        return "found.html" if target == "a.ipynb" else None

    html = render_markdown('[one](a.ipynb), <a href="b.ipynb">two</a>, [three](javascript:x)', link=link)
    assert asked[:2] == ["a.ipynb", "b.ipynb"]
    assert html.count("href") == 1
    assert 'href="found.html"' in html
    assert "two" in html
    assert "three" in html


def test_a_table_stands_in_a_region_that_scrolls_and_can_be_reached_by_key():
    html = render_markdown("| a | b |\n|:--|--:|\n| $x^2$ | `c` |\n")
    assert '<div class="scroll" tabindex="0" role="region" aria-label="Table"><table>' in html
    assert '<td class="right">' in html
    assert "<msup>" in html
    assert "style" not in html


def test_formulas_of_every_delimiter_become_mathml():
    html = render_markdown("$a_1$\n\n$$b^2$$\n\n\\begin{equation}c = \\frac{1}{2}\\end{equation}")
    assert html.count("<math ") == 3
    assert html.count('display="block"') == 2
    assert "$" not in html


def test_code_stays_code():
    html = render_markdown("```python\nx = '<b>'  # $a$\n```\n\n`$y$`")
    assert "x = &#39;&lt;b&gt;&#39;  # $a$" in html
    assert "<code>$y$</code>" in html


def test_a_token_cannot_be_forged_nor_end_an_attribute():
    forged = "\ue0000123456789abcdef-0\ue000"
    html = render_markdown(f'{forged} $x$ ![$\\text{{" onerror=alert(1) x="}}$](data:image/png;base64,AAAA)')
    assert html.count("<math ") == 1
    assert "onerror" not in html
    nested = render_markdown('<ol start="\n\n$$x$$\n\n">\n<li>y</li></ol>')
    assert 'start="' not in nested


def test_a_missing_attachment_does_not_stop_the_page():
    html = render_markdown("![x](attachment:gone.png) and more")
    assert "and more" in html
