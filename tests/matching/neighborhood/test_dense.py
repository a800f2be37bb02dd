"""Ratings as a dense array give what the same ratings give as a table."""

import numpy as np
import pandas as pd
import pytest

from clvlib.matching import ItemKNN, UserKNN
from clvlib.matching.neighborhood import _dense, neighbors

MEASURES = ["cosine", "pearson", "adjusted_cosine", "jaccard"]


def _ratings(share, seed=3):
    rng = np.random.default_rng(seed)
    ratings = rng.integers(1, 6, size=(37, 29)).astype(np.uint8)
    ratings[rng.random(ratings.shape) >= share] = 0
    return ratings


def _table(ratings):
    customer, item = np.nonzero(ratings)
    return pd.DataFrame({"customer_id": customer, "item_id": item, "rating": ratings[customer, item].astype(float)})


@pytest.mark.parametrize("share", [0.6, 1.1], ids=["partly rated", "fully rated"])
@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("model", [UserKNN, ItemKNN])
@pytest.mark.parametrize("options", [{}, {"shrinkage": 4.0}, {"co_rated": True}, {"centred": False}])
def test_an_array_gives_what_its_table_gives(share, measure, model, options):
    ratings = _ratings(share)
    dense = model(similarity=measure, n_neighbors=6, **options).fit(ratings)
    sparse = model(similarity=measure, n_neighbors=6, **options).fit(_table(ratings))
    assert isinstance(dense._similarity, _dense.DenseSimilarity)
    np.testing.assert_allclose(dense.similarity_table(), sparse.similarity_table(), atol=1e-12)
    pairs = pd.DataFrame({"customer_id": np.repeat(np.arange(37), 29), "item_id": np.tile(np.arange(29), 37)})
    if measure in ("cosine", "jaccard"):  # to the last digit, so that ties are the same
        np.testing.assert_array_equal(dense.similarity_table(), sparse.similarity_table())
        pd.testing.assert_series_equal(dense.predict(pairs), sparse.predict(pairs))
        pd.testing.assert_frame_equal(dense.neighbors_table(), sparse.neighbors_table())
        pd.testing.assert_frame_equal(dense.recommend(n=4), sparse.recommend(n=4))


@pytest.mark.parametrize("share", [0.6, 1.1], ids=["partly rated", "fully rated"])
@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("model", [UserKNN, ItemKNN])
def test_the_triangle_of_blocks_finds_the_same_neighbours(share, measure, model, monkeypatch):
    ratings = _ratings(share)
    whole = model(similarity=measure, n_neighbors=6).fit(ratings).neighbors_table()
    monkeypatch.setattr(_dense, "_COMPILED_FROM", 0)
    monkeypatch.setattr(_dense, "_BLOCK", 2_000)
    blocks = model(similarity=measure, n_neighbors=6).fit(ratings).neighbors_table()
    assert blocks["similarity"].to_numpy() == pytest.approx(whole["similarity"].to_numpy(), abs=1e-12)
    if measure in ("cosine", "jaccard"):
        pd.testing.assert_frame_equal(blocks, whole)


def test_a_thin_array_becomes_a_sparse_matrix():
    ratings = _ratings(0.1)
    thin, table = ItemKNN().fit(ratings), ItemKNN().fit(_table(ratings))
    assert not isinstance(thin._similarity, _dense.DenseSimilarity)
    pairs = pd.DataFrame({"customer_id": [3, 5], "item_id": [2, 7]})
    pd.testing.assert_series_equal(thin.predict(pairs), table.predict(pairs))


def test_nobody_who_rated_everything_gets_a_list_and_strangers_get_bestsellers():
    model = ItemKNN(n_neighbors=3).fit(_ratings(1.1))
    assert model.recommend([0, 5], n=3).empty
    assert model.recommend(["nobody", 0], n=3)["item_id"].tolist() == [0, 1, 2]


def test_large_ratings_are_added_in_float64():
    ratings = np.random.default_rng(0).integers(100, 256, size=(30, 400)).astype(np.uint8)
    model = UserKNN(n_neighbors=4).fit(ratings)
    assert model._similarity.kind is np.float64
    exact = ratings.astype(int) @ ratings.astype(int).T
    expected = exact / np.sqrt(np.outer(np.diag(exact), np.diag(exact)))
    np.testing.assert_allclose(model.similarity_table(), expected, rtol=1e-15)


def test_what_no_array_can_say_is_refused():
    with pytest.raises(ValueError, match="two dimensions and dtype uint8"):
        ItemKNN().fit(np.ones((3, 3)))
    with pytest.raises(ValueError, match="two dimensions and dtype uint8"):
        ItemKNN().fit(np.ones(3, np.uint8))
    with pytest.raises(ValueError, match="None of the 9 cells"):
        ItemKNN().fit(np.zeros((3, 3), np.uint8))
    with pytest.raises(ValueError, match="None of the 0 cells"):
        ItemKNN().fit(np.zeros((0, 3), np.uint8))
    with pytest.raises(ValueError, match="half_life_days needs a table"):
        UserKNN(half_life_days=30).fit(np.ones((3, 3), np.uint8))
    with pytest.raises(ValueError, match="fitted to an array"):
        ItemKNN().fit(np.ones((3, 3), np.uint8)).because(pd.DataFrame({"customer_id": [0], "item_id": [1]}))


def _with_an_empty_row_and_column(way):
    """All ratings 3; customer 1 rated nothing and item 2 nobody."""
    ratings = np.full((3, 4), 3, np.uint8)
    ratings[1], ratings[:, 2] = 0, 0
    if way == "thin":  # the same ratings beside many empty columns
        ratings = np.hstack([ratings, np.zeros((3, 60), np.uint8)])
    return ratings


@pytest.mark.parametrize("way", ["dense", "thin"])
@pytest.mark.parametrize("model", [UserKNN, ItemKNN])
@pytest.mark.parametrize("centred", [True, False])
def test_who_rated_nothing_and_what_nobody_rated_has_no_mean_of_zero(way, model, centred):
    fitted = model(centred=centred).fit(_with_an_empty_row_and_column(way))
    assert isinstance(fitted._similarity, _dense.DenseSimilarity) == (way == "dense")
    pairs = pd.DataFrame({"customer_id": [1, 0, 1, 99, 0, 99], "item_id": [0, 2, 2, 2, 999, 999]})
    assert fitted.predict(pairs).tolist() == [3.0] * 6


@pytest.mark.parametrize("way", ["dense", "thin"])
@pytest.mark.parametrize("model", [UserKNN, ItemKNN])
def test_without_a_row_the_columns_mean_is_predicted_and_the_other_way_round(way, model):
    ratings = _with_an_empty_row_and_column(way)
    ratings[0, 3] = 9
    fitted = model().fit(ratings)
    # customer 1 rated nothing: the item's mean (3 + 9) / 2; item 2 nobody: the customer's (3 + 3 + 9) / 3
    assert fitted.predict(pd.DataFrame({"customer_id": [1, 0], "item_id": [3, 2]})).tolist() == [6.0, 5.0]


@pytest.mark.parametrize("way", ["dense", "thin"])
@pytest.mark.parametrize("model", [UserKNN, ItemKNN])
def test_who_rated_nothing_gets_bestsellers_of_what_was_rated(way, model):
    ratings = _with_an_empty_row_and_column(way)
    ratings[2, 0] = 0
    lists = model().fit(ratings).recommend([1], n=4)
    assert lists["item_id"].tolist() == [1, 3, 0]
    assert lists["score"].tolist() == [0.0] * 3


@pytest.mark.parametrize("form", ["dense", "table", "aged"])
@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("options", [{"n_neighbors": 4}, {"n_neighbors": None}, {"centred": False}])
@pytest.mark.parametrize("at_once", [2_000_000, 100])
def test_lists_are_what_predict_says_to_the_last_digit(form, measure, options, at_once, monkeypatch):
    monkeypatch.setattr(neighbors, "_RATINGS", at_once)
    ratings = _ratings(0.5, seed=8)
    table = _table(ratings)
    if form == "aged":
        table["timestamp"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(len(table)) % 90, unit="D")
    half_life_days = 30 if form == "aged" else None
    model = UserKNN(similarity=measure, half_life_days=half_life_days, **options)
    model.fit(ratings if form == "dense" else table)
    lists = model.recommend(n=8, exclude_seen=False, candidates=range(3, 29))
    assert (lists["score"] != 0).all()
    np.testing.assert_array_equal(lists["score"], model.predict(lists))


def test_neighbours_are_ranked_once_for_a_customer_and_not_for_each_item(monkeypatch):
    model = UserKNN().fit(_table(_ratings(0.5)))
    monkeypatch.setattr(model, "_weigh", lambda *pairs: pytest.fail("each pair on its own"))
    assert len(model.recommend(n=3)) == 37 * 3
