"""Ranking metrics against published fixtures, hand-computed lists and the edges of their definitions."""

import numpy as np
import pandas as pd
import pytest

from clvlib.metrics.ranking import (
    average_popularity,
    average_precision_at_k,
    catalogue_coverage,
    comparison_table,
    graded_ndcg_at_k,
    group_table,
    hit_rate_at_k,
    ndcg_at_k,
    novelty,
    popularity_bias,
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


def test_graded_ndcg_matches_the_example_of_recommenders_team():
    # The six first of eight items with grades 3 2 3 0 1 2 3 2, in this order.
    grades = [3, 2, 3, 0, 1, 2, 3, 2]
    assert graded_ndcg_at_k([grades[:6]], [grades], k=6) == pytest.approx(0.785, abs=5e-4)


@pytest.mark.parametrize("exponential", [False, True])
def test_graded_ndcg_is_that_of_scikit_learn_when_every_item_is_ranked(exponential):
    from sklearn.metrics import ndcg_score

    rng = np.random.default_rng(0)
    grades, scores = rng.integers(0, 5, size=(20, 12)).astype(float), rng.normal(size=(20, 12))
    listed = np.take_along_axis(grades, np.argsort(-scores, axis=1), axis=1)
    gains = np.exp2(grades) - 1 if exponential else grades
    ours = graded_ndcg_at_k(listed, grades, k=5, exponential=exponential)
    assert ours.mean() == pytest.approx(ndcg_score(gains, scores, k=5))


def test_graded_ndcg_with_grades_of_one_is_binary_ndcg():
    hits = np.array([[0, 1, 1, 0], [1, 0, 0, 0]])
    relevant = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]])
    assert graded_ndcg_at_k(hits, relevant, k=4) == pytest.approx(ndcg_at_k(hits, [5, 2], k=4))
    assert np.isnan(graded_ndcg_at_k([[0, 0]], [[0, 0]], k=2)).all()
    with pytest.raises(ValueError, match="1 of 2 grades are negative"):
        graded_ndcg_at_k([[-1, 0]], [[1, 0]], k=2)


@pytest.fixture
def diverse():
    """The training pairs and lists of recommenders-team/recommenders, same conftest.py, diversity_data."""
    buyers = pd.Series([1, 2, 4, 3, 4, 3, 4, 5]).astype(str).value_counts()
    lists = _pairs([1, 1, 2, 2, 3, 3], [3, 5, 2, 5, 1, 2], rank=[1, 2] * 3)
    return lists, buyers


def test_novelty_and_coverage_match_the_fixture_of_recommenders_team(diverse):
    lists, buyers = diverse
    assert novelty(lists, buyers, n=2).mean() == pytest.approx(2.83333, abs=1e-5)
    assert catalogue_coverage(lists, n=2, n_catalogue=5) == pytest.approx(0.8)
    one_each = _pairs(["u"] * 5, [1, 2, 3, 4, 5], rank=[1, 2, 3, 4, 5])
    bits = [novelty(one_each[one_each["item_id"] == item].assign(rank=1), buyers, n=1).item() for item in "12345"]
    assert bits == pytest.approx([3.0, 3.0, 2.0, 1.41504, 3.0], abs=1e-5)


def test_an_item_that_nobody_bought_is_as_novel_as_the_rarest_and_never_infinitely():
    lists = _pairs(["a"], ["new"], rank=[1])
    assert novelty(lists, {"x": 7, "y": 1}, n=1).item() == pytest.approx(3.0)


def test_popularity_bias_is_the_relative_difference_of_two_group_average_popularities():
    buyers = {"hit": 10, "mid": 4, "rare": 1}
    lists = _pairs(["a", "a", "b"], ["hit", "mid", "hit"], rank=[1, 2, 1])
    bought = _pairs(["a", "b", "b", "c"], ["mid", "mid", "rare", "hit"])
    # (7 + 10) / 2 listed; (4 + 2.5) / 2 bought by those who have a list: c has none
    assert popularity_bias(lists, bought, buyers, n=2) == pytest.approx(8.5 / 3.25 - 1)
    assert popularity_bias(bought.assign(rank=[1, 1, 2, 1]), bought, buyers, n=2) == 0
    assert np.isnan(popularity_bias(lists, _pairs(["z"], ["mid"]), buyers, n=2))


@pytest.mark.parametrize(
    ("buyers", "message"),
    [
        ({"x": -1.0}, "1 of 1 items have a number of buyers that is negative"),
        ({"x": np.nan, "y": 2.0}, "1 of 2 items"),
        ({"x": 0.0}, "No item has a buyer"),
        (pd.Series([1, 2], index=["x", "x"]), "1 items have two numbers of buyers"),
        ({}, "No item has a buyer"),
    ],
)
def test_impossible_numbers_of_buyers_are_refused(buyers, message):
    with pytest.raises(ValueError, match=message):
        novelty(_pairs(["a"], ["x"], rank=[1]), buyers, n=1)


def test_the_comparison_shows_map_mrr_novelty_and_bias_as_means_over_the_judged_customers():
    lists = {"one": _pairs(["a", "b", "z"], ["x", "y", "rare"], rank=[1, 1, 1]), "two": _pairs(["a"], ["y"], rank=[1])}
    bought, buyers = _pairs(["a", "b"], ["x", "x"]), {"x": 6, "y": 2, "rare": 1}
    table = comparison_table(
        lists, bought, n=1, baseline="one", n_catalogue=3, random_state=0, buyers=buyers, measure="hit_rate"
    )
    assert table.loc["one", ["average_precision", "reciprocal_rank"]].tolist() == [0.5, 0.5]
    assert table.loc["one", "novelty"] == pytest.approx((np.log2(9 / 6) + np.log2(9 / 2)) / 2)  # z is not judged
    assert table.loc["one", "popularity_bias"] == pytest.approx(4 / 6 - 1)
    assert table.loc["two", "novelty"] == pytest.approx(np.log2(9 / 2))  # b has no list
    assert table.loc["two", "difference"] == -0.5
    assert "novelty" not in comparison_table(lists, bought, n=1, baseline="one", n_catalogue=3, random_state=0)


def test_groups_share_the_customers_out_and_the_baseline_is_compared_within_each():
    customers = [f"c{number:03d}" for number in range(40)]
    bought = _pairs(customers, ["x"] * 20 + ["y"] * 20)
    lists = {item: _pairs(customers, [item] * 40, rank=[1] * 40) for item in ("x", "y")}
    order = pd.CategoricalDtype(["rare", "frequent", "nobody"], ordered=True)
    groups = pd.Series(["frequent"] * 20 + ["rare"] * 20, index=customers, dtype=order)
    table = group_table(lists, bought, groups, n=1, baseline="x", random_state=0)
    assert table.index.tolist() == [("rare", "x"), ("rare", "y"), ("frequent", "x"), ("frequent", "y")]
    assert table["customers"].tolist() == [20] * 4
    assert table["ndcg"].tolist() == [0, 1, 1, 0]
    assert table["difference"].tolist() == [0, 1, 0, -1]
    assert table["verdict"].tolist() == ["baseline", "better", "baseline", "worse"]
    whole = comparison_table(lists, bought, n=1, baseline="x", n_catalogue=2, random_state=0)
    assert (table["difference"] * 20).groupby("method").sum().div(40).tolist() == whole["difference"].tolist()


def test_a_group_of_one_has_no_interval_and_a_customer_without_a_group_is_refused():
    bought = _pairs(["a", "b", "c"], ["x", "x", "y"])
    lists = {item: _pairs(["a", "b", "c"], [item] * 3, rank=[1] * 3) for item in ("x", "y")}
    table = group_table(lists, bought, {"a": "many", "b": "many", "c": "alone"}, n=1, baseline="x", random_state=0)
    assert table.loc[("alone", "y"), "verdict"] == "too few customers"
    assert table.loc[("alone", "y"), ["low", "high"]].isna().all()
    with pytest.raises(ValueError, match="1 of 3 customers to be judged have no group"):
        group_table(lists, bought, {"a": "g", "b": "g"}, n=1, baseline="x", random_state=0)


@pytest.mark.parametrize(
    ("lists", "relevant", "message"),
    [
        (_pairs(["a"], ["x"], rank=[0]), _pairs(["a"], ["x"]), "1 of 1 rows of the lists have a rank"),
        (_pairs(["a"], ["x"], rank=[1.5]), _pairs(["a"], ["x"]), "1 of 1 rows of the lists have a rank"),
        (_pairs(["a"], ["x"], rank=[np.nan]), _pairs(["a"], ["x"]), "have no rank in 1 of 1 rows"),
        (_pairs(["a"], ["x"]), _pairs(["a"], ["x"]), "The lists have no column rank"),
        (_pairs(["a"], ["x"], rank=[1]), _pairs(["a"], ["x"])[["item_id"]], "no column customer_id"),
        (_pairs(["a"], ["x"], rank=[1]).assign(item_id=None), _pairs(["a"], ["x"]), "no item_id in 1 of 1 rows"),
        (_pairs(["a"], ["x"], rank=[1]), _pairs(["a"], ["x"]).assign(item_id=7), "item_id is str in the lists and int"),
    ],
)
def test_lists_that_would_be_counted_wrongly_are_refused(lists, relevant, message):
    with pytest.raises(ValueError, match=message):
        ranking_table(lists, relevant, n=2)


def test_ids_are_compared_as_what_they_are_and_not_by_how_they_are_stored():
    lists = _pairs(["a", "a"], ["🍏 green", "y"], rank=[1, 2]).astype(object)
    bought = _pairs(["a", "b"], ["🍏 green", "y"]).astype("category")
    assert ranking_table(lists, bought, n=2)["recall"].tolist() == [1.0, 0.0]


def test_a_baseline_or_measure_that_is_not_there_is_named():
    lists, bought = {"x": _pairs(["a", "b"], ["x", "x"], rank=[1, 1])}, _pairs(["a", "b"], ["x", "y"])
    settings = {"n": 1, "n_catalogue": 2, "random_state": 0}
    with pytest.raises(ValueError, match="baseline 'nobody' has no lists; there are x"):
        comparison_table(lists, bought, baseline="nobody", **settings)
    with pytest.raises(ValueError, match="measure='amount' is none of"):
        comparison_table(lists, bought, baseline="x", measure="amount", **settings)


#: Hits of four lists of three, and how many each could have: RUCAIBox/RecBole, tests/metrics/test_topk_metrics.py.
RECBOLE = np.array([[0, 0, 0], [1, 1, 1], [1, 0, 1], [0, 0, 1]]), np.array([1, 3, 4, 2])
_FIRST, _SECOND, _THIRD = 1 / np.log2([2, 3, 4])


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (hit_rate_at_k, [[0, 0, 0], [1, 1, 1], [1, 1, 1], [0, 0, 1]]),
        (reciprocal_rank_at_k, [[0, 0, 0], [1, 1, 1], [1, 1, 1], [0, 0, 1 / 3]]),
        (precision_at_k, [[0, 0, 0], [1, 1, 1], [1, 1 / 2, 2 / 3], [0, 0, 1 / 3]]),
        (recall_at_k, [[0, 0, 0], [1 / 3, 2 / 3, 1], [1 / 4, 1 / 4, 2 / 4], [0, 0, 1 / 2]]),
        (average_precision_at_k, [[0, 0, 0], [1, 1, 1], [1, 1 / 2, 5 / 9], [0, 0, 1 / 6]]),
        (
            ndcg_at_k,
            [
                [0, 0, 0],
                [1, 1, 1],
                [1, _FIRST / (_FIRST + _SECOND), (_FIRST + _THIRD) / (_FIRST + _SECOND + _THIRD)],
                [0, 0, _THIRD / (_FIRST + _SECOND)],
            ],
        ),
    ],
)
def test_metrics_match_the_fixture_of_recbole_at_every_length(metric, expected):
    hits, n_relevant = RECBOLE
    counts = (n_relevant,) if metric in (recall_at_k, average_precision_at_k, ndcg_at_k) else ()
    ours = np.column_stack([metric(hits, *counts, k=k) for k in (1, 2, 3)])
    assert ours == pytest.approx(np.array(expected))


def test_average_popularity_matches_the_fixture_of_recbole():
    items = [[5, 7, 3], [4, 5, 2], [2, 3, 5], [1, 4, 6], [5, 3, 7]]
    lists = _pairs(np.repeat(range(5), 3), np.ravel(items), rank=[1, 2, 3] * 5)
    buyers = {"1": 0, "2": 1, "3": 2, "4": 3, "5": 4, "6": 5}  # and nobody bought item 7
    ours = np.column_stack([average_popularity(lists, buyers, n=n) for n in (1, 2, 3)])
    expected = [[4, 2, 2], [3, 7 / 2, 8 / 3], [1, 3 / 2, 7 / 3], [0, 3 / 2, 8 / 3], [4, 3, 2]]
    assert ours == pytest.approx(np.array(expected))
    assert catalogue_coverage(lists, n=3, n_catalogue=8) == 7 / 8


@pytest.mark.parametrize("seed", range(5))
def test_the_table_is_what_a_loop_over_sets_counts(seed):
    rng, n = np.random.default_rng(seed), 4
    items, customers = [f"i{number}" for number in range(9)], [f"c{number}" for number in range(12)]
    told = {one: list(rng.permutation(items)[: rng.integers(0, 8)]) for one in customers[:10]}
    bought = {one: set(rng.permutation(items)[: rng.integers(1, 9)]) for one in customers[2:]}
    lists = pd.DataFrame(
        [(one, rank, item) for one, listed in told.items() for rank, item in enumerate(listed, 1)],
        columns=["customer_id", "rank", "item_id"],
    ).sample(frac=1, random_state=seed)
    pairs = pd.DataFrame(
        [(one, item) for one, own in bought.items() for item in own], columns=["customer_id", "item_id"]
    )
    table = ranking_table(lists, pd.concat([pairs, pairs.head(3)]), n=n)
    assert table.index.tolist() == sorted(bought)
    for one, own in bought.items():
        hit = [item in own for item in told.get(one, [])[:n]]
        gain = sum(1 / np.log2(place + 2) for place, is_hit in enumerate(hit) if is_hit)
        best = sum(1 / np.log2(place + 2) for place in range(min(n, len(own))))
        precise = sum(sum(hit[: place + 1]) / (place + 1) for place, is_hit in enumerate(hit) if is_hit)
        expected = {
            "n_relevant": len(own),
            "precision": sum(hit) / n,
            "recall": sum(hit) / len(own),
            "ndcg": gain / best,
            "hit_rate": float(any(hit)),
            "reciprocal_rank": 1 / (hit.index(True) + 1) if any(hit) else 0,
            "average_precision": precise / min(n, len(own)),
        }
        assert table.loc[one].to_dict() == pytest.approx(expected)


def test_arrays_that_cannot_be_are_refused_and_not_scored():
    for metric in (recall_at_k, ndcg_at_k, average_precision_at_k):
        assert metric([[1, 0], [0, 0]], 1, k=2).tolist() == [1.0, 0.0]  # one number for all customers
        with pytest.raises(ValueError, match="1 of 1 customers have fewer relevant items"):
            metric([[1, 1]], [1], k=2)
        with pytest.raises(ValueError, match="1 of 1 n_relevant are no whole number"):
            metric([[1]], [-1], k=1)
        with pytest.raises(ValueError, match="hits are those of 1 customers"):
            metric([[1]], [1, 2], k=1)
    for metric in (precision_at_k, hit_rate_at_k, reciprocal_rank_at_k):
        with pytest.raises(ValueError, match="1 of 2 hits are missing"):
            metric([[np.nan, 1.0]], k=2)
        with pytest.raises(ValueError, match=r"k must be at least 1, a whole number, not 2\.0"):
            metric([[1, 0]], k=2.0)
    with pytest.raises(ValueError, match="1 of 1 lists hold better grades"):
        graded_ndcg_at_k([[3, 2]], [[3]], k=2)
    with pytest.raises(ValueError, match="relevant_grades those of 2"):
        graded_ndcg_at_k([[3, 2]], [[3, 2], [1, 0]], k=2)


def test_coverage_of_lists_without_ranks_says_what_is_missing():
    lists = pd.DataFrame({"customer_id": ["a"], "item_id": ["x"]})
    with pytest.raises(ValueError, match="no column rank"):
        catalogue_coverage(lists, n=1, n_catalogue=2)
    with pytest.raises(ValueError, match="1 of 1 rows of the lists have a rank"):
        catalogue_coverage(lists.assign(rank=["first"]), n=1, n_catalogue=2)
    assert catalogue_coverage(lists.assign(rank=["1"]), n=1, n_catalogue=2) == 0.5
