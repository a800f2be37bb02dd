"""pandas' own HTML, tidied: held against the real writer, not a copy of its output."""

import re

import pandas as pd
import pytest

from clvlib.reporting.tables import tidy_tables


def _classes(html):
    """For each row, which cells are marked as words."""
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", html, re.S)
    return [["text" in attributes for attributes in re.findall(r"<t[hd]([^>]*)>", row)] for row in rows]


def test_words_are_marked_with_their_heading_and_numbers_are_not():
    table = pd.DataFrame({"name": ["tea", "pot"], "n": [1, 2], "share": ["12.5 %", "3 %"], "when": ["1997-01-01", ""]})
    assert _classes(tidy_tables(table._repr_html_())) == [[False, True, False, False, True]] * 3


@pytest.mark.parametrize("value", ["-1.5", "−1.5", "1,234.00", "1e-05", "NaN", "<NA>", "", "inf", "12 %", "1 234"])
def test_what_counts_as_a_number(value):
    assert 'class="text"' not in tidy_tables(pd.DataFrame({"x": [value]})._repr_html_())


@pytest.mark.parametrize("value", ["tea", "1997-01", "(0.1, 0.2)", "True", "12 USD", "<b>"])
def test_what_counts_as_words(value):
    assert 'class="text"' in tidy_tables(pd.DataFrame({"x": [value]})._repr_html_())


def test_a_named_index_takes_one_row_of_headings():
    table = pd.DataFrame({"n": [1]}, index=pd.Index(["tea"], name="item"))
    html = tidy_tables(table._repr_html_())
    assert html.count("<tr") == 2
    assert re.sub(r"\s", "", html).count("<th>item</th><th>n</th>") == 1


def test_two_index_levels_take_one_row_too_and_a_name_over_the_columns_keeps_its_own():
    table = pd.DataFrame({"a": ["x", "x"], "b": ["y", "z"], "n": ["w", "v"]}).set_index(["a", "b"])
    html = tidy_tables(table._repr_html_())
    assert '<tr><th>a</th><th>b</th><th class="text">n</th></tr>' in html
    assert _classes(html)[-1] == [False, True]
    table = pd.DataFrame({"n": [1]}, index=pd.Index(["tea"], name="item")).rename_axis(columns="what")
    assert tidy_tables(table._repr_html_()).count("<tr") == 3


def test_nothing_is_lost_and_what_is_not_pandas_is_left_alone():
    table = pd.DataFrame({"name": ["<b>tea</b>", "a & b"], "n": [1, 2]}, index=pd.Index(["x", "y"], name="key"))
    html = table._repr_html_()
    words = re.sub(r"<[^>]+>|\s", "", html)
    assert re.sub(r"<[^>]+>|\s", "", tidy_tables(html)).replace("keyname", "name") == words.replace("key", "", 1)
    other = "<table><tr><td>tea</td></tr></table><p>dataframe</p>"
    assert tidy_tables(other) == other
