"""The datasets of a run: each once, shared by its chapters, and its reconciliation checked again."""

import pytest

from clvlib.reporting.data_quality import describe_datasets


def _data(**changes):
    return {"name": "shop", "sha256": "a", "lines": 3, "reconciliation": [], "url": None} | changes


def _rows(*rows):
    return [dict(zip(("outcome", "reason", "lines", "amount"), row, strict=True)) for row in rows]


def test_chapters_on_the_same_data_share_it_and_others_do_not():
    handed = [_data(), _data(), _data(lines=2), _data(sha256="b"), None]
    chapters = [{"data": data} for data in handed]
    datasets = describe_datasets(chapters)
    assert [dataset["anchor"] for dataset in datasets] == ["data-shop", "data-shop-2", "data-shop-3"]
    assert chapters[0]["data"] is chapters[1]["data"]
    assert datasets[0]["used_by"] == chapters[:2]
    assert chapters[4]["data"] is None


@pytest.mark.parametrize(
    ("rows", "holds"),
    [
        ((("read", "", 3, 0.3), ("kept", "", 2, 0.1), ("guest", "", 1, 0.2)), True),
        ((("read", "", 3, 0.3), ("kept", "", 2, 0.3)), False),
        ((("read", "", 3, 1.0), ("kept", "", 3, 1.25)), False),
        ((("read", "", 3, None), ("kept", "", 3, None)), True),
    ],
)
def test_the_reconciliation_is_added_up_again(rows, holds):
    (dataset,) = describe_datasets([{"data": _data(reconciliation=_rows(*rows))}])
    assert dataset["balance"]["holds"] is holds


def test_only_an_address_on_the_web_becomes_a_link():
    def address(url):
        (dataset,) = describe_datasets([{"data": _data(url=url)}])
        return dict(dataset["facts"]).get("Address")

    assert '<a href="https://example.org/?a&#34;b"' in address('https://example.org/?a"b')
    assert address("javascript:alert(1)") == "javascript:alert(1)"
    assert "<a" not in str(address("data/shop.csv"))
    assert address(None) is None


def test_a_failed_chapter_is_told_by_its_parameter_which_data_it_worked_on():
    parameters = [{"dataset": "shop"}, {"dataset": "/out/ledger/shop"}, {"dataset": "other"}, {}]
    failed = [{"data": None, "status": "failed", "parameters": given} for given in parameters]
    (dataset,) = describe_datasets([{"data": _data()}, *failed])
    assert [chapter["data"] is dataset for chapter in failed] == [True, True, False, False]
