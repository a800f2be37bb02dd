"""Lists between what is likely and what pays."""

import itertools

import numpy as np
import pandas as pd
import pytest

from clvlib.matching import rerank_by_margin, tradeoff_table


@pytest.fixture
def lists():
    rng = np.random.default_rng(3)
    chance = np.sort(rng.random((50, 8)), axis=1)[:, ::-1].ravel()
    return pd.DataFrame(
        {
            "customer_id": np.repeat([f"c {number} ☕" for number in range(50)], 8),
            "rank": np.tile(np.arange(1, 9), 50),
            "item_id": np.tile([f"i{number}" for number in range(8)], 50),
            "probability_purchase": chance,
            "expected_margin": chance * np.tile(rng.lognormal(size=8), 50),
        }
    )


def test_issue_4_weight_0_is_the_models_order_and_weight_1_expected_margin(lists):
    model = rerank_by_margin(lists, weight=0, n=3)
    pd.testing.assert_frame_equal(model[lists.columns], lists[lists["rank"] <= 3].reset_index(drop=True))
    money = rerank_by_margin(lists, weight=1, n=3)
    best = lists.sort_values(["customer_id", "expected_margin"], ascending=[True, False]).groupby("customer_id").head(3)
    assert set(zip(money["customer_id"], money["item_id"], strict=True)) == set(
        zip(best["customer_id"], best["item_id"], strict=True)
    )
    assert (money.groupby("customer_id")["expected_margin"].diff().dropna() <= 0).all()
    assert money["rank"].tolist() == [1, 2, 3] * 50


def test_rows_in_any_order_and_any_index_give_the_same_lists(lists):
    shuffled = lists.sample(frac=1, random_state=0)
    left, right = (rerank_by_margin(table, weight=0.4, n=4) for table in (lists, shuffled))
    key = ["customer_id", "rank"]
    pd.testing.assert_frame_equal(left.sort_values(key, ignore_index=True), right.sort_values(key, ignore_index=True))


def test_each_weight_lies_on_the_best_exchange_of_purchases_for_margin(lists):
    """No choice of two items a customer has both more expected purchases and more expected margin (Pareto)."""
    few = lists[lists["customer_id"].isin(lists["customer_id"].unique()[:2])]
    of_each = [
        [
            group.iloc[list(pair)][["probability_purchase", "expected_margin"]].sum()
            for pair in itertools.combinations(range(8), 2)
        ]
        for _, group in few.groupby("customer_id", sort=False)
    ]
    every = np.array([first.to_numpy() + second.to_numpy() for first in of_each[0] for second in of_each[1]])
    for weight in (0.0, 0.3, 0.7, 1.0):
        found = rerank_by_margin(few, weight=weight, n=2)[["probability_purchase", "expected_margin"]].sum().to_numpy()
        assert not ((every > found + 1e-9).all(axis=1)).any()


def test_equal_values_stay_in_the_models_order(lists):
    equal = lists.assign(expected_margin=0.0)
    assert rerank_by_margin(equal, weight=1, n=8)["item_id"].tolist() == lists["item_id"].tolist()


def test_without_probabilities_the_rank_speaks_for_the_model():
    lists = pd.DataFrame(
        {"customer_id": "a", "rank": [1, 2, 3], "item_id": list("xyz"), "expected_margin": [1.0, 1.1, 5.0]}
    )
    assert rerank_by_margin(lists, weight=0.1, n=3)["item_id"].tolist() == ["x", "y", "z"]
    assert rerank_by_margin(lists, weight=0.9, n=3)["item_id"].tolist() == ["z", "x", "y"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.drop(columns="expected_margin"), "column expected_margin"),
        (lambda t: t.assign(expected_margin=np.nan), "400 of 400 rows"),
        (lambda t: t.assign(probability_purchase=np.nan), "have no probability_purchase"),
        (lambda t: t.assign(rank=1), "repeat a pair"),
    ],
)
def test_lists_that_cannot_be_ordered_are_refused_in_words(lists, change, words):
    with pytest.raises(ValueError, match=words):
        rerank_by_margin(change(lists), weight=0.5, n=3)


def test_weight_and_length_are_checked(lists):
    for weight in (-0.1, 1.1, np.nan):
        with pytest.raises(ValueError, match="weight lies between"):
            rerank_by_margin(lists, weight=weight, n=3)
    with pytest.raises(ValueError, match="at least 1"):
        rerank_by_margin(lists, weight=0.5, n=0)
    assert rerank_by_margin(lists.iloc[:0], weight=0.5, n=3).empty


@pytest.fixture
def bought(lists):
    rng = np.random.default_rng(4)
    chosen = lists[rng.random(len(lists)) < lists["probability_purchase"]]
    return chosen[["customer_id", "item_id"]].assign(
        margin=(chosen["expected_margin"] / chosen["probability_purchase"]).to_numpy()
    )


def test_tradeoff_margin_is_a_mean_over_everybody_with_a_list(lists, bought):
    half = bought[bought["customer_id"].isin(lists["customer_id"].unique()[:25])]
    table = tradeoff_table(lists, half, weights=[0, 1], n=8, random_state=0)
    assert table["margin"].to_numpy() == pytest.approx(half["margin"].sum() / 50)  # all 8 places: nothing is lost
    assert table["margin_difference"].tolist() == [0.0, 0.0]
    assert table["expected_margin"].to_numpy() == pytest.approx(lists["expected_margin"].sum() / 50)


def test_tradeoff_shows_more_margin_and_less_accuracy(lists, bought):
    # What is likely is cheap: the last place of each list earns ten times the first.
    lists = lists.assign(expected_margin=lists["probability_purchase"] * 1.4 ** lists["rank"])
    bought = bought.merge(lists).assign(margin=lambda table: 1.4 ** table["rank"])[bought.columns]
    table = tradeoff_table(lists, bought, n=2, random_state=0)
    assert table.index.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert table["verdict"].iloc[0] == "baseline"
    assert table["verdict"].iloc[-1] == "more margin, less accuracy"
    assert (table["margin_low"] <= table["margin_difference"]).all()
    assert (table["margin_difference"] <= table["margin_high"]).all()
    again = tradeoff_table(lists, bought, n=2, random_state=0)
    pd.testing.assert_frame_equal(table, again)


def test_tradeoff_turns_amounts_into_margins_by_the_items_share(lists, bought):
    amounts = bought.drop(columns="margin").assign(amount=10.0)
    margins = pd.DataFrame({"item_id": ["i0", "i1"], "margin_share": [0.2, 0.6]})
    table = tradeoff_table(lists, amounts, margins, weights=[0], n=8, random_state=0)
    share = amounts["item_id"].map({"i0": 0.2, "i1": 0.6}).fillna(0.4)
    assert table["margin"].item() == pytest.approx((10 * share).sum() / 50)


def test_tradeoff_asks_for_money(lists, bought):
    pairs = bought.drop(columns="margin")
    with pytest.raises(ValueError, match="neither margin nor amount"):
        tradeoff_table(lists, pairs, n=2, random_state=0)
    with pytest.raises(ValueError, match="give margins"):
        tradeoff_table(lists, pairs.assign(amount=1.0), n=2, random_state=0)
    with pytest.raises(ValueError, match="no weights"):
        tradeoff_table(lists, bought, weights=[], n=2, random_state=0)


@pytest.mark.parametrize("column", ["expected_margin", "probability_purchase", "rank"])
def test_r1_16_an_infinite_value_is_refused_rather_than_made_nan(column):
    lists = pd.DataFrame(
        {"customer_id": "a", "rank": [1.0, 2.0], "item_id": ["x", "y"], "expected_margin": [1.0, 2.0]}
    ).assign(probability_purchase=0.5)
    lists[column] = lists[column].astype(float)
    lists.loc[1, column] = np.inf
    with pytest.raises(ValueError, match=f"1 of 2 rows of the lists have an infinite {column}"):
        rerank_by_margin(lists, weight=0.5, n=1)
