"""The first-order chain over baskets, counted by hand."""

import numpy as np
import pandas as pd
import pytest

from clvlib.matching import MarkovChain, planted_order
from clvlib.metrics.ranking import ranking_table


def _events(baskets):
    """{"a": ["xy", "z"]}: customer a buys x and y on the first day, z on the second."""
    rows = [
        (customer, item, pd.Timestamp("2024-01-01") + pd.Timedelta(days=day))
        for customer, sequence in baskets.items()
        for day, basket in enumerate(sequence)
        for item in basket
    ]
    return pd.DataFrame(rows, columns=["customer_id", "item_id", "timestamp"])


def test_transitions_are_shares_of_baskets_rendle_freudenthaler_schmidt_thieme_2010_section_4_1():
    model = MarkovChain().fit(_events({"a": ["xy", "x", "yz"], "b": ["x", "z"], "c": ["y"]}))
    # x is in three baskets that are followed: by x, by yz, by z; y in one, followed by x; z in none
    expected = [[1 / 3, 1 / 3, 2 / 3], [1, 0, 0], [0, 0, 0]]
    np.testing.assert_allclose(model.transitions_.toarray(), expected)
    lists = model.recommend(["a", "c"], n=3, exclude_seen=False)
    scores = lists.pivot_table(index="customer_id", columns="item_id", values="score")
    # a's last basket is y and z: the mean of their two rows; c's is y alone
    assert scores.loc["a", "x"] == pytest.approx(0.5)
    assert scores.loc["c", "x"] == pytest.approx(1.0)
    assert (scores.drop(columns="x") == 0).all(axis=None)  # filled by popularity


def test_shrinkage_adds_to_the_chances():
    model = MarkovChain(shrinkage=2.0).fit(_events({"a": ["x", "y"]}))
    assert model.transitions_.toarray()[0, 1] == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="shrinkage must be 0 or more"):
        MarkovChain(shrinkage=-1).fit(_events({"a": ["x", "y"]}))


def test_it_finds_a_planted_chain_and_nothing_two_steps_back():
    hit_rate = {}
    for lag in (1, 2):
        plant = planted_order(n_customers=200, n_items=20, n_steps=20, lag=lag, random_state=1)
        lists = MarkovChain().fit(plant.past).recommend(n=1, exclude_seen=False)
        hit_rate[lag] = ranking_table(lists, plant.later, n=1)["hit_rate"].mean()
    assert hit_rate[1] > 0.75
    assert hit_rate[2] < 0.15


def test_who_bought_once_teaches_nothing_and_everybody_gets_bestsellers():
    model = MarkovChain().fit(_events({"a": ["x"], "b": ["x"], "c": ["y"]}))
    assert model.transitions_.nnz == 0
    assert model.recommend(["c", "stranger"], n=1)["item_id"].tolist() == ["x", "x"]
    one = MarkovChain().fit(_events({"a": ["x", "x"]}))
    assert one.recommend(n=3, exclude_seen=False)["item_id"].tolist() == ["x"]
    assert one.recommend(n=3).empty
