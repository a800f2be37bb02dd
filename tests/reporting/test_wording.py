"""Figures as people read them."""

import math

import pytest

from clvlib.reporting.wording import amount, chapter_title, day, duration, figure, number, part_title, stamp


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (0.0, "0"),
        (1_470_000, "1,470,000"),
        (-1234.56, "−1,235"),
        (12.345, "12.35"),
        (0.000123, "0.000123"),
        (1e-9, "0.000000"),
        (True, "yes"),
        (None, "not available"),
        (math.inf, "without bound"),
        ("<b>tea</b>", "<b>tea</b>"),
    ],
)
def test_numbers(value, shown):
    assert number(value) == shown


def test_money_keeps_its_cents_where_it_is_small_and_a_count_has_none():
    assert figure(150.0, "USD per customer")["value"] == "150.00"
    assert figure(0.751, "USD in 28 days", 0.319, 1.243)["interval"] == "0.32 to 1.24"
    assert figure(0.0042, "USD per click")["value"] == "0.0042"
    assert figure(2357.0, "customers")["value"] == "2,357"
    assert figure(12.0, "customers")["value"] == "12"
    assert figure(241_000.4, "USD in 2 years")["value"] == "241,000"


def test_the_bounds_have_the_digits_of_the_value():
    shown = figure(9.8, "USD", 9.123, 10.5)
    assert shown["interval"] == "9.12 to 10.50"
    assert figure(0.5, "share", 0.4, None)["interval"] == "at least 40.0 %"
    assert figure(0.5, "", None, 0.75)["interval"] == "at most 0.75"
    assert figure(5.0, "days", 3.25, 7.0)["interval"] == "3.25 to 7.00"


def test_no_digit_is_made_up():
    assert figure(29.1, "days")["value"] == "29.1"
    assert figure(0.61, "")["value"] == "0.61"
    assert figure(1e-7, "")["value"] == "0.000000"


def test_a_percent_sign_stands_beside_its_value():
    shown = figure(29.1, "% of the margin", 20.0, 31.5)
    assert shown == {"value": "29.1 %", "unit": "of the margin", "interval": "20.0 to 31.5 %"}
    assert figure(40.5, "%")["unit"] == ""
    assert figure(0.7, "percentage points")["value"] == "0.7"


def test_a_share_is_put_in_percent_and_a_word_is_left_alone():
    assert figure(1, "share of customers") == {"value": "100.0 %", "unit": "of customers", "interval": ""}
    assert figure(0.00042, "share")["value"] == "0.0420 %"
    assert figure("not available", "share") == {"value": "not available", "unit": "share", "interval": ""}
    assert figure(3.0, "shares")["value"] == "3"


def test_times_and_titles():
    assert duration(59.96) == "60.0 s"
    assert duration(3600) == "1 h 0 min"
    assert stamp("2026-01-02T03:04:05Z") == "2 January 2026, 03:04 UTC"
    assert stamp("soon") == "soon"
    assert day("1998-06-30") == "30 June 1998"
    assert amount(-1234.5) == "−1,234.50"
    assert part_title("2_matching") == "Matching"
    assert chapter_title("21_collaborative_filtering") == "Collaborative filtering"
    assert chapter_title("odd") == "Odd"
