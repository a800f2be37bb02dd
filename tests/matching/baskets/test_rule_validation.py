"""Rules on later baskets: simulated shops in which the truth about relations, sizes and customers is known."""

import numpy as np
import pandas as pd
import pytest

from clvlib.matching import association_rules, frequent_itemsets, validate_rules
from clvlib.matching.baskets import _rule_statistics as statistics


def lines_of(held, **columns):
    order, item = np.nonzero(held)
    return pd.DataFrame({"order_id": order, "item_id": item, **{name: value[order] for name, value in columns.items()}})


def every_pair(lines, min_support=0.01):
    rules = association_rules(frequent_itemsets(lines, min_support=min_support, max_length=2), min_confidence=0)
    return rules.drop_duplicates(["lift", "count"])


@pytest.fixture(scope="module")
def sizes_differ():
    """Baskets of very different size in which nothing goes with anything: as many as 8 periods of 4,000."""
    rng = np.random.default_rng(0)
    appetite = rng.gamma(1.0, 1.0, (8, 4000, 1))
    return rng.random((8, 4000, 30)) < 1 - np.exp(-appetite * rng.uniform(0.01, 0.3, 30))


def test_where_sizes_differ_the_plain_lift_sees_relations_that_are_not_there(sizes_differ):
    rules = every_pair(lines_of(sizes_differ[0]))
    assert (rules["q_value"] < 0.05).mean() > 0.9
    checked = validate_rules(rules, lines_of(sizes_differ[1]))
    assert checked["later_lift"].median() > 1.3
    assert checked["verdict"].eq("basket size only").mean() > 0.8


def test_lift_given_size_is_one_and_its_interval_covers_it(sizes_differ):
    rules = every_pair(lines_of(sizes_differ[0])).head(150)
    checked = [validate_rules(rules, lines_of(period)) for period in sizes_differ[1:]]
    low, value, high = (
        np.array([table[f"later_lift_given_size{end}"] for table in checked]) for end in ("_low", "", "_high")
    )
    assert value.mean() == pytest.approx(1.0, abs=0.03)
    assert ((low <= 1) & (high >= 1)).mean() == pytest.approx(0.95, abs=0.02)


def test_a_planted_relation_holds_beyond_size(sizes_differ):
    held = sizes_differ[0].copy()
    rng = np.random.default_rng(1)
    held[:, 1] |= held[:, 0] & (rng.random(4000) < 0.7)
    rules = pd.DataFrame({"antecedents": [(0,), (2,)], "consequents": [(1,), (3,)]})
    assert validate_rules(rules, lines_of(held))["verdict"].tolist() == ["holds", "basket size only"]


def test_things_that_replace_each_other_are_reversed():
    lines = lines_of(np.array([[1, 0, 1], [0, 1, 1]] * 300 + [[1, 1, 1]] * 20))
    rules = pd.DataFrame({"antecedents": [(0,)], "consequents": [(1,)]})
    assert validate_rules(rules, lines)["verdict"].item() == "reversed"


def test_a_household_that_repeats_itself_is_one_piece_of_evidence():
    rng = np.random.default_rng(3)
    held = rng.random((200, 8)) < 0.3
    owner = np.arange(200)
    rules = every_pair(lines_of(held)).head(20)
    once = validate_rules(rules, lines_of(held, customer_id=owner))
    often = validate_rules(rules, lines_of(np.tile(held, (10, 1)), customer_id=np.tile(owner, 10)))
    for name in ("later_lift_low", "later_lift_high", "later_lift_given_size_low"):
        assert often[name].to_numpy() == pytest.approx(once[name].to_numpy(), rel=1e-9)
    each_its_own = validate_rules(rules, lines_of(np.tile(held, (10, 1))))
    assert (each_its_own["later_lift_low"] > often["later_lift_low"]).all()


def test_with_a_basket_a_customer_the_interval_is_the_delta_methods():
    rng = np.random.default_rng(4)
    lines = lines_of(rng.random((3000, 12)) < 0.2)
    checked = validate_rules(every_pair(lines), lines)
    n = checked["later_n_baskets"].iloc[0]
    counts = (checked[f"later_{name}"].to_numpy() for name in ("count", "antecedent_count", "consequent_count"))
    value, _, high = statistics.lift(*counts, n, 0.95)
    assert checked["later_lift"].to_numpy() == pytest.approx(value)
    # the sum over customers has n / (n - 1) in its variance
    assert np.log(checked["later_lift_high"] / value).to_numpy() == pytest.approx(
        np.log(high / value) * np.sqrt(n / (n - 1)), rel=1e-6
    )


def test_both_directions_agree_and_keep_their_own_confidence():
    lines = lines_of(np.array([[1, 1, 0], [1, 1, 1], [1, 0, 1], [1, 0, 0]]))
    rules = pd.DataFrame({"antecedents": [(0,), (1,)], "consequents": [(1,), (0,)]})
    checked = validate_rules(rules, lines)
    assert checked["later_confidence"].tolist() == [0.5, 1.0]
    assert checked["later_antecedent_count"].tolist() == [4, 2]
    assert checked["later_lift"].nunique() == 1


def test_what_is_not_seen_later_says_so():
    lines = lines_of(np.array([[1, 1], [1, 0], [0, 1]]))
    rules = pd.DataFrame({"antecedents": [(7,), (0,), (0, 7)], "consequents": [(0,), (7,), (1,)]})
    checked = validate_rules(rules, lines)
    assert checked["verdict"].tolist() == ["not seen"] * 3
    assert checked["later_confidence"].isna().tolist() == [True, False, True]


def test_never_together_has_an_interval_that_starts_at_zero():
    lines = lines_of(np.array([[1, 0, 1]] * 10 + [[0, 1, 1]] * 10))
    checked = validate_rules(pd.DataFrame({"antecedents": [(0,)], "consequents": [(1,)]}), lines)
    assert checked["later_lift"].item() == checked["later_lift_low"].item() == 0.0
    assert checked["later_lift_high"].item() == pytest.approx(-np.log(0.025) / 5)


def test_no_rules_and_bad_rules():
    lines = lines_of(np.array([[1, 1], [1, 0]]))
    rules = pd.DataFrame({"antecedents": [(0,)], "consequents": [(1,)]})
    assert "verdict" in validate_rules(rules.head(0), lines).columns
    with pytest.raises(ValueError, match="Rules need a column consequents"):
        validate_rules(rules[["antecedents"]], lines)
    with pytest.raises(ValueError, match="1 of 1 rules have antecedents that are no tuple"):
        validate_rules(rules.assign(antecedents=["milk"]), lines)
    with pytest.raises(ValueError, match="level is a share"):
        validate_rules(rules, lines, level=95)
    one = validate_rules(rules, lines.head(2).assign(customer_id="a"))
    assert one["verdict"].item() == "not shown"


def test_a_guest_is_a_customer_of_its_own():
    rng = np.random.default_rng(0)
    lines = lines_of(rng.random((60, 3)) < 0.5)
    rules = pd.DataFrame({"antecedents": [(0,)], "consequents": [(1,)]})
    named = lines.assign(customer_id=lines["order_id"].map(lambda order: "a" if order < 10 else f"guest {order}"))
    guests = lines.assign(customer_id=named["customer_id"].where(named["customer_id"] == "a"))
    pd.testing.assert_frame_equal(validate_rules(rules, guests), validate_rules(rules, named))
