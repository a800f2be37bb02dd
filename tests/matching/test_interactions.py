"""From lines to pairs, and what is refused on the way."""

import numpy as np
import pandas as pd
import pytest

from clvlib.matching import interactions_table
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
