"""Neighbourhood models against the documents' worked examples, a textbook's table and brute force."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError

from clvlib.datasets import toy
from clvlib.matching import ItemKNN, UserKNN

ALL = {"n_neighbors": None, "centred": False}

#: Aggarwal (2016), Recommender Systems: The Textbook, table 2.1; nan is missing.
AGGARWAL = np.array(
    [
        [7, 6, 7, 4, 5, 4],
        [6, 7, np.nan, 4, 3, 4],
        [np.nan, 3, 3, 1, 1, np.nan],
        [1, 2, 2, 3, 3, 4],
        [1, np.nan, 1, 2, 3, 3],
    ]
)


def _table(matrix):
    """Ratings as rows, ids counted from 1, nan left out."""
    matrix = np.asarray(matrix, dtype=float)
    customer, item = np.nonzero(~np.isnan(matrix))
    return pd.DataFrame(
        {"customer_id": (customer + 1).astype(str), "item_id": (item + 1).astype(str), "rating": matrix[customer, item]}
    )


def _predict_row(model, customer, n_items):
    items = [str(item + 1) for item in range(n_items)]
    return model.predict(pd.DataFrame({"customer_id": customer, "item_id": items})).to_numpy()


@pytest.fixture
def s0():
    return toy.ratings_table(toy.RATINGS_3X4, zero_is_missing=True)


# ---- document 000 ------------------------------------------------------------------------------------------------


def test_cosine_matches_errata_e03_e04(s0):
    table = UserKNN().fit(s0).similarity_table()
    assert table.loc["1", "2"] == pytest.approx(24 / np.sqrt(35 * 57))
    assert table.loc["1", ["2", "3"]].tolist() == pytest.approx([0.537328, 0.586353], abs=5e-7)


def test_prediction_matches_errata_e02_e05(s0):
    pair = pd.DataFrame({"customer_id": ["1"], "item_id": ["3"]})
    assert UserKNN(**ALL).fit(s0).predict(pair).item() == pytest.approx(3.9564, abs=5e-5)
    assert UserKNN(co_rated=True, **ALL).fit(s0).predict(pair).item() == pytest.approx(4.0856, abs=5e-5)


def test_prediction_row_matches_errata_e06_zero_as_rating_and_missing(s0):
    zeros = toy.ratings_table(toy.RATINGS_3X4, zero_is_missing=False)
    as_rating = _predict_row(UserKNN(**ALL).fit(zeros), "1", 4)
    as_missing = _predict_row(UserKNN(**ALL).fit(s0), "1", 4)
    assert as_rating == pytest.approx([2.4346, 2.0873, 3.9564, 2.9564], abs=5e-5)
    assert as_missing == pytest.approx([2.4346, 4.0, 3.9564, 2.9564], abs=5e-5)


def test_the_only_unrated_item_of_user_1_is_item_3_errata_e06_e12(s0):
    listed = UserKNN(**ALL).fit(s0).recommend(["1"], n=4)
    assert listed["item_id"].tolist() == ["3"]
    assert listed["score"].item() == pytest.approx(3.9564, abs=5e-5)


def test_the_printed_2_5_belongs_to_another_method_errata_e05(s0):
    model = UserKNN(similarity="pearson", co_rated=False, n_neighbors=None).fit(s0)
    assert model.similarity_table().loc["1", ["2", "3"]].tolist() == pytest.approx([0, -0.3162], abs=5e-5)
    assert model.predict(pd.DataFrame({"customer_id": ["1"], "item_id": ["3"]})).item() == pytest.approx(2.5)


# ---- document 004 ------------------------------------------------------------------------------------------------


def test_user_based_matches_errata_e39():
    full = toy.ratings_table(toy.RATINGS_5X5, zero_is_missing=True)
    assert _predict_row(UserKNN(**ALL).fit(full), "1", 5) == pytest.approx(
        [3.083, 3.540, 3.472, 3.014, 4.742], abs=5e-4
    )


def test_item_based_matches_errata_e40():
    full = toy.ratings_table(toy.RATINGS_5X5, zero_is_missing=True)
    assert _predict_row(ItemKNN(**ALL).fit(full), "1", 5) == pytest.approx(
        [3.067, 2.768, 3.220, 2.545, 3.458], abs=5e-4
    )


def test_neighbours_of_user_0_match_errata_e42():
    full = toy.ratings_table(toy.RATINGS_5X5, zero_is_missing=True)
    alike = UserKNN().fit(full).similarity_table().loc["1"].drop("1").sort_values(ascending=False)
    assert alike.index.tolist() == ["4", "3", "2", "5"]
    assert alike.tolist() == pytest.approx([0.8496, 0.8219, 0.8040, 0.7091], abs=5e-5)


# ---- a textbook --------------------------------------------------------------------------------------------------


def test_similarities_match_aggarwal_2016_table_2_1():
    others = ["1", "2", "4", "5"]
    cosine = UserKNN(co_rated=True).fit(_table(AGGARWAL)).similarity_table().loc["3", others]
    pearson = UserKNN(similarity="pearson").fit(_table(AGGARWAL)).similarity_table().loc["3", others]
    assert cosine.tolist() == pytest.approx([0.956, 0.981, 0.789, 0.645], abs=1e-3)
    assert pearson.tolist() == pytest.approx([0.894, 0.939, -1.0, -0.817], abs=1e-3)


def test_user_based_predictions_match_aggarwal_2016():
    pairs = pd.DataFrame({"customer_id": ["3", "3"], "item_id": ["1", "6"]})
    raw = UserKNN(similarity="pearson", n_neighbors=2, centred=False).fit(_table(AGGARWAL)).predict(pairs)
    centred = UserKNN(similarity="pearson", n_neighbors=2).fit(_table(AGGARWAL)).predict(pairs)
    assert raw.tolist() == pytest.approx([6.49, 4.0], abs=5e-3)
    assert centred.tolist() == pytest.approx([3.35, 0.86], abs=5e-3)


def test_item_based_predictions_match_aggarwal_2016():
    model = ItemKNN(similarity="adjusted_cosine", n_neighbors=2, centred=False).fit(_table(AGGARWAL))
    assert model.similarity_table().loc["1", "3"] == pytest.approx(0.912, abs=1e-3)
    predicted = model.predict(pd.DataFrame({"customer_id": ["3", "3"], "item_id": ["1", "6"]}))
    assert predicted.tolist() == pytest.approx([3.0, 1.0], abs=5e-3)


# ---- against brute force -----------------------------------------------------------------------------------------


@pytest.fixture
def sparse_ratings():
    rng = np.random.default_rng(5)
    matrix = rng.integers(1, 6, size=(30, 20)).astype(float)
    matrix[rng.random(matrix.shape) < 0.6] = np.nan
    return matrix


def _pearson_by_loops(matrix):
    n = len(matrix)
    mean = np.nanmean(matrix, axis=1)
    result = np.zeros((n, n))
    for a in range(n):
        for b in range(n):
            both = ~np.isnan(matrix[a]) & ~np.isnan(matrix[b])
            left, right = matrix[a, both] - mean[a], matrix[b, both] - mean[b]
            norm = np.sqrt((left**2).sum() * (right**2).sum())
            result[a, b] = (left * right).sum() / norm if norm > 0 else 0.0
    return result


def test_pearson_predictions_match_loops(sparse_ratings):
    alike, mean = _pearson_by_loops(sparse_ratings), np.nanmean(sparse_ratings, axis=1)
    expected = np.full(sparse_ratings.shape, np.nan)
    for u in range(30):
        for i in range(20):
            raters = [v for v in range(30) if v != u and not np.isnan(sparse_ratings[v, i]) and alike[u, v] != 0]
            raters = sorted(raters, key=lambda v: (-alike[u, v], str(v + 1)))[:4]
            weight = sum(abs(alike[u, v]) for v in raters)
            deviation = sum(alike[u, v] * (sparse_ratings[v, i] - mean[v]) for v in raters)
            expected[u, i] = mean[u] + (deviation / weight if weight else 0.0)
    customer, item = np.indices(sparse_ratings.shape)
    pairs = pd.DataFrame({"customer_id": (customer + 1).astype(str).ravel(), "item_id": (item + 1).astype(str).ravel()})
    model = UserKNN(similarity="pearson", n_neighbors=4).fit(_table(sparse_ratings))
    assert model.predict(pairs).to_numpy() == pytest.approx(expected.ravel(), abs=1e-9)


def test_the_order_and_the_chunks_of_pairs_change_nothing(sparse_ratings, monkeypatch):
    customer, item = np.indices(sparse_ratings.shape)
    pairs = pd.DataFrame({"customer_id": (customer + 1).astype(str).ravel(), "item_id": (item + 1).astype(str).ravel()})
    model = ItemKNN(similarity="adjusted_cosine", n_neighbors=3).fit(_table(sparse_ratings))
    expected = model.predict(pairs)
    monkeypatch.setattr("clvlib.matching.neighborhood._neighbors._COMBINATIONS", 7)
    monkeypatch.setattr("clvlib.matching.neighborhood.top_products._CELLS", 40)
    shuffled = model.predict(pairs.sample(frac=1.0, random_state=0))
    pd.testing.assert_series_equal(shuffled.sort_index(), expected)


@pytest.fixture
def purchases():
    rng = np.random.default_rng(11)
    matrix = rng.poisson(0.4, size=(40, 25)).astype(float)
    matrix[0] = 0
    matrix[0, 3] = 1
    return matrix


def _purchase_table(matrix):
    customer, item = np.nonzero(matrix)
    return pd.DataFrame(
        {
            "customer_id": [f"c{row:02d}" for row in customer],
            "item_id": [f"i{column:02d}" for column in item],
            "quantity": matrix[customer, item],
        }
    )


@pytest.mark.parametrize(("model", "n_neighbors"), [(UserKNN, 5), (ItemKNN, 5), (UserKNN, None), (ItemKNN, None)])
@pytest.mark.parametrize("exclude_seen", [True, False])
def test_purchase_lists_match_a_dense_computation(purchases, model, n_neighbors, exclude_seen):
    rows = purchases if model is UserKNN else purchases.T
    norm = np.linalg.norm(rows, axis=1)
    alike = rows @ rows.T / np.outer(norm, norm)
    np.fill_diagonal(alike, 0)
    for row in alike:
        row[np.argsort(-row, kind="stable")[n_neighbors or len(row) :]] = 0
    scores = alike @ purchases if model is UserKNN else purchases @ alike.T
    if exclude_seen:
        scores = np.where(purchases > 0, -1, scores)
    expected = np.argsort(-scores.round(12), axis=1, kind="stable")[:, :3]
    lists = model(n_neighbors=n_neighbors).fit(_purchase_table(purchases)).recommend(n=3, exclude_seen=exclude_seen)
    lists["score"] = lists["score"].round(12)
    positive = lists[lists["score"] > 0]
    for (customer, rank), item in positive.set_index(["customer_id", "rank"])["item_id"].items():
        best = expected[int(customer[1:]), rank - 1]
        assert scores[int(customer[1:]), int(item[1:])] == pytest.approx(scores[int(customer[1:]), best])
    assert len(positive) > 100


def test_jaccard_counts_shared_items(purchases):
    table = UserKNN(similarity="jaccard").fit(_purchase_table(purchases)).similarity_table(["c01", "c02"])
    left, right = purchases[1] > 0, purchases[2] > 0
    assert table.loc["c01", "c02"] == pytest.approx((left & right).sum() / (left | right).sum())


# ---- support and time --------------------------------------------------------------------------------------------


def test_shrinkage_takes_back_what_few_shared_columns_support_bell_koren_2007(purchases):
    table = _purchase_table(purchases)
    ids = ["c01", "c02", "c03"]
    plain = UserKNN().fit(table).similarity_table(ids)
    shrunk = UserKNN(shrinkage=3.0).fit(table).similarity_table(ids)
    known = purchases[1:4] > 0
    shared = (known.astype(float) @ known.T).astype(float)
    expected = plain.to_numpy() * shared / (shared + 3)
    np.fill_diagonal(expected, 1.0)
    assert shrunk.to_numpy() == pytest.approx(expected)


@pytest.mark.parametrize("model", [UserKNN, ItemKNN])
def test_shrinkage_reaches_the_lists(purchases, model):
    table = _purchase_table(purchases)
    fitted = model(n_neighbors=4, shrinkage=5.0).fit(table)
    alike = fitted.similarity_table().to_numpy().copy()
    np.fill_diagonal(alike, 0)
    for row in alike:
        row[np.argsort(-row, kind="stable")[4:]] = 0
    scores = alike @ purchases if model is UserKNN else purchases @ alike.T
    lists = fitted.recommend(n=3, exclude_seen=False)
    lists = lists[lists["score"] > 0]
    for row in lists.itertuples():
        assert row.score == pytest.approx(scores[int(row.customer_id[1:]), int(row.item_id[1:])])


@pytest.fixture
def dated():
    """b rated and bought y as a did, long ago; c the other way, today."""
    return pd.DataFrame(
        {
            "customer_id": list("abbcc"),
            "item_id": list("xxyxy"),
            "rating": [4.0, 4.0, 2.0, 4.0, 5.0],
            "timestamp": pd.to_datetime(["2024-01-31", "2024-01-01", "2024-01-01", "2024-01-31", "2024-01-31"]),
        }
    )


def test_an_old_rating_weighs_half_after_its_half_life_ding_li_2005(dated):
    pair = pd.DataFrame({"customer_id": ["a"], "item_id": ["y"]})
    plain, aged = (UserKNN(n_neighbors=None, centred=False, half_life_days=days).fit(dated) for days in (None, 30))
    b, c = plain.similarity_table().loc["a", ["b", "c"]]
    assert aged.similarity_table().equals(plain.similarity_table()), "how alike two customers are does not age"
    assert plain.predict(pair).item() == pytest.approx((2 * b + 5 * c) / (b + c))
    assert aged.predict(pair).item() == pytest.approx((2 * b / 2 + 5 * c) / (b / 2 + c))


def test_an_old_purchase_weighs_half_after_its_half_life():
    table = pd.DataFrame(
        {
            "customer_id": list("aabbcc"),
            "item_id": list("oxnyoz"),
            "timestamp": pd.to_datetime(["2024-01-01", "2024-01-01", *["2024-01-31"] * 2, *["2024-01-01"] * 2]),
        }
    )
    table = pd.concat([table, pd.DataFrame({"customer_id": list("dd"), "item_id": list("on")})])
    table["timestamp"] = table["timestamp"].fillna(pd.Timestamp("2024-01-01"))
    plain, aged = (ItemKNN(half_life_days=days).fit(table).recommend(["d"], n=3) for days in (None, 30))
    assert aged["item_id"].tolist() == plain["item_id"].tolist()
    assert aged["score"].to_numpy() == pytest.approx(plain["score"].to_numpy() / 2)


def test_a_half_life_needs_dates(dated):
    with pytest.raises(ValueError, match="half_life_days must be above 0"):
        ItemKNN(half_life_days=0).fit(dated)
    with pytest.raises(ValueError, match="needs a column timestamp"):
        ItemKNN(half_life_days=9).fit(dated.drop(columns="timestamp"))
    with pytest.raises(ValueError, match="1 of 5 rows have no timestamp"):
        ItemKNN(half_life_days=9).fit(dated.assign(timestamp=dated["timestamp"].where(dated.index > 0)))
    with pytest.raises(ValueError, match="must hold dates"):
        ItemKNN(half_life_days=9).fit(dated.assign(timestamp="2024"))


# ---- reasons and neighbours --------------------------------------------------------------------------------------


@pytest.mark.parametrize("half_life_days", [None, 5.0])
def test_the_reason_is_the_own_item_that_adds_most(purchases, half_life_days):
    table = _purchase_table(purchases)
    table["timestamp"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(len(table)) % 30, unit="D")
    model = ItemKNN(n_neighbors=5, half_life_days=half_life_days).fit(table)
    lists = model.recommend(n=4)
    reasons = model.because(lists)
    names, alike = model.items_, model._neighbors_transposed.toarray()
    own = model.interactions_.weights.toarray()
    for row, reason in zip(lists.itertuples(), reasons, strict=True):
        added = own[int(row.customer_id[1:])] * alike[:, names.get_loc(row.item_id)]
        assert (reason is None) == (added.max() == 0) == (row.score == 0)
        if reason is not None:
            assert added[names.get_loc(reason)] == added.max()


def test_the_reason_for_a_predicted_rating_is_the_most_alike_of_equal_ratings_aggarwal_2016():
    model = ItemKNN(similarity="adjusted_cosine", n_neighbors=2, centred=False).fit(_table(AGGARWAL))
    lists = pd.DataFrame({"customer_id": ["3", "3", "9"], "item_id": ["1", "6", "1"]})
    alike = model.similarity_table()
    assert alike.loc["1", "3"] > alike.loc["1", "2"], "user 3 rated items 2 and 3 alike"
    assert alike.loc["6", "4"] > alike.loc["6", "5"], "and items 4 and 5"
    assert model.because(lists).tolist() == ["3", "4", None]


def test_neighbours_are_listed_by_similarity(purchases):
    fitted = ItemKNN(n_neighbors=3).fit(_purchase_table(purchases))
    nearest = fitted.neighbors_table()
    assert nearest.columns.tolist() == ["item_id", "rank", "neighbor_id", "similarity"]
    alike = fitted.similarity_table()
    for item, rows in nearest.groupby("item_id"):
        others = alike.loc[item].drop(item).sort_values(ascending=False, kind="stable")
        assert rows["neighbor_id"].tolist() == others.index[:3].tolist()
        assert rows["similarity"].tolist() == pytest.approx(others.iloc[:3].tolist())
    assert fitted.neighbors_table(1)["rank"].unique().tolist() == [1]


@pytest.mark.parametrize("model", [UserKNN, ItemKNN])
def test_a_sparse_matrix_gives_what_its_table_gives(purchases, model):
    customer, item = np.nonzero(purchases)
    table = pd.DataFrame({"customer_id": customer, "item_id": item, "quantity": purchases[customer, item]})
    by_matrix = model(n_neighbors=4).fit(sparse.csr_matrix(purchases)).recommend(n=3)
    pd.testing.assert_frame_equal(by_matrix, model(n_neighbors=4).fit(table).recommend(n=3), check_column_type=False)
    with pytest.raises(ValueError, match="stores no pair"):
        model().fit(sparse.csr_array((3, 4)))


@pytest.mark.parametrize("model", [UserKNN, ItemKNN])
@pytest.mark.parametrize("candidates", [None, ["i03", "i07", "i11", "unknown"]])
@pytest.mark.parametrize("exclude_seen", [True, False])
def test_the_kernel_makes_the_same_lists(purchases, model, candidates, exclude_seen, monkeypatch):
    options = {"n": 6, "candidates": candidates, "exclude_seen": exclude_seen}
    asked = ["c03", "stranger", *(f"c{row:02d}" for row in range(40))]
    table = _purchase_table(purchases)
    monkeypatch.setattr("clvlib.matching.neighborhood.top_products._LOADED", np.inf)
    expected = model(n_neighbors=5).fit(table).recommend(asked, **options)
    monkeypatch.setattr("clvlib.matching.neighborhood.top_products._LOADED", 0.0)
    monkeypatch.setattr("clvlib.matching.neighborhood.top_products._LOADING", 0.0)
    monkeypatch.setattr("clvlib.matching.lists._CUSTOMERS", 7)
    pd.testing.assert_frame_equal(model(n_neighbors=5).fit(table).recommend(asked, **options), expected)


# ---- edges -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [UserKNN, ItemKNN])
def test_equal_ratings_have_no_variance_and_predict_the_mean(model):
    fitted = model(similarity="pearson").fit(_table(np.full((4, 3), 4.1)))
    off_diagonal = fitted.similarity_table().to_numpy()[~np.eye(4 if model is UserKNN else 3, dtype=bool)]
    assert (off_diagonal == 0).all()
    assert _predict_row(fitted, "1", 3) == pytest.approx([4.1] * 3)


@pytest.mark.parametrize("model", [UserKNN, ItemKNN])
def test_unknown_customers_and_items_get_means(s0, model):
    pairs = pd.DataFrame({"customer_id": ["1", "new", "new"], "item_id": ["new", "1", "new"]})
    predicted = model().fit(s0).predict(pairs)
    assert predicted.tolist() == pytest.approx([3.0, 10 / 3, 3.2])


def test_one_customer_or_one_item_is_no_error():
    alone = pd.DataFrame({"customer_id": ["a", "a"], "item_id": ["x", "y"], "rating": [2.0, 4.0]})
    for model in (UserKNN, ItemKNN):
        assert np.isfinite(model().fit(alone).predict(alone)).all()
        assert model().fit(alone.drop(columns="rating")).recommend(n=5).empty
    one_item = pd.DataFrame({"customer_id": ["a", "b"], "item_id": ["x", "x"]})
    assert ItemKNN().fit(one_item).recommend(n=5, exclude_seen=False)["item_id"].tolist() == ["x", "x"]


def test_what_cannot_be_done_is_refused(s0):
    bought = s0.drop(columns="rating")
    with pytest.raises(ValueError, match="compares ratings"):
        UserKNN(similarity="pearson").fit(bought)
    with pytest.raises(ValueError, match="none of cosine"):
        UserKNN(similarity="euclid").fit(s0)
    with pytest.raises(ValueError, match="predict needs a table with ratings"):
        UserKNN().fit(bought).predict(bought)
    with pytest.raises(ValueError, match="n_neighbors must be at least 1"):
        ItemKNN(n_neighbors=0).fit(s0)
    with pytest.raises(NotFittedError):
        UserKNN().predict(s0)
    with pytest.raises(NotFittedError):
        UserKNN().recommend()
    with pytest.raises(KeyError, match="1 of the ids"):
        UserKNN().fit(s0).similarity_table(["1", "9"])


def _good_odd_and_middling():
    """Fifty customers liked zgood; u1 disliked aodd; u1 and "new" rated m alike."""
    rows = [(f"c{n:02d}", "zgood", 5.0 - n % 2) for n in range(50)]
    rows += [("u1", "aodd", 1.0), ("u1", "m", 3.0), ("new", "m", 3.0)]
    return pd.DataFrame(rows, columns=["customer_id", "item_id", "rating"])


@pytest.mark.parametrize("model", [UserKNN, ItemKNN])
def test_places_no_neighbour_speaks_for_are_filled_with_bestsellers(model):
    lists = model(similarity="pearson").fit(_good_odd_and_middling()).recommend(["new"])
    assert lists["item_id"].tolist() == ["zgood", "aodd"]
    assert lists["score"].tolist() == [0.0, 0.0]


def test_a_fall_back_never_passes_what_neighbours_say():
    table = _good_odd_and_middling()
    lists = UserKNN(similarity="cosine", centred=False).fit(table).recommend(["new"])
    # u1, the one neighbour, says 1 star for aodd; of zgood she says nothing, and its mean of 4.5 is not hers
    assert lists["item_id"].tolist() == ["aodd", "zgood"]
    assert lists["score"].tolist() == [1.0, 0.0]
    pairs = pd.DataFrame({"customer_id": ["new"], "item_id": ["zgood"]})
    assert UserKNN(similarity="cosine").fit(table).predict(pairs).tolist() == [3.0]


@pytest.mark.parametrize("model", [UserKNN, ItemKNN])
def test_equal_ratings_have_no_pearson_and_lists_are_bestsellers(model):
    most = {11: 9, 4: 6, 7: 5, 0: 2}
    rows = [(customer, item, 4.0) for item, buyers in most.items() for customer in range(buyers)]
    table = pd.DataFrame(rows, columns=["customer_id", "item_id", "rating"])
    assert model(similarity="pearson").fit(table).recommend(["stranger", 8])["item_id"].tolist() == [
        11,
        4,
        7,
        0,
        4,
        7,
        0,
    ]


@pytest.mark.parametrize("pairs", [None, [("1", "x")], np.array([["1", "x"]]), "1"])
def test_pairs_that_are_no_table_are_refused(pairs):
    with pytest.raises(ValueError, match="must be a table"):
        UserKNN().fit(_good_odd_and_middling()).predict(pairs)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"n_neighbors": 1.5}, "n_neighbors must be a whole number from 1 on, or None for all, not 1.5"),
        ({"n_neighbors": "a"}, "n_neighbors must be a whole number"),
        ({"shrinkage": None}, "shrinkage must be 0"),
        ({"shrinkage": "a"}, "shrinkage must be 0"),
        ({"half_life_days": "a"}, "half_life_days must be above 0"),
    ],
)
@pytest.mark.parametrize("model", [UserKNN, ItemKNN])
def test_options_of_another_kind_are_refused_by_name(model, option, message):
    with pytest.raises(ValueError, match=message):
        model(**option).fit(_good_odd_and_middling())
