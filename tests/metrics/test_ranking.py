"""Ranking metrics against published fixtures, hand-computed lists and the edges of their definitions."""

import numpy as np
import pandas as pd
import pytest

from clvlib.metrics.ranking import (
    average_precision_at_k,
    catalogue_coverage,
    comparison_table,
    hit_rate_at_k,
    ndcg_at_k,
    precision_at_k,
    ranking_table,
    recall_at_k,
    reciprocal_rank_at_k,
)


def _pairs(customers, items, **more):
    table = pd.DataFrame({"customer_id": customers, "item_id": items, **more})
    return table.astype({"customer_id": "str", "item_id": "str"})


@pytest.fixture
def published():
    """The three users of recommenders-team/recommenders, tests/unit/recommenders/evaluation/conftest.py."""
    users = [1, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 1, 1]
    relevant = _pairs(users, [3, 1, 4, 5, 6, 7, 2, 5, 6, 8, 9, 10, 11, 12, 13, 14, 1, 2])
    lists = _pairs(
        users,
        [12, 10, 3, 5, 11, 13, 4, 10, 7, 13, 1, 3, 5, 2, 11, 14, 3, 10],
        score=[12, 14, 13, 12, 11, 10, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 14, 13],
    )
    lists["rank"] = lists.groupby("customer_id")["score"].rank(ascending=False).astype(int)
    return lists, relevant


def test_figures_match_the_fixture_of_recommenders_team(published):
    table = ranking_table(*published, n=10).mean()
    assert table["precision"] == pytest.approx(0.26666, abs=1e-5)
    assert table["recall"] == pytest.approx(0.37777, abs=1e-5)
    assert table["ndcg"] == pytest.approx(0.38172, abs=1e-5)
    assert table["average_precision"] == pytest.approx(0.23613, abs=1e-5)


def test_average_precision_by_hand():
    # Relevant at ranks 1, 3 and 6 of 3: (1/1 + 2/3 + 3/6) / 3
    hits = [[1, 0, 1, 0, 0, 1]]
    assert average_precision_at_k(hits, [3], k=6) == pytest.approx((1 + 2 / 3 + 0.5) / 3)


def test_ndcg_by_hand():
    # Hits at ranks 2 and 3 of 5 relevant ones, k = 4.
    gain = 1 / np.log2(3) + 1 / np.log2(4)
    best = 1 + 1 / np.log2(3) + 1 / np.log2(4) + 1 / np.log2(5)
    assert ndcg_at_k([[0, 1, 1, 0]], [5], k=4) == pytest.approx(gain / best)
    assert ndcg_at_k([[1, 1, 0, 0]], [2], k=4) == pytest.approx(1.0)


def test_a_perfect_list_scores_one_but_precision_and_recall_have_their_own_denominators():
    hits = np.ones((1, 3), dtype=bool)
    assert ndcg_at_k(hits, [7], k=3) == average_precision_at_k(hits, [7], k=3) == reciprocal_rank_at_k(hits, k=3) == 1
    assert precision_at_k(hits, k=3) == 1
    assert recall_at_k(hits, [7], k=3) == pytest.approx(3 / 7)


def test_a_list_shorter_than_k_counts_its_empty_places_as_misses():
    assert precision_at_k([[1, 1]], k=10) == pytest.approx(0.2)
    assert recall_at_k([[1, 1]], [2], k=10) == 1
    assert ndcg_at_k([[1, 1]], [2], k=10) == 1


def test_hits_beyond_k_do_not_count():
    hits = [[0, 0, 1, 1]]
    assert precision_at_k(hits, k=2) == hit_rate_at_k(hits, k=2) == reciprocal_rank_at_k(hits, k=2) == 0
    assert ndcg_at_k(hits, [2], k=2) == average_precision_at_k(hits, [2], k=2) == 0


def test_without_relevant_items_a_share_of_them_is_undefined():
    for metric in (recall_at_k, ndcg_at_k, average_precision_at_k):
        assert np.isnan(metric([[0, 0]], [0], k=2)).all()
    assert precision_at_k([[0, 0]], k=2) == 0


def test_k_must_be_positive():
    with pytest.raises(ValueError, match="k must be at least 1"):
        precision_at_k([[1]], k=0)


def test_a_customer_without_a_list_scores_zero_and_one_without_purchases_is_left_out():
    lists = _pairs(["a", "z"], ["x", "x"], rank=[1, 1])
    table = ranking_table(lists, _pairs(["a", "b"], ["x", "x"]), n=1)
    assert table["precision"].to_dict() == {"a": 1.0, "b": 0.0}


def test_pairs_bought_twice_are_one_item_and_their_money_is_added():
    lists = _pairs(["a", "a"], ["x", "y"], rank=[1, 2])
    bought = _pairs(["a", "a", "a"], ["y", "y", "q"], amount=[2.0, 3.0, 50.0])
    table = ranking_table(lists, bought, n=2)
    assert table.loc["a", ["n_relevant", "recall", "amount"]].tolist() == [2, 0.5, 5.0]


def test_only_the_first_n_ranks_are_read_whatever_the_order_of_rows():
    lists = _pairs(["a"] * 3, ["late", "x", "y"], rank=[3, 1, 2])
    assert ranking_table(lists, _pairs(["a"], ["late"]), n=2)["hit_rate"].item() == 0
    assert ranking_table(lists, _pairs(["a"], ["late"]), n=3)["reciprocal_rank"].item() == pytest.approx(1 / 3)


@pytest.mark.parametrize(("items", "ranks"), [(["x", "x"], [1, 2]), (["x", "y"], [1, 1])])
def test_a_repeated_item_or_rank_is_refused(items, ranks):
    with pytest.raises(ValueError, match="1 rows of the lists repeat"):
        ranking_table(_pairs(["a", "a"], items, rank=ranks), _pairs(["a"], ["x"]), n=2)


def test_nobody_to_evaluate_is_refused():
    with pytest.raises(ValueError, match="nothing to evaluate"):
        ranking_table(_pairs(["a"], ["x"], rank=[1]), _pairs([], []), n=1)


def test_coverage_counts_items_on_any_list():
    lists = _pairs(["a", "a", "b", "b"], ["x", "y", "x", "z"], rank=[1, 2, 1, 2])
    assert catalogue_coverage(lists, n=2, n_catalogue=6) == 0.5
    assert catalogue_coverage(lists, n=1, n_catalogue=6) == pytest.approx(1 / 6)
    with pytest.raises(ValueError, match="3 different items"):
        catalogue_coverage(lists, n=2, n_catalogue=2)


def test_the_verdict_follows_the_interval_of_the_paired_difference():
    rng = np.random.default_rng(0)
    customers = [f"c{number}" for number in range(200)]
    bought = _pairs(customers, rng.choice(["x", "y"], size=200, p=[0.8, 0.2]))
    lists = {item: _pairs(customers, [item] * 200, rank=[1] * 200) for item in ("x", "y")}
    lists["twin"] = lists["x"]
    table = comparison_table(lists, bought, n=1, baseline="x", n_catalogue=4, random_state=0)
    assert table["verdict"].to_dict() == {"x": "baseline", "y": "worse", "twin": "no difference shown"}
    share = (bought["item_id"] == "x").mean()
    assert table.loc["y", "difference"] == pytest.approx(1 - 2 * share)
    assert table.loc["y", "low"] < table.loc["y", "difference"] < table.loc["y", "high"] < 0
    assert table.loc["twin", ["difference", "low", "high"]].tolist() == [0, 0, 0]
