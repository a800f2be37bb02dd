"""Columns as they come: each value is decided by itself, whatever stands beside it."""

import datetime as dt
import decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clvlib.transactions.parse import as_arrow, as_text, identifiers, numbers, text, times


@given(st.floats(allow_nan=False))
def test_every_float_is_read_back_as_it_was_written_beside_nonsense_too(value):
    alone, _ = numbers(pa.array([repr(value)]))
    beside, bad = numbers(pa.array([repr(value), "no number", "+1"]))
    assert alone[0] == value == beside[0]
    assert bad.tolist() == [False, True, False]


@pytest.mark.parametrize("written", ["1_000", "0x10", "1.2.3", "12 EUR", "(3.50)", "3.50-", "−3", "--3", "1e", "True"])
def test_what_only_looks_like_a_number_is_marked(written):
    values, bad = numbers(pa.array([written, "1"]))
    assert bad.tolist() == [True, False]
    assert np.isnan(values[0])


def test_thousands_are_grouped_by_three_or_not_at_all():
    values, bad = numbers(pa.array(["1,234.50", "12,34", "-1,234,567", "0.5"]), thousands=",")
    assert values[[0, 2, 3]].tolist() == [1234.5, -1_234_567.0, 0.5]
    assert bad.tolist() == [False, True, False, False]


def test_decimals_and_mixed_objects_are_numbers():
    column = pd.Series([decimal.Decimal("12.30"), decimal.Decimal("-0.05")], dtype=object)
    assert numbers(as_arrow(column))[0].tolist() == [12.3, -0.05]
    mixed = pd.Series([1.5, "2,5", None, 7], dtype=object)
    values, bad = numbers(as_arrow(mixed, decimal=","), decimal=",")
    assert values[[0, 1, 3]].tolist() == [1.5, 2.5, 7.0]
    assert not bad.any()


@pytest.mark.parametrize("kind", ["int64", "Int32", "float64", "str", "object", "category"])
def test_an_identifier_is_the_same_text_from_every_dtype(kind):
    ids, lost = identifiers(as_arrow(pd.Series([12345, 7]).astype(kind)))
    assert ids.to_pylist() == ["12345", "7"]
    assert not lost.any()


def test_identifiers_that_are_no_numbers_stay_as_they_are():
    given = ["A12.0", "12.50", "1e5", " 0042 ", "12.0.0", "Nº 5"]
    assert identifiers(pa.array(given))[0].to_pylist() == ["A12.0", "12.50", "1e5", "0042", "12.0.0", "Nº 5"]


def test_text_keeps_what_programs_call_nothing_since_a_product_may_be_called_so():
    assert text(pa.array(["None", " null ", "", " "])).to_pylist() == ["None", "null", None, None]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_of_every_resolution_arrive_in_microseconds(unit):
    got, bad, _ = times(pd.Series(np.array(["2011-12-09T12:50:01"], f"datetime64[{unit}]")))
    assert got.dtype == "datetime64[us]"
    assert got.astype(str).tolist() == ["2011-12-09T12:50:01.000000"]
    assert not bad.any()


@pytest.mark.parametrize("value", [20111209, 20111209.0, "20111209", dt.date(2011, 12, 9), pd.Timestamp("2011-12-09")])
def test_a_day_written_in_many_ways_is_one_day(value):
    got, bad, _ = times(pd.Series([value]))
    assert got.astype("datetime64[D]").astype(str).tolist() == ["2011-12-09"]
    assert not bad.any()


def test_impossible_days_are_unreadable_and_missing_ones_are_missing():
    got, bad, _ = times(pd.Series(["2011-02-30", None, "", "2011-02-28"]))
    assert bad.tolist() == [True, False, False, False]
    assert np.isnat(got).tolist() == [True, True, True, False]


def test_an_offset_in_a_format_is_converted_and_a_format_without_one_is_not():
    column = pd.Series(["09.12.2011 23:30 +0000", "09.12.2011 23:30"])
    got, bad, offsets = times(column, formats=["%d.%m.%Y %H:%M %z", "%d.%m.%Y %H:%M"], timezone="Europe/Berlin")
    assert got.astype("datetime64[m]").astype(str).tolist() == ["2011-12-10T00:30", "2011-12-09T23:30"]
    assert (bad.any(), offsets) == (False, 1)


def test_a_zone_by_name_is_an_offset_too():
    got, bad, offsets = times(
        pd.Series(["31.12.2011 23:30 UTC"]), formats=["%d.%m.%Y %H:%M %Z"], timezone="Europe/Berlin"
    )
    assert got.astype("datetime64[m]").astype(str).tolist() == ["2012-01-01T00:30"]
    assert (bad.tolist(), offsets) == ([False], 1)


@pytest.mark.parametrize("thousands", ["\u00a0", "\u202f", " ", "'", "."])
def test_thousands_are_told_apart_by_what_a_country_uses(thousands):
    values, bad = numbers(pa.array([f"1{thousands}234,50", f"12{thousands}34"]), decimal=",", thousands=thousands)
    assert values[0] == 1234.5
    assert bad.tolist() == [False, True]


@pytest.mark.parametrize(
    ("column", "shown"),
    [
        ([["a"], ["b", "c"]], ["['a']", "['b', 'c']"]),
        ([{"a": 1}, None], ["{'a': 1}", None]),
        ([b"tea", b"\xff"], ["tea", "\\xff"]),
        ([np.array([1, 2]), np.array([3])], ["[1, 2]", "[3]"]),
        (pd.to_timedelta([1, 2], unit="D"), ["1 days 00:00:00", "2 days 00:00:00"]),
        (pd.period_range("2011-01", periods=2, freq="M"), ["2011-01", "2011-02"]),
    ],
)
def test_what_is_no_single_value_becomes_text(column, shown):
    assert as_text(pd.Series(column)).to_pylist() == shown
