"""Itemsets: against mlxtend's printed example, against counting by hand, and the kernel against the arrays."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from clvlib.matching import basket_table, frequent_itemsets
from clvlib.matching.baskets import itemsets
from clvlib.matching.baskets.itemsets import _least_count

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


@pytest.fixture
def random_lines():
    rng = np.random.default_rng(0)
    return pd.DataFrame({"order_id": rng.integers(0, 300, 2000), "item_id": rng.zipf(1.5, 2000) % 15})


def test_itemsets_of_the_mlxtend_user_guide():
    found = frequent_itemsets(long_table(MLXTEND), min_support=0.6)
    assert found["itemsets"].tolist() == [
        *[("Kidney Beans",), ("Eggs",), ("Milk",), ("Onion",), ("Yogurt",)],
        *[("Eggs", "Kidney Beans"), ("Eggs", "Onion"), ("Kidney Beans", "Milk"), ("Kidney Beans", "Onion")],
        *[("Kidney Beans", "Yogurt"), ("Eggs", "Kidney Beans", "Onion")],
    ]
    assert found["support"].tolist() == [1.0, 0.8, 0.6, 0.6, 0.6, 0.8, 0.6, 0.6, 0.6, 0.6, 0.6]
    assert (found["n_baskets"] == 5).all()


@pytest.mark.parametrize("large", [0, 10**9], ids=["kernel", "arrays"])
@pytest.mark.parametrize("min_support", [0.02, 0.005])
def test_every_frequent_itemset_is_found_with_its_count(random_lines, monkeypatch, large, min_support):
    monkeypatch.setattr(itemsets, "_LARGE", large)
    found = frequent_itemsets(random_lines, min_support=min_support)
    baskets = [frozenset(items) for _, items in random_lines.groupby("order_id")["item_id"]]
    every = {}
    for length in range(1, int(found["length"].max()) + 2):
        for itemset in combinations(range(15), length):
            count = sum(basket.issuperset(itemset) for basket in baskets)
            if count / len(baskets) >= min_support:
                every[itemset] = count
    assert dict(zip(found["itemsets"], found["count"], strict=True)) == every
    assert found["length"].max() >= 4


@pytest.mark.parametrize("max_length", [1, 2, 3, 4, None])
def test_kernel_and_arrays_agree_at_every_length(random_lines, monkeypatch, max_length):
    both = []
    for large in (0, 10**9):
        monkeypatch.setattr(itemsets, "_LARGE", large)
        both.append(frequent_itemsets(random_lines, min_support=0.004, max_length=max_length))
    pd.testing.assert_frame_equal(*both)
    assert max_length is None or both[0]["length"].max() == max_length


@pytest.mark.parametrize("large", [0, 10**9], ids=["kernel", "arrays"])
def test_a_deep_itemset_is_found_whole(monkeypatch, large):
    monkeypatch.setattr(itemsets, "_LARGE", large)
    lines = long_table([list("abcdefghij")] * 3 + [["k"]])
    found = frequent_itemsets(lines, min_support=0.5)
    assert len(found) == 2**10 - 1
    assert found["itemsets"].iloc[-1] == tuple("abcdefghij")
    assert (found["count"] == 3).all()


@pytest.mark.parametrize("large", [0, 10**9], ids=["kernel", "arrays"])
def test_too_many_itemsets_are_refused_before_the_memory_ends(monkeypatch, large):
    monkeypatch.setattr(itemsets, "_LARGE", large)
    monkeypatch.setattr(itemsets, "_MOST", 1000)
    with pytest.raises(ValueError, match="raise min_support or limit max_length"):
        frequent_itemsets(long_table([list("abcdefghijklmn")] * 2), min_support=0.5)


def test_a_share_is_reached_by_the_count_that_a_human_would_say():
    assert _least_count(0.07, 100) == 7  # 0.07 * 100 is above 7 in floating point
    assert _least_count(0.8, 20) == 16
    assert _least_count(1e-9, 20) == 1
    assert _least_count(1.0, 20) == 20
    assert _least_count(5 / 6, 6) == 5


def test_order_and_type_of_ids_and_repeats_change_nothing(random_lines):
    once = frequent_itemsets(random_lines, min_support=0.01)
    mixed = pd.concat([random_lines, random_lines.head(500)]).sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(frequent_itemsets(mixed, min_support=0.01), once)
    texts = mixed.assign(
        order_id="order " + mixed["order_id"].astype(str), item_id="🍵 " + mixed["item_id"].astype(str)
    )
    by_text = frequent_itemsets(texts, min_support=0.01)
    as_text = {
        tuple(sorted(f"🍵 {item}" for item in items)): count
        for items, count in zip(once["itemsets"], once["count"], strict=True)
    }
    assert dict(zip(by_text["itemsets"], by_text["count"], strict=True)) == as_text


def test_ids_of_several_kinds_have_an_order_too():
    found = frequent_itemsets(long_table([["a", 1], [1, "a"]]), min_support=0.5)
    assert found["itemsets"].tolist() == [(1,), ("a",), (1, "a")]


def test_a_log_without_orders_has_a_basket_a_customer_and_day():
    lines = pd.DataFrame({
        "customer_id": ["a", "a", "a", "b"], "item_id": ["x", "y", "x", "x"],
        "timestamp": pd.to_datetime(["2024-01-01 09:00", "2024-01-01 17:00", "2024-01-02 00:00", "2024-01-02 00:00"]),
    })  # fmt: skip
    found = frequent_itemsets(lines, min_support=0.3)
    assert found["n_baskets"].tolist() == [3, 3, 3]
    assert dict(zip(found["itemsets"], found["count"], strict=True)) == {("x",): 3, ("y",): 1, ("x", "y"): 1}
    assert basket_table(lines)["order_id"].unique().tolist() == ["a 2024-01-01", "a 2024-01-02", "b 2024-01-02"]


def test_returns_and_lines_without_an_item_are_no_purchases():
    lines = long_table([["x", "y"], ["x", "y"], ["x"]]).assign(amount=[1.0, 1.0, 1.0, -1.0, 1.0])
    assert frequent_itemsets(lines, min_support=0.6)["itemsets"].tolist() == [("x",)]
    lines.loc[4, "item_id"] = None
    assert frequent_itemsets(lines, min_support=0.6)["n_baskets"].tolist() == [2]
    assert basket_table(lines)["amount"].tolist() == [1.0, 1.0, 1.0]


def test_bad_input_is_refused_with_a_remedy():
    lines = long_table(MLXTEND)
    for share in (0, -1, 1.5, float("nan")):
        with pytest.raises(ValueError, match="min_support is a share"):
            frequent_itemsets(lines, min_support=share)
    with pytest.raises(ValueError, match="max_length must be at least 1"):
        frequent_itemsets(lines, min_support=0.5, max_length=0)
    with pytest.raises(ValueError, match="no column item_id"):
        frequent_itemsets(lines.drop(columns="item_id"), min_support=0.5)
    with pytest.raises(ValueError, match=r"no\s+customer_id and no timestamp"):
        frequent_itemsets(lines.drop(columns="order_id"), min_support=0.5)
    with pytest.raises(ValueError, match="None of the 0 lines"):
        frequent_itemsets(lines.head(0), min_support=0.5)
    with pytest.raises(ValueError, match="1 of 27 lines have no order_id"):
        frequent_itemsets(lines.assign(order_id=[None, *lines["order_id"][1:]]), min_support=0.5)
    days = pd.DataFrame({"customer_id": ["a"], "item_id": ["x"], "timestamp": ["2024-01-01"]})
    with pytest.raises(ValueError, match="timestamp holds str"):
        frequent_itemsets(days, min_support=0.5)
    with pytest.raises(ValueError, match="amount holds str"):
        frequent_itemsets(days.assign(amount=["1.00"]), min_support=0.5)
    with pytest.raises(ValueError, match="not as a list"):
        frequent_itemsets(MLXTEND, min_support=0.5)


def test_nothing_frequent_is_an_empty_table():
    found = frequent_itemsets(long_table([["a"], ["b"], ["c"]]), min_support=0.5)
    assert found.columns.tolist() == ["itemsets", "length", "count", "n_baskets", "support"]
    assert found.empty
    one = frequent_itemsets(long_table([["a"]]), min_support=1.0)
    assert one["itemsets"].tolist() == [("a",)]


def test_categories_are_sorted_as_ids_and_not_in_the_order_they_appear():
    plain = pd.DataFrame({"order_id": [10, 10, 9, 9], "item_id": ["tea", "cup", "tea", "cup"]})
    shown = plain.assign(
        item_id=pd.Categorical(plain["item_id"], categories=["tea", "pot", "cup"]),
        order_id=pd.Categorical(plain["order_id"], categories=[10, 9]),
    )
    pd.testing.assert_frame_equal(
        frequent_itemsets(shown, min_support=0.5), frequent_itemsets(plain, min_support=0.5)
    )
    pd.testing.assert_frame_equal(basket_table(shown), basket_table(plain))
