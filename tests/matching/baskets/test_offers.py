"""One offer for each thing in hand."""

import pandas as pd
import pytest

from clvlib.matching import bestseller_offers, rule_offers

BASKETS = pd.DataFrame({"order_id": [1, 1, 2, 2, 3, 3, 4], "item_id": ["a", "b", "a", "c", "a", "b", "d"]})


def test_the_bestseller_is_never_what_is_in_hand():
    offers = bestseller_offers([("a",), ("c",), ("a", "b")], BASKETS)
    assert offers["consequents"].tolist() == [("b",), ("a",), ("c",)]


def test_the_category_of_what_is_in_hand_comes_first_if_it_sells_anything_else():
    kinds = pd.Series({"a": "x", "b": "x", "c": "y", "d": "y"})
    offers = bestseller_offers([("a",), ("c",), ("d",), ("unknown",)], BASKETS, category=kinds)
    assert offers["consequents"].tolist() == [("b",), ("d",), ("c",), ("a",)]
    alone = bestseller_offers(
        [("c",)], BASKETS, category=kinds.replace({"y": None}).fillna("z").mask(kinds.index == "c", "q")
    )
    assert alone["consequents"].tolist() == [("a",)]


def test_without_another_item_there_is_nothing_to_offer():
    with pytest.raises(ValueError, match="nothing but"):
        bestseller_offers([("a",)], BASKETS.head(1))


def test_the_best_rule_or_else_the_other_offer():
    rules = pd.DataFrame({"antecedents": [("a",), ("a",), ("b",)], "consequents": [("c",), ("d",), ("a",)],
                          "confidence": [0.1, 0.2, 0.3], "lift": [3.0, 2.0, 1.0]})  # fmt: skip
    assert rule_offers([("b",), ("a",)], rules, by="confidence")["consequents"].tolist() == [("a",), ("d",)]
    assert rule_offers([("a",)], rules, by="lift")["consequents"].tolist() == [("c",)]
    assert rule_offers([("c",)], rules, by="lift").empty
    otherwise = bestseller_offers([("c",), ("a",)], BASKETS)
    filled = rule_offers([("c",), ("a",)], rules, by="lift", otherwise=otherwise)
    assert filled["consequents"].tolist() == [("a",), ("c",)]
    with pytest.raises(ValueError, match="no column leverage"):
        rule_offers([("a",)], rules, by="leverage")


def test_of_equally_frequent_categories_the_smaller_id_is_offered():
    baskets = pd.DataFrame({"order_id": [1, 1], "item_id": pd.Categorical(["tea", "cup"], categories=["tea", "cup"])})
    assert bestseller_offers([("pot",)], baskets)["consequents"].tolist() == [("cup",)]
