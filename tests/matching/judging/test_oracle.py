"""Regret on simulated shops: the oracle is make_shop's own, by the same rule, and nobody beats it."""

import numpy as np
import pandas as pd
import pytest

from clvlib.datasets import make_shop
from clvlib.matching import Popularity, UserKNN, interactions_table, regret_table, true_tastes


@pytest.fixture(scope="module")
def shop():
    return make_shop(n_customers=400, n_items=60, random_state=3)


@pytest.fixture(scope="module")
def past(shop):
    return interactions_table(shop.lines)


def test_tastes_match_the_probabilities_of_the_oracle_of_make_shop(shop):
    tastes, oracle = true_tastes(shop.tables), shop.tables["oracle"]
    row, column = tastes.index.get_indexer(oracle["customer_id"]), tastes.columns.get_indexer(oracle["item_id"])
    assert tastes.to_numpy()[row, column] == pytest.approx(oracle["probability"].to_numpy())
    assert tastes.sum(axis=1).to_numpy() == pytest.approx(1.0)


def test_tastes_match_what_is_bought_in_a_large_sample():
    shop = make_shop(n_customers=3000, n_items=12, n_factors=1, random_state=0)
    bought = shop.lines.loc[shop.lines["amount"] > 0, "item_id"].value_counts(normalize=True)
    weight = shop.lines[shop.lines["amount"] > 0].groupby("customer_id").size()
    expected = true_tastes(shop.tables).loc[weight.index].mul(weight / weight.sum(), axis=0).sum()
    # an item occurs once an order, so that the likeliest falls a little short; others gain
    assert np.corrcoef(bought.reindex(expected.index), expected)[0, 1] > 0.99


def test_the_oracle_of_make_shop_has_no_regret_and_every_other_list_has(shop, past):
    lists = {
        "oracle of make_shop": shop.tables["oracle"],
        "bestsellers": Popularity().fit(past).recommend(exclude_seen=False),
        "neighbours": UserKNN().fit(past).recommend(exclude_seen=False),
    }
    table = regret_table(lists, shop.tables, n=10, random_state=0)
    assert table.loc[["oracle of make_shop", "oracle"], "regret"].to_numpy() == pytest.approx([0, 0])
    assert (table.loc[["bestsellers", "neighbours"], "low"] > 0).all()
    assert table.loc["oracle", "expected_share"] == pytest.approx(
        shop.tables["oracle"].groupby("customer_id")["probability"].sum().mean()
    )
    assert (table["expected_share"] + table["regret"]).to_numpy() == pytest.approx(
        table.loc["oracle", "expected_share"]
    )
    assert table["regret_share"].to_numpy() == pytest.approx(table["regret"] / table.loc["oracle", "expected_share"])


def test_under_exclude_seen_the_oracle_lists_new_candidates_only(shop, past):
    candidates = sorted(past["item_id"].unique())[:30]
    lists = {"bestsellers": Popularity().fit(past).recommend(n=5, candidates=candidates)}
    table = regret_table(lists, shop.tables, n=5, random_state=0, candidates=candidates, seen=past)
    tastes = true_tastes(shop.tables, customers=lists["bestsellers"]["customer_id"].unique())[candidates]
    seen = past.pivot_table(index="customer_id", columns="item_id", values="quantity", aggfunc="size")
    allowed = tastes.mask(seen.reindex(index=tastes.index, columns=candidates).notna(), 0.0)
    by_hand = np.sort(allowed.to_numpy(), axis=1)[:, -5:].sum(axis=1).mean()
    assert table.loc["oracle", "expected_share"] == pytest.approx(by_hand)
    assert table.loc["bestsellers", "regret"] > 0


def test_blocks_do_not_show(shop, past, monkeypatch):
    lists = {"bestsellers": Popularity().fit(past).recommend()}
    whole = regret_table(lists, shop.tables, n=10, random_state=0, seen=past)
    monkeypatch.setattr("clvlib.matching.judging.oracle._CELLS", 60 * 7)
    pd.testing.assert_frame_equal(whole, regret_table(lists, shop.tables, n=10, random_state=0, seen=past))


def test_a_customer_without_a_list_gains_nothing(shop, past):
    some = Popularity().fit(past).recommend(exclude_seen=False)
    half = some[some["customer_id"] < "C000200"]
    table = regret_table({"all": some, "half": half}, shop.tables, n=10, random_state=0)
    share = half["customer_id"].nunique() / some["customer_id"].nunique()
    assert 0 < table.loc["half", "expected_share"] < table.loc["all", "expected_share"]
    assert table.loc["half", "expected_share"] == pytest.approx(table.loc["all", "expected_share"] * share, rel=0.1)


def test_lists_by_other_rules_are_refused(shop, past):
    lists = {"again": Popularity().fit(past).recommend(exclude_seen=False)}
    with pytest.raises(ValueError, match="on the lists of 'again' are no candidates or were seen"):
        regret_table(lists, shop.tables, n=10, random_state=0, seen=past)
    with pytest.raises(ValueError, match="tastes are known of simulated shops only"):
        regret_table(lists, {}, n=10, random_state=0)
    with pytest.raises(ValueError, match="not in the simulated catalogue"):
        regret_table({"x": lists["again"].assign(item_id="??")}, shop.tables, n=1, random_state=0)
    with pytest.raises(ValueError, match="customers are not in the simulation"):
        true_tastes(shop.tables, customers=["nobody"])
    with pytest.raises(ValueError, match="nobody to judge"):
        regret_table({"x": lists["again"].iloc[:0]}, shop.tables, n=1, random_state=0)
