"""Discounting: the documents' printed figures, the published table, identities, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clvlib.value.discounting import (
    annual_rate,
    cash_flow_table,
    discount_factors,
    implied_rate,
    margin_multiple,
    payback_period,
    period_rate,
    present_value,
)

FLOWS = [100, 50, 20]  # document 001, section 4.3
MONTH = 365 / 12


def test_end_of_period_value_matches_erratum_e16_of_document_001():
    assert round(present_value(FLOWS, rate_per_period=0.1), 4) == 147.2577
    terms = cash_flow_table(FLOWS, rate_per_period=0.1)["present_value"]
    assert terms.round(4).tolist() == [90.9091, 41.3223, 15.0263]


def test_beginning_of_period_value_matches_erratum_e16_of_document_001():
    assert round(present_value(FLOWS, rate_per_period=0.1, timing="beginning"), 4) == 161.9835


def test_printed_14545_of_document_001_is_two_months_from_time_zero():
    assert round(present_value(FLOWS[:2], rate_per_period=0.1, timing="beginning"), 2) == 145.45
    assert round(160 / 1.1, 2) == 145.45
    assert round(present_value(FLOWS, rate_per_period=0.1), 2) != 145.45


def test_rate_implied_by_145_45_matches_erratum_e16():
    rate = implied_rate(FLOWS, 145.45)
    assert round(100 * rate, 2) == 10.92
    assert present_value(FLOWS, rate_per_period=rate) == pytest.approx(145.45, abs=1e-9)


def test_ten_percent_a_month_and_a_year_match_erratum_e16b():
    assert round(100 * annual_rate(0.1, period_days=MONTH), 1) == 213.8
    monthly = period_rate(0.1, period_days=MONTH)
    assert round(100 * monthly, 4) == 0.7974
    assert round(present_value(FLOWS, rate_per_period=monthly), 2) == 167.95


def test_margin_multiples_match_gupta_lehmann_2005():
    table = margin_multiple(np.array([0.6, 0.7, 0.8, 0.9])[:, None], rate_per_period=np.array([0.10, 0.12, 0.14, 0.16]))
    assert table.round(2).tolist() == [
        [1.2, 1.15, 1.11, 1.07],
        [1.75, 1.67, 1.59, 1.52],
        [2.67, 2.5, 2.35, 2.22],
        [4.5, 4.09, 3.75, 3.46],
    ]


@given(st.floats(0, 0.97), st.floats(0.001, 0.5), st.sampled_from(["end", "beginning"]))
def test_margin_multiple_is_the_limit_of_the_cash_flow_table(retention, rate, timing):
    n = 3000
    exponent = np.arange(n) + (timing == "end")
    table = cash_flow_table(np.ones(n), rate_per_period=rate, timing=timing, survival=retention**exponent)
    expected = margin_multiple(retention, rate_per_period=rate, timing=timing)
    assert table["cumulative_value"].iloc[-1] == pytest.approx(expected, rel=1e-9)


@given(st.floats(-0.5, 5), st.floats(1, 1000))
def test_period_and_annual_rate_undo_each_other(rate, days):
    assert period_rate(annual_rate(rate, period_days=365), period_days=365) == pytest.approx(rate, abs=1e-9)
    assert annual_rate(period_rate(rate, period_days=days), period_days=days) == pytest.approx(rate, abs=1e-6)


@given(st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=24), st.floats(-0.2, 1))
def test_beginning_is_end_times_one_plus_rate(flows, rate):
    end = present_value(flows, rate_per_period=rate)
    assert present_value(flows, rate_per_period=rate, timing="beginning") == pytest.approx(
        end * (1 + rate), rel=1e-9, abs=1e-6
    )


def test_table_adds_margin_survival_and_acquisition_cost_by_hand():
    table = cash_flow_table(FLOWS, rate_per_period=0.1, margin_rate=0.3, survival=[1.0, 0.8, 0.5], acquisition_cost=25)
    by_hand = 0.3 * (100 / 1.1 + 0.8 * 50 / 1.21 + 0.5 * 20 / 1.331) - 25
    assert table["cumulative_value"].iloc[-1] == pytest.approx(by_hand, abs=1e-12)
    assert list(table.columns) == [
        "period", "cash_flow", "margin", "survival", "discount_factor", "present_value", "cumulative_value",
    ]  # fmt: skip


@pytest.mark.parametrize(("cost", "period"), [(0, 1), (27.272727272727273, 1), (28, 2), (40, 3), (44.2, None)])
def test_payback_by_hand(cost, period):
    table = cash_flow_table(FLOWS, rate_per_period=0.1, margin_rate=0.3, acquisition_cost=cost)
    assert payback_period(table) == period


def test_payback_is_not_claimed_before_a_later_refund():
    table = cash_flow_table([10, -20, 30], rate_per_period=0.0, acquisition_cost=5)
    assert table["cumulative_value"].tolist() == [5, -15, 15]
    assert payback_period(table) == 3


def test_zero_rate_adds_up_plainly():
    assert present_value(FLOWS, rate_per_period=0.0) == 170
    assert discount_factors(4, rate_per_period=0.0).tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: present_value([], rate_per_period=0.1), "at least one payment"),
        (lambda: present_value([1, np.nan], rate_per_period=0.1), "1 of 2 cash flows"),
        (lambda: present_value([1], rate_per_period=-1), "above -1"),
        (lambda: present_value([1], rate_per_period=0.1, timing="middle"), '"end" or "beginning"'),
        (lambda: period_rate(0.1, period_days=0), "positive number of days"),
        (lambda: annual_rate(np.nan, period_days=30), "finite"),
        (lambda: cash_flow_table([1, 2], rate_per_period=0.1, survival=[1.0]), "one share a period"),
        (lambda: cash_flow_table([1, 2], rate_per_period=0.1, survival=[0.5, 0.6]), "cannot rise"),
        (lambda: cash_flow_table([1, 2], rate_per_period=0.1, survival=[1.5, 0.6]), "between 0 and 1"),
        (lambda: cash_flow_table([1], rate_per_period=0.1, acquisition_cost=-1), "zero or more"),
        (lambda: cash_flow_table([1], rate_per_period=0.1, margin_rate=np.inf), "finite share"),
        (lambda: margin_multiple(1.1, rate_per_period=0.1), "between 0 and 1"),
        (lambda: margin_multiple(1.0, rate_per_period=0.0), "no end"),
        (lambda: implied_rate([1, -1], 0.5), "not unique"),
        (lambda: implied_rate([1, 1], -3), "no rate"),
    ],
)
def test_wrong_input_is_refused_with_a_reason(call, message):
    with pytest.raises(ValueError, match=message):
        call()
