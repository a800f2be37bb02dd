"""Rules: against mlxtend's printed example, the definitions, scipy's tests, and simulated truth."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from clvlib.matching import association_rules, frequent_itemsets
from clvlib.matching.baskets import _rule_statistics as statistics
from clvlib.metrics.intervals import wilson_interval

#: The five baskets of mlxtend's user guide (frequent_patterns/association_rules.ipynb).
MLXTEND = [
    ["Milk", "Onion", "Nutmeg", "Kidney Beans", "Eggs", "Yogurt"],
    ["Dill", "Onion", "Nutmeg", "Kidney Beans", "Eggs", "Yogurt"],
    ["Milk", "Apple", "Kidney Beans", "Eggs"],
    ["Milk", "Unicorn", "Corn", "Kidney Beans", "Yogurt"],
    ["Corn", "Onion", "Onion", "Kidney Beans", "Ice cream", "Eggs"],
]


def long_table(baskets):
    return pd.DataFrame({"order_id": range(len(baskets)), "item_id": baskets}).explode("item_id", ignore_index=True)


@pytest.fixture(scope="module")
def independent():
    """4,000 baskets in which no item knows of another."""
    rng = np.random.default_rng(1)
    held = rng.random((4000, 30)) < rng.uniform(0.01, 0.3, 30)
    order, item = np.nonzero(held)
    return pd.DataFrame({"order_id": order, "item_id": item})


def test_rules_of_the_mlxtend_user_guide():
    rules = association_rules(frequent_itemsets(long_table(MLXTEND), min_support=0.6), min_confidence=0.7)
    assert len(rules) == 12
    lifted = rules[rules["lift"] >= 1.2]
    assert len(lifted) == 6
    assert lifted["lift"].round(2).eq(1.25).all()
    assert lifted["leverage"].round(2).eq(0.12).all()
    by = rules.set_index(["antecedents", "consequents"])
    assert by.loc[(("Eggs",), ("Onion",)), "conviction"] == pytest.approx(1.6)
    assert by.loc[(("Onion",), ("Eggs",)), "conviction"] == np.inf
    assert by.loc[(("Kidney Beans",), ("Eggs",)), "conviction"] == pytest.approx(1.0)
    assert not rules.drop(columns=["antecedents", "consequents"]).isna().any().any()


@pytest.mark.parametrize("n_baskets", [20, 24, 25, 28, 29, 34, 100])  # at 24 to 34 supports miss it
def test_sixteen_of_twenty_reaches_four_fifths_whatever_the_number_of_baskets(n_baskets):
    baskets = [["a", "b"]] * 16 + [["a"]] * 4 + [["c"]] * (n_baskets - 20)
    rules = association_rules(frequent_itemsets(long_table(baskets), min_support=0.01), min_confidence=0.8)
    assert (("a",), ("b",)) in set(zip(rules["antecedents"], rules["consequents"], strict=True))
    above = association_rules(frequent_itemsets(long_table(baskets), min_support=0.01), min_confidence=0.8000001)
    assert (("a",), ("b",)) not in set(zip(above["antecedents"], above["consequents"], strict=True))


def test_every_measure_is_its_definition(independent):
    rules = association_rules(frequent_itemsets(independent, min_support=0.005), min_confidence=0.1)
    held = {item: set(part) for item, part in independent.groupby("item_id")["order_id"]}
    n = independent["order_id"].nunique()
    assert rules["antecedents"].map(len).max() >= 2
    for rule in rules.sample(60, random_state=0).itertuples():
        one, other = (set.intersection(*(held[item] for item in side)) for side in rule[1:3])
        both = len(one & other)
        assert (rule.count, rule.antecedent_count, rule.consequent_count) == (both, len(one), len(other))
        assert rule.support == pytest.approx(both / n)
        assert rule.confidence == pytest.approx(both / len(one))
        assert rule.lift == pytest.approx(both / len(one) / (len(other) / n))
        assert rule.leverage == pytest.approx(both / n - len(one) / n * len(other) / n)
        expected = np.inf if both == len(one) else (1 - len(other) / n) / (1 - both / len(one))
        assert rule.conviction == pytest.approx(expected)
        low, high = wilson_interval(both, len(one))
        assert (rule.confidence_low, rule.confidence_high) == pytest.approx((low, high))


def test_p_values_are_those_of_fishers_exact_test():
    rng = np.random.default_rng(0)
    n, one, other = 3000, rng.integers(5, 800, 200), rng.integers(5, 900, 200)
    both = np.minimum(np.minimum(one, other), (one * other / n * rng.uniform(1, 2, 200)).astype(int) + 1)
    expected = stats.hypergeom.sf(both - 1, n, one, other)
    assert statistics.fisher_p_values(both, one, other, n) == pytest.approx(expected, rel=1e-8)
    table = [[both[0], one[0] - both[0]], [other[0] - both[0], n - one[0] - other[0] + both[0]]]
    assert expected[0] == pytest.approx(stats.fisher_exact(table, alternative="greater").pvalue)
    assert statistics.fisher_p_values([2], [10], [20], 50)[0] == 1.0


def test_correction_is_that_of_benjamini_hochberg_1995():
    p = np.array([0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240])
    p = np.concatenate([p, [0.4262, 0.5719, 0.6528, 0.7590, 1.0]])  # their section 3.2
    q = statistics.adjusted_p_values(p, n_tried=15)
    assert q == pytest.approx(stats.false_discovery_control(p))
    assert (q <= 0.05).sum() == 4
    padded = np.concatenate([p, np.ones(85)])
    assert statistics.adjusted_p_values(p, n_tried=100) == pytest.approx(stats.false_discovery_control(padded)[:15])


def test_without_any_relation_the_correction_leaves_nothing(independent):
    rules = association_rules(frequent_itemsets(independent, min_support=0.001), min_confidence=0)
    pairs = rules[rules["antecedents"].map(len) + rules["consequents"].map(len) == 2]
    assert (pairs["p_value"] < 0.05).mean() == pytest.approx(0.05, abs=0.03)
    assert (pairs["lift"] > 1.2).sum() > 10
    assert (rules["q_value"] < 0.05).sum() == 0


def test_a_planted_pair_survives_the_correction(independent):
    extra = pd.DataFrame({"order_id": np.repeat(np.arange(0, 4000, 40), 2), "item_id": [98, 99] * 100})
    rules = association_rules(frequent_itemsets(pd.concat([independent, extra]), min_support=0.005), min_confidence=0.5)
    found = rules[rules["q_value"] < 0.05]
    assert found["antecedents"].iloc[:2].tolist() == [(98,), (99,)]
    assert set(found["antecedents"].map(len)) >= {1}


def test_intervals_of_lift_and_leverage_cover_the_truth():
    rng = np.random.default_rng(5)
    n, a, b, ab = 2000, 0.2, 0.1, 0.03
    counts = rng.multinomial(n, [ab, a - ab, b - ab, 1 - a - b + ab], 4000)
    both, one, other = counts[:, 0], counts[:, 0] + counts[:, 1], counts[:, 0] + counts[:, 2]
    truth = {"lift": ab / a / b, "leverage": ab - a * b, "conviction": (1 - b) / (1 - ab / a)}
    for name, value in truth.items():
        _, low, high = getattr(statistics, name)(both, one, other, n, 0.95)
        assert ((low <= value) & (value <= high)).mean() == pytest.approx(0.95, abs=0.012), name


def test_every_pair_that_could_have_formed_a_rule_was_tried():
    lines = long_table([["a", "b", "c"]] * 3 + [["d", "e"]] * 3)
    rules = association_rules(frequent_itemsets(lines, min_support=0.5), min_confidence=0)
    # 5 items: 10 pairs; and 3 + 1 frequent pairs, each with the 3 items it does not hold
    assert rules["n_tried"].unique().tolist() == [10 + 4 * 3]
    more = association_rules(frequent_itemsets(lines, min_support=0.5), min_confidence=0, n_tried=10_000)
    assert (more["q_value"] >= rules["q_value"]).all()
    with pytest.raises(ValueError, match="22 hypotheses"):
        association_rules(frequent_itemsets(lines, min_support=0.5), min_confidence=0, n_tried=21)


def test_order_of_the_table_and_of_its_tuples_changes_nothing(independent):
    itemsets = frequent_itemsets(independent, min_support=0.01)
    mixed = itemsets.sample(frac=1, random_state=0)
    mixed["itemsets"] = mixed["itemsets"].map(frozenset)
    rules = [association_rules(table, min_confidence=0.2) for table in (itemsets, mixed)]
    pd.testing.assert_frame_equal(*rules)


def test_no_rule_is_an_empty_table_with_all_columns():
    none = association_rules(frequent_itemsets(long_table([["a"], ["b"]]), min_support=0.5), min_confidence=0.5)
    some = association_rules(frequent_itemsets(long_table(MLXTEND), min_support=0.6), min_confidence=0.7)
    assert none.empty
    assert none.columns.tolist() == some.columns.tolist()
    assert association_rules(frequent_itemsets(long_table(MLXTEND), min_support=0.6).head(0), min_confidence=0.5).empty


def test_bad_input_is_refused_with_a_remedy():
    itemsets = frequent_itemsets(long_table(MLXTEND), min_support=0.6)
    with pytest.raises(ValueError, match="min_confidence is a share"):
        association_rules(itemsets, min_confidence=80)
    with pytest.raises(ValueError, match="level is a share"):
        association_rules(itemsets, min_confidence=0.8, level=95)
    with pytest.raises(ValueError, match="no column n_baskets"):
        association_rules(itemsets.drop(columns="n_baskets"), min_confidence=0.8)
    with pytest.raises(ValueError, match="whole table"):
        association_rules(itemsets[itemsets["length"] > 1], min_confidence=0.8)
    with pytest.raises(ValueError, match="twice"):
        association_rules(pd.concat([itemsets, itemsets.tail(1)]), min_confidence=0.8)
    with pytest.raises(ValueError, match="different numbers of baskets"):
        association_rules(itemsets.assign(n_baskets=range(len(itemsets))), min_confidence=0.8)
