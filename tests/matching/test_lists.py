"""Top-N lists: order, ties, what is left out, what fills a short list."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clvlib.matching import Blend, BuyAgain, CoPurchase, ItemKNN, Popularity, UserKNN
from clvlib.matching.neighborhood.top_products import top_columns


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 2.0]), min_size=1, max_size=9), min_size=1, max_size=4),
    st.integers(1, 10),
)
def test_top_columns_is_a_stable_sort_cut_off(rows, n):
    width = max(map(len, rows))
    scores = np.array([row + [-np.inf] * (width - len(row)) for row in rows])
    row, column, place = top_columns(scores, n)
    expected = [
        (line, which, rank)
        for line, values in enumerate(scores)
        for rank, which in enumerate(np.argsort(-values, kind="stable")[:n])
        if values[which] > -np.inf
    ]
    assert list(zip(row.tolist(), column.tolist(), place.tolist(), strict=True)) == expected


def test_top_columns_finds_the_best_of_wide_rows_with_many_ties():
    scores = np.random.default_rng(0).integers(0, 30, size=(20, 3000)).astype(float)
    _, column, _ = top_columns(scores, 50)
    assert column.reshape(20, 50).tolist() == np.argsort(-scores, axis=1, kind="stable")[:, :50].tolist()


@pytest.fixture
def bought():
    """x is bought by a, b, c; y by a, b; z by d alone."""
    return pd.DataFrame({"customer_id": list("abcabd"), "item_id": list("xxxyyz")})


def test_no_seen_item_is_listed_and_each_list_is_ranked_from_1(bought):
    lists = ItemKNN().fit(bought).recommend(n=5)
    seen = set(zip(bought["customer_id"], bought["item_id"], strict=True))
    assert not seen & set(zip(lists["customer_id"], lists["item_id"], strict=True))
    assert (
        lists.groupby("customer_id")["rank"].apply(lambda ranks: ranks.tolist() == list(range(1, len(ranks) + 1))).all()
    )


def test_places_without_a_score_are_filled_by_popularity(bought):
    listed = ItemKNN().fit(bought).recommend(["c"], n=3)
    assert listed["item_id"].tolist() == ["y", "z"]
    assert listed["score"].tolist() == pytest.approx([2 / 6**0.5, 0.0])


def test_a_customer_nobody_knows_gets_bestsellers(bought):
    listed = ItemKNN().fit(bought).recommend(["stranger", "c"], n=2)
    assert listed.loc[listed["customer_id"] == "stranger", "item_id"].tolist() == ["x", "y"]
    assert listed["customer_id"].drop_duplicates().tolist() == ["stranger", "c"]
    assert np.isfinite(listed["score"]).all()


def test_candidates_limit_the_lists_and_unknown_ones_are_ignored(bought):
    model = ItemKNN().fit(bought)
    assert model.recommend(["c"], n=3, candidates=["z", "no such item"])["item_id"].tolist() == ["z"]
    assert model.recommend(["c"], n=3, candidates=["no such item"]).empty


def test_n_beyond_the_catalogue_shortens_and_n_below_1_is_refused(bought):
    model = Popularity().fit(bought)
    assert len(model.recommend(["a"], n=99, exclude_seen=False)) == 3
    with pytest.raises(ValueError, match="n must be at least 1"):
        model.recommend(n=0)


def test_nobody_asked_gives_an_empty_table(bought):
    table = Popularity().fit(bought).recommend([], n=3)
    assert table.empty
    assert table.columns.tolist() == ["customer_id", "rank", "item_id", "score"]


def test_small_blocks_give_the_same_lists(bought, monkeypatch):
    model = ItemKNN().fit(bought)
    expected = model.recommend(n=3)
    monkeypatch.setattr("clvlib.matching.neighborhood.top_products._CELLS", 1)
    pd.testing.assert_frame_equal(model.recommend(n=3), expected)


@pytest.mark.parametrize(
    "model", [ItemKNN(n_neighbors=2), UserKNN(n_neighbors=2), CoPurchase(n_neighbors=2), BuyAgain()]
)
@pytest.mark.parametrize("candidates", [None, range(3, 30, 2)])
@pytest.mark.parametrize("exclude_seen", [True, False])
@pytest.mark.parametrize("n", [1, 7, 40])
def test_lists_from_sparse_operands_are_those_from_all_scores(model, candidates, exclude_seen, n, monkeypatch):
    exclude_seen = exclude_seen and not isinstance(model, BuyAgain)  # which lists what was seen
    rng = np.random.default_rng(4)
    customer, item = np.nonzero(rng.random((50, 30)) < rng.random(30) * rng.random((50, 1)) ** 2)
    fitted = model.fit(pd.DataFrame({"customer_id": customer, "item_id": item}))
    asked = [-1, *range(50), -2]
    options = {"n": n, "candidates": candidates, "exclude_seen": exclude_seen}
    monkeypatch.setattr("clvlib.matching.lists._CUSTOMERS", 32)
    quick = fitted.recommend(asked, **options)
    monkeypatch.setattr(type(model), "_has_operands", lambda self: False)
    pd.testing.assert_frame_equal(quick, fitted.recommend(asked, **options))


def test_n_and_exclude_seen_may_be_given_by_position_as_the_issue_writes_them():
    table = pd.DataFrame({"customer_id": ["a", "b", "b"], "item_id": ["x", "x", "y"]})
    models = [Popularity(), BuyAgain(), Blend({"bestsellers": Popularity()})]
    for model in models:
        assert model.fit(table).recommend(["a"], 1, False)["item_id"].tolist() == ["x"]
        with pytest.raises(TypeError):
            model.recommend(["a"], 1, False, ["x"])
