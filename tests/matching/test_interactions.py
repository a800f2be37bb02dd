"""From lines to pairs, and what is refused on the way."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import sparse

from clvlib.matching import EASE, BuyAgain, CoPurchase, ItemKNN, MatrixFactorization, Popularity, interactions_table
from clvlib.matching.interactions import encode


@pytest.fixture
def lines():
    return pd.DataFrame(
        {
            "customer_id": ["a", "a", "a", "b", "b", "b"],
            "item_id": ["x", "x", "x", "x", "y", None],
            "timestamp": pd.to_datetime(
                ["2024-01-01 09:00", "2024-01-01 18:00", "2024-01-03 09:00"] + ["2024-01-02 10:00"] * 3
            ),
            "amount": [2.0, 3.0, 4.0, 1.0, -1.0, 5.0],
        }
    )


def test_quantity_counts_days_and_amount_adds_up(lines):
    table = interactions_table(lines).set_index(["customer_id", "item_id"])
    assert table["quantity"].to_dict() == {("a", "x"): 2.0, ("b", "x"): 1.0}
    assert table.loc[("a", "x"), "amount"] == 9.0
    assert table.loc[("a", "x"), "timestamp"] == pd.Timestamp("2024-01-03 09:00")


def test_returns_and_lines_without_an_item_are_no_purchases(lines):
    table = interactions_table(lines)
    assert "y" not in set(table["item_id"])
    with pytest.raises(ValueError, match="None of the 1 lines"):
        interactions_table(lines[lines["amount"] < 0])


def test_a_log_without_items_is_refused(lines):
    with pytest.raises(ValueError, match="no column item_id"):
        interactions_table(lines.drop(columns="item_id"))


def test_a_rating_of_zero_is_stored_and_a_missing_pair_is_not():
    table = pd.DataFrame({"customer_id": ["a", "b"], "item_id": ["x", "y"], "rating": [0.0, 5.0]})
    data = encode(table)
    assert data.explicit
    assert data.values.nnz == 2
    assert data.known.toarray().tolist() == [[1, 0], [0, 1]]


def test_ids_may_hold_blanks_and_emoji_and_keep_their_order():
    table = pd.DataFrame({"customer_id": ["☕ b", " a", "☕ b"], "item_id": ["i 2", "i 1", "i 1"]})
    data = encode(table)
    assert data.customers.tolist() == [" a", "☕ b"]
    assert data.values.toarray().tolist() == [[1, 0], [1, 1]]
    assert data.buyers.tolist() == [2, 1]


def test_repeated_purchases_add_up_and_repeated_ratings_are_refused():
    twice = pd.DataFrame({"customer_id": ["a", "a"], "item_id": ["x", "x"]})
    assert encode(twice.assign(quantity=[2.0, 3.0])).values.toarray().tolist() == [[5]]
    with pytest.raises(ValueError, match="1 rows rate a pair"):
        encode(twice.assign(rating=[2.0, 3.0]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"quantity": [1.0, -1.0]}, "1 of 2 rows have a quantity of 0 or less"),
        ({"quantity": [1.0, np.nan]}, "1 of 2 rows have a quantity that is missing"),
        ({"rating": [np.inf, 1.0]}, "1 of 2 rows have a rating that is missing or infinite"),
        ({"customer_id": ["a", None]}, "1 of 2 interactions have no customer_id"),
    ],
)
def test_bad_values_are_refused_with_their_number(change, message):
    table = pd.DataFrame({"customer_id": ["a", "b"], "item_id": ["x", "y"]}).assign(**change)
    with pytest.raises(ValueError, match=message):
        encode(table)


def test_an_empty_table_and_a_missing_column_are_refused():
    with pytest.raises(ValueError, match="empty"):
        encode(pd.DataFrame({"customer_id": [], "item_id": []}))
    with pytest.raises(ValueError, match="need a column item_id; there are customer_id"):
        encode(pd.DataFrame({"customer_id": ["a"]}))


def test_negative_ratings_are_ratings():
    table = pd.DataFrame({"customer_id": ["a"], "item_id": ["x"], "rating": [-9.5]})
    assert encode(table).values.toarray().tolist() == [[-9.5]]


@pytest.mark.parametrize("column", ["customer_id", "timestamp", "amount"])
def test_a_log_without_a_needed_column_is_refused_by_name(lines, column):
    with pytest.raises(ValueError, match=f"log of 6 lines has no column {column}"):
        interactions_table(lines.drop(columns=column))


def test_a_log_whose_columns_are_of_another_kind_is_refused(lines):
    with pytest.raises(ValueError, match="timestamp of 6 rows must hold dates"):
        interactions_table(lines.assign(timestamp="yesterday"))
    with pytest.raises(ValueError, match="6 of 6 rows have a amount that is no number"):
        interactions_table(lines.assign(amount="much"))


def test_lines_of_nobody_are_left_out(lines):
    assert set(interactions_table(lines.assign(customer_id=["a", "a", "a", None, "b", "b"]))["customer_id"]) == {"a"}
    with pytest.raises(ValueError, match="None of the 6 lines has a customer_id"):
        interactions_table(lines.assign(customer_id=None))


@pytest.mark.parametrize("model", [BuyAgain, CoPurchase, EASE, ItemKNN, MatrixFactorization, Popularity])
def test_a_sparse_matrix_and_an_array_are_learnt_from_as_their_table(model):
    rng = np.random.default_rng(2)
    numbers = rng.integers(0, 4, size=(12, 7)).astype(np.uint8)
    numbers[3], numbers[:, 5] = 0, 0  # nobody's row and column
    customer, item = np.nonzero(numbers)
    pairs = pd.DataFrame({"customer_id": customer, "item_id": item})
    value = numbers[customer, item].astype(float)
    for given, table in (
        (sparse.csr_array(numbers), pairs.assign(quantity=value)),
        (numbers, pairs.assign(rating=value)),
    ):
        asked = {"customers": range(13), "n": 3, "exclude_seen": False}
        by_matrix, by_table = (model().fit(source).recommend(**asked) for source in (given, table))
        assert (by_matrix["item_id"] != 5).all()
        assert np.isfinite(by_matrix["score"]).all()
        if model is not MatrixFactorization:  # its first vectors are drawn for the empty column too
            pd.testing.assert_frame_equal(by_matrix.drop(columns="score"), by_table.drop(columns="score"))
            np.testing.assert_allclose(by_matrix["score"], by_table["score"], atol=1e-6)


def test_who_bought_nothing_gets_bestsellers_from_every_model():
    bought = sparse.csr_array(np.array([[0, 0, 1, 0], [0, 0, 0, 0], [1, 0, 1, 0], [1, 0, 1, 1]]))
    for model in (CoPurchase(), EASE(), ItemKNN(), MatrixFactorization(n_factors=2), Popularity()):
        assert model.fit(bought).recommend([1])["item_id"].tolist() == [2, 0, 3]


def test_categories_have_the_order_of_their_ids_and_not_of_appearance():
    ids = pd.Categorical(["10", "2", "x"], categories=["x", "2", "10"])
    table = pd.DataFrame({"customer_id": ids, "item_id": ids})
    data = encode(table)
    assert data.customers.tolist() == data.items.tolist() == ["10", "2", "x"]
    assert Popularity().fit(table).recommend(["new"])["item_id"].tolist() == ["10", "2", "x"]
    numbers = table.assign(item_id=pd.Categorical([3, 1, 2], categories=[3, 2, 1]))
    assert encode(numbers).items.tolist() == [1, 2, 3]


def test_ids_of_several_kinds_have_no_order():
    with pytest.raises(ValueError, match=r"2 values of item_id are of several kinds \(int, str\)"):
        encode(pd.DataFrame({"customer_id": ["a", "a"], "item_id": [1, "a"]}))
    tuples = pd.DataFrame({"customer_id": [("a", 2), ("a", 1)], "item_id": [2, 1.5]}, dtype=object)
    assert encode(tuples).customers.tolist() == [("a", 1), ("a", 2)]


def test_an_arrow_table_is_read_as_a_frame(lines):
    whole = lines.dropna().assign(item_id=lambda table: table["item_id"].astype(str))
    pd.testing.assert_frame_equal(interactions_table(pa.Table.from_pandas(whole)), interactions_table(whole))
    table = interactions_table(whole)
    lists = [Popularity(recent_days=30).fit(frame).recommend() for frame in (table, pa.Table.from_pandas(table))]
    pd.testing.assert_frame_equal(*lists)
