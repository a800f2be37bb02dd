"""The remedy is read off the rejected values."""

import pandas as pd
import pytest

from clvlib.transactions.hints import remedy


def hint(reason, *values):
    ours = reason.split()[0]
    return remedy(pd.DataFrame({"reason": reason, "Theirs": pd.Series(values, dtype="str")}), {ours: "Theirs"})


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (("31/12/2010", "01/02/2010"), "date_format='%d/%m/%Y' (reads 2 of 2"),
        (("12/31/2010 8:05 PM",), "date_format='%m/%d/%Y %I:%M %p'"),
        (("31.12.2010 08:05:59", "gestern"), "'%d.%m.%Y %H:%M:%S' (reads 1 of 2"),
        (("2010-12-31",), "date_format='ISO8601'"),
        (("Saint Sylvester",), "how dates such as 'Saint Sylvester' are written"),
    ],
)
def test_a_date_names_the_format_that_reads_it(values, told):
    assert told in hint("timestamp is not a date in the format %Y", *values)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("12,50", "decimal=','"),
        ("1.234,50", "decimal=',', thousands='.'"),
        ("1,234.50", "thousands=','"),
        ("$ 12.50", "without currency signs"),
        ("(12.50)", "brackets"),
        ("n/k", "where 'n/k' stands"),
    ],
)
def test_a_number_names_the_option_that_reads_it(value, told):
    assert told in hint("amount is not a number (money unknown, counted as 0)", value)


def test_nothing_is_advised_where_the_values_suggest_nothing():
    assert hint("amount is infinite (money unknown, counted as 0)", "inf") == ""


@pytest.mark.parametrize(
    ("stated", "value"),
    [
        ("%d.%m.%Y %H:%M", "31.02.2025 10:00"),
        ("%d.%m.%Y %H:%M or %d.%m.%Y", "30.2.2025"),
        ("ISO8601", "2025-02-30"),
        ("ISO8601", "2025-02-28 24:61"),
        ("%m/%d/%Y %I:%M %p", "02/30/2025 10:00 pm"),
    ],
)
def test_a_day_that_no_calendar_has_is_not_taken_for_another_format(stated, value):
    told = hint(f"timestamp is not a date in the format {stated}; amount is missing or NaN", value, value)
    assert told == f"mend what no calendar or clock has, such as {value!r}: it is written as stated"


def test_a_date_of_another_look_keeps_its_advice():
    assert "say how dates such as '31 Feb'" in hint("timestamp is not a date in the format %d.%m.%Y", "31 Feb")
    assert "date_format='%m/%d/%Y'" in hint("timestamp is not a date in the format %d/%m/%Y", "12/31/2010")
    assert "say how dates" in hint("timestamp is not a date in the format %d %B", "30 Februar")
