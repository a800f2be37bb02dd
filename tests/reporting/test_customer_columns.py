"""The data dictionary of the exported tables: every column of the file, in the house's words or by its chapter."""

import json
import re

import pandas as pd
import pytest

from clvlib.columns import COLUMNS
from clvlib.customers import SEGMENTS
from clvlib.reporting.customer_columns import describe_tables
from clvlib.reporting.merge import merge_customers, merge_lists


@pytest.fixture
def handed(report_folder):
    """``handed(stem, table, **data)``: a chapter that handed over ``table``."""

    def handed(stem, table, horizon_days=None, **data):
        entry = report_folder.chapter(stem, f"{stem[0]}_part", data=report_folder.data(**data))
        path = report_folder.path / entry["handover"]
        document = json.loads(path.read_text()) | {"customers": "customers.parquet", "horizon_days": horizon_days}
        path.write_text(json.dumps(document))
        pd.DataFrame(table).to_parquet(path.parent / "customers.parquet", index=False)

    return handed


def _page(report_folder):
    merge_customers(report_folder.path, report_folder.run)
    report_folder.build()
    return report_folder.page("data_quality.html")


def _row(html, column):
    cells = re.search(rf"<tr><th scope=\"row\"><code>{column}</code></th>(.*?)</tr>", html)[1]
    return [re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<td>(.*?)</td>", cells)]


def test_every_column_of_the_file_is_explained(report_folder, handed):
    handed("31_value", {"customer_id": ["a", "b"], "clv": [1.5, 2.5], "visits": [3, 4]}, horizon_days=90)
    handed("32_more", {"customer_id": ["a", "b"], "clv": [1.5, 9.5], "segment": ["x", "y"]}, horizon_days=365)
    html = _page(report_folder)
    exported = pd.read_parquet(report_folder.path / "customers" / "cdnow.parquet")
    assert re.findall(r'<th scope="row"><code>(\w+)</code></th><td>', html) == list(exported.columns)
    assert _row(html, "customer_id") == [COLUMNS["customer_id"].meaning, "", "text", ""]
    assert _row(html, "clv_31") == [COLUMNS["clv"].meaning, "USD", "number", "3.1"]
    assert _row(html, "clv_32")[-1] == "3.2"
    assert _row(html, "horizon_days_32")[1:] == ["days", "whole number", "3.2"]
    meaning, unit, _, chapter = _row(html, "visits")
    assert ("chapter's own" in meaning.replace("&#39;", "'"), unit, chapter) == (True, "", "3.1")
    assert _row(html, "segment")[2:] == ["text", "3.2"]
    assert 'href="data_quality.html#columns-1"' in report_folder.page("index.html")


def test_a_name_with_a_number_of_days_in_it_has_a_meaning_and_a_unit(report_folder, handed):
    handed("31_value", {"customer_id": ["a"], "first_year_margin_365d": [1.5], "realised_margin_90d": [0.5]})
    html = _page(report_folder)
    for column, days in {"first_year_margin_365d": 365, "realised_margin_90d": 90}.items():
        meaning, unit, _, chapter = _row(html, column)
        assert f"within {days} days of the first purchase" in meaning
        assert (unit, chapter) == ("USD", "3.1")


def test_two_data_sets_of_one_name_are_explained_apart(report_folder, handed):
    handed("31_value", {"customer_id": ["a"], "clv": [1.5]}, name="my shop")
    handed("32_more", {"customer_id": ["a"], "expected_spend": [1.5]}, name="my shop", lines=7)
    html = _page(report_folder)
    titles = re.findall(r"What the columns of customers/(\S+) are", html)
    assert titles == [path.stem for path in sorted((report_folder.path / "customers").glob("*.parquet"), reverse=True)]
    assert sorted(titles) == ["my_shop", "my_shop-2"]
    assert html.index("<code>clv</code>") < html.index("my_shop-2 are") < html.index("<code>expected_spend</code>")


def test_what_a_chapter_calls_its_columns_cannot_become_part_of_the_page(report_folder, handed):
    handed("31_value", {"customer_id": ["a"], "<script>": [1.0]})
    assert "<code>&lt;script&gt;</code>" in _page(report_folder)


def test_a_table_that_cannot_be_read_holds_up_no_report(report_folder, handed):
    handed("31_value", {"customer_id": ["a"], "clv": [1.5]})
    merge_customers(report_folder.path, report_folder.run)
    (report_folder.path / "customers" / "cdnow.parquet").write_bytes(b"x" * 100)
    report_folder.build()
    assert "What the columns" not in report_folder.page("data_quality.html")
    chapter = {"data": None, "customers": None}
    assert describe_tables(report_folder.path, [chapter]) == []


def test_issue_4_lists_are_linked_from_the_index_and_their_columns_explained(report_folder):
    entry = report_folder.chapter("21_cf", "2_matching")
    report_folder.chapter("31_value", "3_value")
    path = report_folder.path / entry["handover"]
    document = json.loads(path.read_text()) | {"lists": "lists.parquet", "horizon_days": 28}
    path.write_text(json.dumps(document))
    place = {"customer_id": ["a"], "rank": [1], "item_id": ["x"], "reason": ["new here"], "expected_margin": [0.5]}
    pd.DataFrame(place).to_parquet(path.parent / "lists.parquet", index=False)
    merge_lists(report_folder.path, report_folder.run)
    html = _page(report_folder)
    index, page = report_folder.page("index.html"), report_folder.page("21_cf.html")
    for shown in (index, page):
        assert 'href="lists/21_cf.csv"' in shown
        assert 'href="lists/21_cf.parquet"' in shown
    assert "lists/" not in report_folder.page("31_value.html")
    assert "What the columns of lists/21_cf are" in html
    exported = pd.read_parquet(report_folder.path / "lists" / "21_cf.parquet")
    assert re.findall(r'<th scope="row"><code>(\w+)</code></th><td>', html) == list(exported.columns)
    assert _row(html, "expected_margin") == [COLUMNS["expected_margin"].meaning, "USD", "number", "2.1"]
    assert _row(html, "reason")[1:] == ["", "text", "2.1"]
    assert _row(html, "horizon_days")[2] == "whole number"


def test_lists_in_one_cell_are_explained_too(report_folder, handed):
    handed("21_cf", {"customer_id": ["a"], "list_discovery": ["x y"], "list_reorder": ["y"]}, horizon_days=28)
    handed("22_content", {"customer_id": ["a"], "list_new_items": ["z"]}, horizon_days=28)
    html = _page(report_folder)
    for column in ("list_discovery", "list_reorder", "list_new_items"):
        meaning, unit, kind, _ = _row(html, column)
        assert ("best first" in meaning, unit, kind) == (True, "item ids", "text")


def test_the_dictionary_lies_beside_the_table_and_goes_with_it(report_folder, handed):
    handed("41_back", {"customer_id": ["a", "b"], "probability_return_7d": [0.5, None], "contact": [True, False]})
    _page(report_folder)
    folder = report_folder.path / "customers"
    beside = pd.read_csv(folder / "cdnow_columns.csv", keep_default_na=False).set_index("column")
    assert list(beside.index) == list(pd.read_parquet(folder / "cdnow.parquet").columns)
    assert list(beside.columns) == ["meaning", "unit", "type", "chapters"]
    assert beside.loc["contact"].tolist() == [COLUMNS["contact"].meaning, "", "yes or no", "4.1"]
    assert "empty for who has not bought lately" in beside.loc["probability_return_7d", "meaning"]
    assert "last day" in beside.loc["as_of", "meaning"]
    assert "cdnow_columns.csv" in report_folder.page("index.html")
    run = report_folder.run | {"customers": ["cdnow.parquet", "cdnow.csv"], "chapters": []}
    merge_customers(report_folder.path, run)
    assert list(folder.iterdir()) == []


def test_the_meaning_of_a_segment_names_them_all():
    assert all(segment.name in COLUMNS["segment"].meaning for segment in SEGMENTS)
