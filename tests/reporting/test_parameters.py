"""Declared parameters, read from the notebook without running it."""

import pytest

from clvlib.reporting.parameters import ChapterError, Parameter, declared, find_chapters


def test_types_defaults_ranges_choices_and_needs_are_read(chapters):
    path = chapters.add(
        "31_clv",
        parameters='dataset: str = "cdnow"  # needs customer_id, timestamp, amount, item_id\n'
        "rate: float = 0.1  # per year, in [0, 1)\n"
        'payment: str = "end"  # one of begin | end\n'
        "sizes: list[int] = [5, 10]  # lengths of lists, in [1, inf)\n"
        "use_all: bool = False\n",
    )
    parameters = declared(path)
    assert parameters["dataset"].needs == ("customer_id", "timestamp", "amount", "item_id")
    rate = parameters["rate"]
    assert (rate.type, rate.default, rate.interval) == ("float", 0.1, "[0, 1)")
    assert parameters["payment"].choices == ("begin", "end")
    assert parameters["sizes"].default == [5, 10]
    assert parameters["use_all"].type == "bool"


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("rate = 0.1", "only `name: type = literal`"),
        ("import os", "only `name: type = literal`"),
        ("rate: float = 1 / 3", "no literal"),
        ("rate: date = 1", "known types"),
        ("rate: float = 2.0  # in [0, 1)", r"default of rate is 2.0, but must be in \[0, 1\)"),
        ("rate: float = 0.1\nrate: float = 0.2", "declared twice"),
        ('dataset: str = "cdnow"  # needs customer', "does not know"),
        ("rate: float = ", "not Python"),
    ],
)
def test_a_wrong_declaration_names_the_notebook(chapters, cell, message):
    path = chapters.add("31_clv", parameters=cell)
    with pytest.raises(ChapterError, match=message) as caught:
        declared(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("parameter", "value", "text", "checked"),
    [
        (Parameter("a", "float", 0.1), 1, "1", 1.0),
        (Parameter("a", "int", 1), 1e5, "1e5", 100_000),
        (Parameter("a", "str", ""), 12, "012", "012"),
        (Parameter("a", "str", ""), True, "true", "true"),
        (Parameter("a", "float", 0.1, interval="[0, 1)"), 0, "0", 0.0),
        (Parameter("a", "list", []), [1, 2], None, [1, 2]),
    ],
)
def test_a_value_becomes_the_declared_type(parameter, value, text, checked):
    found = parameter.checked(value, text=text)
    assert found == checked
    assert type(found) is type(checked)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        (Parameter("a", "float", 0.1), "1e5"),
        (Parameter("a", "float", 0.1), True),
        (Parameter("a", "float", 0.1), float("nan")),
        (Parameter("a", "int", 1), 1.5),
        (Parameter("a", "int", 1), False),
        (Parameter("a", "bool", False), "no"),
        (Parameter("a", "bool", False), 0),
        (Parameter("a", "str", ""), None),
        (Parameter("a", "str", ""), ["x"]),
        (Parameter("a", "list", []), "x"),
        (Parameter("a", "float", 0.1, interval="[0, 1)"), 1.0),
        (Parameter("a", "float", 0.1, interval="(0, 1)"), 0.0),
        (Parameter("a", "list", [], interval="[1, inf)"), [3, 0]),
        (Parameter("a", "list", [], interval="[1, inf)"), ["x"]),
        (Parameter("a", "float", 0.1), 10**400),
        (Parameter("a", "str", "", choices=("net", "apart")), "gross"),
    ],
)
def test_what_does_not_fit_is_refused(parameter, value):
    with pytest.raises(ValueError, match="but must be"):
        parameter.checked(value)


def test_chapters_are_found_in_order_and_have_three_names(chapters):
    chapters.add("31_clv")
    chapters.add("11_data")
    (chapters.path / "3_part" / "notes.ipynb").write_text("{}")
    found = find_chapters(chapters.path)
    assert [chapter.stem for chapter in found] == ["11_data", "31_clv"]
    assert found[1].names == ("31_clv", "3.1", "3_part")


def test_no_chapter_at_all_is_said(tmp_path):
    with pytest.raises(ChapterError, match="no chapter below"):
        find_chapters(tmp_path)


def test_a_broken_notebook_is_named(chapters):
    path = chapters.add("31_clv")
    path.write_text('{"cells": [')
    with pytest.raises(ChapterError, match=r"31_clv\.ipynb is not a readable notebook"):
        find_chapters(chapters.path)


def test_a_range_in_the_words_about_a_text_is_for_the_chapter_to_check(chapters):
    chapters.add("31_clv", parameters='shares: str = "0.1, 1"  # shares of the customers, each in (0, 1]')
    (chapter,) = find_chapters(chapters.path)
    assert chapter.parameters["shares"].interval is None
    assert chapter.parameters["shares"].checked("0.2") == "0.2"
