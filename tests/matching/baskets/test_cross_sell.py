"""Offers in money, against sums by hand and a bootstrap."""

import numpy as np
import pandas as pd
import pytest

from clvlib.matching import cross_sell_table, offer_outcomes


def rules_of(*pairs):
    return pd.DataFrame({"antecedents": [pair[0] for pair in pairs], "consequents": [pair[1] for pair in pairs]})


@pytest.fixture
def lines():
    """Tea in 4 baskets, pot in 2 of these and in 1 more; prices 2 and 10; 30 days."""
    baskets = {"1": "tp", "2": "tp", "3": "t", "4": "t", "5": "p", "6": "c"}
    rows = [(order, item) for order, items in baskets.items() for item in items]
    table = pd.DataFrame(rows, columns=["order_id", "item_id"])
    table["customer_id"] = table["order_id"].map({"1": "a", "2": "b", "3": "a", "4": "c", "5": "c", "6": "d"})
    table["amount"] = table["item_id"].map({"t": 2.0, "p": 10.0, "c": 5.0})
    table["timestamp"] = pd.to_datetime("2024-01-01")
    table.loc[table["order_id"] == "6", "timestamp"] = pd.to_datetime("2024-01-30")
    return table


def test_an_opportunity_holds_the_one_and_not_the_other(lines):
    table = cross_sell_table(rules_of((("t",), ("p",))), lines, lift_rate=0.2, margin_rate=0.3, period_days=60)
    row = table.iloc[0]
    assert row["opportunities"] == pytest.approx(2 * 60 / 30)
    assert row["confidence"] == 0.5
    assert row["margin_per_sale"] == pytest.approx(3.0)
    assert row["sales"] == pytest.approx(4 * 0.5 * 0.2)
    assert row["margin"] == pytest.approx(4 * 0.5 * 0.2 * 3.0)
    assert row["low"] < row["margin"] < row["high"]


def test_cost_is_paid_for_every_offer(lines):
    options = {"lift_rate": 0.2, "margin_rate": 0.3, "period_days": 30}
    free = cross_sell_table(rules_of((("t",), ("p",))), lines, **options)["margin"].item()
    paid = cross_sell_table(rules_of((("t",), ("p",))), lines, cost_per_offer=0.25, **options)["margin"].item()
    assert paid == pytest.approx(free - 2 * 0.25)


def test_a_basket_is_an_opportunity_of_the_first_rule_only(lines):
    both = rules_of((("t",), ("p",)), (("t",), ("c",)))
    table = cross_sell_table(both, lines, lift_rate=0.2, margin_rate=0.3)
    assert table["opportunities"].round(6).tolist() == [2.0, 2.0]  # 3 and 4; then 1 and 2, which hold the pot
    assert cross_sell_table(both.iloc[::-1], lines, lift_rate=0.2, margin_rate=0.3)["opportunities"].iloc[1] == 0


def test_the_logs_own_cost_wins_over_the_margin_rate(lines):
    known = lines.assign(unit_cost=np.where(lines["item_id"] == "p", 4.0, np.nan), quantity=1.0)
    table = cross_sell_table(rules_of((("t",), ("p",))), known, lift_rate=0.2, margin_rate=0.3)
    assert table["margin_per_sale"].item() == pytest.approx(6.0)
    assert offer_outcomes(rules_of((("t",), ("p",))), known, margin_rate=0.3)["margin"].tolist() == [6.0, 6.0, 0.0, 0.0]


def test_the_interval_is_near_that_of_a_bootstrap_over_customers():
    rng = np.random.default_rng(0)
    n, customer = 3000, rng.integers(0, 300, 3000)
    taste = rng.gamma(1.0, 1.0, 300)[customer]
    tea = rng.random(n) < 0.3
    pot = rng.random(n) < np.where(tea, 0.2, 0.05) * taste / 2
    parts = [pd.DataFrame({"order_id": np.flatnonzero(held), "item_id": name, "amount": price})
             for name, held, price in (("t", tea, 2.0), ("p", pot, 10.0), ("c", np.ones(n, bool), 1.0))]  # fmt: skip
    lines = pd.concat(parts, ignore_index=True)
    lines["customer_id"] = customer[lines["order_id"]]
    lines["timestamp"] = pd.Timestamp("2024-01-01")
    options = {"lift_rate": 0.5, "margin_rate": 0.3, "period_days": 1}
    row = cross_sell_table(rules_of((("t",), ("p",))), lines, **options).iloc[0]
    counts = pd.DataFrame({"tea": tea, "pot": pot, "both": tea & pot}).groupby(customer).sum().to_numpy()
    drawn = counts[rng.integers(0, 300, (2000, 300))].sum(axis=1)
    draws = (drawn[:, 0] - drawn[:, 2]) * drawn[:, 2] / drawn[:, 0] * 3.0 * 0.5
    low, high = np.quantile(draws, [0.025, 0.975])
    assert row["low"] == pytest.approx(low, rel=0.06)
    assert row["high"] == pytest.approx(high, rel=0.06)


def test_every_basket_gets_the_first_offer_that_fits(lines):
    offers = rules_of((("t", "p"), ("c",)), (("t",), ("p",)), (("c",), ("t",)))
    found = offer_outcomes(offers, lines, margin_rate=0.5)
    assert found["order_id"].tolist() == ["1", "2", "3", "4", "6"]
    assert found["offer"].tolist() == [0, 0, 1, 1, 2]
    assert not found["taken"].any()
    single = offer_outcomes(rules_of((("t",), ("p",))), lines, margin_rate=0.5)
    assert single["taken"].tolist() == [True, True, False, False]
    assert single["margin"].tolist() == [5.0, 5.0, 0.0, 0.0]
    assert single["customer_id"].tolist() == ["a", "b", "a", "c"]


def test_what_nobody_bought_earns_nothing_and_no_rules_are_no_rows(lines):
    table = cross_sell_table(rules_of((("t",), ("unknown",))), lines, lift_rate=0.2, margin_rate=0.3)
    assert table[["sales", "margin", "low", "high"]].to_numpy().tolist() == [[0.0] * 4]
    assert cross_sell_table(rules_of(), lines, lift_rate=0.2, margin_rate=0.3).empty
    assert offer_outcomes(rules_of(), lines, margin_rate=0.3).empty


def test_bad_input_is_refused_with_a_remedy(lines):
    rules = rules_of((("t",), ("p",)))
    with pytest.raises(ValueError, match="lift_rate is a share"):
        cross_sell_table(rules, lines, lift_rate=5, margin_rate=0.3)
    with pytest.raises(ValueError, match="margin_rate is a share"):
        cross_sell_table(rules, lines, lift_rate=0.1, margin_rate=30)
    with pytest.raises(ValueError, match="period_days must be above 0"):
        cross_sell_table(rules, lines, lift_rate=0.1, margin_rate=0.3, period_days=0)
    with pytest.raises(ValueError, match="no column timestamp"):
        cross_sell_table(rules, lines.drop(columns="timestamp"), lift_rate=0.1, margin_rate=0.3)
    with pytest.raises(ValueError, match="at least 2"):
        cross_sell_table(rules, lines.assign(customer_id="a"), lift_rate=0.1, margin_rate=0.3)
    with pytest.raises(ValueError, match="need a column amount"):
        offer_outcomes(rules, lines.drop(columns="amount"), margin_rate=0.3)


def test_baskets_of_guests_are_priced_like_those_of_customers_who_come_once():
    rules = pd.DataFrame({"antecedents": [("tea",)], "consequents": [("pot",)]})
    named = pd.DataFrame(
        {
            **{"customer_id": [*"aabccd"], "order_id": [1, 1, 2, 3, 3, 4], "item_id": ["tea", "pot", "tea"] * 2},
            **{"amount": [2.0, 9.0, 2.0, 9.0, 2.0, 2.0], "timestamp": pd.Timestamp("2024-01-01")},
        }
    )
    guests = named.assign(customer_id=named["customer_id"].where(named["customer_id"] == "a"))
    by_name, by_guest = (
        cross_sell_table(rules, lines, lift_rate=0.5, margin_rate=0.3) for lines in (named, guests)
    )
    pd.testing.assert_frame_equal(by_guest, by_name)
    taken = offer_outcomes(rules, guests, margin_rate=0.3)
    assert taken["customer_id"].isna().sum() == len(taken) - 1
